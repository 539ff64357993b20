"""Sets: values as in NumPy, each with the gradient of the element it was taken from."""

from __future__ import annotations

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.check import gradcheck, gradgradcheck
from tapegrad.ops import sets as S

RNG = np.random.default_rng(3)
X = RNG.normal(size=(3, 4))
V, W = RNG.normal(size=5), RNG.normal(size=4)
nan = np.nan


def leaf(a):
    return tg.tensor(a, requires_grad=True)


def same(ours, theirs):
    assert isinstance(ours, tg.Tensor)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours.data, theirs)


def gradient(out, x):
    """The gradient that numbers 1, 2, 3, ... leave in x."""
    return tg.grad([out], [x], [np.arange(1.0, out.size + 1)])[0].tolist()


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.complex64, np.int64, np.bool_])
@pytest.mark.parametrize("shape", [(12,), (3, 4), (0,), ()])
def test_unique_gives_what_numpy_gives(shape, dtype):
    a = RNG.integers(-2, 3, size=shape).astype(dtype)
    same(np.unique(tg.tensor(a)), np.unique(a))
    every = dict(return_index=True, return_inverse=True, return_counts=True)
    for options in (every, dict(return_counts=True), dict(return_inverse=True)):
        for ours, theirs in zip(np.unique(tg.tensor(a), **options), np.unique(a, **options), strict=True):
            same(ours, theirs)
    if a.ndim:
        for ours, theirs in zip(np.unique(tg.tensor(a), axis=-1, **every), np.unique(a, axis=-1, **every), strict=True):
            same(ours, theirs)


def test_a_distinct_element_has_the_gradient_of_its_first_occurrence():
    x = leaf([3.0, 1.0, 3.0, 2.0, 1.0])
    y, places, inverse, counts = np.unique(x, True, True, True)
    assert y.tolist() == [1.0, 2.0, 3.0]
    assert places.tolist() == [1, 3, 0]
    assert gradient(y, x) == [3.0, 1.0, 0.0, 2.0, 0.0]
    assert y[inverse].tolist() == x.tolist()
    assert counts.tolist() == [2, 1, 2]


def test_unique_to_second_order():
    gradcheck(lambda a: np.unique(a) ** 2, [X])
    gradgradcheck(lambda a: np.unique(a) ** 2, [X])
    rows = X[[0, 1, 0]]
    x = leaf(rows)
    y = np.unique(x, axis=0)
    same(y, np.unique(rows, axis=0))
    assert not tg.grad(y.sum(), x).data[2].any()
    gradcheck(lambda a: np.unique(a, axis=1), [X])
    z = X + 1j * X[::-1]
    gradcheck(lambda a: np.unique(a), [z])
    gradcheck(lambda a: np.unique(a, sorted=False) if S.HASHES else S.unique(a, sorted=False), [z])


def test_unique_and_nan():
    a = np.array([nan, 1.0, nan, 1.0])
    x = leaf(a)
    same(np.unique(x), np.unique(a))
    assert gradient(np.unique(x), x) == [2.0, 1.0, 0.0, 0.0]
    y = np.unique(x, equal_nan=False)
    same(y, np.unique(a, equal_nan=False))
    assert gradient(y, x) == [2.0, 1.0, 3.0, 0.0]


def test_unique_takes_any_order_for_integers_where_numpy_does():
    a = np.array([5, 3, 5, 9, 1])
    assert sorted(S.unique(tg.tensor(a), sorted=False).tolist()) == [1, 3, 5, 9]
    same(np.unique_values(tg.tensor(a)), np.unique_values(a))


def test_unique_errors():
    with pytest.raises(np.exceptions.AxisError):
        np.unique(leaf(X), axis=2)
    with pytest.raises(TypeError):
        S.unique(["a", "b"])


@pytest.mark.parametrize("f", [np.unique_all, np.unique_counts, np.unique_inverse])
def test_named_results(f):
    a = np.array([[2.0, nan, 1.0], [nan, 2.0, 2.0]])
    ours, theirs = f(leaf(a)), f(a)
    assert type(ours) is type(theirs)
    for name in theirs._fields:
        same(getattr(ours, name), getattr(theirs, name))
    x = leaf(a)
    assert gradient(f(x).values, x) == [[2.0, 3.0, 1.0], [4.0, 0.0, 0.0]]
    x = leaf(a)
    assert gradient(np.unique_values(x), x) == [[2.0, 3.0, 1.0], [4.0, 0.0, 0.0]]


def test_union():
    x, y = leaf([3.0, 1.0]), leaf([[2.0, 3.0]])
    u = np.union1d(x, y)
    assert u.tolist() == [1.0, 2.0, 3.0]
    gx, gy = tg.grad([u], [x, y], [np.array([1.0, 2.0, 3.0])])
    assert gx.tolist() == [3.0, 1.0]
    assert gy.tolist() == [[2.0, 0.0]]  # the 3 that both have is that of the first
    gradcheck(np.union1d, [V, W])
    gradgradcheck(np.union1d, [V, W])
    assert np.union1d(leaf(V.astype(np.float32)), W).dtype == np.float64


@pytest.mark.parametrize("assume_unique", [False, True])
def test_intersection(assume_unique):
    a, b = np.array([4.0, 1.0, 3.0, 7.0]), np.array([3.0, 4.0, 0.0])
    x, y = leaf(a), leaf(b)
    values, first, second = np.intersect1d(x, y, assume_unique, return_indices=True)
    for ours, theirs in zip((values, first, second), np.intersect1d(a, b, assume_unique, True), strict=True):
        same(ours, theirs)
    same(np.intersect1d(x, y, assume_unique), np.intersect1d(a, b, assume_unique))
    gx, gy = tg.grad([values], [x, y], [np.array([1.0, 2.0])], allow_unused=True)
    assert gx.tolist() == [2.0, 0.0, 1.0, 0.0]
    assert gy is None
    gradcheck(lambda v, w: np.intersect1d(v, np.concatenate([v[:3], w]), assume_unique), [V, W])


def test_intersection_with_an_ndarray_in_front_is_a_tensor_without_a_gradient():
    y = np.intersect1d(np.array([1, 2]), leaf([2.0, 3.0]))
    same(y, np.array([2.0]))
    assert not y.requires_grad


@pytest.mark.parametrize("assume_unique", [False, True])
def test_difference(assume_unique):
    a, b = np.array([4.0, 1.0, 3.0, 7.0]), np.array([3.0, 4.0, 0.0])
    x = leaf(a)
    y = np.setdiff1d(x, b, assume_unique)
    same(y, np.setdiff1d(a, b, assume_unique))
    assert gradient(y, x) == [0.0, 1.0, 0.0, 2.0]
    gradcheck(lambda v, w: np.setdiff1d(v, w, assume_unique), [V, W])
    same(np.setdiff1d(a, tg.tensor(b), assume_unique), np.setdiff1d(a, b, assume_unique))


def test_difference_of_equal_elements():
    x = leaf([5.0, 2.0, 5.0, 3.0])
    assert gradient(np.setdiff1d(x, [3.0]), x) == [2.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("assume_unique", [False, True])
def test_exclusive_or(assume_unique):
    a, b = np.array([4.0, 1.0, 3.0, 7.0]), np.array([3.0, 4.0, 0.0])
    x, y = leaf(a), leaf(b)
    z = np.setxor1d(x, y, assume_unique)
    same(z, np.setxor1d(a, b, assume_unique))
    gx, gy = tg.grad([z], [x, y], [np.array([1.0, 2.0, 3.0])])
    assert gx.tolist() == [0.0, 2.0, 0.0, 3.0]
    assert gy.tolist() == [0.0, 0.0, 1.0]
    gradcheck(lambda v, w: np.setxor1d(v, w, assume_unique), [V, W])
    gradgradcheck(lambda v, w: np.setxor1d(v, w, assume_unique), [V, W])
    same(np.setxor1d(tg.zeros((0,)), np.zeros(0)), np.zeros(0))


def test_nan_is_in_no_common_set():
    a, b = np.array([nan, 1.0, nan]), np.array([nan, 1.0])
    for f in (np.union1d, np.intersect1d, np.setdiff1d, np.setxor1d):
        same(f(leaf(a), leaf(b)), f(a, b))


def test_arrays_in_arrays_out():
    for y in (S.unique(V), S.union1d(V, W), S.intersect1d(V, W), S.setdiff1d(V, W), S.setxor1d(V, W), *S.unique_all(V)):
        assert type(y) is np.ndarray


def test_isin_looks_at_values():
    same(np.isin(leaf(V), [V[1], 9.0]), np.isin(V, [V[1], 9.0]))
    same(np.isin(V, leaf(V[2:]), invert=True), np.isin(V, V[2:], invert=True))
