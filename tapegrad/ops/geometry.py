"""What convolutions and pools are told about strides, paddings and kernels, checked and made canonical."""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


def ints(value: Any, count: int, what: str, least: int) -> tuple[int, ...]:
    """An int or `count` of them, each at least `least`; `what` says which op and argument."""
    if value is None:
        raise TypeError(f"{what} must be an int or {count} ints, got None")
    try:
        values = (operator.index(value),) * count
    except TypeError:
        try:
            values = tuple(operator.index(v) for v in value)
        except TypeError:
            raise TypeError(f"{what} must be an int or {count} ints, got {value!r}") from None
        if len(values) == 1:
            values *= count
    if len(values) != count:
        raise ValueError(f"{what} must be an int or {count} ints, got {value!r}")
    if any(v < least for v in values):
        raise ValueError(f"{what} must be at least {least}, got {value!r}")
    return values


def paddings(
    padding: Any, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...], name: str
) -> Any:
    """(before, after) for each axis, from an int, one per axis, "same" or "valid"."""
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * len(kernel)
        if padding != "same":
            raise ValueError(f"{name}: padding {padding!r} is not an int, ints, 'same' or 'valid'")
        if any(s != 1 for s in stride):
            raise ValueError(f"{name}: padding 'same' needs stride 1, got {stride}; give the padding as ints")
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((t // 2, t - t // 2) for t in totals)
    return tuple((p, p) for p in ints(padding, len(kernel), f"{name}: padding", 0))


def same_dtype(name: str, *arrays: Any) -> None:
    """Warn, once per place, when float32 meets float64: the result is float64, seldom what was meant."""
    dtypes = {a.dtype for a in arrays if a is not None and a.dtype.kind in "fc"}
    if len(dtypes) > 1:
        warnings.warn(
            f"{name}: the inputs have dtypes {', '.join(sorted(map(str, dtypes)))} and are computed in "
            f"{np.result_type(*dtypes)}; use .astype to make them agree",
            stacklevel=4,
        )
