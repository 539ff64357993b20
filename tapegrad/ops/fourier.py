"""Discrete Fourier transforms: all that numpy.fft has.

Three primitives along one axis do the work: the complex transform, that of reals to half a spectrum, and back. Each is
the adjoint of another, so every order of derivative is transforms again. Transforms over several axes are made of them,
as NumPy's are.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..registry import Recorded, numpy_name, op, operand, wrap
from ..samples import complexes, real
from .elementwise import conjugate, divide, multiply
from .index import pad_op
from .structure import canonical_axis, deliver, roll

SWAPPED = {"backward": "forward", "ortho": "ortho", "forward": "backward"}  # the norm of the adjoint


@op("linear")
def fft_op(x, *, n, axis, norm, inverse=False):
    """The complex transform of an axis, cropped or padded with zeros to n; inverse: the other sign in the exponent."""
    return (np.fft.ifft if inverse else np.fft.fft)(x, n, axis, norm)


@op("linear")
def rfft_op(x, *, n, axis, norm):
    """The first n // 2 + 1 entries of the transform of a real axis, cropped or padded with zeros to n."""
    return np.fft.rfft(x, n, axis, norm)


@op("linear")
def irfft_op(x, *, n, axis, norm):
    """The n reals whose transform starts with an axis, cropped or padded with zeros to n // 2 + 1."""
    return np.fft.irfft(x, n, axis, norm)


def _to_length(g: Any, axis: int, length: int) -> Any:
    """The adjoint of cropping or padding an axis: padded with zeros, or cropped."""
    n = g.shape[axis]
    if n > length:
        return g[(slice(None),) * axis + (slice(0, length),)]
    if n < length:
        return pad_op(g, widths=tuple((0, length - n if i == axis else 0) for i in range(g.ndim)))
    return g


def _pairs(g: Any, n: int, axis: int, other: float) -> Any:
    """g times `other` where an entry of half a spectrum stands for two of the whole."""
    weight = np.full(n // 2 + 1, other, np.finfo(g.dtype).dtype)
    weight[0] = 1
    if n % 2 == 0:
        weight[-1] = 1
    return multiply(g, weight.reshape((-1,) + (1,) * (g.ndim - axis - 1)))


def _fft_back(g: Any, x_shape: tuple[int, ...], n: int, axis: int, norm: str, inverse: bool) -> Any:
    return _to_length(fft_op(g, n=n, axis=axis, norm=SWAPPED[norm], inverse=not inverse), axis, x_shape[axis])


def _rfft_back(g: Any, x_shape: tuple[int, ...], n: int, axis: int, norm: str) -> Any:
    return _to_length(irfft_op(_pairs(g, n, axis, 0.5), n=n, axis=axis, norm=SWAPPED[norm]), axis, x_shape[axis])


def _irfft_back(g: Any, x_shape: tuple[int, ...], n: int, axis: int, norm: str) -> Any:
    return _to_length(_pairs(rfft_op(g, n=n, axis=axis, norm=SWAPPED[norm]), n, axis, 2.0), axis, x_shape[axis])


fft_op.vjp(x=_fft_back).sample(complexes(3, 4), n=4, axis=1, norm="backward")
fft_op.sample(complexes(3, 4), n=5, axis=0, norm="ortho", inverse=True).sample(real(5), n=3, axis=0, norm="forward")
rfft_op.vjp(x=_rfft_back).sample(real(3, 4), n=4, axis=1, norm="backward")
rfft_op.sample(real(3, 5), n=5, axis=1, norm="ortho").sample(real(6), n=3, axis=0, norm="forward")
rfft_op.sample(real(2, 3), n=8, axis=1, norm="backward").sample(real(3), n=1, axis=0, norm="backward")
irfft_op.vjp(x=_irfft_back).sample(complexes(3, 3), n=4, axis=1, norm="backward")
irfft_op.sample(complexes(3, 4), n=5, axis=1, norm="ortho").sample(complexes(6), n=3, axis=0, norm="forward")
irfft_op.sample(complexes(2, 3), n=8, axis=1, norm="backward").sample(complexes(3), n=1, axis=0, norm="backward")

# -- public functions ----------------------------------------------------------------------------------------


def _norm(norm: Any, name: str) -> str:
    norm = "backward" if norm is None else norm
    if norm not in SWAPPED:
        raise ValueError(f"{name}: norm {norm!r} is not 'backward', 'ortho' or 'forward'")
    return norm


def _along(a: Any, n: Any, axis: Any, name: str) -> tuple[Any, int, int]:
    """The array, how many entries to transform, and the axis."""
    a = operand(a, name)
    axis = canonical_axis(axis, a.ndim, name)
    n = a.shape[axis] if n is None else operator.index(n)
    if n < 1:
        raise ValueError(f"{name}: cannot transform {n} entries (axis {axis} of shape {a.shape}, n {n})")
    return a, n, axis


def _complex_transform(name: str, inverse: bool, doc: str) -> Any:
    def transform(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
        norm = _norm(norm, name)
        a, n, axis = _along(a, n, axis, name)
        return deliver(fft_op(a, n=n, axis=axis, norm=norm, inverse=inverse), out, name)

    return _named(transform, name, doc)


def _named(f: Any, name: str, doc: str) -> Any:
    f.__name__ = f.__qualname__ = name
    f.__doc__ = doc
    return numpy_name(f"fft.{name}")(f)


fft = _complex_transform("fft", False, "The discrete Fourier transform of an axis, cropped or padded with zeros to n.")
ifft = _complex_transform("ifft", True, "The inverse of fft.")


def _real(a: Any, name: str) -> Any:
    a = operand(a, name)
    if a.dtype.kind == "c":
        raise TypeError(f"{name}: takes reals, got {a.dtype}; transform a complex array with fft")
    return a


@numpy_name(np.fft.rfft)
def rfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    """The first n // 2 + 1 entries of the transform of reals, which determine the others."""
    norm = _norm(norm, "rfft")
    a, n, axis = _along(_real(a, "rfft"), n, axis, "rfft")
    return deliver(rfft_op(a, n=n, axis=axis, norm=norm), out, "rfft")


def _back_to_reals(a: Any, n: int | None, axis: int, norm: str, out: Any, name: str) -> Any:
    a = operand(a, name)
    axis = canonical_axis(axis, a.ndim, name)
    n = 2 * (a.shape[axis] - 1) if n is None else n
    a, n, axis = _along(a, n, axis, name)
    return deliver(irfft_op(a, n=n, axis=axis, norm=norm), out, name)


@numpy_name(np.fft.irfft)
def irfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    """The n reals (None: 2 * (m - 1)) whose transform starts with the m entries of an axis."""
    return _back_to_reals(a, n, axis, _norm(norm, "irfft"), out, "irfft")


@numpy_name(np.fft.hfft)
def hfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    """The transform, which is real, of a signal of Hermitian symmetry given by its first half."""
    return _back_to_reals(conjugate(operand(a, "hfft")), n, axis, SWAPPED[_norm(norm, "hfft")], out, "hfft")


@numpy_name(np.fft.ihfft)
def ihfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    """The inverse of hfft."""
    norm = SWAPPED[_norm(norm, "ihfft")]
    a, n, axis = _along(_real(a, "ihfft"), n, axis, "ihfft")
    return deliver(conjugate(rfft_op(a, n=n, axis=axis, norm=norm)), out, "ihfft")


def _sizes(a: Any, s: Any, axes: Any, name: str, half: bool = False) -> tuple[list[int], list[int]]:
    """How many entries to transform on which axes, first to last; half: the last axis comes as half a spectrum."""
    given = s is not None
    if axes is None:
        axes = range(-len(s), 0) if given else range(a.ndim)
    axes = [canonical_axis(operator.index(i), a.ndim, name) for i in axes]
    sizes = [None if n is None else operator.index(n) for n in s] if given else [None] * len(axes)
    if len(sizes) != len(axes):
        raise ValueError(f"{name}: s {s} gives {len(sizes)} sizes for {len(axes)} axes")
    if half and not axes:
        raise IndexError(f"{name}: needs an axis to transform")
    full = [a.shape[i] if n in (None, -1) else n for n, i in zip(sizes, axes, strict=True)]
    if half and sizes[-1] is None:
        full[-1] = 2 * (a.shape[axes[-1]] - 1)
    for n, i in zip(full, axes, strict=True):
        if n < 1:
            raise ValueError(f"{name}: cannot transform {n} entries (axis {i} of shape {a.shape})")
    return full, axes


def _transform_all(name: str, inverse: bool, two: bool, doc: str) -> Any:
    def over_axes(a: Any, s: Any, axes: Any, norm: str | None, out: Any) -> Any:
        a, norm = operand(a, name), _norm(norm, name)
        sizes, axes = _sizes(a, s, axes, name)
        for n, axis in zip(reversed(sizes), reversed(axes), strict=True):
            a = fft_op(a, n=n, axis=axis, norm=norm, inverse=inverse)
        return deliver(a, out, name)

    return _named(_with_axes(over_axes, two), name, doc)


def _with_axes(f: Any, two: bool) -> Any:
    """The signature of a transform over several axes: over the last two, or over all."""
    if two:

        def last_two(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None, out: Any = None) -> Any:
            return f(a, s, axes, norm, out)

        return last_two

    def every(a: Any, s: Any = None, axes: Any = None, norm: str | None = None, out: Any = None) -> Any:
        return f(a, s, axes, norm, out)

    return every


def _real_all(name: str, two: bool, doc: str) -> Any:
    def over_axes(a: Any, s: Any, axes: Any, norm: str | None, out: Any) -> Any:
        a, norm = _real(a, name), _norm(norm, name)
        sizes, axes = _sizes(a, s, axes, name)
        if not axes:
            raise IndexError(f"{name}: needs an axis to transform")
        a = rfft_op(a, n=sizes[-1], axis=axes[-1], norm=norm)
        for n, axis in zip(reversed(sizes[:-1]), reversed(axes[:-1]), strict=True):
            a = fft_op(a, n=n, axis=axis, norm=norm)
        return deliver(a, out, name)

    return _named(_with_axes(over_axes, two), name, doc)


def _to_reals_all(name: str, two: bool, doc: str) -> Any:
    def over_axes(a: Any, s: Any, axes: Any, norm: str | None, out: Any) -> Any:
        a, norm = operand(a, name), _norm(norm, name)
        sizes, axes = _sizes(a, s, axes, name, half=True)
        for n, axis in zip(sizes[:-1], axes[:-1], strict=True):
            a = fft_op(a, n=n, axis=axis, norm=norm, inverse=True)
        return deliver(irfft_op(a, n=sizes[-1], axis=axes[-1], norm=norm), out, name)

    return _named(_with_axes(over_axes, two), name, doc)


fftn = _transform_all("fftn", False, False, "The transform over several axes (None: all).")
ifftn = _transform_all("ifftn", True, False, "The inverse of fftn.")
fft2 = _transform_all("fft2", False, True, "The transform over two axes.")
ifft2 = _transform_all("ifft2", True, True, "The inverse of fft2.")
rfftn = _real_all("rfftn", False, "The transform of reals over several axes (None: all), half of it along the last.")
rfft2 = _real_all("rfft2", True, "The transform of reals over two axes, half of it along the last.")
irfftn = _to_reals_all("irfftn", False, "The inverse of rfftn.")
irfft2 = _to_reals_all("irfft2", True, "The inverse of rfft2.")


def _shifted(x: Any, axes: Any, sign: int, name: str) -> Any:
    x = operand(x, name)
    axes = range(x.ndim) if axes is None else [axes] if np.ndim(axes) == 0 else axes
    places = tuple([canonical_axis(i, x.ndim, name) for i in axes])
    return roll(x, tuple([sign * (x.shape[i] // 2) for i in places]), places)


@numpy_name(np.fft.fftshift)
def fftshift(x: Any, axes: Any = None) -> Any:
    """The entry of frequency zero moved to the middle of the axes (None: all)."""
    return _shifted(x, axes, 1, "fftshift")


@numpy_name(np.fft.ifftshift)
def ifftshift(x: Any, axes: Any = None) -> Any:
    """The inverse of fftshift."""
    return _shifted(x, axes, -1, "ifftshift")


def _frequencies(name: str, places: Any, n: Any, d: Any, device: Any) -> Any:
    n = operator.index(n)
    if device not in (None, "cpu"):
        raise ValueError(f"{name}: device {device!r} is not 'cpu', and there is no other")
    if n < 1:
        raise ValueError(f"{name}: the number of samples must be positive, got {n}")
    y = multiply(places(n), divide(1.0, multiply(float(n), operand(d, name))))  # NumPy's order, so its very bits
    return y if isinstance(y, Recorded) else wrap(y)


@numpy_name(np.fft.fftfreq)
def fftfreq(n: int, d: Any = 1.0, device: Any = None) -> Any:
    """The frequencies, in cycles per unit of d, of the n entries of fft, for samples d apart: a Tensor."""
    return _frequencies("fftfreq", lambda n: np.fft.ifftshift(np.arange(n) - n // 2), n, d, device)


@numpy_name(np.fft.rfftfreq)
def rfftfreq(n: int, d: Any = 1.0, device: Any = None) -> Any:
    """The frequencies, in cycles per unit of d, of the n // 2 + 1 entries of rfft, for samples d apart: a Tensor."""
    return _frequencies("rfftfreq", lambda n: np.arange(n // 2 + 1), n, d, device)
