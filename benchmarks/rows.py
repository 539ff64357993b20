"""The workloads: their names, sizes and data, as NumPy arrays, the same for every library."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

__all__ = ["ROWS", "Row", "data", "resnet_layers"]


class Row(NamedTuple):
    """One line of the table: what is computed (`kind`) on what sizes, and the target on two threads."""

    name: str
    kind: str
    sizes: tuple[Any, ...]
    target: float | None = None
    one: float | None = None  # the target on one thread


def conv(*sizes: int, groups: int = 1) -> tuple[int, ...]:
    return (*sizes, groups)


# sizes of a convolution: N, C, H, W, F, k, stride, padding, groups
ROWS = [
    Row("chain of 1000 ops on 8 floats", "chain", (1000, 8), 0.45, 0.45),
    Row("MLP step, batch 64", "mlp", (64,), 1.0, 1.04),
    Row("MLP step, batch 512", "mlp", (512,), 1.0, 1.06),
    Row("conv 32,3,32,32 -> 32, k3", "conv", conv(32, 3, 32, 32, 32, 3, 1, 1), 1.4, 1.15),
    Row("conv 32,32,32,32 -> 64, k3", "conv", conv(32, 32, 32, 32, 64, 3, 1, 1), 1.3, 1.24),
    Row("conv 64,64,16,16 -> 64, k3", "conv", conv(64, 64, 16, 16, 64, 3, 1, 1), 1.3, 1.23),
    Row("conv 16,64,56,56 -> 64, k3", "conv", conv(16, 64, 56, 56, 64, 3, 1, 1), 1.0, 0.75),
    Row("conv 32,1,28,28 -> 8, k5", "conv", conv(32, 1, 28, 28, 8, 5, 1, 2), 1.2, 1.6),
    Row("conv 8,128,28,28 -> 128, k1", "conv", conv(8, 128, 28, 28, 128, 1, 1, 0), 1.0, 1.25),
    Row("conv 8,64,56,56 -> 128, k3 s2", "conv", conv(8, 64, 56, 56, 128, 3, 2, 1), 1.2, 1.26),
    Row("depthwise 8,64,56,56, k3", "conv", conv(8, 64, 56, 56, 64, 3, 1, 1, groups=64), 2.0, 3.1),
    Row("max pool 2/2 on 32,64,32,32", "pool", ("max", 32, 64, 32, 32, 2, 2), 0.7, 0.62),
    Row("max pool 3/2 on 32,64,32,32", "pool", ("max", 32, 64, 32, 32, 3, 2), 1.0, 1.38),
    Row("average pool 2/2 on 32,64,32,32", "pool", ("avg", 32, 64, 32, 32, 2, 2), 0.6, 0.72),
    Row("batch norm 32,64,32,32", "batch_norm", (32, 64, 32, 32), 1.2, 1.26),
    Row("batch norm 64,16,28,28", "batch_norm", (64, 16, 28, 28), 1.3, 1.84),
    Row("layer norm 8192,256", "layer_norm", (8192, 256)),
    Row("gelu of 1e6", "gelu", (1_000_000,)),
    Row("cross entropy 4096,100", "cross_entropy", (4096, 100)),
    Row("elementwise chain, 1e6", "elementwise", (1_000_000,), 1.0, 0.69),
    Row("elementwise chain, 1e7", "elementwise", (10_000_000,), 0.6, 0.25),
    Row("LeNet step, batch 64", "lenet", (64,), 1.2),
    Row("ResNet step, batch 32 of 3x32x32", "resnet", (32,), 1.3),
]

TINY = {  # the same kinds at sizes for a check that they run
    "chain": (12, 4), "mlp": (4,), "conv": conv(2, 2, 6, 6, 4, 3, 1, 1), "pool": ("max", 2, 2, 6, 6, 2, 2),
    "batch_norm": (3, 2, 4, 4), "layer_norm": (5, 8), "gelu": (11,), "cross_entropy": (6, 5), "elementwise": (50,),
    "lenet": (2,), "resnet": (2,),
}  # fmt: skip


def resnet_layers() -> list[tuple[str, int, int, int, int]]:
    """(name, channels in, channels out, kernel, stride) of a ResNet with stages of 16, 32 and 64, two blocks each."""
    layers = [("stem", 3, 16, 3, 1)]
    channels = 16
    for stage, width in enumerate((16, 32, 64)):
        for block in range(2):
            stride = 2 if stage and not block else 1
            layers.append((f"{stage}{block}a", channels, width, 3, stride))
            layers.append((f"{stage}{block}b", width, width, 3, 1))
            if stride != 1:
                layers.append((f"{stage}{block}d", channels, width, 1, stride))
            channels = width
    return layers


def data(kind: str, sizes: tuple[Any, ...]) -> dict[str, Any]:
    """The arrays of a row: `inputs` are what gradients are taken in, in order; the rest are constants."""
    rng = np.random.default_rng(0)

    def normal(*shape: int, scale: float = 1.0) -> np.ndarray:
        return (rng.standard_normal(shape) * scale).astype(np.float32)

    if kind == "chain":
        n = sizes[1]
        return {"inputs": [normal(n), (rng.random(n) * 0.5).astype(np.float32), normal(n, scale=0.1)]}
    if kind == "mlp":
        inputs = []
        for a, b in ((784, 256), (256, 128), (128, 10)):
            inputs += [normal(a, b, scale=(2 / a) ** 0.5), np.zeros(b, np.float32)]
        return {"inputs": inputs, "x": normal(sizes[0], 784), "labels": rng.integers(0, 10, sizes[0])}
    if kind == "conv":
        n, c, h, w, f, k, stride, padding, groups = sizes
        out = (h + 2 * padding - k) // stride + 1, (w + 2 * padding - k) // stride + 1
        return {"inputs": [normal(n, c, h, w), normal(f, c // groups, k, k, scale=0.1)], "seed": normal(n, f, *out)}
    if kind == "pool":
        _, n, c, h, w, k, stride = sizes
        return {
            "inputs": [normal(n, c, h, w)],
            "seed": normal(n, c, (h - k) // stride + 1, (w - k) // stride + 1),
        }
    if kind in ("batch_norm", "layer_norm"):
        features = sizes[1]
        weight = (rng.random(features) + 0.5).astype(np.float32)
        return {"inputs": [normal(*sizes), weight, normal(features)], "seed": normal(*sizes)}
    if kind == "gelu":
        return {"inputs": [normal(*sizes)], "seed": normal(*sizes)}
    if kind == "cross_entropy":
        return {"inputs": [normal(*sizes)], "labels": rng.integers(0, sizes[1], sizes[0])}
    if kind == "elementwise":
        return {"inputs": [normal(*sizes), normal(*sizes)]}
    if kind == "lenet":
        inputs = [
            normal(8, 1, 3, 3, scale=0.3), np.ones(8, np.float32), np.zeros(8, np.float32),
            normal(16, 8, 3, 3, scale=0.15), np.ones(16, np.float32), np.zeros(16, np.float32),
            normal(16 * 7 * 7, 10, scale=0.03), np.zeros(10, np.float32),
        ]  # fmt: skip
        return {"inputs": inputs, "x": normal(sizes[0], 1, 28, 28), "labels": rng.integers(0, 10, sizes[0])}
    if kind == "resnet":
        inputs = []
        for _, a, b, k, _ in resnet_layers():
            inputs += [
                normal(b, a, k, k, scale=(2 / (a * k * k)) ** 0.5), np.ones(b, np.float32), np.zeros(b, np.float32)
            ]  # fmt: skip
        inputs += [normal(64, 10, scale=0.1), np.zeros(10, np.float32)]
        return {"inputs": inputs, "x": normal(sizes[0], 3, 32, 32), "labels": rng.integers(0, 10, sizes[0])}
    raise ValueError(f"data: there is no kind {kind!r}")
