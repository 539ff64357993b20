"""RMSprop: the gradient over the root of the running mean of its square."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tapegrad as tg

from .optimizer import Optimizer, State

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """p -= lr * g / (sqrt(v) + eps) with v = alpha * v + (1 - alpha) * g**2.

    centered takes the square of the running mean of g from v; momentum accumulates the moves. weight_decay * p is
    added to the gradient. Source: Hinton, lecture 6 of Neural Networks for Machine Learning, 2012; torch.optim.RMSprop.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        settings = {
            "lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum,
            "centered": centered, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, settings)

    def _check(self, group: Mapping[str, Any]) -> None:
        super()._check(group)
        self._at_least(group, 0.0, "eps", "momentum", "alpha")

    def _memory(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        names = [("square_avg", True), ("grad_avg", group["centered"]), ("momentum_buffer", group["momentum"])]
        return ("step", *(name for name, used in names if used))

    def _update(self, p: tg.Tensor, g: NDArray[Any], state: State, group: dict[str, Any]) -> None:
        lr, alpha, eps = float(group["lr"]), float(group["alpha"]), float(group["eps"])
        momentum = float(group["momentum"])
        state["step"] = state.get("step", 0) + 1
        g = self._uphill(p, g, group["maximize"], float(group["weight_decay"]))
        v = self._remembered(state, "square_avg", p)
        t = np.empty_like(g)  # the one temporary of the step
        np.multiply(g, g, out=t)
        t *= 1.0 - alpha
        v *= alpha
        v += t
        if group["centered"]:
            mean = self._remembered(state, "grad_avg", p)
            np.subtract(g, mean, out=t)
            t *= 1.0 - alpha
            mean += t
            np.multiply(mean, mean, out=t)
            np.subtract(v, t, out=t)
            np.sqrt(t, out=t)
        else:
            np.sqrt(v, out=t)
        t += eps
        np.divide(g, t, out=t)
        if momentum:
            buffer = self._remembered(state, "momentum_buffer", p)
            buffer *= momentum
            buffer += t
            np.multiply(buffer, lr, out=t)
        else:
            t *= lr
        p -= t
