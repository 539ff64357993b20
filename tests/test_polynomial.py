"""Polynomials: values and dtypes as in NumPy, gradients to second order, multiple zeros, errors."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.check import gradcheck, gradgradcheck
from tapegrad.ops import polynomial as ours

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
    gradgradcheck(np.polyval, [P + 1j, X - 0.5j])
    rows = RNG.normal(size=(3, 6))  # coefficients that differ from place to place
    agree(np.polyval(tg.tensor(rows), X), np.polyval(rows, X))
    gradcheck(np.polyval, [rows, X])
    for p in (np.zeros(0), np.array([2.0])):
        agree(np.polyval(p, tg.tensor(X)), np.polyval(p, X))
    gradgradcheck(np.polyval, [P, np.zeros(2)])  # no 0 / 0 at a zero of the powers
    with pytest.raises(TypeError, match="coefficients"):
        np.polyval(tg.tensor(1.0), X)


def test_a_polynomial_of_tensors():
    """numpy.poly1d holds a Tensor, and what it gives is recorded."""
    t = tg.tensor(P, requires_grad=True)
    a, b = np.poly1d(t), np.poly1d(P)
    shift = np.poly1d([1.0, 2.0])
    for f in (
        lambda p: p * shift, lambda p: p + shift, lambda p: shift - p, lambda p: p.deriv(), lambda p: p.integ(2, 1.0),
        lambda p: np.polydiv(p.coeffs, shift), lambda p: np.polyval(p.coeffs, shift),
    ):  # fmt: skip
        ours, theirs = f(a), f(b)
        for x, y in zip(*[r if isinstance(r, tuple) else (r,) for r in (ours, theirs)], strict=True):
            assert isinstance(x, np.poly1d)
            assert x.coeffs.requires_grad
            agree(x.coeffs, y.coeffs)
    agree(a(tg.tensor(X)), b(X))
    agree(np.sort_complex(a.roots), np.sort_complex(b.roots))
    gradcheck(lambda p, x: (np.poly1d(p) * shift).deriv()(x), [P, X])


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
    "p", [[1.0, -6.2, 11.3, -6.4], [2.0, 1.0, 3.0], [0.0, 1.0, -3.0, 2.0, 0.0, 0.0], [1 + 1j, 2.0, -1j]], ids=str
)
def test_zeros(p):
    agree(np.roots(tg.tensor(p)), np.roots(p))
    inner = np.trim_zeros(np.array(p))
    gradcheck(np.roots, [inner])
    gradgradcheck(np.roots, [inner])


def test_zeros_move_with_every_coefficient():
    """x**3 - 3 x**2 + 2 x: the zero at 0 moves by -1 / p'(0), the others by -(dp)(z) / p'(z)."""
    t = tg.tensor([1.0, -3.0, 2.0, 0.0], requires_grad=True)
    z = np.roots(t)
    for k, (at, slope) in enumerate(((2.0, 2.0), (1.0, -1.0), (0.0, 2.0))):
        assert z[k].item() == pytest.approx(at)
        np.testing.assert_allclose(tg.grad(z[k], t, retain_graph=True).data, [-(at**n) / slope for n in (3, 2, 1, 0)])
    lead = tg.tensor([0.0, 2.0, -6.0], requires_grad=True)  # e x**2 + 2 x - 6: x = 3 - 9 / 2 e
    np.testing.assert_allclose(tg.grad(np.roots(lead)[0], lead).data, [-4.5, -1.5, -0.5])


def test_zeros_to_second_and_third_order():
    """The zeros of x**2 - c are the roots of c."""
    c = tg.tensor(2.0, requires_grad=True)
    z = np.roots(np.stack([1.0, 0.0, -c]))
    z = z[int(np.argmax(z.data))]
    for n, expected in enumerate((0.5 * 2**-0.5, -0.25 * 2**-1.5, 0.375 * 2**-2.5), 1):
        z = tg.grad(z, c, create_graph=True)
        assert z.item() == pytest.approx(expected), n


def test_well_separated_zeros_of_a_high_degree_are_no_multiple_ones():
    t = tg.tensor(np.poly(np.arange(1.0, 11.0)), requires_grad=True)
    z = np.roots(t)
    np.testing.assert_allclose(tg.grad(z.sum(), t).data[1], -1.0, rtol=1e-3)  # their sum is -t[1] / t[0]


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


def test_zeros_in_front_of_a_factor_have_a_gradient():
    """(e x + 2)(x + 3): what there is of the product moves by 3 e at x."""
    a = tg.tensor([0.0, 2.0], requires_grad=True)
    y = np.polymul(a, np.array([1.0, 3.0]))
    assert y.tolist() == [2.0, 6.0]
    assert tg.grad(y, a, np.array([1.0, 0.0])).tolist() == [3.0, 1.0]


def test_characteristic_polynomial_at_equal_eigenvalues():
    """det(x - a) = x**2 - tr a x + det a: finite derivatives also where the eigenvalues have none."""
    for a in (np.eye(2), np.array([[2.0, 1.0], [0.0, 2.0]]), np.zeros((2, 2))):
        t = tg.tensor(a, requires_grad=True)
        np.testing.assert_allclose(tg.grad(np.poly(t)[2], t).data, [[a[1, 1], -a[1, 0]], [-a[0, 1], a[0, 0]]])
        gradgradcheck(np.poly, [a])


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_single_precision_stays(dtype):
    p, x = P.astype(dtype), X.astype(dtype)
    calls = {
        "polyval": (np.polyval, [p, x]), "polymul": (np.polymul, [p, x]), "poly": (np.poly, [p]),
        "roots": (np.roots, [p]), "polyadd": (np.polyadd, [p, x]), "vander": (lambda t: np.vander(t, 3), [x]),
        "matrix": (np.poly, [np.outer(p, p)]), "polydiv": (lambda a, b: np.polydiv(a, b)[0], [x, p]),
        "polyfit": (lambda a, b: np.polyfit(a, b, 2), [X.astype(np.float32), Y.astype(dtype)]),
    }  # fmt: skip
    for name, (f, arrays) in calls.items():
        ts = [tg.tensor(a, requires_grad=True) for a in arrays]
        y = f(*ts)
        assert y.dtype == f(*arrays).dtype, name
        for g, a in zip(tg.grad(np.sum(np.abs(y)), ts), arrays, strict=True):
            assert g.dtype == a.dtype, name


def test_forward_mode_equals_backward():
    calls = [
        (np.polyval, [P, X]), (np.roots, [np.array([1.0, -6.2, 11.3, -6.4])]), (np.poly, [RNG.normal(size=(3, 3))]),
        (lambda x: np.vander(x, 4), [X]), (lambda x, y: np.polyfit(x, y, 2), [X, Y]), (np.polymul, [P, Q]),
        (lambda u, v: np.polydiv(u, v)[0], [P, Q]),
    ]  # fmt: skip
    for f, arrays in calls:
        tangents = tuple(RNG.normal(size=a.shape) for a in arrays)
        y, moved = tg.func.jvp(f, tuple(arrays), tangents)
        u = RNG.normal(size=y.shape)
        back = tg.func.vjp(f, *arrays)[1](u)
        back = back if isinstance(back, tuple) else (back,)
        assert np.vdot(u, moved) == pytest.approx(sum(np.vdot(g, v) for g, v in zip(back, tangents, strict=True)))


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

    gradcheck(floats, [X, y, *more], directions=1)
    if weighted and "cov" not in options:
        gradgradcheck(lambda *args: floats(*args)[0], [X, y, *more], directions=1)


def test_a_fit_of_too_low_a_rank():
    """Three places for four coefficients: the shortest solution, in the scaled unknowns, and its gradient in y."""
    x = np.array([1.0, 1.0, 2.0, 3.0, 3.0])
    with pytest.warns(np.exceptions.RankWarning, match="rank is 3, not 4"):
        c = np.polyfit(x, tg.tensor(Y[:5]), 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        agree(c, np.polyfit(x, Y[:5], 3))
        gradcheck(lambda y: np.polyfit(x, y, 3), [Y[:5]])


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
    with pytest.raises(ValueError, match=r"\(2, 2\) and \(4,\)"):
        np.polyadd(tg.tensor(np.ones((2, 2))), P)
    with pytest.raises(ValueError, match="axis"):
        np.polymul(tg.tensor(np.ones((2, 2))), P)
    with pytest.raises(IndexError, match="coefficient"):
        np.polydiv(tg.tensor(P), [])
    with pytest.raises(TypeError, match="complex"):
        np.polyfit(tg.tensor(X), Y, 1, w=W + 1j)
    for f in (np.polyder, np.polyint):
        with pytest.raises(ValueError, match="order"):
            f(tg.tensor(P), -1)
    with pytest.raises(ValueError, match="columns"):
        np.vander(tg.tensor(X), -1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.polyfit(tg.tensor(X), Y, 1).shape == (2,)


def test_polynomials_of_two_variables():
    poly = np.polynomial.polynomial
    c, x, y = RNG.normal(size=(3, 4)), RNG.normal(size=5), RNG.normal(size=5)
    for more in (c, RNG.normal(size=(3, 4, 2))):
        agree(ours.polyval2d(tg.tensor(x), y, tg.tensor(more)), poly.polyval2d(x, y, more))
        agree(ours.polygrid2d(tg.tensor(x), y[:2], more), poly.polygrid2d(x, y[:2], more))
    gradcheck(ours.polyval2d, [x, y, c])
    gradgradcheck(ours.polygrid2d, [x[:2], y[:2], c])
    with pytest.raises(ValueError, match="one shape"):
        ours.polyval2d(tg.tensor(x), y[:2], c)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_first_coefficient_of_poly_is_1_whatever_the_zeros(bad):
    zeros = np.array([1.0, bad, 2.0])
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(np.poly(tg.tensor(zeros, requires_grad=True)).data, np.poly(zeros))
