"""What the spec names is looked up at the hub before the teacher is asked, pinned to a commit, and refused with a sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from prompt2model_api.base import Architecture, Metadata
from prompt2model_api.choice_gate import dataset_gate, student_gate
from prompt2model_api.graph import digest, parameters
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import Spent, StageOutputs, StudentCandidate
from prompt2model_api.stage_job import Named, StageJob, StageSettings
from prompt2model_api.stage_run import Decision, Stage, StageRun, StageRunSpec
from prompt2model_stages.attempt import StageContext
from prompt2model_stages.discover import stage
from prompt2model_stages.discover.student_facts import TaskFacts
from prompt2model_stages.discover.student_retrieval import StudentRetriever
from prompt2model_stages.errors import StageError
from prompt2model_stages.job_folders import own_folder
from prompt2model_stages.reporting import FileReporter
from prompt2model_stages.train.stage import _student
from tests import hub_server
from tests.hub_server import COMMIT
from tests.tiny_students import tiny_llama
from tests.unit.discover_cases import FakeTeacher

pytestmark = pytest.mark.integration

PLAIN = {"instruction": "Reverse the word.", "demonstrations": [{"input": "ab", "output": "ba"}]}
QUESTIONS = {
    "instruction": "Answer the question from the text.",
    "demonstrations": [{"input": "Who sings? Ben sings.", "output": "Ben"}],
}
CHOICE = {"name": "owner/data", "inputColumns": ["a"], "outputColumn": "b"}
OTHER = "f" * 40
USUAL = [
    {"id": f"q{n}", "question": f"Who is {n}?", "context": f"Ann is {n}.", "answers": {"text": ["Ann"], "start": [0]}}
    for n in range(9)
]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[hub_server.Hub]:
    """With a student that is fine, one that is quantized, and a dataset."""
    fine = tiny_llama(tmp_path / "hub/models/owner/fine")
    bad = shutil.copytree(fine, tmp_path / "hub/models/owner/bad")
    config = json.loads((bad / "config.json").read_text())
    (bad / "config.json").write_text(json.dumps(config | {"quantization_config": {"quant_method": "gptq"}}))
    for name, rows in {"data": [{"a": f"x{n}", "b": f"y{n}"} for n in range(9)], "usual": USUAL}.items():
        folder = tmp_path / "hub/datasets/owner" / name
        folder.mkdir(parents=True)
        (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with hub_server.serving(tmp_path / "hub") as served:
        hub_server.online(monkeypatch, served.url, tmp_path / "cache")
        yield served


def context_of(spec: Prompt2ModelSpec, root: Path, of: Stage, decision: Decision | None = None) -> StageContext:
    run = StageRunSpec(
        resource="r", stage=of, digest="ab" * 32, storage=str(root), parameters=parameters(spec, of), decision=decision
    )
    settings = StageSettings(named=Named.of(spec) if of is Stage.DISCOVER else None)
    job = StageJob(stage_run=StageRun(metadata=Metadata(name="r-x"), spec=run), attempt=1, settings=settings)
    return StageContext(job=job, reporter=FileReporter(own_folder(job), 1))


def discover(
    monkeypatch: pytest.MonkeyPatch,
    root: Path,
    teacher: FakeTeacher,
    students: Sequence[str] = ("owner/fine",),
    **spec: object,
) -> tuple[Prompt2ModelSpec, StageOutputs]:
    @asynccontextmanager
    async def opened(job: StageJob, stage: str) -> AsyncIterator[FakeTeacher]:
        teacher.spent = Spent()  # type: ignore[attr-defined]
        yield teacher

    class Retriever(StudentRetriever):
        def retrieve(
            self,
            query: str,
            architectures: Sequence[Architecture],
            max_bytes: int,
            task: TaskFacts | None = None,
            licenses: Sequence[str] | None = None,
        ) -> list[StudentCandidate]:
            kind = Architecture.DECODER_ONLY
            return [
                StudentCandidate(name=n, architecture=kind, size_bytes=1, score=1.0, reason="Near.") for n in students
            ]

    monkeypatch.setattr(stage, "open_teacher", opened)
    whole = Prompt2ModelSpec.model_validate({**PLAIN, **spec})
    parts = stage.Parts(students=lambda _: Retriever())
    return whole, stage.run(context_of(whole, root, Stage.DISCOVER), parts)


def test_a_named_student_and_dataset_are_pinned(
    hub: hub_server.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"student": {"name": "owner/fine"}, "datasets": {"choice": CHOICE, "enabled": False}}
    spec, outputs = discover(monkeypatch, tmp_path / "runs", FakeTeacher(), students=("owner/bad",), **named)
    student, dataset = student_gate(spec, outputs).decision, dataset_gate(spec, outputs).decision
    assert student is not None and (student.student, student.student_revision) == ("owner/fine", COMMIT)
    assert dataset is not None and dataset.dataset_revision == COMMIT


def test_a_dataset_that_is_named_without_columns_gets_those_of_its_rows(
    hub: hub_server.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"student": {"name": "owner/fine"}, "datasets": {"choice": {"name": "owner/usual"}, "enabled": False}}
    spec, outputs = discover(monkeypatch, tmp_path / "runs", FakeTeacher(), **named, **QUESTIONS)
    decision = dataset_gate(spec, outputs).decision
    assert decision is not None and decision.dataset is not None and decision.dataset_revision == COMMIT
    assert (decision.dataset.input_columns, decision.dataset.output_column) == (["question", "context"], "answers.text")
    assert "question, context → answers.text of the split train: proposed by the rules" in decision.reason
    candidates = next((tmp_path / "runs").rglob("candidates.json"))
    (read,) = json.loads(candidates.read_text())["datasetsRead"]
    assert read["types"]["answers.text"] == "list of string"
    assert [(p["by"], p["taken"]) for p in read["proposals"]] == [("Rules", True)]


def test_columns_that_the_demonstrations_speak_against_are_asked_for(
    hub: hub_server.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"student": {"name": "owner/fine"}, "datasets": {"choice": {"name": "owner/usual"}, "enabled": False}}
    spec, outputs = discover(monkeypatch, tmp_path / "runs", FakeTeacher(), **named)
    closed = dataset_gate(spec, outputs)
    assert (closed.open, closed.reason) == (False, "AwaitingChoice")
    assert (
        "the rules would take question, context → answers.text, but its outputs are parts of their inputs"
        in closed.message
    )
    assert closed.message.endswith("Set datasets.choice.inputColumns and datasets.choice.outputColumn for owner/usual.")


def with_datasets(spec: Prompt2ModelSpec, **datasets: object) -> Prompt2ModelSpec:
    """The spec as the user has edited it after discover ran."""
    return Prompt2ModelSpec.model_validate({**spec.dump(), "datasets": datasets})


def test_a_choice_that_was_edited_since_leaves_nothing_behind(
    hub: hub_server.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {"name": "owner/usual", "inputColumns": ["id"], "outputColumn": "question"}
    named = {"student": {"name": "owner/fine"}, "datasets": {"choice": before, "enabled": False}}
    spec, outputs = discover(monkeypatch, tmp_path / "runs", FakeTeacher(), **named, **QUESTIONS)
    decision = dataset_gate(spec, outputs).decision
    assert decision is not None and decision.dataset is not None and decision.dataset.input_columns == ["id"]
    shorter = dataset_gate(with_datasets(spec, choice={"name": "owner/usual"}), outputs).decision
    assert shorter is not None and shorter.dataset is not None
    assert (shorter.dataset.input_columns, shorter.dataset.output_column) == (["question", "context"], "answers.text")
    removed = dataset_gate(with_datasets(spec, enabled=True), outputs).decision
    assert removed is not None and removed.dataset is not None and removed.dataset.none
    text = next((tmp_path / "runs").rglob("candidates.json")).read_text()
    assert "Choice" not in text and '"inputColumns": ["id"]' not in text and "datasets.choice names" not in text


def test_of_several_configurations_one_must_be_named(
    hub: hub_server.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = hub.root / "datasets/owner/languages"
    folder.mkdir(parents=True)
    both = "\n".join(f"- config_name: {code}\n  data_files: {code}.jsonl" for code in ("de", "fr"))
    (folder / "README.md").write_text(f"---\nconfigs:\n{both}\n---\n")
    for code in ("de", "fr"):
        rows = [{"question": f"{code} {n} x?", "answer": f"{code} {n} y"} for n in range(9)]
        (folder / f"{code}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def chosen(number: int, **choice: object) -> tuple[Prompt2ModelSpec, StageOutputs]:
        datasets = {"choice": {"name": "owner/languages", **choice}, "enabled": False}
        given = {"student": {"name": "owner/fine"}, "datasets": datasets}
        return discover(monkeypatch, tmp_path / f"runs{number}", FakeTeacher(), **given)

    with pytest.raises(StageError, match=r"has the configurations de, fr\.") as error:
        chosen(1)
    assert error.value.failure.remedy == "Name one of them in datasets.choice.config."
    spec, outputs = chosen(2, config="de")
    decision = dataset_gate(spec, outputs).decision
    assert decision is not None and decision.dataset is not None
    assert (decision.dataset.config, decision.dataset.input_columns) == ("de", ["question"])
    unnamed = dataset_gate(with_datasets(spec, choice={"name": "owner/languages"}), outputs)
    assert "names owner/languages without a configuration; discover knows its configurations de." in unnamed.message
    other = dataset_gate(with_datasets(spec, choice={"name": "owner/languages", "config": "fr"}), outputs)
    assert "Set datasets.choice.inputColumns and datasets.choice.outputColumn for owner/languages." in other.message


def test_a_name_is_in_no_digest_of_discover() -> None:
    plain = Prompt2ModelSpec.model_validate(PLAIN)
    named = Prompt2ModelSpec.model_validate({**PLAIN, "student": {"name": "a/b"}, "datasets": {"choice": CHOICE}})
    assert digest(plain, Stage.DISCOVER, {}) == digest(named, Stage.DISCOVER, {})


@pytest.mark.parametrize(
    ("spec", "reason", "said"),
    [
        ({"student": {"name": "owner/bad"}}, "QuantizedStudent", "gptq"),
        ({"student": {"name": "owner/none"}}, "UnknownStudent", "the hub knows no model owner/none"),
        ({"student": {"name": "owner/fine", "maxSize": "1Ki"}}, "StudentTooLarge", "spec.student.maxSize"),
        ({"datasets": {"choice": {**CHOICE, "name": "owner/none"}}}, "DatasetUnknown", "no dataset owner/none"),
        ({"datasets": {"choice": {**CHOICE, "split": "dev"}}}, "SplitMissing", "its splits are train"),
        ({"datasets": {"choice": {**CHOICE, "outputColumn": "c"}}}, "ColumnMissing", "has no column c"),
    ],
)
def test_what_cannot_be_used_blocks_before_the_teacher_is_asked(
    hub: hub_server.Hub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spec: dict[str, object],
    reason: str,
    said: str,
) -> None:
    teacher = FakeTeacher()
    with pytest.raises(StageError, match=said) as error:
        discover(monkeypatch, tmp_path / "runs", teacher, **spec)
    # Blocked: the name is in no digest, so an edit of it must start this very stage run again.
    assert (error.value.failure.reason, error.value.failure.state) == (reason, "Blocked")
    assert teacher.asked == []


def test_a_candidate_that_cannot_be_used_is_not_the_first(
    hub: hub_server.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, outputs = discover(
        monkeypatch, tmp_path / "runs", FakeTeacher(), students=("owner/bad", "owner/fine", "owner/x")
    )
    found = outputs.student_candidates or []
    assert [c.name for c in found] == ["owner/fine", "owner/x", "owner/bad"]
    assert found[-1].reason.startswith("Cannot be used: owner/bad is quantized (gptq)")
    decision = student_gate(spec, outputs).decision
    assert decision is not None and (decision.student, decision.student_revision) == ("owner/fine", COMMIT)


def test_where_the_hub_is_away_the_order_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub_server.online(monkeypatch, "http://127.0.0.1:9", tmp_path / "cache")
    _, outputs = discover(monkeypatch, tmp_path / "runs", FakeTeacher(), students=("owner/bad", "owner/fine"))
    assert [c.name for c in outputs.student_candidates or []] == ["owner/bad", "owner/fine"]


def test_a_dataset_that_is_named_alone_has_the_columns_of_the_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is not searched for, and where the hub is away."""
    hub_server.online(monkeypatch, "http://127.0.0.1:9", tmp_path / "cache")
    choice = {
        "name": "rajpurkar/squad",
        "also": [{"name": "nyu-mll/glue", "config": "cola"}, {"name": "owner/unknown"}],
    }
    spec, outputs = discover(
        monkeypatch, tmp_path / "runs", FakeTeacher(), datasets={"choice": choice, "enabled": False}
    )
    closed = dataset_gate(spec, outputs)
    assert closed.message.startswith("datasets.choice.also[1]: owner/unknown: its rows were not read. The hub names no")
    assert closed.message.endswith(
        "Set datasets.choice.also[1].inputColumns and datasets.choice.also[1].outputColumn for owner/unknown."
    )
    known = dataset_gate(with_datasets(spec, choice={**choice, "also": choice["also"][:1]}), outputs)
    assert known.decision is not None and known.decision.dataset is not None
    found = [(one.input_columns, one.output_column, one.config) for one in known.decision.dataset.datasets()]
    assert found == [(["question", "context"], "answers.text", None), (["sentence"], "label", "cola")]
    assert known.message.count("Not checked: they are the catalog's.") == 2
    unnamed = dataset_gate(with_datasets(spec, choice={"name": "nyu-mll/glue"}), outputs)
    assert "without a configuration; discover knows its configurations cola." in unnamed.message


def test_train_keeps_to_the_commit_that_its_first_attempt_found(
    hub: hub_server.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the student was named after discover had run."""
    spec = Prompt2ModelSpec.model_validate({**PLAIN, "student": {"name": "owner/fine"}})
    context = context_of(spec, tmp_path / "runs", Stage.TRAIN, Decision(student="owner/fine"))
    assert _student(context).revision == COMMIT
    hub.commits["owner/fine"] = OTHER
    assert _student(context).revision == COMMIT
