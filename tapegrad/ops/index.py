"""Taking elements out, and putting them in: basic and advanced indexing, take, pad, diagonals.

An index is a template of plain values in which ARRAY stands where an array goes; the arrays are inputs of the op.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..registry import ARRAY, Cleared, Placed, Recorded, Slice, numpy_name, op, operand
from ..samples import ints, real
from .elementwise import where_op
from .structure import (
    broadcast_to_op,
    canonical_axes,
    canonical_axis,
    concatenate_op,
    deliver,
    moveaxis,
    reshape_op,
    sum_to,
)

Template = tuple[Any, ...]


def parse(index: Any) -> tuple[Template, tuple[Any, ...]]:
    """An index as written between brackets -> its template and its arrays."""
    template: list[Any] = []
    arrays: list[Any] = []
    for i in index if type(index) is tuple else (index,):
        if type(i) is int or i is None or i is Ellipsis:
            template.append(i)
        elif type(i) is slice:
            template.append(Slice(_end(i.start), _end(i.stop), _end(i.step)))
        elif isinstance(i, (bool, np.bool_, np.ndarray, Recorded, list, tuple)):
            array = i if isinstance(i, (np.ndarray, Recorded)) else np.asarray(_plain_index(i))
            if array.dtype.kind not in "iub":
                if array.size:
                    raise IndexError(f"indexing: arrays of ints or bools can index, not {array.dtype} {array.shape}")
                array = np.asarray(array if isinstance(array, np.ndarray) else array._data).astype(np.intp)
            template.append(ARRAY)
            arrays.append(array)
        else:
            try:
                template.append(operator.index(i))
            except TypeError:
                raise IndexError(
                    f"indexing: {type(i).__name__} cannot index; ints, slices, None, ..., and int or bool arrays can"
                ) from None
    return tuple(template), tuple(arrays)


def _plain_index(i: Any) -> Any:
    if isinstance(i, (list, tuple)):
        return [_plain_index(k) for k in i]
    return i._data if isinstance(i, Recorded) else i


def _end(i: Any) -> int | None:
    return None if i is None else operator.index(i)


def build(template: Template, arrays: tuple[Any, ...]) -> Any:
    """The index that NumPy takes, from a template and plain arrays."""
    if len(template) == 1 and type(template[0]) is int:
        return template
    rest = iter(arrays)
    return tuple([slice(*i) if type(i) is Slice else next(rest) if i is ARRAY else i for i in template])


@op("linear")
def getitem(x, *arrays, index):
    """The elements of x at an index: ints, slices, None, Ellipsis, int and bool arrays. Repeats add up backward."""
    return x[build(index, arrays)]


@op("linear")
def place(value, *arrays, index, shape):
    """An array of `shape`, zero but for `value` added at an index; where the index repeats, values add up."""
    out = np.zeros(shape, value.dtype)
    add_at(out, build(index, arrays), value)
    return out


def add_at(buffer: Any, index: Any, value: Any) -> None:
    """buffer[index] += value in place, where repeated places add up."""
    if any([type(i) is np.ndarray and i.dtype.kind != "b" for i in index]):
        np.add.at(buffer, index, value)
    else:
        buffer[index] += value


getitem.vjp(x=lambda g, arrays, index: Placed(g, index, arrays))
place.vjp(value=lambda g, arrays, index: getitem(g, *arrays, index=index))
COLUMNS = (Slice(None, None, None), ARRAY)
getitem.sample(real(4, 5), index=(2,)).sample(real(4, 5), index=(Slice(None, None, -2), None, Slice(1, 4, None)))
getitem.sample(real(4, 5), np.array([0, 2, 0]), index=(ARRAY,)).sample(real(3, 4), ints(0, 4, 2, 3), index=COLUMNS)
getitem.sample(real(3, 2), np.array([True, False, True]), index=(ARRAY,)).sample(real(3), index=(Ellipsis,))
getitem.sample(real(2, 3, 4), np.array([1, 0]), np.array([2, 2]), index=(ARRAY, Slice(0, 2, None), ARRAY))
place.sample(real(3), np.array([0, 2, 0]), index=(ARRAY,), shape=(4,)).sample(real(2), index=(1,), shape=(3, 2))


@op("linear")
def setitem(x, value, *arrays, index):
    """x with `value` at an index; where the index repeats, the last one stays, and it alone has the gradient."""
    return _assigned(np.array(x), value, *arrays, index=index)


def _assigned(x: Any, value: Any, *arrays: Any, index: Template) -> Any:
    x[build(index, arrays)] = value
    return x


setitem.into = _assigned


@op("linear")
def increment(x, value, *arrays, index):
    """x with `value` added at an index; where the index repeats, values add up."""
    return _incremented(np.array(x), value, *arrays, index=index)


def _incremented(x: Any, value: Any, *arrays: Any, index: Template) -> Any:
    add_at(x, build(index, arrays), value)
    return x


increment.into = _incremented
increment.vjp(
    x=lambda g: g,
    value=lambda g, arrays, index, value_shape: _fit(getitem(g, *arrays, index=index), value_shape),
)
increment.sample(real(3, 4), real(4), index=(1,)).sample(real(5), real(3), np.array([0, 2, 0]), index=(ARRAY,))
increment.sample(real(2, 3), real(1, 3), index=(Slice(0, 1, None),))


@op("linear")
def last_at(x, *arrays, index):
    """The elements of x at an index, 0 where a later place of the index is the same."""
    where = build(index, arrays)
    out = np.array(x[where])
    later = _taken_again(where, out.shape, x.shape)
    if later is not None:
        out[later] = 0
    return out


def _taken_again(where: Any, shape: tuple[int, ...], x_shape: tuple[int, ...]) -> Any:
    """Which elements of x[where], of that shape, are at a place that comes up once more; None where none can be."""
    if not any([type(i) is np.ndarray and i.dtype.kind != "b" for i in where]):
        return None
    order = np.arange(math.prod(shape)).reshape(shape)
    last = np.empty(x_shape, order.dtype)
    last[where] = order
    return last[where] != order


def _placed_last(g: Any, arrays: Any, index: Any, x_shape: Any) -> Any:
    plain = tuple([a._data if isinstance(a, Recorded) else a for a in arrays])
    later = _taken_again(build(index, plain), g.shape, x_shape)
    return Placed(g if later is None or not later.any() else where_op(later, 0.0, g), index, arrays)


_cleared: Any = lambda g, arrays, index: Cleared(g, index, arrays)
_cleared.last = True
setitem.vjp(
    x=_cleared,
    value=lambda g, arrays, index, value_shape: _fit(last_at(g, *arrays, index=index), value_shape),
)
last_at.vjp(x=_placed_last)
setitem.sample(real(3, 4), real(4), index=(1,)).sample(real(5), real(3), np.array([0, 2, 0]), index=(ARRAY,))
setitem.sample(real(3, 4), real(), index=(Slice(None, None, 2), 1)).sample(real(2, 3), real(1, 3), index=(0,))
last_at.sample(real(3, 4), index=(1,)).sample(real(5), np.array([0, 2, 0]), index=(ARRAY,))


def _fit(g: Any, shape: tuple[int, ...]) -> Any:
    """Summed to a value's shape, which may have leading ones that assignment ignores."""
    while len(shape) > g.ndim:
        shape, lead = shape[1:], shape
        return reshape_op(_fit(g, shape), shape=lead)
    return g if g.shape == shape else sum_to(g, shape=shape)


@op("linear")
def take_along_op(x, indices, *, axis):
    """x[..., indices, ...] along one axis, the other axes matched."""
    return np.take_along_axis(x, indices, axis)


@op("linear")
def add_along(value, indices, *, axis, shape):
    """The adjoint of take_along: `value` added at `indices` along one axis into zeros of `shape`."""
    out = np.zeros(shape, value.dtype)
    where = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    where[axis] = indices
    np.add.at(out, tuple(where), value)
    return out


take_along_op.vjp(x=lambda g, indices, axis, x_shape: _along_back(g, indices, axis, x_shape))
add_along.vjp(value=lambda g, indices, axis: take_along_op(g, indices, axis=axis))
take_along_op.sample(real(3, 4), ints(0, 4, 3, 2), axis=1).sample(real(3, 4), ints(0, 3, 5, 4), axis=0)
add_along.sample(real(3, 2), ints(0, 4, 3, 2), axis=1, shape=(3, 4))


def _along_back(g: Any, indices: Any, axis: int, shape: tuple[int, ...]) -> Any:
    """Indices may be shorter than x, or broadcast against it, on the other axes."""
    full = tuple(g.shape[i] if i != axis else n for i, n in enumerate(shape))
    if indices.shape != g.shape:
        indices = broadcast_to_op(indices, shape=g.shape)
    out = add_along(g, indices, axis=axis, shape=full)
    return out if full == shape else sum_to(out, shape=shape)


@op("linear")
def pad_op(x, *, widths):
    """x with zeros around it, `widths` = (before, after) for each axis."""
    return np.pad(x, widths) if widths else np.array(x)


pad_op.vjp(x=lambda g, widths, x_shape: g[tuple([slice(a, a + n) for (a, _), n in zip(widths, x_shape, strict=True)])])
pad_op.sample(real(2, 3), widths=((1, 0), (2, 1))).sample(real(), widths=()).sample(real(0), widths=((1, 1),))

# -- public functions ----------------------------------------------------------------------------------------


@numpy_name(np.take)
def take(a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise") -> Any:
    """The elements of a at `indices` along an axis (None: of the flat array). mode: 'raise', 'wrap' or 'clip'."""
    a, axis = _along(a, axis, "take")
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"take: mode {mode!r} is not one of 'raise', 'wrap', 'clip'")
    indices = operand(indices, "take")
    if indices.dtype.kind == "b" or (indices.dtype.kind not in "iu" and indices.size):
        raise TypeError(f"take: indices must be integers, got {indices.dtype}")
    if indices.size and not a.shape[axis]:
        raise IndexError(f"take: axis {axis} of shape {a.shape} is empty, there is nothing to take")
    raw = indices._data if isinstance(indices, Recorded) else indices
    if raw.dtype.kind not in "iu":  # an empty list
        indices = raw.astype(np.intp)
    elif mode != "raise" and a.shape[axis]:
        indices = raw % a.shape[axis] if mode == "wrap" else np.clip(raw, 0, a.shape[axis] - 1)
    template = (Slice(None, None, None),) * axis + (ARRAY,)
    return deliver(getitem(a, indices, index=template), out, "take")


def _along(a: Any, axis: int | None, name: str) -> tuple[Any, int]:
    """An operand and an axis of it: None is that of the flat array, and a number counts as having one."""
    a = operand(a, name)
    if axis is None:
        return reshape_op(a, shape=(a.size,)), 0
    if a.ndim == 0 and axis in (0, -1):
        return reshape_op(a, shape=(1,)), 0
    return a, canonical_axis(axis, a.ndim, name)


@numpy_name(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """Elements of arr at `indices` along one axis, the other axes matched (or broadcast)."""
    arr, indices = operand(arr, "take_along_axis"), operand(indices, "take_along_axis")
    if indices.dtype.kind not in "iu":
        raise IndexError(f"take_along_axis: indices must be integers, got {indices.dtype}")
    if axis is None:
        if indices.ndim != 1:
            raise ValueError(f"take_along_axis: of the flat array, indices must have one axis, got {indices.shape}")
        arr, axis = reshape_op(arr, shape=(arr.size,)), 0
    if arr.ndim != indices.ndim:
        raise ValueError(f"take_along_axis: arr {arr.shape} and indices {indices.shape} must have as many axes")
    return take_along_op(arr, indices, axis=canonical_axis(axis, arr.ndim, "take_along_axis"))


@numpy_name(np.repeat)
def repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element `repeats` times, along an axis (None: of the flat array)."""
    a, axis = _along(a, axis, "repeat")
    return take(a, np.repeat(np.arange(a.shape[axis]), _plain_index(repeats)), axis)


@numpy_name(np.diagonal)
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonals of the planes of two axes, as a new last axis."""
    a, offset = operand(a, "diagonal"), operator.index(offset)
    if a.ndim < 2:
        raise ValueError(f"diagonal: needs at least 2 axes, got shape {a.shape}")
    first, second = canonical_axes((axis1, axis2), a.ndim, "diagonal")
    a = moveaxis(a, (first, second), (-2, -1))
    rows = np.arange(max(0, -offset), max(0, -offset, min(a.shape[-2], a.shape[-1] - offset)))
    return getitem(a, rows, rows + offset, index=(Ellipsis, ARRAY, ARRAY))


@numpy_name(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """The k-th diagonal of a matrix, or the matrix with that diagonal."""
    v, k = operand(v, "diag"), operator.index(k)
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise ValueError(f"diag: needs 1 or 2 axes, got shape {v.shape}")
    n = v.size + abs(k)
    rows = np.arange(v.size) + max(0, -k)
    return place(v, rows, rows + k, index=(ARRAY, ARRAY), shape=(n, n))


@numpy_name(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    """The matrix with the elements of v on its k-th diagonal."""
    v = operand(v, "diagflat")
    return diag(reshape_op(v, shape=(v.size,)), k)


def _triangle(m: Any, k: int, lower: bool, name: str) -> Any:
    m = operand(m, name)
    if m.ndim == 0:
        raise TypeError(f"{name}: a number has no triangle; give an array of at least 1 axis")
    if m.ndim < 2:
        m = broadcast_to_op(m, shape=(m.size, m.size))
    mask = np.tri(m.shape[-2], m.shape[-1], k if lower else k - 1, bool)
    return where_op(mask if lower else ~mask, m, np.zeros((), m.dtype))


@numpy_name(np.tril)
def tril(m: Any, k: int = 0) -> Any:
    """The matrix with zeros above its k-th diagonal."""
    return _triangle(m, k, True, "tril")


@numpy_name(np.triu)
def triu(m: Any, k: int = 0) -> Any:
    """The matrix with zeros below its k-th diagonal."""
    return _triangle(m, k, False, "triu")


@numpy_name(np.compress)
def compress(condition: Any, a: Any, axis: int | None = None, out: Any = None) -> Any:
    """The slices of a for which the condition holds; a condition may be shorter than the axis."""
    condition = np.asarray(_plain_index(condition))
    if condition.ndim != 1:
        raise ValueError(f"compress: the condition must have one axis, got shape {condition.shape}")
    return take(a, np.flatnonzero(condition), axis, out)


@numpy_name(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """The elements of arr where the condition holds, in one axis."""
    return take(arr, np.flatnonzero(_plain_index(condition)))


@numpy_name(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue) -> Any:
    """Differences of neighbours along an axis, n times over; prepend and append are put at its ends before."""
    a = operand(a, "diff")
    if n == 0:
        return a
    if n < 0:
        raise ValueError(f"diff: n must not be negative, got {n}")
    if a.ndim == 0:
        raise ValueError("diff: a number has no neighbours; give an array of at least 1 axis")
    axis = canonical_axis(axis, a.ndim, "diff")
    ends = []
    for end in (prepend, append):
        if end is not np._NoValue:
            end = operand(end, "diff")
            one = tuple(1 if i == axis else k for i, k in enumerate(a.shape))
            ends.append([broadcast_to_op(end, shape=one) if end.ndim == 0 else end])
        else:
            ends.append([])
    parts = [*ends[0], a, *ends[1]]
    a = concatenate_op(*parts, axis=axis) if len(parts) > 1 else a
    ahead = (slice(None),) * axis
    for _ in range(n):
        later, earlier = a[(*ahead, slice(1, None))], a[(*ahead, slice(None, -1))]
        a = later != earlier if a.dtype.kind == "b" else later - earlier
    return a
