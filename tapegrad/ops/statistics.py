"""Order statistics, what ignores nan, covariances and histograms."""
