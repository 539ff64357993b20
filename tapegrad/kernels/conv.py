"""Convolution of images and its two adjoints, as three readings of one trilinear form sum_y y * conv(x, w).
Knows arrays and window geometry only; nothing of tapes, and nothing is ever conjugated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from . import conv_wide, memory, threads, winograd
from .choice import kernel as two_forms
from .windows import Array, Padding, Pair, cut, out_size, overlap, pad, windows

# Columns are built, used and overwritten in blocks of about this many bytes, to stay in the cache.
_BLOCK = 1 << 21
# Below this many outputs an image is too small to be a good matrix product by itself: several share one.
_SMALL = 100
# Multiplications of a convolution that is worth sharing between threads: some 100 microseconds.
_LARGE = 4_000_000


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


class Windows(NamedTuple):
    """Where the windows of a convolution lie, and how many there are each way."""

    kernel: Pair
    stride: Pair
    padding: Padding
    dilation: Pair
    size_out: Pair


def _view(store: Array, images: int, channels: int, rows: slice, how: Windows, merged: bool) -> Array:
    """The columns of a block in its store, as (N, C, KH, KW, rows, W')."""
    wide, count = how.size_out[1], rows.stop - rows.start
    if not merged:
        shape = (images, channels, *how.kernel, count, wide)
        return store[: math.prod(shape)].reshape(shape)
    shape = (channels, *how.kernel, images, count, wide)
    return store[: math.prod(shape)].reshape(shape).transpose(3, 0, 1, 2, 4, 5)


def pack(x: Array, store: Array, rows: slice, how: Windows, merged: bool) -> None:
    """What windows of images x (N, C, H, W) see, in these rows of outputs, into the store: (N, C, KH * KW, rows * W').

    merged: as (C, KH * KW, N, rows * W').
    """
    n, c, height, _ = x.shape
    step, (top, _) = how.stride[0], how.padding[0]
    start = rows.start * step - top
    stop = (rows.stop - 1) * step + how.dilation[0] * (how.kernel[0] - 1) + 1 - top
    above, below = max(0, -start), max(0, stop - height)
    seen = x[:, :, max(0, start) : max(0, min(stop, height))]
    if above or below or how.padding[1] != (0, 0):
        if seen.shape[2] == 0:  # windows that see nothing but padding
            above, below = stop - start, 0
        seen = pad(seen, ((above, below), how.padding[1]), dtype=store.dtype)
    count = rows.stop - rows.start
    view = windows(seen, how.kernel, how.stride, how.dilation, (count, how.size_out[1]))
    _view(store, n, c, rows, how, merged)[...] = view


def unpack(x: Array, store: Array, rows: slice, how: Windows, merged: bool) -> None:
    """The adjoint of pack: what is in the store added to the pixels of x that the windows see."""
    columns = _view(store, x.shape[0], x.shape[1], rows, how, merged)
    for i, j in np.ndindex(how.kernel):
        offset = i * how.dilation[0] - how.padding[0][0] + rows.start * how.stride[0]
        down, high = overlap(offset, how.stride[0], rows.stop - rows.start, x.shape[2])
        offset = j * how.dilation[1] - how.padding[1][0]
        across, low = overlap(offset, how.stride[1], how.size_out[1], x.shape[3])
        x[:, :, high, low] += columns[:, :, i, j, down, across]


def _columns(x: Array, how: Windows, groups: int, dtype: np.dtype[np.generic]) -> Iterator[tuple[slice, slice, Array]]:
    """Walk over blocks of windows, giving (images, outputs, columns).

    `outputs` is the range of flat outputs h*W' + w covered. Columns are matrices (N, G, K, outputs) with
    K = C/G*KH*KW, or (G, K, N*outputs) if the images of the block are merged. The next step overwrites them.
    """
    n, c = x.shape[:2]
    tall, wide = how.size_out
    plan = _blocks(n, how.size_out, c * math.prod(how.kernel), dtype.itemsize)
    k = c // groups * math.prod(how.kernel)
    store = memory.empty((plan.images * plan.rows * wide * k * groups,), dtype)
    for images in cut(n, plan.images):
        for rows in cut(tall, plan.rows):
            pack(x[images], store, rows, how, plan.merged)
            outputs = slice(rows.start * wide, rows.stop * wide)
            count = images.stop - images.start
            lead, places = ((groups,), count) if plan.merged else ((count, groups), 1)
            places *= outputs.stop - outputs.start
            columns = store[: count * groups * k * (outputs.stop - outputs.start)]
            yield images, outputs, columns.reshape(*lead, k, places)


def _images(flat: Array) -> Iterator[tuple[slice, slice, Array]]:
    """What _columns gives where the images (N, G, C/G, H*W) are themselves the columns."""
    for images in cut(flat.shape[0], _BLOCK // max(1, flat[:1].nbytes)):
        yield images, slice(None), flat[images]


def _is_pointwise(kernel: Pair, stride: Pair, padding: Padding) -> bool:
    return kernel == (1, 1) and stride == (1, 1) and padding == ((0, 0), (0, 0))


@two_forms
def conv(x: Array, w: Array, stride: Pair, padding: Padding, dilation: Pair, groups: int) -> Array:
    """Correlate images x (N, C, H, W) with filters w (F, C/groups, KH, KW), giving (N, F, H', W')."""
    n, _, h, width = x.shape
    f, kernel = w.shape[0], (w.shape[2], w.shape[3])
    dtype = np.result_type(x, w)
    size_out = (
        out_size(h, kernel[0], stride[0], padding[0], dilation[0]),
        out_size(width, kernel[1], stride[1], padding[1], dilation[1]),
    )
    out: Array = memory.empty((n, f, *size_out), dtype)
    if _is_pointwise(kernel, stride, padding):

        def work(start: int, stop: int) -> None:
            _pointwise(w, x[start:stop], out[start:stop], groups)
    elif winograd.suits(x.shape, f, size_out, kernel, stride, padding, dilation, groups, dtype):
        transformed = winograd.filters(w, groups, dtype)

        def work(start: int, stop: int) -> None:
            for spoilt in winograd.conv_into(out[start:stop], x[start:stop], transformed, padding):
                _conv_tiled(out[start:stop][spoilt], x[start:stop][spoilt], w, stride, padding, dilation, groups)
    elif conv_wide.suits(size_out, kernel, stride, dilation, padding, dtype):

        def work(start: int, stop: int) -> None:
            conv_wide.conv_into(out[start:stop], x[start:stop], w, padding, dilation, groups)
    else:

        def work(start: int, stop: int) -> None:
            _conv_tiled(out[start:stop], x[start:stop], w, stride, padding, dilation, groups)

    _share(n, out.size * w[:1].size, work)
    return out


def _share(images: int, multiplications: int, work: Callable[[int, int], object]) -> None:
    """Call work over all images, on several threads if there is enough of it."""
    threads.share(images, work, pieces=0 if multiplications >= _LARGE else 1, blas_work=True)


def _pointwise(w: Array, x: Array, out: Array, groups: int) -> None:
    """Filters w (F, C/groups, 1, 1) on every pixel of x (N, C, H, W), into out (N, F, H, W)."""
    n, f = out.shape[:2]
    filters = np.ascontiguousarray(w, out.dtype).reshape(groups, f // groups, -1)  # (G, F/G, C/G)
    pixels = out.shape[2] * out.shape[3]
    np.matmul(filters, _flat(x, groups, out.dtype), out=out.reshape(n, groups, f // groups, pixels))


def _conv_tiled(out: Array, x: Array, w: Array, stride: Pair, padding: Padding, dilation: Pair, groups: int) -> None:
    """Columns of exact windows, a block at a time."""
    n, f, *size = out.shape
    kernel, size_out, dtype = (w.shape[2], w.shape[3]), (size[0], size[1]), out.dtype
    filters = np.ascontiguousarray(w, dtype).reshape(groups, f // groups, -1)  # (G, F/G, K)
    flat = out.reshape(n, groups, f // groups, size_out[0] * size_out[1])
    how = Windows(kernel, stride, padding, dilation, size_out)
    for images, outputs, columns in _columns(x, how, groups, dtype):
        if columns.ndim == 4:
            np.matmul(filters, columns, out=flat[images, :, :, outputs])
        else:
            product = _split(np.matmul(filters, columns), images.stop - images.start, 2)  # (G, F/G, N, H'*W')
            flat[images] = product.transpose(2, 0, 1, 3)  # (N, G, F/G, H'*W')


@two_forms
def conv_filter(y: Array, x: Array, size: Pair, stride: Pair, padding: Padding, dilation: Pair, groups: int) -> Array:
    """The adjoint of conv in w: y (N, F, H', W') and x (N, C, H, W) give filters (F, C/groups, *size)."""
    f, size_out, dtype = y.shape[1], (y.shape[2], y.shape[3]), np.result_type(y, x)
    tiles = winograd.suits(x.shape, f, size_out, size, stride, padding, dilation, groups, dtype, for_sum=True)
    if tiles:
        total = _sum(y, x, size, groups, lambda y, x: winograd.tiled_sum(y, x, padding, groups, dtype))
        found = winograd.filter_sum(total)
        if found is not None:
            return found
    if conv_wide.suits(size_out, size, stride, dilation, padding, dtype):
        return _sum(y, x, size, groups, lambda y, x: conv_wide.filter_sum(y, x, size, padding, dilation, groups, dtype))
    return _sum(y, x, size, groups, lambda y, x: _filter_tiled(y, x, size, stride, padding, dilation, groups, dtype))


def _sum(y: Array, x: Array, size: Pair, groups: int, work: Callable[[Array, Array], Array]) -> Array:
    """The sum of what work gives for some of the outputs y and images x each, on several threads if there is enough."""
    parts: dict[int, Array] = {}

    def part(start: int, stop: int) -> None:
        parts[start] = work(y[start:stop], x[start:stop])

    _share(len(y), y.size * x.shape[1] // groups * math.prod(size), part)
    if not parts:
        return work(y, x)
    first, *others = sorted(parts)
    for start in others:
        parts[first] += parts[start]
    return parts[first]


def _filter_tiled(
    y: Array, x: Array, size: Pair, stride: Pair, padding: Padding, dilation: Pair, groups: int,
    dtype: np.dtype[np.generic],
) -> Array:  # fmt: skip
    """The sum over images of y against the columns of exact windows of x, a block at a time."""
    c, f, size_out = x.shape[1], y.shape[1], (y.shape[2], y.shape[3])
    grads = _flat(y, groups, dtype)  # (N, G, F/G, H'*W')
    k = c // groups * math.prod(size)
    out = np.zeros((groups, f // groups, k), dtype)
    if _is_pointwise(size, stride, padding) and grads.shape[3] >= _SMALL:
        blocks = _images(_flat(x, groups, dtype))
    else:
        blocks = _columns(x, Windows(size, stride, padding, dilation, size_out), groups, dtype)
    for images, outputs, columns in blocks:
        part = grads[images, :, :, outputs]
        if columns.ndim == 4:
            out += np.matmul(part, columns.swapaxes(2, 3)).sum(0)
        else:
            merged = part.transpose(1, 2, 0, 3).reshape(groups, f // groups, -1)  # (G, F/G, N*H'*W')
            out += np.matmul(merged, columns.swapaxes(1, 2))
    return out.reshape(f, c // groups, *size)


@two_forms
def conv_image(y: Array, w: Array, size: Pair, stride: Pair, padding: Padding, dilation: Pair, groups: int) -> Array:
    """The adjoint of conv in x: y (N, F, H', W') and w (F, C/groups, KH, KW) give images (N, C, *size)."""
    n, f = y.shape[:2]
    kernel, c, dtype = (w.shape[2], w.shape[3]), groups * w.shape[1], np.result_type(y, w)
    if _is_pointwise(kernel, stride, padding):
        return conv(y, _turned(w, groups), stride, padding, dilation, groups)
    if stride == (1, 1) and f <= 2 * c:
        # Gathering y is cheaper than scattering into x, and at stride 1 the adjoint is again a convolution.
        border = [
            (d * (k - 1) - before, d * (k - 1) - after)
            for k, d, (before, after) in zip(kernel, dilation, padding, strict=True)
        ]
        if min(map(min, border)) >= 0:
            return conv(y, _turned(w, groups), stride, (border[0], border[1]), dilation, groups)
    out: Array = memory.empty((n, c, *size), dtype)
    wide = conv_wide.suits((y.shape[2], y.shape[3]), kernel, stride, dilation, padding, dtype)
    wide = wide and groups < f and bool(np.isfinite(w).all())

    def work(start: int, stop: int) -> None:
        if wide:
            conv_wide.image_into(out[start:stop], y[start:stop], w, padding, dilation, groups)
        else:
            _image_tiled(out[start:stop], y[start:stop], w, stride, padding, dilation, groups)

    _share(n, y.size * w[:1].size, work)
    return out


def _turned(w: Array, groups: int) -> Array:
    """Filters (F, C/groups, KH, KW) with inputs and outputs exchanged, and upside down: (C, F/groups, KH, KW)."""
    f, each, *kernel = w.shape
    turned = _split(w[:, :, ::-1, ::-1], groups, 0).swapaxes(1, 2)
    return turned.reshape(groups * each, f // groups, *kernel)


def _image_tiled(out: Array, y: Array, w: Array, stride: Pair, padding: Padding, dilation: Pair, groups: int) -> None:
    """Columns of gradients, a block at a time, added to the pixels that the windows saw."""
    n, f, tall, wide = y.shape
    kernel, dtype = (w.shape[2], w.shape[3]), out.dtype
    filters = np.ascontiguousarray(w, dtype).reshape(groups, f // groups, -1).swapaxes(1, 2)  # (G, K, F/G)
    grads = _flat(y, groups, dtype)  # (N, G, F/G, H'*W')
    k = filters.shape[1]
    # With one filter in each group the columns are an outer product, for which matmul has no fast way.
    product = np.multiply if f == groups else np.matmul
    plan = _blocks(n, (tall, wide), groups * k, dtype.itemsize)
    store = memory.empty((plan.images * plan.rows * wide * k * groups,), dtype)
    how = Windows(kernel, stride, padding, dilation, (tall, wide))
    for images in cut(n, plan.images):
        count = images.stop - images.start
        out[images] = 0
        for rows in cut(tall, plan.rows):
            part = grads[images, :, :, rows.start * wide : rows.stop * wide]
            lead: tuple[int, ...] = (count, groups)
            if plan.merged:
                part = part.transpose(1, 2, 0, 3).reshape(groups, f // groups, -1)  # (G, F/G, N*H'*W')
                lead = (groups,)
            columns = store[: part.size // (f // groups) * k].reshape(*lead, k, part.shape[-1])
            product(filters, part, out=columns)
            unpack(out[images], store, rows, how, plan.merged)
