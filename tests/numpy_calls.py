"""A call of every overridable NumPy function, by its dotted name below numpy: what the coverage test goes through.

A value is (function of Tensors, arrays), or a list of such. Functions that work in place give what they changed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))
V, W = RNG.normal(size=5), RNG.normal(size=5)
V3, W3 = RNG.normal(size=3), RNG.normal(size=3)
X3 = RNG.normal(size=(2, 3, 4))
SQUARE = RNG.normal(size=(3, 3)) + 3 * np.eye(3)
BATCH = RNG.normal(size=(2, 3, 3)) + 3 * np.eye(3)
SYMMETRIC = SQUARE @ SQUARE.T
POSITIVE = abs(X) + 0.5
COMPLEX = X + 1j * Y
MASK = np.array([[True, False, True, True], [False, True, True, False], [True, True, False, True]])
INTS = np.arange(12).reshape(3, 4)
GAPS = np.where(MASK, X, np.nan)
CURVE = np.array([0.1, 0.9, 2.2, 2.9, 4.3])  # increasing
ONES = np.ones((3, 4))


PAD_MODES = (
    "constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect", "symmetric", "wrap",
)  # fmt: skip


def changed(f: Any) -> Any:
    """A call that works in place as a function that gives the result."""

    def on_a_copy(t: Any, *rest: Any) -> Any:
        t = t * 1.0
        assert f(t, *rest) is None
        return t

    return on_a_copy


def symmetric(f: Any) -> Any:
    """f of the Hermitian part: what functions of Hermitian matrices are differentiated along."""
    return lambda a: f((a + np.conjugate(np.swapaxes(a, -1, -2))) / 2)


CALLS: dict[str, Any] = {
    # -- questions, descriptions, indices
    "all": (lambda a: np.all(a > 0, axis=1), [X]),
    "allclose": (lambda a: np.allclose(a, a), [X]),
    "any": (lambda a: np.any(a > 0), [X]),
    "argmax": (lambda a: np.argmax(a, axis=1, keepdims=True), [X]),
    "argmin": (lambda a: np.argmin(a), [X]),
    "argpartition": (lambda a: np.argpartition(a, 2), [V]),
    "argsort": (lambda a: np.argsort(a, axis=0), [X]),
    "argwhere": (lambda a: np.argwhere(a > 0), [X]),
    "array2string": (lambda a: np.array2string(a), [X]),
    "array_equal": (lambda a: np.array_equal(a, a), [X]),
    "array_equiv": (lambda a: np.array_equiv(a, a), [X]),
    "array_repr": (lambda a: np.array_repr(a), [X]),
    "array_str": (lambda a: np.array_str(a), [X]),
    "can_cast": (lambda a: np.can_cast(a.dtype, np.float32), [X]),
    "common_type": (lambda a: np.common_type(a), [X]),
    "count_nonzero": (lambda a: np.count_nonzero(a), [X]),
    "diag_indices_from": (lambda a: np.diag_indices_from(a), [SQUARE]),
    "digitize": (lambda a: np.digitize(a, np.array([-1.0, 0.0, 1.0])), [X]),
    "einsum_path": (lambda a, b: np.einsum_path("ij,jk->ik", a, b), [X, X.T]),
    "flatnonzero": (lambda a: np.flatnonzero(a > 0), [X]),
    "histogram_bin_edges": (lambda a: np.histogram_bin_edges(a, bins=4), [X]),
    "isclose": (lambda a, b: np.isclose(a, b), [X, Y]),
    "iscomplex": (lambda a: np.iscomplex(a), [COMPLEX]),
    "iscomplexobj": (lambda a: np.iscomplexobj(a), [X]),
    "isin": (lambda a: np.isin(a, [1.0]), [X]),
    "isneginf": (lambda a: np.isneginf(a), [X]),
    "isposinf": (lambda a: np.isposinf(a), [X]),
    "isreal": (lambda a: np.isreal(a), [COMPLEX]),
    "isrealobj": (lambda a: np.isrealobj(a), [X]),
    "ix_": (lambda a: np.ix_(a > 0, [0, 2]), [V]),
    "lexsort": (lambda a, b: np.lexsort((a, b)), [V, W]),
    "may_share_memory": (lambda a: np.may_share_memory(a, X), [X]),
    "min_scalar_type": (lambda a: np.min_scalar_type(a), [V]),
    "nanargmax": (lambda a: np.nanargmax(a, axis=1), [GAPS]),
    "nanargmin": (lambda a: np.nanargmin(a), [GAPS]),
    "ndim": (lambda a: np.ndim(a), [X]),
    "nonzero": (lambda a: np.nonzero(a > 0), [X]),
    "packbits": (lambda a: np.packbits(a > 0), [X]),
    "ravel_multi_index": (lambda a: np.ravel_multi_index((np.argsort(a), np.argsort(a)), (5, 5)), [V]),
    "result_type": (lambda a: np.result_type(a, np.int8), [X]),
    "searchsorted": (lambda a, b: np.searchsorted(a, b), [CURVE, V]),
    "shape": (lambda a: np.shape(a), [X]),
    "shares_memory": (lambda a: np.shares_memory(a, X), [X]),
    "size": (lambda a: np.size(a), [X]),
    "tril_indices_from": (lambda a: np.tril_indices_from(a), [SQUARE]),
    "triu_indices_from": (lambda a: np.triu_indices_from(a, 1), [SQUARE]),
    "unpackbits": (lambda a: np.unpackbits(np.packbits(a > 0)), [X]),
    "unravel_index": (lambda a: np.unravel_index(np.argmax(a), (3, 4)), [X]),
    # -- creation
    "arange": (lambda a: np.arange(3.0, like=a), [X]),
    "array": (lambda a: np.array([a, a], like=a), [X]),
    "asanyarray": (lambda a: np.asanyarray([a[0], a[1]], like=a), [X]),
    "asarray": (lambda a: np.asarray([[a[0, 0], a[1, 1]]], like=a), [X]),
    "ascontiguousarray": (lambda a: np.ascontiguousarray(a, like=a), [X]),
    "asfortranarray": (lambda a: np.asfortranarray(a, like=a), [X]),
    "copy": (lambda a: np.copy(a), [X]),
    "empty": (lambda a: np.empty((0, 2), like=a), [X]),
    "empty_like": (lambda a: np.empty_like(a, shape=(0, 2)), [X]),
    "eye": (lambda a: np.eye(3, like=a), [X]),
    "frombuffer": (lambda a: np.frombuffer(b"12345678", np.uint8, like=a), [X]),
    "fromfunction": (lambda a: np.fromfunction(lambda i, j: i + j, (2, 3), like=a), [X]),
    "fromiter": (lambda a: np.fromiter([1.0, 2.0], float, like=a), [X]),
    "full": (lambda a: np.full((2, 3), a[0, 0], like=a), [X]),
    "full_like": (lambda a: np.full_like(a, a[0]), [X]),
    "geomspace": (lambda a, b: np.geomspace(a, b, 5, axis=-1), [POSITIVE[0], POSITIVE[1]]),
    "identity": (lambda a: np.identity(3, like=a), [X]),
    "linspace": [
        (lambda a, b: np.linspace(a, b, 5, axis=1), [V3, W3]),
        (lambda a, b: np.linspace(a, b, 4, endpoint=False, retstep=True), [V3, W3]),
    ],
    "logspace": (lambda a, b: np.logspace(a, b, 4, base=2.5), [V3, W3]),
    "ones": (lambda a: np.ones(3, like=a), [X]),
    "ones_like": (lambda a: np.ones_like(a), [X]),
    "require": (lambda a: np.require(a, requirements="F", like=a), [X]),
    "tri": (lambda a: np.tri(3, like=a), [X]),
    "zeros": (lambda a: np.zeros(3, like=a), [X]),
    "zeros_like": (lambda a: np.zeros_like(a), [X]),
    "meshgrid": (lambda a, b: np.meshgrid(a, b, indexing="ij"), [V3, V]),
    "vander": (lambda a: np.vander(a, 4, increasing=True), [V3]),
    # -- shapes
    "append": (lambda a, b: np.append(a, b, axis=1), [X, Y]),
    "array_split": (lambda a: np.array_split(a, 3), [V]),
    "astype": (lambda a: np.astype(a, np.complex128), [X]),
    "atleast_1d": (lambda a: np.atleast_1d(a), [np.array(0.5)]),
    "atleast_2d": (lambda a: np.atleast_2d(a), [V]),
    "atleast_3d": (lambda a: np.atleast_3d(a), [X]),
    "block": (lambda a, b: np.block([[a, b], [b, a]]), [X, Y]),
    "broadcast_arrays": (lambda a, b: np.broadcast_arrays(a, b), [X, Y[:1]]),
    "broadcast_to": (lambda a: np.broadcast_to(a, (2, 3, 4)), [X]),
    "column_stack": (lambda a, b: np.column_stack([a, b]), [V, W]),
    "concatenate": (lambda a, b: np.concatenate([a, b], axis=-1), [X, Y]),
    "dsplit": (lambda a: np.dsplit(a, 2), [X3]),
    "dstack": (lambda a, b: np.dstack([a, b]), [X, Y]),
    "expand_dims": (lambda a: np.expand_dims(a, (0, 2)), [X]),
    "flip": (lambda a: np.flip(a, 1), [X]),
    "fliplr": (lambda a: np.fliplr(a), [X]),
    "flipud": (lambda a: np.flipud(a), [X]),
    "hsplit": (lambda a: np.hsplit(a, 2), [X]),
    "hstack": (lambda a, b: np.hstack([a, b]), [X, Y]),
    "matrix_transpose": (lambda a: np.matrix_transpose(a), [X]),
    "moveaxis": (lambda a: np.moveaxis(a, 0, -1), [X3]),
    "pad": [
        (lambda a, m=m: np.pad(a, ((1, 2), (0, 3)), mode=m), [X])
        for m in PAD_MODES
    ],
    "ravel": (lambda a: np.ravel(a, order="F"), [X]),
    "repeat": (lambda a: np.repeat(a, [1, 0, 2], axis=0), [X]),
    "reshape": (lambda a: np.reshape(a, (4, -1), order="F"), [X]),
    "resize": (lambda a: np.resize(a, (4, 5)), [X]),
    "roll": (lambda a: np.roll(a, (1, -2), (0, 1)), [X]),
    "rollaxis": (lambda a: np.rollaxis(a, 2), [X3]),
    "rot90": (lambda a: np.rot90(a), [X]),
    "split": (lambda a: np.split(a, [1, 2]), [X]),
    "squeeze": (lambda a: np.squeeze(a, 0), [X[:1]]),
    "stack": (lambda a, b: np.stack([a, b], axis=1), [X, Y]),
    "swapaxes": (lambda a: np.swapaxes(a, 0, 2), [X3]),
    "tile": (lambda a: np.tile(a, (2, 1, 3)), [X]),
    "transpose": (lambda a: np.transpose(a, (2, 0, 1)), [X3]),
    "unstack": (lambda a: np.unstack(a, axis=1), [X]),
    "vsplit": (lambda a: np.vsplit(a, 3), [X]),
    "vstack": (lambda a, b: np.vstack([a, b]), [X, Y]),
    "lib.stride_tricks.sliding_window_view": (
        lambda a: np.lib.stride_tricks.sliding_window_view(a, (2, 3)), [X],
    ),
    # -- elements
    "choose": (lambda a, b: np.choose(np.array([0, 1, 1, 0]), [a, b]), [X, Y]),
    "clip": (lambda a, b: np.clip(a, b, b + 1), [X, Y[0]]),
    "compress": (lambda a: np.compress([True, False, True], a, axis=0), [X]),
    "copyto": (changed(lambda t, v: np.copyto(t, v, where=MASK)), [X, Y]),
    "delete": (lambda a: np.delete(a, [0, 2], axis=1), [X]),
    "diag": (lambda a: np.diag(a, 1), [V]),
    "diagflat": (lambda a: np.diagflat(a), [X]),
    "diagonal": (lambda a: np.diagonal(a, 1, 1, 2), [X3]),
    "extract": (lambda a: np.extract(MASK, a), [X]),
    "fill_diagonal": (changed(lambda t, v: np.fill_diagonal(t, v)), [SQUARE, V3]),
    "insert": (lambda a, b: np.insert(a, 1, b, axis=1), [X, V3]),
    "piecewise": (lambda a: np.piecewise(a, [a < 0, a >= 0], [np.sin, lambda v: v**3]), [X]),
    "place": (changed(lambda t, v: np.place(t, MASK, v)), [X, V]),
    "put": (changed(lambda t, v: np.put(t, [0, 5, 7], v)), [X, V3]),
    "put_along_axis": (changed(lambda t, v: np.put_along_axis(t, np.array([[1], [0], [3]]), v, 1)), [X, V3[:, None]]),
    "putmask": (changed(lambda t, v: np.putmask(t, MASK, v)), [X, Y]),
    "select": (lambda a, b: np.select([a < -0.5, a < 0.5], [a, b * a], 2.0), [X, Y]),
    "take": (lambda a: np.take(a, [[0, 2], [1, 1]], axis=1), [X]),
    "take_along_axis": (lambda a: np.take_along_axis(a, np.array([[0, 0], [1, 3], [2, -1]]), 1), [X]),
    "tril": (lambda a: np.tril(a, -1), [X]),
    "triu": (lambda a: np.triu(a), [X3]),
    "trim_zeros": (lambda a: np.trim_zeros(np.concatenate([np.zeros(2), a, np.zeros(1)])), [V]),
    "where": (lambda a, b: np.where(MASK, a, b), [X, Y]),
    # -- elementwise functions that are no ufuncs
    "angle": (lambda a: np.angle(a), [COMPLEX]),
    "around": (lambda a: np.around(a, 1), [X]),
    "fix": (lambda a: np.fix(a), [X]),
    "i0": (lambda a: np.i0(a), [X]),
    "imag": (lambda a: np.imag(a), [COMPLEX]),
    "nan_to_num": (lambda a: np.nan_to_num(a, nan=1.0), [X]),
    "real": (lambda a: np.real(a), [COMPLEX]),
    "real_if_close": (lambda a: np.real_if_close(a), [COMPLEX]),
    "round": (lambda a: np.round(a, 1), [X]),
    "sinc": (lambda a: np.sinc(a), [X]),
    "unwrap": (lambda a: np.unwrap(a), [np.array([0.1, 3.0, 6.3, -1.0, 2.0])]),
    "lib.scimath.arccos": (lambda a: np.emath.arccos(a), [2.0 + POSITIVE]),
    "lib.scimath.arcsin": (lambda a: np.emath.arcsin(a), [2.0 + POSITIVE]),
    "lib.scimath.arctanh": (lambda a: np.emath.arctanh(a), [2.0 + POSITIVE]),
    "lib.scimath.log": (lambda a: np.emath.log(a), [X]),
    "lib.scimath.log10": (lambda a: np.emath.log10(a), [X]),
    "lib.scimath.log2": (lambda a: np.emath.log2(a), [X]),
    "lib.scimath.logn": (lambda a, b: np.emath.logn(a, b), [POSITIVE + 1, X]),
    "lib.scimath.power": (lambda a: np.emath.power(a, 2.5), [X]),
    "lib.scimath.sqrt": (lambda a: np.emath.sqrt(a), [X]),
    # -- reductions and statistics
    "amax": (lambda a: np.amax(a, axis=0), [X]),
    "amin": (lambda a: np.amin(a, axis=0), [X]),
    "apply_along_axis": (lambda a: np.apply_along_axis(lambda v: v * v.sum(), 1, a), [X]),
    "apply_over_axes": (lambda a: np.apply_over_axes(np.sum, a, [0, 2]), [X3]),
    "average": (lambda a, b: np.average(a, axis=1, weights=b), [X, POSITIVE]),
    "bincount": (lambda w: np.bincount(np.array([0, 2, 1, 2, 0]), weights=w), [V]),
    "corrcoef": (lambda a: np.corrcoef(a), [X]),
    "cov": (lambda a: np.cov(a), [X]),
    "cumprod": (lambda a: np.cumprod(a, axis=1), [X]),
    "cumsum": (lambda a: np.cumsum(a, axis=0), [X]),
    "cumulative_prod": (lambda a: np.cumulative_prod(a, axis=1, include_initial=True), [X]),
    "cumulative_sum": (lambda a: np.cumulative_sum(a, axis=1, include_initial=True), [X]),
    "histogram": (lambda w: np.histogram(CURVE, bins=3, weights=w)[0], [V]),
    "histogram2d": (lambda w: np.histogram2d(CURVE, CURVE, bins=3, weights=w)[0], [V]),
    "histogramdd": (lambda w: np.histogramdd((CURVE, CURVE), bins=3, weights=w)[0], [V]),
    "max": (lambda a: np.max(a, axis=(0, 1)), [X]),
    "mean": (lambda a: np.mean(a, axis=1, where=MASK), [X]),
    "median": (lambda a: np.median(a, axis=1), [X]),
    "min": (lambda a: np.min(a, axis=1, keepdims=True), [X]),
    "nancumprod": (lambda a: np.nancumprod(a, axis=1), [X]),
    "nancumsum": (lambda a: np.nancumsum(a, axis=1), [X]),
    "nanmax": (lambda a: np.nanmax(a, axis=1), [X]),
    "nanmean": (lambda a: np.nanmean(a, axis=1), [X]),
    "nanmedian": (lambda a: np.nanmedian(a, axis=1), [X]),
    "nanmin": (lambda a: np.nanmin(a, axis=1), [X]),
    "nanpercentile": (lambda a: np.nanpercentile(a, [10, 60], axis=1), [X]),
    "nanprod": (lambda a: np.nanprod(a, axis=1), [X]),
    "nanquantile": (lambda a: np.nanquantile(a, 0.3), [X]),
    "nanstd": (lambda a: np.nanstd(a, axis=1), [X]),
    "nansum": (lambda a: np.nansum(a, axis=1), [X]),
    "nanvar": (lambda a: np.nanvar(a, axis=1), [X]),
    "partition": (lambda a: np.partition(a, 2, axis=1), [X]),
    "percentile": (lambda a: np.percentile(a, 30, axis=0), [X]),
    "prod": (lambda a: np.prod(a, axis=1), [X]),
    "ptp": (lambda a: np.ptp(a, axis=1), [X]),
    "quantile": [
        (lambda a, m=m: np.quantile(a, [0.2, 0.71], axis=1, method=m), [X])
        for m in ("linear", "hazen", "weibull", "median_unbiased", "normal_unbiased", "lower", "nearest", "midpoint")
    ],
    "sort": (lambda a: np.sort(a, axis=0), [X]),
    "sort_complex": (lambda a: np.sort_complex(a), [COMPLEX[0]]),
    "std": (lambda a: np.std(a, axis=1, ddof=1), [X]),
    "sum": (lambda a: np.sum(a, axis=1, where=MASK, initial=2.0), [X]),
    "trapezoid": (lambda a, x: np.trapezoid(a, x), [V, CURVE]),
    "var": (lambda a: np.var(a, axis=1), [X]),
    # -- sets
    "intersect1d": (lambda a, b: np.intersect1d(a, np.concatenate([a[:2], b])), [V, W]),
    "setdiff1d": (lambda a, b: np.setdiff1d(a, b), [V, W]),
    "setxor1d": (lambda a, b: np.setxor1d(a, b), [V, W]),
    "union1d": (lambda a, b: np.union1d(a, b), [V, W]),
    "unique": (lambda a: np.unique(a), [X]),
    "unique_all": (lambda a: np.unique_all(a).values, [X]),
    "unique_counts": (lambda a: np.unique_counts(a).values, [X]),
    "unique_inverse": (lambda a: np.unique_inverse(a).values, [X]),
    "unique_values": (lambda a: np.unique_values(np.sort(a)), [V]),
    # -- signals and polynomials
    "convolve": [(lambda a, b, m=m: np.convolve(a, b, m), [V, V3]) for m in ("full", "same", "valid")],
    "correlate": [(lambda a, b, m=m: np.correlate(a, b, m), [V, V3]) for m in ("full", "same", "valid")],
    "diff": (lambda a: np.diff(a, 2, axis=0, prepend=0.0), [X]),
    "ediff1d": (lambda a, b: np.ediff1d(a, to_end=b), [X, V3]),
    "gradient": (lambda a, x: np.gradient(a, x, edge_order=2), [V, CURVE]),
    "interp": (lambda x, xp, fp: np.interp(x, xp, fp), [np.array([0.5, 1.7, 3.3]), CURVE, V]),
    "poly": (lambda a: np.poly(a), [V3]),
    "polyadd": (lambda a, b: np.polyadd(a, b), [V3, V]),
    "polyder": (lambda a: np.polyder(a), [V]),
    "polydiv": (lambda a, b: np.polydiv(a, b), [V, V3]),
    "polyfit": (lambda x, y: np.polyfit(x, y, 2), [CURVE, V]),
    "polyint": (lambda a: np.polyint(a), [V]),
    "polymul": (lambda a, b: np.polymul(a, b), [V3, V]),
    "polysub": (lambda a, b: np.polysub(a, b), [V3, V]),
    "polyval": (lambda a, x: np.polyval(a, x), [V, V3]),
    "roots": (lambda a: np.sort_complex(np.roots(a)), [np.array([1.0, -6.2, 11.3, -6.4])]),
    "polynomial.polynomial.polyval2d": (np.polynomial.polynomial.polyval2d, [V, W, SQUARE]),
    "polynomial.polynomial.polygrid2d": (np.polynomial.polynomial.polygrid2d, [V3, W3, SQUARE]),
    # -- products and linear algebra
    "cross": (lambda a, b: np.cross(a, b), [V3, W3]),
    "dot": (lambda a, b: np.dot(a, b), [X, X.T]),
    "einsum": (lambda a, b: np.einsum("ij,kj->ik", a, b), [X, Y]),
    "inner": (lambda a, b: np.inner(a, b), [X, Y]),
    "kron": (lambda a, b: np.kron(a, b), [X, V3]),
    "outer": (lambda a, b: np.outer(a, b), [V, W]),
    "tensordot": (lambda a, b: np.tensordot(a, b, ((0,), (0,))), [X, Y]),
    "trace": (lambda a: np.trace(a, 1), [SQUARE]),
    "vdot": (lambda a, b: np.vdot(a, b), [V, W]),
    "linalg.cholesky": (symmetric(np.linalg.cholesky), [SYMMETRIC]),
    "linalg.cond": [(lambda a, p=p: np.linalg.cond(a, p), [SQUARE]) for p in (None, 1, "fro", np.inf, 2, -2)],
    "linalg.cross": (lambda a, b: np.linalg.cross(a, b), [V3, W3]),
    "linalg.det": (lambda a: np.linalg.det(a), [BATCH]),
    "linalg.diagonal": (lambda a: np.linalg.diagonal(a), [BATCH]),
    "linalg.eig": (lambda a: np.linalg.eig(a).eigenvalues, [np.diag([1.0, 2.0, 4.0]) + 0.1 * SQUARE]),
    "linalg.eigh": (symmetric(lambda a: abs(np.linalg.eigh(a).eigenvectors) ** 2), [SYMMETRIC]),
    "linalg.eigvals": (lambda a: np.linalg.eigvals(a), [np.diag([1.0, 2.0, 4.0]) + 0.1 * SQUARE]),
    "linalg.eigvalsh": (symmetric(np.linalg.eigvalsh), [SYMMETRIC]),
    "linalg.inv": (lambda a: np.linalg.inv(a), [BATCH]),
    "linalg.lstsq": (lambda a, b: np.linalg.lstsq(a, b)[0], [X.T, W[:4]]),
    "linalg.matmul": (lambda a, b: np.linalg.matmul(a, b), [X, X.T]),
    "linalg.matrix_norm": [(lambda a, p=p: np.linalg.matrix_norm(a, ord=p), [BATCH]) for p in ("fro", "nuc", 2, 1)],
    "linalg.matrix_power": [(lambda a, n=n: np.linalg.matrix_power(a, n), [SQUARE]) for n in (3, -2, 0)],
    "linalg.matrix_rank": (lambda a: np.linalg.matrix_rank(a), [BATCH]),
    "linalg.matrix_transpose": (lambda a: np.linalg.matrix_transpose(a), [X3]),
    "linalg.multi_dot": (lambda a, b, c: np.linalg.multi_dot([a, b, c]), [X, Y.T, SQUARE]),
    "linalg.norm": [
        (lambda a, p=p: np.linalg.norm(a, p), [SQUARE]) for p in (None, "fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf)
    ] + [(lambda a, p=p: np.linalg.norm(a, p), [V]) for p in (None, 1, 2, 3, 0.5, -1, np.inf, -np.inf)],
    "linalg.outer": (lambda a, b: np.linalg.outer(a, b), [V, W]),
    "linalg.pinv": (lambda a: np.linalg.pinv(a), [X]),
    "linalg.qr": [(lambda a, m=m: np.linalg.qr(a, m), [X.T]) for m in ("reduced", "r")],
    "linalg.slogdet": (lambda a: np.linalg.slogdet(a), [BATCH]),
    "linalg.solve": (lambda a, b: np.linalg.solve(a, b), [BATCH, X3]),
    "linalg.svd": (lambda a: abs(np.linalg.svd(a, full_matrices=False).U) ** 2, [X]),
    "linalg.svdvals": (lambda a: np.linalg.svdvals(a), [X3]),
    "linalg.tensordot": (lambda a, b: np.linalg.tensordot(a, b, axes=((1,), (1,))), [X, Y]),
    "linalg.tensorinv": (lambda a: np.linalg.tensorinv(a, ind=1), [RNG.normal(size=(4, 2, 2))]),
    "linalg.tensorsolve": (lambda a, b: np.linalg.tensorsolve(a, b), [RNG.normal(size=(2, 2, 4)), SQUARE[:2, :2]]),
    "linalg.trace": (lambda a: np.linalg.trace(a), [BATCH]),
    "linalg.vecdot": (lambda a, b: np.linalg.vecdot(a, b), [X, Y]),
    "linalg.vector_norm": [
        (lambda a, p=p: np.linalg.vector_norm(a, axis=1, ord=p), [X]) for p in (2, 1, 3.5, np.inf, -np.inf)
    ],
    # -- refused
    "busday_count": (lambda a: np.busday_count(a, a), [X]),
    "busday_offset": (lambda a: np.busday_offset(a, a), [X]),
    "is_busday": (lambda a: np.is_busday(a), [X]),
    "datetime_as_string": (lambda a: np.datetime_as_string(a), [X]),
    "save": (lambda a: np.save("nowhere", a), [X]),
    "savez": (lambda a: np.savez("nowhere", a), [X]),
    "savez_compressed": (lambda a: np.savez_compressed("nowhere", a), [X]),
    "savetxt": (lambda a: np.savetxt("nowhere", a), [X]),
    "fromstring": (lambda a: np.fromstring("1 2", sep=" ", like=a), [X]),
    "genfromtxt": (lambda a: np.genfromtxt(["1 2"], like=a), [X]),
    "loadtxt": (lambda a: np.loadtxt(["1 2"], like=a), [X]),
}  # fmt: skip


def _fft(name: str, array: Any, **options: Any) -> Any:
    return lambda a: getattr(np.fft, name)(a, **options), [array]


for _name in ("fft", "ifft", "rfft", "ihfft"):
    CALLS[f"fft.{_name}"] = _fft(_name, X, n=5, axis=0, norm="ortho")
for _name in ("irfft", "hfft"):
    CALLS[f"fft.{_name}"] = _fft(_name, COMPLEX, n=5)
for _name in ("fft2", "ifft2", "fftn", "ifftn", "rfft2", "rfftn"):
    CALLS[f"fft.{_name}"] = _fft(_name, X, axes=(0, 1))
for _name in ("irfft2", "irfftn"):
    CALLS[f"fft.{_name}"] = _fft(_name, COMPLEX, axes=(0, 1))
for _name in ("fftshift", "ifftshift"):
    CALLS[f"fft.{_name}"] = _fft(_name, X, axes=1)
CALLS["fft.fftfreq"] = (lambda d: np.fft.fftfreq(5, d), [np.array(0.5)])
CALLS["fft.rfftfreq"] = (lambda d: np.fft.rfftfreq(6, d), [np.array(0.5)])
