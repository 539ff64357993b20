"""Factorisations of matrices: cholesky, qr, svd, eig, eigh, and the values alone.

Vectors of equal eigenvalues or singular values can be any basis of their space. A derivative that does not depend on
which is given; one that does is a LinAlgError, as is one that depends on the phase of a complex vector.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..registry import OPS, Recorded, numpy_name, op, wrap
from ..samples import distinct, positive, real
from ..tape import state
from .elementwise import H, absolute, add, divide, multiply, negative, real_part, sign, subtract, where_op
from .index import diagonal, take_along_op, tril, triu
from .product import matmul_op
from .reduce import sum_op
from .solve import LinAlgError, adjoint, inv_op, matrices, on_lapack, raw, solve_op, squares
from .structure import concatenate_op, expand_dims

WAY_OUT = (
    "Functions of the whole matrix have derivatives there: tg.linalg.matrix_function, sqrtm and expm use divided "
    "differences; sums over all vectors of one value are right as they stand"
)


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


def _equal(w: Any) -> Any:
    """Which pairs of values along the last axis count as equal: (..., n, n), True on the diagonal."""
    size = abs(w).max(-1, initial=0.0)[..., None, None]
    return abs(w[..., None, :] - w[..., :, None]) <= 64 * max(w.shape[-1], 1) * _precision(w.dtype) * size


def _refuse(w: Any, wrong: Any, what: str) -> None:
    """Raise for the first pair of values that must not be told apart and is."""
    *lead, i, j = (int(k) for k in np.argwhere(wrong)[0])
    values = w[tuple(lead)]
    raise LinAlgError(
        f"{what}: the values {values[i]:.6g} and {values[j]:.6g} (numbers {i} and {j}"
        + (f" of matrix {tuple(lead)}" if lead else "")
        + f") are repeated, and what is asked for depends on how they or their vectors are told apart. {WAY_OUT}"
    )


@op()
def over(s, w, *, what, plus=False, skew=True):
    """s[i, j] / (w[j] - w[i]), or of the sum with plus; of (s - s^H) / 2 if skew.

    Matrices s (..., n, n) and values w (..., n) -> (..., n, n). Where the denominator is 0 so is the result, and s must
    be: a LinAlgError names values that it tells apart and that are equal. The diagonal of differences is free.
    """
    k = (s - adjoint(s)) / 2 if skew else s
    under = w[..., None, :] + w[..., :, None] if plus else w[..., None, :] - w[..., :, None]
    size = abs(w).max(-1, initial=0.0)[..., None, None]
    zero = abs(under) <= 64 * max(w.shape[-1], 1) * _precision(w.dtype) * size
    wrong = zero if plus else zero & ~np.eye(w.shape[-1], dtype=bool)
    if wrong.any():
        least = _precision(s.dtype) ** 0.75 * abs(s).max((-2, -1), initial=0.0, keepdims=True)
        wrong = wrong & (abs(k) > least)
        if wrong.any():
            _refuse(w, wrong, what)
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
    equal = _equal(w)
    if equal.sum() > w.size:
        wrong = abs(g[..., None, :] - g[..., :, None])
        wrong = equal & (wrong > _precision(g.dtype) ** 0.75 * abs(g).max(-1, initial=0.0)[..., None, None])
        if wrong.any():
            _refuse(w, wrong, what)
    return g.copy()


per_value.vjp(g=lambda g, w, what: per_value(g, w, what=what)).sample(real(2, 3), distinct(2, 3), what="test")


def _no_phase(s: Any, what: str) -> None:
    """Raise if the diagonal says that a loss changes with the phases of complex vectors."""
    s = raw(s)
    if s.dtype.kind == "c" and s.size:
        phase = abs(np.diagonal(s, 0, -2, -1).imag)
        if (phase > _precision(s.dtype) ** 0.75 * abs(s).max((-2, -1))[..., None]).any():
            raise LinAlgError(
                f"{what}: what is asked for depends on the phase of complex vectors, which is arbitrary: "
                "multiplied by e^(i phi) each is as good. Use what does not change, as abs(v)**2 or v * conj(v[0])"
            )


# -- Hermitian matrices --------------------------------------------------------------------------------------


def _column_scaled(v: Any, w: Any) -> Any:
    return multiply(v, expand_dims(w, -2))


def _hermitian(x: Any) -> Any:
    return multiply(add(x, adjoint(x)), 0.5)


@op(outputs=("w", "v"))
def eigh_op(a, *, UPLO="L"):
    """Eigenvalues (..., n), ascending, and vectors (..., n, n) as columns, of Hermitian matrices (..., n, n)."""
    w, v = on_lapack(np.linalg.eigh, a, UPLO)
    return w, v


def _eigh_rule(g: Any, w: Any, v: Any) -> Any:
    gw, gv = g
    s = matmul_op(adjoint(v), gv)
    _no_phase(s, "eigh")
    inner = over(s, w, what="eigh")
    y = add(inner, _diagonal_matrix(per_value(gw, w, what="eigh"), v.dtype))
    return _hermitian(matmul_op(matmul_op(v, y), adjoint(v)))


def _diagonal_matrix(d: Any, dtype: Any) -> Any:
    return multiply(expand_dims(d, -2), np.eye(d.shape[-1], dtype=dtype))


@op()
def eigvalsh_op(a, *, UPLO="L"):
    """Eigenvalues (..., n), ascending, of Hermitian matrices (..., n, n)."""
    return on_lapack(np.linalg.eigvalsh, a, UPLO)


def _eigvalsh_rule(g: Any, a: Any, UPLO: str) -> Any:
    w, v = eigh_op(a, UPLO=UPLO)
    return _hermitian(matmul_op(_column_scaled(v, per_value(g, w, what="eigvalsh")), adjoint(v)))


def _eigvalsh_ahead(tangents: Any, a: Any, UPLO: str) -> Any:
    w, v = eigh_op(a, UPLO=UPLO)
    t = matmul_op(matmul_op(adjoint(v), _hermitian(tangents[0])), v)
    over(t, w, what="eigvalsh", skew=False)  # raises if the direction splits equal values
    return per_value(real_part(diagonal(t, 0, -2, -1)), w, what="eigvalsh")


SYMMETRIC = np.array([[2.0, -0.5, 0.3], [-0.5, 1.0, 0.7], [0.3, 0.7, -1.0]])
SYMMETRICS = np.stack([SYMMETRIC, np.diag([3.0, 1.0, 2.0]) + 0.1 * SYMMETRIC])
eigh_op.vjp(a=_eigh_rule)
eigvalsh_op.vjp(a=_eigvalsh_rule).jvp(_eigvalsh_ahead)
for _eigh in (eigh_op, eigvalsh_op):
    _eigh.hermitian = ("a",)
    _eigh.sample(SYMMETRIC).sample(SYMMETRICS).sample(SYMMETRIC, UPLO="U")
eigh_op.arbitrary = "the phases of its vectors"


@op()
def cholesky_op(a, *, upper=False):
    """The triangular factors of positive definite Hermitian matrices (..., n, n): L L^H, or U^H U if upper."""
    return on_lapack(np.linalg.cholesky, a, upper=True) if upper else on_lapack(np.linalg.cholesky, a)


def _cholesky_rule(g: Any, out: Any, upper: bool) -> Any:
    """L^-H Phi(L^H g) L^-1, Hermitian. Source: Murray (2016), arXiv:1602.07527, equation 9."""
    lower, g = (adjoint(out), adjoint(g)) if upper else (out, g)
    middle = tril(matmul_op(adjoint(lower), g))
    middle = multiply(
        middle, np.tril(np.ones(out.shape[-2:]), -1).astype(out.dtype) + 0.5 * np.eye(out.shape[-1]).astype(out.dtype)
    )
    back = adjoint(lower)
    return _hermitian(adjoint(solve_op(back, adjoint(solve_op(back, middle)))))


DEFINITE = SYMMETRIC @ SYMMETRIC + np.eye(3)
cholesky_op.vjp(a=_cholesky_rule).sample(DEFINITE).sample(SYMMETRICS @ SYMMETRICS + np.eye(3)).sample(
    DEFINITE, upper=True
)
cholesky_op.hermitian = ("a",)

# -- any matrices --------------------------------------------------------------------------------------------


@op(outputs=("u", "s", "vh"))
def svd_op(a):
    """Matrices (..., m, n) -> u (..., m, k), s (..., k) descending, vh (..., k, n), k the smaller of m and n."""
    return on_lapack(np.linalg.svd, a, full_matrices=False)


def _svd_rule(g: Any, u: Any, s: Any, vh: Any) -> Any:
    gu, gs, gvh = g
    p, q = matmul_op(adjoint(u), gu), matmul_op(vh, adjoint(gvh))
    both = add(p, q)
    _no_phase(both, "svd")
    inner = add(over(both, s, what="svd"), over(subtract(p, q), s, what="svd", plus=True))
    inner = add(inner, _diagonal_matrix(_not_zero(per_value(gs, s, what="svd"), s), u.dtype))
    y = matmul_op(matmul_op(u, inner), vh)
    m, n, k = u.shape[-2], vh.shape[-1], s.shape[-1]
    if m > k:  # what of gu lies outside of the columns of u
        y = add(y, matmul_op(_by_value(subtract(gu, matmul_op(u, p)), s), vh))
    if n > k:
        outside = _by_value(adjoint(subtract(gvh, matmul_op(adjoint(q), vh))), s)
        y = add(y, matmul_op(u, adjoint(outside)))
    return y


def _zeros(s: Any) -> Any:
    """Which singular values count as zero."""
    s = raw(s)
    return s <= 64 * max(s.shape[-1], 1) * _precision(s.dtype) * s.max(-1, initial=0.0)[..., None]


def _not_zero(g: Any, s: Any) -> Any:
    """A singular value of 0 has a kink like abs: gradient 0."""
    zero = _zeros(s)
    return where_op(zero, 0.0, g) if zero.any() else g


def _by_value(x: Any, s: Any) -> Any:
    """The columns of x divided by the singular values; those of 0 must be 0."""
    zero = _zeros(s)
    if zero.any():
        wrong = zero[..., None, :] & (
            abs(raw(x)) > _precision(s.dtype) ** 0.75 * max(1.0, abs(raw(x)).max(initial=0.0))
        )
        if wrong.any():
            raise LinAlgError(
                "svd: a singular value is 0, and what is asked for depends on its vectors, which can be any basis of "
                f"the null space. {WAY_OUT}"
            )
        s = where_op(zero, 1.0, s)
        x = where_op(zero[..., None, :], 0.0, x)
    return divide(x, expand_dims(s, -2))


@op()
def svdvals_op(a):
    """Singular values (..., k), descending, of matrices (..., m, n), k the smaller of m and n."""
    return on_lapack(np.linalg.svd, a, compute_uv=False)


def _svdvals_rule(g: Any, a: Any) -> Any:
    u, s, vh = svd_op(a)
    return matmul_op(_column_scaled(u, _not_zero(per_value(g, s, what="svdvals"), s)), vh)


def _svdvals_ahead(tangents: Any, a: Any) -> Any:
    u, s, vh = svd_op(a)
    t = matmul_op(matmul_op(adjoint(u), tangents[0]), adjoint(vh))
    over(_hermitian(t), s, what="svdvals", skew=False)  # raises if the direction splits equal values
    return per_value(_not_zero(real_part(diagonal(t, 0, -2, -1)), s), s, what="svdvals")


svd_op.vjp(a=_svd_rule)
svdvals_op.vjp(a=_svdvals_rule).jvp(_svdvals_ahead)
SQUARE = np.array([[2.0, 0.3, -0.4], [0.1, -1.2, 0.5], [0.6, 0.2, 0.7]])
for _svd in (svd_op, svdvals_op):
    _svd.sample(SQUARE).sample(real(2, 4)).sample(np.stack([SQUARE[:, :2], SQUARE[:, 1:]])).sample(np.zeros((2, 0, 3)))
svd_op.arbitrary = "the phases of its vectors"


@op()
def complement(u, basis):
    """`basis` (..., m, m - k): columns that complete the orthonormal u (..., m, k), as they move when u does."""
    return basis.copy()


def _complement_rule(g: Any, u: Any, out: Any) -> Any:
    """They move by -u (du^H basis), and do not turn among themselves; what depends on such a turn is refused."""
    s = raw(matmul_op(adjoint(out), g))
    turn = abs(s - adjoint(s))
    if (turn > _precision(s.dtype) ** 0.75 * max(1.0, abs(s).max(initial=0.0))).any():
        raise LinAlgError(
            "full_matrices, complete: the columns beyond the first k can be any basis of the rest of the space, and "
            "what is asked for depends on which. Use full_matrices=False or mode='reduced', or a function of the space "
            "they span, as n @ n.T"
        )
    return negative(matmul_op(out, matmul_op(adjoint(g), u)))


complement.vjp(u=_complement_rule)
del OPS["complement"]  # a function of u only where u is orthonormal: no arguments for the checks, no op to call


def _completed(u: Any, basis: Any) -> Any:
    return concatenate_op(u, complement(u, basis), axis=u.ndim - 1)


@op(outputs=("w", "v"))
def eig_op(a):
    """Eigenvalues (..., n) and vectors (..., n, n) as columns of square matrices; complex unless all are real."""
    w, v = on_lapack(np.linalg.eig, a)
    return w, v


def _eig_rule(g: Any, w: Any, v: Any) -> Any:
    """V^-H (diag(gw) + (V^H gv - V^H V Re diag(V^H gv)) / conj(E)) V^H. Source: Boeddeker (2017), arXiv:1701.00392."""
    gw, gv = g
    vh = adjoint(v)
    s = matmul_op(vh, gv)
    _no_phase(s, "eig")
    along = real_part(diagonal(s, 0, -2, -1))
    s = subtract(s, multiply(matmul_op(vh, v), expand_dims(along, -2)))
    inner = add(over(s, H(w), what="eig", skew=False), _diagonal_matrix(per_value(gw, w, what="eig"), v.dtype))
    return matmul_op(_inverse(vh, w, "eig"), matmul_op(inner, vh))


def _inverse(vh: Any, w: Any, what: str) -> Any:
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


def _eigvals_rule(g: Any, a: Any) -> Any:
    w, v = eig_op(a)
    vh = adjoint(v)
    given = per_value(g, w, what="eigvals")
    return matmul_op(_column_scaled(_inverse(vh, w, "eigvals"), given), vh)


APART = np.diag([1.0, 2.5, 4.0]) + 0.2 * SQUARE
eig_op.vjp(a=_eig_rule).sample(APART).sample(np.stack([APART, APART.T @ np.diag([1.0, 1.5, 2.0])]))
eig_op.arbitrary = "the phases of its vectors"
eigvals_op.vjp(a=_eigvals_rule).sample(APART).sample(np.stack([APART, APART + 0.1 * SQUARE.T]))


@op(outputs=("q", "r"))
def qr_op(a):
    """Matrices (..., m, n), m >= n -> q (..., m, n) with orthonormal columns, r (..., n, n) upper triangular."""
    q, r = on_lapack(np.linalg.qr, a)
    return q, r


def _qr_rule(g: Any, q: Any, r: Any) -> Any:
    """(gq + q herm(triu(r gr^H - gq^H q))) r^-H. Source: Walter and Lehmann (2010), arXiv:1009.6112; Seeger (2017)."""
    gq, gr = g
    m = triu(subtract(matmul_op(gr, adjoint(r)), matmul_op(adjoint(q), gq)))
    m = subtract(add(m, adjoint(m)), _diagonal_matrix(real_part(diagonal(m, 0, -2, -1)), m.dtype))
    d = abs(np.diagonal(raw(r), 0, -2, -1))
    if d.size and (d.min(-1) <= d.max(-1) * d.shape[-1] * _precision(d.dtype)).any():
        raise LinAlgError(
            "qr: the first columns of the matrix are linearly dependent, where q and r have no derivative; svd and "
            "pinv are for matrices of any rank"
        )
    return adjoint(solve_op(r, adjoint(add(gq, matmul_op(q, m)))))


qr_op.vjp(a=_qr_rule).sample(SQUARE).sample(real(4, 2)).sample(np.stack([SQUARE, SQUARE.T]))

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
    a = squares(a, "eig")
    _finite(a, "eig")
    return EigResult(*eig_op(a))


@numpy_name(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    """Eigenvalues (..., n) of square matrices (..., n, n)."""
    a = squares(a, "eigvals")
    _finite(a, "eigvals")
    return eigvals_op(a)


def _finite(a: Any, name: str) -> None:
    if not np.isfinite(raw(a)).all():
        raise LinAlgError(f"{name}: the array must not contain infs or NaNs")


@numpy_name(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """Matrices (..., m, n) -> U (..., m, m), S (..., k), Vh (..., n, n); if not full, k columns and rows of these."""
    a = matrices(a, "svd")
    if hermitian:
        return _svd_hermitian(squares(a, "svd"), compute_uv)
    if not compute_uv:
        return svdvals_op(a)
    u, s, vh = svd_op(a)
    m, n = a.shape[-2:]
    if full_matrices and m != n:
        full_u, _, full_vh = on_lapack(np.linalg.svd, raw(a))
        k = min(m, n)
        if m > k:
            u = _completed(u, full_u[..., k:])
        else:
            vh = adjoint(_completed(adjoint(vh), adjoint(full_vh)[..., k:]))
    return SVDResult(u, s, vh)


def _svd_hermitian(a: Any, compute_uv: bool) -> Any:
    w = eigvalsh_op(a) if not compute_uv else None
    v = None
    if w is None:
        w, v = eigh_op(a)
    order = np.argsort(abs(raw(w)), -1)[..., ::-1]
    s = take_along_op(absolute(w), order, axis=w.ndim - 1)
    if v is None:
        return s
    signs = take_along_op(sign(w), order, axis=w.ndim - 1)
    u = take_along_op(v, order[..., None, :], axis=v.ndim - 1)
    return SVDResult(u, s, adjoint(_column_scaled(u, signs)))


@numpy_name("linalg.svdvals")
def svdvals(x: Any, /) -> Any:
    """Singular values (..., k), descending, of matrices (..., m, n); 0, where they have a kink, has gradient 0."""
    return svdvals_op(matrices(x, "svdvals"))


@numpy_name(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """Matrices (..., m, n) -> Q with orthonormal columns and R upper triangular; mode 'reduced', 'complete' or 'r'.

    mode 'raw' gives LAPACK's Householder vectors, which are refused where a gradient is asked for.
    """
    if mode not in ("reduced", "complete", "r", "raw", "full", "economic", "f", "e"):
        raise ValueError(f"qr: mode {mode!r} is not 'reduced', 'complete', 'r' or 'raw'")
    if mode in ("full", "economic", "f", "e"):
        raise ValueError(f"qr: mode {mode!r} is one of old releases of NumPy; use 'reduced'")
    a = matrices(a, "qr")
    if mode == "raw":
        if isinstance(a, Recorded) and a.requires_grad and state.recording:
            raise TypeError(
                "qr: mode 'raw' gives Householder vectors, which have no derivative here; 'reduced' and 'complete' have"
            )
        found = np.linalg.qr(raw(a), "raw")
        return tuple(wrap(x) for x in found) if isinstance(a, Recorded) else tuple(found)
    m, n = a.shape[-2:]
    k = min(m, n)
    if n > m:  # q is that of the first columns, and the rest of r follows
        q, left = qr_op(a[..., :k])
        r = concatenate_op(left, matmul_op(adjoint(q), a[..., k:]), axis=a.ndim - 1)
    else:
        q, r = qr_op(a)
    if mode == "r":
        return r
    if mode == "complete" and m > k:
        rest = on_lapack(np.linalg.qr, raw(a), "complete")[0][..., k:]
        q = _completed(q, rest)
        zeros = np.zeros((*r.shape[:-2], m - k, n), r.dtype)
        r = concatenate_op(r, zeros, axis=r.ndim - 2)
    return QRResult(q, r)
