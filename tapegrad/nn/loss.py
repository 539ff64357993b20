"""Losses as modules: the settings of the functions of the same name. reduction: "mean", "sum" or "none"."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegrad as tg

from .module import Module
from .parameter import get_default_dtype

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss", "NLLLoss",
    "SmoothL1Loss",
]  # fmt: skip


class _Loss(Module):
    """A loss, and how its elements are reduced."""

    reductions: tuple[str, ...] = ("mean", "sum", "none")

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in self.reductions:
            raise ValueError(
                f"{type(self).__name__}: reduction {reduction!r} is not one of {', '.join(map(repr, self.reductions))}"
            )
        self.reduction = reduction

    def _weigh(self, name: str, weight: Any) -> None:
        if weight is not None:
            plain = not isinstance(weight, (tg.Tensor, np.ndarray))
            weight = tg.tensor(weight, get_default_dtype() if plain else None)
        self.register_buffer(name, weight)


class CrossEntropyLoss(_Loss):
    """Scores (N, C, ...) against classes (N, ...), or against probabilities (N, C, ...): -log softmax at the class.

    weight (C,) weighs the classes; ignore_index is a class that does not count.
    """

    weight: tg.Tensor | None

    def __init__(
        self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
    ) -> None:
        super().__init__(reduction)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"CrossEntropyLoss: label_smoothing must lie between 0 and 1, got {label_smoothing}")
        self._weigh("weight", weight)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, x: Any, target: Any) -> Any:
        """x (N, C, ...), target (N, ...) of classes -> ()."""
        return tg.cross_entropy(
            x, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )  # fmt: skip


class NLLLoss(_Loss):
    """Log-probabilities (N, C, ...) against classes (N, ...): minus the one at the class. See CrossEntropyLoss."""

    weight: tg.Tensor | None

    def __init__(self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self._weigh("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, x: Any, target: Any) -> Any:
        """x (N, C, ...), target (N, ...) of classes -> ()."""
        return tg.nll_loss(x, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class MSELoss(_Loss):
    """(x - target)**2."""

    def forward(self, x: Any, target: Any) -> Any:
        """x and target of one shape -> ()."""
        return tg.mse_loss(x, target, reduction=self.reduction)


class L1Loss(_Loss):
    """|x - target|."""

    def forward(self, x: Any, target: Any) -> Any:
        """x and target of one shape -> ()."""
        return tg.l1_loss(x, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """(x - target)**2 / (2 beta) within beta of the target, |x - target| - beta / 2 beyond."""

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        if beta < 0:
            raise ValueError(f"SmoothL1Loss: beta must not be negative, got {beta}")
        self.beta = beta

    def forward(self, x: Any, target: Any) -> Any:
        """x and target of one shape -> ()."""
        return tg.smooth_l1_loss(x, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """(x - target)**2 / 2 within delta of the target, delta * (|x - target| - delta / 2) beyond."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        if delta <= 0:
            raise ValueError(f"HuberLoss: delta must be positive, got {delta}")
        self.delta = delta

    def forward(self, x: Any, target: Any) -> Any:
        """x and target of one shape -> ()."""
        return tg.huber_loss(x, target, reduction=self.reduction, delta=self.delta)


class BCELoss(_Loss):
    """Probabilities against targets between 0 and 1: -(t log x + (1 - t) log(1 - x)), times weight."""

    weight: tg.Tensor | None

    def __init__(self, weight: Any = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self._weigh("weight", weight)

    def forward(self, x: Any, target: Any) -> Any:
        """x and target of one shape -> ()."""
        return tg.binary_cross_entropy(x, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """BCELoss of sigmoid(x), without overflow; pos_weight weighs the positive answers."""

    weight: tg.Tensor | None
    pos_weight: tg.Tensor | None

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction)
        self._weigh("weight", weight)
        self._weigh("pos_weight", pos_weight)

    def forward(self, x: Any, target: Any) -> Any:
        """x and target of one shape -> ()."""
        return tg.binary_cross_entropy_with_logits(
            x, target, weight=self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class KLDivLoss(_Loss):
    """target * (log(target) - x) for log-probabilities x; "batchmean" divides the sum by N, as the formula does."""

    reductions = ("mean", "batchmean", "sum", "none")

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, x: Any, target: Any) -> Any:
        """x and target of one shape -> ()."""
        return tg.kl_div(x, target, reduction=self.reduction, log_target=self.log_target)
