"""Functions of shapes and places: every keyword against NumPy, memory layouts, copies and views, classes of errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tapegrad as tg
from tapegrad.check import gradcheck

RNG = np.random.default_rng(11)
X = RNG.normal(size=(2, 3, 4))
M = RNG.normal(size=(3, 4))
V = RNG.normal(size=4)
S = np.array(1.5)
INTS = np.arange(12).reshape(3, 4)
SINGLE = M.astype(np.float32)
EMPTY = np.zeros((0, 3))
RECENT = hasattr(np, "unstack")  # NumPy 2.1 brought copy= to reshape
LAYOUTS = {
    "rows": X.copy(), "columns": np.asfortranarray(X), "reversed": X[::-1, ::-1, ::-1],
    "spaced": np.repeat(X, 2, 1)[:, ::2],
    "turned": np.ascontiguousarray(X.transpose(1, 2, 0)).transpose(2, 0, 1), "thin": X[:, :1], "none": X[:0],
}  # fmt: skip


def as_it_lies(a):
    """A Tensor on this very memory."""
    t = tg.Tensor(0.0)
    t._set(a, t._leaf, False, None)
    return t


def raw(t):
    return [raw(one) for one in t] if isinstance(t, (tuple, list)) else t._data if isinstance(t, tg.Tensor) else t


def same(ours, theirs):
    if isinstance(theirs, (tuple, list)):
        assert type(ours) is type(theirs)
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
        return
    assert isinstance(ours, tg.Tensor)
    np.testing.assert_array_equal(ours._data, theirs, strict=True)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("order", ["C", "F", "A", "K"])
def test_memory_order(layout, order):
    """Values in the order asked for, and where the order is of the result's memory, memory in that order."""
    x = LAYOUTS[layout]
    t = as_it_lies(x)
    same(np.ravel(t, order), np.ravel(x, order))
    same(t.ravel(order), x.ravel(order))
    same(t.flatten(order), x.flatten(order))
    copies = [
        (np.copy(t, order), np.copy(x, order)), (t.copy(order), x.copy(order)),
        (t.astype(np.float32, order), x.astype(np.float32, order)), (t.astype(float, order), x.astype(float, order)),
    ]  # fmt: skip
    if order != "K":
        same(np.reshape(t, (-1, 2), order), np.reshape(x, (-1, 2), order))
        same(t.reshape(4, -1, order=order), x.reshape(4, -1, order=order))
        if RECENT:
            copies.append((np.reshape(t, (-1, 2), order, copy=True), np.reshape(x, (-1, 2), order, copy=True)))
    else:
        with pytest.raises(ValueError, match="order"):
            np.reshape(t, -1, order)
    for ours, theirs in copies:
        same(ours, theirs)
        assert ours._data.flags.c_contiguous == theirs.flags.c_contiguous
        assert ours._data.flags.f_contiguous == theirs.flags.f_contiguous
        assert not np.shares_memory(ours._data, x)
    w = np.arange(float(x.size))
    for f in (lambda t: np.ravel(t, order), lambda t: t.copy(order).ravel()):
        leaf = as_it_lies(x)
        leaf.requires_grad = True
        places = f(np.array(np.arange(x.size).reshape(x.shape), order="C")) if order == "C" else None
        g = tg.grad((f(leaf) * w).sum(), leaf).data
        assert g.shape == x.shape
        if places is not None:
            np.testing.assert_array_equal(g.ravel()[places], w)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=3), st.data())
def test_ravel_as_the_memory_lies(shape, data):
    """Any permutation of strides, signs, and axes along which nothing moves."""
    x = np.arange(float(np.prod(shape))).reshape(shape)
    order = data.draw(st.permutations(range(len(shape))))
    x = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    x = x[tuple(slice(None, None, data.draw(st.sampled_from([1, -1]))) for _ in shape)]
    wide = tuple(data.draw(st.sampled_from([n, 2])) if n == 1 else n for n in shape)
    x = np.broadcast_to(x, data.draw(st.sampled_from([wide, (2, *wide)])))
    np.testing.assert_array_equal(as_it_lies(x).ravel("K")._data, x.ravel("K"))


def test_reshape_says_whether_it_copies():
    x = np.asfortranarray(M)
    same(tg.reshape(as_it_lies(x), (4, 3), "F", copy=False), np.reshape(x, (4, 3), "F"))
    with pytest.raises(ValueError, match="copy"):
        tg.reshape(as_it_lies(x), (4, 3), copy=False)
    t = tg.tensor(M)
    tg.reshape(t, (4, 3), copy=True)[0] = 9.0
    same(t, M)
    same(tg.reshape(t, None), M)


CALLS: dict[str, list[Any]] = {
    "astype": [
        lambda a: a.astype(np.float32, casting="same_kind"), lambda a: a.astype(np.int64),
        lambda a: a.astype(np.complex128, "F", "safe", False, False),
    ],
    "broadcast": [
        lambda a: np.broadcast_to(a, (2, 3, 4)), lambda a: np.broadcast_to(a, (3, 4), subok=True),
        lambda a: np.broadcast_arrays(a, np.ones((3, 1)), subok=True),
        lambda a: np.broadcast_arrays(np.ones((2, 1, 1)), a),
    ],
    "join": [
        lambda a: np.concatenate((a, INTS), axis=None), lambda a: np.concatenate((a, INTS), 1, dtype=np.float32),
        lambda a: np.concatenate((a, INTS), dtype=np.complex128, casting="safe"), lambda a: np.concatenate(a),
        lambda a: np.stack((a, INTS), -1, dtype=np.int64, casting="unsafe"), lambda a: np.stack(a, 1),
        lambda a: np.vstack((a, INTS), dtype=np.float32, casting="same_kind"), lambda a: np.vstack(a),
        lambda a: np.hstack((a, INTS), dtype=np.float32, casting="same_kind"), lambda a: np.hstack(a),
        lambda a: np.dstack((a, INTS)), lambda a: np.dstack(a), lambda a: np.column_stack((a, V[:3])),
        lambda a: np.append(a, 1), lambda a: np.append(a, INTS, -1),
    ],
    "split": [
        lambda a: np.split(a, 3), lambda a: np.split(a, [1, 1, 9, 2], 1), lambda a: np.array_split(a, 3, -1),
        lambda a: np.array_split(a, [-1, 2], axis=0), lambda a: np.hsplit(a, np.int64(2)), lambda a: np.vsplit(a, (1,)),
    ],
    "axes": [
        lambda a: np.moveaxis(a, [0], (-1,)), lambda a: np.rollaxis(a, -1, -1), lambda a: np.rollaxis(a, 0, 2),
        lambda a: np.squeeze(a[:1], (0,)), lambda a: np.squeeze(a[0, 0], 0), lambda a: np.squeeze(a[0, 0], -1),
        lambda a: np.expand_dims(a, (0, -1)), lambda a: np.expand_dims(a, [1]), lambda a: np.flip(a, ()),
        lambda a: np.rot90(a, -5, (1, 0)), lambda a: a.transpose(1, 0), lambda a: a.transpose((1, 0)), lambda a: a.mT,
    ],
    "repeat": [
        lambda a: np.repeat(a, 2), lambda a: np.repeat(a, [2], 1), lambda a: np.repeat(a, np.array([1, 0, 3]), 0),
        lambda a: np.repeat(a[0, 0], 3, 0), lambda a: np.tile(a, ()), lambda a: np.tile(a, (2, 1, 2)),
        lambda a: np.tile(a, np.array([0, 1])), lambda a: np.roll(a, 1), lambda a: np.roll(a, (1, -9), (0, 1)),
        lambda a: np.roll(a, 2, (0, 0)), lambda a: np.roll(a, np.array([1]), axis=1),
    ],
    "take": [
        lambda a: np.take(a, [[0, -1]], 1), lambda a: np.take(a, [9, -9], mode="wrap"),
        lambda a: np.take(a, [9], 0, mode="clip"),
        lambda a: np.take(a[0, 0], [0, 0], 0), lambda a: np.take(a, []), lambda a: np.take(a, [], 0, mode="wrap"),
        lambda a: a.take(1, axis=-1), lambda a: np.compress([True, False, True], a, 0),
        lambda a: np.compress([0, 2], a),
        lambda a: np.take_along_axis(a, np.array([1, -1]), None), lambda a: np.extract(INTS > 3, a),
    ],
    "triangles": [
        lambda a: np.tril(a, -1), lambda a: np.triu(a, 2), lambda a: np.tril(a[0]), lambda a: np.diag(a[0], -2),
        lambda a: np.diag(a, 1), lambda a: np.diagflat(a, 1), lambda a: np.diagonal(a, -1, 1, 0),
    ],
    "diff": [
        lambda a: np.diff(a, 2), lambda a: np.diff(a, axis=0, prepend=0), lambda a: np.diff(a, append=a[:, :1]),
        lambda a: np.diff(a, 2, 0, np.ones((1, 4)), 2.5), lambda a: np.diff(a, 0),
    ],
    "grids": [
        lambda a: np.meshgrid(a[0], a[1], [1, 2]), lambda a: np.meshgrid(a[0], a[1], indexing="ij", copy=False),
        lambda a: np.meshgrid(a[0], a[1], sparse=True), lambda a: np.meshgrid(a[0]),
        lambda a: np.meshgrid(a[0, 0], a[1]),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_values(name):
    for f in CALLS[name]:
        for x in (M, SINGLE, INTS, M + 1j, np.asfortranarray(M), M[::-1]):
            try:
                theirs = f(x)
            except (TypeError, np.exceptions.ComplexWarning) as error:  # a cast that is not allowed
                with pytest.raises(type(error)):
                    f(as_it_lies(x))
                continue
            same(f(as_it_lies(x)), theirs)
        found = f(tg.tensor(M))
        found = found if isinstance(found, (tuple, list)) else [found]
        if all(t.dtype in (np.float64, np.complex128) for t in found):
            gradcheck(f, [M], directions=1)


ERRORS: dict[str, tuple[type[Exception], Any, str]] = {
    "reshape: float": (TypeError, lambda t: np.reshape(t, 2.0), "shape"),
    "reshape: order": (ValueError, lambda t: np.reshape(t, -1, "x"), "order"),
    "reshape: size": (ValueError, lambda t: np.reshape(t, (5, -1)), "12 elements"),
    "broadcast_to": (ValueError, lambda t: np.broadcast_to(t, (3, 5)), r"\(3, 5\)"),
    "broadcast_to: float": (TypeError, lambda t: np.broadcast_to(t, 2.0), "shape"),
    "copy: order": (ValueError, lambda t: np.copy(t, "x"), "order"),
    "astype: casting": (TypeError, lambda t: t.astype(np.float32, casting="safe"), "safe"),
    "transpose": (ValueError, lambda t: np.transpose(t, (0, 0)), "repeated"),
    "moveaxis": (ValueError, lambda t: np.moveaxis(t, 0, (0, 1)), "source"),
    "moveaxis: axis": (np.exceptions.AxisError, lambda t: np.moveaxis(t, 2, 0), "2"),
    "rollaxis": (np.exceptions.AxisError, lambda t: np.rollaxis(t, 0, 4), "start"),
    "squeeze": (ValueError, lambda t: np.squeeze(t, 0), "length 1"),
    "squeeze: list": (TypeError, lambda t: np.squeeze(t, [0]), "tuple"),
    "concatenate: casting": (TypeError, lambda t: np.concatenate((t, t), dtype=np.int64), "same_kind"),
    "concatenate: casting alone": (TypeError, lambda t: np.concatenate((t, INTS), casting="no"), "'no'"),
    "concatenate: unknown casting": (ValueError, lambda t: np.concatenate((t, t), casting="bad"), "casting"),
    "concatenate: out and dtype": (TypeError, lambda t: np.concatenate((t, t), out=t, dtype=float), "both"),
    "concatenate: shapes": (ValueError, lambda t: np.concatenate((t, t[:, :2])), r"\(3, 2\)"),
    "concatenate: numbers": (ValueError, lambda t: np.concatenate((t[0, 0], t[0, 0])), "no axes"),
    "stack: casting": (TypeError, lambda t: np.stack((t, t), dtype=np.int64, casting="safe"), "safe"),
    "vstack: casting": (TypeError, lambda t: np.vstack((t, t), dtype=np.int64), "cast"),
    "split": (ValueError, lambda t: np.split(t, 2), "divide"),
    "array_split": (ValueError, lambda t: np.array_split(t, 0), "positive"),
    "split: float": (TypeError, lambda t: np.split(t, [1.5]), "float"),
    "dsplit": (ValueError, lambda t: np.dsplit(t, 2), "3 axes"),
    "vsplit": (ValueError, lambda t: np.vsplit(t[0], 2), "2 axes"),
    "tile: float": (TypeError, lambda t: np.tile(t, 1.5), "int"),
    "tile: negative": (ValueError, lambda t: np.tile(t, -1), "negative"),
    "repeat": (ValueError, lambda t: np.repeat(t, [1, 2], 0), "broadcast"),
    "take": (IndexError, lambda t: np.take(t, 5, 0), "5"),
    "take: mode": (ValueError, lambda t: np.take(t, 0, mode="x"), "mode"),
    "take: of nothing": (IndexError, lambda t: np.take(t[:0], 0, 0, mode="wrap"), "empty"),
    "take: floats": (TypeError, lambda t: np.take(t, np.array([0.5])), "integers"),
    "take_along_axis": (IndexError, lambda t: np.take_along_axis(t, np.ones((3, 1)), 1), "integers"),
    "take_along_axis: flat": (ValueError, lambda t: np.take_along_axis(t, np.zeros((1, 1), int), None), "one axis"),
    "compress": (ValueError, lambda t: np.compress([[True]], t), "one axis"),
    "diag": (ValueError, lambda t: np.diag(t[None]), "axes"),
    "diagonal": (ValueError, lambda t: np.diagonal(t[0]), "2 axes"),
    "diagonal: offset": (TypeError, lambda t: np.diagonal(t, 1.0), "float"),
    "tril": (TypeError, lambda t: np.tril(t[0, 0]), "number"),
    "diff": (ValueError, lambda t: np.diff(t, -1), "negative"),
    "diff: number": (ValueError, lambda t: np.diff(t[0, 0]), "1 axis"),
    "diff: ends": (ValueError, lambda t: np.diff(t, prepend=np.ones((2, 1))), "dimension"),
    "diff: None": (TypeError, lambda t: np.diff(t, append=None), "object"),
    "meshgrid": (ValueError, lambda t: np.meshgrid(t, t, indexing="yx"), "yx"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_of_numpys_classes(name):
    error, call, words = ERRORS[name]
    with pytest.raises(error):
        call(M)
    with pytest.raises(error, match=words):
        call(tg.tensor(M, requires_grad=True))


def test_what_is_a_copy_in_numpy_can_be_written():
    t = tg.tensor(M)
    copies = [
        np.tile(t, 1), np.tile(t, (1, 1)), np.roll(t, 0), np.repeat(t, 1, 0), np.copy(t), t.flatten(), np.stack([t]),
        np.concatenate([t]), np.append(t, []), *np.meshgrid(t[0], t[1]), *np.meshgrid(t[0], t[1], sparse=True),
        np.take(t, [0], 0), np.tril(t, 9), np.pad(t, 0), np.diff(t), t.astype(float),
    ]  # fmt: skip
    for one in copies:
        one[...] = -1.0
    same(t, M)
    for view in (t.T, t.reshape(4, 3), np.flip(t), t[1:], np.split(t, 3)[0], *np.meshgrid(t[0], t[1], copy=False)):
        with pytest.raises(RuntimeError, match="view"):
            view[...] = 0.0
    same(t, M)


def test_nothing_but_cpu():
    with pytest.raises(ValueError, match="gpu"):
        tg.astype(tg.tensor(M), np.float32, device="gpu")
