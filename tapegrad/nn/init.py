"""Starting values: each function fills a Tensor in place, records nothing, and gives the same Tensor back.

What is random comes from `generator`, an np.random.Generator, or for None from the process-wide one (tg.manual_seed).
Numbers are drawn in float64 and then cast, so that one seed gives the same values in every dtype.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import tapegrad as tg

__all__ = [
    "calculate_gain", "constant_", "eye_", "kaiming_normal_", "kaiming_uniform_", "normal_", "ones_", "orthogonal_",
    "trunc_normal_", "uniform_", "xavier_normal_", "xavier_uniform_", "zeros_",
]  # fmt: skip


def _source(generator: Any) -> Any:
    return tg.default_generator() if generator is None else generator


def _fill(tensor: tg.Tensor, values: Any) -> tg.Tensor:
    tensor.data = np.broadcast_to(values, tensor.shape)
    return tensor


def uniform_(tensor: tg.Tensor, a: float = 0.0, b: float = 1.0, *, generator: Any = None) -> tg.Tensor:
    """Uniform between a and b."""
    return _fill(tensor, _source(generator).uniform(a, b, tensor.shape))


def normal_(tensor: tg.Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> tg.Tensor:
    """Normal with a mean and a standard deviation."""
    if std < 0:
        raise ValueError(f"normal_: std must not be negative, got {std}")
    return _fill(tensor, _source(generator).normal(mean, std, tensor.shape))


def trunc_normal_(
    tensor: tg.Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, *, generator: Any = None
) -> tg.Tensor:
    """Normal, with values outside of [a, b] drawn again. Raises ValueError where few would ever lie inside."""
    ends = [math.erf((end - mean) / std / math.sqrt(2.0)) for end in (a, b)] if std > 0 else [0.0, 0.0]
    if ends[1] - ends[0] < 2e-3:
        raise ValueError(f"trunc_normal_: hardly any values of normal({mean}, {std}) lie between {a} and {b}")
    source = _source(generator)
    values = np.asarray(source.normal(mean, std, tensor.shape))
    outside = (values < a) | (values > b)
    while outside.any():
        values[outside] = source.normal(mean, std, int(outside.sum()))
        outside = (values < a) | (values > b)
    return _fill(tensor, values)


def constant_(tensor: tg.Tensor, value: float) -> tg.Tensor:
    """One value everywhere."""
    return _fill(tensor, value)


def zeros_(tensor: tg.Tensor) -> tg.Tensor:
    """Zeros."""
    return _fill(tensor, 0.0)


def ones_(tensor: tg.Tensor) -> tg.Tensor:
    """Ones."""
    return _fill(tensor, 1.0)


def eye_(tensor: tg.Tensor) -> tg.Tensor:
    """Ones on the diagonal of a matrix, zeros elsewhere."""
    if tensor.ndim != 2:
        raise ValueError(f"eye_: the tensor must be a matrix, it has shape {tensor.shape}")
    return _fill(tensor, np.eye(tensor.shape[0], tensor.shape[1]))


def _fans(tensor: tg.Tensor, name: str) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (out, in, *kernel)."""
    if tensor.ndim < 2:
        raise ValueError(f"{name}: the tensor needs at least 2 axes (out, in, ...), it has shape {tensor.shape}")
    reach = math.prod(tensor.shape[2:])
    return tensor.shape[1] * reach, tensor.shape[0] * reach


GAINS: dict[str, Callable[[float], float]] = {
    "linear": lambda slope: 1.0,
    "conv1d": lambda slope: 1.0,
    "conv2d": lambda slope: 1.0,
    "conv_transpose2d": lambda slope: 1.0,
    "sigmoid": lambda slope: 1.0,
    "tanh": lambda slope: 5.0 / 3.0,
    "relu": lambda slope: math.sqrt(2.0),
    "leaky_relu": lambda slope: math.sqrt(2.0 / (1.0 + slope**2)),
    "selu": lambda slope: 0.75,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a nonlinearity shrinks a standard deviation, to be made good in the weights.

    param is the negative slope of "leaky_relu", 0.01 by default.
    """
    if nonlinearity not in GAINS:
        raise ValueError(f"calculate_gain: {nonlinearity!r} is not one of {', '.join(GAINS)}")
    return GAINS[nonlinearity](0.01 if param is None else float(param))


def _xavier(tensor: tg.Tensor, gain: float, name: str) -> float:
    return gain * math.sqrt(2.0 / max(1, sum(_fans(tensor, name))))


def xavier_uniform_(tensor: tg.Tensor, gain: float = 1.0, *, generator: Any = None) -> tg.Tensor:
    """Uniform with standard deviation gain * sqrt(2 / (fan_in + fan_out)). Source: Glorot and Bengio 2010."""
    bound = math.sqrt(3.0) * _xavier(tensor, gain, "xavier_uniform_")
    return uniform_(tensor, -bound, bound, generator=generator)


def xavier_normal_(tensor: tg.Tensor, gain: float = 1.0, *, generator: Any = None) -> tg.Tensor:
    """Normal with standard deviation gain * sqrt(2 / (fan_in + fan_out)). Source: Glorot and Bengio 2010."""
    return normal_(tensor, 0.0, _xavier(tensor, gain, "xavier_normal_"), generator=generator)


def _kaiming(tensor: tg.Tensor, a: float, mode: str, nonlinearity: str, name: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{name}: mode {mode!r} is not 'fan_in' or 'fan_out'")
    fan = _fans(tensor, name)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(1, fan))


def kaiming_uniform_(
    tensor: tg.Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", *, generator: Any = None
) -> tg.Tensor:
    """Uniform with standard deviation gain / sqrt(fan); a is the slope of leaky_relu. Source: He et al. 2015."""
    bound = math.sqrt(3.0) * _kaiming(tensor, a, mode, nonlinearity, "kaiming_uniform_")
    return uniform_(tensor, -bound, bound, generator=generator)


def kaiming_normal_(
    tensor: tg.Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", *, generator: Any = None
) -> tg.Tensor:
    """Normal with standard deviation gain / sqrt(fan); a is the slope of leaky_relu. Source: He et al. 2015."""
    std = _kaiming(tensor, a, mode, nonlinearity, "kaiming_normal_")
    return normal_(tensor, 0.0, std, generator=generator)


def orthogonal_(tensor: tg.Tensor, gain: float = 1.0, *, generator: Any = None) -> tg.Tensor:
    """A random matrix with orthonormal rows or columns, times gain; axes after the first count as one.

    Source: Saxe, McClelland and Ganguli 2014.
    """
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_: the tensor needs at least 2 axes, it has shape {tensor.shape}")
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    q, r = np.linalg.qr(_source(generator).standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)  # so that all orthogonal matrices are equally likely
    return _fill(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape))
