"""Modules that hold others: in a chain, in a list, by name; and a list of parameters."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from .module import Module
from .parameter import Parameter

__all__ = ["ModuleDict", "ModuleList", "ParameterList", "Sequential"]


class _Listing(Module):
    """Modules under the names "0", "1", ...: indexing, slicing, iteration."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return (self.__dict__[name] for name in self._modules)

    def _key(self, index: int) -> str:
        place, length = operator.index(index), len(self)
        if not -length <= place < length:
            raise IndexError(f"{type(self).__name__}: index {place} is out of range for {length} modules")
        return list(self._modules)[place]

    def __setitem__(self, index: int, module: Module) -> None:
        self.add_module(self._key(index), module)

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        place = len(self)
        while str(place) in self._modules:  # a slice keeps the names its modules had
            place += 1
        self.add_module(str(place), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end."""
        for module in modules:
            self.append(module)
        return self

    def _renamed(self, modules: list[Module]) -> None:
        """Hold these modules and no others."""
        for name in list(self._modules):
            delattr(self, name)
        for module in modules:
            module._rename(module._scope, None)
            self.append(module)

    def __delitem__(self, index: int) -> None:
        key = self._key(index)
        self._renamed([self.__dict__[name] for name in self._modules if name != key])

    def insert(self, index: int, module: Module) -> Self:
        """Add a module before the one at an index."""
        modules = list(self)
        modules.insert(index, module)
        self._renamed(modules)
        return self


class Sequential(_Listing):
    """A chain of modules, each called with what the one before gave: Sequential(a, b)(x) = b(a(x)).

    Takes modules, or one dict of modules by name. seq[1] is a module, seq[:2] a chain of the same modules.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        named = modules[0] if len(modules) == 1 and isinstance(modules[0], Mapping) else None
        held: Any = named if named is not None else {str(place): module for place, module in enumerate(modules)}
        for name, module in held.items():
            self.add_module(name, module)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)({name: self.__dict__[name] for name in list(self._modules)[index]})
        return self.__dict__[self._key(index)]

    def _renamed(self, modules: list[Module]) -> None:
        if list(self._modules) != [str(place) for place in range(len(self))]:
            raise ValueError("Sequential: modules with names of their own cannot be inserted or deleted by place")
        super()._renamed(modules)

    def forward(self, x: Any) -> Any:
        """x through all modules in turn."""
        for name in self._modules:
            x = self.__dict__[name](x)
        return x


def _below(scope: str | None, key: str) -> str:
    return key if scope is None else f"{scope}.{key}"


class _Spread(Module):
    """A holder that is never called: its modules carry its name in theirs, as in "layers.0"."""

    def _rename(self, old: str | None, new: str | None) -> None:
        if self._scope == old:
            super()._rename(old, new)
            for key in self._modules:
                child = self.__dict__[key]
                if child is not None:
                    child._rename(_below(old, key), _below(new, key))

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a module under a name."""
        super().add_module(name, module)
        if module is not None:
            module._rename(name, _below(self._scope, name))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Not callable: call the modules it holds."""
        raise NotImplementedError(f"{type(self).__name__} only holds modules; call them, or use Sequential")


class ModuleList(_Spread, _Listing):
    """A list of modules that a Module sees; calling them is up to the forward that holds it."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self.__dict__[self._key(index)]


class ModuleDict(_Spread):
    """Modules by name that a Module sees; calling them is up to the forward that holds it."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def update(self, modules: Mapping[str, Module]) -> None:
        """Add modules by name, replacing those of the same name."""
        for name, module in modules.items():
            self.add_module(name, module)

    def __getitem__(self, name: str) -> Module:
        if name not in self._modules:
            raise KeyError(f"ModuleDict has no {name!r}; it has {', '.join(self._modules) or 'nothing'}")
        return self.__dict__[name]  # type: ignore[no-any-return]

    def __setitem__(self, name: str, module: Module) -> None:
        self.add_module(name, module)

    def __delitem__(self, name: str) -> None:
        self[name]
        delattr(self, name)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._modules))

    def __contains__(self, name: object) -> bool:
        return name in self._modules

    def keys(self) -> list[str]:
        """The names."""
        return list(self._modules)

    def values(self) -> list[Module]:
        """The modules."""
        return [self.__dict__[name] for name in self._modules]

    def items(self) -> list[tuple[str, Module]]:
        """Names and modules."""
        return list(zip(self.keys(), self.values(), strict=True))


class ParameterList(Module):
    """A list of Parameters that a Module sees, under the names "0", "1", ..."""

    def __init__(self, parameters: Iterable[Parameter] = ()) -> None:
        super().__init__()
        for parameter in parameters:
            self.append(parameter)

    def append(self, parameter: Parameter) -> Self:
        """Add a parameter at the end."""
        self.register_parameter(str(len(self)), parameter)
        return self

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return (self.__dict__[name] for name in self._parameters)

    def __getitem__(self, index: int) -> Parameter:
        return list(self)[index]

    def extra_repr(self) -> str:
        """The shapes."""
        return ", ".join(str(p.shape) for p in self)
