"""Mean, variance and normalisation over any axes: the arithmetic under batch, layer and group norm.
Knows arrays and axes; nothing of tapes, running statistics or epsilons.

Every array is seen as (A, B, I): B statistics, each over its A*I entries. Sums run in float64 over short dots
in the precision of x, and where the mean is large, entries are taken relative to it so that no digits cancel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from .windows import Array, cut

# Blocks of about this many bytes are read, shifted and summed while they are in the cache.
_BLOCK = 1 << 19
# The longest run that is summed in single precision before it joins a float64 sum.
_RUN = 1 << 12
# How many standard deviations the mean may lie from the shift before digits visibly cancel.
_NEAR = 4.0


class _Layout:
    """How x is seen as (A, B, I) when `axes` are reduced: kept axes in the middle, copied if need be."""

    def __init__(self, shape: tuple[int, ...], axes: Sequence[int]) -> None:
        reduced = {axis % len(shape) for axis in axes}
        kept = [axis for axis in range(len(shape)) if axis not in reduced]
        first, last = (kept[0], kept[-1] + 1) if kept else (0, 0)
        if last - first == len(kept):
            self.order = list(range(len(shape)))
        else:
            self.order = kept + sorted(reduced)
            first, last = 0, len(kept)
        self.statistics = tuple(1 if axis in reduced else size for axis, size in enumerate(shape))
        self.shape = tuple(shape[axis] for axis in self.order)
        self.folded = (
            math.prod(self.shape[:first]),
            math.prod(self.shape[first:last]),
            math.prod(self.shape[last:]),
        )
        self.count = self.folded[0] * self.folded[2]

    def fold(self, x: Array) -> Array:
        return np.ascontiguousarray(x.transpose(self.order)).reshape(self.folded)  # (A, B, I)

    def unfold(self, y: Array) -> Array:
        back = y.reshape(self.shape).transpose(np.argsort(self.order))
        return np.ascontiguousarray(back)  # (the shape of x)

    def column(self, a: Array | float) -> Array:
        """One number per statistic as (B, 1)."""
        return np.broadcast_to(a, self.statistics).reshape(-1, 1)

    def blocks(self, itemsize: int) -> tuple[list[slice], list[slice]]:
        """Slices of B, and of A within each. Where A is 1, a block holds all entries of its statistics."""
        outer, kept, inner = self.folded
        if outer == 1:
            return cut(kept, _BLOCK // max(1, inner * itemsize)), [slice(0, 1)]
        return [slice(0, kept)], cut(outer, _BLOCK // max(1, kept * inner * itemsize))


def _total(a: Array) -> Array:
    """Sum (A, B, I) over A and I in float64: (B, 1)."""
    if a.shape[2] == 1:
        return np.asarray(a.sum(0, dtype=np.float64))  # (B, 1)
    total = np.zeros(a.shape[1])
    for run in cut(a.shape[2], _RUN):
        total += np.matmul(a[..., run], np.ones(run.stop - run.start, a.dtype)).sum(0, dtype=np.float64)
    return total[:, None]


def _dot(a: Array, b: Array) -> Array:
    """Sum a * b, both (A, B, I), over A and I in float64: (B, 1)."""
    if a.shape[2] == 1:
        return np.asarray((a * b).sum(0, dtype=np.float64))  # (B, 1)
    total = np.zeros(a.shape[1])
    for run in cut(a.shape[2], _RUN):
        total += np.vecdot(a[..., run], b[..., run]).sum(0, dtype=np.float64)
    return total[:, None]


def _is_plain(*arrays: Array) -> bool:
    """Whether to use the formulas as written: complex input, or more than double precision."""
    return np.result_type(*arrays) not in (np.float16, np.float32, np.float64)


def _working(x: Array) -> np.dtype[np.generic]:
    return np.dtype(np.float32 if x.dtype == np.float32 else np.float64)


def moments(x: Array, axes: Sequence[int]) -> tuple[Array, Array]:
    """Mean and biased variance of x over `axes`, keeping them as length 1; float64 for input up to float64.

    Of complex x the variance is the mean of (x - mean)**2 without conjugation, which is analytic.
    """
    if _is_plain(x):
        mean = x.mean(tuple(axes), keepdims=True)
        return mean, np.square(x - mean).mean(tuple(axes), keepdims=True)
    layout = _Layout(x.shape, axes)
    folded = layout.fold(x.astype(_working(x), copy=False))
    count = layout.count or math.nan
    mean, var = np.zeros((2, layout.folded[1], 1))
    over_kept, over_outer = layout.blocks(folded.itemsize)
    for kept in over_kept:
        for shifted in (False, True):
            shift = mean[kept].astype(folded.dtype)
            total, square = np.zeros((2, kept.stop - kept.start, 1))
            for outer in over_outer:
                block = folded[outer, kept]
                if shifted:
                    block = block - shift
                total += _total(block)
                square += _dot(block, block)
            drift = total / count
            mean[kept] = shift + drift
            var[kept] = np.maximum(square / count - drift * drift, 0)
            # Far from zero the digits cancel: once more, relative to the mean that is now known.
            if not (drift * drift > _NEAR**2 * var[kept]).any():
                break
    return mean.reshape(layout.statistics), var.reshape(layout.statistics)


def _aligned(parameter: Array | None, statistics: tuple[int, ...]) -> bool:
    return parameter is None or np.broadcast_shapes(parameter.shape, statistics) == statistics


def _nearby(mean: Array, rstd: Array, dtype: np.dtype[np.generic]) -> Array:
    """What to subtract from x before it is scaled: the mean as x can hold it, or 0 where that is harmless."""
    if (np.abs(mean) * rstd <= _NEAR).all():
        return np.zeros((), dtype)
    return mean.astype(dtype)


def normalize(
    x: Array, mean: Array, rstd: Array, weight: Array | None, bias: Array | None, dtype: DTypeLike
) -> Array:
    """(x - mean) * rstd * weight + bias, of the shape of x and in `dtype`.

    All broadcast to x; weight and bias may be None, and are fastest where they broadcast to the mean.
    """
    mean, rstd = (a.reshape((1,) * (x.ndim - a.ndim) + a.shape) for a in (mean, rstd))
    if _is_plain(x, mean, rstd) or mean.shape != rstd.shape:
        out = ((x - mean) * rstd).astype(dtype)
    elif not (_aligned(weight, mean.shape) and _aligned(bias, mean.shape)):
        out = normalize(x, mean, rstd, None, None, dtype)
    else:
        layout = _Layout(x.shape, [axis for axis in range(x.ndim) if mean.shape[axis] == 1 != x.shape[axis]])
        working = _working(x)
        near = _nearby(mean, rstd, working)
        scale = np.asarray(rstd if weight is None else rstd * weight)
        offset = (0 if bias is None else bias) - (mean - near) * scale
        near, scale, offset = (layout.column(a).astype(working) for a in (near, scale, offset))
        centred = bool(near.any())
        source = layout.fold(x.astype(working, copy=False))
        folded = np.empty(layout.folded, dtype)
        over_kept, over_outer = layout.blocks(folded.itemsize)
        for kept in over_kept:
            for outer in over_outer:
                block, place = source[outer, kept], folded[outer, kept]
                if centred:
                    block = np.subtract(block, near[kept], out=place, casting="same_kind")
                np.multiply(block, scale[kept], out=place, casting="same_kind")
                np.add(place, offset[kept], out=place, casting="same_kind")
        return layout.unfold(folded)
    if weight is not None:
        np.multiply(out, weight, out=out, casting="same_kind")
    if bias is not None:
        np.add(out, bias, out=out, casting="same_kind")
    return out


def normalize_backward(
    g: Array, x: Array, mean: Array, rstd: Array, weight: Array | None, axes: Sequence[int]
) -> Array:
    """The gradient in x of y = (x - mean) * rstd * weight, for g like y.

    The mean and rstd are those of x over `axes`, and the gradient goes through them too: with a = g * weight
    and z = (x - mean) * rstd it is rstd * (a - mean(a) - z * mean(a * z)).
    """
    dtype = np.result_type(g, x)
    axes = tuple(axes)
    if _is_plain(g, x, mean, rstd):
        a = g if weight is None else g * weight
        z = (x - mean) * rstd
        return np.asarray(
            rstd * (a - a.mean(axes, keepdims=True) - z * (a * z).mean(axes, keepdims=True))
        ).astype(dtype)
    layout = _Layout(x.shape, axes)
    if not _aligned(weight, layout.statistics):
        g, weight = (g * weight).astype(dtype, copy=False), None
    working = np.dtype(np.result_type(_working(g), _working(x)))
    gs, xs = layout.fold(g.astype(working, copy=False)), layout.fold(x.astype(working, copy=False))
    near = _nearby(mean, rstd, working)
    centred = bool(near.any())
    rest, scale = layout.column(mean - near), layout.column(rstd)
    gain = scale if weight is None else scale * layout.column(weight)
    near = layout.column(near)
    folded = np.empty(layout.folded, dtype)
    over_kept, over_outer = layout.blocks(folded.itemsize)
    for kept in over_kept:
        total, dot = np.zeros((2, kept.stop - kept.start, 1))
        for outer in over_outer:
            total += _total(gs[outer, kept])
            apart = xs[outer, kept] - near[kept] if centred else xs[outer, kept]
            dot += _dot(gs[outer, kept], apart)
        # With x - mean = apart - rest, the gradient is by_g * g + by_x * apart + constant.
        by_g = gain[kept]
        by_x = -by_g * scale[kept] ** 2 * (dot - rest[kept] * total) / max(layout.count, 1)
        constant = -by_g * total / max(layout.count, 1) - by_x * rest[kept]
        by_g, by_x, constant = (a.astype(working) for a in (by_g, by_x, constant))
        for outer in over_outer:
            if centred:
                apart = xs[outer, kept] - near[kept]
                apart *= by_x
            else:
                apart = xs[outer, kept] * by_x
            apart += constant
            place = folded[outer, kept]
            np.multiply(gs[outer, kept], by_g, out=place, casting="same_kind")
            np.add(place, apart, out=place, casting="same_kind")
    return layout.unfold(folded)
