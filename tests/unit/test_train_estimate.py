"""How many tokens have room: measured on single rows, it holds for the parts that are made of them."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch

from prompt2model_stages.student.encoding import Encoded
from prompt2model_stages.student.model import Student
from prompt2model_stages.train.estimate import MOMENTS, OVER, SHARE, Estimate, kept_bytes
from prompt2model_stages.train.micro_batches import parts
from prompt2model_stages.train.objective import Objective
from tests.tiny_students import tiny_llama, tiny_t5

pytestmark = pytest.mark.unit

MIB = 2**20


@pytest.fixture(scope="module", params=[tiny_llama, tiny_t5])
def student(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Student:
    return Student.load(request.param(tmp_path_factory.mktemp("student")), None, 200, 50)


def rows() -> list[Encoded]:
    """Of all lengths, some with more target than source."""
    return [Encoded([5 + i % 7] * (3 + 7 * i % 150), [9] * (1 + 11 * i % 40)) for i in range(60)]


def objective_of(student: Student) -> Objective:
    return Objective(student, student.batch(rows()[:1])).train()


def estimate(student: Student, objective: Objective, workers: int = 1) -> Estimate:
    return Estimate(student, objective, nullcontext, rows(), workers)


@pytest.mark.parametrize("room", [8, 16, 32])
def test_every_part_of_the_estimated_size_keeps_less_than_there_is_room_for(student: Student, room: int) -> None:
    objective = objective_of(student)
    weights = sum(p.numel() for p in objective.parameters()) * 4
    free = int((room * MIB + weights * (MOMENTS + 2)) / SHARE)
    tokens = estimate(student, objective).tokens(free)
    largest = max(kept_bytes(student, objective, part) for part in parts(rows(), tokens))
    assert 0.1 * room * MIB < OVER * largest <= room * MIB


def test_more_memory_has_room_for_more_and_several_workers_for_less(student: Student) -> None:
    objective = objective_of(student)
    little, much, shared = (
        estimate(student, objective, workers).tokens(free)
        for free, workers in ((16 * MIB, 1), (64 * MIB, 1), (16 * MIB, 2))
    )
    assert 1 < shared < little < much / 3
    assert estimate(student, objective).tokens(1024) == 1


def test_nothing_of_the_training_changes(student: Student) -> None:
    objective = objective_of(student)
    before = [weight.detach().clone() for weight in objective.parameters()]
    estimate(student, objective).tokens(MIB)
    assert all(weight.grad is None for weight in objective.parameters())
    assert all(torch.equal(weight, old) for weight, old in zip(objective.parameters(), before, strict=True))
