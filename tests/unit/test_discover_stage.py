"""discover as a stage: from a spec to task.json, candidates.json and outputs, with the teacher and the hub away."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from prompt2model_api.base import Metadata
from prompt2model_api.candidates import SHOWN
from prompt2model_api.graph import digest, parameters
from prompt2model_api.loading import load
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import Spent, StageOutputs
from prompt2model_api.spec.student import EMBEDDED_STUDENT
from prompt2model_api.stage_job import StageJob, StageSettings
from prompt2model_api.stage_run import Stage, StageRun, StageRunSpec
from prompt2model_stages.attempt import StageContext
from prompt2model_stages.catalogs import locate_dataset
from prompt2model_stages.catalogs.entries import Kind
from prompt2model_stages.catalogs.opening import open_datasets, open_models
from prompt2model_stages.discover import stage
from prompt2model_stages.errors import StageError
from prompt2model_stages.job_folders import own_folder
from prompt2model_stages.reporting import FileReporter
from prompt2model_stages.storage import sha256_of_file
from tests.unit.catalog_cases import FLOWERS, PAINTER, built
from tests.unit.discover_cases import FakeTeacher

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
DATES = "builtin:dates-in-words"


def context_of(spec: Prompt2ModelSpec, root: Path, catalogs: str | None = None) -> StageContext:
    run_spec = StageRunSpec(
        resource="dates",
        stage=Stage.DISCOVER,
        digest=digest(spec, Stage.DISCOVER, {}),
        storage=str(root),
        parameters=parameters(spec, Stage.DISCOVER),
    )
    job = StageJob(
        stage_run=StageRun(metadata=Metadata(name="dates-discover"), spec=run_spec),
        attempt=1,
        settings=StageSettings(catalogs=catalogs),
    )
    return StageContext(job=job, reporter=FileReporter(own_folder(job), 1))


def discover(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    spec: dict[str, Any] | Prompt2ModelSpec,
    teacher: FakeTeacher | None = None,
    catalogs: str | None = None,
) -> tuple[StageOutputs, dict[str, Any], dict[str, Any]]:
    asked = teacher or FakeTeacher()

    @asynccontextmanager
    async def opened(job: StageJob, stage: str) -> AsyncIterator[FakeTeacher]:
        assert stage == "discover"
        asked.spent = Spent(requests=len(asked.asked))  # type: ignore[attr-defined]
        yield asked

    monkeypatch.setattr(stage, "open_teacher", opened)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    whole = spec if isinstance(spec, Prompt2ModelSpec) else Prompt2ModelSpec.model_validate(spec)
    context = context_of(whole, tmp_path, catalogs)
    outputs = stage.run(context)
    return outputs, context.folder.read_json("task.json"), context.folder.read_json("candidates.json")


def test_the_example_of_the_repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    spec = load(ROOT / "examples/dates.yaml").spec
    outputs, task, candidates = discover(monkeypatch, tmp_path, spec)
    assert task["instruction"] == task["originalInstruction"] == outputs.instruction == "Write the date in ISO format."
    assert (task["language"], task["parsedBy"], task["languageBy"]) == ("en", "patterns", "detector")
    assert outputs.demonstrations == len(task["demonstrations"]) == 4
    assert outputs.dataset_candidates is not None
    best = outputs.dataset_candidates[0]
    assert (best.name, best.recommended, best.input_columns, best.output_column) == (DATES, True, ["text"], "iso")
    assert best.revision == sha256_of_file(locate_dataset(DATES))
    assert [c.name for c in outputs.dataset_candidates if c.recommended] == [DATES]
    assert outputs.student_candidates is not None and outputs.other_students is not None
    proposed = [c.name for c in (*outputs.student_candidates, *outputs.other_students)]
    assert EMBEDDED_STUDENT in proposed
    assert candidates["datasets"][0]["name"] == DATES
    assert sorted(c["name"] for c in candidates["students"]) == sorted(proposed) and len(proposed) > SHOWN
    assert len(outputs.student_candidates) == SHOWN
    texts = {json.loads(line)["text"] for line in locate_dataset(DATES).read_text("utf-8").splitlines()}
    assert not texts & {d["input"] for d in task["demonstrations"]}


def test_a_prompt_in_parts_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    teacher = FakeTeacher({"parse": ["never"]})
    spec = {"instruction": "Reverse the word.", "demonstrations": [{"input": "Input: a -> b", "output": "b"}]}
    outputs, task, _ = discover(monkeypatch, tmp_path, spec, teacher)
    assert task["parsedBy"] == "given"
    assert task["demonstrations"] == [{"input": "Input: a -> b", "output": "b"}]
    assert teacher.purposes() == ["model-card"]
    assert outputs.demonstrations == 1


def test_another_language_keeps_both_instructions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    teacher = FakeTeacher({"translate": ["Write the date in ISO format."]})
    prompt = "日付をISO形式で書いてください。\n\n入力: the 3rd of May 2021\n出力: 2021-05-03"
    outputs, task, _ = discover(monkeypatch, tmp_path, {"prompt": prompt}, teacher)
    assert task["originalInstruction"] == "日付をISO形式で書いてください。"
    assert outputs.instruction == task["instruction"] == "Write the date in ISO format."
    assert (outputs.language, task["translated"]) == ("ja", True)
    assert (task["inputLanguage"], task["outputLanguage"]) == ("", ""), "the examples are not Japanese"
    assert outputs.dataset_candidates is not None
    assert outputs.dataset_candidates[0].recommended


def test_the_lists_are_held_against_the_hubs_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def told(resolver: Any, candidates: list[Any]) -> list[Any]:
        names = {EMBEDDED_STUDENT: "mit", DATES: "cc-by-nc-4.0"}
        return [one.model_copy(update={"license": names.get(one.name, "other")}) for one in candidates]

    monkeypatch.setattr(stage.RevisionResolver, "of_datasets", told)
    monkeypatch.setattr(stage.RevisionResolver, "of_students", told)
    spec = load(ROOT / "examples/dates.yaml").spec.model_dump(by_alias=True, exclude_none=True)
    lists = {"datasets": {"licenses": ["Apache-2.0"]}, "student": {**spec["student"], "licenses": ["MIT"]}}
    outputs, _, _ = discover(monkeypatch, tmp_path, {**spec, **lists})
    assert outputs.dataset_candidates and outputs.student_candidates
    assert outputs.dataset_candidates[0].name == DATES and not outputs.dataset_candidates[0].recommended
    assert outputs.dataset_candidates[0].reason.startswith("Not used unasked: its license CC-BY-NC-4.0 is not in")
    assert outputs.student_candidates[0].name == EMBEDDED_STUDENT
    assert "Not used unasked" in outputs.student_candidates[1].reason


def test_datasets_can_be_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    outputs, _, candidates = discover(monkeypatch, tmp_path, {"prompt": "Say hello.", "datasets": {"enabled": False}})
    assert outputs.dataset_candidates == candidates["datasets"] == []
    assert outputs.student_candidates


def test_the_catalogs_that_were_searched_are_recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    outputs, _, candidates = discover(monkeypatch, tmp_path, {"prompt": "Say hello."})
    used = [catalog.used for catalog in (open_datasets(), open_models())]
    assert outputs.catalogs == used
    assert candidates["catalogs"] == [catalog.dump() for catalog in used]
    assert [(catalog.kind, catalog.uri) for catalog in used] == [("datasets", None), ("models", None)]


def test_another_catalog_is_searched_instead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    others = [FLOWERS.model_copy(update={"name": f"b/{n}", "description": f"Songs of bird {n}."}) for n in range(3)]
    built(tmp_path / "made", Kind.DATASETS, [FLOWERS, *others])
    built(tmp_path / "made", Kind.MODELS, [PAINTER])
    spec = {"prompt": "Name the flower's colour, the house is painted."}
    outputs, _, _ = discover(monkeypatch, tmp_path, spec, catalogs=str(tmp_path / "made"))
    assert outputs.dataset_candidates is not None and outputs.student_candidates is not None
    assert [(c.name, c.recommended) for c in outputs.dataset_candidates] == [("a/flowers", False)]
    assert "no one has checked its columns" in outputs.dataset_candidates[0].reason
    assert [c.name for c in outputs.student_candidates] == ["a/painter"]
    assert outputs.catalogs is not None
    assert [(used.entries, used.uri) for used in outputs.catalogs] == [(n, str(tmp_path / "made")) for n in (4, 1)]


def test_a_catalog_that_is_not_there_stops_it_before_the_teacher_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    teacher = FakeTeacher()
    with pytest.raises(StageError) as caught:
        discover(monkeypatch, tmp_path, {"prompt": "Say hello."}, teacher, catalogs=str(tmp_path / "nowhere"))
    assert (caught.value.failure.reason, teacher.asked) == ("CatalogMissing", [])


def test_notes_say_what_went_another_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    _, task, _ = discover(monkeypatch, tmp_path, {"prompt": "Schreibe das Datum im ISO-Format."})
    notes = " ".join(task["notes"])
    assert "segmentation was refused" in notes
    assert "no usable translation from German" in notes
    assert "model card is not used" in notes


def test_a_second_run_makes_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    spec = load(ROOT / "examples/dates.yaml").spec
    first = discover(monkeypatch, tmp_path / "a", spec)
    assert first == discover(monkeypatch, tmp_path / "b", spec)


def test_the_stage_is_light_to_import():
    code = "import sys, prompt2model_stages.discover.stage; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_path_of_sources()
    ).stdout
    assert not {"torch", "transformers", "datasets", "ray", "mlflow", "huggingface_hub"} & set(loaded.split())


def _path_of_sources() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(str(ROOT / name) for name in ("crds", "stages")), "PATH": "/usr/bin:/bin"}
