"""Tensor: an array whose history is recorded. Its operators and methods, one line each.

Knows the ops by name; must not know how any of them computes or differentiates.
"""

from __future__ import annotations

import builtins
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .backward import Handle, backward, differentiable, register_hook
from .kernels.memory import root, sole
from .numpy_protocol import array_function, array_ufunc
from .ops import discrete as D
from .ops import elementwise as E
from .ops import index as X
from .ops import product as L
from .ops import reduce as R
from .ops import selection as C
from .ops import sorting as O
from .ops import structure as S
from .registry import OPS, Leaf, Recorded, array_of, native, node_of, operand, refuse, set_tensor_type, wrap
from .tape import SMALL, Node, state

__all__ = ["Tensor"]

VERSIONED_DLPACK = not np.__version__.startswith("2.0.")  # whether NumPy's export knows DLPack 1.0

QUIET = 60_000  # smaller numbers fit into every dtype of floats, so that their cast cannot warn
REFUSED = {
    "view": "reinterprets memory; use astype or reshape",
    "resize": "changes a shape in place; use reshape or pad",
    "setflags": "changes how memory may be used; t.data has flags",
    "setfield": "reinterprets memory; use t[...] = v",
    "getfield": "reinterprets memory; use astype",
    "byteswap": "reinterprets memory; use t.data.byteswap()",
    "newbyteorder": "reinterprets memory",
    "tofile": "writes raw memory; use t.data.tofile",
    "dump": "pickles; use tapegrad.nn.save",
    "dumps": "pickles; use tapegrad.nn.save",
    "strides": "is about memory; t.data.strides has it",
    "flags": "is about memory; t.data.flags has it",
    "base": "is about memory; t.data.base has it",
    "ctypes": "is about memory; t.data.ctypes has it",
}


def _sole(t: Any) -> int:
    return sys.getrefcount(t._data)


class Tensor(Recorded):
    """An n-dimensional array that records what is done to it.

    Tensor(data, requires_grad=False, dtype=None, name=None) copies `data`: an array, a number, nested lists. Python
    floats become float64. With requires_grad=True, operations on it are recorded, and `.backward()` of what they
    give adds to its `.grad`. A Tensor is a value: in-place operators and `t[i] = v` give it a new one.
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = False, dtype: Any = None, name: str | None = None) -> None:
        if isinstance(data, Recorded):
            if data.node is not None and data.node.op is not None and data.requires_grad and state.recording:
                warnings.warn(
                    "tensor: a copy loses the history of this result of an op; write t.detach() if you mean it, or "
                    "t.copy() to keep the history.",
                    stacklevel=_outside(),
                )
            data = data._data
        elif isinstance(data, (list, tuple)):
            data = _plain_nested(data)
        refuse(data, "tensor")
        array = native(array_of(data, "tensor", dtype, copy=True))
        if array.dtype.kind not in "fciub":
            raise TypeError(f"tensor: {type(data).__name__} of dtype {array.dtype} cannot be a Tensor; numbers can")
        self._set(array, Leaf(made=True), requires_grad, name)

    def _set(self, array: NDArray[Any], leaf: Leaf, requires_grad: bool, name: str | None) -> None:
        self._data = array
        self._leaf = leaf
        self.node = None
        if requires_grad:
            self.requires_grad = True
        if name is not None:
            self.name = name

    # -- what it is ----------------------------------------------------------------------------------------

    @property
    def data(self) -> NDArray[Any]:
        """The values as an ndarray. Of a leaf one can write into it; of an op's result it is read-only."""
        leaf = self._leaf
        if leaf is None or not leaf.made:
            view = self._data.view()
            view.flags.writeable = False
            return view  # type: ignore[no-any-return]
        if not leaf.shared:
            if _sole(self) > ALONE:  # something else holds the buffer, a tape perhaps: that one keeps the old values
                self._data = self._data.copy()
            leaf.shared = True
            if self.node is not None:
                self.node.shared = True
        return self._data  # type: ignore[no-any-return]

    @data.setter
    def data(self, value: Any) -> None:
        if not self.is_leaf:
            raise RuntimeError("data: only a leaf's can be set; this tensor is the result of an op")
        value = np.asarray(value._data if isinstance(value, Recorded) else value)
        if value.shape != self.shape:
            raise ValueError(f"data: the new values have shape {value.shape}, the tensor {self.shape}")
        self._renew(value.astype(self.dtype))

    def _renew(self, array: NDArray[Any]) -> None:
        """New values in a buffer of this tensor's own; it stays the same leaf."""
        self._data = array
        if self._leaf is None:
            self._leaf = Leaf(made=True)
        self._leaf.made, self._leaf.shared = True, False
        if self.node is not None:
            self.node.shared = False  # node.value stays what was recorded; the current value is here

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this are recorded for a backward."""
        return self.node is not None and self.node.requires_grad

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        if bool(flag) == self.requires_grad:
            return
        if not self.is_leaf:
            raise RuntimeError("requires_grad: it can be set on leaves only; for a result use .detach()")
        name = self.name
        if not flag:
            self.node = None
            if name is not None:
                self.name = name
            return
        if self.dtype.kind not in "fc":
            raise TypeError(
                f"requires_grad: a tensor of dtype {self.dtype} has no gradient; only floats and complex have"
            )
        self.node = None
        node = node_of(self)
        node.requires_grad = True
        if name is not None:
            node.more().name = name
        if self._leaf is None:
            self._leaf = Leaf()

    def requires_grad_(self, flag: bool = True) -> Self:
        """Set requires_grad and give the tensor back."""
        self.requires_grad = flag
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op made it."""
        return self.node is None or self.node.op is None

    @property
    def name(self) -> str | None:
        """A name for prints and drawings."""
        return None if self.node is None else self.node.name

    @name.setter
    def name(self, name: str | None) -> None:
        node_of(self).more().name = name

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward calls have added up, of this shape and dtype; None before the first."""
        leaf = self._leaf
        if leaf is not None and leaf.grad is not None:
            return leaf.grad  # type: ignore[no-any-return]
        if not self.is_leaf and leaf is None:
            warnings.warn(
                "grad: this tensor is the result of an op and does not keep its gradient. Call .retain_grad() on it "
                "before the backward, or use tg.grad(output, tensor).",
                stacklevel=2,
            )
        return None

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            value = value if isinstance(value, Tensor) else Tensor(value)
            if value.shape != self.shape:
                raise ValueError(f"grad: the gradient has shape {value.shape}, the tensor {self.shape}")
            if value.dtype != self.dtype:
                raise TypeError(f"grad: the gradient has dtype {value.dtype}, the tensor {self.dtype}")
        if self._leaf is None:
            self._leaf = Leaf()
        self._leaf.grad = value

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._data.nbytes  # type: ignore[no-any-return]

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self._data.itemsize  # type: ignore[no-any-return]

    @property
    def device(self) -> str:
        """Where the elements are: "cpu", always."""
        return "cpu"

    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
        return S.transpose(self)  # type: ignore[no-any-return]

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged."""
        return S.matrix_transpose(self)  # type: ignore[no-any-return]

    @property
    def real(self) -> Tensor:
        """The real part."""
        return E.real_part(self)  # type: ignore[no-any-return]

    @property
    def imag(self) -> Tensor:
        """The imaginary part."""
        return E.imag(self)  # type: ignore[no-any-return]

    @property
    def flat(self) -> Iterator[Tensor]:
        """The elements one by one, in row-major order."""
        return iter(S.ravel(self))

    # -- gradients -----------------------------------------------------------------------------------------

    def backward(
        self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
    ) -> None:
        """Add the gradient of this tensor to the `.grad` of the leaves it depends on; see `tapegrad.backward`."""
        backward(
            self, None if gradient is None else (gradient,), retain_graph=retain_graph, create_graph=create_graph,
            inputs=inputs,
        )  # fmt: skip

    def detach(self) -> Tensor:
        """The same values without the history."""
        t = wrap(self._data)
        if self._leaf is not None and self._leaf.shared:
            t._leaf = Leaf(made=self._leaf.made, shared=True)
        return t  # type: ignore[no-any-return]

    def retain_grad(self) -> None:
        """Keep the gradient in `.grad` at the next backward, though this is the result of an op."""
        if self.is_leaf and self.requires_grad:
            return
        extra = differentiable(self, "retain_grad").node.more()
        extra.retain, extra.owner = True, weakref.ref(self)
        if self._leaf is None:
            self._leaf = Leaf()

    def register_hook(self, hook: Callable[[Any], Any]) -> Handle:
        """Call hook(gradient) when this tensor's gradient is complete; what it returns, if not None, replaces it."""
        return register_hook(self, hook)

    def zero_grad(self) -> None:
        """Set `.grad` to None."""
        if self._leaf is not None:
            self._leaf.grad = None

    def draw(self, **options: Any) -> Any:
        """A picture of the tape that made this tensor; see `tapegrad.draw`."""
        from .drawing import draw

        return draw(self, **options)

    def _repr_svg_(self) -> str | None:
        return None if self.is_leaf else self.draw()._repr_svg_()

    # -- to NumPy and Python -------------------------------------------------------------------------------

    def numpy(self) -> NDArray[Any]:
        """The values as an ndarray, without the history; the same as `.data`."""
        return self.data

    def item(self, *args: Any) -> Any:
        """One element as a Python number."""
        return self._data.item(*args)

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self._data.tolist()

    def tobytes(self, order: Any = "C") -> bytes:
        """The raw bytes of the elements."""
        return self._data.tobytes(order)  # type: ignore[no-any-return]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if self.requires_grad and state.recording:
            raise TypeError(
                f"a Tensor of shape {self.shape} that requires grad would silently lose its history as an ndarray. "
                "Write t.detach().numpy() if that is meant; tg.stack([...]) and tg.array make one Tensor of several."
            )
        data = self.data
        if copy or (dtype is not None and np.dtype(dtype) != data.dtype):
            if copy is False:
                raise ValueError("a Tensor of another dtype cannot be had as an ndarray without a copy")
            return np.array(data, dtype=dtype)
        return data

    def to_device(self, device: Any, /, *, stream: Any = None) -> Tensor:
        """This tensor, if the device is "cpu": there is no other."""
        if device != "cpu" or stream is not None:
            what = f"device {device!r}" if device != "cpu" else f"stream {stream!r}"
            raise ValueError(f"to_device: {what} cannot be had; the only device is 'cpu', and it has no streams")
        return self

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        from . import array_api

        return array_api.of_version(api_version)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0  # kDLCPU

    def __dlpack__(
        self, *, stream: Any = None, max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None, copy: bool | None = None,
    ) -> Any:  # fmt: skip
        if self.requires_grad and state.recording:
            raise BufferError(
                f"a Tensor of shape {self.shape} that requires grad would silently lose its history as a DLPack "
                "capsule. Export t.detach() if that is meant."
            )
        if stream is not None or dl_device not in (None, (1, 0)):
            what = f"stream {stream!r}" if stream is not None else f"dl_device {dl_device!r}"
            raise BufferError(f"{what} cannot be had: a Tensor is on the CPU, dl_device (1, 0), which has no streams")
        told = VERSIONED_DLPACK and max_version is not None and max_version >= (1, 0)
        if copy is False and not told and self.node is None and self._leaf is None:
            self._renew(self._data if self._unseen() else self._data.copy())  # into a buffer of its own one may write
        data = self.data
        if copy or (copy is None and not data.flags.writeable):
            data = data.copy()  # some importers write into what they were told is read-only, which a tape may keep
        if not (told or data.flags.writeable):
            raise BufferError(
                f"a Tensor of shape {self.shape} that a tape has recorded is read-only, which DLPack before 1.0 cannot "
                "say; it needs copy=None or True"
            )
        return data.__dlpack__(max_version=max_version) if VERSIONED_DLPACK else data.__dlpack__()

    def _unseen(self) -> bool:
        """Whether no tape, Tensor or array but this one sees its buffer, and it can be written."""
        return bool(self._data.flags.writeable and _sole(self) <= ALONE and _alone(self))

    __array_priority__ = 1000.0

    @property
    def _mask(self) -> Any:
        """What numpy.ma asks for after it has taken `_data`: the way by which a history would be lost unseen."""
        if self.requires_grad and state.recording:
            raise TypeError(
                "a Tensor that requires grad cannot meet a MaskedArray, which would lose its history; use an ndarray, "
                "and tg.where or where= for the mask"
            )
        raise AttributeError("Tensor has no attribute '_mask'")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return array_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return array_function(func, args, kwargs)

    def _scalar(self, convert: Any) -> Any:
        if self.requires_grad and state.recording:
            warnings.warn(
                f"{convert.__name__}() of a Tensor that requires grad loses its history; write .item() if you mean it.",
                stacklevel=3,
            )
        return convert(self._data.item())

    def __float__(self) -> float:
        return self._scalar(float)  # type: ignore[no-any-return]

    def __int__(self) -> int:
        return self._scalar(int)  # type: ignore[no-any-return]

    def __complex__(self) -> complex:
        return self._scalar(complex)  # type: ignore[no-any-return]

    def __index__(self) -> int:
        return self._data.__index__()  # type: ignore[no-any-return]

    def __bool__(self) -> bool:
        return bool(self._data)

    def __format__(self, spec: str) -> str:
        if not spec:
            return repr(self)
        if self.size != 1:
            raise TypeError(f"format: {spec!r} is for one number, this tensor has shape {self.shape}")
        return format(self._data.item(), spec)

    def __repr__(self) -> str:
        body = np.array2string(self._data, separator=", ", prefix="tensor(")
        notes = []
        if self.dtype not in (np.float64, np.int64, np.bool_):
            notes.append(f"dtype={self.dtype.name}")
        if self.size == 0 and self.shape != (0,):
            notes.append(f"shape={self.shape}")
        if self.requires_grad and self.node is not None:
            notes.append("requires_grad=True" if self.is_leaf else f"op={_op_name(self.node)}")
        return f"tensor({', '.join([body, *notes])})"

    def __copy__(self) -> Tensor:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: Any) -> Tensor:
        if not self.is_leaf:
            raise RuntimeError("deepcopy: only leaves can be copied with their history; use .detach() or .copy()")
        twin = type(self).__new__(type(self))
        twin._set(self._data.copy(), Leaf(made=True), self.requires_grad, self.name)
        if self._leaf is not None and self._leaf.grad is not None:
            twin.grad = Tensor(self._leaf.grad)
        memo[id(self)] = twin
        return twin

    def __reduce__(self) -> Any:
        if not self.is_leaf:
            raise TypeError("pickle: the result of an op has a history that cannot be pickled; use .detach()")
        return type(self), (self._data, self.requires_grad, None, self.name)

    def __getattr__(self, name: str) -> Any:
        if name in REFUSED:
            raise AttributeError(f"Tensor.{name} {REFUSED[name]}")
        if name in OPS:
            raise AttributeError(f"Tensor has no attribute {name!r}; the function tg.{name}(t) is there")
        raise AttributeError(f"Tensor has no attribute {name!r}")

    # -- items ---------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("iteration over a Tensor of no axes")
        return (self[i] for i in range(self.shape[0]))

    def __contains__(self, value: Any) -> bool:
        return bool((self._data == (value._data if isinstance(value, Recorded) else value)).any())

    def __getitem__(self, index: Any) -> Tensor:
        template, arrays = X.parse(index)
        out: Tensor = X.getitem(self, *arrays, index=template)
        if not arrays and out.node is None:
            out._data.flags.writeable = False  # a view of this one's values: see __setitem__
        return out

    def __setitem__(self, index: Any, value: Any) -> None:
        self._writable("assignment to items")
        template, arrays = X.parse(index)
        value = value if type(value) in (int, float, complex, bool) else operand(value, "assignment to items")
        if isinstance(value, Recorded) and value.requires_grad and self.dtype.kind not in "fc":
            raise TypeError(f"assignment to items: a tensor of dtype {self.dtype} cannot take values that require grad")
        assign = X.setitem.overwriting if self._spare(value, arrays) else X.setitem
        self._become(assign(self, value, *arrays, index=template), "assignment to items")

    def _spare(self, value: Any, arrays: tuple[Any, ...]) -> bool:
        """Whether items can be assigned in the buffer itself: nobody else sees it, and nothing can go wrong halfway."""
        if self.size <= SMALL or state.tracing or (self.is_leaf and self.requires_grad):
            return False
        if (self._leaf is not None and self._leaf.shared) or any([a is self for a in arrays]):
            return False
        if isinstance(value, (Recorded, np.ndarray)):
            fits = value.dtype == self.dtype
        else:
            fits = type(value) in (int, float) and self.dtype.kind in "fc" and -QUIET < value < QUIET
        return bool(fits and sole([self._data], 0, 1))

    def _writable(self, what: str) -> None:
        """Refuse to write into what NumPy would have made a view: the original would not see it."""
        if (_is_view(self.node) or (self._leaf is None and not self._data.flags.writeable)) and not _alone(self):
            raise RuntimeError(
                f"{what}: in NumPy this tensor of shape {self.shape} would be a view, and the write go through to "
                "another; here the other would not see it. Index once, x[0, 1] = 5 and not x[0][1] = 5, or write into "
                "a .copy()."
            )

    def _become(self, result: Any, what: str) -> None:
        """Take the value and the history of `result`: how all in-place operations work."""
        if self.is_leaf and self.requires_grad:
            if state.recording:
                raise RuntimeError(
                    f"{what}: this leaf requires grad and cannot be changed in place while recording. Write "
                    "y = x + ... for a new tensor, or `with tg.no_grad():` around an update."
                )
            data = result._data if isinstance(result, Recorded) else np.asarray(result)
            self._renew(data if data.flags.owndata and data.flags.writeable else data.copy())
            return
        name, before = self.name, self.node
        made = isinstance(result, Recorded)
        self._data = result._data if made else np.asarray(result)
        self.node = result.node if made else None
        if self._leaf is not None:
            self._leaf.shared = False
        if name is not None and self.node is not None:
            self.name = name
        if before is not None and before.extra is not None and before.extra.retain:  # the newest value's is retained
            before.extra.retain = False
            if self.requires_grad:
                self.retain_grad()

    def _inplace(self, result: Any, what: str) -> Self:
        if result.shape != self.shape:
            raise ValueError(f"{what}: the result has shape {result.shape} and does not fit in place of {self.shape}")
        if result.dtype != self.dtype:
            if not np.can_cast(result.dtype, self.dtype, "same_kind"):
                raise TypeError(
                    f"{what}: the result has dtype {result.dtype}, which does not fit in place of {self.dtype}"
                )
            result = S.cast(result, dtype=self.dtype)
        self._become(result, what)
        return self

    # fmt: off
    # -- operators -----------------------------------------------------------------------------------------

    __hash__ = object.__hash__  # by identity: tensors are keys of dicts and members of sets

    __add__: Callable[[Any, Any], Any] = E.add.quick  # the function itself: one call less
    def __radd__(self, y: Any) -> Tensor: return E.add.quick(y, self)  # type: ignore[no-any-return]
    __sub__: Callable[[Any, Any], Any] = E.subtract.quick  # the function itself: one call less
    def __rsub__(self, y: Any) -> Tensor: return E.subtract.quick(y, self)  # type: ignore[no-any-return]
    __mul__: Callable[[Any, Any], Any] = E.multiply.quick  # the function itself: one call less
    def __rmul__(self, y: Any) -> Tensor: return E.multiply.quick(y, self)  # type: ignore[no-any-return]
    __truediv__: Callable[[Any, Any], Any] = E.divide.quick  # the function itself: one call less
    def __rtruediv__(self, y: Any) -> Tensor: return E.divide.quick(y, self)  # type: ignore[no-any-return]
    def __floordiv__(self, y: Any) -> Tensor: return E.floor_divide(self, y)  # type: ignore[no-any-return]
    def __rfloordiv__(self, y: Any) -> Tensor: return E.floor_divide(y, self)  # type: ignore[no-any-return]
    def __mod__(self, y: Any) -> Tensor: return E.remainder(self, y)  # type: ignore[no-any-return]
    def __rmod__(self, y: Any) -> Tensor: return E.remainder(y, self)  # type: ignore[no-any-return]
    def __divmod__(self, y: Any) -> Any: return E.divmod(self, y)
    def __rdivmod__(self, y: Any) -> Any: return E.divmod(y, self)
    def __pow__(self, y: Any) -> Tensor: return E.square(self) if type(y) is int and y == 2 else E.power(self, y)  # type: ignore[no-any-return]
    def __rpow__(self, y: Any) -> Tensor: return E.power(y, self)  # type: ignore[no-any-return]
    def __matmul__(self, y: Any) -> Tensor: return L.matmul(self, y)  # type: ignore[no-any-return]
    def __rmatmul__(self, y: Any) -> Tensor: return L.matmul(y, self)  # type: ignore[no-any-return]
    def __neg__(self) -> Tensor: return E.negative(self)  # type: ignore[no-any-return]
    def __pos__(self) -> Tensor: return E.positive_(self)  # type: ignore[no-any-return]
    def __abs__(self) -> Tensor: return E.absolute(self)  # type: ignore[no-any-return]
    def __invert__(self) -> Tensor: return E.invert(self)  # type: ignore[no-any-return]
    def __round__(self, decimals: int = 0) -> Tensor: return E.round(self, decimals)  # type: ignore[no-any-return]
    def __and__(self, y: Any) -> Tensor: return E.bitwise_and(self, y)  # type: ignore[no-any-return]
    def __rand__(self, y: Any) -> Tensor: return E.bitwise_and(y, self)  # type: ignore[no-any-return]
    def __or__(self, y: Any) -> Tensor: return E.bitwise_or(self, y)  # type: ignore[no-any-return]
    def __ror__(self, y: Any) -> Tensor: return E.bitwise_or(y, self)  # type: ignore[no-any-return]
    def __xor__(self, y: Any) -> Tensor: return E.bitwise_xor(self, y)  # type: ignore[no-any-return]
    def __rxor__(self, y: Any) -> Tensor: return E.bitwise_xor(y, self)  # type: ignore[no-any-return]
    def __lshift__(self, y: Any) -> Tensor: return E.left_shift(self, y)  # type: ignore[no-any-return]
    def __rlshift__(self, y: Any) -> Tensor: return E.left_shift(y, self)  # type: ignore[no-any-return]
    def __rshift__(self, y: Any) -> Tensor: return E.right_shift(self, y)  # type: ignore[no-any-return]
    def __rrshift__(self, y: Any) -> Tensor: return E.right_shift(y, self)  # type: ignore[no-any-return]
    def __eq__(self, y: Any) -> Tensor: return NotImplemented if _no_array(y) else E.equal(self, y)  # type: ignore
    def __ne__(self, y: Any) -> Tensor: return NotImplemented if _no_array(y) else E.not_equal(self, y)  # type: ignore
    def __lt__(self, y: Any) -> Tensor: return E.less(self, y)  # type: ignore[no-any-return]
    def __le__(self, y: Any) -> Tensor: return E.less_equal(self, y)  # type: ignore[no-any-return]
    def __gt__(self, y: Any) -> Tensor: return E.greater(self, y)  # type: ignore[no-any-return]
    def __ge__(self, y: Any) -> Tensor: return E.greater_equal(self, y)  # type: ignore[no-any-return]

    def __iadd__(self, y: Any) -> Self: return self._inplace(E.add(self, y), "+=")  # type: ignore[misc]
    def __isub__(self, y: Any) -> Self: return self._inplace(E.subtract(self, y), "-=")  # type: ignore[misc]
    def __imul__(self, y: Any) -> Self: return self._inplace(E.multiply(self, y), "*=")  # type: ignore[misc]
    def __itruediv__(self, y: Any) -> Self: return self._inplace(E.divide(self, y), "/=")  # type: ignore[misc]
    def __ifloordiv__(self, y: Any) -> Self: return self._inplace(E.floor_divide(self, y), "//=")
    def __imod__(self, y: Any) -> Self: return self._inplace(E.remainder(self, y), "%=")
    def __ipow__(self, y: Any) -> Self: return self._inplace(self**y, "**=")
    def __imatmul__(self, y: Any) -> Self: return self._inplace(L.matmul(self, y), "@=")
    def __iand__(self, y: Any) -> Self: return self._inplace(E.bitwise_and(self, y), "&=")
    def __ior__(self, y: Any) -> Self: return self._inplace(E.bitwise_or(self, y), "|=")
    def __ixor__(self, y: Any) -> Self: return self._inplace(E.bitwise_xor(self, y), "^=")
    def __ilshift__(self, y: Any) -> Self: return self._inplace(E.left_shift(self, y), "<<=")
    def __irshift__(self, y: Any) -> Self: return self._inplace(E.right_shift(self, y), ">>=")

    # -- methods: the functions of the same name -----------------------------------------------------------

    def sum(self, *args: Any, **kw: Any) -> Tensor: return R.sum(self, *args, **kw)  # type: ignore[no-any-return]
    def prod(self, *args: Any, **kw: Any) -> Tensor: return R.prod(self, *args, **kw)  # type: ignore[no-any-return]
    def mean(self, *args: Any, **kw: Any) -> Tensor: return R.mean(self, *args, **kw)  # type: ignore[no-any-return]
    def var(self, *args: Any, **kw: Any) -> Tensor: return R.var(self, *args, **kw)  # type: ignore[no-any-return]
    def std(self, *args: Any, **kw: Any) -> Tensor: return R.std(self, *args, **kw)  # type: ignore[no-any-return]
    def max(self, *args: Any, **kw: Any) -> Tensor: return R.max(self, *args, **kw)  # type: ignore[no-any-return]
    def min(self, *args: Any, **kw: Any) -> Tensor: return R.min(self, *args, **kw)  # type: ignore[no-any-return]
    def ptp(self, *args: Any, **kw: Any) -> Tensor: return R.ptp(self, *args, **kw)  # type: ignore[no-any-return]
    def cumsum(self, *args: Any, **kw: Any) -> Tensor: return R.cumsum(self, *args, **kw)  # type: ignore[no-any-return]
    def cumprod(self, *args: Any, **kw: Any) -> Tensor: return R.cumprod(self, *args, **kw)  # type: ignore[no-any-return]
    def all(self, *args: Any, **kw: Any) -> Tensor: return D.all(self, *args, **kw)  # type: ignore[no-any-return]
    def any(self, *args: Any, **kw: Any) -> Tensor: return D.any(self, *args, **kw)  # type: ignore[no-any-return]
    def argmax(self, *args: Any, **kw: Any) -> Tensor: return D.argmax(self, *args, **kw)  # type: ignore[no-any-return]
    def argmin(self, *args: Any, **kw: Any) -> Tensor: return D.argmin(self, *args, **kw)  # type: ignore[no-any-return]
    def argsort(self, *args: Any, **kw: Any) -> Tensor: return D.argsort(self, *args, **kw)  # type: ignore[no-any-return]
    def argpartition(self, *args: Any, **kw: Any) -> Tensor: return D.argpartition(self, *args, **kw)  # type: ignore[no-any-return]
    def searchsorted(self, *args: Any, **kw: Any) -> Tensor: return D.searchsorted(self, *args, **kw)  # type: ignore[no-any-return]
    def nonzero(self) -> tuple[Tensor, ...]: return D.nonzero(self)  # type: ignore[no-any-return]
    def dot(self, *args: Any, **kw: Any) -> Tensor: return L.dot(self, *args, **kw)  # type: ignore[no-any-return]
    def trace(self, *args: Any, **kw: Any) -> Tensor: return L.trace(self, *args, **kw)  # type: ignore[no-any-return]
    def clip(self, *args: Any, **kw: Any) -> Tensor: return E.clip(self, *args, **kw)  # type: ignore[no-any-return]
    def round(self, decimals: int = 0, out: Any = None) -> Tensor: return E.round(self, decimals, out)  # type: ignore[no-any-return]
    def choose(self, *args: Any, **kw: Any) -> Tensor: return C.choose(self, *args, **kw)  # type: ignore[no-any-return]
    def conj(self) -> Tensor: return E.conjugate(self)  # type: ignore[no-any-return]
    def conjugate(self) -> Tensor: return E.conjugate(self)  # type: ignore[no-any-return]
    def copy(self, order: str = "C") -> Tensor: return S.copy(self, order)  # type: ignore[no-any-return]
    def clone(self) -> Tensor: return S.copy(self)  # type: ignore[no-any-return]
    def ravel(self, order: str = "C") -> Tensor: return S.ravel(self, order)  # type: ignore[no-any-return]
    def flatten(self, order: str = "C") -> Tensor: return S.copy(S.ravel(self, order))  # type: ignore[no-any-return]
    def squeeze(self, axis: Any = None) -> Tensor: return S.squeeze(self, axis)  # type: ignore[no-any-return]
    def swapaxes(self, axis1: int, axis2: int) -> Tensor: return S.swapaxes(self, axis1, axis2)  # type: ignore[no-any-return]
    def diagonal(self, *args: Any, **kw: Any) -> Tensor: return X.diagonal(self, *args, **kw)  # type: ignore[no-any-return]
    def take(self, *args: Any, **kw: Any) -> Tensor: return X.take(self, *args, **kw)  # type: ignore[no-any-return]
    def repeat(self, *args: Any, **kw: Any) -> Tensor: return X.repeat(self, *args, **kw)  # type: ignore[no-any-return]
    def compress(self, condition: Any, *args: Any, **kw: Any) -> Tensor: return X.compress(condition, self, *args, **kw)  # type: ignore[no-any-return]
    # fmt: on

    def astype(
        self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True
    ) -> Tensor:
        """The values as another dtype; to an integer or bool dtype the gradient ends."""
        if not np.can_cast(self.dtype, dtype, casting):  # type: ignore[arg-type]
            raise TypeError(f"astype: cannot cast {self.dtype} to {np.dtype(dtype)} by the rule {casting!r}")
        out = S.astype(self, dtype, copy=copy)
        return out if order == "K" else S.copy(out, order)  # type: ignore[no-any-return]

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> Tensor:
        """The elements in another shape, given as ints or as one tuple."""
        return S.reshape(self, shape[0] if len(shape) == 1 else shape, order, copy=copy)  # type: ignore[no-any-return]

    def transpose(self, *axes: Any) -> Tensor:
        """The axes in another order, given as ints or as one tuple; none turns the order round."""
        return S.transpose(self, (axes[0] if len(axes) == 1 else axes) if axes else None)  # type: ignore[no-any-return]

    def sort(self, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> None:
        """Sort in place along an axis, as ndarray.sort does; tg.sort gives a sorted copy."""
        self._writable("sort")
        self._become(O.sort(self, axis, kind, order, stable=stable), "sort")

    def partition(self, kth: Any, axis: int = -1, kind: str = "introselect", order: Any = None) -> None:
        """Partition in place along an axis, as ndarray.partition does; tg.partition gives a partitioned copy."""
        self._writable("partition")
        self._become(O.partition(self, kth, axis, kind, order), "partition")

    def fill(self, value: Any) -> None:
        """Give every element one value, in place."""
        self[...] = value

    def put(self, indices: Any, values: Any, mode: str = "raise") -> None:
        """Put values at places of the flat array, in place."""
        C.put(self, indices, values, mode)


def _no_array(y: Any) -> bool:
    """Whether y is something to which no array of numbers is equal, as None and strings."""
    return y is None or isinstance(y, (str, bytes, type, dict, set, frozenset))


def any_array(node: Node) -> bool:
    return builtins.len(node.inputs) > 1


def _is_view(node: Node | None) -> bool:
    """Whether NumPy's result of that op shares its memory with the operand."""
    return node is not None and node.op is not None and (node.op.view or (node.op is X.getitem and not any_array(node)))


def _base_holders(t: Any) -> int:
    """How many hold the buffer that t is a view of, less those on the tape above t, which only read it."""
    base = t._data.base
    held = sys.getrefcount(base)
    node = t.node
    while isinstance(node, Node):
        if node.value is base or (node.value is not None and node.value is not t._data and node.value.base is base):
            held -= 1
        held -= builtins.sum([k is base for k in node.kept])
        node = node.inputs[0] if _is_view(node) else None
    return held


def _alone(t: Any) -> bool:
    """Whether no Tensor or array but t can see what t is a view of, as after (x * 2).reshape(3, 4)."""
    if root(t._data) is t._data:
        return True
    return type(t._data.base) is np.ndarray and _base_holders(t) <= ALONE_ABOVE


def _op_name(node: Node) -> str:
    return node.inputs[0].op.name if node.op.name == "part" else node.op.name  # type: ignore[no-any-return]


def _plain_nested(data: Any) -> Any:
    """Nested lists with the Tensors in them as plain arrays: tensor() copies, and says so where history is lost."""
    if isinstance(data, (list, tuple)):
        return [_plain_nested(d) for d in data]
    if isinstance(data, Recorded) and data.requires_grad and state.recording:
        raise TypeError(
            "tensor: the list holds Tensors that require grad, whose history a copy loses; tg.stack, tg.array keep it"
        )
    return data._data if isinstance(data, Recorded) else data


def _outside() -> int:
    """How far up the stack the first caller outside this package is, for warnings."""
    level, frame = 1, sys._getframe(1)
    package = __name__.rpartition(".")[0]
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith(package):
        level, frame = level + 1, frame.f_back  # type: ignore[assignment]
    return level


set_tensor_type(Tensor)
_probe = Tensor(0.0)
ALONE = _sole(_probe)  # what the interpreter counts for a buffer that only its Tensor holds
ALONE_ABOVE = _base_holders(Tensor(np.zeros(9)).reshape(3, 3))  # and for one that only a view of it holds
