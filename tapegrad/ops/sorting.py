"""Order: sorting and partitioning, which follow the elements they move."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..registry import numpy_name, op, operand, raw
from ..samples import distinct
from .index import add_along, take_along_op
from .structure import canonical_axis, cast, reshape_op

KINDS = "quicksort, heapsort, mergesort, stable"


@op(aux=("order",))
def sort_op(x, *, axis):
    """x in ascending order along an axis; the gradient follows each element to where it came from."""
    order = np.argsort(x, axis=axis, kind="stable")
    return np.take_along_axis(x, order, axis), order


@op(aux=("order",))
def partition_op(x, *, kth, axis):
    """x with the elements at `kth` where sorting puts them, smaller ones before, larger ones after."""
    out = np.partition(x, kth, axis)
    order = np.argpartition(x, kth, axis)
    if not _same(np.take_along_axis(x, order, axis), out):  # NumPy is free to leave the rest in other places
        order = np.empty(x.shape, np.intp)
        np.put_along_axis(
            order, np.argsort(out, axis=axis, kind="stable"), np.argsort(x, axis=axis, kind="stable"), axis
        )
    return out, order


def _same(a: Any, b: Any) -> bool:
    return bool(np.all((a == b) | ((a != a) & (b != b))))


for _sorted in (sort_op, partition_op):
    _sorted.vjp(x=lambda g, order, axis, x_shape: add_along(g, order, axis=axis, shape=x_shape))
    _sorted.jvp(lambda tangents, order, axis: take_along_op(tangents[0], order, axis=axis))
sort_op.sample(distinct(3, 4), axis=1).sample(distinct(5), axis=0).sample(distinct(2, 0), axis=1)
partition_op.sample(distinct(3, 4), kth=1, axis=1).sample(distinct(7, 2), kth=(2, 5), axis=0)
partition_op.sample(distinct(2, 0), kth=0, axis=1)


def _along(a: Any, axis: Any, name: str) -> tuple[Any, int]:
    a = operand(a, name)
    if axis is None:
        return reshape_op(a, shape=(a.size,)), 0
    return a, canonical_axis(axis, a.ndim, name)


@numpy_name(np.sort)
def sort(a: Any, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """a in ascending order along an axis (None: flat); equal elements keep their order, whatever the kind."""
    if order is not None:
        raise TypeError("sort: order= is for structured arrays, which a Tensor cannot hold")
    if kind is not None and (not isinstance(kind, str) or kind[:1].lower() not in ("q", "h", "m", "s")):
        raise ValueError(f"sort: kind {kind!r} is not one of {KINDS}")
    if kind is not None and stable is not None:
        raise ValueError("sort: give kind or stable, not both")
    a, axis = _along(a, axis, "sort")
    return sort_op(a, axis=axis)


@numpy_name(np.partition)
def partition(a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None) -> Any:
    """a along an axis (None: flat) with the elements at `kth` in their sorted places, smaller ones before them.

    The gradient follows each element to where it came from. kth: an int or a sequence of them.
    """
    if order is not None:
        raise TypeError("partition: order= is for structured arrays, which a Tensor cannot hold")
    if kind != "introselect":
        raise ValueError(f"partition: kind {kind!r} is not 'introselect', the only one")
    a, axis = _along(a, axis, "partition")
    places = np.asarray(raw(kth))
    n = a.shape[axis]
    if places.dtype.kind == "b":
        raise ValueError("partition: kth must be ints, got bools")
    if places.dtype.kind not in "iu":
        raise TypeError(f"partition: kth must be ints, got {places.dtype}")
    if places.ndim > 1:
        raise ValueError(f"partition: kth must be an int or a sequence of ints, got shape {places.shape}")
    if a.size and ((places < -n) | (places >= n)).any():
        raise ValueError(f"partition: kth {kth} is out of bounds: axis {axis} has {n} elements")
    return partition_op(a, kth=places.item() if places.ndim == 0 else tuple(places.tolist()), axis=axis)


@numpy_name(np.sort_complex)
def sort_complex(a: Any) -> Any:
    """a in ascending order along its last axis, as complex numbers: by real part, then by imaginary part."""
    y = sort(operand(a, "sort_complex"))
    if y.dtype.kind == "c":
        return y
    return cast(y, dtype=np.dtype(np.complex64 if y.dtype.char in "bhBH" else np.complex128))
