"""Where sliding windows lie: sizes, padding and strided views of the last two axes, shared by convolution and
pooling. Knows nothing of what is computed inside a window.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]  # ((top, bottom), (left, right))


def out_size(size: int, kernel: int, stride: int, padding: Pair, dilation: int, ceil_mode: bool = False) -> int:
    """Number of windows along one axis of length `size` padded by (before, after)."""
    before, after = padding
    room = size + before + after - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    # As in torch: a last window that would start in the padding after the image is dropped.
    return count - 1 if (count - 1) * stride >= size + before else count


def cut(total: int, most: int) -> list[slice]:
    """Cut range(total) into slices of nearly equal length, none longer than `most` (at least 1)."""
    pieces = -(-total // max(most, 1))
    edges = [total * i // pieces for i in range(pieces + 1)] if pieces else []
    return [slice(a, b) for a, b in pairwise(edges)]


def span(start: int, step: int, count: int) -> slice:
    """The slice of `count` places start, start + step, ... (empty for count 0)."""
    return slice(start, start + (count - 1) * step + 1, step) if count > 0 else slice(0, 0)


def overlap(offset: int, step: int, count: int, size: int) -> tuple[slice, slice]:
    """Which of `count` windows see a pixel at one kernel offset, and which pixels those are.

    Window o looks at pixel offset + step * o; outside 0 <= pixel < size it looks at padding. Returns
    (windows, pixels), two slices of equal length, so that no padded copy has to be made.
    """
    first = max(0, -(offset // step))
    last = min(count, (size - 1 - offset) // step + 1)
    number = max(0, last - first)
    return slice(first, first + number), span(offset + step * first, step, number)


def pad(x: Array, padding: Padding, value: Any = 0, dtype: DTypeLike | None = None) -> Array:
    """A fresh copy of x (..., H, W) with a border of `value`: (..., top + H + bottom, left + W + right)."""
    (top, bottom), (left, right) = padding
    h, w = x.shape[-2:]
    shape = (*x.shape[:-2], top + h + bottom, left + w + right)
    out = np.empty(shape, dtype or x.dtype)
    middle = out[..., top : top + h, :]
    for border in out[..., :top, :], out[..., top + h :, :], middle[..., :left], middle[..., left + w :]:
        border[...] = value
    middle[..., left : left + w] = x
    return out


def windows(x: Array, kernel: Pair, stride: Pair, dilation: Pair, size_out: Pair) -> Array:
    """A read-only view of x (..., H, W) as (..., KH, KW, H', W'): each window's pixel at each offset.

    The caller has padded x, so that every window lies inside.
    """
    *lead, row, column = x.strides
    strides = (*lead, row * dilation[0], column * dilation[1], row * stride[0], column * stride[1])
    return as_strided(x, (*x.shape[:-2], *kernel, *size_out), strides, writeable=False)
