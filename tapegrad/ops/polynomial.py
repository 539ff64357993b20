"""Polynomials by their coefficients, as in numpy.poly1d: the highest power first."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..registry import ARRAY, Recorded, numpy_name, op, operand, raw, wrap
from ..samples import real
from .elementwise import H, add, div_no_nan, divide, multiply, negative, real_part, sqrt, square, subtract
from .index import pad_op, place
from .least_squares import lstsq
from .product import matmul_op, outer
from .reduce import sum_op
from .solve import adjoint, inv_op
from .structure import atleast_1d, cast, concatenate_op, expand_dims, flip_op, reshape_op, stack_op, transpose

LinAlgError = np.linalg.LinAlgError
MARGIN = 1e3  # how many times further apart than their uncertainty zeros must be, to be different ones


def _counting_down(n: int, like: Any) -> Any:
    """n, n - 1, ..., 1, in the precision of `like` if that is of floats."""
    powers = np.arange(n, 0, -1)
    return powers.astype(like.dtype) if like.dtype.kind in "fc" else powers


@op()
def powers_op(x, *, n):
    """x (m,) to the powers 0, ..., n - 1 as columns -> (m, n)."""
    out = np.ones((x.size, n), x.dtype)
    out[:, 1:] = x[:, None]
    return np.multiply.accumulate(out, axis=1, out=out)


def _slopes(x: Any, n: int) -> Any:
    """The derivatives of the columns but the first."""
    return multiply(powers_op(x, n=n - 1), np.arange(1, n).astype(x.dtype))


def _powers_rule(g: Any, x: Any, n: int) -> Any:
    if n < 2:
        return np.zeros(x.shape, x.dtype)
    return sum_op(multiply(g[:, 1:], H(_slopes(x, n))), axis=(1,))


def _powers_ahead(tangents: Any, x: Any, n: int) -> Any:
    if n < 2:
        return np.zeros((x.size, n), x.dtype)
    return pad_op(multiply(_slopes(x, n), expand_dims(tangents[0], -1)), widths=((0, 0), (1, 0)))


powers_op.vjp(x=_powers_rule).jvp(_powers_ahead)
powers_op.sample(real(3), n=4).sample(real(2), n=1).sample(real(2), n=0).sample(np.array([0.0, -1.0]), n=3)


@op()
def polyval_op(p, x):
    """The polynomial of coefficients p (n,) at every element of x."""
    return np.polyval(p, x)


def _derivative(p: Any) -> Any:
    return multiply(p[:-1], _counting_down(max(p.size - 1, 0), p))


def _of_coefficients(g: Any, x: Any, p_shape: tuple[int, ...]) -> Any:
    x = reshape_op(x, shape=(x.size,))
    dtype = np.result_type(x.dtype, g.dtype)
    columns = powers_op(x if x.dtype == dtype else cast(x, dtype=dtype), n=p_shape[0])
    return flip_op(sum_op(multiply(H(columns), reshape_op(g, shape=(g.size, 1))), axis=(0,)), axis=(0,))


def _polyval_ahead(tangents: Any, p: Any, x: Any) -> Any:
    of_p, of_x = tangents
    along_p = None if of_p is None else polyval_op(of_p, x)
    if of_x is None:
        return along_p
    along_x = multiply(polyval_op(_derivative(p), x), of_x)
    return along_x if along_p is None else add(along_p, along_x)


polyval_op.vjp(p=_of_coefficients, x=lambda g, p, x: multiply(g, H(polyval_op(_derivative(p), x))))
polyval_op.jvp(_polyval_ahead)
polyval_op.sample(real(4), real(2, 3)).sample(real(3), real()).sample(real(1), real(2)).sample(real(2), real(0))
polyval_op.sample(real(3), np.array([0.0, 1.0]))


@op()
def roots_op(p):
    """The zeros of a polynomial p (n + 1,), those that numpy.roots gives, in its order."""
    return np.roots(p)


def _simple(moved: Any, p: Any, out: Any) -> Any:
    """`moved` itself, one number for each zero; a LinAlgError where it is not 0 at a multiple one."""
    p, z = raw(p), raw(out)
    if z.size:
        # rounding moves a zero by `doubt`; those of a multiple zero are thrown apart by as much
        slope, eps = abs(np.polyval(_derivative(p), z)), float(np.finfo(p.dtype).eps)
        apart = abs(z[:, None] - z)
        np.fill_diagonal(apart, np.inf)
        nearest = apart.min(axis=1)
        doubt = eps * np.polyval(abs(p), abs(z))
        multiple = MARGIN * doubt >= slope * np.where(np.isfinite(nearest), nearest, np.maximum(abs(z), 1e-300))
        if z.size == 1:
            multiple = slope == 0
        wrong = multiple & (raw(moved) != 0)
        if wrong.any():
            raise LinAlgError(
                f"roots: there is a multiple zero near {z[int(np.argmax(wrong))]:.6g}, or zeros closer than rounding "
                "can tell apart, which have no derivative. What is symmetric in the zeros, such as their sum, can be "
                "written with the coefficients themselves"
            )
    return moved


def _roots_rule(g: Any, p: Any, out: Any) -> Any:
    """From p(z) = 0: dz = -(dp)(z) / p'(z)."""
    share = div_no_nan(_simple(g, p, out), H(polyval_op(_derivative(p), out)))
    return negative(_of_coefficients(share, out, p.shape))


def _roots_ahead(tangents: Any, p: Any, out: Any) -> Any:
    return negative(div_no_nan(_simple(polyval_op(tangents[0], out), p, out), polyval_op(_derivative(p), out)))


roots_op.vjp(p=_roots_rule).jvp(_roots_ahead)
roots_op.sample(np.array([1.0, -6.2, 11.3, -6.4])).sample(np.array([2.0, 0.3, 1.0, 4.0])).sample(real(2))


@op()
def characteristic(a):
    """The coefficients of det(x - a) of a matrix a (n, n) -> (n + 1,)."""
    return np.poly(a)


def _characteristic_rule(g: Any, a: Any, out: Any) -> Any:
    """d out[k + 1] = -trace(b_k da) with b_0 = 1, b_k = a b_(k-1) + out[k]: Faddeev and LeVerrier's matrices."""
    eye = np.eye(a.shape[0], dtype=a.dtype)
    b: Any = eye
    total = multiply(g[1], eye)
    for k in range(1, a.shape[0]):
        b = add(matmul_op(a, b), multiply(out[k], eye))
        total = add(total, multiply(g[k + 1], adjoint(b)))
    return negative(total)


characteristic.vjp(a=_characteristic_rule)
characteristic.sample(real(3, 3)).sample(real(1, 1)).sample(np.diag([1.0, 1.0, 2.0]))

# -- public functions ----------------------------------------------------------------------------------------


def _coefficients(p: Any, name: str) -> Any:
    """An operand; of a poly1d its coefficients."""
    return operand(p.coeffs if isinstance(p, np.poly1d) else p, name)


def _line(p: Any, name: str) -> Any:
    """Coefficients along one axis."""
    p = atleast_1d(_coefficients(p, name))
    if p.ndim != 1:
        raise ValueError(f"{name}: the coefficients must have one axis, got shape {p.shape}")
    return p


def _like(result: Any, *given: Any) -> Any:
    """A poly1d if one of the operands is one, as in NumPy."""
    return np.poly1d(result) if any([isinstance(p, np.poly1d) for p in given]) else result


def _floats(x: Any) -> Any:
    return x if x.dtype.kind in "fc" else cast(x, dtype=np.dtype(np.float64))


def _order(m: Any, name: str) -> int:
    m = int(m)
    if m < 0:
        raise ValueError(f"{name}: the order must be 0 or more, got {m}")
    return m


def _with_axis(p: Any, name: str) -> Any:
    p = _coefficients(p, name)
    if p.ndim == 0:
        raise TypeError(f"{name}: a number is no list of coefficients; give a sequence of them")
    return p


def _aligned(f: Callable[[Any, Any], Any], a1: Any, a2: Any, name: str) -> Any:
    """f of two polynomials, zeros put in front of the shorter one."""
    first, second = (atleast_1d(_coefficients(p, name)) for p in (a1, a2))
    n = max(first.shape[0], second.shape[0])
    lines = []
    for p in (first, second):
        if p.shape[0] < n:
            if p.ndim != 1:
                raise ValueError(f"{name}: shapes {first.shape} and {second.shape} do not fit; only a line is extended")
            p = pad_op(p, widths=((n - p.size, 0),))
        lines.append(p)
    return _like(f(*lines), a1, a2)


@numpy_name(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    """The sum of two polynomials."""
    return _aligned(add, a1, a2, "polyadd")


@numpy_name(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    """The difference of two polynomials."""
    return _aligned(subtract, a1, a2, "polysub")


@numpy_name(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """The product of two polynomials, without the zeros in front of them."""
    a, b = _line(a1, "polymul"), _line(a2, "polymul")
    a, b = (np.zeros(1, p.dtype) if not p.size else p for p in (a, b))
    # the zeros in front give no coefficients, but those that there are depend on them
    return _like(_product(a, b)[_in_front(a) + _in_front(b) :], a1, a2)


def _product(a: Any, b: Any) -> Any:
    """The coefficients of a product: the sums of a[i] * b[j] over i + j."""
    where = np.add.outer(np.arange(a.size), np.arange(b.size))
    table = multiply(expand_dims(a, -1), b)
    return place(table, where, index=(ARRAY,), shape=(a.size + b.size - 1,))


def _in_front(p: Any) -> int:
    """How many of the coefficients, not all, are zeros in front."""
    values = raw(p) != 0
    return int(np.argmax(values)) if values.any() else values.size - 1


@numpy_name(np.polydiv)
def polydiv(u: Any, v: Any) -> tuple[Any, Any]:
    """The quotient and the remainder of two polynomials."""
    r, by = _floats(_line(u, "polydiv")), _floats(_line(v, "polydiv"))
    if not r.size or not by.size:
        raise IndexError(f"polydiv: each polynomial needs a coefficient, got shapes {r.shape} and {by.shape}")
    dtype = np.result_type(r.dtype, by.dtype)
    r = r if r.dtype == dtype else cast(r, dtype=dtype)
    scale = divide(1.0, by[0])
    extra = r.size - by.size
    quotient = []
    for k in range(extra + 1):
        quotient.append(multiply(scale, r[k]))
        r = subtract(r, pad_op(multiply(quotient[-1], by), widths=((k, extra - k),)))
    q = stack_op(*quotient, axis=0) if quotient else np.zeros(1, dtype)
    if isinstance(r, Recorded) and not isinstance(q, Recorded):
        q = wrap(q)
    values, first = raw(r), 0
    while values.size - first > 1 and np.allclose(values[first], 0, rtol=1e-14):
        first += 1
    return _like(q, u, v), _like(r[first:], u, v)


@numpy_name(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """The values of a polynomial at x, of any shape; at a poly1d x the composition of both.

    Coefficients p of several axes are broadcast against x, p[0] with the highest power.
    """
    p = _coefficients(p, "polyval")
    if p.ndim == 0:
        raise TypeError("polyval: a number is no list of coefficients; give a sequence of them")
    if isinstance(x, np.poly1d):
        composed: Any = 0
        for k in range(p.shape[0]):
            before = polymul(composed, x) if k else np.poly1d(np.zeros(1, np.result_type(x.coeffs.dtype, 0)))
            composed = polyadd(before, p[k])
        return composed
    x = operand(x, "polyval")
    if p.ndim == 1:
        return polyval_op(p, x)
    y = np.zeros(x.shape, x.dtype)
    for k in range(p.shape[0]):
        y = add(multiply(y, x), p[k])
    return y


@numpy_name(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    """The m-th derivative of a polynomial."""
    m, y = _order(m, "polyder"), _with_axis(p, "polyder")
    for _ in range(m):
        y = multiply(y[:-1], np.arange(y.shape[0] - 1, 0, -1))
    return _like(y, p)


@numpy_name(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """The m-th antiderivative of a polynomial; k are its constants, m of them or one for all."""
    m = _order(m, "polyint")
    constants = atleast_1d(operand(np.zeros(m) if k is None else k, "polyint"))
    if constants.size < m and constants.shape != (1,):
        raise ValueError(f"polyint: {m} constants are needed, or one for all, got {constants.size}")
    y = _with_axis(p, "polyint")
    if m and (y.ndim != 1 or constants.ndim != 1):
        raise ValueError(f"polyint: p and k must have one axis, got shapes {y.shape} and {constants.shape}")
    for i in range(m):
        first = 0 if constants.size == 1 else i
        y = concatenate_op(divide(y, np.arange(y.size, 0, -1)), constants[first : first + 1], axis=0)
    return _like(y, p)


@numpy_name(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """The coefficients of the polynomial with these zeros, or of the characteristic polynomial of a square matrix."""
    zeros = atleast_1d(operand(seq_of_zeros, "poly"))
    if zeros.ndim == 2 and zeros.shape[0] == zeros.shape[1] != 0:
        return characteristic(_floats(zeros))
    if zeros.ndim != 1:
        raise ValueError(f"poly: takes zeros in one axis or a square matrix, not empty, got shape {zeros.shape}")
    if zeros.dtype.char not in "fdFDgG":
        zeros = cast(zeros, dtype=np.dtype(np.float64))
    if not zeros.size:
        return wrap(np.asarray(1.0)) if isinstance(zeros, Recorded) else np.asarray(1.0)
    y: Any = np.ones(1, zeros.dtype)
    for i in range(zeros.size):
        y = subtract(pad_op(y, widths=((0, 1),)), pad_op(multiply(y, zeros[i]), widths=((1, 0),)))
    values = raw(zeros)
    pairs = values.dtype.kind == "c" and bool(np.all(np.sort(values) == np.sort(values.conj())))
    return real_part(y) if pairs else y


@numpy_name(np.roots)
def roots(p: Any) -> Any:
    """The zeros of a polynomial, in no order. Zeros in front of p give none, those at its end are zeros at 0.

    dz = -(dp)(z) / p'(z), for coefficients that are 0 as well: one in front would bring a zero in from infinity, and
    the others move by that. Raises LinAlgError for the gradient of a multiple zero, which has none.
    """
    p = _line(p, "roots")
    return roots_op(_floats(p))


@numpy_name(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The powers of x (n,) as columns (n, N), the highest first, or last if increasing."""
    x = operand(x, "vander")
    if x.ndim != 1:
        raise ValueError(f"vander: x must have one axis, got shape {x.shape}")
    n = x.size if N is None else operator.index(N)
    if n < 0:
        raise ValueError(f"vander: the number of columns must not be negative, got {n}")
    dtype = np.promote_types(x.dtype, int)
    y = powers_op(x if x.dtype == dtype else cast(x, dtype=dtype), n=n)
    return y if increasing else flip_op(y, axis=(1,))


@numpy_name(np.polyfit)
def polyfit(x: Any, y: Any, deg: int, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    """The coefficients (deg + 1,) or (deg + 1, k) that fit y (n,) or (n, k) at x (n,) best, with weights w (n,).

    full: also residuals, rank, singular values and rcond; cov: also the covariance of the coefficients ('unscaled':
    taking w for one over the standard deviations).
    """
    order = int(deg) + 1
    x, y = _floats(operand(x, "polyfit")), _floats(operand(y, "polyfit"))
    if deg < 0:
        raise ValueError(f"polyfit: the degree must be 0 or more, got {deg}")
    if x.ndim != 1 or x.size == 0 or y.ndim not in (1, 2) or x.size != y.shape[0]:
        raise TypeError(f"polyfit: takes x (n,) and y (n,) or (n, k), n at least 1, got x {x.shape} and y {y.shape}")
    rcond = x.size * np.finfo(x.dtype).eps if rcond is None else rcond
    left, right = vander(x, order), y
    if w is not None:
        w = _floats(operand(w, "polyfit"))
        if w.shape != x.shape:
            raise TypeError(f"polyfit: the weights must have the shape of x, {x.shape}, got {w.shape}")
        left = _in_place(multiply(left, expand_dims(w, -1)), left)
        right = _in_place(multiply(right, expand_dims(w, -1) if right.ndim == 2 else w), right)
    scale = sqrt(sum_op(square(left), axis=(0,)))
    left = divide(left, scale)
    c, residuals, rank, s = lstsq(left, right, rcond)
    c = transpose(divide(transpose(c), scale))
    if full:
        return c, residuals, rank, s, rcond
    if int(raw(rank)) != order:
        warnings.warn(
            f"polyfit: the rank is {int(raw(rank))}, not {order}: the fit may be poorly conditioned",
            np.exceptions.RankWarning,
            stacklevel=2,
        )
    if not cov:
        return c
    base = divide(inv_op(matmul_op(transpose(left), left)), outer(scale, scale))
    if y.ndim == 2:
        base = expand_dims(base, -1)
    if isinstance(cov, str) and cov == "unscaled":
        return c, multiply(base, np.ones((), base.dtype))
    if x.size <= order:
        raise ValueError(
            f"polyfit: {x.size} points are too few to scale the covariance; {order + 1} or more are needed"
        )
    return c, multiply(base, divide(residuals, float(x.size - order)))


def _in_place(result: Any, before: Any) -> Any:
    """A result in the dtype of what NumPy multiplies in place."""
    if result.dtype == before.dtype:
        return result
    if not np.can_cast(result.dtype, before.dtype, "same_kind"):
        raise TypeError(f"polyfit: weights of a dtype that makes {before.dtype} {result.dtype} cannot be used")
    return cast(result, dtype=before.dtype)


# -- numpy.polynomial.polynomial: the lowest power first --------------------------------------------------------


def _horner(x: Any, c: Any, beside: bool) -> Any:
    """The polynomial with coefficients c[0], c[1], ... at x, for each of what else c holds, or along with it."""
    if not beside:
        c = reshape_op(c, shape=c.shape + (1,) * x.ndim)
    y = multiply(x, 0.0) + c[-1]
    for k in range(2, c.shape[0] + 1):
        y = multiply(y, x) + c[-k]
    return y


def _in_two(x: Any, y: Any, c: Any, name: str) -> tuple[Any, Any, Any]:
    x, y, c = operand(x, name), operand(y, name), _floats(operand(c, name))
    if c.ndim < 2:
        raise ValueError(f"{name}: the coefficients need two axes, got shape {c.shape}")
    return x, y, c


@numpy_name("polynomial.polynomial.polyval2d")
def polyval2d(x: Any, y: Any, c: Any) -> Any:
    """The sums of c[i, j] * x**i * y**j at points (x, y) of one shape."""
    x, y, c = _in_two(x, y, c, "polyval2d")
    if x.shape != y.shape:
        raise ValueError(f"polyval2d: x {x.shape} and y {y.shape} must have one shape")
    return _horner(y, _horner(x, c, False), True)


@numpy_name("polynomial.polynomial.polygrid2d")
def polygrid2d(x: Any, y: Any, c: Any) -> Any:
    """The sums of c[i, j] * x**i * y**j at every element of x with every one of y."""
    x, y, c = _in_two(x, y, c, "polygrid2d")
    return _horner(y, _horner(x, c, False), False)
