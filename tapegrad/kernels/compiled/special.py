"""The error function and activations, each a loop over elements that is compiled to vector instructions.

Calls of the C library keep a loop from that, so the exponential is written out: a polynomial times a power of two that
is set in the bits of the exponent. Only in double precision, where erf and erfc have several ranges, they are called.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.extending import overload

from .. import memory
from ..choice import compiled
from ..special import (
    ABOVE_BOTTOM,
    ABOVE_TOP,
    ERFC_OF_1,
    FAR_ABOVE,
    SINGLE_FALL,
    SINGLE_NEAR,
    SINGLE_TAIL,
    TANH_CUBE,
    TANH_SCALE,
)
from ..windows import Array
from .arguments import whole
from .jit import jit

__all__ = ["exp", "step"]

# Sums stay in the order in which they are written: the exponential takes its argument apart by them.
step = numba.njit(nogil=True, fastmath={"contract"}, error_model="numpy", forceinline=True)


def _single(*coefficients: float) -> Any:
    return tuple([np.float32(c) for c in coefficients])


# -- the exponential -----------------------------------------------------------------------------------------

# Fitted here: e**r for |r| <= log(2) / 2, to 3e-9 and 4e-18. Highest power first.
_EXP_SINGLE = _single(
    0.0013941259468770698, 0.008375247326888453, 0.041666351080179596, 0.1666641406019359, 0.5000000047527411,
    1.0000000380441922, 1.0,
)  # fmt: skip
_EXP_DOUBLE = (
    2.5110205054885565e-08, 2.7632857394564315e-07, 2.755724046539405e-06, 2.480148489299488e-05,
    0.00019841269890471088, 0.001388888895286612, 0.008333333333319442, 0.041666666666486024, 0.16666666666666682,
    0.5000000000000019, 1.0, 1.0,
)  # fmt: skip
# log2(e), and log(2) in two parts, of which the first times an exponent is exact
_SINGLE_LOGS = _single(1.4426950408889634, 0.693359375, -2.12194440054690583e-4)
_DOUBLE_LOGS = (1.4426950408889634, 0.693147180369123816490, 1.90821492927058770002e-10)
# Below these the exponential is 0. A whole number added to 1.5 * 2**23 or 1.5 * 2**52 stands in the lowest bits.
_SINGLE_LEAST, _SINGLE_WHOLE = np.float32(-110), np.float32(1.5 * 2**23)
_DOUBLE_LEAST, _DOUBLE_WHOLE = -750.0, 1.5 * 2**52
_SINGLE_BITS = np.int32(_SINGLE_WHOLE.view(np.int32))
_DOUBLE_BITS = np.int64(np.float64(_DOUBLE_WHOLE).view(np.int64))


@step
def _exp_single(x: Any) -> Any:
    """e**x of x <= 0."""
    x = _SINGLE_LEAST if x < _SINGLE_LEAST else x
    turns = np.rint(x * _SINGLE_LOGS[0])
    r = (x - turns * _SINGLE_LOGS[1]) - turns * _SINGLE_LOGS[2]
    p = _EXP_SINGLE[0]
    for c in _EXP_SINGLE[1:]:
        p = p * r + c
    n = np.int32(np.float32(turns + _SINGLE_WHOLE).view(np.int32) - _SINGLE_BITS)
    half = np.int32(n >> 1)  # in two steps, since 2**n itself may be too small to have its exponent's bits
    first = np.int32((half + 127) << 23).view(np.float32)
    return p * first * np.int32((n - half + 127) << 23).view(np.float32)


@step
def _exp_double(x: Any) -> Any:
    """e**x of x <= 0."""
    x = _DOUBLE_LEAST if x < _DOUBLE_LEAST else x
    turns = np.rint(x * _DOUBLE_LOGS[0])
    r = (x - turns * _DOUBLE_LOGS[1]) - turns * _DOUBLE_LOGS[2]
    p = _EXP_DOUBLE[0]
    for c in _EXP_DOUBLE[1:]:
        p = p * r + c
    n = np.float64(turns + _DOUBLE_WHOLE).view(np.int64) - _DOUBLE_BITS
    half = n >> 1
    first = np.int64((half + 1023) << 52).view(np.float64)
    return p * first * np.int64((n - half + 1023) << 52).view(np.float64)


def exp(x: Any) -> Any:
    """e**x of x <= 0, for use in compiled loops."""
    raise NotImplementedError


@overload(exp, strict=False)  # strict would compare annotations, too
def _exp(x: Any) -> Any:
    if x == numba.types.float32:
        return lambda x: _exp_single(x)
    return lambda x: _exp_double(x)


# -- of one element ------------------------------------------------------------------------------------------

_TOP, _BOTTOM, _NEAR = _single(*ABOVE_TOP), _single(*ABOVE_BOTTOM), _single(*SINGLE_NEAR)
_TAIL, _FALL = _single(*SINGLE_TAIL), _single(*SINGLE_FALL)
_0, _HALF, _1, _2, _16 = _single(0, 0.5, 1, 2, 16)
_FAR_ABOVE, _FAR_TAIL, _ERFC_OF_1, _NEAR_0 = _single(FAR_ABOVE, 11, ERFC_OF_1, 0.4)
_DENSITY = 1 / math.sqrt(2 * math.pi)
_DENSITY_SINGLE = np.float32(_DENSITY)
_SQRT_HALF = math.sqrt(0.5)


@step
def _polynomial(coefficients: Any, x: Any) -> Any:
    p = coefficients[0]
    for c in coefficients[1:]:
        p = p * x + c
    return p


@step
def _bounded(x: Any, most: Any) -> Any:
    """The smaller of the two; nan stays."""
    return most if x > most else x


@step
def _erf_of(x: Any) -> Any:
    y = abs(x)
    d = _0 if y < _1 else y - _1
    near = _bounded(y, _1)
    whole = near * _polynomial(_NEAR, near * near) + (_1 - exp(-d * _polynomial(_FALL, d))) * _ERFC_OF_1
    return math.copysign(whole, x)


@step
def _erfc_of(x: Any) -> Any:
    y = _bounded(abs(x), _FAR_TAIL)
    coarse = np.floor(y * _16) / _16  # its square is exact
    bell = exp(-coarse * coarse) * exp((coarse - y) * (coarse + y))
    u = _2 / (y + _2)
    tail = u * _polynomial(_TAIL, u) * bell
    tail = _2 - tail if x < _0 else tail
    near = _bounded(y, _1)
    return _1 - x * _polynomial(_NEAR, near * near) if y < _NEAR_0 else tail


@step
def _gelu_of(x: Any) -> Any:
    y = _bounded(abs(x), _FAR_ABOVE)
    above = _polynomial(_TOP, y) / _polynomial(_BOTTOM, y) * exp(-_HALF * y * y)
    return (_0 if x < _0 else x) - y * above


@step
def _gelu_slope_of(x: Any) -> Any:
    y = _bounded(abs(x), _FAR_ABOVE)
    slope = (_polynomial(_TOP, y) / _polynomial(_BOTTOM, y) - _DENSITY_SINGLE * y) * exp(-_HALF * y * y)
    return slope if x < _0 else _1 - slope


@step
def _held(x: Any, most: Any) -> Any:
    """x between -most and most; nan stays."""
    return -most if x < -most else _bounded(x, most)


@step
def _shares(x: Any, one: Any) -> Any:
    """The logistic function of x and of -x."""
    e = exp(-abs(x))
    s = one / (one + e)
    return (e * s, s) if x < 0 else (s, e * s)


# -- loops ---------------------------------------------------------------------------------------------------


@jit
def _erf_single(x: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = _erf_of(x[i])


@jit
def _erf_double(x: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = math.erf(x[i])


@jit
def _erfc_single(x: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = _erfc_of(x[i])


@jit
def _erfc_double(x: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = math.erfc(x[i])


@jit
def _gelu_single(x: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = _gelu_of(x[i])


@jit
def _gelu_double(x: Any, out: Any) -> None:
    for i in range(x.size):
        v = -1e4 if x[i] < -1e4 else x[i]
        out[i] = v * 0.5 * math.erfc(v * -_SQRT_HALF)


@jit
def _gelu_slope_single(x: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = _gelu_slope_of(x[i])


@jit
def _gelu_slope_double(x: Any, out: Any) -> None:
    for i in range(x.size):
        v = _held(x[i], 1e4)
        out[i] = 0.5 * math.erfc(v * -_SQRT_HALF) + v * exp(-0.5 * v * v) * _DENSITY


@jit
def _gelu_tanh(x: Any, out: Any, one: Any, most: Any, scale: Any, cube: Any) -> None:
    for i in range(x.size):
        v = -most if x[i] < -most else x[i]
        out[i] = v * _shares(v * (one + v * v * cube) * scale, one)[0]


@jit
def _gelu_tanh_slope(x: Any, out: Any, one: Any, most: Any, scale: Any, cube: Any) -> None:
    for i in range(x.size):
        v = _held(x[i], most)
        square = v * v * cube
        share, rest = _shares(v * (one + square) * scale, one)
        out[i] = share * (one + v * (one + square + square + square) * scale * rest)


@jit
def _sigmoid(x: Any, out: Any, one: Any) -> None:
    for i in range(x.size):
        out[i] = _shares(x[i], one)[0]


@jit
def _silu(x: Any, out: Any, one: Any, most: Any) -> None:
    for i in range(x.size):
        v = -most if x[i] < -most else x[i]
        out[i] = v * _shares(v, one)[0]


@jit
def _silu_slope(x: Any, out: Any, one: Any, most: Any) -> None:
    for i in range(x.size):
        v = _held(x[i], most)
        share, rest = _shares(v, one)
        out[i] = share * (one + v * rest)


# -- the forms -----------------------------------------------------------------------------------------------

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def _each(x: Array, single: Any, double: Any, *constants: float) -> Any:
    """The loop over all of x, with constants in its dtype."""
    if x.dtype != FLOAT32 and x.dtype != FLOAT64:
        return NotImplemented
    out = memory.empty(x.shape, x.dtype)
    loop = single if x.dtype == FLOAT32 else double
    loop(whole(x).reshape(-1), out.reshape(-1), *[x.dtype.type(c) for c in constants])
    return out


# name -> the loops in single and double precision and their constants; 1e4 is as good as infinite
_FORMS: dict[str, tuple[Any, ...]] = {
    "erf": (_erf_single, _erf_double),
    "erfc": (_erfc_single, _erfc_double),
    "gelu": (_gelu_single, _gelu_double),
    "gelu_slope": (_gelu_slope_single, _gelu_slope_double),
    "gelu_tanh": (_gelu_tanh, _gelu_tanh, 1.0, 1e4, TANH_SCALE, TANH_CUBE),
    "gelu_tanh_slope": (_gelu_tanh_slope, _gelu_tanh_slope, 1.0, 1e4, TANH_SCALE, TANH_CUBE),
    "sigmoid": (_sigmoid, _sigmoid, 1.0),
    "silu": (_silu, _silu, 1.0, 1e4),
    "silu_slope": (_silu_slope, _silu_slope, 1.0, 1e4),
}  # fmt: skip


def _form(loops: tuple[Any, ...]) -> Callable[[Array], Any]:
    return lambda x: _each(x, *loops)


for _name, _loops in _FORMS.items():
    compiled(f"special.{_name}")(_form(_loops))
