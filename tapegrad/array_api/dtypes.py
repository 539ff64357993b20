"""The data types of the standard, what they can hold, and how they promote: as NumPy's do."""

from __future__ import annotations

import builtins
from typing import Any, NamedTuple

import numpy as np

from ..ops import structure
from ..tensor import Tensor
from .arguments import SCALARS, array, on_cpu

bool = np.dtype(np.bool_)
int8, int16, int32, int64 = (np.dtype(f"int{n}") for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (np.dtype(f"uint{n}") for n in (8, 16, 32, 64))
float32, float64 = np.dtype("float32"), np.dtype("float64")
complex64, complex128 = np.dtype("complex64"), np.dtype("complex128")

ALL = {str(t): t for t in (
    bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64, complex64, complex128,
)}  # fmt: skip


class finfo_object(NamedTuple):
    """What a floating-point type can hold, in Python numbers; of a complex one, what its parts can."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: np.dtype[Any]


class iinfo_object(NamedTuple):
    """What an integer type can hold."""

    bits: int
    max: int
    min: int
    dtype: np.dtype[Any]


def _dtype(x: Any) -> np.dtype[Any]:
    return x.dtype if isinstance(x, (Tensor, np.ndarray, np.generic)) else np.dtype(x)


def finfo(type: Any, /) -> finfo_object:
    """What a floating-point type, or that of an array, can hold."""
    f = np.finfo(_dtype(type))
    eps, largest, least, normal = (float(v) for v in (f.eps, f.max, f.min, f.smallest_normal))
    return finfo_object(int(f.bits), eps, largest, least, normal, np.dtype(f.dtype))


def iinfo(type: Any, /) -> iinfo_object:
    """What an integer type, or that of an array, can hold."""
    i = np.iinfo(_dtype(type))
    return iinfo_object(int(i.bits), int(i.max), int(i.min), np.dtype(i.dtype))


def isdtype(dtype: Any, kind: Any) -> builtins.bool:
    """Whether a data type is of a kind, as 'integral', is another data type, or is one of several of either."""
    return builtins.bool(np.isdtype(dtype, kind))


def can_cast(from_: Any, to: Any, /) -> builtins.bool:
    """Whether a data type, or that of an array, can be cast to another without loss."""
    return builtins.bool(np.can_cast(_dtype(from_), np.dtype(to)))


def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """The data type that an operation on these gives; Python scalars take that of the arrays beside them."""
    if all(type(x) in SCALARS for x in arrays_and_dtypes):
        raise ValueError("result_type: at least one of the arguments must be an array or a data type")
    return np.result_type(*[x if type(x) in SCALARS else _dtype(x) for x in arrays_and_dtypes])


def astype(x: Any, dtype: Any, /, *, copy: builtins.bool = True, device: Any = None) -> Any:
    """x as another data type; to an integer or bool one the gradient ends."""
    on_cpu(device, "astype")
    return structure.astype(array(x, "astype"), dtype, copy=copy)
