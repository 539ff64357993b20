"""x[index] and t[index] = value for random shapes and indices, against NumPy; loops over items; who sees a write."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tapegrad as tg
from tapegrad.forward import push
from tapegrad.kernels import memory

RNG = np.random.default_rng(3)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
THOROUGHLY = settings(max_examples=150, deadline=None, derandomize=True)


def plain(index: Any) -> Any:
    """The index with arrays in the place of Tensors."""
    if isinstance(index, tuple):
        return tuple(plain(i) for i in index)
    return index._data if isinstance(index, tg.Tensor) else index


@st.composite
def slices(draw):
    ends = st.none() | st.integers(-6, 6)
    return slice(draw(ends), draw(ends), draw(st.sampled_from([None, 1, 2, 3, -1, -2, -3])))


@st.composite
def places(draw, n, shape):
    """An array of places on an axis of length n, in one of the forms in which it can be given."""
    if n == 0:
        shape = (*shape[:-1], 0) if shape else (0,)
    array = draw(hnp.arrays(np.intp, shape, elements=st.integers(-n, n - 1) if n else st.just(0)))
    form = draw(st.sampled_from(["array", "list", "int8", "Tensor"]))
    if form == "list" and array.size:
        return array.tolist()
    return {"int8": array.astype(np.int8), "Tensor": tg.tensor(array)}.get(form, array)


@st.composite
def indices(draw, shape):
    """An index that NumPy may or may not take for an array of this shape."""
    common = draw(st.sampled_from([(), (1,), (2,), (3,), (2, 3), (0,)]))  # what all arrays in it broadcast to
    parts: list[Any] = []
    axis, dots = 0, False
    while axis < len(shape) and len(parts) < 6:
        n = shape[axis]
        kinds = ["int", "slice", "slice", "None", "array", "array", "mask", "bool", "0-d", "stop"]
        kind = draw(st.sampled_from(kinds if dots else [*kinds, "..."]))
        if kind == "stop":
            break
        if kind == "None":
            parts.append(None)
            continue
        if kind == "bool":
            parts.append(draw(st.sampled_from([True, False, np.True_, np.array(False)])))
            continue
        used = 1
        if kind == "...":
            parts.append(Ellipsis)
            dots, used = True, draw(st.integers(0, len(shape) - axis))
        elif kind == "slice":
            parts.append(draw(slices()))
        elif kind == "mask":
            used = draw(st.integers(1, len(shape) - axis))
            mask = draw(hnp.arrays(bool, shape[axis : axis + used]))
            parts.append(draw(st.sampled_from([mask, tg.tensor(mask)])))
        elif kind == "array":
            some = draw(st.sampled_from([common, common, (1,) * len(common), common[1:]]))
            parts.append(draw(places(n, some)))
        else:
            at = draw(st.integers(-n, n - 1)) if n else 0
            parts.append(at if kind == "int" else draw(st.sampled_from([np.array(at), np.int64(at), tg.tensor(at)])))
        axis += used
    return parts[0] if len(parts) == 1 and draw(st.booleans()) else tuple(parts)


@st.composite
def arrays_and_indices(draw):
    shape = draw(SHAPES)
    x = np.arange(1.0, 1.0 + int(np.prod(shape))).reshape(shape)
    layout = draw(st.sampled_from(["C", "F", "reversed"]))
    if layout != "C" and x.ndim:
        x = np.asfortranarray(x) if layout == "F" else x[::-1]
    return x, draw(indices(shape))


def by_numpy(f: Any) -> tuple[Any, Any]:
    """What NumPy gives, and what it raises."""
    try:
        return f(), None
    except (IndexError, ValueError, TypeError) as error:
        return None, error


@THOROUGHLY
@given(arrays_and_indices())
def test_getitem(both):
    x, index = both
    t = tg.tensor(x, requires_grad=True)
    theirs, error = by_numpy(lambda: np.asarray(x[plain(index)]))
    if error is not None:
        with pytest.raises(type(error)):
            t[index]
        return
    out = t[index]
    assert isinstance(out, tg.Tensor)
    assert out.dtype == theirs.dtype
    np.testing.assert_array_equal(out.data, theirs, strict=True)
    w = np.cos(np.arange(float(out.size))).reshape(out.shape)
    expected = np.zeros(x.shape)
    np.add.at(expected, plain(index), w)
    for options in ({}, {"create_graph": True}):
        np.testing.assert_allclose(tg.grad(out, t, w, retain_graph=True, **options).data, expected, atol=1e-14)
    v = np.sin(x)
    np.testing.assert_array_equal(push([out], [t], [v])[0], v[plain(index)])
    (g,) = tg.grad((t * t)[index], [t], w, create_graph=True)  # 2 x times how often, weighted
    np.testing.assert_allclose(tg.grad(g, t, v).data, 2 * expected * v, atol=1e-13)


@THOROUGHLY
@given(arrays_and_indices(), st.data())
def test_setitem(both, data):
    x, index = both
    found, error = by_numpy(lambda: np.shape(x[plain(index)]))
    shape = found or ()
    shape = data.draw(st.sampled_from([shape, shape, (), shape[1:], (1, *shape), tuple(min(n, 1) for n in shape)]))
    value = 100 + np.arange(float(np.prod(shape))).reshape(shape)
    expected = x.copy()
    if error is None:
        _, error = by_numpy(lambda: expected.__setitem__(plain(index), value))
    base, v = tg.tensor(x, requires_grad=True), tg.tensor(value, requires_grad=True)
    t = base * 1.0
    if error is not None:
        node = t.node
        with pytest.raises(type(error)):
            t[index] = v
        assert t.node is node
        np.testing.assert_array_equal(t.data, x)
        return
    t[index] = v
    np.testing.assert_array_equal(t.data, expected)
    # NumPy's own last assignment says whose gradient each place has: that of one of the values, or of x
    taken = np.full(x.shape, -1)
    taken[plain(index)] = np.arange(value.size).reshape(shape)
    w = np.cos(np.arange(float(x.size))).reshape(x.shape)
    of_value = np.bincount(taken[taken >= 0].ravel(), w[taken >= 0].ravel(), minlength=value.size).reshape(shape)
    for options in ({}, {"create_graph": True}):
        gx, gv = tg.grad(t, [base, v], w, retain_graph=True, **options)
        np.testing.assert_array_equal(gx.data, np.where(taken >= 0, 0, w))
        np.testing.assert_allclose(gv.data, of_value, atol=1e-14)
    ahead, dv = np.array(np.sin(x)), np.sin(value)
    moved = push([t], [base, v], [ahead, dv])[0]
    ahead[plain(index)] = dv
    np.testing.assert_array_equal(moved, ahead)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(arrays_and_indices())
def test_setitem_to_second_order(both):
    """sum((y ** 3) w) for y with x**2 at an index: second derivatives against those written with np.where."""
    x, index = both
    if by_numpy(lambda: x[plain(index)])[1] is not None:
        return
    hit = np.zeros(x.shape, bool)
    hit[plain(index)] = True

    def assigned(t):
        y = t * 1.0
        y[index] = (t * t)[index]
        return y

    for f in (assigned, lambda t: tg.where(hit, t * t, t)):
        t = tg.tensor(x, requires_grad=True)
        (g,) = tg.grad((f(t) ** 3).sum(), [t], create_graph=True)
        h = tg.grad(g, t, np.ones(x.shape)).data
        np.testing.assert_allclose(h, np.where(hit, 30 * x**4, 6 * x), rtol=1e-12, atol=1e-12)


WRONG = {
    "too far": (5,), "too many": (0, 0, 0), "a float": 1.5, "a string": "a", "floats": np.array([0.5]),
    "a mask too long": np.ones(5, bool), "a mask of other lengths": np.ones((3, 3), bool), "a float end": slice(0.5, 2),
    "no broadcast": (np.array([0, 1]), np.array([0, 1, 2])), "two dots": (Ellipsis, Ellipsis),
    "step 0": slice(None, None, 0),
    "a ragged list": [[1], [2, 0]], "a Tensor of floats": np.array(0.5), "far in an array": np.array([0, -4]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_indices_raise_as_in_numpy_and_change_nothing(name):
    index, x = WRONG[name], RNG.normal(size=(3, 4))
    t = tg.tensor(x, requires_grad=True) * 1.0
    _, error = by_numpy(lambda: x[index])
    assert error is not None
    with pytest.raises(type(error)):
        t[tg.tensor(index) if name == "a Tensor of floats" else index]
    node = t.node
    with pytest.raises(type(error)):
        t[index] = 1.0
    assert t.node is node
    np.testing.assert_array_equal(t.data, x)


def test_values_that_do_not_fit_change_nothing():
    t = tg.tensor(RNG.normal(size=(4, 5)), requires_grad=True) * 1.0
    before, node = t.data.copy(), t.node
    for value, error in ((np.ones(3), ValueError), (np.ones((2, 2, 5)), ValueError), ("a", TypeError)):
        with pytest.raises(error):
            t[1:3] = value
    single = tg.zeros((4, 5), np.float32) + 1
    with pytest.warns(RuntimeWarning, match="overflow"):
        single[0] = 1e300
    with pytest.raises(TypeError, match="int64"):
        tg.zeros(20, np.int64)[3] = t[0, 0]
    assert t.node is node
    np.testing.assert_array_equal(t.data, before)


# -- loops ---------------------------------------------------------------------------------------------------


def address(t):
    return t._data.__array_interface__["data"][0]


def filled(x):
    y = tg.zeros(x.size)
    for i in range(x.size):
        y[i] = x[i] * x[i]
    return y


def recurrent(x):
    y = tg.zeros(x.size)
    y[0] = x[0]
    for i in range(1, x.size):
        y[i] = y[i - 1] * 0.5 + x[i] * x[i]
    return y


def counted(monkeypatch):
    """How often a buffer is written over, from now on."""
    hits = [0]
    sole = memory.sole

    def counting(*args):
        found = sole(*args)
        hits[0] += found
        return found

    monkeypatch.setattr(memory, "sole", counting)
    return hits


def test_an_array_is_filled_in_its_own_memory():
    y = tg.zeros(50)
    x = tg.tensor(RNG.normal(size=50), requires_grad=True)
    where = address(y)
    for i in range(50):
        y[i] = x[i] ** 2
    assert address(y) == where
    (g,) = tg.grad((y * y).sum(), [x])
    np.testing.assert_allclose(g.data, 4 * x.data**3)


@pytest.mark.parametrize("f", [filled, recurrent])
def test_no_walk_over_a_loop_of_writes_copies_at_every_step(f, monkeypatch):
    n = 300
    x = tg.tensor(RNG.normal(size=n), requires_grad=True)
    y = (f(x) ** 2).sum()
    hits = counted(monkeypatch)
    tg.grad(y, x, retain_graph=True)
    assert hits[0] > n - 5
    hits[0] = 0
    push([y], [x], [np.ones(n)])
    assert hits[0] > n - 5
    hits[0] = 0
    g = tg.grad(y, x, create_graph=True)
    assert hits[0] > n - 5
    hits[0] = 0
    tg.grad((g * g).sum(), x)
    assert hits[0] > n - 5


@pytest.mark.parametrize("f", [filled, recurrent])
def test_forward_mode_keeps_the_tangents_that_are_still_wanted(f):
    n = 1500
    x = tg.tensor(RNG.normal(size=n), requires_grad=True)
    y = f(x).sum()
    push([y], [x], [np.ones(n)])
    tracemalloc.start()
    push([y], [x], [np.ones(n)])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 0.2 * n * n * 8


@pytest.mark.parametrize("f", [filled, recurrent])
def test_loops_of_writes_have_the_derivatives_of_the_same_in_lists(f):
    def listed(x):
        ys = []
        for i in range(x.size):
            ys.append(x[i] * x[i] if f is filled or i else x[i] * 1.0)
            if f is recurrent and i:
                ys[-1] = ys[-2] * 0.5 + ys[-1]
        return tg.stack(ys)

    n = 20
    x, v = RNG.normal(size=n), RNG.normal(size=n)
    results = []
    for one in (f, listed):
        t = tg.tensor(x, requires_grad=True)
        y = (one(t) ** 3).sum()
        g = tg.grad(y, t, create_graph=True)
        h = tg.grad(g, t, v, create_graph=True)
        third = tg.grad(h, t, v, retain_graph=True)
        tangent = push([y], [t], [v])[0]
        results.append([y.data, g.data, h.data, third.data, tangent])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)


@pytest.mark.parametrize("n", [1, 63, 64, 65, 5000])
def test_many_arrays_are_joined_in_groups(n):
    xs = [tg.tensor(np.full(i % 3, float(i)), requires_grad=True) for i in range(n)]
    y = np.concatenate(xs)
    assert y.tolist() == [float(i) for i in range(n) for _ in range(i % 3)]
    if y.size:
        w = RNG.normal(size=y.size)
        g = tg.grad(y * y, xs, w, create_graph=True)
        np.testing.assert_allclose(np.concatenate([one.data for one in g]), 2 * y.data * w)
    mixed = np.concatenate([np.zeros(1, np.int8), *[tg.tensor([1], dtype=np.uint8)] * 70, np.ones(1, np.float32)])
    assert mixed.dtype == np.float32


# -- who sees a write ----------------------------------------------------------------------------------------


def watchers():
    """What may hold the values of a Tensor, and must not see it change."""
    return {
        "detached": lambda t: t.detach(),
        "an array of it": lambda t: t.numpy(),
        "a view of that": lambda t: t.numpy()[2:],
        "a view": lambda t: t[3:],
        "its rows": lambda t: t.reshape(3, 5),
        "an op that keeps it": lambda t: t * t,
        "a memoryview": lambda t: memoryview(t.numpy()),
        "dlpack": lambda t: np.from_dlpack(t.detach()),
        "an iterator": lambda t: list(iter(t)),
    }


@pytest.mark.parametrize("name", watchers())
@pytest.mark.parametrize("recorded", [False, True])
def test_nobody_else_sees_a_write(name, recorded):
    x = tg.tensor(RNG.normal(size=15), requires_grad=recorded)
    t = x * 1.0
    t[0] = 0.25  # from here on the buffer is its own
    before = t.data.copy()
    held = watchers()[name](t)
    u = t * t
    t[:] = 7.0
    t[1] = 8.0
    if name == "an op that keeps it":
        np.testing.assert_array_equal(held.data, before * before)
    else:
        seen = (
            np.array([one.item() for one in held])
            if isinstance(held, list)
            else np.asarray(getattr(held, "data", held))
        )
        np.testing.assert_array_equal(seen.ravel(), before[15 - seen.size :])
    np.testing.assert_array_equal(u.data, before * before)
    if recorded:
        np.testing.assert_array_equal(tg.grad(u.sum(), x).data, np.concatenate([[0.0], 2 * before[1:]]))


def test_arrays_of_others_are_never_written():
    mine = np.ones(20)
    for t in (tg.asarray(mine), tg.asarray(mine[::2]), tg.asarray(np.frombuffer(bytearray(160)))):
        before = t.data.copy()
        source = t.data
        t[3] = 5.0
        np.testing.assert_array_equal(source, before)
    raw = bytearray(160)
    t = tg.asarray(np.frombuffer(raw))
    t[3] = 5.0
    assert raw == bytearray(160)
    assert mine.tolist() == [1.0] * 20


def test_an_index_that_is_the_tensor_itself():
    t = tg.tensor(np.arange(12)[::-1].copy())
    u = np.arange(12)[::-1].copy()
    t[t] = 3
    u[u.copy()] = 3  # NumPy 2.0 reads places that it has written over
    np.testing.assert_array_equal(t.data, u)
    t = tg.tensor(np.arange(12.0)) * 1.0
    t[1:] = t[:-1]
    assert t.tolist() == [0.0, *range(11)]
    t[...] = t
    assert t.tolist() == [0.0, *range(11)]


def test_gradients_that_someone_holds_do_not_change():
    x = tg.tensor(RNG.normal(size=12), requires_grad=True)
    seen = []
    y = x * 1.0
    for i in range(4):
        y[i] = x[i + 1] * 2.0
        y.retain_grad()
        y.register_hook(lambda g: seen.append((g, g.data.copy())))
    g = np.ones(12)
    y.backward(g)
    assert g.tolist() == [1.0] * 12
    assert y.grad.tolist() == [1.0] * 12  # of its newest value alone
    assert len(seen) == 4
    for one, then in seen:
        np.testing.assert_array_equal(one.data, then)


def test_in_place_without_recording():
    t = tg.tensor(np.zeros(30))
    where = address(t)
    with tg.no_grad():
        for i in range(30):
            t[i] = float(i)
    assert address(t) == where
    assert t.tolist() == list(range(30))
    p = tg.tensor(np.zeros(30), requires_grad=True)
    with tg.no_grad():
        p[3] = 2.0
    assert p.is_leaf
    assert p.requires_grad
    with pytest.raises(RuntimeError, match="leaf"):
        p[3] = 1.0
