"""Parameters in files: .npz or .safetensors by suffix, never pickles. A file is written whole or not at all."""

from __future__ import annotations

import os
import secrets
import zipfile
import zlib
from collections.abc import Callable, Collection, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

import tapegrad as tg

from .module import IncompatibleKeys, Module

__all__ = ["load", "load_into", "save"]

Arrays = dict[str, NDArray[Any]]
PathLike = str | os.PathLike[str]


def save(module_or_state: Module | Mapping[str, Any], path: PathLike) -> None:
    """Write the state of a module, or arrays by name, to `path`, which ends in .npz or .safetensors.

    The file is written beside and then put in place at once: when that fails, an old file stays as it was.
    """
    target, suffix = _format(path, "save")
    state = module_or_state.state_dict() if isinstance(module_or_state, Module) else module_or_state
    if not isinstance(state, Mapping):
        raise TypeError(f"save: expected a Module or a dict of arrays by name, got {type(state).__name__}")
    arrays = {_name(name): _array(name, value) for name, value in state.items()}
    write: Callable[[Arrays, BinaryIO], None] = WRITERS[suffix]
    beside = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
    try:
        with open(beside, "xb") as file:
            write(arrays, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def load(path: PathLike) -> Arrays:
    """The arrays by name that `save` wrote, or any .npz or .safetensors file of numbers.

    Raises ValueError, naming the file, where it is damaged or of another format.
    """
    target, suffix = _format(path, "load")
    with open(target, "rb") as file:  # FileNotFoundError and its kin name the file themselves
        try:
            return READERS[suffix](file, target)
        except (ImportError, MemoryError):
            raise
        except Exception as fault:  # whatever a damaged file makes a reader stumble over
            raise ValueError(
                f"load: {os.fspath(path)} cannot be read, it is damaged or no {suffix} file: {fault}"
            ) from fault


def load_into(module: Module, path: PathLike, strict: bool = True) -> IncompatibleKeys:
    """Set a module's parameters and buffers to those in a file. See load and Module.load_state_dict.

    Raises ValueError for a damaged file and RuntimeError for one of another model; the module is then as it was.
    """
    state = load(path)
    try:
        return module.load_state_dict(state, strict)
    except RuntimeError as fault:
        raise RuntimeError(f"{os.fspath(path)} does not fit: {fault}") from None


def _format(path: PathLike, what: str) -> tuple[Path, str]:
    target = Path(os.path.realpath(path))
    suffix = Path(path).suffix.lower()
    if suffix not in WRITERS:
        raise ValueError(f"{what}: {os.fspath(path)} must end in .npz or .safetensors")
    return target, suffix


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise TypeError(f"save: {name!r} cannot name an array; a string can")
    return name


def _array(name: str, value: Any) -> NDArray[Any]:
    """A value as a plain contiguous array of numbers in the machine's byte order."""
    if isinstance(value, Mapping):
        raise TypeError(f"save: {name} is a dict; save takes one flat dict of arrays")
    array = np.asarray(value.detach() if isinstance(value, tg.Tensor) else value, order="C")
    if array.dtype.kind not in "fciub":
        raise TypeError(f"save: {name} has dtype {array.dtype}; only numbers can be saved")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


# -- npz: a zip of .npy members, each with a checksum ----------------------------------------------------------


def _count(names: Collection[str]) -> bytes:
    return f"tapegrad: {len(names)} arrays".encode()


def _write_npz(arrays: Arrays, file: BinaryIO) -> None:
    # not np.savez, which takes the names as keywords and so cannot write an array called "file"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        archive.comment = _count(arrays)  # a damaged list of members can end early without an error
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(name + ".npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _read_npz(file: BinaryIO, target: Path) -> Arrays:
    arrays: Arrays = {}
    with zipfile.ZipFile(file) as archive:
        if archive.comment.startswith(b"t") and archive.comment != _count(archive.namelist()):
            raise ValueError(f"{len(archive.namelist())} arrays are found, and it says {archive.comment!r}")
        for member in archive.namelist():
            data = BytesIO(archive.read(member))
            arrays[member.removesuffix(".npy")] = np.lib.format.read_array(data, allow_pickle=False)
            if data.read(1):
                raise ValueError(f"{member} is longer than its header says")
    return arrays


# -- safetensors: the format has no checksum, so one goes into the free part of its header ----------------------


def _library() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as fault:
        raise ImportError("a .safetensors file needs the safetensors package: pip install 'tapegrad[io]'") from fault
    return safetensors


def _checksum(arrays: Mapping[str, NDArray[Any]]) -> str:
    total = 0
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        total = zlib.crc32(f"{name} {array.dtype.name} {array.shape}".encode(), total)
        total = zlib.crc32(array.tobytes(), total)
    return f"{total:08x}"


def _write_safetensors(arrays: Arrays, file: BinaryIO) -> None:
    file.write(_library().numpy.save(arrays, {"format": "np", "crc32": _checksum(arrays)}))


def _read_safetensors(file: BinaryIO, target: Path) -> Arrays:
    library = _library()
    with library.safe_open(target, framework="numpy") as source:
        arrays = {name: source.get_tensor(name) for name in source.keys()}  # noqa: SIM118
        said = (source.metadata() or {}).get("crc32")
    if said is not None and said != _checksum(arrays):
        raise ValueError("its checksum does not agree with what it holds")
    return arrays


WRITERS: dict[str, Callable[[Arrays, BinaryIO], None]] = {".npz": _write_npz, ".safetensors": _write_safetensors}
READERS: dict[str, Callable[[BinaryIO, Path], Arrays]] = {".npz": _read_npz, ".safetensors": _read_safetensors}
