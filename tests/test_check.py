"""gradcheck finds wrong gradients and only those; check_backward names the mistake in a hand-written pair."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.check import GradientError, gradcheck, gradgradcheck
from tapegrad.differences import slope
from tapegrad.handwritten import check_backward

RNG = np.random.default_rng(3)
X, W, B = RNG.normal(size=(4, 5)), RNG.normal(size=(5, 3)), RNG.normal(size=3)
SQUARE, OTHER, ROW = RNG.normal(size=(5, 5)), RNG.normal(size=(5, 5)), RNG.normal(size=5)


# -- differences ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [np.sin, np.exp, lambda x: x**5, lambda x: 1 / (x - 3.0), np.tanh])
def test_slopes_are_right_to_ten_digits(f):
    truth = {np.sin: np.cos(0.7), np.exp: np.exp(0.7), np.tanh: 1 - np.tanh(0.7) ** 2}.get(f)
    if truth is None:
        truth = 5 * 0.7**4 if f(2.0) == 32 else -1 / (0.7 - 3.0) ** 2
    value, doubt = slope(lambda h: np.asarray(f(0.7 + h) - f(0.7 - h)), 0.02)
    assert float(value) == pytest.approx(truth, rel=1e-11)
    assert doubt < 1e-9


def test_a_kink_that_only_large_steps_cross_does_no_harm():
    value, _ = slope(lambda h: np.asarray(abs(0.001 + h) - abs(0.001 - h)), 0.02)
    assert float(value) == pytest.approx(1.0, abs=1e-12)


# -- gradcheck --------------------------------------------------------------------------------------------------------


def test_gradcheck_passes_what_is_right():
    assert gradcheck(lambda x, w: np.tanh(x @ w), (X, W))
    assert gradcheck(lambda x: x.sum(), tg.tensor(X, requires_grad=True))
    assert gradgradcheck(lambda x, w: np.tanh(x @ w), (X, W))
    assert gradgradcheck(lambda x: (x**3).sum(), (X,), grad_outputs=np.array(2.0))


def test_gradcheck_names_the_input_and_the_worst_element():
    def f(x, y):
        x, y = x * 1.0, y * 1.0
        return x * y + (y - y.detach()) * np.where(np.arange(3) == 2, 0.25, 0.0)

    with pytest.raises(GradientError, match=r"input 1 \(height\), shape \(3,\).*1 of 3.*element \(2,\): backward"):
        gradcheck(f, (np.ones(3), tg.tensor([1.0, 2.0, 3.0], requires_grad=True, name="height")))


def test_gradcheck_looks_closer_where_a_kink_may_be_near():
    kinks = np.array([1e-6, -1e-7, 0.3, -0.5])  # the first two are so near that large steps all cross them

    def f(x):
        return (np.maximum(x, kinks) * np.array([1e-4, 1.0, 1.0, 2.0])).sum()

    assert gradcheck(f, (np.zeros(4),))
    assert gradcheck(lambda x: f(x) + x.sum(), (np.zeros(4),))
    with pytest.raises(GradientError, match="element"):
        gradcheck(lambda x: f(x) + 1e-3 * (x - x.detach()).sum(), (np.zeros(4),))


def test_gradcheck_finds_small_errors_in_large_inputs():
    x = RNG.normal(size=1000)

    def f(t):
        return (t * t).sum() + ((t - t.detach()) * 1e-3).sum()

    with pytest.raises(GradientError, match="200"):
        gradcheck(f, (x,))
    assert gradcheck(f, (x,), raise_exception=False) is False


def test_gradcheck_finds_what_was_detached():
    with pytest.raises(GradientError):
        gradcheck(lambda x: x * x.detach(), (X,))
    with pytest.raises(GradientError):
        gradcheck(lambda x: x.detach() * 2.0, (X,))


def test_gradgradcheck_finds_a_cut_second_derivative():
    op = tg.registry.Op(lambda x: x * x, "elementwise", ["x"], name="cut", doc="x * x")
    try:
        op.vjp(x=lambda g, x: g * (2 * (x.detach() if isinstance(x, tg.Tensor) else x)))
        assert gradcheck(op, (X,))
        with pytest.raises(GradientError):
            gradgradcheck(op, (X,))
    finally:
        del tg.registry.OPS["cut"]


def test_gradcheck_in_the_complex_plane():
    z = X[0] + 1j * X[1]
    assert gradcheck(lambda a: a * a.conj(), (z,))
    assert gradcheck(lambda a, b: np.exp(a * b), (z, X[2]))
    with pytest.raises(GradientError, match="imaginary"):
        gradcheck(lambda a: a * 1.0 + (np.imag(a) - np.imag(a).detach()), (z,))


def test_gradcheck_in_single_precision():
    assert gradcheck(lambda x, w: np.tanh(x @ w), (X.astype(np.float32), W.astype(np.float32)))
    with pytest.raises(GradientError):
        gradcheck(lambda x: x * x + (x - x.detach()) * 0.01, (X.astype(np.float32),))


def test_gradcheck_of_several_outputs_and_other_arguments():
    def f(x, n, mask, scale):
        return np.where(mask, x * n, 0.0), np.argmax(x), x.sum() * scale

    assert gradcheck(f, (X, 3, X > 0, tg.tensor(2.0)))


def test_gradcheck_leaves_the_users_tensors_alone():
    t = tg.tensor(X, requires_grad=True)
    mean = tg.zeros(5)

    def f(x, running):
        running += x.detach().mean(0)
        return x * 2.0

    assert gradcheck(f, (t, mean))
    assert t.grad is None
    np.testing.assert_array_equal(mean.data, np.zeros(5))
    np.testing.assert_array_equal(t.data, X)


def test_gradcheck_says_what_it_cannot_check():
    with pytest.raises(ValueError, match="nothing to check"):
        gradcheck(lambda x: x, (tg.tensor(X),))
    with pytest.raises(TypeError, match="not a Tensor"):
        gradcheck(lambda x: x.data * 2, (X,))
    with pytest.raises(GradientError, match="other values"):
        gradcheck(lambda x: x * np.random.rand(), (X,))
    with np.errstate(all="ignore"), pytest.raises(GradientError, match="not finite"):
        gradcheck(np.log, (np.array([0.0]),))


def test_gradcheck_works_inside_no_grad():
    with tg.no_grad():
        assert gradcheck(np.sin, (X,))


# -- check_backward ---------------------------------------------------------------------------------------------------


def affine(x, w, b):
    return x @ w + b, (x, w, b)


def affine_backward(dout, cache):
    x, w, _ = cache
    return dout @ w.T, x.T @ dout, dout.sum(0)


def examine(forward, backward, inputs, **options):
    return check_backward(forward, backward, inputs, verbose=False, **options)


def test_a_right_pair_is_right():
    file = io.StringIO()
    report = check_backward(affine, affine_backward, (X, W, B), file=file)
    assert report
    assert [g.name for g in report.gradients] == ["x", "w", "b"]
    assert file.getvalue() == f"{report}\n"
    assert "x: ok, largest error" in str(report)
    assert report["w"].error < 1e-8


@pytest.mark.parametrize(
    ("spoil", "name", "cause"),
    [
        (lambda g: (2 * g[0], g[1], g[2]), "x", "times 1/2"),
        (lambda g: (g[0], -g[1], g[2]), "w", "sign"),
        (lambda g: (g[0], g[1], g[2] / 4), "b", r"times 4 = "),
        (lambda g: (g[0], g[1].T, g[2]), "w", "transposed"),
        (lambda g: (g[0], g[1], g[2][None]), "b", "reshape"),
        (lambda g: (None, g[1], g[2]), "x", "None"),
        (lambda g: (g[0], g[1].astype(np.float32), g[2]), "w", "dtype is float32"),
        (lambda g: (g[0] * np.nan, g[1], g[2]), "x", "nan"),
    ],
)
def test_known_mistakes_are_named(spoil, name, cause):
    report = examine(affine, lambda d, c: spoil(affine_backward(d, c)), (X, W, B))
    assert not report
    assert [g.name for g in report.gradients if not g.ok] == [name]
    assert any(re.search(cause, c) for c in report[name].causes), report


def cause_of(report):
    return " ".join(c for g in report.gradients for c in g.causes) + " ".join(report.problems)


def test_a_missing_or_wrong_sum():
    report = examine(affine, lambda d, c: (*affine_backward(d, c)[:2], d), (X, W, B))
    assert "shape (4, 3); it must have the shape of b, (3,)" in cause_of(report)
    assert "not summed over axis 0" in cause_of(report)
    report = examine(affine, lambda d, c: (*affine_backward(d, c)[:2], d.sum(1)), (OTHER, SQUARE, ROW))
    assert "over axis 1 instead of axis 0" in cause_of(report)


def test_wrong_order_and_square_transposes():
    swapped = lambda d, c: (affine_backward(d, c)[1], affine_backward(d, c)[0], d.sum(0))
    assert "wrong order" in cause_of(examine(affine, swapped, (OTHER, SQUARE, ROW)))
    turned = lambda d, c: (affine_backward(d, c)[0].T, *affine_backward(d, c)[1:])
    assert "transposed" in cause_of(examine(affine, turned, (OTHER, SQUARE, ROW)))


def test_dout_not_used():
    report = examine(lambda x: (x**2, x), lambda d, x: 2 * x, (X,))
    assert "dout is not used" in cause_of(report)
    assert "not linear in dout" in cause_of(examine(lambda x: (x**2, x), lambda d, x: d * d * 2 * x, (X,)))


def test_relu_and_its_mask():
    x = np.array([[-1.0, 0.0, 2.0], [0.0, 1.0, -2.0]])
    relu = lambda x: (np.maximum(x, 0), x)
    assert examine(relu, lambda d, x: d * (x > 0), (x,))
    assert examine(relu, lambda d, x: d * (x >= 0), (x,))  # at the kink, any slope between
    assert "mask" in cause_of(examine(relu, lambda d, x: d, (x,)))


def test_the_path_through_a_mean_is_missing():
    def forward(x):
        return x - x.mean(0), None

    assert examine(forward, lambda d, c: d - d.mean(0), (X,))
    assert "all along axis 0" in cause_of(examine(forward, lambda d, c: d, (X,)))


def test_what_writes_in_place_is_named():
    def forward(x):
        x -= x.max()
        return np.exp(x), np.exp(x)

    assert "the forward changes x" in cause_of(examine(forward, lambda d, c: d * c, (X,)))
    forward = lambda x: (np.exp(x), np.exp(x))
    assert "called again" in cause_of(examine(forward, lambda d, c: np.multiply(d, c, out=c), (X,)))
    assert "changes dout" in cause_of(examine(forward, lambda d, c: np.multiply(d, c, out=d), (X,)))


def test_one_example_instead_of_the_sum():
    last = lambda d, c: (affine_backward(d, c)[0], np.outer(c[0][-1], d[-1]), d.sum(0))
    assert "only example 3" in cause_of(examine(affine, last, (X, W, B)))


def conv(x, w, param):
    s, pad = param["stride"], param["pad"]
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    k = w.shape[-1]
    h, wide = ((n + 2 * pad - k) // s + 1 for n in x.shape[2:])
    out = np.zeros((x.shape[0], w.shape[0], h, wide), x.dtype)
    for i in range(h):
        for j in range(wide):
            out[:, :, i, j] = np.tensordot(
                padded[:, :, i * s : i * s + k, j * s : j * s + k], w, ((1, 2, 3), (1, 2, 3))
            )
    return out, (x, w, param)


def conv_backward(dout, cache, assign=False, classic_crop=False, border=False):
    x, w, param = cache
    s, pad, k = param["stride"], param["pad"], w.shape[-1]
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dx, dw = np.zeros_like(padded), np.zeros_like(w)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            window = (slice(None), slice(None), slice(i * s, i * s + k), slice(j * s, j * s + k))
            share = np.tensordot(dout[:, :, i, j], w, (1, 0))
            dx[window] = share if assign else dx[window] + share
            dw += np.tensordot(dout[:, :, i, j], padded[window], (0, 0))
    h, wide = x.shape[2:]
    dx = dx[:, :, pad:-pad, pad:-pad] if classic_crop else dx[:, :, pad : pad + h, pad : pad + wide]
    if border:
        dx = dx.copy()
        dx[:, :, [0, -1]] = 0
    return dx, dw


IMAGES, FILTERS = RNG.normal(size=(2, 2, 5, 5)), RNG.normal(size=(3, 2, 3, 3))


@pytest.mark.parametrize(
    ("options", "pad", "cause"),
    [
        ({}, 1, ""), ({}, 0, ""), ({"classic_crop": True}, 1, ""), ({"classic_crop": True}, 0, "[pad:-pad]"),
        ({"assign": True}, 1, "assigned, not added"), ({"border": True}, 1, "zero along the border"),
    ],
)  # fmt: skip
def test_convolutions(options, pad, cause):
    report = examine(conv, lambda d, c: conv_backward(d, c, **options), (IMAGES, FILTERS, {"stride": 1, "pad": pad}))
    assert bool(report) is not bool(cause)
    assert cause in cause_of(report)


def pool(x, step):
    h, w = ((n - 2) // step + 1 for n in x.shape[2:])
    out = np.zeros((*x.shape[:2], h, w))
    for i in range(h):
        for j in range(w):
            out[:, :, i, j] = x[:, :, i * step : i * step + 2, j * step : j * step + 2].max((2, 3))
    return out, (x, step)


def pool_backward(dout, cache, ties=False, assign=False):
    x, step = cache
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(dout.shape):
        part = dx[n, c, i * step : i * step + 2, j * step : j * step + 2]
        window = x[n, c, i * step : i * step + 2, j * step : j * step + 2]
        mask = window == window.max()
        if not ties:
            first = np.flatnonzero(mask)[0]
            mask = np.arange(4).reshape(2, 2) == first
        part[mask] = dout[n, c, i, j] if assign else part[mask] + dout[n, c, i, j]
    return dx


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("tied", [False, True])
def test_pools(step, tied):
    x = RNG.integers(0, 3, (2, 2, 4, 4)).astype(float) if tied else RNG.normal(size=(2, 2, 4, 4))
    assert examine(pool, pool_backward, (x, step))
    all_ties = examine(pool, lambda d, c: pool_backward(d, c, ties=True), (x, step))
    assert bool(all_ties) is not tied
    assert ("tie" in cause_of(all_ties)) is tied
    if step == 1 and not tied:
        assert "assigned, not added" in cause_of(
            examine(pool, lambda d, c: pool_backward(d, c, assign=True), (x, step))
        )


def test_large_inputs_are_sampled_and_it_says_so():
    report = examine(
        affine, affine_backward, (RNG.normal(size=(40, 50)), RNG.normal(size=(50, 30)), RNG.normal(size=30))
    )
    assert report
    assert "(200 of 2000 elements looked at)" in str(report)


def test_single_precision():
    inputs = tuple(a.astype(np.float32) for a in (X, W, B))
    assert examine(affine, affine_backward, inputs)
    wide = examine(affine, lambda d, c: tuple(g.astype(float) for g in affine_backward(d, c)), inputs)
    assert "must be float32" in cause_of(wide)


def test_without_a_cache():
    assert examine(lambda x, w: x @ w, lambda d, x, w: (d @ w.T, x.T @ d), (X, W))
    assert examine(lambda x: 3 * x, lambda d: 3 * d, X)


def test_names_and_a_given_dout():
    report = examine(lambda x: (x * x, x), lambda d, x: 2 * d * x, (X,), names=["pixels"], grad=np.ones_like(X))
    assert report["pixels"].ok
    with pytest.raises(ValueError, match="shape"):
        examine(lambda x: (x * x, x), lambda d, x: 2 * d * x, (X,), grad=np.ones(3))


@pytest.mark.parametrize(
    ("forward", "backward", "inputs", "message"),
    [
        (affine, lambda d, c: (d, d), (X, W, B), "gave 2 gradients, but there are 3"),
        (affine, lambda d: d, (X, W, B), r"backward\(dout, cache\), but it takes \(d\)"),
        (lambda x: (x, 1, 2), lambda d, c: d, (X,), "forward gave 3 things"),
        (affine, affine_backward, (X, W), "missing a required argument: 'b'"),
        (lambda x: x, lambda a, b, c: a, (X,), "forward gives no cache"),
        (lambda x: x, lambda d: d, (np.arange(3),), "no input is a floating-point array"),
        (lambda x: np.argmax(x), lambda d: d, (X,), "dtype int64"),
        (lambda x: x * np.random.rand(), lambda d: d, (X,), "another out for the same inputs"),
    ],
)
def test_wrong_signatures_are_explained(forward, backward, inputs, message):
    with pytest.raises((TypeError, ValueError), match=message):
        examine(forward, backward, inputs)


def test_inputs_are_unchanged_even_if_something_raises():
    x, params = X.copy(), {"n": np.zeros(2)}

    def forward(x, params):
        x *= 2
        params["n"] += 1
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        examine(forward, lambda d, c: d, (x, params))
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(params["n"], [0, 0])


def test_a_backward_that_overwrites_an_input_through_the_cache_is_found():
    def forward(x):
        return x * x, (x,)

    def backward(dout, cache):
        dx = 2 * cache[0] * dout
        cache[0][...] = 0
        return dx

    x = np.array([1.0, 2.0])
    report = tg.check_backward(forward, backward, (x,), verbose=False)
    assert not report
    assert "changes x in place" in str(report)
    np.testing.assert_array_equal(x, [1, 2])


def test_a_nan_has_one_cause():
    report = tg.check_backward(lambda x: (x * x, x), lambda dout, x: dout * np.nan, (np.ones(3),), verbose=False)
    assert len(report["x"].causes) == 1
    assert "nan" in report["x"].causes[0]
