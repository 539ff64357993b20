"""Least squares: lstsq, differentiated at constant rank."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..registry import Recorded, numpy_name, op, operand, raw
from ..samples import real
from .elementwise import add, multiply, negative, subtract
from .factor import svdvals_op
from .product import matmul_op
from .solve import RANK_2, LinAlgError, adjoint, floats, matrices, on_lapack, pinv_op, pinv_rule
from .structure import expand_dims, squeeze

EPS = float(np.finfo(np.float64).eps)  # NumPy works in double precision whatever the dtype, and counts by it


@op(aux=("residuals", "rank", "s"))
def lstsq_op(a, b, *, rcond):
    """The shortest x that brings a @ x nearest to b: a (m, n), b (m, k) -> (n, k). Also what LAPACK finds besides."""
    return on_lapack(np.linalg.lstsq, a, b, rcond)


def _of_a(g: Any, a: Any, b: Any, out: Any, rank: Any, rcond: float) -> Any:
    """The rule of the pseudo-inverse x for the gradient g b^H, with x b = out written in."""
    return _of_a_by(pinv_op(a, rcond), g, a, b, out, rank)


def _of_a_by(x: Any, g: Any, a: Any, b: Any, out: Any, rank: Any) -> Any:
    m, n = a.shape
    if raw(rank) < min(m, n):
        return pinv_rule(matmul_op(g, adjoint(b)), a, x)
    xg = matmul_op(adjoint(x), g)
    y = negative(matmul_op(xg, adjoint(out)))
    if m > n:
        rest = subtract(b, matmul_op(a, out))
        y = add(y, matmul_op(rest, matmul_op(adjoint(xg), adjoint(x))))
    if n > m:
        inside = subtract(g, matmul_op(adjoint(a), xg))
        y = add(y, matmul_op(matmul_op(adjoint(x), out), adjoint(inside)))
    return y


def _of_both(g: Any, a: Any, b: Any, out: Any, rank: Any, rcond: float) -> Any:
    x = pinv_op(a, rcond)
    return _of_a_by(x, g, a, b, out, rank), matmul_op(adjoint(x), g)


lstsq_op.vjp_together(_of_both)
lstsq_op.vjp(a=_of_a, b=lambda g, a, rcond: matmul_op(adjoint(pinv_op(a, rcond)), g))
for _a, _b in ((real(4, 2), real(4, 3)), (real(2, 4), real(2, 1)), (RANK_2, real(3, 2)), (real(3, 2), real(3, 0))):
    lstsq_op.sample(_a, _b, rcond=0.3 if _a is RANK_2 else 1e-15)


@op()
def values_at_hand(a, s):
    """The singular values s of matrices a (..., m, n) -> (..., k), where they are known; nan if not."""
    return svdvals_op.forward(a) if type(s) is float else s


_values_rule: Any = svdvals_op.rules["a"]
_values_ahead: Any = svdvals_op.jvp_rule
values_at_hand.vjp(a=lambda g, a: _values_rule(g, a)).jvp(lambda tangents, a: _values_ahead(tangents, a))
values_at_hand.sample(real(3, 2), math.nan)


@op()
def residuals_at_hand(a, b, x, residuals):
    """The squared lengths (k,) of the columns of b - a @ x for the best x, where both are known; nan if not.

    For a of full rank. x and the residuals are no inputs of their own, but functions of a and b.
    """
    return np.linalg.lstsq(a, b)[1] if type(residuals) is float else residuals


def _rest(g: Any, a: Any, b: Any, x: Any) -> Any:
    """Twice g times b - a @ x, which is orthogonal to all that x can change."""
    x = lstsq_op(a, b, rcond=EPS) if type(x) is float else x
    return multiply(multiply(g, 2.0), subtract(b, matmul_op(a, x))), x


def _residuals_of_a(g: Any, a: Any, b: Any, x: Any) -> Any:
    rest, x = _rest(g, a, b, x)
    return negative(matmul_op(rest, adjoint(x)))


residuals_at_hand.vjp(a=_residuals_of_a, b=lambda g, a, b, x: _rest(g, a, b, x)[0])
residuals_at_hand.sample(real(4, 2), real(4, 3), math.nan, math.nan)


@numpy_name(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, Any, Any, Any]:
    """The x that minimises the length of b - a @ x; its square, the rank of a and its singular values.

    a (m, n), b (m,) or (m, k) -> x (n,) or (n, k), residuals (k,) (empty unless m > n = rank), rank, s. Singular values
    up to rcond times the largest count as 0 (None: machine precision times max(m, n)); the derivative is that at
    constant rank.
    """
    a, b = matrices(a, "lstsq"), floats(b, "lstsq")
    if a.ndim != 2 or b.ndim not in (1, 2):
        raise LinAlgError(f"lstsq: a must be a matrix and b a vector or matrix (a {a.shape}, b {b.shape})")
    m, n = a.shape
    if m != b.shape[0]:
        raise LinAlgError(f"lstsq: a has {m} rows and b {b.shape[0]} (a {a.shape}, b {b.shape})")
    rcond = EPS * max(m, n) if rcond is None else float(raw(operand(rcond, "lstsq")))
    columns = expand_dims(b, -1) if b.ndim == 1 else b
    x, residuals, rank, s = lstsq_op.with_aux(a, columns, rcond=rcond if rcond >= 0 else EPS)
    if isinstance(x, Recorded) and x.requires_grad:
        residuals = residuals_at_hand(a, columns, x, residuals) if residuals.size else residuals
        s = values_at_hand(a, s)
    return (squeeze(x, -1) if b.ndim == 1 else x), residuals, rank, s
