"""Smooth functions near points where their plain formulas lose all digits, with their derivatives of any order.
Knows arrays, real and complex, which it works on in double precision; nothing of tapes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from .windows import Array


@cache
def gauss(count: int) -> list[tuple[float, float]]:
    """Abscissas and weights of Gauss' rule on [0, 1]."""
    points, weights = np.polynomial.legendre.leggauss(count)
    return list(zip(((points + 1) / 2).tolist(), (weights / 2).tolist(), strict=True))


def exprel(x: Array, order: int) -> Array:
    """The derivative of that order of (e**x - 1) / x: the integral of t**n e**(x t) over t from 0 to 1."""
    with np.errstate(all="ignore"):
        if not order:
            plain = np.where(x == 0, 1.0, np.expm1(x) / np.where(x == 0, 1, x))
            return np.where(np.isposinf(x.real), x, plain)
        far = abs(x) > 20
        z = np.where(far, x, 1)
        power = np.exp(z)
        out = np.expm1(z) / z
        for n in range(1, order + 1):  # in parts
            out = (power - n * out) / z
        near = np.where(far, 0, x)
        total: Any = 0.0
        for t, w in gauss(40):
            total = total + w * t**order * np.exp(near * t)
        return np.where(far, np.where(np.isinf(x), np.where(x.real > 0, x, 0), out), total)


def log1p_ratio(x: Array, order: int) -> Array:
    """The derivative of that order of log(1 + x) / x."""
    with np.errstate(all="ignore"):
        near = abs(x) < 0.4
        z = np.where(near, 1, x)
        out = np.log1p(z) / z
        for n in range(1, order + 1):  # of x f(x) = log(1 + x), n times
            out = ((-1) ** (n - 1) * math.factorial(n - 1) / (1 + z) ** n - n * out) / z
        out = np.where(np.isposinf(x.real), 0, out)
        if not near.any():
            return out
        z = np.where(near, x, 0)
        total, power = np.zeros_like(z), np.ones_like(z)
        for k in range(70 + 4 * order):
            total = total + (-1) ** (k + order) * math.perm(k + order, order) / (k + order + 1) * power
            power = power * z
        return np.where(near, total, out)


def bessel_i(x: Array, order: int, scaled: bool) -> Array:
    """The modified Bessel function of the first kind of integer order, times e**-|x| if scaled; for real x.

    Its series, of positive terms, or far out the asymptotic one.
    Source: NIST Digital Library of Mathematical Functions, 10.25.2 and 10.40.1.
    """
    order = abs(order)
    z = abs(x)
    edge = max(30.0, 1.5 * order**2)
    near = np.minimum(z, edge)
    half = near / 2
    square = half * half
    with np.errstate(under="ignore", over="ignore", invalid="ignore"):
        term = np.exp(-near) * half**order / math.factorial(order)
        total = term
        for k in range(1, 40 + int(1.5 * np.fmax.reduce(near, initial=0.0))):
            term = term * square / (k * (k + order))
            total = total + term
            if np.all(term <= 1e-18 * total):
                break
        far = np.maximum(z, edge)
        term = 1 / np.sqrt(2 * math.pi * far)
        tail = term
        for k in range(1, 60):
            after = -term * (4 * order**2 - (2 * k - 1) ** 2) / (8 * k * far)
            if np.all(abs(after) <= 1e-18 * abs(tail)):
                break
            term = np.where(abs(after) < abs(term), after, 0)
            tail = tail + term
        out = np.where(z > edge, tail, total)
        if not scaled:
            root = np.exp(z / 2)
            out = np.where(np.isinf(z), z, out * root * root)
    return out * np.where(x < 0, -1, 1) if order % 2 else out  # type: ignore[no-any-return]


_ASYMPTOTIC = (  # B[2 k] / (2 k)!
    1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600,
    -3617 / 10670622842880000,
)  # fmt: skip


def polygamma(z: Array, order: int) -> Array:
    """The derivative of that order >= 1 of digamma at complex z: moved to the right, where there is a short series.

    Source: NIST Digital Library of Mathematical Functions, 5.15.5, 5.15.6 and 5.15.8.
    """
    left = z.real < 0.5
    w = np.where(left, 1 - z, z)
    total: Any = 0.0
    s = order + 1  # that times (-1)**s is order! times the sum over k of (w + k)**-s
    for _ in range(16):
        total = total + w ** (-s)
        w = w + 1
    total = total + w ** (1 - s) / (s - 1) + w ** (-s) / 2
    for k, b in enumerate(_ASYMPTOTIC):
        rising = math.prod(range(s, s + 2 * k + 1))
        total = total + b * rising * w ** (-s - 2 * k - 1)
    out = (-1) ** s * math.factorial(order) * total
    if not left.any():
        return np.asarray(out)
    with np.errstate(all="ignore"):
        away = np.where(left, z, 0.25)
        upper = np.exp(np.where(away.imag < 0, -2j, 2j) * math.pi * (away - np.rint(away.real)))  # at most 1 in size
        cot = np.where(away.imag < 0, 1j, -1j) * (1 + upper) / (1 - upper)
        square = -4 * upper / (1 - upper) ** 2  # 1 + cot**2, also where cot is near i
        slope = np.polynomial.Polynomial([-math.pi])  # of cot(pi z), over that
        one = np.polynomial.Polynomial([1, 0, 1])
        for _ in range(order - 1):
            slope = -math.pi * (slope.deriv() * one + slope * np.polynomial.Polynomial([0, 2]))
        return np.where(left, (-1) ** order * out - math.pi * square * slope(cot), out)  # type: ignore[no-any-return]


def faddeeva(z: Array, order: int, w: Callable[[Array], Array]) -> Array:
    """The derivative of that order >= 1 of w(z) = e**(-z**2) erfc(-i z), from w itself.

    Near, w' = 2 i / sqrt(pi) - 2 z w, and that differentiated. Far out, where this has no digits left, the asymptotic
    series of the upper half plane, to which the lower one is mirrored: w(z) + w(-z) = 2 e**(-z**2).
    Source: NIST Digital Library of Mathematical Functions, 7.10 and 7.12.1.
    """
    with np.errstate(all="ignore"):
        far = abs(z) > 6.5
        near = np.where(far, 0, z)
        last, now = w(near), 2j / math.sqrt(math.pi) - 2 * near * w(near)
        for n in range(1, order):
            last, now = now, -2 * near * now - 2 * n * last
        if not far.any():
            return np.asarray(now)
        lower = far & (z.imag < 0)
        up = np.where(far, np.where(lower, -z, z), 1)
        power = up ** (-1 - order) * (1j / math.sqrt(math.pi))
        total, half = np.zeros_like(up), 1.0
        for k in range(24):
            total = total + half * (-1) ** order * math.perm(2 * k + order, order) * power
            half = half * (k + 0.5)
            power = power / (up * up)
        last, bell = np.zeros_like(up), 2 * np.exp(-up * up)
        for n in range(order):  # the derivatives of 2 e**(-z**2)
            last, bell = bell, -2 * up * bell - 2 * n * last
        return np.where(far, np.where(lower, (-1) ** order * (bell - total), total), now)
