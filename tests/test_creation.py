"""Creation: through like=, from Tensors, evenly spaced numbers between Tensors; and what cannot become a Tensor."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.check import gradcheck, gradgradcheck

T = tg.tensor([1.0, 2.0], requires_grad=True)


@pytest.mark.parametrize(
    "f",
    [
        lambda **k: np.zeros((2, 3), **k), lambda **k: np.ones(3, np.float32, **k), lambda **k: np.full((2,), 7, **k),
        lambda **k: np.eye(3, k=1, **k), lambda **k: np.identity(2, **k), lambda **k: np.tri(3, **k),
        lambda **k: np.arange(2, 9, 3, **k), lambda **k: np.array([[1, 2], [3, 4]], dtype=float, ndmin=3, **k),
        lambda **k: np.asarray([1.0, 2.0], **k), lambda **k: np.asanyarray([1, 2], **k),
        lambda **k: np.ascontiguousarray(3.0, **k), lambda **k: np.asfortranarray([[1.0, 2.0]], **k),
        lambda **k: np.fromiter((i for i in range(4)), float, **k), lambda **k: np.frombuffer(b"abcd", np.uint8, **k),
        lambda **k: np.fromfunction(lambda i, j: i - j, (2, 3), **k),
        lambda **k: np.require([[1.0, 2.0]], requirements=["F", "W"], **k),
    ],
)  # fmt: skip
def test_like_gives_a_tensor_with_numpys_values(f):
    ours, theirs = f(like=T), f()
    assert isinstance(ours, tg.Tensor)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours.data, theirs)


def test_fromfile(tmp_path):
    path = tmp_path / "numbers"
    np.arange(4.0).tofile(path)
    t = np.fromfile(path, float, like=T)
    assert isinstance(t, tg.Tensor)
    assert t.tolist() == [0.0, 1.0, 2.0, 3.0]


def test_memory_order_is_kept():
    for f in (lambda: np.zeros((2, 3), order="F", like=T), lambda: np.array(np.ones((2, 3)), order="F", like=T)):
        assert f().data.flags.f_contiguous
    assert tg.zeros((2, 3), order="F").data.flags.f_contiguous


@pytest.mark.parametrize("array", [tg.array, lambda x, **kw: np.array(x, like=T, **kw)])
def test_an_array_of_tensors_has_their_history(array):
    t = array([T, T * 2])
    assert t.shape == (2, 2)
    assert tg.grad(t.sum(), T).tolist() == [3.0, 3.0]
    assert tg.grad(array([[T[0], 1.0], [2.0, T[1] ** 2]], ndmin=3).sum(), T).tolist() == [1.0, 2 * T[1].item()]
    assert tg.grad(array(T, dtype=np.float32).sum(), T).dtype == np.float64
    with pytest.raises(TypeError, match="ragged"):
        array([T, [1.0, 2.0, 3.0]])


def test_array_makes_leaves_as_numpy_makes_arrays():
    plain = np.arange(3.0)
    copied, shared = tg.array(plain, requires_grad=True), tg.array(plain, copy=None)
    plain[0] = 5.0
    assert copied.tolist() == [0.0, 1.0, 2.0]
    assert shared.tolist() == [5.0, 1.0, 2.0]
    assert copied.is_leaf and copied.requires_grad
    with pytest.raises(TypeError, match="mask"):
        tg.array(np.ma.masked_array([1.0, 2.0], [True, False]))
    with pytest.raises(ValueError, match="copy"):
        tg.array([1.0], copy=False)


def test_filled_with_a_tensor():
    for f in (
        lambda v: np.full((3, 2), v, like=v),
        lambda v: tg.full_like(np.zeros((3, 2)), v),
        lambda v: tg.full((3, 2), v),
    ):
        gradcheck(f, [np.array([1.0, 2.0])])
    assert not tg.full((2,), 3.0).requires_grad


ENDS = [
    (0.5, 3.0), (np.array([0.5, 1.0]), np.array([3.0, 7.0])), (np.array([[0.5], [1.0]]), np.array([3.0, 7.0, 8.0])),
    (np.float32(0.5), np.float32(2.0)), (1, 9),
]  # fmt: skip


@pytest.mark.parametrize("f", [np.linspace, np.logspace, np.geomspace], ids=lambda f: f.__name__)
@pytest.mark.parametrize(("start", "stop"), ENDS)
@pytest.mark.parametrize(
    "options",
    [
        {}, {"num": 1}, {"num": 0}, {"num": 4, "endpoint": False}, {"num": 3, "axis": -1},
        {"num": 5, "dtype": np.float32}, {"num": 7, "dtype": int},
    ],
)  # fmt: skip
def test_evenly_spaced(f, start, stop, options):
    theirs = f(start, stop, **options)
    ours = f(tg.tensor(start), tg.tensor(stop), **options)
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours.data, theirs, rtol=1e-5 if ours.dtype == np.float32 else 1e-13)
    if np.asarray(start).dtype == np.float64 and "dtype" not in options:
        gradcheck(lambda a, b: f(a, b, **options), [np.array(start), np.array(stop)])
        gradgradcheck(lambda a, b: f(a, b, **options), [np.array(start), np.array(stop)])


@pytest.mark.parametrize("f", [np.linspace, np.logspace, np.geomspace], ids=lambda f: f.__name__)
def test_an_end_that_is_a_number_of_python_widens_nothing(f):
    for dtype in (np.float32, np.complex64):
        x = np.array([1.0, 2.0], dtype)
        for end in (3, 3.0, np.float32(3.0), np.float64(3.0), np.array(3.0)):
            assert f(tg.tensor(x), end, 4).dtype == f(x, end, 4).dtype
            assert f(end, tg.tensor(x, requires_grad=True), 4).dtype == f(end, x, 4).dtype


def test_linspace_with_its_step():
    y, step = np.linspace(T, T + 2, 5, retstep=True)
    assert step.tolist() == [0.5, 0.5]
    gradcheck(lambda a, b: np.linspace(a, b, 4, retstep=True), [np.array([0.0, 1.0]), np.array([2.0, 5.0])])
    assert y.shape == (5, 2)


def test_spaced_by_a_base_that_is_a_tensor():
    gradcheck(lambda a, b, base: np.logspace(a, b, 4, base=base), [np.array(0.5), np.array(2.0), np.array(3.0)])
    bases = np.array([2.0, 3.0])
    np.testing.assert_allclose(
        np.logspace(tg.tensor(0.0), 2.0, 3, base=tg.tensor(bases)).data, np.logspace(0.0, 2.0, 3, base=bases)
    )


def test_geomspace_of_negative_and_complex_ends():
    for a, b in ((-1.0, -8.0), (1 + 1j, -2 + 3j)):
        np.testing.assert_allclose(np.geomspace(tg.tensor(a), b, 4).data, np.geomspace(a, b, 4))
        gradcheck(lambda x, y: np.geomspace(x, y, 4), [np.array(a), np.array(b)])
    with pytest.raises(ValueError, match="0"):
        np.geomspace(tg.tensor(0.0), 1.0)
    with pytest.raises(ValueError, match="negative"):
        np.linspace(T, 1.0, -1)


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("sqrt", 2.0, -2.0), ("log", 2.0, -2.0), ("log10", 2.0, -2.0), ("log2", 2.0, -2.0), ("arcsin", 0.5, 2.0),
        ("arccos", 0.5, -2.0), ("arctanh", 0.5, 3.0),
    ],
)  # fmt: skip
def test_emath_turns_complex_where_it_must(name, inside, outside):
    f = getattr(np.emath, name)
    for x in (np.array([inside, inside / 2]), np.array([inside, outside])):
        ours = f(tg.tensor(x, requires_grad=True))
        assert ours.dtype == f(x).dtype
        np.testing.assert_allclose(ours.data, f(x), rtol=1e-14)
        gradcheck(f, [x])
    single = np.array([outside], np.float32)
    assert f(tg.tensor(single)).dtype == f(single).dtype


def test_emath_power_and_logn():
    for x, p in ((np.array([2.0, -3.0]), 0.5), (np.array([2, 4]), -2), (np.array([2.0, 3.0]), 2)):
        np.testing.assert_allclose(np.emath.power(tg.tensor(x), p).data, np.emath.power(x, p))
    np.testing.assert_allclose(np.emath.logn(2, tg.tensor([-4.0, 8.0])).data, np.emath.logn(2, np.array([-4.0, 8.0])))
    gradcheck(lambda x, p: np.emath.power(x, p), [np.array([2.0, -3.0]), np.array([0.5, 1.5])])


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    MATRIX = np.matrix([[1.0, 2.0]])


class Structured(np.ndarray):
    """A harmless subclass."""


@pytest.mark.parametrize(
    "bad",
    [
        [[1.0, 2.0], [3.0]], ["a", "b"], np.array([1, "a"], object), np.ma.masked_array([1.0, 2.0], [0, 1]),
        MATRIX, np.array(["2020-01-01"], "M8[D]"), np.zeros(2, [("a", float)]), None, "text",
    ],
    ids=["ragged", "strings", "objects", "masked", "matrix", "dates", "fields", "None", "text"],
)  # fmt: skip
def test_what_no_tensor_can_hold_is_a_type_error(bad):
    for f in (
        tg.tensor,
        tg.asarray,
        lambda b: T + b,
        lambda b: np.concatenate([T, b]),
    ):
        with pytest.raises(TypeError):
            f(bad)


@pytest.mark.parametrize("dtype", [object, "U3", "M8[s]"])
def test_what_no_tensor_can_hold_cannot_be_made_either(dtype):
    calls = [lambda f=f: f(2, dtype=dtype) for f in (tg.zeros, tg.ones, tg.empty, tg.eye, tg.identity, tg.arange)]
    calls += [lambda f=f: f(T, dtype=dtype) for f in (tg.zeros_like, tg.ones_like, tg.empty_like)]
    calls += [lambda r=r: tg.linspace(0, 1, 3, dtype=dtype, retstep=r) for r in (False, True)]
    calls += [lambda: tg.full(2, 1, dtype=dtype), lambda: tg.full_like(T, 1, dtype=dtype)]
    for call in calls:
        with pytest.raises((TypeError, ValueError)):  # NumPy's own for some dates is a ValueError
            call()
    with pytest.raises(TypeError, match="full: dtype <U4 cannot be used here"):
        tg.full(2, "text")


def test_errors_name_the_way_out():
    for f, words in (
        (lambda: tg.tensor([[1.0], [2.0, 3.0]]), "ragged"),
        (lambda: T * np.ma.masked_array([1.0, 2.0], [0, 1]), "filled"),
        (lambda: np.ma.masked_array([1.0, 2.0], [0, 1]) * T, "MaskedArray"),
        (lambda: T * MATRIX, "np.asarray"),
        (lambda: tg.tensor([1, 2], requires_grad=True), "int64"),
        (lambda: tg.tensor([True], requires_grad=True), "bool"),
        (lambda: tg.tensor(["a"]), "numbers"),
    ):
        with pytest.raises(TypeError, match=words):
            f()


def test_a_subclass_of_ndarray_is_an_array():
    a = np.ones(2).view(Structured)
    assert type((T + a).data) is np.ndarray
    assert type(tg.tensor(a).data) is np.ndarray


def test_the_bytes_of_a_tensor_lie_as_this_machine_has_them():
    swapped = np.arange(3.0).astype(np.dtype(float).newbyteorder())
    for t in (tg.tensor(swapped), tg.array(swapped), tg.asarray(swapped), tg.zeros(3, dtype=swapped.dtype)):
        assert t.dtype.isnative
    t = tg.tensor(swapped, requires_grad=True)
    assert t.tolist() == [0.0, 1.0, 2.0]
    assert tg.grad((t * swapped).sum(), t).dtype == np.float64
    assert t.astype(swapped.dtype).dtype.isnative and tg.asarray(t, swapped.dtype).dtype.isnative
    for call in (lambda: tg.from_numpy(swapped), lambda: tg.asarray(swapped, copy=False)):
        with pytest.raises(ValueError, match="bytes"):
            call()


def test_asfortranarray_of_a_number_has_an_axis():
    assert np.asfortranarray(2.0, like=T).shape == np.asfortranarray(2.0).shape == (1,)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.int16, np.int32, np.int64])
def test_emath_turns_complex_in_numpys_precision(dtype):
    x = np.array([-1, 0, 1], dtype)
    assert np.emath.sqrt(tg.tensor(x)).dtype == np.emath.sqrt(x).dtype
