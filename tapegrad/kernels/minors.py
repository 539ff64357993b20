"""Derivatives of a determinant of any order, in plain NumPy, right at singular matrices too.

Knows matrices and the directions they move in; must not know what asks.

The determinant is linear in each column, so its derivatives are sums of minors, and none needs a division. Where the
inverse can be trusted they are made of it, in few products. Elsewhere u^H a v = diag(s) turns them into sums over
products of the other singular values: exact at any rank, but with n**(k + 1) terms for k directions.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np

from .windows import Array

__all__ = ["cofactors", "inverse_or_nan"]

# How large the condition number, to the power k, may be for the inverse to be used: what k directions cancel grows so.
# Without any nothing cancels, and twice the digits may be lost.
_TRUSTED = 1e5


def cofactors(a: Array, along: tuple[Array, ...] = (), det: Array | float = np.nan) -> Array:
    """The derivative of the cofactors of matrices a (..., n, n) along k directions of that shape: (..., n, n).

    det: the determinants (...), or nan where they are not at hand.
    """
    n, k = a.shape[-1], len(along)
    dtype = np.result_type(a, *along) if along else a.dtype
    if not a.size or k >= n:
        return np.zeros(a.shape, dtype)
    wide = np.result_type(dtype, np.float64)
    first, *rest = [np.asarray(x, wide) for x in (a, *along)]
    known = np.broadcast_to(np.asarray(det, wide), a.shape[:-2])
    inverse = inverse_or_nan(first)
    with np.errstate(all="ignore"):
        trusted = _square_length(first) * _square_length(inverse) <= _TRUSTED ** (2 / k if k else 4)
    if trusted.all():
        return _by_inverse(first, inverse, rest, known).astype(dtype, copy=False)
    out = np.empty(a.shape, wide)
    for chosen, way in ((trusted, _by_inverse), (~trusted, _by_values)):
        if chosen.any():
            out[chosen] = way(first[chosen], inverse[chosen], [x[chosen] for x in rest], known[chosen])
    return out.astype(dtype, copy=False)


def _square_length(a: Array) -> Array:
    """The sum of |x|**2 over matrices (..., n, n) -> (...)."""
    return np.asarray(np.einsum("...ij,...ij->...", a, a.conj() if a.dtype.kind == "c" else a).real)


def inverse_or_nan(a: Array) -> Array:
    """The inverses of matrices (..., n, n), nan for those that LAPACK finds singular."""
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        out = np.full_like(a, np.nan)
        with np.errstate(all="ignore"):
            regular = np.linalg.slogdet(a)[0] != 0
        out[regular] = np.linalg.inv(a[regular])
        return out


def _by_inverse(a: Array, inverse: Array, along: list[Array], det: Array) -> Array:
    """det(a) times the part of det(1 + n) (1 + n)^-1 that has each y once, for n = sum of y = a^-1 b, times a^-1.

    With f the determinant's and m the whole's part for a set of directions, f = tr(m' y) for any y of the set, m' being
    what its other directions give, and m = f - sum of m' y over all y of it, since adj(1 + n) (1 + n) = det(1 + n).
    """
    if not np.isfinite(det).all() or not det.all():
        det = np.linalg.det(a)
    ys = [inverse @ b for b in along]
    eye = np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)
    parts: list[Array] = [eye]  # by the set as a number: bit i stands for direction i
    for chosen in range(1, 2 ** len(ys)):
        products = [parts[chosen ^ 1 << i] @ y for i, y in enumerate(ys) if chosen >> i & 1]
        f = np.trace(products[0], axis1=-2, axis2=-1)[..., None, None]
        parts.append(f * eye - np.sum(products, axis=0))
    whole = parts[-1] @ inverse if ys else inverse
    out: Array = det[..., None, None] * whole.swapaxes(-1, -2)
    return out


def _by_values(a: Array, inverse: Array, along: list[Array], det: Array) -> Array:
    """Sums over permutations of products of singular values and of elements of u^H b v."""
    finite = np.isfinite(a).all((-2, -1))
    if not finite.all():
        out = np.full_like(a, np.nan)
        if finite.any():
            out[finite] = _by_values(a[finite], inverse[finite], [b[finite] for b in along], det[finite])
        return out
    u, s, vh = np.linalg.svd(a)
    left, right = u.conj().swapaxes(-1, -2), vh.conj().swapaxes(-1, -2)
    moved = [left @ b @ right for b in along]
    turn = np.linalg.det(u) * np.linalg.det(vh)
    result: Array = turn[..., None, None] * (u.conj() @ _of_diagonal(s, moved) @ vh.conj())
    return result


def _of_diagonal(s: Array, along: list[Array]) -> Array:
    """The same for matrices diag(s), s (..., n).

    Of the k directions and the element asked for, each takes one place (i, p(i)) of a permutation p of k + 1 places.
    """
    size = len(along) + 1
    letters = "abcdefghijklmnopqrstuvw"[:size]
    others = _products_of_others(s, size)
    n = s.shape[-1]
    out = np.zeros((*s.shape, n), np.result_type(s, *along))
    on = np.arange(n)
    for p in permutations(range(size)):
        terms = [f"...{letters[i]}{letters[p[i]]}" for i in range(size - 1)]
        sign = (-1) ** sum(p[i] > p[j] for i in range(size) for j in range(i + 1, size))
        ends = letters[-1] + (letters[p[-1]] if p[-1] != size - 1 else "")
        part = sign * np.einsum(",".join(["..." + letters, *terms]) + "->..." + ends, others, *along)
        if len(ends) == 1:
            out[..., on, on] += part
        else:
            out += part
    return out


def _products_of_others(s: Array, size: int) -> Array:
    """For each choice of `size` different places along the last axis of s, the product of all others; else 0."""
    n = s.shape[-1]
    places = np.indices((n,) * size)
    table = np.ones((*s.shape[:-1], *(n,) * size), s.dtype)
    for j in range(n):
        value = s[..., j].reshape(*s.shape[:-1], *(1,) * size)
        table *= np.where((places == j).any(0), 1, value)
    for i in range(size):
        for j in range(i):
            table[..., places[i] == places[j]] = 0
    return table
