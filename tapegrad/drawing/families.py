"""What an op is called in a picture: the family that gives its colour, and the symbol on its disc."""

from __future__ import annotations

from typing import Any

__all__ = ["SYMBOLS", "family"]

SYMBOLS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**", "negative": "neg", "square": "^2",
    "matmul": "@", "remainder": "%", "floor_divide": "//", "absolute": "abs",
}  # fmt: skip

LINEAR = {"matmul", "linear", "bilinear", "einsum", "dot", "vdot", "inner", "outer", "tensordot", "vecdot", "kron"}
SHAPE = {
    "getitem", "setitem", "place", "pad", "take", "embedding", "spread", "pick", "cast", "concatenate", "stack",
    "where", "broadcast_to", "sum_to", "flip", "roll", "tile", "repeat", "sort", "gather", "scatter", "dropout",
}  # fmt: skip
ACTIVATION = {"tanh", "sigmoid", "logistic", "gelu", "silu", "swish", "mish", "softplus", "softsign", "erf"}
LOSSES = ("loss", "cross_entropy", "nll", "kl_div", "_svm", "hinge")
BY_ROOM = {
    "product": "linear", "fourier": "linear", "solve": "linear", "factor": "linear", "least_squares": "linear",
    "matrix_function": "linear", "conv": "linear", "norm": "norm", "matrix_norm": "norm",
    "activation": "activation", "loss": "loss", "pool": "shape", "structure": "shape", "shape": "shape",
    "index": "shape", "sorting": "shape", "selection": "shape", "padding": "shape",
}  # fmt: skip


def family(op: Any) -> str:
    """linear, norm, activation, shape, loss or elementwise: by the op's name, else by the file it stands in."""
    name, room = op.name, op.module.rpartition(".")[2]
    if any(word in name for word in LOSSES):
        return "loss"
    if name in LINEAR or name.startswith(("conv", "linear")):
        return "linear"
    if name in ACTIVATION or "relu" in name or "softmax" in name or name.endswith(("elu", "sigmoid")):
        return "activation"
    if name in SHAPE or "pool" in name or "reshape" in name or "transpose" in name:
        return "shape"
    if "norm" in name:
        return "norm"
    return BY_ROOM.get(room, "elementwise")
