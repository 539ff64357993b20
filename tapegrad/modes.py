"""Grad mode, anomaly mode and scopes: switches of a thread, as context managers and decorators."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import Any, ClassVar

from .tape import state

__all__ = ["detect_anomaly", "enable_grad", "is_grad_enabled", "no_grad", "scope", "set_grad_enabled"]


class _Switch(ContextDecorator):
    """Sets one attribute of the thread's state for a while; can be entered again inside itself."""

    attribute: ClassVar[str]

    def __init__(self, value: Any) -> None:
        self.value = value
        self.before: list[Any] = []

    def __enter__(self) -> Any:
        self.before.append(getattr(state, self.attribute))
        setattr(state, self.attribute, self.value)
        return self

    def __exit__(self, *error: Any) -> None:
        setattr(state, self.attribute, self.before.pop())


class no_grad(_Switch):
    """Record nothing: `with tg.no_grad():` or `@tg.no_grad()`."""

    attribute = "recording"

    def __new__(cls, function: Any = None) -> Any:
        made = super().__new__(cls)
        if function is None:
            return made
        made.__init__()  # type: ignore[misc]
        return made(function)  # @tg.no_grad, without parentheses

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(_Switch):
    """Record again, inside no_grad."""

    attribute = "recording"

    def __init__(self) -> None:
        super().__init__(True)


class set_grad_enabled(_Switch):
    """Recording on or off: at once when called, and for a while as a context manager or decorator."""

    attribute = "recording"

    def __init__(self, flag: bool) -> None:
        super().__init__(bool(flag))
        self.at_call: bool | None = state.recording
        state.recording = self.value

    def __enter__(self) -> set_grad_enabled:
        self.before.append(state.recording if self.at_call is None else self.at_call)
        self.at_call = None
        state.recording = self.value
        return self

    def __call__(self, function: Any) -> Any:
        if self.at_call is not None:  # as a decorator it acts inside the function only
            state.recording, self.at_call = self.at_call, None
        return super().__call__(function)


class detect_anomaly(_Switch):
    """Raise where a backward rule makes a nan, naming the op; slower."""

    attribute = "anomaly"

    def __init__(self) -> None:
        super().__init__(True)


class scope(_Switch):
    """A name for what is recorded inside, drawn as a box: `with tg.scope("encoder"):`."""

    attribute = "scope"

    def __init__(self, name: str) -> None:
        super().__init__(None)
        self.name = name

    def __enter__(self) -> scope:
        self.before.append(state.scope)
        state.scope = (*state.scope, self.name)
        return self


def is_grad_enabled() -> bool:
    """Whether this thread records."""
    return state.recording
