"""Peak memory of a LeNet step in a fresh process: all of it, and what the step added to the imports."""

from __future__ import annotations

import subprocess
import sys

__all__ = ["peak", "report"]

CODE = """
import resource, sys
from importlib import import_module
from benchmarks.rows import data
scale = 1 if sys.platform == "darwin" else 1024
library = import_module("benchmarks.with_{name}")
arrays = data("lenet", (64,))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
step = library.step("lenet", (64,), arrays)
for _ in range(5):
    step()
print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale)
"""


def peak(name: str) -> tuple[float, float]:
    """MB at the peak after the imports, and after five steps."""
    done = subprocess.run(
        [sys.executable, "-c", CODE.replace("{name}", name)], capture_output=True, text=True, check=True
    )
    before, after = (int(n) / 2**20 for n in done.stdout.split())
    return before, after


def report() -> str:
    lines = ["| LeNet step, batch 64 | peak, MB | of it added by the steps, MB |", "|---|---|---|"]
    for name in ("tapegrad", "torch", "jax", "autograd", "mygrad"):
        try:
            before, after = peak(name)
        except subprocess.CalledProcessError:
            lines.append(f"| {name} | - | - |")
            continue
        lines.append(f"| {name} | {after:.0f} | {after - before:.0f} |")
    return "\n".join(lines)
