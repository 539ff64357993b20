"""Mistakes that were found and mended, one short test each, so that they stay mended."""

from __future__ import annotations

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.check import gradcheck, gradgradcheck

rng = np.random.default_rng(0)


def leaf(*shape):
    return tg.tensor(rng.standard_normal(shape), requires_grad=True)


def test_matmul_over_an_empty_axis_has_gradients_of_zero():
    x, y = leaf(5, 5, 0), leaf(0, 5)
    out = x @ y
    assert out.shape == (5, 5, 5)
    out.sum().backward()
    assert x.grad.shape == (5, 5, 0) and y.grad.shape == (0, 5)


@pytest.mark.parametrize("loss", [tg.cross_entropy, tg.nll_loss])
def test_mean_of_unweighted_class_losses_over_pixels_has_a_gradient(loss):
    target = np.array([[[0, 2, 1], [1, 1, 0]]])
    assert gradcheck(lambda x: loss(x, target), [leaf(1, 3, 2, 3)])
    assert gradgradcheck(lambda x: loss(x, target), [leaf(1, 3, 2, 3)])


def test_sinc_of_complex_conjugates_its_slope():
    x = tg.tensor([0.3 + 0.8j, -1.2 + 0.1j], requires_grad=True)
    assert gradcheck(tg.sinc, [x])


@pytest.mark.parametrize(("padding", "output_padding", "dilation", "size"), [(0, 2, 3, 8), (1, 1, 2, 4), (1, 2, 3, 6)])
def test_conv_transpose_with_output_padding_of_the_stride_and_more(padding, output_padding, dilation, size):
    x, weight, bias = leaf(1, 2, 3, 3), leaf(2, 2, 2, 2), leaf(2)
    how = dict(padding=padding, output_padding=output_padding, dilation=dilation)
    out = tg.conv_transpose2d(x, weight, bias, **how)
    assert out.shape == (1, 2, size, size)
    whole = tg.conv_transpose2d(x, weight, bias, dilation=dilation).data  # of which the result is a part, or more
    expected = np.broadcast_to(bias.data[:, None, None], (1, 2, 20, 20)).copy()
    expected[:, :, : whole.shape[2], : whole.shape[3]] = whole
    np.testing.assert_allclose(out.data, expected[:, :, padding:, padding:][:, :, :size, :size])
    assert gradcheck(lambda *a: tg.conv_transpose2d(*a, **how), [x, weight, bias])


def test_cosine_similarity_broadcasts_before_it_measures():
    x, y = leaf(1, 2, 3), leaf(2, 1, 3)
    out = tg.cosine_similarity(x, y, axis=1)
    wide = tg.cosine_similarity(np.broadcast_to(x.data, (2, 2, 3)), np.broadcast_to(y.data, (2, 2, 3)), axis=1)
    np.testing.assert_allclose(out.data, wide)
    assert gradcheck(lambda x, y: tg.cosine_similarity(x, y, axis=1), [x, y])


def test_diff_of_order_zero_leaves_the_ends_out():
    x = leaf(3, 4)
    assert np.diff(x, 0, prepend=0.0, append=1.0).shape == (3, 4)


def test_std_of_a_constant_has_tangent_and_second_derivative_zero():
    _, tangent = tg.func.jvp(lambda x: x.std(), (np.ones(3),), (np.array([1.0, 2.0, 4.0]),))
    assert tangent == 0
    assert not tg.func.hessian(lambda x: x.std())(np.ones(3)).any()


def test_logsumexp_takes_no_bool_for_a_weight():
    with pytest.raises(TypeError, match="keepdims=True"):
        tg.logsumexp(leaf(3, 4), 1, True)
    assert tg.logsumexp(tg.tensor(2.0), 0).item() == 2.0


def test_a_flag_in_the_place_of_out_is_named():
    with pytest.raises(TypeError, match="out must be a Tensor or an ndarray, got True"):
        tg.max(leaf(3, 4), 1, True)


def test_an_array_in_the_place_of_an_axis_is_refused():
    with pytest.raises(TypeError, match="maximum"):
        tg.max(leaf(0, 1, 3), leaf(0, 10, 3))


def test_clip_of_complex_does_not_lose_the_gradient_silently():
    t = tg.tensor([0.5 + 2.0j, 3.0 - 1.0j], requires_grad=True)  # in NumPy's order, by the real part first
    y = t.clip(0, 1)
    assert y.tolist() == np.clip(t.data, 0, 1).tolist()
    assert tg.grad(np.real(y).sum(), t).tolist() == [1.0, 0.0]


def test_pools_with_ceil_mode_take_a_window_larger_than_the_image():
    x = tg.tensor([[[1.0, 5.0, 3.0]]], requires_grad=True)
    assert tg.max_pool1d(x, 4, ceil_mode=True).data.tolist() == [[[5.0]]]
    assert tg.avg_pool1d(x, 4, ceil_mode=True).data.tolist() == [[[3.0]]]
    with pytest.raises(ValueError, match="reaches over"):
        tg.max_pool1d(x, 8, stride=2, ceil_mode=True)
    assert gradcheck(lambda x: tg.avg_pool1d(x, 4, ceil_mode=True), [x])


def test_means_of_windows_of_integers_are_doubles():
    x = np.arange(12, dtype=np.uint8).reshape(1, 1, 3, 4)
    for pool in (lambda x: tg.avg_pool2d(x, (3, 2)), lambda x: tg.adaptive_avg_pool2d(x, (1, 2))):
        y = pool(tg.tensor(x))
        assert y.dtype == np.float64 and y.tolist() == [[[[4.5, 6.5]]]]
    assert tg.avg_pool1d(tg.tensor(x[0]), 4).tolist() == [[[1.5], [5.5], [9.5]]]
    assert tg.adaptive_avg_pool1d(tg.tensor(x[0]), 1).tolist() == [[[1.5], [5.5], [9.5]]]


def test_a_trace_has_the_integer_dtype_asked_for():
    x = np.array([[200, 1], [2, 100]])
    for dtype in (np.uint8, np.int16, bool, np.float32):
        y = np.trace(tg.tensor(x), dtype=dtype)
        assert y.dtype == dtype and y.item() == np.trace(x, dtype=dtype)


def test_instance_norm_updates_and_uses_running_statistics():
    x = leaf(2, 3, 4)
    mean, var = tg.zeros(3), tg.ones(3)
    tg.instance_norm(x, mean, var, momentum=0.25)
    np.testing.assert_allclose(mean.data, 0.25 * x.data.mean((0, 2)))
    np.testing.assert_allclose(var.data, 0.75 + 0.25 * x.data.var(2, ddof=1).mean(0))
    y = tg.instance_norm(x, mean, var, use_input_stats=False)
    np.testing.assert_allclose(y.data, tg.batch_norm(x, mean, var).data)
    np.testing.assert_allclose(mean.data, 0.25 * x.data.mean((0, 2)))


@pytest.mark.parametrize(
    "make",
    [
        lambda x: np.tile(x, 2), lambda x: np.kron(x, x), lambda x: np.inner(x, x), lambda x: np.roll(x, 1),
        lambda x: tg.group_norm(x, 1), lambda x: (x * 2).reshape(4, 3), lambda x: (x * 2).T[::-1],
        lambda x: tg.exp(x[:2, :2]).reshape(4, 1),
    ],
)  # fmt: skip
def test_a_view_that_nobody_else_sees_can_be_written(make):
    x = leaf(3, 4)
    y = make(x)
    y[0] = 5.0
    y.sum().backward()
    assert x.grad is not None


def test_a_view_that_someone_else_sees_cannot_be_written():
    x = leaf(3, 4)
    whole = x * 2
    for view in (whole.reshape(4, 3), whole.T, whole[0], whole.reshape(-1).reshape(2, 6), x.T, x.detach()[0]):
        with pytest.raises(RuntimeError, match="view"):
            view[0] = 5.0


@pytest.mark.parametrize("copy", [lambda x: np.roll(x, 4, 1), lambda x: np.pad(x, 0, "edge")])
def test_a_copy_in_numpy_is_never_the_tensor_itself(copy):
    x = tg.tensor(np.ones((3, 4)))
    y = copy(x)
    y += 1
    assert x.data.tolist() == np.ones((3, 4)).tolist()


def test_a_list_with_tensors_is_an_operand():
    x = leaf(3)
    (x * [x[0], x[1], 2.0] + [1.0, x[2], x[0]]).sum().backward()
    a, b, c = x.data
    np.testing.assert_allclose(x.grad.data, [2 * a + 1, 2 * b, 3.0])


def test_pow_with_a_modulus_is_refused():
    with pytest.raises(TypeError):
        pow(leaf(3), 2, 3)


def test_products_of_numpy_linalg_are_the_ones_of_numpy():
    x = leaf(3, 3)
    for f in (np.linalg.matmul, np.linalg.vecdot, np.linalg.tensordot):
        np.testing.assert_allclose(f(x, x).data, f(x.data, x.data))
    np.testing.assert_allclose(np.linalg.matrix_transpose(x).data, x.data.T)
