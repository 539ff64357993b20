"""Functions of statistics and physics differentiated in their parameters, for which there are no closed forms.
Knows arrays of doubles; nothing of tapes.

Where a function is an integral of e**h(t) with h concave, a derivative in a parameter is the integral of the same with
a polynomial of logarithms in it. Each is taken from its end, where the integrand is near its largest, to where it has
fallen by e**-45, by Gauss' rule over panels that are narrow against everything the integrand does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from .windows import Array

_FALLEN = 45.0  # the logarithm of how far an integrand has fallen where it is cut off
_PANELS = 12
_REACH = 4.0 * _PANELS  # panels are at most 4 wide to here; beyond, all that there is falls off evenly
_POINTS = 14  # of a panel
_AT_ONCE = 1 << 17  # abscissas that are in memory at a time


@cache
def _panels(count: int) -> tuple[Array, Array]:
    """Abscissas and weights on [0, 1]."""
    points, weights = np.polynomial.legendre.leggauss(_POINTS)
    return ((np.arange(count)[:, None] + (1 + points) / 2) / count).ravel(), np.tile(weights / 2 / count, count)


def _integral(f: Callable[..., Array], end: Array, *arrays: Array, falls_late: bool = False) -> Array:
    """The integral of f(s, *arrays) from s = 0 to `end`; all are flat arrays, and f gets columns.

    falls_late: panels are narrow all the way, since f falls off at the end only.
    """
    out = np.empty(end.shape)
    near, far = np.minimum(end, _REACH), np.maximum(end - _REACH, 0)
    step = max(1, _AT_ONCE // (2 * _PANELS * _POINTS))
    for i in range(0, end.size, step):
        part = slice(i, i + step)
        columns = [a[part, None] for a in arrays]
        u, w = _panels(_PANELS)
        total = near[part] * (f(near[part, None] * u, *columns) @ w)
        if far[part].any():
            u, w = _panels(int(np.max(far[part]) / 4) + 1 if falls_late else 2 * _PANELS)
            beyond = np.minimum(end, _REACH)[part, None] + far[part, None] * u
            total = total + far[part] * (f(beyond, *columns) @ w)
        out[part] = total
    return out


def _fallen(f: Callable[[Array], tuple[Array, Array]], start: Array, to: float | Array = _FALLEN) -> Array:
    """Where a convex increasing f, given with its slope, reaches `to`: Newton's method from beyond."""
    s = start
    for _ in range(60):
        value, slope = f(s)
        after = np.maximum(s - np.maximum(value - to, 0) / np.maximum(slope, 1e-300), 0)
        if np.all(after >= 0.99 * s):
            return after
        s = after
    return s


def bell(slopes: Sequence[Any]) -> Any:
    """The n-th derivative of e**h over e**h, from the n derivatives of h: the complete Bell polynomial."""
    values: list[Any] = [1.0]
    for n in range(len(slopes)):
        total: Any = 0.0
        for i in range(n + 1):
            total = total + math.comb(n, i) * values[n - i] * slopes[i]
        values.append(total)
    return values[-1]


def _stirling(a: Array) -> Array:
    """log(gamma(a)) less Stirling's formula, for a >= 10."""
    z = 1 / (a * a)
    return (1 / 12 - z * (1 / 360 - z * (1 / 1260 - z * (1 / 1680 - z * (1 / 1188 - z * 691 / 360360))))) / a


def gamma_log_density(a: Array, x: Array, gammaln: Array) -> Array:
    """log(x**a * e**-x / gamma(a)), without loss for large a."""
    with np.errstate(all="ignore"):
        plain = a * np.log(x) - x - gammaln
        u = (x - a) / a
        large = -a * (u - np.log1p(u)) + np.log(a / (2 * math.pi)) / 2 - _stirling(a)
    return np.where(a > 15, large, plain)


def beta_log_density(a: Array, b: Array, x: Array, betaln: Array) -> Array:
    """log(x**a * (1 - x)**b / beta(a, b)), without loss for large a and b."""
    with np.errstate(all="ignore"):
        plain = a * np.log(x) + b * np.log1p(-x) - betaln
        c = a + b
        off = x - a / c
        large = a * np.log1p(off * c / a) + b * np.log1p(-off * c / b) + np.log(a * b / (2 * math.pi * c)) / 2
        large = large + _stirling(c) - _stirling(a) - _stirling(b)
    return np.where((a > 15) & (b > 15), large, plain)  # type: ignore[no-any-return]


def gamma_share(a: Array, x: Array, gammaln: Array, polygammas: Sequence[Array]) -> Array:
    """The n-th derivative in a, n >= 1, of the regularised lower incomplete gamma function, for a, x > 0.

    polygammas: of a, of orders 0 to n - 1. With t = e**y the integrand is e**(a y - e**y), for x <= a from y = log(x)
    down, else from there up, which gives minus the derivative.
    """
    below = x <= a
    sign = np.where(below, -1.0, 1.0)
    y, rest = np.log(x), polygammas[1:]

    def fall(s: Array) -> tuple[Array, Array]:
        t = x * np.expm1(sign * s)
        return t - a * sign * s, sign * (x + t) - sign * a

    start = np.where(below, (_FALLEN + x) / a, np.log1p((_FALLEN + np.sqrt(90 * x)) / x) + 1)
    end = _fallen(fall, start)

    def integrand(s: Array, a: Array, x: Array, y: Array, sign: Array, *psi: Array) -> Array:
        slopes = [y + sign * s - psi[0], *[-p for p in psi[1:]]]
        return np.exp(a * sign * s - x * np.expm1(sign * s)) * bell(slopes)  # type: ignore[no-any-return]

    value = _integral(integrand, end, a, x, y, sign, polygammas[0], *rest)
    return -sign * np.exp(gamma_log_density(a, x, gammaln)) * value


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-abs(x)))  # type: ignore[no-any-return]


def beta_slopes(log_t: Any, log_rest: Any, i: int, j: int, a: Sequence[Any], b: Sequence[Any], c: Sequence[Any]) -> Any:
    """The i-th derivative in a and j-th in b of e**h over e**h, h = a log_t + b log_rest - log beta(a, b).

    a, b, c: the polygammas of a, b and a + b, of orders 0 to i + j - 1.
    """

    def slope(m: int, n: int) -> Any:
        if m + n == 1:
            return log_t - a[0] + c[0] if m else log_rest - b[0] + c[0]
        order = m + n - 1
        return c[order] - (a[order] if not n else b[order] if not m else 0.0)

    @cache
    def factor(m: int, n: int) -> Any:
        if not m and not n:
            return 1.0
        total: Any = 0.0
        if m:
            for k in range(m):
                for l in range(n + 1):
                    weight = math.comb(m - 1, k) * math.comb(n, l)
                    total = total + weight * factor(m - 1 - k, n - l) * slope(k + 1, l)
        else:
            for l in range(n):
                total = total + math.comb(n - 1, l) * factor(0, n - 1 - l) * slope(0, l + 1)
        return total

    return factor(i, j)


def beta_share(
    a: Array, b: Array, x: Array, i: int, j: int, betaln: Array, polygammas: Sequence[Sequence[Array]]
) -> Array:
    """The i-th derivative in a and j-th in b, i + j >= 1, of the regularised incomplete beta function, 0 < x < 1.

    polygammas: those of a, b and a + b, each of orders 0 to i + j - 1. With t = 1 / (1 + e**-y) the logarithm of the
    integrand is concave in y. It is integrated from y of x downwards where x is below the mean, else upwards, which
    gives minus the derivative.
    """
    below = x * (a + b) <= a
    sign = np.where(below, -1.0, 1.0)
    y = np.log(x) - np.log1p(-x)
    up, down = np.where(below, a, b), np.where(below, b, a)  # the powers of the side that is kept and of the other
    z = np.where(below, y, -y)
    here = up * _softplus(-z) + down * _softplus(z)

    def fall(s: Array) -> tuple[Array, Array]:
        value = up * _softplus(s - z) + down * _softplus(z - s) - here
        share = 1 / (1 + np.exp(np.minimum(z - s, 700)))
        return value, up * share - down * (1 - share)

    end = _fallen(fall, (_FALLEN + (up + down) * _softplus(z)) / up)
    count = i + j

    def integrand(s: Array, a: Array, b: Array, y: Array, sign: Array, here: Array, *psi: Array) -> Array:
        at = y + sign * s
        log_t, log_rest = -_softplus(-at), -_softplus(at)
        parts = [psi[k * count : (k + 1) * count] for k in range(3)]
        return np.exp(a * log_t + b * log_rest + here) * beta_slopes(log_t, log_rest, i, j, *parts)  # type: ignore[no-any-return]

    psi = [p for part in polygammas for p in part]
    value = _integral(integrand, end, a, b, y, sign, here, *psi)
    return -sign * np.exp(beta_log_density(a, b, x, betaln)) * value


def bessel_k(v: Array, x: Array, order: int) -> Array:
    """The derivative of that order in v of e**x times the modified Bessel function of the second kind, for x > 0.

    The integral over t > 0 of t**n (e**(v t) +- e**(-v t)) / 2 * e**(-x (cosh(t) - 1)).
    Source: NIST Digital Library of Mathematical Functions, 10.32.9.
    """
    odd = order % 2
    sign = np.where(v < 0, -1.0, 1.0) ** odd
    v = abs(v)
    top = np.arcsinh(v / x)  # where the integrand is largest
    most = v * top - 2 * x * np.sinh(top / 2) ** 2

    def fall(t: Array) -> tuple[Array, Array]:
        return 2 * x * np.sinh(t / 2) ** 2 - v * t, x * np.sinh(t) - v

    end = _fallen(fall, np.arcsinh((v + _FALLEN) / x) + 1.5, _FALLEN - most)

    def integrand(t: Array, v: Array, x: Array, most: Array) -> Array:
        fallen = -2 * x * np.sinh(t / 2) ** 2 - most
        both = np.exp(fallen + v * t) + (-1) ** odd * np.exp(fallen - v * t)
        return both * t**order / 2  # type: ignore[no-any-return]

    with np.errstate(over="ignore"):
        return sign * np.exp(most) * _integral(integrand, end, v, x, most, falls_late=True)  # type: ignore[no-any-return]


_BERNOULLI = (  # B[2 k] / (2 k)!
    1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600,
    -3617 / 10670622842880000, 43867 / 5109094217170944000, -174611 / 802857662698291200000,
    77683 / 14101100039391805440000, -236364091 / 1693824136731743669452800000,
)  # fmt: skip


def hurwitz_zeta(s: Array, q: Array, order: int) -> Array:
    """The derivative of that order in s of the sum over k >= 0 of (q + k)**-s, for q > 0, s real or complex.

    Euler and Maclaurin's formula, good for s above -20. Source: NIST Digital Library of Mathematical Functions, 25.11.
    """
    count = 20 + int(min(np.fmax.reduce(abs(s.imag), initial=0.0), 1e5))
    total: Any = 0.0
    for k in range(count):
        l = np.log(q + k)
        total = total + (-l) ** order * np.exp(-s * l)
    l = np.log(q + count)
    power = np.exp(-s * l)  # its derivatives in s bring down -l
    tail: Any = 0.0
    for i in range(order + 1):  # those of 1 / (s - 1) times (q + count)**(1 - s)
        down = (-1) ** (order - i) * math.factorial(order - i) / (s - 1) ** (order - i + 1)
        tail = tail + math.comb(order, i) * (-l) ** i * down
    total = total + power * ((q + count) * tail + (-l) ** order / 2)
    rising: list[Any] = [s, np.ones_like(s)] + [0.0] * order  # s (s + 1) ... as a series in the change of s
    rising = rising[: order + 1]
    scale = power / (q + count)
    for k, b in enumerate(_BERNOULLI):
        term: Any = 0.0
        for i in range(order + 1):
            term = term + math.perm(order, i) * rising[i] * (-l) ** (order - i)
        total = total + b * scale * term
        for m in (2 * k + 1, 2 * k + 2):
            rising = [(s + m) * r + (rising[i - 1] if i else 0.0) for i, r in enumerate(rising)]
        scale = scale / (q + count) ** 2
    return np.where(np.isposinf(s.real), 0, total) if order else np.asarray(total)


_TERMS = 5000


def kummer(a: Array, b: Array, x: Array, i: int, j: int, k: int) -> Array:
    """The i-th derivative in a, j-th in b and k-th in x of the confluent hypergeometric function 1F1(a; b; x).

    Its series, each term of which is a polynomial in the changes of a and b. For x below -1 that of
    e**x 1F1(b - a; b; -x), which has no cancellation there.
    """
    turned = x < -1
    z = np.where(turned, -x, x)
    one = np.ones(np.broadcast_shapes(a.shape, b.shape, x.shape))
    term = [[one * (m == n == 0) for n in range(j + 1)] for m in range(i + 1)]

    def times(t: Any, c: Any, da: float, db: float) -> Any:
        """By c + da * (change of a) + db * (change of b)."""
        return [
            [
                c * t[m][n] + (da * t[m - 1][n] if m else 0.0) + (db * t[m][n - 1] if n else 0.0)
                for n in range(j + 1)
            ]
            for m in range(i + 1)
        ]  # fmt: skip

    def over(t: Any, c: Any) -> Any:
        """By 1 / (c + change of b)."""
        made: Any = [[None] * (j + 1) for _ in range(i + 1)]
        for m in range(i + 1):
            for n in range(j + 1):
                made[m][n] = (t[m][n] - (made[m][n - 1] if n else 0.0)) / c
        return made

    for n in range(k):
        term = over(times(term, a + n, 1.0, 0.0), b + n)
    a, b = a + k, b + k
    first = np.where(turned, b - a, a)
    total = [list(row) for row in term]
    for n in range(_TERMS):
        up = times(term, first + n, 1.0, 0.0)
        if turned.any():
            other = times(term, first + n, -1.0, 1.0)
            up = [[np.where(turned, o, u) for o, u in zip(p, q)] for p, q in zip(other, up)]
        term = over(up, b + n)
        term = [[t * (z / (n + 1)) for t in row] for row in term]
        total = [[s + t for s, t in zip(p, q)] for p, q in zip(total, term)]
        if n > 3 and all(np.all(abs(t) <= 1e-17 * abs(s)) for p, q in zip(total, term) for s, t in zip(p, q)):
            break
    out = total[i][j] * math.factorial(i) * math.factorial(j)
    return out * np.exp(np.where(turned, x, 0)) if turned.any() else out
