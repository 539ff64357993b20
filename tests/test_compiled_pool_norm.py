"""The compiled forms of pooling and normalisation against NumPy's, over random geometry and awkward arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from forms import form  # noqa: F401
from test_kernels import NORM_AXES, draw, draw_geometry

from tapegrad.kernels import threads
from tapegrad.kernels.choice import KERNELS, compiled_kernels

Array = np.ndarray[Any, Any]
REAL = [np.float32, np.float64]
NAMES = ["max_pool", "max_pool_spread", "max_pool_pick", "avg_pool", "avg_pool_spread"]


@pytest.fixture(params=[1, 3])
def several(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """On one thread, or cut over three however little there is to do."""
    before = threads.get_num_threads()
    threads.set_num_threads(request.param)
    if compiled_kernels():
        monkeypatch.setattr("tapegrad.kernels.compiled.arguments._SHARED", 0)
    yield
    threads.set_num_threads(before)


def same(name: str, x: Array, *args: Any, exact: bool = False) -> Any:
    """What a kernel gives, checked against its NumPy form."""
    kernel = KERNELS[name]
    actual, expected = kernel(x, *args), kernel.numpy(x, *args)
    for a, b in zip(*(r if isinstance(r, tuple) else (r,) for r in (actual, expected)), strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert a.flags.writeable
        if exact:
            np.testing.assert_array_equal(a, b)
        else:
            finite = b[np.isfinite(b)]
            single = x.dtype == np.float32
            atol = (2e-5 if single else 1e-11) * max(1.0, np.abs(finite).max(initial=0))
            np.testing.assert_allclose(a, b, rtol=0, atol=atol, equal_nan=True)
    return actual


def draw_pixels(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
    """Images read-only and in any layout, some with ties, NaN or infinities."""
    x = draw(rng, shape, dtype)
    kind = rng.integers(5)
    if kind == 1:
        x = np.round(x)
    elif kind == 2:
        x = np.where(rng.random(shape) < 0.15, x.dtype.type(np.nan), np.round(x))
    elif kind == 3:
        x = np.where(rng.random(shape) < 0.6, x.dtype.type(-np.inf), x)
    elif kind == 4:
        x = np.where(rng.random(shape) < 0.1, x.dtype.type(np.inf), x)
    return x


@pytest.mark.parametrize("seed", range(16))
@pytest.mark.usefixtures("several")
def test_pools(seed: int) -> None:
    rng = np.random.default_rng([20, seed])
    for _ in range(20):
        dtype = REAL[rng.integers(2)]
        g = draw_geometry(rng, pooling=True)
        if rng.random() < 0.1:
            g = g._replace(size=(1, 1), kernel=(1, 1), padding=((0, 0), (0, 0)))
        size_out = g.size_out(bool(rng.integers(2)))
        shape = (int(rng.integers(0, 4)), int(rng.integers(1, 3)), *g.size)
        x, t, y = draw_pixels(rng, shape, dtype), draw(rng, shape, dtype), draw(rng, (*shape[:2], *size_out), dtype)
        rest = (g.kernel, g.stride, g.padding)
        out = same("pool.max_pool", x, *rest, g.dilation, size_out, exact=True)
        same("pool.max_pool_spread", y, x, out, *rest, g.dilation)
        same("pool.max_pool_pick", t, x, out, *rest, g.dilation, exact=True)
        plain = g._replace(dilation=(1, 1)).size_out(bool(rng.integers(2)))
        divisor = float(rng.integers(1, 9)) if rng.random() < 0.5 else rng.integers(1, 9, plain)
        same("pool.avg_pool", t, *rest, plain, divisor)
        same("pool.avg_pool_spread", draw(rng, (*shape[:2], *plain), dtype), g.size, *rest, divisor)


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (5, 1), (7, 7)])
def test_pools_of_images_that_are_cut_into_bands(kernel: int, stride: int) -> None:
    rng = np.random.default_rng(21)
    x = np.round(rng.standard_normal((2, 1, 150, 90)) * 3).astype(np.float32)
    half = kernel // 2
    for padding in (((0, 0), (0, 0)), ((half, half), (half, half))):
        size = tuple((n + sum(p) - kernel) // stride + 1 for n, p in zip((150, 90), padding, strict=True))
        rest = ((kernel, kernel), (stride, stride), padding)
        out = same("pool.max_pool", x, *rest, (1, 1), size, exact=True)
        g = rng.standard_normal(out.shape).astype(np.float32)
        same("pool.max_pool_spread", g, x, out, *rest, (1, 1))
        same("pool.max_pool_pick", x, x, out, *rest, (1, 1), exact=True)
        same("pool.avg_pool", x, *rest, size, kernel * kernel)
        same("pool.avg_pool_spread", g, (150, 90), *rest, kernel * kernel)


def test_a_maximum_of_minus_infinity_lies_in_the_image() -> None:
    x = np.full((1, 1, 3, 3), -np.inf, np.float32)
    rest = ((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
    out = same("pool.max_pool", x, *rest, (3, 3), exact=True)
    same("pool.max_pool_spread", np.ones_like(x), x, out, *rest, exact=True)


def test_windows_that_see_nothing() -> None:
    x = np.ones((1, 2, 2, 2), np.float64)
    rest = ((1, 1), (2, 2), ((2, 2), (2, 2)), (1, 1))
    out = same("pool.max_pool", x, *rest, (3, 3), exact=True)
    assert out[0, 0, 0, 0] == -np.inf
    same("pool.max_pool_spread", np.ones_like(out), x, out, *rest, exact=True)
    same("pool.max_pool_pick", x, x, out, *rest, exact=True)


@pytest.mark.parametrize("dtype", [np.float16, np.complex64, np.int32])
def test_other_dtypes_are_left_to_numpy(dtype: Any) -> None:
    x = np.arange(32).reshape(2, 1, 4, 4).astype(dtype)
    rest = ((2, 2), (2, 2), ((0, 0), (0, 0)))
    if np.dtype(dtype).kind != "c":
        same("pool.max_pool", x, *rest, (1, 1), (2, 2), exact=True)
    if np.dtype(dtype).kind != "i":
        same("pool.avg_pool", x, *rest, (2, 2), 4, exact=True)
        same("norm.moments", x, (0, 2, 3), exact=True)


def parameters(rng: np.random.Generator, shape: tuple[int, ...], kept: tuple[int, ...], dtype: Any) -> Any:
    """A weight or bias: none, by statistic, along the entries of each, like x, or along the last axes."""
    along = tuple([n if k == 1 else 1 for n, k in zip(shape, kept, strict=True)])
    chosen = [None, kept, along, shape, shape[-1:], (1, *shape[1:])][rng.integers(6)]
    return None if chosen is None else draw(rng, chosen, [dtype, np.float64][rng.integers(2)])


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.usefixtures("several")
def test_norms(seed: int) -> None:
    rng = np.random.default_rng([22, seed])
    for _ in range(12):
        dtype, axes = REAL[rng.integers(2)], NORM_AXES[rng.integers(len(NORM_AXES))]
        shape = tuple(int(n) for n in rng.integers(1, 9, 4))
        x = (draw(rng, shape, dtype) + rng.choice([0, 1e3])).astype(dtype)
        x.flags.writeable = False
        mean, var = same("norm.moments", x, axes)
        rstd = 1 / np.sqrt(var + 1e-2)
        weight, bias = parameters(rng, shape, mean.shape, dtype), parameters(rng, shape, mean.shape, dtype)
        same("norm.normalize", x, mean, rstd, weight, bias, dtype)
        g = draw(rng, shape, dtype)
        same("norm.normalize_backward", g, x, mean, rstd, weight, axes)
        along = tuple([n if k == 1 else 1 for n, k in zip(shape, mean.shape, strict=True)])
        for size in (mean.shape, along, (1, *shape[1:])):
            same("norm.weight_sum", g, x, mean, rstd, size)
            scale = None if rng.integers(3) == 0 else draw(rng, size, dtype)
            same("norm.gradients", g, x, mean, rstd, scale, size, axes)


@pytest.mark.parametrize("axes", [(0, 2, 3), (2, 3)])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's form warns of inf - inf
def test_what_is_not_finite_stays_in_its_statistic(axes: tuple[int, ...], bad: float, first: bool) -> None:
    x = np.random.default_rng(23).standard_normal((3, 4, 5, 5)).astype(np.float32)
    x[0, 1, 0 if first else 2, 0] = bad
    mean, var = same("norm.moments", x, axes)
    assert np.isfinite(np.delete(mean, 1, 1)).all()
    assert np.isnan(var[0, 1]).all()
    same("norm.normalize", x, mean, 1 / np.sqrt(var + 1), None, None, np.float32)


def test_moments_where_the_first_entry_lies_far_off() -> None:
    rng = np.random.default_rng(24)
    x = (rng.standard_normal((20, 3, 30, 30)) + 1e4).astype(np.float32)
    for value in (0, -1e4, 1e7):
        x[0, :, 0, 0] = value
        mean, var = KERNELS["norm.moments"](x, (0, 2, 3))
        exact = x.astype(np.float64)
        np.testing.assert_allclose(mean, exact.mean((0, 2, 3), keepdims=True), rtol=1e-7)
        np.testing.assert_allclose(var, exact.var((0, 2, 3), keepdims=True), rtol=3e-6)


@pytest.mark.parametrize("shape", [(40, 3, 900), (2, 3, 20000)])
def test_long_runs_keep_their_digits(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(25)
    x, g = (rng.random(shape).astype(np.float32) + np.float32(100) for _ in range(2))
    mean, var = same("norm.moments", x, (0, 2))
    rstd = 1 / np.sqrt(var)
    z = (x - mean) * rstd
    np.testing.assert_allclose(
        KERNELS["norm.weight_sum"](g, x, mean, rstd, (1, shape[1], 1)),
        (g * z).sum((0, 2), keepdims=True), rtol=1e-4, atol=1e-6 * np.abs(g * z).sum() / shape[1],
    )  # fmt: skip
