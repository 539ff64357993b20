"""Norms of vectors and matrices, of every order, and the condition number."""
