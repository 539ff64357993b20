"""Convolution by columns in compiled loops, where it is not NumPy's form that is quicker."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from tapegrad.kernels import conv as K
from tapegrad.kernels import threads, winograd
from tapegrad.kernels.choice import choice

if find_spec("numba") is None:
    pytest.skip("numba is not installed", allow_module_level=True)

from tapegrad.kernels.compiled import blas, columns


@pytest.fixture(autouse=True)
def numpys_form(monkeypatch):
    monkeypatch.setattr(choice, "wanted", False)


def geometries(rng: np.random.Generator, count: int):
    while count:
        groups = int(rng.choice([1, 1, 2, 3]))
        c, f = groups * rng.integers(1, 5), groups * rng.integers(1, 5)
        kernel, stride, dilation = (tuple(int(n) for n in rng.integers(1, m, 2)) for m in (5, 4, 3))
        padding = tuple(tuple(int(n) for n in rng.integers(0, 3, 2)) for _ in "ab")
        image = tuple(int(n) for n in rng.integers(4, 15, 2))
        if all(s + sum(p) > d * (k - 1) for s, p, d, k in zip(image, padding, dilation, kernel, strict=True)):
            count -= 1
            yield (int(rng.integers(1, 5)), int(c), *image), (int(f), int(c) // groups, *kernel), (
                stride, padding, dilation, groups
            )  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("block", [1, 1 << 20])
def test_columns_give_what_numpys_form_gives(dtype, several, block, monkeypatch) -> None:
    monkeypatch.setattr(columns, "_COLUMNS", block)  # a row of outputs at a time, or all
    before = threads.get_num_threads()
    threads.set_num_threads(3 if several else 1)
    if several:
        monkeypatch.setattr("tapegrad.kernels.compiled.arguments._SHARED", 0)
    rng = np.random.default_rng([several, block])
    taken = 0
    near = {"rtol": 1e-4, "atol": 1e-4} if dtype is np.float32 else {"rtol": 1e-12, "atol": 1e-12}
    try:
        for x_shape, w_shape, rest in geometries(rng, 120):
            x, w = rng.normal(size=x_shape).astype(dtype), rng.normal(size=w_shape).astype(dtype)
            x.flags.writeable = False
            wanted = K.conv(x, w, *rest)
            y = rng.normal(size=wanted.shape).astype(dtype)
            pairs = [
                (columns.conv(x, w, *rest), wanted),
                (columns.conv_image(y, w, x_shape[2:], *rest), K.conv_image(y, w, x_shape[2:], *rest)),
                (columns.conv_filter(y, x, w_shape[2:], *rest), K.conv_filter(y, x, w_shape[2:], *rest)),
            ]
            for found, right in pairs:
                if found is not NotImplemented:
                    taken += 1
                    assert found.dtype == dtype
                    np.testing.assert_allclose(found, right, **near)
    finally:
        threads.set_num_threads(before)
    assert taken > 200


def test_what_is_left_to_numpys_form(monkeypatch) -> None:
    x, w = np.ones((2, 3, 8, 8), np.float32), np.ones((4, 3, 3, 3), np.float32)
    rest = ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    assert columns.conv(x, w, *rest) is not NotImplemented
    assert columns.conv(x, w[:, :, :1, :1], (1, 1), ((0, 0), (0, 0)), (1, 1), 1) is NotImplemented
    assert columns.conv(x.astype(complex), w, *rest) is NotImplemented
    assert columns.conv(x.astype(float), w, *rest) is NotImplemented
    assert columns.conv(x, w, (1, 1), ((1, -1), (1, 1)), (1, 1), 1) is NotImplemented
    assert columns.conv(x[:0], w, *rest) is NotImplemented
    with_inf = w.copy()
    with_inf[0, 0, 0, 0] = np.inf
    assert columns.conv_image(np.ones((2, 4, 8, 8), np.float32), with_inf, (8, 8), *rest) is NotImplemented
    many, filters = np.ones((2, 64, 16, 16), np.float32), np.ones((64, 64, 3, 3), np.float32)
    assert winograd.suits(many.shape, 64, (16, 16), (3, 3), *rest, many.dtype)
    assert columns.conv(many, filters, *rest) is NotImplemented
    monkeypatch.setattr(threads.blas, "functions", None)  # another BLAS
    blas.address.cache_clear()
    try:
        assert columns.conv(x, w, *rest) is NotImplemented
    finally:
        blas.address.cache_clear()
