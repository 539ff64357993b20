"""The colours of a picture, light and dark. Knows families and roles by name; must not know boxes, DOT or SVG."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["THEMES", "Theme"]


@dataclass(frozen=True)
class Theme:
    """One set of colours. `families` maps an op family to (fill, ink); the ink also draws the border."""

    page: str
    ink: str  # plain text
    muted: str  # sizes, what is kept, captions
    edge: str
    gradient: str
    parameter: str
    scope_line: str
    scope_fills: tuple[str, str]  # odd and even levels of nesting
    families: dict[str, tuple[str, str]]


LIGHT = Theme(
    page="#FFFFFF",
    ink="#1F2328",
    muted="#656D76",
    edge="#8C959F",
    gradient="#0969DA",
    parameter="#BC4C00",
    scope_line="#D0D7DE",
    scope_fills=("#F6F8FA", "#FFFFFF"),
    families={
        "linear": ("#DDF4FF", "#0969DA"),
        "norm": ("#FBEFFF", "#8250DF"),
        "activation": ("#DAFBE1", "#1A7F37"),
        "shape": ("#EAEEF2", "#57606A"),
        "elementwise": ("#FFF8C5", "#9A6700"),
        "loss": ("#FFEBE9", "#CF222E"),
        "input": ("#0969DA", "#FFFFFF"),
        "parameter": ("#FFF1E5", "#BC4C00"),
        "constant": ("#DDF4FF", "#0969DA"),
        "value": ("#FFFFFF", "#8C959F"),
        "folded": ("#FFFFFF", "#57606A"),
    },
)

DARK = Theme(
    page="#0D1117",
    ink="#E6EDF3",
    muted="#8B949E",
    edge="#6E7681",
    gradient="#79C0FF",
    parameter="#FFA657",
    scope_line="#30363D",
    scope_fills=("#161B22", "#0D1117"),
    families={
        "linear": ("#0C2D6B", "#79C0FF"),
        "norm": ("#3C1E70", "#D2A8FF"),
        "activation": ("#0F3D1E", "#56D364"),
        "shape": ("#21262D", "#B1BAC4"),
        "elementwise": ("#3B2E00", "#E3B341"),
        "loss": ("#5A1E1A", "#FF7B72"),
        "input": ("#1F6FEB", "#FFFFFF"),
        "parameter": ("#3D1F00", "#FFA657"),
        "constant": ("#0C2D6B", "#79C0FF"),
        "value": ("#0D1117", "#6E7681"),
        "folded": ("#0D1117", "#B1BAC4"),
    },
)

THEMES = {"light": LIGHT, "dark": DARK}
