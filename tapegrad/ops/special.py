"""Special functions by the names of scipy.special, which they need."""
