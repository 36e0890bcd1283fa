"""One writer at a time in a store without locks."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from prompt2model_stages.errors import StageError
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher import lease as lease_module
from prompt2model_stages.teacher.budget import Cost
from prompt2model_stages.teacher.journal import Journal
from prompt2model_stages.teacher.lease import PREFIX, Lease

pytestmark = pytest.mark.unit


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    # Seconds, not tenths: on a busy machine a thread may wait that long for its turn.
    monkeypatch.setattr(lease_module, "LEASE_S", 3.0)
    monkeypatch.setattr(lease_module, "RENEW_S", 0.2)
    monkeypatch.setattr(lease_module, "SURE_S", 2.0)
    monkeypatch.setattr(lease_module.random, "uniform", lambda low, high: 0.05 + 0.05 * time.time() % 0.05)
    return Folder(f"memory://lease-{tmp_path.name}")


async def test_a_second_one_waits_for_the_first(folder: Folder) -> None:
    first = await Lease.open(folder)
    waiting = asyncio.create_task(Lease.open(folder))
    await asyncio.sleep(3.5)  # longer than a dead one would be believed
    assert not waiting.done()
    await first.close()
    second = await asyncio.wait_for(waiting, 10)
    second.check()
    await second.close()
    assert not folder.names()


async def test_a_dead_one_is_waited_for_no_longer_than_it_may_live(folder: Folder) -> None:
    folder.write_json(f"{PREFIX}dead.json", {})
    began = time.monotonic()
    lease = await Lease.open(folder, 30)
    assert 2.5 < time.monotonic() - began < 10
    await lease.close()


async def test_who_waits_too_long_says_so(folder: Folder) -> None:
    first = await Lease.open(folder)
    with pytest.raises(StageError, match="live lease") as error:
        await Lease.open(folder, 0.2)
    assert error.value.failure.reason == "TeacherJournalInUse"
    await first.close()


async def test_of_many_at_once_one_has_it(folder: Folder) -> None:
    held: list[int] = []
    most = 0

    async def use(number: int) -> None:
        nonlocal most
        lease = await Lease.open(folder, 30)
        held.append(number)
        most = max(most, len(held))
        await asyncio.sleep(0.02)
        held.remove(number)
        await lease.close()

    await asyncio.gather(*(use(number) for number in range(4)))
    assert most == 1


async def test_what_cannot_be_renewed_writes_nothing_more(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = await Journal.open(folder, "generate", "generate-1")
    await journal.reserve("k1", "example", Cost(1, 1))

    def away(name: str, value: object) -> None:
        raise ConnectionError("the store does not answer")

    monkeypatch.setattr(Folder, "write_json", lambda self, name, value: away(name, value))
    await asyncio.sleep(2.5)
    with pytest.raises(StageError, match="sign of life") as error:
        await journal.reserve("k2", "example", Cost(1, 1))
    assert error.value.failure.reason == "TeacherJournalLost"
    await journal.close()
    again = await Journal.open(folder, "generate", "generate-1") if monkeypatch.undo() is None else None
    assert again is not None and again.ledger.spent().requests == 1
    await again.close()
