"""Polynomials: values and dtypes as in NumPy, gradients to second order, multiple zeros, errors."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.check import gradcheck, gradgradcheck

RNG = np.random.default_rng(12)
P, Q = RNG.normal(size=4), np.array([1.5, -0.4])
X = np.array([0.1, 0.9, 2.2, 2.9, 4.3, 5.0])
Y, Y2 = RNG.normal(size=6), RNG.normal(size=(6, 2))
W = RNG.uniform(0.5, 1.5, 6)


def agree(ours, theirs):
    ours = ours if isinstance(ours, tuple) else (ours,)
    theirs = theirs if isinstance(theirs, tuple) else (theirs,)
    for a, b in zip(ours, theirs, strict=True):
        a, b = np.asarray(a.data if isinstance(a, tg.Tensor) else a), np.asarray(b)
        assert a.dtype == b.dtype
        single = b.dtype in (np.float32, np.complex64)
        np.testing.assert_allclose(a, b, rtol=1e-4 if single else 1e-8, atol=1e-5 if single else 1e-10)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128, np.int64])
@pytest.mark.parametrize("f", [np.polyadd, np.polysub, np.polymul, np.polydiv], ids=lambda f: f.__name__)
def test_arithmetic(f, dtype):
    for n, m in ((4, 2), (2, 4), (1, 1), (3, 3)):
        a, b = (RNG.normal(size=k) * 4 for k in (n, m))
        a, b = a.astype(dtype), (b + 5).astype(dtype)
        agree(f(tg.tensor(a), tg.tensor(b)), f(a, b))
        if dtype is np.float64:
            gradcheck(f, [a, b])
            gradgradcheck(f, [a, b])
    zeros_in_front = np.array([0.0, 0.0, 1.0, 2.0])
    agree(f(tg.tensor(zeros_in_front), tg.tensor(Q)), f(zeros_in_front, Q))


def test_evaluation():
    for x in (X, X.reshape(2, 3), np.array(0.7), X.astype(np.float32), X + 1j):
        agree(np.polyval(tg.tensor(P), tg.tensor(x)), np.polyval(P, x))
        agree(np.polyval(P, tg.tensor(x)), np.polyval(P, x))
    gradcheck(np.polyval, [P, X])
    gradgradcheck(np.polyval, [P, X])
    shift = np.poly1d([1.0, 2.0])
    agree(np.polyval(tg.tensor(P), shift), np.asarray(np.polyval(P, shift)))


@pytest.mark.parametrize("m", [0, 1, 2, 5])
def test_derivatives_and_integrals(m):
    agree(np.polyder(tg.tensor(P), m), np.polyder(P, m))
    agree(np.polyint(tg.tensor(P), m), np.polyint(P, m))
    gradcheck(lambda p: np.polyint(p, m), [P])
    agree(np.polyder(tg.tensor(P.astype(np.float32)), m), np.polyder(P.astype(np.float32), m))


def test_constants_of_integration_have_gradients():
    gradcheck(lambda p, k: np.polyint(p, 2, k), [P, np.array([1.0, 2.0])])
    agree(np.polyint(tg.tensor(P), 2, 3.0), np.polyint(P, 2, 3.0))
    with pytest.raises(ValueError, match="constants"):
        np.polyint(tg.tensor(P), 3, [1.0, 2.0])


@pytest.mark.parametrize("zeros", [P, np.array([1 + 1j, 1 - 1j, 2]), np.array([]), RNG.normal(size=(3, 3)), np.eye(3)])
def test_from_zeros_and_matrices(zeros):
    agree(np.poly(tg.tensor(zeros)), np.poly(zeros))
    if zeros.size:
        gradcheck(np.poly, [zeros + 0.0 if zeros.dtype.kind == "f" else zeros + np.array([0.1, 0, 0])])
        gradgradcheck(np.poly, [zeros + 0.0 if zeros.dtype.kind == "f" else zeros + np.array([0.1, 0, 0])])


@pytest.mark.parametrize(
    "p",
    [np.array([1.0, -6.2, 11.3, -6.4]), np.array([2.0, 1.0, 3.0]), np.array([0.0, 1.0, -3.0, 2.0, 0.0, 0.0]), np.array([1 + 1j, 2.0, -1j])]
)  # fmt: skip
def test_zeros(p):
    agree(np.roots(tg.tensor(p)), np.roots(p))
    inner = np.trim_zeros(p)
    gradcheck(np.roots, [inner])
    gradgradcheck(np.roots, [inner])


def test_multiple_zeros_are_refused():
    t = tg.tensor([1.0, -2.0, 1.0], requires_grad=True)
    with pytest.raises(np.linalg.LinAlgError, match=r"multiple zero near 1"):
        tg.grad(np.roots(t)[0], t)
    with pytest.raises(np.linalg.LinAlgError, match="multiple"):
        tg.func.jvp(np.roots, (np.array([1.0, -2.0, 1.0]),), (np.array([0.0, 0.0, 1.0]),))
    single = tg.tensor(np.poly([1.0, 1.0, 3.0]), requires_grad=True)
    z = np.roots(single)
    far = int(np.argmax(np.real(z.data)))
    assert np.isfinite(tg.grad(np.real(z[far]), single).data).all()  # that one is simple
    assert np.roots(tg.tensor([0.0, 0.0])).shape == (0,)


def test_powers():
    for options in ({}, {"N": 0}, {"N": 1}, {"N": 5, "increasing": True}):
        for x in (X, X.astype(np.float32), np.array([1, 2, 3])):
            agree(np.vander(tg.tensor(x), **options), np.vander(x, **options))
        gradcheck(lambda x: np.vander(x, **options), [X])
    gradgradcheck(np.vander, [X])


@pytest.mark.parametrize("y", [Y, Y2], ids=["one", "two"])
@pytest.mark.parametrize("options", [{}, {"cov": True}, {"cov": "unscaled"}, {"full": True}])
@pytest.mark.parametrize("weighted", [False, True])
def test_fits(y, options, weighted):
    more = [W] if weighted else []

    def fit(x, y, *w):
        return np.polyfit(x, y, 2, w=w[0] if w else None, **options)

    agree(fit(tg.tensor(X), tg.tensor(y), *map(tg.tensor, more)), fit(X, y, *more))

    def floats(*args):
        found = fit(*args)
        found = found if isinstance(found, tuple) else (found,)
        return [t for t in found if isinstance(t, tg.Tensor) and t.dtype.kind == "f"]

    gradcheck(floats, [X, y, *more])
    gradgradcheck(lambda *args: floats(*args)[0], [X, y, *more])


def test_fits_say_what_is_wrong():
    with pytest.raises(TypeError, match=r"x .* and y"):
        np.polyfit(tg.tensor(X), Y[:3], 1)
    with pytest.raises(TypeError, match="w"):
        np.polyfit(tg.tensor(X), Y, 1, w=W[:2])
    with pytest.raises(ValueError, match="degree"):
        np.polyfit(tg.tensor(X), Y, -1)
    with pytest.raises(ValueError, match="few"):
        np.polyfit(tg.tensor(X[:3]), Y[:3], 2, cov=True)
    with pytest.warns(np.exceptions.RankWarning):
        np.polyfit(tg.tensor(np.ones(4)), np.arange(4.0), 2)
    with pytest.raises(ValueError, match="axis"):
        np.polyadd(tg.tensor(np.ones((2, 2))), P)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.polyfit(tg.tensor(X), Y, 1).shape == (2,)
