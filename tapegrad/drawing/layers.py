"""Layered layout of one flat acyclic graph, downward: layers, order within them, coordinates, routes of the edges.

Knows sizes and edges only (Sugiyama, Tagawa, Toda 1981); must not know boxes, scopes or text.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Edge", "Flat", "layered"]

MOST_BENDS = 20_000  # edges over many layers share so many points between them; the longest are drawn without
STRAIGHT = (16.0, 1.0, 16.0)  # pull on an edge between two boxes, a box and a bend, two bends: columns stay columns


@dataclass(frozen=True, slots=True)
class Edge:
    """From item `tail` to item `head`; None for an offset leaves it to the layout where on the side it ends."""

    tail: int
    head: int
    tail_offset: float | None = None
    head_offset: float | None = None
    weight: float = 1.0


@dataclass(frozen=True)
class Flat:
    """Middles of the items, points of the edges, and the size of the whole."""

    x: list[float]
    y: list[float]
    routes: list[list[tuple[float, float]]]
    width: float
    height: float


def layered(
    widths: Sequence[float], heights: Sequence[float], edges: Sequence[Edge], first: set[int], last: set[int],
    gap: float, layer_gap: float,
) -> Flat:  # fmt: skip
    """Lay out items; those of `first` stand in a layer of their own on top, those of `last` in one below all."""
    count = len(widths)
    if count == 0:
        return Flat([], [], [], 0.0, 0.0)
    layer = _layers(count, edges, first, last)
    depth = max(layer) + 1
    w = list(widths)
    layer_of = list(layer)

    chains: list[list[int]] = []  # the items of each edge: its tail, points it passes, its head
    spare = MOST_BENDS
    short: dict[int, bool] = {}
    for k in sorted(range(len(edges)), key=lambda k: layer[edges[k].head] - layer[edges[k].tail]):
        bends = layer[edges[k].head] - layer[edges[k].tail] - 1
        short[k] = 0 <= bends <= spare
        spare -= bends if short[k] else 0
    links: list[tuple[int, int, float, float, float]] = []  # upper, lower, offsets at both, weight
    for k, edge in enumerate(edges):
        chain = [edge.tail]
        if short[k]:
            for level in range(layer[edge.tail] + 1, layer[edge.head]):
                w.append(2.0)
                layer_of.append(level)
                chain.append(len(w) - 1)
        chain.append(edge.head)
        chains.append(chain)
        if not short[k]:
            continue
        for upper, lower in pairwise(chain):
            bent = (upper >= count) + (lower >= count)
            weight = edge.weight * STRAIGHT[bent]
            start = (edge.tail_offset or 0.0) if upper == edge.tail else 0.0
            end = (edge.head_offset or 0.0) if lower == edge.head else 0.0
            links.append((upper, lower, start, end, weight))

    rows = _ordered(layer_of, depth, links, w)
    x = _across(rows, w, links, gap)
    left = min(x[i] - w[i] / 2 for i in range(len(w)))
    x = [v - left for v in x]

    tall = [max((heights[i] for i in row if i < count), default=0.0) for row in rows]
    reach = [0.0] * depth  # the widest step to the side below each layer: slanted edges want more room
    for upper, lower, start, end, _ in links:
        step = abs(x[upper] + start - x[lower] - end) - (w[upper] + w[lower]) * 0.35
        reach[layer_of[upper]] = max(reach[layer_of[upper]], step)
    top = [0.0] * depth
    for k in range(1, depth):
        room = layer_gap + min(48.0, max(0.0, reach[k - 1] - 60) * 0.12)
        if (k == 1 and first) or (k == depth - 1 and last):
            room = 6.0 + min(24.0, max(0.0, reach[k - 1]) * 0.2)
        top[k] = top[k - 1] + tall[k - 1] + room
    fed = {edge.head for edge in edges}
    y = []
    for i in range(count):  # in the middle of its layer, but a source near what it feeds
        room = tall[layer[i]]
        y.append(top[layer[i]] + (room / 2 if i in fed else room - heights[i] / 2))
    routes = [_route(edge, chain, x, y, w, heights, layer, top, tall) for edge, chain in zip(edges, chains)]
    return Flat(x[:count], y, routes, max(x[i] + w[i] / 2 for i in range(len(w))), top[-1] + tall[-1])


def _layers(count: int, edges: Sequence[Edge], first: set[int], last: set[int]) -> list[int]:
    """The layer of each item: below all it depends on, and as low as that costs nothing."""
    below: list[list[int]] = [[] for _ in range(count)]
    above: list[list[int]] = [[] for _ in range(count)]
    for edge in edges:
        below[edge.tail].append(edge.head)
        above[edge.head].append(edge.tail)
    layer = [1 if first and i not in first else 0 for i in range(count)]
    waiting = [len(a) for a in above]
    order = [i for i in range(count) if not waiting[i]]
    for i in order:  # grows while it is walked
        for j in below[i]:
            layer[j] = max(layer[j], layer[i] + 1)
            waiting[j] -= 1
            if not waiting[j]:
                order.append(j)
    for i in reversed(order):
        if i not in first and below[i] and len(above[i]) <= len(below[i]):
            layer[i] = max(layer[i], min(layer[j] for j in below[i]) - 1)
    if last:
        bottom = max((layer[i] for i in range(count) if i not in last), default=-1) + 1
        for i in last:
            layer[i] = bottom
    return layer


Links = Sequence[tuple[int, int, float, float, float]]


def _ordered(layer_of: list[int], depth: int, links: Links, w: list[float]) -> list[list[int]]:
    """Each layer from left to right, by sweeps that put items at the mean place of their neighbours."""
    rows: list[list[int]] = [[] for _ in range(depth)]
    for i, level in enumerate(layer_of):
        rows[level].append(i)
    up: list[list[tuple[int, float]]] = [[] for _ in layer_of]
    down: list[list[tuple[int, float]]] = [[] for _ in layer_of]
    for a, b, start, end, _ in links:
        up[b].append((a, start / max(w[a], 1.0)))
        down[a].append((b, end / max(w[b], 1.0)))
    if max(len(row) for row in rows) == 1:
        return rows
    place = [0.0] * len(layer_of)

    def renew(row: list[int]) -> None:
        for k, i in enumerate(row):
            place[i] = float(k)

    def sweep(levels: Sequence[int], near: list[list[tuple[int, float]]]) -> None:
        for level in levels:
            row = rows[level]
            wish = {i: sum(place[j] + o for j, o in near[i]) / len(near[i]) if near[i] else place[i] for i in row}
            row.sort(key=wish.__getitem__)
            renew(row)

    for row in rows:
        renew(row)
    best, fewest = [list(row) for row in rows], -1
    for turn in range(8 if len(layer_of) < 5000 else 2):
        sweep(range(1, depth), up)
        sweep(range(depth - 2, -1, -1), down)
        crossings = _crossings(rows, place, up)
        if fewest < 0 or crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
        if fewest == 0:
            break
        if turn == 3:  # a stalemate: start again from the mirror image
            for row in rows:
                row.reverse()
                renew(row)
    return best


def _crossings(rows: list[list[int]], place: list[float], up: list[list[tuple[int, float]]]) -> int:
    total = 0
    for row in rows[1:]:
        seen: list[float] = []
        for i in row:
            starts = sorted(place[j] + o for j, o in up[i])
            total += sum(len(seen) - bisect_right(seen, s) for s in starts)
            for s in starts:
                insort(seen, s)
    return total


def _across(rows: list[list[int]], w: list[float], links: Links, gap: float) -> list[float]:
    """Horizontal middles: each layer as near to where its neighbours want it as order and gaps allow."""
    x = [0.0] * len(w)
    for row in rows:
        at = 0.0
        for i in row:
            x[i] = at + w[i] / 2
            at += w[i] + gap
    up: list[list[tuple[int, float, float]]] = [[] for _ in w]
    down: list[list[tuple[int, float, float]]] = [[] for _ in w]
    for a, b, start, end, weight in links:
        up[b].append((a, start - end, weight))
        down[a].append((b, end - start, weight))
    for _ in range(6):
        for row in rows[1:]:
            _settle(row, x, w, up, gap)
        for row in reversed(rows[:-1]):
            _settle(row, x, w, down, gap)
    for row in rows[1:]:
        _settle(row, x, w, up, gap)
    return x


def _settle(
    row: list[int], x: list[float], w: list[float], near: list[list[tuple[int, float, float]]], gap: float
) -> None:
    """Move one layer to its wishes in the sense of least squares: isotonic regression, pooling adjacent violators."""
    shift = 0.0
    blocks: list[tuple[float, float, int]] = []  # mean wish, weight, how many
    shifts = []
    for k, i in enumerate(row):
        if k:
            before = row[k - 1]
            shift += (w[before] + w[i]) / 2 + (gap if w[before] > 2 or w[i] > 2 else gap / 2)
        shifts.append(shift)
        weight = sum(n[2] for n in near[i])
        wish = sum((x[j] + o) * m for j, o, m in near[i]) / weight if weight else x[i]
        block = (wish - shift, weight or 0.01, 1)
        while blocks and blocks[-1][0] > block[0]:
            mean, heavy, many = blocks.pop()
            total = heavy + block[1]
            block = ((mean * heavy + block[0] * block[1]) / total, total, many + block[2])
        blocks.append(block)
    k = 0
    for mean, _, many in blocks:
        for _ in range(many):
            x[row[k]] = mean + shifts[k]
            k += 1


def _route(
    edge: Edge, chain: list[int], x: list[float], y: list[float], w: list[float], heights: Sequence[float],
    layer: list[int], top: list[float], tall: list[float],
) -> list[tuple[float, float]]:  # fmt: skip
    """The points of an edge. Inside a layer it runs straight down, where its own points or nothing stand."""
    tail, head = edge.tail, edge.head

    def side(item: int, towards: float, offset: float | None) -> float:
        if offset is not None:
            return x[item] + offset
        most = w[item] * 0.3
        return x[item] + max(-most, min(most, towards - x[item]))

    inner = chain[1:-1]
    start = side(tail, x[inner[0]] if inner else x[head] + (edge.head_offset or 0.0), edge.tail_offset)
    end = side(head, x[inner[-1]] if inner else start, edge.head_offset)
    points = [(start, y[tail] + heights[tail] / 2)]
    if start != end or inner:
        points.append((start, top[layer[tail]] + tall[layer[tail]]))
    for k, item in enumerate(inner):
        level = layer[tail] + 1 + k
        points += [(x[item], top[level]), (x[item], top[level] + tall[level])]
    if start != end or inner:
        points.append((end, top[layer[head]]))
    points.append((end, y[head] - heights[head] / 2))
    return points
