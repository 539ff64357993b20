"""Functions that look at values and give integers, bools or descriptions: they run on the arrays, without a gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..refusals import reason
from ..registry import BY_NUMPY, WITHOUT, Recorded, wrap
from ..tape import state
from .structure import deliver


def _stripped(x: Any, found: list[Any]) -> Any:
    """x with arrays in the place of Tensors, each of which is added to `found`."""
    if isinstance(x, Recorded):
        found.append(x)
        return x._data
    return type(x)(_stripped(i, found) for i in x) if type(x) in (list, tuple) else x


def valued(f: Any, doc: str, why: str = "its result is of integers or bools") -> Any:
    """A NumPy function that looks at values and has no gradient: run on the arrays, giving Tensors for arrays.

    f: the function, or None where this release of NumPy has none; then None comes back.
    """
    if f is None:
        return None

    def value(*args: Any, **kwargs: Any) -> Any:
        found: list[Any] = []
        args = tuple(_stripped(a, found) for a in args)
        out = kwargs.pop("out", None)
        kwargs = {k: _stripped(v, found) for k, v in kwargs.items()}
        result = f(*args, **kwargs)
        if out is not None:
            return deliver(wrap(np.asarray(result)) if found else np.asarray(result), out, f.__name__)
        return _wrapped(result) if found else result

    value.__name__ = value.__qualname__ = f.__name__
    value.__doc__ = doc + " No gradient. Arguments as in NumPy."
    BY_NUMPY[f] = value
    WITHOUT[f] = why
    return value


def only_values(f: Any, doc: str) -> Any:
    """A NumPy function that is refused where a gradient is asked for, and gives its values where none is."""
    why, name = reason(f), f"numpy.{f.__name__}"
    value = valued(f, doc, why or "")
    del WITHOUT[f]

    def refuse(*args: Any, **kwargs: Any) -> Any:
        if any_requires_grad((*args, *kwargs.values())):
            raise TypeError(f"{name} on a Tensor that requires grad: {why}. For its value alone, detach the Tensor.")
        return value(*args, **kwargs)

    refuse.__name__ = refuse.__qualname__ = f.__name__
    refuse.__doc__ = f"{doc} Refused where a gradient is asked for: {why}."
    BY_NUMPY[f] = refuse
    return refuse


def any_requires_grad(xs: Any) -> bool:
    """Whether a gradient is asked of any of these, while operations are recorded."""
    for x in xs:
        if isinstance(x, Recorded) and x.requires_grad and state.recording:
            return True
        if isinstance(x, (list, tuple)) and any_requires_grad(x):
            return True
    return False


def _wrapped(result: Any) -> Any:
    """Arrays as Tensors, also in tuples and lists; anything else as it is."""
    if isinstance(result, (np.ndarray, np.generic)):
        return wrap(result)
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return type(result)(*[_wrapped(r) for r in result])
    return type(result)(_wrapped(r) for r in result) if type(result) in (tuple, list) else result


argmax = valued(np.argmax, "The place of the largest entry.")
argmin = valued(np.argmin, "The place of the smallest entry.")
argsort = valued(np.argsort, "The order that sorts an axis.")
argpartition = valued(np.argpartition, "The order that partitions an axis.")
argwhere = valued(np.argwhere, "The places of the true entries, a row each.")
nonzero = valued(np.nonzero, "The indices of the true entries, an array for each axis.")
flatnonzero = valued(np.flatnonzero, "The indices of the true entries of the flat array.")
count_nonzero = valued(np.count_nonzero, "How many entries are not zero.")
searchsorted = valued(np.searchsorted, "Where values would go into a sorted array.")
digitize = valued(np.digitize, "The bins that values fall into.")
all = valued(np.all, "Whether all entries along axes are true.")
any = valued(np.any, "Whether any entry along axes is true.")
isclose = valued(np.isclose, "Which entries are equal within a tolerance.")
isin = valued(np.isin, "Which entries are among the test elements.")
iscomplex = valued(np.iscomplex, "Which entries have an imaginary part.")
isreal = valued(np.isreal, "Which entries have none.")
isposinf = valued(np.isposinf, "Which entries are positive infinity.")
isneginf = valued(np.isneginf, "Which entries are negative infinity.")


def _asking(*functions: Any) -> None:
    """NumPy functions whose result is no array: they run on the arrays, and what they give is given."""
    for f in functions:
        valued(f, f"numpy.{f.__name__}.", "its result describes the array")


_asking(np.shape, np.ndim, np.size, np.allclose, np.array_equal, np.array_equiv, np.iscomplexobj, np.isrealobj)
_asking(np.result_type, np.can_cast, np.common_type, np.array2string, np.array_repr, np.array_str)
_asking(np.may_share_memory, np.shares_memory)

nextafter = only_values(np.nextafter, "The next float after x towards y.")
spacing = only_values(np.spacing, "The distance from x to the next float.")
