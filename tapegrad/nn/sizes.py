"""The checks that constructors share: positive sizes, pairs, groups that divide."""

from __future__ import annotations

import operator
from typing import Any

__all__ = ["divided", "positive", "sizes"]


def positive(where: str, **numbers: Any) -> None:
    """Raise ValueError for a number that is no positive integer, naming it."""
    for name, number in numbers.items():
        sizes(number, 1, f"{where}: {name}", 1)


def sizes(value: Any, count: int, what: str, least: int) -> tuple[int, ...]:
    """An int, or `count` of them, as a tuple; ValueError where one is below `least`."""
    given = tuple(value) if isinstance(value, (tuple, list)) else (value,) * count
    try:
        if any(isinstance(n, bool) for n in given):
            raise TypeError
        ints = tuple(operator.index(n) for n in given)
    except TypeError:
        raise ValueError(f"{what} must be made of ints, got {value!r}") from None
    if len(ints) != count:
        raise ValueError(f"{what} must be an int{f' or {count} ints' if count > 1 else ''}, got {value!r}")
    if min(ints) < least:
        raise ValueError(f"{what} must be at least {least}, got {value!r}")
    return ints


def divided(where: str, groups: int, **channels: int) -> None:
    """Raise ValueError where a number of channels does not divide into groups."""
    for name, number in channels.items():
        if number % groups:
            raise ValueError(f"{where}: {name} {number} does not divide into {groups} groups")
