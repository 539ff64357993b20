"""Inverted dropout, drawn as the course draws it: from NumPy's global generator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..kernels.windows import Array
from .arguments import array, cast, float_type, incoming, mode, number, parts, word

Cache = tuple[Mapping[str, Any], Array]


def dropout_forward(x: Any, dropout_param: Mapping[str, Any]) -> tuple[Array, Cache]:
    """x of any shape -> out of that shape, cache (dropout_param, mask).

    dropout_param: `mode` 'train' (each number is kept with probability p and divided by p, else 0) or 'test' (as it
    is); `p`, the probability of KEEPING a number, in training above 0 and at most 1; `seed`, if given, for
    np.random.seed, whatever the mode.
    """
    x = array(x, "dropout_forward", "x")
    x = cast(x, float_type(x))
    training = mode(dropout_param, "dropout_param", "dropout_forward") == "train"
    p = 1.0
    if training:
        word(dropout_param, "p", "dropout_param", "dropout_forward")
        p = number(dropout_param, "p", "dropout_param", "dropout_forward", 1.0)
        if not 0 < p <= 1:
            raise ValueError(
                f"dropout_forward: dropout_param['p'] is the probability of KEEPING a number and must be above 0 and "
                f"at most 1, got {p}; to drop nothing, give 1"
            )
    seed = word(dropout_param, "seed", "dropout_param", "dropout_forward", None)
    if seed is not None:
        np.random.seed(seed)
    if not training:
        return x.copy(), (dropout_param, np.broadcast_to(np.ones((), x.dtype), x.shape))
    kept = np.asarray(np.random.rand(*x.shape)) < p
    mask = np.asarray(np.divide(kept, p), x.dtype)
    return np.asarray(x * mask), (dropout_param, mask)


def dropout_backward(dout: Any, cache: Any) -> Array:
    """dout and the cache -> dx, dout times the mask of the forward, which in mode 'test' is all ones."""
    _, mask = parts(cache, ("dropout_param", "mask"), "dropout_backward")
    if mask is None:  # a cache of the course in mode 'test'
        dout = array(dout, "dropout_backward", "dout")
        return np.array(dout, float_type(dout))
    mask = array(mask, "dropout_backward", "the mask")
    return np.asarray(incoming(dout, mask.shape, float_type(mask), "dropout_backward") * mask)
