"""Polynomials by their coefficients, as in numpy.poly1d: the highest power first."""
