"""Every op of the table against every property it must have, on all of its samples.

The properties live in tapegrad/check.py, where `tg.check_op` runs them for people who add an op.
"""

from __future__ import annotations

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import check
from tapegrad.registry import BY_NUMPY, OPS, Op

NAMES = sorted(OPS)
# the op `sign` is for reals: np.sign of a complex Tensor is x / |x|, made of other ops
COMPLEX = [name for name in NAMES if name != "sign" and check.takes_complex(OPS[name])]


@pytest.mark.parametrize("name", NAMES)
def test_op_is_complete(name):
    check.check_complete(name)


@pytest.mark.parametrize("name", NAMES)
def test_value_on_tensors_equals_value_on_arrays(name):
    check.check_property(name, "value")


@pytest.mark.parametrize("name", NAMES)
def test_first_order(name):
    check.check_property(name, "first order")


@pytest.mark.parametrize("name", NAMES)
def test_second_order(name):
    check.check_property(name, "second order")


@pytest.mark.parametrize("name", NAMES)
def test_rules_are_linear_in_g(name):
    check.check_property(name, "linear in g")


@pytest.mark.parametrize("name", NAMES)
def test_gradients_have_the_type_of_their_inputs(name):
    check.check_property(name, "types")


@pytest.mark.parametrize("name", NAMES)
def test_float32_stays_float32(name):
    check.check_property(name, "float32")


@pytest.mark.parametrize("name", NAMES)
def test_memory_layout_does_not_matter(name):
    check.check_property(name, "layouts")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_written_in_place(name):
    check.check_property(name, "unchanged")


@pytest.mark.parametrize("name", NAMES)
def test_only_what_rules_name_is_kept(name):
    check.check_property(name, "kept")


@pytest.mark.parametrize("name", [n for n in NAMES if OPS[n].kind == "elementwise"])
def test_no_axes_and_empty_arrays(name):
    check.check_property(name, "sizes")


@pytest.mark.parametrize("name", NAMES)
def test_forward_mode_equals_backward(name):
    pytest.importorskip("tapegrad.forward")
    check.check_property(name, "forward mode")


def test_every_property_is_tested_here():
    used = {
        "value", "first order", "second order", "linear in g", "types", "float32", "layouts", "unchanged", "kept",
        "sizes", "forward mode",
    }  # fmt: skip
    assert set(check.PROPERTIES) == used


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_float32(name):
    for one in check.PROPERTIES:
        check.check_property(name, one, np.float32)


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("name", COMPLEX)
def test_complex(name, dtype):
    for one in check.PROPERTIES:
        check.check_property(name, one, dtype)


def test_most_of_the_table_takes_complex_numbers():
    assert {"add", "multiply", "exp", "matmul", "conv2d", "einsum", "sum", "getitem", "power"} <= set(COMPLEX)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(1, 5))
@pytest.mark.parametrize("name", NAMES)
def test_other_numbers(name, seed):
    for one in ("first order", "second order", "forward mode"):
        check.check_property(name, one, seed=seed)


def test_the_table_holds_ops_by_name():
    assert all(isinstance(o, Op) and o.name == name for name, o in OPS.items())


def test_numpy_functions_map_to_callables():
    assert all(callable(f) for f in BY_NUMPY.values())


# -- the checks themselves find what is wrong ----------------------------------------------------------------


@pytest.fixture
def throwaway():
    """Makes ops that leave the table when the test ends."""
    before = set(OPS)
    yield
    for name in set(OPS) - before:
        del OPS[name]


def broken(rule, kind="elementwise", forward=lambda x: x * x, **declared):
    from tapegrad.samples import real

    made = Op(forward, kind, ["x"], name="broken", doc="x * x.", **declared)
    return made.vjp(x=rule).sample(real(3, 4, away=0.2))


@pytest.mark.usefixtures("throwaway")
def test_one_rule_for_all_inputs_serves_where_all_are_asked_for_and_nothing_is_recorded():
    from tapegrad.samples import real

    calls = []

    def together(g, x, y, by):
        calls.append(by)
        return g * y * by, g * x * by

    made = Op(lambda x, y, by: x * y * by, None, ["x", "y"], name="area", doc="x * y * by.", params={"by": 1.0})
    made.vjp(x=lambda g, y, by: g * y * by, y=lambda g, x, by: g * x * by).sample(real(3), real(3), by=2.0)
    made.vjp_together(together)
    x, y = (tg.tensor([1.0, 2.0], requires_grad=True) for _ in "xy")
    made(x, y, by=3.0).sum().backward()
    assert calls == [3.0]
    assert x.grad.tolist() == y.grad.tolist() == [3.0, 6.0]
    made(x, np.ones(2), by=3.0).sum().backward()  # one input alone
    tg.grad(made(x, y, by=3.0).sum(), x)  # one target
    tg.grad(made(x, y, by=3.0).sum(), [x, y], create_graph=True)  # recorded
    assert calls == [3.0]
    tg.grad(made(x, y, by=3.0).sum(), [x, y])
    assert calls == [3.0] * 2
    with pytest.raises(NameError, match="area: a rule asks for 'z'"):
        made.vjp_together(lambda g, z: None)
    made.vjp_together(lambda g, x, y, by: (g * y * by, g * y * by))
    with pytest.raises(AssertionError, match="area"):
        tg.check.check_op(made)


@pytest.mark.usefixtures("throwaway")
def test_check_op_says_what_it_looked_at():
    report = tg.check.check_op(broken(lambda g, x: 2.0 * g * x))
    assert report.samples == 1
    assert "second order" in str(report)


@pytest.mark.usefixtures("throwaway")
@pytest.mark.parametrize(
    ("rule", "finding"),
    [
        (lambda g, x: 2.001 * g * x, "first order"),
        (lambda g, x: 2.0 * g * (x._data if isinstance(x, tg.Tensor) else x), "second order"),
        (lambda g, x: np.sign(g) * 2.0 * x, "first order"),
        (lambda g, x: g.sum() * x, "first order"),
        (lambda g, x, out: 2.0 * g * x + 0.0 * out, None),
        (lambda g, x: np.multiply(g, 2.0 * x, out=g) if isinstance(g, np.ndarray) else 2.0 * g * x, "unchanged"),
    ],
)
def test_check_op_finds_what_is_wrong(rule, finding):
    op = broken(rule)
    if finding is None:
        check.check_op(op)
        return
    with pytest.raises(check.GradientError, match=finding):
        check.check_op(op)


@pytest.mark.usefixtures("throwaway")
def test_check_op_finds_a_forward_that_writes_its_input():
    with pytest.raises(check.GradientError):
        check.check_op(broken(lambda g: 2.0 * g, forward=lambda x: np.multiply(x, 2.0, out=x)))


@pytest.mark.usefixtures("throwaway")
def test_check_op_finds_a_wrong_kind():
    with pytest.raises(check.GradientError, match="forward mode"):
        check.check_op(broken(lambda g, x: 2.0 * g * x, kind="linear"))


@pytest.mark.usefixtures("throwaway")
def test_check_op_finds_a_wrong_dtype():
    with pytest.raises(check.GradientError, match="float32"):
        check.check_op(broken(lambda g, x: 2.0 * g * x, forward=lambda x: (x * x).astype(np.float64)))


@pytest.mark.usefixtures("throwaway")
def test_check_op_asks_for_docstring_samples_and_rules():
    bare = Op(lambda x: x, None, ["x"], name="bare", doc="")
    with pytest.raises(check.GradientError, match=r"a docstring and not samples.*rules"):
        check.check_op(bare)
