"""Reductions and running sums with every keyword, against NumPy for values and against differences for gradients."""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad.check import gradcheck, gradgradcheck
from tapegrad.ops.reduce import logsumexp

inf, nan = np.inf, np.nan
RNG = np.random.default_rng(11)
REDUCTIONS = [np.sum, np.prod, np.max, np.min, np.mean, np.var, np.std, np.ptp, np.average]
RUNNING = [np.cumsum, np.cumprod, *([np.cumulative_sum, np.cumulative_prod] if hasattr(np, "unstack") else [])]
DTYPES = ["f2", "f4", "f8", "c8", "c16", "i8", "u1", "?"]
SHAPES = [(), (0,), (1,), (5,), (3, 4), (0, 3), (2, 3, 4), (1, 1)]
AXES = [None, 0, -1, 1, (), (0,), (0, 1), (-1, 0), (0, 0), 5]


def draw(shape: tuple[int, ...], dtype: Any, rng: Any = RNG) -> Any:
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return np.asarray(rng.random(shape) < 0.5)
    if dtype.kind in "iu":
        return rng.integers(0, 4, shape).astype(dtype)
    x = rng.normal(size=shape) + (1j * rng.normal(size=shape) if dtype.kind == "c" else 0)
    return np.asarray(x).astype(dtype)


def outcome(f: Any, *args: Any) -> tuple[Any, set[str]]:
    """What a call gives, as an array or the class of its error, and which warnings it gives."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = f(*args)
        except Exception as error:
            return error, set()
    result = result.data if isinstance(result, tg.Tensor) else np.asarray(result)
    return result, {str(w.message) for w in caught if "encountered" not in str(w.message)}


def agree(f: Any, x: Any, ours: Any = None) -> None:
    """f of a Tensor is NumPy's f of an array: value, dtype, shape, warnings, class of error."""
    (theirs, warned), (mine, said) = outcome(f, x), outcome(ours or f, tg.tensor(x))
    if isinstance(theirs, Exception):
        kinds = [c for c in (ValueError, TypeError, IndexError, ArithmeticError) if isinstance(theirs, c)]
        assert any(isinstance(mine, c) for c in kinds), (theirs, mine)
        return
    assert not isinstance(mine, Exception), mine
    assert (mine.dtype, mine.shape) == (theirs.dtype, theirs.shape)
    coarse = {"float16": 4e-3, "float32": 2e-5, "complex64": 2e-5}.get(theirs.dtype.name, 1e-12)
    np.testing.assert_allclose(mine, theirs, rtol=coarse, atol=coarse)
    assert said == warned


def gradient(f: Any, *arrays: Any) -> Any:
    """The gradients of the sum of f's result (of the real part), as lists."""
    leaves = [tg.tensor(a, requires_grad=True) for a in arrays]
    found = tg.grad(np.real(f(*leaves)).sum(), leaves)
    lists = [g.data.tolist() for g in found]
    return lists[0] if len(lists) == 1 else lists


# -- values ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", REDUCTIONS, ids=lambda f: f.__name__)
def test_a_reduction_gives_what_numpy_gives(f):
    for shape, dtype, axis, keep in itertools.product(SHAPES, DTYPES, AXES, [False, True]):
        if f is np.average and 0 in shape:
            continue  # NumPy divides by the size of the result, without a need
        agree(lambda a, axis=axis, keep=keep: f(a, axis=axis, keepdims=keep), draw(shape, dtype))


@pytest.mark.parametrize("f", RUNNING, ids=lambda f: f.__name__)
def test_a_running_sum_gives_what_numpy_gives(f):
    for shape, dtype, axis in itertools.product(SHAPES, DTYPES, [None, 0, -1, 1, 5]):
        x = draw(shape, dtype)
        agree(lambda a, axis=axis: f(a, axis=axis), x)
        for wanted in ("f4", "u1", "i2", "?") if x.dtype.kind in "iub" else ("f4",):
            agree(lambda a, axis=axis, wanted=wanted: f(a, axis=axis, dtype=wanted), x.real)
        if f.__name__.startswith("cumulative"):
            agree(lambda a, axis=axis: f(a, axis=axis, include_initial=True), x)


def test_cumulative_sum_along_a_tuple_of_axes():
    if hasattr(np, "unstack"):
        x = draw((3, 4), "f8")
        agree(lambda a: np.cumulative_sum(a, axis=(1,)), x)
        agree(lambda a: np.cumulative_sum(a, axis=(1, 0)), x)
        with pytest.raises(ValueError, match="one axis at a time"):
            tg.cumulative_sum(tg.tensor(x), axis=(0, 1))


@st.composite
def calls(draw_one):
    """(function, array, keywords) of a reduction, the keywords legal or not."""
    f = draw_one(st.sampled_from(REDUCTIONS[:7]))
    shape = draw_one(st.sampled_from(SHAPES))
    rng = np.random.default_rng(draw_one(st.integers(0, 1 << 32)))
    x = draw(shape, draw_one(st.sampled_from(DTYPES)), rng)
    options: dict[str, Any] = {"axis": draw_one(st.sampled_from([a for a in AXES if not shape or a != 5]))}
    if not shape:
        options["axis"] = draw_one(st.sampled_from([None, ()]))
    if draw_one(st.booleans()):
        options["keepdims"] = draw_one(st.booleans())
    masks = [True, False, rng.random(shape) < 0.6, rng.random((2, *shape)) < 0.5, rng.random(shape[1:]) < 0.7]
    if draw_one(st.booleans()):
        options["where"] = draw_one(st.sampled_from(masks))
    if f in REDUCTIONS[:4] and draw_one(st.booleans()):
        starts = [0, 2.5, -1, None, True, 2 + 1j, np.float32(1.5), np.array(1.5), np.array([1.0, 2.0]), np.int64(3)]
        options["initial"] = draw_one(st.sampled_from(starts))
    if f in (np.sum, np.prod, np.mean, np.var, np.std) and draw_one(st.booleans()):
        options["dtype"] = draw_one(st.sampled_from(["f2", "f4", "f8", "c16", "i8", "?"]))
    if f in (np.var, np.std):
        options["ddof"] = draw_one(st.sampled_from([0, 1, 0.5, 100]))
        if draw_one(st.booleans()):
            options["mean"] = draw_one(st.sampled_from([0.5, np.float32(0.25), np.array(0.5)]))
    return f, x, options


@settings(max_examples=250, deadline=None)
@given(calls(), st.booleans())
def test_every_keyword_means_what_it_means_in_numpy(call, as_tensors):
    f, x, options = call
    if f in (np.var, np.std) and x.dtype == np.complex64 and "dtype" in options:
        return  # NumPy squares in single precision there, in an order of its own
    ours = {k: tg.tensor(v) if as_tensors and isinstance(v, np.ndarray) else v for k, v in options.items()}
    agree(lambda a: f(a, **options), x, lambda a: f(a, **ours))


@pytest.mark.thorough
@settings(max_examples=3000, deadline=None)
@given(calls(), st.booleans())
def test_every_keyword_means_what_it_means_in_numpy_at_length(call, as_tensors):
    f, x, options = call
    if f in (np.var, np.std) and x.dtype == np.complex64 and "dtype" in options:
        return
    ours = {k: tg.tensor(v) if as_tensors and isinstance(v, np.ndarray) else v for k, v in options.items()}
    agree(lambda a: f(a, **options), x, lambda a: f(a, **ours))


@pytest.mark.parametrize("layout", [lambda x: x[::-1, ::-2], np.asfortranarray, lambda x: x.T])
def test_memory_layout_does_not_matter(layout):
    x, mask = layout(draw((4, 6), "f8")), layout(draw((4, 6), "?"))
    for f in (np.sum, np.prod, np.mean, np.var):
        agree(lambda a, f=f: f(a, axis=1, where=mask), x)
        assert gradcheck(lambda a, f=f: f(a, axis=0, where=mask | True), [x])


# -- gradients -------------------------------------------------------------------------------------------------


def spaced(shape: tuple[int, ...], rng: Any, complex_too: bool = False) -> Any:
    """Numbers well apart, none near 0."""
    size = int(np.prod(shape))
    x = rng.permutation(np.linspace(-2, 2, size) + 0.03).reshape(shape)
    return np.asarray(x + 1j * rng.normal(size=shape) if complex_too else x)


@st.composite
def differentiable(draw_one):
    """A function of arrays that is smooth where they are: a reduction with keywords."""
    f = draw_one(st.sampled_from([*REDUCTIONS[:8], *RUNNING[:2]]))
    shape = draw_one(st.sampled_from([(), (1,), (5,), (3, 4), (2, 3, 2), (0, 3)]))
    rng = np.random.default_rng(draw_one(st.integers(0, 1 << 32)))
    arrays = [spaced(shape, rng, draw_one(st.booleans()) and f not in (np.max, np.min, np.ptp))]
    running = f in RUNNING
    axes = [None, *range(len(shape))] if running else [None, (), *range(len(shape)), tuple(range(len(shape)))]
    options: dict[str, Any] = {"axis": draw_one(st.sampled_from(axes))}
    if not running:
        options["keepdims"] = draw_one(st.booleans())
    extra = None
    if f in REDUCTIONS[:4] and (draw_one(st.booleans()) or (0 in shape and f in (np.max, np.min))):
        extra = "initial"
        arrays.append(np.array(0.017, arrays[0].dtype))
    if f in (np.var, np.std) and draw_one(st.booleans()):
        extra = "mean"
        arrays.append(np.asarray(np.sum(arrays[0], axis=options["axis"], keepdims=True) * 0.3))
    masked = f in (np.sum, np.prod, np.mean, np.var, np.std) or (f in (np.max, np.min) and extra)
    if masked and draw_one(st.booleans()):
        options["where"] = rng.random(shape) < 0.8
    if f in (np.var, np.std):
        options["ddof"] = draw_one(st.sampled_from([0, 1, 0.5]))

    def function(a: Any, *rest: Any) -> Any:
        return f(a, **options, **({extra: rest[0]} if rest else {}))

    return function, arrays, f


def _smooth(function: Any, arrays: Any, f: Any) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            value = np.asarray(function(*arrays))
    except (RuntimeWarning, ValueError):
        return False
    return bool(np.isfinite(value).all() and not (f is np.std and (abs(value) < 1e-8).any()))


@settings(max_examples=60, deadline=None)
@given(differentiable())
def test_gradients_of_reductions_with_keywords(case):
    function, arrays, f = case
    if not _smooth(function, arrays, f):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert gradcheck(function, arrays, directions=1)
        assert gradgradcheck(function, arrays, directions=1)


@pytest.mark.thorough
@settings(max_examples=600, deadline=None)
@given(differentiable())
def test_gradients_of_reductions_with_keywords_at_length(case):
    function, arrays, f = case
    if _smooth(function, arrays, f):
        assert gradcheck(function, arrays)
        assert gradgradcheck(function, arrays)


@settings(max_examples=60, deadline=None)
@given(differentiable(), st.integers(0, 1 << 32))
def test_forward_mode_of_reductions_is_the_transpose_of_backward(case, seed):
    function, arrays, f = case
    if not _smooth(function, arrays, f):
        return
    rng = np.random.default_rng(seed)
    like = lambda a: rng.normal(size=a.shape) + (1j * rng.normal(size=a.shape) if a.dtype.kind == "c" else 0)
    tensors, tangents = [tg.tensor(a) for a in arrays], [tg.tensor(like(a)) for a in arrays]
    y, pull = tg.func.vjp(function, *tensors)
    _, forward = tg.func.jvp(function, tuple(tensors), tuple(tangents))
    u = like(y)
    back = pull(tg.tensor(u))
    back = back if isinstance(back, tuple) else (back,)
    left = np.vdot(u, forward.data).real
    right = sum(np.vdot(g.data, t.data).real for g, t in zip(back, tangents))
    np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-2, 2), min_size=1, max_size=6), st.integers(-2, 2), st.lists(st.booleans(), min_size=6))
def test_ties_share_evenly_with_initial_as_one_of_them(values, start, mask):
    x, where = np.array(values, float), np.array(mask[: len(values)])
    for f in (np.max, np.min):
        best = f(x, initial=start, where=where)
        tied = np.append((x == best) & where, start == best)
        ours, of_start = gradient(lambda a, s, f=f: f(a, initial=s, where=where), x, np.array(float(start)))
        np.testing.assert_allclose([*ours, of_start], tied / tied.sum())


def test_an_infinite_initial_is_no_entry():
    x = np.array([-inf, -inf, 3.0])
    where = np.array([True, True, False])
    assert gradient(lambda a: np.max(a, initial=-inf, where=where), x) == [0.5, 0.5, 0.0]
    assert gradient(lambda a, s: np.max(a, initial=s, where=where[::-1] & ~where), x, -inf) == [[0.0, 0.0, 1.0], 0.0]
    assert gradient(lambda a, s: np.max(a, initial=s, where=False), x, -inf) == [[0.0, 0.0, 0.0], 1.0]


def test_the_largest_complex_number_goes_by_real_part_then_imaginary_part():
    z = np.array([1 + 2j, 1 + 3j, -5 + 9j, 1 + 3j])
    agree(np.max, z)
    assert gradient(np.max, z) == [0, 0.5, 0, 0.5]
    assert gradient(lambda a: np.min(a, initial=7 + 0j, where=[True, True, False, True]), z) == [1, 0, 0, 0]
    assert gradcheck(np.max, [np.array([1 + 2j, 2 - 1j, -3 + 4j])])


@pytest.mark.parametrize("junk", [nan, inf])
def test_what_is_masked_has_gradient_zero_whatever_it_is(junk):
    x, where = np.array([1.0, 3.0, junk]), np.array([True, True, False])
    assert gradient(lambda a: np.sum(a, where=where), x) == [1, 1, 0]
    assert gradient(lambda a: np.prod(a, where=where), x) == [3, 1, 0]
    assert gradient(lambda a: np.mean(a, where=where), x) == [0.5, 0.5, 0]
    assert gradient(lambda a: np.var(a, where=where), x) == [-1, 1, 0]
    assert gradient(lambda a: np.std(a, where=where), x) == [-0.5, 0.5, 0]
    assert gradient(lambda a: np.max(a, where=where, initial=0), x) == [0, 1, 0]


def test_the_spread_of_a_constant_has_gradient_zero_to_second_order():
    where = np.array([True, True, True, False])
    for f in (np.std, lambda a: np.std(a, where=where), lambda a: np.std(a, mean=2.0), lambda a: np.std(a, dtype="f8")):
        t = tg.tensor(np.full(4, 2.0), requires_grad=True)
        (first,) = tg.grad(f(t), [t], create_graph=True)
        (second,) = tg.grad((first * np.arange(4)).sum(), [t])
        assert first.tolist() == second.tolist() == [0.0] * 4


def test_the_variance_is_smooth_where_an_element_is_the_mean():
    where = np.array([True, True, True])
    t = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    hessian = tg.func.hessian(lambda a: np.var(a, where=where))(t)
    np.testing.assert_allclose(hessian.data, 2 / 3 * (np.eye(3) - 1 / 3), atol=1e-15)
    assert gradgradcheck(lambda a: np.var(a, mean=2.0), [np.array([1.0, 2.0, 3.0])])


def test_products_with_zeros():
    x = np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 5.0]])
    where = np.array([[True, True, False], [True, True, True]])
    assert gradient(lambda a: np.prod(a, axis=1, initial=2.0, where=where), x) == [[4.0, 0.0, 0.0], [0.0] * 3]
    z = np.array([0j, 2 + 1j, 0j, 1 - 1j])
    for f in (np.cumprod, np.prod, lambda a: np.cumprod(a[1:])):
        assert gradcheck(f, [z])
        assert gradgradcheck(f, [z])


def test_warnings_come_once_and_not_from_the_backward():
    t = tg.tensor([[3.0, 4.0], [1.0, 2.0]], requires_grad=True)
    some = np.array([[False, False], [True, True]])
    calls = {
        "Mean of empty slice": [lambda: np.mean(t, axis=1, where=some), lambda: np.mean(t[:0], axis=0)],
        "Degrees of freedom": [
            lambda: np.var(t, axis=1, where=some), lambda: np.std(t, axis=1, ddof=2), lambda: np.var(t[:0], axis=0),
            lambda: np.std(t, ddof=4, mean=1.0),
        ],
    }  # fmt: skip
    for message, functions in calls.items():
        for f in functions:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                y = f()
            assert [message in str(w.message) for w in caught].count(True) == 1
            tg.grad(y.sum(), t)  # warnings are errors here


def test_where_nothing_is_left_to_divide_by_a_zero_cotangent_stays_zero():
    t = tg.tensor([3.0, 5.0], requires_grad=True)
    for f in (
        lambda: np.var(t, ddof=2),
        lambda: np.std(t, ddof=2),
        lambda: np.var(t, ddof=2, where=np.array([True, True])),
        lambda: np.mean(t, where=np.array([False, False])),
    ):
        with pytest.warns(RuntimeWarning):
            y = f()
        assert tg.grad(np.where(False, y, 0.0), t).tolist() == [0.0, 0.0]
    with pytest.warns(RuntimeWarning):
        y = np.var(t, ddof=2)
    assert np.isnan(tg.grad(y, t).data).all()


# -- out, dtype, and what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize("f", [*REDUCTIONS[:8], *RUNNING[:2]], ids=lambda f: f.__name__)
def test_out_takes_the_value_and_the_history(f):
    x = draw((3, 4), "f8")
    plain = f(x, axis=0)
    for dtype in (np.float64, np.float32, np.complex128):
        theirs = f(x, axis=0, out=np.zeros(plain.shape, dtype))
        for out in (np.zeros(plain.shape, dtype), tg.tensor(np.zeros(plain.shape, dtype))):
            result = f(tg.tensor(x), axis=0, out=out)
            assert result is out
            np.testing.assert_allclose(out.data if isinstance(out, tg.Tensor) else out, theirs, rtol=1e-5, atol=1e-6)
    t = tg.tensor(x, requires_grad=True)
    out = tg.tensor(np.zeros(plain.shape))
    f(t, axis=0, out=out)
    np.testing.assert_allclose(tg.grad(out.sum(), t).data, tg.grad(f(t, axis=0).sum(), t).data)
    with pytest.raises(TypeError, match="cannot carry the gradient"):
        f(t, axis=0, out=np.zeros(plain.shape))
    with pytest.raises(ValueError):
        f(t, axis=0, out=tg.tensor(np.zeros(7)))
    with pytest.raises(TypeError, match=r"out must be|integer|cannot be cast|tuple"):
        f(t, axis=0, out=3)


def test_an_out_of_integers_is_for_values_only():
    x = np.array([1.75, 2.75])
    out = tg.tensor(np.zeros((), int))
    assert np.sum(tg.tensor(x), out=out).item() == np.sum(x, out=np.zeros((), int))
    with pytest.raises(TypeError, match="int64"):
        np.sum(tg.tensor(x, requires_grad=True), out=out)
    z = tg.tensor(x + 1j, requires_grad=True)
    with pytest.raises(TypeError, match="cannot carry"):
        np.sum(z, out=tg.tensor(0.0))


SMALL = ["bool", "int8", "int16", "int32", "uint8", "uint16", "uint32"]


@pytest.mark.parametrize("f", [*RUNNING, np.nancumsum, np.nancumprod, np.add.accumulate, np.multiply.accumulate])
def test_running_results_keep_the_small_integer_dtype_that_is_asked_for(f):
    for held, dtype in itertools.product([*SMALL, "float32"], SMALL):
        x = draw((5,), held)
        agree(lambda a, dtype=dtype: f(a, dtype=dtype), x)
        out = np.zeros(5, dtype)
        assert f(tg.tensor(x), dtype=dtype, out=out) is out
        assert np.array_equal(out, f(x, dtype=dtype))


def test_traces_keep_the_small_integer_dtype_that_is_asked_for():
    for held, dtype in itertools.product([*SMALL, "float32"], [*SMALL, None, "float64"]):
        agree(lambda a, dtype=dtype: np.trace(a, dtype=dtype), draw((3, 3), held))
        agree(lambda a, dtype=dtype: np.linalg.trace(a, dtype=dtype), draw((2, 3, 4), held))


def test_an_integer_dtype_ends_the_gradient_of_a_sum_and_is_refused_for_a_mean():
    t = tg.tensor([1.7, 2.7], requires_grad=True)
    assert not np.sum(t, dtype=int).requires_grad
    for f in (np.mean, np.var, np.std):
        with pytest.raises(TypeError, match=f"{f.__name__}: dtype int64"):
            f(t, dtype=np.int64)
    assert np.mean(t.detach(), dtype=int).item() == 1


@pytest.mark.parametrize("f", [np.sum, np.prod, np.mean, np.cumsum, np.cumprod])
def test_an_imaginary_part_is_not_lost_without_a_word(f):
    z = tg.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    with pytest.warns(np.exceptions.ComplexWarning):
        y = f(z, dtype=np.float64)
    assert y.dtype == np.float64
    assert tg.grad(y.sum(), z).dtype == np.complex128


def test_float32_stays_float32_with_keywords():
    x = draw((3, 4), "f4")
    mask = np.ones((3, 4), bool)
    for f in (
        lambda a: np.sum(a, initial=np.float64(0.5), where=mask),
        lambda a: np.max(a, initial=0.5, where=mask),
        lambda a: np.mean(a, where=mask),
        lambda a: np.std(a, where=mask, ddof=1),
        lambda a: np.var(a, mean=0.25),
        lambda a: np.average(a, weights=np.ones((3, 4), np.float32)),
        lambda a: logsumexp(a, b=np.float32(2)),
    ):
        t = tg.tensor(x, requires_grad=True)
        y = f(t)
        (first,) = tg.grad(y, [t], create_graph=True)
        assert y.dtype == first.dtype == np.float32
        assert all(node.dtype != np.float64 for node in tg.Tape.of(first).nodes if node.op is not None)


def test_half_precision_means_are_taken_in_single():
    x = np.full(3000, 30.0, np.float16)
    t = tg.tensor(x, requires_grad=True)
    for y in (np.mean(t), np.mean(t, where=np.ones(3000, bool))):
        assert y.item() == 30.0
        assert y.dtype == np.float16
        np.testing.assert_allclose(tg.grad(y, t).data, 1 / 3000, rtol=1e-3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda t: np.max(t, where=[True, False]), ValueError, "max: with where=, give initial="),
        (lambda t: np.max(t[:0]), ValueError, r"max: the axes \(0,\) of shape \(0,\) are empty"),
        (lambda t: np.var(t, ddof=1, correction=1), ValueError, "var: give ddof or correction"),
        (lambda t: np.var(t, ddof=t), TypeError, "var: ddof must be a number"),
        (lambda t: np.average(t, weights=[1.0, -1.0]), ZeroDivisionError, "sum to 0"),
        (lambda t: np.average(t, weights=[1.0]), TypeError, "name the axis"),
        (lambda t: np.average(t, axis=0, weights=[1.0]), ValueError, "do not fit"),
        (lambda t: np.sum(t, initial=np.ones(3)), ValueError, "sequence"),
        (lambda t: np.sum(t, where=np.arange(2)), TypeError, "bool"),
        (lambda t: logsumexp(t, 0, True), TypeError, "keepdims=True"),
    ],
)
def test_errors_say_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call(tg.tensor([1.0, 2.0], requires_grad=True))


def test_keepdims_that_was_not_given():
    t = tg.tensor([[1.0, 2.0]])
    for f in (np.sum, np.mean, np.max, np.var, np.average):
        assert f(t, axis=1, keepdims=np._NoValue).shape == (1,)


# -- average and logsumexp -------------------------------------------------------------------------------------


def test_average_with_weights_of_its_axes():
    x = draw((2, 3, 4), "f8")
    w = RNG.random((4, 2)) + 0.1
    agree(lambda a: np.average(a, axis=(2, 0), weights=w, keepdims=True), x)
    assert gradcheck(lambda a, b: np.average(a, axis=(2, 0), weights=b, returned=True), [x, w])
    for dtype in DTYPES:
        agree(lambda a: np.average(a, axis=1, weights=np.array([1, 2, 3, 4])), draw((3, 4), dtype))
        agree(lambda a: np.average(a, weights=np.arange(1, 5, dtype=np.float32)), draw((4,), dtype))


def test_logsumexp_with_weights_is_scipys():
    special = pytest.importorskip("scipy.special")
    a = np.array([[1.0, 2000.0, -3.0], [-inf, 4.0, 5.0]])
    b = np.array([[2.0, 0.0, -1.0], [1.0, -2.0, 3.0]])
    for options in ({}, {"axis": 1}, {"axis": 0, "keepdims": True}):
        with np.errstate(all="ignore"):
            theirs, their_sign = special.logsumexp(a, b=b, return_sign=True, **options)
        ours, sign = logsumexp(tg.tensor(a), b=b, return_sign=True, **options)
        np.testing.assert_allclose(ours.data, theirs)
        np.testing.assert_allclose(sign.data, their_sign)
    assert np.isnan(logsumexp(tg.tensor([1.0, 2.0]), b=np.array([1.0, -1.0])).item())
    a, b = draw((3, 4), "f8"), draw((3, 4), "f8")
    assert gradcheck(lambda x, w: logsumexp(x, 1, w, return_sign=True)[0], [a, b])
    assert gradgradcheck(lambda x, w: logsumexp(x, 1, w, return_sign=True)[0], [a, b])
    z = draw((4,), "c16")
    ours, sign = logsumexp(tg.tensor(z), return_sign=True)
    np.testing.assert_allclose(np.exp(ours.data) * sign.data, np.exp(z).sum())
    assert gradcheck(lambda x: logsumexp(x, return_sign=True), [z])
    gone = tg.tensor([0.0, 2000.0], requires_grad=True)
    assert tg.grad(logsumexp(gone, b=np.array([1.0, 0.0])), gone).tolist() == [1.0, 0.0]
    beyond, weights = tg.tensor([1000.0, 0.0], requires_grad=True), tg.tensor([0.0, 1.0], requires_grad=True)
    y = logsumexp(beyond, b=weights)  # what weighs nothing sets no scale
    assert y.item() == 0.0
    assert [g.tolist() for g in tg.grad(y, [beyond, weights])] == [[0.0, 1.0], [math.inf, 1.0]]
    nothing = tg.tensor(np.full((2, 2), [[-math.inf], [0.5]]), requires_grad=True)
    for options in ({"b": np.array([2.0, 2.0])}, {"return_sign": True}):
        y = logsumexp(nothing, 1, **options)
        y = y[0] if isinstance(y, tuple) else y
        assert tg.grad(y.sum(), nothing).tolist() == [[0.5, 0.5], [0.5, 0.5]]
