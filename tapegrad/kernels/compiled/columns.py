"""Convolution by columns, image after image: packed, multiplied and put in place without the interpreter lock.

The arithmetic is that of `kernels.conv_wide`: an image is padded and seen flat, as planes of every stride-th row and
column, so that what windows see at one offset is one long run.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import memory, winograd
from ..windows import out_size
from .arguments import real, share, whole
from .blas import address, gemm
from .jit import jit

__all__ = ["conv", "conv_filter", "conv_image"]

_COLUMNS = 1 << 20  # bytes of columns that are made and used at a time
_WASTE = 2.0  # the largest ratio of padded to exact width for which this is worth while


class _How:
    """Sizes of a convolution as the loops take them, and the arrays that they work in."""

    def __init__(
        self, image: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, size_out: Any, channels: int,
        filters: int, groups: int,
    ) -> None:  # fmt: skip
        (top, bottom), (left, right) = padding
        tall, wide = (-(-(s + a + b) // t) for s, (a, b), t in zip(image, padding, stride, strict=True))
        self.channels, self.filters, self.area, self.width = channels, filters, tall * wide, wide
        self.planes = stride[0] * stride[1]
        self.k, self.rows = channels * kernel[0] * kernel[1], size_out[0]
        self.sizes = (*kernel, *stride, top, left, *dilation, wide, tall * wide)
        self.useful = all(size_out) and wide <= _WASTE * size_out[1] and min(map(min, padding)) >= 0
        self.geometry = (
            (1, channels, *image), filters, tuple(size_out), tuple(kernel), stride, padding, dilation, groups
        )  # fmt: skip

    def suits(self, *arrays: Any, for_sum: bool = False) -> bool:
        """Whether this can be done, and NumPy's form has no quicker way."""
        if not self.useful or not real(*arrays) or address(arrays[0].dtype) == 0:
            return False
        return self.geometry[3] != (1, 1) and not winograd.suits(*self.geometry, arrays[0].dtype, for_sum)

    def work(self, dtype: Any) -> tuple[Any, Any, Any]:
        """The image in planes, zeros as yet; columns (K, P); outputs (F, P)."""
        rows = max(1, min(self.rows, _COLUMNS // (self.k * self.width * dtype.itemsize)))
        flat = memory.empty((self.planes * self.channels * self.area + 2 * self.width,), dtype)
        flat.fill(0)
        columns, outputs = (memory.empty((n * rows * self.width,), dtype) for n in (self.k, self.filters))
        return flat, columns, outputs


@jit
def _place(c, y, b, channels, sizes):  # type: ignore[no-untyped-def]
    """Of the pixels of a row y that fall into plane column b: the first, and where in the planes it stands."""
    _, _, sh, sw, top, left, _, _, width, area = sizes
    first, plane = (b - left) % sw, (y + top) % sh * sw + b
    return first, (plane * channels + c) * area + (y + top) // sh * width + (first + left) // sw


@jit
def _load(x, flat, sizes):  # type: ignore[no-untyped-def]
    """An image (C, H, W) into its planes; their border is 0 already."""
    sw, width = sizes[3], sizes[8]
    for c in range(x.shape[0]):
        for y in range(x.shape[1]):
            for b in range(sw):
                first, start = _place(c, y, b, x.shape[0], sizes)
                line, part = x[c, y, first:], flat[start : start + width]
                if sw == 1:  # a loop that is a plain copy
                    for q in range(line.size):
                        part[q] = line[q]
                else:
                    for q in range((line.size + sw - 1) // sw):
                        part[q] = line[q * sw]


@jit
def _take(flat, x, sizes):  # type: ignore[no-untyped-def]
    """The adjoint of _load: what is in the planes, as an image."""
    sw, width = sizes[3], sizes[8]
    for c in range(x.shape[0]):
        for y in range(x.shape[1]):
            for b in range(sw):
                first, start = _place(c, y, b, x.shape[0], sizes)
                line, part = x[c, y, first:], flat[start : start + width]
                if sw == 1:
                    for q in range(line.size):
                        line[q] = part[q]
                else:
                    for q in range((line.size + sw - 1) // sw):
                        line[q * sw] = part[q]


@jit
def _start(c, i, j, channels, row, sizes):  # type: ignore[no-untyped-def]
    """Where in the planes the first window of a row of outputs sees channel c at offset (i, j)."""
    _, _, sh, sw, _, _, dh, dw, width, area = sizes
    plane = i * dh % sh * sw + j * dw % sw
    return (plane * channels + c) * area + (row + i * dh // sh) * width + j * dw // sw


@jit
def _pack(flat, columns, channels, row, places, sizes):  # type: ignore[no-untyped-def]
    """Columns (C * KH * KW, places) of the outputs from a row on."""
    to = 0
    for c in range(channels):
        for i in range(sizes[0]):
            for j in range(sizes[1]):
                start = _start(c, i, j, channels, row, sizes)
                line, part = flat[start : start + places], columns[to : to + places]
                for q in range(places):
                    part[q] = line[q]
                to += places


@jit
def _unpack(flat, columns, channels, row, places, run, sizes):  # type: ignore[no-untyped-def]
    """The adjoint of _pack, of the first `run` places: those that follow are zeros beside the last row."""
    to = 0
    for c in range(channels):
        for i in range(sizes[0]):
            for j in range(sizes[1]):
                start = _start(c, i, j, channels, row, sizes)
                line, part = flat[start : start + run], columns[to : to + run]
                for q in range(run):
                    line[q] += part[q]
                to += places


@jit
def _widen(y, rows, start, outputs, width):  # type: ignore[no-untyped-def]
    """Rows of outputs (F, H', W') from `start` on with zeros up to the width."""
    to = 0
    for f in range(y.shape[0]):
        for r in range(start, start + rows):
            line, part = y[f, r], outputs[to : to + width]
            for q in range(line.size):
                part[q] = line[q]
            for q in range(line.size, width):
                part[q] = 0
            to += width


@jit
def _cut(outputs, y, rows, start, width):  # type: ignore[no-untyped-def]
    """Rows of outputs as `_widen` lays them, without what is too wide, into y (F, H', W')."""
    at = 0
    for f in range(y.shape[0]):
        for r in range(start, start + rows):
            line, part = y[f, r], outputs[at : at + width]
            for q in range(line.size):
                line[q] = part[q]
            at += width


@jit
def _forward(x, w, out, groups, flat, columns, outputs, sizes, function, start, stop):  # type: ignore[no-untyped-def]
    """Images start to stop of x (N, C, H, W) with filters w (F, K), K = C/groups * KH * KW, into out (N, F, H', W')."""
    width, none = sizes[8], x.dtype.type(0)
    channels, f, k = x.shape[1], w.shape[0] // groups, w.shape[1]
    most = columns.size // (k * groups * width)
    for a in range(start, stop):
        _load(x[a], flat, sizes)
        for row in range(0, out.shape[2], most):
            rows = min(most, out.shape[2] - row)
            places = rows * width
            _pack(flat, columns, channels, row, places, sizes)
            for g in range(groups):
                gemm(function, 0, f, places, k, w[g * f :].ctypes.data, k, columns[g * k * places :].ctypes.data,
                     places, none, outputs[g * f * places :].ctypes.data, places)  # fmt: skip
            _cut(outputs, out[a], rows, row, width)


@jit
def _filter(x, y, total, groups, flat, columns, outputs, sizes, function, start, stop):  # type: ignore[no-untyped-def]
    """The sum over images start to stop of y (N, F, H', W') against columns of x (N, C, H, W), into total (F, K)."""
    width, one = sizes[8], x.dtype.type(1)
    channels, f, k = x.shape[1], total.shape[0] // groups, total.shape[1]
    most = columns.size // (k * groups * width)
    for a in range(start, stop):
        _load(x[a], flat, sizes)
        for row in range(0, y.shape[2], most):
            rows = min(most, y.shape[2] - row)
            places = rows * width
            _pack(flat, columns, channels, row, places, sizes)
            _widen(y[a], rows, row, outputs, width)
            for g in range(groups):
                gemm(function, 2, f, k, places, outputs[g * f * places :].ctypes.data, places,
                     columns[g * k * places :].ctypes.data, places, one, total[g * f :].ctypes.data, k)  # fmt: skip


@jit
def _image(y, w, out, groups, flat, columns, outputs, sizes, function, start, stop):  # type: ignore[no-untyped-def]
    """Columns of y (N, F, H', W') and filters w (F, K) added to images start to stop of out (N, C, H, W)."""
    width, none = sizes[8], y.dtype.type(0)
    channels, f, k = out.shape[1], w.shape[0] // groups, w.shape[1]
    most = columns.size // (k * groups * width)
    for a in range(start, stop):
        flat[:] = 0
        for row in range(0, y.shape[2], most):
            rows = min(most, y.shape[2] - row)
            places = rows * width
            _widen(y[a], rows, row, outputs, width)
            for g in range(groups):
                gemm(function, 1, k, places, f, w[g * f :].ctypes.data, k, outputs[g * f * places :].ctypes.data,
                     places, none, columns[g * k * places :].ctypes.data, places)  # fmt: skip
            _unpack(flat, columns, channels, row, places, places - width + y.shape[3], sizes)
        _take(flat, out[a], sizes)


def conv(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """`kernels.conv.conv`, or NotImplemented."""
    n, c, *image = x.shape
    f, _, *kernel = w.shape
    size_out = [out_size(*of) for of in zip(image, kernel, stride, padding, dilation, strict=True)]
    how = _How(image, kernel, stride, padding, dilation, size_out, c, f, groups)
    if not how.suits(x, w):
        return NotImplemented
    x, w = whole(x), whole(w).reshape(f, -1)
    out, function = memory.empty((n, f, *size_out), x.dtype), address(x.dtype)

    def work(start: int, stop: int) -> None:
        _forward(x, w, out, groups, *how.work(x.dtype), how.sizes, function, start, stop)

    share(n, out.size * w.shape[1] // 4, work, blas_work=True)
    return out


def conv_image(y: Any, w: Any, size: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """`kernels.conv.conv_image`, or NotImplemented."""
    f, c, kernel = w.shape[0], groups * w.shape[1], w.shape[2:]
    how = _How(size, kernel, stride, padding, dilation, y.shape[2:], c, f, groups)
    if not how.suits(y, w) or not np.isfinite(w).all():  # y is widened by zeros
        return NotImplemented
    y, w = whole(y), whole(w).reshape(f, -1)
    out, function = memory.empty((len(y), c, *size), y.dtype), address(y.dtype)

    def work(start: int, stop: int) -> None:
        _image(y, w, out, groups, *how.work(y.dtype), how.sizes, function, start, stop)

    share(len(y), y.size * w.shape[1] // 4, work, blas_work=True)
    return out


def conv_filter(y: Any, x: Any, size: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """`kernels.conv.conv_filter`, or NotImplemented."""
    c, f = x.shape[1], y.shape[1]
    how = _How(x.shape[2:], size, stride, padding, dilation, y.shape[2:], c, f, groups)
    if not how.suits(y, x, for_sum=True):
        return NotImplemented
    y, x, function = whole(y), whole(x), address(x.dtype)
    parts: dict[int, Any] = {}

    def work(start: int, stop: int) -> None:
        parts[start] = np.zeros((f, how.k // groups), x.dtype)
        _filter(x, y, parts[start], groups, *how.work(x.dtype), how.sizes, function, start, stop)

    share(len(x), y.size * how.k // groups // 4, work, blas_work=True)
    return np.add.reduce([parts[start] for start in sorted(parts)]).reshape(f, c // groups, *size)
