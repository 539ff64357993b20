"""tg.emath: functions that turn complex where the real result does not exist, by the names of numpy.emath."""

from __future__ import annotations

from .ops.emath import arccos, arcsin, arctanh, log, log2, log10, logn, power, sqrt

__all__ = ["arccos", "arcsin", "arctanh", "log", "log10", "log2", "logn", "power", "sqrt"]
