"""JAX as an independent oracle: the same expression on Tensors through NumPy's names and through jax.numpy.

Values, gradients, forward mode and gradients of gradients. Points where conventions differ are left out:
they have tests of their own. JAX's gradient of a complex argument is the conjugate of ours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapegrad as tg

jax = pytest.importorskip("jax", reason="JAX, a development extra, is what this compares with")
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp  # noqa: E402

pytestmark = pytest.mark.thorough  # JAX compiles each of them
RNG = np.random.default_rng(17)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape)


def cplx(*shape: int) -> Any:
    return normal(*shape) + 1j * normal(*shape)


X, Y, V, W, S3 = normal(3, 4), normal(3, 4), normal(5), normal(5), normal(2, 3, 4)
POS, UNIT = abs(X) + 0.3, np.tanh(X) * 0.9
Z, Q = cplx(3, 4), cplx(3, 4)
A = normal(3, 3) + 3 * np.eye(3)
B = normal(2, 3, 3) + 3 * np.eye(3)
C = cplx(3, 3) + 3 * np.eye(3)
SYM = A @ A.T + np.diag([1.0, 4.0, 9.0])
HER = C @ C.conj().T + np.diag([1.0, 4.0, 9.0])
GAPS = np.where(RNG.random((3, 4)) < 0.3, np.nan, X)
MASK = RNG.random((3, 4)) < 0.6
MASK[:, :2] = True  # a deviation needs two: that of one is 0 here and nan in JAX
GRID = np.array([0.1, 0.9, 2.2, 2.9, 4.3])
WIDE, TALL = normal(3, 5), normal(5, 3)
CASES: list[tuple[str, Any, tuple[Any, ...]]] = []


def case(name: str, f: Any, *arrays: Any) -> None:
    CASES.append((name, f, arrays))


for _name in (
    "sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "exp2", "expm1", "arctan", "arcsinh", "square", "negative",
    "positive", "sinc", "reciprocal", "conjugate", "deg2rad", "rad2deg", "i0", "absolute", "sign", "real",
):  # fmt: skip
    case(_name, lambda np, x, n=_name: getattr(np, n)(x), X)
for _name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "exp2", "square", "reciprocal", "conjugate",
              "absolute",
              "real", "imag", "angle", "log", "sqrt", "log10", "log2", "log1p", "expm1", "arctan", "sinc",
              "arcsin", "arccos", "arcsinh", "arctanh"):  # fmt: skip
    case(f"{_name} complex", lambda np, x, n=_name: getattr(np, n)(x), Z)
for _name in ("log", "log2", "log10", "log1p", "sqrt", "cbrt", "nan_to_num"):
    case(_name, lambda np, x, n=_name: getattr(np, n)(x), POS)
case("arccosh", lambda np, x: np.arccosh(x), POS + 1)
for _name in ("arcsin", "arccos", "arctanh"):
    case(_name, lambda np, x, n=_name: getattr(np, n)(x), UNIT)
for _name in ("add", "subtract", "multiply", "divide", "arctan2", "hypot", "logaddexp", "logaddexp2", "maximum",
              "minimum", "fmax", "fmin", "copysign", "fmod", "remainder"):  # fmt: skip
    case(_name, lambda np, x, y, n=_name: getattr(np, n)(x, y), X, Y[1])
for _name in ("add", "subtract", "multiply", "divide"):
    case(f"{_name} complex", lambda np, x, y, n=_name: getattr(np, n)(x, y), Z, Q)
    case(f"{_name} mixed", lambda np, x, y, n=_name: getattr(np, n)(x, y), X, Q)
case("power", lambda np, x, y: np.power(x, y), POS, Y)
case("power complex", lambda np, x, y: np.power(x, y), Z, Q)
case("float_power", lambda np, x: np.float_power(x, 2.5), POS)
case("ldexp", lambda np, x: np.ldexp(x, np.array([1, 2, 3, 4])), X)
case("modf", lambda np, x: np.modf(x)[0], X)
case("clip", lambda np, x: np.clip(x, -0.5, 0.5), X)
case("where", lambda np, x, y: np.where(MASK, x * y, x - y), X, Y)
case("heaviside y", lambda np, y: np.heaviside(np.array([0.0, 1.0, -1.0, 0.0, 2.0]), y), V)

for _options in ({}, {"axis": 1}, {"axis": (0, 1)}, {"axis": -1, "keepdims": True}):
    for _name in ("sum", "prod", "mean", "var", "std", "max", "min", "ptp", "median", "nansum", "nanprod", "nanmean",
                  "nanvar", "nanstd", "nanmax", "nanmin", "nanmedian"):  # fmt: skip
        case(f"{_name} {_options}", lambda np, x, n=_name, o=_options: getattr(np, n)(x, **o), X)
for _name in ("sum", "prod", "mean", "var", "std"):
    case(f"{_name} where", lambda np, x, n=_name: getattr(np, n)(x, axis=1, where=MASK), X)
    case(f"{_name} complex", lambda np, x, n=_name: getattr(np, n)(x, axis=1), Z)
for _name in ("sum", "prod", "max", "min"):
    case(f"{_name} initial", lambda np, x, n=_name: getattr(np, n)(x, axis=1, initial=0.25, where=MASK), X)
for _name in ("nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin", "nancumsum", "nancumprod"):
    case(f"{_name} gaps", lambda np, x, n=_name: getattr(np, n)(np.where(MASK, x, np.nan), axis=1), X)
for _name in ("cumsum", "cumprod"):
    case(f"{_name} flat", lambda np, x, n=_name: getattr(np, n)(x), X)
    case(f"{_name} axis", lambda np, x, n=_name: getattr(np, n)(x, axis=0), X)
    case(f"{_name} complex", lambda np, x, n=_name: getattr(np, n)(x, axis=1), Z)
case("average", lambda np, x, w: np.average(x, axis=1, weights=w), X, POS)
case("cov", lambda np, x, y: np.cov(x, y), X, Y)
case("cov bias", lambda np, x: np.cov(x, rowvar=False, bias=True), X)
case("cov weights", lambda np, x: np.cov(x, fweights=np.array([1, 2, 1, 3])), X)
case("corrcoef", lambda np, x: np.corrcoef(x), X)
for _method in ("linear", "lower", "higher", "nearest", "midpoint"):
    case(
        f"quantile {_method}", lambda np, x, m=_method: np.quantile(x, np.array([0.1, 0.45, 0.8]), axis=1, method=m), X
    )
    case(f"percentile {_method}", lambda np, x, m=_method: np.percentile(x, 37.0, axis=0, method=m), X)
    case(f"nanquantile {_method}", lambda np, x, m=_method: np.nanquantile(x, 0.37, axis=1, method=m), X)
case("quantile in q", lambda np, x, q: np.quantile(x, q), X, np.array([0.13, 0.77]))
case("bincount", lambda np, w: np.bincount(np.array([0, 2, 1, 2, 0]), weights=w, length=4) if np is jnp
     else np.bincount(np.array([0, 2, 1, 2, 0]), weights=w, minlength=4), V)  # fmt: skip
case("histogram weights", lambda np, w: np.histogram(GRID, bins=4, weights=w)[0], V)

case("sort", lambda np, x: np.sort(x, axis=0), X)
case("partition", lambda np, x: np.sum(np.partition(x, 2)[..., :2], axis=-1), X)
case("take", lambda np, x: np.take(x, np.array([0, 2, 2]), axis=1), X)
case("take_along_axis", lambda np, x: np.take_along_axis(x, np.argsort(x, axis=1), 1), X)
case("getitem", lambda np, x: x[np.array([0, 2, 0]), 1:][:, ::-2], X)
case("choose", lambda np, x, y: np.choose(np.array([0, 1, 1, 0]), [x, y]), X, Y)
case("select", lambda np, x, y: np.select([x < 0, x < 0.5], [x * y, y], 1.0), X, Y)
case("piecewise", lambda np, x: np.piecewise(x, [x < 0, x >= 0], [np.sin, np.exp]), X)
case("compress", lambda np, x: np.compress(np.array([True, False, True]), x, axis=0), X)
case("delete", lambda np, x: np.delete(x, 1, axis=1), X)
case("insert", lambda np, x, y: np.insert(x, 1, y, axis=0), X, Y[0])
case("diag", lambda np, x: np.diag(x, 1), V)
case("diagonal", lambda np, x: np.diagonal(x, 1), X)
case("tril", lambda np, x: np.tril(x), X)
case("repeat", lambda np, x: np.repeat(x, 2, axis=1), X)
case("tile", lambda np, x: np.tile(x, (2, 1)), X)
case("roll", lambda np, x: np.roll(x, 2, axis=1), X)
case("resize", lambda np, x: np.resize(x, (5, 3)), X)
case("append", lambda np, x, y: np.append(x, y, axis=0), X, Y)
case("block", lambda np, x, y: np.block([[x, y], [y, x]]), X, Y)
case("rot90", lambda np, x: np.rot90(x), X)
case("apply_along_axis", lambda np, x: np.apply_along_axis(lambda v: v * np.sum(v), 0, x), X)
case("linspace", lambda np, x, y: np.linspace(x, y, 4, axis=1), V, W)
case("geomspace", lambda np, x, y: np.geomspace(x, y, 4), POS[0], POS[1])
case("logspace", lambda np, x, y: np.logspace(x, y, 4), V, W)
case("vander", lambda np, x: np.vander(x, 4), V)

for _mode in ("constant", "edge", "linear_ramp", "maximum", "mean", "minimum", "reflect", "symmetric", "wrap"):
    case(f"pad {_mode}", lambda np, x, m=_mode: np.pad(x, ((1, 2), (0, 3)), mode=m), X)
for _mode in ("reflect", "symmetric"):
    case(f"pad {_mode} odd", lambda np, x, m=_mode: np.pad(x, ((1, 2), (0, 3)), mode=m, reflect_type="odd"), X)
for _mode in ("full", "same", "valid"):
    case(f"convolve {_mode}", lambda np, x, y, m=_mode: np.convolve(x, y, mode=m), V, X[0, :3])
    case(f"correlate {_mode}", lambda np, x, y, m=_mode: np.correlate(x, y, mode=m), cplx(5), cplx(3))
case("interp", lambda np, x, xp, fp: np.interp(x, xp, fp), np.array([0.5, 1.7, 3.3, -1.0, 9.0]), GRID, V)
case("interp ends", lambda np, x, fp: np.interp(x, GRID, fp, left=-1.0, right=2.0), np.array([0.5, -1.0, 9.0]), V)
case("interp period", lambda np, x, fp: np.interp(x, GRID, fp, period=5.0), np.array([0.5, -1.0, 9.0]), V)
case("gradient", lambda np, x: np.gradient(x, 0.5, axis=1), X)
case("trapezoid", lambda np, y, x: np.trapezoid(y, x), V, GRID)
case("unwrap", lambda np, x: np.unwrap(x), np.array([0.1, 3.0, 6.3, -1.0, 2.0]))
case("diff", lambda np, x: np.diff(x, 2, axis=1), X)
case("ediff1d", lambda np, x: np.ediff1d(x), V)
for _name in ("polyadd", "polysub", "polymul"):
    case(_name, lambda np, x, y, n=_name: getattr(np, n)(x, y), V, X[0, :3])
case("polydiv", lambda np, x, y: np.polydiv(x, y)[0], V, X[0, :3])
case("polyval", lambda np, p, x: np.polyval(p, x), V, X)
case("polyder", lambda np, p: np.polyder(p, 2), V)
case("polyint", lambda np, p: np.polyint(p), V)
case("polyfit", lambda np, x, y: np.polyfit(x, y, 2), GRID, V)
case("poly", lambda np, x: np.poly(x), V)

for _a, _b in ((X, X.T), (S3, X.T), (X, V[:4]), (Z, Q.T)):
    case(f"matmul {_a.shape}", lambda np, a, b: np.matmul(a, b), _a, _b)
case("dot", lambda np, a, b: np.dot(a, b), S3, X.T)
case("inner", lambda np, a, b: np.inner(a, b), X, Y)
case("outer", lambda np, a, b: np.outer(a, b), V, W)
case("vdot", lambda np, a, b: np.vdot(a, b), Z, Q)
case("vecdot", lambda np, a, b: np.vecdot(a, b), Z, Q)
case("tensordot", lambda np, a, b: np.tensordot(a, b, axes=((1, 2), (0, 1))), S3, normal(3, 4, 2))
case("kron", lambda np, a, b: np.kron(a, b), X, A)
case("cross", lambda np, a, b: np.cross(a, b), A, B[0])
case("trace", lambda np, a: np.trace(a, 1), S3)
for _text, _arrays in (
    ("ij,jk->ik", (X, X.T)), ("ii->i", (A,)), ("ii", (A,)), ("...ij,...j->...i", (S3, V[:4])), ("ij,kj->", (X, Y)),
    ("ij,jk,kl->il", (X, X.T, X)), ("iij->j", (normal(2, 2, 3),)), ("ij,ij->ij", (Z, Q)),
):  # fmt: skip
    case(f"einsum {_text}", lambda np, *xs, t=_text: np.einsum(t, *xs), *_arrays)

for _x in (A, B, C):
    case(f"inv {_x.dtype}{_x.ndim}", lambda np, a: np.linalg.inv(a), _x)
    case(f"det {_x.dtype}{_x.ndim}", lambda np, a: np.linalg.det(a), _x)
    case(f"slogdet {_x.dtype}{_x.ndim}", lambda np, a: np.linalg.slogdet(a)[1], _x)
    case(f"matrix_power {_x.dtype}{_x.ndim}", lambda np, a: np.linalg.matrix_power(a, 3), _x)
    case(f"eigvals {_x.dtype}{_x.ndim}", lambda np, a: np.sum(np.linalg.eigvals(a) ** 3, axis=-1), _x)
    case(f"svdvals {_x.dtype}{_x.ndim}", lambda np, a: np.linalg.svdvals(a), _x)
case("slogdet sign", lambda np, a: np.linalg.slogdet(a)[0], C)
case("solve", lambda np, a, b: np.linalg.solve(a, b), B, S3)
case("solve complex", lambda np, a, b: np.linalg.solve(a, b), C, Z)
case("lstsq", lambda np, a, b: np.linalg.lstsq(a, b)[0], TALL, W)
case("pinv", lambda np, a: np.linalg.pinv(a), WIDE)
case("pinv complex", lambda np, a: np.linalg.pinv(a), cplx(4, 3))
for _m in (SYM, HER):
    half = lambda np, a: (a + np.conj(a.T)) / 2
    case(f"cholesky {_m.dtype}", lambda np, a: np.linalg.cholesky(half(np, a)), _m)
    case(f"eigvalsh {_m.dtype}", lambda np, a: np.linalg.eigvalsh(half(np, a)), _m)
    case(f"eigh {_m.dtype}", lambda np, a: np.abs(np.linalg.eigh(half(np, a))[1]) ** 2, _m)
for _m in (WIDE, TALL, cplx(4, 3)):
    case(f"svd {_m.dtype}{_m.shape}", lambda np, a: np.abs(np.linalg.svd(a, full_matrices=False)[0]) ** 2, _m)
    case(f"norm nuc {_m.dtype}{_m.shape}", lambda np, a: np.linalg.norm(a, "nuc"), _m)
    case(f"norm 2 {_m.dtype}{_m.shape}", lambda np, a: np.linalg.norm(a, 2), _m)
case("qr", lambda np, a: np.linalg.qr(a), TALL)
case("qr complex", lambda np, a: np.abs(np.linalg.qr(a)[0]), cplx(4, 3))
for _p in (None, 1, 2, 3.5, 0.5, -1, np.inf, -np.inf):
    case(f"norm vector {_p}", lambda np, a, p=_p: np.linalg.norm(a, p, axis=1), X)
for _p in ("fro", 1, -1, np.inf, -np.inf, 2, -2, "nuc"):
    case(f"norm matrix {_p}", lambda np, a, p=_p: np.linalg.norm(a, p), A)
case("cond", lambda np, a: np.linalg.cond(a), A)
case("multi_dot", lambda np, a, b, c: np.linalg.multi_dot([a, b, c]), X, X.T, X)
case("tensorsolve", lambda np, a, b: np.linalg.tensorsolve(a, b), normal(2, 2, 4), normal(2, 2))
case("tensorinv", lambda np, a: np.linalg.tensorinv(a, ind=1), normal(4, 2, 2))
case("matrix_norm", lambda np, a: np.linalg.matrix_norm(a), B)
case("vector_norm", lambda np, a: np.linalg.vector_norm(a, axis=0), X)

for _name in ("fft", "ifft", "rfft", "ihfft"):
    for _norm in ("backward", "ortho", "forward"):
        case(f"{_name} {_norm}", lambda np, x, n=_name, m=_norm: getattr(np.fft, n)(x, n=5, axis=0, norm=m), X)
for _name in ("fft", "ifft", "irfft", "hfft"):
    for _n in (None, 3, 7):
        case(f"{_name} n={_n} complex", lambda np, x, n=_name, k=_n: getattr(np.fft, n)(x, n=k), Z)
for _name in ("fft2", "ifft2", "fftn", "ifftn", "rfft2", "rfftn"):
    case(_name, lambda np, x, n=_name: getattr(np.fft, n)(x, s=(2, 5), axes=(1, 2)), S3)
for _name in ("irfft2", "irfftn"):
    case(_name, lambda np, x, n=_name: getattr(np.fft, n)(x, axes=(0, 1)), Z)
case("fftshift", lambda np, x: np.fft.fftshift(x), X)


def flat(result: Any) -> list[Any]:
    return [r for one in result for r in flat(one)] if isinstance(result, (tuple, list)) else [result]


def ours(f: Any, arrays: Any, seeds: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """Values, and gradients of Re <seeds, values>."""
    leaves = [tg.tensor(a, requires_grad=True) for a in arrays]
    outs = flat(f(np, *leaves))
    seeds = seeds or [draw(t) for t in outs]
    grads = tg.grad(outs, leaves, seeds, allow_unused=True)
    return outs, seeds, [np.zeros(x.shape) if g is None else g.data for g, x in zip(grads, leaves, strict=True)]


def draw(like: Any) -> Any:
    rng = np.random.default_rng(3)
    value = rng.normal(size=like.shape)
    if like.dtype.kind == "c":
        value = value + 1j * rng.normal(size=like.shape)
    return value.astype(like.dtype)


def loss(f: Any, seeds: Any) -> Any:
    return lambda *xs: sum(jnp.sum(jnp.real(jnp.conj(s) * y)) for s, y in zip(seeds, flat(f(jnp, *xs)), strict=True))


def close(a: Any, b: Any, dtype: Any = np.float64) -> None:
    tolerance = 2e-4 if np.finfo(dtype).bits == 32 else 1e-9
    b = np.asarray(b)
    assert a.shape == b.shape
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1.0, np.abs(b).max(initial=0.0)))


@pytest.mark.parametrize(("name", "f", "arrays"), CASES, ids=[c[0] for c in CASES])
def test_values_gradients_and_forward_mode(name, f, arrays):
    outs, seeds, grads = ours(f, arrays, None)
    inputs = tuple(jnp.asarray(a) for a in arrays)
    for t, theirs in zip(outs, flat(f(jnp, *inputs)), strict=True):
        close(t.data, theirs)
    numbers = tuple(range(len(arrays)))
    for mine, theirs in zip(grads, jax.grad(loss(f, seeds), numbers)(*inputs), strict=True):
        close(mine, jnp.conj(theirs))
    tangents = tuple(draw(a) for a in arrays)
    _, pushed = tg.func.jvp(lambda *xs: tuple(flat(f(np, *xs))), arrays, tangents)
    _, theirs = jax.jvp(lambda *xs: tuple(flat(f(jnp, *xs))), inputs, tuple(jnp.asarray(t) for t in tangents))
    for mine, other in zip(pushed, theirs, strict=True):
        close(np.asarray(mine), other)


SECOND = [c for c in CASES if not c[0].startswith("eigvals")]  # JAX has none: tests/test_linalg.py, by differences


@pytest.mark.parametrize(("name", "f", "arrays"), SECOND, ids=[c[0] for c in SECOND])
def test_gradients_of_gradients(name, f, arrays):
    leaves = [tg.tensor(a, requires_grad=True) for a in arrays]
    outs = flat(f(np, *leaves))
    seeds = [draw(t) for t in outs]
    first = tg.grad(outs, leaves, seeds, create_graph=True, allow_unused=True)
    weights = [draw(a) for a in arrays]
    some = [(g, w) for g, w in zip(first, weights, strict=True) if g is not None and g.requires_grad]
    second = (
        tg.grad([g for g, _ in some], leaves, [w for _, w in some], allow_unused=True) if some else [None] * len(leaves)
    )
    numbers = tuple(range(len(arrays)))
    inner = jax.grad(loss(f, seeds), numbers)

    def contracted(*xs: Any) -> Any:
        return sum(jnp.sum(jnp.real(w * g)) for w, g in zip(weights, inner(*xs), strict=True))

    # the gradient of Re <w, conj(inner)> is that of Re sum(w * inner)
    theirs = jax.grad(contracted, numbers)(*[jnp.asarray(a) for a in arrays])
    for mine, other, x in zip(second, theirs, arrays, strict=True):
        close(np.zeros(x.shape) if mine is None else mine.data, jnp.conj(other))


@pytest.mark.parametrize(("name", "f", "arrays"), CASES, ids=[c[0] for c in CASES])
def test_single_precision(name, f, arrays):
    narrow = [a.astype(np.complex64 if a.dtype.kind == "c" else np.float32) for a in arrays]
    outs, _, grads = ours(f, narrow, None)
    wide, seeds, exact = ours(
        f, arrays, [s.astype(np.complex128 if s.dtype.kind == "c" else float) for s in map(draw, outs)]
    )
    for t, e, plain in zip(outs, wide, flat(f(np, *narrow)), strict=True):
        assert t.dtype == np.asarray(plain).dtype  # NumPy itself widens in cov, interp, vander and some others
        close(t.data, e.data, np.float32)
    for g, e, x in zip(grads, exact, narrow, strict=True):
        assert g.dtype == x.dtype or not np.any(g)
        np.testing.assert_allclose(g, e, rtol=5e-3, atol=5e-3 * max(1.0, np.abs(e).max(initial=0.0)))
