"""All parameters as one vector, and back: for optimisers and analyses that know vectors only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

import tapegrad as tg

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[tg.Tensor]) -> tg.Tensor:
    """All elements of the parameters, one after the other: (total size,). Gradients flow back to them."""
    flat = [tg.ravel(p) for p in parameters]
    if not flat:
        raise ValueError("parameters_to_vector: there are no parameters")
    return tg.concatenate(flat)  # type: ignore[no-any-return]


def vector_to_parameters(vector: Any, parameters: Iterable[tg.Tensor]) -> None:
    """Set the parameters to the elements of a vector (total size,), in place."""
    tensors = list(parameters)
    values = np.asarray(vector.detach() if isinstance(vector, tg.Tensor) else vector)
    total = sum(t.size for t in tensors)
    if values.shape != (total,):
        raise ValueError(f"vector_to_parameters: the vector has shape {values.shape}, the parameters {total} elements")
    start = 0
    for tensor in tensors:
        tensor.data = values[start : start + tensor.size].reshape(tensor.shape)
        start += tensor.size
