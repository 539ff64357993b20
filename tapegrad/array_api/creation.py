"""New arrays, by the standard's names and arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import creation
from ..ops import index, structure
from ..tensor import Tensor
from .arguments import array, on_cpu

__all__ = [
    "arange", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like", "linspace", "meshgrid",
    "ones", "ones_like", "tril", "triu", "zeros", "zeros_like",
]  # fmt: skip


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Tensor:
    """An array of what an array, a scalar, a nested list or a buffer holds, sharing memory where it can."""
    on_cpu(device, "asarray")
    if copy is False and isinstance(obj, Tensor) and dtype is not None and obj.dtype != np.dtype(dtype):
        raise ValueError(f"asarray: dtype {np.dtype(dtype)} of an array of {obj.dtype} needs a copy, and copy is False")
    if copy is False and not isinstance(obj, Tensor):
        obj = np.asarray(obj, dtype=dtype, copy=False)
    return creation.asarray(obj, dtype, copy=copy)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """An array of what another library's array holds, sharing its memory unless copy is True."""
    on_cpu(device, "from_dlpack")
    if np.__version__.startswith("2.0."):  # its from_dlpack has no keywords, and asks for no copy
        if copy is False and isinstance(x, Tensor):
            x.__dlpack__(copy=False)  # raises where only a copy could be had
        found = np.from_dlpack(x)
        return creation.asarray(found.copy() if copy else found)
    return creation.asarray(np.from_dlpack(x, device=device, copy=copy))


def arange(
    start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None
) -> Tensor:  # fmt: skip
    """Numbers from start up to stop, which is left out, step apart; of one argument: from 0 up to it."""
    on_cpu(device, "arange")
    return creation.arange(start, stop, step, dtype=dtype)  # type: ignore[no-any-return]


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Tensor:
    """`num` evenly spaced numbers from start to stop, which is left out if endpoint is False."""
    on_cpu(device, "linspace")
    return creation.linspace(start, stop, num, endpoint, dtype=dtype)  # type: ignore[no-any-return]


def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array of a shape, not filled."""
    on_cpu(device, "empty")
    return creation.empty(shape, dtype=dtype)  # type: ignore[no-any-return]


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Zeros of a shape."""
    on_cpu(device, "zeros")
    return creation.zeros(shape, dtype=dtype)  # type: ignore[no-any-return]


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones of a shape."""
    on_cpu(device, "ones")
    return creation.ones(shape, dtype=dtype)  # type: ignore[no-any-return]


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array of a shape filled with one value."""
    on_cpu(device, "full")
    return creation.full(shape, fill_value, dtype)  # type: ignore[no-any-return]


def empty_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array of the shape and dtype of another, not filled."""
    on_cpu(device, "empty_like")
    return creation.empty_like(array(x, "empty_like"), dtype=dtype)  # type: ignore[no-any-return]


def zeros_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Zeros of the shape and dtype of another array."""
    on_cpu(device, "zeros_like")
    return creation.zeros_like(array(x, "zeros_like"), dtype=dtype)  # type: ignore[no-any-return]


def ones_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones of the shape and dtype of another array."""
    on_cpu(device, "ones_like")
    return creation.ones_like(array(x, "ones_like"), dtype=dtype)  # type: ignore[no-any-return]


def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """One value in the shape and dtype of another array."""
    on_cpu(device, "full_like")
    return creation.full_like(array(x, "full_like"), fill_value, dtype)  # type: ignore[no-any-return]


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones on the k-th diagonal, zeros elsewhere."""
    on_cpu(device, "eye")
    return creation.eye(n_rows, n_cols, k, dtype=dtype)  # type: ignore[no-any-return]


def meshgrid(*arrays: Any, indexing: str = "xy") -> Any:
    """Coordinate arrays of the grid that the given axes span."""
    return structure.meshgrid(*[array(x, "meshgrid") for x in arrays], indexing=indexing)


def tril(x: Any, /, *, k: int = 0) -> Any:
    """Matrices with zeros above their k-th diagonal."""
    return index.tril(matrices(x, "tril"), k)


def triu(x: Any, /, *, k: int = 0) -> Any:
    """Matrices with zeros below their k-th diagonal."""
    return index.triu(matrices(x, "triu"), k)


def matrices(x: Any, name: str) -> Tensor:
    x = array(x, name)
    if x.ndim < 2:
        raise ValueError(f"{name}: needs matrices, of 2 axes or more, got shape {x.shape}")
    return x  # type: ignore[no-any-return]
