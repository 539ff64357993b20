"""tg.linalg and tg.fft: NumPy's names, all of them, and the same functions that NumPy's find on Tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.registry import BY_NUMPY


@pytest.mark.parametrize(("ours", "numpys"), [(tg.linalg, np.linalg), (tg.fft, np.fft)])
def test_numpys_names_are_there(ours: Any, numpys: Any) -> None:
    public = {name for name in numpys.__all__ if name != "test"}
    assert public <= set(ours.__all__)
    assert sorted(ours.__all__) == list(ours.__all__)
    for name in public - {"LinAlgError"}:
        assert getattr(ours, name) is BY_NUMPY[getattr(numpys, name)], name
    for name in ours.__all__:
        assert getattr(ours, name).__doc__, name


def test_an_error_is_numpys() -> None:
    with pytest.raises(tg.linalg.LinAlgError):
        tg.linalg.inv(tg.tensor(np.zeros((2, 2))))
