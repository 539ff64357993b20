"""Shapes, places and pieces of arrays, by the standard's names and arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import index as X
from ..ops import structure as S
from ..ops.structure import cast
from .arguments import array, arrays_of

__all__ = [
    "broadcast_arrays", "broadcast_shapes", "broadcast_to", "concat", "expand_dims", "flip", "matrix_transpose",
    "moveaxis", "permute_dims", "repeat", "reshape", "roll", "squeeze", "stack", "take", "take_along_axis", "tile",
    "unstack",
]  # fmt: skip


def broadcast_arrays(*arrays: Any) -> Any:
    """All arrays broadcast against one another."""
    return S.broadcast_arrays(*[array(x, "broadcast_arrays") for x in arrays])


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that arrays of these shapes have when broadcast against one another."""
    return np.broadcast_shapes(*shapes)


def broadcast_to(x: Any, /, shape: tuple[int, ...]) -> Any:
    """x repeated to a shape that it broadcasts to."""
    return S.broadcast_to(array(x, "broadcast_to"), shape)


def concat(arrays: Any, /, *, axis: int | None = 0) -> Any:
    """Arrays joined along an axis they have; axis None joins them flat."""
    return S.concatenate(arrays_of(arrays, "concat"), axis)


def expand_dims(x: Any, /, axis: Any) -> Any:
    """New axes of length 1 at the places `axis` of the result."""
    return S.expand_dims(array(x, "expand_dims"), axis)


def flip(x: Any, /, *, axis: Any = None) -> Any:
    """The order along the axes turned round; None means all."""
    return S.flip(array(x, "flip"), axis)


def matrix_transpose(x: Any, /) -> Any:
    """The last two axes exchanged."""
    return S.matrix_transpose(array(x, "matrix_transpose"))


def moveaxis(x: Any, source: Any, destination: Any, /) -> Any:
    """Axes moved to other places, the others in their order."""
    return S.moveaxis(array(x, "moveaxis"), source, destination)


def permute_dims(x: Any, /, axes: tuple[int, ...]) -> Any:
    """x with its axes in the order `axes`."""
    x = array(x, "permute_dims")
    if axes is None:
        raise TypeError("permute_dims: axes must be a tuple of ints, got None")
    return S.transpose(x, axes)


def repeat(x: Any, repeats: Any, /, *, axis: int | None = None) -> Any:
    """Each element `repeats` times, along an axis (None: of the flat array)."""
    if not isinstance(repeats, int):
        repeats = array(repeats, "repeat")
        if repeats.dtype.kind == "u":  # NumPy refuses uint64, which might be more than an index can be
            repeats = cast(repeats, dtype=np.dtype(np.intp))
    return X.repeat(array(x, "repeat"), repeats, axis)


def reshape(x: Any, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Any:
    """The elements of x in another shape; one length may be -1."""
    x = array(x, "reshape")
    out = S.reshape(S.copy(x) if copy else x, shape)
    if copy is False and out.size and not np.may_share_memory(out._data, x._data):
        raise ValueError(f"reshape: from {x.shape} to {out.shape} needs a copy, as x lies in memory; copy is False")
    if copy is None and out.node is None and x._data.flags.writeable:
        out._data.flags.writeable = True  # the standard leaves open whether it is a view: writing into it is no mistake
    return out


def roll(x: Any, /, shift: Any, *, axis: Any = None) -> Any:
    """Elements moved along the axes (None: of the flat array), those pushed off the end coming in at the start."""
    return S.roll(array(x, "roll"), shift, axis)


def squeeze(x: Any, /, axis: Any) -> Any:
    """Axes of length 1 taken away."""
    x = array(x, "squeeze")
    if axis is None:
        raise TypeError("squeeze: axis must be an int or a tuple of ints, got None")
    return S.squeeze(x, axis)


def stack(arrays: Any, /, *, axis: int = 0) -> Any:
    """Arrays of one shape joined along a new axis."""
    return S.stack(arrays_of(arrays, "stack"), axis)


def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
    """The elements of x at `indices` along an axis, which must be named if there are several."""
    x = array(x, "take")
    if axis is None and x.ndim != 1:
        raise ValueError(f"take: name the axis of an array of shape {x.shape}")
    return X.take(x, array(indices, "take"), 0 if axis is None else axis)


def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Any:
    """Elements of x at `indices` along one axis, the other axes broadcast."""
    return X.take_along_axis(array(x, "take_along_axis"), array(indices, "take_along_axis"), axis)


def tile(x: Any, repetitions: tuple[int, ...], /) -> Any:
    """x laid out again and again, so many times along each axis."""
    return S.tile(array(x, "tile"), repetitions)


def unstack(x: Any, /, *, axis: int = 0) -> Any:
    """The slices of x along an axis."""
    return S.unstack(array(x, "unstack"), axis=axis)
