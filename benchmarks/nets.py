"""The forward of each kind of row, written once for every library that has these few functions under one roof.

A library is an object with: tanh, exp, sin, relu, sum, logsumexp, conv, max_pool, mean_pool, batch_norm, layer_norm,
gelu, cross_entropy, reshape, mean. What it lacks it leaves out; rows that need it show as "-".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .rows import resnet_layers

__all__ = ["forward"]


def forward(lib: Any, kind: str, sizes: tuple[Any, ...], leaves: Sequence[Any], constants: dict[str, Any]) -> Any:
    """The output whose gradient in the leaves is asked for; not a scalar where there is a seed."""
    return FORWARDS[kind](lib, sizes, leaves, constants)


def chain(lib: Any, sizes: tuple[Any, ...], leaves: Sequence[Any], constants: dict[str, Any]) -> Any:
    h, w, b = leaves
    for _ in range(sizes[0] // 4):
        h = lib.exp(lib.tanh(h * w + b))
    return lib.sum(h)


def mlp(lib: Any, sizes: tuple[Any, ...], leaves: Sequence[Any], constants: dict[str, Any]) -> Any:
    a, b, c, d, e, f = leaves
    h = lib.relu(constants["x"] @ a + b)
    return lib.cross_entropy(lib.relu(h @ c + d) @ e + f, constants["labels"])


def conv(lib: Any, sizes: tuple[Any, ...], leaves: Sequence[Any], constants: dict[str, Any]) -> Any:
    stride, padding, groups = sizes[6:]
    return lib.conv(*leaves, stride, padding, groups)


def pool(lib: Any, sizes: tuple[Any, ...], leaves: Sequence[Any], constants: dict[str, Any]) -> Any:
    return (lib.max_pool if sizes[0] == "max" else lib.mean_pool)(leaves[0], *sizes[-2:])


def batch_norm(lib: Any, sizes: tuple[Any, ...], leaves: Sequence[Any], constants: dict[str, Any]) -> Any:
    return lib.batch_norm(*leaves)


def layer_norm(lib: Any, sizes: tuple[Any, ...], leaves: Sequence[Any], constants: dict[str, Any]) -> Any:
    return lib.layer_norm(*leaves)


def gelu(lib: Any, sizes: tuple[Any, ...], leaves: Sequence[Any], constants: dict[str, Any]) -> Any:
    return lib.gelu(leaves[0])


def cross_entropy(lib: Any, sizes: tuple[Any, ...], leaves: Sequence[Any], constants: dict[str, Any]) -> Any:
    return lib.cross_entropy(leaves[0], constants["labels"])


def elementwise(lib: Any, sizes: tuple[Any, ...], leaves: Sequence[Any], constants: dict[str, Any]) -> Any:
    x, y = leaves
    a = x * y + lib.sin(x)
    b = lib.tanh(a) * y
    return lib.logsumexp(lib.exp(-(b * b)) + a / (1 + y * y))


def lenet(lib: Any, sizes: tuple[Any, ...], leaves: Sequence[Any], constants: dict[str, Any]) -> Any:
    h = constants["x"]
    for k in (0, 3):
        h = lib.max_pool(lib.relu(lib.batch_norm(lib.conv(h, leaves[k], 1, 1, 1), *leaves[k + 1 : k + 3])), 2, 2)
    return lib.cross_entropy(lib.reshape(h, (sizes[0], -1)) @ leaves[6] + leaves[7], constants["labels"])


def resnet(lib: Any, sizes: tuple[Any, ...], leaves: Sequence[Any], constants: dict[str, Any]) -> Any:
    weights = {
        name: (leaves[3 * i : 3 * i + 3], kernel, stride)
        for i, (name, _, _, kernel, stride) in enumerate(resnet_layers())
    }

    def normed(name: str, h: Any) -> Any:
        (w, scale, shift), kernel, stride = weights[name]
        return lib.batch_norm(lib.conv(h, w, stride, kernel // 2, 1), scale, shift)

    h = lib.relu(normed("stem", constants["x"]))
    for block in ("00", "01", "10", "11", "20", "21"):
        short = normed(block + "d", h) if block + "d" in weights else h
        h = lib.relu(normed(block + "b", lib.relu(normed(block + "a", h))) + short)
    return lib.cross_entropy(lib.mean(h, (2, 3)) @ leaves[-2] + leaves[-1], constants["labels"])


FORWARDS = {
    f.__name__: f
    for f in (
        chain, mlp, conv, pool, batch_norm, layer_norm, gelu, cross_entropy, elementwise, lenet, resnet,
    )
}  # fmt: skip
