"""Pooling layers: the settings of tg.max_pool2d and its kin."""

from __future__ import annotations

from typing import Any

import tapegrad as tg

from .module import Module
from .sizes import sizes

__all__ = ["AdaptiveAvgPool2d", "AvgPool1d", "AvgPool2d", "MaxPool1d", "MaxPool2d"]


class _Pool(Module):
    """What all pools with windows have."""

    spatial = 2

    def __init__(self, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool) -> None:
        super().__init__()
        name, n = type(self).__name__, self.spatial
        kernel = sizes(kernel_size, n, f"{name}: kernel_size", 1)
        sizes(kernel_size if stride is None else stride, n, f"{name}: stride", 1)
        for pad, reach in zip(sizes(padding, n, f"{name}: padding", 0), kernel, strict=True):
            if 2 * pad > reach:
                raise ValueError(f"{name}: padding {pad} is more than half the kernel of {reach}")
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode

    def extra_repr(self) -> str:
        """The window."""
        dilation = f", dilation={self.dilation}" if hasattr(self, "dilation") else ""
        window = f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
        return f"{window}{dilation}, ceil_mode={self.ceil_mode}"


class MaxPool2d(_Pool):
    """Images x (N, C, H, W) -> (N, C, H', W'), the largest of each window; stride defaults to kernel_size."""

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(kernel_size, stride, padding, ceil_mode)
        sizes(dilation, 2, "MaxPool2d: dilation", 1)
        self.dilation, self.return_indices = dilation, return_indices

    def forward(self, x: Any) -> Any:
        """x (N, C, H, W) -> (N, C, H', W')."""
        return tg.max_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


class MaxPool1d(_Pool):
    """Signals x (N, C, L) -> (N, C, L'), the largest of each window. See MaxPool2d."""

    spatial = 1

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(kernel_size, stride, padding, ceil_mode)
        sizes(dilation, 1, "MaxPool1d: dilation", 1)
        self.dilation, self.return_indices = dilation, return_indices

    def forward(self, x: Any) -> Any:
        """x (N, C, L) -> (N, C, L')."""
        return tg.max_pool1d(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


class AvgPool2d(_Pool):
    """Images x (N, C, H, W) -> (N, C, H', W'), the mean of each window; stride defaults to kernel_size."""

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(kernel_size, stride, padding, ceil_mode)
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, x: Any) -> Any:
        """x (N, C, H, W) -> (N, C, H', W')."""
        return tg.avg_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad,
            self.divisor_override,
        )  # fmt: skip


class AvgPool1d(_Pool):
    """Signals x (N, C, L) -> (N, C, L'), the mean of each window. See AvgPool2d."""

    spatial = 1

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(kernel_size, stride, padding, ceil_mode)
        self.count_include_pad = count_include_pad

    def forward(self, x: Any) -> Any:
        """x (N, C, L) -> (N, C, L')."""
        return tg.avg_pool1d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class AdaptiveAvgPool2d(Module):
    """Images x (N, C, H, W) -> (N, C, *output_size), means over windows that share out H and W; None keeps a length."""

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        pair = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * 2
        sizes(tuple(1 if n is None else n for n in pair), 2, "AdaptiveAvgPool2d: output_size", 1)
        self.output_size = output_size

    def forward(self, x: Any) -> Any:
        """x (N, C, H, W) -> (N, C, *output_size)."""
        return tg.adaptive_avg_pool2d(x, self.output_size)

    def extra_repr(self) -> str:
        """The size."""
        return f"output_size={self.output_size}"
