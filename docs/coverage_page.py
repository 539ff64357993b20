"""Writes docs/coverage.md from the registry: python docs/coverage_page.py."""

from __future__ import annotations

from pathlib import Path

from tapegrad.coverage import markdown

HERE = Path(__file__).parent

if __name__ == "__main__":
    (HERE / "coverage.md").write_text(markdown(HERE / "data"), encoding="utf-8")
