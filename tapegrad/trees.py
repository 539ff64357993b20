"""Nested dicts, lists and tuples of arrays as flat lists, and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["flatten", "unflatten"]


def flatten(tree: Any) -> tuple[list[Any], Any]:
    """The leaves of a nested dict / list / tuple in order, and its structure."""
    if isinstance(tree, dict):
        parts = [flatten(v) for v in tree.values()]
        return [leaf for leaves, _ in parts for leaf in leaves], (dict, tuple(tree), [s for _, s in parts])
    if isinstance(tree, (list, tuple)):
        parts = [flatten(v) for v in tree]
        return [leaf for leaves, _ in parts for leaf in leaves], (type(tree), None, [s for _, s in parts])
    if tree is None:
        return [], None
    return [tree], "leaf"


def unflatten(structure: Any, leaves: list[Any]) -> Any:
    """The tree of a structure, filled with leaves in order."""
    return _fill(structure, iter(leaves))


def _fill(structure: Any, leaves: Iterator[Any]) -> Any:
    # a function of its own: one that calls itself from inside another is a reference cycle, and would hold the leaves
    if structure is None:
        return None
    if structure == "leaf":
        return next(leaves)
    kind, keys, parts = structure
    filled = [_fill(p, leaves) for p in parts]
    if kind is dict:
        return dict(zip(keys, filled, strict=True))
    return kind(*filled) if hasattr(kind, "_fields") else kind(filled)
