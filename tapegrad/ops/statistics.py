"""Order statistics and covariances: median, quantiles by every method, cov, corrcoef.

A quantile follows the elements it is made of, as a stable sort finds them: between equal elements the first have the
lower places. Where a nan is in a slice, that nan is what is chosen.
"""

from __future__ import annotations

import math
import warnings
from functools import cached_property
from typing import Any

import numpy as np

from ..registry import Recorded, numpy_name, op, operand, raw, wrap
from ..samples import between, real
from .elementwise import H, add, clip_op, conjugate, divide, imag, multiply, real_part, sqrt, subtract, where_op
from .index import diagonal, take_along_op
from .keywords import NOT_GIVEN, cast_to, give, in_dtype, kept
from .nan_functions import nanmean
from .product import matmul_op
from .reduce import average, count_of, dropped, kept_shape, mean_op, sum_op, weights_along
from .structure import Axes, canonical_axes, concatenate_op, deliver, reshape_op, squeeze, transpose_op

NOTHING = "All-NaN slice encountered"


@op("elementwise")
def lerp(a, b, t):
    """a + (b - a) * t, so that t = 1 gives b."""
    step = np.subtract(b, a)
    return np.where(np.greater_equal(np.real(t), 0.5), np.subtract(b, step * (1 - t)), np.add(a, step * t))


lerp.vjp(
    a=lambda g, t: multiply(g, H(1.0 - t)),  # a Python float stays one
    b=lambda g, t: multiply(g, H(t)),
    t=lambda g, a, b: multiply(g, H(subtract(b, a))),
)
lerp.sample(real(3, 4), real(3, 4), between(0.1, 0.4, 3, 1)).sample(real(2), real(2), between(0.6, 0.9))


@op("linear")
def beside(x, *others):
    """x. What it depends on in steps only stands beside it, with gradient zero."""
    return np.array(x)


beside.vjp(x=lambda g: g, others=None).sample(real(3), real(2, 2)).sample(real(), real(), real(3))


def steps(y: Any, *others: Any) -> Any:
    """y with those of the others beside it that have a gradient, which is zero."""
    others = tuple([x for x in others if isinstance(x, Recorded) and x.requires_grad])
    return beside(y, *others) if others and y.dtype.kind in "fc" else y


# -- slices in order -----------------------------------------------------------------------------------------


def _rows(a: Any, axes: tuple[int, ...]) -> Any:
    """a with the axes to reduce as one, the last."""
    rest = tuple([i for i in range(a.ndim) if i not in axes])
    shape = (*dropped(a.shape, axes), count_of(a.shape, axes))
    return reshape_op(transpose_op(a, axes=rest + axes), shape=shape)


FEW, MANY = 4, 1000  # so few places among so many elements are found faster without sorting


def _selected(values: Any, places: Any, wanted: Any) -> Any:
    """What a stable argsort of the rows has at places (K, ...rows), `wanted` being all that occur."""
    ranked = np.partition(values, wanted, -1)
    missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, bool)
    found = []
    for k in places[..., None]:
        there = np.take_along_axis(ranked, k, -1)
        number = there == there
        holds = np.where(number, values == there, missing)
        before = np.where(number, values < there, ~missing).sum(-1, keepdims=True)
        if np.count_nonzero(holds) > k.size:  # equal elements, of which the (k - before)-th is meant
            holds &= holds.cumsum(-1) == k - before + 1
        found.append(holds.argmax(-1))
    return np.stack(found)


class _Sorted:
    """The rows of an array, the order of each, and how many of its elements are numbers: nan comes last."""

    def __init__(self, a: Any, axes: tuple[int, ...], skip_nan: bool) -> None:
        self.rows = _rows(a, axes)
        values = raw(self.rows)
        self.n = values.shape[-1]
        missing = np.isnan(values).sum(-1) if values.dtype.kind in "fc" else np.zeros(values.shape[:-1], np.intp)
        self.counts = self.n - missing if skip_nan else np.full(values.shape[:-1], self.n)
        self.nothing = self.counts == 0
        self.whole = None if skip_nan or not missing.any() else missing == 0  # rows without nan, if some are with

    @cached_property
    def order(self) -> Any:
        """Where the elements of each row are, in order, equal ones as they come."""
        return np.argsort(raw(self.rows), axis=-1, kind="stable")

    def at(self, places: Any) -> Any:
        """The elements at places (K, ...) of each row in order: (K, ...rows)."""
        values = raw(self.rows)
        rest = values.shape[:-1]
        places = np.broadcast_to(places, (len(places), *rest))
        if self.whole is not None:
            places = np.where(self.whole, places, self.n - 1)
        places = np.clip(places, 0, self.n - 1)
        wanted = np.unique(places)
        if self.n >= MANY and len(wanted) <= FEW and values.dtype.kind != "c":
            found = np.moveaxis(_selected(values, places, wanted), 0, -1)
        else:
            found = np.take_along_axis(self.order, np.moveaxis(places, 0, -1), -1)
        y = take_along_op(self.rows, found, axis=len(rest))
        return transpose_op(y, axes=(len(rest), *range(len(rest))))


def _nothing_there(a: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """nan for every empty slice, with the (empty) gradient of a sum."""
    return add(sum_op(a, axis=axes, keepdims=keepdims), math.nan)


# -- median --------------------------------------------------------------------------------------------------


@numpy_name(np.median)
def median(a: Any, axis: Axes = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """The middle element over axes (None: all); of an even number, the mean of two, which share the gradient.

    overwrite_input is a permission that is not made use of.
    """
    a = operand(a, "median")
    axes, keepdims = canonical_axes(axis, a.ndim, "median"), kept(keepdims)
    if not count_of(a.shape, axes):
        plain = np.asarray(np.median(raw(a), axis=axes, keepdims=keepdims))  # warns
        return give(_nothing_there(a, axes, keepdims) if a.dtype.kind in "fc" else _wrapped(plain, a), out, "median")
    rows = _Sorted(a, axes, False)
    middle = {(rows.n - 1) // 2, rows.n // 2}
    y = mean_op(rows.at(np.array(sorted(middle)).reshape(-1, *(1,) * (rows.rows.ndim - 1))), axis=(0,))
    return give(reshape_op(y, shape=kept_shape(a.shape, axes)) if keepdims else y, out, "median")


@numpy_name(np.nanmedian)
def nanmedian(
    a: Any, axis: Axes = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = NOT_GIVEN
) -> Any:
    """The median over axes (None: all) of what is not nan."""
    a = operand(a, "nanmedian")
    axes, keepdims = canonical_axes(axis, a.ndim, "nanmedian"), kept(keepdims)
    if not a.size:
        return nanmean(a, axes, None, out, keepdims)
    if a.dtype.kind not in "fc":
        return median(a, axes, out, overwrite_input, keepdims)
    rows = _Sorted(a, axes, True)
    low, high = (rows.counts - 1) // 2, rows.counts // 2
    both = rows.at(np.stack([low, high]))
    y = where_op(low == high, both[0], mean_op(both, axis=(0,)))
    if rows.nothing.any():
        warnings.warn(NOTHING, RuntimeWarning, stacklevel=2)
        y = where_op(rows.nothing, math.nan, y)
    return give(reshape_op(y, shape=kept_shape(a.shape, axes)) if keepdims else y, out, "nanmedian")


def _wrapped(plain: Any, *xs: Any) -> Any:
    return wrap(plain) if any([isinstance(x, Recorded) for x in xs]) else plain


# -- quantiles -----------------------------------------------------------------------------------------------

# Hyndman and Fan, "Sample quantiles in statistical packages" (1996): the methods that interpolate have their place at
# n * q + a + q * (1 - a - b) - 1 among the sorted elements
INTERPOLATED = {
    "interpolated_inverted_cdf": (0, 1), "hazen": (0.5, 0.5), "weibull": (0, 0), "linear": (1, 1),
    "median_unbiased": (1 / 3.0, 1 / 3.0), "normal_unbiased": (3 / 8.0, 3 / 8.0),
}  # fmt: skip
IN_STEPS = (
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "lower", "higher", "midpoint", "nearest",
)  # fmt: skip


def _place(method: str, n: Any, q: Any) -> Any:
    """Where the quantiles q of n sorted elements are, as a number: between elements, or beyond the ends."""
    if method in ("linear", "lower", "higher", "nearest", "midpoint"):
        place = multiply(q, n - 1)
        if method == "linear":
            return place
        if method == "midpoint":
            return 0.5 * (np.floor(place) + np.ceil(place))
        step: Any = {"lower": np.floor, "higher": np.ceil, "nearest": np.around}[method]
        return step(place).astype(np.intp)
    if method == "averaged_inverted_cdf":
        return n * q - 1
    if method in ("inverted_cdf", "closest_observation"):
        place = n * q - 1 if method == "inverted_cdf" else n * q - 1 - 0.5
        below = np.floor(place)
        stays = place == below
        if method == "closest_observation":
            stays = stays & (below % 2 == 1)
        return np.maximum(np.where(stays, below, below + 1), 0).astype(np.intp)
    a, b = INTERPOLATED[method]
    return subtract(add(multiply(q, n), add(multiply(q, 1 - a - b), a)), 1)


def _weighted_places(rows: _Sorted, weights: Any, q: Any) -> Any:
    """Where the share of the weights so far reaches each q: (K, ...rows)."""
    weights = np.take_along_axis(weights, rows.order, -1)
    if rows.nothing.any() or (rows.counts < rows.n).any():
        weights = np.where(np.arange(rows.n) < rows.counts[..., None], weights, 0)
    share = weights.cumsum(axis=-1, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        share /= share[..., -1:].copy()
    if np.isnan(share[..., -1][~rows.nothing]).any():
        raise ValueError("Weights included NaN, inf or were all zero.")
    if q.dtype.kind == "f":
        share = share.astype(q.dtype)
    share[share == 0] = -1  # what weighs nothing at the front is not chosen, also for q = 0
    places = [np.sum(share < one, axis=-1) for one in q]
    return np.stack(places) if places else np.zeros((0, *rows.order.shape[:-1]), np.intp)


def _quantile(
    name: str, a: Any, q: Any, axis: Axes, out: Any, method: str, keepdims: Any, weights: Any, skip_nan: bool, top: int
) -> Any:
    a = operand(a, name)
    if a.dtype.kind == "c":
        raise TypeError(f"{name}: a must be an array of real numbers, got {a.dtype}")
    weak = type(q) in (int, float)
    q = operand(q, name)
    if q.dtype.kind == "c":
        raise TypeError(f"{name}: q must be real, got {q.dtype}")
    if top != 1:
        q = divide(q, float(top) if q.dtype.kind == "f" else top)
    given = raw(q)
    if not (given >= 0).all() or not (given <= 1).all():
        what = "Quantiles" if top == 1 else "Percentiles"
        raise ValueError(f"{name}: {what} must be in the range [0, {top}], got {given * top}")
    if given.ndim > 2 or (given.ndim == 2 and not given.size):
        raise ValueError(f"{name}: q must have at most 2 axes, got {given.shape}")
    if method not in INTERPOLATED and method not in IN_STEPS:
        raise ValueError(
            f"{name}: {method!r} is not a valid method. Use one of: {', '.join((*INTERPOLATED, *IN_STEPS))}"
        )
    axes, keepdims = canonical_axes(axis, a.ndim, name), kept(keepdims)
    if weights is not None:
        if method != "inverted_cdf":
            raise ValueError(f"{name}: Only method 'inverted_cdf' supports weights. Got: {method}.")
        weights = weights_along(weights, a, axis, name)
        if np.any(raw(weights) < 0):
            raise ValueError(f"{name}: Weights must be non-negative.")
    if skip_nan and not a.size:
        return nanmean(a, axes, None, out, keepdims)
    if not count_of(a.shape, axes):
        raise IndexError(f"{name}: there is no element along axis {axis} of a {a.shape}, so there is no quantile")
    y = _chosen(_Sorted(a, axes, skip_nan), a, q, method, weights, axes, weak, skip_nan)
    y = reshape_op(y, shape=given.shape + (kept_shape if keepdims else dropped)(a.shape, axes))
    return (give if skip_nan else deliver)(y, out, name)


def _chosen(
    rows: _Sorted, a: Any, q: Any, method: str, weights: Any, axes: tuple[int, ...], weak: bool, skip_nan: bool
) -> Any:
    """The quantiles, (K, ...rows): elements of each row, or points between two."""
    q = reshape_op(q, shape=(q.size, *(1,) * (rows.rows.ndim - 1)))
    given = raw(q)
    n: Any = rows.n
    if skip_nan:
        n = np.maximum(rows.counts, 1)
        n = n.astype(given.dtype) if given.dtype.kind == "f" else n
    if weights is not None:
        whole = np.broadcast_to(raw(weights), a.shape)
        y = steps(rows.at(_weighted_places(rows, _rows(whole, axes), given.reshape(-1))), weights, q)
    else:
        place = np.asarray(_place(method, n, given))
        if place.dtype.kind in "iu" and method in ("linear", *IN_STEPS) and method != "averaged_inverted_cdf":
            y = steps(rows.at(place), q)
        else:
            y = _between(rows, place, n, q, method, weak)
    if skip_nan and rows.nothing.any():
        warnings.warn(NOTHING, RuntimeWarning, stacklevel=4)
        y = where_op(rows.nothing, math.nan, y) if y.dtype.kind == "f" else y
    return y


def _between(rows: _Sorted, place: Any, n: Any, q: Any, method: str, weak: bool) -> Any:
    """The points at places between the elements."""
    low = np.floor(place)
    share: Any = place - low
    differentiable = isinstance(q, Recorded) and q.dtype.kind == "f" and method in INTERPOLATED
    above, below = place >= n - 1, place < 0
    high = np.where(above, n - 1, np.where(below, 0, low + 1)).astype(np.intp)
    if method == "averaged_inverted_cdf":
        share = np.where(share == 0, 0.5, 1.0).astype(place.dtype)
    elif method == "midpoint":
        share = np.where(share == 0, 0.0, 0.5).astype(place.dtype)
    elif differentiable:
        end = (place == n - 1) & (n > 1)  # from the left the last element is reached at a slope
        low = np.where(end, n - 2, low)
        above = above & ~end
        share = subtract(_place(method, n, q), low.astype(q.dtype))
    low = np.where(above, n - 1, np.where(below, 0, low)).astype(np.intp)
    if weak:
        share = float(share.item()) if share.size == 1 else share.astype(_floating(rows.rows.dtype))
    y = lerp(rows.at(low), rows.at(high), share)
    return y if differentiable else steps(y, q)


def _floating(dtype: Any) -> Any:
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


@numpy_name(np.quantile)
def quantile(
    a: Any, q: Any, axis: Axes = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: bool = False, *, weights: Any = None,
) -> Any:  # fmt: skip
    """The q-th quantiles over axes (None: all), q in [0, 1]; the axes of q come first.

    method: one of NumPy's thirteen. Those that interpolate are differentiable in q as well, from the right where q
    meets an element. weights (of 'inverted_cdf') have gradient zero. overwrite_input is a permission not made use of.
    """
    return _quantile("quantile", a, q, axis, out, method, keepdims, weights, False, 1)


@numpy_name(np.percentile)
def percentile(
    a: Any, q: Any, axis: Axes = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: bool = False, *, weights: Any = None,
) -> Any:  # fmt: skip
    """The q-th percentiles over axes (None: all), q in [0, 100]; otherwise as quantile."""
    return _quantile("percentile", a, q, axis, out, method, keepdims, weights, False, 100)


@numpy_name(np.nanquantile)
def nanquantile(
    a: Any, q: Any, axis: Axes = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: Any = NOT_GIVEN, *, weights: Any = None,
) -> Any:  # fmt: skip
    """The q-th quantiles, q in [0, 1], of what is not nan; otherwise as quantile."""
    return _quantile("nanquantile", a, q, axis, out, method, keepdims, weights, True, 1)


@numpy_name(np.nanpercentile)
def nanpercentile(
    a: Any, q: Any, axis: Axes = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: Any = NOT_GIVEN, *, weights: Any = None,
) -> Any:  # fmt: skip
    """The q-th percentiles, q in [0, 100], of what is not nan; otherwise as quantile."""
    return _quantile("nanpercentile", a, q, axis, out, method, keepdims, weights, True, 100)


# -- covariance ----------------------------------------------------------------------------------------------


def _variables(x: Any, rowvar: bool, dtype: Any, turned: bool) -> Any:
    """Variables as rows, observations as columns."""
    shape = (1,) * (2 - x.ndim) + tuple(x.shape)
    x = reshape_op(in_dtype(x, dtype), shape=shape)
    return transpose_op(x, axes=(1, 0)) if turned and not rowvar else x


def _weights_of(weights: Any, name: str, count: int) -> Any:
    weights = operand(weights, "cov")
    if name == "fweights" and not np.all(raw(weights) == np.around(raw(weights))):
        raise TypeError("cov: fweights must be integer; aweights may be any numbers")
    if weights.ndim > 1:
        raise RuntimeError(f"cov: {name} must have one axis, got {weights.shape}")
    if weights.shape[0] != count:
        raise RuntimeError(f"cov: {weights.shape[0]} {name} for {count} observations")
    if np.any(raw(weights) < 0):
        raise ValueError(f"cov: {name} cannot be negative")
    return cast_to(weights, np.dtype(np.float64))


@numpy_name(np.cov)
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None, fweights: Any = None,
    aweights: Any = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    """The covariances of variables (rows, or columns if not rowvar) over observations; a scalar of one variable.

    ddof: what the number of observations is lessened by, 1 if not bias. fweights: how often each observation counts,
    aweights: how much; both are differentiable. The result is in double precision unless dtype says otherwise.
    """
    if ddof is not None and ddof != int(ddof):
        raise ValueError(f"cov: ddof must be integer, got {ddof}")
    m = operand(m, "cov")
    y = None if y is None else operand(y, "cov")
    for name, x in (("m", m), ("y", y)):
        if x is not None and x.ndim > 2:
            raise ValueError(f"cov: {name} has more than 2 dimensions: {x.shape}")
    dtype = np.result_type(m.dtype, *([] if y is None else [y.dtype]), np.float64) if dtype is None else np.dtype(dtype)
    x = _variables(m, rowvar, dtype, m.ndim != 1)
    if x.shape[0] == 0:
        return reshape_op(cast_to(x, np.dtype(np.float64))[:, :0], shape=(0, 0))
    if y is not None:
        x = concatenate_op(x, _variables(y, rowvar, dtype, y.ndim == 2 and y.shape[0] != 1), axis=0)
    ddof = int(not bias) if ddof is None else int(ddof)
    weights: Any = None
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is not None:
            one = _weights_of(given, name, x.shape[1])
            weights = one if weights is None else multiply(weights, one)
    centre, total = average(x, 1, weights, True)
    if weights is None:
        freedom: Any = x.shape[1] - ddof
    else:
        freedom = total[0]
        if ddof and aweights is None:
            freedom = subtract(freedom, float(ddof))
        elif ddof:
            squares = sum_op(multiply(weights, _weights_of(aweights, "aweights", x.shape[1])), axis=(0,))
            freedom = subtract(freedom, divide(multiply(squares, float(ddof)), freedom))
    if raw(freedom) <= 0:
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=2)
        freedom = 0.0
    off = cast_to(subtract(x, reshape_op(centre, shape=(x.shape[0], 1))), x.dtype)
    other = off if weights is None else multiply(off, weights)
    other = transpose_op(other, axes=(1, 0))
    c = matmul_op(off, conjugate(other) if other.dtype.kind == "c" else other)
    if isinstance(freedom, Recorded):
        c = cast_to(divide(c, freedom), c.dtype)
    else:
        c = multiply(c, float(np.true_divide(1, raw(freedom).real)))
    return squeeze(c)


@numpy_name(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """The covariances of variables over both standard deviations, held between -1 and 1."""
    c = cov(x, y, rowvar, dtype=dtype)
    if not c.ndim:
        return divide(c, c)
    spread = sqrt(real_part(diagonal(c)))
    n = c.shape[0]
    c = divide(divide(c, reshape_op(spread, shape=(n, 1))), reshape_op(spread, shape=(1, n)))
    if c.dtype.kind != "c":
        return clip_op(c, -1.0, 1.0)
    return add(clip_op(real_part(c), -1.0, 1.0), multiply(clip_op(imag(c), -1.0, 1.0), 1j))
