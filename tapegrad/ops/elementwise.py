"""NumPy's elementwise functions with their derivatives: the derivative table.

Rules follow PyTorch's complex convention, g * conj(f'(x)); H is the conjugate where there is one to take.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..registry import BY_NUMPY, Recorded, in_numpy, numpy_name, op, operand, ufunc, wrap
from ..samples import between, bools, complexes, distinct, ints, positive, real
from .structure import cast, deliver

LN2, LN10 = math.log(2.0), math.log(10.0)
DEGREE = math.pi / 180.0


def H(x: Any) -> Any:
    """The conjugate of something complex; anything real as it is, without a copy."""
    if isinstance(x, (np.ndarray, Recorded)):
        return conjugate(x) if x.dtype.kind == "c" else x
    return x.conjugate()


def _same(x: Any) -> Any:
    return x


H.on_real_arrays = _same  # type: ignore[attr-defined]


# The commonest rules by name, with what they are on real arrays, so that a backward there calls nothing in between.
_pass: Any = lambda g: g
_negate: Any = lambda g: negative(g)
_times_x: Any = lambda g, x: multiply(g, H(x))
_times_y: Any = lambda g, y: multiply(g, H(y))
_times_out: Any = lambda g, out: multiply(g, H(out))
_pass.passes = True
_negate.on_real_arrays = np.negative
_times_x.on_real_arrays = _times_y.on_real_arrays = _times_out.on_real_arrays = np.multiply


# -- a zero cotangent stays zero where a slope is infinite ---------------------------------------------------


@op("elementwise")
def mul_no_nan(x, y):
    """x * y, but 0 wherever x is 0, also where y is infinite or nan."""
    out = np.asarray(np.multiply(x, y))
    np.copyto(out, 0, where=np.equal(x, 0))
    return out


@op("elementwise")
def div_no_nan(x, y):
    """x / y, but 0 wherever x is 0, also where y is 0 or nan."""
    if type(y) is float and y:
        return np.divide(x, y)
    with np.errstate(divide="ignore", invalid="ignore"):
        out = np.asarray(np.divide(x, y))
    np.copyto(out, 0, where=np.equal(x, 0))
    return out


mul_no_nan.vjp(x=lambda g, y: mul_no_nan(g, H(y)), y=lambda g, x: mul_no_nan(H(x), g))
mul_no_nan.sample(real(3, 4), real(4)).sample(real(), real(2, 3))
div_no_nan.vjp(
    x=lambda g, y: div_no_nan(g, H(y)),
    y=lambda g, y, out: negative(div_no_nan(mul_no_nan(H(out), g), H(y))),
)
div_no_nan.sample(real(3, 4), real(4, away=0.3)).sample(real(), real(2, 3, away=0.3))

# -- arithmetic ----------------------------------------------------------------------------------------------

add = ufunc(np.add, "x + y.", x=_pass, y=_pass)
subtract = ufunc(np.subtract, "x - y.", x=_pass, y=_negate)
multiply = ufunc(np.multiply, "x * y.", x=_times_y, y=_times_x)
divide = ufunc(
    np.divide,
    "x / y. A zero cotangent stays zero where y is 0.",
    like=[real(), real(away=0.3)],
    x=lambda g, y: div_no_nan(g, H(y)),
    y=lambda g, y, out: negative(div_no_nan(mul_no_nan(g, H(out)), H(y))),
)
negative = ufunc(np.negative, "-x.", x=_negate)
positive_ = ufunc(np.positive, "+x, a copy.", x=_pass)
reciprocal = ufunc(
    np.reciprocal, "1 / x.", like=real(away=0.3), x=lambda g, out: negative(mul_no_nan(g, H(multiply(out, out))))
)
square = ufunc(np.square, "x * x.", x=lambda g, x: multiply(g, multiply(2.0, H(x))))
power = ufunc(
    np.power,
    "x ** y. The gradient in x of x ** 0 is 0, that in y of 0 ** y is 0 for y >= 0.",
    like=[positive(), real()],
    x=lambda g, x, y: mul_no_nan(g, H(mul_no_nan(y, power(x, subtract(y, 1))))),
    y=lambda g, x, y, out: mul_no_nan(
        g, H(multiply(out, log(where_op(logical_and(equal(x, 0), greater_equal(real_part(y), 0)), 1.0, x))))
    ),
)
remainder = ufunc(
    np.remainder,
    "x mod y, with the sign of y: x - floor(x / y) * y.",
    like=[real(), positive(low=0.7, high=1.1)],
    x=lambda g: g,
    y=lambda g, x, y: negative(multiply(g, floor_divide(x, y))),
)
fmod = ufunc(
    np.fmod,
    "x mod y, with the sign of x: x - n * y for the whole number n nearest to x / y on the side of 0.",
    like=[real(), positive(low=0.7, high=1.1)],
    x=lambda g: g,
    # x / y itself may round up to a whole number that x does not reach
    y=lambda g, x, y, out: negative(multiply(g, rint(divide(subtract(x, out), y)))),
)
floor_divide = ufunc(
    np.floor_divide, "floor(x / y). The gradient is zero.", like=[real(), positive(low=0.7, high=1.1)], x=None, y=None
)

# -- size and sign -------------------------------------------------------------------------------------------

sign_op = ufunc(np.sign, "-1, 0 or 1; the gradient is zero.", like=real(away=0.1), x=None)
absolute = ufunc(
    np.absolute,
    "The absolute value; 0 has gradient 0. Complex x has gradient g * x / |x|.",
    like=real(away=0.1),
    x=lambda g, x: multiply(g, phase(x) if x.dtype.kind == "c" else sign_op(x)),
)
fabs = ufunc(np.fabs, "The absolute value of reals.", like=real(away=0.1), x=lambda g, x: multiply(g, sign_op(x)))
conjugate = ufunc(np.conjugate, "The complex conjugate.", x=lambda g: conjugate(g))
floor = ufunc(np.floor, "The next integer below; the gradient is zero.", like=distinct(), x=None)
ceil = ufunc(np.ceil, "The next integer above; the gradient is zero.", like=distinct(), x=None)
trunc = ufunc(np.trunc, "The next integer towards zero; the gradient is zero.", like=distinct(), x=None)
rint = ufunc(np.rint, "The nearest integer, halves to even; the gradient is zero.", like=distinct(), x=None)
copysign = ufunc(
    np.copysign,
    "The size of x with the sign of y; x = 0 has gradient 0, that in y is zero.",
    like=real(away=0.1),
    x=lambda g, x, y: multiply(g, multiply(sign_op(x), copysign(1.0, y))),
    y=None,
)
heaviside = ufunc(
    np.heaviside,
    "0 for x < 0, y at x = 0, 1 for x > 0; the gradient in x is zero.",
    like=real(away=0.1),
    x=None,
    y=lambda g, x: where_op(equal(x, 0), g, 0.0),
)
ldexp_op = ufunc(np.ldexp, "x * 2 ** y, y of integers.", like=[real(), ints(-3, 4)], x=lambda g, y: ldexp_op(g, y))


@numpy_name(np.ldexp)
def ldexp(x: Any, y: Any) -> Any:
    """x * 2 ** y, y of integers."""
    return ldexp_op(_plain(x), operand(y, "ldexp"))  # as an array, y stays an integer


@op("elementwise")
def phase(x):
    """x / |x| of complex x; 0 has value and gradient 0."""
    return np.sign(x)


def _phase_rule(g: Any, x: Any, out: Any) -> Any:
    """What of g is across x, over |x|."""
    across = imag_op(multiply(H(out), g)) if g.dtype.kind == "c" else negative(multiply(imag_op(out), g))
    return multiply(divide(across, _not_zero(absolute(x))), multiply(out, 1j))


phase.vjp(x=_phase_rule)
phase.jvp(lambda tangents, x, out: _phase_rule(tangents[0], x, out))
phase.sample(complexes(3, 4)).sample(complexes())


def _not_zero(x: Any) -> Any:
    """x, with infinity for 0: to divide by where the quotient is to be 0, and so are all of its derivatives."""
    return where_op(equal(x, 0), math.inf, x)


@numpy_name(np.sign)
def sign(x: Any) -> Any:
    """-1, 0 or 1 with a zero gradient; of complex x, x / |x| with its gradient, 0 at 0."""
    x = operand(x, "sign")
    return phase(x) if x.dtype.kind == "c" else sign_op(x)


# -- exponentials, logarithms, roots -------------------------------------------------------------------------

exp = ufunc(np.exp, "e ** x.", x=_times_out)
exp2 = ufunc(np.exp2, "2 ** x.", x=lambda g, out: multiply(g, multiply(H(out), LN2)))
expm1 = ufunc(np.expm1, "e ** x - 1, exact near 0.", x=lambda g, x: multiply(g, H(exp(x))))
log = ufunc(np.log, "The natural logarithm.", like=positive(), x=lambda g, x: div_no_nan(g, H(x)))
log2 = ufunc(np.log2, "The logarithm to base 2.", like=positive(), x=lambda g, x: div_no_nan(g, multiply(H(x), LN2)))
log10 = ufunc(
    np.log10, "The logarithm to base 10.", like=positive(), x=lambda g, x: div_no_nan(g, multiply(H(x), LN10))
)
log1p = ufunc(np.log1p, "log(1 + x), exact near 0.", like=positive(), x=lambda g, x: div_no_nan(g, add(1.0, H(x))))
sqrt = ufunc(
    np.sqrt,
    "The square root; its slope at 0 is infinite.",
    like=positive(),
    x=lambda g, out: div_no_nan(multiply(g, 0.5), H(out)),
)
cbrt = ufunc(
    np.cbrt,
    "The real cube root; its slope at 0 is infinite.",
    like=positive(),
    x=lambda g, out: div_no_nan(div_no_nan(g, multiply(3.0, out)), out),
)


@op("elementwise")
def logistic_share(x, y):
    """e**x / (e**x + e**y), 1/2 where x = y, infinities included."""
    with np.errstate(over="ignore", invalid="ignore"):
        share = np.asarray(1.0 / (1.0 + np.exp(np.subtract(y, x))))
    np.copyto(share, 0.5, where=np.equal(x, y))
    return share


logistic_share.vjp(
    x=lambda g, out: multiply(g, H(multiply(out, subtract(1.0, out)))),
    y=lambda g, out: negative(multiply(g, H(multiply(out, subtract(1.0, out))))),
)
logistic_share.sample(real(3, 4), real(4)).sample(real(), real(3))
logaddexp = ufunc(
    np.logaddexp,
    "log(e**x + e**y); both -inf: equal shares.",
    x=lambda g, x, y: multiply(g, logistic_share(x, y)),
    y=lambda g, x, y: multiply(g, logistic_share(y, x)),
)
logaddexp2 = ufunc(
    np.logaddexp2,
    "log2(2**x + 2**y); both -inf: equal shares.",
    x=lambda g, x, y: multiply(g, logistic_share(multiply(x, LN2), multiply(y, LN2))),
    y=lambda g, x, y: multiply(g, logistic_share(multiply(y, LN2), multiply(x, LN2))),
)

# -- trigonometry --------------------------------------------------------------------------------------------

sin = ufunc(np.sin, "The sine of x radians.", x=lambda g, x: multiply(g, H(cos(x))))
cos = ufunc(np.cos, "The cosine of x radians.", x=lambda g, x: negative(multiply(g, H(sin(x)))))
tan = ufunc(
    np.tan, "The tangent of x radians.", like=between(-1, 1), x=lambda g, out: multiply(g, 1.0 + square(H(out)))
)


# Roots of what x**2 and 1 differ by, factor by factor: exact near 1 and far out, on the right side of a branch cut, and
# with derivatives that are exact near 0 too.


def _below_one(x: Any) -> Any:
    """sqrt(1 - x**2); of complex x the differences keep the sign of a zero part, which says on which side of a cut."""
    if x.dtype.kind == "c":
        return np.sqrt(-np.subtract(x, 1)) * np.sqrt(np.subtract(x, -1))
    return np.sqrt(np.subtract(1, x)) * np.sqrt(np.add(x, 1))


@op("elementwise")
def below_one(x):
    """sqrt(1 - x**2), as sqrt(1 - x) * sqrt(1 + x)."""
    return _below_one(x)


@op("elementwise")
def above_one(x):
    """sqrt(x**2 - 1), as sqrt(x - 1) * sqrt(x + 1)."""
    return np.sqrt(np.subtract(x, 1)) * np.sqrt(np.subtract(x, -1))


@op("elementwise")
def above_zero(x):
    """sqrt(x**2 + 1), without overflow."""
    if x.dtype.kind != "c":
        return np.hypot(x, 1)
    turned = np.empty_like(x)  # x * 1j, with the signs of its zeros
    turned.real, turned.imag = -x.imag, x.real
    return _below_one(turned)


@op("elementwise")
def arctan_slope(x):
    """1 / (1 + x**2)."""
    return 1 / (x + 1j) / (x - 1j) if x.dtype.kind == "c" else np.divide(1, np.add(1, np.square(x)))


@op("elementwise")
def arctanh_slope(x):
    """1 / (1 - x**2)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(1, np.subtract(1, x)) / np.add(1, x)


below_one.vjp(x=lambda g, x, out: negative(div_no_nan(mul_no_nan(g, H(x)), H(out)))).sample(between(-0.9, 0.9, 3, 4))
above_one.vjp(x=lambda g, x, out: div_no_nan(mul_no_nan(g, H(x)), H(out))).sample(between(1.2, 3, 3, 4))
above_zero.vjp(x=lambda g, x, out: div_no_nan(mul_no_nan(g, H(x)), H(out))).sample(real(3, 4)).sample(complexes(3))
arctan_slope.vjp(x=lambda g, x, out: mul_no_nan(g, H(multiply(-2.0, mul_no_nan(multiply(out, out), x)))))
arctanh_slope.vjp(x=lambda g, x, out: mul_no_nan(g, H(multiply(2.0, mul_no_nan(multiply(out, out), x)))))
arctan_slope.sample(real(3, 4))
arctanh_slope.sample(between(-0.9, 0.9, 3, 4))

arcsin = ufunc(
    np.arcsin, "The inverse sine, in radians.", like=between(-0.9, 0.9), x=lambda g, x: div_no_nan(g, H(below_one(x)))
)
arccos = ufunc(
    np.arccos,
    "The inverse cosine, in radians.",
    like=between(-0.9, 0.9),
    x=lambda g, x: negative(div_no_nan(g, H(below_one(x)))),
)
arctan = ufunc(np.arctan, "The inverse tangent, in radians.", x=lambda g, x: mul_no_nan(g, H(arctan_slope(x))))
sinh = ufunc(np.sinh, "The hyperbolic sine.", x=lambda g, x: multiply(g, H(cosh(x))))
cosh = ufunc(np.cosh, "The hyperbolic cosine.", x=lambda g, x: multiply(g, H(sinh(x))))
tanh = ufunc(np.tanh, "The hyperbolic tangent.", x=lambda g, out: multiply(g, subtract(1.0, square(H(out)))))
arcsinh = ufunc(np.arcsinh, "The inverse hyperbolic sine.", x=lambda g, x: div_no_nan(g, H(above_zero(x))))
arccosh = ufunc(
    np.arccosh, "The inverse hyperbolic cosine.", like=between(1.2, 3), x=lambda g, x: div_no_nan(g, H(above_one(x)))
)
arctanh = ufunc(
    np.arctanh,
    "The inverse hyperbolic tangent.",
    like=between(-0.9, 0.9),
    x=lambda g, x: mul_no_nan(g, H(arctanh_slope(x))),
)


@op("elementwise")
def over_length(x, r):
    """x / r for a length r: 0 where r is 0, and the sign of x where both are infinite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        out = np.asarray(np.divide(x, r))
    np.copyto(out, 0, where=np.equal(r, 0))
    far = np.isinf(r)
    if far.any():
        np.copyto(out, np.sign(x), where=far & np.isinf(x), casting="same_kind")
    return out


over_length.vjp(
    x=lambda g, r: divide(g, H(_not_zero(r))),
    r=lambda g, r, out: negative(divide(multiply(g, H(out)), H(_not_zero(r)))),
)
over_length.sample(real(3, 4), positive(4)).sample(real(), positive(2, 3))

arctan2 = ufunc(
    np.arctan2,
    "The angle of the point with height x and reach y, in radians; (0, 0) has gradient 0.",
    like=real(away=0.2),
    x=lambda g, x, y: _across(g, y, hypot(x, y)),
    y=lambda g, x, y: negative(_across(g, x, hypot(x, y))),
)


def _across(g: Any, x: Any, r: Any) -> Any:
    """g * x / r**2 where the square may overflow or vanish."""
    return mul_no_nan(g, divide(over_length(x, r), _not_zero(r)))


hypot = ufunc(
    np.hypot,
    "sqrt(x**2 + y**2) without overflow; (0, 0) has gradient 0.",
    like=real(away=0.2),
    x=lambda g, x, out: mul_no_nan(g, over_length(x, out)),
    y=lambda g, y, out: mul_no_nan(g, over_length(y, out)),
)
deg2rad = ufunc(np.deg2rad, "Degrees to radians.", x=lambda g: multiply(g, DEGREE))
rad2deg = ufunc(np.rad2deg, "Radians to degrees.", x=lambda g: multiply(g, 1.0 / DEGREE))
radians = ufunc(np.radians, "Degrees to radians.", x=lambda g: multiply(g, DEGREE))
degrees = ufunc(np.degrees, "Radians to degrees.", x=lambda g: multiply(g, 1.0 / DEGREE))


@op("elementwise")
def sinc_op(x, *, order=0):
    """The derivative of that order of sin(pi x) / (pi x), to full precision near 0 too."""
    # sinc^(n)(x) = pi^n * integral over s in [0, 1] of s^n cos(pi x s + n pi / 2); far out, the recursion from
    # (t f)' = cos t is stable and the quadrature is not
    if order == 0:
        return np.sinc(x)

    def turned(a, quarters):  # sin(a + quarters * pi / 2), exactly 0 where it is
        return (-1 if quarters & 2 else 1) * (np.cos if quarters & 1 else np.sin)(a)

    t = np.pi * np.asarray(x)
    s, weight = np.polynomial.legendre.leggauss(40)
    s, weight = (s + 1) / 2, weight / 2
    near = (weight * s**order * turned(t[..., None] * s, 1 + order)).sum(-1)
    far_t = np.where(abs(t) > 20, t, 1)
    far = np.sin(far_t) / far_t
    for n in range(1, order + 1):
        far = (turned(far_t, n) - n * far) / far_t
    return (np.pi**order * np.where(abs(t) > 20, far, near)).astype(np.result_type(x, np.float16), copy=False)


sinc_op.vjp(x=lambda g, x, order: multiply(g, H(sinc_op(x, order=order + 1))))
sinc_op.sample(real(3, 4)).sample(np.array([0.0, 1e-9, -0.3, 9.0, -30.2])).sample(real(3), order=2)


@numpy_name(np.sinc)
def sinc(x: Any) -> Any:
    """sin(pi x) / (pi x), 1 at 0; smooth, so every derivative at 0 is the true one."""
    return sinc_op(operand(x, "sinc"))


# -- the larger and the smaller ------------------------------------------------------------------------------


@op("elementwise")
def larger_share(x, y, *, skip_nan=False):
    """x's share of the gradient of maximum(x, y): 1, 1/2 at a tie, 0; its own gradient is zero."""
    share = np.where(np.less(x, y), 0.0, np.where(np.equal(x, y), 0.5, 1.0))
    if skip_nan:
        share = np.where(np.isnan(y), np.where(np.isnan(x), 0.5, 1.0), np.where(np.isnan(x), 0.0, share))
    return share.astype(np.result_type(x, y), copy=False)


larger_share.vjp(x=None, y=None).sample(distinct(3, 4), distinct(4, low=-1.7)).sample(distinct(3), 0.1, skip_nan=True)


def _extremum(f: Any, doc: str, flip: bool, skip_nan: bool) -> Any:
    def rule_x(g: Any, x: Any, y: Any) -> Any:
        share = larger_share(y, x, skip_nan=False) if flip else larger_share(x, y, skip_nan=False)
        return multiply(g, share)

    def rule_y(g: Any, x: Any, y: Any) -> Any:
        return rule_x(g, y, x)

    def rule_skip(g: Any, x: Any, y: Any) -> Any:
        if flip:
            x, y = negative(x), negative(y)
        return multiply(g, larger_share(x, y, skip_nan=True))

    def rule_skip_y(g: Any, x: Any, y: Any) -> Any:
        return rule_skip(g, y, x)

    rules: Any = dict(x=rule_skip, y=rule_skip_y) if skip_nan else dict(x=rule_x, y=rule_y)
    return ufunc(f, doc, like=[distinct(), distinct(low=-1.87, high=2.13)], **rules)


maximum = _extremum(np.maximum, "The larger of x and y; a tie shares the gradient.", False, False)
minimum = _extremum(np.minimum, "The smaller of x and y; a tie shares the gradient.", True, False)
fmax = _extremum(np.fmax, "The larger of x and y, nan ignored; a tie shares the gradient.", False, True)
fmin = _extremum(np.fmin, "The smaller of x and y, nan ignored; a tie shares the gradient.", True, True)


@op("elementwise")
def where_op(condition, x, y):
    """x where the condition holds, else y; the other gets 0, also where its slope is infinite."""
    return np.where(condition, x, y)


where_op.vjp(
    x=lambda g, condition: where_op(condition, g, 0.0),
    y=lambda g, condition: where_op(condition, 0.0, g),
)
where_op.sample(bools(3, 4), real(3, 4), real(4)).sample(bools(3, 1), real(), real(3, 4)).sample(bools(4), real(4), 0.0)


@numpy_name(np.where)
def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """x where the condition holds, else y, all broadcast. With the condition alone: the indices where it holds."""
    if x is None and y is None:
        found = np.nonzero(_raw(condition))
        return tuple([wrap(i) for i in found]) if isinstance(condition, Recorded) else found
    if x is None or y is None:
        raise ValueError("where: give both x and y, or neither")
    return where_op(operand(condition, "where"), _plain(x), _plain(y))


CLIP: Any = in_numpy("_core.umath.clip") or np.clip


@op("elementwise")
def clip_op(x, low, high):
    """x held between low and high; at a bound the gradient passes to x, beyond it to the bound."""
    return CLIP(x, low, high)


clip_op.vjp(
    x=lambda g, x, low, high: where_op(logical_and(less_equal(low, x), less_equal(x, high)), g, 0.0),
    low=lambda g, x, low, high: where_op(logical_and(less(x, low), less_equal(low, high)), g, 0.0),
    high=lambda g, x, low, high: where_op(less(high, maximum(x, low)), g, 0.0),
)
clip_op.sample(distinct(3, 4), -0.83, 0.77).sample(distinct(3, 4), between(-1.0, -0.8, 4), between(0.7, 0.9, 3, 1))


NOT_GIVEN = np._NoValue


@numpy_name(np.clip)
def clip(
    a: Any, a_min: Any = NOT_GIVEN, a_max: Any = NOT_GIVEN, out: Any = None, *, min: Any = NOT_GIVEN,
    max: Any = NOT_GIVEN, where: Any = True, dtype: Any = None, casting: Any = "same_kind", order: Any = "K",
    subok: bool = True,
) -> Any:  # fmt: skip
    """a held between a_min and a_max, or min and max; None is no bound. At a bound the gradient passes to a.

    Complex numbers are ordered by real part, then imaginary part.
    """
    if order not in ("K", "A", "C", None):
        raise TypeError(f"clip: order={order!r} is not supported; copy the result into that order")
    if (a_min is not NOT_GIVEN or a_max is not NOT_GIVEN) and (min is not NOT_GIVEN or max is not NOT_GIVEN):
        raise ValueError("clip: give the bounds as a_min and a_max, or as min and max, not as both")
    x, low, high = operand(a, "clip"), _bound(a_min, min), _bound(a_max, max)
    if dtype is not None:
        x, low, high = [_in_dtype(v, np.dtype(dtype), casting) for v in (x, low, high)]
    tensors = [v for v in (x, low, high) if isinstance(v, Recorded)]
    if x.dtype.kind not in "fc" and not any([t.requires_grad for t in tensors]):
        data = np.asarray(np.clip(*[v._data if isinstance(v, Recorded) else v for v in (x, low, high)]))
        y = wrap(data) if tensors else data
    else:
        far = complex(math.inf, math.inf) if x.dtype.kind == "c" else math.inf
        y = clip_op(x, -far if low is None else low, far if high is None else high)
    if where is not True:
        if out is None:
            raise TypeError("clip: where= needs out=, or the rest would be undefined; or write tg.where")
        y = where_op(operand(where, "clip"), y, out if isinstance(out, Recorded) else np.array(out))
    return deliver(y, out, "clip", casting)


def _bound(one: Any, other: Any) -> Any:
    """A bound under either of its names; None if it has been left out."""
    given = other if one is NOT_GIVEN else one
    return None if given is NOT_GIVEN or given is None else _plain(given)


def _in_dtype(x: Any, dtype: Any, casting: str) -> Any:
    if x is None or not isinstance(x, (np.ndarray, Recorded)):
        return x
    if not np.can_cast(x.dtype, dtype, casting):  # type: ignore[arg-type]
        raise TypeError(f"clip: cannot cast {x.dtype} to {dtype} by the rule {casting!r}")
    return _widen(x, dtype)


if CLIP is not np.clip:  # NumPy has a ufunc too, whose bounds must be given
    BY_NUMPY[CLIP] = lambda x, low, high: clip(x, low, high)


@op("elementwise")
def finite_parts(y, x):
    """y where x is finite, else 0; of complex numbers each part by itself."""
    if x.dtype.kind != "c":
        return np.where(np.isfinite(x), y, np.zeros((), y.dtype))
    out = np.zeros(np.broadcast_shapes(y.shape, x.shape), np.result_type(y, np.complex64))
    np.copyto(out.real, y.real, where=np.isfinite(x.real))
    np.copyto(out.imag, y.imag, where=np.isfinite(x.imag))
    return out


finite_parts.vjp(y=lambda g, x: finite_parts(g, x), x=None)
finite_parts.sample(real(3, 4), real(4)).sample(complexes(3), complexes(3))


@op("elementwise")
def nan_to_num_op(x, nan, posinf, neginf):
    """x with nan and the infinities replaced by numbers, of complex x in each part by itself."""
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


nan_to_num_op.vjp(
    x=lambda g, x: finite_parts(g, x),
    nan=lambda g, x: where_op(isnan(x), g, 0.0),
    posinf=lambda g, x: where_op(equal(x, math.inf), g, 0.0),
    neginf=lambda g, x: where_op(equal(x, -math.inf), g, 0.0),
)
nan_to_num_op.sample(real(3, 4), 0.0, 9.0, -9.0).sample(real(3, 4), real(4), real(), real(3, 4))


@numpy_name(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """x with nan replaced by `nan` and the infinities by `posinf` and `neginf` (None: the largest numbers).

    What is replaced has gradient 0, of complex x in each part by itself. copy=False works in place.
    """
    given, x = x, operand(x, "nan_to_num")
    if x.dtype.kind not in "fc":
        return cast(x, dtype=x.dtype) if copy else x
    most = np.asarray(np.finfo(x.dtype).max)
    numbers = [_plain(v) for v in (nan, most if posinf is None else posinf, -most if neginf is None else neginf)]
    if x.dtype.kind == "c" and any([isinstance(v, Recorded) and v.requires_grad for v in numbers]):
        raise TypeError(
            "nan_to_num: of complex x, nan, posinf and neginf have no gradient; replace its parts one by one"
        )
    y = nan_to_num_op(x, *numbers)
    if copy or not isinstance(given, (np.ndarray, Recorded)):
        return y
    if isinstance(given, Recorded):
        given._writable("nan_to_num")  # type: ignore[attr-defined]
    return deliver(y, given, "nan_to_num")


@op("elementwise")
def round_op(x, *, decimals=0):
    """x to that many decimals, halves to even; the gradient is zero."""
    return np.round(x, decimals)


round_op.vjp(x=None).sample(distinct(3, 4)).sample(distinct(3), decimals=1)


@numpy_name(np.round, np.around)
def round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    """a to that many decimals, halves to even; the gradient is zero."""
    return deliver(round_op(operand(a, "round"), decimals=operator.index(decimals)), out, "round")


@numpy_name(np.fix)
def fix(x: Any, out: Any = None) -> Any:
    """The next integer towards zero; the gradient is zero."""
    return deliver(trunc(operand(x, "fix")), out, "fix")


@op("elementwise")
def float_power_op(x, y):
    """x ** y, as numpy.float_power has it; see power."""
    return np.float_power(x, y).astype(np.result_type(x, y), copy=False)


float_power_op.vjp(
    x=lambda g, x, y: mul_no_nan(g, H(mul_no_nan(y, float_power_op(x, subtract(y, 1.0))))), y=power.rules["y"]
)
float_power_op.sample(positive(3, 4), real(4)).sample(positive(), real(2, 3))


@numpy_name(np.float_power)
def float_power(x: Any, y: Any) -> Any:
    """x ** y in at least double precision."""
    x, y = operand(x, "float_power"), operand(y, "float_power")
    dtype = np.result_type(x.dtype, y.dtype, np.float64)
    return float_power_op(_widen(x, dtype), _widen(y, dtype))


@op("elementwise")
def fraction(x):
    """The fractional part of x with the sign of x; that of infinity is 0, with gradient 0."""
    return np.modf(x)[0]


fraction.vjp(x=lambda g, x: where_op(isinf(x), 0.0, g)).sample(distinct(3, 4)).sample(distinct())


@numpy_name(np.modf)
def modf(x: Any) -> tuple[Any, Any]:
    """The fractional and the whole part of x, both with the sign of x; the gradient goes to the fraction."""
    x = operand(x, "modf")
    x = _widen(x, np.modf(np.zeros((), x.dtype))[0].dtype)
    return fraction(x), trunc(x)


@numpy_name(np.divmod)
def divmod(x: Any, y: Any) -> tuple[Any, Any]:
    """(floor(x / y), x mod y)."""
    return floor_divide(x, y), remainder(x, y)


@numpy_name(np.frexp)
def frexp(x: Any) -> tuple[Any, Any]:
    """Mantissa and integer exponent: x = mantissa * 2 ** exponent; the gradient goes to the mantissa."""
    x = operand(x, "frexp")
    exponent = np.asarray(np.frexp(_raw(x))[1])
    return ldexp(x, -exponent), wrap(exponent) if isinstance(x, Recorded) else exponent


# -- complex numbers -----------------------------------------------------------------------------------------


@op("elementwise", view=True)
def real_op(x):
    """The real part of complex x."""
    return np.real(x)


@op("elementwise", view=True)
def imag_op(x):
    """The imaginary part of complex x."""
    return np.imag(x)


real_op.vjp(x=lambda g: g).sample(complexes(3, 4)).sample(complexes())
imag_op.vjp(x=lambda g: multiply(g, 1j)).sample(complexes(3, 4))


@numpy_name(np.real)
def real_part(val: Any) -> Any:
    """The real part; anything real as it is."""
    if isinstance(val, (np.ndarray, Recorded)):
        return real_op(val) if val.dtype.kind == "c" else val
    return val.real if hasattr(val, "real") else real_part(operand(val, "real"))


@numpy_name(np.imag)
def imag(val: Any) -> Any:
    """The imaginary part; of a real val zeros, with gradient zero."""
    val = operand(val, "imag")
    return imag_op(val) if val.dtype.kind == "c" else where_op(False, val, np.zeros((), val.dtype))


@numpy_name(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    """The angle of z in radians, or degrees; 0 has gradient 0."""
    z = operand(z, "angle")
    out = arctan2(imag_op(z) if z.dtype.kind == "c" else 0, real_part(z))
    return multiply(out, 1.0 / DEGREE) if deg else out


@numpy_name(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    """The real part, if all imaginary parts are within tol machine epsilons of 0."""
    a = operand(a, "real_if_close")
    if a.dtype.kind == "c" and not np.iscomplexobj(np.real_if_close(_raw(a), tol)):
        return real_op(a)
    return a


# -- without a gradient --------------------------------------------------------------------------------------

_TRUTH = "its result is a bool or integer, which has no gradient"


def _plainly(f: Any, doc: str, like: Any = None) -> Any:
    return ufunc(f, doc + " No gradient.", like=like).without_rule(_TRUTH)


equal = _plainly(np.equal, "x == y.")
not_equal = _plainly(np.not_equal, "x != y.")
less = _plainly(np.less, "x < y.")
less_equal = _plainly(np.less_equal, "x <= y.")
greater = _plainly(np.greater, "x > y.")
greater_equal = _plainly(np.greater_equal, "x >= y.")
logical_and = _plainly(np.logical_and, "Both x and y are true.")
logical_or = _plainly(np.logical_or, "x or y is true.")
logical_xor = _plainly(np.logical_xor, "Just one of x and y is true.")
logical_not = _plainly(np.logical_not, "x is false.")
isnan = _plainly(np.isnan, "x is not a number.")
isfinite = _plainly(np.isfinite, "x is neither infinite nor nan.")
isinf = _plainly(np.isinf, "x is infinite.")
signbit = _plainly(np.signbit, "x has its sign bit set.")
bitwise_and = _plainly(np.bitwise_and, "The bits set in both.", ints(0, 9))
bitwise_or = _plainly(np.bitwise_or, "The bits set in either.", ints(0, 9))
bitwise_xor = _plainly(np.bitwise_xor, "The bits set in just one.", ints(0, 9))
bitwise_count = _plainly(np.bitwise_count, "How many bits of the absolute value are set.", ints(0, 9))
invert = _plainly(np.invert, "The bits turned over.", ints(0, 9))
left_shift = _plainly(np.left_shift, "The bits moved up by y.", ints(0, 9))
right_shift = _plainly(np.right_shift, "The bits moved down by y.", ints(0, 9))
gcd = _plainly(np.gcd, "The greatest common divisor.", ints(1, 30))
lcm = _plainly(np.lcm, "The least common multiple.", ints(1, 30))


def _raw(x: Any) -> Any:
    return x._data if isinstance(x, Recorded) else np.asarray(x)


def _plain(x: Any) -> Any:
    """Python scalars stay weak; anything else as an operand."""
    return x if type(x) in (int, float, complex, bool) else operand(x)


def _widen(x: Any, dtype: Any) -> Any:
    return x if x.dtype == dtype else cast(x, dtype=dtype)
