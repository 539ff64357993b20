"""einops on Tensors: values as on arrays, gradients, whichever is imported first."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import einops
import numpy as np
import pytest
from einops._backends import get_backend

import tapegrad as tg
from tapegrad import einops_backend

X = np.random.default_rng(0).normal(size=(2, 3, 4, 6))


def both(f: Any, *arrays: Any) -> None:
    """f gives on Tensors what it gives on arrays, of a Tensor, and its gradients pass."""
    tensors = [tg.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    y, expected = f(*tensors), np.asarray(f(*arrays))
    assert type(y) is tg.Tensor
    assert y.dtype == expected.dtype
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-12)
    if y.requires_grad:
        assert tg.gradcheck(f, tuple(tensors))


@pytest.mark.parametrize(
    "pattern",
    ["b c h w -> b h w c", "b c h w -> (b h) (c w)", "b c (h i) (w j) -> b (c i j) h w", "... w -> w ...",
     "b c h w -> b c h w", "b c h w -> 1 b c 1 h w", "b ... -> (...) b"],
)  # fmt: skip
def test_rearrange(pattern: str) -> None:
    sizes = {"i": 2, "j": 3} if "i" in pattern else {}
    both(lambda x: einops.rearrange(x, pattern, **sizes), X)


@pytest.mark.parametrize("operation", ["sum", "mean", "max", "min", "prod"])
@pytest.mark.parametrize("pattern", ["b c h w -> b c", "b c (h 2) (w 3) -> b h w c", "b c h w -> ", "... h w -> h ..."])
def test_reduce(operation: str, pattern: str) -> None:
    both(lambda x: einops.reduce(x, pattern, operation), X[:1, :, :2] if operation == "prod" else X)


def test_reduce_of_bools_and_by_a_function() -> None:
    mask = X > 0.5
    both(lambda x: einops.reduce(x, "b c h w -> b c", "any"), mask)
    both(lambda x: einops.reduce(x, "b c h w -> b", "all"), mask)
    logsumexp = lambda x, axes: tg.logsumexp(x, axes)
    both(lambda x: einops.reduce(x, "b c h w -> b c", logsumexp), X)


@pytest.mark.parametrize(
    "pattern", ["b c h w -> b c (h 2) (w 3)", "b c h w -> b c n h w", "... -> n ...", "b c h w -> b 1 c h w 5"]
)
def test_repeat(pattern: str) -> None:
    sizes = {"n": 3} if "n" in pattern else {}
    both(lambda x: einops.repeat(x, pattern, **sizes), X[:, :, :2, :2])


def test_repeat_makes_no_copy_of_its_own() -> None:
    y = einops.repeat(tg.tensor(X), "b c h w -> n b c h w", n=1000)
    assert y._data.strides[0] == 0


def test_einsum() -> None:
    both(lambda x, y: einops.einsum(x, y, "b c h w, b d h w -> b c d"), X, X[:, :2] + 1)
    both(lambda x: einops.einsum(x, "b c h w -> w"), X)


def test_pack_and_unpack() -> None:
    images, one = X[..., 0], X[0, 0, :, 0]

    def there(x: Any, y: Any) -> Any:
        return einops.pack([x, y], "* h")[0]

    both(there, images, one)
    x, y = tg.tensor(images, requires_grad=True), tg.tensor(one, requires_grad=True)
    packed, shapes = einops.pack([x, y], "* h")
    assert packed.shape == (7, 4)
    a, b = einops.unpack(packed * 2, shapes, "* h")
    assert (a.shape, b.shape) == (x.shape, y.shape)
    (a.sum() + 3 * b.sum()).backward()
    assert x.grad is not None
    assert y.grad is not None
    assert (x.grad.numpy() == 2).all()
    assert (y.grad.numpy() == 6).all()


def test_lists_and_shapes() -> None:
    both(lambda x: einops.rearrange([x[0], x[1]], "b c h w -> c b h w"), X)
    assert einops.parse_shape(tg.tensor(X), "b _ h w") == {"b": 2, "h": 4, "w": 6}
    assert type(einops.asnumpy(tg.tensor([1.0], requires_grad=True) * 2)) is np.ndarray
    with pytest.raises(einops.EinopsError, match="Shape mismatch"):
        einops.rearrange(tg.tensor(X), "b c (h five) w -> b c h five w", five=5)


def test_second_order_and_float32() -> None:
    f = lambda x: einops.reduce(einops.rearrange(x, "b c h w -> (b c) (h w)") ** 3, "a b -> a", "mean")
    assert tg.gradgradcheck(f, (tg.tensor(X[:, :2, :2, :2], requires_grad=True),))
    x = tg.tensor(X.astype("float32"), requires_grad=True)
    f(x).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float32


def test_the_array_api_of_einops() -> None:
    from einops import array_api

    x = tg.tensor(X, requires_grad=True)
    y = array_api.reduce(array_api.rearrange(x, "b c h w -> (b c) h w"), "a h w -> a", "sum")
    np.testing.assert_allclose(y.detach().numpy(), X.sum((2, 3)).ravel())
    y.sum().backward()
    assert x.grad is not None
    assert (x.grad.numpy() == 1).all()


def test_the_backend_is_found_by_einops() -> None:
    backend: Any = get_backend(tg.tensor(X))
    assert type(backend) is einops_backend.Backend
    assert get_backend(tg.nn.Parameter(X)) is backend
    assert type(get_backend(X)).__name__ == "NumpyBackend"
    assert type(backend.arange(0, 3)) is type(backend.from_numpy(X)) is tg.Tensor
    assert backend.tile(tg.tensor([1.0]), (2,)).tolist() == [1, 1]
    assert backend.is_float_type(tg.tensor([1j]))
    with pytest.raises(NotImplementedError, match="non-floating"):
        einops.reduce(tg.tensor([1, 2]), "a -> ", "mean")


@pytest.mark.parametrize("imports", ["einops, tapegrad", "tapegrad, einops"])
def test_whichever_is_imported_first(imports: str) -> None:
    code = f"import {imports}; print(einops.rearrange(tapegrad.tensor([[1.0, 2.0]]), 'a b -> b a').shape)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "(2, 1)"


def test_tapegrad_does_without_einops() -> None:
    code = "import sys; sys.modules['einops'] = None; import tapegrad; print(tapegrad.einops_backend.BASE is object)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "True"
