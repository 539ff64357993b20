"""Choosing elements from several arrays, writing them into an array, and functions of parts of an array.

Where NumPy's own function can run on an array of places, it does, and says which element each one comes from.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..registry import ARRAY, Recorded, numpy_name, op, operand, raw, wrap
from ..samples import ints, real
from ..tape import state
from .discrete import any_requires_grad
from .elementwise import equal, where_op
from .index import getitem, setitem
from .keywords import any_tensor, cast_to, in_dtype
from .sets import in_kind
from .structure import (
    broadcast_to_op,
    canonical_axis,
    cast,
    concatenate,
    concatenate_op,
    deliver,
    expand_dims,
    moveaxis,
    reshape_op,
    stack_op,
    sum_to,
    transpose_op,
    unstack,
)

Function = Callable[..., Any]
FLAT = (ARRAY,)
NUMBERS = (int, float, complex, bool)

# -- one of several arrays, element by element ---------------------------------------------------------------


@op("linear")
def choose_op(which, *xs):
    """At each place the element of that x whose number stands in `which`, all broadcast; the others get 0."""
    shape = np.broadcast_shapes(which.shape, *[x.shape for x in xs])
    out = np.empty(shape, np.result_type(*xs))
    for k, x in enumerate(xs):
        np.copyto(out, x, where=which == k)
    return out


choose_op.vjp(
    xs=lambda g, which, position, xs_shape: sum_to(where_op(equal(which, position), g, 0.0), shape=xs_shape[position])
)
choose_op.sample(ints(0, 2, 3, 4), real(3, 4), real(4)).sample(ints(0, 3, 2, 1), real(), real(2, 3), real(1, 3))
choose_op.sample(ints(0, 1, 0), real(0))


def _common(xs: Any, name: str) -> list[Any]:
    """Arrays and numbers as arrays of their common dtype, in which numbers of Python have no say."""
    xs = [x if type(x) in (int, float, complex) else operand(x, name) for x in xs]
    dtype = np.result_type(*[x if type(x) in (int, float, complex) else x.dtype for x in xs])
    return [np.asarray(x, dtype) if type(x) in (int, float, complex) else cast_to(x, dtype) for x in xs]


@numpy_name(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """At each place the element of that choice whose number stands in a, all broadcast.

    choices: a sequence of arrays, or an array, whose first axis counts the choices. mode: for numbers out of bounds,
    'raise', 'wrap' or 'clip'.
    """
    a = operand(a, "choose")
    which = raw(a)
    if not np.can_cast(which.dtype, np.intp, "safe"):
        raise TypeError(f"choose: a must be of integers, got {which.dtype}")
    which = which.astype(np.intp)
    if isinstance(choices, (Recorded, np.ndarray)):
        if not choices.ndim:
            raise ValueError("choose: choices must be a sequence of arrays, got an array of no axes")
        choices = unstack(choices)
    n = len(choices)
    if not n:
        raise ValueError("choose: there must be at least one choice")
    if mode == "wrap":
        which = which % n
    elif mode == "clip":
        which = np.clip(which, 0, n - 1)
    elif mode != "raise":
        raise ValueError(f"choose: mode {mode!r} is not one of 'raise', 'wrap', 'clip'")
    elif which.size and (which.min() < 0 or which.max() >= n):
        raise ValueError(f"choose: a must be in [0, {n}) for {n} choices, got {which.min()} to {which.max()}")
    xs = _common(choices, "choose")
    return deliver(in_kind(choose_op(which, *xs), a), out, "choose")


@numpy_name(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """At each place the element of the first choice whose condition holds there, or the default; all broadcast."""
    conditions = [raw(operand(c, "select")) for c in condlist]
    if len(conditions) != len(choicelist):
        raise ValueError(f"select: {len(conditions)} conditions, but {len(choicelist)} choices")
    if not conditions:
        raise ValueError("select: there must be at least one condition")
    for k, c in enumerate(conditions):
        if c.dtype.kind != "b":
            raise TypeError(f"select: condition {k} must be of bools, got {c.dtype}")
    n = len(conditions)
    which = np.full(np.broadcast_shapes(*[c.shape for c in conditions]), n)
    for k, c in reversed(list(enumerate(conditions))):
        np.copyto(which, k, where=c)
    return in_kind(choose_op(which, *_common([*choicelist, default], "select")), *condlist)


@numpy_name(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Functions (or constants), each of the elements of x where its condition holds; of several, the last.

    One function more than conditions is for where none holds; elsewhere is 0. The result has the dtype of x. The
    functions get the elements in one axis, as a Tensor if x is one, and args and kw besides.
    """
    x = operand(x, "piecewise")
    given: Any = raw(condlist)
    several = isinstance(given, (list, tuple)) or (isinstance(given, np.ndarray) and given.ndim > 0)
    if not several or (x.ndim and not isinstance(given[0], (list, np.ndarray, Recorded))):
        given = [given]
    holds = np.asarray([raw(c) for c in given], dtype=bool)
    n, functions = len(holds), list(funclist)
    if n == len(functions) - 1:
        holds = np.concatenate([holds, ~holds.any(axis=0, keepdims=True)])
    elif n != len(functions):
        raise ValueError(f"piecewise: with {n} conditions, {n} or {n + 1} functions are expected, got {len(functions)}")
    y: Any = np.zeros(x.shape, x.dtype)
    for where, f in zip(holds, functions, strict=True):
        if callable(f):
            part = getitem(x, where, index=FLAT)
            if not part.size:
                continue
            f = f(part, *args, **kw)
        value = operand(f, "piecewise")
        _fits(value, y, "piecewise")
        y = setitem(y, in_dtype(value, y.dtype), where, index=FLAT)
    return in_kind(y, x, condlist, *(condlist if isinstance(condlist, (list, tuple)) else ()))


def _fits(value: Any, into: Any, name: str) -> None:
    """Refuse to put what requires grad where no gradient can be."""
    if into.dtype.kind not in "fc" and any_requires_grad((value,)):
        raise TypeError(f"{name}: an array of dtype {into.dtype} cannot take values that require grad; cast it first")


# -- writing in place ----------------------------------------------------------------------------------------


def _written(name: str, a: Any, values: Any, write: Function, inplace: bool) -> Any:
    """write(array, values), which works in place, on a Tensor; with inplace=False on a copy, which comes back."""
    v = values if type(values) in NUMBERS else operand(values, name)
    if not isinstance(a, Recorded) and inplace:
        if any_requires_grad((v,)):
            raise TypeError(
                f"{name}: the array written to is an ndarray, which cannot carry the gradient that the values require; "
                f"make it a Tensor, or take the result of tg.{name}(..., inplace=False)"
            )
        write(a, raw(v))
        return None
    a = operand(a, name)
    after = np.array(raw(a))
    write(after, raw(v))  # NumPy's own errors, before anything changes
    _fits(v, a, name)
    y: Any = wrap(after) if any_tensor(a, v) else after
    if state.tracing or any_requires_grad((a, v)):
        y = _from(a, np.asarray(v) if type(v) in NUMBERS else v, write)
    if not inplace:
        return y
    a._writable(name)
    a._become(y, name)
    return None


def _from(a: Any, v: Any, write: Function) -> Any:
    """What a becomes, with its history: places are written instead of values, to see which ends up where."""
    source = np.full(a.shape, -1)
    write(source, np.arange(v.size).reshape(v.shape))
    source = source.reshape(-1)
    at = np.flatnonzero(source >= 0)
    v = cast_to(reshape_op(v, shape=(v.size,)), a.dtype)
    if v.size != 1:
        v = getitem(v, source[at], index=FLAT)
    return reshape_op(setitem(reshape_op(a, shape=(a.size,)), v, at, index=FLAT), shape=a.shape)


def _index(i: Any) -> Any:
    """An index argument as NumPy takes it, with arrays for Tensors, also within lists."""
    return [_index(k) for k in i] if isinstance(i, (list, tuple)) else raw(i)


@numpy_name(np.put)
def put(a: Any, ind: Any, v: Any, mode: Any = "raise", *, inplace: bool = True) -> Any:
    """Write v, over and over if it is short, to places of the flat array, in place; of values for one place, the last.

    With inplace=False a stays as it is, and the new array comes back. mode: 'raise', 'wrap' or 'clip'.
    """
    places = _index(ind)
    return _written("put", a, v, lambda array, values: np.put(array, places, values, mode), inplace)


@numpy_name(np.place)
def place(arr: Any, mask: Any, vals: Any, *, inplace: bool = True) -> Any:
    """Write vals, one after the other and over again, to where the mask holds, in place.

    With inplace=False arr stays as it is, and the new array comes back.
    """
    holds = raw(operand(mask, "place"))
    return _written("place", arr, vals, lambda array, values: np.place(array, holds, values), inplace)


@numpy_name(np.putmask)
def putmask(a: Any, mask: Any, values: Any, *, inplace: bool = True) -> Any:
    """Write to where the mask holds the values that stand there, in place; fewer values than a has are repeated.

    With inplace=False a stays as it is, and the new array comes back.
    """
    holds = raw(operand(mask, "putmask"))
    return _written("putmask", a, values, lambda array, values: np.putmask(array, holds, values), inplace)


@numpy_name(np.copyto)
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True, *, inplace: bool = True) -> Any:
    """Write src, broadcast, to where `where` holds, in place. casting as in NumPy.

    With inplace=False dst stays as it is, and the new array comes back.
    """
    holds = raw(operand(where, "copyto"))

    return _written("copyto", dst, src, lambda array, values: np.copyto(array, values, casting, holds), inplace)


@numpy_name(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False, *, inplace: bool = True) -> Any:
    """Write val, over and over if it is short, to the diagonal, in place; wrap: begin again below a square.

    With inplace=False a stays as it is, and the new array comes back.
    """
    return _written("fill_diagonal", a, val, lambda array, values: np.fill_diagonal(array, values, wrap), inplace)


@numpy_name(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None, *, inplace: bool = True) -> Any:
    """Write values to `indices` along an axis (None: of the flat array), the other axes matched, in place.

    With inplace=False arr stays as it is, and the new array comes back.
    """
    places = raw(operand(indices, "put_along_axis"))

    def write(array: Any, values: Any) -> None:
        np.put_along_axis(array, places, values, axis)

    return _written("put_along_axis", arr, values, write, inplace)


# -- more elements, and fewer --------------------------------------------------------------------------------


@numpy_name(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """arr with values put in before the places `obj` of an axis (None: of the flat array).

    obj: an int, a slice, or a sequence of ints or bools, as in NumPy.
    """
    arr = operand(arr, "insert")
    v = operand(values, "insert")
    where = obj if isinstance(obj, slice) else _index(obj)
    if not any_tensor(arr, v, obj):
        return np.insert(arr, where, v, axis)
    _fits(v, arr, "insert")
    marks = arr.size + np.arange(v.size).reshape(v.shape)
    source = np.insert(np.arange(arr.size).reshape(arr.shape), where, marks, axis)
    v = in_dtype(v, arr.dtype)
    both = concatenate_op(reshape_op(arr, shape=(arr.size,)), reshape_op(v, shape=(v.size,)), axis=0)
    return in_kind(getitem(both, source, index=FLAT), obj)


@numpy_name(np.delete)
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """arr without the places `obj` of an axis (None: of the flat array).

    obj: an int, a slice, or a sequence of ints or bools, as in NumPy.
    """
    arr = operand(arr, "delete")
    if axis is None:
        arr, axis = reshape_op(arr, shape=(arr.size,)), 0
    axis = canonical_axis(axis, arr.ndim, "delete")
    n = arr.shape[axis]
    stays = np.zeros(n, bool)
    stays[np.delete(np.arange(n), obj if isinstance(obj, slice) else _index(obj))] = True
    return in_kind(arr[(slice(None),) * axis + (stays,)], obj)


@numpy_name(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """The elements of a, over and over, in another shape."""
    a = operand(a, "resize")
    shape = (int(new_shape),) if np.ndim(new_shape) == 0 else tuple([int(n) for n in new_shape])
    if any(n < 0 for n in shape):
        raise ValueError(f"resize: lengths must not be negative, got {new_shape}")
    size = int(np.prod(shape))
    if not a.size or not size:
        return in_kind(np.zeros(shape, a.dtype), a)
    flat = reshape_op(a, shape=(a.size,))
    times = -(-size // a.size)
    if times > 1:
        flat = reshape_op(broadcast_to_op(flat, shape=(times, a.size)), shape=(times * a.size,))
    return reshape_op(flat[:size], shape=shape)


@numpy_name(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """filt without the zeros at its front ('f') and its back ('b'), along axes (None: all)."""
    x = operand(filt, "trim_zeros")
    if trim.lower() not in ("fb", "bf", "f", "b"):
        raise ValueError(f"trim_zeros: trim {trim!r} is not 'fb', 'f' or 'b'")
    axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim, "axis")
    found = np.argwhere(raw(x))
    if not axes:
        return x
    index: list[Any] = [slice(None)] * x.ndim
    for i in axes:
        if not len(found):
            index[i] = slice(0, 0)
            continue
        start = int(found[:, i].min()) if "f" in trim.lower() else None
        index[i] = slice(start, int(found[:, i].max()) + 1 if "b" in trim.lower() else None)
    return x[tuple(index)]


@numpy_name(np.block)
def block(arrays: Any) -> Any:
    """One array of nested lists of blocks: the innermost lists are joined along the last axis, and so on outwards."""
    depth = _depth(arrays, ())
    leaves = list(_leaves(arrays))
    blocks = [operand(a, "block") for a in leaves]
    ndim = builtins.max([depth, *[a.ndim for a in blocks]])
    rest = iter([a if a.ndim == ndim else reshape_op(a, shape=(1,) * (ndim - a.ndim) + a.shape) for a in blocks])
    y = _joined(arrays, depth, rest)
    return y if depth else cast(y, dtype=y.dtype)  # a copy, never a view


def _depth(arrays: Any, path: tuple[int, ...]) -> int:
    """How deep the lists are nested, which must be the same everywhere."""
    where = "arrays" + "".join([f"[{i}]" for i in path])
    if isinstance(arrays, tuple):
        raise TypeError(f"block: {where} is a tuple; only lists can hold blocks")
    if not isinstance(arrays, list):
        return 0
    if not arrays:
        raise ValueError(f"block: the list {where} is empty")
    depths = [_depth(a, (*path, i)) for i, a in enumerate(arrays)]
    if len(set(depths)) > 1:
        raise ValueError(f"block: the lists in {where} are nested to different depths: {depths}")
    return 1 + depths[0]


def _leaves(arrays: Any) -> Iterator[Any]:
    if isinstance(arrays, list):
        for a in arrays:
            yield from _leaves(a)
    else:
        yield arrays


def _joined(arrays: Any, depth: int, rest: Iterator[Any]) -> Any:
    if not depth:
        return next(rest)
    return concatenate([_joined(a, depth - 1, rest) for a in arrays], -depth)


# -- windows -------------------------------------------------------------------------------------------------


@op("linear", view=True)
def sliding_windows(x, *, sizes, axes):
    """All windows of `sizes` neighbours along the axes, as new last axes, without a copy."""
    shape, strides = list(x.shape), x.strides
    for i, size in zip(axes, sizes, strict=True):
        shape[i] -= size - 1
    if not (x.flags.c_contiguous or x.flags.f_contiguous):
        x = np.ascontiguousarray(x)
        strides = x.strides
    out = np.ndarray((*shape, *sizes), x.dtype, buffer=x, strides=(*strides, *[strides[i] for i in axes]))
    out.flags.writeable = False
    return out


@op("linear")
def overlap_add(x, *, axes, shape):
    """The adjoint of sliding_windows: the windows added up where they lie in an array of `shape`."""
    for axis in reversed(axes):
        x = _overlap_last(x, axis)
    return x.reshape(shape)


def _overlap_last(x: Any, axis: int) -> Any:
    """The windows in the last axis added up along another; over whatever is shorter, windows or their elements."""
    windows, size = x.shape[axis], x.shape[-1]
    out = np.zeros((*x.shape[:axis], windows + size - 1, *x.shape[axis + 1 : -1]), x.dtype)
    ahead = (slice(None),) * axis
    if size <= windows:
        for k in range(size):
            out[(*ahead, slice(k, k + windows))] += x[..., k]
    else:
        last = np.moveaxis(x, -1, axis + 1)
        for k in range(windows):
            out[(*ahead, slice(k, k + size))] += last[(*ahead, k)]
    return out


sliding_windows.vjp(x=lambda g, axes, x_shape: overlap_add(g, axes=axes, shape=x_shape))
overlap_add.vjp(x=lambda g, axes, x_shape: sliding_windows(g, sizes=x_shape[g.ndim :], axes=axes))
sliding_windows.sample(real(5), sizes=(2,), axes=(0,)).sample(real(2, 4, 3), sizes=(2, 3), axes=(2, 1))
sliding_windows.sample(real(2, 3), sizes=(3,), axes=(1,)).sample(real(0, 3), sizes=(2,), axes=(1,))
sliding_windows.sample(real(5), sizes=(2, 3), axes=(0, 0))
overlap_add.sample(real(4, 2), axes=(0,), shape=(5,)).sample(real(2, 2, 3, 4), axes=(1,), shape=(2, 5, 3))
overlap_add.sample(real(2, 3, 2, 2), axes=(1, 0), shape=(3, 4))


@numpy_name(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    """All windows of that shape along the axes (None: all), in new last axes; nothing is copied.

    subok has no effect, since there are no subclasses. A window cannot be written, so writeable must be False.
    """
    if writeable:
        raise TypeError("sliding_window_view: windows cannot be written; leave writeable=False, and take a .copy()")
    x = operand(x, "sliding_window_view")
    sizes = tuple(window_shape) if np.iterable(window_shape) else (window_shape,)
    sizes = tuple([int(n) for n in sizes])
    if any(n < 0 for n in sizes):
        raise ValueError(f"sliding_window_view: window_shape must not be negative, got {window_shape}")
    if axis is None:
        axes = tuple(range(x.ndim))
        if len(sizes) != x.ndim:
            raise ValueError(
                f"sliding_window_view: without axis=, window_shape {window_shape} must have {x.ndim} lengths, one for "
                f"each axis of {x.shape}"
            )
    else:
        axes = normalize_axis_tuple(axis, x.ndim, allow_duplicate=True)
        if len(sizes) != len(axes):
            raise ValueError(f"sliding_window_view: window_shape {window_shape} and axis {axis} differ in length")
    lengths = list(x.shape)
    for i, size in zip(axes, sizes, strict=True):
        if lengths[i] < size:
            raise ValueError(f"sliding_window_view: a window of {size} does not fit axis {i} of {x.shape}")
        lengths[i] -= size - 1
    return sliding_windows(x, sizes=sizes, axes=axes)


# -- functions of parts --------------------------------------------------------------------------------------


@numpy_name(np.apply_along_axis)
def apply_along_axis(func1d: Function, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """func1d of every slice along an axis (as a Tensor, if arr is one), its results in place of the axis.

    args and kwargs are handed on. Results after the first are brought to the dtype and shape of the first.
    """
    arr = operand(arr, "apply_along_axis")
    axis = canonical_axis(axis, arr.ndim, "apply_along_axis")
    rows = moveaxis(arr, axis, -1)
    rest = rows.shape[:-1]
    if 0 in rest:
        raise ValueError(f"apply_along_axis: there are no slices of {arr.shape} along axis {axis}")
    results: list[Any] = []
    for at in np.ndindex(rest):
        y = operand(func1d(rows[(*at, Ellipsis)], *args, **kwargs), "apply_along_axis")
        if results:
            _fits(y, results[0], "apply_along_axis")
            y = in_dtype(y, results[0].dtype)
            y = y if y.shape == results[0].shape else broadcast_to_op(y, shape=results[0].shape)
        results.append(y)
    shape = results[0].shape
    y = reshape_op(stack_op(*results, axis=0), shape=(*rest, *shape))
    before, new = tuple(range(axis)), tuple(range(len(rest), len(rest) + len(shape)))
    return transpose_op(y, axes=before + new + tuple(range(axis, len(rest))))


@numpy_name(np.apply_over_axes)
def apply_over_axes(func: Function, a: Any, axes: Any) -> Any:
    """func(x, axis) for each of the axes in turn; an axis that it takes away comes back with length 1."""
    x = operand(a, "apply_over_axes")
    ndim = x.ndim
    for axis in (axes,) if np.ndim(axes) == 0 else axes:
        axis = ndim + axis if axis < 0 else axis
        y = operand(func(x, axis), "apply_over_axes")
        if y.ndim != x.ndim:
            y = expand_dims(y, axis)
        if y.ndim != x.ndim:
            raise ValueError(f"apply_over_axes: of {x.shape} the function gave {y.shape} for axis {axis}")
        x = y
    return x
