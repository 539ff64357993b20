"""Norms of vectors and matrices, of every order, and the condition number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..kernels import products
from ..registry import numpy_name, op, operand, raw
from ..samples import distinct, positive, real
from .elementwise import H, absolute, add, divide, multiply, real_part, where_op
from .factor import evened, svdvals_op
from .keywords import plain_number
from .reduce import aligned, count_of, max_op, min_op, sum_op
from .solve import LinAlgError, inv_op, matrices, squares
from .structure import canonical_axes, cast, moveaxis, reshape_op

INF = math.inf
SHORT = 8_000  # elements up to which BLAS works on one thread

# -- powers of sizes: a family that is closed under differentiation ------------------------------------------


@op("elementwise")
def size_to(x, *, exponent):
    """|x|**exponent, a real number; 0 where x is 0, for negative exponents too, but 1 for exponent 0."""
    if not exponent:
        return np.ones_like(x.real)
    size = np.abs(x)
    return size**exponent if exponent > 0 else _unless_zero(size, exponent)


@op("elementwise")
def direction_to(x, *, exponent):
    """x / |x| times |x|**exponent; 0 where x is 0, whatever the exponent."""
    if exponent == 1:
        return x.copy()
    return np.sign(x) * _unless_zero(np.abs(x), exponent)


def _unless_zero(size: Any, exponent: float) -> Any:
    """size**exponent, 0 where that is a power of 0: of what is infinite there nothing is to spread."""
    zero = size == 0
    return np.where(zero, 0, np.where(zero, 1, size) ** exponent).astype(size.dtype, copy=False)


def _turned_to(g: Any, x: Any, exponent: float) -> Any:
    """How direction_to(x) moves along g: it is its own adjoint."""
    if exponent == 1:
        return g
    if x.dtype.kind != "c":
        return multiply(g, multiply(size_to(x, exponent=exponent - 1), exponent))
    turning = multiply(g, size_to(x, exponent=exponent - 1))
    along = real_part(multiply(H(x), g))
    return add(turning, multiply(multiply(along, direction_to(x, exponent=exponent - 2)), exponent - 1.0))


size_to.vjp(x=lambda g, x, exponent: multiply(multiply(g, direction_to(x, exponent=exponent - 1)), exponent))
direction_to.vjp(x=_turned_to)
direction_to.jvp(lambda tangents, x, exponent: _turned_to(tangents[0], x, exponent))
for _exponent in (3.0, 1.5, 1.0, 0.0, -1.0):
    size_to.sample(real(3, 4, away=0.3), exponent=_exponent)
    direction_to.sample(real(3, 4, away=0.3), exponent=_exponent)
size_to.sample(np.array([0.0, 1.0, -2.0]), exponent=2.0).sample(real(), exponent=4.0)
direction_to.sample(np.array([0.0, 1.0, -2.0]), exponent=3.0).sample(real(), exponent=2.0)

# -- lengths -------------------------------------------------------------------------------------------------


@op()
def length(x, *, axis, keepdims=False):
    """The Euclidean length over axes; that of zero has gradient 0."""
    if len(axis) == x.ndim:
        flat = x.ravel("K")
        product = products.matmul if flat.size > SHORT else np.dot
        total = (
            product(flat, flat)
            if x.dtype.kind != "c"
            else product(flat.real, flat.real) + product(flat.imag, flat.imag)
        )
        out = np.sqrt(total)
        return out.reshape((1,) * x.ndim) if keepdims else out
    parts = (x.conj() * x).real if x.dtype.kind == "c" else x * x
    return np.sqrt(np.add.reduce(parts, axis=axis, keepdims=keepdims))


def _not_zero(out: Any) -> Any:
    """A length as what to divide by: where it is 0, infinity, so that all that follows is 0."""
    zero = raw(out) == 0
    return where_op(zero, INF, out) if zero.any() else out


def _length_ahead(tangents: Any, x: Any, out: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    along = sum_op(real_part(multiply(H(x), tangents[0])), axis=axis, keepdims=keepdims)
    return divide(along, _not_zero(out))


length.vjp(x=lambda g, x, out, axis: multiply(x, aligned(divide(g, _not_zero(out)), x.shape, axis)))
length.jvp(_length_ahead)
length.sample(real(3, 4), axis=(0, 1)).sample(real(2, 3, 4), axis=(1,), keepdims=True).sample(real(0, 2), axis=(0,))
length.sample(real(2, 3), axis=(0, 1), keepdims=True).sample(real(3, away=0.1), axis=())


@op()
def p_length(x, *, p, axis, keepdims=False):
    """(sum of |x|**p)**(1/p) over axes. An element that is 0 has gradient 0, and so has all of a vector of length 0."""
    sizes = np.abs(x)
    sizes **= p
    out = np.asarray(np.add.reduce(sizes, axis=axis, keepdims=keepdims))
    return out ** (1.0 / p)


def _p_rule(g: Any, x: Any, out: Any, p: float, axis: tuple[int, ...]) -> Any:
    share = divide(x, aligned(_not_zero(out), x.shape, axis))
    return multiply(aligned(g, x.shape, axis), direction_to(share, exponent=p - 1))


p_length.vjp(x=_p_rule)
p_length.sample(real(3, 4, away=0.1), p=3.0, axis=(0, 1)).sample(real(4, away=0.2), p=-1.0, axis=(0,))
p_length.sample(real(2, 3, away=0.2), p=0.5, axis=(1,), keepdims=True).sample(np.array([1.5, 0.0]), p=4.0, axis=(0,))


@op("elementwise")
def nonzero_op(x):
    """1 where x is not 0, else 0, as a real float; the gradient is zero."""
    return (x != 0).astype(x.real.dtype)


nonzero_op.vjp(x=None).sample(distinct(3, 4)).sample(positive())


def vector_length(x: Any, p: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The p-norm of floats over axes; None is 2."""
    if p is None or p == 2:
        return length(x, axis=axis, keepdims=keepdims)
    if p in (INF, -INF):
        if not count_of(x.shape, axis):
            return _of_nothing(x, p, axis, keepdims)
        return (max_op if p > 0 else min_op)(absolute(x), axis=axis, keepdims=keepdims)
    if p == 0:
        return sum_op(nonzero_op(x), axis=axis, keepdims=keepdims)
    if p == 1:
        return sum_op(absolute(x), axis=axis, keepdims=keepdims)
    return p_length(x, p=float(p), axis=axis, keepdims=keepdims)


def _of_nothing(x: Any, p: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The norm of no elements: 0, or the error that this release of NumPy has for it."""
    np.linalg.norm(np.empty((0, 0) if len(axis) == 2 else 0), p)
    return sum_op(absolute(x), axis=axis, keepdims=keepdims)


# -- norms of matrices ---------------------------------------------------------------------------------------


def _extreme_value(s: Any, largest: bool) -> Any:
    """The first or last of singular values s (..., k); those that are equal share the gradient."""
    if not s.shape[-1]:
        return _of_nothing(s, INF if largest else -INF, (s.ndim - 1,), False)
    k = 0 if largest else -1
    y, value = evened(s)[..., k], raw(s)[..., k]
    if np.array_equal(raw(y), value):
        return y
    ratio = np.ones_like(value)
    np.divide(value, raw(y), out=ratio, where=raw(y) != 0)
    return multiply(y, ratio)  # the value itself: rounding errors of 0 have no mean


def _matrix_length(x: Any, p: Any, axis: tuple[int, int], keepdims: bool, name: str) -> Any:
    if p is None or p in ("fro", "f"):
        return length(x, axis=tuple(sorted(axis)), keepdims=keepdims)
    if p in (2, -2, "nuc"):
        s = svdvals_op(moveaxis(matrices(x, name), axis, (-2, -1)))
        y = sum_op(s, axis=(s.ndim - 1,)) if p == "nuc" else _extreme_value(s, p == 2)
    elif p in (1, -1, INF, -INF):
        row, column = axis
        first, second = (row, column) if abs(p) == 1 else (column, row)
        if not x.shape[second]:
            y = _of_nothing(x, p, axis, False)
        else:
            y = sum_op(absolute(x), axis=(first,), keepdims=True)
            y = (max_op if p > 0 else min_op)(y, axis=tuple(sorted(axis)))
    else:
        raise ValueError(
            f"{name}: {p!r} is no order of a norm of matrices; 'fro', 'nuc', 1, -1, 2, -2, inf and -inf are"
        )
    return reshape_op(y, shape=tuple([1 if i in axis else n for i, n in enumerate(x.shape)])) if keepdims else y


# -- public functions ----------------------------------------------------------------------------------------


def _arguments(x: Any, ord: Any, name: str) -> tuple[Any, Any]:
    """x as floats, and the order as None, a number or a word."""
    x, ord = operand(x, name), plain_number(ord, name, "ord")
    return cast(x, dtype=np.dtype(np.float64)) if x.dtype.kind in "iub" else x, ord


def _no_word(ord: Any, name: str) -> None:
    if isinstance(ord, str):
        raise ValueError(f"{name}: {ord!r} is no order of a norm of vectors; numbers are")


@numpy_name(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of vectors, along an axis, or of matrices, along two; None and no order: the length of all elements.

    Of vectors ord may be any number, inf and -inf included; of matrices 'fro', 'nuc', 1, -1, 2, -2, inf or -inf. The
    norm of 0 has gradient 0; what is largest or smallest more than once shares the gradient evenly.
    """
    (x, ord), keepdims = _arguments(x, ord, "norm"), bool(keepdims)
    if axis is None:
        axes = tuple(range(x.ndim))
        if ord is None:
            return length(x, axis=axes, keepdims=keepdims)
    else:
        if not isinstance(axis, tuple):
            try:
                axis = int(axis)
            except (TypeError, ValueError):
                raise TypeError(f"norm: axis must be None, an int or a tuple of ints, got {axis!r}") from None
        axes = canonical_axes(axis, x.ndim, "norm")
    if len(axes) == 1:
        _no_word(ord, "norm")
        return vector_length(x, ord, axes, keepdims)
    if len(axes) != 2:
        raise ValueError(
            f"norm: takes one axis for vectors or two for matrices, got {len(axes)} of shape {x.shape}; vector_norm "
            "takes any number"
        )
    return _matrix_length(x, ord, (axes[0], axes[1]), keepdims, "norm")


@numpy_name("linalg.matrix_norm")
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of matrices (..., m, n) -> (...): 'fro', 'nuc', 1, -1, 2, -2, inf or -inf."""
    x, ord = _arguments(x, ord, "matrix_norm")
    axes = canonical_axes((-2, -1), x.ndim, "matrix_norm")
    return _matrix_length(x, ord, (axes[0], axes[1]), bool(keepdims), "matrix_norm")


@numpy_name("linalg.vector_norm")
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norm of vectors along axes (None: all elements); ord may be any number, inf and -inf included."""
    x, ord = _arguments(x, ord, "vector_norm")
    _no_word(ord, "vector_norm")
    return vector_length(x, ord, canonical_axes(axis, x.ndim, "vector_norm"), bool(keepdims))


@op()
def where_finite(y, x):
    """y (...), of matrices x (..., m, n), which has no derivative where it is infinite: that is a LinAlgError."""
    return np.array(y)


def _where_finite_back(g: Any, y: Any) -> Any:
    _refuse_infinite(y, raw(g) != 0)
    return g


def _where_finite_ahead(tangents: Any, y: Any) -> Any:
    _refuse_infinite(y, (raw(tangents[1]) != 0).any((-2, -1)))
    return tangents[0]


def _refuse_infinite(y: Any, asked: Any) -> None:
    if (np.isinf(raw(y)) & asked).any():
        raise LinAlgError(
            "cond: the condition number of a singular matrix is infinite, and has no derivative there; its reciprocal, "
            "cond(x, -2), is 0"
        )


where_finite.vjp(y=_where_finite_back, x=None).jvp(_where_finite_ahead)
where_finite.sample(real(3), real(3, 2, 2)).sample(real(), real(2, 2))


@numpy_name(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """The condition number of matrices (..., m, n) -> (...): the norm times that of the inverse, inf if singular.

    p: an order of `norm` for matrices; None, 2 and -2 (its reciprocal) use singular values and take any m and n.
    """
    x, p = matrices(x, "cond"), plain_number(p, "cond", "p")
    if not x.size and 0 in x.shape[-2:]:
        raise LinAlgError(f"cond: an empty matrix (shape {x.shape}) has no condition number")
    with np.errstate(all="ignore"):
        if p is None or p in (2, -2):
            s = svdvals_op(x)
            largest, smallest = _extreme_value(s, True), _extreme_value(s, False)
            y = divide(smallest, largest) if p == -2 else divide(largest, smallest)
        else:
            x = squares(x, "cond")
            inverse, singular = inv_op(x, nan=True), False
            if np.isnan(raw(inverse)).any():
                singular = np.isnan(raw(inverse)).any((-2, -1))
                inverse = inv_op(where_op(singular[..., None, None], np.eye(x.shape[-1], dtype=x.dtype), x))
            y = multiply(norm(x, p, (-2, -1)), norm(inverse, p, (-2, -1)))
            y = where_op(singular, np.nan, y) if np.any(singular) else y
    none = np.isnan(raw(y)) & ~np.isnan(raw(x)).any((-2, -1))
    y = where_op(none, INF, y) if none.any() else y
    return where_finite(y, x) if np.isinf(raw(y)).any() else y
