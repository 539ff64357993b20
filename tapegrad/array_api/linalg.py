"""Linear algebra, by the standard's names and arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import factor, product
from ..ops import matrix_norm as norms
from ..ops import solve as solving
from ..ops.structure import cast
from .arguments import SCALARS, array
from .creation import matrices
from .manipulation import matrix_transpose

__all__ = [
    "cholesky", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh", "inv", "matmul", "matrix_norm",
    "matrix_power", "matrix_rank", "matrix_transpose", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals",
    "tensordot", "trace", "vecdot", "vector_norm",
]  # fmt: skip


def matmul(x1: Any, x2: Any, /) -> Any:
    """Matrices x1 (..., n, k) by x2 (..., k, m) -> (..., n, m), the leading axes broadcast; a vector counts as (k,)."""
    return product.matmul(array(x1, "matmul"), array(x2, "matmul"))


def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """The sum of products over pairs of axes: the last of x1 with the first of x2, or those named."""
    return product.tensordot(array(x1, "tensordot"), array(x2, "tensordot"), axes)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The sum of conj(x1) * x2 along an axis, in the dtype that both promote to."""
    x1, x2 = array(x1, "vecdot"), array(x2, "vecdot")
    y, dtype = product.vecdot(x1, x2, axis=axis), np.result_type(x1.dtype, x2.dtype)
    return y if y.dtype == dtype else cast(y, dtype=dtype)


def outer(x1: Any, x2: Any, /) -> Any:
    """x1[i] * x2[j] of two vectors."""
    return solving.linalg_outer(array(x1, "outer"), array(x2, "outer"))


def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The vector product along an axis of length 3."""
    return solving.linalg_cross(array(x1, "cross"), array(x2, "cross"), axis=axis)


def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """The diagonals of matrices."""
    return solving.linalg_diagonal(matrices(x, "diagonal"), offset=offset)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """The sums of the diagonals of matrices."""
    return solving.linalg_trace(matrices(x, "trace"), offset=offset, dtype=dtype)


def inv(x: Any, /) -> Any:
    """The inverses of matrices."""
    return solving.inv(array(x, "inv"))


def solve(x1: Any, x2: Any, /) -> Any:
    """What x1, square matrices, gives x2 when multiplied with; a vector counts as one column."""
    return solving.solve(array(x1, "solve"), array(x2, "solve"))


def det(x: Any, /) -> Any:
    """The determinants of square matrices."""
    return solving.det(array(x, "det"))


def slogdet(x: Any, /) -> Any:
    """The signs of determinants, and the logarithms of their sizes."""
    return solving.slogdet(array(x, "slogdet"))


def matrix_power(x: Any, n: int, /) -> Any:
    """Square matrices multiplied n times; of a negative n their inverses."""
    return solving.matrix_power(array(x, "matrix_power"), n)


def matrix_rank(x: Any, /, *, rtol: Any = None) -> Any:
    """How many singular values are above rtol times the largest."""
    rtol = rtol if rtol is None or type(rtol) in SCALARS else array(rtol, "matrix_rank")
    return solving.matrix_rank(matrices(x, "matrix_rank"), rtol=rtol)


def pinv(x: Any, /, *, rtol: Any = None) -> Any:
    """The pseudo-inverses of matrices; singular values below rtol times the largest count as zero."""
    return solving.pinv(array(x, "pinv"), rtol=rtol)


def cholesky(x: Any, /, *, upper: bool = False) -> Any:
    """The triangular L with L L^H = x of positive definite matrices; if upper is True, L^H."""
    return factor.cholesky(array(x, "cholesky"), upper=upper)


def eig(x: Any, /) -> Any:
    """The eigenvalues and eigenvectors of square matrices, complex always."""
    x = array(x, "eig")
    found = factor.eig(x)
    return type(found)(*[_complex(y) for y in found])


def eigvals(x: Any, /) -> Any:
    """The eigenvalues of square matrices, complex always."""
    return _complex(factor.eigvals(array(x, "eigvals")))


def eigh(x: Any, /) -> Any:
    """The eigenvalues and eigenvectors of Hermitian matrices."""
    return factor.eigh(array(x, "eigh"))


def eigvalsh(x: Any, /) -> Any:
    """The eigenvalues of Hermitian matrices."""
    return factor.eigvalsh(array(x, "eigvalsh"))


def qr(x: Any, /, *, mode: str = "reduced") -> Any:
    """Orthonormal columns and a triangle whose product is x; mode 'reduced' or 'complete'."""
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr: mode {mode!r} is not 'reduced' or 'complete'")
    return factor.qr(array(x, "qr"), mode)


def svd(x: Any, /, *, full_matrices: bool = True) -> Any:
    """U, S and Vh with x = U diag(S) Vh, the singular values S in descending order."""
    return factor.svd(array(x, "svd"), full_matrices)


def svdvals(x: Any, /) -> Any:
    """The singular values of matrices in descending order."""
    return factor.svdvals(array(x, "svdvals"))


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norms of matrices."""
    return norms.matrix_norm(array(x, "matrix_norm"), keepdims=keepdims, ord=ord)


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norms of vectors along axes (None: of the flat array)."""
    return norms.vector_norm(array(x, "vector_norm"), axis=axis, keepdims=keepdims, ord=ord)


def _complex(y: Any) -> Any:
    return y if y.dtype.kind == "c" else cast(y, dtype=np.result_type(y.dtype, np.complex64))
