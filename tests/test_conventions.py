"""Where a rule could go two ways: each row of the table of conventions, at first order and, where sensible, second.

What is at a kink cannot be checked by differences, so the numbers stand here.
"""

from __future__ import annotations

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.check import gradcheck, gradgradcheck
from tapegrad.ops.reduce import logsumexp

inf, nan = np.inf, np.nan


def gradient(f, *arrays, g=None):
    """The gradients of f in its arguments, as plain arrays; of the sum, if no g is given."""
    ts = [tg.tensor(np.asarray(a), requires_grad=True) for a in arrays]
    out = f(*ts)
    found = tg.grad(out, ts, np.ones(out.shape) if g is None else g)
    data = [t.data for t in found]
    return data[0] if len(data) == 1 else data


def second(f, x):
    """The diagonal of the second derivative of an elementwise f."""
    t = tg.tensor(x, requires_grad=True)
    (first,) = tg.grad(f(t).sum(), [t], create_graph=True)
    return tg.grad(first.sum(), t).data


def equal(ours, theirs):
    np.testing.assert_array_equal(ours, np.asarray(theirs))


# -- general -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, np.complex128])
def test_a_gradient_has_the_dtype_of_its_tensor(dtype):
    t = tg.tensor(np.array([1.5, -2.0]), dtype=dtype, requires_grad=True)
    wide = np.array([1.0, 2.0])
    loss = abs(np.sin(t) * wide * 2.0).sum()
    loss.backward()
    assert t.grad.dtype == dtype
    assert t.grad.shape == t.shape


def test_a_mixed_product_promotes_and_its_gradients_do_not():
    a = tg.tensor(np.float32(2), requires_grad=True)
    b = tg.tensor(3.0, requires_grad=True)
    out = a * b
    assert out.dtype == np.float64
    ga, gb = tg.grad(out, (a, b))
    assert ga.dtype == np.float32
    assert gb.dtype == np.float64


def test_the_gradient_of_a_real_loss_points_uphill_in_the_complex_plane():
    z = tg.tensor(3 + 4j, requires_grad=True)
    (abs(z) ** 2).backward()
    assert z.grad.item() == pytest.approx(2 * (3 + 4j))
    w = tg.tensor(1 + 2j, requires_grad=True)
    np.real(w * (3 - 5j)).backward()
    assert w.grad.item() == 3 + 5j  # the conjugate of the factor


def test_a_real_input_of_a_complex_result_has_a_real_gradient():
    g = gradient(lambda x: np.real(x * (2 + 3j)), [1.0, 2.0])
    assert g.dtype == np.float64
    equal(g, [2.0, 2.0])


def test_an_integer_has_no_gradient_and_says_so():
    with pytest.raises(TypeError, match="int64"):
        tg.tensor([1, 2], requires_grad=True)


# -- a zero cotangent stays zero where a slope is infinite ----------------------------------------------------

SINGULAR = {
    "sqrt": (np.sqrt, 0.0),
    "cbrt": (np.cbrt, 0.0),
    "log": (np.log, 0.0),
    "log2": (np.log2, 0.0),
    "log10": (np.log10, 0.0),
    "log1p": (np.log1p, -1.0),
    "reciprocal": (np.reciprocal, 0.0),
    "arcsin": (np.arcsin, 1.0),
    "arccos": (np.arccos, -1.0),
    "arccosh": (np.arccosh, 1.0),
    "arctanh": (np.arctanh, 1.0),
    "power": (lambda x: x**0.5, 0.0),
    "divide": (lambda x: 1.0 / x, 0.0),
    "power -1": (lambda x: x**-1.0, 0.0),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_masked_singularity_has_gradient_zero(name):
    f, at = SINGULAR[name]
    inside = {"arccosh": 1.5, "log1p": 0.5}.get(name, 0.5)

    def masked(x):
        with np.errstate(all="ignore"):
            return np.where(x != at, f(x), 0.0)

    x = np.array([at, inside])
    g = gradient(masked, x)
    assert g[0] == 0
    assert np.isfinite(g[1])
    assert g[1] != 0


def test_masked_sqrt_to_second_order():
    def f(x):
        return np.where(x > 0, np.sqrt(x), 0.0)

    equal(gradient(f, [0.0, 4.0]), [0.0, 0.25])
    h = second(f, np.array([0.0, 4.0]))
    assert h[0] == 0
    assert h[1] == pytest.approx(-1 / 32)


def test_singularities_alone_are_the_true_infinity():
    with np.errstate(all="ignore"):
        assert gradient(np.sqrt, [0.0]) == inf
        assert gradient(np.log, [0.0]) == inf
        assert gradient(np.arccos, [1.0]) == -inf
        assert gradient(np.arcsin, [1.0]) == inf
        assert gradient(lambda x: np.sqrt((x * x).sum()), [0.0, 0.0]).tolist() == pytest.approx([nan, nan], nan_ok=True)


# -- kinks ----------------------------------------------------------------------------------------------------


def test_abs_and_sign_at_zero():
    for f in (abs, np.fabs):
        equal(gradient(f, [-2.0, 0.0, 3.0]), [-1.0, 0.0, 1.0])
        equal(second(f, np.array([-2.0, 0.0, 3.0])), [0.0, 0.0, 0.0])
    equal(gradient(np.sign, [-2.0, 0.0, 3.0]), [0.0, 0.0, 0.0])
    np.testing.assert_allclose(gradient(abs, np.array([0j, 3 + 4j])), [0, 0.6 + 0.8j], rtol=1e-15)


@pytest.mark.parametrize("f", [np.maximum, np.minimum, np.fmax, np.fmin])
def test_a_tie_of_two_is_shared(f):
    a, b = gradient(f, [1.0, 2.0, 3.0], [1.0, 5.0, 0.0])
    assert a[0] == b[0] == 0.5
    equal(a + b, [1.0, 1.0, 1.0])
    x = np.array([1.0, 2.0])
    equal(gradient(lambda t: f(t, t), x), [1.0, 1.0])


def test_maximum_with_nan_goes_to_the_nan_and_fmax_to_the_number():
    equal(gradient(np.fmax, [nan, 1.0], [2.0, nan]), [[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize("f", [np.max, np.min])
def test_tied_extrema_share_evenly(f):
    x = np.array([[2.0, 2.0, 2.0, 2.0], [1.0, 5.0, 1.0, 5.0]])
    equal(gradient(lambda t: f(t, axis=1), x)[0], [0.25] * 4)
    assert sorted(gradient(lambda t: f(t, axis=1), x)[1].tolist()) == [0.0, 0.0, 0.5, 0.5]
    equal(gradient(f, np.zeros((2, 2))), np.full((2, 2), 0.25))
    equal(gradient(f, 3.0), 1.0)
    t = tg.tensor(x, requires_grad=True)
    (first,) = tg.grad((f(t, axis=1) ** 2).sum(), [t], create_graph=True)
    assert np.isfinite(tg.grad(first.sum(), t).data).all()


def test_ptp_of_a_constant():
    equal(gradient(np.ptp, [2.0, 2.0]), [0.0, 0.0])


def test_clip_passes_at_its_bounds():
    x = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    equal(gradient(lambda t: np.clip(t, -1.0, 1.0), x), [0.0, 1.0, 1.0, 1.0, 0.0])
    gx, low, high = gradient(np.clip, x, np.float64(-1), np.float64(1))
    equal(gx, [0.0, 1.0, 1.0, 1.0, 0.0])
    assert low == 1
    assert high == 1


def test_clip_with_crossed_bounds_gives_the_upper_one():
    gx, low, high = gradient(np.clip, [0.0, 5.0], np.float64(2), np.float64(1))
    equal(gx, [0.0, 0.0])
    assert low == 0
    assert high == 2


def test_lengths_at_zero():
    equal(gradient(np.hypot, [0.0, 3.0], [0.0, 4.0]), [[0.0, 0.6], [0.0, 0.8]])
    equal(gradient(np.std, [2.0, 2.0, 2.0]), [0.0, 0.0, 0.0])
    equal(gradient(np.arctan2, [0.0], [0.0]), [[0.0], [0.0]])
    equal(gradient(lambda z: np.angle(z), np.array([0j])), [0j])
    np.testing.assert_allclose(gradient(np.arctan2, [0.0, 0.0], [1e-200, 1e200])[0], [1e200, 1e-200])


def test_rounding_has_gradient_zero():
    for f in (np.floor, np.ceil, np.trunc, np.rint, np.round, np.fix):
        equal(gradient(f, [-1.5, 0.0, 0.5, 2.0]), [0.0] * 4)
    equal(gradient(lambda x: x // 1.0, [1.5]), [0.0])


def test_remainder_at_a_multiple():
    gx, gy = gradient(np.remainder, [4.0, -4.5], [2.0, 2.0])
    equal(gx, [1.0, 1.0])
    equal(gy, [-2.0, 3.0])
    gx, gy = gradient(np.fmod, [4.0, -4.5], [2.0, 2.0])
    equal(gy, [-2.0, 2.0])


def test_comparisons_cut():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    for out in (x > 1.5, x == 1.0, np.argmax(x), np.argsort(x), np.isnan(x)):
        assert not out.requires_grad


# -- powers, products, sinc -------------------------------------------------------------------------------------


def test_powers_at_zero():
    gx, gy = gradient(np.power, [0.0, 0.0, 0.0, 2.0], [0.0, 1.0, 2.0, 3.0])
    equal(gx, [0.0, 1.0, 0.0, 12.0])
    equal(gy[:3], [0.0, 0.0, 0.0])
    assert gy[3] == pytest.approx(8 * np.log(2))
    equal(gradient(lambda x: x**0, [0.0, 1.0]), [0.0, 0.0])
    equal(gradient(lambda x: x**2, [0.0]), [0.0])
    equal(second(lambda x: x**2, np.array([0.0, 1.0])), [2.0, 2.0])
    equal(second(lambda x: x**3.0, np.array([0.0, 2.0])), [0.0, 12.0])
    equal(second(lambda x: np.power(x, 2.0), np.array([0.0])), [2.0])
    equal(gradient(lambda x: (-x) ** 3.0, [2.0]), [-12.0])  # a negative base, a constant exponent


@pytest.mark.parametrize("zeros", [0, 1, 2, 3])
def test_products_with_zeros(zeros):
    x = np.array([2.0, -3.0, 0.5, 4.0])
    x[:zeros] = 0.0
    others = [np.prod(np.delete(x, i)) for i in range(4)]
    equal(gradient(np.prod, x), others)
    gradgradcheck(np.prod, (x,))
    gradcheck(np.cumprod, (x,))
    gradgradcheck(np.cumprod, (x,))
    y = np.stack([x, x[::-1] + 1.0])
    gradcheck(lambda t: np.prod(t, axis=1), (y,))
    gradgradcheck(lambda t: np.cumprod(t, axis=0), (y,))


def test_complex_products_with_a_zero():
    z = np.array([0j, 1 + 2j, 3 - 1j])
    gradcheck(np.prod, (z,))
    gradcheck(np.cumprod, (z,))
    gradgradcheck(np.prod, (z,))


def test_sinc_to_third_order_at_zero():
    t = tg.tensor([0.0, 1e-8, 0.3], requires_grad=True)
    derivatives = []
    out = np.sinc(t)
    for _ in range(4):
        (out,) = tg.grad(out.sum(), [t], create_graph=True)
        derivatives.append(out.data)
    assert derivatives[0][0] == 0
    assert derivatives[1][0] == pytest.approx(-(np.pi**2) / 3)
    assert derivatives[2][0] == pytest.approx(0, abs=1e-12)
    assert derivatives[3][0] == pytest.approx(np.pi**4 / 5)
    for d in derivatives:
        assert d[1] == pytest.approx(d[0], abs=1e-5)
    gradcheck(np.sinc, (np.array([0.0, 1e-3, 0.5, -3.0, 40.0]),))
    gradgradcheck(np.sinc, (np.array([0.0, 1e-3, 0.5]),))


# -- logarithms of sums of exponentials -------------------------------------------------------------------------


def test_logaddexp_of_two_minus_infinities_shares():
    equal(gradient(np.logaddexp, [-inf, -inf, 0.0], [-inf, 0.0, -inf]), [[0.5, 0.0, 1.0], [0.5, 1.0, 0.0]])
    equal(gradient(np.logaddexp2, [-inf], [-inf]), [[0.5], [0.5]])
    equal(gradient(np.logaddexp, [inf, 800.0], [0.0, -800.0])[0], [1.0, 1.0])


def test_logsumexp_of_all_minus_infinities_shares():
    equal(gradient(lambda x: logsumexp(x, axis=1), [[-inf, -inf], [0.0, -inf]]), [[0.5, 0.5], [1.0, 0.0]])
    equal(gradient(logsumexp, np.full(4, -inf)), np.full(4, 0.25))


def test_logsumexp_of_large_numbers():
    g = gradient(logsumexp, [1000.0, 1000.0])
    equal(g, [0.5, 0.5])
    gradgradcheck(lambda x: logsumexp(x, axis=0), (np.array([[1.0, 2.0], [3.0, -700.0]]),))


# -- places -----------------------------------------------------------------------------------------------------


def test_repeated_indices_add_up():
    equal(gradient(lambda x: x[[0, 0]], [1.0, 2.0]), [2.0, 0.0])
    equal(gradient(lambda x: x[np.array([[0, 1], [1, 1]])], [1.0, 2.0]), [1.0, 3.0])
    equal(gradient(lambda x: np.take(x, [1, 1, 1]), [1.0, 2.0]), [0.0, 3.0])
    equal(gradient(lambda x: np.take_along_axis(x, np.array([1, 1]), 0), [1.0, 2.0]), [0.0, 2.0])
    gradgradcheck(lambda x: x[[0, 0]] ** 3, (np.array([1.0, 2.0]),))


def test_assignment_to_repeated_indices_keeps_the_last():
    def f(x, v):
        t = x * 1.0
        t[[0, 2, 0]] = v
        return t

    out = f(tg.tensor([9.0, 8.0, 7.0]), tg.tensor([1.0, 2.0, 3.0]))
    equal(out.data, [3.0, 8.0, 2.0])
    gx, gv = gradient(f, [9.0, 8.0, 7.0], [1.0, 2.0, 3.0], g=np.array([10.0, 20.0, 30.0]))
    equal(gx, [0.0, 20.0, 0.0])
    equal(gv, [0.0, 30.0, 10.0])
    gradgradcheck(lambda x, v: f(x, v) ** 3, (np.array([9.0, 8.0, 7.0]), np.array([1.0, 2.0, 3.0])))


def test_einsum_with_a_repeated_index():
    x = np.arange(9.0).reshape(3, 3)
    equal(gradient(lambda t: np.einsum("ii->", t), x), np.eye(3))
    equal(gradient(lambda t: np.einsum("ii->i", t), x, g=np.array([1.0, 2.0, 3.0])), np.diag([1.0, 2.0, 3.0]))
    gradgradcheck(lambda t: np.einsum("ii,ij->j", t, t), (x,))


def test_sort_follows_its_elements():
    equal(gradient(np.sort, [3.0, 1.0, 2.0], g=np.array([10.0, 20.0, 30.0])), [30.0, 10.0, 20.0])
    equal(gradient(np.sort, [1.0, 1.0], g=np.array([10.0, 20.0])), [10.0, 20.0])  # stable


def test_nan_to_num_has_gradient_zero_where_it_replaced():
    equal(gradient(np.nan_to_num, [nan, inf, 2.0]), [0.0, 0.0, 1.0])


def test_heaviside():
    gx, gy = gradient(np.heaviside, [-1.0, 0.0, 1.0], [0.3, 0.3, 0.3])
    equal(gx, [0.0, 0.0, 0.0])
    equal(gy, [0.0, 1.0, 0.0])


def test_copysign():
    gx, gy = gradient(np.copysign, [-2.0, 2.0, 0.0], [1.0, -1.0, 1.0])
    equal(gx, [-1.0, -1.0, 0.0])
    equal(gy, [0.0, 0.0, 0.0])


def test_modf_and_frexp():
    equal(gradient(lambda x: np.modf(x)[0], [1.5, -2.25]), [1.0, 1.0])
    equal(gradient(lambda x: np.modf(x)[1], [1.5, -2.25]), [0.0, 0.0])
    equal(gradient(lambda x: np.frexp(x)[0], [3.0]), [0.25])


def test_where_both_ways():
    equal(gradient(lambda x: np.where(x > 0, x, -x), [-1.0, 2.0]), [-1.0, 1.0])
    with np.errstate(all="ignore"):
        equal(gradient(lambda x: np.where(x > 0, np.log(x), 0.0), [0.0, 2.0]), [0.0, 0.5])


def test_mean_of_nothing_that_counts():
    with np.errstate(all="ignore"):
        x = np.array([[1.0, 2.0], [3.0, 4.0]])
        g = gradient(lambda t: np.sum(t, axis=1, where=np.array([[False, False], [True, True]])), x)
    equal(g, [[0.0, 0.0], [1.0, 1.0]])


def test_no_warning_leaves_a_backward():
    """pytest turns warnings into errors: nan, infinity and overflow inside rules stay silent."""
    with np.errstate(all="ignore"):
        for f, x in ((np.log, [0.0, -1.0]), (np.sqrt, [0.0, -1.0]), (np.exp, [800.0]), (np.arccos, [1.0, 2.0])):
            t = tg.tensor(x, requires_grad=True)
            out = f(t).sum()
            with np.errstate(all="warn"):
                out.backward()


# -- order statistics, and what ignores nan -----------------------------------------------------------------


def test_medians_follow_the_elements_chosen():
    equal(gradient(np.median, [3.0, 1.0, 2.0]), [0.0, 0.0, 1.0])
    equal(gradient(np.median, [3.0, 1.0, 2.0, 9.0]), [0.5, 0.0, 0.5, 0.0])
    assert gradient(np.median, [2.0, 2.0, 2.0]).sum() == 1.0
    equal(second(lambda x: np.median(x) ** 2 * np.ones(1), np.array([3.0, 1.0, 2.0])), [0.0, 0.0, 2.0])


def test_quantiles_share_between_neighbours():
    x = [30.0, 10.0, 20.0, 40.0]
    np.testing.assert_allclose(gradient(lambda t: np.quantile(t, 0.25), x), [0.0, 0.25, 0.75, 0.0])
    equal(gradient(lambda t: np.quantile(t, 0.25, method="lower"), x), [0.0, 1.0, 0.0, 0.0])
    equal(gradient(lambda t: np.percentile(t, 100), x), [0.0, 0.0, 0.0, 1.0])
    np.testing.assert_allclose(gradient(lambda q: np.quantile(np.array(x), q), np.array(0.5)), 30.0)


def test_partition_follows_its_elements():
    g = gradient(lambda t: np.partition(t, 1), [3.0, 1.0, 2.0], g=np.array([10.0, 20.0, 30.0]))
    equal(g, [30.0, 10.0, 20.0])


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (np.nansum, [1.0, 0.0, 1.0, 1.0]), (np.nanmean, [1 / 3, 0.0, 1 / 3, 1 / 3]), (np.nanmax, [0.0, 0.0, 0.0, 1.0]),
        (np.nanmin, [1.0, 0.0, 0.0, 0.0]), (np.nanprod, [8.0, 0.0, 4.0, 2.0]), (np.nanmedian, [0.0, 0.0, 1.0, 0.0]),
    ],
    ids=lambda f: getattr(f, "__name__", ""),
)  # fmt: skip
def test_nan_functions_give_nothing_to_the_ignored(f, expected):
    x = np.array([1.0, nan, 2.0, 4.0])
    np.testing.assert_allclose(gradient(f, x), expected)
    assert gradient(np.nanstd, x)[1] == gradient(np.nanvar, x)[1] == 0.0
    t = tg.tensor(x, requires_grad=True)
    (first,) = tg.grad(f(t) ** 2, [t], create_graph=True)
    assert tg.grad(first.sum(), t).data[1] == 0.0


def test_sets_follow_the_first_of_equal_elements():
    equal(gradient(np.unique, [2.0, 1.0, 2.0, 1.0], g=np.array([10.0, 20.0])), [20.0, 10.0, 0.0, 0.0])
