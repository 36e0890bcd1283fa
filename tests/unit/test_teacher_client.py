"""The teacher against an endpoint in memory: retries, errors, budget, journal."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from pathlib import Path
from typing import Any

import httpx2
import pytest

from prompt2model_api.conditions import FailureState
from prompt2model_stages.errors import StageError
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher import Patience, open_teacher, spent_by_run
from tests.unit.teacher_cases import Endpoint, ask, job, refusal, reply, teacher

pytestmark = pytest.mark.unit


def segments(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]


async def test_an_answer_is_journalled_and_never_asked_for_again(tmp_path: Path) -> None:
    endpoint = Endpoint(lambda body: reply(f"answer to {body['messages'][0]['content']}"))
    async with teacher(tmp_path, endpoint) as opened:
        first = await opened.ask(ask("a"))
        again = await opened.ask(ask("a"))
        await opened.ask(ask("a", sample=1))
    assert first.texts == ("answer to a",) and not first.cached and again.cached
    assert (first.prompt_tokens, first.completion_tokens) == (10, 5)
    assert len(endpoint.bodies) == 2, "the same request is sent once, another sample of it again"
    async with teacher(tmp_path, endpoint) as opened:
        resumed = await opened.ask(ask("a"))
        assert opened.spent.requests == 2 and opened.spent.prompt_tokens == 20
    assert resumed.cached and resumed.texts == first.texts and resumed.key == first.key
    assert len(endpoint.bodies) == 2
    assert [record["type"] for record in segments(tmp_path)] == ["reserve", "answer"] * 2


async def test_the_same_request_at_once_is_sent_once(tmp_path: Path) -> None:
    endpoint = Endpoint(lambda body: reply("yes"))
    async with teacher(tmp_path, endpoint) as opened:
        answers = await asyncio.gather(*(opened.ask(ask("a")) for _ in range(10)))
    assert {answer.texts for answer in answers} == {("yes",)} and len(endpoint.bodies) == 1


async def test_the_reserve_is_written_before_the_request_is_sent(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    def handle(body: dict[str, Any]) -> httpx2.Response:
        seen.append([record["type"] for record in segments(tmp_path)])
        return reply("yes")

    async with teacher(tmp_path, Endpoint(handle)) as opened:
        await opened.ask(ask("a"))
    assert seen == [["reserve"]]


async def test_retry_after_is_kept_to(tmp_path: Path) -> None:
    answers = [refusal(429, retry_after="7"), refusal(503), reply("at last")]
    endpoint = Endpoint(lambda body: answers.pop(0))
    async with teacher(tmp_path, endpoint) as opened:
        began = opened._clock()
        assert (await opened.ask(ask())).texts == ("at last",)
        assert 7 <= opened._clock() - began < 10
        assert opened.spent.requests == 1, "a request that was not served costs nothing"


async def test_429_for_ever_ends_blocked(tmp_path: Path) -> None:
    endpoint = Endpoint(lambda body: refusal(429, "slow down", retry_after="1"))
    async with teacher(tmp_path, endpoint) as opened:
        results = await asyncio.gather(*(opened.ask(ask(str(i))) for i in range(30)), return_exceptions=True)
        assert opened.concurrency < 10
    failures = {result.failure.reason for result in results if isinstance(result, StageError)}
    assert failures == {"RateLimited"} and len(results) == 30
    assert len(endpoint.bodies) < 30 * 4
    assert spent_by_run(Folder(str(tmp_path))) == {}


async def test_a_wait_of_an_hour_is_not_waited(tmp_path: Path) -> None:
    endpoint = Endpoint(lambda body: refusal(429, "tomorrow", retry_after="3600"))
    async with teacher(tmp_path, endpoint) as opened:
        with pytest.raises(StageError, match="3600 s"):
            await opened.ask(ask())
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize(
    ("response", "reason", "words", "sent"),
    [
        (
            lambda: refusal(401, "Incorrect API key provided: sk-secret-123456"),
            "TeacherUnauthorized",
            "P2M_TEACHER_API_KEY",
            1,
        ),
        (lambda: refusal(403, "not you"), "TeacherUnauthorized", "not you", 1),
        (lambda: refusal(404, "no such model"), "TeacherModelUnknown", "big", 1),
        (
            lambda: refusal(429, "You exceeded your current quota", "insufficient_quota"),
            "TeacherQuotaExhausted",
            "quota",
            1,
        ),
        (lambda: refusal(402, "pay"), "TeacherQuotaExhausted", "pay", 1),
        (lambda: refusal(400, "what?"), "TeacherRejectsRequest", "what?", 1),
        (lambda: refusal(500, "ouch"), "TeacherDown", "ouch", 6),
        (lambda: httpx2.Response(200, text="<html>hello</html>"), "TeacherAnswersGarbage", "html", 4),
        (lambda: httpx2.Response(200, json={"choices": []}), "TeacherAnswersGarbage", "choices", 4),
        (lambda: httpx2.Response(200, text=""), "TeacherAnswersGarbage", "empty body", 4),
    ],
)
async def test_errors_that_a_person_can_act_on(
    tmp_path: Path, response: Any, reason: str, words: str, sent: int
) -> None:
    endpoint = Endpoint(lambda body: response())
    async with teacher(tmp_path, endpoint, model="huge") as opened:
        with pytest.raises(StageError) as caught:
            await opened.ask(ask())
    failure = caught.value.failure
    assert failure.reason == reason and failure.state is FailureState.BLOCKED
    assert words in failure.message + failure.remedy and "sk-secret" not in failure.message
    assert len(endpoint.bodies) == sent


@pytest.mark.parametrize(
    ("error", "cause", "words"),
    [
        (httpx2.ConnectError("x"), socket.gaierror(-2, "unknown"), "No such host: teacher.test"),
        (httpx2.ConnectError("x"), ConnectionRefusedError(111, "refused"), "connection refused"),
    ],
)
async def test_a_teacher_that_is_away(tmp_path: Path, error: Exception, cause: Exception, words: str) -> None:
    def handle(body: dict[str, Any]) -> httpx2.Response:
        raise error from cause

    endpoint = Endpoint(handle)
    async with teacher(tmp_path, endpoint) as opened:
        with pytest.raises(StageError, match=words) as caught:
            await opened.ask(ask())
        assert opened.spent.requests == 0, "what never left costs nothing"
    assert caught.value.failure.reason == "TeacherUnreachable" and len(endpoint.bodies) == 5


async def test_a_request_nobody_answers_counts_as_spent(tmp_path: Path) -> None:
    async def handle(body: dict[str, Any]) -> httpx2.Response:
        await asyncio.sleep(60)
        raise AssertionError

    async with teacher(tmp_path, Endpoint(handle), Patience(timeout_s=0.05)) as opened:
        with pytest.raises(StageError) as caught:
            await opened.ask(ask())
        assert opened.spent.requests == 3 and opened.spent.completion_tokens == 60
    assert caught.value.failure.reason == "TeacherTimeout"
    assert spent_by_run(Folder(str(tmp_path)))["generate-00000000"].requests == 3


async def test_a_prompt_over_the_context_fails(tmp_path: Path) -> None:
    endpoint = Endpoint(lambda body: refusal(400, "exceeds the available context size (2048 tokens)"))
    async with teacher(tmp_path, endpoint) as opened:
        with pytest.raises(StageError) as caught:
            await opened.ask(ask(schema={"type": "object"}))
    assert caught.value.failure.reason == "PromptTooLong" and caught.value.failure.state is FailureState.FAILED
    assert len(endpoint.bodies) == 1


async def test_a_refusal_is_an_answer(tmp_path: Path) -> None:
    answers = [reply("", refusal="I will not"), refusal(400, "filtered", "content_filter")]
    endpoint = Endpoint(lambda body: answers.pop(0))
    async with teacher(tmp_path, endpoint) as opened:
        for text in ("a", "b"):
            answer = await opened.ask(ask(text))
            assert answer.refused and answer.texts == ("",)


async def test_empty_answers_alone_end_blocked_and_may_be_asked_again(tmp_path: Path) -> None:
    endpoint = Endpoint(lambda body: reply(""))
    async with teacher(tmp_path, endpoint) as opened:
        with pytest.raises(StageError) as caught:
            for i in range(40):
                assert (await opened.ask(ask(str(i)))).texts == ("",)
    assert caught.value.failure.reason == "TeacherAnswersNothing" and len(endpoint.bodies) == 20
    endpoint.handle = lambda body: reply("fixed")
    async with teacher(tmp_path, endpoint) as opened:
        assert (await opened.ask(ask("0"))).texts == ("fixed",)
        assert opened.spent.requests == 21


async def test_an_endpoint_without_schemas_is_asked_without(tmp_path: Path) -> None:
    def handle(body: dict[str, Any]) -> httpx2.Response:
        return refusal(400, "response_format is not supported") if "response_format" in body else reply("{}")

    endpoint = Endpoint(handle)
    async with teacher(tmp_path, endpoint) as opened:
        for text in ("a", "b"):
            assert (await opened.ask(ask(text, schema={"type": "object"}))).texts == ("{}",)
        assert opened.spent.requests == 2
    assert ["response_format" in body for body in endpoint.bodies] == [True, False, False]


async def test_an_endpoint_with_other_names_for_the_answers_length(tmp_path: Path) -> None:
    def handle(body: dict[str, Any]) -> httpx2.Response:
        if "max_tokens" in body:
            return refusal(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        return refusal(400, "Unsupported value: 'temperature'") if "temperature" in body else reply("yes")

    endpoint = Endpoint(handle)
    async with teacher(tmp_path, endpoint) as opened:
        assert (await opened.ask(ask())).texts == ("yes",)
    assert len(endpoint.bodies) == 3


@pytest.mark.parametrize("silent", [False, True])
async def test_several_answers_from_an_endpoint_that_gives_one(tmp_path: Path, silent: bool) -> None:
    count = iter(range(100))

    def handle(body: dict[str, Any]) -> httpx2.Response:
        if body.get("n", 1) > 1 and not silent:
            return refusal(400, "Field 'n': Value must be between 1 <= value <= 1, but got 3")
        return reply(str(next(count)))

    endpoint = Endpoint(handle)
    async with teacher(tmp_path, endpoint) as opened:
        answer = await opened.ask(ask(n=3))
        assert sorted(answer.texts) == ["0", "1", "2"] and answer.completion_tokens == 15
        assert opened.spent.requests == 3
    sent = len(endpoint.bodies)
    async with teacher(tmp_path, endpoint) as opened:
        resumed = await opened.ask(ask(n=3))
    assert resumed.cached and resumed.texts == answer.texts and len(endpoint.bodies) == sent


async def test_a_budget_is_never_exceeded_and_its_end_is_blocked(tmp_path: Path) -> None:
    budget = 5_000

    async def handle(body: dict[str, Any]) -> httpx2.Response:
        await asyncio.sleep(0)
        return reply("yes", prompt=60, completion=20)

    endpoint = Endpoint(handle)
    async with teacher(tmp_path, endpoint, budget={"tokens": budget}) as opened:
        results = await asyncio.gather(*(opened.ask(ask(str(i))) for i in range(100)), return_exceptions=True)
        spent = opened.spent.prompt_tokens + opened.spent.completion_tokens
        assert spent <= budget and spent > 0.95 * budget, "reservations are given back, and the rest is used"
    reasons = [result.failure.reason for result in results if isinstance(result, StageError)]
    assert set(reasons) == {"BudgetExhausted"} and len(reasons) == 100 - len(endpoint.bodies)
    async with teacher(tmp_path, endpoint, budget={"tokens": budget}) as opened:
        with pytest.raises(StageError, match=r"5,000 tokens are spent"):
            await opened.ask(ask("another"))
        assert (await opened.ask(ask("0"))).cached, "what is paid for stays"
    async with teacher(tmp_path, endpoint, budget={"tokens": 2 * budget}) as opened:
        assert not (await opened.ask(ask("another"))).cached


async def test_a_budget_in_money(tmp_path: Path) -> None:
    endpoint = Endpoint(lambda body: reply("yes", prompt=50, completion=10))
    price = {"inputPerMillion": 1.0, "outputPerMillion": 4.0}
    async with teacher(tmp_path, endpoint, budget={"usd": 0.001}, price=price) as opened:
        first = await opened.ask(ask("0"))
        assert first.usd == pytest.approx(90e-6)
        with pytest.raises(StageError, match="US dollars"):
            for i in range(20):
                await opened.ask(ask(str(i)))
        assert 0.0008 < opened.spent.usd <= 0.001


async def test_killed_in_flight_counts_as_spent_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    endpoint = Endpoint(lambda body: reply("yes"))
    async with teacher(tmp_path, endpoint) as opened:
        for text in ("a", "b"):
            await opened.ask(ask(text))
    path = tmp_path / "000001.jsonl"
    path.write_bytes(path.read_bytes()[:-30])  # the answer to b is torn
    async with teacher(tmp_path, endpoint) as opened:
        assert opened.spent.requests == 2 and opened.spent.completion_tokens == 5 + 20
        assert (await opened.ask(ask("a"))).cached
        assert not (await opened.ask(ask("b"))).cached
        assert opened.spent.requests == 3
    assert (tmp_path / "000002.jsonl").exists()
    assert sum(run.requests for run in spent_by_run(Folder(str(tmp_path))).values()) == 3


async def test_answers_in_flight_are_journalled_when_the_stage_stops(tmp_path: Path) -> None:
    arrived = asyncio.Event()

    async def handle(body: dict[str, Any]) -> httpx2.Response:
        if body["messages"][0]["content"] == "bad":
            await arrived.wait()
            return refusal(401)
        arrived.set()
        await asyncio.sleep(0.05)
        return reply("paid for")

    endpoint = Endpoint(handle)
    with pytest.raises(StageError):
        async with open_teacher(job(tmp_path), "generate", http=endpoint.client()) as opened:
            await asyncio.gather(opened.ask(ask("good")), opened.ask(ask("bad")))
    async with open_teacher(job(tmp_path), "generate", http=endpoint.client()) as opened:
        assert (await opened.ask(ask("good"))).cached


async def test_a_full_disk_stops_before_sending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = Endpoint(lambda body: reply("yes"))
    async with teacher(tmp_path, endpoint) as opened:
        await opened.ask(ask("a"))

        def full(*_: Any) -> int:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("prompt2model_stages.teacher.segments.os.write", full)
            with pytest.raises(OSError, match="No space left") as caught:
                await opened.ask(ask("b"))
    assert caught.value.errno == 28 and len(endpoint.bodies) == 1


async def test_the_key_is_sent_and_stands_nowhere_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    answers = [refusal(500, "oh sk-secret-123456"), reply("yes")]
    endpoint = Endpoint(lambda body: answers.pop(0))
    with caplog.at_level(logging.DEBUG, logger="prompt2model_stages"):
        async with teacher(tmp_path, endpoint) as opened:
            await opened.ask(ask())
    assert endpoint.headers[0]["authorization"] == "Bearer sk-secret-123456"
    assert "oh ***" in caplog.text and "sk-secret" not in caplog.text
    assert all("sk-secret" not in json.dumps(record) for record in segments(tmp_path))


async def test_object_storage(tmp_path: Path) -> None:
    folder = "memory://teacher-" + tmp_path.name
    endpoint = Endpoint(lambda body: reply("yes"))
    for start in (0, 80):
        async with teacher(folder, endpoint) as opened:
            for i in range(start, start + 80):
                await opened.ask(ask(str(i)))
            await asyncio.gather(*(opened.ask(ask(f"at once {i}")) for i in range(20)))
    assert len(endpoint.bodies) == 180
    async with teacher(folder, endpoint) as opened:
        assert (await opened.ask(ask("7"))).cached and opened.spent.requests == 180
    assert len(Folder(folder).names()) == 1, "small objects are merged"
