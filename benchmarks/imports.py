"""How long `import` takes, in fresh processes with warm bytecode caches."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

__all__ = ["import_times", "report"]

NAMES = ("numpy", "tapegrad", "autograd", "jax", "mygrad", "torch")


def import_times(names: tuple[str, ...] = NAMES, rounds: int = 9) -> dict[str, float]:
    """Milliseconds by module, that of starting Python taken off; medians over rounds in which all take their turn."""
    with tempfile.TemporaryDirectory() as cache:
        env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        env["PYTHONPYCACHEPREFIX"] = cache

        def took(code: str) -> float | None:
            start = time.perf_counter()
            done = subprocess.run([sys.executable, "-c", code], env=env, stderr=subprocess.DEVNULL)
            return None if done.returncode else time.perf_counter() - start

        codes = {name: f"import {name}" for name in names if took(f"import {name}") is not None}
        times: dict[str, list[float]] = {name: [] for name in codes}
        for _ in range(rounds):
            start = took("pass") or 0.0
            for name, code in codes.items():
                times[name].append((took(code) or 0.0) - start)
    return {name: statistics.median(values) * 1e3 for name, values in times.items()}


def report() -> str:
    lines = ["| import | ms |", "|---|---|"]
    return "\n".join(lines + [f"| {name} | {ms:.0f} |" for name, ms in import_times().items()])
