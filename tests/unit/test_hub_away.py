"""A hub that is away or silent: one sentence, soon, and no warning of each retry."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from prompt2model_stages.errors import StageError
from prompt2model_stages.evaluate.encoders import resolve_encoder
from prompt2model_stages.student import hub, resolve

pytestmark = pytest.mark.unit
ENCODER, STUDENT = "nobody/no-such-encoder", "nobody/no-such-student"


@pytest.fixture(params=["refused", "silent"])
def away(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The hub's address is one where nothing listens, or where nothing is ever answered."""
    from huggingface_hub import constants

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if request.param == "silent":
            server.listen()
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setattr("huggingface_hub.hf_api.HfApi.__init__", _endpoint_of(constants))
        monkeypatch.setattr(hub, "PATIENCE_S", 0.3)
        yield


def _endpoint_of(constants: object) -> Callable[..., None]:
    from huggingface_hub import HfApi

    made = HfApi.__init__
    return lambda self: made(self, endpoint=constants.ENDPOINT)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("ask", "reason"),
    [(lambda: resolve_encoder(ENCODER), "EncoderUnreachable"), (lambda: resolve(STUDENT), "HubUnreachable")],
    ids=["encoder", "student"],
)
@pytest.mark.usefixtures("away")
def test_it_is_said_once_and_soon(
    ask: Callable[[], object], reason: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    began = time.monotonic()
    with pytest.raises(StageError) as error:
        ask()
    assert error.value.failure.reason == reason
    assert "the hub did not answer" in error.value.failure.message
    assert error.value.failure.message.endswith(".")
    assert "\n" not in error.value.failure.message
    assert time.monotonic() - began < 5
    assert capfd.readouterr().err == ""
    assert [r for r in caplog.records if r.name.startswith("huggingface_hub") and r.levelno >= logging.WARNING] == []
