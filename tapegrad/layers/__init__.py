"""The layers of the well-known course files: (x, w, b, conv_param) -> (out, cache), (dout, cache) -> gradients.

Plain arrays in, plain arrays out, in the dtype of what was given, computed by the kernels under the ops. No tape is
recorded, no array is locked, and nothing is remembered between calls. Each name the course has for a function is
here, so that a notebook changes one import line.
"""

from .affine import affine_backward, affine_forward, relu_backward, relu_forward
from .arguments import MissingParameter
from .conv import conv_backward, conv_forward
from .dropout import dropout_backward, dropout_forward
from .loss import softmax_loss, svm_loss
from .norm import (
    batchnorm_backward,
    batchnorm_forward,
    layernorm_backward,
    layernorm_forward,
    spatial_batchnorm_backward,
    spatial_batchnorm_forward,
    spatial_groupnorm_backward,
    spatial_groupnorm_forward,
)
from .pool import max_pool_backward, max_pool_forward
from .sandwich import (
    affine_bn_relu_backward,
    affine_bn_relu_forward,
    affine_relu_backward,
    affine_relu_forward,
    conv_bn_relu_backward,
    conv_bn_relu_forward,
    conv_relu_backward,
    conv_relu_forward,
    conv_relu_pool_backward,
    conv_relu_pool_forward,
)

conv_forward_naive = conv_forward_fast = conv_forward_im2col = conv_forward_strides = conv_forward
conv_backward_naive = conv_backward_fast = conv_backward_im2col = conv_backward_strides = conv_backward
max_pool_forward_naive = max_pool_forward_fast = max_pool_forward_reshape = max_pool_forward_im2col = max_pool_forward
max_pool_backward_naive = max_pool_backward_fast = max_pool_backward
max_pool_backward_reshape = max_pool_backward_im2col = max_pool_backward
batchnorm_backward_alt = batchnorm_backward

__all__ = [
    "MissingParameter",
    "affine_backward",
    "affine_bn_relu_backward",
    "affine_bn_relu_forward",
    "affine_forward",
    "affine_relu_backward",
    "affine_relu_forward",
    "batchnorm_backward",
    "batchnorm_backward_alt",
    "batchnorm_forward",
    "conv_backward",
    "conv_backward_fast",
    "conv_backward_im2col",
    "conv_backward_naive",
    "conv_backward_strides",
    "conv_bn_relu_backward",
    "conv_bn_relu_forward",
    "conv_forward",
    "conv_forward_fast",
    "conv_forward_im2col",
    "conv_forward_naive",
    "conv_forward_strides",
    "conv_relu_backward",
    "conv_relu_forward",
    "conv_relu_pool_backward",
    "conv_relu_pool_forward",
    "dropout_backward",
    "dropout_forward",
    "layernorm_backward",
    "layernorm_forward",
    "max_pool_backward",
    "max_pool_backward_fast",
    "max_pool_backward_im2col",
    "max_pool_backward_naive",
    "max_pool_backward_reshape",
    "max_pool_forward",
    "max_pool_forward_fast",
    "max_pool_forward_im2col",
    "max_pool_forward_naive",
    "max_pool_forward_reshape",
    "relu_backward",
    "relu_forward",
    "softmax_loss",
    "spatial_batchnorm_backward",
    "spatial_batchnorm_forward",
    "spatial_groupnorm_backward",
    "spatial_groupnorm_forward",
    "svm_loss",
]
