"""A model as SVG text by the built-in layout: no program and no font needed, since every text says how long it is."""

from __future__ import annotations

from itertools import pairwise

from .label import Line, Look, Span, look
from .layout import Layout, Place, Point, layout
from .model import Box, Model
from .text import escape, width
from .theme import THEMES, Theme

__all__ = ["svg"]

PAD = 8.0  # inside a card, left and right
PAGE = 14.0  # around the picture
SPACE = 12.0  # at least between what is left and right on a line
CAPTION = 14.0
HEAD = (7.0, 2.8)  # an arrow's head: length and half its width


def svg(model: Model, theme: str = "light") -> str:
    """The whole text, ASCII, the same from run to run."""
    colors = THEMES[theme]
    looks = {box.name: look(box, colors) for box in model.boxes}
    labels = [Span(scope.label, 10, colors.muted, bold=True) for scope in model.scopes]
    captions = [Span(line, 9, colors.muted) for line in model.caption]
    placed = layout(model, {name: _size(style) for name, style in looks.items()}, [_length(s) for s in labels])
    wide = max([placed.width, *[_length(s) for s in captions]]) + 2 * PAGE
    high = placed.height + 2 * PAGE + (CAPTION * len(captions) + 4 if captions else 0)
    shift = (wide - placed.width) / 2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(wide)}pt" height="{_n(high)}pt" '
        f'viewBox="0 0 {_n(wide)} {_n(high)}" font-family="Helvetica, Arial, sans-serif">',
        f'<rect width="100%" height="100%" fill="{colors.page}"/>',
        f'<g transform="translate({_n(shift)} {_n(PAGE)})">',
    ]
    for k in sorted(range(len(labels)), key=lambda k: model.scopes[k].depth):
        fill = colors.scope_fills[(model.scopes[k].depth + 1) % 2]
        lines.append(_rect(placed.scopes[k], 8, fill, colors.scope_line, 1))
    lines += _arrows(model, placed, colors)
    for k, label in enumerate(labels):
        fill = colors.scope_fills[(model.scopes[k].depth + 1) % 2]
        halo = f' stroke="{fill}" stroke-width="4" paint-order="stroke"'  # an arrow may pass behind the words
        lines.append(_text(label, placed.scopes[k].x + 10, placed.scopes[k].y + 15, more=halo))
    for box in model.boxes:
        lines += _box(box, looks[box.name], placed.boxes[box.name])
    lines.append("</g>")
    for k, line in enumerate(captions):
        lines.append(_text(line, wide / 2, placed.height + 2 * PAGE + 6 + CAPTION * k, "middle"))
    return "\n".join([*lines, "</svg>", ""])


def _n(value: float) -> str:
    """A number in few characters."""
    text = f"{value:.1f}"
    text = text[:-2] if text.endswith(".0") else text
    return "0" if text == "-0" else text


def _length(span: Span) -> float:
    return width(span.text, span.size, span.mono, span.bold)


def _height(line: Line) -> float:
    return (18.0 if line.left.size >= 12 else 14.0) + (5.0 if line.rule else 0.0)


def _size(style: Look) -> tuple[float, float]:
    if style.shape == "pill":
        return _both(style.lines[0], 8) + 2 * SPACE, 25.0
    if style.shape == "disc":
        word = style.lines[0].left
        return (24.0 if len(word.text) <= 2 else _length(word) + 2 * PAD), 24.0
    return max(_both(line, SPACE) for line in style.lines) + 2 * PAD, sum(map(_height, style.lines)) + 8


def _both(line: Line, space: float) -> float:
    right = 0.0 if line.right is None or not line.right.text else space + _length(line.right)
    return _length(line.left) + right


def _text(span: Span, x: float, y: float, anchor: str = "", more: str = "") -> str:
    style = ' font-family="Courier, monospace"' if span.mono else ""
    style += ' font-weight="bold"' if span.bold else ""
    style += ' font-style="italic"' if span.italic else ""
    style += f' text-anchor="{anchor}"' if anchor else ""
    style += f' textLength="{_n(_length(span))}" lengthAdjust="spacingAndGlyphs"'
    style += more
    words = escape(span.text)
    return f'<text x="{_n(x)}" y="{_n(y)}" font-size="{span.size:g}" fill="{span.color}"{style}>{words}</text>'


def _rect(place: Place, radius: float, fill: str, line: str, pen: float) -> str:
    return (
        f'<rect x="{_n(place.x)}" y="{_n(place.y)}" width="{_n(place.width)}" height="{_n(place.height)}" '
        f'rx="{_n(radius)}" fill="{fill}" stroke="{line}" stroke-width="{pen:g}"/>'
    )


def _box(box: Box, style: Look, place: Place) -> list[str]:
    lines = ["<g>"]
    if box.tooltip:
        lines.append(f"<title>{escape(box.tooltip)}</title>")
    middle, left, right = place.x + place.width / 2, place.x + PAD, place.x + place.width - PAD
    first = style.lines[0]
    if style.shape == "disc":
        round_ = len(first.left.text) <= 2
        lines.append(_rect(place, 12 if round_ else 7, style.fill, style.ink, style.pen))
        lines.append(_text(first.left, middle, place.y + 16, "middle"))
    elif style.shape == "pill":
        lines.append(_rect(place, 8, style.fill, style.ink, style.pen))
        lines.append(_text(first.left, place.x + SPACE, place.y + 16.5))
        if first.right is not None and first.right.text:
            lines.append(_text(first.right, place.x + place.width - SPACE, place.y + 16, "end"))
    else:
        lines.append(_rect(place, 8, style.fill, style.ink, style.pen))
        y = place.y + 4
        for line in style.lines:
            if line.rule:
                lines.append(
                    f'<path d="M{_n(left - 3)} {_n(y + 2.5)}H{_n(right + 3)}" stroke="{style.ink}" stroke-width="0.8"/>'
                )
            y += _height(line)
            base = y - (5 if line.left.size >= 12 else 4)
            lines.append(_text(line.left, left, base))
            if line.right is not None and line.right.text:
                lines.append(_text(line.right, right, base, "end"))
    return [*lines, "</g>"]


def _arrows(model: Model, placed: Layout, colors: Theme) -> list[str]:
    lines = [f'<g fill="none" stroke="{colors.edge}" stroke-width="1.2">']
    heads = [f'<g fill="{colors.edge}">']
    right = model.direction == "LR"
    copies: dict[object, int] = {}
    many: dict[object, int] = {}
    for arrow in model.arrows:
        many[arrow] = many.get(arrow, 0) + 1
    for arrow, points in zip(model.arrows, placed.routes, strict=True):
        k = copies[arrow] = copies.get(arrow, -1) + 1
        aside = (k - (many[arrow] - 1) / 2) * 8  # x * x: two arrows side by side
        if aside:
            points = [(x, y + aside) if right else (x + aside, y) for x, y in points]
        path, head = _curve(points, right)
        lines.append(f'<path d="{path}"/>')
        heads.append(f'<path d="{head}"/>')
    return [*lines, "</g>", *heads, "</g>"]


def _curve(points: list[Point], right: bool) -> tuple[str, str]:
    """A path through the points, leaving and arriving along the picture's direction, and the head at its end."""
    (x0, y0), (x1, y1) = points[-2:]
    straight = len(points) == 2
    length = max(((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5, 0.01)
    ux, uy = ((x1 - x0) / length, (y1 - y0) / length) if straight else (1.0, 0.0) if right else (0.0, 1.0)
    long, half = HEAD
    back = (x1 - ux * long, y1 - uy * long)
    head = (
        f"M{_n(x1)} {_n(y1)}L{_n(back[0] - uy * half)} {_n(back[1] + ux * half)}"
        f"L{_n(back[0] + uy * half)} {_n(back[1] - ux * half)}Z"
    )
    points = [*points[:-1], back]
    path = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for (ax, ay), (bx, by) in pairwise(points):
        if straight or ax == bx or ay == by:
            path.append(f"L{_n(bx)} {_n(by)}")
        elif right:
            path.append(f"C{_n((ax + bx) / 2)} {_n(ay)} {_n((ax + bx) / 2)} {_n(by)} {_n(bx)} {_n(by)}")
        else:
            path.append(f"C{_n(ax)} {_n((ay + by) / 2)} {_n(bx)} {_n((ay + by) / 2)} {_n(bx)} {_n(by)}")
    return "".join(path), head
