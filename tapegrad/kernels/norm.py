"""Mean, variance and normalisation over any axes: the arithmetic under batch, layer and group norm.
Knows arrays and axes; nothing of tapes, running statistics or epsilons.

Every array is seen as (A, B, I): B statistics, each over its A*I entries. Sums run in float64 over short dots
in the precision of x, and where the mean is large, entries are taken relative to it so that no digits cancel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import DTypeLike

from . import memory, threads
from .choice import kernel
from .windows import Array, cut

# Blocks of about this many bytes are read, shifted and summed while they are in the cache.
_BLOCK = 1 << 21
# The longest run that is summed in single precision before it joins a float64 sum.
_RUN = 1 << 12
# Entries from which work is shared between threads.
_SHARED = 1 << 17
# How many standard deviations the mean may lie from the shift before digits visibly cancel.
_NEAR = 4.0


class Layout:
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

    def along(self, a: Array) -> Array:
        """One number per statistic (B, 1) as NumPy multiplies by it quickest: for short runs repeated, (B, I).

        Where a copy of it would be more than an eighth of x, it stays as it is.
        """
        outer, _, inner = self.folded
        return np.repeat(a, inner, axis=1) if outer >= 8 and inner <= _RUN else a


def _total(a: Array) -> Array:
    """Sum (A, B, I) over A and I in float64: (B, 1)."""
    if a.shape[2] == 1:
        return np.asarray(a.sum(0, dtype=np.float64))  # (B, 1)
    total = np.zeros(a.shape[1])
    for run in cut(a.shape[2], _RUN):
        with np.errstate(invalid="ignore"):  # BLAS now and then raises the flag for lanes beyond the end
            sums = np.matmul(a[..., run], np.ones(run.stop - run.start, a.dtype))
        total += sums.sum(0, dtype=np.float64)
    return total[:, None]


def _dot(a: Array, b: Array) -> Array:
    """Sum a * b, both (A, B, I), over A and I in float64: (B, 1)."""
    if a.shape[2] == 1:
        return np.asarray((a * b).sum(0, dtype=np.float64))  # (B, 1)
    total = np.zeros(a.shape[1])
    for run in cut(a.shape[2], _RUN):
        total += np.vecdot(a[..., run], b[..., run]).sum(0, dtype=np.float64)
    return total[:, None]


def _each(work: Callable[[slice], object], blocks: list[slice], size: int) -> None:
    """Call work on every block, on several threads where there are several blocks and much to do."""
    if size >= _SHARED and len(blocks) > 1:
        threads.run([lambda block=block: work(block) for block in blocks], blas_work=True)  # type: ignore[misc]
    else:
        with threads.blas_alone():
            for block in blocks:
                work(block)


def _summed(part: Callable[[slice], Array], blocks: list[slice], size: int) -> Array:
    """The sum of part(block) over blocks, added up in their order."""
    parts: dict[int, Array] = {}

    def work(block: slice) -> None:
        parts[block.start] = part(block)

    _each(work, blocks, size)
    return np.asarray(sum([parts[start] for start in sorted(parts)]) if parts else np.zeros((2, 1, 1)))


def _is_plain(*arrays: Array) -> bool:
    """Whether to use the formulas as written: complex input, or more than double precision."""
    return np.result_type(*arrays) not in (np.float16, np.float32, np.float64)


def _working(x: Array) -> np.dtype[np.generic]:
    return np.dtype(np.float32 if x.dtype == np.float32 else np.float64)


@kernel
def moments(x: Array, axes: Sequence[int]) -> tuple[Array, Array]:
    """Mean and biased variance of x over `axes`, keeping them as length 1; float64 for input up to float64.

    Of complex x the variance is the mean of (x - mean)**2 without conjugation, which is analytic.
    """
    if _is_plain(x):
        mean = x.mean(tuple(axes), keepdims=True)
        return mean, np.square(x - mean).mean(tuple(axes), keepdims=True)
    layout = Layout(x.shape, axes)
    folded = layout.fold(x.astype(_working(x), copy=False))
    count = layout.count or math.nan
    mean, var = np.zeros((2, layout.folded[1], 1))
    over_kept, over_outer = layout.blocks(folded.itemsize)

    def statistics(kept: slice) -> None:
        for shifted in (False, True):
            shift = mean[kept].astype(folded.dtype)

            def sums(outer: slice, shifted: bool = shifted, shift: Array = shift) -> Array:
                block = folded[outer, kept]
                if shifted:
                    block = np.subtract(block, shift, out=memory.empty(block.shape, block.dtype))
                return np.stack([_total(block), _dot(block, block)])

            total, square = _summed(sums, over_outer, folded.size)
            drift = total / count
            mean[kept] = shift + drift
            var[kept] = np.maximum(square / count - drift * drift, 0)
            # Far from zero the digits cancel: once more, relative to the mean that is now known.
            if not (drift * drift > _NEAR**2 * var[kept]).any():
                break

    _each(statistics, over_kept, folded.size)
    return mean.reshape(layout.statistics), var.reshape(layout.statistics)


def _aligned(parameter: Array | None, statistics: tuple[int, ...]) -> bool:
    return parameter is None or np.broadcast_shapes(parameter.shape, statistics) == statistics


def _nearby(mean: Array, rstd: Array, dtype: np.dtype[np.generic]) -> Array:
    """What to subtract from x before it is scaled: the mean as x can hold it, or 0 where that is harmless."""
    if (np.abs(mean) * rstd <= _NEAR).all():
        return np.zeros((), dtype)
    return mean.astype(dtype)


@kernel
def normalize(x: Array, mean: Array, rstd: Array, weight: Array | None, bias: Array | None, dtype: DTypeLike) -> Array:
    """(x - mean) * rstd * weight + bias, of the shape of x and in `dtype`.

    All broadcast to x; weight and bias may be None, and are fastest where they broadcast to the mean.
    """
    mean, rstd = (a.reshape((1,) * (x.ndim - a.ndim) + a.shape) for a in (mean, rstd))
    if _is_plain(x, mean, rstd) or mean.shape != rstd.shape:
        out = ((x - mean) * rstd).astype(dtype)
    elif is_rows(x, mean, weight, bias, dtype):
        return _normalize_rows(x, mean, rstd, weight, bias)
    elif not (_aligned(weight, mean.shape) and _aligned(bias, mean.shape)):
        out = normalize(x, mean, rstd, None, None, dtype)
    else:
        layout = Layout(x.shape, [axis for axis in range(x.ndim) if mean.shape[axis] == 1 != x.shape[axis]])
        working = _working(x)
        near = _nearby(mean, rstd, working)
        scale = np.asarray(rstd if weight is None else rstd * weight)
        offset = (0 if bias is None else bias) - (mean - near) * scale
        centred = bool(near.any())
        near, scale, offset = (layout.along(layout.column(a).astype(working)) for a in (near, scale, offset))
        source = layout.fold(x.astype(working, copy=False))
        folded = memory.empty(layout.folded, np.dtype(dtype))
        over_kept, over_outer = layout.blocks(folded.itemsize)

        def scaled(kept: slice, outer: slice) -> None:
            block, place = source[outer, kept], folded[outer, kept]
            if centred:
                block = np.subtract(block, near[kept], out=place, casting="same_kind")
            np.multiply(block, scale[kept], out=place, casting="same_kind")
            np.add(place, offset[kept], out=place, casting="same_kind")

        for kept in over_kept:
            _each(lambda outer, kept=kept: scaled(kept, outer), over_outer, folded.size)  # type: ignore[misc]
        return layout.unfold(folded)
    if weight is not None:
        np.multiply(out, weight, out=out, casting="same_kind")
    if bias is not None:
        np.add(out, bias, out=out, casting="same_kind")
    return out


@kernel
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
        return np.asarray(rstd * (a - a.mean(axes, keepdims=True) - z * (a * z).mean(axes, keepdims=True))).astype(
            dtype
        )
    layout = Layout(x.shape, axes)
    if g.dtype == x.dtype and is_rows(x, mean, weight, None, dtype):
        return _rows_backward(g, x, mean, rstd, weight)
    if not _aligned(weight, layout.statistics):
        g, weight = (g * weight).astype(dtype, copy=False), None
    pulled = _Pulled(g, x, mean, rstd, layout)
    return pulled.image(weight)


class _Pulled:
    """The sums over the entries of each statistic of g and of g * (x - mean), and with them the gradient in x."""

    def __init__(self, g: Array, x: Array, mean: Array, rstd: Array, layout: Layout) -> None:
        self.layout, self.dtype = layout, np.result_type(g, x)
        self.working = np.dtype(np.result_type(_working(g), _working(x)))
        self.g, self.x = (layout.fold(a.astype(self.working, copy=False)) for a in (g, x))
        near = _nearby(mean, rstd, self.working)
        self.centred = bool(near.any())
        self.near, self.rest, self.scale = (layout.column(a) for a in (near, mean - near, rstd))
        if self.centred:
            self.near = layout.along(self.near)
        self.total, self.dot = np.empty((2, layout.folded[1], 1))
        self.over_kept, self.over_outer = layout.blocks(self.working.itemsize)

    def sum(self, kept: slice) -> None:
        def sums(outer: slice) -> Array:
            g, apart = self.g[outer, kept], self.x[outer, kept]
            if self.centred:
                apart = np.subtract(apart, self.near[kept], out=memory.empty(apart.shape, self.working))
            return np.stack([_total(g), _dot(g, apart)])

        total, dot = _summed(sums, self.over_outer, self.x.size)
        self.total[kept], self.dot[kept] = total, dot - self.rest[kept] * total

    def sums(self) -> _Pulled:
        """Only the sums."""
        _each(self.sum, self.over_kept, self.x.size)
        return self

    def image(self, weight: Array | None) -> Array:
        """The sums, and the gradient in x of (x - mean) * rstd * weight, while x and g are in the cache."""
        gain = self.scale if weight is None else self.scale * self.layout.column(weight)
        count = max(self.layout.count, 1)
        out: Array = memory.empty(self.layout.folded, self.working)

        def pulled(kept: slice) -> None:
            self.sum(kept)
            # With x - mean = apart - rest, the gradient is gain * (by_x * apart + constant + g).
            by_x = -(self.scale[kept] ** 2) * self.dot[kept] / count
            constant = -self.total[kept] / count - by_x * self.rest[kept]
            by_x, constant, by_all = (self.layout.along(a.astype(self.working)) for a in (by_x, constant, gain[kept]))

            def image(outer: slice) -> None:
                apart, place = self.x[outer, kept], out[outer, kept]
                if self.centred:
                    apart = np.subtract(apart, self.near[kept], out=place)
                np.multiply(apart, by_x, out=place)
                np.add(place, constant, out=place)
                np.add(place, self.g[outer, kept], out=place)
                np.multiply(place, by_all, out=place)

            _each(image, self.over_outer, out.size)

        _each(pulled, self.over_kept, out.size)
        return self.layout.unfold(out).astype(self.dtype, copy=False)


@kernel
def gradients(
    g: Array, x: Array, mean: Array, rstd: Array, weight: Array | None, shape: tuple[int, ...], axes: Sequence[int]
) -> tuple[Array, Array, Array]:
    """The gradients of y = (x - mean) * rstd * weight + bias in x, weight and bias at once, for g like y.

    mean and rstd are those of x over `axes`; weight and bias have `shape`, which broadcasts to x.
    """
    dtype = np.result_type(g, x)
    if not x.size:
        return np.zeros(x.shape, dtype), np.zeros(shape, dtype), np.zeros(shape, dtype)
    if not _is_plain(g, x, mean, rstd) and dtype.itemsize >= 4:
        if mean.shape == shape == rstd.shape:
            pulled = _Pulled(g, x, mean, rstd, Layout(x.shape, axes))
            image = pulled.image(weight)
            by_weight = (pulled.dot.reshape(shape) * rstd).astype(dtype)
            return image, by_weight, pulled.total.reshape(shape).astype(dtype)
        if g.dtype == x.dtype and along_rows(x, mean, shape):
            sums: dict[int, Array] = {}
            image = _rows_backward(g, x, mean, rstd, weight, sums)
            by_weight, by_bias = np.add.reduce([sums[start] for start in sorted(sums)]).astype(dtype)
            return image, by_weight.reshape(shape), by_bias.reshape(shape)
    return (
        normalize_backward(g, x, mean, rstd, weight, axes),
        weight_sum(g, x, mean, rstd, shape),
        np.asarray(g.sum(tuple([axis for axis, n in enumerate(shape) if n == 1 != g.shape[axis]]), keepdims=True)),
    )


@kernel
def weight_sum(y: Array, x: Array, mean: Array, rstd: Array, shape: tuple[int, ...]) -> Array:
    """The sum of y * z, z = (x - mean) * rstd, over the axes along which `shape` has length 1; of that shape."""
    over = tuple([axis for axis, n in enumerate(shape) if n == 1])
    dtype = np.result_type(y, x)
    plain = _is_plain(y, x, mean, rstd) or dtype.itemsize < 4
    if not plain and mean.shape == shape == rstd.shape:  # as in batch norm: what is summed has one mean
        pulled = _Pulled(y, x, mean, rstd, Layout(x.shape, over)).sums()
        return np.asarray(pulled.dot.reshape(shape) * rstd).astype(dtype)
    if not plain and y.dtype == x.dtype and along_rows(x, mean, shape):
        rows = _Rows(x, mean, rstd)
        ys = rows.flat(y)

        def part(block: slice) -> Array:
            z = rows.z(block, np.empty_like(rows.x[block]))
            return _down(np.multiply(z, ys[block], out=z))

        return _summed(part, rows.blocks, x.size).reshape(shape).astype(dtype)
    z = normalize(x, mean, rstd, None, None, x.dtype)
    return np.asarray(np.add.reduce(y * z, axis=over, keepdims=True))


# -- statistics of whole rows, as in layer norm: everything that happens to a row happens in the cache ---------


class _Rows:
    """x as (rows, entries of a row), with the mean of each and a 1 / std, cut into blocks of rows."""

    def __init__(self, x: Array, mean: Array, rstd: Array) -> None:
        count = mean.size
        self.x = np.ascontiguousarray(x).reshape(count, -1)
        self.near = mean.astype(x.dtype).reshape(count, 1)
        exact = np.asarray(rstd, np.float64).reshape(count, 1)
        self.rstd = exact.astype(x.dtype)
        # what the mean loses as a number of x's precision, in standard deviations
        self.rest = ((mean.reshape(count, 1) - self.near) * exact).astype(x.dtype)
        self.exact = not (np.abs(self.rest) > np.finfo(x.dtype).eps / 4).any()
        # no more rows than may be summed in the precision of x
        self.blocks = cut(count, min(_RUN, _BLOCK // max(1, self.x.shape[1] * x.itemsize)))

    def flat(self, a: Array) -> Array:
        return np.ascontiguousarray(a).reshape(self.x.shape)

    def z(self, block: slice, out: Array) -> Array:
        np.subtract(self.x[block], self.near[block], out=out)
        np.multiply(out, self.rstd[block], out=out)
        return out if self.exact else np.subtract(out, self.rest[block], out=out)


def _down(a: Array) -> Array:
    """The sum over a few rows, in float64."""
    return np.asarray(np.matmul(np.ones(len(a), a.dtype), a), np.float64)


def along_rows(x: Array, mean: Array, shape: tuple[int, ...]) -> bool:
    """Whether the mean is over the last axes, and a parameter of this shape has one entry for each of a row."""
    if not is_rows(x, mean, None, None, x.dtype):
        return False
    lead = next(axis for axis, n in enumerate(mean.shape) if n != x.shape[axis])
    return shape == (1,) * lead + x.shape[lead:]


def is_rows(x: Array, mean: Array, weight: Array | None, bias: Array | None, dtype: DTypeLike) -> bool:
    """Whether the mean is over the last axes, weight and bias lie along them, and all has one real dtype."""
    if x.dtype not in (np.float32, np.float64) or x.dtype != dtype or not x.size or mean.ndim != x.ndim:
        return False
    lead = next((axis for axis, n in enumerate(mean.shape) if n != x.shape[axis]), x.ndim)
    if lead == x.ndim or mean.shape[:lead] != x.shape[:lead] or mean.shape[lead:] != (1,) * (x.ndim - lead):
        return False
    along = x.shape[lead:]
    return all(p is None or (p.shape[-len(along) :] == along and p.size == math.prod(along)) for p in (weight, bias))


def _normalize_rows(x: Array, mean: Array, rstd: Array, weight: Array | None, bias: Array | None) -> Array:
    rows = _Rows(x, mean, rstd)
    out: Array = memory.empty(rows.x.shape, x.dtype)
    scale, offset = (None if p is None else p.reshape(-1).astype(x.dtype, copy=False) for p in (weight, bias))

    def work(block: slice) -> None:
        z = rows.z(block, out[block])
        if scale is not None:
            z *= scale
        if offset is not None:
            z += offset

    _each(work, rows.blocks, x.size)
    return out.reshape(x.shape)


def _rows_backward(
    g: Array, x: Array, mean: Array, rstd: Array, weight: Array | None, sums: dict[int, Array] | None = None
) -> Array:
    """The gradient in x; into `sums`, by the first row of a block, the sums down its rows of g * z and of g."""
    rows = _Rows(x, mean, rstd)
    gs = rows.flat(g)
    out: Array = memory.empty(rows.x.shape, x.dtype)
    scale = None if weight is None else weight.reshape(-1).astype(x.dtype, copy=False)
    entries = rows.x.shape[1]
    share = np.full(entries, 1 / entries, x.dtype)

    def work(block: slice) -> None:
        z = rows.z(block, np.empty_like(out[block]))
        a = out[block]
        if sums is not None:
            sums[block.start] = np.stack([_down(np.multiply(gs[block], z, out=a)), _down(gs[block])])
        if scale is None:
            a[...] = gs[block]
        else:
            np.multiply(gs[block], scale, out=a)
        mean_a = np.matmul(a, share)[:, None]
        z *= (np.vecdot(a, z) / entries)[:, None].astype(x.dtype)
        z += mean_a
        a -= z
        a *= rows.rstd[block]

    _each(work, rows.blocks, x.size)
    return out.reshape(x.shape)
