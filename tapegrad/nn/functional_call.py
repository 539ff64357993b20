"""A module called with other tensors in the place of its own: the module as a function of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .module import Module

__all__ = ["functional_call"]


def functional_call(module: Module, tensors: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
    """module(*args, **kwargs) with `tensors` in the place of the parameters and buffers of those names.

    The module is as before afterwards, also when forward raises. So a loss becomes a function of the parameters, for
    tg.func.grad, hessian or tg.gradcheck. One thread at a time may call one module like this.
    Raises KeyError if a name is not one of the module's.
    """
    modules = dict(module.named_modules())
    own = {name for name, _ in [*module.named_parameters(), *module.named_buffers()]}
    unknown = [name for name in tensors if name not in own]
    if unknown:
        raise KeyError(f"functional_call: {', '.join(unknown)} are not parameters or buffers; these are: {sorted(own)}")
    places = []
    for name in tensors:
        path, _, attribute = name.rpartition(".")
        places.append((vars(modules[path]), attribute, name))
    before = [values[attribute] for values, attribute, _ in places]
    try:
        for values, attribute, name in places:
            values[attribute] = tensors[name]
        return module(*args, **kwargs)
    finally:
        for (values, attribute, _), old in zip(places, before, strict=True):
            values[attribute] = old
