"""Softmax along axes, with the largest entry and the sum from which its logarithm follows.

Knows arrays and axes; nothing of tapes, labels or losses.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import memory, threads
from .choice import kernel
from .windows import Array

# Entries of a block of rows, which stays in the cache while it is read and written several times.
_BLOCK = 1 << 17
# Entries from which work is shared between threads.
_SHARED = 1 << 17
# The longest row that a product with ones sums up: short rows much quicker than a reduction, long ones less exactly.
_SHORT = 1 << 12


@kernel
def softmax(x: Array, axis: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """p = e**(x - best) / total, best and total, over axes that these two keep with length 1.

    best is the largest entry (of complex x the largest real part), -inf of none. Entries equal to an infinite best
    count as e**0, so that several have equal shares.
    """
    rows = as_rows(x, axis)
    if rows is None:
        return _along(x, axis)
    return by_rows(_block, x, rows, blas_work=rows.shape[1] <= _SHORT)


def as_rows(x: Array, axis: tuple[int, ...]) -> Array | None:
    """Reals (N, C) to work on row by row: a view of x where the axis is the last and x in C order, else None."""
    if len(axis) != 1 or axis[0] % x.ndim != x.ndim - 1 or not x.size or not x.flags.c_contiguous:
        return None
    return x.reshape(-1, x.shape[-1]) if x.dtype.type in (np.float32, np.float64) else None


def by_rows(
    f: Callable[[Array, Array, Array, Array], None], x: Array, rows: Array, blas_work: bool = False
) -> tuple[Array, Array, Array]:
    """f(rows of x, p, best, total), which writes the last three, block by block on threads: the results for x."""
    p = memory.empty(rows.shape, rows.dtype)
    best, total = np.empty((2, len(rows), 1), rows.dtype)
    step = max(1, _BLOCK // rows.shape[1])

    def work(start: int, stop: int) -> None:
        for a in range(start, stop, step):
            b = min(a + step, stop)
            f(rows[a:b], p[a:b], best[a:b], total[a:b])

    threads.share(len(rows), work, pieces=0 if rows.size >= _SHARED else 1, blas_work=blas_work)
    single = (*x.shape[:-1], 1)
    return p.reshape(x.shape), best.reshape(single), total.reshape(single)


def _block(x: Array, p: Array, best: Array, total: Array) -> None:
    np.maximum.reduce(x, axis=1, keepdims=True, out=best)
    with np.errstate(invalid="ignore"):
        np.exp(below(x, best, p), p)
        if x.shape[1] <= _SHORT:
            np.matmul(p, np.ones((x.shape[1], 1), x.dtype), total)
        else:
            np.add.reduce(p, axis=1, keepdims=True, out=total)
        p /= total


def below(x: Array, best: Array, out: Array | None = None) -> Array:
    """x less the best, and 0 also where both are the same infinity."""
    with np.errstate(invalid="ignore"):
        out = np.asarray(np.subtract(x, best, out))
    if not np.isfinite(best).all():
        np.copyto(out, 0, where=x == best)
    return out


def _along(x: Array, axis: tuple[int, ...]) -> tuple[Array, Array, Array]:
    best: Any = np.max(x.real, axis=axis, keepdims=True, initial=-math.inf)
    p = below(x, best, memory.empty(x.shape, x.dtype))
    with np.errstate(invalid="ignore", divide="ignore"):
        np.exp(p, p)
        total: Any = np.add.reduce(p, axis=axis, keepdims=True)
        p /= total
    return p, np.asarray(best), np.asarray(total)
