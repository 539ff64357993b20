"""Products of vectors in stacks: vecdot, matvec, vecmat, cross and tensordot, over leading axes that broadcast."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import gradcheck, gradgradcheck

LEADS = [((), ()), ((4,), (4,)), ((2, 1), (5,)), ((1,), (3,)), ((), (2, 3)), ((1, 1), (1,)), ((0,), (1,)), ((2, 0), ())]
FUNCTIONS = {  # last axes of both
    "vecdot": ((3,), (3,)), "matvec": ((2, 3), (3,)), "vecmat": ((3,), (3, 2)), "cross": ((3,), (3,)),
}  # fmt: skip
DTYPES = [np.float32, np.float64, np.complex64, np.complex128, np.int64]


def draw(shape, dtype, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape) * 3
    return (x + 1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def numpys(name):
    """NumPy's function; written out for a release that has none."""
    written = {
        "matvec": lambda a, b: (a @ b[..., None])[..., 0],
        "vecmat": lambda a, b: (a.conj()[..., None, :] @ b)[..., 0, :],
    }
    return getattr(np, name, None) or written[name]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("leads", LEADS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives(name, leads, dtype):
    x, y = (draw((*lead, *own), dtype, k) for k, (lead, own) in enumerate(zip(leads, FUNCTIONS[name], strict=True)))
    ours, theirs = getattr(tg, name), numpys(name)(x, y)
    out = ours(tg.tensor(x), tg.tensor(y))
    assert out.shape == theirs.shape
    assert out.dtype == theirs.dtype
    np.testing.assert_allclose(out.data, theirs, rtol=3e-5 if dtype in (np.float32, np.complex64) else 1e-12, atol=1e-4)
    if dtype in (np.float64, np.complex128):
        gradcheck(ours, [x, y])
        gradgradcheck(ours, [x, y])


@pytest.mark.parametrize("memory", ["reversed", "Fortran", "strided"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_any_memory(name, memory):
    lay = {
        "reversed": lambda a: a[..., ::-1],
        "Fortran": np.asfortranarray,
        "strided": lambda a: np.repeat(a, 2, -1)[..., ::2],
    }
    x, y = (lay[memory](draw((4, *own), float, k)) for k, own in enumerate(FUNCTIONS[name]))
    np.testing.assert_allclose(getattr(tg, name)(x, y), numpys(name)(x, y))
    gradcheck(getattr(tg, name), [x, y])


@pytest.mark.parametrize("shapes", [((2,), (2,)), ((4, 2), (3,)), ((3,), (5, 1, 2)), ((1, 2), (3, 2))])
def test_cross_of_vectors_in_the_plane(shapes):
    x, y = draw(shapes[0], float, 0), draw(shapes[1], float, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        np.testing.assert_allclose(tg.cross(x, y), np.cross(x, y))
        gradcheck(tg.cross, [x, y])
    with pytest.warns(DeprecationWarning, match="length 2"):
        tg.cross(x, y)


def test_cross_along_any_axis():
    x, y = draw((3, 4, 2), float, 0), draw((4, 2, 3), float, 1)
    f = lambda a, b: np.cross(a, b, axisa=0, axisb=2, axisc=1)
    np.testing.assert_allclose(f(tg.tensor(x), tg.tensor(y)).data, f(x, y))
    gradcheck(f, [x, y])


TENSORDOT = [
    (0, ((2, 3), (4,))), (1, ((2, 3), (3, 4))), (2, ((5, 2, 3), (2, 3, 4))), (([0, 2], [1, 0]), ((2, 4, 3), (3, 2, 5))),
    ((-1, 0), ((2, 3), (3,))), (1, ((0, 3), (3, 2))), (1, ((2, 0), (0, 3))), (2, ((2, 3), (2, 3))),
    (([], []), ((2,), (3,))),
]  # fmt: skip


@pytest.mark.parametrize(("axes", "shapes"), TENSORDOT)
def test_tensordot(axes, shapes):
    x, y = draw(shapes[0], complex, 0), draw(shapes[1], complex, 1)
    f = lambda a, b: np.tensordot(a, b, axes)
    np.testing.assert_allclose(f(tg.tensor(x), tg.tensor(y)).data, f(x, y), atol=1e-12)
    gradcheck(f, [x, y])
    gradgradcheck(f, [x, y])


@pytest.mark.parametrize(
    ("f", "match"),
    [
        (lambda x: np.vecdot(x, np.ones((4, 3))), r"vecdot.*\(2, 3\).*\(4, 3\)"),
        (lambda x: np.vecdot(x, np.ones((2, 4))), r"vecdot.*\(2, 3\).*\(2, 4\)"),
        (lambda x: np.vecdot(x, 3.0), "vecdot"),
        (lambda x: np.vecdot(x, x, axis=5), "vecdot: axis 5"),
        (lambda x: np.cross(x, np.ones((5, 3))), r"cross.*\(2, 3\).*\(5, 3\)"),
        (lambda x: np.cross(x, np.ones((2, 4))), "cross.*length 3"),
        (lambda x: tg.matvec(x, np.ones(4)), r"matvec.*\(2, 3\).*\(4,\)"),
        (lambda x: tg.matvec(x, 1.0), "matvec"),
        (lambda x: np.tensordot(x, np.ones((4, 3)), 1), r"tensordot.*\(2, 3\).*\(4, 3\)"),
    ],
)
def test_errors_name_the_function_and_the_shapes(f, match):
    with pytest.raises(ValueError, match=match):
        f(tg.tensor(np.ones((2, 3)), requires_grad=True))


def test_vdot_keeps_bools():
    x = np.array([True, False, True])
    assert np.vdot(tg.tensor(x), x).dtype == np.vdot(x, x).dtype
