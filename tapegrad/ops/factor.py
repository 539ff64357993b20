"""Factorisations of matrices: cholesky, qr, svd, eig, eigh, and the values alone.

Vectors of equal eigenvalues or singular values can be any basis of their space. A derivative that does not depend on
which is given; one that does is a LinAlgError, as is one that depends on the phase of a complex vector.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..registry import Recorded, numpy_name, op, raw, wrap
from ..samples import distinct, positive, real
from ..tape import state
from .elementwise import H, absolute, add, divide, multiply, negative, real_part, subtract, where_op
from .index import diagonal, take_along_op, triu
from .product import matmul_op
from .reduce import sum_op
from .solve import LinAlgError, adjoint, inv_op, matrices, on_lapack, solve_op, squares
from .structure import concatenate_op, expand_dims, squeeze

WAY_OUT = (
    "Functions of the whole matrix have derivatives there: tg.linalg.matrix_function, sqrtm and expm use divided "
    "differences; sums over all vectors of one value are right as they stand"
)
EQUAL = 64  # roundings of the largest value: within these values count as equal, or as 0


class EigResult(NamedTuple):
    """What eig gives."""

    eigenvalues: Any
    eigenvectors: Any


class EighResult(NamedTuple):
    """What eigh gives."""

    eigenvalues: Any
    eigenvectors: Any


class QRResult(NamedTuple):
    """What qr gives."""

    Q: Any
    R: Any


class SVDResult(NamedTuple):
    """What svd gives."""

    U: Any
    S: Any
    Vh: Any


# -- what tells equal values apart ---------------------------------------------------------------------------


def _precision(dtype: Any) -> float:
    return float(np.finfo(dtype).eps)


def _noise(w: Any) -> Any:
    """The distance within which values along the last axis count as equal, with two more axes: (..., 1, 1)."""
    return EQUAL * _precision(w.dtype) * abs(w).max(-1, initial=0.0)[..., None, None]


def _equal(w: Any) -> Any:
    """Which pairs of different values along the last axis count as equal: (..., n, n), False on the diagonal."""
    near = abs(w[..., None, :] - w[..., :, None]) <= _noise(w)
    return near & ~np.eye(w.shape[-1], dtype=bool)


def _counts(x: Any, beside: Any) -> Any:
    """Where x (..., m, n) is more than the rounding errors of a sum of numbers as large as `beside` (..., m', n').

    The few roundings of 1 are for what cancels altogether, as second derivatives do that are zero.
    """
    eps = _precision(x.dtype)
    return abs(x) > eps**0.5 * abs(beside).max((-2, -1), initial=0.0, keepdims=True) + 8 * eps


def _refuse(w: Any, wrong: Any, what: str, why: str) -> None:
    """Raise for the first pair of values that must not be told apart and is."""
    *lead, i, j = (int(k) for k in np.argwhere(wrong)[0])
    values = w[tuple(lead)]
    raise LinAlgError(
        f"{what}: the values {values[i]:.6g} and {values[j]:.6g} (numbers {i} and {j}"
        + (f" of matrix {tuple(lead)}" if lead else "")
        + f") are repeated, and {why}. {WAY_OUT}"
    )


APART = "what is asked for depends on how they or their vectors are told apart"


@op()
def over(s, w, *, what, plus=False, skew=True):
    """s[i, j] / (w[j] - w[i]), or of the sum with plus; of (s - s^H) / 2 if skew.

    Matrices s (..., n, n) and values w (..., n) -> (..., n, n). Where the denominator is 0 so is the result, and s must
    be: a LinAlgError names values that it tells apart and that are equal. The diagonal of differences is free.
    """
    k = (s - adjoint(s)) / 2 if skew else s
    if plus:
        under = w[..., None, :] + w[..., :, None]
        zero = wrong = abs(under) <= _noise(w)
    else:
        under = w[..., None, :] - w[..., :, None]
        wrong = _equal(w)
        zero = wrong | np.eye(w.shape[-1], dtype=bool)
    if wrong.any():
        wrong = wrong & _counts(k, s)
        if wrong.any():
            _refuse(w, wrong, what, APART)
    return (np.where(zero, 0, k) / np.where(zero, 1, under)).astype(np.result_type(k, w), copy=False)


def _over_s(g: Any, w: Any, what: str, plus: bool, skew: bool) -> Any:
    t = over(g, H(w), what=what, plus=plus, skew=False)
    return multiply(subtract(t, adjoint(t)), 0.5) if skew else t


def _over_w(g: Any, w: Any, out: Any, what: str, plus: bool) -> Any:
    q = over(multiply(g, H(out)), H(w), what=what, plus=plus, skew=False)
    q = q if w.dtype.kind == "c" else real_part(q)
    last = q.ndim - 1
    of_i, of_j = sum_op(q, axis=(last,)), sum_op(q, axis=(last - 1,))
    return negative(add(of_i, of_j)) if plus else subtract(of_i, of_j)


over.vjp(s=_over_s, w=_over_w)
over.sample(real(3, 3), np.array([1.0, 2.5, -1.0]), what="test", skew=False)
over.sample(real(2, 3, 3), distinct(2, 3), what="test").sample(real(3, 3), positive(3), what="test", plus=True)


@op("linear")
def per_value(g, w, *, what):
    """g itself, one number for each value of w (..., n): a LinAlgError unless equal values have equal ones."""
    wrong = _equal(w)
    if wrong.any():
        least = _precision(g.dtype) ** 0.5 * abs(g).max(-1, initial=0.0)[..., None, None]
        wrong = wrong & (abs(g[..., None, :] - g[..., :, None]) > least)
        if wrong.any():
            _refuse(w, wrong, what, APART)
    return g.copy()


per_value.vjp(g=lambda g, w, what: per_value(g, w, what=what)).sample(real(2, 3), distinct(2, 3), what="test")


def _unused(g: Any) -> bool:
    """Whether this is what the engine hands to a rule for an output that nothing depends on: one zero, repeated."""
    if isinstance(g, Recorded) and g.requires_grad:
        return False
    zeros = raw(g)
    return not any(zeros.strides) and not zeros.any()


def _moves(g: Any) -> bool:
    """Whether a gradient is itself being differentiated."""
    return isinstance(g, Recorded) and g.requires_grad


def _not_together(s: Any, w: Any, what: str) -> None:
    """Raise if s = V^H gV joins vectors of equal values.

    Where values and vectors are both used, what lies within such a group may belong to a function of the matrix,
    v * f(w) @ v^H, whose derivative there has f' in it, which the two gradients do not tell.
    """
    w, s = raw(w), raw(s)
    wrong = _equal(w)
    if wrong.any():
        wrong = wrong & _counts(s, s)
        if wrong.any():
            _refuse(w, wrong, what, "values and vectors are used together, as in v * f(w) @ v.T")


def _no_phase(s: Any, what: str) -> None:
    """Raise if the diagonal says that a loss changes with the phases of complex vectors."""
    s = raw(s)
    if s.dtype.kind == "c" and s.size and _counts(np.diagonal(s, 0, -2, -1).imag[..., None], s).any():
        raise LinAlgError(
            f"{what}: what is asked for depends on the phase of complex vectors, which is arbitrary: "
            "multiplied by e^(i phi) each is as good. Use what does not change, as abs(v)**2 or v * conj(v[0])"
        )


# -- Hermitian matrices --------------------------------------------------------------------------------------


def _column_scaled(v: Any, w: Any) -> Any:
    return multiply(v, expand_dims(w, -2))


def _hermitian(x: Any) -> Any:
    return multiply(add(x, adjoint(x)), 0.5)


def _diagonal_matrix(d: Any, dtype: Any) -> Any:
    return multiply(expand_dims(d, -2), np.eye(d.shape[-1], dtype=dtype))


@op(outputs=("w", "v"))
def eigh_op(a, *, UPLO="L", strict=False):
    """Eigenvalues (..., n), ascending, and vectors (..., n, n) as columns, of Hermitian matrices (..., n, n).

    strict: the vectors are used in a function of the values, though the values come from elsewhere.
    """
    w, v = on_lapack(np.linalg.eigh, a, UPLO)
    return w, v


def _eigh_rule(g: Any, w: Any, v: Any, strict: bool) -> Any:
    gw, gv = g
    if _unused(gv):
        return _from_values(gw, w, v, "eigh")
    s = matmul_op(adjoint(v), gv)
    _no_phase(s, "eigh")
    values = not _unused(gw)
    if strict or values:
        _not_together(s, w, "eigh")
    y = over(s, w, what="eigh")
    if values:
        y = add(y, _diagonal_matrix(per_value(gw, w, what="eigh"), v.dtype))
    return _hermitian(matmul_op(matmul_op(v, y), adjoint(v)))


def _from_values(g: Any, w: Any, v: Any, what: str) -> Any:
    return _hermitian(matmul_op(_column_scaled(v, per_value(g, w, what=what)), adjoint(v)))


@op()
def eigvalsh_op(a, *, UPLO="L"):
    """Eigenvalues (..., n), ascending, of Hermitian matrices (..., n, n)."""
    return on_lapack(np.linalg.eigvalsh, a, UPLO)


def _eigvalsh_rule(g: Any, a: Any, UPLO: str) -> Any:
    w, v = eigh_op(a, UPLO=UPLO, strict=_moves(g))
    return _from_values(g, w, v, "eigvalsh")


def _eigvalsh_ahead(tangents: Any, a: Any, UPLO: str) -> Any:
    w, v = eigh_op(a, UPLO=UPLO, strict=True)
    t = matmul_op(matmul_op(adjoint(v), _hermitian(tangents[0])), v)
    over(t, w, what="eigvalsh", skew=False)  # raises if the direction splits equal values
    return per_value(real_part(diagonal(t, 0, -2, -1)), w, what="eigvalsh")


SYMMETRIC = np.array([[2.0, -0.5, 0.3], [-0.5, 1.0, 0.7], [0.3, 0.7, -1.0]])
SYMMETRICS = np.stack([SYMMETRIC, np.diag([3.0, 1.0, 2.0]) + 0.1 * SYMMETRIC])
eigh_op.vjp(a=_eigh_rule)
eigvalsh_op.vjp(a=_eigvalsh_rule).jvp(_eigvalsh_ahead)
for _eigh in (eigh_op, eigvalsh_op):
    _eigh.hermitian = ("a",)
    _eigh.sample(SYMMETRIC).sample(SYMMETRICS).sample(SYMMETRIC, UPLO="U").sample(np.zeros((2, 0, 0)))
eigh_op.arbitrary = "the phases of its vectors"


@op()
def cholesky_op(a, *, upper=False):
    """The triangular factors of positive definite Hermitian matrices (..., n, n): L L^H, or U^H U if upper."""
    return on_lapack(np.linalg.cholesky, a, upper=True) if upper else on_lapack(np.linalg.cholesky, a)


def _cholesky_rule(g: Any, out: Any, upper: bool) -> Any:
    """L^-H Phi(L^H g) L^-1, Hermitian. Source: Murray (2016), arXiv:1602.07527, equation 9."""
    lower, g = (adjoint(out), adjoint(g)) if upper else (out, g)
    n = out.shape[-1]
    half = (np.tri(n) - 0.5 * np.eye(n)).astype(out.dtype)  # the lower triangle with half of the diagonal
    middle = multiply(matmul_op(adjoint(lower), g), half)
    back = adjoint(lower)
    return _hermitian(adjoint(solve_op(back, adjoint(solve_op(back, middle)))))


DEFINITE = SYMMETRIC @ SYMMETRIC + np.eye(3)
cholesky_op.vjp(a=_cholesky_rule).sample(DEFINITE).sample(SYMMETRICS @ SYMMETRICS + np.eye(3)).sample(
    DEFINITE, upper=True
)
cholesky_op.hermitian = ("a",)

# -- columns beyond the first --------------------------------------------------------------------------------


def _first_columns(g: Any, q: Any, k: int) -> tuple[Any, Any]:
    """The first k columns of q (..., m, m) with their gradient: that of the others, which follow them, added to it.

    They move by -q1 (dq1^H q2), and do not turn among themselves; what depends on such a turn is refused.
    """
    ahead, behind = (Ellipsis, slice(None, k)), (Ellipsis, slice(k, None))
    q1, q2, g1, g2 = q[ahead], q[behind], g[ahead], g[behind]
    s = raw(matmul_op(adjoint(q2), g2))
    if _counts(s - adjoint(s), raw(g)).any():
        raise LinAlgError(
            "full_matrices, complete: the columns beyond the first k can be any basis of the rest of the space, and "
            "what is asked for depends on which. Use full_matrices=False or mode='reduced', or a function of the space "
            "they span, as n @ n.T"
        )
    return q1, subtract(g1, matmul_op(q2, matmul_op(adjoint(g2), q1)))


# -- singular values -----------------------------------------------------------------------------------------


def _zero(s: Any) -> Any:
    """Which singular values (..., k) count as 0."""
    s = raw(s)
    return abs(s) <= _noise(s)[..., 0]


@op()
def outside_span(x, u, s):
    """What of the columns x (..., m, k) lies outside of those of u, orthonormal, over values s (..., k).

    Where a value is 0 the column must be 0, else a LinAlgError: null vectors can be any basis of their space.
    """
    y = x - u @ (adjoint(u) @ x)
    zero = _zero(s)
    if zero.any():
        if (zero[..., None, :] & _counts(y, x)).any():
            raise LinAlgError(
                "svd: a singular value is 0, and what is asked for depends on its vectors, which can be any basis of "
                f"the null space. {WAY_OUT}"
            )
        s = np.where(zero, np.inf, s).astype(s.dtype)
    return y / s[..., None, :]


def _over_columns(x: Any, s: Any) -> Any:
    zero = _zero(s)
    return divide(x, expand_dims(where_op(zero, float("inf"), s) if zero.any() else s, -2))


def _outside_u(g: Any, x: Any, u: Any, s: Any) -> Any:
    y = _over_columns(x, s)
    return negative(add(matmul_op(g, matmul_op(adjoint(y), u)), matmul_op(y, matmul_op(adjoint(g), u))))


def _outside_s(g: Any, s: Any, out: Any) -> Any:
    q = _over_columns(multiply(g, H(out)), H(s))
    q = q if s.dtype.kind == "c" else real_part(q)
    return negative(sum_op(q, axis=(q.ndim - 2,)))


outside_span.vjp(x=lambda g, u, s: outside_span(g, u, H(s)), u=_outside_u, s=_outside_s)
outside_span.sample(real(4, 2), np.linalg.qr(np.arange(8.0).reshape(4, 2) ** 2)[0], positive(2)).sample(
    real(2, 3, 1), np.full((2, 3, 1), 3**-0.5), positive(2, 1)
)


@op(outputs=("u", "s", "vh"))
def svd_op(a, *, full=False, strict=False):
    """Matrices (..., m, n) -> u (..., m, k), s (..., k) descending, vh (..., k, n), k the smaller of m and n.

    full: u (..., m, m), vh (..., n, n). strict: the vectors are used in a function of the values, though the values
    come from elsewhere.
    """
    return on_lapack(np.linalg.svd, a, full_matrices=full)


def _svd_rule(g: Any, u: Any, s: Any, vh: Any, strict: bool) -> Any:
    gu, gs, gvh = g
    m, n, k = u.shape[-2], vh.shape[-1], s.shape[-1]
    of_u, of_v, of_s = not _unused(gu), not _unused(gvh), not _unused(gs)
    v, gv = adjoint(vh), adjoint(gvh)
    if u.shape[-1] > k:
        u, gu = _first_columns(gu, u, k) if of_u else (u[..., :k], gu)
    if v.shape[-1] > k:
        v, gv = _first_columns(gv, v, k) if of_v else (v[..., :k], gv)
    if not of_u and not of_v:
        return _from_singular_values(gs, u, s, adjoint(v), "svd")
    p = matmul_op(adjoint(u), gu) if of_u else None
    q = matmul_op(adjoint(v), gv) if of_v else None
    both = p if q is None else q if p is None else add(p, q)
    apart = p if q is None else negative(q) if p is None else subtract(p, q)
    _no_phase(both, "svd")
    if strict or of_s:
        _not_together(both, s, "svd")
    inner = add(over(both, s, what="svd"), over(apart, s, what="svd", plus=True))
    if of_s:
        gs = per_value(gs, s, what="svd")
        inner = add(inner, _diagonal_matrix(_with_vectors(gs, s, m == n and u.dtype.kind != "c"), u.dtype))
    y = matmul_op(matmul_op(u, inner), adjoint(v))
    if of_u and m > k:
        y = add(y, matmul_op(outside_span(gu, u, s), adjoint(v)))
    if of_v and n > k:
        y = add(y, matmul_op(u, adjoint(outside_span(gv, v, s))))
    return y


def _with_vectors(g: Any, s: Any, simple: bool) -> Any:
    """The gradient of singular values whose vectors are used too. One of 0 has a kink like abs, with these smooth only
    if it is the only one of a real square matrix: it then changes sign together with a vector."""
    zero = _zero(s)
    if not zero.any():
        return g
    given = abs(raw(g))
    wrong = zero & (given > _precision(g.dtype) ** 0.5 * given.max(-1, keepdims=True))
    if not wrong.any():
        return where_op(zero, 0.0, g)
    if simple and zero.sum(-1).max() == 1:
        return g
    raise LinAlgError(
        "svd: a singular value is 0, where it has a kink, and its gradient is not 0 while vectors are used too. For a "
        "function of the values alone take them from svdvals; else leave out those of 0"
    )


def _without_zeros(g: Any, s: Any) -> Any:
    """A singular value of 0 has a kink like abs: gradient 0."""
    zero = _zero(s)
    return where_op(zero, 0.0, g) if zero.any() else g


def _from_singular_values(g: Any, u: Any, s: Any, vh: Any, what: str) -> Any:
    return matmul_op(_column_scaled(u, _without_zeros(per_value(g, s, what=what), s)), vh)


@op()
def svdvals_op(a):
    """Singular values (..., k), descending, of matrices (..., m, n), k the smaller of m and n."""
    return on_lapack(np.linalg.svd, a, compute_uv=False)


def _svdvals_rule(g: Any, a: Any) -> Any:
    u, s, vh = svd_op(a, strict=_moves(g))
    return _from_singular_values(g, u, s, vh, "svdvals")


def _svdvals_ahead(tangents: Any, a: Any) -> Any:
    u, s, vh = svd_op(a, strict=True)
    t = _hermitian(matmul_op(matmul_op(adjoint(u), tangents[0]), adjoint(vh)))
    zero = _zero(s)
    if zero.any():
        t = where_op(zero[..., None, :] | zero[..., :, None], 0.0, t)
    over(t, s, what="svdvals", skew=False)  # raises if the direction splits equal values
    return per_value(real_part(diagonal(t, 0, -2, -1)), s, what="svdvals")


def evened(s: Any) -> Any:
    """Singular values with the mean in the place of each group that counts as equal.

    So the largest or smallest of them, which depends on rounding, shares its gradient among the group, as ties do.
    """
    same = _equal(raw(s))
    if not same.any():
        return s
    same = same | np.eye(s.shape[-1], dtype=bool)
    shares = (same / same.sum(-1, keepdims=True)).astype(s.dtype)
    return squeeze(matmul_op(shares, expand_dims(s, -1)), -1)


svd_op.vjp(a=_svd_rule)
svdvals_op.vjp(a=_svdvals_rule).jvp(_svdvals_ahead)
SQUARE = np.array([[2.0, 0.3, -0.4], [0.1, -1.2, 0.5], [0.6, 0.2, 0.7]])
for _svd in (svd_op, svdvals_op):
    _svd.sample(SQUARE).sample(real(2, 4)).sample(np.stack([SQUARE[:, :2], SQUARE[:, 1:]])).sample(np.zeros((2, 0, 3)))
svd_op.arbitrary = "the phases of its vectors"

# -- eigenvalues of any matrices -----------------------------------------------------------------------------


@op(outputs=("w", "v"))
def eig_op(a):
    """Eigenvalues (..., n) and vectors (..., n, n) as columns of square matrices; complex unless all are real."""
    w, v = on_lapack(np.linalg.eig, a)
    return w, v


def _eig_rule(g: Any, w: Any, v: Any) -> Any:
    """V^-H (diag(gw) + (V^H gv - V^H V Re diag(V^H gv)) / conj(E)) V^H. Source: Boeddeker (2017), arXiv:1701.00392."""
    gw, gv = g
    vh = adjoint(v)
    if _unused(gv):
        return matmul_op(_inverse(vh, "eig"), multiply(expand_dims(per_value(gw, w, what="eig"), -1), vh))
    s = matmul_op(vh, gv)
    _no_phase(s, "eig")
    along = real_part(diagonal(s, 0, -2, -1))
    s = subtract(s, multiply(matmul_op(vh, v), expand_dims(along, -2)))
    inner = over(s, H(w), what="eig", skew=False)
    if not _unused(gw):
        inner = add(inner, _diagonal_matrix(per_value(gw, w, what="eig"), v.dtype))
    return matmul_op(_inverse(vh, "eig"), matmul_op(inner, vh))


def _inverse(vh: Any, what: str) -> Any:
    v = raw(vh)
    if v.size and (np.linalg.cond(v) > 0.1 / _precision(v.dtype)).any():
        raise LinAlgError(
            f"{what}: the eigenvectors do not span the space (the matrix is defective), where the eigenvalues have no "
            f"derivative. {WAY_OUT}"
        )
    return inv_op(vh)


@op()
def eigvals_op(a):
    """Eigenvalues (..., n) of square matrices (..., n, n); complex unless all are real."""
    return on_lapack(np.linalg.eigvals, a)


def _eigvals_rule(g: Any, a: Any, out: Any) -> Any:
    w, v = eig_op(a)
    order = _order(raw(out), raw(w))
    if order is not None:
        w = take_along_op(w, order, axis=w.ndim - 1)
        v = take_along_op(v, order[..., None, :], axis=v.ndim - 1)
    vh = adjoint(v)
    return matmul_op(_inverse(vh, "eigvals"), multiply(expand_dims(per_value(g, w, what="eigvals"), -1), vh))


def _order(values: Any, w: Any) -> Any:
    """The order that brings w (..., n) to `values`: LAPACK may find them in another one with vectors. None: as is."""
    near = abs(values - w) <= EQUAL * _precision(w.dtype) ** 0.5 * abs(w).max(-1, initial=0.0)[..., None]
    if near.all():
        return None
    order = np.empty(w.shape, np.intp)
    for k in np.ndindex(w.shape[:-1]):
        far = abs(values[k][:, None] - w[k])
        for _ in values[k]:  # the nearest two first
            i, j = np.unravel_index(far.argmin(), far.shape)
            order[(*k, i)] = j
            far[i], far[:, j] = np.inf, np.inf
    return order


SPREAD = np.diag([1.0, 2.5, 4.0]) + 0.2 * SQUARE
eig_op.vjp(a=_eig_rule).sample(SPREAD).sample(np.stack([SPREAD, SPREAD.T @ np.diag([1.0, 1.5, 2.0])]))
eig_op.arbitrary = "the phases of its vectors"
eigvals_op.vjp(a=_eigvals_rule).sample(SPREAD).sample(np.stack([SPREAD, SPREAD + 0.1 * SQUARE.T]))

# -- qr ------------------------------------------------------------------------------------------------------


@op(outputs=("q", "r"))
def qr_op(a, *, complete=False):
    """Matrices (..., m, n) -> q (..., m, k) with orthonormal columns, r (..., k, n) upper triangular.

    k is the smaller of m and n; complete: it is m.
    """
    q, r = on_lapack(np.linalg.qr, a, "complete" if complete else "reduced")
    return q, r


@op()
def qr_r_op(a):
    """The upper triangular factor (..., k, n) alone of matrices (..., m, n), k the smaller of m and n."""
    return on_lapack(np.linalg.qr, a, "r")


def _qr_rule(g: Any, q: Any, r: Any) -> Any:
    gq, gr = (None if _unused(x) else x for x in g)
    m, n = q.shape[-2], r.shape[-1]
    k = min(m, n)
    if gq is None and gr is None:
        return np.zeros((*q.shape[:-1], n), q.dtype)
    if q.shape[-1] > k:
        q, gq = (q[..., :k], None) if gq is None else _first_columns(gq, q, k)
        r, gr = r[..., :k, :], None if gr is None else gr[..., :k, :]
    return _qr_back(gq, gr, q, r)


def _qr_back(gq: Any, gr: Any, q: Any, r: Any) -> Any:
    """(gq + q herm(triu(r gr^H - gq^H q))) r^-H. Source: Walter and Lehmann (2010), arXiv:1009.6112; Seeger (2017).

    Of a wide matrix q is that of the first columns a, and the rest of r is q^H b for the others, b.
    """
    k, n = q.shape[-1], r.shape[-1]
    rest = None
    if n > k:
        right = r[..., k:]
        r = r[..., :k]
        if gr is not None:
            gr, of_right = gr[..., :k], gr[..., k:]
            rest = matmul_op(q, of_right)
            moved = matmul_op(q, matmul_op(right, adjoint(of_right)))
            gq = moved if gq is None else add(gq, moved)
        else:
            rest = np.zeros((*q.shape[:-1], n - k), q.dtype)
    d = abs(np.diagonal(raw(r), 0, -2, -1))
    if d.size and (d.min(-1) <= d.max(-1) * d.shape[-1] * _precision(d.dtype)).any():
        raise LinAlgError(
            "qr: the first columns of the matrix are linearly dependent, where q and r have no derivative; svd and "
            "pinv are for matrices of any rank"
        )
    parts = [] if gr is None else [matmul_op(gr, adjoint(r))]
    parts += [] if gq is None else [negative(matmul_op(adjoint(q), gq))]
    t = triu(parts[0] if len(parts) == 1 else add(*parts))
    t = subtract(add(t, adjoint(t)), _diagonal_matrix(real_part(diagonal(t, 0, -2, -1)), t.dtype))
    t = matmul_op(q, t)
    y = adjoint(solve_op(r, adjoint(t if gq is None else add(gq, t))))
    return y if rest is None else concatenate_op(y, rest, axis=y.ndim - 1)


def _r_rule(g: Any, a: Any) -> Any:
    q, r = qr_op(a)
    return _qr_back(None, g, q, r)


qr_op.vjp(a=_qr_rule)
qr_r_op.vjp(a=_r_rule)
for _qr in (qr_op, qr_r_op):
    _qr.sample(SQUARE).sample(real(4, 2)).sample(real(2, 2, 3)).sample(np.stack([SQUARE, SQUARE.T]))

# -- public functions ----------------------------------------------------------------------------------------


def _triangle(UPLO: Any, name: str) -> str:
    if UPLO not in ("L", "U", "l", "u"):
        raise ValueError(f"{name}: UPLO must be 'L' or 'U', got {UPLO!r}")
    return UPLO.upper()


@numpy_name(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> EighResult:
    """Eigenvalues (..., n), ascending, and vectors as columns of Hermitian matrices (..., n, n).

    Of each matrix one triangle is read; the gradient is Hermitian. For equal eigenvalues see docs/conventions.md.
    """
    return EighResult(*eigh_op(squares(a, "eigh"), UPLO=_triangle(UPLO, "eigh")))


@numpy_name(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """Eigenvalues (..., n), ascending, of Hermitian matrices (..., n, n), of which one triangle is read."""
    return eigvalsh_op(squares(a, "eigvalsh"), UPLO=_triangle(UPLO, "eigvalsh"))


@numpy_name(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """The triangular L with L L^H = a, or U with U^H U = a, of positive definite a; the gradient is Hermitian."""
    return cholesky_op(squares(a, "cholesky"), upper=bool(upper))


@numpy_name(np.linalg.eig)
def eig(a: Any) -> EigResult:
    """Eigenvalues (..., n) and vectors as columns of square matrices (..., n, n)."""
    return EigResult(*eig_op(squares(a, "eig")))


@numpy_name(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    """Eigenvalues (..., n) of square matrices (..., n, n)."""
    return eigvals_op(squares(a, "eigvals"))


@numpy_name(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """Matrices (..., m, n) -> U (..., m, m), S (..., k), Vh (..., n, n); if not full, k columns and rows of these.

    A singular value of 0 has gradient 0 where the values alone are used. With compute_uv=False: S alone.
    """
    a = matrices(a, "svd")
    if hermitian:
        return _svd_hermitian(squares(a, "svd"), compute_uv)
    if not compute_uv:
        return svdvals_op(a)
    return SVDResult(*svd_op(a, full=bool(full_matrices) and a.shape[-1] != a.shape[-2]))


def _svd_hermitian(a: Any, compute_uv: bool) -> Any:
    if not compute_uv:
        w = eigvalsh_op(a)
        return take_along_op(absolute(w), _descending(w), axis=w.ndim - 1)
    w, v = eigh_op(a)
    order = _descending(w)
    w = take_along_op(w, order, axis=w.ndim - 1)
    u = take_along_op(v, order[..., None, :], axis=v.ndim - 1)
    signs = np.copysign(1.0, raw(w)).astype(w.dtype)  # of 0 too, so that u * s @ vh is the matrix, and its gradient
    return SVDResult(u, multiply(w, signs), adjoint(_column_scaled(u, signs)))


def _descending(w: Any) -> Any:
    return np.argsort(abs(raw(w)), -1)[..., ::-1]


@numpy_name("linalg.svdvals")
def svdvals(x: Any, /) -> Any:
    """Singular values (..., k), descending, of matrices (..., m, n); 0, where they have a kink, has gradient 0."""
    return svdvals_op(matrices(x, "svdvals"))


@numpy_name(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """Matrices (..., m, n) -> Q with orthonormal columns and R upper triangular; mode 'reduced', 'complete' or 'r'.

    The first columns, as many as there are rows or all, must be linearly independent for a gradient. mode 'raw' gives
    LAPACK's Householder vectors, which are refused where a gradient is asked for.
    """
    if mode in ("full", "economic", "f", "e"):
        raise ValueError(f"qr: mode {mode!r} is one of old releases of NumPy; use 'reduced'")
    if mode not in ("reduced", "complete", "r", "raw"):
        raise ValueError(f"qr: mode {mode!r} is not 'reduced', 'complete', 'r' or 'raw'")
    a = matrices(a, "qr")
    if mode == "r":
        return qr_r_op(a)
    if mode == "raw":
        if isinstance(a, Recorded) and a.requires_grad and state.recording:
            raise TypeError(
                "qr: mode 'raw' gives Householder vectors, which have no derivative here; 'reduced' and 'complete' have"
            )
        found = np.linalg.qr(raw(a), "raw")
        return tuple(wrap(x) for x in found) if isinstance(a, Recorded) else tuple(found)
    return QRResult(*qr_op(a, complete=mode == "complete" and a.shape[-2] > a.shape[-1]))
