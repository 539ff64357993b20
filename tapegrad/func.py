"""Functions of functions: grad, vjp, jvp, Jacobians, Hessians. They nest in one another.

A transform differentiates with respect to variables of its own, so that an inner one never meets an outer one's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from .backward import _order, walk
from .forward import push
from .ops.elementwise import H
from .ops.structure import alias, reshape, stack
from .registry import Recorded, node_of, wrap
from .tape import Node, state
from .trees import flatten, unflatten

__all__ = ["grad", "hessian", "hvp", "jacfwd", "jacrev", "jvp", "linearize", "value_and_grad", "vjp"]


class Level:
    """One call of a function under a transform: its variables, what came out, and whether to record on."""

    def __init__(
        self, f: Callable[..., Any], args: tuple[Any, ...], argnums: tuple[int, ...], name: str, kwargs: Any
    ) -> None:
        self.name = name
        self.outer_recording = state.recording
        args = tuple(args)
        for i in argnums:
            if not -len(args) <= i < len(args):
                raise ValueError(f"{name}: argnums names argument {i}, but there are {len(args)}")
        flat = [flatten(args[i]) for i in argnums]
        self.structures = [s for _, s in flat]
        self.counts = [len(leaves) for leaves, _ in flat]
        given = [leaf for leaves, _ in flat for leaf in leaves]
        every = [leaf for a in args for leaf in flatten(a)[0]]
        self.tensors = any(isinstance(a, Recorded) for a in every)
        state.recording = True
        try:
            self.variables = [self._variable(x) for x in given]
            self.linked = any(isinstance(x, Recorded) and x.requires_grad for x in given)
            lifted = list(args)
            rest = iter(self.variables)
            for i, (leaves, structure) in zip(argnums, flat, strict=True):
                lifted[i] = unflatten(structure, [next(rest) for _ in leaves])
            self.out = f(*lifted, **kwargs)
        finally:
            state.recording = self.outer_recording

    def _variable(self, x: Any) -> Any:
        if isinstance(x, Recorded) and x.requires_grad:
            return alias(x)
        data = x._data if isinstance(x, Recorded) else np.asarray(x)
        if data.dtype.kind not in "fc":
            raise TypeError(
                f"{self.name}: an argument of dtype {data.dtype} (shape {data.shape}) has no derivative; pass floats, "
                "2.0 and not 2, or leave it out of argnums"
            )
        t = wrap(data if isinstance(x, Recorded) else np.array(data))
        node_of(t).requires_grad = True
        return t

    def choose(self, outputs: Sequence[Any]) -> bool:
        """Whether what is computed from these outputs must itself be recorded."""
        if not self.outer_recording:
            return False
        if self.linked:
            return True
        mine = {v.node for v in self.variables}
        reached = set(_order([node_of(t) for t in outputs if isinstance(t, Recorded) and t.requires_grad])) - mine
        if any(n.plan is None for n in reached):  # a leaf that f found by itself: the caller may want its gradient
            self.tensors = True
            return True
        return False

    def give(self, values: Sequence[Any]) -> list[Any]:
        """Results for the caller: arrays if only arrays came in, else Tensors."""
        return [_given(v, self.tensors) for v in values]

    def split(self, values: Sequence[Any]) -> list[Any]:
        """One value for each leaf of the arguments, in the arguments' structures."""
        out, k = [], 0
        for structure, n in zip(self.structures, self.counts, strict=True):
            out.append(unflatten(structure, list(values[k : k + n])))
            k += n
        return out


def _given(v: Any, tensors: bool) -> Any:
    if v is None:
        return None
    if not isinstance(v, Recorded):
        v = np.asarray(v)
        v = np.array(v) if not v.flags.writeable or 0 in v.strides else v
        return wrap(v) if tensors else v
    return v if tensors else np.array(v._data)


def _lowered(tree: Any, level: Level) -> Any:
    """The function's own result for the caller: cut off from the level's variables where they are new leaves."""
    leaves, structure = flatten(tree)
    done = []
    for leaf in leaves:
        if isinstance(leaf, Recorded):
            done.append(_cut(leaf, level) if level.tensors else np.array(leaf._data))
        else:
            done.append(leaf)
    return unflatten(structure, done)


def _cut(t: Any, level: Level) -> Any:
    if not t.requires_grad:
        return t
    mine = {v.node for v in level.variables}
    reached = set(_order([t.node]))
    foreign = any(n.plan is None and n not in mine for n in reached)
    return t if level.linked or foreign else wrap(t._data)


def _numbers(argnums: Any) -> tuple[int, ...]:
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums) if isinstance(argnums, (tuple, list)) else ()
    if not numbers or not all(isinstance(n, int) for n in numbers) or len(set(numbers)) != len(numbers):
        raise ValueError(f"argnums must be an int or several different ones, got {argnums!r}")
    return numbers


def _scalar(out: Any, name: str) -> Any:
    if not isinstance(out, (Recorded, np.ndarray, np.number, int, float)):
        raise TypeError(f"{name}: the function must give one real scalar, it gave a {type(out).__name__}")
    if isinstance(out, Recorded) and out.dtype.kind == "c":
        raise TypeError(f"{name}: the function gave a complex number; take its real part or size, or use jacrev")
    if isinstance(out, (Recorded, np.ndarray)) and out.size != 1:
        raise TypeError(f"{name}: the function must give a scalar, it gave shape {out.shape}; sum it, or use jacrev")
    return out


def _pull(outputs: Sequence[Any], seeds: Sequence[Any], level: Level, record: bool) -> list[Any]:
    """The gradients of <seeds, outputs> in the level's variables; zeros where nothing depends on them."""
    pairs = [(t, g) for t, g in zip(outputs, seeds, strict=True) if isinstance(t, Recorded) and t.requires_grad]
    found: dict[Node, Any] = {}
    if pairs:
        found = walk([t for t, _ in pairs], [g for _, g in pairs], {v.node for v in level.variables}, True, record)
    return [found[v.node] if v.node in found else np.zeros(v.shape, v.dtype) for v in level.variables]


def value_and_grad(f: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """f -> a function that gives (f(x), the gradient of f at x).

    argnums: which arguments to differentiate, an int or a tuple; each may be a nested dict, list or tuple of arrays.
    has_aux: f gives (scalar, anything), and the value comes back as that pair.
    """

    @wraps(f)
    def valued(*args: Any, **kwargs: Any) -> Any:
        level = Level(f, args, _numbers(argnums), "grad", kwargs)
        out, aux = level.out if has_aux else (level.out, None)
        _scalar(out, "grad")
        record = level.choose([out])
        seed = np.ones(out.shape, out.dtype) if isinstance(out, Recorded) else None
        grads = level.split(level.give(_pull([out], [seed], level, record)))
        value = _lowered(out, level)
        return ((value, _lowered(aux, level)) if has_aux else value), _one_or_all(grads, argnums)

    return valued


def _one_or_all(grads: list[Any], argnums: Any) -> Any:
    return grads[0] if isinstance(argnums, int) else tuple(grads)


def grad(f: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """f -> the function that gives the gradient of the scalar f; with has_aux=True, (gradient, aux)."""
    both = value_and_grad(f, argnums, has_aux)

    @wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, g = both(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return gradient


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(f(*primals), pull): pull(cotangent) gives a tuple with one gradient for each primal.

    The cotangent has the structure and shapes of f's result. With has_aux=True, (out, pull, aux).
    """
    level = Level(f, primals, tuple(range(len(primals))), "vjp", {})
    out, aux = level.out if has_aux else (level.out, None)
    leaves, structure = flatten(out)
    linked = level.choose(leaves)

    def pull(cotangent: Any) -> tuple[Any, ...]:
        given, shape = flatten(cotangent)
        if len(given) != len(leaves):
            raise ValueError(f"vjp: the result has {len(leaves)} arrays, the cotangent {len(given)}")
        seeds = []
        for t, g in zip(leaves, given, strict=True):
            if np.shape(g) != np.shape(t):
                raise ValueError(f"vjp: a cotangent has shape {np.shape(g)}, the result {np.shape(t)}")
            seeds.append(_typed(g, t))
        record = (linked or any(isinstance(g, Recorded) and g.requires_grad for g in given)) and state.recording
        tensors = level.tensors or any(isinstance(g, Recorded) for g in given)
        if not record:
            seeds = [g._data if isinstance(g, Recorded) else g for g in seeds]
        return tuple(level.split([_given(v, tensors) for v in _pull(leaves, seeds, level, record)]))

    value = _lowered(out, level)
    return (value, pull, _lowered(aux, level)) if has_aux else (value, pull)


def _typed(g: Any, t: Any) -> Any:
    if isinstance(g, Recorded):
        return g if g.dtype == t.dtype else g.astype(t.dtype)  # type: ignore[attr-defined]
    return np.array(g, dtype=t.dtype if isinstance(t, Recorded) else None)


def _tangents(level: Level, tangents: Any, name: str) -> list[Any]:
    given = [leaf for t in tangents for leaf in flatten(t)[0]]
    if len(given) != len(level.variables):
        raise ValueError(f"{name}: {len(level.variables)} arrays in the primals, {len(given)} in the tangents")
    return given


def jvp(f: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """(f(*primals), its derivative along the tangents), in forward mode. primals and tangents are tuples.

    With has_aux=True, f gives (out, aux) and (out, tangent, aux) comes back.
    """
    primals, tangents = _as_tuple(primals), _as_tuple(tangents)
    out, moved, *aux = linearize(f, *primals, has_aux=has_aux)
    return (out, moved(*tangents), *aux)


def _as_tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def linearize(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(f(*primals), move): move(*tangents) gives f's derivative along them, from one recording of f."""
    level = Level(f, primals, tuple(range(len(primals))), "jvp", {})
    out, aux = level.out if has_aux else (level.out, None)
    leaves, structure = flatten(out)
    linked = level.choose(leaves)

    def move(*tangents: Any) -> Any:
        given = _tangents(level, tangents, "jvp")
        for t, v in zip(given, level.variables, strict=True):
            if np.shape(t) != v.shape:
                raise ValueError(f"jvp: a tangent has shape {np.shape(t)}, its primal {v.shape}; they must agree")
        record = (linked or any(isinstance(t, Recorded) and t.requires_grad for t in given)) and state.recording
        tensors = level.tensors or any(isinstance(t, Recorded) for t in given)
        pushed = push(leaves, level.variables, given, record)
        return unflatten(structure, [_given(v, tensors) for v in pushed])

    value = _lowered(out, level)
    return (value, move, _lowered(aux, level)) if has_aux else (value, move)


def jacrev(f: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """f -> its Jacobian by reverse mode, one pull for each element of the result: shape out.shape + in.shape."""

    @wraps(f)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        level = Level(f, args, _numbers(argnums), "jacrev", kwargs)
        out, aux = level.out if has_aux else (level.out, None)
        leaves, structure = flatten(out)
        record = level.choose(leaves)
        blocks = []
        for t in leaves:
            rows = []
            for k in range(int(np.prod(np.shape(t)))):
                seed = np.zeros(np.shape(t), t.dtype if isinstance(t, Recorded) else float)
                seed.reshape(-1)[k] = 1
                rows.append(_row(t, seed, level, record))
            columns = []
            for j, v in enumerate(level.variables):
                shape = np.shape(t) + v.shape
                if rows:
                    columns.append(reshape(_stacked([r[j] for r in rows], 0), shape))
                else:
                    columns.append(np.zeros(shape, v.dtype))
            blocks.append(_one_or_all(level.split(level.give(columns)), argnums))
        result = unflatten(structure, blocks)
        return (result, _lowered(aux, level)) if has_aux else result

    return jacobian


def _row(t: Any, seed: Any, level: Level, record: bool) -> list[Any]:
    """One row of the Jacobian. A pull of a complex result gives J^H v: its conjugate is the row of a holomorphic f."""
    pulled = _pull([t], [seed], level, record)
    if seed.dtype.kind != "c":
        return pulled
    turned = None
    row = []
    for i, (v, g) in enumerate(zip(level.variables, pulled, strict=True)):
        if v.dtype.kind == "c":
            row.append(H(g))
        else:  # real in, complex out: the pull of 1 is the real part, that of 1j the imaginary one
            turned = _pull([t], [1j * seed], level, record) if turned is None else turned
            row.append(g + 1j * turned[i])
    return row


def _stacked(parts: list[Any], axis: int) -> Any:
    return stack(parts, axis) if any(isinstance(p, Recorded) for p in parts) else np.stack(parts, axis)


def jacfwd(f: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """f -> its Jacobian by forward mode, one push for each element of the arguments: shape out.shape + in.shape."""

    @wraps(f)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        level = Level(f, args, _numbers(argnums), "jacfwd", kwargs)
        out, aux = level.out if has_aux else (level.out, None)
        leaves, structure = flatten(out)
        record = level.choose(leaves)
        columns: list[list[Any]] = [[] for _ in leaves]  # for each result, one block for each variable
        for v in level.variables:
            pushed = []
            for k in range(v.size):
                direction = np.zeros(v.shape, v.dtype)
                direction.reshape(-1)[k] = 1
                pushed.append(push(leaves, [v], [direction], record))
            for i, t in enumerate(leaves):
                shape = np.shape(t) + v.shape
                if pushed:
                    columns[i].append(reshape(_stacked([p[i] for p in pushed], np.ndim(t)), shape))
                else:
                    columns[i].append(np.zeros(shape, v.dtype))
        blocks = [_one_or_all(level.split(level.give(c)), argnums) for c in columns]
        result = unflatten(structure, blocks)
        return (result, _lowered(aux, level)) if has_aux else result

    return jacobian


def hessian(f: Callable[..., Any], argnums: Any = 0) -> Callable[..., Any]:
    """f -> its matrix of second derivatives, forward over reverse: shape in.shape + in.shape."""
    return jacfwd(jacrev(f, argnums), argnums)


def hvp(f: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    """The Hessian of the scalar f times a vector, without the Hessian: one forward pass over the backward.

    primals and tangents: tuples, one entry for each argument. A single primal gives a single result.
    """
    primals, tangents = _as_tuple(primals), _as_tuple(tangents)
    argnums = 0 if len(primals) == 1 else tuple(range(len(primals)))
    return jvp(grad(f, argnums), primals, tangents)[1]
