"""Minimisation with SciPy, gradients and Hessian products from the tape."""

from __future__ import annotations
