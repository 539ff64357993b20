"""Descriptions of sample inputs, written beside each op and drawn by the checks and tests.

Knows how to draw an array from a seeded generator; must not know any op.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

__all__ = ["Draw", "Sample", "complexes", "real", "positive", "between", "distinct", "ints", "bools"]


@dataclass(frozen=True)
class Draw:
    """An array to be drawn: uniform in [low, high); `distinct` values keep well apart, so a kink is never near."""

    shape: tuple[int, ...]
    low: float = -2.0
    high: float = 2.0
    kind: str = "float"  # float, complex, distinct, int, bool
    away: float = 0.0  # keep at least this far from zero

    def draw(self, rng: np.random.Generator, dtype: Any = np.float64) -> np.ndarray[Any, Any]:
        """The array, of `dtype` if it is of floats."""
        if self.kind == "int":
            return np.asarray(rng.integers(int(self.low), int(self.high), self.shape))
        if self.kind == "bool":
            return np.asarray(rng.random(self.shape) < 0.5)
        dtype = np.dtype(dtype)
        if self.kind == "complex" and dtype.kind == "f":
            dtype = np.result_type(dtype, np.complex64)
        if self.kind == "distinct":
            size = int(np.prod(self.shape))
            values = rng.permutation(np.linspace(self.low, self.high, size, endpoint=False) + 0.1 / (size + 1))
            return np.asarray(values.reshape(self.shape).astype(dtype))
        x = np.asarray(rng.uniform(self.low, self.high, self.shape))
        if dtype.kind == "c":
            x = x + 1j * rng.uniform(self.low, self.high, self.shape)
        if self.away:
            x = np.where(abs(x) < self.away, x + np.where(x.real < 0, -1, 1) * 2 * self.away, x)
        return np.asarray(x.astype(dtype))

    def of_shape(self, *shape: int) -> Draw:
        return replace(self, shape=shape)


@dataclass(frozen=True)
class Sample:
    """Arguments for one call of an op: Draws, or constants."""

    args: tuple[Any, ...]
    params: dict[str, Any] = field(default_factory=dict)

    def draw(self, rng: np.random.Generator, dtype: Any = np.float64) -> tuple[Any, ...]:
        return tuple(a.draw(rng, dtype) if isinstance(a, Draw) else a for a in self.args)


def real(*shape: int, away: float = 0.0) -> Draw:
    return Draw(shape, away=away)


def complexes(*shape: int) -> Draw:
    return Draw(shape, kind="complex")


def positive(*shape: int, low: float = 0.3, high: float = 3.0) -> Draw:
    return Draw(shape, low, high)


def between(low: float, high: float, *shape: int) -> Draw:
    return Draw(shape, low, high)


def distinct(*shape: int, low: float = -2.0, high: float = 2.0) -> Draw:
    return Draw(shape, low, high, "distinct")


def ints(low: int, high: int, *shape: int) -> Draw:
    return Draw(shape, low, high, "int")


def bools(*shape: int) -> Draw:
    return Draw(shape, kind="bool")
