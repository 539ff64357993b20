"""Backward, grad modes, leaves, hooks: what the words of autograd promise."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest

import tapegrad as tg


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(np.array(values), requires_grad=True)


def test_backward_adds_up_over_calls() -> None:
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    (x * 3).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [5.0, 7.0])
    x.zero_grad()
    assert x.grad is None


def test_a_gradient_the_user_holds_never_changes() -> None:
    x = leaf(1.0, 2.0)
    x.sum().backward()
    held, values = x.grad, x.grad.data.copy()
    x.sum().backward()
    np.testing.assert_array_equal(held.data, values)
    seed = np.ones(2)
    y = leaf(1.0, 2.0)
    (y + 0.0).backward(seed)
    seed[:] = 7
    np.testing.assert_array_equal(y.grad.data, [1, 1])


def test_a_second_walk_raises_and_names_the_way_out() -> None:
    x = leaf(1.0, 2.0)
    for y in ((x * x).sum(), (x + x).sum()):  # add keeps nothing, and still a second walk is refused
        y.backward()
        with pytest.raises(RuntimeError, match="retain_graph=True"):
            y.backward()
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()


def test_non_scalar_needs_a_gradient_of_its_shape() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    with pytest.raises(RuntimeError, match=r"shape \(2,\)"):
        y.backward()
    with pytest.raises(RuntimeError, match=r"\(3,\)"):
        y.backward(np.ones(3))
    y.backward([1.0, 10.0])
    np.testing.assert_array_equal(x.grad.data, [2, 20])


def test_nothing_to_differentiate_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="requires_grad=True"):
        tg.tensor(1.0).backward()
    with pytest.raises(TypeError, match="Tensor"):
        tg.backward([1.0])


def test_a_failed_walk_leaves_grad_as_it_was_and_the_tape_spent() -> None:
    x = leaf(1.0, 2.0)
    x.sum().backward()
    before = x.grad
    h = x * 2
    y = (h * x).sum()

    def fail(g: tg.Tensor) -> None:
        raise ValueError("no")

    h.register_hook(fail)
    with pytest.raises(ValueError, match="no"):
        y.backward()
    assert x.grad is before
    assert tg.is_grad_enabled()
    with pytest.raises(RuntimeError, match="walked before"):
        y.backward()


def test_grad_gives_what_it_is_given() -> None:
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    z = (x * y).sum()
    one = tg.grad(z, x, retain_graph=True)
    assert isinstance(one, tg.Tensor)
    both = tg.grad(z, [x, y])
    assert isinstance(both, tuple)
    np.testing.assert_array_equal(both[1].data, [1, 2])
    assert x.grad is None


def test_unused_inputs() -> None:
    x, y = leaf(1.0), leaf(2.0)
    with pytest.raises(RuntimeError, match="allow_unused"):
        tg.grad(x.sum(), y)
    assert tg.grad(x.sum(), [x, y], allow_unused=True)[1] is None
    g = tg.grad(tg.floor(y).sum(), y)  # used, with a gradient of zero
    np.testing.assert_array_equal(g.data, [0])


def test_gradients_of_results_inside_the_graph() -> None:
    x = leaf(2.0)
    h = x * 3
    z = (h * h).sum()
    gh, gx = tg.grad(z, [h, x])
    assert (gh.item(), gx.item()) == (12.0, 36.0)


def test_create_graph_gives_any_order() -> None:
    x = tg.tensor(2.0, requires_grad=True)
    g = x**4
    for want in (32.0, 48.0, 48.0, 24.0):
        g = tg.grad(g, x, create_graph=True)
        assert g.item() == pytest.approx(want)


def test_grad_outputs_may_require_grad() -> None:
    x, v = leaf(1.0, 2.0), leaf(3.0, 5.0)
    g = tg.grad(x * x, x, grad_outputs=v, create_graph=True)
    np.testing.assert_array_equal(tg.grad(g.sum(), v).data, [2, 4])


def test_backward_into_chosen_inputs_only() -> None:
    x, y = leaf(1.0), leaf(2.0)
    (x * y).sum().backward(inputs=[x])
    assert x.grad.item() == 2.0
    assert y.grad is None


def test_backward_of_several_at_once() -> None:
    x = leaf(1.0, 2.0)
    tg.backward([x.sum(), x * 2], [None, np.array([1.0, 10.0])])
    np.testing.assert_array_equal(x.grad.data, [3, 21])


def test_modes() -> None:
    x = leaf(1.0)
    with tg.no_grad():
        assert not (x * 2).requires_grad
        with tg.enable_grad():
            assert (x * 2).requires_grad

    @tg.no_grad()
    def quiet(t: tg.Tensor) -> tg.Tensor:
        return t * 2

    assert not quiet(x).requires_grad
    with tg.set_grad_enabled(False):
        assert not tg.is_grad_enabled()
    assert tg.is_grad_enabled()
    tg.set_grad_enabled(False)
    assert not tg.is_grad_enabled()
    tg.set_grad_enabled(True)

    @tg.set_grad_enabled(False)
    def off(t: tg.Tensor) -> bool:
        return tg.is_grad_enabled()

    assert tg.is_grad_enabled()
    assert not off(x)
    with pytest.raises(ValueError, match="inside"), tg.no_grad():
        raise ValueError("inside")
    assert tg.is_grad_enabled()


def test_grad_of_a_non_leaf_warns_and_retain_grad_keeps_it() -> None:
    x = leaf(1.0, 2.0)
    h = x * 2
    with pytest.warns(UserWarning, match="retain_grad"):
        assert h.grad is None
    h.retain_grad()
    (h * h).sum().backward()
    np.testing.assert_array_equal(h.grad.data, [4, 8])
    np.testing.assert_array_equal(x.grad.data, [8, 16])


def test_hooks_see_and_replace_gradients() -> None:
    x = leaf(1.0, 2.0)
    seen = []
    h = x * 2
    h.register_hook(lambda g: seen.append(g.data.copy()))
    handle = h.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: -g)
    h.sum().backward(retain_graph=True)
    np.testing.assert_array_equal(seen[0], [1, 1])
    np.testing.assert_array_equal(x.grad.data, [-20, -20])
    handle.remove()
    x.zero_grad()
    h.sum().backward()
    np.testing.assert_array_equal(x.grad.data, [-2, -2])
    with pytest.raises(RuntimeError, match="hook gave a gradient of shape"):
        y = x * 2
        y.register_hook(lambda g: np.ones(3))
        y.sum().backward()


def test_leaf_rules() -> None:
    x = leaf(1.0, 2.0)
    assert x.is_leaf
    assert not (x * 2).is_leaf
    with pytest.raises(RuntimeError, match="no_grad"):
        x += 1
    with pytest.raises(RuntimeError, match="no_grad"):
        x[0] = 1
    with tg.no_grad():
        same = x
        x += 1
    assert x is same
    assert x.is_leaf
    assert x.requires_grad
    np.testing.assert_array_equal(x.data, [2, 3])
    with pytest.raises(TypeError, match="int64"):
        tg.tensor([1, 2], requires_grad=True)
    with pytest.raises(RuntimeError, match="detach"):
        (x * 2).requires_grad = False


def test_an_update_of_a_leaf_does_not_spoil_an_earlier_tape() -> None:
    w = leaf(2.0)
    y = (w * w).sum()
    with tg.no_grad():
        w -= 1.0
    y.backward()
    assert w.grad.item() == 4.0


def test_in_place_operators_give_the_same_tensor_a_new_value() -> None:
    x = leaf(1.0, 2.0)
    y = x * 1
    before = y
    z = y * y
    y += x
    y[0] = 5.0
    assert y is before
    (y.sum() + z.sum()).backward()
    np.testing.assert_array_equal(x.grad.data, [2.0, 4.0 + 2.0])
    c = tg.zeros(3)
    c[1:] = x
    c.sum().backward()
    np.testing.assert_array_equal(x.grad.data, [3.0, 7.0])
    i = tg.tensor([1, 2])
    with pytest.raises(TypeError, match="int64"):
        i += 0.5


def test_writing_into_what_would_be_a_view_is_refused() -> None:
    for x in (tg.zeros((2, 3)), tg.zeros((2, 3), requires_grad=True) * 1):
        with pytest.raises(RuntimeError, match=r"x\[0, 1\] = 5"):
            x[0][1] = 5
        with pytest.raises(RuntimeError, match="view"):
            x.T[0] = 1
        with pytest.raises(RuntimeError, match="view"):
            x.reshape(6)[0] = 1
        x[0] += 1
        x[0, 1] = 5
        np.testing.assert_array_equal(x.data, [[1, 5, 1], [0, 0, 0]])
        y = x[[0, 1]]
        y[0] = 9  # advanced indexing copies, in NumPy too
        z = x.copy()
        z[0] = 7


def test_raw_writes_into_kept_buffers_are_noticed() -> None:
    a = np.array([1.0, 2.0])
    x = leaf(3.0, 4.0)
    y = (x * a).sum()
    a[0] = 9
    with pytest.raises(RuntimeError, match="multiply kept y"):
        y.backward()
    t = tg.from_numpy(np.array([1.0, 2.0]))
    y = (x * t).sum()
    t.data[0] = 9
    with pytest.raises(RuntimeError, match="written in place"):
        y.backward()
    w = leaf(1.0, 2.0)
    y = (w * w).sum()
    w.data[0] = 50  # the tape has the old buffer
    y.backward()
    np.testing.assert_array_equal(w.grad.data, [2, 4])
    assert w.data[0] == 50
    y = (w * w).sum()
    w.data[0] = 60
    with pytest.raises(RuntimeError, match="written in place"):
        y.backward()


def test_data_of_results_is_read_only() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(ValueError, match="read-only"):
        (x * 2).data[0] = 1
    x.data[0] = 7
    assert x.numpy()[0] == 7
    d = x.detach()
    assert not d.requires_grad


def test_no_silent_way_out() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(TypeError, match=r"detach.*tg\.stack"):
        np.asarray(x)
    with pytest.raises(TypeError, match="stack"):
        np.array([x, x])
    with pytest.raises(TypeError, match="stack"):
        tg.tensor([x[0], x[1]])
    out = np.zeros(2)
    with pytest.raises(TypeError, match="history"):
        out[:] = x
    with pytest.warns(UserWarning, match="history"):
        float(x[0])
    with pytest.raises(TypeError, match="out is an ndarray"):
        np.add(x, 1, out=out)
    assert x[0].item() == 1.0
    with tg.no_grad():
        np.testing.assert_array_equal(np.asarray(x), [1, 2])
    with pytest.raises(TypeError, match="spacing"):
        np.spacing(x)


def test_a_copy_of_a_result_warns_that_its_history_is_lost() -> None:
    x = leaf(1.0, 2.0)
    with pytest.warns(UserWarning, match="history"):
        assert not tg.tensor(x * 2).requires_grad
    tg.tensor(x)  # a leaf has none


def test_no_grad_without_parentheses() -> None:
    @tg.no_grad
    def quiet(t: tg.Tensor) -> tg.Tensor:
        return t * 2

    assert not quiet(leaf(1.0)).requires_grad
    assert tg.is_grad_enabled()


def test_a_plain_backward_after_a_recorded_one_is_not_recorded() -> None:
    x = leaf(1.0, 2.0)
    (x * x).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    for _ in range(3):
        (x * x).sum().backward()
    assert not x.grad.requires_grad
    np.testing.assert_array_equal(x.grad.data, [8, 16])


def test_a_complex_number_has_no_gradient_of_its_own() -> None:
    z = tg.tensor(2.0, requires_grad=True)
    with pytest.raises(RuntimeError, match="real part"):
        (z * 1j).backward()
    with pytest.raises(TypeError, match="hook"):
        z.register_hook(5)


def test_in_place_methods_refuse_what_would_be_a_view() -> None:
    m = tg.tensor([[3.0, 1.0, 2.0], [6.0, 5.0, 4.0]])
    for write in (lambda: m[0].sort(), lambda: m[0].put([0], 1.0), lambda: m[0].fill(9.0)):
        with pytest.raises(RuntimeError, match="view"):
            write()
    m.sort()
    np.testing.assert_array_equal(m.data, [[1, 2, 3], [4, 5, 6]])


def test_float_warns_once_a_line() -> None:
    x = tg.tensor(2.0, requires_grad=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            float(x)
    assert len(caught) == 1


def test_asarray_and_stack_of_tensors_differentiate() -> None:
    a, b = tg.tensor(1.0, requires_grad=True), tg.tensor(2.0, requires_grad=True)
    t = tg.asarray([[a, b], [b, 3.0]])
    assert t.shape == (2, 2)
    (t * t).sum().backward()
    assert (a.grad.item(), b.grad.item()) == (2.0, 8.0)


def test_deepcopy_and_float_format() -> None:
    x = leaf(1.0, 2.0)
    y = copy.deepcopy(x)
    assert y.requires_grad
    y.data[0] = 5
    assert x.data[0] == 1
    assert f"{x.sum():.2f}" == "3.00"
    assert "requires_grad=True" in repr(x)
    assert "op=multiply" in repr(x * 2)


def test_zero_dimensional_results_are_arrays() -> None:
    x = tg.tensor(2.0, requires_grad=True)
    for y in (x * 2, np.exp(x), x.sum(), x[()], x**2, -x, tg.maximum(x, 1.0)):
        assert type(y.data) is np.ndarray
        assert type(tg.grad(y, x).data) is np.ndarray


def test_promotion_keeps_float32() -> None:
    x = tg.tensor([1.0, 2.0], dtype=np.float32, requires_grad=True)
    y = (x * 2.0 + 1) / 3 - np.float32(2)
    assert y.dtype == np.float32
    (y * np.ones(2)).sum().backward()
    assert x.grad.dtype == np.float32


def test_complex_gradient_is_the_direction_of_steepest_ascent() -> None:
    z = tg.tensor(np.array([1 + 2j]), requires_grad=True)
    loss = (z * z.conj()).real.sum()
    loss.backward()
    np.testing.assert_allclose(z.grad.data, [2 * (1 + 2j)])
    with pytest.raises(RuntimeError, match="complex"):
        x = leaf(1.0)
        (x * 1).backward(np.array([1j]))


def test_anomaly_mode_names_the_op() -> None:
    x = leaf(0.0, 0.0)
    with tg.detect_anomaly():
        y = tg.sqrt((x * x).sum())
        with pytest.raises(RuntimeError, match=r"rule of multiply .* made a nan .*infinities.*tg\.hypot"):
            y.backward()


def test_backward_leaks_no_warnings() -> None:
    x = leaf(0.0, 1.0)
    tg.sqrt(x).sum().backward()
    assert x.grad.data[0] == np.inf


def test_a_loop_over_items_costs_one_buffer() -> None:
    x = tg.tensor(np.arange(5.0), requires_grad=True)
    s = 0
    for i in range(5):
        s = s + x[i] * x[i]
    g = tg.grad(s, x, create_graph=True)
    np.testing.assert_array_equal(g.data, 2 * np.arange(5.0))
    np.testing.assert_array_equal(tg.grad(g.sum(), x).data, np.full(5, 2.0))


def test_custom_op() -> None:
    @tg.op("elementwise", name="test_cube")
    def cube(x):
        """x ** 3."""
        return x**3

    try:
        with pytest.raises(NameError, match=r"'z'.*g, x, x_shape, out"):
            cube.vjp(x=lambda g, z: g)
        cube.vjp(x=lambda g, x: g * 3 * x * x)
        t = tg.tensor(2.0, requires_grad=True)
        g = tg.grad(cube(t), t, create_graph=True)
        assert (g.item(), tg.grad(g, t).item()) == (12.0, 12.0)
    finally:
        from tapegrad.registry import OPS

        del OPS["test_cube"]


VIEWS = {
    "itself": lambda t: t, "reshape": lambda t: t.reshape(3, 1), "reshape twice": lambda t: t.reshape(3, 1)[:, 0],
    "slice": lambda t: t[:], "flip": np.flip, "transpose": lambda t: t.reshape(3, 1).T,
    "squeeze": lambda t: t[None].squeeze(),
    "broadcast": lambda t: np.broadcast_to(t, (2, 3)),
    "windows": lambda t: np.lib.stride_tricks.sliding_window_view(t, 2),
}  # fmt: skip


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_write_from_outside_is_noticed_through_views(view, requires_grad):
    t = tg.tensor([1.0, 2.0, 3.0], requires_grad=requires_grad)
    outside = t.data
    w = tg.tensor(np.ones(view(t).shape), requires_grad=True)
    y = (w * view(t)).sum()
    outside[1] = 9.0
    with pytest.raises(RuntimeError, match="written in place"):
        y.backward()
