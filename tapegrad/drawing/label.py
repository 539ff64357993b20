"""What is written on each box and how it looks: lines of styled text, for DOT and SVG alike.

Knows boxes and colours; must not know either language.
"""

from __future__ import annotations

from dataclasses import dataclass

from .model import Box, Row
from .text import shorten
from .theme import Theme

__all__ = ["Line", "Look", "Span", "look"]


@dataclass(frozen=True, slots=True)
class Span:
    """Text in one style; `mono` is Courier, otherwise Helvetica."""

    text: str
    size: float
    color: str
    mono: bool = False
    bold: bool = False
    italic: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """Text at the left and perhaps at the right; `rule` draws a line above."""

    left: Span
    right: Span | None = None
    rule: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """shape: card (lines of text), pill (a line with all its text in the middle) or disc (a word)."""

    shape: str
    fill: str
    ink: str
    pen: float
    lines: tuple[Line, ...]


def look(box: Box, theme: Theme) -> Look:
    """The look of a box."""
    fill, ink = theme.families["loss" if box.output else box.family]
    pen = 2.4 if box.output else 1.2
    if box.kind == "pill":
        name, typed = Span(shorten(box.title), 12, ink, bold=True), Span(box.type, 9, ink, mono=True)
        return Look("pill", fill, ink if box.output else fill, pen, (Line(name, typed),))
    if box.kind == "disc":
        return Look("disc", fill, ink, 1.2, (Line(Span(shorten(box.title, 28), 11, ink, bold=True)),))
    value = box.kind == "value"
    title = Span(shorten(box.title), 12, theme.ink if value else ink, bold=True)
    lines = [Line(title, Span(box.note, 9, theme.muted) if box.note else None)]
    if box.type:
        size = Span(box.size, 9, theme.muted) if box.size else None
        lines.append(Line(Span(shorten(box.type, 60), 9, theme.muted if value else theme.ink, mono=True), size))
    for k, row in enumerate(box.rows):
        lines.append(_line(row, theme, k == 0))
    return Look("card", fill, ink, pen, tuple(lines))


def _line(row: Row, theme: Theme, rule: bool) -> Line:
    left, right = shorten(row.left, 48), shorten(row.right, 48) if row.right else ""
    if row.kind in ("parameter", "input"):
        color = theme.parameter if row.kind == "parameter" else theme.gradient
        mark = "* " if row.kind == "parameter" else "> "  # colour is never the only sign
        return Line(Span(mark + left, 9, color, bold=True), Span(right, 9, theme.muted, mono=True), rule)
    if row.kind == "kept":
        return Line(Span(left, 9, theme.muted, italic=True), Span(right, 9, theme.muted) if right else None, rule)
    if row.kind == "value":
        return Line(Span(left, 9, theme.muted), Span(right, 9, theme.ink, mono=True), rule)
    if row.kind == "gradient":
        return Line(Span(left, 9, theme.muted), Span(right, 9, theme.gradient, mono=True, bold=True), rule)
    return Line(Span(left, 9, theme.muted, mono=True), Span(right, 9, theme.muted) if right else None, rule)
