"""What happens when NumPy is called on a Tensor: look the function up in BY_NUMPY, or refuse it by name.

Never runs a NumPy function it has no op for: nothing is detached silently, and no keyword is left out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .ops import ufunc_methods as methods
from .ops.elementwise import where_op
from .ops.structure import astype, canonical_axis, copy, deliver, deliverable, expand_dims, moveaxis
from .refusals import REFUSED, reason
from .registry import BY_NUMPY, Recorded, handler_of, operand

__all__ = ["array_function", "array_ufunc"]

METHODS: dict[str, Callable[..., Any]] = {
    "reduce": methods.reduce, "accumulate": methods.accumulate, "reduceat": methods.reduceat, "at": methods.at,
}  # fmt: skip


def _refuse(name: str, key: Any) -> TypeError:
    why = reason(key) or "it has no differentiable version here yet"
    return TypeError(f"{name} on a Tensor: {why}. For its value alone, pass t.detach().numpy().")


def array_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """ufunc.method(*inputs, **kwargs), some of them Tensors."""
    handler = BY_NUMPY.get(ufunc)
    if method == "__call__":
        if handler is None:
            handler = _from_scipy(ufunc)
        return _call(ufunc, handler, inputs, kwargs) if kwargs else handler(*inputs)
    name = f"{_name(ufunc)}.{method}"
    if handler is None or ufunc in REFUSED:
        raise _refuse(name, ufunc)
    if method == "outer":
        x, y = inputs
        return methods.outer(ufunc, x, y, lambda a, b, **kw: _call(ufunc, handler, (a, b), kw), **kwargs)
    if ufunc.signature is not None:
        raise RuntimeError(f"{name}: a ufunc with the signature {ufunc.signature} has no {method}")
    if "out" in kwargs:
        (kwargs["out"],) = kwargs["out"]
    return METHODS[method](ufunc, *inputs, **kwargs)


def _from_scipy(ufunc: Any) -> Any:
    """The handler of a ufunc that no one in NumPy has: one of scipy.special's, which are known once that is loaded."""
    if "scipy.special" in sys.modules and ufunc not in REFUSED:
        from .ops.special import scipy_ufuncs

        for one, handler in scipy_ufuncs().items():
            BY_NUMPY.setdefault(one, handler)
        if ufunc in BY_NUMPY:
            return BY_NUMPY[ufunc]
    raise _refuse(_name(ufunc), ufunc)


def _name(ufunc: Any) -> str:
    """The name of a ufunc for messages: NumPy's, or one of scipy.special's."""
    name = str(ufunc.__name__)
    scipy = sys.modules.get("scipy.special")
    return f"scipy.special.{name}" if scipy and getattr(scipy, name, None) is ufunc else f"numpy.{name}"


def _call(ufunc: Any, handler: Any, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A ufunc with keywords: out, where (with out), dtype, casting, order; and axes, axis, keepdims of a gufunc."""
    name = _name(ufunc)
    kwargs = dict(kwargs)
    out, where, dtype = kwargs.pop("out", None), kwargs.pop("where", True), kwargs.pop("dtype", None)
    casting, order = kwargs.pop("casting", "same_kind"), kwargs.pop("order", "K")
    kwargs.pop("subok", None)  # there are no subclasses of Tensor to keep or to drop
    core: dict[str, Any] = {k: kwargs.pop(k) for k in ("axes", "axis", "keepdims") if k in kwargs}
    if kwargs or (core and ufunc.signature is None):
        raise TypeError(
            f"{name} on a Tensor: the keyword {', '.join([*kwargs, *core])} is not supported; out, where, dtype, "
            "casting and order are"
        )
    outs = (None,) * ufunc.nout if out is None else out
    if where is not True and any([o is None for o in outs]):
        raise TypeError(f"{name} on a Tensor: where= needs out=, or the rest would be undefined; or write tg.where")
    if dtype is not None:
        arrays = [operand(x, name) for x in inputs]
        if not all(np.can_cast(x.dtype, dtype, casting) for x in arrays):
            raise TypeError(f"{name}: cannot cast the inputs to {np.dtype(dtype)} by the rule {casting!r}")
        inputs = tuple(astype(x, dtype) for x in arrays)
    result = _on_axes(ufunc, handler, inputs, core) if core else handler(*inputs)
    results = result if isinstance(result, tuple) else (result,)
    if order not in ("K", None):
        results = tuple([copy(r, order) for r in results])
    if out is None:
        return results if ufunc.nout > 1 else results[0]
    for r, o in zip(results, outs, strict=True):  # all are looked at before any is written
        deliverable(r, o, name, casting)
    delivered = []
    for r, o in zip(results, outs, strict=True):
        if where is not True:
            r = where_op(operand(where, name), r, o if isinstance(o, Recorded) else o.copy())
        delivered.append(deliver(r, o, name, casting))
    return tuple(delivered) if ufunc.nout > 1 else delivered[0]


def _on_axes(ufunc: Any, handler: Any, inputs: tuple[Any, ...], core: dict[str, Any]) -> Any:
    """A gufunc with axes=, or axis= and keepdims=: its core axes brought last, and those of the result put in place."""
    name = _name(ufunc)
    ins, outs = (part.strip("()").split("),(") for part in ufunc.signature.split("->"))
    arrays = [operand(x, name) for x in inputs]
    counts = [len([d for d in part.split(",") if d]) for part in (*ins, *outs)]
    if ufunc is np.matmul:  # a vector has one core axis and takes one from the result
        counts = [min(2, x.ndim) for x in arrays]
        counts.append(sum(counts) - 2)
    axes, axis = core.get("axes"), core.get("axis")
    if axes is not None and axis is not None:
        raise TypeError(f"{name}: give axis or axes, not both")
    if axes is None:
        one = -1 if axis is None else axis
        if max(counts) > 1:
            raise TypeError(f"{name}: axis= and keepdims= are for ufuncs of one core axis; give axes=")
        axes = [one] * len(arrays)
    axes = [tuple(a) if isinstance(a, (tuple, list)) else (a,) for a in axes]
    if len(axes) == len(arrays) and counts[-1] == 0:
        axes.append(())
    if [len(a) for a in axes] != counts:
        raise ValueError(
            f"{name}: axes={core.get('axes')} do not name the core axes {counts} of the inputs and the result"
        )
    moved = [
        moveaxis(x, [canonical_axis(i, x.ndim, name) for i in a], tuple(range(-len(a), 0))) if a else x
        for x, a in zip(arrays, axes, strict=False)
    ]  # zip ends with the inputs
    y = handler(*moved)
    if core.get("keepdims"):
        return expand_dims(y, axes[0])
    return moveaxis(y, tuple(range(-len(axes[-1]), 0)), axes[-1]) if axes[-1] else y


def array_function(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """func(*args, **kwargs), some of them Tensors."""
    handler = BY_NUMPY.get(func) or handler_of(func)
    if handler is None:
        module = (getattr(func, "__module__", None) or "numpy").removesuffix("._core.multiarray")
        raise _refuse(f"{module}.{func.__name__}", func)
    return handler(*args, **kwargs)
