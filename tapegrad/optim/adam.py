"""Adam, and AdamW with the decay kept apart from the gradient."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tapegrad as tg

from .optimizer import Optimizer, State

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """p -= lr * m' / (sqrt(v') + eps), with running means m of the gradient and v of its square.

    m = beta1 * m + (1 - beta1) * g, v = beta2 * v + (1 - beta2) * g**2, and m', v' are those divided by
    1 - beta**step. weight_decay * p is added to the gradient. amsgrad takes the largest v so far.
    Source: Kingma and Ba 2015, arXiv 1412.6980; Reddi, Kale and Kumar 2018 for amsgrad; torch.optim.Adam.
    """

    decoupled = False

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, amsgrad: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        settings = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, settings)

    def _check(self, group: Mapping[str, Any]) -> None:
        super()._check(group)
        self._at_least(group, 0.0, "eps")
        betas = group["betas"]
        pair = isinstance(betas, (tuple, list)) and len(betas) == 2 and all(isinstance(b, (int, float)) for b in betas)
        if not pair or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"{type(self).__name__}: betas must be two numbers from 0 up to 1, got {group['betas']}")

    def _memory(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        return ("step", "exp_avg", "exp_avg_sq", *(("max_exp_avg_sq",) if group["amsgrad"] else ()))

    def _update(self, p: tg.Tensor, g: NDArray[Any], state: State, group: dict[str, Any]) -> None:
        lr, eps, decay = float(group["lr"]), float(group["eps"]), float(group["weight_decay"])
        beta1, beta2 = map(float, group["betas"])
        step = state["step"] = state.get("step", 0) + 1
        m, v = self._remembered(state, "exp_avg", p), self._remembered(state, "exp_avg_sq", p)
        g = self._uphill(p, g, group["maximize"], 0.0 if self.decoupled else decay)
        if decay and self.decoupled:
            p *= 1.0 - lr * decay
        t = np.empty_like(g)  # the one temporary of the step
        np.subtract(g, m, out=t)
        t *= 1.0 - beta1
        m += t
        np.multiply(g, g, out=t)
        t *= 1.0 - beta2
        v *= beta2
        v += t
        if group["amsgrad"]:
            most = self._remembered(state, "max_exp_avg_sq", p)
            v = np.maximum(most, v, out=most)
        np.sqrt(v, out=t)
        t *= 1.0 / math.sqrt(1.0 - beta2**step)
        t += eps
        np.divide(m, t, out=t)
        t *= lr / (1.0 - beta1**step)
        p -= t


class AdamW(Adam):
    """Adam whose decay shrinks p by lr * weight_decay and stays out of the gradient.

    Source: Loshchilov and Hutter 2019, arXiv 1711.05101; torch.optim.AdamW.
    """

    decoupled = True

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
