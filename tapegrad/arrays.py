"""Rules as they run on plain arrays of real numbers: the same code, with less between it and NumPy.

Knows functions and dtypes; must not know any op, nor what a rule says.

A rule is written once, in terms of ops. Run on Tensors it records. Run on arrays of one real dtype, which is what a
first-order backward does, its ops only pass through to NumPy, and its Python floats are converted at every call (which
costs as much as the arithmetic on a small array). `for_arrays` makes the same function over again with other globals:
names of elementwise ops mean what they call on arrays, and floats are 0-d arrays of the dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

__all__ = ["FLOAT32", "FLOAT64", "for_arrays", "number"]

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)

Function = Callable[..., Any]
_globals: dict[tuple[int, Any], tuple[dict[str, Any], dict[str, Any]]] = {}  # (id of globals, dtype) -> both
_numbers: dict[tuple[float | str, Any], Any] = {}


def number(value: float, dtype: Any) -> Any:
    """A float as a 0-d array that nobody can write; made once for each value and dtype."""
    key = (value or str(value), dtype)  # 0.0 and -0.0 are equal
    found = _numbers.get(key)
    if found is None:
        with np.errstate(over="ignore"):
            found = np.asarray(value, dtype)
        found.flags.writeable = False
        if len(_numbers) < 10_000:
            _numbers[key] = found
    return found


def for_arrays(rule: Function, dtype: Any) -> Function:
    """The rule for arrays that all have this real dtype."""
    known = getattr(rule, "on_real_arrays", None)
    if known is not None or not isinstance(rule, FunctionType):
        return known or rule
    code = rule.__code__
    constants = tuple([number(c, dtype) if type(c) is float else c for c in code.co_consts])
    own = rule.__globals__
    key = (id(own), dtype)
    if key not in _globals:
        _globals[key] = (own, {name: _meaning(value, dtype) for name, value in own.items()})
    made = FunctionType(
        code.replace(co_consts=constants), _globals[key][1], rule.__name__, rule.__defaults__, rule.__closure__
    )
    made.__kwdefaults__ = rule.__kwdefaults__
    return made


def _meaning(value: Any, dtype: Any) -> Any:
    """What a global of a rule's module stands for on real arrays."""
    if type(value) is float:
        return number(value, dtype)
    return getattr(value, "on_real_arrays", None) or value
