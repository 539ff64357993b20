"""Is a hand-written backward right, and if not, which mistake is it? For people who learn to write one.

Knows pairs of plain functions on arrays; must not know ops or tapes.
"""

from __future__ import annotations

import copy
import inspect
import itertools
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .check import raw
from .differences import Array, largest, random_like, slope
from .registry import Recorded

__all__ = ["BackwardReport", "GradientReport", "check_backward"]

SCANNED = 200  # how many elements of a large input are looked at


@dataclass
class GradientReport:
    """What was found about one gradient."""

    name: str
    ok: bool = True
    error: float = 0.0  # the largest relative error, see check_backward
    index: tuple[int, ...] | None = None  # where it is
    given: float = math.nan  # the backward's value there
    right: float = math.nan  # and what differences give
    values: bool = True  # whether the values are right
    looked: int = 0  # at how many elements
    size: int = 0  # of how many
    causes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        seen = "" if self.looked == self.size else f" ({self.looked} of {self.size} elements looked at)"
        if self.index is None:
            line = f"{self.name}: {'ok' if self.ok else 'WRONG'}{seen}"
        else:
            line = f"{self.name}: {'ok' if self.ok else 'WRONG'}, largest error {self.error:.2e} at {self.index}{seen}"
            if not self.values:
                line += f": yours {self.given:.8g}, right {self.right:.8g}"
        return "\n    ".join([line, *[f"likely cause: {c}" for c in self.causes]])


@dataclass
class BackwardReport:
    """What `check_backward` found: true if every gradient is right and nothing was changed."""

    gradients: tuple[GradientReport, ...]
    problems: tuple[str, ...]
    tolerance: float

    @property
    def ok(self) -> bool:
        return not self.problems and all(g.ok for g in self.gradients)

    def __bool__(self) -> bool:
        return self.ok

    def __getitem__(self, name: str) -> GradientReport:
        return {g.name: g for g in self.gradients}[name]

    def __str__(self) -> str:
        lines = [str(g) for g in self.gradients] + [f"problem: {p}" for p in self.problems]
        lines.append(f"(errors up to {self.tolerance:.0e} count as right)")
        return "\n".join(lines)


def check_backward(
    forward: Callable[..., Any], backward: Callable[..., Any], inputs: Any, *, names: Sequence[str] | None = None,
    grad: Any = None, verbose: bool = True, file: Any = None, seed: int = 0,
) -> BackwardReport:  # fmt: skip
    """Is a hand-written backward right? Prints what is right, what is wrong, where, and the likely cause.

    forward(*inputs) gives out, or (out, cache). backward(dout, cache) gives one gradient for each floating-point array
    among the inputs, in order: a tuple, or one array if there is one. Where forward gives only out, backward is called
    as backward(dout, *inputs), or backward(dout) if that is all it takes. Python numbers, dicts, ints, None and integer
    arrays are passed through. Everything runs on copies.

    names: what to call the floating-point arrays; by default what forward calls them.
    grad: the dout to use; random if left out.
    The error of x against y is |x - y| / max(1e-8, |x| + |y|), where an element smaller than 1/1000 of the largest
    counts as that large. Up to 1e-6 is right for float64 inputs, 2e-3 for float32, 5e-2 for float16; the right values
    are computed in double precision if forward takes that. Of inputs of more than 200 elements, 200 random ones are
    looked at. At a kink, as relu at 0, anything between the slopes on both sides is right; tied entries must share one
    gradient.
    Raises TypeError or ValueError if the functions cannot be called like that.
    """
    job = _Pair(forward, backward, inputs, names, grad, seed)
    report = job.report()
    if verbose:
        print(report, file=sys.stdout if file is None else file)
    return report


class _Pair:
    """A forward and a backward under examination. The user's arrays are never handed out, only copies."""

    def __init__(
        self, forward: Callable[..., Any], backward: Callable[..., Any], inputs: Any, names: Any, grad: Any, seed: int
    ) -> None:
        self.forward, self.backward = forward, backward
        given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
        self.args = tuple(_copied(a._data if isinstance(a, Recorded) else a) for a in given)
        self.where = [i for i, a in enumerate(self.args) if _is_floating(a)]
        if not self.where:
            raise TypeError("check_backward: no input is a floating-point array; x = x.astype(float) makes one")
        self.names = self._names(names)
        self.rng = np.random.default_rng(seed)
        self.problems: list[str] = []
        out, self.has_cache = self._first()
        self.out = np.array(out)
        self.dout = self._dout(grad)
        coarsest = max(float(np.finfo(self.args[i].dtype).eps) for i in self.where)
        self.tolerance = 1e-6 if coarsest < 1e-12 else 2e-3 if coarsest < 1e-6 else 5e-2
        self.wide = self._widened()

    def _names(self, names: Sequence[str] | None) -> list[str]:
        if names is None:
            try:
                known = [
                    p.name for p in inspect.signature(self.forward).parameters.values()
                    if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
                ]  # fmt: skip
            except (TypeError, ValueError):
                known = []
            return [known[i] if i < len(known) else f"input {i}" for i in self.where]
        if len(names) == len(self.args) != len(self.where):
            names = [names[i] for i in self.where]
        if len(names) != len(self.where):
            raise ValueError(f"check_backward: {len(names)} names for {len(self.where)} floating-point arrays")
        return list(names)

    # -- calling the two functions -------------------------------------------------------------------------

    def _with(self, values: dict[int, Array]) -> list[Any]:
        return [np.array(values[i]) if i in values else _copied(a) for i, a in enumerate(self.args)]

    def _call(self, args: list[Any]) -> tuple[Any, Any, bool]:
        """(out, cache, whether there is a cache)."""
        try:
            inspect.signature(self.forward).bind(*args)
        except TypeError as error:
            raise TypeError(f"check_backward: forward cannot be called with the {len(args)} inputs: {error}") from None
        except ValueError:
            pass
        result = self.forward(*args)
        if isinstance(result, (tuple, list)):
            if len(result) != 2:
                raise TypeError(f"check_backward: forward gave {len(result)} things; it must give out, or (out, cache)")
            return result[0], result[1], True
        return result, None, False

    def _first(self) -> tuple[Array, bool]:
        args = self._with({})
        before = [_copied(a) for a in args]
        out, _, has_cache = self._call(args)
        if isinstance(out, Recorded):
            out = out._data
        out = np.asarray(out)
        if out.dtype.kind != "f":
            raise TypeError(
                f"check_backward: forward gave an out of dtype {out.dtype}; only a floating-point out has a gradient"
            )
        if not np.isfinite(out).all():
            self.problems.append("the forward gives infinities or nan for these inputs; take others")
        for k, i in enumerate(self.where):
            if not np.array_equal(args[i], before[i], equal_nan=True):
                self.problems.append(f"the forward changes {self.names[k]} in place; work on a copy of it")
        again = np.asarray(raw(self._call(self._with({}))[0]))
        if again.shape != out.shape or not np.array_equal(again, out, equal_nan=True):
            raise ValueError(
                "check_backward: forward gives another out for the same inputs; fix its seed, so that it can be checked"
            )
        return out, has_cache

    def _dout(self, given: Any) -> Array:
        if given is None:
            return random_like(self.rng, self.out).astype(self.out.dtype)
        dout = np.array(raw(given), dtype=self.out.dtype)
        if dout.shape != self.out.shape:
            raise ValueError(f"check_backward: grad has shape {dout.shape}, but out {self.out.shape}")
        return dout

    def pull(self, dout: Array, keep: bool = False) -> list[Any]:
        """The gradients that the backward gives; with `keep`, looks at what it does to its arguments."""
        args = self._with({})
        _, cache, has_cache = self._call(args)
        d = np.array(dout)
        after = [cache] if has_cache else args
        if not has_cache and not _binds(self.backward, d, *args):
            if not _binds(self.backward, d):
                raise TypeError(
                    "check_backward: forward gives no cache, so backward is called as backward(dout, *inputs) or "
                    f"backward(dout), but it takes {_parameters(self.backward)}. Let forward give (out, cache)."
                )
            after = []
        elif has_cache and not _binds(self.backward, d, cache):
            raise TypeError(
                "check_backward: backward is called as backward(dout, cache), but it takes "
                f"{_parameters(self.backward)}"
            )
        found = self._gradients(self.backward(d, *after))
        if keep:
            if not np.array_equal(d, dout):
                self.problems.append("the backward changes dout in place; whoever gave it may need it still")
            for k, i in enumerate(self.where):
                if not np.array_equal(args[i], self.args[i], equal_nan=True):
                    self.problems.append(f"the backward changes {self.names[k]} in place, perhaps through the cache")
            second = self._gradients(self.backward(np.array(dout), *after))
            if not all(_alike(a, b) for a, b in zip(found, second, strict=True)):
                self.problems.append(
                    "the backward gives other gradients when called again: it changes its cache or its arguments"
                )
        return found

    def _gradients(self, result: Any) -> list[Any]:
        several = list(result) if isinstance(result, (tuple, list)) else [result]
        several = [g._data if isinstance(g, Recorded) else g for g in several]
        if len(several) != len(self.where):
            raise ValueError(
                f"check_backward: backward gave {len(several)} gradients, but there are {len(self.where)} "
                f"floating-point arrays among the inputs: {', '.join(self.names)}. Give one for each, in this order."
            )
        return [None if g is None else np.array(g) for g in several]

    # -- what is right -------------------------------------------------------------------------------------

    def _widened(self) -> dict[int, Array]:
        """The inputs in double precision, if the forward takes them so."""
        given = {i: self.args[i].copy() for i in self.where}
        wide = {i: a.astype(np.float64) for i, a in given.items()}
        try:
            out = np.asarray(raw(self._call(self._with(wide))[0]))
        except Exception:  # whatever a student's function does not like about another dtype
            return given
        return wide if out.shape == self.out.shape and out.dtype == np.float64 else given

    def at(self, values: dict[int, Array]) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(raw(self._call(self._with({**self.wide, **values}))[0]), dtype=np.float64)

    def change(self, i: int, v: Array, dout: Array | None = None) -> Callable[[float], Array]:
        """h -> <dout, f(x + h v) - f(x - h v)>; with dout None, before summing."""
        x = self.wide[i]
        weights = None if dout is None else dout.astype(np.float64)

        def difference(h: float) -> Array:
            d = self.at({i: (x + h * v).astype(x.dtype)}) - self.at({i: (x - h * v).astype(x.dtype)})
            return d if weights is None else np.asarray(np.sum(weights * d))

        return difference

    def sides(self, i: int, v: Array, h: float) -> tuple[float, float]:
        """The slopes of <dout, f> ahead and behind."""
        x, dout = self.wide[i], self.dout.astype(np.float64)
        middle = self.at({})
        ahead = np.sum(dout * (self.at({i: (x + h * v).astype(x.dtype)}) - middle))
        behind = np.sum(dout * (middle - self.at({i: (x - h * v).astype(x.dtype)})))
        return float(ahead / h), float(behind / h)

    def unit(self, i: int, place: int) -> Array:
        v = np.zeros(self.wide[i].shape)
        v.reshape(-1)[place] = 1.0
        return v

    def step(self, i: int) -> float:
        fine = self.wide[i].dtype == np.float64
        return (1e-5 if fine else 1e-2) * max(min(largest([self.wide[i]]), 1.0), 1e-3)

    # -- the report ----------------------------------------------------------------------------------------

    def report(self) -> BackwardReport:
        found = self.pull(self.dout, keep=True)
        other = random_like(self.rng, self.out).astype(self.out.dtype)
        others = self.pull(other)
        both = self.pull(np.asarray(self.dout + other))
        truth = [self.truth(i) for i in self.where]
        reports = []
        for k, g in enumerate(found):
            one = self.look(k, g, truth[k])
            if not one.ok:
                one.causes = self.causes(k, g, truth, found, others[k], both[k])
            reports.append(one)
        return BackwardReport(tuple(reports), tuple(dict.fromkeys(self.problems)), self.tolerance)

    def truth(self, i: int) -> _Truth:
        """The gradient in input i by differences, at all or some of its elements."""
        x = self.wide[i]
        places = np.arange(x.size)
        if x.size > SCANNED:
            places = np.sort(self.rng.choice(x.size, SCANNED, replace=False))
        h = self.step(i)
        slopes, low, high = np.zeros(places.size), np.zeros(places.size), np.zeros(places.size)
        middle = self.at({})
        dout = self.dout.astype(np.float64)
        for n in range(places.size):
            v = h * self.unit(i, int(places[n]))
            ahead = float(np.sum(dout * (self.at({i: (x + v).astype(x.dtype)}) - middle))) / h
            behind = float(np.sum(dout * (middle - self.at({i: (x - v).astype(x.dtype)})))) / h
            slopes[n], low[n], high[n] = (ahead + behind) / 2, min(ahead, behind), max(ahead, behind)
        scale = largest([slopes])
        kinks = np.zeros(places.size, bool)
        bent = high - low > 1e-2 * np.maximum(abs(high), abs(low)) + 1e-9 * scale
        for n in np.flatnonzero(bent).tolist():
            near = self.sides(i, self.unit(i, int(places[n])), h / 100)  # a curve straightens out, a kink does not
            kinks[n] = abs(near[0] - near[1]) > 0.5 * (high[n] - low[n])
            if kinks[n]:  # every output may go its own way
                v = h * self.unit(i, int(places[n]))
                ahead_of = dout * (self.at({i: (x + v).astype(x.dtype)}) - middle) / h
                behind_of = dout * (middle - self.at({i: (x - v).astype(x.dtype)})) / h
                low[n], high[n] = np.minimum(ahead_of, behind_of).sum(), np.maximum(ahead_of, behind_of).sum()
        # what rounding of the outputs does to a difference: a gradient of exactly 0 is found no better than this
        noise = 4 * float(np.finfo(x.dtype).eps) * float(np.sum(abs(dout * middle))) / h
        return _Truth(places, slopes, low, high, kinks, self._tied(i, kinks, places), noise, self.tolerance)

    def _tied(self, i: int, kinks: Array, places: Array) -> bool:
        """Whether kinks come from entries that are equal to another one."""
        if not kinks.any():
            return False
        flat = self.wide[i].reshape(-1)
        return any(int(np.sum(flat == flat[p])) > 1 for p in places[kinks])

    def look(self, k: int, g: Any, truth: _Truth) -> GradientReport:
        """Is gradient k right?"""
        i = self.where[k]
        x = self.args[i]
        one = GradientReport(self.names[k], looked=truth.places.size, size=x.size)
        if g is None or g.shape != x.shape:
            one.ok = False
            return one
        mine = g.astype(np.float64).reshape(-1)[truth.places]
        self._look_again(i, mine, truth)
        error = truth.error(mine)
        if mine.size:
            worst = int(np.argmax(np.where(np.isnan(error), np.inf, error)))
            one.error, one.given = float(error[worst]), float(mine[worst])
            one.right = float(truth.nearest(mine)[worst])
            one.index = tuple(int(n) for n in np.unravel_index(truth.places[worst], x.shape))
            one.ok = one.values = bool(error[worst] <= self.tolerance)
        if one.ok and truth.tied and not self.shared(k, g):
            one.ok = False
        if one.ok and g.dtype != x.dtype:
            one.ok = False
        return one

    def _look_again(self, i: int, mine: Array, truth: _Truth) -> None:
        """Where the quick difference does not agree, an extrapolated one; for all such elements if it changes much."""
        error = truth.error(mine)
        doubtful = np.flatnonzero(~(error <= self.tolerance / 10) & ~truth.kinks)
        doubtful = doubtful[np.argsort(-np.nan_to_num(error[doubtful], nan=np.inf))]
        for count, n in enumerate(doubtful):
            exact, _ = slope(self.change(i, self.unit(i, int(truth.places[n])), self.dout), 30 * self.step(i))
            if np.isfinite(exact):
                moved = abs(float(exact) - truth.slopes[n]) > 1e-2 * abs(float(exact) - mine[n])
                truth.slopes[n] = truth.low[n] = truth.high[n] = float(exact)
                if count >= 5 and not moved:
                    break

    def shared(self, k: int, g: Array) -> bool:
        """Moving tied entries together, the gradient must give the slope: each of them cannot have all of it."""
        i = self.where[k]
        x = self.wide[i]
        values, groups = np.unique(x, return_inverse=True)
        for _ in range(3):
            weights = self.rng.uniform(0.5, 1.5, values.size)
            v = weights[groups].reshape(x.shape)
            h = self.step(i)
            for n in range(values.size):  # a value at a kink of its own, as 0 of a relu, stays where it is
                alone = (groups == n).reshape(x.shape).astype(float)
                if values.size <= SCANNED and np.sum(alone) > 1:
                    ahead, behind = self.sides(i, alone, h)
                    if abs(ahead - behind) > 1e-2 * max(abs(ahead), abs(behind)):
                        v = v * (1 - alone)
            ahead, behind = self.sides(i, v, h)
            slope = (ahead + behind) / 2
            size = float(np.sum(abs(g) * v)) + abs(slope)
            if abs(float(np.sum(g * v)) - slope) > max(1e-4, self.tolerance) * max(size, 1e-8):
                return False
        return True

    # -- why ------------------------------------------------------------------------------------------------

    def causes(self, k: int, g: Any, truth: list[_Truth], found: list[Any], other: Any, both: Any) -> list[str]:
        """What known mistakes give just this gradient; the hypotheses are tried, not guessed."""
        i = self.where[k]
        x, right = self.args[i], truth[k]
        if g is None:
            return [f"the backward gives None for {self.names[k]}; it must give an array of shape {x.shape}"]
        if g.dtype.kind not in "f":
            return [f"the gradient has dtype {g.dtype}; it must be {x.dtype}"]
        if g.shape != x.shape:
            return self._shape_causes(k, g, truth, found)
        if right.fits(g, self.tolerance):
            if right.tied and not self.shared(k, g):
                return [
                    "entries that tie each receive the full gradient; it belongs to the first of them, or is shared"
                ]
            return [f"the values are right, but the dtype is {g.dtype} and must be {x.dtype}, that of {self.names[k]}"]
        if not np.isfinite(g).all():
            return ["the gradient has nan or infinite entries: a division by 0, or a log or root at 0"]
        causes: list[str] = []
        known: list[Callable[[], str | None]] = [
            lambda: self._order_cause(k, g, truth),
            lambda: self._dout_cause(k, g, right, other, both),
            lambda: self._factor_cause(g, right),
            lambda: self._transpose_cause(g, right),
            lambda: self._wrong_axis_cause(g, right),
            lambda: self._tie_cause(g, right),
            lambda: self._mask_cause(g, right),
            lambda: self._border_cause(g, right),
            lambda: self._loop_cause(g),
            lambda: self._overlap_cause(i, g, right),
            lambda: self._mean_cause(x, g, right),
        ]
        first = next(filter(None, (cause() for cause in known)), None)
        causes += [first] if first else []
        if self.problems:
            causes.append("see the problems below: they may be all that is wrong")
        return causes

    def _shape_causes(self, k: int, g: Array, truth: list[_Truth], found: list[Any]) -> list[str]:
        x, right = self.args[self.where[k]], truth[k]
        causes = [f"the gradient has shape {g.shape}; it must have the shape of {self.names[k]}, {x.shape}"]
        if g.size == 0 and x.size:
            causes.append("it is empty: a slice like [pad:-pad] takes nothing when pad is 0; use [pad:pad + H]")
            return causes
        if g.size == x.size:
            if g.T.shape == x.shape and right.fits(g.T, self.tolerance):
                return [*causes, "transposed: its .T is right"]
            if right.fits(g.reshape(x.shape), self.tolerance):
                return [*causes, f"the values are right; reshape it to {x.shape}"]
        for axes in itertools.chain.from_iterable(
            itertools.combinations(range(g.ndim), n) for n in range(1, g.ndim + 1) if g.ndim <= 6
        ):
            for keepdims in (False, True):
                summed = g.sum(axis=axes, keepdims=keepdims)
                if summed.shape == x.shape and right.fits(summed, self.tolerance):
                    which = f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"
                    causes.append(f"not summed over {which}, along which {self.names[k]} was broadcast")
                    return causes
        for n, name in enumerate(self.names):
            y = self.args[self.where[n]]
            if n != k and g.shape == y.shape and truth[n].fits(g, self.tolerance):
                causes.append(f"it is the gradient of {name}: the gradients come in the wrong order")
        return causes

    def _order_cause(self, k: int, g: Array, truth: list[_Truth]) -> str | None:
        for n, name in enumerate(self.names):
            same = self.args[self.where[n]].shape == g.shape
            if n != k and same and truth[n].fits(g, self.tolerance) and np.any(truth[n].slopes):
                return f"it is the gradient of {name}: the gradients come in the wrong order"
        return None

    def _dout_cause(self, k: int, g: Array, right: _Truth, other: Any, both: Any) -> str | None:
        if _alike(g, other) and np.any(g):
            plain = self._truth_for(k, right, np.ones_like(self.dout))
            hint = "; it is the gradient of out.sum(): multiply by dout (chain rule)" if _close_to(
                g.reshape(-1)[right.places], plain, self.tolerance
            ) else ""  # fmt: skip
            return "dout is not used: another dout gives the same gradient" + hint
        if other is not None and both is not None and np.shape(other) == g.shape:
            size = largest([g]) + largest([other])
            if not largest([np.asarray(both) - g - other]) <= 1e3 * float(np.finfo(g.dtype).eps) * max(size, 1e-30):
                return "not linear in dout: the gradient for dout1 + dout2 is not the sum of both"
        return None

    def _truth_for(self, k: int, right: _Truth, dout: Array) -> Array:
        i = self.where[k]
        h = self.step(i)
        return np.array([float(self.change(i, self.unit(i, int(p)), dout)(h)) / (2 * h) for p in right.places])

    def _factor_cause(self, g: Array, right: _Truth) -> str | None:
        mine = g.reshape(-1)[right.places].astype(np.float64)
        use = (abs(right.slopes) > 1e-6 * largest([right.slopes])) & (mine != 0) & ~right.kinks
        if not use.any() or largest([right.slopes]) == 0:
            return None
        factor = float(np.median(right.slopes[use] / mine[use]))
        if not math.isfinite(factor) or not right.fits(g * factor, max(self.tolerance, 1e-5)):
            return None
        return f"a constant factor is missing: yours times {self._factor_name(factor)} is right"

    def _factor_name(self, factor: float) -> str:
        def near(value: float) -> bool:
            return abs(factor - value) <= 1e-4 * abs(value)

        if near(-1):
            return "-1 (the sign is wrong)"
        lengths: dict[int, str] = {}
        for name, a in [("out", self.out), *[(n, self.args[i]) for n, i in zip(self.names, self.where, strict=True)]]:
            lengths.setdefault(a.size, f"{name}.size")
            for axis, n in enumerate(a.shape):
                lengths.setdefault(n, f"{name}.shape[{axis}]")
        for sign, mark in ((1, ""), (-1, "-")):
            for value, text in ((2, "2"), (0.5, "1/2")):
                if near(sign * value):
                    length = f" (perhaps {mark}{'1/' * (value < 1)}{lengths[2]})" if 2 in lengths else ""
                    return mark + text + length
            for n, text in lengths.items():
                if n > 1 and near(sign * n):
                    return f"{mark}{n} = {mark}{text}"
                if n > 1 and near(sign / n):
                    return f"{mark}1/{n} = {mark}1/{text}"
        return f"{factor:.6g}"

    def _transpose_cause(self, g: Array, right: _Truth) -> str | None:
        for axes in itertools.permutations(range(g.ndim)) if 2 <= g.ndim <= 4 else ():
            turned = g.transpose(axes)
            if axes != tuple(range(g.ndim)) and turned.shape == g.shape and right.fits(turned, self.tolerance):
                turn = ".T" if g.ndim == 2 else f".transpose{axes}"
                return f"transposed: its {turn} is right"
        return None

    def _wrong_axis_cause(self, g: Array, right: _Truth) -> str | None:
        """Right: dout (or dout times an input) summed over some axes. Given: the same over others."""
        d = self.dout
        full = [d] + [d * self.args[j] for j in self.where if self.args[j].shape == d.shape]
        if d.ndim > 6 or not d.ndim:
            return None
        sums = [
            (part, axes) for part in range(len(full)) for n in range(1, d.ndim + 1)
            for axes in itertools.combinations(range(d.ndim), n)
        ]  # fmt: skip
        shaped = [
            (part, axes, full[part].sum(axis=axes).reshape(g.shape)) for part, axes in sums
            if math.prod(n for a, n in enumerate(d.shape) if a not in axes) == g.size
        ]  # fmt: skip
        for part, axes, value in shaped:
            if right.fits(value, self.tolerance):
                for part2, axes2, value2 in shaped:
                    if part2 == part and axes2 != axes and _close_to(value2, g, self.tolerance):
                        return f"summed over the wrong axis: over {_axes(axes2)} instead of {_axes(axes)} of dout"
        return None

    def _wrong(self, g: Array, right: _Truth) -> Array:
        mine = g.reshape(-1)[right.places].astype(np.float64)
        return np.asarray(~(right.error(mine) <= self.tolerance))

    def _tie_cause(self, g: Array, right: _Truth) -> str | None:
        wrong = self._wrong(g, right)
        if right.tied and not np.any(wrong & ~right.kinks):
            return "entries that tie receive too much or too little; together they must receive the gradient once"
        return None

    def _mask_cause(self, g: Array, right: _Truth) -> str | None:
        mine = g.reshape(-1)[right.places]
        wrong = self._wrong(g, right)
        zero = abs(right.slopes) <= 1e-9 * largest([right.slopes])
        if wrong.any() and not wrong.all() and np.all(zero[wrong]) and np.all(mine[wrong] != 0):
            return (
                "entries on which out does not depend have a gradient: the mask of the forward (where it is cut off or "
                "dropped) is not applied"
            )
        return None

    def _border_cause(self, g: Array, right: _Truth) -> str | None:
        """Zeros along an edge of the spatial axes, and only there."""
        wrong = self._wrong(g, right)
        mine = g.reshape(-1)[right.places]
        if g.ndim < 2 or not wrong.any() or wrong.all() or np.any(mine[wrong]):
            return None
        at = np.unravel_index(right.places[wrong], g.shape)
        border = np.zeros(int(wrong.sum()), bool)
        for axis in range(max(0, g.ndim - 2), g.ndim):
            border |= (at[axis] == 0) | (at[axis] == g.shape[axis] - 1)
        if border.all():
            return "the gradient is zero along the border: rows or columns were dropped, perhaps with the padding"
        return None

    def _overlap_cause(self, i: int, g: Array, right: _Truth) -> str | None:
        """Where the wrong entries are one window's contribution, and the right ones the sum of several."""
        wrong = np.flatnonzero(self._wrong(g, right))
        if not wrong.size:
            return None
        dout, h = self.dout.astype(np.float64), self.step(i)
        last = first = some = True
        partly = 0  # entries that hold one of several contributions
        for n in wrong[:40]:
            parts = dout * self.change(i, self.unit(i, int(right.places[n])))(h) / (2 * h)
            if parts.ndim > 2:  # filters and images add up inside a window
                groups = [parts.sum(axis=tuple(range(parts.ndim - 2))).reshape(-1), parts.reshape(-1)]
            else:
                groups = [parts.reshape(-1)]
            mine = float(g.reshape(-1)[right.places[n]])
            bound = max(1e-5, self.tolerance) * max(largest([parts]), abs(mine), 1e-12)
            lasts, firsts, somes = False, False, abs(mine) <= bound
            for group in groups:
                touched = group[abs(group) > 1e-9 * max(largest([group]), 1e-300)]
                if touched.size > 1:
                    lasts |= abs(touched[-1] - mine) <= bound
                    firsts |= abs(touched[0] - mine) <= bound
                    if abs(mine) > bound and (abs(touched - mine) <= bound).any():
                        somes = True
                        partly += 1
            last, first, some = last and lasts, first and firsts, some and somes
        if last or first:
            which = "last" if last else "first"
            return (
                f"contributions that overlap are assigned, not added: wrong entries hold only what their {which} "
                "window gives; write dx[window] += ..., not ="
            )
        if some and partly:  # as in a max pool, where a later window may also have overwritten with 0
            return (
                "contributions that overlap are assigned, not added: wrong entries hold what one of the windows gives "
                "or 0; write dx[window] += ..., not ="
            )
        return None

    def _loop_cause(self, g: Array) -> str | None:
        """One example's gradient instead of the sum over the batch."""
        if not self.dout.ndim or self.dout.shape[0] < 2:
            return None
        for n in (self.dout.shape[0] - 1, 0):
            only = np.zeros_like(self.dout)
            only[n] = self.dout[n]
            one = self.pull(only)
            if any(o is not None and o.shape == g.shape and np.any(o) and _close_to(o, g, 1e-9) for o in one):
                rest = np.array(self.dout)
                rest[n] = 0
                if not any(o is not None and o.shape == g.shape and np.any(o) for o in self.pull(rest)):
                    return f"only example {n} of the batch counts: add up over the batch with +=, not ="
        return None

    def _mean_cause(self, x: Array, g: Array, right: _Truth) -> str | None:
        """An error that is the same along an axis: the path through a mean or sum over it is missing."""
        if right.places.size < x.size or g.ndim < 1:
            return None
        off = right.slopes.reshape(x.shape) - g
        size = largest([off])
        for axis in range(g.ndim):
            if x.shape[axis] > 2 and size and largest([off - off.mean(axis=axis, keepdims=True)]) <= 1e-5 * size:
                return (
                    f"the error is the same all along axis {axis}: the part of the gradient that goes through a mean "
                    "or sum over that axis is missing"
                )
        return None


class _Truth:
    """A gradient by differences at some places of the flat input; at kinks, the slopes on both sides."""

    def __init__(
        self, places: Array, slopes: Array, low: Array, high: Array, kinks: Array, tied: bool, noise: float,
        tolerance: float,
    ) -> None:  # fmt: skip
        self.places, self.slopes, self.kinks, self.tied = places, slopes, kinks, tied
        self.noise, self.tolerance = noise, tolerance
        self.low = np.where(kinks, low, slopes)
        self.high = np.where(kinks, high, slopes)

    def nearest(self, mine: Array) -> Array:
        return np.clip(mine, self.low, self.high)

    def error(self, mine: Array) -> Array:
        """Relative errors as in the course; small elements are measured against the large ones, for rounding's sake."""
        right = self.nearest(mine)
        least = max(1e-8, 1e-3 * largest([self.slopes]))
        apart = abs(mine - right)
        error = apart / np.maximum(least, abs(mine) + abs(right))
        return np.asarray(np.where((apart <= self.noise) & (error > self.tolerance), 0, error))

    def fits(self, g: Array, tolerance: float) -> bool:
        """Whether an array of the right shape has the right values; zero does not count as an explanation."""
        mine = np.asarray(g, np.float64).reshape(-1)[self.places]
        return bool(np.all(self.error(mine) <= tolerance))


def _axes(axes: tuple[int, ...]) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"


def _close_to(a: Array, b: Array, tolerance: float) -> bool:
    return a.shape == b.shape and bool(largest([a - b]) <= tolerance * max(largest([b]), 1e-12))


def _alike(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    return a.shape == b.shape and bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))


def _is_floating(a: Any) -> bool:
    return isinstance(a, (np.ndarray, np.floating)) and a.dtype.kind == "f"


def _copied(a: Any) -> Any:
    if isinstance(a, (np.ndarray, np.generic)):
        return np.array(a)
    if isinstance(a, (dict, list)):
        return copy.deepcopy(a)
    return a


def _binds(f: Callable[..., Any], *args: Any) -> bool:
    try:
        inspect.signature(f).bind(*args)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def _parameters(f: Callable[..., Any]) -> str:
    try:
        return str(inspect.signature(f))
    except (TypeError, ValueError):
        return "other arguments"
