"""Convolution of images and its two adjoints, as three readings of one trilinear form sum_y y * conv(x, w).
Knows arrays and window geometry only; nothing of tapes, and nothing is ever conjugated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .windows import Array, Padding, Pair, cut, out_size, pad, span, windows

# Columns are built, used and overwritten in blocks of about this many bytes, to stay in the cache.
_BLOCK = 1 << 20
# Below this many outputs an image is too small to be a good matrix product by itself: several share one.
_SMALL = 100


class _Blocks(NamedTuple):
    """How the work is cut: whole images, several at once, or rows of one image."""

    images: int  # images in a block
    rows: int  # output rows in a block
    merged: bool  # several images side by side in the columns of one matrix product


def _blocks(images: int, size_out: Pair, column: int, itemsize: int) -> _Blocks:
    """Choose blocks for columns of `column` entries at each of size_out outputs."""
    rows, width = size_out
    row = max(1, column * width * itemsize)
    if row * rows > _BLOCK:
        return _Blocks(1, max(1, _BLOCK // row), False)
    at_once = min(images, max(1, _BLOCK // max(1, row * rows)))
    return _Blocks(at_once, rows, at_once > 1 and rows * width < _SMALL)


def _split(a: Array, groups: int, axis: int) -> Array:
    """View `axis` as (groups, per group)."""
    return a.reshape(*a.shape[:axis], groups, a.shape[axis] // groups, *a.shape[axis + 1 :])


def _flat(a: Array, groups: int, dtype: np.dtype[np.generic]) -> Array:
    """Outputs (N, F, H', W') as matrices (N, G, F/G, H'*W')."""
    n, f, h, w = a.shape
    return np.ascontiguousarray(a, dtype).reshape(n, groups, f // groups, h * w)


def _columns(
    x: Array,
    kernel: Pair,
    size_out: Pair,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    dtype: np.dtype[np.generic],
) -> Iterator[tuple[slice, slice, Array]]:
    """Walk over blocks of windows, giving (images, outputs, columns).

    `outputs` is the range of flat outputs h*W' + w covered. Columns are matrices (N, G, K, outputs) with
    K = C/G*KH*KW, or (G, K, N*outputs) if the images of the block are merged. The next step overwrites them.
    """
    n, c = x.shape[:2]
    tall, wide = size_out
    plan = _blocks(n, size_out, c * math.prod(kernel), dtype.itemsize)
    k = c // groups * math.prod(kernel)
    store = np.empty(plan.images * plan.rows * wide * k * groups, dtype)
    for images in cut(n, plan.images):
        source = _split(x[images], groups, 1)  # (N, G, C/G, H, W)
        if padding != ((0, 0), (0, 0)):
            source = pad(source, padding, dtype=dtype)
        view = windows(source, kernel, stride, dilation, size_out)  # (N, G, C/G, KH, KW, H', W')
        if plan.merged:
            view = np.moveaxis(view, 0, 4)  # (G, C/G, KH, KW, N, H', W')
        for rows in cut(tall, plan.rows):
            part = view[..., rows, :]
            columns = store[: part.size].reshape(part.shape)
            columns[...] = part
            outputs = slice(rows.start * wide, rows.stop * wide)
            lead = (groups,) if plan.merged else (part.shape[0], groups)
            yield images, outputs, columns.reshape(*lead, k, -1)


def _images(flat: Array) -> Iterator[tuple[slice, slice, Array]]:
    """What _columns gives where the images (N, G, C/G, H*W) are themselves the columns."""
    for images in cut(flat.shape[0], _BLOCK // max(1, flat[:1].nbytes)):
        yield images, slice(None), flat[images]


def _is_pointwise(kernel: Pair, stride: Pair, padding: Padding) -> bool:
    return kernel == (1, 1) and stride == (1, 1) and padding == ((0, 0), (0, 0))


def conv(x: Array, w: Array, stride: Pair, padding: Padding, dilation: Pair, groups: int) -> Array:
    """Correlate images x (N, C, H, W) with filters w (F, C/groups, KH, KW), giving (N, F, H', W')."""
    n, _, h, width = x.shape
    f, kernel = w.shape[0], (w.shape[2], w.shape[3])
    dtype = np.result_type(x, w)
    size_out = (
        out_size(h, kernel[0], stride[0], padding[0], dilation[0]),
        out_size(width, kernel[1], stride[1], padding[1], dilation[1]),
    )
    filters = np.ascontiguousarray(w, dtype).reshape(groups, f // groups, -1)  # (G, F/G, K)
    if _is_pointwise(kernel, stride, padding):
        pointwise: Array = np.matmul(filters, _flat(x, groups, dtype))  # (N, G, F/G, H*W)
        return pointwise.reshape(n, f, h, width)
    out = np.empty((n, groups, f // groups, size_out[0] * size_out[1]), dtype)
    for images, outputs, columns in _columns(x, kernel, size_out, stride, padding, dilation, groups, dtype):
        if columns.ndim == 4:
            np.matmul(filters, columns, out=out[images, :, :, outputs])
        else:
            product = _split(np.matmul(filters, columns), images.stop - images.start, 2)  # (G, F/G, N, H'*W')
            out[images] = product.transpose(2, 0, 1, 3)  # (N, G, F/G, H'*W')
    return out.reshape(n, f, *size_out)


def conv_filter(
    y: Array, x: Array, size: Pair, stride: Pair, padding: Padding, dilation: Pair, groups: int
) -> Array:
    """The adjoint of conv in w: y (N, F, H', W') and x (N, C, H, W) give filters (F, C/groups, *size)."""
    c = x.shape[1]
    f, size_out = y.shape[1], (y.shape[2], y.shape[3])
    dtype = np.result_type(y, x)
    grads = _flat(y, groups, dtype)  # (N, G, F/G, H'*W')
    k = c // groups * math.prod(size)
    out = np.zeros((groups, f // groups, k), dtype)
    if _is_pointwise(size, stride, padding) and grads.shape[3] >= _SMALL:
        blocks = _images(_flat(x, groups, dtype))
    else:
        blocks = _columns(x, size, size_out, stride, padding, dilation, groups, dtype)
    for images, outputs, columns in blocks:
        part = grads[images, :, :, outputs]
        if columns.ndim == 4:
            out += np.matmul(part, columns.swapaxes(2, 3)).sum(0)
        else:
            merged = part.transpose(1, 2, 0, 3).reshape(groups, f // groups, -1)  # (G, F/G, N*H'*W')
            out += np.matmul(merged, columns.swapaxes(1, 2))
    return out.reshape(f, c // groups, *size)


def conv_image(
    y: Array, w: Array, size: Pair, stride: Pair, padding: Padding, dilation: Pair, groups: int
) -> Array:
    """The adjoint of conv in x: y (N, F, H', W') and w (F, C/groups, KH, KW) give images (N, C, *size)."""
    n, f, tall, wide = y.shape
    kernel = (w.shape[2], w.shape[3])
    dtype = np.result_type(y, w)
    filters = np.ascontiguousarray(w, dtype).reshape(groups, f // groups, -1).swapaxes(1, 2)  # (G, K, F/G)
    grads = _flat(y, groups, dtype)  # (N, G, F/G, H'*W')
    k = filters.shape[1]
    c = groups * w.shape[1]
    if _is_pointwise(kernel, stride, padding):
        pointwise: Array = np.matmul(filters, grads)  # (N, G, C/G, H*W)
        return pointwise.reshape(n, c, *size)
    if stride == (1, 1) and f <= 2 * c:
        # Gathering y is cheaper than scattering into x, and at stride 1 the adjoint is again a convolution.
        border = [
            (d * (k - 1) - before, d * (k - 1) - after)
            for k, d, (before, after) in zip(kernel, dilation, padding, strict=True)
        ]
        if min(map(min, border)) >= 0:
            turned = _split(w[:, :, ::-1, ::-1], groups, 0).swapaxes(1, 2).reshape(c, f // groups, *kernel)
            return conv(y, turned, stride, (border[0], border[1]), dilation, groups)
    (top, bottom), (left, right) = padding
    # With one filter in each group the columns are an outer product, for which matmul has no fast way.
    product = np.multiply if f == groups else np.matmul
    out = np.empty((n, groups, c // groups, *size), dtype)
    plan = _blocks(n, (tall, wide), groups * k, dtype.itemsize)
    store = np.empty(plan.images * plan.rows * wide * k * groups, dtype)
    padded_size = (top + size[0] + bottom, left + size[1] + right)
    canvas = np.empty((plan.images, groups, c // groups, *padded_size), dtype)
    for images in cut(n, plan.images):
        count = images.stop - images.start
        padded = canvas[:count]
        padded[...] = 0
        for rows in cut(tall, plan.rows):
            part = grads[images, :, :, rows.start * wide : rows.stop * wide]
            shape = (count, groups, c // groups, *kernel, rows.stop - rows.start, wide)
            columns = store[: math.prod(shape)]
            if plan.merged:
                part = part.transpose(1, 2, 0, 3).reshape(groups, f // groups, -1)  # (G, F/G, N*H'*W')
                product(filters, part, out=columns.reshape(groups, k, -1))
                columns = np.moveaxis(columns.reshape(*shape[1:5], count, *shape[5:]), 4, 0)
            else:
                product(filters, part, out=columns.reshape(count, groups, k, -1))
                columns = columns.reshape(shape)  # (N, G, C/G, KH, KW, H', W')
            for i, j in np.ndindex(kernel):
                high = span(i * dilation[0] + rows.start * stride[0], stride[0], rows.stop - rows.start)
                low = span(j * dilation[1], stride[1], wide)
                padded[..., high, low] += columns[:, :, :, i, j]
        out[images] = padded[..., top : top + size[0], left : left + size[1]]
    return out.reshape(n, c, *size)
