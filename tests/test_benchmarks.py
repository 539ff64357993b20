"""The benchmark suite itself: every row runs and gives the gradients it should, and the figures are what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks import growth, loops, measure, report, rows, with_tapegrad


@pytest.mark.parametrize("kind", rows.TINY)
def test_every_kind_of_row_runs_and_repeats(kind) -> None:
    arrays = rows.data(kind, rows.TINY[kind])
    step = with_tapegrad.step(kind, rows.TINY[kind], arrays)
    first = [np.array(g) for g in step()]
    assert [g.shape for g in first] == [a.shape for a in arrays["inputs"]]
    assert all(np.isfinite(g).all() for g in first)
    assert any(g.any() for g in first)
    for a, b in zip(first, step(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_rows_have_names_of_their_own_and_known_kinds() -> None:
    assert len({r.name for r in rows.ROWS}) == len(rows.ROWS)
    assert {r.kind for r in rows.ROWS} == set(rows.TINY)


def test_quantiles() -> None:
    assert measure.quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert measure.quantile([1.0, 2.0], 0.25) == 1.25
    assert measure.quantile([5.0], 0.9) == 5.0


def test_load_of_others() -> None:
    assert measure.other_load(busy=2.0, own=2.0, available=4.0) == 0.0
    assert measure.other_load(busy=3.0, own=2.0, available=4.0) == 0.25
    assert measure.other_load(busy=1.99, own=2.0, available=4.0) == 0.0
    assert measure.other_load(busy=1.0, own=0.0, available=0.0) == 0.0


def test_different_gradients_are_not_timed() -> None:
    right = [np.ones(3)]
    measure.compare({"a": lambda: right, "b": lambda: [np.ones(3) + 1e-6]})
    for wrong in ([np.ones(3) * 1.1], [np.full(3, np.nan)]):
        with pytest.raises(ValueError, match="gradient 0 of b and of a differ"):
            measure.compare({"a": lambda: right, "b": lambda wrong=wrong: wrong})


def result(name: str, load: float = 0.0) -> measure.Result:
    ratios = {"tapegrad": [1.0] * 3, "torch": [0.4, 0.5, 0.6]}
    seconds = {"tapegrad": [1e-3] * 3, "torch": [2e-3] * 3}
    return measure.Result(name, 1, ("tapegrad", "torch"), seconds, ratios, {}, load)


def test_the_table_says_what_is_missing_and_what_is_dirty() -> None:
    text = report.markdown([result("quiet"), result("loud", 0.4)], ["tapegrad", "torch", "jax"], {("quiet", 1): 0.7})
    lines = text.splitlines()
    assert "| quiet | 1 ms | 0.50 (0.42 to 0.58) | - | 0.7 |" in lines
    assert any(line.startswith("| loud (dirty) |") for line in lines)
    assert "1 of 2 rows" in lines[-1]
    assert "40%" in lines[-1]


def test_a_row_is_measured_in_turn() -> None:
    calls: list[str] = []

    def step(name: str):
        def go():
            calls.append(name)
            sum(range(20000))
            return [np.ones(1)]

        return go

    found = measure.measure("row", 1, {"a": step("a"), "b": step("b")}, {}, rounds=7, budget=0.0)
    assert len(found.seconds["a"]) == len(found.ratios["b"]) == 7
    assert all(math.isclose(r, a / b) for r, a, b in zip(found.ratios["b"], *found.seconds.values(), strict=True))
    assert set(calls) == {"a", "b"}


def test_the_loops_are_right() -> None:
    rng = np.random.default_rng(0)
    x, w, g = rng.normal(size=(2, 2, 5, 5)), rng.normal(size=(3, 2, 3, 3)), rng.normal(size=(2, 3, 5, 5))
    dx, dw = loops.conv_loops(x, w, g, 1)
    eps = 1e-6
    moved = x.copy()
    moved[1, 1, 2, 3] += eps

    def value(x):
        p = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(p, (3, 3), (2, 3))
        return float(np.einsum("nchwij,fcij,nfhw->", windows, w, g))

    assert math.isclose((value(moved) - value(x)) / eps, dx[1, 1, 2, 3], rel_tol=1e-4)
    assert math.isclose(float((dw * w).sum()), value(x), rel_tol=1e-9)
    (dp,) = loops.pool_loops(x[:, :, :4, :4], rng.normal(size=(2, 2, 2, 2)), 2)
    assert (dp != 0).sum() == 16


def test_growth_measures_something() -> None:
    assert growth.graph_cost(10, 1) > 0
    assert growth.conv_cost(1, 8, 1) > 0
