"""Borders around arrays: every mode of numpy.pad.

Axis after axis, the corners from what is padded already, as NumPy does it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..registry import ARRAY, Recorded, Slice, numpy_name, operand
from .elementwise import multiply, round, subtract
from .index import getitem, pad_op
from .reduce import max, mean, min
from .spaced import linspace
from .statistics import median
from .structure import broadcast_to_op, cast, concatenate_op, copy, flip_op, moveaxis, reshape_op, stack_op

Pair = tuple[int, int]
KEYWORDS: dict[str, tuple[str, ...]] = {
    "constant": ("constant_values",), "edge": (), "empty": (), "linear_ramp": ("end_values",), "wrap": (),
    "maximum": ("stat_length",), "mean": ("stat_length",), "median": ("stat_length",), "minimum": ("stat_length",),
    "reflect": ("reflect_type",), "symmetric": ("reflect_type",),
}  # fmt: skip
STATISTICS: dict[str, Any] = {"maximum": max, "minimum": min, "mean": mean, "median": median}


@numpy_name(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    """x with a border: `pad_width` = (before, after) per axis, or one pair or number for all, as in numpy.pad.

    mode: 'constant' (constant_values=), 'edge', 'linear_ramp' (end_values=), 'maximum', 'mean', 'median', 'minimum'
    (stat_length=), 'reflect', 'symmetric' (reflect_type='even' or 'odd'), 'wrap', 'empty', or a function, which is
    called as function(vector, widths, axis, kwargs) and writes into each vector, a Tensor, in place.
    """
    x = operand(array, "pad")
    widths = _widths(pad_width, x)
    if callable(mode):
        return _by_function(x, widths, mode, kwargs)
    if mode not in KEYWORDS:
        raise ValueError(f"pad: mode {mode!r} is not supported; {', '.join(KEYWORDS)} are, and functions")
    unknown = set(kwargs) - set(KEYWORDS[mode])
    if unknown:
        takes = f"it takes {KEYWORDS[mode][0]}" if KEYWORDS[mode] else "it takes none"
        raise ValueError(f"pad: mode {mode!r} has no keyword {', '.join(sorted(unknown))}; {takes}")
    if mode == "constant":
        return _constant(x, widths, kwargs.get("constant_values", 0))
    if mode == "empty":
        return pad_op(x, widths=widths)
    if kwargs.get("reflect_type", "even") not in ("even", "odd"):
        raise ValueError(f"pad: reflect_type {kwargs['reflect_type']!r} is not 'even' or 'odd'")
    for axis, (n, width) in enumerate(zip(x.shape, widths, strict=True)):
        if n == 0 and any(width):
            raise ValueError(f"pad: axis {axis} of shape {x.shape} is empty; only 'constant' and 'empty' can extend it")
    if mode == "linear_ramp":
        return _linear_ramp(x, widths, kwargs.get("end_values", 0))
    if mode in STATISTICS:
        return _statistic(x, widths, mode, kwargs.get("stat_length"))
    odd = kwargs.get("reflect_type", "even") == "odd"
    given = x
    for axis, width in enumerate(widths):
        if not any(width):
            continue
        if odd and x.shape[axis] > 1:
            x = _reflect_odd(x, axis, width, mode == "symmetric")
        else:
            places = np.pad(np.arange(x.shape[axis]), width, mode=mode)
            x = getitem(x, places, index=(Slice(None, None, None),) * axis + (ARRAY,))
    return cast(x, dtype=x.dtype) if x is given else x


def _widths(pad_width: Any, x: Any) -> tuple[Pair, ...]:
    """(before, after) for each axis."""
    if isinstance(pad_width, dict):
        widths = [(0, 0)] * x.ndim
        for i, w in pad_width.items():
            widths[i] = (w, w) if np.ndim(w) == 0 else (w[0], w[1])
        pad_width = widths
    given = np.asarray(pad_width._data if isinstance(pad_width, Recorded) else pad_width)
    if given.dtype.kind != "i":
        raise TypeError(f"pad: widths must be integers, got {given.dtype}")
    return _counts(given, x.ndim, "widths")


def _counts(given: Any, ndim: int, what: str) -> tuple[Pair, ...]:
    """(before, after) for each axis, as whole numbers."""
    try:
        counts = np.round(given).astype(np.intp)
    except (TypeError, ValueError):
        raise TypeError(f"pad: {what} must be numbers, got {given.tolist()}") from None
    if (counts < 0).any():
        raise ValueError(f"pad: {what} must not be negative, got {given.tolist()}")
    return tuple([(int(a), int(b)) for a, b in np.broadcast_to(counts.reshape(_spread(given, ndim, what)), (ndim, 2))])


def _spread(given: Any, ndim: int, what: str) -> tuple[int, ...]:
    """The shape in which what is given broadcasts to (before, after) for each axis."""
    shape: tuple[int, ...] = given.shape
    if len(shape) < 3 and (given.size == 1 or (given.size == 2 and shape != (2, 1))):
        return (given.size,)
    ends = (ndim, 2)[2 - len(shape) :]
    if len(shape) > 2 or any([n not in (1, m) for n, m in zip(shape, ends, strict=True)]):
        raise ValueError(
            f"pad: {what} of shape {shape} are not one number, one pair, or one pair for each of {ndim} axes"
        )
    return shape


def _values(given: Any, x: Any, what: str) -> list[tuple[Any, Any]]:
    """A number before and one after for each axis; those of a Tensor with their gradients."""
    given = operand(given, "pad")
    border = broadcast_to_op(reshape_op(given, shape=_spread(given, x.ndim, what)), shape=(x.ndim, 2))
    return [(border[i, 0], border[i, 1]) for i in range(x.ndim)]


def _beside(before: Any, x: Any, after: Any, axis: int) -> Any:
    return concatenate_op(before, x, after, axis=axis)


def _part(x: Any, axis: int, start: int, stop: int) -> Any:
    return x[(slice(None),) * axis + (slice(start, stop),)]


def _filled(value: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    value = value if isinstance(value, Recorded) else np.asarray(value)
    return broadcast_to_op(value if value.dtype == dtype else cast(value, dtype=dtype), shape=shape)


def _constant(x: Any, widths: tuple[Pair, ...], values: Any) -> Any:
    if type(values) in (int, float) and values == 0:
        return pad_op(x, widths=widths)
    for axis, (width, pair) in enumerate(zip(widths, _values(values, x, "constant_values"), strict=True)):
        if any(width):
            shapes = [tuple(n if i == axis else k for i, k in enumerate(x.shape)) for n in width]
            before, after = (_filled(v, s, x.dtype) for v, s in zip(pair, shapes, strict=True))
            x = _beside(before, x, after, axis)
    return cast(x, dtype=x.dtype) if not any(n for w in widths for n in w) else x


def _linear_ramp(x: Any, widths: tuple[Pair, ...], ends: Any) -> Any:
    given = x
    for axis, (width, pair) in enumerate(zip(widths, _values(ends, x, "end_values"), strict=True)):
        if any(width):
            n = x.shape[axis]
            ramps = []
            for count, end, at in zip(width, pair, (0, n - 1), strict=True):
                edge = reshape_op(_part(x, axis, at, at + 1), shape=x.shape[:axis] + x.shape[axis + 1 :])
                ramps.append(linspace(end, edge, count, endpoint=False, dtype=x.dtype, axis=axis))
            x = _beside(ramps[0], x, flip_op(ramps[1], axis=(axis,)), axis)
    return cast(x, dtype=x.dtype) if x is given else x


def _statistic(x: Any, widths: tuple[Pair, ...], mode: str, stat_length: Any) -> Any:
    given, statistic = x, STATISTICS[mode]
    lengths: Any = ((None, None),) * x.ndim
    if stat_length is not None:
        lengths = _counts(np.asarray(stat_length), x.ndim, "stat_length")
    for axis, (width, pair) in enumerate(zip(widths, lengths, strict=True)):
        if not any(width):
            continue
        n = x.shape[axis]
        borders = []
        for count, length, last in zip(width, pair, (False, True), strict=True):
            k = n if length is None or length > n else length
            if k == 0 and mode in ("maximum", "minimum"):
                raise ValueError(f"pad: a stat_length of 0 yields no {mode}")
            value = statistic(_part(x, axis, n - k if last else 0, n if last else k), axis, keepdims=True)
            if value.dtype != x.dtype:  # means of integers are rounded
                value = cast(round(value) if x.dtype.kind in "iu" else value, dtype=x.dtype)
            borders.append(broadcast_to_op(value, shape=(*x.shape[:axis], count, *x.shape[axis + 1 :])))
        x = _beside(borders[0], x, borders[1], axis)
    return cast(x, dtype=x.dtype) if x is given else x


def _reflect_odd(x: Any, axis: int, width: Pair, with_edge: bool) -> Any:
    """Reflected at the edge value as well: 2 * edge - what lies as far inside. Again and again, if need be."""
    left, right = width
    period, skip = x.shape[axis], 0 if with_edge else 1
    while left or right:
        n = x.shape[axis]
        reach = n // period * period if with_edge else (n - 1) // (period - 1) * (period - 1)
        more, edge, other = [x], _part(x, axis, 0, 1), _part(x, axis, n - 1, n)
        if left:
            k = reach if reach < left else left
            inside = flip_op(_part(x, axis, skip, skip + k), axis=(axis,))
            more.insert(0, _turned_at(edge, inside))
            left -= k
        if right:
            k = reach if reach < right else right
            inside = flip_op(_part(x, axis, n - skip - k, n - skip), axis=(axis,))
            more.append(_turned_at(other, inside))
            right -= k
        x = concatenate_op(*more, axis=axis)
    return x


def _turned_at(edge: Any, inside: Any) -> Any:
    out = subtract(multiply(edge, 2), inside)
    return out if out.dtype == inside.dtype else cast(out, dtype=inside.dtype)


def _by_function(x: Any, widths: tuple[Pair, ...], function: Any, kwargs: dict[str, Any]) -> Any:
    y = pad_op(x, widths=widths)
    for axis in range(y.ndim):
        turned = moveaxis(y, axis, -1)
        rows = []
        for place in np.ndindex(turned.shape[:-1]):
            row = copy(turned[place])
            function(row, widths[axis], axis, kwargs)
            rows.append(row)
        if rows:
            y = moveaxis(reshape_op(stack_op(*rows, axis=0), shape=turned.shape), -1, axis)
    return y
