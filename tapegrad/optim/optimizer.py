"""Optimizer: groups of parameters with their settings, and what is remembered for each parameter between steps.

Knows what all optimisers share; how a parameter moves, each one says in `_update`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tapegrad as tg

__all__ = ["Optimizer"]

State = dict[str, Any]


class Optimizer:
    """The base of optimisers: `step()` moves every parameter that has a gradient, `zero_grad()` forgets gradients.

    Takes parameters, or dicts {"params": parameters, setting: value} for groups with settings of their own. Groups
    are in `param_groups`, where a setting can be changed; what is remembered, as ndarrays, in `state[parameter]`.
    """

    def __init__(self, params: Iterable[Any], defaults: Mapping[str, Any]) -> None:
        name = type(self).__name__
        if isinstance(params, (tg.Tensor, Mapping)):
            raise TypeError(f"{name}: expected a list of parameters or of groups, got one {type(params).__name__}")
        self.defaults = dict(defaults)
        self.state: dict[tg.Tensor, State] = {}
        self.param_groups: list[dict[str, Any]] = []
        given = list(params)
        if not given:
            raise ValueError(f"{name}: there are no parameters")
        for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add {"params": parameters, setting: value}; settings that are not in it are the optimiser's."""
        name = type(self).__name__
        if not isinstance(group, Mapping) or "params" not in group:
            raise TypeError(f"{name}: a group must be a dict with 'params', got {group!r:.80}")
        unknown = set(group) - set(self.defaults) - {"params", "initial_lr"}
        if unknown:
            raise ValueError(f"{name}: unknown settings {sorted(unknown)}; there are {', '.join(self.defaults)}")
        params = [group["params"]] if isinstance(group["params"], tg.Tensor) else list(group["params"])
        if not params:
            raise ValueError(f"{name}: a group has no parameters")
        taken = {id(p) for g in self.param_groups for p in g["params"]}
        for place, p in enumerate(params):
            if not isinstance(p, tg.Tensor):
                raise TypeError(f"{name}: parameter {place} is a {type(p).__name__}, not a Tensor; got {p!r:.80}")
            if not p.is_leaf:
                raise ValueError(f"{name}: parameter {place} {p.shape} is no leaf but the result of an op")
            if id(p) in taken:
                raise ValueError(f"{name}: parameter {place} {p.shape} is there twice")
            taken.add(id(p))
        made = {**self.defaults, **{k: v for k, v in group.items() if k != "params"}}
        self._check(made)
        self.param_groups.append({"params": params, **made})

    def _check(self, group: Mapping[str, Any]) -> None:
        """Raise ValueError for settings out of range."""
        self._at_least(group, 0.0, "lr", "weight_decay")

    def _at_least(self, group: Mapping[str, Any], least: float, *settings: str) -> None:
        for setting in settings:
            value = group[setting]
            if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
                raise TypeError(f"{type(self).__name__}: {setting} must be a number, got {value!r}")
            if not value >= least:
                raise ValueError(f"{type(self).__name__}: {setting} must be at least {least:g}, got {value}")

    def _memory(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        """The names of the arrays that are remembered for a parameter of this group."""
        return ()

    def zero_grad(self) -> None:
        """Set the `.grad` of all parameters to None."""
        for group in self.param_groups:
            for p in group["params"]:
                p.zero_grad()

    def step(self) -> None:
        """Move every parameter that has a gradient."""
        with tg.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    grad = p.grad
                    if grad is not None:
                        state = self.state.get(p)
                        if state is None:
                            state = self.state[p] = {}
                        self._update(p, grad.detach().numpy(), state, group)

    @staticmethod
    def _uphill(p: tg.Tensor, g: NDArray[Any], maximize: bool, decay: float) -> NDArray[Any]:
        """The gradient of what is to fall: g, or -g to go uphill, plus decay * p."""
        if maximize:
            g = np.negative(g)
        if not decay:
            return g
        out = np.empty_like(g)  # given as out=, 0-d arrays stay arrays
        np.multiply(p.detach().numpy(), decay, out=out)
        out += g
        return out

    @staticmethod
    def _remembered(state: State, name: str, p: tg.Tensor) -> NDArray[Any]:
        """The array of that name; zeros like p the first time."""
        if name not in state:
            state[name] = np.zeros(p.shape, p.dtype)
        return state[name]  # type: ignore[no-any-return]

    def _update(self, p: tg.Tensor, g: NDArray[Any], state: State, group: dict[str, Any]) -> None:
        """Move one parameter along its gradient g, which must not be written into."""
        raise NotImplementedError(f"{type(self).__name__} has no _update method")

    # -- state ---------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """A copy of {"state": what is remembered by parameter number, "param_groups": settings and numbers}."""
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                numbers[id(p)] = len(numbers)
            settings = {k: deepcopy(v) for k, v in group.items() if k != "params"}
            groups.append({**settings, "params": [numbers[id(p)] for p in group["params"]]})
        state = {numbers[id(p)]: deepcopy(remembered) for p, remembered in self.state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave; the parameters stay the same. What does not fit changes nothing.

        Raises ValueError where the numbers of groups or parameters, the settings or the shapes do not fit.
        """
        name = f"load_state_dict: {type(self).__name__} was left as it was"
        if not isinstance(state, Mapping) or not {"state", "param_groups"} <= set(state):
            raise ValueError(f"{name}: the state must have 'state' and 'param_groups'")
        groups = state["param_groups"]
        if not isinstance(state["state"], Mapping):
            raise ValueError(f"{name}: 'state' must be a dict by parameter number, it is {state['state']!r:.40}")
        if not isinstance(groups, (list, tuple)) or not all(isinstance(g, Mapping) and "params" in g for g in groups):
            raise ValueError(f"{name}: 'param_groups' must be a list of dicts with 'params'")
        here = [len(g["params"]) for g in self.param_groups]
        there = [len(g["params"]) for g in groups]
        if here != there:
            raise ValueError(f"{name}: its groups have {here} parameters, those of the state {there}")
        tensors: dict[int, tg.Tensor] = {}
        needed: dict[int, tuple[str, ...]] = {}
        for mine, other in zip(self.param_groups, groups, strict=True):
            if set(self.defaults) - set(other):
                raise ValueError(f"{name}: the state lacks the settings {sorted(set(self.defaults) - set(other))}")
            extra = set(other) - set(self.defaults) - {"params", "initial_lr"}
            if extra:
                raise ValueError(f"{name}: the state has unknown settings {sorted(extra)}")
            self._check(other)
            tensors.update(zip(other["params"], mine["params"], strict=True))
            needed.update((number, self._memory(other)) for number in other["params"])
        taken: dict[tg.Tensor, State] = {}
        for number, remembered in state["state"].items():
            if number not in tensors:
                raise ValueError(f"{name}: the state knows a parameter {number}, there are {len(tensors)}")
            p = tensors[number]
            if not isinstance(remembered, Mapping):
                raise ValueError(f"{name}: what is remembered of parameter {number} must be a dict of arrays")
            lacking = [key for key in needed[number] if key not in remembered]
            if remembered and lacking:
                raise ValueError(f"{name}: of parameter {number} the state lacks {', '.join(lacking)}")
            taken[p] = {
                key: self._fitting(value, p, f"{name}: {key} of parameter {number}")
                for key, value in remembered.items()
            }
        for mine, other in zip(self.param_groups, groups, strict=True):
            mine.update({k: deepcopy(v) for k, v in other.items() if k != "params"})
        self.state = taken

    @staticmethod
    def _fitting(value: Any, p: tg.Tensor, what: str) -> Any:
        """A remembered value as a copy for parameter p: arrays of its shape and dtype, plain numbers as they are."""
        if isinstance(value, tg.Tensor):
            value = value.detach().numpy()
        if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
            return int(value)  # how many steps were taken
        if not isinstance(value, np.ndarray) or value.dtype.kind != p.dtype.kind:
            raise ValueError(f"{what} must be an array of {p.dtype}, it is {value!r:.60}")
        if value.shape != p.shape:
            raise ValueError(f"{what} has shape {value.shape}, the parameter {p.shape}")
        return value.astype(p.dtype)

    def __repr__(self) -> str:
        lines = []
        for place, group in enumerate(self.param_groups):
            settings = ", ".join(f"{k}={v}" for k, v in group.items() if k != "params")
            lines.append(f"  ({place}): {len(group['params'])} parameters, {settings}")
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])
