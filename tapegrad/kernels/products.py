"""Products of matrices, so that the threads of BLAS and those of the pool stay out of each other's way.

Knows shapes and how much work a product is; must not know what it is for.

After a product on its own threads OpenBLAS keeps these awake for some 25 ms, looking for more. Where products follow
each other, as in fully connected layers, that makes them fast. Where a convolution follows, it takes twice as long. So
products are left to BLAS's threads while nothing but products needs threads, and are cut over the pool otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from . import memory, threads
from .windows import Array

__all__ = ["matmul", "on_threads_of_blas"]

# Multiplications from which OpenBLAS uses its own threads, for matrices and for a matrix by a vector.
_BLAS_THREADS = 250_000
_BLAS_THREADS_VECTOR = 9_000
# Multiplications of a product that is worth sharing on the pool: some 300 microseconds.
_LARGE = 16_000_000
# Products in a row, with nothing else on the pool in between, after which they are BLAS's own business.
_IN_A_ROW = 32
_THIN = 32  # rows or columns that each thread should have at least


_plain: Callable[[Array, Array], Array] = np.matmul


def matmul(x: Array, y: Array) -> Array:
    """np.matmul(x, y), of arrays."""
    pool = threads.pool
    if pool.count == 1 or not x.ndim or not y.ndim:
        return _plain(x, y)
    rows, columns = x.shape[-2] if x.ndim > 1 else 1, y.shape[-1] if y.ndim > 1 else 1
    work = max(x.size * columns, y.size * rows)
    if work < (_BLAS_THREADS if rows > 1 < columns else _BLAS_THREADS_VECTOR):
        return _plain(x, y)
    if work < _LARGE or pool.products >= _IN_A_ROW or not _can_share(x, y):
        with on_threads_of_blas():
            return _plain(x, y)
    before = pool.products
    out = _shared(x, y)
    pool.products = before + 1
    return out


def _can_share(x: Array, y: Array) -> bool:
    return x.dtype == y.dtype and x.dtype.char in "fdFD" and min(x.ndim, y.ndim) > 1 and x.shape[-1] == y.shape[-2]


def on_threads_of_blas() -> AbstractContextManager[None]:
    """A context for a product that BLAS may cut over its threads while nothing but products needs threads."""
    pool = threads.pool
    if pool.count == 1 or pool.products >= _IN_A_ROW:
        return nullcontext()
    pool.products += 1
    return threads.blas_alone()


def _shared(x: Array, y: Array) -> Array:
    lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    rows, columns = x.shape[-2], y.shape[-1]
    out: Array = memory.empty((*lead, rows, columns), x.dtype)

    def by_matrix(start: int, stop: int) -> None:
        left, right = (a[start:stop] if a.ndim == out.ndim and len(a) > 1 else a for a in (x, y))
        np.matmul(left, right, out=out[start:stop])

    def by_rows(start: int, stop: int) -> None:
        np.matmul(x[..., start:stop, :], y, out=out[..., start:stop, :])

    def by_columns(start: int, stop: int) -> None:
        np.matmul(x, y[..., start:stop], out=out[..., start:stop])

    if lead and lead[0] >= threads.pool.count:
        threads.share(lead[0], by_matrix, blas_work=True)
    elif max(rows, columns) < _THIN * threads.pool.count:
        with threads.blas_alone():
            np.matmul(x, y, out=out)
    elif rows >= columns:
        threads.share(rows, by_rows, blas_work=True)
    else:
        threads.share(columns, by_columns, blas_work=True)
    return out
