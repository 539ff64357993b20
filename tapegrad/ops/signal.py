"""Functions of sampled signals: convolve, correlate, interp, gradient, trapezoid, unwrap, windows."""
