"""Order: sorting, which follows the elements it moves, and searches, which have no gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..registry import BY_NUMPY, Recorded, numpy_name, op, operand, wrap
from ..samples import distinct
from .index import add_along, take_along_op
from .structure import canonical_axis, deliver, reshape_op


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


def _stripped(x: Any, found: list[Any]) -> Any:
    """x with arrays in the place of Tensors, each of which is added to `found`."""
    if isinstance(x, Recorded):
        found.append(x)
        return x._data
    return type(x)(_stripped(i, found) for i in x) if type(x) in (list, tuple) else x


def _searching(f: Any, doc: str) -> Any:
    """A NumPy function that looks at values and has no gradient: run on the arrays, giving Tensors for arrays."""

    def search(*args: Any, **kwargs: Any) -> Any:
        found: list[Any] = []
        args = tuple(_stripped(a, found) for a in args)
        out = kwargs.pop("out", None)
        kwargs = {k: _stripped(v, found) for k, v in kwargs.items()}
        tensors = bool(found)
        result = f(*args, **kwargs)
        if out is not None:
            return deliver(wrap(np.asarray(result)) if tensors else np.asarray(result), out, f.__name__)
        if not tensors:
            return result
        if type(result) is tuple:
            return tuple(wrap(r) if isinstance(r, (np.ndarray, np.generic)) else r for r in result)
        return wrap(result) if isinstance(result, (np.ndarray, np.generic)) else result

    search.__name__ = search.__qualname__ = f.__name__
    search.__doc__ = doc + " No gradient. Arguments as in NumPy."
    BY_NUMPY[f] = search
    return search


argmax = _searching(np.argmax, "The place of the largest entry.")
argmin = _searching(np.argmin, "The place of the smallest entry.")
argsort = _searching(np.argsort, "The order that sorts an axis.")
argpartition = _searching(np.argpartition, "The order that partitions an axis.")
argwhere = _searching(np.argwhere, "The places of the true entries, a row each.")
nonzero = _searching(np.nonzero, "The indices of the true entries, an array for each axis.")
flatnonzero = _searching(np.flatnonzero, "The indices of the true entries of the flat array.")
count_nonzero = _searching(np.count_nonzero, "How many entries are not zero.")
searchsorted = _searching(np.searchsorted, "Where values would go into a sorted array.")
digitize = _searching(np.digitize, "The bins that values fall into.")
all = _searching(np.all, "Whether all entries along axes are true.")
any = _searching(np.any, "Whether any entry along axes is true.")
isclose = _searching(np.isclose, "Which entries are equal within a tolerance.")
isin = _searching(np.isin, "Which entries are among the test elements.")
iscomplex = _searching(np.iscomplex, "Which entries have an imaginary part.")
isreal = _searching(np.isreal, "Which entries have none.")
isposinf = _searching(np.isposinf, "Which entries are positive infinity.")
isneginf = _searching(np.isneginf, "Which entries are negative infinity.")


def _asking(*functions: Any) -> None:
    """NumPy functions whose result is no array: they run on the arrays, and what they give is given."""
    for f in functions:
        _searching(f, f"numpy.{f.__name__}.")


_asking(np.shape, np.ndim, np.size, np.allclose, np.array_equal, np.array_equiv, np.iscomplexobj, np.isrealobj)
_asking(np.result_type, np.can_cast, np.common_type, np.array2string, np.array_repr, np.array_str)
_asking(np.may_share_memory, np.shares_memory)
