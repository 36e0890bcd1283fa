"""Rows that are cut or that a tokenizer cannot write, and batches in parts: the same gradients, less memory."""

from __future__ import annotations

import pytest
import torch

from prompt2model_api.spec.training import Training
from prompt2model_stages.student.encoding import Encoded
from prompt2model_stages.student.model import Student
from prompt2model_stages.train.micro_batches import is_out_of_memory, padded, parts
from prompt2model_stages.train.objective import Objective
from prompt2model_stages.train.row_counts import RowCounts, count, refusal, sentences
from tests.tiny_students import tiny_llama, tiny_t5

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module", params=[tiny_llama, tiny_t5])
def student(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Student:
    return Student.load(request.param(tmp_path_factory.mktemp("student")), None, 24, 8)


def counted(student: Student, outputs: list[str], texts: list[str] | None = None) -> RowCounts:
    rows = student.encode_training(texts or ["text"] * len(outputs), outputs)
    return count(student.encoder, rows, outputs)


def reason(counts: RowCounts, **fields: float) -> str | None:
    error = refusal(counts, Training.model_validate(fields))
    return None if error is None else error.failure.reason


def test_a_cut_target_has_no_end_token_and_a_whole_one_has(student: Student) -> None:
    end = student.encoder.end
    cut, whole, exact = student.encode_training(["a", "a", "a"], ["123456789", "12", "1234567"])
    assert len(cut.target) == 8 and end not in cut.target and cut.target_tokens == 10
    assert whole.target[-1] == end and exact.target[-1] == end and len(exact.target) == 8
    assert student.encoder.targets(["123456789", "12"]) == [cut.target, whole.target]


def test_cut_rows_are_counted_and_refused_above_the_bound(student: Student) -> None:
    outputs = ["no", "yes"] * 9 + ["a long answer", "maybe"]
    counts = counted(student, outputs, ["short"] * 10 + ["x" * 60] * 10)
    assert (counts.rows, counts.cut_outputs, counts.longest_output, counts.cut_inputs) == (20, 1, 14, 10)
    assert reason(counts, maxCutInputsPercent=50) is None  # 1 of 20 is 5 %
    assert reason(counts, maxCutInputsPercent=50, maxCutOutputsPercent=4) == "OutputsCut"
    error = refusal(counts, Training(max_cut_inputs_percent=50, max_cut_outputs_percent=0))
    assert error is not None and "maxOutputTokens to 14" in error.failure.remedy
    assert reason(counts) == "InputsCut"
    assert [said.split(" have ")[0] for said in sentences(counts)] == [
        "1 of 20 training rows",
        "10 of 20 training rows",
    ]


def test_outputs_that_the_tokenizer_cannot_write_are_refused_with_an_example(student: Student) -> None:
    counts = counted(student, ["はい", "いいえ", "no"])
    assert counts.unwritable == 2 and reason(counts) == "OutputsNotWritable"
    error = refusal(counts, Training())
    assert error is not None and "'いいえ' comes back as" in error.failure.message
    assert reason(counts, maxUnwritablePercent=100) is None


def test_special_tokens_in_an_output_do_not_come_back(student: Student) -> None:
    assert counted(student, ["a</s>b", "no"]).unwritable == 1


def test_equal_outputs_are_refused_unless_the_spec_says_so(student: Student) -> None:
    counts = counted(student, ["yes"] * 5)
    assert reason(counts) == "OutputsAllEqual"
    assert reason(counts, minDistinctOutputs=1) is None
    assert reason(counted(student, ["yes", "no"])) is None and sentences(counted(student, ["yes", "no"])) == []


def mixed(student: Student) -> list[Encoded]:
    return student.encode_training([("word " * n)[:20] for n in (1, 4, 2, 1, 3)], ["1", "123", "12", "1234", "12345"])


def test_a_batch_in_parts_has_the_gradients_of_the_whole_batch(student: Student) -> None:
    rows = mixed(student)
    objective = Objective(student, student.batch(rows[:1])).eval()

    def gradients(budget: int) -> list[torch.Tensor]:
        objective.zero_grad()
        for group in parts(rows, budget):
            (objective(student.batch(group))[0] / sum(len(row.target) for row in rows)).backward()
        return [p.grad.clone() for p in objective.parameters() if p.grad is not None]

    assert len(parts(rows, 10_000)) == 1 and len(parts(rows, 60)) > 1
    for whole, split in zip(gradients(10_000), gradients(60), strict=True):
        torch.testing.assert_close(whole, split, rtol=1e-4, atol=1e-6)


def test_parts_stay_below_the_budget_and_a_batch_below_it_keeps_its_order(student: Student) -> None:
    rows = mixed(student)
    assert parts(rows, padded(rows)) == [rows]
    found = parts(rows, 60)
    assert sorted(map(id, [row for group in found for row in group])) == sorted(map(id, rows))
    assert all(padded(group) <= 60 for group in found)
    assert [len(group) for group in parts(rows, 1)] == [1] * 5


def test_errors_of_allocators_are_told_from_others() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    assert is_out_of_memory(caught.value) and is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shapes cannot be multiplied"))


def test_spaces_before_marks_that_a_tokenizer_drops_are_said_and_not_refused(
    student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = student.encoder.tokenizer.decode
    monkeypatch.setattr(
        student.encoder.tokenizer, "decode", lambda *args, **kwargs: decode(*args, **kwargs).replace(" ,", ",")
    )
    counts = counted(student, ["a , b", "no"])
    assert (counts.unwritable, counts.respaced) == (0, 1) and reason(counts) is None
