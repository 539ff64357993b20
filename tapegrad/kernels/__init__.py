"""Plain functions on ndarrays that do the heavy arithmetic: convolution, pooling, normalisation, special functions.

They receive validated, canonical parameters, never change their arguments, and know nothing of tapes.
"""
