"""The transforms of Winograd's convolution, a pass each: images to tiles, products to outputs, outputs to tiles."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..choice import compiled
from .jit import jit

# A loop that reads two or three arrays and writes one is compiled to vector instructions; with more arrays, proving at
# run time that none overlaps another is given up, and the loop is left as it is. All runs are taken with whole numbers
# for the leading axes and one slice, which numba knows to be contiguous.


@jit
def _plus(a: Any, b: Any, to: Any) -> None:
    for p in range(to.size):
        to[p] = a[p] + b[p]


@jit
def _minus(a: Any, b: Any, to: Any) -> None:
    for p in range(to.size):
        to[p] = a[p] - b[p]


@jit
def _first(a: Any, b: Any, c: Any, to: Any) -> None:
    for p in range(to.size):
        to[p] = a[p] - b[p] - c[p]


@jit
def _second(b: Any, c: Any, d: Any, to: Any) -> None:
    for p in range(to.size):
        to[p] = c[p] + d[p] - b[p]


@jit
def _apart(line: Any, start: int, even: Any) -> None:
    """Every second pixel of a line from `start` on."""
    for j in range(even.size):
        even[j] = line[start + 2 * j]


@jit
def _together(even: Any, odd: Any, line: Any) -> None:
    for j in range(line.size // 2):
        line[2 * j] = even[j]
        line[2 * j + 1] = odd[j]
    if line.size % 2:
        line[line.size - 1] = even[line.size // 2]


@jit
def _differences(
    even: Any, odd: Any, even_after: Any, odd_after: Any, to0: Any, to1: Any, to2: Any, to3: Any
) -> None:
    """B' with its rows 1 0 -1 0, 0 1 1 0, 0 -1 1 0, 0 1 0 -1."""
    _minus(even, even_after, to0)
    _plus(odd, even_after, to1)
    _minus(even_after, odd, to2)
    _minus(odd, odd_after, to3)


@jit
def _tile(x: Any, top: int, left: int, first: int, rows: int, wide: int, tiled: Any) -> None:
    """B' d B of the tiles d of images x (N, C, H, W), rows of tiles from `first`, into (4, 4, C, N * rows * wide)."""
    n, c, height, width = x.shape
    run = rows * wide
    planes = np.zeros((2, 2, run + wide), x.dtype)  # even and odd rows, even and odd columns
    half = np.zeros((2, 4, run + 1), x.dtype)  # room for one more, so that the last tile has one to its right
    for k in range(c):
        for i in range(n):
            for a in range(2):
                for r in range(rows + 1):
                    y = 2 * (first + r) + a - top
                    for b in range(2):
                        plane = planes[a, b][r * wide : (r + 1) * wide]
                        if y < 0 or y >= height:
                            plane[:] = 0
                            continue
                        start = b - left
                        before = (1 - start) // 2 if start < 0 else 0
                        after = max(before, min(wide, (width - 1 - start) // 2 + 1))
                        plane[:before] = 0
                        plane[after:] = 0
                        _apart(x[i, k, y], start + 2 * before, plane[before:after])
            for b in range(2):
                even, odd = planes[0, b], planes[1, b]
                to0, to1, to2, to3 = half[b, 0][:run], half[b, 1][:run], half[b, 2][:run], half[b, 3][:run]
                _differences(even[:run], odd[:run], even[wide:], odd[wide:], to0, to1, to2, to3)
            start, stop = i * run, (i + 1) * run
            for a in range(4):
                even, odd = half[0, a], half[1, a]
                to0, to1 = tiled[a, 0, k][start:stop], tiled[a, 1, k][start:stop]
                to2, to3 = tiled[a, 2, k][start:stop], tiled[a, 3, k][start:stop]
                _differences(even[:run], odd[:run], even[1:], odd[1:], to0, to1, to2, to3)


@jit
def _untile(m: Any, first: int, rows: int, wide: int, out: Any) -> Any:
    """A' m A of products (4, 4, F, N * rows * wide) into out (N, F, H', W'); a sum that tells whether all is finite."""
    n, f, height, width = out.shape
    run = rows * wide
    half, y = np.empty((2, 4, run), out.dtype), np.empty((2, 2, run), out.dtype)
    total = out.dtype.type(0)
    for k in range(f):
        for i in range(n):
            # rows 1 -1 -1 0 and 0 -1 1 1, see the signs that the filters come with
            start, stop = i * run, (i + 1) * run
            for b in range(4):
                s1, s2 = m[1, b, k][start:stop], m[2, b, k][start:stop]
                _first(m[0, b, k][start:stop], s1, s2, half[0, b])
                _second(s1, s2, m[3, b, k][start:stop], half[1, b])
            for a in range(2):
                _first(half[a, 0], half[a, 1], half[a, 2], y[a, 0])
                _second(half[a, 1], half[a, 2], half[a, 3], y[a, 1])
            flat = y.reshape(-1)
            for p in range(flat.size):
                total += flat[p]
            for r in range(rows):
                for a in range(2):
                    h = 2 * (first + r) + a
                    if h < height:
                        start, stop = r * wide, (r + 1) * wide
                        _together(y[a, 0][start:stop], y[a, 1][start:stop], out[i, k, h])
    return total


@jit
def _spread(y: Any, first: int, rows: int, wide: int, m: Any) -> None:
    """A y A' of outputs y (N, F, H', W'), its last row and column with their signs changed, into (4, 4, F, places)."""
    n, f, height, width = y.shape
    run = rows * wide
    planes = np.zeros((2, 4, run), y.dtype)  # even and odd rows, made to four columns
    for k in range(f):
        for i in range(n):
            for a in range(2):
                for r in range(rows):
                    h = 2 * (first + r) + a
                    even, odd = planes[a, 0][r * wide : (r + 1) * wide], planes[a, 3][r * wide : (r + 1) * wide]
                    if h >= height:
                        even[:] = 0
                        odd[:] = 0
                    else:
                        _apart(y[i, k, h], 0, even[: (width + 1) // 2])
                        _apart(y[i, k, h], 1, odd[: width // 2])
                _plus(planes[a, 0], planes[a, 3], planes[a, 1])
                _minus(planes[a, 0], planes[a, 3], planes[a, 2])
            for b in range(4):
                even, odd = planes[0, b], planes[1, b]
                start, stop = i * run, (i + 1) * run
                m[0, b, k][start:stop] = even
                _plus(even, odd, m[1, b, k][start:stop])
                _minus(even, odd, m[2, b, k][start:stop])
                m[3, b, k][start:stop] = odd


def _plain(*arrays: Any) -> bool:
    """Whether all arrays have one dtype and are contiguous: what the loops are compiled for."""
    return all(a.dtype == arrays[0].dtype and a.flags.c_contiguous for a in arrays)


def _square(a: Any) -> Any:
    """(16, ...) as (4, 4, ...)."""
    return a.reshape(4, 4, *a.shape[1:])


@compiled("winograd.tile")
def tile(x: Any, block: Any, rows: slice) -> Any:
    if not _plain(x, block.tiled):
        return NotImplemented
    tiles = block.tiles
    _tile(x, tiles.top, tiles.left, rows.start, rows.stop - rows.start, tiles.wide, _square(block.tiled))
    return None


@compiled("winograd.untile")
def untile(out: Any, block: Any, rows: slice) -> Any:
    if not _plain(out, block.products):
        return NotImplemented
    total = _untile(_square(block.products), rows.start, rows.stop - rows.start, block.tiles.wide, out)
    return bool(np.isfinite(total))


@compiled("winograd.spread")
def spread(y: Any, block: Any, rows: slice) -> Any:
    if not _plain(y, block.products):
        return NotImplemented
    _spread(y, rows.start, rows.stop - rows.start, block.tiles.wide, _square(block.products))
    return None
