"""Where a student computes and in which precision. There is no GPU here: what PyTorch says of one is set."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from prompt2model_api.conditions import FailureState
from prompt2model_stages.errors import StageError
from prompt2model_stages.evaluate.predictions import Predictions
from prompt2model_stages.storage import Folder
from prompt2model_stages.student import Student, devices
from tests.tiny_students import tiny_llama

pytestmark = pytest.mark.unit

GPU = torch.device("cuda", 0)


def test_the_gpu_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices.usable_device() == GPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.usable_device() == torch.device("cpu")
    assert devices.computed() == "cpu, float32"


@pytest.mark.parametrize(("native", "precision"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_gpu_that_only_emulates_bfloat16_stays_at_fp32(
    monkeypatch: pytest.MonkeyPatch, native: bool, precision: torch.dtype
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return including_emulation or native

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert devices.answering_precision(GPU) == precision
    assert devices.low_precision(GPU) == (precision if native else None)


def test_a_gpu_that_is_reserved_and_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    devices.check_gpu(0, "training.resources.gpu")
    with pytest.raises(StageError, match=r"^training\.resources\.gpu reserves 2 GPU\(s\), and PyTorch 2") as caught:
        devices.check_gpu(2, "training.resources.gpu")
    assert (caught.value.failure.reason, caught.value.failure.state) == ("GPUNotUsable", FailureState.BLOCKED)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    devices.check_gpu(2, "training.resources.gpu")


def test_answers_on_a_cpu_are_fp32_whatever_it_multiplies_faster() -> None:
    assert devices.answering_precision(torch.device("cpu")) == torch.float32


def test_a_student_answers_in_the_lower_precision(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tiny_llama(tmp_path / "student")
    student = Student.load(str(tmp_path / "student"), None, 64, 8)
    student.put_on(torch.device("cpu"))
    assert {weights.dtype for weights in student.model.parameters()} == {torch.float32}
    monkeypatch.setattr("prompt2model_stages.student.model.answering_precision", lambda device: torch.bfloat16)
    student.lower_precision()
    assert {weights.dtype for weights in student.model.parameters()} == {torch.bfloat16}
    assert len(student.generate(["1 2 3", "4"])) == 2


def test_answers_of_an_attempt_on_another_device_are_not_mixed_in(tmp_path: Path) -> None:
    def answers(what: str, computed: str) -> list[str]:
        predictions = Predictions(Folder(str(tmp_path)), "student", ["a", "b"], computed)
        return predictions.complete(lambda texts, told: [what] * len(texts), lambda done: None)

    assert answers("gpu", "cuda, bfloat16") == ["gpu", "gpu"]
    assert answers("cpu", "cpu, float32") == ["cpu", "cpu"]
    assert answers("other", "cuda, bfloat16") == ["gpu", "gpu"]
