"""Drawings: the model, the text, the files, and what must not change when one draws."""

import os
import stat
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.drawing import draw
from tapegrad.drawing import render as rendering
from tapegrad.drawing.dot import dot
from tapegrad.drawing.families import family
from tapegrad.drawing.layers import Edge, layered
from tapegrad.drawing.layout import layout
from tapegrad.drawing.model import Arrow, Row, model
from tapegrad.drawing.numbers import number_text
from tapegrad.drawing.svg import svg
from tapegrad.drawing.text import escape, shorten, width
from tapegrad.registry import OPS
from tapegrad.tape import Tape

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(autouse=True)
def builtin_unless_said(monkeypatch):
    monkeypatch.setenv("TAPEGRAD_RENDERER", "builtin")


@pytest.fixture
def no_programs(monkeypatch):
    """A machine with neither Graphviz nor graphviz-pure."""
    monkeypatch.delenv("TAPEGRAD_RENDERER")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(rendering, "_installed", lambda: None)


@pytest.fixture
def fake_dot(tmp_path, monkeypatch):
    """A `dot` that writes down what it was called with; the PATH holds nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "dot"
    program.write_text(
        f"#!{sys.executable}\nimport sys\n"
        f"open({str(tmp_path / 'called')!r}, 'w').write(' '.join(sys.argv[1:]) + '\\n' + sys.stdin.read())\n"
        "print('Warning: no hard-coded metrics for a font', file=sys.stderr)\n"
        "sys.stdout.write('<svg>fake</svg>')\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.delenv("TAPEGRAD_RENDERER")
    monkeypatch.setenv("PATH", str(folder))
    return tmp_path / "called"


def leaf(value, name=None, grad=True):
    return tg.Tensor(value, requires_grad=grad, name=name)


def expression():
    """tanh(a * b + c), and its leaves."""
    a, b, c = leaf(2.0, "a"), leaf(-3.0, "b"), leaf(6.5, "c")
    e = a * b
    e.name = "e"
    out = np.tanh(e + c)
    out.name = "L"
    return out, (a, b, c)


def network():
    rng = np.random.default_rng(0)
    x = leaf(rng.normal(size=(4, 3)), "x", grad=False)
    y = leaf(rng.normal(size=(4, 2)), "y", grad=False)
    h = x
    with tg.scope("encoder"):
        for i, (m, n) in enumerate([(3, 5), (5, 5)]):
            with tg.scope(str(i)):
                z = np.tanh(h @ leaf(rng.normal(size=(m, n)), "weight") + leaf(np.zeros(n), "bias"))
                h = z + h if m == n else z
    with tg.scope("head"):
        out = h @ leaf(rng.normal(size=(5, 2)), "weight")
    d = out - y
    loss = (d * d).mean()
    loss.name = "loss"
    return loss


def golden(name, text):
    """Compare with the file; to accept a change, look at the picture and run with TAPEGRAD_GOLDEN=write."""
    path = GOLDEN / name
    if os.environ.get("TAPEGRAD_GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


def rows_of(drawn, title):
    (box,) = [b for b in drawn.boxes if b.title == title and b.kind != "disc"]
    return {row.left: row.right for row in box.rows}


def titles(drawn):
    return [b.title for b in drawn.boxes]


def assert_tidy(drawn):
    """In the built-in layout no boxes overlap, frames hold what is theirs and nothing else, arrows join boxes."""
    sizes = {b.name: (70.0 + 5 * (k % 7), 30.0 + 9 * (k % 4)) for k, b in enumerate(drawn.boxes)}
    placed = layout(drawn, sizes, [40.0] * len(drawn.scopes))
    rects = [placed.boxes[b.name] for b in drawn.boxes]
    edges = np.array([[r.x, r.y, r.x + r.width, r.y + r.height] for r in rects])
    assert edges.min() > -0.01
    assert edges[:, 2].max() < placed.width + 0.01
    assert edges[:, 3].max() < placed.height + 0.01
    for k in range(len(rects)):
        over = (edges[k, 0] < edges[:, 2]) & (edges[:, 0] < edges[k, 2])
        over &= (edges[k, 1] < edges[:, 3]) & (edges[:, 1] < edges[k, 3])
        assert over.sum() == 1, drawn.boxes[k]
    for k, frame in enumerate(placed.scopes):
        for box, rect in zip(drawn.boxes, rects, strict=True):
            scope, inside = box.scope, False
            while scope >= 0:
                inside |= scope == k
                scope = drawn.scopes[scope].parent
            apart = rect.x >= frame.x + frame.width or rect.x + rect.width <= frame.x
            apart |= rect.y >= frame.y + frame.height or rect.y + rect.height <= frame.y
            within = frame.x <= rect.x and rect.x + rect.width <= frame.x + frame.width
            within &= frame.y <= rect.y and rect.y + rect.height <= frame.y + frame.height
            assert within if inside else apart, (box.title, drawn.scopes[k].label)
    forward = 0 if drawn.direction == "LR" else 1
    for arrow, points in zip(drawn.arrows, placed.routes, strict=True):
        for (x, y), name in ((points[0], arrow.tail), (points[-1], arrow.head)):
            r = placed.boxes[name]
            assert r.x - 0.01 <= x <= r.x + r.width + 0.01
            assert r.y - 0.01 <= y <= r.y + r.height + 0.01
        ahead = [p[forward] for p in points]
        assert ahead == sorted(ahead)
        for point in points[1:-1]:
            for rect in rects:
                assert not (
                    rect.x + 0.1 < point[0] < rect.x + rect.width - 0.1
                    and rect.y + 0.1 < point[1] < rect.y + rect.height - 0.1
                ), "an arrow bends inside a box"


# -- text ----------------------------------------------------------------------------------------------------


def test_golden_text():
    out, _ = expression()
    out.backward()
    drawn = model(Tape.of(out))
    golden("expression.gv", dot(drawn))
    golden("expression.svg", svg(drawn))
    net = model(Tape.of(network()))
    golden("network.gv", dot(net, "dark"))
    golden("network.svg", svg(net, "dark"))


def test_the_same_from_run_to_run():
    first, second = network(), network()
    for options in ({}, {"show": "memory"}, {"depth": 0}, {"theme": "dark"}, {"direction": "LR"}):
        a, b = draw(first, **options), draw(second, **options)
        assert a.source == b.source
        assert a._repr_svg_() == b._repr_svg_()


def test_another_process_draws_the_same():
    code = (
        "import numpy as np, tapegrad as tg; from tapegrad.drawing import draw\n"
        "a, b = tg.Tensor(2.0, requires_grad=True, name='a'), tg.Tensor(3.0, requires_grad=True)\n"
        "print(draw(np.tanh(a * b + a)).source)"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True)
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout != b""


def test_source_is_the_text_of_the_model():
    loss = network()
    assert draw(loss).source == dot(model(Tape.of(loss)))


def test_names_are_escaped_and_ascii():
    name = 'a"<b>&\\N λ 中\n\x01'
    with tg.scope("s'\"<&>λ"):
        small = leaf(2.0, name) * 3.0
        large = leaf(np.ones(3), name) * 3.0
    for out in (small, large, large.sum()):
        picture = draw(out)
        assert picture.source.isascii()
        assert "<b>" not in picture.source
        assert "\\N" not in picture.source
        assert "&lt;b&gt;&amp;" in picture.source
        text = picture._repr_svg_()
        assert text.isascii()
        found = "".join(ElementTree.fromstring(text).itertext())
        assert 'a"<b>&\\N λ 中' in found
        assert "s'\"<&>λ" in found


def test_text_is_cut_and_measured():
    assert shorten("x" * 100, 20) == "xxxxxxxxx...xxxxxxxx"
    assert shorten(" \n") == "?"
    assert escape("\ud800\x00") == "??"
    assert width("ab", 10) == pytest.approx(11.12)
    assert width("ab", 10, mono=True) == 12
    assert width("ab", 10) < width("ab", 10, bold=True) < width("中中", 10)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.0, "+2.0000"), (-1e-7, "-1.000e-07"), (np.float32(3e9), "+3.000e+09"), (0.0, "+0.0000"), (np.nan, "+nan"),
        (-np.inf, "-inf"), (np.int64(3), "+3"), (True, "True"), (1 - 2j, "+1.0000-2.0000j"), (np.ones(1), "+1.0000"),
        (np.arange(6.0), "[+0.0000 +1.0000 +2.0000 +3.0000 ...]"),
    ],
)  # fmt: skip
def test_numbers_as_text(value, text):
    assert number_text(value) == text


# -- expressions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after", "retained"])
def test_values_and_gradients_of_an_expression(when):
    out, leaves = expression()
    if when != "before":
        out.backward(retain_graph=when == "retained")
    held = [t.grad for t in leaves]
    copies = [None if g is None else g.numpy().copy() for g in held]
    drawn = model(Tape.of(out))
    assert (drawn.kind, drawn.direction, drawn.caption) == ("expression", "LR", ())
    slope = 1 - np.tanh(0.5) ** 2
    for name, value, gradient in [("a", 2, -3 * slope), ("b", -3, 2 * slope), ("c", 6.5, slope), ("e", -6, slope)]:
        assert rows_of(drawn, name) == {"value": f"{value:+.4f}", "grad": f"{gradient:+.4f}"}
    assert rows_of(drawn, "L") == {"value": f"{np.tanh(0.5):+.4f}", "grad": "+1.0000"}
    assert [b.title for b in drawn.boxes if b.kind == "disc"] == ["*", "+", "tanh"]
    for t, g, copy in zip(leaves, held, copies, strict=True):
        assert t.grad is g
        assert g is None or np.array_equal(g.numpy(), copy)


def test_drawing_does_not_spend_the_tape():
    out, (a, _, _) = expression()
    hooked = []
    a.register_hook(hooked.append)
    draw(out)._repr_svg_()
    assert not hooked
    assert a.grad is None
    out.backward()
    assert a.grad is not None
    assert len(hooked) == 1
    with pytest.raises(RuntimeError, match="walked before"):
        out.backward()
    draw(out)._repr_svg_()


def test_drawing_leaves_the_modes_alone():
    out, _ = expression()
    with tg.no_grad(), tg.scope("s"):
        assert model(Tape.of(out)).caption == ()
        assert not tg.is_grad_enabled()
    assert tg.is_grad_enabled()


def test_a_square_as_a_product_has_two_arrows():
    x = leaf(3.0, "x")
    drawn = model(Tape.of(x * x))
    assert drawn.arrows.count(Arrow("n0", "o1")) == 2
    assert rows_of(drawn, "x") == {"value": "+3.0000", "grad": "+6.0000"}


def test_constants_stand_on_the_disc():
    x = leaf(3.0, "x")
    drawn = model(Tape.of(2.0 / (x * 0.1 - 1.0) ** 3))
    assert [b.title for b in drawn.boxes if b.kind == "disc"] == ["* 0.1", "- 1.0", "** 3", "2.0 /"]


def test_gradients_added_up_are_shown_as_they_are():
    x = leaf(3.0, "x")
    y = x * 2.0
    y.backward(retain_graph=True)
    y.backward()
    drawn = model(Tape.of(y))
    assert rows_of(drawn, "x")["grad"] == "+4.0000"
    assert "grad of x" in drawn.caption[0]


def test_a_changed_leaf_is_told():
    x = leaf(3.0, "x")
    y = x * x
    with tg.no_grad():
        x -= 1.0
    drawn = model(Tape.of(y))
    assert "changed since" in drawn.caption[0]
    assert rows_of(drawn, "x") == {"value": "+3.0000", "grad": "+6.0000"}
    assert "changed since" in dot(drawn)
    assert "changed since" in svg(drawn)


def test_a_leaf_written_through_data_is_told():
    x = leaf(3.0, "x")
    y = x * x
    x.data[...] = 5.0
    drawn = model(Tape.of(y))
    assert drawn.caption == ("x changed since this was recorded: the picture shows what was recorded",)
    assert rows_of(drawn, "x") == {"value": "+3.0000", "grad": "+6.0000"}


def test_without_numbers():
    out, _ = expression()
    assert all(not b.rows for b in model(Tape.of(out), values=False).boxes)


def test_small_arrays_with_numbers():
    v = leaf([1.0, 2.0], "v")
    drawn = model(Tape.of((v * 2.0).sum()), show="values")
    assert rows_of(drawn, "v") == {"value": "[+1.0000 +2.0000]", "grad": "[+2.0000 +2.0000]"}
    assert model(Tape.of((v * 2.0).sum())).kind == "network"


def test_second_order_tapes_draw():
    x = leaf(0.5, "x")
    g = tg.grad(np.tanh(x), x, create_graph=True)
    t = np.tanh(0.5)
    assert rows_of(model(Tape.of(g)), "x")["grad"] == f"{-2 * t * (1 - t * t):+.4f}"


def test_a_lost_leaf_leaves_gradients_out():
    v = leaf(np.arange(20.0))
    out = (v * 2.0).sum()
    del v
    drawn = model(Tape.of(out), show="values")
    assert "left out" in drawn.caption[0]
    assert rows_of(drawn, "%2") == {"value": "+380.0000"}


# -- networks ------------------------------------------------------------------------------------------------


def test_cards_of_a_network():
    drawn = model(Tape.of(network()))
    assert (drawn.kind, drawn.direction) == ("network", "TB")
    assert [b.title for b in drawn.boxes if b.kind == "pill"] == ["x", "y"]
    first = next(b for b in drawn.boxes if b.title == "matmul")
    assert (first.family, first.type, first.size) == ("linear", "f64 [4, 5]", "160 B")
    assert first.rows == (Row("parameter", "weight", "[3, 5]"), Row("kept", "kept: x"))
    (loss,) = [b for b in drawn.boxes if b.output]
    assert (loss.title, loss.family, loss.type) == ("loss = mean", "loss", "f64 scalar")
    assert [s.label for s in drawn.scopes] == ["encoder", "encoder.0", "encoder.1", "head"]
    assert [s.parent for s in drawn.scopes] == [-1, 0, 0, -1]
    assert_tidy(drawn)
    assert_tidy(model(Tape.of(network()), direction="LR"))


def test_scopes_are_nested_clusters():
    source = draw(network()).source
    encoder = source.index("subgraph cluster_0 {")
    inner = source.index("subgraph cluster_1 {")
    assert encoder < inner < source.index("encoder.0") < source.index("encoder.1") < source.index("<B>head")
    assert source.count("{") == source.count("}")


def test_a_scope_entered_again_is_another():
    x = leaf(1.0, "x")
    with tg.scope("a"):
        y = x * 2.0
    z = y + 1.0
    with tg.scope("a"):
        w = z * y
    drawn = model(Tape.of(w))
    assert [s.label for s in drawn.scopes] == ["a", "a"]
    assert_tidy(drawn)
    assert_tidy(model(Tape.of(w), depth=0))


def test_folding():
    loss = network()
    shallow = model(Tape.of(loss), depth=0)
    assert [b.title for b in shallow.boxes if b.kind == "fold"] == ["encoder", "head"]
    encoder = next(b for b in shallow.boxes if b.title == "encoder")
    assert encoder.type == "7 ops"
    assert rows_of(shallow, "encoder") == {"4 parameters": "400 B"}
    one = model(Tape.of(loss), depth=1)
    assert [b.title for b in one.boxes if b.kind == "fold"] == ["encoder.0", "encoder.1"]
    assert len(model(Tape.of(loss), depth=9).boxes) == len(model(Tape.of(loss)).boxes)
    assert_tidy(one)


def blocks(count):
    h = leaf(np.ones((2, 3)), "x", grad=False)
    for i in range(count):
        with tg.scope(f"block.{i}"):
            h = h + np.tanh(h @ leaf(np.ones((3, 3)), "weight"))
    return h.sum()


def test_equal_blocks_are_folded_into_one():
    drawn = model(Tape.of(blocks(12)), depth=0)
    (fold,) = [b for b in drawn.boxes if b.kind == "fold"]
    assert (fold.title, fold.note, fold.type) == ("block.0 ... block.11", "x 12", "36 ops")
    assert len(drawn.boxes) == 3


def test_large_tapes_fold_by_themselves():
    assert len(model(Tape.of(blocks(300))).boxes) == 3
    assert len(model(Tape.of(blocks(100))).boxes) == 302


def test_memory():
    loss = network()
    drawn = model(Tape.of(loss), show="memory")
    kept = sum(Tape.of(loss).kept().values())
    assert drawn.caption == (f"{kept} B kept for the backward; what several keep counts once",)
    first = next(b for b in drawn.boxes if b.title == "matmul")
    assert first.note == "keeps 96 B"
    loss.backward()
    spent = model(Tape.of(loss), show="memory")
    assert Row("kept", "kept: x", "freed") in next(b for b in spent.boxes if b.title == "matmul").rows


def test_inputs_of_many_uses_are_written_on_the_cards():
    x, y = leaf(np.ones(3), "x", grad=False), leaf(np.ones(3), "y")
    for _ in range(10):
        y = y * x
    drawn = model(Tape.of(y))
    assert "x" not in titles(drawn)
    assert all(Row("input", "x", "[3]") in b.rows for b in drawn.boxes)


def test_several_outputs_and_parts_of_tapes():
    x = leaf(np.ones((2, 3)), "x")
    y = x * 2.0
    z = y.sum()
    drawn = model(Tape.of(y, z))
    assert [b.output for b in drawn.boxes] == [True, True]
    assert draw(y, z).source == draw(Tape.of(y, z)).source
    assert [b.title for b in model(Tape.of(z)[2:]).boxes] == ["...", "sum"]
    assert [b.title for b in model(Tape.of(x)).boxes] == ["x"]
    assert svg(model(Tape.of(x)))
    values, places = OPS["sort"].with_aux(x, axis=1) if "sort" in OPS else (x + 1, x)
    assert "part" not in titles(model(Tape.of(values * 2.0)))
    assert "part" not in titles(model(Tape.of(values, places)))


def test_numbered_layers_of_one_card_have_no_frame():
    h = leaf(np.ones((2, 3)), "x", grad=False)
    for i in range(2):
        with tg.scope("body"), tg.scope(str(i)):
            h = h @ leaf(np.ones((3, 3)), "weight")
    with tg.scope("last"):
        h = np.tanh(h)
    drawn = model(Tape.of(h))
    assert [s.label for s in drawn.scopes] == ["body", "last"]
    assert [b.note for b in drawn.boxes] == ["", "body.0", "body.1", ""]


def test_parameters_of_windows_are_short():
    x, w = leaf(np.ones((1, 1, 4, 4)), "x", grad=False), leaf(np.ones((1, 1, 3, 3)), "w")
    drawn = model(Tape.of(tg.conv2d(x, w, padding=1)))
    assert Row("note", "padding=1") in drawn.boxes[1].rows


def test_families():
    wanted = {
        "matmul": "linear", "tanh": "activation", "add": "elementwise", "getitem": "shape", "reshape": "shape",
        "sum": "elementwise", "softmax": "activation", "conjugate": "elementwise", "logsumexp": "elementwise",
    }  # fmt: skip
    assert {name: family(OPS[name]) for name in wanted} == wanted


# -- size ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.5, np.full((2, 2), 0.5)], ids=["expression", "network"])
def test_a_long_chain_is_cut(value):
    y = leaf(value, "x")
    for _ in range(20_000):
        y = y * 1.0001
    picture = draw(y)
    text = picture._repr_svg_()
    assert "ops left out" in text
    assert picture.source.count("->") < 200


def test_a_wide_tangle_is_laid_out_tidily():
    rng = np.random.default_rng(3)
    made = [leaf(np.ones((2, 2)), "x") * 1.0]
    for k in range(120):
        i, j = rng.integers(max(0, k - 12), k + 1, 2)
        with tg.scope(f"s{k // 11}"):
            made.append(made[i] + made[j])
    out = made[-1].sum() + made[60].sum()
    for depth in (None, 0):
        for direction in ("TB", "LR"):
            assert_tidy(model(Tape.of(out), depth=depth, direction=direction))


def test_layout_of_nothing_and_of_a_line():
    assert layered([], [], [], set(), set(), 1, 1).width == 0
    flat = layered([10, 30, 20], [5, 5, 5], [Edge(0, 1), Edge(1, 2)], set(), set(), 4, 6)
    assert flat.x == [15, 15, 15]
    assert flat.y == [2.5, 13.5, 24.5]
    assert flat.routes == [[(15, 5), (15, 11)], [(15, 16), (15, 22)]]


# -- files, formats, renderers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"format": "gif"}, "'svg', 'png', 'pdf', 'gv', 'dot'"),
        ({"theme": "blue"}, "'light', 'dark'"),
        ({"direction": "RL"}, "'TB', 'LR'"),
        ({"show": "colour"}, "'values', 'memory'"),
        ({"show": "gradients"}, "not there yet; 'values', 'memory' are"),
        ({"show": "time"}, "not there yet"),
        ({"depth": -1}, "from 0 on"),
        ({"depth": 1.5}, "from 0 on"),
        ({"path": "x.gif"}, "must end in one of .svg, .png"),
        ({"path": "x"}, "must end in one of"),
        ({"path": "x.svg", "format": "png"}, "ends in .svg, but format='png'"),
    ],
)
def test_wrong_options(options, words):
    out, _ = expression()
    with pytest.raises(ValueError, match="draw: ") as error:
        draw(out, **options)
    assert words in str(error.value)


def test_wrong_things():
    out, _ = expression()
    with pytest.raises(TypeError, match="expected Tensors or a Tape"):
        draw(np.ones(3))
    with pytest.raises(ValueError, match="one Tape, or one or more Tensors"):
        draw(Tape.of(out), out)
    with pytest.raises(ValueError, match="nothing is recorded"):
        draw(tg.Tensor(1.0))


def test_without_any_renderer(no_programs, tmp_path):
    out, _ = expression()
    picture = draw(out, path=tmp_path / "x.svg")
    assert ElementTree.parse(tmp_path / "x.svg").getroot().tag.endswith("svg")
    assert (tmp_path / "x.svg").read_text() == picture._repr_svg_() == out._repr_svg_() == Tape.of(out)._repr_svg_()
    assert picture._repr_mimebundle_() == {"image/svg+xml": picture._repr_svg_()}
    for kind in ("png", "pdf"):
        with pytest.raises(RuntimeError, match=r"pip install 'tapegrad\[viz\]'"):
            draw(out, path=tmp_path / f"x.{kind}")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.svg"]
    picture.node("mine")
    with pytest.raises(RuntimeError, match="changed by hand"):
        picture.pipe("svg")


def test_text_files(tmp_path):
    out, _ = expression()
    for ending in ("gv", "dot"):
        picture = draw(out, path=str(tmp_path / f"x.{ending}"))
        assert (tmp_path / f"x.{ending}").read_text() == picture.source
    assert draw(out, path=tmp_path / "plain", format="svg").format == "svg"
    assert (tmp_path / "plain").read_text().startswith("<svg")
    assert len(list(tmp_path.iterdir())) == 3


def test_render_and_save_as_graphviz_does(tmp_path):
    out, _ = expression()
    picture = draw(out)
    assert Path(picture.render("picture.gv", directory=tmp_path)) == tmp_path / "picture.gv.svg"
    assert (tmp_path / "picture.gv").read_text() == picture.source
    assert Path(picture.render(outfile=tmp_path / "other.svg", cleanup=True)) == tmp_path / "other.svg"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other.svg", "picture.gv", "picture.gv.svg"]
    assert picture.copy().pipe("svg") == picture.pipe("svg")
    assert picture.pipe("gv", encoding="ascii") == picture.source


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    out, _ = expression()
    target = tmp_path / "x.svg"
    target.write_text("old")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(rendering.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        draw(out, path=target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(os.name == "nt", reason="the fake program is a script with a first line")
class TestPrograms:
    def test_dot_on_the_path(self, fake_dot, capfd):
        out, _ = expression()
        picture = draw(out)
        assert picture._repr_svg_() == "<svg>fake</svg>"
        assert picture.pipe("png") == b"<svg>fake</svg>"
        command, _, source = fake_dot.read_text().partition("\n")
        assert command == "-Kdot -Tpng"
        assert source == picture.source
        assert capfd.readouterr().err == ""

    def test_builtin_wins_when_asked_for(self, fake_dot, monkeypatch):
        out, _ = expression()
        assert "fake" not in draw(out, renderer="builtin")._repr_svg_()
        monkeypatch.setenv("TAPEGRAD_RENDERER", "builtin")
        assert "fake" not in draw(out)._repr_svg_()
        assert "fake" in draw(out, renderer="dot")._repr_svg_()

    def test_a_program_by_its_path(self, fake_dot, monkeypatch):
        out, _ = expression()
        program = os.path.join(os.environ["PATH"], "dot")
        monkeypatch.setenv("PATH", "")
        monkeypatch.setattr(rendering, "_installed", lambda: None)
        assert draw(out, renderer=program)._repr_svg_() == "<svg>fake</svg>"
        monkeypatch.setenv("TAPEGRAD_RENDERER", program)
        assert draw(out)._repr_svg_() == "<svg>fake</svg>"

    def test_graphviz_pure_when_there_is_no_dot(self, fake_dot, monkeypatch):
        out, _ = expression()
        folder = Path(os.environ["PATH"])
        (folder / "dot").rename(folder / "graphviz-pure")
        monkeypatch.setattr(rendering.sysconfig, "get_path", lambda name: str(folder))
        monkeypatch.setenv("PATH", "")
        draw(out).pipe("png")
        assert "-Tpng -Gsize=" in fake_dot.read_text()
        with pytest.raises(RuntimeError, match="makes no pdf"):
            draw(out).pipe("pdf")

    def test_a_program_that_fails(self, fake_dot):
        out, _ = expression()
        program = Path(os.environ["PATH"]) / "dot"
        program.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('syntax error in line 1')\n")
        with pytest.raises(subprocess.CalledProcessError, match="syntax error in line 1"):
            draw(out).pipe("svg")

    def test_a_program_that_is_not_there(self):
        out, _ = expression()
        with pytest.raises(RuntimeError, match="'no-such-dot' is no program"):
            draw(out, renderer="no-such-dot").pipe("svg")


@pytest.mark.skipif(rendering.shutil.which("dot") is None, reason="needs Graphviz")
def test_real_graphviz_takes_the_text(tmp_path):
    for out in (expression()[0], network(), leaf(np.ones(3), 'a"<b>&\\N λ') * 2.0):
        text = draw(out, renderer="dot").pipe("svg", encoding="utf-8")
        assert ElementTree.fromstring(text).tag.endswith("svg")


def test_importing_does_not_import_graphviz():
    code = "import sys, tapegrad.drawing; sys.exit('graphviz' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
