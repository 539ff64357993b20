"""What ops leave behind: nodes, and the tape as the sorted list of them.

Knows how a record is gathered, ordered and printed; must not know how any op computes or differentiates.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from operator import attrgetter
from typing import Any

import numpy as np

from .kernels.memory import root

__all__ = ["Tape"]

clock = count(0, -1).__next__  # creation order is already a topological order; counted down, the newest sorts first
NEEDED, SHARED = 1, 2  # flags of a node: it requires grad; it is a leaf whose buffer someone else can write
SMALL = 8  # results of at most this many elements stay on their node, for drawings of scalar expressions
SPENT: Any = ("spent",)  # stands in `kept` once a backward has walked the node


class Usual:
    """`plain` of all threads where none is in another than the usual state: a thread's own is slow to read."""

    __slots__ = ("lock", "others", "plain")

    def __init__(self) -> None:
        self.plain: tuple[str, ...] | None = ()
        self.others = 0  # threads in another state
        self.lock = threading.Lock()

    def change(self, by: int) -> None:
        with self.lock:
            self.others += by
            self.plain = None if self.others else ()


usual = Usual()


class State(threading.local):
    """What each thread has of its own."""

    anomaly = False
    plain: tuple[str, ...] | None = ()  # the scope while recording only what needs a gradient: one look-up for ops

    _recording = True
    _tracing = False
    _scope: tuple[str, ...] = ()

    @property
    def recording(self) -> bool:
        """Grad mode."""
        return self._recording

    @recording.setter
    def recording(self, flag: bool) -> None:
        self._recording = flag
        self._settle()

    @property
    def tracing(self) -> bool:
        """Whether to record also what needs no gradient."""
        return self._tracing

    @tracing.setter
    def tracing(self, flag: bool) -> None:
        self._tracing = flag
        self._settle()

    @property
    def scope(self) -> tuple[str, ...]:
        """The names of the modules we are inside of, for drawings."""
        return self._scope

    @scope.setter
    def scope(self, names: tuple[str, ...]) -> None:
        self._scope = names
        self._settle()

    def _settle(self) -> None:
        before = self.plain
        self.plain = self._scope if self._recording and not self._tracing else None
        if (before == ()) is not (self.plain == ()):
            usual.change(-1 if self.plain == () else 1)


state = State()


def _after_fork() -> None:
    """Only this thread lives on in the child, and another one may have held the lock."""
    usual.lock = threading.Lock()
    usual.others = 0
    usual.change(0 if state.plain == () else 1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Extra:
    """What few nodes have: a leaf's Tensor (weakly), hooks, a name, fingerprints of shared buffers."""

    __slots__ = ("hooks", "marks", "name", "owner", "retain")

    def __init__(self) -> None:
        self.owner: Any = None  # weak reference to the Tensor that gets .grad
        self.retain = False
        self.hooks: dict[int, Any] | None = None
        self.name: str | None = None
        self.marks: tuple[Any, ...] | None = None


class Node:
    """One line of the tape: `op(*inputs, **params)`, where an input is a node or a constant.

    A node without an op is a leaf. `kept` holds what the backward rules named, `plan` how to call them.
    """

    __slots__ = (
        "__weakref__",
        "dtype",
        "extra",
        "flags",
        "inputs",
        "kept",
        "op",
        "order",
        "params",
        "plan",
        "scope",
        "shape",
        "value",
    )  # fmt: skip

    def __init__(
        self, op: Any, inputs: tuple[Any, ...], params: dict[str, Any], kept: tuple[Any, ...],
        shape: Any, dtype: Any, plan: Any, requires_grad: bool, value: Any,
    ) -> None:  # fmt: skip
        self.op = op
        self.inputs = inputs
        self.params = params
        self.kept = kept
        self.shape = shape
        self.dtype = dtype
        self.order = clock()
        self.plan = plan
        self.flags = NEEDED if requires_grad else 0
        self.value = value
        self.scope = state.scope
        self.extra: Extra | None = None

    @property
    def name(self) -> str | None:
        return None if self.extra is None else self.extra.name

    @property
    def index(self) -> int:
        """The place in the order of creation."""
        return -self.order

    @property
    def requires_grad(self) -> bool:
        return self.flags & NEEDED != 0

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        self.flags = self.flags | NEEDED if flag else self.flags & ~NEEDED

    @property
    def shared(self) -> bool:
        return self.flags & SHARED != 0

    @shared.setter
    def shared(self, flag: bool) -> None:
        self.flags = self.flags | SHARED if flag else self.flags & ~SHARED

    def more(self) -> Extra:
        if self.extra is None:
            self.extra = Extra()
        return self.extra

    def __repr__(self) -> str:
        what = "leaf" if self.op is None else self.op.name
        return f"<node {self.index}: {what} -> {typed(self)}>"


SHORT = {"float": "f", "complex": "c", "int": "i", "uint": "u", "bool": "bool"}


def short_dtype(dtype: Any) -> str:
    """float32 -> f32, complex128 -> c128, bool -> bool."""
    name: str = np.dtype(dtype).name
    letters = name.rstrip("0123456789")
    return SHORT.get(letters, letters) + name[len(letters) :]


def typed(node: Node) -> str:
    """`f32[2, 3]`; several outputs as `(f64[3], f64[3, 3])`."""
    if isinstance(node.dtype, tuple):
        return "(" + ", ".join(f"{short_dtype(d)}{list(s)}" for s, d in zip(node.shape, node.dtype, strict=True)) + ")"
    return f"{short_dtype(node.dtype)}{list(node.shape)}"


def size_text(nbytes: float) -> str:
    """784.0 KB and the like, in units of 1024."""
    for unit in ("B", "KB", "MB"):
        if nbytes < 1024:
            return f"{nbytes:.0f} {unit}" if unit == "B" else f"{nbytes:.1f} {unit}"
        nbytes /= 1024
    return f"{nbytes:.1f} GB"


def kept_bytes(nodes: Sequence[Node]) -> dict[Node, int]:
    """Bytes that each node keeps for the backward; a buffer that several keep counts for the first."""
    seen: set[int] = set()
    sums: dict[Node, int] = {}
    for node in nodes:
        if node.op is None or node.kept is SPENT:
            continue
        for value in node.kept:
            for array in value if type(value) is tuple else (value,):
                if isinstance(array, np.ndarray):
                    array = root(array)
                    if id(array) not in seen:
                        seen.add(id(array))
                        sums[node] = sums.get(node, 0) + array.nbytes
    return sums


def gather(roots: Sequence[Node]) -> list[Node]:
    """All nodes that `roots` depend on, oldest first; an explicit stack, so a long chain is no recursion."""
    seen = set(roots)
    todo = list(seen)
    while todo:
        for source in todo.pop().inputs:
            if type(source) is Node and source not in seen:
                seen.add(source)
                todo.append(source)
    return sorted(seen, key=attrgetter("order"), reverse=True)


class Tape(Sequence[Node]):
    """The nodes that `outputs` depend on, in the order in which they were made. A value: print it, draw it."""

    def __init__(self, nodes: list[Node], outputs: tuple[Node, ...] = ()) -> None:
        self.nodes = nodes
        self.outputs = outputs

    @classmethod
    def of(cls, *outputs: Any) -> Tape:
        """The tape of one or more Tensors."""
        roots = []
        for t in outputs:
            if not hasattr(t, "node"):
                raise TypeError(f"Tape.of: expected Tensors, got {type(t).__name__}")
            if t.node is not None:
                roots.append(t.node)
        return cls(gather(roots), tuple(roots))

    def __getitem__(self, i: Any) -> Any:
        return Tape(self.nodes[i], self.outputs) if isinstance(i, slice) else self.nodes[i]

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def kept(self) -> dict[str, int]:
        """Bytes kept for the backward, by op, largest first. A buffer that several nodes keep counts once."""
        sums: dict[str, int] = {}
        for node, nbytes in kept_bytes(self.nodes).items():
            sums[node.op.name] = sums.get(node.op.name, 0) + nbytes
        return dict(sorted(sums.items(), key=lambda item: -item[1]))

    def names(self) -> dict[Node, str]:
        """A readable name for every node: its own, with that of the module if several share it, or its place."""
        own = [node.name for node in self.nodes]
        several = {name for name, n in Counter(own).items() if name is not None and n > 1}
        where: dict[Node, tuple[str, ...]] = {}  # the scope in which a leaf is first used
        if several:
            for node in self.nodes:
                for source in node.inputs:
                    if type(source) is Node and source.op is None:
                        where.setdefault(source, node.scope)
        taken: set[str] = set()
        names = {}
        for place, (node, name) in enumerate(zip(self.nodes, own, strict=True)):
            if name in several:
                name = ".".join([*where.get(node, ()), name])
            if name is None or name in taken:
                name = f"%{place}"
            taken.add(name)
            names[node] = name
        return names

    def _lines(self, start: int, stop: int, names: dict[Node, str]) -> list[str]:
        return [_line(node, names) for node in self.nodes[start:stop]]

    def text(self) -> str:
        """The whole tape as a typed program, one line a node."""
        names = self.names()
        return "\n".join(self._lines(0, len(self), names) + [self._last(names)])

    def _last(self, names: dict[Node, str]) -> str:
        return "return " + ", ".join(names.get(node, "?") for node in self.outputs)

    def __str__(self) -> str:
        head, tail = 20, 10
        if len(self) <= head + tail + 5:
            return self.text()
        names = self.names()
        skipped = len(self) - head - tail
        middle = f"    ... {skipped:,} more; tape.text() has them all ..."
        lines = self._lines(0, head, names) + [middle] + self._lines(len(self) - tail, len(self), names)
        return "\n".join([*lines, self._last(names)])

    def __repr__(self) -> str:
        return f"<Tape of {len(self)} nodes, {size_text(sum(self.kept().values()))} kept for backward>"

    def draw(self, **options: Any) -> Any:
        """A picture of this tape: see `tapegrad.draw`."""
        from .drawing import draw  # a door: the only way back up

        return draw(self, **options)

    def _repr_svg_(self) -> str:
        svg: str = self.draw()._repr_svg_()
        return svg


def constant_text(value: Any) -> str:
    """A constant input as it stands in a program: short values in full, arrays by type."""
    if isinstance(value, np.ndarray):
        return f"{value.item():.6g}" if value.ndim == 0 else f"<{short_dtype(value.dtype)}{list(value.shape)}>"
    if isinstance(value, np.generic):
        value = value.item()
    return str(value)


def _line(node: Node, names: dict[Node, str]) -> str:
    name = f"{names[node]}: {typed(node)}"
    if node.op is None:
        return f"{name} = {'leaf' if node.requires_grad else 'constant'}"
    args = [names.get(i, "?") if type(i) is Node else constant_text(i) for i in node.inputs]
    args += [f"{key}={value}" for key, value in node.params.items()]
    line = f"{name} = {node.op.name}({', '.join(args)})"
    if node.kept is SPENT:
        return line + "  # spent"
    keeps = node.plan.keeps if node.plan is not None else ()
    return line + (f"  # keeps {', '.join(keeps)}" if keeps else "")
