"""Embedding: a table of vectors, looked up by integers."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegrad as tg

from . import init
from .module import Module
from .parameter import Parameter, get_default_dtype
from .sizes import positive

__all__ = ["Embedding"]


class Embedding(Module):
    """Integers (...) -> their rows of weight (num_embeddings, embedding_dim): (..., embedding_dim).

    weight starts normal. The row padding_idx starts as zeros and gets no gradient.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, *, dtype: Any = None,
        generator: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        positive("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ValueError(f"Embedding: padding_idx {padding_idx} is not among the {num_embeddings} rows")
            padding_idx %= num_embeddings
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        dtype = get_default_dtype() if dtype is None else dtype
        self.weight = Parameter(tg.empty((num_embeddings, embedding_dim), dtype))
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Any = None) -> None:
        """Draw new starting values."""
        init.normal_(self.weight, generator=generator)
        if self.padding_idx is not None:
            values = np.array(self.weight.detach())
            values[self.padding_idx] = 0
            self.weight.data = values

    def forward(self, indices: Any) -> Any:
        """Indices (...) -> (..., embedding_dim)."""
        return tg.embedding(indices, self.weight, padding_idx=self.padding_idx)

    def extra_repr(self) -> str:
        """The sizes."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
