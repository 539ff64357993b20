"""Lengths of vectors, and how far apart or how alike two are."""

from __future__ import annotations

from typing import Any

import numpy as np

from .activation import floats, number, one_axis
from .elementwise import add, clip_op, divide, multiply, subtract
from .matrix_norm import vector_length
from .reduce import aligned, sum_op
from .structure import broadcast_to_op, canonical_axis

INF = float("inf")


def _length(x: Any, p: Any, axis: int, name: str) -> Any:
    p = number(p, name, "p")
    if not p > 0:
        raise ValueError(f"{name}: p must be larger than 0, got {p:g}")
    return vector_length(x, p, (axis,), False)


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
        lengths = clip_op(vector_length(x, 2, (here,), False), eps, INF)
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
