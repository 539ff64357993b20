"""Dropout as modules: they drop in training mode and pass x through in evaluation mode."""

from __future__ import annotations

from typing import Any

import tapegrad as tg

from .module import Module

__all__ = ["Dropout", "Dropout2d"]


class _Drop(Module):
    """p is the probability of dropping; `generator` draws, the process-wide one by default."""

    def __init__(self, p: float = 0.5, inplace: bool = False, *, generator: Any = None) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: p, the chance of dropping, must lie between 0 and 1, got {p}")
        self.p, self.generator = p, generator

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"


class Dropout(_Drop):
    """In training, each element of x is 0 with probability p, the others are divided by 1 - p."""

    def forward(self, x: Any) -> Any:
        """x of any shape."""
        return tg.dropout(x, self.p, self.training, generator=self.generator)


class Dropout2d(_Drop):
    """In training, each channel of images x (N, C, H, W) is 0 with probability p, the others divided by 1 - p."""

    def forward(self, x: Any) -> Any:
        """x (N, C, H, W)."""
        return tg.dropout2d(x, self.p, self.training, generator=self.generator)
