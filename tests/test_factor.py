"""Factorisations of matrices: NumPy's values for every keyword, gradients where there are any, refusals where not."""

from __future__ import annotations

import numpy as np
import pytest
from matrices import adjoint, drawing, gradient, hermitian, leaf, same_numbers  # noqa: F401

import tapegrad as tg
from tapegrad.check import gradcheck, gradgradcheck
from tapegrad.ops import factor

LinAlgError = np.linalg.LinAlgError
RNG, normal, cplx = drawing(11)


def definite(a):
    return a @ adjoint(a) + 0.5 * np.eye(a.shape[-2])


def squared(x):
    return abs(x) ** 2


def ahead_equals_behind(f, a, along):
    """Re <u, J v> from forward mode and from backward, for a real f."""
    _, pushed = tg.func.jvp(f, (a,), (along,))
    pulled = gradient(f, a)
    np.testing.assert_allclose(np.asarray(pushed), np.real(np.vdot(pulled, along)), rtol=1e-9, atol=1e-11)


# -- values --------------------------------------------------------------------------------------------------

SHAPES = [(1, 1), (3, 3), (4, 2), (2, 4), (2, 3, 3), (2, 1, 2, 3), (0, 0), (0, 3), (3, 0), (0, 2, 2), (2, 0, 0)]
CALLS = {
    "qr": lambda a: np.linalg.qr(a),
    "qr complete": lambda a: np.linalg.qr(a, mode="complete"),
    "qr r": lambda a: (np.linalg.qr(a, "r"),),
    "svd": lambda a: np.linalg.svd(a),
    "svd reduced": lambda a: np.linalg.svd(a, full_matrices=False),
    "svd values": lambda a: (np.linalg.svd(a, compute_uv=False),),
    "svd hermitian": lambda a: np.linalg.svd(a, hermitian=True),
    "svd hermitian values": lambda a: (np.linalg.svd(a, hermitian=True, compute_uv=False),),
    "eig": lambda a: np.linalg.eig(a),
    "eigvals": lambda a: (np.linalg.eigvals(a),),
    "eigh": lambda a: np.linalg.eigh(a),
    "eigh U": lambda a: np.linalg.eigh(a, UPLO="U"),
    "eigvalsh": lambda a: (np.linalg.eigvalsh(a),),
    "eigvalsh u": lambda a: (np.linalg.eigvalsh(a, "u"),),
    "cholesky": lambda a: (np.linalg.cholesky(definite(a).astype(a.dtype)),),
    "cholesky upper": lambda a: (np.linalg.cholesky(definite(a).astype(a.dtype), upper=True),),
}


@pytest.mark.parametrize("name", CALLS)
def test_values_types_and_dtypes_are_numpys(name):
    f = CALLS[name]
    for shape in SHAPES:
        for dtype in (np.float64, np.float32, np.complex128, np.complex64, np.int64):
            a = (cplx(*shape) if np.dtype(dtype).kind == "c" else 3 * normal(*shape)).astype(dtype)
            if dtype is np.int64:  # few integers are often singular, where NumPy's svd of Hermitian ones is not unitary
                a += 20 * np.eye(*shape[-2:], dtype=dtype)
            for given in (a, np.asfortranarray(a), a[..., ::-1, :]):
                try:
                    expected = f(given)
                except LinAlgError:
                    with pytest.raises(LinAlgError):
                        f(tg.tensor(given))
                    continue
                ours = f(tg.tensor(given))
                assert type(ours).__name__ == type(expected).__name__
                assert getattr(ours, "_fields", None) == getattr(expected, "_fields", None)
                for x, y in zip(ours, expected, strict=True):
                    assert type(x) is tg.Tensor
                    assert (x.shape, x.dtype) == (y.shape, y.dtype)
                    loose = x.dtype in (np.float32, np.complex64)
                    np.testing.assert_allclose(x.data, y, rtol=2e-3 if loose else 1e-9, atol=1e-4 if loose else 1e-9)


def test_results_by_name_and_arrays_for_arrays():
    a = hermitian(normal(3, 3))
    np.testing.assert_array_equal(np.linalg.eigh(leaf(a)).eigenvalues.data, np.linalg.eigh(a).eigenvalues)
    for result in (factor.eigh(a), factor.svd(a), factor.qr(a), factor.eig(a), factor.qr(a, "raw")):
        assert all(type(x) is np.ndarray for x in result)
    assert type(factor.svdvals(a)) is np.ndarray
    np.testing.assert_allclose(np.linalg.svdvals(leaf(a)).data, np.linalg.svdvals(a))


def test_errors():
    for f in (np.linalg.eigh, np.linalg.eig, np.linalg.eigvals, np.linalg.eigvalsh, np.linalg.cholesky):
        with pytest.raises(LinAlgError, match=r"\(2, 3\)"):
            f(leaf(normal(2, 3)))
    for f in (np.linalg.qr, np.linalg.svd, np.linalg.svdvals, np.linalg.eigh):
        with pytest.raises(LinAlgError, match=r"\(3,\)"):
            f(leaf(normal(3)))
    with pytest.raises(LinAlgError):
        np.linalg.cholesky(leaf(-np.eye(2)))
    with pytest.raises(LinAlgError):
        np.linalg.eig(leaf(np.array([[np.nan, 1.0], [1.0, 1.0]])))
    with pytest.raises(ValueError, match="UPLO"):
        np.linalg.eigh(leaf(np.eye(2)), UPLO="X")
    with pytest.raises(ValueError, match="old releases"):
        np.linalg.qr(leaf(np.eye(2)), "economic")
    with pytest.raises(TypeError, match="float16"):
        np.linalg.svd(tg.tensor(np.eye(2, dtype=np.float16)))


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_single_precision_stays(dtype):
    a = (normal(4, 4) if dtype == np.float32 else cplx(4, 4)).astype(dtype)
    for f in (
        lambda t: sum(squared(x[..., 0]).sum() for x in np.linalg.qr(t)),
        lambda t: (lambda r: squared(r.U[0]).sum() + r.S[1])(np.linalg.svd(t)),
        lambda t: (lambda r: squared(r[1][0]).sum() + squared(r[0]).sum())(np.linalg.eig(t)),
        lambda t: (lambda r: squared(r[1][0]).sum() + r[0][0])(np.linalg.eigh(t)),
        lambda t: squared(np.linalg.cholesky(definite(t).astype(dtype))).sum(),
        lambda t: squared(np.linalg.eigvals(t)).sum(),
        lambda t: np.linalg.svdvals(t)[0] + np.linalg.eigvalsh(t)[0],
    ):
        t = leaf(a)
        y = f(t)
        (g,) = tg.grad(y, [t], create_graph=True)
        assert (y.dtype, g.dtype) == (np.float32, dtype)
        wide = leaf(a.astype(np.result_type(dtype, np.float64)))
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(g.data, tg.grad(f(wide), wide).data, rtol=2e-3, atol=2e-3)


def test_empty_matrices_have_empty_gradients():
    for shape in ((0, 0), (2, 0, 0), (0, 3, 3), (0, 2), (3, 0)):
        for f in (lambda t: np.linalg.svd(t).S.sum(), lambda t: np.linalg.qr(t).R.sum()):
            assert gradient(f, np.zeros(shape)).shape == shape
        if shape[-1] == shape[-2]:
            for f in (np.linalg.eigvalsh, np.linalg.cholesky, lambda t: np.linalg.eigh(t).eigenvectors):
                assert gradient(lambda t, f=f: f(t).sum(), np.zeros(shape)).shape == shape


# -- gradients -----------------------------------------------------------------------------------------------

RECTANGLES = [normal(4, 2), normal(2, 4), cplx(3, 2), cplx(2, 3), normal(2, 2, 3), normal(1, 1)]


@pytest.mark.parametrize("a", RECTANGLES, ids=lambda a: f"{a.dtype}{a.shape}")
def test_full_svd_to_second_order(a):
    left, right = normal(*a.shape[:-1], a.shape[-2]), normal(*a.shape[:-2], a.shape[-1], a.shape[-1])
    k = min(a.shape[-2:])

    def f(t):
        u, s, vh = np.linalg.svd(t)
        rest_u, rest_v = u[..., :, k:], adjoint(vh[..., k:, :])
        spaces = np.real(rest_u @ adjoint(rest_u) * left).sum() + np.real(rest_v @ adjoint(rest_v) * right).sum()
        return spaces + (squared(u[..., :k]) * left[..., :k]).sum() + (s**3).sum() + (squared(vh[..., 0, :])).sum()

    gradcheck(f, [a])
    gradgradcheck(f, [a])
    ahead_equals_behind(f, a, normal(*a.shape).astype(a.dtype))


@pytest.mark.parametrize("a", RECTANGLES, ids=lambda a: f"{a.dtype}{a.shape}")
def test_every_mode_of_qr_to_second_order(a):
    weight = normal(a.shape[-2], a.shape[-2])
    k = min(a.shape[-2:])

    def complete(t):
        q, r = np.linalg.qr(t, mode="complete")
        rest = q[..., k:]
        first = np.real(q[..., :k] * weight[:, :k]).sum()
        return np.real(rest @ adjoint(rest) * weight).sum() + first + squared(r - 1.0).sum()

    for f in (
        complete,
        lambda t: np.linalg.qr(t, "r"),
        lambda t: np.linalg.qr(t).Q,
        lambda t: np.linalg.qr(t).R,
    ):
        gradcheck(f, [a], directions=1)
        gradgradcheck(f, [a], directions=1)
    ahead_equals_behind(complete, a, normal(*a.shape).astype(a.dtype))


@pytest.mark.parametrize("a", [normal(3, 3), cplx(3, 3), normal(2, 4, 4)], ids=["real", "complex", "stack"])
def test_forward_mode(a):
    along = normal(*a.shape).astype(a.dtype)
    for f in (
        lambda t: (np.linalg.eigvalsh(t) ** 3).sum(),
        lambda t: (lambda r: (squared(r[1])[..., 0, :] * r[0]).sum())(np.linalg.eigh(t)),
    ):
        ahead_equals_behind(f, hermitian(a), hermitian(along))
    for f in (
        lambda t: squared(np.linalg.cholesky(definite(t)) - 1.0).sum(),
        lambda t: squared(np.linalg.cholesky(definite(t), upper=True) - 1.0).sum(),
        lambda t: (np.linalg.svdvals(t) ** 3).sum(),
        lambda t: (lambda r: (squared(r[1])[..., 0, :] * np.real(r[0])).sum())(np.linalg.eig(t)),
        lambda t: squared(np.linalg.eigvals(t)).sum(),
    ):
        ahead_equals_behind(f, a, along)


def test_cholesky_by_hand():
    np.testing.assert_allclose(gradient(lambda t: np.linalg.cholesky(t)[0, 0], np.array([[4.0]])), [[0.25]])
    # l = [[2, 0], [1, 3]]; l10 = a10 / l00, and the gradient in a10 is shared between both triangles
    g = gradient(lambda t: np.linalg.cholesky(t)[1, 0], np.array([[4.0, 2.0], [2.0, 10.0]]))
    np.testing.assert_allclose(g, [[-1 / 8, 1 / 4], [1 / 4, 0.0]])
    u = gradient(lambda t: np.linalg.cholesky(t, upper=True)[0, 1], np.array([[4.0, 2.0], [2.0, 10.0]]))
    np.testing.assert_allclose(u, g)


def test_eigenvalues_of_a_rotation():
    # i and -i; w = (trace +- sqrt(trace**2 - 4 det)) / 2, so that |w|**2 = det for both
    a = np.array([[0.0, -1.0], [1.0, 0.0]])
    for values in (np.linalg.eigvals, lambda t: np.linalg.eig(t).eigenvalues):
        g = gradient(lambda t: squared(values(t)).sum(), a)
        np.testing.assert_allclose(g, 2 * np.linalg.inv(a).T, atol=1e-14)


def test_eigenvalues_and_vectors_need_not_come_in_one_order():
    values = np.array([[3.0, 1.0, 2.0], [1.0, 2.0, 3.0]])
    order = factor._order(values, np.array([[1.0, 2.0, 3.0 + 1e-9], [1.0, 2.0, 3.0]]))
    np.testing.assert_array_equal(order, [[2, 0, 1], [0, 1, 2]])
    assert factor._order(values, values * (1 + 1e-12)) is None
    a = normal(6, 6)
    order = RNG.permutation(6)
    turned = np.linalg.eig(a)
    found = []
    for w, v in (turned, (turned[0][order], turned[1][:, order])):
        given = np.arange(6.0) + 1
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(factor, "eig_op", lambda t, w=w, v=v: (w, v))
            found.append(factor._eigvals_rule(given, a, turned[0]))
    np.testing.assert_allclose(found[0], found[1], atol=1e-12)


# -- equal values --------------------------------------------------------------------------------------------

SWAP = np.zeros((3, 3))
SWAP[0, 1] = 1.0


@pytest.mark.parametrize("weight", [SWAP, normal(3, 3)], ids=["one element", "any"])
def test_a_function_of_the_matrix_through_eigh_at_equal_values_is_refused(weight):
    """The gradients of the values may agree, and those of the vectors turn nothing: f' is missing all the same."""

    def f(t):
        w, v = np.linalg.eigh(t)
        return (v * np.exp(w) @ v.T * weight).sum()

    with pytest.raises(LinAlgError, match=r"repeated.*(used together|told apart).*matrix_function"):
        gradient(f, np.diag([1.0, 1.0, 2.0]))


@pytest.mark.parametrize("weight", [SWAP, normal(3, 3)], ids=["one element", "any"])
def test_a_function_of_the_matrix_through_svd_at_equal_values_is_refused(weight):
    def f(t):
        u, s, vh = np.linalg.svd(t)
        return (u * s**2 @ vh * weight).sum()

    with pytest.raises(LinAlgError, match=r"svd.*repeated.*matrix_function"):
        gradient(f, np.eye(3))


def test_the_second_derivative_within_equal_values_is_refused_also_where_the_gradients_agree():
    for f in (
        lambda t: (np.linalg.eigvalsh(t) ** 3).sum(),
        lambda t: (np.linalg.eigh(t).eigenvalues ** 3).sum(),
        lambda t: (np.linalg.svdvals(t) ** 3).sum(),
    ):
        t = leaf(2 * np.eye(3))
        (g,) = tg.grad(f(t), [t], create_graph=True)
        with pytest.raises(LinAlgError, match="repeated"):
            tg.grad(g[0, 1] + g[1, 0], t)


@pytest.mark.parametrize("make", [normal, cplx], ids=["real", "complex"])
def test_the_orthogonal_factor_at_equal_singular_values(make):
    """u @ vh of the polar decomposition is smooth there: at 1 it moves by the skew part of the matrix."""
    weight = make(3, 3)

    def f(t):
        u, _, vh = np.linalg.svd(t, full_matrices=False)
        return np.real(u @ vh * np.conjugate(weight[: len(t)])).sum()

    np.testing.assert_allclose(gradient(f, np.eye(3).astype(weight.dtype)), (weight - adjoint(weight)) / 2, atol=1e-14)
    weight, tall = make(5, 3), np.eye(5, 3).astype(weight.dtype)
    g = gradient(f, tall)  # below the square, as the columns lean out of the first three axes
    np.testing.assert_allclose(g[:3], (weight[:3] - adjoint(weight[:3])) / 2, atol=1e-14)
    np.testing.assert_allclose(g[3:], weight[3:], atol=1e-14)
    q = np.linalg.qr(make(3, 3))[0]
    gradcheck(f, [q @ np.diag([2.0, 2.0, 0.5]) @ adjoint(np.linalg.qr(make(3, 3))[0])])


def test_the_message_names_the_group_and_the_matrix():
    a = np.stack([np.diag([1.0, 2.0, 3.0]), np.diag([1.0, 4.0, 4.0])])
    with pytest.raises(LinAlgError, match=r"eigvalsh: the values 4 and 4 \(numbers 1 and 2 of matrix \(1,\)\)"):
        gradient(lambda t: np.linalg.eigvalsh(t)[:, 1].sum(), a)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_that_are_only_near_are_not_taken_for_equal(dtype):
    a = hermitian(normal(150, 150)).astype(dtype)
    given = normal(150).astype(dtype)
    w, v = np.linalg.eigh(a)
    np.testing.assert_allclose(gradient(lambda t: (np.linalg.eigvalsh(t) * given).sum(), a), v * given @ v.T, atol=1e-5)
    u, _, vh = np.linalg.svd(a)
    g = gradient(lambda t: (np.linalg.svdvals(t) * given).sum(), a)
    np.testing.assert_allclose(g, u * given @ vh, atol=3e-2 if dtype == np.float32 else 1e-9)


def test_values_that_rounding_has_parted_are_taken_for_equal():
    q = np.linalg.qr(normal(30, 30))[0]
    a = hermitian(q @ np.diag(np.repeat([1.0, 2.0, 7.0], 10)) @ q.T)
    assert np.ptp(np.linalg.eigvalsh(a)[:10]) > 0
    np.testing.assert_allclose(gradient(lambda t: (np.linalg.eigvalsh(t) ** 2).sum(), a), 2 * a, atol=1e-12)
    with pytest.raises(LinAlgError, match="repeated"):
        gradient(lambda t: np.linalg.eigvalsh(t)[3], a)


def test_the_largest_of_equal_singular_values_shares_its_gradient_whatever_rounding_does():
    q = np.linalg.qr(normal(4, 4))[0]
    assert np.ptp(np.linalg.svdvals(q)) > 0
    for a in (q, np.eye(4)):
        for f in (lambda t: np.linalg.norm(t, 2), lambda t: np.linalg.norm(t, -2)):
            np.testing.assert_allclose(gradient(f, a), a / 4, atol=1e-14)
        np.testing.assert_allclose(gradient(np.linalg.cond, a), np.zeros((4, 4)), atol=1e-14)  # least of all
    stack = np.stack([np.diag([2.0, 2.0]), np.diag([3.0, 1.0])])
    np.testing.assert_array_equal(factor.evened(np.linalg.svdvals(stack)), [[2.0, 2.0], [3.0, 1.0]])


# -- singular values of 0 ------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [normal, cplx], ids=["real", "complex"])
@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (3, 5)])
def test_the_nuclear_norm_of_matrices_of_any_rank(make, shape):
    for rank in (0, 1, 2, 3):
        a = make(shape[0], rank) @ make(rank, shape[1])
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        expected = u[:, :rank] @ vh[:rank]
        for f in (
            lambda t: np.linalg.svdvals(t).sum(),
            lambda t: np.linalg.svd(t).S.sum(),
            lambda t: np.linalg.svd(t, compute_uv=False).sum(),
            lambda t: np.linalg.norm(t, "nuc"),
        ):
            np.testing.assert_allclose(gradient(f, a), expected, atol=1e-12)
        along = expected * 2.0
        _, ahead = tg.func.jvp(lambda t: np.linalg.svdvals(t).sum(), (a,), (along,))
        np.testing.assert_allclose(np.asarray(ahead), 2.0 * rank, atol=1e-12)


def test_a_matrix_put_together_again():
    weight = normal(3, 3)

    def again(t):
        u, s, vh = np.linalg.svd(t, full_matrices=False)
        return np.real(u * s @ vh * weight[:, : t.shape[1]]).sum()

    rank_2 = normal(3, 2) @ normal(2, 3)
    np.testing.assert_allclose(gradient(again, rank_2), weight, atol=1e-12)  # the value changes sign with a vector
    for a in (normal(3, 1) @ normal(1, 3), rank_2.astype(complex), normal(3, 1) @ normal(1, 2)):
        with pytest.raises(LinAlgError, match=r"svd: (a singular value is 0|the values)"):
            gradient(again, a)

    def best(t):
        u, s, vh = np.linalg.svd(t)
        return (u[:, :1] * s[:1] @ vh[:1] * weight).sum()

    gradcheck(best, [np.diag([3.0, 1.0, 0.5])])
    a = np.diag([3.0, 0.0, 0.0])  # entry (0, 0), and what moves the first vectors
    expected = np.zeros((3, 3))
    expected[0], expected[:, 0] = weight[0], weight[:, 0]
    np.testing.assert_allclose(gradient(best, a), expected, atol=1e-14)


def test_vectors_of_zero_are_refused_also_in_forward_mode():
    a, along = np.diag([3.0, 0.0])[:, [0, 1]], np.zeros((3, 2))
    a = np.vstack([a, [0.0, 0.0]])
    along[2, 1] = 1.0
    with pytest.raises(LinAlgError, match="singular value is 0"):
        gradient(lambda t: np.linalg.svd(t, full_matrices=False).U[2, 1], a)
    with pytest.raises(LinAlgError, match="singular value is 0"):
        tg.func.jvp(lambda t: np.linalg.svd(t, full_matrices=False).U, (a,), (along,))
    with pytest.raises(LinAlgError, match="kink"):
        gradient(lambda t: (lambda r: r.S.sum() + r.U[0, 0])(np.linalg.svd(t, full_matrices=False)), a)


def test_svd_of_hermitian_matrices_with_a_zero():
    a = np.diag([2.0, 0.0, -3.0])
    u, s, vh = np.linalg.svd(leaf(a), hermitian=True)
    np.testing.assert_allclose(s.data, [3.0, 2.0, 0.0])
    np.testing.assert_allclose(vh.data @ vh.data.T, np.eye(3))
    weight = normal(3, 3)
    again = lambda t: (lambda r: (r.U * r.S @ r.Vh * weight).sum())(np.linalg.svd(t, hermitian=True))
    np.testing.assert_allclose(gradient(again, a), hermitian(weight), atol=1e-14)
    values = gradient(lambda t: np.linalg.svd(t, hermitian=True, compute_uv=False).sum(), a)
    np.testing.assert_allclose(values, np.diag([1.0, 0.0, -1.0]), atol=1e-14)


# -- what is arbitrary ---------------------------------------------------------------------------------------


def test_columns_beyond_the_first_count_by_their_space():
    for f in (
        lambda t: np.linalg.svd(t).U[0, 3],
        lambda t: np.linalg.qr(t, "complete").Q[0, 3],
        lambda t: np.linalg.svd(t.T).Vh[3, 0],
    ):
        with pytest.raises(LinAlgError, match="basis of the rest"):
            gradient(f, normal(4, 2))
    # one column alone is fixed but for its sign
    gradcheck(lambda t: np.linalg.svd(t).U[:, 2], [normal(3, 2)])
    gradcheck(lambda t: np.linalg.qr(t, "complete").Q, [normal(3, 2)])
    with pytest.raises(LinAlgError, match="basis of the rest"):
        gradient(lambda t: np.real(np.linalg.svd(t).U[0, 2]), cplx(3, 2))


def test_a_phase_that_cancels_to_second_order():
    a = cplx(1, 1)
    f = lambda t: squared(np.linalg.svd(t).U).sum() + squared(np.linalg.svd(t).Vh).sum()
    t = leaf(a)
    (g,) = tg.grad(f(t), [t], create_graph=True)
    np.testing.assert_allclose(g.data, 0.0, atol=1e-14)
    np.testing.assert_allclose(tg.grad(np.real(g * np.conjugate(cplx(1, 1))).sum(), t).data, 0.0, atol=1e-13)


def test_qr_of_dependent_columns_is_refused():
    for a in (np.ones((3, 2)), np.array([[1.0, 1.0, 5.0], [2.0, 2.0, 1.0]])):
        for f in (lambda t: np.linalg.qr(t).R.sum(), lambda t: np.linalg.qr(t, "r").sum()):
            with pytest.raises(LinAlgError, match="dependent"):
                gradient(f, a)
    assert np.isfinite(gradient(lambda t: np.linalg.qr(t).R.sum(), np.array([[1.0, 0.0, 1.0], [2.0, 1.0, 2.0]]))).all()


# -- against other libraries ---------------------------------------------------------------------------------


@pytest.mark.parametrize("complex_", [False, True], ids=["real", "complex"])
def test_against_torch(complex_):
    torch = pytest.importorskip("torch")
    make = cplx if complex_ else normal
    a, b = make(4, 3), make(3, 3)
    w, big = normal(4, 3), make(4, 3)
    t3, tw, tbig = torch.tensor(w[:3]), torch.tensor(w), torch.tensor(big)
    cases = [
        (a, lambda x: (squared(np.linalg.svd(x, full_matrices=False).U) * w).sum(),
         lambda x: (torch.linalg.svd(x, full_matrices=False).U.abs() ** 2 * tw).sum()),
        (a, lambda x: np.real(np.linalg.qr(x).Q * big).sum(), lambda x: (torch.linalg.qr(x).Q * tbig).real.sum()),
        (b, lambda x: (squared(np.linalg.eig(x).eigenvectors) * w[:3]).sum(),
         lambda x: (torch.linalg.eig(x).eigenvectors.abs() ** 2 * t3).sum()),
        (hermitian(b), lambda x: (squared(np.linalg.eigh(x).eigenvectors) * w[:3]).sum(),
         lambda x: (torch.linalg.eigh(x).eigenvectors.abs() ** 2 * t3).sum()),
        (definite(b), lambda x: (squared(np.linalg.cholesky(x)) * w[:3]).sum(),
         lambda x: (torch.linalg.cholesky(x).abs() ** 2 * t3).sum()),
    ]  # fmt: skip
    for given, ours, theirs in cases:
        x = torch.tensor(given, requires_grad=True)
        theirs(x).backward()
        np.testing.assert_allclose(gradient(ours, given), x.grad.numpy(), rtol=1e-9, atol=1e-10)
