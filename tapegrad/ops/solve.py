"""Linear systems, inverses and determinants, and what is made of products of them."""

from __future__ import annotations

import operator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..kernels import minors, products
from ..registry import Recorded, numpy_name, op, operand, raw
from ..samples import real
from .discrete import valued
from .elementwise import H, add, imag_op, multiply, negative, subtract, where_op
from .index import diagonal, tril
from .product import cross, dot, matmul_op, outer
from .reduce import sum as total
from .reduce import sum_op
from .structure import (
    broadcast_to_op,
    canonical_axis,
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
    return floats(a, name)


def squares(a: Any, name: str) -> Any:
    """The same for square matrices."""
    a = operand(a, name)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        a = matrices(a, name)
        raise LinAlgError(f"{name}: the last two axes must be of one length, got shape {a.shape}")
    return floats(a, name)


def floats(a: Any, name: str) -> Any:
    """An operand in a dtype that LAPACK has; integers become doubles."""
    a = operand(a, name)
    if a.dtype.char in "fdFD":
        return a
    if a.dtype.kind in "fc":
        raise TypeError(f"{name}: LAPACK has no {a.dtype}; cast to float32, float64, complex64 or complex128")
    return cast(a, dtype=np.dtype(np.float64))


def _hermitian(x: Any) -> Any:
    return multiply(add(x, adjoint(x)), 0.5)


def _well_conditioned(*shape: int) -> Any:
    return np.cos(2.1 * np.arange(np.prod(shape)) ** 1.5).reshape(shape) + 2 * np.eye(shape[-1])


SQUARE, STACK = _well_conditioned(3, 3), _well_conditioned(2, 1, 3, 3)

# -- inverses and systems ------------------------------------------------------------------------------------


def spread_out(*xs: Any) -> list[Any]:
    """Stacks of matrices with their leading axes broadcast."""
    lead = np.broadcast_shapes(*[x.shape[:-2] for x in xs])
    return [x if x.shape[:-2] == lead else broadcast_to_op(x, shape=(*lead, *x.shape[-2:])) for x in xs]


def one_dtype(*xs: Any) -> list[Any]:
    """The arrays, all in the dtype of their result."""
    dtype = np.result_type(*[x.dtype for x in xs])
    return [x if x.dtype == dtype else cast(x, dtype=dtype) for x in xs]


@op()
def inv_op(a, *, nan=False):
    """The inverses of square matrices (..., n, n); of a singular one nan, if that is asked for, else a LinAlgError."""
    return on_lapack(minors.inverse_or_nan if nan else np.linalg.inv, a)


inv_op.vjp(a=lambda g, out: negative(matmul_op(matmul_op(adjoint(out), g), adjoint(out))))
inv_op.jvp(lambda tangents, out: negative(matmul_op(matmul_op(out, tangents[0]), out)))
inv_op.sample(SQUARE).sample(STACK).sample(np.zeros((0, 2, 2))).sample(SQUARE, nan=True)


@op()
def solve_op(a, b):
    """The x with a @ x = b: a (..., n, n) by b (..., n, k) -> (..., n, k), leading axes broadcast; b may be (n,)."""
    if a.ndim == 2 and b.ndim > 2:  # one factorisation for all right sides
        n, k = b.shape[-2:]
        lead = b.shape[:-2]
        columns = np.moveaxis(b, -2, 0).reshape(n, b.size // n if n else 0)
        return np.ascontiguousarray(np.moveaxis(on_lapack(np.linalg.solve, a, columns).reshape(n, *lead, k), 0, -2))
    return on_lapack(np.linalg.solve, a, b)


def _by_columns(f: Any, a: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """f(a, x); where b, of that shape, is a vector for a stack of matrices, x holds a vector for each of them."""
    if len(shape) == 1 and x.ndim > 1:
        return squeeze(f(a, expand_dims(x, -1)), -1)
    return f(a, x)


def _to_b(gb: Any, shape: tuple[int, ...]) -> Any:
    return gb if gb.shape == shape else sum_to(gb, shape=shape)


def _to_a(gb: Any, out: Any, a_shape: tuple[int, ...], vector: bool) -> Any:
    """-gb @ out^H, summed to the shape of a."""
    if vector:
        both = negative(multiply(expand_dims(gb, -1), H(expand_dims(out, -2))))
    else:
        both = negative(matmul_op(gb, adjoint(out)))
    return both if both.shape == a_shape else sum_to(both, shape=a_shape)


def _back(g: Any, a: Any, b_shape: tuple[int, ...]) -> Any:
    return _by_columns(solve_op, adjoint(a), g, b_shape)


def _solve_both(g: Any, a: Any, out: Any, b_shape: tuple[int, ...]) -> Any:
    gb = _back(g, a, b_shape)
    return _to_a(gb, out, a.shape, len(b_shape) == 1), _to_b(gb, b_shape)


def _solve_ahead(tangents: Any, a: Any, out: Any) -> Any:
    da, db = tangents
    if da is None:
        return solve_op(a, db)
    b_shape = out.shape[-1:] if out.ndim < a.ndim else out.shape
    moved = _by_columns(matmul_op, da, out, b_shape)
    return _by_columns(solve_op, a, negative(moved) if db is None else subtract(db, moved), b_shape)


solve_op.vjp(
    a=lambda g, a, out, b_shape: _to_a(_back(g, a, b_shape), out, a.shape, len(b_shape) == 1),
    b=lambda g, a, b_shape: _to_b(_back(g, a, b_shape), b_shape),
)
solve_op.vjp_together(_solve_both).jvp(_solve_ahead)
for _a, _b in (
    (SQUARE, real(3, 2)), (STACK, real(4, 3, 2)), (SQUARE, real(2, 3, 1)), (SQUARE, real(3)), (STACK, real(3)),
    (np.zeros((0, 0)), real(2, 0, 3)), (STACK, real(3, 0)),
):  # fmt: skip
    solve_op.sample(_a, _b)


@numpy_name(np.linalg.inv)
def inv(a: Any) -> Any:
    """The inverse of square matrices (..., n, n). Raises LinAlgError if one is singular."""
    return inv_op(squares(a, "inv"))


@numpy_name(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    """The x with a @ x = b, for a (..., n, n) and b (n,) or (..., n, k). Raises LinAlgError if an a is singular."""
    a, b = squares(a, "solve"), floats(b, "solve")
    n = a.shape[-1]
    if not b.ndim or b.shape[0 if b.ndim == 1 else -2] != n:
        raise ValueError(
            f"solve: a has {n} rows, so b must be a vector ({n},) or matrices (..., {n}, k) (a {a.shape}, b {b.shape})"
        )
    if b.ndim > 1:
        _broadcast(a, b, "solve")
    return solve_op(a, b)


def _broadcast(a: Any, b: Any, name: str) -> None:
    """Raise unless the leading axes of two stacks of matrices broadcast."""
    try:
        np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ValueError(f"{name}: the leading axes do not broadcast (a {a.shape}, b {b.shape})") from None


@numpy_name(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """The x with tensordot(a, x, x.ndim) = b; `axes` of a are first moved to its end."""
    a, b = operand(a, "tensorsolve"), operand(b, "tensorsolve")
    if axes is not None:
        axes = tuple([operator.index(i) for i in axes])
        if any(not 0 <= i < a.ndim for i in axes) or len(set(axes)) < len(axes):
            raise ValueError(f"tensorsolve: axes {axes} are not different axes of a {a.shape}, counted from 0")
        a = moveaxis(a, axes, tuple(range(a.ndim - len(axes), a.ndim)))
    shape = a.shape[b.ndim - a.ndim :]
    n = int(np.prod(shape, dtype=np.intp))
    if a.size != n * n:
        raise LinAlgError(
            f"tensorsolve: the unknowns {shape} are {n}, so a must have {n * n} elements, not {a.size} "
            f"(a {a.shape}, b {b.shape})"
        )
    return reshape_op(solve(reshape_op(a, shape=(n, n)), reshape_op(b, shape=(b.size,))), shape=shape)


@numpy_name(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse of the map x -> tensordot(a, x, x.ndim), with the last axes of a after its first `ind` in front."""
    a = operand(a, "tensorinv")
    if ind <= 0:
        raise ValueError(f"tensorinv: ind must be positive, got {ind}")
    rows, columns = a.shape[:ind], a.shape[ind:]
    n = int(np.prod(columns, dtype=np.intp))
    if a.size != n * n:
        raise LinAlgError(f"tensorinv: the axes {rows} and {columns} of a {a.shape} do not have as many elements")
    return reshape_op(inv(reshape_op(a, shape=(n, n))), shape=columns + rows)


# -- determinants --------------------------------------------------------------------------------------------


@op()
def det_op(a):
    """The determinants of square matrices (..., n, n) -> (...); of a singular one the gradient is the cofactors."""
    return on_lapack(np.linalg.det, a)


@op()
def cofactors_op(a, det, *along):
    """The derivative of the cofactors of matrices a (..., n, n) along k directions of that shape, singular or not.

    None: the cofactors, which are the derivatives of the determinant. det: the determinants, no input of its own but
    a function of a; nan if not at hand. Each rule is this once more, with g as one more direction.
    """
    return on_lapack(minors.cofactors, a, along, det)


cofactors_op.vjp(
    a=lambda g, a, det, along: cofactors_op(H(a), H(det), *[H(b) for b in along], g),
    along=lambda g, a, det, along, position: cofactors_op(
        H(a), H(det), *[g if i == position else H(b) for i, b in enumerate(along)]
    ),
)
det_op.vjp(a=lambda g, a, out: multiply(expand_dims(g, (-2, -1)), H(cofactors_op(a, out))))
det_op.jvp(lambda tangents, a, out: sum_op(multiply(cofactors_op(a, out), tangents[0]), axis=(a.ndim - 2, a.ndim - 1)))
RANK_2 = np.array([[1.0, 2.0, 3.0], [2.0, -1.0, 1.0], [3.0, 1.0, 4.0]])
RANK_1 = np.array([[1.0, 2.0, -1.0], [2.0, 4.0, -2.0], [3.0, 6.0, -3.0]])
NAN = float("nan")
for _a in (SQUARE, STACK, RANK_2, RANK_1, np.stack([SQUARE, RANK_2]), np.zeros((2, 2)), np.ones((1, 1))):
    det_op.sample(_a)
    cofactors_op.sample(_a, NAN)
det_op.sample(np.zeros((2, 0, 0)))
cofactors_op.sample(np.zeros((2, 0, 0)), NAN).sample(RANK_1, NAN, real(3, 3)).sample(SQUARE, NAN, real(3, 3))
cofactors_op.sample(_well_conditioned(4, 4), NAN, real(4, 4), real(4, 4))


@op(outputs=("sign", "logabsdet"))
def slogdet_op(a):
    """The sign and the logarithm of the size of the determinants of square matrices (..., n, n) -> (...), (...)."""
    sign, size = on_lapack(np.linalg.slogdet, a)
    return sign, size


@op("linear")
def at_regular(g, singular):
    """g (..., n, n) itself; a LinAlgError if it is not 0 for a matrix that is singular."""
    if g[singular].any():
        raise LinAlgError(
            "slogdet: a matrix is singular, where the logarithm of its determinant has no derivative; det has one, the "
            "cofactors. In a stack, leave out what comes of such matrices: where(sign != 0, logabsdet, 0)"
        )
    return g.copy()


at_regular.vjp(g=lambda g, singular: at_regular(g, singular)).sample(real(2, 3, 3), np.zeros(2, bool))


def _slogdet_rule(g: Any, a: Any, sign: Any) -> Any:
    g_sign, g = g
    if sign.dtype.kind == "c":  # a change of the logarithm by t turns the sign by sign * i * imag(t)
        g = add(g, multiply(imag_op(multiply(H(sign), g_sign)), 1j))
    singular = raw(sign) == 0
    if singular.any():
        a = where_op(singular[..., None, None], np.eye(a.shape[-1], dtype=a.dtype), a)
    y = multiply(expand_dims(g, (-2, -1)), adjoint(inv_op(a)))
    return at_regular(y, singular) if singular.any() else y  # transposed, in forward mode, it gets the direction


slogdet_op.vjp(a=_slogdet_rule)
slogdet_op.sample(SQUARE).sample(STACK).sample(np.zeros((2, 0, 0)))


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
    """The sign and the logarithm of the size of the determinant of square matrices (..., n, n) -> (...), (...).

    The sign of a complex determinant is on the unit circle and has a gradient. At a singular matrix, sign 0 and
    logarithm -inf, a gradient that is asked for is a LinAlgError.
    """
    return SlogdetResult(*slogdet_op(squares(a, "slogdet")))


# -- the pseudo-inverse --------------------------------------------------------------------------------------


@op()
def stein(m, n, c):
    """The z with z - m z n = c, for Hermitian m (..., k, k) and n (..., l, l) and c (..., k, l).

    No product of an eigenvalue of m with one of n may be 1.
    """
    wm, um = np.linalg.eigh(m)
    wn, un = np.linalg.eigh(n)
    inner = um.conj().swapaxes(-1, -2) @ c @ un
    return um @ (inner / (1 - wm[..., :, None] * wn[..., None, :])) @ un.conj().swapaxes(-1, -2)


stein.vjp(
    c=lambda g, m, n: stein(m, n, g),
    m=lambda g, m, n, out: _hermitian(matmul_op(stein(m, n, g), matmul_op(n, adjoint(out)))),
    n=lambda g, m, n, out: _hermitian(matmul_op(matmul_op(adjoint(out), m), stein(m, n, g))),
)
stein.hermitian = ("m", "n")
stein.sample(0.1 * SQUARE, 0.1 * SQUARE[:2, :2], real(3, 2)).sample(0.1 * STACK, 0.2 * STACK, real(2, 1, 3, 3))


@op()
def pinv_op(a, rcond):
    """The pseudo-inverses of matrices (..., m, n) -> (..., n, m); values up to rcond times the largest count as 0."""
    return on_lapack(np.linalg.pinv, a, rcond)


@op()
def pinvh_op(a, rcond):
    """The pseudo-inverses of Hermitian matrices (..., n, n), of which the lower triangle is read."""
    return on_lapack(np.linalg.pinv, a, rcond, hermitian=True)


def pinv_rule(g: Any, a: Any, out: Any) -> Any:
    """The gradient in a of its pseudo-inverse `out`, at constant rank.

    With x = out, p = a x and q = x a, the projections on the columns and rows that count, x changes by

        -x da x + z + y,   z = x x^H da^H (1 - p),   y = (1 - q) da^H x^H x.

    Source: Golub and Pereyra (1973), equation 4.12. This is its adjoint. If r = a - a x a, the part of a that does not
    count, is not 0, then z = x x^H (da^H (1 - p) + x da r^H) + x x^H z r r^H, and y has r^H z^H x besides: what follows
    from x a and a x being Hermitian.
    """
    m, n = a.shape[-2:]
    xh, gh = adjoint(out), adjoint(g)
    y = negative(matmul_op(xh, matmul_op(g, xh)))
    rank = _ranks(raw(a), raw(out))
    if not a.size or (m == n and (rank == m).all()):
        return y
    wide = m < n
    if (rank == min(m, n)).all():
        dropped = None
    else:
        dropped = subtract(a, matmul_op(a, matmul_op(out, a)))
        if not isinstance(dropped, Recorded) and not _counts(dropped, out):
            dropped = None  # but where the rule is differentiated, what it is 0 times of counts
    z = g
    if dropped is not None:
        square_x, square_r = matmul_op(out, xh), matmul_op(dropped, adjoint(dropped))
        z = stein(square_x, square_r, add(g, matmul_op(matmul_op(out, gh), adjoint(dropped))))
        y = add(y, matmul_op(matmul_op(xh, matmul_op(out, xh)), matmul_op(z, dropped)))
    if (rank < m).any():
        zh = adjoint(z)
        if wide:
            k = matmul_op(zh, out)
            y = add(y, matmul_op(subtract(k, matmul_op(a, matmul_op(out, k))), xh))
        else:
            y = add(y, matmul_op(subtract(zh, matmul_op(a, matmul_op(out, zh))), matmul_op(out, xh)))
    if (rank < n).any():
        if wide:
            y = add(y, matmul_op(matmul_op(xh, out), subtract(gh, matmul_op(matmul_op(gh, out), a))))
        else:
            k = matmul_op(out, gh)
            y = add(y, matmul_op(xh, subtract(k, matmul_op(matmul_op(k, out), a))))
    return y


def _ranks(a: Any, x: Any) -> Any:
    """How many singular values count in the pseudo-inverse x: the trace of the projection a x."""
    return np.rint(np.einsum("...ij,...ji->...", a, x).real)


def _counts(dropped: Any, x: Any) -> bool:
    """Whether the values that were dropped are more than rounding, beside those that were not."""
    sizes = np.linalg.norm(dropped, axis=(-2, -1)) * np.linalg.norm(x, axis=(-2, -1))
    return bool((sizes > float(np.finfo(x.dtype).eps) ** 0.7).any())


def _mirrored(a: Any) -> Any:
    """The Hermitian matrix with the lower triangle of a."""
    return add(tril(a), adjoint(tril(a, -1)))


def _pinvh_rule(g: Any, a: Any, out: Any) -> Any:
    return _hermitian(pinv_rule(g, _mirrored(a), out))


pinv_op.vjp(a=pinv_rule)
pinvh_op.vjp(a=_pinvh_rule)
pinvh_op.hermitian = ("a",)
for _a in (SQUARE, real(2, 3), real(2, 3, 2), real(2, 0)):
    pinv_op.sample(_a, 1e-15)
pinv_op.sample(RANK_2, 0.3).sample(np.stack([SQUARE, RANK_2]), np.array([0.1, 0.5])).sample(RANK_2[:2], 0.5)
pinvh_op.sample(SQUARE, 1e-15).sample(np.diag([3.0, -2.0, 0.5]), 0.3)


@numpy_name(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Any:
    """The pseudo-inverse of matrices (..., m, n) -> (..., n, m); singular values up to rcond * largest count as 0.

    The derivative is that at constant rank: the set of values that count stays. rcond (or rtol) may be an array (...).
    """
    a = operand(a, "pinv")
    if a.ndim < 2:
        matrices(a, "pinv")
    if rtol is not np._NoValue and rcond is not None:
        raise ValueError("pinv: give rtol or rcond, they mean the same")
    if rtol is not np._NoValue:
        rcond = max(a.shape[-2:]) * float(np.finfo(a.dtype).eps) if rtol is None else rtol
    elif rcond is None:
        rcond = 1e-15
    a = squares(a, "pinv") if hermitian else matrices(a, "pinv")
    return (pinvh_op if hermitian else pinv_op)(a, raw(operand(rcond, "pinv")))


# -- made of products ----------------------------------------------------------------------------------------


@numpy_name(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    """The n-th power of square matrices (..., m, m); of their inverse if n is negative."""
    a = operand(a, "matrix_power")
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise LinAlgError(f"matrix_power: needs square matrices (..., m, m), got shape {a.shape}")
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError(f"matrix_power: the exponent must be an integer, got {n!r}") from None
    if n == 0:
        return where_op(False, a, np.eye(a.shape[-1], dtype=a.dtype))
    if n == 1:
        return cast(a, dtype=a.dtype)
    square = inv(a) if n < 0 else a
    result, n = None, abs(n)
    while True:
        n, odd = divmod(n, 2)
        if odd:
            result = square if result is None else matmul_op(result, square)
        if not n:
            return result
        square = matmul_op(square, square)


@numpy_name(np.linalg.multi_dot)
def multi_dot(arrays: Any, *, out: Any = None) -> Any:
    """The product of several matrices in the order that costs least; the first and last may be vectors."""
    xs = [operand(a, "multi_dot") for a in arrays]
    if len(xs) < 2:
        raise ValueError(f"multi_dot: needs at least two arrays, got {len(xs)}")
    if len(xs) == 2 and not {x.ndim for x in xs} <= {1, 2}:
        return dot(xs[0], xs[1], out)
    shapes = ", ".join([str(x.shape) for x in xs])
    first, last = xs[0].ndim == 1, xs[-1].ndim == 1
    xs[0] = expand_dims(xs[0], 0) if first else xs[0]
    xs[-1] = expand_dims(xs[-1], -1) if last else xs[-1]
    if any(x.ndim != 2 for x in xs):
        raise LinAlgError(f"multi_dot: needs matrices, and vectors only at the ends; the shapes are {shapes}")
    for x, y in zip(xs, xs[1:]):
        if x.shape[1] != y.shape[0]:
            raise ValueError(f"multi_dot: {x.shape[1]} columns meet {y.shape[0]} rows; the shapes are {shapes}")
    y = _chain(xs, _cheapest((*[x.shape[0] for x in xs], xs[-1].shape[1])), 0, len(xs) - 1)
    ends = (y.shape[:1] if not first else ()) + (y.shape[1:] if not last else ())
    return deliver(y if ends == y.shape else reshape_op(y, shape=ends), out, "multi_dot")


@lru_cache(maxsize=1024)
def _cheapest(sizes: tuple[int, ...]) -> dict[tuple[int, int], int]:
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


matrix_rank = valued(np.linalg.matrix_rank, "The rank of matrices.", "a rank is an integer")

# -- of numpy.linalg, with the arguments of the Array API ----------------------------------------------------


@numpy_name(np.linalg.cross)
def linalg_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The vector product along an axis of length 3."""
    x1, x2 = operand(x1, "cross"), operand(x2, "cross")
    if any(x.shape[canonical_axis(axis, x.ndim, "cross")] != 3 for x in (x1, x2)):
        raise ValueError(f"cross: both arrays must have 3 elements along axis {axis} (x1 {x1.shape}, x2 {x2.shape})")
    return cross(x1, x2, axis=axis)


@numpy_name(np.linalg.outer)
def linalg_outer(x1: Any, x2: Any, /) -> Any:
    """x1[i] * x2[j] of two vectors."""
    x1, x2 = operand(x1, "outer"), operand(x2, "outer")
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(f"outer: both arrays must have one axis (x1 {x1.shape}, x2 {x2.shape})")
    return outer(x1, x2)


@numpy_name(np.linalg.diagonal)
def linalg_diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """The diagonals of matrices (..., m, n), moved up by `offset`, as a last axis."""
    return diagonal(x, offset, -2, -1)


@numpy_name(np.linalg.trace)
def linalg_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """The sums of the diagonals, moved up by `offset`, of matrices (..., m, n) -> (...)."""
    return total(diagonal(x, offset, -2, -1), -1, dtype)
