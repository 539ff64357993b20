"""What a classic layer is given, checked: arrays of real numbers, gradients that fit, and the words of a dict.

Knows shapes, dtypes and error messages; nothing of what a layer computes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..kernels.windows import Array, Pair
from ..ops.geometry import ints
from ..registry import Recorded

_REQUIRED: Any = object()


class MissingParameter(KeyError, ValueError):
    """A dict of parameters lacks a word. It reads as a sentence, where a KeyError is shown in quotes."""

    def __str__(self) -> str:
        return str(self.args[0])


def array(a: Any, function: str, name: str) -> Array:
    """a as a plain array of real numbers, and a itself if it is one."""
    if isinstance(a, Recorded):
        if a.requires_grad:
            raise TypeError(
                f"{function}: {name} is a Tensor that requires grad, but tapegrad.layers works on NumPy arrays and "
                f"records nothing; give {name}.detach().numpy(), or use the functions of tapegrad itself"
            )
        a = a._data
    plain: Array = np.asarray(a)
    if plain.dtype.kind not in "fiub":
        raise TypeError(f"{function}: {name} must hold real numbers, got dtype {plain.dtype} and shape {plain.shape}")
    return plain


def float_type(x: Array, *parameters: Array) -> np.dtype[Any]:
    """The dtype a layer computes in: that of x, or where x holds integers one that the parameters decide."""
    if x.dtype.kind == "f":
        return x.dtype
    dtype = np.result_type(x, *parameters)
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def cast(a: Array, dtype: np.dtype[Any]) -> Array:
    """a in dtype, and a itself if it has it."""
    return a.astype(dtype, copy=False)


def incoming(dout: Any, shape: tuple[int, ...], dtype: np.dtype[Any], function: str) -> Array:
    """The gradient of a layer's output, in the dtype the layer computes in."""
    dout = array(dout, function, "dout")
    if dout.shape != shape:
        raise ValueError(
            f"{function}: dout has shape {dout.shape}, but the output of the forward has shape {shape}; "
            "the gradient of a layer's output has the shape of that output"
        )
    return cast(dout, dtype)


def outgoing(gradient: Any, of: Array) -> Array:
    """A gradient in the shape and, if that is one of floats, the dtype of the array it belongs to."""
    gradient = np.asarray(gradient).reshape(of.shape)
    return cast(gradient, of.dtype) if of.dtype.kind == "f" else gradient


def parts(cache: Any, words: tuple[str, ...], function: str) -> tuple[Any, ...]:
    """A cache of plain parts, taken apart."""
    if not isinstance(cache, (tuple, list)) or len(cache) != len(words):
        found = f"{len(cache)} parts" if isinstance(cache, (tuple, list)) else type(cache).__name__
        raise ValueError(f"{function}: the cache must be ({', '.join(words)}), got {found}")
    return tuple(cache)


def word(params: Mapping[str, Any], key: str, name: str, function: str, default: Any = _REQUIRED) -> Any:
    """One entry of a dict of parameters, which the messages call `name`."""
    if not isinstance(params, Mapping):
        raise TypeError(f"{function}: {name} must be a dict, got {type(params).__name__}")
    if key in params:
        return params[key]
    if default is _REQUIRED:
        here = ", ".join(map(repr, params)) or "nothing"
        raise MissingParameter(f"{function}: {name} lacks {key!r} (it has {here})")
    return default


def known(params: Mapping[str, Any], name: str, function: str, foreign: tuple[str, ...], way_out: str) -> None:
    """Refuse words that would change the result if they were heeded, rather than pass over them."""
    for key in foreign:
        if key in params:
            raise ValueError(f"{function}: {name} has {key!r}, which this layer does not know; {way_out}")


def number(params: Mapping[str, Any], key: str, name: str, function: str, default: float) -> float:
    """One entry of a dict of parameters that is a plain number and not negative."""
    value = word(params, key, name, function, default)
    try:
        value = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{function}: {name}[{key!r}] must be a number, got {value!r}") from None
    if not value >= 0:
        raise ValueError(f"{function}: {name}[{key!r}] must not be negative, got {value}")
    return value


def mode(params: Mapping[str, Any], name: str, function: str) -> str:
    """'train' or 'test'."""
    value = word(params, "mode", name, function)
    if not isinstance(value, str) or value not in ("train", "test"):
        raise ValueError(f"{function}: {name}['mode'] must be 'train' or 'test', got {value!r}")
    return value


def pair(params: Mapping[str, Any], key: str, name: str, function: str, least: int) -> Pair:
    """An int, or one for height and one for width."""
    first, second = ints(word(params, key, name, function), 2, f"{function}: {name}[{key!r}]", least)
    return first, second
