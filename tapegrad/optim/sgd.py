"""Stochastic gradient descent, with momentum if wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tapegrad as tg

from .optimizer import Optimizer, State

__all__ = ["SGD"]


class SGD(Optimizer):
    """p -= lr * v with v = momentum * v + (1 - dampening) * g, where g is the gradient plus weight_decay * p.

    The first v is g itself. nesterov moves along g + momentum * v; maximize goes uphill. Source: torch.optim.SGD.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0.0, dampening: float = 0.0,
        weight_decay: float = 0.0, nesterov: bool = False, maximize: bool = False,
    ) -> None:  # fmt: skip
        settings = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
            "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, settings)

    def _check(self, group: Mapping[str, Any]) -> None:
        super()._check(group)
        self._at_least(group, 0.0, "momentum")
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError("SGD: nesterov needs a momentum above 0 and no dampening")

    def _memory(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] else ()

    def _update(self, p: tg.Tensor, g: NDArray[Any], state: State, group: dict[str, Any]) -> None:
        momentum, lr = float(group["momentum"]), float(group["lr"])
        g = self._uphill(p, g, group["maximize"], float(group["weight_decay"]))
        if momentum:
            if "momentum_buffer" not in state:
                v = state["momentum_buffer"] = np.array(g)
            else:
                v = state["momentum_buffer"]
                v *= momentum
                v += g if group["dampening"] == 0 else g * (1.0 - float(group["dampening"]))
            if group["nesterov"]:
                move = np.multiply(v, momentum)
                move += g
                move *= lr
            else:
                move = np.multiply(v, lr)
        else:
            move = np.multiply(g, lr)
        p -= move
