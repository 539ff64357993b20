"""Minimisation, least squares and roots with SciPy; gradients, Jacobians and Hessian products come from the tape.

What is sought may be an array or a nested dict, list or tuple of arrays; SciPy sees one vector of all their entries.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import func
from .modes import no_grad
from .ops.elementwise import imag, real_part
from .ops.structure import concatenate, reshape
from .registry import Recorded, raw, wrap
from .trees import flatten, unflatten

__all__ = ["least_squares", "minimize", "root"]

Vector = Any  # the entries of all leaves, one after the other, as float64

# of SciPy's methods: what they take besides the values of the function
WITHOUT_GRADIENT = ("nelder-mead", "powell", "cobyla", "cobyqa")
WITH_HESSIAN_PRODUCT = ("newton-cg", "trust-ncg", "trust-krylov", "trust-constr")
WITH_HESSIAN = ("dogleg", "trust-exact")


def _scipy(name: str) -> Any:
    try:
        import scipy.optimize
    except ImportError as error:
        raise ImportError(f"optimize.{name} needs SciPy: pip install 'tapegrad[scipy]'") from error
    return scipy.optimize


# -- between structures of arrays and SciPy's vector ---------------------------------------------------------


class Layout:
    """The structure, shapes and dtypes of x0. A complex entry is two numbers of SciPy's vector."""

    def __init__(self, x0: Any, name: str) -> None:
        if type(x0) in (list, tuple) and x0 and all(isinstance(v, (int, float)) for v in x0):
            x0 = np.asarray(x0)  # as SciPy has it: a list of numbers is a vector
        leaves, self.structure = flatten(x0)
        if not leaves:
            raise ValueError(f"{name}: x0 holds no arrays")
        self.tensors = any(isinstance(x, Recorded) for x in leaves)
        arrays = [x._data if isinstance(x, Recorded) else np.asarray(x) for x in leaves]
        for x in arrays:
            if x.dtype.kind in "iub":
                raise TypeError(
                    f"{name}: x0 has an array of dtype {x.dtype} (shape {x.shape}), and only floats can be moved by "
                    "small steps; write 0.0 and not 0, or pass what is no variable in args"
                )
            if x.dtype.kind not in "fc":
                raise TypeError(f"{name}: x0 must be an array, or a dict, list or tuple of arrays; got {x.dtype}")
        self.shapes = [x.shape for x in arrays]
        self.dtypes = [x.dtype for x in arrays]
        self.counts = [x.size * (2 if x.dtype.kind == "c" else 1) for x in arrays]
        self.start = self.flat(arrays)

    def flat(self, arrays: Any) -> Vector:
        """Arrays of the shapes and dtypes of x0 as one vector."""
        parts = [np.ascontiguousarray(x, t).reshape(-1) for x, t in zip(arrays, self.dtypes, strict=True)]
        return np.concatenate([p.view(p.real.dtype).astype(np.float64) for p in parts])

    def arrays(self, vector: Vector) -> list[Any]:
        """One vector as arrays of the shapes and dtypes of x0, with memory of their own."""
        out, k = [], 0
        for shape, dtype, n in zip(self.shapes, self.dtypes, self.counts, strict=True):
            part = np.array(vector[k : k + n], np.finfo(dtype).dtype)
            out.append(part.view(dtype).reshape(shape))
            k += n
        return out

    def tree(self, vector: Vector) -> Any:
        """One vector in the structure of x0."""
        return unflatten(self.structure, self.arrays(vector))

    def given_back(self, vector: Vector) -> Any:
        """The same for the caller: Tensors if x0 had any."""
        arrays = self.arrays(vector)
        return unflatten(self.structure, [wrap(x) for x in arrays] if self.tensors else arrays)

    def flat_tree(self, tree: Any) -> Vector:
        """A structure like x0's as one vector."""
        return self.flat([x._data if isinstance(x, Recorded) else x for x in flatten(tree)[0]])


def _as_tensors(tree: Any) -> Any:
    leaves, structure = flatten(tree)
    return unflatten(structure, [wrap(x) for x in leaves])


def _args(args: Any) -> tuple[Any, ...]:
    return args if isinstance(args, tuple) else (args,)


class Kept:
    """A function of a vector that remembers its last value: SciPy asks for the value and the gradient one by one."""

    def __init__(self, f: Callable[[Vector], Any]) -> None:
        self.f = f
        self.at: Vector = None
        self.value: Any = None

    def __call__(self, vector: Vector) -> Any:
        if self.at is None or not np.array_equal(vector, self.at):
            value = self.f(vector)
            self.at, self.value = np.array(vector), value
        return self.value


# -- minimize ------------------------------------------------------------------------------------------------


class Objective:
    """A scalar function of x0's structure, its gradient and its Hessian as functions of SciPy's vector."""

    def __init__(self, f: Callable[..., Any], layout: Layout, args: tuple[Any, ...], gradient: bool) -> None:
        self.f, self.layout, self.args, self.gradient = f, layout, args, gradient
        self.seen = False  # whether the result has been found to depend on x
        self.pair = func.value_and_grad(self.scalar)
        self.both = Kept(self._both)
        self.along = Kept(self._along)

    def scalar(self, tree: Any) -> Any:
        """The function's result, or a TypeError if that is no scalar Tensor that depends on x."""
        out = self.f(tree, *self.args)
        if not isinstance(out, Recorded):
            raise TypeError(
                f"minimize: f must give a scalar Tensor, it gave a {type(out).__name__}; a number has no history, so "
                "compute with tg or NumPy functions on what f is given, and without float() or .item()"
            )
        if out.size != 1:
            raise TypeError(f"minimize: f must give a scalar, it gave shape {out.shape}; sum it, or use least_squares")
        if out.dtype.kind == "c":
            raise TypeError(f"minimize: f must give a real number, it gave {out.dtype}; take its real part or size")
        if self.gradient and not self.seen and not out.requires_grad:
            raise TypeError(
                "minimize: at x0, what f gives does not depend on x, so it has no gradient: was x detached, or "
                "rounded? Methods that need no gradient are Nelder-Mead, Powell, COBYLA and COBYQA"
            )
        self.seen = True
        return reshape(out, ())

    def value(self, vector: Vector) -> float:
        """f alone, recorded by nobody."""
        with no_grad():
            return float(self.scalar(_as_tensors(self.layout.tree(vector)))._data)

    def _both(self, vector: Vector) -> tuple[float, Vector]:
        with no_grad():  # of what f finds by itself, nobody asks for a gradient here; nor further down
            value, gradient = self.pair(self.layout.tree(vector))
        return float(raw(value)), self.layout.flat_tree(gradient)

    def value_at(self, vector: Vector) -> float:
        """f, from the evaluation that gives the gradient too."""
        return self.both(vector)[0]  # type: ignore[no-any-return]

    def gradient_at(self, vector: Vector) -> Vector:
        """The gradient, from the evaluation that gives f too."""
        return self.both(vector)[1].copy()

    def _along(self, vector: Vector) -> Any:
        with no_grad():
            return func.linearize(func.grad(self.scalar), self.layout.tree(vector))[1]

    def hessian_product(self, vector: Vector, p: Vector) -> Vector:
        """The Hessian times a vector: forward over reverse, on one recording for each x."""
        move = self.along(vector)
        with no_grad():
            return self.layout.flat_tree(move(self.layout.tree(np.asarray(p, np.float64).reshape(-1))))

    def hessian(self, vector: Vector) -> Any:
        """The Hessian as a matrix, one product for each entry of x."""
        h = np.stack([self.hessian_product(vector, row) for row in np.eye(len(vector))])
        return (h + h.T) / 2


def _refused(name: str, **given: Any) -> None:
    for keyword, value in given.items():
        if value is not None:
            raise TypeError(
                f"{name}: {keyword}= is not taken, since derivatives come from the tape; with your own, call "
                f"scipy.optimize.{name}"
            )


def minimize(
    f: Callable[..., Any], x0: Any, args: Any = (), method: Any = None, jac: Any = None, hess: Any = None,
    hessp: Any = None, bounds: Any = None, constraints: Any = (), tol: float | None = None, callback: Any = None,
    options: Any = None,
) -> Any:  # fmt: skip
    """scipy.optimize.minimize with derivatives from the tape.

    f: (x, *args) -> a real scalar Tensor, for x in the structure of x0, of Tensors.
    x0: an array, or a nested dict, list or tuple of them, of floats (or complex). A list of numbers is a vector.
    method: any of SciPy's. Newton-CG, trust-ncg, trust-krylov and trust-constr get products with the Hessian, dogleg
        and trust-exact the Hessian, all from the tape.
    hess: for trust-constr, one of SciPy's approximations, as scipy.optimize.BFGS(). jac and hessp are refused.
    bounds: as SciPy takes them, or x0's structure with a pair (low, high) for each array: numbers, arrays, None.
    constraints: SciPy's, whose functions take x as f does and get their Jacobians from the tape too;
        a LinearConstraint is about the vector of all entries.
    callback: as SciPy's; the x it gets, or that of intermediate_result, is in x0's structure.

    The result is SciPy's, with x and jac (grad) in the structure and dtypes of x0, of Tensors if x0 had any. f runs
    once for a point, also where both its value and gradient are asked for, and once more for products with a Hessian.

    Raises TypeError if x0 has integers, or f gives something else than a scalar Tensor that depends on x.
    """
    scipy = _scipy("minimize")
    layout = Layout(x0, "minimize")
    name = method.lower() if isinstance(method, str) else ""
    _refused("minimize", jac=jac, hessp=hessp)
    approximation = isinstance(hess, (str, scipy.HessianUpdateStrategy))
    if not approximation:
        _refused("minimize", hess=hess)
    objective = Objective(f, layout, _args(args), name not in WITHOUT_GRADIENT)
    derivatives: dict[str, Any] = {}
    if name not in WITHOUT_GRADIENT:
        derivatives["jac"] = objective.gradient_at
    if approximation:
        derivatives["hess"] = hess
    elif name in WITH_HESSIAN:
        derivatives["hess"] = objective.hessian
    elif name in WITH_HESSIAN_PRODUCT or callable(method):
        derivatives["hessp"] = objective.hessian_product
    result = scipy.minimize(
        objective.value_at if derivatives else objective.value, layout.start, method=method, tol=tol, options=options,
        bounds=_bounds(bounds, layout, scipy, "minimize"), callback=_callback(callback, layout),
        constraints=_constraints(constraints, layout, scipy, name not in WITHOUT_GRADIENT), **derivatives,
    )  # fmt: skip
    for field in ("jac", "grad"):
        if field in result and np.shape(result[field]) == layout.start.shape:
            result[field] = layout.given_back(result[field])
    result.x = layout.given_back(result.x)
    return result


def _callback(callback: Any, layout: Layout) -> Any:
    if callback is None:
        return None
    if set(inspect.signature(callback).parameters) == {"intermediate_result"}:

        def with_result(intermediate_result: Any) -> Any:
            mine = type(intermediate_result)(intermediate_result)  # SciPy goes on with its own
            mine.x = layout.given_back(mine.x)
            return callback(intermediate_result=mine)

        return with_result
    return lambda x, *more: callback(layout.given_back(x), *more)


# -- bounds and constraints ----------------------------------------------------------------------------------


def _bounds(bounds: Any, layout: Layout, scipy: Any, name: str) -> Any:
    """SciPy's Bounds of the vector; from SciPy's forms, or from x0's structure with a pair for each array."""
    if bounds is None:
        return None
    if isinstance(bounds, scipy.Bounds):
        low, high = (_for_each_entry(b, layout, name) for b in (bounds.lb, bounds.ub))
        return scipy.Bounds(low, high, bounds.keep_feasible)
    n = layout.start.size
    one_each = isinstance(bounds, (list, tuple, np.ndarray)) and len(bounds) == n and all(map(_is_pair, bounds))
    # for least_squares a pair of lists is low and high, for minimize it is a pair for each of two entries
    if one_each and layout.structure == "leaf" and name == "minimize":
        pairs, each = list(bounds), [((), np.dtype(np.float64))] * n
    else:
        pairs, each = [], list(zip(layout.shapes, layout.dtypes, strict=True))
        if not _collect_pairs(bounds, layout.structure, pairs):
            pairs, each = list(bounds), [((), np.dtype(np.float64))] * n
            if not one_each:
                raise ValueError(
                    f"{name}: bounds must be x0's structure with a pair (low, high) for each array, a "
                    f"scipy.optimize.Bounds, or one pair for each of the {n} entries"
                )
    found = [_limits(pair, *one, name) for pair, one in zip(pairs, each, strict=True)]
    return scipy.Bounds(np.concatenate([low for low, _ in found]), np.concatenate([high for _, high in found]))


def _is_pair(b: Any) -> bool:
    return isinstance(b, (list, tuple, np.ndarray)) and len(b) == 2 and all(v is None or np.ndim(v) == 0 for v in b)


def _collect_pairs(bounds: Any, structure: Any, pairs: list[Any]) -> bool:
    """Whether bounds have the structure, with a pair or None at each leaf; those are collected."""
    if structure == "leaf":
        pairs.append(bounds)
        return bounds is None or (isinstance(bounds, (list, tuple)) and len(bounds) == 2)
    if structure is None:
        return bounds is None
    kind, keys, parts = structure
    if kind is dict:
        if not isinstance(bounds, dict) or set(bounds) != set(keys):
            return False
        bounds = [bounds[k] for k in keys]
    if not isinstance(bounds, (list, tuple)) or len(bounds) != len(parts):
        return False
    return all(_collect_pairs(b, p, pairs) for b, p in zip(bounds, parts, strict=True))


def _limits(pair: Any, shape: tuple[int, ...], dtype: Any, name: str) -> tuple[Vector, Vector]:
    """The pair of one array, as vectors; None, also inside an array, is no limit."""
    low, high = (None, None) if pair is None else pair
    if dtype.kind == "c":
        if low is not None or high is not None:
            raise TypeError(f"{name}: a complex array (shape {shape}) has no bounds: complex numbers have no order")
        shape = (2 * math.prod(shape),)
    out = []
    for limit, free in ((low, -np.inf), (high, np.inf)):
        value = np.asarray(raw(limit), np.float64)
        try:
            value = np.broadcast_to(np.where(np.isnan(value), free, value), shape)
        except ValueError:
            raise ValueError(f"{name}: a bound of shape {value.shape} does not fit an array of shape {shape}") from None
        out.append(value.reshape(-1))
    return out[0], out[1]


def _for_each_entry(limits: Any, layout: Layout, name: str) -> Vector:
    """One side of SciPy's Bounds: a number, or one for each entry."""
    value = np.asarray(limits, np.float64)
    if value.size not in (1, layout.start.size):
        raise ValueError(
            f"{name}: Bounds has {value.size} limits for {layout.start.size} entries; give x0's structure with a pair "
            "(low, high) for each array, or one limit for each entry"
        )
    return np.broadcast_to(value.reshape(-1), layout.start.shape)


def _constraints(constraints: Any, layout: Layout, scipy: Any, gradient: bool) -> Any:
    """SciPy's constraints, with functions of x0's structure, and Jacobians from the tape."""
    single = isinstance(constraints, (dict, scipy.NonlinearConstraint, scipy.LinearConstraint))
    done = []
    for c in [constraints] if single else constraints:
        if isinstance(c, scipy.LinearConstraint):
            done.append(c)
        elif isinstance(c, scipy.NonlinearConstraint):
            if callable(c.jac) or callable(c.hess):
                raise TypeError(
                    "minimize: a NonlinearConstraint gets its Jacobian from the tape, so jac= and hess= are not taken"
                )
            side = Residuals(c.fun, layout, (), "minimize", "a constraint", gradient)
            jac = {"jac": side.jacobian} if gradient else {}
            more = {"hess": c.hess, "keep_feasible": c.keep_feasible} | jac
            done.append(scipy.NonlinearConstraint(side.value, c.lb, c.ub, **more))
        elif isinstance(c, dict):
            if c.get("jac") is not None:
                raise TypeError("minimize: a constraint gets its Jacobian from the tape, so its 'jac' is not taken")
            side = Residuals(c["fun"], layout, _args(c.get("args", ())), "minimize", "a constraint", gradient)
            jac = {"jac": side.jacobian} if gradient else {}
            done.append({"type": c["type"], "fun": side.value, **jac})
        else:
            raise TypeError(f"minimize: a constraint is a dict or one of SciPy's constraints, not {type(c).__name__}")
    return done


# -- functions with several results --------------------------------------------------------------------------


class Residuals:
    """A function of x0's structure that gives one or several arrays, and its Jacobian, for SciPy's vector."""

    def __init__(
        self, f: Callable[..., Any], layout: Layout, args: tuple[Any, ...], name: str, what: str, gradient: bool
    ) -> None:
        self.f, self.layout, self.args, self.name, self.what = f, layout, args, name, what
        self.gradient = gradient
        self.size = -1  # how many results there are, once that is known
        self.at = Kept(self._recorded if gradient else self._alone)

    def vector(self, tree: Any) -> Any:
        """All results as one vector of reals; complex ones count by their real and their imaginary parts."""
        flat: list[Any] = []
        for t in flatten(self.f(tree, *self.args))[0]:
            if not isinstance(t, Recorded):
                raise TypeError(
                    f"{self.name}: {self.what} must give Tensors, it gave a {type(t).__name__}; a number has no "
                    "history, so compute with tg or NumPy functions on x, and without float() or .item()"
                )
            parts = [real_part(t), imag(t)] if t.dtype.kind == "c" else [t]
            flat += [reshape(p, (-1,)) for p in parts]
        if not flat:
            raise TypeError(f"{self.name}: {self.what} gave no arrays")
        out = flat[0] if len(flat) == 1 else concatenate(flat)
        if self.gradient and self.size < 0 and out.size and not any(t.requires_grad for t in flat):
            raise TypeError(
                f"{self.name}: at x0, what {self.what} gives does not depend on x, so it has no derivative: was x "
                "detached, or rounded?"
            )
        return out

    def _alone(self, vector: Vector) -> tuple[Vector]:
        with no_grad():
            return (np.array(self.vector(_as_tensors(self.layout.tree(vector)))._data, np.float64),)

    def _recorded(self, vector: Vector) -> tuple[Vector, Any, bool]:
        """The value at x, and the derivative on one recording: as a push of x, or a pull if results are fewer."""
        tree = self.layout.tree(vector)
        forward = self.size < 0 or self.size >= vector.size
        with no_grad():
            value, derivative = func.linearize(self.vector, tree) if forward else func.vjp(self.vector, tree)
        self.size = value.size
        return np.array(raw(value), np.float64), derivative, forward

    def value(self, vector: Vector) -> Vector:
        """The results at x."""
        return self.at(vector)[0].copy()

    def jacobian(self, vector: Vector, *_: Any) -> Any:
        """The matrix of derivatives: a push for each entry of x, or a pull for each result if those are fewer."""
        value, derivative, forward = self.at(vector)
        n = len(vector)
        with no_grad():
            if forward:
                columns = [np.array(raw(derivative(self.layout.tree(v))), np.float64) for v in np.eye(n)]
                return np.stack(columns, 1) if columns else np.zeros((value.size, 0))
            rows = [self.layout.flat_tree(derivative(v)[0]) for v in np.eye(value.size)]
            return np.stack(rows) if rows else np.zeros((0, n))


def least_squares(f: Callable[..., Any], x0: Any, args: Any = (), bounds: Any = None, **options: Any) -> Any:
    """scipy.optimize.least_squares with the Jacobian from the tape.

    f: (x, *args) -> the residuals, as a Tensor of any shape or a nested structure of Tensors; x has x0's structure.
    x0: an array, or a nested dict, list or tuple of them, of floats (or complex). A list of numbers is a vector.
    bounds: a pair (low, high) for an array, x0's structure with such pairs, or a scipy.optimize.Bounds.
    options: SciPy's other arguments, as method, loss, x_scale (for the vector of all entries) or max_nfev. jac,
        jac_sparsity and diff_step are refused, since derivatives come from the tape.

    The result is SciPy's, with x and grad in the structure and dtypes of x0; fun is the vector of all residuals, jac
    its matrix of derivatives. f runs once for a point.
    """
    scipy = _scipy("least_squares")
    _refused("least_squares", **{k: options.pop(k, None) for k in ("jac", "jac_sparsity", "diff_step")})
    layout = Layout(x0, "least_squares")
    residuals = Residuals(f, layout, _args(args), "least_squares", "f", True)
    limits = _bounds(bounds, layout, scipy, "least_squares")
    if limits is not None:
        options["bounds"] = limits
    if "callback" in options:
        options["callback"] = _callback(options["callback"], layout)
    result = scipy.least_squares(residuals.value, layout.start, residuals.jacobian, **options)
    result.grad = layout.given_back(result.grad)
    result.x = layout.given_back(result.x)
    return result


def root(
    f: Callable[..., Any], x0: Any, args: Any = (), method: str = "hybr", jac: Any = None, tol: float | None = None,
    callback: Any = None, options: Any = None,
) -> Any:  # fmt: skip
    """scipy.optimize.root with the Jacobian from the tape, where the method has one ('hybr' and 'lm').

    f: (x, *args) -> Tensors with as many entries as x0, in any structure; x has x0's structure.
    x0: an array, or a nested dict, list or tuple of them, of floats (or complex). A list of numbers is a vector.

    The result is SciPy's, with x in the structure and dtypes of x0; fun is the vector of all that f gives.
    """
    scipy = _scipy("root")
    _refused("root", jac=jac)
    layout = Layout(x0, "root")
    gradient = method.lower() in ("hybr", "lm")
    equations = Residuals(f, layout, _args(args), "root", "f", gradient)
    result = scipy.root(
        equations.value, layout.start, method=method, jac=equations.jacobian if gradient else None, tol=tol,
        callback=_callback(callback, layout), options=options,
    )  # fmt: skip
    result.x = layout.given_back(result.x)
    return result
