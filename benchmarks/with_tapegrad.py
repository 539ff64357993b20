"""The rows in tapegrad."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tapegrad as tg

from .nets import forward

name = "tapegrad"
version = f"{tg.__version__} ({'kernels compiled by numba' if tg.compiled_kernels() else 'NumPy alone'})"


def set_threads(n: int) -> None:
    tg.set_num_threads(n)


class Library:
    tanh, exp, sin, relu, sum = tg.tanh, tg.exp, tg.sin, staticmethod(tg.relu), staticmethod(tg.sum)
    logsumexp, gelu, cross_entropy = staticmethod(tg.logsumexp), staticmethod(tg.gelu), staticmethod(tg.cross_entropy)
    reshape, mean = staticmethod(tg.reshape), staticmethod(tg.mean)

    @staticmethod
    def conv(x: Any, w: Any, stride: int, padding: int, groups: int) -> Any:
        return tg.conv2d(x, w, stride=stride, padding=padding, groups=groups)

    @staticmethod
    def max_pool(x: Any, k: int, stride: int) -> Any:
        return tg.max_pool2d(x, k, stride)

    @staticmethod
    def mean_pool(x: Any, k: int, stride: int) -> Any:
        return tg.avg_pool2d(x, k, stride)

    @staticmethod
    def batch_norm(x: Any, weight: Any, bias: Any) -> Any:
        return tg.batch_norm(x, None, None, weight, bias, training=True)

    @staticmethod
    def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
        return tg.layer_norm(x, weight.shape, weight, bias)


def step(kind: str, sizes: tuple[Any, ...], data: dict[str, Any]) -> Callable[[], list[Any]]:
    """A function that computes the gradients in all inputs, as arrays."""
    leaves = [tg.tensor(a, requires_grad=True) for a in data["inputs"]]
    constants = {k: tg.tensor(v) if k != "labels" else v for k, v in data.items() if k != "inputs"}

    def go() -> list[Any]:
        for t in leaves:
            t.grad = None
        forward(Library, kind, sizes, leaves, constants).backward(constants.get("seed"))
        return [t.grad.numpy() for t in leaves]

    return go
