"""Functions of matrices, and factorisations and equations that need SciPy: expm, logm, sqrtm, triangular systems, lu.

SciPy is imported when one of them is first called. Families are closed: the derivative of a function of a matrix in so
many directions is one op, whose rules have one direction more, so every order is there, at equal eigenvalues too.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import registry
from ..kernels.series import gauss
from ..registry import ARRAY, Recorded, op, operand, wrap
from ..samples import real
from ..tape import state
from .elementwise import H, add, imag_op, multiply, negative, real_op, real_part, subtract, where_op
from .factor import DEFINITE, SPREAD, SYMMETRIC, SYMMETRICS, cholesky_op, eigh_op
from .factor import SQUARE as GENERAL
from .index import getitem, take_along_op, tril, triu
from .product import kron, matmul_op
from .solve import LinAlgError, adjoint, inv_op, matrices, matrix_power, on_lapack, raw, solve, squares, turned
from .structure import broadcast_to_op, cast, concatenate_op, expand_dims, flip_op, reshape_op, squeeze, transpose_op


def _scipy(name: str) -> Any:
    try:
        import scipy.linalg
    except ImportError as error:
        raise ImportError(f"{name} needs SciPy, which is not installed: pip install 'tapegrad[scipy]'") from error
    return scipy.linalg


def _for_each(f: Callable[..., Any], *stacks: Any) -> Any:
    """f of matrices, for each place of the leading axes, which are those of all stacks."""
    lead = stacks[0].shape[:-2]
    if not lead:
        return f(*stacks)
    if not math.prod(lead):
        return np.zeros((*lead, *stacks[-1].shape[-2:]), np.result_type(*stacks))
    found = [f(*[x[k] for x in stacks]) for k in np.ndindex(lead)]
    return np.stack(found).reshape(*lead, *found[0].shape)


def _spread_out(*xs: Any) -> list[Any]:
    """Stacks of matrices with their leading axes broadcast."""
    lead = np.broadcast_shapes(*[x.shape[:-2] for x in xs])
    return [x if x.shape[:-2] == lead else broadcast_to_op(x, shape=(*lead, *x.shape[-2:])) for x in xs]


def _one_dtype(*xs: Any) -> list[Any]:
    dtype = np.result_type(*[x.dtype for x in xs])
    return [x if x.dtype == dtype else cast(x, dtype=dtype) for x in xs]


def _finite(name: str, check: bool, *xs: Any) -> None:
    if check and not all(np.isfinite(raw(x)).all() for x in xs):
        raise ValueError(f"{name}: array must not contain infs or NaNs")


def _double(a: Any) -> Any:
    return a.astype(np.result_type(a.dtype, np.float64), copy=False)


def _as_precise(y: Any, *like: Any) -> Any:
    """y in the precision of the arrays it came from."""
    single = all(a.dtype.char in "fF" for a in like)
    kind = y.dtype.kind == "c"
    return y.astype((np.complex64 if kind else np.float32) if single else np.complex128 if kind else np.float64)


# -- analytic functions --------------------------------------------------------------------------------------

# The derivative of f at a along e is the upper right block of f([[a, e], [0, a]]); along several directions, that of
# the matrix made in this way again and again. Source: Mathias (1996), A chain rule for matrix functions.


def _nested(a: Any, es: Any) -> Any:
    """[[x, e], [0, x]] for one direction after another, starting from x = a."""
    x = a
    for e in es:
        n, times = x.shape[-1], x.shape[-1] // e.shape[-1]
        y = np.zeros((*x.shape[:-2], 2 * n, 2 * n), np.result_type(x, e))
        y[..., :n, :n] = y[..., n:, n:] = x
        for i in range(times):
            here = slice(i * e.shape[-1], (i + 1) * e.shape[-1])
            y[..., here, n:][..., here] = e
        x = y
    return x


def _scaled(a: Any, es: Any) -> tuple[list[Any], Any]:
    """Directions made small beside a, so that how f is computed depends on a alone; and the factor that undoes it."""
    norm = lambda x: abs(x).sum(-2, keepdims=True).max(-1, keepdims=True, initial=0.0)
    size, scaled = norm(a), []
    factor: Any = 1.0
    size = np.where(size > 0, size, 1.0) / 8
    for e in es:
        by = _norm(e) / size
        by = np.where(by > 0, by, 1.0)
        scaled.append(e / by)
        factor = factor * by
    return scaled, factor


def _expm(a: Any, es: Any) -> Any:
    linalg = _scipy("expm")
    n = a.shape[-1]
    if len(es) == 1 and n > SMALL and a.ndim == 2:
        return _as_precise(linalg.expm_frechet(a, es[0], compute_expm=False, check_finite=False), a, es[0])
    small, factor = _scaled(a, es)
    x = _nested(a, small)
    y = _pade(x) if x.shape[-1] <= SMALL else linalg.expm(x)
    return _as_precise(y[..., :n, -n:] * factor if es else y, a, *es)


SMALL = 32  # rows up to which NumPy's loops over stacks are faster than SciPy's, and single matrices not much slower
NUMERATOR = [math.factorial(26 - j) / (math.factorial(j) * math.factorial(13 - j)) for j in range(14)]
NUMERATOR = [c / NUMERATOR[0] for c in NUMERATOR]


def _pade(a: Any) -> Any:
    """The exponentials of a stack: a quotient of polynomials of degree 13 of a small part, squared again and again.

    Source: Higham (2005), The scaling and squaring method for the matrix exponential revisited; how small by the norms
    of powers, as Al-Mohy and Higham (2009), so that large numbers beside the diagonal do not scale down the others.
    """
    if not a.size or not np.isfinite(a).all():
        return a + np.nan
    b, one = NUMERATOR, np.eye(a.shape[-1], dtype=a.dtype)
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a4 @ a2
    size = np.maximum(_norm(a4) ** (1 / 4), _norm(a6) ** (1 / 6))
    times = np.maximum(np.frexp(size / 5.37)[1], 0)
    if times.any():
        by = np.ldexp(np.ones_like(size), -times)
        a, a2, a4, a6 = a * by, a2 * by**2, a4 * by**4, a6 * by**6
    odd = a @ (a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2) + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * one)
    even = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2) + b[6] * a6 + b[4] * a4 + b[2] * a2 + one
    y = np.linalg.solve(even - odd, even + odd)
    for k in range(int(times.max(initial=0))):
        y = np.where(times > k, y @ y, y)
    return y


def _norm(x: Any) -> Any:
    """The largest sum of a column, (..., 1, 1)."""
    return abs(x).sum(-2, keepdims=True).max(-1, keepdims=True, initial=0.0)


def _triangle(a: Any) -> tuple[Any, Any]:
    """t and z with a = z @ t @ z^H, t upper triangular, complex where real numbers do not do."""
    linalg = _scipy("the Schur form")
    t, z = linalg.schur(a, output="real")
    return linalg.rsf2csf(t, z) if t.dtype.kind != "c" and np.any(np.diagonal(t, -1)) else (t, z)


def _root(t: Any, trsyl: Any, nested: int) -> Any:
    """The square root of a triangular matrix, of which both halves are one if it is nested. By halves."""
    n = len(t)
    if n == 1:
        return np.sqrt(t)
    k = n // 2
    y = np.zeros_like(t)
    y[:k, :k] = _root(t[:k, :k], trsyl, nested - 1)
    y[k:, k:] = y[:k, :k] if nested > 0 else _root(t[k:, k:], trsyl, 0)
    x, scale, _ = trsyl(y[:k, :k], y[k:, k:], t[:k, k:])
    y[:k, k:] = scale * x
    return y


def _log(t: Any, nested: int) -> Any:
    """The logarithm of a triangular matrix: roots until it is near 1, then a quadrature of degree 7.

    Source: Higham (2008), Functions of Matrices, chapter 11.
    """
    (trsyl,) = _scipy("logm").get_lapack_funcs(("trsyl",), (t,))
    values, one, times = np.log(np.diagonal(t)), np.eye(len(t)), 1.0
    while abs(t - one).sum(0).max() > 0.25 and times < 2.0**100:
        t, times = _root(t, trsyl, nested), 2.0 * times
    x = t - one
    x = times * sum([weight * _back_substituted(one + u * x, x, False) for u, weight in gauss(7)])
    np.fill_diagonal(x, values)
    return x


def _on_triangles(f: Callable[..., Any], plainly: Callable[[Any], Any], a: Any, *es: Any) -> Any:
    """f at one matrix, or its derivative. The nested matrix is made from the Schur form, so that it is triangular too,
    and what is one eigenvalue of a is one number in it, on one branch of f. plainly: f at a singular matrix."""
    n = len(a)
    if not n:
        return a.copy()
    t, z = _triangle(a)
    values, eps = np.diagonal(t), np.finfo(t.dtype).eps
    if abs(values).min() <= n * eps * abs(values).max():
        if not es:
            return np.asarray(plainly(a))
        raise LinAlgError("logm, fractional_matrix_power: the matrix is singular, where they have no derivative")
    negative_ones = ((values.real < 0) & (abs(values.imag) <= n * eps * abs(values))).any()
    small, factor = _scaled(t, [adjoint(z) @ e @ z for e in es])
    t = _nested(t, small)
    y = f(t.astype(complex) if negative_ones else t, len(es))[:n, -n:] * factor
    y = z @ y @ adjoint(z)
    return y.real if not negative_ones and all(x.dtype.kind != "c" for x in (a, *es)) else y


def _logm(a: Any, es: Any) -> Any:
    plainly = lambda x: _scipy("logm").logm(x)
    return _as_precise(_for_each(lambda *xs: _on_triangles(_log, plainly, *xs), *map(_double, (a, *es))), a, *es)


def _power(a: Any, es: Any, t: float) -> Any:
    linalg = _scipy("fractional_matrix_power")
    f = lambda x, nested: _pade(t * _log(x, nested))
    plainly = lambda x: linalg.fractional_matrix_power(x, t)
    return _as_precise(_for_each(lambda *xs: _on_triangles(f, plainly, *xs), *map(_double, (a, *es))), a, *es)


@op()
def expm_op(a, *es):
    """The exponential of square matrices (..., n, n), or its derivative along directions es of that shape."""
    return _expm(a, es)


@op()
def logm_op(a, *es):
    """The logarithm of square matrices (..., n, n), or its derivative along directions es of that shape."""
    return _logm(a, es)


@op()
def fractional_matrix_power_op(a, *es, t):
    """The t-th power of square matrices (..., n, n), or its derivative along directions es of that shape."""
    return _power(a, es, t)


# The adjoint of a derivative of f at a is one at a^H, with g in place of the direction, of conj(f(conj(x))). That is
# f but where a branch is cut, so it is taken at a^T, and conjugated.


def _transposes(es: Any) -> list[Any]:
    return [turned(e) for e in es]


def _with_g(g: Any, position: int, es: Any) -> list[Any]:
    """The transposed directions, with conj(g) in the place of the one at that position."""
    return [H(g) if i == position else turned(e) for i, e in enumerate(es)]


expm_op.vjp(
    a=lambda g, a, es: H(expm_op(turned(a), *_transposes(es), H(g))),
    es=lambda g, a, position, es: H(expm_op(turned(a), *_with_g(g, position, es))),
)
logm_op.vjp(
    a=lambda g, a, es: H(logm_op(turned(a), *_transposes(es), H(g))),
    es=lambda g, a, position, es: H(logm_op(turned(a), *_with_g(g, position, es))),
)
fractional_matrix_power_op.vjp(
    a=lambda g, a, es, t: H(fractional_matrix_power_op(turned(a), *_transposes(es), H(g), t=t)),
    es=lambda g, a, position, es, t: H(fractional_matrix_power_op(turned(a), *_with_g(g, position, es), t=t)),
)

GENERALS = np.stack([GENERAL, SPREAD])
POSITIVE = GENERAL @ GENERAL.T + 0.3 * GENERAL + 2 * np.eye(3)
POSITIVES = np.stack([POSITIVE, SPREAD])
expm_op.sample(GENERALS).sample(GENERAL, real(3, 3)).sample(np.zeros((2, 2)))
for _function, _options in ((logm_op, {}), (fractional_matrix_power_op, {"t": 0.4})):
    _function.sample(POSITIVES, **_options).sample(POSITIVE, real(3, 3), **_options)
    _function.sample(2.0 * np.eye(2), **_options)
fractional_matrix_power_op.sample(POSITIVE, t=-1.3)


# -- equations -----------------------------------------------------------------------------------------------


@op()
def solve_sylvester_op(a, b, q):
    """The x with a @ x + x @ b = q: matrices a (..., m, m), b (..., n, n), q (..., m, n) -> (..., m, n)."""
    return _for_each(_sylvester, a, b, q)


def _sylvester(a: Any, b: Any, q: Any) -> Any:
    """By the Schur forms of a and b^H. Source: Bartels and Stewart (1972)."""
    dtype = np.result_type(a, b, q)
    if not q.any():
        return np.zeros(q.shape, dtype)
    linalg = _scipy("solve_sylvester")
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


@op()
def sqrtm_op(a):
    """The principal square roots of square matrices (..., n, n); complex where a real one has none that is real."""
    linalg = _scipy("sqrtm")
    return _as_precise(_for_each(lambda x: np.asarray(linalg.sqrtm(x)), a), a)


# x @ x = a, so that x @ dx + dx @ x = da
sqrtm_op.vjp(a=lambda g, out: solve_sylvester_op(adjoint(out), adjoint(out), g))
sqrtm_op.sample(POSITIVE).sample(POSITIVES).sample(np.eye(2)).sample(np.zeros((2, 0, 0)))


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
    return _for_each(lambda x, y: _back_substituted(x, y, lower), a, b)


def _back_substituted(a: Any, b: Any, lower: bool) -> Any:
    """The solution of a triangular system whose matrix is zero beyond."""
    if len(a) <= SMALL:
        return np.linalg.solve(a, b)
    return on_lapack(_scipy("solve_triangular").solve_triangular, a, b, lower=lower, check_finite=False)


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
    (getrf,) = _scipy("lu").get_lapack_funcs(("getrf",), (a,))
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

# -- functions of Hermitian matrices -------------------------------------------------------------------------


class _Apart(Exception):
    """f is no function of real eigenvalues to real numbers that depends on nothing else."""


def _values(f: Callable[[Any], Any], x: Any, orders: int) -> list[Any]:
    """f and its first derivatives at the points x, as arrays, from the tape of f."""
    before = state.recording
    state.recording = True
    try:
        leaf = registry.tensor_type(x, requires_grad=True)  # type: ignore[call-arg]
        y, found = f(leaf), []
        for order in range(orders + 1):
            value = np.broadcast_to(raw(y), x.shape) if np.ndim(raw(y)) == 0 else np.asarray(raw(y))
            if value.shape != x.shape:
                raise ValueError(
                    f"matrix_function: f must work element by element, but gave the shape {value.shape} for {x.shape}"
                )
            if value.dtype.kind == "c" or _depends_on_others(y, leaf):
                raise _Apart
            found.append(value)
            if order < orders:
                if not (isinstance(y, Recorded) and y.requires_grad):
                    return found + [np.zeros(x.shape)] * (orders - order)
                y.backward(np.ones(x.shape, y.dtype), create_graph=True, inputs=leaf)  # type: ignore[attr-defined]
                y, leaf.grad = leaf.grad, None  # type: ignore[attr-defined]
        return found
    finally:
        state.recording = before


def _depends_on_others(y: Any, leaf: Any) -> bool:
    """Whether y requires grad of more than the leaf."""
    if not isinstance(y, Recorded) or y.node is None:
        return False
    todo, seen = [y.node], {leaf.node}
    while todo:
        node = todo.pop()
        if node in seen or not node.requires_grad:
            continue
        if node.op is None:
            return True
        seen.add(node)
        todo += [i for i in node.inputs if type(i) is type(node)]
    return False


NEAR = 0.01  # of the largest eigenvalue: distances below which an integral may be the better divided difference


def _simplex(k: int, m: int) -> tuple[Any, Any]:
    """Points (p, k + 1) with sum 1 and weights (p,): the integral over the simplex of dimension k, by Gauss."""
    u, weight = np.polynomial.legendre.leggauss(m)
    u, weight = (u + 1) / 2, weight / 2
    grid = np.stack([g.reshape(-1) for g in np.meshgrid(*[u] * k, indexing="ij")], -1)
    weights = math.prod([g.reshape(-1) for g in np.meshgrid(*[weight] * k, indexing="ij")])
    points, rest = [], np.ones(len(grid))
    for i in range(k):
        weights = weights * (1 - grid[:, i]) ** (k - 1 - i)
        points.append(rest * grid[:, i])
        rest = rest * (1 - grid[:, i])
    return np.stack([*points, rest], -1), weights


def _divided_differences(f: Callable[[Any], Any], w: Any, orders: int) -> Any:
    """f[w[i], w[j], ...] of orders + 1 ascending eigenvalues each: an array of n in orders + 1 axes.

    A quotient of differences where it is the more accurate, else the integral of Hermite and Genocchi of a derivative.
    Source: Higham (2008), Functions of Matrices, B.16.
    """
    n, eps = w.size, np.finfo(np.float64).eps
    size = abs(w).max(initial=0.0)
    table = _values(f, w, 0)[0].astype(np.float64)
    error = eps * abs(table)
    for k in range(1, orders + 1):
        at = np.stack([i.reshape(-1) for i in np.indices((n,) * (k + 1))], -1)
        at = at[(np.diff(at, axis=-1) >= 0).all(-1)]
        x = w[at]
        width = x[:, -1] - x[:, 0]
        first, last = tuple(at[:, :-1].T), tuple(at[:, 1:].T)
        with np.errstate(all="ignore"):
            value = (table[last] - table[first]) / width
            doubt = (error[last] + error[first] + eps * (abs(table[last]) + abs(table[first]))) / width
        doubt = np.where(width > 0, doubt, np.inf)
        (near,) = np.nonzero((width <= NEAR * size) | (doubt > 1e3 * eps * abs(value)))
        for equal in (True, False):
            some = near[(width[near] <= 4 * eps * size) == equal]
            if some.size:
                integral, bound = _integral(f, x[some], k, equal)
                better = ~(bound >= doubt[some])
                value[some[better]], doubt[some[better]] = integral[better], bound[better]
        table, error = np.empty((n,) * (k + 1)), np.empty((n,) * (k + 1))
        table[tuple(at.T)], error[tuple(at.T)] = value, doubt
        order = tuple(np.sort(np.indices(table.shape), axis=0))
        table, error = table[order], error[order]
    return table


def _integral(f: Callable[[Any], Any], x: Any, k: int, equal: bool) -> tuple[Any, Any]:
    """The divided differences at points x (..., k + 1) that are near each other, and how far off they may be."""
    with np.errstate(all="ignore"):
        if equal:
            value = _values(f, x.mean(-1), k)[k] / math.factorial(k)
            return value, np.finfo(np.float64).eps * abs(value)
        results = []
        for m in (4, 7):
            points, weights = _simplex(k, m)
            results.append(_values(f, x @ points.T, k)[k] @ weights)
        coarse, fine = results
        return fine, abs(fine - coarse) + np.finfo(np.float64).eps * abs(fine)


@op()
def matrix_function_op(a, *es, f):
    """f of Hermitian matrices (..., n, n), f real, or its derivative along the Hermitian parts of directions es.

    By divided differences, so that equal eigenvalues are as good as others. Source: Daleckii and Krein (1965).
    """
    w, v = on_lapack(np.linalg.eigh, a)
    if not es:
        values = np.asarray(_values(f, w, 0)[0])
        return ((v * values[..., None, :]) @ adjoint(v)).astype(a.dtype, copy=False)
    vh = adjoint(v)
    inside = [vh @ ((e + adjoint(e)) / 2) @ v for e in es]
    y = np.empty(a.shape, np.result_type(a, *es))
    for k in np.ndindex(a.shape[:-2]):
        y[k] = _along(_divided_differences(f, w[k].astype(np.float64), len(es)), [e[k] for e in inside])
    return v @ y @ vh


def _along(table: Any, es: list[Any]) -> Any:
    """The sum over all orders of the directions of table[i, j, ...] e1[i, j] e2[j, ...] ..."""
    if len(es) == 1:
        return np.where(es[0] == 0, 0, table * es[0])  # an infinite slope that nobody asks for
    letters = "abcdefghijklmnopqrstuvwxyz"[: len(es) + 1]
    pairs = ",".join([i + j for i, j in itertools.pairwise(letters)])
    subscripts = f"{letters},{pairs}->{letters[0]}{letters[-1]}"
    return sum([np.einsum(subscripts, table, *order) for order in itertools.permutations(es)])


matrix_function_op.vjp(
    a=lambda g, a, es, f: matrix_function_op(a, *es, g, f=f),
    es=lambda g, a, position, es, f: matrix_function_op(a, *[g if i == position else e for i, e in enumerate(es)], f=f),
)
matrix_function_op.hermitian = ("a",)
for _a in (SYMMETRIC, SYMMETRICS, np.eye(3), np.diag([1.0, 1.0, 2.0])):
    matrix_function_op.sample(_a, f=np.exp)
matrix_function_op.sample(DEFINITE, f=np.log).sample(SYMMETRIC, real(3, 3), f=np.sin)
matrix_function_op.sample(np.zeros((2, 0, 0)), f=np.exp)


def matrix_function(f: Callable[[Any], Any], a: Any) -> Any:
    """f of Hermitian matrices (..., n, n): v @ diag(f(w)) @ v^H, right at equal eigenvalues too, to any order.

    f: a function of an array of eigenvalues, element by element, made of NumPy's or tapegrad's functions; it is called
    with a Tensor, and differentiated. Of each matrix the lower triangle is read, and the gradient is Hermitian. If f
    depends on other Tensors that require grad, they have their gradient too, unless eigenvalues are equal: LinAlgError.
    The k-th derivative takes n ** (k + 1) numbers for each matrix.
    """
    if not callable(f):
        raise TypeError(f"matrix_function: f must be a function, not {type(f).__name__}; the matrix comes second")
    a = squares(a, "matrix_function")
    try:
        return matrix_function_op(a, f=f)
    except _Apart:
        pass
    try:
        real_of, imag_of = lambda w: real_part(f(w)), lambda w: _imaginary(f(w))
        return add(matrix_function_op(a, f=real_of), multiply(matrix_function_op(a, f=imag_of), 1j))
    except _Apart:
        pass
    w, v = eigh_op(a)
    if isinstance(a, Recorded) and a.requires_grad and state.recording:
        values = raw(w)
        if (np.diff(values) <= 64 * np.finfo(values.dtype).eps * abs(values).max(-1, initial=0.0)[..., None]).any():
            raise LinAlgError(
                "matrix_function: eigenvalues are equal, and f depends on Tensors that require grad; there the "
                "derivative is known for an f of the eigenvalues alone. Detach those Tensors"
            )
    return matmul_op(multiply(v, expand_dims(f(w), -2)), adjoint(v))


def _imaginary(y: Any) -> Any:
    return imag_op(y) if y.dtype.kind == "c" else multiply(y, 0.0)


# -- public functions ----------------------------------------------------------------------------------------

# Arguments are SciPy's. overwrite_a and overwrite_b only allow to overwrite; nothing is.


def expm(A: Any) -> Any:
    """The matrix exponential of square matrices (..., n, n)."""
    return expm_op(squares(A, "expm"))


def logm(A: Any) -> Any:
    """The principal logarithm of square matrices (..., n, n); complex where a real matrix has none that is real."""
    return logm_op(squares(A, "logm"))


def sqrtm(A: Any) -> Any:
    """The principal square root of square matrices (..., n, n); complex where a real matrix has none that is real.

    A singular matrix has no derivative: a LinAlgError.
    """
    return sqrtm_op(squares(A, "sqrtm"))


def fractional_matrix_power(A: Any, t: Any) -> Any:
    """The t-th power of square matrices (..., n, n), t a real number, or a Tensor of one, which has its gradient."""
    A = squares(A, "fractional_matrix_power")
    if isinstance(t, Recorded) and t.requires_grad:
        if t.size != 1:
            raise ValueError(f"fractional_matrix_power: t must be one number, got shape {t.shape}")
        return expm(multiply(reshape_op(t, shape=()), logm_op(A)))
    t = float(raw(t))
    if t == int(t):
        return matrix_power(A, int(t))
    return fractional_matrix_power_op(A, t=t)


def cosm(A: Any) -> Any:
    """The matrix cosine of square matrices (..., n, n)."""
    A = squares(A, "cosm")
    if A.dtype.kind != "c":
        return real_op(expm_op(multiply(A, 1j)))
    return multiply(add(expm_op(multiply(A, 1j)), expm_op(multiply(A, -1j))), 0.5)


def sinm(A: Any) -> Any:
    """The matrix sine of square matrices (..., n, n)."""
    A = squares(A, "sinm")
    if A.dtype.kind != "c":
        return imag_op(expm_op(multiply(A, 1j)))
    return multiply(subtract(expm_op(multiply(A, 1j)), expm_op(multiply(A, -1j))), -0.5j)


def tanm(A: Any) -> Any:
    """The matrix tangent of square matrices (..., n, n)."""
    return solve(cosm(A), sinm(A))


def coshm(A: Any) -> Any:
    """The hyperbolic matrix cosine of square matrices (..., n, n)."""
    A = squares(A, "coshm")
    return multiply(add(expm_op(A), expm_op(negative(A))), 0.5)


def sinhm(A: Any) -> Any:
    """The hyperbolic matrix sine of square matrices (..., n, n)."""
    A = squares(A, "sinhm")
    return multiply(subtract(expm_op(A), expm_op(negative(A))), 0.5)


def tanhm(A: Any) -> Any:
    """The hyperbolic matrix tangent of square matrices (..., n, n)."""
    return solve(coshm(A), sinhm(A))


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
    a, b = _one_dtype(a, b)
    if a.ndim == 2 and b.ndim > 2:  # one call for all right sides
        n, k = b.shape[-2:]
        lead = b.shape[:-2]
        last = b.ndim - 1
        columns = _moved(b, (last - 1, *range(last - 1), last), (n, math.prod(lead) * k))
        y = solve_triangular_op(a, columns, lower=lower, unit_diagonal=unit_diagonal)
        return _moved(reshape_op(y, shape=(n, *lead, k)), (*range(1, last), 0, last), b.shape)
    a, b = _spread_out(a, b)
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
        warnings.warn(message, _scipy("lu_factor").LinAlgWarning, stacklevel=2)
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
    return solve_sylvester_op(*_spread_out(*_one_dtype(a, b, q)))


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


def block_diag(*arrs: Any) -> Any:
    """The matrices (..., m, n) on the diagonal of one that is zero elsewhere; vectors count as rows."""
    blocks = [operand(x, "block_diag") for x in arrs or ([],)]
    blocks = [reshape_op(x, shape=(1,) * (2 - x.ndim) + tuple(x.shape)) if x.ndim < 2 else x for x in blocks]
    blocks = _spread_out(*_one_dtype(*blocks))
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
    c, r = _one_dtype(c, r)
    lead = np.broadcast_shapes(c.shape[:-1], r.shape[:-1])
    c, r = (x if x.shape[:-1] == lead else broadcast_to_op(x, shape=(*lead, x.shape[-1])) for x in (c, r))
    m, n = c.shape[-1], r.shape[-1]
    line = concatenate_op(flip_op(c, axis=(c.ndim - 1,)), r[..., 1:], axis=c.ndim - 1)
    places = np.arange(m)[::-1, None] + np.arange(n)
    return getitem(line, places, index=(Ellipsis, ARRAY))
