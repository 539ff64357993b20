"""Running sums and products, and the recurrence that their derivatives are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..registry import op
from ..samples import real
from .elementwise import H, multiply
from .structure import concatenate_op, flip_op


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
