"""A tape as a graph to draw: boxes, arrows and scopes as frozen data, named by places on the tape.

Knows what a reader wants to see of a tape; must not know colours, DOT or SVG.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..registry import PART
from ..tape import SPENT, Node, Tape, constant_text, kept_bytes, short_dtype, size_text
from .families import SYMBOLS, family
from .numbers import Numbers, number_text, numbers

__all__ = ["Arrow", "Box", "Model", "Row", "Scope", "all_scalars", "model"]

LIMIT = 800  # more boxes than this fold, and then are cut: nobody can read them, and layout takes its time
SHOWN = 40  # ops left at either end of a cut
REPEATS = 3  # this many equal folded blocks in a row become one
FROM_SHAPES = ("shape", "size_out")  # parameters that the card says already
WINDOW = {"kernel": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}  # written short, and not if plain
SPREAD = 6  # a plain input of more uses than this is written on each card instead of drawn with an arrow to each


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a card below its head. kind: parameter, input, note, kept, value, gradient."""

    kind: str
    left: str
    right: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """What stands for a node, or for many. kind: card, pill, value, disc, fold. `scope` is a place in Model.scopes."""

    name: str
    kind: str
    family: str
    title: str
    note: str = ""  # right of the title
    type: str = ""
    size: str = ""  # right of the type
    rows: tuple[Row, ...] = ()
    scope: int = -1
    output: bool = False
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class Arrow:
    """From the box whose value is used to the box that uses it."""

    tail: str
    head: str


@dataclass(frozen=True, slots=True)
class Scope:
    """A frame around boxes; `parent` is a place in Model.scopes, or -1."""

    label: str
    parent: int
    depth: int


@dataclass(frozen=True)
class Model:
    """A picture as data. kind: network or expression; direction: TB or LR."""

    kind: str
    direction: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    scopes: tuple[Scope, ...]
    caption: tuple[str, ...] = ()


@dataclass
class _Unit:
    """Ops that become one card: a single one, a folded scope, or the cut middle."""

    ops: list[Node]
    scope: int
    fold: str = ""  # the title, where this stands for several ops
    note: str = ""
    cut: bool = False


@dataclass
class _Scopes:
    """The tree of scopes, grown op by op. A scope that is entered again after other ops is another one, so that
    folding any of them takes neighbours on the tape, and what is folded has no cycles."""

    paths: list[tuple[str, ...]] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    open: list[int] = field(default_factory=list)

    def enter(self, path: tuple[str, ...]) -> int:
        while self.open and path[: len(self.open)] != self.paths[self.open[-1]]:
            self.open.pop()
        for depth in range(len(self.open), len(path)):
            self.paths.append(path[: depth + 1])
            self.parents.append(self.open[-1] if self.open else -1)
            self.open.append(len(self.paths) - 1)
        return self.open[-1] if self.open else -1

    def upto(self, scope: int, depth: int) -> int:
        """The ancestor at this depth (0: outermost), or the scope itself if it is not that deep."""
        while scope >= 0 and len(self.paths[scope]) > depth + 1:
            scope = self.parents[scope]
        return scope

    def common(self, scopes: Iterable[int]) -> int:
        lines = []
        for scope in set(scopes):
            line = [scope]
            while line[-1] >= 0:
                line.append(self.parents[line[-1]])
            lines.append(line[::-1])
        together = -1
        for level in zip(*lines):
            if len(set(level)) > 1:
                break
            together = level[0]
        return together


def all_scalars(tape: Tape) -> bool:
    """Whether nothing on the tape has more than one element: then it is drawn as an expression, with its numbers."""

    for node in tape.nodes:
        for one in (node, *node.inputs):
            if type(one) is not Node:
                if isinstance(one, np.ndarray) and one.size != 1:
                    return False
                continue
            for shape in one.shape if isinstance(one.dtype, tuple) else (one.shape,):
                if shape and math.prod(shape) != 1:
                    return False
    return True


def model(
    tape: Tape, *, show: str | None = None, depth: int | None = None, direction: str | None = None,
    values: bool | None = None,
) -> Model:  # fmt: skip
    """The graph of a tape; see `tapegrad.draw` for the options."""
    expression = show == "values" or (show is None and all_scalars(tape))
    drawing = _Drawing(tape, expression, show == "memory")
    units = drawing.units(depth)
    if expression and values is not False:
        drawing.numbers = numbers(tape)
    drawing.boxes_of(units)
    drawing.unframe()
    used = sorted({s for box in drawing.boxes for s in drawing.line(box.scope)})
    place = {scope: k for k, scope in enumerate(used)}
    place[-1] = -1
    paths, parents = drawing.scopes.paths, drawing.scopes.parents
    scopes = tuple(Scope(".".join(paths[s]), place[parents[s]], len(paths[s])) for s in used)
    boxes = tuple(replace(box, scope=place[box.scope]) for box in drawing.boxes)
    return Model(
        "expression" if expression else "network", direction or ("LR" if expression else "TB"), boxes,
        tuple(drawing.arrows), scopes, tuple(drawing.caption()),
    )  # fmt: skip


class _Drawing:
    """One tape on its way to a model."""

    def __init__(self, tape: Tape, expression: bool, memory: bool) -> None:
        self.tape, self.expression, self.memory = tape, expression, memory
        self.place = {node: k for k, node in enumerate(tape.nodes)}
        self.names = tape.names()
        self.outputs = set(tape.outputs)
        self.numbers = Numbers({}, {})
        self.scopes = _Scopes()
        self.boxes: list[Box] = []
        self.arrows: list[Arrow] = []
        self.left_out = 0
        self.kept = self._kept()

    # -- which ops share a card ----------------------------------------------------------------------------

    def units(self, depth: int | None) -> list[_Unit]:
        """The cards, in the order of the tape: folded to `depth`, and few enough."""
        ops = [n for n in self.tape.nodes if n.op is not None and n.op is not PART]
        places = [self.scopes.enter(n.scope) for n in ops]
        per_op = 2 if self.expression else 1
        if depth is not None:
            units = self._folded(ops, places, depth)
        else:
            units = [_Unit([n], s) for n, s in zip(ops, places, strict=True)]
            deepest = max((len(p) for p in self.scopes.paths), default=0)
            while len(units) * per_op > LIMIT and deepest > 0:
                deepest -= 1
                units = self._folded(ops, places, min(deepest, 8))
                deepest = min(deepest, 8)
        if len(units) * per_op > LIMIT:
            units = self._cut(units)
        return units

    def _folded(self, ops: list[Node], places: list[int], depth: int) -> list[_Unit]:
        units: list[_Unit] = []
        last = -1
        for node, scope in zip(ops, places, strict=True):
            fold = self.scopes.upto(scope, depth) if scope >= 0 else -1
            if fold < 0 or len(self.scopes.paths[fold]) <= depth:
                units.append(_Unit([node], scope))
                last = -1
            elif fold == last:
                units[-1].ops.append(node)
            else:
                units.append(_Unit([node], self.scopes.parents[fold], ".".join(self.scopes.paths[fold])))
                last = fold
        return self._repeated(units)

    def _repeated(self, units: list[_Unit]) -> list[_Unit]:
        """Equal folded blocks in a row as one, "x 12"."""
        merged: list[_Unit] = []
        k = 0
        while k < len(units):
            first = units[k]
            run = [first]
            if first.fold:
                what = _signature(first)
                for other in units[k + 1 :]:
                    if not other.fold or other.scope != first.scope or _signature(other) != what:
                        break
                    run.append(other)
            if len(run) >= REPEATS:
                title = first.fold if run[-1].fold == first.fold else f"{first.fold} ... {run[-1].fold}"
                merged.append(_Unit([n for u in run for n in u.ops], first.scope, title, f"x {len(run)}"))
            else:
                merged += run
            k += len(run)
        return merged

    def _cut(self, units: list[_Unit]) -> list[_Unit]:
        middle = units[SHOWN:-SHOWN]
        ops = [n for u in middle for n in u.ops]
        self.left_out = len(ops)
        gap = _Unit(ops, self.scopes.common(u.scope for u in middle), f"{len(ops):,} ops left out", cut=True)
        return [*units[:SHOWN], gap, *units[-SHOWN:]]

    # -- boxes ---------------------------------------------------------------------------------------------

    def boxes_of(self, units: list[_Unit]) -> None:
        """Boxes and arrows of the units and of the inputs they use."""
        home: dict[Node, int] = {n: k for k, u in enumerate(units) for n in u.ops}
        uses: dict[Node, int] = {}
        for unit in units:
            if not unit.cut:
                for source in {i for n in unit.ops for i in n.inputs if type(i) is Node}:
                    uses[source] = uses.get(source, 0) + 1
        # leaves first, in the order of the tape: layouts place what comes first to the left, or on top
        self.boxed = {n for n in uses if self._is_source(n) and self._stands_alone(n, uses[n])}
        self.boxed |= {n for n in self.outputs if n in self.place and n.op is None}
        outside = sorted((n for n in self.boxed if n not in self.place), key=lambda n: n.index)
        self.outside = {n: k for k, n in enumerate(outside)}
        for node in [*outside, *sorted(self.boxed - set(outside), key=lambda n: self.place[n])]:
            self.boxes.append(self._leaf(node))
        for unit in units:
            if unit.fold:
                self.boxes.append(self._fold(unit))
            elif self.expression:
                self._expression(unit)
            else:
                self.boxes.append(self._card(unit))
        seen: set[Arrow] = set()
        for k, unit in enumerate(units):
            head = self._head(unit)
            for node in unit.ops:
                for source in node.inputs:
                    if type(source) is not Node:
                        continue
                    tail = self._tail(source, home, units)
                    if tail is None or tail == head or (unit.fold and home.get(_whole(source)) == k):
                        continue
                    arrow = Arrow(tail, head)
                    if arrow not in seen or (self.expression and not unit.fold):  # x * x has two arrows
                        seen.add(arrow)
                        self.arrows.append(arrow)
            if self.expression and not unit.fold:
                self.arrows += [Arrow(head, self._name(v)) for v in self._results(unit.ops[0])]

    def _is_source(self, node: Node) -> bool:
        return node.op is None or node not in self.place

    def _stands_alone(self, node: Node, uses: int) -> bool:
        if self.expression:
            return uses <= 5 * SPREAD
        return uses <= SPREAD and (not node.requires_grad or node not in self.place)

    def _name(self, node: Node) -> str:
        return f"n{self.place[node]}" if node in self.place else f"x{self.outside[node]}"

    def _head(self, unit: _Unit) -> str:
        letter = "o" if self.expression and not unit.fold else "n"
        return f"{letter}{self.place[unit.ops[-1]]}"

    def _tail(self, source: Node, home: dict[Node, int], units: list[_Unit]) -> str | None:
        """The box an arrow from this value starts at; None for what is written on the card."""
        if self._is_source(source):
            return self._name(source) if source in self.boxed else None
        unit = units[home[_whole(source)]]
        if unit.fold or not self.expression:
            return f"n{self.place[unit.ops[-1]]}"
        return self._name(source)

    def _results(self, node: Node) -> list[Node]:
        """The nodes that have the values of an op: itself, or the parts of it that anyone uses."""
        if not isinstance(node.dtype, tuple) and node not in self.parts:
            return [node]
        parts = self.parts.get(node, [])
        return parts if isinstance(node.dtype, tuple) else [node, *parts]

    @property
    def parts(self) -> dict[Node, list[Node]]:
        if not hasattr(self, "_parts"):
            self._parts: dict[Node, list[Node]] = {}
            for n in self.tape.nodes:
                if n.op is PART:
                    self._parts.setdefault(n.inputs[0], []).append(n)
        return self._parts

    def _is_output(self, node: Node) -> bool:
        return node in self.outputs or any(part in self.outputs for part in self.parts.get(node, ()))

    def line(self, scope: int) -> list[int]:
        """A scope and those around it."""
        found = []
        while scope >= 0:
            found.append(scope)
            scope = self.scopes.parents[scope]
        return found

    def unframe(self) -> None:
        """Take the frame off a single card in a numbered scope, as in a sequence of layers: the card says where."""
        paths, parents = self.scopes.paths, self.scopes.parents
        inside: dict[int, int] = {}
        for box in self.boxes:
            for scope in self.line(box.scope):
                inside[scope] = inside.get(scope, 0) + 1
        for k, box in enumerate(self.boxes):
            scope = box.scope
            if scope >= 0 and inside[scope] == 1 and paths[scope][-1].isdigit() and box.kind == "card":
                note = box.note or ".".join(paths[scope])
                self.boxes[k] = replace(box, scope=parents[scope], note=note)

    def _leaf(self, node: Node) -> Box:
        known = node in self.place
        title = self.names[node] if known else node.name or "..."
        kind = "parameter" if node.requires_grad and known else "constant"
        typed = type_text(node)
        tooltip = f"{title}: {typed}"
        output = node in self.outputs
        if self.expression:
            return Box(
                self._name(node), "value", kind, title, rows=self._numbers(node), output=output, tooltip=tooltip,
                type="" if _single(node) else typed,
            )  # fmt: skip
        return Box(self._name(node), "pill", "input", title, type=typed, output=output, tooltip=tooltip)

    def _numbers(self, node: Node) -> tuple[Row, ...]:
        rows = []
        value, gradient = self.numbers.values.get(node), self.numbers.gradients.get(node)
        if value is not None and value.size <= 8:
            rows.append(Row("value", "value", number_text(value)))
        if gradient is not None and gradient.size <= 8:
            rows.append(Row("gradient", "grad", number_text(gradient)))
        return tuple(rows)

    def _expression(self, unit: _Unit) -> None:
        """A disc for the op and a card for each of its values."""
        (node,) = unit.ops
        symbol = SYMBOLS.get(node.op.name, node.op.name)
        before: list[str] = []
        after: list[str] = []
        for k, i in enumerate(node.inputs):
            if type(i) is not Node or (self._is_source(i) and i not in self.boxed):
                written = constant_text(i) if type(i) is not Node else self.names.get(i, "?")
                (before if k == 0 and len(node.inputs) == 2 else after).append(written)
        title = " ".join([*before, symbol, *after])
        tooltip = f"{node.op.name}{_params_text(node)}"
        disc = Box(f"o{self.place[node]}", "disc", family(node.op), title, scope=unit.scope, tooltip=tooltip)
        self.boxes.append(disc)
        for result in self._results(node):
            name = self.names[result]
            output = result in self.outputs
            card = Box(
                self._name(result), "value", "loss" if output else "value", name, rows=self._numbers(result),
                scope=unit.scope, output=output, tooltip=f"{name}: {type_text(result)}",
                type="" if _single(result) else type_text(result),
            )  # fmt: skip
            self.boxes.append(card)

    def _card(self, unit: _Unit) -> Box:
        (node,) = unit.ops
        typed, size = type_text(node), size_text(_nbytes(node))
        rows: list[Row] = []
        if isinstance(node.dtype, tuple):
            produced = list(zip(node.op.outputs, node.shape, node.dtype, strict=False))  # auxiliary ones left out
            if len(produced) == 1:
                typed, size = _typed(*produced[0][1:]), size_text(_bytes(*produced[0][1:]))
            else:
                rows += [Row("note", f"{name}: {_typed(s, d)}", size_text(_bytes(s, d))) for name, s, d in produced]
                typed = f"{len(produced)} outputs"
        rows += self._written_inputs(node, unit.scope)
        if text := _params_text(node):
            rows.append(Row("note", text))
        if node.plan is not None and node.plan.keeps:
            rows.append(Row("kept", "kept: " + ", ".join(node.plan.keeps), self._kept_text(unit)))
        output = self._is_output(node)
        name = self.names[node]
        tooltip = f"{name} = {node.op.name} {type_text(node)}"
        title = node.op.name if node.name is None else f"{node.name} = {node.op.name}"
        return Box(
            self._name(node), "card", "loss" if output else family(node.op), title, self._note(unit), typed, size,
            tuple(rows), unit.scope, output, tooltip,
        )  # fmt: skip

    def _written_inputs(self, node: Node, scope: int) -> list[Row]:
        """The inputs that have no arrow: parameters, plain inputs of many uses, constants."""
        rows = []
        prefix = ".".join(self.scopes.paths[scope]) + "." if scope >= 0 else ""
        for k, i in enumerate(node.inputs):
            as_called = node.op.input_name(k)
            if type(i) is not Node:
                rows.append(Row("note", f"{as_called} = {constant_text(i)}"))
            elif self._is_source(i) and i not in self.boxed:
                name = (i.name or as_called).removeprefix(prefix)
                rows.append(Row("parameter" if i.requires_grad and i.op is None else "input", name, str(list(i.shape))))
        return rows

    def _fold(self, unit: _Unit) -> Box:
        last = unit.ops[-1]
        sources = {i for n in unit.ops for i in n.inputs if type(i) is Node}
        parameters = {i for i in sources if i.op is None and i.requires_grad}
        rows = []
        if parameters:
            count = f"{len(parameters):,} parameter" + ("s" if len(parameters) > 1 else "")
            rows.append(Row("parameter", count, size_text(sum(_nbytes(p) for p in parameters))))
        keeps = any(n.plan is not None and n.plan.keeps for n in unit.ops)
        if keeps and (self.memory or any(n.kept is SPENT for n in unit.ops)):
            rows.append(Row("kept", "kept", self._kept_text(unit)))
        ops = f"{len(unit.ops):,} op" + ("s" if len(unit.ops) > 1 else "")
        output = any(self._is_output(n) for n in unit.ops)
        return Box(
            self._head(unit), "fold", "loss" if output else "folded", unit.fold, unit.note, ops,
            size_text(sum(_nbytes(n) for n in unit.ops)), tuple(rows), unit.scope, output,
            f"{unit.fold}: {ops}, out {type_text(last)}",
        )  # fmt: skip

    # -- memory --------------------------------------------------------------------------------------------

    def _kept(self) -> dict[Node, int]:
        """Bytes kept per op; a buffer that several keep counts where it was kept first."""
        if not self.memory:
            return {}
        return kept_bytes(self.tape.nodes)

    def _note(self, unit: _Unit) -> str:
        total = sum(self.kept.get(n, 0) for n in unit.ops)
        return f"keeps {size_text(total)}" if total else ""

    def _kept_text(self, unit: _Unit) -> str:
        keeping = [n for n in unit.ops if n.plan is not None and n.plan.keeps]
        if keeping and all(n.kept is SPENT for n in keeping):
            return "freed"
        if not self.memory:
            return ""
        total = sum(self.kept.get(n, 0) for n in keeping)
        if not total:
            return "shared"
        return size_text(total) if unit.fold else ""  # on a card of one op it stands at the top

    def caption(self) -> list[str]:
        """What a reader must know besides."""
        lines = list(self.numbers.remarks)
        if self.left_out:
            lines.append(f"{self.left_out:,} of {len(self.tape):,} nodes are left out; depth= and scopes fold instead")
        if self.memory:
            lines.append(f"{size_text(sum(self.kept.values()))} kept for the backward; what several keep counts once")
        return lines


def _whole(node: Node) -> Node:
    """The op's node for one of its parts."""
    while node.op is PART:
        node = node.inputs[0]
    return node


def _signature(unit: _Unit) -> tuple[Any, ...]:
    return tuple((n.op.name, n.shape, n.dtype) for n in unit.ops)


def _single(node: Node) -> bool:
    return not isinstance(node.dtype, tuple) and math.prod(node.shape) == 1


def _typed(shape: Any, dtype: Any) -> str:
    return f"{short_dtype(dtype)} {list(shape) if shape else 'scalar'}"


def type_text(node: Node) -> str:
    """`f32 [32, 784]`, `f64 scalar`; several outputs with commas."""
    if isinstance(node.dtype, tuple):
        return ", ".join(_typed(s, d) for s, d in zip(node.shape, node.dtype, strict=True))
    return _typed(node.shape, node.dtype)


def _bytes(shape: Any, dtype: Any) -> int:
    return int(math.prod(shape)) * int(np.dtype(dtype).itemsize)


def _nbytes(node: Node) -> int:
    if isinstance(node.dtype, tuple):
        return sum(_bytes(s, d) for s, d in zip(node.shape, node.dtype, strict=True))
    return _bytes(node.shape, node.dtype)


def _params_text(node: Node) -> str:
    """Parameters that are not at their default, `axis=1 keepdims=True`; shapes are on the card already."""
    usual = node.op.defaults
    given = [(k, node.params[k]) for k in node.op.params if k in node.params]  # in the order of the signature
    given = [(k, v) for k, v in given if k not in FROM_SHAPES and v is not None and usual.get(k) is not v]
    short = [(k, _alike(v) if k in WINDOW else v) for k, v in given]
    return " ".join(f"{k}={v}" for k, v in short if WINDOW.get(k) != v)


def _alike(value: Any) -> Any:
    """((1, 1), (1, 1)) -> 1: nested tuples of one number as that number."""
    if isinstance(value, tuple) and value:
        parts = [_alike(v) for v in value]
        return parts[0] if all(p == parts[0] for p in parts) else value
    return value
