"""Losses: how far predictions are from targets, with torch.nn.functional's names, arguments and shapes.

Class labels are inputs of the ops and have no gradient; everything else that is an array has one.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..kernels import memory, threads
from ..kernels.softmax import below, softmax
from ..registry import ARRAY, Recorded, op, operand
from ..samples import between, distinct, ints, positive, real
from .activation import floats, log_softmax_op, number, reals_only, sigmoid_op, softplus_op
from .elementwise import (
    absolute,
    add,
    clip_op,
    divide,
    equal,
    exp,
    greater,
    greater_equal,
    log,
    log1p,
    logical_or,
    multiply,
    negative,
    sqrt,
    square,
    subtract,
    where_op,
)
from .index import getitem, take_along_op
from .reduce import mean_op, sum_op
from .structure import broadcast_to_op, cast, reshape_op

REDUCTIONS = ("mean", "sum", "none")
INF = math.inf


def _checked(reduction: Any, name: str, allowed: tuple[str, ...] = REDUCTIONS) -> str:
    if reduction not in allowed:
        raise ValueError(f"{name}: reduction {reduction!r} is not one of {', '.join(map(repr, allowed))}")
    return str(reduction)


def _reduced(losses: Any, reduction: str) -> Any:
    """The mean or the sum of all losses, or the losses; the mean of none is nan, without a warning."""
    if reduction == "none":
        return losses
    axes = tuple(range(losses.ndim))
    if reduction == "sum":
        return sum_op(losses, axis=axes)
    if losses.size == 0:
        return multiply(sum_op(losses, axis=axes), math.nan)
    return mean_op(losses, axis=axes)


# -- squares and distances -------------------------------------------------------------------------------------


@op(None)
def squared_error(x, y, *, reduction):
    """The mean or the sum of (x - y)**2 over all elements, x and y of one shape."""
    d = np.subtract(x, y).ravel()
    with threads.blas_alone():
        out = np.dot(d, d)
    if reduction == "sum":
        return out
    return out / d.size if d.size else out * np.nan


def _squared_rule(g: Any, x: Any, y: Any, reduction: str) -> Any:
    scale = 2.0 if reduction == "sum" else 2.0 / x.size if x.size else math.nan
    return multiply(subtract(x, y), multiply(g, scale))


squared_error.vjp(x=_squared_rule, y=lambda g, x, y, reduction: negative(_squared_rule(g, x, y, reduction)))
squared_error.sample(real(3, 4), real(3, 4), reduction="mean").sample(real(), real(), reduction="mean")
squared_error.sample(real(3), real(3), reduction="sum").sample(real(0), real(0), reduction="sum")


@op("elementwise")
def huber_op(x, *, delta=1.0):
    """x**2 / 2 within delta of 0, else delta * (|x| - delta / 2)."""
    a = np.abs(x)
    return np.where(a <= delta, 0.5 * np.square(np.minimum(a, delta)), delta * (a - 0.5 * delta))


huber_op.vjp(x=lambda g, x, delta: multiply(g, clip_op(x, -delta, delta)))
huber_op.sample(distinct(3, 4)).sample(distinct(5), delta=0.73).sample(real()).sample(real(0, 2))

# -- class labels ----------------------------------------------------------------------------------------------


def class_axis(ndim: int) -> int:
    """Scores are (C,) or (N, C, ...)."""
    return 0 if ndim == 1 else 1


def _safe_labels(name: str, shape: tuple[int, ...], target: Any, ignore_index: int) -> tuple[Any, Any]:
    """Labels with 0 where they are to be ignored, and where they are not (None: everywhere).

    Raises IndexError if a label is no class.
    """
    classes = shape[class_axis(len(shape))]
    if target.size == 0:
        return target, None
    if not (target.min() >= 0 and target.max() < classes):
        wrong = (target != ignore_index) & ((target < 0) | (target >= classes))
        if wrong.any():
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            at = f" at position {place[0] if len(place) == 1 else place}" if place else ""
            raise IndexError(
                f"{name}: the label {int(target[place])}{at} is no class; the {classes} classes of input {shape} are "
                f"0 to {classes - 1}, and ignore_index={ignore_index} leaves a label out"
            )
    elif not 0 <= ignore_index < classes:
        return target, None
    valid = target != ignore_index
    return (target, None) if valid.all() else (np.where(valid, target, 0), valid)


def _pick(x: Any, labels: Any) -> Any:
    """The entries of x (N, C, ...) at labels (N, ...)."""
    if x.ndim == 2:
        return x[np.arange(len(x)), labels]
    axis = class_axis(x.ndim)
    return np.take_along_axis(x, np.expand_dims(labels, axis), axis).reshape(labels.shape)


def _put(x: Any, labels: Any, values: Any) -> None:
    """The values added to x (N, C, ...) at labels (N, ...)."""
    if x.ndim == 2:
        x[np.arange(len(x)), labels] += values
    else:
        axis = class_axis(x.ndim)
        place = np.expand_dims(labels, axis)
        values = np.broadcast_to(values, labels.shape)
        np.put_along_axis(x, place, np.take_along_axis(x, place, axis) + np.expand_dims(values, axis), axis)


class _Targets:
    """What each class of each sample weighs in the loss: `hit` at the label, and `soft` times `on` at every class.

    `mass` is the sum of both over the classes. Where all samples weigh the same, hit and mass are one number.
    """

    def __init__(
        self, name: str, shape: tuple[int, ...], dtype: Any, target: Any, weight: Any, ignore_index: int,
        reduction: str, label_smoothing: float,
    ) -> None:  # fmt: skip
        axis = class_axis(len(shape))
        self.labels, self.valid = _safe_labels(name, shape, target, ignore_index)
        alike = np.ndim(weight) == 0
        self.on: Any = None
        self.soft: Any = None
        if alike and self.valid is None and not label_smoothing:
            self.hit = self.mass = np.asarray(1 / target.size if reduction == "mean" and target.size else 1, dtype)
            return
        hit = np.ones(target.shape, dtype) if alike else np.asarray(weight[self.labels], dtype)
        on = np.ones((), dtype)
        if self.valid is not None:
            on = self.valid.astype(dtype)
            hit = hit * on
        if reduction == "mean":
            total = np.asarray(np.add.reduce(hit, axis=None), dtype)
            with np.errstate(divide="ignore", invalid="ignore"):
                hit, on = np.divide(hit, total), np.divide(on, total)
            if self.valid is not None:
                hit, on = np.where(self.valid, hit, 0), np.where(self.valid, on, 0)
        self.hit = np.asarray(hit, dtype)
        self.mass = self.hit
        if label_smoothing:
            self.hit = np.asarray(hit * (1 - label_smoothing), dtype)
            self.soft = np.full(shape[axis], label_smoothing / shape[axis], dtype)
            self.soft *= weight
            self.mass = np.asarray(self.hit + on * self.soft.sum(), dtype)
            self.soft = self.soft.reshape((-1,) + (1,) * (len(shape) - 1 - axis))
        self.on = np.broadcast_to(on, target.shape)

    def reduced(self, losses: Any, reduction: str) -> Any:
        """The losses, 0 where ignored (whatever the score there), or their sum; the mean of none is nan."""
        if reduction == "mean" and (not losses.size or (self.valid is not None and not self.valid.any())):
            return np.full((), np.nan, losses.dtype)
        losses = losses if self.valid is None else np.where(self.valid, losses, 0)
        return losses if reduction == "none" else np.add.reduce(losses, axis=None)


@op(None, outputs=("out", "p"))
def cross_entropy_op(x, target, weight, *, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """Scores x (N, C, ...) and labels (N, ...) -> -weight * log softmax(x) at the labels, reduced; and the softmax p.

    weight is one number for each class, or 1. With label smoothing e, the target is 1 - e at the label, and e / C
    at every class besides. A mean is over the weights of the labels that count.
    """
    axis = class_axis(x.ndim)
    to = _Targets("cross_entropy", x.shape, x.dtype, target, weight, ignore_index, reduction, label_smoothing)
    p, best, total = softmax(x, (axis,))
    with np.errstate(invalid="ignore", divide="ignore"):
        norm = np.log(total).reshape(target.shape)
        out = (norm - below(_pick(x, to.labels), best.reshape(target.shape))) * to.hit
        if to.soft is not None:
            spread = np.add.reduce(below(x, best) * to.soft, axis=axis)
            out = out + (norm * to.soft.sum() - spread) * to.on
    return to.reduced(out, reduction), p


@op(None)
def cross_entropy_pull(c, p, target, weight, *, ignore_index, reduction, label_smoothing):
    """The cotangent c of cross_entropy and its softmax p (N, C, ...) -> c * (p * the sum of the targets - targets)."""
    axis = class_axis(p.ndim)
    to = _Targets("cross_entropy", p.shape, p.dtype, target, weight, ignore_index, reduction, label_smoothing)
    c = np.asarray(c, p.dtype)
    mass = np.asarray(c * to.mass)
    out = np.multiply(p, np.expand_dims(mass, axis) if mass.ndim else mass, memory.empty(p.shape, p.dtype))
    if to.soft is not None:
        out -= np.expand_dims(c * to.on, axis) * to.soft
    _put(out, to.labels, np.negative(c * to.hit))
    return out


def _is_zero(g: Any) -> bool:
    """Whether a cotangent is a constant zero: the other output alone was used."""
    if isinstance(g, Recorded):
        if g.requires_grad:
            return False
        g = g._data
    if not any(g.strides):  # how the engine hands over an absent cotangent
        return not g.size or not g.flat[0]
    return not g.size or bool(g.max() == 0 and g.min() == 0)  # far quicker than g.any()


def _cross_entropy_rule(
    g: Any, p: Any, target: Any, weight: Any, ignore_index: int, reduction: str, label_smoothing: float
) -> Any:
    c, h = g
    out = cross_entropy_pull(
        c, p, target, weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing
    )
    if _is_zero(h):
        return out
    h = multiply(h, p)
    return add(out, subtract(h, multiply(p, sum_op(h, axis=(class_axis(p.ndim),), keepdims=True))))


def _pull_rule_c(
    g: Any, p: Any, target: Any, weight: Any, c_shape: Any, ignore_index: int, reduction: str, label_smoothing: float
) -> Any:
    slope = cross_entropy_pull(
        np.ones(c_shape, g.dtype), p, target, weight, ignore_index=ignore_index, reduction=reduction,
        label_smoothing=label_smoothing,
    )  # fmt: skip
    return sum_op(multiply(g, slope), axis=(class_axis(p.ndim),) if reduction == "none" else tuple(range(p.ndim)))


def _pull_rule_p(
    g: Any, c: Any, target: Any, weight: Any, p_shape: Any, ignore_index: int, reduction: str, label_smoothing: float
) -> Any:
    targets = cross_entropy_pull(  # with p = 0 it is less the targets
        c, np.zeros(p_shape, g.dtype), target, weight, ignore_index=ignore_index, reduction=reduction,
        label_smoothing=label_smoothing,
    )  # fmt: skip
    return multiply(g, negative(sum_op(targets, axis=(class_axis(len(p_shape)),), keepdims=True)))


cross_entropy_op.vjp(x=_cross_entropy_rule)
cross_entropy_pull.vjp(c=_pull_rule_c, p=_pull_rule_p)
cross_entropy_op.sample(real(3, 4), ints(0, 4, 3), 1.0).sample(real(4), ints(0, 4), 1.0, label_smoothing=0.1)
cross_entropy_op.sample(real(2, 4, 3), ints(0, 4, 2, 3), positive(4), reduction="none", label_smoothing=0.2)
cross_entropy_op.sample(real(5, 3), np.array([0, -1, 2, -1, 0]), np.array([0.5, 1.0, 2.0]), ignore_index=-1)
cross_entropy_op.sample(real(0, 3), np.zeros(0, np.intp), 1.0, reduction="sum")
cross_entropy_pull.sample(
    real(), positive(3, 4), ints(0, 4, 3), 1.0, ignore_index=-100, reduction="mean", label_smoothing=0.1
)
cross_entropy_pull.sample(
    real(2, 3), positive(2, 4, 3), ints(0, 4, 2, 3), np.array([0.5, 1.0, 2.0, 0.1]), ignore_index=-100,
    reduction="none", label_smoothing=0.0,
)  # fmt: skip


@op("linear")
def nll_loss_op(x, target, weight, *, ignore_index=-100, reduction="mean"):
    """Log-probabilities x (N, C, ...) and labels (N, ...) -> -weight * x at the labels, reduced."""
    to = _Targets("nll_loss", x.shape, x.dtype, target, weight, ignore_index, reduction, 0.0)
    with np.errstate(invalid="ignore"):
        out = np.asarray(np.negative(_pick(x, to.labels) * to.hit))
    return to.reduced(out, reduction)


@op("linear")
def nll_loss_pull(c, target, weight, *, ignore_index, reduction, shape):
    """The cotangent c of nll_loss -> -c * weight at the labels, and zeros elsewhere, of `shape` (N, C, ...)."""
    to = _Targets("nll_loss", shape, c.dtype, target, weight, ignore_index, reduction, 0.0)
    out = np.zeros(shape, c.dtype)
    _put(out, to.labels, np.negative(c * to.hit))
    return out


nll_loss_op.vjp(
    x=lambda g, target, weight, ignore_index, reduction, x_shape: nll_loss_pull(
        g, target, weight, ignore_index=ignore_index, reduction=reduction, shape=x_shape
    )
)
nll_loss_pull.vjp(
    c=lambda g, target, weight, ignore_index, reduction: nll_loss_op(
        g, target, weight, ignore_index=ignore_index, reduction=reduction
    )
)
nll_loss_op.sample(real(3, 4), ints(0, 4, 3), 1.0).sample(real(4), ints(0, 4), np.array([0.5, 1.0, 2.0, 0.1]))
nll_loss_op.sample(real(2, 4, 3), ints(0, 4, 2, 3), positive(4), reduction="none")
nll_loss_op.sample(real(5, 3), np.array([0, -1, 2, -1, 0]), 1.0, ignore_index=-1, reduction="sum")
nll_loss_pull.sample(real(), ints(0, 4, 3), 1.0, ignore_index=-100, reduction="mean", shape=(3, 4))
nll_loss_pull.sample(real(2, 3), ints(0, 4, 2, 3), positive(4), ignore_index=2, reduction="none", shape=(2, 4, 3))

# -- probabilities and scores of yes or no ---------------------------------------------------------------------


@op("elementwise")
def binary_cross_entropy_op(x, target):
    """-(target * log x + (1 - target) * log(1 - x)), the logarithms held at -100 and above."""
    with np.errstate(divide="ignore"):
        yes, no = np.maximum(np.log(x), -100), np.maximum(np.log1p(np.negative(x)), -100)
    return (target - 1) * no - target * yes


binary_cross_entropy_op.vjp(
    x=lambda g, x, target: multiply(g, divide(subtract(x, target), clip_op(multiply(subtract(1.0, x), x), 1e-12, INF))),
    target=lambda g, x: multiply(g, subtract(clip_op(log1p(negative(x)), -100.0, INF), clip_op(log(x), -100.0, INF))),
)
binary_cross_entropy_op.sample(between(0.1, 0.9, 3, 4), between(0, 1, 3, 4)).sample(between(0.1, 0.9), between(0, 1))
binary_cross_entropy_op.sample(between(0.1, 0.9, 3, 1), between(0, 1, 4)).sample(real(0, 2), real(0, 2))


@op("elementwise")
def binary_cross_entropy_with_logits_op(x, target, pos_weight):
    """-(pos_weight * target * log sigmoid(x) + (1 - target) * log(1 - sigmoid(x))), without overflow."""
    rest = np.log1p(np.exp(-np.abs(x)))  # softplus(x) - max(x, 0)
    with np.errstate(invalid="ignore"):
        yes = target * pos_weight * (np.maximum(np.negative(x), 0) + rest)
        no = (1 - target) * (np.maximum(x, 0) + rest)
    if np.isinf(x).any():
        yes, no = np.where(target == 0, 0, yes), np.where(target == 1, 0, no)
    return yes + no


def _logits_rule(g: Any, x: Any, target: Any, pos_weight: Any) -> Any:
    s = sigmoid_op(x)
    if type(pos_weight) is float and pos_weight == 1:
        return multiply(g, subtract(s, target))
    yes = multiply(target, pos_weight)
    return multiply(g, subtract(multiply(s, add(subtract(1.0, target), yes)), yes))


binary_cross_entropy_with_logits_op.vjp(
    x=_logits_rule,
    target=lambda g, x, pos_weight: multiply(
        g, subtract(multiply(pos_weight, softplus_op(negative(x))), softplus_op(x))
    ),
    pos_weight=lambda g, x, target: multiply(g, multiply(target, softplus_op(negative(x)))),
)
binary_cross_entropy_with_logits_op.sample(real(3, 4), between(0, 1, 3, 4), 1.0).sample(real(), between(0, 1), 1.0)
binary_cross_entropy_with_logits_op.sample(real(3, 4), between(0, 1, 3, 4), positive(4)).sample(real(0), real(0), 1.0)

# -- between distributions -------------------------------------------------------------------------------------


@op("elementwise")
def kl_div_op(x, target):
    """target * (log target - x), with log-probabilities x; 0 where the target is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.equal(target, 0), 0, target * np.log(target)) - target * x


@op("elementwise")
def kl_div_log_op(x, target):
    """e**target * (target - x), with log-probabilities x and target; 0 where the target is -inf."""
    with np.errstate(invalid="ignore"):
        return np.where(np.equal(target, -np.inf), 0, np.exp(target) * np.subtract(target, x))


kl_div_op.vjp(
    x=lambda g, target: negative(multiply(g, target)),
    target=lambda g, x, target: multiply(g, add(log(target), subtract(1.0, x))),
)
kl_div_log_op.vjp(
    x=lambda g, target: negative(multiply(g, exp(target))),
    target=lambda g, out, target: multiply(g, add(out, exp(target))),
)
for _kl in (kl_div_op, kl_div_log_op):
    _kl.sample(real(3, 4), positive(3, 4)).sample(real(), positive()).sample(real(3, 1), positive(4))
    _kl.sample(real(0), real(0))

reals_only(
    squared_error, huber_op, cross_entropy_op, cross_entropy_pull, nll_loss_op, nll_loss_pull, binary_cross_entropy_op,
    binary_cross_entropy_with_logits_op, kl_div_op, kl_div_log_op,
)  # fmt: skip

# -- public functions: pairs -----------------------------------------------------------------------------------


def _pair(input: Any, target: Any, name: str, same: bool = False) -> tuple[Any, Any]:
    """Two arrays of floats, of one shape (`same`), or that broadcast, which is said when it happens."""
    x, y = floats(input, name), floats(target, name)
    if x.shape != y.shape:
        try:
            np.broadcast_shapes(x.shape, y.shape)
            fits = not same
        except ValueError:
            fits = False
        hint = "reshape one of them" + (", as in target[:, None]" if x.ndim == y.ndim + 1 else "")
        if not fits:
            raise ValueError(f"{name}: input {x.shape} and target {y.shape} differ in shape; {hint}")
        warnings.warn(
            f"{name}: input {x.shape} and target {y.shape} differ in shape and are broadcast; if not meant, {hint}",
            stacklevel=3,
        )
    return x, y


def _scaled(losses: Any, weight: Any, name: str) -> Any:
    """The losses times a weight of each."""
    if weight is None:
        return losses
    weight = floats(weight, name)
    try:
        fits = np.broadcast_shapes(weight.shape, losses.shape) == losses.shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{name}: weight {weight.shape} does not broadcast to the losses {losses.shape}")
    return multiply(losses, weight)


def mse_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Any:
    """(input - target)**2, of one shape, reduced; a weighted mean is divided by the sum of the weights."""
    _checked(reduction, "mse_loss")
    x, y = _pair(input, target, "mse_loss")
    if reduction != "none" and weight is None and x.shape == y.shape and x.dtype == y.dtype:
        return squared_error(x, y, reduction=reduction)
    return _weighted(square(subtract(x, y)), weight, reduction, "mse_loss")


def _weighted(losses: Any, weight: Any, reduction: str, name: str) -> Any:
    if weight is None:
        return _reduced(losses, reduction)
    if reduction == "mean":
        wide = broadcast_to_op(floats(weight, name), shape=losses.shape)
        return divide(_reduced(_scaled(losses, weight, name), "sum"), _reduced(wide, "sum"))
    return _reduced(_scaled(losses, weight, name), reduction)


def l1_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Any:
    """|input - target|, of one shape, reduced; where they are equal the gradient is 0."""
    _checked(reduction, "l1_loss")
    x, y = _pair(input, target, "l1_loss")
    return _weighted(absolute(subtract(x, y)), weight, reduction, "l1_loss")


def smooth_l1_loss(input: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    """With d = |input - target|: d**2 / (2 beta) where d is below beta, else d - beta / 2."""
    _checked(reduction, "smooth_l1_loss")
    beta = number(beta, "smooth_l1_loss", "beta")
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta must be at least 0, got {beta:g}")
    x, y = _pair(input, target, "smooth_l1_loss")
    if beta == 0:
        return _reduced(absolute(subtract(x, y)), reduction)
    losses = huber_op(subtract(x, y), delta=beta)
    return _reduced(losses if beta == 1 else multiply(losses, 1.0 / beta), reduction)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    """With d = |input - target|: d**2 / 2 where d is at most delta, else delta * (d - delta / 2).

    A mean is over the elements, also of weighted losses, as in torch (but not in its mse_loss).
    """
    _checked(reduction, "huber_loss")
    delta = number(delta, "huber_loss", "delta")
    if not delta > 0:
        raise ValueError(f"huber_loss: delta must be larger than 0, got {delta:g}")
    x, y = _pair(input, target, "huber_loss")
    return _reduced(_scaled(huber_op(subtract(x, y), delta=delta), weight, "huber_loss"), reduction)


def binary_cross_entropy(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """-(target * log input + (1 - target) * log(1 - input)) of probabilities, the logarithms held at -100 and above.

    Raises ValueError if an input is not between 0 and 1.
    """
    _checked(reduction, "binary_cross_entropy")
    x, y = _pair(input, target, "binary_cross_entropy", same=True)
    data = x._data if isinstance(x, Recorded) else x
    if data.size and not (data.min() >= 0 and data.max() <= 1) and not np.isnan(data).any():
        raise ValueError(
            f"binary_cross_entropy: input must lie between 0 and 1, but goes from {data.min():g} to {data.max():g}; "
            "of scores take the sigmoid first, or binary_cross_entropy_with_logits"
        )
    return _reduced(_scaled(binary_cross_entropy_op(x, y), weight, "binary_cross_entropy"), reduction)


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """The binary cross entropy of sigmoid(input), without overflow; pos_weight multiplies the part of the target."""
    name = "binary_cross_entropy_with_logits"
    _checked(reduction, name)
    x, y = _pair(input, target, name, same=True)
    if pos_weight is None:
        losses = binary_cross_entropy_with_logits_op(x, y, 1.0)
    else:
        pos_weight = floats(pos_weight, name)
        losses = binary_cross_entropy_with_logits_op(x, y, pos_weight)
        if losses.shape != x.shape:
            raise ValueError(f"{name}: pos_weight {pos_weight.shape} does not broadcast to input {x.shape}")
    return _reduced(_scaled(losses, weight, name), reduction)


def kl_div(input: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """target * (log target - input), where input (and with log_target also target) holds log-probabilities.

    reduction 'batchmean' is the sum over the length of the first axis, which is the divergence's definition.
    """
    _checked(reduction, "kl_div", (*REDUCTIONS, "batchmean"))
    x, y = _pair(input, target, "kl_div")
    losses = (kl_div_log_op if log_target else kl_div_op)(x, y)
    if reduction != "batchmean":
        return _reduced(losses, reduction)
    count = x.shape[0] if x.ndim else 1
    return multiply(_reduced(losses, "sum"), 1.0 / count if count else math.nan)


def _above(x: Any) -> Any:
    """x where positive, else 0; at 0 the gradient passes, as in torch.clamp."""
    return clip_op(x, 0.0, INF)


def hinge_embedding_loss(input: Any, target: Any, margin: float = 1.0, reduction: str = "mean") -> Any:
    """input where the target is 1, max(0, margin - input) where it is -1."""
    name = "hinge_embedding_loss"
    _checked(reduction, name)
    x, y = _pair(input, target, name)
    apart = where_op(equal(y, 1), 0.0, _above(subtract(number(margin, name, "margin"), x)))
    return _reduced(add(where_op(equal(y, -1), 0.0, x), apart), reduction)


def margin_ranking_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean") -> Any:
    """max(0, margin - target * (input1 - input2)): a target of 1 wants the first larger, -1 the second."""
    name = "margin_ranking_loss"
    _checked(reduction, name)
    a, b = floats(input1, name), floats(input2, name)
    y = floats(target, name)
    if not a.ndim == b.ndim == y.ndim:
        raise ValueError(
            f"{name}: inputs and target must have as many axes, got {a.shape}, {b.shape} and target {y.shape}"
        )
    gap = add(multiply(negative(y), subtract(a, b)), number(margin, name, "margin"))
    return _reduced(_above(gap), reduction)


def soft_margin_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """log(1 + e**(-target * input)) with targets 1 and -1, without overflow."""
    _checked(reduction, "soft_margin_loss")
    x, y = _pair(input, target, "soft_margin_loss")
    return _reduced(softplus_op(negative(multiply(y, x))), reduction)


def poisson_nll_loss(
    input: Any, target: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
) -> Any:
    """e**input - target * input; of rates (log_input=False) input - target * log(input + eps).

    full: with Stirling's approximation of log(target!) for targets above 1.
    """
    name = "poisson_nll_loss"
    _checked(reduction, name)
    x, y = _pair(input, target, name)
    if log_input:
        losses = subtract(exp(x), multiply(y, x))
    else:
        losses = subtract(x, multiply(y, log(add(x, number(eps, name, "eps")))))
    if full:
        safe = where_op(greater(y, 1), y, 1.0)
        tail = add(subtract(multiply(safe, log(safe)), safe), multiply(log(multiply(safe, 2 * math.pi)), 0.5))
        losses = add(losses, where_op(greater(y, 1), tail, 0.0))
    return _reduced(losses, reduction)


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """(log var + (input - target)**2 / var) / 2, with var of the input's shape, or 1 (or missing) in its last axis.

    A variance below eps counts as eps, and its gradient is what it would be there. full: with log(2 pi) / 2.
    """
    name = "gaussian_nll_loss"
    _checked(reduction, name)
    x, y = _pair(input, target, name)
    var, eps = floats(var, name), number(eps, name, "eps")
    if var.shape != x.shape and var.ndim:
        if var.shape == x.shape[:-1]:
            var = reshape_op(var, shape=(*var.shape, 1))
        elif var.ndim != x.ndim or var.shape[:-1] != x.shape[:-1] or var.shape[-1] != 1:
            raise ValueError(f"{name}: var {var.shape} does not fit input {x.shape}; give it or a last axis of 1")
    raw = var._data if isinstance(var, Recorded) else var
    if (raw < 0).any():
        raise ValueError(f"{name}: var has negative entries, the lowest {raw.min():g}; a variance cannot be negative")
    var = add(var, np.asarray(np.maximum(eps - raw, 0), var.dtype))
    losses = multiply(add(log(var), divide(square(subtract(x, y)), var)), 0.5)
    if full:
        losses = add(losses, 0.5 * math.log(2 * math.pi))
    return _reduced(losses, reduction)


# -- public functions: classes ---------------------------------------------------------------------------------


def _labels(x: Any, target: Any, name: str) -> Any:
    """Labels of classes as an operand of integers, whose shape fits the scores x."""
    if not x.ndim >= 1:
        raise ValueError(f"{name}: input has no axes; scores are (C,), (N, C) or (N, C, ...)")
    wanted = () if x.ndim == 1 else (x.shape[0], *x.shape[2:])
    target = operand(target, name)
    if target.shape != wanted:
        what = f"labels of shape {wanted}"
        if name == "cross_entropy":
            what += f", or probabilities of shape {x.shape}"
        hint = ""
        if target.ndim == 2 and target.shape == (*wanted, 1):
            hint = "; take target[:, 0]"
        raise ValueError(f"{name}: input {x.shape} needs {what}, but target has shape {target.shape}{hint}")
    if target.dtype.kind not in "iu":
        if target.size == 0 and not isinstance(target, Recorded):
            return target.astype(np.intp)
        raise TypeError(
            f"{name}: labels must be integers, but target {target.shape} has dtype {target.dtype}; write "
            f"target.astype(int)" + (f", or give probabilities of shape {x.shape}" if name == "cross_entropy" else "")
        )
    if x.shape[class_axis(x.ndim)] == 0 and target.size:
        raise ValueError(f"{name}: input {x.shape} has no classes")
    return target


def _class_weight(x: Any, weight: Any, name: str) -> Any:
    """The weights of the classes in the dtype of x; 1.0 if there are none."""
    if weight is None:
        return 1.0
    weight = floats(weight, name)
    classes = x.shape[class_axis(x.ndim)]
    if weight.shape != (classes,):
        raise ValueError(
            f"{name}: weight must have one entry for each of the {classes} classes, got shape {weight.shape} "
            f"(input {x.shape})"
        )
    return weight if weight.dtype == x.dtype else cast(weight, dtype=x.dtype)


def _composed(x: Any, target: Any, weight: Any, ignore_index: int, reduction: str, label_smoothing: float) -> Any:
    """Of log-probabilities x: what the fused ops compute, from small ops that also give the weight its gradient."""
    axis = class_axis(x.ndim)
    raw = target._data if isinstance(target, Recorded) else target
    labels, valid = _safe_labels("cross_entropy", x.shape, raw, ignore_index)
    place = np.expand_dims(labels, axis)
    picked = reshape_op(take_along_op(x, place, axis=axis), shape=raw.shape)
    on: Any = True if valid is None else valid
    alike = type(weight) is float
    w = where_op(on, 1.0 if alike else getitem(weight, labels, index=(ARRAY,)), np.zeros(raw.shape, x.dtype))
    losses = where_op(on, negative(multiply(picked, w)), 0.0)
    if label_smoothing:
        each = weight if alike else reshape_op(weight, shape=(-1,) + (1,) * (x.ndim - 1 - axis))
        spread = negative(sum_op(multiply(x, each), axis=(axis,)))
        spread = where_op(on, multiply(spread, label_smoothing / x.shape[axis]), 0.0)
        losses = add(multiply(losses, 1.0 - label_smoothing), spread)
    if reduction != "mean":
        return _reduced(losses, reduction)
    return divide(_reduced(losses, "sum"), _reduced(w, "sum"))


def cross_entropy(
    input: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:  # fmt: skip
    """Scores (C,) or (N, C, ...) and labels () or (N, ...) -> -log softmax(scores) at the labels, reduced.

    target may also hold a probability for each class, in the shape of the input. weight: one number for each class;
    a mean over labels is divided by the sum of theirs. Labels equal to ignore_index do not count.
    Raises IndexError if a label is no class.
    """
    name = "cross_entropy"
    _checked(reduction, name)
    x = floats(input, name)
    label_smoothing, ignore_index = number(label_smoothing, name, "label_smoothing"), int(ignore_index)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing must lie between 0 and 1, got {label_smoothing:g}")
    target = operand(target, name)
    if target.shape == x.shape and x.ndim:
        return _with_probabilities(x, target, weight, ignore_index, reduction, label_smoothing)
    target = _labels(x, target, name)
    weight = _class_weight(x, weight, name)
    if isinstance(weight, Recorded) and weight.requires_grad:
        scores = log_softmax_op(x, axis=(class_axis(x.ndim),))
        return _composed(scores, target, weight, ignore_index, reduction, label_smoothing)
    out, _ = cross_entropy_op(
        x, target, weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing
    )
    return out


def _with_probabilities(
    x: Any, target: Any, weight: Any, ignore_index: int, reduction: str, label_smoothing: float
) -> Any:
    name = "cross_entropy"
    if target.dtype.kind != "f":
        axis = class_axis(x.ndim)
        labels = tuple(n for i, n in enumerate(x.shape) if i != axis)
        raise TypeError(
            f"{name}: target {target.shape} has the shape of input, so it holds probabilities and must be of floats, "
            f"but its dtype is {target.dtype}; labels would have shape {labels}, as from one_hot.argmax({axis})"
        )
    if ignore_index >= 0:
        raise ValueError(f"{name}: ignore_index={ignore_index} is for labels; to ignore a sample, give it zeros")
    axis = class_axis(x.ndim)
    weight = _class_weight(x, weight, name)
    if label_smoothing:
        target = add(multiply(target, 1.0 - label_smoothing), label_smoothing / x.shape[axis])
    if type(weight) is not float:
        target = multiply(target, reshape_op(weight, shape=(-1,) + (1,) * (x.ndim - 1 - axis)))
    losses = negative(sum_op(multiply(log_softmax_op(x, axis=(axis,)), target), axis=(axis,)))
    return _reduced(losses, reduction)


def nll_loss(input: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> Any:
    """Log-probabilities (C,), (N, C) or (N, C, ...) and labels (), (N,) or (N, ...) -> -input at the labels, reduced.

    weight: one number for each class; a mean is divided by the sum of the labels'. Raises IndexError if a label is
    no class.
    """
    _checked(reduction, "nll_loss")
    x = floats(input, "nll_loss")
    target, weight = _labels(x, target, "nll_loss"), _class_weight(x, weight, "nll_loss")
    if isinstance(weight, Recorded) and weight.requires_grad:
        return _composed(x, target, weight, int(ignore_index), reduction, 0.0)
    return nll_loss_op(x, target, weight, ignore_index=int(ignore_index), reduction=reduction)


def multi_margin_loss(
    input: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean"
) -> Any:
    """Scores (C,) or (N, C) and labels -> the sum over other classes of max(0, margin - x[label] + x)**p, over C."""
    name = "multi_margin_loss"
    _checked(reduction, name)
    x = floats(input, name)
    if x.ndim not in (1, 2):
        raise ValueError(f"{name}: input must be (C,) or (N, C), got shape {x.shape}")
    if p not in (1, 2):
        raise ValueError(f"{name}: p must be 1 or 2, got {p}")
    target, weight = _labels(x, target, name), _class_weight(x, weight, name)
    axis = x.ndim - 1
    raw = target._data if isinstance(target, Recorded) else target
    _safe_labels(name, x.shape, raw, -1 - x.shape[axis])
    place = np.expand_dims(raw, axis)
    gap = add(subtract(x, take_along_op(x, place, axis=axis)), number(margin, name, "margin"))
    gap = where_op(logical_or(equal(np.arange(x.shape[axis]), place), greater_equal(0.0, gap)), 0.0, gap)
    gap = square(gap) if p == 2 else gap
    if type(weight) is not float:
        gap = multiply(gap, reshape_op(getitem(weight, raw, index=(ARRAY,)), shape=place.shape))
    return _reduced(multiply(sum_op(gap, axis=(axis,)), 1.0 / max(x.shape[axis], 1)), reduction)


def cosine_embedding_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean") -> Any:
    """Rows (N, D) or (D,): 1 - cosine where the target is 1, max(0, cosine - margin) where it is -1."""
    name = "cosine_embedding_loss"
    _checked(reduction, name)
    a, b, y = floats(input1, name), floats(input2, name), operand(target, name)
    if a.shape != b.shape or y.shape != a.shape[:-1] or a.ndim not in (1, 2):
        raise ValueError(
            f"{name}: inputs must be (N, D) and target (N,), or (D,) and (), got {a.shape}, {b.shape} and {y.shape}"
        )
    axis = (a.ndim - 1,)
    lengths = multiply(add(sum_op(square(a), axis=axis), 1e-12), add(sum_op(square(b), axis=axis), 1e-12))
    cosine = divide(sum_op(multiply(a, b), axis=axis), sqrt(lengths))
    near = where_op(equal(y, 1), subtract(1.0, cosine), 0.0)
    apart = where_op(equal(y, -1), _above(subtract(cosine, number(margin, name, "margin"))), 0.0)
    return _reduced(add(near, apart), reduction)
