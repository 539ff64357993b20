"""Statistics against NumPy: medians and quantiles, functions that skip nan, covariances, histograms."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad.check import gradcheck, gradgradcheck
from tapegrad.ops import statistics
from tapegrad.ops.statistics import IN_STEPS, INTERPOLATED

inf, nan = np.inf, np.nan
RNG = np.random.default_rng(3)
METHODS = [*INTERPOLATED, *IN_STEPS]
DTYPES = ["f2", "f4", "f8", "i8", "u1", "?"]
COMPLEX = ["c8", "c16"]
SHAPES = [(), (1,), (5,), (6,), (3, 4), (2, 3, 4), (1, 1)]
X = RNG.permutation(np.linspace(-2, 2, 12) + 0.03).reshape(3, 4)
GAPS = np.where(RNG.random((3, 4)) < 0.3, nan, X)
RECENT = tuple(int(i) for i in np.__version__.split(".")[:2]) >= (2, 4)  # before, q and a took dtypes from each other
V = np.array([0.3, -1.2, 2.5, 0.9, -0.4])


def draw(shape: tuple[int, ...], dtype: Any, rng: Any = RNG, holes: float = 0.0) -> Any:
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return np.asarray(rng.random(shape) < 0.5)
    if dtype.kind in "iu":
        return rng.integers(0, 4, shape).astype(dtype)
    x = rng.normal(size=shape) + (1j * rng.normal(size=shape) if dtype.kind == "c" else 0)
    return np.asarray(np.where(rng.random(shape) < holes, nan, x)).astype(dtype)


def outcome(f: Any, *args: Any) -> tuple[list[Any] | Exception, set[str]]:
    """What a call gives, as arrays or its error, and which warnings it gives."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = f(*args)
        except Exception as error:
            return error, set()
    arrays: list[Any] = []
    for one in result if isinstance(result, tuple) else (result,):
        arrays += one if isinstance(one, list) else [one]
    arrays = [a.data if isinstance(a, tg.Tensor) else np.asarray(a) for a in arrays]
    return arrays, {str(w.message).rstrip(".") for w in caught if "encountered in" not in str(w.message)}


def agree(f: Any, *xs: Any, within: float = 1e-12) -> None:
    """f of Tensors is f of arrays: values, dtypes, shapes, warnings, class of error."""
    (theirs, warned), (mine, said) = outcome(f, *xs), outcome(f, *[tg.tensor(x) for x in xs])
    if isinstance(theirs, Exception):
        kinds = [c for c in (ValueError, TypeError, IndexError, ArithmeticError) if isinstance(theirs, c)]
        assert any(isinstance(mine, c) for c in kinds), (theirs, mine)
        return
    assert not isinstance(mine, Exception), mine
    assert len(mine) == len(theirs)
    for ours, one in zip(mine, theirs):
        assert (ours.dtype, ours.shape) == (one.dtype, one.shape)
        coarse = {"float16": 4e-3, "float32": 2e-5, "complex64": 2e-5}.get(one.dtype.name, within)
        np.testing.assert_allclose(ours, one, rtol=coarse, atol=coarse)
    assert said == warned


def gradient(f: Any, *arrays: Any) -> Any:
    """The gradients of the sum of f's result, as lists."""
    leaves = [tg.tensor(np.asarray(a), requires_grad=True) for a in arrays]
    found = tg.grad(f(*leaves).sum(), leaves)
    lists = [g.data.tolist() for g in found]
    return lists[0] if len(lists) == 1 else lists


def checked(f: Any, *arrays: Any) -> None:
    """First and second order against differences, forward mode against backward; no warnings."""
    assert gradcheck(f, arrays)
    assert gradgradcheck(f, arrays, directions=1)
    tensors = [tg.tensor(a) for a in arrays]
    y, pull = tg.func.vjp(f, *tensors)
    back = pull(tg.tensor(np.ones(y.shape)))
    back = back if isinstance(back, tuple) else (back,)
    tangents = [tg.tensor(RNG.normal(size=a.shape)) for a in arrays]
    _, forward = tg.func.jvp(f, tuple(tensors), tuple(tangents))
    total = sum(float(np.sum(np.conj(g.data) * t.data).real) for g, t in zip(back, tangents))
    np.testing.assert_allclose(float(np.sum(forward.data).real), total, rtol=1e-9, atol=1e-9)


# -- median and quantiles --------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [np.median, np.nanmedian])
def test_medians_are_numpys(f):
    for shape, dtype, axis, keep, holes in itertools.product(
        SHAPES, [*DTYPES, *COMPLEX], [None, 0, -1, (), (0, 1), (-1, 0), 5], [False, True], [0.0, 0.3, 1.0]
    ):
        agree(lambda a, axis=axis, keep=keep: f(a, axis=axis, keepdims=keep), draw(shape, dtype, holes=holes))


QS = [
    0, 1, 0.5, 0.3, 1.0, np.float32(0.4), np.float64(0.4), [0.2, 0.6], [0, 1], np.array([]), np.array([0.1, 0.9], "f4"),
    np.array([[0.1, 0.5], [0.3, 1.0]]), np.linspace(0, 1, 13), 1.5, -0.1, nan, np.zeros((1, 1, 1)),
]  # fmt: skip


@pytest.mark.parametrize("method", [*METHODS, "no method"])
def test_quantiles_are_numpys_by_every_method(method):
    for shape, dtype, q in itertools.product(SHAPES[:-1], ["f4", "f8", "i8"] if RECENT else ["f8"], QS):
        if not RECENT and np.asarray(q).dtype != np.float64:
            continue
        axis = None if len(shape) < 2 else (-1, (0, 1), 0)[len(str(q)) % 3]
        x = draw(shape, dtype)
        agree(lambda a, q=q, axis=axis: np.quantile(a, q, axis=axis, method=method, keepdims=True), x)
        if not isinstance(q, list):
            agree(lambda a, q=q, axis=axis: np.percentile(a, q * 100, axis=axis, method=method), x)


@pytest.mark.parametrize("method", METHODS)
def test_quantiles_that_skip_nan_are_numpys(method):
    for shape, dtype, holes in itertools.product([(6,), (3, 4), (2, 3, 4)], ["f2", "f4", "f8"], [0.0, 0.3]):
        x = draw(shape, dtype, holes=holes)
        x[..., 0] = 0.5  # no slice of nan alone: of those NumPy forgets the dtype
        for q in (0.3, 0.5, 1.0, [0.25, 0.8], np.array([0.1, 0.75], dtype)):
            agree(lambda a, q=q: np.nanquantile(a, q, axis=-1, method=method), x)
            agree(lambda a, q=q: np.nanpercentile(a, np.multiply(q, 100), method=method, keepdims=True), x)


def test_a_nan_is_what_is_chosen():
    for method in METHODS:
        agree(lambda a, m=method: np.quantile(a, [0.2, 0.5], axis=1, method=m), GAPS)
    agree(lambda a: np.median(a, axis=0), GAPS)
    assert gradient(lambda a: np.median(a), [2.0, nan, 2.0]) == [0, 1, 0]
    assert gradient(lambda a: np.quantile(a, [0.2, 0.7]), [2.0, nan, 4.0]) == [0, 2, 0]


def test_equal_elements_keep_their_order():
    """Of equal elements the first have the lower places, as a stable sort has it."""
    assert gradient(np.median, [2.0, 2.0, 2.0]) == [0, 1, 0]
    assert gradient(np.median, [2.0, 2.0, 2.0, 2.0]) == [0, 0.5, 0.5, 0]
    assert gradient(np.median, [3.0, 1.0, 2.0, 9.0]) == [0.5, 0, 0.5, 0]
    assert gradient(lambda a: np.quantile(a, 0.25, method="lower"), [1.0, 1.0, 1.0, 1.0, 1.0]) == [0, 1, 0, 0, 0]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.bool_])
@pytest.mark.parametrize("digits", [8, 1, 0])
def test_many_elements_are_found_without_sorting_as_by_sorting(dtype, digits, monkeypatch):
    values = np.random.default_rng(digits).normal(size=(3, 40)).round(digits)
    if np.dtype(dtype).kind == "f":
        values[1, ::3], values[2] = np.nan, 1.0
    values = values.astype(dtype)
    x = tg.tensor(values, requires_grad=np.dtype(dtype).kind == "f")
    for f in (np.median, np.nanmedian, lambda a, axis: np.nanquantile(a, [0.2, 0.7], axis, method="higher")):
        found = []
        for many in (1000, 1):
            monkeypatch.setattr(statistics, "MANY", many)
            y = f(x, axis=1)
            found.append((y.data, *([tg.grad(y.sum(), x).data] if x.requires_grad else [])))
        for sorting, selecting in zip(*found, strict=True):
            np.testing.assert_array_equal(sorting, selecting)


def test_quantile_gradients_by_hand():
    x = np.array([1.0, 2.0, 4.0, 8.0])
    ours, of_q = gradient(np.quantile, x, [0.0, 0.5, 0.9, 1.0])
    np.testing.assert_allclose(ours, [1, 0.5, 0.5 + 0.3, 1 + 0.7])
    np.testing.assert_allclose(of_q, [3, 6, 12, 12])  # from the right; at the end from the left
    _, of_p = gradient(np.percentile, x, [10.0, 90.0])
    np.testing.assert_allclose(of_p, [0.03, 0.12])
    _, of_q = gradient(lambda a, q: np.quantile(a, q, method="hazen"), x, [0.1, 0.5, 0.9])
    np.testing.assert_allclose(of_q, [0, 8, 0], atol=1e-12)  # flat beyond the outer elements
    one, of_q = gradient(np.quantile, [3.0], [0.3, 1.0])
    assert (one, of_q) == ([2.0], [0.0, 0.0])


@pytest.mark.parametrize("method", METHODS)
def test_quantile_gradients(method):
    q = np.array([[0.11, 0.92], [0.43, 0.77]])
    checked(lambda a, p: np.quantile(a, p, axis=1, method=method, keepdims=True), X, q)
    checked(lambda a, p: np.nanpercentile(np.where(np.isnan(GAPS), nan, a), p, method=method), X, q * 100)
    ours, of_q = gradient(lambda a, p: np.quantile(a, p, method=method), X, 0.43)
    np.testing.assert_allclose(np.sum(ours), 1.0)
    assert (of_q != 0) == (method in INTERPOLATED)


def test_median_gradients():
    checked(lambda a: np.median(a, axis=1, keepdims=True), X)
    checked(lambda a: np.median(a, axis=(0, 1)), X)
    checked(lambda a: np.nanmedian(np.where(np.isnan(GAPS), nan, a), axis=0), X)
    assert gradcheck(lambda a: np.median(a, axis=1), [X + 1j * X[::-1]])


def test_weighted_quantiles():
    w = RNG.random((3, 4))
    zeros = np.array([0, 2, 0, 1])
    for q in (0, 0.3, 1.0, [0.2, 0.6], np.array([0.4], "f4")):
        for f, x in ((np.quantile, X), (np.quantile, GAPS), (np.quantile, np.round(X)), (np.nanquantile, GAPS)):
            agree(lambda a, q=q, f=f: f(a, q, axis=1, weights=w, method="inverted_cdf"), x)
            agree(lambda a, q=q, f=f: f(a, q, weights=w, method="inverted_cdf", keepdims=True), x)
        if RECENT or q != 0:  # there older releases choose what weighs nothing
            agree(lambda a, q=q: np.quantile(a, q, axis=1, weights=zeros, method="inverted_cdf"), X)
        agree(lambda a, q=q: np.percentile(a, 50, axis=(1, 0), weights=w.T, method="inverted_cdf"), X)
    for bad in (-np.ones(4), np.ones(3), *([np.zeros(4), np.full(4, nan)] if RECENT else [])):
        agree(lambda a, bad=bad: np.quantile(a, 0.3, axis=1, weights=bad, method="inverted_cdf"), X)
    agree(lambda a: np.quantile(a, 0.3, axis=1, weights=zeros), X)
    agree(lambda a: np.quantile(a, 0.3, weights=zeros, method="inverted_cdf"), X)
    x, of_w = gradient(lambda a, b: np.quantile(a, 0.4, weights=b, method="inverted_cdf"), V, [1.0, 2.0, 1.0, 1.0, 3.0])
    assert x == [0, 0, 0, 0, 1]
    assert of_w == [0] * 5
    checked(lambda a, b: np.quantile(a, [0.2, 0.7], axis=1, weights=b, method="inverted_cdf"), X, w)


def test_nothing_to_choose_from():
    empty = np.zeros((0, 3))
    agree(lambda a: np.quantile(a, 0.5, axis=0), empty)
    agree(lambda a: np.quantile(a, [0.5], axis=1), empty)
    agree(lambda a: np.nanquantile(a, 0.5, axis=0), empty)
    agree(lambda a: np.median(a, axis=0), empty)
    agree(lambda a: np.median(a), empty.astype(int))
    agree(lambda a: np.nanmedian(a, axis=1), empty)
    with pytest.warns(RuntimeWarning, match="Mean of empty slice"), np.errstate(invalid="ignore"):
        assert gradient(lambda a: np.median(a, axis=0), empty) == []


ORDERED = [np.median, np.nanmedian, lambda a, **k: np.quantile(a, 0.3, **k), lambda a, **k: np.nanpercentile(a, 3, **k)]


def test_overwrite_input_overwrites_nothing():
    for f in ORDERED:
        t = tg.tensor(V, requires_grad=True)
        f(t, overwrite_input=True).backward()
        assert t.tolist() == V.tolist()
        x = V.copy()
        tg.ops.statistics.median(x, overwrite_input=True)
        assert x.tolist() == V.tolist()


def test_out_of_quantiles():
    for f in ORDERED:
        t = tg.tensor(X, requires_grad=True)
        out = tg.tensor(np.zeros(3))
        assert f(t, axis=1, out=out) is out
        np.testing.assert_allclose(out.data, f(X, axis=1))
        assert np.sum(tg.grad(out.sum(), t).data) == pytest.approx(3)
        array = np.zeros((3, 1), np.float32)
        assert f(t.detach(), axis=1, out=array, keepdims=True) is array
        np.testing.assert_allclose(array, f(X, axis=1, keepdims=True), rtol=1e-6)
        with pytest.raises(TypeError, match="cannot carry the gradient"):
            f(t, axis=1, out=np.zeros(3))
        with pytest.raises(ValueError, match="out has shape"):
            f(t, axis=1, out=tg.tensor(np.zeros(4)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda t: np.quantile(t, 1.5), ValueError, r"quantile: Quantiles must be in the range \[0, 1\], got 1.5"),
        (
            lambda t: np.percentile(t, -3),
            ValueError,
            r"percentile: Percentiles must be in the range \[0, 100\], got -3",
        ),
        (lambda t: np.quantile(t + 1j, 0.5), TypeError, "quantile: a must be an array of real numbers"),
        (lambda t: np.quantile(t, 0.5, method="fast"), ValueError, "'fast' is not a valid method.*hazen"),
        (lambda t: np.quantile(t[:0], 0.5), IndexError, "there is no element along axis None"),
        (lambda t: np.quantile(t, np.ones((1, 1, 1))), ValueError, "at most 2 axes"),
        (lambda t: np.quantile(t, 0.5, axis=1), np.exceptions.AxisError, "quantile: axis 1"),
        (lambda t: np.quantile(t, 0.5, interpolation="lower"), TypeError, "interpolation"),
        (lambda t: np.cov(t.reshape(1, 1, -1)), ValueError, "cov: m has more than 2 dimensions"),
        (lambda t: np.cov(t, ddof=0.5), ValueError, "cov: ddof must be integer, got 0.5"),
        (lambda t: np.cov(t, fweights=[0.5] * 5), TypeError, "fweights must be integer"),
        (lambda t: np.cov(t, aweights=[1.0]), RuntimeError, "1 aweights for 5 observations"),
        (lambda t: np.cov(t, aweights=np.ones((1, 5))), RuntimeError, "must have one axis"),
        (lambda t: np.cov(t, aweights=-np.ones(5)), ValueError, "aweights cannot be negative"),
        (lambda t: np.cov(t, aweights=np.zeros(5)), ZeroDivisionError, "sum to 0"),
        (lambda t: np.histogram2d(t, t[:2]), ValueError, "got 5 and 2"),
        (lambda t: np.nanmean(t, axis=3), np.exceptions.AxisError, "nanmean: axis 3"),
        (lambda t: np.nanvar(t, ddof=1, correction=2), ValueError, "nanvar: give ddof or correction"),
        (lambda t: np.nanmean(t, dtype=int), TypeError, "inexact"),
        (lambda t: np.nanargmax(t * nan), ValueError, "All-NaN"),
        (lambda t: np.nanmax(t, where=t > 0), ValueError, "initial"),
    ],
)
def test_errors_say_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call(tg.tensor(V, requires_grad=True))


# -- functions that skip nan -----------------------------------------------------------------------------------

SKIPPING = [np.nansum, np.nanprod, np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmin]


@st.composite
def calls(draw_one):
    """(function, array with holes, keywords)."""
    f = draw_one(st.sampled_from([*SKIPPING, np.nancumsum, np.nancumprod, np.nanargmax, np.nanargmin]))
    shape = draw_one(st.sampled_from([(5,), (3, 4), (2, 3, 4), (1, 1), (0, 3)]))
    rng = np.random.default_rng(draw_one(st.integers(0, 1 << 32)))
    x = draw(shape, draw_one(st.sampled_from([*DTYPES, *COMPLEX])), rng, draw_one(st.sampled_from([0.1, 0.5, 1.0])))
    one_axis = f not in SKIPPING
    axes = [None, 0, -1] if one_axis else [None, 0, -1, (), (0,), (-1, 0), 7]
    options: dict[str, Any] = {"axis": draw_one(st.sampled_from(axes))}
    if not f.__name__.startswith("nancum") and draw_one(st.booleans()):
        options["keepdims"] = draw_one(st.booleans())
    if f in (np.nansum, np.nanprod, np.nanmean, np.nancumsum, np.nancumprod) and draw_one(st.booleans()):
        options["dtype"] = draw_one(st.sampled_from(["f8", "c16"] if f is np.nanmean else ["f8", "c16", "i8"]))
    if f in SKIPPING and draw_one(st.booleans()):
        options["where"] = draw_one(st.sampled_from([rng.random(shape) < 0.6, True]))
    if f in (np.nansum, np.nanprod, np.nanmax, np.nanmin) and draw_one(st.booleans()):
        options["initial"] = draw_one(st.sampled_from([0, 0.5, -1.5, nan]))
    if f in (np.nanvar, np.nanstd):
        options["ddof"] = draw_one(st.sampled_from([0, 1, 0.5, 2]))
        if draw_one(st.booleans()):
            options["mean"] = draw_one(st.sampled_from([0.5, np.array(0.25)]))
    return f, x, options


@settings(max_examples=250, deadline=None)
@given(calls())
def test_functions_that_skip_nan_are_numpys(call):
    f, x, options = call
    if x.dtype.kind not in "fc" and options.get("initial") is nan:
        return
    agree(lambda a: f(a, **options), x)


def test_slices_of_nan_alone():
    x = np.array([[nan, nan], [1.0, 2.0], [nan, 5.0]])
    wanted: dict[Any, Any] = {
        np.nanmax: [[0, 0], [0, 1], [0, 1]],
        np.nanmin: [[0, 0], [1, 0], [0, 1]],
        np.nanmean: [[0, 0], [0.5, 0.5], [0, 1]],
        np.nanmedian: [[0, 0], [0.5, 0.5], [0, 1]],
        np.nanvar: [[0, 0], [-0.5, 0.5], [0, 0]],
        np.nanstd: [[0, 0], [-0.5, 0.5], [0, 0]],
    }
    for f, expected in wanted.items():
        t = tg.tensor(x, requires_grad=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            y = f(t, axis=1)
        assert {str(w.message).rstrip(".") for w in caught} & {
            "All-NaN slice encountered", "Mean of empty slice", "Degrees of freedom <= 0 for slice",
        }  # fmt: skip
        assert np.isnan(y.data).tolist() == [True, False, False]
        assert tg.grad(y.sum(), t).tolist() == expected  # warnings are errors here
    with pytest.warns(RuntimeWarning, match="All-NaN"):
        y = np.nanquantile(t, 0.25, axis=1)
    assert tg.grad(y.sum(), t).tolist() == [[0, 0], [0.75, 0.25], [0, 1]]


def test_ignored_entries_have_gradient_zero():
    holes = np.isnan(GAPS)
    for f in (*SKIPPING, np.nancumsum, np.nancumprod):
        t = tg.tensor(GAPS, requires_grad=True)
        g = tg.grad(f(t, axis=None).sum(), t).data
        assert not g[holes].any()
        assert g[~holes].any()
    for f in SKIPPING[:5]:
        t = tg.tensor(GAPS, requires_grad=True)
        mask = X > -1
        g = tg.grad(f(t, where=mask), t).data
        assert not g[holes | ~mask].any()
        assert g[~holes & mask].all()


def test_skipping_nan_at_ties_zeros_and_constants():
    assert gradient(np.nanmax, [1.0, 3.0, 3.0, nan]) == [0, 0.5, 0.5, 0]
    assert gradient(np.nanmax, [-inf, nan]) == [1, 0]
    assert gradient(lambda a: np.nanmin(a, initial=1.0), [1.0, 3.0, nan]) == [0.5, 0, 0]
    assert gradient(np.nanprod, [0.0, 2.0, nan, 3.0]) == [6, 0, 0, 0]
    assert gradient(np.nancumprod, [0.0, 2.0, nan, 0.0, 3.0]) == [5, 0, 0, 0, 0]
    t = tg.tensor([2.0, 2.0, nan], requires_grad=True)
    (first,) = tg.grad(np.nanstd(t), [t], create_graph=True)
    assert first.tolist() == tg.grad((first * np.arange(3)).sum(), t).tolist() == [0, 0, 0]


@pytest.mark.parametrize("f", [*SKIPPING, np.nancumsum, np.nancumprod], ids=lambda f: f.__name__)
def test_gradients_of_functions_that_skip_nan(f):
    holed = lambda a: np.where(np.isnan(GAPS), nan, a)
    checked(lambda a: f(holed(a)), X)
    checked(lambda a: f(holed(a), axis=1), X)
    if f in SKIPPING:
        checked(lambda a: f(holed(a), axis=(0, 1), keepdims=True), X)
    if f in SKIPPING[:5]:
        checked(lambda a: f(holed(a), axis=1, where=(X > -1) | (np.arange(4) == 0)), X)
        assert gradcheck(lambda a: f(holed(a), axis=1), [X + 1j * X[::-1]])
    if f in (np.nansum, np.nanprod, np.nanmax, np.nanmin):
        checked(lambda a, s: f(holed(a), axis=0, initial=s), X, np.array(0.017))
    if f in (np.nanvar, np.nanstd):
        checked(lambda a, m: f(holed(a), axis=1, mean=m, ddof=0.5), X, np.array([[0.1], [0.2], [-0.3]]))


# -- covariance ------------------------------------------------------------------------------------------------


def test_covariances_are_numpys():
    shapes = [(), (0,), (1,), (5,), (3, 5), (5, 3), (1, 5), (5, 1), (0, 5)]
    for shape, dtype in itertools.product(shapes, [*DTYPES, *COMPLEX]):
        x = draw(shape, dtype)
        for options in ({}, {"rowvar": False}, {"bias": True}, {"ddof": 0}, {"ddof": 2}, {"dtype": "f4"}, {"y": x}):
            if np.dtype(dtype).kind == "c" and "dtype" in options:
                continue
            if not RECENT and shape[0:1] == (1,) and "rowvar" in options:
                continue  # one row was not turned
            agree(lambda a, o=options: np.cov(a, **o), x)
            if "bias" not in options and "ddof" not in options:
                agree(lambda a, o=options: np.corrcoef(a, **o), x)


def test_weighted_covariances_are_numpys():
    x, y = draw((3, 5), "f8"), draw((2, 5), "c8")
    f, a = np.array([1, 2, 0, 3, 1]), np.array([0.5, 0.1, 2.0, 1.0, 0.7])
    for ddof, options in itertools.product(
        [None, 0, 1, 2], [{"fweights": f}, {"aweights": a}, {"fweights": f, "aweights": a}]
    ):
        agree(lambda m, o=options, d=ddof: np.cov(m, ddof=d, **o), x)
        agree(lambda m, n, o=options, d=ddof: np.cov(m, n, ddof=d, **{k: v.copy() for k, v in o.items()}), x, y)
    agree(lambda m, w: np.cov(m, aweights=w, dtype=np.float32), x.astype("f4"), a)


def test_covariance_gradients():
    x, y, w = draw((3, 6), "f8"), draw((2, 6), "f8"), RNG.random(6) + 0.2
    assert gradcheck(np.cov, [x])
    checked(lambda a, b, c: np.cov(a, b, aweights=c, fweights=[1, 2, 1, 3, 1, 1]), x, y, w)
    checked(lambda a: np.cov(a, rowvar=False, bias=True), x)
    checked(lambda a: np.cov(a), x[0])
    checked(np.corrcoef, x)
    checked(lambda a, b: np.corrcoef(a, b, rowvar=False), x.T, y.T)
    z = draw((2, 6), "c16")
    assert gradcheck(lambda a, c: np.cov(a, aweights=c), [z, w])
    assert gradcheck(np.corrcoef, [z])


def test_a_constant_variable_does_not_spoil_the_others():
    x = np.array([[1.0, 2, 3, 5], [1, 1, 1, 1], [2, 1, 4, 4]])
    t = tg.tensor(x, requires_grad=True)
    with np.errstate(all="ignore"):
        y = np.corrcoef(t)[0, 2]
    np.testing.assert_allclose(tg.grad(y, t).data[[0, 2]], gradient(lambda a: np.corrcoef(a)[0, 1], x[[0, 2]]))
    with pytest.warns(RuntimeWarning, match="Degrees of freedom"), np.errstate(all="ignore"):
        np.cov(tg.tensor([1.0]))


# -- counting into bins ----------------------------------------------------------------------------------------


def test_bincount():
    x = np.array([0, 3, 1, 3, 0])
    agree(lambda a: np.bincount(a), x)
    agree(lambda a: np.bincount(a, minlength=7), x)
    agree(lambda a: np.bincount(a), np.zeros(0, int))
    for dtype in DTYPES:
        agree(lambda w: np.bincount(x, w, minlength=5), draw((5,), dtype))
    agree(lambda w: np.bincount(x, w), draw((5,), "c16"))
    agree(lambda w: np.bincount(x, w), draw((4,), "f8"))
    agree(lambda a: np.bincount(a), x - 1)
    agree(lambda a: np.bincount(a), x / 2)
    assert gradient(lambda w: np.bincount(x, w) * np.arange(4), V) == [0, 3, 1, 3, 0]
    checked(lambda w: np.bincount(x, w, 6), V)
    t = tg.tensor(V.astype("f4"), requires_grad=True)
    y = np.bincount(tg.tensor(x), weights=t)
    assert y.dtype == np.float64
    assert tg.grad(y.sum(), t).dtype == np.float32


EDGES = np.array([-1.0, 0.0, 0.5, 2.0])
BINS = [
    10,
    3,
    1,
    0,
    "auto",
    "sturges",
    "fd",
    "rice",
    "sqrt",
    "no bins",
    2.5,
    EDGES,
    np.array([-1, 0, 1, 2]),
    EDGES[::-1],
]


@pytest.mark.parametrize("bins", [*BINS, np.array([0.0, 0.0, 1.0, 1.0]), [-1.0, 0.0, 1.0]], ids=str)
def test_histograms_are_numpys(bins):
    for dtype, limits, density in itertools.product(DTYPES, [None, (-1, 1), (0, 0), (1, -1), (0.0, inf)], [None, True]):
        x = draw((4, 5), dtype)
        if dtype == "f8":
            x = np.round(x * 2) / 2  # on edges
        agree(lambda a, o=(bins, limits, density): np.histogram(a, *o), x)
        agree(lambda a, o=(bins, limits): np.histogram_bin_edges(a, *o), x)
        for weights in ("f8", "f4", "i8", "c16"):
            if dtype in ("f8", "i8"):
                w = abs(draw((4, 5), weights))  # NumPy adds them up in their own precision
                agree(lambda a, w, o=(bins, limits, density): np.histogram(a, *o, w), x, w, within=1e-6)


def test_histograms_of_nothing_and_of_nan():
    for x in (np.zeros(0), np.array([1.0, nan]), np.array([2.0])):
        for options in ({}, {"bins": EDGES}, {"bins": "auto"}, {"weights": np.ones(len(x)), "bins": EDGES}):
            agree(lambda a, o=options: np.histogram(a, **o), x)
    agree(lambda a, w: np.histogram(a, weights=w), V, np.ones(4))
    agree(lambda a, w: np.histogram(a, "auto", weights=w), V, np.ones(5))


def test_histograms_of_points_are_numpys():
    points, w = draw((20, 2), "f8"), draw((20,), "f8")
    every = [4, [3, 2], np.array([3, 2]), [EDGES, 3], [EDGES, EDGES], np.array([EDGES, EDGES]), [3], [2.5, 2]]
    ranges = [None, [(-1, 1), None], [(-1, 1)] * 2, [(0, 1)]]
    for bins, limits, density in itertools.product(every, ranges, [None, True]):
        o = (bins, limits, density)
        agree(lambda a, o=o: np.histogramdd(a, *o), points)
        agree(lambda a, b, o=o: np.histogramdd((a, b), *o), points[:, 0], points[:, 1])
        agree(lambda a, b, o=o: np.histogramdd(a, *o, weights=b), points, w)
        agree(lambda a, b, c, o=o: np.histogram2d(a, b, *o, weights=c), points[:, 0], points[:, 1], w)
    agree(lambda a, b: np.histogram2d(a, b, EDGES), points[:, 0], points[:, 1])
    agree(lambda a, b: np.histogram2d(a, b, [-1.0, 0.0, 1.0]), points[:, 0], points[:, 1])
    agree(lambda a: np.histogramdd(a, 3), points[:, 0])
    agree(lambda a: np.histogramdd(a, "auto"), points)
    agree(lambda a, e: np.histogramdd(a, (e, 3)), points, EDGES)


def test_histogram_gradients_in_weights_edges_and_data():
    x, w = V, RNG.random(5) + 0.1
    only = lambda *args, **kw: np.histogram(*args, **kw)[0]
    checked(lambda b: only(x, EDGES, weights=b), w)
    checked(lambda b: only(x, EDGES, weights=b, density=True), w)
    checked(lambda e, b: only(x, e, weights=b, density=True), EDGES, w)
    checked(lambda r: only(tg.tensor(x), 3, r, density=True), np.array([-1.1, 1.3]))
    checked(lambda a, b: only(a, 4, weights=b, density=True), x, w)
    checked(lambda a: only(a, "auto", density=True), x)
    assert gradcheck(lambda a: np.histogram(a, 4), [x])  # the edges
    assert gradient(lambda a: np.histogram_bin_edges(a, 2), x) == [0, 1.5, 1.5, 0, 0]
    assert gradcheck(lambda b: only(x, EDGES, weights=b), [w + 1j * w[::-1]])
    ours, of_w = gradient(lambda a, b: only(a, EDGES, weights=b), x, w)
    assert ours == [0] * 5  # which bin it falls into changes in steps
    assert of_w == [1, 0, 0, 1, 1]
    counts, edges = np.histogram(tg.tensor(x, requires_grad=True), 4)
    assert counts.dtype.kind == "i"
    assert not counts.requires_grad
    assert edges.requires_grad


def test_histogram_gradients_of_points():
    points, w = draw((12, 2), "f8"), RNG.random(12) + 0.1
    assert gradcheck(lambda a, b: np.histogramdd(a, 3, weights=b, density=True)[0], [points, w])
    assert gradgradcheck(lambda a, b: np.histogramdd(a, 3, weights=b, density=True)[0], [points, w])
    assert gradcheck(lambda a, b, c: np.histogram2d(a, b, [2, 3], weights=c), [points[:, 0], points[:, 1], w])
    checked(lambda e, b: np.histogramdd(points, [e, 2], density=True, weights=b)[0], EDGES, w)
    checked(lambda e: np.histogram2d(points[:, 0], points[:, 1], [e, EDGES], density=True)[0], EDGES)


# -- dtypes and dispatch ---------------------------------------------------------------------------------------


def test_single_precision_stays_single():
    x = X.astype(np.float32)
    for f in (
        np.median, np.nanmedian, np.nanmean, np.nanstd, np.nanvar, np.nanmax, np.nansum, np.nancumprod,
        lambda a: np.quantile(a, 0.3), lambda a: np.nanquantile(a, 0.3, axis=0),
        lambda a: np.quantile(a, np.float32(0.3), axis=1), lambda a: np.cov(a, dtype=np.float32),
        lambda a: np.histogram(x, EDGES, weights=a)[0],
    ):  # fmt: skip
        t = tg.tensor(x, requires_grad=True)
        y = f(t)
        assert y.dtype == np.asarray(f(x)).dtype == np.float32
        assert tg.grad(y.sum(), t).dtype == np.float32


def test_arrays_in_arrays_out_and_tensors_in_tensors_out():
    from tapegrad.ops import histogram, nan_functions

    assert type(statistics.median(X)) is np.ndarray
    assert type(nan_functions.nanmax(X)) is np.ndarray
    assert type(statistics.quantile(X, 0.3)) is np.ndarray
    assert [type(a) for a in histogram.histogram(X)] == [np.ndarray] * 2
    t = tg.tensor(X)
    assert type(statistics.quantile(X, tg.tensor(0.3))) is tg.Tensor
    for f in (np.nanargmax, np.nanargmin, np.median, np.bincount):
        assert type(f(t if f is not np.bincount else tg.tensor([1, 2]))) is tg.Tensor
    h, (first, second) = np.histogramdd(tg.tensor(X[:, :2]), 2)
    assert [type(a) for a in (h, first, second)] == [tg.Tensor] * 3


def test_memory_layout_does_not_matter():
    for layout in (lambda a: a[::-1, ::-2], np.asfortranarray, lambda a: a.T):
        x = layout(X)
        agree(lambda a: np.quantile(a, [0.3, 0.8], axis=0), x)
        agree(lambda a: np.nanvar(a, axis=1), layout(GAPS))
        agree(np.cov, x)
        agree(lambda a: np.histogram(a, EDGES), x)
        assert gradcheck(lambda a: np.median(a, axis=0), [x])
