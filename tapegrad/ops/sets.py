"""Sets: the distinct elements of arrays, and what arrays have in common or not.

Values have a gradient, which goes to the one element that they were taken from: of equal elements the first, the one
that numpy.unique's return_index names, and of equal elements of two arrays that of the first array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..registry import ARRAY, Recorded, Slice, numpy_name, operand, raw, wrap
from .index import getitem
from .keywords import any_tensor, cast_to
from .structure import canonical_axis, concatenate, reshape_op

_numpys: Any = np.unique  # its types tell apart more calls than there are here
HASHES = np.lib.NumpyVersion(np.__version__) >= "2.3.0"  # whether it has the keyword sorted


def in_kind(y: Any, *asked: Any) -> Any:
    """A Tensor, if any of what was asked for is one."""
    return wrap(y) if any_tensor(*asked) and not isinstance(y, Recorded) else y


def _flat(x: Any) -> Any:
    return reshape_op(x, shape=(x.size,))


def _at(x: Any, places: Any) -> Any:
    """The elements of x, taken as flat, at places."""
    return getitem(_flat(x), places, index=(ARRAY,))


def _firsts(x: Any) -> Any:
    """Where the distinct elements of x, in ascending order, come up first; all nans count as one."""
    return np.unique(raw(x), return_index=True)[1]


@numpy_name(np.unique)
def unique(
    ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False,
    axis: int | None = None, *, equal_nan: bool = True, sorted: bool = True,
) -> Any:  # fmt: skip
    """The distinct elements (with an axis: slices) in ascending order; each has the gradient of its first occurrence.

    With return_index, return_inverse and return_counts also where each came up first, which of them each element
    equals, and how often each comes up: integers. sorted=False allows any order, which is made use of for integers.
    """
    ar = operand(ar, "unique")
    data = raw(ar)
    if axis is not None:
        axis = canonical_axis(axis, ar.ndim, "unique")
    _, places, *rest = _numpys(data, True, return_inverse, return_counts, axis, equal_nan=equal_nan)
    if axis is not None and ar.ndim > 1:
        y = getitem(ar, places, index=(Slice(None, None, None),) * axis + (ARRAY,))
    else:
        y = _at(ar, places)
        if not (sorted or return_index or rest) and data.dtype.kind not in "fc" and HASHES:
            y = in_kind(_numpys(data, sorted=False), ar)
    if not return_index and not rest:
        return y
    others = ([places] if return_index else []) + rest
    return (y, *[in_kind(i, ar) for i in others])


def _unique_with(f: Callable[..., Any], name: str, what: str) -> Any:
    """One of NumPy's functions that give the distinct elements and more as a named tuple."""

    def found(x: Any) -> Any:
        x = operand(x, name)
        plain = f(raw(x))
        places = np.unique(raw(x), return_index=True, equal_nan=False)[1]
        if not isinstance(plain, tuple):
            return _at(x, places) if x.dtype.kind in "fc" else in_kind(plain, x)
        return type(plain)(_at(x, places), *[in_kind(i, x) for i in plain[1:]])

    found.__name__ = found.__qualname__ = name
    found.__doc__ = f"{what}; a value has the gradient of its first occurrence, and no two nans are equal."
    return numpy_name(f)(found)


unique_all = _unique_with(
    np.unique_all, "unique_all", "The distinct elements, where each comes up first, which each element is, and counts"
)
unique_counts = _unique_with(np.unique_counts, "unique_counts", "The distinct elements, and how often each comes up")
unique_inverse = _unique_with(np.unique_inverse, "unique_inverse", "The distinct elements, and which each element is")
unique_values = _unique_with(np.unique_values, "unique_values", "The distinct elements, in any order")


@numpy_name(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Any:
    """The distinct elements of both arrays in ascending order; what both have, has the gradient in the first."""
    return unique(concatenate([operand(ar1, "union1d"), operand(ar2, "union1d")], None))


@numpy_name(np.intersect1d)
def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False) -> Any:
    """The distinct elements that both arrays have, in ascending order, with the gradient in the first array.

    With return_indices also where each comes up first in either. assume_unique: neither has equal elements.
    """
    ar1, ar2 = operand(ar1, "intersect1d"), operand(ar2, "intersect1d")
    values, first, second = np.intersect1d(raw(ar1), raw(ar2), assume_unique, return_indices=True)
    y = in_kind(cast_to(_at(ar1, first), values.dtype), ar2)
    return (y, *[in_kind(i, ar1, ar2) for i in (first, second)]) if return_indices else y


@numpy_name(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """The distinct elements of the first array that the second has not, in ascending order.

    With assume_unique, all elements of the first that the second has not, in their order.
    """
    ar1, ar2 = operand(ar1, "setdiff1d"), operand(ar2, "setdiff1d")
    places = np.arange(ar1.size) if assume_unique else _firsts(ar1)
    others = raw(ar2) if assume_unique else np.unique(raw(ar2))
    y = _at(ar1, places[np.isin(raw(ar1).ravel()[places], others, assume_unique=True, invert=True)])
    return in_kind(y, ar2)


@numpy_name(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """The distinct elements that only one of the arrays has, in ascending order."""
    ar1, ar2 = operand(ar1, "setxor1d"), operand(ar2, "setxor1d")
    both = concatenate([ar1, ar2], None)
    if assume_unique:
        places = np.arange(both.size)
    else:
        places = np.concatenate([_firsts(ar1), ar1.size + _firsts(ar2)])
    values = raw(both)[places]
    order = np.argsort(values, kind="stable")
    values = values[order]
    apart = np.concatenate([[True], values[1:] != values[:-1], [True]])
    return _at(both, places[order[apart[1:] & apart[:-1]]] if values.size else places)
