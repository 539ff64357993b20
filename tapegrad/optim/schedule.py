"""Schedules: the learning rate as a function of how many times `step()` was called, most often once an epoch.

Each schedule is one formula, torch's closed form, of the starting rate and the count; so a rate can be asked for any
count, and nothing accumulates rounding.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .optimizer import Optimizer

__all__ = [
    "CosineAnnealingLR", "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR", "OneCycleLR",
    "SequentialLR", "StepLR",
]  # fmt: skip


class LRScheduler:
    """The base of schedules: it sets the rates at once, and anew at each `step()`. Subclasses write `rate`.

    The starting rate of a group is the one it had when its first schedule was made (`initial_lr`).
    """

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__}: expected an Optimizer, got {type(optimizer).__name__}")
        self.optimizer = optimizer
        self.base_lrs = [float(g.setdefault("initial_lr", g["lr"])) for g in optimizer.param_groups]
        self.last_epoch = 0
        self._set()

    def rate(self, base: float, count: int, group: int) -> float:
        """The rate after `count` steps of a group that started at `base`."""
        raise NotImplementedError(f"{type(self).__name__} has no rate method")

    def _set(self) -> None:
        if len(self.base_lrs) != len(self.optimizer.param_groups):
            raise RuntimeError(f"{type(self).__name__}: the optimiser has got other groups since; make a new schedule")
        for place, (group, base) in enumerate(zip(self.optimizer.param_groups, self.base_lrs, strict=True)):
            group["lr"] = float(self.rate(base, self.last_epoch, place))

    def step(self) -> None:
        """Count one more, and set the rates."""
        self.last_epoch += 1
        self._set()

    def get_last_lr(self) -> list[float]:
        """The rate of each group now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """{"last_epoch": the count, "base_lrs": the starting rates}."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave, and set the rates."""
        count, rates = int(state["last_epoch"]), [float(r) for r in state["base_lrs"]]
        if count < 0 or len(rates) != len(self.base_lrs):
            raise ValueError(
                f"load_state_dict: {type(self).__name__} has {len(self.base_lrs)} groups, the state {len(rates)}, "
                f"at {count}"
            )
        self.last_epoch, self.base_lrs = count, rates
        self._set()


class LambdaLR(LRScheduler):
    """base * f(count), with one function or one for each group."""

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]]
    ) -> None:
        groups = len(optimizer.param_groups)
        self.lr_lambdas = [lr_lambda] * groups if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != groups:
            raise ValueError(f"LambdaLR: {len(self.lr_lambdas)} functions for {groups} groups")
        super().__init__(optimizer)

    def rate(self, base: float, count: int, group: int) -> float:
        """Base * f(count)."""
        return base * self.lr_lambdas[group](count)


class StepLR(LRScheduler):
    """base * gamma**(count // step_size)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        if step_size < 1:
            raise ValueError(f"StepLR: step_size must be at least 1, got {step_size}")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def rate(self, base: float, count: int, group: int) -> float:
        """Base * gamma**(count // step_size)."""
        return base * self.gamma ** (count // self.step_size)


class MultiStepLR(LRScheduler):
    """base * gamma**(how many milestones have been reached)."""

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer)

    def rate(self, base: float, count: int, group: int) -> float:
        """Base * gamma**(milestones reached)."""
        return base * self.gamma ** bisect_right(self.milestones, count)


class ExponentialLR(LRScheduler):
    """base * gamma**count."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def rate(self, base: float, count: int, group: int) -> float:
        """Base * gamma**count."""
        return base * self.gamma**count


class CosineAnnealingLR(LRScheduler):
    """From base down to eta_min along half a cosine over T_max steps, and up again after.

    Source: Loshchilov and Hutter 2017, arXiv 1608.03983.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        if T_max < 1:
            raise ValueError(f"CosineAnnealingLR: T_max must be at least 1, got {T_max}")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def rate(self, base: float, count: int, group: int) -> float:
        """eta_min + (base - eta_min) * (1 + cos(pi * count / T_max)) / 2."""
        return self.eta_min + (base - self.eta_min) * (1.0 + math.cos(math.pi * count / self.T_max)) / 2.0


class LinearLR(LRScheduler):
    """base times a factor that goes evenly from start_factor to end_factor over total_iters steps: a warm-up."""

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3.0, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ValueError(f"LinearLR: factors must lie between 0 and 1, got {start_factor} and {end_factor}")
        if total_iters < 1:
            raise ValueError(f"LinearLR: total_iters must be at least 1, got {total_iters}")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer)

    def rate(self, base: float, count: int, group: int) -> float:
        """Base * (start + (end - start) * min(count, total_iters) / total_iters)."""
        done = min(count, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * done)


class OneCycleLR(LRScheduler):
    """Up from max_lr / div_factor to max_lr in the first pct_start of total_steps, then down to almost nothing.

    Along half cosines, or straight with anneal_strategy="linear". The end is max_lr / div_factor / final_div_factor.
    Call step() after every batch. Momentum is left alone (torch's cycle_momentum=False).
    Source: Smith and Topin 2018, arXiv 1708.07120.
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: float | Sequence[float], total_steps: int, pct_start: float = 0.3,
        anneal_strategy: str = "cos", div_factor: float = 25.0, final_div_factor: float = 1e4,
    ) -> None:  # fmt: skip
        groups = len(optimizer.param_groups)
        self.max_lrs = [float(max_lr)] * groups if isinstance(max_lr, (int, float)) else [float(r) for r in max_lr]
        if len(self.max_lrs) != groups:
            raise ValueError(f"OneCycleLR: {len(self.max_lrs)} max_lr for {groups} groups")
        if total_steps < 1 or not 0 <= pct_start <= 1:
            raise ValueError(
                f"OneCycleLR: total_steps {total_steps} must be at least 1, pct_start {pct_start} in [0, 1]"
            )
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: anneal_strategy {anneal_strategy!r} is not 'cos' or 'linear'")
        self.total_steps, self.pct_start, self.anneal_strategy = total_steps, pct_start, anneal_strategy
        self.div_factor, self.final_div_factor = div_factor, final_div_factor
        super().__init__(optimizer)

    def rate(self, base: float, count: int, group: int) -> float:
        """The rate after `count` steps. Raises ValueError beyond total_steps."""
        if count >= self.total_steps:
            raise ValueError(f"OneCycleLR: step {count + 1} of {self.total_steps}; the cycle is over")
        top = self.max_lrs[group]
        start = top / self.div_factor
        peak, last = self.pct_start * self.total_steps - 1, self.total_steps - 1
        if count <= peak:
            return self._between(start, top, count / peak if peak else 1.0)
        return self._between(top, start / self.final_div_factor, (count - peak) / (last - peak) if last > peak else 1.0)

    def _between(self, start: float, end: float, done: float) -> float:
        share = (1.0 - math.cos(math.pi * done)) / 2.0 if self.anneal_strategy == "cos" else done
        return start + (end - start) * share


class SequentialLR(LRScheduler):
    """One schedule after another: schedule k counts from milestones[k - 1] on, as after a warm-up."""

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]) -> None:
        if len(schedulers) != len(milestones) + 1 or list(milestones) != sorted(milestones):
            raise ValueError(
                f"SequentialLR: {len(schedulers)} schedules need one less rising milestones, got {milestones}"
            )
        if any(s.optimizer is not optimizer for s in schedulers):
            raise ValueError("SequentialLR: the schedules must be of this optimiser")
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer)

    def rate(self, base: float, count: int, group: int) -> float:
        """The rate of the schedule whose turn it is, counted from where its turn began."""
        turn = bisect_right(self.milestones, count)
        return self.schedulers[turn].rate(base, count - (self.milestones[turn - 1] if turn else 0), group)
