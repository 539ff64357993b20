"""The command line, as a user calls it; and expressions, which are parsed and never evaluated as Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.cli import main
from tapegrad.expression import ExpressionError, evaluate, value_of

STUDENT = """
import numpy as np

def forward(x, w):
    return x @ w, (x, w)

def backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout

def wrong(dout, cache):
    x, w = cache
    return dout @ w.T, 2 * x.T @ dout
"""


def variables(**values: str) -> dict[str, tg.Tensor]:
    return {name: value_of(name, text) for name, text in values.items()}


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("tanh(a*b + c)", np.tanh(4)),
        ("-a ** 2 / 4 + +b", -4.0),
        ("np.exp(x).sum()", np.exp([1, 2, 3]).sum()),
        ("x @ x", 14.0),
        ("sum(where(x > 1.5, x, 0))", 5.0),
        ("x[1] * x[-1] + x[::2].sum()", 10.0),
        ("concatenate([x, x[:1]]).sum()", 7.0),
        ("max(x, axis=0) * pi", 3 * np.pi),
        ("einsum('i,j->ij', x, x).T.mean()", 4.0),
        ("sum(x // 2 + x % 2)", 4.0),
        ("2.0 ** a", 4.0),
        ("sum(x * [1, 2, 3])", 14.0),
    ],
)
def test_expressions(text: str, want: float) -> None:
    out = evaluate(text, variables(a="2", b="-3", c="10", x="[1,2,3]"))
    assert out.item() == pytest.approx(want)


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("tanh(a*b + k)", 11, "unknown name 'k'"),
        ("tahn(a)", 0, "there is no function 'tahn'"),
        ("1 + tan", 4, "tan is a function: write tan(...)"),
        ("a +", 3, "this cannot be read"),
        ("a if a else a", 0, "an if cannot stand in a tensor expression"),
        ("(lambda: a)()", 0, "only functions can be called"),
        ("a.__class__", 0, ".T, .mT"),
        ("__import__('os')", 0, "there is no function '__import__'"),
        ("[i for i in x]", 0, "cannot stand in a tensor expression"),
        ("x @ ones(4)", 0, "matmul"),
        ("a and b", 0, "and / or"),
        ("manual_seed(1)", 0, "there is no function"),
        ("9**9**9**9 + a", 3, "OverflowError"),
        ("x[5]", 0, "out of bounds"),
        ("'a' * 20000000000", 0, "str has no arithmetic here"),
        ("sum([1, 2, 3] * 9)", 4, "list has no arithmetic here"),
    ],
)
def test_mistakes_are_pointed_at(text: str, place: int, problem: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, variables(a="2", b="-3", x="[1,2,3]"))
    line, mark, *rest = str(caught.value).splitlines()
    assert line == text
    assert mark.index("^") == place
    assert problem in " ".join(rest)


def test_draw_prints_values_and_gradients(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "e.svg"
    assert main(["draw", "tanh(a*b + c)", "a=2", "b=-3", "c=10", "-o", str(picture)]) == 0
    printed = capsys.readouterr().out
    assert "tanh(a*b + c) = 0.999329" in printed
    assert "a = 2             gradient -0.00402285" in printed
    assert "<svg" in picture.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["draw", "a*b", "a=2"], "unknown name 'b'"),
        (["draw", "a*2", "a"], "'a' is not name=value"),
        (["draw", "a*2", "a=x"], "'x' is not a number"),
        (["draw", "a*2", "a=1", "a=2"], "given twice"),
        (["draw", "1 + 1"], "does not depend on a variable"),
        (["draw", "a", "a=1", "-o", "picture.xyz"], "xyz"),
        (["check", "missing.py:f,b", "x=3,4"], "there is no file missing.py"),
        (["check", "missing.py"], "FILE.py:FORWARD,BACKWARD"),
        (["ops", "no-such-op"], "no op's name"),
        (["draw", "a*2", "a={1: 2}"], "not a number"),
        (["draw", "a*2", "a='x'"], "not a number"),
        (["draw", "a*2", "a=1", "-o", "nowhere/x.svg"], "there is no folder nowhere"),
        (["demo", "--seed", "-1"], "--seed must be from 0"),
        (["demo", "-o", "x.xyz"], "a picture's name ends in .svg"),
    ],
)
def test_wrong_calls_say_what_is_wrong(
    arguments: list[str],
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert problem in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "student.py"
    file.write_text(STUDENT, encoding="utf-8")
    assert main(["check", f"{file}:forward,backward", "x=4,3", "w=3x2"]) == 0
    assert capsys.readouterr().out.endswith("right\n")
    assert main(["check", f"{file}:forward,wrong", "x=4,3", "w=[[1.,2.],[3.,4.],[5.,6.]]"]) == 1
    assert "a constant factor is missing" in capsys.readouterr().out
    assert main(["check", f"{file}:forward,backward"]) == 2
    assert "define `inputs = (x, w)`" in capsys.readouterr().err
    assert main(["check", f"{file}:forward,nothing", "x=4,3"]) == 2
    assert "it has forward, backward, wrong" in capsys.readouterr().err
    assert main(["check", f"{file}:forward,backward", "x=0,4", "w=4,2"]) == 2
    assert "0 elements cannot be checked" in capsys.readouterr().err
    file.write_text(
        "def forward(x):\n    return x, x\n\ndef backward(dout, cache):\n    return cache[9]\n", encoding="utf-8"
    )
    assert main(["check", f"{file}:forward,backward", "x=[1, 2]"]) == 2
    assert "IndexError: index 9" in capsys.readouterr().err
    file.write_text(STUDENT + "\ninputs = (np.ones((2, 3)), np.ones((3, 2)))\n", encoding="utf-8")
    assert main(["check", f"{file}:forward,backward"]) == 0


def test_ops_lists_gradients(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops", "tanh"]) == 0
    printed = capsys.readouterr().out
    assert "tanh(x)  [elementwise]" in printed
    assert "d/dx: multiply(g, subtract(1.0, square(H(out))))" in printed


def test_as_a_module_and_without_scikit_learn(tmp_path: Path) -> None:
    (tmp_path / "sklearn.py").write_text("raise ImportError('not here')\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "tapegrad", "demo"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 2
    assert "pip install 'tapegrad[demo]'" in done.stderr


def test_the_demo_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two epochs reach what a network that learns nothing never would; the full run's 98.5% is the demo's own claim."""
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--epochs", "2", "-o", "net.svg"]) == 0
    printed = capsys.readouterr().out
    accuracy = float(printed.split("held-out accuracy ")[1].split("%")[0])
    assert accuracy > 85
    assert "agree with differences" in printed
    assert "conv2d(images, fine.0.weight" in printed
    assert "batch_norm " in printed.split("kept for the backward, by op:")[1]
    assert "cross_entropy" in (tmp_path / "net.svg").read_text(encoding="utf-8")
    assert main(["demo", "--epochs", "0"]) == 2


@pytest.mark.thorough
def test_the_demo_reaches_its_accuracy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    assert float(capsys.readouterr().out.split("held-out accuracy ")[1].split("%")[0]) >= 98.5


def test_ctrl_c_ends_the_demo_cleanly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from tapegrad import demo

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "train", interrupted)
    assert main(["demo"]) == 130
    assert "interrupted" in capsys.readouterr().err
