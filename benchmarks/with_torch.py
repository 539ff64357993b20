"""The rows in PyTorch, eager, contiguous NCHW."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from .nets import forward

name, version = "torch", torch.__version__


def set_threads(n: int) -> None:
    torch.set_num_threads(n)


class Library:
    tanh, exp, sin, relu, sum, gelu = torch.tanh, torch.exp, torch.sin, torch.relu, torch.sum, F.gelu
    cross_entropy, reshape, mean = staticmethod(F.cross_entropy), torch.reshape, torch.mean

    @staticmethod
    def logsumexp(x: Any) -> Any:
        return torch.logsumexp(x, 0)

    @staticmethod
    def conv(x: Any, w: Any, stride: int, padding: int, groups: int) -> Any:
        return F.conv2d(x, w, stride=stride, padding=padding, groups=groups)

    @staticmethod
    def max_pool(x: Any, k: int, stride: int) -> Any:
        return F.max_pool2d(x, k, stride)

    @staticmethod
    def mean_pool(x: Any, k: int, stride: int) -> Any:
        return F.avg_pool2d(x, k, stride)

    @staticmethod
    def batch_norm(x: Any, weight: Any, bias: Any) -> Any:
        return F.batch_norm(x, None, None, weight, bias, training=True)

    @staticmethod
    def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
        return F.layer_norm(x, weight.shape, weight, bias)


def step(kind: str, sizes: tuple[Any, ...], data: dict[str, Any]) -> Callable[[], list[Any]]:
    """A function that computes the gradients in all inputs, as arrays."""
    leaves = [torch.tensor(a, requires_grad=True) for a in data["inputs"]]
    constants = {k: torch.tensor(v) for k, v in data.items() if k != "inputs"}

    def go() -> list[Any]:
        for t in leaves:
            t.grad = None
        forward(Library, kind, sizes, leaves, constants).backward(constants.get("seed"))
        return [t.grad.numpy() for t in leaves]

    return go
