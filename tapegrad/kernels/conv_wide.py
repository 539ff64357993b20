"""Convolution at stride 1 with rows that keep their padding: every shift of the image is then one long run.

Knows padded images and shifts; must not know what convolution is asked for, nor of strides.

An image is padded once and seen flat, W' + (KW-1) dilation pixels a row. The pixels that all windows see at offset
(i, j) are then one contiguous piece per channel, so the K columns of the matrix product are long copies, where windows
of exact width need one short copy a row. The price is that outputs are computed for the padding's columns too, and cut
off. Where each channel has filters of its own (depthwise), no columns are made: shifts are multiplied and added.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from . import memory
from .windows import Array, Padding, Pair, cut

__all__ = ["conv_into", "filter_sum", "image_into", "suits"]

_COLUMNS = 1 << 21  # bytes of columns that are made and used at a time
_CHANNELS = 1 << 20  # bytes of the image that a depthwise step works on at a time
_WASTE = 1.4  # the largest ratio of padded to exact width for which this is worth while


def suits(size_out: Pair, kernel: Pair, stride: Pair, dilation: Pair, padding: Padding, dtype: np.dtype[Any]) -> bool:
    """Whether this is the quicker way: stride 1, no more waste than the copies cost, images not too small."""
    if stride != (1, 1) or dtype.kind != "f" or kernel == (1, 1) or min(map(min, padding)) < 0:
        return False
    rows, width = size_out
    return rows * width >= 100 and (width + dilation[1] * (kernel[1] - 1)) <= _WASTE * width


class _Flat:
    """A few padded images at a time, as (images, C, Hp * Wp), with room to read past the last row."""

    def __init__(
        self, x: Array, kernel: Pair, padding: Padding, dilation: Pair, dtype: np.dtype[Any], images: int
    ) -> None:
        (top, bottom), (left, right) = padding
        self.x, self.kernel, self.dilation = x, kernel, dilation
        self.channels, h, w = x.shape[1:]
        tall, self.width = top + h + bottom, left + w + right
        self.area = tall * self.width
        self.size_out = (tall - dilation[0] * (kernel[0] - 1), self.width - dilation[1] * (kernel[1] - 1))
        room = images * self.channels * self.area
        self.flat = memory.empty((room + self.width + dilation[1] * kernel[1],), dtype)
        self.flat.fill(0)
        padded = self.flat[:room].reshape(images, self.channels, tall, self.width)
        self.inside = padded[:, :, top : top + h, left : left + w]

    def load(self, images: slice) -> None:
        self.inside[: images.stop - images.start] = self.x[images]

    def shifts(self, images: int, channels: slice, rows: slice) -> Array:
        """(N, C, KH, KW, P): what the windows of these output rows see at each offset, P = rows * Wp."""
        item = self.flat.itemsize
        start = channels.start * self.area + rows.start * self.width
        lead = (images, channels.stop - channels.start)
        shape = (*lead, *self.kernel, (rows.stop - rows.start) * self.width)
        across = (self.channels * self.area * item, self.area * item)
        strides = (*across, self.dilation[0] * self.width * item, self.dilation[1] * item, item)
        return as_strided(self.flat[start:], shape, strides, writeable=False)


class _Steps:
    """How the work is cut so that the columns of a step stay in the cache: several images, or rows of one."""

    def __init__(self, x: Array, size_out: Pair, width: int, k: int, dtype: np.dtype[Any]) -> None:
        n, tall = len(x), size_out[0]
        row = max(1, k * width * dtype.itemsize)
        at_once = max(1, min(n, _COLUMNS // max(1, row * tall)))
        self.images, self.most = cut(n, at_once), at_once
        self.rows = [slice(0, tall)] if at_once > 1 else cut(tall, _COLUMNS // row)
        self.pixels = at_once * max([r.stop - r.start for r in self.rows], default=0) * width


def _padded_size(x: Array, padding: Padding, kernel: Pair, dilation: Pair) -> tuple[Pair, int]:
    """The size of the output, and the padded width."""
    tall, wide = (x.shape[2 + i] + sum(padding[i]) for i in (0, 1))
    return (tall - dilation[0] * (kernel[0] - 1), wide - dilation[1] * (kernel[1] - 1)), wide


def _widen(g: Array, store: Array, width: int) -> Array:
    """g (..., rows, W') as (..., rows * Wp), zero in the columns that do not count."""
    *lead, rows, exact = g.shape
    wide = store[: math.prod(lead) * rows * width].reshape(*lead, rows, width)
    wide[..., :exact] = g
    wide[..., exact:] = 0
    return wide.reshape(*lead, rows * width)


def _is_depthwise(f: int, c: int, groups: int) -> bool:
    """Whether channels have one or two filters of their own: matrices too thin to be worth columns."""
    return groups == c > 1 and f <= 2 * c


def _depthwise_steps(image: _Flat, channels: int, itemsize: int) -> list[slice]:
    return cut(channels, _CHANNELS // max(1, image.area * itemsize))


def conv_into(out: Array, x: Array, w: Array, padding: Padding, dilation: Pair, groups: int) -> None:
    """Correlate images x (N, C, H, W) with filters w (F, C/groups, KH, KW) into out (N, F, H', W'), in its dtype."""
    c, f, kernel, dtype = x.shape[1], w.shape[0], (w.shape[2], w.shape[3]), out.dtype
    if _is_depthwise(f, c, groups):
        _depthwise_into(out, x, np.ascontiguousarray(w, dtype).reshape(c, f // c, *kernel), padding, dilation)
        return
    (tall, exact), width = _padded_size(x, padding, kernel, dilation)
    k = c // groups * math.prod(kernel)
    steps = _Steps(x, (tall, exact), width, groups * k, dtype)
    image = _Flat(x, kernel, padding, dilation, dtype, steps.most)
    filters = np.ascontiguousarray(w, dtype).reshape(groups, f // groups, k)
    columns, result = memory.empty((groups * k * steps.pixels,), dtype), memory.empty((f * steps.pixels,), dtype)
    for images in steps.images:
        image.load(images)
        n = images.stop - images.start
        for rows in steps.rows:
            shifts = image.shifts(n, slice(0, c), rows)
            p = shifts.shape[-1]
            part = columns[: shifts.size].reshape(shifts.shape)
            np.copyto(part, shifts)
            wide = result[: n * f * p].reshape(n, groups, f // groups, p)
            np.matmul(filters, part.reshape(n, groups, k, p), out=wide)
            out[images, :, rows] = wide.reshape(n, f, -1, width)[..., :exact]


def _depthwise_into(out: Array, x: Array, w: Array, padding: Padding, dilation: Pair) -> None:
    """w (C, M, KH, KW): M filters for each channel."""
    c, m, *kernel = w.shape
    image = _Flat(x, (kernel[0], kernel[1]), padding, dilation, out.dtype, 1)
    tall, exact = image.size_out
    p = tall * image.width
    steps = _depthwise_steps(image, c, out.itemsize)
    most = max([s.stop - s.start for s in steps], default=0) * m * p
    result, product = memory.empty((2, most), out.dtype)
    for i in range(len(out)):
        image.load(slice(i, i + 1))
        for channels in steps:
            shifts = image.shifts(1, channels, slice(0, tall))[0][:, None]  # (C, 1, KH, KW, P)
            shape = (channels.stop - channels.start, m, p)
            total, term = (a[: math.prod(shape)].reshape(shape) for a in (result, product))
            for where in np.ndindex(*kernel):
                place = total if where == (0,) * len(kernel) else term
                np.multiply(shifts[:, :, *where], w[channels, :, *where, None], out=place)
                if place is term:
                    total += term
            exact_part = total.reshape(-1, tall, image.width)[..., :exact]
            out[i, channels.start * m : channels.stop * m] = exact_part


def image_into(out: Array, y: Array, w: Array, padding: Padding, dilation: Pair, groups: int) -> None:
    """The adjoint of conv_into in x: columns of outputs y (N, F, H', W') added to the images out (N, C, H, W).

    w (F, C/groups, KH, KW) must be finite, since y is widened by zeros.
    """
    f, c, kernel, dtype = y.shape[1], out.shape[1], (w.shape[2], w.shape[3]), out.dtype
    (tall, exact), width = _padded_size(out, padding, kernel, dilation)
    filters = np.ascontiguousarray(w, dtype).reshape(groups, f // groups, -1).swapaxes(1, 2)  # (G, K, F/G)
    k = c // groups * math.prod(kernel)
    steps = _Steps(y, (tall, exact), width, groups * k, dtype)
    image = _Flat(out, kernel, padding, dilation, dtype, steps.most)
    columns, store = memory.empty((groups * k * steps.pixels,), dtype), memory.empty((f * steps.pixels,), dtype)
    for images in steps.images:
        n = images.stop - images.start
        flat = image.flat[: n * c * image.area].reshape(n, c, image.area)
        flat.fill(0)
        for rows in steps.rows:
            wide = _widen(y[images, :, rows], store, width).reshape(n, groups, f // groups, -1)
            p = wide.shape[-1]
            part = columns[: n * groups * k * p].reshape(n, groups, k, p)
            np.matmul(filters, wide, out=part)
            part, run = part.reshape(n, c, *kernel, p), p - width + exact  # the last row without what it is wider
            for i, j in np.ndindex(*kernel):
                start = (rows.start + i * dilation[0]) * width + j * dilation[1]
                flat[:, :, start : start + run] += part[:, :, i, j, :run]
        out[images] = image.inside[:n]


def filter_sum(
    y: Array, x: Array, kernel: Pair, padding: Padding, dilation: Pair, groups: int, dtype: np.dtype[Any]
) -> Array:
    """The adjoint of conv_into in w: the sum over images of y (N, F, H', W') against the shifts of x (N, C, H, W)."""
    f, c = y.shape[1], x.shape[1]
    if _is_depthwise(f, c, groups):
        return _depthwise_sum(y, x, kernel, padding, dilation, f // c, dtype)
    size_out, width = _padded_size(x, padding, kernel, dilation)
    k = c // groups * math.prod(kernel)
    steps = _Steps(x, size_out, width, groups * k, dtype)
    image = _Flat(x, kernel, padding, dilation, dtype, steps.most)
    columns, store = memory.empty((groups * k * steps.pixels,), dtype), memory.empty((f * steps.pixels,), dtype)
    total = np.zeros((groups, f // groups, k), dtype)
    for images in steps.images:
        image.load(images)
        n = images.stop - images.start
        for rows in steps.rows:
            shifts = image.shifts(n, slice(0, c), rows)
            p = shifts.shape[-1]
            part = columns[: shifts.size].reshape(shifts.shape)
            np.copyto(part, shifts)
            wide = _widen(y[images, :, rows], store, width).reshape(n, groups, f // groups, p)
            total += np.matmul(wide, part.reshape(n, groups, k, p).swapaxes(2, 3)).sum(0)
    return total.reshape(f, c // groups, *kernel)


def _depthwise_sum(
    y: Array, x: Array, kernel: Pair, padding: Padding, dilation: Pair, m: int, dtype: np.dtype[Any]
) -> Array:
    c = x.shape[1]
    image = _Flat(x, kernel, padding, dilation, dtype, 1)
    tall, _ = image.size_out
    steps = _depthwise_steps(image, c, dtype.itemsize)
    store = np.empty(max([s.stop - s.start for s in steps], default=0) * m * tall * image.width, dtype)
    total = np.zeros((c, m, *image.kernel), dtype)
    for i in range(len(y)):
        image.load(slice(i, i + 1))
        for channels in steps:
            shifts = image.shifts(1, channels, slice(0, tall))[0][:, None]  # (C, 1, KH, KW, P)
            part = y[i, channels.start * m : channels.stop * m]
            wide = _widen(part, store, image.width).reshape(-1, m, tall * image.width)
            for where in np.ndindex(*image.kernel):
                total[channels, :, *where] += np.vecdot(wide, shifts[:, :, *where])
    return total.reshape(c * m, 1, *image.kernel)
