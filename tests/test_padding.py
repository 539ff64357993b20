"""Every mode of numpy.pad: values over widths, lengths and dtypes, gradients, keywords and errors."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.check import gradcheck, gradgradcheck

RNG = np.random.default_rng(4)
MODES = ["constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect", "symmetric", "wrap"]
OPTIONS = {
    "constant": [{}, {"constant_values": 3}, {"constant_values": ((1, 2), (3, 4))}],
    "linear_ramp": [{}, {"end_values": 3}, {"end_values": ((1, 2), (0.5, 4))}],
    "reflect": [{}, {"reflect_type": "odd"}],
    "symmetric": [{}, {"reflect_type": "odd"}],
} | {
    mode: [{}, {"stat_length": 2}, {"stat_length": ((1, 3), (9, 1))}]
    for mode in ("maximum", "mean", "median", "minimum")
}
CASES = [(mode, options) for mode in MODES for options in OPTIONS.get(mode, [{}])]


@pytest.mark.parametrize(("mode", "options"), CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128, np.int64, np.bool_])
def test_values(mode, options, dtype):
    x = (RNG.normal(size=(3, 4)) * 5).astype(dtype)
    for array in (x, x[::-1, ::2], np.asfortranarray(x), x[:1, :1]):
        for widths in (0, 1, (1, 2), ((0, 1), (2, 0)), 7, ((9, 0), (1, 11))):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the value 0.5 among integers
                theirs = np.pad(array, widths, mode, **options)
            ours = np.pad(tg.tensor(array), widths, mode, **options)
            assert ours.dtype == theirs.dtype
            np.testing.assert_allclose(ours.data, theirs, rtol=1e-5, atol=1e-5 if dtype is np.float32 else 1e-12)


@pytest.mark.parametrize(("mode", "options"), CASES)
def test_gradients(mode, options):
    x = RNG.normal(size=(3, 4))
    for widths in (((1, 2), (0, 3)), ((0, 5), (9, 1))):
        gradcheck(lambda t: np.pad(t, widths, mode, **options), [x])
        gradgradcheck(lambda t: np.pad(t, widths, mode, **options) ** 3, [x])
    single = tg.tensor(x.astype(np.float32), requires_grad=True)
    assert tg.grad(np.pad(single, 2, mode, **options).sum(), single).dtype == np.float32


def test_borders_that_are_tensors_have_gradients():
    x, ends = RNG.normal(size=(3, 4)), RNG.normal(size=(2, 2))
    gradcheck(lambda t, v: np.pad(t, 2, constant_values=v), [x, ends])
    gradcheck(lambda t, v: np.pad(t, 2, "linear_ramp", end_values=v), [x, ends])
    gradcheck(lambda t, v: np.pad(t, ((1, 2), (2, 0)), constant_values=v), [x, np.array(0.5)])


def test_ties_of_a_maximum_share():
    x = tg.tensor([2.0, 2.0, 1.0], requires_grad=True)
    assert tg.grad(np.pad(x, (1, 0), "maximum")[0], x).tolist() == [0.5, 0.5, 0.0]


def test_a_function_as_mode():
    def border(vector, widths, axis, kwargs):
        before, after = widths
        vector[:before] = kwargs.get("value", 10) * vector[before]
        if after:
            vector[-after:] = axis

    x = RNG.normal(size=(2, 3))
    for widths, options in ((2, {}), (((1, 0), (2, 3)), {"value": 4})):
        ours = np.pad(tg.tensor(x), widths, border, **options)
        np.testing.assert_allclose(ours.data, np.pad(x, widths, border, **options))
        gradcheck(lambda t: np.pad(t, widths, border, **options), [x])


def test_no_axes_and_empty_axes():
    assert np.pad(tg.tensor(2.0), 1).item() == 2.0
    assert np.pad(tg.tensor(2.0), np.zeros((0, 2), int)).item() == 2.0
    assert np.pad(tg.tensor(np.zeros((0, 2))), 1).shape == (2, 4)
    assert np.pad(tg.tensor(np.zeros((0, 2))), ((0, 0), (1, 1)), "edge").shape == (0, 4)
    with pytest.raises(ValueError, match=r"axis 0 .* empty"):
        np.pad(tg.tensor(np.zeros((0, 2))), 1, "reflect")
    assert np.pad(tg.tensor([1.0, 2.0]), 1, "empty").shape == (4,)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda t: np.pad(t, -1), ValueError, "negative"),
        (lambda t: np.pad(t, 1.5), TypeError, "integers"),
        (lambda t: np.pad(t, ()), TypeError, "integers"),
        (lambda t: np.pad(t, 1, constant_values=None), TypeError, "object"),
        (lambda t: np.pad(t, 1, "mean", stat_length=(None, 1)), TypeError, "stat_length must be numbers"),
        (lambda t: np.pad(t, ((1, 2), (3, 4), (5, 6))), ValueError, "widths"),
        (lambda t: np.pad(t, 1, "nonsense"), ValueError, r"nonsense.*wrap"),
        (lambda t: np.pad(t, 1, "edge", end_values=1), ValueError, r"edge.*end_values.*none"),
        (lambda t: np.pad(t, 1, "reflect", reflect_type="up"), ValueError, "'up'"),
        (lambda t: np.pad(t, 1, "maximum", stat_length=0), ValueError, "stat_length of 0"),
        (lambda t: np.pad(t, 1, "mean", stat_length=-1), ValueError, "negative"),
        (lambda t: np.pad(t, 1, constant_values=np.ones(3)), ValueError, "constant_values"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call(tg.tensor(RNG.normal(size=(3, 4)), requires_grad=True))


def test_widths_by_axis():
    x = RNG.normal(size=(3, 4))
    np.testing.assert_array_equal(np.pad(tg.tensor(x), {0: 1, -1: (0, 2)}).data, np.pad(x, ((1, 1), (0, 2))))


def test_the_result_is_never_the_operand():
    x = tg.tensor([1.0, 2.0])
    for mode in MODES:
        assert np.pad(x, 0, mode) is not x


def test_lengths_are_rounded():
    x = RNG.normal(size=(3, 4))
    for mode in ("maximum", "mean", "median", "minimum"):
        theirs = np.pad(x, 2, mode, stat_length=1.5)
        np.testing.assert_allclose(np.pad(tg.tensor(x), 2, mode, stat_length=1.5).data, theirs)


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric", "wrap", "linear_ramp", "mean", "constant"])
def test_forward_mode_equals_backward(mode):
    x, v, u = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2)), RNG.normal(size=(12, 7))
    _, moved = tg.func.jvp(lambda t: np.pad(t, ((4, 5), (2, 3)), mode), (x,), (v,))
    back = tg.func.vjp(lambda t: np.pad(t, ((4, 5), (2, 3)), mode), x)[1](u)
    back = back[0] if isinstance(back, tuple) else back
    assert np.vdot(u, moved) == pytest.approx(np.vdot(back, v))
