"""Beside NumPy itself: what a call through its protocols adds, indexing in a loop, einsum and linear algebra."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import tapegrad as tg

__all__ = ["PRODUCTS", "PROTOCOL", "loop_cost", "products", "protocol_cost", "report"]

ROUNDS = 15


def seconds(*calls: Callable[[], Any], rounds: int = ROUNDS, sample: float = 0.02) -> list[list[float]]:
    """Seconds a call of each, in turns: a list of rounds for each, so that ratios can be taken within a round."""
    counts = []
    for call in calls:
        start, n = time.perf_counter(), 0
        while time.perf_counter() - start < sample:
            call()
            n += 1
        counts.append(n)
    found: list[list[float]] = [[] for _ in calls]
    for k in range(rounds):
        order = range(len(calls)) if k % 2 else reversed(range(len(calls)))
        for i in order:
            start = time.perf_counter()
            for _ in range(counts[i]):
                calls[i]()
            found[i].append((time.perf_counter() - start) / counts[i])
    return found


PROTOCOL = ("add", "exp", "sum", "matmul", "concatenate", "where", "reshape")


def protocol_cost(name: str, rounds: int = ROUNDS) -> tuple[float, float]:
    """Microseconds of a recorded call through tg, and through NumPy, on 8 numbers (matmul: 3 x 3)."""
    x = tg.tensor(np.full((3, 3) if name == "matmul" else 8, 0.5), requires_grad=True)
    arguments: dict[str, tuple[Any, ...]] = {
        "add": (x, x), "matmul": (x, x), "concatenate": ([x, x],), "where": (x._data > 0, x, x), "reshape": (x, (4, 2)),
    }  # fmt: skip
    args = arguments.get(name, (x,))
    ours, theirs = getattr(tg, name), getattr(np, name)
    a, b = seconds(lambda: ours(*args), lambda: theirs(*args), rounds=rounds)
    return statistics.median(a) * 1e6, statistics.median(a) * 1e6 + statistics.median(
        [q - p for p, q in zip(a, b, strict=True)]
    ) * 1e6


def loop_cost(n: int, create_graph: bool = False) -> float:
    """Microseconds an element of `for i in range(n): s = s + x[i] * x[i]` and its backward."""
    x = tg.tensor(np.linspace(-1, 1, n), requires_grad=True)
    start = time.perf_counter()
    s: Any = 0.0
    for i in range(n):
        s = s + x[i] * x[i]
    tg.grad(s, x, create_graph=create_graph)
    return (time.perf_counter() - start) / n * 1e6


def fill_cost(n: int) -> float:
    """Microseconds an element of `y[i] = x[i] * 2.0` in a loop, and its backward."""
    x = tg.tensor(np.linspace(-1, 1, n), requires_grad=True)
    start = time.perf_counter()
    y = tg.zeros(n)
    for i in range(n):
        y[i] = x[i] * 2.0
    tg.grad(y.sum(), x)
    return (time.perf_counter() - start) / n * 1e6


def _well(n: int, *lead: int) -> Any:
    return np.random.default_rng(0).normal(size=(*lead, n, n)) + n * np.eye(n)


def _hermitian(n: int) -> Any:
    a = _well(n)
    return a @ a.T


def _normal(*shape: int) -> Any:
    return np.random.default_rng(1).normal(size=shape)


# name, the function, arrays
PRODUCTS: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    ("einsum ij,jk->ik 200", lambda a, b: np.einsum("ij,jk->ik", a, b, optimize=True), (_normal(200, 200),) * 2),
    (
        "einsum bij,bjk->bik 32 x 40",
        lambda a, b: np.einsum("bij,bjk->bik", a, b, optimize=True),
        (_normal(32, 40, 40),) * 2,
    ),
    ("einsum ijk,jil->kl 30", lambda a, b: np.einsum("ijk,jil->kl", a, b, optimize=True), (_normal(30, 30, 30),) * 2),
    (
        "einsum ij,jk,kl->il 100",
        lambda a, b, c: np.einsum("ij,jk,kl->il", a, b, c, optimize=True),
        (_normal(100, 100),) * 3,
    ),
    ("einsum bi,bi->b 1000 x 64", lambda a, b: np.einsum("bi,bi->b", a, b, optimize=True), (_normal(1000, 64),) * 2),
    ("matmul 200", np.matmul, (_normal(200, 200),) * 2),
    ("tensordot 30", lambda a, b: np.tensordot(a, b, 2), (_normal(30, 30, 30),) * 2),
    ("outer 300", np.outer, (_normal(300), _normal(300))),
    ("vecdot 1000 x 64", np.vecdot, (_normal(1000, 64),) * 2),
    ("multi_dot 100", lambda a, b, c: np.linalg.multi_dot([a, b, c]), (_normal(100, 100),) * 3),
    ("solve 200, 200 right sides", np.linalg.solve, (_well(200), _normal(200, 200))),
    ("inv 200", np.linalg.inv, (_well(200),)),
    ("inv 64 x 16", np.linalg.inv, (_well(16, 64),)),
    ("det 200", np.linalg.det, (_well(200) / 200,)),
    ("slogdet 200", lambda a: np.linalg.slogdet(a)[1], (_well(200),)),
    ("cholesky 200", np.linalg.cholesky, (_hermitian(200),)),
    ("qr 200", lambda a: np.linalg.qr(a), (_normal(200, 200),)),
    ("eigh 200", lambda a: np.linalg.eigh(a), (_hermitian(200),)),
    ("svd 200", lambda a: np.linalg.svd(a, full_matrices=False), (_normal(200, 200),)),
    ("svdvals 200", lambda a: np.linalg.svd(a, compute_uv=False), (_normal(200, 200),)),
    ("pinv 200 x 100", np.linalg.pinv, (_normal(200, 100),)),
    ("lstsq 200 x 50", lambda a, b: np.linalg.lstsq(a, b)[0], (_normal(200, 50), _normal(200))),
    ("eigvals 100", np.linalg.eigvals, (_normal(100, 100),)),
    ("norm of rows 300", lambda a: np.linalg.norm(a, axis=1), (_normal(300, 300),)),
    ("fft 2**14", np.fft.fft, (_normal(2**14),)),
    ("rfftn 32 x 32 x 32", np.fft.rfftn, (_normal(32, 32, 32),)),
]


def _several(x: Any) -> list[Any]:
    return list(x) if isinstance(x, tuple) else [x]


def products(name: str, f: Callable[..., Any], arrays: tuple[Any, ...], rounds: int = 9) -> tuple[float, float, float]:
    """NumPy's own milliseconds; ours forward over NumPy's; our backward over NumPy's forward. Medians of ratios."""
    leaves = [tg.tensor(a, requires_grad=True) for a in arrays]
    outs = [t for t in _several(f(*leaves)) if t.requires_grad]
    seeds = [np.ones(t.shape, t.dtype) for t in outs]
    plain, forward, backward = seconds(
        lambda: f(*arrays), lambda: f(*leaves), lambda: tg.grad(outs, leaves, seeds, retain_graph=True), rounds=rounds
    )
    ratio = lambda one: statistics.median([a / b for a, b in zip(one, plain, strict=True)])
    return statistics.median(plain) * 1e3, ratio(forward), ratio(backward)


def report() -> str:
    lines = ["| call, recorded | tg, us | numpy, us | more, us |", "|---|---|---|---|"]
    for name in PROTOCOL:
        ours, theirs = protocol_cost(name)
        lines.append(f"| {name} | {ours:.2f} | {theirs:.2f} | {theirs - ours:.2f} |")
    lines += [
        "",
        "| elements | s = s + x[i] * x[i], us | with create_graph, us | y[i] = 2 * x[i], us |",
        "|---|---|---|---|",
    ]
    for n in (100, 1_000, 10_000, 100_000):
        lines.append(f"| {n:,} | {loop_cost(n):.2f} | {loop_cost(n, True):.2f} | {fill_cost(n):.2f} |")
    lines += ["", "| function | NumPy, ms | forward / NumPy | backward / NumPy's forward |", "|---|---|---|---|"]
    for name, f, arrays in PRODUCTS:
        own, forward, backward = products(name, f, arrays)
        lines.append(f"| {name} | {own:.3g} | {forward:.2f} | {backward:.2f} |")
    return "\n".join(lines)
