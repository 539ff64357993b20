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
    with pytest.raises(ValueError, match="empty"):
        np.interp(t, [], [])
    with pytest.raises(ValueError, match="length"):
        np.interp(t, GRID, LINE[:2])
    with pytest.raises(ValueError, match="period"):
        np.interp(t, GRID, LINE, period=0)


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


def test_ediff1d():
    for a in (normal(float, 2, 3), np.array([1.0]), np.array([]), np.array([1, 5, 2])):
        agree(np.ediff1d(tg.tensor(a)), np.ediff1d(a))
        agree(np.ediff1d(tg.tensor(a), to_end=[1, 2], to_begin=3), np.ediff1d(a, to_end=[1, 2], to_begin=3))
    gradcheck(lambda a, b, c: np.ediff1d(a, b, c), [LINE, np.array([1.0, 2.0]), np.array(3.0)])
    with pytest.raises(TypeError, match="to_end"):
        np.ediff1d(tg.tensor([1, 2]), to_end=1.5)


def test_unwrap():
    p = normal(float, 6, 5) * 2
    for options in ({}, {"axis": 0}, {"discont": 4.0}, {"period": 3.0}, {"period": 3}):
        agree(np.unwrap(tg.tensor(p), **options), np.unwrap(p, **options))
        gradcheck(lambda t: np.unwrap(t, **options), [p])
    gradcheck(lambda t, period: np.unwrap(t, period=period), [p, np.array(3.1)])
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
    special = pytest.importorskip("scipy.special")
    for order in (1, 2, 3):
        from tapegrad.ops.signal import i0_op

        np.testing.assert_allclose(i0_op(x, order=order), special.iv(order, x), rtol=1e-12, atol=1e-15)
    with pytest.raises(TypeError, match="complex"):
        np.i0(tg.tensor(1j))
    assert np.i0(tg.tensor(np.float32(1))).dtype == np.float32


@pytest.mark.parametrize("M", [0, 1, 2, 7])
def test_kaiser(M):
    np.testing.assert_allclose(kaiser(M, tg.tensor(3.0)).data, np.kaiser(M, 3.0), rtol=1e-12)
    if M:
        gradcheck(lambda beta: kaiser(M, beta), [np.array(3.0)])
