"""Reductions and cumulative operations: axes go away, or each element sees those before it."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from ..kernels.softmax import softmax
from ..registry import Recorded, numpy_name, op, operand, raw, wrap
from ..samples import between, bools, complexes, distinct, real
from .elementwise import (
    H,
    absolute,
    add,
    conjugate,
    div_no_nan,
    divide,
    equal,
    exp,
    log,
    mul_no_nan,
    multiply,
    real_part,
    sign,
    sqrt,
    square,
    subtract,
    where_op,
)
from .keywords import (
    NOT_GIVEN,
    any_tensor,
    by_numpy,
    cast_to,
    follows,
    give,
    given,
    in_dtype,
    kept,
    masked,
    plain_number,
    reduced,
)
from .scan import after, before, cumprod_op, cumsum_op
from .structure import (
    Axes,
    broadcast_to_op,
    canonical_axes,
    canonical_axis,
    cast,
    concatenate_op,
    deliver,
    reshape_op,
    transpose_op,
)


def kept_shape(shape: tuple[int, ...], axis: tuple[int, ...]) -> tuple[int, ...]:
    """`shape` with ones where an axis was reduced."""
    return tuple([1 if i in axis else n for i, n in enumerate(shape)])


def dropped(shape: tuple[int, ...], axis: tuple[int, ...]) -> tuple[int, ...]:
    """`shape` without the axes that were reduced."""
    return tuple([n for i, n in enumerate(shape) if i not in axis])


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
mean_op.vjp(
    x=lambda g, x_shape, axis: spread(divide(g, float(builtins.max(count_of(x_shape, axis), 1))), x_shape, axis)
)
for _mean in (sum_op, mean_op):
    _mean.sample(real(3, 4), axis=(0, 1)).sample(real(2, 3, 4), axis=(0, 2), keepdims=True).sample(real(), axis=())
sum_op.sample(real(0, 3), axis=(0,))


@op("linear")
def per_count(x, count):
    """x over counts, of which some may be 0: there the gradient is nan, or 0 where none is asked for."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(x, count).astype(x.dtype)


def _per_count_rule(g: Any, count: Any) -> Any:
    count = where_op(equal(count, 0), math.nan, count)
    return div_no_nan(g, count if g.dtype == np.float16 else cast(count, dtype=np.finfo(g.dtype).dtype))


per_count.vjp(x=_per_count_rule)
per_count.sample(real(3, 4), np.array([1.0, 2.0, 3.0, 4.0])).sample(real(), np.array(2.0))


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
    n = count_of(x.shape, axis)
    if n == 0:
        return spread(g, x.shape, axis)
    g = aligned(g, x.shape, axis)
    if n <= ddof:
        return mul_no_nan(g, multiply(_centred(x, axis), math.nan))
    return multiply(g, multiply(_centred(x, axis), 2.0 / (n - ddof)))


def _std_rule(g: Any, x: Any, out: Any, axis: tuple[int, ...], ddof: float) -> Any:
    n = count_of(x.shape, axis)
    if n == 0:
        return spread(g, x.shape, axis)
    g = aligned(g, x.shape, axis)
    if n <= ddof:
        return mul_no_nan(g, multiply(_centred(x, axis), math.nan))
    slope = divide(1.0 / (n - ddof), where_op(equal(out, 0), math.inf, out))  # 0 for a constant
    return multiply(multiply(g, aligned(slope, x.shape, axis)), _centred(x, axis))


var_op.vjp(x=_var_rule)
std_op.vjp(x=_std_rule)
for _var in (var_op, std_op):
    _var.sample(real(3, 4), axis=(0, 1)).sample(real(2, 3, 4), axis=(1,), keepdims=True, ddof=1)
    _var.sample(complexes(5), axis=(0,))


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


@op(outputs=("share", "rest"))
def tie_share_from(x, initial, where, extremum, *, axis, largest):
    """1 / k at each of the k entries that count and equal the extremum; `rest` is the same for `initial`.

    An infinite initial that no entry can be worse than stands for none, and has a share only where nothing counts.
    """
    best = extremum.reshape(kept_shape(x.shape, axis))
    nan = best != best
    mask = ((x == best) | ((x != x) & nan)) & where
    count = mask.sum(axis=axis, keepdims=True)
    also = (initial == best) | ((initial != initial) & nan)
    if initial.real == (-math.inf if largest else math.inf):
        also = also & (count == 0)
    total = np.maximum(count + also, 1)
    return (mask / total).astype(x.dtype), (also / total).astype(x.dtype)


@op(None)
def extreme_from(x, initial, where, *, axis, keepdims, largest):
    """The largest (or smallest) of `initial` and the entries where `where` holds; ties share the gradient evenly."""
    ufunc = np.maximum if largest else np.minimum
    return ufunc.reduce(x, axis=axis, keepdims=keepdims, initial=initial[()], where=where)


def _extreme_rule_x(g: Any, x: Any, initial: Any, where: Any, out: Any, axis: tuple[int, ...], largest: bool) -> Any:
    share, _ = tie_share_from(x, initial, where, out, axis=axis, largest=largest)
    return multiply(aligned(g, x.shape, axis), share)


def _extreme_rule_initial(
    g: Any, x: Any, initial: Any, where: Any, out: Any, axis: tuple[int, ...], largest: bool
) -> Any:
    _, rest = tie_share_from(x, initial, where, out, axis=axis, largest=largest)
    whole = multiply(aligned(g, x.shape, axis), rest)
    return sum_op(whole, axis=tuple(range(whole.ndim)))


tie_share_from.vjp(x=None, initial=None, extremum=None)
tie_share_from.sample(
    np.array([[1.0, 3.0, 3.0], [2.0, 3.0, 1.0]]), np.array(2.0), np.array(True), np.array([3.0, 3.0]), axis=(1,),
    largest=True,
)  # fmt: skip
extreme_from.vjp(x=_extreme_rule_x, initial=_extreme_rule_initial)
extreme_from.sample(distinct(3, 4), between(0.3, 0.31), bools(3, 4), axis=(1,), keepdims=False, largest=True)
extreme_from.sample(distinct(3, 4), between(-0.9, -0.89), bools(4), axis=(0, 1), keepdims=True, largest=False)
extreme_from.sample(distinct(0, 2), real(), np.array(True), axis=(0,), keepdims=False, largest=True)


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
    return out if keepdims else np.asarray(out).reshape(dropped(x.shape, axis))


softmax_op.vjp(
    x=lambda g, out, axis: multiply(H(out), subtract(g, sum_op(multiply(g, H(out)), axis=axis, keepdims=True)))
)
logsumexp_op.vjp(x=lambda g, x, axis: multiply(aligned(g, x.shape, axis), H(softmax_op(x, axis=axis))))
for _soft in (softmax_op, logsumexp_op):
    _soft.sample(real(3, 4), axis=(1,)).sample(real(3, 4), axis=(0, 1)).sample(real(2, 0, 3), axis=(2,))

# -- public functions ----------------------------------------------------------------------------------------

# The common call goes straight to its op; keywords.py says what happens with others.


def _reduce(
    name: str, ufunc: Any, compose: Any, a: Any, axis: Axes, dtype: Any, out: Any, keepdims: Any, initial: Any,
    where: Any,
) -> Any:  # fmt: skip
    """ufunc.reduce with any keywords; compose(a, initial or None, axis, keepdims), all in the dtype of the result."""
    axis, keepdims = reduced(axis, a.ndim, name), kept(keepdims)
    where = True if where is NOT_GIVEN else where
    options = dict(axis=axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)
    plain = by_numpy(ufunc.reduce, name, a, out, **options)
    if not follows(plain, dtype, out, a, initial, where):
        return give(wrap(plain) if any_tensor(a, initial, where) else plain, out, name)
    work = plain.dtype if dtype is None else np.dtype(dtype)
    start = cast_to(operand(initial, name), work) if given(initial) else None
    with np.errstate(all="ignore"):
        return give(compose(cast_to(a, work), start, axis, keepdims, where), out, name)


def _sum_from(a: Any, start: Any, axis: Any, keepdims: bool, where: Any) -> Any:
    y = sum_op(masked(a, where, 0), axis=axis, keepdims=keepdims)
    return y if start is None else add(y, start)


def _prod_from(a: Any, start: Any, axis: Any, keepdims: bool, where: Any) -> Any:
    y = prod_op(masked(a, where, 1), axis=axis, keepdims=keepdims)
    return y if start is None else multiply(y, start)


@numpy_name(np.sum, (np.add, "reduce"))
def sum(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, keepdims: bool = False, initial: Any = NOT_GIVEN,
    where: Any = True,
) -> Any:  # fmt: skip
    """The sum over axes (None: all). dtype, initial and where as in numpy.sum."""
    a = operand(a, "sum")
    if dtype is None and out is None and initial is NOT_GIVEN and where is True:
        return sum_op(a, axis=reduced(axis, a.ndim, "sum"), keepdims=kept(keepdims))
    return _reduce("sum", np.add, _sum_from, a, axis, dtype, out, keepdims, initial, where)


@numpy_name(np.prod, (np.multiply, "reduce"))
def prod(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, keepdims: bool = False, initial: Any = NOT_GIVEN,
    where: Any = True,
) -> Any:  # fmt: skip
    """The product over axes (None: all). dtype, initial and where as in numpy.prod."""
    a = operand(a, "prod")
    if dtype is None and out is None and initial is NOT_GIVEN and where is True:
        return prod_op(a, axis=reduced(axis, a.ndim, "prod"), keepdims=kept(keepdims))
    return _reduce("prod", np.multiply, _prod_from, a, axis, dtype, out, keepdims, initial, where)


def _extreme(name: str, ufunc: Any, primitive: Any) -> Any:
    def compose(a: Any, start: Any, axis: Any, keepdims: bool, where: Any) -> Any:
        if start is None:
            return primitive(a, axis=axis, keepdims=keepdims)
        counted = operand(where, name)
        return extreme_from(a, start, counted, axis=axis, keepdims=keepdims, largest=ufunc is np.maximum)

    def extreme(
        a: Any, axis: Axes = None, out: Any = None, keepdims: bool = False, initial: Any = NOT_GIVEN, where: Any = True
    ) -> Any:
        a = operand(a, name)
        if not given(initial):
            if where is not True and where is not NOT_GIVEN:
                raise ValueError(f"{name}: with where=, give initial= too, the value where nothing counts")
            axes = reduced(axis, a.ndim, name)
            if axes and count_of(a.shape, axes) == 0:
                raise ValueError(f"{name}: the axes {axes} of shape {a.shape} are empty, and there is no initial=")
            if out is None:
                return primitive(a, axis=axes, keepdims=kept(keepdims))
        return _reduce(name, ufunc, compose, a, axis, None, out, keepdims, initial, where)

    extreme.__name__ = extreme.__qualname__ = name
    extreme.__doc__ = (
        f"The {'largest' if name == 'max' else 'smallest'} entry over axes (None: all), or `initial`; ties share the "
        "gradient evenly. Complex numbers are ordered by real part, then imaginary part."
    )
    return extreme


max = numpy_name(np.max, np.amax, (np.maximum, "reduce"))(_extreme("max", np.maximum, max_op))
min = numpy_name(np.min, np.amin, (np.minimum, "reduce"))(_extreme("min", np.minimum, min_op))
amax, amin = max, min


@numpy_name(np.ptp)
def ptp(a: Any, axis: Axes = None, out: Any = None, keepdims: bool = False) -> Any:
    """The largest less the smallest entry over axes."""
    return deliver(subtract(max(a, axis, keepdims=keepdims), min(a, axis, keepdims=keepdims)), out, "ptp")


def counts(a: Any, where: Any, axes: tuple[int, ...]) -> Any:
    """How many entries count, over axes that are kept; `where` as an array, or True."""
    if where is True or where is NOT_GIVEN:
        return np.full(kept_shape(a.shape, axes), count_of(a.shape, axes))
    mask = np.asarray(raw(where), bool)
    return np.sum(np.broadcast_to(mask, a.shape), axis=axes, keepdims=True)


def _holds(name: str, dtype: Any, a: Any) -> None:
    """Refuse an integer dtype where a gradient is asked for, which would end there."""
    if dtype is not None and np.dtype(dtype).kind not in "fc" and isinstance(a, Recorded) and a.requires_grad:
        raise TypeError(
            f"{name}: dtype {np.dtype(dtype)} cannot hold it with a gradient; give a floating-point one, and round it"
        )


def of_count(y: Any, count: Any) -> Any:
    """y over how many there are, in its own dtype."""
    return per_count(y, count.reshape(y.shape).astype(np.float64))


@numpy_name(np.mean)
def mean(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True
) -> Any:
    """The mean over axes (None: all), of the entries where `where` holds."""
    a = operand(a, "mean")
    axes, keepdims = canonical_axes(axis, a.ndim, "mean"), kept(keepdims)
    where = True if where is NOT_GIVEN else where
    if where is True and out is None and dtype is None:
        return mean_op(a, axis=axes, keepdims=keepdims)
    _holds("mean", dtype, a)
    plain = by_numpy(np.mean, "mean", a, out, axis=axes, dtype=dtype, keepdims=keepdims, where=where)
    if not follows(plain, dtype, out, a, where):
        return give(wrap(plain) if any_tensor(a, where) else plain, out, "mean")
    work = dtype
    if dtype is None:  # as in NumPy
        work = {"float16": np.float32}.get(a.dtype.name, plain.dtype if a.dtype.kind in "fc" else np.float64)
    total = sum_op(masked(cast_to(a, work), where, 0), axis=axes, keepdims=keepdims)
    return give(cast_to(of_count(total, counts(a, where, axes)), plain.dtype), out, "mean")


def root(y: Any) -> Any:
    """The square root of a variance: that of 0 has gradient 0."""
    none = equal(y, 0)
    return where_op(none, 0.0, sqrt(where_op(none, 1.0, y)))


def about_mean(a: Any, axes: tuple[int, ...], dtype: Any, ddof: float, keepdims: bool, where: Any, mean: Any) -> Any:
    """The variance of the entries where `where` holds, composed as NumPy does it; what `mean` is given is taken."""
    count = counts(a, where, axes)
    a = masked(a, where, 0)
    if given(mean):
        centre = mean
    else:
        total = sum_op(cast_to(a, dtype), axis=axes, keepdims=True)
        centre = of_count(total, np.maximum(count, 1))
    off = subtract(a, centre)
    squares = square(off) if a.dtype.kind != "c" else real_part(multiply(off, conjugate(off)))
    total = sum_op(cast_to(masked(squares, where, 0), dtype), axis=axes, keepdims=keepdims)
    return of_count(total, np.maximum(count - ddof, 0))


def ddof_of(ddof: Any, correction: Any, name: str) -> Any:
    """How many degrees of freedom are taken off, under either name."""
    if given(correction):
        if ddof:
            raise ValueError(f"{name}: give ddof or correction, they mean the same")
        ddof = correction
    return plain_number(ddof, name, "ddof")


def _spread_about_mean(
    name: str, f: Any, primitive: Any, a: Any, axis: Axes, dtype: Any, out: Any, ddof: Any, keepdims: Any, where: Any,
    mean: Any, correction: Any,
) -> Any:  # fmt: skip
    ddof = ddof_of(ddof, correction, name)
    a = operand(a, name)
    axes, keepdims = canonical_axes(axis, a.ndim, name), kept(keepdims)
    where = True if where is NOT_GIVEN else where
    if where is True and not given(mean) and dtype is None and out is None:
        return primitive(a, axis=axes, ddof=ddof, keepdims=keepdims)
    _holds(name, dtype, a)
    if given(mean) and type(mean) not in (int, float, complex):
        mean = operand(mean, name)
    options = dict(axis=axes, dtype=dtype, ddof=ddof, keepdims=keepdims, where=where, mean=mean)
    plain = by_numpy(f, name, a, out, **options)
    if not follows(plain, dtype, out, a, where, mean):
        return give(wrap(plain) if any_tensor(a, where, mean) else plain, out, name)
    work = np.float64 if dtype is None and a.dtype.kind in "iub" else dtype  # as in NumPy
    y = about_mean(a, axes, work, ddof, keepdims, where, mean)
    return give(cast_to(root(y) if name == "std" else y, plain.dtype), out, name)


@numpy_name(np.var)
def var(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: bool = False, *,
    where: Any = True, mean: Any = NOT_GIVEN, correction: Any = NOT_GIVEN,
) -> Any:  # fmt: skip
    """The variance over axes (None: all), divided by n - ddof; `correction` is another name for ddof."""
    return _spread_about_mean("var", np.var, var_op, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


@numpy_name(np.std)
def std(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: bool = False, *,
    where: Any = True, mean: Any = NOT_GIVEN, correction: Any = NOT_GIVEN,
) -> Any:  # fmt: skip
    """The standard deviation over axes (None: all); that of a constant has gradient 0."""
    return _spread_about_mean("std", np.std, std_op, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


def weights_along(weights: Any, a: Any, axis: Axes, name: str) -> Any:
    """Weights of a's shape, or of the shape of the axes alone, with axes that broadcast against a."""
    weights = operand(weights, name)
    if weights.shape == a.shape:
        return weights
    if axis is None:
        raise TypeError(f"{name}: weights {weights.shape} and a {a.shape} differ in shape; name the axis")
    axes = canonical_axes(axis, a.ndim, name)
    if weights.shape != tuple(a.shape[i] for i in axes):
        raise ValueError(f"{name}: weights {weights.shape} do not fit axis {axis} of a {a.shape}")
    order = tuple(int(i) for i in np.argsort(axes))
    shape = tuple(n if i in axes else 1 for i, n in enumerate(a.shape))
    return reshape_op(transpose_op(weights, axes=order), shape=shape)


@numpy_name(np.average)
def average(a: Any, axis: Axes = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """The weighted mean over axes (None: all); with returned=True also the sum of the weights."""
    a = operand(a, "average")
    axes, keepdims = canonical_axes(axis, a.ndim, "average"), kept(keepdims)
    if weights is None:
        y = mean(a, axes, keepdims=keepdims)
        total: Any = np.full(y.shape, a.size / builtins.max(y.size, 1), y.dtype)
    else:
        weights = weights_along(weights, a, axis, "average")
        dtype = np.result_type(a.dtype, weights.dtype, *([np.float64] if a.dtype.kind in "iub" else []))
        weights = broadcast_to_op(cast_to(weights, dtype), shape=a.shape)
        total = sum_op(weights, axis=axes, keepdims=keepdims)
        if np.any(raw(total) == 0):
            raise ZeroDivisionError(f"average: the weights {weights.shape} sum to 0 along axis {axis}")
        y = divide(sum_op(multiply(cast_to(a, dtype), weights), axis=axes, keepdims=keepdims), total)
    if returned and isinstance(y, Recorded) and not isinstance(total, Recorded):
        total = wrap(total)
    return (y, total) if returned else y


def _flat(a: Any, axis: int | None, name: str) -> tuple[Any, int]:
    a = operand(a, name)
    if axis is None or (not a.ndim and axis in (0, -1)):
        return reshape_op(a, shape=(a.size,)), 0
    return a, canonical_axis(axis, a.ndim, name)


def _accumulate(name: str, primitive: Any, a: Any, axis: int, dtype: Any, out: Any) -> Any:
    work = dtype
    whole = dtype is not None and np.dtype(dtype).kind not in "fc"
    if out is not None or whole:  # NumPy's function keeps a small integer dtype; the primitive would widen it
        f = np.cumsum if primitive is cumsum_op else np.cumprod
        plain = by_numpy(f, name, a, out, axis=axis, dtype=dtype)
        if not follows(plain, dtype, out, a):
            return give(wrap(plain) if any_tensor(a) else plain, out, name)
        work = plain.dtype if dtype is None else dtype
        a = cast_to(a, work)
    return give(primitive(in_dtype(a, work), axis=axis), out, name)


@numpy_name(np.cumsum, (np.add, "accumulate"))
def cumsum(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """The sum of each element and those before it, along an axis (None: of the flat array)."""
    a, axis = _flat(a, axis, "cumsum")
    return _accumulate("cumsum", cumsum_op, a, axis, dtype, out)


@numpy_name(np.cumprod, (np.multiply, "accumulate"))
def cumprod(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """The product of each element and those before it, along an axis (None: of the flat array)."""
    a, axis = _flat(a, axis, "cumprod")
    return _accumulate("cumprod", cumprod_op, a, axis, dtype, out)


def _cumulative(
    name: str, primitive: Any, neutral: float, x: Any, axis: Any, dtype: Any, out: Any, include_initial: bool
) -> Any:
    x = operand(x, name)
    x = x if x.ndim else reshape_op(x, shape=(1,))
    if axis is None and x.ndim != 1:
        raise ValueError(f"{name}: name the axis of an array of {x.ndim}")
    if isinstance(axis, tuple):
        if len(axis) != 1:
            raise ValueError(f"{name}: goes along one axis at a time, got {axis}")
        (axis,) = axis
    axis = canonical_axis(0 if axis is None else axis, x.ndim, name)
    if not include_initial:
        return _accumulate(name, primitive, x, axis, dtype, out)
    y = _accumulate(name, primitive, x, axis, dtype if dtype is not None or out is None else out.dtype, None)
    first = np.full(tuple(1 if i == axis else n for i, n in enumerate(y.shape)), neutral, y.dtype)
    return give(concatenate_op(first, y, axis=axis), out, name)


@numpy_name("cumulative_sum")
def cumulative_sum(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    """The sum of each element and those before it; include_initial puts a 0 in front."""
    return _cumulative("cumulative_sum", cumsum_op, 0, x, axis, dtype, out, include_initial)


@numpy_name("cumulative_prod")
def cumulative_prod(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    """The product of each element and those before it; include_initial puts a 1 in front."""
    return _cumulative("cumulative_prod", cumprod_op, 1, x, axis, dtype, out, include_initial)


def logsumexp(
    a: Any, axis: Axes = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:  # fmt: skip
    """log(sum(b * e**a)) over axes (None: all), without overflow; scipy.special's name and arguments.

    With return_sign, the logarithm of the size of the sum, and its sign; else a negative sum gives nan.
    """
    a = operand(a, "logsumexp")
    if isinstance(b, bool):
        raise TypeError(f"logsumexp: b={b} is no weight; the third argument is b as in SciPy, so write keepdims={b}")
    a = cast_to(a, np.float64) if a.dtype.kind in "iub" else a
    if b is not None:
        b = operand(b, "logsumexp")
        a = broadcast_to_op(a, shape=np.broadcast_shapes(a.shape, b.shape))
    axes, keepdims = reduced(axis, a.ndim, "logsumexp"), kept(keepdims)
    if b is None and not return_sign:
        return logsumexp_op(a, axis=axes, keepdims=keepdims)
    b = np.ones((), a.dtype) if b is None else b
    none = raw(b) == 0
    best = np.max(raw(a).real, axis=axes, keepdims=True, initial=-np.inf, where=~none)
    best = np.where(np.isfinite(best), best, 0).astype(best.dtype)
    with np.errstate(all="ignore"):
        off = subtract(a, best)
        over = none & np.isinf(np.exp(raw(off)))  # 0 of something beyond all numbers is 0
        terms = where_op(over, math.inf, exp(where_op(over, 0.0, off))) if over.any() else exp(off)
        total = sum_op(mul_no_nan(b, terms), axis=axes, keepdims=True)
        y = add(log(absolute(total) if return_sign else total), best)
    gone = np.all(raw(a) == -np.inf, axis=axes, keepdims=True)
    if gone.any():  # the shares of the gradient are equal there, as without weights
        y = where_op(gone, logsumexp_op(a, axis=axes, keepdims=True), y)
    phase = sign(total)
    if not keepdims:
        y, phase = reshape_op(y, shape=dropped(a.shape, axes)), reshape_op(phase, shape=dropped(a.shape, axes))
    return (y, phase) if return_sign else y
