"""Requests in batches: gathered, sent as files, and answered as if they had been sent one by one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from prompt2model_stages.errors import StageError
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher import Patience, Teacher, spent_by_run
from prompt2model_stages.teacher.batch_files import BatchLimits, split
from prompt2model_stages.teacher.batch_lane import Batching
from prompt2model_stages.teacher.journal import Journal, Ledger
from tests.batch_teacher import BatchTeacher
from tests.unit.teacher_cases import RUN, Clock, ask, settings

pytestmark = pytest.mark.unit

PRICE = {"inputPerMillion": 1.0, "outputPerMillion": 4.0}


@asynccontextmanager
async def teacher(
    folder: Path, endpoint: BatchTeacher, batch: str = "Always", told: list[str] | None = None, **more: Any
) -> AsyncIterator[Teacher]:
    """A teacher whose requests go in batches, and whose time is a Clock's."""
    clock, limits, done = Clock(), more.pop("limits", None), more.pop("done", False)
    spec = settings(**{"price": PRICE, **more})
    journal = await Journal.open(Folder(str(folder)), "generate", RUN)
    half = spec.price.model_copy(update={"input_per_million": 0.5, "output_per_million": 2.0}) if spec.price else None
    tell = (told if told is not None else []).append
    opened = Teacher(
        spec,
        journal,
        Patience(tries=4),
        "sk-secret-123456",
        "P2M_TEACHER_API_KEY",
        http=endpoint.client(),
        batching=Batching(batch != "Never", batch == "Always", half, tell, limits),
        clock=clock,
        sleep=clock.sleep,
    )
    opened.resume()
    try:
        yield opened
    finally:
        await opened.close(5, done)


async def ask_all(opened: Teacher, texts: list[str], **fields: Any) -> list[str]:
    answers = await asyncio.gather(*(opened.ask(ask(text, **fields)) for text in texts))
    return [answer.texts[0] for answer in answers]


async def looked_at(endpoint: BatchTeacher) -> None:
    while not endpoint.looks:  # noqa: ASYNC110
        await asyncio.sleep(0)


async def leave(opened: Teacher, endpoint: BatchTeacher, texts: list[str], **fields: Any) -> None:
    """Asks, and stops waiting once the batch is waited for."""
    tasks = [asyncio.create_task(opened.ask(ask(text, **fields))) for text in texts]
    await looked_at(endpoint)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


NUMBERS = [str(100 + i) for i in range(40)]
BACKWARDS = [text[::-1] for text in NUMBERS]


async def test_all_go_in_one_file_at_half_the_price_under_the_keys_of_single_requests(tmp_path: Path) -> None:
    endpoint, told = BatchTeacher(latency_s=0.0), list[str]()
    async with teacher(tmp_path, endpoint, told=told) as opened:
        assert await ask_all(opened, NUMBERS) == BACKWARDS
        assert opened.spent.usd == pytest.approx(40 * (20 * 0.5 + 10 * 2.0) / 1e6)
    assert (len(endpoint.batches), endpoint.bodies) == (1, [])
    assert "batch 1 of 1: 40 requests on their way" in told and "batch 1 of 1: 40 of 40 answered" in told
    assert sorted(endpoint.deleted) == ["file-1", "file-2"]
    async with teacher(tmp_path, endpoint, batch="Never") as opened:
        assert await ask_all(opened, NUMBERS) == BACKWARDS
    assert (len(endpoint.batches), endpoint.bodies) == (1, []), "what was answered in a batch is not asked again"


async def test_what_was_answered_singly_goes_in_no_batch(tmp_path: Path) -> None:
    endpoint = BatchTeacher(latency_s=0.0)
    async with teacher(tmp_path, endpoint, batch="Never") as opened:
        await ask_all(opened, NUMBERS[:10])
    async with teacher(tmp_path, endpoint) as opened:
        assert await ask_all(opened, NUMBERS) == BACKWARDS
    assert (len(endpoint.bodies), endpoint.files["file-1"].count(b"\n")) == (10, 30)


async def test_what_everything_waits_for_goes_at_once(tmp_path: Path) -> None:
    endpoint = BatchTeacher(latency_s=0.0)
    async with teacher(tmp_path, endpoint) as opened:
        assert await ask_all(opened, ["123"], at_once=True) == ["321"]
    assert (len(endpoint.batches), len(endpoint.bodies)) == (0, 1)


async def test_files_keep_to_the_limits(tmp_path: Path) -> None:
    endpoint = BatchTeacher(latency_s=0.0)
    async with teacher(tmp_path, endpoint, limits=BatchLimits(lines=15)) as opened:
        assert await ask_all(opened, NUMBERS) == BACKWARDS
    assert all(endpoint.files[batch["input_file_id"]].count(b"\n") <= 15 for batch in endpoint.batches.values())
    assert not endpoint.paid_twice() and len(endpoint.paid) == 40


def test_a_file_is_split_by_lines_and_by_bytes() -> None:
    lines = [(str(i), bytes(10 * (i + 1))) for i in range(6)]
    assert [list(part) for part in split(lines, BatchLimits(4, 10**6))] == [["0", "1", "2", "3"], ["4", "5"]]
    assert [list(part) for part in split(lines, BatchLimits(100, 60))] == [["0", "1", "2"], ["3"], ["4"], ["5"]]


async def test_a_file_that_is_too_large_is_made_smaller(tmp_path: Path) -> None:
    endpoint = BatchTeacher(latency_s=0.0, most_bytes=2500)
    async with teacher(tmp_path, endpoint) as opened:
        assert await ask_all(opened, NUMBERS) == BACKWARDS
    assert len(endpoint.batches) > 1 and not endpoint.paid_twice()


async def test_an_account_with_a_full_queue_gets_smaller_batches(tmp_path: Path) -> None:
    endpoint = BatchTeacher(latency_s=0.0, most_queued=12)
    async with teacher(tmp_path, endpoint) as opened:
        assert await ask_all(opened, NUMBERS) == BACKWARDS
    assert not endpoint.paid_twice() and len(endpoint.paid) == 40


@pytest.mark.parametrize("ends_as", ["expired", "cancelled"])
async def test_of_a_batch_that_ends_early_the_answers_stay_and_the_rest_is_asked_again(
    tmp_path: Path, ends_as: str
) -> None:
    endpoint = BatchTeacher(latency_s=0.0, answers_of=25, ends_as=ends_as)
    async with teacher(tmp_path, endpoint) as opened:
        assert await ask_all(opened, NUMBERS) == BACKWARDS
        assert opened.spent.requests == 40
    first, second = endpoint.batches.values()
    assert [endpoint.files[batch["input_file_id"]].count(b"\n") for batch in (first, second)] == [40, 15]
    assert not endpoint.paid_twice()


async def test_lines_with_errors_are_retried_like_single_failures(tmp_path: Path) -> None:
    endpoint = BatchTeacher(latency_s=0.0, broken={"103": 2, "107": 1})
    async with teacher(tmp_path, endpoint) as opened:
        assert await ask_all(opened, NUMBERS) == BACKWARDS
        assert opened.spent.requests == 40
    assert [batch["request_counts"]["total"] for batch in endpoint.batches.values()] == [40, 2, 1]


async def test_a_line_that_always_fails_ends_the_stage_as_a_single_request_would(tmp_path: Path) -> None:
    endpoint = BatchTeacher(latency_s=0.0, broken={"103": 100})
    with pytest.raises(StageError) as caught:
        async with teacher(tmp_path, endpoint) as opened:
            await ask_all(opened, NUMBERS)
    assert caught.value.failure.reason == "TeacherDown"
    assert len(Ledger.read(Folder(str(tmp_path))).answers) == 39


async def test_a_line_that_the_endpoint_finds_wrong_takes_no_other_with_it(tmp_path: Path) -> None:
    fault = {"code": "invalid_value", "message": "'temperature' must be less than or equal to 1", "line": 3}
    endpoint = BatchTeacher(latency_s=0.0, faults=[fault])
    async with teacher(tmp_path, endpoint) as opened:
        assert await ask_all(opened, NUMBERS, temperature=1.4) == BACKWARDS
        assert opened.dialect.highest == 1.0
    assert len(endpoint.batches) == 2 and not endpoint.paid_twice()


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        ("billing_hard_limit_reached", "Billing hard limit has been reached", "TeacherQuotaExhausted"),
        ("model_not_found", "The model `small` does not exist", "TeacherModelUnknown"),
        ("mismatched_model", "The endpoint is not for batches", "TeacherBatchFailed"),
    ],
)
async def test_a_batch_that_fails_says_why(tmp_path: Path, code: str, message: str, reason: str) -> None:
    endpoint = BatchTeacher(latency_s=0.0, faults=[{"code": code, "message": message, "line": None}])
    with pytest.raises(StageError) as caught:
        async with teacher(tmp_path, endpoint) as opened:
            await ask_all(opened, NUMBERS)
    assert caught.value.failure.reason == reason and message in caught.value.failure.message
    assert spent_by_run(Folder(str(tmp_path))) == {RUN: spent_by_run(Folder(str(tmp_path)))[RUN]}
    assert spent_by_run(Folder(str(tmp_path)))[RUN].requests == 0


async def test_without_a_batch_api_always_stops_with_one_sentence(tmp_path: Path) -> None:
    endpoint = BatchTeacher(latency_s=0.0, has_batches=False)
    with pytest.raises(StageError) as caught:
        async with teacher(tmp_path, endpoint) as opened:
            await ask_all(opened, NUMBERS)
    failure = caught.value.failure
    assert failure.reason == "TeacherHasNoBatches" and failure.state == "Blocked"
    assert failure.message == "http://teacher.test/v1 has no batch API for this model: it answers 404 (Not Found)."
    assert endpoint.bodies == [] and spent_by_run(Folder(str(tmp_path)))[RUN].requests == 0


async def test_without_a_batch_api_auto_asks_one_by_one_and_says_so(tmp_path: Path) -> None:
    endpoint, told = BatchTeacher(latency_s=0.0, has_batches=False), list[str]()
    async with teacher(tmp_path, endpoint, batch="Auto", told=told) as opened:
        assert await ask_all(opened, NUMBERS) == BACKWARDS
        assert opened.spent.usd == pytest.approx(40 * (20 * 1.0 + 10 * 4.0) / 1e6), "at the full price"
        assert not opened.in_batches
    assert len(endpoint.bodies) == 40
    assert told[-1] == "the endpoint has no batch API: requests are sent one by one"


async def test_the_budget_holds_at_the_price_of_a_batch(tmp_path: Path) -> None:
    endpoint = BatchTeacher(latency_s=0.0)
    bound = 64 + 8 + 4 + 3 + 20  # tokens of a request at most: see requests.prompt_bound
    with pytest.raises(StageError) as caught:
        async with teacher(tmp_path, endpoint, budget={"tokens": 5 * bound}) as opened:
            await ask_all(opened, NUMBERS)
    assert caught.value.failure.reason == "BudgetExhausted"
    spent = spent_by_run(Folder(str(tmp_path)))[RUN]
    assert spent.prompt_tokens + spent.completion_tokens <= 5 * bound
    assert spent.requests == len(endpoint.paid) >= 5


@pytest.mark.parametrize("storage", ["local", "memory"])
async def test_an_attempt_that_ends_leaves_its_batch_and_the_next_one_takes_it_up(tmp_path: Path, storage: str) -> None:
    tmp_path = tmp_path if storage == "local" else f"memory:/{tmp_path}"  # type: ignore[assignment]
    endpoint, told = BatchTeacher(latency_s=0.0, held=True), list[str]()
    async with teacher(tmp_path, endpoint) as opened:
        await leave(opened, endpoint, NUMBERS, group="g")
    assert endpoint.cancelled == []
    assert spent_by_run(Folder(str(tmp_path)))[RUN].requests == 40, "what may have been answered is booked"
    endpoint.held = False
    async with teacher(tmp_path, endpoint, batch="Never", told=told) as opened:
        await opened.catch_up("g")
        assert len(opened.journalled("g")) == 40
        assert (opened.spent.requests, opened.spent.prompt_tokens) == (40, 800)
        assert opened.spent.usd == pytest.approx(40 * (20 * 0.5 + 10 * 2.0) / 1e6)
    assert (len(endpoint.batches), endpoint.bodies, endpoint.paid_twice()) == (1, [], [])
    assert told == ["batch 1 of 1: 40 of 40 answered"]
    assert spent_by_run(Folder(str(tmp_path)))[RUN].prompt_tokens == 800


async def test_a_request_that_is_asked_again_waits_for_the_batch_that_has_it(tmp_path: Path) -> None:
    endpoint = BatchTeacher(latency_s=0.0, held=True)
    async with teacher(tmp_path, endpoint) as opened:
        await leave(opened, endpoint, NUMBERS)
    endpoint.held, endpoint.answers_of = False, 30
    async with teacher(tmp_path, endpoint, batch="Never") as opened:
        assert await ask_all(opened, NUMBERS) == BACKWARDS
    assert (len(endpoint.bodies), endpoint.paid_twice()) == (10, [])


async def test_several_answers_of_one_request_are_kept_across_attempts(tmp_path: Path) -> None:
    endpoint = BatchTeacher(latency_s=0.0, held=True)
    async with teacher(tmp_path, endpoint) as opened:
        await leave(opened, endpoint, ["123"], n=3)
    endpoint.held = False
    async with teacher(tmp_path, endpoint) as opened:
        assert (await opened.ask(ask("123", n=3))).texts == ("321",) * 3
    assert len(endpoint.paid) == 1 and not endpoint.paid_twice()


async def test_a_batch_of_another_endpoint_stays_booked(tmp_path: Path) -> None:
    endpoint = BatchTeacher(latency_s=0.0, held=True)
    async with teacher(tmp_path, endpoint) as opened:
        await leave(opened, endpoint, NUMBERS[:3])
    elsewhere = BatchTeacher(latency_s=0.0)
    async with teacher(tmp_path, elsewhere, baseURL="http://elsewhere.test/v1") as opened:
        assert await ask_all(opened, NUMBERS[:3]) == BACKWARDS[:3]
        assert opened.spent.requests == 6
    assert elsewhere.looks == 1


async def test_a_batch_that_nobody_knows_any_more_is_told_and_then_asked_again(tmp_path: Path) -> None:
    endpoint = BatchTeacher(latency_s=0.0, held=True)
    with pytest.raises(StageError) as caught:
        async with teacher(tmp_path, endpoint) as opened:
            asked = asyncio.gather(*(opened.ask(ask(text)) for text in NUMBERS[:3]))
            await looked_at(endpoint)
            endpoint.batches.clear()
            await asked
    assert caught.value.failure.reason == "TeacherBatchFailed"
    async with teacher(tmp_path, endpoint, batch="Never") as opened:
        assert await ask_all(opened, NUMBERS[:3]) == BACKWARDS[:3]
        assert opened.spent.requests == 6, "the batch may have been charged"


async def test_a_batch_that_is_gone_when_an_attempt_looks_for_it_is_asked_again(tmp_path: Path) -> None:
    endpoint = BatchTeacher(latency_s=0.0, held=True)
    async with teacher(tmp_path, endpoint) as opened:
        await leave(opened, endpoint, NUMBERS[:3], group="g")
    endpoint.batches.clear()
    endpoint.held = False
    async with teacher(tmp_path, endpoint) as opened:
        await opened.catch_up("g")
        assert await ask_all(opened, NUMBERS[:3]) == BACKWARDS[:3]
        assert opened.spent.requests == 6


async def test_who_is_done_cancels_what_nobody_wants(tmp_path: Path) -> None:
    endpoint = BatchTeacher(latency_s=0.0, held=True)
    async with teacher(tmp_path, endpoint, done=True) as opened:
        await leave(opened, endpoint, NUMBERS[:3])
    assert endpoint.cancelled == ["batch_1"]


async def test_what_an_edit_made_useless_is_cancelled_and_what_is_answered_stays(tmp_path: Path) -> None:
    endpoint = BatchTeacher(latency_s=0.0, held=True)
    async with teacher(tmp_path, endpoint) as opened:
        await leave(opened, endpoint, NUMBERS, group="before the edit")
    async with teacher(tmp_path, endpoint) as opened:
        await opened.catch_up("after the edit")
        assert endpoint.cancelled == ["batch_1"]
        endpoint.held, endpoint.answers_of, endpoint.ends_as = False, 10, "cancelled"
        assert await ask_all(opened, ["999"], group="after the edit") == ["999"]
    assert len(Ledger.read(Folder(str(tmp_path))).of_group("before the edit")) == 10
    assert spent_by_run(Folder(str(tmp_path)))[RUN].requests == 11


async def test_each_step_is_on_the_disk_before_the_next(tmp_path: Path) -> None:
    endpoint = BatchTeacher(latency_s=0.0)
    async with teacher(tmp_path, endpoint) as opened:
        await ask_all(opened, NUMBERS[:2])
    records = [json.loads(line) for line in (tmp_path / "000001.jsonl").read_text().splitlines()]
    steps = [sorted(set(one) - {"type", "name"}) for one in records if one["type"] == "batch"]
    assert steps == [["endpoint", "lines"], ["file"], ["batch"], ["over"]]
    assert [one["type"] for one in records][:3] == ["reserve", "reserve", "batch"]
