"""Files between stages: what is written is read again, and what is missing is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from prompt2model_api.prompt2model import Demonstration
from prompt2model_stages.stage_files import Candidates, DiscoveredTask, StageFile, TrainingSummary, UntrainedStudent
from prompt2model_stages.storage import Folder

pytestmark = pytest.mark.unit

FILES: list[StageFile] = [
    DiscoveredTask(instruction="Say it.", demonstrations=[Demonstration(input="é", output="e")], notes=["cut"]),
    Candidates(hypothetical_model_card="It says it."),
    UntrainedStudent(name="google/flan-t5-small", revision=None, path="/s", max_input_tokens=None),
    TrainingSummary(steps=9, best_step=7, began_at=0, tokens_per_second=1.5),
]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.NAME)
def test_what_is_written_is_read_again(tmp_path: Path, file: StageFile) -> None:
    folder = Folder(str(tmp_path))
    file.write(folder)
    assert type(file).read(folder) == file


@pytest.mark.parametrize(
    "content", ["{}", "{", '{"instruction": 1}', '{"instruction": "i", "demonstrations": [{"input": "a"}]}']
)
def test_a_field_that_is_missing_or_of_another_kind_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "task.json").write_text(content)
    with pytest.raises(
        ValueError, match=r"task\.json cannot be used: (instruction|demonstrations\.0\.output|Invalid JSON)"
    ):
        DiscoveredTask.read(Folder(str(tmp_path)))
