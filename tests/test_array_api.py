"""tapegrad.array_api: the standard's names, arguments and results on Tensors, with gradients."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import array_api_compat
import array_api_strict
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from hypothesis.extra.array_api import make_strategies_namespace

import tapegrad as tg
from tapegrad import array_api as xp

# -- names and arguments, as the standard 2025.12 writes them ------------------------------------------------

ONE = "(x, /)"
TWO = "(x1, x2, /)"
ELEMENTWISE = {
    ONE: "abs acos acosh asin asinh atan atanh bitwise_invert ceil conj cos cosh exp expm1 floor imag isfinite isinf "
    "isnan log log1p log2 log10 logical_not negative positive real reciprocal round sign signbit sin sinh square sqrt "
    "tan tanh trunc",
    TWO: "add atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor copysign divide equal "
    "floor_divide greater greater_equal hypot less less_equal logaddexp logical_and logical_or logical_xor maximum "
    "minimum multiply nextafter not_equal pow remainder subtract",
    "(x, /, min=None, max=None)": "clip",
}
FUNCTIONS = {
    "(start, /, stop=None, step=1, *, dtype=None, device=None)": "arange",
    "(obj, /, *, dtype=None, device=None, copy=None)": "asarray",
    "(shape, *, dtype=None, device=None)": "empty ones zeros",
    "(x, /, *, dtype=None, device=None)": "empty_like ones_like zeros_like",
    "(n_rows, n_cols=None, /, *, k=0, dtype=None, device=None)": "eye",
    "(x, /, *, device=None, copy=None)": "from_dlpack",
    "(shape, fill_value, *, dtype=None, device=None)": "full",
    "(x, /, fill_value, *, dtype=None, device=None)": "full_like",
    "(start, stop, /, num, *, dtype=None, device=None, endpoint=True)": "linspace",
    "(*arrays, indexing='xy')": "meshgrid",
    "(x, /, *, k=0)": "tril triu",
    "(x, dtype, /, *, copy=True, device=None)": "astype",
    "(from_, to, /)": "can_cast",
    "(type, /)": "finfo iinfo",
    "(dtype, kind)": "isdtype",
    "(*arrays_and_dtypes)": "result_type",
    "(x, indices, /, *, axis=None)": "take",
    "(x, indices, /, *, axis=-1)": "take_along_axis",
    "()": "__array_namespace_info__",
    TWO: "matmul",
    ONE: "matrix_transpose nonzero unique_all unique_counts unique_inverse unique_values",
    "(x1, x2, /, *, axes=2)": "tensordot",
    "(x1, x2, /, *, axis=-1)": "vecdot",
    "(*arrays)": "broadcast_arrays",
    "(*shapes)": "broadcast_shapes",
    "(x, /, shape)": "broadcast_to",
    "(arrays, /, *, axis=0)": "concat stack",
    "(x, /, axis)": "expand_dims squeeze",
    "(x, /, *, axis=None)": "flip",
    "(x, source, destination, /)": "moveaxis",
    "(x, /, axes)": "permute_dims",
    "(x, repeats, /, *, axis=None)": "repeat",
    "(x, /, shape, *, copy=None)": "reshape",
    "(x, /, shift, *, axis=None)": "roll",
    "(x, repetitions, /)": "tile",
    "(x, /, *, axis=0)": "unstack",
    "(x, /, *, axis=None, keepdims=False)": "argmax argmin count_nonzero max mean min all any",
    "(x1, x2, /, *, side='left', sorter=None)": "searchsorted",
    "(condition, x1, x2, /)": "where",
    "(x1, x2, /, *, invert=False)": "isin",
    "(x, /, *, axis=-1, descending=False, stable=True)": "argsort sort",
    "(x, /, *, axis=None, dtype=None, include_initial=False)": "cumulative_sum cumulative_prod",
    "(x, /, *, axis=None, dtype=None, keepdims=False)": "prod sum",
    "(x, /, *, axis=None, correction=0.0, keepdims=False)": "std var",
    "(x, /, *, axis=-1, n=1, prepend=None, append=None)": "diff",
}
LINALG = {
    ONE: "det eig eigh eigvals eigvalsh inv matrix_transpose slogdet svdvals",
    TWO: "matmul outer solve",
    "(x, /, *, upper=False)": "cholesky",
    "(x1, x2, /, *, axis=-1)": "cross vecdot",
    "(x, /, *, offset=0)": "diagonal",
    "(x, /, *, keepdims=False, ord='fro')": "matrix_norm",
    "(x, n, /)": "matrix_power",
    "(x, /, *, rtol=None)": "matrix_rank pinv",
    "(x, /, *, mode='reduced')": "qr",
    "(x, /, *, full_matrices=True)": "svd",
    "(x1, x2, /, *, axes=2)": "tensordot",
    "(x, /, *, offset=0, dtype=None)": "trace",
    "(x, /, *, axis=None, keepdims=False, ord=2)": "vector_norm",
}
FFT = {
    "(x, /, *, n=None, axis=-1, norm='backward')": "fft ifft rfft irfft hfft ihfft",
    "(x, /, *, s=None, axes=None, norm='backward')": "fftn ifftn rfftn irfftn",
    "(n, /, *, d=1.0, dtype=None, device=None)": "fftfreq rfftfreq",
    "(x, /, *, axes=None)": "fftshift ifftshift",
}
DTYPES = [
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
    "complex64",
    "complex128",
]
CONSTANTS = ["e", "inf", "nan", "newaxis", "pi"]


def listed(*tables: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, signature) for table in tables for signature, names in table.items() for name in names.split()]


def test_the_names_are_the_standard_and_no_others() -> None:
    names = [name for name, _ in listed(ELEMENTWISE, FUNCTIONS)]
    assert set(xp.__all__) == {*names, *DTYPES, *CONSTANTS, "linalg", "fft"}
    assert set(xp.linalg.__all__) == {name for name, _ in listed(LINALG)}
    assert set(xp.fft.__all__) == {name for name, _ in listed(FFT)}
    assert dir(xp) == sorted([*xp.__all__, "__array_api_version__"])
    assert xp.__array_api_version__ == "2025.12"


@pytest.mark.parametrize(
    ("module", "name", "signature"),
    [(xp, *pair) for pair in listed(ELEMENTWISE, FUNCTIONS)]
    + [(xp.linalg, *pair) for pair in listed(LINALG)]
    + [(xp.fft, *pair) for pair in listed(FFT)],
)
def test_signatures(module: Any, name: str, signature: str) -> None:
    f = getattr(module, name)
    given = inspect.signature(f)
    bare = [p.replace(annotation=p.empty) for p in given.parameters.values()]
    assert str(given.replace(parameters=bare, return_annotation=given.empty)) == signature
    assert f.__doc__
    assert f.__name__ == name


# -- results are NumPy's, as Tensors -------------------------------------------------------------------------

RNG = np.random.default_rng(3)
ALIASES = {"bitwise_left_shift": "left_shift", "bitwise_right_shift": "right_shift", "bitwise_invert": "invert"}
INTEGERS = ["bitwise_invert", "bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor"]
BOOLS = ["logical_not", "logical_and", "logical_or", "logical_xor"]


def of_dtype(dtype: str, *shape: int) -> Any:
    kind = np.dtype(dtype).kind
    if kind == "b":
        return RNG.random(shape) < 0.5
    if kind in "iu":
        return RNG.integers(0, 6, shape).astype(dtype)
    x = RNG.uniform(0.2, 0.9, shape)
    return (x + 1j * RNG.uniform(0.2, 0.9, shape) if kind == "c" else x).astype(dtype)


def same(ours: Any, numpys: Any) -> None:
    if isinstance(numpys, tuple):
        assert isinstance(ours, tuple)
        assert len(ours) == len(numpys)
        for a, b in zip(ours, numpys, strict=True):
            same(a, b)
        return
    assert type(ours) is tg.Tensor
    numpys = np.asarray(numpys)
    assert ours.dtype == numpys.dtype
    assert ours.shape == numpys.shape
    exact = numpys.dtype.kind in "iub"
    np.testing.assert_allclose(ours.detach().numpy(), numpys, rtol=0 if exact else 1e-5, atol=0 if exact else 1e-6)


@pytest.mark.parametrize("name", ELEMENTWISE[ONE].split())
def test_of_one_array(name: str) -> None:
    f = getattr(np, ALIASES.get(name, name))
    dtypes = ["int32", "uint8"] if name in INTEGERS else ["bool"] if name in BOOLS else ["float32", "float64"]
    dtypes += ["complex64"] if name in ("exp", "sqrt", "conj", "abs", "real", "imag", "sign", "square") else []
    dtypes += ["int16"] if name in ("ceil", "floor", "round", "trunc", "abs", "square", "negative") else []
    for dtype in dtypes:
        for shape in ((), (2, 3), (0, 2)):
            x = of_dtype(dtype, *shape) + (1 if name == "acosh" else 0)
            x = x.astype(dtype)
            with np.errstate(all="ignore"):
                same(getattr(xp, name)(tg.tensor(x)), np.asarray(f(x), x.dtype if dtype == "int16" else None))


@pytest.mark.parametrize("name", ELEMENTWISE[TWO].split())
def test_of_two_arrays_and_of_an_array_and_a_number(name: str) -> None:
    f, ours = getattr(np, ALIASES.get(name, name)), getattr(xp, name)
    pairs = [("float32", "float32"), ("float32", "float64")]
    if name in INTEGERS:
        pairs = [("int32", "int8"), ("uint8", "uint8")]
    elif name in BOOLS:
        pairs = [("bool", "bool")]
    for a, b in pairs:
        for s, t in (((2, 3), (3,)), ((), (2,)), ((2, 1), (1, 3)), ((0,), ())):
            x, y = of_dtype(a, *s), of_dtype(b, *t)
            same(ours(tg.tensor(x), tg.tensor(y)), f(x, y))
        number = True if a == "bool" else 3 if name in INTEGERS else 0.5
        x = of_dtype(a, 2, 3)
        same(ours(tg.tensor(x), number), f(x, number))
        same(ours(number, tg.tensor(x)), f(number, x))


def test_the_other_functions_give_what_numpy_gives() -> None:
    x, y = of_dtype("float32", 3, 4), of_dtype("float32", 3, 4)
    i = of_dtype("int8", 3, 4)
    t, u, k = tg.tensor(x), tg.tensor(y), tg.tensor(i)
    same(xp.sum(k, axis=0), i.sum(0))  # small integers are summed as default ones
    same(xp.prod(tg.tensor(i.astype("uint8")), axis=(0, 1), keepdims=True), np.prod(i.astype("uint8"), keepdims=True))
    same(xp.sum(t, dtype=xp.float64), x.sum(dtype=np.float64))
    same(xp.mean(t, axis=1, keepdims=True), x.mean(1, keepdims=True))
    same(xp.var(t, correction=1), x.var(ddof=1))
    same(xp.std(t, axis=0, correction=0.5), x.std(0, ddof=0.5))
    same(xp.max(k), i.max())
    same(xp.min(t, axis=(0, 1)), x.min())
    same(xp.cumulative_sum(k, axis=1, include_initial=True), np.cumsum(np.pad(i, ((0, 0), (1, 0))), 1))
    same(xp.cumulative_prod(t, axis=0), np.cumprod(x, 0))
    same(xp.diff(t, n=2, prepend=u), np.diff(x, 2, prepend=y))
    same(xp.all(k, axis=0), i.all(0))
    same(xp.any(k), i.any())
    same(xp.argmax(t), np.argmax(x))
    same(xp.argmin(t, axis=1, keepdims=True), np.argmin(x, 1, keepdims=True))
    same(xp.count_nonzero(k), np.count_nonzero(i))
    same(xp.count_nonzero(k, axis=1), np.count_nonzero(i, 1))
    same(xp.nonzero(k), np.nonzero(i))
    same(xp.where(t > u, t, u), np.where(x > y, x, y))
    same(xp.where(t > u, t, 1), np.where(x > y, x, np.float32(1)))
    same(xp.searchsorted(xp.sort(t[0]), t[1], side="right"), np.searchsorted(np.sort(x[0]), x[1], "right"))
    same(xp.searchsorted(xp.sort(t[0]), 0.5), np.searchsorted(np.sort(x[0]), 0.5))
    same(xp.isin(k, tg.tensor([1, 2]), invert=True), np.isin(i, [1, 2], invert=True))
    same(xp.isin(3, k), np.isin(3, i))
    same(xp.clip(t, 0.3, u), np.clip(x, np.float32(0.3), y))
    same(xp.clip(k, tg.tensor(np.int8(2))), np.clip(i, 2, None))
    same(xp.concat([t, k], axis=None), np.concatenate([x, i], None))
    same(xp.stack((t, u), axis=-1), np.stack((x, y), -1))
    same(xp.unstack(t, axis=1), tuple(x[:, j] for j in range(4)))
    same(xp.expand_dims(t, (0, -1)), x[None, ..., None])
    same(xp.squeeze(xp.expand_dims(t, 1), 1), x)
    same(xp.permute_dims(t, (-1, 0)), x.T)
    same(xp.moveaxis(t, 0, -1), x.T)
    same(xp.matrix_transpose(t), x.T)
    same(xp.flip(t, axis=0), x[::-1])
    same(xp.roll(t, (1, 2), axis=(0, 1)), np.roll(x, (1, 2), (0, 1)))
    for dtype in ("int64", "uint64", "int8"):
        same(xp.repeat(t, tg.tensor([2, 0, 1], dtype=dtype), axis=0), np.repeat(x, [2, 0, 1], 0))
    same(xp.tile(t, (2, 1)), np.tile(x, (2, 1)))
    same(xp.broadcast_to(t, (2, 3, 4)), np.broadcast_to(x, (2, 3, 4)))
    same(xp.broadcast_arrays(t, u[0]), np.broadcast_arrays(x, y[0]))
    same(xp.reshape(t, (2, -1)), x.reshape(2, -1))
    same(xp.take(t, tg.tensor([0, -1]), axis=1), np.take(x, [0, -1], 1))
    same(xp.take_along_axis(t, xp.argsort(t), axis=-1), np.sort(x))
    same(xp.tril(t, k=1), np.tril(x, 1))
    same(xp.triu(t), np.triu(x))
    same(xp.matmul(t, xp.matrix_transpose(u)), x @ y.T)
    same(xp.tensordot(t, u, axes=((0, 1), (0, 1))), np.tensordot(x, y, ((0, 1), (0, 1))))
    same(xp.vecdot(k, k), np.vecdot(i, i))
    same(xp.vecdot(t, u, axis=-2), np.vecdot(x, y, axis=-2))
    same(xp.astype(t, xp.int32), x.astype(np.int32))
    assert xp.broadcast_shapes((2, 1), (3,)) == (2, 3)
    assert xp.broadcast_shapes() == ()


def test_sorting_is_stable_in_both_directions() -> None:
    x = np.array([3, 1, 3, 2, 1])
    t = tg.tensor(x)
    assert xp.argsort(t).tolist() == [1, 4, 3, 0, 2]
    assert xp.argsort(t, descending=True).tolist() == [0, 2, 3, 1, 4]
    assert xp.sort(t, descending=True).tolist() == [3, 3, 2, 1, 1]
    w = tg.tensor(x.astype(float), requires_grad=True)
    (xp.sort(w, descending=True) * tg.tensor([1.0, 2, 3, 4, 5])).sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [1, 4, 2, 3, 5]  # each weight goes to where its element came from, ties in order


def test_unique_elements() -> None:
    x = tg.tensor([[2.0, 1.0], [np.nan, 2.0]], requires_grad=True)
    values, indices, inverse, counts = found = xp.unique_all(x)
    assert found._fields == ("values", "indices", "inverse_indices", "counts")
    assert np.array_equal(values.detach().numpy(), [1, 2, np.nan], equal_nan=True)
    assert (indices.tolist(), inverse.tolist(), counts.tolist()) == ([1, 0, 2], [[1, 0], [2, 1]], [1, 2, 1])
    assert xp.unique_counts(x)._fields == ("values", "counts")
    assert xp.unique_inverse(x)._fields == ("values", "inverse_indices")
    assert sorted(xp.unique_values(tg.tensor([3, 1, 3])).tolist()) == [1, 3]
    values[1].backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[1, 0], [0, 0]]


def test_linalg() -> None:
    x = of_dtype("float32", 2, 3, 3) + 2 * np.eye(3, dtype="float32")
    h = x @ x.swapaxes(-1, -2)
    t, s = tg.tensor(x), tg.tensor(h)
    A, B = xp.linalg, np.linalg
    for f in ("det", "inv", "svdvals", "matrix_rank"):
        same(getattr(A, f)(t), getattr(B, f)(x))
    same(tuple(A.slogdet(t)), tuple(B.slogdet(x)))
    same(A.solve(t, t[0]), B.solve(x, x[0]))
    same(A.solve(t, tg.tensor([1.0, 2, 3])), B.solve(x, [1.0, 2, 3]))
    same(A.cholesky(s, upper=True), B.cholesky(h).swapaxes(-1, -2))
    same(A.eigvalsh(s), B.eigvalsh(h))
    assert A.eigh(s)._fields == ("eigenvalues", "eigenvectors")
    same(A.pinv(t, rtol=0.1), B.pinv(x, rtol=0.1))
    same(A.matrix_power(t, -2), B.matrix_power(x, -2))
    same(A.trace(tg.tensor(x.astype("int8")), offset=1), np.trace(x.astype("int8"), 1, -2, -1))
    same(A.diagonal(t, offset=-1), np.diagonal(x, -1, -2, -1))
    same(A.cross(t, t[0]), np.cross(x, x[0]))
    same(A.outer(t[0, 0], t[1, 0]), np.outer(x[0, 0], x[1, 0]))
    same(A.vector_norm(t, axis=(0, 1), ord=3), (abs(x) ** 3).sum((0, 1)) ** (1 / 3))
    same(A.matrix_norm(t, ord="nuc", keepdims=True), B.norm(x, "nuc", (-2, -1), keepdims=True))
    if np.lib.NumpyVersion(np.__version__) >= "2.3.0":  # older releases refuse it, and so does ours with them
        assert A.vector_norm(xp.zeros((2, 0)), axis=-1, ord=xp.inf).tolist() == [0, 0]
    for f in (A.qr, A.svd):
        assert xp.matmul(*f(t)[:2]).shape == x.shape if f is A.qr else f(t, full_matrices=False)[0].shape == x.shape
    with pytest.raises(ValueError, match="'r' is not"):
        A.qr(t, mode="r")
    with pytest.raises(ValueError, match="needs matrices"):
        A.trace(t[0, 0])


def test_eigenvalues_of_real_matrices_are_complex_always() -> None:
    x = tg.tensor(np.array([[2.0, 1.0], [1.0, 3.0]], "float32"), requires_grad=True)
    values, vectors = xp.linalg.eig(x)
    assert values.dtype == vectors.dtype == xp.complex64
    assert xp.linalg.eigvals(x).dtype == xp.complex64
    xp.real(xp.sum(xp.linalg.eigvals(x))).backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, np.eye(2), atol=1e-6)  # the sum is the trace


def test_fft() -> None:
    x = of_dtype("complex64", 3, 4)
    t, r = tg.tensor(x), tg.tensor(x.real)
    for f in ("fft", "ifft", "irfft", "hfft", "fftn", "ifftn", "irfftn"):
        same(getattr(xp.fft, f)(t, norm="ortho"), getattr(np.fft, f)(x, norm="ortho"))
    for f in ("rfft", "ihfft", "rfftn"):
        same(getattr(xp.fft, f)(r), getattr(np.fft, f)(x.real))
    same(xp.fft.fft(t, n=3, axis=0), np.fft.fft(x, 3, 0))
    same(xp.fft.fftn(t, s=(2,), axes=(0,)), np.fft.fftn(x, (2,), (0,)))
    same(xp.fft.fftshift(t, axes=0), np.fft.fftshift(x, 0))
    same(xp.fft.ifftshift(t), np.fft.ifftshift(x))
    same(xp.fft.fftfreq(5, d=0.5), np.fft.fftfreq(5, 0.5))
    same(xp.fft.rfftfreq(4, dtype=xp.float32), np.fft.rfftfreq(4).astype("float32"))


# -- creation and data types ---------------------------------------------------------------------------------


def test_creation() -> None:
    for name in ("zeros", "ones", "empty"):
        for shape in (3, (), (2, 0)):
            t = getattr(xp, name)(shape, device="cpu")
            assert type(t) is tg.Tensor
            assert t.dtype == xp.float64
            assert t.shape == (shape if isinstance(shape, tuple) else (shape,))
            assert getattr(xp, name)(shape, dtype=xp.int8).dtype == xp.int8
        like = getattr(xp, f"{name}_like")(tg.tensor([1, 2]), dtype=xp.float32)
        assert (like.shape, like.dtype) == ((2,), xp.float32)
    for value, dtype in ((True, xp.bool), (1, xp.int64), (1.0, xp.float64), (1j, xp.complex128)):
        assert xp.full((2,), value).dtype == dtype
        assert xp.asarray(value).dtype == dtype
        assert xp.asarray([value, value]).dtype == dtype
    same(xp.full_like(tg.tensor([1, 2]), 5), np.array([5, 5]))
    same(xp.arange(5), np.arange(5))
    same(xp.arange(5, 0, -2, dtype=xp.float32), np.arange(5, 0, -2, "float32"))
    same(xp.arange(0.5), np.arange(0.5))
    same(xp.linspace(0, 1, 4, endpoint=False), np.linspace(0, 1, 4, False))
    same(xp.linspace(0, 1, 3, dtype=xp.float32), np.linspace(0, 1, 3, dtype="float32"))
    same(xp.eye(2, 3, k=1, dtype=xp.int8), np.eye(2, 3, 1, "int8"))
    same(xp.meshgrid(xp.arange(2), xp.arange(3), indexing="ij"), tuple(np.mgrid[:2, :3]))


def test_copies_where_they_are_asked_for() -> None:
    t = tg.tensor([1.0, 2.0])
    assert xp.asarray(t) is t
    assert xp.asarray(t, copy=False) is t
    twin = xp.asarray(t, copy=True)
    twin[0] = 5
    assert t.tolist() == [1, 2]
    a = np.array([1.0, 2.0])
    shared = xp.asarray(a, copy=False)
    a[0] = 7
    assert shared.tolist() == [7, 2]
    for bad in (lambda: xp.asarray([1.0], copy=False), lambda: xp.asarray(t, dtype=xp.float32, copy=False)):
        with pytest.raises(ValueError, match="copy"):
            bad()
    m = tg.tensor(np.arange(6.0).reshape(2, 3))
    assert np.shares_memory(xp.reshape(m, (6,), copy=False)._data, m._data)
    assert not np.shares_memory(xp.reshape(m, (6,), copy=True)._data, m._data)
    with pytest.raises(ValueError, match="needs a copy"):
        xp.reshape(xp.matrix_transpose(m), (6,), copy=False)
    flat = xp.reshape(m, (6,))
    flat[0] = 9  # a value of its own, whoever else looks at m
    assert (flat.tolist()[0], m.tolist()[0][0]) == (9, 0)
    assert xp.astype(t, xp.float64, copy=False) is t
    assert xp.astype(t, xp.float64) is not t
    assert xp.real(t) is not t


def test_gradients_go_through_copies() -> None:
    t = tg.tensor([1.0, 2.0], requires_grad=True)
    y = xp.reshape(xp.asarray(t, copy=True, dtype=xp.float32), (2, 1), copy=True)
    xp.sum(xp.astype(y, xp.float64) * 3).backward()
    assert t.grad is not None
    assert t.grad.tolist() == [3, 3]


def test_data_types() -> None:
    assert xp.asarray(1.0).dtype == xp.float64 == np.float64
    assert {xp.float32: 1}[tg.tensor([1.0], dtype="float32").dtype] == 1
    f = xp.finfo(xp.float32)
    assert (f.bits, f.dtype) == (32, xp.float32)
    assert [type(v) for v in (f.eps, f.max, f.min, f.smallest_normal)] == [float] * 4
    assert f.max == float(np.finfo(np.float32).max)
    assert xp.finfo(xp.complex128) == xp.finfo(xp.float64) == xp.finfo(tg.tensor([1.0]))
    i = xp.iinfo(tg.tensor([1], dtype="uint8"))
    assert (i.bits, i.max, i.min, i.dtype) == (8, 255, 0, xp.uint8)
    assert xp.isdtype(xp.float32, "real floating")
    assert xp.isdtype(xp.uint8, ("bool", "integral"))
    assert xp.isdtype(xp.uint8, xp.uint8)
    assert not xp.isdtype(xp.complex64, "real floating")
    assert xp.can_cast(xp.int8, xp.int16)
    assert not xp.can_cast(tg.tensor([1.0]), xp.float32)
    assert xp.result_type(xp.int8, xp.uint8) == xp.int16
    assert xp.result_type(tg.tensor([1.0], dtype="float32"), 1, 2.0) == xp.float32
    assert xp.result_type(tg.tensor([1.0], dtype="float32"), 1j) == xp.complex64
    with pytest.raises(ValueError, match="at least one"):
        xp.result_type(1, 2.0)


@pytest.mark.parametrize("first", DTYPES)
def test_promotion_as_array_api_strict_has_it(first: str) -> None:
    for second in DTYPES:
        try:
            expected = array_api_strict.result_type(getattr(array_api_strict, first), getattr(array_api_strict, second))
        except TypeError:  # the standard leaves it open
            continue
        dtype = getattr(xp, str(expected).rpartition(".")[2])
        assert xp.result_type(getattr(xp, first), getattr(xp, second)) == dtype
        x, y = xp.ones(2, dtype=getattr(xp, first)), xp.ones(2, dtype=getattr(xp, second))
        assert xp.concat([x, y]).dtype == xp.where(x == y, x, y).dtype == dtype
        if first != "bool":
            assert xp.multiply(x, y).dtype == xp.vecdot(x, y).dtype == (x + y).dtype == dtype


def test_what_the_namespace_says_of_itself() -> None:
    info = xp.__array_namespace_info__()
    assert info.capabilities() == {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}
    assert info.default_device() in info.devices() == ("cpu",)
    assert info.default_dtypes(device="cpu") == {
        "real floating": xp.float64, "complex floating": xp.complex128, "integral": np.dtype(int),
        "indexing": np.dtype(np.intp),
    }  # fmt: skip
    assert set(info.dtypes()) == set(DTYPES)
    assert set(info.dtypes(kind="real floating")) == {"float32", "float64"}
    assert set(info.dtypes(kind=("bool", "signed integer"))) == {"bool", "int8", "int16", "int32", "int64"}
    with pytest.raises(ValueError, match="'cuda' is not 'cpu'"):
        info.dtypes(device="cuda")


# -- what is refused -----------------------------------------------------------------------------------------


def test_arrays_are_asked_for() -> None:
    with pytest.raises(TypeError, match="sin: expected an array, got list; asarray makes"):
        xp.sin([1.0])
    with pytest.raises(TypeError, match="add: one of the arguments must be an array"):
        xp.add(1, 2.0)
    with pytest.raises(TypeError, match="concat: expected a list or tuple"):
        xp.concat(tg.tensor([[1.0]]))
    with pytest.raises(ValueError, match="stack: needs at least one"):
        xp.stack([])
    same(xp.sin(np.array([1.0])), np.sin([1.0]))  # an ndarray is an array, and the result a Tensor
    with pytest.raises(ValueError, match="nonzero: x has no axes"):
        xp.nonzero(tg.tensor(1.0))
    with pytest.raises(ValueError, match="take: name the axis"):
        xp.take(tg.tensor([[1.0]]), tg.tensor([0]))
    with pytest.raises(TypeError, match="squeeze: axis must be"):
        xp.squeeze(tg.tensor([[1.0]]), None)
    with pytest.raises(ValueError, match="zeros: device 'gpu' is not 'cpu'"):
        xp.zeros(2, device="gpu")


# -- gradients -----------------------------------------------------------------------------------------------

M = np.array([[2.0, 0.3], [0.4, 1.5]])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: xp.sin(x) * xp.pow(x, 2.5) + xp.atan2(x, 0.3),
        lambda x: xp.clip(x, 0.5, 1.6) + xp.where(x > 1, x, 0.0) + xp.maximum(x, 1.0),
        lambda x: xp.concat([xp.cumulative_prod(x, axis=0), xp.roll(x, 1)], axis=1),
        lambda x: xp.std(x, correction=1) + xp.prod(x) + xp.max(x, axis=0) + xp.mean(x),
        lambda x: xp.tile(xp.expand_dims(xp.flip(x), 0), (2, 1, 2)) * xp.diff(x, prepend=x)[:, 1:].sum(),
        lambda x: xp.linalg.inv(x) @ xp.linalg.cholesky(x @ xp.matrix_transpose(x)),
        lambda x: xp.linalg.slogdet(x).logabsdet + xp.linalg.matrix_norm(x, ord=2) + xp.linalg.vector_norm(x, ord=3),
        lambda x: xp.real(xp.fft.ifft(xp.fft.fft(xp.astype(x, xp.complex128)) ** 2)) + xp.fft.irfft(xp.fft.rfft(x)),
        lambda x: xp.take_along_axis(x, xp.argsort(x, axis=1, descending=True), axis=1) + xp.sort(x),
        lambda x: xp.abs(xp.linalg.eigvals(x)) + xp.linalg.svd(x).S + xp.linalg.eigh(x + x.mT).eigenvalues,
    ],
)
def test_gradients_of_first_and_second_order(f: Any) -> None:
    x = tg.tensor(M, requires_grad=True)
    assert tg.gradcheck(f, (x,))
    assert tg.gradgradcheck(f, (x,))


def test_code_written_for_any_library_has_gradients() -> None:
    def softmax(x: Any) -> Any:
        xp = x.__array_namespace__()
        e = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
        return e / xp.sum(e, axis=-1, keepdims=True)

    x = tg.tensor(M, requires_grad=True)
    np.testing.assert_allclose(softmax(x).detach().data, tg.softmax(x, -1).detach().data)
    softmax(x)[:, 0].sum().backward()
    got = x.grad
    x.grad = None
    tg.softmax(x, -1)[:, 0].sum().backward()
    assert got is not None
    assert x.grad is not None
    np.testing.assert_allclose(got.data, x.grad.data, atol=1e-12)


# -- Tensor's side -------------------------------------------------------------------------------------------


def test_the_namespace_of_a_tensor() -> None:
    t = tg.tensor([1.0, 2.0])
    assert t.__array_namespace__() is xp
    for version in ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12", None):
        assert t.__array_namespace__(api_version=version) is xp
    with pytest.raises(ValueError, match=r"'2020\.10' is not one of"):
        t.__array_namespace__(api_version="2020.10")
    assert t.device == "cpu"
    assert t.to_device("cpu") is t
    with pytest.raises(ValueError, match="'gpu' cannot be had"):
        t.to_device("gpu")
    with pytest.raises(ValueError, match="stream 3"):
        t.to_device("cpu", stream=3)
    code = "import sys, tapegrad as tg; tg.tensor(1.0); assert 'tapegrad.array_api' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_array_api_compat_knows_tensors() -> None:
    t = tg.tensor([[1.0, 2.0]])
    assert array_api_compat.array_namespace(t, 1.0, None) is xp
    assert array_api_compat.is_array_api_obj(t)
    assert array_api_compat.size(t) == 2
    assert array_api_compat.device(t) == "cpu"
    assert array_api_compat.to_device(t, "cpu") is t
    assert array_api_compat.is_writeable_array(t)
    assert not array_api_compat.is_numpy_array(t)
    with pytest.raises(TypeError, match="Multiple namespaces"):
        array_api_compat.array_namespace(t, np.ones(2))


def test_dlpack_exports_what_no_tape_keeps() -> None:
    t = tg.tensor([1.0, 2.0])
    assert t.__dlpack_device__() == (1, 0)
    n = np.from_dlpack(t)
    assert np.shares_memory(n, t.data)
    y = (t * 2).detach()  # read-only: a copy, for importers that write all the same
    assert not np.shares_memory(np.from_dlpack(y), y.data)
    assert np.from_dlpack(y).tolist() == [2, 4]
    x = tg.tensor([1.0], requires_grad=True)
    recorded = x * 2
    with tg.no_grad(), pytest.raises(BufferError, match="is read-only"):
        recorded.__dlpack__(copy=False)
    with pytest.raises(BufferError, match="lose its history"):
        xp.from_dlpack(x)
    with tg.no_grad():
        assert xp.from_dlpack(x).tolist() == [1]
    with pytest.raises(BufferError, match="stream 1 cannot be had"):
        t.__dlpack__(stream=1)
    with pytest.raises(BufferError, match=r"dl_device \(2, 0\) cannot be had"):
        t.__dlpack__(dl_device=(2, 0))
    t.__dlpack__(max_version=(1, 0), dl_device=(1, 0), copy=True)


class Unversioned:
    """What an importer of DLPack before 1.0 asks an array for."""

    def __init__(self, t: Any) -> None:
        self.t = t

    def __dlpack_device__(self) -> Any:
        return self.t.__dlpack_device__()

    def __dlpack__(self, **_: Any) -> Any:
        return self.t.__dlpack__(copy=False)


@pytest.mark.parametrize(
    "of", [lambda t: t * 1, lambda t: xp.reshape(t, (2, 1)), lambda t: t[:], lambda t: xp.broadcast_to(t, (3, 2))]
)
def test_dlpack_shares_results_with_importers_that_know_no_flags(of: Any) -> None:
    t = tg.tensor([1.0, 2.0])
    y = of(t)
    view = np.from_dlpack(Unversioned(y))
    y.numpy()[...] = 5
    assert (view == 5).all()
    assert t.tolist() == [1, 2]


def test_dlpack_shares_the_buffer_that_nobody_else_sees() -> None:
    y = xp.reshape(tg.tensor([1.0, 2.0]), (2, 1))
    before = y._data.__array_interface__["data"]
    y.__dlpack__(copy=False)
    assert y._data.__array_interface__["data"] == before


def test_dlpack_imports() -> None:
    a = np.arange(3.0)
    t = xp.from_dlpack(a, device="cpu")
    assert type(t) is tg.Tensor
    a[0] = 5
    assert t.tolist() == [5, 1, 2]  # shared
    assert not np.shares_memory(xp.from_dlpack(a, copy=True).data, a)
    assert np.shares_memory(xp.from_dlpack(a, copy=False).data, a)
    assert xp.from_dlpack(tg.tensor([1, 2])).dtype == xp.int64
    w = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = (w * t).sum()
    a[1] = 9
    with pytest.raises(RuntimeError, match="written in place"):
        y.backward()


def test_torch_shares_what_it_may_write() -> None:
    torch = pytest.importorskip("torch")
    t = tg.tensor([1.0, 2.0])
    torch.from_dlpack(t)[0] = 5
    assert t.tolist() == [5, 2]
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    y = (w * w).sum()
    torch.from_dlpack(w.detach())[0] = 7
    y.backward()
    assert w.grad is not None
    assert w.grad.tolist() == [2, 4]
    assert xp.from_dlpack(torch.arange(3)).tolist() == [0, 1, 2]


def test_no_tensor_equals_what_is_no_array() -> None:
    t = tg.tensor([1.0, 2.0])
    for other in (None, "a", {}, float):
        assert (t == other) is False
        assert (t != other) is True
    assert (t == [1.0, 3.0]).tolist() == [True, False]
    assert None not in [t]
    with pytest.raises(TypeError):
        t < None  # noqa: B015


# -- properties, on the strategies of the standard's own suite -----------------------------------------------

XPS = make_strategies_namespace(xp)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def equal(t: Any, a: Any) -> None:
    assert t.dtype == a.dtype
    assert t.shape == a.shape
    assert np.array_equal(t.detach().numpy(), a, equal_nan=a.dtype.kind in "fc")


def plain(v: Any) -> Any:
    return v.numpy() if isinstance(v, tg.Tensor) else v


@PROPERTY
@given(st.data())
def test_items_as_in_numpy(data: Any) -> None:
    x = data.draw(XPS.arrays(XPS.scalar_dtypes(), SHAPES))
    key = data.draw(
        hnp.basic_indices(x.shape, allow_newaxis=True) | XPS.arrays(xp.bool, st.just(x.shape))
        | (hnp.integer_array_indices(x.shape) if x.ndim and 0 not in x.shape else st.just(...))
    )  # fmt: skip
    a = np.array(x.numpy())
    equal(x[key], np.asarray(a[plain(key)]))
    value = data.draw(XPS.from_dtype(x.dtype) | XPS.arrays(x.dtype, ()))
    twin = xp.asarray(x, copy=True)
    twin[key] = value
    a[plain(key)] = plain(value)
    equal(twin, a)


OPERATORS = [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
    "matmul",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
]


@PROPERTY
@given(st.data())
def test_operators_as_in_numpy(data: Any) -> None:
    name = data.draw(st.sampled_from(OPERATORS + [f"r{n}" for n in OPERATORS[:13]] + [f"i{n}" for n in OPERATORS[:13]]))
    dtype, shape = data.draw(XPS.scalar_dtypes()), data.draw(SHAPES)
    x = data.draw(XPS.arrays(dtype, shape))
    y = data.draw(XPS.arrays(dtype, shape) | XPS.from_dtype(dtype))
    a = np.array(x.numpy())
    with np.errstate(all="ignore"):
        try:
            expected = getattr(a, f"__{name}__")(plain(y))
        except Exception as error:
            with pytest.raises((type(error), TypeError, ValueError)):
                getattr(x, f"__{name}__")(y)
            return
        equal(getattr(x, f"__{name}__")(y), np.asarray(expected))


@PROPERTY
@given(XPS.arrays(XPS.scalar_dtypes(), ()))
def test_numbers_as_in_numpy(x: Any) -> None:
    a = x.numpy()
    for convert in (bool, int, float, complex):
        try:
            expected = convert(a.item())
        except Exception as error:
            with pytest.raises(type(error)):
                convert(x)
            continue
        assert repr(convert(x)) == repr(expected)


@PROPERTY
@given(st.data())
def test_copies_and_views_as_the_standard_has_them(data: Any) -> None:
    x = data.draw(XPS.arrays(XPS.scalar_dtypes(), SHAPES))
    copy = data.draw(st.booleans())
    out = xp.asarray(x, copy=copy)
    equal(out, x.numpy())
    equal(xp.from_dlpack(x), x.numpy())
    before = x.numpy().copy()
    x[...] = 1
    assert copy is False or np.array_equal(out.numpy(), before, equal_nan=before.dtype.kind in "fc")
    assert copy or (out.numpy() == 1).all()


@pytest.mark.parametrize("n", [6, 40])
def test_augmented_items_of_a_view_that_nobody_else_sees(n: int) -> None:
    a = tg.tensor(np.arange(float(n)), requires_grad=True)
    x = xp.reshape(a * 2, (2, -1))
    x[0, 1:3] *= 2.0
    x.sum().backward()
    assert a.grad is not None
    assert a.grad.tolist() == [2, 4, 4, *[2] * (n - 3)]
    whole = a * 2
    part = whole[1:]
    with pytest.raises(RuntimeError, match="would be a view"):
        part[0] *= 2.0


def test_scipy_differentiates_through_the_namespace() -> None:
    code = (
        "import os; os.environ['SCIPY_ARRAY_API'] = '1'\n"
        "import numpy as np, scipy.stats, tapegrad as tg\n"
        "x = tg.tensor(np.arange(7.0) ** 1.5 / 9, requires_grad=True)\n"
        "for f in (scipy.stats.skew, scipy.stats.zscore):\n"
        "    assert type(f(x)) is tg.Tensor and tg.gradcheck(f, (x,))"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
