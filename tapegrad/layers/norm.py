"""Batch, layer and group norm: out = z * gamma + beta with z = (x - mean) / sqrt(var + eps).

One pair of functions serves all four layers. Each layer knows over which axes it takes the mean, how gamma lies
along x, and what becomes of running statistics.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, NamedTuple

import numpy as np

from ..kernels import norm as kernels
from ..kernels.windows import Array
from ..ops.geometry import ints
from .arguments import array, cast, float_type, incoming, mode, number, outgoing, word

Shape = tuple[int, ...]


class Normalized(NamedTuple):
    """What a norm's backward needs. No array in it is the caller's."""

    z: Array  # in the shape that the statistics are taken in
    rstd: Array  # 1 / sqrt(var + eps), along z
    gamma: Array  # along z
    axes: Shape | None  # of the mean; None where the statistics are constants
    shape: Shape  # of x
    dx_type: np.dtype[Any]
    dgamma: Array  # empty arrays with the dtype and the shape of gamma and beta
    dbeta: Array


def _forward(
    x: Array, gamma: Array, beta: Array, view: Shape, laid: Shape, axes: Shape, eps: float,
    fixed: tuple[Array, Array] | None = None,
) -> tuple[Array, Normalized, tuple[Array, Array]]:  # fmt: skip
    """out, cache, and the mean and the biased variance of x; `fixed` statistics instead, if given.

    `view` is the shape in which x is looked at, `laid` that of gamma and beta along it.
    """
    dtype = float_type(x, gamma, beta)
    seen = cast(x, dtype).reshape(view)
    statistics = tuple(1 if i in axes else n for i, n in enumerate(view))
    if fixed is not None:
        mean, var = (a.reshape(statistics) for a in fixed)
    elif seen.size:
        mean, var = kernels.moments(seen, axes)
    else:
        mean, var = np.zeros(statistics), np.zeros(statistics)
    rstd = np.asarray(1.0 / np.sqrt(var + eps))
    z = kernels.normalize(seen, mean, rstd, None, None, dtype)
    scale = gamma.astype(dtype).reshape(laid)
    out = z * scale
    out += cast(beta, dtype).reshape(laid)
    cache = Normalized(
        z, rstd, scale, None if fixed is not None else axes, x.shape, dtype, np.empty_like(gamma), np.empty_like(beta)
    )
    return out.reshape(x.shape), cache, (mean, var)


def _backward(dout: Any, cache: Any, function: str) -> tuple[Array, Array, Array]:
    """dx, dgamma, dbeta."""
    if not isinstance(cache, Normalized):
        raise TypeError(
            f"{function}: the cache must come from {function.replace('backward', 'forward')} of this module; those of "
            f"norms cannot be swapped with one's own (got {type(cache).__name__})"
        )
    z, rstd = cache.z, cache.rstd
    dout = incoming(dout, cache.shape, cache.dx_type, function).reshape(z.shape)
    gain = cache.gamma * cast(rstd, cache.dx_type)
    if cache.axes is None:
        dx = dout * gain
    else:
        plain = np.zeros_like(rstd), np.ones_like(rstd)
        # z has mean 0 by itself, and its 1 / std is in the gain, which is the same for all that is summed over.
        dx = kernels.normalize_backward(dout, z, *plain, gain, cache.axes)
    channels = cache.gamma.size
    by_channel = (cache.shape[0], channels, int(np.prod(cache.shape[2:])))
    d, seen = dout.reshape(by_channel), z.reshape(by_channel)
    wide = np.result_type(cache.dx_type, np.float64)
    dots = (d * seen)[..., 0] if by_channel[2] == 1 else np.vecdot(d, seen)  # (N, C)
    dgamma, dbeta = dots.sum(0, dtype=wide), d.sum(2).sum(0, dtype=wide)
    dgamma, dbeta = (cast(a, cache.dx_type) for a in (dgamma, dbeta))
    return dx.reshape(cache.shape), outgoing(dgamma, cache.dgamma), outgoing(dbeta, cache.dbeta)


def _checked(x: Any, gamma: Any, beta: Any, form: str, shapes: int, function: str) -> tuple[Array, Array, Array]:
    """x with as many axes as `form` has names, and gamma and beta of shape (C,), or with `shapes` 2 (1, C, 1, 1)."""
    x, gamma, beta = array(x, function, "x"), array(gamma, function, "gamma"), array(beta, function, "beta")
    if x.ndim != form.count(",") + 1:
        other = "spatial_batchnorm takes images (N, C, H, W)" if form == "(N, D)" else "batchnorm takes rows (N, D)"
        raise ValueError(f"{function}: x must be {form}, got shape {x.shape}; {other}")
    channels = x.shape[1]
    allowed = ((channels,), (1, channels, 1, 1))[:shapes]
    for name, parameter in (("gamma", gamma), ("beta", beta)):
        if parameter.shape not in allowed:
            raise ValueError(
                f"{function}: {name} must have shape {' or '.join(map(str, allowed))} for x {x.shape}, "
                f"got {parameter.shape}"
            )
    return x, gamma, beta


def _running(bn_param: Mapping[str, Any], channels: int, dtype: np.dtype[Any], function: str) -> tuple[Array, Array]:
    found = []
    for key in ("running_mean", "running_var"):
        a = word(bn_param, key, "bn_param", function, None)
        a = np.zeros(channels, dtype) if a is None else array(a, function, f"bn_param[{key!r}]")
        if a.shape != (channels,):
            raise ValueError(f"{function}: bn_param[{key!r}] has shape {a.shape}, but x has {channels} channels")
        found.append(cast(a, float_type(a)))
    return found[0], found[1]


def _batchnorm(x: Any, gamma: Any, beta: Any, bn_param: Any, form: str, function: str) -> tuple[Array, Normalized]:
    x, gamma, beta = _checked(x, gamma, beta, form, 1, function)
    training = mode(bn_param, "bn_param", function) == "train"
    if not isinstance(bn_param, MutableMapping):
        raise TypeError(f"{function}: bn_param keeps the running statistics and must be a dict that can be written to")
    eps = number(bn_param, "eps", "bn_param", function, 1e-5)
    momentum = number(bn_param, "momentum", "bn_param", function, 0.9)
    running = _running(bn_param, x.shape[1], float_type(x, gamma, beta), function)
    axes = (0, *range(2, x.ndim))
    laid = (1, x.shape[1]) + (1,) * (x.ndim - 2)
    out, cache, batch = _forward(x, gamma, beta, x.shape, laid, axes, eps, None if training else running)
    if training and x.size:
        kept = [momentum * old + (1 - momentum) * new.reshape(-1) for old, new in zip(running, batch, strict=True)]
        running = cast(kept[0], running[0].dtype), cast(kept[1], running[1].dtype)
    bn_param.update(running_mean=running[0], running_var=running[1])
    return out, cache


def batchnorm_forward(x: Any, gamma: Any, beta: Any, bn_param: MutableMapping[str, Any]) -> tuple[Array, Normalized]:
    """Each column of x (N, D) to mean 0 and variance 1, times gamma (D,), plus beta (D,) -> out (N, D), cache.

    bn_param: `mode` 'train' (statistics of this batch) or 'test' (the running ones, as constants); `eps` 1e-5;
    `momentum` 0.9, the share of the old in running = momentum * running + (1 - momentum) * batch, of the mean and the
    biased variance; `running_mean` and `running_var` (D,), zeros at first, are written back into the dict as new
    arrays, in both modes and only if all went well.
    """
    return _batchnorm(x, gamma, beta, bn_param, "(N, D)", "batchnorm_forward")


def batchnorm_backward(dout: Any, cache: Any) -> tuple[Array, Array, Array]:
    """dout (N, D) and the cache -> dx (N, D), dgamma (D,), dbeta (D,), through the batch statistics if in training."""
    return _backward(dout, cache, "batchnorm_backward")


def spatial_batchnorm_forward(
    x: Any, gamma: Any, beta: Any, bn_param: MutableMapping[str, Any]
) -> tuple[Array, Normalized]:
    """Each channel of images x (N, C, H, W) as batchnorm_forward does columns, gamma and beta (C,) -> out, cache."""
    return _batchnorm(x, gamma, beta, bn_param, "(N, C, H, W)", "spatial_batchnorm_forward")


def spatial_batchnorm_backward(dout: Any, cache: Any) -> tuple[Array, Array, Array]:
    """dout (N, C, H, W) and the cache -> dx (N, C, H, W), dgamma (C,), dbeta (C,)."""
    return _backward(dout, cache, "spatial_batchnorm_backward")


def layernorm_forward(x: Any, gamma: Any, beta: Any, ln_param: Mapping[str, Any]) -> tuple[Array, Normalized]:
    """Each row of x (N, D) to mean 0 and variance 1, times gamma (D,), plus beta (D,) -> out (N, D), cache.

    ln_param: `eps` 1e-5. Training and testing are the same.
    """
    function = "layernorm_forward"
    x, gamma, beta = _checked(x, gamma, beta, "(N, D)", 1, function)
    eps = number(ln_param, "eps", "ln_param", function, 1e-5)
    return _forward(x, gamma, beta, x.shape, (1, x.shape[1]), (1,), eps)[:2]


def layernorm_backward(dout: Any, cache: Any) -> tuple[Array, Array, Array]:
    """dout (N, D) and the cache -> dx (N, D), dgamma (D,), dbeta (D,)."""
    return _backward(dout, cache, "layernorm_backward")


def spatial_groupnorm_forward(
    x: Any, gamma: Any, beta: Any, G: int, gn_param: Mapping[str, Any]
) -> tuple[Array, Normalized]:
    """Each of G groups of channels of each image of x (N, C, H, W) to mean 0 and variance 1 -> out, cache.

    Times gamma plus beta, one for each channel, of shape (C,) or (1, C, 1, 1). gn_param: `eps` 1e-5.
    """
    function = "spatial_groupnorm_forward"
    x, gamma, beta = _checked(x, gamma, beta, "(N, C, H, W)", 2, function)
    (groups,) = ints(G, 1, f"{function}: G", 1)
    n, channels, h, w = x.shape
    if channels % groups:
        raise ValueError(f"{function}: {channels} channels do not divide into {groups} groups (x {x.shape})")
    eps = number(gn_param, "eps", "gn_param", function, 1e-5)
    each = channels // groups
    view, laid = (n, groups, each, h * w), (1, groups, each, 1)
    return _forward(x, gamma, beta, view, laid, (2, 3), eps)[:2]


def spatial_groupnorm_backward(dout: Any, cache: Any) -> tuple[Array, Array, Array]:
    """dout (N, C, H, W) and the cache -> dx (N, C, H, W), and dgamma and dbeta in the shapes of gamma and beta."""
    return _backward(dout, cache, "spatial_groupnorm_backward")
