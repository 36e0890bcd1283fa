"""Both families of students behind one interface: what is learnt, what is answered, what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from prompt2model_stages.student import Student
from prompt2model_stages.student.encoding import IGNORED
from prompt2model_stages.train.objective import Objective
from tests.tiny_students import tiny_llama, tiny_t5

pytestmark = pytest.mark.integration

TEXTS = ["copy: ab", "copy: a longer input", "x"]
OUTPUTS = ["ab", "a longer input", ""]


@pytest.fixture(params=["llama", "t5"])
def student(request: pytest.FixtureRequest, tmp_path: Path) -> Student:
    make = tiny_llama if request.param == "llama" else tiny_t5
    return Student.load(make(tmp_path / "student"), max_input_tokens=64, max_output_tokens=16)


def test_only_targets_are_learnt_and_the_end_token_among_them(student: Student) -> None:
    labels = student.batch(student.encode_training(TEXTS, OUTPUTS))["labels"]
    for row, output in zip(labels.tolist(), OUTPUTS, strict=True):
        learnt = [token for token in row if token != IGNORED]
        assert learnt[-1] == student.encoder.end
        assert student.tokenizer.decode(learnt[:-1]) == output


def test_the_loss_is_that_of_the_model_itself(student: Student) -> None:
    batch = student.batch(student.encode_training(TEXTS, OUTPUTS))
    loss, _ = Objective(student, batch)(batch)
    tokens = int((batch["labels"] != IGNORED).sum())
    reference = student.model(**batch).loss
    assert float(loss.detach()) / tokens == pytest.approx(float(reference.detach()), rel=1e-4)


def test_it_learns_to_answer_and_to_stop_and_is_the_same_after_saving(student: Student, tmp_path: Path) -> None:
    texts, outputs = ["red", "green", "blue"], ["stop", "go", "wait"]
    optimizer = torch.optim.AdamW(student.model.parameters(), lr=5e-3)
    batch = student.batch(student.encode_training(texts, outputs))
    objective = Objective(student, batch).train()
    for _ in range(120):
        loss, _ = objective(batch)
        (loss / 14).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert student.generate(texts) == outputs
    assert student.generate(texts, batch_size=1) == outputs, "padding changes no answer"
    student.save(tmp_path / "saved")
    assert Student.from_folder(tmp_path / "saved").generate(texts) == outputs
    assert not list((tmp_path / "saved").glob("*.bin")), "safetensors only"
