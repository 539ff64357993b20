"""Linear algebra where it is delicate: equal values, rank, phases, singular matrices; batches, dtypes and errors."""

from __future__ import annotations

import numpy as np
import pytest
from matrices import drawing, gradient, hermitian, leaf, same_numbers  # noqa: F401

import tapegrad as tg
from tapegrad.check import gradcheck, gradgradcheck

LinAlgError = np.linalg.LinAlgError
RNG, normal, cplx = drawing(23)


Q = np.linalg.qr(normal(4, 4))[0]
REPEATED = hermitian(Q @ np.diag([2.0, 2.0, 2.0, 5.0]) @ Q.T)
U = np.linalg.qr(cplx(4, 4))[0]
REPEATED_COMPLEX = hermitian(U @ np.diag([2.0, 2.0, -1.0, 5.0]) @ U.conj().T)

# -- equal eigenvalues ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "a", [REPEATED, REPEATED_COMPLEX, np.eye(3), np.zeros((3, 3))], ids=["real", "complex", "1", "0"]
)
def test_symmetric_functions_of_equal_eigenvalues(a):
    for f in (lambda w: w.sum(), lambda w: (w**3).sum(), lambda w: np.exp(w).sum(), np.prod):
        for values in (np.linalg.eigvalsh, lambda t: np.linalg.eigh(t).eigenvalues):
            g = gradient(lambda t: f(values(t)), a)
            v = np.linalg.eigh(a)[1]
            (expected,) = tg.grad(f(w := leaf(np.linalg.eigvalsh(a))), [w])
            np.testing.assert_allclose(g, v * expected.data @ v.conj().T, atol=1e-12)


def test_what_tells_equal_eigenvalues_apart_is_refused():
    for f in (
        lambda t: np.linalg.eigvalsh(t)[0],
        lambda t: np.linalg.eigh(t).eigenvalues[1],
        lambda t: np.linalg.eigh(t).eigenvectors[0, 0],
        lambda t: (np.linalg.eigh(t).eigenvectors ** 3).sum(),
    ):
        with pytest.raises(LinAlgError, match=r"numbers \d and \d.*repeated.*matrix_function"):
            gradient(f, REPEATED)
    g = gradient(lambda t: np.linalg.eigvalsh(t)[3], REPEATED)  # that one stands alone
    v = np.linalg.eigh(REPEATED)[1][:, 3]
    np.testing.assert_allclose(g, np.outer(v, v), atol=1e-13)


def test_projectors_on_the_space_of_equal_eigenvalues():
    def projector(t):
        v = np.linalg.eigh(hermitian(t)).eigenvectors[:, :3]
        return v @ np.conjugate(v.T)

    weight = hermitian(normal(4, 4))
    g = gradient(lambda t: (projector(t) * weight).sum(), REPEATED)
    v = np.linalg.eigh(REPEATED)[1]
    s = v.T @ weight @ v  # cross terms only: weight[i, j] / (2 - 5) between the three and the one
    inner = np.zeros((4, 4))
    inner[:3, 3] = inner[3, :3] = s[:3, 3] / (2.0 - 5.0)
    np.testing.assert_allclose(g, v @ inner @ v.T, atol=1e-12)


def test_the_second_derivative_at_equal_eigenvalues_is_refused_or_right():
    t = leaf(REPEATED)
    (g,) = tg.grad(np.linalg.eigvalsh(t).sum(), [t], create_graph=True)  # the trace: its Hessian is zero
    np.testing.assert_allclose(tg.grad((g * g).sum(), t).data, np.zeros((4, 4)), atol=1e-12)
    (g,) = tg.grad((np.linalg.eigvalsh(t) ** 3).sum(), [t], create_graph=True)
    with pytest.raises(LinAlgError, match="repeated"):
        tg.grad((g * normal(4, 4)).sum(), t)


def test_forward_mode_along_a_direction_that_splits_equal_eigenvalues_is_refused():
    swap = np.zeros((4, 4))
    swap[0, 1] = swap[1, 0] = 1.0
    for f in (np.linalg.eigvalsh, lambda t: np.linalg.eigh(t).eigenvalues):
        with pytest.raises(LinAlgError, match="repeated"):
            tg.func.jvp(f, (np.eye(4),), (swap,))
        _, ahead = tg.func.jvp(f, (np.eye(4),), (3.0 * np.eye(4),))
        np.testing.assert_allclose(np.asarray(ahead), [3.0] * 4)


def test_eigenvalues_close_but_apart():
    a = hermitian(Q @ np.diag([1.0, 1.0 + 1e-6, 3.0, 4.0]) @ Q.T)
    v = np.linalg.eigh(a)[1]
    np.testing.assert_allclose(gradient(lambda t: np.linalg.eigvalsh(t)[0], a), np.outer(v[:, 0], v[:, 0]), atol=1e-9)


def test_phases_are_refused():
    a = hermitian(cplx(3, 3))
    with pytest.raises(LinAlgError, match="phase"):
        gradient(lambda t: np.real(np.linalg.eigh(t).eigenvectors).sum(), a)
    with pytest.raises(LinAlgError, match="phase"):
        gradient(lambda t: np.imag(np.linalg.svd(t).U).sum(), cplx(3, 3))
    with pytest.raises(LinAlgError, match="phase"):
        gradient(lambda t: np.real(np.linalg.eig(t).eigenvectors).sum(), cplx(3, 3))


@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3)])
def test_complex_hermitian(shape):
    a, weight = cplx(*shape), cplx(*shape)

    def eigh(t):
        w, v = np.linalg.eigh(hermitian(t))
        fixed = v * np.conjugate(v[..., :1, :]) / abs(v[..., :1, :])  # the first entry real: no phase left
        return abs((fixed * weight).sum()) + (w**2).sum()

    gradcheck(eigh, [a])
    gradgradcheck(eigh, [a])
    gradcheck(lambda t: np.linalg.eigvalsh(hermitian(t)), [a])
    gradgradcheck(lambda t: np.linalg.eigvalsh(hermitian(t)), [a])
    positive = lambda t: np.linalg.cholesky(t @ np.conjugate(np.swapaxes(t, -1, -2)))
    gradcheck(positive, [a + 3 * np.eye(3)])
    gradgradcheck(positive, [a + 3 * np.eye(3)])


def test_the_gradient_of_a_hermitian_matrix_is_hermitian():
    a = hermitian(cplx(3, 3)) + 6 * np.eye(3)
    for f in (
        lambda t: np.linalg.eigvalsh(t)[0],
        lambda t: (abs(np.linalg.eigh(t).eigenvectors) ** 2)[0, 0],
        lambda t: np.real(np.linalg.cholesky(t)).sum(),
    ):
        g = gradient(f, a)
        np.testing.assert_allclose(g, g.conj().T, atol=1e-13)


@pytest.mark.parametrize("UPLO", ["L", "U"])
def test_one_triangle_is_read(UPLO):
    a = normal(3, 3)
    np.testing.assert_allclose(np.linalg.eigvalsh(leaf(a), UPLO).data, np.linalg.eigvalsh(a, UPLO))
    np.testing.assert_allclose(np.linalg.eigh(leaf(a), UPLO)[1].data, np.linalg.eigh(a, UPLO)[1])


# -- eigenvalues of any matrices -----------------------------------------------------------------------------


@pytest.mark.parametrize("a", [normal(3, 3), cplx(3, 3), normal(2, 4, 4)], ids=["real", "complex", "batch"])
def test_eig(a):
    def f(t):
        w, v = np.linalg.eig(t)
        return (w**2).sum() + (abs(v) ** 2)[..., 0, :].sum()

    gradcheck(lambda t: np.real(f(t)), [a])
    gradgradcheck(lambda t: np.real(f(t)), [a])
    gradcheck(lambda t: np.linalg.eigvals(t), [a])
    gradgradcheck(lambda t: np.linalg.eigvals(t), [a])


def test_a_matrix_with_too_few_eigenvectors():
    jordan = np.array([[1.0, 1.0], [0.0, 1.0]])
    with pytest.raises(LinAlgError):
        gradient(lambda t: np.linalg.eigvals(t)[0], jordan)
    np.testing.assert_allclose(gradient(lambda t: np.linalg.eigvals(t).sum(), np.eye(3)), np.eye(3))
    with pytest.raises(LinAlgError, match="repeated"):
        gradient(lambda t: np.linalg.eigvals(t)[0], np.eye(3))


# -- singular values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "a", [normal(4, 3), normal(3, 4), cplx(4, 3), cplx(2, 3, 3)], ids=["tall", "wide", "complex", "batch"]
)
@pytest.mark.parametrize("full", [True, False])
def test_svd(a, full):
    def f(t):
        u, s, vh = np.linalg.svd(t, full_matrices=full)
        k = s.shape[-1]
        phase = np.conjugate(u[..., :1, :k]) / abs(u[..., :1, :k])
        whole = (u[..., :k] * phase).sum() + (np.swapaxes(vh[..., :k, :], -1, -2) * np.conjugate(phase)).sum()
        return abs(whole) + (s**3).sum()

    gradcheck(f, [a])
    gradgradcheck(f, [a])
    gradcheck(lambda t: np.linalg.svd(t, compute_uv=False), [a])


def test_full_matrices_may_be_used_by_the_space_alone():
    a, weight = normal(4, 2), normal(4, 4)

    def rest(t, f):
        u = np.linalg.svd(t, full_matrices=True).U[:, 2:]
        return f(u)

    gradcheck(lambda t: rest(t, lambda n: (n @ n.T * weight).sum()), [a])
    gradgradcheck(lambda t: rest(t, lambda n: (n @ n.T * weight).sum()), [a])
    with pytest.raises(LinAlgError, match="full_matrices=False"):
        gradient(lambda t: rest(t, lambda n: n[0, 0]), a)
    gradcheck(lambda t: (lambda q: q[:, 2:] @ q[:, 2:].T)(np.linalg.qr(t, "complete").Q), [a])


@pytest.mark.parametrize("a", [np.diag([3.0, 2.0, 2.0]), np.eye(3), cplx(3, 3) * 0 + np.eye(3)])
def test_symmetric_functions_of_equal_singular_values(a):
    u, s, vh = np.linalg.svd(a)
    for f, slope in ((lambda v: v.sum(), np.ones(3)), (lambda v: (v**2).sum(), 2 * s)):
        np.testing.assert_allclose(gradient(lambda t: f(np.linalg.svdvals(t)), a), u * slope @ vh, atol=1e-13)
        np.testing.assert_allclose(gradient(lambda t: f(np.linalg.svd(t).S), a), u * slope @ vh, atol=1e-13)
    with pytest.raises(LinAlgError, match="repeated"):
        gradient(lambda t: np.linalg.svdvals(t)[-1], a)


def test_null_vectors_that_nobody_uses():
    a = np.outer([1.0, 2.0, 2.0], [3.0, 4.0])
    u, _, vh = np.linalg.svd(a)
    np.testing.assert_allclose(gradient(lambda t: np.linalg.norm(t, "nuc"), a), np.outer(u[:, 0], vh[0]), atol=1e-14)
    best = lambda t: lambda r: r.U[:, 0] * r.S[0] @ np.linalg.svd(t, full_matrices=False).Vh[:1, :].sum()
    low = lambda t: (lambda r: (r.U[:, :1] * r.S[:1] @ r.Vh[:1]).sum())(np.linalg.svd(t, full_matrices=False))
    g = gradient(low, a)
    assert np.isfinite(g).all()
    with pytest.raises(LinAlgError):
        gradient(lambda t: np.linalg.svd(t, full_matrices=False).U[0, 1], np.zeros((3, 2)))
    assert callable(best)


@pytest.mark.parametrize("hermitian_input", [normal(3, 3)])
def test_svd_of_hermitian_matrices(hermitian_input):
    a = hermitian(hermitian_input)
    ours = np.linalg.svd(leaf(a), hermitian=True)
    np.testing.assert_allclose(ours.S.data, np.linalg.svd(a, compute_uv=False))
    np.testing.assert_allclose((ours.U * ours.S @ ours.Vh).data, a, atol=1e-13)
    gradcheck(lambda t: np.linalg.svd(hermitian(t), hermitian=True).S, [a])


# -- factors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("a", [normal(4, 3), normal(3, 3), normal(3, 5), cplx(4, 3), cplx(3, 4), normal(2, 4, 3)])
def test_qr(a):
    for mode in ("reduced", "r"):
        gradcheck(lambda t: np.linalg.qr(t, mode), [a])
        gradgradcheck(lambda t: np.linalg.qr(t, mode), [a])
    ours, theirs = np.linalg.qr(leaf(a), "complete"), np.linalg.qr(a, "complete")
    np.testing.assert_allclose(ours.Q.data, theirs.Q, atol=1e-13)
    np.testing.assert_allclose(ours.R.data, theirs.R, atol=1e-13)


def test_qr_where_it_has_no_derivative():
    with pytest.raises(LinAlgError, match="dependent"):
        gradient(lambda t: np.linalg.qr(t).R.sum(), np.ones((3, 2)))
    with pytest.raises(TypeError, match="raw"):
        np.linalg.qr(leaf(normal(3, 3)), "raw")
    with pytest.raises(ValueError, match="mode"):
        np.linalg.qr(leaf(normal(3, 3)), "nonsense")


# -- determinants and inverses -------------------------------------------------------------------------------


def cofactors(a):
    n = len(a)
    minor = lambda i, j: np.delete(np.delete(a, i, 0), j, 1)
    return np.array([[(-1) ** (i + j) * np.linalg.det(minor(i, j)) for j in range(n)] for i in range(n)])


SINGULAR = {
    "rank 2": np.array([[1.0, 2.0, 3.0], [2.0, -1.0, 1.0], [3.0, 1.0, 4.0]]),
    "rank 1": np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 2.0]),
    "zero": np.zeros((3, 3)),
    "zero row": np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [3.0, 1.0, 5.0]]),
    "rank 3 of 5": normal(5, 3) @ normal(3, 5),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_det_of_singular_matrices_to_third_order(name):
    a = SINGULAR[name]
    np.testing.assert_allclose(gradient(np.linalg.det, a), cofactors(a), atol=1e-12)
    gradcheck(np.linalg.det, [a])
    gradgradcheck(np.linalg.det, [a])

    def second(t):
        (g,) = tg.grad(np.linalg.det(t * 1.0), [t], create_graph=True)
        return g

    weight = normal(*a.shape)
    t = leaf(a)
    (g,) = tg.grad(np.linalg.det(t), [t], create_graph=True)
    (h,) = tg.grad((g * weight).sum(), [t], create_graph=True)
    (third,) = tg.grad((h * weight).sum(), [t])
    # the third derivative along weight twice, by differences of exact gradients of det
    step = 1e-3
    ahead, here, behind = (cofactors(a + k * step * weight) for k in (1, 0, -1))
    np.testing.assert_allclose(third.data, (ahead - 2 * here + behind) / step**2, atol=1e-4)
    assert callable(second)


def test_det_of_a_batch_in_which_one_is_singular():
    a = np.stack([normal(3, 3), SINGULAR["rank 1"], SINGULAR["rank 2"]])
    gradcheck(np.linalg.det, [a])
    gradgradcheck(np.linalg.det, [a])
    gradcheck(np.linalg.det, [cplx(3, 1) @ cplx(1, 3)])
    gradgradcheck(np.linalg.det, [cplx(3, 2) @ cplx(2, 3)])


def test_slogdet():
    a = np.stack([normal(3, 3), normal(3, 3)])
    gradcheck(np.linalg.slogdet, [a])
    gradcheck(np.linalg.slogdet, [cplx(3, 3)])
    gradgradcheck(np.linalg.slogdet, [cplx(3, 3)])
    result = np.linalg.slogdet(leaf(a))
    assert result.logabsdet.shape == (2,)
    with pytest.raises(LinAlgError, match="singular"):
        gradient(lambda t: np.linalg.slogdet(t).logabsdet, SINGULAR["rank 2"] * 0)
    both = leaf(np.stack([a[0], np.zeros((3, 3))]))
    with np.errstate(all="ignore"):
        kept = np.where(np.array([True, False]), np.linalg.slogdet(both).logabsdet, 0.0)
    g = tg.grad(kept.sum(), both).data
    np.testing.assert_allclose(g[0], np.linalg.inv(a[0]).T)
    np.testing.assert_array_equal(g[1], np.zeros((3, 3)))


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_pinv_and_lstsq_at_constant_rank(rank):
    left, right, b = normal(4, rank), normal(rank, 3), normal(4, 2)
    gradcheck(lambda x, y: np.linalg.pinv(x @ y, 1e-10), [left, right])
    gradgradcheck(lambda x, y: np.linalg.pinv(x @ y, 1e-10), [left, right])
    gradcheck(lambda x, y, z: np.linalg.lstsq(x @ y, z, rcond=1e-10)[0], [left, right, b])
    gradgradcheck(lambda x, y, z: np.linalg.lstsq(x @ y, z, rcond=1e-10)[0], [left, right, b])


def test_lstsq_gives_all_that_numpy_gives():
    for a, b in (
        (normal(5, 3), normal(5)),
        (normal(5, 3), normal(5, 2)),
        (normal(3, 5), normal(3)),
        (cplx(4, 2), normal(4)),
    ):
        ours, theirs = np.linalg.lstsq(leaf(a), leaf(b), rcond=None), np.linalg.lstsq(a, b, rcond=None)
        for x, y in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(x.data, y, atol=1e-13)
        gradcheck(lambda *t: [x for x in np.linalg.lstsq(*t, rcond=None) if x.dtype.kind != "i"], [a, b])


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_single_precision_stays(dtype):
    a = (cplx(3, 3) + 3 * np.eye(3)).astype(dtype) if dtype is np.complex64 else normal(3, 3).astype(dtype)
    b = hermitian(a) + 5 * np.eye(3, dtype=dtype)
    for f, x in (
        (np.linalg.inv, a), (np.linalg.det, a), (np.linalg.pinv, a), (lambda t: np.linalg.solve(t, t), a),
        (np.linalg.svdvals, a), (lambda t: np.linalg.norm(t, "nuc"), a), (np.linalg.norm, a), (np.linalg.cholesky, b),
        (np.linalg.eigvalsh, b), (lambda t: np.linalg.qr(t)[1], a), (lambda t: np.linalg.slogdet(t)[1], a),
        (lambda t: np.linalg.matrix_power(t, -2), a), (np.linalg.cond, a), (lambda t: np.linalg.lstsq(t, t)[0], a),
    ):  # fmt: skip
        t = leaf(x)
        y = f(t)
        assert y.dtype == f(x).dtype
        assert tg.grad(abs(y).sum(), t).dtype == dtype


# -- norms ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [None, 2, 1, 3, 1.5, np.inf, "matrix fro", "matrix nuc", "matrix 2"])
def test_the_norm_of_zero_has_gradient_zero(p):
    if isinstance(p, str):
        order = p.split()[1]
        g = gradient(lambda t: np.linalg.norm(t, int(order) if order == "2" else order), np.zeros((2, 2)))
        if order == "2":
            return  # equal singular values, all at their kink: either zero or refused; this is not refused
    else:
        g = gradient(lambda t: np.linalg.norm(t, p), np.zeros(3))
    np.testing.assert_array_equal(g, np.zeros_like(g))
    t = leaf(np.zeros(3))
    (g,) = tg.grad(np.linalg.norm(t), [t], create_graph=True)
    np.testing.assert_array_equal(tg.grad(g.sum(), t).data, np.zeros(3))


def test_norms_with_zeros_among_the_entries():
    x = np.array([0.0, 3.0, 4.0])
    np.testing.assert_allclose(gradient(np.linalg.norm, x), [0, 0.6, 0.8])
    gradgradcheck(np.linalg.norm, [x])
    for p in (3.0, 2.5, 4):
        gradcheck(lambda t: np.linalg.norm(t, p), [x])
    np.testing.assert_array_equal(
        gradient(lambda t: np.linalg.norm(t, np.inf), np.array([2.0, -2.0, 1.0])), [0.5, -0.5, 0]
    )
    np.testing.assert_array_equal(gradient(lambda t: np.linalg.norm(t, 0), x), np.zeros(3))


def test_norms_of_complex_arrays_axes_and_keepdims():
    z = cplx(2, 3, 4)
    for options in (
        {"axis": 1},
        {"axis": (0, 2)},
        {"axis": (1, -1), "keepdims": True},
        {"axis": -1, "ord": 3, "keepdims": True},
    ):
        np.testing.assert_allclose(np.linalg.norm(leaf(z), **options).data, np.linalg.norm(z, **options))
        gradcheck(lambda t: np.linalg.norm(t, **options), [z])
        gradgradcheck(lambda t: np.linalg.norm(t, **options), [z])
    np.testing.assert_allclose(np.linalg.norm(leaf(z)).data, np.linalg.norm(z))


# -- errors --------------------------------------------------------------------------------------------------


def test_numpys_errors_and_nothing_half_recorded():
    singular = leaf(np.zeros((2, 2)))
    before = singular.node
    for f in (
        np.linalg.inv,
        lambda t: np.linalg.solve(t, np.ones(2)),
        np.linalg.cholesky,
        lambda t: np.linalg.matrix_power(t, -1),
    ):
        with pytest.raises(LinAlgError):
            f(singular)
    assert singular.node is before
    assert singular.grad is None
    for f in (np.linalg.inv, np.linalg.det, np.linalg.eig, np.linalg.eigh, np.linalg.cholesky, np.linalg.slogdet):
        with pytest.raises(LinAlgError, match="one length"):
            f(leaf(normal(2, 3)))
        with pytest.raises(LinAlgError, match="matrices"):
            f(leaf(normal(3)))
    with pytest.raises(LinAlgError):
        np.linalg.eigvals(leaf(np.full((2, 2), np.nan)))
    with pytest.raises(ValueError, match="b"):
        np.linalg.solve(leaf(normal(3, 3)), np.ones(2))
    with pytest.raises(TypeError, match="float16"):
        np.linalg.inv(leaf(np.eye(2, dtype=np.float16)))
    with pytest.raises(ValueError, match="UPLO"):
        np.linalg.eigh(leaf(np.eye(2)), UPLO="X")
    with pytest.raises(ValueError, match="order"):
        np.linalg.norm(leaf(np.eye(2)), 3)
    with pytest.raises(ValueError, match="multi_dot"):
        np.linalg.multi_dot([leaf(np.eye(2)), np.eye(3)])


def test_integers_become_doubles():
    a = np.array([[2, 1], [1, 3]])
    for f in (np.linalg.inv, np.linalg.det, np.linalg.svdvals, np.linalg.norm, np.linalg.cholesky):
        assert f(tg.tensor(a)).dtype == f(a).dtype
        np.testing.assert_allclose(f(tg.tensor(a)).data, f(a))


@pytest.mark.parametrize("lengths", [(2, 3), (5, 2, 3, 4), (3, 40, 2, 30, 2), (1, 2)])
def test_multi_dot(lengths):
    arrays = [normal(m, n) for m, n in zip(lengths, lengths[1:], strict=False)]
    if len(arrays) < 2:
        with pytest.raises(ValueError, match="two"):
            np.linalg.multi_dot([leaf(a) for a in arrays])
        return
    np.testing.assert_allclose(np.linalg.multi_dot([leaf(a) for a in arrays]).data, np.linalg.multi_dot(arrays))
    gradcheck(lambda *ts: np.linalg.multi_dot(ts), arrays)
    ends = [arrays[0][0], *arrays[1:-1], arrays[-1][:, 0]]
    np.testing.assert_allclose(np.linalg.multi_dot([leaf(a) for a in ends]).data, np.linalg.multi_dot(ends))


def test_solve_broadcasts():
    for a, b in (
        (normal(3, 3), normal(3)),
        (normal(2, 3, 3), normal(3, 2)),
        (normal(3, 3), normal(4, 3, 2)),
        (normal(2, 1, 3, 3), normal(5, 3, 1)),
    ):
        a = a + 3 * np.eye(3)
        np.testing.assert_allclose(np.linalg.solve(leaf(a), leaf(b)).data, np.linalg.solve(a, b), rtol=1e-11)
        gradcheck(np.linalg.solve, [a, b])
        gradgradcheck(np.linalg.solve, [a, b])
