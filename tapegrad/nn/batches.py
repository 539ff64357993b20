"""Batches: arrays in slices of some rows, in a new order each epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tapegrad as tg

from .sizes import positive

__all__ = ["Batches", "batches"]


class Batches:
    """Arrays of one length, to be gone through in tuples of `batch_size` rows of each, once per iteration.

    Each iteration is an epoch with an order of its own, which depends on `seed` and `epoch` alone: set `epoch` to go
    on where a run stopped. Without a seed one is drawn from the process-wide generator (tg.manual_seed).
    """

    def __init__(
        self, *arrays: Any, batch_size: int, shuffle: bool = True, seed: int | None = None, drop_last: bool = False
    ) -> None:
        if not arrays:
            raise ValueError("batches: give at least one array")
        self.arrays = tuple(a if isinstance(a, (np.ndarray, tg.Tensor)) else np.asarray(a) for a in arrays)
        if any(a.ndim == 0 for a in self.arrays):
            raise ValueError(f"batches: arrays need a first axis to go along, got {_shapes(self.arrays)}")
        if len({len(a) for a in self.arrays}) > 1:
            raise ValueError(f"batches: the arrays differ in length: {_shapes(self.arrays)}")
        positive("batches", batch_size=batch_size)
        if seed is None:
            seed = int(tg.default_generator().integers(2**32))
        if seed < 0:
            raise ValueError(f"batches: seed must not be negative, got {seed}")
        self.batch_size, self.shuffle, self.seed, self.drop_last = batch_size, shuffle, int(seed), drop_last
        self.epoch = 0

    def __len__(self) -> int:
        """How many batches an epoch has."""
        rows = len(self.arrays[0])
        return rows // self.batch_size if self.drop_last else -(-rows // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        rows = len(self.arrays[0])
        order = np.random.default_rng([self.seed, self.epoch]).permutation(rows) if self.shuffle else None
        self.epoch += 1
        return self._walk(order)

    def _walk(self, order: Any) -> Iterator[tuple[Any, ...]]:
        for i in range(len(self)):
            rows: Any = slice(i * self.batch_size, (i + 1) * self.batch_size)
            if order is not None:
                rows = order[rows]
            yield tuple(a[rows] for a in self.arrays)


def _shapes(arrays: tuple[Any, ...]) -> str:
    return ", ".join(str(a.shape) for a in arrays)


def batches(
    *arrays: Any, batch_size: int, shuffle: bool = True, seed: int | None = None, drop_last: bool = False
) -> Batches:
    """Go through arrays (N, ...) in tuples of batch_size rows: `for x, y in nn.batches(X, Y, batch_size=64, seed=0):`.

    Iterate over one object several times: each epoch has its own order, the same ones for the same seed.
    drop_last leaves out a last batch that is smaller.
    """
    return Batches(*arrays, batch_size=batch_size, shuffle=shuffle, seed=seed, drop_last=drop_last)
