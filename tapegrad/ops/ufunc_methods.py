"""reduce, accumulate, reduceat, outer and at of every ufunc: by their definitions, the common ones directly.

Knows how a ufunc is applied again and again along an axis; must not know what it computes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..registry import ARRAY, BY_NUMPY, WITHOUT, Recorded, Slice, op, operand, raw, wrap
from ..samples import distinct, real
from .elementwise import divide, multiply, negative, where_op
from .index import getitem, place, setitem
from .keywords import NOT_GIVEN
from .reduce import cumprod, cumsum, logsumexp_op, max, min, prod, sum
from .scan import scan
from .structure import (
    broadcast_to_op,
    canonical_axis,
    cast,
    concatenate_op,
    deliver,
    reshape_op,
    stack_op,
    transpose_op,
)

__all__ = ["accumulate", "at", "outer", "reduce", "reduceat"]

Function = Callable[..., Any]
Extremum = (np.maximum, np.minimum, np.fmax, np.fmin)
LN2 = math.log(2.0)


def _follows(ufunc: Any, *xs: Any) -> bool:
    """Whether a gradient goes through the ufunc to one of the arrays; else its values are all there is."""
    return ufunc not in WITHOUT and any([isinstance(x, Recorded) and x.dtype.kind in "fc" for x in xs])


def _along(axis: int, i: Any) -> tuple[Any, ...]:
    return (slice(None),) * axis + (i,)


def _handler(ufunc: Any, what: str) -> Function:
    handler = BY_NUMPY.get(ufunc)
    if handler is None:
        raise TypeError(f"numpy.{ufunc.__name__}.{what} on a Tensor: numpy.{ufunc.__name__} has no derivative here")
    return handler


# -- running extrema -----------------------------------------------------------------------------------------


@op(None)
def running_extremum(x, *, axis, ufunc):
    """The largest (smallest) of each element and those before it; ties so far share the gradient evenly."""
    return ufunc.accumulate(x, axis=axis)


def _running_rule(g: Any, x: Any, out: Any, axis: int) -> Any:
    """Each y[i] gives g[i] / k to the k elements up to i that have its value: a sum from the back, run by run."""
    x, y = np.moveaxis(raw(x), axis, 0), np.moveaxis(raw(out), axis, 0)
    one = [_same(y[1:], y[:-1])] if len(y) else []
    goes_on = np.concatenate([*one, np.zeros((1, *y.shape[1:]), bool)])[: len(y)]  # whether y[i + 1] is y[i]
    holds = _same(x, y)
    count = np.cumsum(holds, 0)
    starts = np.concatenate([np.ones((1, *y.shape[1:]), bool), ~goes_on[:-1]])[: len(y)]
    earlier = np.maximum.accumulate(np.where(starts, count - holds, 0), 0) if len(y) else count
    turn: Any = lambda a: np.ascontiguousarray(np.moveaxis(a, 0, axis)).astype(g.dtype)
    summed = scan(turn(goes_on), divide(g, turn(np.maximum(count - earlier, 1))), axis=axis, reverse=True)
    return multiply(summed, turn(holds))


def _same(a: Any, b: Any) -> Any:
    return (a == b) | ((a != a) & (b != b))


running_extremum.vjp(x=_running_rule)
running_extremum.sample(distinct(3, 4), axis=1, ufunc=np.maximum).sample(distinct(5), axis=0, ufunc=np.minimum)
running_extremum.sample(distinct(2, 0), axis=1, ufunc=np.fmax)


@op("linear")
def add_reduceat(x, indices, *, axis):
    """The sums of the stretches of an axis that start at `indices`, as numpy.add.reduceat."""
    return np.add.reduceat(x, indices, axis=axis)


def _reduceat_rule(g: Any, indices: Any, x_shape: tuple[int, ...], axis: int) -> Any:
    stretch, at = _stretches(raw(indices), x_shape[axis])
    ahead = (Slice(None, None, None),) * axis
    return place(getitem(g, stretch, index=(*ahead, ARRAY)), at, index=(*ahead, ARRAY), shape=x_shape)


def _stretches(indices: Any, n: int) -> tuple[Any, Any]:
    """For each element that a reduceat reads: which stretch it is in, and its place."""
    ends = np.append(indices[1:], n)
    lengths = np.where(ends > indices, ends - indices, 1)
    if not lengths.size:
        lengths = lengths.astype(int)
    stretch = np.repeat(np.arange(len(indices)), lengths)
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    return stretch, np.repeat(indices, lengths) + np.arange(len(stretch)) - first


add_reduceat.vjp(x=_reduceat_rule)
add_reduceat.sample(real(6), np.array([0, 3, 1]), axis=0).sample(real(2, 5), np.array([0, 2]), axis=1)

# -- the methods ---------------------------------------------------------------------------------------------


def reduce(
    ufunc: Any, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False,
    initial: Any = NOT_GIVEN, where: Any = True,
) -> Any:  # fmt: skip
    """ufunc.reduce: applied between the elements along axes, first to last."""
    name = f"numpy.{ufunc.__name__}.reduce"
    array = operand(array, name)
    direct = {np.add: sum, np.multiply: prod}.get(ufunc)
    if direct is not None:
        return direct(array, axis, dtype, out, keepdims, initial, where)
    start = initial if initial is NOT_GIVEN or initial is None else operand(initial, name)
    options: dict[str, Any] = {} if start is NOT_GIVEN else {"initial": None if start is None else raw(start)[()]}
    if where is not True:
        options["where"] = raw(operand(where, name))
    plain = ufunc.reduce(raw(array), axis=axis, dtype=dtype, keepdims=keepdims, **options)  # and NumPy's own errors
    if not _follows(ufunc, array, start):
        tensor = any([isinstance(x, Recorded) for x in (array, start, where)])
        return deliver(wrap(plain) if tensor else np.asarray(plain), out, name)
    if dtype is not None and array.dtype != np.dtype(dtype):
        array = cast(array, dtype=np.dtype(dtype))
    if ufunc in (np.maximum, np.minimum):
        extremum = max if ufunc is np.maximum else min
        return extremum(array, axis, out, keepdims, NOT_GIVEN if start is None else start, where)
    given = start is not NOT_GIVEN and start is not None
    if ufunc in (np.fmax, np.fmin):
        y = _without_nan(ufunc, array, axis, keepdims, start if given else NOT_GIVEN, where)
    else:
        y = _fold(ufunc, array, axis, keepdims, start if given else None, where, np.shape(plain))
    return deliver(y, out, name)


def _without_nan(ufunc: Any, x: Any, axis: Any, keepdims: bool, start: Any, where: Any) -> Any:
    """fmax.reduce and fmin.reduce: the extremum of what is not nan, nan where nothing else is."""
    worst = -math.inf if ufunc is np.fmax else math.inf
    counts = ~np.isnan(raw(x))
    if where is not True:
        counts = counts & raw(operand(where))
    y = (max if ufunc is np.fmax else min)(x, axis, None, keepdims, worst if start is NOT_GIVEN else start, counts)
    nothing = ~np.any(counts, axis=axis, keepdims=keepdims)
    return y if start is not NOT_GIVEN or not np.any(nothing) else where_op(nothing, math.nan, y)


def _fold(ufunc: Any, x: Any, axis: Any, keepdims: bool, start: Any, where: Any, shape: tuple[int, ...]) -> Any:
    """Along the axes one element after the other; the plain call has checked that this is allowed."""
    axes = tuple(range(x.ndim)) if axis is None else axis if type(axis) is tuple else (axis,)
    axes = tuple([canonical_axis(i, x.ndim, ufunc.__name__) for i in axes]) if x.ndim else ()
    rest = tuple([i for i in range(x.ndim) if i not in axes])
    lengths = tuple([x.shape[i] for i in rest])
    rows = reshape_op(transpose_op(x, axes=axes + rest), shape=(math.prod([x.shape[i] for i in axes]), *lengths))
    counts = None
    if where is not True:
        mask = np.broadcast_to(raw(operand(where)), x.shape)
        counts = mask.transpose(axes + rest).reshape(rows.shape)
    identity = ufunc.identity
    if ufunc in (np.logaddexp, np.logaddexp2) and start is None and counts is None and len(rows):
        base = LN2 if ufunc is np.logaddexp2 else 1.0
        y = logsumexp_op(multiply(rows, base) if base != 1.0 else rows, axis=(0,))
        y = divide(y, base) if base != 1.0 else y
        return reshape_op(y, shape=shape)
    if start is None and (counts is not None or not len(rows)):
        start = identity
    y = None if start is None else operand(start)
    if y is not None:
        y = broadcast_to_op(y if y.dtype == x.dtype else cast(y, dtype=x.dtype), shape=lengths)
        y = wrap(y) if not isinstance(y, Recorded) else y
    handler = _handler(ufunc, "reduce")
    for i in range(len(rows)):
        after = rows[i] if y is None else handler(y, rows[i])
        y = after if counts is None or y is None else where_op(counts[i], after, y)
    return reshape_op(y, shape=shape)


def accumulate(ufunc: Any, array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    """ufunc.accumulate: the results of reduce so far, along an axis."""
    name = f"numpy.{ufunc.__name__}.accumulate"
    array = operand(array, name)
    plain = ufunc.accumulate(raw(array), axis=axis, dtype=dtype)
    if not _follows(ufunc, array):
        return deliver(wrap(plain) if isinstance(array, Recorded) else plain, out, name)
    axis = canonical_axis(axis, array.ndim, name)
    if ufunc in (np.add, np.multiply):
        return (cumsum if ufunc is np.add else cumprod)(array, axis, dtype, out)
    if dtype is not None and array.dtype != np.dtype(dtype):
        array = cast(array, dtype=np.dtype(dtype))
    if ufunc in Extremum:
        return deliver(running_extremum(array, axis=axis, ufunc=ufunc), out, name)
    handler = _handler(ufunc, "accumulate")
    ys: list[Any] = []
    for i in range(array.shape[axis]):
        one = array[_along(axis, i)]
        ys.append(one if not ys else handler(ys[-1], one))
    y = stack_op(*ys, axis=axis) if ys else cast(array, dtype=array.dtype)
    return deliver(y, out, name)


def reduceat(ufunc: Any, array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    """ufunc.reduceat: reduce over each stretch of an axis that starts at one of `indices`."""
    name = f"numpy.{ufunc.__name__}.reduceat"
    array = operand(array, name)
    places = np.asarray(raw(operand(indices, name)))
    plain = ufunc.reduceat(raw(array), places, axis=axis, dtype=dtype)
    if not _follows(ufunc, array):
        tensor = isinstance(array, Recorded) or isinstance(indices, Recorded)
        return deliver(wrap(plain) if tensor else plain, out, name)
    axis = canonical_axis(axis, array.ndim, name)
    if dtype is not None and array.dtype != np.dtype(dtype):
        array = cast(array, dtype=np.dtype(dtype))
    places = places.astype(np.intp)
    if ufunc is np.add:
        return deliver(add_reduceat(array, places, axis=axis), out, name)
    parts = []
    for start, stop in zip(places, np.append(places[1:], array.shape[axis]), strict=True):
        part = array[_along(axis, slice(start, stop if stop > start else start + 1))]
        parts.append(reduce(ufunc, part, axis, keepdims=True))
    y = concatenate_op(*parts, axis=axis) if parts else array[_along(axis, slice(0, 0))]
    return deliver(y, out, name)


def outer(ufunc: Any, a: Any, b: Any, call: Function, **kwargs: Any) -> Any:
    """ufunc.outer: between every element of a and every one of b; `call` is the call of the ufunc with keywords."""
    name = f"numpy.{ufunc.__name__}.outer"
    if ufunc.nin != 2 or ufunc.signature is not None:
        raise ValueError(f"{name}: only ufuncs of two inputs have outer")
    x, y = operand(a, name), operand(b, name)
    return call(reshape_op(x, shape=x.shape + (1,) * y.ndim), y, **kwargs)


def at(ufunc: Any, a: Any, indices: Any, b: Any = None) -> None:
    """ufunc.at: in place at `indices`, once for every time that a place comes up in them.

    `a` is a Tensor, which takes the new value and its history.
    """
    name = f"numpy.{ufunc.__name__}.at"
    if not isinstance(a, Recorded):
        raise TypeError(
            f"{name}: the array written to is an ndarray, which cannot carry the gradient of a Tensor; make it a Tensor"
        )
    index = tuple([raw(i) for i in indices]) if type(indices) is tuple else raw(indices)
    index = np.asarray(index) if type(index) is list else index
    other = None if b is None else operand(b, name)
    after = np.array(a._data)
    ufunc.at(after, index, *([] if other is None else [raw(other)]))  # NumPy's own errors, before anything changes
    a._writable(name)  # type: ignore[attr-defined]
    if not _follows(ufunc, a, other):
        a._become(wrap(after), name)  # type: ignore[attr-defined]
        return
    places = np.arange(after.size).reshape(after.shape)[index]
    flat = reshape_op(a, shape=(after.size,))
    if other is not None:
        other = reshape_op(broadcast_to_op(other, shape=places.shape), shape=(places.size,))
    places = places.reshape(-1)
    if ufunc in (np.add, np.subtract):
        change = place(other if ufunc is np.add else negative(other), places, index=(ARRAY,), shape=flat.shape)
        flat = flat + change
    else:
        flat = _in_rounds(_handler(ufunc, "at"), flat, places, other)
    y = reshape_op(flat, shape=after.shape)
    a._become(y if y.dtype == after.dtype else cast(y, dtype=after.dtype), name)  # type: ignore[attr-defined]


def _in_rounds(handler: Function, flat: Any, places: Any, other: Any) -> Any:
    """Every place once in each round, until those that come up most often are done."""
    order = np.argsort(places, kind="stable")
    turn = np.empty_like(order)
    first = np.searchsorted(places[order], places[order], "left")
    turn[order] = np.arange(len(order)) - first
    for k in range(turn.max() + 1 if len(turn) else 0):
        now = np.flatnonzero(turn == k)
        old = getitem(flat, places[now], index=(ARRAY,))
        new = handler(old) if other is None else handler(old, getitem(other, now, index=(ARRAY,)))
        flat = setitem(flat, new, places[now], index=(ARRAY,))
    return flat
