"""Bad input: each a clear error that names the op, the shapes and the way out, and nothing half-changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapegrad as tg

X = np.zeros((2, 3, 7, 6))
W = np.zeros((8, 4, 3, 3))


def t(*shape: int) -> tg.Tensor:
    return tg.tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True)


CASES: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (ValueError, "conv2d: x has 3 channels but weight expects 4 (x (2, 3, 7, 6), weight (8, 4, 3, 3), groups 1)",
     lambda: tg.conv2d(X, W)),
    (ValueError, "conv2d: 8 filters do not divide into 3 groups", lambda: tg.conv2d(X, W, groups=3)),
    (ValueError, "conv2d: bias has shape (7,), but there are 8 filters", lambda: tg.conv2d(X, W[:, :3], np.zeros(7))),
    (ValueError, "conv2d: stride must be at least 1, got 0", lambda: tg.conv2d(X, W[:, :3], stride=0)),
    (ValueError, "conv2d: padding must be at least 0, got -1", lambda: tg.conv2d(X, W[:, :3], padding=-1)),
    (ValueError, "conv2d: padding 'full' is not an int, ints, 'same' or 'valid'",
     lambda: tg.conv2d(X, W[:, :3], padding="full")),
    (ValueError, "padding 'same' needs stride 1", lambda: tg.conv2d(X, W[:, :3], stride=2, padding="same")),
    (ValueError, "the kernel reaches over 9 pixels, the padded image has 7",
     lambda: tg.conv2d(X, W[:, :3], dilation=4)),
    (TypeError, "conv2d: stride must be an int or 2 ints, got 1.5", lambda: tg.conv2d(X, W[:, :3], stride=1.5)),
    (ValueError, "conv2d: x needs 4 axes", lambda: tg.conv2d(X[0, 0], W[:, :3])),
    (ValueError, "conv_transpose2d: x has 3 channels, weight 8", lambda: tg.conv_transpose2d(X, W)),
    (ValueError, "output_padding 2 must be smaller", lambda: tg.conv_transpose2d(X, W[:3], output_padding=2)),
    (ValueError, "max_pool2d: the window reaches over 8 pixels, the padded image has 7", lambda: tg.max_pool2d(X, 8)),
    (ValueError, "max_pool2d: padding 2 is more than half the kernel of 3", lambda: tg.max_pool2d(X, 3, padding=2)),
    (ValueError, "max_pool2d: kernel_size must be at least 1, got 0", lambda: tg.max_pool2d(X, 0)),
    (ValueError, "avg_pool2d: divisor_override must be an int other than 0",
     lambda: tg.avg_pool2d(X, 2, divisor_override=0)),
    (ValueError, "adaptive_avg_pool2d: output_size must be at least 1", lambda: tg.adaptive_avg_pool2d(X, 0)),
    (ValueError, "batch_norm: weight has shape (4,), but the shape of the channels is (3,)",
     lambda: tg.batch_norm(X, weight=np.ones(4), training=True)),
    (ValueError, "batch_norm: with training=False it needs running_mean", lambda: tg.batch_norm(X)),
    (ValueError, "batch_norm: training needs more than one value per channel",
     lambda: tg.batch_norm(np.zeros((1, 3)), training=True)),
    (TypeError, "batch_norm: x must be real floats, got int64",
     lambda: tg.batch_norm(np.ones((4, 3), int), training=True)),
    (ValueError, "layer_norm: normalized_shape (5,) is not how the shape of x (2, 3, 7, 6) ends",
     lambda: tg.layer_norm(X, 5)),
    (ValueError, "group_norm: 3 channels do not divide into 2 groups", lambda: tg.group_norm(X, 2)),
    (ValueError, "matmul: x has 3 columns but y has 4 rows (x (2, 3), y (4, 5))", lambda: t(2, 3) @ t(4, 5)),
    (ValueError, "vecdot: numbers are not vectors (x1 (2, 3), x2 ())", lambda: tg.linalg.vecdot(t(2, 3), 2.0)),
    (ValueError, "tensordot: axes (1,) of a (2, 3) do not match axes (0,) of b (4,)",
     lambda: tg.tensordot(t(2, 3), t(4), 1)),
    (ValueError, "einsum: the term 'ijk' has 3 indices, its array the shape (2, 3)",
     lambda: tg.einsum("ijk->i", t(2, 3))),
    (ValueError, "reshape: 6 elements do not fill the shape (4, 2)", lambda: t(2, 3).reshape(4, 2)),
    (ValueError, "squeeze: axis 0 of shape (2, 3) is not of length 1", lambda: tg.squeeze(t(2, 3), 0)),
    (ValueError, "stack: the arrays differ in shape: (2,), (3,)", lambda: tg.stack([t(2), t(3)])),
    (ValueError, "split: axis 0 of length 5 does not divide by 2", lambda: tg.split(t(5), 2)),
    (ValueError, "sum: axis 2 is out of bounds: there are 2, from -2 to 1", lambda: t(2, 3).sum(axis=2)),
    (IndexError, "softmax: axis 7 is out of bounds", lambda: tg.softmax(t(2, 3), 7)),
    (IndexError, "logsumexp: axis 7 is out of bounds", lambda: tg.logsumexp(t(2, 3), 7)),
    (IndexError, "sort: axis 7 is out of bounds", lambda: tg.sort(t(2, 3), 7)),
    (IndexError, "cumsum: axis 7 is out of bounds", lambda: tg.cumsum(t(2, 3), 7)),
    (IndexError, "split: axis 7 is out of bounds", lambda: tg.split(t(2, 3), 2, 7)),
    (TypeError, "sum: axis must be an int or a tuple of ints, got 1.0", lambda: t(2, 3).sum(axis=1.0)),
    (ValueError, "max: the axes (0,) of shape (0, 3) are empty", lambda: tg.max(t(0, 3), axis=0)),
    (IndexError, "float64", lambda: t(3)[np.array([1.5])]),
    (IndexError, "float cannot index", lambda: t(3)[1.5]),
    (IndexError, "out of bounds", lambda: t(3)[5]),
    (TypeError, "take: indices must be integers", lambda: tg.take(t(3), [0.5])),
    (ValueError, "take: mode 'round'", lambda: tg.take(t(3), [0], mode="round")),
    (ValueError, "pad: widths of shape (2, 2) are not one number", lambda: tg.pad(t(3), ((1, 2), (3, 4)))),
    (ValueError, "broadcast_to: the shape (3,) does not broadcast to (2,)", lambda: tg.broadcast_to(t(3), 2)),
    (ValueError, "all other lengths must agree; the shapes are (2, 3), (3, 2)",
     lambda: tg.concatenate([t(2, 3), t(3, 2)])),
    (ValueError, "pad: widths must not be negative", lambda: tg.pad(t(3), -1)),
    (ValueError, "pad: mode 'mea' is not supported", lambda: tg.pad(t(3), 1, mode="mea")),
    (TypeError, "object", lambda: tg.tensor([{}])),
    (TypeError, "tensor: str", lambda: tg.tensor("abc")),
    (TypeError, "MaskedArray", lambda: tg.tensor(np.ma.masked_array([1.0], [True]))),
    (TypeError, "numpy.save on a Tensor", lambda: np.save("nowhere", t(2, 2))),
    (TypeError, "where= needs out=", lambda: np.exp(t(2), where=np.array([True, False]))),
    (AttributeError, "reinterprets memory; use astype or reshape", lambda: t(2).view(np.float32)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "message", "call"), CASES, ids=lambda c: c[:40] if isinstance(c, str) else None)
def test_each_mistake_is_named(kind: type[Exception], message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(kind, match=re.escape(message)):
        call()


def test_running_statistics_are_as_before_after_an_error() -> None:
    mean, var = tg.zeros(3), tg.ones(3)
    with pytest.raises(ValueError, match="weight"):
        tg.batch_norm(X, mean, var, np.ones(4), training=True)
    with pytest.raises(ValueError, match="running_var"):
        tg.batch_norm(X, mean, tg.ones(2), training=True)
    np.testing.assert_array_equal(mean.data, np.zeros(3))
    np.testing.assert_array_equal(var.data, np.ones(3))
    tg.batch_norm(t(4, 3, 2, 2), mean, var, training=True)
    assert mean.data.any()


@pytest.mark.parametrize(
    ("mean", "var", "how", "problem"),
    [
        (np.zeros(3), np.zeros(3, int), {}, "running_var must hold floats, not int64"),
        (np.zeros(3), [1.0, 1.0, 1.0], {}, "running_var must be a Tensor or an ndarray, got list"),
        (np.zeros(3), tg.ones(3, requires_grad=True), {}, "running_var requires grad"),
        (np.zeros(3), np.broadcast_to(np.ones(1), 3), {}, "the array is read-only"),
        (np.zeros(3), np.ones(3), {"momentum": None}, "momentum must be a number of at least 0, got None"),
        (np.zeros(3), np.ones(3), {"eps": -1.0}, "eps must be a number of at least 0, got -1.0"),
    ],
)
def test_running_statistics_are_checked_before_any_is_written(mean: Any, var: Any, how: Any, problem: str) -> None:
    with pytest.raises((TypeError, ValueError), match=problem):
        tg.batch_norm(t(4, 3, 2, 2), mean, var, training=True, **how)
    np.testing.assert_array_equal(mean, np.zeros(3))


def test_mixed_precision_warns() -> None:
    with pytest.warns(UserWarning, match="float32, float64"):
        tg.conv2d(X.astype(np.float32), W[:, :3])


def test_a_failing_op_records_nothing() -> None:
    x = t(3)
    before = x.data.copy()
    with pytest.raises(ValueError, match="shape"):
        x * np.ones(2)
    with pytest.raises(ValueError, match=r"could not broadcast|shape"):
        y = x * 1
        y[:2] = np.ones(3)
    np.testing.assert_array_equal(x.data, before)
    with pytest.raises(ValueError, match="does not fit"):
        y = x * 1
        y += np.ones((2, 3))
