"""Elementwise functions against NumPy in every dtype, and their gradients where these could go two ways."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import overrides

import tapegrad as tg
from tapegrad.check import gradcheck, gradgradcheck
from tapegrad.ops import elementwise as E
from tapegrad.registry import BY_NUMPY, in_numpy
from tapegrad.tape import state

inf, nan = math.inf, math.nan
RNG = np.random.default_rng(0)
DTYPES = [
    np.bool_, np.int8, np.uint8, np.int32, np.int64, np.uint64, np.float16, np.float32, np.float64, np.complex64,
    np.complex128,
]  # fmt: skip
NUMBERS = [2, -3, 2.5, True, 1j, np.float64(2.5), np.float32(1.5), np.int8(2), [1, 2, 3]]
UFUNCS = sorted(
    (
        f for f in overrides.get_overridable_numpy_ufuncs()
        if f in BY_NUMPY and f.signature is None and f.nin < 3 and f not in (np.nextafter, np.spacing)
    ),
    key=lambda f: f.__name__,
)  # fmt: skip


def draw(dtype, *shape):
    kind = np.dtype(dtype).kind
    if kind == "b":
        return np.asarray(RNG.random(shape) < 0.5)
    if kind in "iu":
        return np.asarray(RNG.integers(-4 if kind == "i" else 1, 5, shape)).astype(dtype)
    x = RNG.normal(size=shape) * 1.5
    return np.asarray(x + 1j * RNG.normal(size=shape) if kind == "c" else x).astype(dtype)


def leaf(x, dtype=None):
    return tg.tensor(x, requires_grad=True, dtype=dtype)


def tensor(a):
    return tg.tensor(a, requires_grad=a.dtype.kind in "fc")


def as_in_numpy(f, plain, tensors):
    """f of Tensors gives what f of arrays gives, in dtype, shape and values; or both raise."""
    with np.errstate(all="ignore"):
        try:
            theirs = f(*plain)
        except TypeError:
            with pytest.raises(TypeError):
                f(*tensors)
            return
        except Exception as error:
            with pytest.raises(type(error)):
                f(*tensors)
            return
        ours = f(*tensors)
    for a, b in zip(*[r if isinstance(r, tuple) else (r,) for r in (ours, theirs)], strict=True):
        assert isinstance(a, tg.Tensor)
        assert a.dtype == np.asarray(b).dtype
        np.testing.assert_array_equal(a.data, b)


def first(f, x, g=1.0):
    """The gradient of Re(conj(g) f) in x, a number."""
    t = leaf(x)
    with np.errstate(all="ignore"):
        y = f(t)
        return tg.grad([y], [t], [np.full(y.shape, g, y.dtype)])[0].item()


def second(f, x):
    """The second derivative of f at x, a number."""
    t = leaf(x)
    with np.errstate(all="ignore"):
        (one,) = tg.grad(f(t).sum(), [t], create_graph=True)
        return tg.grad(one.sum(), t).item() if one.requires_grad else 0.0


def same(a, b):
    np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


# -- values --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", UFUNCS, ids=[f.__name__ for f in UFUNCS])
@pytest.mark.filterwarnings("ignore")
def test_a_ufunc_in_every_dtype(f):
    for dtype in DTYPES:
        for shape in ((3,), (), (2, 0, 3)):
            x = draw(dtype, *shape)
            if f.nin == 1:
                as_in_numpy(f, (x,), (tensor(x),))
                continue
            for other in DTYPES:
                y = draw(other, 3)
                as_in_numpy(f, (x, y), (tensor(x), tensor(y)))
                as_in_numpy(f, (x, y), (tensor(x), y))
                as_in_numpy(f, (y, x), (y, tensor(x)))
            for number in NUMBERS:
                as_in_numpy(f, (x, number), (tensor(x), number))
                as_in_numpy(f, (number, x), (number, tensor(x)))


OTHERS = {
    "sinc": np.sinc, "angle": np.angle, "degrees": lambda a: np.angle(a, deg=True), "real": np.real, "imag": np.imag,
    "real_if_close": np.real_if_close, "real_if_close tol": lambda a: np.real_if_close(a * (1 + 1e-9j), tol=1e8),
    "fix": np.fix, "round": np.round, "round 2": lambda a: np.round(a, 2), "round -1": lambda a: np.round(a * 13, -1),
    "nan_to_num": np.nan_to_num, "nan_to_num numbers": lambda a: np.nan_to_num(a, nan=1.5, posinf=7, neginf=-3),
    "nan_to_num arrays": lambda a: np.nan_to_num(a, nan=np.float32(2), posinf=np.array(3.0)),
    "clip": lambda a: np.clip(a, -1, 1), "clip low": lambda a: np.clip(a, 0.5, None),
    "clip high": lambda a: np.clip(a, None, 2), "clip crossed": lambda a: np.clip(a, 2, 1),
    "clip far": lambda a: np.clip(a, -300, 300), "clip scalar": lambda a: np.clip(a, np.float32(-1), np.float64(1)),
    "clip array": lambda a: np.clip(a, np.array(0.5), np.int8(2)), "clip nan": lambda a: np.clip(a, nan, 1.0),
    "where": lambda a: np.where(a > 0, a, 2.5),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.filterwarnings("ignore")
def test_other_functions_in_every_dtype(name):
    special = np.array([0.0, -0.0, 1.0, -1.5, inf, -inf, nan, 2.5])
    for dtype in DTYPES:
        arrays = [draw(dtype, 3), draw(dtype), draw(dtype, 0, 2)]
        if np.dtype(dtype).kind == "f":
            arrays.append(special.astype(dtype))
        if np.dtype(dtype).kind == "c":
            z = np.empty((8, 8), dtype)
            z.real, z.imag = special[:, None], special
            arrays += [z, draw(dtype, 3).real.astype(dtype)]
        for x in arrays:
            as_in_numpy(OTHERS[name], (x,), (tensor(x),))


def test_numbers_of_python_are_weak_and_numpys_are_not():
    x = leaf([1.5, 2.5], np.float32)
    for y in (x * 2.5, 2.5 + x, x**2.5, np.maximum(x, 1), np.hypot(x, 3.0), np.logaddexp(x, 0.5), np.arctan2(1, x)):
        assert y.dtype == np.float32
        assert tg.grad(y.sum(), x).dtype == np.float32
    y = x * np.float64(2.5)
    assert y.dtype == np.float64
    assert tg.grad(y.sum(), x).dtype == np.float32


@pytest.mark.parametrize("f", UFUNCS, ids=[f.__name__ for f in UFUNCS])
def test_single_precision_has_gradients_of_single_precision(f):
    for dtype in (np.float32, np.float16):
        ts = [leaf([0.5, 0.25], dtype) for _ in range(f.nin)]
        if f is np.ldexp:
            ts[1] = 2
        with np.errstate(all="ignore"):
            try:
                y = f(*ts)
            except TypeError:
                continue
        for one in y if isinstance(y, tuple) else (y,):
            if not one.requires_grad:
                continue
            for create_graph in (False, True):
                for g in tg.grad(one.sum(), ts[:1], allow_unused=True, retain_graph=True, create_graph=create_graph):
                    assert g is None or g.dtype == dtype


# -- first and second order where slopes end -----------------------------------------------------------------

ENDS = [
    (np.arcsin, 1.0, inf, inf), (np.arcsin, -1.0, inf, -inf), (np.arccos, 1.0, -inf, -inf),
    (np.arccosh, 1.0, inf, -inf), (np.arctanh, 1.0, inf, inf), (np.arctanh, -1.0, inf, -inf),
    (np.cbrt, 0.0, inf, -inf), (np.sqrt, 0.0, inf, -inf), (np.log, 0.0, inf, -inf),
    (np.arctan, inf, 0.0, 0.0), (np.arcsinh, inf, 0.0, 0.0), (np.arccosh, inf, 0.0, 0.0),
    (np.tanh, 400.0, 0.0, 0.0), (np.sinc, 0.0, 0.0, -math.pi**2 / 3), (np.abs, 0.0, 0.0, 0.0),
    (np.arcsin, 1e-200, 1.0, 1e-200), (np.arccos, 1e-200, -1.0, -1e-200), (np.arctanh, 1e-200, 1.0, 2e-200),
    (np.arctan, 1e-200, 1.0, -2e-200), (np.arcsinh, 1e200, 1e-200, 0.0), (np.arccosh, 1e200, 1e-200, 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("f", "x", "slope", "bend"), ENDS, ids=[f"{c[0].__name__} {c[1]}" for c in ENDS])
def test_ends(f, x, slope, bend):
    assert first(f, x) == pytest.approx(slope, rel=1e-14, abs=0)
    assert second(f, x) == pytest.approx(bend, rel=1e-14, abs=0)


@pytest.mark.parametrize("f", [np.arcsin, np.arccos, np.arccosh, np.arctanh, np.sqrt, np.log])
def test_outside_of_where_a_function_is_defined_its_slope_is_nan(f):
    with np.errstate(all="ignore"):
        assert np.isnan(first(f, -2.0)) or f in (np.log, np.arctanh)


def both(f, x, y):
    """f_x, f_y, f_xx, f_xy, f_yx, f_yy."""
    a, b = leaf(x), leaf(y)
    with np.errstate(all="ignore"):
        ones = tg.grad(f(a, b), [a, b], create_graph=True)
        twos = [tg.grad(g, [a, b], retain_graph=True, allow_unused=True) for g in ones if g.requires_grad]
    return [g.item() for g in ones] + [0.0 if h is None else h.item() for pair in twos for h in pair]


def test_lengths_and_angles_to_second_order():
    assert both(np.hypot, 0.0, 0.0) == [0.0] * 6
    assert both(np.arctan2, 0.0, 0.0) == [0.0] * 6
    assert both(np.hypot, 3.0, 4.0) == pytest.approx([0.6, 0.8, 0.128, -0.096, -0.096, 0.072])
    assert both(np.hypot, inf, 1.0)[:2] == [1.0, 0.0]
    assert both(np.hypot, 1.0, -inf)[:2] == [0.0, -1.0]
    assert both(np.arctan2, 1.0, inf) == [0.0] * 6
    assert both(np.arctan2, -inf, 2.0) == [0.0] * 6
    assert all(np.isnan(v) for v in both(np.hypot, 0.0, nan)[:2])
    for f in (np.hypot, np.arctan2):
        x, y = leaf([0.0, nan]), leaf([0.0, 1.0])
        gx, gy = tg.grad(np.where([False, False], f(x, y), 0.0).sum(), [x, y])
        assert gx.tolist() == gy.tolist() == [0.0, 0.0]


def test_logaddexp_at_infinity():
    assert both(np.logaddexp, inf, 3.0) == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert both(np.logaddexp, inf, inf)[:2] == [0.5, 0.5]
    assert both(np.logaddexp2, -inf, -inf)[:2] == [0.5, 0.5]


def test_powers_of_zero_and_of_negative_numbers():
    assert both(np.power, 0.0, 2.0) == [0.0, 0.0, 2.0, 0.0, 0.0, 0.0]
    assert both(np.power, 0.0, 0.0)[:3] == [0.0, 0.0, 0.0]
    assert both(np.power, -2.0, 3.0)[0] == 12.0
    assert np.isnan(both(np.power, -2.0, 3.0)[1])  # the logarithm of a negative number
    assert both(np.power, 2.0, 0.0)[3:5] == [0.5, 0.5]
    assert both(np.float_power, 0.0, 2.0) == [0.0, 0.0, 2.0, 0.0, 0.0, 0.0]
    x = leaf([2.0, 0.0, -1.5])
    assert tg.grad((x ** np.array([0, 0, 0], np.uint8)).sum(), x).tolist() == [0.0, 0.0, 0.0]


def test_a_remainder_counts_as_often_as_it_was_taken_off():
    for f in (np.fmod, np.remainder):
        x, y = leaf([1.0, 0.3, 7.0]), leaf([0.1, 0.1, 2.5])
        gx, gy = tg.grad(f(x, y).sum(), [x, y])
        assert gx.tolist() == [1.0, 1.0, 1.0]
        assert gy.tolist() == [-9.0, -2.0, -2.0]  # 1.0 / 0.1 is 10.0, but 0.1 is a little more than a tenth
    x, y = leaf(-7.0), leaf(2.5)
    assert tg.grad(np.fmod(x, y), y).item() == 2.0
    assert tg.grad(np.remainder(x, y), y).item() == 3.0


def test_extremes_and_nan():
    assert both(np.fmax, nan, nan)[:2] == [0.5, 0.5]
    assert both(np.fmin, nan, 1.0)[:2] == [0.0, 1.0]
    assert both(np.copysign, 0.0, -1.0)[:2] == [0.0, 0.0]
    assert both(np.copysign, -3.0, -0.0)[:2] == [1.0, 0.0]
    x, y = leaf([0.0, -0.0, 1.0, nan]), leaf([5.0] * 4)
    assert tg.grad(np.heaviside(x, y).sum(), y).tolist() == [1.0, 1.0, 0.0, 0.0]


# -- complex numbers -----------------------------------------------------------------------------------------


def along(f, z, step):
    """The derivative of f at z by differences along `step`, which leaves the sign of the other part as it is."""

    def at(h):
        w = np.array(z)
        if step == 1:
            w.real += h
        else:
            w.imag += h
        return f(w)

    h = 1e-5
    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h) / step


@pytest.mark.parametrize("f", [np.arcsin, np.arccos, np.arctanh, np.arccosh, np.log, np.sqrt, np.log1p])
@pytest.mark.parametrize("x", [2.0, -2.0, 0.5, -0.5])
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_branch_cuts_along_the_real_axis(f, x, zero):
    z = complex(x, zero)
    assert first(f, z) == pytest.approx(np.conj(along(f, z, 1)), rel=1e-8)


@pytest.mark.parametrize("f", [np.arcsinh, np.arctan])
@pytest.mark.parametrize("y", [2.0, -2.0, 0.5, -0.5])
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_branch_cuts_along_the_imaginary_axis(f, y, zero):
    z = complex(zero, y)
    assert first(f, z) == pytest.approx(np.conj(along(f, z, 1j)), rel=1e-8)


@pytest.mark.parametrize("f", [np.arcsin, np.arccos, np.arctan, np.arcsinh, np.arccosh, np.arctanh])
def test_complex_slopes_far_out_do_not_overflow(f):
    g = first(f, 1e200 * (1 + 1j))
    assert np.isfinite(g)
    assert abs(g) < 1e-199


def test_the_phase_of_a_complex_number():
    z = np.array([3 + 4j, 0j, -2j, 1e-320 + 1e-320j, complex(inf, 1)])
    np.testing.assert_array_equal(np.sign(leaf(z)).data, np.sign(z))
    w = RNG.normal(size=4) + 1j * RNG.normal(size=4)
    gradcheck(np.sign, [w])
    gradgradcheck(np.sign, [w])
    gradgradcheck(lambda t: np.sign(t) * abs(t) ** 3, [w])
    assert first(np.sign, 0j, 1 + 2j) == 0
    assert first(np.sign, 2 + 0j, 1 + 3j) == 1.5j  # what goes across, over the length


@pytest.mark.parametrize("f", [np.abs, np.sign, np.angle, lambda z: np.angle(z, deg=True)])
def test_the_complex_zero_has_gradients_zero_to_second_order(f):
    z = leaf(0j)
    (g,) = tg.grad(np.real(f(z)).sum(), [z], create_graph=True)
    assert g.item() == 0
    assert tg.grad((np.real(g) * 0.3 + np.imag(g)).sum(), z).item() == 0


def test_the_angle_of_real_numbers():
    x = leaf([-2.0, 0.0, 3.0], np.float32)
    y = np.angle(x, deg=True)
    assert y.tolist() == [180.0, 0.0, 0.0]
    assert y.dtype == np.float32
    assert not tg.grad(y.sum(), x).data.any()


def test_real_parts_of_lists_and_numbers():
    assert tg.real([1 + 2j, 3.0]).tolist() == [1.0, 3.0]
    assert tg.real(3 + 1j) == 3.0
    assert np.real(val=leaf([1 + 2j])).tolist() == [1.0]
    assert np.imag(val=leaf([1 + 2j])).tolist() == [2.0]


def test_complex_gradients_against_torch():
    torch = pytest.importorskip("torch")
    names = {"absolute": "abs", "sign": "sgn"}
    points = RNG.normal(size=(12, 2)) @ np.array([1.5, 1.5j])
    weights, bends = 0.7 + 0.4j, 0.3 - 0.8j
    for name in (
        "absolute", "sign", "reciprocal", "square", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt",
        "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh",
        "sinc", "angle",
    ):  # fmt: skip
        results = []
        for library in (tg, torch):
            x = leaf(points) if library is tg else torch.tensor(points, requires_grad=True)
            f = getattr(np, name) if library is tg else getattr(torch, names.get(name, name))
            grad = tg.grad if library is tg else torch.autograd.grad
            (g,) = grad([(f(x) * weights).real.sum()], [x], create_graph=True)
            (h,) = grad([(g * bends).real.sum()], [x])
            pair = (g.detach(), h) if library is tg else (g.detach().resolve_conj(), h.resolve_conj())
            results.append([v.numpy() for v in pair])
        for ours, theirs in zip(*results, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12, err_msg=name)


# -- clip, nan_to_num, round ---------------------------------------------------------------------------------


def test_the_keywords_of_clip():
    x = leaf([-2.0, 0.5, 3.0])
    for y in (
        np.clip(x, -1, 1), np.clip(x, a_min=-1, a_max=1), np.clip(a=x, a_min=-1, a_max=1), x.clip(-1, 1),
        tg.clip(x, min=-1, max=1), x.clip(max=1.0).clip(-1.0), CLIP(x, -1, 1),
    ):  # fmt: skip
        assert y.tolist() == [-1.0, 0.5, 1.0]
        assert tg.grad(y.sum(), x).tolist() == [0.0, 1.0, 0.0]
    assert np.clip(x, None, None).tolist() == x.tolist()
    y = np.clip(x, -1, 1, dtype=np.float32)
    assert y.dtype == np.float32
    out = tg.tensor([9.0, 9.0, 9.0])
    assert tg.clip(x, -1, 1, out=out, where=[True, True, False]) is out
    assert out.tolist() == [-1.0, 0.5, 9.0]
    assert tg.grad(out.sum(), x).tolist() == [0.0, 1.0, 0.0]
    with pytest.raises(ValueError, match="not as both"):
        tg.clip(x, 0, 1, min=0)
    with pytest.raises(TypeError, match="where= needs out="):
        tg.clip(x, 0, 1, where=[True, False, True])
    with pytest.raises(TypeError, match="cannot cast float64 to int64"):
        tg.clip(x, 0, 1, dtype=np.int64)
    with pytest.raises(TypeError, match="order='F'"):
        tg.clip(x, 0, 1, order="F")


CLIP = in_numpy("_core.umath.clip")


def test_clip_of_integers_and_of_complex_numbers():
    n = tg.tensor([1, 5, 9])
    y = np.clip(n, 2, 6)
    assert y.dtype == np.int64
    assert y.tolist() == [2, 5, 6]
    low = leaf(2.5)
    y = np.clip(n, low, None)
    assert y.tolist() == [2.5, 5.0, 9.0]
    assert tg.grad(y.sum(), low).item() == 1.0
    z = leaf([1 + 1j, 2 - 1j, 5j])
    y = np.clip(z, 1 + 0j, 1.5 + 0j)
    np.testing.assert_array_equal(y.data, np.clip(z.data, 1 + 0j, 1.5 + 0j))
    assert tg.grad([y], [z], [np.full(3, 2j)])[0].tolist() == [2j, 0, 0]


def test_nan_to_num_has_a_gradient_where_it_keeps():
    x = leaf([1.0, nan, inf, -inf])
    fill, most = leaf([10.0, 20.0, 30.0, 40.0]), leaf(5.0)
    y = np.nan_to_num(x, nan=fill, posinf=most)
    assert y.tolist() == [1.0, 20.0, 5.0, np.finfo(float).min]
    gx, gf, gm = tg.grad(y.sum(), [x, fill, most])
    assert gx.tolist() == [1.0, 0.0, 0.0, 0.0]
    assert gf.tolist() == [0.0, 1.0, 0.0, 0.0]
    assert gm.item() == 1.0


def test_nan_to_num_keeps_the_good_part_of_a_complex_number():
    z = leaf([complex(nan, 2.0), complex(3.0, inf), complex(1.0, 1.0)])
    y = np.nan_to_num(z, nan=7.0, posinf=8.0)
    assert y.tolist() == [7 + 2j, 3 + 8j, 1 + 1j]
    assert tg.grad([y], [z], [np.full(3, 5 + 6j)])[0].tolist() == [6j, 5, 5 + 6j]
    gradgradcheck(lambda t: np.nan_to_num(t) ** 2, [RNG.normal(size=3) + 1j])
    with pytest.raises(TypeError, match="nan, posinf and neginf have no gradient"):
        np.nan_to_num(z, nan=leaf(1.0))


def test_nan_to_num_in_place():
    x = leaf([1.0, nan])
    y = x * 2.0
    assert np.nan_to_num(y, copy=False) is y
    assert y.tolist() == [2.0, 0.0]
    assert tg.grad(y.sum(), x).tolist() == [2.0, 0.0]
    a = np.array([1.0, nan])
    assert tg.nan_to_num(a, copy=False) is a
    assert a.tolist() == [1.0, 0.0]
    with pytest.raises(RuntimeError, match="this leaf requires grad"):
        np.nan_to_num(x, copy=False)


def test_rounding():
    x = leaf([12.345, -0.5])
    for y in (np.round(x, 2), np.round(a=x, decimals=2), np.around(x, decimals=2), round(x, 2)):
        assert y.tolist() == [12.34, -0.5] or y.tolist() == [12.35, -0.5]
        assert not tg.grad(y.sum(), x).data.any()
    out = tg.zeros(2)
    assert np.round(x, out=out) is out
    assert out.tolist() == [12.0, 0.0]
    assert np.round(tg.tensor([1234]), -2).tolist() == [1200]
    with pytest.raises(TypeError):
        np.round(x, 1.5)


# -- two results ---------------------------------------------------------------------------------------------


def test_modf_keeps_signs_of_zero_and_gives_its_gradient_to_the_fraction():
    x = leaf([2.75, -3.0, -0.25, inf])
    part, whole = np.modf(x)
    assert part.tolist() == [0.75, 0.0, -0.25, 0.0]
    assert np.signbit(part.data).tolist() == [False, True, True, False]
    assert whole.tolist() == [2.0, -3.0, 0.0, inf]
    gp = tg.grad(part.sum(), x).tolist()
    assert gp == [1.0, 1.0, 1.0, 0.0]
    assert not tg.grad(whole.sum(), x).data.any()
    outs = (tg.zeros(4), tg.zeros(4))
    results = np.modf(x, out=outs)
    assert results[0] is outs[0]
    assert results[1] is outs[1]
    assert outs[1].tolist() == whole.tolist()


def test_powers_of_two():
    x = leaf([0.75, -3.0, 1e-310])
    mantissa, exponent = np.frexp(x)
    np.testing.assert_array_equal(mantissa.data, np.frexp(x.data)[0])
    np.testing.assert_array_equal(exponent.data, np.frexp(x.data)[1])
    np.testing.assert_array_equal(tg.grad(mantissa[:2].sum(), x).data[:2], [1.0, 0.25])
    for y in (np.ldexp(x, 3), np.ldexp(x, [3, 3, 3]), np.ldexp(x, tg.tensor(3))):
        assert y[0].item() == 6.0
        assert tg.grad(y.sum(), x).tolist() == [8.0] * 3
    gradcheck(lambda t: np.ldexp(t, np.array([1, -2, 0])), [RNG.normal(size=3)])
    q, r = np.divmod(x, 0.5)
    assert q[1].item() == -6.0
    assert tg.grad(r[:2].sum(), x).tolist() == [1.0, 1.0, 0.0]


def test_float_power_is_at_least_double():
    x = leaf([1.5, 2.0], np.float32)
    y = np.float_power(x, 2)
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y.data, np.float_power(x.data, 2))
    g = tg.grad(y.sum(), x)
    assert g.dtype == np.float32
    assert g.tolist() == [3.0, 4.0]
    gradgradcheck(np.float_power, [np.array([0.5, 2.0]), np.array([1.5, -0.3])])
    z = np.array([1 + 1j, -0.5j])
    gradcheck(np.float_power, [z, np.array([2 - 1j, 0.5])])


def test_bits():
    n = tg.tensor([0, 7, -8])
    assert np.bitwise_count(n).tolist() == [0, 3, 1]
    assert np.bitwise_count(n).dtype == np.uint8
    with pytest.raises(TypeError):
        np.bitwise_count(leaf(1.0))


def test_quick_calls_and_recorded_ones_agree_under_no_grad():
    x = leaf([0.3, -0.4])
    with tg.no_grad():
        assert not state.recording
        for f in (np.arcsin, np.sign, E.over_length):
            args = (x, abs(x)) if f is E.over_length else (x,)
            y = f(*args)
            assert not y.requires_grad
            same(y.data, f(*[a.detach() for a in args]).data)
