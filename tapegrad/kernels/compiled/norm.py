"""Mean, variance and normalisation, each in one or two passes over what stays in the cache.

As in the NumPy forms, x is seen as (A, B, I): B statistics, each over A runs of I entries that lie together. Sums of
a run are in the precision of x, of runs in float64. Entries are taken relative to a number near their mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from .. import memory
from ..choice import compiled
from ..norm import Layout, along_rows, is_rows
from ..windows import Array
from .arguments import real, share, whole
from .jit import jit

# The longest run that is summed in the precision of x.
_RUN = 1 << 12
# How many standard deviations the mean may lie from the number that is subtracted before digits visibly cancel.
_NEAR = 2.0
# Shorter runs are not worth a loop of their own.
_SHORTEST = 4


def _are_floats(*arrays: Array | None) -> bool:
    """Whether all that is given is of at most double precision, and real."""
    return all([a is None or (a.dtype.kind == "f" and a.dtype.itemsize <= 8) for a in arrays])


def _seen(x: Array, statistics: tuple[int, ...]) -> Layout | None:
    """How x is seen when there is one number for each entry of an array of shape `statistics`; None for short runs."""
    axes = [axis for axis, n in enumerate(statistics) if n == 1 != x.shape[axis]]
    layout = Layout(x.shape, axes)
    return layout if layout.folded[2] >= _SHORTEST and layout.statistics == statistics else None


def _each(seen: Layout, a: Array, dtype: DTypeLike) -> Array:
    """One number for each statistic: (B,)."""
    return seen.column(a)[:, 0].astype(dtype)


# -- mean and variance ------------------------------------------------------------------------------------


@jit
def _squares(run, shift):  # type: ignore[no-untyped-def]
    """The sums over a run of x - shift and of its square."""
    total = square = 0.0
    for first in range(0, run.size, _RUN):
        part = run[first : first + _RUN]
        a = b = run.dtype.type(0)
        for i in range(part.size):
            d = part[i] - shift
            a += d
            b += d * d
        total += a
        square += b
    return total, square


@jit
def _sums(x, mean, var, start, stop):  # type: ignore[no-untyped-def]
    """Mean and variance (B,) of x (A, B, I) for statistics start to stop, all relative to what mean held before."""
    mean_of, square_of = np.zeros(stop - start), np.zeros(stop - start)
    for a in range(x.shape[0]):  # in the order of memory
        for b in range(start, stop):
            total, square = _squares(x[a, b], x.dtype.type(mean[b]))
            mean_of[b - start] += total
            square_of[b - start] += square
    count = x.shape[0] * x.shape[2]
    for b in range(start, stop):
        drift = mean_of[b - start] / count
        spread = square_of[b - start] / count - drift * drift
        mean[b] = x.dtype.type(mean[b]) + drift
        var[b] = 0.0 if spread < 0 else spread  # NaN stays


@jit
def _moments(x, mean, var, start, stop):  # type: ignore[no-untyped-def]
    """Mean and variance (B,) of x (A, B, I) for statistics start to stop; mean holds a first guess."""
    guess = mean[start:stop].copy()
    _sums(x, mean, var, start, stop)
    for b in range(start, stop):
        if (mean[b] - guess[b - start]) ** 2 > _NEAR**2 * var[b]:
            _sums(x, mean, var, b, b + 1)


@compiled("norm.moments")
def moments(x: Array, axes: Sequence[int]) -> Any:
    """Mean and variance, relative to the first entry, or to the mean where that turns out to lie far from it."""
    seen = Layout(x.shape, axes)
    if not real(x) or seen.folded[2] < _SHORTEST:
        return NotImplemented
    folded = whole(seen.fold(x))
    mean, var = folded[0, :, 0].astype(np.float64), np.empty(folded.shape[1])
    mean[~np.isfinite(mean)] = 0
    share(len(mean), x.size, lambda start, stop: _moments(folded, mean, var, start, stop))
    return mean.reshape(seen.statistics), var.reshape(seen.statistics)


# -- normalisation ------------------------------------------------------------------------------------------


@jit
def _normalize(x, near, scale, offset, weight, bias, out, start, stop):  # type: ignore[no-untyped-def]
    """((x - near) * scale + offset) * weight + bias: by statistic (B,) the first three, by entry (I,) the others."""
    for a in range(x.shape[0]):
        for b in range(start, stop):
            run, place = x[a, b], out[a, b]
            m, s, o = near[b], scale[b], offset[b]
            for i in range(run.size):
                place[i] = ((run[i] - m) * s + o) * weight[i] + bias[i]


@compiled("norm.normalize")
def normalize(x: Array, mean: Array, rstd: Array, weight: Array | None, bias: Array | None, dtype: DTypeLike) -> Any:
    """(x - mean) * rstd * weight + bias, where weight and bias are one number for each run, or along all runs."""
    if not real(x) or x.dtype != dtype or not _are_floats(mean, rstd, weight, bias) or mean.shape != rstd.shape:
        return NotImplemented
    if mean.ndim != x.ndim:
        return NotImplemented
    by_entry = is_rows(x, mean, weight, bias, dtype)
    shapes = [p.shape for p in (weight, bias) if p is not None and not by_entry]
    seen = _seen(x, np.broadcast_shapes(mean.shape, *shapes))
    if seen is None:
        return NotImplemented
    near = mean.astype(x.dtype)
    scale = rstd if weight is None or by_entry else rstd * weight
    offset = (0 if bias is None or by_entry else bias) - (mean - near.astype(np.float64)) * scale
    ones, zeros = np.ones(seen.folded[2], x.dtype), np.zeros(seen.folded[2], x.dtype)
    along = [
        whole(p.reshape(-1).astype(x.dtype, copy=False)) if by_entry and p is not None else plain
        for p, plain in ((weight, ones), (bias, zeros))
    ]
    folded, out = whole(seen.fold(x)), memory.empty(seen.folded, x.dtype)
    numbers = [_each(seen, a, x.dtype) for a in (near, scale, offset)]
    share(seen.folded[1], x.size, lambda start, stop: _normalize(folded, *numbers, *along, out, start, stop))
    return seen.unfold(out)


# -- gradients ----------------------------------------------------------------------------------------------


@jit
def _products(g, x, near, weight):  # type: ignore[no-untyped-def]
    """The sums over a run of g * weight and of g * weight * (x - near)."""
    total = dot = 0.0
    for first in range(0, g.size, _RUN):
        stop = min(first + _RUN, g.size)
        gs, xs, ws = g[first:stop], x[first:stop], weight[first:stop]
        a = b = g.dtype.type(0)
        for i in range(gs.size):
            v = gs[i] * ws[i]
            a += v
            b += v * (xs[i] - near)
        total += a
        dot += b
    return total, dot


@jit
def _dots(g, x, near, rest, weight, out, start, stop):  # type: ignore[no-untyped-def]
    """The sums (B,) of g * weight and of g * weight * (x - mean) into out (2, B), for some statistics."""
    out[:, start:stop] = 0
    for a in range(x.shape[0]):
        for b in range(start, stop):
            total, dot = _products(g[a, b], x[a, b], near[b], weight)
            out[0, b] += total
            out[1, b] += dot - rest[b] * total


@jit
def _backward(g, x, near, rest, scale, gain, weight, sums, out, start, stop):  # type: ignore[no-untyped-def]
    """gain * (a - mean(a) - z * mean(a * z)) with a = g * weight (I,) and z = (x - near - rest) * scale."""
    number, outer, inner = x.dtype.type, x.shape[0], x.shape[2]
    # some rows are still in the cache after their sums; of many runs far apart, none would be
    together = max(1, _RUN // inner) if outer == 1 else stop - start
    for first in range(start, stop, together):
        last = min(first + together, stop)
        _dots(g, x, near, rest, weight, sums, first, last)
        for a in range(outer):
            for b in range(first, last):
                slope = -gain[b] * scale[b] ** 2 * sums[1, b] / (outer * inner)
                constant = number(-gain[b] * sums[0, b] / (outer * inner) - slope * rest[b])
                by_x, by_g, m = number(slope), number(gain[b]), near[b]
                gs, xs, place = g[a, b], x[a, b], out[a, b]
                for i in range(inner):
                    place[i] = by_g * (gs[i] * weight[i]) + (by_x * (xs[i] - m) + constant)


class _Image(NamedTuple):
    """The gradient in x, and for each statistic the sums of g * weight and of g * weight * (x - mean)."""

    out: Array
    sums: Array
    by_statistic: bool  # the weight, if there is one, is one number for each statistic and not in the sums


def _image(g: Array, x: Array, mean: Array, rstd: Array, weight: Array | None, axes: Sequence[int]) -> _Image | None:
    """The two sums that a norm's gradient needs, and the gradient while x and g are in the cache."""
    if not real(g, x) or not _are_floats(mean, rstd, weight) or g.shape != x.shape:
        return None
    seen = Layout(x.shape, axes)
    if seen.folded[2] < _SHORTEST or not mean.shape == rstd.shape == seen.statistics:
        return None
    along, gain, by_statistic = np.ones(seen.folded[2], x.dtype), rstd, True
    if weight is not None:
        by_statistic = np.broadcast_shapes(weight.shape, mean.shape) == mean.shape
        if by_statistic:
            gain = rstd * weight
        elif seen.folded[0] == 1 and is_rows(x, mean, weight, None, x.dtype):
            along = whole(weight.reshape(-1).astype(x.dtype, copy=False))
        else:
            g = (g * weight).astype(x.dtype, copy=False)
    gs, xs, out = whole(seen.fold(g)), whole(seen.fold(x)), memory.empty(seen.folded, x.dtype)
    near = mean.astype(x.dtype)
    middle = _each(seen, near, x.dtype)
    rest, scale, gain = (_each(seen, a, np.float64) for a in (mean - near.astype(np.float64), rstd, gain))
    sums = np.empty((2, len(rest)))

    def work(start: int, stop: int) -> None:
        _backward(gs, xs, middle, rest, scale, gain, along, sums, out, start, stop)

    share(len(rest), x.size, work)
    return _Image(seen.unfold(out), sums, by_statistic)


@compiled("norm.normalize_backward")
def normalize_backward(g: Array, x: Array, mean: Array, rstd: Array, weight: Array | None, axes: Sequence[int]) -> Any:
    """The gradient through a norm."""
    found = _image(g, x, mean, rstd, weight, axes)
    return NotImplemented if found is None else found.out


@compiled("norm.gradients")
def gradients(
    g: Array, x: Array, mean: Array, rstd: Array, weight: Array | None, shape: tuple[int, ...], axes: Sequence[int]
) -> Any:
    """The gradients in x, weight and bias: the last two are the sums that the first needs, or go down the rows."""
    down = real(g, x) and g.shape == x.shape and along_rows(x, mean, shape)
    if not down and mean.shape != shape:
        return NotImplemented
    found = _image(g, x, mean, rstd, weight, axes)
    if found is None or not (down or found.by_statistic):
        return NotImplemented
    if down:
        near = mean.astype(x.dtype)
        both = _down_rows(g, x, near, mean - near.astype(np.float64), rstd)
        return found.out, *(a.reshape(shape).astype(x.dtype) for a in both)
    total, dot = (a.reshape(shape) for a in found.sums)
    return found.out, (dot * rstd).astype(x.dtype), total.astype(x.dtype)


@jit
def _down(y, x, near, rest, scale, start, stop):  # type: ignore[no-untyped-def]
    """The sums of y * z and of y over rows start to stop: (2, I) in float64; z = (x - near - rest) * scale."""
    total, part, plain = np.zeros((2, x.shape[1])), np.zeros(x.shape[1], x.dtype), np.zeros(x.shape[1], x.dtype)
    for first in range(start, stop, 64):
        part[:] = 0
        plain[:] = 0
        for b in range(first, min(first + 64, stop)):
            ys, xs, m, s = y[b], x[b], near[b], x.dtype.type(scale[b])
            o = x.dtype.type(rest[b] * scale[b])
            for i in range(part.size):
                part[i] += ys[i] * ((xs[i] - m) * s - o)
                plain[i] += ys[i]
        total[0] += part
        total[1] += plain
    return total


@compiled("norm.weight_sum")
def weight_sum(y: Array, x: Array, mean: Array, rstd: Array, shape: tuple[int, ...]) -> Any:
    """The sum of y * z, by runs where each has one weight, else down the rows."""
    if not real(y, x) or not _are_floats(mean, rstd) or not mean.ndim == x.ndim == len(shape):
        return NotImplemented
    if mean.shape != rstd.shape or y.shape != x.shape:
        return NotImplemented
    near = mean.astype(x.dtype)
    rest = mean - near.astype(np.float64)
    if along_rows(x, mean, shape):
        return _down_rows(y, x, near, rest, rstd)[0].reshape(shape).astype(x.dtype)
    seen = _seen(x, np.broadcast_shapes(mean.shape, shape))
    if seen is None:
        return NotImplemented
    ys, xs, ones = whole(seen.fold(y)), whole(seen.fold(x)), np.ones(seen.folded[2], x.dtype)
    middle, remains, sums = _each(seen, near, x.dtype), _each(seen, rest, np.float64), np.empty((2, seen.folded[1]))
    share(len(middle), x.size, lambda start, stop: _dots(ys, xs, middle, remains, ones, sums, start, stop))
    over = tuple([axis for axis, n in enumerate(shape) if n == 1])
    return (sums[1].reshape(seen.statistics) * rstd).sum(over, keepdims=True).astype(x.dtype)


def _down_rows(y: Array, x: Array, near: Array, rest: Array, rstd: Array) -> Array:
    """The sums of y * z and of y over rows, of which mean has one each: (2, entries of a row)."""
    count = near.size
    ys, xs = (whole(a).reshape(count, -1) for a in (y, x))
    numbers = [a.reshape(-1).astype(np.float64) for a in (rest, rstd)]
    middle, parts = near.reshape(-1), {}

    def work(start: int, stop: int) -> None:
        parts[start] = _down(ys, xs, middle, *numbers, start, stop)

    share(count, x.size, work)
    return np.asarray(sum([parts[start] for start in sorted(parts)]))
