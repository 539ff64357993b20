"""NumPy's functions on Tensors against NumPy on arrays: values, dtypes, shapes, gradients, and what is refused."""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tapegrad as tg
from tapegrad.check import gradcheck
from tapegrad.registry import BY_NUMPY, OPS

RNG = np.random.default_rng(7)
X = RNG.normal(size=(3, 4))
Y = RNG.normal(size=(3, 4))
X3 = RNG.normal(size=(2, 3, 4))
V = RNG.normal(size=5)
V3, W3 = RNG.normal(size=3), RNG.normal(size=3)
S = np.array(1.3)
POS = abs(X) + 0.5
SINGLE = X.astype(np.float32)
COMPLEX = X + 1j * Y
SQUARE = RNG.normal(size=(3, 3))
INTS = np.arange(12).reshape(3, 4)
MASK = np.array([[True, False, True, True], [False, True, True, False], [True, True, False, True]])
EMPTY = np.zeros((0, 3))
STRIDED = X[::-1, ::-2]
NAN = np.array([1.0, np.nan, -2.0, np.inf, -np.inf])


def names(key: Any) -> str:
    return f"{key[0].__name__}.{key[1]}" if isinstance(key, tuple) else key.__name__


def same(ours: Any, theirs: Any, where: str = "result") -> None:
    """Values, dtypes, shapes and containers agree."""
    if isinstance(theirs, (tuple, list)):
        assert isinstance(ours, (tuple, list)), where
        assert len(ours) == len(theirs), where
        for k, (a, b) in enumerate(zip(ours, theirs)):
            same(a, b, f"{where}[{k}]")
        return
    if isinstance(ours, tg.Tensor):
        assert type(ours.data) is np.ndarray
        ours = ours.data
        theirs = np.asarray(theirs)
        assert ours.shape == theirs.shape, where
        assert ours.dtype == theirs.dtype, where
        tolerance = 1e-5 if theirs.dtype in (np.float32, np.complex64) else 1e-12
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance, err_msg=where)
        return
    assert not isinstance(theirs, np.ndarray), f"{where}: an array where a Tensor must be"
    assert ours == theirs, where


def tensors(arrays: tuple[Any, ...]) -> list[Any]:
    return [tg.tensor(a, requires_grad=a.dtype.kind in "fc") if isinstance(a, np.ndarray) else a for a in arrays]


class Case:
    """f(*arrays), a use of one NumPy function."""

    def __init__(self, f: Any, *arrays: Any, grad: bool = True) -> None:
        self.f, self.arrays, self.grad = f, arrays, grad

    def run(self) -> None:
        theirs = self.f(*self.arrays)
        same(self.f(*tensors(self.arrays)), theirs)
        same(self.f(*[tg.tensor(a) if isinstance(a, np.ndarray) else a for a in self.arrays]), theirs)
        floating = [a for a in self.arrays if isinstance(a, np.ndarray) and a.dtype.kind in "fc"]
        many = theirs if isinstance(theirs, (tuple, list)) else (theirs,)
        if self.grad and floating and any(np.asarray(t).dtype.kind in "fc" for t in many):
            assert gradcheck(self.f, self.arrays, directions=1)


CASES: dict[Any, list[Case]] = {}


def case(key: Any, f: Any, *arrays: Any, grad: bool = True) -> None:
    CASES.setdefault(key, []).append(Case(f, *arrays, grad=grad))


# -- reductions ----------------------------------------------------------------------------------------------

for _f in (np.sum, np.prod, np.mean, np.var, np.std, np.max, np.min, np.ptp):
    for _axis in (None, 0, -1, (0, 1), (-1, 0)):
        for _keep in (False, True):
            case(_f, lambda a, f=_f, axis=_axis, keep=_keep: f(a, axis=axis, keepdims=keep), X)
    case(_f, lambda a, f=_f: f(a, (0, 2)), X3)
    case(_f, lambda a, f=_f: f(a, axis=1), INTS)
    case(_f, lambda a, f=_f: f(a, axis=1), SINGLE)
    case(_f, lambda a, f=_f: f(a), STRIDED)
    case(_f, lambda a, f=_f: f(a), S)
for _f in (np.sum, np.prod, np.mean, np.var, np.std):
    case(_f, lambda a, f=_f: f(a, 0), COMPLEX)
for _f in (np.sum, np.prod, np.max, np.min):
    case(_f, lambda a, f=_f: f(a, axis=1, initial=0.5), X)
    case(_f, lambda a, f=_f: f(a, axis=1, initial=np.float64(0.5)), SINGLE)
    case(_f, lambda a, b, f=_f: f(a, axis=1, initial=b), X, np.array(0.4))
    case(_f, lambda a, f=_f: f(a, axis=0, initial=5), INTS)
    case(_f, lambda a, f=_f: f(a, axis=1, initial=0.5, where=MASK), X)
    case(_f, lambda a, f=_f: f(a, axis=1, initial=0.5, where=MASK[:1], keepdims=True), X)
    case(_f, lambda a, f=_f: f(a, axis=0, initial=0.25), EMPTY)
    case(_f, lambda a, f=_f: f(a, axis=1), EMPTY)
    case(_f, lambda a, f=_f: f(a, axis=0), S)
    case(_f, lambda a, f=_f: f(a, axis=()), X)
case(np.sum, lambda a: np.sum(a, axis=0), MASK)
case(np.sum, lambda a: np.sum(a, dtype=np.float32), X)
case(np.sum, lambda a: np.sum(a, dtype=np.float64), SINGLE)
case(np.sum, lambda a: np.sum(a, dtype=np.complex128), X)
case(np.sum, lambda a: np.sum(a, axis=0, dtype=int), X)
case(np.prod, lambda a: np.prod(a, axis=0, dtype=np.float64), SINGLE)
case(np.mean, lambda a: np.mean(a, axis=0, dtype=np.float64), SINGLE)
for _f in (np.mean, np.var, np.std):
    case(_f, lambda a, f=_f: f(a, axis=1, where=MASK), X)
    case(_f, lambda a, f=_f: f(a, where=MASK, keepdims=True), SINGLE)
    case(_f, lambda a, f=_f: f(a, axis=1, where=MASK), INTS)
for _f in (np.var, np.std):
    case(_f, lambda a, f=_f: f(a, axis=1, ddof=1), X)
    case(_f, lambda a, f=_f: f(a, axis=1, correction=1), COMPLEX)
    case(_f, lambda a, f=_f: f(a, ddof=0.5, dtype=np.float64), SINGLE)
    case(_f, lambda a, f=_f: f(a, axis=1, mean=np.mean(a, axis=1, keepdims=True)), X)
    case(_f, lambda a, f=_f: f(a, axis=0, ddof=1, where=MASK), X)
case(np.amax, lambda a: np.amax(a, 1), X)
case(np.amin, lambda a: np.amin(a, 1), X)
for _u in (np.add, np.multiply, np.maximum, np.minimum):
    case((_u, "reduce"), lambda a, u=_u: u.reduce(a), X)
    case((_u, "reduce"), lambda a, u=_u: u.reduce(a, 1), X)
    case((_u, "reduce"), lambda a, u=_u: u.reduce(a, axis=None, keepdims=True), X)
    case((_u, "reduce"), lambda a, u=_u: u.reduce(a, axis=(0, 1), initial=0.5), X)
for _u in (np.add, np.multiply):
    case((_u, "accumulate"), lambda a, u=_u: u.accumulate(a), X)
    case((_u, "accumulate"), lambda a, u=_u: u.accumulate(a, axis=1), X)
for _f in (np.cumsum, np.cumprod):
    for _axis in (None, 0, -1):
        case(_f, lambda a, f=_f, axis=_axis: f(a, axis), X)
    case(_f, lambda a, f=_f: f(a, 0, dtype=np.float64), SINGLE)
    case(_f, lambda a, f=_f: f(a, 1), COMPLEX)
    case(_f, lambda a, f=_f: f(a, 1), INTS)
    case(_f, lambda a, f=_f: f(a, 0), S)
    case(_f, lambda a, f=_f: f(a, 0), EMPTY)
RECENT = hasattr(np, "unstack")  # functions that came with NumPy 2.1
for _f in (np.cumulative_sum, np.cumulative_prod) if RECENT else ():
    case(_f, lambda a, f=_f: f(a), V)
    case(_f, lambda a, f=_f: f(a, axis=1, include_initial=True), X)
    case(_f, lambda a, f=_f: f(a, axis=-2, dtype=np.float64), SINGLE)
case(np.average, lambda a: np.average(a), X)
case(np.average, lambda a: np.average(a, axis=0, keepdims=True), X)
case(np.average, lambda a, w: np.average(a, weights=w), X, POS)
case(np.average, lambda a, w: np.average(a, axis=0, weights=w, returned=True), X, np.array([1.0, 2.0, 3.0]))
case(np.average, lambda a, w: np.average(a, axis=(1, 0), weights=w), X3, RNG.random((3, 2)) + 1)
case(np.average, lambda a: np.average(a, axis=1, returned=True), X)
case(np.average, lambda a: np.average(a, axis=1), INTS)

# -- shapes --------------------------------------------------------------------------------------------------

if hasattr(np, "astype"):
    case(np.astype, lambda a: np.astype(a, np.float64), SINGLE)
    case(np.astype, lambda a: np.astype(a, np.int64), X)
case(np.broadcast_to, lambda a: np.broadcast_to(a, (2, 3, 4)), X)
case(np.broadcast_to, lambda a: np.broadcast_to(a, 3), S)
case(np.broadcast_arrays, lambda a, b: np.broadcast_arrays(a, b), X, V3.reshape(3, 1))
for _order in "CFA":
    case(np.reshape, lambda a, order=_order: np.reshape(a, (4, -1), order=order), X)
    case(np.reshape, lambda a, order=_order: np.reshape(a, (4, 3), order=order), X.T.copy().T)
    case(np.ravel, lambda a, order=_order: np.ravel(a, order), X.T.copy().T)
case(np.reshape, lambda a: np.reshape(a, -1), X3)
case(np.transpose, lambda a: np.transpose(a), X3)
case(np.transpose, lambda a: np.transpose(a, (1, -1, 0)), X3)
case(np.permute_dims, lambda a: np.permute_dims(a, (2, 0, 1)), X3)
case(np.matrix_transpose, lambda a: np.matrix_transpose(a), X3)
case(np.swapaxes, lambda a: np.swapaxes(a, 0, -1), X3)
case(np.moveaxis, lambda a: np.moveaxis(a, 0, -1), X3)
case(np.moveaxis, lambda a: np.moveaxis(a, (0, 2), (1, 0)), X3)
for _axis, _start in ((2, 0), (0, 3), (1, -1), (0, 2)):
    case(np.rollaxis, lambda a, i=_axis, j=_start: np.rollaxis(a, i, j), X3)
case(np.expand_dims, lambda a: np.expand_dims(a, 1), X)
case(np.expand_dims, lambda a: np.expand_dims(a, (0, -1)), X)
case(np.squeeze, lambda a: np.squeeze(a), X[:, None, :1])
case(np.squeeze, lambda a: np.squeeze(a, (1,)), X[:, None, :1])
case(np.flip, lambda a: np.flip(a), X)
case(np.flip, lambda a: np.flip(a, (0, -1)), X3)
case(np.flipud, lambda a: np.flipud(a), X)
case(np.fliplr, lambda a: np.fliplr(a), X)
for _k in range(-1, 5):
    case(np.rot90, lambda a, k=_k: np.rot90(a, k), X)
case(np.rot90, lambda a: np.rot90(a, 1, (2, 0)), X3)
for _f in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    case(_f, lambda a, f=_f: f(a), S)
    case(_f, lambda a, b, f=_f: f(a, b), V, X)
case(np.concatenate, lambda a, b: np.concatenate([a, b]), X, Y[:1])
case(np.concatenate, lambda a, b: np.concatenate((a, b), axis=-1), X, Y[:, :2])
case(np.concatenate, lambda a, b: np.concatenate((a, b), axis=None), X, V)
case(np.concatenate, lambda a, b: np.concatenate((a, b)), SINGLE, Y)
case(np.concatenate, lambda a, b: np.concatenate((a, b), dtype=np.float32), SINGLE, SINGLE)
case(np.concatenate, lambda a: np.concatenate((a, np.ones((1, 4)), [[1, 2, 3, 4]])), X)
case(np.concat, lambda a, b: np.concat([a, b]), V, V3)
case(np.stack, lambda a, b: np.stack([a, b], axis=-1), X, Y)
case(np.stack, lambda a, b: np.stack([a, b]), S, S)
case(np.vstack, lambda a, b: np.vstack([a, b]), X, V[:4])
case(np.hstack, lambda a, b: np.hstack([a, b]), V, V3)
case(np.hstack, lambda a, b: np.hstack([a, b]), X, Y)
case(np.dstack, lambda a, b: np.dstack([a, b]), X, Y)
case(np.column_stack, lambda a, b: np.column_stack([a, b]), V3, X)
case(np.append, lambda a, b: np.append(a, b), X, V)
case(np.append, lambda a, b: np.append(a, b, axis=0), X, Y)
for _reps in (2, (2, 1), (2, 1, 3), (0, 1)):
    case(np.tile, lambda a, reps=_reps: np.tile(a, reps), X)
case(np.tile, lambda a: np.tile(a, 3), S)
for _shift, _axis in ((1, None), (-2, 1), ((1, 2), (0, 1)), (1, (0, 1)), (7, 0), ((1, 1), (0, 0))):
    case(np.roll, lambda a, s=_shift, i=_axis: np.roll(a, s, i), X)
case(np.split, lambda a: np.split(a, 2, axis=1), X)
case(np.split, lambda a: np.split(a, [1, 3], axis=-1), X)
case(np.array_split, lambda a: np.array_split(a, 3), V)
case(np.array_split, lambda a: np.array_split(a, [1, 9]), V)
case(np.vsplit, lambda a: np.vsplit(a, 3), X)
case(np.hsplit, lambda a: np.hsplit(a, 2), X)
case(np.hsplit, lambda a: np.hsplit(a, [2]), V)
case(np.dsplit, lambda a: np.dsplit(a, 2), X3)
if RECENT:
    case(np.unstack, lambda a: np.unstack(a, axis=1), X)
case(np.meshgrid, lambda a, b: np.meshgrid(a, b), V, V3)
case(np.meshgrid, lambda a, b: np.meshgrid(a, b, indexing="ij", sparse=True), V, V3)
case(np.copy, lambda a: np.copy(a), X)
case(np.shape, lambda a: np.shape(a), X)
case(np.ndim, lambda a: np.ndim(a), X)
case(np.size, lambda a: np.size(a, 1), X)

# -- taking elements and putting them ------------------------------------------------------------------------

case(np.take, lambda a: np.take(a, [0, 2, 0]), X)
case(np.take, lambda a: np.take(a, np.array([[0, 1], [2, -1]]), axis=1), X)
case(np.take, lambda a: np.take(a, 1, axis=-1), X)
case(np.take, lambda a: np.take(a, [-1, 9], axis=0, mode="wrap"), X)
case(np.take, lambda a: np.take(a, [-1, 9], axis=0, mode="clip"), X)
case(np.take, lambda a, i: np.take(a, i, axis=0), X, np.array([2, 2]))
case(np.take_along_axis, lambda a: np.take_along_axis(a, np.array([[0, 0], [1, 3], [2, -1]]), 1), X)
case(np.take_along_axis, lambda a: np.take_along_axis(a, np.array([[1]]), 1), X)
case(np.take_along_axis, lambda a: np.take_along_axis(a, np.array([3, 3]), None), X)
case(np.take_along_axis, lambda a: np.take_along_axis(a, np.argsort(a, axis=0), 0), X)
for _width in (1, (1, 2), ((0, 1), (2, 0))):
    for _mode in ("constant", "edge", "reflect", "symmetric", "wrap"):
        case(np.pad, lambda a, w=_width, m=_mode: np.pad(a, w, mode=m), X)
case(np.pad, lambda a: np.pad(a, 5, mode="reflect"), X)
case(np.pad, lambda a: np.pad(a, 1, constant_values=2), X)
case(np.pad, lambda a: np.pad(a, 1, constant_values=((1, 2), (3, 4))), SINGLE)
if np.lib.NumpyVersion(np.__version__) >= "2.3.0":  # widths by axis are newer than the oldest release supported
    case(np.pad, lambda a: np.pad(a, {0: 1, -1: (0, 2)}), X)
case(np.repeat, lambda a: np.repeat(a, 2), X)
case(np.repeat, lambda a: np.repeat(a, [1, 0, 2], axis=0), X)
for _offset in (-2, 0, 1, 9):
    case(np.diagonal, lambda a, k=_offset: np.diagonal(a, k), X)
    case(np.trace, lambda a, k=_offset: np.trace(a, k), X)
    case(np.tril, lambda a, k=_offset: np.tril(a, k), X)
    case(np.triu, lambda a, k=_offset: np.triu(a, k), X3)
case(np.diagonal, lambda a: np.diagonal(a, 1, 2, 0), X3)
case(np.trace, lambda a: np.trace(a, 0, -1, 0, dtype=np.float64), X3.astype(np.float32))
case(np.diag, lambda a: np.diag(a, -1), X)
case(np.diag, lambda a: np.diag(a, 2), V)
case(np.diagflat, lambda a: np.diagflat(a, 1), SQUARE)
case(np.tril, lambda a: np.tril(a), V)
case(np.compress, lambda a: np.compress([True, False, True], a, axis=0), X)
case(np.compress, lambda a: np.compress([0, 1, 1], a), X)
case(np.extract, lambda a: np.extract(MASK, a), X)
case(np.diff, lambda a: np.diff(a), X)
case(np.diff, lambda a: np.diff(a, 2, axis=0), X)
case(np.diff, lambda a: np.diff(a, prepend=0.0, append=a[:, :1]), X)
case(np.diff, lambda a: np.diff(a, 0), X)
case(np.diff, lambda a: np.diff(a), MASK)
case(np.where, lambda a, b: np.where(MASK, a, b), X, Y)
case(np.where, lambda a: np.where(a > 0, a, 0.0), SINGLE)
case(np.where, lambda a: np.where(a > 0), X)
case(np.sort, lambda a: np.sort(a), X)
case(np.sort, lambda a: np.sort(a, axis=0, kind="stable"), X)
case(np.sort, lambda a: np.sort(a, axis=None), X)

# -- products ------------------------------------------------------------------------------------------------

for _a, _b in ((X, X.T), (X, V[:4]), (V3, X), (V, V), (X3, X.T), (X3, X3.swapaxes(1, 2)), (COMPLEX, COMPLEX.T)):
    case(np.matmul, lambda a, b: np.matmul(a, b), _a, _b)
case(np.matmul, lambda a, b: a @ b, X3[:, None], X3.swapaxes(1, 2))
for _a, _b in ((X, X.T), (X, V[:4]), (V, V), (S, X), (X3, X.T), (X3, X3.swapaxes(1, 2))):
    case(np.dot, lambda a, b: np.dot(a, b), _a, _b)
case(np.inner, lambda a, b: np.inner(a, b), X, Y)
case(np.inner, lambda a, b: np.inner(a, b), X3, V[:4])
case(np.inner, lambda a, b: np.inner(a, b), S, X)
case(np.vdot, lambda a, b: np.vdot(a, b), COMPLEX, COMPLEX * 1j)
case(np.vecdot, lambda a, b: np.vecdot(a, b), COMPLEX, COMPLEX * 1j)
case(np.vecdot, lambda a, b: np.vecdot(a, b, axis=0), X, Y)
case(np.outer, lambda a, b: np.outer(a, b), X, V)
for _axes in (1, ([1], [0]), (1, 0), ((0, 1), (1, 0)), 0):
    case(np.tensordot, lambda a, b, axes=_axes: np.tensordot(a, b, axes), X, X.T)
case(np.kron, lambda a, b: np.kron(a, b), X, V3)
case(np.cross, lambda a, b: np.cross(a, b), V3, W3)
case(np.cross, lambda a, b: np.cross(a, b, axis=0), X, Y)
case(np.cross, lambda a, b: np.cross(a, b, axisa=0, axisc=0), X, W3)
for _text, _xs in (
    ("ij,jk", (X, X.T)), ("ij,ij->", (X, Y)), ("ij->ji", (X,)), ("ij->", (X,)), ("ii->i", (SQUARE,)), ("ii", (SQUARE,)),
    ("ii->", (SQUARE,)), ("...j,j->...", (X3, V[:4])), ("b...,...c->b...c", (X, X.T)), ("i,j,k->kij", (V3, W3, V)),
    ("ij,jk,kl->il", (X, X.T, X)), ("iij->j", (RNG.normal(size=(2, 2, 3)),)), ("ij,i->j", (COMPLEX, V3)),
    ("ij,kl->k", (X, Y)), ("...", (X,)), ("i i", (SQUARE,)),
):  # fmt: skip
    case(np.einsum, lambda *xs, text=_text: np.einsum(text, *xs), *_xs)
case(np.einsum, lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [0, 2]), X, X.T)
case(np.einsum, lambda a, b: np.einsum(a, [0, ...], b, [0, ...]), X, Y)
case(np.einsum, lambda a, b: np.einsum("ij,ij->i", a, b, optimize=False, dtype=np.float64), SINGLE, Y)

# -- elementwise functions that are no ufuncs ----------------------------------------------------------------

case(np.clip, lambda a: np.clip(a, -0.5, 0.7), X)
case(np.clip, lambda a: np.clip(a, None, 0.7), SINGLE)
if RECENT:
    case(np.clip, lambda a: np.clip(a, min=-0.1), X)
case(np.clip, lambda a, b: np.clip(a, b, b + 1), X, V[:4])
case(np.clip, lambda a: np.clip(a, 2, 5), INTS)
case(np.nan_to_num, lambda a: np.nan_to_num(a), NAN, grad=False)
case(np.nan_to_num, lambda a: np.nan_to_num(a, nan=1.0, posinf=2.0, neginf=-2.0), NAN, grad=False)
case(np.round, lambda a: np.round(a, 1), X)
case(np.around, lambda a: np.around(a), X)
OLD_FIX = np.lib.NumpyVersion(np.__version__) < "2.5.0"  # later releases deprecate np.fix for np.trunc
if OLD_FIX:
    case(np.fix, lambda a: np.fix(a), X)
case(np.float_power, lambda a, b: np.float_power(a, b), POS, X)
case(np.float_power, lambda a: np.float_power(a, 2), POS.astype(np.float32))
case(np.modf, lambda a: np.modf(a), X)
case(np.divmod, lambda a: np.divmod(a, 0.7), X)
case(np.frexp, lambda a: np.frexp(a), X)
case(np.sinc, lambda a: np.sinc(a), X)
case(np.sinc, lambda a: np.sinc(a), np.array([0.0, 1.0, -2.0]))
for _f in (np.real, np.imag, np.angle):
    case(_f, lambda a, f=_f: f(a), COMPLEX)
    case(_f, lambda a, f=_f: f(a), X)
case(np.angle, lambda a: np.angle(a, deg=True), COMPLEX)
case(np.real_if_close, lambda a: np.real_if_close(a), X + 0j)
case(np.real_if_close, lambda a: np.real_if_close(a), COMPLEX)
case(np.sign, lambda a: np.sign(a), X)
case(np.sign, lambda a: np.sign(a), COMPLEX)

# -- questions about values: no gradient ---------------------------------------------------------------------

for _f in (np.argmax, np.argmin, np.argsort):
    case(_f, lambda a, f=_f: f(a), X)
    case(_f, lambda a, f=_f: f(a, axis=0), X)
case(np.argmax, lambda a: np.argmax(a, axis=1, keepdims=True), X)
case(np.argpartition, lambda a: np.argpartition(a, 1, axis=0)[1], X)
for _f in (np.argwhere, np.nonzero, np.flatnonzero, np.count_nonzero):
    case(_f, lambda a, f=_f: f(a), MASK)
case(np.count_nonzero, lambda a: np.count_nonzero(a, axis=1), MASK)
case(np.searchsorted, lambda a, b: np.searchsorted(np.sort(a), b, side="right"), V, V3)
case(np.digitize, lambda a: np.digitize(a, np.array([-1.0, 0.0, 1.0])), X)
for _f in (np.all, np.any):
    case(_f, lambda a, f=_f: f(a), MASK)
    case(_f, lambda a, f=_f: f(a, axis=1, keepdims=True), MASK)
case(np.isclose, lambda a, b: np.isclose(a, b), X, X + 1e-12)
case(np.isin, lambda a: np.isin(a, [1, 5]), INTS)
for _f in (np.iscomplex, np.isreal):
    case(_f, lambda a, f=_f: f(a), COMPLEX)
for _f in (np.isposinf, np.isneginf):
    case(_f, lambda a, f=_f: f(a), NAN)
for _f in (np.allclose, np.array_equal, np.array_equiv):
    case(_f, lambda a, b, f=_f: f(a, b), X, X)
for _f in (np.iscomplexobj, np.isrealobj):
    case(_f, lambda a, f=_f: f(a), COMPLEX)
case(np.result_type, lambda a: np.result_type(a, np.int8), SINGLE)
case(np.can_cast, lambda: np.can_cast(np.float32, np.float64))
case(np.common_type, lambda a: np.common_type(a), SINGLE)
for _f in (np.array2string, np.array_str):
    case(_f, lambda a, f=_f: f(a), X)
case(np.array_repr, lambda a: np.array_repr(a), X)
for _f in (np.may_share_memory, np.shares_memory):
    case(_f, lambda a, b, f=_f: f(a, b), X, Y)
for _f in (np.zeros_like, np.ones_like):
    case(_f, lambda a, f=_f: f(a), SINGLE, grad=False)
    case(_f, lambda a, f=_f: f(a, dtype=int, shape=(2,)), X)
case(np.full_like, lambda a: np.full_like(a, 3.5), X, grad=False)

UFUNCS = [f for f in BY_NUMPY if isinstance(f, np.ufunc) and any(o.forward is f for o in OPS.values())]


@pytest.mark.parametrize(
    "one", [pytest.param(c, id=f"{names(key)}-{k}") for key, cs in CASES.items() for k, c in enumerate(cs)]
)
def test_function(one):
    one.run()


@pytest.mark.parametrize("key", UFUNCS, ids=names)
def test_ufunc(key):
    """The samples of its op, through NumPy; the gradient is test_registry's."""
    op = next((o for o in OPS.values() if o.forward is key), None)
    assert op is not None
    for sample in op.samples:
        args = sample.draw(np.random.default_rng(1))
        same(key(*tensors(args)), key(*args))
        if key.nin == 2:
            for mixed in ((tensors(args)[0], args[1]), (args[0], tensors(args)[1])):
                same(key(*mixed), key(*args))


def test_empty_like():
    t = np.empty_like(tg.tensor(SINGLE))
    assert isinstance(t, tg.Tensor)
    assert t.shape == SINGLE.shape
    assert t.dtype == np.float32


def test_methods_equal_functions():
    methods: dict[str, tuple[Any, ...]] = {
        "sum": (0,), "prod": (1,), "mean": (-1,), "var": (0,), "std": (0,), "max": (1,), "min": (1,), "cumsum": (1,),
        "cumprod": (1,), "argmax": (1,), "argmin": (), "argsort": (0,), "dot": (X.T,), "trace": (), "clip": (-1, 1),
        "round": (1,), "conj": (), "copy": (), "ravel": (), "flatten": ("F",), "squeeze": (), "swapaxes": (0, 1),
        "diagonal": (1,), "take": ([0, 1], 1), "repeat": (2, 1), "compress": ([1, 0, 1], 0), "reshape": (4, 3),
        "transpose": (1, 0), "astype": (np.float32,), "nonzero": (), "searchsorted": (),
    }  # fmt: skip
    for name, args in methods.items():
        if name == "searchsorted":
            same(tg.tensor(np.sort(V)).searchsorted(V3), np.sort(V).searchsorted(V3))
        else:
            same(getattr(tg.tensor(X, requires_grad=True), name)(*args), getattr(X, name)(*args), name)


# -- keywords of ufuncs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["add", "multiply", "exp", "maximum", "arctan2"])
def test_out_takes_the_value_and_the_history(name):
    f = getattr(np, name)
    arrays = (POS, Y)[: f.nin]

    def into(*xs):
        out = tg.zeros((3, 4))
        result = f(*xs, out=out)
        assert result is out
        return out

    same(into(*tensors(arrays)), f(*arrays))
    gradcheck(into, arrays)


@pytest.mark.parametrize("f", [np.sum, np.prod, np.mean, np.var, np.std, np.max, np.min, np.cumsum, np.cumprod])
def test_out_of_reductions(f):
    def into(x):
        out = tg.zeros(12 if f in (np.cumsum, np.cumprod) else 4)
        return f(x, None, out=out) if out.size == 12 else f(x, 0, out=out)

    gradcheck(into, (X,))


def test_out_of_other_functions():
    gradcheck(lambda x: np.matmul(x, x.T, out=tg.zeros((3, 3))), (X,))
    gradcheck(lambda x: np.take(x, [1, 1], axis=0, out=tg.zeros((2, 4))), (X,))
    gradcheck(lambda x: np.concatenate([x, x], out=tg.zeros((6, 4))), (X,))
    gradcheck(lambda x: np.add.reduce(x, axis=1, out=tg.zeros(3)), (X,))
    gradcheck(lambda x: np.clip(x, -1, 1, out=tg.zeros((3, 4))), (X,))
    same(np.round(tg.tensor(X), 1, out=tg.zeros((3, 4))), np.round(X, 1))
    if OLD_FIX:
        same(np.fix(tg.tensor(X), out=tg.zeros((3, 4))), np.fix(X))
    same(np.argmax(tg.tensor(X), axis=1, out=tg.zeros(3, np.int64)), np.argmax(X, axis=1))


def test_out_an_ndarray_only_without_gradient():
    with pytest.raises(TypeError, match="add: out is an ndarray"):
        np.add(tg.tensor(X, requires_grad=True), 1, out=np.zeros((3, 4)))
    out = np.zeros((3, 4))
    assert np.add(tg.tensor(X), 1, out=out) is out
    np.testing.assert_array_equal(out, X + 1)


def test_out_casts_as_numpy_does():
    out = tg.zeros((3, 4), np.float32)
    np.add(tg.tensor(X, requires_grad=True), 1.0, out=out)
    assert out.dtype == np.float32
    with pytest.raises(TypeError, match="add"):
        np.add(tg.tensor(X), 1.5, out=tg.zeros((3, 4), np.int64))
    with pytest.raises(ValueError, match="shape"):
        np.add(tg.tensor(X), 1.5, out=tg.zeros((1, 4)))


def test_where_with_out():
    def f(x, base):
        out = base * 1.0
        np.multiply(x, 3.0, out=out, where=MASK)
        return out

    expected = Y.copy()
    np.multiply(X, 3.0, out=expected, where=MASK)
    np.testing.assert_array_equal(f(tg.tensor(X), tg.tensor(Y)).data, expected)
    gradcheck(f, (X, Y))
    with pytest.raises(TypeError, match=r"numpy\.multiply.*where"):
        np.multiply(tg.tensor(X), 3.0, where=MASK)


def test_dtype_of_ufuncs():
    same(np.add(tg.tensor(SINGLE), 1, dtype=np.float64), np.add(SINGLE, 1, dtype=np.float64))
    gradcheck(lambda x: np.add(x, 1, dtype=np.complex128), (X,))
    with pytest.raises(TypeError, match="add"):
        np.add(tg.tensor(X), 1, dtype=np.int64)


def test_outer():
    for f in (np.add, np.multiply, np.subtract, np.maximum):
        same(f.outer(tg.tensor(X), tg.tensor(V)), f.outer(X, V))
        same(f.outer(X, tg.tensor(V)), f.outer(X, V))
    gradcheck(lambda a, b: np.divide.outer(a, b), (X, POS[0]))


# -- what is refused -----------------------------------------------------------------------------------------

T = tg.tensor(SQUARE, requires_grad=True)
REFUSALS = {
    "spacing": lambda: np.spacing(T),
    "nextafter": lambda: np.nextafter(T, 1.0),
    "nextafter.accumulate": lambda: np.nextafter.accumulate(T),
    "save": lambda: np.save("nowhere.npy", T),
    "busday_count": lambda: np.busday_count(T, T),
    "find": lambda: np.strings.find(T, "a"),
    "sort: order=": lambda: np.sort(T, order="a"),
    "var: dtype": lambda: np.var(T, dtype=np.int64),
    "mean: dtype": lambda: np.mean(T, dtype=np.int64),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refused_by_name(name):
    with pytest.raises(TypeError, match=name):
        REFUSALS[name]()


def test_unknown_keywords_raise():
    with pytest.raises(TypeError):
        np.sum(T, nonsense=1)
    with pytest.raises(TypeError, match="exp"):
        np.exp(T, signature="d->d", extobj=None)


def test_an_ndarray_never_takes_a_tensor_that_requires_grad():
    with pytest.raises(TypeError, match="detach"):
        np.asarray(T)
    with pytest.raises(TypeError, match="detach"):
        np.zeros((3, 3))[...] = T


def test_functions_of_arrays_give_arrays():
    """No Tensor in, no Tensor out, also for our own spelling of a NumPy function."""
    from tapegrad.ops import reduce, structure

    assert type(reduce.sum(X)) is np.ndarray
    assert type(structure.concatenate([X, Y])) is np.ndarray


# -- operators -----------------------------------------------------------------------------------------------

OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow,
    operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne,
]  # fmt: skip
OTHERS = [
    2,
    2.5,
    True,
    np.float32(2.5),
    np.float64(2.5),
    np.int64(3),
    np.int8(3),
    np.array(2.5),
    np.array([1.5, 2.5], np.float32),
    np.array([1.5, 2.5]),
    np.array([2, 3]),
    np.array([[2], [3]], np.int8),
]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.uint8])
@pytest.mark.parametrize("f", OPERATORS, ids=lambda f: f.__name__)
def test_operators_both_ways_round(f, dtype):
    x = np.array([1.5, 3.0]).astype(dtype)
    for other in OTHERS:
        same(f(tg.tensor(x), other), f(x, other), f"{f.__name__} {other!r}")
        same(f(other, tg.tensor(x)), f(other, x), f"{other!r} {f.__name__}")
        if isinstance(other, np.ndarray):
            same(f(tg.tensor(x), tg.tensor(other)), f(x, other), f"{f.__name__} Tensor {other!r}")


@pytest.mark.parametrize("other", [2, 2.5, 1 + 2j, np.complex64(1j), np.float64(2.0)])
@pytest.mark.parametrize("f", [operator.add, operator.sub, operator.mul, operator.truediv], ids=lambda f: f.__name__)
def test_operators_with_complex_numbers(f, other):
    for x in (COMPLEX, COMPLEX.astype(np.complex64), X, SINGLE):
        same(f(tg.tensor(x), other), f(x, other))
        same(f(other, tg.tensor(x)), f(other, x))
    gradcheck(lambda a: f(a, other), (X,))
    gradcheck(lambda a: f(other, a), (POS,))


def test_python_floats_are_weak():
    t = tg.tensor(SINGLE, requires_grad=True)
    for out in (t * 2.0, 2.0 * t, t + 1, 1 - t, t**2, t**2.0, t / 3):
        assert out.dtype == np.float32
        g = tg.grad(out.sum(), t)
        assert g.dtype == np.float32
    assert (np.float64(2.0) * t).dtype == np.float64
    assert tg.grad((np.float64(2.0) * t).sum(), t).dtype == np.float32


def test_bits_and_shifts():
    for f in (operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift):
        same(f(tg.tensor(INTS), 2), f(INTS, 2))
        same(f(2, tg.tensor(INTS)), f(2, INTS))
    same(~tg.tensor(MASK), ~MASK)
    same(tg.tensor(MASK) & MASK.T[:3, :1], MASK & MASK.T[:3, :1])


def test_unary_operators():
    t = tg.tensor(X, requires_grad=True)
    for f in (operator.neg, operator.pos, abs, round):
        same(f(t), f(X) if f is not round else np.round(X))
    same(divmod(t, 0.7), divmod(X, 0.7))
    same(divmod(3.0, t), divmod(3.0, X))


def test_gradients_of_operators_broadcast_both_ways():
    column, row = POS[:, :1], POS[:1]
    for f in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow):
        gradcheck(f, (column, row))
        gradcheck(f, (S, POS))
        gradcheck(f, (POS, S))
        gradcheck(lambda a, f=f: f(a, row), (column,))
        gradcheck(lambda a, f=f: f(row, a), (column,))
    gradcheck(operator.matmul, (X, X.T))
    gradcheck(lambda a: X @ a, (X.T,))


@pytest.mark.parametrize("text", ["+", "-", "*", "/", "**"])
def test_in_place_operators(text):
    def f(a, b):
        c = a * 1.0
        exec(f"c {text}= b")
        return c

    same(f(tg.tensor(POS), tg.tensor(Y)), eval(f"x {text} y", {"x": POS, "y": Y}))
    gradcheck(f, (POS, Y))
    with pytest.raises(RuntimeError, match="leaf"):
        exec(f"t {text}= 2.0", {"t": tg.tensor(POS, requires_grad=True)})


def test_in_place_keeps_shape_and_dtype():
    t = tg.tensor(SINGLE) * 1
    t += np.float64(1.0)
    assert t.dtype == np.float32
    with pytest.raises(ValueError, match="shape"):
        t += X3
    n = tg.tensor(INTS) * 1
    with pytest.raises(TypeError):
        n += 1.5


# -- indexing ------------------------------------------------------------------------------------------------

INDICES: list[Any] = [
    0,
    -1,
    slice(None),
    slice(1, None, 2),
    slice(None, None, -1),
    slice(5, 0, -2),
    None,
    Ellipsis,
    (Ellipsis, 0),
    (0, Ellipsis, 1),
    (slice(None), None, 1),
    (None, Ellipsis, None),
    [0, 1],
    [1, 1, 0],
    ([0, 1], [2, 0]),
    (slice(None), [0, 2, 2]),
    (0, slice(None), [1, 3]),
    ([0, 1], slice(None), [1, 3]),
    np.array([[0, 1], [1, 0]]),
    (np.array([0, 1]), None, [[1], [2]]),
    X3 > 0,
    (X3 > 0)[:, :, 0],
    (slice(None), np.array([True, False, True])),
    (0, np.array([True, False, True]), slice(None, 2)),
    np.zeros((2, 3), bool),
    [],
    (slice(0), 0),
    np.int8(1),
    (np.int64(1), slice(None)),
    True,
    False,
    np.array(1),
    (1, 2, 3),
    np.array([-1, 0], np.int16),
    (Ellipsis, np.array([True, False, True, True])),
    (slice(2, 1),),
]


@pytest.mark.parametrize("index", INDICES, ids=lambda i: f"[{i}]".replace("\n", ""))
def test_getitem(index):
    same(tg.tensor(X3, requires_grad=True)[index], X3[index])
    gradcheck(lambda t: t[index], (X3,))


@pytest.mark.parametrize("index", INDICES, ids=lambda i: f"[{i}]".replace("\n", ""))
def test_setitem(index):
    value = np.asarray(RNG.normal(size=np.shape(X3[index])))
    expected = X3.copy()
    expected[index] = value

    def f(x, v):
        t = x * 1.0
        t[index] = v
        return t

    np.testing.assert_array_equal(f(tg.tensor(X3), tg.tensor(value)).data, expected)
    gradcheck(f, (X3, value))
    gradcheck(lambda x: f(x, 2.0), (X3,))
    expected[index] = 2.0
    np.testing.assert_array_equal(f(tg.tensor(X3), 2.0).data, expected)


def test_tensors_as_indices():
    i, j, m = np.array([0, 1, 1]), np.array([2, 0, 0]), X3[0] > 0
    t = tg.tensor(X3, requires_grad=True)
    same(t[tg.tensor(i)], X3[i])
    same(t[tg.tensor(i), tg.tensor(j)], X3[i, j])
    same(t[:, tg.tensor(m)], X3[:, m])
    same(t[tg.tensor(1)], X3[1])
    gradcheck(lambda x: x[tg.tensor(i), :, tg.tensor(j)], (X3,))
    gradcheck(lambda x: x[x > 0], (X3,))


@pytest.mark.parametrize("index", [9, (0, 0, 0, 0), 1.5, "a", np.array([0.5]), [5], np.array([True]), (slice(0.5),)])
def test_wrong_indices_raise_as_in_numpy(index):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises((IndexError, TypeError, ValueError)):
            X3[index]
        with pytest.raises((IndexError, TypeError, ValueError)):
            tg.tensor(X3, requires_grad=True)[index]


shapes = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data(), shapes)
def test_basic_indexing_property(data, shape):
    x = np.arange(np.prod(shape), dtype=float).reshape(shape)
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    check_index(x, index)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data(), shapes)
def test_integer_indexing_property(data, shape):
    x = np.arange(np.prod(shape), dtype=float).reshape(shape)
    check_index(x, data.draw(hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_dims=2, max_side=3))))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data(), shapes)
def test_mask_indexing_property(data, shape):
    x = np.arange(np.prod(shape), dtype=float).reshape(shape)
    check_index(x, data.draw(hnp.arrays(bool, shape)))


def check_index(x, index):
    """x[index] and its gradient, which is how often each element was taken, weighted."""
    t = tg.tensor(x, requires_grad=True)
    out = t[index]
    same(out, x[index])
    w = np.arange(1.0, out.size + 1).reshape(out.shape)
    expected = np.zeros(x.size)
    np.add.at(expected, np.arange(x.size).reshape(x.shape)[index].reshape(-1), w.reshape(-1))
    np.testing.assert_array_equal(tg.grad(out, t, w).data, expected.reshape(x.shape))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3, min_side=0))
def test_broadcasting_property(both):
    a, b = (np.linspace(0.5, 2.0, int(np.prod(s))).reshape(s) for s in both.input_shapes)
    for f in (np.add, np.multiply, np.divide, np.power, np.arctan2):
        s, t = tg.tensor(a, requires_grad=True), tg.tensor(b, requires_grad=True)
        out = f(s, t)
        same(out, f(a, b))
        g, h = tg.grad(out, (s, t), np.ones(out.shape))
        assert g.shape == a.shape
        assert h.shape == b.shape
        if f is np.multiply:
            wide_a, wide_b = np.broadcast_arrays(a, b)
            np.testing.assert_allclose(g.data.sum(), wide_b.sum())
            np.testing.assert_allclose(h.data.sum(), wide_a.sum())
