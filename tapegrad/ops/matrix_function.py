"""Functions of matrices: expm, logm, sqrtm and other powers, cosm and its kin, and any function of Hermitian ones.

SciPy is imported when one that needs it is first called. Families are closed: the derivative of a function of a matrix
in so many directions is one op, whose rules have one direction more, so every order is there, at equal eigenvalues too.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import registry
from ..kernels.series import gauss
from ..registry import Recorded, op, raw
from ..samples import real
from ..tape import state
from .elementwise import H, add, imag_op, multiply, negative, real_op, real_part, subtract
from .factor import DEFINITE, SYMMETRIC, SYMMETRICS, eigh_op
from .factor import SQUARE as GENERAL
from .matrix_equation import (
    GENERALS,
    POSITIVE,
    POSITIVES,
    SMALL,
    back_substituted,
    for_each,
    scipy_linalg,
    solve_sylvester_op,
)
from .product import matmul_op
from .solve import LinAlgError, adjoint, matrix_power, on_lapack, solve, squares, turned
from .structure import expand_dims, reshape_op


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
    linalg = scipy_linalg("expm")
    n = a.shape[-1]
    if len(es) == 1 and n > SMALL and a.ndim == 2:
        return _as_precise(linalg.expm_frechet(a, es[0], compute_expm=False, check_finite=False), a, es[0])
    small, factor = _scaled(a, es)
    x = _nested(a, small)
    y = _pade(x) if x.shape[-1] <= SMALL else linalg.expm(x)
    return _as_precise(y[..., :n, -n:] * factor if es else y, a, *es)


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
    linalg = scipy_linalg("the Schur form")
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
    (trsyl,) = scipy_linalg("logm").get_lapack_funcs(("trsyl",), (t,))
    values, one, times = np.log(np.diagonal(t)), np.eye(len(t)), 1.0
    while abs(t - one).sum(0).max() > 0.25 and times < 2.0**100:
        t, times = _root(t, trsyl, nested), 2.0 * times
    x = t - one
    x = times * sum([weight * back_substituted(one + u * x, x, False) for u, weight in gauss(7)])
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
    plainly = lambda x: scipy_linalg("logm").logm(x)
    return _as_precise(for_each(lambda *xs: _on_triangles(_log, plainly, *xs), *map(_double, (a, *es))), a, *es)


def _power(a: Any, es: Any, t: float) -> Any:
    linalg = scipy_linalg("fractional_matrix_power")
    f = lambda x, nested: _pade(t * _log(x, nested))
    plainly = lambda x: linalg.fractional_matrix_power(x, t)
    return _as_precise(for_each(lambda *xs: _on_triangles(f, plainly, *xs), *map(_double, (a, *es))), a, *es)


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

expm_op.sample(GENERALS).sample(GENERAL, real(3, 3)).sample(np.zeros((2, 2)))
for _function, _options in ((logm_op, {}), (fractional_matrix_power_op, {"t": 0.4})):
    _function.sample(POSITIVES, **_options).sample(POSITIVE, real(3, 3), **_options)
    _function.sample(2.0 * np.eye(2), **_options)
fractional_matrix_power_op.sample(POSITIVE, t=-1.3)


@op()
def sqrtm_op(a):
    """The principal square roots of square matrices (..., n, n); complex where a real one has none that is real."""
    linalg = scipy_linalg("sqrtm")
    return _as_precise(for_each(lambda x: np.asarray(linalg.sqrtm(x)), a), a)


# x @ x = a, so that x @ dx + dx @ x = da
sqrtm_op.vjp(a=lambda g, out: solve_sylvester_op(adjoint(out), adjoint(out), g))
sqrtm_op.sample(POSITIVE).sample(POSITIVES).sample(np.eye(2)).sample(np.zeros((2, 0, 0)))


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
