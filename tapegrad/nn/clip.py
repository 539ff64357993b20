"""Holding gradients within bounds, between backward and the optimiser's step."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

import tapegrad as tg

__all__ = ["clip_grad_norm_", "clip_grad_value_"]


def _with_grad(parameters: tg.Tensor | Iterable[tg.Tensor]) -> list[tuple[tg.Tensor, tg.Tensor]]:
    """Tensors and their gradients, for those that have one."""
    tensors = [parameters] if isinstance(parameters, tg.Tensor) else list(parameters)
    return [(t, t.grad) for t in tensors if t.grad is not None]


def clip_grad_norm_(
    parameters: tg.Tensor | Iterable[tg.Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> tg.Tensor:
    """Scale all gradients by one factor so that their norm, as one vector, is at most max_norm; give the norm before.

    The new gradients are new Tensors. Raises RuntimeError for a norm of inf or nan if error_if_nonfinite.
    """
    if max_norm < 0:
        raise ValueError(f"clip_grad_norm_: max_norm must not be negative, got {max_norm}")
    if not norm_type > 0:
        raise ValueError(f"clip_grad_norm_: norm_type must be positive (inf: the largest element), got {norm_type}")
    pairs = _with_grad(parameters)
    norms = [float(np.linalg.norm(g.detach().numpy().ravel(), norm_type)) for _, g in pairs if g.size]
    total = float(np.linalg.norm(norms, norm_type)) if norms else 0.0
    if error_if_nonfinite and not math.isfinite(total):
        raise RuntimeError(f"clip_grad_norm_: the norm of the gradients is {total}; they were left as they were")
    factor = max_norm / (total + 1e-6)
    if not factor >= 1.0:
        for tensor, grad in pairs:
            tensor.grad = grad.detach() * factor
    return tg.tensor(total)


def clip_grad_value_(parameters: tg.Tensor | Iterable[tg.Tensor], clip_value: float) -> None:
    """Hold every element of every gradient within [-clip_value, clip_value]."""
    if clip_value < 0:
        raise ValueError(f"clip_grad_value_: clip_value must not be negative, got {clip_value}")
    for tensor, grad in _with_grad(parameters):
        tensor.grad = tg.clip(grad.detach(), -clip_value, clip_value)
