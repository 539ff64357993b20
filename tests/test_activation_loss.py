"""Activations, losses, embedding, dropout, dense and distance ops: against formulas, compositions and limits."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import generator
from tapegrad.check import check_op, gradcheck, gradgradcheck
from tapegrad.kernels import special
from tapegrad.ops import activation as A
from tapegrad.ops import dense, distance, dropout, embedding, loss
from tapegrad.ops import elementwise as E
from tapegrad.ops import reduce as R
from tapegrad.registry import OPS

FAMILIES = ("activation", "loss", "embedding", "dropout", "dense", "distance")
MINE = [name for name, op in OPS.items() if op.module.rsplit(".", 1)[-1] in FAMILIES]


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("name", MINE)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_op_holds_what_an_op_must(name, dtype):
    check_op(name, dtype)


# -- the error function ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("f", "exact", "ulps"), [(special.erf, math.erf, 3), (special.erfc, math.erfc, 9)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_erf_agrees_with_the_c_library(f, exact, ulps, dtype, rng):
    x = np.concatenate([rng.uniform(-6, 6, 20000), [0.0, 0.46875, 1.0, 4.0, -4.0], 10.0 ** rng.uniform(-30, 0, 500)])
    x = x.astype(dtype)
    want = np.array([exact(float(v)) for v in x])
    got = f(x)
    assert got.dtype == dtype
    assert (abs(got - want) <= ulps * np.spacing(abs(want).astype(dtype))).all()


def test_erf_at_the_ends():
    ends = np.array([np.inf, -np.inf, np.nan, -0.0])
    np.testing.assert_array_equal(special.erf(ends), [1, -1, np.nan, 0])
    np.testing.assert_array_equal(special.erfc(ends), [0, 2, np.nan, 1])
    assert math.copysign(1, special.erf(ends)[3]) == -1
    assert special.erf(np.zeros((0, 3), np.float16)).shape == (0, 3)


# -- activations -----------------------------------------------------------------------------------------------

SMOOTH = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "logsigmoid": lambda x: -np.log1p(np.exp(-x)),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "gelu": lambda x: x / 2 * (1 + np.vectorize(math.erf)(x / np.sqrt(2))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "softsign": lambda x: x / (1 + abs(x)),
    "tanhshrink": lambda x: x - np.tanh(x),
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "celu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    "hardtanh": lambda x: np.clip(x, -1, 1),
    "hardsigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hardswish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "softshrink": lambda x: np.sign(x) * np.maximum(abs(x) - 0.5, 0),
    "hardshrink": lambda x: np.where(abs(x) > 0.5, x, 0),
}
# the limits of value and slope at -inf and inf
LIMITS = {
    "sigmoid": ((0, 1), (0, 0)), "logsigmoid": ((-np.inf, 0), (1, 0)), "softplus": ((0, np.inf), (0, 1)),
    "gelu": ((0, np.inf), (0, 1)), "silu": ((0, np.inf), (0, 1)), "mish": ((0, np.inf), (0, 1)),
    "softsign": ((-1, 1), (0, 0)), "tanhshrink": ((-np.inf, np.inf), (1, 1)), "relu": ((0, np.inf), (0, 1)),
    "relu6": ((0, 6), (0, 0)), "leaky_relu": ((-np.inf, np.inf), (0.01, 1)), "elu": ((-1, np.inf), (0, 1)),
    "celu": ((-1, np.inf), (0, 1)), "selu": ((-1.7580993408473766, np.inf), (0, 1.0507009873554805)),
    "hardtanh": ((-1, 1), (0, 0)), "hardsigmoid": ((0, 1), (0, 0)), "hardswish": ((0, np.inf), (0, 1)),
    "softshrink": ((-np.inf, np.inf), (1, 1)), "hardshrink": ((-np.inf, np.inf), (1, 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_activation_is_its_formula(name, dtype, rng):
    x = rng.uniform(-7, 7, (50, 3)).astype(dtype)
    t = tg.tensor(x, requires_grad=True)
    y = getattr(A, name)(t)
    assert y.dtype == dtype
    np.testing.assert_allclose(y.data, SMOOTH[name](x.astype(np.float64)), rtol=0, atol=20 * np.finfo(dtype).eps)
    y.sum().backward()
    assert t.grad.dtype == dtype


@pytest.mark.parametrize("name", LIMITS)
def test_activation_has_its_limits_at_infinity(name):
    for dtype in (np.float64, np.float32):
        t = tg.tensor(np.array([-np.inf, np.inf], dtype), requires_grad=True)
        y = getattr(A, name)(t)
        np.testing.assert_allclose(y.data, LIMITS[name][0], rtol=1e-6, atol=1e-12)
        (g,) = tg.grad(y, [t], np.ones(2, dtype), create_graph=True)
        np.testing.assert_allclose(g.data, LIMITS[name][1], rtol=1e-6, atol=1e-12)
        big = tg.tensor(np.array([-1e30, -1e3, 1e3, 1e30], dtype), requires_grad=True)
        (g,) = tg.grad(getattr(A, name)(big), [big], np.ones(4, dtype))
        assert np.isfinite(g.data).all()


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (A.relu, 0.0, 0.0), (A.relu6, 6.0, 0.0), (A.leaky_relu, 0.0, 0.01), (A.hardtanh, 1.0, 0.0),
        (A.hardsigmoid, 3.0, 0.0), (A.softshrink, 0.5, 0.0), (A.hardshrink, -0.5, 0.0), (A.elu, 0.0, 1.0),
        (lambda x: A.threshold(x, 2.0, 7.0), 2.0, 0.0),
    ],
)  # fmt: skip
def test_slopes_at_the_kinks(f, x, slope):
    t = tg.tensor(x, requires_grad=True)
    f(t).backward()
    assert t.grad.item() == slope


def orders(f, *arrays):
    """The value, the first and the second order of f at arrays, along fixed directions."""
    rng = np.random.default_rng(3)
    ts = [tg.tensor(a, requires_grad=True) for a in arrays]
    y = f(*ts)
    g = tg.grad((y * rng.standard_normal(y.shape)).sum(), ts, create_graph=True)
    dot = sum((one * rng.standard_normal(one.shape)).sum() for one in g)
    second = tg.grad(dot, ts, allow_unused=True) if dot.requires_grad else [None] * len(ts)
    zero = [np.zeros_like(a) for a in arrays]
    return [y.data, *[a.data for a in g], *[z if h is None else h.data for h, z in zip(second, zero)]]


def same_orders(f, composed, *arrays):
    for a, b in zip(orders(f, *arrays), orders(composed, *arrays), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def log_softmax(x, axis):
    shifted = x - R.max(x, axis=axis, keepdims=True)
    return shifted - E.log(R.sum(E.exp(shifted), axis=axis, keepdims=True))


@pytest.mark.parametrize(
    ("f", "composed"),
    [
        (A.relu, lambda x: E.where_op(E.greater(x, 0), x, 0.0 * x)),
        (A.sigmoid, lambda x: 1.0 / (1.0 + E.exp(-x))),
        (A.logsigmoid, lambda x: E.log(1.0 / (1.0 + E.exp(-x)))),
        (A.softplus, lambda x: E.log(1.0 + E.exp(x))),
        (lambda x: A.softplus(x, 3.0), lambda x: E.log(1.0 + E.exp(3.0 * x)) / 3.0),
        (A.silu, lambda x: x / (1.0 + E.exp(-x))),
        (A.mish, lambda x: x * E.tanh(E.log(1.0 + E.exp(x)))),
        (A.gelu, lambda x: x * 0.5 * (1.0 + A.erf_op(x / math.sqrt(2)))),
        (
            lambda x: A.gelu(x, "tanh"),
            lambda x: x * 0.5 * (1.0 + E.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))),
        ),
        (A.glu, lambda x: x[..., :2] * A.sigmoid_op(x[..., 2:])),
        (lambda x: A.log_softmax(x, 1), lambda x: log_softmax(x, 1)),
        (lambda x: A.log_softmax(x, dim=0), lambda x: log_softmax(x, 0)),
        (lambda x: A.softmax(x, (0, 1)), lambda x: E.exp(x) / R.sum(E.exp(x))),
        (A.softmin, lambda x: E.exp(-x) / R.sum(E.exp(-x), axis=-1, keepdims=True)),
    ],
)
def test_fused_activation_equals_its_composition(f, composed, rng):
    same_orders(f, composed, rng.uniform(-2, 2, (3, 4)))


def test_prelu_has_one_weight_per_channel(rng):
    x, w = rng.standard_normal((2, 3, 4)), rng.standard_normal(3)
    same_orders(A.prelu, lambda x, w: E.where_op(E.greater(x, 0), x, w[:, None] * x), x, w)
    with pytest.raises(ValueError, match="weight has 4 entries but x 3 channels"):
        A.prelu(x, np.ones(4))


def test_log_softmax_at_infinities():
    x = np.array([[np.inf, 0.0], [-np.inf, -np.inf], [-np.inf, 1.0]])
    with np.errstate(all="raise"):
        out = A.log_softmax(x)
    np.testing.assert_allclose(out, [[0, -np.inf], [-math.log(2)] * 2, [-np.inf, 0]])


def test_relu_and_sigmoid_keep_their_output_only(rng):
    for f in (A.relu, A.sigmoid, A.elu, A.log_softmax):
        t = tg.tensor(rng.standard_normal((3, 4)), requires_grad=True)
        y = f(t)
        assert y.node.plan.keeps == ("out",)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: A.gelu([1.0], "fast"), ValueError, "'none', 'tanh'"),
        (lambda: A.hardtanh([1.0], 2, 1), ValueError, "min_val 2 is larger"),
        (lambda: A.softshrink([1.0], -1), ValueError, "at least 0, got -1"),
        (lambda: A.celu([1.0], 0), ValueError, "alpha is 0"),
        (lambda: A.glu(np.ones((2, 3))), ValueError, r"\(2, 3\) has length 3"),
        (lambda: A.softmax(np.ones(3), 0, dim=0), TypeError, "mean the same"),
        (lambda: A.relu(np.ones(3) * 1j), TypeError, "complex"),
        (lambda: A.elu(np.ones(3), np.ones(2)), TypeError, "alpha must be one number"),
    ],
)
def test_activation_errors_say_what_is_wrong(call, error, text):
    with pytest.raises(error, match=text):
        call()


# -- losses ----------------------------------------------------------------------------------------------------


def composed_cross_entropy(x, target, weight, ignore, reduction, smoothing):
    """Written out sample by sample."""
    classes = x.shape[1]
    weight = np.ones(classes) if weight is None else weight
    logs = log_softmax(x, 1)
    losses, total = [], 0.0
    for where in np.ndindex(target.shape):
        t = target[where]
        row = logs[(where[0], slice(None), *where[1:])]
        if t == ignore:
            losses.append(0.0 * R.sum(row))
            continue
        soft = smoothing / classes * weight
        losses.append(-(1 - smoothing) * weight[t] * row[int(t)] - R.sum(row * soft))
        total += weight[t]
    all_of_them = tg.asarray(losses).reshape(target.shape)
    return {"none": all_of_them, "sum": all_of_them.sum(), "mean": all_of_them.sum() / total}[reduction]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("shape", [(5, 4), (2, 4, 3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_equals_its_composition(reduction, smoothing, shape, weighted, rng):
    x, target = rng.standard_normal(shape), rng.integers(0, 4, (shape[0], *shape[2:]))
    target.flat[1] = 2
    target.flat[3] = -1
    weight = rng.uniform(0.5, 2, 4) if weighted else None
    same_orders(
        lambda x: loss.cross_entropy(x, target, weight, -1, reduction, smoothing),
        lambda x: composed_cross_entropy(x, target, weight, -1, reduction, smoothing),
        x,
    )
    same_orders(
        lambda x: loss.nll_loss(A.log_softmax(x, 1), target, weight, -1, reduction),
        lambda x: loss.cross_entropy(x, target, weight, -1, reduction),
        x,
    )


def test_cross_entropy_of_one_sample_of_probabilities_and_of_lists(rng):
    x = rng.standard_normal((3, 4))
    labels = [2, 0, 3]
    each = [loss.cross_entropy(x[i], labels[i]) for i in range(3)]
    np.testing.assert_allclose(loss.cross_entropy(x, labels), np.mean(each))
    np.testing.assert_allclose(loss.cross_entropy(x, tg.tensor(labels)).data, np.mean(each))
    hot = embedding.one_hot(labels, 4).astype(float)
    for smoothing in (0.0, 0.3):
        same_orders(
            lambda x: loss.cross_entropy(x, hot, label_smoothing=smoothing),
            lambda x: loss.cross_entropy(x, labels, label_smoothing=smoothing),
            x,
        )
    gradcheck(loss.cross_entropy, (tg.tensor(x, requires_grad=True), tg.tensor(abs(x), requires_grad=True)))


def test_class_weights_can_have_a_gradient(rng):
    x, w, labels = rng.standard_normal((5, 3)), rng.uniform(0.5, 2, 3), np.array([0, 2, 1, 0, -100])
    for f in (loss.cross_entropy, loss.nll_loss):
        gradcheck(lambda x, w: f(x, labels, w), (x, w))
        gradgradcheck(lambda x, w: f(x, labels, w), (x, w))


def test_cross_entropy_keeps_the_probabilities_only(rng):
    t = tg.tensor(rng.standard_normal((6, 4)), requires_grad=True)
    y = loss.cross_entropy(t, tg.tensor([0, 1, 2, 3, 0, 1]))
    kept = tg.Tape.of(y).kept()
    assert kept["cross_entropy"] == 6 * 4 * 8 + 6 * 8
    y.backward()
    np.testing.assert_allclose(t.grad.data.sum(1), 0, atol=1e-15)


def test_large_scores_and_empty_batches_make_no_warning():
    t = tg.tensor([[1e4, -1e4], [-1e30, 1e30]], requires_grad=True)
    y = loss.cross_entropy(t, [1, 1])
    assert y.item() == 1e4
    y.backward()
    np.testing.assert_allclose(t.grad.data, [[0.5, -0.5], [0, 0]])
    none = np.zeros((0, 3))
    assert np.isnan(loss.cross_entropy(none, np.zeros(0, int)))
    assert loss.cross_entropy(none, [], reduction="sum") == 0
    assert np.isnan(loss.mse_loss(none, none))
    assert np.isnan(loss.l1_loss(none, none))
    assert np.isnan(loss.cross_entropy(np.ones((2, 3)), [-100, -100]))
    z = np.array([1e4, -1e4, np.inf, -np.inf])
    np.testing.assert_array_equal(
        loss.binary_cross_entropy_with_logits(z, np.array([1.0, 0.0, 1.0, 0.0]), reduction="none"), 0
    )
    np.testing.assert_array_equal(
        loss.binary_cross_entropy(np.array([0.0, 1.0]), np.array([1.0, 1.0]), reduction="none"), [100, 0]
    )


X = np.ones((3, 4))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: loss.mse_loss(X, X, "avg"), ValueError, "'avg' is not one of 'mean', 'sum', 'none'"),
        (lambda: loss.cross_entropy(X, [0, 4, 1]), IndexError, r"cross_entropy: the label 4 at position 1 is no class"),
        (lambda: loss.nll_loss(X, [0, 1, -3]), IndexError, r"nll_loss: the label -3 at position 2 .* 4 classes"),
        (lambda: loss.cross_entropy(X, [0.0, 1.0, 2.0]), TypeError, r"must be integers.*astype\(int\)"),
        (lambda: loss.cross_entropy(X, np.zeros((3, 1), int)), ValueError, r"take target\[:, 0\]"),
        (lambda: loss.cross_entropy(X, [0, 1]), ValueError, r"input \(3, 4\) needs labels of shape \(3,\)"),
        (lambda: loss.cross_entropy(X, [0, 1, 2], np.ones(3)), ValueError, "each of the 4 classes"),
        (lambda: loss.cross_entropy(X, X.astype(int)), TypeError, "must be of floats"),
        (lambda: loss.cross_entropy(X, [0, 1, 2], label_smoothing=2), ValueError, "between 0 and 1, got 2"),
        (lambda: loss.binary_cross_entropy(2 * X, X), ValueError, "between 0 and 1, but goes from 2 to 2"),
        (lambda: loss.binary_cross_entropy(X, X[0]), ValueError, "differ in shape"),
        (lambda: loss.mse_loss(X, X[:, :3]), ValueError, "differ in shape"),
        (lambda: loss.huber_loss(X, X, delta=0), ValueError, "larger than 0"),
        (lambda: loss.gaussian_nll_loss(X, X, -X), ValueError, "negative entries"),
    ],
)
def test_loss_errors_say_what_is_wrong(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_a_broadcast_target_is_said():
    with pytest.warns(UserWarning, match=r"\(3, 1\) and target \(3,\) differ.*target\[:, None\]"):
        loss.mse_loss(np.ones((3, 1)), np.ones(3))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    ("f", "formula"),
    [
        (loss.mse_loss, lambda x, y: (x - y) ** 2),
        (loss.l1_loss, lambda x, y: abs(x - y)),
        (loss.huber_loss, lambda x, y: np.where(abs(x - y) < 1, (x - y) ** 2 / 2, abs(x - y) - 0.5)),
        (loss.smooth_l1_loss, lambda x, y: np.where(abs(x - y) < 1, (x - y) ** 2 / 2, abs(x - y) - 0.5)),
        (loss.binary_cross_entropy, lambda x, y: -(y * np.log(x) + (1 - y) * np.log(1 - x))),
        (
            loss.binary_cross_entropy_with_logits,
            lambda x, y: y * np.log(1 + np.exp(-x)) + (1 - y) * np.log(1 + np.exp(x)),
        ),
        (loss.kl_div, lambda x, y: y * (np.log(y) - x)),
        (loss.poisson_nll_loss, lambda x, y: np.exp(x) - y * x),
        (loss.soft_margin_loss, lambda x, y: np.log(1 + np.exp(-x * y))),
    ],
)
def test_loss_of_pairs_is_its_formula(f, formula, reduction, rng):
    x, y = rng.uniform(0.1, 0.9, (2, 3, 4))
    want = formula(x, y)
    want = {"none": want, "sum": want.sum(), "mean": want.mean()}[reduction]
    np.testing.assert_allclose(f(x, y, reduction=reduction), want)
    single = f(tg.tensor(x.astype(np.float32), requires_grad=True), y.astype(np.float32), reduction=reduction)
    assert single.dtype == np.float32
    gradcheck(lambda x, y: f(x, y, reduction=reduction), (x, y))
    gradgradcheck(lambda x, y: f(x, y, reduction=reduction), (x, y))


def test_losses_with_margins(rng):
    x, y = rng.standard_normal((2, 5)), np.array([1.0, -1.0, 1.0, -1.0, 1.0])
    np.testing.assert_allclose(
        loss.hinge_embedding_loss(x[0], y, reduction="none"), np.where(y == 1, x[0], np.maximum(0, 1 - x[0]))
    )
    np.testing.assert_allclose(
        loss.margin_ranking_loss(x[0], x[1], y, 0.3, "none"), np.maximum(0, 0.3 - y * (x[0] - x[1]))
    )
    scores, labels = rng.standard_normal((4, 3)), [2, 0, 1, 1]
    want = [sum(max(0, 1 - s[k] + s[i]) ** 2 for i in range(3) if i != k) / 3 for s, k in zip(scores, labels)]
    np.testing.assert_allclose(loss.multi_margin_loss(scores, labels, p=2, reduction="none"), want)
    gradcheck(lambda s: loss.multi_margin_loss(s, labels), (scores,))


# -- embedding, dropout ----------------------------------------------------------------------------------------


def test_embedding_adds_up_repeats_and_leaves_the_padding_out(rng):
    weight = tg.tensor(rng.standard_normal((4, 2)), requires_grad=True)
    out = embedding.embedding([[0, 2], [2, 3]], weight)
    np.testing.assert_array_equal(out.data, weight.data[[[0, 2], [2, 3]]])
    (g,) = tg.grad(out.sum(), [weight])
    np.testing.assert_array_equal(g.data, [[1, 1], [0, 0], [2, 2], [1, 1]])
    for padding in (2, -2):
        out = embedding.embedding([[0, 2], [2, 3]], weight, padding)
        (g,) = tg.grad(out.sum(), [weight])
        np.testing.assert_array_equal(g.data, [[1, 1], [0, 0], [0, 0], [1, 1]])
    with pytest.raises(IndexError, match=r"the index 4 at position \(0, 1\) is out of range.*4 rows"):
        embedding.embedding([[0, 4]], weight)
    with pytest.raises(TypeError, match="must be integers"):
        embedding.embedding([0.5], weight)
    with pytest.raises(ValueError, match="padding_idx 4"):
        embedding.embedding([0], weight, 4)


def test_one_hot():
    out = embedding.one_hot([[0, 2], [1, 1]])
    assert out.dtype == np.int64
    np.testing.assert_array_equal(out, np.eye(3, dtype=int)[[[0, 2], [1, 1]]])
    assert isinstance(embedding.one_hot(tg.tensor([1]), 5), tg.Tensor)
    with pytest.raises(IndexError, match="index 5"):
        embedding.one_hot([5], 5)


def test_dropout_scales_what_it_keeps():
    t = tg.tensor(np.ones((200, 200), np.float32), requires_grad=True)
    y = dropout.dropout(t, 0.25, generator=np.random.default_rng(0))
    assert set(np.unique(y.data)) == {np.float32(0), np.float32(4 / 3)}
    assert abs((y.data == 0).mean() - 0.25) < 0.01
    y.sum().backward()
    np.testing.assert_array_equal(t.grad.data, y.data)
    assert y.node.inputs[1].dtype == bool
    assert dropout.dropout(t, 0.25, training=False) is t
    np.testing.assert_array_equal(dropout.dropout(t, 1.0).data, 0)
    generator.manual_seed(3)
    first = dropout.dropout(t).data
    generator.manual_seed(3)
    np.testing.assert_array_equal(dropout.dropout(t).data, first)
    for p in (-0.1, 1.1):
        with pytest.raises(ValueError, match="between 0 and 1"):
            dropout.dropout(t, p)


def test_feature_dropout_drops_whole_channels():
    x = np.ones((8, 16, 3, 3))
    shapes = {dropout.dropout1d: (8, 16, 9), dropout.dropout2d: (8, 16, 3, 3), dropout.dropout3d: (8, 16, 3, 3, 1)}
    for f, shape in shapes.items():
        y = f(x.reshape(shape), 0.5, generator=np.random.default_rng(1)).reshape(8, 16, 9)
        assert (y == y[..., :1]).all()
        assert {0.0, 2.0} == set(np.unique(y))
    with pytest.raises(ValueError, match="dropout2d"):
        dropout.dropout2d(np.ones((2, 3)))


def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.default_rng(0).standard_normal(200_000)
    y = dropout.alpha_dropout(x, 0.3, True, generator=np.random.default_rng(1))
    assert abs(y.mean()) < 0.02
    assert abs(y.var() - 1) < 0.02


# -- dense, distance -------------------------------------------------------------------------------------------


def test_linear(rng):
    x, w, b = rng.standard_normal((2, 4, 3)), rng.standard_normal((5, 3)), rng.standard_normal(5)
    same_orders(dense.linear, lambda x, w, b: x @ w.T + b, x, w, b)
    same_orders(dense.linear, lambda x, w: x @ w.T, x, w)
    text = r"linear: x has 5 features but weight expects 4 \(x \(2, 5\), weight \(3, 4\)\)"
    with pytest.raises(ValueError, match=text):
        dense.linear(np.ones((2, 5)), np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"bias \(4,\) does not fit the 3 outputs"):
        dense.linear(np.ones((2, 4)), np.ones((3, 4)), np.ones(4))


def test_bilinear(rng):
    x, y, w, b = (rng.standard_normal(s) for s in ((2, 3), (2, 4), (5, 3, 4), (5,)))
    np.testing.assert_allclose(dense.bilinear(x, y, w, b), np.einsum("ni,nj,oij->no", x, y, w) + b)
    gradcheck(dense.bilinear, (x, y, w, b))


def test_distances(rng):
    x, y = rng.standard_normal((2, 4, 3))
    for p in (1, 2, 3, np.inf):
        want = np.linalg.norm(x - y + 1e-6, p, axis=1)
        np.testing.assert_allclose(distance.pairwise_distance(x, y, p), want)
        np.testing.assert_allclose(distance.normalize(x, p), x / np.linalg.norm(x, p, axis=1, keepdims=True))
    cosine = (x * y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
    np.testing.assert_allclose(distance.cosine_similarity(x, y), cosine)
    for f in (distance.pairwise_distance, distance.cosine_similarity):
        gradcheck(f, (x, y))
        gradgradcheck(f, (x, y))
    t = tg.tensor(np.zeros((2, 3)), requires_grad=True)
    (g,) = tg.grad(distance.normalize(t).sum(), [t])
    np.testing.assert_allclose(g.data, 1e12)
    (g,) = tg.grad(distance.cosine_similarity(t, np.ones((2, 3))).sum(), [t])
    assert np.isfinite(g.data).all()
