"""The baseline: convolution and max pooling as the loops of a course's first exercise, against ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import tapegrad as tg

__all__ = ["conv_loops", "pool_loops", "report"]


def conv_loops(x: Any, w: Any, g: Any, padding: int) -> list[Any]:
    """Convolution forward and backward, a window at a time: the gradients in x and w."""
    n, _, height, width = x.shape
    f, _, k, _ = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    out = np.zeros((n, f, height, width), x.dtype)
    for i in range(n):
        for j in range(f):
            for r in range(height):
                for c in range(width):
                    out[i, j, r, c] = np.sum(padded[i, :, r : r + k, c : c + k] * w[j])
    dx, dw = np.zeros_like(padded), np.zeros_like(w)
    for i in range(n):
        for j in range(f):
            for r in range(height):
                for c in range(width):
                    dw[j] += g[i, j, r, c] * padded[i, :, r : r + k, c : c + k]
                    dx[i, :, r : r + k, c : c + k] += g[i, j, r, c] * w[j]
    return [dx[:, :, padding : padding + height, padding : padding + width], dw]


def pool_loops(x: Any, g: Any, k: int) -> list[Any]:
    """Max pooling of k x k windows side by side, forward and backward, a window at a time."""
    n, channels, height, width = g.shape
    out, dx = np.zeros_like(g), np.zeros_like(x)
    for i in range(n):
        for j in range(channels):
            for r in range(height):
                for c in range(width):
                    window = x[i, j, r * k : r * k + k, c * k : c * k + k]
                    out[i, j, r, c] = np.max(window)
    for i in range(n):
        for j in range(channels):
            for r in range(height):
                for c in range(width):
                    window = x[i, j, r * k : r * k + k, c * k : c * k + k]
                    a, b = np.unravel_index(window.argmax(), window.shape)
                    dx[i, j, r * k + a, c * k + b] += g[i, j, r, c]
    return [dx]


def seconds(f: Callable[[], Any], rounds: int) -> float:
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        f()
        best = min(best, time.perf_counter() - start)
    return best


def report() -> str:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((4, 8, 16, 16)), rng.standard_normal((8, 8, 3, 3))
    g, small = rng.standard_normal((4, 8, 16, 16)), rng.standard_normal((4, 8, 8, 8))
    tx, tw = tg.tensor(x, requires_grad=True), tg.tensor(w, requires_grad=True)

    def conv() -> list[Any]:
        tx.grad = tw.grad = None
        tg.conv2d(tx, tw, padding=1).backward(g)
        return [tx.grad.numpy(), tw.grad.numpy()]

    def pool() -> list[Any]:
        tx.grad = None
        tg.max_pool2d(tx, 2).backward(small)
        return [tx.grad.numpy()]

    lines = ["| on 4,8,16,16, forward and backward | loops | tapegrad | times as fast |", "|---|---|---|---|"]
    for what, slow, fast in (
        ("conv to 8 channels, k3", lambda: conv_loops(x, w, g, 1), conv),
        ("max pool 2/2", lambda: pool_loops(x, small, 2), pool),
    ):
        for a, b in zip(slow(), fast(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
        a, b = seconds(slow, 2), seconds(fast, 50)
        lines.append(f"| {what} | {a * 1e3:.1f} ms | {b * 1e3:.3f} ms | {a / b:.0f} |")
    return "\n".join(lines)
