"""Reductions, running sums and products, and differences, by the standard's names and arguments."""

from __future__ import annotations

from typing import Any

from ..ops import discrete as D
from ..ops import index as X
from ..ops import reduce as R
from .arguments import array

__all__ = [
    "all", "any", "cumulative_prod", "cumulative_sum", "diff", "max", "mean", "min", "prod", "std", "sum", "var",
]  # fmt: skip


def sum(x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """The sum over axes (None: all); small integers are summed as default ones."""
    return R.sum(array(x, "sum"), axis, dtype, keepdims=keepdims)


def prod(x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """The product over axes (None: all); small integers are multiplied as default ones."""
    return R.prod(array(x, "prod"), axis, dtype, keepdims=keepdims)


def mean(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean over axes (None: all)."""
    return R.mean(array(x, "mean"), axis, keepdims=keepdims)


def var(x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """The variance over axes (None: all), divided by n - correction."""
    return R.var(array(x, "var"), axis, ddof=correction, keepdims=keepdims)


def std(x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """The standard deviation over axes (None: all), its square divided by n - correction."""
    return R.std(array(x, "std"), axis, ddof=correction, keepdims=keepdims)


def max(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest entry over axes (None: all); ties share the gradient evenly."""
    return R.max(array(x, "max"), axis, keepdims=keepdims)


def min(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest entry over axes (None: all); ties share the gradient evenly."""
    return R.min(array(x, "min"), axis, keepdims=keepdims)


def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """The sum of each element and those before it; include_initial puts a 0 in front."""
    x = array(x, "cumulative_sum")
    return R.cumulative_sum(x, axis=axis, dtype=dtype, include_initial=include_initial)


def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """The product of each element and those before it; include_initial puts a 1 in front."""
    x = array(x, "cumulative_prod")
    return R.cumulative_prod(x, axis=axis, dtype=dtype, include_initial=include_initial)


def diff(x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Any:
    """Differences of neighbours along an axis, n times over."""
    ends = {"prepend": prepend, "append": append}
    return X.diff(array(x, "diff"), n, axis, **{k: array(e, "diff") for k, e in ends.items() if e is not None})


def all(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all entries over axes (None: all) are true."""
    return D.all(array(x, "all"), axis=axis, keepdims=keepdims)


def any(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether any entry over axes (None: all) is true."""
    return D.any(array(x, "any"), axis=axis, keepdims=keepdims)
