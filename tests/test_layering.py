"""Imports go left only: who may know whom. Read from the source, so that a lazy import counts too."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "tapegrad"

# Left to right; a file may import what stands left of it.
ROOMS = [
    "kernels", "tape", "samples", "generator", "arrays", "registry", "refusals", "ops", "linalg", "fft", "special",
    "emath", "backward", "numpy_protocol", "tensor", "modes", "creation", "random", "einops_backend", "forward",
    "trees", "func", "array_api", "optimize", "drawing", "differences", "check", "handwritten", "nn", "optim",
    "layers", "catalogue", "coverage", "expression", "precompile", "demo", "cli",
]  # fmt: skip
OPS = [
    "geometry", "structure", "discrete", "elementwise", "index", "keywords", "scan", "reduce", "spaced", "emath",
    "product", "ufunc_methods", "sorting", "sets", "selection", "signal", "nan_functions", "statistics", "padding",
    "histogram", "fourier", "solve", "factor", "least_squares", "polynomial", "matrix_norm", "matrix_equation",
    "matrix_function", "structured", "conv", "pool", "norm", "dense", "activation", "special", "gamma", "incomplete",
    "bessel", "hypergeometric", "dropout", "embedding", "distance", "loss",
]  # fmt: skip
# The only ways back up, each inside a method or command.
DOORS = {
    ("tape", "drawing"), ("tensor", "drawing"), ("tensor", "array_api"), ("cli", "demo"),
}  # fmt: skip
PUBLIC_ONLY = ("nn", "optim", "demo", "expression", "precompile", "cli")


def files() -> list[Path]:
    return [p for p in sorted(ROOT.rglob("*.py")) if p.name != "__main__.py" and p != ROOT / "__init__.py"]


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> list[tuple[str, bool]]:
    """The modules of this package that a file imports, as dotted names below the package, and: at module level?"""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = {id(n) for n in tree.body}
    package = list(path.relative_to(ROOT).parent.parts)
    found = []
    for node in ast.walk(tree):
        at_top = id(node) in top
        if isinstance(node, ast.ImportFrom):
            if node.level:
                base = package[: len(package) - (node.level - 1)]
                name = ".".join([*base, *([node.module] if node.module else [])])
                if node.module is None:
                    found += [(".".join([*base, alias.name]), at_top) for alias in node.names]
                else:
                    found.append((name, at_top))
            elif node.module and node.module.split(".")[0] == "tapegrad":
                found.append((".".join(node.module.split(".")[1:]), at_top))
        elif isinstance(node, ast.Import):
            found += [
                (".".join(a.name.split(".")[1:]), at_top) for a in node.names if a.name.split(".")[0] == "tapegrad"
            ]
    return found


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_left(path: Path) -> None:
    here = room_of(path)
    assert here in ROOMS, f"{path.name} is in no room: give it a place in ROOMS"
    for name, at_top in imported(path):
        if not name:  # `import tapegrad as tg`, the public face
            assert here in (*PUBLIC_ONLY, "layers"), f"{here} imports the public face"
            continue
        there = name.split(".")[0]
        if there == here:
            if here == "ops" and "." in name and path.name != "__init__.py":
                assert OPS.index(name.split(".")[1]) < OPS.index(path.stem), f"ops/{path.name} imports {name}"
            continue
        if (here, there) in DOORS:
            assert not at_top, f"{here} -> {there} is a door: import it inside the method"
            continue
        assert there in ROOMS, f"{path.name} imports {name}, which is in no room"
        assert ROOMS.index(there) < ROOMS.index(here), f"{here} must not import {there}: imports go left"


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_nn_and_optim_use_the_public_face_only(path: Path) -> None:
    here = room_of(path)
    if here not in ("nn", "optim"):
        return
    for name, _ in imported(path):
        there = name.split(".")[0] if name else ""
        assert there in ("", here, "nn"), f"{here}/{path.name} imports {name}; only the public names are its to use"
    source = path.read_text(encoding="utf-8")
    for inside in ("._data", ".node", "._leaf"):
        assert inside not in source, f"{here}/{path.name} reaches for {inside}"


def test_every_room_is_there() -> None:
    rooms = {room_of(p) for p in files()}
    assert rooms == set(ROOMS)
    assert {p.stem for p in (ROOT / "ops").glob("*.py")} - {"__init__"} == set(OPS)


def test_no_file_without_an_idea() -> None:
    for path in files():
        assert not set(path.stem.split("_")) & {"utils", "util", "helpers", "helper", "base", "misc", "common"}, path
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert docstring, f"{path} has no docstring"
