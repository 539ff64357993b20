"""Random Tensors from one seeded generator, or from one that is passed in."""

from __future__ import annotations

from typing import Any

import numpy as np

from .creation import _adopt
from .generator import chosen, default_generator, manual_seed
from .tensor import Tensor

__all__ = ["default_generator", "manual_seed", "normal", "rand", "randint", "randn", "randperm", "uniform"]


def _shape(shape: tuple[Any, ...]) -> Any:
    return shape[0] if len(shape) == 1 and np.ndim(shape[0]) else shape


def rand(*shape: Any, dtype: Any = np.float64, requires_grad: bool = False, generator: Any = None) -> Tensor:
    """Uniform in [0, 1)."""
    return _adopt(chosen(generator).random(_shape(shape)).astype(dtype, copy=False), requires_grad)


def randn(*shape: Any, dtype: Any = np.float64, requires_grad: bool = False, generator: Any = None) -> Tensor:
    """Normal with mean 0 and standard deviation 1."""
    return _adopt(np.asarray(chosen(generator).standard_normal(_shape(shape)), dtype), requires_grad)


def uniform(
    low: float = 0.0, high: float = 1.0, size: Any = None, *, dtype: Any = np.float64, requires_grad: bool = False,
    generator: Any = None,
) -> Tensor:  # fmt: skip
    """Uniform in [low, high)."""
    return _adopt(np.asarray(chosen(generator).uniform(low, high, size), dtype), requires_grad)


def normal(
    loc: float = 0.0, scale: float = 1.0, size: Any = None, *, dtype: Any = np.float64, requires_grad: bool = False,
    generator: Any = None,
) -> Tensor:  # fmt: skip
    """Normal with a mean and a standard deviation."""
    return _adopt(np.asarray(chosen(generator).normal(loc, scale, size), dtype), requires_grad)


def randint(low: int, high: int | None = None, size: Any = None, *, generator: Any = None) -> Tensor:
    """Integers from low up to high, high left out (or from 0 up to low)."""
    return _adopt(np.asarray(chosen(generator).integers(low, high, size)))


def randperm(n: int, *, generator: Any = None) -> Tensor:
    """The integers below n in random order."""
    return _adopt(chosen(generator).permutation(n))
