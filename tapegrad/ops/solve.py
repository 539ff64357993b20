"""Linear systems, inverses and determinants, and what is made of products of them."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from ..kernels import products
from ..registry import Recorded, numpy_name, op, operand
from ..samples import real
from .discrete import valued
from .elementwise import H, divide, imag_op, multiply, negative, subtract, where_op
from .index import diagonal as diagonal_of
from .product import cross, matmul, matmul_op
from .reduce import sum_op
from .structure import (
    cast,
    deliver,
    expand_dims,
    moveaxis,
    reshape_op,
    squeeze,
    sum_to,
    transpose_op,
)

LinAlgError = np.linalg.LinAlgError
LARGE = 64  # rows from which LAPACK is worth more than one thread


def raw(x: Any) -> Any:
    """The plain array."""
    return x._data if isinstance(x, Recorded) else x


def adjoint(x: Any) -> Any:
    """The conjugate transpose of the last two axes."""
    if type(x) is np.ndarray:
        turned = x.swapaxes(-1, -2)
        return turned.conj() if x.dtype.kind == "c" else turned
    return H(transpose_op(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)))


def turned(x: Any) -> Any:
    """The last two axes exchanged."""
    return transpose_op(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def on_lapack(f: Any, *args: Any, **kwargs: Any) -> Any:
    """f of arrays, with BLAS on as many threads as suits the pool where the matrices are large."""
    if args[0].shape[-1] < LARGE:
        return f(*args, **kwargs)
    with products.on_threads_of_blas():
        return f(*args, **kwargs)


def matrices(a: Any, name: str) -> Any:
    """An operand as a stack of matrices of floats, or numpy.linalg's error."""
    a = operand(a, name)
    if a.ndim < 2:
        raise LinAlgError(f"{name}: needs matrices, an array of at least 2 axes, got shape {a.shape}")
    if a.dtype == np.float16:
        raise TypeError(f"{name}: LAPACK has no float16; use float32")
    return cast(a, dtype=np.dtype(np.float64)) if a.dtype.kind in "iub" else a


def squares(a: Any, name: str) -> Any:
    """The same for square matrices."""
    a = matrices(a, name)
    if a.shape[-1] != a.shape[-2]:
        raise LinAlgError(f"{name}: the last two axes must be of one length, got shape {a.shape}")
    return a


def _well_conditioned(*shape: int) -> Any:
    return np.cos(2.1 * np.arange(np.prod(shape)) ** 1.5).reshape(shape) + 2 * np.eye(shape[-1])


SQUARE, STACK = _well_conditioned(3, 3), _well_conditioned(2, 1, 3, 3)

# -- inverses and systems ------------------------------------------------------------------------------------


@op()
def inv_op(a):
    """The inverses of square matrices (..., n, n)."""
    return on_lapack(np.linalg.inv, a)


inv_op.vjp(a=lambda g, out: negative(matmul_op(matmul_op(adjoint(out), g), adjoint(out))))
inv_op.jvp(lambda tangents, out: negative(matmul_op(matmul_op(out, tangents[0]), out)))


@op()
def solve_op(a, b):
    """The x with a @ x = b: matrices a (..., n, n) and b (..., n, k) -> (..., n, k), the leading axes broadcast."""
    if b.ndim == 1:
        raise LinAlgError(f"solve: b must be a matrix here, got shape {b.shape}")
    if a.ndim == 2 and b.ndim > 2:  # one factorisation for all right sides
        n, k = a.shape[-1], b.shape[-1]
        columns = np.moveaxis(b, -2, 0).reshape(n, -1)
        return np.moveaxis(on_lapack(np.linalg.solve, a, columns).reshape(n, *b.shape[:-2], k), 0, -2)
    return on_lapack(np.linalg.solve, a, b)


def _solve_b(g: Any, a: Any, b_shape: tuple[int, ...]) -> Any:
    out = solve_op(adjoint(a), g)
    return out if out.shape == b_shape else sum_to(out, shape=b_shape)


def _solve_a(g: Any, a: Any, out: Any) -> Any:
    return _outer(solve_op(adjoint(a), g), out, a.shape)


def _outer(gb: Any, out: Any, shape: tuple[int, ...]) -> Any:
    """-gb @ out^H, summed to the shape of a."""
    both = negative(matmul_op(gb, adjoint(out)))
    return both if both.shape == shape else sum_to(both, shape=shape)


def _solve_both(g: Any, a: Any, out: Any, b_shape: tuple[int, ...]) -> Any:
    gb = solve_op(adjoint(a), g)
    return _outer(gb, out, a.shape), gb if gb.shape == b_shape else sum_to(gb, shape=b_shape)


def _solve_ahead(tangents: Any, a: Any, out: Any) -> Any:
    da, db = tangents
    if da is None:
        return solve_op(a, db)
    moved = negative(matmul_op(da, out))
    return solve_op(a, moved if db is None else subtract(db, matmul_op(da, out)))


solve_op.vjp(a=_solve_a, b=_solve_b).vjp_together(_solve_both)
solve_op.jvp(_solve_ahead)
for _a, _b in ((SQUARE, real(3, 2)), (STACK, real(4, 3, 2)), (SQUARE, real(2, 3, 1))):
    solve_op.sample(_a, _b)
inv_op.sample(SQUARE).sample(STACK).sample(np.zeros((0, 2, 2)))


@numpy_name(np.linalg.inv)
def inv(a: Any) -> Any:
    """The inverse of square matrices (..., n, n). Raises LinAlgError if one is singular."""
    return inv_op(squares(a, "inv"))


@numpy_name(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    """The x with a @ x = b, for a (..., n, n) and b (n,) or (..., n, k). Raises LinAlgError if an a is singular."""
    a, b = squares(a, "solve"), operand(b, "solve")
    n = a.shape[-1]
    vector = b.ndim == 1
    if not b.ndim or b.shape[0 if vector else -2] != n:
        raise ValueError(f"solve: a {a.shape} has {n} rows, and b {b.shape} as many numbers to be must have them")
    y = solve_op(a, expand_dims(b, -1) if vector else b)
    return squeeze(y, -1) if vector else y


# -- determinants --------------------------------------------------------------------------------------------


@op()
def det_op(a):
    """The determinants of square matrices (..., n, n) -> (...); of a singular one the gradient is the cofactors."""
    return np.asarray(on_lapack(np.linalg.det, a))


@op()
def cofactor(a):
    """The cofactors of square matrices (..., n, n): the derivatives of the determinant, singular matrices included."""
    x = _trusted_inverse(a)
    if x is not None:
        det = np.asarray(on_lapack(np.linalg.det, a))[..., None, None]
        return (det * x.swapaxes(-1, -2)).astype(a.dtype, copy=False)
    u, s, vh = on_lapack(np.linalg.svd, a)
    sign = (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    return (sign * (u.conj() * _others(s)[..., None, :]) @ vh.conj()).astype(a.dtype, copy=False)


def _trusted_inverse(a: Any) -> Any:
    """The inverses, if all matrices are far enough from singular for them to be trusted; else None."""
    try:
        x = on_lapack(np.linalg.inv, a)
    except LinAlgError:
        return None
    with np.errstate(all="ignore"):
        condition = abs(a).sum(-2).max(-1, initial=0.0) * abs(x).sum(-2).max(-1, initial=0.0)
    return None if (condition * np.finfo(a.dtype).eps ** 0.5 >= 1).any() else x  # nan in, nan out


def _others(s: Any) -> Any:
    """The product of all but one of the values along the last axis."""
    n = s.shape[-1]
    ahead = np.concatenate([np.ones_like(s[..., :1]), np.cumprod(s, -1)[..., :-1]], -1)
    behind = np.concatenate([np.cumprod(s[..., ::-1], -1)[..., ::-1][..., 1:], np.ones_like(s[..., :1])], -1)
    return ahead * behind if n else s


def _cofactor_rule(g: Any, a: Any) -> Any:
    """The second derivatives of the determinant, applied to g."""
    if _trusted_inverse(raw(a)) is not None:
        x, det, c = inv_op(a), det_op(a), cofactor(a)
        inner = sum_op(multiply(g, H(turned(x))), axis=(a.ndim - 2, a.ndim - 1), keepdims=True)
        det = H(expand_dims(det, (-2, -1)))
        return subtract(multiply(inner, H(c)), multiply(det, matmul_op(matmul_op(adjoint(x), turned(g)), adjoint(x))))
    if isinstance(a, Recorded) or isinstance(g, Recorded):
        return H(_second_minors(H(g), a))
    return np.conj(_second_minors_by_svd(np.conj(g), a))


def _second_minors_by_svd(g: Any, a: Any) -> Any:
    """How the cofactors of a move along g. For a = u s vh, those of s + b with b = u^H g v are minors of s."""
    u, s, vh = np.linalg.svd(a)
    n = s.shape[-1]
    b = u.conj().swapaxes(-1, -2) @ g @ vh.conj().swapaxes(-1, -2)
    without = np.zeros((*s.shape, n), s.dtype)  # the product of all values but two
    for i in range(n):
        for j in range(i):
            rest = [k for k in range(n) if k not in (i, j)]
            without[..., i, j] = without[..., j, i] = s[..., rest].prod(-1)
    c = -without * b.swapaxes(-1, -2)
    on = np.arange(n)
    c[..., on, on] = (without @ b[..., on, on, None])[..., 0]
    sign = (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    return (sign * u.conj() @ c @ vh.conj()).astype(g.dtype, copy=False)


def _second_minors(g: Any, a: Any) -> Any:
    """The same by the recursion of Faddeev and LeVerrier: products and sums alone, so that any derivative exists.

    With m = c I + a m', adj(a) = (-1)^(n - 1) m after n steps; here together with how it moves along g.
    """
    n = a.shape[-1]
    eye = np.eye(n, dtype=a.dtype)
    m, dm = eye, np.zeros((n, n), a.dtype)
    trace: Any = lambda x: expand_dims(sum_op(diagonal_of(x, 0, -2, -1), axis=(x.ndim - 2,)), (-2, -1))
    for k in range(1, n):
        am, dam = matmul_op(a, m), matmul_op(g, m) + matmul_op(a, dm)
        m = am - multiply(divide(trace(am), float(k)), eye)
        dm = dam - multiply(divide(trace(dam), float(k)), eye)
    sign = 1.0 if n % 2 else -1.0
    return turned(multiply(dm if dm.ndim == a.ndim else multiply(a, 0.0) + dm, sign))


det_op.vjp(a=lambda g, a: multiply(expand_dims(g, (-2, -1)), H(cofactor(a))))
cofactor.vjp(a=_cofactor_rule)
RANK_2 = np.array([[1.0, 2.0, 3.0], [2.0, -1.0, 1.0], [3.0, 1.0, 4.0]])
RANK_1 = np.array([[1.0, 2.0, -1.0], [2.0, 4.0, -2.0], [3.0, 6.0, -3.0]])
for _det in (det_op, cofactor):
    _det.sample(SQUARE).sample(STACK).sample(RANK_2).sample(RANK_1).sample(np.zeros((2, 2))).sample(np.ones((1, 1)))
    _det.sample(np.zeros((2, 0, 0)))


@op(outputs=("sign", "logabsdet"))
def slogdet_op(a):
    """The sign and the logarithm of the size of the determinants of square matrices (..., n, n) -> (...), (...)."""
    sign, size = on_lapack(np.linalg.slogdet, a)
    return np.asarray(sign), np.asarray(size)


def _slogdet_rule(g: Any, a: Any, sign: Any) -> Any:
    gs, gl = g
    if sign.dtype.kind == "c":
        gl = gl - multiply(1j, imag_op(multiply(H(gs), sign)))
    singular = raw(sign) == 0
    if singular.any():
        if np.any(raw(gl)[singular]):
            raise LinAlgError(
                f"slogdet: a matrix (shape {a.shape[-2:]}) is singular, where the logarithm of its determinant has no "
                "derivative; det has one, the cofactors"
            )
        a = where_op(singular[..., None, None], np.eye(a.shape[-1], dtype=a.dtype), a)
    return multiply(expand_dims(gl, (-2, -1)), adjoint(inv_op(a)))


slogdet_op.vjp(a=_slogdet_rule).sample(SQUARE).sample(STACK)


class SlogdetResult(NamedTuple):
    """What slogdet gives."""

    sign: Any
    logabsdet: Any


@numpy_name(np.linalg.det)
def det(a: Any) -> Any:
    """The determinant of square matrices (..., n, n) -> (...). Singular ones have their cofactors as gradient."""
    return det_op(squares(a, "det"))


@numpy_name(np.linalg.slogdet)
def slogdet(a: Any) -> SlogdetResult:
    """The sign and the logarithm of the size of the determinant of square matrices (..., n, n) -> (...), (...)."""
    return SlogdetResult(*slogdet_op(squares(a, "slogdet")))


# -- the pseudo-inverse --------------------------------------------------------------------------------------


@op()
def pinv_op(a, rcond, *, hermitian=False):
    """The pseudo-inverses of matrices (..., m, n) -> (..., n, m); values up to rcond times the largest count as 0."""
    return on_lapack(np.linalg.pinv, a, rcond, hermitian)


def _pinv_rule(g: Any, a: Any, out: Any) -> Any:
    """The derivative at constant rank. Source: Golub and Pereyra (1973), equation 4.12."""
    p, gh = adjoint(out), adjoint(g)
    m, n = a.shape[-2:]
    y = negative(matmul_op(matmul_op(p, g), p))
    rows = matmul_op(matmul_op(gh, out), p)  # (..., m, m)
    columns = matmul_op(matmul_op(p, out), gh)
    if m != n or _deficient(raw(a), raw(out)):
        y = y + rows - matmul_op(a, matmul_op(out, rows)) + columns - matmul_op(matmul_op(columns, out), a)
    return y


def _deficient(a: Any, p: Any) -> bool:
    return bool(a.size) and bool((abs(np.trace(a @ p, axis1=-2, axis2=-1) - a.shape[-1]) > 0.5).any())


pinv_op.vjp(a=_pinv_rule)
pinv_op.sample(SQUARE, 1e-15).sample(real(2, 3), 1e-15).sample(real(2, 3, 2), 1e-15)


@numpy_name(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Any:
    """The pseudo-inverse of matrices (..., m, n) -> (..., n, m), differentiated at constant rank."""
    a = matrices(a, "pinv")
    if rtol is not np._NoValue and rcond is not None:
        raise ValueError("pinv: give rtol or rcond, they mean the same")
    if rtol is not np._NoValue:
        rcond = max(a.shape[-2:]) * float(np.finfo(a.dtype).eps) if rtol is None else rtol
    elif rcond is None:
        rcond = 1e-15
    if hermitian and a.shape[-1] != a.shape[-2]:
        raise LinAlgError(f"pinv: hermitian matrices are square, got shape {a.shape}")
    return pinv_op(a, np.asarray(raw(operand(rcond, "pinv"))), hermitian=bool(hermitian))


# -- made of products ----------------------------------------------------------------------------------------


@numpy_name(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    """The n-th power of square matrices (..., m, m); of their inverse if n is negative."""
    a = operand(a, "matrix_power")
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise LinAlgError(f"matrix_power: needs square matrices, got shape {a.shape}")
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError(f"matrix_power: the exponent must be an integer, got {n!r}") from None
    if n == 0:
        return multiply(a, np.zeros((), a.dtype)) + np.eye(a.shape[-1], dtype=a.dtype)
    if n < 0:
        a, n = inv(a), -n
    result = None
    while n:
        if n & 1:
            result = a if result is None else matmul(result, a)
        n >>= 1
        if n:
            a = matmul(a, a)
    return result if result is not a or n else a


@numpy_name(np.linalg.multi_dot)
def multi_dot(arrays: Any, *, out: Any = None) -> Any:
    """The product of several matrices in the order that costs least; the first and last may be vectors."""
    xs = [operand(a, "multi_dot") for a in arrays]
    if len(xs) < 2:
        raise ValueError(f"multi_dot: needs at least two arrays, got {len(xs)}")
    first, last = xs[0].ndim == 1, xs[-1].ndim == 1
    xs[0] = expand_dims(xs[0], 0) if first else xs[0]
    xs[-1] = expand_dims(xs[-1], -1) if last else xs[-1]
    if any(x.ndim != 2 for x in xs):
        raise LinAlgError(f"multi_dot: needs matrices, got shapes {', '.join(str(x.shape) for x in xs)}")
    for x, y in zip(xs, xs[1:]):
        if x.shape[1] != y.shape[0]:
            raise ValueError(f"multi_dot: {x.shape} does not fit {y.shape}: the inner lengths differ")
    y = _chain(xs, _cheapest([x.shape[0] for x in xs] + [xs[-1].shape[1]]), 0, len(xs) - 1)
    y = squeeze(y, -1) if last else y
    return deliver(squeeze(y, 0) if first else y, out, "multi_dot")


def _cheapest(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to cut each stretch of a chain of matrices so that it takes fewest multiplications."""
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    cut: dict[tuple[int, int], int] = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            costs = [cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)]
            cost[i, j] = min(costs)
            cut[i, j] = i + costs.index(cost[i, j])
    return cut


def _chain(xs: list[Any], cut: dict[tuple[int, int], int], i: int, j: int) -> Any:
    if i == j:
        return xs[i]
    k = cut[i, j]
    return matmul_op(_chain(xs, cut, i, k), _chain(xs, cut, k + 1, j))


@numpy_name(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """The x with tensordot(a, x, x.ndim) = b; `axes` of a are first moved to its end."""
    a, b = operand(a, "tensorsolve"), operand(b, "tensorsolve")
    if axes is not None:
        a = moveaxis(a, tuple(axes), tuple(range(-len(tuple(axes)), 0)))
    shape = a.shape[b.ndim :]
    n = int(np.prod(shape))
    if a.size != n * n or b.size != n:
        raise LinAlgError(f"tensorsolve: a {a.shape} and b {b.shape} are no system of as many equations as unknowns")
    return reshape_op(solve(reshape_op(a, shape=(n, n)), reshape_op(b, shape=(n,))), shape=shape)


@numpy_name(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse of the map that tensordot(a, ., ind) undoes."""
    a = operand(a, "tensorinv")
    if ind <= 0:
        raise ValueError(f"tensorinv: ind must be positive, got {ind}")
    rows, columns = a.shape[:ind], a.shape[ind:]
    n = int(np.prod(columns))
    if a.size != n * n:
        raise LinAlgError(f"tensorinv: the axes {rows} and {columns} of a {a.shape} do not have as many elements")
    return reshape_op(inv(reshape_op(a, shape=(n, n))), shape=columns + rows)


matrix_rank = valued(np.linalg.matrix_rank, "The rank of matrices.", "a rank is an integer")


@numpy_name(np.linalg.cross)
def linalg_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The vector product along an axis of length 3."""
    x1, x2 = operand(x1, "cross"), operand(x2, "cross")
    if x1.shape[axis] != 3 or x2.shape[axis] != 3:
        raise ValueError(f"cross: both arrays must have 3 elements along axis {axis} (x1 {x1.shape}, x2 {x2.shape})")
    return cross(x1, x2, axis=axis)


@numpy_name(np.linalg.outer)
def linalg_outer(x1: Any, x2: Any, /) -> Any:
    """x1[i] * x2[j] of two vectors."""
    x1, x2 = operand(x1, "outer"), operand(x2, "outer")
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(f"outer: both arrays must have one axis (x1 {x1.shape}, x2 {x2.shape})")
    return multiply(reshape_op(x1, shape=(x1.size, 1)), reshape_op(x2, shape=(1, x2.size)))


@numpy_name(np.linalg.diagonal)
def linalg_diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """The diagonals of matrices (..., m, n)."""
    return diagonal_of(x, offset, -2, -1)


@numpy_name(np.linalg.trace)
def linalg_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """The sums of the diagonals of matrices (..., m, n) -> (...)."""
    d = diagonal_of(x, offset, -2, -1)
    if dtype is not None:
        d = cast(d, dtype=np.dtype(dtype))
    elif d.dtype.kind in "iub":
        d = cast(d, dtype=np.dtype(np.uint64 if d.dtype.kind == "u" else np.int64))
    return sum_op(d, axis=(d.ndim - 1,))
