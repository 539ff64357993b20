"""Dropout: entries or whole channels set to zero at random. The mask that was drawn is an input of the recorded op."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..generator import chosen
from ..registry import op, operand
from ..samples import bools, real
from .activation import SELU_ALPHA, SELU_SCALE, floats, number
from .elementwise import add, multiply, where_op


@op("elementwise")
def dropout_op(x, mask, *, scale):
    """x * scale where the mask holds, else 0."""
    out = np.asarray(np.multiply(x, scale))
    np.copyto(out, 0, where=np.logical_not(mask))
    return out


dropout_op.vjp(x=lambda g, mask, scale: dropout_op(g, mask, scale=scale))
dropout_op.sample(real(3, 4), bools(3, 4), scale=2.0).sample(real(), bools(), scale=1.0)
dropout_op.sample(real(2, 3, 4), bools(2, 3, 1), scale=1.25).sample(real(0, 2), bools(0, 2), scale=2.0)


def _probability(p: Any, name: str) -> float:
    share = number(p, name, "p")
    if not 0 <= share <= 1:
        raise ValueError(f"{name}: p is the probability of a zero and must lie between 0 and 1, got {share:g}")
    return share


def _mask(shape: tuple[int, ...], p: float, generator: Any) -> Any:
    """True with probability 1 - p."""
    return np.asarray(chosen(generator).random(shape, dtype=np.float32) >= p)


def _channels(shape: tuple[int, ...], name: str, batched: int) -> tuple[int, ...]:
    """The shape of a mask that has one entry for each channel of (C, ...), or of (N, C, ...) with `batched` axes."""
    if len(shape) not in (batched - 1, batched):
        raise ValueError(f"{name}: x must be (C, ...) or (N, C, ...) of {batched - 1} or {batched} axes, got {shape}")
    lead = 1 if len(shape) == batched - 1 else 2
    return (*shape[:lead], *(1,) * (len(shape) - lead))


def _drop(x: Any, shape: tuple[int, ...], p: float, training: bool, generator: Any) -> Any:
    if not training or p == 0:
        return x
    if p == 1:
        return dropout_op(x, np.zeros((1,) * x.ndim, bool), scale=1.0)
    return dropout_op(x, _mask(shape, p, generator), scale=1.0 / (1.0 - p))


def dropout(x: Any, p: float = 0.5, training: bool = True, *, generator: Any = None) -> Any:
    """Each entry 0 with probability p, else divided by 1 - p; outside of training x itself."""
    x, p = operand(x, "dropout"), _probability(p, "dropout")
    return _drop(x if x.dtype.kind == "c" else floats(x, "dropout"), x.shape, p, training, generator)


def dropout1d(x: Any, p: float = 0.5, training: bool = True, *, generator: Any = None) -> Any:
    """Each channel of x (N, C, L) or (C, L) all 0 with probability p, else divided by 1 - p."""
    x, p = floats(x, "dropout1d"), _probability(p, "dropout1d")
    return _drop(x, _channels(x.shape, "dropout1d", 3), p, training, generator)


def dropout2d(x: Any, p: float = 0.5, training: bool = True, *, generator: Any = None) -> Any:
    """Each channel of x (N, C, H, W) or (C, H, W) all 0 with probability p, else divided by 1 - p."""
    x, p = floats(x, "dropout2d"), _probability(p, "dropout2d")
    return _drop(x, _channels(x.shape, "dropout2d", 4), p, training, generator)


def dropout3d(x: Any, p: float = 0.5, training: bool = True, *, generator: Any = None) -> Any:
    """Each channel of x (N, C, D, H, W) or (C, D, H, W) all 0 with probability p, else divided by 1 - p."""
    x, p = floats(x, "dropout3d"), _probability(p, "dropout3d")
    return _drop(x, _channels(x.shape, "dropout3d", 5), p, training, generator)


def _alpha_drop(x: Any, shape: tuple[int, ...], p: float, training: bool, generator: Any) -> Any:
    if not training or p == 0:
        return x
    if p == 1:
        return dropout_op(x, np.zeros((1,) * x.ndim, bool), scale=1.0)
    low = -SELU_ALPHA * SELU_SCALE
    scale = 1.0 / math.sqrt((1.0 - p) * (1.0 + p * low * low))
    mask = _mask(shape, p, generator)
    return add(multiply(where_op(mask, x, low), scale), -scale * low * p)


def alpha_dropout(x: Any, p: float = 0.5, training: bool = False, *, generator: Any = None) -> Any:
    """Dropout to the value that selu tends to far below 0, then scaled so that mean 0 and variance 1 stay.

    Source: Klambauer et al., Self-normalizing neural networks (2017).
    """
    x, p = floats(x, "alpha_dropout"), _probability(p, "alpha_dropout")
    return _alpha_drop(x, x.shape, p, training, generator)


def feature_alpha_dropout(x: Any, p: float = 0.5, training: bool = False, *, generator: Any = None) -> Any:
    """alpha_dropout of whole channels of x (N, C, ...)."""
    x, p = floats(x, "feature_alpha_dropout"), _probability(p, "feature_alpha_dropout")
    if x.ndim < 2:
        raise ValueError(f"feature_alpha_dropout: x must be (N, C, ...), got shape {x.shape}")
    return _alpha_drop(x, (*x.shape[:2], *(1,) * (x.ndim - 2)), p, training, generator)
