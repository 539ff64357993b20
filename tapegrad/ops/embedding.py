"""Rows looked up by index, and indices written out as rows."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..registry import ARRAY, Placed, Recorded, op, operand, wrap
from ..samples import ints, real
from .elementwise import not_equal, where_op
from .index import getitem
from .structure import reshape_op


@op(None)
def embedding_op(weight, indices, *, padding_idx):
    """Rows of weight (V, ...) at indices (...) -> (..., ...); the row `padding_idx` gets no gradient."""
    return weight[indices]


def _without_padding(g: Any, indices: Any, padding_idx: int) -> Any:
    """g with 0 where the padding was looked up."""
    shape = indices.shape + (1,) * (g.ndim - indices.ndim)
    return where_op(reshape_op(not_equal(indices, padding_idx), shape=shape), g, 0.0)


def _embedding_push(tangents: Any, indices: Any, padding_idx: int) -> Any:
    return _without_padding(getitem(tangents[0], indices, index=(ARRAY,)), indices, padding_idx)


embedding_op.vjp(
    weight=lambda g, indices, padding_idx: Placed(_without_padding(g, indices, padding_idx), (ARRAY,), (indices,))
)
embedding_op.jvp(_embedding_push)
embedding_op.sample(real(5, 3), ints(0, 4, 2, 3), padding_idx=4).sample(real(4, 2), ints(0, 3), padding_idx=3)
embedding_op.sample(real(4), np.zeros((0, 2), np.intp), padding_idx=0)


def _indices(x: Any, name: str) -> tuple[Any, Any]:
    """Indices as an operand of integers, and as an array."""
    x = operand(x, name)
    if x.dtype.kind not in "iu":
        if x.size or isinstance(x, Recorded):
            raise TypeError(f"{name}: indices must be integers, got dtype {x.dtype} {x.shape}; write .astype(int)")
        x = x.astype(np.intp)
    return x, x._data if isinstance(x, Recorded) else x


def _check_range(raw: Any, count: int, name: str, what: str) -> None:
    """Raise IndexError, with the first place, if an index is not below count."""
    if raw.size and (raw.min() < 0 or raw.max() >= count):
        place = tuple(int(i) for i in np.argwhere((raw < 0) | (raw >= count))[0])
        at = f" at position {place[0] if len(place) == 1 else place}" if place else ""
        allowed = f"0 to {count - 1} are allowed" if count else "none is allowed"
        raise IndexError(f"{name}: the index {int(raw[place])}{at} is out of range; {what}, so {allowed}")


def embedding(input: Any, weight: Any, padding_idx: int | None = None) -> Any:
    """Indices input (...) into the rows of weight (V, D) -> (..., D); the gradients of a row looked up again add up.

    padding_idx: a row that gets no gradient; a negative one counts from the end.
    Raises IndexError if an index is not a row.
    """
    indices, raw = _indices(input, "embedding")
    weight = operand(weight, "embedding")
    if weight.ndim == 0:
        raise ValueError("embedding: weight has no axes, so no rows; give it shape (V, D)")
    rows = weight.shape[0]
    _check_range(raw, rows, "embedding", f"weight {weight.shape} has {rows} rows")
    if padding_idx is None:
        return getitem(weight, indices, index=(ARRAY,))
    padding = operator.index(padding_idx)
    if not -rows <= padding < rows:
        raise ValueError(f"embedding: padding_idx {padding} is no row of weight {weight.shape}, which has {rows}")
    return embedding_op(weight, indices, padding_idx=padding % rows)


def one_hot(indices: Any, num_classes: int = -1) -> Any:
    """Indices (...) -> int64 (..., C), 1 at each index and 0 elsewhere; C is the largest index and 1, if left out."""
    indices, raw = _indices(indices, "one_hot")
    classes = operator.index(num_classes)
    if classes == -1:
        if raw.size == 0:
            raise ValueError("one_hot: there are no indices to tell the number of classes from; give num_classes")
        classes = int(raw.max()) + 1
    if classes < 1:
        raise ValueError(f"one_hot: num_classes must be at least 1, or -1 for as many as needed, got {classes}")
    _check_range(raw, classes, "one_hot", f"num_classes is {classes}")
    out = np.zeros((*raw.shape, classes), np.int64)
    np.put_along_axis(out, raw[..., None].astype(np.intp), 1, -1)
    return wrap(out) if isinstance(indices, Recorded) else out
