"""Special functions and softmax in both forms: against sums in double precision, at the ends, and for any memory."""

from __future__ import annotations

import math

import numpy as np
import pytest
from forms import form  # noqa: F401

import tapegrad as tg
from tapegrad.kernels import softmax as S
from tapegrad.kernels import special
from tapegrad.kernels.choice import KERNELS
from tapegrad.ops import loss

inf, nan = math.inf, math.nan
SCALE, CUBE = 2 * math.sqrt(2 / math.pi), 0.044715


def logistic(x):
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


def below(x):
    """The share of a standard normal distribution below x."""
    return 0.5 * math.erfc(-x * math.sqrt(0.5))


def tanh_slope(x):
    u = SCALE * (x + CUBE * x**3)
    return logistic(u) * (1 + x * SCALE * (1 + 3 * CUBE * x * x) * logistic(-u))


EXACT = {
    "erf": math.erf,
    "erfc": math.erfc,
    "gelu": lambda x: x * below(x),
    "gelu_slope": lambda x: below(x) + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    "gelu_tanh": lambda x: x * logistic(SCALE * (x + CUBE * x**3)),
    "gelu_tanh_slope": tanh_slope,
    "sigmoid": logistic,
    "silu": lambda x: x * logistic(x),
    "silu_slope": lambda x: logistic(x) * (1 + x * logistic(-x)),
}
# at -inf and inf
ENDS = {
    "erf": (-1, 1), "erfc": (2, 0), "gelu": (0, inf), "gelu_slope": (0, 1), "gelu_tanh": (0, inf),
    "gelu_tanh_slope": (0, 1), "sigmoid": (0, 1), "silu": (0, inf), "silu_slope": (0, 1),
}  # fmt: skip


def function(name):
    return getattr(special, name)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture
def several_threads():
    before = tg.get_num_threads()
    tg.set_num_threads(3)
    yield
    tg.set_num_threads(before)


def test_every_function_here_has_a_compiled_form(form):  # noqa: F811
    if form == "compiled":
        special.erf(np.ones(3))  # the first call looks for them
        for name in EXACT:
            assert KERNELS[f"special.{name}"].compiled is not None
        assert KERNELS["softmax.softmax"].compiled is not None


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_and_their_relative_size_far_out(name, dtype, rng):
    x = np.concatenate([rng.uniform(-8, 8, 4001), rng.standard_normal(2000), 10.0 ** rng.uniform(-30, 0, 300)])
    x = np.concatenate([x, -x[-300:], [0.0]]).astype(dtype)
    want = np.array([EXACT[name](float(v)) for v in x])
    got = function(name)(x)
    eps = np.finfo(dtype).eps
    assert got.dtype == dtype
    # a slope or a product is no more exact than its largest part, and e**(-x**2 / 2) than its exponent times eps
    np.testing.assert_allclose(got, want, rtol=8 * eps, atol=(50 if name == "gelu_tanh_slope" else 12) * eps)
    left = x < -2
    if name not in ("erf", "erfc"):
        np.testing.assert_allclose(got[left], want[left], rtol=(60 if dtype == np.float32 else 400) * eps)


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_ends(name, dtype):
    with np.errstate(all="raise"):
        got = function(name)(np.array([-inf, inf, nan, -nan, np.finfo(dtype).min, np.finfo(dtype).max], dtype))
    assert got.dtype == dtype
    low, high = ENDS[name]
    np.testing.assert_array_equal(got[:4], [low, high, nan, nan])
    np.testing.assert_array_equal(got[4:], [low, np.finfo(dtype).max if high == inf else high])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zeros_and_the_smallest_numbers(dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    x = np.array([0.0, -0.0, tiny, -tiny, np.finfo(dtype).tiny], dtype)
    assert np.signbit(special.erf(x)).tolist() == [False, True, False, True, False]
    for name in ("gelu", "gelu_tanh", "silu"):
        np.testing.assert_array_equal(function(name)(x)[:2], 0)
    for name in ("gelu_slope", "gelu_tanh_slope", "sigmoid", "silu_slope"):
        np.testing.assert_allclose(function(name)(x), 0.5, rtol=2 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(special.erfc(x), 1)


@pytest.mark.parametrize("name", EXACT)
def test_what_is_too_small_for_a_normal_number_fades(name):
    x = np.linspace(-110, -80, 301).astype(np.float32)
    got = function(name)(x)
    if name in ("sigmoid", "silu", "silu_slope"):
        want = np.array([EXACT[name](float(v)) for v in x])
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-36)
    else:
        np.testing.assert_array_equal(got, np.float32(ENDS[name][0]))


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,), (7,), (31,), (33, 5), (3, 16385)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_shapes_and_dtypes(name, shape, dtype, rng):
    x = np.asarray(rng.uniform(-4, 4, shape)).astype(dtype)
    got = function(name)(x)
    assert type(got) is np.ndarray
    assert got.shape == shape
    assert got.dtype == (np.float64 if dtype == np.int64 else dtype)
    want = function(name).numpy(x.astype(np.float64))
    np.testing.assert_allclose(got, want, rtol=0, atol=20 * np.finfo(got.dtype).eps)


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_of_any_kind_is_read_and_never_written(name, dtype, rng):
    whole = rng.standard_normal((60, 70)).astype(dtype)
    before = whole.copy()
    odd = np.zeros(whole.nbytes + 1, np.uint8)[1:].view(dtype).reshape(whole.shape)  # at no multiple of its size
    odd[...] = whole
    fixed = whole.copy()
    fixed.flags.writeable = False
    f = function(name)
    for x in (whole.T, whole[::2, ::-3], whole[:, 5], odd, fixed, np.broadcast_to(whole[0], (4, 70))):
        np.testing.assert_array_equal(f(x), f(np.array(x)))
    np.testing.assert_array_equal(whole, before)
    swapped = whole.astype(whole.dtype.newbyteorder())
    np.testing.assert_allclose(f(swapped), f(whole), rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("several_threads")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_arrays_on_threads(dtype, rng):
    x = rng.standard_normal((641, 1000)).astype(dtype)
    t = tg.tensor(x, requires_grad=True)
    y = tg.gelu(t)
    y.sum().backward()
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(y.data, special.gelu.numpy(x.astype(np.float64)), rtol=0, atol=8 * eps)
    np.testing.assert_allclose(t.grad.data, special.gelu_slope.numpy(x.astype(np.float64)), rtol=0, atol=8 * eps)


# -- softmax ---------------------------------------------------------------------------------------------------


def written_out(x, axis):
    x = x.astype(np.float64)
    best = x.max(axis, keepdims=True)
    p = np.exp(x - best)
    total = p.sum(axis, keepdims=True)
    return p / total, best, total


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((1, 1), (1,)), ((3, 7), (1,)), ((3, 7), (-1,)), ((5, 100), (0,)), ((2, 3, 33), (2,)), ((2, 3, 4), (0, 2)),
        ((9,), (0,)), ((2, 5001), (1,)), ((1301, 103), (1,)), ((2, 1, 70000), (2,)),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("several_threads")
def test_softmax_is_its_formula(dtype, shape, axis, rng):
    x = rng.uniform(-9, 9, shape).astype(dtype)
    eps = np.finfo(dtype).eps
    for got, want in zip(S.softmax(x, axis), written_out(x, axis), strict=True):
        assert got.dtype == dtype
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=40 * eps, atol=eps * eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", [3, 40])
def test_softmax_at_the_ends(dtype, classes):
    x = np.full((6, classes), -inf, dtype)
    x[1, 1] = x[2, 0] = x[2, 2] = inf
    x[3, 1], x[4, 1] = nan, -nan
    x[4, 2] = inf
    x[5, :2] = [1e4, -1e4]
    with np.errstate(all="raise", under="ignore"):
        p, best, total = S.softmax(x, (1,))
    want = np.zeros_like(x)
    want[0] = 1 / dtype(classes)
    want[1, 1] = want[5, 0] = 1
    want[2, [0, 2]] = 0.5
    want[3:5] = nan
    np.testing.assert_array_equal(p, want)
    np.testing.assert_array_equal(best[:, 0], [-inf, inf, inf, nan, nan, 1e4])
    np.testing.assert_array_equal(total[:, 0], [classes, 1, 2, nan, nan, 1])


def test_softmax_of_nothing_and_of_any_memory(rng):
    p, best, total = S.softmax(np.zeros((2, 0), np.float32), (1,))
    assert p.shape == (2, 0)
    np.testing.assert_array_equal(best, [[-inf], [-inf]])
    np.testing.assert_array_equal(total, [[0], [0]])
    assert S.softmax(np.zeros((0, 3)), (1,))[0].shape == (0, 3)
    assert S.softmax(np.zeros(()), ())[0] == 1
    x = rng.standard_normal((40, 60)).astype(np.float32)
    fixed = x.copy()
    fixed.flags.writeable = False
    for one in (x.T, x[::2, ::3], fixed, np.broadcast_to(x[0], (4, 60))):
        for got, want in zip(S.softmax(one, (1,)), written_out(one, 1), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.usefixtures("several_threads")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_of_a_large_batch(dtype, smoothing, rng):
    x, labels = rng.standard_normal((4000, 70)).astype(dtype), rng.integers(0, 70, 4000)
    labels[::7] = -100
    t = tg.tensor(x, requires_grad=True)
    y = loss.cross_entropy(t, labels, label_smoothing=smoothing)
    y.backward()
    p, best, total = written_out(x, 1)
    valid = labels >= 0
    target = np.full(x.shape, smoothing / 70)
    target[np.arange(4000), np.maximum(labels, 0)] += 1 - smoothing
    target[~valid] = 0
    logs = x - best - np.log(total)
    tight = 50 * np.finfo(dtype).eps
    np.testing.assert_allclose(y.item(), -(target * logs).sum() / valid.sum(), rtol=tight)
    want = (p * valid[:, None] - target) / valid.sum()
    np.testing.assert_allclose(t.grad.data, want, rtol=0, atol=tight / valid.sum())


def test_the_logarithms_agree(rng):
    x = rng.uniform(-50, 50, (30, 17))
    p, best, total = written_out(x, 1)
    np.testing.assert_allclose(tg.log_softmax(x), x - best - np.log(total), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(tg.logsumexp(x, axis=1), (best + np.log(total))[:, 0], rtol=1e-14)
    np.testing.assert_allclose(tg.softmax(x), p, rtol=1e-13)
