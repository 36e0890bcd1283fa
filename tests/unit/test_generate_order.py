"""What generate reads of its spec, through the view that shows it nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prompt2model_api.graph import parameters
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.stage_job import StageJob
from prompt2model_api.stage_run import Stage
from prompt2model_stages.attempt import StageContext
from prompt2model_stages.examples import VotedExample
from prompt2model_stages.generate.base import Counts, Generated, Order, Task
from prompt2model_stages.generate.stage import EMBEDDED_COMPLETIONS, order_of, write
from prompt2model_stages.reporting import FileReporter
from prompt2model_stages.statistics_files import GenerationStatistics
from prompt2model_stages.storage import Folder

pytestmark = pytest.mark.unit

SETTLED = {"furtherOutputs": "OnDisagreement", "outputsPerInput": 3}


def order(folder: Path, **teacher: Any) -> Order:
    """What is ordered of a teacher; of the embedded one where none is named."""
    return order_for(folder, {"prompt": "Add.", **({"teacher": teacher} if teacher else {})})


def order_for(folder: Path, tree: dict[str, Any]) -> Order:
    """What a spec orders."""
    return order_of(context_for(folder, tree), Task("Add.", ()), None)


def context_for(folder: Path, tree: dict[str, Any]) -> StageContext:
    """An attempt of generate."""
    spec = Prompt2ModelSpec.model_validate(tree)
    run = {
        "metadata": {"name": "a-generate-00000000"},
        "spec": {
            "resource": "a",
            "stage": "generate",
            "digest": "0" * 64,
            "storage": str(folder),
            "parameters": parameters(spec, Stage.GENERATE),
        },
    }
    job = StageJob.model_validate({"stageRun": run, "attempt": 1})
    return StageContext(job=job, reporter=FileReporter(Folder(str(folder)), 1))


def test_the_embedded_teacher_writes_one_example_a_completion(tmp_path: Path) -> None:
    embedded = order(tmp_path)
    assert (embedded.examples_per_answer, embedded.completions) == (1, EMBEDDED_COMPLETIONS)


@pytest.mark.parametrize(
    ("said", "dropped"), [({}, False), ({"nearDuplicates": "Keep"}, False), ({"nearDuplicates": "Drop"}, True)]
)
def test_near_duplicates_are_left_out_where_the_spec_says_so(
    tmp_path: Path, said: dict[str, str], dropped: bool
) -> None:
    assert order_for(tmp_path, {"prompt": "Add.", "generation": said}).drop_near_duplicates is dropped


@pytest.mark.parametrize(("said", "ordered"), [({}, False), ({"furtherOutputs": "Always"}, False), (SETTLED, True)])
def test_further_outputs_are_asked_for_on_disagreement_where_the_spec_says_so(
    tmp_path: Path, said: dict[str, Any], ordered: bool
) -> None:
    assert order_for(tmp_path, {"prompt": "Add.", "generation": said}).on_disagreement is ordered


def test_two_outputs_settle_no_disagreement() -> None:
    with pytest.raises(ValueError, match="needs an outputsPerInput of at least 3"):
        Prompt2ModelSpec.model_validate({"prompt": "Add.", "generation": {**SETTLED, "outputsPerInput": 2}})


def test_statistics_say_how_outputs_agreed(tmp_path: Path) -> None:
    votes = [(1, 1), (3, 3), (2, 3), (2, 4), (1, 3)]
    examples = tuple(VotedExample(f"{at}", "x", ("k",), *one) for at, one in enumerate(votes))
    context = context_for(tmp_path, {"prompt": "Add."})
    write(context, Generated(examples, Counts(), ()))
    found = GenerationStatistics.read(context.folder)
    assert (found.unanimous, found.by_majority, found.no_majority) == (2, 1, 2)


def test_what_changes_a_teachers_answers_is_a_group_of_its_own(tmp_path: Path) -> None:
    named = {"baseURL": "https://api.example.com/v1", "model": "m"}
    plain = order(tmp_path, **named)
    assert plain.examples_per_answer > 1
    low, more_room = ({"effort": "low"}, {"effort": "low", "allowance": 5000})
    others = ({"reasoning": low}, {"extraBody": {"top_p": 0.9}})
    groups = [plain.group, *(order(tmp_path, **named, **extra).group for extra in others)]
    assert len(set(groups)) == 3
    assert order(tmp_path, **named, reasoning=more_room).group == groups[1], "room changes no answer"
