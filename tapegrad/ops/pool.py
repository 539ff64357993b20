"""Pooling: the largest or the mean of each window. Windows may overlap, hang over the edge, or leave pixels out.

The max family is closed: spread hands gradients to each window's first maximum, pick takes from there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..kernels import pool as pool_kernels
from ..kernels.windows import out_size
from ..registry import op, operand
from ..samples import distinct, real
from .elementwise import multiply
from .geometry import ints
from .structure import cast, reshape_op


@op(None, name="max_pool2d")
def max_pool2d_op(x, *, kernel, stride, padding, dilation, size_out):
    """Images x (N, C, H, W) -> (N, C, *size_out), the largest of each window; a tie counts for the first."""
    return pool_kernels.max_pool(x, kernel, stride, padding, dilation, size_out)


@op("linear")
def max_pool_spread(y, x, out, *, kernel, stride, padding, dilation):
    """y (N, C, H', W') put where each window of x has its first maximum -> (N, C, H, W); overlaps add up."""
    return pool_kernels.max_pool_spread(y, x, out, kernel, stride, padding, dilation)


@op("linear")
def max_pool_pick(t, x, out, *, kernel, stride, padding, dilation):
    """The entry of t (N, C, H, W) where each window of x has its first maximum -> (N, C, H', W')."""
    return pool_kernels.max_pool_pick(t, x, out, kernel, stride, padding, dilation)


@op(None)
def max_pool_index(x, out, *, kernel, stride, padding, dilation):
    """The place h * W + w of each window's first maximum, int64 (N, C, H', W')."""
    return pool_kernels.max_pool_index(x, out, kernel, stride, padding, dilation)


def _spread(g: Any, x: Any, out: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    return max_pool_spread(g, x, out, kernel=kernel, stride=stride, padding=padding, dilation=dilation)


def _pick(g: Any, x: Any, out: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    return max_pool_pick(g, x, out, kernel=kernel, stride=stride, padding=padding, dilation=dilation)


max_pool2d_op.vjp(x=_spread)
max_pool_spread.vjp(y=_pick)
max_pool_pick.vjp(t=_spread)
max_pool2d_op.jvp(
    lambda tangents, x, out, kernel, stride, padding, dilation: _pick(
        tangents[0], x, out, kernel, stride, padding, dilation
    )
)
max_pool_index.without_rule("its result is integers, which have no gradient")


@op("linear", name="avg_pool2d")
def avg_pool2d_op(x, *, kernel, stride, padding, size_out, include_pad=True, override=None):
    """Images x (N, C, H, W) -> (N, C, *size_out), the mean of each window."""
    divisor = _divisor(x.shape[2:], kernel, stride, padding, size_out, include_pad, override)
    return pool_kernels.avg_pool(x, kernel, stride, padding, size_out, divisor)


@op("linear")
def avg_pool_spread(y, *, size, kernel, stride, padding, include_pad=True, override=None):
    """y (N, C, H', W') shared out over the pixels of its windows -> (N, C, *size)."""
    divisor = _divisor(size, kernel, stride, padding, y.shape[2:], include_pad, override)
    return pool_kernels.avg_pool_spread(y, size, kernel, stride, padding, divisor)


def _divisor(size: Any, kernel: Any, stride: Any, padding: Any, size_out: Any, include_pad: Any, override: Any) -> Any:
    if override is not None:
        return override
    return pool_kernels.avg_divisor(size, kernel, stride, padding, size_out, include_pad)


avg_pool2d_op.vjp(
    x=lambda g, x_shape, kernel, stride, padding, include_pad, override: avg_pool_spread(
        g, size=x_shape[2:], kernel=kernel, stride=stride, padding=padding, include_pad=include_pad, override=override
    )
)
avg_pool_spread.vjp(
    y=lambda g, y_shape, kernel, stride, padding, include_pad, override: avg_pool2d_op(
        g,
        kernel=kernel,
        stride=stride,
        padding=padding,
        size_out=y_shape[2:],
        include_pad=include_pad,
        override=override,
    )  # fmt: skip
)


@op("linear")
def window_sums(x, *, axis, starts, ends):
    """Sums of x over the windows [starts, ends) along an axis; starts and ends never decrease, no window is empty."""
    x = np.moveaxis(x, axis, -1)
    x = np.concatenate([x, np.zeros((*x.shape[:-1], 1), x.dtype)], -1)  # so that an end may be the length
    edges = np.stack([starts, ends], 1).reshape(-1)
    return np.moveaxis(np.add.reduceat(x, edges, -1)[..., ::2], -1, axis)


def _dual(axis: int, starts: Any, ends: Any, length: int) -> dict[str, Any]:
    """The windows of the adjoint: for each entry, the range of windows that hold it."""
    places = np.arange(length)
    first, last = np.searchsorted(ends, places, "right"), np.searchsorted(starts, places, "right")
    return dict(axis=axis, starts=tuple(first.tolist()), ends=tuple(last.tolist()))


window_sums.vjp(x=lambda g, axis, starts, ends, x_shape: window_sums(g, **_dual(axis, starts, ends, x_shape[axis])))
window_sums.sample(real(2, 5), axis=1, starts=(0, 1, 3), ends=(2, 4, 5))
window_sums.sample(real(3, 2), axis=0, starts=(0, 0, 1, 2, 2), ends=(1, 2, 2, 3, 3))

_GEOMETRIES: Any = (
    ((2, 3, 6, 5), dict(kernel=(2, 2), stride=(2, 2), padding=((0, 0), (0, 0))), (1, 1), False),
    ((1, 2, 7, 6), dict(kernel=(3, 3), stride=(2, 2), padding=((1, 1), (1, 1))), (1, 1), True),
    ((2, 1, 7, 8), dict(kernel=(2, 3), stride=(1, 2), padding=((0, 0), (1, 1))), (2, 1), False),
    ((0, 2, 4, 4), dict(kernel=(2, 2), stride=(2, 2), padding=((0, 0), (0, 0))), (1, 1), False),
)
for _x, _how, _dilation, _ceil in _GEOMETRIES:
    _size: Any = tuple(
        out_size(_x[i + 2], _how["kernel"][i], _how["stride"][i], _how["padding"][i], _dilation[i], _ceil)
        for i in (0, 1)
    )
    max_pool2d_op.sample(distinct(*_x), dilation=_dilation, size_out=_size, **_how)
    _n = math.prod(_x)
    _values = (np.arange(_n) * 37 % _n).astype(float).reshape(_x)  # all different, in no order
    _best = pool_kernels.max_pool(_values, dilation=_dilation, size_out=_size, **_how)
    max_pool_spread.sample(real(*_x[:2], *_size), _values, _best, dilation=_dilation, **_how)
    max_pool_pick.sample(real(*_x), _values, _best, dilation=_dilation, **_how)
    max_pool_index.sample(_values, _best, dilation=_dilation, **_how)
    if _dilation == (1, 1):
        for _include in (True, False):
            avg_pool2d_op.sample(real(*_x), size_out=_size, include_pad=_include, **_how)
            avg_pool_spread.sample(real(*_x[:2], *_size), size=_x[2:], include_pad=_include, **_how)

# -- public functions: torch's names and arguments -----------------------------------------------------------


def _images(name: str, x: Any, spatial: int) -> tuple[Any, bool]:
    """x as images (N, C, H, W), and whether it came with a batch axis."""
    x = operand(x, name)
    if x.ndim not in (spatial + 1, spatial + 2):
        raise ValueError(
            f"{name}: x needs {spatial + 2} axes, or {spatial + 1} without a batch; it has shape {x.shape}"
        )
    batched = x.ndim == spatial + 2
    lead = x.shape[:2] if batched else (1, x.shape[0])
    shape = (*lead, *x.shape[-2:]) if spatial == 2 else (*lead, 1, x.shape[-1])
    return (x if x.shape == shape else reshape_op(x, shape=shape)), batched


def _back(y: Any, batched: bool, spatial: int) -> Any:
    shape = (*y.shape[: 2 if batched else 0], *(() if batched else (y.shape[1],)), *y.shape[-spatial:])
    return y if y.shape == shape else reshape_op(y, shape=shape)


def _window(
    name: str, x: Any, spatial: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> dict[str, Any]:
    """Canonical parameters of a pool over images x (N, C, H, W)."""
    kernel = ints(kernel_size, spatial, f"{name}: kernel_size", 1)
    steps = kernel if stride is None or stride == () else ints(stride, spatial, f"{name}: stride", 1)
    pads = ints(padding, spatial, f"{name}: padding", 0)
    holes = ints(dilation, spatial, f"{name}: dilation", 1)
    if spatial == 1:
        kernel, steps, pads, holes = (1, *kernel), (1, *steps), (0, *pads), (1, *holes)
    size = []
    for n, k, s, p, d in zip(x.shape[2:], kernel, steps, pads, holes, strict=True):
        if 2 * p > k:
            raise ValueError(f"{name}: padding {p} is more than half the kernel of {k}, so a window could see nothing")
        count = out_size(n, k, s, (p, p), d, bool(ceil_mode))
        if count < 1 or (n + 2 * p < d * (k - 1) + 1 and not ceil_mode):
            raise ValueError(
                f"{name}: the window reaches over {d * (k - 1) + 1} pixels, the padded image has {n + 2 * p} "
                f"(x {x.shape}, kernel_size {kernel_size}, padding {padding}, dilation {dilation})"
            )
        size.append(count)
    return dict(kernel=kernel, stride=steps, padding=tuple((p, p) for p in pads), dilation=holes, size_out=tuple(size))


def _max_pool(
    name: str, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, return_indices: bool
) -> Any:
    spatial = 2 if name.endswith("2d") else 1
    x, batched = _images(name, x, spatial)
    how = _window(name, x, spatial, kernel_size, stride, padding, dilation, ceil_mode)
    y = max_pool2d_op(x, **how)
    out = _back(y, batched, spatial)
    if not return_indices:
        return out
    how.pop("size_out")
    return out, _back(max_pool_index(x, y, **how), batched, spatial)


def max_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """Images x (N, C, H, W) -> (N, C, H', W'), the largest of each window; x may come without N.

    stride defaults to kernel_size. The border is -inf. In a tie the first pixel in row-major order has the gradient;
    where windows overlap, gradients add up. return_indices: also the places h * W + w of the maxima.
    """
    return _max_pool("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool1d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """Signals x (N, C, L) -> (N, C, L'), the largest of each window. See max_pool2d."""
    return _max_pool("max_pool1d", x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _averaged(x: Any, name: str) -> Any:
    """x as what means are taken of: those of integers and bools are doubles, as NumPy's are."""
    x = operand(x, name)
    return x if x.dtype.kind in "fc" else cast(x, dtype=np.dtype(np.float64))


def _avg_pool(
    name: str, x: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, include_pad: bool, override: Any
) -> Any:
    spatial = 2 if name.endswith("2d") else 1
    x, batched = _images(name, _averaged(x, name), spatial)
    how = _window(name, x, spatial, kernel_size, stride, padding, 1, ceil_mode)
    del how["dilation"]
    if override is not None and (not isinstance(override, int) or override == 0):
        raise ValueError(f"{name}: divisor_override must be an int other than 0, got {override!r}")
    return _back(avg_pool2d_op(x, include_pad=bool(include_pad), override=override, **how), batched, spatial)


def avg_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Any:  # fmt: skip
    """Images x (N, C, H, W) -> (N, C, H', W'), the mean of each window; x may come without N.

    count_include_pad: whether the border of zeros counts in the mean. divisor_override: divide by this instead.
    """
    return _avg_pool("avg_pool2d", x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool1d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """Signals x (N, C, L) -> (N, C, L'), the mean of each window. See avg_pool2d."""
    return _avg_pool("avg_pool1d", x, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def _adaptive(name: str, x: Any, output_size: Any, spatial: int) -> Any:
    x = _averaged(x, name)
    if x.ndim not in (spatial + 1, spatial + 2):
        raise ValueError(
            f"{name}: x needs {spatial + 2} axes, or {spatial + 1} without a batch; it has shape {x.shape}"
        )
    sizes = list(output_size) if isinstance(output_size, (tuple, list)) else [output_size] * spatial
    here = x.shape[-spatial:]
    wanted = ints([n if s is None else s for s, n in zip(sizes, here, strict=True)], spatial, f"{name}: output_size", 1)
    share: Any = 1.0
    for axis, (n, m) in enumerate(zip(here, wanted, strict=True), x.ndim - spatial):
        if n == 0:
            raise ValueError(f"{name}: x of shape {x.shape} has no pixels")
        steps = np.arange(m)
        starts, ends = steps * n // m, -((-(steps + 1) * n) // m)
        x = window_sums(x, axis=axis, starts=tuple(starts.tolist()), ends=tuple(ends.tolist()))
        shape = [1] * x.ndim
        shape[axis] = m
        share = share / (ends - starts).reshape(shape)
    return multiply(x, np.asarray(share, x.dtype))


def adaptive_avg_pool2d(x: Any, output_size: Any) -> Any:
    """Images x (N, C, H, W) -> (N, C, *output_size), means over windows [i * H // m, ceil((i + 1) * H / m)).

    output_size: an int or a pair; None keeps that length.
    """
    return _adaptive("adaptive_avg_pool2d", x, output_size, 2)


def adaptive_avg_pool1d(x: Any, output_size: Any) -> Any:
    """Signals x (N, C, L) -> (N, C, output_size). See adaptive_avg_pool2d."""
    return _adaptive("adaptive_avg_pool1d", x, output_size, 1)
