"""What a recorded op costs: a chain of 1000 ops on arrays of 8 floats, forward and backward, beside torch's.

Run: python benchmarks/chain.py [rounds]. Prints microseconds an op and the ratio, medians over interleaved rounds.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable

for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402

import tapegrad as tg  # noqa: E402

OPS = 1000
X = np.random.default_rng(0).normal(size=8).astype(np.float32)
Y = (np.random.default_rng(1).normal(size=8) * 0.1 + 0.5).astype(np.float32)


def ours() -> tuple[Callable[[], object], Callable[[], object], Callable[[], np.ndarray]]:
    x, y = tg.tensor(X, requires_grad=True), tg.tensor(Y, requires_grad=True)
    seed = tg.ones(8, np.float32)

    def forward() -> tg.Tensor:
        h = x
        for _ in range(OPS // 5):
            h = tg.exp(tg.tanh(h * y + x) * y)
        return h

    def both() -> None:
        x.grad = y.grad = None
        forward().backward(seed)

    return forward, both, lambda: x.grad.numpy()


def theirs() -> tuple[Callable[[], object], Callable[[], object], Callable[[], np.ndarray]] | None:
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    x, y = torch.tensor(X, requires_grad=True), torch.tensor(Y, requires_grad=True)
    seed = torch.ones(8)

    def forward() -> torch.Tensor:
        h = x
        for _ in range(OPS // 5):
            h = torch.exp(torch.tanh(h * y + x) * y)
        return h

    def both() -> None:
        x.grad = y.grad = None
        forward().backward(seed)

    return forward, both, lambda: x.grad.numpy()


def microseconds(f: Callable[[], object]) -> float:
    """One call, per op."""
    start = time.perf_counter()
    f()
    return (time.perf_counter() - start) / OPS * 1e6


def main(rounds: int = 30) -> None:
    mine, other = ours(), theirs()
    if other is not None:  # a figure counts only for the same gradient
        mine[1](), other[1]()
        np.testing.assert_allclose(mine[2](), other[2](), rtol=1e-4)
    print("| microseconds an op | tapegrad | torch | ratio (10% to 90%) |\n|---|---|---|---|")
    for k, what in enumerate(("record", "record and backward")):
        a, b = [], []
        for _ in range(rounds):
            a.append(microseconds(mine[k]))
            if other is not None:
                b.append(microseconds(other[k]))
        line = f"| {what} | {statistics.median(a):.2f} |"
        if b:
            ratios = sorted(p / q for p, q in zip(a, b, strict=True))
            low, high = ratios[len(ratios) // 10], ratios[-len(ratios) // 10 - 1]
            line += f" {statistics.median(b):.2f} | {statistics.median(ratios):.2f} ({low:.2f} to {high:.2f}) |"
        else:
            line += " not installed | |"
        print(line)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
