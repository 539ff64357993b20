"""Where everything goes when there is no renderer: each scope is laid out by itself and then stands as one item in
the scope around it. Knows sizes and arrows; must not know text or colours.
"""

from __future__ import annotations

from dataclasses import dataclass

from .layers import Edge, Flat, layered
from .model import Model

__all__ = ["Layout", "Place", "layout"]

Point = tuple[float, float]
Item = tuple[str, str | int]  # ("box", name), ("scope", k), and where an arrow enters or leaves: ("in", "out", tail)
LABEL = 22.0  # room for a scope's name
MARGIN = 10.0


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle: its upper left corner and its size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """Rectangles of boxes by name and of scopes in order, the points of the arrows in order, the size of all."""

    boxes: dict[str, Place]
    scopes: list[Place]
    routes: list[list[Point]]
    width: float
    height: float


@dataclass
class _Level:
    """The inside of one scope (or of the page), downward whatever the direction of the picture."""

    items: list[Item]
    place: dict[Item, int]
    edges: dict[tuple[Item, Item, str], int]  # in order of appearance
    flat: Flat | None = None
    width: float = 0.0
    height: float = 0.0


def layout(model: Model, sizes: dict[str, tuple[float, float]], label_widths: list[float]) -> Layout:
    """Place boxes of these sizes. For a picture to the right everything is turned, laid out downward, turned back."""
    right = model.direction == "LR"
    gap, layer_gap = (22.0, 24.0) if model.kind == "network" else (16.0, 22.0)
    # margins before and after, across and along the arrows; the scope's name is at its top in either direction
    across, along = ((LABEL, MARGIN), (MARGIN, MARGIN)) if right else ((MARGIN, MARGIN), (LABEL, MARGIN))
    home = {box.name: box.scope for box in model.boxes}
    levels = _levels(model, home)
    for scope in [*sorted(range(len(model.scopes)), key=lambda k: -model.scopes[k].depth), -1]:
        level = levels[scope]
        _arrange(level, levels, sizes, right, gap, layer_gap, across[0])
        assert level.flat is not None
        if scope >= 0:
            name = label_widths[scope] + 2 * MARGIN
            level.width = max(level.flat.width + sum(across), 0.0 if right else name)
            level.height = max(level.flat.height + sum(along), name if right else 0.0)
    origins: dict[int, Point] = {-1: (0.0, 0.0)}
    boxes: dict[str, Place] = {}
    frames: dict[int, Place] = {}
    todo = [-1]
    while todo:
        scope = todo.pop()
        level, (left, top) = levels[scope], origins[scope]
        assert level.flat is not None
        for k, (kind, what) in enumerate(level.items):
            x, y = left + level.flat.x[k], top + level.flat.y[k]
            if kind == "box" and isinstance(what, str):
                width, height = sizes[what]
                x, y = (y, x) if right else (x, y)
                boxes[what] = Place(x - width / 2, y - height / 2, width, height)
            elif kind == "scope" and isinstance(what, int):
                inner = levels[what]
                x, y = x - inner.width / 2, y - inner.height / 2
                origins[what] = (x + across[0], y + along[0])
                size = (inner.height, inner.width) if right else (inner.width, inner.height)
                frames[what] = Place(*((y, x) if right else (x, y)), *size)
                todo.append(what)
    cut = [(arrow.tail, _pieces(model, home, arrow.tail, arrow.head)) for arrow in model.arrows]
    routes = [_whole_route(pieces, tail, levels, origins) for tail, pieces in cut]
    if right:
        routes = [[(y, x) for x, y in points] for points in routes]
    whole = levels[-1].flat
    assert whole is not None
    width, height = (whole.height, whole.width) if right else (whole.width, whole.height)
    return Layout(boxes, [frames[k] for k in range(len(model.scopes))], routes, width, height)


def _levels(model: Model, home: dict[str, int]) -> dict[int, _Level]:
    """What stands in each scope, and each arrow cut at the frames it crosses."""
    levels = {k: _Level([], {}, {}) for k in range(-1, len(model.scopes))}

    def put(scope: int, item: Item) -> None:
        level = levels[scope]
        if item not in level.place:
            level.place[item] = len(level.items)
            level.items.append(item)

    for box in model.boxes:
        scope = box.scope
        put(scope, ("box", box.name))
        while scope >= 0:
            put(model.scopes[scope].parent, ("scope", scope))
            scope = model.scopes[scope].parent
    for arrow in model.arrows:
        for scope, tail, head in _pieces(model, home, arrow.tail, arrow.head):
            put(scope, tail)
            put(scope, head)
            levels[scope].edges.setdefault((tail, head, arrow.tail), len(levels[scope].edges))
    return levels


def _pieces(model: Model, home: dict[str, int], tail: str, head: str) -> list[tuple[int, Item, Item]]:
    """An arrow cut at frames: (scope, from, to), from its tail outward and then inward to its head."""
    around = {-1}
    scope = home[head]
    while scope >= 0:
        around.add(scope)
        scope = model.scopes[scope].parent
    outward: list[tuple[int, Item, Item]] = []
    scope = home[tail]
    start: Item = ("box", tail)
    while scope not in around:
        outward.append((scope, start, ("out", tail)))
        start, scope = ("scope", scope), model.scopes[scope].parent
    meeting = scope
    inward: list[tuple[int, Item, Item]] = []
    end: Item = ("box", head)
    scope = home[head]
    while scope != meeting:
        inward.append((scope, ("in", tail), end))
        end, scope = ("scope", scope), model.scopes[scope].parent
    return [*outward, (meeting, start, end), *reversed(inward)]


def _arrange(
    level: _Level, levels: dict[int, _Level], sizes: dict[str, tuple[float, float]], right: bool, gap: float,
    layer_gap: float, inset: float,
) -> None:  # fmt: skip
    widths, heights = [], []
    for kind, what in level.items:
        size = (1.0, 0.0)
        if kind == "box" and isinstance(what, str):
            size = sizes[what][::-1] if right else sizes[what]
        elif kind == "scope" and isinstance(what, int):
            size = (levels[what].width, levels[what].height)
        widths.append(size[0])
        heights.append(size[1])
    targets = {head for _, head, _ in level.edges}

    def offset(item: Item, door: str, tail: str) -> float | None:
        if item[0] == "box":
            return None
        if item[0] != "scope" or not isinstance(item[1], int):
            return 0.0
        inner = levels[item[1]]
        assert inner.flat is not None
        return inset + inner.flat.x[inner.place[door, tail]] - inner.width / 2

    edges = []
    for tail, head, name in level.edges:
        # an input without a history goes where it is used, and moves nobody
        weight = 1.0 if tail in targets or tail[0] != "box" or name.startswith("o") else 0.05
        edges.append(
            Edge(level.place[tail], level.place[head], offset(tail, "out", name), offset(head, "in", name), weight)
        )
    first = {k for k, item in enumerate(level.items) if item[0] == "in"}
    last = {k for k, item in enumerate(level.items) if item[0] == "out"}
    level.flat = layered(widths, heights, edges, first, last, gap, layer_gap)


def _whole_route(
    pieces: list[tuple[int, Item, Item]], tail: str, levels: dict[int, _Level], origins: dict[int, Point]
) -> list[Point]:
    points: list[Point] = []
    for scope, start, end in pieces:
        level, (left, top) = levels[scope], origins[scope]
        assert level.flat is not None
        for x, y in level.flat.routes[level.edges[start, end, tail]]:
            point = (left + x, top + y)
            if points and abs(point[0] - points[-1][0]) + abs(point[1] - points[-1][1]) < 0.01:
                continue
            if len(points) > 1 and abs(points[-2][0] - points[-1][0]) + abs(points[-1][0] - point[0]) < 0.01:
                points.pop()  # a straight line down needs its ends only
            points.append(point)
    return points
