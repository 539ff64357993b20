"""Norms of vectors and matrices, of every order, and the condition number."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..registry import numpy_name, op, operand
from ..samples import positive, real
from .elementwise import (
    absolute,
    div_no_nan,
    divide,
    mul_no_nan,
    multiply,
    power,
    where_op,
)
from .factor import evened, svdvals_op
from .reduce import aligned, kept_shape, max, min, sum_op
from .solve import LinAlgError, inv, matrices, raw
from .structure import canonical_axes, cast, moveaxis, reshape_op

INF = float("inf")


@op()
def length(x, *, axis, keepdims=False):
    """The Euclidean length over axes; that of zero has gradient 0."""
    parts = (x.real**2 + x.imag**2) if x.dtype.kind == "c" else x * x
    return np.sqrt(np.add.reduce(parts, axis=axis, keepdims=keepdims))


length.vjp(
    x=lambda g, x, out, axis: multiply(x, div_no_nan(aligned(g, x.shape, axis), aligned(_positive(out), x.shape, axis)))
)


def _positive(out: Any) -> Any:
    """A length as what to divide by: where it is 0, infinity, so that all that follows is 0."""
    return where_op(raw(out) == 0, INF, out)


length.sample(real(3, 4), axis=(0, 1)).sample(real(2, 3, 4), axis=(1,), keepdims=True).sample(real(0, 2), axis=(0,))


@op()
def p_length(x, *, p, axis, keepdims=False):
    """sum(x**p)**(1/p) over axes, of x >= 0; x = 0 has gradient 0 where p > 1, and so has all of a zero."""
    with np.errstate(divide="ignore"):
        total = np.add.reduce(x**p, axis=axis, keepdims=keepdims)
        return (total ** (1.0 / p)).astype(x.dtype, copy=False)


def _p_rule(g: Any, x: Any, out: Any, p: float, axis: tuple[int, ...]) -> Any:
    share = div_no_nan(x, aligned(_positive(out), x.shape, axis))  # (x / out)**(p - 1)
    zero = raw(x) == 0
    slope = where_op(zero, 0.0, power(where_op(zero, 1.0, share), p - 1))
    return mul_no_nan(aligned(g, x.shape, axis), slope)


p_length.vjp(x=_p_rule)
p_length.sample(positive(3, 4), p=3.0, axis=(0, 1)).sample(positive(2, 3), p=0.5, axis=(1,), keepdims=True)
p_length.sample(positive(4), p=-1.0, axis=(0,))


@op("elementwise")
def nonzero(x):
    """1 where x is not 0, else 0, as a real float; the gradient is zero."""
    return (x != 0).astype(np.finfo(x.dtype).dtype)


nonzero.vjp(x=None).sample(real(3, 4))


def _largest(x: Any, axis: Any, keepdims: bool = False) -> Any:
    """The largest of sizes over axes; of none 0."""
    return max(x, axis, keepdims=keepdims) if x.size else max(x, axis, keepdims=keepdims, initial=0.0)


def vector_length(x: Any, p: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The p-norm over axes; None is 2."""
    if p is None or p == 2:
        return length(x, axis=axis, keepdims=keepdims)
    if p == INF:
        return _largest(absolute(x), axis, keepdims)
    if p == -INF:
        return min(absolute(x), axis, keepdims=keepdims)
    if p == 0:
        return sum_op(nonzero(x), axis=axis, keepdims=keepdims)
    if p == 1:
        return sum_op(absolute(x), axis=axis, keepdims=keepdims)
    return p_length(absolute(x), p=float(p), axis=axis, keepdims=keepdims)


def _norm_of_matrices(x: Any, p: Any, axis: tuple[int, int], keepdims: bool, name: str) -> Any:
    row, column = axis
    if p in (None, "fro", "f"):
        return length(x, axis=tuple(sorted(axis)), keepdims=keepdims)
    if p in (1, -1, INF, -INF):
        extremum = _largest if p > 0 else min
        first, second = (row, column) if abs(p) == 1 else (column, row)
        sums = sum_op(absolute(x), axis=(first,), keepdims=True)
        y = extremum(sums, second, keepdims=True)
    elif p in (2, -2, "nuc"):
        s = svdvals_op(moveaxis(x, axis, (-2, -1)))
        if p == "nuc":
            y = sum_op(s, axis=(s.ndim - 1,))
        else:
            s = evened(s)
            y = _largest(s, -1) if p == 2 else min(s, -1)
        y = reshape_op(y, shape=kept_shape(x.shape, axis))
    else:
        raise ValueError(
            f"{name}: {p!r} is no order of a norm of matrices; 'fro', 'nuc', 1, -1, 2, -2, inf and -inf are"
        )
    return y if keepdims else reshape_op(y, shape=tuple(n for i, n in enumerate(x.shape) if i not in axis))


def _floats(x: Any, name: str) -> Any:
    x = operand(x, name)
    return cast(x, dtype=np.dtype(np.float64)) if x.dtype.kind in "iub" else x


@numpy_name(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of vectors, along an axis, or of matrices, along two. ord as in numpy.linalg.norm; 0 has gradient 0."""
    x, keepdims = _floats(x, "norm"), bool(keepdims)
    if axis is None:
        if ord is None or (ord in ("f", "fro") and x.ndim == 2) or (ord == 2 and x.ndim == 1):
            return length(x, axis=tuple(range(x.ndim)), keepdims=keepdims)
        axis = tuple(range(x.ndim))
    axes = canonical_axes(axis, x.ndim, "norm")
    if len(axes) == 1:
        if isinstance(ord, str):
            raise ValueError(f"norm: {ord!r} is no order of a norm of vectors; numbers are")
        return vector_length(x, ord, axes, keepdims)
    if len(axes) != 2:
        raise ValueError(f"norm: needs one axis for vectors or two for matrices, got {axis} for shape {x.shape}")
    return _norm_of_matrices(x, ord, (axes[0], axes[1]), keepdims, "norm")


@numpy_name("linalg.matrix_norm")
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of matrices (..., m, n) -> (...): 'fro', 'nuc', 1, -1, 2, -2, inf or -inf."""
    x = _floats(x, "matrix_norm")
    if x.ndim < 2:
        raise ValueError(f"matrix_norm: needs matrices, got shape {x.shape}")
    return _norm_of_matrices(x, ord, (x.ndim - 2, x.ndim - 1), bool(keepdims), "matrix_norm")


@numpy_name("linalg.vector_norm")
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norm of vectors along axes (None: all elements): any number, inf and -inf included."""
    x = _floats(x, "vector_norm")
    if isinstance(ord, str):
        raise ValueError(f"vector_norm: {ord!r} is no order of a norm of vectors; numbers are")
    return vector_length(x, ord, canonical_axes(axis, x.ndim, "vector_norm"), bool(keepdims))


@numpy_name(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """The condition number of matrices (..., m, n) -> (...): the norm times that of the inverse."""
    x = matrices(x, "cond")
    if not x.size and 0 in x.shape[-2:]:
        raise LinAlgError(f"cond: an empty matrix (shape {x.shape}) has no condition number")
    if p in (None, 2, -2):
        s = evened(svdvals_op(x))
        largest, smallest = s[..., 0], s[..., -1]
        with np.errstate(all="ignore"):
            return divide(smallest, largest) if p == -2 else divide(largest, smallest)
    with np.errstate(all="ignore"):
        return multiply(norm(x, p, (-2, -1)), norm(inv(x), p, (-2, -1)))
