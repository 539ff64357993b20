"""Norms and condition numbers: values over keywords, every order, zeros, ties, and what overflows."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from numpy.linalg import LinAlgError

import tapegrad as tg
from tapegrad.check import gradcheck, gradgradcheck
from tapegrad.forward import push
from tapegrad.ops import matrix_norm

INF = np.inf
RNG = np.random.default_rng(21)
OF_VECTORS = [None, 2, 1, 3, 4, 2.5, 1.5, 0.5, -1, -2.5, INF, -INF, np.float64(3), 0]
OF_MATRICES = [None, "fro", "f", "nuc", 2, -2, 1, -1, INF, -INF]
X, Z = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 3, 4)) + 1j * RNG.normal(size=(2, 3, 4))
KINDS = {
    "real": X,
    "complex": Z,
    "single": X.astype(np.float32),
    "ints": np.arange(24).reshape(2, 3, 4) - 9,
    "strided": Z[:, ::-1, ::2],
}


def leaf(a: Any) -> Any:
    return tg.tensor(a, requires_grad=a.dtype.kind in "fc")


def gradient(f: Any, a: Any) -> Any:
    t = leaf(np.asarray(a))
    return tg.grad(f(t).sum(), t).data


def same(f: Any, a: Any) -> None:
    """f of a Tensor agrees with f of its array in dtype, shape and value."""
    with np.errstate(divide="ignore"):  # 0 to a negative order
        ours, theirs = f(leaf(a)).data, np.asarray(f(a))
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    tolerance = 1e-5 if theirs.dtype.itemsize == 4 else 1e-12
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


# -- values --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", OF_VECTORS, ids=str)
def test_vectors_over_axes(kind, order):
    for axis, keepdims in itertools.product((0, -1, (1,)), (False, True)):
        same(lambda t: np.linalg.norm(t, order, axis, keepdims), KINDS[kind])
    for axis, keepdims in itertools.product((None, 1, (0, 2), (2, 1, 0), ()), (False, True)):
        same(lambda t: np.linalg.vector_norm(t, axis=axis, ord=order, keepdims=keepdims), KINDS[kind])
    same(lambda t: np.linalg.norm(t, order), KINDS[kind][0, 0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", OF_MATRICES, ids=str)
def test_matrices_over_pairs_of_axes(kind, order):
    for axis, keepdims in itertools.product(((0, 1), (1, 0), (-1, 0), (2, 1)), (False, True)):
        same(lambda t: np.linalg.norm(t, order, axis, keepdims), KINDS[kind])
    for keepdims in (False, True):
        same(lambda t: np.linalg.matrix_norm(t, ord="fro" if order is None else order, keepdims=keepdims), KINDS[kind])
    same(lambda t: np.linalg.norm(t, order), KINDS[kind][0])


def test_without_an_axis_or_an_order_all_elements_count():
    for a in KINDS.values():
        for keepdims in (False, True):
            same(lambda t: np.linalg.norm(t, keepdims=keepdims), a)
    same(np.linalg.norm, np.array(-3.0))
    assert type(tg.linalg.norm(X)) is np.ndarray


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3)])
def test_the_norm_of_nothing_is_what_numpy_says(shape):
    a = np.zeros(shape)
    orders = OF_VECTORS if len(shape) == 1 else OF_MATRICES
    for order in orders:
        f = lambda t: np.linalg.norm(t, order, (-2, -1) if len(shape) > 1 else None)
        with np.errstate(divide="ignore"):
            try:
                theirs = f(a)
            except ValueError:
                with pytest.raises(ValueError, match="zero-size"):
                    f(leaf(a))
                continue
            t = leaf(a)
            np.testing.assert_array_equal(f(t).data, theirs)
            assert tg.grad(f(t).sum(), t).shape == shape


# -- derivatives ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("a", [X[0], Z[0]], ids=["real", "complex"])
@pytest.mark.parametrize("order", OF_VECTORS[:-1], ids=str)
def test_gradients_of_norms_of_vectors(a, order):
    f = lambda t: np.linalg.norm(t, order, axis=1)
    assert gradcheck(f, [a], directions=1)
    assert gradgradcheck(f, [a], directions=1)
    t, v, u = leaf(a), RNG.normal(size=a.shape), RNG.normal(size=3)
    y = f(t)
    (ahead,) = push([y], [t], [v])
    np.testing.assert_allclose((ahead * u).sum(), np.real(np.conj(tg.grad(y, t, u).data) * v).sum())


@pytest.mark.parametrize("a", [X, Z[0], X[0].T], ids=["stack", "complex", "tall"])
@pytest.mark.parametrize("order", OF_MATRICES, ids=str)
def test_gradients_of_norms_of_matrices(a, order):
    f = lambda t: np.linalg.norm(t, order, axis=(-2, -1))
    assert gradcheck(f, [a], directions=1)
    assert gradgradcheck(f, [a], directions=1)


def test_the_gradient_of_the_number_of_nonzero_elements_is_zero():
    assert not gradient(lambda t: np.linalg.norm(t, 0), [0.0, 3.0, -4.0]).any()


def test_the_family_of_powers_is_closed():
    """d |x|**q = q * direction_to(x, q - 1), and so on: the fourth derivative of x**4 at 0 is 24."""
    t = leaf(np.array([0.0, -2.0]))
    y, derivatives = matrix_norm.size_to(t, exponent=4.0), []
    for _ in range(4):
        y = tg.grad(y.sum(), t, create_graph=True)
        derivatives.append(y.data)
    np.testing.assert_allclose(derivatives, [[0, -32], [0, 48], [0, -48], [24, 24]])


# -- zeros ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", OF_VECTORS, ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_the_norm_of_zero_has_gradient_zero_to_second_order(order, dtype):
    for a in (np.zeros(3, dtype), np.stack([np.zeros(3), [1.0, 2.0, 3.0]]).astype(dtype)):
        t = leaf(a)
        with np.errstate(divide="ignore"):
            y = np.linalg.norm(t, order, axis=-1)
        g = tg.grad(y.sum(), t, create_graph=True)
        assert not g.data.reshape(-1, 3)[0].any()
        if g.requires_grad:
            h = tg.grad(np.real(g).sum(), t, allow_unused=True)
            assert h is None or (np.isfinite(h.data).all() and not h.data.reshape(-1, 3)[0].any())


@pytest.mark.parametrize("order", [2, 1, 3, 4, 2.5, 1.5, 0.5])
def test_elements_that_are_zero_have_gradient_zero_and_spread_nothing(order):
    a = np.array([0.0, 3.0, -4.0])
    rest = gradient(lambda t: np.linalg.norm(t, order), a[1:])
    np.testing.assert_allclose(gradient(lambda t: np.linalg.norm(t, order), a), [0, *rest])
    if order == 1:
        return  # flat on both sides of each kink
    second = lambda t: tg.grad((tg.grad(np.linalg.norm(t, order), t, create_graph=True) * 1.0).sum(), t).data
    np.testing.assert_allclose(second(leaf(a))[1:], second(leaf(a[1:])), atol=1e-15)
    z = leaf(a + 0j)
    g = tg.grad(np.linalg.norm(z, order), z, create_graph=True)
    np.testing.assert_allclose(g.data, [0, *rest])
    assert np.isfinite(tg.grad(np.real(g).sum(), z).data).all()


def test_negative_orders_with_a_zero_are_zero():
    with np.errstate(divide="ignore"):
        t = leaf(np.array([0.0, 2.0, 3.0]))
        y = np.linalg.norm(t, -1)
    assert y.item() == 0
    assert not tg.grad(y, t).data.any()


@pytest.mark.parametrize("order", OF_MATRICES, ids=str)
def test_the_norm_of_the_zero_matrix_has_gradient_zero(order):
    np.testing.assert_array_equal(
        gradient(lambda t: np.linalg.norm(t, order, (-2, -1)), np.zeros((2, 3))), np.zeros((2, 3))
    )


def test_nuclear_norm_below_full_rank_leaves_the_null_space_alone():
    a = np.outer([1.0, 2.0, 2.0], [3.0, 4.0])
    np.testing.assert_allclose(gradient(lambda t: np.linalg.norm(t, "nuc"), a), a / 15, atol=1e-14)


def test_nuclear_norm_of_equal_singular_values_at_second_order():
    """At 1 the norm is the trace to first order, and turns cost: d2 along b is tr(k^T k) / 2 for k = (b - b^T) / 2."""
    t, b = leaf(np.eye(3)), RNG.normal(size=(3, 3))
    g = tg.grad(np.linalg.norm(t, "nuc"), t, create_graph=True)
    np.testing.assert_allclose(g.data, np.eye(3), atol=1e-14)
    turn = (b - b.T) / 2
    along = (tg.grad((g * b).sum(), t).data * b).sum()
    step = 1e-4
    values = [np.linalg.norm(np.eye(3) + k * step * b, "nuc") for k in (1, 0, -1)]
    assert along == pytest.approx((values[0] - 2 * values[1] + values[2]) / step**2, rel=1e-4)
    assert along == pytest.approx((turn * turn).sum())


# -- ties ----------------------------------------------------------------------------------------------------


def test_what_is_largest_more_than_once_shares_the_gradient():
    norm = np.linalg.norm
    np.testing.assert_array_equal(gradient(lambda t: norm(t, INF), [2.0, -2.0, 1.0]), [0.5, -0.5, 0])
    np.testing.assert_array_equal(gradient(lambda t: norm(t, -INF), [2.0, -1.0, 1.0]), [0, -0.5, 0.5])
    a = np.array([[1.0, -2.0], [2.0, 1.0]])  # both columns and both rows add up to 3
    for order in (1, INF, -1, -INF):
        np.testing.assert_array_equal(gradient(lambda t: norm(t, order), a), np.sign(a) / 2)
    turned = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
    for order in (2, -2):
        np.testing.assert_allclose(gradient(lambda t: norm(t, order), 2 * turned), turned / 3, atol=1e-14)


# -- size ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [2, 1, 3, 0.5, -1, INF])
@pytest.mark.parametrize("scale", [1e90, 1e-90])
def test_gradients_of_large_and_small_vectors(order, scale):
    a = np.array([1.0, -3.0, 2.0])
    f = lambda t: np.linalg.norm(t, order)
    np.testing.assert_allclose(gradient(f, scale * a), gradient(f, a))


def test_many_elements():
    a = RNG.normal(size=(300, 200))
    for order in (None, 3, 1):
        f = lambda t: np.linalg.vector_norm(t, ord=2 if order is None else order)
        y = np.linalg.vector_norm(a, ord=2 if order is None else order)
        p = order or 2
        np.testing.assert_allclose(gradient(f, a), np.sign(a) * (abs(a) / y) ** (p - 1))
        np.testing.assert_allclose(f(leaf(a)).data, y)
    assert gradient(np.linalg.norm, a.astype(np.float32)).dtype == np.float32


# -- condition numbers ---------------------------------------------------------------------------------------

SQUARES = RNG.normal(size=(2, 3, 3)) + 2 * np.eye(3)


@pytest.mark.parametrize("order", [None, 2, -2, 1, -1, INF, -INF, "fro", "nuc"], ids=str)
def test_cond(order):
    f = lambda t: np.linalg.cond(t, order)
    same(f, SQUARES)
    same(f, SQUARES.astype(np.float32))
    z = SQUARES[0] + 1j * SQUARES[1]
    np.testing.assert_allclose(f(leaf(z)).data, f(z).real, rtol=1e-12)  # older releases of NumPy give 3 + 0j
    assert f(leaf(z)).dtype == np.float64
    assert gradcheck(f, [SQUARES])
    assert gradgradcheck(f, [SQUARES[0] + 1j * SQUARES[1]], directions=1)


def test_cond_of_singular_matrices_is_infinite():
    stack = np.stack([SQUARES[0], np.zeros((3, 3)), np.ones((3, 3))])
    for order in (1, "fro", INF):
        t = leaf(stack)
        y = np.linalg.cond(t, order)
        np.testing.assert_allclose(y.data, np.linalg.cond(stack, order))
        g = tg.grad(y[0], t).data
        np.testing.assert_allclose(g[0], gradient(lambda t: np.linalg.cond(t, order), stack[0]))
        assert not g[1:].any()
    assert np.linalg.cond(leaf(np.zeros((2, 2)))).item() == INF
    assert np.linalg.cond(leaf(np.diag([1.0, 1e-17, 0.0]))).item() == INF
    np.testing.assert_array_equal(np.linalg.cond(leaf(np.full((2, 2), np.nan)), 1).data, np.nan)
    same(np.linalg.cond, X)


def test_cond_refuses_what_numpy_refuses():
    with pytest.raises(LinAlgError, match="empty"):
        np.linalg.cond(leaf(np.zeros((0, 3))))
    with pytest.raises(LinAlgError, match="one length"):
        np.linalg.cond(leaf(X[0]), 1)
    with pytest.raises(ValueError, match="order"):
        np.linalg.cond(leaf(SQUARES), 3)


# -- errors --------------------------------------------------------------------------------------------------


def test_orders_and_axes_that_make_no_sense():
    t = leaf(X)
    for f, error, text in (
        (lambda: np.linalg.norm(t, 2), ValueError, "vector_norm takes"),
        (lambda: np.linalg.norm(t, "fro"), ValueError, "one axis for vectors"),
        (lambda: np.linalg.norm(t, "nuc", 0), ValueError, "no order of a norm of vectors"),
        (lambda: np.linalg.vector_norm(t, ord="fro"), ValueError, "no order of a norm of vectors"),
        (lambda: np.linalg.norm(t, 3, (0, 1)), ValueError, "no order of a norm of matrices"),
        (lambda: np.linalg.matrix_norm(t, ord=0), ValueError, "no order of a norm of matrices"),
        (lambda: np.linalg.norm(t, axis=(0, 0)), ValueError, "repeated|Duplicate|distinct"),
        (lambda: np.linalg.norm(t, axis=[0, 1]), TypeError, "tuple of ints"),
        (lambda: np.linalg.norm(t, axis=3), np.exceptions.AxisError, "out of bounds"),
        (lambda: np.linalg.matrix_norm(leaf(X[0, 0])), np.exceptions.AxisError, "out of bounds"),
        (lambda: np.linalg.norm(t, leaf(np.array(2.5)), 0), TypeError, "ord must be a number"),
    ):
        with pytest.raises(error, match=text):
            f()


@pytest.mark.parametrize("p", [None, 2, 1, "fro", np.inf, "nuc", -1])
def test_an_infinite_condition_number_has_no_derivative(p):
    both = np.stack([np.diag([1.0, 2.0, 0.0]), np.diag([1.0, 2.0, 3.0])])
    x = tg.tensor(both, requires_grad=True)
    y = np.linalg.cond(x, p)
    assert y[0].item() == math.inf
    g = tg.grad(y[1], x, retain_graph=True).data  # of the other matrix it is asked for, and given
    assert np.isfinite(g).all() and not g[0].any() and g[1].any()
    with pytest.raises(LinAlgError, match="cond: the condition number of a singular matrix"):
        tg.grad(y.sum(), x)
    with pytest.raises(LinAlgError, match="cond: the condition number of a singular matrix"):
        tg.func.jvp(lambda a: np.linalg.cond(a, p), (both,), (np.ones_like(both),))
    moves = np.stack([np.zeros((3, 3)), np.ones((3, 3))])
    ahead = tg.func.jvp(lambda a: np.linalg.cond(a, p), (both,), (moves,))[1]
    assert ahead[1] == pytest.approx((g * moves)[1].sum())
