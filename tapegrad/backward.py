"""The tape read from right to left: gradients, for any graph and to any order.

Knows nodes, plans and how gradients add up; must not know any op's rule.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from heapq import heappop, heappush, heappushpop
from operator import attrgetter
from sys import getrefcount
from typing import Any

import numpy as np

from .arrays import FLOAT32, FLOAT64
from .kernels import memory, threads
from .kernels.memory import root
from .ops.elementwise import add, real_part
from .ops.index import add_at, build, increment, place, setitem
from .ops.structure import broadcast_to_op, cast, join, reshape_op, sum_to
from .registry import (
    ARRAY,
    BLOCK,
    LARGE,
    PART,
    Cleared,
    Leaf,
    Placed,
    Recorded,
    alone,
    check_marks,
    node_of,
    raw,
    restore,
    wrap,
)
from .tape import SPENT, Node, state

__all__ = ["backward", "grad"]

ndarray = np.ndarray
add_to = np.add


_COMMITTING = threading.Lock()
_ORDER = attrgetter("order")


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
    return sorted(seen, key=_ORDER)


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

    def onto(self, node: Node, dense: list[Any]) -> Any:
        """These added to the one gradient in the list, in its buffer where nobody else sees that."""
        for value, index, arrays in self.parts:
            add_in = increment.overwriting if alone(dense, 0) else increment
            dense[0] = add_in(dense[0], _as_dtype(value, node.dtype), *arrays, index=index)
        return dense[0]

    def total(self, node: Node) -> Any:
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
            values = join(flat, 0)
            out = place(values, np.concatenate(where), index=(ARRAY,), shape=(places.size,))
            out = reshape_op(out, shape=node.shape)
        return out


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


def _in_blocks(rule: Any, g: Any, others: tuple[Any, ...]) -> Any:
    """What the rule of an elementwise op gives on large arrays, a block at a time; None if they are of odd shapes."""
    if not g.flags.c_contiguous or (g.dtype is not FLOAT32 and g.dtype is not FLOAT64):
        return None
    for a in others:
        if type(a) is not ndarray or a.shape != g.shape or not a.flags.c_contiguous:
            return None
    out = memory.empty(g.shape, g.dtype)
    to, lines = out.reshape(-1), [a.reshape(-1) for a in (g, *others)]

    step = threads.block(BLOCK)

    def part(start: int, stop: int) -> None:
        for a in range(start, stop, step):
            b = min(a + step, stop)
            to[a:b] = rule(*[line[a:b] for line in lines])

    if g.size >= 2 * step:
        threads.share(g.size, part)
    else:
        part(0, g.size)
    return out


def _large_rule(plan: Any, position: int, rule: Any, i: int, j: int, g: Any, node: Node) -> Any:
    """A rule of an elementwise op on a large gradient: in blocks, or else by ops that use the free list."""
    kept, value = node.kept, None
    if i >= 0:
        value = _in_blocks(rule, g, (kept[i],) if j < 0 else (kept[i], kept[j]))
    return plan.rules[position](g, node, kept) if value is None else value


def _holders(grads: dict[Any, Any], node: Any) -> int:
    return getrefcount(grads[node])


def _calibrate() -> int:
    """What _holders gives where only `grads` and a name of the caller hold the array; -1 if it cannot tell."""
    grads = {0: np.empty(1)}
    before = grads.get(0)
    alone = _holders(grads, 0)
    other = before
    return alone if _holders(grads, 0) == alone + 1 and other is not None else -1


_ALONE = _calibrate()


def _join(grads: dict[Node, Any], node: Node, g: Any) -> None:
    """Add to a gradient of a node that came from a rule: in place if it is large and nobody else holds it."""
    before = grads[node]
    if before.size < LARGE:
        grads[node] = np.asarray(np.add(before, g))
        return
    shape, dtype, own = before.shape, before.dtype, root(before) is before and before.flags.writeable
    del before
    if own and _holders(grads, node) == _ALONE:
        np.add(grads[node], g, grads[node])
        return
    out = memory.empty(shape, dtype)
    grads[node] = np.add(grads[node], g, out)


class Walk:
    """One walk from right to left. Its gradients are its own, so that two walks of one tape do not meet."""

    def __init__(self, roots: Sequence[Node], targets: set[Node] | None, record: bool) -> None:
        self.roots = roots
        self.targets = targets
        self.live = None if targets is None else _between(_order(roots), targets)
        self.record = record
        self.grads: dict[Node, Any] = {}
        self.queue: list[tuple[int, Node]] = []  # a heap of what has a gradient, newest first; leaves are not on it
        self.owned: set[Node] = set()  # whose buffer nobody else has seen, so that one can add in place
        self.heaps: dict[Node, Heap] = {}
        self.foreign: list[Any] = []  # arrays that the user holds and can write: no gradient that is kept may be one
        self.gaps = False  # whether a rule gave no gradient: then a leaf may go without

    def seed(self, node: Node, g: Any) -> None:
        """Start from a gradient that the user may hold."""
        if type(g) is ndarray:
            self.foreign.append(root(g))
        self.accumulate(node, g)

    def own(self, g: Any) -> Any:
        """The gradient as someone may keep it: a copy of it if it is the user's array, or a view of that."""
        if self.foreign and type(g) is ndarray and any([root(g) is a for a in self.foreign]):
            return g.copy()
        return g

    def accumulate(self, node: Node, g: Any) -> None:
        """Add a gradient to that of a node, and put the node in the queue when it is the first."""
        before = self.grads.get(node)
        if before is None:
            self.grads[node] = g
            if node.plan is not None and node not in self.heaps:
                heappush(self.queue, (node.order, node))
        elif self.record:
            self.grads[node] = add(before, g)
        elif node in self.owned:
            np.add(before, g, before)
        else:
            _join(self.grads, node, g)
            self.owned.add(node)

    def place(self, node: Node, placed: Placed) -> None:
        """A gradient that is zero elsewhere: into a buffer of the engine's own, or on a heap while recording."""
        if self.record:
            heap = self.heaps.get(node)
            if heap is None:
                heap = self.heaps[node] = Heap()
                if node.plan is not None and node not in self.grads:
                    heappush(self.queue, (node.order, node))
            heap.parts.append(placed)
            return
        buffer = self.grads.get(node)
        if buffer is None:
            self.accumulate(node, np.zeros(node.shape, node.dtype))
            buffer = self.grads[node]
            self.owned.add(node)
        elif node not in self.owned:
            buffer = self.grads[node] = np.array(buffer)
            self.owned.add(node)
        value = placed.value
        if value.dtype != node.dtype:
            value = _as_dtype(value, node.dtype)
        add_at(buffer, build(placed.index, placed.arrays), value)

    def clear(self, source: Node, cleared: Cleared) -> Any:
        """A gradient with zeros at an index: written into the one that came, where nobody else needs that."""
        own = alone(cleared, 0, 1)
        g, index, arrays = cleared
        if self.record:
            assign = setitem.overwriting if own else setitem
            return assign(g, np.zeros((), g.dtype), *arrays, index=index)
        if not own:
            g = np.array(g)
        g[build(index, arrays)] = 0
        if source not in self.grads:
            self.owned.add(source)
        return g

    def run(self, retain: bool) -> dict[Node, Any]:
        """Walk, and give the gradients of leaves (or of the targets) and of what retains its gradient."""
        found: dict[Node, Any] = {}
        try:
            with np.errstate(all="ignore"):
                self.pull_all(found, retain)
                for node in sorted([*{**self.grads, **self.heaps}], key=_ORDER):  # leaves
                    g = self.complete(node)
                    if self.targets is None or node in self.targets:
                        found[node] = self.own(g)
                if self.gaps and self.targets is None:
                    for node in _order(self.roots):
                        if node.plan is None and node not in found:
                            found[node] = self.zeros(node.shape, node.dtype)
        except BaseException:
            for node in _order(self.roots):
                if node.plan is not None:
                    _spend(node)
            raise
        return found

    def complete(self, node: Node) -> Any:
        """The gradient of a node once all of it has come in, after its hooks."""
        if self.heaps and node in self.heaps:
            heap = self.heaps.pop(node)
            g = heap.onto(node, [self.grads.pop(node)]) if node in self.grads else heap.total(node)
        else:
            g = self.grads.pop(node, None)
        if node.extra is not None and node.extra.hooks:
            g = self.hooked(node, self.own(g))
        return g

    def pull_all(self, found: dict[Node, Any], retain: bool) -> None:
        """Call the rules of node after node and hand their results on.

        This loop is the time that a backward takes: what is common stands here, the rest is called.
        """
        grads, queue, owned, heaps, live = self.grads, self.queue, self.owned, self.heaps, self.live
        plain, anomaly = not self.record, state.anomaly
        usual = plain and self.targets is None
        ahead: Node | None = None  # one of those that wait, kept out of the heap: in a chain there is no other
        while queue or ahead is not None:
            if ahead is None:
                node = heappop(queue)[1]
            elif queue and queue[0][0] < ahead.order:
                node, ahead = heappushpop(queue, (ahead.order, ahead))[1], None
            else:
                node, ahead = ahead, None
            kept, plan, inputs, extra = node.kept, node.plan, node.inputs, node.extra
            if kept is SPENT:
                self.spent(node)
            large, calls = False, plan.quick if plain else plan.slow
            if usual and extra is None and not plan.special:
                g = grads.pop(node)
            else:
                g, kept = self.prepared(node, found)
                if kept is None:
                    if not retain and g is not None:
                        _spend(node)
                    continue
                large = plain and plan.blocks and g.size >= LARGE
                if plain and plan.together is not None and (live is None or live.issuperset(inputs)):
                    calls = [(i, value, -4, -1) for i, value in enumerate(plan.together(g, node, kept))]
            if not plan.whole:
                self.gaps = True
            trusted = node.shape if plan.closed else None
            for position, rule, i, j in calls:
                source = inputs[position]
                if live is not None and source not in live:
                    continue
                if large:
                    value = _large_rule(plan, position, rule, i, j, g, node)
                elif i >= 0:
                    value = rule(g, kept[i]) if j < 0 else rule(g, kept[i], kept[j])
                elif i == -1:
                    value = rule(g)
                elif i == -2:
                    value = rule(g, node, kept)
                else:
                    value = g if i == -3 else rule
                if type(value) is not ndarray:
                    value = self.handed(source, value)
                    if value is None:
                        continue
                if trusted is not source.shape:  # else: a ufunc of arrays of one dtype and shape
                    if value.shape != source.shape:
                        value = _fit(value, source, plan.op, position)
                    if value.dtype is not source.dtype and value.dtype != source.dtype:
                        value = _as_dtype(value, source.dtype)
                if source not in grads:
                    grads[source] = value
                    if source.plan is not None and source not in heaps:
                        if ahead is None:
                            ahead = source
                        else:
                            heappush(queue, (source.order, source))
                elif source in owned:
                    add_to(grads[source], value, grads[source])
                elif plain:
                    _join(grads, source, value)
                    owned.add(source)
                else:
                    grads[source] = add(grads[source], value)
                value = None  # so that the buffer is free for the next rule
            calls = ()  # nor do gradients that came together stay
            if anomaly:
                self.look(node, g)
            if not retain:
                node.kept = SPENT
                if extra is not None:
                    extra.marks = None

    def prepared(self, node: Node, found: dict[Node, Any]) -> tuple[Any, Any]:
        """The gradient of a node with something special to it, and what its rules get; None if none is to be called.

        Both are None if the node is only on the way to others than the targets.
        """
        g = self.complete(node)
        extra, plan = node.extra, node.plan
        if self.targets is None:
            if extra is not None and extra.retain:
                found[node] = self.own(g)
        else:
            assert self.live is not None
            if node in self.targets:
                found[node] = self.own(g)
            if not any([node.inputs[i] in self.live for i in plan.positions]):
                return None, None
        if plan.op is PART:
            whole = node.inputs[0]
            several = self.grads.get(whole)
            if several is None:
                several = self.grads[whole] = [None] * len(whole.op.outputs)
                heappush(self.queue, (whole.order, whole))
            k = node.params["output"]
            several[k] = g if several[k] is None else add(several[k], g)
            return g, None
        if extra is not None and extra.marks is not None:
            check_marks(node, extra.marks)
        if type(g) is list:
            g = tuple(
                [self.zeros(s, d) if one is None else one for one, s, d in zip(g, node.shape, node.dtype, strict=False)]
            )
        return g, restore(node) if self.record else node.kept

    def handed(self, source: Node, value: Any) -> Any:
        """What a rule gave that is no array, as one; None if it is dealt with."""
        if value is None:
            self.gaps = True
            return None
        if type(value) is Placed:
            self.place(source, value)
            return None
        if type(value) is Cleared:
            return self.clear(source, value)
        if self.record:
            return value if isinstance(value, Recorded) else wrap(value)
        return value._data if isinstance(value, Recorded) else np.asarray(value)

    def spent(self, node: Node) -> None:
        raise RuntimeError(
            f"backward: the tape was walked before, and what {node.op.name} {node.shape} kept for its gradient is "
            "freed. Write retain_graph=True in the first backward, or compute the result again."
        )

    def look(self, node: Node, came: Any) -> None:
        """In anomaly mode: raise where a rule made a nan of the gradient `came`."""
        for position in node.plan.positions:
            g = self.grads.get(node.inputs[position])
            if g is not None and not isinstance(g, list):
                data = g._data if isinstance(g, Recorded) else g
                if np.isnan(data).any():
                    hint = ""
                    if any([np.isinf(raw(one)).any() for one in (came if type(came) is tuple else (came,))]):
                        hint = (
                            " The gradient that came in holds infinities, as after sqrt or log at 0: for a length use "
                            "tg.hypot, or keep such points out with tg.where before that op."
                        )
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
    if record:  # what the user can write must not become a gradient that someone holds
        return data.astype(t.dtype)
    return data if data.dtype == t.dtype else data.astype(t.dtype)  # the walk sees to it: `Walk.own`


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
    for node in found if targets is None else [*found, *[n for n in targets if n not in found]]:
        t = _owner(node) if targets is None else owners.get(node)
        if t is not None:
            g = found.get(node)
            _commit(t, np.zeros(node.shape, node.dtype) if g is None else g)


def _owner(node: Node) -> Any:
    ref = None if node.extra is None else node.extra.owner
    return None if ref is None else ref()


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
