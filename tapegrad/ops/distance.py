"""Lengths of vectors, and how far apart or how alike two are."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..registry import op
from ..samples import real
from .activation import floats, number, one_axis, reals_only
from .elementwise import absolute, add, clip_op, div_no_nan, divide, mul_no_nan, multiply, power, sign_op, subtract
from .reduce import aligned, max_op, sum_op
from .structure import broadcast_to_op, canonical_axis

INF = float("inf")


@op(None)
def length_op(x, *, axis, p=2.0):
    """(sum of |x|**p)**(1 / p) over axes; 0 has gradient 0."""
    if p == 2:
        return np.sqrt(np.add.reduce(np.square(x), axis=axis))
    return np.power(np.add.reduce(np.power(np.abs(x), p), axis=axis), 1.0 / p)


def _length_rule(g: Any, x: Any, out: Any, axis: tuple[int, ...], p: float) -> Any:
    g, out = aligned(g, x.shape, axis), aligned(out, x.shape, axis)
    if p == 2:
        return multiply(g, div_no_nan(x, out))
    return multiply(g, mul_no_nan(sign_op(x), power(div_no_nan(absolute(x), out), p - 1.0)))


length_op.vjp(x=_length_rule).sample(real(3, 4, away=0.1), axis=(1,)).sample(real(2, 3, away=0.1), axis=(0, 1), p=3.0)
length_op.sample(real(2, 0), axis=(1,)).sample(real(3, 4, away=0.2), axis=(0,), p=1.0)
reals_only(length_op)


def _length(x: Any, p: Any, axis: int, name: str) -> Any:
    p = number(p, name, "p")
    if not p > 0:
        raise ValueError(f"{name}: p must be larger than 0, got {p:g}")
    return max_op(absolute(x), axis=(axis,)) if p == INF else length_op(x, axis=(axis,), p=p)


def normalize(x: Any, p: float = 2.0, axis: int | None = None, eps: float = 1e-12, *, dim: int | None = None) -> Any:
    """x over its p-norm along an axis (1 if left out), a norm below eps counting as eps; zeros stay zeros."""
    x = floats(x, "normalize")
    axis = canonical_axis(one_axis(axis, dim, 1, "normalize"), x.ndim, "normalize")
    lengths = clip_op(_length(x, p, axis, "normalize"), number(eps, "normalize", "eps"), INF)
    return divide(x, aligned(lengths, x.shape, (axis,)))


def cosine_similarity(x1: Any, x2: Any, axis: int | None = None, eps: float = 1e-8, *, dim: int | None = None) -> Any:
    """The cosine of the angle of x1 and x2 along an axis (1 if left out), broadcast; lengths below eps count as eps."""
    a, b = floats(x1, "cosine_similarity"), floats(x2, "cosine_similarity")
    eps = number(eps, "cosine_similarity", "eps")
    shape = np.broadcast_shapes(a.shape, b.shape)
    axis = canonical_axis(one_axis(axis, dim, 1, "cosine_similarity"), len(shape), "cosine_similarity")
    parts = []
    for x in (a, b):
        here = axis - (len(shape) - x.ndim)
        if here < 0 or x.shape[here] != shape[axis]:  # the length is that of the vector after broadcasting
            x = broadcast_to_op(x, shape=shape)
            here = axis
        lengths = clip_op(length_op(x, axis=(here,)), eps, INF)
        parts.append(divide(x, aligned(lengths, x.shape, (here,))))
    return sum_op(multiply(*parts), axis=(axis,))


def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """Vectors x1 and x2 (..., D), broadcast -> the p-norm of x1 - x2 + eps, of shape (...)."""
    a, b = floats(x1, "pairwise_distance"), floats(x2, "pairwise_distance")
    d = add(subtract(a, b), number(eps, "pairwise_distance", "eps"))
    if d.ndim == 0:
        raise ValueError("pairwise_distance: x1 and x2 have no axes; vectors are (..., D)")
    out = _length(d, p, d.ndim - 1, "pairwise_distance")
    return aligned(out, d.shape, (d.ndim - 1,)) if keepdim else out
