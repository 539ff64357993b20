"""numpy.emath: roots, logarithms and powers that turn complex where the real result does not exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..registry import Recorded, numpy_name, operand
from . import elementwise as E
from .structure import cast

Function = Callable[..., Any]


def _raw(x: Any) -> Any:
    return x._data if isinstance(x, Recorded) else np.asarray(x)


def _complex(x: Any) -> Any:
    single = x.dtype in (np.float32, np.int8, np.uint8, np.int16, np.uint16)
    return cast(x, dtype=np.dtype(np.complex64 if single else np.complex128))


def _where_needed(x: Any, name: str, outside: Function) -> Any:
    """x as it is; complex, if some of it lies outside of where the real function is defined."""
    x = operand(x, name)
    return _complex(x) if x.dtype.kind != "c" and np.any(outside(_raw(x))) else x


def _negative(x: Any) -> Any:
    return x < 0


def _beyond_one(x: Any) -> Any:
    return abs(x) > 1


@numpy_name(np.emath.sqrt)
def sqrt(x: Any) -> Any:
    """The square root; complex if an element is negative."""
    return E.sqrt(_where_needed(x, "emath.sqrt", _negative))


@numpy_name(np.emath.log)
def log(x: Any) -> Any:
    """The natural logarithm; complex if an element is negative."""
    return E.log(_where_needed(x, "emath.log", _negative))


@numpy_name(np.emath.log10)
def log10(x: Any) -> Any:
    """The logarithm to base 10; complex if an element is negative."""
    return E.log10(_where_needed(x, "emath.log10", _negative))


@numpy_name(np.emath.log2)
def log2(x: Any) -> Any:
    """The logarithm to base 2; complex if an element is negative."""
    return E.log2(_where_needed(x, "emath.log2", _negative))


@numpy_name(np.emath.logn)
def logn(n: Any, x: Any) -> Any:
    """The logarithm of x to base n; complex if an element of either is negative."""
    return E.divide(log(x), log(n))


@numpy_name(np.emath.power)
def power(x: Any, p: Any) -> Any:
    """x ** p; complex if an element of x is negative, floating-point if an integer exponent is."""
    x = _where_needed(x, "emath.power", _negative)
    p = operand(p, "emath.power")
    if p.dtype.kind in "iu" and np.any(_raw(p) < 0):
        p = cast(p, dtype=np.dtype(np.float64))
    return E.power(x, p)


@numpy_name(np.emath.arccos)
def arccos(x: Any) -> Any:
    """The inverse cosine; complex if an element lies beyond -1 or 1."""
    return E.arccos(_where_needed(x, "emath.arccos", _beyond_one))


@numpy_name(np.emath.arcsin)
def arcsin(x: Any) -> Any:
    """The inverse sine; complex if an element lies beyond -1 or 1."""
    return E.arcsin(_where_needed(x, "emath.arcsin", _beyond_one))


@numpy_name(np.emath.arctanh)
def arctanh(x: Any) -> Any:
    """The inverse hyperbolic tangent; complex if an element lies beyond -1 or 1."""
    return E.arctanh(_where_needed(x, "emath.arctanh", _beyond_one))
