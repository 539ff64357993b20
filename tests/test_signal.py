"""convolve, correlate, interp, gradient, trapezoid, unwrap, ediff1d, i0: values as in NumPy, and gradients."""

from __future__ import annotations

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.check import gradcheck, gradgradcheck
from tapegrad.ops.signal import kaiser

RNG = np.random.default_rng(6)
GRID = np.array([0.1, 0.9, 2.2, 2.9, 4.3])
LINE = RNG.normal(size=5)


def normal(dtype, *shape):
    x = RNG.normal(size=shape) * 3
    return (x + 1j * RNG.normal(size=shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def agree(ours, theirs):
    ours = ours if isinstance(ours, tuple) else (ours,)
    theirs = theirs if isinstance(theirs, tuple) else (theirs,)
    for a, b in zip(ours, theirs, strict=True):
        b = np.asarray(b)
        assert isinstance(a, tg.Tensor)
        assert a.dtype == b.dtype
        single = b.dtype in (np.float32, np.complex64)
        np.testing.assert_allclose(a.data, b, rtol=1e-4 if single else 1e-9, atol=1e-4 if single else 1e-10)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128, np.int64])
@pytest.mark.parametrize("mode", ["full", "same", "valid", 0, 1, 2])
@pytest.mark.parametrize("f", [np.convolve, np.correlate], ids=lambda f: f.__name__)
def test_convolve_and_correlate(f, mode, dtype):
    for n in range(1, 6):
        for m in range(1, 6):
            a, v = normal(dtype, n), normal(dtype, m)
            agree(f(tg.tensor(a), tg.tensor(v), mode), f(a, v, mode))


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("lengths", [(5, 3), (2, 4), (4, 4)])
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_gradients_of_convolve_and_correlate(mode, lengths, dtype):
    a, v = normal(dtype, lengths[0]), normal(dtype, lengths[1])
    for f in (np.convolve, np.correlate):
        gradcheck(lambda x, y: f(x, y, mode), [a, v])
        gradgradcheck(lambda x, y: f(x, y, mode), [a, v])


def test_interp():
    x = np.array([[0.5, 1.7, 3.3], [-1.0, 9.0, 2.0]])
    for fp in (LINE, normal(complex, 5), np.arange(5)):
        for options in ({}, {"left": -1.0}, {"right": 2.0}, {"period": 3.0}, {"period": -2.5}):
            agree(np.interp(tg.tensor(x), GRID, tg.tensor(fp), **options), np.interp(x, GRID, fp, **options))
        agree(np.interp(tg.tensor(GRID), GRID, tg.tensor(fp)), np.interp(GRID, GRID, fp))
    for options in ({}, {"left": -1.0, "right": 2.0}, {"period": 3.0}):
        gradcheck(lambda *ts: np.interp(*ts, **options), [x, GRID, LINE])
        gradgradcheck(lambda *ts: np.interp(*ts, **options), [x, GRID, LINE])
    gradcheck(lambda t, ends: np.interp(t, GRID, LINE, left=ends[0], right=ends[1]), [x, np.array([1.0, 2.0])])
    gradcheck(lambda t, p: np.interp(t, GRID, LINE, period=p), [np.array([0.5, 7.0]), np.array(5.0)])


def test_interp_at_a_point_and_where_it_is_not_defined():
    t = tg.tensor([2.2, np.nan, np.inf, -np.inf], requires_grad=True)
    y = np.interp(t, GRID, LINE)
    np.testing.assert_array_equal(y.data, np.interp(t.data, GRID, LINE))
    g = tg.grad(y, t, np.ones(4)).data
    assert g[0] == pytest.approx((LINE[3] - LINE[2]) / 0.7)  # the slope of what follows
    np.testing.assert_array_equal(g[2:], 0.0)
    ends = tg.tensor(GRID[[0, -1]], requires_grad=True)
    slopes = np.diff(LINE) / np.diff(GRID)
    g = tg.grad(np.interp(ends, GRID, LINE, left=7.0, right=8.0), ends, np.ones(2)).data
    np.testing.assert_allclose(g, slopes[[0, -1]])  # both ends belong to the line
    with pytest.raises(ValueError, match="empty"):
        np.interp(t, [], [])
    with pytest.raises(ValueError, match="length"):
        np.interp(t, GRID, LINE[:2])
    with pytest.raises(ValueError, match="period"):
        np.interp(t, GRID, LINE, period=0)


def test_interp_outside_leaks_nothing():
    leaves = [tg.tensor(a, requires_grad=True) for a in (np.array([np.inf, -np.inf, 0.5]), GRID, LINE)]
    x, xp, fp = tg.grad(np.interp(*leaves), leaves, np.ones(3))
    share = (0.5 - GRID[0]) / (GRID[1] - GRID[0])
    np.testing.assert_allclose(fp.data, [2 - share, share, 0, 0, 1])
    slope = (LINE[1] - LINE[0]) / (GRID[1] - GRID[0])
    np.testing.assert_allclose(x.data, [0, 0, slope])
    np.testing.assert_allclose(xp.data, [-slope * (1 - share), -slope * share, 0, 0, 0])


def test_interp_through_infinities_and_steps():
    grid = np.arange(5.0)
    x = np.array([0.0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5, -1])
    fp = np.array([-np.inf, 1, np.inf, np.inf, 3])
    t = tg.tensor(x, requires_grad=True)
    np.testing.assert_array_equal(np.interp(t, grid, fp).data, np.interp(x, grid, fp))
    steps, values = np.array([0, 1, 1, 2, 2.0]), np.arange(1, 6.0)
    np.testing.assert_array_equal(np.interp(t, steps, values).data, np.interp(x, steps, values))
    one = tg.tensor([0.0, 1, 2, np.nan, np.inf], requires_grad=True)
    np.testing.assert_array_equal(np.interp(one, [1.0], [5.0], 3, 4).data, np.interp(one.data, [1.0], [5.0], 3, 4))


def test_interp_of_complex_values():
    fp, x = normal(complex, 5), np.array([0.5, 1.7, 3.3, -1.0, 9.0])
    for options in ({}, {"left": 1j, "right": 2.0}, {"period": 3.0}):
        gradcheck(lambda *ts: np.interp(*ts, **options), [x, GRID, fp])
        agree(np.interp(tg.tensor(x, requires_grad=True), GRID, fp, **options), np.interp(x, GRID, fp, **options))
    for bad in ({"left": 1j}, {"right": np.ones(5)}):
        with pytest.raises(TypeError, match=f"interp: {next(iter(bad))} must be one number"):
            np.interp(tg.tensor(x), GRID, LINE, **bad)
    with pytest.raises(TypeError, match="must be real"):
        np.interp(tg.tensor(fp), GRID, LINE)


@pytest.mark.parametrize(
    ("f", "count"),
    [
        (np.convolve, 2), (lambda a, v: np.correlate(a, v, "same"), 2), (lambda y, x: np.gradient(y, x), 2),
        (lambda y, x: np.trapezoid(y, x), 2), (lambda x, fp: np.interp(x, GRID, fp), 2), (np.unwrap, 1), (np.i0, 1),
        (lambda a, b: np.ediff1d(a, b), 2), (lambda b: kaiser(6, b[0]), 1),
    ],
)  # fmt: skip
def test_single_precision_and_forward_mode(f, count):
    arrays = [normal(np.float32, 5) + np.arange(5, dtype=np.float32) for _ in range(count)]
    leaves = [tg.tensor(a, requires_grad=True) for a in arrays]
    y = f(*leaves)
    assert y.dtype == np.asarray(f(*arrays)).dtype
    u, v = normal(y.dtype, *y.shape), [normal(np.float32, 5) for _ in arrays]
    found = tg.grad(y, leaves, u)
    assert [g.dtype for g in found] == [np.float32] * count
    _, ahead = tg.func.jvp(f, tuple(arrays), tuple(v))
    back = sum(np.vdot(g.data, w) for g, w in zip(found, v, strict=True))
    size = sum(np.sum(abs(g.data * w)) for g, w in zip(found, v, strict=True))
    assert abs(np.vdot(u, ahead) - back) <= 1e-5 * (1 + size)


def test_lines_of_convolve():
    agree(np.convolve(tg.tensor(2.0), LINE), np.convolve(2.0, LINE))
    for call, words in (
        (lambda: np.correlate(tg.tensor(2.0), LINE), "one axis"),
        (lambda: np.convolve(tg.tensor(np.ones((2, 2))), LINE), "one axis"),
        (lambda: np.convolve(tg.tensor([]), LINE), "empty"),
        (lambda: np.convolve(tg.tensor(LINE), LINE, "middle"), "mode 'middle'"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize("axis", [None, 0, -1, (1, 0)])
def test_gradient(edge_order, axis):
    x = np.cumsum(RNG.uniform(0.5, 1.5, 5))
    for dtype in (np.float64, np.float32, np.complex128, np.int64):
        f = normal(dtype, 4, 5)
        agree(
            np.gradient(tg.tensor(f), axis=axis, edge_order=edge_order),
            np.gradient(f, axis=axis, edge_order=edge_order),
        )
    f = normal(float, 4, 5)
    if axis is None:
        options = {"edge_order": edge_order}
        agree(np.gradient(tg.tensor(f), 0.5, x, **options), np.gradient(f, 0.5, x, **options))
        gradcheck(lambda t, h, c: np.gradient(t, h, c, **options), [f, np.array(0.5), x])
        gradgradcheck(lambda t, h, c: np.gradient(t, h, c, **options), [f, np.array(0.5), x])


def test_gradient_says_what_is_wrong():
    f = tg.tensor(normal(float, 4, 5))
    for call, error, words in (
        (lambda: np.gradient(f, 1.0, 2.0, 3.0), TypeError, "distances"),
        (lambda: np.gradient(tg.tensor(np.ones((3, 3))), np.arange(3.0)), TypeError, "one number"),
        (lambda: np.gradient(f > 0), TypeError, "bools"),
        (lambda: np.gradient(f, edge_order=3), ValueError, "edge_order"),
        (lambda: np.gradient(f[:1]), ValueError, "short"),
        (lambda: np.gradient(f, np.ones(3), axis=0), ValueError, "coordinates"),
    ):
        with pytest.raises(error, match=words):
            call()


def test_trapezoid():
    y, x, many = normal(float, 4, 5), np.sort(normal(float, 5)), normal(float, 4, 5)
    for options in ({}, {"dx": 0.3}, {"axis": 0}, {"x": x}, {"x": many, "axis": 0}):
        agree(np.trapezoid(tg.tensor(y), **options), np.trapezoid(y, **options))
    gradcheck(lambda a, b: np.trapezoid(a, b), [y, x])
    gradgradcheck(lambda a, b: np.trapezoid(a, b, axis=0), [y, many])
    gradcheck(lambda a, h: np.trapezoid(a, dx=h), [y, np.array(0.3)])
    agree(np.trapezoid(tg.tensor(y.astype(np.float32))), np.trapezoid(y.astype(np.float32)))


def test_trapezoid_over_x_of_other_axes():
    y, x = normal(float, 2, 3, 4), np.sort(normal(float, 3, 4))
    agree(np.trapezoid(tg.tensor(y), x), np.trapezoid(y, x))
    gradcheck(lambda a, b: np.trapezoid(a, b), [y, x])
    gradcheck(lambda a, h: np.trapezoid(a, dx=h), [y, np.array([0.1, 0.3, 0.4])])
    agree(np.trapezoid(tg.tensor(np.zeros((0, 3))), axis=0), np.zeros(3))


def test_coordinates_of_small_integers_do_not_wrap():
    f, x = normal(float, 5), np.array([9, 7, 4, 3, 1], np.uint8)
    agree(np.gradient(tg.tensor(f), x), np.gradient(f, x))
    agree(np.gradient(tg.tensor(x)), np.gradient(x))


def test_ediff1d():
    for a in (normal(float, 2, 3), np.array([1.0]), np.array([]), np.array([1, 5, 2])):
        agree(np.ediff1d(tg.tensor(a)), np.ediff1d(a))
        agree(np.ediff1d(tg.tensor(a), to_end=[1, 2], to_begin=3), np.ediff1d(a, to_end=[1, 2], to_begin=3))
    gradcheck(lambda a, b, c: np.ediff1d(a, b, c), [LINE, np.array([1.0, 2.0]), np.array(3.0)])
    with pytest.raises(TypeError, match="to_end"):
        np.ediff1d(tg.tensor([1, 2]), to_end=1.5)
    with pytest.raises(TypeError, match="bools"):
        np.ediff1d(tg.tensor([True, False]))


def test_unwrap():
    p = normal(float, 6, 5) * 2
    for options in ({}, {"axis": 0}, {"discont": 4.0}, {"period": 3.0}, {"period": 3}):
        agree(np.unwrap(tg.tensor(p), **options), np.unwrap(p, **options))
        gradcheck(lambda t: np.unwrap(t, **options), [p])
    gradcheck(lambda t, period: np.unwrap(t, period=period), [p, np.array(3.1)])
    agree(np.unwrap(tg.tensor(p), discont=tg.tensor(4.0)), np.unwrap(p, discont=4.0))
    with_nan = np.array([1.0, np.nan, 30.0, 2.0])
    agree(np.unwrap(tg.tensor(with_nan)), np.unwrap(with_nan))
    whole = np.array([1, 8, 3, 20])
    agree(np.unwrap(tg.tensor(whole), period=5), np.unwrap(whole, period=5))


def test_i0_to_third_order():
    x = np.array([0.0, 0.3, -2.0, 39.99, 40.01, -60.0])
    agree(np.i0(tg.tensor(x)), np.i0(x))
    gradcheck(np.i0, [x[:3]])
    gradgradcheck(np.i0, [x[:3]])
    t = tg.tensor(0.0, requires_grad=True)
    derivatives = [np.i0(t)]
    for _ in range(4):
        derivatives.append(tg.grad(derivatives[-1], t, create_graph=True))
    np.testing.assert_allclose([d.item() for d in derivatives], [1, 0, 1 / 2, 0, 3 / 8], atol=1e-14)
    from scipy import special

    from tapegrad.ops.signal import i0_op

    x = np.array([1e-10, -0.1, 0.7, 3.0, -8.0, 20.0, 50.0, -100.0, 300.0, 700.0])
    for order in (1, 2, 3, 8):
        np.testing.assert_allclose(i0_op(x, order=order), special.iv(order, x), rtol=1e-13)
    np.testing.assert_array_equal(i0_op(np.array([0.0, np.nan]), order=1), [0.0, np.nan])
    assert i0_op(np.zeros((2, 0)), order=1).shape == (2, 0)
    with pytest.raises(TypeError, match="complex"):
        np.i0(tg.tensor(1j))
    assert np.i0(tg.tensor(np.float32(1))).dtype == np.float32


@pytest.mark.parametrize("M", [0, 1, 2, 7])
def test_kaiser(M):
    np.testing.assert_allclose(kaiser(M, tg.tensor(3.0)).data, np.kaiser(M, 3.0), rtol=1e-12)
    assert np.array_equal(kaiser(M, 3).data, np.kaiser(M, 3))
    if M:
        gradcheck(lambda beta: kaiser(M, beta), [np.array(3.0)])
        gradgradcheck(lambda beta: kaiser(M, beta), [np.array(3.0)])
    assert kaiser(M, tg.tensor(np.float32(3))).dtype == np.float64
    with pytest.raises(ValueError, match="one number"):
        kaiser(M, [1.0, 2.0])
