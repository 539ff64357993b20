"""Convolution of images. The cache is what the caller gave, so that either half can be swapped for a student's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..kernels import conv as kernels
from ..kernels.windows import Array, Padding, Pair, out_size
from .arguments import array, cast, float_type, incoming, known, outgoing, pair, parts

Cache = tuple[Array, Array, Array, Mapping[str, Any]]
_FOREIGN = ("padding", "dilation", "groups")


class _Job(NamedTuple):
    """The arguments of a convolution, checked."""

    x: Array
    w: Array
    b: Array
    stride: Pair
    padding: Padding
    size_out: Pair
    dtype: np.dtype[Any]  # that it is computed in


def _checked(x: Any, w: Any, b: Any, conv_param: Any, function: str) -> _Job:
    x, w, b = array(x, function, "x"), array(w, function, "w"), array(b, function, "b")
    shapes = f"x {x.shape}, w {w.shape}, b {b.shape}"
    if x.ndim != 4 or w.ndim != 4:
        raise ValueError(f"{function}: x must be images (N, C, H, W) and w filters (F, C, HH, WW), got {shapes}")
    if x.shape[1] != w.shape[1]:
        raise ValueError(f"{function}: x has {x.shape[1]} channels but the filters take {w.shape[1]} ({shapes})")
    if b.shape != (w.shape[0],):
        raise ValueError(f"{function}: b must have one number for each of the {w.shape[0]} filters ({shapes})")
    stride = pair(conv_param, "stride", "conv_param", function, 1)
    pad = pair(conv_param, "pad", "conv_param", function, 0)
    known(conv_param, "conv_param", function, _FOREIGN, "its words are 'stride' and 'pad'; tapegrad.conv2d has more")
    if 0 in w.shape:
        raise ValueError(f"{function}: there are no filters, or they have no channels or no pixels ({shapes})")
    sizes = []
    for what, n, k, s, p in zip(("high", "wide"), x.shape[2:], w.shape[2:], stride, pad, strict=True):
        if n + 2 * p < k:
            raise ValueError(
                f"{function}: the filters are {k} pixels {what} but the padded images only {n + 2 * p} "
                f"({shapes}, stride {stride}, pad {pad}); raise 'pad' or take smaller filters"
            )
        sizes.append(out_size(n, k, s, (p, p), 1))
    padding = ((pad[0], pad[0]), (pad[1], pad[1]))
    return _Job(x, w, b, stride, padding, (sizes[0], sizes[1]), float_type(x, w, b))


def conv_forward(x: Any, w: Any, b: Any, conv_param: Mapping[str, Any]) -> tuple[Array, Cache]:
    """Images x (N, C, H, W) by filters w (F, C, HH, WW) plus b (F,) -> out (N, F, H', W'), cache.

    H' = (H + 2 * pad - HH) // stride + 1. conv_param: `stride` and `pad`, each an int or a pair for height and width.
    The cache is (x, w, b, conv_param), those very arrays.
    """
    job = _checked(x, w, b, conv_param, "conv_forward")
    out = kernels.conv(cast(job.x, job.dtype), cast(job.w, job.dtype), job.stride, job.padding, (1, 1), 1)
    out += cast(job.b, job.dtype)[:, None, None]
    return out, (job.x, job.w, job.b, conv_param)


def conv_backward(dout: Any, cache: Any) -> tuple[Array, Array, Array]:
    """dout (N, F, H', W') and the cache (x, w, b, conv_param) -> dx (N, C, H, W), dw (F, C, HH, WW), db (F,)."""
    x, w, b, conv_param = parts(cache, ("x", "w", "b", "conv_param"), "conv_backward")
    job = _checked(x, w, b, conv_param, "conv_backward")
    x, w, dtype = job.x, job.w, job.dtype
    dout = incoming(dout, (x.shape[0], w.shape[0], *job.size_out), dtype, "conv_backward")
    size, kernel = (x.shape[2], x.shape[3]), (w.shape[2], w.shape[3])
    dx = kernels.conv_image(dout, cast(w, dtype), size, job.stride, job.padding, (1, 1), 1)
    dw = kernels.conv_filter(dout, cast(x, dtype), kernel, job.stride, job.padding, (1, 1), 1)
    return outgoing(dx, x), outgoing(dw, w), outgoing(dout.sum((2, 3)).sum(0), job.b)
