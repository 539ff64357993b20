"""Activations as modules: the settings of the functions of the same name, on x of any shape."""

from __future__ import annotations

from typing import Any

import tapegrad as tg

from .module import Module

__all__ = [
    "ELU", "GELU", "Hardtanh", "LeakyReLU", "LogSoftmax", "ReLU", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh",
]  # fmt: skip


class ReLU(Module):
    """The larger of x and 0. inplace is accepted for torch's sake: Tensors are values, a new one is given."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, x: Any) -> Any:
        """x of any shape."""
        return tg.relu(x)


class LeakyReLU(Module):
    """x where positive, else negative_slope * x."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Any:
        """x of any shape."""
        return tg.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        """The slope."""
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """x where positive, else alpha * (e**x - 1)."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        """x of any shape."""
        return tg.elu(x, self.alpha)

    def extra_repr(self) -> str:
        """The scale below 0."""
        return f"alpha={self.alpha}"


class GELU(Module):
    """x times the share of a standard normal distribution below x; approximate="tanh" for the usual approximation."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ValueError(f"GELU: approximate {approximate!r} is not 'none' or 'tanh'")
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        """x of any shape."""
        return tg.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        """The approximation."""
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """x * sigmoid(x)."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, x: Any) -> Any:
        """x of any shape."""
        return tg.silu(x)


class Sigmoid(Module):
    """1 / (1 + e**-x)."""

    def forward(self, x: Any) -> Any:
        """x of any shape."""
        return tg.sigmoid(x)


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, x: Any) -> Any:
        """x of any shape."""
        return tg.tanh(x)


class Softplus(Module):
    """log(1 + e**(beta x)) / beta, and x where beta x is above threshold."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, x: Any) -> Any:
        """x of any shape."""
        return tg.softplus(x, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """The settings."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Hardtanh(Module):
    """x held between min_val and max_val."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        if not min_val < max_val:
            raise ValueError(f"Hardtanh: min_val {min_val} must be below max_val {max_val}")
        self.min_val, self.max_val = min_val, max_val

    def forward(self, x: Any) -> Any:
        """x of any shape."""
        return tg.hardtanh(x, self.min_val, self.max_val)

    def extra_repr(self) -> str:
        """The bounds."""
        return f"min_val={self.min_val}, max_val={self.max_val}"


class Softmax(Module):
    """e**x over its sum along the axis `dim`, the last by default."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Any) -> Any:
        """x of any shape with at least one axis."""
        return tg.softmax(x, dim=self.dim)

    def extra_repr(self) -> str:
        """The axis."""
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """The logarithm of softmax along the axis `dim`, the last by default."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Any) -> Any:
        """x of any shape with at least one axis."""
        return tg.log_softmax(x, dim=self.dim)

    def extra_repr(self) -> str:
        """The axis."""
        return f"dim={self.dim}"
