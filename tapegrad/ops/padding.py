"""Borders around arrays: every mode of numpy.pad."""
