"""Normalisation: batch, layer and group norm, each as y = z * weight + bias with z = (x - mean) / sqrt(var + eps).

One family serves all three. `axes` are those the mean is taken over, `shape` is how weight and bias lie along x.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..kernels import norm as norm_kernels
from ..registry import Recorded, op, operand
from ..samples import positive, real
from .elementwise import add, divide, multiply, negative, sqrt, subtract
from .geometry import same_dtype
from .reduce import count_of, mean_op
from .structure import reshape_op, sum_to


def _laid(parameter: Any, shape: tuple[int, ...]) -> Any:
    """A weight or bias as the kernels take it: along x, or None for a plain number (1 or 0, no parameter)."""
    return parameter.reshape(shape) if isinstance(parameter, np.ndarray) else None


def _forward(x: Any, weight: Any, bias: Any, axes: Any, shape: Any, eps: float) -> tuple[Any, Any, Any]:
    mean, rstd = _moments(x, (), axes, eps)
    arrays = [a for a in (x, weight, bias) if isinstance(a, np.ndarray)]
    y = norm_kernels.normalize(x, mean, rstd, _laid(weight, shape), _laid(bias, shape), np.result_type(*arrays))
    return y, mean, rstd


@op(None, aux=("mean", "rstd"))
def batch_norm_op(x, weight, bias, *, axes, shape, eps):
    """Each channel of x (N, C, ...) to mean 0 and variance 1, times weight (C,), plus bias (C,)."""
    return _forward(x, weight, bias, axes, shape, eps)


@op(None, aux=("mean", "rstd"))
def layer_norm_op(x, weight, bias, *, axes, shape, eps):
    """x (..., *normalized) to mean 0 and variance 1 over its last axes, times weight, plus bias."""
    return _forward(x, weight, bias, axes, shape, eps)


@op(None, aux=("mean", "rstd"))
def group_norm_op(x, weight, bias, *, axes, shape, eps):
    """x (N, groups, C/groups, ...) to mean 0 and variance 1 in each group, times weight, plus bias per channel."""
    return _forward(x, weight, bias, axes, shape, eps)


def _moments(x: Any, known: Any, axes: Any, eps: float) -> tuple[Any, Any]:
    """Mean and 1 / sqrt(var + eps) of x: known from the forward, or computed."""
    if known:
        return known[0], known[1]
    if x.dtype.kind == "c":
        raise TypeError(f"norms are of real floats, not of {x.dtype}: the variance of complex x would not be analytic")
    mean, var = norm_kernels.moments(x, axes)
    return mean, 1.0 / np.sqrt(var + eps)


@op(None)
def norm_image(y, x, weight, *known, axes, shape, eps):
    """The gradient y of a norm's output pulled back to x, through the mean and the variance too: (shape of x).

    `known` are the mean and 1 / sqrt(var + eps) of x, if at hand: no inputs of their own, but functions of x.
    """
    mean, rstd = _moments(x, known, axes, eps)
    return norm_kernels.normalize_backward(y, x, mean, rstd, _laid(weight, shape), axes)


@op(None)
def norm_weight(y, x, *known, axes, shape, eps, size):
    """The sum of y * z over all but a norm's channels: the gradient in its weight, of shape `size`."""
    mean, rstd = _moments(x, known, axes, eps)
    return norm_kernels.weight_sum(y, x, mean, rstd, shape).reshape(size)


@op(None)
def inverse_std(x, *, axes, eps):
    """1 / sqrt(var(x) + eps) over axes, which stay with length 1."""
    return _moments(x, (), axes, eps)[1].astype(x.dtype)


def _plain_z(x: Any, axes: Any, eps: float) -> Any:
    """z as a function of x alone, to be differentiated again."""
    return layer_norm_op(x, 1.0, 0.0, axes=axes, shape=(), eps=eps)


def _pulled(v: Any, x: Any, known: Any, axes: Any, eps: float) -> Any:
    """rstd * P(v) with P(v) = v - mean(v) - z * mean(v * z), which is its own adjoint."""
    return norm_image(v, x, 1.0, *known, axes=axes, shape=(), eps=eps)


def _along(parameter: Any, shape: Any) -> Any:
    return reshape_op(parameter, shape=shape) if isinstance(parameter, (np.ndarray, Recorded)) else parameter


inverse_std.vjp(
    x=lambda g, x, out, axes, eps: negative(
        multiply(multiply(g, divide(multiply(out, out), float(count_of(x.shape, axes)))), _plain_z(x, axes, eps))
    )
)


def _rule_weight(g: Any, x: Any, mean: Any, rstd: Any, axes: Any, shape: Any, eps: float, weight_shape: Any) -> Any:
    return norm_weight(g, x, mean, rstd, axes=axes, shape=shape, eps=eps, size=weight_shape)


def _rule_x(g: Any, x: Any, weight: Any, mean: Any, rstd: Any, axes: Any, shape: Any, eps: float) -> Any:
    return norm_image(g, x, weight, mean, rstd, axes=axes, shape=shape, eps=eps)


def _rule_bias(g: Any, shape: Any, bias_shape: Any) -> Any:
    return reshape_op(sum_to(g, shape=shape), shape=bias_shape)


def _rules_together(g: Any, x: Any, weight: Any, mean: Any, rstd: Any, axes: Any, shape: Any, weight_shape: Any) -> Any:
    found = norm_kernels.gradients(g, x, mean, rstd, _laid(weight, shape), shape, axes)
    return found[0], found[1].reshape(weight_shape), found[2].reshape(weight_shape)


for _norm in (batch_norm_op, layer_norm_op, group_norm_op):
    _norm.vjp(x=_rule_x, weight=_rule_weight, bias=_rule_bias).vjp_together(_rules_together)


def _image_y(g: Any, x: Any, weight: Any, known: Any, axes: Any, shape: Any, eps: float) -> Any:
    pulled = _pulled(g, x, known, axes, eps)
    return multiply(pulled, _along(weight, shape)) if isinstance(weight, (np.ndarray, Recorded)) else pulled


def _image_weight(g: Any, y: Any, x: Any, known: Any, axes: Any, shape: Any, eps: float, weight_shape: Any) -> Any:
    return reshape_op(sum_to(multiply(y, _pulled(g, x, known, axes, eps)), shape=shape), shape=weight_shape)


def _image_x(g: Any, y: Any, x: Any, weight: Any, known: Any, axes: Any, shape: Any, eps: float) -> Any:
    # with a = y * weight, the op is r P(a); z moves by r P(dx) and r by -r**2 mean(z dx), which gives, for h = g,
    # -r z mean(h * out) - r**2 P(h mean(a z) + a mean(h z))
    a = multiply(y, _along(weight, shape)) if isinstance(weight, (np.ndarray, Recorded)) else y
    z, r = _plain_z(x, axes, eps), inverse_std(x, axes=axes, eps=eps)
    out = _pulled(a, x, known, axes, eps)

    def mean_of(v: Any) -> Any:
        return mean_op(v, axis=axes, keepdims=True)

    both = add(multiply(g, mean_of(multiply(a, z))), multiply(a, mean_of(multiply(g, z))))
    first = multiply(multiply(r, z), mean_of(multiply(g, out)))
    return negative(add(first, multiply(r, _pulled(both, x, known, axes, eps))))


norm_image.vjp(y=_image_y, x=_image_x, weight=_image_weight)
norm_weight.vjp(
    y=lambda g, x, axes, shape, eps: multiply(_plain_z(x, axes, eps), reshape_op(g, shape=shape)),
    x=lambda g, y, x, known, axes, shape, eps: _pulled(multiply(y, reshape_op(g, shape=shape)), x, known, axes, eps),
)

_EPS = 1e-5
_SETTINGS = (
    (batch_norm_op, (4, 3, 2, 3), (3,), (0, 2, 3), (1, 3, 1, 1)),
    (batch_norm_op, (5, 3), (3,), (0,), (1, 3)),
    (layer_norm_op, (2, 3, 4), (3, 4), (1, 2), (1, 3, 4)),
    (group_norm_op, (2, 2, 3, 4), (6,), (2, 3), (1, 2, 3, 1)),
)
for _norm, _x, _w, _axes, _shape in _SETTINGS:
    _how = dict(axes=_axes, shape=_shape, eps=_EPS)
    _norm.sample(real(*_x), positive(*_w), real(*_w), **_how).sample(real(*_x), 1.0, 0.0, **dict(_how, shape=()))
    norm_image.sample(real(*_x), real(*_x), positive(*_w), **_how)
    norm_image.sample(real(*_x), real(*_x), 1.0, **dict(_how, shape=()))
    norm_weight.sample(real(*_x), real(*_x), size=_w, **_how)
inverse_std.sample(real(3, 4), axes=(1,), eps=_EPS)

# -- public functions: torch's names and arguments -----------------------------------------------------------


def _operands(name: str, x: Any, weight: Any, bias: Any, size: tuple[int, ...], what: str) -> tuple[Any, Any, Any]:
    """The operands checked; an absent weight is the number 1, an absent bias 0."""
    x = operand(x, name)
    if x.dtype.kind != "f":
        raise TypeError(f"{name}: x must be real floats, got {x.dtype}; use .astype")
    given = []
    for label, parameter, plain in (("weight", weight, 1.0), ("bias", bias, 0.0)):
        if parameter is None:
            given.append(plain)
            continue
        parameter = operand(parameter, name)
        if parameter.shape != size:
            raise ValueError(f"{name}: {label} has shape {parameter.shape}, but {what} is {size} (x {x.shape})")
        same_dtype(name, x, parameter)
        given.append(parameter)
    return x, given[0], given[1]


def batch_norm(
    x: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
    training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    """Each channel of x (N, C, ...) to mean 0 and variance 1, times weight (C,), plus bias (C,).

    training: normalise with the (biased) statistics of this batch, and update running_mean and running_var (C,) in
    place: (1 - momentum) * running + momentum * batch, the variance unbiased. Else normalise with the running ones.
    Source: Ioffe and Szegedy 2015, arXiv 1502.03167, as in torch.nn.functional.batch_norm.
    """
    x = operand(x, "batch_norm")
    if x.ndim < 2:
        raise ValueError(f"batch_norm: x needs at least 2 axes (N, C, ...), it has shape {x.shape}")
    channels = x.shape[1]
    x, weight, bias = _operands("batch_norm", x, weight, bias, (channels,), "the shape of the channels")
    _check_running("batch_norm", running_mean, running_var, x, training, momentum, eps)
    axes = (0, *range(2, x.ndim))
    shape = (1, channels) + (1,) * (x.ndim - 2)
    if not training:
        if running_mean is None:
            raise ValueError("batch_norm: with training=False it needs running_mean and running_var")
        scale = divide(1.0, sqrt(add(operand(running_var), eps)))
        scale = multiply(scale, weight) if not isinstance(weight, float) else scale
        offset = subtract(bias, multiply(operand(running_mean), scale))
        y = add(multiply(x, reshape_op(scale, shape=shape)), reshape_op(offset, shape=shape))
        return y if y.dtype == x.dtype else y.astype(x.dtype)
    count = count_of(x.shape, axes)
    if count <= 1:
        raise ValueError(f"batch_norm: training needs more than one value per channel, x has shape {x.shape}")
    y, mean, rstd = batch_norm_op.with_aux(x, weight, bias, axes=axes, shape=shape, eps=float(eps))
    if running_mean is not None:
        batch_mean, batch_rstd = (a._data if isinstance(a, Recorded) else a for a in (mean, rstd))
        batch_var = (1.0 / batch_rstd**2 - eps).clip(0).reshape(channels)
        _update(running_mean, batch_mean.reshape(channels), momentum)
        _update(running_var, batch_var * (count / (count - 1)), momentum)
    return y


def _check_running(name: str, mean: Any, var: Any, x: Any, writes: bool, momentum: Any, eps: Any) -> None:
    """Everything that could go wrong with the running statistics, before either of them is changed."""
    for label, number in (("eps", eps), ("momentum", momentum)):
        if isinstance(number, bool) or not isinstance(number, (int, float, np.number)) or not number >= 0:
            raise ValueError(f"{name}: {label} must be a number of at least 0, got {number!r}")
    for label, running in (("running_mean", mean), ("running_var", var)):
        if running is None:
            continue
        if not isinstance(running, (Recorded, np.ndarray)):
            raise TypeError(f"{name}: {label} must be a Tensor or an ndarray, got {type(running).__name__}")
        if running.shape != x.shape[1:2]:
            raise ValueError(f"{name}: {label} has shape {running.shape}, x has {x.shape[1]} channels ({x.shape})")
        if running.dtype.kind != "f":
            raise TypeError(f"{name}: {label} must hold floats, not {running.dtype}: statistics would be cut off")
        if not writes:
            continue
        if isinstance(running, Recorded) and running.requires_grad:
            raise ValueError(f"{name}: {label} requires grad, but is updated in place; use .detach() or a buffer")
        if isinstance(running, np.ndarray) and not running.flags.writeable:
            raise ValueError(f"{name}: {label} is updated in place, but the array is read-only; pass a copy")
    if (mean is None) != (var is None):
        raise ValueError(f"{name}: give both running_mean and running_var, or neither")


def _update(running: Any, batch: Any, momentum: float) -> None:
    """running = (1 - momentum) * running + momentum * batch, in place and in running's dtype."""
    if isinstance(running, Recorded):
        running.data = (1 - momentum) * running._data + momentum * batch  # type: ignore[attr-defined]
    else:
        running[...] = (1 - momentum) * running + momentum * batch


def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """x (..., *normalized_shape) to mean 0 and variance 1 over those last axes, times weight, plus bias.

    Source: Ba, Kiros and Hinton 2016, arXiv 1607.06450.
    """
    x = operand(x, "layer_norm")
    size = (int(normalized_shape),) if np.ndim(normalized_shape) == 0 else tuple(int(n) for n in normalized_shape)
    if not size or x.shape[max(0, x.ndim - len(size)) :] != size:
        raise ValueError(f"layer_norm: normalized_shape {size} is not how the shape of x {x.shape} ends")
    x, weight, bias = _operands("layer_norm", x, weight, bias, size, "normalized_shape")
    lead = x.ndim - len(size)
    return layer_norm_op(x, weight, bias, axes=tuple(range(lead, x.ndim)), shape=(1,) * lead + size, eps=float(eps))


def group_norm(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """x (N, C, ...) to mean 0 and variance 1 in each of num_groups groups of channels, times weight, plus bias.

    Source: Wu and He 2018, arXiv 1803.08494.
    """
    x = operand(x, "group_norm")
    if x.ndim < 2:
        raise ValueError(f"group_norm: x needs at least 2 axes (N, C, ...), it has shape {x.shape}")
    n, channels = x.shape[:2]
    if num_groups < 1 or channels % num_groups:
        raise ValueError(f"group_norm: {channels} channels do not divide into {num_groups} groups (x {x.shape})")
    x, weight, bias = _operands("group_norm", x, weight, bias, (channels,), "the shape of the channels")
    each = channels // num_groups
    grouped = reshape_op(x, shape=(n, num_groups, each, math.prod(x.shape[2:])))
    y = group_norm_op(grouped, weight, bias, axes=(2, 3), shape=(1, num_groups, each, 1), eps=float(eps))
    return reshape_op(y, shape=x.shape)


def instance_norm(
    x: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
    use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    """Each channel of each image of x (N, C, ...) to mean 0 and variance 1, times weight (C,), plus bias (C,).

    running_mean and running_var (C,) are updated in place with the images' mean statistics, as in batch_norm; with
    use_input_stats=False it is they that x is normalised with.
    """
    x = operand(x, "instance_norm")
    if x.ndim < 3:
        raise ValueError(f"instance_norm: x needs at least 3 axes (N, C, ...), it has shape {x.shape}")
    channels = x.shape[1]
    _check_running("instance_norm", running_mean, running_var, x, use_input_stats, momentum, eps)
    if not use_input_stats:
        if running_mean is None:
            raise ValueError("instance_norm: with use_input_stats=False it needs running_mean and running_var")
        return batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    y = group_norm(x, channels, weight, bias, eps)
    if running_mean is not None:
        axes = tuple(range(2, x.ndim))
        if count_of(x.shape, axes) <= 1:
            raise ValueError(f"instance_norm: running_var needs more than one value per channel, x has shape {x.shape}")
        raw = x._data if isinstance(x, Recorded) else x
        _update(running_mean, np.mean(raw, axis=axes).mean(0), momentum)
        _update(running_var, np.var(raw, axis=axes, ddof=1).mean(0), momentum)
    return y
