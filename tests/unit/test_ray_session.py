"""Where Ray does not start: tried again, then the machine's trouble and not the work's."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from prompt2model_api.conditions import FailureState
from prompt2model_stages import ray_session
from prompt2model_stages.errors import StageError

pytestmark = pytest.mark.unit

LATE = "The current node timed out during startup. This could happen because\nthe GCS has become overloaded."


def ray_that(monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> list[str]:
    """A Ray whose first starts end with these errors; what is called of it."""
    left, called = list(errors), []

    def init(**options: object) -> None:
        called.append("init")
        if left:
            raise left.pop(0)

    fake = SimpleNamespace(init=init, shutdown=lambda: called.append("shutdown"))
    monkeypatch.setitem(sys.modules, "ray", fake)
    return called


def test_a_late_start_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    called = ray_that(monkeypatch, Exception(LATE), ConnectionError("no GCS"))
    ray_session._start({})
    assert called == ["init", "shutdown", "init", "shutdown", "init"]


def test_a_start_that_never_comes_uses_up_no_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    ray_that(monkeypatch, *(Exception(LATE) for _ in range(ray_session.STARTS)))
    with pytest.raises(StageError, match="3 times in a row: The current node timed out during startup") as caught:
        ray_session._start({})
    failure = caught.value.failure
    assert (failure.reason, failure.state) == ("RayDidNotStart", FailureState.BLOCKED)


def test_a_mistake_of_ours_is_not_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    ray_that(monkeypatch, ValueError("unknown option"))
    with pytest.raises(ValueError):
        ray_session._start({})
