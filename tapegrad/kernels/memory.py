"""A free list of large buffers, so that fresh results need no fresh pages.

Knows memory and who still holds it; must not know what is computed.

A new large array costs a page fault for every 4 KiB, several times what arithmetic on it costs. `empty` hands out
memory again that nobody can reach any more. How it knows: every array that `empty` gives stands on a `Lease`, an object
that all views, memoryviews and dlpack capsules of the memory keep alive, because each of them holds what it was made
from. When the last one dies, Python destroys the Lease, and only that puts the block on the list. Nothing is guessed
from a count, so nothing is handed out too early, and it holds on every interpreter. Whoever digs out the block behind
the Lease (`a.base.base`) is found by the reference count at the next hand-out, and the block is theirs from then on.
"""

from __future__ import annotations

import sys
from math import prod
from operator import attrgetter
from typing import Any

import numpy as np

__all__ = ["SMALLEST", "empty", "empty_like", "held", "root", "set_limit", "sole", "trim"]

SMALLEST = 1 << 16  # bytes; smaller arrays are left to NumPy, whose own allocator is quick there
ALIGN = 64

ndarray = np.ndarray
getrefcount = sys.getrefcount
_BYTE = np.dtype(np.uint8)


class Block(ndarray):
    """Memory of the free list. A type of its own, so that the arrays on it do not take it as their base."""

    start: int  # of the first byte that lies at a multiple of ALIGN
    home: Bin


class Lease(ndarray):
    """What arrays on a block stand on: when the last of them dies, this does, and gives the block back."""

    def __del__(self) -> None:
        # at any moment and in any thread: no locks, only steps that are atomic
        block: Any = self.base
        home = block.home
        if account.held + home.size <= account.limit or _make_room(home):
            account.held += home.size
            home.blocks.append(block)


class Bin:
    """The free blocks of one size."""

    __slots__ = ("blocks", "size", "used")

    def __init__(self, size: int) -> None:
        self.size = size
        self.blocks: list[Block] = []
        self.used = 0  # when a block was last asked for, on the account's clock


class Account:
    """How much is on the list and how much may be. `held` is a guide: threads may miscount it a little."""

    held = 0
    limit = 256 << 20
    clock = 0


account = Account()
_by_size: dict[int, Bin] = {}  # size of a block -> its bin
_bins: dict[int, Bin] = {}  # bytes wanted -> the bin that serves them


def _bin(nbytes: int) -> Bin:
    """The bin for so many bytes: eight steps to each power of two, so that at most an eighth is wasted."""
    step = 1 << max(12, nbytes.bit_length() - 4)
    size = -(-nbytes // step) * step
    home = _by_size.setdefault(size, Bin(size))
    if len(_bins) > 10_000:
        _bins.clear()
    _bins[nbytes] = home
    return home


def _new_block(home: Bin) -> Block:
    block = ndarray.__new__(Block, home.size + ALIGN, _BYTE)
    block.start = -block.ctypes.data % ALIGN
    block.home = home
    return block


def _make_room(home: Bin) -> bool:
    """Drop blocks of sizes that were asked for less lately than this one; whether a block of it fits now."""
    if home.size > account.limit:
        return False
    others = [other for other in list(_by_size.values()) if other.blocks and other.used < home.used]
    for other in sorted(others, key=attrgetter("used")):
        while account.held + home.size > account.limit:
            try:
                other.blocks.pop()
            except IndexError:
                break
            account.held -= other.size
    return account.held + home.size <= account.limit


def _take(home: Bin) -> Any:
    """A free block that nobody else holds, or None."""
    blocks = home.blocks
    while blocks:
        try:
            block = blocks.pop()
        except IndexError:  # another thread was quicker
            return None
        account.held -= home.size
        if getrefcount(block) == _ALONE:
            return block
    return None


def _calibrate() -> int:
    """What the count in `_take` is for a block that nobody else holds; -1, which nothing has, if it cannot tell."""

    def count(blocks: list[Block]) -> int:
        block = blocks.pop()
        return getrefcount(block)

    home = Bin(64)
    alone = count([_new_block(home)])
    kept = _new_block(home)
    return alone if count([kept]) == alone + 1 else -1


_ALONE = _calibrate()


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """A C-ordered array with arbitrary contents, as np.empty gives, on memory that was used before if there is some."""
    nbytes = prod(shape) * dtype.itemsize
    if nbytes < SMALLEST:
        return np.empty(shape, dtype)
    home = _bins.get(nbytes) or _bin(nbytes)
    account.clock = home.used = account.clock + 1
    block = _take(home) if home.blocks else None
    if block is None:
        block = _new_block(home)
    return ndarray(shape, dtype, block.view(Lease), block.start)


def empty_like(a: Any) -> Any:
    """`empty` of the shape and dtype of `a`."""
    return empty(a.shape, a.dtype)


def root(a: Any) -> Any:
    """What `a` is a view of, or `a` itself; what stands on a Lease owns its memory as far as anyone can see."""
    while isinstance(a.base, ndarray) and type(a.base) is not Lease:
        a = a.base
    return a


def references(holder: Any, key: Any) -> int:
    """How many references there are to holder[key], as the interpreter counts them here."""
    return getrefcount(holder[key])


ONE = references([ndarray(1)], 0)  # to what only its holder refers to


def sole(holder: Any, key: Any, others: int = 0) -> bool:
    """Whether the array holder[key] can be written over: its memory is its own, and nobody else can see it.

    others: how many names the caller has for it besides.
    """
    return references(holder, key) == ONE + others and _own(holder[key])


def _own(a: Any) -> bool:
    return type(a) is ndarray and a.flags.writeable and (a.base is None or type(a.base) is Lease)


def held() -> int:
    """Bytes on the free list."""
    return sum([home.size * len(home.blocks) for home in list(_by_size.values())])


def set_limit(nbytes: int) -> None:
    """Let the free list hold at most so many bytes (at first 256 MiB); 0 switches it off."""
    if nbytes < 0:
        raise ValueError(f"set_limit: the limit must be 0 or more bytes, got {nbytes}")
    account.limit = nbytes
    if held() > nbytes:
        trim()


def trim() -> None:
    """Give everything on the free list back to the system."""
    for home in list(_by_size.values()):
        home.blocks.clear()
    account.held = 0
