"""In which forms kernels are tested: NumPy's, and compiled by numba where that is installed."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tapegrad.kernels.choice import choice

FORMS = ["numpy", "compiled"] if find_spec("numba") else ["numpy"]


@pytest.fixture(params=FORMS, autouse=True)
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test that sees this fixture runs once in each form, whatever the size of its arrays."""
    monkeypatch.setattr(choice, "wanted", request.param == "compiled")
    monkeypatch.setattr(choice, "smallest", 0)
    return request.param
