"""The incomplete gamma and beta functions, differentiable in every argument and to any order, and the distribution
functions of statistics that they make up, by the names of scipy.special.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels import parametric
from ..registry import op
from ..samples import between, distinct, positive, real
from .activation import reals_only
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
    ROOT_2PI,
    SCIPY,
    declare,
    from_scipy,
    log_or_infinity,
    narrowed,
    ndtri,
    on_doubles,
    sampled,
    scipy_special,
    shifted,
)


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


gammainc_slope.vjp(a=lambda g, a, x, order: mul_no_nan(g, gammainc_slope(a, x, order=order + 1)), x=_gammainc_slope_x)
sampled(gammainc_slope, positive(), positive())
gammainc_slope.sample(positive(3), positive(3), order=2)

gammainc = declare(
    "gammainc", "a x", "The regularised lower incomplete gamma function, the share of a gamma distribution below x.",
    likes=(positive(), positive()),
    a=lambda g, a, x: mul_no_nan(g, gammainc_slope(a, x)),
    x=lambda g, a, x: mul_no_nan(g, gamma_density(a, x)),
)  # fmt: skip
gammaincc = declare(
    "gammaincc", "a x", "The regularised upper incomplete gamma function, the share of a gamma distribution above x.",
    likes=(positive(), positive()),
    a=lambda g, a, x: negative(mul_no_nan(g, gammainc_slope(a, x))),
    x=lambda g, a, x: negative(mul_no_nan(g, gamma_density(a, x))),
)  # fmt: skip
gammaincinv = declare(
    "gammaincinv", "a y", "The x for which gammainc(a, x) = y.", likes=(positive(), between(0.1, 0.9)),
    a=lambda g, a, out: negative(div_no_nan(mul_no_nan(g, gammainc_slope(a, out)), gamma_density(a, out))),
    y=lambda g, a, out: div_no_nan(g, gamma_density(a, out)),
)  # fmt: skip
gammainccinv = declare(
    "gammainccinv", "a y", "The x for which gammaincc(a, x) = y.", likes=(positive(), between(0.1, 0.9)),
    a=lambda g, a, out: negative(div_no_nan(mul_no_nan(g, gammainc_slope(a, out)), gamma_density(a, out))),
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
    a=lambda g, a, b, x, i, j: mul_no_nan(g, betainc_slope(a, b, x, i=i + 1, j=j)),
    b=lambda g, a, b, x, i, j: mul_no_nan(g, betainc_slope(a, b, x, i=i, j=j + 1)),
    x=_betainc_slope_x,
)
sampled(betainc_slope, positive(), positive(), between(0.1, 0.9), i=1)
betainc_slope.sample(positive(2), positive(2), between(0.1, 0.9, 2), i=1, j=1)

betainc = declare(
    "betainc", "a b x", "The regularised incomplete beta function, the share of a beta distribution below x.",
    likes=(positive(), positive(), between(0.1, 0.9)),
    a=lambda g, a, b, x: mul_no_nan(g, betainc_slope(a, b, x, i=1)),
    b=lambda g, a, b, x: mul_no_nan(g, betainc_slope(a, b, x, j=1)),
    x=lambda g, a, b, x: mul_no_nan(g, beta_density(a, b, x)),
)  # fmt: skip
betaincc = declare(
    "betaincc", "a b x", "1 - betainc(a, b, x), the share of a beta distribution above x.",
    likes=(positive(), positive(), between(0.1, 0.9)),
    a=lambda g, a, b, x: negative(mul_no_nan(g, betainc_slope(a, b, x, i=1))),
    b=lambda g, a, b, x: negative(mul_no_nan(g, betainc_slope(a, b, x, j=1))),
    x=lambda g, a, b, x: negative(mul_no_nan(g, beta_density(a, b, x))),
)  # fmt: skip
betaincinv = declare(
    "betaincinv", "a b y", "The x for which betainc(a, b, x) = y.", likes=(positive(), positive(), between(0.1, 0.9)),
    a=lambda g, a, b, out: negative(div_no_nan(mul_no_nan(g, betainc_slope(a, b, out, i=1)), beta_density(a, b, out))),
    b=lambda g, a, b, out: negative(div_no_nan(mul_no_nan(g, betainc_slope(a, b, out, j=1)), beta_density(a, b, out))),
    y=lambda g, a, b, out: div_no_nan(g, beta_density(a, b, out)),
)  # fmt: skip
betainccinv = declare(
    "betainccinv", "a b y", "The x for which betaincc(a, b, x) = y.", likes=(positive(), positive(), between(0.1, 0.9)),
    a=lambda g, a, b, out: negative(div_no_nan(mul_no_nan(g, betainc_slope(a, b, out, i=1)), beta_density(a, b, out))),
    b=lambda g, a, b, out: negative(div_no_nan(mul_no_nan(g, betainc_slope(a, b, out, j=1)), beta_density(a, b, out))),
    y=lambda g, a, b, out: negative(div_no_nan(g, beta_density(a, b, out))),
)  # fmt: skip

# -- Student's t ---------------------------------------------------------------------------------------------


def _student_density(df: Any, t: Any) -> Any:
    return exp((df + 1.0) * -0.5 * log1p(t / df * t) - betaln(df * 0.5, 0.5) - log(df) * 0.5)


def _student_df(df: Any, t: Any) -> Any:
    """The derivative in df: through the power of the incomplete beta function, and through its argument."""
    none = equal(t, 0)
    t_there = where_op(none, 1.0, t)
    near = less(square(t_there), df)
    # by the side whose argument is small: shares of t**2 and of df in their sum
    low, high = where_op(near, t_there, 1.0), where_op(near, 1.0, t_there)
    inner = betainc_slope(0.5, df * 0.5, square(low) / (df + square(low)), j=1)
    outer = negative(betainc_slope(df * 0.5, 0.5, df / (df + square(high)), i=1))
    power = where_op(near, inner, outer) * sign_op(t_there) * 0.25
    away = power - _student_density(df, t_there) * t_there / (df * 2.0)
    turn = (psi((df + 1.0) * 0.5) - psi(df * 0.5)) * 0.5 - 0.5 / df  # of the density at 0, over it
    return where_op(none, _student_density(df, where_op(none, t, 0.0)) * turn * t, away)


stdtr = declare(
    "stdtr", "df t", "The share of Student's t distribution of df degrees of freedom that lies below t.",
    likes=(positive(), real()),
    df=lambda g, df, t: mul_no_nan(g, _student_df(df, t)),
    t=lambda g, df, t: mul_no_nan(g, _student_density(df, t)),
)  # fmt: skip
stdtrit = declare(
    "stdtrit", "df p", "The t for which stdtr(df, t) = p.", likes=(positive(), between(0.1, 0.9)),
    df=lambda g, df, out: negative(div_no_nan(mul_no_nan(g, _student_df(df, out)), _student_density(df, out))),
    p=lambda g, df, out: div_no_nan(g, _student_density(df, out)),
)  # fmt: skip

# -- chi-square, gamma and Poisson distributions -------------------------------------------------------------

_COUNT = "it is a count"


def _chi(g: Any, v: Any, x: Any) -> Any:
    return mul_no_nan(g, gamma_density(v * 0.5, x * 0.5)) * 0.5


chdtr = declare(
    "chdtr", "v x", "The share of the chi-square distribution of v degrees of freedom that lies below x.",
    likes=(positive(), positive()),
    v=lambda g, v, x: mul_no_nan(g, gammainc_slope(v * 0.5, x * 0.5)) * 0.5,
    x=_chi,
)  # fmt: skip
chdtrc = declare(
    "chdtrc", "v x", "The share of the chi-square distribution of v degrees of freedom that lies above x.",
    likes=(positive(), positive()),
    v=lambda g, v, x: negative(mul_no_nan(g, gammainc_slope(v * 0.5, x * 0.5)) * 0.5),
    x=lambda g, v, x: negative(_chi(g, v, x)),
)  # fmt: skip
chdtri = declare(
    "chdtri", "v p", "The x for which chdtrc(v, x) = p.", likes=(positive(low=1.0), between(0.2, 0.8)),
    v=lambda g, v, out: negative(
        div_no_nan(mul_no_nan(g, gammainc_slope(v * 0.5, out * 0.5)), gamma_density(v * 0.5, out * 0.5))
    ),
    p=lambda g, v, out: negative(div_no_nan(g * 2.0, gamma_density(v * 0.5, out * 0.5))),
)  # fmt: skip
gdtr = declare(
    "gdtr", "a b x", "The share of the gamma distribution of rate a and shape b that lies below x.",
    likes=(positive(), positive(), positive()),
    a=lambda g, a, b, x: mul_no_nan(g * x, gamma_density(b, a * x)),
    b=lambda g, a, b, x: mul_no_nan(g, gammainc_slope(b, a * x)),
    x=lambda g, a, b, x: mul_no_nan(g * a, gamma_density(b, a * x)),
)  # fmt: skip
gdtrc = declare(
    "gdtrc", "a b x", "The share of the gamma distribution of rate a and shape b that lies above x.",
    likes=(positive(), positive(), positive()),
    a=lambda g, a, b, x: negative(mul_no_nan(g * x, gamma_density(b, a * x))),
    b=lambda g, a, b, x: negative(mul_no_nan(g, gammainc_slope(b, a * x))),
    x=lambda g, a, b, x: negative(mul_no_nan(g * a, gamma_density(b, a * x))),
)  # fmt: skip
gdtrix = declare(
    "gdtrix", "a b p", "The x for which gdtr(a, b, x) = p.", likes=(positive(), positive(low=1.0), between(0.2, 0.8)),
    a=lambda g, a, out: negative(g * out / a),
    b=lambda g, a, b, out: negative(
        div_no_nan(mul_no_nan(g, gammainc_slope(b, a * out)), a * gamma_density(b, a * out))
    ),
    p=lambda g, a, b, out: div_no_nan(g, a * gamma_density(b, a * out)),
)  # fmt: skip
pdtr = declare(
    "pdtr", "k m", "The chance of at most k events where m are expected, by Poisson; the gradient in k is zero.",
    likes=(distinct(low=0.2, high=5.3), positive()),
    k=None, m=lambda g, k, m: negative(mul_no_nan(g, gamma_density(floor(k) + 1.0, m))),
)  # fmt: skip
pdtrc = declare(
    "pdtrc", "k m", "The chance of more than k events where m are expected, by Poisson; the gradient in k is zero.",
    likes=(distinct(low=0.2, high=5.3), positive()),
    k=None, m=lambda g, k, m: mul_no_nan(g, gamma_density(floor(k) + 1.0, m)),
)  # fmt: skip
pdtri = declare(
    "pdtri", "k y", "The m for which pdtr(k, m) = y.", refused={"k": _COUNT}, likes=(3, between(0.1, 0.9)),
    y=lambda g, k, out: negative(div_no_nan(g, gamma_density(shifted(k, 1.0), out))),
)  # fmt: skip

# -- binomial distributions ----------------------------------------------------------------------------------


def _binomial(k: Any, n: Any, p: Any) -> Any:
    """The derivative of bdtrc in p."""
    k = np.floor(shifted(k, 0))
    return beta_density(k + 1.0, shifted(n, 0) - k, p)


def _waiting(k: Any, n: Any, p: Any) -> Any:
    """The derivative of nbdtr in p."""
    return beta_density(shifted(n, 0.0), np.floor(shifted(k, 0)) + 1.0, p)


def _whole(name: str) -> Callable[..., Any]:
    """SciPy's function with n as it is, an integer, which its loop in single precision does not take."""
    f = from_scipy(name)

    def forward(k: Any, n: Any, p: Any) -> Any:
        return narrowed(f(k, n, np.asarray(p, np.float64)), (k, n, p), (1,))

    return forward


_COUNTS = {"k": _COUNT, "n": _COUNT}
bdtr = declare(
    "bdtr", "k n p", "The chance of at most k successes of n, each of chance p.", _whole("bdtr"),
    refused=_COUNTS,
    likes=(2.0, 5, between(0.1, 0.9)), p=lambda g, k, n, p: negative(mul_no_nan(g, _binomial(k, n, p))),
)  # fmt: skip
bdtrc = declare(
    "bdtrc", "k n p", "The chance of more than k successes of n, each of chance p.", _whole("bdtrc"),
    refused=_COUNTS,
    likes=(2.0, 5, between(0.1, 0.9)), p=lambda g, k, n, p: mul_no_nan(g, _binomial(k, n, p)),
)  # fmt: skip
bdtri = declare(
    "bdtri", "k n y", "The p for which bdtr(k, n, p) = y.", _whole("bdtri"),
    refused=_COUNTS, likes=(2.0, 5, between(0.1, 0.9)),
    y=lambda g, k, n, out: negative(div_no_nan(g, _binomial(k, n, out))),
)  # fmt: skip
reals_only(bdtr, bdtrc, bdtri)
SCIPY |= {"bdtr": bdtr, "bdtrc": bdtrc, "bdtri": bdtri}
nbdtr = declare(
    "nbdtr", "k n p", "The chance of at most k failures before n successes, each of chance p.", refused=_COUNTS,
    likes=(2, 5, between(0.1, 0.9)), p=lambda g, k, n, p: mul_no_nan(g, _waiting(k, n, p)),
)  # fmt: skip
nbdtrc = declare(
    "nbdtrc", "k n p", "The chance of more than k failures before n successes, each of chance p.", refused=_COUNTS,
    likes=(2, 5, between(0.1, 0.9)), p=lambda g, k, n, p: negative(mul_no_nan(g, _waiting(k, n, p))),
)  # fmt: skip
nbdtri = declare(
    "nbdtri", "k n y", "The p for which nbdtr(k, n, p) = y.", refused=_COUNTS, likes=(2, 5, between(0.1, 0.9)),
    y=lambda g, k, n, out: div_no_nan(g, _waiting(k, n, out)),
)  # fmt: skip

# -- the F distribution --------------------------------------------------------------------------------------


def _ratio(dfn: Any, dfd: Any, x: Any) -> tuple[Any, Any, Any]:
    """The derivatives of fdtr: it is betainc(dfn / 2, dfd / 2, w), w = dfn x / total, taken by the smaller share."""
    part = dfn * x
    total = part + dfd
    low = less(part, dfd)
    a, b, share = where_op(low, dfn, dfd) * 0.5, where_op(low, dfd, dfn) * 0.5, where_op(low, part, dfd) / total
    one, other = betainc_slope(a, b, share, i=1) * 0.5, betainc_slope(a, b, share, j=1) * 0.5
    slope = beta_density(a, b, share) / square(total)
    in_dfn = where_op(low, one, negative(other)) + slope * x * dfd
    in_dfd = where_op(low, other, negative(one)) - slope * part
    return in_dfn, in_dfd, slope * dfn * dfd


fdtr = declare(
    "fdtr", "dfn dfd x", "The share of the F distribution of dfn and dfd degrees of freedom that lies below x.",
    likes=(positive(), positive(), positive()),
    dfn=lambda g, dfn, dfd, x: mul_no_nan(g, _ratio(dfn, dfd, x)[0]),
    dfd=lambda g, dfn, dfd, x: mul_no_nan(g, _ratio(dfn, dfd, x)[1]),
    x=lambda g, dfn, dfd, x: mul_no_nan(g, _ratio(dfn, dfd, x)[2]),
)  # fmt: skip
fdtrc = declare(
    "fdtrc", "dfn dfd x", "The share of the F distribution of dfn and dfd degrees of freedom that lies above x.",
    likes=(positive(), positive(), positive()),
    dfn=lambda g, dfn, dfd, x: negative(mul_no_nan(g, _ratio(dfn, dfd, x)[0])),
    dfd=lambda g, dfn, dfd, x: negative(mul_no_nan(g, _ratio(dfn, dfd, x)[1])),
    x=lambda g, dfn, dfd, x: negative(mul_no_nan(g, _ratio(dfn, dfd, x)[2])),
)  # fmt: skip


def _ratio_back(g: Any, dfn: Any, dfd: Any, out: Any, k: int) -> Any:
    slopes = _ratio(dfn, dfd, out)
    return negative(div_no_nan(g * slopes[k], slopes[2]))


fdtri = declare(
    "fdtri", "dfn dfd p", "The x for which fdtr(dfn, dfd, x) = p.",
    likes=(positive(low=1.0), positive(low=1.0), between(0.2, 0.8)),
    dfn=lambda g, dfn, dfd, out: _ratio_back(g, dfn, dfd, out, 0),
    dfd=lambda g, dfn, dfd, out: _ratio_back(g, dfn, dfd, out, 1),
    p=lambda g, dfn, dfd, out: div_no_nan(g, _ratio(dfn, dfd, out)[2]),
)  # fmt: skip

# -- parameters of the normal distribution -------------------------------------------------------------------

nrdtrimn = declare(
    "nrdtrimn", "p std x", "The mean of the normal distribution of spread std of which the share p lies below x.",
    likes=(between(0.1, 0.9), positive(), real()),
    p=lambda g, p, std: negative(mul_no_nan(g * std, exp(square(ndtri(p)) * 0.5) * ROOT_2PI)),
    std=lambda g, p: negative(g * ndtri(p)),
    x=lambda g: g,
)  # fmt: skip
nrdtrisd = declare(
    "nrdtrisd", "mn p x", "The spread of the normal distribution of mean mn of which the share p lies below x.",
    likes=(between(-4, -3), between(0.6, 0.9), real()),
    mn=lambda g, p: negative(g / ndtri(p)),
    p=lambda g, p, out: negative(mul_no_nan(g * out / ndtri(p), exp(square(ndtri(p)) * 0.5) * ROOT_2PI)),
    x=lambda g, p: g / ndtri(p),
)  # fmt: skip
