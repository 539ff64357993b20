"""einops on Tensors: rearrange, reduce, repeat, einsum, pack and unpack, with gradients.

einops asks each subclass of its AbstractBackend whose framework has been imported; the one here answers for Tensors. It
is there where einops is installed, and adds nothing where it is not.
"""

from __future__ import annotations

from typing import Any

from .creation import arange, asarray
from .ops.discrete import all, any
from .ops.product import einsum
from .ops.reduce import max, mean, min, prod, sum
from .ops.structure import broadcast_to, concatenate, expand_dims, reshape, stack, tile, transpose
from .tensor import Tensor

__all__ = ["Backend"]


def _of_einops() -> Any:
    """einops's class of backends; without einops, or if a release of it has none there, any class."""
    try:
        from einops._backends import AbstractBackend
    except ImportError:
        return object
    return AbstractBackend


BASE: Any = _of_einops()
REDUCTIONS = {"sum": sum, "mean": mean, "max": max, "min": min, "prod": prod, "any": any, "all": all}


class Backend(BASE):  # type: ignore[misc]
    """What einops needs to know of Tensors."""

    framework_name = __name__.partition(".")[0]

    def is_appropriate_type(self, tensor: Any) -> bool:
        """Whether this backend is the one for an array."""
        return isinstance(tensor, Tensor)

    def from_numpy(self, x: Any) -> Tensor:
        """An ndarray as a Tensor."""
        return asarray(x)

    def to_numpy(self, x: Tensor) -> Any:
        """The values of a Tensor, whose history ends here."""
        return x.detach().numpy()

    def arange(self, start: int, stop: int) -> Tensor:
        """The integers from start up to stop."""
        return arange(start, stop)  # type: ignore[no-any-return]

    def shape(self, x: Tensor) -> tuple[int, ...]:
        """The lengths of the axes."""
        return x.shape

    def reshape(self, x: Tensor, shape: Any) -> Any:
        """The elements in another shape."""
        return reshape(x, shape)

    def transpose(self, x: Tensor, axes: Any) -> Any:
        """The axes in another order."""
        return transpose(x, axes)

    def reduce(self, x: Tensor, operation: str, axes: Any) -> Any:
        """One of REDUCTIONS over axes."""
        return REDUCTIONS[operation](x, axis=tuple(axes))

    def stack_on_zeroth_dimension(self, tensors: Any) -> Any:
        """Tensors of one shape joined along a new first axis."""
        return stack(tensors)

    def add_axis(self, x: Tensor, new_position: int) -> Any:
        """A new axis of length 1."""
        return expand_dims(x, new_position)

    def add_axes(self, x: Tensor, n_axes: int, pos2len: dict[int, int]) -> Any:
        """New axes at places, along which x repeats, without a copy."""
        for position, length in sorted(pos2len.items()):
            x = expand_dims(x, position)
            if length != 1:
                x = broadcast_to(x, (*x.shape[:position], length, *x.shape[position + 1 :]))
        return x

    def tile(self, x: Tensor, repeats: Any) -> Any:
        """x laid out again and again."""
        return tile(x, repeats)

    def concat(self, tensors: Any, axis: int) -> Any:
        """Tensors joined along an axis they have."""
        return concatenate(tensors, axis)

    def is_float_type(self, x: Tensor) -> bool:
        """Whether a mean of it is one of its own kind."""
        return x.dtype.kind in "fc"

    def einsum(self, pattern: str, *x: Any) -> Any:
        """Sums of products by subscripts."""
        return einsum(pattern, *x)
