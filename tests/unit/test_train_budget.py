"""How large a part of a batch may be: what an attempt finds, and what it leaves for the next one."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from prompt2model_stages.memory import Memory
from prompt2model_stages.storage import Folder
from prompt2model_stages.student.encoding import Encoded
from prompt2model_stages.train import budget as module
from prompt2model_stages.train.budget import BUDGET, LEAST_UNSEEN, TOKENS_CPU, Budget, Kept, Mark, close, first_budget
from prompt2model_stages.train.micro_batches import padded, parts

pytestmark = pytest.mark.unit

CPU = torch.device("cpu")
GIB = 2**30
MEMORY = Memory(4 * GIB, 3 * GIB)
ROWS = [Encoded([1] * length, [2] * 5) for length in (5, 20, 10, 5, 15)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setattr(module, "usable_memory", lambda: MEMORY)
    return Folder(str(tmp_path))


def begun(folder: Folder, room: int = 10_000) -> Budget:
    budget = Budget(folder, CPU)
    budget.begin(lambda free: room)
    return budget


def killed_at(groups: list[list[Encoded]], folder: Folder) -> None:
    """An attempt that gets into a step of these parts and no further."""
    begun(folder).entering(groups)


def test_the_first_budget_is_what_has_room_and_the_default_at_most(folder: Folder) -> None:
    assert begun(folder).tokens == TOKENS_CPU
    folder.clear()
    asked: list[int] = []
    budget = Budget(folder, CPU, workers=1, local_workers=3)
    budget.begin(lambda free: (asked.append(free), 700)[1])
    assert budget.tokens == 700 and asked == [GIB], "three workers share what is free"
    budget.close()
    assert begun(folder, room=900).tokens == 700, "an attempt under the same limit has the same parts"


def test_an_attempt_after_a_kill_has_half_of_the_largest_part_until_rows_are_alone(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    sizes = []
    for _ in range(5):
        budget = begun(folder)
        sizes.append(budget.tokens)
        budget.entering(parts(ROWS, budget.tokens))
    assert sizes == [TOKENS_CPU, padded(ROWS) // 2, 25, 25, 25]
    assert max(map(padded, parts(ROWS, 25))) == 25 == padded([ROWS[1]]), "the longest row is alone"
    assert "killed in the middle of its work, probably for its memory (limit 4.0 GiB)" in caplog.text
    assert "no part is smaller. Give more memory" in caplog.text
    kept = Kept.read(folder)
    assert kept is not None and kept.shortages == 4
    assert "got no more memory 4 time(s), with a limit of 4.0 GiB" in kept.note()[0]


def test_a_kill_before_the_first_step_halves_too(folder: Folder) -> None:
    begun(folder)
    assert begun(folder).tokens == TOKENS_CPU // 2


def test_kills_before_the_first_step_do_not_end_in_parts_of_one_token(folder: Folder) -> None:
    for _ in range(12):  # restoring a checkpoint, say: no part was begun, so none is known to be too large
        begun(folder)
    assert begun(folder).tokens == LEAST_UNSEEN


def test_another_workers_halving_and_rank_0s_mark_both_stay(folder: Folder) -> None:
    first, second = Budget(folder, CPU, 0, workers=1), Budget(folder, CPU, 1, workers=2)
    first.begin(lambda free: 10_000)
    first._workers = 2  # begun without a process group
    first.entering([ROWS])
    replace(Kept.read(folder) or Kept(1), sharing=2).write(folder)  # as rank 0 writes it for two on one machine
    assert second.halve(ROWS)
    kept = Kept.read(folder)
    assert kept is not None and kept.sharing == 2
    assert kept is not None and kept.mark == Mark(padded(ROWS), len(ROWS)) and kept.tokens == padded(ROWS) // 2
    first.measure()
    kept = Kept.read(folder)
    assert kept is not None and (kept.tokens, kept.shortages) == (padded(ROWS) // 2, 1)
    assert first.tokens == padded(ROWS) // 2 and kept.mark is not None and kept.mark.spare is not None


def test_a_small_first_budget_is_said(folder: Folder) -> None:
    begun(folder, room=300).close()
    kept = Kept.read(folder)
    assert kept is not None and "Little memory was free" in kept.note()[0] and "300 padded tokens" in kept.note()[0]


def test_more_workers_on_a_machine_are_measured_and_a_gpus_budget_is_none_of_a_cpu() -> None:
    kept = Kept(4096, 4 * GIB)
    assert first_budget(kept, MEMORY, 4096, lambda: 700, sharing=4) == Kept(700, 4 * GIB, sharing=4)
    assert first_budget(Kept(16384, 4 * GIB), MEMORY, 4096, lambda: 9000).tokens == 4096


def test_a_kill_with_room_to_spare_changes_nothing(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    budget = begun(folder)
    budget.entering([ROWS])
    budget.passed()
    budget.entering([ROWS[:2]])
    with caplog.at_level(logging.INFO):
        assert begun(folder).tokens == TOKENS_CPU
    assert "killed, and not for its memory" in caplog.text
    kept = Kept.read(folder)
    assert kept is not None and kept.note() == []


def test_a_kill_in_a_larger_part_than_all_before_halves_whatever_was_left_then(folder: Folder) -> None:
    budget = begun(folder)
    budget.entering([ROWS[:2]])
    budget.passed()
    budget.entering([ROWS])
    assert begun(folder).tokens == padded(ROWS) // 2


def test_a_kill_with_little_left_at_the_peak_halves(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    budget = begun(folder)
    budget.entering([ROWS])
    monkeypatch.setattr(module, "usable_memory", lambda: replace(MEMORY, free=GIB // 2))
    monkeypatch.setattr(module, "resident_memory", lambda: (GIB, GIB + GIB // 4))  # a quarter more at the peak
    budget.passed()
    kept = Kept.read(folder)
    assert kept is not None and kept.mark == Mark(padded(ROWS), len(ROWS), GIB // 4)
    assert begun(folder).tokens == padded(ROWS) // 2


def test_an_orderly_end_leaves_no_mark(folder: Folder) -> None:
    budget = begun(folder)
    budget.entering([ROWS])
    budget.close()
    assert begun(folder).tokens == TOKENS_CPU
    close(folder)
    kept = Kept.read(folder)
    assert kept is not None and kept.mark is None


def test_another_limit_is_measured_again() -> None:
    kept = Kept(500, 4 * GIB, shortages=3, mark=Mark(1000, 8))
    assert first_budget(kept, Memory(8 * GIB, 7 * GIB), 4096, lambda: 3000) == Kept(3000, 8 * GIB)
    assert first_budget(kept, Memory(2 * GIB, GIB), 4096, lambda: 100) == Kept(100, 2 * GIB, 4)
    assert first_budget(kept, Memory(2 * GIB, GIB), 4096, lambda: 3000) == Kept(250, 2 * GIB, 4)
    nearly = Memory(4 * GIB + GIB // 5, 4 * GIB)
    assert first_budget(kept, nearly, 4096, lambda: 3000) == Kept(250, 4 * GIB, 4)


def test_an_allocators_error_halves_for_this_attempt_and_the_next(folder: Folder) -> None:
    budget = begun(folder)
    assert budget.halve(ROWS) and budget.tokens == padded(ROWS) // 2
    budget.close()
    assert begun(folder).tokens == budget.tokens
    while budget.halve(ROWS):
        pass
    assert [len(group) for group in parts(ROWS, budget.tokens)] == [1] * 5


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"tokens": 4}', b'{"tokens": null, "limit": 1}', b"\xff"])
def test_a_broken_file_is_not_used(folder: Folder, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    folder.write_bytes(BUDGET, content)
    assert begun(folder).tokens == TOKENS_CPU and BUDGET in caplog.text
