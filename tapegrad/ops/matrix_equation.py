"""Equations with matrices, and what solves them, with SciPy: triangular systems, lu, cho_solve, Sylvester, Lyapunov.

SciPy is imported when one of them is first called.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..registry import Recorded, op, operand, raw, wrap
from ..samples import real
from .elementwise import H, add, multiply, negative, subtract, where_op
from .factor import SPREAD, cholesky_op
from .factor import SQUARE as GENERAL
from .index import take_along_op, tril, triu
from .product import kron, matmul_op
from .solve import LinAlgError, adjoint, inv_op, matrices, on_lapack, one_dtype, solve, spread_out, squares, turned
from .structure import broadcast_to_op, cast, concatenate_op, expand_dims, reshape_op, squeeze, transpose_op

SMALL = 32  # rows up to which NumPy's loops over stacks are faster than SciPy's, and single matrices not much slower


def scipy_linalg(name: str) -> Any:
    """scipy.linalg, for the function of that name."""
    try:
        import scipy.linalg
    except ImportError as error:
        raise ImportError(f"{name} needs SciPy, which is not installed: pip install 'tapegrad[scipy]'") from error
    return scipy.linalg


def for_each(f: Callable[..., Any], *stacks: Any) -> Any:
    """f of matrices, for each place of the leading axes, which are those of all stacks."""
    lead = stacks[0].shape[:-2]
    if not lead:
        return f(*stacks)
    if not math.prod(lead):
        return np.zeros((*lead, *stacks[-1].shape[-2:]), np.result_type(*stacks))
    found = [f(*[x[k] for x in stacks]) for k in np.ndindex(lead)]
    return np.stack(found).reshape(*lead, *found[0].shape)


def _finite(name: str, check: bool, *xs: Any) -> None:
    if check and not all(np.isfinite(raw(x)).all() for x in xs):
        raise ValueError(f"{name}: array must not contain infs or NaNs")


GENERALS = np.stack([GENERAL, SPREAD])
POSITIVE = GENERAL @ GENERAL.T + 0.3 * GENERAL + 2 * np.eye(3)
POSITIVES = np.stack([POSITIVE, SPREAD])

# -- Sylvester equations -------------------------------------------------------------------------------------


@op()
def solve_sylvester_op(a, b, q):
    """The x with a @ x + x @ b = q: matrices a (..., m, m), b (..., n, n), q (..., m, n) -> (..., m, n)."""
    return for_each(_sylvester, a, b, q)


def _sylvester(a: Any, b: Any, q: Any) -> Any:
    """By the Schur forms of a and b^H. Source: Bartels and Stewart (1972)."""
    dtype = np.result_type(a, b, q)
    if not q.any():
        return np.zeros(q.shape, dtype)
    linalg = scipy_linalg("solve_sylvester")
    r, u = linalg.schur(a, output="real")
    s, v = linalg.schur(adjoint(b), output="real")
    left, right = _eigenvalues(r), _eigenvalues(s).conj()
    size = abs(left).max() + abs(right).max()
    near = abs(left[:, None] + right) <= 8 * np.finfo(dtype).eps * size
    if near.any():
        i, j = np.argwhere(near)[0]
        raise LinAlgError(
            f"solve_sylvester: a and -b have an eigenvalue in common ({left[i]:.6g} and {-right[j]:.6g}), so the "
            "equation has no solution, or many. (The derivative of sqrtm at a singular matrix is such an equation.)"
        )
    (trsyl,) = linalg.get_lapack_funcs(("trsyl",), (r, s, q))
    y, scale, _ = trsyl(r, s, adjoint(u) @ q @ v, tranb="C")
    return (u @ (scale * y) @ adjoint(v)).astype(dtype, copy=False)


def _eigenvalues(t: Any) -> Any:
    """Of a Schur form, which if real has blocks of 2 on its diagonal for pairs of complex ones."""
    w = np.diagonal(t)
    below = np.diagonal(t, -1)
    if t.dtype.kind == "c" or not below.any():
        return w
    w = w.astype(np.result_type(w, np.complex64))
    (first,) = np.nonzero(below)
    imaginary = np.sqrt(abs(below[first] * np.diagonal(t, 1)[first]))
    w[first] += 1j * imaginary
    w[first + 1] -= 1j * imaginary
    return w


def _sylvester_back(g: Any, a: Any, b: Any) -> Any:
    return solve_sylvester_op(adjoint(a), adjoint(b), g)


def _sylvester_ahead(tangents: Any, a: Any, b: Any, out: Any) -> Any:
    da, db, q = tangents
    if da is not None:
        q = negative(matmul_op(da, out)) if q is None else subtract(q, matmul_op(da, out))
    if db is not None:
        q = negative(matmul_op(out, db)) if q is None else subtract(q, matmul_op(out, db))
    return solve_sylvester_op(a, b, q)


solve_sylvester_op.vjp(
    a=lambda g, a, b, out: negative(matmul_op(_sylvester_back(g, a, b), adjoint(out))),
    b=lambda g, a, b, out: negative(matmul_op(adjoint(out), _sylvester_back(g, a, b))),
    q=lambda g, a, b: _sylvester_back(g, a, b),
)
solve_sylvester_op.jvp(_sylvester_ahead)
solve_sylvester_op.sample(POSITIVE, SPREAD[:2, :2], real(3, 2)).sample(POSITIVES, POSITIVES, real(2, 3, 3))


# -- triangular systems --------------------------------------------------------------------------------------


@op()
def solve_triangular_op(a, b, *, lower, unit_diagonal=False):
    """The x with a @ x = b, a (..., n, n) triangular, b (..., n, k) -> (..., n, k): the other triangle is not read."""
    a = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        a[..., range(a.shape[-1]), range(a.shape[-1])] = 1
    if not b.size:
        return np.zeros(b.shape, np.result_type(a, b))
    if a.shape[-1] <= SMALL:
        return np.linalg.solve(a, b)
    return for_each(lambda x, y: back_substituted(x, y, lower), a, b)


def back_substituted(a: Any, b: Any, lower: bool) -> Any:
    """The solution of a triangular system whose matrix is zero beyond."""
    if len(a) <= SMALL:
        return np.linalg.solve(a, b)
    return on_lapack(scipy_linalg("solve_triangular").solve_triangular, a, b, lower=lower, check_finite=False)


def _triangular_b(g: Any, a: Any, lower: bool, unit_diagonal: bool) -> Any:
    return solve_triangular_op(adjoint(a), g, lower=not lower, unit_diagonal=unit_diagonal)


def _triangular_a(g: Any, a: Any, out: Any, lower: bool, unit_diagonal: bool) -> Any:
    y = negative(matmul_op(_triangular_b(g, a, lower, unit_diagonal), adjoint(out)))
    return tril(y, -1 if unit_diagonal else 0) if lower else triu(y, 1 if unit_diagonal else 0)


solve_triangular_op.vjp(a=_triangular_a, b=_triangular_b)
for _lower in (True, False):
    solve_triangular_op.sample(POSITIVE, real(3, 2), lower=_lower)
    solve_triangular_op.sample(POSITIVES, real(2, 3, 1), lower=_lower, unit_diagonal=True)


# -- lu ------------------------------------------------------------------------------------------------------


@op(aux=("piv",))
def lu_op(a):
    """Matrices (..., m, n) -> l and u (..., m, n) in one, less l's diagonal of ones, and the exchanges of rows."""
    (getrf,) = scipy_linalg("lu").get_lapack_funcs(("getrf",), (a,))
    m, n = a.shape[-2:]
    if not a.size:
        return a.copy(), np.zeros((*a.shape[:-2], min(m, n)), np.int32)
    if a.ndim == 2:
        lu, piv, _ = on_lapack(getrf, a)
        return lu, piv
    lu, piv = np.empty(a.shape, a.dtype), np.empty((*a.shape[:-2], min(m, n)), np.int32)
    for k in np.ndindex(a.shape[:-2]):
        lu[k], piv[k], _ = getrf(a[k])
    return lu, piv


def _places(piv: Any, m: int) -> Any:
    """The rows of the matrix in the order in which l and u have them: (..., k) exchanges -> (..., m) places."""
    lead = np.ogrid[tuple(slice(n) for n in piv.shape[:-1])]
    order = np.broadcast_to(np.arange(m), (*piv.shape[:-1], m)).copy()
    for i in range(piv.shape[-1]):
        j = piv[..., i].astype(np.intp)
        order[..., i], order[(*lead, j)] = order[(*lead, j)], order[..., i].copy()
    return order


def _rows(x: Any, order: Any) -> Any:
    """The rows of x (..., m, n) in an order (..., m)."""
    return take_along_op(x, order[..., None], axis=x.ndim - 2)


def _unit(x: Any) -> Any:
    """x with ones on its diagonal, and zeros above it."""
    m, n = x.shape[-2:]
    return where_op(np.tri(m, n, -1, bool), x, np.eye(m, n, dtype=x.dtype))


def _lu_rule(g: Any, out: Any, piv: Any) -> Any:
    """l^-H (tril(l^H gl, -1) + triu(gu u^H)) u^-H for the square part, rows and columns beyond it eliminated first."""
    m, n = out.shape[-2:]
    k = min(m, n)
    square = (Ellipsis, slice(k), slice(k))
    if (np.diagonal(raw(out), 0, -2, -1) == 0).any():
        raise LinAlgError("lu: the matrix is singular, where l and u have no derivative here")
    l_u = out[square]
    upper = adjoint(l_u)  # its conjugate transpose: l^H above the diagonal, u^H on and below it
    gl, gu = tril(g[square], -1), triu(g[square])
    more = None
    if m > n:
        below = adjoint(solve_triangular_op(l_u, adjoint(g[..., k:, :]), lower=False))
        gu = subtract(gu, matmul_op(adjoint(out[..., k:, :]), below))
        more = (below, -2)
    elif n > m:
        right = solve_triangular_op(upper, g[..., k:], lower=False, unit_diagonal=True)
        gl = subtract(gl, matmul_op(right, adjoint(out[..., k:])))
        more = (right, -1)
    t = add(tril(matmul_op(adjoint(_unit(l_u)), gl), -1), triu(matmul_op(gu, tril(upper))))
    t = solve_triangular_op(upper, t, lower=False, unit_diagonal=True)
    t = adjoint(solve_triangular_op(l_u, adjoint(t), lower=False))
    if more is not None:
        t = concatenate_op(t, more[0], axis=t.ndim + more[1])
    return _rows(t, np.argsort(_places(raw(piv), m), -1))


lu_op.vjp(a=_lu_rule)
lu_op.sample(GENERAL).sample(real(4, 2)).sample(real(2, 3)).sample(np.stack([GENERAL[[1, 2, 0]], SPREAD]))

# -- public functions ----------------------------------------------------------------------------------------

# Arguments are SciPy's. overwrite_a and overwrite_b only allow to overwrite; nothing is.

TRANS = {0: 0, "N": 0, 1: 1, "T": 1, 2: 2, "C": 2}


def _transposed(trans: Any, name: str) -> int:
    if trans not in TRANS:
        raise ValueError(f"{name}: trans must be 0 ('N'), 1 ('T') or 2 ('C'), got {trans!r}")
    return TRANS[trans]


def _right_sides(b: Any, rows: int, name: str, a: Any) -> tuple[Any, bool]:
    """b as a stack of matrices, and whether it was a vector."""
    b = operand(b, name)
    if not b.ndim or b.shape[0 if b.ndim == 1 else -2] != rows:
        raise ValueError(f"{name}: shapes of a {a.shape} and b {b.shape} are incompatible: b must have {rows} rows")
    b = cast(b, dtype=np.dtype(np.float64)) if b.dtype.kind in "iub" else b
    return (expand_dims(b, -1), True) if b.ndim == 1 else (b, False)


def _triangular(a: Any, b: Any, lower: bool, unit_diagonal: bool = False) -> Any:
    """solve_triangular_op with its dtypes and leading axes made one."""
    a, b = one_dtype(a, b)
    if a.ndim == 2 and b.ndim > 2:  # one call for all right sides
        n, k = b.shape[-2:]
        lead = b.shape[:-2]
        last = b.ndim - 1
        columns = _moved(b, (last - 1, *range(last - 1), last), (n, math.prod(lead) * k))
        y = solve_triangular_op(a, columns, lower=lower, unit_diagonal=unit_diagonal)
        return _moved(reshape_op(y, shape=(n, *lead, k)), (*range(1, last), 0, last), b.shape)
    a, b = spread_out(a, b)
    return solve_triangular_op(a, b, lower=lower, unit_diagonal=unit_diagonal)


def _moved(x: Any, axes: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    return reshape_op(transpose_op(x, axes=axes), shape=shape)


def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False, overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """The x with a @ x = b (trans 1: a^T x = b, 2: a^H x = b), a (..., n, n) triangular, b (n,) or (..., n, k).

    Of a one triangle is read, and has a gradient, without its diagonal if unit_diagonal. Raises LinAlgError if a number
    on the diagonal is 0.
    """
    a = squares(a, "solve_triangular")
    b, vector = _right_sides(b, a.shape[-1], "solve_triangular", a)
    _finite("solve_triangular", check_finite, a, b)
    lower, trans = bool(lower), _transposed(trans, "solve_triangular")
    if trans:
        a, lower = (turned(a) if trans == 1 else adjoint(a)), not lower
    y = _triangular(a, b, lower, bool(unit_diagonal))
    return squeeze(y, -1) if vector else y


def cho_factor(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Any, bool]:
    """(c, lower) for cho_solve: a = c^H c, or c c^H if lower, of positive definite Hermitian a (..., n, n).

    The other triangle of c is zero, where SciPy leaves anything.
    """
    a = squares(a, "cho_factor")
    _finite("cho_factor", check_finite, a)
    return cholesky_op(a, upper=not lower), bool(lower)


def cho_solve(c_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """The x with a @ x = b, from what cho_factor gives for a; b (n,) or (..., n, k)."""
    c, lower = c_and_lower
    c = squares(c, "cho_solve")
    b, vector = _right_sides(b, c.shape[-1], "cho_solve", c)
    _finite("cho_solve", check_finite, c, b)
    first, second = (c, adjoint(c)) if lower else (adjoint(c), c)
    y = _triangular(second, _triangular(first, b, True), False)
    return squeeze(y, -1) if vector else y


def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Any, Any]:
    """(lu, piv) for lu_solve: l and u of matrices (..., m, n) in one, and the row that each was exchanged with."""
    a = matrices(a, "lu_factor")
    _finite("lu_factor", check_finite, a)
    lu, piv = lu_op.with_aux(a)
    (zero,) = np.nonzero((np.diagonal(raw(lu), 0, -2, -1) == 0).any(tuple(range(a.ndim - 2))))
    if zero.size:
        message = f"Diagonal number {zero[0] + 1} is exactly zero. Singular matrix."
        warnings.warn(message, scipy_linalg("lu_factor").LinAlgWarning, stacklevel=2)
    return lu, piv


def lu_solve(lu_and_piv: Any, b: Any, trans: Any = 0, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """The x with a @ x = b (trans 1: a^T x = b, 2: a^H x = b), from lu_factor of a; b (n,) or (..., n, k)."""
    lu, piv = lu_and_piv
    lu, piv, trans = squares(lu, "lu_solve"), raw(operand(piv, "lu_solve")), _transposed(trans, "lu_solve")
    b, vector = _right_sides(b, lu.shape[-1], "lu_solve", lu)
    _finite("lu_solve", check_finite, lu, b)
    order = _places(piv, lu.shape[-1])
    if not trans:
        y = _triangular(lu, _triangular(lu, _rows_of(b, order), True, True), False)
    else:
        a = turned(lu) if trans == 1 else adjoint(lu)
        y = _rows_of(_triangular(a, _triangular(a, b, True), False, True), np.argsort(order, -1))
    return squeeze(y, -1) if vector else y


def _rows_of(b: Any, order: Any) -> Any:
    """The rows of b in an order, the leading axes broadcast."""
    lead = np.broadcast_shapes(b.shape[:-2], order.shape[:-1])
    if b.shape[:-2] != lead:
        b = broadcast_to_op(b, shape=(*lead, *b.shape[-2:]))
    return _rows(b, np.broadcast_to(order, (*lead, order.shape[-1])))


def lu(
    a: Any, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True, p_indices: bool = False
) -> tuple[Any, ...]:
    """Matrices (..., m, n) -> p, l, u with p @ l @ u = a; (p @ l, u) if permute_l; if p_indices a = l[p] @ u.

    l (..., m, k) has ones on its diagonal, u is (..., k, n), k the smaller of m and n; p has no gradient.
    """
    a = matrices(a, "lu")
    _finite("lu", check_finite, a)
    both, piv = lu_op.with_aux(a)
    m, n = a.shape[-2:]
    k = min(m, n)
    lower, upper = _unit(both[..., :k]), triu(both[..., :k, :])
    places = np.argsort(_places(raw(piv), m), -1).astype(np.int32)
    if permute_l:
        return _rows(lower, places), upper
    p = places if p_indices else (places[..., None] == np.arange(m)).astype(np.finfo(a.dtype).dtype)
    return wrap(p) if isinstance(a, Recorded) else p, lower, upper


def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """The x with a @ x + x @ b = q: a (..., m, m), b (..., n, n), q (..., m, n). LinAlgError if none or many."""
    a, b, q = squares(a, "solve_sylvester"), squares(b, "solve_sylvester"), matrices(q, "solve_sylvester")
    if q.shape[-2:] != (a.shape[-1], b.shape[-1]):
        raise ValueError(
            f"solve_sylvester: q {q.shape} must have as many rows as a {a.shape} and as many columns as b {b.shape}"
        )
    return solve_sylvester_op(*spread_out(*one_dtype(a, b, q)))


def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    """The x with a @ x + x @ a^H = q, of square matrices (..., n, n)."""
    a = squares(a, "solve_continuous_lyapunov")
    q = squares(q, "solve_continuous_lyapunov")
    _same_size("solve_continuous_lyapunov", a, q)
    return solve_sylvester(a, adjoint(a), q)


def _same_size(name: str, a: Any, q: Any) -> None:
    if a.shape[-1] != q.shape[-1]:
        raise ValueError(f"{name}: a {a.shape} and q {q.shape} must be of one size")


def solve_discrete_lyapunov(a: Any, q: Any, method: str | None = None) -> Any:
    """The x with a @ x @ a^H - x + q = 0, of square matrices (n, n).

    method: 'direct', one system of n**2 equations, or 'bilinear', by a continuous equation; None: direct below n = 10.
    """
    name = "solve_discrete_lyapunov"
    a, q = squares(a, name), squares(q, name)
    _same_size(name, a, q)
    if a.ndim != 2 or q.ndim != 2:
        raise ValueError(f"{name}: needs two matrices, got shapes {a.shape} and {q.shape}")
    n = a.shape[-1]
    method = ("direct" if n < 10 else "bilinear") if method is None else method.lower()
    if method not in ("direct", "bilinear"):
        raise ValueError(f"{name}: method {method!r} is not 'direct' or 'bilinear'")
    if method == "direct":
        left = subtract(np.eye(n * n), kron(a, H(a)))
        return reshape_op(solve(left, reshape_op(q, shape=(n * n,))), shape=(n, n))
    one = np.eye(n)
    ah = adjoint(a)
    back = inv_op(add(ah, one))
    b = matmul_op(subtract(ah, one), back)
    c = multiply(matmul_op(inv_op(add(a, one)), matmul_op(q, back)), 2.0)
    return solve_continuous_lyapunov(adjoint(b), negative(c))
