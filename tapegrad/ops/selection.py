"""Choosing among arrays and writing into them: choose, select, piecewise, put_along_axis, insert, delete."""
