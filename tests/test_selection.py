"""Choosing between arrays, writing into them in place, inserting and deleting, windows, functions of slices; order."""

from __future__ import annotations

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import forward
from tapegrad.check import gradcheck, gradgradcheck
from tapegrad.ops import selection as S
from tapegrad.ops import sorting as O

RNG = np.random.default_rng(11)
X, Y = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))
V = RNG.normal(size=5)
MASK = np.array([[True, False, True, True], [False, True, True, False], [True, True, False, True]])
windows = np.lib.stride_tricks.sliding_window_view


def leaf(a, **kw):
    return tg.tensor(a, requires_grad=True, **kw)


def checked(f, *arrays):
    """First and second order against differences, and forward against backward."""
    gradcheck(f, arrays, directions=1)
    gradgradcheck(f, arrays, directions=1)
    leaves = [leaf(a) for a in arrays]
    out = f(*leaves)
    rng = np.random.default_rng(2)
    u, v = rng.normal(size=out.shape), [rng.normal(size=a.shape) for a in arrays]
    (pushed,) = forward.push([out], leaves, v)
    pulled = tg.grad(out, leaves, u)
    assert np.sum(u * pushed) == pytest.approx(sum(np.sum(g.data * w) for g, w in zip(pulled, v, strict=True)))


def same(ours, theirs):
    assert isinstance(ours, tg.Tensor)
    theirs = np.asarray(theirs)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours.data, theirs)


def gradients(out, *leaves):
    return [g.data.tolist() for g in tg.grad(out.sum(), leaves)]


# -- choose, select, piecewise -------------------------------------------------------------------------------


def test_choose():
    which = np.array([0, 1, 1, 0])
    same(np.choose(which, [leaf(X), leaf(Y[0])]), np.choose(which, [X, Y[0]]))
    checked(lambda a, b: np.choose(which, [a, b]), X, Y[0])
    x, y = leaf(X), leaf(Y[0])
    gx, gy = gradients(np.choose(which, [x, y]), x, y)
    assert gx == [[1, 0, 0, 1]] * 3
    assert gy == [0, 3, 3, 0]
    same(np.choose(tg.tensor(which), [X, Y]), np.choose(which, [X, Y]))


def test_choose_from_the_rows_of_one_array():
    which = np.array([[0, 2, 1, 0]])
    same(np.choose(which, leaf(X)), np.choose(which, X))
    checked(lambda a: np.choose(which, a), X)


@pytest.mark.parametrize("mode", ["wrap", "clip"])
def test_choose_modes(mode):
    which = np.array([-1, 5, 1, 0])
    same(np.choose(which, [leaf(X), leaf(Y)], mode=mode), np.choose(which, [X, Y], mode=mode))


def test_choose_numbers_are_weak_and_out_is_honoured():
    x = leaf(X.astype(np.float32))
    assert np.choose([[0], [1], [0]], [x, 2.5]).dtype == np.float32
    out = tg.tensor(np.zeros((3, 4), np.float32))
    assert np.choose([[0], [1], [0]], [x, 2.5], out=out) is out
    assert gradients(out, x)[0] == [[1] * 4, [0] * 4, [1] * 4]


def test_choose_errors():
    with pytest.raises(ValueError, match=r"choose: a must be in \[0, 2\) for 2 choices, got 0 to 2"):
        np.choose([0, 2], [leaf(V), V])
    with pytest.raises(TypeError, match="integers, got float64"):
        np.choose(leaf([0.0]), [1.0, 2.0])
    with pytest.raises(ValueError, match="mode 'no'"):
        np.choose([0], [leaf(V), V], mode="no")
    with pytest.raises(ValueError, match="at least one choice"):
        S.choose(tg.tensor([0]), [])


def test_a_branch_not_chosen_gets_zero_also_where_its_slope_is_infinite():
    x = leaf([0.0, 4.0])
    with np.errstate(all="ignore"):
        for y in (
            np.choose([1, 0], [np.sqrt(x), 0.0 * x]),
            np.select([x.data > 0], [np.sqrt(x)], 0.0),
            np.piecewise(x, [x.data > 0], [np.sqrt, 0.0]),
        ):
            assert gradients(y, x) == [[0.0, 0.25]]


def test_select():
    def f(np, a, b):
        return np.select([X < -0.5, X < 0.5], [a, b * a], b[0])

    same(f(np, leaf(X), leaf(Y)), f(np, X, Y))
    checked(lambda a, b: f(np, a, b), X, Y)
    x, y = leaf(V), leaf(2.0)
    gx, gy = gradients(np.select([V > 9, V > 0], [x * 3, x], y), x, y)
    assert gx == np.where(V > 0, 1.0, 0.0).tolist()
    assert gy == (V <= 0).sum()


def test_select_broadcasts_and_keeps_numbers_weak():
    x = leaf(X[:, :1].astype(np.float32))
    y = np.select([np.arange(4) > 1, tg.tensor([[True], [False], [False]])], [x, 1], 2.5)
    same(y, np.select([np.arange(4) > 1, np.array([[True], [False], [False]])], [x.data, 1], 2.5))
    assert y.dtype == np.float32
    assert gradients(y, x) == [[[2.0]] * 3]


def test_select_errors():
    with pytest.raises(TypeError, match="condition 0 must be of bools, got int64"):
        np.select([np.arange(5)], [leaf(V)])
    with pytest.raises(ValueError, match="1 conditions, but 2 choices"):
        np.select([V > 0], [leaf(V), V])
    with pytest.raises(ValueError, match="at least one condition"):
        S.select([], [])


def test_piecewise():
    conditions = [X < 0, X > 0.7]
    same(np.piecewise(leaf(X), conditions, [np.sin, -1.0, np.exp]), np.piecewise(X, conditions, [np.sin, -1.0, np.exp]))
    checked(lambda a, b: np.piecewise(a, [X < 0, X >= 0], [lambda v: v**3 * b, lambda v: 2 / v]), X, np.array(2.0))
    x, c = leaf([-1.0, 2.0, 5.0]), leaf(7.0)
    y = np.piecewise(x, [x.data > 0, x.data > 3], [np.square, c])  # of two conditions the last counts
    assert y.tolist() == [0.0, 4.0, 7.0]
    assert gradients(y, x, c) == [[0.0, 4.0, 0.0], 1.0]


def test_piecewise_functions_get_flat_tensors_and_arguments():
    seen = []

    def f(v, power, scale):
        seen.append(v)
        return scale * v**power

    y = np.piecewise(leaf(X), [X < 0], [f, f], 2, scale=3.0)
    np.testing.assert_allclose(y.data, 3 * X**2)
    assert [type(v) for v in seen] == [tg.Tensor] * 2
    assert [v.shape for v in seen] == [((X < 0).sum(),), ((X >= 0).sum(),)]
    assert np.piecewise(leaf(3.0), [False, True], [1.0, np.square]).item() == 9.0


def test_piecewise_errors():
    with pytest.raises(ValueError, match="with 1 conditions, 1 or 2 functions are expected, got 3"):
        np.piecewise(leaf(V), [V > 0], [1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match="piecewise: an array of dtype int64 cannot take values that require grad"):
        np.piecewise(tg.tensor([1, 2]), [np.array([True, False])], [leaf(1.5)])


# -- writing in place ----------------------------------------------------------------------------------------

WRITES = {
    "put": (lambda t, v: np.put(t, [0, 5, -1], v), [X, V[:3]]),
    "put short": (lambda t, v: np.put(t, [0, 5, -1, 2], v), [X, V[:3]]),
    "put long": (lambda t, v: np.put(t, [[0, 5]], v), [X, V]),
    "put repeated": (lambda t, v: np.put(t, [3, 0, 3], v), [X, V[:3]]),
    "put wrap": (lambda t, v: np.put(t, [-14, 12, 3], v, mode="wrap"), [X, V[:3]]),
    "put clip": (lambda t, v: np.put(t, [-14, 99], v, "clip"), [X, V[:2]]),
    "put nothing": (lambda t, v: np.put(t, [0], v), [X, V[:0]]),
    "place": (lambda t, v: np.place(t, MASK, v), [X, V]),
    "place one": (lambda t, v: np.place(t, MASK, v), [X, V[0]]),
    "putmask": (lambda t, v: np.putmask(t, MASK, v), [X, Y]),
    "putmask short": (lambda t, v: np.putmask(t, MASK, v), [X, V]),
    "copyto": (lambda t, v: np.copyto(t, v), [X, Y[0]]),
    "copyto where": (lambda t, v: np.copyto(t, v, where=MASK[0]), [X, Y[:, :1]]),
    "fill_diagonal": (lambda t, v: np.fill_diagonal(t, v), [X, V[:3]]),
    "fill_diagonal wrap": (lambda t, v: np.fill_diagonal(t, v, wrap=True), [RNG.normal(size=(7, 3)), V[:2]]),
    "fill_diagonal cube": (lambda t, v: np.fill_diagonal(t, v), [RNG.normal(size=(3, 3, 3)), V[0]]),
    "put_along_axis": (lambda t, v: np.put_along_axis(t, np.array([[1], [0], [-1]]), v, 1), [X, Y[:, :1]]),
    "put_along_axis flat": (lambda t, v: np.put_along_axis(t, np.array([1, 7]), v, None), [X, V[:2]]),
    "put_along_axis repeated": (lambda t, v: np.put_along_axis(t, np.array([[1, 1]]), v, 1), [X, Y[:, :2]]),
}


@pytest.mark.parametrize("name", WRITES)
def test_writing_in_place(name):
    f, (a, v) = WRITES[name]

    def written(t, w):
        t = t * 1
        assert f(t, w) is None
        return t

    same(written(leaf(a), leaf(v)), written(a, v))
    checked(written, a, v)
    same(written(tg.tensor(a[:, ::-1]), v), written(a[:, ::-1], v))
    assert not np.shares_memory(written(tg.tensor(a), tg.tensor(v)).data, a)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_writing_keeps_the_dtype_of_what_is_written_to(dtype):
    t, v = leaf(X.astype(dtype)), leaf(V[:3])
    y = t * 1
    np.put(y, [0, 1, 2], v)
    assert y.dtype == dtype
    gt, gv = tg.grad(abs(y).sum(), (t, v))
    assert gt.dtype == dtype
    assert gv.dtype == np.float64
    np.testing.assert_allclose(gv.data, np.sign(V[:3]), rtol=1e-6)
    assert not gt.data.reshape(-1)[:3].any()


def test_of_values_for_one_place_the_last_wins_and_alone_has_the_gradient():
    x, v = leaf([1.0, 2.0, 3.0]), leaf([10.0, 20.0, 30.0])
    y = x * 1
    np.put(y, [2, 0, 2], v)
    assert y.tolist() == [20.0, 2.0, 30.0]
    assert gradients(y, x, v) == [[0.0, 1.0, 0.0], [0.0, 1.0, 1.0]]
    y = x * 1
    np.put_along_axis(y, np.array([1, 1, 1]), v, 0)
    assert gradients(y, x, v) == [[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]


def test_values_written_over_and_over_add_up_their_gradients():
    v = leaf([1.0, 2.0])
    y = tg.zeros((3, 3))
    np.place(y, np.ones((3, 3), bool), v)
    assert y.tolist() == [[1.0, 2.0, 1.0], [2.0, 1.0, 2.0], [1.0, 2.0, 1.0]]
    assert gradients(y, v) == [[5.0, 4.0]]
    y = tg.zeros((3, 3))
    np.fill_diagonal(y, v)
    assert gradients(y, v) == [[2.0, 1.0]]


def test_the_result_comes_back_where_it_is_not_to_be_in_place():
    x, v = leaf(X), leaf(V[:2])
    y = S.put_along_axis(x, [1, 7], v, None, inplace=False)
    same(x, X)
    assert gradients(y, v) == [[1.0, 1.0]]
    for f, *args in (
        (S.put, [0, 1], v), (S.place, MASK, v), (S.putmask, MASK, v), (S.copyto, v[0]), (S.fill_diagonal, v)
    ):  # fmt: skip
        y = f(x, *args, inplace=False)
        assert isinstance(y, tg.Tensor)
        assert gradients(y, v)[0] != [0.0, 0.0]
        assert f(X, *[a.data if a is v else a.item() if isinstance(a, tg.Tensor) else a for a in args],
                 inplace=False).tolist() == y.tolist()  # fmt: skip
    same(x, X)
    y = S.put(np.zeros(3), [1], v, inplace=False)  # an ndarray, and values with a gradient
    assert y.tolist() == [0.0, V[0], 0.0]


def test_an_ndarray_cannot_take_values_that_require_grad():
    a = np.zeros((3, 3))
    for f, *args in (
        (np.put, [0], leaf(1.0)), (np.place, MASK[:, :3], leaf([1.0])), (np.putmask, MASK[:, :3], leaf(1.0)),
        (np.copyto, leaf(1.0)), (np.put_along_axis, np.array([[0]]), leaf([[1.0]]), 1),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=r"is an ndarray, which cannot carry the gradient.*inplace=False"):
            f(a, *args)
    with pytest.raises(TypeError, match="would silently lose its history"):
        np.fill_diagonal(a, leaf(1.0))
    assert not a.any()
    np.put(a, tg.tensor([1]), tg.tensor([5.0]))  # without a gradient it can
    with tg.no_grad():
        np.put(a, [2], leaf(6.0))
    assert a[0].tolist() == [0.0, 5.0, 6.0]


def test_what_cannot_be_written_stays_as_it_was():
    with pytest.raises(RuntimeError, match="this leaf requires grad and cannot be changed in place"):
        np.put(x := leaf(X), [0], 1.0)
    same(x, X)
    y = x * 1
    with pytest.raises(RuntimeError, match="would be a view"):
        np.fill_diagonal(y[1:], 0.0)
    for f in (
        lambda: np.put(y, [99], 1.0),
        lambda: np.put(y, [0], 1.0, mode="no"),
        lambda: np.copyto(y, np.ones(3)),
        lambda: np.putmask(y, [True], 1.0),
        lambda: np.place(y, MASK, np.zeros(0)),
        lambda: np.put_along_axis(y, np.array([9]), 1.0, 0),
    ):
        with pytest.raises((ValueError, IndexError)):
            f()
    with pytest.raises(TypeError, match="Cannot cast"):
        np.copyto(y, 1j)
    with pytest.raises(TypeError, match="put: an array of dtype int64 cannot take values that require grad"):
        np.put(tg.tensor([1, 2]), [0], leaf(1.5))
    same(y, X)
    with tg.no_grad():
        np.put(x, [0], 5.0)
    assert x.data[0, 0] == 5.0
    assert x.requires_grad


def test_writing_does_not_change_what_was_recorded_before():
    x = leaf(X)
    y = x * 2
    z = y * y
    np.copyto(y, 0.0)
    np.testing.assert_allclose(tg.grad(z.sum(), x, retain_graph=True).data, 8 * X)
    assert not tg.grad((y * y).sum(), x).data.any()


# -- insert, delete, resize, trim_zeros, block ----------------------------------------------------------------


@pytest.mark.parametrize("obj", [1, -1, [0, 2, 2], [3], slice(None, None, 2), np.array([True, False, True, False]), []])
@pytest.mark.parametrize("axis", [1, None])
@pytest.mark.filterwarnings("ignore:in the future insert")  # NumPy before 2.1 takes bools for 0 and 1, and says so
def test_insert(obj, axis):
    value = np.array(7.5)
    same(np.insert(leaf(X), obj, leaf(value), axis=axis), np.insert(X, obj, value, axis=axis))
    checked(lambda a, b: np.insert(a, obj, b, axis=axis), X, value)


def test_insert_rows_of_values():
    checked(lambda a, b: np.insert(a, 1, b, axis=1), X, V[:3])
    checked(lambda a, b: np.insert(a, [1, 3], b, axis=1), X, Y[:, :2])
    same(np.insert(leaf(X), 1, leaf(V[:3]), axis=1), np.insert(X, 1, V[:3], axis=1))
    same(np.insert(X, 1, leaf(V[:4]), axis=0), np.insert(X, 1, V[:4], axis=0))
    same(np.insert(leaf(X), tg.tensor([0, 1]), 5, axis=0), np.insert(X, [0, 1], 5, axis=0))
    assert np.insert(leaf(X.astype(np.float32)), 0, 1.5).dtype == np.float32
    with pytest.raises(IndexError):
        np.insert(leaf(X), 9, 1.0, axis=0)
    with pytest.raises(TypeError, match="insert: an array of dtype int64 cannot take values that require grad"):
        np.insert(tg.tensor([1, 2]), 0, leaf(1.5))


@pytest.mark.parametrize(
    "obj", [1, -1, [0, 2, 2], slice(None, None, 2), slice(2, None, -1), np.array([True, False, True, False]), []]
)
def test_delete(obj):
    same(np.delete(leaf(X), obj, axis=1), np.delete(X, obj, axis=1))
    checked(lambda a: np.delete(a, obj, axis=1), X)
    if not isinstance(obj, np.ndarray):
        same(np.delete(leaf(X), obj), np.delete(X, obj))
    same(np.delete(leaf(X), tg.tensor([0, -1]), 0), X[1:2])


def test_delete_errors():
    with pytest.raises(IndexError):
        np.delete(leaf(X), 9, axis=0)
    with pytest.raises(np.exceptions.AxisError):
        np.delete(leaf(X), 0, axis=2)


@pytest.mark.parametrize("shape", [(5, 3), 2, (2, 2, 2), (), (0, 3), (30,)])
def test_resize(shape):
    same(np.resize(leaf(X), shape), np.resize(X, shape))
    if np.prod(shape):
        checked(lambda a: np.resize(a, shape), X)


def test_resize_repeats_and_its_gradients_add_up():
    x = leaf([1.0, 2.0, 3.0])
    assert gradients(np.resize(x, 8), x) == [[3.0, 3.0, 2.0]]
    same(np.resize(tg.zeros((0,)), (2, 2)), np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"resize: lengths must not be negative, got \(2, -1\)"):
        np.resize(x, (2, -1))


@pytest.mark.parametrize("trim", ["fb", "f", "b", "BF"])
def test_trim_zeros(trim):
    v = np.concatenate([np.zeros(2), V, [0.0], V, np.zeros(3)])
    same(np.trim_zeros(leaf(v), trim), np.trim_zeros(v, trim))
    x = leaf(v)
    kept = np.trim_zeros(np.where(v, 1.0, 0.0), trim)
    assert tg.grad(np.trim_zeros(x, trim).sum(), x).data.sum() == len(kept)


def test_trim_zeros_along_axes():
    a = np.pad(X, ((1, 2), (0, 1)))
    x = leaf(a)
    same(S.trim_zeros(x), X)
    same(S.trim_zeros(x, "f", axis=0), a[1:])
    assert S.trim_zeros(x, axis=()) is x
    assert S.trim_zeros(tg.zeros((3, 2)), "f").shape == (0, 0)
    with pytest.raises(ValueError, match="trim 'x'"):
        np.trim_zeros(leaf(V), "x")


def test_block():
    def f(a, b):
        return np.block([[a, np.eye(3)], [b[:1], np.ones((1, 3))]])

    same(f(leaf(X), leaf(Y)), f(X, Y))
    checked(lambda a, b: np.block([[[a], [b]]]), X, Y)
    same(np.block([leaf(V), 1.5, V]), np.block([V, 1.5, V]))
    same(np.block([[leaf(V)], [V]]), np.block([[V], [V]]))
    x = leaf(V)
    y = np.block(x)
    assert y is not x
    assert not np.shares_memory(y.data, x.data)


def test_block_errors():
    with pytest.raises(ValueError, match=r"the lists in arrays are nested to different depths: \[0, 1\]"):
        np.block([leaf(V), [leaf(V)]])
    with pytest.raises(TypeError, match=r"arrays\[1\] is a tuple"):
        np.block([leaf(V), (V, V)])
    with pytest.raises(ValueError, match=r"the list arrays\[1\] is empty"):
        np.block([[leaf(V)], []])
    with pytest.raises(ValueError, match="all other lengths must agree"):
        np.block([leaf(X), V])


# -- windows, functions of slices ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "axis"), [((2, 3), None), (2, 0), ((3,), -1), ((2, 2), (1, 0)), ((2, 2), (1, 1)), ((3, 4), None), (0, 1)]
)
def test_sliding_windows(shape, axis):
    same(windows(leaf(X), shape, axis), windows(X, shape, axis))
    if np.all(shape):
        checked(lambda a: windows(a, shape, axis), X)


def test_sliding_windows_share_memory_and_cannot_be_written():
    x = tg.tensor(V)
    y = windows(x, 2)
    assert np.shares_memory(y._data, x._data)
    with pytest.raises(RuntimeError, match="would be a view"):
        y[0] = 1.0
    with pytest.raises(TypeError, match="writeable=False"):
        windows(x, 2, writeable=True)
    x = leaf([1.0, 2.0, 3.0, 4.0])
    assert gradients(windows(x, 3), x) == [[1.0, 2.0, 2.0, 1.0]]


def test_sliding_window_errors():
    with pytest.raises(ValueError, match=r"a window of 4 does not fit axis 0 of \(3, 4\)"):
        windows(leaf(X), (4, 2))
    with pytest.raises(ValueError, match="must have 2 lengths"):
        windows(leaf(X), 2)
    with pytest.raises(ValueError, match="differ in length"):
        windows(leaf(X), (2, 2), 0)
    with pytest.raises(ValueError, match="must not be negative"):
        windows(leaf(V), -1)


def test_apply_along_axis():
    for axis in (0, 1, -1):
        f = lambda v: np.outer(v, v[:2])
        same(np.apply_along_axis(f, axis, leaf(X)), np.apply_along_axis(f, axis, X))
        checked(lambda a, axis=axis: np.apply_along_axis(lambda v: v * v.sum(), axis, a), X)
    checked(lambda a: np.apply_along_axis(np.sum, 0, a), X)
    same(np.apply_along_axis(lambda v, k, by: by * v[k], 1, leaf(X), 2, by=3.0), 3 * X[:, 2])
    seen = []
    np.apply_along_axis(lambda v: seen.append(v) or v.sum(), 1, leaf(X))
    assert [(type(v), v.shape) for v in seen] == [(tg.Tensor, (4,))] * 3


def test_apply_along_axis_errors():
    with pytest.raises(ValueError, match="there are no slices"):
        np.apply_along_axis(np.sum, 0, leaf(np.zeros((3, 0))))
    with pytest.raises(np.exceptions.AxisError):
        np.apply_along_axis(np.sum, 2, leaf(X))


def test_apply_over_axes():
    a = RNG.normal(size=(2, 3, 4))
    same(np.apply_over_axes(np.sum, leaf(a), [0, -1]), np.apply_over_axes(np.sum, a, [0, -1]))
    checked(lambda t: np.apply_over_axes(np.prod, t, (0, 2)), a)
    with pytest.raises(ValueError, match="apply_over_axes"):
        np.apply_over_axes(lambda v, axis: v.sum(), leaf(a), 0)


# -- order ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kth", [0, 2, -1, [1, 3], np.array([2])])
@pytest.mark.parametrize("axis", [0, -1, None])
def test_partition(kth, axis):
    a = RNG.normal(size=(6, 5))
    same(np.partition(leaf(a), kth, axis), np.partition(a, kth, axis))
    checked(lambda t: np.partition(t, kth, axis), a)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.complex64, np.int32, np.bool_])
def test_partition_is_numpys_own_also_where_it_has_a_choice(dtype):
    a = (RNG.normal(size=(3, 1000)) * 3).astype(dtype)
    a[0, ::7] = a[0, 0]
    y = np.partition(tg.tensor(a), 500)
    same(y, np.partition(a, 500))
    _, order = O.partition_op.with_aux(a, kth=500, axis=1)
    np.testing.assert_array_equal(np.sort(order, axis=1), np.broadcast_to(np.arange(1000), a.shape))
    np.testing.assert_array_equal(np.take_along_axis(a, order, 1), y.data)


def test_partition_with_nan_and_ties():
    x = leaf([2.0, np.nan, 1.0, 2.0, 0.0])
    y = np.partition(x, [1, 4])
    assert np.isnan(y.data[4])
    assert y.data[1] == 1.0
    (g,) = tg.grad([y], [x], [np.arange(5.0)])
    assert g.data[1] == 4.0
    assert sorted(g.data.tolist()) == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_partition_errors():
    with pytest.raises(ValueError, match="kth 5 is out of bounds: axis 0 has 5 elements"):
        np.partition(leaf(V), 5)
    with pytest.raises(TypeError, match="kth must be ints"):
        np.partition(leaf(V), 1.0)
    with pytest.raises(ValueError, match="introselect"):
        np.partition(leaf(V), 1, kind="quick")
    with pytest.raises(np.exceptions.AxisError):
        np.partition(leaf(1.0), 0)


def test_methods_of_a_tensor():
    x, v = leaf(V), leaf([7.0, 8.0])
    y = x * 1
    assert y.partition(2) is None
    same(y, np.partition(V, 2))
    (g,) = tg.grad([y], [x], [np.arange(5.0)])
    np.testing.assert_array_equal(V[np.argsort(g.data)], y.data)
    z = x * 1
    z.put([0, -1], v, mode="wrap")
    assert gradients(z, x, v) == [[0.0, 1.0, 1.0, 1.0, 0.0], [1.0, 1.0]]
    assert tg.tensor([1, 0]).choose([x[:2], v]).tolist() == [7.0, V[1]]
    with pytest.raises(RuntimeError, match="this leaf requires grad"):
        x.partition(1)


def test_sort_says_what_it_does_not_know():
    same(np.sort(leaf(X), kind="heapsort"), np.sort(X))
    with pytest.raises(ValueError, match="kind 'bogo' is not one of"):
        np.sort(leaf(V), kind="bogo")
    with pytest.raises(ValueError, match="give kind or stable"):
        np.sort(leaf(V), kind="stable", stable=True)


def test_sort_complex():
    z = X[0] + 1j * np.array([1.0, -1.0, 0.5, 2.0])
    same(np.sort_complex(leaf(z)), np.sort_complex(z))
    gradcheck(np.sort_complex, [z])
    for dtype in (np.float32, np.float64, np.int16, np.int64, bool):
        same(np.sort_complex(tg.tensor(X.astype(dtype))), np.sort_complex(X.astype(dtype)))
    x = leaf(V)
    (g,) = tg.grad([np.sort_complex(x)], [x], [np.arange(5) * (1 + 1j)])
    np.testing.assert_array_equal(g.data, np.argsort(np.argsort(V)))


# -- integers ------------------------------------------------------------------------------------------------


def test_functions_of_indices():
    t = tg.tensor(X)
    for ours, theirs in (
        (np.lexsort((t[0], t[1])), np.lexsort((X[0], X[1]))),
        (np.argpartition(t, 1, axis=0), np.argpartition(X, 1, axis=0)),
        (np.packbits(t > 0, axis=1), np.packbits(X > 0, axis=1)),
        (np.unpackbits(tg.tensor(np.array([3], np.uint8)), count=3), np.array([0, 0, 0], np.uint8)),
        (np.ravel_multi_index((tg.tensor([0, 1]), tg.tensor([2, 3])), (3, 4)), np.array([2, 7])),
    ):
        same(ours, theirs)
    for ours, theirs in (
        (np.ix_(t[0] > 0, [1, 2]), np.ix_(X[0] > 0, [1, 2])),
        (np.unravel_index(tg.tensor([1, 7]), (3, 4), order="F"), np.unravel_index([1, 7], (3, 4), order="F")),
        (np.diag_indices_from(t[:, :3]), np.diag_indices_from(X[:, :3])),
        (np.tril_indices_from(t, 1), np.tril_indices_from(X, 1)),
        (np.triu_indices_from(t), np.triu_indices_from(X)),
    ):
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
    assert np.min_scalar_type(tg.tensor(3)) == np.uint8
    same(t[np.ix_([0, 2], tg.tensor([1, 3]))], X[np.ix_([0, 2], [1, 3])])
    with pytest.raises(ValueError, match=r"number 1 has shape \(\)"):
        np.ix_([1], tg.tensor(3))


def test_a_tensor_given_as_out_by_position_takes_the_result():
    out = tg.tensor(np.zeros(4, np.intp))
    assert np.argmax(leaf(X), 0, out) is out
    same(out, np.argmax(X, 0))
