"""tg.special: special functions, by the names of scipy.special."""

from __future__ import annotations
