"""DOT text to a picture: looks for a renderer, runs it, writes files. The only place that knows graphviz.

Searched in this order: what is asked for (an argument, or TAPEGRAD_RENDERER in the environment: a program, or
"builtin"), `dot` on the PATH, `graphviz-pure` (pip), and last the built-in layout, which makes SVG only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import graphviz  # type: ignore[import-untyped, unused-ignore]

__all__ = ["Picture", "RendererNotFound", "find", "write"]

BUILTIN = "builtin"
TEXT = ("gv", "dot", "canon")  # formats that are the DOT text itself
PURE_LACKS = ("pdf", "ps", "eps")
NOISE = ("metrics", "non-ASCII", "ontconfig")  # a Graphviz without fonts guesses widths and says so at every word
PURE_SIZE = "60,300"  # inches: a larger bitmap would eat the memory of the machine


class RendererNotFound(graphviz.ExecutableNotFound):  # type: ignore[misc, unused-ignore]
    """No renderer for the format asked for; a RuntimeError that names the ways out."""

    def __init__(self, message: str) -> None:
        RuntimeError.__init__(self, message)


def find(asked: str | None = None) -> str:
    """The path of the program that draws, or "builtin".

    Raises RendererNotFound if a program is asked for by name and is not there.
    """
    asked = asked or os.environ.get("TAPEGRAD_RENDERER") or None
    if asked == BUILTIN:
        return BUILTIN
    if asked is not None:
        program = shutil.which(asked) or (_installed() if asked == "graphviz-pure" else None)
        if program is None:
            raise RendererNotFound(
                f"draw: the renderer {asked!r} is no program that can be run. Name one (a path, dot, graphviz-pure) or "
                '"builtin"; it was asked for by renderer= or by TAPEGRAD_RENDERER in the environment.'
            )
        return program
    return shutil.which("dot") or _installed() or BUILTIN


def _installed() -> str | None:
    """The graphviz-pure that pip installed, also when the environment's programs are not on the PATH."""
    places = [None, sysconfig.get_path("scripts"), str(Path(sys.executable).parent)]
    return next((found for place in places if (found := shutil.which("graphviz-pure", path=place))), None)


def _pure(program: str) -> bool:
    return "graphviz-pure" in Path(program).name


def run(program: str, source: str, format: str, engine: str | None, extra: list[str], quiet: bool) -> bytes:
    """The picture that `program` makes of the DOT text.

    Raises RendererNotFound for a format it has not, RuntimeError with its own words if it fails.
    """
    if _pure(program):
        if format in PURE_LACKS:
            raise RendererNotFound(
                f"draw: graphviz-pure makes no {format}. Install Graphviz (https://graphviz.org/download), which does, "
                "or use .svg or .png."
            )
        if format.partition(":")[0] in ("png", "jpg", "jpeg"):
            extra = [*extra, f"-Gsize={PURE_SIZE}"]
    command = [program, f"-K{engine or 'dot'}", f"-T{format}", *extra]
    try:
        done = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
    except OSError as error:
        raise RendererNotFound(f"draw: the renderer {program} cannot be run: {error}") from error
    if done.returncode != 0:
        raise graphviz.CalledProcessError(done.returncode, command, output=done.stdout, stderr=done.stderr)
    for words in done.stderr.decode(errors="replace").splitlines():
        if not quiet and not any(noise in words for noise in NOISE):
            print(words, file=sys.stderr)
    return done.stdout


def write(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file in one step: a reader sees the old one or the new one, and a failure leaves nothing behind."""
    target = Path(path)
    part = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        part.write_bytes(content)
        os.replace(part, target)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


class Picture(graphviz.Digraph):  # type: ignore[misc, unused-ignore]
    """A graphviz.Digraph of a tape; `.source`, `.pipe`, `.render`, `.save`, `.view` as with any, but it also draws
    where Graphviz is not installed."""

    def __init__(
        self, *args: Any, builtin: Callable[[], str] | None = None, program: str | None = None, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._builtin = builtin  # makes the SVG without any program
        self._program = program  # what was asked for
        self._drawn = self.source

    def copy(self) -> Any:
        """An independent copy."""
        other = super().copy()
        other._builtin, other._program, other._drawn = self._builtin, self._program, self._drawn
        return other

    def pipe(
        self, format: str | None = None, renderer: str | None = None, formatter: str | None = None,
        neato_no_op: bool | int | None = None, quiet: bool = False, *, engine: str | None = None,
        encoding: str | None = None,
    ) -> Any:  # fmt: skip
        """The picture as bytes, or as text given an encoding, by the renderer that is found.

        Raises RendererNotFound if none can make the format.
        """
        format = (format or self.format).lower()
        program = find(self._program)
        if program == BUILTIN:
            content = self._without_program(format)
        else:
            kind = ":".join(part for part in (format, renderer, formatter) if part)
            extra = [] if neato_no_op is None else [f"-n{int(neato_no_op)}"]
            content = run(program, self.source, kind, engine or self.engine, extra, quiet)
        return content.decode(encoding) if encoding else content

    def _without_program(self, format: str) -> bytes:
        if format in TEXT:
            return str(self.source).encode()
        if format != "svg":
            raise RendererNotFound(
                f"draw: a {format} needs a renderer, and there is none. Install Graphviz "
                "(https://graphviz.org/download), or `pip install 'tapegrad[viz]'`, or use .svg, which needs nothing."
            )
        if self._builtin is None or self.source != self._drawn:
            raise RendererNotFound(
                "draw: this graph was changed by hand, and the built-in layout draws tapes only. Install Graphviz "
                "(https://graphviz.org/download), or `pip install 'tapegrad[viz]'`."
            )
        return self._builtin().encode()

    def render(
        self, filename: Any = None, directory: Any = None, view: bool = False, cleanup: bool = False,
        format: str | None = None, renderer: str | None = None, formatter: str | None = None,
        neato_no_op: bool | int | None = None, quiet: bool = False, quiet_view: bool = False, *, outfile: Any = None,
        engine: str | None = None, raise_if_result_exists: bool = False, overwrite_source: bool = False,
    ) -> str:  # fmt: skip
        """Save the DOT text, draw it, and give the path of the picture: `filename` and the format as its ending."""
        if outfile is not None:
            outfile = Path(self.directory if directory is None else directory) / outfile
            format = format or outfile.suffix.lstrip(".") or None
            filename = outfile.with_suffix(".gv").name if filename is None else filename
            directory = outfile.parent if directory is None else directory
        format = (format or self.format).lower()
        content = self.pipe(format, renderer, formatter, neato_no_op, quiet, engine=engine)
        source = Path(self.save(filename, directory=directory))
        ending = ".".join(part for part in (formatter, renderer, format) if part)
        result = source.with_name(f"{source.name}.{ending}") if outfile is None else Path(outfile)
        if result == source and not overwrite_source:
            raise ValueError(f"render: the picture {result} would overwrite the DOT text it is made of")
        if raise_if_result_exists and result.exists():
            raise graphviz.FileExistsError(f"output file exists: {str(result)!r}")
        write(result, content)
        if cleanup and result != source:
            source.unlink()
        if view or quiet_view:
            graphviz.view(str(result), quiet=quiet_view)
        return str(result)

    def _repr_svg_(self) -> str:
        return str(self.pipe("svg", quiet=True, encoding="utf-8"))

    def _repr_image_svg_xml(self) -> str:
        return self._repr_svg_()
