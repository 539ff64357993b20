"""What NumPy's keywords mean to ops: dtype, out, where, initial, keepdims.

A function with keywords first calls NumPy's on the arrays: that says what is wrong, and warns. If there is a gradient
to follow, what it gives is composed once more out of ops, quietly.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..registry import Recorded, operand, raw
from ..tape import state
from .discrete import any_requires_grad
from .elementwise import where_op
from .structure import Axes, canonical_axes, cast, deliver

NOT_GIVEN = np._NoValue


def cast_to(x: Any, dtype: Any) -> Any:
    """x in a dtype, None being its own."""
    return x if dtype is None or x.dtype == dtype else cast(x, dtype=np.dtype(dtype))


def in_dtype(x: Any, dtype: Any) -> Any:
    """x in the dtype in which to work; a complex one that is to be real loses its imaginary part with a warning."""
    if dtype is not None and x.dtype.kind == "c" and np.dtype(dtype).kind not in "cb":
        warnings.warn(
            "Casting complex values to real discards the imaginary part", np.exceptions.ComplexWarning, stacklevel=4
        )
    return cast_to(x, dtype)


def masked(x: Any, where: Any, fill: Any) -> Any:
    """x with `fill` where it is not to count."""
    if where is True or where is NOT_GIVEN:
        return x
    return where_op(operand(where, "where"), x, np.asarray(fill, x.dtype))


def given(value: Any) -> bool:
    """Whether a keyword was given, and not as None."""
    return value is not NOT_GIVEN and value is not None


def kept(keepdims: Any) -> bool:
    """keepdims as a bool."""
    return keepdims is not NOT_GIVEN and bool(keepdims)


def plain_number(x: Any, name: str, what: str) -> Any:
    """A parameter that is no array; it has no gradient."""
    if isinstance(x, Recorded):
        if x.requires_grad or x.size != 1:
            raise TypeError(f"{name}: {what} must be a number, and has no gradient; got a Tensor of shape {x.shape}")
        return x._data.item()
    return x.item() if isinstance(x, (np.generic, np.ndarray)) and x.size == 1 else x


def any_tensor(*xs: Any) -> bool:
    """Whether any of these is a Tensor."""
    return any([isinstance(x, Recorded) for x in xs])


def reduced(axis: Axes, ndim: int, name: str) -> tuple[int, ...]:
    """The axes to reduce over; a number counts as having one, as NumPy's ufuncs have it."""
    return () if not ndim and type(axis) is int and axis in (0, -1) else canonical_axes(axis, ndim, name)


def by_numpy(f: Any, name: str, a: Any, out: Any, **options: Any) -> Any:
    """What NumPy gives, with its errors and warnings; as `out` would hold it, where there is one."""
    if isinstance(out, tuple):
        (out,) = out
    if out is not None:
        if not isinstance(out, (Recorded, np.ndarray)):
            raise TypeError(f"{name}: out must be a Tensor or an ndarray, got {out!r}; NumPy's keywords go by name")
        real = a.dtype.kind == "c" and out.dtype.kind == "f" and not _of_squares(f)
        if (real or out.dtype.kind not in "fc") and any_requires_grad((a, *options.values())):
            raise TypeError(f"{name}: out has dtype {out.dtype}, which cannot carry the gradient of {a.dtype}")
        options["out"] = np.zeros(out.shape, out.dtype)
    return np.asarray(f(raw(a), **{k: raw(v) for k, v in options.items() if v is not NOT_GIVEN}))


def _of_squares(f: Any) -> bool:
    """Whether the result is real also of complex numbers."""
    return f in (np.var, np.std, np.nanvar, np.nanstd)


def follows(plain: Any, dtype: Any, out: Any, *xs: Any) -> bool:
    """Whether a gradient, or a tape, leads from Tensors to the result; into `out` only where one is asked for."""
    if plain.dtype.kind not in "fc" or (dtype is not None and np.dtype(dtype).kind not in "fc"):
        return False
    return any_tensor(*xs) if out is None else state.tracing or any_requires_grad(xs)


def give(y: Any, out: Any, name: str) -> Any:
    """The result, or `out` with it: cast to whatever that is, as by NumPy's reductions, if that costs no gradient."""
    return deliver(y, out, name, "same_kind" if isinstance(y, Recorded) and y.requires_grad else "unsafe")
