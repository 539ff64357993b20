"""Is a derivative right? Gradients against differences of values, for functions and for ops.

Knows how to difference a function of Tensors and what every op must do; must not know any particular op.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .backward import grad
from .differences import Array, dot, largest, random_like, slope, wide
from .modes import enable_grad
from .registry import OPS, Op, Recorded
from .samples import Draw, Sample
from .tensor import Tensor

__all__ = ["GradientError", "OpReport", "check_op", "gradcheck", "gradgradcheck"]

FIRST_STEP = 0.02  # in units of the size of an input
FINER = (1 / 32, 1 / 1024, 1 / 32768)  # of FIRST_STEP: where differences are taken again, if there may be a kink
ELEMENTWISE = 32  # inputs of at most this many elements are checked element by element as well
SCANNED = 200  # how many elements are looked at to say where an error is


class GradientError(AssertionError):
    """A derivative is wrong: the message names the input, the place, both values and the error."""


class _Function:
    """f as a function of arrays: the floating-point ones among the inputs that are to be differentiated."""

    def __init__(self, f: Callable[..., Any], inputs: Any, name: str) -> None:
        self.f, self.name = f, name
        self.args = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
        self.where = [i for i, a in enumerate(self.args) if _differentiated(a)]
        if not self.where:
            raise ValueError(
                f"{name}: nothing to check: no input is a floating-point array or a Tensor that requires grad"
            )
        self.values = [np.array(raw(self.args[i])) for i in self.where]
        self.labels = [_label(self.args[i], i) for i in self.where]
        self.chosen: list[int] | None = None  # which outputs are differentiable

    def call(self, values: Sequence[Array]) -> tuple[list[Any], list[Any]]:
        """All outputs, and the leaves they come from. Arrays that f could write are copies."""
        args = [_passed(a) for a in self.args]
        leaves = []
        for i, v in zip(self.where, values, strict=True):
            args[i] = Tensor(v, requires_grad=True)
            leaves.append(args[i])
        with enable_grad():
            out = self.f(*args)
        outs = list(out) if isinstance(out, (tuple, list)) else [out]
        for k, one in enumerate(outs):
            if not isinstance(one, Recorded):
                raise TypeError(
                    f"{self.name}: output {k} of the function is a {type(one).__name__}, not a Tensor, so its history "
                    "is lost; compute with tapegrad or NumPy functions on the Tensors"
                )
        return outs, leaves

    def choose(self) -> tuple[list[Any], list[Any]]:
        """Outputs that require grad, and leaves; all floating-point outputs if none does."""
        outs, leaves = self.call(self.values)
        floating = [k for k, t in enumerate(outs) if t.dtype.kind in "fc"]
        self.chosen = [k for k in floating if outs[k].requires_grad] or floating
        again, _ = self.call(self.values)
        for k in self.chosen:
            one = outs[k]._data
            if not np.array_equal(one, again[k]._data, equal_nan=True):
                raise GradientError(
                    f"{self.name}: the function gives other values for the same inputs (output {k}); fix its random "
                    "numbers, or take out what it remembers between calls"
                )
            if not np.isfinite(one).all():
                raise GradientError(f"{self.name}: output {k} is not finite at this input, so it has no derivative")
        return [outs[k] for k in self.chosen], leaves

    def change(
        self, direction: Sequence[Array], values: Sequence[Array], u: Sequence[Array]
    ) -> Callable[[float], Array]:
        """h -> Re <u, f(x + h v) - f(x - h v)>, in double precision."""
        assert self.chosen is not None
        chosen = self.chosen

        def at(h: float) -> list[Array]:
            with np.errstate(all="ignore"):
                outs, _ = self.call([_moved(x, h * v) for x, v in zip(values, direction, strict=True)])
            return [wide(outs[k]._data) for k in chosen]

        def difference(h: float) -> Array:
            ahead, behind = at(h), at(-h)
            with np.errstate(all="ignore"):
                return np.asarray(dot(u, [a - b for a, b in zip(ahead, behind, strict=True)]))

        return difference


def raw(a: Any) -> Any:
    """The array in a Tensor; anything else as an array."""
    return a._data if isinstance(a, Recorded) else np.asarray(a)


def _moved(x: Array, by: Array) -> Array:
    """x + by, laid out in memory as x is."""
    moved = x.copy(order="K")
    moved += by
    return moved


def _differentiated(a: Any) -> bool:
    if isinstance(a, Recorded):
        return a.requires_grad
    return isinstance(a, np.ndarray) and a.dtype.kind in "fc"


def _passed(a: Any) -> Any:
    """An input that is not differentiated: arrays as copies, so that the user's stay as they are."""
    if isinstance(a, Recorded):
        return Tensor(a._data)
    return a.copy() if isinstance(a, np.ndarray) else a


def _label(a: Any, i: int) -> str:
    name = a.name if isinstance(a, Tensor) and a.name else ""
    return f"input {i}" + (f" ({name})" if name else "")


def gradcheck(
    f: Callable[..., Any], inputs: Any, *, eps: float | None = None, atol: float | None = None,
    rtol: float | None = None, seed: int = 0, directions: int = 2, raise_exception: bool = True,
) -> bool:  # fmt: skip
    """True if the backward of f agrees with differences of its values; otherwise raise GradientError.

    f: a function of Tensors that gives a Tensor or several; outputs of integers are ignored.
    inputs: its arguments. Tensors that require grad and floating-point ndarrays are differentiated, at copies;
        everything else is passed through.
    eps: the largest step, relative to the size of an input; smaller ones follow and are extrapolated.
    atol, rtol: the allowed error; by default from the precision of the least precise input (float64: 1.5e-8 of the
        derivative, float32: 3.5e-4). Differences are taken in double precision.
    directions: how many random directions and cotangents to try. Inputs of up to 32 elements are also checked
        element by element. A complex gradient is the direction of steepest ascent of a real loss, as in PyTorch.
    raise_exception: give False instead of raising GradientError.
    """
    try:
        _gradcheck(f, inputs, "gradcheck", eps, atol, rtol, seed, directions)
    except GradientError:
        if raise_exception:
            raise
        return False
    return True


def _gradcheck(
    f: Callable[..., Any], inputs: Any, name: str, eps: float | None = None, atol: float | None = None,
    rtol: float | None = None, seed: int = 0, directions: int = 2, elementwise: int = ELEMENTWISE,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    function = _Function(f, inputs, name)
    outs, leaves = function.choose()
    coarse = max([float(np.finfo(t.dtype).eps) for t in [*leaves, *outs]], default=2.3e-16)
    rtol = math.sqrt(coarse) if rtol is None else rtol
    atol = math.sqrt(coarse) / 10 if atol is None else atol
    points = [wide(v) for v in function.values]
    roots = [t for t in outs if t.requires_grad]
    for _ in range(directions):
        u = [random_like(rng, t._data) for t in outs]
        seeds = [np.asarray(a).astype(t.dtype) for a, t in zip(u, outs, strict=True) if t.requires_grad]
        found: Any = [None] * len(leaves)
        if roots:
            found = grad(roots, leaves, seeds, retain_graph=True, allow_unused=True)
        gradients = []
        for g, leaf, label in zip(found, leaves, function.labels, strict=True):
            if g is not None and (g.shape != leaf.shape or g.dtype != leaf.dtype):
                raise GradientError(
                    f"{name}: the gradient of {label} is {g.dtype} {g.shape}, its tensor {leaf.dtype} {leaf.shape}"
                )
            gradients.append(np.zeros(leaf.shape, leaf.dtype) if g is None else g._data)
        rounded = [np.asarray(a).astype(t.dtype) for a, t in zip(u, outs, strict=True)]  # what backward was given
        noise = sum([float(np.finfo(t.dtype).eps) * largest([t._data]) for t in outs if not _upcast(t, function)])
        _compare(
            function, points, gradients, [wide(a) for a in rounded], rng, noise, eps, atol, rtol, seed, elementwise
        )


def _upcast(t: Any, function: _Function) -> bool:
    """Whether an output is in single precision only because the inputs are: differences are of doubles then."""
    precision = min(np.finfo(v.dtype).precision for v in function.values)
    return bool(np.finfo(t.dtype).precision <= precision and precision < 15)


def _compare(
    function: _Function, points: list[Array], gradients: list[Array], u: list[Array], rng: np.random.Generator,
    noise: float, eps: float | None, atol: float, rtol: float, seed: int, elementwise: int,
) -> None:  # fmt: skip
    step = FIRST_STEP if eps is None else eps
    for k, (x, g) in enumerate(zip(points, gradients, strict=True)):
        if not x.size:
            continue
        with np.errstate(invalid="ignore"):
            scale = np.clip(abs(x), 0.1 * min(largest([x]) or 1.0, 1.0), 1.0)
        rest = [np.zeros_like(w) for w in points]
        v = random_like(rng, x) * scale
        rest[k] = v
        mine = dot([g], [v])
        bound = atol + rtol * float(np.sum(abs(g) * abs(v)))
        ahead, doubt = _slope_near(function.change(rest, points, u), step, noise, mine, bound)
        off = abs(mine - float(ahead))
        wrong = not off <= bound
        if wrong or x.size <= elementwise:
            _elements(function, points, g, u, k, scale, step, noise, atol, rtol, seed, rng)
        if wrong:
            raise GradientError(
                f"{function.name}: the gradient of {function.labels[k]}, shape {x.shape}, is wrong in a random "
                f"direction (seed {seed}): backward gives {mine:.10g}, differences give {float(ahead):.10g} "
                f"(error {off:.3g}, allowed {bound:.3g})." + _doubted(doubt, bound)
            )


def _slope_near(
    change: Callable[[float], Array], step: float, noise: float, mine: float, bound: float
) -> tuple[Array, float]:
    """The slope by differences, and its doubt; by finer ones where these are sure of what the backward says.

    Among many relus and maxima one has its kink within a millionth of the point now and then. Large steps all cross
    it, agree with each other, and are wrong; small ones do not cross it.
    """
    coarse = slope(change, step, noise)
    if abs(mine - float(coarse[0])) <= bound:
        return coarse
    for finer in FINER:
        ahead, doubt = slope(change, step * finer, noise)
        if abs(mine - float(ahead)) + doubt <= bound:
            return ahead, doubt
    return coarse


def _doubted(doubt: float, bound: float) -> str:
    if doubt <= bound:
        return ""
    return f" The differences themselves are only good to {doubt:.2g}: perhaps there is a kink or a jump nearby."


def _elements(
    function: _Function, points: list[Array], g: Array, u: list[Array], k: int, scale: Array, step: float, noise: float,
    atol: float, rtol: float, seed: int, rng: np.random.Generator,
) -> None:  # fmt: skip
    """Raise for the worst wrong element of input k, if there is one."""
    x = points[k]
    places: Any = range(x.size)
    if x.size > SCANNED:
        places = np.sort(rng.choice(x.size, SCANNED, replace=False)).tolist()
    most = largest([g])
    worst: tuple[float, str] | None = None
    count = 0
    for place in places:
        index = np.unravel_index(place, x.shape)
        for unit in (1.0, 1j) if x.dtype.kind == "c" else (1.0,):
            direction = [np.zeros_like(w) for w in points]
            size = float(scale[index])
            direction[k][index] = unit * size
            mine = float(np.real(np.conj(g[index]) * unit))
            least = atol * max(1.0, 1e-2 / size) + rtol * max(abs(mine), 1e-3 * most)
            ahead, doubt = _slope_near(function.change(direction, points, u), step, noise, mine * size, least * size)
            theirs = float(ahead) / size
            bound = max(least, atol * max(1.0, 1e-2 / size) + rtol * abs(theirs))
            off = abs(mine - theirs)
            if off <= bound:
                continue
            count += 1
            if worst is None or not off <= worst[0]:
                at = tuple(int(i) for i in index)
                axis = "" if x.dtype.kind != "c" else ", real part" if unit == 1 else ", imaginary part"
                ratio = f", ratio {mine / theirs:.6g}" if theirs and math.isfinite(mine / theirs) else ""
                worst = (
                    off,
                    (
                        f"at element {at}{axis}: backward gives {mine:.10g}, differences give {theirs:.10g} (error "
                        f"{off:.3g}, allowed {bound:.3g}{ratio})." + _doubted(doubt / size, bound)
                    ),
                )
    if worst is not None:
        total = len(places) * (2 if x.dtype.kind == "c" else 1)
        raise GradientError(
            f"{function.name}: the gradient of {function.labels[k]}, shape {x.shape}, is wrong in {count} of {total} "
            f"elements looked at, worst {worst[1]} (seed {seed})"
        )


def gradgradcheck(
    f: Callable[..., Any], inputs: Any, grad_outputs: Any = None, *, eps: float | None = None,
    atol: float | None = None, rtol: float | None = None, seed: int = 0, directions: int = 2,
    raise_exception: bool = True,
) -> bool:  # fmt: skip
    """True if the backward of the backward of f is right; otherwise raise GradientError.

    The function checked takes the inputs and a cotangent for each output, and gives the gradients, recorded.
    grad_outputs: the cotangents at which to check; random if left out. The other arguments are gradcheck's.
    """
    gradients, arguments = _gradients_of(f, inputs, grad_outputs, seed)
    try:
        if arguments:
            _gradcheck(gradients, arguments, "gradgradcheck", eps, atol, rtol, seed, directions)
    except GradientError:
        if raise_exception:
            raise
        return False
    return True


def _gradients_of(
    f: Callable[..., Any], inputs: Any, grad_outputs: Any, seed: int
) -> tuple[Callable[..., Any], list[Any]]:
    """The function (inputs, cotangents) -> gradients, and where to check it; nowhere if there are no gradients."""
    function = _Function(f, inputs, "gradgradcheck")
    outs, _ = function.choose()
    outs = [t for t in outs if t.requires_grad]
    if not outs:
        return f, []  # no output depends on an input: there is no gradient to differentiate
    rng = np.random.default_rng(seed + 1)
    if grad_outputs is None:
        cotangents = [random_like(rng, t._data).astype(t.dtype) for t in outs]
    else:
        given = grad_outputs if isinstance(grad_outputs, (tuple, list)) else (grad_outputs,)
        cotangents = [np.array(raw(g)).astype(t.dtype) for g, t in zip(given, outs, strict=True)]
    chosen = function.chosen or []
    count = len(function.args)
    where = function.where

    def gradients(*args: Any) -> Any:
        produced = f(*args[:count])
        produced = list(produced) if isinstance(produced, (tuple, list)) else [produced]
        roots = [produced[k] for k in chosen]
        leaves = [args[i] for i in where]
        found = grad(roots, leaves, list(args[count:]), create_graph=True, allow_unused=True)
        return [Tensor(np.zeros(x.shape, x.dtype)) if g is None else g for g, x in zip(found, leaves, strict=True)]

    return gradients, [*function.args, *cotangents]


# -- the properties that every op must have ------------------------------------------------------------------


class _Case:
    """One sample of an op, drawn: its arguments, and which of them are differentiated."""

    def __init__(self, op: Op, sample: Sample, dtype: Any, seed: int) -> None:
        self.op, self.params = op, sample.params
        self.rng = np.random.default_rng([seed, len(op.name), *op.name.encode()])
        drawn = sample.draw(self.rng, dtype)
        self.args = tuple([hermitian_part(a) if op.input_name(i) in op.hermitian else a for i, a in enumerate(drawn)])
        self.where = [
            i for i, (a, d) in enumerate(zip(self.args, sample.args, strict=True))
            if isinstance(a, np.ndarray) and a.dtype.kind in "fc" and op.input_name(i) in op.rules
            and (isinstance(d, Draw) or op.rules[op.input_name(i)] is not None)
        ]  # fmt: skip
        self.values = [self.args[i] for i in self.where]

    def with_values(self, values: Sequence[Any]) -> list[Any]:
        args = list(self.args)
        for i, v in zip(self.where, values, strict=True):
            args[i] = v
        return args

    def f(self, *values: Any) -> Any:
        args = self.with_values(values)
        for i, name in enumerate(self.op.inputs):
            if name in self.op.hermitian:
                args[i] = hermitian_part(args[i])
        return self.op(*args, **self.params)

    def leaves(self) -> list[Tensor]:
        return [Tensor(v, requires_grad=True) for v in self.values]

    def recorded(self) -> tuple[list[Any], list[Tensor]]:
        """The outputs that require grad, and the leaves."""
        leaves = self.leaves()
        if not leaves:
            return [], []
        outs = _several(self.f(*leaves))
        return [t for t in outs if t.requires_grad], leaves

    def pulled(self, outs: list[Any], leaves: list[Tensor], u: list[Array], **options: Any) -> list[Any]:
        found = grad(outs, leaves, u, allow_unused=True, **options)
        return [np.zeros(x.shape, x.dtype) if g is None else g._data for g, x in zip(found, leaves, strict=True)]

    def cotangents(self, outs: list[Any]) -> list[Array]:
        return [np.asarray(random_like(self.rng, t._data)).astype(t.dtype) for t in outs]


def _several(x: Any) -> list[Any]:
    return list(x) if isinstance(x, (tuple, list)) else [x]


def _equal(a: Any, b: Any, what: str) -> None:
    """Raise unless two arrays agree in dtype, shape and every bit that counts."""
    if not isinstance(a, np.ndarray):
        raise GradientError(f"{what}: a {type(a).__name__} where an ndarray must be")
    b = np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        raise GradientError(f"{what}: {a.dtype} {a.shape}, but {b.dtype} {b.shape} was expected")
    if not np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"):
        off = largest([a.astype(complex) - b.astype(complex)])
        raise GradientError(f"{what}: the values differ, by up to {off:.3g}")


def _close(a: Any, b: Any, what: str) -> None:
    """Raise unless two arrays agree in dtype and shape, and in values to a few roundings."""
    if a.shape != b.shape or a.dtype != b.dtype:
        raise GradientError(f"{what}: {a.dtype} {a.shape}, but {b.dtype} {b.shape} was expected")
    if a.size and a.dtype.kind in "fc":
        bound = 64 * float(np.finfo(a.dtype).eps) * max(1.0, largest([b]))
        if not largest([a - b]) <= bound:
            raise GradientError(f"{what}: the values differ by {largest([a - b]):.3g}")


def _check_value(case: _Case) -> None:
    """Tensors in give Tensors out, with the values, dtypes and shapes that arrays in give."""
    expected = _several(case.op(*case.args, **case.params))
    for e in expected:
        if type(e) is not np.ndarray:
            raise GradientError(f"arrays in gave a {type(e).__name__} out; 0-d results must be ndarrays")
    every = [Tensor(a) if isinstance(a, np.ndarray) else a for a in case.args]
    for args in (every, case.with_values(case.leaves()) if case.where else every):
        for t, e in zip(_several(case.op(*args, **case.params)), expected, strict=True):
            if type(t) is not Tensor:
                raise GradientError(f"a Tensor in gave a {type(t).__name__} out")
            _equal(t.data, e, "value on Tensors against value on arrays")
    if isinstance(case.op.forward, np.ufunc):
        direct = case.op.forward(*case.args, **case.params)
        for e, d in zip(expected, _several(direct), strict=True):
            _equal(e, d, "value against NumPy")


def _check_first(case: _Case) -> None:
    """The gradient agrees with differences."""
    if case.where:
        _gradcheck(case.f, case.values, "gradcheck", directions=1)


def _check_second(case: _Case) -> None:
    """The gradient of the gradient, in the inputs and in g, agrees with differences in random directions."""
    if case.where:
        gradients, arguments = _gradients_of(case.f, case.values, None, 0)
        if arguments:
            _gradcheck(gradients, arguments, "gradgradcheck", elementwise=0)


def _check_linear(case: _Case) -> None:
    """The rules are linear in g."""
    outs, leaves = case.recorded()
    if not outs:
        return
    u, w = case.cotangents(outs), case.cotangents(outs)
    both = [np.asarray(2 * a - 3 * b) for a, b in zip(u, w, strict=True)]
    one, two, sum_ = [case.pulled(outs, leaves, g, retain_graph=True) for g in (u, w, both)]
    for a, b, c in zip(one, two, sum_, strict=True):
        bound = 256 * float(np.finfo(c.dtype).eps) * (1 + largest([a]) + largest([b]))
        if not largest([2 * a - 3 * b - c]) <= bound:
            raise GradientError(f"not linear in g: off by {largest([2 * a - 3 * b - c]):.3g}")


def _check_types(case: _Case) -> None:
    """Gradients are ndarrays of the input's shape and dtype, also where g is not contiguous; so are kept outputs."""
    outs, leaves = case.recorded()
    if not outs:
        return
    for t in outs:
        if type(t.data) is not np.ndarray:
            raise GradientError(f"t.data is a {type(t.data).__name__}")
    u = case.cotangents(outs)
    plain = grad(outs, leaves, u, allow_unused=True, retain_graph=True)
    recorded = grad(outs, leaves, u, allow_unused=True, create_graph=True)
    for g, again, x in zip(plain, recorded, leaves, strict=True):
        for one in (g, again):
            if one is not None and (type(one.data) is not np.ndarray or one.shape != x.shape or one.dtype != x.dtype):
                raise GradientError(f"the gradient is {one.dtype} {one.shape}, the input {x.dtype} {x.shape}")
        if g is not None and again is not None:
            _close(again._data, g._data, "the gradient when it is recorded")
    turned = [_layout(a, "reversed") for a in u]
    for a, b in zip(case.pulled(outs, leaves, turned), plain, strict=True):
        if b is not None:
            _close(a, b._data, "the gradient for a g of negative strides")


def _check_float32(case: _Case) -> None:
    """float32 in gives float32 out where it does in NumPy, and float32 gradients near the double ones."""
    singles = [a.astype(np.complex64 if a.dtype.kind == "c" else np.float32) for a in case.values]
    if not singles or "dtype" in case.params:
        return
    leaves = [Tensor(v, requires_grad=True) for v in singles]
    outs = _several(case.f(*leaves))
    others = [a for i, a in enumerate(case.args) if i not in case.where and isinstance(a, np.ndarray)]
    double = any(a.dtype in (np.float64, np.complex128) for a in others)
    for t in outs:
        if t.dtype in (np.float64, np.complex128) and not double:
            raise GradientError(f"float32 in gave {t.dtype} out")
    outs = [t for t in outs if t.requires_grad]
    if not outs:
        return
    u = case.cotangents(outs)
    for options in ({"retain_graph": True}, {"create_graph": True}):
        found = grad(outs, leaves, u, allow_unused=True, **options)
        exact_leaves = [Tensor(wide(v), requires_grad=True) for v in singles]
        exact = [t for t in _several(case.f(*exact_leaves)) if t.requires_grad]
        truth = grad(exact, exact_leaves, [wide(a) for a in u], allow_unused=True)
        for g, e, x in zip(found, truth, leaves, strict=True):
            if (g is None) != (e is None):
                raise GradientError("float32 and float64 differ in what has a gradient")
            if g is None:
                continue
            if g.dtype != x.dtype:
                raise GradientError(f"the gradient of a float32 input is {g.dtype}")
            if not largest([g._data - e._data]) <= 2e-4 * max(1.0, largest([e._data])):
                raise GradientError(f"the float32 gradient is off by {largest([g._data - e._data]):.3g}")


LAYOUTS = ("spaced", "reversed", "fortran", "readonly")


def _layout(a: Array, kind: str) -> Array:
    """The same values, laid out otherwise in memory."""
    if kind == "spaced":
        room = np.zeros(tuple(2 * n for n in a.shape), a.dtype)
        view = room[(slice(None, None, 2),) * a.ndim] if a.ndim else room
        view[...] = a
    elif kind == "reversed":
        back = (slice(None, None, -1),) * a.ndim
        view = np.ascontiguousarray(a[back]).reshape(a.shape)[back] if a.ndim else a.copy()
    elif kind == "fortran":
        view = np.asfortranarray(a).reshape(a.shape)
    else:
        view = a.copy()
        view.flags.writeable = False
    return view


def _check_layouts(case: _Case) -> None:
    """Strided, reversed, column-major and read-only arrays give the same values and gradients."""
    expected = _several(case.op(*case.args, **case.params))
    outs, leaves = case.recorded()
    u = case.cotangents(outs)
    truth = case.pulled(outs, leaves, u) if outs else []
    for kind in LAYOUTS:
        args = [_layout(a, kind) if isinstance(a, np.ndarray) else a for a in case.args]
        before = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
        for got, e in zip(_several(case.op(*args, **case.params)), expected, strict=True):
            _close(got, np.asarray(e), f"value for {kind} arrays")
        if outs:
            made = []
            for i in case.where:
                t = Tensor(0.0)
                t._set(args[i], t._leaf, False, None)  # type: ignore[arg-type]
                t.requires_grad = True
                args[i] = t
                made.append(t)
            again = [t for t in _several(case.op(*args, **case.params)) if t.requires_grad]
            for got, e in zip(case.pulled(again, made, u), truth, strict=True):
                _close(got, e, f"gradient for {kind} arrays")
        for a, b in zip(args, before, strict=True):
            if isinstance(b, np.ndarray):
                _equal(raw(a), b, f"an input, {kind}, after the call")


def _check_unchanged(case: _Case) -> None:
    """Neither the call nor its backward writes into the inputs, the outputs or g; a second backward gives the same."""
    before = [a.copy() if isinstance(a, np.ndarray) else a for a in case.args]
    leaves = []
    for v in case.values:
        t = Tensor(0.0)
        t._set(v, t._leaf, False, None)  # type: ignore[arg-type]
        t.requires_grad = True
        leaves.append(t)
    outs = [t for t in _several(case.f(*leaves)) if t.requires_grad] if leaves else []
    results = [t._data.copy() for t in outs]
    u = case.cotangents(outs)
    given = [a.copy() for a in u]
    if outs:
        one = [g.copy() for g in case.pulled(outs, leaves, u, retain_graph=True)]
        two = case.pulled(outs, leaves, u, retain_graph=True)
        for a, b in zip(one, two, strict=True):
            _equal(b, a, "the gradient of a second backward")
        others = [Tensor(np.zeros(t.shape, t.dtype), requires_grad=True) for t in outs]
        sums = [t + w for t, w in zip(outs, others, strict=True)]  # both terms are handed one g
        for g, a in zip(case.pulled(sums, [*others, *leaves], u)[: len(others)], u, strict=True):
            _equal(g, a, "the g that another op was handed too, after the backward")
    now_outs = [t._data for t in outs]
    for what, now, then in (("an input", case.args, before), ("an output", now_outs, results), ("g", u, given)):
        for a, b in zip(now, then, strict=True):
            if isinstance(b, np.ndarray):
                _equal(a, b, f"{what} after the backward")


def _check_kept(case: _Case) -> None:
    """A node keeps what the rules of the inputs that require grad name, and nothing more."""
    op = case.op
    fixed = len(op.inputs)
    for chosen in [case.where, *[[i] for i in case.where]] if case.where else []:
        args = [Tensor(a, requires_grad=True) if i in chosen else a for i, a in enumerate(case.args)]
        outs = [t for t in _several(op(*args, **case.params)) if t.requires_grad]
        if not outs:
            continue
        node = outs[0].node
        assert node is not None
        if node.op is not op:  # one of several outputs
            node = node.inputs[0]
        wanted = set().union(*[op.wants[op.input_name(i)] for i in chosen if op.rules[op.input_name(i)] is not None])
        names = {n for n in wanted if n in (*op.inputs, *op.outputs, *op.aux, op.variadic, f"other_{op.variadic}")}
        if op.variadic and f"other_{op.variadic}" in names and len(chosen) > 1:
            names = names - {f"other_{op.variadic}"} | {op.variadic}
        if set(node.plan.keeps) != names or len(node.kept) != len(names):
            raise GradientError(f"keeps {node.plan.keeps}, but its rules name {sorted(names)}")
        mine = [raw(a) for a in args]
        for source, value in zip(node.plan.sources, node.kept, strict=True):
            if source[0] == "in" and not _same(value, mine[source[1]]):
                raise GradientError(f"keeps a copy of {op.input_name(source[1])} instead of the array itself")
            if source[0] in ("all", "others"):
                for a, b in zip(value, mine[fixed:], strict=True):
                    if not (a is b or a is None or _same(a, b)):
                        raise GradientError(f"keeps a copy of one of {op.variadic}")


def _same(a: Any, b: Any) -> bool:
    return not isinstance(a, np.ndarray) or a is b or (a.size == 0) or np.shares_memory(a, b)


def _check_sizes(case: _Case) -> None:
    """An elementwise op takes arrays of no axes and empty ones."""
    if case.op.kind != "elementwise":
        return
    empty = any(isinstance(a, np.ndarray) and not a.size for a in case.args)
    for shape in [(), (0,), (2, 0)][empty:]:
        args = [
            a if not isinstance(a, np.ndarray) else np.zeros(shape, a.dtype) if shape else a.reshape(-1)[:1].reshape(())
            for a in case.args
        ]
        small = copy.copy(case)
        small.args, small.values = tuple(args), [args[i] for i in case.where]
        _check_value(small)
        outs, leaves = small.recorded()
        if outs:
            for g, x in zip(small.pulled(outs, leaves, small.cotangents(outs)), leaves, strict=True):
                if g.shape != x.shape or g.dtype != x.dtype:
                    raise GradientError(f"for shape {shape} the gradient is {g.dtype} {g.shape}, x {x.dtype} {x.shape}")


def _check_forward_mode(case: _Case) -> None:
    """Re <u, J v> is the same from the tape read forward and read backward."""
    from .forward import push  # only here: what is checked may be missing while the rest is not

    outs, leaves = case.recorded()
    if not outs:
        return
    u = case.cotangents(outs)
    v = [random_like(case.rng, x._data).astype(x.dtype) for x in leaves]
    pushed = [wide(raw(t)) for t in push(outs, leaves, v)]
    for t, p in zip(outs, pushed, strict=True):
        if p.shape != t.shape:
            raise GradientError(f"the tangent has shape {p.shape}, its output {t.shape}")
    pulled = case.pulled(outs, leaves, u)
    ahead, back = dot([wide(a) for a in u], pushed), dot(pulled, v)
    sizes = sum([float(np.sum(abs(wide(a)) * abs(b))) for a, b in zip(pulled, v, strict=True)])
    coarse = max([float(np.finfo(t.dtype).eps) for t in [*outs, *leaves]])
    if not abs(ahead - back) <= 1e4 * coarse * (1 + sizes):
        raise GradientError(f"forward mode gives {ahead:.10g}, backward {back:.10g} for the same <u, J v>")


PROPERTIES: dict[str, Callable[[_Case], None]] = {
    "value": _check_value,
    "first order": _check_first,
    "second order": _check_second,
    "unchanged": _check_unchanged,
    "linear in g": _check_linear,
    "types": _check_types,
    "float32": _check_float32,
    "layouts": _check_layouts,
    "kept": _check_kept,
    "sizes": _check_sizes,
    "forward mode": _check_forward_mode,
}


def check_property(op: Op | str, name: str, dtype: Any = np.float64, seed: int = 0) -> int:
    """Check one of PROPERTIES on all samples of an op; give their number, or raise GradientError naming the sample."""
    op = OPS[op] if isinstance(op, str) else op
    for k, sample in enumerate(op.samples):
        case = _Case(op, sample, dtype, seed)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                PROPERTIES[name](case)
        except Exception as error:
            shapes = [f"{a.dtype}{list(a.shape)}" if isinstance(a, np.ndarray) else repr(a) for a in case.args]
            shapes += [f"{key}={value!r}" for key, value in sample.params.items()]
            text = f"op {op.name}, sample {k}, {op.name}({', '.join(shapes)}): {name}: {type(error).__name__}: {error}"
            raise GradientError(text) from error
    return len(op.samples)


def check_complete(op: Op | str) -> None:
    """Raise GradientError unless the op has a docstring, samples, and a rule per input or a reason for none."""
    op = OPS[op] if isinstance(op, str) else op
    missing = [] if (op.__doc__ or "").strip() else ["a docstring"]
    if not op.samples:
        missing.append("samples (op.sample(...))")
    if not op.rules and not op.no_rule:
        missing.append("rules (op.vjp(...)), or op.without_rule(why)")
    if missing:
        raise GradientError(f"op {op.name} has not {' and not '.join(missing)}")


def hermitian_part(x: Any) -> Any:
    """(x + x^H) / 2 of matrices."""
    return (x + np.conjugate(np.swapaxes(x, -1, -2))) * 0.5


def takes_complex(op: Op) -> bool:
    """Whether the op runs on complex arrays, and any cotangent of its result has a sense."""
    if op.arbitrary is not None:
        return False
    for sample in op.samples:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                drawn = sample.draw(np.random.default_rng(0), np.complex128)
                if not any(isinstance(a, np.ndarray) and a.dtype.kind == "c" for a in drawn):
                    return False
                op(*drawn, **sample.params)
        except TypeError:
            return False
    return True


@dataclass(frozen=True)
class OpReport:
    """What `check_op` looked at; every property in it holds."""

    op: str
    dtype: str
    samples: int
    properties: tuple[str, ...]

    def __str__(self) -> str:
        return f"op {self.op}, {self.dtype}, {self.samples} samples: {', '.join(self.properties)}: all hold"


def check_op(op: Op | str, dtype: Any = np.float64) -> OpReport:
    """Check everything that the suite asks of an op, on all its samples; raise GradientError where it fails.

    Values on Tensors and arrays, first and second order against differences, linearity, dtypes and shapes, memory
    layouts, what is kept, that nothing is written in place, and forward mode.
    """
    op = OPS[op] if isinstance(op, str) else op
    check_complete(op)
    for name in PROPERTIES:
        check_property(op, name, dtype)
    return OpReport(op.name, np.dtype(dtype).name, len(op.samples), tuple(PROPERTIES))
