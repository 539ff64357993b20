"""Finding, sorting and telling apart elements, by the standard's names and arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import discrete as D
from ..ops import elementwise as E
from ..ops import sets, sorting
from ..ops.structure import canonical_axis, flip
from ..tensor import Tensor
from .arguments import SCALARS, array, both
from .creation import asarray

__all__ = [
    "argmax", "argmin", "argsort", "count_nonzero", "isin", "nonzero", "searchsorted", "sort", "unique_all",
    "unique_counts", "unique_inverse", "unique_values", "where",
]  # fmt: skip


def argmax(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """The place of the largest entry along an axis (None: of the flat array), the first if several are."""
    return D.argmax(array(x, "argmax"), axis, keepdims=keepdims)


def argmin(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """The place of the smallest entry along an axis (None: of the flat array), the first if several are."""
    return D.argmin(array(x, "argmin"), axis, keepdims=keepdims)


def count_nonzero(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """How many entries over axes (None: all) are not zero."""
    return asarray(D.count_nonzero(array(x, "count_nonzero"), axis, keepdims=keepdims), dtype=np.intp)


def nonzero(x: Any, /) -> tuple[Any, ...]:
    """The indices of the entries that are not zero, an array for each axis."""
    x = array(x, "nonzero")
    if not x.ndim:
        raise ValueError("nonzero: x has no axes, so an entry has no index; compare it with 0")
    return D.nonzero(x)  # type: ignore[no-any-return]


def where(condition: Any, x1: Any, x2: Any, /) -> Any:
    """x1 where the condition holds, else x2, all broadcast."""
    return E.where(array(condition, "where"), *both(x1, x2, "where"))


def searchsorted(x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Any:
    """Where the values x2 would go into x1, which is sorted, or put in order by `sorter`."""
    values = x2 if type(x2) in SCALARS else array(x2, "searchsorted")
    return D.searchsorted(array(x1, "searchsorted"), values, side, sorter)


def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """x in order along an axis, equal elements in theirs; the gradient follows each element."""
    x = array(x, "sort")
    axis = canonical_axis(axis, x.ndim, "sort")
    return flip(sorting.sort(flip(x, axis), axis), axis) if descending else sorting.sort(x, axis)


def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The places that put an axis in order, those of equal elements in theirs."""
    x = array(x, "argsort")
    axis = canonical_axis(axis, x.ndim, "argsort")
    if not descending:
        return D.argsort(x, axis, kind="stable")
    return x.shape[axis] - 1 - flip(D.argsort(flip(x, axis), axis, kind="stable"), axis)


def isin(x1: Any, x2: Any, /, *, invert: bool = False) -> Any:
    """Which elements of x1 are among those of x2, or are not if invert is True."""
    return D.isin(*both(x1, x2, "isin"), invert=invert)


def unique_all(x: Any, /) -> Any:
    """The distinct elements, where each comes up first, which of them each element is, and how often they come up."""
    return sets.unique_all(array(x, "unique_all"))


def unique_counts(x: Any, /) -> Any:
    """The distinct elements, and how often each comes up."""
    return sets.unique_counts(array(x, "unique_counts"))


def unique_inverse(x: Any, /) -> Any:
    """The distinct elements, and which of them each element is."""
    return sets.unique_inverse(array(x, "unique_inverse"))


def unique_values(x: Any, /) -> Any:
    """The distinct elements, in any order."""
    return sets.unique_values(array(x, "unique_values"))
