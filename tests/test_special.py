"""Special functions: values against SciPy, derivatives against numbers worked out to 40 digits, and the conventions."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
import scipy.special as sp

import tapegrad as tg
from tapegrad import special
from tapegrad.ops.special import SCIPY, from_scipy, scipy_ufuncs

NUMBERS = np.random.default_rng(0)


def drawn(low, high, *shape):
    return NUMBERS.uniform(low, high, shape)


def derivative(f, point, orders):
    """A partial derivative of f by backward of backward, at a point of numbers."""
    at = [tg.tensor(float(x), requires_grad=True) if n else x for x, n in zip(point, orders, strict=True)]
    y = f(*at)
    for t, n in zip(at, orders, strict=True):
        for _ in range(n):
            y = tg.grad(y, t, create_graph=True)
    return y.item()


def slope(f, x):
    return derivative(f, (x,), (1,))


# -- values ----------------------------------------------------------------------------------------------------

INSIDE = {  # where arguments are drawn from, where not from [0.2, 3)
    "logit": [(0.05, 0.95)], "ndtri": [(0.05, 0.95)], "erfinv": [(-0.9, 0.9)], "erfcinv": [(0.1, 1.9)],
    "ndtri_exp": [(-9, -0.1)], "zeta": [(1.5, 4)], "zetac": [(1.5, 4)], "ellipk": [(-3, 0.9)], "ellipe": [(-3, 0.9)],
    "gammaincinv": [(0.5, 3), (0.1, 0.9)], "gammainccinv": [(0.5, 3), (0.1, 0.9)], "betainc": [(0.2, 3)] * 2 + [(0, 1)],
    "betaincc": [(0.2, 3)] * 2 + [(0, 1)], "betaincinv": [(0.5, 3)] * 2 + [(0.1, 0.9)],
    "betainccinv": [(0.5, 3)] * 2 + [(0.1, 0.9)], "stdtrit": [(0.5, 3), (0.1, 0.9)], "chdtri": [(0.5, 3), (0.1, 0.9)],
    "gdtrix": [(0.5, 3)] * 2 + [(0.1, 0.9)], "fdtri": [(1, 3)] * 2 + [(0.2, 0.8)],
    "nrdtrimn": [(0.1, 0.9)] + [(0.2, 3)] * 2,
    "nrdtrisd": [(-2, -1), (0.6, 0.9), (0.2, 3)], "ellipkinc": [(0.1, 1.5), (-1, 0.9)], "ellipj": [(0.1, 2), (0, 1)],
    "ellipeinc": [(0.1, 1.5), (-1, 0.9)], "eval_legendre": [(0.2, 3), (-1, 1)],
    "hyp2f1": [(0.2, 3)] * 3 + [(-0.9, 0.9)],
}  # fmt: skip
WHOLE = {  # arguments that are integers
    "expn": [3], "yn": [2], "kn": [2], "pdtri": [3], "bdtr": [2.0, 5], "bdtrc": [2.0, 5], "bdtri": [2.0, 5],
    "nbdtr": [2, 5], "nbdtrc": [2, 5], "nbdtri": [2, 5], "eval_hermite": [3], "eval_hermitenorm": [3], "lpmv": [1, 2],
}  # fmt: skip
UNIT = {"bdtr", "bdtrc", "bdtri", "nbdtr", "nbdtrc", "nbdtri", "pdtri", "lpmv"}
PUBLIC = sorted(name for name in SCIPY if isinstance(getattr(sp, name, None), np.ufunc))


def arguments(name, dtype=np.float64):
    f = getattr(sp, name)
    whole = WHOLE.get(name, [])
    bounds = INSIDE.get(name, [(0.2, 3)] * f.nin)
    if name in UNIT:
        bounds = [(0.1, 0.9)] * f.nin
    rest = [drawn(low, high, 3, 4).astype(dtype) for low, high in bounds[len(whole) : f.nin]]
    return [*whole, *rest]


@pytest.mark.parametrize("name", PUBLIC)
def test_values_are_scipys(name):
    args = arguments(name)
    ours, theirs = getattr(special, name)(*args), getattr(sp, name)(*args)
    for a, b in zip(*[r if isinstance(r, tuple) else (r,) for r in (ours, theirs)], strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=2e-13, atol=1e-300)


@pytest.mark.parametrize("name", PUBLIC)
def test_scipys_ufuncs_take_tensors_and_are_recorded(name):
    args = arguments(name)
    leaf = tg.tensor(args[-1], requires_grad=True)
    ours, through = getattr(special, name)(*args), getattr(sp, name)(*args[:-1], leaf)
    for a, t in zip(*[r if isinstance(r, tuple) else (r,) for r in (ours, through)], strict=True):
        assert isinstance(t, tg.Tensor)
        assert t.requires_grad
        np.testing.assert_array_equal(a, t.data)


@pytest.mark.parametrize("name", PUBLIC)
def test_single_precision_stays_single(name):
    ours = getattr(special, name)(*arguments(name, np.float32))
    for a in ours if isinstance(ours, tuple) else (ours,):
        assert a.dtype in (np.float32, np.complex64)


def test_numbers_of_python_do_not_widen():
    x = tg.tensor(np.array([0.5, 1.5], np.float32), requires_grad=True)
    for y in (
        special.gammainc(2.0, x), special.beta(1, x), special.jv(0, x), special.xlogy(2.0, x), special.huber(1.0, x),
        special.zeta(x + 1.0, 2.0), special.polygamma(1, x), special.expn(2, x), special.eval_legendre(3, x),
        special.kv(0.5, x), special.spherical_jn(1, x), special.boxcox(x, 0.5), special.comb(x + 3.0, 2),
    ):  # fmt: skip
        assert y.dtype == np.float32
        assert tg.grad(y.sum(), x).dtype == np.float32
    for t in (x, x.detach(), x.data):
        for f in (special.xlogy, special.xlog1py, special.rel_entr, special.kl_div, special.boxcox, special.inv_boxcox):
            assert f(t, 0.5).dtype == np.float32


def test_integers_of_few_bits_are_worked_on_in_double_precision():
    x = tg.tensor(np.array([3, 200, 0], np.uint8))
    for f in (special.xlogy, special.xlog1py):
        assert f(x, x).dtype == np.float64
        np.testing.assert_allclose(f(x, x).data, f(x.data.astype(float), x.data.astype(float)), rtol=1e-14)


def test_erfcx_beyond_the_largest_number_has_an_infinite_slope():
    x = tg.tensor([-30.0, -1e9], requires_grad=True)
    first = tg.grad(special.erfcx(x).sum(), x, create_graph=True)
    np.testing.assert_array_equal(first.data, [-np.inf, -np.inf])
    np.testing.assert_array_equal(tg.grad(first.sum(), x).data, [np.inf, np.inf])


def test_an_array_of_integer_orders_does_not_widen():
    x = np.array([0.5, 1.5, 2.5], np.float32)
    orders = np.array([0, 1, 2])
    for f in (special.jv, special.yn, special.expn, special.polygamma, special.spherical_jn, special.eval_chebyt):
        assert f(orders, x).dtype == np.float32


def test_every_name_of_scipy_that_is_declared_is_there():
    found = {f.__name__ for f in scipy_ufuncs()}
    assert len(found) > 150
    of_torch = {f"{kind}chebyshev_polynomial_{letter}" for kind in ("", "shifted_") for letter in "vw"}
    newer = {"sph_harm_y", "softplus"}  # than the oldest SciPy that is supported
    assert set(special.__all__) - set(dir(sp)) - newer == of_torch


@pytest.mark.parametrize("name", special.__all__)
def test_every_public_function_says_what_it_is(name):
    assert getattr(special, name).__doc__.strip()


def test_limits_at_the_ends_are_scipys():
    x = np.array([0.0, -0.0, 1.0, -1.0, 2.0, np.inf, -np.inf, np.nan])
    for name in ("entr", "logit", "expit", "log_expit", "exprel", "ndtr", "erfcx", "dawsn", "log_ndtr", "cosm1"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = getattr(sp, name)(x)
            np.testing.assert_allclose(getattr(special, name)(x), expected, rtol=1e-14, err_msg=name)
    one, two = (a.ravel() for a in np.meshgrid(x, x))
    for name in ("xlogy", "xlog1py", "rel_entr", "huber", "boxcox", "boxcox1p", "inv_boxcox"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = getattr(sp, name)(one, two)
            np.testing.assert_allclose(getattr(special, name)(one, two), expected, rtol=1e-13, err_msg=name)


# -- derivatives -----------------------------------------------------------------------------------------------

# (function, point, how often in each argument, the derivative), from 40 digits
POINTS = [
    ("gammainc", (2.5, 1.5), (1, 0), -0.2521754004236278),
    ("gammainc", (2.5, 1.5), (2, 0), 0.1365540334550095),
    ("gammainc", (2.5, 1.5), (1, 1), -0.09179635733271265),
    ("gammainc", (0.01, 0.3), (1, 0), -0.9087458022685459),
    ("gammainc", (0.01, 0.3), (2, 0), -0.2899223483260613),
    ("gammainc", (300.0, 310.0), (1, 0), -0.01925383837470143),
    ("gammainc", (300.0, 310.0), (2, 0), -0.0006314875566518714),
    ("gammaincc", (5.0, 40.0), (1, 0), 1.109352325918427e-12),
    ("gammaincc", (5.0, 40.0), (2, 0), 2.340521426469965e-12),
    ("betainc", (2.0, 3.0, 0.4), (1, 0, 0), -0.2408693760875566),
    ("betainc", (2.0, 3.0, 0.4), (0, 1, 0), 0.1563443364135988),
    ("betainc", (2.0, 3.0, 0.4), (1, 1, 0), 0.008923407670034283),
    ("betainc", (2.0, 3.0, 0.4), (2, 0, 0), 0.05839660125154109),
    ("betainc", (2.0, 3.0, 0.4), (1, 0, 1), 0.2886496153214601),
    ("betainc", (0.02, 50.0, 0.001), (1, 0, 0), -2.385244251841964),
    ("betainc", (0.02, 50.0, 0.001), (0, 1, 0), 0.0003660828460869236),
    ("betainc", (400.0, 300.0, 0.6), (1, 0, 0), -0.003910546676877423),
    ("betainc", (400.0, 300.0, 0.6), (0, 2, 0), -0.0003895366875166015),
    ("kv", (1.5, 0.7), (1, 0), 2.275632136661068),
    ("kv", (1.5, 0.7), (2, 0), 4.049041758953315),
    ("kv", (1.5, 0.7), (1, 1), -7.807760662124197),
    ("kv", (1.5, 0.7), (0, 2), 16.69508243838105),
    ("kve", (0.0, 200.0), (2, 0), 0.000441736147293632),
    ("kve", (0.0, 200.0), (0, 1), -0.0002211432457070215),
    ("zeta", (1.5, 0.3), (1, 0), 3.292037761731204),
    ("zeta", (1.5, 0.3), (2, 0), 24.81984461438593),
    ("zeta", (1.5, 0.3), (1, 1), -56.98559647079184),
    ("zeta", (1.5, 0.3), (0, 2), 255.3849601966211),
    ("zeta", (0.5,), (1,), -3.922646139209152),
    ("zeta", (0.5,), (2,), -16.00835701392866),
    ("zeta", (-3.5,), (1,), 0.009154213629941512),
    ("zeta", (-3.5,), (2,), -0.001787508571840275),
    ("zeta", (0.0,), (1,), -0.9189385332046727),
    ("hyp1f1", (0.5, 1.5, 2.0), (1, 0, 0), 3.353302102487316),
    ("hyp1f1", (0.5, 1.5, 2.0), (0, 1, 0), -1.30546009912103),
    ("hyp1f1", (0.5, 1.5, 2.0), (1, 1, 0), -3.426570673786862),
    ("hyp1f1", (0.5, 1.5, 2.0), (0, 0, 2), 0.9051511110841424),
    ("hyp1f1", (0.5, 1.5, 2.0), (1, 0, 1), 3.430824603485143),
    ("hyp1f1", (2.0, 1.0, -30.0), (1, 0, 0), 0.001286531970598139),
    ("hyp1f1", (2.0, 1.0, -30.0), (0, 1, 0), -0.001286531967790852),
    ("hyp1f1", (0.0, 1.5, 2.0), (1, 0, 0), 2.1637655915391),
    ("stdtr", (3.0, 0.5), (1, 0), 0.00529909273003018),
    ("stdtr", (3.0, 0.5), (2, 0), -0.003230230453055587),
    ("stdtr", (3.0, 0.5), (1, 1), 0.01181982694958749),
    ("stdtr", (3.0, -20.0), (1, 0), -0.0002859110843979261),
    ("stdtr", (3.0, -20.0), (0, 1), 2.036816538819125e-5),
    ("ellipkinc", (1.2, 0.9), (0, 1), 0.8877684205802943),
    ("ellipkinc", (1.2, 0.9), (0, 2), 3.032272998578595),
    ("ellipkinc", (1.2, 0.9), (1, 1), 4.262233746311612),
    ("ellipkinc", (4.0, 0.0), (0, 1), 0.8763302191720773),
    ("ellipkinc", (4.0, 0.0), (0, 2), 0.9327475947737784),
    ("ellipeinc", (1.2, 0.1), (0, 1), -0.2221478110234788),
    ("ellipeinc", (1.2, 0.1), (0, 2), -0.06932298241559214),
    ("erfcx", (1000000.0,), (1,), -5.6418958354691e-13),
    ("erfcx", (1000000.0,), (2,), 1.128379167092127e-18),
    ("erfcx", (-2.0,), (1,), -436.8919967270074),
    ("erfcx", (-2.0,), (3,), -9609.367169659972),
    ("dawsn", (50.0,), (1,), -0.0002001201201683031),
    ("dawsn", (50.0,), (2,), 8.00961442694064e-6),
    ("dawsn", (0.0,), (1,), 1.0),
    ("dawsn", (0.0,), (3,), -4.0),
    ("log_ndtr", (-1000.0,), (1,), 1000.000999998),
    ("log_ndtr", (-1000.0,), (2,), -0.999999000006),
    ("log_ndtr", (6.0,), (1,), 6.075882855817676e-9),
    ("log_ndtr", (6.0,), (2,), -3.645529717182241e-8),
    ("rgamma", (-3.0,), (1,), -6.0),
    ("rgamma", (-3.0,), (2,), 15.07341202118161),
    ("exprel", (-1e-09,), (1,), 0.4999999996666667),
    ("exprel", (-1e-09,), (3,), 0.2499999998),
    ("spence", (1.0000001,), (1,), -0.9999999500000033),
    ("spence", (1.0000001,), (2,), 0.4999999333333408),
    ("spence", (1.0000001,), (3,), -0.6666665166666906),
    ("ellipk", (0.999,), (1,), 499.1639931300771),
    ("ellipk", (0.999,), (2,), 499875.8241080621),
    ("ellipk", (0.0,), (1,), 0.3926990816987242),
    ("ellipk", (0.0,), (2,), 0.4417864669110647),
    ("ellipk", (0.0,), (3,), 0.9203884727313847),
    ("ellipe", (0.0,), (1,), -0.3926990816987242),
    ("ellipe", (0.0,), (2,), -0.1472621556370216),
    ("poch", (-2.0, 3.0), (1, 0), 2.0),
    ("poch", (-2.0, 3.0), (2, 0), -6.0),
    ("poch", (-3.0, 2.0), (1, 0), -5.0),
    ("poch", (-3.0, 2.0), (2, 0), 2.0),
    ("binom", (1.0, 3.0), (1, 0), -0.1666666666666667),
    ("binom", (1.0, 3.0), (2, 0), 0.0),
    ("binom", (1.0, 3.0), (0, 1), 0.1666666666666667),
    ("xlogy", (0.0, 2.0), (1, 0), 0.6931471805599453),
    ("xlogy", (0.0, 2.0), (0, 1), 0.0),
    ("xlogy", (0.0, 0.0), (1, 0), 0.0),
    ("xlogy", (0.0, 0.0), (0, 1), 0.0),
    ("xlogy", (0.0, 2.0), (1, 1), 0.5),
    ("xlog1py", (0.0, -1.0), (1, 0), 0.0),
    ("xlog1py", (0.0, 1e-20), (1, 0), 1e-20),
    ("entr", (0.0,), (1,), np.inf),
    ("logit", (0.0,), (1,), np.inf),
    ("logit", (1.0,), (1,), np.inf),
    ("logit", (0.5,), (3,), 32.0),
    ("rel_entr", (0.0, 2.0), (0, 1), 0.0),
    ("rel_entr", (0.0, 2.0), (1, 0), -np.inf),
    ("kl_div", (0.0, 2.0), (0, 1), 1.0),
    ("kl_div", (1.0, 1.0), (1, 0), 0.0),
    ("erfinv", (1.0,), (1,), np.inf),
    ("ndtri", (0.0,), (1,), np.inf),
    ("boxcox", (2.0, 0.0), (0, 1), 0.2402265069591007),
    ("boxcox", (0.0, 2.0), (0, 1), 0.25),
    ("inv_boxcox", (2.0, 0.0), (0, 1), -14.7781121978613),
    ("inv_boxcox", (-1.0, 1.0), (1, 0), 1.0),
    ("huber", (1.0, 3.0), (1, 0), 2.0),
    ("huber", (1.0, -3.0), (0, 1), -1.0),
    ("pseudo_huber", (0.0, -2.0), (1, 0), 2.0),
    ("gamma", (1.0,), (1,), -0.5772156649015329),
    ("gamma", (0.0,), (1,), -np.inf),
    ("psi", (1.0,), (1,), 1.6449340668482264),
    ("gammainc", (2.0, 0.0), (0, 2), 1.0),
    ("gammainc", (1.0, 0.0), (0, 1), 1.0),
    ("betainc", (1.0, 3.0, 0.0), (0, 0, 1), 3.0),
    ("betainc", (2.0, 3.0, 0.0), (0, 0, 2), 12.0),
    ("stdtr", (3.0, 0.0), (1, 1), 0.00973298164998849),
    ("jv", (0, 0.0), (0, 2), -0.5),
    ("j0", (0.0,), (2,), -0.5),
    ("j1", (0.0,), (1,), 0.5),
    ("i1", (0.0,), (1,), 0.5),
    ("i0e", (0.0,), (1,), 0.0),
    ("i1e", (0.0,), (1,), 0.5),
    ("k0e", (0.0,), (1,), -np.inf),
    ("spherical_jn", (1, 0.0), (0, 1), 1 / 3),
    ("spherical_jn", (0, 0.0), (0, 2), -1 / 3),
    ("bei", (0.0,), (2,), 0.5),
    ("eval_legendre", (4, 1.0), (0, 1), 10.0),
    ("eval_legendre", (0, 0.3), (0, 1), 0.0),
    ("lpmv", (0, 4, 1.0), (0, 0, 1), 10.0),
    ("hyp2f1", (1.0, 1.0, 2.0, 0.0), (0, 0, 0, 1), 0.5),
    ("expn", (0, 2.0), (0, 2), 0.1691691040454165),
    ("sindg", (60.0,), (1,), 0.008726646259971648),
]  # fmt: skip


@pytest.mark.parametrize(("name", "point", "orders", "expected"), POINTS)
def test_derivative_at_a_point(name, point, orders, expected):
    f = getattr(special, name)
    with np.errstate(all="ignore"):
        found = derivative(f, point, orders)
    assert found == pytest.approx(expected, rel=3e-12, abs=1e-14)


@pytest.mark.parametrize(
    ("f", "point"),
    [
        (special.gammaincinv, (1.5, 0.4)), (special.gammainccinv, (1.5, 0.4)), (special.betaincinv, (1.5, 2.5, 0.4)),
        (special.betainccinv, (1.5, 2.5, 0.4)), (special.stdtrit, (3.5, 0.7)), (special.fdtri, (3.0, 5.0, 0.4)),
        (special.chdtri, (3.0, 0.4)), (special.gdtrix, (2.0, 1.5, 0.4)),
    ],
)  # fmt: skip
def test_inverses_are_differentiable_in_their_parameters_twice(f, point):
    at = [np.array(x) for x in point]
    assert tg.gradcheck(f, at)
    assert tg.gradgradcheck(f, at)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (special.gamma, 2.3), (special.rgamma, -1.0), (special.erfcx, 7.0), (special.dawsn, 1.0), (special.j1, 3.0),
        (special.k1e, 2.0), (special.log_ndtr, -3.0), (special.ellipk, 0.3), (special.spence, 1.0),
        (special.exprel, 0.0), (lambda x: special.airy(x)[1], -2.0), (lambda x: special.sici(x)[0], 0.0),
        (lambda x: special.zeta(x), 0.3),
        (lambda x: special.kv(x, 1.5), 0.5), (lambda x: special.gammainc(x, 2.0), 1.5), (special.ndtri_exp, -2.0),
        (lambda x: tg.real(special.lambertw(x)), 0.0), (special.ber, 0.0), (lambda x: special.ellipj(x, 0.4)[0], 0.5),
        (lambda x: special.polygamma(2, x), -0.5), (lambda x: special.hyp1f1(x, 1.5, -3.0), 0.5),
    ],
)  # fmt: skip
def test_the_fourth_derivative_is_that_of_the_third(f, x):
    def third(x):
        y = f(x)
        for _ in range(3):
            y = tg.grad(y, x, create_graph=True)
        return y

    leaf = tg.tensor(x, requires_grad=True)
    fourth = tg.grad(third(leaf), leaf).item()
    h = 1e-3
    ahead, behind = (third(tg.tensor(x + s * h, requires_grad=True)).item() for s in (1, -1))
    far_ahead, far_behind = (third(tg.tensor(x + s * 2 * h, requires_grad=True)).item() for s in (1, -1))
    expected = (8 * (ahead - behind) - (far_ahead - far_behind)) / (12 * h)
    assert fourth == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_both_modes_agree_in_every_argument():
    for f, point in (
        (special.betainc, (1.5, 2.5, 0.3)), (special.kv, (0.7, 1.3)), (special.hyp1f1, (0.7, 1.3, -2.0)),
        (special.zeta, (1.7, 0.4)), (special.binom, (4.5, 2.2)), (special.voigt_profile, (0.3, 1.1, 0.4)),
        (special.owens_t, (0.3, -1.1)), (special.fdtr, (3.0, 4.0, 0.6)), (special.ellipkinc, (0.7, 0.1)),
    ):  # fmt: skip
        at = [np.array(x) for x in point]
        ones = [np.array(1.0 + k) for k in range(len(at))]
        _, ahead = tg.func.jvp(f, tuple(at), tuple(ones))
        leaves = [tg.tensor(x, requires_grad=True) for x in at]
        back = tg.grad(f(*leaves), leaves)
        assert float(ahead) == pytest.approx(sum((1.0 + k) * g.item() for k, g in enumerate(back)), rel=1e-12)


@pytest.mark.parametrize(
    "name", ["gamma", "loggamma", "psi", "erf", "erfc", "erfcx", "erfi", "dawsn", "wofz", "ndtr", "log_ndtr", "expi",
             "exp1", "spence", "rgamma", "lambertw", "wrightomega"],
)  # fmt: skip
def test_the_gradient_of_a_complex_argument_is_that_of_steepest_ascent(name):
    z = np.array([1.3 + 0.4j, 0.7 + 1.1j, 1.9 + 0.2j])
    assert tg.gradcheck(getattr(special, name), z)


def test_zeta_of_complex_numbers_where_scipy_has_it():
    z = np.array([1.3 + 0.4j, -2.7 + 1.1j, 0.5 + 14.0j])
    try:
        sp.zeta(z)
    except TypeError:
        with pytest.raises(TypeError):
            special.zeta(z)
    else:
        assert tg.gradcheck(special.zeta, z)


@pytest.mark.parametrize("f", [special.jve, special.yve, special.ive])
def test_scaled_bessel_functions_of_complex_arguments_are_not_analytic_and_right(f):
    z = np.array([1.3 + 0.4j, -0.7 + 1.1j, 1.9 - 2.2j])
    assert tg.gradcheck(lambda z: f(0.7, z), z)
    assert tg.gradgradcheck(lambda z: f(0.7, z), z)


def test_scaled_airy_functions_left_and_right_of_zero():
    np.testing.assert_allclose(special.airye(np.array([-2.0, 1.5])), sp.airye(np.array([-2.0, 1.5])), rtol=1e-14)
    assert tg.gradcheck(lambda z: special.airye(z)[2:], np.array([-2.0, 1.5]))
    assert tg.gradcheck(special.airye, np.array([1.5 + 0.5j, -0.5 + 1.0j]))


def test_polygamma_of_complex_numbers_left_and_right():
    z = np.array([0.3 + 0.2j, -3.4 + 0.5j, 5.0 - 3.0j, -0.5 + 30.0j])
    assert tg.gradcheck(special.psi, z)
    # psi'(z) + psi'(1 - z) = (pi / sin(pi z))**2
    both = special.polygamma(1, z) + special.polygamma(1, 1 - z)
    np.testing.assert_allclose(both, (np.pi / np.sin(np.pi * z)) ** 2, rtol=1e-12, atol=1e-15)


def test_spherical_harmonics_at_the_poles_and_elsewhere():
    theta, phi = np.array([0.1, 0.4, 3.0]), np.array([0.3, -1.2, 2.0])
    ours = special.sph_harm_y(2, 1, theta, phi)
    known = -np.sqrt(15 / (8 * np.pi)) * np.sin(theta) * np.cos(theta) * np.exp(1j * phi)
    np.testing.assert_allclose(ours, known, rtol=1e-13)
    for n, m in ((0, 0), (2, 1), (3, -3), (2, 2)):
        assert tg.gradcheck(lambda a, b: special.sph_harm_y(n, m, a, b), (theta, phi))
    gradient = slope(lambda t: tg.real(special.sph_harm_y(1, 1, t, 0.0)), 0.0)
    assert gradient == pytest.approx(-np.sqrt(3 / (8 * np.pi)))


def test_derivatives_of_bessel_functions_by_name():
    x = drawn(0.5, 3, 4)
    for name in ("jvp", "yvp", "ivp", "kvp", "h1vp", "h2vp"):
        for n in (0, 1, 3):
            ours = getattr(special, name)(0.7, x, n)
            np.testing.assert_allclose(ours, getattr(sp, name)(0.7, x, n), rtol=1e-12)
    for name in ("spherical_jn", "spherical_yn", "spherical_in", "spherical_kn"):
        f, g = getattr(special, name), getattr(sp, name)
        for n in (0, 2):
            np.testing.assert_allclose(f(n, x, derivative=True), g(n, x, derivative=True), rtol=1e-11)


# -- a zero cotangent, and where there is no derivative ----------------------------------------------------------

ENDS = [
    ("logit", (0.0,)), ("entr", (0.0,)), ("erfinv", (1.0,)), ("ndtri", (0.0,)), ("gamma", (0.0,)), ("gamma", (-1.0,)),
    ("psi", (0.0,)), ("zeta", (1.0,)), ("k0", (0.0,)), ("y1", (0.0,)), ("expi", (0.0,)), ("ellipk", (1.0,)),
    ("spence", (0.0,)), ("xlogy", (2.0, 0.0)), ("rel_entr", (0.0, 1.0)), ("kl_div", (2.0, 0.0)), ("beta", (0.0, 1.0)),
    ("boxcox", (0.0, 0.5)), ("gammaincinv", (2.0, 0.0)), ("gammainc", (0.5, 0.0)), ("betainc", (0.5, 0.5, 1.0)),
    ("kv", (0.5, 0.0)), ("i0", (np.inf,)), ("erfcx", (-np.inf,)), ("lambertw", (-np.exp(-1),)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "point"), ENDS)
def test_a_zero_cotangent_stays_zero_where_the_slope_is_infinite(name, point):
    leaves = [tg.tensor(x, requires_grad=True) for x in point]
    with np.errstate(all="ignore"):
        y = getattr(special, name)(*leaves)
        gradients = tg.grad(y, leaves, np.zeros((), y.dtype))
    assert [g.item() for g in gradients] == [0.0] * len(leaves)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: special.jv(t, 1.0), "jv: there is no gradient in v: .* no closed form; give v.detach()"),
        (lambda t: special.hyp2f1(1.0, t, 2.0, 0.5), "hyp2f1: there is no gradient in b"),
        (lambda t: special.polygamma(t, 1.0), "polygamma: there is no gradient in n: it is an integer"),
        (lambda t: special.bdtr(1.0, t, 0.5), "bdtr: there is no gradient in n: it is a count"),
        (lambda t: special.eval_jacobi(2, t, 1.0, 0.5), "eval_jacobi: there is no gradient in alpha"),
        (lambda t: special.kv(t, 1j), "kv: the gradient in the order v is there for real z only"),
        (lambda t: special.hyp1f1(t, 1.0, 1j), "hyp1f1: the gradients in a and b are there for real x only"),
        (lambda t: special.comb(t, 2, exact=True), "comb: exact=True gives integers, which have no gradient"),
        (lambda t: special.factorial(t, exact=True), "factorial: exact=True"),
        (lambda t: special.sph_harm_y(1, 0, t, t, diff_n=1), "sph_harm_y: diff_n=1 is not supported"),
        (lambda t: special.spherical_jn(0.5, t), "spherical_jn: the order n must be an integer, got 0.5"),
        (lambda t: special.expit(t * 1j), "expit: x is complex"),
        (lambda t: sp.agm(t, 2.0), "agm on a Tensor"),
    ],
)
def test_what_has_no_derivative_is_refused_with_the_reason(call, message):
    with pytest.raises(TypeError, match=message):
        call(tg.tensor(2.0, requires_grad=True))


def test_orders_without_a_gradient_may_be_tensors():
    v, z = tg.tensor(0.5), tg.tensor(1.5, requires_grad=True)
    assert tg.grad(special.jv(v, z), z).item() == pytest.approx(sp.jvp(0.5, 1.5))
    with tg.no_grad():
        assert special.jv(tg.tensor(0.5, requires_grad=True), 1.5).item() == sp.jv(0.5, 1.5)


def test_bad_arguments_say_what_is_wrong():
    with pytest.raises(ValueError, match=r"multigammaln: a must be larger than \(d - 1\) / 2 = 1, got 0.5"):
        special.multigammaln([2.0, 0.5], 3)
    with pytest.raises(ValueError, match="jvp: n is the order of a derivative"):
        special.jvp(0, 1.0, -1)
    with pytest.raises(ValueError, match="factorial: extend='odd' is not one of"):
        special.factorial(2.0, extend="odd")


# -- functions that are no ufuncs ----------------------------------------------------------------------------------


def test_functions_that_are_no_ufuncs_equal_scipys():
    x = drawn(2.5, 6, 3, 4)
    np.testing.assert_allclose(special.polygamma(2, x), sp.polygamma(2, x), rtol=1e-14)
    np.testing.assert_allclose(special.polygamma([[0], [1], [2]], x), sp.polygamma([[0], [1], [2]], x), rtol=1e-14)
    np.testing.assert_allclose(special.multigammaln(x, 4), sp.multigammaln(x, 4), rtol=1e-14)
    np.testing.assert_allclose(special.factorial(x), sp.gamma(x + 1), rtol=1e-14)
    np.testing.assert_allclose(special.comb(x, 2.0), sp.comb(x, 2.0), rtol=1e-13)
    np.testing.assert_allclose(special.comb(x, 2.0, repetition=True), sp.comb(x, 2.0, repetition=True), rtol=1e-13)
    np.testing.assert_allclose(special.perm(x, 2.0), sp.perm(x, 2.0), rtol=1e-13)
    assert special.comb(2.0, 5.0) == 0
    assert special.factorial(-1.0) == 0
    np.testing.assert_allclose(special.softmax(x), sp.softmax(x), rtol=1e-14)
    np.testing.assert_allclose(special.log_softmax(x, axis=0), sp.log_softmax(x, axis=0), rtol=1e-13)
    np.testing.assert_allclose(special.softplus(x), np.logaddexp(0, x), rtol=1e-14)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, (0, 1)])
def test_logsumexp_with_weights_and_sign(axis, keepdims):
    a, b = drawn(-3, 3, 3, 4), drawn(-1, 2, 3, 4)
    for options in ({"b": abs(b)}, {"return_sign": True}, {"b": b, "return_sign": True}):
        ours = special.logsumexp(a, axis=axis, keepdims=keepdims, **options)
        theirs = sp.logsumexp(a, axis=axis, keepdims=keepdims, **options)
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)


def test_logsumexp_of_weight_zero_neither_scales_nor_loses_its_gradient():
    a = tg.tensor([1000.0, 1.0], requires_grad=True)
    b = tg.tensor([0.0, 2.0], requires_grad=True)
    y = special.logsumexp(a, b=b)
    assert y.item() == pytest.approx(1 + np.log(2))
    assert tg.grad(y, a).tolist() == pytest.approx([0.0, 1.0])
    c = tg.tensor([0.0, 1.0], requires_grad=True)
    gradient = tg.grad(special.logsumexp(c, b=b), b)  # e**c over the sum, also where b is 0
    assert gradient.tolist() == pytest.approx([1 / (2 * np.e), 0.5])
    assert special.logsumexp(np.array([-np.inf, -np.inf]), b=np.array([1.0, 2.0])) == -np.inf
    assert tg.gradcheck(lambda a, b: special.logsumexp(a, b=b, return_sign=True)[0], (drawn(-1, 1, 4), drawn(1, 2, 4)))


def test_the_names_of_torch_for_chebyshev_polynomials():
    t = drawn(0.3, 2.8, 5)
    x = np.cos(t)
    for n in (0, 1, 4):
        third, fourth = np.cos((n + 0.5) * t) / np.cos(t / 2), np.sin((n + 0.5) * t) / np.sin(t / 2)
        np.testing.assert_allclose(special.chebyshev_polynomial_v(x, n), third, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(special.chebyshev_polynomial_w(x, n), fourth, rtol=1e-12, atol=1e-13)
        moved = special.shifted_chebyshev_polynomial_v((x + 1) / 2, n)
        np.testing.assert_allclose(moved, third, rtol=1e-12, atol=1e-13)
        moved = special.shifted_chebyshev_polynomial_w((x + 1) / 2, n)
        np.testing.assert_allclose(moved, fourth, rtol=1e-12, atol=1e-13)
    assert tg.gradcheck(lambda x: special.chebyshev_polynomial_w(x, 4), x)


# -- with other shapes, and without SciPy ----------------------------------------------------------------------


def test_large_arrays_give_what_small_ones_give():
    a, x = drawn(0.3, 3, 300, 200), drawn(0.3, 3, 300, 200)
    for f in (special.kv, special.zeta, special.xlogy, special.beta):
        big = [tg.tensor(t + 1.2, requires_grad=True) for t in (a, x)]
        small = [tg.tensor(t[:2, :3] + 1.2, requires_grad=True) for t in (a, x)]
        large = tg.grad(f(*big).sum(), big)
        for g, e in zip(large, tg.grad(f(*small).sum(), small), strict=True):
            np.testing.assert_allclose(g.data[:2, :3], e.data, rtol=1e-12)


def test_keywords_of_ufuncs_go_through():
    t = tg.tensor([0.3, 0.5], requires_grad=True)
    assert sp.gamma(t, dtype=np.float32).dtype == np.float32
    np.testing.assert_array_equal(sp.beta.outer(t, np.array([1.0, 2.0])).data, sp.beta.outer(t.data, [1.0, 2.0]))
    out = tg.zeros(2)
    assert sp.erf(t, out=out) is out
    assert out.requires_grad


def test_scipy_is_imported_only_when_it_is_needed():
    code = "import sys; from tapegrad import special as s; s.expit([0.1]); s.ndtr([0.1]); s.i1([2.0]); "
    code += "print('scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_missing_scipy_is_named_with_the_way_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    assert scipy_ufuncs() == {}
    with pytest.raises(ImportError, match=r"gamma needs SciPy.*pip install 'tapegrad\[scipy\]'"):
        from_scipy("gamma")(1.0)
    with pytest.raises(ImportError, match="wofz needs SciPy"):
        special.wofz(1.0)


def test_a_function_that_an_old_scipy_lacks_is_named():
    with pytest.raises(ImportError, match=r"this release of SciPy has no scipy.special.nothing"):
        from_scipy("nothing")(1.0)


# -- against JAX -------------------------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("beta", (0.3, 0.3), (3, 3)), ("betaln", (0.3, 0.3), (3, 3)), ("boxcox", (0.3, -2), (3, 2)),
        ("dawsn", (-3,), (3,)),
        ("digamma", (0.3,), (3,)), ("erfcx", (-3,), (3,)), ("erfinv", (-0.9,), (0.9,)), ("exp1", (0.3,), (3,)),
        ("expi", (0.3,), (3,)), ("gamma", (-3,), (3,)), ("gammainc", (0.3, 0.3), (3, 3)), ("owens_t", (-2, -2), (2, 2)),
        ("gammaincc", (0.3, 0.3), (3, 3)), ("hyp1f1", (0.3, 0.3, 0.3), (3, 3, 3)), ("i0e", (-3,), (3,)),
        ("kl_div", (0.3, 0.3), (3, 3)), ("log_ndtr", (-3,), (3,)), ("ndtri", (0.1,), (0.9,)),
        ("poch", (0.3, 0.3), (3, 3)),
        ("zeta", (1.5, 0.3), (4, 3)), ("xlog1py", (-2, 0.3), (2, 3)), ("rel_entr", (0.3, 0.3), (3, 3)),
    ],
)  # fmt: skip
def test_gradients_are_jaxs(name, low, high):
    jax = pytest.importorskip("jax")
    import jax.scipy.special as theirs

    jax.config.update("jax_enable_x64", True)
    args = [drawn(a, b, 20) for a, b in zip(low, high, strict=True)]
    leaves = [tg.tensor(a, requires_grad=True) for a in args]
    ours = tg.grad(getattr(special, name)(*leaves).sum(), leaves)
    where = tuple(range(len(args)))
    if name == "zeta":  # which JAX does not differentiate in x
        where, ours = (1,), ours[1:]
    expected = jax.grad(lambda *a: getattr(theirs, name)(*a).sum(), argnums=where)(*args)
    for g, e in zip(ours, expected, strict=True):
        np.testing.assert_allclose(g.data, np.asarray(e), rtol=1e-8, atol=1e-10)
