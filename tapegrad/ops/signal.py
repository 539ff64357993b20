"""Functions of sampled signals: convolve, correlate, interp, gradient, trapezoid, unwrap, i0 and its window."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..registry import ARRAY, Recorded, numpy_name, op, operand
from ..samples import real
from .elementwise import H, add, conjugate, div_no_nan, divide, multiply, remainder, subtract, where_op
from .index import diff, getitem
from .reduce import sum_op
from .structure import (
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


def _convolved(a: Any, v: Any, mode: Any, name: str) -> Any:
    mode = {0: "valid", 1: "same", 2: "full"}.get(mode, mode)
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"{name}: mode {mode!r} is not 'full', 'same' or 'valid'")
    if v.size > a.size:
        a, v = v, a
    if mode == "valid":
        return convolve_valid(a, v)
    y = convolve_full(a, v)
    if mode == "full":
        return y
    start = (v.size - 1) // 2
    return y[start : start + a.size]


@numpy_name(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """The convolution of a (n,) and v (m,). mode: 'full' (n + m - 1,), 'same' (the longer), 'valid' (no borders)."""
    return _convolved(_line(a, "convolve"), _line(v, "convolve"), mode, "convolve")


@numpy_name(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """c[k] = the sum over n of a[n + k] * conj(v[n]), for a (n,) and v (m,). mode as in convolve."""
    a, v = _line(a, "correlate"), _line(v, "correlate")
    y = _convolved(a, _back(conjugate(v)), mode, "correlate")
    if v.size > a.size and mode in ("same", 1) and (a.size % 2 == 0):
        full = convolve_full(a, _back(conjugate(v)))
        start = a.size // 2
        y = full[start : start + v.size]
    return y


# -- interpolation -------------------------------------------------------------------------------------------


@numpy_name(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """Values at x of the line through the points (xp, fp), xp increasing; at a point, the slope of what follows.

    left, right: the values before the first and after the last point, by default theirs. period: that of x.
    """
    x, xp, fp = operand(x, "interp"), operand(xp, "interp"), operand(fp, "interp")
    if xp.ndim != 1 or fp.ndim != 1 or xp.size != fp.size:
        raise ValueError(f"interp: xp and fp must be lines of one length (xp {xp.shape}, fp {fp.shape})")
    if not xp.size:
        raise ValueError("interp: array of sample points is empty")
    if any([_kind(v) == "c" for v in (x, xp)]):
        raise TypeError("interp: x and xp must be real; fp may be complex")
    dtype = np.dtype(np.complex128 if fp.dtype.kind == "c" else np.float64)
    x, xp = cast(x, dtype=np.dtype(np.float64)), cast(xp, dtype=np.dtype(np.float64))
    fp = cast(fp, dtype=dtype)
    if period is not None:
        if _value(period) == 0:
            raise ValueError("interp: the period must not be 0")
        period = operand(abs(period), "interp")
        left = right = None
        x, xp = remainder(x, period), remainder(xp, period)
        order = np.argsort(_value(xp))
        xp, fp = (getitem(v, order, index=(ARRAY,)) for v in (xp, fp))
        xp = concatenate_op(subtract(xp[-1:], period), xp, add(xp[:1], period), axis=0)
        fp = concatenate_op(fp[-1:], fp, fp[:1], axis=0)
    at, points = _value(x), _value(xp)
    if points.size == 1:
        y = add(multiply(x, 0.0), fp[0])
    else:
        j = np.clip(np.searchsorted(points, at, "right") - 1, 0, points.size - 2)
        start, low = getitem(xp, j, index=(ARRAY,)), getitem(fp, j, index=(ARRAY,))
        width = subtract(getitem(xp, j + 1, index=(ARRAY,)), start)
        rise = subtract(getitem(fp, j + 1, index=(ARRAY,)), low)
        y = add(low, multiply(div_no_nan(rise, width), subtract(x, start)))
    before = fp[0] if left is None else operand(left, "interp")
    after = fp[-1] if right is None else operand(right, "interp")
    y = where_op(at < points[0], cast(before, dtype=dtype), y)
    y = where_op(at > points[-1], cast(after, dtype=dtype), y)
    return where_op(at == points[-1], fp[-1], y) if points.size > 1 else y


def _value(x: Any) -> Any:
    return x._data if isinstance(x, Recorded) else np.asarray(x)


def _kind(x: Any) -> str:
    return x.dtype.kind  # type: ignore[no-any-return]


# -- differences and sums ------------------------------------------------------------------------------------


def _cut(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    return x[(slice(None),) * axis + (slice(start, stop),)]


@numpy_name(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """The slopes of f along axes (None: all, a tuple of results), second differences inside, one-sided at the ends.

    varargs: the distance of samples, one for all axes or one for each, as a number or as coordinates (n,).
    """
    f = operand(f, "gradient")
    axes = canonical_axes(axis, f.ndim, "gradient")
    if len(varargs) not in (0, 1, len(axes)):
        raise TypeError(f"gradient: {len(varargs)} distances for {len(axes)} axes; give none, one, or one for each")
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
        d = diff(h)
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
    y = operand(y, "trapezoid")
    axis = canonical_axis(axis, y.ndim, "trapezoid")
    if x is None:
        d = dx
    else:
        x = operand(x, "trapezoid")
        if x.ndim == 1:
            d = diff(x)
            d = reshape_op(d, shape=(d.size,) + (1,) * (y.ndim - axis - 1))
        else:
            d = diff(x, axis=axis)
    both = add(_cut(y, axis, 1, None), _cut(y, axis, None, -1))
    return sum_op(divide(multiply(d, both), 2.0), axis=(axis,))


@numpy_name(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """The differences of neighbours in the flat array, with what is to come before and after them."""
    ary = operand(ary, "ediff1d")
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
    plain = np.unwrap(_value(p), discont, axis, period=turn)
    if not isinstance(period, Recorded) and plain.dtype == p.dtype:
        return add(p, (plain - _value(p)).astype(plain.dtype))
    times = np.rint((plain - _value(p)) / turn).astype(plain.dtype)
    return add(p, multiply(period, times))


# -- Bessel functions and windows ----------------------------------------------------------------------------


@op("elementwise")
def i0_op(x, *, order=0):
    """The modified Bessel function of the first kind and of an integer order, of reals."""
    if order == 0:
        return np.i0(x).reshape(np.shape(x))
    far = np.maximum(abs(np.asarray(x, float)), 40.0)
    near = np.clip(np.asarray(x, float), -40.0, 40.0)
    # the integral over a period by equal steps, whose error is I_n of the number of steps
    angles = (np.arange(192) + 0.5) * (np.pi / 192)
    inside = np.exp(near[..., None] * np.cos(angles)) @ (np.cos(order * angles) / 192)
    # Abramowitz and Stegun (1964), 9.7.1, to 16 terms
    term = total = np.ones_like(far)
    for k in range(1, 17):
        term = term * ((2 * k - 1) ** 2 - 4 * order**2) / (8 * k * far)
        total = total + term
    outside = np.exp(far) / np.sqrt(2 * np.pi * far) * total
    outside = np.where((np.asarray(x) < 0) & (order % 2 == 1), -outside, outside)
    y = np.where(abs(np.asarray(x)) < 40.0, inside, outside)
    return np.where(np.isnan(x), np.nan, y).astype(np.result_type(x, np.float16), copy=False)


def _i0_rule(g: Any, x: Any, order: int) -> Any:
    if order == 0:
        return multiply(g, i0_op(x, order=1))
    return multiply(g, multiply(add(i0_op(x, order=order - 1), i0_op(x, order=order + 1)), 0.5))


i0_op.vjp(x=_i0_rule).sample(real(3, 4)).sample(np.array([0.0, -3.0, 39.9, 45.0]), order=1).sample(real(3), order=3)


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
    if M < 2:
        return add(multiply(beta, 0.0), np.ones(max(M, 0)))
    middle = (M - 1) / 2.0
    places = np.sqrt(1 - ((np.arange(M) - middle) / middle) ** 2)
    return divide(i0(multiply(beta, places)), i0(beta))
