"""The process-wide random generator, seeded in one place; everything that draws takes another one instead if given.

Knows NumPy's generators and a lock; must not know Tensors, so that ops may draw from it.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

__all__ = ["LockedGenerator", "chosen", "default_generator", "manual_seed"]

_lock = threading.Lock()


class LockedGenerator:
    """The process-wide np.random.Generator; a lock keeps threads from drawing at the same moment."""

    generator: Any

    def __getattr__(self, name: str) -> Any:
        if name == "generator":  # made when it is first used: importing np.random takes as long as half of this package
            with _lock:
                if "generator" not in self.__dict__:
                    self.generator = np.random.default_rng()
            return self.generator
        method = getattr(self.generator, name)

        def draw(*args: Any, **kwargs: Any) -> Any:
            with _lock:
                return method(*args, **kwargs)

        return draw


_default = LockedGenerator()


def manual_seed(seed: int) -> None:
    """Seed the process-wide generator."""
    with _lock:
        _default.generator = np.random.default_rng(seed)


def default_generator() -> Any:
    """The process-wide generator, with the methods of np.random.Generator."""
    return _default


def chosen(generator: Any) -> Any:
    """The generator that was passed in, or the process-wide one for None."""
    return _default if generator is None else generator
