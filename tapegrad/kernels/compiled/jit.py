"""How kernels are compiled: without the interpreter lock, kept on disk, sums in any order, nan and inf as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

__all__ = ["jit"]

# no "nnan", "ninf" or "nsz": what is not a number must stay so; "arcp" would cost digits in divisions
LOOSE = frozenset({"reassoc", "contract"})


def _sources() -> str:
    """A digest of everything that machine code here may come from: constants and helpers lie in several files."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for file in sorted([*folder.glob("*.py"), *folder.parent.glob("*.py")]):
        digest.update(file.read_bytes())
    return digest.hexdigest()


_STAMP = _sources()


def jit(f: Callable[..., Any], fastmath: frozenset[str] = LOOSE) -> Any:
    """Compile f when it is first called, for the dtypes that come."""
    made: Any = numba.njit(nogil=True, fastmath=set(fastmath), error_model="numpy")(f)
    try:
        made.enable_caching()
        # numba takes code from its cache while the one file with the loop stays as it was; here all of them must
        made._cache._cache_file._source_stamp = _STAMP
    except (RuntimeError, AttributeError):  # nowhere to write to, or another numba: compiled anew in each process
        return numba.njit(nogil=True, fastmath=set(fastmath), error_model="numpy")(f)
    return made
