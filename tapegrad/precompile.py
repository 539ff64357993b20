"""Call everything that has a compiled form once, so that no training step has to wait for the compiler.

Written with the public names: it knows what users can call, not which kernels lie under it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tapegrad as tg

__all__ = ["precompile"]


def precompile(dtypes: tuple[str, ...] = ("float32", "float64")) -> Iterator[tuple[str, str, float]]:
    """Run the work, step by step, giving (what, dtype, seconds). Raises ImportError without numba."""
    if not tg.compiled_kernels():
        tg.set_compiled_kernels(True)  # raises without numba
    for dtype in dtypes:
        for name, step in _steps(np.dtype(dtype)):
            start = time.perf_counter()
            step()
            yield name, dtype, time.perf_counter() - start


def _steps(dtype: np.dtype[Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    rng = np.random.default_rng(0)

    def leaf(*shape: int) -> Any:
        return tg.tensor(rng.normal(size=shape).astype(dtype), requires_grad=True)

    def pulled(f: Callable[..., Any], *shapes: tuple[int, ...]) -> Callable[[], None]:
        def run() -> None:
            f(*[leaf(*shape) for shape in shapes]).sum().backward()

        return run

    image = (16, 32, 16, 16)
    many = (1 << 15,)
    yield "conv2d", pulled(lambda x, w: tg.conv2d(x, w, padding=1), (16, 8, 16, 16), (8, 8, 3, 3))
    yield "conv2d, depthwise", pulled(lambda x, w: tg.conv2d(x, w, padding=1, groups=32), image, (32, 1, 3, 3))
    yield "max_pool2d", pulled(lambda x: tg.max_pool2d(x, 2), image)
    yield "max_pool2d, windows that overlap", pulled(lambda x: tg.max_pool2d(x, 3, 2), image)
    x = rng.normal(size=image).astype(dtype)
    yield "max_pool2d, forward mode", lambda: tg.func.jvp(lambda x: tg.max_pool2d(x, 2), (x,), (x,))
    yield "avg_pool2d", pulled(lambda x: tg.avg_pool2d(x, 2), image)
    yield (
        "batch_norm",
        pulled(lambda x, w, b: tg.batch_norm(x, None, None, w, b, training=True), image, (32,), (32,)),
    )
    yield "batch_norm, without weight", pulled(lambda x: tg.batch_norm(x, training=True), image)
    yield "batch_norm, only weight", pulled(lambda w: tg.batch_norm(x, None, None, w, None, training=True), (32,))
    yield "layer_norm", pulled(lambda x, w, b: tg.layer_norm(x, (64,), w, b), (512, 64), (64,), (64,))
    labels = rng.integers(0, 64, 512)
    yield "cross_entropy", pulled(lambda x: tg.cross_entropy(x, labels), (512, 64))
    yield "softmax", pulled(lambda x: tg.softmax(x) * x, (512, 64))
    for f in (tg.gelu, tg.silu, tg.sigmoid, tg.erf, tg.erfc):
        yield f.__name__, pulled(f, many)
    yield "gelu, approximate", pulled(lambda x: tg.gelu(x, approximate="tanh"), many)
