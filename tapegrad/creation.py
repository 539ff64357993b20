"""New Tensors: from data, or filled. All of them give Tensors, whatever they are given."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from .ops import spaced
from .ops.structure import broadcast_to_op, cast
from .ops.structure import copy as _copy
from .registry import (
    BY_NUMPY,
    WITHOUT,
    Leaf,
    Recorded,
    array_of,
    native,
    numpy_name,
    operand,
    refuse,
    stack_nested,
)
from .tensor import Tensor

__all__ = [
    "arange", "array", "asarray", "bartlett", "blackman", "empty", "empty_like", "eye", "from_numpy", "frombuffer",
    "fromfile", "fromfunction", "fromiter", "full", "full_like", "geomspace", "hamming", "hanning", "identity",
    "linspace", "logspace", "ones", "ones_like", "tensor", "tri", "zeros", "zeros_like",
]  # fmt: skip


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """A Tensor with a copy of `data`: an array, a number, nested lists. Python floats become float64, as in NumPy."""
    return Tensor(data, requires_grad, dtype, name)


def _adopt(a: Any, requires_grad: bool = False, shared: bool = False) -> Tensor:
    """A leaf around an array, without a copy unless its bytes lie the other way round."""
    t = Tensor.__new__(Tensor)
    t._set(native(a if type(a) is np.ndarray else np.asarray(a)), Leaf(made=True, shared=shared), requires_grad, None)
    return t


def asarray(a: Any, dtype: Any = None, *, copy: bool | None = None) -> Tensor:
    """A as a Tensor, sharing memory with an ndarray of that dtype. A list of Tensors is stacked, differentiably."""
    if isinstance(a, (list, tuple)) and _holds(a):
        a = stack_nested(a, "asarray")
    if isinstance(a, Recorded):
        dtype = None if dtype is None else np.dtype(dtype).newbyteorder("=")
        if dtype is not None and a.dtype != dtype:
            return cast(a, dtype=dtype)  # type: ignore[no-any-return]
        return a.copy() if copy else a  # type: ignore[attr-defined, return-value]
    return _shared(a, array_of(a, "asarray", dtype, copy), copy, "asarray")


def _shared(given: Any, out: Any, copy: bool | None, name: str) -> Tensor:
    """A leaf of what NumPy made of `given`, that may be the same memory."""
    refuse(given, name)
    operand(out, name)
    if copy is False and not out.dtype.isnative:
        raise ValueError(f"{name}: the bytes of {out.dtype} lie the other way round, so a Tensor needs a copy")
    out = native(out)
    return _adopt(out, shared=isinstance(given, np.ndarray) and np.may_share_memory(out, given))


@numpy_name(np.array)
def array(
    object: Any, dtype: Any = None, *, copy: bool | None = True, order: Any = "K", subok: bool = False, ndmin: int = 0,
    ndmax: int = 0, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """What numpy.array gives, as a Tensor. If there are Tensors in `object`, the result has their history.

    requires_grad: whether a Tensor made of plain data is a leaf to differentiate in.
    """
    if isinstance(object, (list, tuple)) and _holds(object):
        object = stack_nested(object, "array")
    if not isinstance(object, Recorded):
        more = {"ndmax": ndmax} if ndmax else {}
        made = array_of(object, "array", dtype, copy, order=order, subok=subok, ndmin=ndmin, **more)
        t = _shared(object, made, copy, "array")
    else:
        t = asarray(object, dtype, copy=copy)
        if order not in ("K", "A", None):
            t = _copy(t, order)
        if t.ndim < ndmin:
            t = t.reshape((1,) * (ndmin - t.ndim) + t.shape)
    if requires_grad and not t.requires_grad:
        t.requires_grad = True
    return t


def _holds(a: Any) -> bool:
    return builtins.any(isinstance(i, Recorded) or (isinstance(i, (list, tuple)) and _holds(i)) for i in a)


def from_numpy(a: Any) -> Tensor:
    """A Tensor that shares memory with an ndarray: what is written into one is seen in the other."""
    if not isinstance(a, np.ndarray):
        raise TypeError(f"from_numpy: expected an ndarray, got {type(a).__name__}; use tg.tensor")
    if not a.dtype.isnative:
        raise ValueError(f"from_numpy: the bytes of {a.dtype} lie the other way round, so use tg.tensor, which copies")
    return asarray(a)


def _plain(x: Any, name: str) -> Any:
    if isinstance(x, Recorded):
        if x.requires_grad:
            raise TypeError(f"{name}: a value that requires grad cannot go into a new leaf; compute with it instead")
        return x._data
    return x


def _made(f: Any, doc: str, prototype: bool = False) -> Any:
    """A creation function of NumPy's, giving a Tensor; `like=` finds it too. Of a prototype only the type is used."""

    def make(*args: Any, requires_grad: bool = False, **kwargs: Any) -> Tensor:
        if prototype and args and isinstance(args[0], Recorded):
            args = (args[0]._data, *args[1:])
        args = tuple(_plain(a, f.__name__) for a in args)
        found = f(*args, **{k: _plain(v, f.__name__) for k, v in kwargs.items()})
        return _adopt(operand(found, f.__name__), requires_grad)

    make.__name__ = make.__qualname__ = f.__name__
    make.__doc__ = f"{doc} Arguments as in numpy.{f.__name__}, and requires_grad."
    BY_NUMPY[f] = make
    WITHOUT[f] = "it makes a new leaf"
    return make


zeros = _made(np.zeros, "Zeros of a shape; float64 unless dtype says otherwise.")
ones = _made(np.ones, "Ones of a shape; float64 unless dtype says otherwise.")
empty = _made(np.empty, "A Tensor of a shape, not filled.")
arange = _made(np.arange, "Numbers from start to stop, stop left out, step apart.")
eye = _made(np.eye, "Ones on a diagonal, zeros elsewhere.")
identity = _made(np.identity, "The identity matrix.")
tri = _made(np.tri, "Ones on and below a diagonal.")
zeros_like = _made(np.zeros_like, "Zeros of the shape and dtype of another.", True)
ones_like = _made(np.ones_like, "Ones of the shape and dtype of another.", True)
empty_like = _made(np.empty_like, "A Tensor of the shape and dtype of another, not filled.", True)
fromfunction = _made(np.fromfunction, "A function of the indices, called once with all of them.")
fromiter = _made(np.fromiter, "The numbers that an iterator gives.")
frombuffer = _made(np.frombuffer, "The numbers in a buffer, read-only if that is.")
fromfile = _made(np.fromfile, "The numbers in a binary or text file.")
bartlett = _made(np.bartlett, "The Bartlett window of M points, a triangle.")
blackman = _made(np.blackman, "The Blackman window of M points.")
hamming = _made(np.hamming, "The Hamming window of M points.")
hanning = _made(np.hanning, "The Hann window of M points.")


def full(shape: Any, fill_value: Any, dtype: Any = None, *args: Any, requires_grad: bool = False, **kwargs: Any) -> Any:
    """A Tensor of a shape filled with one value; if that is a Tensor, it has the gradient. See numpy.full."""
    if isinstance(fill_value, Recorded) and fill_value.requires_grad:
        shape = (shape,) if np.ndim(shape) == 0 else shape
        return _filled(np.full(shape, fill_value._data, dtype, *args, **kwargs), fill_value)
    found = np.full(shape, _plain(fill_value, "full"), dtype, *args, **kwargs)
    return _adopt(operand(found, "full"), requires_grad)


def full_like(a: Any, fill_value: Any, *args: Any, requires_grad: bool = False, **kwargs: Any) -> Any:
    """A Tensor of the shape and dtype of another, filled with one value. Arguments as in numpy.full_like."""
    a = a._data if isinstance(a, Recorded) else a
    if isinstance(fill_value, Recorded) and fill_value.requires_grad:
        return _filled(np.full_like(a, fill_value._data, *args, **kwargs), fill_value)
    found = np.full_like(a, _plain(fill_value, "full_like"), *args, **kwargs)
    return _adopt(operand(found, "full_like"), requires_grad)


BY_NUMPY[np.full], BY_NUMPY[np.full_like] = full, full_like


def _filled(plain: Any, value: Any) -> Any:
    return broadcast_to_op(cast(value, dtype=plain.dtype), shape=plain.shape)


def _between(f: Any) -> Any:
    """Evenly spaced numbers as a Tensor, also between plain numbers."""

    def make(*args: Any, requires_grad: bool = False, **kwargs: Any) -> Any:
        def leaf(v: Any) -> Any:
            return v if isinstance(v, Recorded) else _adopt(operand(v, f.__name__), requires_grad)

        y = f(*args, **kwargs)
        if isinstance(y, tuple):
            return tuple([leaf(v) for v in y])
        return leaf(y)

    make.__name__ = make.__qualname__ = f.__name__
    make.__doc__ = f"{f.__doc__} Arguments as in numpy.{f.__name__}, and requires_grad; the ends may be Tensors."
    return make


linspace, geomspace, logspace = _between(spaced.linspace), _between(spaced.geomspace), _between(spaced.logspace)

# -- what NumPy calls for `like=` ----------------------------------------------------------------------------


@numpy_name(np.asarray, np.asanyarray)
def _asarray(a: Any, dtype: Any = None, order: Any = None, *, device: Any = None, copy: bool | None = None) -> Any:
    """numpy.asarray(..., like=t)."""
    t = asarray(a, dtype, copy=copy)
    return t if order in (None, "K", "A") else _copy(t, order)


@numpy_name(np.ascontiguousarray)
def _ascontiguousarray(a: Any, dtype: Any = None) -> Any:
    """numpy.ascontiguousarray(..., like=t)."""
    t = asarray(a, dtype)
    return t if t.ndim else t.reshape(1)


@numpy_name(np.asfortranarray)
def _asfortranarray(a: Any, dtype: Any = None) -> Any:
    """numpy.asfortranarray(..., like=t)."""
    t = _copy(asarray(a, dtype), "F")
    return t if t.ndim else t.reshape(1)


@numpy_name(np.require)
def _require(a: Any, dtype: Any = None, requirements: Any = None) -> Any:
    """numpy.require(..., like=t): memory is the engine's business, so a Tensor that owns its memory in C order."""
    wanted = {str(r).upper() for r in ([requirements] if isinstance(requirements, str) else requirements or ())}
    t = asarray(a, dtype)
    if wanted & {"F", "F_CONTIGUOUS", "FORTRAN"}:
        return _copy(t, "F")
    return _copy(t, "C") if wanted else t
