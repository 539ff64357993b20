"""Which form a kernel runs in, and that having two makes no difference but speed."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.cli import main
from tapegrad.kernels import choice as C
from tapegrad.kernels import pool

HAS_NUMBA = find_spec("numba") is not None
HOW = ((2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1), (8, 8))


@pytest.fixture
def toy(monkeypatch):
    """A kernel of our own with a compiled form that tells what it was called with."""
    monkeypatch.setattr(C, "KERNELS", dict(C.KERNELS))
    monkeypatch.setattr(C.choice, "wanted", True)
    monkeypatch.setattr(C.choice, "loaded", True)
    calls = []

    @C.kernel
    def doubled(x, *, times=2):
        """x times two."""
        calls.append("numpy")
        return x * times

    @C.compiled("test_choice.doubled")
    def compiled_doubled(x, *, times=2):
        calls.append("compiled")
        return NotImplemented if x.dtype == np.float16 else x * times

    return doubled, calls


def test_the_compiled_form_runs_where_there_is_enough_work(toy) -> None:
    doubled, calls = toy
    assert (doubled(np.ones(1 << 14), times=3) == 3).all()
    assert (doubled(np.ones(10)) == 2).all()
    assert calls == ["compiled", "numpy"]
    assert doubled.__doc__ == "x times two."


def test_what_the_compiled_form_does_not_take_runs_in_numpy(toy) -> None:
    doubled, calls = toy
    assert doubled(np.ones(1 << 14, np.float16)).dtype == np.float16
    assert calls == ["compiled", "numpy"]


def test_switched_off(toy, monkeypatch) -> None:
    doubled, calls = toy
    tg.set_compiled_kernels(False)
    doubled(np.ones(1 << 14))
    assert calls == ["numpy"]
    assert tg.compiled_kernels() == ()


@pytest.mark.parametrize("wrong", [1, 0, None, "on"])
def test_the_switch_takes_a_bool(wrong) -> None:
    with pytest.raises(TypeError, match="True or False"):
        tg.set_compiled_kernels(wrong)


def test_without_numba_it_says_what_to_install(monkeypatch, capsys) -> None:
    monkeypatch.setattr(C, "find_spec", lambda name: None)
    monkeypatch.setattr(C.choice, "wanted", True)
    monkeypatch.setattr(C.choice, "loaded", False)
    monkeypatch.setattr(C, "KERNELS", {})
    with pytest.raises(ImportError, match=r"tapegrad\[fast\]"):
        tg.set_compiled_kernels(True)
    assert tg.compiled_kernels() == ()
    assert main(["compile"]) == 2
    assert "tapegrad[fast]" in capsys.readouterr().err


def test_a_numba_that_cannot_be_imported_is_said_once_and_done_without(monkeypatch) -> None:
    def broken(name: str) -> None:
        raise ImportError("Numba needs NumPy 2.3 or less")

    monkeypatch.setattr(C, "find_spec", lambda name: object())
    monkeypatch.setattr(C, "import_module", broken)
    fresh = C.Choice()
    with pytest.warns(RuntimeWarning, match="cannot be imported .Numba needs NumPy 2.3 or less"):
        fresh.load()
    fresh.load()
    assert fresh.loaded


def test_every_compiled_form_belongs_to_a_kernel_and_has_its_arguments() -> None:
    from inspect import signature

    if HAS_NUMBA:
        C.choice.load()
    for name, k in C.KERNELS.items():
        assert k.numpy.__doc__, name
        if k.compiled is not None:
            assert list(signature(k.compiled).parameters) == list(signature(k.numpy).parameters), name


@pytest.mark.parametrize(("text", "on"), [("0", False), ("off", False), ("1", True), ("", True)])
def test_the_environment_switches_it_off(text, on, monkeypatch) -> None:
    monkeypatch.setenv("TAPEGRAD_COMPILED", text)
    assert C.Choice().wanted is on


def test_importing_and_small_work_leave_numba_alone() -> None:
    code = (
        "import sys, numpy as np, tapegrad as tg\n"
        "x = tg.tensor(np.ones((1, 2, 8, 8)), requires_grad=True)\n"
        "tg.max_pool2d(x, 2).sum().backward()\n"
        "assert 'numba' not in sys.modules, 'numba was imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_both_forms_give_the_same() -> None:
    x = np.random.default_rng(0).normal(size=(8, 16, 16, 16)).astype(np.float32)
    before = C.choice.wanted
    try:
        results = []
        for wanted in (False, True):
            C.choice.wanted = wanted
            results.append(pool.max_pool(x, *HOW))
    finally:
        C.choice.wanted = before
    np.testing.assert_array_equal(*results)


@pytest.mark.thorough
@pytest.mark.parametrize("installed", [True] if HAS_NUMBA else [])
def test_compile_reaches_every_compiled_form(installed, capsys, monkeypatch) -> None:
    C.choice.load()
    reached = set()

    def watched(name, form):
        def run(*args, **params):
            out = form(*args, **params)
            if out is not NotImplemented:
                reached.add(name)
            return out

        return run

    for name, k in C.KERNELS.items():
        if k.compiled is not None:
            monkeypatch.setattr(k, "compiled", watched(name, k.compiled))
    assert main(["compile"]) == 0
    assert reached == {name for name, k in C.KERNELS.items() if k.compiled is not None}
    assert "kernels are compiled" in capsys.readouterr().out
