"""Factorisations of matrices: cholesky, qr, svd, eig, eigh, and the values alone."""
