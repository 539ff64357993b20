"""The command line: `tapegrad demo`, `draw`, `check`, `ops`, `compile`.

Reads arguments and prints; the work is done elsewhere.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import math
import re
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tapegrad as tg

from .catalogue import find, listing, markdown
from .expression import ExpressionError, evaluate, value_of
from .precompile import precompile

__all__ = ["main"]

SUFFIXES = (".svg", ".png", ".pdf", ".gv", ".dot")
MOST = 10_000_000  # elements of a random input of `check`
INTERRUPTED = 130  # what a shell expects of a program that Ctrl-C ended


class CommandError(Exception):
    """A mistake in how the command was called, or in a file it was given: printed without a traceback."""


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="tapegrad", description="Automatic differentiation on NumPy arrays, of which you can see everything."
    )
    p.add_argument("--version", action="version", version=f"tapegrad {tg.__version__}")
    commands = p.add_subparsers(dest="command", metavar="COMMAND", required=True)

    demo = commands.add_parser("demo", help="train a convolutional network on handwritten digits and draw its tape")
    demo.add_argument("--epochs", type=int, default=None, help="passes over the training set")
    demo.add_argument("--seed", type=int, default=0, help="of the split, the weights and the order (default 0)")
    demo.add_argument("-o", "--output", default="tapegrad-demo.svg", help="where the drawing goes (.svg, .png, .pdf)")

    draw = commands.add_parser("draw", help='evaluate an expression and draw it: draw "tanh(a*b + c)" a=2 b=-3 c=10')
    draw.add_argument("expression", help="NumPy's functions and operators, by name")
    draw.add_argument("values", nargs="*", metavar="name=value", help="numbers, or lists of numbers: x=[1,2,3]")
    draw.add_argument("-o", "--output", default="expression.svg", help="where the picture goes (.svg, .png, .pdf, .gv)")
    draw.add_argument("--theme", choices=("light", "dark"), default="light")

    check = commands.add_parser("check", help="is a hand-written backward right? check file.py:forward,backward x=3,4")
    check.add_argument("functions", metavar="FILE.py:FORWARD,BACKWARD")
    check.add_argument(
        "values", nargs="*", metavar="name=value",
        help="inputs in the forward's order: a shape as 3,4 is filled at random, "
        "anything else is read as a Python literal; left out, the file's `inputs` are used",
    )  # fmt: skip
    check.add_argument("--seed", type=int, default=0, help="of the random inputs (default 0)")

    ops = commands.add_parser("ops", help="what is registered, with its gradient")
    ops.add_argument("pattern", nargs="?", default="", help="only ops whose name holds this")
    ops.add_argument("--markdown", action="store_true", help="as a page of the docs")

    commands.add_parser("compile", help="compile the kernels that numba speeds up now, not when they are first used")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit status."""
    args = parser().parse_args(argv)
    try:
        status: int = COMMANDS[args.command](args)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print("\ninterrupted; nothing was left half-written", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, as in `tapegrad ops | head`, has seen enough
        sys.stderr.close()
        return 0
    except (CommandError, ExpressionError) as error:
        print(f"tapegrad {args.command}: {error}", file=sys.stderr)
        return 2


def run_demo(args: argparse.Namespace) -> int:
    from .demo import DemoError, run  # a door: only this command needs nn and scikit-learn

    if args.epochs is not None and args.epochs < 1:
        raise CommandError(f"--epochs must be at least 1, got {args.epochs}")
    if not 0 <= args.seed < 2**32:
        raise CommandError(f"--seed must be from 0 to 2**32 - 1, got {args.seed}")
    _writable(args.output)  # before the work, not after it
    try:
        run(args.epochs, args.seed, args.output)
    except DemoError as error:
        raise CommandError(str(error)) from error
    return 0


def _writable(path: str) -> None:
    """Refuse a place that no picture can be written to."""
    file = Path(path)
    if file.suffix not in SUFFIXES:
        raise CommandError(f"{path}: a picture's name ends in {', '.join(SUFFIXES)}")
    if not file.parent.is_dir():
        raise CommandError(f"{path}: there is no folder {file.parent}")


def _pairs(values: Sequence[str]) -> list[tuple[str, str]]:
    """name=value words as pairs, with a clear word on what is wrong."""
    pairs: list[tuple[str, str]] = []
    for word in values:
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            raise CommandError(f"{word!r} is not name=value, as in a=2")
        if name in dict(pairs):
            raise CommandError(f"{name} is given twice")
        pairs.append((name, value))
    return pairs


def run_draw(args: argparse.Namespace) -> int:
    _writable(args.output)
    variables = {}
    for name, value in _pairs(args.values):
        variables[name] = value_of(name, value)
    out = evaluate(args.expression, variables)
    if isinstance(out, (tuple, list)):
        raise ExpressionError(args.expression, 0, f"this gives {len(out)} results; draw one of them, as in (...)[0]")
    if not isinstance(out, tg.Tensor) or not out.requires_grad:
        shown = out.tolist() if hasattr(out, "tolist") else out
        raise ExpressionError(
            args.expression, 0, f"this is {shown}, and does not depend on a variable: nothing to draw"
        )
    if np.iscomplexobj(out.data):
        raise ExpressionError(args.expression, 0, "the result is complex; take its real or imag part")
    loss = out if out.size == 1 else out.sum()
    if loss.name is None:
        loss.name = "out"
    loss.backward(retain_graph=True)
    print(f"{args.expression} = {_shown(out.data)}")
    if out.size > 1:
        print("gradients are those of the sum of all elements")
    width = max(len(name) for name in variables)
    for name, t in variables.items():
        gradient = "not used" if t.grad is None else _shown(t.grad.data)
        print(f"  {name:<{width}} = {_shown(t.data):<12}  gradient {gradient}")
    _write(lambda: tg.draw(loss, path=args.output, theme=args.theme), args.output)
    return 0


def _shown(a: Any) -> str:
    return f"{a.item():.6g}" if a.size == 1 else " ".join(np.array2string(a, precision=6, separator=", ").split())


def _write(draw: Any, path: str) -> None:
    try:
        draw()
    except (OSError, ValueError, RuntimeError) as error:
        raise CommandError(f"{path}: {error}") from error
    print(f"wrote {path}")


def _loaded(path: str) -> Any:
    """A Python file as a module."""
    file = Path(path)
    if not file.is_file():
        raise CommandError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise CommandError(f"{path} is not a Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise CommandError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)
    return module


def _input(name: str, text: str, rng: np.random.Generator) -> Any:
    """3,4 or 3x4: a random array of that shape; anything else a Python literal, lists of floats as arrays."""
    if re.fullmatch(r"\d+([,x]\d+)*,?", text) and ("," in text or "x" in text):
        shape = [int(n) for n in re.split("[,x]", text) if n]
        if not 0 < math.prod(shape) <= MOST:
            raise CommandError(f"{name}={text}: {math.prod(shape):,} elements cannot be checked; 1 to {MOST:,} can")
        return rng.standard_normal(shape)
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError) as error:
        raise CommandError(f"{name}={text}: neither a shape, as 3,4, nor a Python literal, as [1.0, 2.0]") from error
    if isinstance(value, (list, float)):  # numbers to be differentiated; ints and dicts pass through
        array = np.array(value)
        return array.astype(float) if array.dtype.kind in "iub" else array
    return value


def run_check(args: argparse.Namespace) -> int:
    path, colon, names = args.functions.rpartition(":")
    pair = names.split(",")
    if not colon or len(pair) != 2 or not all(n.isidentifier() for n in pair):
        raise CommandError(f"{args.functions!r} is not FILE.py:FORWARD,BACKWARD")
    module = _loaded(path)
    for name in pair:
        if not callable(getattr(module, name, None)):
            have = [n for n, f in vars(module).items() if callable(f) and not n.startswith("_")]
            raise CommandError(f"{path} has no function {name}; it has {', '.join(have) or 'none'}")
    forward, backward = (getattr(module, n) for n in pair)
    if args.values:
        rng = np.random.default_rng(args.seed)
        inputs = [_input(name, text, rng) for name, text in _pairs(args.values)]
    elif hasattr(module, "inputs"):
        inputs = module.inputs() if callable(module.inputs) else module.inputs
    else:
        raise CommandError(
            f"give the inputs of {pair[0]} in its order, as x=3,4 w=4,5, or define `inputs = (x, w)` in {path}"
        )
    try:
        report = tg.check_backward(forward, backward, inputs)
    except Exception as error:  # the student's own functions may raise anything
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = (
            f" ({Path(where.filename).name}, line {where.lineno})"
            if Path(where.filename) == Path(path).resolve()
            else ""
        )
        raise CommandError(f"{type(error).__name__}: {error}{place}") from error
    print("right" if report else "WRONG")
    return 0 if report else 1


def run_ops(args: argparse.Namespace) -> int:
    if args.pattern and not find(args.pattern):
        raise CommandError(f"no op's name holds {args.pattern!r}")
    print(markdown() if args.markdown else listing(args.pattern), end="" if args.markdown else "\n")
    return 0


def run_compile(args: argparse.Namespace) -> int:
    started = time.perf_counter()
    try:
        for name, dtype, seconds in precompile():
            print(f"{dtype}  {name:<32} {seconds:5.1f} s", flush=True)
    except ImportError as error:
        raise CommandError(str(error)) from error
    print(f"{len(tg.compiled_kernels())} kernels are compiled; {time.perf_counter() - started:.1f} s in all")
    return 0


COMMANDS = {"demo": run_demo, "draw": run_draw, "check": run_check, "ops": run_ops, "compile": run_compile}
