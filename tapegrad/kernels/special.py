"""Functions that NumPy lacks: erf, erfc, the normal distribution and the activations that are one pass over it.
Knows arrays of floats, of which it keeps the dtype; nothing of tapes.

Double precision is W. J. Cody's rational approximations; single precision a polynomial without branches. Both run
over blocks that stay in the cache, and warn neither at infinities nor where a result is too small to be told from 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import memory
from .choice import kernel
from .windows import Array

# Entries of a block: its handful of temporaries stays in the second-level cache, and calls are long beside their cost.
_BLOCK = 1 << 16
_SQRT_HALF = math.sqrt(0.5)
_SQRT_2PI_INVERSE = 1 / math.sqrt(2 * math.pi)
# Beyond these, e**-t**2 is 0 in double and single precision.
_FAR = 30.0

# Source: W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969), 631-637.
# Highest power first.
# erfc(x) = e**-x**2 * MIDDLE(x) for 0.46875 <= x <= 4; used from 1 on, and of erfc from 0.46875 on
_MIDDLE_TOP = (
    2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
    2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3,
)  # fmt: skip
_MIDDLE_BOTTOM = (
    1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
    3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
)  # fmt: skip
# erfc(x) = e**-x**2 / x * (1 / sqrt(pi) - FAR(1 / x**2) / x**2) for x >= 4
_FAR_TOP = (
    1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
    1.60837851487422766e-2, 6.58749161529837803e-4,
)  # fmt: skip
_FAR_BOTTOM = (
    1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
    2.33520497626869185e-3,
)  # fmt: skip

# Worked out here: the Taylor series of erf(x) / x in x**2, economised to 12 terms, for |x| <= 1 to 1e-17.
_NEAR = (
    5.958930743134908e-11, -1.1373902296430893e-09, 1.4660051998394843e-08, -1.6350354461959655e-07,
    1.6461004480962034e-06, -1.4925595519506043e-05, 0.00012055331122299266, -0.0008548326981129666,
    0.005223977624823223, -0.026866170645077334, 0.11283791670954882, -0.3761263890318375, 1.1283791670955126,
)  # fmt: skip
# Fitted here, for single precision.
# erfc(t) = u * SINGLE_TAIL(u) * e**-t**2 with u = 2 / (2 + t), t >= 0, to 1.2e-8
SINGLE_TAIL = (
    0.04319543312, -0.2347335921, 0.4936949304, -0.4549739867, 0.1321770434, -0.05921135737, 0.09346243426,
    0.1753159758, 0.2468845747, 0.2820937538, 0.2820947952,
)  # fmt: skip
# erf(x) = x * SINGLE_NEAR(x**2) for |x| <= 1, to 2e-9
SINGLE_NEAR = (
    7.882497112063903e-05, -0.0008018854993849802, 0.005189311942877238, -0.026854328796217963, 0.1128359746349344,
    -0.376126269035812, 1.128379165881503,
)  # fmt: skip
# erfc(1 + d) = erfc(1) * e**(-d * SINGLE_FALL(d)) for d >= 0, to 1.7e-8 absolute; at d = 0 and inf it is exact
SINGLE_FALL = (
    0.0011634958984609073, -0.009066484159491, 0.041068133329092246, 0.8432093402503582, 2.638961224516246,
)  # fmt: skip
ERFC_OF_1 = 0.15729928016662598  # rounded so that with what SINGLE_NEAR gives at 1 it makes exactly 1
# of a normal distribution the share above y is e**(-y**2 / 2) * TOP(y) / BOTTOM(y), 0 <= y <= FAR_ABOVE, to 6e-9
ABOVE_TOP = (
    0.004108458363303278, 0.040580624525835746, 0.18307954635580553, 0.438085629835266, 0.5000000029048755,
)  # fmt: skip
ABOVE_BOTTOM = (
    0.010298256433474023, 0.10172705789143018, 0.46905974801068845, 1.2018579876546063, 1.6740562348190817, 1.0,
)  # fmt: skip
FAR_ABOVE = 15.0  # where that share is 0 in single precision


def _polynomial(coefficients: tuple[float, ...], x: Array, out: Array | None = None) -> Array:
    out = np.multiply(x, coefficients[0], out)
    for c in coefficients[1:-1]:
        out += c
        out *= x
    out += coefficients[-1]
    return out


def _exp_of_square(y: Array) -> Array:
    """e**-y**2 of y >= 0, the square split so that no digit of it is lost."""
    coarse = np.trunc(y * 16) / 16
    return np.exp(-coarse * coarse) * np.exp((coarse - y) * (coarse + y))  # type: ignore[no-any-return]


def _tail(y: Array, start: float) -> Array:
    """erfc of y >= start in double precision."""
    y = np.minimum(y, _FAR)
    if start < 4:
        return _exp_of_square(y) * _polynomial(_MIDDLE_TOP, y) / _polynomial(_MIDDLE_BOTTOM, y)
    z = 1 / (y * y)
    fraction = z * _polynomial(_FAR_TOP, z) / _polynomial(_FAR_BOTTOM, z)
    return _exp_of_square(y) * (1 / math.sqrt(math.pi) - fraction) / y


def _erf_single(x: Array, out: Array, spare: Array) -> None:
    """erf of a block in single precision: that of |x| up to 1, and what is added beyond, which is exactly 0 before."""
    y, square, beyond = spare
    np.abs(x, y)
    np.subtract(y, 1, beyond)
    np.maximum(beyond, 0, out=beyond)
    _polynomial(SINGLE_FALL, beyond, out)
    out *= beyond
    np.negative(out, out)
    np.exp(out, out)
    np.subtract(1, out, beyond)
    beyond *= ERFC_OF_1
    np.minimum(y, 1, out=y)
    np.square(y, square)
    _polynomial(SINGLE_NEAR, square, out)
    out *= y
    out += beyond
    np.copysign(out, x, out)


def _erfc_single(x: Array, out: Array) -> None:
    """erfc of a block in single precision."""
    y = np.abs(x)
    u = 2 / (y + 2)
    tail = u * _polynomial(SINGLE_TAIL, u) * _exp_of_square(np.minimum(y, _FAR))
    np.copysign(tail, x, tail)
    np.subtract(1, np.copysign(1, x), out)  # 0 or 2
    out += tail
    near = np.minimum(y, 1)
    np.copyto(out, 1 - x * _polynomial(SINGLE_NEAR, np.square(near)), where=y < 0.4)


def _erf_block(x: Array, out: Array, spare: Array) -> None:
    if x.dtype == np.float32:
        _erf_single(x, out, spare)
    else:
        _erf_double(x, out, False)


def _erfc_block(x: Array, out: Array, spare: Array) -> None:
    if x.dtype == np.float32:
        _erfc_single(x, out)
    else:
        _erf_double(x, out, True)


def _erf_double(x: Array, out: Array, upper: bool) -> None:
    """erf of a block in double precision, or with `upper` erfc."""
    y = np.abs(x)
    edge = 0.46875 if upper else 1.0
    near = y <= edge
    far = y > 4
    middle = ~(near | far)
    if near.any():
        z = x[near]
        small = z * _polynomial(_NEAR, z * z)
        out[near] = 1 - small if upper else small
    for where, start in ((middle, edge), (far, 4.0)):
        if where.any():
            z = x[where]
            tail = _tail(np.abs(z), start)
            out[where] = np.where(z < 0, 2 - tail, tail) if upper else np.copysign(1 - tail, z)


def _by_blocks(f: Callable[[Array, Array, Array], None], x: Array) -> Array:
    """f(block of x, block of the result, three blocks to work in) over all of x, which is not written.

    Half precision is computed in single, longer in double.
    """
    x = np.asarray(x)
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)
    work = np.dtype(np.float32 if dtype.itemsize <= 4 else np.float64)
    flat = np.ascontiguousarray(x, work).reshape(-1)
    out = memory.empty(flat.shape, work)
    spare = memory.empty((3, min(flat.size, _BLOCK)), work)
    with np.errstate(all="ignore"):
        for start in range(0, flat.size, _BLOCK):
            block = flat[start : start + _BLOCK]
            f(block, out[start : start + _BLOCK], spare[:, : block.size])
    return out.reshape(x.shape).astype(dtype, copy=False)  # type: ignore[no-any-return]


@kernel
def erf(x: Array) -> Array:
    """The error function 2 / sqrt(pi) * integral of e**-t**2 from 0 to x."""
    return _by_blocks(_erf_block, x)


@kernel
def erfc(x: Array) -> Array:
    """1 - erf(x), to full relative precision for large x too."""
    return _by_blocks(_erfc_block, x)


def _normal(x: Array) -> tuple[Array, Array]:
    """The normal distribution function of a block in double precision, and e**(-x**2 / 2)."""
    share = np.empty_like(x)
    _erf_double(x * -_SQRT_HALF, share, True)
    share *= 0.5
    return share, np.exp(np.square(x) * -0.5)


def _above_single(y: Array, bell: Array, ratio: Array, spare: Array) -> None:
    """Of 0 <= y <= FAR_ABOVE: e**(-y**2 / 2), and what it is to be multiplied with to give the share above y."""
    np.square(y, bell)
    bell *= -0.5
    np.exp(bell, bell)
    _polynomial(ABOVE_TOP, y, ratio)
    _polynomial(ABOVE_BOTTOM, y, spare)
    ratio /= spare


def _gelu_block(x: Array, out: Array, spare: Array) -> None:
    if x.dtype != np.float32:
        np.multiply(_finite(x), _normal(x)[0], out)
        return
    # max(x, 0) - |x| * the share above |x|: what is taken away keeps its digits on both sides
    y, bell, tail = spare
    np.abs(x, y)
    np.minimum(y, FAR_ABOVE, out=y)
    _above_single(y, bell, tail, out)
    tail *= bell
    tail *= y
    np.maximum(x, 0, out=out)
    out -= tail


def _gelu_slope_block(x: Array, out: Array, spare: Array) -> None:
    if x.dtype != np.float32:
        x = np.minimum(x, np.finfo(x.dtype).max)
        share, bell = _normal(x)
        bell *= _finite(x)
        bell *= _SQRT_2PI_INVERSE
        np.add(share, bell, out)
        return
    # the slope at -|x|, which is the share above |x| less |x| times the density; at |x| it is 1 less that
    y, bell, slope = spare
    np.abs(x, y)
    np.minimum(y, FAR_ABOVE, out=y)
    _above_single(y, bell, slope, out)
    y *= _SQRT_2PI_INVERSE
    slope -= y
    slope *= bell
    np.copysign(0.5, x, out)
    slope *= out
    slope += slope
    out += 0.5
    out -= slope


def _finite(x: Array) -> Array:
    """x with -inf as the lowest number, so that 0 times it is 0. Above, only the slope has such a product."""
    return np.maximum(x, np.finfo(x.dtype).min)  # type: ignore[no-any-return]


@kernel
def gelu(x: Array) -> Array:
    """x times the share of a standard normal distribution that lies below x; -inf gives 0."""
    return _by_blocks(_gelu_block, x)


@kernel
def gelu_slope(x: Array) -> Array:
    """The derivative of gelu."""
    return _by_blocks(_gelu_slope_block, x)


# gelu's approximation: x * sigmoid(2 * SCALE * (x + CUBE * x**3)), with 1 + tanh(z) = 2 * sigmoid(2 z)
TANH_SCALE = 2 * math.sqrt(2 / math.pi)
TANH_CUBE = 0.044715


def _logistic(x: Array) -> Array:
    """1 / (1 + e**-x) in a new array."""
    out = np.negative(x)
    np.exp(out, out)
    out += 1
    np.reciprocal(out, out)
    return out


def _gelu_tanh_block(x: Array, out: Array, spare: Array) -> None:
    x = np.clip(x, -1e4, None)
    inner = np.square(x)
    inner *= TANH_CUBE
    inner += 1
    inner *= x
    inner *= TANH_SCALE
    np.multiply(x, _logistic(inner), out)


def _gelu_tanh_slope_block(x: Array, out: Array, spare: Array) -> None:
    x = np.clip(x, -1e4, 1e4)
    square = np.square(x)
    square *= TANH_CUBE
    inner = (square + 1) * x
    inner *= TANH_SCALE
    share = _logistic(inner)
    square *= 3
    square += 1
    square *= x
    square *= TANH_SCALE
    square *= 1 - share
    square += 1
    np.multiply(square, share, out)


@kernel
def gelu_tanh(x: Array) -> Array:
    """x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))); -inf gives 0."""
    return _by_blocks(_gelu_tanh_block, x)


@kernel
def gelu_tanh_slope(x: Array) -> Array:
    """The derivative of gelu_tanh."""
    return _by_blocks(_gelu_tanh_slope_block, x)


@kernel
def sigmoid(x: Array) -> Array:
    """1 / (1 + e**-x)."""

    def block(a: Array, out: Array, spare: Array) -> None:
        np.negative(a, out)
        np.exp(out, out)
        out += 1
        np.reciprocal(out, out)

    return _by_blocks(block, x)


def _silu_block(x: Array, out: Array, spare: Array) -> None:
    np.multiply(_finite(x), _logistic(x), out)


def _silu_slope_block(x: Array, out: Array, spare: Array) -> None:
    share = _logistic(x)
    np.subtract(1, share, out)
    limit: Any = np.finfo(x.dtype).max
    out *= np.clip(x, -limit, limit)
    out += 1
    out *= share


@kernel
def silu(x: Array) -> Array:
    """x * sigmoid(x); -inf gives 0."""
    return _by_blocks(_silu_block, x)


@kernel
def silu_slope(x: Array) -> Array:
    """The derivative of silu."""
    return _by_blocks(_silu_slope_block, x)


def _mish_share(x: Array) -> Array:
    """n = e**x * (e**x + 2), of which n / (n + 2) is tanh(softplus(x)); where that is 1, x is held back."""
    e = np.exp(np.minimum(x, 20))
    return e * (e + 2)  # type: ignore[no-any-return]


def _mish_block(x: Array, out: Array, spare: Array) -> None:
    n = _mish_share(x)
    np.multiply(_finite(x), n / (n + 2), out)


def _mish_slope_block(x: Array, out: Array, spare: Array) -> None:
    n = _mish_share(x)
    x = np.clip(x, -1e4, 20)
    bent = x * _logistic(x)
    bent *= 4 * (n + 1) / np.square(n + 2)
    np.add(n / (n + 2), bent, out)


def mish(x: Array) -> Array:
    """x * tanh(log(1 + e**x)); -inf gives 0."""
    return _by_blocks(_mish_block, x)


def mish_slope(x: Array) -> Array:
    """The derivative of mish."""
    return _by_blocks(_mish_slope_block, x)
