"""tg.linalg: linear algebra, by the names of numpy.linalg and, with SciPy, some of scipy.linalg."""

from __future__ import annotations
