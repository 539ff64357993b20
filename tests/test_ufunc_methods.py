"""reduce, accumulate, reduceat, outer and at of ufuncs: values as in NumPy, gradients as of what they are made of."""

from __future__ import annotations

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.check import gradcheck, gradgradcheck

RNG = np.random.default_rng(11)
A = RNG.uniform(0.5, 1.5, (4, 3))
B = RNG.uniform(0.5, 1.5, 4)
UFUNCS = [
    np.add, np.subtract, np.multiply, np.divide, np.hypot, np.logaddexp, np.logaddexp2, np.maximum, np.minimum, np.fmax,
    np.fmin, np.copysign, np.remainder,
]  # fmt: skip
IDS = [u.__name__ for u in UFUNCS]


def leaf(a):
    return tg.tensor(a, requires_grad=True)


def agree(ours, theirs):
    assert isinstance(ours, tg.Tensor)
    assert ours.dtype == theirs.dtype
    tolerance = 1e-6 if theirs.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(ours.data, theirs, rtol=tolerance, atol=1e-14)


@pytest.mark.parametrize("u", UFUNCS, ids=IDS)
def test_reduce(u):
    for options in ({}, {"axis": 1}, {"axis": -1, "keepdims": True}, {"axis": 0, "initial": 0.75}):
        agree(u.reduce(leaf(A), **options), u.reduce(A, **options))
        gradcheck(lambda t: u.reduce(t, **options), [A])
    gradgradcheck(lambda t: u.reduce(t, axis=1), [A])
    agree(u.reduce(leaf(A.astype(np.float32))), u.reduce(A.astype(np.float32)))
    agree(u.reduce(leaf(A), dtype=np.float32), u.reduce(A, dtype=np.float32).astype(np.float32))


@pytest.mark.parametrize("u", UFUNCS, ids=IDS)
def test_reduce_where(u):
    mask = np.array([[True, False, True], [False, False, False], [True, True, True], [False, True, False]])
    options = {"axis": 1, "where": mask, "initial": 0.75}
    agree(u.reduce(leaf(A), **options), u.reduce(A, **options))
    gradcheck(lambda t: u.reduce(t, **options), [A])


@pytest.mark.parametrize("u", UFUNCS, ids=IDS)
def test_accumulate(u):
    for axis in (0, 1, -1):
        agree(u.accumulate(leaf(A), axis), u.accumulate(A, axis))
        gradcheck(lambda t: u.accumulate(t, axis), [A])
    gradgradcheck(lambda t: u.accumulate(t), [A])
    agree(u.accumulate(leaf(A[:0])), u.accumulate(A[:0]))


@pytest.mark.parametrize("u", UFUNCS, ids=IDS)
def test_reduceat(u):
    for places in ([0, 2], [2, 0, 1], [3], [1, 1, 1]):
        agree(u.reduceat(leaf(A), places), u.reduceat(A, places))
        gradcheck(lambda t: u.reduceat(t, places), [A])
    agree(u.reduceat(leaf(A), [0, 2], axis=1), u.reduceat(A, [0, 2], axis=1))
    gradgradcheck(lambda t: u.reduceat(t, [2, 0, 1]), [A])


@pytest.mark.parametrize("u", UFUNCS, ids=IDS)
def test_outer(u):
    agree(u.outer(leaf(A), B), u.outer(A, B))
    agree(u.outer(A, leaf(B), dtype=np.float32), u.outer(A, B, dtype=np.float32))
    gradcheck(u.outer, [A, B])


@pytest.mark.parametrize("u", UFUNCS, ids=IDS)
def test_at_counts_every_time_a_place_comes_up(u):
    places = [0, 1, 0, 3, 0]
    values = RNG.uniform(0.5, 1.5, 5)

    def changed(t, v):
        t = t * 1.0
        assert u.at(t, places, v) is None
        return t

    theirs = B.copy()
    u.at(theirs, places, values)
    agree(changed(leaf(B), values), theirs)
    gradcheck(changed, [B, values])
    gradgradcheck(changed, [B, values])


def test_at_with_slices_masks_and_one_operand():
    t = leaf(A) * 1.0
    theirs = A.copy()
    for index in ((slice(None), 1), A > 1, (np.array([0, 0]), slice(1, None))):
        np.multiply.at(t, index, 2.0)
        np.multiply.at(theirs, index, 2.0)
        np.sin.at(t, index)
        np.sin.at(theirs, index)
    agree(t, theirs)


def test_at_of_what_cannot_hold_the_gradient():
    with pytest.raises(TypeError, match="make it a Tensor"):
        np.add.at(np.zeros(3), [0], leaf(1.0))
    x = leaf(A)
    with pytest.raises(RuntimeError, match="leaf requires grad"):
        np.add.at(x, 0, 1.0)
    t = x * 1.0
    with pytest.raises(IndexError):
        np.add.at(t, [9], 1.0)
    assert np.array_equal(t.data, A)


def test_running_extrema_share_ties_so_far():
    x = leaf([1.0, 3.0, 3.0, 2.0, 3.0, 4.0])
    (g,) = tg.grad(np.maximum.accumulate(x), [x], np.array([1.0, 10, 100, 1000, 10000, 1e5]))
    # the three 3s: 10; 100 and 1000 in halves; 10000 in thirds
    np.testing.assert_allclose(g.data, [1, 10 + 550 + 1e4 / 3, 550 + 1e4 / 3, 0, 1e4 / 3, 1e5])
    x = leaf([2.0, np.nan, 1.0, np.nan])
    (g,) = tg.grad(np.maximum.accumulate(x), [x], np.ones(4))
    np.testing.assert_allclose(g.data, [1, 2.5, 0, 0.5])
    (g,) = tg.grad(np.fmin.accumulate(x), [x], np.ones(4))
    np.testing.assert_allclose(g.data, [2, 0, 2, 0])


def test_fmax_reduce_gives_nothing_to_nan():
    x = leaf([[np.nan, 1.0, 3.0], [np.nan, np.nan, np.nan]])
    y = np.fmax.reduce(x, axis=1)
    np.testing.assert_array_equal(y.data, [3.0, np.nan])
    (g,) = tg.grad(y[0], [x])
    np.testing.assert_array_equal(g.data, [[0, 0, 1.0], [0, 0, 0]])


def test_folds_where_numpys_own_loop_is_wrong():
    """NumPy 2.4 computes power.reduce and arctan2.reduce of a contiguous axis from the first and last element alone."""
    for u in (np.power, np.arctan2, np.float_power):
        expected = B[0]
        for b in B[1:]:
            expected = u(expected, b)
        assert u.reduce(leaf(B)).item() == pytest.approx(expected, rel=1e-14)
        gradcheck(u.reduce, [B])


def test_without_a_gradient():
    x = leaf(A)
    assert np.logical_and.reduce(x).tolist() == [True] * 3
    assert not np.greater.outer(x, 1.0).requires_grad
    assert np.bitwise_or.reduce(tg.tensor([1, 2, 4])).item() == 7
    assert np.floor_divide.reduce(x).requires_grad is False


def test_errors_are_numpys():
    x = leaf(A)
    with pytest.raises(ValueError, match="reorderable"):
        np.subtract.reduce(x, axis=(0, 1))
    with pytest.raises(ValueError, match="identity"):
        np.maximum.reduce(x[:0])
    with pytest.raises(np.exceptions.AxisError):
        np.hypot.reduce(x, axis=5)
    with pytest.raises(IndexError):
        np.add.reduceat(x, [7])
    with pytest.raises(ValueError, match="outer"):
        np.exp.outer(x, x)
    with pytest.raises(TypeError, match="nextafter"):
        np.nextafter.accumulate(x)
    with pytest.raises(RuntimeError, match="signature"):
        np.matmul.reduce(x)


@pytest.mark.parametrize("u", [np.hypot, np.logaddexp, np.fmax], ids=lambda u: u.__name__)
def test_several_axes_and_out(u):
    agree(u.reduce(leaf(A), axis=(0, 1)), np.asarray(u.reduce(A, axis=(0, 1))))
    agree(u.reduce(leaf(A), axis=None), np.asarray(u.reduce(A, axis=None)))
    out = tg.zeros(3)
    assert u.reduce(leaf(A), out=out) is out
    assert out.requires_grad
    agree(out, u.reduce(A))
    with pytest.raises(TypeError, match="ndarray"):
        u.reduce(leaf(A), out=np.zeros(3))


def test_keywords_of_a_call():
    x = leaf(B)
    out = tg.zeros(4)
    assert np.exp(x, out=out, where=B > 1) is out
    agree(out, np.where(B > 1, np.exp(B), 0.0))
    fraction, whole = tg.zeros(4), tg.zeros(4)
    result = np.modf(x, out=(fraction, whole))
    assert result[0] is fraction
    assert result[1] is whole
    agree(fraction, np.modf(B)[0])
    agree(np.add(x, 1, dtype=np.float32, casting="same_kind"), np.add(B, 1, dtype=np.float32))
    with pytest.raises(TypeError, match="safe"):
        np.add(x, 1, dtype=np.float32, casting="safe")
    y = np.exp(leaf(A), order="F")
    assert y.data.flags.f_contiguous
    for call in (lambda: np.exp(x, where=B > 1), lambda: np.exp(x, signature="d->d"), lambda: np.exp(x, axis=0)):
        with pytest.raises(TypeError, match=r"where|signature|axis"):
            call()


def test_axes_of_products():
    x, y = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(4, 3, 5))
    for u, arrays, options in [
        (np.matmul, (x, y), {"axes": [(0, 2), (0, 2), (1, 2)]}),
        (np.vecdot, (x, x), {"axis": 1}),
        (np.vecdot, (x, x), {"axis": 1, "keepdims": True}),
        (np.vecdot, (x, x), {"axes": [1, 1]}),
    ]:
        agree(u(*map(leaf, arrays), **options), u(*arrays, **options))
        gradcheck(lambda *ts: u(*ts, **options), list(arrays))
    with pytest.raises(ValueError, match="axes"):
        np.matmul(leaf(x), y, axes=[(0, 2), (0, 2)])
