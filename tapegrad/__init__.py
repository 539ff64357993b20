"""tapegrad: reverse-mode automatic differentiation on NumPy arrays, of which you can see everything.

`import tapegrad as tg`; `tg.tensor(..., requires_grad=True)` records what is done to it, `.backward()` differentiates.
"""

from typing import TYPE_CHECKING, Any

from numpy import e, inf, nan, newaxis, pi

from . import einops_backend, fft, func, linalg
from .backward import backward, grad
from .creation import (
    arange,
    array,
    asarray,
    bartlett,
    blackman,
    empty,
    empty_like,
    eye,
    from_numpy,
    frombuffer,
    fromfile,
    fromfunction,
    fromiter,
    full,
    full_like,
    geomspace,
    hamming,
    hanning,
    identity,
    linspace,
    logspace,
    ones,
    ones_like,
    tensor,
    tri,
    zeros,
    zeros_like,
)
from .kernels.choice import compiled_kernels, set_compiled_kernels
from .kernels.threads import get_num_threads, set_num_threads
from .modes import detect_anomaly, enable_grad, is_grad_enabled, no_grad, scope, set_grad_enabled
from .ops.activation import (
    celu,
    elu,
    erf,
    erfc,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    log_softmax,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softmin,
    softplus,
    softshrink,
    softsign,
    tanhshrink,
    threshold,
)
from .ops.conv import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from .ops.dense import bilinear, linear
from .ops.discrete import (
    all,
    any,
    argmax,
    argmin,
    argpartition,
    argsort,
    argwhere,
    count_nonzero,
    diag_indices_from,
    digitize,
    flatnonzero,
    isclose,
    iscomplex,
    isin,
    isneginf,
    isposinf,
    isreal,
    lexsort,
    nextafter,
    nonzero,
    packbits,
    ravel_multi_index,
    searchsorted,
    spacing,
    tril_indices_from,
    triu_indices_from,
    unpackbits,
    unravel_index,
)
from .ops.distance import cosine_similarity, normalize, pairwise_distance
from .ops.dropout import alpha_dropout, dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout
from .ops.elementwise import (
    absolute,
    add,
    angle,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    bitwise_and,
    bitwise_count,
    bitwise_or,
    bitwise_xor,
    cbrt,
    ceil,
    clip,
    conjugate,
    copysign,
    cos,
    cosh,
    deg2rad,
    degrees,
    divide,
    divmod,
    equal,
    exp,
    exp2,
    expm1,
    fabs,
    fix,
    float_power,
    floor,
    floor_divide,
    fmax,
    fmin,
    fmod,
    frexp,
    gcd,
    greater,
    greater_equal,
    heaviside,
    hypot,
    imag,
    invert,
    isfinite,
    isinf,
    isnan,
    lcm,
    ldexp,
    left_shift,
    less,
    less_equal,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logaddexp2,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    modf,
    multiply,
    nan_to_num,
    negative,
    not_equal,
    power,
    rad2deg,
    radians,
    real_if_close,
    reciprocal,
    remainder,
    right_shift,
    rint,
    round,
    sign,
    signbit,
    sin,
    sinc,
    sinh,
    sqrt,
    square,
    subtract,
    tan,
    tanh,
    trunc,
    where,
)
from .ops.elementwise import positive_ as positive
from .ops.elementwise import real_part as real
from .ops.embedding import embedding, one_hot
from .ops.histogram import bincount, histogram, histogram2d, histogram_bin_edges, histogramdd
from .ops.index import (
    compress,
    diag,
    diagflat,
    diagonal,
    diff,
    extract,
    repeat,
    take,
    take_along_axis,
    tril,
    triu,
)
from .ops.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_embedding_loss,
    cross_entropy,
    gaussian_nll_loss,
    hinge_embedding_loss,
    huber_loss,
    kl_div,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    multi_margin_loss,
    nll_loss,
    poisson_nll_loss,
    smooth_l1_loss,
    soft_margin_loss,
)
from .ops.nan_functions import (
    nanargmax,
    nanargmin,
    nancumprod,
    nancumsum,
    nanmax,
    nanmean,
    nanmin,
    nanprod,
    nanstd,
    nansum,
    nanvar,
)
from .ops.norm import batch_norm, group_norm, instance_norm, layer_norm
from .ops.padding import pad
from .ops.polynomial import poly, polyadd, polyder, polydiv, polyfit, polyint, polymul, polysub, polyval, roots, vander
from .ops.pool import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)
from .ops.product import cross, dot, einsum, inner, kron, matmul, matvec, outer, tensordot, trace, vdot, vecdot, vecmat
from .ops.reduce import (
    amax,
    amin,
    average,
    cumprod,
    cumsum,
    cumulative_prod,
    cumulative_sum,
    logsumexp,
    max,
    mean,
    min,
    prod,
    ptp,
    std,
    sum,
    var,
)
from .ops.selection import (
    apply_along_axis,
    apply_over_axes,
    block,
    choose,
    copyto,
    delete,
    fill_diagonal,
    insert,
    piecewise,
    place,
    put,
    put_along_axis,
    putmask,
    resize,
    select,
    sliding_window_view,
    trim_zeros,
)
from .ops.sets import (
    intersect1d,
    setdiff1d,
    setxor1d,
    union1d,
    unique,
    unique_all,
    unique_counts,
    unique_inverse,
    unique_values,
)
from .ops.signal import convolve, correlate, ediff1d, gradient, i0, interp, kaiser, trapezoid, unwrap
from .ops.sorting import partition, sort, sort_complex
from .ops.statistics import corrcoef, cov, median, nanmedian, nanpercentile, nanquantile, percentile, quantile
from .ops.structure import (
    append,
    array_split,
    astype,
    atleast_1d,
    atleast_2d,
    atleast_3d,
    broadcast_arrays,
    broadcast_to,
    column_stack,
    concat,
    concatenate,
    copy,
    dsplit,
    dstack,
    expand_dims,
    flip,
    fliplr,
    flipud,
    hsplit,
    hstack,
    matrix_transpose,
    meshgrid,
    moveaxis,
    permute_dims,
    ravel,
    reshape,
    roll,
    rollaxis,
    rot90,
    split,
    squeeze,
    stack,
    swapaxes,
    tile,
    transpose,
    unstack,
    vsplit,
    vstack,
)
from .random import default_generator, manual_seed, normal, rand, randint, randn, randperm, uniform
from .registry import op
from .tape import Tape
from .tensor import Tensor

abs = absolute
pow = power
mod = remainder
true_divide = divide
conj = conjugate
acos, acosh, asin, asinh, atan, atan2, atanh = arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh
bitwise_invert, bitwise_left_shift, bitwise_right_shift = invert, left_shift, right_shift

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import array_api, emath, layers, nn, optim, optimize, special
    from .check import GradientError, check_op, gradcheck, gradgradcheck
    from .drawing import draw
    from .handwritten import check_backward

# What most programs do not need is imported when it is first asked for.
_LATER = {
    "array_api": "", "emath": "", "layers": "", "nn": "", "optim": "", "optimize": "", "special": "", "draw": "drawing",
    "GradientError": "check", "check_op": "check", "gradcheck": "check", "gradgradcheck": "check",
    "check_backward": "handwritten",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if not _LATER[name]:
        return import_module(f"{__name__}.{name}")
    found = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})


__all__ = [
    "GradientError", "Tape", "Tensor", "abs", "absolute", "acos", "acosh", "adaptive_avg_pool1d", "adaptive_avg_pool2d",
    "add", "all", "alpha_dropout", "amax", "amin", "angle", "any", "append", "apply_along_axis", "apply_over_axes",
    "arange", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "argmax", "argmin",
    "argpartition", "argsort", "argwhere", "array", "array_api", "array_split", "asarray", "asin", "asinh", "astype",
    "atan", "atan2", "atanh", "atleast_1d", "atleast_2d", "atleast_3d", "average", "avg_pool1d", "avg_pool2d",
    "backward", "bartlett", "batch_norm", "bilinear", "binary_cross_entropy", "binary_cross_entropy_with_logits",
    "bincount", "bitwise_and", "bitwise_count", "bitwise_invert", "bitwise_left_shift", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "blackman", "block", "broadcast_arrays", "broadcast_to", "cbrt", "ceil",
    "celu", "check_backward", "check_op", "choose", "clip", "column_stack", "compiled_kernels", "compress", "concat",
    "concatenate", "conj", "conjugate", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d", "convolve", "copy",
    "copysign", "copyto", "corrcoef", "correlate", "cos", "cosh", "cosine_embedding_loss", "cosine_similarity",
    "count_nonzero", "cov", "cross", "cross_entropy", "cumprod", "cumsum", "cumulative_prod", "cumulative_sum",
    "default_generator", "deg2rad", "degrees", "delete", "detect_anomaly", "diag", "diag_indices_from", "diagflat",
    "diagonal", "diff", "digitize", "divide", "divmod", "dot", "draw", "dropout", "dropout1d", "dropout2d", "dropout3d",
    "dsplit", "dstack", "e", "ediff1d", "einsum", "elu", "emath", "embedding", "empty", "empty_like", "enable_grad",
    "equal", "erf", "erfc", "exp", "exp2", "expand_dims", "expm1", "extract", "eye", "fabs", "feature_alpha_dropout",
    "fft", "fill_diagonal", "fix", "flatnonzero", "flip", "fliplr", "flipud", "float_power", "floor", "floor_divide",
    "fmax", "fmin", "fmod", "frexp", "from_numpy", "frombuffer", "fromfile", "fromfunction", "fromiter", "full",
    "full_like", "func", "gaussian_nll_loss", "gcd", "gelu", "geomspace", "get_num_threads", "glu", "grad", "gradcheck",
    "gradgradcheck", "gradient", "greater", "greater_equal", "group_norm", "hamming", "hanning", "hardshrink",
    "hardsigmoid", "hardswish", "hardtanh", "heaviside", "hinge_embedding_loss", "histogram", "histogram2d",
    "histogram_bin_edges", "histogramdd", "hsplit", "hstack", "huber_loss", "hypot", "i0", "identity", "imag", "inf",
    "inner", "insert", "instance_norm", "interp", "intersect1d", "invert", "is_grad_enabled", "isclose", "iscomplex",
    "isfinite", "isin", "isinf", "isnan", "isneginf", "isposinf", "isreal", "kaiser", "kl_div", "kron", "l1_loss",
    "layer_norm", "layers", "lcm", "ldexp", "leaky_relu", "left_shift", "less", "less_equal", "lexsort", "linalg",
    "linear", "linspace", "log", "log10", "log1p", "log2", "log_softmax", "logaddexp", "logaddexp2", "logical_and",
    "logical_not", "logical_or", "logical_xor", "logsigmoid", "logspace", "logsumexp", "manual_seed",
    "margin_ranking_loss", "matmul", "matrix_transpose", "matvec", "max", "max_pool1d", "max_pool2d", "maximum", "mean",
    "median", "meshgrid", "min", "minimum", "mish", "mod", "modf", "moveaxis", "mse_loss", "multi_margin_loss",
    "multiply", "nan", "nan_to_num", "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean",
    "nanmedian", "nanmin", "nanpercentile", "nanprod", "nanquantile", "nanstd", "nansum", "nanvar", "negative",
    "newaxis", "nextafter", "nll_loss", "nn", "no_grad", "nonzero", "normal", "normalize", "not_equal", "one_hot",
    "ones", "ones_like", "op", "optim", "optimize", "outer", "packbits", "pad", "pairwise_distance", "partition",
    "percentile", "permute_dims", "pi", "piecewise", "place", "poisson_nll_loss", "poly", "polyadd", "polyder",
    "polydiv", "polyfit", "polyint", "polymul", "polysub", "polyval", "positive", "pow", "power", "prelu", "prod",
    "ptp", "put", "put_along_axis", "putmask", "quantile", "rad2deg", "radians", "rand", "randint", "randn", "randperm",
    "ravel", "ravel_multi_index", "real", "real_if_close", "reciprocal", "relu", "relu6", "remainder", "repeat",
    "reshape", "resize", "right_shift", "rint", "roll", "rollaxis", "roots", "rot90", "round", "scope", "searchsorted",
    "select", "selu", "set_compiled_kernels", "set_grad_enabled", "set_num_threads", "setdiff1d", "setxor1d", "sigmoid",
    "sign", "signbit", "silu", "sin", "sinc", "sinh", "sliding_window_view", "smooth_l1_loss", "soft_margin_loss",
    "softmax", "softmin", "softplus", "softshrink", "softsign", "sort", "sort_complex", "spacing", "special", "split",
    "sqrt", "square", "squeeze", "stack", "std", "subtract", "sum", "swapaxes", "take", "take_along_axis", "tan",
    "tanh", "tanhshrink", "tensor", "tensordot", "threshold", "tile", "trace", "transpose", "trapezoid", "tri", "tril",
    "tril_indices_from", "trim_zeros", "triu", "triu_indices_from", "true_divide", "trunc", "uniform", "union1d",
    "unique", "unique_all", "unique_counts", "unique_inverse", "unique_values", "unpackbits", "unravel_index",
    "unstack", "unwrap", "vander", "var", "vdot", "vecdot", "vecmat", "vsplit", "vstack", "where", "zeros",
    "zeros_like",
]  # fmt: skip
