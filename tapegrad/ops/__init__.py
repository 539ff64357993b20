"""The ops, one file a family. Importing this registers them all."""

from . import conv, elementwise, index, linalg, norm, pool, reduce, sorting, structure  # noqa: F401
