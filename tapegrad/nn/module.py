"""Module: a function with parameters in it. It finds its parameters, buffers and submodules by their attributes.

The values live where Python keeps attributes; the registry of a module holds their names and nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

import tapegrad as tg

from .parameter import Parameter

__all__ = ["IncompatibleKeys", "Module"]


class IncompatibleKeys(NamedTuple):
    """What did not fit when a state was loaded: names the state lacks, and names the module has not."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """The base of layers and networks: assign Parameters and Modules to attributes in __init__, write `forward`.

    Calling the module runs `forward` in a scope of the module's name, so that a drawing of the tape has a box for it.
    """

    training: bool
    _parameters: dict[str, None]  # names, in the order of registration
    _buffers: dict[str, bool]  # name: whether it is part of the state
    _modules: dict[str, None]
    _scope: str | None

    def __init__(self) -> None:
        values = self.__dict__
        values["training"] = True
        values["_parameters"], values["_buffers"], values["_modules"] = {}, {}, {}
        values["_scope"] = None

    # -- calling -------------------------------------------------------------------------------------------

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass writes its own."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._scope is None:
            return self.forward(*args, **kwargs)
        with tg.scope(self._scope):
            return self.forward(*args, **kwargs)

    def _rename(self, old: str | None, new: str | None) -> None:
        """Take a new scope name, if the name is the old one: of several parents, the first one's counts."""
        if self._scope == old:
            self.__dict__["_scope"] = new

    # -- registering ---------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self.add_module(name, value)
        else:
            self._check_plain(name, value)
            object.__setattr__(self, name, value)

    def _check_plain(self, name: str, value: Any) -> None:
        """Refuse to put a plain value where a parameter, a module or a buffer stands."""
        values = self.__dict__
        if name in values.get("_parameters", ()) and value is not None:
            raise TypeError(
                f"{type(self).__name__}.{name} is a parameter and cannot become a {type(value).__name__}. Assign an "
                f"nn.Parameter, or set its values: module.{name}.data = array."
            )
        if name in values.get("_modules", ()) and value is not None:
            raise TypeError(f"{type(self).__name__}.{name} is a module and cannot become a {type(value).__name__}")
        if name in values.get("_buffers", ()) and value is not None and not isinstance(value, tg.Tensor):
            raise TypeError(
                f"{type(self).__name__}.{name} is a buffer and cannot become a {type(value).__name__}; a Tensor can"
            )

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        for names in (self._parameters, self._buffers, self._modules):
            names.pop(name, None)

    def __getattr__(self, name: str) -> Any:  # reached only where ordinary look-up found nothing
        if "_parameters" not in self.__dict__ and not name.startswith("__"):
            raise AttributeError(
                f"{type(self).__name__}: {name!r} was asked for before Module.__init__ ran; call super().__init__() "
                "first in __init__"
            )
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def _register(self, kind: str, name: str, value: Any) -> None:
        values = self.__dict__
        if "_parameters" not in values:
            raise AttributeError(
                f"{type(self).__name__}: cannot assign {name!r} before Module.__init__ ran; call super().__init__() "
                "first in __init__"
            )
        if not isinstance(name, str) or not name or "." in name:
            raise KeyError(f"{type(self).__name__}: {name!r} cannot be a name; a word without dots can")
        if hasattr(type(self), name) or name in Module.__annotations__:
            raise KeyError(f"{type(self).__name__}: the attribute {name!r} is taken")
        for other in ("_parameters", "_buffers", "_modules"):
            if other != kind:
                values[other].pop(name, None)
        values[name] = value

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Add a parameter under a name; None reserves the name for a parameter that is left out."""
        if parameter is not None and not isinstance(parameter, Parameter):
            raise TypeError(f"register_parameter: {name!r} is a {type(parameter).__name__}, not an nn.Parameter")
        if parameter is not None and not parameter.is_leaf:
            raise ValueError(f"register_parameter: {name!r} is the result of an op; a parameter must be a leaf")
        self._register("_parameters", name, parameter)
        self._parameters.setdefault(name)
        if parameter is not None and parameter.name is None:
            parameter.name = name

    def register_buffer(self, name: str, tensor: tg.Tensor | None, persistent: bool = True) -> None:
        """Add a Tensor that is part of the state but not trained; persistent=False keeps it out of state_dict too."""
        if tensor is not None and not isinstance(tensor, tg.Tensor):
            raise TypeError(f"register_buffer: {name!r} is a {type(tensor).__name__}, not a Tensor")
        self._register("_buffers", name, tensor)
        self._buffers[name] = bool(persistent)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a submodule under a name, as assigning it to an attribute does."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"add_module: {name!r} is a {type(module).__name__}, not a Module")
        if module is not None and any(m is self for m in module.modules()):
            raise ValueError(f"add_module: {type(self).__name__} cannot hold itself, as {name!r}")
        self._register("_modules", name, module)
        self._modules.setdefault(name)
        if module is not None:
            module._rename(None, name)
            for path, parameter in module.named_parameters():
                if parameter.name == path:  # so that on a tape it has the name it has in the state
                    parameter.name = f"{name}.{path}"

    # -- finding -------------------------------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The submodules held here directly, with their names; one held twice comes once."""
        seen: set[int] = set()
        for name in self._modules:
            module = self.__dict__[name]
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        """The submodules held here directly."""
        return (module for _, module in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module (named `prefix`) and all below it, with dotted names, each once."""
        return _walk(self, prefix, set())

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def _named(self, registry: str, prefix: str) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        for path, module in self.named_modules(prefix):
            for name in getattr(module, registry):
                value = module.__dict__[name]
                if value is not None and id(value) not in seen:
                    seen.add(id(value))
                    yield _join(path, name), value

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """All parameters here and below with dotted names, each once."""
        return self._named("_parameters", prefix)

    def parameters(self) -> Iterator[Parameter]:
        """All parameters here and below, each once: what an optimiser takes."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, tg.Tensor]]:
        """All buffers here and below with dotted names, each once."""
        return self._named("_buffers", prefix)

    def buffers(self) -> Iterator[tg.Tensor]:
        """All buffers here and below, each once."""
        return (buffer for _, buffer in self.named_buffers())

    # -- changing ------------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Set training mode here and below: dropout drops, batch norm uses the batch's statistics."""
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode here and below."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Set the `.grad` of all parameters to None."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def requires_grad_(self, flag: bool = True) -> Self:
        """Set requires_grad of all parameters: False freezes them."""
        for parameter in self.parameters():
            parameter.requires_grad_(flag)
        return self

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call a function on every module below and then on this one: to initialise, say."""
        for module in self.children():
            module.apply(function)
        function(self)
        return self

    def astype(self, dtype: Any) -> Self:
        """Turn all floating parameters and buffers into another floating dtype.

        They are new Tensors without gradients: make the optimiser afterwards.
        """
        target = np.dtype(dtype)
        if target.kind != "f":
            raise TypeError(f"astype: {target} is no floating dtype; float32 and float64 are")
        made: dict[int, tg.Tensor] = {}
        for module in self.modules():
            for name in (*module._parameters, *module._buffers):
                old = module.__dict__[name]
                if old is None or old.dtype.kind != "f" or old.dtype == target:
                    continue
                if id(old) not in made:
                    made[id(old)] = type(old)(old.detach(), old.requires_grad, target, old.name)
                module.__dict__[name] = made[id(old)]
        return self

    # -- state ---------------------------------------------------------------------------------------------

    def _state(self, prefix: str = "") -> Iterator[tuple[str, tg.Tensor]]:
        """Parameters and persistent buffers with dotted names; shared ones under every name, as in torch."""
        for name in self._parameters:
            if self.__dict__[name] is not None:
                yield prefix + name, self.__dict__[name]
        for name, persistent in self._buffers.items():
            if persistent and self.__dict__[name] is not None:
                yield prefix + name, self.__dict__[name]
        for name in self._modules:
            if self.__dict__[name] is not None:
                yield from self.__dict__[name]._state(f"{prefix}{name}.")

    def state_dict(self) -> dict[str, tg.Tensor]:
        """Copies of all parameters and persistent buffers by dotted name: {"0.weight": ..., "0.bias": ...}."""
        return {name: tg.tensor(tensor.detach()) for name, tensor in self._state()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Set parameters and buffers to the values in `state` (Tensors or arrays by name); the Tensors stay the same.

        Floats are cast to the dtype that is here. strict=False allows missing and unexpected names, and gives them
        back. Everything is checked first: where something does not fit, nothing is changed.

        Raises RuntimeError where names, shapes or dtypes do not fit, listing all that do not.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"load_state_dict: expected a dict of arrays by name, got {type(state).__name__}")
        here = dict(self._state())
        missing = [name for name in here if name not in state]
        unexpected = [name for name in state if name not in here]
        faults = []
        if strict and missing:
            faults.append(f"the state lacks {_listed(missing)}")
        if strict and unexpected:
            faults.append(f"the module has no {_listed(unexpected)}")
        values: list[tuple[tg.Tensor, Any]] = []
        for name, tensor in here.items():
            if name in state:
                value = state[name]
                value = value.detach().numpy() if isinstance(value, tg.Tensor) else np.asarray(value)
                if not tensor.is_leaf:
                    faults.append(f"{name} is the result of an op in the module and cannot be set")
                elif value.shape != tensor.shape:
                    faults.append(f"{name} has shape {value.shape} in the state, {tensor.shape} in the module")
                elif not np.can_cast(value.dtype, tensor.dtype, "same_kind"):
                    faults.append(f"{name} has dtype {value.dtype} in the state, {tensor.dtype} in the module")
                values.append((tensor, value))
        if faults:
            raise RuntimeError(f"load_state_dict: {type(self).__name__} was left as it was: {'; '.join(faults)}")
        for tensor, value in values:
            tensor.data = value
        return IncompatibleKeys(missing, unexpected)

    # -- printing ------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What stands between the parentheses when the module is printed: its settings."""
        return ""

    def __repr__(self) -> str:
        lines = [f"({name}): {_indented(repr(self.__dict__[name]))}" for name in self._modules]
        extra = self.extra_repr()
        if not lines:
            return f"{type(self).__name__}({extra})"
        return "\n  ".join([f"{type(self).__name__}({extra}", *lines]) + "\n)"


def _walk(module: Module, path: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
    if id(module) in seen:
        return
    seen.add(id(module))
    yield path, module
    for name in module._modules:
        child = module.__dict__[name]
        if child is not None:
            yield from _walk(child, _join(path, name), seen)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


def _listed(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:8]))
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown
