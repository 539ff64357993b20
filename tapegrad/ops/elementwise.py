"""NumPy's elementwise functions with their derivatives: the derivative table.

Rules follow PyTorch's complex convention, g * conj(f'(x)); H is the conjugate where there is one to take.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..registry import Recorded, numpy_name, op, operand, ufunc, wrap
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
    "x mod y, with the sign of x: x - trunc(x / y) * y.",
    like=[real(), positive(low=0.7, high=1.1)],
    x=lambda g: g,
    y=lambda g, x, y: negative(multiply(g, trunc(divide(x, y)))),
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
    x=lambda g, x, out: multiply(g, div_no_nan(x, out) if x.dtype.kind == "c" else sign_op(x)),
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
ldexp = ufunc(np.ldexp, "x * 2 ** y, y of integers.", like=[real(), ints(-3, 4)], x=lambda g, y: ldexp(g, y))


@numpy_name(np.sign)
def sign(x: Any) -> Any:
    """-1, 0 or 1 with a zero gradient; of complex x, x / |x| with its gradient, 0 at 0."""
    x = operand(x, "sign")
    if x.dtype.kind == "c":
        return div_no_nan(x, absolute(x))
    return sign_op(x)


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
    x=lambda g, out: div_no_nan(g, multiply(3.0, multiply(out, out))),
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


def _on_branch(root: Any, x: Any, inverse: Any, slope: Any) -> Any:
    """A root that is slope(inverse(x)) but for its sign, which on a branch cut hangs on the sign of a zero of x."""
    if x.dtype.kind != "c":
        return root
    near = np.conj(slope(inverse(_raw(x))))
    return multiply(root, np.where(np.real(_raw(root) * near) < 0, -1, 1).astype(near.real.dtype))


def _root(root: Any, x: Any, inverse: Any, slope: Any) -> Any:
    return root


_on_branch.on_real_arrays = _root  # type: ignore[attr-defined]
arcsin = ufunc(
    np.arcsin,
    "The inverse sine, in radians.",
    like=between(-0.9, 0.9),
    x=lambda g, x: div_no_nan(g, H(_on_branch(sqrt(multiply(subtract(1.0, x), add(1.0, x))), x, np.arcsin, np.cos))),
)
arccos = ufunc(
    np.arccos,
    "The inverse cosine, in radians.",
    like=between(-0.9, 0.9),
    x=lambda g, x: negative(
        div_no_nan(g, H(_on_branch(sqrt(multiply(subtract(1.0, x), add(1.0, x))), x, np.arccos, np.sin)))
    ),
)
arctan = ufunc(np.arctan, "The inverse tangent, in radians.", x=lambda g, x: div_no_nan(g, H(1.0 + square(x))))
sinh = ufunc(np.sinh, "The hyperbolic sine.", x=lambda g, x: multiply(g, H(cosh(x))))
cosh = ufunc(np.cosh, "The hyperbolic cosine.", x=lambda g, x: multiply(g, H(sinh(x))))
tanh = ufunc(np.tanh, "The hyperbolic tangent.", x=lambda g, out: multiply(g, subtract(1.0, square(H(out)))))
arcsinh = ufunc(
    np.arcsinh,
    "The inverse hyperbolic sine.",
    x=lambda g, x: div_no_nan(g, H(_on_branch(sqrt(1.0 + square(x)), x, np.arcsinh, np.cosh))),
)
arccosh = ufunc(
    np.arccosh,
    "The inverse hyperbolic cosine.",
    like=between(1.2, 3),
    x=lambda g, x: div_no_nan(
        g, H(_on_branch(multiply(sqrt(subtract(x, 1.0)), sqrt(add(x, 1.0))), x, np.arccosh, np.sinh))
    ),
)
arctanh = ufunc(
    np.arctanh,
    "The inverse hyperbolic tangent.",
    like=between(-0.9, 0.9),
    x=lambda g, x: div_no_nan(g, H(multiply(subtract(1.0, x), add(1.0, x)))),
)


def _over_square(x: Any, r: Any) -> Any:
    """x / r**2 where the square may overflow or vanish."""
    return div_no_nan(div_no_nan(x, r), r)


arctan2 = ufunc(
    np.arctan2,
    "The angle of the point with height x and reach y, in radians; (0, 0) has gradient 0.",
    like=real(away=0.2),
    x=lambda g, x, y: _over_square(multiply(g, y), hypot(x, y)),
    y=lambda g, x, y: negative(_over_square(multiply(g, x), hypot(x, y))),
)
hypot = ufunc(
    np.hypot,
    "sqrt(x**2 + y**2) without overflow; (0, 0) has gradient 0.",
    like=real(away=0.2),
    x=lambda g, x, out: div_no_nan(multiply(g, x), out),
    y=lambda g, y, out: div_no_nan(multiply(g, y), out),
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
        share = np.where(np.isnan(y), 1.0, np.where(np.isnan(x), 0.0, share))
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


@op("elementwise")
def clip_op(x, low, high):
    """x held between low and high; at a bound the gradient passes to x, beyond it to the bound."""
    return np.minimum(np.maximum(x, low), high)


clip_op.vjp(
    x=lambda g, x, low, high: where_op(logical_and(less_equal(low, x), less_equal(x, high)), g, 0.0),
    low=lambda g, x, low, high: where_op(logical_and(less(x, low), less_equal(low, high)), g, 0.0),
    high=lambda g, x, low, high: where_op(less(high, maximum(x, low)), g, 0.0),
)
clip_op.sample(distinct(3, 4), -0.83, 0.77).sample(distinct(3, 4), between(-1.0, -0.8, 4), between(0.7, 0.9, 3, 1))


@numpy_name(np.clip)
def clip(a: Any, min: Any = None, max: Any = None, out: Any = None, *, a_min: Any = None, a_max: Any = None) -> Any:
    """a held between min and max (None: no bound). The gradient passes at a bound, as in torch.clamp."""
    a = operand(a, "clip")
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    if a.dtype.kind == "c" and isinstance(a, Recorded) and a.requires_grad:
        raise TypeError(
            f"clip: a is complex ({a.dtype}), and complex numbers have no order; clip tg.real or tg.abs of a"
        )
    tensors = [b for b in (a, low, high) if isinstance(b, Recorded)]
    if a.dtype.kind not in "f" and not any([b.requires_grad for b in tensors]):
        low, high = (b._data if isinstance(b, Recorded) else b for b in (low, high))
        data = np.asarray(np.clip(_raw(a), low, high))
        return deliver(wrap(data) if tensors else data, out, "clip")
    y = clip_op(a, -math.inf if low is None else _plain(low), math.inf if high is None else _plain(high))
    return deliver(y, out, "clip")


@op("elementwise")
def nan_to_num_op(x, *, nan=0.0, posinf=None, neginf=None):
    """x with nan and the infinities replaced by numbers, which have gradient 0."""
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


nan_to_num_op.vjp(x=lambda g, x: where_op(isfinite(x), g, 0.0)).sample(real(3, 4)).sample(real(2), nan=1.0)


@numpy_name(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """x with nan replaced by `nan` and the infinities by `posinf` and `neginf` (None: the largest numbers)."""
    return nan_to_num_op(operand(x, "nan_to_num"), nan=nan, posinf=posinf, neginf=neginf)


@op("elementwise")
def round_op(x, *, decimals=0):
    """x to that many decimals, halves to even; the gradient is zero."""
    return np.round(x, decimals)


round_op.vjp(x=None).sample(distinct(3, 4)).sample(distinct(3), decimals=1)


@numpy_name(np.round, np.around)
def round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    """a to that many decimals, halves to even; the gradient is zero."""
    return deliver(round_op(operand(a, "round"), decimals=int(decimals)), out, "round")


@numpy_name(np.fix)
def fix(x: Any, out: Any = None) -> Any:
    """The next integer towards zero; the gradient is zero."""
    return deliver(trunc(operand(x, "fix")), out, "fix")


@numpy_name(np.float_power)
def float_power(x: Any, y: Any) -> Any:
    """x ** y in at least double precision."""
    x, y = operand(x, "float_power"), operand(y, "float_power")
    dtype = np.result_type(x.dtype, y.dtype, np.float64)
    return power(_widen(x, dtype), _widen(y, dtype))


@numpy_name(np.modf)
def modf(x: Any) -> tuple[Any, Any]:
    """The fractional and the whole part of x, both with the sign of x; the gradient goes to the fraction."""
    x = operand(x, "modf")
    whole = trunc(x)
    return where_op(np.isinf(_raw(x)), copysign(0.0, x), subtract(x, whole)), whole


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
    return val.real


@numpy_name(np.imag)
def imag(val: Any) -> Any:
    """The imaginary part; of a real val zeros, with gradient zero."""
    val = operand(val, "imag")
    return imag_op(val) if val.dtype.kind == "c" else where_op(False, val, np.zeros((), val.dtype))


@numpy_name(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    """The angle of z in radians, or degrees; 0 has gradient 0."""
    z = operand(z, "angle")
    out = arctan2(imag_op(z) if z.dtype.kind == "c" else 0.0, real_part(z))
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
