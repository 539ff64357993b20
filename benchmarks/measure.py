"""How a row is measured: gradients compared first, then libraries in turn, round after round, in one process.

A ratio is taken within a round, so that what the machine does to one library it does to the other; the figure is the
median over rounds. Load from elsewhere is noticed by comparing what the machine did with what this process did.
"""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Load", "Result", "compare", "measure", "quantile"]

SAMPLE = 0.02  # seconds: a sample is as many calls as take this long
WARM = 0.05  # seconds of calls before a sample, while threads of the library before stop spinning (OpenBLAS: 25 ms)
DIRTY = 0.1  # of the cores' time taken by others: more, and the row says so


class Result(NamedTuple):
    """What a row came to. By library: `seconds` a call, and `ratios`, the time of the first one over its own."""

    row: str
    threads: int
    order: tuple[str, ...]
    seconds: dict[str, list[float]]
    ratios: dict[str, list[float]]
    missing: dict[str, str]
    load: float

    @property
    def dirty(self) -> bool:
        return self.load > DIRTY


def quantile(values: Sequence[float], q: float) -> float:
    """The value below which a share q of them lies, between neighbours in proportion."""
    ordered = sorted(values)
    place = q * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


class Load:
    """The share of all cores' time that others used, between `start` and `share`; 0 where the system does not tell."""

    def __init__(self) -> None:
        self.busy, self.own, self.wall = machine_seconds(), own_seconds(), time.perf_counter()

    def share(self) -> float:
        return other_load(
            machine_seconds() - self.busy, own_seconds() - self.own,
            (time.perf_counter() - self.wall) * (os.cpu_count() or 1),
        )  # fmt: skip


def other_load(busy: float, own: float, available: float) -> float:
    """The share of the available seconds that others used; clocks tick in hundredths, so a little below 0 is 0."""
    return max(0.0, busy - own) / available if available > 0 else 0.0


def machine_seconds() -> float:
    """Seconds that all cores together were busy or taken away, since the machine started."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            user, nice, system, _idle, _wait, irq, soft, steal = map(int, file.readline().split()[1:9])
    except OSError:
        return 0.0
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


def own_seconds() -> float:
    times = os.times()
    return times.user + times.system


def compare(steps: dict[str, Callable[[], list[Any]]], tolerance: float = 2e-3, kinks: bool = False) -> None:
    """Raise ValueError unless all libraries give the same gradients: the largest error counts, or with `kinks`, where
    float32 rounding may put single units of a deep net on one side or the other, the root of the squares' sum."""
    (first, truth), *others = [(name, [np.array(g, np.float64) for g in step()]) for name, step in steps.items()]
    for name, found in others:
        for k, (a, b) in enumerate(zip(truth, found, strict=True)):
            size: Any = np.linalg.norm if kinks else lambda v: np.abs(v).max(initial=0)
            error = float(size(a - b) / max(size(a), 1e-12))
            if not error < tolerance:
                raise ValueError(f"gradient {k} of {name} and of {first} differ by {error:.1e} of their size")


def once(step: Callable[[], Any], calls: int) -> float:
    """Seconds a call."""
    start = time.perf_counter()
    for _ in range(calls):
        step()
    return (time.perf_counter() - start) / calls


def warm(step: Callable[[], Any]) -> None:
    """Call the step for a while, as a loop that trains would."""
    end = time.perf_counter() + WARM
    while time.perf_counter() < end:
        step()


def measure(
    name: str, threads: int, steps: dict[str, Callable[[], list[Any]]], missing: dict[str, str], rounds: int,
    budget: float = 12.0, tolerance: float = 2e-3, kinks: bool = False,
) -> Result:  # fmt: skip
    """Time the steps in turn; fewer rounds (7 at least) where they would take longer than `budget` seconds."""
    compare(steps, tolerance, kinks)
    calls = {}
    total = 0.0
    for library, step in steps.items():
        took = min(once(step, 1) for _ in range(3))
        calls[library] = max(1, round(SAMPLE / max(took, 1e-9)))
        total += calls[library] * took
    rounds = max(7, min(rounds, int(budget / max(total, 1e-9))))
    seconds: dict[str, list[float]] = {library: [] for library in steps}
    load = Load()
    gc.collect()
    for k in range(rounds):
        order = list(steps) if k % 2 == 0 else list(steps)[::-1]
        for library in order:
            warm(steps[library])
            seconds[library].append(once(steps[library], calls[library]))
    base = seconds[next(iter(steps))]
    ratios = {library: [a / b for a, b in zip(base, times, strict=True)] for library, times in seconds.items()}
    return Result(name, threads, tuple(steps), seconds, ratios, missing, load.share())


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
