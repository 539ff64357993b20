"""tg.linalg: linear algebra, by the names of numpy.linalg and, with SciPy, some of scipy.linalg."""

from __future__ import annotations

from numpy.linalg import LinAlgError

from .ops.factor import cholesky, eig, eigh, eigvals, eigvalsh, qr, svd, svdvals
from .ops.least_squares import lstsq
from .ops.matrix_equation import (
    cho_factor,
    cho_solve,
    lu,
    lu_factor,
    lu_solve,
    solve_continuous_lyapunov,
    solve_discrete_lyapunov,
    solve_sylvester,
    solve_triangular,
)
from .ops.matrix_function import (
    coshm,
    cosm,
    expm,
    fractional_matrix_power,
    logm,
    matrix_function,
    sinhm,
    sinm,
    sqrtm,
    tanhm,
    tanm,
)
from .ops.matrix_norm import cond, matrix_norm, norm, vector_norm
from .ops.product import matmul, tensordot, vecdot
from .ops.solve import (
    det,
    inv,
    matrix_power,
    matrix_rank,
    multi_dot,
    pinv,
    slogdet,
    solve,
    tensorinv,
    tensorsolve,
)
from .ops.solve import linalg_cross as cross
from .ops.solve import linalg_diagonal as diagonal
from .ops.solve import linalg_outer as outer
from .ops.solve import linalg_trace as trace
from .ops.structure import matrix_transpose
from .ops.structured import block_diag, toeplitz

__all__ = [
    "LinAlgError", "block_diag", "cho_factor", "cho_solve", "cholesky", "cond", "coshm", "cosm", "cross", "det",
    "diagonal", "eig", "eigh", "eigvals", "eigvalsh", "expm", "fractional_matrix_power", "inv", "logm", "lstsq", "lu",
    "lu_factor", "lu_solve", "matmul", "matrix_function", "matrix_norm", "matrix_power", "matrix_rank",
    "matrix_transpose", "multi_dot", "norm", "outer", "pinv", "qr", "sinhm", "sinm", "slogdet", "solve",
    "solve_continuous_lyapunov", "solve_discrete_lyapunov", "solve_sylvester", "solve_triangular", "sqrtm", "svd",
    "svdvals", "tanhm", "tanm", "tensordot", "tensorinv", "tensorsolve", "toeplitz", "trace", "vecdot", "vector_norm",
]  # fmt: skip
