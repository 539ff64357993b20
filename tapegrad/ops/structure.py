"""Ops that change shape, dtype or place, and leave the numbers alone. The other families are built on them."""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..registry import Leaf, Recorded, numpy_name, op, operand, raw, wrap
from ..samples import real

Axes = Any  # an int, a sequence of them, or None for all


def canonical_axes(axis: Axes, ndim: int, name: str) -> tuple[int, ...]:
    """An axis argument of the op `name` as a tuple of distinct non-negative ints; None means all."""
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, Recorded):
        if axis.dtype.kind not in "iu":
            raise TypeError(
                f"{name}: axis must be an int or a tuple of ints, got a Tensor of dtype {axis.dtype} {axis.shape}; of "
                "two arrays, tg.maximum and tg.minimum give the larger and the smaller entries"
            )
        axis = axis._data.tolist()
    try:
        return normalize_axis_tuple(axis, ndim, name)
    except np.exceptions.AxisError:
        raise _no_such_axis(axis, ndim, name) from None
    except TypeError:
        raise TypeError(f"{name}: axis must be an int or a tuple of ints, got {axis!r}") from None


def canonical_axis(axis: Any, ndim: int, name: str) -> int:
    """One axis of the op `name` as a non-negative int."""
    try:
        return normalize_axis_index(axis, ndim)
    except np.exceptions.AxisError:
        raise _no_such_axis(axis, ndim, name) from None
    except TypeError:
        raise TypeError(f"{name}: axis must be an int, got {axis!r}") from None


def _no_such_axis(axis: Any, ndim: int, name: str) -> Exception:
    there = f"there are {ndim}, from {-ndim} to {ndim - 1}" if ndim else "a number has none"
    return np.exceptions.AxisError(f"{name}: axis {axis} is out of bounds: {there}")


def lengths(shape: Any, name: str) -> tuple[int, ...]:
    """A shape argument of the op `name`, an int or a sequence of ints, as a tuple."""
    if isinstance(shape, Recorded):
        shape = shape._data
    try:
        return (operator.index(shape),)
    except TypeError:
        pass
    try:
        return tuple([operator.index(n) for n in shape])
    except TypeError:
        raise TypeError(f"{name}: a shape must be an int or a sequence of ints, got {shape!r}") from None


@op("linear")
def cast(x, *, dtype):
    """x as another dtype. The gradient is cast back; of a complex one the real part, where x is real."""
    return x.real.astype(dtype) if x.dtype.kind == "c" and np.dtype(dtype).kind != "c" else x.astype(dtype)


def on_cpu(device: Any, name: str) -> None:
    """Raise for a device that is not there."""
    if device not in (None, "cpu"):
        raise ValueError(f"{name}: device {device!r} is not 'cpu', and there is no other")


@op("linear")
def laid_out(x, *, order):
    """x in other memory, row-major ("C") or column-major ("F")."""
    return np.array(x, order=order)


laid_out.vjp(x=lambda g: g).sample(real(3, 4), order="F").sample(real(2, 3, 4), order="C").sample(real(), order="F")
cast.vjp(x=lambda g: g).sample(real(3, 4), dtype=np.dtype(np.float64)).sample(real(3), dtype=np.dtype(np.complex128))


@op("linear")
def sum_to(x, *, shape):
    """Sum away what broadcasting from `shape` added."""
    lead = x.ndim - len(shape)
    axes = tuple(range(lead)) + tuple([lead + k for k, n in enumerate(shape) if n == 1 and x.shape[lead + k] != 1])
    if axes:
        x = np.add.reduce(x, axis=axes)
    return np.asarray(x).reshape(shape)


@op("linear")
def broadcast_to_op(x, *, shape):
    """x repeated to `shape` without a copy."""
    return np.broadcast_to(x, shape)


sum_to.vjp(x=lambda g, x_shape: broadcast_to_op(reshape_op(g, shape=_aligned(g.shape, len(x_shape))), shape=x_shape))
sum_to.sample(real(2, 3, 4), shape=(3, 1)).sample(real(2, 3), shape=())
broadcast_to_op.vjp(x=lambda g, x_shape: sum_to(g, shape=x_shape))
broadcast_to_op.sample(real(3, 1), shape=(2, 3, 4)).sample(real(), shape=(2,)).sample(real(1, 2), shape=(0, 2))


def _aligned(shape: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    return (1,) * (ndim - len(shape)) + tuple(shape)


@op("linear", view=True)
def reshape_op(x, *, shape):
    """The elements of x, in row-major order, in another shape."""
    return x.reshape(shape)


reshape_op.vjp(x=lambda g, x_shape: reshape_op(g, shape=x_shape))
reshape_op.sample(real(2, 6), shape=(3, 4)).sample(real(), shape=(1, 1)).sample(real(0, 3), shape=(3, 0))


@op("linear", view=True)
def transpose_op(x, *, axes):
    """x with its axes in the order `axes`."""
    return x.transpose(axes)


transpose_op.vjp(x=lambda g, axes: transpose_op(g, axes=tuple(int(i) for i in np.argsort(axes))))
transpose_op.sample(real(2, 3, 4), axes=(2, 0, 1)).sample(real(3), axes=(0,))


@op("linear", view=True)
def flip_op(x, *, axis):
    """x with the order along each of the axes turned round."""
    return np.flip(x, axis)


flip_op.vjp(x=lambda g, axis: flip_op(g, axis=axis)).sample(real(3, 4), axis=(0,)).sample(real(2, 3), axis=(0, 1))


@op("linear")
def concatenate_op(*xs, axis):
    """Arrays joined along an axis they have."""
    return np.concatenate(xs, axis)


def _piece(g: Any, position: int, xs_shape: tuple[tuple[int, ...], ...], axis: int) -> Any:
    start = sum([s[axis] for s in xs_shape[:position]])
    return g[(slice(None),) * axis + (slice(start, start + xs_shape[position][axis]),)]


concatenate_op.vjp(xs=_piece)
concatenate_op.sample(real(2, 3), real(2, 1), axis=1).sample(real(2), real(0), real(3), axis=0)


@op("linear")
def stack_op(*xs, axis):
    """Arrays of one shape joined along a new axis."""
    return np.stack(xs, axis)


GROUP = 64


def join(parts: Any, axis: int) -> Any:
    """concatenate_op of parts, many of them in groups: the rule of one input reads the lengths of all others."""
    if len(parts) > GROUP:
        dtype = np.result_type(*[p.dtype for p in parts])
        parts = [p if p.dtype == dtype else cast(p, dtype=dtype) for p in parts]
    while len(parts) > GROUP:
        parts = [concatenate_op(*parts[i : i + GROUP], axis=axis) for i in range(0, len(parts), GROUP)]
    return concatenate_op(*parts, axis=axis)


stack_op.vjp(xs=lambda g, position, axis: g[(slice(None),) * axis + (position,)])
stack_op.sample(real(2, 3), real(2, 3), axis=1).sample(real(), real(), real(), axis=0)

# -- public functions: NumPy's names and arguments -----------------------------------------------------------


@numpy_name("astype")
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """x as another dtype; to an integer or bool dtype the gradient ends."""
    x = operand(x, "astype")
    on_cpu(device, "astype")
    dtype = np.dtype(dtype).newbyteorder("=")
    if dtype.kind not in "fciub":
        raise TypeError(f"astype: a Tensor cannot hold dtype {dtype}")
    if dtype == x.dtype and not copy:
        return x
    if x.dtype.kind == "c" and dtype.kind not in "cb":
        warnings.warn(
            "astype: casting complex values to real discards the imaginary part; tg.real says that it is meant",
            np.exceptions.ComplexWarning,
            stacklevel=3,
        )
    return cast(x, dtype=dtype)


@numpy_name(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    """The array repeated to a shape that it broadcasts to."""
    array = operand(array, "broadcast_to")
    shape = lengths(shape, "broadcast_to")
    ends = shape[max(0, len(shape) - array.ndim) :]
    if array.ndim > len(shape) or any(n not in (1, m) for n, m in zip(array.shape, ends, strict=True)):
        raise ValueError(f"broadcast_to: the shape {array.shape} does not broadcast to {shape}")
    return broadcast_to_op(array, shape=shape)


@numpy_name(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Any, ...]:
    """All arrays broadcast against one another."""
    args = tuple(operand(a, "broadcast_arrays") for a in args)
    shape = np.broadcast_shapes(*[a.shape for a in args])
    return _alike([a if a.shape == shape else broadcast_to_op(a, shape=shape) for a in args])


def _alike(xs: list[Any]) -> tuple[Any, ...]:
    """Tensors all of them, if one is; an array among them stays whose it is."""
    if any([isinstance(x, Recorded) for x in xs]):
        for i, x in enumerate(xs):
            if not isinstance(x, Recorded):
                xs[i] = wrap(x)
                xs[i]._leaf = Leaf(shared=True)
    return tuple(xs)


_NOT_GIVEN: Any = np._NoValue


@numpy_name(np.reshape)
def reshape(
    a: Any, /, shape: Any = _NOT_GIVEN, order: str = "C", *, newshape: Any = _NOT_GIVEN, copy: bool | None = None
) -> Any:
    """The elements of a in another shape; one length may be -1. `newshape` is the older name of `shape`.

    order: "C" reads and fills row by row, "F" column by column, "A" as a lies in memory. copy: True for memory of its
    own, False to raise ValueError where it takes a copy.
    """
    x = operand(a, "reshape")
    shape = newshape if shape is _NOT_GIVEN else shape
    if shape is _NOT_GIVEN:
        raise TypeError("reshape: the new shape is missing")
    shape = x.shape if shape is None else lengths(shape, "reshape")
    if order not in ("C", "F", "A"):
        raise ValueError(f"reshape: order {order!r} is not one of 'C', 'F', 'A'")
    if order != "C" and (order == "F" or _fortran(x)):
        turned = transpose_op(x, axes=tuple(range(x.ndim))[::-1])
        out = reshape_op(turned, shape=_known(shape[::-1], x.size))
        out = transpose_op(out, axes=tuple(range(out.ndim))[::-1])
    else:
        out = reshape_op(x, shape=_known(shape, x.size))
    if copy:
        return laid_out(out, order="F" if order == "F" or (order == "A" and _fortran(x)) else "C")
    if copy is False and not np.may_share_memory(raw(out), raw(x)) and x.size:
        raise ValueError(f"reshape: {x.shape} cannot become {shape} without a copy; leave copy=False out")
    return out


def _fortran(x: Any) -> bool:
    flags = (x._data if isinstance(x, Recorded) else x).flags
    return bool(flags.f_contiguous and not flags.c_contiguous)


def _known(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """The shape with its -1 worked out."""
    rest = 1
    for n in shape:
        rest *= n if n != -1 else 1
    if shape.count(-1) == 1 and rest > 0 and size % rest == 0:
        return tuple(size // rest if n == -1 else n for n in shape)
    if -1 in shape or rest != size or any(n < 0 for n in shape):
        raise ValueError(f"reshape: {size} elements do not fill the shape {shape}")
    return shape


@numpy_name(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    """All elements in one axis."""
    a = operand(a, "ravel")
    if order == "K":  # as they lie in memory, whatever the sign of the strides
        a, order = transpose_op(a, axes=_as_they_lie(raw(a))), "C"
    return reshape(a, (a.size,), order=order)


def _as_they_lie(x: Any) -> tuple[int, ...]:
    """The axes in the order of their strides, long ones first; those along which nothing moves stay where they are."""
    strides = [0 if n == 1 else abs(stride) for n, stride in zip(x.shape, x.strides, strict=True)]
    order: list[int] = []  # short strides first
    for axis in reversed(range(x.ndim)):
        place = len(order)
        for i in range(len(order) - 1, -1, -1):
            if strides[axis] and strides[order[i]]:
                if strides[order[i]] <= strides[axis]:
                    break
                place = i
        order.insert(place, axis)
    return tuple(order[::-1])


@numpy_name(np.transpose, np.permute_dims)
def transpose(a: Any, axes: Any = None) -> Any:
    """a with its axes in the order `axes`; None turns the order round."""
    a = operand(a, "transpose")
    if axes is None:
        return transpose_op(a, axes=tuple(range(a.ndim))[::-1])
    axes = canonical_axes(axes, a.ndim, "transpose")
    if len(axes) != a.ndim:
        raise ValueError(f"transpose: {len(axes)} axes given for an array of {a.ndim} (shape {a.shape})")
    return transpose_op(a, axes=axes)


permute_dims = transpose


@numpy_name(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """The last two axes exchanged."""
    x = operand(x, "matrix_transpose")
    if x.ndim < 2:
        raise ValueError(f"matrix_transpose: needs at least 2 axes, got shape {x.shape}")
    return transpose_op(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


@numpy_name(np.swapaxes)
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    """Two axes exchanged."""
    a = operand(a, "swapaxes")
    axes = list(range(a.ndim))
    i, j = canonical_axis(axis1, a.ndim, "swapaxes"), canonical_axis(axis2, a.ndim, "swapaxes")
    axes[i], axes[j] = axes[j], axes[i]
    return transpose_op(a, axes=tuple(axes))


@numpy_name(np.moveaxis)
def moveaxis(a: Any, source: Axes, destination: Axes) -> Any:
    """Axes moved to other places, the others in their order."""
    a = operand(a, "moveaxis")
    start = normalize_axis_tuple(source, a.ndim, "source")
    goal = normalize_axis_tuple(destination, a.ndim, "destination")
    if len(start) != len(goal):
        raise ValueError(f"moveaxis: {len(start)} source axes but {len(goal)} destinations")
    order = [i for i in range(a.ndim) if i not in start]
    for to, one in sorted(zip(goal, start, strict=True)):
        order.insert(to, one)
    return transpose_op(a, axes=tuple(order))


@numpy_name(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """One axis moved back until it stands before `start`."""
    a = operand(a, "rollaxis")
    axis = canonical_axis(axis, a.ndim, "rollaxis")
    start = start + a.ndim if start < 0 else start
    if not 0 <= start <= a.ndim:
        raise np.exceptions.AxisError(f"rollaxis: start must lie in {-a.ndim} to {a.ndim}, got {start}")
    return moveaxis(a, axis, start - 1 if axis < start else start)


@numpy_name(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    """New axes of length 1 at the places `axis` of the result."""
    a = operand(a, "expand_dims")
    count = a.ndim + (1 if np.ndim(axis) == 0 else len(axis))
    axes = normalize_axis_tuple(axis, count, "axis")
    rest = iter(a.shape)
    return reshape_op(a, shape=tuple(1 if i in axes else next(rest) for i in range(count)))


@numpy_name(np.squeeze)
def squeeze(a: Any, axis: Axes = None) -> Any:
    """Axes of length 1 taken away: all of them, or those named."""
    a = operand(a, "squeeze")
    if axis is None:
        return reshape_op(a, shape=tuple(n for n in a.shape if n != 1))
    if not isinstance(axis, tuple):
        try:
            axis = operator.index(axis)
        except TypeError:
            raise TypeError(f"squeeze: axis must be an int or a tuple of ints, got {axis!r}") from None
    if a.ndim == 0 and axis in (0, -1):  # as in NumPy, a number counts as having that axis
        axis = ()
    axes = canonical_axes(axis, a.ndim, "squeeze")
    if any(a.shape[i] != 1 for i in axes):
        raise ValueError(f"squeeze: axis {axis} of shape {a.shape} is not of length 1")
    return reshape_op(a, shape=tuple(n for i, n in enumerate(a.shape) if i not in axes))


@numpy_name(np.flip)
def flip(m: Any, axis: Axes = None) -> Any:
    """The order along the axes turned round; None means all."""
    m = operand(m, "flip")
    return flip_op(m, axis=canonical_axes(axis, m.ndim, "flip"))


@numpy_name(np.flipud)
def flipud(m: Any) -> Any:
    """The rows turned round."""
    return flip(m, 0)


@numpy_name(np.fliplr)
def fliplr(m: Any) -> Any:
    """The columns turned round."""
    return flip(m, 1)


@numpy_name(np.rot90)
def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """m turned by 90 degrees k times, in the plane of two axes."""
    m = operand(m, "rot90")
    i, j = canonical_axes(axes, m.ndim, "rot90")
    k %= 4
    if k == 0:
        return m[...]
    if k == 2:
        return flip(m, (i, j))
    return swapaxes(flip(m, j), i, j) if k == 1 else flip(swapaxes(m, i, j), j)


@numpy_name(np.atleast_1d)
def atleast_1d(*xs: Any) -> Any:
    """Each array with at least one axis."""
    out = tuple(_to_ndim(operand(x, "atleast_1d"), 1) for x in xs)
    return out[0] if len(out) == 1 else out


@numpy_name(np.atleast_2d)
def atleast_2d(*xs: Any) -> Any:
    """Each array with at least two axes, new ones first."""
    out = tuple(_to_ndim(operand(x, "atleast_2d"), 2) for x in xs)
    return out[0] if len(out) == 1 else out


@numpy_name(np.atleast_3d)
def atleast_3d(*xs: Any) -> Any:
    """Each array with at least three axes: (N,) becomes (1, N, 1), (M, N) becomes (M, N, 1)."""
    out = []
    for x in map(operand, xs):
        shape = {0: (1, 1, 1), 1: (1, *x.shape, 1), 2: (*x.shape, 1)}.get(x.ndim, x.shape)
        out.append(reshape_op(x, shape=shape) if shape != x.shape else x)
    return out[0] if len(out) == 1 else tuple(out)


def _to_ndim(x: Any, ndim: int) -> Any:
    return x if x.ndim >= ndim else reshape_op(x, shape=_aligned(x.shape, ndim))


def _parts(arrays: Any, name: str) -> list[Any]:
    """The arrays to be joined, as operands; one array counts as the list of its rows."""
    if isinstance(arrays, (Recorded, np.ndarray)) and arrays.ndim:
        whole: Any = arrays
        arrays = [whole[i] for i in range(arrays.shape[0])]
    elif not hasattr(arrays, "__getitem__"):
        raise TypeError(f"{name}: takes a sequence of arrays, as a list or tuple, got {type(arrays).__name__}")
    parts = [operand(a, name) for a in arrays]
    if not parts:
        raise ValueError(f"{name}: needs at least one array")
    return parts


def deliver(result: Any, out: Any, name: str, casting: str = "same_kind") -> Any:
    """Honour `out=`: a Tensor takes the value, an ndarray may only if nothing needs its gradient."""
    if out is None:
        return result
    if isinstance(out, tuple):
        (out,) = out
    deliverable(result, out, name, casting)
    if isinstance(out, Recorded):
        out._become(result if result.dtype == out.dtype else cast(result, dtype=out.dtype), name)  # type: ignore[attr-defined]
        return out
    out[...] = result._data if isinstance(result, Recorded) else result
    return out


def deliverable(result: Any, out: Any, name: str, casting: str = "same_kind") -> None:
    """Raise unless `out` can take the result."""
    if out is None:
        return
    if not isinstance(out, (Recorded, np.ndarray)):
        raise TypeError(f"{name}: out must be a Tensor or an ndarray, got {out!r}; NumPy's keywords go by name")
    if tuple(out.shape) != tuple(result.shape):
        raise ValueError(f"{name}: out has shape {tuple(out.shape)}, the result {tuple(result.shape)}")
    if not np.can_cast(result.dtype, out.dtype, casting):  # type: ignore[arg-type]
        raise TypeError(f"{name}: out has dtype {out.dtype}, which the result's {result.dtype} cannot be cast to")
    if isinstance(result, Recorded) and result.requires_grad and not isinstance(out, Recorded):
        raise TypeError(
            f"{name}: out is an ndarray, which cannot carry the gradient that the result requires; "
            "give a Tensor as out, or detach the inputs"
        )


@numpy_name(np.concatenate)
def concatenate(
    arrays: Any, /, axis: int | None = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    """Arrays joined along an axis they have; axis None joins them flat."""
    parts = _parts(arrays, "concatenate")
    if axis is None:
        parts, axis = [ravel(p) for p in parts], 0
    if parts[0].ndim == 0:
        raise ValueError("concatenate: arrays of no axes cannot be joined; use stack")
    axis = canonical_axis(axis, parts[0].ndim, "concatenate")
    for p in parts[1:]:
        if p.ndim != parts[0].ndim or any(
            n != m for i, (n, m) in enumerate(zip(p.shape, parts[0].shape, strict=True)) if i != axis
        ):
            raise ValueError(
                f"concatenate: along axis {axis}, all other lengths must agree; the shapes are "
                f"{', '.join(str(q.shape) for q in parts[:8])}"
            )
    parts = _of_one_dtype(parts, dtype, out, casting, "concatenate")
    return deliver(join(parts, axis), out, "concatenate", casting)


def _of_one_dtype(parts: list[Any], dtype: Any, out: Any, casting: str, name: str) -> list[Any]:
    """The parts as they are joined: cast to `dtype`, if there is one, by the rule `casting`."""
    if dtype is not None and out is not None:
        raise TypeError(f"{name}: give out or dtype, not both")
    if out is not None:
        return parts
    target = np.result_type(*[p.dtype for p in parts]) if dtype is None else np.dtype(dtype)
    for p in parts:
        if not np.can_cast(p.dtype, target, casting):  # type: ignore[arg-type]
            raise TypeError(f"{name}: cannot cast {p.dtype} to {target} by the rule {casting!r}")
    return parts if dtype is None else [astype(p, target, copy=False) for p in parts]


concat = concatenate
numpy_name(np.concat)(concatenate)


@numpy_name(np.stack)
def stack(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Arrays of one shape joined along a new axis."""
    parts = _parts(arrays, "stack")
    shapes = {p.shape for p in parts}
    if len(shapes) > 1:
        raise ValueError(f"stack: the arrays differ in shape: {', '.join(map(str, sorted(shapes)))}")
    axis = canonical_axis(axis, parts[0].ndim + 1, "stack")
    parts = _of_one_dtype(parts, dtype, out, casting, "stack")
    return deliver(stack_op(*parts, axis=axis), out, "stack", casting)


@numpy_name(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Arrays joined row by row."""
    return concatenate([atleast_2d(p) for p in _parts(tup, "vstack")], 0, dtype=dtype, casting=casting)


@numpy_name(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Arrays joined column by column (of one axis: end to end)."""
    parts = [atleast_1d(p) for p in _parts(tup, "hstack")]
    return concatenate(parts, 0 if parts[0].ndim == 1 else 1, dtype=dtype, casting=casting)


@numpy_name(np.dstack)
def dstack(tup: Any) -> Any:
    """Arrays joined along the third axis."""
    return concatenate([atleast_3d(p) for p in _parts(tup, "dstack")], 2)


@numpy_name(np.column_stack)
def column_stack(tup: Any) -> Any:
    """Arrays of one axis as columns, beside arrays of two."""
    parts = _parts(tup, "column_stack")
    return concatenate([reshape_op(p, shape=(p.size, 1)) if p.ndim < 2 else p for p in parts], 1)


@numpy_name(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """values joined to the end of arr."""
    return concatenate([operand(arr, "append"), operand(values, "append")], axis)


@numpy_name(np.tile)
def tile(A: Any, reps: Any) -> Any:
    """The array laid out again and again, `reps` times along each axis."""
    A = operand(A, "tile")
    reps = lengths(reps, "tile")
    if any(r < 0 for r in reps):
        raise ValueError(f"tile: the repetitions must not be negative, got {reps}")
    ndim = max(len(reps), A.ndim)
    reps, shape = (1,) * (ndim - len(reps)) + reps, _aligned(A.shape, ndim)
    if all(r == 1 for r in reps):
        return reshape_op(laid_out(A, order="C"), shape=shape)
    paired = reshape_op(A, shape=tuple(n for s in shape for n in (1, s)))  # (1, n0, 1, n1, ...)
    wide = broadcast_to_op(paired, shape=tuple(n for r, s in zip(reps, shape, strict=True) for n in (r, s)))
    return reshape_op(wide, shape=tuple(r * s for r, s in zip(reps, shape, strict=True)))


@numpy_name(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """Elements moved along the axes, those pushed off the end coming in at the start."""
    a = operand(a, "roll")
    if axis is None:
        return reshape_op(roll(reshape_op(a, shape=(a.size,)), shift, 0), shape=a.shape)
    axes = np.asarray(normalize_axis_tuple(axis, a.ndim, "axis", allow_duplicate=True))
    shifts, axes = np.broadcast_arrays(np.asarray(shift), axes)
    given = a
    for by, i in zip(shifts.astype(int).tolist(), axes.tolist(), strict=True):
        n = a.shape[i]
        if n and by % n:
            ahead = (slice(None),) * i
            a = concatenate_op(a[(*ahead, slice(n - by % n, None))], a[(*ahead, slice(None, n - by % n))], axis=i)
    return a if a is not given else cast(a, dtype=a.dtype)  # never a itself, which could then be changed in place


@numpy_name(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """The array cut along an axis: into so many equal pieces, or before the given places."""
    ary = operand(ary, "split")
    axis = canonical_axis(axis, ary.ndim, "split")
    if np.ndim(indices_or_sections) == 0 and ary.shape[axis] % int(indices_or_sections):
        raise ValueError(f"split: axis {axis} of length {ary.shape[axis]} does not divide by {indices_or_sections}")
    return array_split(ary, indices_or_sections, axis)


@numpy_name(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """The array cut along an axis into pieces that may differ in length by one."""
    ary = operand(ary, "array_split")
    axis = canonical_axis(axis, ary.ndim, "array_split")
    n = ary.shape[axis]
    if np.ndim(indices_or_sections) == 0:
        sections = int(indices_or_sections)
        if sections <= 0:
            raise ValueError(f"array_split: the number of pieces must be positive, got {sections}")
        sizes = [n // sections + (k < n % sections) for k in range(sections)]
        ends = np.cumsum([0, *sizes]).tolist()
    else:
        ends = [0, *[operator.index(i) for i in indices_or_sections], n]
    return [ary[(slice(None),) * axis + (slice(a, b),)] for a, b in zip(ends[:-1], ends[1:], strict=True)]


@numpy_name(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """The array cut between rows."""
    return split(_of_axes(ary, 2, "vsplit"), indices_or_sections, 0)


def _of_axes(x: Any, least: int, name: str) -> Any:
    x = operand(x, name)
    if x.ndim < least:
        raise ValueError(f"{name}: needs at least {least} axes, got shape {x.shape}")
    return x


@numpy_name(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """The array cut between columns."""
    ary = _of_axes(ary, 1, "hsplit")
    return split(ary, indices_or_sections, 0 if ary.ndim == 1 else 1)


@numpy_name(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """The array cut along the third axis."""
    return split(_of_axes(ary, 3, "dsplit"), indices_or_sections, 2)


@numpy_name("unstack")
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """The slices of x along an axis."""
    x = _of_axes(x, 1, "unstack")
    axis = canonical_axis(axis, x.ndim, "unstack")
    return tuple(x[(slice(None),) * axis + (i,)] for i in range(x.shape[axis]))


@numpy_name(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    """Coordinate arrays of the grid that the given axes span; with copy=False views, which cannot be written."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing {indexing!r} is not 'xy' or 'ij'")
    xs = [operand(x, "meshgrid") for x in xi]
    n = len(xs)
    out = [reshape_op(x, shape=(1,) * i + (x.size,) + (1,) * (n - 1 - i)) for i, x in enumerate(xs)]
    if indexing == "xy" and n > 1:
        out = [swapaxes(x, 0, 1) for x in out]
    out = out if sparse else list(broadcast_arrays(*out))
    return _alike([laid_out(x, order="C") for x in out] if copy else out)


@numpy_name(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """A copy, which can be written without its being a view of anything; order "C" or "F" lays it out anew."""
    a = operand(a, "copy")
    if order not in ("C", "F", "A", "K"):
        raise ValueError(f"copy: order {order!r} is not one of 'C', 'F', 'A', 'K'")
    if order == "A":
        order = "F" if _fortran(a) else "C"
    flags = raw(a).flags
    if order == "K" or (flags.f_contiguous if order == "F" else flags.c_contiguous):
        return cast(a, dtype=a.dtype)
    return laid_out(a, order=order)


@op("linear", view=True)
def alias(x):
    """x itself under another node: what a transform differentiates with respect to."""
    return x.view()


alias.vjp(x=lambda g: g).sample(real(3))
