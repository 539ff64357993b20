"""Linear systems and inverses: solve, inv, lstsq, pinv, det, slogdet, and what is built on them."""
