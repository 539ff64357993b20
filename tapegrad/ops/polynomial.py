"""Polynomials by their coefficients, as in numpy.poly1d: the highest power first."""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np

from ..registry import ARRAY, Recorded, numpy_name, op, operand, wrap
from .elementwise import H, div_no_nan, divide, multiply, negative, real_part, sqrt, square, subtract
from .index import getitem, pad_op
from .least_squares import lstsq
from .product import matmul_op, outer
from .reduce import sum_op
from .solve import inv_op, raw
from .structure import atleast_1d, cast, concatenate_op, expand_dims, flip_op, reshape_op, stack_op, transpose_op

LinAlgError = np.linalg.LinAlgError


def _coefficients(p: Any, name: str) -> Any:
    """An operand as a line of coefficients; a poly1d has them in .coeffs."""
    p = operand(p.coeffs if isinstance(p, np.poly1d) else p, name)
    p = atleast_1d(p)
    if p.ndim != 1:
        raise ValueError(f"{name}: the coefficients must have one axis, got shape {p.shape}")
    return p


def _floats(x: Any) -> Any:
    return x if x.dtype.kind in "fc" else cast(x, dtype=np.dtype(np.float64))


def _to_length(p: Any, n: int) -> Any:
    """Zeros put in front."""
    return pad_op(p, widths=((n - p.size, 0),)) if p.size < n else p


@numpy_name(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    """The sum of two polynomials."""
    a1, a2 = _coefficients(a1, "polyadd"), _coefficients(a2, "polyadd")
    n = max(a1.size, a2.size)
    return _to_length(a1, n) + _to_length(a2, n)


@numpy_name(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    """The difference of two polynomials."""
    a1, a2 = _coefficients(a1, "polysub"), _coefficients(a2, "polysub")
    n = max(a1.size, a2.size)
    return subtract(_to_length(a1, n), _to_length(a2, n))


def _product(a: Any, b: Any) -> Any:
    """The coefficients of a product: the sums of a[i] * b[j] over i + j."""
    table = outer(a, b)
    n, m = table.shape
    spread = pad_op(table, widths=((0, 0), (0, n)))  # row i then starts i places later in rows of n + m - 1
    flat = reshape_op(spread, shape=(n * (n + m),))[: n * (n + m - 1)]
    return sum_op(reshape_op(flat, shape=(n, n + m - 1)), axis=(0,))


def _trimmed(p: Any) -> Any:
    """Without the zeros in front, as numpy.poly1d has it."""
    values = raw(p)
    first = int(np.argmax(values != 0)) if np.any(values) else values.size - 1
    return p[first:] if first > 0 else p


@numpy_name(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """The product of two polynomials."""
    return _product(_trimmed(_coefficients(a1, "polymul")), _trimmed(_coefficients(a2, "polymul")))


@numpy_name(np.polydiv)
def polydiv(u: Any, v: Any) -> tuple[Any, Any]:
    """The quotient and the remainder of two polynomials."""
    u, v = _coefficients(u, "polydiv"), _coefficients(v, "polydiv")
    u, v = _floats(u), _floats(v)
    dtype = np.result_type(u.dtype, v.dtype)
    u, v = (x if x.dtype == dtype else cast(x, dtype=dtype) for x in (u, v))
    m, n = u.size - 1, v.size - 1
    r, scale = u, divide(1.0, v[0])
    quotient = []
    for k in range(m - n + 1):
        d = multiply(scale, r[k])
        quotient.append(d)
        r = subtract(r, pad_op(multiply(d, v), widths=((k, m - n - k),)))
    q = stack_op(*quotient, axis=0) if quotient else multiply(u[:1], 0.0)
    values, first = raw(r), 0
    while values.size - first > 1 and np.allclose(values[first], 0, rtol=1e-14):
        first += 1
    return q, r[first:]


@numpy_name(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """The values of a polynomial at x, of any shape; of a polynomial x (a poly1d) the composition."""
    if isinstance(x, np.poly1d):
        p = _coefficients(p, "polyval")
        y: Any = p[:1]
        for k in range(1, p.size):
            y = polyadd(polymul(y, x), p[k])
        return y
    p, x = _coefficients(p, "polyval"), operand(x, "polyval")
    if not p.size:
        return multiply(x, np.zeros((), x.dtype))
    y = multiply(x, np.zeros((), x.dtype)) + p[0] if p.size == 1 else p[0]
    for k in range(1, p.size):
        y = multiply(y, x) + p[k]
    return y


@numpy_name(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    """The m-th derivative of a polynomial."""
    p, m = _coefficients(p, "polyder"), operator.index(m)
    if m < 0:
        raise ValueError(f"polyder: the order of a derivative must be at least 0, got {m}")
    for _ in range(m):
        n = p.size - 1
        p = multiply(p[:-1], np.arange(n, 0, -1))
    return p


@numpy_name(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """The m-th antiderivative of a polynomial; k are its constants, m of them or one for all."""
    m = operator.index(m)
    if m < 0:
        raise ValueError(f"polyint: the order of an integral must be at least 0, got {m}")
    constants = atleast_1d(operand(np.zeros(m) if k is None else k, "polyint"))
    if constants.size == 1 and m > 1:
        constants = multiply(constants, np.ones(m, constants.dtype))
    if constants.size < m:
        raise ValueError(f"polyint: {m} constants are needed, or one, got {constants.size}")
    p = _coefficients(p, "polyint")
    for i in range(m):
        powers = np.arange(p.size, 0, -1)
        p = concatenate_op(divide(p, powers), constants[i : i + 1], axis=0)
    return p


@numpy_name(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """The coefficients of the polynomial with these zeros, or of the characteristic polynomial of a square matrix."""
    zeros = atleast_1d(operand(seq_of_zeros, "poly"))
    if zeros.ndim == 2 and zeros.shape[0] == zeros.shape[1] != 0:
        return _characteristic(zeros)
    if zeros.ndim != 1:
        raise ValueError(f"poly: takes zeros in one axis or a square matrix, got shape {zeros.shape}")
    if not zeros.size:
        return np.asarray(1.0) if not isinstance(zeros, Recorded) else wrap(np.asarray(1.0))
    one = np.ones(1, zeros.dtype if zeros.dtype.kind in "fc" else np.float64)
    y: Any = one
    for i in range(zeros.size):
        y = _product(y, concatenate_op(one, negative(zeros[i : i + 1]), axis=0))
    values = raw(zeros)
    if values.dtype.kind == "c" and np.all(np.sort(values) == np.sort(values.conj())):
        return real_part(y)
    return y


def _characteristic(a: Any) -> Any:
    """By the recursion of Faddeev and LeVerrier, which has derivatives also at equal eigenvalues."""
    n = a.shape[0]
    a = _floats(a)
    eye = np.eye(n, dtype=a.dtype)
    m: Any = eye
    coefficients = [np.ones(1, a.dtype)]
    for k in range(1, n + 1):
        am = matmul_op(a, m)
        c = divide(negative(sum_op(getitem(am, np.arange(n), np.arange(n), index=(ARRAY, ARRAY)), axis=(0,))), float(k))
        coefficients.append(reshape_op(c, shape=(1,)))
        m = am + multiply(c, eye)
    return concatenate_op(*coefficients, axis=0)


@op()
def roots_op(p):
    """The zeros of a polynomial p (n + 1,), p[0] and p[n] not 0 -> (n,)."""
    return np.roots(p)


def _simple(x: Any, p: Any, out: Any) -> Any:
    """x itself; a LinAlgError where it is not 0 at a multiple zero of p, which has no derivative."""
    z, coefficients = raw(out), raw(p)
    slope = abs(np.polyval(np.polyder(coefficients), z))
    size = np.polyval(abs(np.polyder(coefficients)), abs(z))
    multiple = slope <= 10 * np.finfo(coefficients.dtype).eps ** 0.5 * size
    if (multiple & (abs(raw(x)) > 0)).any():
        raise LinAlgError(
            f"roots: the polynomial has a multiple zero near {z[int(np.argmax(multiple))]:.6g}, where its zeros have "
            "no derivative"
        )
    return x


def _roots_rule(g: Any, p: Any, out: Any) -> Any:
    """From p(z) = 0: dz = -(dp)(z) / p'(z)."""
    share = div_no_nan(_simple(g, p, out), H(polyval(polyder(p), out)))
    return negative(sum_op(multiply(expand_dims(share, -1), H(_powers(out, out.size + 1))), axis=(0,)))


def _roots_ahead(tangents: Any, p: Any, out: Any) -> Any:
    return negative(div_no_nan(_simple(polyval(tangents[0], out), p, out), polyval(polyder(p), out)))


def _powers(x: Any, n: int) -> Any:
    """x**(n - 1), ..., x, 1 along a new last axis."""
    columns = [multiply(x, np.zeros((), x.dtype)) + np.ones((), x.dtype)]
    for _ in range(n - 1):
        columns.insert(0, multiply(columns[0], x))
    return stack_op(*columns, axis=x.ndim)


roots_op.vjp(p=_roots_rule).jvp(_roots_ahead).sample(np.array([1.0, -6.2, 11.3, -6.4])).sample(
    np.array([2.0, 0.3, 1.0, 4.0])
)


@numpy_name(np.roots)
def roots(p: Any) -> Any:
    """The zeros of a polynomial. Zeros in front count for nothing, those at the end are zeros at 0."""
    p = _coefficients(p, "roots")
    values = raw(p)
    places = np.flatnonzero(values)
    if not places.size:
        return np.array([]) if not isinstance(p, Recorded) else wrap(np.array([]))
    at_zero = values.size - places[-1] - 1
    p = p[places[0] : places[-1] + 1]
    p = _floats(p)
    y = roots_op(p) if p.size > 1 else np.empty(0)
    y = pad_op(y, widths=((0, int(at_zero)),))
    return wrap(y) if isinstance(p, Recorded) and not isinstance(y, Recorded) else y


@numpy_name(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The powers of x (n,) as columns (n, N), the highest first, or last if increasing."""
    x = operand(x, "vander")
    if x.ndim != 1:
        raise ValueError(f"vander: takes one axis, got shape {x.shape}")
    n = x.size if N is None else operator.index(N)
    x = cast(x, dtype=np.promote_types(x.dtype, int))
    y = _powers(x, n) if n else reshape_op(x, shape=(x.size, 1))[:, :0]
    return flip_op(y, axis=(1,)) if increasing else y


@numpy_name(np.polyfit)
def polyfit(x: Any, y: Any, deg: int, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    """The coefficients (deg + 1,) or (deg + 1, k) that fit y (n,) or (n, k) at x (n,) best, with weights w (n,).

    full: also residuals, rank, singular values and rcond; cov: also the covariance of the coefficients.
    """
    deg = operator.index(deg)
    x, y = operand(x, "polyfit"), operand(y, "polyfit")
    if deg < 0:
        raise ValueError(f"polyfit: the degree must be at least 0, got {deg}")
    if x.ndim != 1 or x.size == 0 or y.ndim not in (1, 2) or x.size != y.shape[0]:
        raise TypeError(f"polyfit: takes x (n,) and y (n,) or (n, k), got x {x.shape} and y {y.shape}")
    x, y = _floats(x), _floats(y)
    rcond = x.size * np.finfo(x.dtype).eps if rcond is None else rcond
    left, right = vander(x, deg + 1), y
    if w is not None:
        w = operand(w, "polyfit")
        if w.shape != x.shape:
            raise TypeError(f"polyfit: w {w.shape} must have the shape of x, {x.shape}")
        w = _floats(w)
        left = multiply(left, expand_dims(w, -1))
        right = multiply(right, expand_dims(w, -1) if right.ndim == 2 else w)
    scale = sqrt(sum_op(square(left), axis=(0,)))
    left = divide(left, scale)
    c, residuals, rank, s = lstsq(left, right, rcond)
    c = transpose_op(divide(transpose_op(c, axes=tuple(range(c.ndim))[::-1]), scale), axes=tuple(range(c.ndim))[::-1])
    if int(raw(rank)) != deg + 1 and not full:
        warnings.warn("Polyfit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=2)
    if full:
        return c, residuals, rank, s, rcond
    if not cov:
        return c
    inverse = divide(inv_op(matmul_op(transpose_op(left, axes=(1, 0)), left)), outer(scale, scale))
    if y.ndim == 2:
        inverse = expand_dims(inverse, -1)
    if isinstance(cov, str) and cov == "unscaled":
        return c, multiply(inverse, 1.0)
    if x.size <= deg + 1:
        raise ValueError(
            f"polyfit: {x.size} points are too few to scale the covariance; more than {deg + 1} are needed"
        )
    return c, multiply(inverse, divide(residuals, float(x.size - deg - 1)))
