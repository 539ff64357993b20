"""Functions that look at values and give integers, bools or descriptions: run on the arrays, without a gradient."""

from __future__ import annotations

import builtins
import inspect
from typing import Any

import numpy as np

from ..refusals import reason
from ..registry import BY_NUMPY, WITHOUT, Recorded, in_numpy, numpy_name, operand, wrap
from ..tape import state
from .structure import deliver, reshape_op


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
    place = _place_of_out(f)

    def value(*args: Any, **kwargs: Any) -> Any:
        found: list[Any] = []
        if len(args) > place:
            kwargs["out"], args = args[place], args[:place]
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


def _place_of_out(f: Any) -> int:
    """Which of the positional arguments of a NumPy function is `out`; beyond all of them if none is."""
    try:
        names = list(inspect.signature(f).parameters)
    except ValueError:  # a C function that does not say
        names = []
    return names.index("out") if "out" in names else 99


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
lexsort = valued(np.lexsort, "The order that sorts by several keys, the last of them first.")
unravel_index = valued(np.unravel_index, "Places of the flat array as indices, an array for each axis.")
ravel_multi_index = valued(np.ravel_multi_index, "Indices, an array for each axis, as places of the flat array.")
diag_indices_from = valued(np.diag_indices_from, "The indices of the main diagonal, an array for each axis.")
tril_indices_from = valued(np.tril_indices_from, "The indices of the lower triangle, an array for each axis.")
triu_indices_from = valued(np.triu_indices_from, "The indices of the upper triangle, an array for each axis.")
packbits = valued(np.packbits, "Bits as bytes, eight to each.")
unpackbits = valued(np.unpackbits, "Bytes as bits.")
valued(in_numpy("in1d"), "Which entries of a flat array are among the test elements.")


@numpy_name(np.ix_, zero="its results are indices")
def ix_(*args: Any) -> tuple[Any, ...]:
    """The indices of an open mesh: sequence k along axis k, bools as the places where they hold."""
    tensors = builtins.any([isinstance(one, Recorded) for one in args])
    out = []
    for k, one in enumerate(args):
        x = operand(one, "ix_")
        if x.ndim != 1:
            raise ValueError(f"ix_: the sequences must have one axis, number {k} has shape {x.shape}")
        if x.dtype.kind == "b":
            x = flatnonzero(x)
        elif not x.size and not isinstance(one, (np.ndarray, Recorded)):
            x = np.zeros(0, np.intp)
        x = reshape_op(x, shape=(1,) * k + (x.size,) + (1,) * (len(args) - 1 - k))
        out.append(wrap(x) if tensors and not isinstance(x, Recorded) else x)
    return tuple(out)


def _asking(*functions: Any) -> None:
    """NumPy functions whose result is no array: they run on the arrays, and what they give is given."""
    for f in functions:
        valued(f, f"numpy.{f.__name__}.", "its result describes the array")


_asking(np.shape, np.ndim, np.size, np.allclose, np.array_equal, np.array_equiv, np.iscomplexobj, np.isrealobj)
_asking(np.result_type, np.can_cast, np.common_type, np.array2string, np.array_repr, np.array_str)
_asking(np.may_share_memory, np.shares_memory, np.min_scalar_type)

nextafter = only_values(np.nextafter, "The next float after x towards y.")
spacing = only_values(np.spacing, "The distance from x to the next float.")
