"""NumPy functions that are refused on Tensors, each with the reason and the way out.

Knows names and reasons; must not know any op.
"""

from __future__ import annotations

from typing import Any

from .registry import in_numpy

__all__ = ["REFUSED", "reason"]

_STRINGS = "it works on strings, which a Tensor cannot hold"
_DATES = "it works on dates, which a Tensor cannot hold"
_FILES = "it writes values without their history; tg.nn.save keeps tensors, numpy.{} takes t.detach().numpy()"
_TEXT = "it reads text into an ndarray, and a Tensor is none; call it without Tensors and give the result to tg.tensor"
_RECORDS = "it works on structured arrays, and a Tensor has no fields"

# modules all of whose functions are refused
_MODULES = {
    "numpy.lib.recfunctions": _RECORDS,
    "numpy.strings": _STRINGS,
    "numpy.char": _STRINGS,
    "numpy._core.strings": _STRINGS,
    "numpy._core.defchararray": _STRINGS,
}

# dotted names below numpy: some releases lack some of them
_NAMES: dict[str, str] = {
    "spacing": "it reads the bits of a float, and has no derivative that means anything",
    "nextafter": "it steps to the next float, and has no derivative that means anything; add the step you mean",
    "isnat": _DATES,
    "busday_count": _DATES,
    "busday_offset": _DATES,
    "is_busday": _DATES,
    "datetime_as_string": _DATES,
    "save": _FILES.format("save"),
    "savez": _FILES.format("savez"),
    "savez_compressed": _FILES.format("savez_compressed"),
    "savetxt": _FILES.format("savetxt"),
    "loadtxt": _TEXT,
    "genfromtxt": _TEXT,
    "fromstring": _TEXT,
}
_STRING_UFUNCS = (
    "_center _expandtabs _expandtabs_length _ljust _lstrip_chars _lstrip_whitespace _partition _partition_index "
    "_replace _rjust _rpartition _rpartition_index _rstrip_chars _rstrip_whitespace _slice _strip_chars "
    "_strip_whitespace _zfill count endswith find index isalnum isalpha isdecimal isdigit islower isnumeric isspace "
    "istitle isupper rfind rindex startswith str_len"
)
_NAMES |= {f"_core.umath.{name}": _STRINGS for name in _STRING_UFUNCS.split()}
_NAMES["_core.umath._ones_like"] = "it is private to NumPy; numpy.ones_like is there"

REFUSED: dict[Any, str] = {f: why for name, why in _NAMES.items() if (f := in_numpy(name)) is not None}


def reason(function: Any) -> str | None:
    """Why a function is refused; None if nobody has said."""
    if function in REFUSED:
        return REFUSED[function]
    return _MODULES.get(getattr(function, "__module__", "") or "")
