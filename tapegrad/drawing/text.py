"""Text for pictures: made safe for HTML labels and SVG, cut to size, and measured without any font.

Knows characters only; must not know what is drawn.
"""

from __future__ import annotations

__all__ = ["escape", "escape_dot", "quote", "shorten", "width"]

# advance widths in 1/1000 em, from space to tilde: Helvetica and Helvetica-Bold (Adobe's font metrics files)
PLAIN = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
)  # fmt: skip
BOLD = (
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611,
    556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389,
    280, 389, 584,
)  # fmt: skip
SPECIAL = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
MONO = 600  # Courier, every character


def width(text: str, size: float, mono: bool = False, bold: bool = False) -> float:
    """How wide `text` is at a font size, in the same unit; outside ASCII an estimate that errs on the wide side."""
    total = 0
    for c in text:
        code = ord(c)
        if code >= 0x1100:  # from here on scripts whose letters are as wide as high
            total += 1000
        elif mono:
            total += MONO
        elif 32 <= code < 127:
            total += (BOLD if bold else PLAIN)[code - 32]
        else:
            total += 667
    return total * size / 1000


def shorten(text: str, limit: int = 40) -> str:
    """At most `limit` characters: a longer text loses its middle. Line ends and control characters become spaces."""
    text = "".join(c if c.isprintable() else " " for c in text).strip() or "?"
    if len(text) <= limit:
        return text
    tail = (limit - 3) // 2
    return f"{text[: limit - 3 - tail]}...{text[-tail:]}"


def escape(text: str) -> str:
    """For XML and HTML labels, in ASCII: what is not becomes a numeric reference, what XML forbids a question mark."""
    pieces = []
    for c in text:
        code = ord(c)
        if c in SPECIAL:
            pieces.append(SPECIAL[c])
        elif 32 <= code < 127:
            pieces.append(c)
        elif code < 32 or code == 127 or 0xD800 <= code < 0xE000 or code in (0xFFFE, 0xFFFF):
            pieces.append("?")
        else:
            pieces.append(f"&#{code};")
    return "".join(pieces)


def escape_dot(text: str) -> str:
    """For DOT, whose labels read `\\N` as the name of the node, HTML labels and references too, and know no way to say
    a plain backslash: a set minus stands for it, which looks the same."""
    return escape(text.replace("\\", "\u2216"))


def quote(text: str) -> str:
    """A DOT string in double quotes."""
    return f'"{escape_dot(text)}"'
