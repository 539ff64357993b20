"""Convolution kernels against direct sums over windows, over thousands of random geometries, each way of computing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from forms import form  # noqa: F401

from tapegrad.kernels import conv as K
from tapegrad.kernels import conv_wide, threads, winograd


class Geometry(NamedTuple):
    x: tuple[int, ...]
    w: tuple[int, ...]
    stride: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    dilation: tuple[int, int]
    groups: int

    @property
    def size_out(self) -> tuple[int, int]:
        return tuple(
            (self.x[2 + i] + sum(self.padding[i]) - self.dilation[i] * (self.w[2 + i] - 1) - 1) // self.stride[i] + 1
            for i in (0, 1)
        )


def draw(rng: np.random.Generator, largest: int = 9) -> Geometry:
    """A random geometry with at least one window; depthwise and multipliers come up often."""
    while True:
        groups = int(rng.choice([1, 1, 1, 2, 3]))
        c, f = groups * int(rng.integers(1, 4)), groups * int(rng.integers(1, 4))
        if rng.random() < 0.2:
            groups, f = c, c * int(rng.integers(1, 4))
        kernel = tuple(int(k) for k in rng.integers(1, 5, 2))
        unit = rng.random() < 0.5
        stride = (1, 1) if unit else tuple(int(s) for s in rng.integers(1, 4, 2))
        padding = tuple((int(a), int(b)) for a, b in rng.integers(0, 4, (2, 2)))
        dilation = tuple(int(d) for d in rng.integers(1, 3, 2))
        if rng.random() < 0.1:
            kernel, stride, padding = (1, 1), (1, 1), ((0, 0), (0, 0))
        elif rng.random() < 0.2:
            kernel, stride, dilation = (3, 3), (1, 1), (1, 1)
        size = tuple(int(s) for s in rng.integers(1, largest, 2))
        g = Geometry((int(rng.integers(0, 5)), c, *size), (f, c // groups, *kernel), stride, padding, dilation, groups)
        if min(g.size_out) >= 1:
            return g


def naive(x, w, g: Geometry):
    """The sum over offsets of the kernel, one at a time, in double precision."""
    x = np.pad(x.astype(np.float64), ((0, 0), (0, 0), *g.padding))
    n, c = x.shape[:2]
    f, each, kh, kw = w.shape
    tall, wide = g.size_out
    out = np.zeros((n, g.groups, f // g.groups, tall, wide))
    grouped, filters = x.reshape(n, g.groups, each, *x.shape[2:]), w.reshape(g.groups, f // g.groups, each, kh, kw)
    for i in range(kh):
        for j in range(kw):
            top, left = i * g.dilation[0], j * g.dilation[1]
            seen = grouped[..., top : top + (tall - 1) * g.stride[0] + 1 : g.stride[0], :]
            seen = seen[..., left : left + (wide - 1) * g.stride[1] + 1 : g.stride[1]]
            out += np.einsum("ngchw,gfc->ngfhw", seen, filters[..., i, j].astype(np.float64))
    return out.reshape(n, f, tall, wide)


def arrays(rng, g: Geometry, dtype):
    x, w = rng.normal(size=g.x).astype(dtype), rng.normal(size=g.w).astype(dtype)
    y = rng.normal(size=(g.x[0], g.w[0], *g.size_out)).astype(dtype)
    how = rng.integers(4)
    if how == 1:  # not contiguous
        x, y = (np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) for a in (x, y))
    elif how == 2:  # negative strides
        x, w, y = (np.ascontiguousarray(a[:, :, ::-1, ::-1])[:, :, ::-1, ::-1] for a in (x, w, y))
    elif how == 3:
        for a in (x, w, y):
            a.flags.writeable = False
    return x, w, y


def check(found, wanted, dtype) -> None:
    scale = max(1.0, float(np.abs(wanted).max(initial=0)))
    assert found.shape == wanted.shape
    assert found.dtype == dtype
    assert float(np.abs(found - wanted).max(initial=0)) <= (2e-5 if dtype == np.float32 else 1e-12) * scale


def check_all(rng, g: Geometry, dtype, ways: dict[str, int]) -> None:
    x, w, y = arrays(rng, g, dtype)
    wanted = naive(x, w, g)
    rest = (g.stride, g.padding, g.dilation, g.groups)
    check(K.conv(x, w, *rest), wanted, dtype)
    # the adjoints through <y, conv(x, w)> = <dw, w> = <dx, x>, with the naive conv as a linear map in each
    dw, dx = K.conv_filter(y, x, g.w[2:], *rest), K.conv_image(y, w, g.x[2:], *rest)
    value = float((wanted * y).sum())
    scale = max(1.0, float(np.abs(wanted * y).sum()))
    assert dw.shape == g.w
    assert dx.shape == g.x
    for other in rng.normal(size=(2, *g.w)):
        assert abs(float((naive(x, other, g) * y).sum()) - float((dw * other).sum())) <= 1e-4 * scale
    for other in rng.normal(size=(2, *g.x)):
        assert abs(float((naive(other, w, g) * y).sum()) - float((dx * other).sum())) <= 1e-4 * scale
    assert abs(float((dw * w).sum(dtype=np.float64)) - value) <= 1e-4 * scale
    # every way of computing, wherever it applies
    out = np.empty(wanted.shape, dtype)
    K._conv_tiled(out, x, w, *rest)
    check(out, wanted, dtype)
    ways["tiled"] += 1
    again = K._filter_tiled(y, x, g.w[2:], *rest, np.dtype(dtype))
    check(again, dw.astype(np.float64), dtype)
    out = np.empty(g.x, dtype)
    K._image_tiled(out, y, w, *rest)
    check(out, dx.astype(np.float64), dtype)
    if g.stride == (1, 1) and g.w[2:] != (1, 1):
        out = np.empty(wanted.shape, dtype)
        conv_wide.conv_into(out, x, w, g.padding, g.dilation, g.groups)
        check(out, wanted, dtype)
        check(
            conv_wide.filter_sum(y, x, g.w[2:], g.padding, g.dilation, g.groups, np.dtype(dtype)),
            dw.astype(np.float64), dtype,
        )  # fmt: skip
        out = np.empty(g.x, dtype)
        conv_wide.image_into(out, y, w, g.padding, g.dilation, g.groups)
        check(out, dx.astype(np.float64), dtype)
        thin = conv_wide._is_depthwise(g.w[0], g.x[1], g.groups)
        ways["depthwise" if thin else "wide"] += 1
    if g.w[2:] == (3, 3) and g.stride == g.dilation == (1, 1):
        out = np.empty(wanted.shape, dtype)
        assert winograd.conv_into(out, x, winograd.filters(w, g.groups, out.dtype), g.padding) == []
        check(out, wanted, dtype)
        again = winograd.filter_sum(winograd.tiled_sum(y, x, g.padding, g.groups, np.dtype(dtype)))
        check(again, dw.astype(np.float64), dtype)
        ways["winograd"] += 1
    if K._is_pointwise(g.w[2:], g.stride, g.padding):
        ways["pointwise"] += 1


def search(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    ways = dict.fromkeys(("tiled", "wide", "depthwise", "pointwise", "winograd"), 0)
    for k in range(count):
        g = draw(rng)
        try:
            check_all(rng, g, (np.float32, np.float64)[k % 2], ways)
        except Exception as error:
            error.add_note(f"seed {seed}, number {k}: {g}")
            raise
    assert all(ways.values()), ways


@pytest.mark.parametrize("seed", range(8))
def test_random_geometries(seed) -> None:
    search(seed, 250)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(100, 120))
def test_more_random_geometries(seed) -> None:
    search(seed, 250)


def test_random_geometries_cut_into_many_steps(monkeypatch) -> None:
    monkeypatch.setattr(K, "_BLOCK", 200)
    monkeypatch.setattr(conv_wide, "_COLUMNS", 300)
    monkeypatch.setattr(conv_wide, "_CHANNELS", 100)
    monkeypatch.setattr(winograd, "_BLOCK", 3000)
    monkeypatch.setattr(winograd, "_MOST", 2)
    search(50, 250)


LARGE = [
    Geometry((5, 8, 40, 41), (16, 8, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),  # wide
    Geometry((6, 1, 33, 30), (8, 1, 5, 5), (1, 1), ((2, 2), (2, 2)), (1, 1), 1),  # wide, several images a step
    Geometry((3, 24, 40, 40), (24, 1, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 24),  # depthwise
    Geometry((3, 24, 40, 40), (48, 1, 3, 3), (1, 1), ((1, 0), (2, 1)), (1, 2), 24),  # depthwise, two filters each
    Geometry((4, 8, 33, 40), (16, 8, 3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 1),  # tiled
    Geometry((16, 32, 8, 8), (32, 32, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),  # tiled, images merged
    Geometry((5, 64, 20, 20), (64, 64, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),  # pointwise
    Geometry((5, 64, 20, 20), (32, 16, 1, 1), (2, 2), ((0, 0), (0, 0)), (1, 1), 4),
    Geometry((5, 48, 21, 24), (64, 48, 3, 3), (1, 1), ((1, 1), (0, 2)), (1, 1), 1),  # Winograd's
    Geometry((2, 64, 70, 50), (64, 32, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 2),  # Winograd's, in parts of an image
    Geometry((1, 16, 60, 60), (16, 4, 3, 3), (1, 1), ((2, 2), (2, 2)), (2, 2), 4),  # one image: nothing to share
]


@pytest.mark.parametrize("g", LARGE, ids=str)
def test_large_work_on_several_threads(g) -> None:
    rng = np.random.default_rng(0)
    x, w, y = (a.astype(np.float32) for a in arrays(rng, g, np.float32))
    rest = (g.stride, g.padding, g.dilation, g.groups)
    before = threads.get_num_threads()
    results = []
    try:
        for n in (1, 2, 3):
            threads.set_num_threads(n)
            results.append(
                (K.conv(x, w, *rest), K.conv_image(y, w, g.x[2:], *rest), K.conv_filter(y, x, g.w[2:], *rest))
            )
            twice = K.conv_filter(y, x, g.w[2:], *rest)
            np.testing.assert_array_equal(twice, results[-1][2])  # summed in one order
    finally:
        threads.set_num_threads(before)
    wanted = naive(x, w, g)
    for out, dx, dw in results:
        check(out, wanted, np.float32)
        check(dx, results[0][1].astype(np.float64), np.float32)
        check(dw, results[0][2].astype(np.float64), np.float32)
    value = float((wanted * y).sum())
    scale = float(np.abs(wanted * y).sum())
    assert abs(float((results[0][1].astype(np.float64) * x).sum()) - value) < 1e-5 * scale
    assert abs(float((results[0][2].astype(np.float64) * w).sum()) - value) < 1e-5 * scale


@pytest.mark.parametrize("channels", [32, 128, 512])
@pytest.mark.parametrize("mean", [0.0, 1.0, 30.0])
def test_winograd_is_as_exact_as_sums_of_products(channels, mean) -> None:
    """Within 1e-6 of the largest value in float32, also where all terms have one sign and where they cancel."""
    rng = np.random.default_rng(channels)
    x = (rng.normal(size=(2, channels, 14, 14)) + mean).astype(np.float32)
    for w in rng.normal(size=(32, channels, 3, 3)), rng.random((32, channels, 3, 3)):
        w = w.astype(np.float32)
        g = Geometry(x.shape, w.shape, (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
        wanted, out = naive(x, w, g), np.empty((2, 32, 14, 14), np.float32)
        winograd.conv_into(out, x, winograd.filters(w, 1, out.dtype), g.padding)
        assert np.abs(out - wanted).max() <= 1e-6 * np.abs(wanted).max()
        y = rng.normal(size=wanted.shape).astype(np.float32)
        exact, found = (
            winograd.filter_sum(winograd.tiled_sum(y.astype(t), x.astype(t), g.padding, 1, np.dtype(t)))
            for t in (np.float64, np.float32)
        )
        assert np.abs(found - exact).max() <= 1e-6 * np.abs(exact).max()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_what_is_not_finite_stays_within_its_windows(value) -> None:
    rng = np.random.default_rng(1)
    x, w = (rng.normal(size=s).astype(np.float32) for s in ((3, 64, 16, 16), (64, 64, 3, 3)))
    y = rng.normal(size=(3, 64, 16, 16)).astype(np.float32)
    rest = ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    clean, clean_filter = K.conv(x, w, *rest), K.conv_filter(y, x, (3, 3), *rest)
    assert winograd.suits(x.shape, 64, (16, 16), (3, 3), *rest[:3], 1, np.dtype(np.float32))
    x[1, 4, 6, 7] = value
    with np.errstate(all="ignore"):
        out, dw = K.conv(x, w, *rest), K.conv_filter(y, x, (3, 3), *rest)
    seen = np.zeros(out.shape, bool)
    seen[1, :, 5:8, 6:9] = True
    np.testing.assert_allclose(out[~seen], clean[~seen], rtol=1e-4, atol=1e-4)
    if np.isfinite(value):  # large, but sums of products can hold most of it
        wanted = naive(x[1:2], w, Geometry(x[1:2].shape, w.shape, *rest))[0]
        held = np.abs(wanted) < 3e38
        assert 400 < held[:, 5:8, 6:9].sum() < 576
        np.testing.assert_allclose(out[1][held], wanted[held], rtol=1e-4, atol=1e-4)
    else:
        assert not np.isfinite(out[1, :, 5:8, 6:9]).any()
    others = np.arange(64) != 4
    np.testing.assert_allclose(dw[:, others], clean_filter[:, others], rtol=1e-3, atol=1e-3)


def test_the_rule_that_chooses() -> None:
    def suits(size, kernel=(3, 3), stride=(1, 1), dilation=(1, 1), padding=((1, 1), (1, 1)), dtype=np.float32):
        return conv_wide.suits(size, kernel, stride, dilation, padding, np.dtype(dtype))

    assert suits((32, 32))
    assert suits((32, 32), dtype=np.float64)
    assert not suits((32, 32), stride=(2, 1))
    assert not suits((8, 8))  # small
    assert not suits((40, 4))  # two columns of padding in six are too many
    assert not suits((32, 32), dtype=np.complex64)
    assert not suits((32, 32), kernel=(1, 1))

    def tiles(channels, filters, size, kernel=(3, 3), stride=(1, 1), dilation=(1, 1), groups=1, for_sum=False):
        pads, dtype = ((1, 1), (1, 1)), np.dtype(np.float32)
        shape = (2, channels, *size)
        return winograd.suits(shape, filters, size, kernel, stride, pads, dilation, groups, dtype, for_sum)

    before = threads.get_num_threads()
    try:
        for n, alone in ((1, True), (2, False)):
            threads.set_num_threads(n)
            assert tiles(64, 64, (16, 16))
            assert tiles(32, 64, (16, 16)) == alone  # short calls pay off less on several threads
            assert not tiles(32, 32, (16, 16))  # few channels
            assert tiles(32, 32, (16, 16), for_sum=True)
            assert tiles(16, 16, (16, 16), for_sum=True) == alone
            assert not tiles(64, 64, (16, 16), groups=4)
            assert not tiles(64, 64, (6, 16))  # short runs
    finally:
        threads.set_num_threads(before)
    assert not tiles(64, 64, (16, 16), kernel=(5, 5))
    assert not tiles(64, 64, (16, 16), stride=(2, 2))
    assert not tiles(64, 64, (16, 16), dilation=(2, 2))
