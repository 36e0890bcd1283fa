"""What the service accepts and what it says otherwise; when a model counts as proved."""

from __future__ import annotations

import json
import os
import threading

import pytest

from prompt2model_api.environment_names import P2M_SERVICE_PARENT
from prompt2model_stages.examples import Pair
from prompt2model_stages.service.__main__ import name_in
from prompt2model_stages.service.answering import Answering, LoadedStudent, State, checked_golden, first_difference
from prompt2model_stages.service.environment import end_with_parent
from prompt2model_stages.service.input_length import Length
from prompt2model_stages.service.requests import (
    TEXT_LIMIT,
    TEXTS_LIMIT,
    BadRequestError,
    check_type,
    texts_of,
    too_long,
)
from prompt2model_stages.service.validating import Message, Validating

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ({"text": "3 May 2021"}, ["3 May 2021"]),
        ({"texts": ["a", " b "]}, ["a", " b "]),
        ({"text": "x" * TEXT_LIMIT}, ["x" * TEXT_LIMIT]),
        ({"text": "früh\nspät"}, ["früh\nspät"]),
        ({"text": "a page\f\tnext \U0001f600"}, ["a page\f\tnext \U0001f600"]),
    ],
)
def test_accepts(body, texts):
    assert texts_of(json.dumps(body).encode()) == texts


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'"text"', "not a JSON object"),
        (b"{}", "Neither text nor texts"),
        (b'{"text": "a", "texts": ["a"]}', "Both text and texts"),
        (b'{"txt": "a"}', 'Unknown field "txt"'),
        (b'{"text": 3}', "text is not a string"),
        (b'{"text": null}', "text is not a string"),
        (b'{"text": " \\n"}', "text is empty"),
        (b'{"text": "\\u200b\\u0007"}', "text is empty"),
        (b'{"text": "a\\u0000b"}', "control character U+0000 at position 2"),
        (b'{"text": "a\nb"}', "Invalid control character"),
        (b'{"text": "\\ud83d!"}', "lone surrogate U+D83D"),
        (b'{"texts": ["a", "\\udc00"]}', "texts[1] has half a character"),
        (b'{"text": "\xed\xa0\x80"}', "not UTF-8"),
        (b'{"text": "a", "text": "b"}', "given twice"),
        (b'{"text": ' + b"9" * 5000 + b"}", "too many digits"),
        (b"null", "not a JSON object"),
        (b"3", "not a JSON object"),
        (b'["a"]', "not a JSON object"),
        (b'{"texts": "a"}', "texts is not a list"),
        (b'{"texts": []}', "texts is empty"),
        (b'{"texts": ["a", ""]}', "texts[1] is empty"),
        (json.dumps({"text": "x" * (TEXT_LIMIT + 1)}).encode(), f"at most {TEXT_LIMIT}"),
        (json.dumps({"texts": ["x"] * (TEXTS_LIMIT + 1)}).encode(), f"at most {TEXTS_LIMIT}"),
    ],
)
def test_refuses_with_a_sentence(body, sentence):
    with pytest.raises(BadRequestError) as caught:
        texts_of(body)
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "encoding"),
    [
        ("multipart/form-data; boundary=x", ""),
        ("text/csv", ""),
        ("application/json", "gzip"),
        ("application/json; charset=latin-1", ""),
    ],
)
def test_refuses_what_is_certainly_no_json(kind, encoding):
    with pytest.raises(BadRequestError) as caught:
        check_type(kind, encoding)
    assert caught.value.status == 415
    check_type('application/json; charset="UTF-8"', "identity")


def test_an_input_that_is_too_long_is_told_its_tokens_and_the_limit():
    assert too_long("texts[3]", 2300, 96, 17).startswith("texts[3] has 2300 tokens and the model reads at most 79 ")


GOLDEN = [Pair("a", "A"), Pair("b", "B"), Pair("c", "C")]


def test_all_reproduced():
    assert first_difference(lambda texts: [text.upper() for text in texts], GOLDEN) is None


def test_names_the_one_that_differs():
    problem = first_difference(lambda texts: ["?" if text == "b" else text.upper() for text in texts], GOLDEN)
    assert problem is not None
    assert "Golden request 2 of 3" in problem
    assert '"?"' in problem
    assert '"B"' in problem


def test_a_difference_that_only_the_batch_makes_is_forgiven():
    def answer(texts: list[str]) -> list[str]:
        return [text.upper() if len(texts) == 1 else "near tie" for text in texts]

    assert first_difference(answer, GOLDEN) is None


async def lengths(texts: list[str]) -> list[Length]:
    return []


def test_answers_only_when_ready():
    settled = threading.Event()

    def answer(texts: list[str]) -> list[str]:
        return [text.upper() for text in texts] if not settled.is_set() else ["lower precision" for _ in texts]

    answering = Answering(lambda: LoadedStudent(answer, lengths, settled.set), GOLDEN)
    with pytest.raises(RuntimeError, match="being loaded"):
        answering.answer(["x"])
    answering.start().join(2)
    assert answering.state is State.READY
    assert answering.answer(["x"]) == ["lower precision"], "it proves itself first, and settles then"


@pytest.mark.parametrize("broken", ["load", "answers"])
def test_unfit_for_ever(broken):
    def load():
        if broken == "load":
            raise OSError("weights are gone")
        return LoadedStudent(lambda texts: ["wrong" for _ in texts], lengths, lambda: settled.append(None))

    settled: list[None] = []
    answering = Answering(load, GOLDEN)
    answering.start().join(2)
    assert answering.state is State.UNFIT and not settled
    assert ("weights are gone" if broken == "load" else "not reproduced") in answering.reason
    with pytest.raises(RuntimeError):
        answering.answer(["x"])


@pytest.mark.parametrize("content", [b"[]", b"{}", b"[3]", b'[{"input": "a"}]', b"nonsense"])
def test_golden_file_must_prove_something(content):
    with pytest.raises(ValueError):
        checked_golden(content)


def test_golden_file():
    assert checked_golden(b'[{"input": "a", "output": "b"}]') == [Pair("a", "b")]


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("runs/default/dates/train-1a2b3c4d/model", "dates"),
        ("s3://bucket/default/dates/train-1a2b3c4d/model/", "dates"),
        ("model", "prompt2model"),
        ("/srv/model", "prompt2model"),
    ],
)
def test_name_of_the_resource(uri, name):
    assert name_in(uri) == name


async def _call(body: list[bytes], path: str = "/predict") -> tuple[int | None, bytes, bytes]:
    """Status and body that the middleware answered with; and what it passed on, where it did."""
    passed, sent = [], []

    async def app(scope: Message, receive, send) -> None:
        passed.append((await receive())["body"])
        assert dict(scope["headers"]).get(b"content-type") == b"application/json"

    parts = [{"type": "http.request", "body": part, "more_body": i < len(body) - 1} for i, part in enumerate(body)]

    async def receive() -> Message:
        return parts.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    await Validating(app)({"type": "http", "method": "POST", "path": path, "headers": headers}, receive, send)
    status = sent[0]["status"] if sent else None
    return status, b"".join(m.get("body", b"") for m in sent), b"".join(passed)


async def test_passes_a_good_request_on_whole():
    assert await _call([b'{"text"', b': "a"}']) == (None, b"", b'{"text": "a"}')


async def test_answers_a_bad_one_itself():
    status, body, passed = await _call([b'{"text": ""}'])
    assert (status, passed) == (400, b"")
    assert json.loads(body)["error"].startswith("text is empty")


async def test_refuses_what_is_too_big():
    status, body, _ = await _call([b"x" * 1024 * 1024] * 9)
    assert status == 413
    assert b"fewer texts" in body


def test_ends_where_the_parent_is_gone_already(monkeypatch):
    ended = []
    monkeypatch.setenv(P2M_SERVICE_PARENT, str(os.getpid()))  # not the parent of this process
    monkeypatch.setattr(os, "kill", lambda pid, signal: ended.append(pid))
    end_with_parent()
    assert ended == [os.getpid()]
