"""The classic layers: against differences, against loops written out here, and where published copies go wrong."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tapegrad as tg
from tapegrad import layers

Array = NDArray[Any]


# -- what a notebook brings along --------------------------------------------------------------------------------


def eval_numerical_gradient_array(f: Callable[[Array], Array], x: Array, df: Array, h: float = 1e-5) -> Array:
    """Central differences of sum(f(x) * df), with x changed in place, element by element."""
    grad = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        old = x[place]
        x[place] = old + h
        above = f(x).copy()
        x[place] = old - h
        below = f(x).copy()
        x[place] = old
        grad[place] = np.sum((above - below) * df) / (2 * h)
    return grad


def pairs(size: Any) -> Any:
    return (size, size) if isinstance(size, int) else size


def student_conv_forward(x: Array, w: Array, b: Array, conv_param: dict[str, Any]) -> tuple[Array, Any]:
    (sh, sw), (ph, pw) = pairs(conv_param["stride"]), pairs(conv_param["pad"])
    (n, _, h, width), (f, _, kh, kw) = x.shape, w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    out = np.zeros((n, f, (h + 2 * ph - kh) // sh + 1, (width + 2 * pw - kw) // sw + 1))
    for i, k, r, c in np.ndindex(out.shape):
        out[i, k, r, c] = np.sum(padded[i, :, r * sh : r * sh + kh, c * sw : c * sw + kw] * w[k]) + b[k]
    return out, (x, w, b, conv_param)


def student_conv_backward(dout: Array, cache: Any) -> tuple[Array, Array, Array]:
    x, w, b, conv_param = cache
    (sh, sw), (ph, pw) = pairs(conv_param["stride"]), pairs(conv_param["pad"])
    (kh, kw), (h, width) = w.shape[2:], x.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    dpadded, dw, db = np.zeros_like(padded), np.zeros_like(w), np.zeros_like(b)
    for i, k, r, c in np.ndindex(dout.shape):
        window = (i, slice(None), slice(r * sh, r * sh + kh), slice(c * sw, c * sw + kw))
        dpadded[window] += w[k] * dout[i, k, r, c]
        dw[k] += padded[window] * dout[i, k, r, c]
        db[k] += dout[i, k, r, c]
    return dpadded[:, :, ph : ph + h, pw : pw + width], dw, db


def student_pool_forward(x: Array, pool_param: dict[str, Any]) -> tuple[Array, Any]:
    kh, kw = pool_param["pool_height"], pool_param["pool_width"]
    sh, sw = pairs(pool_param["stride"])
    out = np.zeros((*x.shape[:2], (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1))
    for i, k, r, c in np.ndindex(out.shape):
        out[i, k, r, c] = x[i, k, r * sh : r * sh + kh, c * sw : c * sw + kw].max()
    return out, (x, pool_param)


def student_pool_backward(dout: Array, cache: Any) -> Array:
    x, pool_param = cache
    kh, kw = pool_param["pool_height"], pool_param["pool_width"]
    sh, sw = pairs(pool_param["stride"])
    dx: Array = np.zeros_like(x)
    for i, k, r, c in np.ndindex(dout.shape):
        window = x[i, k, r * sh : r * sh + kh, c * sw : c * sw + kw]
        down, across = np.unravel_index(window.argmax(), window.shape)  # the first of several
        dx[i, k, r * sh + down, c * sw + across] += dout[i, k, r, c]
    return dx


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(231)


def conv_case(rng: np.random.Generator) -> tuple[Array, Array, Array, dict[str, Any]]:
    n, c, f, *rest = (int(v) for v in rng.integers([1, 1, 1, 1, 1, 1, 1, 0, 0], [4, 4, 5, 4, 4, 4, 4, 3, 3]))
    kh, kw, sh, sw, ph, pw = rest
    h, w = (max(1, k - 2 * p) + int(rng.integers(5)) for k, p in ((kh, ph), (kw, pw)))
    x, filters = rng.standard_normal((n, c, h, w)), rng.standard_normal((f, c, kh, kw))
    return x, filters, rng.standard_normal(f), {"stride": (sh, sw), "pad": (ph, pw)}


def pool_case(rng: np.random.Generator) -> tuple[Array, dict[str, Any]]:
    kh, kw, sh, sw, more, wider = (int(v) for v in rng.integers(1, 4, 6))
    # Few different values, so that there are ties.
    x = rng.integers(0, 5, (2, 2, kh + more + 2, kw + wider)).astype(float)
    return x, {"pool_height": kh, "pool_width": kw, "stride": (sh, sw)}


# -- every pair against differences ------------------------------------------------------------------------------

R = np.random.default_rng(7).standard_normal
CONV = {"stride": 1, "pad": 1}
POOL = {"pool_height": 2, "pool_width": 2, "stride": 2}
FIXED = {"mode": "test", "running_mean": R(4), "running_var": R(4) ** 2 + 0.5}
FIXED3 = {"mode": "test", "running_mean": R(3), "running_var": R(3) ** 2 + 0.5}
X, IMAGES, FILTERS = R((5, 4)), R((2, 3, 4, 5)), R((3, 3, 3, 2))
AFFINE = (R((3, 2, 4)), R((8, 5)), R(5))

# name: (arrays that have a gradient, what else the forward is given)
LAYERS: dict[str, tuple[tuple[Array, ...], tuple[Any, ...]]] = {
    "affine": (AFFINE, ()),
    "relu": ((R((4, 5)),), ()),
    "batchnorm": ((3 * X + 12, R(4), R(4)), ({"mode": "train"},)),
    "batchnorm test": ((X, R(4), R(4)), (FIXED,)),
    "layernorm": ((3 * X + 12, R(4), R(4)), ({},)),
    "dropout": ((X,), ({"mode": "train", "p": 0.6, "seed": 3},)),
    "dropout test": ((X,), ({"mode": "test", "p": 0.6},)),
    "conv": ((IMAGES, FILTERS, R(3)), (CONV,)),
    "max_pool": ((IMAGES,), (POOL,)),
    "spatial_batchnorm": ((3 * IMAGES + 12, R(3), R(3)), ({"mode": "train"},)),
    "spatial_batchnorm test": ((IMAGES, R(3), R(3)), (FIXED3,)),
    "spatial_groupnorm": ((R((2, 6, 3, 4)), R(6), R(6)), (2, {})),
    "spatial_groupnorm laid": ((R((2, 6, 3, 4)), R((1, 6, 1, 1)), R((1, 6, 1, 1))), (3, {"eps": 1e-3})),
    "affine_relu": (AFFINE, ()),
    "affine_bn_relu": ((*AFFINE, R(5), R(5)), ({"mode": "train"},)),
    "conv_relu": ((IMAGES, FILTERS, R(3)), (CONV,)),
    "conv_relu_pool": ((IMAGES, FILTERS, R(3)), (CONV, POOL)),
    "conv_bn_relu": ((IMAGES, FILTERS, R(3), R(3), R(3)), (CONV, {"mode": "train"})),
}


def functions(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    plain = name.split(" ")[0]
    return getattr(layers, f"{plain}_forward"), getattr(layers, f"{plain}_backward")


def several(gradients: Any) -> tuple[Array, ...]:
    return gradients if isinstance(gradients, tuple) else (gradients,)


@pytest.mark.parametrize("name", LAYERS)
def test_backward_against_the_courses_numeric_gradient(name: str, rng: np.random.Generator) -> None:
    forward, backward = functions(name)
    arrays, rest = LAYERS[name]
    arrays = tuple(a.copy() for a in arrays)
    out, cache = forward(*arrays, *rest)
    dout = rng.standard_normal(out.shape)
    # The differences change the very arrays that the cache may hold, and set them back.
    right = [eval_numerical_gradient_array(lambda _: forward(*arrays, *rest)[0], a, dout) for a in arrays]
    found = several(backward(dout, cache))
    assert len(found) == len(arrays)
    for a, mine, num in zip(arrays, found, right, strict=True):
        assert type(mine) is np.ndarray
        assert mine.shape == a.shape
        np.testing.assert_allclose(mine, num, rtol=1e-5, atol=1e-7)
    for a, given in zip(arrays, LAYERS[name][0], strict=True):
        assert a.flags.writeable
        np.testing.assert_array_equal(a, given)


@pytest.mark.parametrize("name", LAYERS)
def test_float32_stays_float32_and_nothing_is_remembered(name: str) -> None:
    forward, backward = functions(name)
    arrays, rest = LAYERS[name]
    single = tuple(a.astype(np.float32) for a in arrays)
    rest = tuple(dict(r) if isinstance(r, dict) else r for r in rest)
    out, cache = forward(*single, *rest)
    assert type(out) is np.ndarray
    assert out.dtype == np.float32
    dout = np.ones(out.shape)  # float64
    first = several(backward(dout, cache))
    assert [g.dtype for g in first] == [np.float32] * len(arrays)
    np.testing.assert_allclose(out, forward(*arrays, *rest)[0], rtol=1e-4, atol=1e-4)
    for again, g in zip(several(backward(dout, cache)), first, strict=True):
        np.testing.assert_array_equal(again, g)
    # Parameters of another dtype do not change that of the output, and keep their own in their gradients.
    mixed = (single[0], *arrays[1:])
    out, cache = forward(*mixed, *rest)
    assert out.dtype == np.float32
    assert [g.dtype for g in several(backward(dout, cache))] == [a.dtype for a in mixed]


@pytest.mark.parametrize("name", [n for n in LAYERS if n not in ("dropout test",)])
def test_empty_batch(name: str) -> None:
    forward, backward = functions(name)
    (x, *others), rest = LAYERS[name]
    rest = tuple(dict(r) if isinstance(r, dict) else r for r in rest)
    out, cache = forward(x[:0], *others, *rest)
    assert out.shape == (0, *forward(x, *others, *rest)[0].shape[1:])
    dx, *more = several(backward(out, cache))
    assert dx.shape == x[:0].shape
    for a, g in zip(others, more, strict=True):
        np.testing.assert_array_equal(g, np.zeros_like(a))


@pytest.mark.parametrize("name", [n for n in LAYERS if not n.startswith("dropout")])
def test_check_backward_finds_nothing(name: str) -> None:
    arrays, rest = LAYERS[name]
    report = tg.check_backward(*functions(name), (*arrays, *rest), verbose=False)
    # Batch norm takes any bias away again: its gradient is 0, and differences see nothing but rounding.
    lost = {"b"} if "_bn_" in name else set()
    assert not report.problems
    assert all(g.ok or (g.name in lost and abs(g.right) < 1e-9) for g in report.gradients), str(report)


@pytest.mark.parametrize("name", LAYERS)
def test_wrong_dout_is_named(name: str) -> None:
    forward, backward = functions(name)
    arrays, rest = LAYERS[name]
    out, cache = forward(*arrays, *rest)
    last = ("max_pool" if "pool" in name else "relu" if "relu" in name else name.split(" ")[0]) + "_backward"
    with pytest.raises(ValueError, match=f"{last}: dout has shape .* but the output of the forward has shape"):
        backward(out[:, :1], cache)


# -- convolution and pooling against loops -----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_conv_against_loops_both_ways_round(seed: int) -> None:
    rng = np.random.default_rng(seed)
    case = conv_case(rng)
    out, cache = layers.conv_forward(*case)
    right, theirs = student_conv_forward(*case)
    np.testing.assert_allclose(out, right, atol=1e-12)
    dout = rng.standard_normal(out.shape)
    gradients = student_conv_backward(dout, theirs)
    for found in (
        layers.conv_backward(dout, cache), layers.conv_backward(dout, theirs), student_conv_backward(dout, cache)
    ):  # fmt: skip
        for mine, g in zip(found, gradients, strict=True):
            np.testing.assert_allclose(mine, g, atol=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_max_pool_against_loops_both_ways_round(seed: int) -> None:
    rng = np.random.default_rng(seed)
    case = pool_case(rng)
    out, cache = layers.max_pool_forward(*case)
    right, theirs = student_pool_forward(*case)
    np.testing.assert_array_equal(out, right)
    dout = rng.standard_normal(out.shape)
    dx = student_pool_backward(dout, theirs)
    ours = layers.max_pool_backward
    for found in (ours(dout, cache), ours(dout, theirs), student_pool_backward(dout, cache)):
        np.testing.assert_allclose(found, dx, atol=1e-12)


def test_caches_are_the_arrays_that_were_given(rng: np.random.Generator) -> None:
    x, w, b, conv_param = IMAGES, FILTERS, R(3), {"stride": 2, "pad": 1}
    _, cache = layers.conv_forward(x, w, b, conv_param)
    assert type(cache) is tuple
    assert len(cache) == 4
    assert all(kept is given for kept, given in zip(cache, (x, w, b, conv_param), strict=True))
    pooled: Any = layers.max_pool_forward(x, POOL)[1]
    assert type(pooled) is tuple
    assert len(pooled) == 2
    assert pooled[0] is x
    assert pooled[1] is POOL


def test_an_array_changed_after_the_forward_is_seen_as_it_is() -> None:
    x = IMAGES.copy()
    out, cache = layers.conv_forward(x, FILTERS, np.zeros(3), CONV)
    dw = layers.conv_backward(np.ones_like(out), cache)[1]
    x *= 2
    np.testing.assert_allclose(layers.conv_backward(np.ones_like(out), cache)[1], 2 * dw)
    np.testing.assert_allclose(layers.conv_forward(x, FILTERS, np.zeros(3), CONV)[0], 2 * out)


@pytest.mark.parametrize("name", [n for n in LAYERS if "norm" in n and "_bn_" not in n])
def test_norms_keep_what_the_forward_saw(name: str) -> None:
    forward, backward = functions(name)
    arrays, rest = LAYERS[name]
    arrays = tuple(a.copy() for a in arrays)
    out, cache = forward(*arrays, *rest)
    before = backward(np.cos(out), cache)
    for a in arrays:
        a[...] = -1
    for old, new in zip(before, backward(np.cos(out), cache), strict=True):
        np.testing.assert_array_equal(new, old)


# -- what published copies get wrong -----------------------------------------------------------------------------


def test_overlapping_pools_add_up() -> None:
    x = np.array([[[[0.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 0.0]]]])
    _, cache = layers.max_pool_forward(x, {"pool_height": 2, "pool_width": 2, "stride": 1})
    dx = layers.max_pool_backward(np.array([[[[1.0, 2.0], [3.0, 4.0]]]]), cache)
    assert dx[0, 0, 1, 1] == 10
    assert dx.sum() == 10


def test_a_tie_goes_to_the_first_in_row_major_order() -> None:
    x = np.array([[[[0.0, 5.0], [5.0, 5.0]]]])
    _, cache = layers.max_pool_forward(x, POOL)
    np.testing.assert_array_equal(layers.max_pool_backward(np.ones((1, 1, 1, 1)), cache)[0, 0], [[0, 1], [0, 0]])


@pytest.mark.parametrize("pad", [0, (0, 0), (0, 2), (1, 0)])
def test_pad_zero(pad: Any, rng: np.random.Generator) -> None:
    case = (IMAGES, FILTERS, R(3), {"stride": 1, "pad": pad})
    out, cache = layers.conv_forward(*case)
    dout = rng.standard_normal(out.shape)
    dx = layers.conv_backward(dout, cache)[0]
    assert dx.shape == IMAGES.shape
    np.testing.assert_allclose(dx, student_conv_backward(dout, cache)[0], atol=1e-12)


def test_sizes_that_do_not_divide_floor() -> None:
    x = R((2, 3, 7, 6))
    out, _ = layers.conv_forward(x, R((4, 3, 2, 3)), np.zeros(4), {"stride": 2, "pad": 0})
    assert out.shape == (2, 4, 3, 2)
    pooled, cache = layers.max_pool_forward(x, {"pool_height": 2, "pool_width": 3, "stride": (2, 2)})
    assert pooled.shape == (2, 3, 3, 2)
    dx = layers.max_pool_backward(np.ones_like(pooled), cache)
    assert not dx[:, :, 6].any()
    assert not dx[:, :, :, 5].any()
    assert dx.sum() == pooled.size


def test_integer_images() -> None:
    x = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)
    w, b = FILTERS.astype(np.float32), np.zeros(3, np.float32)
    out, cache = layers.conv_forward(x, w, b, CONV)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, student_conv_forward(x, w, b, CONV)[0], rtol=1e-4, atol=1e-3)
    assert [g.dtype for g in layers.conv_backward(out, cache)] == [np.float32] * 3
    pooled, seen = layers.max_pool_forward(x, POOL)
    assert pooled.dtype == np.uint8
    assert layers.max_pool_backward(np.full(pooled.shape, 0.5), seen).sum() == pooled.size / 2


def test_relu_blocks_an_infinite_gradient() -> None:
    _, cache = layers.relu_forward(np.array([-1.0, 0.0, 1.0]))
    np.testing.assert_array_equal(layers.relu_backward(np.full(3, np.inf), cache), [0, 0, np.inf])


def test_losses_do_not_overflow() -> None:
    loss, dx = layers.softmax_loss(np.array([[1e4, 0.0], [0.0, 1e4]]), np.array([0, 0]))
    assert loss == 5000
    np.testing.assert_array_equal(dx, [[0, 0], [-0.5, 0.5]])


# -- losses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [layers.softmax_loss, layers.svm_loss])
def test_losses(loss: Callable[..., Any], rng: np.random.Generator) -> None:
    x, y = rng.standard_normal((6, 4)), rng.integers(4, size=6)
    value, dx = loss(x, y)
    np.testing.assert_allclose(
        dx, eval_numerical_gradient_array(lambda x: loss(x, y)[0], x, np.array(1.0)), rtol=1e-6, atol=1e-9
    )
    if loss is layers.softmax_loss:
        p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
        right = np.mean([-np.log(p[i, y[i]]) for i in range(6)])
    else:
        right = np.mean([sum(max(0, x[i, j] - x[i, y[i]] + 1) for j in range(4) if j != y[i]) for i in range(6)])
    np.testing.assert_allclose(value, right, rtol=1e-12)
    single, dx32 = loss(x.astype(np.float32), y)
    assert single.dtype == dx32.dtype == np.float32
    np.testing.assert_allclose(dx32, dx, rtol=1e-5, atol=1e-6)


def test_losses_of_the_notebook() -> None:
    x, y = 0.001 * R((500, 10)), np.arange(500) % 10
    assert abs(layers.svm_loss(x, y)[0] - 9) < 0.01
    assert abs(layers.softmax_loss(x, y)[0] - np.log(10)) < 0.001


@pytest.mark.parametrize("loss", [layers.softmax_loss, layers.svm_loss])
@pytest.mark.parametrize(
    ("x", "y", "error", "words"),
    [
        (np.zeros((3, 4)), [0, 1, 4], ValueError, "label 4 of example 2 is not one of the 4 classes"),
        (np.zeros((3, 4)), [0, -1, 3], ValueError, "label -1 of example 1"),
        (np.zeros((3, 4)), [0, 1], ValueError, r"\(3,\) for x \(3, 4\), got \(2,\)"),
        (np.zeros((3, 4)), [[0], [1], [2]], ValueError, "ravel"),
        (np.zeros((3, 4)), [0.0, 1.0, 2.0], TypeError, "astype"),
        (np.zeros(4), [0], ValueError, r"scores \(N, C\)"),
        (np.zeros((0, 4)), np.zeros(0, int), ValueError, "no examples"),
        (np.zeros((3, 4), complex), [0, 1, 2], TypeError, "real"),
    ],
)
def test_errors_of_losses(loss: Any, x: Array, y: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=f"{loss.__name__}: .*{words}"):
        loss(x, y)


# -- norms -------------------------------------------------------------------------------------------------------


def test_running_statistics(rng: np.random.Generator) -> None:
    bn_param: dict[str, Any] = {"mode": "train", "momentum": 0.8}
    mean, var = np.zeros(3), np.zeros(3)
    for _ in range(5):
        x = 2 * rng.standard_normal((6, 3)) + [1, 2, 3]
        out, _ = layers.batchnorm_forward(x, np.array([1.0, 2, 3]), np.array([11.0, 12, 13]), bn_param)
        np.testing.assert_allclose(out.mean(0), [11, 12, 13])
        np.testing.assert_allclose(out.std(0), np.array([1, 2, 3]) * x.std(0) / np.sqrt(x.var(0) + 1e-5))
        mean, var = 0.8 * mean + 0.2 * x.mean(0), 0.8 * var + 0.2 * x.var(0)
        np.testing.assert_allclose(bn_param["running_mean"], mean)
        np.testing.assert_allclose(bn_param["running_var"], var)
    before = bn_param["running_mean"]
    bn_param["mode"] = "test"
    out, _ = layers.batchnorm_forward(x, np.ones(3), np.zeros(3), bn_param)
    np.testing.assert_allclose(out, (x - mean) / np.sqrt(var + 1e-5))
    np.testing.assert_array_equal(bn_param["running_mean"], before)
    np.testing.assert_allclose(bn_param["running_var"], var)


def test_spatial_batch_norm_is_batch_norm_of_pixels(rng: np.random.Generator) -> None:
    x, dout = rng.standard_normal((2, 2, 3, 4, 5))
    gamma, beta = rng.standard_normal((2, 3))
    ours: dict[str, Any] = {"mode": "train"}
    theirs: dict[str, Any] = {"mode": "train"}
    for _ in range(2):
        out, cache = layers.spatial_batchnorm_forward(x, gamma, beta, ours)
        rows, seen = layers.batchnorm_forward(x.transpose(0, 2, 3, 1).reshape(-1, 3), gamma, beta, theirs)
        np.testing.assert_allclose(out.transpose(0, 2, 3, 1).reshape(-1, 3), rows, atol=1e-12)
        got = layers.spatial_batchnorm_backward(dout, cache)
        right = layers.batchnorm_backward(dout.transpose(0, 2, 3, 1).reshape(-1, 3), seen)
        np.testing.assert_allclose(got[0].transpose(0, 2, 3, 1).reshape(-1, 3), right[0], atol=1e-12)
        np.testing.assert_allclose(got[1], right[1])
        np.testing.assert_allclose(got[2], right[2])
        ours["mode"] = theirs["mode"] = "test"
    np.testing.assert_allclose(ours["running_var"], theirs["running_var"])


def test_test_mode_starts_from_zeros_and_writes_them_back() -> None:
    bn_param: dict[str, Any] = {"mode": "test"}
    x = np.ones((2, 3), np.float32)
    out, _ = layers.batchnorm_forward(x, np.ones(3, np.float32), np.zeros(3, np.float32), bn_param)
    np.testing.assert_allclose(out, 1 / np.sqrt(1e-5), rtol=1e-6)
    for key in ("running_mean", "running_var"):
        np.testing.assert_array_equal(bn_param[key], np.zeros(3))
        assert bn_param[key].dtype == np.float32


def test_statistics_are_new_arrays_and_an_empty_batch_teaches_nothing() -> None:
    running = np.ones(3)
    bn_param: dict[str, Any] = {"mode": "train", "running_mean": running, "running_var": running}
    layers.batchnorm_forward(R((0, 3)), np.ones(3), np.zeros(3), bn_param)
    np.testing.assert_array_equal(bn_param["running_mean"], np.ones(3))
    layers.batchnorm_forward(R((4, 3)), np.ones(3), np.zeros(3), bn_param)
    np.testing.assert_array_equal(running, np.ones(3))
    assert not np.array_equal(bn_param["running_mean"], running)
    out, _ = layers.batchnorm_forward(np.full((1, 3), 7.0), np.ones(3), np.full(3, 2.0), bn_param)
    np.testing.assert_array_equal(out, np.full((1, 3), 2.0))


def test_a_norm_far_from_zero_keeps_its_digits(rng: np.random.Generator) -> None:
    x = (rng.standard_normal((50, 4)) + 1e4).astype(np.float32)
    out, _ = layers.batchnorm_forward(x, np.ones(4), np.zeros(4), {"mode": "train"})
    wide = x.astype(float)
    np.testing.assert_allclose(out, (wide - wide.mean(0)) / np.sqrt(wide.var(0) + 1e-5), atol=2e-3)


def test_layer_and_group_norm_by_formula(rng: np.random.Generator) -> None:
    x = 4 * rng.standard_normal((4, 6)) + 10
    gamma, beta = rng.standard_normal((2, 6))
    right = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5) * gamma + beta
    np.testing.assert_allclose(layers.layernorm_forward(x, gamma, beta, {})[0], right, atol=1e-12)
    x = 4 * rng.standard_normal((2, 6, 4, 5)) + 10
    rows = x.reshape(4, -1)
    z = ((rows - rows.mean(1, keepdims=True)) / np.sqrt(rows.var(1, keepdims=True) + 1e-5)).reshape(x.shape)
    laid = gamma.reshape(1, 6, 1, 1), beta.reshape(1, 6, 1, 1)
    for parameters in ((gamma, beta), laid):
        out, cache = layers.spatial_groupnorm_forward(x, *parameters, 2, {})
        np.testing.assert_allclose(out, z * laid[0] + laid[1], atol=1e-12)
        _, dgamma, dbeta = layers.spatial_groupnorm_backward(out, cache)
        assert dgamma.shape == dbeta.shape == parameters[0].shape


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"mode": "training"}, ValueError, "'training'"),
        ({"mode": None}, ValueError, "None"),
        ({"eps": -1.0}, ValueError, "eps"),
        ({"momentum": "a"}, TypeError, "momentum"),
        ({"running_mean": np.zeros(4)}, ValueError, r"running_mean'\] has shape \(4,\), but x has 3 channels"),
        ({"running_var": np.zeros((1, 3))}, ValueError, "running_var"),
    ],
)
@pytest.mark.parametrize("spatial", [False, True])
def test_errors_of_batch_norm_change_nothing(change: Any, error: Any, words: str, spatial: bool) -> None:
    forward = layers.spatial_batchnorm_forward if spatial else layers.batchnorm_forward
    bn_param = {"mode": "train", "running_mean": np.ones(3), "running_var": np.ones(3), **change}
    before = dict(bn_param)
    with pytest.raises(error, match=f"{forward.__name__}: .*{words}"):
        forward(R((4, 3, 2, 2)) if spatial else R((4, 3)), np.ones(3), np.zeros(3), bn_param)
    assert list(bn_param) == list(before)
    assert all(bn_param[key] is before[key] for key in before)


def test_errors_of_shapes_in_norms() -> None:
    bn_param: dict[str, Any] = {"mode": "train"}
    with pytest.raises(ValueError, match=r"spatial_batchnorm takes images"):
        layers.batchnorm_forward(IMAGES, np.ones(3), np.zeros(3), bn_param)
    with pytest.raises(ValueError, match=r"batchnorm takes rows"):
        layers.spatial_batchnorm_forward(X, np.ones(4), np.zeros(4), bn_param)
    with pytest.raises(ValueError, match=r"gamma must have shape \(4,\) for x \(5, 4\), got \(3,\)"):
        layers.layernorm_forward(X, np.ones(3), np.zeros(4), {})
    with pytest.raises(ValueError, match=r"beta must have shape \(4,\)"):
        layers.batchnorm_forward(X, np.ones(4), 0.0, bn_param)
    with pytest.raises(ValueError, match="3 channels do not divide into 2 groups"):
        layers.spatial_groupnorm_forward(IMAGES, np.ones(3), np.zeros(3), 2, {})
    with pytest.raises(ValueError, match="G must be at least 1"):
        layers.spatial_groupnorm_forward(IMAGES, np.ones(3), np.zeros(3), 0, {})
    assert bn_param == {"mode": "train"}
    with pytest.raises(TypeError, match="layernorm_backward: the cache must come from layernorm_forward"):
        layers.layernorm_backward(X, (X, X))


# -- dropout -----------------------------------------------------------------------------------------------------


def test_dropout_draws_as_the_course_does() -> None:
    x = R((30, 40)) + 10
    out, cache = layers.dropout_forward(x, {"mode": "train", "p": 0.25, "seed": 123})
    np.random.seed(123)
    mask = (np.random.rand(*x.shape) < 0.25) / 0.25
    np.testing.assert_array_equal(out, x * mask)
    np.testing.assert_array_equal(layers.dropout_backward(x, cache), x * mask)
    kept = (out != 0).mean()
    assert abs(kept - 0.25) < 0.05  # p is the probability of KEEPING
    assert abs(out.mean() - 10) < 1.5
    out, cache = layers.dropout_forward(x, {"mode": "test", "p": 0.25})
    np.testing.assert_array_equal(out, x)
    assert not np.shares_memory(out, x)
    np.testing.assert_array_equal(layers.dropout_backward(x, cache), x)


def test_dropout_with_p_1_and_caches_of_the_course() -> None:
    x = R((3, 4)).astype(np.float32)
    np.testing.assert_array_equal(layers.dropout_forward(x, {"mode": "train", "p": 1})[0], x)
    np.testing.assert_array_equal(layers.dropout_backward(x, ({"mode": "test"}, None)), x)
    mask = (np.arange(12).reshape(3, 4) % 2 == 0) / 0.5
    np.testing.assert_array_equal(layers.dropout_backward(x, ({"mode": "train", "p": 0.5}, mask)), x * mask)


@pytest.mark.parametrize(
    ("dropout_param", "error", "words"),
    [
        ({"mode": "train", "p": 0}, ValueError, "KEEPING"),
        ({"mode": "train", "p": 1.5}, ValueError, "KEEPING"),
        ({"mode": "train", "p": -1}, ValueError, "negative"),
        ({"mode": "train"}, KeyError, "lacks 'p'"),
        ({"p": 0.5}, ValueError, "lacks 'mode'"),
        ({"mode": "eval", "p": 0.5}, ValueError, "'eval'"),
        (0.5, TypeError, "must be a dict"),
    ],
)
def test_errors_of_dropout_draw_nothing(dropout_param: Any, error: Any, words: str) -> None:
    np.random.seed(5)
    right = np.random.rand()
    np.random.seed(5)
    if isinstance(dropout_param, dict):
        dropout_param["seed"] = 6
    with pytest.raises(error, match=f"dropout_forward: .*{words}"):
        layers.dropout_forward(X, dropout_param)
    assert np.random.rand() == right


# -- errors of the rest ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["conv_forward", "conv_backward"])
@pytest.mark.parametrize(
    ("x", "w", "b", "conv_param", "error", "words"),
    [
        ((2, 3, 4, 4), (5, 2, 3, 3), (5,), CONV, ValueError, r"3 channels but the filters take 2 \(x \(2, 3, 4, 4\)"),
        ((2, 3, 4, 4), (5, 3, 3, 3), (4,), CONV, ValueError, "one number for each of the 5 filters"),
        ((2, 3, 4, 4), (5, 3, 3, 3), (5, 1), CONV, ValueError, r"b \(5, 1\)"),
        ((3, 4, 4), (5, 3, 3, 3), (5,), CONV, ValueError, r"images \(N, C, H, W\)"),
        ((2, 3, 4, 4), (5, 3, 3, 0), (5,), CONV, ValueError, "no pixels"),
        ((2, 0, 4, 4), (5, 0, 3, 3), (5,), CONV, ValueError, "no channels"),
        ((2, 3, 4, 4), (5, 3, 3, 7), (5,), CONV, ValueError, "7 pixels wide but the padded images only 6"),
        ((2, 3, 4, 4), (5, 3, 7, 3), (5,), CONV, ValueError, "7 pixels high"),
        ((2, 3, 4, 4), (5, 3, 3, 3), (5,), {"stride": 0, "pad": 1}, ValueError, r"conv_param\['stride'\] must be at"),
        ((2, 3, 4, 4), (5, 3, 3, 3), (5,), {"stride": 1, "pad": -1}, ValueError, r"conv_param\['pad'\] must be at"),
        ((2, 3, 4, 4), (5, 3, 3, 3), (5,), {"stride": 1, "pad": 1.5}, TypeError, "1.5"),
        ((2, 3, 4, 4), (5, 3, 3, 3), (5,), {"stride": 1}, KeyError, "conv_param lacks 'pad'"),
        ((2, 3, 4, 4), (5, 3, 3, 3), (5,), {"pad": 1}, ValueError, "lacks 'stride'"),
        ((2, 3, 4, 4), (5, 3, 3, 3), (5,), dict(CONV, dilation=2), ValueError, "'dilation'.*conv2d"),
        ((2, 3, 4, 4), (5, 3, 3, 3), (5,), None, TypeError, "must be a dict"),
    ],
)
def test_errors_of_conv(function: str, x: Any, w: Any, b: Any, conv_param: Any, error: Any, words: str) -> None:
    given = (np.zeros(x), np.zeros(w), np.zeros(b), conv_param)
    with pytest.raises(error, match=f"{function}: .*{words}"):
        layers.conv_forward(*given) if function == "conv_forward" else layers.conv_backward(np.zeros(1), given)


@pytest.mark.parametrize("function", ["max_pool_forward", "max_pool_backward"])
@pytest.mark.parametrize(
    ("x", "pool_param", "error", "words"),
    [
        ((2, 3, 4), POOL, ValueError, r"images \(N, C, H, W\), got shape \(2, 3, 4\)"),
        ((2, 3, 4, 1), POOL, ValueError, "2 pixels wide but the images only 1"),
        ((2, 3, 4, 4), dict(POOL, stride=0), ValueError, "stride"),
        ((2, 3, 4, 4), dict(POOL, pool_height=0), ValueError, "pool_height"),
        ((2, 3, 4, 4), dict(POOL, pool_width=(1, 2)), TypeError, "pool_width"),
        ((2, 3, 4, 4), dict(POOL, pad=1), ValueError, "'pad'.*max_pool2d"),
        ((2, 3, 4, 4), {"pool_height": 2, "stride": 2}, KeyError, "lacks 'pool_width'"),
        ((2, 3, 4, 4), {"pool_height": 2, "pool_width": 2}, KeyError, "lacks 'stride'"),
    ],
)
def test_errors_of_max_pool(function: str, x: Any, pool_param: Any, error: Any, words: str) -> None:
    given = (np.zeros(x), pool_param)
    with pytest.raises(error, match=f"{function}: .*{words}"):
        layers.max_pool_forward(*given) if function == "max_pool_forward" else layers.max_pool_backward(0.0, given)


def test_other_errors() -> None:
    with pytest.raises(ValueError, match=r"affine_forward: each example of x has 24 numbers, but w takes 8 \(x \(3, 4"):
        layers.affine_forward(R((3, 4, 6)), R((8, 5)), R(5))
    with pytest.raises(ValueError, match=r"affine_forward: w gives 5 numbers, so b must be \(5,\)"):
        layers.affine_forward(R((3, 8)), R((8, 5)), R((1, 5)))
    with pytest.raises(ValueError, match=r"conv_backward: the cache must be \(x, w, b, conv_param\), got 2 parts"):
        layers.conv_backward(IMAGES, (IMAGES, FILTERS))
    with pytest.raises(ValueError, match=r"max_pool_backward: the cache must be \(x, pool_param\), got ndarray"):
        layers.max_pool_backward(IMAGES, IMAGES)
    with pytest.raises(TypeError, match=r"relu_forward: x is a Tensor that requires grad.*x\.detach\(\)\.numpy\(\)"):
        layers.relu_forward(tg.tensor([1.0], requires_grad=True))
    assert type(layers.relu_forward(tg.tensor([1.0]))[0]) is np.ndarray
    with pytest.raises(KeyError) as caught:
        layers.conv_forward(IMAGES, FILTERS, R(3), {})
    assert str(caught.value) == "conv_forward: conv_param lacks 'stride' (it has nothing)"


# -- names -------------------------------------------------------------------------------------------------------


def test_every_name_of_the_course() -> None:
    conv = [f"conv_{way}_{kind}" for way, kind in itertools.product(
        ("forward", "backward"), ("naive", "fast", "im2col", "strides"))]  # fmt: skip
    pool = [f"max_pool_{way}_{kind}" for way, kind in itertools.product(
        ("forward", "backward"), ("naive", "fast", "im2col", "reshape"))]  # fmt: skip
    for name in (*conv, *pool):
        assert getattr(layers, name) is getattr(layers, name.rsplit("_", 1)[0])
    assert layers.batchnorm_backward_alt is layers.batchnorm_backward
    pairs_of = {n.split(" ")[0] for n in LAYERS}
    wanted = {f"{n}_{way}" for n in pairs_of for way in ("forward", "backward")}
    wanted |= {*conv, *pool, "batchnorm_backward_alt", "softmax_loss", "svm_loss", "MissingParameter"}
    assert set(layers.__all__) == wanted
    assert all(getattr(layers, name).__doc__ for name in layers.__all__)


def test_a_layer_records_nothing_and_trains() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(20, 3, 8, 8)), np.arange(20) % 3
    filters, weights = (rng.normal(scale=0.1, size=s) for s in ((4, 3, 3, 3), (64, 3)))
    p: list[Any] = [filters, np.zeros(4), np.ones(4), np.zeros(4), weights, np.zeros(3)]
    bn_param: dict[str, Any] = {"mode": "train"}
    losses = []
    for _ in range(40):
        h, first = layers.conv_bn_relu_forward(x, p[0], p[1], p[2], p[3], CONV, bn_param)
        h, pool = layers.max_pool_forward(h, POOL)
        scores, last = layers.affine_forward(h, p[4], p[5])
        loss, d = layers.softmax_loss(scores, y)
        losses.append(loss)
        d, *tail = layers.affine_backward(d, last)
        _, *head = layers.conv_bn_relu_backward(layers.max_pool_backward(d, pool), first)
        for a, g in zip(p, [*head, *tail], strict=True):
            a -= 0.2 * g
    assert losses[-1] < 0.3 * losses[0]
