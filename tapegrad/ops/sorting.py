"""Order: sorting, which follows the elements it moves."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..registry import numpy_name, op, operand
from ..samples import distinct
from .index import add_along, take_along_op
from .structure import canonical_axis, reshape_op


@op(aux=("order",))
def sort_op(x, *, axis):
    """x in ascending order along an axis; the gradient follows each element to where it came from."""
    order = np.argsort(x, axis=axis, kind="stable")
    return np.take_along_axis(x, order, axis), order


sort_op.vjp(x=lambda g, order, axis, x_shape: add_along(g, order, axis=axis, shape=x_shape))
sort_op.jvp(lambda tangents, order, axis: take_along_op(tangents[0], order, axis=axis))
sort_op.sample(distinct(3, 4), axis=1).sample(distinct(5), axis=0).sample(distinct(2, 0), axis=1)


@numpy_name(np.sort)
def sort(a: Any, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """a in ascending order along an axis (None: flat); equal elements keep their order."""
    if order is not None:
        raise TypeError("sort: order= is for structured arrays, which a Tensor cannot hold")
    a = operand(a, "sort")
    if axis is None:
        a, axis = reshape_op(a, shape=(a.size,)), 0
    return sort_op(a, axis=canonical_axis(axis, a.ndim, "sort"))
