"""Linear, Identity, Flatten and Unflatten: layers that multiply by a matrix or only change the shape."""

from __future__ import annotations

import math
from typing import Any

import tapegrad as tg

from . import init
from .module import Module
from .parameter import Parameter, get_default_dtype
from .sizes import positive

__all__ = ["Flatten", "Identity", "Linear", "Unflatten"]


class Linear(Module):
    """x (..., in_features) -> x @ weight.T + bias (..., out_features).

    weight (out_features, in_features) and bias (out_features,) start uniform within 1 / sqrt(in_features).
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, dtype: Any = None, generator: Any = None
    ) -> None:
        super().__init__()
        positive("Linear", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        dtype = get_default_dtype() if dtype is None else dtype
        self.weight = Parameter(tg.empty((out_features, in_features), dtype))
        self.register_parameter("bias", Parameter(tg.empty(out_features, dtype)) if bias else None)
        self.reset_parameters(generator)

    bias: Parameter | None

    def reset_parameters(self, generator: Any = None) -> None:
        """Draw new starting values."""
        init.kaiming_uniform_(self.weight, math.sqrt(5.0), generator=generator)
        if self.bias is not None:
            bound = 1.0 / math.sqrt(self.in_features)
            init.uniform_(self.bias, -bound, bound, generator=generator)

    def forward(self, x: Any) -> Any:
        """x (..., in_features) -> (..., out_features)."""
        return tg.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Identity(Module):
    """x -> x. Takes any arguments, so that it can stand in for another layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, x: Any) -> Any:
        """X itself."""
        return x


class Flatten(Module):
    """Axes start_dim to end_dim as one: (N, C, H, W) -> (N, C * H * W) by default."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Any) -> Any:
        """x (N, C, H, W) -> (N, C * H * W) by default."""
        shape = x.shape
        start, end = (d + len(shape) if d < 0 else d for d in (self.start_dim, self.end_dim))
        if not 0 <= start <= end < len(shape):
            raise ValueError(f"Flatten: start_dim {self.start_dim} to end_dim {self.end_dim} does not fit x {shape}")
        return tg.reshape(x, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))

    def extra_repr(self) -> str:
        """The axes."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One axis as several: Unflatten(1, (C, H, W)) turns (N, C * H * W) into (N, C, H, W). One size may be -1."""

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, tuple(int(n) for n in unflattened_size)
        if self.unflattened_size.count(-1) > 1 or min(self.unflattened_size, default=-2) < -1:
            raise ValueError(f"Unflatten: unflattened_size {unflattened_size} must be sizes, of which one may be -1")

    def forward(self, x: Any) -> Any:
        """x (..., n, ...) -> (..., *unflattened_size, ...)."""
        shape = x.shape
        place = self.dim + len(shape) if self.dim < 0 else self.dim
        if not 0 <= place < len(shape):
            raise ValueError(f"Unflatten: x {shape} has no axis {self.dim}")
        known = math.prod(n for n in self.unflattened_size if n != -1)
        fits = shape[place] % known == 0 if -1 in self.unflattened_size and known else known == shape[place]
        if not fits:
            raise ValueError(f"Unflatten: axis {self.dim} of x {shape} does not divide into {self.unflattened_size}")
        size = [shape[place] // known if n == -1 else n for n in self.unflattened_size]
        return tg.reshape(x, (*shape[:place], *size, *shape[place + 1 :]))

    def extra_repr(self) -> str:
        """The axis and its sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
