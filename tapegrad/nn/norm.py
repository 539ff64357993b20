"""Normalisation layers: batch norm with its running statistics, layer norm and group norm."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegrad as tg

from .module import Module
from .parameter import Parameter, get_default_dtype
from .sizes import divided, positive, sizes

__all__ = ["BatchNorm1d", "BatchNorm2d", "GroupNorm", "LayerNorm"]


def _positive_eps(name: str, eps: float) -> float:
    if not eps >= 0:
        raise ValueError(f"{name}: eps must not be negative, got {eps}")
    return float(eps)


class _BatchNorm(Module):
    """Batch norm over all axes but the channels' one."""

    axes: tuple[int, ...] = ()  # how many axes x may have
    weight: Parameter | None
    bias: Parameter | None
    running_mean: tg.Tensor | None
    running_var: tg.Tensor | None
    num_batches_tracked: tg.Tensor | None

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, *, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        name = type(self).__name__
        positive(name, num_features=num_features)
        if momentum is not None and not 0 <= momentum <= 1:
            raise ValueError(f"{name}: momentum must lie in [0, 1], or be None for the mean of all, got {momentum}")
        self.num_features, self.eps, self.momentum = num_features, _positive_eps(name, eps), momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        dtype = get_default_dtype() if dtype is None else dtype
        self.register_parameter("weight", Parameter(tg.ones(num_features, dtype)) if affine else None)
        self.register_parameter("bias", Parameter(tg.zeros(num_features, dtype)) if affine else None)
        track = track_running_stats
        self.register_buffer("running_mean", tg.zeros(num_features, dtype) if track else None)
        self.register_buffer("running_var", tg.ones(num_features, dtype) if track else None)
        self.register_buffer("num_batches_tracked", tg.zeros((), np.int64) if track else None)

    def reset_running_stats(self) -> None:
        """Forget the statistics seen so far."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.running_mean.data = np.zeros(self.num_features)
            self.running_var.data = np.ones(self.num_features)
            self.num_batches_tracked.data = np.zeros((), np.int64)

    def forward(self, x: Any) -> Any:
        """x (N, C, ...) of the same shape, each channel with mean 0 and variance 1, times weight, plus bias."""
        if x.ndim not in self.axes or x.shape[1] != self.num_features:
            wanted = " or ".join(map(str, self.axes))
            raise ValueError(
                f"{type(self).__name__}: x needs {wanted} axes, the second of {self.num_features} channels; it has "
                f"shape {x.shape}"
            )
        update = self.training and self.running_mean is not None
        momentum, count = self.momentum or 0.0, 0
        if update and self.num_batches_tracked is not None:
            count = self.num_batches_tracked.item() + 1
            momentum = 1.0 / count if self.momentum is None else self.momentum
        out = tg.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or self.running_mean is None, momentum, self.eps,
        )  # fmt: skip
        if update and self.num_batches_tracked is not None:  # counted once the batch has gone through
            self.num_batches_tracked.data = np.asarray(count)
        return out

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Features x (N, C) or signals (N, C, L): each channel to mean 0 and variance 1, times weight, plus bias.

    In training the statistics are the batch's, and running ones follow them: (1 - momentum) * running + momentum *
    batch, with momentum None the mean of all batches. In evaluation the running ones are used.
    """

    axes = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Images x (N, C, H, W): each channel to mean 0 and variance 1, times weight, plus bias. See BatchNorm1d."""

    axes = (4,)


class LayerNorm(Module):
    """x (..., *normalized_shape) to mean 0 and variance 1 over those axes, times weight, plus bias."""

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self, normalized_shape: Any, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True, *,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        count = len(normalized_shape) if isinstance(normalized_shape, (tuple, list)) else 1
        if count == 0:
            raise ValueError("LayerNorm: normalized_shape is empty")
        self.normalized_shape = sizes(normalized_shape, count, "LayerNorm: normalized_shape", 1)
        self.eps, self.elementwise_affine = _positive_eps("LayerNorm", eps), elementwise_affine
        dtype = get_default_dtype() if dtype is None else dtype
        shape = self.normalized_shape
        self.register_parameter("weight", Parameter(tg.ones(shape, dtype)) if elementwise_affine else None)
        self.register_parameter("bias", Parameter(tg.zeros(shape, dtype)) if elementwise_affine and bias else None)

    def forward(self, x: Any) -> Any:
        """x (..., *normalized_shape) of the same shape."""
        return tg.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """x (N, num_channels, ...) to mean 0 and variance 1 in each group of channels, times weight, plus bias."""

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *, dtype: Any = None
    ) -> None:
        super().__init__()
        positive("GroupNorm", num_groups=num_groups, num_channels=num_channels)
        divided("GroupNorm", num_groups, num_channels=num_channels)
        self.num_groups, self.num_channels = num_groups, num_channels
        self.eps, self.affine = _positive_eps("GroupNorm", eps), affine
        dtype = get_default_dtype() if dtype is None else dtype
        self.register_parameter("weight", Parameter(tg.ones(num_channels, dtype)) if affine else None)
        self.register_parameter("bias", Parameter(tg.zeros(num_channels, dtype)) if affine else None)

    def forward(self, x: Any) -> Any:
        """x (N, num_channels, ...) of the same shape."""
        return tg.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
