"""Convolution with 3x3 filters at stride 1 in 16 multiplications for 4 outputs, where sums of products take 36.

Knows tiles of images and small transforms; must not know what convolution is asked for, nor of other strides.

Two by two outputs see a tile of 4x4 pixels. With B, G and A of F(2x2, 3x3), the outputs are A'[(G w G') * (B' d B)] A
for each pair of channels: transform tiles and filters, 16 matrix products over the channels, transform back.
Source: Lavin and Gray, Fast algorithms for convolutional neural networks (2015), arXiv 1509.09308, section 4.1.

The image is taken apart into four planes, of even and odd rows and columns. A transform is then a handful of sums of
long runs, one per entry of B, for all tiles and channels at once. All entries of B and A are 0, 1 and -1 and those of
G at most 1: the error in float32 is that of the sums of products themselves, 2e-7 to 7e-7 of the largest output.
Numbers that are infinite or not at all would spread over a tile, so where they come up the caller is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from . import memory, threads
from .products import matmul
from .windows import Array, Padding, Pair, cut

__all__ = ["conv_into", "filter_sum", "filters", "suits", "tiled_sum"]

# What products save grows with channels times filters, what transforms cost with their sum. From here on, in a group,
# product over sum, the first outweighs the second: on one thread, and on several, which short calls hinder more. A sum
# for filters needs no tiles put together again and replaces products with a transposed matrix, which are slower.
_WORTH, _WORTH_ON_SEVERAL = 20, 32
_WORTH_FOR_SUM, _WORTH_FOR_SUM_ON_SEVERAL = 8, 16
_MOST = 128  # channels in one product: longer sums of transformed tiles lose digits, and are added up from pieces
_SMALLEST = 8  # rows and columns of the output: runs are too short on smaller images
_BLOCK = 2 << 20  # bytes of transformed tiles that are made and used at a time
_G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
_SIGNED_G = _G * [[1], [-1], [-1], [-1]]  # then the rows of A', the last one negative, are differences of four


def suits(
    x_shape: tuple[int, ...], filters: int, size_out: Pair, kernel: Pair, stride: Pair, padding: Padding,
    dilation: Pair, groups: int, dtype: np.dtype[Any], for_sum: bool = False,
) -> bool:  # fmt: skip
    """Whether this can be done, and is the quicker way: of a convolution, or of the sum for its filters."""
    if kernel != (3, 3) or stride != (1, 1) or dilation != (1, 1) or dtype.char not in "fd":
        return False
    if min(size_out) < _SMALLEST or min(map(min, padding)) < 0:
        return False
    alone = threads.threads_for(blas_work=True) == 1
    if for_sum:
        least = _WORTH_FOR_SUM if alone else _WORTH_FOR_SUM_ON_SEVERAL
    else:
        least = _WORTH if alone else _WORTH_ON_SEVERAL
    return x_shape[1] * filters >= least * (x_shape[1] + filters) * groups


class _Tiles:
    """How images fall into tiles, (rows, columns) of them, and into blocks of tiles that stay in the cache.

    A row of tiles has one column more, so that "one to the right" is one place further in a run; what is computed
    there is not used.
    """

    def __init__(self, x: Array, filters: int, size_out: Pair, padding: Padding, dtype: np.dtype[Any]) -> None:
        self.channels, self.filters, self.dtype = x.shape[1], filters, dtype
        self.top, self.left = padding[0][0], padding[1][0]
        self.rows, self.columns = (-(-n // 2) for n in size_out)
        self.wide = self.columns + 1
        most = max(1, _BLOCK // (16 * (self.channels + filters) * dtype.itemsize))
        at_once = max(1, min(len(x), most // (self.rows * self.wide)))
        self.images = cut(len(x), at_once)
        self.parts = cut(self.rows, self.rows if at_once > 1 else most // self.wide)
        self.blocks: dict[tuple[int, int], _Block] = {}

    def __iter__(self) -> Iterator[tuple[_Block, slice, slice]]:
        """Blocks with their images and rows of tiles; those of one size share their arrays."""
        for images in self.images:
            for rows in self.parts:
                size = images.stop - images.start, rows.stop - rows.start
                if size not in self.blocks:
                    self.blocks[size] = _Block(self, *size)
                yield self.blocks[size], images, rows


class _Block:
    """The arrays of some images and rows of tiles, and what is done to them, as lists of (ufunc, a, b, out).

    All views are made once: calls that follow each other closely are what lets two threads run side by side, since only
    one of them can be between calls at a time.
    """

    def __init__(self, tiles: _Tiles, images: int, rows: int) -> None:
        self.tiles, self.images, self.rows = tiles, images, rows
        self.places = images * rows * tiles.wide
        self.tiled, self.products = self.store(16, tiles.channels), self.store(16, tiles.filters)
        self.transform = _Transform(self)
        self.gather: _Gather | None = None  # what a sum for filters does not need

    def store(self, *lead: int) -> Array:
        return memory.empty((*lead, self.places), self.tiles.dtype)  # type: ignore[no-any-return]


class _Transform:
    """The steps of B' d B, with the rows of B' 1 0 -1 0, 0 1 1 0, 0 -1 1 0, 0 1 0 -1."""

    def __init__(self, block: _Block) -> None:
        tiles, c, n = block.tiles, block.tiles.channels, block.images
        # pixel (2 i + a, 2 j + b) at [a, b, ..., i, j]; the border stays 0
        self.planes = memory.empty((2, 2, c, n, block.rows + 1, tiles.wide), tiles.dtype)
        self.planes.fill(0)
        half = block.store(4, 2, c)
        flat = self.planes.reshape(2, 2, c, n, -1)
        r = half.reshape(4, 2, c, n, -1)
        self.steps = _differences(flat[..., : -tiles.wide], flat[..., tiles.wide :], r)
        r, v = half.reshape(4, 2, -1), block.tiled.reshape(4, 4, -1)
        v[..., -1] = 0
        here, right, v = (a.swapaxes(0, 1) for a in (r[..., :-1], r[..., 1:], v[..., :-1]))
        self.steps += _differences(here, right, v)

    def load(self, x: Array, tiles: _Tiles, rows: slice) -> None:
        source, whole = x.swapaxes(0, 1), len(tiles.parts) == 1
        for a in (0, 1):
            up, down, y = _inside(2 * rows.start + a - tiles.top, rows.stop - rows.start + 1, x.shape[2])
            if not whole:
                self.planes[a, :, :, :, :up] = self.planes[a, :, :, :, down:] = 0
            for b in (0, 1):
                left, right, columns = _inside(b - tiles.left, tiles.wide, x.shape[3])
                self.planes[a, b, :, :, up:down, left:right] = source[:, :, y, columns]


class _Gather:
    """The steps of A' m A, with the rows of A' 1 -1 -1 0 and 0 1 -1 -1, for filters that come with `_SIGNED_G`."""

    def __init__(self, block: _Block) -> None:
        f = block.tiles.filters
        m, half = block.products.reshape(4, 4, f, -1), block.store(2, 4, f)
        self.outputs = block.store(2, 2, f)
        self.steps: list[Any] = []
        for a, to in ((m, half), (half.swapaxes(0, 1), self.outputs.swapaxes(0, 1))):
            self.steps += [(np.subtract, a[:2], a[1:3], to), (np.subtract, to, a[2:], to)]


def tile(x: Array, block: _Block, rows: slice) -> None:
    """B' d B of the tiles d of images x (N, C, H, W), these rows of tiles, into block.tiled (16, C, places)."""
    block.transform.load(x, block.tiles, rows)
    _do(block.transform.steps)


def untile(out: Array, block: _Block, rows: slice) -> bool:
    """A' m A of block.products m (16, F, places) into out (N, F, H', W'), and whether all of it is finite."""
    if block.gather is None:
        block.gather = _Gather(block)
    _do(block.gather.steps)
    y = block.gather.outputs
    finite = bool(np.isfinite(np.add.reduce(y, axis=None)))
    y = y.reshape(2, 2, -1, block.images, block.rows, block.tiles.wide)
    for i, j, place in _quarters(out, rows):
        source = y[i, j, :, :, : place.shape[2], : place.shape[3]].swapaxes(0, 1)
        if i == j:
            place[...] = source
        else:
            np.subtract(0, source, out=place)  # NumPy 2.4's negative is wrong from strided to strided float32
    return finite


def spread(y: Array, block: _Block, rows: slice) -> None:
    """A y A' of outputs y (N, F, H', W'), its last row and column with their signs changed, into block.products."""
    m = block.products.reshape(4, 4, -1, block.images, block.rows, block.tiles.wide)
    for i, j, part in _quarters(y, rows):
        place = m[3 * i, 3 * j]
        place[:, :, part.shape[2] :] = 0
        inner = place[:, :, : part.shape[2]]
        inner[..., part.shape[3] :] = 0
        inner[..., : part.shape[3]] = part.swapaxes(0, 1)
    for a in (m[:, ::3], m.swapaxes(0, 1)):
        np.add(a[0], a[3], out=a[1])
        np.subtract(a[0], a[3], out=a[2])


def _differences(here: Array, after: Array, out: Array) -> list[Any]:
    """The steps of B' along the first axis, from (even, odd) here and after to 4 rows."""
    return [
        (np.subtract, here, after, out[::3]), (np.add, here[1], after[0], out[1]),
        (np.subtract, after[0], here[1], out[2]),
    ]  # fmt: skip


def _do(steps: list[Any]) -> None:
    for ufunc, a, b, out in steps:
        ufunc(a, b, out)


def _inside(start: int, count: int, size: int) -> tuple[int, int, slice]:
    """Of the places start, start + 2, ..., which are in range(size): from, to, and as a slice of it."""
    first = -(start // 2) if start < 0 else 0
    last = max(first, min(count, (size - 1 - start) // 2 + 1))
    return first, last, slice(start + 2 * first, max(0, start + 2 * last - 1), 2)


def _quarters(a: Array, rows: slice) -> Iterator[tuple[int, int, Array]]:
    """a (N, F, H', W') of these rows of tiles as its even and odd rows and columns: (i, j, view)."""
    for i in (0, 1):
        for j in (0, 1):
            yield i, j, a[:, :, 2 * rows.start + i : 2 * rows.stop : 2, j::2]


def filters(w: Array, groups: int, dtype: np.dtype[Any]) -> Array:
    """G w G' of filters w (F, C/groups, 3, 3), as conv_into takes them: (16, groups, F/groups, C/groups) in dtype."""
    f, each = w.shape[:2]
    u: Array = matmul(np.kron(_SIGNED_G, _SIGNED_G), w.reshape(f * each, 9).T.astype(np.float64))
    return u.astype(dtype).reshape(16, groups, f // groups, each)


def conv_into(out: Array, x: Array, u: Array, padding: Padding) -> list[slice]:
    """Correlate images x (N, C, H, W) with what `filters` gives, into out (N, F, H', W'), in its dtype.

    Returns the images in which something is not finite, and whose outputs are to be computed in another way.
    """
    _, groups, per_group, each = u.shape
    pieces = cut(each, _MOST)
    spoilt: list[slice] = []
    for block, images, rows in _Tiles(x, out.shape[1], (out.shape[2], out.shape[3]), padding, out.dtype):
        tile(x[images], block, rows)
        tiled = block.tiled.reshape(16, groups, each, -1)
        products = block.products.reshape(16, groups, per_group, -1)
        np.matmul(u[..., pieces[0]], tiled[:, :, pieces[0]], out=products)
        for piece in pieces[1:]:
            products += np.matmul(u[..., piece], tiled[:, :, piece])
        if not untile(out[images], block, rows) and images not in spoilt:
            spoilt.append(images)
    return spoilt


def tiled_sum(y: Array, x: Array, padding: Padding, groups: int, dtype: np.dtype[Any]) -> Array:
    """Outputs y (N, F, H', W') against images x (N, C, H, W), summed over tiles and images: (16, G, F/G, C/G)."""
    f, c = y.shape[1], x.shape[1]
    total: Array
    total, part = np.zeros((2, 16, groups, f // groups, c // groups), dtype)
    for block, images, rows in _Tiles(x, f, (y.shape[2], y.shape[3]), padding, dtype):
        tile(x[images], block, rows)
        spread(y[images], block, rows)
        tiled = block.tiled.reshape(16, groups, c // groups, -1)
        np.matmul(block.products.reshape(16, groups, f // groups, -1), tiled.swapaxes(2, 3), out=part)
        total += part
    return total


def filter_sum(total: Array) -> Array | None:
    """The adjoint of conv_into in its filters, (F, C/groups, 3, 3), from sums of `tiled_sum`.

    None where something is not finite.
    """
    if not np.isfinite(total).all():
        return None
    signed = _G * [[1], [1], [1], [-1]]
    _, groups, per_group, each = total.shape
    back: Array = matmul(total.reshape(16, -1).T, np.kron(signed, signed).astype(total.dtype))
    return back.reshape(groups * per_group, each, 3, 3)
