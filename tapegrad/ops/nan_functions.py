"""Reductions and running sums that leave nan out: the ignored entries have gradient 0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..registry import numpy_name, operand, raw, wrap
from .discrete import valued
from .elementwise import isnan, logical_and, logical_not, where_op
from .keywords import NOT_GIVEN, any_tensor, by_numpy, cast_to, follows, give, given, kept, masked, reduced
from .reduce import (
    about_mean,
    counts,
    cumprod,
    cumsum,
    ddof_of,
    extreme_from,
    max,
    mean,
    min,
    of_count,
    prod,
    root,
    std,
    sum,
    sum_op,
    var,
)
from .structure import Axes


def _filled(a: Any, fill: float) -> Any:
    """a with a number in place of each nan."""
    return where_op(isnan(a), fill, a) if a.dtype.kind in "fc" else a


def _counted(a: Any, where: Any) -> Any:
    """Which entries count: those that are not nan, where `where` holds."""
    there = logical_not(isnan(a))
    return there if where is True or where is NOT_GIVEN else logical_and(there, operand(where))


@numpy_name(np.nansum)
def nansum(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, keepdims: Any = NOT_GIVEN, initial: Any = NOT_GIVEN,
    where: Any = NOT_GIVEN,
) -> Any:  # fmt: skip
    """The sum over axes (None: all) of what is not nan."""
    a = operand(a, "nansum")
    where = True if where is NOT_GIVEN else where
    return sum(_filled(a, 0.0), reduced(axis, a.ndim, "nansum"), dtype, out, keepdims, initial, where)


@numpy_name(np.nanprod)
def nanprod(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, keepdims: Any = NOT_GIVEN, initial: Any = NOT_GIVEN,
    where: Any = NOT_GIVEN,
) -> Any:  # fmt: skip
    """The product over axes (None: all) of what is not nan."""
    a = operand(a, "nanprod")
    where = True if where is NOT_GIVEN else where
    return prod(_filled(a, 1.0), reduced(axis, a.ndim, "nanprod"), dtype, out, keepdims, initial, where)


def _extreme(name: str, f: Any, plain_one: Any, largest: bool) -> Any:
    worst = -math.inf if largest else math.inf

    def extreme(
        a: Any, axis: Axes = None, out: Any = None, keepdims: Any = NOT_GIVEN, initial: Any = NOT_GIVEN,
        where: Any = NOT_GIVEN,
    ) -> Any:  # fmt: skip
        a = operand(a, name)
        axes = reduced(axis, a.ndim, name)
        if a.dtype.kind not in "fc":
            return plain_one(a, axes, out, keepdims, initial, where)
        plain = by_numpy(f, name, a, out, axis=axes, keepdims=kept(keepdims), initial=initial, where=where)
        if not follows(plain, None, out, a, initial, where):
            return give(wrap(plain) if any_tensor(a, initial, where) else plain, out, name)
        work = plain.dtype
        started = given(initial) and not np.isnan(raw(initial))
        least = np.asarray(complex(worst, worst) if work.kind == "c" else worst, work)
        start = cast_to(operand(initial, name), work) if started else least
        counted = _counted(a, where)
        y = extreme_from(cast_to(a, work), start, counted, axis=axes, keepdims=kept(keepdims), largest=largest)
        if not started:
            nothing = ~np.any(np.broadcast_to(raw(counted), a.shape), axis=axes, keepdims=kept(keepdims))
            y = where_op(nothing, math.nan, y) if np.any(nothing) else y
        return give(y, out, name)

    extreme.__name__ = extreme.__qualname__ = name
    extreme.__doc__ = (
        f"The {'largest' if largest else 'smallest'} entry over axes (None: all) that is not nan; ties share the "
        "gradient evenly."
    )
    return extreme


nanmax = numpy_name(np.nanmax)(_extreme("nanmax", np.nanmax, max, True))
nanmin = numpy_name(np.nanmin)(_extreme("nanmin", np.nanmin, min, False))


@numpy_name(np.nanmean)
def nanmean(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, keepdims: Any = NOT_GIVEN, *, where: Any = NOT_GIVEN
) -> Any:
    """The mean over axes (None: all) of what is not nan."""
    a = operand(a, "nanmean")
    if a.dtype.kind not in "fc":
        return mean(a, axis, dtype, out, keepdims, where=where)
    axes = reduced(axis, a.ndim, "nanmean")
    plain = by_numpy(np.nanmean, "nanmean", a, out, axis=axes, dtype=dtype, keepdims=kept(keepdims), where=where)
    if not follows(plain, dtype, out, a, where):
        return give(wrap(plain) if any_tensor(a, where) else plain, out, "nanmean")
    counted = _counted(a, where)
    work = plain.dtype if dtype is None else dtype
    total = sum_op(cast_to(masked(a, counted, 0), work), axis=axes, keepdims=kept(keepdims))
    return give(cast_to(of_count(total, counts(a, counted, axes)), plain.dtype), out, "nanmean")


def _spread(
    name: str, f: Any, plain_one: Any, a: Any, axis: Axes, dtype: Any, out: Any, ddof: Any, keepdims: Any, where: Any,
    mean: Any, correction: Any,
) -> Any:  # fmt: skip
    a, ddof = operand(a, name), ddof_of(ddof, correction, name)
    if a.dtype.kind not in "fc":
        return plain_one(a, axis, dtype, out, ddof, keepdims, where=where, mean=mean)
    axes = reduced(axis, a.ndim, name)
    if given(mean) and type(mean) not in (int, float, complex):
        mean = operand(mean, name)
    options = dict(axis=axes, dtype=dtype, ddof=ddof, keepdims=kept(keepdims), where=where, mean=mean)
    plain = by_numpy(f, name, a, out, **options)
    if not follows(plain, dtype, out, a, where, mean):
        return give(wrap(plain) if any_tensor(a, where, mean) else plain, out, name)
    counted = _counted(a, where)
    y = about_mean(a, axes, dtype, ddof, kept(keepdims), counted, mean)
    y = root(y) if name == "nanstd" else y
    bad = (counts(a, counted, axes) <= ddof).reshape(y.shape)
    return give(cast_to(where_op(bad, math.nan, y) if bad.any() else y, plain.dtype), out, name)


@numpy_name(np.nanvar)
def nanvar(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = NOT_GIVEN, *,
    where: Any = NOT_GIVEN, mean: Any = NOT_GIVEN, correction: Any = NOT_GIVEN,
) -> Any:  # fmt: skip
    """The variance over axes (None: all) of what is not nan, divided by how many there are less ddof."""
    return _spread("nanvar", np.nanvar, var, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


@numpy_name(np.nanstd)
def nanstd(
    a: Any, axis: Axes = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = NOT_GIVEN, *,
    where: Any = NOT_GIVEN, mean: Any = NOT_GIVEN, correction: Any = NOT_GIVEN,
) -> Any:  # fmt: skip
    """The standard deviation over axes (None: all) of what is not nan; that of a constant has gradient 0."""
    return _spread("nanstd", np.nanstd, std, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


@numpy_name(np.nancumsum)
def nancumsum(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """The sum of each element and those before it, nan counting as 0."""
    return cumsum(_filled(operand(a, "nancumsum"), 0.0), axis, dtype, out)


@numpy_name(np.nancumprod)
def nancumprod(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """The product of each element and those before it, nan counting as 1."""
    return cumprod(_filled(operand(a, "nancumprod"), 1.0), axis, dtype, out)


nanargmax = valued(np.nanargmax, "The place of the largest entry that is not nan.")
nanargmin = valued(np.nanargmin, "The place of the smallest entry that is not nan.")
