"""Max and average pooling in long loops over whole images.

Each step runs over all pixels of an image, row after row as if it were one line: first what lies in one column of a
window is combined, then what lies in its row, for a window at every pixel. Only then is every stride-th taken. That is
more than is needed, but one long loop of vector instructions takes less time than many short ones do to start. The
windows that run over the end of a row come to nothing that is used: an image with padding is copied with its border.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import memory
from ..choice import compiled
from ..windows import Array, Padding, Pair
from .arguments import real, share, whole
from .jit import jit

# Pixels that are worked on at a time, where that is no less than a row of windows: they stay in the cache.
_BAND = 1 << 12
# The place of the maximum of a window with no pixel in the image; an int32 as all places are, or lanes would widen.
_NOWHERE = np.int32(np.iinfo(np.int32).max)


def _flat(a: Array) -> Array:
    """Images (N, C, H, W) as (N*C, H, W)."""
    return whole(a).reshape(-1, *a.shape[2:])


@jit
def _both(a, b, largest):  # type: ignore[no-untyped-def]
    """The larger of two numbers, NaN above all, or their sum."""
    if largest:
        return b if (b > a) | (b != b) else a
    return a + b


@jit
def _slide(into, values, kernel, step, largest):  # type: ignore[no-untyped-def]
    """Combine `kernel` values, each a step after the last, from every place on; gives for how many they suffice."""
    count = values.size - (kernel - 1) * step
    for q in range(count):
        into[q] = values[q]
    for k in range(1, kernel):
        later = values[k * step :]
        for q in range(count):
            into[q] = _both(into[q], later[q], largest)
    return count


@jit
def _bands(size, size_out, kernel, stride, padding, dilation):  # type: ignore[no-untyped-def]
    """The length of a row with its border, how far down a window reaches, and how many rows of windows make a band."""
    pitch = max(padding[1][0] + size[1], stride[1] * (size_out[1] - 1) + dilation[1] * (kernel[1] - 1) + 1)
    reach = dilation[0] * (kernel[0] - 1) + 1
    return pitch, reach, max(1, min(size_out[0], (_BAND // pitch - reach) // stride[0] + 1))


@jit
def _bordered(buffer, image, above, rows, pitch, left, nothing):  # type: ignore[no-untyped-def]
    """Rows `above` and on of an image with their border, end to end: as they lie, or copied into a buffer."""
    h, w = image.shape
    if pitch == w and above >= 0 and above + rows <= h:
        return image.reshape(-1)[above * w : (above + rows) * w]
    for i in range(rows):
        row = buffer[i * pitch + left : i * pitch + left + w]
        if 0 <= above + i < h:
            row[:] = image[above + i]
        else:
            row[:] = nothing
    return buffer[: rows * pitch]


@jit
def _pool(x, out, divisor, largest, kernel, stride, padding, dilation, start, stop):  # type: ignore[no-untyped-def]
    """Pool images start to stop of x (N, H, W) into out (N, H', W'): maxima, or sums over divisor (H', W')."""
    tall, wide = out.shape[1:]
    pitch, reach, most = _bands(x.shape[1:], out.shape[1:], kernel, stride, padding, dilation)
    nothing = x.dtype.type(-np.inf if largest else 0)
    buffer = np.full(((most - 1) * stride[0] + reach) * pitch, nothing, x.dtype)
    columns, found = np.empty_like(buffer), np.empty_like(buffer)
    for first in range(0, tall, most):
        rows = min(most, tall - first)
        above, seen = first * stride[0] - padding[0][0], (rows - 1) * stride[0] + reach
        for n in range(start, stop):
            values = _bordered(buffer, x[n], above, seen, pitch, padding[1][0], nothing)
            count = _slide(columns, values, kernel[0], dilation[0] * pitch, largest)
            _slide(found, columns[:count], kernel[1], dilation[1], largest)
            for i in range(rows):
                row, windows = found[i * stride[0] * pitch :], out[n, first + i]
                if largest:
                    for j in range(wide):
                        windows[j] = row[j * stride[1]]
                else:
                    for j in range(wide):
                        windows[j] = row[j * stride[1]] / divisor[first + i, j]


@compiled("pool.max_pool")
def max_pool(x: Array, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair, size_out: Pair) -> Any:
    """The largest pixel in each window."""
    out: Array = memory.empty((*x.shape[:2], *size_out), x.dtype)
    if not real(x, out):
        return NotImplemented
    flat, images, divisor = _flat(out), _flat(x), np.empty((0, 0), x.dtype)

    def work(start: int, stop: int) -> None:
        _pool(images, flat, divisor, True, kernel, stride, padding, dilation, start, stop)

    share(len(images), x.size, work)
    return out


@compiled("pool.avg_pool")
def avg_pool(x: Array, kernel: Pair, stride: Pair, padding: Padding, size_out: Pair, divisor: Array | float) -> Any:
    """Window sums over `divisor`."""
    out: Array = memory.empty((*x.shape[:2], *size_out), x.dtype)
    if not real(x, out):
        return NotImplemented
    flat, images = _flat(out), _flat(x)
    divisors = np.full(size_out, divisor, x.dtype)

    def work(start: int, stop: int) -> None:
        _pool(images, flat, divisors, False, kernel, stride, padding, (1, 1), start, stop)

    share(len(images), x.size, work)
    return out


@jit
def _lead(best, at, values, places, kernel, step):  # type: ignore[no-untyped-def]
    """The best of `kernel` values, each a step after the last, from every place on, and the first place of it."""
    count = values.size - (kernel - 1) * step
    for q in range(count):
        best[q] = values[q]
    for q in range(count):
        at[q] = places[q]
    for k in range(1, kernel):
        later, there = values[k * step :], places[k * step :]
        for q in range(count):
            a, b, earlier = best[q], later[q], there[q] < at[q]
            take = (b > a) | ((b != b) & ((a == a) | earlier)) | ((a == b) & earlier)
            best[q] = b if take else a
            at[q] = there[q] if take else at[q]
    return count


@jit
def _number(places, size, above, rows, pitch, left):  # type: ignore[no-untyped-def]
    """Number the pixels of a band by their place in the image; the border stays as it is."""
    h, w = size
    for i in range(rows):
        for c in range(w):
            inside = 0 <= above + i < h
            places[i * pitch + left + c] = (above + i) * w + c if inside else _NOWHERE


@jit
def _move(source, x, into, size_out, back, kernel, stride, padding, dilation, start, stop):  # type: ignore[no-untyped-def]
    """Back: add up the source (N, H', W') at the first maxima of windows; else fetch it (N, H, W) from there."""
    size, (tall, wide) = x.shape[1:], size_out
    pitch, reach, most = _bands(size, size_out, kernel, stride, padding, dilation)
    nothing = x.dtype.type(-np.inf)
    buffer = np.full(((most - 1) * stride[0] + reach) * pitch, nothing, x.dtype)
    columns, best = np.empty_like(buffer), np.empty_like(buffer)
    places = np.full(buffer.size, _NOWHERE, np.int32)
    in_columns, at = np.empty_like(places), np.empty_like(places)
    for first in range(0, tall, most):
        rows = min(most, tall - first)
        above, seen = first * stride[0] - padding[0][0], (rows - 1) * stride[0] + reach
        _number(places, size, above, seen, pitch, padding[1][0])
        for n in range(start, stop):
            values = _bordered(buffer, x[n], above, seen, pitch, padding[1][0], nothing)
            count = _lead(columns, in_columns, values, places, kernel[0], dilation[0] * pitch)
            _lead(best, at, columns[:count], in_columns, kernel[1], dilation[1])
            given, taken = source[n].reshape(-1), into[n].reshape(-1)
            if first == 0:
                for q in range(taken.size):
                    taken[q] = 0
            for i in range(rows):
                there, window = at[i * stride[0] * pitch :], (first + i) * wide
                for j in range(wide):
                    place = there[j * stride[1]]
                    if place == _NOWHERE:
                        continue
                    if back:
                        taken[place] += given[window + j]
                    else:
                        taken[window + j] = given[place]


def _moved(source: Array, x: Array, out: Array, into: Array, back: bool, *geometry: Any) -> Any:
    if not real(source, x, out) or x.shape[2] * x.shape[3] >= _NOWHERE:
        return NotImplemented
    sources, images, target = (_flat(a) for a in (source, x, into))
    size_out = out.shape[2:]

    def work(start: int, stop: int) -> None:
        _move(sources, images, target, size_out, back, *geometry, start, stop)

    share(len(images), x.size, work)
    return into


@compiled("pool.max_pool_spread")
def max_pool_spread(
    g: Array, x: Array, out: Array, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair
) -> Any:
    """Send each g to its window's first maximum."""
    return _moved(g, x, out, memory.empty(x.shape, g.dtype), True, kernel, stride, padding, dilation)


@compiled("pool.max_pool_pick")
def max_pool_pick(t: Array, x: Array, out: Array, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Any:
    """The entry of t at each window's first maximum."""
    return _moved(t, x, out, memory.empty(out.shape, t.dtype), False, kernel, stride, padding, dilation)


@jit
def _spread(g, divisor, out, kernel, stride, padding, start, stop):  # type: ignore[no-untyped-def]
    """Add g (N, H', W') / divisor (H', W') to all pixels of out (N, H, W) that a window sees, for some images."""
    (_, h, w), (_, tall, wide) = out.shape, g.shape
    (top, _), (left, _) = padding
    line = np.empty(max(left + w, stride[1] * (wide - 1) + kernel[1]), g.dtype)
    seen = line[left:]
    for n in range(start, stop):
        out[n] = 0
        for i in range(tall):
            line[:] = 0
            for j in range(wide):
                share = g[n, i, j] / divisor[i, j]
                for k in range(kernel[1]):
                    line[stride[1] * j + k] += share
            for k in range(kernel[0]):
                r = i * stride[0] + k - top
                if 0 <= r < h:
                    row = out[n, r]
                    for c in range(w):
                        row[c] += seen[c]


@compiled("pool.avg_pool_spread")
def avg_pool_spread(g: Array, size: Pair, kernel: Pair, stride: Pair, padding: Padding, divisor: Array | float) -> Any:
    """g / divisor to each pixel of its window."""
    out: Array = memory.empty((*g.shape[:2], *size), g.dtype)
    if not real(g, out):
        return NotImplemented
    flat, windows = _flat(out), _flat(g)
    divisors = np.full(g.shape[2:], divisor, g.dtype)

    def work(start: int, stop: int) -> None:
        _spread(windows, divisors, flat, kernel, stride, padding, start, stop)

    share(len(windows), out.size, work)
    return out
