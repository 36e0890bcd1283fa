"""The training loop in this process, without Ray: out of memory, a loss that blows up."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from prompt2model_api.spec.training import Training
from prompt2model_stages.errors import StageError, failed
from prompt2model_stages.memory import usable_memory
from prompt2model_stages.preprocessing import Preprocessing
from prompt2model_stages.reporting import FileReporter
from prompt2model_stages.storage import Folder
from prompt2model_stages.student.encoding import Encoded
from prompt2model_stages.train.budget import BUDGET, Kept, Mark
from prompt2model_stages.train.checkpoints import Position
from prompt2model_stages.train.computing import Worker
from prompt2model_stages.train.loop import Loop, TrainingJob
from prompt2model_stages.train.micro_batches import padded
from tests.tiny_students import tiny_llama

pytestmark = pytest.mark.unit

ROWS = 16


def prepared(root: Path) -> Folder:
    folder = Folder(str(root / "prepare"))
    preprocessing = Preprocessing("say how many")
    preprocessing.save(folder)
    for split, rows in {"train": ROWS, "validation": 4}.items():
        texts = [preprocessing.text("x" * (1 + row % 7)) for row in range(rows)]
        table = {"input": texts, "text": texts, "output": [str(1 + row % 7) for row in range(rows)]}
        pq.write_table(pa.table(table), root / "prepare" / f"{split}.parquet")
    return folder


def loop(root: Path, prepare: Callable[[torch.nn.Module], Any] = lambda model: model, **fields: Any) -> Loop:
    root.mkdir(exist_ok=True)
    own = Folder(str(root / "train"))
    job = TrainingJob(
        folder=own.uri,
        prepared=prepared(root).uri,
        student=str(tiny_llama(root / "student")),
        revision=None,
        training=Training(epochs=2, batch_size=8, max_input_tokens=64, max_output_tokens=8, **fields),
        seed=3,
        checkpoint_every=100,
        reporter=FileReporter(own, 1),
    )
    made = Loop(job, Worker(0, 1, torch.device("cpu")), prepare)
    made.computing.precision = None  # the same numbers on every CPU
    return made


class Tight(torch.nn.Module):  # type: ignore[misc]  # torch is not typed here
    """A model whose graph computes backward only for so many rows: beyond, the allocator's own error comes from there."""

    def __init__(self, model: torch.nn.Module, rows: int) -> None:
        super().__init__()
        self.model, self.rows, self.errors = model, rows, 0

    def forward(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        loss, right = self.model(batch)
        if len(batch["labels"]) > self.rows and loss.requires_grad:
            loss.register_hook(self._allocate)
        return loss, right

    def _allocate(self, gradient: torch.Tensor) -> torch.Tensor:
        self.errors += 1
        return torch.empty(2**50)


def gradients(loop: Loop, rows: list[Encoded]) -> list[torch.Tensor]:
    loop.objective.train()
    loop.computing.gradients(rows, sum(len(row.target) for row in rows), seed=0)
    return [weight.grad.clone() for weight in loop.objective.parameters() if weight.grad is not None]


def test_out_of_memory_halves_the_parts_and_the_step_is_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    undisturbed = loop(tmp_path / "a")
    disturbed = loop(tmp_path / "b", lambda model: Tight(model, rows=4))
    rows = undisturbed.rows[:8]
    with caplog.at_level(logging.WARNING):
        pairs = list(zip(gradients(undisturbed, rows), gradients(disturbed, rows), strict=True))
    for one, other in pairs:
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
    assert pairs and disturbed.computing.forward.errors == 1 and "out of memory" in caplog.text
    assert disturbed.computing.budget.tokens == padded(rows) // 2
    assert Folder(disturbed.job.folder).read_json(BUDGET)["tokens"] == padded(rows) // 2


@pytest.mark.parametrize(
    ("workers", "error", "stays"),
    [
        (2, RuntimeError("[gloo] Connection closed by peer [127.0.0.1]:1"), True),
        (1, RuntimeError("a bug"), False),
        (2, failed("Diverged", "No number.", "Lower it."), False),
        (2, RuntimeError("DefaultCPUAllocator: can't allocate memory"), False),
    ],
    ids=["another-worker-killed", "one-worker", "an-orderly-end", "out-of-memory"],
)
def test_the_mark_stays_where_another_worker_may_have_been_killed(
    tmp_path: Path, workers: int, error: Exception, stays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = loop(tmp_path)

    def train() -> None:
        made.computing.worker = Worker(0, workers, torch.device("cpu"))
        raise error

    monkeypatch.setattr(made, "_train", train)
    with pytest.raises(type(error)):
        made.run()
    assert (Folder(made.job.folder).read_json(BUDGET)["mark"] is not None) == stays


def test_a_worker_without_a_share_that_runs_out_of_memory_does_not_end_in_parts_of_one_token(tmp_path: Path) -> None:
    tight = loop(tmp_path, lambda model: Tight(model, rows=0))
    tight.computing.worker = Worker(2, 3, torch.device("cpu"))
    before = tight.computing.budget.tokens
    with pytest.raises(RuntimeError, match="memory"):
        tight.computing.gradients(tight.rows[:2], 2, seed=0)
    assert tight.computing.budget.tokens == before, "it computes one row for nothing: no part is smaller"


def test_a_row_that_has_no_room_alone_ends_with_the_allocators_error(tmp_path: Path) -> None:
    tight = loop(tmp_path, lambda model: Tight(model, rows=0))
    with pytest.raises(RuntimeError, match="memory"):
        gradients(tight, tight.rows[:2])
    assert tight.computing.forward.errors == 2 and tight.computing.budget.tokens < padded(tight.rows[:2])


def test_out_of_memory_in_validation_halves_the_parts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tight = loop(tmp_path)
    expected = tight._validate()
    forward = tight.objective.forward

    def few(batch: dict[str, torch.Tensor]) -> object:
        if len(batch["labels"]) > 2:
            torch.empty(2**50)
        return forward(batch)

    monkeypatch.setattr(tight.objective, "forward", few)
    before = tight.computing.budget.tokens
    assert tight._validate() == pytest.approx(expected, rel=1e-4) and tight.computing.budget.tokens < before


def test_a_loss_that_blows_up_is_refused_though_it_is_a_number(tmp_path: Path) -> None:
    with pytest.raises(StageError) as caught:
        loop(tmp_path, learning_rate=1.0).run()
    failure = caught.value.failure
    assert (failure.state, failure.reason) == ("Failed", "Diverged")
    assert "after step 2, and was 4." in failure.message and "the student got worse" in failure.message
    assert "learningRate" in failure.remedy and "maxLossRatio" in failure.remedy
    assert not Folder(str(tmp_path / "train")).exists("model")
    assert Folder(str(tmp_path / "train")).read_json(BUDGET)["mark"] is None, "an end with an error is no kill"


def test_an_attempt_after_a_kill_says_so_trains_in_smaller_parts_and_leaves_no_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = loop(tmp_path, learning_rate=1e-3)
    largest, limit = padded(made.rows[:8]), usable_memory().limit
    Kept(4096, limit, mark=Mark(largest, 8)).write(Folder(made.job.folder))
    told: list[str] = []
    monkeypatch.setattr(made.job.reporter, "progress", lambda done, total, unit, message: told.append(message))
    made.run()
    assert told[0] == f"{largest // 2:,} padded tokens at once, since memory was short 1 time(s)"
    kept = Kept.read(Folder(made.job.folder))
    assert kept == Kept(largest // 2, limit, shortages=1)


def test_a_loss_within_the_bound_is_trained_to_the_end(tmp_path: Path) -> None:
    made = loop(tmp_path, learning_rate=1e-3)
    made.run()
    assert Folder(made.job.folder).read_json("training.json")["steps"] == 4


def test_an_attempt_that_goes_on_names_its_checkpoint_until_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = loop(tmp_path, learning_rate=1e-3)
    made.report_every = 1
    made.checkpoints.save(Position(step=2, initial_loss=9.0), made.objective, made.optimizer)
    told: list[str] = []
    monkeypatch.setattr(made.job.reporter, "progress", lambda done, total, unit, message: told.append(message))
    made.run()
    assert told[0] == "goes on from the checkpoint of step 2" and told[-1] == "trained"
    steps = [message for message in told if message.startswith("epoch")]
    assert steps and all(message.endswith(", goes on from the checkpoint of step 2") for message in steps)
