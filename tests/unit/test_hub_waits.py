"""The waits of the hub's libraries are told, and end."""

from __future__ import annotations

import logging

import pytest

from prompt2model_stages.errors import StageError
from prompt2model_stages.hub_data.waiting import told_waits
from prompt2model_stages.student.hub import quiet

pytestmark = pytest.mark.unit

HUB, ROWS = (logging.getLogger(name) for name in ("huggingface_hub.utils._http", "datasets.utils.file_utils"))


def test_each_wait_is_told_with_its_cause() -> None:
    said: list[str] = []
    with told_waits("o/d", "datasets.choice", said.append):
        HUB.warning("HTTP Error 429 thrown while requesting GET http://hub/x")
        HUB.warning("Rate limited. Waiting 12.0s before retry [Retry 1/5].")
        ROWS.warning("Got disconnected from remote data host. Retrying in 30sec [1/3]")
        HUB.warning("HTTP Error 503 thrown while requesting GET http://hub/x")
        HUB.warning("Retrying in 1s [Retry 1/5].")
        HUB.warning("something else")
    HUB.warning("Retrying in 2s [Retry 2/5].")
    often = "the hub says that it was asked too often (429), the next try is in"
    assert said == [f"{often} 12 s", f"{often} 30 s", "the hub answers with an error (503), the next try is in 1 s"]


def test_a_wait_too_many_blocks_with_the_cause() -> None:
    said: list[str] = []
    with pytest.raises(StageError) as error, told_waits("o/d", "datasets.choice", said.append):
        HUB.warning("HTTP Error 429 thrown while requesting GET http://hub/x")
        for number in range(9):
            HUB.warning("Rate limited. Waiting 120.0s before retry [Retry %s/5].", number)
    failure = error.value.failure
    assert (failure.state, failure.reason, len(said)) == ("Blocked", "HubUnreachable", 2)
    assert failure.message == (
        "datasets.choice: for the dataset o/d, the hub says that it was asked too often (429) and asks for 120 s, "
        "after 240 s of waiting."
    )
    assert "HF_TOKEN" in failure.remedy


def test_a_wait_is_heard_while_another_thread_keeps_the_client_quiet() -> None:
    said: list[str] = []
    with quiet(), told_waits("o/d", "datasets.choice", said.append):
        HUB.warning("Retrying in 1s [Retry 1/5].")
    assert len(said) == 1


def test_the_client_speaks_again_after_the_last_of_several_that_kept_it_quiet() -> None:
    client = logging.getLogger("huggingface_hub")
    before, (first, second) = client.level, (quiet(), quiet())
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert client.level == logging.ERROR
    second.__exit__(None, None, None)
    assert client.level == before
