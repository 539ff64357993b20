"""Parameters in files: .npz or .safetensors by suffix, never pickles. A file is written whole or not at all.

A flat dict of arrays is stored as it is; anything nested, as an optimiser's state, as its arrays and a plan in JSON.
"""

from __future__ import annotations

import json
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


PLAN = "__plan__"  # the array that holds the JSON of a nested state


def save(module_or_state: Module | Mapping[str, Any], path: PathLike) -> None:
    """Write the state of a module, or arrays by name, to `path`, which ends in .npz or .safetensors.

    A state may also be nested, as an optimiser's: dicts, lists and tuples of arrays, numbers, strings and None.

    The file is written beside and then put in place at once: when that fails, an old file stays as it was.
    """
    target, suffix = _format(path, "save")
    state = module_or_state.state_dict() if isinstance(module_or_state, Module) else module_or_state
    if not isinstance(state, Mapping):
        raise TypeError(f"save: expected a Module or a dict of arrays by name, got {type(state).__name__}")
    if any(_is_nested(value) for value in state.values()):
        arrays: Arrays = {}
        plan = json.dumps(_packed(state, "", arrays))
        arrays[PLAN] = np.frombuffer(plan.encode(), np.uint8)
    else:
        if PLAN in state:
            raise ValueError(f"save: the name {PLAN!r} is taken by the format itself; give that array another name")
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


def load(path: PathLike) -> Any:
    """What `save` wrote, arrays by name or a nested state; or any .npz or .safetensors file of numbers.

    Raises ValueError, naming the file, where it is damaged or of another format.
    """
    target, suffix = _format(path, "load")
    with open(target, "rb") as file:  # FileNotFoundError and its kin name the file themselves
        try:
            arrays = READERS[suffix](file, target)
            for array in arrays.values():
                if array.dtype.kind not in "fciub":  # as bfloat16, once a package has told NumPy of it
                    raise TypeError(f"bfloat16, float8 or another dtype than NumPy's own: {array.dtype}")
            return _unpacked(json.loads(arrays.pop(PLAN).tobytes()), arrays) if PLAN in arrays else arrays
        except ImportError:
            raise
        except Exception as fault:  # whatever a damaged file makes a reader stumble over
            if "bfloat16" in str(fault) or "float8" in str(fault):
                raise ValueError(f"load: {os.fspath(path)} holds a dtype that NumPy does not have: {fault}") from fault
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


def _is_nested(value: Any) -> bool:
    """Whether a value is more than one array of numbers."""
    if isinstance(value, (list, tuple)):
        return any(_is_nested(item) for item in value)
    return isinstance(value, (Mapping, str)) or value is None


def _packed(tree: Any, path: str, arrays: Arrays) -> Any:
    """A nested state as JSON can hold it; its arrays go into `arrays` by their path."""
    if isinstance(tree, Mapping):
        for key in tree:
            if not isinstance(key, (str, int)) or isinstance(key, bool):
                raise TypeError(f"save: {key!r} cannot be a key; strings and ints can")
        return {"dict": [[key, _packed(value, f"{path}/{key}", arrays)] for key, value in tree.items()]}
    if isinstance(tree, (list, tuple)):
        kind = "list" if isinstance(tree, list) else "tuple"
        return {kind: [_packed(value, f"{path}/{i}", arrays) for i, value in enumerate(tree)]}
    if tree is None or isinstance(tree, (bool, int, float, str)):
        return {"value": tree}
    arrays[path] = _array(path, tree)
    return {"array": path}


def _unpacked(plan: Any, arrays: Arrays) -> Any:
    """The nested state again."""
    ((kind, what),) = plan.items()
    if kind == "dict":
        return {key: _unpacked(value, arrays) for key, value in what}
    if kind in ("list", "tuple"):
        items = [_unpacked(value, arrays) for value in what]
        return items if kind == "list" else tuple(items)
    if kind == "array":
        return arrays[what]
    if kind != "value":
        raise ValueError(f"its plan has an entry {kind!r}")
    return what


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
