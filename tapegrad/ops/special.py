"""Special functions by the names of scipy.special: logistic and other elementary ones, and the error functions.

Those that NumPy does not give are taken from SciPy, which is imported when one of them is first called. Families are
closed: the derivative of each is made of others, so every order is there. Rules follow PyTorch's complex convention.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..kernels import series
from ..kernels import special as kernels
from ..registry import Binary, Op, Recorded, Unary, op, operand
from ..samples import Draw, between, distinct, positive, real
from .activation import (
    erf_op,
    erfc_op,
    floats,
    log_softmax_op,
    logsigmoid_op,
    reals_only,
    sigmoid_op,
    softplus_op,
)
from .discrete import any_requires_grad
from .elementwise import (
    H,
    absolute,
    cbrt,
    div_no_nan,
    equal,
    exp,
    exp2,
    expm1,
    greater_equal,
    hypot,
    less,
    less_equal,
    log,
    log1p,
    logical_and,
    mul_no_nan,
    multiply,
    negative,
    power,
    real_part,
    rint,
    sign_op,
    sin,
    square,
    where_op,
)
from .reduce import softmax_op
from .structure import Axes, canonical_axes, cast

SCIPY: dict[str, Callable[..., Any]] = {}  # names in scipy.special, or of its ufuncs -> ours
LN10, DEGREE = math.log(10.0), math.pi / 180.0
ROOT_PI, ROOT_2PI, ROOT_2 = math.sqrt(math.pi), math.sqrt(2 * math.pi), math.sqrt(2.0)

# -- taking functions from SciPy -----------------------------------------------------------------------------


def scipy_special(name: str) -> Any:
    """scipy.special, or an ImportError that says what needs it."""
    try:
        import scipy.special
    except ImportError as error:
        raise ImportError(f"{name} needs SciPy, which is not installed: pip install 'tapegrad[scipy]'") from error
    return scipy.special


def from_scipy(name: str, orders: frozenset[int] = frozenset()) -> Callable[..., Any]:
    """The function of scipy.special of that name, looked up at the first call; single precision stays single."""
    found: list[Any] = []

    def forward(*values: Any) -> Any:
        if not found:
            special = scipy_special(name)
            f = getattr(special, name, None) or getattr(special._ufuncs, name, None)
            if f is None:
                raise ImportError(f"{name}: this release of SciPy has no scipy.special.{name}; install a newer one")
            found.append(f)
        out = found[0](*values)
        if type(out) is tuple:
            return tuple([narrowed(o, values, orders) for o in out])
        return narrowed(out, values, orders)

    return forward


def narrowed(out: Any, values: tuple[Any, ...], orders: Any = ()) -> Any:
    """A result in single precision if the arrays that it comes from are; integer orders, by position, widen nothing."""
    sizes = [v for i, v in enumerate(values) if i not in orders or np.asarray(v).dtype.kind == "f"]
    dtype = np.result_type(*sizes)
    if dtype != np.float32 and dtype != np.complex64:
        return out
    return np.asarray(out).astype(np.complex64 if np.iscomplexobj(out) else np.float32, copy=False)


def _narrowing(forward: Callable[..., Any]) -> Callable[..., Any]:
    """forward, with results as narrow as its arrays: NumPy makes a double of what it is given a Python number for."""

    @wraps(forward)
    def run(*values: Any) -> Any:
        out = forward(*values)
        if type(out) is tuple:
            return tuple([narrowed(o, values) for o in out])
        return narrowed(out, values)

    return run


class Partly(Op):
    """An op with inputs that it knows no derivative in: where one is asked for, the call is refused."""

    refused: dict[int, str]

    def __call__(self, *args: Any, **params: Any) -> Any:
        """Arrays in, arrays out; any Tensor in, Tensors out."""
        for i, why in self.refused.items():
            if i < len(args) and any_requires_grad((args[i],)):
                name = self.inputs[i]
                raise TypeError(f"{self.name}: there is no gradient in {name}: {why}; give {name}.detach()")
        return self.general(*args, **params)


def declare(
    name: str, inputs: str, doc: str, forward: Callable[..., Any] | None = None, *, outputs: str = "out",
    refused: dict[str, str] | None = None, source: str | None = None, likes: tuple[Any, ...] = (), **rules: Any,
) -> Any:  # fmt: skip
    """An elementwise op, of SciPy's function of that name unless `forward` is given.

    refused: inputs without a derivative, and why. source: SciPy's name for it where that differs.
    likes: for each input where its samples lie, or a constant.
    """
    names, parts = tuple(inputs.split()), tuple(outputs.split())
    one = len(parts) == 1
    orders = frozenset(names.index(k) for k in refused or ())
    f = from_scipy(source or name, orders) if forward is None else forward if len(names) == 1 else _narrowing(forward)
    cls = Partly if refused else {1: Unary, 2: Binary}.get(len(names), Op) if one else Op
    made = cls(f, "elementwise" if one else None, names, name=name, doc=doc, outputs=parts)
    if isinstance(made, Partly):
        made.refused = {names.index(k): why for k, why in (refused or {}).items()}
    made.vjp(**rules)
    if forward is None:
        SCIPY[source or name] = made
    sampled(made, *likes)
    return made


def sampled(made: Op, *likes: Any, **params: Any) -> None:
    """Declare samples of several shapes: for each input a Draw, or a constant."""
    if not likes:
        return
    many = sum([isinstance(like, Draw) for like in likes]) > 1
    shapes: list[list[tuple[int, ...]]] = [[(2, 3)], [()], [(0, 2)]]
    if many:
        shapes += [[(2, 1), (3,)], [(), (3,)]]
    for shape in shapes:
        args, k = [], 0
        for like in likes:
            if isinstance(like, Draw):
                like, k = Draw(shape[min(k, len(shape) - 1)], like.low, like.high, like.kind, like.away), k + 1
            args.append(like)
        made.sample(*args, **params)


def scipy_name(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Say which ufuncs of SciPy the decorated function stands for."""

    def register(f: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            SCIPY[name] = f
        return f

    return register


def scipy_ufuncs() -> dict[Any, Callable[..., Any]]:
    """The ufuncs of scipy.special, and ours for each; none as long as scipy.special is not loaded."""
    special = sys.modules.get("scipy.special")
    if special is None:
        return {}
    found = {}
    for name, ours in SCIPY.items():
        f = getattr(special, name, None)
        if not isinstance(f, np.ufunc):
            f = getattr(special._ufuncs, name, None)
        if isinstance(f, np.ufunc):
            found[f] = ours
    return found


def shifted(n: Any, by: float) -> Any:
    """An order that has no gradient, moved; Python's numbers stay what they are."""
    return (n._data if isinstance(n, Recorded) else n) + by


def on_doubles(f: Callable[..., Any], *values: Any) -> Any:
    """f of arrays broadcast, flat and in double precision; the result in their shape and precision."""
    dtype = np.result_type(*values)
    dtype = dtype if dtype.kind in "fc" else np.dtype(np.float64)
    arrays = np.broadcast_arrays(*values)
    flat = [np.asarray(a, complex if a.dtype.kind == "c" else float).ravel() for a in arrays]
    out = np.asarray(f(*flat)).reshape(arrays[0].shape)
    return out.astype(np.result_type(dtype, np.complex64) if out.dtype.kind == "c" else dtype, copy=False)


def inexact(x: Any, name: str) -> Any:
    """x as an operand of floats or complex numbers; integers and bools become float64."""
    x = operand(x, name)
    return x if x.dtype.kind in "fc" else cast(x, dtype=np.dtype(np.float64))


def weak(x: Any, name: str) -> Any:
    """Python's numbers as they are, so that they widen nothing; anything else as an operand."""
    return x if type(x) in (int, float, complex) else operand(x, name)


def _weak_floats(x: Any, name: str) -> Any:
    """Python's numbers as they are; integers as doubles, as the logarithm of small ones is in half precision."""
    return x if type(x) in (int, float, complex) else inexact(x, name)


def is_complex(x: Any) -> bool:
    return type(x) is complex or getattr(x, "dtype", np.dtype(float)).kind == "c"


def _quiet(f: Callable[..., Any]) -> Callable[..., Any]:
    """f without warnings at the ends of its domain, where it gives its limits."""

    def run(*values: Any, **params: Any) -> Any:
        with np.errstate(all="ignore"):
            return f(*values, **params)

    return run


# -- logistic functions and entropies ------------------------------------------------------------------------


def _logit(x: Any) -> Any:
    s = 2 * x - 1  # exact around 1 / 2, where the difference of logarithms is not
    return np.where(abs(s) < 0.5, 2 * np.arctanh(np.clip(s, -0.5, 0.5)), np.log(x) - np.log1p(-x))


def _log_ratio(x: Any, y: Any) -> Any:
    ratio = np.divide(x, y)
    near = (ratio > 0.5) & (ratio < 2)
    far = np.where((ratio == 0) | np.isinf(ratio), np.log(x) - np.log(y), np.log(ratio))
    return np.where(near, np.log1p(np.divide(np.subtract(x, y), y)), far)


def _entr(x: Any) -> Any:
    return np.where(np.greater(x, 0), -np.multiply(x, np.log(x)), np.where(np.less(x, 0), -np.inf, np.multiply(x, 0)))


def _rel_entr(x: Any, y: Any) -> Any:
    outside = np.where(np.equal(x, 0) & np.greater_equal(y, 0), 0, np.where(np.isnan(x) | np.isnan(y), np.nan, np.inf))
    inside = np.greater(x, 0) & np.greater(y, 0)
    return np.where(inside, np.multiply(x, _log_ratio(x, y)), outside.astype(np.result_type(x, y)))


def _kl_div(x: Any, y: Any) -> Any:
    out = _rel_entr(x, y)
    inside = np.greater_equal(x, 0) & np.greater_equal(y, 0) & (np.greater(y, 0) | np.equal(x, 0))
    return np.where(inside, out - x + y, out)


def _log_times(log: Callable[..., Any]) -> Callable[..., Any]:
    def forward(x: Any, y: Any) -> Any:
        return np.where(np.equal(x, 0) & ~np.isnan(y), np.multiply(np.multiply(x, 0), 1), np.multiply(x, log(y)))

    return _quiet(forward)


def _huber(delta: Any, r: Any) -> Any:
    size = abs(r)
    out = np.where(np.less_equal(size, delta), 0.5 * np.square(r), np.multiply(delta, size - 0.5 * delta))
    return np.where(np.less(delta, 0), np.asarray(np.inf, out.dtype), out)


def _pseudo_huber(delta: Any, r: Any) -> Any:
    h = np.hypot(delta, r) + delta
    out = np.multiply(delta, np.where(np.equal(h, 0), 0, np.divide(r, h)) * r)
    return np.where(np.less(delta, 0), np.asarray(np.inf, out.dtype), np.where(np.equal(delta, 0), 0, out))


log_or_infinity = declare(
    "log_or_infinity", "x", "log(x), which is quietly -inf at 0.", _quiet(np.log), likes=(positive(),),
    x=lambda g, x: div_no_nan(g, H(x)),
)  # fmt: skip
log_ratio = declare(
    "log_ratio", "x y", "log(x / y), to full precision where x is near y.", _quiet(_log_ratio),
    likes=(positive(), positive()),
    x=lambda g, x: div_no_nan(g, x),
    y=lambda g, y: negative(div_no_nan(g, y)),
)  # fmt: skip
logit_op = declare(
    "logit", "x", "log(x / (1 - x)); its slope at 0 and 1 is infinite.", _quiet(_logit), likes=(between(0.1, 0.9),),
    x=lambda g, x: div_no_nan(g, x * (1.0 - x)),
)  # fmt: skip
entr_op = declare(
    "entr", "x", "-x log(x), 0 at 0 and -inf below; its slope at 0 is infinite.", _quiet(_entr), likes=(positive(),),
    x=lambda g, x: negative(mul_no_nan(g, log_or_infinity(x) + 1.0)),
)  # fmt: skip


def _share_log(x: Any, y: Any, more: float) -> Any:
    """log(x / y) + more, but 0 where both are 0."""
    both = logical_and(equal(x, 0), equal(y, 0))
    return where_op(both, 0.0, log_ratio(where_op(both, 1.0, x), where_op(both, 1.0, y)) + more)


rel_entr_op = declare(
    "rel_entr", "x y", "x log(x / y), 0 for x = 0 and y >= 0, infinite outside.", _quiet(_rel_entr),
    likes=(positive(), positive()),
    x=lambda g, x, y: mul_no_nan(g, _share_log(x, y, 1.0)),
    y=lambda g, x, y: negative(div_no_nan(g * x, y)),
)  # fmt: skip
kl_div_op = declare(
    "relative_entropy", "x y", "x log(x / y) - x + y, y for x = 0, infinite outside x, y >= 0.", _quiet(_kl_div),
    likes=(positive(), positive()),
    x=lambda g, x, y: mul_no_nan(g, _share_log(x, y, 0.0)),
    y=lambda g, x, y: g - div_no_nan(g * x, y),
)  # fmt: skip


def _log_or_zero(log: Any, x: Any, y: Any, edge: float) -> Any:
    """log(y), but 0 where x is 0 and there is no finite one, as in torch."""
    none = equal(y, edge) if is_complex(y) else less_equal(y, edge)
    return H(log(where_op(logical_and(equal(x, 0), none), edge + 1.0, y)))


xlogy_op = declare(
    "xlogy", "x y", "x log(y), and 0 where x is 0; there the gradient in y is 0, that in x is log(y).",
    _log_times(np.log), likes=(real(), positive()),
    x=lambda g, x, y: mul_no_nan(g, _log_or_zero(log_or_infinity, x, y, 0.0)),
    y=lambda g, x, y: div_no_nan(g * H(x), H(y)),
)  # fmt: skip
xlog1py_op = declare(
    "xlog1py", "x y", "x log(1 + y), and 0 where x is 0; there the gradient in y is 0, that in x is log(1 + y).",
    _log_times(np.log1p), likes=(real(), positive()),
    x=lambda g, x, y: mul_no_nan(g, _log_or_zero(log1p, x, y, -1.0)),
    y=lambda g, x, y: div_no_nan(g * H(x), H(y + 1.0)),
)  # fmt: skip
huber_op = declare(
    "variable_huber", "delta r", "r**2 / 2 where |r| <= delta, else delta (|r| - delta / 2); infinite for delta < 0.",
    _huber, likes=(between(0.9, 1.0), distinct(low=-2.03, high=2.0)),
    delta=lambda g, delta, r: where_op(less_equal(absolute(r), delta), 0.0, g * (absolute(r) - delta)),
    r=lambda g, delta, r: g * where_op(less_equal(absolute(r), delta), r, delta * sign_op(r)),
)  # fmt: skip


def _pseudo_huber_delta(g: Any, delta: Any, r: Any) -> Any:
    h = hypot(delta, r)
    return g * div_no_nan(square(r * div_no_nan(r, h + delta)), h)


pseudo_huber_op = declare(
    "pseudo_huber", "delta r", "delta**2 (sqrt(1 + (r / delta)**2) - 1); infinite for delta < 0.",
    _quiet(_pseudo_huber), likes=(positive(), real()),
    delta=_pseudo_huber_delta,
    r=lambda g, delta, r: g * div_no_nan(delta * r, hypot(delta, r)),
)  # fmt: skip

# -- powers and exponentials ---------------------------------------------------------------------------------


@op("elementwise")
def exprel_op(x, *, order=0):
    """The derivative of that order of (e**x - 1) / x, to full precision near 0 too."""
    return on_doubles(lambda x: series.exprel(x, order), x)


@op("elementwise")
def log1p_ratio(x, *, order=0):
    """The derivative of that order of log(1 + x) / x, to full precision near 0 too."""
    return on_doubles(lambda x: series.log1p_ratio(x, order), x)


exprel_op.vjp(x=lambda g, x, order: mul_no_nan(g, H(exprel_op(x, order=order + 1))))
exprel_op.sample(real(2, 3)).sample(between(21, 23, 2)).sample(real(), order=2).sample(real(0, 2))
log1p_ratio.vjp(x=lambda g, x, order: mul_no_nan(g, H(log1p_ratio(x, order=order + 1))))
log1p_ratio.sample(between(-0.5, 2.0, 2, 3)).sample(between(-0.5, 2.0), order=2).sample(positive(0, 2))


def _boxcox(x: Any, lmbda: Any) -> Any:
    l = np.log(x)
    return np.where(np.equal(lmbda, 0), l, np.expm1(np.multiply(lmbda, l)) / np.where(np.equal(lmbda, 0), 1, lmbda))


def _boxcox1p(x: Any, lmbda: Any) -> Any:
    l = np.log1p(x)
    return np.where(np.equal(lmbda, 0), l, np.expm1(np.multiply(lmbda, l)) / np.where(np.equal(lmbda, 0), 1, lmbda))


def _boxcox_exponent(y: Any, lmbda: Any) -> Any:
    z = np.multiply(lmbda, y)
    return np.where(np.equal(lmbda, 0), y, np.log1p(z) / np.where(np.equal(lmbda, 0), 1, lmbda))


def _boxcox_lmbda(g: Any, l: Any, edge: Any, lmbda: Any) -> Any:
    """The gradient in lmbda, from the logarithm; at its infinite edge the value is -1 / lmbda."""
    inside = square(l) * exprel_op(lmbda * l, order=1)
    return mul_no_nan(g, where_op(edge, div_no_nan(1.0, square(where_op(edge, lmbda, 1.0))), inside))


boxcox_op = declare(
    "boxcox", "x lmbda", "(x**lmbda - 1) / lmbda, log(x) for lmbda = 0.", _quiet(_boxcox), likes=(positive(), real()),
    x=lambda g, x, lmbda: mul_no_nan(g, power(x, lmbda - 1.0)),
    lmbda=lambda g, x, lmbda: _boxcox_lmbda(g, log(where_op(equal(x, 0), 1.0, x)), equal(x, 0), lmbda),
)  # fmt: skip
boxcox1p_op = declare(
    "boxcox1p", "x lmbda", "((1 + x)**lmbda - 1) / lmbda, log(1 + x) for lmbda = 0.", _quiet(_boxcox1p),
    likes=(positive(), real()),
    x=lambda g, x, lmbda: mul_no_nan(g, power(x + 1.0, lmbda - 1.0)),
    lmbda=lambda g, x, lmbda: _boxcox_lmbda(g, log1p(where_op(equal(x, -1), 1.0, x)), equal(x, -1), lmbda),
)  # fmt: skip


def _inverse_slope(y: Any, lmbda: Any) -> Any:
    """(1 + lmbda y)**(1 / lmbda - 1)."""
    return exp(mul_no_nan(y * (1.0 - lmbda), log1p_ratio(lmbda * y)))


inv_boxcox_op = declare(
    "inv_boxcox", "y lmbda", "(lmbda y + 1)**(1 / lmbda), e**y for lmbda = 0.",
    _quiet(lambda y, lmbda: np.exp(_boxcox_exponent(y, lmbda))), likes=(between(0.1, 1.5), between(-0.4, 2)),
    y=lambda g, y, lmbda: g * _inverse_slope(y, lmbda),
    lmbda=lambda g, y, lmbda, out: g * mul_no_nan(out * square(y), log1p_ratio(lmbda * y, order=1)),
)  # fmt: skip
inv_boxcox1p_op = declare(
    "inv_boxcox1p", "y lmbda", "(lmbda y + 1)**(1 / lmbda) - 1, e**y - 1 for lmbda = 0.",
    _quiet(lambda y, lmbda: np.expm1(_boxcox_exponent(y, lmbda))), likes=(between(0.1, 1.5), between(-0.4, 2)),
    y=lambda g, y, lmbda: g * _inverse_slope(y, lmbda),
    lmbda=lambda g, y, lmbda, out: g * mul_no_nan((out + 1.0) * square(y), log1p_ratio(lmbda * y, order=1)),
)  # fmt: skip
exp10 = declare(
    "exp10", "x", "10 ** x.", lambda x: np.power(np.asarray(10, x.dtype) if isinstance(x, np.ndarray) else 10.0, x),
    likes=(real(),), x=lambda g, out: mul_no_nan(g, H(out) * LN10),
)  # fmt: skip
cosm1 = declare(
    "cosm1", "x", "cos(x) - 1, to full precision near 0.", lambda x: -2 * np.square(np.sin(np.divide(x, 2))),
    likes=(real(),), x=lambda g, x: negative(g * H(sin(x))),
)  # fmt: skip
powm1 = declare(
    "powm1", "x y", "x ** y - 1, to full precision near 0.", likes=(positive(), real()),
    x=lambda g, x, y: mul_no_nan(g, mul_no_nan(y, power(x, y - 1.0))),
    y=lambda g, x, y: mul_no_nan(
        g, power(x, y) * log(where_op(logical_and(equal(x, 0), greater_equal(y, 0)), 1.0, x))
    ),
)  # fmt: skip
sindg = declare(
    "sindg", "x", "The sine of x degrees.", likes=(real(),), x=lambda g, x: g * (cosdg(x) * DEGREE)
)  # fmt: skip
cosdg = declare(
    "cosdg", "x", "The cosine of x degrees.", likes=(real(),), x=lambda g, x: negative(g * (sindg(x) * DEGREE))
)  # fmt: skip
tandg = declare(
    "tandg", "x", "The tangent of x degrees.", likes=(real(),), x=lambda g, out: g * ((1.0 + square(out)) * DEGREE)
)  # fmt: skip
cotdg = declare(
    "cotdg", "x", "The cotangent of x degrees.", likes=(between(20, 60),),
    x=lambda g, out: negative(g * ((1.0 + square(out)) * DEGREE)),
)  # fmt: skip
radian = declare(
    "radian", "d m s", "d degrees, m minutes and s seconds in radians.", likes=(real(), real(), real()),
    d=lambda g: g * DEGREE, m=lambda g: g * (DEGREE / 60.0), s=lambda g: g * (DEGREE / 3600.0),
)  # fmt: skip

# -- the error function and the normal distribution ----------------------------------------------------------

complex_erf = declare(
    "complex_erf", "x", "The error function of complex x.", source="erf", likes=(real(),),
    x=lambda g, x: mul_no_nan(g, H(exp(negative(square(x)))) * (2.0 / ROOT_PI)),
)  # fmt: skip
complex_erfc = declare(
    "complex_erfc", "x", "1 less the error function, of complex x.", source="erfc", likes=(real(),),
    x=lambda g, x: negative(mul_no_nan(g, H(exp(negative(square(x)))) * (2.0 / ROOT_PI))),
)  # fmt: skip
erfi = declare(
    "erfi", "x", "-i erf(i x).", likes=(real(),), x=lambda g, x: mul_no_nan(g, H(exp(square(x))) * (2.0 / ROOT_PI))
)  # fmt: skip


@op("elementwise")
def wofz_op(x, *, order=0):
    """The derivative of that order of the Faddeeva function e**(-x**2) erfc(-i x), a complex number."""
    wofz = scipy_special("wofz").wofz
    if not order:
        return narrowed(wofz(x), (x,))
    return on_doubles(lambda z: series.faddeeva(z.astype(complex), order, wofz), x)


@op("elementwise")
def erfcx_op(x, *, order=0):
    """The derivative of that order of e**(x**2) erfc(x)."""
    special = scipy_special("erfcx")
    if not order:
        return narrowed(special.erfcx(x), (x,))

    def slope(x: Any) -> Any:
        if x.dtype.kind == "c":
            return series.faddeeva(x * 1j, order, special.wofz) * 1j**order
        w = (series.faddeeva(np.where(np.isinf(x), 0, x) * 1j, order, special.wofz) * 1j**order).real
        far = np.isinf(x) | (np.isnan(w) & (x < 0))  # below -26 the value, 2 e**(x**2), is too large for doubles
        return np.where(far, np.where(x > 0, 0, (-1) ** order * np.inf), w)

    return on_doubles(slope, x)


@op("elementwise")
def dawsn_op(x, *, order=0):
    """The derivative of that order of Dawson's integral, e**(-x**2) times the integral of e**(t**2) from 0 to x."""
    special = scipy_special("dawsn")
    if not order:
        return narrowed(special.dawsn(x), (x,))

    def slope(x: Any) -> Any:
        if x.dtype.kind != "c":
            w = series.faddeeva(np.where(np.isinf(x), 0, x).astype(complex), order, special.wofz)
            return np.where(np.isinf(x), 0, w.imag * (ROOT_PI / 2))
        lower = x.imag < 0  # with z = x or -x, whichever lies above: i sqrt(pi) / 2 (e**-z**2 - w(z)), odd in x
        z = np.where(lower, -x, x)
        last, bell = np.zeros_like(z), np.exp(-z * z)
        for n in range(order):
            last, bell = bell, -2 * z * bell - 2 * n * last
        out = (bell - series.faddeeva(z, order, special.wofz)) * (0.5j * ROOT_PI)
        return np.where(lower, (-1) ** (order + 1) * out, out)

    return on_doubles(slope, x)


wofz_op.vjp(x=lambda g, x, order: mul_no_nan(g, H(wofz_op(x, order=order + 1))))
erfcx_op.vjp(x=lambda g, x, order: mul_no_nan(g, H(erfcx_op(x, order=order + 1))))
dawsn_op.vjp(x=lambda g, x, order: mul_no_nan(g, H(dawsn_op(x, order=order + 1))))
for _one in (wofz_op, erfcx_op, dawsn_op):
    _one.sample(real(2, 3)).sample(real()).sample(real(0, 2)).sample(real(3), order=2).sample(between(7, 9, 3))

erfinv = declare(
    "erfinv", "x", "The inverse of the error function; its slope at -1 and 1 is infinite.", likes=(between(-0.9, 0.9),),
    x=lambda g, out: mul_no_nan(g, exp(square(out)) * (ROOT_PI / 2.0)),
)  # fmt: skip
erfcinv = declare(
    "erfcinv", "x", "The inverse of erfc; its slope at 0 and 2 is infinite.", likes=(between(0.1, 1.9),),
    x=lambda g, out: negative(mul_no_nan(g, exp(square(out)) * (ROOT_PI / 2.0))),
)  # fmt: skip


def _bell(x: Any) -> Any:
    """The density of the standard normal distribution."""
    return exp(square(x) * -0.5) * (1.0 / ROOT_2PI)


def _hazard(x: Any) -> Any:
    """The derivative of log_ndtr at real x, the density over the distribution function, also where both vanish."""
    below = less(x, 0)
    low, high = where_op(below, x, 0.0), where_op(below, 0.0, x)
    return where_op(below, div_no_nan(ROOT_2 / ROOT_PI, erfcx_op(low * (-1.0 / ROOT_2))), _bell(high) / ndtr_op(high))


ndtr_op = declare(
    "ndtr", "x", "The share of a standard normal distribution that lies below x.",
    lambda x: kernels.erfc(x * -math.sqrt(0.5)) / 2, likes=(real(),), x=lambda g, x: g * _bell(x),
)  # fmt: skip
log_ndtr = declare(
    "log_ndtr", "x", "The logarithm of the share of a standard normal distribution below x, exact far below.",
    likes=(real(),),
    x=lambda g, x, out: (
        mul_no_nan(g, H(exp(square(x) * -0.5 - out)) * (1.0 / ROOT_2PI) if is_complex(x) else _hazard(x))
    ),
)  # fmt: skip
ndtri = declare(
    "ndtri", "x", "The inverse of ndtr; its slope at 0 and 1 is infinite.", likes=(between(0.1, 0.9),),
    x=lambda g, out: mul_no_nan(g, exp(square(out) * 0.5) * ROOT_2PI),
)  # fmt: skip
ndtri_exp = declare(
    "ndtri_exp", "x", "The inverse of log_ndtr.", likes=(between(-9, -0.1),),
    x=lambda g, out: div_no_nan(g, _hazard(out)),
)  # fmt: skip
owens_t = declare(
    "owens_t", "h a", "Owen's T function: the chance of X > h and 0 < Y < a X for two standard normal variables.",
    likes=(real(), real()),
    h=lambda g, h, a: negative(g * (_bell(h) * erf_op(a * h * (1.0 / ROOT_2)) * 0.5)),
    a=lambda g, h, a: g * (exp(square(h) * (1.0 + square(a)) * -0.5) / ((1.0 + square(a)) * (2.0 * math.pi))),
)  # fmt: skip


def _voigt_at(x: Any, sigma: Any, gamma: Any, order: int) -> tuple[Any, Any]:
    """The point at which the Faddeeva function is taken, and its derivative there over the density's scale."""
    z = (x + gamma * 1j) / (sigma * ROOT_2)
    return z, wofz_op(z, order=order) / (sigma * sigma * (2.0 * ROOT_PI))


voigt_profile = declare(
    "voigt_profile", "x sigma gamma", "The density of a normal variable of spread sigma plus a Cauchy one of gamma.",
    likes=(real(), positive(), positive()),
    x=lambda g, x, sigma, gamma: g * real_part(_voigt_at(x, sigma, gamma, 1)[1]),
    sigma=lambda g, x, sigma, gamma, out: negative(
        g * (out / sigma + real_part(multiply(*_voigt_at(x, sigma, gamma, 1))) * ROOT_2)
    ),
    gamma=lambda g, x, sigma, gamma: g * real_part(_voigt_at(x, sigma, gamma, 1)[1] * 1j),
)  # fmt: skip

reals_only(
    logit_op, entr_op, rel_entr_op, kl_div_op, huber_op, pseudo_huber_op, boxcox_op, boxcox1p_op, inv_boxcox_op,
    inv_boxcox1p_op, exp10, cosm1, ndtr_op, log_ratio,
)  # fmt: skip

# -- public functions ----------------------------------------------------------------------------------------

SCIPY |= {"exp2": exp2, "expm1": expm1, "log1p": log1p, "cbrt": cbrt, "exp10": exp10, "cosm1": cosm1}
round = scipy_name("round")(rint)


def of_reals(x: Any, name: str) -> Any:
    """An operand of floats; Python's numbers as they are."""
    return float(x) if type(x) in (int, float) else floats(x, name)


def _unary(name: str, made: Any) -> Any:
    def f(x: Any) -> Any:
        return made(floats(x, name))

    f.__name__ = f.__qualname__ = name
    f.__doc__ = made.__doc__
    return scipy_name(name)(f)


expit = _unary("expit", sigmoid_op)
logit = _unary("logit", logit_op)
log_expit = _unary("log_expit", logsigmoid_op)
entr = _unary("entr", entr_op)
exprel = _unary("exprel", exprel_op)


def softplus(x: Any) -> Any:
    """log(1 + e**x), without overflow."""
    return softplus_op(floats(x, "softplus"))


@scipy_name("rel_entr")
def rel_entr(x: Any, y: Any) -> Any:
    """x log(x / y), 0 for x = 0 and y >= 0, infinite outside."""
    return rel_entr_op(of_reals(x, "rel_entr"), of_reals(y, "rel_entr"))


@scipy_name("kl_div")
def kl_div(x: Any, y: Any) -> Any:
    """x log(x / y) - x + y, y for x = 0, infinite outside x, y >= 0."""
    return kl_div_op(of_reals(x, "kl_div"), of_reals(y, "kl_div"))


@scipy_name("xlogy")
def xlogy(x: Any, y: Any) -> Any:
    """x log(y), and 0 where x is 0; there the gradient in y is 0, that in x is log(y), or 0 for y <= 0."""
    return xlogy_op(_weak_floats(x, "xlogy"), _weak_floats(y, "xlogy"))


@scipy_name("xlog1py")
def xlog1py(x: Any, y: Any) -> Any:
    """x log(1 + y), and 0 where x is 0; there the gradient in y is 0, that in x is log(1 + y), or 0 for y <= -1."""
    return xlog1py_op(_weak_floats(x, "xlog1py"), _weak_floats(y, "xlog1py"))


@scipy_name("huber")
def huber(delta: Any, r: Any) -> Any:
    """r**2 / 2 where |r| <= delta, else delta (|r| - delta / 2); infinite for delta < 0."""
    return huber_op(of_reals(delta, "huber"), of_reals(r, "huber"))


@scipy_name("pseudo_huber")
def pseudo_huber(delta: Any, r: Any) -> Any:
    """delta**2 (sqrt(1 + (r / delta)**2) - 1); infinite for delta < 0."""
    return pseudo_huber_op(of_reals(delta, "pseudo_huber"), of_reals(r, "pseudo_huber"))


@scipy_name("boxcox")
def boxcox(x: Any, lmbda: Any) -> Any:
    """(x**lmbda - 1) / lmbda, log(x) for lmbda = 0; smooth in lmbda there."""
    return boxcox_op(of_reals(x, "boxcox"), of_reals(lmbda, "boxcox"))


@scipy_name("boxcox1p")
def boxcox1p(x: Any, lmbda: Any) -> Any:
    """((1 + x)**lmbda - 1) / lmbda, log(1 + x) for lmbda = 0; smooth in lmbda there."""
    return boxcox1p_op(of_reals(x, "boxcox1p"), of_reals(lmbda, "boxcox1p"))


@scipy_name("inv_boxcox")
def inv_boxcox(y: Any, lmbda: Any) -> Any:
    """The inverse of boxcox: (lmbda y + 1)**(1 / lmbda), e**y for lmbda = 0."""
    return inv_boxcox_op(of_reals(y, "inv_boxcox"), of_reals(lmbda, "inv_boxcox"))


@scipy_name("inv_boxcox1p")
def inv_boxcox1p(y: Any, lmbda: Any) -> Any:
    """The inverse of boxcox1p: (lmbda y + 1)**(1 / lmbda) - 1, e**y - 1 for lmbda = 0."""
    return inv_boxcox1p_op(of_reals(y, "inv_boxcox1p"), of_reals(lmbda, "inv_boxcox1p"))


@scipy_name("erf")
def erf(x: Any) -> Any:
    """The error function, 2 / sqrt(pi) times the integral of e**-t**2 from 0 to x; complex x needs SciPy."""
    x = inexact(x, "erf")
    return complex_erf(x) if is_complex(x) else erf_op(x)


@scipy_name("erfc")
def erfc(x: Any) -> Any:
    """1 - erf(x), to full relative precision for large x too; complex x needs SciPy."""
    x = inexact(x, "erfc")
    return complex_erfc(x) if is_complex(x) else erfc_op(x)


@scipy_name("erfcx")
def erfcx(x: Any) -> Any:
    """e**(x**2) erfc(x); its derivatives, of any order, are exact far out too."""
    return erfcx_op(inexact(x, "erfcx"))


@scipy_name("dawsn")
def dawsn(x: Any) -> Any:
    """Dawson's integral, e**(-x**2) times that of e**(t**2) from 0 to x; its derivatives are exact far out too."""
    return dawsn_op(inexact(x, "dawsn"))


@scipy_name("wofz")
def wofz(z: Any) -> Any:
    """The Faddeeva function e**(-z**2) erfc(-i z), complex; its derivatives are exact far out too."""
    return wofz_op(inexact(z, "wofz"))


@scipy_name("ndtr")
def ndtr(x: Any) -> Any:
    """The share of a standard normal distribution that lies below x; complex x needs SciPy."""
    x = inexact(x, "ndtr")
    return complex_erfc(x * (-1.0 / ROOT_2)) * 0.5 if is_complex(x) else ndtr_op(x)


def softmax(x: Any, axis: Axes = None) -> Any:
    """e**x over its sum over axes (None: all, as in SciPy).

    scipy.special.softmax is no ufunc and cannot be called on a Tensor.
    """
    x = floats(x, "softmax")
    return softmax_op(x, axis=canonical_axes(axis, x.ndim, "softmax"))


def log_softmax(x: Any, axis: Axes = None) -> Any:
    """The logarithm of softmax over axes (None: all, as in SciPy).

    scipy.special.log_softmax is no ufunc and cannot be called on a Tensor.
    """
    x = floats(x, "log_softmax")
    return log_softmax_op(x, axis=canonical_axes(axis, x.ndim, "log_softmax"))
