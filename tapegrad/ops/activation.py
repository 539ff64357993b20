"""Activations: torch.nn.functional's names, arguments and gradients at the kinks, on reals of any shape.

Each has a primitive op whose rule keeps one array, its result where that says enough. Infinities give limits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..kernels import softmax as softmax_kernel
from ..kernels import special
from ..registry import Op, Recorded, op, operand
from ..samples import bools, distinct, real
from .elementwise import (
    absolute,
    add,
    clip_op,
    equal,
    exp,
    expm1,
    greater,
    greater_equal,
    less_equal,
    logical_and,
    logical_or,
    multiply,
    negative,
    reciprocal,
    square,
    subtract,
    tanh,
    where_op,
)
from .reduce import softmax_op, sum_op
from .structure import Axes, canonical_axes, canonical_axis, cast, reshape_op

INF = math.inf


def floats(x: Any, name: str) -> Any:
    """x as an operand of floats: integers and bools become float64, complex is refused."""
    x = operand(x, name)
    if x.dtype.kind == "f":
        return x
    if x.dtype.kind == "c":
        raise TypeError(f"{name}: x is complex ({x.dtype}), and it is for reals; take tg.real or tg.abs of x first")
    return cast(x, dtype=np.dtype(np.float64))


def number(value: Any, name: str, parameter: str) -> float:
    """A parameter as a Python float, so that it is hashable and never changes a dtype."""
    if isinstance(value, Recorded) and value.requires_grad:
        raise TypeError(f"{name}: {parameter} is a plain number and would lose its gradient; detach it")
    if np.ndim(value._data if isinstance(value, Recorded) else value) != 0:
        raise TypeError(f"{name}: {parameter} must be one number, got shape {np.shape(value)}")
    return float(value._data if isinstance(value, Recorded) else value)


def reals_only(*ops: Op) -> None:
    """Make ops refuse complex arrays, on which their forward functions would run and their rules be wrong."""

    def guarded(name: str, forward: Any) -> Any:
        def run(*values: Any, **params: Any) -> Any:
            for v in values:
                if type(v) is np.ndarray and v.dtype.kind == "c":
                    raise TypeError(f"{name}: an input is complex ({v.dtype} {v.shape}), and it is for reals")
            return forward(*values, **params)

        return run

    for one in ops:
        one.forward = guarded(one.name, one.forward)


# -- the error function and the logistic function ------------------------------------------------------------


@op("elementwise")
def erf_op(x):
    """The error function, 2 / sqrt(pi) times the integral of e**-t**2 from 0 to x."""
    return special.erf(x)


@op("elementwise")
def erfc_op(x):
    """1 - erf(x), to full relative precision for large x too."""
    return special.erfc(x)


def _bell(x: Any) -> Any:
    return multiply(exp(negative(square(x))), 2.0 / math.sqrt(math.pi))


erf_op.vjp(x=lambda g, x: multiply(g, _bell(x)))
erfc_op.vjp(x=lambda g, x: negative(multiply(g, _bell(x))))


@op("elementwise")
def sigmoid_op(x):
    """1 / (1 + e**-x)."""
    return special.sigmoid(x)


@op("elementwise")
def logsigmoid_op(x):
    """log(1 / (1 + e**-x)), without overflow."""
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


@op("elementwise")
def softplus_op(x, *, beta=1.0, threshold=INF):
    """log(1 + e**(beta x)) / beta; where beta x is above threshold, x."""
    z = x if beta == 1 else x * beta
    soft = np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))
    soft = soft if beta == 1 else soft / beta
    return soft if threshold == INF else np.where(z > threshold, x, soft)


def _softplus_rule(g: Any, x: Any, beta: float, threshold: float) -> Any:
    z = x if beta == 1 else multiply(x, beta)
    slope = sigmoid_op(z)
    return multiply(g, slope if threshold == INF else where_op(greater(z, threshold), 1.0, slope))


sigmoid_op.vjp(x=lambda g, out: multiply(g, multiply(out, subtract(1.0, out))))
logsigmoid_op.vjp(x=lambda g, out: negative(multiply(g, expm1(out))))
softplus_op.vjp(x=_softplus_rule).sample(real(3, 4), beta=2.0, threshold=1e9).sample(real(3), beta=-0.5)
softplus_op.sample(distinct(3, 4, low=-4, high=4), beta=1.0, threshold=0.43)

# -- one pass over the distribution function ------------------------------------------------------------------


@op("elementwise")
def gelu_op(x):
    """x times the share of a standard normal distribution that lies below x."""
    return special.gelu(x)


@op("elementwise")
def gelu_slope(x):
    """The derivative of gelu."""
    return special.gelu_slope(x)


@op("elementwise")
def gelu_tanh_op(x):
    """x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x**3))), an approximation of gelu."""
    return special.gelu_tanh(x)


@op("elementwise")
def gelu_tanh_slope(x):
    """The derivative of gelu_tanh."""
    return special.gelu_tanh_slope(x)


@op("elementwise")
def silu_op(x):
    """x / (1 + e**-x)."""
    return special.silu(x)


@op("elementwise")
def silu_slope(x):
    """The derivative of silu."""
    return special.silu_slope(x)


@op("elementwise")
def mish_op(x):
    """x * tanh(log(1 + e**x))."""
    return special.mish(x)


@op("elementwise")
def mish_slope(x):
    """The derivative of mish."""
    return special.mish_slope(x)


# The second derivatives fall off like e**-|x| or faster. Held within `most`, x makes no infinity that would meet
# a zero, and the derivative beyond is 0 to every digit that counts.


def _held(x: Any, most: float) -> Any:
    return clip_op(x, -most, most)


def _gelu_bend(g: Any, x: Any) -> Any:
    """f'' = (2 - x**2) e**(-x**2 / 2) / sqrt(2 pi)."""
    squared = square(_held(x, 100.0))
    bell = multiply(exp(multiply(squared, -0.5)), 1.0 / math.sqrt(2.0 * math.pi))
    return multiply(g, multiply(subtract(2.0, squared), bell))


def _gelu_tanh_bend(g: Any, x: Any) -> Any:
    """With f = x s(u), u = a (x + b x**3): f'' = s (1 - s) (2 u' + x u'' + x u'**2 (1 - 2 s))."""
    x = _held(x, 10.0)
    a, b = 2.0 * math.sqrt(2.0 / math.pi), 0.044715
    squared = square(x)
    s = sigmoid_op(multiply(x, multiply(add(multiply(squared, b), 1.0), a)))
    first = multiply(add(multiply(squared, 3.0 * b), 1.0), a)
    second = multiply(x, 6.0 * a * b)
    turn = multiply(square(first), subtract(1.0, multiply(s, 2.0)))
    bend = add(multiply(first, 2.0), multiply(x, add(second, turn)))
    return multiply(g, multiply(multiply(s, subtract(1.0, s)), bend))


def _silu_bend(g: Any, x: Any) -> Any:
    """f'' = s (1 - s) (2 + x (1 - 2 s))."""
    x = _held(x, 1e4)
    s = sigmoid_op(x)
    bend = add(multiply(x, subtract(1.0, multiply(s, 2.0))), 2.0)
    return multiply(g, multiply(multiply(s, subtract(1.0, s)), bend))


def _mish_bend(g: Any, x: Any) -> Any:
    """With t = tanh(softplus(x)): f'' = s (1 - t**2) (2 + x (1 - s - 2 t s))."""
    x = _held(x, 1e4)
    s, t = sigmoid_op(x), tanh(softplus_op(x))
    bend = add(multiply(x, subtract(subtract(1.0, s), multiply(multiply(t, s), 2.0))), 2.0)
    return multiply(g, multiply(multiply(s, subtract(1.0, square(t))), bend))


gelu_op.vjp(x=lambda g, x: multiply(g, gelu_slope(x)))
gelu_slope.vjp(x=_gelu_bend)
gelu_tanh_op.vjp(x=lambda g, x: multiply(g, gelu_tanh_slope(x)))
gelu_tanh_slope.vjp(x=_gelu_tanh_bend)
silu_op.vjp(x=lambda g, x: multiply(g, silu_slope(x)))
silu_slope.vjp(x=_silu_bend)
mish_op.vjp(x=lambda g, x: multiply(g, mish_slope(x)))
mish_slope.vjp(x=_mish_bend)
for _smooth in (
    erf_op, erfc_op, sigmoid_op, logsigmoid_op, softplus_op, gelu_op, gelu_slope, gelu_tanh_op, gelu_tanh_slope,
    silu_op, silu_slope, mish_op, mish_slope,
):  # fmt: skip
    _smooth.sample(real(3, 4)).sample(real()).sample(real(0, 2)).sample(distinct(7, low=-9, high=9))


@op("elementwise")
def softsign_op(x):
    """x / (1 + |x|); the infinities give -1 and 1."""
    with np.errstate(invalid="ignore"):
        out = np.asarray(x / (np.abs(x) + 1))
    np.copyto(out, np.sign(x), where=np.isinf(x))
    return out


@op("elementwise")
def tanhshrink_op(x):
    """x - tanh(x)."""
    return x - np.tanh(x)


softsign_op.vjp(x=lambda g, x: multiply(g, square(reciprocal(add(absolute(x), 1.0)))))
softsign_op.sample(real(3, 4, away=0.1)).sample(real(away=0.1)).sample(real(0, 2))
tanhshrink_op.vjp(x=lambda g, x: multiply(g, square(tanh(x)))).sample(real(3, 4)).sample(real()).sample(real(0, 2))

# -- with kinks ------------------------------------------------------------------------------------------------


@op("elementwise")
def unless(x, condition):
    """x, but 0 where the condition holds, also where x is infinite or nan."""
    bits = BITS.get(x.dtype)
    if bits is None or x.shape != condition.shape:
        return np.where(condition, np.zeros((), x.dtype), x)
    mask = np.asarray(np.subtract(condition, 1, dtype=bits))  # all bits set where the condition does not hold
    np.bitwise_and(mask, x.view(bits), mask)
    return mask.view(x.dtype)


BITS = {np.dtype(np.float32): np.int32, np.dtype(np.float64): np.int64}
unless.vjp(x=lambda g, condition: unless(g, condition))
unless.sample(real(3, 4), bools(3, 4)).sample(real(), bools()).sample(real(2, 3), bools(3))
unless.sample(real(0, 2), bools(0, 2))


@op("elementwise")
def relu_op(x):
    """The larger of x and 0; 0 has gradient 0, and at a nan g passes as in torch."""
    return np.maximum(x, 0)


@op("elementwise")
def leaky_relu_op(x, *, negative_slope=0.01):
    """x where positive, else negative_slope * x, which must be at least 0; 0 has the slope of the negative side."""
    return np.where(x > 0, x, x * negative_slope) if negative_slope > 1 else np.maximum(x, x * negative_slope)


@op("elementwise")
def elu_op(x, *, alpha=1.0, scale=1.0, input_scale=1.0):
    """scale * x where positive, else scale * alpha * (e**(input_scale x) - 1)."""
    below = np.expm1(np.minimum(x, 0) * input_scale) * (alpha * scale)  # 0 where x is positive
    return np.maximum(x, 0) * scale + below


@op("elementwise")
def prelu_op(x, weight):
    """x where positive, else weight * x."""
    return np.where(x > 0, x, np.multiply(np.minimum(x, 0), weight))


@op("elementwise")
def hardtanh_op(x, *, min_val=-1.0, max_val=1.0):
    """x held between two bounds; at a bound and beyond the gradient is 0."""
    return np.clip(x, min_val, max_val)


@op("elementwise")
def hardsigmoid_op(x):
    """x / 6 + 1/2 held between 0 and 1; at -3 and 3 and beyond the gradient is 0."""
    return np.clip(x + 3.0, 0.0, 6.0) / 6.0


@op("elementwise")
def hardswish_op(x):
    """x * (x + 3) / 6 between -3 and 3, 0 below, x above."""
    return np.maximum(x, -3.0) * (np.clip(x + 3.0, 0.0, 6.0) / 6.0)


@op("elementwise")
def softshrink_op(x, *, lambd=0.5):
    """x moved towards 0 by lambd, 0 within lambd of it, where the gradient is 0."""
    return x - np.clip(x, -lambd, lambd)


@op("elementwise")
def hardshrink_op(x, *, lambd=0.5):
    """x, but 0 within lambd of 0, where the gradient is 0."""
    return np.where((x >= -lambd) & (x <= lambd), 0.0, x)


@op("elementwise")
def threshold_op(x, *, threshold, value):
    """x where above threshold, else value, where the gradient is 0."""
    return np.where(x <= threshold, value, x)


relu_op.vjp(x=lambda g, out: unless(g, less_equal(out, 0)))
leaky_relu_op.vjp(x=lambda g, out, negative_slope: where_op(greater(out, 0), g, multiply(g, negative_slope)))
elu_op.vjp(
    x=lambda g, out, alpha, scale, input_scale: multiply(
        g, where_op(greater(out, 0), scale, multiply(add(out, alpha * scale), input_scale))
    )
)
prelu_op.vjp(
    x=lambda g, x, weight: multiply(g, where_op(greater(x, 0), 1.0, weight)),
    weight=lambda g, x: multiply(g, clip_op(x, -INF, 0.0)),
)
hardtanh_op.vjp(
    x=lambda g, out, min_val, max_val: unless(g, logical_or(less_equal(out, min_val), greater_equal(out, max_val)))
)
hardsigmoid_op.vjp(x=lambda g, x: unless(multiply(g, 1.0 / 6.0), logical_or(less_equal(x, -3), greater_equal(x, 3))))


def _hardswish_slope(x: Any) -> Any:
    middle = add(multiply(clip_op(x, -3.0, 3.0), 1.0 / 3.0), 0.5)
    return where_op(less_equal(x, -3), 0.0, where_op(greater_equal(x, 3), 1.0, middle))


hardswish_op.vjp(x=lambda g, x: multiply(g, _hardswish_slope(x)))
softshrink_op.vjp(x=lambda g, out: unless(g, equal(out, 0)))
hardshrink_op.vjp(x=lambda g, x, lambd: unless(g, logical_and(greater_equal(x, -lambd), less_equal(x, lambd))))
threshold_op.vjp(x=lambda g, x, threshold: unless(g, less_equal(x, threshold)))
threshold_op.sample(distinct(3, 4), threshold=0.31, value=-2.0).sample(real(), threshold=5.0, value=1.0)
for _bent in (relu_op, leaky_relu_op, elu_op):
    _bent.sample(real(3, 4, away=0.1)).sample(real(away=0.1)).sample(real(0, 2))
leaky_relu_op.sample(real(5, away=0.1), negative_slope=1.5)
elu_op.sample(real(3, 4, away=0.1), alpha=1.3, scale=1.1, input_scale=0.7)
prelu_op.sample(real(3, 4, away=0.1), real()).sample(real(2, 3, 4, away=0.1), real(3, 1)).sample(real(0, 2), real(2))
hardtanh_op.sample(distinct(3, 4), min_val=-0.63, max_val=1.21).sample(real()).sample(real(0, 2))
for _kinked in (hardsigmoid_op, hardswish_op):
    _kinked.sample(distinct(3, 4, low=-5.03, high=4.91)).sample(real()).sample(real(0, 2))
for _shrink in (softshrink_op, hardshrink_op):
    _shrink.sample(distinct(3, 4)).sample(distinct(5), lambd=0.93).sample(real(0, 2))


@op(None)
def log_softmax_op(x, *, axis):
    """x less the logarithm of the sum of e**x along axes; all -inf: equal shares."""
    out, best, total = softmax_kernel.softmax(x, axis)
    out = softmax_kernel.below(x, best, out)
    with np.errstate(divide="ignore"):
        out -= np.log(total)
    return out


log_softmax_op.vjp(x=lambda g, out, axis: subtract(g, multiply(exp(out), sum_op(g, axis=axis, keepdims=True))))
log_softmax_op.sample(real(3, 4), axis=(1,)).sample(real(3, 4), axis=(0, 1)).sample(real(2, 0, 3), axis=(2,))
log_softmax_op.sample(real(), axis=())

reals_only(
    erf_op, erfc_op, sigmoid_op, logsigmoid_op, softplus_op, gelu_op, gelu_slope, gelu_tanh_op, gelu_tanh_slope,
    silu_op, silu_slope, mish_op, mish_slope, softsign_op, tanhshrink_op, relu_op, leaky_relu_op, elu_op, prelu_op,
    hardtanh_op, hardsigmoid_op, hardswish_op, softshrink_op, hardshrink_op, threshold_op, log_softmax_op,
)  # fmt: skip

# -- public functions ------------------------------------------------------------------------------------------


def erf(x: Any) -> Any:
    """The error function, 2 / sqrt(pi) times the integral of e**-t**2 from 0 to x."""
    return erf_op(floats(x, "erf"))


def erfc(x: Any) -> Any:
    """1 - erf(x), to full relative precision for large x too."""
    return erfc_op(floats(x, "erfc"))


def sigmoid(x: Any) -> Any:
    """1 / (1 + e**-x), of any shape."""
    return sigmoid_op(floats(x, "sigmoid"))


def logsigmoid(x: Any) -> Any:
    """log(sigmoid(x)), without overflow."""
    return logsigmoid_op(floats(x, "logsigmoid"))


def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + e**(beta x)) / beta, and x itself where beta x is above threshold."""
    beta = number(beta, "softplus", "beta")
    if beta == 0:
        raise ValueError("softplus: beta is 0, and log(1 + e**(beta x)) / beta has no value; give another beta")
    return softplus_op(floats(x, "softplus"), beta=beta, threshold=number(threshold, "softplus", "threshold"))


def relu(x: Any) -> Any:
    """The larger of x and 0, of any shape; 0 has gradient 0."""
    x = operand(x, "relu")
    return relu_op(x if x.dtype.kind in "iu" else floats(x, "relu"))


def relu6(x: Any) -> Any:
    """x held between 0 and 6; at 0 and 6 and beyond the gradient is 0."""
    return hardtanh_op(floats(x, "relu6"), min_val=0.0, max_val=6.0)


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """x where positive, else negative_slope * x; 0 has the slope of the negative side."""
    x, slope = floats(x, "leaky_relu"), number(negative_slope, "leaky_relu", "negative_slope")
    if slope >= 0 and math.isfinite(slope):
        return leaky_relu_op(x, negative_slope=slope)
    return prelu_op(x, np.asarray(slope, x.dtype))


def prelu(x: Any, weight: Any) -> Any:
    """x (N, C, ...) where positive, else weight * x, with one weight for all or one for each of the C channels."""
    x, weight = floats(x, "prelu"), floats(weight, "prelu")
    if weight.ndim > 1:
        raise ValueError(f"prelu: weight must be a number or one per channel, got shape {weight.shape}")
    if weight.size != 1:
        channels = x.shape[1] if x.ndim > 1 else 1
        if weight.size != channels:
            raise ValueError(
                f"prelu: weight has {weight.size} entries but x {channels} channels (x {x.shape}, weight "
                f"{weight.shape}); give one, or one for each entry of axis 1"
            )
        weight = reshape_op(weight, shape=(weight.size, *(1,) * (x.ndim - 2)))
    elif weight.ndim:
        weight = reshape_op(weight, shape=())
    return prelu_op(x, weight)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where positive, else alpha * (e**x - 1)."""
    x, alpha = floats(x, "elu"), number(alpha, "elu", "alpha")
    if alpha < 0:  # the sign of the result does not tell the side
        return where_op(greater(x, 0), x, multiply(expm1(clip_op(x, -INF, 0.0)), alpha))
    return elu_op(x, alpha=alpha)


SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def selu(x: Any) -> Any:
    """The elu with the alpha and the scale that keep mean 0 and variance 1.

    Source: Klambauer et al., Self-normalizing neural networks (2017), equation 2.
    """
    return elu_op(floats(x, "selu"), alpha=SELU_ALPHA, scale=SELU_SCALE)


def celu(x: Any, alpha: float = 1.0) -> Any:
    """x where positive, else alpha * (e**(x / alpha) - 1)."""
    alpha = number(alpha, "celu", "alpha")
    if alpha == 0:
        raise ValueError("celu: alpha is 0, and x / alpha has no value; give another alpha, or use relu")
    return elu_op(floats(x, "celu"), alpha=alpha, input_scale=1.0 / alpha)


def gelu(x: Any, approximate: str = "none") -> Any:
    """x times the share of a standard normal distribution below x; approximate='tanh' takes a tanh for it.

    Source: Hendrycks and Gimpel, Gaussian error linear units (2016).
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate {approximate!r} is not one of 'none', 'tanh'")
    return (gelu_op if approximate == "none" else gelu_tanh_op)(floats(x, "gelu"))


def silu(x: Any) -> Any:
    """x * sigmoid(x), also called swish."""
    return silu_op(floats(x, "silu"))


def mish(x: Any) -> Any:
    """x * tanh(softplus(x))."""
    return mish_op(floats(x, "mish"))


def softsign(x: Any) -> Any:
    """x / (1 + |x|)."""
    return softsign_op(floats(x, "softsign"))


def tanhshrink(x: Any) -> Any:
    """x - tanh(x)."""
    return tanhshrink_op(floats(x, "tanhshrink"))


def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """x held between min_val and max_val; at a bound and beyond the gradient is 0 (clip passes it at the bound)."""
    low, high = number(min_val, "hardtanh", "min_val"), number(max_val, "hardtanh", "max_val")
    if low > high:
        raise ValueError(f"hardtanh: min_val {low:g} is larger than max_val {high:g}; exchange them")
    return hardtanh_op(floats(x, "hardtanh"), min_val=low, max_val=high)


def hardsigmoid(x: Any) -> Any:
    """x / 6 + 1/2 held between 0 and 1."""
    return hardsigmoid_op(floats(x, "hardsigmoid"))


def hardswish(x: Any) -> Any:
    """x * hardsigmoid(x)."""
    return hardswish_op(floats(x, "hardswish"))


def softshrink(x: Any, lambd: float = 0.5) -> Any:
    """x moved towards 0 by lambd, and 0 within lambd of it."""
    lambd = number(lambd, "softshrink", "lambd")
    if not lambd >= 0:
        raise ValueError(f"softshrink: lambd must be at least 0, got {lambd:g}")
    return softshrink_op(floats(x, "softshrink"), lambd=lambd)


def hardshrink(x: Any, lambd: float = 0.5) -> Any:
    """x, but 0 within lambd of 0."""
    return hardshrink_op(floats(x, "hardshrink"), lambd=number(lambd, "hardshrink", "lambd"))


def threshold(x: Any, threshold: float, value: float) -> Any:
    """x where above threshold, else value."""
    return threshold_op(
        floats(x, "threshold"), threshold=number(threshold, "threshold", "threshold"),
        value=number(value, "threshold", "value"),
    )  # fmt: skip


def one_axis(axis: Any, dim: Any, default: Any, name: str) -> Any:
    """The axis, which torch calls dim; both given is an error."""
    if dim is None:
        return default if axis is None else axis
    if axis is not None:
        raise TypeError(f"{name}: axis={axis} and dim={dim} are both given, and they mean the same; leave one out")
    return dim


def glu(x: Any, axis: int | None = None, *, dim: int | None = None) -> Any:
    """a * sigmoid(b), where a and b are the two halves of x along an axis (-1 if left out)."""
    x = floats(x, "glu")
    if x.ndim == 0:
        raise ValueError("glu: x has no axes, so no halves; give it one of even length")
    axis = canonical_axis(one_axis(axis, dim, -1, "glu"), x.ndim, "glu")
    n = x.shape[axis]
    if n % 2:
        raise ValueError(f"glu: axis {axis} of x {x.shape} has length {n}, which has no halves; make it even")
    ahead = (slice(None),) * axis
    return multiply(x[(*ahead, slice(None, n // 2))], sigmoid_op(x[(*ahead, slice(n // 2, None))]))


def _soft(x: Any, axis: Axes, dim: Axes, dtype: Any, name: str) -> tuple[Any, tuple[int, ...]]:
    x = operand(x, name)
    if dtype is not None:
        dtype = np.dtype(dtype)
        if dtype.kind not in "fc":
            raise TypeError(f"{name}: dtype must be a float dtype, got {dtype}")
        x = x if x.dtype == dtype else cast(x, dtype=dtype)
    x = floats(x, name)
    return x, canonical_axes(one_axis(axis, dim, -1, name), x.ndim, name) if x.ndim else ()


def softmax(x: Any, axis: Axes = None, dtype: Any = None, *, dim: Axes = None) -> Any:
    """e**x over its sum along an axis (-1 if left out; several: along all of them). dtype: computed in that dtype."""
    x, axes = _soft(x, axis, dim, dtype, "softmax")
    return softmax_op(x, axis=axes)


def log_softmax(x: Any, axis: Axes = None, dtype: Any = None, *, dim: Axes = None) -> Any:
    """The logarithm of softmax along an axis (-1 if left out), exact where softmax is too small for a float."""
    x, axes = _soft(x, axis, dim, dtype, "log_softmax")
    return log_softmax_op(x, axis=axes)


def softmin(x: Any, axis: Axes = None, dtype: Any = None, *, dim: Axes = None) -> Any:
    """The softmax of -x along an axis (-1 if left out)."""
    x, axes = _soft(x, axis, dim, dtype, "softmin")
    return softmax_op(negative(x), axis=axes)
