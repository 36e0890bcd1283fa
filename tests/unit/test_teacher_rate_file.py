"""The record of rates that the processes of a machine share."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from pathlib import Path

import pytest

from prompt2model_stages.teacher.limits import Rates
from prompt2model_stages.teacher.rate_file import KEPT_S, RateFile
from tests.unit.teacher_cases import Clock

pytestmark = pytest.mark.unit
URL, KEY = "https://api.test/v1", "sk-secret-123456"


def rates(folder: Path, clock: Clock, requests: int | None = 60, tokens: int | None = None, key: str = KEY) -> Rates:
    """As a process of its own has them."""
    found = RateFile.of(folder, URL, key)
    return Rates(requests, tokens, clock, clock.sleep, RateFile(found._path, clock))


def record(folder: Path) -> Path:
    (path,) = folder.rglob("*.json")
    return path


async def take(one: Rates, times: int, tokens: int = 1) -> None:
    for _ in range(times):
        one.ended()
        await one.acquire(tokens)


async def test_two_that_share_endpoint_and_key_send_together_what_one_may(tmp_path: Path) -> None:
    clock = Clock()
    first, second = rates(tmp_path, clock), rates(tmp_path, clock)
    await asyncio.gather(take(first, 60), take(second, 60))
    assert clock.now - 1000 > 118 * 65 / 60 - 1
    other = rates(tmp_path, clock, key="another")
    before = clock.now
    await take(other, 1)
    assert clock.now == before, "another key has a limit of its own"


async def test_a_process_that_follows_a_killed_one_goes_on_where_it_was(tmp_path: Path) -> None:
    clock = Clock()
    await take(rates(tmp_path, clock, 2), 2)  # never closed
    before = clock.now
    await take(rates(tmp_path, clock, 2), 1)
    assert clock.now - before > 30


async def test_the_least_limit_that_is_named_counts_for_all_and_is_forgotten_with_who_named_it(tmp_path: Path) -> None:
    clock = Clock()
    strict, lax = rates(tmp_path, clock, 6), rates(tmp_path, clock, 6000)
    await take(strict, 1)
    before = clock.now
    await take(lax, 6)
    assert clock.now - before > 5 * 65 / 6
    await clock.sleep(65)
    before = clock.now
    await take(lax, 50)
    assert clock.now - before < 2


async def test_tokens_that_were_not_used_are_given_back_to_the_other_process(tmp_path: Path) -> None:
    clock = Clock()
    first, second = rates(tmp_path, clock, None, 1000), rates(tmp_path, clock, None, 1000)
    permit = await first.acquire(900)
    first.correct(permit, 10)
    await first.close()
    before = clock.now
    await take(second, 1, 900)
    assert clock.now - before < 1


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"sent":[[1]],"free_at":[0,0],"named":[]}', b"\0" * 4096])
async def test_a_damaged_record_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    clock = Clock()
    one = rates(tmp_path, clock)
    await take(one, 1)
    path = record(tmp_path)
    path.write_bytes(content)
    before = clock.now
    await take(one, 2)
    assert clock.now - before < 3
    assert json.loads(path.read_bytes())["sent"], "and is whole again"


async def test_times_that_cannot_be_are_not_waited_for(tmp_path: Path) -> None:
    clock = Clock()
    await take(rates(tmp_path, clock), 1)
    path = record(tmp_path)
    path.write_text(json.dumps({"sent": [[90_000, 60, 1]], "free_at": [90_000, 90_000], "named": [[1, 90_000]] * 2}))
    before = clock.now
    await take(rates(tmp_path, clock), 2)
    assert clock.now - before < 3


async def test_a_folder_that_cannot_be_written_limits_this_process_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "teacher-rates").write_text("in the way")
    clock = Clock()
    one = rates(tmp_path, clock)
    await take(one, 60)
    assert clock.now - 1000 > 58 * 65 / 60 - 1
    assert caplog.text.count("limited for this process alone") == 1


async def test_a_lock_that_another_holds_is_waited_for(tmp_path: Path) -> None:
    clock = Clock()
    one = rates(tmp_path, clock)
    await take(one, 1)
    path = record(tmp_path)
    other = os.open(path, os.O_RDWR)
    fcntl.flock(other, fcntl.LOCK_EX)
    waiting = asyncio.create_task(take(one, 1))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    os.close(other)
    await asyncio.wait_for(waiting, 5)


async def test_the_name_holds_neither_address_nor_key_and_old_files_go(tmp_path: Path) -> None:
    clock = Clock()
    folder = tmp_path / "teacher-rates"
    folder.mkdir()
    old = folder / "0123456789abcdef-00000000.json"
    old.write_text("{}")
    os.utime(old, (1, 1))
    assert KEPT_S < 1e9
    await take(rates(tmp_path, clock), 1)
    path = record(folder)
    assert "api.test" not in path.name and KEY not in path.name + path.read_text()
    assert path.stat().st_mode & 0o077 == 0
