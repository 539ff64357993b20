"""Gamma and zeta functions, and the integrals of elementary ones, by the names of scipy.special.

They are taken from SciPy, where it has them. The derivatives of gamma are polygammas, those of zeta in its argument
are summed here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels import parametric, series
from ..registry import Recorded, op
from ..samples import between, positive, real
from .activation import floats, number
from .elementwise import (
    H,
    absolute,
    add,
    cos,
    cosh,
    div_no_nan,
    equal,
    exp,
    greater_equal,
    less,
    less_equal,
    logical_and,
    mul_no_nan,
    negative,
    real_part,
    rint,
    sin,
    sinc,
    square,
    subtract,
    where_op,
)
from .special import (
    SCIPY,
    declare,
    exprel_op,
    inexact,
    is_complex,
    log1p_ratio,
    log_or_infinity,
    narrowed,
    of_reals,
    on_doubles,
    sampled,
    scipy_name,
    scipy_special,
    shifted,
    weak,
)

# -- gamma functions -----------------------------------------------------------------------------------------

gamma = declare(
    "gamma", "x", "The gamma function, the factorial of x - 1.", likes=(positive(),),
    x=lambda g, x, out: mul_no_nan(g, H(out * psi(x))),
)  # fmt: skip
gammaln = declare(
    "gammaln", "x", "The logarithm of the size of the gamma function of real x.", likes=(positive(),),
    x=lambda g, x: mul_no_nan(g, psi(x)),
)  # fmt: skip
loggamma = declare(
    "loggamma", "x", "The logarithm of the gamma function, on its principal branch.", likes=(positive(),),
    x=lambda g, x: mul_no_nan(g, H(psi(x))),
)  # fmt: skip
gammasgn = declare("gammasgn", "x", "The sign of the gamma function; the gradient is zero.", likes=(real(),), x=None)


def _rgamma_slope(x: Any) -> Any:
    """The derivative of 1 / gamma(x), an entire function: left of 1 / 2 that of gamma(1 - x) sin(pi x) / pi."""
    left = less(real_part(x), 0.5)
    low, high = where_op(left, x, 0.0), where_op(left, 1.0, x)
    turn = (low - rint(real_part(low) * 0.5) * 2.0) * math.pi
    mirrored = gamma(1.0 - low) * (cos(turn) - psi(1.0 - low) * sin(turn) * (1.0 / math.pi))
    return where_op(left, mirrored, negative(mul_no_nan(rgamma(high), psi(high))))


rgamma = declare(
    "rgamma", "x", "1 / gamma(x), 0 at the poles of gamma, where its slope is not.", likes=(real(),),
    x=lambda g, x: mul_no_nan(g, H(_rgamma_slope(x))),
)  # fmt: skip
psi = declare(
    "psi", "x", "The digamma function, the derivative of the logarithm of gamma.", likes=(positive(),),
    x=lambda g, x: mul_no_nan(g, H(polygamma_op(1, x))),
)  # fmt: skip
SCIPY["digamma"] = psi


def _polygamma(n: Any, x: Any) -> Any:
    special = scipy_special("polygamma")
    if np.iscomplexobj(x):
        if not np.size(n):
            return np.zeros(np.broadcast_shapes(np.shape(n), np.shape(x)), np.asarray(x).dtype)
        orders = np.unique(np.asarray(n, int))
        values = [on_doubles(lambda z: series.polygamma(z, k) if k else special.psi(z), x) for k in orders.tolist()]
        return np.select([np.equal(n, k) for k in orders], values) if len(orders) > 1 else values[0]
    order = np.asarray(n, float)
    rest = np.where(order % 2, 1.0, -1.0) * special.gamma(order + 1) * special.zeta(order + 1, x)
    return narrowed(np.where(order == 0, special.psi(x), rest), (n, x), (0,))


polygamma_op = declare(
    "polygamma", "n x", "The n-th derivative of the digamma function, n an integer.", _polygamma,
    refused={"n": "it is an integer"}, likes=(1, positive()),
    x=lambda g, n, x: mul_no_nan(g, H(polygamma_op(shifted(n, 1), x))),
)  # fmt: skip
polygamma_op.sample(np.array([[0], [1], [3]]), positive(2)).sample(2, between(-0.9, -0.1, 3))

beta = declare(
    "beta", "a b", "gamma(a) gamma(b) / gamma(a + b).", likes=(positive(), positive()),
    a=lambda g, a, b, out: mul_no_nan(g, out * (psi(a) - psi(a + b))),
    b=lambda g, a, b, out: mul_no_nan(g, out * (psi(b) - psi(a + b))),
)  # fmt: skip
betaln = declare(
    "betaln", "a b", "The logarithm of the size of beta(a, b).", likes=(positive(), positive()),
    a=lambda g, a, b: mul_no_nan(g, psi(a) - psi(a + b)),
    b=lambda g, a, b: mul_no_nan(g, psi(b) - psi(a + b)),
)  # fmt: skip


def _at_pole(x: Any) -> Any:
    return logical_and(less_equal(x, 0), equal(x, rint(x)))


def _poch_z(z: Any, m: Any, out: Any) -> Any:
    """The derivative of gamma(z + m) / gamma(z) in z."""
    low, high = _at_pole(z), _at_pole(z + m)
    both = logical_and(low, high)
    # with z and z + m at poles, it is (-1)**m gamma(1 - z) / gamma(1 - z - m)
    mirrored = where_op(both, 1.0 - z, 1.0), where_op(both, 1.0 - z - m, 1.0)
    turned = out * (psi(mirrored[1]) - psi(mirrored[0]))
    alone = logical_and(low, less(0, z + m))  # out is 0 there, and its derivative is not
    at = where_op(alone, z, 0.0)
    above = where_op(alone, z + m, 1.0)
    crossed = gamma(above) * (psi(above) * rgamma(at) + _rgamma_slope(at))
    plain = out * (psi(where_op(low, 1.0, z + m)) - psi(where_op(low, 1.0, z)))
    return where_op(both, turned, where_op(alone, crossed, plain))


poch = declare(
    "poch", "z m", "gamma(z + m) / gamma(z), the product of z, z + 1, ... of m factors.", likes=(positive(), real()),
    z=lambda g, z, m, out: mul_no_nan(g, _poch_z(z, m, out)),
    m=lambda g, z, m, out: mul_no_nan(g, mul_no_nan(out, psi(z + m))),
)  # fmt: skip
poch.sample(np.array([-2.0, -1.5, 0.0, 3.0]), np.array(3.0))


def _binom_slopes(n: Any, k: Any, out: Any) -> tuple[Any, Any]:
    """The derivatives of gamma(n + 1) / (gamma(k + 1) gamma(n - k + 1)) through k + 1, and through n - k + 1."""
    low, high = _at_pole(k + 1.0), _at_pole(n - k + 1.0)
    found = []
    for here, x, other in ((low, k + 1.0, n - k + 1.0), (high, n - k + 1.0, k + 1.0)):
        plain = negative(out * psi(where_op(here, 1.0, x)))
        at, beside, top = where_op(here, x, 1.0), where_op(here, other, 1.0), where_op(here, n + 1.0, 1.0)
        found.append(where_op(here, gamma(top) * rgamma(beside) * _rgamma_slope(at), plain))
    return found[0], found[1]


def _binom_n(g: Any, n: Any, k: Any, out: Any) -> Any:
    return mul_no_nan(g, mul_no_nan(out, psi(n + 1.0)) + _binom_slopes(n, k, out)[1])


def _binom_k(g: Any, n: Any, k: Any, out: Any) -> Any:
    under, over = _binom_slopes(n, k, out)
    return mul_no_nan(g, under - over)


binom = declare(
    "binom", "n k", "The binomial coefficient of real n and k.", likes=(between(3, 6), between(0.2, 2.8)),
    n=_binom_n, k=_binom_k,
)  # fmt: skip
binom.sample(np.array([0.0, 1.0, 2.0, 5.0]), np.array(3.0))


# -- zeta functions ------------------------------------------------------------------------------------------


@op("elementwise")
def hurwitz_zeta(x, q, *, order=0):
    """The derivative of that order in x of the sum over k >= 0 of (k + q)**-x."""
    if not order:
        return narrowed(scipy_special("zeta").zeta(x, q), (x, q))
    with np.errstate(all="ignore"):
        return on_doubles(lambda x, q: parametric.hurwitz_zeta(x, q, order), x, q)


def _hurwitz_q(g: Any, x: Any, q: Any, order: int) -> Any:
    slope = x * hurwitz_zeta(x + 1.0, q, order=order)
    if order:
        slope = slope + hurwitz_zeta(x + 1.0, q, order=order - 1) * float(order)
    return negative(mul_no_nan(g, H(slope)))


hurwitz_zeta.vjp(x=lambda g, x, q, order: mul_no_nan(g, H(hurwitz_zeta(x, q, order=order + 1))), q=_hurwitz_q)
sampled(hurwitz_zeta, between(1.5, 4), positive())
hurwitz_zeta.sample(between(1.5, 4, 3), positive(3), order=2)


def _riemann_slope(x: Any) -> Any:
    """The derivative of zeta; left of -1 by the functional equation.

    Source: NIST Digital Library of Mathematical Functions, 25.4.1.
    """
    left = less(real_part(x), -1)
    low, high = where_op(left, x, -2.0), where_op(left, 2.0, x)
    above = 1.0 - low
    size = exp(low * math.log(2.0 * math.pi)) * gamma(above) * (1.0 / math.pi)  # zeta = size zeta(1 - x) sin
    zeta_there = riemann_zeta(above)
    slope = size * (zeta_there * (math.log(2.0 * math.pi) - psi(above)) - hurwitz_zeta(above, 1.0, order=1))
    turn = low * (math.pi / 2.0)
    mirrored = slope * sin(turn) + size * zeta_there * cos(turn) * (math.pi / 2.0)
    return where_op(left, mirrored, hurwitz_zeta(high, 1.0, order=1))


riemann_zeta = declare(
    "riemann_zeta", "x", "The sum over k >= 1 of k**-x, and its continuation.", source="zeta", likes=(between(1.5, 4),),
    x=lambda g, x: mul_no_nan(g, H(_riemann_slope(x))),
)  # fmt: skip
riemann_zeta.sample(between(-2.9, -2.1, 3))
zetac = declare("zetac", "x", "zeta(x) - 1.", likes=(between(1.5, 4),), x=lambda g, x: mul_no_nan(g, _riemann_slope(x)))

# -- exponential, sine and other integrals -------------------------------------------------------------------

expi = declare(
    "expi", "x", "The exponential integral, that of e**t / t from -inf to x.", likes=(positive(),),
    x=lambda g, x: div_no_nan(mul_no_nan(g, H(exp(x))), H(x)),
)  # fmt: skip
exp1 = declare(
    "exp1", "x", "The exponential integral of e**-t / t from x to inf.", likes=(positive(),),
    x=lambda g, x: negative(div_no_nan(mul_no_nan(g, H(exp(negative(x)))), H(x))),
)  # fmt: skip


def _expn(n: Any, x: Any) -> Any:
    special = scipy_special("expn")
    if np.all(np.greater_equal(n, 0)):
        return narrowed(special.expn(n, x), (n, x), (0,))
    values = np.asarray(x, float)
    total: Any = 1.0
    term: Any = 1.0
    low = np.minimum(np.asarray(n, int), 0)
    with np.errstate(all="ignore"):
        for k in range(1, 1 - int(low.min())):  # E of order -m: m! e**-x x**(-m - 1) (1 + x + ... + x**m / m!)
            term = term * values / k
            total = total + np.where(k <= -low, term, 0)
        below = total * special.gamma(1.0 - low) * np.exp(-values) * values ** (low - 1)
    return narrowed(np.where(np.less(n, 0), below, special.expn(np.maximum(n, 0), x)), (n, x), (0,))


expn = declare(
    "expn", "n x", "The integral of e**(-x t) / t**n over t from 1 to inf, n an integer.", _expn,
    refused={"n": "it is an integer"}, likes=(2, positive()),
    x=lambda g, n, x: negative(mul_no_nan(g, expn(shifted(n, -1), x))),
)  # fmt: skip
SCIPY["expn"] = expn
expn.sample(np.array([[0], [1], [4]]), positive(2)).sample(-2, positive(3))


def _over(g: Any, f: Callable[[Any], Any], x: Any) -> Any:
    """g times the conjugate of f(x) / x; away from it, the pole at 0 disturbs no derivative."""
    pole = equal(x, 0)
    there = where_op(pole, 1.0, x)
    return where_op(pole, mul_no_nan(g, math.inf), mul_no_nan(g, H(f(there) / there)))


def _sinhc(x: Any) -> Any:
    return (exprel_op(x) + exprel_op(negative(x))) * 0.5


sici = declare(
    "sici", "x", "The sine and cosine integrals: of sin(t) / t from 0 to x, and of -cos(t) / t from x to inf.",
    outputs="si ci", likes=(positive(),),
    x=lambda g, x: mul_no_nan(g[0], H(sinc(x * (1.0 / math.pi)))) + _over(g[1], cos, x),
)  # fmt: skip
shichi = declare(
    "shichi", "x", "The hyperbolic sine and cosine integrals: of sinh(t) / t from 0 to x, and of cosh(t) / t.",
    outputs="shi chi", likes=(positive(),),
    x=lambda g, x: mul_no_nan(g[0], H(_sinhc(x))) + _over(g[1], cosh, x),
)  # fmt: skip
fresnel = declare(
    "fresnel", "x", "The Fresnel integrals: of sin(pi t**2 / 2) and of cos(pi t**2 / 2) from 0 to x.",
    outputs="s c", likes=(real(),),
    x=lambda g, x: (
        mul_no_nan(g[0], H(sin(square(x) * (math.pi / 2.0)))) + mul_no_nan(g[1], H(cos(square(x) * (math.pi / 2.0))))
    ),
)  # fmt: skip


def _spence_slope(x: Any) -> Any:
    """log(x) / (1 - x), smooth at 1 and exact near 0."""
    near = less(absolute(x - 1.0), 0.4)
    away = where_op(near, 2.0, x)
    return where_op(near, negative(log1p_ratio(where_op(near, x - 1.0, 0.0))), log_or_infinity(away) / (1.0 - away))


spence = declare(
    "spence", "x", "The integral of log(t) / (1 - t) from 1 to x, the dilogarithm of 1 - x.", likes=(positive(),),
    x=lambda g, x: mul_no_nan(g, H(_spence_slope(x))),
)  # fmt: skip
spence.sample(between(0.9, 1.1, 3))


def _lambertw(z: Any, k: Any, tol: Any) -> Any:
    return narrowed(scipy_special("lambertw").lambertw(z, k, tol), (z,))


lambertw_op = declare(
    "lambertw", "z k tol", "The k-th branch of the solution w of w e**w = z, complex.", _lambertw,
    refused={"k": "it is an integer", "tol": "it is a tolerance"}, likes=(positive(), 0, 1e-8),
    z=lambda g, out: div_no_nan(mul_no_nan(g, H(exp(negative(out)))), H(out + 1.0)),
)  # fmt: skip
lambertw_op.sample(positive(3), np.array([[-1], [1], [2]]), 1e-8)
wrightomega = declare(
    "wrightomega", "x", "The solution w of w + log(w) = x.", likes=(real(),),
    x=lambda g, out: mul_no_nan(g, H(div_no_nan(1.0, div_no_nan(1.0, out) + 1.0))),
)  # fmt: skip

# -- public functions ----------------------------------------------------------------------------------------

digamma = psi


@scipy_name("_lambertw")
def lambertw(z: Any, k: Any = 0, tol: float = 1e-8) -> Any:
    """The solution w of w e**w = z, complex, on its k-th branch. The slope at the branch point -1 / e is infinite."""
    return lambertw_op(inexact(z, "lambertw"), weak(k, "lambertw"), number(tol, "lambertw", "tol"))


def polygamma(n: Any, x: Any) -> Any:
    """The n-th derivative of the digamma function, n an integer, or an array of integers.

    scipy.special.polygamma is no ufunc and cannot be called on a Tensor.
    """
    return polygamma_op(weak(n, "polygamma"), weak(x, "polygamma"))


@scipy_name("_zeta", "_riemann_zeta")
def zeta(x: Any, q: Any = None) -> Any:
    """The sum over k >= 0 of (k + q)**-x, by Hurwitz; without q Riemann's, q = 1. Differentiable in x and q."""
    if q is None:
        return riemann_zeta(weak(x, "zeta"))
    return hurwitz_zeta(of_reals(x, "zeta"), of_reals(q, "zeta"))


def multigammaln(a: Any, d: int) -> Any:
    """The logarithm of the gamma function of positive definite d x d matrices, for a > (d - 1) / 2.

    scipy.special.multigammaln is no ufunc and cannot be called on a Tensor.
    """
    a = floats(a, "multigammaln")
    if int(d) != d or d < 1:
        raise ValueError(f"multigammaln: d is the side of a matrix, a positive integer; got {d}")
    least = a._data if isinstance(a, Recorded) else a
    if np.any(least <= 0.5 * (d - 1)):
        raise ValueError(f"multigammaln: a must be larger than (d - 1) / 2 = {0.5 * (d - 1):g}, got {least.min():g}")
    total = gammaln(a) + 0.25 * d * (d - 1) * math.log(math.pi)
    for j in range(1, int(d)):
        total = add(total, gammaln(subtract(a, 0.5 * j)))
    return total


def _refuse_exact(exact: Any, name: str) -> None:
    if exact:
        raise TypeError(f"{name}: exact=True gives integers, which have no gradient; use scipy.special.{name} for them")


def factorial(n: Any, exact: bool = False, extend: str = "zero") -> Any:
    """gamma(n + 1); with extend='zero' 0 for n < 0.

    scipy.special.factorial is no ufunc and cannot be called on a Tensor.
    """
    _refuse_exact(exact, "factorial")
    if extend not in ("zero", "complex"):
        raise ValueError(f"factorial: extend={extend!r} is not one of 'zero', 'complex'")
    n = inexact(n, "factorial")
    if extend == "complex":
        return gamma(n + 1.0)
    if is_complex(n):
        raise TypeError("factorial: n is complex, and extend='zero' is for reals; give extend='complex'")
    below = less(n, 0)
    return where_op(below, 0.0, gamma(where_op(below, 0.0, n) + 1.0))


def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Any:
    """The number of ways to take k of N things, 0 unless 0 <= k <= N; repetition=True: each may be taken again.

    scipy.special.comb is no ufunc and cannot be called on a Tensor.
    """
    _refuse_exact(exact, "comb")
    N, k = of_reals(N, "comb"), of_reals(k, "comb")
    inside = logical_and(less_equal(k, N), logical_and(greater_equal(N, 0), greater_equal(k, 0)))
    if repetition:
        inside = logical_and(greater_equal(N, 0), greater_equal(k, 0))
        N = N + k - 1.0
    return where_op(inside, binom(N, k), 0.0)


def perm(N: Any, k: Any, exact: bool = False) -> Any:
    """The number of ways to take k of N things in order, 0 unless 0 <= k <= N.

    scipy.special.perm is no ufunc and cannot be called on a Tensor.
    """
    _refuse_exact(exact, "perm")
    N, k = of_reals(N, "perm"), of_reals(k, "perm")
    inside = logical_and(less_equal(k, N), logical_and(greater_equal(N, 0), greater_equal(k, 0)))
    return where_op(inside, poch(N - k + 1.0, k), 0.0)
