"""What is registered, as text: every op with its inputs, its kind and its gradient, read from the one table.

The gradient is the source of the rule itself, so it cannot disagree with what runs.
"""

from __future__ import annotations

import ast
import inspect
from functools import cache
from typing import Any

from .registry import OPS, Op

__all__ = ["find", "gradient_text", "listing", "markdown"]


@cache
def _lambdas(file: str) -> dict[tuple[int, tuple[str, ...]], list[str]]:
    """The lambdas of a source file by first line and arguments: the text of what they give."""
    try:
        with open(file, encoding="utf-8") as source:
            tree = ast.parse(source.read())
    except (OSError, SyntaxError):  # declared at a prompt or in a notebook: there is no file to read
        return {}
    found: dict[tuple[int, tuple[str, ...]], list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda):
            names = tuple(a.arg for a in node.args.args)
            found.setdefault((node.lineno, names), []).append(ast.unparse(node.body))
    return found


def gradient_text(op: Op, name: str) -> str:
    """The rule for one input as a formula, or what the function that holds it says."""
    rule = op.rules[name]
    if rule is None:
        return "0"
    code = rule.__code__
    names = code.co_varnames[: code.co_argcount]
    if code.co_name == "<lambda>":
        texts = _lambdas(code.co_filename).get((code.co_firstlineno, names), [])
        if len(texts) == 1:
            return texts[0]
    doc = (inspect.getdoc(rule) or "").partition("\n")[0]
    return f"{code.co_name.strip('_')}({', '.join(names)})" + (f": {doc}" if doc else "")


def find(pattern: str = "") -> list[Op]:
    """The ops whose name holds the pattern, by name."""
    return [OPS[name] for name in sorted(OPS) if pattern.lower() in name.lower()]


def _signature(op: Op) -> str:
    inputs = [*op.inputs, *([f"*{op.variadic}"] if op.variadic else [])]
    return ", ".join(inputs) + (f"; {', '.join(op.params)}" if op.params else "")


def _first_line(op: Op) -> str:
    return inspect.cleandoc(op.__doc__ or "").partition("\n")[0]


def listing(pattern: str = "") -> str:
    """The ops as a plain text list: name, inputs, what it is, and the gradient of each input."""
    lines: list[str] = []
    for op in find(pattern):
        lines.append(f"{op.name}({_signature(op)})  [{op.kind or 'general'}]")
        lines.append(f"    {_first_line(op)}")
        for name in op.rules:
            lines.append(f"    d/d{name}: {gradient_text(op, name)}")
        if not op.rules:
            lines.append(f"    no gradient: {op.no_rule}")
    return "\n".join(lines)


def markdown() -> str:
    """The op catalogue as a page of the docs."""
    lines = [
        "# The ops",
        "",
        "Every registered op, with the rule that pulls a gradient `g` of its output back to each input. This page is",
        "generated from the registry (`tapegrad ops --markdown`), and a test holds it to what is registered.",
        "",
        "`H(x)` is the complex conjugate of x (or x, where it is real). A rule names what it needs, and a node keeps",
        "just that. *Kind* says from what forward mode follows: see [design](design.md).",
    ]
    families: dict[str, list[Op]] = {}
    for op in find():
        module: Any = op.module or getattr(op.forward, "__module__", None) or "numpy"
        family = str(module).rpartition(".")[2]
        families.setdefault("elementwise" if family in ("", "numpy", "umath", "_core") else family, []).append(op)
    for family in sorted(families):
        lines += ["", f"## {family}", ""]
        for op in families[family]:
            lines.append(f"**`{op.name}({_signature(op)})`** ({op.kind or 'general'}): {_first_line(op)}")
            for name in op.rules:
                lines.append(f"- `{name}`: `{gradient_text(op, name)}`")
            if not op.rules:
                lines.append(f"- no gradient: {op.no_rule}")
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"
