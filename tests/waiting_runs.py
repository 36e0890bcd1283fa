"""A resource whose discover is done, in a runs folder as `p2m run` leaves it; it waits for a person's choice."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from prompt2model_api.base import Architecture
from prompt2model_api.candidates import dataset_shortlist, student_shortlist
from prompt2model_api.decide import decide
from prompt2model_api.loading import load, resolve_paths
from prompt2model_api.prompt2model import Demonstration
from prompt2model_api.results import DatasetCandidate, StageOutputs, StudentCandidate
from prompt2model_api.snapshot import MakeStageRun, Snapshot
from prompt2model_api.stage_run import StageRun, StageRunPhase
from prompt2model_stages.local.run_folder import RunFolder
from prompt2model_stages.reporting import ResultFile
from prompt2model_stages.stage_files import Candidates, DiscoveredTask
from prompt2model_stages.storage import Folder

YAML = """\
apiVersion: prompt2model.dev/v1alpha1
kind: Prompt2Model
metadata: {name: questions}
spec:
  # What the model shall do.
  instruction: Answer the question about the passage.
  demonstrations:
  - {input: "When was it built? It was built in 1952.", output: "1952"}
  datasets:
    selection: Manual   # I want to look first
  student: {selection: Manual}
"""
INSTRUCTION = "Answer the question about the passage."


def datasets() -> list[DatasetCandidate]:
    """A recommended one of the hub, one that this package ships, and five of which little is known."""
    squad = DatasetCandidate(
        name="rajpurkar/squad",
        input_columns=["question", "context"],
        output_column="answers.text",
        license="cc-by-4.0",
        score=9.75,
        recommended=True,
        reason="Its description shares passage, question with your task.",
        columns_by="Catalog",
        columns_reason="The catalog names them.",
    )
    dates = DatasetCandidate(
        name="builtin:dates-in-words",
        input_columns=["text"],
        output_column="iso",
        score=2.5,
        reason="Another one is nearer.",
    )
    others = [DatasetCandidate(name=f"org/d{n}", score=2.0 - n / 10, reason=f"No {n} & <b>") for n in range(5)]
    return [squad, dates, *others]


def students() -> list[StudentCandidate]:
    """One that the catalog knows, and six that it does not."""
    kind = Architecture.ENCODER_DECODER
    known = StudentCandidate(
        name="google/flan-t5-small", architecture=kind, size_bytes=308_000_000, score=20.0, reason="General."
    )
    others = [StudentCandidate(name=f"org/s{n}", architecture=kind, size_bytes=1, score=1.0) for n in range(6)]
    return [known, *others]


def outputs() -> StageOutputs:
    """What discover hands on."""
    shown, other_datasets = dataset_shortlist(datasets(), [])
    best, other_students = student_shortlist(students(), None)
    return StageOutputs(
        instruction=INSTRUCTION,
        dataset_candidates=shown,
        other_datasets=other_datasets,
        student_candidates=best,
        other_students=other_students,
    )


def write(folder: Path, text: str = YAML) -> Path:
    """The file questions.yaml in the folder, and runs/ beside it. Returns the file."""
    file = folder / "questions.yaml"
    file.write_bytes(text.encode())
    resource = resolve_paths(load(file), folder)
    run_folder = RunFolder.of(folder / "runs", resource)
    run_folder.path.mkdir(parents=True)
    run_folder.write_resource(resource)
    run_folder.write_origin(file)
    made = decide(Snapshot(resource, str(run_folder.path), {}), datetime.now(UTC)).actions
    run = next(action.stage_run for action in made if isinstance(action, MakeStageRun))
    _finish(run_folder, run)
    return file


def _finish(run_folder: RunFolder, run: StageRun) -> None:
    status = run.status.model_copy(
        update={"phase": StageRunPhase.SUCCEEDED, "attempt": 1, "started_at": datetime(2026, 1, 1, tzinfo=UTC)}
    )
    done = run.model_copy(update={"status": status})
    run_folder.write_stage_run(done)
    folder = Folder(str(run_folder.stage_path(done)))
    shown = [Demonstration(input="When was it built? It was built in 1952.", output="1952")]
    DiscoveredTask(instruction=INSTRUCTION, demonstrations=shown).write(folder)
    Candidates(datasets=datasets(), students=students()).write(folder)
    ResultFile(attempt=1, digest=run.spec.digest, outputs=outputs()).write(folder)
