"""Max pooling of images. The cache is what the caller gave, so that either half can be swapped for a student's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..kernels import pool as kernels
from ..kernels.windows import Array, Padding, Pair, out_size
from .arguments import array, float_type, incoming, known, pair, parts, word

Cache = tuple[Array, Mapping[str, Any]]
_FOREIGN = ("pad", "padding", "dilation", "ceil_mode", "kernel_size")
_NO_PADDING: Padding = ((0, 0), (0, 0))


def _checked(x: Any, pool_param: Any, function: str) -> tuple[Array, Pair, Pair, Pair]:
    """x, the size of a window, the stride and the size of the output."""
    x = array(x, function, "x")
    if x.ndim != 4:
        raise ValueError(f"{function}: x must be images (N, C, H, W), got shape {x.shape}")
    lengths = []
    for key in ("pool_height", "pool_width"):
        length = word(pool_param, key, "pool_param", function)
        one, other = pair(pool_param, key, "pool_param", function, 1)
        if one != other:
            raise TypeError(f"{function}: pool_param[{key!r}] must be an int, got {length!r}")
        lengths.append(one)
    stride = pair(pool_param, "stride", "pool_param", function, 1)
    known(
        pool_param, "pool_param", function, _FOREIGN,
        "its words are 'pool_height', 'pool_width' and 'stride'; tapegrad.max_pool2d has more",
    )  # fmt: skip
    sizes = []
    for what, n, k, s in zip(("high", "wide"), x.shape[2:], lengths, stride, strict=True):
        if n < k:
            raise ValueError(
                f"{function}: the windows are {k} pixels {what} but the images only {n} "
                f"(x {x.shape}, window {tuple(lengths)}); take a smaller window, or pad x with -inf"
            )
        sizes.append(out_size(n, k, s, (0, 0), 1))
    return x, (lengths[0], lengths[1]), stride, (sizes[0], sizes[1])


def max_pool_forward(x: Any, pool_param: Mapping[str, Any]) -> tuple[Array, Cache]:
    """Images x (N, C, H, W) -> out (N, C, H', W'), the largest of each window, cache.

    H' = (H - pool_height) // stride + 1; what is left over at the edge is not looked at. pool_param: `pool_height`,
    `pool_width`, and `stride`, an int or a pair for height and width. The cache is (x, pool_param), that very array.
    """
    x, window, stride, size_out = _checked(x, pool_param, "max_pool_forward")
    return kernels.max_pool(x, window, stride, _NO_PADDING, (1, 1), size_out), (x, pool_param)


def max_pool_backward(dout: Any, cache: Any) -> Array:
    """dout (N, C, H', W') and the cache (x, pool_param) -> dx (N, C, H, W).

    Each window's gradient goes to its largest pixel, of several to the first in row-major order; where windows
    overlap, gradients add up.
    """
    x, pool_param = parts(cache, ("x", "pool_param"), "max_pool_backward")
    x, window, stride, size_out = _checked(x, pool_param, "max_pool_backward")
    dout = incoming(dout, (*x.shape[:2], *size_out), float_type(x), "max_pool_backward")
    out = kernels.max_pool(x, window, stride, _NO_PADDING, (1, 1), size_out)
    return kernels.max_pool_spread(dout, x, out, window, stride, _NO_PADDING, (1, 1))
