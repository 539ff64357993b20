"""Convolution layers: the weights and settings of tg.conv1d, tg.conv2d and tg.conv_transpose2d."""

from __future__ import annotations

import math
from typing import Any

import tapegrad as tg

from . import init
from .module import Module
from .parameter import Parameter, get_default_dtype
from .sizes import divided, positive, sizes

__all__ = ["Conv1d", "Conv2d", "ConvTranspose2d"]

PADDING_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


class _Conv(Module):
    """What all convolutions have: settings, weight, bias, and how they start."""

    spatial = 2
    transposed = False
    bias: Parameter | None

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros", *, dtype: Any = None,
        generator: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        name, n, transposed = type(self).__name__, self.spatial, self.transposed
        positive(name, in_channels=in_channels, out_channels=out_channels, groups=groups)
        divided(name, groups, in_channels=in_channels, out_channels=out_channels)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = sizes(kernel_size, n, f"{name}: kernel_size", 1)
        self.stride = sizes(stride, n, f"{name}: stride", 1)
        self.dilation = sizes(dilation, n, f"{name}: dilation", 1)
        self.padding: Any = padding
        if isinstance(padding, str):
            if transposed or padding not in ("same", "valid"):
                raise ValueError(f"{name}: padding {padding!r} is not an int{'' if transposed else ', same or valid'}")
            if padding == "same" and max(self.stride) > 1:
                raise ValueError(f"{name}: padding 'same' needs stride 1, got stride {stride}")
        else:
            self.padding = sizes(padding, n, f"{name}: padding", 0)
        if padding_mode not in PADDING_MODES or (transposed and padding_mode != "zeros"):
            known = "zeros" if transposed else ", ".join(PADDING_MODES)
            raise ValueError(f"{name}: padding_mode {padding_mode!r} is not one of: {known}")
        self.padding_mode = padding_mode
        outer, inner = (in_channels, out_channels) if transposed else (out_channels, in_channels)
        dtype = get_default_dtype() if dtype is None else dtype
        self.weight = Parameter(tg.empty((outer, inner // groups, *self.kernel_size), dtype))
        self.register_parameter("bias", Parameter(tg.empty(out_channels, dtype)) if bias else None)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Any = None) -> None:
        """Draw new starting values, uniform within 1 / sqrt(fan_in)."""
        init.kaiming_uniform_(self.weight, math.sqrt(5.0), generator=generator)
        if self.bias is not None:
            bound = 1.0 / math.sqrt(math.prod(self.weight.shape[1:]))
            init.uniform_(self.bias, -bound, bound, generator=generator)

    def _bordered(self, x: Any) -> tuple[Any, Any]:
        """x with a border that is not of zeros, and the padding still to do."""
        if self.padding_mode == "zeros" or self.padding == "valid":
            return x, self.padding
        if self.padding == "same":
            total = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            widths = [(t // 2, t - t // 2) for t in total]
        else:
            widths = [(p, p) for p in self.padding]
        lead = [(0, 0)] * (x.ndim - self.spatial)
        return tg.pad(x, (*lead, *widths), PADDING_MODES[self.padding_mode]), 0

    def extra_repr(self) -> str:
        """The sizes, and the settings that are not the default."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        ones, zeros = (1,) * self.spatial, (0,) * self.spatial
        for name, value, usual in (
            ("padding", self.padding, zeros), ("output_padding", getattr(self, "output_padding", zeros), zeros),
            ("dilation", self.dilation, ones), ("groups", self.groups, 1), ("bias", self.bias is not None, True),
            ("padding_mode", self.padding_mode, "zeros"),
        ):  # fmt: skip
            text += f", {name}={value}" if value != usual else ""
        return text


class Conv2d(_Conv):
    """Images x (N, in_channels, H, W) -> (N, out_channels, H', W'): cross-correlation, as in torch.

    weight (out_channels, in_channels / groups, KH, KW). padding: an int, a pair, "same" or "valid". padding_mode:
    "zeros", "reflect", "replicate" or "circular".
    """

    def forward(self, x: Any) -> Any:
        """x (N, in_channels, H, W) -> (N, out_channels, H', W')."""
        x, padding = self._bordered(x)
        return tg.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv1d(_Conv):
    """Signals x (N, in_channels, L) -> (N, out_channels, L'). See Conv2d."""

    spatial = 1

    def forward(self, x: Any) -> Any:
        """x (N, in_channels, L) -> (N, out_channels, L')."""
        x, padding = self._bordered(x)
        return tg.conv1d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class ConvTranspose2d(_Conv):
    """Images x (N, in_channels, H, W) -> (N, out_channels, H', W'): the adjoint of Conv2d, which makes images larger.

    weight (in_channels, out_channels / groups, KH, KW).
    H' = (H - 1) * stride - 2 * padding + dilation * (KH - 1) + output_padding + 1.
    """

    transposed = True

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros", *,
        dtype: Any = None, generator: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, dtype=dtype,
            generator=generator,
        )  # fmt: skip
        self.output_padding = sizes(output_padding, 2, "ConvTranspose2d: output_padding", 0)
        for extra, step, hole in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if extra >= max(step, hole):
                raise ValueError(
                    f"ConvTranspose2d: output_padding {extra} must be smaller than stride {step} or dilation {hole}"
                )

    def forward(self, x: Any) -> Any:
        """x (N, in_channels, H, W) -> (N, out_channels, H', W')."""
        return tg.conv_transpose2d(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )
