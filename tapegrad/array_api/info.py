"""What the namespace says of itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arguments import on_cpu
from .dtypes import ALL, complex128, float64, isdtype

__all__ = ["Info"]


class Info:
    """What the namespace can do, and its devices and data types."""

    def capabilities(self) -> dict[str, Any]:
        """What is optional in the standard, and how many axes an array may have."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """Where arrays are made."""
        return "cpu"

    def devices(self) -> tuple[str, ...]:
        """The devices there are: one."""
        return ("cpu",)

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """The data types that are taken where none is named."""
        on_cpu(device, "default_dtypes")
        integral = np.dtype(np.int_)
        indexing = np.dtype(np.intp)
        return {
            "real floating": float64, "complex floating": complex128, "integral": integral, "indexing": indexing,
        }  # fmt: skip

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        """The data types there are; with a kind, or several in a tuple, those of that kind."""
        on_cpu(device, "dtypes")
        return {name: t for name, t in ALL.items() if kind is None or isdtype(t, kind)}

    def __repr__(self) -> str:
        return "<what tapegrad.array_api can do>"


def __array_namespace_info__() -> Info:
    """What the namespace can do, and its devices and data types."""
    return Info()
