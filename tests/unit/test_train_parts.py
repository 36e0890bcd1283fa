"""Order of rows, learning rate, curves, and what becomes of errors: no torch."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompt2model_stages.errors import StageError, failed
from prompt2model_stages.reporting import METRICS, FileReporter
from prompt2model_stages.storage import Folder
from prompt2model_stages.train.batches import epoch_batches, learning_rate, share, sorted_batches
from prompt2model_stages.train.curves import Curves

pytestmark = pytest.mark.unit

LENGTHS = st.lists(st.integers(1, 200), min_size=1, max_size=300)


@given(LENGTHS, st.integers(1, 40), st.integers(0, 5), st.integers(0, 3), st.integers(1, 5))
def test_every_row_once_an_epoch_whatever_the_number_of_workers(
    lengths: list[int], size: int, seed: int, epoch: int, workers: int
) -> None:
    batches = epoch_batches(lengths, size, seed, epoch)
    assert batches == epoch_batches(lengths, size, seed, epoch)
    shared = [row for batch in batches for rank in range(workers) for row in share(batch, rank, workers)]
    assert sorted(shared) == list(range(len(lengths)))
    longest = [max(lengths[row] for row in batch) for batch in batches]
    assert longest == [max(lengths[row] for row in share(batch, 0, workers)) for batch in batches]
    assert len(batches) == -(-len(lengths) // size)
    assert sorted(row for batch in sorted_batches(lengths, size) for row in batch) == list(range(len(lengths)))


def test_epochs_have_orders_of_their_own_and_rows_of_like_length_stand_together() -> None:
    lengths = [1 + (row * 7919) % 100 for row in range(800)]
    assert epoch_batches(lengths, 16, 0, 0) != epoch_batches(lengths, 16, 0, 1)
    batches = epoch_batches(lengths, 16, 0, 0)
    spreads = [max(lengths[row] for row in batch) - min(lengths[row] for row in batch) for batch in batches]
    assert sum(spreads) / len(spreads) < 5


def test_learning_rate_rises_over_a_tenth_and_falls_to_nothing() -> None:
    rates = [learning_rate(step, 100, 1.0) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == rates[9] == rates[10] == pytest.approx(1.0)
    assert rates[10:] == sorted(rates[10:], reverse=True) and 0 < rates[-1] < 0.02
    assert learning_rate(0, 1, 1.0) == 1.0


def test_curve_of_a_killed_training_has_no_step_twice_and_no_half_line(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    first = Curves(folder, FileReporter(folder, 1))
    for step in (1, 2, 3):
        first.point(step, {"train/loss": 1.0})
    with (tmp_path / METRICS).open("ab") as stream:
        stream.write(b'{"step": 4, "ti')
    second = Curves(folder, FileReporter(folder, 2))
    for step in (2, 3, 4):
        second.point(step, {"train/loss": 2.0})
    points = [json.loads(line) for line in (tmp_path / METRICS).read_text("utf-8").splitlines()]
    assert [(point["step"], point["values"]["train/loss"]) for point in points] == [(1, 1), (2, 1), (3, 1), (4, 2)]


def test_failure_survives_the_way_out_of_a_worker() -> None:
    error = pickle.loads(pickle.dumps(failed("Diverged", "no number", "lower it")))
    assert isinstance(error, StageError) and error.failure.reason == "Diverged"
