"""The coverage page is true: every overridable function of NumPy is decided, and does what the page says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import overrides

import tapegrad as tg
from tapegrad import coverage
from tapegrad.check import gradcheck, gradgradcheck
from tapegrad.registry import BY_NUMPY, OPS, in_numpy
from tests.numpy_calls import CALLS

DOCS = Path(__file__).parent.parent / "docs"
NAMES = [".".join([*row[1].split(".")[1:], row[2]]) for row in coverage.rows(DOCS / "data" / "coverage_numpy.tsv")]
STANDARD = coverage.rows(DOCS / "data" / "coverage_array_api.tsv")
FUNCTIONS = [n for n in NAMES if in_numpy(n) is not None and not isinstance(in_numpy(n), np.ufunc)]
UFUNCS = [n for n in NAMES if isinstance(in_numpy(n), np.ufunc)]
OVERRIDABLE = {f.__name__ for f in overrides.get_overridable_numpy_array_functions()}
# `fromfile` reads a file: tests/test_creation.py; np.fix is deprecated for np.trunc in NumPy 2.5
V, M = np.array([0.5, 1.5]), np.array([[0.5, 1.5], [2.0, 3.0]])
ARGUMENTS = {"matvec": [M, V], "vecmat": [V, M], "matmul": [M, M]}
ELSEWHERE = {"fromfile"} | ({"fix"} if np.lib.NumpyVersion(np.__version__) >= "2.5.0" else set())
# polynomials of two variables: since NumPy 2.4
ELSEWHERE |= {n for n in NAMES if n.startswith("polynomial.") and n.rpartition(".")[2] not in OVERRIDABLE}


def arrays_in(result: Any) -> list[tg.Tensor]:
    if isinstance(result, tg.Tensor):
        return [result]
    if isinstance(result, (tuple, list)):
        return [t for r in result for t in arrays_in(r)]
    return []


def calls(name: str) -> list[Any]:
    found = CALLS[name]
    return found if isinstance(found, list) else [found]


def test_the_page_is_what_the_registry_says():
    page, now = (DOCS / "coverage.md").read_text(encoding="utf-8"), coverage.markdown(DOCS / "data")
    stale = "docs/coverage.md is out of date; write it anew with: python docs/coverage_page.py"
    if all(in_numpy(n) is not None for n in NAMES):
        assert page == now, stale
    else:  # an older release of NumPy, which lacks some functions
        functions = now.partition("## The Array API")[0]
        assert {line for line in functions.splitlines() if line.startswith("| `")} <= set(page.splitlines()), stale


def test_every_overridable_function_is_decided():
    every = {*overrides.get_overridable_numpy_ufuncs(), *overrides.get_overridable_numpy_array_functions()}
    # what like= finds is a function of the same name behind numpy.eye and its kin
    decided = lambda f: coverage.numpy_status(f) or coverage.numpy_status(in_numpy(f.__name__))
    open_ = sorted(f.__name__ for f in every if decided(f) is None)
    assert not open_, f"neither differentiable, nor without a gradient, nor refused: {open_}"


def test_every_name_of_the_standard_is_there():
    missing = [f"{group}: {name}" for group, name in STANDARD if coverage.array_api_status(group, name) is None]
    assert not missing


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n not in ELSEWHERE])
def test_function(name):
    """It does what the page says, and on Tensors gives what it gives on arrays."""
    status = coverage.numpy_status(in_numpy(name))
    assert status is not None
    for f, arrays in calls(name):
        leaves = [tg.tensor(a, requires_grad=True) for a in arrays]
        if status.kind == coverage.REFUSED:
            with pytest.raises(TypeError) as caught:
                f(*leaves)
            assert status.why in str(caught.value)
            assert "detach" in str(caught.value)
            continue
        result = f(*leaves)
        ours = arrays_in(result)
        if status.kind == coverage.ZERO:
            for t in ours:
                grads = tg.grad(t.sum(), leaves, allow_unused=True) if t.requires_grad else []
                assert all(g is None or not np.any(g.data) for g in grads), f"{name} has a gradient"
            continue
        assert any(t.requires_grad for t in ours), f"{name} lost the history"
        same_values(f, arrays, result)
        gradcheck(lambda *ts: arrays_in(f(*ts)), arrays, directions=1)
        gradgradcheck(lambda *ts: arrays_in(f(*ts)), arrays, directions=1)
        check_forward(f, arrays)


def same_values(f: Any, arrays: list[Any], result: Any) -> None:
    try:
        plain = f(*arrays)
    except TypeError:  # like= and in-place calls need a Tensor
        return
    flat = [np.asarray(p) for p in ([*plain] if isinstance(plain, (tuple, list)) else [plain])]
    for t, p in zip(arrays_in(result), flat, strict=True):
        assert t.dtype == p.dtype
        np.testing.assert_allclose(t.data, p, rtol=1e-12, atol=1e-13)


def check_forward(f: Any, arrays: list[Any]) -> None:
    """Re <u, J v> is the same forward and backward."""
    rng = np.random.default_rng(3)
    leaves = [tg.tensor(a, requires_grad=True) for a in arrays]
    outs = [t for t in arrays_in(f(*leaves)) if t.requires_grad]
    draw = lambda t: (rng.normal(size=t.shape) + (1j * rng.normal(size=t.shape) if t.dtype.kind == "c" else 0)).astype(
        t.dtype
    )
    u, v = [draw(t) for t in outs], [draw(t) for t in leaves]
    found = tg.grad(outs, leaves, u, allow_unused=True)
    back = sum(np.vdot(g.data, w).real for g, w in zip(found, v, strict=True) if g is not None)
    _, pushed = tg.func.jvp(lambda *ts: tuple(t for t in arrays_in(f(*ts))), tuple(arrays), tuple(v))
    pushed = [p for p, t in zip(pushed, arrays_in(f(*leaves)), strict=True) if t.requires_grad]
    ahead = sum(
        np.vdot(w, np.asarray(p.data if isinstance(p, tg.Tensor) else p)).real for p, w in zip(pushed, u, strict=True)
    )
    assert ahead == pytest.approx(back, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("name", UFUNCS)
def test_ufunc(name):
    """Its op's samples through NumPy; the gradient is checked by the registry suite."""
    f = in_numpy(name)
    status = coverage.numpy_status(f)
    assert status is not None
    if status.kind == coverage.REFUSED:
        with pytest.raises(TypeError, match=name):
            f(*[tg.tensor(1.5, requires_grad=True)] * f.nin)
        return
    op = next((o for o in OPS.values() if o.forward is f), None)
    integers = op is not None and not op.rules
    args = op.samples[0].draw(np.random.default_rng(1)) if op is not None else ARGUMENTS.get(name, [V] * f.nin)
    leaves = [tg.tensor(a, requires_grad=np.asarray(a).dtype.kind in "fc") for a in args]
    result = f(*leaves)
    ours, theirs = arrays_in(result), f(*args)
    for t, p in zip(ours, theirs if isinstance(theirs, tuple) else [theirs], strict=True):
        assert t.dtype == p.dtype
        np.testing.assert_allclose(t.data, p, rtol=1e-12)
    if status.kind == coverage.DIFFERENTIABLE:
        assert any(t.requires_grad for t in ours)
    else:
        assert integers or not any(np.any(tg.grad(t.sum(), leaves[0], allow_unused=True).data) for t in ours)


def test_handlers_are_callable():
    assert all(callable(f) for f in BY_NUMPY.values())
