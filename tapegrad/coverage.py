"""What of NumPy and of the Array API standard is covered, read from the registry.

Knows the table of ops and the refusals; must not know any op by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import (  # noqa: F401  # what these register is what is counted
    array_api,
    creation,
    fft,
    linalg,
    numpy_protocol,
)
from .refusals import reason
from .registry import WITHOUT, handler_of, in_numpy

__all__ = ["Status", "array_api_status", "numpy_status"]

DIFFERENTIABLE, ZERO, REFUSED = "differentiable", "no gradient", "refused"


@dataclass(frozen=True)
class Status:
    """What happens to a function on Tensors: `kind`, and `why` it has no gradient or is refused."""

    kind: str
    why: str = ""

    def __str__(self) -> str:
        return self.kind + (f": {self.why}" if self.why else "")


def numpy_status(function: Any) -> Status | None:
    """What happens when this NumPy function is called on a Tensor; None if nobody has decided."""
    why = reason(function)
    if why is not None:
        return Status(REFUSED, why)
    if handler_of(function) is None:
        return None
    return Status(ZERO, WITHOUT[function]) if function in WITHOUT else Status(DIFFERENTIABLE)


_GROUPS = {
    "constants": Status(ZERO, "it is a number"),
    "data_types": Status(ZERO, "it is a dtype"),
    "data_type_functions": Status(ZERO, "it is about dtypes"),
    "info": Status(ZERO, "it describes the namespace"),
}


def array_api_status(group: str, name: str) -> Status | None:
    """What a name of the standard is in the namespace of Tensors; None if it is not there."""
    there: Any = array_api
    if group in ("linalg", "fft"):
        there = getattr(array_api, group)
    if group.startswith("array_"):
        from .tensor import Tensor

        there = Tensor
    if group == "info":
        return _GROUPS[group] if hasattr(array_api, "__array_namespace_info__") else None
    if not hasattr(there, name):
        return None
    if group in _GROUPS and name != "astype":
        return _GROUPS[group]
    if group.startswith("array_"):
        return _method_status(name)
    function = in_numpy(f"{group}.{name}" if group in ("linalg", "fft") else name)
    status = numpy_status(function) if function is not None else None
    if status is None:  # the namespace's own: creation functions, dlpack, frequencies
        return Status(ZERO, "it makes a new leaf, or describes arrays")
    return status


_METHODS = {
    "__abs__": "absolute", "__add__": "add", "__matmul__": "matmul", "__mod__": "remainder", "__mul__": "multiply",
    "__neg__": "negative", "__pos__": "positive", "__pow__": "power", "__sub__": "subtract", "__truediv__": "divide",
    "__floordiv__": "floor_divide", "T": "transpose", "mT": "matrix_transpose", "__getitem__": "take",
    "__setitem__": "put",
}  # fmt: skip


def _method_status(name: str) -> Status | None:
    if name in _METHODS:
        return numpy_status(in_numpy(_METHODS[name]))
    return Status(ZERO, "its result is of integers or bools, or no array")


def rows(path: Path) -> list[list[str]]:
    """The lines of a table of names, and what other libraries make of them."""
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]


_AUTOGRAD = {
    "vjp": "reverse", "vjp+jvp": "both modes", "composite": "by its parts", "nograd": "no gradient", "NONE": "raises",
}  # fmt: skip
_MYGRAD = {"yes": "reverse", "nograd": "no gradient"}


def markdown(data: Path) -> str:
    """The coverage page of the docs; `data` is the folder with the tables of other libraries."""
    names = rows(data / "coverage_numpy.tsv")
    standard = rows(data / "coverage_array_api.tsv")
    found: list[tuple[list[str], Status]] = []
    for row in names:
        status = numpy_status(in_numpy(_dotted(row[1], row[2])))
        if status is not None:
            found.append((row, status))
    counts = {k: sum(s.kind == k for _, s in found) for k in (DIFFERENTIABLE, ZERO, REFUSED)}
    lines = [
        "# Coverage",
        "",
        "Every function that NumPy lets others override, and every name of the Array API standard 2025.12, is one of",
        "three:",
        "",
        "- **differentiable**: to any order, in both modes, keywords included (one is honoured or refused by name);",
        "- **no gradient**: the gradient is zero, or the result (integers, bools, a description) has none;",
        "- **refused**: a TypeError gives the reason and the way out.",
        "",
        "This page is generated from the registry (`python docs/coverage_page.py`); a test holds it to what is",
        "registered, and another calls every function in it. `ufunc.reduce`, `accumulate`, `reduceat`, `outer` and",
        "`at` follow their ufunc. What other libraries do is read from their sources: autograd 1.8, MyGrad 2.3, and",
        "whether `jax.numpy` has the name.",
        "",
        f"Of {len(found)} functions of NumPy, {counts[DIFFERENTIABLE]} are differentiable, {counts[ZERO]} have no "
        f"gradient by nature and {counts[REFUSED]} are refused. autograd differentiates "
        f"{sum(r[3] in ('vjp', 'vjp+jvp', 'composite') for r, _ in found)} of them, MyGrad "
        f"{sum(r[4] == 'yes' for r, _ in found)}.",
    ]
    for module in dict.fromkeys(row[1] for row, _ in found):
        lines += ["", f"## {module}", "", "| function | tapegrad | autograd | MyGrad | JAX |", "|---|---|---|---|---|"]
        for (_, where, name, autograd, mygrad, jax), status in found:
            if where == module:
                lines.append(
                    f"| `{name}` | {status} | {_AUTOGRAD.get(autograd, '-')} | {_MYGRAD.get(mygrad, '-')} | "
                    f"{'yes' if jax == 'yes' else '-'} |"
                )
    lines += ["", "## numpy.lib.recfunctions", "", f"All refused: {_records()}.", ""]
    lines += ["## The Array API standard 2025.12", "", "| name | group | tapegrad |", "|---|---|---|"]
    for group, name, *_ in standard:
        lines.append(f"| `{name}` | {group.replace('_', ' ')} | {array_api_status(group, name) or 'missing'} |")
    return "\n".join(lines) + "\n"


def _dotted(module: str, name: str) -> str:
    return f"{module}.{name}".removeprefix("numpy.")


def _records() -> str:
    import numpy.lib.recfunctions as records

    return reason(records.append_fields) or ""
