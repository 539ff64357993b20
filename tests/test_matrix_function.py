"""Functions of matrices and equations: SciPy's values, gradients to any order, also at equal eigenvalues."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest
import scipy.linalg
from matrices import adjoint, drawing, gradient, hermitian, leaf, same_numbers  # noqa: F401

import tapegrad as tg
from tapegrad import linalg as ours
from tapegrad.check import gradcheck, gradgradcheck
from tapegrad.ops.matrix_function import _divided_differences

LinAlgError = np.linalg.LinAlgError
RNG, normal, cplx = drawing(5)


def near_one(a):
    """A matrix whose eigenvalues are far from the negative axis."""
    return a / 4 + 2 * np.eye(a.shape[-1])


def ahead_equals_behind(f, a, along):
    _, pushed = tg.func.jvp(f, (a,), (along,))
    np.testing.assert_allclose(np.asarray(pushed), np.real(np.vdot(gradient(f, a), along)), rtol=1e-8, atol=1e-10)


# -- values --------------------------------------------------------------------------------------------------

FUNCTIONS = {
    **{name: getattr(ours, name) for name in ("expm", "logm", "sqrtm", "cosm", "sinm", "tanm")},
    **{name: getattr(ours, name) for name in ("coshm", "sinhm", "tanhm")},
    "power": lambda a: ours.fractional_matrix_power(a, 0.3),
    "inverse power": lambda a: ours.fractional_matrix_power(a, -1.6),
    "whole power": lambda a: ours.fractional_matrix_power(a, 3),
}
SCIPY = {
    "power": lambda a: scipy.linalg.fractional_matrix_power(a, 0.3),
    "inverse power": lambda a: scipy.linalg.fractional_matrix_power(a, -1.6),
    "whole power": lambda a: scipy.linalg.fractional_matrix_power(a, 3),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_of_functions(name):
    f, theirs = FUNCTIONS[name], SCIPY.get(name) or getattr(scipy.linalg, name)
    matrices = [normal(1, 1), normal(4, 4), cplx(3, 3), np.diag([1.0, 4.0, 4.0]), np.triu(normal(3, 3)) + 2 * np.eye(3)]
    for a in (*matrices, np.eye(2), near_one(normal(40, 40))):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = np.asarray(theirs(a))
        y = f(tg.tensor(a))
        np.testing.assert_allclose(y.data, expected, rtol=1e-9, atol=1e-10 * abs(expected).max())
        if "power" not in name:  # where SciPy may give a complex array without imaginary parts
            assert y.dtype == expected.dtype
        assert type(f(a)) is np.ndarray
    stack = near_one(normal(2, 1, 3, 3))
    np.testing.assert_allclose(f(stack)[1, 0], f(stack[1, 0]), rtol=1e-12)
    assert f(np.zeros((0, 2, 2))).shape == (0, 2, 2)
    for dtype in (np.float32, np.complex64):
        t = leaf(near_one(normal(3, 3)).astype(dtype))
        y = f(t)
        assert y.dtype == dtype
        assert tg.grad(abs(y).sum(), t).dtype == dtype
    with pytest.raises(LinAlgError, match=r"\(2, 3\)"):
        f(normal(2, 3))


def test_logarithms_and_powers_of_hard_matrices():
    for a in (
        normal(8, 8) * 10.0 ** RNG.uniform(-4, 4, 8),
        np.triu(normal(6, 6), 1) * 100 + np.eye(6),
        np.diag([1e-12, 1.0, 1e12]),
        1e8 * near_one(normal(5, 5)),
    ):
        x = ours.logm(a)
        np.testing.assert_allclose(scipy.linalg.expm(x), a, rtol=1e-8, atol=1e-9 * abs(a).max())
        root = ours.fractional_matrix_power(a, 1 / 3)
        np.testing.assert_allclose(root @ root @ root, a, rtol=1e-8, atol=1e-9 * abs(a).max())


# -- gradients -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("make", [normal, cplx], ids=["real", "complex"])
def test_gradients_of_functions(name, make):
    f, a = FUNCTIONS[name], near_one(make(3, 3) if make is normal else make(2, 2))
    gradcheck(f, [a], directions=1)
    gradgradcheck(f, [a], directions=1)
    real = lambda t: np.real(f(t) ** 2).sum()
    ahead_equals_behind(real, a, make(*a.shape))
    if make is normal:
        gradcheck(f, [near_one(make(2, 2, 2))], directions=1)


@pytest.mark.parametrize("name", ["expm", "logm", "sqrtm", "power"])
def test_the_third_derivative(name):
    f, weight = FUNCTIONS[name], normal(2, 2)

    def slope(t):
        (g,) = tg.grad((f(t) ** 2).sum(), [t], create_graph=True)
        return g

    gradgradcheck(lambda t: slope(t) * weight, [near_one(normal(2, 2))], directions=1)


SLOPES = {
    "expm": lambda x: np.exp(x), "logm": lambda x: 1 / x, "sqrtm": lambda x: 0.5 / np.sqrt(x),
    "cosm": lambda x: -np.sin(x), "sinm": lambda x: np.cos(x), "tanm": lambda x: 1 / np.cos(x) ** 2,
    "coshm": lambda x: np.sinh(x), "sinhm": lambda x: np.cosh(x), "tanhm": lambda x: 1 / np.cosh(x) ** 2,
    "power": lambda x: 0.3 * x**-0.7, "inverse power": lambda x: -1.6 * x**-2.6, "whole power": lambda x: 3 * x**2,
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_equal_eigenvalues_by_hand(name):
    """At x * 1 the derivative is f'(x) times the direction; at a Jordan block there is one too."""
    f, weight = FUNCTIONS[name], normal(3, 3)
    g = gradient(lambda t: (f(t) * weight).sum(), 1.2 * np.eye(3))
    np.testing.assert_allclose(g, SLOPES[name](1.2) * weight, rtol=1e-12)
    gradcheck(f, [np.array([[1.2, 1.0, 0.0], [0.0, 1.2, 1.0], [0.0, 0.0, 1.2]])], directions=1)


def test_the_derivative_of_large_exponentials():
    a, weight = normal(40, 40), normal(40, 40)
    expected = scipy.linalg.expm_frechet(a.T, weight, compute_expm=False)
    np.testing.assert_allclose(gradient(lambda t: (ours.expm(t) * weight).sum(), a), expected, rtol=1e-9, atol=1e-10)
    small = normal(3, 3)
    for scale in (1e-150, 1.0, 1e150):
        g = gradient(lambda t, s=scale: (ours.expm(t) * (s * weight[:3, :3])).sum(), small)
        expected = scipy.linalg.expm_frechet(small.T, weight[:3, :3], compute_expm=False)
        np.testing.assert_allclose(g / scale, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["logm", "sqrtm", "power"])
def test_real_matrices_with_complex_results_have_real_gradients(name):
    f, weight = FUNCTIONS[name], cplx(3, 3)
    a = normal(3, 3) @ np.diag([-1.0, 2.0, 3.0])
    a = a @ np.diag([-1.0, 2.0, 3.0]) @ np.linalg.inv(a)  # one negative eigenvalue
    loss = lambda t: np.real(f(t) * np.conjugate(weight)).sum()
    assert f(a).dtype == np.complex128
    assert gradient(loss, a).dtype == np.float64
    gradcheck(loss, [a])
    gradgradcheck(loss, [a], directions=1)
    mixed = np.stack([a, near_one(normal(3, 3))])
    gradcheck(lambda t: np.real(f(t) * np.conjugate(weight)), [mixed], directions=1)


def test_the_exponent_of_a_power():
    a, t = near_one(normal(3, 3)), np.array(0.7)
    gradcheck(ours.fractional_matrix_power, [a, t])
    gradgradcheck(ours.fractional_matrix_power, [a, t], directions=1)
    with pytest.raises(ValueError, match="one number"):
        ours.fractional_matrix_power(a, leaf(np.ones(2)))


def test_singular_matrices():
    singular = np.diag([4.0, 1.0, 0.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root = ours.sqrtm(leaf(singular))
    np.testing.assert_allclose(root.data, np.diag([2.0, 1.0, 0.0]), atol=1e-12)
    with pytest.raises(LinAlgError, match="sqrtm at a singular matrix"):
        root.sum().backward()
    np.testing.assert_allclose(ours.fractional_matrix_power(singular, 0.5), np.diag([2.0, 1.0, 0.0]), atol=1e-12)
    with pytest.raises(LinAlgError, match="singular"):
        gradient(lambda t: ours.fractional_matrix_power(t, 0.5).sum(), singular)
    # the part that is not singular, by divided differences
    g = gradient(lambda t: ours.matrix_function(np.sqrt, t)[0, 0], singular)
    np.testing.assert_allclose(g, np.diag([0.25, 0.0, 0.0]), atol=1e-14)


# -- triangular systems --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 40])
@pytest.mark.parametrize("make", [normal, cplx], ids=["real", "complex"])
def test_solve_triangular(make, n):
    a = make(n, n) / n + 2 * np.eye(n)
    for trans in (0, 1, 2, "N", "T", "C"):
        for lower in (False, True):
            for unit in (False, True):
                options = {"trans": trans, "lower": lower, "unit_diagonal": unit}
                for b in (make(n), make(n, 2)):
                    expected = scipy.linalg.solve_triangular(a, b, **options)
                    y = ours.solve_triangular(leaf(a), b, **options)
                    np.testing.assert_allclose(y.data, expected, rtol=1e-9, atol=1e-12)
                if n == 3 and trans in (0, 1, 2):
                    f = lambda x, y, options=options: ours.solve_triangular(x, y, **options)
                    gradcheck(f, [a, make(n)], directions=1)
                    if lower:
                        gradgradcheck(f, [a, make(n)], directions=1)
                g = gradient(lambda t, o=options: abs(ours.solve_triangular(t, make(n, 2), **o)).sum(), a)
                unread = np.triu(g, 1) if lower else np.tril(g, -1)
                assert not unread.any()
                assert np.diagonal(g).any() != unit


@pytest.mark.parametrize("n", [2, 40])
def test_stacks_of_triangular_systems(n):
    for shape_a, shape_b in (
        ((3, n, n), (3, n, 2)),
        ((n, n), (2, 3, n, 1)),
        ((2, 1, n, n), (3, n, 2)),
        ((2, n, n), (n,)),
    ):
        a, b = normal(*shape_a) / n + 2 * np.eye(n), normal(*shape_b)
        y = ours.solve_triangular(leaf(a), b, lower=True)
        columns = b[:, None] if b.ndim == 1 else b
        expected = np.linalg.solve(np.tril(a), columns)
        np.testing.assert_allclose(y.data, expected[..., 0] if b.ndim == 1 else expected, rtol=1e-9, atol=1e-12)
        if n == 2:
            gradcheck(lambda x, y: ours.solve_triangular(x, y, lower=True), [a, b], directions=1)
            gradgradcheck(lambda x, y: ours.solve_triangular(x, y, lower=True), [a, b], directions=1)


def test_errors_of_triangular_systems():
    a = np.eye(3)
    with pytest.raises(LinAlgError, match=r"\(2, 3\)"):
        ours.solve_triangular(np.ones((2, 3)), np.ones(2))
    with pytest.raises(ValueError, match="3 rows"):
        ours.solve_triangular(a, np.ones(2))
    with pytest.raises(ValueError, match="trans"):
        ours.solve_triangular(a, np.ones(3), trans="X")
    with pytest.raises(ValueError, match="infs or NaNs"):
        ours.solve_triangular(a, np.array([1.0, np.nan, 1.0]))
    assert np.isnan(ours.solve_triangular(a, np.array([1.0, np.nan, 1.0]), check_finite=False)).any()
    for n in (3, 40):
        with pytest.raises(LinAlgError, match=r"[Ss]ingular"):
            ours.solve_triangular(np.triu(np.ones((n, n))) - np.eye(n), np.ones(n))
    assert ours.solve_triangular(leaf(np.eye(3, dtype=np.float32)), np.ones(3, np.float32)).dtype == np.float32
    assert ours.solve_triangular(np.zeros((0, 0)), np.zeros((0, 2))).shape == (0, 2)


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("make", [normal, cplx], ids=["real", "complex"])
def test_cho_factor_and_cho_solve(make, lower):
    a = make(3, 3)
    a, b = a @ adjoint(a) + np.eye(3), make(3, 2)
    c, given = ours.cho_factor(leaf(a), lower)
    assert given is lower
    theirs = scipy.linalg.cho_factor(a, lower)[0]
    np.testing.assert_allclose(c.data, np.tril(theirs) if lower else np.triu(theirs), rtol=1e-12)

    def f(t, right):
        return ours.cho_solve(ours.cho_factor(hermitian(t), lower), right)

    np.testing.assert_allclose(f(leaf(a), b).data, np.linalg.solve(a, b), rtol=1e-10)
    gradcheck(f, [a, b], directions=1)
    gradgradcheck(f, [a, b[:, 0]], directions=1)
    g = gradient(lambda t: np.real(f(t, b)).sum(), a)
    expected = -hermitian(np.linalg.solve(a, np.ones((3, 2))) @ adjoint(np.linalg.solve(a, b)))
    np.testing.assert_allclose(g, expected, rtol=1e-9)


# -- lu ------------------------------------------------------------------------------------------------------

LU_SHAPES = [(3, 3), (4, 2), (2, 4), (2, 1, 3, 2), (1, 1), (2, 2, 3)]


@pytest.mark.parametrize("make", [normal, cplx], ids=["real", "complex"])
@pytest.mark.parametrize("shape", LU_SHAPES)
def test_lu(make, shape):
    a = make(*shape)
    for options in ({}, {"permute_l": True}, {"p_indices": True}):
        expected = scipy.linalg.lu(a, **options)
        found = ours.lu(leaf(a), **options)
        assert len(found) == len(expected)
        for x, y in zip(found, expected, strict=True):
            assert type(x) is tg.Tensor
            np.testing.assert_allclose(x.data, y, rtol=1e-9, atol=1e-12)
    p, low, up = ours.lu(leaf(a))
    np.testing.assert_allclose((p @ low @ up).data, a, atol=1e-13)
    assert not p.requires_grad
    f = lambda t: ours.lu(t, permute_l=True)
    gradcheck(f, [a], directions=1)
    if len(shape) < 4:
        gradgradcheck(f, [a], directions=1)
    real = lambda t: sum(np.real(x**2).sum() for x in ours.lu(t)[1:])
    ahead_equals_behind(real, a, make(*shape))
    assert type(ours.lu(a)[1]) is np.ndarray


@pytest.mark.parametrize("trans", [0, 1, 2])
@pytest.mark.parametrize("make", [normal, cplx], ids=["real", "complex"])
def test_lu_factor_and_lu_solve(make, trans):
    a, b = make(3, 3), make(3, 2)
    both, piv = ours.lu_factor(leaf(a))
    theirs = scipy.linalg.lu_factor(a)
    np.testing.assert_allclose(both.data, theirs[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(piv.data, theirs[1])
    f = lambda x, y: ours.lu_solve(ours.lu_factor(x), y, trans)
    turned = (a, a.T, adjoint(a))[trans]
    for right in (b, b[:, 0]):
        np.testing.assert_allclose(f(leaf(a), right).data, np.linalg.solve(turned, right), rtol=1e-9, atol=1e-11)
    gradgradcheck(f, [a, b[:, 0]], directions=1)
    stack = make(2, 3, 3)
    gradcheck(f, [stack, make(3, 2)], directions=1)
    assert ours.lu_solve(ours.lu_factor(stack), make(3, 2), trans).shape == (2, 3, 2)


def test_lu_of_singular_matrices():
    singular = np.array([[1.0, 2.0], [2.0, 4.0]])
    with pytest.warns(scipy.linalg.LinAlgWarning, match="Diagonal number 2 is exactly zero"):
        ours.lu_factor(singular)
    np.testing.assert_allclose(ours.lu(singular)[2], scipy.linalg.lu(singular)[2])
    with pytest.raises(LinAlgError, match="singular"):
        gradient(lambda t: ours.lu(t)[2].sum(), singular)
    with pytest.raises(ValueError, match="infs or NaNs"):
        ours.lu(np.array([[np.inf]]))
    assert [x.shape for x in ours.lu(np.zeros((0, 3)))[1:]] == [(0, 0), (0, 3)]


# -- Sylvester and Lyapunov ----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [normal, cplx], ids=["real", "complex"])
def test_sylvester_equations(make):
    a, b, q = near_one(make(3, 3)), near_one(make(2, 2)), make(3, 2)
    x = ours.solve_sylvester(leaf(a), b, q)
    np.testing.assert_allclose(x.data, scipy.linalg.solve_sylvester(a, b, q), rtol=1e-9, atol=1e-12)
    gradcheck(ours.solve_sylvester, [a, b, q], directions=1)
    gradgradcheck(ours.solve_sylvester, [a, b, q], directions=1)
    ahead_equals_behind(lambda t: np.real(ours.solve_sylvester(t, t[:2, :2], q)).sum(), a, make(3, 3))
    gradcheck(ours.solve_sylvester, [near_one(make(2, 3, 3)), b, make(2, 1, 3, 2)], directions=1)
    square = make(3, 3)
    np.testing.assert_allclose(
        ours.solve_continuous_lyapunov(a, square), scipy.linalg.solve_continuous_lyapunov(a, square), rtol=1e-9
    )
    gradcheck(ours.solve_continuous_lyapunov, [a, square], directions=1)
    for method in (None, "direct", "bilinear"):
        f = lambda s, t, method=method: ours.solve_discrete_lyapunov(s, t, method)
        np.testing.assert_allclose(
            f(a / 4, square), scipy.linalg.solve_discrete_lyapunov(a / 4, square, method), rtol=1e-8, atol=1e-11
        )
        gradcheck(f, [a / 4, square], directions=1)


def test_errors_of_equations():
    with pytest.raises(LinAlgError, match=r"eigenvalue in common \(1 and 1\)"):
        ours.solve_sylvester(np.diag([1.0, 2.0]), np.diag([-1.0, 5.0]), np.ones((2, 2)))
    turning = np.array([[0.0, 1.0], [-1.0, 0.0]])  # i and -i, as a pair in a real Schur form
    with pytest.raises(LinAlgError, match="in common"):
        ours.solve_sylvester(turning, turning, np.ones((2, 2)))
    np.testing.assert_array_equal(ours.solve_sylvester(turning, turning, np.zeros((2, 2))), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="as many rows"):
        ours.solve_sylvester(np.eye(2), np.eye(3), np.ones((3, 2)))
    for f in (ours.solve_continuous_lyapunov, ours.solve_discrete_lyapunov):
        with pytest.raises(ValueError, match="of one size"):
            f(np.eye(2), np.eye(3))
    with pytest.raises(ValueError, match="method"):
        ours.solve_discrete_lyapunov(np.eye(2), np.eye(2), "other")


# -- matrices of a pattern -----------------------------------------------------------------------------------


def test_block_diag():
    for xs in (
        [normal(2, 2), normal(3, 1)],
        [np.array(2.0), normal(3)],
        [normal(2, 2, 3), normal(1, 2)],
        [normal(0, 2)],
    ):
        np.testing.assert_array_equal(ours.block_diag(*map(leaf, xs)).data, scipy.linalg.block_diag(*xs))
        gradcheck(lambda *ts: ours.block_diag(*ts) * 1.0, xs, directions=1) if xs[0].size else None
    assert ours.block_diag().shape == scipy.linalg.block_diag().shape
    assert ours.block_diag(np.ones((1, 1), np.float32), np.ones((1, 1), complex)).dtype == np.complex128
    a, b = leaf(normal(2, 2)), leaf(normal(1, 2))
    (ours.block_diag(a, b) * np.arange(12.0).reshape(3, 4)).sum().backward()
    np.testing.assert_array_equal(a.grad.data, [[0.0, 1.0], [4.0, 5.0]])
    np.testing.assert_array_equal(b.grad.data, [[10.0, 11.0]])


def test_toeplitz():
    for c, r in (
        (normal(3), None),
        (cplx(3), None),
        (normal(3), normal(4)),
        (normal(2), normal(1)),
        (np.array(1.0), normal(2)),
    ):
        found = ours.toeplitz(leaf(c), None if r is None else leaf(r))
        np.testing.assert_array_equal(found.data, scipy.linalg.toeplitz(c, r))
        gradcheck(ours.toeplitz, [c] if r is None else [c, r], directions=1)
    c, r = leaf(np.zeros(2)), leaf(np.zeros(3))
    (ours.toeplitz(c, r) * np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])).sum().backward()
    np.testing.assert_array_equal(c.grad.data, [6.0, 4.0])
    np.testing.assert_array_equal(r.grad.data, [0.0, 8.0, 3.0])


# -- functions of Hermitian matrices -------------------------------------------------------------------------

Q = np.linalg.qr(normal(4, 4))[0]
U = np.linalg.qr(cplx(4, 4))[0]
REPEATED = {
    "one": np.eye(3),
    "zero": np.zeros((3, 3)),
    "three of one": hermitian(Q @ np.diag([2.0, 2.0, 2.0, 5.0]) @ Q.T),
    "complex": hermitian(U @ np.diag([2.0, 2.0, -1.0, -1.0]) @ U.conj().T),
    "nearly": hermitian(Q @ np.diag([2.0, 2.0 + 1e-9, 2.0 + 1e-5, 2.0 + 1e-2]) @ Q.T),
    "apart": hermitian(normal(3, 3)),
    "stack": np.stack([np.eye(2), np.diag([1.0, 2.0])]),
}


def cube(t):
    return t @ t @ t


@pytest.mark.parametrize("name", REPEATED)
def test_the_cube_at_equal_eigenvalues_to_third_order(name):
    a = REPEATED[name]
    weights = [hermitian(RNG.normal(size=a.shape) + (1j * RNG.normal(size=a.shape) if a.dtype.kind == "c" else 0))
               for _ in range(3)]  # fmt: skip
    inner = lambda x, w: np.real(x * np.conjugate(w)).sum()

    def derivatives(f):
        t, found = leaf(a), []
        y = inner(f(t), weights[0])
        for w in (*weights[1:], weights[0]):
            (g,) = tg.grad(y, [t], create_graph=True)
            found.append(g.data)
            y = inner(g, w)
        return found

    mine = derivatives(lambda t: ours.matrix_function(lambda w: w**3, t))
    for order, (x, y) in enumerate(zip(mine, derivatives(cube), strict=True)):
        np.testing.assert_allclose(x, hermitian(y), rtol=1e-9, atol=1e-9, err_msg=f"order {order + 1}")


@pytest.mark.parametrize("name", REPEATED)
def test_the_exponential_of_hermitian_matrices_is_expm(name):
    a = REPEATED[name]
    weight = hermitian(normal(*a.shape).astype(a.dtype))
    np.testing.assert_allclose(ours.matrix_function(np.exp, a), ours.expm(a), rtol=1e-11, atol=1e-12)
    slopes = [gradient(lambda t, f=f: np.real(f(t) * weight).sum(), a)
              for f in (lambda t: ours.matrix_function(np.exp, t), ours.expm)]  # fmt: skip
    np.testing.assert_allclose(slopes[0], hermitian(slopes[1]), rtol=1e-10, atol=1e-11)
    f = lambda t: ours.matrix_function(np.exp, hermitian(t))
    gradcheck(f, [a], directions=1)
    gradgradcheck(f, [a], directions=1)
    ahead_equals_behind(lambda t: np.real(f(t) * weight).sum(), a, weight)


def test_one_element_at_equal_eigenvalues():
    """What eigh must refuse: e^a[0, 1] at 1 moves by e * da[0, 1]."""
    g = gradient(lambda t: ours.matrix_function(np.exp, t)[0, 1], np.eye(3))
    expected = np.zeros((3, 3))
    expected[0, 1] = expected[1, 0] = np.e / 2
    np.testing.assert_allclose(g, expected, rtol=1e-14)


@pytest.mark.parametrize("gap", [0.0, 1e-14, 1e-10, 1e-6, 1e-4, 1e-2, 0.1])
def test_divided_differences_are_accurate_at_any_distance(gap):
    w = np.sort([1.0, 1 + gap, 1 + 2.5 * gap, 0.01, 0.01 + gap, 1e-6, 1e-6 * (1 + gap)])
    r = np.sqrt(w)
    first = _divided_differences(np.sqrt, w, 1)
    np.testing.assert_allclose(first, 1 / (r[:, None] + r), rtol=1e-13)
    a, b, c = np.ix_(r, r, r)
    second = _divided_differences(np.sqrt, w, 2)
    np.testing.assert_allclose(second, -1 / ((a + b) * (b + c) * (a + c)), rtol=1e-11)
    half = (w[:, None] - w) / 2
    ratio = np.where(half == 0, 1, np.sinh(half) / np.where(half == 0, 1, half))
    exact = np.exp((w[:, None] + w) / 2) * ratio
    np.testing.assert_allclose(_divided_differences(np.exp, w, 1), exact, rtol=1e-13)


def test_functions_with_kinks_jumps_and_constants():
    a = hermitian(Q @ np.diag([-1.0, -1.0, 0.5, 2.0]) @ Q.T)
    w, v = np.linalg.eigh(a)
    for f in (np.abs, np.sign, lambda w: np.maximum(w, 0.0), lambda w: w > 0, lambda w: 3.0, lambda w: 0.0 * w + 3.0):
        y = ours.matrix_function(f, leaf(a))
        np.testing.assert_allclose(y.data, v * f(w) @ v.T, atol=1e-13)
    gradcheck(lambda t: ours.matrix_function(np.abs, hermitian(t)), [a])
    gradcheck(lambda t: ours.matrix_function(np.sign, hermitian(t)), [a])
    gradgradcheck(lambda t: ours.matrix_function(np.sign, hermitian(t)), [a], directions=1)
    for f in (lambda w: 3.0, lambda w: w > 0):
        projector = lambda t, f=f: ours.matrix_function(f, hermitian(t))
        gradcheck(projector, [a])


def test_complex_functions():
    a = REPEATED["complex"]
    f = lambda t: ours.matrix_function(lambda w: np.exp(1j * w), hermitian(t))
    np.testing.assert_allclose(f(a), scipy.linalg.expm(1j * a), atol=1e-13)
    gradcheck(f, [np.eye(2) + 0j], directions=1)
    gradgradcheck(f, [np.eye(2)], directions=1)


def test_functions_of_other_tensors():
    a, p = hermitian(normal(3, 3)), np.array(1.7)
    f = lambda t, x: ours.matrix_function(lambda w: np.exp(w * x) + x**2, hermitian(t))
    gradcheck(f, [a, p])
    gradgradcheck(f, [a, p], directions=1)
    x = leaf(p)
    ours.matrix_function(lambda w: w * x, np.eye(2)).sum().backward()  # the matrix is constant
    np.testing.assert_allclose(x.grad.data, 2.0)
    with pytest.raises(LinAlgError, match="Detach"):
        f(leaf(np.eye(2)), leaf(p))
    assert type(f(np.eye(2), tg.tensor(p))) is np.ndarray


def test_transforms_of_matrix_functions():
    weight = hermitian(normal(2, 2))
    loss = lambda t: (ours.matrix_function(np.exp, t) * weight).sum()
    other = lambda t: (ours.expm(hermitian(t)) * weight).sum()
    for f in (tg.func.grad, tg.func.hessian):
        np.testing.assert_allclose(f(loss)(np.eye(2)), f(other)(np.eye(2)), rtol=1e-11, atol=1e-12)
    with tg.no_grad():
        assert not ours.matrix_function(np.exp, leaf(np.eye(2))).requires_grad


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_matrix_functions_in_single_precision(dtype):
    t = leaf(np.eye(3).astype(dtype))
    y = ours.matrix_function(np.exp, t)
    (g,) = tg.grad(abs(y).sum(), [t], create_graph=True)
    assert (y.dtype, g.dtype) == (dtype, dtype)
    np.testing.assert_allclose(g.data, np.e * np.eye(3), rtol=1e-6)


def test_errors_of_matrix_functions():
    with pytest.raises(TypeError, match="the matrix comes second"):
        ours.matrix_function(np.eye(2), np.exp)
    with pytest.raises(ValueError, match=r"element by element, but gave the shape \(2, 3\)"):
        ours.matrix_function(lambda w: np.stack([w, w]), np.eye(3))
    with pytest.raises(LinAlgError, match=r"\(2, 3\)"):
        ours.matrix_function(np.exp, normal(2, 3))


# -- SciPy ---------------------------------------------------------------------------------------------------


def test_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.linalg", None)
    for f in (ours.expm, ours.logm, ours.sqrtm, ours.lu):
        with pytest.raises(ImportError, match=r"pip install 'tapegrad\[scipy\]'"):
            f(np.eye(2))
    np.testing.assert_allclose(ours.matrix_function(np.exp, np.eye(2)), np.e * np.eye(2))
    np.testing.assert_array_equal(ours.toeplitz(np.arange(2.0)), [[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(5))
def test_against_jax(seed):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    rng = np.random.default_rng(seed)
    a, b, w = near_one(rng.normal(size=(4, 4))), rng.normal(size=(4, 2)), rng.normal(size=(4, 4))
    jsl = jax.scipy.linalg
    for mine, theirs in (
        (lambda t: (ours.expm(t) * w).sum(), lambda t: (jsl.expm(t) * w).sum()),
        (lambda t: (ours.lu(t)[1] * w).sum() + (ours.lu(t)[2] * w).sum(),
         lambda t: (jsl.lu(t)[1] * w).sum() + (jsl.lu(t)[2] * w).sum()),
        (lambda t: ours.solve_triangular(t, b, 1, True).sum(), lambda t: jsl.solve_triangular(t, b, 1, True).sum()),
        (lambda t: ours.lu_solve(ours.lu_factor(t), b, 1).sum(), lambda t: jsl.lu_solve(jsl.lu_factor(t), b, 1).sum()),
    ):  # fmt: skip
        np.testing.assert_allclose(gradient(mine, a), np.asarray(jax.grad(theirs)(a)), rtol=1e-9, atol=1e-10)
        ours_second = tg.func.hessian(mine)(a)
        np.testing.assert_allclose(ours_second, np.asarray(jax.hessian(theirs)(a)), rtol=1e-8, atol=1e-9)
