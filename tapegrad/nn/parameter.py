"""Parameter: a Tensor that a Module finds by its type; and the dtype that new parameters have."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegrad as tg

__all__ = ["Parameter", "get_default_dtype", "set_default_dtype"]

_default: list[np.dtype[Any]] = [np.dtype(np.float32)]


def set_default_dtype(dtype: Any) -> None:
    """Set the dtype, float32 at the start, that modules of the whole process make their parameters in."""
    chosen = np.dtype(dtype)
    if chosen.kind != "f":
        raise TypeError(f"set_default_dtype: {chosen} is no floating dtype; float32 and float64 are")
    _default[0] = chosen


def get_default_dtype() -> np.dtype[Any]:
    """The dtype that modules make their parameters in where `dtype=` does not say."""
    return _default[0]


class Parameter(tg.Tensor):
    """A Tensor that a Module registers when it is assigned to an attribute. What is computed from it is a Tensor.

    Parameter(data, requires_grad=True, dtype=None) copies `data`. Arrays and Tensors keep their dtype, numbers and
    lists get the default one of parameters, float32.
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, dtype: Any = None, name: str | None = None) -> None:
        if dtype is None and not isinstance(data, (np.ndarray, np.generic, tg.Tensor)):
            dtype = get_default_dtype()
        super().__init__(data, requires_grad, dtype, name)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"
