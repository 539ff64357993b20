"""The table of kernels that have two forms: NumPy's, and one compiled by numba, used where numba is installed.

Knows names, functions and how much work there is; must not know what a kernel computes.

A kernel is declared where its NumPy form stands: `@kernel` above it. The compiled form has the same name and arguments
and stands in `tapegrad/kernels/compiled/`; it gives NotImplemented for what it does not take (other dtypes, strides),
and then the NumPy form runs. numba is imported at the first call with enough work, never before: importing it takes
half a second, and compiling a kernel some seconds, once, since the machine code is kept beside the source.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar

import numpy as np

__all__ = ["KERNELS", "Kernel", "compiled", "compiled_kernels", "kernel", "set_compiled_kernels"]

F = TypeVar("F", bound=Callable[..., Any])
KERNELS: dict[str, Kernel] = {}  # by module and name, as in "pool.max_pool"
_SMALLEST = 1 << 14  # elements of the first array: below, a call is mostly overhead, and NumPy's form serves


class Choice:
    """Whether compiled forms are wanted, and whether they have been looked for."""

    def __init__(self) -> None:
        text = os.environ.get("TAPEGRAD_COMPILED", "1").strip().lower()
        self.wanted = text not in ("0", "off", "false", "no")
        self.loaded = False
        self.smallest = _SMALLEST
        self.lock = threading.RLock()

    def load(self) -> None:
        """Import the compiled forms, once; without numba there are none."""
        with self.lock:
            if not self.loaded:
                self.loaded = True
                if find_spec("numba") is not None:
                    try:
                        import_module("tapegrad.kernels.compiled")
                    except ImportError as error:  # as where numba is too old for this NumPy
                        warnings.warn(
                            f"numba is installed but cannot be imported ({error}); kernels run in NumPy's form. "
                            "tg.set_compiled_kernels(False) or TAPEGRAD_COMPILED=0 silences this.",
                            RuntimeWarning, stacklevel=4,
                        )  # fmt: skip


choice = Choice()


class Kernel:
    """A function on arrays in the form that is quicker here."""

    def __init__(self, numpy: Callable[..., Any]) -> None:
        self.name = f"{numpy.__module__.rpartition('.')[2]}.{numpy.__name__}"
        self.numpy = numpy
        self.compiled: Callable[..., Any] | None = None
        self.__doc__, self.__name__ = numpy.__doc__, numpy.__name__
        KERNELS[self.name] = self

    def __call__(self, x: Any, *args: Any, **params: Any) -> Any:
        if choice.wanted and x.size >= choice.smallest:
            if not choice.loaded:
                choice.load()
            if self.compiled is not None:
                out = self.compiled(x, *args, **params)
                if out is not NotImplemented:
                    return out
        return self.numpy(x, *args, **params)


def kernel(f: F) -> F:
    """Declare a kernel by its NumPy form; its first argument is an array."""
    return Kernel(f)  # type: ignore[return-value]  # for checkers it stays the function that it stands for


def compiled(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare the decorated function as the compiled form of a kernel."""

    def register(f: Callable[..., Any]) -> Callable[..., Any]:
        KERNELS[name].compiled = f
        return f

    return register


def compiled_kernels() -> tuple[str, ...]:
    """The kernels that run compiled here, by name; none without numba or where they are switched off."""
    if not choice.wanted:
        return ()
    choice.load()
    return tuple(sorted([name for name, k in KERNELS.items() if k.compiled is not None]))


def set_compiled_kernels(on: bool) -> None:
    """Whether to use kernels compiled by numba where it is installed (at first yes, unless TAPEGRAD_COMPILED is 0).

    The results differ by rounding only. Raises ImportError for True without numba.
    """
    if not isinstance(on, (bool, np.bool_)):
        raise TypeError(f"set_compiled_kernels: expected True or False, got {type(on).__name__}")
    if on and find_spec("numba") is None:
        raise ImportError(
            "set_compiled_kernels: numba is not installed; install it with python3 -m pip install 'tapegrad[fast]'"
        )
    choice.wanted = bool(on)
