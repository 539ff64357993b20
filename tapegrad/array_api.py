"""The Array API namespace of Tensors: thin and strict."""

from __future__ import annotations
