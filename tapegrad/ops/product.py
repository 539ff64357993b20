"""Products of matrices and tensors: matmul, dot and its kin, tensordot, einsum, trace."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..kernels import products
from ..registry import ARRAY, numpy_name, op, operand
from ..samples import real
from .elementwise import H, conjugate, multiply
from .index import diagonal, getitem
from .reduce import sum_op
from .structure import broadcast_to_op, deliver, expand_dims, moveaxis, reshape_op, squeeze, sum_to, transpose_op


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
    return matmul_op(conjugate(reshape_op(a, shape=(a.size,))), reshape_op(b, shape=(b.size,)))


@numpy_name(np.vecdot, np.linalg.vecdot)
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The sum of conj(x1) * x2 along an axis."""
    x1, x2 = operand(x1, "vecdot"), operand(x2, "vecdot")
    if axis != -1:
        x1, x2 = moveaxis(x1, axis, -1), moveaxis(x2, axis, -1)
    if x1.shape[-1] != x2.shape[-1]:
        raise ValueError(f"vecdot: the last axes differ in length (x1 {x1.shape}, x2 {x2.shape})")
    product = multiply(conjugate(x1) if x1.dtype.kind == "c" else x1, x2)
    return sum_op(product, axis=(product.ndim - 1,))


@numpy_name("matvec")
def matvec(x1: Any, x2: Any, /) -> Any:
    """Matrices x1 (..., n, k) by vectors x2 (..., k) -> (..., n), the leading axes broadcast."""
    x1, x2 = operand(x1, "matvec"), operand(x2, "matvec")
    if x1.ndim < 2 or not x2.ndim or x1.shape[-1] != x2.shape[-1]:
        raise ValueError(f"matvec: x1 {x1.shape} must be (..., n, k) and x2 {x2.shape} (..., k)")
    return squeeze(matmul_op(x1, expand_dims(x2, -1)), -1)


@numpy_name("vecmat")
def vecmat(x1: Any, x2: Any, /) -> Any:
    """The conjugates of vectors x1 (..., k) by matrices x2 (..., k, m) -> (..., m), the leading axes broadcast."""
    x1, x2 = operand(x1, "vecmat"), operand(x2, "vecmat")
    if x2.ndim < 2 or not x1.ndim or x1.shape[-1] != x2.shape[-2]:
        raise ValueError(f"vecmat: x1 {x1.shape} must be (..., k) and x2 {x2.shape} (..., k, m)")
    return squeeze(matmul_op(expand_dims(H(x1), -2), x2), -2)


@numpy_name(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """a[i] * b[j] of the flat arrays."""
    a, b = operand(a, "outer"), operand(b, "outer")
    return deliver(multiply(reshape_op(a, shape=(a.size, 1)), reshape_op(b, shape=(1, b.size))), out, "outer")


@numpy_name(np.tensordot, np.linalg.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sum of products over pairs of axes: the last of a with the first of b, or those named."""
    a, b = operand(a, "tensordot"), operand(b, "tensordot")
    if np.ndim(axes) == 0:
        left, right = tuple(range(a.ndim - int(axes), a.ndim)), tuple(range(int(axes)))
    else:
        one, two = axes
        left = normalize_axis_tuple(one, a.ndim, "axes")
        right = normalize_axis_tuple(two, b.ndim, "axes")
    if len(left) != len(right) or any(a.shape[i] != b.shape[j] for i, j in zip(left, right, strict=True)):
        raise ValueError(f"tensordot: axes {left} of a {a.shape} do not match axes {right} of b {b.shape}")
    rest_a = tuple(i for i in range(a.ndim) if i not in left)
    rest_b = tuple(i for i in range(b.ndim) if i not in right)
    shape_a, shape_b = tuple(a.shape[i] for i in rest_a), tuple(b.shape[i] for i in rest_b)
    k = int(np.prod([a.shape[i] for i in left]))
    rows, columns = int(np.prod(shape_a)), int(np.prod(shape_b))
    x = reshape_op(transpose_op(a, axes=rest_a + left), shape=(rows, k))
    y = reshape_op(transpose_op(b, axes=right + rest_b), shape=(k, columns))
    return reshape_op(matmul_op(x, y), shape=shape_a + shape_b)


@numpy_name(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    """The sum of a diagonal in the plane of two axes."""
    d = diagonal(a, offset, axis1, axis2)
    d = d if dtype is None else d.astype(dtype)
    return deliver(sum_op(d, axis=(d.ndim - 1,)), out, "trace")


@numpy_name(np.kron)
def kron(a: Any, b: Any) -> Any:
    """Each element of a times all of b, laid out in blocks."""
    a, b = operand(a, "kron"), operand(b, "kron")
    ndim = max(a.ndim, b.ndim)
    s, t = (1,) * (ndim - a.ndim) + a.shape, (1,) * (ndim - b.ndim) + b.shape
    x = reshape_op(a, shape=tuple(n for m in s for n in (m, 1)))
    y = reshape_op(b, shape=tuple(n for m in t for n in (1, m)))
    return reshape_op(multiply(x, y), shape=tuple(m * n for m, n in zip(s, t, strict=True)))


@numpy_name(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The vector product along an axis of length 3."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ValueError(f"cross: the vectors must have length 3 (a {a.shape}, b {b.shape})")
    up, down = np.array([1, 2, 0]), np.array([2, 0, 1])
    on = (Ellipsis, ARRAY)
    out = getitem(a, up, index=on) * getitem(b, down, index=on) - getitem(a, down, index=on) * getitem(b, up, index=on)
    return moveaxis(out, -1, axisc)


# -- einsum --------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _path(subscripts: str, shapes: tuple[tuple[int, ...], ...]) -> Any:
    return np.einsum_path(subscripts, *[np.broadcast_to(0.0, s) for s in shapes], optimize="greedy")[0]


@op("multilinear")
def einsum_op(*xs, subscripts):
    """Sums of products by subscripts, explicit and without repeats inside one operand: "ij,jk->ik"."""
    if len(xs) == 1:
        return np.array(np.einsum(subscripts, xs[0]))
    path = _path(subscripts, tuple([x.shape for x in xs]))
    with products.on_threads_of_blas():
        return np.einsum(subscripts, *xs, optimize=path)


def _einsum_rule(g: Any, position: int, other_xs: tuple[Any, ...], xs_shape: Any, subscripts: str) -> Any:
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    mine, shape = terms[position], xs_shape[position]
    others = [(t, H(x)) for k, (t, x) in enumerate(zip(terms, other_xs, strict=True)) if k != position]
    known = set(output).union(*[t for t, _ in others])
    found = "".join(c for c in mine if c in known)
    rule = ",".join([output, *[t for t, _ in others]]) + "->" + found
    out = einsum_op(g, *[x for _, x in others], subscripts=rule)
    if found != mine:  # what only this operand had was summed away: its gradient is the same all along
        out = reshape_op(out, shape=tuple([out.shape[found.index(c)] if c in known else 1 for c in mine]))
    full = tuple([n if c not in known else m for c, n, m in zip(mine, shape, out.shape, strict=True)])
    if out.shape != full:
        out = broadcast_to_op(out, shape=full)
    return out if out.shape == shape else sum_to(out, shape=shape)


einsum_op.vjp(xs=_einsum_rule)
einsum_op.sample(real(2, 3), real(3, 4), subscripts="ij,jk->ik").sample(real(2, 3), subscripts="ij->j")
einsum_op.sample(real(2, 3), real(3), real(3, 2), subscripts="ij,j,jk->k").sample(real(), real(2), subscripts=",i->i")
einsum_op.sample(real(1, 3), real(2, 3), subscripts="ij,ij->i")


@numpy_name(np.einsum)
def einsum(
    *operands: Any, out: Any = None, optimize: Any = True, dtype: Any = None, order: str = "K", casting: str = "safe"
) -> Any:
    """Sums of products by subscripts, as numpy.einsum: repeated indices, an ellipsis, the list form too."""
    if operands and not isinstance(operands[0], str):
        operands = _from_lists(operands)
    if not operands:
        raise ValueError("einsum: give the subscripts and the arrays")
    subscripts, arrays = operands[0].replace(" ", ""), [operand(x, "einsum") for x in operands[1:]]
    if dtype is not None:
        if not all(np.can_cast(x.dtype, dtype, casting) for x in arrays):  # type: ignore[arg-type]
            raise TypeError(f"einsum: cannot cast to {np.dtype(dtype)} by the rule {casting!r}")
        arrays = [x.astype(dtype) for x in arrays]
    terms, output = _explicit(subscripts, [x.shape for x in arrays])
    for k, (term, x) in enumerate(zip(terms, arrays, strict=True)):
        terms[k], arrays[k] = _without_repeats(term, x)
    return deliver(einsum_op(*arrays, subscripts=",".join(terms) + "->" + output), out, "einsum")


def _from_lists(operands: Sequence[Any]) -> tuple[Any, ...]:
    """einsum(a, [0, 1], b, [1, 2], [0, 2]) -> ("ab,bc->ac", a, b)."""
    letter = lambda i: "..." if i is Ellipsis else string.ascii_letters[int(i)]
    paired = len(operands) // 2 * 2
    terms = ["".join(map(letter, s)) for s in operands[1:paired:2]]
    text = ",".join(terms)
    if len(operands) % 2:
        text += "->" + "".join(map(letter, operands[-1]))
    return (text, *operands[:paired:2])


def _explicit(subscripts: str, shapes: list[tuple[int, ...]]) -> tuple[list[str], str]:
    """The terms and the output with the ellipsis spelled out, and the output worked out where it is implied."""
    inputs, arrow, output = subscripts.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(shapes):
        raise ValueError(f"einsum: {subscripts!r} has {len(terms)} terms, but {len(shapes)} arrays were given")
    spare = [c for c in string.ascii_letters if c not in subscripts]
    longest = 0
    for term, shape in zip(terms, shapes, strict=True):
        given = len(term.replace("...", ""))
        if given > len(shape) or ("..." not in term and given != len(shape)):
            raise ValueError(f"einsum: the term {term!r} has {given} indices, its array the shape {shape}")
        if "..." in term:
            longest = max(longest, len(shape) - given)
    dots = "".join(spare[:longest])
    full = []
    for term, shape in zip(terms, shapes, strict=True):
        n = len(shape) - len(term.replace("...", ""))
        full.append(term.replace("...", dots[longest - n :] if n else ""))
    if arrow:
        output = output.replace("...", dots)
    else:
        letters = "".join(t.replace("...", "") for t in terms)
        output = dots + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    unknown = set(output) - set("".join(full))
    if unknown or len(set(output)) != len(output):
        raise ValueError(f"einsum: the output {output!r} of {subscripts!r} must name indices of the inputs, each once")
    return full, output


def _without_repeats(term: str, x: Any) -> tuple[str, Any]:
    """An operand with an index twice is first cut to its diagonal."""
    for c in dict.fromkeys(term):
        while term.count(c) > 1:
            i = term.index(c)
            j = term.index(c, i + 1)
            if x.shape[i] != x.shape[j]:
                raise ValueError(f"einsum: index {c!r} stands for lengths {x.shape[i]} and {x.shape[j]} of one array")
            x = diagonal(x, 0, i, j)
            term = term[:i] + term[i + 1 : j] + term[j + 1 :] + c
    return term, x
