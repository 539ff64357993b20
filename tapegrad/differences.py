"""Derivatives of plain functions by differences, extrapolated to full precision.

Knows numbers; must not know Tensors, ops or tapes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "dot", "largest", "random_like", "slope", "wide"]

Array = NDArray[Any]
HALVINGS = 14


def slope(change: Callable[[float], Array], step: float, noise: float = 0.0) -> tuple[Array, float]:
    """The derivative at 0 of what `change(h)` = f(h) - f(-h) tells, and how far it may be off.

    noise: by how much rounding may spoil `change(h)`; small steps are trusted less accordingly.

    Ridders' method: central differences of halving steps, extrapolated to step 0 (a tableau of Neville's); of all
    entries, the one with the smallest error estimate. Source: Ridders, Adv. Eng. Software 4 (1982) 75-76.
    """
    rows: list[Array] = []
    best, error, worse = np.asarray(change(step)) * math.nan, math.inf, 0
    for k in range(HALVINGS):
        h = step / 2.0**k
        row = [np.asarray(change(h)) / (2 * h)]
        for j in range(1, k + 1):
            row.append(row[j - 1] + (row[j - 1] - rows[j - 1]) / (4.0**j - 1))
        here = math.inf
        for j in range(1, k + 1):
            off = largest([row[j] - row[j - 1], row[j] - rows[j - 1]]) + noise / h
            here = min(here, off)
            if off < error:
                best, error = row[j], off
        if k >= 2 and error <= max(1e-13 * largest([best]), 2 * noise / h):
            break
        worse = worse + 1 if here > 8 * error else 0
        if worse >= 3 and error <= 1e-9 * largest([best]):
            break
        rows = row
    return best, error


def largest(arrays: Sequence[Any]) -> float:
    """The largest absolute entry; infinite if any is not a number."""
    sizes = [float(np.max(abs(a), initial=0.0)) for a in arrays]
    return max([math.inf if math.isnan(s) else s for s in sizes], default=0.0)


def wide(a: Array) -> Array:
    """At least double precision."""
    return a.astype(np.result_type(a.dtype, np.float64), copy=False)


def dot(u: Sequence[Array], y: Sequence[Array]) -> float:
    """Re <u, y> over all arrays: the real loss whose gradient is wanted."""
    return float(sum([np.sum((np.conj(a) * b).real) for a, b in zip(u, y, strict=True)]))


def random_like(rng: np.random.Generator, a: Array) -> Array:
    """Uniform with sizes in [0.5, 1.5) and random signs, complex where `a` is, in double precision."""

    def reals() -> Array:
        return np.asarray(rng.uniform(0.5, 1.5, a.shape) * rng.choice([-1.0, 1.0], a.shape))

    return np.asarray(reals() + 1j * reals()) if a.dtype.kind == "c" else reals()
