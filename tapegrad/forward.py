"""The tape read from left to right with tangents: derivatives of outputs along a direction of the inputs.

Follows from each op's `kind`; must not know any op by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from .backward import _as_dtype, _order, walk
from .ops.elementwise import H, add, real_part
from .ops.index import place
from .ops.structure import broadcast_to_op
from .registry import PART, Op, Placed, Recorded, alone, node_of, restore, wrap
from .tape import SPENT, Node, state

__all__ = ["push"]


def push(outputs: Sequence[Any], inputs: Sequence[Any], tangents: Sequence[Any], record: bool = False) -> list[Any]:
    """The tangents of the outputs when the inputs move along theirs: J t, forward.

    outputs, inputs: Tensors; tangents: arrays (or Tensors, with record=True) of the inputs' shapes. Arrays come out,
    or, with record=True, Tensors that can be differentiated again.
    """
    moving: dict[Node, Any] = {}
    for t, v in zip(inputs, tangents, strict=True):
        value = v if isinstance(v, Recorded) else np.asarray(v)
        if value.shape != t.shape:
            raise ValueError(f"jvp: a tangent has shape {tuple(value.shape)}, its input {t.shape}; they must agree")
        value = _as_dtype(value, t.dtype)
        moving[t.node] = value if not record or isinstance(value, Recorded) else wrap(value)
        if not record and isinstance(value, Recorded):
            moving[t.node] = value._data
    fixed = set(moving)
    roots = [t.node for t in outputs if isinstance(t, Recorded) and t.node is not None and t.node.requires_grad]
    order = _order(roots)
    uses = _uses(order, roots)
    before = state.recording
    try:
        state.recording = record
        with np.errstate(all="ignore"):
            for node in reversed(order):
                if node.plan is None or node in fixed:
                    continue
                positions = [i for i in node.plan.positions if node.inputs[i] in moving]
                if positions:
                    tangent = _step(node, positions, moving, record, uses)
                    if tangent is not None:
                        moving[node] = tangent
                for i in node.plan.positions:
                    source = node.inputs[i]
                    uses[source] -= 1
                    if not uses[source]:
                        moving.pop(source, None)
    finally:
        state.recording = before
    results = []
    for t in outputs:
        v = moving.get(t.node) if isinstance(t, Recorded) and t.node is not None else None
        if v is None:
            v = np.zeros(np.shape(t), t.dtype if isinstance(t, Recorded) else None)
            v = wrap(v) if record else v
        results.append(v)
    return results


def _uses(order: Sequence[Node], roots: Sequence[Node]) -> Counter[Node]:
    """How often the tangent of each node will be asked for."""
    uses = Counter(roots)
    for node in order:
        if node.plan is not None:
            uses.update([node.inputs[i] for i in node.plan.positions])
    return uses


def _last_use(source: Any, moving: dict[Node, Any], uses: Counter[Node]) -> bool:
    """Whether nobody else will ask for the tangent of an input; if so it is forgotten."""
    if type(source) is Node:
        if uses[source] > 1:
            return False
        moving.pop(source, None)
    return True


def _step(node: Node, positions: list[int], moving: dict[Node, Any], record: bool, uses: Counter[Node]) -> Any:
    """The tangent of one node's output from those of its inputs."""
    op = node.op
    if op is PART:
        return moving[node.inputs[0]][node.params["output"]]
    if node.kept is SPENT:
        raise RuntimeError(f"jvp: the tape was walked before, and what {op.name} {node.shape} kept is freed")
    if not node.plan.pulls:
        return None  # the gradient is zero
    kept = restore(node) if record else node.kept
    if op.jvp_rule is not None:
        tangents = tuple([moving.get(i) if type(i) is Node else None for i in node.inputs])
        wanted = [_named(node, kept, name) for name in op.jvp_wants]
        return _shaped(op.jvp_rule(tangents, *wanted), node)
    if op.kind == "elementwise":
        return _elementwise(node, positions, moving, kept)
    if op.kind == "linear":
        args = [_tangent_or_value(node, i, moving, kept) for i in range(len(node.inputs))]
        if op.into is not None and _last_use(node.inputs[0], moving, uses) and alone(args, 0):
            return _shaped(op.overwriting(*args, **node.params), node)
        return _shaped(op(*args, **node.params), node)
    if op.kind == "multilinear":
        total = None
        for i in positions:
            args = [moving[node.inputs[i]] if j == i else _value(node, j, kept) for j in range(len(node.inputs))]
            one = op(*args, **node.params)
            total = one if total is None else add(total, one)
        return _shaped(total, node)
    return _transposed(node, positions, moving, kept, record)


def _shaped(v: Any, node: Node) -> Any:
    v = v if isinstance(v, (np.ndarray, Recorded)) else np.asarray(v)
    if v.shape != node.shape:
        v = broadcast_to_op(v, shape=node.shape)
    return v if v.dtype == node.dtype else _as_dtype(v, node.dtype)


def _elementwise(node: Node, positions: list[int], moving: dict[Node, Any], kept: Any) -> Any:
    """The sum over inputs of conj(rule(conj(t))): a rule of an elementwise op is its own transpose."""
    total = None
    for position, rule in node.plan.pulls:
        if position not in positions:
            continue
        t = moving[node.inputs[position]]
        if t.shape != node.shape:
            t = broadcast_to_op(t, shape=node.shape)
        one = rule(H(t), node, kept)
        one = H(one if isinstance(one, (np.ndarray, Recorded)) else np.asarray(one))
        if one.dtype.kind == "c" and node.dtype.kind != "c":
            one = real_part(one)
        total = one if total is None else add(total, one)
    return None if total is None else _shaped(total, node)


def _tangent_or_value(node: Node, i: int, moving: dict[Node, Any], kept: Any) -> Any:
    """For a linear op: the tangent of an input, zero if it does not move; of an index or mask the value."""
    source = node.inputs[i]
    if node.op.input_name(i) not in node.op.rules:
        return _value(node, i, kept)
    if type(source) is Node:
        t = moving.get(source)
        return np.zeros(source.shape, source.dtype) if t is None else t
    return np.zeros(np.shape(source), np.asarray(source).dtype)


def _value(node: Node, i: int, kept: Any) -> Any:
    """What input i was: kept, or a constant of the tape."""
    where, fixed = node.plan.where, len(node.op.inputs)
    if ("in", i) in where:
        return kept[where["in", i]]
    if i >= fixed:
        for source in (("all",), ("others",)):
            if source in where and kept[where[source]][i - fixed] is not None:
                return kept[where[source]][i - fixed]
    source = node.inputs[i]
    if type(source) is not Node:
        return source
    if source.value is not None and source.op is not None:
        return wrap(source.value, source) if isinstance(kept, tuple) and _recorded(kept) else source.value
    raise RuntimeError(f"jvp: {node.op.name} did not keep its input {node.op.input_name(i)}, which forward mode needs")


def _recorded(kept: tuple[Any, ...]) -> bool:
    return any(isinstance(v, Recorded) for v in kept)


def _named(node: Node, kept: Any, name: str) -> Any:
    source = node.op.source(name)
    if source in node.plan.where:
        return kept[node.plan.where[source]]
    if source[0] == "param":
        return node.params[name]
    if source[0] == "in" and type(node.inputs[source[1]]) is not Node:
        return node.inputs[source[1]]
    return None  # not kept, since no input that moves needs it


def _transposed(node: Node, positions: list[int], moving: dict[Node, Any], kept: Any, record: bool) -> Any:
    """J t as the gradient, in the cotangent, of <t, rule(cotangent)>: the rule transposed on the spot."""
    op: Op = node.op
    several = len(op.outputs) > 1
    before = state.recording
    state.recording = True
    try:
        shapes = node.shape[: len(op.outputs)] if several else (node.shape,)
        dtypes = node.dtype[: len(op.outputs)] if several else (node.dtype,)
        cotangents = []
        for shape, dtype in zip(shapes, dtypes, strict=True):
            c = wrap(np.zeros(shape, dtype))
            node_of(c).requires_grad = dtype.kind in "fc"
            cotangents.append(c)
        g = tuple(cotangents) if several else cotangents[0]
        results, seeds = [], []
        for position, rule in node.plan.pulls:
            if position not in positions:
                continue
            source = node.inputs[position]
            value = rule(g, node, kept)
            if type(value) is Placed:
                value = place(value.value, *value.arrays, index=value.index, shape=source.shape)
            if isinstance(value, Recorded) and value.requires_grad:
                results.append(_as_dtype(value, source.dtype))
                seeds.append(moving[source])
    finally:
        state.recording = before
    found = walk(results, seeds, {c.node for c in cotangents if c.node is not None}, False, record) if results else {}
    tangents = []
    for c in cotangents:
        v = found.get(node_of(c))
        v = np.zeros(c.shape, c.dtype) if v is None else v
        tangents.append(wrap(v) if record and not isinstance(v, Recorded) else v)
    return tuple(tangents) if several else tangents[0]
