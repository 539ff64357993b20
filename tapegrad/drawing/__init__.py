"""Pictures of tapes: tape -> model -> DOT or SVG text -> a file or a notebook. Only the last step needs a renderer.

Knows the options; the steps are in model, dot, layout, svg and render.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from ..tape import Tape

__all__ = ["draw"]

FORMATS = ("svg", "png", "pdf", "gv", "dot")
THEMES = ("light", "dark")
SHOWS = ("values", "memory")
DIRECTIONS = ("TB", "LR")


def draw(
    thing: Any, *more: Any, format: str | None = None, path: str | os.PathLike[str] | None = None,
    show: str | None = None, depth: int | None = None, theme: str = "light", direction: str | None = None,
    values: bool | None = None, renderer: str | None = None,
) -> Any:  # fmt: skip
    """A picture of what a Tensor, several, or a Tape were computed from: a graphviz.Digraph, shown by notebooks.

    A tape of single numbers is drawn as an expression, with each value and gradient; any other as a network, one
    card an op. Nothing is changed by it: no `.grad`, and a tape that was walked, or not yet, can be drawn.

    path: also write the picture there; its ending says the format: .svg, .png, .pdf, .gv or .dot (text).
    format: what .pipe() and .render() make if not told otherwise; SVG by default.
    show: "values", every value a card with its numbers; "memory", bytes kept for the backward.
    depth: show this many levels of scopes and fold what is deeper; by default as many as fit in 800 boxes.
    theme: "light" or "dark". direction: "TB", downward, or "LR", to the right.
    values: False leaves the numbers out of an expression.
    renderer: a program that understands DOT, or "builtin"; by default what is found.

    Raises ValueError for an option that there is not, RuntimeError if no renderer can make the format.
    """
    kind = _format(format, path)
    _choice("theme", theme, THEMES)
    if show in ("gradients", "time"):
        raise ValueError(f"draw: show={show!r} is not there yet; {_listed(SHOWS)} are")
    if show is not None:
        _choice("show", show, SHOWS)
    if direction is not None:
        _choice("direction", direction, DIRECTIONS)
    if depth is not None and (type(depth) is not int or depth < 0):
        raise ValueError(f"draw: depth is {depth!r}; it must be a whole number from 0 on, or None")
    tape = _tape(thing, more)
    # the steps, and graphviz with them: nobody should wait for their import who does not draw
    from .dot import body
    from .model import model
    from .render import Picture, write
    from .svg import svg

    drawn = model(tape, show=show, depth=depth, direction=direction, values=values)
    picture = Picture(
        "tape", body=body(drawn, theme), format="svg" if kind in (None, "gv", "dot") else kind,
        builtin=partial(svg, drawn, theme), program=renderer,
    )  # fmt: skip
    if path is not None:
        text = kind in ("gv", "dot")
        write(path, str(picture.source).encode() if text else picture.pipe(kind))
    return picture


def _tape(thing: Any, more: tuple[Any, ...]) -> Tape:
    if isinstance(thing, Tape) and not more:
        tape = thing
    elif isinstance(thing, Tape) or any(isinstance(t, Tape) for t in more):
        raise ValueError("draw: one Tape, or one or more Tensors; several Tensors can be on one tape: Tape.of(a, b)")
    else:
        try:
            tape = Tape.of(thing, *more)
        except TypeError as error:
            raise TypeError(f"draw: expected Tensors or a Tape; {error}") from None
    if not len(tape):
        raise ValueError(
            "draw: nothing is recorded. A tape begins at a Tensor with requires_grad=True that enters an operation, "
            "outside no_grad()."
        )
    return tape


def _choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"draw: {name}={value!r} is not one of {_listed(choices)}")


def _listed(choices: tuple[str, ...]) -> str:
    return ", ".join(map(repr, choices))


def _format(format: str | None, path: str | os.PathLike[str] | None) -> str | None:
    """The format asked for, by name or by the path's ending."""
    if format is not None:
        _choice("format", format, FORMATS)
    if path is None:
        return format
    ending = Path(path).suffix.lstrip(".").lower()
    if format is None:
        if ending not in FORMATS:
            endings = ", ".join(f".{f}" for f in FORMATS)
            raise ValueError(f"draw: path {os.fspath(path)!r} must end in one of {endings}, or give format=")
        return ending
    if ending in FORMATS and ending != format and {ending, format} != {"gv", "dot"}:
        raise ValueError(f"draw: path {os.fspath(path)!r} ends in .{ending}, but format={format!r}")
    return format
