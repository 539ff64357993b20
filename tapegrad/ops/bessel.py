"""Bessel functions and their kin by the names of scipy.special: cylinder, modified, spherical, Airy, Kelvin, Struve.

Derivatives in the argument follow from recurrences between orders and so are there to any order, without a division
that would fail at 0. There is none in the order, for lack of a closed form, except of the functions of the second
modified kind, whose integral gives it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..kernels import parametric, series
from ..registry import Recorded, op, raw
from ..samples import positive, real
from .activation import floats, reals_only
from .discrete import any_requires_grad
from .elementwise import (
    H,
    absolute,
    div_no_nan,
    equal,
    greater,
    imag_op,
    mul_no_nan,
    multiply,
    negative,
    power,
    real_part,
    sign_op,
    sqrt,
    where_op,
)
from .gamma import rgamma
from .special import (
    declare,
    from_scipy,
    inexact,
    is_complex,
    narrowed,
    on_doubles,
    sampled,
    scipy_name,
    shifted,
    weak,
)
from .structure import broadcast_to_op

ORDER = {"v": "the derivatives of Bessel functions in their order have no closed form"}
INTEGER = {"n": "it is an integer"}

# -- the first, second and third kind ------------------------------------------------------------------------

jv = declare(
    "jv", "v z", "The Bessel function of the first kind, of real order v.", refused=ORDER, likes=(0.7, positive()),
    z=lambda g, v, z: mul_no_nan(g, H((jv(shifted(v, -1), z) - jv(shifted(v, 1), z)) * 0.5)),
)  # fmt: skip
yv = declare(
    "yv", "v z", "The Bessel function of the second kind, of real order v.", refused=ORDER, likes=(0.7, positive()),
    z=lambda g, v, z: mul_no_nan(g, H((yv(shifted(v, -1), z) - yv(shifted(v, 1), z)) * 0.5)),
)  # fmt: skip
hankel1 = declare(
    "hankel1", "v z", "The Bessel function of the third kind, jv + i yv.", refused=ORDER, likes=(0.7, positive()),
    z=lambda g, v, z: mul_no_nan(g, H((hankel1(shifted(v, -1), z) - hankel1(shifted(v, 1), z)) * 0.5)),
)  # fmt: skip
hankel2 = declare(
    "hankel2", "v z", "The Bessel function of the third kind, jv - i yv.", refused=ORDER, likes=(0.7, positive()),
    z=lambda g, v, z: mul_no_nan(g, H((hankel2(shifted(v, -1), z) - hankel2(shifted(v, 1), z)) * 0.5)),
)  # fmt: skip
hankel1e = declare(
    "hankel1e", "v z", "hankel1(v, z) e**(-i z).", refused=ORDER, likes=(0.7, positive()),
    z=lambda g, v, z, out: mul_no_nan(
        g, H((hankel1e(shifted(v, -1), z) - hankel1e(shifted(v, 1), z)) * 0.5 - out * 1j)
    ),
)  # fmt: skip
hankel2e = declare(
    "hankel2e", "v z", "hankel2(v, z) e**(i z).", refused=ORDER, likes=(0.7, positive()),
    z=lambda g, v, z, out: mul_no_nan(
        g, H((hankel2e(shifted(v, -1), z) - hankel2e(shifted(v, 1), z)) * 0.5 + out * 1j)
    ),
)  # fmt: skip
j0 = declare(
    "j0", "x", "The Bessel function of the first kind of order 0.", likes=(real(),), x=lambda g, x: negative(g * j1(x))
)  # fmt: skip
j1 = declare(
    "j1", "x", "The Bessel function of the first kind of order 1.", likes=(real(),),
    x=lambda g, x: g * ((j0(x) - jv(2.0, x)) * 0.5),
)  # fmt: skip
y0 = declare(
    "y0", "x", "The Bessel function of the second kind of order 0.", likes=(positive(),),
    x=lambda g, x: negative(mul_no_nan(g, y1(x))),
)  # fmt: skip
y1 = declare(
    "y1", "x", "The Bessel function of the second kind of order 1.", likes=(positive(),),
    x=lambda g, x: mul_no_nan(g, where_op(equal(x, 0), math.inf, (y0(x) - yn(2, x)) * 0.5)),
)  # fmt: skip
yn = declare(
    "yn", "n x", "The Bessel function of the second kind of integer order n.", refused=INTEGER, likes=(1, positive()),
    x=lambda g, n, x: mul_no_nan(g, (yn(shifted(n, -1), x) - yn(shifted(n, 1), x)) * 0.5),
)  # fmt: skip
yn.sample(np.array([[0], [1], [3]]), positive(2))
jn = jv


# In the scaled ones |Im z| or |Re z| enters as an input r of its own, in which they fall off like e**-r: they are
# differentiable in both, as a function of z alone is not.


def _scaled(name: str, part: str) -> Any:
    f = from_scipy(name, frozenset((0,)))

    def forward(v: Any, z: Any, r: Any) -> Any:
        size = abs(np.imag(z) if part == "imag" else np.real(z))
        return narrowed(f(v, z) * np.exp(size - r), (v, z, r), (0,))

    return forward


jve_op = declare(
    "jve", "v z r", "jv(v, z) e**-r, for r = |Im z|.", _scaled("jve", "imag"), refused=ORDER,
    likes=(0.7, positive(), positive()),
    z=lambda g, v, z, r: mul_no_nan(g, H((jve_op(shifted(v, -1), z, r) - jve_op(shifted(v, 1), z, r)) * 0.5)),
    r=lambda g, out: negative(g * H(out)),
)  # fmt: skip
yve_op = declare(
    "yve", "v z r", "yv(v, z) e**-r, for r = |Im z|.", _scaled("yve", "imag"), refused=ORDER,
    likes=(0.7, positive(), positive()),
    z=lambda g, v, z, r: mul_no_nan(g, H((yve_op(shifted(v, -1), z, r) - yve_op(shifted(v, 1), z, r)) * 0.5)),
    r=lambda g, out: negative(g * H(out)),
)  # fmt: skip
ive_op = declare(
    "ive", "v z r", "iv(v, z) e**-r, for r = |Re z|.", _scaled("ive", "real"), refused=ORDER,
    likes=(0.7, positive(), positive()),
    z=lambda g, v, z, r: mul_no_nan(g, H((ive_op(shifted(v, -1), z, r) + ive_op(shifted(v, 1), z, r)) * 0.5)),
    r=lambda g, out: negative(g * H(out)),
)  # fmt: skip


@scipy_name("jve")
def jve(v: Any, z: Any) -> Any:
    """jv(v, z) e**-|Im z|."""
    v, z = weak(v, "jve"), inexact(z, "jve")
    return jve_op(v, z, absolute(imag_op(z)) if is_complex(z) else 0.0)


@scipy_name("yve")
def yve(v: Any, z: Any) -> Any:
    """yv(v, z) e**-|Im z|."""
    v, z = weak(v, "yve"), inexact(z, "yve")
    return yve_op(v, z, absolute(imag_op(z)) if is_complex(z) else 0.0)


@scipy_name("ive")
def ive(v: Any, z: Any) -> Any:
    """iv(v, z) e**-|Re z|; where Re z is 0 the scale has slope 0."""
    z = inexact(z, "ive")
    return ive_op(weak(v, "ive"), z, absolute(real_part(z)))


# -- the modified ones ---------------------------------------------------------------------------------------

iv = declare(
    "iv", "v z", "The modified Bessel function of the first kind, of real order v.", refused=ORDER,
    likes=(0.7, positive()),
    z=lambda g, v, z: mul_no_nan(g, H((iv(shifted(v, -1), z) + iv(shifted(v, 1), z)) * 0.5)),
)  # fmt: skip


@op("elementwise")
def bessel_i(x, *, order, scaled=False):
    """The modified Bessel function of the first kind of integer order at real x, times e**-|x| if scaled."""
    return on_doubles(lambda x: series.bessel_i(x, order, scaled), x)


def _bessel_i_rule(g: Any, x: Any, out: Any, order: int, scaled: bool) -> Any:
    below = bessel_i(x, order=abs(order - 1), scaled=scaled)
    slope = (below + bessel_i(x, order=order + 1, scaled=scaled)) * 0.5 if order else below
    return mul_no_nan(g, slope - sign_op(x) * out if scaled else slope)


bessel_i.vjp(x=_bessel_i_rule)
for _order in (0, 1, 3):
    sampled(bessel_i, real(away=0.1), order=_order)
    bessel_i.sample(real(3, away=0.1), order=_order, scaled=True)
reals_only(bessel_i)


@scipy_name("i0")
def i0(x: Any) -> Any:
    """The modified Bessel function of the first kind of order 0."""
    return bessel_i(floats(x, "i0"), order=0, scaled=False)


@scipy_name("i0e")
def i0e(x: Any) -> Any:
    """i0(x) e**-|x|; at 0, where it has a kink, the slope is 0."""
    return bessel_i(floats(x, "i0e"), order=0, scaled=True)


@scipy_name("i1")
def i1(x: Any) -> Any:
    """The modified Bessel function of the first kind of order 1."""
    return bessel_i(floats(x, "i1"), order=1, scaled=False)


@scipy_name("i1e")
def i1e(x: Any) -> Any:
    """i1(x) e**-|x|."""
    return bessel_i(floats(x, "i1e"), order=1, scaled=True)


def _by_order(v: Any, x: Any, order: int, scaled: bool) -> Any:
    """The derivative in v of kve, or of kv, for real x > 0."""

    def slope(v: Any, x: Any) -> Any:
        good = (x > 0) & np.isfinite(x)
        inner = np.where(good, x, 1.0)
        out = parametric.bessel_k(v, inner, order)
        return np.where(good, out if scaled else out * np.exp(-inner), np.where(x == np.inf, 0, np.nan))

    with np.errstate(all="ignore"):
        return on_doubles(slope, v, x)


_kv, _kve = from_scipy("kv", frozenset((0,))), from_scipy("kve", frozenset((0,)))


@op("elementwise")
def kv_op(v, z, *, order=0):
    """The derivative of that order in v of the modified Bessel function of the second kind."""
    return _by_order(v, z, order, False) if order else _kv(v, z)


@op("elementwise")
def kve_op(v, z, *, order=0):
    """The derivative of that order in v of e**z times the modified Bessel function of the second kind."""
    return _by_order(v, z, order, True) if order else _kve(v, z)


kv_op.vjp(
    v=lambda g, v, z, order: mul_no_nan(g, kv_op(v, z, order=order + 1)),
    z=lambda g, v, z, order: negative(
        mul_no_nan(g, H((kv_op(v - 1.0, z, order=order) + kv_op(v + 1.0, z, order=order)) * 0.5))
    ),
)
kve_op.vjp(
    v=lambda g, v, z, order: mul_no_nan(g, kve_op(v, z, order=order + 1)),
    z=lambda g, v, z, out, order: mul_no_nan(
        g, H(out - (kve_op(v - 1.0, z, order=order) + kve_op(v + 1.0, z, order=order)) * 0.5)
    ),
)
for _one in (kv_op, kve_op):
    sampled(_one, real(), positive())
    _one.sample(0.7, positive(3)).sample(1, positive(3)).sample(real(2), positive(2), order=2)


def _second_kind(made: Any, v: Any, z: Any) -> Any:
    v, z = weak(v, made.name), weak(z, made.name)
    if is_complex(z) and any_requires_grad((v,)):
        raise TypeError(f"{made.name}: the gradient in the order v is there for real z only; give v.detach()")
    return made(v, z)


@scipy_name("kv")
def kv(v: Any, z: Any) -> Any:
    """The modified Bessel function of the second kind of real order v, differentiable in v too where z is real."""
    return _second_kind(kv_op, v, z)


@scipy_name("kve")
def kve(v: Any, z: Any) -> Any:
    """kv(v, z) e**z, differentiable in v too where z is real."""
    return _second_kind(kve_op, v, z)


kn = declare(
    "kn", "n x", "The modified Bessel function of the second kind of integer order n.", refused=INTEGER,
    likes=(1, positive()),
    x=lambda g, n, x: negative(mul_no_nan(g, (kn(abs(shifted(n, -1)), x) + kn(shifted(n, 1), x)) * 0.5)),
)  # fmt: skip
kn.sample(np.array([[0], [1], [3]]), positive(2))
k0 = declare(
    "k0", "x", "The modified Bessel function of the second kind of order 0.", likes=(positive(),),
    x=lambda g, x: negative(mul_no_nan(g, k1(x))),
)  # fmt: skip
k1 = declare(
    "k1", "x", "The modified Bessel function of the second kind of order 1.", likes=(positive(),),
    x=lambda g, x: negative(mul_no_nan(g, (k0(x) + kn(2, x)) * 0.5)),
)  # fmt: skip


def _from_pole(x: Any, slope: Any) -> Any:
    """The slope; -inf at 0, where it is the difference of infinities."""
    return where_op(equal(x, 0), -math.inf, slope)


k0e = declare(
    "k0e", "x", "k0(x) e**x.", likes=(positive(),), x=lambda g, x, out: mul_no_nan(g, _from_pole(x, out - k1e(x)))
)  # fmt: skip
k1e = declare(
    "k1e", "x", "k1(x) e**x.", likes=(positive(),),
    x=lambda g, x, out: mul_no_nan(g, _from_pole(x, out - k0e(x) - div_no_nan(out, x))),
)  # fmt: skip


def _derivative(f: Any, v: Any, z: Any, n: int, sign: float, name: str) -> Any:
    """The n-th derivative in z, from functions of the orders v - n to v + n."""
    if int(n) != n or n < 0:
        raise ValueError(f"{name}: n is the order of a derivative, an integer of at least 0; got {n}")
    if any_requires_grad((v,)):
        raise TypeError(f"{name}: there is no gradient in v: {ORDER['v']}; give v.detach()")
    n = int(n)
    total: Any = None
    for k in range(n + 1):
        one = f(shifted(weak(v, name), 2 * k - n), z) * (sign**k * math.comb(n, k) / 2.0**n)
        total = one if total is None else total + one
    return total


def jvp(v: Any, z: Any, n: int = 1) -> Any:
    """The n-th derivative of jv in z. scipy.special.jvp is no ufunc and cannot be called on a Tensor."""
    return _derivative(jv, v, inexact(z, "jvp"), n, -1.0, "jvp")


def yvp(v: Any, z: Any, n: int = 1) -> Any:
    """The n-th derivative of yv in z. scipy.special.yvp is no ufunc and cannot be called on a Tensor."""
    return _derivative(yv, v, inexact(z, "yvp"), n, -1.0, "yvp")


def h1vp(v: Any, z: Any, n: int = 1) -> Any:
    """The n-th derivative of hankel1 in z. scipy.special.h1vp is no ufunc and cannot be called on a Tensor."""
    return _derivative(hankel1, v, inexact(z, "h1vp"), n, -1.0, "h1vp")


def h2vp(v: Any, z: Any, n: int = 1) -> Any:
    """The n-th derivative of hankel2 in z. scipy.special.h2vp is no ufunc and cannot be called on a Tensor."""
    return _derivative(hankel2, v, inexact(z, "h2vp"), n, -1.0, "h2vp")


def ivp(v: Any, z: Any, n: int = 1) -> Any:
    """The n-th derivative of iv in z. scipy.special.ivp is no ufunc and cannot be called on a Tensor."""
    return _derivative(iv, v, inexact(z, "ivp"), n, 1.0, "ivp")


def kvp(v: Any, z: Any, n: int = 1) -> Any:
    """The n-th derivative of kv in z. scipy.special.kvp is no ufunc and cannot be called on a Tensor."""
    return _derivative(kv, v, inexact(z, "kvp"), n, 1.0, "kvp") * (-1.0) ** int(n)


# -- spherical ones ------------------------------------------------------------------------------------------


def _neighbours(n: Any) -> tuple[Any, Any, Any, Any]:
    """The orders below and above n, and their weights n / (2 n + 1) and (n + 1) / (2 n + 1)."""
    n = n._data if isinstance(n, Recorded) else n
    below = max(n - 1, 0) if isinstance(n, int) else np.maximum(n - 1, 0)
    return below, n + 1, n / (2.0 * n + 1.0), (n + 1.0) / (2.0 * n + 1.0)


def _between(made: Any, n: Any, z: Any, low: float, high: float) -> Any:
    below, above, share, rest = _neighbours(n)
    return made(below, z) * (share * low) + made(above, z) * (rest * high)


spherical_jn_op = declare(
    "spherical_jn", "n z", "The spherical Bessel function of the first kind.", refused=INTEGER, likes=(1, positive()),
    z=lambda g, n, z: mul_no_nan(g, H(_between(spherical_jn_op, n, z, 1.0, -1.0))),
)  # fmt: skip
spherical_yn_op = declare(
    "spherical_yn", "n z", "The spherical Bessel function of the second kind.", refused=INTEGER, likes=(1, positive()),
    z=lambda g, n, z: mul_no_nan(g, H(_between(spherical_yn_op, n, z, 1.0, -1.0))),
)  # fmt: skip
spherical_in_op = declare(
    "spherical_in", "n z", "The modified spherical Bessel function of the first kind.", refused=INTEGER,
    likes=(1, positive()),
    z=lambda g, n, z: mul_no_nan(g, H(_between(spherical_in_op, n, z, 1.0, 1.0))),
)  # fmt: skip
spherical_kn_op = declare(
    "spherical_kn", "n z", "The modified spherical Bessel function of the second kind.", refused=INTEGER,
    likes=(1, positive()),
    z=lambda g, n, z: mul_no_nan(g, H(_between(spherical_kn_op, n, z, -1.0, -1.0))),
)  # fmt: skip
for _one in (spherical_jn_op, spherical_yn_op, spherical_in_op, spherical_kn_op):
    _one.sample(np.array([[0], [1], [3]]), positive(2))


def _spherical(made: Any, low: float, high: float) -> Any:
    name = made.name

    def f(n: Any, z: Any, derivative: bool = False) -> Any:
        n, z = weak(n, name), inexact(z, name)
        if not (type(n) is int or (not isinstance(n, float) and n.dtype.kind in "iu")):
            raise TypeError(f"{name}: the order n must be an integer, got {n!r}")
        return _between(made, n, z, low, high) if derivative else made(n, z)

    def slope(n: Any, z: Any) -> Any:
        return f(n, z, True)

    f.__name__ = f.__qualname__ = name
    f.__doc__ = (
        f"{made.__doc__} derivative=True: its derivative in z. scipy.special.{name} is no ufunc and cannot be called "
        "on a Tensor."
    )
    scipy_name("_" + name + "_d")(slope)
    return scipy_name("_" + name)(f)


spherical_jn = _spherical(spherical_jn_op, 1.0, -1.0)
spherical_yn = _spherical(spherical_yn_op, 1.0, -1.0)
spherical_in = _spherical(spherical_in_op, 1.0, 1.0)
spherical_kn = _spherical(spherical_kn_op, -1.0, -1.0)

# -- Airy functions ------------------------------------------------------------------------------------------

airy = declare(
    "airy", "z", "The Airy functions Ai, Ai', Bi, Bi', the solutions of w'' = z w.", outputs="ai aip bi bip",
    likes=(real(),),
    z=lambda g, z, ai, aip, bi, bip: (
        mul_no_nan(g[0], H(aip)) + mul_no_nan(g[1], H(z * ai)) + mul_no_nan(g[2], H(bip)) + mul_no_nan(g[3], H(z * bi))
    ),
)  # fmt: skip


def _airye(z: Any, r: Any) -> Any:
    ai, aip, bi, bip = from_scipy("airye")(z)
    root = np.sqrt(z if np.iscomplexobj(z) else np.maximum(z, 0))
    scale = np.exp(abs(np.real(z * root)) * (2.0 / 3.0) - r)
    return tuple([narrowed(o, (z, r)) for o in (ai, aip, bi * scale, bip * scale)])


def _airye_z(g: Any, z: Any, ai: Any, aip: Any, bi: Any, bip: Any) -> Any:
    root = sqrt(z if is_complex(z) else where_op(greater(z, 0), z, 0.0))
    total = mul_no_nan(g[0], H(aip + root * ai)) + mul_no_nan(g[1], H(z * ai + root * aip))
    return total + mul_no_nan(g[2], H(bip)) + mul_no_nan(g[3], H(z * bi))


airye_op = declare(
    "airye", "z r", "Ai and Ai' times e**(2 / 3 z**1.5), Bi and Bi' times e**-r, for r = |Re(2 / 3 z**1.5)|.", _airye,
    outputs="ai aip bi bip", z=_airye_z,
    r=lambda g, bi, bip: negative(mul_no_nan(g[2], H(bi)) + mul_no_nan(g[3], H(bip))),
)  # fmt: skip
for _shape in ((2, 3), (), (0,)):
    airye_op.sample(positive(*_shape), positive(*_shape))


@scipy_name("airye")
def airye(z: Any) -> Any:
    """The Airy functions scaled: Ai, Ai' by e**(2 / 3 z**1.5), Bi, Bi' by e**-|Re(2 / 3 z**1.5)|."""
    z = inexact(z, "airye")
    if is_complex(z):
        return airye_op(z, absolute(real_part(z * sqrt(z))) * (2.0 / 3.0))
    above = where_op(greater(z, 0), z, 0.0)
    return airye_op(z, above * sqrt(where_op(greater(z, 0), z, 1.0)) * (2.0 / 3.0))


# -- Kelvin functions ----------------------------------------------------------------------------------------
# ber + i bei is J of order 0 at x e**(3 pi i / 4), ker + i kei is K of order 0 at x e**(pi i / 4)

_FIRST, _SECOND = complex(-math.sqrt(0.5), math.sqrt(0.5)), complex(math.sqrt(0.5), math.sqrt(0.5))


def _along_first(x: Any, n: int) -> Any:
    return _derivative(jv, 0, x * _FIRST, n, -1.0, "ber") * _FIRST**n


def _along_second(x: Any, n: int) -> Any:
    return _derivative(kv_op, 0, x * _SECOND, n, 1.0, "ker") * (-_SECOND) ** n


def _imag_part(z: Any) -> Any:
    return imag_op(z)


def _kelvin(name: str, doc: str, along: Any, part: Any, n: int, likes: Any, at_zero: float | None = None) -> Any:
    def rule(g: Any, x: Any) -> Any:
        if at_zero is None:
            return mul_no_nan(g, part(along(x, n + 1)))
        none = equal(x, 0)
        return mul_no_nan(g, where_op(none, at_zero, part(along(where_op(none, 1.0, x), n + 1))))

    return declare(name, "x", doc, likes=likes, x=rule)


ber = _kelvin("ber", "The Kelvin function ber, of order 0.", _along_first, real_part, 0, (real(),))
bei = _kelvin("bei", "The Kelvin function bei, of order 0.", _along_first, _imag_part, 0, (real(),))
berp = _kelvin("berp", "The derivative of ber.", _along_first, real_part, 1, (real(),))
beip = _kelvin("beip", "The derivative of bei.", _along_first, _imag_part, 1, (real(),))
ker = _kelvin("ker", "The Kelvin function ker, of order 0.", _along_second, real_part, 0, (positive(),), -math.inf)
kei = _kelvin("kei", "The Kelvin function kei, of order 0.", _along_second, _imag_part, 0, (positive(),), 0.0)
kerp = _kelvin("kerp", "The derivative of ker.", _along_second, real_part, 1, (positive(),), math.inf)
keip = _kelvin("keip", "The derivative of kei.", _along_second, _imag_part, 1, (positive(),), -math.inf)


def _kelvin_rule(g: Any, x: Any, be: Any, ke: Any, bep: Any, kep: Any) -> Any:
    first = multiply(g[0], H(bep)) + multiply(g[1], H(kep))
    return first + multiply(g[2], H(_along_first(x, 2))) + mul_no_nan(g[3], H(_along_second(x, 2)))


kelvin = declare(
    "kelvin", "x", "The Kelvin functions ber + i bei and ker + i kei, and their derivatives.", outputs="be ke bep kep",
    likes=(positive(),), x=lambda g, x, be, ke, bep, kep: real_part(_kelvin_rule(g, x, be, ke, bep, kep)),
)  # fmt: skip

# -- Struve functions, integrals, parabolic cylinder functions -----------------------------------------------


def _struve_rest(v: Any, x: Any) -> Any:
    """(x / 2)**v / (sqrt(pi) gamma(v + 3 / 2))."""
    return power(x * 0.5, v) * (rgamma(shifted(v, 1.5)) * (1.0 / math.sqrt(math.pi)))


struve = declare(
    "struve", "v x", "The Struve function of order v.", refused=ORDER, likes=(1.0, positive()),
    x=lambda g, v, x: mul_no_nan(
        g, (struve(shifted(v, -1), x) - struve(shifted(v, 1), x) + _struve_rest(v, x)) * 0.5
    ),
)  # fmt: skip
modstruve = declare(
    "modstruve", "v x", "The modified Struve function of order v.", refused=ORDER, likes=(1.0, positive()),
    x=lambda g, v, x: mul_no_nan(
        g, (modstruve(shifted(v, -1), x) + modstruve(shifted(v, 1), x) + _struve_rest(v, x)) * 0.5
    ),
)  # fmt: skip
itstruve0 = declare(
    "itstruve0", "x", "The integral of struve(0, t) from 0 to x.", likes=(positive(),),
    x=lambda g, x: mul_no_nan(g, struve(0.0, x)),
)  # fmt: skip
itmodstruve0 = declare(
    "itmodstruve0", "x", "The integral of modstruve(0, t) from 0 to x.", likes=(positive(),),
    x=lambda g, x: mul_no_nan(g, modstruve(0.0, x)),
)  # fmt: skip
itj0y0 = declare(
    "itj0y0", "x", "The integrals of j0 and y0 from 0 to x.", outputs="ij0 iy0", likes=(positive(),),
    x=lambda g, x: g[0] * j0(x) + mul_no_nan(g[1], y0(x)),
)  # fmt: skip
iti0k0 = declare(
    "iti0k0", "x", "The integrals of i0 and k0 from 0 to x.", outputs="ii0 ik0", likes=(positive(),),
    x=lambda g, x: g[0] * bessel_i(x, order=0) + mul_no_nan(g[1], k0(x)),
)  # fmt: skip


PARABOLIC = {"v": "the derivatives of parabolic cylinder functions in their order have no closed form"}
pbdv_op = declare(
    "pbdv", "v x", "The parabolic cylinder function D and its derivative, w'' = (x**2 / 4 - v - 1 / 2) w.",
    outputs="w wp", refused=PARABOLIC,
    x=lambda g, v, x, w, wp: g[0] * wp + g[1] * ((x * x * 0.25 - (raw(v) + 0.5)) * w),
)  # fmt: skip
pbvv_op = declare(
    "pbvv", "v x", "The parabolic cylinder function V and its derivative, w'' = (x**2 / 4 - v - 1 / 2) w.",
    outputs="w wp", refused=PARABOLIC,
    x=lambda g, v, x, w, wp: g[0] * wp + g[1] * ((x * x * 0.25 - (raw(v) + 0.5)) * w),
)  # fmt: skip
pbwa_op = declare(
    "pbwa", "v x", "The parabolic cylinder function W and its derivative, w'' = (v - x**2 / 4) w.",
    outputs="w wp", refused=PARABOLIC,
    x=lambda g, v, x, w, wp: g[0] * wp + g[1] * ((raw(v) - x * x * 0.25) * w),
)  # fmt: skip
for _one in (pbdv_op, pbvv_op, pbwa_op):
    _one.sample(0.7, real(2, 3)).sample(0.3, real()).sample(1.2, real(0, 2))


def _parabolic(made: Any, v: Any, x: Any) -> Any:
    v, x = weak(v, made.name), inexact(x, made.name)
    shape = np.broadcast_shapes(np.shape(raw(v)), x.shape)
    return made(v, x if x.shape == shape else broadcast_to_op(x, shape=shape))


@scipy_name("pbdv")
def pbdv(v: Any, x: Any) -> Any:
    """The parabolic cylinder function D of order v, and its derivative."""
    return _parabolic(pbdv_op, v, x)


@scipy_name("pbvv")
def pbvv(v: Any, x: Any) -> Any:
    """The parabolic cylinder function V of order v, and its derivative."""
    return _parabolic(pbvv_op, v, x)


@scipy_name("pbwa")
def pbwa(a: Any, x: Any) -> Any:
    """The parabolic cylinder function W of parameter a, and its derivative."""
    return _parabolic(pbwa_op, a, x)


_WRIGHT = "the derivatives of Wright's function in its parameters have no closed form"
wright_bessel = declare(
    "wright_bessel", "a b x", "Wright's generalized Bessel function, the sum of x**k / (k! gamma(a k + b)).",
    refused={"a": _WRIGHT, "b": _WRIGHT}, likes=(0.5, 1.2, positive()),
    x=lambda g, a, b, x: mul_no_nan(g, wright_bessel(a, raw(b) + raw(a), x)),
)  # fmt: skip
