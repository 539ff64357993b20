"""Functions of matrices that need SciPy: expm, logm, sqrtm, triangular and Sylvester equations, lu."""
