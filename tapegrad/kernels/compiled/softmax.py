"""Softmax along the last axis, in blocks of rows that are read and written while they are in the cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..choice import compiled
from ..softmax import as_rows, by_rows
from ..windows import Array
from .arguments import whole
from .jit import jit
from .special import exp, step


@step
def _ordered(bits: Any, sign: Any, rest: Any) -> Any:
    """The bits of a float as an integer that is ordered as the float is, and back; nan stands above or below all."""
    return bits ^ ((bits >> sign) & rest)


@jit
def _largest(bits: Any, best: Any, sign: Any, rest: Any) -> None:
    """The largest of each row: floats would wait for one comparison after the other, integers do not."""
    for i in range(len(bits)):
        top = _ordered(bits[i, 0], sign, rest)
        for j in range(bits.shape[1]):
            top = max(top, _ordered(bits[i, j], sign, rest))
        best[i, 0] = _ordered(top, sign, rest)


@jit
def _shares(x: Any, p: Any, best: Any, total: Any, zero: Any) -> None:
    for i in range(len(x)):
        largest, mass = best[i, 0], zero
        if np.isfinite(largest):
            for j in range(x.shape[1]):
                e = exp(x[i, j] - largest)
                p[i, j] = e
                mass += e
        else:
            for j in range(x.shape[1]):
                e = exp(zero if x[i, j] == largest else x[i, j] - largest)
                p[i, j] = e
                mass += e
        for j in range(x.shape[1]):
            p[i, j] /= mass
        total[i, 0] = mass
        if np.isnan(mass):  # a nan with a sign was not the largest
            best[i, 0] = mass


@compiled("softmax.softmax")
def softmax(x: Array, axis: tuple[int, ...]) -> Any:
    """Where the NumPy form works row by row."""
    rows = as_rows(x, axis)
    if rows is None:
        return NotImplemented
    bits = np.dtype(f"i{x.itemsize}")
    sign = 8 * x.itemsize - 1
    constants = bits.type(sign), bits.type(2**sign - 1)

    def block(x: Array, p: Array, best: Array, total: Array) -> None:
        _largest(x.view(bits), best.view(bits), *constants)
        _shares(x, p, best, total, x.dtype.type(0))

    return by_rows(block, x, whole(rows))
