"""Hypergeometric and elliptic functions, orthogonal polynomials and spherical harmonics by the names of scipy.special.

Families are closed: the derivative of each is made of others, so every order is there, also at the points where the
formulas of the handbooks divide 0 by 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels import parametric, series
from ..registry import op, raw
from ..samples import between, positive, real
from .activation import reals_only
from .discrete import any_requires_grad
from .elementwise import (
    H,
    absolute,
    cos,
    div_no_nan,
    exp,
    less,
    mul_no_nan,
    multiply,
    negative,
    power,
    sin,
    sqrt,
    square,
    where_op,
)
from .special import (
    declare,
    inexact,
    is_complex,
    narrowed,
    on_doubles,
    sampled,
    scipy_name,
    scipy_special,
    shifted,
    weak,
)
from .structure import broadcast_to_op

# -- hypergeometric functions --------------------------------------------------------------------------------

_PARAMETERS = "the derivatives in the parameters of this hypergeometric function have no closed form"


@op("elementwise")
def hyp1f1_op(a, b, x, *, i=0, j=0, k=0):
    """The i-th derivative in a, j-th in b and k-th in x of the confluent hypergeometric function 1F1(a; b; x)."""
    special = scipy_special("hyp1f1")
    if i or j:
        with np.errstate(all="ignore"):
            return on_doubles(lambda a, b, x: parametric.kummer(a, b, x, i, j, k), a, b, x)
    out = special.hyp1f1(a + k, b + k, x)
    for n in range(k):
        out = out * np.divide(a + n, b + n)
    return narrowed(out, (a, b, x))


hyp1f1_op.vjp(
    a=lambda g, a, b, x, i, j, k: mul_no_nan(g, H(hyp1f1_op(a, b, x, i=i + 1, j=j, k=k))),
    b=lambda g, a, b, x, i, j, k: mul_no_nan(g, H(hyp1f1_op(a, b, x, i=i, j=j + 1, k=k))),
    x=lambda g, a, b, x, i, j, k: mul_no_nan(g, H(hyp1f1_op(a, b, x, i=i, j=j, k=k + 1))),
)
sampled(hyp1f1_op, positive(), positive(), real())
hyp1f1_op.sample(positive(2), positive(2), between(-9, 9, 2), i=1, k=1)


@scipy_name("hyp1f1")
def hyp1f1(a: Any, b: Any, x: Any) -> Any:
    """The confluent hypergeometric function 1F1(a; b; x), differentiable in a and b too where x is real."""
    a, b, x = weak(a, "hyp1f1"), weak(b, "hyp1f1"), weak(x, "hyp1f1")
    if is_complex(x) and any_requires_grad((a, b)):
        raise TypeError("hyp1f1: the gradients in a and b are there for real x only; detach a and b")
    return hyp1f1_op(a, b, x)


hyp2f1 = declare(
    "hyp2f1", "a b c z", "The hypergeometric function 2F1(a, b; c; z).",
    refused={"a": _PARAMETERS, "b": _PARAMETERS, "c": _PARAMETERS}, likes=(0.7, 1.3, 2.1, between(-0.9, 0.9)),
    z=lambda g, a, b, c, z: mul_no_nan(
        g, H(hyp2f1(shifted(a, 1), shifted(b, 1), shifted(c, 1), z) * (raw(a) * raw(b) / raw(c)))
    ),
)  # fmt: skip
hyp0f1 = declare(
    "hyp0f1", "v z", "The confluent hypergeometric limit function 0F1(; v; z).", refused={"v": _PARAMETERS},
    likes=(1.3, real()), z=lambda g, v, z: mul_no_nan(g, H(hyp0f1(shifted(v, 1), z) * (1.0 / raw(v)))),
)  # fmt: skip
hyperu = declare(
    "hyperu", "a b x", "Tricomi's confluent hypergeometric function U(a, b, x).",
    refused={"a": _PARAMETERS, "b": _PARAMETERS}, likes=(0.7, 1.3, positive()),
    x=lambda g, a, b, x: negative(mul_no_nan(g, hyperu(shifted(a, 1), shifted(b, 1), x) * raw(a))),
)  # fmt: skip

# -- complete elliptic integrals -----------------------------------------------------------------------------


def _complete(m: Any, rest: Any, second: bool, order: int) -> Any:
    """The derivative of that order >= 1 in m, rest = 1 - m, of K or E: a hypergeometric function that ends at m = 1."""
    inside = (m <= 1) & np.isfinite(m)
    c = scipy_special("hyp2f1").hyp2f1(1.5 if second else 0.5, 0.5, order + 1.0, np.where(inside, m, 0))
    first = -0.5 if second else 0.5
    scale = math.prod([(first + k) * (0.5 + k) / (k + 1) for k in range(order)])
    out = c * rest ** ((1.0 if second else 0.0) - order) * (scale * math.pi / 2)
    return np.where(inside, out, np.where(np.isneginf(m), 0, np.nan))


@op("elementwise")
def elliptic_slope(m, *, order, second=False, from_end=False):
    """The derivative of that order in m of ellipk, or ellipe if second; with from_end, the argument is 1 - m."""
    with np.errstate(all="ignore"):
        if from_end:
            return on_doubles(lambda p: _complete(1 - p, p, second, order), m)
        return on_doubles(lambda m: _complete(m, 1 - m, second, order), m)


def _elliptic_rule(g: Any, m: Any, order: int, second: bool, from_end: bool) -> Any:
    slope = elliptic_slope(m, order=order + 1, second=second, from_end=from_end)
    return mul_no_nan(g, negative(slope) if from_end else slope)


elliptic_slope.vjp(m=_elliptic_rule)
for _second in (False, True):
    sampled(elliptic_slope, between(-2, 0.8), order=1, second=_second)
elliptic_slope.sample(between(0.1, 2.0, 3), order=2, from_end=True)
reals_only(elliptic_slope)
ellipk = declare(
    "ellipk", "m", "The complete elliptic integral of the first kind.", likes=(between(-2, 0.8),),
    m=lambda g, m: mul_no_nan(g, elliptic_slope(m, order=1)),
)  # fmt: skip
ellipkm1 = declare(
    "ellipkm1", "p", "ellipk(1 - p), to full precision near p = 0.", likes=(between(0.2, 2),),
    p=lambda g, p: negative(mul_no_nan(g, elliptic_slope(p, order=1, from_end=True))),
)  # fmt: skip
ellipe = declare(
    "ellipe", "m", "The complete elliptic integral of the second kind.", likes=(between(-2, 0.8),),
    m=lambda g, m: mul_no_nan(g, elliptic_slope(m, order=1, second=True)),
)  # fmt: skip

# -- incomplete elliptic integrals and Jacobi's functions ----------------------------------------------------


@op("elementwise")
def elliptic_near(phi, m, *, order, second=False):
    """The derivative of that order in m of ellipkinc, or ellipeinc if second, for |m| <= 0.3."""
    top = -0.5 if not second else 0.5  # the integrand is (1 - m sin(t)**2)**top
    scale = math.prod([k - top for k in range(order)])

    def part(end: Any, m: Any) -> Any:
        total: Any = 0.0
        for u, w in series.gauss(32):
            s = np.sin(end * u) ** 2
            total = total + w * s**order * (1 - m * s) ** (top - order)
        return total * end * scale

    def whole(phi: Any, m: Any) -> Any:
        turns = np.rint(phi / math.pi)
        m = np.clip(m, -0.5, 0.5)
        return part(phi - turns * math.pi, m) + 2 * turns * part(np.full_like(m, math.pi / 2), m)

    return on_doubles(whole, phi, m)


def _near_phi(g: Any, phi: Any, m: Any, order: int, second: bool) -> Any:
    top = -0.5 if not second else 0.5
    s = square(sin(phi))
    scale = math.prod([k - top for k in range(order)])
    return g * (power(s, float(order)) * power(1.0 - m * s, top - order) * scale)


elliptic_near.vjp(
    phi=_near_phi, m=lambda g, phi, m, order, second: g * elliptic_near(phi, m, order=order + 1, second=second)
)
for _second in (False, True):
    sampled(elliptic_near, real(), between(-0.25, 0.25), order=1, second=_second)


def _elliptic_m(phi: Any, m: Any, first: Any, second: Any, of_second: bool) -> Any:
    """The derivative in m of ellipkinc or ellipeinc; `first` and `second` are these."""
    near = less(absolute(m), 0.2)
    inner, outer = where_op(near, m, 0.0), where_op(near, 0.5, m)
    close = elliptic_near(where_op(near, phi, 0.0), inner, order=1, second=of_second)
    if of_second:
        return where_op(near, close, (second - first) / (outer * 2.0))
    root = sqrt(1.0 - outer * square(sin(where_op(near, 0.0, phi))))
    rest = 1.0 - outer
    away = second / (outer * rest * 2.0) - first / (outer * 2.0)
    return where_op(near, close, away - sin(phi) * cos(phi) / (rest * root * 2.0))


reals_only(elliptic_near)

ellipkinc = declare(
    "ellipkinc", "phi m", "The incomplete elliptic integral of the first kind.",
    likes=(between(0.2, 1.4), between(-1, 0.9)),
    phi=lambda g, phi, m: div_no_nan(g, sqrt(1.0 - m * square(sin(phi)))),
    m=lambda g, phi, m, out: mul_no_nan(g, _elliptic_m(phi, m, out, ellipeinc(phi, m), False)),
)  # fmt: skip
ellipeinc = declare(
    "ellipeinc", "phi m", "The incomplete elliptic integral of the second kind.",
    likes=(between(0.2, 1.4), between(-1, 0.9)),
    phi=lambda g, phi, m: g * sqrt(1.0 - m * square(sin(phi))),
    m=lambda g, phi, m, out: mul_no_nan(g, _elliptic_m(phi, m, ellipkinc(phi, m), out, True)),
)  # fmt: skip


def _ellipj_u(g: Any, m: Any, sn: Any, cn: Any, dn: Any) -> Any:
    return g[0] * (cn * dn) - g[1] * (sn * dn) - g[2] * (m * sn * cn) + g[3] * dn


def _ellipj_m(g: Any, u: Any, m: Any, sn: Any, cn: Any, dn: Any, ph: Any) -> Any:
    turn = negative(dn * _elliptic_m(ph, m, u, ellipeinc(ph, m), False))  # of the amplitude
    bend = negative(sn * (sn + m * cn * turn * 2.0) / (dn * 2.0))
    return (g[0] * cn - g[1] * sn + g[3]) * turn + g[2] * bend


ellipj_op = declare(
    "ellipj", "u m", "Jacobi's elliptic functions sn, cn, dn and the amplitude ph.", outputs="sn cn dn ph",
    u=_ellipj_u, m=_ellipj_m,
)  # fmt: skip
for _shape in ((2, 3), (), (0,)):
    ellipj_op.sample(between(0.2, 1.5, *_shape), between(0.05, 0.9, *_shape))


@scipy_name("ellipj")
def ellipj(u: Any, m: Any) -> Any:
    """Jacobi's elliptic functions sn, cn, dn and the amplitude ph, for 0 <= m <= 1."""
    u, m = inexact(u, "ellipj"), inexact(m, "ellipj")
    shape = np.broadcast_shapes(u.shape, m.shape)
    return ellipj_op(*[t if t.shape == shape else broadcast_to_op(t, shape=shape) for t in (u, m)])


# -- orthogonal polynomials ----------------------------------------------------------------------------------

_DEGREE = {"n": "it is the degree"}


def _below(n: Any) -> Any:
    """The degree of the derivative; 0 for degree 0."""
    n = raw(n)
    return np.where(np.equal(n, 0), 0, n - 1) if np.ndim(n) else (n - 1 if n else n)


def _some(n: Any) -> Any:
    """1.0, but 0.0 for degree 0."""
    n = raw(n)
    return np.not_equal(n, 0) * 1.0 if np.ndim(n) else float(n != 0)


def _polynomial(name: str, doc: str, slope: Callable[[Any, Any], Any]) -> Any:
    """The op of a polynomial of degree n in x; slope(n, x) is the derivative for n != 0."""
    made = declare(
        name, "n x", doc, refused=_DEGREE, likes=(3, between(-0.9, 0.9)),
        x=lambda g, n, x: g * H(slope(n, x) * _some(n)),
    )  # fmt: skip
    return made.sample(np.array([[0], [1], [4]]), between(-0.9, 0.9, 2))


eval_chebyt = _polynomial(
    "eval_chebyt", "The Chebyshev polynomial of the first kind.",
    lambda n, x: eval_chebyu(_below(n), x) * (raw(n) * 1.0),
)  # fmt: skip
eval_chebyu = _polynomial(
    "eval_chebyu", "The Chebyshev polynomial of the second kind.", lambda n, x: eval_gegenbauer(_below(n), 2.0, x) * 2.0
)
eval_chebyc = _polynomial(
    "eval_chebyc", "The Chebyshev polynomial of the first kind on [-2, 2], twice that of x / 2.",
    lambda n, x: eval_chebys(_below(n), x) * (raw(n) * 1.0),
)  # fmt: skip
eval_chebys = _polynomial(
    "eval_chebys", "The Chebyshev polynomial of the second kind on [-2, 2].",
    lambda n, x: eval_gegenbauer(_below(n), 2.0, x * 0.5),
)  # fmt: skip
eval_sh_chebyt = _polynomial(
    "eval_sh_chebyt", "The Chebyshev polynomial of the first kind on [0, 1].",
    lambda n, x: eval_sh_chebyu(_below(n), x) * (raw(n) * 2.0),
)  # fmt: skip
eval_sh_chebyu = _polynomial(
    "eval_sh_chebyu", "The Chebyshev polynomial of the second kind on [0, 1].",
    lambda n, x: eval_gegenbauer(_below(n), 2.0, x * 2.0 - 1.0) * 4.0,
)  # fmt: skip
eval_legendre = _polynomial(
    "eval_legendre", "The Legendre polynomial.", lambda n, x: eval_gegenbauer(_below(n), 1.5, x)
)
eval_sh_legendre = _polynomial(
    "eval_sh_legendre", "The Legendre polynomial on [0, 1].",
    lambda n, x: eval_gegenbauer(_below(n), 1.5, x * 2.0 - 1.0) * 2.0,
)  # fmt: skip
eval_laguerre = _polynomial(
    "eval_laguerre", "The Laguerre polynomial.", lambda n, x: negative(eval_genlaguerre(_below(n), 1.0, x))
)
eval_hermite = _polynomial(
    "eval_hermite", "The Hermite polynomial of the physicists.",
    lambda n, x: eval_hermite(_below(n), x) * (raw(n) * 2.0),
)  # fmt: skip
eval_hermitenorm = _polynomial(
    "eval_hermitenorm", "The Hermite polynomial of the statisticians.",
    lambda n, x: eval_hermitenorm(_below(n), x) * (raw(n) * 1.0),
)  # fmt: skip
_POWER = "the derivatives of orthogonal polynomials in their parameters are not known here"
eval_gegenbauer = declare(
    "eval_gegenbauer", "n alpha x", "The Gegenbauer polynomial.", refused={**_DEGREE, "alpha": _POWER},
    likes=(3, 0.7, between(-0.9, 0.9)),
    x=lambda g, n, alpha, x: g * H(
        eval_gegenbauer(_below(n), shifted(alpha, 1), x) * (_some(n) * 2.0 * raw(alpha))
    ),
)  # fmt: skip
eval_genlaguerre = declare(
    "eval_genlaguerre", "n alpha x", "The generalised Laguerre polynomial.", refused={**_DEGREE, "alpha": _POWER},
    likes=(3, 0.7, positive()),
    x=lambda g, n, alpha, x: negative(g * H(eval_genlaguerre(_below(n), shifted(alpha, 1), x) * _some(n))),
)  # fmt: skip
eval_jacobi = declare(
    "eval_jacobi", "n alpha beta x", "The Jacobi polynomial.", refused={**_DEGREE, "alpha": _POWER, "beta": _POWER},
    likes=(3, 0.7, 1.2, between(-0.9, 0.9)),
    x=lambda g, n, alpha, beta, x: g * H(
        eval_jacobi(_below(n), shifted(alpha, 1), shifted(beta, 1), x)
        * (_some(n) * 0.5 * (raw(n) + raw(alpha) + raw(beta) + 1.0))
    ),
)  # fmt: skip


def _sh_jacobi_rule(g: Any, n: Any, p: Any, q: Any, x: Any) -> Any:
    n, p, q = raw(n), raw(p), raw(q)
    scale = (n + p) * _some(n) / scipy_special("binom").binom(2.0 * n + p - 1.0, n * 1.0)
    return g * H(eval_jacobi(_below(n), p - q + 1.0, q * 1.0, x * 2.0 - 1.0) * scale)


eval_sh_jacobi = declare(
    "eval_sh_jacobi", "n p q x", "The Jacobi polynomial on [0, 1], with leading coefficient 1.",
    refused={**_DEGREE, "p": _POWER, "q": _POWER}, likes=(3, 1.7, 1.2, between(0.1, 0.9)), x=_sh_jacobi_rule,
)  # fmt: skip


def _neighbour(x: Any, n: Any, sign: float, name: str) -> Any:
    n = weak(n, name)
    x = inexact(x, name)
    return eval_chebyu(n, x) + eval_chebyu(_below(n), x) * (sign * _some(n))


def chebyshev_polynomial_v(x: Any, n: Any) -> Any:
    """The Chebyshev polynomial of the third kind, cos((n + 1 / 2) t) / cos(t / 2) for x = cos(t); torch's name."""
    return _neighbour(x, n, -1.0, "chebyshev_polynomial_v")


def chebyshev_polynomial_w(x: Any, n: Any) -> Any:
    """The Chebyshev polynomial of the fourth kind, sin((n + 1 / 2) t) / sin(t / 2) for x = cos(t); torch's name."""
    return _neighbour(x, n, 1.0, "chebyshev_polynomial_w")


def shifted_chebyshev_polynomial_v(x: Any, n: Any) -> Any:
    """The Chebyshev polynomial of the third kind of 2 x - 1; torch's name."""
    return chebyshev_polynomial_v(inexact(x, "shifted_chebyshev_polynomial_v") * 2.0 - 1.0, n)


def shifted_chebyshev_polynomial_w(x: Any, n: Any) -> Any:
    """The Chebyshev polynomial of the fourth kind of 2 x - 1; torch's name."""
    return chebyshev_polynomial_w(inexact(x, "shifted_chebyshev_polynomial_w") * 2.0 - 1.0, n)


# -- associated Legendre functions and spherical harmonics ---------------------------------------------------


def _lpmv_rule(g: Any, m: Any, v: Any, x: Any) -> Any:
    """From P of order m = (-1)**m (2 m - 1)!! (1 - x**2)**(m / 2) times the Gegenbauer polynomial of m + 1 / 2."""
    m, v = np.asarray(raw(m), float), np.asarray(raw(v), float)
    special = scipy_special("lpmv")
    k = abs(m)
    scale = (-1.0) ** k * special.gamma(2 * k + 1) / (2.0**k * special.gamma(k + 1))
    scale = np.where(m < 0, (-1.0) ** k * special.gamma(v - k + 1) * special.rgamma(v + k + 1), 1.0) * scale
    there = v - k > 0
    t = 1.0 - square(x)
    first = eval_gegenbauer(np.maximum(v - k, 0), k + 0.5, x) * (v - k >= 0)
    second = eval_gegenbauer(np.where(there, v - k - 1, 0), k + 1.5, x) * (there * (2 * k + 1))
    edge = x * power(where_op(np.equal(k, 0), 1.0, t), np.maximum(k, 1) / 2 - 1) * first * k
    return mul_no_nan(g, (power(t, k / 2) * second - where_op(np.equal(k, 0), 0.0, edge)) * scale)


lpmv = declare(
    "lpmv", "m v x", "The associated Legendre function of integer order m and real degree v.",
    refused={"m": "it is an integer", "v": "it is the degree"}, likes=(1, 3, between(-0.9, 0.9)), x=_lpmv_rule,
)  # fmt: skip
lpmv.sample(np.array([[0], [2], [-2]]), 3, between(-0.9, 0.9, 2)).sample(0, 0, between(-0.9, 0.9, 2))


def _sph_harm(n: Any, m: Any, theta: Any, phi: Any) -> Any:
    special = scipy_special("sph_harm_y")
    n, m = np.asarray(n), np.asarray(m)
    f = getattr(special, "sph_harm_y", None)
    out = special.sph_harm(m, n, phi, theta) if f is None else f(n, m, theta, phi)
    return narrowed(out, (theta, phi))


def _sph_theta(g: Any, n: Any, m: Any, theta: Any, phi: Any) -> Any:
    """From the operators that move m up and down, e**(+-i phi) (d/dtheta +- i cot(theta) d/dphi)."""
    n, m = np.asarray(raw(n)), np.asarray(raw(m))
    turn = exp(multiply(phi, -1j))
    up = sph_harm_y_op(n, np.minimum(m + 1, n), theta, phi) * turn * np.sqrt((n - m) * (n + m + 1) + 0.0)
    down = sph_harm_y_op(n, np.maximum(m - 1, -n), theta, phi) * H(turn) * np.sqrt((n + m) * (n - m + 1) + 0.0)
    return g * H((up - down) * 0.5)


sph_harm_y_op = declare(
    "sph_harm_y", "n m theta phi", "The spherical harmonic of degree n and order m, a complex number.", _sph_harm,
    refused={"n": "it is an integer", "m": "it is an integer"}, likes=(2, 1, between(0.3, 2.8), real()),
    theta=_sph_theta, phi=lambda g, m, out: g * H(out * (raw(m) * 1j)),
)  # fmt: skip


def sph_harm_y(n: Any, m: Any, theta: Any, phi: Any, *, diff_n: int = 0) -> Any:
    """The spherical harmonic of degree n and order m at the polar angle theta and the azimuth phi, complex.

    diff_n: only 0; take derivatives of the result. scipy.special.sph_harm_y cannot be called on a Tensor.
    """
    if diff_n:
        raise TypeError(f"sph_harm_y: diff_n={diff_n} is not supported; differentiate the result instead")
    return sph_harm_y_op(*[weak(t, "sph_harm_y") for t in (n, m, theta, phi)])
