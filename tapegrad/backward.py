"""The tape read from right to left: gradients, for any graph and to any order.

Knows nodes, plans and how gradients add up; must not know any op's rule.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from .ops.elementwise import add, real_part
from .ops.index import add_at, build, place
from .ops.structure import broadcast_to_op, cast, concatenate_op, reshape_op, sum_to
from .registry import ARRAY, PART, Leaf, Placed, Recorded, check_marks, node_of, restore, wrap
from .tape import SPENT, Node, state

__all__ = ["backward", "grad"]

ndarray = np.ndarray


_COMMITTING = threading.Lock()
_INDEX = attrgetter("index")


def _order(roots: Sequence[Node]) -> list[Node]:
    """The nodes that require grad and that `roots` depend on, newest first."""
    seen = set(roots)
    todo = list(seen)
    while todo:
        node = todo.pop()
        if node.plan is None:
            continue
        inputs = node.inputs
        for position in node.plan.positions:
            source = inputs[position]
            if source not in seen:
                seen.add(source)
                todo.append(source)
    return sorted(seen, key=_INDEX, reverse=True)


def _between(order: list[Node], targets: set[Node]) -> set[Node]:
    """Those nodes of `order` through which a target is reached, the targets included."""
    live = set(targets)
    for node in reversed(order):
        if node.plan is not None and any([node.inputs[i] in live for i in node.plan.positions]):
            live.add(node)
    return live


class Heap:
    """Placed gradients of one node, added up in one go when they are recorded."""

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts: list[Placed] = []

    def total(self, node: Node, dense: Any) -> Any:
        if len(self.parts) == 1:
            value, index, arrays = self.parts[0]
            out = place(_as_dtype(value, node.dtype), *arrays, index=index, shape=node.shape)
        else:
            places = np.arange(int(np.prod(node.shape))).reshape(node.shape)
            flat, where = [], []
            for value, index, arrays in self.parts:
                at = places[build(index, tuple(a._data if isinstance(a, Recorded) else a for a in arrays))]
                where.append(np.broadcast_to(at, value.shape).reshape(-1))
                flat.append(reshape_op(_as_dtype(value, node.dtype), shape=(value.size,)))
            values = concatenate_op(*flat, axis=0)
            out = place(values, np.concatenate(where), index=(ARRAY,), shape=(places.size,))
            out = reshape_op(out, shape=node.shape)
        return out if dense is None else add(dense, out)


def _as_dtype(value: Any, dtype: Any) -> Any:
    if value.dtype == dtype:
        return value
    if value.dtype.kind == "c" and dtype.kind != "c":
        value = real_part(value)
    return cast(value, dtype=dtype) if value.dtype != dtype else value


def _fit(value: Any, source: Node, op: Any, position: int) -> Any:
    """A rule's result in the shape of the input: what broadcasting added is summed away."""
    if op.kind != "elementwise":
        raise RuntimeError(
            f"{op.name}: the rule for {op.input_name(position)} gave a gradient of shape {tuple(value.shape)} for an "
            f"input of shape {source.shape}; a rule's result must have the shape of its input"
        )
    wide = np.broadcast_shapes(value.shape, source.shape)
    if value.shape != wide:
        value = broadcast_to_op(value, shape=wide)
    return value if wide == source.shape else sum_to(value, shape=source.shape)


def _spend(node: Node) -> None:
    """Free what a node kept; what it was stays, so that a walked tape still prints and draws."""
    node.kept = SPENT
    if node.extra is not None:
        node.extra.marks = None


class Walk:
    """One walk from right to left. Its gradients are its own, so that two walks of one tape do not meet."""

    def __init__(self, roots: Sequence[Node], targets: set[Node] | None, record: bool) -> None:
        self.order = _order(roots)
        self.live = None if targets is None else _between(self.order, targets)
        self.targets = targets
        self.record = record
        self.grads: dict[Node, Any] = {}
        self.owned: set[Node] = set()  # whose buffer nobody else has seen, so that one can add in place
        self.heaps: dict[Node, Heap] = {}

    def seed(self, node: Node, g: Any) -> None:
        self.accumulate(node, g)

    def accumulate(self, node: Node, g: Any) -> None:
        before = self.grads.get(node)
        if before is None:
            self.grads[node] = g
        elif self.record:
            self.grads[node] = add(before, g)
        elif node in self.owned:
            np.add(before, g, before)
        else:
            self.grads[node] = np.asarray(np.add(before, g))
            self.owned.add(node)

    def place(self, node: Node, placed: Placed) -> None:
        """A gradient that is zero elsewhere: into a buffer of the engine's own, or on a heap while recording."""
        if self.record:
            self.heaps.setdefault(node, Heap()).parts.append(placed)
            return
        buffer = self.grads.get(node)
        if buffer is None:
            buffer = self.grads[node] = np.zeros(node.shape, node.dtype)
            self.owned.add(node)
        elif node not in self.owned:
            buffer = self.grads[node] = np.array(buffer)
            self.owned.add(node)
        value = placed.value
        if value.dtype != node.dtype:
            value = _as_dtype(value, node.dtype)
        add_at(buffer, build(placed.index, placed.arrays), value)

    def run(self, retain: bool) -> dict[Node, Any]:
        """Walk, and give the gradients of leaves (or of the targets) and of what retains its gradient."""
        found: dict[Node, Any] = {}
        try:
            with np.errstate(all="ignore"):
                for node in self.order:
                    g = self.grads.pop(node, None)
                    if self.heaps and node in self.heaps:
                        g = self.heaps.pop(node).total(node, g)
                    if g is None:
                        continue
                    extra = node.extra
                    if extra is not None:
                        if extra.hooks:
                            g = self.hooked(node, g)
                        if extra.retain and self.targets is None:
                            found[node] = g
                    if node.plan is None:
                        found[node] = g
                        continue
                    if self.targets is not None:
                        if node in self.targets:
                            found[node] = g
                        assert self.live is not None
                        if not any([node.inputs[i] in self.live for i in node.plan.positions]):
                            continue
                    self.pull(node, g, extra)
                    if not retain:
                        _spend(node)
        except BaseException:
            for node in self.order:
                if node.plan is not None:
                    _spend(node)
            raise
        return found

    def pull(self, node: Node, g: Any, extra: Any) -> None:
        """Call the rules of one node and hand their results on."""
        op, inputs, kept = node.op, node.inputs, node.kept
        if kept is SPENT:
            raise RuntimeError(
                f"backward: the tape was walked before, and what {op.name} {node.shape} kept for its gradient is "
                "freed. Write retain_graph=True in the first backward, or compute the result again."
            )
        if op is PART:
            several = self.grads.setdefault(inputs[0], [None] * len(inputs[0].op.outputs))
            k = node.params["output"]
            several[k] = g if several[k] is None else add(several[k], g)
            return
        if extra is not None and extra.marks is not None:
            check_marks(node, extra.marks)
        if type(g) is list:
            g = tuple(
                [self.zeros(s, d) if one is None else one for one, s, d in zip(g, node.shape, node.dtype, strict=False)]
            )
        if self.record:
            kept = restore(node)
        live = self.live
        for position, rule in node.plan.pulls:
            source = inputs[position]
            if live is not None and source not in live:
                continue
            value = rule(g, node, kept)
            if value is None:
                continue
            if type(value) is Placed:
                self.place(source, value)
                continue
            if type(value) is not ndarray and not isinstance(value, Recorded):
                value = np.asarray(value)
            if value.shape != source.shape:
                value = _fit(value, source, op, position)
            if value.dtype is not source.dtype and value.dtype != source.dtype:
                value = _as_dtype(value, source.dtype)
            if self.record:
                if not isinstance(value, Recorded):
                    value = wrap(value)
                self.accumulate(source, value)
                continue
            if isinstance(value, Recorded):
                value = value._data
            self.accumulate(source, value)
        if state.anomaly:
            self.look(node)

    def look(self, node: Node) -> None:
        """In anomaly mode: raise where a rule made a nan."""
        for position in node.plan.positions:
            g = self.grads.get(node.inputs[position])
            if g is not None and not isinstance(g, list):
                data = g._data if isinstance(g, Recorded) else g
                if np.isnan(data).any():
                    hint = ""
                    if node.op.name == "sqrt":
                        hint = " The slope of sqrt at 0 is infinite: for a length, use tg.linalg.norm or tg.hypot."
                    raise RuntimeError(
                        f"backward: the rule of {node.op.name} for {node.op.input_name(position)} made a nan "
                        f"(output shape {node.shape}).{hint}"
                    )

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Any:
        z = np.broadcast_to(np.zeros((), dtype), shape)  # no memory: an absent cotangent
        return wrap(z) if self.record else z

    def hooked(self, node: Node, g: Any) -> Any:
        """The gradient after the hooks have seen it, each of which may put another in its place."""
        assert node.extra is not None and node.extra.hooks is not None
        for hook in list(node.extra.hooks.values()):
            t = g if isinstance(g, Recorded) else wrap(g)
            new = hook(t)
            if new is None:
                continue
            data = new if isinstance(new, Recorded) else np.asarray(new)
            if data.shape != node.shape:
                raise RuntimeError(
                    f"backward: a hook gave a gradient of shape {tuple(data.shape)} for a tensor of shape {node.shape}"
                )
            if self.record:
                g = _as_dtype(data if isinstance(data, Recorded) else wrap(data), node.dtype)
            else:
                g = _as_dtype(data._data if isinstance(data, Recorded) else np.array(data), node.dtype)
            self.owned.discard(node)
        return g


def walk(
    roots: Sequence[Any], seeds: Sequence[Any], targets: set[Node] | None, retain: bool, record: bool
) -> dict[Node, Any]:
    """The gradients of <seeds, roots>: arrays, or Tensors when the walk is recorded."""
    before = state.recording
    job = Walk([t.node for t in roots], targets, record)
    try:
        state.recording = record
        for t, g in zip(roots, seeds, strict=True):
            job.seed(t.node, g if not record else g if isinstance(g, Recorded) else wrap(g))
        return job.run(retain)
    finally:
        state.recording = before


def seed_for(t: Any, g: Any, record: bool, name: str) -> Any:
    """The gradient to start from, checked against the tensor it is for; ones for a scalar."""
    if not isinstance(t, Recorded):
        raise TypeError(f"{name}: expected a Tensor, got {type(t).__name__}")
    if t.node is None or not t.node.requires_grad:
        raise RuntimeError(
            f"{name}: the tensor of shape {t.shape} does not require grad, so there is nothing to differentiate. Make "
            "an input with requires_grad=True, and compute outside no_grad()."
        )
    if g is None:
        if t._data.size != 1:
            raise RuntimeError(
                f"{name}: the tensor has shape {t.shape}; without a gradient only one element can be differentiated. "
                f"Pass a gradient of shape {t.shape}, or sum it first."
            )
        if t.dtype.kind == "c":
            raise RuntimeError(
                f"{name}: the tensor is complex ({t.dtype}), and a complex number has no gradient of its own. Take its "
                "real part or size, or pass a gradient."
            )
        return np.ones(t.shape, t.dtype)
    data = g._data if isinstance(g, Recorded) else np.asarray(g)
    if data.shape != t.shape:
        raise RuntimeError(f"{name}: the gradient has shape {data.shape}, but the tensor {t.shape}; they must agree")
    if data.dtype.kind not in "fciub":
        raise TypeError(f"{name}: a gradient of dtype {data.dtype} cannot be used")
    if data.dtype.kind == "c" and t.dtype.kind != "c":
        raise RuntimeError(f"{name}: the gradient is complex ({data.dtype}), but the tensor real ({t.dtype})")
    if record and isinstance(g, Recorded):
        return _as_dtype(g, t.dtype)
    # what the user can write must not become a gradient that someone holds
    return data if isinstance(g, Recorded) and g._leaf is None and data.dtype == t.dtype else data.astype(t.dtype)


def _sequence(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, (list, tuple)) else (x,)


def _seeds(tensors: tuple[Any, ...], grads: Any, record: bool, name: str) -> list[Any]:
    given = (None,) * len(tensors) if grads is None else _sequence(grads)
    if len(given) != len(tensors):
        raise ValueError(f"{name}: {len(tensors)} tensors but {len(given)} gradients")
    return [seed_for(t, g, record, name) for t, g in zip(tensors, given, strict=True)]


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradient of the tensors to the `.grad` of every leaf they depend on, or of `inputs` only.

    grad_tensors: a gradient for each tensor, of its shape; may be left out for tensors of one element.
    Raises RuntimeError if a tensor requires no grad, or the tape was walked before without retain_graph.
    """
    roots = _sequence(tensors)
    seeds = _seeds(roots, grad_tensors, create_graph, "backward")
    targets, owners = None, {}
    if inputs is not None:
        chosen = _sequence(inputs)
        if not chosen:
            raise RuntimeError("backward: inputs is empty; name the tensors whose .grad you want, or leave it out")
        for t in chosen:
            owners[differentiable(t, "backward").node] = t
        targets = set(owners)
    retain = create_graph if retain_graph is None else retain_graph
    found = walk(roots, seeds, targets, retain, create_graph)
    reached = _leaves(roots) if targets is None else targets
    for node in [*found, *[n for n in reached if n not in found]]:
        t = owners.get(node) if targets is not None else _owner(node)
        if t is None:
            continue
        g = found.get(node)
        if g is None:
            g = np.zeros(node.shape, node.dtype)
        _commit(t, g)


def _owner(node: Node) -> Any:
    ref = None if node.extra is None else node.extra.owner
    return None if ref is None else ref()


def _leaves(roots: Sequence[Any]) -> list[Node]:
    return [n for n in _order([t.node for t in roots]) if n.plan is None]


def _commit(t: Any, g: Any) -> None:
    """Add to `.grad`, in a new array: a gradient that someone holds never changes under them."""
    if not isinstance(g, Recorded):
        if 0 in g.strides and g.size > 1:
            g = np.array(g)
        g = wrap(g)
    with _COMMITTING:  # two threads may add to the gradient of one leaf
        if t._leaf is None:
            t._leaf = Leaf()
        before = t._leaf.grad
        if before is None:
            t._leaf.grad = g
        elif g.node is None:
            t._leaf.grad = wrap(np.add(before._data, g._data))  # not recorded, so neither is the sum
        else:
            t._leaf.grad = add(before, g)


def differentiable(t: Any, name: str) -> Any:
    if not isinstance(t, Recorded):
        raise TypeError(f"{name}: inputs must be Tensors, got {type(t).__name__}")
    if t.node is None or not t.node.requires_grad:
        raise RuntimeError(f"{name}: an input of shape {t.shape} does not require grad; set requires_grad=True first")
    return t


def grad(
    outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
    allow_unused: bool = False,
) -> Any:  # fmt: skip
    """The gradients of the outputs in the inputs: a Tensor in, a Tensor out; a sequence in, a tuple out.

    grad_outputs: a gradient for each output, of its shape; may be left out for outputs of one element.
    create_graph: record the walk, so that the gradients can be differentiated again.
    Raises RuntimeError if an input is not used, unless allow_unused: then None stands for its gradient.
    """
    roots, wanted = _sequence(outputs), _sequence(inputs)
    for t in wanted:
        differentiable(t, "grad")
    seeds = _seeds(roots, grad_outputs, create_graph, "grad")
    retain = create_graph if retain_graph is None else retain_graph
    targets = {t.node for t in wanted}
    found = walk(roots, seeds, targets, retain, create_graph)
    reached = None
    results: list[Any] = []
    for k, t in enumerate(wanted):
        g = found.get(t.node)
        if g is None:
            reached = set(_order([r.node for r in roots])) if reached is None else reached
            if t.node in reached:
                g = np.zeros(t.shape, t.dtype)
            elif allow_unused:
                results.append(None)
                continue
            else:
                raise RuntimeError(
                    f"grad: input {k} of shape {t.shape} is not used in the outputs. Write allow_unused=True to get "
                    "None for it."
                )
        elif not isinstance(g, Recorded) and 0 in g.strides and g.size > 1:
            g = np.array(g)
        results.append(g if isinstance(g, Recorded) else wrap(g))
    return tuple(results) if isinstance(inputs, (list, tuple)) else results[0]


class Handle:
    """A registered hook; `remove()` takes it away."""

    def __init__(self, node: Node, key: int) -> None:
        self._node, self._key = weakref.ref(node), key

    def remove(self) -> None:
        node = self._node()
        if node is not None and node.extra is not None and node.extra.hooks is not None:
            node.extra.hooks.pop(self._key, None)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *error: Any) -> None:
        self.remove()


def register_hook(t: Any, hook: Callable[[Any], Any]) -> Handle:
    """Call `hook(gradient)` whenever the gradient of t is complete; what it returns, if not None, takes its place."""
    if not callable(hook):
        raise TypeError(f"register_hook: the hook must be a function of the gradient, got {type(hook).__name__}")
    extra = node_of(differentiable(t, "register_hook")).more()
    if extra.hooks is None:
        extra.hooks = {}
    key = max(extra.hooks, default=-1) + 1
    extra.hooks[key] = hook
    return Handle(t.node, key)
