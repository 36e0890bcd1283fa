"""Which rows go into which step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompt2model_stages.train.batching import batches, share

pytestmark = pytest.mark.unit


@given(
    st.lists(st.integers(1, 100), min_size=1, max_size=300), st.integers(1, 32), st.integers(0, 9), st.integers(0, 3)
)
def test_every_row_once_an_epoch_and_the_same_for_everybody(
    lengths: list[int], size: int, seed: int, epoch: int
) -> None:
    made = batches(lengths, size, seed, epoch)
    assert sorted(i for batch in made for i in batch) == list(range(len(lengths)))
    assert made == batches(lengths, size, seed, epoch)
    assert len(made) == len(batches(lengths, size, seed, epoch + 1)), "resumed steps count alike"


@given(st.lists(st.integers(0, 99), min_size=1, max_size=40), st.integers(1, 5))
def test_workers_take_each_row_of_a_batch_once(batch: list[int], workers: int) -> None:
    taken = [i for rank in range(workers) for i in share(batch, rank, workers)]
    assert sorted(taken) == sorted(batch)
