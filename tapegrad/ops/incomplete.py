"""The incomplete gamma and beta functions, differentiable in every argument and to any order, and the distribution
functions of statistics that they make up, by the names of scipy.special.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels import parametric
from ..registry import op
from ..samples import between, positive, real
from .elementwise import (
    div_no_nan,
    equal,
    exp,
    floor,
    less,
    log,
    log1p,
    logical_or,
    mul_no_nan,
    negative,
    sign_op,
    square,
    where_op,
)
from .gamma import betaln, polygamma_op, psi
from .special import (
    declare,
    log_or_infinity,
    ndtri,
    of_reals,
    on_doubles,
    sampled,
    scipy_name,
    scipy_special,
)
from .structure import cast


def _inside(f: Callable[..., Any], good: Any, *arrays: Any) -> Any:
    """f where the arguments lie inside its domain, nan elsewhere."""
    with np.errstate(all="ignore"):
        if good.all():
            return f(*arrays)
        out = np.full(good.shape, np.nan)
        out[good] = f(*[a[good] for a in arrays])
    return out


def _polygammas(x: Any, count: int) -> list[Any]:
    return [psi(x), *[polygamma_op(k, x) for k in range(1, count)]]


def _numbers(x: Any, count: int) -> list[Any]:
    """The same of an array of doubles."""
    special = scipy_special("polygamma")
    return [special.psi(x), *[special.polygamma(k, x) for k in range(1, count)]]


# -- gamma ---------------------------------------------------------------------------------------------------


def _gamma_density(a: Any, x: Any) -> Any:
    out = np.exp(parametric.gamma_log_density(a, x, scipy_special("gammaln").gammaln(a))) / x
    # at 0 also of a = 0, which the slope of a = 1 asks for
    return np.where(x == 0, np.where(a == 1, 1.0, np.where((a > 1) | (a == 0), 0.0, np.inf)), out)


@op("elementwise")
def gamma_density(a, x):
    """x**(a - 1) e**-x / gamma(a), the derivative of gammainc in x."""
    return on_doubles(lambda a, x: _inside(_gamma_density, (a >= 0) & (x >= 0), a, x), a, x)


def _gamma_density_x(g: Any, a: Any, x: Any, out: Any) -> Any:
    edge = equal(x, 0)
    at_edge = gamma_density(where_op(edge, a - 1.0, 1.0), where_op(edge, x, 0.0)) - out
    return mul_no_nan(g, where_op(edge, at_edge, out * ((a - 1.0) / where_op(edge, 1.0, x) - 1.0)))


gamma_density.vjp(
    a=lambda g, a, x, out: mul_no_nan(g, mul_no_nan(out, log_or_infinity(x) - psi(a))),
    x=_gamma_density_x,
)
sampled(gamma_density, positive(), positive())


@op("elementwise")
def gammainc_slope(a, x, *, order=1):
    """The derivative of that order in a of gammainc(a, x); 0 for x = 0 and x = inf."""

    def slope(a: Any, x: Any) -> Any:
        gammaln = scipy_special("gammaln").gammaln(a)
        return parametric.gamma_share(a, x, gammaln, _numbers(a, order))

    def whole(a: Any, x: Any) -> Any:
        out = _inside(slope, (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x), a, x)
        return np.where((a > 0) & ((x == 0) | (x == np.inf)), 0.0, out)

    return on_doubles(whole, a, x)


def _gammainc_slope_x(g: Any, a: Any, x: Any, order: int) -> Any:
    psis = _polygammas(a, order)
    bell = parametric.bell([log_or_infinity(x) - psis[0], *[negative(p) for p in psis[1:]]])
    return mul_no_nan(g, mul_no_nan(gamma_density(a, x), bell))


gammainc_slope.vjp(a=lambda g, a, x, order: g * gammainc_slope(a, x, order=order + 1), x=_gammainc_slope_x)
sampled(gammainc_slope, positive(), positive())
gammainc_slope.sample(positive(3), positive(3), order=2)

gammainc = declare(
    "gammainc", "a x", "The regularised lower incomplete gamma function, the share of a gamma distribution below x.",
    likes=(positive(), positive()),
    a=lambda g, a, x: g * gammainc_slope(a, x),
    x=lambda g, a, x: mul_no_nan(g, gamma_density(a, x)),
)  # fmt: skip
gammaincc = declare(
    "gammaincc", "a x", "The regularised upper incomplete gamma function, the share of a gamma distribution above x.",
    likes=(positive(), positive()),
    a=lambda g, a, x: negative(g * gammainc_slope(a, x)),
    x=lambda g, a, x: negative(mul_no_nan(g, gamma_density(a, x))),
)  # fmt: skip
gammaincinv = declare(
    "gammaincinv", "a y", "The x for which gammainc(a, x) = y.", likes=(positive(), between(0.1, 0.9)),
    a=lambda g, a, out: negative(div_no_nan(g * gammainc_slope(a, out), gamma_density(a, out))),
    y=lambda g, a, out: div_no_nan(g, gamma_density(a, out)),
)  # fmt: skip
gammainccinv = declare(
    "gammainccinv", "a y", "The x for which gammaincc(a, x) = y.", likes=(positive(), between(0.1, 0.9)),
    a=lambda g, a, out: negative(div_no_nan(g * gammainc_slope(a, out), gamma_density(a, out))),
    y=lambda g, a, out: negative(div_no_nan(g, gamma_density(a, out))),
)  # fmt: skip

# -- beta ----------------------------------------------------------------------------------------------------


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    special = scipy_special("betaln")
    out = np.exp(parametric.beta_log_density(a, b, x, special.betaln(a, b))) / (x * (1 - x))
    for end, here, there in ((0, a, b), (1, b, a)):  # also of powers 0, which the slope of 1 asks for
        at = np.where(here == 1, there, np.where((here > 1) | (here == 0), 0.0, np.inf))
        out = np.where(x == end, np.where((a == 0) | (b == 0), 0.0, at), out)
    return out


@op("elementwise")
def beta_density(a, b, x):
    """x**(a - 1) (1 - x)**(b - 1) / beta(a, b), the derivative of betainc in x."""

    def whole(a: Any, b: Any, x: Any) -> Any:
        return _inside(_beta_density, (a >= 0) & (b >= 0) & (x >= 0) & (x <= 1), a, b, x)

    return on_doubles(whole, a, b, x)


def _beta_density_x(g: Any, a: Any, b: Any, x: Any, out: Any) -> Any:
    edge = logical_or(equal(x, 0), equal(x, 1))
    low, high, end = where_op(edge, a, 1.5), where_op(edge, b, 1.5), where_op(edge, x, 0.0)
    at_edge = (beta_density(low - 1.0, high, end) - beta_density(low, high - 1.0, end)) * (low + high - 1.0)
    inner = where_op(edge, 0.5, x)
    return mul_no_nan(g, where_op(edge, at_edge, out * ((a - 1.0) / inner - (b - 1.0) / (1.0 - inner))))


beta_density.vjp(
    a=lambda g, a, b, x, out: mul_no_nan(g, mul_no_nan(out, log_or_infinity(x) - psi(a) + psi(a + b))),
    b=lambda g, a, b, x, out: mul_no_nan(g, mul_no_nan(out, log_or_infinity(1.0 - x) - psi(b) + psi(a + b))),
    x=_beta_density_x,
)
sampled(beta_density, positive(), positive(), between(0.1, 0.9))


@op("elementwise")
def betainc_slope(a, b, x, *, i=0, j=0):
    """The i-th derivative in a and j-th in b of betainc(a, b, x); 0 for x = 0 and x = 1."""

    def slope(a: Any, b: Any, x: Any) -> Any:
        psis = [_numbers(t, i + j) for t in (a, b, a + b)]
        return parametric.beta_share(a, b, x, i, j, scipy_special("betaln").betaln(a, b), psis)

    def whole(a: Any, b: Any, x: Any) -> Any:
        right = (a > 0) & (b > 0) & np.isfinite(a) & np.isfinite(b)
        out = _inside(slope, right & (x > 0) & (x < 1), a, b, x)
        return np.where(right & ((x == 0) | (x == 1)), 0.0, out)

    return on_doubles(whole, a, b, x)


def _betainc_slope_x(g: Any, a: Any, b: Any, x: Any, i: int, j: int) -> Any:
    psis = [_polygammas(t, i + j) for t in (a, b, a + b)]
    factor = parametric.beta_slopes(log_or_infinity(x), log_or_infinity(1.0 - x), i, j, *psis)
    return mul_no_nan(g, mul_no_nan(beta_density(a, b, x), factor))


betainc_slope.vjp(
    a=lambda g, a, b, x, i, j: g * betainc_slope(a, b, x, i=i + 1, j=j),
    b=lambda g, a, b, x, i, j: g * betainc_slope(a, b, x, i=i, j=j + 1),
    x=_betainc_slope_x,
)
sampled(betainc_slope, positive(), positive(), between(0.1, 0.9), i=1)
betainc_slope.sample(positive(2), positive(2), between(0.1, 0.9, 2), i=1, j=1)

betainc = declare(
    "betainc", "a b x", "The regularised incomplete beta function, the share of a beta distribution below x.",
    likes=(positive(), positive(), between(0.1, 0.9)),
    a=lambda g, a, b, x: g * betainc_slope(a, b, x, i=1),
    b=lambda g, a, b, x: g * betainc_slope(a, b, x, j=1),
    x=lambda g, a, b, x: mul_no_nan(g, beta_density(a, b, x)),
)  # fmt: skip
betaincc = declare(
    "betaincc", "a b x", "1 - betainc(a, b, x), the share of a beta distribution above x.",
    likes=(positive(), positive(), between(0.1, 0.9)),
    a=lambda g, a, b, x: negative(g * betainc_slope(a, b, x, i=1)),
    b=lambda g, a, b, x: negative(g * betainc_slope(a, b, x, j=1)),
    x=lambda g, a, b, x: negative(mul_no_nan(g, beta_density(a, b, x))),
)  # fmt: skip
betaincinv = declare(
    "betaincinv", "a b y", "The x for which betainc(a, b, x) = y.", likes=(positive(), positive(), between(0.1, 0.9)),
    a=lambda g, a, b, out: negative(div_no_nan(g * betainc_slope(a, b, out, i=1), beta_density(a, b, out))),
    b=lambda g, a, b, out: negative(div_no_nan(g * betainc_slope(a, b, out, j=1), beta_density(a, b, out))),
    y=lambda g, a, b, out: div_no_nan(g, beta_density(a, b, out)),
)  # fmt: skip
betainccinv = declare(
    "betainccinv", "a b y", "The x for which betaincc(a, b, x) = y.", likes=(positive(), positive(), between(0.1, 0.9)),
    a=lambda g, a, b, out: negative(div_no_nan(g * betainc_slope(a, b, out, i=1), beta_density(a, b, out))),
    b=lambda g, a, b, out: negative(div_no_nan(g * betainc_slope(a, b, out, j=1), beta_density(a, b, out))),
    y=lambda g, a, b, out: negative(div_no_nan(g, beta_density(a, b, out))),
)  # fmt: skip

# -- Student's t ---------------------------------------------------------------------------------------------


def _student_density(df: Any, t: Any) -> Any:
    return exp((df + 1.0) * -0.5 * log1p(t / df * t) - betaln(df * 0.5, 0.5) - log(df) * 0.5)


def _student_df(df: Any, t: Any) -> Any:
    """The derivative in df: through the power of the incomplete beta function, and through its argument."""
    near = less(square(t), df)
    # by the side whose argument is small: shares of t**2 and of df in their sum
    low, high = where_op(near, t, 0.0), where_op(near, 1.0, t)
    inner = betainc_slope(0.5, df * 0.5, square(low) / (df + square(low)), j=1)
    outer = negative(betainc_slope(df * 0.5, 0.5, df / (df + square(high)), i=1))
    power = where_op(near, inner, outer) * sign_op(t) * 0.25
    return power - _student_density(df, t) * t / (df * 2.0)


stdtr = declare(
    "stdtr", "df t", "The share of Student's t distribution of df degrees of freedom that lies below t.",
    likes=(positive(), real()),
    df=lambda g, df, t: g * _student_df(df, t),
    t=lambda g, df, t: g * _student_density(df, t),
)  # fmt: skip
stdtrit = declare(
    "stdtrit", "df p", "The t for which stdtr(df, t) = p.", likes=(positive(), between(0.1, 0.9)),
    df=lambda g, df, out: negative(div_no_nan(g * _student_df(df, out), _student_density(df, out))),
    p=lambda g, df, out: div_no_nan(g, _student_density(df, out)),
)  # fmt: skip

# -- other distributions -------------------------------------------------------------------------------------


def distribution(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of reals that stands for SciPy's of its name; Python's numbers among its arguments widen nothing."""

    @functools.wraps(f)
    def run(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        values = [of_reals(v, f.__name__) for v in bound.args]
        dtype = np.result_type(*[v if type(v) is float else v.dtype for v in values])
        out = f(*values)
        return out if out.dtype == dtype else cast(out, dtype=dtype)

    signature = inspect.signature(f)
    return scipy_name(f.__name__)(run)


def _floor(k: Any) -> Any:
    return float(math.floor(k)) if type(k) is float else floor(k)


@distribution
def chdtr(v: Any, x: Any) -> Any:
    """The share of the chi-square distribution of v degrees of freedom that lies below x."""
    return gammainc(v * 0.5, x * 0.5)


@distribution
def chdtrc(v: Any, x: Any) -> Any:
    """The share of the chi-square distribution of v degrees of freedom that lies above x."""
    return gammaincc(v * 0.5, x * 0.5)


@distribution
def chdtri(v: Any, p: Any) -> Any:
    """The x for which chdtrc(v, x) = p."""
    return gammainccinv(v * 0.5, p) * 2.0


@distribution
def gdtr(a: Any, b: Any, x: Any) -> Any:
    """The share of the gamma distribution of rate a and shape b that lies below x."""
    return gammainc(b, a * x)


@distribution
def gdtrc(a: Any, b: Any, x: Any) -> Any:
    """The share of the gamma distribution of rate a and shape b that lies above x."""
    return gammaincc(b, a * x)


@distribution
def gdtrix(a: Any, b: Any, p: Any) -> Any:
    """The x for which gdtr(a, b, x) = p."""
    return gammaincinv(b, p) / a


@distribution
def pdtr(k: Any, m: Any) -> Any:
    """The chance of at most k events where m are expected, by Poisson; the gradient in k is zero."""
    return gammaincc(_floor(k) + 1.0, m)


@distribution
def pdtrc(k: Any, m: Any) -> Any:
    """The chance of more than k events where m are expected, by Poisson; the gradient in k is zero."""
    return gammainc(_floor(k) + 1.0, m)


@distribution
def pdtri(k: Any, y: Any) -> Any:
    """The m for which pdtr(k, m) = y, k an integer."""
    return gammainccinv(k + 1.0, y)


@distribution
def bdtr(k: Any, n: Any, p: Any) -> Any:
    """The chance of at most k successes of n, each of chance p; the gradient in k is zero."""
    k = _floor(k)
    every = equal(k, n)
    return where_op(every, 1.0, betaincc(k + 1.0, where_op(every, 1.0, n - k), p))


@distribution
def bdtrc(k: Any, n: Any, p: Any) -> Any:
    """The chance of more than k successes of n, each of chance p; the gradient in k is zero."""
    k = _floor(k)
    every = equal(k, n)
    none = less(k, 0)
    inner = betainc(where_op(none, 1.0, k + 1.0), where_op(every, 1.0, n - k), p)
    return where_op(every, 0.0, where_op(none, 1.0, inner))


@distribution
def bdtri(k: Any, n: Any, y: Any) -> Any:
    """The p for which bdtr(k, n, p) = y."""
    k = _floor(k)
    return betainccinv(k + 1.0, n - k, y)


@distribution
def nbdtr(k: Any, n: Any, p: Any) -> Any:
    """The chance of at most k failures before n successes, each of chance p; the gradient in k is zero."""
    return betainc(n, _floor(k) + 1.0, p)


@distribution
def nbdtrc(k: Any, n: Any, p: Any) -> Any:
    """The chance of more than k failures before n successes, each of chance p; the gradient in k is zero."""
    return betaincc(n, _floor(k) + 1.0, p)


@distribution
def nbdtri(k: Any, n: Any, y: Any) -> Any:
    """The p for which nbdtr(k, n, p) = y."""
    return betaincinv(n, _floor(k) + 1.0, y)


@distribution
def fdtr(dfn: Any, dfd: Any, x: Any) -> Any:
    """The share of the F distribution of dfn and dfd degrees of freedom that lies below x."""
    part = dfn * x
    return betainc(dfn * 0.5, dfd * 0.5, part / (part + dfd))


@distribution
def fdtrc(dfn: Any, dfd: Any, x: Any) -> Any:
    """The share of the F distribution of dfn and dfd degrees of freedom that lies above x."""
    return betainc(dfd * 0.5, dfn * 0.5, dfd / (dfd + dfn * x))


@distribution
def fdtri(dfn: Any, dfd: Any, p: Any) -> Any:
    """The x for which fdtr(dfn, dfd, x) = p."""
    above = betainccinv(dfd * 0.5, dfn * 0.5, p)  # dfd / (dfd + dfn x)
    return dfd * (1.0 - above) / (dfn * above)


@distribution
def nrdtrimn(p: Any, std: Any, x: Any) -> Any:
    """The mean of the normal distribution of spread std of which the share p lies below x."""
    return x - std * ndtri(p)


@distribution
def nrdtrisd(mn: Any, p: Any, x: Any) -> Any:
    """The spread of the normal distribution of mean mn of which the share p lies below x."""
    return (x - mn) / ndtri(p)
