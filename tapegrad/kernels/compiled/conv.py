"""Convolution: by columns, or at stride 1 where channels have filters of their own: of flat padded planes, by taps."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import memory
from ..choice import compiled
from ..windows import out_size
from . import columns
from .arguments import real, share, whole
from .jit import jit


@jit
def _padded(plane: Any, top: int, left: int, width: int, to: Any) -> None:
    """A plane (H, W) at (top, left) of a flat canvas with rows of `width`, whose border is 0 already."""
    for y in range(plane.shape[0]):
        line, part = plane[y], to[(top + y) * width + left :]
        for j in range(line.size):
            part[j] = line[j]


@jit
def _cut_out(flat: Any, width: int, plane: Any) -> None:
    """The upper left of a flat canvas with rows of `width` as a plane (H, W)."""
    for y in range(plane.shape[0]):
        line, part = plane[y], flat[y * width :]
        for j in range(line.size):
            line[j] = part[j]


@jit
def _three_taps(a: Any, b: Any, c: Any, u: Any, v: Any, w: Any, to: Any) -> None:
    for p in range(to.size):
        to[p] += u * a[p] + v * b[p] + w * c[p]


@jit
def _one_tap(a: Any, u: Any, to: Any) -> None:
    for p in range(to.size):
        to[p] += u * a[p]


@jit
def _nine_taps(a: Any, b: Any, c: Any, w: Any, turned: bool, to: Any) -> None:
    """A 3x3 filter on three lines: taps that are neighbours need no proof that they do not overlap what is written."""
    u, v, x = (w[2], w[1], w[0]) if turned else (w[0], w[1], w[2])
    u0, u1, u2 = (u[2], u[1], u[0]) if turned else (u[0], u[1], u[2])
    v0, v1, v2 = (v[2], v[1], v[0]) if turned else (v[0], v[1], v[2])
    x0, x1, x2 = (x[2], x[1], x[0]) if turned else (x[0], x[1], x[2])
    for p in range(to.size):
        upper = u0 * a[p] + u1 * a[p + 1] + u2 * a[p + 2]
        middle = v0 * b[p] + v1 * b[p + 1] + v2 * b[p + 2]
        to[p] += upper + middle + (x0 * c[p] + x1 * c[p + 1] + x2 * c[p + 2])


@jit
def _correlate(canvas: Any, w: Any, width: int, dilation: Any, turned: bool, to: Any) -> None:
    """Add to `to` the sum over taps w (KH, KW) of what the canvas has there; turned: the filter upside down."""
    tall, wide = w.shape
    if tall == 3 and wide == 3 and dilation[1] == 1:
        step = dilation[0] * width
        _nine_taps(canvas, canvas[step:], canvas[2 * step :], w, turned, to)
        return
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
def _three_dots(a: Any, b: Any) -> tuple[Any, Any, Any]:
    """The sums of a times b as it is, one place further, and two."""
    u = v = w = a.dtype.type(0)
    for p in range(a.size):
        u += a[p] * b[p]
        v += a[p] * b[p + 1]
        w += a[p] * b[p + 2]
    return u, v, w


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
                    line = canvas[k * dilation[0] * width :]
                    if total.shape[3] == 3 and dilation[1] == 1:
                        u, v, w = _three_dots(wide, line)
                        total[c, f, k, 0] += u
                        total[c, f, k, 1] += v
                        total[c, f, k, 2] += w
                    else:
                        for q in range(total.shape[3]):
                            total[c, f, k, q] += _dot(wide, line[q * dilation[1] :])


def _is_depthwise(channels: int, groups: int, stride: Any, padding: Any, *arrays: Any) -> bool:
    return real(*arrays) and groups == channels > 1 and stride == (1, 1) and min(map(min, padding)) >= 0


def _flat(padding: Any) -> tuple[int, ...]:
    (top, bottom), (left, right) = padding
    return top, bottom, left, right


@compiled("conv.conv")
def conv(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    if not _is_depthwise(x.shape[1], groups, stride, padding, x, w):
        return columns.conv(x, w, stride, padding, dilation, groups)
    n, c, *image = x.shape
    f, _, *kernel = w.shape
    size = [out_size(s, k, 1, p, d) for s, k, p, d in zip(image, kernel, padding, dilation, strict=True)]
    out = memory.empty((n, c, f // c, *size), x.dtype)
    x, w = whole(x), whole(w).reshape(c, f // c, *kernel)
    pad = _flat(padding)
    share(n, out.size, lambda a, b: _depthwise(x, w, pad, dilation, a, b, out))
    return out.reshape(n, f, *size)


@compiled("conv.conv_image")
def conv_image(y: Any, w: Any, size: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    c, kernel = groups * w.shape[1], w.shape[2:]
    border = [(d * (k - 1) - a, d * (k - 1) - b) for k, d, (a, b) in zip(kernel, dilation, padding, strict=True)]
    if not _is_depthwise(c, groups, stride, border, y, w):
        return columns.conv_image(y, w, size, stride, padding, dilation, groups)
    n, f, *size_out = y.shape
    out = memory.empty((n, c, *size), y.dtype)
    g = whole(y).reshape(n, c, f // c, *size_out)
    w = whole(w).reshape(c, f // c, *kernel)
    pad = _flat(border)
    share(n, y.size, lambda a, b: _depthwise_image(g, w, pad, dilation, a, b, out))
    return out


@compiled("conv.conv_filter")
def conv_filter(y: Any, x: Any, size: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    if not _is_depthwise(x.shape[1], groups, stride, padding, y, x):
        return columns.conv_filter(y, x, size, stride, padding, dilation, groups)
    n, f, *size_out = y.shape
    c, pad = x.shape[1], _flat(padding)
    x, g = whole(x), whole(y).reshape(n, c, f // c, *size_out)
    parts: dict[int, Any] = {}

    def work(a: int, b: int) -> None:
        parts[a] = np.zeros((c, f // c, *size), x.dtype)
        _depthwise_filter(g, x, pad, dilation, a, b, parts[a])

    share(n, y.size, work)
    total = np.zeros((c, f // c, *size), x.dtype)
    for a in sorted(parts):
        total += parts[a]
    return total.reshape(f, 1, *size)
