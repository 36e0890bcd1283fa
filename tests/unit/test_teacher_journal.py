"""The journal's files, and what names a request."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from prompt2model_stages.errors import StageError
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher import TeacherRequest, segment_files, segments, spent_by_run
from prompt2model_stages.teacher.budget import Cost
from prompt2model_stages.teacher.journal import Journal, Ledger
from prompt2model_stages.teacher.ledger import _Ids
from prompt2model_stages.teacher.requests import completion_bound, prompt_bound, request_key, scope
from tests.unit.teacher_cases import ask

pytestmark = pytest.mark.unit


async def fill(folder: Folder, run: str, keys: list[str]) -> None:
    journal = await Journal.open(folder, "generate", run)
    for key in keys:
        identifier = await journal.reserve(key, "test", Cost(100, 50, 0.5))
        await journal.answer(identifier, key, [key.upper()], Cost(10, 5, 0.1))
    await journal.close()


async def test_each_process_has_a_segment_and_earlier_ones_are_never_touched(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    await fill(folder, "discover-1", ["a"])
    first = (tmp_path / "000001.jsonl").read_bytes()
    await fill(folder, "generate-1", ["b", "c"])
    await fill(folder, "generate-2", [])
    assert [name for name in folder.names() if name.endswith(".jsonl")] == ["000001.jsonl", "000002.jsonl"]
    assert (tmp_path / "000001.jsonl").read_bytes() == first
    spent = spent_by_run(folder)
    assert {run: (one.requests, one.prompt_tokens) for run, one in spent.items()} == {
        "discover-1": (1, 10),
        "generate-1": (2, 20),
    }
    assert spent["generate-1"].usd == pytest.approx(0.2)


async def test_samples_go_on_after_the_highest_that_was_sent_though_nobody_saw_its_answer(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    journal = await Journal.open(folder, "generate", "generate-1")
    answered = await journal.reserve("a", "test", Cost(1), group="g", sample=3)
    await journal.reserve("b", "test", Cost(1), group="g", sample=5)
    await journal.answer(answered, "a", ["A"], Cost(1), group="g", sample=3)
    await journal.close()
    ledger = Ledger.read(folder)
    assert [sample for sample, _ in ledger.of_group("g")] == [3]
    assert (ledger.next_sample["g"], ledger.next_sample["another"]) == (6, 0)


@pytest.mark.parametrize("kept", range(0, 400, 7))
async def test_torn_anywhere_the_rest_is_read(tmp_path: Path, kept: int) -> None:
    await fill(Folder(str(tmp_path)), "generate-1", ["a", "b"])
    path = tmp_path / "000001.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:kept])
    ledger = Ledger.read(Folder(str(tmp_path)))
    lines = whole[:kept].count(b"\n") + (whole[kept : kept + 1] == b"\n")
    spent = ledger.spent()
    assert (len(ledger.answers), spent.requests) == (lines // 2, (lines + 1) // 2)
    assert spent.prompt_tokens == 10 * (lines // 2) + 100 * (lines % 2)


async def test_a_second_process_is_kept_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "LOCK_WAIT_S", 0.0)
    folder = Folder(str(tmp_path))
    journal = await Journal.open(folder, "generate", "generate-1")
    with pytest.raises(StageError, match="is locked"):
        await Journal.open(folder, "generate", "generate-1")
    await journal.close()
    await (await Journal.open(folder, "generate", "generate-1")).close()


async def test_merging_counts_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(f"memory://journal-{tmp_path.name}")
    await fill(folder, "generate-1", [str(i) for i in range(60)])
    before = Ledger.read(folder)
    killed = replaced = folder.names()
    assert len(killed) == 120
    removed: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(Folder, "remove", lambda self, name: removed.append(name))
        segment_files.merge(folder)  # a kill before the old ones are gone
    twice = Ledger.read(folder)
    assert removed == replaced and twice.spent() == before.spent() and twice.answers == before.answers
    segment_files.merge(folder)
    assert len(folder.names()) == 1
    once = Ledger.read(folder)
    assert once.spent() == before.spent() and once.answers == before.answers


@pytest.mark.parametrize("gone", [0, 1, 60, 119])
async def test_an_answer_after_a_void_stands_though_merging_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: int
) -> None:
    folder = Folder(f"memory://void-{gone}-{tmp_path.name}")
    journal = await Journal.open(folder, "generate", "generate-1")
    for sample, text in enumerate(["", "good"]):
        identifier = await journal.reserve("a", "test", Cost(1), group="g", sample=sample)
        await journal.answer(identifier, "a", [text], Cost(1), group="g", sample=sample)
        if not text:
            await journal.void(["a"])
    await journal.close()
    await fill(folder, "generate-1", [str(i) for i in range(60)])
    before = Ledger.read(folder)
    removed: list[str] = []
    remove = Folder.remove

    def killed(self: Folder, name: str) -> None:
        if len(removed) == gone:
            raise KeyboardInterrupt
        removed.append(name)
        remove(self, name)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Folder, "remove", killed)
        segment_files.merge(folder)
    for _ in range(2):
        found = Ledger.read(folder)
        assert found.answers["a"].texts == ("good",) and found.answers == before.answers
        assert list(found.answers) == list(before.answers) and found.spent() == before.spent()
        assert [sample for sample, _ in found.of_group("g")] == [0]
        segment_files.merge(folder)


async def test_sizes_are_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(f"memory://sizes-{tmp_path.name}")
    await fill(folder, "generate-1", [str(i) for i in range(40)])

    def one_by_one(*_: object) -> int:
        raise AssertionError("a request for each object")

    monkeypatch.setattr(type(folder.filesystem), "size", one_by_one)
    assert len(Ledger.read(folder).answers) == 40
    segment_files.merge(folder)
    assert len(folder.names()) == 1 and len(Ledger.read(folder).answers) == 40


async def test_lines_that_wait_for_the_store_go_together(tmp_path: Path) -> None:
    folder = Folder(f"memory://together-{tmp_path.name}")
    journal = await Journal.open(folder, "generate", "generate-1")
    await asyncio.gather(*(journal.reserve(str(i), "test", Cost(1)) for i in range(100)))
    await journal.close()
    assert len(folder.names()) <= 2 and Ledger.read(folder).spent().requests == 100


async def test_a_store_that_fails_is_an_error_of_the_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = await Journal.open(Folder(f"memory://failing-{tmp_path.name}"), "generate", "generate-1")

    def fail(*_: object) -> None:
        raise PermissionError("no")

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "write_bytes", fail)
        with pytest.raises(PermissionError):
            await journal.reserve("a", "test", Cost(1))
    await journal.reserve("b", "test", Cost(1))
    assert journal.ledger.spent().requests == 1
    await journal.close()


def test_the_key_names_what_changes_the_answer() -> None:
    request = ask("a")
    changes = [
        ask("b"),
        replace(request, temperature=0.5),
        replace(request, max_tokens=21),
        replace(request, n=2),
        replace(request, schema={"type": "object"}),
        replace(request, sample=1),
    ]
    keys = {request_key(changed, "small", "") for changed in [request, *changes]}
    keys |= {
        request_key(request, "big", ""),
        request_key(request, "small", "http://x/v1"),
        request_key(request, "small", "", 0),
    }
    assert len(keys) == len(changes) + 4 and all(len(key) == 64 for key in keys)
    assert request_key(replace(request, purpose="other"), "small", "") == request_key(request, "small", "")


def test_the_key_is_the_same_in_every_version() -> None:
    key = request_key(TeacherRequest("x", [{"role": "user", "content": "déjà vu"}]), "small", "https://api.test/v1")
    assert key == "2d2d7185c9fe1983b86187a27f440ab23c253fec97f1c6e526eeb7523daaa35d"


def test_this_machine_is_no_endpoint_of_its_own() -> None:
    assert scope("http://127.0.0.1:4711/v1") == scope("http://localhost:9/v1") == scope("http://[::1]:9/v1") == ""
    assert scope("https://api.openai.com/v1/") == scope("https://api.openai.com/v1") == "https://api.openai.com/v1"


def test_bounds() -> None:
    request = ask("日本" * 10, n=3)
    assert prompt_bound(request) >= 60 and completion_bound(request) == 60


def test_what_was_spent_is_read_without_holding_the_journal(tmp_path: Path) -> None:
    amounts = {"prompt": 1, "completion": 1, "usd": 0.0}
    answer = {"type": "answer", "run": "generate-1", "texts": ["x" * 2000], **amounts}
    lines = [json.dumps({**answer, "id": f"a-{i}", "key": str(i)}) for i in range(3000)]
    (tmp_path / "000001.jsonl").write_text("\n".join(lines))
    tracemalloc.start()
    try:
        spent = spent_by_run(Folder(str(tmp_path)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert spent["generate-1"].requests == 3000 and peak < 2_000_000, "6 MB lie there"


def lines(count: int, text: int, group: str = "g") -> str:
    """A journal of so many answers of so many characters, each with its reservation."""
    amounts = {"prompt": 1, "completion": 1, "usd": 0.0, "run": "generate-1", "group": group}
    written = []
    for i in range(count):
        place = {"id": f"000001-{i}", "key": f"{i:064x}", "sample": i, **amounts}
        written.append(json.dumps({"type": "reserve", "at": 0.0, **place}))
        written.append(json.dumps({"type": "answer", "texts": [f"{i} ".ljust(text, "x")], **place}))
    return "\n".join(written) + "\n"


@pytest.mark.parametrize("uri", ["", "memory://journal-of-many"])
def test_a_journal_is_opened_without_holding_its_texts(tmp_path: Path, uri: str) -> None:
    folder = Folder(uri or str(tmp_path))
    folder.write_bytes("000001.jsonl", lines(3000, 4000).encode())
    tracemalloc.start()
    try:
        ledger = Ledger.read(folder)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    answers = ledger.of_group("g")
    assert len(answers) == 3000 and [answers[i][1].texts[0].split()[0] for i in (0, 1, 2999, -1)] == [
        "0",
        "1",
        "2999",
        "2999",
    ]
    assert held < 300 * 3000, "12 MB lie there"
    assert uri or peak < 2_000_000
    ledger.close()


async def test_an_answer_that_is_void_keeps_its_place_when_it_is_answered_again(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    journal = await Journal.open(folder, "generate", "generate-1")
    for sample, key in enumerate("abc"):
        identifier = await journal.reserve(key, "test", Cost(1), group="g", sample=sample)
        await journal.answer(identifier, key, [key], Cost(1), group="g", sample=sample)
    await journal.void(["a", "c", "never"])
    assert "a" not in journal.ledger.answers and list(journal.ledger.answers) == ["b"]
    identifier = await journal.reserve("a", "test", Cost(1), group="g", sample=9)
    await journal.answer(identifier, "a", ["again"], Cost(1), group="g", sample=9)
    for ledger in (journal.ledger, Ledger.read(folder)):
        assert [(sample, answer.texts) for sample, answer in ledger.of_group("g")] == [(0, ("again",)), (1, ("b",))]
        assert len(ledger.answers) == 2 and ledger.answers.get("c") is None
    await journal.close()


async def test_answers_of_this_process_are_read_back_as_they_were_given(tmp_path: Path) -> None:
    for uri in (str(tmp_path), f"memory://given-{tmp_path.name}"):
        journal = await Journal.open(Folder(uri), "generate", "generate-1")
        key = "0" * 63 + "A"  # not as our keys are written: a key is never changed
        identifier = await journal.reserve(key, "test", Cost(1))
        given = await journal.answer(identifier, key, ["é\n\ud800", ""], Cost(3, 4, 0.1), cut=True)
        assert journal.ledger.answers[key] == replace(given, cached=True)
        await journal.close()


def test_ids_are_told_apart_whatever_their_form() -> None:
    ids = _Ids()
    some = ["000001-1", "000001-9", "abc-0", "odd", "x-01", "x-1000000000", "-3", ""]
    for one in some:
        assert one not in ids
        ids.add(one)
    assert all(one in ids for one in some)
    assert not any(one in ids for one in ("000001-2", "000002-1", "abc-1", "x-1", "x-1000000001", "1"))
