"""Functions of each element, by the standard's names and arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops import discrete as D
from ..ops import elementwise as E
from ..ops.structure import cast
from .arguments import SCALARS, array, both

__all__ = [
    "abs", "acos", "acosh", "add", "asin", "asinh", "atan", "atan2", "atanh", "bitwise_and", "bitwise_invert",
    "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "ceil", "clip", "conj", "copysign", "cos",
    "cosh", "divide", "equal", "exp", "expm1", "floor", "floor_divide", "greater", "greater_equal", "hypot", "imag",
    "isfinite", "isinf", "isnan", "less", "less_equal", "log", "log10", "log1p", "log2", "logaddexp", "logical_and",
    "logical_not", "logical_or", "logical_xor", "maximum", "minimum", "multiply", "negative", "nextafter", "not_equal",
    "positive", "pow", "real", "reciprocal", "remainder", "round", "sign", "signbit", "sin", "sinh", "sqrt", "square",
    "subtract", "tan", "tanh", "trunc",
]  # fmt: skip


def _of_one(f: Callable[..., Any], name: str) -> Callable[..., Any]:
    def function(x: Any, /) -> Any:
        return f(array(x, name))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f.__doc__
    return function


def _of_two(f: Callable[..., Any], name: str) -> Callable[..., Any]:
    def function(x1: Any, x2: Any, /) -> Any:
        return f(*both(x1, x2, name))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f.__doc__
    return function


def _whole(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that rounds, which leaves integers as they are, in every release of NumPy."""

    def rounded(x: Any) -> Any:
        return cast(x, dtype=x.dtype) if x.dtype.kind in "iu" else f(x)

    rounded.__doc__ = f.__doc__
    return rounded


def _real_part(x: Any) -> Any:
    """The real part; of something real a copy."""
    return E.real_part(x) if x.dtype.kind == "c" else cast(x, dtype=x.dtype)


abs = _of_one(E.absolute, "abs")
acos = _of_one(E.arccos, "acos")
acosh = _of_one(E.arccosh, "acosh")
add = _of_two(E.add, "add")
asin = _of_one(E.arcsin, "asin")
asinh = _of_one(E.arcsinh, "asinh")
atan = _of_one(E.arctan, "atan")
atan2 = _of_two(E.arctan2, "atan2")
atanh = _of_one(E.arctanh, "atanh")
bitwise_and = _of_two(E.bitwise_and, "bitwise_and")
bitwise_invert = _of_one(E.invert, "bitwise_invert")
bitwise_left_shift = _of_two(E.left_shift, "bitwise_left_shift")
bitwise_or = _of_two(E.bitwise_or, "bitwise_or")
bitwise_right_shift = _of_two(E.right_shift, "bitwise_right_shift")
bitwise_xor = _of_two(E.bitwise_xor, "bitwise_xor")
ceil = _of_one(_whole(E.ceil), "ceil")
conj = _of_one(E.conjugate, "conj")
copysign = _of_two(E.copysign, "copysign")
cos = _of_one(E.cos, "cos")
cosh = _of_one(E.cosh, "cosh")
divide = _of_two(E.divide, "divide")
equal = _of_two(E.equal, "equal")
exp = _of_one(E.exp, "exp")
expm1 = _of_one(E.expm1, "expm1")
floor = _of_one(_whole(E.floor), "floor")
floor_divide = _of_two(E.floor_divide, "floor_divide")
greater = _of_two(E.greater, "greater")
greater_equal = _of_two(E.greater_equal, "greater_equal")
hypot = _of_two(E.hypot, "hypot")
imag = _of_one(E.imag, "imag")
isfinite = _of_one(E.isfinite, "isfinite")
isinf = _of_one(E.isinf, "isinf")
isnan = _of_one(E.isnan, "isnan")
less = _of_two(E.less, "less")
less_equal = _of_two(E.less_equal, "less_equal")
log = _of_one(E.log, "log")
log10 = _of_one(E.log10, "log10")
log1p = _of_one(E.log1p, "log1p")
log2 = _of_one(E.log2, "log2")
logaddexp = _of_two(E.logaddexp, "logaddexp")
logical_and = _of_two(E.logical_and, "logical_and")
logical_not = _of_one(E.logical_not, "logical_not")
logical_or = _of_two(E.logical_or, "logical_or")
logical_xor = _of_two(E.logical_xor, "logical_xor")
maximum = _of_two(E.maximum, "maximum")
minimum = _of_two(E.minimum, "minimum")
multiply = _of_two(E.multiply, "multiply")
negative = _of_one(E.negative, "negative")
nextafter = _of_two(D.nextafter, "nextafter")
not_equal = _of_two(E.not_equal, "not_equal")
positive = _of_one(E.positive_, "positive")
pow = _of_two(E.power, "pow")
real = _of_one(_real_part, "real")
reciprocal = _of_one(E.reciprocal, "reciprocal")
remainder = _of_two(E.remainder, "remainder")
round = _of_one(_whole(E.round), "round")
sign = _of_one(E.sign, "sign")
signbit = _of_one(E.signbit, "signbit")
sin = _of_one(E.sin, "sin")
sinh = _of_one(E.sinh, "sinh")
sqrt = _of_one(E.sqrt, "sqrt")
square = _of_one(E.square, "square")
subtract = _of_two(E.subtract, "subtract")
tan = _of_one(E.tan, "tan")
tanh = _of_one(E.tanh, "tanh")
trunc = _of_one(_whole(E.trunc), "trunc")


def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    """x held between min and max (None: no bound), which broadcast to it; the gradient passes at a bound."""
    low, high = (b if b is None or type(b) in SCALARS else array(b, "clip") for b in (min, max))
    return E.clip(array(x, "clip"), low, high)
