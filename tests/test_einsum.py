"""einsum against numpy.einsum: any subscripts, lengths, dtypes and keywords; gradients of every order; the plans."""

from __future__ import annotations

import string
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad.check import gradcheck, gradgradcheck
from tapegrad.ops import product

RNG = np.random.default_rng(23)
A, B, C = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 5)), RNG.normal(size=(5, 3))
DTYPES = (np.float64, np.float32, np.complex128, np.complex64, np.float16, np.int64, np.int8, np.bool_)


def leaf(x: Any) -> Any:
    return tg.tensor(x, requires_grad=np.asarray(x).dtype.kind in "fc")


def same(ours: Any, theirs: Any) -> None:
    theirs = np.asarray(theirs)
    assert type(ours) is tg.Tensor
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    tolerance = {"float16": 2e-2, "float32": 2e-5, "complex64": 2e-5}.get(theirs.dtype.name, 1e-12)
    np.testing.assert_allclose(ours.data, theirs, rtol=tolerance, atol=tolerance)


@st.composite
def contractions(draw: Any, dtypes: Any = DTYPES) -> tuple[str, list[Any]]:
    """Subscripts and arrays: repeats, broadcast lengths of 1, empty axes, ellipses, an output given or implied."""
    labels = draw(st.permutations("abcdXY"))[: draw(st.integers(1, 5))]
    lengths = {c: draw(st.sampled_from((2, 3, 1, 2, 0))) for c in labels}
    behind = draw(st.lists(st.integers(1, 3), max_size=2))
    seed = draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    dtype = draw(st.sampled_from(dtypes))
    terms, arrays = [], []
    for _ in range(draw(st.integers(1, 4))):
        term = draw(st.lists(st.sampled_from(labels), max_size=3))
        own = {c: 1 if draw(st.integers(0, 5)) == 0 else lengths[c] for c in set(term)}
        shape = [own[c] for c in term]
        if draw(st.booleans()):
            some = [n if draw(st.integers(0, 3)) else 1 for n in behind[draw(st.integers(0, len(behind))) :]]
            at = draw(st.integers(0, len(term)))
            term.insert(at, "...")
            shape[at:at] = some
        x = rng.integers(-3, 4, shape) if np.dtype(dtype).kind in "iub" else rng.normal(size=shape)
        if np.dtype(dtype).kind == "c":
            x = x + 1j * rng.normal(size=shape)
        arrays.append(np.asarray(x, dtype, order=draw(st.sampled_from("CF"))))
        terms.append("".join(term))
    text = ",".join(terms)
    if draw(st.booleans()):
        used = sorted(set(text) - set(",."))
        output = list(draw(st.permutations(used)))[: draw(st.integers(0, len(used)))]
        if "..." in text:
            output.insert(draw(st.integers(0, len(output))), "...")
        text += "->" + "".join(output)
    return text, arrays


# -- values --------------------------------------------------------------------------------------------------


@settings(max_examples=250, deadline=None)
@given(contractions(), st.sampled_from((False, True, "greedy", "optimal", ("greedy", 50))))
def test_any_einsum_is_numpys(contraction, optimize):
    text, arrays = contraction
    with np.errstate(all="ignore"):
        theirs = np.einsum(text, *arrays)
        ours = np.einsum(text, *[leaf(a) for a in arrays], optimize=optimize)
    if theirs.dtype == np.float16:
        theirs = np.einsum(text, *[a.astype(float) for a in arrays]).astype(np.float16)
    same(ours, theirs)
    plain = tg.einsum(text, *arrays, optimize=optimize)
    assert type(plain) is np.ndarray
    np.testing.assert_array_equal(plain, ours.data)


@settings(max_examples=40, deadline=None)
@given(contractions((np.float64, np.complex128)))
def test_gradients_of_any_einsum(contraction):
    text, arrays = contraction
    f = lambda *xs: np.einsum(text, *xs)
    assert gradcheck(f, arrays, directions=1)


@settings(max_examples=15, deadline=None)
@given(contractions((np.float64, np.complex128)))
def test_second_order_of_any_einsum(contraction):
    text, arrays = contraction
    f = lambda *xs: np.einsum(text, *xs)
    assert gradgradcheck(f, arrays, directions=1)


@settings(max_examples=40, deadline=None)
@given(contractions((np.float32, np.complex64, np.complex128)), st.integers(0, 99))
def test_forward_mode_and_dtypes_of_any_einsum(contraction, seed):
    text, arrays = contraction
    rng = np.random.default_rng(seed)
    draw = lambda s, dt: (rng.normal(size=s) + (1j * rng.normal(size=s) if dt.kind == "c" else 0)).astype(dt)
    xs = [leaf(a) for a in arrays]
    y = np.einsum(text, *xs)
    u, v = draw(y.shape, y.dtype), [draw(a.shape, a.dtype) for a in arrays]
    found = tg.grad(y, xs, u)
    assert [g.dtype for g in found] == [a.dtype for a in arrays]
    assert [g.shape for g in found] == [a.shape for a in arrays]
    _, ahead = tg.func.jvp(lambda *ts: np.einsum(text, *ts), tuple(arrays), tuple(v))
    back = sum(np.vdot(g.data, w).real for g, w in zip(found, v, strict=True))
    size = sum(np.sum(abs(g.data * w)) for g, w in zip(found, v, strict=True))
    assert abs(np.vdot(ahead, u).real - back) <= 1e-5 * (1 + size)


@pytest.mark.thorough
@settings(max_examples=3000, deadline=None)
@given(contractions(), st.sampled_from((False, True, "optimal")))
def test_any_einsum_is_numpys_at_length(contraction, optimize):
    text, arrays = contraction
    if arrays[0].dtype == np.float16:
        arrays = [a.astype(np.float32) for a in arrays]
    same(np.einsum(text, *[leaf(a) for a in arrays], optimize=optimize), np.einsum(text, *arrays))


@pytest.mark.thorough
@settings(max_examples=300, deadline=None)
@given(contractions((np.float64, np.complex128)))
def test_gradients_of_any_einsum_at_length(contraction):
    text, arrays = contraction
    assert gradcheck(lambda *xs: np.einsum(text, *xs), arrays, directions=1)
    assert gradgradcheck(lambda *xs: np.einsum(text, *xs), arrays, directions=1)


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("ij,jk->ik", [(3, 4), (4, 5)]), ("ij,jk->ki", [(3, 4), (4, 5)]), ("ji,kj", [(4, 3), (5, 4)]),
        ("bij,bjk->bik", [(6, 3, 4), (6, 4, 5)]), ("ijb,jkb->bik", [(3, 4, 6), (4, 5, 6)]),
        ("bij,bjk->ikb", [(6, 3, 4), (6, 4, 5)]), ("bij,bj->bi", [(9, 30, 40), (9, 40)]),
        ("bij,bj->bi", [(50, 2, 2), (50, 2)]), ("abc,cbd->ad", [(3, 4, 5), (5, 4, 2)]),
        ("abc,bcd->ad", [(3, 4, 5), (4, 5, 2)]), ("acb,bdc->da", [(3, 5, 4), (4, 2, 5)]),
        ("ij,ij->", [(3, 4)] * 2), ("ij,ji->", [(3, 4), (4, 3)]), ("ij,ij->i", [(3, 4)] * 2),
        ("ij,ij->ji", [(3, 4)] * 2), ("i,j->ji", [(3,), (4,)]), ("ij,j->ij", [(3, 4), (4,)]),
        (",i->i", [(), (4,)]), (",", [(), ()]), ("", [()]), ("->", [()]), ("i->", [(4,)]), ("ij->ji", [(3, 4)]),
        ("ii->", [(4, 4)]), ("ii->i", [(4, 4)]), ("iij,j->j", [(3, 3, 4), (4,)]), ("iijj->ij", [(3, 3, 4, 4)]),
        ("iii", [(3, 3, 3)]), ("...ij,...jk", [(2, 3, 4), (5, 1, 4, 2)]), ("i...,...i->...", [(3, 4), (4, 3)]),
        ("...,...", [(2, 1), (3,)]), ("ij,ij->i", [(1, 3), (2, 1)]), ("ij,ij->ij", [(1, 3), (2, 1)]),
        ("ij,ij->ij", [(1, 3), (1, 3)]), ("ij,jk->ik", [(2, 0), (0, 3)]), ("ij,jk->ik", [(0, 2), (2, 3)]),
        ("i,i", [(0,), (0,)]), ("ij,k->k", [(2, 3), (4,)]), ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]),
        ("ij,ik,il->jkl", [(2, 3), (2, 4), (2, 5)]), ("i,i,i,i->i", [(3,)] * 4), ("i,j,k->kji", [(2,), (3,), (4,)]),
        ("ab,b,bc,c,cd->ad", [(2, 3), (3,), (3, 4), (4,), (4, 2)]), ("ijkl,ljki->k", [(2, 3, 4, 5), (5, 3, 4, 2)]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("layout", ["C", "F", "strided"])
def test_common_contractions(text, shapes, layout):
    arrays = [RNG.normal(size=s) for s in shapes]
    if layout == "F":
        arrays = [np.asarray(a, order="F") for a in arrays]
    if layout == "strided":
        arrays = [np.repeat(a, 2, -1)[..., ::-2] if a.ndim else a for a in arrays]
    same(np.einsum(text, *[leaf(a) for a in arrays]), np.einsum(text, *arrays))
    assert gradcheck(lambda *xs: np.einsum(text, *xs), arrays, directions=1)


def test_list_form():
    same(np.einsum(leaf(A), [0, 1], leaf(B), [1, 2], [0, 2]), A @ B)
    same(np.einsum(leaf(A), [30, 1], leaf(B), [1, 2]), np.einsum(A, [30, 1], B, [1, 2]))
    square = B[:, :3]
    same(np.einsum(leaf(A), [Ellipsis, 1], leaf(square), [1, ...]), np.einsum(A, [..., 1], square, [1, Ellipsis]))
    same(np.einsum(leaf(A), [0, 1], []), A.sum())
    same(np.einsum(leaf(A), [51, 0]), A.T)  # an implied output is in the order of the numbers
    assert gradcheck(lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [2, 0]), [A, B])


def test_spaces_and_a_first_operand_that_is_an_array():
    same(np.einsum(" i j , j k -> i k ", A, leaf(B)), A @ B)
    same(np.einsum("ij->j i", leaf(A)), A.T)
    same(np.einsum("ij,jk", [[1.0, 2.0]], leaf(B[:2])), np.array([[1.0, 2.0]]) @ B[:2])


def test_mixed_dtypes_promote_as_in_numpy():
    ints, single, bools = np.arange(12).reshape(3, 4), A.astype(np.float32), A > 0
    for x, y in ((ints, B), (single, B), (bools, B), (single, B.astype(np.complex64)), (ints.astype(np.int8), ints.T)):
        same(np.einsum("ij,jk->ik", leaf(x), leaf(y)), np.einsum("ij,jk->ik", x, y))
    assert np.einsum("ij,jk->ik", leaf(single), leaf(B.astype(np.float32))).dtype == np.float32
    x, z = leaf(single), leaf(B + 1j * B)
    y = np.einsum("ij,jk->ik", x, z)
    gx, gz = tg.grad(y, [x, z], np.ones(y.shape, y.dtype))
    assert (gx.dtype, gz.dtype) == (np.float32, np.complex128)
    np.testing.assert_allclose(gx.data, np.ones((3, 5)) @ B.T, rtol=1e-6)


def test_small_integers_wrap_as_in_numpy():
    x = np.full((2, 200), 1, np.int8)
    same(np.einsum("ij->i", tg.tensor(x)), np.einsum("ij->i", x))
    same(np.einsum("ij,k->", tg.tensor(x), x[0, :3]), np.einsum("ij,k->", x, x[0, :3]))
    same(np.einsum("ij,kj->", tg.tensor(x > 0), x > 0), True)


# -- keywords ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "optimize",
    [
        False, True, None, "greedy", "optimal", ("greedy", 10), ["optimal", 1e9], ["einsum_path", (0, 1), (0, 1)],
        ["einsum_path", (0, 2), (0, 1)], ["einsum_path", (1, 2), (1, 0)], ["einsum_path", (0, 1, 2)],
        ["einsum_path", (0,), (0, 1), (0, 1)],
    ],
)  # fmt: skip
def test_optimize_is_honoured(optimize):
    theirs = np.einsum("ij,jk,ki->i", A, B, C)
    same(np.einsum("ij,jk,ki->i", leaf(A), leaf(B), leaf(C), optimize=optimize), theirs)


def test_an_explicit_path_gives_the_order_of_contraction():
    tape = lambda path: str(tg.Tape.of(np.einsum("ij,jk,kl->il", leaf(A), leaf(B), leaf(C), optimize=path)))
    assert "ij,jk->ik" in tape(["einsum_path", (0, 1), (0, 1)])
    assert "jk,kl->jl" in tape(["einsum_path", (1, 2), (0, 1)])
    assert "jk,kl->jl" in tape(np.einsum_path("ij,jk,kl->il", A, B, C, optimize=["einsum_path", (2, 1), (0, 1)])[0])


@pytest.mark.parametrize(
    ("optimize", "error", "words"),
    [
        ("fast", TypeError, "optimize 'fast'"), (3, TypeError, "optimize 3"), ([], TypeError, "optimize"),
        (("fast", 3), TypeError, "optimize"), (["einsum_path", (0, 5)], ValueError, r"\(0, 5\)"),
        (["einsum_path", (0, 1)], ValueError, "leaves 2 operands"), (["einsum_path", (0, 0)], ValueError, r"\(0, 0\)"),
    ],
)  # fmt: skip
def test_an_optimize_that_is_none(optimize, error, words):
    with pytest.raises(error, match=words):
        np.einsum("ij,jk,kl->il", leaf(A), leaf(B), leaf(C), optimize=optimize)


def test_dtype_and_casting():
    same(np.einsum("ij,jk", leaf(A), leaf(B), dtype=np.complex128), (A @ B).astype(complex))
    single = np.einsum("ij,jk", leaf(A), leaf(B), dtype=np.float32, casting="same_kind")
    same(single, np.einsum("ij,jk", A, B, dtype=np.float32, casting="same_kind"))
    x = leaf(A)
    np.einsum("ij->", x, dtype=np.float32, casting="unsafe").backward()
    assert x.grad.dtype == np.float64
    assert x.grad.tolist() == np.ones((3, 4)).tolist()
    with pytest.raises(TypeError, match="operand 0 of dtype float64 cannot be cast to float32 by 'safe'"):
        np.einsum("ij,jk", leaf(A), leaf(B), dtype=np.float32)
    with pytest.raises(TypeError, match="operand 1 of dtype float32"):
        np.einsum("ij,jk", leaf(A), leaf(B.astype(np.float32)), casting="no")
    with pytest.raises(ValueError, match="casting"):
        np.einsum("ij", leaf(A), casting="perhaps")


@pytest.mark.parametrize("order", ["C", "F", "A", "K"])
@pytest.mark.parametrize("layout", ["C", "F"])
def test_order(order, layout):
    a, b = np.asarray(A, order=layout), np.asarray(B, order=layout)
    for text, arrays in (("ij,jk->ik", (a, b)), ("ij,jk->ki", (a, b)), ("ij,j->ji", (a, b[:, 0])), ("ij->i", (a,))):
        theirs = np.einsum(text, *arrays, order=order)
        ours = np.einsum(text, *[leaf(x) for x in arrays], order=order)
        same(ours, theirs)
        if order != "K":
            assert ours.data.flags.c_contiguous == theirs.flags.c_contiguous
            assert ours.data.flags.f_contiguous == theirs.flags.f_contiguous
        assert gradcheck(lambda *xs, text=text: np.einsum(text, *xs, order=order), arrays, directions=1)
    turned = np.einsum("ij->ji", leaf(a), order=order).data.flags  # NumPy gives a view here, whatever the order
    assert turned.f_contiguous if order == "F" or (order, layout) == ("K", "C") else turned.c_contiguous or order == "A"
    with pytest.raises(ValueError, match="order 'Z'"):
        np.einsum("ij", leaf(A), order="Z")


def test_out():
    out = tg.zeros((3, 5))
    x = leaf(A)
    assert np.einsum("ij,jk->ik", x, B, out=out) is out
    out.sum().backward()
    np.testing.assert_allclose(x.grad.data, np.ones((3, 5)) @ B.T)
    plain = np.zeros((3, 5))
    assert np.einsum("ij,jk->ik", tg.tensor(A), B, out=plain) is plain
    np.testing.assert_allclose(plain, A @ B)
    with pytest.raises(TypeError, match="out is an ndarray"):
        np.einsum("ij,jk->ik", leaf(A), B, out=plain)
    with pytest.raises(ValueError, match=r"out has shape \(3, 5\)"):
        np.einsum("ij,jk->ki", leaf(A), B, out=out)
    with pytest.raises(TypeError, match="cannot be cast"):
        np.einsum("ij,jk->ik", tg.tensor(A), B, out=np.zeros((3, 5), np.float32))


def test_a_keyword_that_is_none():
    with pytest.raises(TypeError, match="subok"):
        np.einsum("ij", leaf(A), subok=True)


def test_one_operand_gives_a_tensor_of_its_own():
    x = leaf(A)
    y = np.einsum("ij->ij", x)
    assert y is not x
    t = tg.tensor(A)
    z = np.einsum("ij->ji", t)
    with pytest.raises(RuntimeError, match="would be a view"):
        z[0, 0] = 5.0
    diagonal = np.einsum("ii->i", leaf(A[:, :3]))
    np.testing.assert_array_equal(diagonal.data, np.diag(A))


def test_path_on_tensors_is_that_on_arrays():
    assert np.einsum_path("ij,jk,kl->il", leaf(A), leaf(B), leaf(C)) == np.einsum_path("ij,jk,kl->il", A, B, C)
    ours = np.einsum_path(leaf(A), [0, 1], leaf(B), [1, 2], leaf(C), [2, 3], optimize="optimal")
    assert ours == np.einsum_path(A, [0, 1], B, [1, 2], C, [2, 3], optimize="optimal")


# -- what is wrong -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "arrays", "words"),
    [
        ("ij,jk", (A, B.T), r"index 'j' .* stands for 4 and, in operand 1 \(5, 4\), for 5"),
        ("ii->i", (A,), r"'i' stands for 3 and 4 in operand 0"), ("ii", (A[:, :1],), "'i' stands for 3 and 1"),
        ("ij,jk", (A,), "has 2 terms, but 1 arrays"), ("ij", (A, B), "has 1 terms, but 2 arrays"),
        ("i", (A,), "has 1 indices"), ("ijk", (A,), "has 3 indices"), ("...ijk", (A,), "has 3 indices"),
        ("ij->ijj", (A,), "each once"), ("ij->k", (A,), "must name indices of the inputs"),
        ("i..j", (A,), "'.' in"), ("i....", (A,), "'.' in"), ("...i...", (A,), "'.' in"), ("i$", (A,), r"'\$' in"),
        ("ij->i->j", (A,), "'-' in"), ("ij-i", (A,), "'-' in"), ("i...->i", (A,), "optimize=True to sum over them"),
    ],
)  # fmt: skip
def test_errors(text, arrays, words):
    with pytest.raises(ValueError, match=words):
        np.einsum(text, *[leaf(a) for a in arrays])
    with pytest.raises(ValueError, match=r".*"):
        np.einsum(text, *arrays)


def test_more_errors():
    with pytest.raises(ValueError, match="give the subscripts"):
        tg.einsum()
    with pytest.raises(TypeError, match="not 'a'"):
        np.einsum(leaf(A), ["a", "b"])
    with pytest.raises(ValueError, match="52 is not within"):
        np.einsum(leaf(A), [0, 52])
    with pytest.raises(ValueError, match="more than there are letters"):
        tg.einsum(string.ascii_letters[:51] + "...->...", np.ones((1,) * 53))


def test_the_ellipsis_left_out_of_the_output_is_summed_over_where_numpy_does():
    same(np.einsum("i...->i", leaf(A), optimize=True), np.einsum("i...->i", A, optimize=True))
    same(np.einsum("i...->i", leaf(A[0])), A[0])


# -- plans ---------------------------------------------------------------------------------------------------


def test_subscripts_are_read_once_for_each_set_of_shapes():
    product._program.cache_clear()
    product._pair.cache_clear()
    for _ in range(3):
        np.einsum("ij,jk->ik", leaf(A), leaf(B))
    assert product._program.cache_info().misses == 1
    assert product._pair.cache_info().misses == 1


def test_each_pair_is_one_node_and_its_backward_two_products(monkeypatch):
    x, y, z = leaf(A), leaf(B), leaf(C)
    loss = np.einsum("ij,jk,kl->il", x, y, z)
    assert [n.op.name for n in tg.Tape.of(loss) if n.op] == ["einsum", "einsum"]
    calls = []
    real = product.products.matmul
    monkeypatch.setattr(product.products, "matmul", lambda a, b: calls.append(1) or real(a, b))
    tg.grad(loss, [x, y, z], np.ones(loss.shape))
    assert len(calls) == 4


def test_the_forward_of_matrices_is_a_matrix_product(monkeypatch):
    calls = []
    real = product.products.matmul
    monkeypatch.setattr(product.products, "matmul", lambda a, b: calls.append((a, b)) or real(a, b))
    for text, x, y, shapes in (
        ("ij,jk->ik", A, B, ((3, 4), (4, 5))),
        ("ij,jk->ki", A, B, ((5, 4), (4, 3))),  # turned, so that the result lies by rows
        ("abc,bcd->ad", RNG.normal(size=(3, 4, 5)), RNG.normal(size=(4, 5, 2)), ((3, 20), (20, 2))),
        ("abc,cbd->ad", RNG.normal(size=(3, 4, 5)), RNG.normal(size=(5, 4, 9)), ((3, 20), (20, 9))),
        ("bij,bjk->bik", RNG.normal(size=(6, 3, 4)), RNG.normal(size=(6, 4, 5)), ((6, 3, 4), (6, 4, 5))),
    ):
        calls.clear()
        assert tg.einsum(text, x, y).flags.c_contiguous
        ((a, b),) = calls
        assert (a.shape, b.shape) == shapes
    calls.clear()
    x, y = RNG.normal(size=(3, 4, 6)), RNG.normal(size=(4, 5, 6))  # the batch last: BLAS needs copies
    tg.einsum("ijb,jkb->bik", x, y)
    ((a, b),) = calls
    assert all(m.itemsize in m.strides[-2:] for m in (a, b))


def test_axes_go_into_the_stack_where_that_saves_copies(monkeypatch):
    images, weight = RNG.normal(size=(3, 16, 6, 7)), RNG.normal(size=(12, 16))
    g = RNG.normal(size=(3, 12, 6, 7))
    calls = []
    real = product.products.matmul
    monkeypatch.setattr(product.products, "matmul", lambda a, b: calls.append((a, b)) or real(a, b))
    out = tg.einsum("nchw,oc->nohw", images, weight)
    assert out.flags.c_contiguous
    np.testing.assert_allclose(out, np.einsum("nchw,oc->nohw", images, weight))
    by_weight = tg.einsum("nchw,nohw->oc", images, g)  # a stack that is summed afterwards
    np.testing.assert_allclose(by_weight, np.einsum("nchw,nohw->oc", images, g))
    assert [(a.shape, b.shape) for a, b in calls] == [((1, 12, 16), (3, 16, 42)), ((3, 12, 42), (3, 42, 16))]
    assert all(np.shares_memory(m, x) for m, x in zip(calls[0], (weight, images), strict=True))
    assert all(np.shares_memory(m, x) for m, x in zip(calls[1], (g, images), strict=True))
