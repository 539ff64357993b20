"""The ops, one file a family. Importing this registers them all."""

from . import (  # noqa: F401
    activation,
    conv,
    dense,
    distance,
    dropout,
    elementwise,
    embedding,
    index,
    linalg,
    loss,
    norm,
    pool,
    reduce,
    sorting,
    structure,
)
