"""Fully connected layers: linear and bilinear maps of the last axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels import products
from ..registry import op, operand
from ..samples import real
from .elementwise import H, add
from .product import matmul_op
from .reduce import sum_op
from .structure import reshape_op, transpose_op


def _rows(x: Any, n: int) -> Any:
    """All leading axes as one: (..., n) -> (M, n)."""
    if x.ndim == 2:
        return x
    shape = (int(np.prod(x.shape[:-1])), n)
    return x.reshape(shape) if type(x) is np.ndarray else reshape_op(x, shape=shape)


def _product(x: Any, weight: Any) -> Any:
    """x (..., I) by weight (O, I) -> (..., O), as one product of matrices."""
    if x.ndim == 2:
        return products.matmul(x, weight.T)
    return products.matmul(_rows(x, x.shape[-1]), weight.T).reshape(*x.shape[:-1], weight.shape[0])


@op(None)
def linear_op(x, weight, *bias):
    """Rows x (..., I) by weight (O, I), plus bias (O,) if there is one -> (..., O)."""
    out = _product(x, weight)
    if not bias:
        return out
    if out.dtype != np.result_type(out, bias[0]):
        return out + bias[0]
    out += bias[0]
    return out


def _linear_x(g: Any, weight: Any) -> Any:
    if type(g) is np.ndarray and type(weight) is np.ndarray:
        return _product(g, H(weight).T)
    return linear_op(g, transpose_op(H(weight), axes=(1, 0)))


def _linear_weight(g: Any, x: Any, weight_shape: tuple[int, ...]) -> Any:
    rows = _rows(g, weight_shape[0])
    rows = rows.T if type(rows) is np.ndarray else transpose_op(rows, axes=(1, 0))
    return matmul_op(rows, H(_rows(x, weight_shape[1])))


def _linear_bias(g: Any) -> Any:
    return sum_op(g, axis=tuple(range(g.ndim - 1)))


def _linear_push(tangents: Any, x: Any, weight: Any) -> Any:
    dx, dweight, *dbias = tangents
    parts = []
    if dx is not None:
        parts.append(linear_op(dx, weight))
    if dweight is not None:
        parts.append(linear_op(x, dweight))
    if dbias and dbias[0] is not None:
        parts.append(dbias[0])  # (O,), which the engine broadcasts where it is alone
    total = parts[0]
    for part in parts[1:]:
        total = add(total, part)
    return total


linear_op.vjp(x=_linear_x, weight=_linear_weight, bias=_linear_bias).jvp(_linear_push)
for _shape in ((2, 3), (3,), (2, 4, 3), (0, 3)):
    linear_op.sample(real(*_shape), real(5, 3)).sample(real(*_shape), real(5, 3), real(5))


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """Rows x (..., I) by weight (O, I) or (I,), and bias (O,) or () -> (..., O) or (...): x @ weight.T + bias."""
    x, weight = operand(x, "linear"), operand(weight, "linear")
    if x.ndim == 0 or weight.ndim not in (1, 2):
        raise ValueError(f"linear: x must be (..., I) and weight (O, I) or (I,), got {x.shape} and {weight.shape}")
    if x.shape[-1] != weight.shape[-1]:
        raise ValueError(
            f"linear: x has {x.shape[-1]} features but weight expects {weight.shape[-1]} (x {x.shape}, weight "
            f"{weight.shape})"
        )
    if bias is not None:
        bias = operand(bias, "linear")
        if bias.shape not in (weight.shape[:-1], ()):
            raise ValueError(
                f"linear: bias {bias.shape} does not fit the {weight.shape[0] if weight.ndim == 2 else 1} outputs of "
                f"weight {weight.shape}; give shape {weight.shape[:-1]}"
            )
    if weight.ndim == 1:
        out = matmul_op(x, weight)
    elif bias is None or bias.ndim == 0:
        out = linear_op(x, weight)
    else:
        return linear_op(x, weight, bias)
    return out if bias is None else add(out, bias)


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """x1 (..., I), x2 (..., J) and weight (O, I, J), bias (O,) -> (..., O): x1 @ weight[o] @ x2 for each o."""
    x, y, weight = operand(input1, "bilinear"), operand(input2, "bilinear"), operand(weight, "bilinear")
    if weight.ndim != 3 or x.ndim == 0 or y.ndim == 0:
        raise ValueError(
            f"bilinear: weight must be (O, I, J), the inputs (..., I) and (..., J), got {weight.shape}, {x.shape} and "
            f"{y.shape}"
        )
    o, i, j = weight.shape
    if x.shape[-1] != i or y.shape[-1] != j:
        raise ValueError(
            f"bilinear: the inputs have {x.shape[-1]} and {y.shape[-1]} features but weight {weight.shape} expects {i} "
            f"and {j}"
        )
    if x.shape[:-1] != y.shape[:-1]:
        raise ValueError(f"bilinear: the leading axes of the inputs differ ({x.shape} and {y.shape})")
    if bias is not None:
        bias = operand(bias, "bilinear")
        if bias.shape != (o,):
            raise ValueError(f"bilinear: bias {bias.shape} does not fit the {o} outputs of weight {weight.shape}")
    # (..., J) by (O * I, J) -> (..., O * I) -> (..., O, I) times (..., I, 1)
    turned = linear_op(y, reshape_op(weight, shape=(o * i, j)))
    turned = reshape_op(turned, shape=(*y.shape[:-1], o, i))
    out = matmul_op(turned, reshape_op(x, shape=(*x.shape, 1)))
    out = reshape_op(out, shape=(*x.shape[:-1], o))
    return out if bias is None else add(out, bias)
