"""Max and average pooling of images (N, C, H, W), one axis at a time. Knows geometry, nothing of tapes.

A window may hang over the padded edge: what lies outside the image wins no maximum and adds nothing to a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import memory, threads
from .choice import kernel
from .windows import Array, Padding, Pair, cut, overlap

# Images are pooled in blocks of about this many bytes, so that what the first axis leaves stays in the cache.
_BLOCK = 1 << 19
# Entries of the images from which on they are shared between threads.
_SHARED = 1 << 18

Place = tuple[Any, Any]


def _each_block(x: Array, work: Callable[[slice], object]) -> None:
    """Call work on blocks of the images x (N, C, H, W), on several threads where there is much to do."""
    most = threads.block(_BLOCK) // max(1, x[:1].nbytes)

    def part(start: int, stop: int) -> None:
        for images in cut(stop - start, most):
            work(slice(start + images.start, start + images.stop))

    if x.size >= _SHARED:
        threads.share(len(x), part)
    else:
        part(0, len(x))


def _places(
    axis: int, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair, count: int, size: int
) -> list[Place]:
    """For each kernel offset along axis 0 (down) or 1 (across): the windows that see a pixel, and which."""
    found = []
    for offset in range(kernel[axis]):
        start = offset * dilation[axis] - padding[axis][0]
        part, pixels = overlap(start, stride[axis], count, size)
        if part.stop > part.start:
            tail = () if axis else (slice(None),)
            found.append(((..., part, *tail), (..., pixels, *tail)))
    return found


def _cover(places: list[Place], pixels: Array) -> bool:
    """Whether windows that do not overlap leave none of the pixels out."""
    return sum([pixels[place].size for _, place in places]) == pixels.size


def _lowest(dtype: np.dtype[Any]) -> Any:
    if dtype.kind in "iu":
        return np.iinfo(dtype).min
    return False if dtype.kind == "b" else -np.inf


def _views(x: Array, places: list[Place]) -> list[tuple[Any, Array]]:
    """For each offset along one axis: index of the windows, and what they see there."""
    return [(windows, x[pixels]) for windows, pixels in places]


def _reduce(seen: list[tuple[Any, Array]], out: Array, combine: np.ufunc, start: Any) -> None:
    """Combine what each window sees along one axis into `out`; `start` where it sees nothing."""
    whole = [view for _, view in seen if view.shape == out.shape]
    if len(whole) >= 2:
        combine(whole[0], whole[1], out=out)
    else:
        out[...] = whole[0] if whole else start
    for view in whole[2:]:
        combine(out, view, out=out)
    for windows, view in seen:
        if view.shape != out.shape:
            combine(out[windows], view, out=out[windows])


@kernel
def max_pool(x: Array, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair, size_out: Pair) -> Array:
    """The largest pixel in each window of x (N, C, H, W): (N, C, *size_out).

    NaN wins; a window with no pixel in the image holds -inf (the lowest integer).
    """
    return _pool(x, kernel, stride, padding, dilation, size_out, np.maximum, _lowest(x.dtype))


def _pool(
    x: Array,
    kernel: Pair,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    size_out: Pair,
    combine: np.ufunc,
    start: Any,
) -> Array:
    n, c, h, w = x.shape
    down = _places(0, kernel, stride, padding, dilation, size_out[0], h)
    across = _places(1, kernel, stride, padding, dilation, size_out[1], w)
    out: Array = memory.empty((n, c, *size_out), x.dtype)

    def work(images: slice) -> None:
        part = x[images]
        rows = memory.empty((*part.shape[:2], size_out[0], w), x.dtype)
        _reduce(_views(part, down), rows, combine, start)  # (N, C, H', W)
        _reduce(_views(rows, across), out[images], combine, start)  # (N, C, H', W')

    _each_block(x, work)
    return out


def _has_nan(a: Array) -> bool:
    return a.dtype.kind in "fc" and bool(np.isnan(a).any())


def _is_max(seen: Array, out: Array, has_nan: bool) -> Array:
    found: Array = np.equal(seen, out)
    if has_nan:
        found |= np.isnan(seen)
    return found


def _winners(seen: list[tuple[Any, Array]], out: Array, has_nan: bool) -> Iterator[tuple[Any, Array]]:
    """For each offset along one axis: index of the windows, and whether their first maximum is there."""
    still_open = np.ones(out.shape, bool)
    for windows, view in seen:
        first = _is_max(view, out[windows], has_nan)
        first &= still_open[windows]
        still_open[windows] ^= first
        yield windows, first


class _Maxima:
    """The maxima of a block of windows in two steps, as the passes back need them.

    All windows that share a segment of a row share its first maximum; so the first maximum of a window is
    found among its rows, and then along that row.
    """

    def __init__(
        self,
        x: Array,
        out: Array,
        kernel: Pair,
        stride: Pair,
        padding: Padding,
        dilation: Pair,
        images: slice,
    ) -> None:
        self.out = out[images]
        self.down = _places(0, kernel, stride, padding, dilation, out.shape[2], x.shape[2])
        self.across = _places(1, kernel, stride, padding, dilation, out.shape[3], x.shape[3])
        self.has_nan = _has_nan(self.out)
        self.apart = [s > d * (k - 1) for s, d, k in zip(stride, dilation, kernel, strict=True)]
        self.along = _views(x[images], self.across)
        if stride[1] > 1:
            # Comparing what is contiguous is so much faster that the copies pay.
            self.along = [(windows, np.ascontiguousarray(view)) for windows, view in self.along]
        self.rows = memory.empty((*self.out.shape[:2], x.shape[2], out.shape[3]), x.dtype)  # (N, C, H, W')
        _reduce(self.along, self.rows, np.maximum, _lowest(x.dtype))
        self.among = _views(self.rows, self.down)

    def spread(self, g: Array, into: Array) -> None:
        finite = bool(np.isfinite(g).all())
        row_g = memory.empty(self.rows.shape, g.dtype)  # (N, C, H, W')
        self._spread(g, self.among, self.out, self.down, self.apart[0], finite, row_g)
        self._spread(row_g, self.along, self.rows, self.across, self.apart[1], finite, into)

    def _spread(
        self,
        g: Array,
        seen: list[tuple[Any, Array]],
        out: Array,
        places: list[Place],
        apart: bool,
        finite: bool,
        into: Array,
    ) -> None:
        """Put each g to its first maximum along one axis; `apart` if no two windows share a pixel."""
        if not (finite and apart and _cover(places, into)):
            into[...] = 0
        if not finite:
            for (_, pixels), (windows, first) in zip(places, _winners(seen, out, self.has_nan), strict=True):
                np.add(into[pixels], g[windows], out=into[pixels], where=first)
            return
        left = memory.empty(g.shape, g.dtype)  # what has not found its place yet
        left[...] = g
        for number, ((windows, pixels), (_, view)) in enumerate(zip(places, seen, strict=True), 1):
            rest = left[windows]
            if number == len(places):
                share = rest  # nowhere else to go
            else:
                share = np.multiply(rest, _is_max(view, out[windows], self.has_nan))
                rest -= share
            if apart:
                into[pixels] = share
            else:
                into[pixels] += share

    def pick(self, t: Array, picked: Array) -> None:
        finite = bool(np.isfinite(t).all())
        row_t = memory.empty(self.rows.shape, t.dtype)  # (N, C, H, W')
        self._pick(_views(t, self.across), self.along, self.rows, finite, row_t)
        self._pick(_views(row_t, self.down), self.among, self.out, finite, picked)

    def _pick(
        self,
        t: list[tuple[Any, Array]],
        seen: list[tuple[Any, Array]],
        out: Array,
        finite: bool,
        picked: Array,
    ) -> None:
        """Set `picked` to the entry at the first maximum along one axis, to 0 where a window sees nothing."""
        picked[...] = 0
        for (_, entries), (windows, first) in zip(t, _winners(seen, out, self.has_nan), strict=True):
            if finite:
                picked[windows] += entries * first
            else:
                np.copyto(picked[windows], entries, where=first)


@kernel
def max_pool_spread(
    g: Array, x: Array, out: Array, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair
) -> Array:
    """Send each g (N, C, H', W') to its window's first maximum (row-major), adding up: (N, C, H, W)."""
    into: Array = memory.empty(x.shape, g.dtype)

    def work(images: slice) -> None:
        _Maxima(x, out, kernel, stride, padding, dilation, images).spread(g[images], into[images])

    _each_block(x, work)
    return into


@kernel
def max_pool_pick(
    t: Array, x: Array, out: Array, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair
) -> Array:
    """The entry of t (N, C, H, W) at each window's first maximum: (N, C, H', W'); 0 for an empty window."""
    picked: Array = memory.empty(out.shape, t.dtype)

    def work(images: slice) -> None:
        _Maxima(x, out, kernel, stride, padding, dilation, images).pick(t[images], picked[images])

    _each_block(x, work)
    return picked


def max_pool_index(x: Array, out: Array, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Array:
    """The flat index h*W + w of each window's first maximum: int64 (N, C, H', W'); -1 for an empty window."""
    number = np.arange(1, x.shape[2] * x.shape[3] + 1, dtype=np.int64).reshape(x.shape[2:])  # (H, W)
    index = max_pool_pick(np.broadcast_to(number, x.shape), x, out, kernel, stride, padding, dilation)
    index -= 1
    return index


def avg_divisor(
    size: Pair, kernel: Pair, stride: Pair, padding: Padding, size_out: Pair, count_include_pad: bool
) -> Array | int:
    """How many pixels each window counts, as torch does: an array (H', W'), or a number if all agree.

    Padding counts with `count_include_pad`; what hangs over the padded edge (ceil_mode) never does.
    """
    counts = []
    for axis in (0, 1):
        before, after = padding[axis]
        start = np.arange(size_out[axis]) * stride[axis] - before
        stop = np.minimum(start + kernel[axis], size[axis] + after)
        if not count_include_pad:
            start, stop = np.maximum(start, 0), np.minimum(stop, size[axis])
        counts.append(np.maximum(stop - start, 1))  # an empty window has sum 0: anything but 0 will do
    both = np.multiply.outer(counts[0], counts[1])  # (H', W')
    return int(both.flat[0]) if both.size and (both == both.flat[0]).all() else both


def _divide(a: Array, divisor: Array | float) -> None:
    """Divide in place without changing the precision."""
    np.divide(a, np.asarray(divisor, a.real.dtype), out=a)


@kernel
def avg_pool(x: Array, kernel: Pair, stride: Pair, padding: Padding, size_out: Pair, divisor: Array | float) -> Array:
    """Window sums of x (N, C, H, W) over `divisor`, which broadcasts to size_out: (N, C, *size_out)."""
    out = _pool(x, kernel, stride, padding, (1, 1), size_out, np.add, 0)
    _divide(out, divisor)
    return out


@kernel
def avg_pool_spread(
    g: Array, size: Pair, kernel: Pair, stride: Pair, padding: Padding, divisor: Array | float
) -> Array:
    """The adjoint of avg_pool: g (N, C, H', W') / divisor to each window: (N, C, *size)."""
    n, c, tall, wide = g.shape
    down = _places(0, kernel, stride, padding, (1, 1), tall, size[0])
    across = _places(1, kernel, stride, padding, (1, 1), wide, size[1])
    out: Array = memory.empty((n, c, *size), g.dtype)
    apart = [s >= k for s, k in zip(stride, kernel, strict=True)]

    def work(images: slice) -> None:
        share = memory.empty((out[images].shape[0], *g.shape[1:]), g.dtype)
        np.divide(g[images], np.asarray(divisor, g.real.dtype), out=share)
        rows = memory.empty((*share.shape[:3], size[1]), g.dtype)
        _unfold(share, across, apart[1], rows)  # (N, C, H', W)
        _unfold(rows, down, apart[0], out[images])  # (N, C, H, W)

    _each_block(out, work)
    return out


def _unfold(share: Array, places: list[Place], apart: bool, into: Array) -> None:
    """Put shares to all pixels that their windows see along one axis; `apart` if no two windows share a pixel."""
    if not (apart and _cover(places, into)):
        into[...] = 0
    for windows, pixels in places:
        if apart:
            into[pixels] = share[windows]
        else:
            into[pixels] += share[windows]
