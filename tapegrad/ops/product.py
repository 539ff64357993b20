"""Products of matrices and tensors: matmul, dot and its kin, tensordot, einsum, trace."""

from __future__ import annotations

import math
import operator
import string
import warnings
from collections.abc import Callable
from functools import lru_cache
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..kernels import products
from ..registry import Slice, numpy_name, op, operand, raw
from ..samples import real
from .discrete import valued
from .elementwise import H, multiply
from .index import diagonal, getitem
from .reduce import sum as total
from .reduce import sum_op
from .structure import (
    canonical_axis,
    cast,
    concatenate_op,
    deliver,
    expand_dims,
    moveaxis,
    reshape_op,
    squeeze,
    sum_to,
    transpose_op,
)


def _turned(x: Any) -> Any:
    """The last two axes exchanged."""
    if x.ndim == 2 and type(x) is np.ndarray:
        return x.T
    return transpose_op(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


@op("multilinear")
def matmul_op(x, y):
    """Matrices x (..., n, k) by y (..., k, m) -> (..., n, m), the leading axes broadcast; a vector counts as (k,)."""
    return products.matmul(x, y)


def _matmul_x(g: Any, y: Any, x_shape: tuple[int, ...]) -> Any:
    if len(x_shape) == 1:
        if y.ndim == 1:
            return multiply(g, H(y))
        return sum_to(squeeze(matmul_op(H(y), expand_dims(g, -1)), -1), shape=x_shape)
    if y.ndim == 1:
        return multiply(expand_dims(g, -1), H(y))
    out = matmul_op(g, H(_turned(y)))
    return out if out.shape == x_shape else sum_to(out, shape=x_shape)


def _matmul_y(g: Any, x: Any, y_shape: tuple[int, ...]) -> Any:
    if len(y_shape) == 1:
        if x.ndim == 1:
            return multiply(g, H(x))
        return sum_to(squeeze(matmul_op(H(_turned(x)), expand_dims(g, -1)), -1), shape=y_shape)
    if x.ndim == 1:
        return sum_to(multiply(expand_dims(H(x), -1), expand_dims(g, -2)), shape=y_shape)
    if len(y_shape) == 2 and x.ndim > 2:  # one product over all leading axes, not one for each and a sum
        k, m = y_shape
        rows = math.prod(x.shape[:-1])
        return matmul_op(_turned(H(reshape_op(x, shape=(rows, k)))), reshape_op(g, shape=(rows, m)))
    out = matmul_op(H(_turned(x)), g)
    return out if out.shape == y_shape else sum_to(out, shape=y_shape)


matmul_op.vjp(x=_matmul_x, y=_matmul_y)
matmul_op.sample(real(2, 3), real(3, 4)).sample(real(3), real(3)).sample(real(3), real(2, 3, 4)).sample(
    real(2, 3), real(3)
)
matmul_op.sample(real(2, 3, 4), real(4, 5)).sample(real(2, 1, 3, 4), real(5, 4, 2)).sample(real(2, 0), real(0, 3))


@numpy_name(np.matmul, np.linalg.matmul)
def matmul(x: Any, y: Any, /, out: Any = None) -> Any:
    """Matrices x (..., n, k) by y (..., k, m) -> (..., n, m), the leading axes broadcast; a vector counts as (k,)."""
    x, y = operand(x, "matmul"), operand(y, "matmul")
    if not x.ndim or not y.ndim:
        raise ValueError(f"matmul: scalars are not matrices (x {x.shape}, y {y.shape}); use multiply")
    if x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        raise ValueError(
            f"matmul: x has {x.shape[-1]} columns but y has {y.shape[-2 if y.ndim > 1 else 0]} rows "
            f"(x {x.shape}, y {y.shape})"
        )
    return deliver(matmul_op(x, y), out, "matmul")


@numpy_name(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """The product of matrices or vectors; of more axes, the sum over the last of a and the last but one of b."""
    a, b = operand(a, "dot"), operand(b, "dot")
    if not a.ndim or not b.ndim:
        return deliver(multiply(a, b), out, "dot")
    if b.ndim > 2:
        return deliver(tensordot(a, b, (a.ndim - 1, b.ndim - 2)), out, "dot")
    if a.shape[-1] != b.shape[0]:
        raise ValueError(f"dot: the last axis of a {a.shape} and the first of b {b.shape} differ in length")
    return deliver(matmul_op(a, b), out, "dot")


@numpy_name(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """The sum over the last axes of both."""
    a, b = operand(a, "inner"), operand(b, "inner")
    return tensordot(a, b, (-1, -1)) if a.ndim and b.ndim else multiply(a, b)


@numpy_name(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    """The sum of conj(a) * b over all elements."""
    a, b = operand(a, "vdot"), operand(b, "vdot")
    return matmul_op(H(reshape_op(a, shape=(a.size,))), reshape_op(b, shape=(b.size,)))


@numpy_name(np.vecdot, np.linalg.vecdot)
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The sum of conj(x1) * x2 along an axis."""
    x1, x2 = operand(x1, "vecdot"), operand(x2, "vecdot")
    if not x1.ndim or not x2.ndim:
        raise ValueError(f"vecdot: numbers are not vectors (x1 {x1.shape}, x2 {x2.shape}); use multiply")
    if axis != -1:
        x1, x2 = (moveaxis(x, canonical_axis(axis, x.ndim, "vecdot"), -1) for x in (x1, x2))
    if x1.shape[-1] != x2.shape[-1]:
        raise ValueError(f"vecdot: the axes to sum over differ in length (x1 {x1.shape}, x2 {x2.shape})")
    return _stacked(H(x1), x2, "k,k->", "vecdot")


@numpy_name("matvec")
def matvec(x1: Any, x2: Any, /) -> Any:
    """Matrices x1 (..., n, k) by vectors x2 (..., k) -> (..., n), the leading axes broadcast."""
    x1, x2 = operand(x1, "matvec"), operand(x2, "matvec")
    if x1.ndim < 2 or not x2.ndim or x1.shape[-1] != x2.shape[-1]:
        raise ValueError(f"matvec: x1 {x1.shape} must be (..., n, k) and x2 {x2.shape} (..., k)")
    return _stacked(x1, x2, "nk,k->n", "matvec")


@numpy_name("vecmat")
def vecmat(x1: Any, x2: Any, /) -> Any:
    """The conjugates of vectors x1 (..., k) by matrices x2 (..., k, m) -> (..., m), the leading axes broadcast."""
    x1, x2 = operand(x1, "vecmat"), operand(x2, "vecmat")
    if x2.ndim < 2 or not x1.ndim or x1.shape[-1] != x2.shape[-2]:
        raise ValueError(f"vecmat: x1 {x1.shape} must be (..., k) and x2 {x2.shape} (..., k, m)")
    return _stacked(H(x1), x2, "k,km->m", "vecmat")


def _stacked(x: Any, y: Any, subscripts: str, name: str) -> Any:
    """einsum of the last axes of two operands, over leading axes that broadcast."""
    try:
        x_shape, y_shape, pair = _clean(subscripts, x.shape, y.shape)
    except ValueError:
        raise ValueError(f"{name}: the leading axes of x1 {x.shape} and x2 {y.shape} do not broadcast") from None
    x = x if x.shape == x_shape else reshape_op(x, shape=x_shape)
    y = y if y.shape == y_shape else reshape_op(y, shape=y_shape)
    return einsum_op(x, y, subscripts=pair)


@lru_cache(maxsize=4096)
def _clean(subscripts: str, *shapes: tuple[int, ...]) -> tuple[Any, ...]:
    """The shapes of two operands without leading axes of length 1 that broadcast, and the subscripts of all axes."""
    inputs, result = subscripts.split("->")
    terms = inputs.split(",")
    own = [shape[: len(shape) - len(term)] for shape, term in zip(shapes, terms, strict=True)]
    lead = np.broadcast_shapes(*own)
    labels = string.ascii_uppercase[: len(lead)]
    names, seen = [], []
    for axes, shape, term in zip(own, shapes, terms, strict=True):
        first = len(lead) - len(axes)
        there = [i for i, n in enumerate(axes) if n == lead[first + i]]
        names.append("".join([labels[first + i] for i in there]) + term)
        seen.append((*[axes[i] for i in there], *shape[len(axes) :]))
    return (*seen, f"{names[0]},{names[1]}->{labels}{result}")


@numpy_name(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """a[i] * b[j] of the flat arrays."""
    a, b = operand(a, "outer"), operand(b, "outer")
    a, b = (x if x.ndim == 1 else reshape_op(x, shape=(x.size,)) for x in (a, b))
    return deliver(einsum_op(a, b, subscripts="i,j->ij"), out, "outer")


@numpy_name(np.tensordot, np.linalg.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sum of products over pairs of axes: the last of a with the first of b, or those named."""
    a, b = operand(a, "tensordot"), operand(b, "tensordot")
    pairs = int(axes) if np.ndim(axes) == 0 else tuple([tuple(np.atleast_1d(raw(i)).tolist()) for i in axes])
    return einsum_op(a, b, subscripts=_contraction(a.shape, b.shape, pairs))


@lru_cache(maxsize=4096)
def _contraction(a: tuple[int, ...], b: tuple[int, ...], axes: Any) -> str:
    """The subscripts of a tensordot of two shapes."""
    if type(axes) is int:
        left, right = tuple(range(len(a) - axes, len(a))), tuple(range(axes))
    else:
        one, two = axes
        left = normalize_axis_tuple(one, len(a), "axes")
        right = normalize_axis_tuple(two, len(b), "axes")
    if len(left) != len(right) or any(a[i] != b[j] for i, j in zip(left, right, strict=True)):
        raise ValueError(f"tensordot: axes {left} of a {a} do not match axes {right} of b {b}")
    labels = string.ascii_letters
    of_b = list(labels[len(a) : len(a) + len(b)])
    for i, j in zip(left, right, strict=True):
        of_b[j] = labels[i]
    result = [labels[i] for i in range(len(a)) if i not in left] + [c for j, c in enumerate(of_b) if j not in right]
    return f"{labels[: len(a)]},{''.join(of_b)}->{''.join(result)}"


@numpy_name(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    """The sum of a diagonal in the plane of two axes."""
    d = diagonal(a, offset, axis1, axis2)
    return deliver(total(d, -1, dtype), out, "trace")


@numpy_name(np.kron)
def kron(a: Any, b: Any) -> Any:
    """Each element of a times all of b, laid out in blocks."""
    a, b = operand(a, "kron"), operand(b, "kron")
    ndim = max(a.ndim, b.ndim)
    s, t = (1,) * (ndim - a.ndim) + a.shape, (1,) * (ndim - b.ndim) + b.shape
    x = reshape_op(a, shape=tuple(n for m in s for n in (m, 1)))
    y = reshape_op(b, shape=tuple(n for m in t for n in (1, m)))
    return reshape_op(multiply(x, y), shape=tuple(m * n for m, n in zip(s, t, strict=True)))


@op("multilinear")
def cross_op(x, y):
    """The vector products along the last axes, of length 3; the others broadcast."""
    return np.cross(x, y)


cross_op.vjp(
    x=lambda g, y, x_shape: sum_to(cross_op(H(y), g), shape=x_shape),
    y=lambda g, x, y_shape: sum_to(cross_op(g, H(x)), shape=y_shape),
)
cross_op.sample(real(3), real(3)).sample(real(2, 3), real(4, 1, 3)).sample(real(0, 3), real(3))


@numpy_name(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The vector product along an axis of length 3; one of length 2, deprecated in NumPy too, lies in the plane."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = operand(a, "cross"), operand(b, "cross")
    a = moveaxis(a, canonical_axis(axisa, a.ndim, "cross"), -1)
    b = moveaxis(b, canonical_axis(axisb, b.ndim, "cross"), -1)
    lengths = (a.shape[-1], b.shape[-1])
    if not {*lengths} <= {2, 3}:
        raise ValueError(f"cross: the vectors must have length 3 (a {a.shape}, b {b.shape})")
    try:
        np.broadcast_shapes(a.shape[:-1], b.shape[:-1])
    except ValueError:
        raise ValueError(f"cross: the vectors a {a.shape} and b {b.shape} do not broadcast") from None
    if 2 in lengths:
        warnings.warn("cross: vectors of length 2 are deprecated; use length 3", DeprecationWarning, stacklevel=2)
        a, b = (_in_space(v) for v in (a, b))
    out = cross_op(a, b)
    return getitem(out, index=(Ellipsis, 2)) if lengths == (2, 2) else moveaxis(out, -1, axisc)


def _in_space(v: Any) -> Any:
    """Vectors (..., 2) or (..., 3) as (..., 3)."""
    return v if v.shape[-1] == 3 else concatenate_op(v, np.zeros((*v.shape[:-1], 1), v.dtype), axis=v.ndim - 1)


# -- einsum --------------------------------------------------------------------------------------------------

# The subscripts are read once for each set of shapes, and turned into a program: what is cut to its diagonal, summed
# or dropped in one operand alone, then products of pairs. A pair is clean: each label stands in at least two of its
# three terms, with one length. So the gradients of a pair are clean pairs too.


@lru_cache(maxsize=4096)
def _pair(subscripts: str, x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> Callable[[Any, Any], Any]:
    """How to multiply a clean pair: as matrices, element by element, or, where neither fits, by numpy.einsum."""
    inputs, output = subscripts.split("->")
    a, b = inputs.split(",")
    sizes = {**dict(zip(a, x_shape, strict=True)), **dict(zip(b, y_shape, strict=True))}
    rows, columns, both = [c for c in a if c not in b], [c for c in b if c not in a], [c for c in a if c in b]
    summed = [c for c in both if c not in output]
    if not summed and rows and columns:  # faster by a third here than multiply
        return lambda x, y: np.einsum(subscripts, x, y)
    if not summed:
        x_axes, y_axes = _axes(a, [c for c in output if c in a]), _axes(b, [c for c in output if c in b])
        x_wide, y_wide = (tuple([sizes[c] if c in term else 1 for c in output]) for term in (a, b))
        return lambda x, y: np.multiply(_seen(x, x_axes, x_wide), _seen(y, y_axes, y_wide))
    if not output and a == b:
        return lambda x, y: products.matmul(x.reshape(-1), y.reshape(-1))
    if a == b == output + "".join(summed):
        return _dots(subscripts, len(output))
    length = lambda labels: math.prod([sizes[c] for c in labels])
    vectors = length(rows) == 1 or length(columns) == 1
    few = vectors and len(both) > len(summed) and length(rows + columns + summed) < FEW
    if few or not (rows or columns):
        return lambda x, y: np.einsum(subscripts, x, y)
    return _by_matrices(a, b, output, sizes)


def _dots(subscripts: str, lead: int) -> Callable[[Any, Any], Any]:
    """How to multiply stacks of vectors, and sum: for real ones NumPy's vecdot calls BLAS."""

    def dots(x: Any, y: Any) -> Any:
        if x.dtype.kind == "f" and x.dtype is y.dtype:
            shape = (*x.shape[:lead], -1) if x.size else (*x.shape[:lead], 0)
            return np.vecdot(x.reshape(shape), y.reshape(shape))
        return np.einsum(subscripts, x, y)

    return dots


FEW = 100  # multiplications: for stacks of products of a matrix by a vector as small as this, BLAS is no gain
WORTH = 4096  # multiplications of a matrix product that is worth a call of BLAS instead of a copy


class Roles(NamedTuple):
    """What the labels of a product of matrices are: the stack, the rows, those summed over, the columns."""

    stack: list[str]
    rows: list[str]
    summed: list[str]
    columns: list[str]


def _roles(a: str, b: str, output: str, sizes: dict[str, int]) -> Roles:
    """The roles that need the fewest copies of x and y, taken to be laid out by rows.

    Axes that cannot become one without a copy may go into the stack. There another that lacks them is broadcast, and
    those that are to be summed are summed afterwards.
    """
    length = lambda labels: math.prod([sizes[c] for c in labels])
    batch = [c for c in output if c in a and c in b]
    best: tuple[float, int, Roles] | None = None
    own = [[c for c in term if c not in batch] for term in (a, b)]
    for extra in [[], *[labels[:n] for labels in own for n in range(1, len(labels))]]:
        rest = lambda labels, extra=extra: [c for c in labels if c not in extra]
        rows, columns = rest([c for c in a if c not in b]), rest([c for c in b if c not in a])
        both = rest([c for c in a if c in b and c not in output])
        for summed in (both, [c for c in b if c in both]):
            if extra and length(rows + summed + columns) < WORTH:
                continue
            cost = length(a) * _copies(a, rows, summed) + length(b) * _copies(b, summed, columns)
            again = [c for c in extra if c not in output]
            if again:
                cost += length(batch + extra + rows + columns)
            if best is None or (cost, len(extra)) < best[:2]:
                best = cost, len(extra), Roles(batch + extra, rows, summed, columns)
    assert best is not None
    return best[2]


def _by_matrices(a: str, b: str, output: str, sizes: dict[str, int]) -> Callable[[Any, Any], Any]:
    stack, rows, summed, columns = _roles(a, b, output, sizes)
    first = next((c for c in output if c not in stack), "")
    if first in columns and rows:  # so that the result need not be turned round
        turned = _by_matrices(b, a, output, sizes)
        return lambda x, y: turned(y, x)
    length = lambda labels: math.prod([sizes[c] for c in labels])
    lead = [tuple([sizes[c] if c in term else 1 for c in stack]) for term in (a, b)]
    x_axes = _axes(a, [c for c in stack if c in a] + rows + summed)
    y_axes = _axes(b, [c for c in stack if c in b] + summed + columns)
    x_matrix, y_matrix = (*lead[0], length(rows), length(summed)), (*lead[1], length(summed), length(columns))
    again = tuple([i for i, c in enumerate(stack) if c not in output])
    kept = [c for c in stack if c in output]
    full = tuple([sizes[c] for c in kept + rows + columns])
    back = _axes("".join(kept + rows + columns), list(output))

    def by_matrices(x: Any, y: Any) -> Any:
        product = products.matmul(_for_blas(_seen(x, x_axes, x_matrix)), _for_blas(_seen(y, y_axes, y_matrix)))
        if again:
            product = np.add.reduce(product, axis=again)
        if product.shape != full:
            product = product.reshape(full)
        return product if back is None else product.transpose(back)

    return by_matrices


def _axes(term: str, order: list[str]) -> tuple[int, ...] | None:
    """The axes that bring a term into an order; None if it is in it."""
    return None if list(term) == order else tuple([term.index(c) for c in order])


def _seen(x: Any, axes: tuple[int, ...] | None, shape: tuple[int, ...]) -> Any:
    """x transposed and in another shape."""
    x = x if axes is None else x.transpose(axes)
    return x if x.shape == shape else x.reshape(shape)


def _copies(term: str, *groups: list[str]) -> bool:
    """Whether a term must be copied to make one axis of each group."""
    return any(["".join(group) not in term for group in groups])


def _for_blas(m: Any) -> Any:
    """A stack of matrices with rows or columns that lie in one piece."""
    if m.itemsize in m.strides[-2:] or 1 in m.shape[-2:] or not m.size:
        return m
    return np.ascontiguousarray(m)


@lru_cache(maxsize=4096)
def _adjoints(subscripts: str) -> tuple[str, str]:
    """What (gradient, y) and (x, gradient) of a pair are multiplied by."""
    inputs, output = subscripts.split("->")
    a, b = inputs.split(",")
    return f"{output},{b}->{a}", f"{a},{output}->{b}"


@op("multilinear")
def einsum_op(x, y, *, subscripts):
    """The sum of products of a pair, "ij,jk->ik"; each label stands in two of the three terms or in all."""
    return _pair(subscripts, x.shape, y.shape)(x, y)


einsum_op.vjp(
    x=lambda g, y, subscripts: einsum_op(g, H(y), subscripts=_adjoints(subscripts)[0]),
    y=lambda g, x, subscripts: einsum_op(H(x), g, subscripts=_adjoints(subscripts)[1]),
)
einsum_op.sample(real(2, 3), real(3, 4), subscripts="ij,jk->ik").sample(real(2, 3), real(2, 3), subscripts="ij,ij->")
einsum_op.sample(real(2, 3, 4), real(4, 2), subscripts="ijk,ki->ji").sample(real(), real(2), subscripts=",i->i")
einsum_op.sample(real(3, 2), real(4), subscripts="ij,k->kij").sample(real(2, 0), real(0, 3), subscripts="ij,jk->ki")
einsum_op.sample(real(2, 3, 2), real(4, 3, 2), subscripts="abc,dbc->da").sample(
    real(2, 3), real(2, 3), subscripts="ij,ij->i"
)


@op("linear")
def in_order(x, *, order):
    """A copy of x laid out by rows, order 'C', or by columns, 'F'."""
    return np.array(x, order=order)


in_order.vjp(x=lambda g: g).sample(real(3, 4), order="F").sample(real(), order="C")


class Program(NamedTuple):
    """What an einsum does: with each operand alone, then with pairs of them; each result goes to the end."""

    alone: tuple[Any, ...]  # (operand, diagonals, shape, axes to sum over)
    pairs: tuple[tuple[int, int, str], ...]
    turned: tuple[int, ...] | None  # the axes of the only operand


@numpy_name(np.einsum)
def einsum(
    *operands: Any, out: Any = None, optimize: Any = False, dtype: Any = None, order: str = "K", casting: str = "safe"
) -> Any:
    """Sums of products by subscripts, as numpy.einsum: repeated indices, an ellipsis, the list form too.

    optimize: the order of contraction: 'greedy', 'optimal', either with a limit of memory, or a path as einsum_path
    gives it. False and True mean greedy; it is worked out once for each set of shapes. Products of pairs are matrix
    products where that is possible.
    """
    if not operands:
        raise ValueError("einsum: give the subscripts and the arrays")
    subscripts, arrays = operands[0], operands[1:]
    if not isinstance(subscripts, str):
        subscripts, arrays = _from_lists(operands)
    xs = [operand(x, "einsum") for x in arrays]
    program = _program(subscripts, tuple([x.shape for x in xs]), _path_wanted(optimize), not optimize)
    if order not in ("K", "C", "F", "A"):
        raise ValueError(f"einsum: order {order!r} is not one of 'C', 'F', 'A', 'K'")
    target = xs[0].dtype if dtype is None else np.dtype(dtype)
    if dtype is None and any([x.dtype != target for x in xs]):
        target = np.result_type(*[x.dtype for x in xs])
    if dtype is not None or casting != "safe":
        for k, x in enumerate(xs):
            if not np.can_cast(x.dtype, target, casting):  # type: ignore[arg-type]
                raise TypeError(f"einsum: operand {k} of dtype {x.dtype} cannot be cast to {target} by {casting!r}")
    layouts = [raw(x).flags for x in xs] if order == "A" else []
    xs = [x if x.dtype == target else cast(x, dtype=target) for x in xs]
    for k, diagonals, shape, axis in program.alone:
        x = xs[k]
        for i, j in diagonals:
            x = _diagonal(x, i, j)
        if shape is not None:
            x = reshape_op(x, shape=shape)
        xs[k] = sum_op(x, axis=axis) if axis else x
    for i, j, pair in program.pairs:
        y = xs.pop(j)
        xs.append(einsum_op(xs.pop(i), y, subscripts=pair))
    (y,) = xs
    if program.turned is not None and (not program.alone or program.turned != tuple(range(y.ndim))):
        y = transpose_op(y, axes=program.turned)
    if y.dtype != target:  # sums of small integers
        y = cast(y, dtype=target)
    if out is None and order != "K":
        by_columns = all([f.f_contiguous for f in layouts]) and not all([f.c_contiguous for f in layouts])
        columns = order == "F" or (order == "A" and by_columns)
        if not (raw(y).flags.f_contiguous if columns else raw(y).flags.c_contiguous):
            y = in_order(y, order="F" if columns else "C")
    return deliver(y, out, "einsum", casting)


def _diagonal(x: Any, i: int, j: int) -> Any:
    """The diagonal of two axes of one length as a new last axis, by a step in the flat plane of both."""
    rest = tuple([k for k in range(x.ndim) if k not in (i, j)])
    if (i, j) != (x.ndim - 2, x.ndim - 1):
        x = transpose_op(x, axes=(*rest, i, j))
    n = x.shape[-1]
    return getitem(reshape_op(x, shape=(*x.shape[:-2], n * n)), index=(Ellipsis, Slice(None, None, n + 1)))


einsum_path = valued(np.einsum_path, "The order in which to contract an einsum.", "its result is a path")


def _from_lists(operands: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """einsum(a, [0, 1], b, [1, 2], [0, 2]) -> "AB,BC->AC" and (a, b)."""

    def letters(labels: Any) -> str:
        found = []
        for i in labels:
            if i is Ellipsis:
                found.append("...")
                continue
            try:
                number = operator.index(i)
            except TypeError:
                raise TypeError(f"einsum: a list of subscripts holds ints and Ellipsis, not {i!r}") from None
            if not 0 <= number < len(LABELS):
                raise ValueError(f"einsum: the subscript {number} is not within 0 to {len(LABELS) - 1}")
            found.append(LABELS[number])
        return "".join(found)

    paired = len(operands) // 2 * 2
    if not paired:
        raise ValueError("einsum: give subscripts as text first, or a list of them after each array")
    text = ",".join([letters(s) for s in operands[1:paired:2]])
    if len(operands) % 2:
        text += "->" + letters(operands[-1])
    return text, operands[:paired:2]


LABELS = string.ascii_uppercase + string.ascii_lowercase  # in the order in which an implied output has them


def _path_wanted(optimize: Any) -> Any:
    """The argument optimize as a value for the cache."""
    if optimize is None or isinstance(optimize, bool):
        return "greedy"
    if isinstance(optimize, str):
        if optimize in ("greedy", "optimal"):
            return optimize
    elif isinstance(optimize, (list, tuple)) and optimize and isinstance(optimize[0], str):
        if optimize[0] == "einsum_path":
            return ("einsum_path", *[tuple(map(operator.index, step)) for step in optimize[1:]])
        if optimize[0] in ("greedy", "optimal") and len(optimize) == 2:
            return (optimize[0], float(optimize[1]))
    raise TypeError(
        f"einsum: optimize {optimize!r} is not a bool, 'greedy', 'optimal', one of them with a limit of memory, or a "
        "path of einsum_path"
    )


@lru_cache(maxsize=1024)
def _program(subscripts: str, shapes: tuple[tuple[int, ...], ...], optimize: Any, strict: bool) -> Program:
    terms, output = _explicit(subscripts, shapes, strict)
    lengths: list[dict[str, int]] = []
    alone = []
    for k, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        terms[k], diagonals = _without_repeats(term, shape, k)
        lengths.append(dict(zip(term, shape, strict=True)))
        alone.append(diagonals)
    sizes: dict[str, int] = {}
    for k, own in enumerate(lengths):
        for c, n in own.items():
            if n != 1 and sizes.setdefault(c, n) != n:
                raise ValueError(
                    f"einsum: the index {c!r} of {subscripts!r} stands for {sizes[c]} and, in operand {k} {shapes[k]}, "
                    f"for {n}"
                )
    shapes_left: list[tuple[int, ...] | None] = []
    for k, term in enumerate(terms):  # an axis of length 1 that others have too, or that is summed, is dropped
        earlier = "".join(terms[:k])
        left = [c for c in term if lengths[k][c] != 1 or (c in output and c not in sizes and c not in earlier)]
        shapes_left.append(tuple([lengths[k][c] for c in left]) if len(left) < len(term) else None)
        terms[k] = "".join(left)
    steps = []
    for k, term in enumerate(terms):
        others = "".join([t for i, t in enumerate(terms) if i != k]) + output
        axis = tuple([i for i, c in enumerate(term) if c not in others])
        if alone[k] or shapes_left[k] is not None or axis:
            steps.append((k, alone[k], shapes_left[k], axis))
    terms = ["".join([c for c in t if "".join(terms).count(c) > 1 or c in output]) for t in terms]
    if len(terms) == 1:
        return Program(tuple(steps), (), tuple([terms[0].index(c) for c in output]))
    return Program(tuple(steps), _pairs(terms, output, sizes, optimize), None)


def _pairs(terms: list[str], output: str, sizes: dict[str, int], optimize: Any) -> tuple[tuple[int, int, str], ...]:
    """The pairs (i, j, subscripts) to multiply one after the other, i < j places in the list of what is left."""
    path: Any = [tuple(range(len(terms)))]
    if optimize[0] == "einsum_path":
        path = optimize[1:]
    elif len(terms) > 2:
        arrays = [np.broadcast_to(0.0, tuple([sizes.get(c, 1) for c in t])) for t in terms]
        wanted = list(optimize) if type(optimize) is tuple else optimize
        path = np.einsum_path(",".join(terms) + "->" + output, *arrays, optimize=wanted)[0][1:]
    left = list(range(len(terms)))  # numbers of operands and results, in the order that the path counts in
    ours, known = list(left), dict(enumerate(terms))
    pairs = []
    for step in path:
        if len(set(step)) < len(step) or not step or not all(0 <= k < len(left) for k in step):
            raise ValueError(f"einsum: the step {step} of the path {path} does not name some of {len(left)} operands")
        chosen = [left.pop(k) for k in sorted(step, reverse=True)]
        while len(chosen) > 1:  # the pair with the smallest result first, where a step takes several
            found = []
            for i, j in combinations(sorted(chosen), 2):
                rest = output + "".join([known[k] for k in ours if k not in (i, j)])
                kept = [c for c in dict.fromkeys(known[i] + known[j]) if c in rest]
                found.append((math.prod([sizes.get(c, 1) for c in kept]), i, j, kept))
            _, i, j, kept = min(found)
            both = [c for c in kept if c in known[i] and c in known[j]]
            result = "".join(both + [c for c in kept if c not in both]) if len(ours) > 2 else output
            pairs.append((ours.index(i), ours.index(j), f"{known[i]},{known[j]}->{result}"))
            new = len(known)
            known[new] = result
            ours = [k for k in ours if k not in (i, j)] + [new]
            chosen = [k for k in chosen if k not in (i, j)] + [new]
        left += chosen
    if len(left) > 1:
        raise ValueError(f"einsum: the path {path} leaves {len(left)} operands that are not contracted")
    return tuple(pairs)


def _explicit(subscripts: str, shapes: tuple[tuple[int, ...], ...], strict: bool) -> tuple[list[str], str]:
    """The terms and the output with the ellipsis spelled out, and the output worked out where it is implied."""
    text = subscripts.replace(" ", "")
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    for term in (*terms, output):
        wrong = term.replace("...", "", 1).translate(_NOTHING)
        if wrong:
            raise ValueError(
                f"einsum: {wrong[0]!r} in {subscripts!r} is no letter, and not part of one ellipsis a term"
            )
    if len(terms) != len(shapes):
        raise ValueError(f"einsum: {subscripts!r} has {len(terms)} terms, but {len(shapes)} arrays were given")
    counts = []  # how many axes the ellipsis of each term stands for
    for term, shape in zip(terms, shapes, strict=True):
        given = len(term.replace("...", ""))
        if given > len(shape) or ("..." not in term and given != len(shape)):
            raise ValueError(f"einsum: the term {term!r} has {given} indices, its array the shape {shape}")
        counts.append(len(shape) - given)
    spare = [c for c in LABELS if c not in text]
    if max(counts) > len(spare):
        raise ValueError(f"einsum: {subscripts!r} needs {max(counts)} indices more than there are letters")
    dots = "".join(spare[: max(counts)])
    full = [t.replace("...", dots[len(dots) - n :]) for t, n in zip(terms, counts, strict=True)]
    if not arrow:
        letters = "".join(terms).replace("...", "")
        output = "..." + "".join(sorted([c for c in set(letters) if letters.count(c) == 1]))
    elif dots and strict and "..." not in output:
        raise ValueError(
            f"einsum: the output of {subscripts!r} has no '...' for the {len(dots)} axes that it stands for; write it, "
            "or give optimize=True to sum over them"
        )
    output = output.replace("...", dots)
    unknown = [c for c in output if c not in "".join(full)]
    if unknown or len(set(output)) != len(output):
        raise ValueError(f"einsum: the output of {subscripts!r} must name indices of the inputs, each once")
    return full, output


_NOTHING = str.maketrans("", "", string.ascii_letters)


def _without_repeats(term: str, shape: tuple[int, ...], k: int) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The term with each index once, and the pairs of axes to be cut to their diagonals before."""
    pairs, lengths = [], list(shape)
    for c in dict.fromkeys(term):
        while term.count(c) > 1:
            i = term.index(c)
            j = term.index(c, i + 1)
            if lengths[i] != lengths[j]:
                raise ValueError(
                    f"einsum: the index {c!r} stands for {lengths[i]} and {lengths[j]} in operand {k} {shape}"
                )
            pairs.append((i, j))
            term = term[:i] + term[i + 1 : j] + term[j + 1 :] + c
            lengths = [n for m, n in enumerate(lengths) if m not in (i, j)] + [lengths[i]]
    return term, tuple(pairs)
