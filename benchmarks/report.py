"""What comes out: a table in markdown, the raw numbers as JSON, and a plot where matplotlib is installed."""

from __future__ import annotations

import datetime
import json
import platform
from pathlib import Path
from typing import Any

from .measure import DIRTY, Result, median, quantile

__all__ = ["machine", "markdown", "plot", "write"]


def machine() -> str:
    """The processor's name and the number of cores."""
    import os

    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = dict(line.split(":", 1) for line in file if ":" in line)
        name = {k.strip(): v.strip() for k, v in lines.items()}.get("model name", name)
    except OSError:
        pass
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def head(versions: dict[str, str]) -> str:
    today = datetime.date.today().isoformat()
    return f"{today}, {machine()}, " + ", ".join(f"{k} {v}" for k, v in versions.items())


def ratio_text(values: list[float]) -> str:
    """The median, and from where to where the middle 80% of rounds lie."""
    return f"{median(values):.2f} ({quantile(values, 0.1):.2f} to {quantile(values, 0.9):.2f})"


def time_text(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"


def markdown(results: list[Result], libraries: list[str], targets: dict[tuple[str, int], float | None]) -> str:
    """One table per number of threads: our time, and ours over each other library's. Below 1 we are quicker."""
    others = [name for name in libraries if name != "tapegrad"]
    parts = []
    for threads in sorted({r.threads for r in results}):
        lines = [
            f"{threads} thread{'s' if threads > 1 else ''}:\n",
            "| row | tapegrad | " + " | ".join(f"/ {name}" for name in others) + " | target, of torch |",
            "|---|---|" + "---|" * (len(others) + 1),
        ]
        rows = [r for r in results if r.threads == threads]
        for r in rows:
            cells = [ratio_text(r.ratios[name]) if name in r.ratios else "-" for name in others]
            target = targets.get((r.row, threads))
            mark = " (dirty)" if r.dirty else ""
            own = time_text(median(r.seconds["tapegrad"]))
            lines.append(f"| {r.row}{mark} | {own} | {' | '.join(cells)} | {'' if target is None else target} |")
        dirty = [r for r in rows if r.dirty]
        if dirty:
            worst = max(r.load for r in dirty)
            lines.append(
                f"\nDirty: during {len(dirty)} of {len(rows)} rows others used more than {DIRTY:.0%} of the cores "
                f"(up to {worst:.0%}). Do not quote them; run again on a quiet machine."
            )
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def plot(results: list[Result], path: Path) -> bool:
    """Ours over torch's for each row and number of threads, on a logarithmic axis; False without matplotlib."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
        from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
    except ImportError:
        return False
    shown = [r for r in results if "torch" in r.ratios]
    if not shown:
        return False
    names = list(dict.fromkeys(r.row for r in shown))[::-1]
    figure, axes = pyplot.subplots(figsize=(8, 0.34 * len(names) + 1.4), layout="constrained")
    threads = sorted({r.threads for r in shown})
    for k, (count, colour) in enumerate(zip(threads, ("#1f5fa8", "#d9822b", "#4a8f3c"), strict=False)):
        offset = (k - (len(threads) - 1) / 2) * 0.28
        for j, r in enumerate([r for r in shown if r.threads == count]):
            values = r.ratios["torch"]
            m, low, high = median(values), quantile(values, 0.1), quantile(values, 0.9)
            label = f"{count} thread{'s' if count > 1 else ''}" if j == 0 else None
            axes.errorbar(
                m, names.index(r.row) - offset, xerr=[[m - low], [high - m]], fmt="o", color=colour, ms=4,
                lw=1, alpha=0.35 if r.dirty else 1, label=label,
            )  # fmt: skip
    axes.axvline(1, color="#444444", lw=1)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    ticks = [t for t in (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10) if low <= t <= high]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.grid(axis="x", color="#dddddd", lw=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("time of tapegrad / time of torch eager, forward and backward (left of 1: tapegrad is quicker)")
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(path)
    pyplot.close(figure)
    return True


def write(folder: Path, text: str, results: list[Result], versions: dict[str, Any]) -> None:
    """results.md, results.json and results.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.md").write_text(text + "\n", encoding="utf-8")
    raw = {"head": head(versions), "results": [r._asdict() for r in results]}
    (folder / "results.json").write_text(json.dumps(raw, indent=1), encoding="utf-8")
    plot(results, folder / "results.svg")
