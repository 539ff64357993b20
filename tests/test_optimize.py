"""tg.optimize: SciPy's minimize, least_squares and root on nested structures, with derivatives from the tape."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.optimize as so

import tapegrad as tg
from tapegrad.optimize import least_squares, minimize, root

START = [1.3, 0.7, 0.8, 1.9, 1.2]


def rosenbrock(x: Any) -> Any:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


class Counted:
    """A function and the number of times it ran."""

    def __init__(self, f: Any) -> None:
        self.f, self.calls = f, 0

    def __call__(self, *args: Any) -> Any:
        self.calls += 1
        return self.f(*args)


RNG = np.random.default_rng(0)
A = RNG.normal(size=(20, 3))
Y = A @ np.array([1.0, -2.0, 0.5]) + 0.3
P0 = {"w": np.zeros(3), "b": 0.0}


def residuals(p: Any, a: Any = A, y: Any = Y) -> Any:
    return a @ p["w"] + p["b"] - y


def loss(p: Any, *args: Any) -> Any:
    return (residuals(p, *args) ** 2).mean()


# -- minimize: the same steps as SciPy with derivatives written by hand --------------------------------------

GRADIENT: Any = {"jac": so.rosen_der}
PRODUCT = GRADIENT | {"hessp": so.rosen_hess_prod}


@pytest.mark.parametrize(
    ("method", "derivatives"),
    [
        (None, GRADIENT), ("CG", GRADIENT), ("BFGS", GRADIENT), ("L-BFGS-B", GRADIENT), ("TNC", GRADIENT),
        ("SLSQP", GRADIENT), ("Newton-CG", PRODUCT), ("trust-ncg", PRODUCT), ("trust-krylov", PRODUCT),
        ("trust-constr", PRODUCT), ("trust-exact", GRADIENT | {"hess": so.rosen_hess}), ("Nelder-Mead", {}),
        ("Powell", {}), ("COBYLA", {}),
    ],
)  # fmt: skip
def test_every_method_goes_the_way_of_scipy(method: str | None, derivatives: Any) -> None:
    f = Counted(rosenbrock)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a method gives up is not the point here
        options = {"maxiter": 100} if method == "COBYLA" else {}
        ours = minimize(f, np.array(START), method=method, options=options)
        theirs = so.minimize(so.rosen, START, method=method, options=options, **derivatives)
    assert type(ours.x) is np.ndarray
    assert (ours.nfev, ours.success) == (theirs.nfev, theirs.success)
    np.testing.assert_allclose(ours.x, theirs.x, atol=1e-5)
    assert isinstance(ours.fun, float)
    products = derivatives.keys() & {"hess", "hessp"}
    assert f.calls == ours.nfev if not products else ours.nfev < f.calls <= 2 * ours.nfev


def test_dogleg_has_the_hessian() -> None:
    bowl = lambda x: (x**4 + 3 * x**2).sum() + x[0] * x[1]
    found = minimize(bowl, np.array([1.0, 2.0]), method="dogleg")
    assert found.success
    np.testing.assert_allclose(found.x, 0, atol=1e-5)
    np.testing.assert_allclose(found.hess, tg.func.hessian(bowl)(found.x), atol=1e-6)


def test_value_and_gradient_cost_one_evaluation() -> None:
    f = Counted(rosenbrock)
    found = minimize(f, np.array(START), method="L-BFGS-B")
    assert found.njev == found.nfev == f.calls


def test_one_recording_serves_all_products_at_a_point() -> None:
    f = Counted(rosenbrock)
    found = minimize(f, np.array(START), method="trust-ncg")
    assert found.nhev > found.nit
    assert f.calls <= found.nfev + found.njev


# -- structures ----------------------------------------------------------------------------------------------


class Line(NamedTuple):
    slope: Any
    level: Any


def test_structures_come_back() -> None:
    found = minimize(loss, P0, args=(A, Y))
    assert found.x.keys() == found.jac.keys() == {"w", "b"}
    np.testing.assert_allclose(found.x["w"], [1, -2, 0.5], atol=1e-5)
    assert found.x["b"].shape == found.jac["b"].shape == ()
    assert type(found.x["w"]) is np.ndarray

    nested = {"first": [np.zeros(3), None], "then": Line(np.zeros((1, 1)), (0.0,))}

    def f(p: Any) -> Any:
        assert type(p["then"]) is Line
        assert type(p["first"][0]) is tg.Tensor
        return ((A @ p["first"][0] + p["then"].level[0] - Y) ** 2).mean() + (p["then"].slope ** 2).sum()

    x = minimize(f, nested).x
    assert type(x["then"]) is Line
    assert x["first"][1] is None
    np.testing.assert_allclose(x["first"][0], [1, -2, 0.5], atol=1e-5)
    assert x["then"].slope.shape == (1, 1)
    assert x["then"].level[0] == pytest.approx(0.3, abs=1e-5)


def test_tensors_in_tensors_out() -> None:
    start = tg.tensor(np.zeros(3), requires_grad=True)
    found = minimize(loss, {"w": start, "b": 0.0})
    assert type(found.x["w"]) is type(found.x["b"]) is type(found.jac["w"]) is tg.Tensor
    assert not found.x["w"].requires_grad
    assert start.grad is None
    assert start.tolist() == [0, 0, 0]


def test_dtypes_are_kept() -> None:
    seen = []

    def f(p: Any) -> Any:
        seen.append((p["w"].dtype, p["b"].dtype))
        return loss(p)

    found = minimize(f, {"w": np.zeros(3, np.float32), "b": np.float64(0)}, options={"maxiter": 5})
    assert set(seen) == {(np.dtype("float32"), np.dtype("float64"))}
    assert found.x["w"].dtype == found.jac["w"].dtype == np.float32
    assert found.x["b"].dtype == np.float64


def test_a_list_of_numbers_is_a_vector() -> None:
    found = minimize(rosenbrock, START)
    assert type(found.x) is np.ndarray
    np.testing.assert_allclose(found.x, 1, atol=1e-4)


@pytest.mark.parametrize("method", ["BFGS", "Newton-CG", "trust-exact"])
def test_complex_entries_are_two_numbers_each(method: str) -> None:
    m = RNG.normal(size=(4, 2)) + 1j * RNG.normal(size=(4, 2))
    z = np.array([1 + 2j, -1j])
    found = minimize(lambda v: (np.abs(m @ v - m @ z) ** 2).sum(), np.zeros(2, complex), method=method)
    assert found.x.dtype == np.complex128
    np.testing.assert_allclose(found.x, z, atol=1e-4)


def test_gradients_do_not_reach_what_f_closes_over() -> None:
    scale = tg.tensor(2.0, requires_grad=True)
    found = minimize(lambda x: scale * ((x - 3) ** 2).sum(), np.zeros(2))
    np.testing.assert_allclose(found.x, 3, atol=1e-5)
    assert scale.grad is None


# -- bounds and constraints ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bounds",
    [
        {"w": (0, None), "b": (-1, 0.1)},
        {"b": (-1, np.array(0.1)), "w": ([0, 0, None], np.full(3, np.inf))},
        [(0, None), (0, None), (0, None), (-1, 0.1)],
        so.Bounds([0, 0, 0, -1], [np.inf, np.inf, np.inf, 0.1]),
    ],
)
def test_bounds(bounds: Any) -> None:
    if isinstance(bounds, dict) and not isinstance(bounds["w"][0], int):
        bounds["w"] = (np.array([0, 0, -np.inf]), None)
    found = minimize(loss, P0, bounds=bounds)
    assert found.x["b"] == pytest.approx(0.1)
    assert found.x["w"][1] == 0
    assert found.x["w"][2] == pytest.approx(0.3534617)


def test_bounds_of_one_array() -> None:
    f = lambda x: ((x - 3) ** 2).sum()
    assert minimize(f, np.zeros(2), bounds=(None, 1)).x.tolist() == [1, 1]
    assert minimize(f, np.zeros(2), bounds=((0, 1), (0, 2))).x.tolist() == [1, 2]  # as SciPy: a pair for each entry
    assert minimize(f, np.zeros(2), bounds=so.Bounds(-1, 1)).x.tolist() == [1, 1]
    with pytest.raises(ValueError, match="one pair for each of the 2 entries"):
        minimize(f, np.zeros(2), bounds=[(0, 1)] * 3)
    with pytest.raises(ValueError, match=r"a bound of shape \(3,\) does not fit an array of shape \(2,\)"):
        minimize(f, np.zeros(2), bounds=(np.zeros(3), None))
    with pytest.raises(ValueError, match="Bounds has 3 limits for 2 entries"):
        minimize(f, np.zeros(2), bounds=so.Bounds(np.zeros(3), np.ones(3)))
    with pytest.raises(TypeError, match="complex numbers have no order"):
        minimize(lambda z: (np.abs(z) ** 2).sum(), np.zeros(2, complex), bounds=(0, 1))


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr", "COBYLA"])
def test_constraints(method: str) -> None:
    sphere = {"type": "ineq", "fun": lambda p, r: r - (p["w"] ** 2).sum(), "args": (1.0,)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = minimize(loss, P0, method=method, constraints=sphere)
        again = minimize(
            loss, P0, method=method, constraints=[so.NonlinearConstraint(lambda p: (p["w"] ** 2).sum(), -np.inf, 1)]
        )
    assert (found.x["w"] ** 2).sum() == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(found.x["w"], [0.5648, -0.8044, 0.1844], atol=1e-2)
    np.testing.assert_allclose(again.x["w"], found.x["w"], atol=1e-2)


def test_a_linear_constraint_is_about_all_entries() -> None:
    found = minimize(loss, P0, method="SLSQP", constraints=so.LinearConstraint([[1, 1, 1, 0]], 1, 1))
    assert found.x["w"].sum() == pytest.approx(1)


def test_jacobians_of_constraints_come_from_the_tape() -> None:
    calls = Counted(lambda p: tg.stack([p["w"].sum() - 1, p["b"] - 0.2]))
    found = minimize(loss, P0, method="SLSQP", constraints={"type": "eq", "fun": calls})
    assert found.x["w"].sum() == pytest.approx(1)
    assert found.x["b"] == pytest.approx(0.2)
    assert calls.calls <= found.nfev + found.njev + 1
    with pytest.raises(TypeError, match="its 'jac' is not taken"):
        minimize(loss, P0, method="SLSQP", constraints={"type": "eq", "fun": calls, "jac": calls})
    with pytest.raises(TypeError, match="jac= and hess= are not taken"):
        minimize(loss, P0, constraints=so.NonlinearConstraint(calls, 0, 0, jac=calls))
    with pytest.raises(TypeError, match="a constraint is a dict or one of SciPy's"):
        minimize(loss, P0, constraints=[3])


# -- the rest of SciPy's arguments ---------------------------------------------------------------------------


def test_callbacks_get_structures() -> None:
    seen: list[Any] = []
    found = minimize(loss, P0, callback=lambda x: seen.append(x))
    assert len(seen) == found.nit
    np.testing.assert_array_equal(seen[-1]["w"], found.x["w"])

    def stop(intermediate_result: Any) -> None:
        seen.append(intermediate_result)
        raise StopIteration

    seen.clear()
    found = minimize(loss, P0, callback=stop)
    assert (len(seen), found.nit) == (1, 1)
    assert seen[0].x.keys() == {"w", "b"}
    seen.clear()
    minimize(loss, P0, method="trust-constr", callback=lambda x, state: seen.append((x["b"], state.nit)))
    assert seen[0] == (0, 1)
    x = minimize(loss, P0, method="trust-constr", callback=lambda intermediate_result: None).x
    np.testing.assert_allclose(x["w"], [1, -2, 0.5], atol=1e-5)


def test_options_and_tolerance_pass() -> None:
    assert minimize(rosenbrock, START, options={"maxiter": 3}).nit == 3
    theirs = so.minimize(so.rosen, START, jac=so.rosen_der, tol=10.0)
    assert minimize(rosenbrock, START, tol=10.0).nit == theirs.nit
    with pytest.raises(ValueError, match="Unknown solver nope"):
        minimize(rosenbrock, START, method="nope")
    with pytest.warns(so.OptimizeWarning, match="nope"):
        minimize(rosenbrock, START, options={"nope": 3})


def test_approximations_of_the_hessian_pass() -> None:
    found = minimize(rosenbrock, START, method="trust-constr", hess=so.BFGS(), options={"maxiter": 200})
    np.testing.assert_allclose(found.x, 1, atol=1e-3)


def test_a_method_of_ones_own() -> None:
    def newton(fun: Any, x0: Any, args: Any, jac: Any, hessp: Any, **options: Any) -> Any:
        x = x0
        for _ in range(20):
            h = np.stack([hessp(x, e) for e in np.eye(len(x))])
            x = x - np.linalg.solve(h, jac(x))
        return so.OptimizeResult(x=x, fun=fun(x), jac=jac(x), success=True)

    assert minimize(rosenbrock, START, method=newton).x.tolist() == pytest.approx([1] * 5)


def test_nan_goes_to_scipy() -> None:
    found = minimize(lambda x: (x - 2).sum() * np.nan, np.ones(2), method="BFGS")
    assert np.isnan(found.fun)


# -- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x0", "message"),
    [
        (rosenbrock, [0, 0], r"dtype int64 \(shape \(2,\)\).*write 0\.0 and not 0"),
        (loss, {"w": np.zeros(3), "b": 0}, r"dtype int64 \(shape \(\)\)"),
        (rosenbrock, "abc", "x0 must be an array, or a dict"),
        (lambda x: x, np.ones(2), r"f must give a scalar, it gave shape \(2,\); sum it"),
        (lambda x: float(x.detach().sum()), np.ones(2), "f must give a scalar Tensor, it gave a float"),
        (lambda x: None, np.ones(2), "it gave a NoneType"),
        (lambda x: (x * 1j).sum(), np.ones(2), "f must give a real number, it gave complex128"),
        (lambda x: x.detach().sum(), np.ones(2), "does not depend on x"),
        (lambda x: (x > 0).sum(), np.ones(2), "does not depend on x"),
    ],
)
def test_wrong_arguments(f: Any, x0: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        minimize(f, x0)


def test_derivatives_of_ones_own_are_refused() -> None:
    for keyword in ("jac", "hess", "hessp"):
        with pytest.raises(TypeError, match=f"{keyword}= is not taken, since derivatives come from the tape"):
            minimize(rosenbrock, START, **{keyword: so.rosen_der})
    for keyword in ("jac", "jac_sparsity", "diff_step"):
        with pytest.raises(TypeError, match=f"least_squares: {keyword}= is not taken"):
            least_squares(residuals, P0, **{keyword: 3})
    with pytest.raises(TypeError, match="root: jac= is not taken"):
        root(lambda x: x, np.ones(2), jac=True)
    with pytest.raises(ValueError, match="x0 holds no arrays"):
        minimize(loss, {})


def test_values_alone_may_be_flat() -> None:
    found = minimize(lambda x: tg.round((x - 3) ** 2 * 100).sum(), np.ones(1), method="Nelder-Mead")
    assert found.x[0] == pytest.approx(3, abs=0.1)


# -- least_squares -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
def test_least_squares(method: str) -> None:
    f = Counted(residuals)
    found = least_squares(f, P0, args=(A, Y), method=method)
    np.testing.assert_allclose(found.x["w"], [1, -2, 0.5])
    assert found.x["b"] == pytest.approx(0.3)
    assert found.grad.keys() == {"w", "b"}
    assert found.jac.shape == (20, 4)
    np.testing.assert_allclose(found.jac, np.column_stack([A, np.ones(20)]))
    assert found.fun.shape == (20,)
    if method != "lm":
        assert f.calls == found.nfev


def test_fewer_residuals_than_unknowns_are_pulled() -> None:
    found = least_squares(lambda x: {"a": x[:2] - 1, "b": x.sum() - 5}, np.zeros((4,)), max_nfev=20)
    assert found.jac.shape == (3, 4)
    np.testing.assert_array_equal(found.jac, [[1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 1]])
    assert found.cost < 1e-6


def test_bounds_and_losses_of_least_squares() -> None:
    found = least_squares(residuals, P0, bounds={"w": (-1, 1), "b": None}, loss="soft_l1", x_scale=1.0)
    assert found.x["w"][1] == pytest.approx(-1)
    f = lambda x: x - np.array([1.0, 5.0])
    assert least_squares(f, np.zeros(2), bounds=([-1, -1], [2, 2])).x.tolist() == pytest.approx([1, 2], abs=1e-6)
    assert least_squares(f, np.zeros(2), bounds=so.Bounds(-1, 2)).x.tolist() == pytest.approx([1, 2], abs=1e-6)
    with pytest.raises(TypeError, match="nope"):
        least_squares(f, np.zeros(2), nope=3)


def test_complex_residuals_count_by_both_parts() -> None:
    m = RNG.normal(size=(4, 2)) + 1j * RNG.normal(size=(4, 2))
    z = np.array([1 + 2j, -1j])
    found = least_squares(lambda v: m @ v - m @ z, np.zeros(2, complex))
    np.testing.assert_allclose(found.x, z, atol=1e-8)
    assert found.jac.shape == (8, 4)


def test_residuals_are_tensors_that_depend_on_x() -> None:
    with pytest.raises(TypeError, match="does not depend on x"):
        least_squares(lambda x: x.detach(), np.ones(2))
    with pytest.raises(TypeError, match="f must give Tensors, it gave a ndarray"):
        least_squares(lambda x: x.detach().numpy(), np.ones(2))
    with pytest.raises(TypeError, match="f gave no arrays"):
        least_squares(lambda x: [], np.ones(2))


def test_float32_residuals() -> None:
    found = least_squares(lambda x: x**2 - np.float32(2), np.ones(1, np.float32))
    assert found.x.dtype == np.float32
    assert found.x[0] == pytest.approx(2**0.5, rel=1e-5)


# -- root ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["hybr", "lm", "broyden1"])
def test_root(method: str) -> None:
    def f(p: Any) -> Any:
        x, y = p["x"], p["y"]
        return [x + 0.5 * (x - y) ** 3 - 1, 0.5 * (y - x) ** 3 + y]

    found = root(f, {"x": np.array([0.0]), "y": 0.0}, method=method)
    assert found.success
    np.testing.assert_allclose(found.x["x"], [0.8411639], atol=1e-5)
    assert found.x["y"] == pytest.approx(0.1588361, abs=1e-5)


def test_root_of_a_complex_function() -> None:
    found = root(lambda z: z**3 - 1, np.array([-0.4 + 0.8j]))
    np.testing.assert_allclose(found.x, [np.exp(2j * np.pi / 3)], atol=1e-10)


def test_scipy_is_imported_when_it_is_needed() -> None:
    code = (
        "import sys; sys.modules['scipy'] = None; sys.modules['scipy.optimize'] = None\n"
        "import tapegrad.optimize as o\n"
        "for f in (o.minimize, o.least_squares, o.root):\n"
        "    try: f(lambda x: x, 1.0)\n"
        "    except ImportError as e: print(e)"
    )
    out = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert out.splitlines() == [
        f"optimize.{name} needs SciPy: pip install 'tapegrad[scipy]'" for name in ("minimize", "least_squares", "root")
    ]
