"""The compiled forms of kernels: the same names and arguments, in loops that numba turns into machine code.

Importing this package imports numba and enters every form in the table of `kernels.choice`. A form gives
NotImplemented for arguments that it does not take. Its loops run without the interpreter lock, on the threads of
`kernels.threads`; numba's own threads are never used. The machine code is kept beside the source (or where numba's
NUMBA_CACHE_DIR says), so that each kernel is compiled once.
"""

from . import conv, norm, pool, softmax, special

__all__ = ["conv", "norm", "pool", "softmax", "special"]
