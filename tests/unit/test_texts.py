"""Cause and remedy are told as sentences on one line, whatever others' words in them look like."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from prompt2model_api.texts import because, sentence, told
from prompt2model_operator.clients.kubernetes_api import ApiError, NotFoundError
from prompt2model_operator.failures import failure_of_pod
from prompt2model_operator.kinds import DEPLOYMENT, HTTPROUTE, RAYJOB, SERVICEMONITOR, Kind
from prompt2model_operator.refusals import CannotStartError, named
from tests.memory_cluster import Cluster

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('secret "openai" not found', 'secret "openai" not found.'),
        ("404 page not found\n", "404 page not found."),
        ("first\n\n  second", "first second."),
        ("The job failed: ", "The job failed."),
        ("It is so.", "It is so."),
        ('It says "no."', 'It says "no."'),
        ("(3 of 3 attempts failed.)", "(3 of 3 attempts failed.)"),
        ("cut here…", "cut here…"),
        ("run `make images`", "run `make images`."),
        ("two  spaces", "two  spaces."),
        ("配置无效。", "配置无效。"),
        ("", ""),
    ],
)
def test_a_text_becomes_a_sentence(text: str, shown: str) -> None:
    assert sentence(text) == shown


def test_nothing_is_left_of_a_part_that_is_empty() -> None:
    assert because("The pod was evicted", "") == "The pod was evicted"
    assert because("It failed", "a\n b") == "It failed: a b"
    assert told("", "Do it") == "Do it." and told("It failed", "") == "It failed."


def test_the_kubelets_words_and_the_remedy_are_two_sentences() -> None:
    waiting = {"reason": "CreateContainerConfigError", "message": 'secret "openai" not found'}
    status = {"containerStatuses": [{"name": "stage", "state": {"waiting": waiting}}]}
    found = failure_of_pod({"metadata": {"name": "p"}, "status": status}, datetime.now(UTC))
    assert found is not None
    assert told(found.message, found.remedy).startswith(
        'Container stage cannot start: secret "openai" not found. Make what is named there'
    )


@pytest.mark.parametrize("state", [{"exitCode": 1}, {"exitCode": 1, "reason": "Error"}])
def test_a_container_without_a_last_word_has_none(state: dict[str, Any]) -> None:
    status = {"containerStatuses": [{"name": "stage", "state": {"terminated": state}}]}
    found = failure_of_pod({"metadata": {"name": "p"}, "status": status}, datetime.now(UTC))
    assert found is not None and "None" not in found.message and found.message.endswith(("1.", "Error."))


@pytest.mark.parametrize("kind", [RAYJOB, HTTPROUTE, SERVICEMONITOR], ids=lambda kind: kind.kind)
def test_a_missing_kind_is_told_without_the_servers_page(kind: Kind) -> None:
    with pytest.raises(CannotStartError) as caught, named(kind):
        raise NotFoundError(404, "404 page not found\n")
    assert "404" not in caught.value.failure.message and caught.value.failure.message.endswith(".")


def test_a_refusal_is_on_one_line() -> None:
    with pytest.raises(CannotStartError) as caught, named(DEPLOYMENT):
        raise ApiError(403, "exceeded quota:\n  pods")
    assert caught.value.failure.message == "The API server refused the Deployment: exceeded quota: pods"


def test_a_service_that_has_no_model_yet_says_what_it_waits_for() -> None:
    cluster = Cluster({})
    asyncio.run(cluster.look())
    deployed = cluster.condition("Deployed")
    assert (deployed["reason"], deployed["message"]) == ("Waiting", "Waits for the model.")
