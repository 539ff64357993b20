"""NumPy's own BLAS, called from compiled loops: products of matrices with no interpreter lock before, after or between.

Knows addresses and the calling convention of CBLAS; must not know what is multiplied.

The OpenBLAS of NumPy's wheels is in the process already, so its functions are called by address: nothing else need be
installed, and its thread count is the one that `kernels.threads` holds at 1. With another BLAS there is no address.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .. import threads

__all__ = ["address", "gemm"]

_ROWS, _PLAIN, _TURNED = 101, 111, 112  # CBLAS's numbers for row-major matrices, as they are and transposed
_NAMES = {"f": "scipy_cblas_sgemm64_", "d": "scipy_cblas_dgemm64_"}  # with 64-bit integers, as gemm passes them


@cache
def address(dtype: np.dtype[Any]) -> int:
    """Where the product of matrices of float32 or float64 stands; 0 if this BLAS is not known."""
    threads.blas.find()
    function = getattr(threads.blas.functions, _NAMES[dtype.char], None)
    return 0 if function is None else ctypes.cast(function, ctypes.c_void_p).value or 0


def _gemm(context: Any, where: Any, turned: Any, m: Any, n: Any, k: Any, a: Any, lda: Any, b: Any, ldb: Any,
          beta: Any, c: Any, ldc: Any) -> Any:  # fmt: skip
    """c (m, n) = op(a) (m, k) times op(b) (k, n) + beta * c, row by row at a, b, c; ld: entries from row to row.

    turned: 0 for neither, 1 for a and 2 for b stored as its transpose. beta gives the type, of 4 or 8 bytes.
    """
    size, pointer = types.int64, types.uintp
    signature = types.void(size, size, size, size, size, pointer, size, pointer, size, beta, pointer, size)

    def code(target: Any, builder: Any, signature: Any, args: Any) -> Any:
        where, turned, m, n, k, a, lda, b, ldb, beta, c, ldc = args
        enum, integer, bytes_ = ir.IntType(32), ir.IntType(64), ir.IntType(8).as_pointer()
        number = beta.type
        shape = [enum, enum, enum, integer, integer, integer, number]
        shape += [bytes_, integer, bytes_, integer, number, bytes_, integer]
        function = builder.inttoptr(where, ir.FunctionType(ir.VoidType(), shape).as_pointer())

        def order(which: int) -> Any:
            same = builder.icmp_signed("==", turned, ir.Constant(integer, which))
            return builder.select(same, ir.Constant(enum, _TURNED), ir.Constant(enum, _PLAIN))

        a, b, c = (builder.inttoptr(p, bytes_) for p in (a, b, c))
        one = ir.Constant(number, 1.0)
        builder.call(
            function, [ir.Constant(enum, _ROWS), order(1), order(2), m, n, k, one, a, lda, b, ldb, beta, c, ldc]
        )
        return target.get_dummy_value()

    return signature, code


gemm: Any = intrinsic(_gemm)
