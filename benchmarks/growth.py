"""Cost as things grow: an op of a graph of 10 to 1,000,000 nodes, an element of larger batches and images."""

from __future__ import annotations

import time

import numpy as np

import tapegrad as tg

__all__ = ["conv_cost", "graph_cost", "report"]


def graph_cost(nodes: int, rounds: int = 3) -> float:
    """Microseconds an op, forward and backward, of a chain of so many ops on 8 floats; the best of some rounds."""
    x = tg.tensor(np.full(8, 0.5, np.float32), requires_grad=True)
    w = tg.tensor(np.full(8, 0.9, np.float32), requires_grad=True)
    best = float("inf")
    for _ in range(rounds * max(1, 1000 // nodes)):
        x.grad = w.grad = None
        start = time.perf_counter()
        h = x
        for _ in range(nodes // 2):
            h = h * w + x
        h.sum().backward()
        del h
        best = min(best, time.perf_counter() - start)
    return best / nodes * 1e6


def conv_cost(batch: int, side: int, rounds: int = 5) -> float:
    """Nanoseconds an output element of conv2d of 16 to 16 channels, 3x3, forward and backward."""
    rng = np.random.default_rng(0)
    x = tg.tensor(rng.standard_normal((batch, 16, side, side)).astype(np.float32), requires_grad=True)
    w = tg.tensor(rng.standard_normal((16, 16, 3, 3)).astype(np.float32), requires_grad=True)
    seed = tg.ones((batch, 16, side, side), np.float32)
    best = float("inf")
    for _ in range(rounds):
        x.grad = w.grad = None
        start = time.perf_counter()
        tg.conv2d(x, w, padding=1).backward(seed)
        best = min(best, time.perf_counter() - start)
    return best / seed.size * 1e9


def report() -> str:
    lines = ["| nodes in the graph | microseconds an op |", "|---|---|"]
    lines += [f"| {n:,} | {graph_cost(n):.2f} |" for n in (10, 100, 1_000, 10_000, 100_000, 1_000_000)]
    lines += ["", "| batch | image | ns an output element of conv2d 16 -> 16, k3 |", "|---|---|---|"]
    lines += [f"| {b} | 32 x 32 | {conv_cost(b, 32):.1f} |" for b in (1, 4, 16, 64, 256)]
    lines += [f"| 4 | {s} x {s} | {conv_cost(4, s):.1f} |" for s in (8, 16, 64, 128, 256)]
    return "\n".join(lines)
