"""What happens when NumPy is called on a Tensor: look the function up in BY_NUMPY, or refuse it by name.

Never runs a NumPy function it has no op for: nothing is detached silently.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .ops.elementwise import where_op
from .ops.structure import astype, deliver, reshape_op
from .registry import BY_NUMPY, REFUSED, Recorded, operand

__all__ = ["array_function", "array_ufunc"]


def _refuse(name: str, key: Any) -> TypeError:
    why = REFUSED.get(key, "it has no differentiable version here yet")
    return TypeError(f"{name} on a Tensor: {why}. For its value alone, pass t.detach().numpy().")


def array_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """ufunc.method(*inputs, **kwargs), some of them Tensors."""
    name = f"numpy.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
    if method == "__call__":
        handler = BY_NUMPY.get(ufunc)
        if handler is None:
            raise _refuse(name, ufunc)
        return _call(name, ufunc, handler, inputs, kwargs) if kwargs else handler(*inputs)
    handler = BY_NUMPY.get((ufunc, method))
    if handler is not None:
        x, *rest = inputs
        if method in ("reduce", "accumulate"):
            kwargs.setdefault("axis", rest.pop(0) if rest else 0)
            if "out" in kwargs:
                (kwargs["out"],) = kwargs["out"]
            return handler(x, *rest, **kwargs)
        return handler(*inputs, **kwargs)
    if method == "outer" and ufunc in BY_NUMPY:
        x, y = operand(inputs[0], name), operand(inputs[1], name)
        return array_ufunc(ufunc, "__call__", (reshape_op(x, shape=x.shape + (1,) * y.ndim), y), kwargs)
    raise _refuse(name, (ufunc, method))


def _call(name: str, ufunc: Any, handler: Any, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A ufunc with keywords: out, where (with out), dtype; a gufunc's own are its handler's business."""
    kwargs = dict(kwargs)
    out, where, dtype = kwargs.pop("out", None), kwargs.pop("where", True), kwargs.pop("dtype", None)
    casting = kwargs.pop("casting", "same_kind")
    for harmless in ("order", "subok"):
        kwargs.pop(harmless, None)
    if kwargs and ufunc.signature is None:
        raise TypeError(
            f"{name} on a Tensor: the keyword {', '.join(kwargs)} is not supported; out, where and dtype are"
        )
    if out is not None:
        out = out if len(out) > 1 else out[0]
        if isinstance(out, tuple):
            raise TypeError(f"{name} on a Tensor: out= for several results is not supported; assign them instead")
    if where is not True and out is None:
        raise TypeError(f"{name} on a Tensor: where= needs out=, or the rest would be undefined; or write tg.where")
    if dtype is not None:
        arrays = [operand(x, name) for x in inputs]
        if not all(np.can_cast(x.dtype, dtype, casting) for x in arrays):
            raise TypeError(f"{name}: cannot cast the inputs to {np.dtype(dtype)} by the rule {casting!r}")
        inputs = tuple(astype(x, dtype) for x in arrays)
    result = handler(*inputs, **kwargs)
    if out is not None and where is not True:
        result = where_op(operand(where, name), result, out if isinstance(out, Recorded) else out.copy())
    return deliver(result, out, name)


def array_function(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """func(*args, **kwargs), some of them Tensors."""
    handler = BY_NUMPY.get(func)
    if handler is None:
        module = (getattr(func, "__module__", None) or "numpy").removesuffix("._core.multiarray")
        raise _refuse(f"{module}.{func.__name__}", func)
    return handler(*args, **kwargs)
