"""What endpoints refuse, how each says it, and what comes of it: the dialect, thoughts, room, filters, waits, remedies."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from prompt2model_api.spec.teacher import TeacherSpec
from prompt2model_stages.errors import StageError
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher.dialect import Dialect
from prompt2model_stages.teacher.thinking import without_thoughts
from tests.unit.teacher_cases import Endpoint, ask, refusal, reply, settings, teacher

pytestmark = pytest.mark.unit

CHAT: list[dict[str, str]] = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "hello"}]
FORM = {"type": "object"}


def cut(content: str | None, **message: Any) -> httpx2.Response:
    answer = {"role": "assistant", "content": content, **message}
    usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
    choice = {"index": 0, "finish_reason": "length", "message": answer}
    return httpx2.Response(200, json={"choices": [choice], "usage": usage})


def gpt5(body: dict[str, Any]) -> httpx2.Response | None:
    if "max_tokens" in body:
        return refusal(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
    if body.get("temperature", 1) != 1:
        return refusal(
            400, "Unsupported value: 'temperature' does not support 0.3. Only the default (1) value is supported."
        )
    return None


def no_schema(body: dict[str, Any]) -> httpx2.Response | None:
    return refusal(400, "This response_format type is unavailable now") if "response_format" in body else None


def no_system(body: dict[str, Any]) -> httpx2.Response | None:
    return refusal(400, "System role not supported") if body["messages"][0]["role"] == "system" else None


def warm_only(body: dict[str, Any]) -> httpx2.Response | None:
    bad = not 0 < body.get("temperature", 1) <= 1
    return refusal(400, "invalid temperature: must be in (0, 1]") if bad else None


def no_grammar(body: dict[str, Any]) -> httpx2.Response | None:
    return refusal(500, "failed to parse grammar") if "response_format" in body else None


@pytest.mark.parametrize("refuses", [gpt5, no_schema, no_system, warm_only, no_grammar])
async def test_the_dialect_is_learnt_with_fifty_requests_in_flight(tmp_path: Path, refuses: Any) -> None:
    async def handle(body: dict[str, Any]) -> httpx2.Response:
        await asyncio.sleep(0.002)
        return refuses(body) or reply("{}")

    endpoint = Endpoint(handle)
    async with teacher(tmp_path, endpoint) as opened:
        requests = [ask(str(i), schema=FORM, temperature=0.0 if i % 2 else 1.4) for i in range(50)]
        requests += [ask(messages_only, temperature=0.3) for messages_only in ("x", "y")]
        answers = await asyncio.gather(*(opened.ask(request) for request in requests))
        assert all(answer.texts == ("{}",) for answer in answers)
        sent = len(endpoint.bodies)
        await opened.ask(ask("later", schema=FORM, temperature=0.0))
        assert len(endpoint.bodies) == sent + 1, "what was learnt is kept"


async def test_a_form_is_asked_for_in_words_and_a_system_role_is_folded() -> None:
    request = ask(schema=FORM)
    body = Dialect(schema=False).body(request, settings(), 20)
    assert "JSON schema" in body["messages"][-1]["content"] and "response_format" not in body
    request = type(request)("test", CHAT, schema=FORM)
    body = Dialect(schema=False, system=False).body(request, settings(), 20)
    assert [message["role"] for message in body["messages"]] == ["user"]
    assert body["messages"][0]["content"].startswith("Be short.") and body["messages"][0]["content"].endswith("hello")


@pytest.mark.parametrize("message", ["Bad Request", "something went wrong with response_format"])
async def test_one_refusal_never_drops_the_schema_for_everybody(tmp_path: Path, message: str) -> None:
    def handle(body: dict[str, Any]) -> httpx2.Response:
        return refusal(400, message) if body["messages"][-1]["content"].startswith("bad") else reply("{}")

    endpoint = Endpoint(handle)
    async with teacher(tmp_path, endpoint) as opened:
        await opened.ask(ask("good", schema=FORM))
        assert (await opened.ask(ask("bad", schema=FORM))).refused
        await opened.ask(ask("good again", schema=FORM))
    assert "response_format" in endpoint.bodies[-1]


def test_the_dialect_is_kept_for_the_same_endpoint_and_model(tmp_path: Path) -> None:
    folder, learnt = Folder(str(tmp_path)), Dialect(schema=False, highest=1.0)
    learnt.keep(folder, settings())
    assert Dialect.kept(folder, settings()) == learnt
    assert Dialect.kept(folder, settings(model="other")) == Dialect()
    folder.write_json("dialect.json", folder.read_json("dialect.json") | {"at": time.time() - 2 * 24 * 3600})
    assert Dialect.kept(folder, settings()) == Dialect(), "an endpoint may have learnt since"
    folder.write_bytes("dialect.json", b"{torn")
    assert Dialect.kept(folder, settings()) == Dialect()


@pytest.mark.parametrize(
    "text",
    [
        '<think>A draft: {"a": 1}</think>\n42',
        "A draft, 41.\n</think>\n\n42",
        "<think>a <think>b</think> c</think> 42",
        "[THINK]41[/THINK]42",
        "◁think▷41◁/think▷42",
        "<|channel|>analysis<|message|>41<|end|><|start|>assistant<|channel|>final<|message|>42<|return|>",
        "analysisIt is 41 or so.assistantfinal42",
        "Here is my thought process: 41\n\nHere is my response: 42",
        "<think>41</think><answer>42</answer>",
        "<think>40</think>\n<think>41</think>\n42",
    ],
)
def test_thoughts_are_no_part_of_the_answer(text: str) -> None:
    assert without_thoughts(text).text == "42"


def test_unfinished_thoughts_are_no_answer_and_a_plain_text_stays() -> None:
    assert without_thoughts("<think>perhaps 41").unfinished and without_thoughts("<think>perhaps 41").text == ""
    for text in (
        *("a < b and c > d", '{"input": "what is <think>?", "output": "a tag"}', " 42 "),
        *("<doc><analysis>all is well</analysis></doc>", "Close it with </b>, open it with <thinking>.", "analysis"),
    ):
        assert without_thoughts(text).text == text


async def test_a_cut_answer_gets_more_room_and_is_never_an_answer(tmp_path: Path) -> None:
    endpoint = Endpoint(lambda body: cut("The sum is"))
    async with teacher(tmp_path, endpoint) as opened:
        answer = await opened.ask(ask())
        assert answer.cut and answer.texts == ("",) and opened.spent.completion_tokens == 60
        rooms = [body["max_tokens"] for body in endpoint.bodies]
        assert rooms == sorted(set(rooms)) and rooms[0] == 20 and len(rooms) == 3
        assert (await opened.ask(ask(partial=True, sample=1))).texts == ("The sum is",)
    async with teacher(tmp_path, endpoint) as opened:
        assert (await opened.ask(ask())).cut and opened.spent.completion_tokens == 80


async def test_reasoning_that_takes_all_room_is_named(tmp_path: Path) -> None:
    endpoint = Endpoint(lambda body: cut(None, reasoning_content="Let me think"))
    async with teacher(tmp_path, endpoint) as opened:
        with pytest.raises(StageError) as caught:
            for i in range(40):
                assert (await opened.ask(ask(str(i)))).cut
    assert caught.value.failure.reason == "TeacherAnswerCut" and "reasoning" in caught.value.failure.remedy


async def test_reasoning_is_given_room_once_for_all(tmp_path: Path) -> None:
    endpoint = Endpoint(
        lambda body: cut("", reasoning="...") if body["max_tokens"] < 700 else reply("42", reasoning="...")
    )
    async with teacher(tmp_path, endpoint) as opened:
        for i in range(3):
            assert (await opened.ask(ask(str(i)))).texts == ("42",)
    assert len(endpoint.bodies) == 4


FLAGGED = [
    lambda: refusal(400, "Output data may contain inappropriate content.", "data_inspection_failed"),
    lambda: refusal(400, "Invalid prompt: your prompt was flagged as violating our usage policy.", "invalid_prompt"),
    lambda: refusal(403, "openai/x requires moderation. Your input was flagged for violence."),
    lambda: httpx2.Response(200, json={"error": {"code": 403, "message": "Your input was flagged"}}),
    lambda: httpx2.Response(200, json={"choices": [{"finish_reason": "content_filter", "message": None}]}),
    lambda: httpx2.Response(200, json={"choices": [], "promptFeedback": {"blockReason": "SAFETY"}}),
]


@pytest.mark.parametrize("response", FLAGGED)
async def test_a_flagged_prompt_is_refused_and_nothing_else(tmp_path: Path, response: Any) -> None:
    endpoint = Endpoint(lambda body: response() if body["messages"][0]["content"] == "bad" else reply("yes"))
    async with teacher(tmp_path, endpoint) as opened:
        answers = await asyncio.gather(*(opened.ask(ask(text, schema=FORM)) for text in ("good", "bad", "fine")))
    assert [answer.refused for answer in answers] == [False, True, False] and len(endpoint.bodies) == 3


GEMINI = {
    "error": {"code": 429, "message": "You exceeded your current quota, please check your plan and billing details."}
}
GEMINI["error"]["details"] = [{"quotaId": "GenerateRequestsPerMinutePerProject"}, {"retryDelay": "34s"}]  # type: ignore[assignment]
GROQ = "Request too large for model x on tokens per minute (TPM): Limit 6000, Requested 5000"


@pytest.mark.parametrize(
    ("response", "least_s"),
    [
        (lambda: httpx2.Response(429, json=[GEMINI]), 34),
        (lambda: refusal(413, GROQ, "rate_limit_exceeded"), 0.2),
        (lambda: refusal(429, "Rate limit reached. Please try again in 2m1.5s."), 121.5),
        (lambda: httpx2.Response(200, json={"error": {"code": 429, "message": "free-models-per-min"}}), 0.2),
        (lambda: httpx2.Response(200, json={"choices": [{"error": {"code": 502, "message": "upstream"}}]}), 0.2),
    ],
)
async def test_what_waiting_helps_against_is_waited_for(tmp_path: Path, response: Any, least_s: float) -> None:
    answers = [response(), reply("at last")]
    async with teacher(tmp_path, Endpoint(lambda body: answers.pop(0))) as opened:
        began = opened._clock()
        assert (await opened.ask(ask())).texts == ("at last",)
        assert opened._clock() - began >= least_s and opened.spent.requests == 1


@pytest.mark.parametrize(
    ("message", "room"),
    [
        ("'max_tokens' is too large: 4000. maximum context length is 2048 tokens (4000 > 2048 - 100)", 1948),
        (
            "maximum context length is 2048 tokens. You requested 4100 tokens (100 in the messages, 4000 in the completion)",
            1948,
        ),
        ("max_tokens: 4000 > 1024, which is the maximum allowed number of output tokens", 1024),
        ("Range of max_tokens should be [1, 512]", 512),
        (
            "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 3000 `inputs` tokens and 4000 `max_new_tokens`",
            1096,
        ),
    ],
)
async def test_a_bound_over_the_context_is_lowered(tmp_path: Path, message: str, room: int) -> None:
    endpoint = Endpoint(lambda body: refusal(400, message) if body["max_tokens"] > room else reply("yes"))
    async with teacher(tmp_path, endpoint) as opened:
        assert (await opened.ask(ask(max_tokens=4000))).texts == ("yes",)
    assert [body["max_tokens"] for body in endpoint.bodies] == [4000, room]


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (lambda: refusal(400, "Your credit balance is too low to access the API."), "TeacherQuotaExhausted"),
        (
            lambda: refusal(400, "Access denied, make sure your account is in good standing.", "Arrearage"),
            "TeacherQuotaExhausted",
        ),
        (lambda: refusal(400, "API key not valid. Please pass a valid API key."), "TeacherUnauthorized"),
        (lambda: refusal(400, "Model Not Exist"), "TeacherModelUnknown"),
        (lambda: httpx2.Response(403, text="<html><title>Just a moment...</title>x{}</html>"), "TeacherUnreachable"),
        (
            lambda: httpx2.Response(200, json={"error": {"message": "No auth credentials found", "code": 401}}),
            "TeacherUnauthorized",
        ),
        (
            lambda: httpx2.Response(301, headers={"location": "https://other.test/v2/chat/completions"}),
            "TeacherUnreachable",
        ),
    ],
)
async def test_what_a_person_has_to_do_is_said(tmp_path: Path, response: Any, reason: str) -> None:
    async with teacher(tmp_path, Endpoint(lambda body: response()), model="huge") as opened:
        with pytest.raises(StageError) as caught:
            await opened.ask(ask())
    assert caught.value.failure.reason == reason and "<" not in caught.value.failure.message


async def test_no_count_is_no_zero_and_json_in_a_call_is_read(tmp_path: Path) -> None:
    call = {"tool_calls": [{"function": {"name": "answer", "arguments": '{"a": 1}'}}]}
    answers = [reply("yes", prompt=0, completion=0), reply("", **call)]
    async with teacher(tmp_path, Endpoint(lambda body: answers.pop(0))) as opened:
        first = await opened.ask(ask("a"))
        assert first.completion_tokens == 20 and first.prompt_tokens > 60, "the bound is booked"
        assert (await opened.ask(ask("b"))).texts == ('{"a": 1}',)


async def test_extra_fields_are_sent_and_name_another_request(tmp_path: Path) -> None:
    endpoint = Endpoint(lambda body: reply("yes"))
    async with teacher(tmp_path, endpoint) as opened:
        plain = await opened.ask(ask())
    more: dict[str, Any] = {"extraBody": {"top_p": 0.9}, "reasoning": {"effort": "low", "allowance": 100}}
    async with teacher(tmp_path, endpoint, **more) as opened:
        other = await opened.ask(ask())
    assert other.key != plain.key and not other.cached
    more["reasoning"]["allowance"] = 5000
    async with teacher(tmp_path, endpoint, **more) as opened:
        assert (await opened.ask(ask())).cached, "more room for reasoning pays for nothing twice"
    sent = endpoint.bodies[-1]
    assert (sent["top_p"], sent["reasoning_effort"], sent["max_tokens"]) == (0.9, "low", 120)


@pytest.mark.parametrize("extra", [{"model": "x"}, {"api_key": "abc"}, {"a": {"access_token": "abc"}}])
def test_extra_fields_that_cannot_be(extra: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"cannot be set here|looks like a secret"):
        TeacherSpec.model_validate({"baseURL": "http://x/v1", "model": "m", "extraBody": extra})


async def test_an_address_that_moved_within_its_host_is_followed_by_all(tmp_path: Path) -> None:
    async def handle(request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(0.002)
        if request.url.path.startswith("/new"):
            return reply("yes") if request.method == "POST" else httpx2.Response(404)
        return httpx2.Response(301, headers={"location": f"/new{request.url.path}"})

    endpoint = Endpoint(lambda body: reply("yes"))
    endpoint.client = lambda: httpx2.AsyncClient(transport=httpx2.MockTransport(handle))  # type: ignore[method-assign]
    async with teacher(tmp_path, endpoint) as opened:
        answers = await asyncio.gather(*(opened.ask(ask(str(i))) for i in range(20)))
    assert all(answer.texts == ("yes",) for answer in answers)
