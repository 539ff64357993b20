"""Matrices made of smaller parts: block_diag and toeplitz."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..registry import ARRAY, operand
from .elementwise import H
from .index import getitem
from .solve import one_dtype, spread_out
from .structure import broadcast_to_op, concatenate_op, flip_op, reshape_op


def block_diag(*arrs: Any) -> Any:
    """The matrices (..., m, n) on the diagonal of one that is zero elsewhere; vectors count as rows."""
    blocks = [operand(x, "block_diag") for x in arrs or ([],)]
    blocks = [reshape_op(x, shape=(1,) * (2 - x.ndim) + tuple(x.shape)) if x.ndim < 2 else x for x in blocks]
    blocks = spread_out(*one_dtype(*blocks))
    width, before, rows = sum([x.shape[-1] for x in blocks]), 0, []
    for x in blocks:
        *lead, m, n = x.shape
        sides = [np.zeros((*lead, m, k), x.dtype) for k in (before, width - before - n)]
        rows.append(concatenate_op(sides[0], x, sides[1], axis=x.ndim - 1))
        before += n
    return concatenate_op(*rows, axis=rows[0].ndim - 2)


def toeplitz(c: Any, r: Any = None) -> Any:
    """The matrices (..., m, n) whose diagonals are constant, with first column c (..., m) and first row r (..., n).

    r[0] is not used; None: r is the conjugate of c.
    """
    c = operand(c, "toeplitz")
    c = c if c.ndim else reshape_op(c, shape=(1,))
    r = H(c) if r is None else operand(r, "toeplitz")
    r = r if r.ndim else reshape_op(r, shape=(1,))
    c, r = one_dtype(c, r)
    lead = np.broadcast_shapes(c.shape[:-1], r.shape[:-1])
    c, r = (x if x.shape[:-1] == lead else broadcast_to_op(x, shape=(*lead, x.shape[-1])) for x in (c, r))
    m, n = c.shape[-1], r.shape[-1]
    line = concatenate_op(flip_op(c, axis=(c.ndim - 1,)), r[..., 1:], axis=c.ndim - 1)
    places = np.arange(m)[::-1, None] + np.arange(n)
    return getitem(line, places, index=(Ellipsis, ARRAY))
