"""Evenly spaced numbers between ends that may be Tensors: linspace, logspace, geomspace."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..registry import Recorded, numpy_name, op, operand
from ..samples import positive, real
from .elementwise import H, div_no_nan, floor, multiply, power
from .reduce import sum_op
from .structure import cast, expand_dims, moveaxis, on_cpu, reshape_op, sum_to


def _shares(num: int, endpoint: bool, ndim: int, dtype: Any) -> Any:
    """How far each of the numbers lies from start to stop, along a first axis."""
    steps = num - 1 if endpoint else num
    t = np.arange(num) / max(steps, 1)
    return t.reshape(num, *(1,) * ndim).astype(dtype)


@op("linear")
def linspace_op(start, stop, *, num, endpoint=True):
    """`num` evenly spaced numbers from start to stop, along a new first axis."""
    return np.linspace(start, stop, num, endpoint).astype(np.result_type(start, stop, np.float16), copy=False)


def _spread_start(g: Any, start_shape: tuple[int, ...], num: int, endpoint: bool) -> Any:
    t = _shares(num, endpoint, g.ndim - 1, g.dtype)
    return sum_to(sum_op(multiply(g, 1 - t), axis=(0,)), shape=start_shape)


def _spread_stop(g: Any, stop_shape: tuple[int, ...], num: int, endpoint: bool) -> Any:
    t = _shares(num, endpoint, g.ndim - 1, g.dtype)
    return sum_to(sum_op(multiply(g, t), axis=(0,)), shape=stop_shape)


linspace_op.vjp(start=_spread_start, stop=_spread_stop)
linspace_op.sample(real(), real(), num=5).sample(real(3), real(2, 1), num=4, endpoint=False).sample(
    real(2), real(2), num=1
)
linspace_op.sample(real(2), real(2), num=0)


@op()
def geomspace_op(start, stop, *, num, endpoint=True):
    """`num` numbers from start to stop, each the same multiple of the one before, along a new first axis."""
    return np.geomspace(start, stop, num, endpoint).astype(np.result_type(start, stop, np.float16), copy=False)


def _scale_start(g: Any, start: Any, out: Any, num: int, endpoint: bool) -> Any:
    t = _shares(num, endpoint, g.ndim - 1, g.dtype)
    return sum_to(sum_op(multiply(g, H(multiply(div_no_nan(out, start), 1 - t))), axis=(0,)), shape=start.shape)


def _scale_stop(g: Any, stop: Any, out: Any, num: int, endpoint: bool) -> Any:
    t = _shares(num, endpoint, g.ndim - 1, g.dtype)
    return sum_to(sum_op(multiply(g, H(multiply(div_no_nan(out, stop), t))), axis=(0,)), shape=stop.shape)


geomspace_op.vjp(start=_scale_start, stop=_scale_stop)
geomspace_op.sample(positive(), positive(), num=5).sample(positive(3), positive(2, 1), num=4, endpoint=False)
geomspace_op.sample(positive(2), positive(2), num=0)

# -- public functions ----------------------------------------------------------------------------------------


def _number(num: Any, name: str) -> int:
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"{name}: the number of samples must not be negative, got {num}")
    return num


def _ends(start: Any, stop: Any, name: str) -> tuple[Any, Any]:
    """Both ends, of one floating-point dtype as NumPy has it: a Python number widens nothing."""
    ends = [x if type(x) in (int, float, complex) else operand(x, name) for x in (start, stop)]
    dtype = np.result_type(*[getattr(x, "dtype", x) for x in ends], 1.0)  # integers become float64, float32 stays
    start, stop = (operand(x, name) for x in ends)
    return tuple([x if x.dtype == dtype else cast(x, dtype=dtype) for x in (start, stop)])


def _finished(y: Any, dtype: Any, axis: int) -> Any:
    if dtype is not None and np.dtype(dtype) != y.dtype:
        if np.dtype(dtype).kind in "iu":
            y = floor(y)
        y = cast(y, dtype=np.dtype(dtype))
    return moveaxis(y, 0, axis) if axis else y


@numpy_name(np.linspace)
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
    axis: int = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    """Evenly spaced numbers from start to stop; with retstep=True also their distance."""
    on_cpu(device, "linspace")
    num = _number(num, "linspace")
    start, stop = _ends(start, stop, "linspace")
    y = _finished(linspace_op(start, stop, num=num, endpoint=bool(endpoint)), dtype, axis)
    if not retstep:
        return y
    steps = num - 1 if endpoint else num
    step = (stop - start) / steps if steps > 0 else (stop - start) * np.nan
    return y, step


@numpy_name(np.geomspace)
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """Numbers from start to stop, each the same multiple of the one before."""
    num = _number(num, "geomspace")
    start, stop = _ends(start, stop, "geomspace")
    wide = np.result_type(start.dtype, np.float64)  # as in NumPy
    start, stop = (x if x.dtype == wide else cast(x, dtype=wide) for x in (start, stop))
    if any([not np.all(x._data if isinstance(x, Recorded) else x) for x in (start, stop)]):
        raise ValueError("geomspace: a geometric sequence cannot start or stop at 0")
    return _finished(geomspace_op(start, stop, num=num, endpoint=bool(endpoint)), dtype, axis)


@numpy_name(np.logspace)
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    """base ** linspace(start, stop): the ends are given by their exponents."""
    if np.ndim(base) > 0:
        base = operand(base, "logspace")
        start, stop = operand(start, "logspace"), operand(stop, "logspace")
        ndim = max(start.ndim, stop.ndim, base.ndim)
        start, stop, base = (reshape_op(x, shape=(1,) * (ndim - x.ndim) + x.shape) for x in (start, stop, base))
        base = expand_dims(base, axis)
    y = power(base, linspace(start, stop, num, endpoint, axis=axis))
    return y if dtype is None else cast(y, dtype=np.dtype(dtype))
