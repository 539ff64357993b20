"""The numbers of an expression: what every value on a tape is, and its gradient, found by running the ops once more.

Works on fresh Tensors only: nobody's `.grad` changes, and no tape is spent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backward import walk
from ..registry import PART, wrap
from ..tape import Node, Tape, state
from ..tensor import Tensor

__all__ = ["Numbers", "number_text", "numbers"]


MOST = 20_000  # a longer tape is not run again for a picture that cannot show it all


@dataclass(frozen=True)
class Numbers:
    """Values and gradients by node, and remarks for the caption."""

    values: dict[Node, Any]
    gradients: dict[Node, Any]
    remarks: tuple[str, ...] = ()


class Apart:
    """Recording on, whatever the user's thread is in, and back afterwards."""

    FRESH: dict[str, Any] = {"recording": True, "tracing": False, "anomaly": False, "scope": ()}

    def __enter__(self) -> None:
        self.before = {name: getattr(state, name) for name in self.FRESH}
        for name, value in self.FRESH.items():
            setattr(state, name, value)

    def __exit__(self, *error: Any) -> None:
        for name, value in self.before.items():
            setattr(state, name, value)


def owner(node: Node) -> Any:
    """The Tensor that a leaf's node belongs to, while it lives."""
    ref = None if node.extra is None else node.extra.owner
    return None if ref is None else ref()


def rerun(tape: Tape, leaf_values: dict[Node, Any]) -> dict[Node, Any]:
    """Every op of the tape again, on fresh leaves: node -> Tensor. A node of several outputs has none; its parts do."""
    made: dict[Node, Any] = {}
    several: dict[Node, tuple[Any, ...]] = {}
    for node in tape.nodes:
        if node.op is None:
            made[node] = Tensor(leaf_values[node], requires_grad=node.requires_grad)
        elif node.op is PART:
            made[node] = several[node.inputs[0]][node.params["output"]]
        else:
            args = [made[i] if type(i) is Node else i for i in node.inputs]
            if node.op.aux:
                several[node] = node.op.with_aux(*args, **node.params)
                made[node] = several[node][0]
            elif len(node.op.outputs) > 1:
                several[node] = node.op(*args, **node.params)
            else:
                made[node] = node.op(*args, **node.params)
    return made


def numbers(tape: Tape) -> Numbers:
    """The values as recorded and the gradients of the outputs' sum.

    A leaf may have been changed since it was recorded. Then what it is now is tried; if the recorded results do not
    follow from that either, values and gradients are those of the leaves as they are now, and a remark says so.
    """
    recorded = {node: node.value for node in tape.nodes if node.value is not None}
    leaves = [node for node in tape.nodes if node.op is None]
    if len(tape) > MOST:
        why = f"gradients inside are left out: the tape has {len(tape):,} nodes, and is run again up to {MOST:,}"
        return Numbers(recorded, _committed(leaves), (why,))
    now = {node: (t._data if (t := owner(node)) is not None else node.value) for node in leaves}
    then = {node: now[node] if node.value is None else node.value for node in leaves}
    names = tape.names()
    changed = [names[n] for n in leaves if now[n] is not None and then[n] is not None and not _same(now[n], then[n])]
    before = _committed(leaves)
    whole = all(type(i) is not Node or i in names for n in tape for i in n.inputs)
    if not whole or any(value is None for value in then.values()):
        return Numbers(recorded, before, ("gradients inside are left out: a leaf's values are gone",))
    made: dict[Node, Any] = {}
    with Apart(), np.errstate(all="ignore"):
        try:
            faithful = False
            for start in [then, now] if changed else [then]:
                made = rerun(tape, start)
                faithful = all(_same(made[n]._data, v) for n, v in recorded.items() if n.op is not None and n in made)
                if faithful:
                    break
            gradients = _gradients(tape, made)
        except Exception as error:  # an op can fail here in any way; a picture must still come out
            why = f"gradients inside are left out: running the tape again failed ({type(error).__name__})"
            return Numbers(recorded, before, (why,))
    values = {node: t._data for node, t in made.items()}
    remarks = []
    if not faithful:
        remarks.append("a leaf has changed since this was recorded: all numbers are made again from its new value")
        before = {}
    elif changed:
        remarks.append(f"{_listed(changed)} changed since this was recorded: the picture shows what was recorded")
    differs = [n for n, g in before.items() if n in gradients and not np.allclose(g, gradients[n], equal_nan=True)]
    added_up = [names[n] for n in differs]
    if added_up:
        remarks.append(f"grad of {_listed(added_up)}: as in .grad, added up over several backward calls")
    return Numbers(values, {**gradients, **before}, tuple(remarks))


def _same(a: Any, b: Any) -> bool:
    if np.shape(a) != np.shape(b):
        return False
    # most are single numbers: comparing those as bytes takes a tenth of the time of array_equal
    return a.tobytes() == b.tobytes() or bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def _committed(leaves: list[Node]) -> dict[Node, Any]:
    """What the leaves hold in `.grad`."""
    found = {}
    for node in leaves:
        t = owner(node)
        if t is not None and t._leaf is not None and t._leaf.grad is not None:
            found[node] = t._leaf.grad._data
    return found


def _gradients(tape: Tape, made: dict[Node, Any]) -> dict[Node, Any]:
    back: dict[Node, list[Node]] = {}
    for node, t in made.items():
        if t.node is not None and t.node.requires_grad:
            t.node.more().retain = True
            back.setdefault(t.node, []).append(node)
    roots = [made[n] for n in dict.fromkeys(tape.outputs) if n in made]
    roots = [wrap(t._data, t.node) for t in roots if t.node is not None and t.node.requires_grad]
    if not roots:
        return {}
    found = walk(roots, [np.ones(t.shape, t.dtype) for t in roots], None, False, False)
    return {node: g for copy, g in found.items() for node in back.get(copy, ())}


def number_text(value: Any) -> str:
    """`+2.0000`; several as `[+1.0000 -2.5000]`."""
    array = np.asarray(value)
    if array.ndim == 0 or array.size == 1:
        return _one(array.reshape(-1)[0].item())
    shown = [_one(v.item()) for v in array.reshape(-1)[:4]]
    return "[" + " ".join(shown) + (" ...]" if array.size > 4 else "]")


def _one(v: Any) -> str:
    if isinstance(v, bool) or not isinstance(v, (int, float, complex)):
        return str(v)
    if isinstance(v, int):
        return f"{v:+d}" if abs(v) < 10**8 else f"{v:+.3e}"
    if isinstance(v, complex):
        return f"{_one(v.real)}{_one(v.imag)}j"
    return f"{v:+.4f}" if v == 0 or 1e-4 <= abs(v) < 1e5 or v != v or abs(v) == float("inf") else f"{v:+.3e}"
