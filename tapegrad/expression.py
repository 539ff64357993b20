"""Tensor expressions as text: parsed against the ops, never given to eval.

Knows the public functions by name; a mistake is an ExpressionError that points at it.
"""

from __future__ import annotations

import ast
import difflib
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

import tapegrad as tg

__all__ = ["ExpressionError", "evaluate", "functions", "value_of"]

CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}
CREATORS = ("arange", "eye", "full", "linspace", "ones", "zeros")
BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow, ast.MatMult: operator.matmul,
}  # fmt: skip
COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip
UNARY: dict[type, Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}


class ExpressionError(ValueError):
    """A mistake in an expression: the message shows the text and points at the place."""

    def __init__(self, text: str, place: int, problem: str) -> None:
        self.problem = problem
        line = text.replace("\n", " ")
        super().__init__(f"{line}\n{' ' * max(0, place)}^\n{problem}")


def functions() -> dict[str, Callable[..., Any]]:
    """What an expression may call: the ops' public functions and a few that create arrays."""
    found = {}
    for name in dir(tg):
        f = getattr(tg, name)
        module = getattr(f, "__module__", None) or type(f).__module__
        if callable(f) and not isinstance(f, type) and (str(module).startswith("tapegrad.ops") or _is_op(f)):
            found[name] = f
    for name in CREATORS:
        found[name] = getattr(tg, name)
    return found


def _is_op(f: Any) -> bool:
    return hasattr(f, "rules") and hasattr(f, "forward")


def value_of(name: str, text: str) -> tg.Tensor:
    """A variable from the command line: a number or nested lists of numbers, as a float leaf that requires grad."""
    try:
        array = np.array(ast.literal_eval(text))
        if array.dtype.kind not in "fciub":
            raise ValueError(f"dtype {array.dtype}")
        array = array.astype(np.result_type(array.dtype, np.float64))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ExpressionError(
            f"{name}={text}",
            len(name) + 1,
            f"{text!r} is not a number or a list of numbers, as in {name}=2 or {name}=[1,2]",
        ) from error
    return tg.tensor(array, requires_grad=True, name=name)


def evaluate(text: str, variables: dict[str, tg.Tensor]) -> Any:
    """The value of the expression, with the variables given; what is recorded is what the text says.

    Raises ExpressionError, whose message points at the mistake.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        place = error.offset - 1 if error.offset else len(text.strip())
        raise ExpressionError(text.strip(), place, f"this cannot be read: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(text[:60], 0, f"this cannot be read: {error}") from error
    try:
        with np.errstate(all="ignore"):
            return _Reader(text.strip(), variables).read(tree.body)
    except RecursionError as error:
        raise ExpressionError(text[:60], 0, "this is nested too deeply") from error


class _Reader:
    """Walks the syntax tree of one expression."""

    def __init__(self, text: str, variables: dict[str, tg.Tensor]) -> None:
        self.text, self.variables, self.functions = text, variables, functions()

    def fail(self, node: Any, problem: str) -> ExpressionError:
        return ExpressionError(self.text, getattr(node, "col_offset", 0), problem)

    def read(self, node: ast.AST) -> Any:
        method = getattr(self, f"read_{type(node).__name__}", None)
        if method is None:
            raise self.fail(node, f"{_kind(node)} cannot stand in a tensor expression")
        return method(node)

    def read_Constant(self, node: ast.Constant) -> Any:
        if isinstance(node.value, (int, float, complex, str)) or node.value is None:
            return node.value
        raise self.fail(node, f"{node.value!r} cannot stand in a tensor expression")

    def read_Name(self, node: ast.Name) -> Any:
        if node.id in self.variables:
            return self.variables[node.id]
        if node.id in CONSTANTS:
            return CONSTANTS[node.id]
        if node.id in self.functions:
            raise self.fail(node, f"{node.id} is a function: write {node.id}(...)")
        known = [*self.variables, *CONSTANTS]
        raise self.fail(node, f"unknown name {node.id!r}{_like(node.id, known)}: give it a value, {node.id}=2")

    def read_BinOp(self, node: ast.BinOp) -> Any:
        f = BINARY.get(type(node.op))
        if f is None:
            raise self.fail(node, f"the operator in {ast.unparse(node)!r} is not one of + - * / // % ** @")
        left, right = self.read(node.left), self.read(node.right)
        for side, value, other in ((node.left, left, right), (node.right, right, left)):
            listed = isinstance(value, (list, tuple)) and isinstance(other, tg.Tensor)
            if not listed and not isinstance(value, (int, float, complex, np.ndarray, tg.Tensor)):
                raise self.fail(side, f"{type(value).__name__} has no arithmetic here; numbers and tensors have")
        if isinstance(node.op, ast.Pow) and isinstance(left, int) and isinstance(right, int):
            left = float(left)  # 9**9**9 as an integer would never end
        return self.run(node, f, left, right)

    def read_UnaryOp(self, node: ast.UnaryOp) -> Any:
        f = UNARY.get(type(node.op))
        if f is None:
            raise self.fail(node, "of the operators before a value, + and - are supported")
        return self.run(node, f, self.read(node.operand))

    def read_Compare(self, node: ast.Compare) -> Any:
        f = COMPARE.get(type(node.ops[0]))
        if len(node.ops) != 1 or f is None:
            raise self.fail(node, "compare two values with one of < <= > >= == !=")
        return self.run(node, f, self.read(node.left), self.read(node.comparators[0]))

    def read_List(self, node: ast.List) -> Any:
        return [self.read(item) for item in node.elts]

    def read_Tuple(self, node: ast.Tuple) -> Any:
        return tuple(self.read(item) for item in node.elts)

    def read_Attribute(self, node: ast.Attribute) -> Any:
        value = self.read(node.value)
        if node.attr in ("T", "mT", "real", "imag", "shape", "ndim", "size") and isinstance(value, tg.Tensor):
            return getattr(value, node.attr)
        raise self.fail(node, f"{ast.unparse(node)!r}: .T, .mT, .real, .imag, .shape, .ndim and .size are supported")

    def read_Subscript(self, node: ast.Subscript) -> Any:
        value = self.read(node.value)
        return self.run(node, operator.getitem, value, self.read_index(node.slice))

    def read_index(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Slice):
            return slice(*[None if part is None else self.read(part) for part in (node.lower, node.upper, node.step)])
        if isinstance(node, ast.Tuple):
            return tuple(self.read_index(item) for item in node.elts)
        if isinstance(node, ast.Constant) and node.value is Ellipsis:
            return Ellipsis
        return self.read(node)

    def read_Call(self, node: ast.Call) -> Any:
        args: list[Any] = []
        if isinstance(node.func, ast.Attribute):  # x.sum(), or np.sum(x)
            name = node.func.attr
            if not (isinstance(node.func.value, ast.Name) and node.func.value.id in ("np", "tg", "numpy", "tapegrad")):
                args.append(self.read(node.func.value))
        elif isinstance(node.func, ast.Name):
            name = node.func.id
        else:
            raise self.fail(node, "only functions can be called")
        f = self.functions.get(name)
        if f is None:
            hint = _like(name, list(self.functions))
            raise self.fail(node.func, f"there is no function {name!r}{hint}; `tapegrad ops` lists them")
        args += [self.read(a) for a in node.args]
        keywords = {}
        for k in node.keywords:
            if k.arg is None:
                raise self.fail(k.value, "** cannot stand in a tensor expression")
            keywords[k.arg] = self.read(k.value)
        return self.run(node, f, *args, **keywords)

    def run(self, node: ast.AST, f: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
        try:
            return f(*args, **keywords)
        except ExpressionError:
            raise
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            MemoryError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            raise self.fail(node, f"{type(error).__name__}: {error}") from error


def _kind(node: ast.AST) -> str:
    return {"Lambda": "a lambda", "IfExp": "an if", "Dict": "a dict", "BoolOp": "and / or"}.get(
        type(node).__name__, f"a {type(node).__name__.lower()}"
    )


def _like(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
