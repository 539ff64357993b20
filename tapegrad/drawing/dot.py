"""A model as DOT text with HTML labels, ASCII and escaped, the same from run to run. Knows no renderer."""

from __future__ import annotations

from .label import Line, Look, Span, look
from .model import Box, Model
from .text import escape_dot, quote
from .theme import THEMES, Theme

__all__ = ["body", "dot"]

LARGE = 100  # from so many boxes on, bounds on the layout's search save minutes


def dot(model: Model, theme: str = "light") -> str:
    """The whole text."""
    return "digraph tape {\n" + "".join(body(model, theme)) + "}\n"


def body(model: Model, theme: str = "light") -> list[str]:
    """The lines between the braces, each with its end."""
    colors = THEMES[theme]
    lines = [f"\t{line}\n" for line in _settings(model, colors)]
    looks = {box.name: look(box, colors) for box in model.boxes}
    members: dict[int, list[Box]] = {}
    for box in model.boxes:
        members.setdefault(box.scope, []).append(box)
    children: dict[int, list[int]] = {}
    for k, frame in enumerate(model.scopes):
        children.setdefault(frame.parent, []).append(k)
    # scopes may be nested deeper than Python's own stack goes: an explicit one
    todo: list[tuple[str, int, int]] = [("open", -1, 0)]
    while todo:
        what, scope, level = todo.pop()
        indent = "\t" * (level + 1)
        if what == "close":
            lines.append("\t" * level + "}\n")
            continue
        if scope >= 0:
            lines.append("\t" * level + f"subgraph cluster_{scope} {{\n")
            lines.append(indent + _frame(model.scopes[scope].label, level, colors) + "\n")
            todo.append(("close", scope, level))
        for box in members.get(scope, ()):
            lines.append(f"{indent}{box.name} [{_attributes(box, looks[box.name])}]\n")
        todo += [("open", child, level + 1) for child in reversed(children.get(scope, ()))]
    lines += [f"\t{arrow.tail} -> {arrow.head}\n" for arrow in model.arrows]
    return lines


def _settings(model: Model, colors: Theme) -> list[str]:
    network = model.kind == "network"
    bounds = " mclimit=0.3 nslimit=1 nslimit1=1" if len(model.boxes) >= LARGE else ""
    graph = (
        f'bgcolor="{colors.page}" fontname="Helvetica" pad=0.2 rankdir={model.direction} '
        f"ranksep={0.32 if network else 0.28} nodesep={0.30 if network else 0.22}{bounds}"
    )
    if model.caption:
        words = "<BR/>".join(_font(Span(line, 9, colors.muted)) for line in model.caption)
        graph += f" label=<{words}> labelloc=b"
    return [
        f"graph [{graph}]",
        'node [fontname="Helvetica" penwidth=1.2 shape=box style="rounded,filled"]',
        f'edge [arrowsize=0.6 color="{colors.edge}" penwidth=1.2]',
    ]


def _frame(label: str, level: int, colors: Theme) -> str:
    name = _font(Span(label, 10, colors.muted, bold=True))
    fill = colors.scope_fills[(level + 1) % 2]
    return (
        f'graph [color="{colors.scope_line}" fillcolor="{fill}" label=<{name}> labeljust=l labelloc=t margin=10 '
        'penwidth=1 style="rounded,filled"]'
    )


def _font(span: Span, before: str = "") -> str:
    words = before + escape_dot(span.text)
    words = f"<I>{words}</I>" if span.italic else words
    words = f"<B>{words}</B>" if span.bold else words
    face = "Courier" if span.mono else "Helvetica"
    return f'<FONT FACE="{face}" POINT-SIZE="{span.size:g}" COLOR="{span.color}">{words}</FONT>'


def _attributes(box: Box, style: Look) -> str:
    common = f'color="{style.ink}" fillcolor="{style.fill}"'
    if style.pen != 1.2:
        common += f" penwidth={style.pen:g}"
    if box.tooltip:
        common += f" tooltip={quote(box.tooltip)}"
    first = style.lines[0]
    if style.shape == "pill":
        words = _font(first.left) + ("  " + _font(first.right) if first.right and first.right.text else "")
        return f'label=<{words}> {common} height=0.3 margin="0.12,0.05"'
    if style.shape == "disc":
        size = "height=0.32 width=0.32"
        # a plain label, which stands in the middle whatever font is found; one with a table starts at the left
        words = f'label={quote(first.left.text)} fontcolor="{style.ink}" fontsize=12'
        if len(first.left.text) <= 2:
            return f'{words} {common} fixedsize=true {size} margin=0 shape=circle style="filled"'
        return f'{words} {common} {size} margin="0.08,0.03"'
    return f'label=<{_table(style)}> {common} margin="0.06,0.03"'


def _table(style: Look) -> str:
    rows = "".join(_row(line) for line in style.lines)
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3" COLOR="{style.ink}">{rows}</TABLE>'


def _row(line: Line) -> str:
    rule = "<HR/>" if line.rule else ""
    if line.right is None:
        return f'{rule}<TR><TD COLSPAN="2" ALIGN="LEFT">{_font(line.left)}</TD></TR>'
    # the space in front keeps the two apart, also in a font that is wider than Graphviz thought
    right = _font(line.right, "  ") if line.right.text else ""
    return f'{rule}<TR><TD ALIGN="LEFT">{_font(line.left)}</TD><TD ALIGN="RIGHT">{right}</TD></TR>'
