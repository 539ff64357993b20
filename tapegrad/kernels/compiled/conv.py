"""What stands around the matrix products of a convolution, in one pass each, and depthwise convolution as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import memory, threads
from ..choice import compiled
from ..windows import out_size
from .jit import jit

_SHARED = 1 << 16  # outputs of a depthwise convolution from which on it is shared between threads


@jit
def _add_spread(line: Any, weight: Any, step: int, to: Any) -> None:
    """to[step * j] += weight * line[j]."""
    if step == 1:
        for j in range(line.size):
            to[j] += weight * line[j]
    else:
        for j in range(line.size):
            to[step * j] += weight * line[j]


@jit
def _columns_that_see(offset: int, step: int, count: int, size: int) -> tuple[int, int]:
    """From and to which of `count` windows, the first at `offset`, a pixel inside the image is seen."""
    first = (step - 1 - offset) // step if offset < 0 else 0
    return first, max(first, min(count, (size - 1 - offset) // step + 1))


@jit
def _pack(
    x: Any, kernel: Any, stride: Any, top: int, left: int, dilation: Any, first: int, rows: int, wide: int, store: Any,
    merged: bool,
) -> None:  # fmt: skip
    """What windows of images x (N, C, H, W) see, rows of outputs from `first`: store (N, C, KH * KW, rows * wide)."""
    n, channels, height, width = x.shape
    run, offsets = rows * wide, kernel[0] * kernel[1]
    for i in range(n):
        for c in range(channels):
            for k in range(offsets):
                down, across = (k // kernel[1]) * dilation[0] - top, (k % kernel[1]) * dilation[1] - left
                low, high = _columns_that_see(across, stride[1], wide, width)
                place = ((c * offsets + k) * n + i) if merged else ((i * channels + c) * offsets + k)
                column = store[place * run : (place + 1) * run]
                for r in range(rows):
                    y = down + (first + r) * stride[0]
                    part = column[r * wide : (r + 1) * wide]
                    if y < 0 or y >= height or high == low:
                        part[:] = 0
                        continue
                    part[:low] = 0
                    part[high:] = 0
                    line, inner = x[i, c, y][across + stride[1] * low :], part[low:high]
                    if stride[1] == 1:
                        for j in range(inner.size):
                            inner[j] = line[j]
                    elif stride[1] == 2:
                        for j in range(inner.size):
                            inner[j] = line[2 * j]
                    else:
                        for j in range(inner.size):
                            inner[j] = line[stride[1] * j]


@jit
def _unpack(
    x: Any, kernel: Any, stride: Any, top: int, left: int, dilation: Any, first: int, rows: int, wide: int, store: Any,
    merged: bool,
) -> None:  # fmt: skip
    """The adjoint of _pack: the store added to the pixels of x that the windows see."""
    n, channels, height, width = x.shape
    run, offsets = rows * wide, kernel[0] * kernel[1]
    for i in range(n):
        for c in range(channels):
            for k in range(offsets):
                down, across = (k // kernel[1]) * dilation[0] - top, (k % kernel[1]) * dilation[1] - left
                low, high = _columns_that_see(across, stride[1], wide, width)
                place = ((c * offsets + k) * n + i) if merged else ((i * channels + c) * offsets + k)
                column = store[place * run : (place + 1) * run]
                for r in range(rows):
                    y = down + (first + r) * stride[0]
                    if 0 <= y < height and high > low:
                        part = column[r * wide + low : r * wide + high]
                        _add_spread(part, x.dtype.type(1), stride[1], x[i, c, y][across + stride[1] * low :])


# -- depthwise: each channel of an image is padded once and seen flat, so that all taps are long runs of it ------------


@jit
def _padded(plane: Any, top: int, left: int, width: int, to: Any) -> None:
    """A plane (H, W) at (top, left) of a flat canvas with rows of `width`, whose border is 0 already."""
    for y in range(plane.shape[0]):
        start = (top + y) * width + left
        to[start : start + plane.shape[1]] = plane[y]


@jit
def _cut_out(flat: Any, width: int, plane: Any) -> None:
    """The upper left of a flat canvas with rows of `width` as a plane (H, W)."""
    for y in range(plane.shape[0]):
        plane[y][:] = flat[y * width : y * width + plane.shape[1]]


@jit
def _three_taps(a: Any, b: Any, c: Any, u: Any, v: Any, w: Any, to: Any) -> None:
    for p in range(to.size):
        to[p] += u * a[p] + v * b[p] + w * c[p]


@jit
def _one_tap(a: Any, u: Any, to: Any) -> None:
    for p in range(to.size):
        to[p] += u * a[p]


@jit
def _correlate(canvas: Any, w: Any, width: int, dilation: Any, turned: bool, to: Any) -> None:
    """Add to `to` the sum over taps w (KH, KW) of what the canvas has there; turned: the filter upside down."""
    tall, wide = w.shape
    for k in range(tall):
        line = canvas[k * dilation[0] * width :]
        row = w[tall - 1 - k] if turned else w[k]
        for q in range(0, wide - wide % 3, 3):
            a, b, c = line[q * dilation[1] :], line[(q + 1) * dilation[1] :], line[(q + 2) * dilation[1] :]
            if turned:
                _three_taps(a, b, c, row[wide - 1 - q], row[wide - 2 - q], row[wide - 3 - q], to)
            else:
                _three_taps(a, b, c, row[q], row[q + 1], row[q + 2], to)
        for q in range(wide - wide % 3, wide):
            _one_tap(line[q * dilation[1] :], row[wide - 1 - q] if turned else row[q], to)


@jit
def _dot(a: Any, b: Any) -> Any:
    total = a.dtype.type(0)
    for p in range(a.size):
        total += a[p] * b[p]
    return total


@jit
def _depthwise(x: Any, w: Any, pad: Any, dilation: Any, start: int, stop: int, out: Any) -> None:
    """Images x (N, C, H, W), padded by (top, bottom, left, right), by filters w (C, M, KH, KW): (N, C, M, H', W')."""
    height, width = x.shape[2] + pad[0] + pad[1], x.shape[3] + pad[2] + pad[3]
    canvas = np.zeros(height * width + dilation[1] * w.shape[3], x.dtype)
    wide = np.empty(out.shape[3] * width, x.dtype)
    for i in range(start, stop):
        for c in range(x.shape[1]):
            _padded(x[i, c], pad[0], pad[2], width, canvas)
            for f in range(w.shape[1]):
                wide[:] = 0
                _correlate(canvas, w[c, f], width, dilation, False, wide)
                _cut_out(wide, width, out[i, c, f])


@jit
def _depthwise_image(g: Any, w: Any, pad: Any, dilation: Any, start: int, stop: int, out: Any) -> None:
    """The adjoint of _depthwise in x: g (N, C, M, H', W') by w (C, M, KH, KW) into out (N, C, H, W)."""
    height, width = g.shape[3] + pad[0] + pad[1], g.shape[4] + pad[2] + pad[3]
    canvas = np.zeros(height * width + dilation[1] * w.shape[3], g.dtype)
    wide = np.empty(out.shape[2] * width, g.dtype)
    for i in range(start, stop):
        for c in range(out.shape[1]):
            wide[:] = 0
            for f in range(w.shape[1]):
                _padded(g[i, c, f], pad[0], pad[2], width, canvas)
                _correlate(canvas, w[c, f], width, dilation, True, wide)
            _cut_out(wide, width, out[i, c])


@jit
def _depthwise_filter(g: Any, x: Any, pad: Any, dilation: Any, start: int, stop: int, total: Any) -> None:
    """The adjoint of _depthwise in w: g (N, C, M, H', W') against x (N, C, H, W), added to total (C, M, KH, KW)."""
    height, width = x.shape[2] + pad[0] + pad[1], x.shape[3] + pad[2] + pad[3]
    canvas = np.zeros(height * width + dilation[1] * total.shape[3], x.dtype)
    wide = np.zeros(g.shape[3] * width, x.dtype)
    for i in range(start, stop):
        for c in range(x.shape[1]):
            _padded(x[i, c], pad[0], pad[2], width, canvas)
            for f in range(total.shape[1]):
                _padded(g[i, c, f], 0, 0, width, wide)
                for k in range(total.shape[2]):
                    for q in range(total.shape[3]):
                        seen = canvas[k * dilation[0] * width + q * dilation[1] :]
                        total[c, f, k, q] += _dot(wide, seen)


def _plain(*arrays: Any) -> bool:
    """Whether all arrays have one real dtype and are contiguous: what the loops are compiled for."""
    dtype = arrays[0].dtype
    return dtype.char in "fd" and all(a.dtype == dtype and a.flags.c_contiguous for a in arrays)


@compiled("conv.pack")
def pack(x: Any, store: Any, rows: slice, how: Any, merged: bool) -> Any:
    if not _plain(x, store):
        return NotImplemented
    (top, _), (left, _) = how.padding
    count, wide = rows.stop - rows.start, how.size_out[1]
    _pack(x, how.kernel, how.stride, top, left, how.dilation, rows.start, count, wide, store, merged)
    return None


@compiled("conv.unpack")
def unpack(x: Any, store: Any, rows: slice, how: Any, merged: bool) -> Any:
    if not _plain(x, store):
        return NotImplemented
    (top, _), (left, _) = how.padding
    count, wide = rows.stop - rows.start, how.size_out[1]
    _unpack(x, how.kernel, how.stride, top, left, how.dilation, rows.start, count, wide, store, merged)
    return None


def _share(n: int, size: int, work: Any) -> None:
    if size >= _SHARED:
        threads.share(n, work)
    elif n:
        work(0, n)


def _is_depthwise(channels: int, groups: int, stride: Any, padding: Any, *arrays: Any) -> bool:
    one = all(a.dtype == arrays[0].dtype and a.dtype.char in "fd" for a in arrays)
    return one and groups == channels > 1 and stride == (1, 1) and min(map(min, padding)) >= 0


def _flat(padding: Any) -> tuple[int, ...]:
    (top, bottom), (left, right) = padding
    return top, bottom, left, right


@compiled("conv.conv")
def conv(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    if not _is_depthwise(x.shape[1], groups, stride, padding, x, w):
        return NotImplemented
    n, c, *image = x.shape
    f, _, *kernel = w.shape
    size = [out_size(s, k, 1, p, d) for s, k, p, d in zip(image, kernel, padding, dilation, strict=True)]
    out = memory.empty((n, c, f // c, *size), x.dtype)
    x, w = np.ascontiguousarray(x), np.ascontiguousarray(w).reshape(c, f // c, *kernel)
    pad = _flat(padding)
    _share(n, out.size, lambda a, b: _depthwise(x, w, pad, dilation, a, b, out))
    return out.reshape(n, f, *size)


@compiled("conv.conv_image")
def conv_image(y: Any, w: Any, size: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    c, kernel = groups * w.shape[1], w.shape[2:]
    border = [(d * (k - 1) - a, d * (k - 1) - b) for k, d, (a, b) in zip(kernel, dilation, padding, strict=True)]
    if not _is_depthwise(c, groups, stride, border, y, w):
        return NotImplemented
    n, f, *size_out = y.shape
    out = memory.empty((n, c, *size), y.dtype)
    g = np.ascontiguousarray(y).reshape(n, c, f // c, *size_out)
    w = np.ascontiguousarray(w).reshape(c, f // c, *kernel)
    pad = _flat(border)
    _share(n, y.size, lambda a, b: _depthwise_image(g, w, pad, dilation, a, b, out))
    return out


@compiled("conv.conv_filter")
def conv_filter(y: Any, x: Any, size: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    if not _is_depthwise(x.shape[1], groups, stride, padding, y, x):
        return NotImplemented
    n, f, *size_out = y.shape
    c, pad = x.shape[1], _flat(padding)
    x, g = np.ascontiguousarray(x), np.ascontiguousarray(y).reshape(n, c, f // c, *size_out)
    parts: dict[int, Any] = {}

    def work(a: int, b: int) -> None:
        parts[a] = np.zeros((c, f // c, *size), x.dtype)
        _depthwise_filter(g, x, pad, dilation, a, b, parts[a])

    _share(n, y.size, work)
    total = np.zeros((c, f // c, *size), x.dtype)
    for a in sorted(parts):
        total += parts[a]
    return total.reshape(f, 1, *size)
