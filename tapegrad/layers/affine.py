"""The affine layer x @ w + b, and the rectifier."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..kernels.windows import Array
from ..ops.activation import relu_op
from .arguments import array, cast, float_type, incoming, outgoing, parts

Cache = tuple[Any, ...]


def _checked(x: Any, w: Any, b: Any, function: str) -> tuple[Array, Array, Array]:
    x, w, b = array(x, function, "x"), array(w, function, "w"), array(b, function, "b")
    shapes = f"x {x.shape}, w {w.shape}, b {b.shape}"
    if x.ndim < 1 or w.ndim != 2:
        raise ValueError(f"{function}: x must be (N, d_1, ..., d_k) and w (D, M), got {shapes}")
    size = math.prod(x.shape[1:])
    if size != w.shape[0]:
        raise ValueError(f"{function}: each example of x has {size} numbers, but w takes {w.shape[0]} ({shapes})")
    if b.shape != (w.shape[1],):
        raise ValueError(f"{function}: w gives {w.shape[1]} numbers, so b must be ({w.shape[1]},) ({shapes})")
    return x, w, b


def affine_forward(x: Any, w: Any, b: Any) -> tuple[Array, Cache]:
    """Examples x (N, d_1, ..., d_k), as rows of D = d_1 * ... * d_k, times w (D, M) plus b (M,) -> out (N, M), cache.

    The cache is (x, w, b).
    """
    x, w, b = _checked(x, w, b, "affine_forward")
    dtype = float_type(x, w, b)
    out = cast(x, dtype).reshape(x.shape[0], w.shape[0]) @ cast(w, dtype)  # (N, M)
    out += cast(b, dtype)
    return out, (x, w, b)


def affine_backward(dout: Any, cache: Any) -> tuple[Array, Array, Array]:
    """dout (N, M) and the cache (x, w, b) -> dx (N, d_1, ..., d_k), dw (D, M), db (M,)."""
    x, w, b = parts(cache, ("x", "w", "b"), "affine_backward")
    x, w, b = _checked(x, w, b, "affine_backward")
    dtype = float_type(x, w, b)
    dout = incoming(dout, (x.shape[0], w.shape[1]), dtype, "affine_backward")
    dx = dout @ cast(w, dtype).T  # (N, D)
    dw = cast(x, dtype).reshape(x.shape[0], w.shape[0]).T @ dout  # (D, M)
    return outgoing(dx, x), outgoing(dw, w), outgoing(dout.sum(0), b)


def relu_forward(x: Any) -> tuple[Array, Array]:
    """The larger of x and 0, for x of any shape -> out, cache. The cache is x."""
    x = array(x, "relu_forward", "x")
    return np.asarray(relu_op(x)), x


def relu_backward(dout: Any, cache: Any) -> Array:
    """dout where x is positive, 0 elsewhere, also at 0 -> dx. The cache is x."""
    x = array(cache, "relu_backward", "the cache, which is x,")
    dout = incoming(dout, x.shape, float_type(x), "relu_backward")
    # Chosen, not multiplied by a mask: an infinite dout times 0 would be nan.
    return np.where(x > 0, dout, np.zeros((), dout.dtype))
