"""Products of matrices: on whatever threads they run, they are NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from tapegrad.kernels import products, threads
from tapegrad.kernels.threads import get_num_threads, set_num_threads

SHAPES = [  # most of them just large enough for BLAS to use threads
    ((90, 60), (60, 80)), ((10, 200), (200, 150)), ((20, 800), (800, 21)), ((100, 100), (100, 1)),
    ((1, 100), (100, 100)), ((5, 60, 50), (5, 50, 40)), ((8, 1, 30, 50), (4, 50, 40)), ((70, 80), (6, 80, 30)),
    ((3, 2), (2, 4)), ((0, 3), (3, 2)), ((2, 0), (0, 3)), ((200, 100), (100,)), ((100,), (100, 200)), ((9,), (9,)),
]  # fmt: skip


@pytest.fixture(params=[1, 2, 3])
def several_threads(request):
    before = get_num_threads()
    set_num_threads(request.param)
    yield request.param
    set_num_threads(before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.int64])
@pytest.mark.parametrize("large", [1, products._LARGE])
def test_products_are_those_of_numpy(several_threads, dtype, large, monkeypatch) -> None:
    monkeypatch.setattr(products, "_LARGE", large)
    rng = np.random.default_rng(0)
    for a, b in SHAPES:
        x, y = (rng.integers(-9, 9, s).astype(dtype) for s in (a, b))
        mixed = y.astype(np.result_type(y, 0.0))
        for left, right in ((x, y), (np.asfortranarray(x), y), (x[::-1], np.asfortranarray(y)), (x, mixed)):
            for in_a_row in (0, products._IN_A_ROW):
                threads.pool.products = in_a_row
                out = products.matmul(left, right)
                wanted = np.matmul(left, right)
                assert out.dtype == wanted.dtype
                np.testing.assert_array_equal(out, wanted)  # whole numbers: exact in every order of summing


def test_shapes_that_do_not_fit_are_numpys_error(several_threads, monkeypatch) -> None:
    monkeypatch.setattr(products, "_LARGE", 1)
    with pytest.raises(ValueError, match="matmul"):
        products.matmul(np.ones((500, 400)), np.ones((300, 200)))
    with pytest.raises(ValueError, match="broadcast"):
        products.matmul(np.ones((3, 500, 400)), np.ones((2, 400, 200)))
    assert threads.blas.depth == 0


def test_after_work_on_the_pool_products_run_there_and_in_a_row_they_are_left_to_blas() -> None:
    before = get_num_threads()
    set_num_threads(2)
    try:
        if not threads.blas.known:
            pytest.fail("the BLAS of this NumPy is not known: find its symbols, or install threadpoolctl")
        x = np.ones((500, 500), np.float32)
        threads.run([lambda: None] * 2)
        counts = []
        for _ in range(products._IN_A_ROW + 3):
            products.matmul(x, x)
            counts.append(threads.pool.products)
        assert counts == [*range(1, products._IN_A_ROW + 1), *[products._IN_A_ROW] * 3]
        threads.run([lambda: None] * 2)
        assert threads.pool.products == 0
    finally:
        set_num_threads(before)
