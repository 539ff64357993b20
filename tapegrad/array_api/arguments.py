"""What the functions of the namespace take: arrays, Python scalars beside them, and the one device."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..creation import asarray
from ..tensor import Tensor

__all__ = ["array", "arrays_of", "both", "on_cpu"]

SCALARS = (bool, int, float, complex)


def array(x: Any, name: str) -> Tensor:
    """x as a Tensor; lists and Python scalars are no arrays."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, (np.ndarray, np.generic)):
        return asarray(x)
    raise TypeError(f"{name}: expected an array, got {type(x).__name__}; asarray makes an array of it")


def both(x1: Any, x2: Any, name: str) -> tuple[Any, Any]:
    """Two arrays, or an array and a Python scalar, which takes the array's dtype."""
    first, second = type(x1) in SCALARS, type(x2) in SCALARS
    if first and second:
        raise TypeError(f"{name}: one of the arguments must be an array, got {x1!r} and {x2!r}")
    return x1 if first else array(x1, name), x2 if second else array(x2, name)


def arrays_of(xs: Any, name: str) -> list[Tensor]:
    """A list or tuple of arrays, of which there must be one at least."""
    if not isinstance(xs, (list, tuple)):
        raise TypeError(f"{name}: expected a list or tuple of arrays, got {type(xs).__name__}")
    if not xs:
        raise ValueError(f"{name}: needs at least one array")
    return [array(x, name) for x in xs]


def on_cpu(device: Any, name: str) -> None:
    """Refuse any device but the one there is."""
    if device not in (None, "cpu"):
        raise ValueError(f"{name}: device {device!r} is not 'cpu', and there is no other")
