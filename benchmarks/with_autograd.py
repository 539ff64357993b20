"""The rows in autograd. It has no convolution or pooling worth the name; rows that need one show as "-"."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version as installed
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import value_and_grad
from autograd.scipy.special import logsumexp

from .nets import forward

name, version = "autograd", installed("autograd")


def set_threads(n: int) -> None:
    """Set in the environment, by the parent process."""


class Library:
    tanh, exp, sin, sum, reshape, mean, logsumexp = (
        anp.tanh, anp.exp, anp.sin, anp.sum, anp.reshape, anp.mean, logsumexp,
    )  # fmt: skip

    @staticmethod
    def relu(x: Any) -> Any:
        return anp.maximum(x, 0)

    @staticmethod
    def cross_entropy(x: Any, labels: Any) -> Any:
        return anp.mean(logsumexp(x, 1) - x[np.arange(len(labels)), labels])

    @staticmethod
    def batch_norm(x: Any, weight: Any, bias: Any) -> Any:
        mean = anp.mean(x, (0, 2, 3), keepdims=True)
        centred = x - mean
        var = anp.mean(centred * centred, (0, 2, 3), keepdims=True)
        return centred / anp.sqrt(var + 1e-5) * weight[:, None, None] + bias[:, None, None]

    @staticmethod
    def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
        centred = x - anp.mean(x, -1, keepdims=True)
        var = anp.mean(centred * centred, -1, keepdims=True)
        return centred / anp.sqrt(var + 1e-5) * weight + bias


def step(kind: str, sizes: tuple[Any, ...], data: dict[str, Any]) -> Callable[[], list[Any]]:
    """A function that computes the gradients in all inputs, as arrays."""
    constants = {k: v for k, v in data.items() if k != "inputs"}

    def loss(leaves: Any) -> Any:
        out = forward(Library, kind, sizes, leaves, constants)
        return anp.sum(out * constants["seed"]) if "seed" in constants else out

    both = value_and_grad(loss)
    leaves = list(data["inputs"])
    return lambda: list(both(leaves)[1])
