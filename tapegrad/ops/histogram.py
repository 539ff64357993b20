"""Counting into bins: bincount and histograms, differentiable in the weights and in the edges of the bins.

Which bin an element falls into changes in steps, so the data have gradient zero but for the edges that are taken from
their smallest and largest element.
"""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from ..registry import ARRAY, Recorded, numpy_name, operand, raw, wrap
from .elementwise import add, divide, subtract
from .index import diff, getitem, place
from .keywords import any_tensor, cast_to
from .reduce import max, min, sum
from .spaced import linspace_op
from .statistics import steps
from .structure import reshape_op, transpose_op


def _stripped(x: Any) -> Any:
    """x with arrays in the place of Tensors, also in lists and tuples."""
    return type(x)(_stripped(i) for i in x) if type(x) in (list, tuple) else raw(x)


def _holds_tensor(*xs: Any) -> bool:
    return any_tensor(*xs) or any([_holds_tensor(*x) for x in xs if type(x) in (list, tuple)])


def _follows(x: Any) -> bool:
    """Whether x is a Tensor that a gradient can go to."""
    return isinstance(x, Recorded) and x.dtype.kind in "fc"


def _sums(weights: Any, places: Any, count: int) -> Any:
    """The sums of weights (N,) over places (N,), in double precision; those outside [0, count) are left out."""
    wide = np.dtype(np.complex128 if weights.dtype.kind == "c" else np.float64)
    weights = cast_to(weights, wide)
    inside = np.flatnonzero((places >= 0) & (places < count))
    if len(inside) < len(places):
        weights, places = getitem(weights, inside, index=(ARRAY,)), places[inside]
    return place(weights, places, index=(ARRAY,), shape=(count,))


@numpy_name(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    """How often each non-negative integer occurs in x, or the sums of the weights that stand there."""
    plain = np.bincount(raw(x), raw(weights), raw(minlength))
    if not _follows(weights) or plain.dtype.kind != "f":
        return wrap(plain) if any_tensor(x, weights) else plain
    return _sums(weights, np.asarray(raw(x)).astype(np.intp), len(plain))


def _ends(a: Any, limits: Any) -> tuple[Any, Any]:
    """The outer edges of bins that are not given: `range`, or the smallest and the largest element."""
    if limits is not None:
        low, high = [operand(x, "histogram") for x in limits]
    elif a.size:
        low, high = min(a), max(a)
    else:
        low, high = np.asarray(0.0), np.asarray(1.0)
    if raw(low) == raw(high):
        low, high = subtract(low, 0.5), add(high, 0.5)
    return low, high


def _edges(a: Any, bins: Any, limits: Any, plain: Any) -> Any:
    """The edges of the bins as a Tensor, whose values are `plain`."""
    if not isinstance(bins, str) and np.ndim(raw(bins)) == 1:
        return bins if isinstance(bins, Recorded) else wrap(plain)
    given = limits if limits is not None else (a,)
    if not any([_follows(x) for x in given]):
        return wrap(plain)
    low, high = _ends(a, limits)
    y = cast_to(linspace_op(low, high, num=len(plain)), plain.dtype)
    return y if isinstance(y, Recorded) else wrap(y)


def _bins_of(a: Any, edges: Any) -> Any:
    """The bin of each element; the last one holds its right edge too, and what is outside is -1 or beyond the last."""
    places = np.searchsorted(edges, a, side="right") - 1
    return places - (a == edges[-1]) if len(edges) else places


def _widths(edges: Any) -> Any:
    return cast_to(diff(edges), np.dtype(np.float64))


@numpy_name(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> tuple[Any, Any]:
    """(how many elements, or which sum of weights, each bin holds; the edges of the bins). Arguments as in NumPy.

    The gradient goes to the weights; with density=True also to the edges, and through them to what they come from:
    `bins` or `range` if they are Tensors, else the smallest and the largest element.
    """
    n, edges = np.histogram(raw(a), _stripped(bins), _stripped(range), None, raw(weights))
    if not _holds_tensor(a, bins, range, weights):
        return np.histogram(a, bins, range, density, weights) if density else (n, edges)
    a = operand(a, "histogram")
    ends = _edges(a, bins, range, edges)
    y: Any = wrap(n)
    if _follows(weights):
        flat = raw(a).reshape(-1)
        inside = flat if np.ndim(raw(bins)) == 1 and not isinstance(bins, str) else flat.astype(edges.dtype)
        y = _sums(reshape_op(weights, shape=(weights.size,)), _bins_of(inside, edges), len(n))
        y = cast_to(y, n.dtype)
    if density:
        y = divide(divide(y, _widths(ends)), sum(y))
    return steps(y, a), ends


@numpy_name(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """The edges that histogram would take; from the data, they follow its smallest and its largest element."""
    plain = np.histogram_bin_edges(raw(a), _stripped(bins), _stripped(range), raw(weights))
    if not _holds_tensor(a, bins, range, weights):
        return plain
    a = operand(a, "histogram_bin_edges")
    return steps(_edges(a, bins, range, plain), a)


def _points(sample: Any) -> Any:
    """The sample as (N, D): an array of rows, or a sequence of D arrays of coordinates."""
    if isinstance(sample, (Recorded, np.ndarray)) and sample.ndim == 2:
        return sample
    columns = operand(sample if isinstance(sample, (Recorded, np.ndarray)) else list(sample), "histogramdd")
    columns = reshape_op(columns, shape=(1,) * (2 - columns.ndim) + tuple(columns.shape))
    return transpose_op(columns, axes=(1, 0))


@numpy_name(np.histogramdd)
def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[Any, Any]:
    """(how many points, or which sum of weights, each cell of a grid holds; the edges along each axis).

    sample: (N, D), or D arrays of N. The gradient goes where that of histogram goes.
    """
    if not _holds_tensor(sample, bins, range, weights):
        return np.histogramdd(sample, bins, range, density, weights)
    points = _points(sample)
    axes = builtins.range(points.shape[1])
    if not isinstance(bins, (list, tuple, str)) and not np.ndim(raw(bins)):
        bins = [bins] * len(axes)
    n, edges = np.histogramdd(raw(points), [raw(b) for b in bins], _stripped(range), None, raw(weights))
    limits = [None] * len(axes) if range is None else range
    ends = [_edges(points[:, i], bins[i], limits[i], edges[i]) for i in axes]
    y: Any = wrap(n)
    if _follows(weights):
        places = [_bins_of(raw(points)[:, i], edges[i]) for i in axes]
        outside = np.any([(p < 0) | (p >= k) for p, k in zip(places, n.shape, strict=True)], axis=0)
        flat = np.zeros(len(outside), np.intp)
        for p, k in zip(places, n.shape, strict=True):
            flat = flat * k + p
        y = _sums(weights, np.where(outside, -1, flat), n.size)
        y = reshape_op(cast_to(y, n.dtype), shape=n.shape)
    if density:
        total = sum(y)
        for i, e in enumerate(ends):
            y = divide(y, reshape_op(_widths(e), shape=tuple([n.shape[i] if k == i else 1 for k in axes])))
        y = divide(y, total)
    return steps(y, points), type(edges)(ends)


@numpy_name(np.histogram2d)
def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[Any, Any, Any]:
    """(what each cell of a grid in the plane holds, edges along x, edges along y). Arguments as in NumPy."""
    if len(x) != len(y):
        raise ValueError(f"histogram2d: x and y must have the same length, got {len(x)} and {len(y)}")
    try:
        for_both = len(bins) not in (1, 2)
    except TypeError:  # a number
        for_both = False
    if for_both:
        bins = [operand(bins, "histogram2d")] * 2
    n, (first, second) = histogramdd([x, y], bins, range, density, weights)
    return n, first, second
