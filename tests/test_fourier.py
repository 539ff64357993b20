"""numpy.fft on Tensors: values over every keyword, adjoints at odd, even, cropped and padded lengths, both modes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.check import gradcheck, gradgradcheck

RNG = np.random.default_rng(31)
NORMS = (None, "backward", "ortho", "forward")
ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
SEVERAL = ("fftn", "ifftn", "rfftn", "irfftn", "fft2", "ifft2", "rfft2", "irfft2")
OF_REALS = ("rfft", "ihfft", "rfftn", "rfft2")
SIZES = (
    (None, None), (None, (0, 1)), ((2, 6), (0, 2)), ((2, 6), (1, 0)), ((3, 3), (1, 1)), ((3, -1), (0, 1)),
    ((-1, 3), (0, 1)), ((2, 3, 4), (0, 1, 2)), (None, (1,)), (None, (-1, 0, 1)), ((5, 1), (-1, 0)),
)  # fmt: skip


def draw(dtype: Any, *shape: int) -> Any:
    x = RNG.normal(size=shape) * 3
    return (x + 1j * RNG.normal(size=shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def agree(ours: Any, theirs: Any) -> None:
    assert type(ours) is tg.Tensor
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    single = theirs.dtype in (np.float16, np.float32, np.complex64)
    np.testing.assert_allclose(ours.data, theirs, rtol=1e-5 if single else 1e-12, atol=1e-4 if single else 1e-12)


def kinds(name: str) -> tuple[Any, ...]:
    return (np.float64,) if name in OF_REALS else (np.float64, np.complex128)


# -- one axis ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.complex128, np.complex64, np.int64, np.bool_])
@pytest.mark.parametrize("name", ONE)
def test_one_axis(name, dtype):
    if name in OF_REALS and np.dtype(dtype).kind == "c":
        with pytest.raises(TypeError, match="takes reals"):
            getattr(np.fft, name)(tg.tensor(draw(dtype, 3)))
        return
    f, x = getattr(np.fft, name), draw(dtype, 3, 4, 5)
    for n in (None, 1, 2, 3, 6, 7):
        for axis in (-1, 0, 1):
            for norm in NORMS:
                agree(f(tg.tensor(x), n, axis, norm), f(x, n, axis, norm))


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("name", ONE)
def test_gradients_along_one_axis(name, norm):
    f = getattr(np.fft, name)
    for length in (2, 5, 6):
        for n in (None, 1, 3, 4, 8):
            for dtype in kinds(name):
                gradcheck(lambda t, n=n: f(t, n, norm=norm), [draw(dtype, 2, length)], directions=1)


@pytest.mark.parametrize("name", ONE)
def test_second_order_along_one_axis(name):
    f = getattr(np.fft, name)
    for n in (4, 5):
        for dtype in kinds(name):
            square = lambda t, n=n: np.abs(f(t, n, axis=0)) ** 2
            gradgradcheck(square, [draw(dtype, 5, 2)], directions=1)
            gradgradcheck(lambda t, n=n: f(t * t, n), [draw(dtype, 2, 5)], directions=1)


def test_what_the_adjoints_are():
    """<u, F v> = <F* u, v>, written out for the half spectra: the ends stand for one entry, the others for two."""
    x = tg.tensor(draw(float, 6), requires_grad=True)
    u = draw(complex, 4)
    g = tg.grad(np.fft.rfft(x), x, u).data
    k, j = np.arange(4)[:, None], np.arange(6)
    np.testing.assert_allclose(g, np.sum(u[:, None] * np.exp(2j * np.pi * k * j / 6), axis=0).real)
    z = tg.tensor(draw(complex, 4), requires_grad=True)
    v = draw(float, 6)
    g = tg.grad(np.fft.irfft(z), z, v).data
    times = np.array([1, 2, 2, 1])
    expected = times * np.sum(v * np.exp(-2j * np.pi * k * j / 6), axis=1) / 6
    np.testing.assert_allclose(g, expected)
    assert g[0].imag == pytest.approx(0, abs=1e-15)  # the imaginary parts of the ends are not used
    assert g[3].imag == pytest.approx(0, abs=1e-15)


# -- several axes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", SEVERAL)
def test_several_axes(name, norm):
    f = getattr(np.fft, name)
    for dtype in (np.float64, np.complex64) if name not in OF_REALS else (np.float64, np.float32):
        x = draw(dtype, 3, 4, 5)
        for s, axes in SIZES:
            options = {} if axes is None else {"s": s, "axes": axes}
            agree(f(tg.tensor(x), norm=norm, **options), f(x, norm=norm, **options))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # without axes, s goes for the last ones; NumPy means to end that
            if name.endswith("n"):
                agree(f(tg.tensor(x), s=(2, 7)), f(x, s=(2, 7)))


@pytest.mark.parametrize("name", SEVERAL)
def test_gradients_over_several_axes(name):
    f = getattr(np.fft, name)
    for dtype in kinds(name):
        x = draw(dtype, 3, 2, 4)
        for s, axes in SIZES:
            options = {} if axes is None else {"s": s, "axes": axes}
            gradcheck(lambda t, options=options: f(t, norm="ortho", **options), [x], directions=1)
        gradgradcheck(lambda t: np.abs(f(t, s=(3, 3), axes=(2, 0))) ** 2, [x[:, :1]], directions=1)


def test_no_axes_and_empty_arrays():
    x = draw(float, 3, 4)
    agree(np.fft.fftn(tg.tensor(x), axes=()), np.fft.fftn(x, axes=()))
    empty = np.zeros((0, 4))
    for name in ("fft", "rfft", "ihfft", "fftn", "irfftn"):
        f = getattr(np.fft, name)
        options = {"axes": (1,)} if name.endswith("n") else {}
        agree(f(tg.tensor(empty), **options), f(empty, **options))
    t = tg.tensor(empty, requires_grad=True)
    assert tg.grad(np.fft.rfft(t), t, np.zeros((0, 3), complex)).shape == (0, 4)


@pytest.mark.parametrize("axes", [None, 0, -1, (0, 2), (0, 0), [1]])
@pytest.mark.parametrize("name", ["fftshift", "ifftshift"])
def test_shifts(name, axes):
    f = getattr(np.fft, name)
    x = draw(complex, 3, 4, 5)
    agree(f(tg.tensor(x), axes), f(x, axes))
    gradcheck(lambda t: f(t, axes) * np.arange(5), [x[:2]], directions=1)


# -- both modes, dtypes, layouts, out ------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ONE, *SEVERAL])
def test_forward_mode_equals_backward(name):
    f = getattr(np.fft, name)
    for dtype in kinds(name):
        x, v = draw(dtype, 3, 4), draw(dtype, 3, 4)
        options = {"axes": (1, 0)} if name in SEVERAL else {"n": 5}
        t = tg.tensor(x, requires_grad=True)
        y = f(t, **options)
        u = draw(y.dtype, *y.shape)
        _, ahead = tg.func.jvp(lambda a, options=options: f(a, **options), (x,), (v,))
        assert np.vdot(u, ahead).real == pytest.approx(np.vdot(tg.grad(y, t, u).data, v).real)
        agree(tg.tensor(ahead), f(v, **options))


@pytest.mark.parametrize("name", [*ONE, *SEVERAL])
@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_single_precision_stays(name, dtype):
    if name in OF_REALS and dtype == np.complex64:
        dtype = np.float32
    f, x = getattr(np.fft, name), draw(dtype, 3, 4)
    t = tg.tensor(x, requires_grad=True)
    y = f(t)
    assert y.dtype in (np.float32, np.complex64)
    assert tg.grad(y, t, np.ones(y.shape, y.dtype)).dtype == dtype


def test_layouts_and_arrays():
    x = draw(complex, 4, 6)
    for view in (x.T, x[::-1, ::-2], np.asfortranarray(x)):
        agree(np.fft.fft2(tg.tensor(view)), np.fft.fft2(view))
        assert type(tg.fft.fft2(view)) is np.ndarray
    np.testing.assert_array_equal(tg.fft.irfft([1, 2, 3]), np.fft.irfft([1, 2, 3]))


def test_out():
    x = tg.tensor(draw(float, 5), requires_grad=True)
    out = tg.zeros(3, dtype=complex)
    assert np.fft.rfft(x, out=out) is out
    np.abs(out).sum().backward()
    assert x.grad.shape == (5,)
    plain = np.zeros(5, complex)
    assert np.fft.fftn(tg.tensor(x.data), out=plain) is plain
    np.testing.assert_allclose(plain, np.fft.fft(x.data))
    with pytest.raises(TypeError, match="out is an ndarray"):
        np.fft.fft(x, out=plain)
    with pytest.raises(ValueError, match="shape"):
        np.fft.fft(tg.tensor(x.data), 4, out=plain)


def test_errors():
    t = tg.tensor(draw(float, 3, 4))
    for call, error, words in (
        (lambda: np.fft.fft(t, 0), ValueError, "cannot transform 0 entries"),
        (lambda: np.fft.irfft(t, -1), ValueError, "cannot transform -1"),
        (lambda: np.fft.irfft(t[:, :1]), ValueError, "cannot transform 0"),
        (lambda: np.fft.fft(t, norm="half"), ValueError, "norm 'half'"),
        (lambda: np.fft.fft(t, axis=2), np.exceptions.AxisError, "axis 2"),
        (lambda: np.fft.fftn(t, s=(3,), axes=(0, 1)), ValueError, "1 sizes for 2 axes"),
        (lambda: np.fft.rfftn(t, axes=()), IndexError, "needs an axis"),
        (lambda: np.fft.irfft2(t, axes=()), IndexError, "needs an axis"),
        (lambda: np.fft.fft(t, 2.5), TypeError, "float"),
        (lambda: np.fft.rfft2(t * 1j), TypeError, "takes reals"),
    ):
        with pytest.raises(error, match=words):
            call()


# -- frequencies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fftfreq", "rfftfreq"])
def test_frequencies(name):
    ours, theirs = getattr(tg.fft, name), getattr(np.fft, name)
    for n in (1, 2, 7, 8, 10):
        for d in (1.0, 0.1, 3):
            np.testing.assert_array_equal(ours(n, d).data, theirs(n, d))
            agree(ours(n, tg.tensor(float(d))), theirs(n, d))
    gradcheck(lambda d: ours(6, d), [np.array(0.3)])
    gradgradcheck(lambda d: ours(5, d), [np.array(0.3)])
    assert ours(4, device="cpu").shape == theirs(4).shape
    with pytest.raises(ValueError, match="device 'gpu'"):
        ours(4, device="gpu")
    with pytest.raises((ValueError, ZeroDivisionError)):
        ours(0)


def test_a_filter_in_the_frequencies_is_a_convolution():
    x, w = draw(float, 7), draw(float, 3)
    by_fft = lambda a, b: np.fft.irfft(np.fft.rfft(a, 9) * np.fft.rfft(b, 9), 9)
    np.testing.assert_allclose(by_fft(x, w), np.convolve(x, w))
    tx, tw = (tg.tensor(a, requires_grad=True) for a in (x, w))
    u = draw(float, 9)
    one, two = tg.grad(by_fft(tx, tw), [tx, tw], u), tg.grad(np.convolve(tx, tw), [tx, tw], u)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a.data, b.data, atol=1e-12)
    gradgradcheck(by_fft, [x, w], directions=1)
