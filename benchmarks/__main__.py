"""`python -m benchmarks`: every row, ours beside the other libraries that are installed, for one and two threads."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
LIBRARIES = ("tapegrad", "torch", "jax", "autograd", "mygrad")


def environment(threads: int) -> dict[str, str]:
    """That of a process which uses so many threads, and BLAS as it chooses by itself."""
    env = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    env.update({name: str(threads) for name in THREADS})
    flags = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'} intra_op_parallelism_threads={threads}"
    return env | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONHASHSEED": "0"}


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", default="", help="only rows whose name holds this")
    parser.add_argument("--threads", default="1,2", help="numbers of threads, as in 1,2")
    parser.add_argument("--rounds", type=int, default=25, help="rounds a row, 7 at least")
    parser.add_argument("--libraries", default=",".join(LIBRARIES), help="which to compare, where installed")
    parser.add_argument(
        "--compiled", choices=("on", "off"), default="on", help="off: NumPy alone where numba is installed too"
    )
    parser.add_argument("--out", default="", help="a folder for results.md, results.json and results.svg")
    parser.add_argument("--growth", action="store_true", help="instead: cost as graphs, batches and images grow")
    parser.add_argument("--memory", action="store_true", help="instead: peak memory of a LeNet step")
    parser.add_argument("--imports", action="store_true", help="instead: import times")
    parser.add_argument("--loops", action="store_true", help="instead: the naive loops of the course file")
    parser.add_argument("--numpy", action="store_true", help="instead: beside NumPy itself")
    parser.add_argument("--worker", default="", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def worker(options: argparse.Namespace) -> None:
    """In a process of its own: measure all rows for one number of threads, and write them to a file."""
    from importlib import import_module

    from .measure import measure
    from .rows import ROWS, data

    threads = int(options.threads)
    libraries: dict[str, Any] = {}
    for name in options.libraries.split(","):
        try:
            libraries[name] = import_module(f"benchmarks.with_{name}")
        except ImportError as error:
            if name == "tapegrad":
                raise
            print(f"{name}: not installed ({error})", file=sys.stderr)
    for library in libraries.values():
        library.set_threads(threads)
    results = []
    for row in ROWS:
        if options.rows.lower() not in row.name.lower():
            continue
        arrays = data(row.kind, row.sizes)
        steps, missing = {}, {}
        for name, library in libraries.items():
            try:
                step = library.step(row.kind, row.sizes, arrays)
                step()
                steps[name] = step
            except Exception as error:  # another library may lack a function, or refuse a geometry
                if name == "tapegrad":
                    raise
                missing[name] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        deep = row.kind == "resnet"
        result = measure(
            row.name, threads, steps, missing, options.rounds, tolerance=1e-2 if deep else 2e-3, kinks=deep
        )
        results.append(result)
        shown = ", ".join(f"{k} {sorted(v)[len(v) // 2]:.2f}" for k, v in result.ratios.items() if k != "tapegrad")
        print(f"{threads} threads, {row.name}: {shown}{' DIRTY' if result.dirty else ''}", file=sys.stderr)
    versions = {name: library.version for name, library in libraries.items()}
    Path(options.worker).write_text(json.dumps({"versions": versions, "results": results}), encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    options = arguments(argv)
    if options.worker:
        worker(options)
        return 0
    if options.growth or options.memory or options.imports or options.loops or options.numpy:
        from . import beside_numpy, growth, imports, loops, memory

        for wanted, module in (
            (options.growth, growth), (options.memory, memory), (options.imports, imports), (options.loops, loops),
            (options.numpy, beside_numpy),
        ):  # fmt: skip
            if wanted:
                print(module.report())
        return 0
    import numpy as np

    from .measure import Result
    from .report import head, markdown, write
    from .rows import ROWS

    results: list[Result] = []
    versions: dict[str, str] = {"numpy": np.__version__}
    with tempfile.TemporaryDirectory() as folder:
        for threads in options.threads.split(","):
            file = Path(folder) / f"{threads}.json"
            command = [sys.executable, "-m", "benchmarks", "--worker", str(file), "--threads", threads]
            command += ["--rows", options.rows, "--rounds", str(options.rounds), "--libraries", options.libraries]
            env = environment(int(threads)) | {"TAPEGRAD_COMPILED": "1" if options.compiled == "on" else "0"}
            if subprocess.run(command, env=env).returncode:
                return 1
            raw = json.loads(file.read_text(encoding="utf-8"))
            versions |= raw["versions"]
            results += [Result(*r) for r in raw["results"]]
    targets = {(row.name, 1): row.one for row in ROWS} | {(row.name, 2): row.target for row in ROWS}
    libraries = [name for name in versions if name != "numpy"]
    text = head(versions) + ". Ratios are medians over rounds (10% to 90%), forward and backward, float32, NCHW.\n\n"
    text += markdown(results, libraries, targets)
    print(text)
    if options.out:
        write(Path(options.out), text, results, versions)
    return 0


if __name__ == "__main__":
    sys.exit(main())
