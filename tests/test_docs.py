"""Every Python block of the README and the docs runs, in order, in one namespace a page; the catalogue is current."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from tapegrad import catalogue
from tapegrad.registry import OPS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_code_blocks_run_and_print_what_the_page_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = page.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__docs__"}
    registered = dict(OPS)
    printed = ""
    for match in BLOCK.finditer(text):
        language, body = match.groups()
        line = text[: match.start()].count("\n") + 2
        if language == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile("\n" * (line - 1) + body, str(page), "exec"), namespace)
            printed = out.getvalue()
        elif language == "output":  # what the block before it prints
            assert printed.strip() == body.strip(), f"{page.name}, line {line}"
    for name in set(OPS) - set(registered):  # an op that a page adds is gone after the page
        del OPS[name]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    prose = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_op_catalogue_is_what_is_registered() -> None:
    written = (ROOT / "docs" / "ops.md").read_text(encoding="utf-8")
    assert written == catalogue.markdown(), "docs/ops.md is out of date: tapegrad ops --markdown > docs/ops.md"
