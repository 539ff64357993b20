"""tg.fft: discrete Fourier transforms, by the names of numpy.fft."""

from __future__ import annotations
