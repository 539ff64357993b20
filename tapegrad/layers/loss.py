"""The two classifier losses, each with its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.windows import Array
from ..ops.activation import log_softmax_op
from .arguments import array, cast, float_type


def _checked(x: Any, y: Any, function: str) -> tuple[Array, Array, Array]:
    """Scores in a dtype of floats, labels, and the numbers 0 .. N - 1."""
    x, y = array(x, function, "x"), array(y, function, "y")
    if x.ndim != 2:
        raise ValueError(f"{function}: x must be scores (N, C), got shape {x.shape}")
    if y.shape != (x.shape[0],):
        raise ValueError(
            f"{function}: y must be one label per example, of shape ({x.shape[0]},) for x {x.shape}, got {y.shape}; "
            "y.ravel() flattens a column, y.argmax(1) turns one-hot rows into labels"
        )
    if y.dtype.kind not in "iu":
        raise TypeError(f"{function}: y must hold integer labels, got dtype {y.dtype}; use y.astype(int)")
    if not x.shape[0]:
        raise ValueError(f"{function}: there are no examples to take the mean over (x {x.shape}); skip an empty batch")
    if y.min() < 0 or y.max() >= x.shape[1]:
        wrong = np.flatnonzero((y < 0) | (y >= x.shape[1]))[0]
        raise ValueError(
            f"{function}: label {y[wrong]} of example {wrong} is not one of the {x.shape[1]} classes "
            f"0 to {x.shape[1] - 1} (x {x.shape}); leave such examples out, or give x a column for it"
        )
    return cast(x, float_type(x)), y, np.arange(x.shape[0])


def _mean(losses: Array, dtype: np.dtype[Any]) -> Any:
    """The sum of losses over their first length, added up in double precision, as a scalar of dtype."""
    return dtype.type(losses.sum(dtype=np.result_type(dtype, np.float64)) / losses.shape[0])


def softmax_loss(x: Any, y: Any) -> tuple[Any, Array]:
    """Scores x (N, C), labels y (N,) -> loss, the mean of -log softmax(x) at the labels, and dx (N, C)."""
    x, y, rows = _checked(x, y, "softmax_loss")
    dx = np.asarray(log_softmax_op(x, axis=(1,)))  # (N, C)
    loss = _mean(-dx[rows, y], x.dtype)
    dx = np.exp(dx)
    dx[rows, y] -= 1
    dx /= len(rows)
    return loss, dx


def svm_loss(x: Any, y: Any) -> tuple[Any, Array]:
    """Scores x (N, C), labels y (N,) -> loss, the mean over examples of the hinges, and dx (N, C).

    The hinges of an example are max(0, x_j - x_y + 1) for the classes j other than its label; slope 0 at the kink.
    """
    x, y, rows = _checked(x, y, "svm_loss")
    hinges = x - x[rows, y][:, None]  # (N, C)
    hinges += 1
    np.maximum(hinges, 0, out=hinges)
    hinges[rows, y] = 0
    dx = (hinges > 0).astype(x.dtype)
    dx[rows, y] = -dx.sum(1)
    dx /= len(rows)
    return _mean(hinges, x.dtype), dx
