"""Reductions and cumulative operations: axes go away, or each element sees those before it."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from ..kernels.softmax import softmax
from ..registry import Recorded, numpy_name, op, operand, wrap
from ..samples import complexes, distinct, real
from .elementwise import (
    H,
    absolute,
    divide,
    equal,
    exp,
    log,
    maximum,
    minimum,
    multiply,
    sqrt,
    subtract,
    where_op,
)
from .structure import (
    Axes,
    broadcast_to_op,
    canonical_axes,
    canonical_axis,
    cast,
    concatenate_op,
    deliver,
    flip_op,
    reshape_op,
    transpose_op,
)

NOT_GIVEN = np._NoValue


def kept_shape(shape: tuple[int, ...], axis: tuple[int, ...]) -> tuple[int, ...]:
    """`shape` with ones where an axis was reduced."""
    return tuple([1 if i in axis else n for i, n in enumerate(shape)])


def spread(g: Any, shape: tuple[int, ...], axis: tuple[int, ...]) -> Any:
    """What was reduced over `axis`, back over all of `shape`."""
    return broadcast_to_op(reshape_op(g, shape=kept_shape(shape, axis)), shape=shape)


def aligned(y: Any, shape: tuple[int, ...], axis: tuple[int, ...]) -> Any:
    """What was reduced over `axis`, with ones there, to broadcast against `shape`."""
    return reshape_op(y, shape=kept_shape(shape, axis))


def count_of(shape: tuple[int, ...], axis: tuple[int, ...]) -> int:
    return math.prod([shape[i] for i in axis])


@op("linear")
def sum_op(x, *, axis, keepdims=False):
    """The sum over axes."""
    return np.add.reduce(x, axis=axis, keepdims=keepdims)


@op("linear")
def mean_op(x, *, axis, keepdims=False):
    """The mean over axes."""
    return np.mean(x, axis=axis, keepdims=keepdims)


sum_op.vjp(x=lambda g, x_shape, axis: spread(g, x_shape, axis))
mean_op.vjp(x=lambda g, x_shape, axis: spread(divide(g, float(count_of(x_shape, axis))), x_shape, axis))
for _mean in (sum_op, mean_op):
    _mean.sample(real(3, 4), axis=(0, 1)).sample(real(2, 3, 4), axis=(0, 2), keepdims=True).sample(real(), axis=())
sum_op.sample(real(0, 3), axis=(0,))


@op(None)
def var_op(x, *, axis, ddof=0, keepdims=False):
    """The mean squared distance from the mean, over axes, divided by n - ddof."""
    return np.var(x, axis=axis, ddof=ddof, keepdims=keepdims)


@op(None)
def std_op(x, *, axis, ddof=0, keepdims=False):
    """The square root of the variance; that of a constant has gradient 0."""
    return np.std(x, axis=axis, ddof=ddof, keepdims=keepdims)


def _centred(x: Any, axis: tuple[int, ...]) -> Any:
    return subtract(x, mean_op(x, axis=axis, keepdims=True))


def _var_rule(g: Any, x: Any, axis: tuple[int, ...], ddof: float) -> Any:
    scale = 2.0 / builtins.max(count_of(x.shape, axis) - ddof, 0) if count_of(x.shape, axis) > ddof else math.nan
    return multiply(aligned(g, x.shape, axis), multiply(_centred(x, axis), scale))


def _std_rule(g: Any, x: Any, out: Any, axis: tuple[int, ...], ddof: float) -> Any:
    n = count_of(x.shape, axis) - ddof
    slope = divide(1.0 / n if n > 0 else math.nan, where_op(equal(out, 0), math.inf, out))  # 0 for a constant
    return multiply(multiply(aligned(g, x.shape, axis), aligned(slope, x.shape, axis)), _centred(x, axis))


var_op.vjp(x=_var_rule)
std_op.vjp(x=_std_rule)
for _var in (var_op, std_op):
    _var.sample(real(3, 4), axis=(0, 1)).sample(real(2, 3, 4), axis=(1,), keepdims=True, ddof=1)
    _var.sample(complexes(5), axis=(0,))


@op(None)
def scan(a, b, *, axis, reverse=False):
    """y[i] = a[i] * y[i - 1] + b[i] along an axis, or y[i] = a[i] * y[i + 1] + b[i] if reverse. Logarithmic depth."""
    a, b = np.broadcast_arrays(a, b)
    a, b = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
    if reverse:
        a, b = a[::-1], b[::-1]
    a, b = np.array(a), np.array(b)
    step = 1
    while step < len(b):
        b[step:] += a[step:] * b[:-step]
        a[step:] = a[step:] * a[:-step]
        step *= 2
    return np.ascontiguousarray(np.moveaxis(b[::-1] if reverse else b, 0, axis))


def _shifted(x: Any, axis: int, by: int, fill: float) -> Any:
    """x moved one place along an axis (by = 1: later, -1: earlier), `fill` coming in."""
    if not x.shape[axis]:
        return x
    ahead = (slice(None),) * axis
    edge = np.full(tuple(1 if i == axis else n for i, n in enumerate(x.shape)), fill, x.dtype)
    if by > 0:
        return concatenate_op(edge, x[(*ahead, slice(None, -1))], axis=axis)
    return concatenate_op(x[(*ahead, slice(1, None))], edge, axis=axis)


def _scan_back(g: Any, a: Any, axis: int, reverse: bool) -> Any:
    return scan(H(_shifted(a, axis, 1 if reverse else -1, 0.0)), g, axis=axis, reverse=not reverse)


scan.vjp(
    b=lambda g, a, axis, reverse: _scan_back(g, a, axis, reverse),
    a=lambda g, a, out, axis, reverse: multiply(
        _scan_back(g, a, axis, reverse), H(_shifted(out, axis, -1 if reverse else 1, 0.0))
    ),
)
scan.sample(real(3, 4), real(3, 4), axis=1).sample(real(5), real(5), axis=0, reverse=True)


@op("linear")
def cumsum_op(x, *, axis):
    """The sum of each element and those before it along an axis."""
    return np.add.accumulate(x, axis=axis)


@op(None)
def cumprod_op(x, *, axis):
    """The product of each element and those before it along an axis; right with zeros too."""
    return np.multiply.accumulate(x, axis=axis)


def before(x: Any, axis: int) -> Any:
    """The product of the elements before each one."""
    return _shifted(cumprod_op(x, axis=axis), axis, 1, 1.0)


def after(x: Any, axis: int) -> Any:
    """The product of the elements after each one."""
    return flip_op(before(flip_op(x, axis=(axis,)), axis), axis=(axis,))


cumsum_op.vjp(x=lambda g, axis: flip_op(cumsum_op(flip_op(g, axis=(axis,)), axis=axis), axis=(axis,)))
cumsum_op.sample(real(3, 4), axis=1).sample(real(0), axis=0)
# with r[k] = g[k] + x[k + 1] * r[k + 1], the gradient in x[k] is r[k] times the product of what is before it
cumprod_op.vjp(x=lambda g, x, axis: multiply(H(before(x, axis)), _scan_back(g, x, axis, False)))
cumprod_op.sample(real(3, 4), axis=1).sample(np.array([1.5, 0.0, -2.0, 0.0, 3.0]), axis=0).sample(real(0, 2), axis=0)


@op(None)
def prod_op(x, *, axis, keepdims=False):
    """The product over axes; with zeros, the gradient is the product of the others."""
    return np.multiply.reduce(x, axis=axis, keepdims=keepdims)


def _prod_rule(g: Any, x: Any, axis: tuple[int, ...]) -> Any:
    order = tuple(i for i in range(x.ndim) if i not in axis) + axis
    moved = transpose_op(x, axes=order)
    shape = moved.shape[: x.ndim - len(axis)]
    flat = reshape_op(moved, shape=(*shape, count_of(x.shape, axis)))
    last = len(shape)
    others = reshape_op(multiply(before(flat, last), after(flat, last)), shape=moved.shape)
    others = transpose_op(others, axes=tuple(int(i) for i in np.argsort(order)))
    return multiply(aligned(g, x.shape, axis), H(others))


prod_op.vjp(x=_prod_rule).sample(real(3, 4), axis=(0, 1)).sample(real(2, 3, 2), axis=(0, 2), keepdims=True)
prod_op.sample(np.array([[1.5, 0.0, -2.0], [0.0, 0.0, 3.0]]), axis=(1,)).sample(real(), axis=())


@op(None)
def tie_share(x, extremum, *, axis):
    """1 / k at each of the k entries equal to the extremum, else 0; its own gradient is zero."""
    best = extremum.reshape(kept_shape(x.shape, axis))
    mask = (x == best) | ((x != x) & (best != best))
    return (mask / mask.sum(axis=axis, keepdims=True)).astype(x.dtype)


tie_share.vjp(x=None, extremum=None).sample(
    np.array([[1.0, 3.0, 3.0], [2.0, 0.0, 1.0]]), np.array([3.0, 2.0]), axis=(1,)
)


@op(None)
def max_op(x, *, axis, keepdims=False):
    """The largest entry over axes; ties share the gradient evenly."""
    return np.maximum.reduce(x, axis=axis, keepdims=keepdims)


@op(None)
def min_op(x, *, axis, keepdims=False):
    """The smallest entry over axes; ties share the gradient evenly."""
    return np.minimum.reduce(x, axis=axis, keepdims=keepdims)


for _extremum in (max_op, min_op):
    _extremum.vjp(x=lambda g, x, out, axis: multiply(aligned(g, x.shape, axis), tie_share(x, out, axis=axis)))
    _extremum.sample(distinct(3, 4), axis=(0, 1)).sample(distinct(2, 3, 4), axis=(1,), keepdims=True)
    _extremum.sample(distinct(), axis=())


@op(None)
def softmax_op(x, *, axis):
    """e**x over its sum along axes; all -inf: equal shares."""
    return softmax(x, axis)[0]


@op(None)
def logsumexp_op(x, *, axis, keepdims=False):
    """log(sum(e**x)) over axes, without overflow; all -inf: equal shares of the gradient."""
    if x.dtype.kind == "c":
        best = np.max(x.real, axis=axis, keepdims=True, initial=-np.inf)
        best = np.where(np.isfinite(best), best, 0).astype(best.dtype)
        with np.errstate(divide="ignore", over="ignore"):
            out = np.log(np.add.reduce(np.exp(x - best), axis=axis, keepdims=True)) + best
    else:
        _, best, total = softmax(x, axis)
        with np.errstate(divide="ignore"):
            out = np.log(total) + best
    return out if keepdims else np.asarray(out).reshape([n for i, n in enumerate(x.shape) if i not in axis])


softmax_op.vjp(
    x=lambda g, out, axis: multiply(H(out), subtract(g, sum_op(multiply(g, H(out)), axis=axis, keepdims=True)))
)
logsumexp_op.vjp(x=lambda g, x, axis: multiply(aligned(g, x.shape, axis), H(softmax_op(x, axis=axis))))
for _soft in (softmax_op, logsumexp_op):
    _soft.sample(real(3, 4), axis=(1,)).sample(real(3, 4), axis=(0, 1)).sample(real(2, 0, 3), axis=(2,))

# -- public functions ----------------------------------------------------------------------------------------


def _masked(x: Any, where: Any, fill: Any) -> Any:
    """x with `fill` where it is not to count."""
    if where is True or where is NOT_GIVEN or where is None:
        return x
    return where_op(operand(where, "where"), x, np.asarray(fill, x.dtype))


def _in_dtype(x: Any, dtype: Any) -> Any:
    """x in the dtype in which to reduce: the one asked for, or NumPy's for small integers."""
    return x if dtype is None or x.dtype == np.dtype(dtype) else cast(x, dtype=np.dtype(dtype))


def _given(value: Any) -> bool:
    return value is not NOT_GIVEN and value is not None


def _reduced(axis: Axes, ndim: int, name: str) -> tuple[int, ...]:
    """The axes to reduce over; a number counts as having one, as NumPy's ufuncs have it."""
    return () if not ndim and type(axis) is int and axis in (0, -1) else canonical_axes(axis, ndim, name)


def _start(initial: Any, dtype: Any, name: str) -> Any:
    """`initial` in the dtype of the reduction, which it does not widen."""
    initial = operand(initial, name)
    return initial if initial.dtype == dtype else cast(initial, dtype=dtype)


@numpy_name(np.sum, (np.add, "reduce"))
def sum(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, keepdims: bool = False, initial: Any = NOT_GIVEN,
    where: Any = True,
) -> Any:  # fmt: skip
    """The sum over axes (None: all). dtype, initial and where as in numpy.sum."""
    a = _masked(_in_dtype(operand(a, "sum"), dtype), where, 0)
    y = sum_op(a, axis=_reduced(axis, a.ndim, "sum"), keepdims=bool(keepdims))
    return deliver(y + _start(initial, y.dtype, "sum") if _given(initial) else y, out, "sum")


@numpy_name(np.prod, (np.multiply, "reduce"))
def prod(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, keepdims: bool = False, initial: Any = NOT_GIVEN,
    where: Any = True,
) -> Any:  # fmt: skip
    """The product over axes (None: all). dtype, initial and where as in numpy.prod."""
    a = _masked(_in_dtype(operand(a, "prod"), dtype), where, 1)
    y = prod_op(a, axis=_reduced(axis, a.ndim, "prod"), keepdims=bool(keepdims))
    return deliver(y * _start(initial, y.dtype, "prod") if _given(initial) else y, out, "prod")


def _extreme(name: str, primitive: Any, pair: Any, worst: float) -> Any:
    def extreme(
        a: Any, axis: Axes = None, out: Any = None, keepdims: bool = False, initial: Any = NOT_GIVEN, where: Any = True
    ) -> Any:
        a = operand(a, name)
        masked = not (where is True or where is NOT_GIVEN or where is None)
        if masked and not _given(initial):
            raise ValueError(f"{name}: with where=, give initial= too, the value where nothing counts")
        if masked:
            a = where_op(operand(where, name), a, cast(operand(initial, name), dtype=a.dtype))
        axes = _reduced(axis, a.ndim, name)
        if _given(initial):
            initial = _start(initial, a.dtype, name)
        if count_of(a.shape, axes) == 0 and axes:
            if not _given(initial):
                raise ValueError(f"{name}: the axes {axes} of shape {a.shape} are empty, and there is no initial=")
            shape = kept_shape(a.shape, axes) if keepdims else tuple(n for i, n in enumerate(a.shape) if i not in axes)
            y = broadcast_to_op(initial, shape=shape)
            return deliver(wrap(y) if isinstance(a, Recorded) and not isinstance(y, Recorded) else y, out, name)
        y = primitive(a, axis=axes, keepdims=bool(keepdims))
        return deliver(pair(y, initial) if _given(initial) else y, out, name)

    extreme.__name__ = extreme.__qualname__ = name
    extreme.__doc__ = (
        f"The {'largest' if name == 'max' else 'smallest'} entry over axes (None: all); ties share the gradient evenly."
    )
    return extreme


max = numpy_name(np.max, np.amax, (np.maximum, "reduce"))(_extreme("max", max_op, maximum, -math.inf))
min = numpy_name(np.min, np.amin, (np.minimum, "reduce"))(_extreme("min", min_op, minimum, math.inf))
amax, amin = max, min


@numpy_name(np.ptp)
def ptp(a: Any, axis: Axes = None, out: Any = None, keepdims: bool = False) -> Any:
    """The largest less the smallest entry over axes."""
    return deliver(max(a, axis, keepdims=keepdims) - min(a, axis, keepdims=keepdims), out, "ptp")


def _counts(a: Any, where: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    mask = where._data if isinstance(where, Recorded) else where
    return np.sum(np.broadcast_to(np.asarray(mask, bool), a.shape), axis=axes, keepdims=keepdims)


def _inexact(a: Any, dtype: Any) -> Any:
    """Means are of floats: integers become float64, as in NumPy."""
    if dtype is None and a.dtype.kind in "iub":
        dtype = np.float64
    return _in_dtype(a, dtype)


@numpy_name(np.mean)
def mean(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True
) -> Any:
    """The mean over axes (None: all), of the entries where `where` holds."""
    if dtype is not None and np.dtype(dtype).kind not in "fc":
        raise TypeError(f"mean: dtype {np.dtype(dtype)} cannot hold a mean; give a floating-point one, and round it")
    a = _inexact(operand(a, "mean"), dtype)
    axes, keepdims = canonical_axes(axis, a.ndim, "mean"), bool(keepdims)
    if where is True or where is NOT_GIVEN:
        return deliver(mean_op(a, axis=axes, keepdims=keepdims), out, "mean")
    total = sum_op(_masked(a, where, 0), axis=axes, keepdims=keepdims)
    return deliver(total / _counts(a, where, axes, keepdims).astype(a.dtype), out, "mean")


def _spread_about_mean(
    name: str, primitive: Any, a: Any, axis: Axes, dtype: Any, out: Any, ddof: Any, keepdims: Any, where: Any,
    mean: Any, correction: Any,
) -> Any:  # fmt: skip
    if _given(correction):
        if ddof:
            raise ValueError(f"{name}: give ddof or correction, they mean the same")
        ddof = correction
    if dtype is not None and np.dtype(dtype).kind != "f":
        raise TypeError(f"{name}: dtype {np.dtype(dtype)} cannot be used; give a real floating-point one")
    a = _inexact(operand(a, name), dtype)
    axes, keepdims = canonical_axes(axis, a.ndim, name), bool(keepdims)
    if (where is True or where is NOT_GIVEN) and not _given(mean):
        return deliver(primitive(a, axis=axes, ddof=ddof, keepdims=keepdims), out, name)
    if where is NOT_GIVEN:
        where = True
    centre = mean if _given(mean) else globals()["mean"](a, axes, keepdims=True, where=where)
    squares = _masked(absolute(a - centre) ** 2, where, 0)
    count = np.maximum(_counts(a, where, axes, keepdims) - ddof, 0)
    y = sum_op(squares, axis=axes, keepdims=keepdims) / np.asarray(count).astype(squares.dtype)
    return deliver(sqrt(y) if name == "std" else y, out, name)


@numpy_name(np.var)
def var(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: bool = False, *,
    where: Any = True, mean: Any = NOT_GIVEN, correction: Any = NOT_GIVEN,
) -> Any:  # fmt: skip
    """The variance over axes (None: all), divided by n - ddof; `correction` is another name for ddof."""
    return _spread_about_mean("var", var_op, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


@numpy_name(np.std)
def std(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: bool = False, *,
    where: Any = True, mean: Any = NOT_GIVEN, correction: Any = NOT_GIVEN,
) -> Any:  # fmt: skip
    """The standard deviation over axes (None: all); that of a constant has gradient 0."""
    return _spread_about_mean("std", std_op, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


@numpy_name(np.average)
def average(a: Any, axis: Axes = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """The weighted mean over axes (None: all); with returned=True also the sum of the weights."""
    a = operand(a, "average")
    if weights is None:
        y = mean(a, axis, keepdims=keepdims)
        total: Any = np.full(y.shape, a.size / builtins.max(y.size, 1), y.dtype)
    else:
        weights = operand(weights, "average")
        if weights.shape != a.shape:
            if axis is None:
                raise TypeError(f"average: weights {weights.shape} and a {a.shape} differ in shape; name the axis")
            axes = canonical_axes(axis, a.ndim, "average")
            if weights.shape != tuple(a.shape[i] for i in axes):
                raise ValueError(f"average: weights {weights.shape} do not fit axis {axis} of a {a.shape}")
            order = tuple(int(i) for i in np.argsort(axes))
            shape = tuple(n if i in axes else 1 for i, n in enumerate(a.shape))
            weights = reshape_op(transpose_op(weights, axes=order), shape=shape)
        weights = broadcast_to_op(weights, shape=a.shape)
        total = sum(weights, axis, keepdims=keepdims)
        y = sum(multiply(a, weights), axis, keepdims=keepdims) / total
    if returned and isinstance(y, Recorded) and not isinstance(total, Recorded):
        total = wrap(total)
    return (y, total) if returned else y


def _flat(a: Any, axis: int | None, name: str) -> tuple[Any, int]:
    a = operand(a, name)
    if axis is None or (not a.ndim and axis in (0, -1)):
        return reshape_op(a, shape=(a.size,)), 0
    return a, canonical_axis(axis, a.ndim, name)


@numpy_name(np.cumsum, (np.add, "accumulate"))
def cumsum(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """The sum of each element and those before it, along an axis (None: of the flat array)."""
    a, axis = _flat(a, axis, "cumsum")
    return deliver(cumsum_op(_in_dtype(a, dtype), axis=axis), out, "cumsum")


@numpy_name(np.cumprod, (np.multiply, "accumulate"))
def cumprod(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """The product of each element and those before it, along an axis (None: of the flat array)."""
    a, axis = _flat(a, axis, "cumprod")
    return deliver(cumprod_op(_in_dtype(a, dtype), axis=axis), out, "cumprod")


def _with_initial(f: Any, neutral: float, x: Any, axis: int | None, dtype: Any, include_initial: bool) -> Any:
    x = operand(x, f.__name__)
    if axis is None and x.ndim != 1:
        raise ValueError(f"{f.__name__}: name the axis of an array of {x.ndim}")
    axis = canonical_axis(axis or 0, x.ndim, f.__name__)
    y = f(x, axis, dtype)
    if not include_initial:
        return y
    first = np.full(tuple(1 if i == axis else n for i, n in enumerate(y.shape)), neutral, y.dtype)
    return concatenate_op(first, y, axis=axis)


@numpy_name("cumulative_sum")
def cumulative_sum(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    """The sum of each element and those before it; include_initial puts a 0 in front."""
    return deliver(_with_initial(cumsum, 0, x, axis, dtype, include_initial), out, "cumulative_sum")


@numpy_name("cumulative_prod")
def cumulative_prod(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    """The product of each element and those before it; include_initial puts a 1 in front."""
    return deliver(_with_initial(cumprod, 1, x, axis, dtype, include_initial), out, "cumulative_prod")


def logsumexp(a: Any, axis: Axes = None, b: Any = None, keepdims: bool = False) -> Any:
    """log(sum(b * e**a)) over axes (None: all), without overflow; scipy.special's name and arguments."""
    a = operand(a, "logsumexp")
    if isinstance(b, bool):
        raise TypeError(f"logsumexp: b={b} is no weight; the third argument is b as in SciPy, so write keepdims={b}")
    if b is not None:
        b = operand(b, "logsumexp")
        shape = np.broadcast_shapes(a.shape, b.shape)
        a = broadcast_to_op(a, shape=shape)
    axes = _reduced(axis, a.ndim, "logsumexp")
    if b is None:
        return logsumexp_op(_inexact(a, None), axis=axes, keepdims=bool(keepdims))
    best = np.max((a._data if isinstance(a, Recorded) else a).real, axis=axes, keepdims=True, initial=-np.inf)
    best = np.where(np.isfinite(best), best, 0)
    y = log(sum(multiply(b, exp(subtract(a, best))), axes, keepdims=True)) + best
    return y if keepdims else reshape_op(y, shape=tuple(n for i, n in enumerate(a.shape) if i not in axes))
