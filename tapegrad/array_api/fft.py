"""Discrete Fourier transforms, by the standard's names and arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops import fourier as F
from ..ops.structure import astype
from .arguments import array, on_cpu

__all__ = [
    "fft", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifftn", "ifftshift", "ihfft", "irfft", "irfftn", "rfft",
    "rfftfreq", "rfftn",
]  # fmt: skip


def _along_one(f: Callable[..., Any], name: str) -> Callable[..., Any]:
    def transform(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
        return f(array(x, name), n, axis, norm)

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f.__doc__
    return transform


def _along_several(f: Callable[..., Any], name: str) -> Callable[..., Any]:
    def transform(x: Any, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
        return f(array(x, name), s, axes, norm)

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f.__doc__
    return transform


fft = _along_one(F.fft, "fft")
ifft = _along_one(F.ifft, "ifft")
rfft = _along_one(F.rfft, "rfft")
irfft = _along_one(F.irfft, "irfft")
hfft = _along_one(F.hfft, "hfft")
ihfft = _along_one(F.ihfft, "ihfft")
fftn = _along_several(F.fftn, "fftn")
ifftn = _along_several(F.ifftn, "ifftn")
rfftn = _along_several(F.rfftn, "rfftn")
irfftn = _along_several(F.irfftn, "irfftn")


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Any:
    """The frequencies, in cycles per unit of d, of the n entries of fft, for samples d apart."""
    on_cpu(device, "fftfreq")
    y = F.fftfreq(n, d)
    return y if dtype is None else astype(y, dtype)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Any:
    """The frequencies, in cycles per unit of d, of the n // 2 + 1 entries of rfft, for samples d apart."""
    on_cpu(device, "rfftfreq")
    y = F.rfftfreq(n, d)
    return y if dtype is None else astype(y, dtype)


def fftshift(x: Any, /, *, axes: Any = None) -> Any:
    """The entry of frequency zero moved to the middle of the axes (None: all)."""
    return F.fftshift(array(x, "fftshift"), axes)


def ifftshift(x: Any, /, *, axes: Any = None) -> Any:
    """The inverse of fftshift."""
    return F.ifftshift(array(x, "ifftshift"), axes)
