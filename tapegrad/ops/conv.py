"""Convolution: <y, conv(x, w)> is linear in each of three, and its three partial evaluations are each other's rules.

Cross-correlation, as in torch. The output has H' = (H + pads - dilation * (KH - 1) - 1) // stride + 1 rows.
"""

from __future__ import annotations

from typing import Any

from ..kernels import conv as conv_kernels
from ..kernels.windows import out_size
from ..registry import op, operand
from ..samples import real
from .elementwise import H, add
from .geometry import ints, paddings, same_dtype
from .index import pad_op
from .reduce import sum_op
from .structure import reshape_op

ONE: dict[str, Any] = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}


@op(None, name="conv2d")
def conv2d_op(x, weight, *bias, stride, padding, dilation, groups):
    """Images x (N, C, H, W) by filters weight (F, C/groups, KH, KW), plus bias (F,) -> (N, F, H', W')."""
    y = conv_kernels.conv(x, weight, stride, padding, dilation, groups)
    if bias:
        y += bias[0][:, None, None]
    return y


@op("multilinear")
def conv_image(y, weight, *, size, stride, padding, dilation, groups):
    """Outputs y (N, F, H', W') spread back over images (N, C, *size): the adjoint of conv2d, a transposed one."""
    return conv_kernels.conv_image(y, weight, size, stride, padding, dilation, groups)


@op("multilinear")
def conv_filter(y, x, *, size, stride, padding, dilation, groups):
    """Outputs y (N, F, H', W') against images x (N, C, H, W) -> filters (F, C/groups, *size)."""
    return conv_kernels.conv_filter(y, x, size, stride, padding, dilation, groups)


def _conv(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: Any) -> Any:
    return conv2d_op(x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)


def _image(y: Any, w: Any, shape: Any, stride: Any, padding: Any, dilation: Any, groups: Any) -> Any:
    return conv_image(y, w, size=shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups)


def _filter(y: Any, x: Any, shape: Any, stride: Any, padding: Any, dilation: Any, groups: Any) -> Any:
    return conv_filter(y, x, size=shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups)


conv2d_op.vjp(
    x=lambda g, weight, x_shape, stride, padding, dilation, groups: _image(
        g, H(weight), x_shape, stride, padding, dilation, groups
    ),
    weight=lambda g, x, weight_shape, stride, padding, dilation, groups: _filter(
        g, H(x), weight_shape, stride, padding, dilation, groups
    ),
    bias=lambda g: sum_op(g, axis=(0, 2, 3)),
)
conv_image.vjp(
    y=lambda g, weight, stride, padding, dilation, groups: _conv(g, H(weight), stride, padding, dilation, groups),
    weight=lambda g, y, weight_shape, stride, padding, dilation, groups: _filter(
        H(y), g, weight_shape, stride, padding, dilation, groups
    ),
)
conv_filter.vjp(
    y=lambda g, x, stride, padding, dilation, groups: _conv(H(x), g, stride, padding, dilation, groups),
    x=lambda g, y, x_shape, stride, padding, dilation, groups: _image(
        H(y), g, x_shape, stride, padding, dilation, groups
    ),
)


@conv2d_op.jvp
def _conv2d_jvp(tangents, x, weight, stride, padding, dilation, groups):
    tx, tw, *tb = tangents
    parts = []
    if tx is not None:
        parts.append(_conv(tx, weight, stride, padding, dilation, groups))
    if tw is not None:
        parts.append(_conv(x, tw, stride, padding, dilation, groups))
    if tb and tb[0] is not None:
        parts.append(reshape_op(tb[0], shape=(tb[0].size, 1, 1)))
    total = parts[0]
    for part in parts[1:]:
        total = add(total, part)
    return total


_GEOMETRIES: Any = (
    ((2, 3, 6, 5), (4, 3, 3, 2), dict(ONE, padding=((1, 1), (0, 0)))),
    ((2, 4, 7, 6), (4, 2, 3, 3), dict(stride=(2, 3), padding=((1, 0), (2, 1)), dilation=(1, 1), groups=2)),
    ((1, 3, 8, 7), (3, 1, 2, 3), dict(stride=(1, 2), padding=((0, 0), (2, 2)), dilation=(3, 2), groups=3)),
    ((2, 3, 4, 4), (2, 3, 1, 1), ONE),
    ((0, 2, 4, 4), (3, 2, 3, 3), ONE),
)
for _x, _w, _how in _GEOMETRIES:
    _size = tuple(
        out_size(_x[i + 2], _w[i + 2], _how["stride"][i], _how["padding"][i], _how["dilation"][i]) for i in (0, 1)
    )
    _y = (_x[0], _w[0], *_size)
    conv2d_op.sample(real(*_x), real(*_w), **_how).sample(real(*_x), real(*_w), real(_w[0]), **_how)
    conv_image.sample(real(*_y), real(*_w), size=_x[2:], **_how)
    conv_filter.sample(real(*_y), real(*_x), size=_w[2:], **_how)

# -- public functions: torch's names and arguments -----------------------------------------------------------


def _checked(name: str, x: Any, weight: Any, bias: Any, spatial: int, groups: Any) -> tuple[Any, Any, Any, int]:
    """The operands, checked for rank, channels, groups and bias, with batch axis if x came without."""
    x, weight = operand(x, name), operand(weight, name)
    bias = None if bias is None else operand(bias, name)
    (groups,) = ints(groups, 1, f"{name}: groups", 1)
    shapes = f"x {x.shape}, weight {weight.shape}, groups {groups}"
    if weight.ndim != spatial + 2 or x.ndim not in (spatial + 1, spatial + 2):
        raise ValueError(
            f"{name}: x needs {spatial + 2} axes (or {spatial + 1} without a batch) and weight {spatial + 2} ({shapes})"
        )
    if 0 in weight.shape:
        raise ValueError(f"{name}: weight has no filters, no channels or an empty kernel ({shapes})")
    same_dtype(name, x, weight, bias)
    return x, weight, bias, groups


def _conv_nd(name: str, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any) -> Any:
    spatial = 2 if name.endswith("2d") else 1
    x, weight, bias, groups = _checked(name, x, weight, bias, spatial, groups)
    batched = x.ndim == spatial + 2
    shapes = f"x {x.shape}, weight {weight.shape}, groups {groups}"
    channels = x.shape[-spatial - 1]
    if weight.shape[0] % groups:
        raise ValueError(f"{name}: {weight.shape[0]} filters do not divide into {groups} groups ({shapes})")
    if channels != weight.shape[1] * groups:
        raise ValueError(f"{name}: x has {channels} channels but weight expects {weight.shape[1] * groups} ({shapes})")
    if bias is not None and bias.shape != (weight.shape[0],):
        raise ValueError(f"{name}: bias has shape {bias.shape}, but there are {weight.shape[0]} filters ({shapes})")
    kernel = weight.shape[2:]
    steps = ints(stride, spatial, f"{name}: stride", 1)
    holes = ints(dilation, spatial, f"{name}: dilation", 1)
    pads = paddings(padding, kernel, steps, holes, name)
    for n, k, p, d in zip(x.shape[-spatial:], kernel, pads, holes, strict=True):
        if n + p[0] + p[1] < d * (k - 1) + 1:
            raise ValueError(
                f"{name}: the kernel reaches over {d * (k - 1) + 1} pixels, the padded image has {n + p[0] + p[1]} "
                f"({shapes}, padding {padding}, dilation {dilation})"
            )
    if not batched:
        x = reshape_op(x, shape=(1, *x.shape))
    if spatial == 1:
        x = reshape_op(x, shape=(*x.shape[:2], 1, x.shape[2]))
        weight = reshape_op(weight, shape=(*weight.shape[:2], 1, weight.shape[2]))
        steps, holes, pads = (1, *steps), (1, *holes), ((0, 0), *pads)
    more = () if bias is None else (bias,)
    y = conv2d_op(x, weight, *more, stride=steps, padding=pads, dilation=holes, groups=groups)
    return _as_given(y, batched, spatial)


def _as_given(y: Any, batched: bool, spatial: int) -> Any:
    """Without the axes that were added to x."""
    if batched and spatial == 2:
        return y
    shape = (y.shape[0], y.shape[1], *y.shape[-spatial:])
    return reshape_op(y, shape=shape if batched else shape[1:])


def conv2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Images x (N, C, H, W) by filters weight (F, C/groups, KH, KW) -> (N, F, H', W'); x may come without N.

    stride, dilation: an int or a pair, in pixels. padding: an int, a pair, "same" (stride 1) or "valid"; zeros.
    Raises ValueError where shapes do not fit. Source: the cross-correlation of torch.nn.functional.conv2d.
    """
    return _conv_nd("conv2d", x, weight, bias, stride, padding, dilation, groups)


def conv1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Signals x (N, C, L) by filters weight (F, C/groups, K) -> (N, F, L'); x may come without N. See conv2d."""
    return _conv_nd("conv1d", x, weight, bias, stride, padding, dilation, groups)


def conv_transpose2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
    dilation: Any = 1,
) -> Any:  # fmt: skip
    """Outputs x (N, C, H, W) spread by filters weight (C, F/groups, KH, KW) -> (N, F, H', W'): conv2d's adjoint.

    H' = (H - 1) * stride - 2 * padding + dilation * (KH - 1) + output_padding + 1.
    """
    return _transposed("conv_transpose2d", x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
    dilation: Any = 1,
) -> Any:  # fmt: skip
    """Outputs x (N, C, L) spread by filters weight (C, F/groups, K) -> (N, F, L'). See conv_transpose2d."""
    return _transposed("conv_transpose1d", x, weight, bias, stride, padding, output_padding, groups, dilation)


def _transposed(
    name: str,
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: Any,
    dilation: Any,
) -> Any:
    spatial = 2 if name.endswith("2d") else 1
    x, weight, bias, groups = _checked(name, x, weight, bias, spatial, groups)
    batched = x.ndim == spatial + 2
    shapes = f"x {x.shape}, weight {weight.shape}, groups {groups}"
    channels, filters = x.shape[-spatial - 1], weight.shape[1] * groups
    if channels != weight.shape[0] or channels % groups:
        raise ValueError(f"{name}: x has {channels} channels, weight {weight.shape[0]}, in {groups} groups ({shapes})")
    if bias is not None and bias.shape != (filters,):
        raise ValueError(f"{name}: bias has shape {bias.shape}, but there are {filters} filters ({shapes})")
    steps = ints(stride, spatial, f"{name}: stride", 1)
    holes = ints(dilation, spatial, f"{name}: dilation", 1)
    pads = tuple((p, p) for p in ints(padding, spatial, f"{name}: padding", 0))
    extra = ints(output_padding, spatial, f"{name}: output_padding", 0)
    size, borders, beyond = [], [], []
    for n, k, s, p, d, e in zip(x.shape[-spatial:], weight.shape[2:], steps, pads, holes, extra, strict=True):
        if e >= max(s, d):
            raise ValueError(f"{name}: output_padding {e} must be smaller than stride {s} or dilation {d}")
        size.append((n - 1) * s - p[0] - p[1] + d * (k - 1) + e + 1)
        # at a stride and more, conv2d of the result would have more outputs than x: less is cut off behind, and what
        # no filter reaches is put there as zeros
        back = min(e, p[1]) if e >= s else 0
        borders.append((p[0], p[1] - back))
        beyond.append(max(0, e - back - s + 1))
    if min(size) < 1:
        raise ValueError(f"{name}: the result would have size {tuple(size)} ({shapes}, padding {padding})")
    pads, size = tuple(borders), [n - m for n, m in zip(size, beyond, strict=True)]
    if not batched:
        x = reshape_op(x, shape=(1, *x.shape))
    if spatial == 1:
        x = reshape_op(x, shape=(*x.shape[:2], 1, x.shape[2]))
        weight = reshape_op(weight, shape=(*weight.shape[:2], 1, weight.shape[2]))
        steps, holes, pads, size, beyond = (1, *steps), (1, *holes), ((0, 0), *pads), [1, *size], [0, *beyond]
    y = conv_image(x, weight, size=tuple(size), stride=steps, padding=pads, dilation=holes, groups=groups)
    if any(beyond):
        y = pad_op(y, widths=((0, 0), (0, 0), (0, beyond[0]), (0, beyond[1])))
    if bias is not None:
        y = add(y, reshape_op(bias, shape=(filters, 1, 1)))
    return _as_given(y, batched, spatial)
