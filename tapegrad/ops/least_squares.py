"""Least squares: lstsq, differentiated at constant rank."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..registry import Recorded, numpy_name, op, operand, wrap
from ..samples import real
from .elementwise import absolute, negative, square, subtract
from .factor import svdvals
from .product import matmul_op
from .reduce import sum_op
from .solve import LinAlgError, adjoint, matrices, on_lapack, pinv_op, raw
from .structure import cast, expand_dims, squeeze


@op()
def lstsq_op(a, b, *, rcond):
    """The shortest x that brings a @ x nearest to b: a (m, n), b (m, k) -> (n, k)."""
    return on_lapack(np.linalg.lstsq, a, b, rcond)[0]


def _of_a(g: Any, a: Any, b: Any, out: Any, rcond: float) -> Any:
    """The rule of the pseudo-inverse p for the gradient g b^H, with p b = out written in."""
    p = pinv_op(a, np.asarray(rcond))
    ph = adjoint(p)
    y = negative(matmul_op(matmul_op(ph, g), adjoint(out)))
    rest = subtract(b, matmul_op(a, out))  # (1 - a p) b
    y = y + matmul_op(rest, matmul_op(matmul_op(adjoint(g), p), ph))
    inside = subtract(g, matmul_op(adjoint(a), matmul_op(ph, g)))  # (1 - a^H p^H) g
    return y + matmul_op(matmul_op(ph, out), adjoint(inside))


lstsq_op.vjp(a=_of_a, b=lambda g, a, rcond: matmul_op(adjoint(pinv_op(a, np.asarray(rcond))), g))
lstsq_op.sample(real(4, 2), real(4, 3), rcond=1e-15).sample(real(2, 4), real(2, 1), rcond=1e-15)


@numpy_name(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, Any, Any, Any]:
    """The x that minimises the length of b - a @ x; the squared lengths, the rank of a and its singular values.

    a (m, n), b (m,) or (m, k) -> x (n,) or (n, k), residuals (k,) (empty unless the rank is n < m), rank, s.
    """
    a, b = matrices(a, "lstsq"), operand(b, "lstsq")
    if a.ndim != 2 or b.ndim not in (1, 2):
        raise LinAlgError(f"lstsq: a must be a matrix and b a vector or matrix (a {a.shape}, b {b.shape})")
    if a.shape[0] != b.shape[0]:
        raise LinAlgError(f"lstsq: a {a.shape} has {a.shape[0]} rows, b {b.shape} has {b.shape[0]}")
    m, n = a.shape
    dtype = np.result_type(a.dtype, b.dtype, np.float32)
    a, b = (x if x.dtype == dtype else cast(x, dtype=dtype) for x in (a, b))
    if rcond is None:
        rcond = float(np.finfo(dtype).eps) * max(m, n)
    rcond = float(raw(rcond))
    columns = expand_dims(b, -1) if b.ndim == 1 else b
    x = lstsq_op(a, columns, rcond=rcond)
    s = svdvals(a)
    values = raw(s)
    rank = np.int32((values > rcond * values.max(initial=0.0)).sum())
    if rank == n and m > n:
        residuals = sum_op(square(absolute(subtract(columns, matmul_op(a, x)))), axis=(0,))
    else:
        residuals = np.empty(0, values.dtype)
    tensors = isinstance(x, Recorded)
    if tensors and not isinstance(residuals, Recorded):
        residuals = wrap(residuals)
    if tensors and not isinstance(s, Recorded):
        s = wrap(s)

    return (squeeze(x, -1) if b.ndim == 1 else x), residuals, wrap(np.asarray(rank)) if tensors else rank, s
