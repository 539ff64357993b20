"""What compiled kernels are given: whole arrays of one real dtype, and their share of the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import threads
from ..windows import Array

__all__ = ["real", "share", "whole"]

# Entries from which on work is shared between threads: some 200 microseconds of reading and writing.
_SHARED = 600_000


class _Memory:
    """What NumPy makes an array of that stands on the memory of another, and keeps that one alive."""

    def __init__(self, a: Array) -> None:
        self.a = a
        address, _ = a.__array_interface__["data"]
        self.__array_interface__ = {**a.__array_interface__, "data": (address, False)}  # False: not read-only


def real(*arrays: Array) -> bool:
    """Whether all arrays are of float32 or all of float64, and none is empty."""
    first = arrays[0].dtype
    return first in (np.float32, np.float64) and all([a.dtype == first and a.size > 0 for a in arrays])


def whole(a: Array) -> Array:
    """The array in C order, never read-only: numba would compile the kernel once more for that. Only to be read."""
    flags = a.flags
    if flags.carray:
        return a
    if flags.c_contiguous and flags.aligned:
        return np.asarray(_Memory(a))
    return np.array(a, order="C")


def share(n: int, size: int, work: Callable[[int, int], Any], blas_work: bool = False) -> None:
    """Call work(start, stop) over range(n), on several threads where the arrays have many entries."""
    threads.share(n, work, pieces=0 if size >= _SHARED else 1, blas_work=blas_work)
