"""The teacher against endpoints as they are: dialects learnt with many requests in flight, and what is no answer."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from prompt2model_stages.errors import StageError
from tests.unit.teacher_cases import Endpoint, ask, refusal, reply, teacher

pytestmark = pytest.mark.unit

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
MANY = 50


def segments(folder: Path) -> list[dict[str, Any]]:
    """The journal's records."""
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]


async def asked_at_once(folder: Path, handle: Any, count: int = MANY, **fields: Any) -> tuple[list[Any], Endpoint]:
    """So many requests in flight together, each answered or its error."""

    async def late(body: dict[str, Any]) -> httpx2.Response:
        await asyncio.sleep(0.01)
        return handle(body)  # type: ignore[no-any-return]

    endpoint = Endpoint(late)
    async with teacher(folder, endpoint, limits={"concurrency": count}) as opened:
        asking = (opened.ask(ask(str(i), **fields)) for i in range(count))
        return await asyncio.gather(*asking, return_exceptions=True), endpoint


def gpt5(body: dict[str, Any]) -> httpx2.Response:
    if "max_tokens" in body:
        return refusal(
            400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "unsupported_parameter"
        )
    if body.get("temperature", 1) != 1:
        return refusal(
            400, "Unsupported value: 'temperature' does not support 0.7. Only the default (1) value is supported."
        )
    return reply("yes")


def no_schema(body: dict[str, Any]) -> httpx2.Response:
    return (
        refusal(400, "This response_format type is unavailable now")
        if "response_format" in body
        else reply('{"a": "b"}')
    )


def no_system(body: dict[str, Any]) -> httpx2.Response:
    if body["messages"][0]["role"] == "system":
        return refusal(400, "System role not supported")
    return reply("yes")


def broken_grammar(body: dict[str, Any]) -> httpx2.Response:
    if "response_format" in body:
        return refusal(500, "Failed to initialize samplers: failed to parse grammar")
    return reply('{"a": "b"}')


@pytest.mark.parametrize(
    ("handle", "fields"),
    [
        (gpt5, {"temperature": 0.7}),
        (gpt5, {"temperature": 0.7, "schema": SCHEMA}),
        (no_schema, {"schema": SCHEMA}),
        (broken_grammar, {"schema": SCHEMA}),
    ],
)
async def test_a_dialect_is_learnt_with_many_in_flight(tmp_path: Path, handle: Any, fields: Any) -> None:
    answers, endpoint = await asked_at_once(tmp_path, handle, **fields)
    assert [answer for answer in answers if isinstance(answer, BaseException)] == []
    assert len(endpoint.bodies) <= 3 * MANY, "a request is refused once for each thing that is learnt, at most"
    if handle is gpt5 and "schema" in fields:
        assert "response_format" in endpoint.bodies[-1], "what was not refused stays"


async def test_the_next_stage_speaks_it_from_the_start(tmp_path: Path) -> None:
    from prompt2model_stages.teacher import open_teacher
    from tests.unit.teacher_cases import job

    sent = []
    for text in ("a", "b"):
        endpoint = Endpoint(gpt5)
        async with open_teacher(job(tmp_path), "generate", http=endpoint.client()) as opened:
            assert (await opened.ask(ask(text, temperature=0.7))).texts == ("yes",)
        sent.append(len(endpoint.bodies))
    assert sent == [3, 1]
    endpoint = Endpoint(lambda body: reply("yes"))
    async with open_teacher(job(tmp_path, model="another"), "generate", http=endpoint.client()) as opened:
        await opened.ask(ask("c", temperature=0.7))
    assert "max_tokens" in endpoint.bodies[0], "another model is asked in its own way"


async def test_a_refused_system_role_is_folded_into_the_users_turn(tmp_path: Path) -> None:
    endpoint = Endpoint(no_system)
    async with teacher(tmp_path, endpoint) as opened:
        request = ask("hello")
        with_system = type(request)(
            "test", [{"role": "system", "content": "Be brief."}, *request.messages], max_tokens=20
        )
        assert (await opened.ask(with_system)).texts == ("yes",)
    (message,) = endpoint.bodies[-1]["messages"]
    assert message["role"] == "user" and "Be brief." in message["content"] and "hello" in message["content"]


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("invalid temperature: must be in (0, 1]", 1.0),
        ("temperature must be between 0 and 1", 1.0),
        ("Input should be less than or equal to 1.5 (temperature)", 1.5),
    ],
)
async def test_a_temperature_is_clipped_to_its_range(tmp_path: Path, said: str, sent: float) -> None:
    def handle(body: dict[str, Any]) -> httpx2.Response:
        return refusal(400, said) if body.get("temperature", 1) > sent else reply("yes")

    endpoint = Endpoint(handle)
    async with teacher(tmp_path, endpoint) as opened:
        assert (await opened.ask(ask(temperature=1.8))).texts == ("yes",)
        assert (await opened.ask(ask("cool", temperature=0.4))).texts == ("yes",)
    assert [body.get("temperature") for body in endpoint.bodies] == [1.8, sent, 0.4]


async def test_an_unexplained_400_never_takes_the_schema_from_everybody(tmp_path: Path) -> None:
    def handle(body: dict[str, Any]) -> httpx2.Response:
        return refusal(400, "Bad Request") if body["messages"][0]["content"] == "7" else reply('{"a": "b"}')

    answers, endpoint = await asked_at_once(tmp_path, handle, schema=SCHEMA)
    assert sum(isinstance(answer, BaseException) for answer in answers) <= 1
    plain = [body for body in endpoint.bodies if "response_format" not in body]
    assert all(body["messages"][0]["content"].startswith("7") for body in plain)


@pytest.mark.parametrize(
    "text",
    [
        '<think>\nA draft: {"a": "draft"}\n</think>\n\n{"a": "b"}',
        'A draft: {"a": "draft"}\n</think>\n\n{"a": "b"}',
        '<thinking>draft</thinking>{"a": "b"}',
        '[THINK]draft[/THINK]{"a": "b"}',
        '<|channel|>analysis<|message|>draft<|end|><|start|>assistant<|channel|>final<|message|>{"a": "b"}<|return|>',
    ],
)
async def test_a_draft_is_never_an_answer(tmp_path: Path, text: str) -> None:
    async with teacher(tmp_path, Endpoint(lambda body: reply(text))) as opened:
        answer = (await opened.ask(ask())).texts[0]
    assert "draft" not in answer and json.loads(answer) == {"a": "b"}


async def test_json_that_speaks_of_tags_is_left_alone(tmp_path: Path) -> None:
    text = json.dumps({"a": "close it with </think>, as in <think>x</think>"})
    async with teacher(tmp_path, Endpoint(lambda body: reply(text))) as opened:
        assert (await opened.ask(ask())).texts == (text,)


def cut(text: str | None, limit: int, **message: Any) -> httpx2.Response:
    choice = {"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": text, **message}}
    usage = {"prompt_tokens": 10, "completion_tokens": limit, "total_tokens": 10 + limit}
    return httpx2.Response(200, json={"choices": [choice], "usage": usage})


async def test_a_cut_answer_is_asked_for_with_more_room(tmp_path: Path) -> None:
    endpoint = Endpoint(lambda body: cut("the ans", 20) if body["max_tokens"] < 60 else reply("the answer"))
    async with teacher(tmp_path, endpoint) as opened:
        answer = await opened.ask(ask())
        assert answer.texts == ("the answer",) and not answer.cut
        assert opened.spent.completion_tokens >= 25, "what was cut is paid for too"
    async with teacher(tmp_path, endpoint) as opened:
        assert (await opened.ask(ask())).cached


async def test_an_answer_that_is_cut_for_ever_is_none(tmp_path: Path) -> None:
    endpoint = Endpoint(lambda body: cut("The sum is computed by", body["max_tokens"]))
    async with teacher(tmp_path, endpoint) as opened:
        answer = await opened.ask(ask())
    assert answer.cut and answer.texts == ("",) and 1 < len(endpoint.bodies) < 8


async def test_reasoning_that_eats_all_tokens_is_given_room_and_that_is_learnt(tmp_path: Path) -> None:
    def handle(body: dict[str, Any]) -> httpx2.Response:
        limit = body["max_tokens"]
        return (
            reply("yes", completion=710, reasoning_content="aha")
            if limit > 700
            else cut(None, limit, reasoning_content="let me see")
        )

    endpoint = Endpoint(handle)
    async with teacher(tmp_path, endpoint) as opened:
        assert (await opened.ask(ask("a"))).texts == ("yes",)
        before = len(endpoint.bodies)
        assert (await opened.ask(ask("b"))).texts == ("yes",)
    assert len(endpoint.bodies) == before + 1, "the next request has the room at once"


async def test_reasoning_that_never_ends_is_named(tmp_path: Path) -> None:
    endpoint = Endpoint(lambda body: cut(None, body["max_tokens"], reasoning_content="let me see"))
    async with teacher(tmp_path, endpoint, budget={"unlimited": True}) as opened:
        with pytest.raises(StageError) as caught:
            for i in range(40):
                await opened.ask(ask(str(i)))
    failure = caught.value.failure
    assert "Cut" in failure.reason and "reasoning" in failure.message + failure.remedy
    assert len(endpoint.bodies) < 40


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        (400, "Input data may contain inappropriate content.", "data_inspection_failed"),
        (400, "Invalid prompt: your prompt was flagged as potentially violating our usage policy.", "invalid_prompt"),
        (403, 'Your chosen model requires moderation and your input was flagged for "violence".', "403"),
    ],
)
async def test_a_flagged_prompt_refuses_one_row(tmp_path: Path, status: int, said: str, code: str) -> None:
    def handle(body: dict[str, Any]) -> httpx2.Response:
        return refusal(status, said, code) if body["messages"][0]["content"] == "3" else reply('{"a": "b"}')

    answers, endpoint = await asked_at_once(tmp_path, handle, 10, schema=SCHEMA)
    assert [answer.refused for answer in answers] == [i == 3 for i in range(10)]
    assert all("response_format" in body for body in endpoint.bodies)


async def test_a_filter_that_tells_itself_in_the_choice(tmp_path: Path) -> None:
    choice = {"index": 0, "finish_reason": "content_filter", "message": None}
    endpoint = Endpoint(lambda body: httpx2.Response(200, json={"choices": [choice], "usage": {}}))
    async with teacher(tmp_path, endpoint) as opened:
        assert (await opened.ask(ask())).refused


async def test_an_error_inside_a_choice_is_retried_and_never_journalled(tmp_path: Path) -> None:
    broken = {
        "index": 0,
        "finish_reason": "error",
        "message": {"content": "half"},
        "error": {"code": 502, "message": "x"},
    }
    answers = [httpx2.Response(200, json={"choices": [broken]}), reply("whole")]
    async with teacher(tmp_path, Endpoint(lambda body: answers.pop(0))) as opened:
        assert (await opened.ask(ask())).texts == ("whole",)
    assert all(record.get("texts") != ["half"] for record in segments(tmp_path))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"error": {"message": "No auth credentials found", "code": 401}}, "TeacherUnauthorized"),
        ({"error": {"message": "Rate limit exceeded: free-models-per-min.", "code": 429}}, "RateLimited"),
        ({"error": {"message": "Insufficient credits", "code": 402}}, "TeacherQuotaExhausted"),
    ],
)
async def test_an_error_in_a_200_is_what_it_says(tmp_path: Path, body: Any, reason: str) -> None:
    async with teacher(tmp_path, Endpoint(lambda _: httpx2.Response(200, json=body))) as opened:
        with pytest.raises(StageError) as caught:
            await opened.ask(ask())
    assert caught.value.failure.reason == reason


async def test_the_arguments_of_a_call_are_read(tmp_path: Path) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "answer", "arguments": '{"a": "b"}'}}
    async with teacher(tmp_path, Endpoint(lambda body: reply("", tool_calls=[call]))) as opened:
        assert (await opened.ask(ask())).texts == ('{"a": "b"}',)


@pytest.mark.parametrize(
    ("usage", "completion"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 115}, 105),
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, 20),
        (None, 20),
    ],
)
async def test_usage_that_cannot_be_right_is_not_believed(tmp_path: Path, usage: Any, completion: int) -> None:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "yes"}}
    endpoint = Endpoint(lambda body: httpx2.Response(200, json={"choices": [choice], "usage": usage}))
    async with teacher(tmp_path, endpoint) as opened:
        assert (await opened.ask(ask(max_tokens=20))).completion_tokens == completion


async def test_a_quota_of_a_minute_is_waited_for(tmp_path: Path) -> None:
    gemini = {
        "error": {
            "code": 429,
            "message": "You exceeded your current quota, please check your plan and billing details.",
            "status": "RESOURCE_EXHAUSTED",
            "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}],
        }
    }
    groq = refusal(
        413,
        "Request too large on tokens per minute (TPM): Limit 6000, Used 5000, Requested 1200.",
        "rate_limit_exceeded",
    )
    for first in (httpx2.Response(429, json=[gemini]), groq):
        answers = [first, reply("yes")]
        async with teacher(tmp_path / str(id(first)), Endpoint(lambda body, a=answers: a.pop(0))) as opened:  # type: ignore[misc]
            began = opened._clock()
            assert (await opened.ask(ask())).texts == ("yes",)
            assert opened._clock() - began > (30 if first is not groq else 0)


async def test_an_answer_longer_than_the_context_is_asked_for_shorter(tmp_path: Path) -> None:
    said = (
        "'max_tokens' or 'max_completion_tokens' is too large: 2000. This model's maximum context length is 2048 tokens and "
        "your request has 100 input tokens (2000 > 2048 - 100)."
    )
    endpoint = Endpoint(lambda body: refusal(400, said) if body.get("max_tokens", 0) > 1948 else reply("yes"))
    async with teacher(tmp_path, endpoint) as opened:
        assert (await opened.ask(ask(max_tokens=2000))).texts == ("yes",)
    assert len(endpoint.bodies) == 2 and "max_tokens" in endpoint.bodies[-1]


@pytest.mark.parametrize(
    ("response", "reason", "words"),
    [
        (
            lambda: refusal(400, "Your credit balance is too low to access the API. Please purchase credits."),
            "TeacherQuotaExhausted",
            "credit",
        ),
        (
            lambda: httpx2.Response(
                403, text="<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>"
            ),
            "",
            "Just a moment",
        ),
    ],
)
async def test_what_a_person_is_told(tmp_path: Path, response: Any, reason: str, words: str) -> None:
    async with teacher(tmp_path, Endpoint(lambda body: response())) as opened:
        with pytest.raises(StageError) as caught:
            await opened.ask(ask())
    failure = caught.value.failure
    assert failure.reason == (reason or failure.reason) and words in failure.message + failure.remedy
    assert "<" not in failure.message and "DOCTYPE" not in failure.message


async def test_a_count_of_the_first_answer_alone_is_made_one_of_all(tmp_path: Path) -> None:
    """llama.cpp's, which adds its timings to each answer."""

    def handle(body: dict[str, Any]) -> httpx2.Response:
        tree = json.loads(reply("twelve characters"[:10], "x" * 30, "", prompt=10, completion=5).content)
        return httpx2.Response(200, json={**tree, "timings": {"predicted_n": 5}})

    async with teacher(tmp_path, Endpoint(handle)) as opened:
        assert (await opened.ask(ask(n=3))).completion_tokens == 20
