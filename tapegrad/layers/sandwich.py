"""Layers that are often used in a row, as one. A cache is the tuple of the caches of the layers inside."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from ..kernels.windows import Array
from .affine import affine_backward, affine_forward, relu_backward, relu_forward
from .arguments import parts
from .conv import conv_backward, conv_forward
from .norm import (
    batchnorm_backward,
    batchnorm_forward,
    spatial_batchnorm_backward,
    spatial_batchnorm_forward,
)
from .pool import max_pool_backward, max_pool_forward

Cache = tuple[Any, ...]
Three = tuple[Array, Array, Array]
Five = tuple[Array, Array, Array, Array, Array]


def affine_relu_forward(x: Any, w: Any, b: Any) -> tuple[Array, Cache]:
    """x (N, d_1, ..., d_k) through affine and relu -> out (N, M), cache (of affine, of relu)."""
    a, affine = affine_forward(x, w, b)
    out, relu = relu_forward(a)
    return out, (affine, relu)


def affine_relu_backward(dout: Any, cache: Any) -> Three:
    """dout (N, M) and the cache -> dx, dw, db."""
    affine, relu = parts(cache, ("the cache of affine", "of relu"), "affine_relu_backward")
    return affine_backward(relu_backward(dout, relu), affine)


def affine_bn_relu_forward(
    x: Any, w: Any, b: Any, gamma: Any, beta: Any, bn_param: MutableMapping[str, Any]
) -> tuple[Array, Cache]:
    """x (N, d_1, ..., d_k) through affine, batch norm and relu -> out (N, M), cache (of affine, of norm, of relu)."""
    a, affine = affine_forward(x, w, b)
    a, norm = batchnorm_forward(a, gamma, beta, bn_param)
    out, relu = relu_forward(a)
    return out, (affine, norm, relu)


def affine_bn_relu_backward(dout: Any, cache: Any) -> Five:
    """dout (N, M) and the cache -> dx, dw, db, dgamma, dbeta."""
    affine, norm, relu = parts(cache, ("the cache of affine", "of norm", "of relu"), "affine_bn_relu_backward")
    da, dgamma, dbeta = batchnorm_backward(relu_backward(dout, relu), norm)
    return *affine_backward(da, affine), dgamma, dbeta


def conv_relu_forward(x: Any, w: Any, b: Any, conv_param: Mapping[str, Any]) -> tuple[Array, Cache]:
    """Images x (N, C, H, W) through conv and relu -> out (N, F, H', W'), cache (of conv, of relu)."""
    a, conv = conv_forward(x, w, b, conv_param)
    out, relu = relu_forward(a)
    return out, (conv, relu)


def conv_relu_backward(dout: Any, cache: Any) -> Three:
    """dout (N, F, H', W') and the cache -> dx, dw, db."""
    conv, relu = parts(cache, ("the cache of conv", "of relu"), "conv_relu_backward")
    return conv_backward(relu_backward(dout, relu), conv)


def conv_bn_relu_forward(
    x: Any, w: Any, b: Any, gamma: Any, beta: Any, conv_param: Mapping[str, Any], bn_param: MutableMapping[str, Any]
) -> tuple[Array, Cache]:
    """Images x (N, C, H, W) through conv, batch norm and relu -> out (N, F, H', W'), cache.

    The cache is that (of conv, of norm, of relu).
    """
    a, conv = conv_forward(x, w, b, conv_param)
    a, norm = spatial_batchnorm_forward(a, gamma, beta, bn_param)
    out, relu = relu_forward(a)
    return out, (conv, norm, relu)


def conv_bn_relu_backward(dout: Any, cache: Any) -> Five:
    """dout (N, F, H', W') and the cache -> dx, dw, db, dgamma, dbeta."""
    conv, norm, relu = parts(cache, ("the cache of conv", "of norm", "of relu"), "conv_bn_relu_backward")
    da, dgamma, dbeta = spatial_batchnorm_backward(relu_backward(dout, relu), norm)
    return *conv_backward(da, conv), dgamma, dbeta


def conv_relu_pool_forward(
    x: Any, w: Any, b: Any, conv_param: Mapping[str, Any], pool_param: Mapping[str, Any]
) -> tuple[Array, Cache]:
    """Images x (N, C, H, W) through conv, relu and max pooling -> out (N, F, H', W'), cache.

    The cache is that (of conv, of relu, of pool).
    """
    a, conv = conv_forward(x, w, b, conv_param)
    a, relu = relu_forward(a)
    out, pool = max_pool_forward(a, pool_param)
    return out, (conv, relu, pool)


def conv_relu_pool_backward(dout: Any, cache: Any) -> Three:
    """dout (N, F, H', W') and the cache -> dx, dw, db."""
    conv, relu, pool = parts(cache, ("the cache of conv", "of relu", "of pool"), "conv_relu_pool_backward")
    return conv_backward(relu_backward(max_pool_backward(dout, pool), relu), conv)
