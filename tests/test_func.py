"""tg.func: transforms of functions, nested in one another, on arrays, Tensors and nested structures."""

from __future__ import annotations

import gc
import itertools
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.func import grad, hessian, hvp, jacfwd, jacrev, jvp, linearize, value_and_grad, vjp

X = np.array([0.3, -1.2, 2.0])


def f(x: Any) -> Any:
    return (np.sin(x) * x**3).sum()


def test_arrays_in_arrays_out_tensors_in_tensors_out() -> None:
    g = grad(f)(X)
    assert type(g) is np.ndarray
    np.testing.assert_allclose(g, np.cos(X) * X**3 + 3 * X**2 * np.sin(X))
    t = grad(f)(tg.tensor(X))
    assert type(t) is tg.Tensor
    assert not t.requires_grad
    assert type(grad(lambda x: x * x)(3.0)) is np.ndarray


def test_gradients_flow_to_tensors_outside() -> None:
    x = tg.tensor(X, requires_grad=True)
    g = grad(f)(x)
    h = tg.grad(g.sum(), x)
    np.testing.assert_allclose(h.data, hessian(f)(X).sum(0))
    w = tg.tensor(2.0, requires_grad=True)
    g = grad(lambda y: (w * y**2).sum())(tg.tensor(X))
    g.sum().backward()
    assert w.grad.item() == pytest.approx(2 * X.sum())


@pytest.mark.parametrize("transform", [grad, jacrev, jacfwd, hessian])
def test_a_tensor_that_the_function_finds_by_itself_counts_as_one_that_came_in(transform: Any) -> None:
    w = tg.tensor(2.0, requires_grad=True)
    slope = transform(lambda y: (w * y**3).sum())(X)  # an array came in, yet w would get no gradient from an array
    (slope.sum() * w).backward()
    assert w.grad.item() == pytest.approx(4 * transform(lambda y: (y**3).sum())(X).sum())
    with tg.no_grad():
        assert type(transform(lambda y: (w * y**3).sum())(X)) is np.ndarray


def test_integers_have_no_derivative() -> None:
    with pytest.raises(TypeError, match=r"2\.0 and not 2"):
        grad(lambda x: x * x)(2)


def test_a_function_that_is_no_scalar_is_refused() -> None:
    with pytest.raises(TypeError, match="scalar"):
        grad(lambda x: x * 2)(X)


def test_value_and_grad_aux_and_argnums() -> None:
    value, g = value_and_grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(X, 2 * X)
    assert value == pytest.approx(2 * (X**2).sum())
    np.testing.assert_allclose(g[1], X)
    (value, aux), g = value_and_grad(lambda a: ((a * a).sum(), {"double": a * 2}), has_aux=True)(X)
    np.testing.assert_array_equal(aux["double"], 2 * X)
    assert type(aux["double"]) is np.ndarray
    g, aux = grad(lambda a: ((a * a).sum(), 5), has_aux=True)(X)
    assert aux == 5
    with pytest.raises(ValueError, match="argnums"):
        grad(f, argnums=3)(X)


def test_nested_structures() -> None:
    p = {"w": np.ones((2, 3)), "b": [np.zeros(2), (np.array(2.0),)]}

    def loss(p: Any, x: Any) -> Any:
        return ((p["w"] @ x + p["b"][0]) ** 2).sum() * p["b"][1][0]

    g = grad(loss)(p, X)
    assert list(g) == ["w", "b"]
    assert isinstance(g["b"][1], tuple)
    y = X.sum()
    np.testing.assert_allclose(g["b"][1][0], 2 * y**2)
    np.testing.assert_allclose(g["w"], 4 * y * np.tile(X, (2, 1)))
    h = hessian(lambda p: (p["a"] ** 2 * p["b"]).sum())({"a": X, "b": X})
    np.testing.assert_allclose(h["a"]["b"], np.diag(2 * X))


def test_vjp_and_jvp_agree() -> None:
    def many(a: Any, b: Any) -> Any:
        return {"p": a @ b, "s": tg.std(a, axis=0)}

    rng = np.random.default_rng(0)
    a, b, u, v = rng.normal(size=(4, 3, 3))
    out, pull = vjp(many, a, b)
    same, tangent = jvp(many, (a, b), (u, v))
    c = {"p": rng.normal(size=(3, 3)), "s": rng.normal(size=3)}
    ga, gb = pull(c)
    np.testing.assert_array_equal(out["p"], same["p"])
    assert (ga * u).sum() + (gb * v).sum() == pytest.approx(
        (c["p"] * tangent["p"]).sum() + (c["s"] * tangent["s"]).sum()
    )
    pull(c)  # as often as one likes
    with pytest.raises(ValueError, match="shape"):
        pull({"p": np.ones(2), "s": np.ones(3)})
    with pytest.raises(ValueError, match="tangent"):
        jvp(f, (X,), (np.ones(2),))


def test_a_tuple_of_results() -> None:
    out, moved = jvp(lambda x: (x * x, 3.0), (X,), (np.ones(3),))
    np.testing.assert_array_equal(moved[0], 2 * X)
    assert moved[1] == 0.0
    out, move = linearize(lambda x: np.exp(x), X)
    np.testing.assert_allclose(move(np.ones(3)), np.exp(X))
    np.testing.assert_allclose(move(2 * np.ones(3)), 2 * np.exp(X))


def test_hessians_every_way() -> None:
    want = np.diag(-np.sin(X) * X**3 + 6 * X**2 * np.cos(X) + 6 * X * np.sin(X))
    for outer, inner in itertools.product((jacfwd, jacrev), repeat=2):
        np.testing.assert_allclose(outer(inner(f))(X), want, atol=1e-12)
    np.testing.assert_allclose(hessian(f)(X), want, atol=1e-12)
    np.testing.assert_allclose(hvp(f, (X,), (np.ones(3),)), want.sum(1), atol=1e-12)
    np.testing.assert_allclose(hvp(f, X, np.ones(3)), want.sum(1), atol=1e-12)


def test_jacobian_shapes() -> None:
    a = np.arange(6.0).reshape(2, 3)
    for jac in (jacrev, jacfwd):
        assert jac(lambda a: a.sum(0))(a).shape == (3, 2, 3)
        assert jac(lambda a: a[:0].ravel())(a).shape == (0, 2, 3)
        blocks = jac(lambda a, b: {"x": a * b}, argnums=(0, 1))(2.0, 3.0)
        assert (blocks["x"][0], blocks["x"][1]) == (3.0, 2.0)


def test_perturbations_are_not_confused() -> None:
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(2.0) == 1.0
    assert grad(lambda x: grad(lambda y: x * y)(1.0))(2.0) == 1.0
    assert grad(lambda x: x * jvp(lambda y: x * y, (1.0,), (1.0,))[1])(3.0) == 6.0
    assert jvp(lambda x: x * jvp(lambda y: x * y, (1.0,), (1.0,))[1], (3.0,), (1.0,))[1] == 6.0
    assert grad(grad(grad(lambda x: x**5)))(1.0) == 60.0
    assert jvp(grad(lambda x: x**3), (2.0,), (1.0,))[1] == 12.0


def test_inside_no_grad_a_transform_still_works() -> None:
    with tg.no_grad():
        np.testing.assert_allclose(grad(f)(tg.tensor(X)).data, grad(f)(X))


def test_an_error_inside_leaves_the_thread_as_it_was() -> None:
    def bad(x: Any) -> Any:
        raise KeyError("inside")

    with pytest.raises(KeyError), tg.no_grad():
        grad(bad)(X)
    assert tg.is_grad_enabled()


def test_leaves_are_left_alone() -> None:
    x = tg.tensor(X, requires_grad=True)
    value_and_grad(f)(x)
    assert x.grad is None
    assert x.is_leaf


def test_independent_results_have_zero_derivatives() -> None:
    np.testing.assert_array_equal(grad(lambda x: 3.0)(X), np.zeros(3))
    np.testing.assert_array_equal(jacfwd(lambda x: np.ones(2))(X), np.zeros((2, 3)))


def test_transforms_are_freed_by_reference_counting() -> None:
    calls = [
        lambda: grad(f)(X),
        lambda: hessian(f)(X),
        lambda: hvp(f, (X,), (X,)),
        lambda: vjp(f, X)[1](np.ones(())),
        lambda: jvp(f, (X,), (X,)),
        lambda: jacrev(lambda x: x * x)(X),
        lambda: grad(grad(lambda x: x**3))(2.0),
    ]
    gc.collect()
    gc.disable()
    try:
        for call in calls:
            call()
            gc.collect()
            call()
            assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize("result", [lambda x: None, lambda x: "a", lambda x: x * 1j, lambda x: (x, x)])
def test_what_is_no_real_scalar_has_no_gradient(result: Any) -> None:
    with pytest.raises(TypeError, match="grad"):
        grad(result)(2.0)


def test_argnums_are_checked() -> None:
    for bad in ((0, 0), 1.5, ()):
        with pytest.raises(ValueError, match="argnums"):
            grad(lambda x, y: x * y, argnums=bad)(2.0, 3.0)


def test_jacobians_of_complex_functions() -> None:
    z = np.array([0.3 + 1j, -1.2 + 0.5j])
    want = np.diag(np.exp(z) * (1 + z))
    for jac in (jacrev, jacfwd):
        np.testing.assert_allclose(jac(lambda z: np.exp(z) * z)(z), want)
        np.testing.assert_allclose(jac(lambda x: np.exp(1j * x))(X), np.diag(1j * np.exp(1j * X)))
