"""The kernels against loops written out here, over random geometry.

Block sizes are drawn too, so that every way of cutting the work is met.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from forms import form  # noqa: F401
from numpy.typing import NDArray

from tapegrad.kernels import conv, norm, pool, windows

Array = NDArray[Any]
Pair = tuple[int, int]

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]
BATCHES = 20  # each test below draws its share of geometries from its own seed


class Geometry(NamedTuple):
    size: Pair
    kernel: Pair
    stride: Pair
    padding: tuple[Pair, Pair]
    dilation: Pair

    def size_out(self, ceil_mode: bool = False) -> Pair:
        tall, wide = (
            windows.out_size(*one, ceil_mode)
            for one in zip(self.size, self.kernel, self.stride, self.padding, self.dilation, strict=True)
        )
        return tall, wide


def draw_geometry(rng: np.random.Generator, pooling: bool = False) -> Geometry:
    def pair(low: int, high: int) -> Pair:
        a, b = rng.integers(low, high + 1, 2)
        return int(a), int(b)

    kernel, stride, dilation = pair(1, 4), pair(1, 3), pair(1, 3)
    if pooling:
        most = [k // 2 for k in kernel]
        padding = tuple((int(rng.integers(m + 1)), int(rng.integers(m + 1))) for m in most)
    else:
        padding = (pair(0, 3), pair(0, 3))
    if rng.random() < 0.15:
        kernel, stride, padding = (1, 1), pair(1, 2), ((0, 0), (0, 0))
    size = tuple(
        max(1, d * (k - 1) + 1 - sum(p)) + int(rng.integers(7))
        for k, d, p in zip(kernel, dilation, padding, strict=True)
    )
    return Geometry(size, kernel, stride, padding, dilation)  # type: ignore[arg-type]


def draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
    """Normal numbers, in one of the layouts a kernel may be given; never writable."""
    a = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        a = a + 1j * rng.standard_normal(shape)
    a = a.astype(dtype)
    layout = rng.integers(4)
    if layout == 1:
        a = np.asfortranarray(a)
    elif layout == 2:
        a = np.repeat(a, 2, -1)[..., ::2]
    elif layout == 3:
        a = a[::-1].copy()[::-1]
    a.flags.writeable = False
    return a


def draw_blocks(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    size = int(rng.choice([1, 500, 4000, 1 << 20]))
    monkeypatch.setattr(conv, "_BLOCK", size)
    monkeypatch.setattr(pool, "_BLOCK", size)
    monkeypatch.setattr(conv, "_SMALL", int(rng.choice([0, 100])))


def pixels(geometry: Geometry, size_out: Pair) -> Any:
    """All (output, kernel offset, pixel) triples whose pixel lies inside the image, in row-major order."""
    for output in np.ndindex(size_out):
        for offset in np.ndindex(geometry.kernel):
            pixel = tuple(
                o * s + k * d - p[0]
                for o, k, s, d, p in zip(
                    output, offset, geometry.stride, geometry.dilation, geometry.padding, strict=True
                )
            )
            if all(0 <= at < size for at, size in zip(pixel, geometry.size, strict=True)):
                yield (..., *output), (..., *offset), (..., *pixel)


def naive_conv(x: Array, w: Array, geometry: Geometry, groups: int, y: Array) -> tuple[Array, Array, Array]:
    """conv(x, w), and the two adjoints applied to y."""
    xs = x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])
    ys = y.reshape(y.shape[0], groups, y.shape[1] // groups, *y.shape[2:])
    ws = w.reshape(groups, -1, *w.shape[1:])
    out, back_x, back_w = (np.zeros(a.shape, complex) for a in (ys, xs, ws))
    for output, offset, pixel in pixels(geometry, (y.shape[2], y.shape[3])):
        out[output] += np.einsum("ngc,gfc->ngf", xs[pixel], ws[offset])
        back_x[pixel] += np.einsum("ngf,gfc->ngc", ys[output], ws[offset])
        back_w[offset] += np.einsum("ngf,ngc->gfc", ys[output], xs[pixel])
    return out.reshape(y.shape), back_x.reshape(x.shape), back_w.reshape(w.shape)


def assert_close(actual: Array, expected: Array, dtype: Any) -> None:
    assert actual.dtype == dtype
    assert actual.shape == expected.shape
    tolerance = (2e-5 if np.finfo(dtype).eps > 1e-10 else 1e-12) * max(1.0, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance)


def check_conv(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_blocks(rng, monkeypatch)
    g, dtype = draw_geometry(rng), DTYPES[rng.integers(4)]
    n, groups = int(rng.integers(0, 5)), int(rng.integers(1, 4))
    per_c, per_f = (int(a) for a in (rng.integers(1, 4), rng.integers(1, 4)))
    if rng.random() < 0.3:
        per_c = 1  # depthwise
    x = draw(rng, (n, groups * per_c, *g.size), dtype)
    w = draw(rng, (groups * per_f, per_c, *g.kernel), dtype)
    y = draw(rng, (n, groups * per_f, *g.size_out()), dtype)
    rest = (g.stride, g.padding, g.dilation, groups)

    out = conv.conv(x, w, *rest)
    back_x = conv.conv_image(y, w, g.size, *rest)
    back_w = conv.conv_filter(y, x, g.kernel, *rest)

    for actual, expected in zip((out, back_x, back_w), naive_conv(x, w, g, groups, y), strict=True):
        assert_close(actual, expected, dtype)
        assert actual.flags.writeable
        assert not any(np.may_share_memory(actual, argument) for argument in (x, w, y))
    # One trilinear form, read three ways, without conjugation.
    forms = [(y * out).sum(), (back_x * x).sum(), (back_w * w).sum()]
    scale = 1 + np.abs(y * out).sum()
    assert np.ptp(np.real(forms)) < 1e-4 * scale
    assert np.ptp(np.imag(forms)) < 1e-4 * scale


@pytest.mark.parametrize("seed", range(BATCHES))
def test_conv_and_its_adjoints(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(15):
        check_conv(rng, monkeypatch)


def first_maxima(x: Array, geometry: Geometry, size_out: Pair) -> Array:
    """Flat index of the first maximum of each window, a NaN counting as one; -1 if the window is empty."""
    index = np.full((*x.shape[:2], *size_out), -1)
    flat = x.reshape(*x.shape[:2], x.shape[2] * x.shape[3])
    for output, _, pixel in pixels(geometry, size_out):
        held = np.take_along_axis(flat, np.maximum(index[output], 0)[..., None], 2)[..., 0]
        better = (index[output] < 0) | (x[pixel] > held) | ((x[pixel] != x[pixel]) & (held == held))
        index[output] = np.where(better, pixel[-2] * x.shape[3] + pixel[-1], index[output])
    return index


def check_max_pool(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_blocks(rng, monkeypatch)
    g = draw_geometry(rng, pooling=True)
    size_out = g.size_out(bool(rng.integers(2)))
    shape = (int(rng.integers(0, 4)), int(rng.integers(1, 3)), *g.size)
    x = draw(rng, shape, [np.float32, np.float64][rng.integers(2)])
    kind = rng.integers(5)
    if kind == 1:
        x = np.round(x)  # ties
    elif kind == 2:
        x = np.where(rng.random(shape) < 0.15, x.dtype.type(np.nan), np.round(x))
    elif kind == 3:
        x = np.where(rng.random(shape) < 0.5, x.dtype.type(-np.inf), x)
    elif kind == 4:
        x = rng.integers(-3, 3, shape, np.int16)
    g_dtype = np.dtype(DTYPES[rng.integers(4)])
    cotangent, t = draw(rng, (*shape[:2], *size_out), g_dtype), draw(rng, shape, g_dtype)
    if rng.random() < 0.2:
        cotangent = np.where(rng.random(cotangent.shape) < 0.1, g_dtype.type(np.inf), cotangent)

    index = first_maxima(x, g, size_out)
    at = np.maximum(index, 0).reshape(*shape[:2], int(np.prod(size_out)))
    lowest = np.iinfo(x.dtype).min if x.dtype.kind == "i" else -np.inf
    taken = np.take_along_axis(x.reshape(*shape[:2], int(np.prod(g.size))), at, 2).reshape(index.shape)

    rest = (g.kernel, g.stride, g.padding, g.dilation)
    out = pool.max_pool(x, *rest, size_out)
    assert out.dtype == x.dtype
    np.testing.assert_array_equal(out, np.where(index < 0, x.dtype.type(lowest), taken))
    out.flags.writeable = False

    found = pool.max_pool_index(x, out, *rest)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, index)

    picked = pool.max_pool_pick(t, x, out, *rest)
    assert picked.dtype == g_dtype
    entries = np.take_along_axis(t.reshape(*shape[:2], int(np.prod(g.size))), at, 2).reshape(index.shape)
    np.testing.assert_array_equal(picked, np.where(index < 0, 0, entries))

    sent = np.zeros(shape, g_dtype).reshape(-1)
    where = (np.arange(shape[0] * shape[1]) * int(np.prod(g.size))).reshape(*shape[:2], 1, 1) + index
    np.add.at(sent, where[index >= 0], cotangent[index >= 0])
    spread = pool.max_pool_spread(cotangent, x, out, *rest)
    assert spread.dtype == g_dtype
    for part in (np.real, np.imag):
        np.testing.assert_allclose(part(spread), part(sent.reshape(shape)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("seed", range(BATCHES))
def test_max_pool(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng([1, seed])
    for _ in range(70):
        check_max_pool(rng, monkeypatch)


def check_avg_pool(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_blocks(rng, monkeypatch)
    dtype, include = DTYPES[rng.integers(4)], bool(rng.integers(2))
    g = draw_geometry(rng, pooling=True)._replace(dilation=(1, 1))
    size_out = g.size_out(bool(rng.integers(2)))
    shape = (int(rng.integers(0, 4)), int(rng.integers(1, 3)), *g.size)
    x, y = draw(rng, shape, dtype), draw(rng, (*shape[:2], *size_out), dtype)

    sums, counts, back = np.zeros(y.shape, complex), np.zeros(size_out, int), np.zeros(shape, complex)
    for output, _, pixel in pixels(g, size_out):
        sums[output] += x[pixel]
        counts[output] += 1
    if include:
        for axis in (0, 1):
            start = np.arange(size_out[axis]) * g.stride[axis] - g.padding[axis][0]
            length = np.minimum(start + g.kernel[axis], g.size[axis] + g.padding[axis][1]) - start
            counts = np.outer(length, np.ones(size_out[1], int)) if axis == 0 else counts * length
    counts = np.maximum(counts, 1)
    for output, _, pixel in pixels(g, size_out):
        back[pixel] += y[output] / counts[output]

    rest = (g.kernel, g.stride, g.padding)
    divisor = pool.avg_divisor(g.size, *rest, size_out, include)
    np.testing.assert_array_equal(np.broadcast_to(divisor, size_out), counts)
    assert_close(pool.avg_pool(x, *rest, size_out, divisor), sums / counts, dtype)
    assert_close(pool.avg_pool_spread(y, g.size, *rest, divisor), back, dtype)


@pytest.mark.parametrize("seed", range(BATCHES))
def test_avg_pool(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng([2, seed])
    for _ in range(40):
        check_avg_pool(rng, monkeypatch)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(100))
def test_two_thousand_geometries(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng([3, seed])
    for _ in range(20):
        check_conv(rng, monkeypatch)
        check_max_pool(rng, monkeypatch)
        check_avg_pool(rng, monkeypatch)


def test_out_size_floors_and_ceils_as_torch_does() -> None:
    assert windows.out_size(5, 2, 2, (0, 0), 1) == 2
    assert windows.out_size(5, 2, 2, (0, 0), 1, ceil_mode=True) == 3
    # The third window would start in the padding after the image.
    assert windows.out_size(3, 2, 2, (1, 1), 1, ceil_mode=True) == 2
    assert windows.out_size(9, 3, 2, (0, 1), 2) == 3


def test_padding_counts_in_an_average_only_up_to_the_padded_edge() -> None:
    size, kernel, stride, padding = (4, 4), (3, 3), (2, 2), ((1, 1), (1, 1))
    with_pad = pool.avg_divisor(size, kernel, stride, padding, (3, 3), True)
    without = pool.avg_divisor(size, kernel, stride, padding, (3, 3), False)
    np.testing.assert_array_equal(with_pad, np.multiply.outer([3, 3, 2], [3, 3, 2]))
    np.testing.assert_array_equal(without, np.multiply.outer([2, 3, 1], [2, 3, 1]))


@pytest.mark.parametrize("channels", [(3, 5, 1), (4, 8, 4), (6, 6, 2)])
def test_blocks_of_the_real_size(channels: tuple[int, int, int]) -> None:
    """An image of more than one block, small images that share one, and large kernels."""
    rng = np.random.default_rng(5)
    c, f, groups = channels
    for n, size, k in [(2, (90, 110), 5), (40, (7, 6), 3), (9, (33, 20), 3)]:
        geometry = Geometry(size, (k, k), (2, 1), ((1, 2), (0, 1)), (1, 2))
        x, w = draw(rng, (n, c, *size), np.float32), draw(rng, (f, c // groups, k, k), np.float32)
        y = draw(rng, (n, f, *geometry.size_out()), np.float32)
        rest = (geometry.stride, geometry.padding, geometry.dilation, groups)
        out, back_x, back_w = (a.astype(complex) for a in sums_over_offsets(x, w, y, geometry, groups))
        assert_close(conv.conv(x, w, *rest), out, np.float32)
        assert_close(conv.conv_image(y, w, size, *rest), back_x, np.float32)
        assert_close(conv.conv_filter(y, x, (k, k), *rest), back_w, np.float32)


def sums_over_offsets(x: Array, w: Array, y: Array, geometry: Geometry, groups: int) -> list[Array]:
    """The three readings by one einsum for each kernel offset, on padded float64 images."""
    (top, bottom), (left, right) = geometry.padding
    xs = np.pad(x.astype(float), ((0, 0), (0, 0), (top, bottom), (left, right)))
    xs = xs.reshape(x.shape[0], groups, -1, *xs.shape[2:])
    ws = w.astype(float).reshape(groups, -1, *w.shape[1:])
    ys = y.astype(float).reshape(y.shape[0], groups, -1, *y.shape[2:])
    out, back_x, back_w = np.zeros_like(ys), np.zeros_like(xs), np.zeros_like(ws)
    for i, j in np.ndindex(geometry.kernel):
        rows, columns = (
            slice(o * d, o * d + (count - 1) * s + 1, s)
            for o, d, s, count in zip((i, j), geometry.dilation, geometry.stride, y.shape[2:], strict=True)
        )
        out += np.einsum("ngchw,gfc->ngfhw", xs[..., rows, columns], ws[..., i, j])
        back_x[..., rows, columns] += np.einsum("ngfhw,gfc->ngchw", ys, ws[..., i, j])
        back_w[..., i, j] = np.einsum("ngfhw,ngchw->gfc", ys, xs[..., rows, columns])
    inside = np.s_[..., top : top + x.shape[2], left : left + x.shape[3]]
    return [out.reshape(y.shape), back_x[inside].reshape(x.shape), back_w.reshape(w.shape)]


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble])
def test_rarer_precisions(dtype: Any) -> None:
    rng = np.random.default_rng(6)
    x, w = rng.integers(-3, 4, (2, 2, 5, 5)).astype(dtype), rng.integers(-3, 4, (4, 1, 3, 3)).astype(dtype)
    y = rng.integers(-3, 4, (2, 4, 5, 5)).astype(dtype)
    geometry = Geometry((5, 5), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
    rest = (geometry.stride, geometry.padding, geometry.dilation, 2)
    results = (
        conv.conv(x, w, *rest),
        conv.conv_image(y, w, (5, 5), *rest),
        conv.conv_filter(y, x, (3, 3), *rest),
    )
    for actual, expected in zip(results, naive_conv(x, w, geometry, 2, y), strict=True):
        assert actual.dtype == dtype
        np.testing.assert_array_equal(actual, expected.real)
    assert pool.avg_pool(x, (2, 2), (2, 2), ((0, 0), (0, 0)), (2, 2), 4).dtype == dtype


def test_mixed_dtypes_promote() -> None:
    x, w = np.ones((1, 1, 3, 3), np.float32), np.ones((1, 1, 2, 2), np.complex64)
    plain = ((1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    assert conv.conv(x, w, *plain).dtype == np.complex64
    assert conv.conv(x, w.astype(np.complex128), *plain).dtype == np.complex128
    assert conv.conv(x, w.real.astype(np.float64), *plain).dtype == np.float64


# Normalisation

NORM_AXES = [(0,), (1,), (0, 2, 3), (2, 3), (1, 2, 3), (0, 2), (1, 3), (0, 1, 2, 3), (-1,), (-2, -1)]


@pytest.mark.parametrize("axes", NORM_AXES)
@pytest.mark.parametrize("mean", [0.0, 1e4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moments(axes: tuple[int, ...], mean: float, dtype: Any) -> None:
    rng = np.random.default_rng(7)
    for shape in [(5, 4, 3, 6), (1, 2, 1, 3), (70, 3, 33, 40)]:
        x = (draw(rng, shape, dtype) + mean).astype(dtype)
        exact = x.astype(np.longdouble)
        got_mean, got_var = norm.moments(x, axes)
        assert got_mean.dtype == got_var.dtype == np.float64
        assert got_mean.shape == exact.mean(axes, keepdims=True).shape
        scale = 1e-6 if dtype == np.float32 else 1e-12 * (1 + mean)
        exact_mean, exact_var = (f(exact, axis=axes, keepdims=True).astype(float) for f in (np.mean, np.var))
        np.testing.assert_allclose(got_mean, exact_mean, rtol=0, atol=scale)
        np.testing.assert_allclose(got_var, exact_var, rtol=2e-6, atol=scale)


def test_moments_when_the_first_images_mislead() -> None:
    """The early images say little of the mean and the variance of all."""
    rng = np.random.default_rng(8)
    x = rng.standard_normal((600, 3, 20, 20), np.float32)
    x += np.float32(1e4)
    x[:100] = 0
    x[:100, :, 0, 0] = 1
    for part in (x, x[99:]):
        exact = part.astype(np.float64)
        mean, var = norm.moments(part, (0, 2, 3))
        np.testing.assert_allclose(mean, exact.mean((0, 2, 3), keepdims=True), rtol=1e-7)
        np.testing.assert_allclose(var, exact.var((0, 2, 3), keepdims=True), rtol=1e-6)


def test_moments_of_constant_and_empty_input() -> None:
    mean, var = norm.moments(np.full((3, 2, 4, 4), 0.1, np.float32), (0, 2, 3))
    np.testing.assert_allclose(mean, np.float32(0.1), rtol=1e-7)
    np.testing.assert_array_equal(var, 0)
    mean, var = norm.moments(np.zeros((0, 2, 4, 4)), (0, 2, 3))
    assert mean.shape == (1, 2, 1, 1)
    assert np.isnan(mean).all()
    assert np.isnan(var).all()
    mean, var = norm.moments(np.zeros((0, 2, 4, 4)), (1, 2, 3))
    assert mean.shape == (0, 1, 1, 1)


def whole(x: Array, weight: Any, bias: Any, axes: tuple[int, ...]) -> Array:
    """Normalisation written out, for complex steps."""
    mean, var = norm.moments(x, axes)
    return norm.normalize(x, mean, 1 / np.sqrt(var + 1e-3), weight, bias, x.dtype)


@pytest.mark.parametrize("axes", NORM_AXES)
@pytest.mark.parametrize("parameters", ["none", "like mean", "like x", "last axis"])
@pytest.mark.parametrize("mean", [0.0, 1e3])
def test_normalize_and_its_gradient(axes: tuple[int, ...], parameters: str, mean: float) -> None:
    rng = np.random.default_rng(9)
    shape = (3, 4, 5, 2)
    kept = tuple(1 if a in {b % 4 for b in axes} else s for a, s in enumerate(shape))
    chosen = {"like mean": kept, "like x": shape, "last axis": shape[-1:]}.get(parameters)
    weight, bias = (None, None) if chosen is None else (draw(rng, chosen, float), draw(rng, chosen, float))
    x = (draw(rng, shape, float) + mean).astype(np.float32).astype(float)
    g, v = draw(rng, shape, float).astype(np.float32).astype(float), draw(rng, shape, float)

    got_mean, got_var = norm.moments(x, axes)
    rstd = 1 / np.sqrt(got_var + 1e-3)
    expected = (x - got_mean) * rstd * (1 if weight is None else weight) + (0 if bias is None else bias)
    in_double = norm.normalize(x, got_mean, rstd, weight, bias, np.float64)
    np.testing.assert_allclose(in_double, expected, atol=1e-10)
    in_single = norm.normalize(x.astype(np.float32), got_mean, rstd, weight, bias, np.float32)
    assert in_single.dtype == np.float32
    np.testing.assert_allclose(in_single, expected, atol=1e-5, rtol=1e-5)

    back = norm.normalize_backward(g, x, got_mean, rstd, weight, axes)
    step = 1e-100
    slope = (g * whole(x + 1j * step * v, weight, bias, axes).imag).sum() / step
    np.testing.assert_allclose((back * v).sum(), slope, rtol=1e-7, atol=1e-9)
    in_single = norm.normalize_backward(g.astype(np.float32), x.astype(np.float32), got_mean, rstd, weight, axes)
    assert in_single.dtype == np.float32
    np.testing.assert_allclose(in_single, back, atol=1e-5 * np.abs(back).max(), rtol=1e-4)
    in_complex = norm.normalize_backward(g, x.astype(complex), got_mean, rstd, weight, axes)
    np.testing.assert_allclose(in_complex, back, atol=1e-8)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("shape", "axes", "size"),
    [
        ((6, 5, 4, 7), (0, 2, 3), (1, 5, 1, 1)), ((9, 5), (0,), (1, 5)), ((8, 6, 30), (2,), (1, 1, 30)),
        ((8, 6, 30), (1, 2), (1, 6, 30)), ((4, 3, 2, 5), (2, 3), (1, 3, 2, 1)), ((1, 3, 4), (0, 2), (1, 3, 1)),
        ((40, 16, 20, 20), (0, 2, 3), (1, 16, 1, 1)), ((600, 256), (1,), (1, 256)), ((0, 3, 4), (0, 2), (1, 3, 1)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mean", [0.0, 50.0])
def test_gradients_at_once_are_those_one_by_one(shape, axes, size, dtype, mean) -> None:
    rng = np.random.default_rng(11)
    x, g, weight = ((rng.normal(size=s) + m).astype(dtype) for s, m in ((shape, mean), (shape, 0), (size, 1)))
    middle, var = norm.moments(x, axes)
    rstd = 1 / np.sqrt(var + 1e-3)
    over = tuple([axis for axis, n in enumerate(size) if n == 1])
    eps = np.finfo(dtype).eps
    for w in (weight, None):
        image, by_weight, by_bias = norm.gradients(g, x, middle, rstd, w, size, axes)
        assert image.dtype == by_weight.dtype == by_bias.dtype == dtype
        wanted = norm.normalize_backward(g.astype(float), x.astype(float), middle, rstd, w, axes)
        np.testing.assert_allclose(image, wanted, rtol=50 * eps, atol=50 * eps * np.abs(wanted).max(initial=0))
        wanted = (g.astype(float) * (x - middle) * rstd).sum(over, keepdims=True)
        room = 50 * eps * (1 + mean) * np.sqrt(1 + g.size / weight.size)
        np.testing.assert_allclose(by_weight, wanted, rtol=room, atol=room)
        wanted = g.astype(float).sum(over, keepdims=True)
        np.testing.assert_allclose(by_bias, wanted, rtol=room, atol=room)


def test_a_large_mean_is_normalized_away() -> None:
    rng = np.random.default_rng(10)
    x = (rng.standard_normal((64, 8, 16, 16)) + 1e4).astype(np.float32)
    mean, var = norm.moments(x, (0, 2, 3))
    rstd = 1 / np.sqrt(var + 1e-5)
    y = norm.normalize(x, mean, rstd, None, None, np.float32)
    np.testing.assert_allclose(y, (x.astype(float) - mean) * rstd, atol=2e-6)


def test_running_statistics_normalize_too() -> None:
    """Evaluation uses statistics that are not those of x, also for a single image of one pixel."""
    x = np.arange(6.0, dtype=np.float32).reshape(1, 6, 1, 1)
    mean, rstd = np.arange(6.0).reshape(1, 6, 1, 1) / 2, np.full((1, 6, 1, 1), 2.0)
    y = norm.normalize(x, mean, rstd, None, np.ones((6, 1, 1)), np.float32)
    np.testing.assert_allclose(y.ravel(), np.arange(6.0) + 1)


@pytest.mark.parametrize("axes", [(0, 2, 3), (1, 2, 3), (1,)])
def test_empty_batches_normalize(axes: tuple[int, ...]) -> None:
    x, stats = np.zeros((0, 2, 3, 3), np.float32), np.ones((1 if 0 in axes else 0, 1, 1, 1))
    assert norm.normalize(x, stats, stats, None, None, np.float32).shape == x.shape
    assert norm.normalize_backward(x, x, stats, stats, None, axes).shape == x.shape


def test_block_sizes_do_not_change_a_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(11)
    x, g = draw(rng, (7, 3, 5, 4), float), draw(rng, (7, 3, 5, 4), float)
    for axes in NORM_AXES:
        results = []
        for block, run in [(1 << 18, 1 << 12), (8, 1), (300, 7)]:
            monkeypatch.setattr(norm, "_BLOCK", block)
            monkeypatch.setattr(norm, "_RUN", run)
            mean, var = norm.moments(x, axes)
            rstd = 1 / np.sqrt(var + 1)
            out = norm.normalize(x, mean, rstd, None, None, float)
            results.append((mean, var, out, norm.normalize_backward(g, x, mean, rstd, None, axes)))
        for other in results[1:]:
            for a, b in zip(results[0], other, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
