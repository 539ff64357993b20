"""Linear systems, inverses, determinants and pseudo-inverses: values, every order, singular matrices, shared work."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from matrices import drawing, leaf, same_numbers  # noqa: F401
from numpy.linalg import LinAlgError

import tapegrad as tg
from tapegrad.check import gradcheck, gradgradcheck
from tapegrad.forward import push
from tapegrad.kernels import minors
from tapegrad.ops import least_squares, solve

RNG, normal, cplx = drawing(11)


def gradient(f: Any, a: Any, **options: Any) -> Any:
    t = leaf(a)
    return tg.grad(f(t).sum(), t, **options).data


def same(ours: Any, theirs: Any, tolerance: float = 1e-11) -> None:
    """Tensors or arrays that agree with NumPy's in dtype, shape and value."""
    ours, theirs = np.asarray(getattr(ours, "data", ours)), np.asarray(theirs)
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def tangents_agree(f: Any, *arrays: Any) -> None:
    """Forward mode against backward, for random directions and cotangents."""
    leaves = [leaf(a) for a in arrays]
    out = f(*leaves)
    u, vs = np.asarray(normal(*out.shape)), [normal(*a.shape) for a in arrays]
    (ahead,) = push([out], leaves, vs)
    back = tg.grad(out, leaves, u.astype(out.dtype))
    np.testing.assert_allclose(
        np.real(ahead * u).sum(), sum([np.real(g.data.conj() * v).sum() for g, v in zip(back, vs)]), rtol=1e-9
    )


# -- the derivatives of a determinant ------------------------------------------------------------------------


def by_expansion(a: Any, along: tuple[Any, ...]) -> Any:
    """The derivatives of the cofactors from Leibniz's formula: each direction takes one row."""
    n = len(a)
    out = np.zeros((n, n), complex)
    for i, j in itertools.product(range(n), repeat=2):
        for rows in itertools.permutations([r for r in range(n) if r != i], len(along)):
            m = a.astype(complex)
            m[i] = np.eye(n)[j]
            for row, b in zip(rows, along):
                m[row] = b[row]
            for p in itertools.permutations(range(n)):
                sign = (-1) ** sum(p[x] > p[y] for x in range(n) for y in range(x + 1, n))
                out[i, j] += sign * np.prod([m[x, p[x]] for x in range(n)])
    return out


def of_rank(n: int, rank: int, draw: Any = normal) -> Any:
    return draw(n, rank) @ draw(rank, n) if rank else np.zeros((n, n))


@pytest.mark.parametrize("draw", [normal, cplx], ids=["real", "complex"])
@pytest.mark.parametrize(
    ("n", "rank"), [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2), (3, 3), (4, 1), (4, 4)]
)
def test_derivatives_of_cofactors_of_every_rank_and_order(n, rank, draw):
    a = of_rank(n, rank, draw)
    for k in range(n + 1):
        along = tuple(draw(n, n) for _ in range(k))
        expected = by_expansion(a, along)
        found = minors.cofactors(a, along)
        np.testing.assert_allclose(found, expected if np.iscomplexobj(found) else expected.real, atol=1e-12)
        if rank == n:
            np.testing.assert_allclose(minors.cofactors(a, along, np.linalg.det(a)), found, atol=1e-12)


def test_close_to_a_singular_matrix_nothing_cancels():
    q = [np.linalg.qr(normal(3, 3))[0] for _ in range(2)]
    b = normal(3, 3)
    for s in ([1, 1e-4, 1e-5], [1, 1e-9, 1e-9], [1, 1, 1e-14], [1e-6, 1e-6, 1e-6]):
        a = q[0] * s @ q[1]
        crossed = [np.cross(a[i - 2], b[i - 1]) + np.cross(b[i - 2], a[i - 1]) for i in range(3)]  # bilinear in rows
        found = minors.cofactors(a, (b,))
        np.testing.assert_allclose(found, crossed, rtol=0, atol=1e-10 * abs(found).max())


def test_a_stack_takes_the_way_that_each_matrix_needs():
    stack = np.stack([normal(3, 3), of_rank(3, 2), np.zeros((3, 3)), np.full((3, 3), np.nan), normal(3, 3)])
    along = normal(5, 3, 3)
    for directions in ((), (along,)):
        found = minors.cofactors(stack, directions)
        assert np.isnan(found[3]).all()
        for i in (0, 1, 2, 4):
            alone = minors.cofactors(stack[i], tuple(b[i] for b in directions))
            np.testing.assert_allclose(found[i], alone, atol=1e-13)
    with np.errstate(invalid="ignore"):
        g = gradient(np.linalg.det, stack)
    assert np.isfinite(g[[0, 1, 2, 4]]).all()
    assert np.isnan(g[3]).all()


def test_third_and_fourth_derivatives_of_det_at_zero():
    def along(n, places):
        """The derivative of det at 0 (n, n) in the elements `places`, one after the other."""
        t = leaf(np.zeros((n, n)))
        y = np.linalg.det(t)
        for place in places:
            y = tg.grad(y, t, create_graph=True)[place]
        return y.item()

    assert along(2, [(0, 0), (1, 1)]) == pytest.approx(1)
    assert along(2, [(0, 1), (1, 0)]) == pytest.approx(-1)
    assert along(2, [(0, 0), (0, 1)]) == pytest.approx(0)
    assert along(3, [(0, 0), (1, 1), (2, 2)]) == pytest.approx(1)
    assert along(3, [(0, 1), (1, 0), (2, 2)]) == pytest.approx(-1)
    assert along(3, [(1, 2), (0, 1), (2, 0)]) == pytest.approx(1)
    assert along(4, [(0, 1), (1, 0), (2, 3), (3, 2)]) == pytest.approx(1)
    assert along(4, [(0, 1), (1, 2), (2, 3), (3, 0)]) == pytest.approx(-1)


def test_det_beyond_its_degree_is_flat():
    t = leaf(normal(2, 2))
    g = tg.grad(np.linalg.det(t), t, create_graph=True)
    h = tg.grad(g.sum(), t, create_graph=True)
    np.testing.assert_allclose(h.data, [[1, -1], [-1, 1]], atol=1e-14)  # of ad - bc
    third = tg.grad(h.sum(), t, allow_unused=True)
    assert third is None or not third.data.any()


@pytest.mark.parametrize("a", [normal(3, 3), of_rank(3, 2), of_rank(4, 2), of_rank(3, 2, cplx), np.zeros((2, 2))])
def test_det_forward_and_at_second_order(a):
    assert gradcheck(np.linalg.det, [a])
    assert gradgradcheck(np.linalg.det, [a])
    tangents_agree(np.linalg.det, a)


def test_det_of_no_rows_is_one():
    t = leaf(np.zeros((2, 0, 0)))
    y = np.linalg.det(t)
    same(y, np.ones(2))
    assert tg.grad(y.sum(), t).shape == (2, 0, 0)


def test_det_in_single_precision_is_worked_in_double():
    a = (np.eye(40) * 1e-1).astype(np.float32)  # the determinant, 1e-40, is no normal single
    g = gradient(np.linalg.det, a)
    assert g.dtype == np.float32
    np.testing.assert_allclose(np.diag(gradient(np.linalg.det, 20 * a[:30, :30])), np.full(30, 2.0**29), rtol=1e-5)


# -- slogdet -------------------------------------------------------------------------------------------------


def test_the_sign_of_a_complex_determinant_has_a_gradient():
    a = cplx(3, 3)
    assert gradcheck(lambda t: np.linalg.slogdet(t).sign, [a])
    assert gradgradcheck(lambda t: np.linalg.slogdet(t).sign, [a])
    assert not gradient(lambda t: np.linalg.slogdet(t).sign, normal(3, 3)).any()
    z = np.array([[3.0 + 4.0j]])  # the sine of its angle grows by cos(angle) / |z| along the unit vector i z / |z|
    np.testing.assert_allclose(gradient(lambda t: np.imag(np.linalg.slogdet(t).sign), z), 0.6 / 5 * 1j * z / 5)


def test_slogdet_of_a_stack_with_singular_matrices():
    stack = np.stack([normal(2, 2), np.ones((2, 2)), np.zeros((2, 2))])

    def regular(t):
        sign, size = np.linalg.slogdet(t)
        return np.where(sign.data != 0, size, 0.0)

    g = gradient(regular, stack)
    np.testing.assert_allclose(g[0], np.linalg.inv(stack[0]).T)
    assert not g[1:].any()
    with pytest.raises(LinAlgError, match="det has one"):
        gradient(lambda t: np.linalg.slogdet(t).logabsdet, stack)
    t = leaf(stack)
    with pytest.raises(LinAlgError, match="singular"):
        push([np.linalg.slogdet(t).logabsdet], [t], [np.ones_like(stack)])
    for move in (np.diag([1.0, -1.0]), np.array([[0.0, 1.0], [1.0, 0.0]])):  # whose traces are 0
        with pytest.raises(LinAlgError, match="singular"):
            tg.func.jvp(lambda x: np.linalg.slogdet(x).logabsdet, (np.diag([1.0, 0.0]),), (move,))


# -- inv and solve -------------------------------------------------------------------------------------------

SHAPES = [
    ((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (3,)), ((2, 3, 3), (3, 2)), ((3, 3), (4, 3, 2)),
    ((2, 1, 3, 3), (5, 3, 1)), ((3, 3, 3), (3, 3)), ((0, 0), (0,)), ((0, 0), (2, 0, 3)), ((3, 3), (3, 0)),
    ((0, 3, 3), (3,)), ((1, 1), (1,)),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), SHAPES)
@pytest.mark.parametrize("draw", [normal, cplx], ids=["real", "complex"])
def test_solve_by_shape(left, right, draw):
    a, b = draw(*left) + 3 * np.eye(left[-1]), draw(*right)
    same(np.linalg.solve(leaf(a), leaf(b)), np.linalg.solve(a, b))
    assert type(tg.linalg.solve(a, b)) is np.ndarray
    assert gradcheck(np.linalg.solve, [a, b], directions=1)
    assert gradgradcheck(np.linalg.solve, [a, b], directions=1)
    if a.size:
        tangents_agree(np.linalg.solve, a, b)
        tangents_agree(lambda t: np.linalg.solve(t, b), a)
        tangents_agree(lambda t: np.linalg.solve(a, t), b)


@pytest.mark.parametrize(("left", "right"), [(normal, cplx), (cplx, normal)])
def test_solve_of_real_by_complex(left, right):
    a, b = left(3, 3) + 3 * np.eye(3), right(3, 2)
    same(np.linalg.solve(leaf(a), leaf(b)), np.linalg.solve(a, b))
    assert gradcheck(np.linalg.solve, [a, b])
    assert gradient(lambda t: abs(np.linalg.solve(t, b)), a).dtype == a.dtype


def test_a_vector_is_what_has_one_axis():
    a = normal(2, 3, 3) + 3 * np.eye(3)
    for b in (normal(2, 3), normal(4), np.array(1.0)):  # not two vectors: one matrix of 2 rows
        with pytest.raises(ValueError, match="rows"):
            np.linalg.solve(leaf(a), b)
    with pytest.raises(ValueError, match="broadcast"):
        np.linalg.solve(leaf(a), normal(5, 3, 1))


def test_the_backward_of_solve_solves_once(monkeypatch):
    calls = []
    plain = np.linalg.solve
    monkeypatch.setattr(np.linalg, "solve", lambda *args: calls.append(args) or plain(*args))
    a, b = leaf(normal(3, 3) + 3 * np.eye(3)), leaf(normal(3, 2))
    y = tg.linalg.solve(a, b)
    g = normal(3, 2)
    assert len(calls) == 1
    both = tg.grad(y, [a, b], g, retain_graph=True)
    assert len(calls) == 2
    for one, t in zip(both, (a, b)):
        np.testing.assert_allclose(tg.grad(y, t, g, retain_graph=True).data, one.data)


def test_the_backward_of_inv_inverts_nothing(monkeypatch):
    t = leaf(normal(3, 3) + 3 * np.eye(3))
    y = tg.linalg.inv(t)
    monkeypatch.setattr(np.linalg, "inv", None)
    x = y.data
    np.testing.assert_allclose(tg.grad(y.sum(), t).data, -x.T @ np.ones((3, 3)) @ x.T)


@pytest.mark.parametrize(
    "a", [normal(3, 3), cplx(2, 2, 2), normal(2, 1, 4, 4)[:, :, ::-1], np.asfortranarray(normal(3, 3))]
)
def test_inv(a):
    same(np.linalg.inv(leaf(a)), np.linalg.inv(a))
    assert gradcheck(np.linalg.inv, [a])
    assert gradgradcheck(np.linalg.inv, [a])
    tangents_agree(np.linalg.inv, a)


# -- pseudo-inverses and least squares -----------------------------------------------------------------------


@pytest.mark.parametrize("draw", [normal, cplx], ids=["real", "complex"])
@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (3, 4), (2, 4, 3)])
def test_pinv_where_values_are_dropped_that_are_not_zero(shape, draw):
    """What is dropped turns the spaces of what is kept: Golub and Pereyra's formula alone is wrong here."""
    a = draw(*shape)
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    s = np.broadcast_to([2.0, 1.5, 0.7], s.shape)
    a = u * s[..., None, :] @ vh
    f = lambda t: np.linalg.pinv(t, rcond=0.5)
    same(f(leaf(a)), f(a))
    assert gradcheck(f, [a], directions=1)
    assert gradgradcheck(f, [a], directions=1)
    tangents_agree(f, a)


def test_pinv_at_a_lower_rank_that_other_directions_would_raise():
    """The cutoff keeps the rank, so the derivative exists in every direction, and so does the second."""
    a = np.diag([2.0, 1.0, 0.0])
    f = lambda t: np.linalg.pinv(t, rcond=1e-3)
    assert gradcheck(f, [a], eps=1e-4)
    t, b = leaf(a), np.ones((3, 3))
    h = tg.grad((tg.grad((f(t) * b).sum(), t, create_graph=True) * b).sum(), t).data
    step = 1e-5
    ahead, behind = ([gradient(lambda t: f(t) * b, a + k * step * b)] for k in (1, -1))
    np.testing.assert_allclose(h, (ahead[0] - behind[0]) / (2 * step), atol=1e-6)


def test_pinv_of_hermitian_matrices():
    for draw in (normal, cplx):
        a = draw(3, 3)
        a = a + a.conj().T
        half = lambda t: (t + np.conjugate(t.T)) / 2
        same(np.linalg.pinv(leaf(a), hermitian=True), np.linalg.pinv(a, hermitian=True))
        assert gradcheck(lambda t: np.linalg.pinv(half(t), hermitian=True), [a])
        g = gradient(lambda t: abs(np.linalg.pinv(t, hermitian=True)), a)
        np.testing.assert_allclose(g, g.conj().T)
        low = np.tril(a) + 1.0 * np.triu(np.ones((3, 3)), 1)  # only the lower triangle is read
        np.testing.assert_allclose(gradient(lambda t: abs(np.linalg.pinv(t, hermitian=True)), low), g, atol=1e-12)


def test_cutoffs_of_pinv():
    a = np.stack([np.diag([1.0, 0.3]), np.diag([1.0, 0.3])])
    rank = lambda **options: [np.linalg.matrix_rank(x) for x in np.linalg.pinv(leaf(a), **options).data]
    assert rank(rcond=np.array([0.1, 0.5])) == [2, 1]
    assert rank(rtol=0.5) == [1, 1]
    assert rank(rtol=None) == [2, 2]
    with pytest.raises(ValueError, match="rtol or rcond"):
        np.linalg.pinv(leaf(a), 0.1, rtol=0.1)
    assert np.linalg.pinv(leaf(np.zeros((2, 0, 3)))).shape == (2, 3, 0)
    with pytest.raises(LinAlgError, match="one length"):
        np.linalg.pinv(leaf(normal(2, 3)), hermitian=True)


def test_stein_solves_its_equation():
    m, n = (0.1 * (x + x.conj().T) for x in (cplx(3, 3), cplx(2, 2)))
    c = cplx(3, 2)
    z = solve.stein(m, n, c)
    np.testing.assert_allclose(z - m @ z @ n, c)


SYSTEMS = [
    (normal(5, 3), normal(5)), (normal(5, 3), normal(5, 2)), (normal(3, 5), normal(3)), (normal(3, 3), normal(3, 2)),
    (cplx(4, 2), normal(4)), (normal(4, 2), cplx(4, 2)), (normal(4, 1) @ normal(1, 3), normal(4, 2)),
    (normal(4, 3), normal(4, 0)), (normal(0, 3), normal(0, 2)), (normal(3, 0), normal(3)),
    (normal(4, 2).astype(np.float32), normal(4).astype(np.float32)),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), SYSTEMS)
def test_lstsq_gives_the_four_results_of_numpy(a, b):
    ours, theirs = np.linalg.lstsq(leaf(a), leaf(b)), np.linalg.lstsq(a, b)
    for x, y in zip(ours, theirs, strict=True):
        same(x, y, 1e-5 if a.dtype == np.float32 else 1e-11)
    if a.dtype == np.float64 and a.size and np.linalg.matrix_rank(a) == min(a.shape):
        floating = lambda *t: [x for x in np.linalg.lstsq(*t) if x.dtype.kind != "i"]
        assert gradcheck(floating, [a, b])
        assert gradgradcheck(floating, [a, b])
    for x, y in zip(tg.linalg.lstsq(a, b), theirs, strict=True):
        same(x, y, 1e-5 if a.dtype == np.float32 else 1e-11)


def test_lstsq_at_a_lower_rank_and_by_one_argument():
    a, b = np.diag([2.0, 1.0, 0.4])[:, ::-1] @ np.linalg.qr(normal(3, 3))[0], normal(3, 2)
    f = lambda x, y: np.linalg.lstsq(x, y, rcond=0.3)[0]
    assert np.linalg.lstsq(a, b, rcond=0.3)[2] == 2
    assert gradcheck(f, [a, b])
    assert gradgradcheck(f, [a, b])
    tangents_agree(f, a, b)
    x, y = leaf(a), leaf(b)
    g = normal(3, 2)
    both = tg.grad(f(x, y), [x, y], g)
    np.testing.assert_allclose(tg.grad(f(x, b), x, g).data, both[0].data)
    np.testing.assert_allclose(tg.grad(f(a, y), y, g).data, both[1].data)
    residuals = lambda t: np.linalg.lstsq(normal_tall, t)[1]
    normal_tall = normal(5, 2)
    assert gradcheck(residuals, [normal(5, 2)])


def test_the_smallest_residual_does_not_move_with_the_solution():
    a, b = normal(5, 2), normal(5)
    x, rest, *_ = np.linalg.lstsq(a, b)
    x = x[:, None]
    off = b[:, None] - a @ x
    np.testing.assert_allclose(gradient(lambda t: np.linalg.lstsq(t, b)[1], a), -2 * off @ x.T, atol=1e-12)
    np.testing.assert_allclose(gradient(lambda t: np.linalg.lstsq(a, t)[1], b), 2 * off[:, 0], atol=1e-12)
    assert least_squares.lstsq(a, b, rcond=-1)[2] == 2


def test_lstsq_refuses_what_numpy_refuses():
    for a, b in ((normal(3, 2), normal(4)), (normal(2, 3, 2), normal(3)), (normal(3, 2), normal(3, 1, 1))):
        with pytest.raises(LinAlgError, match="lstsq"):
            np.linalg.lstsq(leaf(a), b)


# -- made of products ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 100, -1, -3])
def test_matrix_power(n):
    a = normal(2, 3, 3) * 0.4 + np.eye(3) * 0.5
    f = lambda t: np.linalg.matrix_power(t, n)
    t = leaf(a)
    same(f(t), f(a))
    assert f(t) is not t
    assert gradcheck(f, [a])
    if abs(n) < 10:
        assert gradgradcheck(f, [a])


def test_matrix_power_of_integers_and_bools():
    a = np.array([[1, 2], [3, 4]])
    for x in (a, a > 1):
        for n in (0, 1, 3):
            same(np.linalg.matrix_power(tg.tensor(x), n), np.linalg.matrix_power(x, n))
    same(np.linalg.matrix_power(tg.tensor(a), -2), np.linalg.matrix_power(a, -2))
    with pytest.raises(TypeError, match="integer"):
        np.linalg.matrix_power(leaf(normal(2, 2)), 1.5)
    with pytest.raises(LinAlgError, match="square"):
        np.linalg.matrix_power(leaf(normal(2, 3)), 2)


def test_the_power_zero_does_not_depend_on_the_matrix():
    t = leaf(np.full((2, 2), np.inf))
    y = np.linalg.matrix_power(t, 0)
    same(y, np.eye(2))
    assert not tg.grad(y.sum(), t).data.any()


def test_multi_dot_into_out_and_between_vectors():
    a, b, c = normal(2, 5), normal(5, 3), normal(3, 4)
    out = tg.zeros((2, 4))
    assert np.linalg.multi_dot([leaf(a), b, c], out=out) is out
    same(out, a @ b @ c)
    same(np.linalg.multi_dot([leaf(a[0]), b, c[:, 0]]), a[0] @ b @ c[:, 0])
    same(np.linalg.multi_dot([leaf(a), b[:, 0]]), a @ b[:, 0])
    assert gradcheck(lambda *ts: np.linalg.multi_dot(ts), [a[0], b, c, normal(4)])
    with pytest.raises(LinAlgError, match="only at the ends"):
        np.linalg.multi_dot([leaf(a), b[:, 0], c])


def test_tensorsolve_and_tensorinv():
    a, b = normal(2, 3, 6), normal(2, 3)
    same(np.linalg.tensorsolve(leaf(a), leaf(b)), np.linalg.tensorsolve(a, b))
    assert gradcheck(np.linalg.tensorsolve, [a, b])
    turned = np.moveaxis(a, 2, 0)
    same(np.linalg.tensorsolve(leaf(turned), b, axes=(0,)), np.linalg.tensorsolve(turned, b, axes=(0,)))
    same(np.linalg.tensorsolve(leaf(np.array([[2.0]])), np.array([[3.0]])), np.array([[1.5]]))
    same(np.linalg.tensorinv(leaf(a), 2), np.linalg.tensorinv(a, 2))
    assert gradcheck(lambda t: np.linalg.tensorinv(t, 1), [normal(6, 2, 3)])
    for f in (lambda: np.linalg.tensorsolve(leaf(a), normal(2)), lambda: np.linalg.tensorinv(leaf(a), 1)):
        with pytest.raises(LinAlgError, match="elements"):
            f()
    with pytest.raises(ValueError, match="positive"):
        np.linalg.tensorinv(leaf(a), 0)
    with pytest.raises(ValueError, match="axes"):
        np.linalg.tensorsolve(leaf(a), b, axes=(7,))


def test_the_array_api_forms_of_cross_outer_trace_and_diagonal():
    x, v, w = normal(2, 3, 4), normal(2, 3), normal(3)
    for offset in (0, 1, -2, 9):
        same(np.linalg.diagonal(leaf(x), offset=offset), np.linalg.diagonal(x, offset=offset))
        same(np.linalg.trace(leaf(x), offset=offset), np.linalg.trace(x, offset=offset))
    same(np.linalg.trace(leaf(x), dtype=np.complex128), np.linalg.trace(x, dtype=np.complex128))
    small = np.arange(9, dtype=np.int8).reshape(3, 3)
    same(np.linalg.trace(tg.tensor(small)), np.linalg.trace(small))
    same(np.linalg.cross(leaf(v), leaf(w)), np.linalg.cross(v, w))
    same(np.linalg.cross(leaf(v.T), leaf(v[::-1].T), axis=0), np.linalg.cross(v.T, v[::-1].T, axis=0))
    same(np.linalg.outer(leaf(w), leaf(v[0])), np.linalg.outer(w, v[0]))
    assert gradcheck(np.linalg.cross, [v, w])
    assert gradcheck(lambda t: np.linalg.trace(t, offset=1), [x])
    with pytest.raises(ValueError, match="one axis"):
        np.linalg.outer(leaf(v), w)
    with pytest.raises(ValueError, match="3 elements"):
        np.linalg.cross(leaf(v[:, :2]), w)
    with pytest.raises(np.exceptions.AxisError):
        np.linalg.cross(leaf(w), w, axis=1)


def test_the_rank_is_an_integer():
    rank = np.linalg.matrix_rank(leaf(of_rank(3, 2)))
    assert isinstance(rank, tg.Tensor)
    assert rank.item() == 2
    assert not rank.requires_grad


def test_dtypes_that_lapack_has_not():
    for f in (np.linalg.inv, np.linalg.det, np.linalg.pinv, lambda t: np.linalg.solve(t, t)):
        with pytest.raises(TypeError, match="LAPACK has no float16"):
            f(leaf(np.eye(2, dtype=np.float16)))
    with pytest.raises(TypeError, match="LAPACK"):
        np.linalg.solve(leaf(np.eye(2)), np.ones(2, np.float16))


def test_a_list_of_tensors_is_a_matrix():
    x = leaf(2.0)
    y = tg.linalg.inv([[x, 0.0], [0.0, 4.0]])
    np.testing.assert_allclose(y.data, [[0.5, 0], [0, 0.25]])
    assert tg.grad(y.sum(), x).item() == -0.25
