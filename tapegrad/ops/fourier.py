"""Discrete Fourier transforms: all that numpy.fft has."""
