"""New Tensors: from data, or filled. All of them give Tensors, whatever they are given."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from .ops.structure import cast
from .registry import BY_NUMPY, Leaf, Recorded, operand, stack_nested
from .tensor import Tensor, refused

__all__ = [
    "arange", "array", "asarray", "empty", "empty_like", "eye", "from_numpy", "full", "full_like", "geomspace",
    "identity", "linspace", "logspace", "ones", "ones_like", "tensor", "tri", "zeros", "zeros_like",
]  # fmt: skip


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """A Tensor with a copy of `data`: an array, a number, nested lists. Python floats become float64, as in NumPy."""
    return Tensor(data, requires_grad, dtype, name)


array = tensor


def _adopt(a: Any, requires_grad: bool = False, shared: bool = False) -> Tensor:
    """A leaf around an array, without a copy."""
    t = Tensor.__new__(Tensor)
    t._set(a if type(a) is np.ndarray else np.asarray(a), Leaf(made=True, shared=shared), requires_grad, None)
    return t


def asarray(a: Any, dtype: Any = None, *, copy: bool | None = None) -> Tensor:
    """A as a Tensor, sharing memory with an ndarray of that dtype. A list of Tensors is stacked, differentiably."""
    if isinstance(a, (list, tuple)) and _holds(a):
        a = stack_nested(a, "asarray")
    if isinstance(a, Recorded):
        if dtype is not None and a.dtype != np.dtype(dtype):
            return cast(a, dtype=np.dtype(dtype))  # type: ignore[no-any-return]
        return a.copy() if copy else a  # type: ignore[attr-defined, return-value]
    if refused(a):
        raise TypeError(f"asarray: a {type(a).__name__} cannot be a Tensor; pass a plain ndarray")
    out = np.array(a, dtype=dtype) if copy else np.asarray(a, dtype=dtype)
    operand(out, "asarray")
    return _adopt(out, shared=isinstance(a, np.ndarray) and np.may_share_memory(out, a))


def _holds(a: Any) -> bool:
    return builtins.any(isinstance(i, Recorded) or (isinstance(i, (list, tuple)) and _holds(i)) for i in a)


def from_numpy(a: Any) -> Tensor:
    """A Tensor that shares memory with an ndarray: what is written into one is seen in the other."""
    if not isinstance(a, np.ndarray):
        raise TypeError(f"from_numpy: expected an ndarray, got {type(a).__name__}; use tg.tensor")
    return asarray(a)


def zeros(shape: Any, dtype: Any = None, *, requires_grad: bool = False) -> Tensor:
    """Zeros of a shape; float64 unless dtype says otherwise."""
    return _adopt(np.zeros(shape, np.float64 if dtype is None else dtype), requires_grad)


def ones(shape: Any, dtype: Any = None, *, requires_grad: bool = False) -> Tensor:
    """Ones of a shape; float64 unless dtype says otherwise."""
    return _adopt(np.ones(shape, dtype), requires_grad)


def empty(shape: Any, dtype: Any = None, *, requires_grad: bool = False) -> Tensor:
    """A Tensor of a shape, not filled."""
    return _adopt(np.empty(shape, np.float64 if dtype is None else dtype), requires_grad)


def full(shape: Any, fill_value: Any, dtype: Any = None, *, requires_grad: bool = False) -> Tensor:
    """A Tensor of a shape filled with one value."""
    return _adopt(np.full(shape, _plain(fill_value, "full"), dtype), requires_grad)


def _plain(x: Any, name: str) -> Any:
    if isinstance(x, Recorded):
        if x.requires_grad:
            raise TypeError(f"{name}: a value that requires grad cannot fill a new leaf; use tg.broadcast_to")
        return x._data
    return x


def _like(f: Any) -> Any:
    def like(x: Any, /, *args: Any, requires_grad: bool = False, **kwargs: Any) -> Tensor:
        args = tuple(_plain(a, f.__name__) for a in args)
        kwargs = {k: _plain(v, f.__name__) for k, v in kwargs.items()}
        return _adopt(f(x._data if isinstance(x, Recorded) else x, *args, **kwargs), requires_grad)

    like.__name__ = like.__qualname__ = f.__name__
    like.__doc__ = f"A new Tensor of the shape and dtype of x; arguments as in numpy.{f.__name__}."
    BY_NUMPY[f] = like
    return like


zeros_like = _like(np.zeros_like)
ones_like = _like(np.ones_like)
empty_like = _like(np.empty_like)
full_like = _like(np.full_like)


def _made(f: Any, doc: str) -> Any:
    def make(*args: Any, requires_grad: bool = False, **kwargs: Any) -> Tensor:
        args = tuple(_plain(a, f.__name__) for a in args)
        return _adopt(f(*args, **{k: _plain(v, f.__name__) for k, v in kwargs.items()}), requires_grad)

    make.__name__ = make.__qualname__ = f.__name__
    make.__doc__ = f"{doc} Arguments as in numpy.{f.__name__}."
    return make


arange = _made(np.arange, "Numbers from start to stop, stop left out, step apart.")
linspace = _made(np.linspace, "Evenly spaced numbers, both ends included.")
logspace = _made(np.logspace, "Numbers evenly spaced on a logarithmic scale, by exponents.")
geomspace = _made(np.geomspace, "Numbers evenly spaced on a logarithmic scale, by ends.")
eye = _made(np.eye, "Ones on a diagonal, zeros elsewhere.")
identity = _made(np.identity, "The identity matrix.")
tri = _made(np.tri, "Ones on and below a diagonal.")
