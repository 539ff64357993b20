"""The ops, one file a family. Importing this registers them all."""

from . import elementwise, index, linalg, reduce, sorting, structure  # noqa: F401
