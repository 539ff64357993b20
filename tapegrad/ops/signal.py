"""Functions of sampled signals: convolve, correlate, interp, gradient, trapezoid, unwrap, i0 and its window."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..registry import ARRAY, Recorded, numpy_name, op, operand, wrap
from ..samples import real
from ..tape import state
from .discrete import any_requires_grad
from .elementwise import H, absolute, add, div_no_nan, divide, mul_no_nan, multiply, remainder, subtract, where_op
from .index import diff, getitem
from .keywords import cast_to
from .reduce import sum_op
from .structure import (
    broadcast_to_op,
    canonical_axes,
    canonical_axis,
    cast,
    concatenate_op,
    flip_op,
    reshape_op,
)

# -- convolution in one dimension ----------------------------------------------------------------------------


@op("multilinear")
def convolve_full(a, v):
    """The sums of a[i] * v[j] over i + j: a (n,) and v (m,) -> (n + m - 1,)."""
    return np.convolve(a, v)


@op("multilinear")
def convolve_valid(a, v):
    """The entries of the full convolution in which all of v meets a: a (n,) and v (m,), m <= n -> (n - m + 1,)."""
    return np.convolve(a, v, "valid")


def _back(x: Any) -> Any:
    return flip_op(x, axis=(0,))


convolve_full.vjp(
    a=lambda g, v: convolve_valid(g, H(_back(v))),
    v=lambda g, a: convolve_valid(g, H(_back(a))),
)
convolve_valid.vjp(
    a=lambda g, v: convolve_full(g, H(_back(v))),
    v=lambda g, a: _back(convolve_valid(H(a), _back(g))),
)
convolve_full.sample(real(5), real(3)).sample(real(2), real(4))
convolve_valid.sample(real(5), real(3)).sample(real(3), real(3))


def _line(x: Any, name: str) -> Any:
    x = operand(x, name)
    if x.ndim > 1:
        raise ValueError(f"{name}: takes arrays of one axis, got shape {x.shape}")
    if not x.size:
        raise ValueError(f"{name}: an array must not be empty")
    return x if x.ndim else reshape_op(x, shape=(1,))


def _convolved(a: Any, v: Any, mode: Any, name: str, start: int) -> Any:
    """a and v convolved; start: the place in the full convolution where mode 'same' begins."""
    mode = {0: "valid", 1: "same", 2: "full"}.get(mode, mode)
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"{name}: mode {mode!r} is not 'full', 'same' or 'valid'")
    if mode == "valid":
        return convolve_valid(a, v) if v.size <= a.size else convolve_valid(v, a)
    y = convolve_full(a, v)
    return y if mode == "full" else y[start : start + max(a.size, v.size)]


@numpy_name(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """The convolution of a (n,) and v (m,). mode: 'full' (n + m - 1,), 'same' (the longer), 'valid' (no borders)."""
    a, v = _line(a, "convolve"), _line(v, "convolve")
    return _convolved(a, v, mode, "convolve", (min(a.size, v.size) - 1) // 2)


@numpy_name(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """c[k] = the sum over n of a[n + k] * conj(v[n]), for a (n,) and v (m,). mode as in convolve."""
    a, v = operand(a, "correlate"), operand(v, "correlate")
    if not a.ndim or not v.ndim:
        raise ValueError(f"correlate: takes arrays of one axis, got shapes {a.shape} and {v.shape}")
    a, v = _line(a, "correlate"), _line(v, "correlate")
    start = a.size // 2 if a.size < v.size else (v.size - 1) // 2
    return _convolved(a, _back(H(v)), mode, "correlate", start)


# -- interpolation -------------------------------------------------------------------------------------------


@numpy_name(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """Values at x of the line through the points (xp, fp), xp increasing.

    left, right: the values before the first and after the last point, by default theirs. period: that of x, which
    makes left and right go unused. All of them are differentiable. The slope in x at a point is that of the line after
    it, at the last point that of the line before it; outside it is 0.
    """
    x, xp, fp = operand(x, "interp"), operand(xp, "interp"), operand(fp, "interp")
    if xp.ndim != 1 or fp.ndim != 1 or xp.size != fp.size:
        raise ValueError(f"interp: xp and fp must be lines of one length (xp {xp.shape}, fp {fp.shape})")
    if not xp.size:
        raise ValueError("interp: array of sample points is empty")
    if "c" in (x.dtype.kind, xp.dtype.kind):
        raise TypeError("interp: x and xp must be real; fp may be complex")
    dtype = np.dtype(np.complex128 if fp.dtype.kind == "c" else np.float64)
    left, right = _end(left, "left", dtype), _end(right, "right", dtype)
    if period is not None and _value(period) == 0:
        raise ValueError("interp: the period must not be 0")
    given = (x, xp, fp, left, right, period)
    if not (state.tracing or any_requires_grad(given)):
        plain: Any = [v if v is None else _value(v)[()] for v in given]
        y = np.asarray(np.interp(*plain))
        return wrap(y) if any([isinstance(v, Recorded) for v in given]) else y
    x, xp = cast_to(x, np.float64), cast_to(xp, np.float64)
    fp = cast_to(fp, dtype)
    if period is not None:
        period, left, right = absolute(operand(period, "interp")), None, None
        x, xp = remainder(x, period), remainder(xp, period)
        order = np.argsort(_value(xp))
        xp, fp = (getitem(v, order, index=(ARRAY,)) for v in (xp, fp))
        xp = concatenate_op(subtract(xp[-1:], period), xp, add(xp[:1], period), axis=0)
        fp = concatenate_op(fp[-1:], fp, fp[:1], axis=0)
    at, points = _value(x), _value(xp)
    before, after = at < points[0], at > points[-1]
    y = _on_line(x, xp, fp, before | after) if points.size > 1 else broadcast_to_op(fp[0], shape=x.shape)
    for outside, end, edge in ((before, left, 0), (after, right, -1)):
        if np.any(outside):
            y = where_op(outside, fp[edge] if end is None else end, y)
    return y


def _end(value: Any, name: str, dtype: np.dtype[Any]) -> Any:
    """A value of interp outside of the points."""
    if value is None:
        return None
    value = operand(value, "interp")
    if value.ndim or (value.dtype.kind == "c" and dtype.kind != "c"):
        raise TypeError(f"interp: {name} must be one number, real if fp is; got {value.dtype} of shape {value.shape}")
    return cast_to(value, dtype)


def _on_line(x: Any, xp: Any, fp: Any, outside: Any) -> Any:
    at, points, values = _value(x), _value(xp), _value(fp)
    j = np.clip(np.searchsorted(points, at, "right") - 1, 0, points.size - 2)
    from_end = at >= points[j + 1]  # at the last point, which so has just its value
    flat = None
    with np.errstate(all="ignore"):  # NumPy is quiet about infinite values
        rise = subtract(getitem(fp, j + 1, index=(ARRAY,)), getitem(fp, j, index=(ARRAY,)))
        width = subtract(getitem(xp, j + 1, index=(ARRAY,)), getitem(xp, j, index=(ARRAY,)))
        if not np.isfinite(values).all():  # as in NumPy: from the other end if this one gives nan; equal ones are flat
            found = _value(rise) / _value(width) * (at - points[j]) + values[j]
            from_end = from_end | (np.isnan(found) & (at != points[j]))
            flat = values[j] == values[j + 1]
        base = j + from_end
        off = subtract(x, getitem(xp, base, index=(ARRAY,)))
        if np.any(outside):
            off = where_op(outside, 0.0, off)
        slope = div_no_nan(rise if flat is None else where_op(flat, 0.0, rise), width)
        return add(getitem(fp, base, index=(ARRAY,)), mul_no_nan(off, slope))


def _value(x: Any) -> Any:
    return x._data if isinstance(x, Recorded) else np.asarray(x)


# -- differences and sums ------------------------------------------------------------------------------------


def _cut(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    return x[(slice(None),) * axis + (slice(start, stop),)]


@numpy_name(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """The slopes of f along axes (None: all, a tuple of results), second differences inside, one-sided at the ends.

    varargs: the distance of samples, one for all axes or one for each, as a number or as coordinates (n,).
    """
    f = operand(f, "gradient")
    if f.dtype.kind == "b":
        raise TypeError("gradient: f is of bools, which have no differences; cast it to floats")
    axes = canonical_axes(axis, f.ndim, "gradient")
    if len(varargs) not in (0, len(axes)) and (len(varargs) != 1 or np.ndim(_value(varargs[0]))):
        raise TypeError(
            f"gradient: {len(varargs)} distances for {len(axes)} axes; give none, one number, or one for each axis"
        )
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order must be 1 or 2, got {edge_order}")
    steps = [operand(v, "gradient") for v in varargs] or [operand(1.0, "gradient")]
    steps = steps * len(axes) if len(steps) == 1 else steps
    f = f if f.dtype.kind in "fc" else cast(f, dtype=np.dtype(np.float64))
    for i, h in zip(axes, steps, strict=True):
        if h.ndim > 1 or (h.ndim and h.shape[0] != f.shape[i]):
            raise ValueError(f"gradient: coordinates {h.shape} do not fit axis {i} of f {f.shape}")
        if f.shape[i] < edge_order + 1:
            raise ValueError(f"gradient: axis {i} of f {f.shape} is too short; edge_order {edge_order} needs more")
    found = tuple([_slopes(f, h, i, edge_order) for i, h in zip(axes, steps, strict=True)])
    return found[0] if len(found) == 1 else found


def _slopes(f: Any, h: Any, axis: int, edge_order: int) -> Any:
    last = f.ndim - axis - 1
    if h.ndim:
        d = diff(h if h.dtype.kind in "fc" else cast(h, dtype=np.dtype(np.float64)))
        d = reshape_op(d, shape=(d.size,) + (1,) * last)
    elif not isinstance(h, Recorded):
        d, h = None, h.item()
    else:
        d = None
    part: Any = lambda start, stop: _cut(f, axis, start, stop)
    if d is None:
        inside = divide(subtract(part(2, None), part(None, -2)), h * 2.0)
        left, right = [h, h], [h, h]
    else:
        one, two = d[:-1], d[1:]
        both = add(one, two)
        inside = add(
            multiply(divide(subtract(part(1, -1), part(None, -2)), one), divide(two, both)),
            multiply(divide(subtract(part(2, None), part(1, -1)), two), divide(one, both)),
        )
        left, right = [d[:1], d[1:2]], [d[-1:], d[-2:-1]]
    ends = []
    for first, (near, far) in ((True, left), (False, right)):
        rise = subtract(part(1, 2), part(0, 1)) if first else subtract(part(-1, None), part(-2, -1))
        slope = divide(rise, near)
        if edge_order == 2:  # a parabola through three points
            rise = subtract(part(2, 3), part(1, 2)) if first else subtract(part(-2, -1), part(-3, -2))
            slope = add(slope, multiply(subtract(slope, divide(rise, far)), near / (near + far)))
        ends.append(slope)
    y = concatenate_op(ends[0], inside, ends[1], axis=axis)
    return y if y.dtype == f.dtype else cast(y, dtype=f.dtype)  # coordinates do not widen it


@numpy_name("trapezoid")
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of y along an axis by the trapezoidal rule, at coordinates x or dx apart."""
    y, along = operand(y, "trapezoid"), axis
    axis = canonical_axis(axis, y.ndim, "trapezoid")
    if x is None:
        d = dx
    else:
        x = operand(x, "trapezoid")
        if x.ndim == 1:
            d = diff(x)
            d = reshape_op(d, shape=(d.size,) + (1,) * (y.ndim - axis - 1))
        else:
            d = diff(x, axis=along)  # x may have other axes than y, which it broadcasts to
    both = add(_cut(y, axis, 1, None), _cut(y, axis, None, -1))
    return sum_op(divide(multiply(d, both), 2.0), axis=(axis,))


@numpy_name(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """The differences of neighbours in the flat array, with what is to come before and after them."""
    ary = operand(ary, "ediff1d")
    if ary.dtype.kind == "b":
        raise TypeError("ediff1d: bools have no differences; cast them to integers")
    flat = reshape_op(ary, shape=(ary.size,))
    parts = [diff(flat) if flat.size else flat]
    for where, end in ((0, to_begin), (2, to_end)):
        if end is None:
            continue
        end = operand(end, "ediff1d")
        if not np.can_cast(end.dtype, ary.dtype, "same_kind"):
            name = "to_begin" if where == 0 else "to_end"
            raise TypeError(f"ediff1d: {name} has dtype {end.dtype}, which differences of {ary.dtype} cannot hold")
        end = reshape_op(cast(end, dtype=ary.dtype), shape=(end.size,))
        parts.insert(where, end)
    return concatenate_op(*parts, axis=0) if len(parts) > 1 else parts[0]


@numpy_name(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * math.pi) -> Any:
    """p with multiples of the period added so that neighbours along an axis lie within half of it."""
    p = operand(p, "unwrap")
    axis = canonical_axis(axis, p.ndim, "unwrap")
    turn = _value(period)[()] if isinstance(period, Recorded) else period
    plain = np.unwrap(_value(p), None if discont is None else _value(discont)[()], axis, period=turn)
    if not isinstance(period, Recorded) and plain.dtype == p.dtype:
        return add(p, (plain - _value(p)).astype(plain.dtype))
    times = np.rint((plain - _value(p)) / turn).astype(plain.dtype)
    return add(p, multiply(period, times))


# -- Bessel functions and windows ----------------------------------------------------------------------------


@op("elementwise")
def i0_op(x, *, order=0):
    """The modified Bessel function of the first kind and of an integer order, of reals."""
    y = np.i0(x).reshape(np.shape(x))
    if order == 0:
        return y
    # The ratios I_k / I_(k-1) by their recurrence downwards, which is stable and keeps full precision near 0 too. It
    # starts from the bound of Amos, "Computation of modified Bessel functions and their ratios" (1974), equation 9.
    t = np.clip(np.asarray(x, np.result_type(x, np.float64)), -720.0, 720.0)
    k = order + 12 + int(6 * math.sqrt(np.max(abs(t), initial=0.0, where=t == t)))
    ratio = t / (k + 0.5 + np.sqrt((k + 1.5) ** 2 + t * t))
    product = np.ones_like(t)
    for n in range(k, 0, -1):
        ratio = t / (2 * n + t * ratio)
        if n <= order:
            product = product * ratio
    return (np.i0(np.asarray(x, t.dtype)).reshape(np.shape(x)) * product).astype(y.dtype, copy=False)


def _i0_rule(g: Any, x: Any, order: int) -> Any:
    if order == 0:
        return multiply(g, i0_op(x, order=1))
    return multiply(g, multiply(add(i0_op(x, order=order - 1), i0_op(x, order=order + 1)), 0.5))


i0_op.vjp(x=_i0_rule).sample(real(3, 4)).sample(np.array([0.0, -3.0, 8.0, 45.0]), order=1).sample(real(3), order=3)


@numpy_name(np.i0)
def i0(x: Any) -> Any:
    """The modified Bessel function of the first kind, of order 0; of reals."""
    x = operand(x, "i0")
    if x.dtype.kind == "c":
        raise TypeError("i0: takes reals; scipy.special.iv(0, z) is there for complex z")
    return i0_op(x if x.dtype.kind == "f" else cast(x, dtype=np.dtype(np.float64)))


def kaiser(M: int, beta: Any) -> Any:
    """The Kaiser window of M points, as numpy.kaiser; beta, which may be a Tensor, says how fast it falls."""
    M, beta = operator.index(M), operand(beta, "kaiser")
    if beta.ndim:
        raise ValueError(f"kaiser: beta must be one number, got shape {beta.shape}")
    if not isinstance(beta, Recorded):
        return wrap(np.kaiser(M, beta))
    beta = cast_to(beta, np.result_type(beta.dtype, np.float64))
    if M < 2:
        return add(multiply(beta, 0.0), np.ones(max(M, 0)))
    middle = (M - 1) / 2.0
    places = np.sqrt(1 - ((np.arange(M) - middle) / middle) ** 2)
    return divide(i0_op(multiply(beta, places)), i0_op(beta))
