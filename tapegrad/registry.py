"""What an op is: a forward function on arrays and one rule per input. A call is compute and record.

Knows nodes and the one table of ops; must not know any particular op, nor how a tape is walked.

A rule is a function of `g`, the gradient of the output, and of what it names besides: an input, `<input>_shape`,
an output (`out`), a parameter. Names are read from the rule once, when it is declared, and turned into a plan:
which values a node keeps, and how they are handed to the rule. Nothing is inspected when ops run.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from .arrays import FLOAT32, FLOAT64, for_arrays, number
from .kernels import memory, threads
from .samples import Draw, Sample
from .tape import NEEDED, SMALL, Node, clock, state, usual
from .tape import SHARED as WRITABLE

__all__ = ["OPS", "BY_NUMPY", "Op", "Placed", "Recorded", "op", "ufunc", "numpy_name", "operand"]

OPS: dict[str, Op] = {}  # every op by name: tests, docs, printing and interop read this table
BY_NUMPY: dict[Any, Callable[..., Any]] = {}  # NumPy function, ufunc or (ufunc, method) -> ours
WITHOUT: dict[Any, str] = {}  # those among them whose gradient is zero, or that have none, and why
KINDS = ("elementwise", "linear", "multilinear", None)
NOTHING: dict[str, Any] = {}

ndarray = np.ndarray
NUMBERS = (int, complex, bool, np.number, np.bool_)  # constants of an op that stay as they are, besides arrays
PLAIN = frozenset((float, int, np.ndarray))  # constants that the short way through a call takes as they are
new = object.__new__


class Leaf:
    """What a Tensor has that no op made, or that retains its gradient."""

    __slots__ = ("grad", "made", "shared")

    def __init__(self, made: bool = False, shared: bool = False) -> None:
        self.grad: Any = None
        self.made = made  # by the user: its buffer can be written through .data
        self.shared = shared  # someone outside can write the buffer


class Recorded:
    """A value and the node that made it (None: nothing was recorded). Tensor, further right, is its only face."""

    __slots__ = ("__weakref__", "_data", "_leaf", "node")
    _data: Any
    node: Node | None
    _leaf: Leaf | None

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return self._data.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return self._data.dtype  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._data.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._data.size  # type: ignore[no-any-return]

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this are recorded for a backward."""
        return self.node is not None and self.node.requires_grad


tensor_type: type[Recorded] = Recorded  # tensor.py hands its class over, once


def set_tensor_type(cls: type[Recorded]) -> None:
    global tensor_type
    tensor_type = cls


def wrap(data: Any, node: Node | None = None) -> Any:
    """A Tensor of an array that nobody outside can write."""
    t = new(tensor_type)
    t._data = data if type(data) is ndarray else np.asarray(data)
    t.node = node
    t._leaf = None
    return t


def raw(x: Any) -> Any:
    """The array in a Tensor; anything else as it is."""
    return x._data if isinstance(x, Recorded) else x


def alone(holder: Any, key: Any, others: int = 0) -> bool:
    """Whether the array or Tensor holder[key] can be written over: nobody sees it but `others` names of the caller."""
    if not isinstance(holder[key], Recorded):
        return memory.sole(holder, key, others)
    return memory.references(holder, key) == memory.ONE + others and memory.sole([holder[key]._data], 0, 1)


_shapes: dict[tuple[int, ...], tuple[int, ...]] = {}


def node_of(t: Recorded) -> Node:
    """The node of a Tensor; a leaf's is made when it first enters a recorded op."""
    if t.node is None:
        data = t._data
        shape = data.shape
        shape = _shapes.setdefault(shape, shape) if len(_shapes) < 10_000 else shape  # one object where they are equal
        node = Node(None, (), NOTHING, (), shape, data.dtype, None, False, data if data.size <= SMALL else None)
        node.shared = t._leaf is not None and t._leaf.shared
        node.more().owner = weakref.ref(t)
        t.node = node
    return t.node


def operand(x: Any, name: str = "asarray") -> Any:
    """A Tensor as it is; anything else as an array, or a TypeError."""
    if isinstance(x, Recorded):
        return x
    if type(x) is not ndarray:
        if isinstance(x, (list, tuple)) and _holds_tensor(x):
            return stack_nested(x, name)
        refuse(x, name)
        x = array_of(x, name)
    if x.dtype.kind not in "fciub":
        raise TypeError(f"{name}: dtype {x.dtype} cannot be used here; floats, complex, integers and bools can")
    return x


def refuse(x: Any, name: str) -> None:
    """Raise for a class of arrays whose operators mean something else, or that hides some of its values."""
    masked = sys.modules.get("numpy.ma")  # not imported: then nobody has one
    if isinstance(x, np.matrix):
        raise TypeError(f"{name}: a matrix cannot be used here, since its * and ** mean others; pass np.asarray(x)")
    if masked is not None and isinstance(x, masked.MaskedArray):
        raise TypeError(
            f"{name}: a MaskedArray cannot be used here, since its mask would be lost; pass x.filled(...), or x.data "
            "and its mask as where="
        )


def array_of(x: Any, name: str, dtype: Any = None, copy: bool | None = None, **options: Any) -> Any:
    """What numpy.array gives, copied only if need be unless `copy` says otherwise; of a ragged list a TypeError."""
    try:
        return np.array(x, dtype=dtype, copy=copy, **options)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        raise TypeError(
            f"{name}: the list is ragged, its parts differ in length; pad them to one length, or keep a list of Tensors"
        ) from None


def native(a: Any) -> Any:
    """An array with its bytes in the order of this machine, which is the only one that a Tensor has."""
    return a if a.dtype.isnative else a.astype(a.dtype.newbyteorder("="))


def _holds_tensor(x: Any) -> bool:
    return any(isinstance(i, Recorded) or (isinstance(i, (list, tuple)) and _holds_tensor(i)) for i in x)


def stack_nested(x: Sequence[Any], name: str) -> Any:
    """A (nested) list with Tensors in it, stacked so that gradients reach them."""
    parts = [operand(i, name) for i in x]
    shapes = {p.shape for p in parts}
    if len(shapes) > 1:
        raise TypeError(
            f"{name}: the list is ragged, its parts have the shapes {', '.join(map(str, sorted(shapes)))}; pad or "
            "broadcast them to one, or keep a list of Tensors"
        )
    return OPS["stack"](*parts, axis=0)


class Slice(NamedTuple):
    """A slice as a hashable value."""

    start: int | None
    stop: int | None
    step: int | None

    def __repr__(self) -> str:
        ends = ["" if v is None else str(v) for v in self]
        return ":".join(ends if self.step is not None else ends[:2])


class _Array:
    """Stands in an index template where an array goes."""

    def __repr__(self) -> str:
        return "array"


ARRAY = _Array()


class Cleared(NamedTuple):
    """A gradient that is `value` with zeros at an index: what a rule returns where the engine may write into `value`.

    Only a rule that is `last`, called after those for the other inputs, may. Index and arrays are as in Placed.
    """

    value: Any
    index: tuple[Any, ...]  # type: ignore[assignment]
    arrays: tuple[Any, ...] = ()


class Placed(NamedTuple):
    """A gradient that is `value` at an index and zero elsewhere: what a rule returns instead of a large array.

    `index` is a template of ints, Slices, None, Ellipsis and ARRAY; `arrays` stand for the ARRAYs in order.
    """

    value: Any
    index: tuple[Any, ...]  # type: ignore[assignment]  # a tuple's own index() is of no use here
    arrays: tuple[Any, ...] = ()


Rule = Callable[..., Any]
# where an argument of a rule comes from: ("in", position), ("out", position), ("all",), ("others",): these are kept;
# ("shape", position), ("shapes",), ("param", name), ("position",): these are not
Source = tuple[Any, ...]
KEPT = ("in", "out", "all", "others")


class Plan:
    """For one set of inputs that require grad: what a node keeps, and how its rules are called.

    With a dtype, for nodes whose inputs and output all have that real dtype: `quick` then holds the rules as they run
    on arrays. `pulls` are the rules as they stand.
    """

    __slots__ = (
        "blocks", "closed", "code", "keep", "keeps", "marked", "op", "positions", "pulls", "quick", "rules", "slow",
        "sources", "special", "together", "where", "whole",
    )  # fmt: skip

    def __init__(self, op: Op, positions: tuple[int, ...], count: int, dtype: Any = None, large: bool = False) -> None:
        self.op = op
        self.positions = positions
        part = op.name == "part" or len(op.outputs) > 1  # the gradient is no array
        self.blocks = op.in_blocks and not part
        self.closed = dtype is not None and op.closed
        self.special = part or large or not self.closed
        self.sources: list[Source] = []
        calls: list[tuple[int, Rule, list[Source]]] = []
        for position in positions:
            name = op.input_name(position)
            rule = op.rules[name]
            if rule is None:
                continue
            sources = [op.source(wanted) for wanted in op.wants[name]]
            for source in sources:
                if source[0] in KEPT and source not in self.sources:
                    self.sources.append(source)
            calls.append((position, rule, sources))
        calls.sort(key=_late)
        self.whole = len(calls) == len(positions)  # every input that requires grad has a rule
        if ("others",) in self.sources and len(positions) > 1:
            self.sources = [("all",) if s == ("others",) else s for s in self.sources]
        self.keeps = tuple(op.source_name(s) for s in self.sources)
        self.where = {s: k for k, s in enumerate(self.sources)}
        self.code = _code(self.sources)
        self.keep = _keeper(self.sources, positions[0] if positions else 0)
        self.pulls = [(position, self._bind(rule, sources, position)) for position, rule, sources in calls]
        self.rules = dict(self.pulls)
        self.slow = [(position, rule, -2, -1) for position, rule in self.pulls]
        self.together: Callable[[Any, Node, Any], Any] | None = None
        if op.together is not None and len(calls) == count:
            self.together = self._bind(op.together, [op.source(wanted) for wanted in op.together_wants], 0)
        self.quick = [self._short(rule, sources, position, dtype) for position, rule, sources in calls]
        marked = {s[1] for s in self.sources if s[0] == "in"}
        if ("all",) in self.sources or ("others",) in self.sources:
            marked |= set(range(len(op.inputs), count))
        self.marked = tuple(sorted(marked))

    def _short(self, rule: Rule, sources: list[Source], position: int, dtype: Any) -> tuple[int, Rule, int, int]:
        """(position, rule, i, j), called as rule(g, kept[i], kept[j]); -1: no such argument.

        If i is -2, it is called as rule(g, node, kept); if -3, not at all, since it gives g as it is.
        """
        where = [self.where.get(s, -1) if s[0] in ("in", "out") else -1 for s in sources]
        if len(where) > 2 or -1 in where:
            return position, self._bind(rule, sources, position), -2, -1
        if getattr(rule, "passes", False):
            return position, rule, -3, -1
        if dtype is not None:
            rule = for_arrays(rule, dtype)
        i, j = (*where, -1, -1)[:2]
        return position, rule, i, j

    def _bind(self, rule: Rule, sources: list[Source], position: int) -> Callable[[Any, Node, Any], Any]:
        """The rule as a function of (g, node, kept values)."""
        if not sources:
            return lambda g, node, kept: rule(g)
        getters = [self._getter(s, position, self.op) for s in sources]
        return lambda g, node, kept: rule(g, *[get(node, kept) for get in getters])

    def _getter(self, source: Source, position: int, op: Op) -> Callable[[Node, Any], Any]:
        kind = source[0]
        fixed = len(op.inputs)
        if kind == "others":
            k = self.where.get(source, -1)
            if k < 0:
                k = self.where[("all",)]
            i = position - fixed
            return lambda node, kept: kept[k][:i] + (None,) + kept[k][i + 1 :]
        if kind in KEPT:
            k = self.where[source]
            return lambda node, kept: kept[k]
        if kind == "shape":
            i = source[1]
            return lambda node, kept: shape_of(node.inputs[i])
        if kind == "shapes":
            return lambda node, kept: tuple([shape_of(i) for i in node.inputs[fixed:]])
        if kind == "position":
            i = position - fixed
            return lambda node, kept: i
        name = source[1]
        return lambda node, kept: node.params[name]


def _late(call: tuple[int, Rule, list[Source]]) -> bool:
    return getattr(call[1], "last", False)


def shape_of(source: Any) -> tuple[int, ...]:
    return source.shape if type(source) is Node else np.shape(source)


def _code(sources: list[Source]) -> int:
    """The commonest ways to keep as a number: 1, 2: the first, second input; 3: the output; 12, 21: both inputs."""
    digits = ["0"]
    for kind, *where in sources:
        if kind not in ("in", "out") or where[0] > 1:
            return -1
        digits.append(str(where[0] + 1 if kind == "in" else 3))
    return int("".join(digits))


def _keeper(sources: list[Source], position: int) -> Callable[[tuple[Any, ...], tuple[Any, ...], int], Any]:
    """(values, outputs, how many inputs are fixed) -> what is kept."""
    if not sources:
        return lambda values, outs, fixed: ()
    if all(s[0] in ("in", "out") for s in sources):
        if len(sources) == 1:
            ((kind, i),) = sources
            if kind == "in":
                return lambda values, outs, fixed: (values[i],)
            return lambda values, outs, fixed: (outs[i],)
        if len(sources) == 2 and sources[0][0] == sources[1][0] == "in":
            i, j = sources[0][1], sources[1][1]
            return lambda values, outs, fixed: (values[i], values[j])

    if sources == [("all",)]:
        return lambda values, outs, fixed: (values[fixed:],)

    def one(source: Source, values: tuple[Any, ...], outs: tuple[Any, ...], fixed: int) -> Any:
        if source[0] == "in":
            return values[source[1]]
        if source[0] == "out":
            return outs[source[1]]
        rest = values[fixed:]
        if source[0] == "all":
            return rest
        return rest[: position - fixed] + (None,) + rest[position - fixed + 1 :]

    return lambda values, outs, fixed: tuple([one(s, values, outs, fixed) for s in sources])


class Op:
    """A forward function on arrays and, per input, a rule that pulls a gradient back.

    `inputs` are array-valued and positional, a last one may be variadic (`*xs`); `params` are hashable plain values
    and go by keyword. `kind` is "elementwise", "linear", "multilinear" or None: forward mode follows from it.
    """

    def __init__(
        self, forward: Callable[..., Any], kind: str | None, inputs: Sequence[str], *, name: str, doc: str,
        params: dict[str, Any] | None = None, variadic: str | None = None, outputs: Sequence[str] = ("out",),
        aux: Sequence[str] = (), view: bool = False,
    ) -> None:  # fmt: skip
        if kind not in KINDS:
            raise ValueError(f"op {name}: kind {kind!r} is not one of {KINDS}")
        if name in OPS:
            raise ValueError(f"op {name}: there is an op of that name already")
        self.forward, self.kind, self.name = forward, kind, name
        self.__doc__ = doc
        self.inputs, self.variadic = tuple(inputs), variadic
        self.count = len(self.inputs)
        self.several = len(outputs) > 1 or bool(aux)
        self.params = dict(params or {})
        self.required = tuple(k for k, v in self.params.items() if v is REQUIRED)
        self.defaults = {k: v for k, v in self.params.items() if v is not REQUIRED}
        self.outputs, self.aux = tuple(outputs), tuple(aux)
        self.view = view
        self.into: Callable[..., Any] | None = None  # the forward once more, on a first input that it may overwrite
        # a ufunc that gives real floats of the dtype that it gets
        loops = {t[forward.nin - 1 :] for t in forward.types} if isinstance(forward, np.ufunc) else set()
        self.closed = {"f->f", "d->d"} <= loops
        self.rules: dict[str, Rule | None] = {}
        self.ruled = (False,) * (self.count + 1)  # whether there is a rule for each input, last for the variadic one
        self.wants: dict[str, tuple[str, ...]] = {}
        self.together: Rule | None = None
        self.together_wants: tuple[str, ...] = ()
        self.jvp_rule: Rule | None = None
        self.jvp_wants: tuple[str, ...] = ()
        self.samples: list[Sample] = []
        self.no_rule: str | None = None  # why an op without rules has none
        self.hermitian: tuple[str, ...] = ()  # inputs that count as Hermitian: checks move along Hermitian matrices
        self.arbitrary: str | None = None  # what of a complex result is arbitrary: not any cotangent has a sense
        self.module = ""  # of the forward function; none for a ufunc
        self._plans: dict[tuple[int, int, Any, bool], Plan] = {}
        # by mask: the plans of calls in which all arrays have one real dtype
        self.plans32: list[Plan | None] = [None] * 4
        self.plans64: list[Plan | None] = [None] * 4
        self.quick: Callable[..., Any] = self.general
        OPS[name] = self

    # -- declaring -----------------------------------------------------------------------------------------

    def vjp(self, **rules: Rule | None) -> Op:
        """Declare the rules, one per differentiable input; None stands for a gradient of zero.

        Raises NameError if a rule names what this op has not, with the list of what it has.
        """
        names = (*self.inputs, self.variadic) if self.variadic else self.inputs
        for name, rule in rules.items():
            if name not in names:
                raise NameError(f"op {self.name}: a rule for {name!r}, but the inputs are {', '.join(names)}")
            self.rules[name] = rule
            self.wants[name] = () if rule is None else self._wanted(rule, name, "g")
        self.ruled = tuple([name in self.rules for name in (*self.inputs, self.variadic)])
        self._plans.clear()
        self.plans32[:] = self.plans64[:] = [None] * 4
        return self

    def vjp_together(self, rule: Rule) -> Op:
        """Declare one function for the gradients in all inputs at once, for walks that do not record.

        It gets arrays and gives one gradient per input, the same as the rules of `vjp`, where that shares work. It is
        called when all inputs require grad, and takes what those rules take.
        """
        self.together, self.together_wants = rule, self._wanted(rule, "all inputs", "g")
        self._plans.clear()
        return self

    def jvp(self, rule: Rule) -> Op:
        """Declare the forward rule: a function of `tangents` (one per input, None where there is none) and of names."""
        self.jvp_rule, self.jvp_wants = rule, self._wanted(rule, "jvp", "tangents")
        return self

    def _wanted(self, rule: Rule, name: str, first: str) -> tuple[str, ...]:
        code = rule.__code__
        wanted = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if not wanted or wanted[0] != first:
            raise NameError(f"op {self.name}: the rule for {name} must take {first!r} first, it takes {wanted}")
        for w in wanted[1:]:
            self.source(w)
        return wanted[1:]

    def source(self, name: str) -> Source:
        """Where the argument `name` of a rule comes from."""
        if name in self.inputs:
            return ("in", self.inputs.index(name))
        produced = (*self.outputs, *self.aux)
        if name in produced:
            return ("out", produced.index(name))
        if name in self.params:
            return ("param", name)
        if name.endswith("_shape") and name[:-6] in self.inputs:
            return ("shape", self.inputs.index(name[:-6]))
        if self.variadic is not None:
            special = {
                self.variadic: ("all",), f"other_{self.variadic}": ("others",),
                f"{self.variadic}_shape": ("shapes",), "position": ("position",),
            }  # fmt: skip
            if name in special:
                return special[name]
        right = [*self.inputs, *(f"{i}_shape" for i in self.inputs), *produced, *self.params]
        if self.variadic:
            right += [self.variadic, f"other_{self.variadic}", f"{self.variadic}_shape", "position"]
        raise NameError(f"op {self.name}: a rule asks for {name!r}; there are g, {', '.join(right)}")

    def source_name(self, source: Source) -> str:
        if source[0] == "in":
            return self.inputs[source[1]]
        if source[0] == "out":
            return (*self.outputs, *self.aux)[source[1]]
        return f"{self.variadic}" if source[0] == "all" else f"other_{self.variadic}"

    def sample(self, *args: Any, **params: Any) -> Op:
        """Declare arguments that the checks call this op with: Draws, constants and parameters."""
        self.samples.append(Sample(args, params))
        return self

    def without_rule(self, why: str) -> Op:
        """State why this op has no rule."""
        self.no_rule = why
        if isinstance(self.forward, np.ufunc):
            WITHOUT[self.forward] = why
        return self

    @cached_property
    def in_blocks(self) -> bool:
        """Whether large arrays are worked on in blocks and on threads: ops of our own, whose functions allow it."""
        return self.kind == "elementwise" and (not self.module or self.module.startswith("tapegrad."))

    def input_name(self, position: int) -> str:
        return self.inputs[position] if position < len(self.inputs) else self.variadic or "?"

    def plan(self, mask: int, count: int, dtype: Any = None, large: bool = False) -> Plan:
        """The plan for the inputs whose bit is set in `mask`; `dtype` if all arrays have that one and it is real."""
        plan = self._plans.get((mask, count, dtype, large))
        if plan is None:
            positions = tuple(i for i in range(count) if mask >> i & 1)
            plan = self._plans[mask, count, dtype, large] = Plan(self, positions, count, dtype, large)
        return plan

    # -- calling -------------------------------------------------------------------------------------------

    def general(self, *args: Any, **params: Any) -> Any:
        """Arrays in, arrays out; any Tensor in, Tensors out, recorded where an input requires grad.

        The call of any op; elementwise ones have a shorter way for what is common.
        """
        outs, node = self._run(args, params)
        if node is None:
            return outs[0] if len(self.outputs) == 1 else outs[: len(self.outputs)]
        if len(self.outputs) == 1:
            if type(node) is Node:
                return wrap(outs[0], node)
            t = wrap(outs[0])
            if outs[0].base is not None:
                if self.view:
                    outs[0].flags.writeable = False  # so that a write into what NumPy would have made a view is noticed
                leaf = args[0]._leaf if isinstance(args[0], Recorded) else None
                if leaf is not None and leaf.shared:
                    t._leaf = Leaf(shared=True)
            return t
        if type(node) is Node:
            return tuple([wrap(o, part_node(node, k, o)) for k, o in enumerate(outs[: len(self.outputs)])])
        return tuple([wrap(o) for o in outs[: len(self.outputs)]])

    __call__ = general

    def overwriting(self, *args: Any, **params: Any) -> Any:
        """The call of an op that has `into`, when nobody else needs the buffer of the first input."""
        outs, node = self._run(args, params, self.into)
        return outs[0] if node is None else wrap(outs[0], node if type(node) is Node else None)

    def with_aux(self, *args: Any, **params: Any) -> tuple[Any, ...]:
        """The one output and the auxiliary ones, which carry no gradient."""
        outs, node = self._run(args, params)
        if node is None:
            return outs
        if type(node) is not Node:
            return tuple([wrap(o) for o in outs])
        return (wrap(outs[0], node), *[wrap(a, part_node(node, k + 1, a)) for k, a in enumerate(outs[1:])])

    def _run(self, args: tuple[Any, ...], params: dict[str, Any], forward: Any = None) -> tuple[tuple[Any, ...], Any]:
        """The outputs as arrays, and: None if no Tensor came in, NOTHING if nothing was recorded, else the node."""
        count = len(args)
        if count != self.count and (count < self.count or self.variadic is None):
            raise TypeError(f"{self.name}: takes {self.count} arrays ({', '.join(self.inputs)}), got {count}")
        for name in self.required:
            if name not in params:
                raise TypeError(f"{self.name}: the parameter {name!r} is missing")
        mask, bit, any_tensor = 0, 1, False
        values, ruled, fixed = list(args), self.ruled, self.count
        for i, a in enumerate(args):
            what = type(a)
            if what is not ndarray and what is not float:
                if what is tensor_type or isinstance(a, Recorded):
                    any_tensor = True
                    values[i] = a._data
                    node = a.node
                    if node is not None and node.flags & NEEDED and ruled[i if i < fixed else fixed]:
                        mask |= bit
                elif not isinstance(a, NUMBERS):
                    values[i] = a = operand(a, self.name)
                    if isinstance(a, Recorded):  # Tensors in the list were stacked
                        return self._run((*args[:i], a, *args[i + 1 :]), params)
            bit <<= 1
        if self.in_blocks and any([type(v) is ndarray and v.size >= LARGE for v in values]):
            result = _large(self, values, params)
        else:
            result = (forward or self.forward)(*values, **params)
        if self.several:
            outs = tuple([o if type(o) is ndarray else np.asarray(o) for o in result])
        else:
            outs = (result if type(result) is ndarray else np.asarray(result),)
        if not any_tensor:
            return outs, None
        kind = outs[0].dtype.kind
        if kind not in "fc":
            if kind not in "iub":
                raise TypeError(f"{self.name}: the result has dtype {outs[0].dtype}; a Tensor cannot hold that")
            mask = 0
        if not mask and state.plain is not None:
            return outs, NOTHING
        if state.plain is None:
            if not state.recording:
                mask = 0
            if not mask and not state.tracing:
                return outs, NOTHING
        plan = self.plan(mask, count)
        if self.defaults:
            params = {**self.defaults, **params}
        return outs, self._record(plan, args, tuple(values), outs, params, mask)

    def recorded(self, inputs: tuple[Any, ...], values: tuple[Any, ...], out: Any, mask: int, dtype: Any) -> Any:
        """The Tensor of a call without parameters; dtype: that of all arrays, if they have one."""
        count, real = len(inputs), dtype if dtype is FLOAT32 or dtype is FLOAT64 else None
        large = out.size >= LARGE
        plan = self.plan(mask, count, real, large)
        if not large and real is not None and mask == 2**count - 1 and self.closed and plan.whole:
            (self.plans32 if real is FLOAT32 else self.plans64)[mask] = plan  # from now on `quick` knows it
        kept = plan.keep(values, (out,), len(inputs))
        value = out if out.size <= SMALL else None
        node = Node(self, inputs, NOTHING, kept, out.shape, out.dtype, plan, True, value)
        self._watch(node, values)
        return wrap(out, node)

    def _watch(self, node: Node, values: tuple[Any, ...]) -> None:
        """Take fingerprints if something that the node keeps can be written by others."""
        for i in node.plan.marked:
            source = node.inputs[i]
            if source.flags & WRITABLE if type(source) is Node else type(source) is ndarray:
                mark(node, values)
                return

    def _record(
        self, plan: Plan, args: tuple[Any, ...], values: tuple[Any, ...], outs: tuple[Any, ...],
        params: dict[str, Any], mask: int,
    ) -> Node:  # fmt: skip
        pairs = zip(args, values, strict=True)
        inputs = tuple([a.node or node_of(a) if isinstance(a, Recorded) else v for a, v in pairs])
        out = outs[0]
        kept = plan.keep(values, outs, len(self.inputs))
        if len(self.outputs) == 1:
            value = None
            if out.size <= SMALL:
                value = out if out.base is None else out.copy()  # a view would hold all of what it shows
            node = Node(self, inputs, params, kept, out.shape, out.dtype, plan, mask != 0, value)
            if out.base is not None and type(inputs[0]) is Node and inputs[0].flags & WRITABLE:
                node.shared = True  # a view, perhaps of what someone outside can write
        else:
            shapes, dtypes = tuple([o.shape for o in outs]), tuple([o.dtype for o in outs])
            node = Node(self, inputs, params, kept, shapes, dtypes, plan, mask != 0, None)
        self._watch(node, values)
        return node


REQUIRED: Any = type("Required", (), {"__repr__": lambda self: "required"})()


LARGE = 1 << 15  # elements: from here on a result goes into a buffer of the free list
BLOCK = 1 << 16  # elements: what a forward or rule of several steps works on at a time, so that it stays in the cache
EXACT = 1 << 24  # integers up to here are exact in every real dtype
SHARED = 1 << 18  # elements: from here on the work is shared between threads


def _large(op: Op, args: Sequence[Any], params: dict[str, Any] = NOTHING) -> Any:
    """The forward of an elementwise op on arrays of which one is large, on memory and threads of our own.

    A ufunc goes straight into a buffer; any other forward runs block by block.
    """
    arrays = [a for a in args if type(a) is ndarray and a.ndim]
    big = max(arrays, key=_size, default=None)
    if big is None or op.several or not op.in_blocks:
        return op.forward(*args, **params)
    shape = big.shape
    flat = all([a.shape == shape and a.flags.c_contiguous for a in arrays])
    if not op.closed:
        return _blockwise(op, args, params, big) if flat else op.forward(*args, **params)
    dtype = big.dtype
    if dtype is not FLOAT32 and dtype is not FLOAT64:
        return op.forward(*args)
    numbers = [type(a) is float or (type(a) is int and -EXACT < a < EXACT) for a in args]
    args = [number(a, dtype) if plain else a for a, plain in zip(args, numbers, strict=True)]
    for a in args:
        if type(a) is not ndarray or a.dtype is not dtype:
            return op.forward(*args)
        if a.shape != shape and a.ndim and a.shape != shape[big.ndim - a.ndim :]:
            return op.forward(*args)
    out = memory.empty(shape, dtype)
    if not flat or big.size < SHARED:
        op.forward(*args, out=out)
        return out
    lines = [a.reshape(-1) if a.ndim else a for a in (*args, out)]
    *sources, to = lines

    def part(start: int, stop: int) -> None:
        op.forward(*[a[start:stop] if a.ndim else a for a in sources], out=to[start:stop])

    threads.share(big.size, part)
    return out


def _blockwise(op: Op, args: Sequence[Any], params: dict[str, Any], big: Any) -> Any:
    forward, size = op.forward, big.size
    lines = [a.reshape(-1) if type(a) is ndarray and a.ndim else a for a in args]

    def block(start: int, stop: int) -> Any:
        return forward(*[a[start:stop] if type(a) is ndarray and a.ndim else a for a in lines], **params)

    step = threads.block(BLOCK)
    first = np.asarray(block(0, min(step, size)))
    out = memory.empty(big.shape, first.dtype)
    to = out.reshape(-1)
    to[: first.size] = first

    def part(start: int, stop: int) -> None:
        for a in range(start + first.size, stop + first.size, step):
            b = min(a + step, stop + first.size)
            to[a:b] = block(a, b)

    if size >= 2 * step:
        threads.share(size - first.size, part)
    else:
        part(0, size - first.size)
    return out


def _size(a: Any) -> int:
    return a.size  # type: ignore[no-any-return]


def _call_directly(op: Op) -> None:
    """Make a call of the op that of its `quick`, with no method in between: a class of its own has it as __call__."""
    own = type(op)
    op.__class__ = type(own.__name__, (own,), {"__call__": staticmethod(op.quick), "__module__": own.__module__})


class Unary(Op):
    """An elementwise op of one input and no parameters: the short way through a call, `quick`."""

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.on_real_arrays = self.forward
        self.quick = _unary(self)
        _call_directly(self)

    def __call__(self, x: Any) -> Any:
        """Array in, array out; Tensor in, Tensor out."""
        return self.quick(x)

    def other(self, x: Any) -> Any:
        """The call where `quick` does not apply: an array, or a Tensor that is large or has nothing to record."""
        tensor = isinstance(x, Recorded)
        data = x._data if tensor else x
        if type(data) is not ndarray or state.plain is None:
            return self.general(x)
        out = self.forward(data) if data.size < LARGE else _large(self, (data,))
        if type(out) is not ndarray:
            out = np.asarray(out)
        if not tensor:
            return out
        dtype = out.dtype
        if dtype.kind not in "fc":
            return self.general(x)
        if not x.requires_grad or not self.rules:
            return wrap(out)
        return self.recorded((x.node,), (data,), out, 1, dtype if dtype is data.dtype else None)


class Binary(Op):
    """An elementwise op of two inputs and no parameters: the short way through a call, `quick`."""

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.on_real_arrays = self.forward
        self.quick = _binary(self)
        _call_directly(self)

    def __call__(self, x: Any, y: Any) -> Any:
        """Arrays in, array out; any Tensor in, Tensor out."""
        return self.quick(x, y)

    def other(self, x: Any, y: Any) -> Any:
        """The call where `quick` does not apply: arrays, numbers, and Tensors of which one requires grad."""
        tx, ty = isinstance(x, Recorded), isinstance(y, Recorded)
        if not tx and not ty:
            if type(x) not in PLAIN or type(y) not in PLAIN:
                return self.general(x, y)
            if type(x) is type(y) is ndarray and (x.size >= LARGE or y.size >= LARGE):
                out = _large(self, (x, y))
            else:
                out = self.forward(x, y)
            return out if type(out) is ndarray else np.asarray(out)
        left, right = x._data if tx else x, y._data if ty else y
        mask = 1 if tx and x.requires_grad and self.inputs[0] in self.rules else 0
        if ty and y.requires_grad and self.inputs[1] in self.rules:
            mask |= 2
        scope = state.plain
        if scope is None or not mask or (not tx and type(x) not in PLAIN) or (not ty and type(y) not in PLAIN):
            return self.general(x, y)
        real = None  # the dtype of both, if it is one real dtype; a number takes that of the array
        if type(right) is not ndarray:
            kind = left.dtype
            if (kind is FLOAT64 or kind is FLOAT32) and (type(right) is float or -EXACT < right < EXACT):
                real, right = kind, number(right, kind)
        elif type(left) is not ndarray:
            kind = right.dtype
            if (kind is FLOAT64 or kind is FLOAT32) and (type(left) is float or -EXACT < left < EXACT):
                real, left = kind, number(left, kind)
        elif left.dtype is right.dtype:
            real = left.dtype
        if real is not None and (left.size >= LARGE or right.size >= LARGE):
            out = _large(self, (left, right))
        else:
            out = self.forward(left, right)
        if type(out) is not ndarray:
            out = np.asarray(out)
        dtype = out.dtype
        if dtype.kind not in "fc":
            return self.general(x, y)
        inputs = (x.node or node_of(x) if tx else x, y.node or node_of(y) if ty else y)
        return self.recorded(inputs, (left, right), out, mask, dtype if dtype is real else None)


# The commonest calls of the commonest ops, written out: with Tensors of one real dtype that require grad, a call is the
# ufunc, a node and a Tensor, and every line here is some 2% of it. The same is said once more, in general, by `other`
# and `general`, which take all the rest.


def _unary(op: Unary) -> Callable[[Any], Any]:
    """The call of a unary op that is closed on the reals, as one function."""
    forward, other = op.forward, op.other
    plans32, plans64 = op.plans32, op.plans64

    def quick(x: Any) -> Any:
        if type(x) is not tensor_type:
            return other(x)
        node, data, scope = x.node, x._data, usual.plain
        if scope is None:
            scope = state.plain
        if node is None or scope is None or not node.flags & NEEDED:
            return other(x)
        dtype, size = node.dtype, data.size
        if dtype is FLOAT32:
            plan = plans32[1]
        elif dtype is FLOAT64:
            plan = plans64[1]
        else:
            return other(x)
        if plan is None or size >= LARGE:
            return other(x)
        out = forward(data)
        if size == 1 and type(out) is not ndarray:
            out = np.asarray(out)
        t, made = new(tensor_type), new(Node)
        made.op = op
        made.inputs = (node,)
        made.params = NOTHING
        code = plan.code
        if code == 3:
            made.kept = (out,)
        elif code == 1:
            made.kept = (data,)
        else:
            made.kept = plan.keep((data,), (out,), 1)
        made.shape = node.shape
        made.dtype = dtype
        made.order = clock()
        made.plan = plan
        made.flags = NEEDED
        made.value = out if size <= SMALL else None
        made.scope = scope
        made.extra = None
        if node.flags != NEEDED and plan.marked:
            mark(made, (data,))
        t._data = out
        t.node = made
        t._leaf = None
        return t

    return quick


def _binary(op: Binary) -> Callable[[Any, Any], Any]:
    """The call of a binary op that is closed on the reals, as one function."""
    forward, other = op.forward, op.other
    plans32, plans64 = op.plans32, op.plans64

    def quick(x: Any, y: Any) -> Any:
        if type(x) is not tensor_type or type(y) is not tensor_type:
            return other(x, y)
        a, b, scope = x.node, y.node, usual.plain
        if scope is None:
            scope = state.plain
        if a is None or b is None or scope is None or not a.flags & b.flags & NEEDED:
            return other(x, y)
        left, right = x._data, y._data
        dtype, size, shape = a.dtype, left.size, a.shape
        if dtype is not b.dtype or size >= LARGE or (shape is not b.shape and shape != b.shape):
            return other(x, y)
        if dtype is FLOAT32:
            plan = plans32[3]
        elif dtype is FLOAT64:
            plan = plans64[3]
        else:
            return other(x, y)
        if plan is None:
            return other(x, y)
        out = forward(left, right)
        if size == 1 and type(out) is not ndarray:
            out = np.asarray(out)
        code = plan.code
        t, made = new(tensor_type), new(Node)
        made.op = op
        made.inputs = (a, b)
        made.params = NOTHING
        made.kept = () if code == 0 else (right, left) if code == 21 else plan.keep((left, right), (out,), 2)
        made.shape = shape
        made.dtype = dtype
        made.order = clock()
        made.plan = plan
        made.flags = NEEDED
        made.value = out if size <= SMALL else None
        made.scope = scope
        made.extra = None
        if a.flags | b.flags != NEEDED and plan.marked:
            mark(made, (left, right))
        t._data = out
        t.node = made
        t._leaf = None
        return t

    return quick


# -- several outputs: one node for the op, and a part of it for each output ----------------------------------


PART = Op(
    lambda x, *, output: x[output],
    None,
    ["x"],
    name="part",
    params={"output": REQUIRED},
    doc="One output of an op that has several. The engine hands its gradient to that op's joint rule.",
)
del OPS["part"]  # no op that anyone calls
PART.rules["x"] = None
PART_PLAN = PART.plan(1, 1)


def part_node(node: Node, output: int, value: Any) -> Node:
    """The node of one output; an auxiliary output requires no grad."""
    main = output < len(node.op.outputs)
    return Node(
        PART, (node,), {"output": output}, (), value.shape, value.dtype, PART_PLAN,
        main and node.requires_grad and value.dtype.kind in "fc", value if value.size <= SMALL else None,
    )  # fmt: skip


def restore(node: Node) -> tuple[Any, ...]:
    """What `node` kept, as Tensors with their nodes again: what rules get when the backward itself is recorded."""
    values = []
    fixed = len(node.op.inputs)
    for source, value in zip(node.plan.sources, node.kept, strict=True):
        if source[0] == "in":
            values.append(_again(value, node.inputs[source[1]]))
        elif source[0] == "out":
            k = source[1]
            if len(node.op.outputs) == 1 and k == 0:
                values.append(wrap(value, node))
            else:
                values.append(wrap(value, part_node(node, k, value)))
        else:
            values.append(tuple([_again(v, i) for v, i in zip(value, node.inputs[fixed:], strict=True)]))
    return tuple(values)


def _again(value: Any, source: Any) -> Any:
    return wrap(value, source) if type(source) is Node else value


# -- fingerprints of buffers that others can write -----------------------------------------------------------


def fingerprint(array: Any, whole: bool = False) -> Any:
    """The bytes of up to 64 elements spread over the array; of all of them in anomaly mode."""
    if type(array) is not ndarray:
        return None
    if whole or array.size <= 64:
        return array.tobytes()
    return array.flat[:: array.size // 64 + 1].tobytes()


def mark(node: Node, values: tuple[Any, ...]) -> None:
    """Remember what the kept inputs look like now that someone else could write."""
    marks = []
    for i in node.plan.marked:
        source = node.inputs[i]
        open_to_all = source.shared if type(source) is Node else type(source) is ndarray
        if open_to_all:
            marks.append((i, values[i], state.anomaly, fingerprint(values[i], state.anomaly)))
    node.more().marks = tuple(marks)


def check_marks(node: Node, marks: tuple[Any, ...]) -> None:
    """Raise if a buffer that `node` keeps has been written since."""
    for i, array, whole, before in marks:
        if fingerprint(array, whole) != before:
            raise RuntimeError(
                f"backward: {node.op.name} kept {node.op.input_name(i)} {array.shape} for its gradient, and the array "
                "was written in place since. Give the op a copy, or write after the backward."
            )


# -- declaring ops -------------------------------------------------------------------------------------------


def op(
    kind: str | None = None, *, name: str | None = None, outputs: Sequence[str] = ("out",), aux: Sequence[str] = (),
    view: bool = False,
) -> Callable[[Callable[..., Any]], Op]:  # fmt: skip
    """Register a forward function on arrays as an op; positional arguments are inputs, keyword-only ones parameters.

    The op is named after the function (less a trailing `_op`). See `Op.vjp` for its rules.
    """

    def register(f: Callable[..., Any]) -> Op:
        code = f.__code__
        names = code.co_varnames
        inputs = names[: code.co_argcount]
        keywords = names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        variadic = names[code.co_argcount + code.co_kwonlyargcount] if code.co_flags & 0x04 else None
        defaults = f.__kwdefaults__ or {}
        several = len(outputs) > 1 or aux
        plain = kind == "elementwise" and not keywords and variadic is None and not several and not view
        cls = {1: Unary, 2: Binary}.get(len(inputs), Op) if plain else Op
        made = cls(
            f, kind, inputs, name=name or f.__name__.removesuffix("_op"), doc=f.__doc__ or "", variadic=variadic,
            params={k: defaults.get(k, REQUIRED) for k in keywords}, outputs=outputs, aux=aux, view=view,
        )  # fmt: skip
        made.module = f.__module__
        return made

    return register


def ufunc(f: Any, doc: str, *, like: Draw | Sequence[Draw] | None = None, name: str | None = None, **rules: Any) -> Op:
    """Register a NumPy ufunc as an elementwise op; inputs are called x and y. `like` says where samples may lie."""
    cls = Unary if f.nin == 1 else Binary
    made = cls(f, "elementwise", ("x", "y")[: f.nin], name=name or f.__name__, doc=doc)
    made.vjp(**rules)
    BY_NUMPY[f] = made
    if rules and not any(rules.values()):
        WITHOUT[f] = "its slope is zero wherever it has one"
    like = Draw(()) if like is None else like
    likes = [like] * f.nin if isinstance(like, Draw) else list(like)
    shapes: list[tuple[tuple[int, ...], ...]] = [((3, 4),), ((),), ((0, 2),)]
    if f.nin == 2:
        shapes = [((3, 4), (3, 4)), ((3, 1), (4,)), ((), (2, 3)), ((2, 3), ()), ((0, 2), (2,))]
    for group in shapes:
        made.sample(*[one.of_shape(*shape) for one, shape in zip(likes, group, strict=True)])
    return made


def numpy_name(*functions: Any, zero: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Say which NumPy functions, or (ufunc, method) pairs, the decorated public function stands for.

    A function that older supported releases of NumPy lack is given by its name, as "unstack" or "linalg.svdvals"; one
    of numpy.polynomial, which is slow to import, always is, and stands in the table by its name.
    zero: why the gradient is zero, or why there is none, where that is so.
    """

    def register(f: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            if isinstance(function, str) and not function.startswith("polynomial."):
                function = in_numpy(function)
            if function is not None:
                BY_NUMPY[function] = f
                if zero is not None:
                    WITHOUT[function] = zero
        return f

    return register


def handler_of(function: Any) -> Callable[..., Any] | None:
    """What stands for a NumPy function; None if nothing does."""
    found = BY_NUMPY.get(function)
    if found is None and getattr(function, "__module__", "").startswith("numpy.polynomial"):
        found = BY_NUMPY.get(f"{function.__module__}.{function.__name__}".removeprefix("numpy."))
    return found


def in_numpy(name: str) -> Any:
    """What NumPy has under a dotted name; None if this release has nothing there."""
    found: Any = np
    for part in name.split("."):
        found = getattr(found, part, None)
    return found
