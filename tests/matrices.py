"""What the tests of linear algebra share: drawing matrices, and the gradient of a function of one."""

from __future__ import annotations

import numpy as np
import pytest

import tapegrad as tg


def drawing(seed):
    """(rng, normal, cplx): normal(*shape) draws real numbers from the generator, cplx(*shape) complex ones."""
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return rng.normal(size=shape)

    def cplx(*shape):
        return normal(*shape) + 1j * normal(*shape)

    return rng, normal, cplx


@pytest.fixture(autouse=True)
def same_numbers(request):
    """In each test of a module that has an RNG the same random numbers, whichever tests ran before it."""
    request.module.RNG.bit_generator.state = np.random.default_rng(12).bit_generator.state


def leaf(a):
    return tg.tensor(a, requires_grad=True)


def gradient(f, a):
    """The gradient of the scalar f at an array, as an array."""
    t = leaf(a)
    return tg.grad(f(t), t).data


def adjoint(a):
    return np.conjugate(np.swapaxes(a, -1, -2))


def hermitian(a):
    return (a + adjoint(a)) / 2
