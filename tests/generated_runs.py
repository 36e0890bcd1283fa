"""A resource whose examples are generated, in a runs folder as `p2m run` leaves it; it waits for a person's review."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from prompt2model_api.base import Architecture
from prompt2model_api.decide import decide
from prompt2model_api.loading import load, resolve_paths
from prompt2model_api.prompt2model import Demonstration
from prompt2model_api.results import StageOutputs, StudentCandidate
from prompt2model_api.snapshot import MakeStageRun, Snapshot
from prompt2model_api.stage_run import Stage, StageRun, StageRunPhase
from prompt2model_stages.examples import EXAMPLES, VotedExample
from prompt2model_stages.local.run_folder import RunFolder
from prompt2model_stages.reporting import ResultFile
from prompt2model_stages.stage_files import DiscoveredTask, json_lines
from prompt2model_stages.storage import Folder

YAML = """\
apiVersion: prompt2model.dev/v1alpha1
kind: Prompt2Model
metadata: {name: tickets}
spec:
  # What the model shall do.
  instruction: Tell whether the ticket is about billing, login or shipping.
  teacher: {baseURL: "http://127.0.0.1:9/v1", model: m}
  datasets: {enabled: false}
  generation:
    examples: 100   # enough to begin with
    review: Required
"""
INSTRUCTION = "Tell whether the ticket is about billing, login or shipping."


def example(place: int, text: str = "", output: str = "", votes: int = 1, of: int = 1) -> VotedExample:
    """An example; by default the one that stands at this place: unlike its neighbours, one of three outputs."""
    about = ("billing", "login", "shipping")[place % 3]
    return VotedExample(text or f"{SUBJECTS[place % 7]} {place} {about}", output or about, (f"k{place}",), votes, of)


SUBJECTS = ("order", "my account", "why is", "the parcel of", "help with", "invoice", "last week")


def write(folder: Path, examples: Sequence[VotedExample], text: str = YAML) -> Path:
    """The file tickets.yaml in the folder, and runs/ beside it. Returns the file."""
    file = folder / "tickets.yaml"
    file.write_bytes(text.encode())
    resource = resolve_paths(load(file), folder)
    run_folder = RunFolder.of(folder / "runs", resource)
    run_folder.path.mkdir(parents=True, exist_ok=True)
    run_folder.write_resource(resource)
    run_folder.write_origin(file)
    for _ in (Stage.DISCOVER, Stage.GENERATE):
        snapshot = Snapshot(resource, str(run_folder.path), run_folder.read_stage_runs())
        made = [one.stage_run for one in decide(snapshot, datetime.now(UTC)).actions if isinstance(one, MakeStageRun)]
        for run in made:
            _finish(run_folder, run, examples)
    return file


def _finish(run_folder: RunFolder, run: StageRun, examples: Sequence[VotedExample]) -> None:
    status = run.status.model_copy(
        update={"phase": StageRunPhase.SUCCEEDED, "attempt": 1, "started_at": datetime(2026, 1, 1, tzinfo=UTC)}
    )
    done = run.model_copy(update={"status": status})
    run_folder.write_stage_run(done)
    folder = Folder(str(run_folder.stage_path(done)))
    outputs = _discovered(folder) if run.spec.stage is Stage.DISCOVER else _generated(folder, examples)
    ResultFile(attempt=1, digest=run.spec.digest, outputs=outputs).write(folder)


def _discovered(folder: Folder) -> StageOutputs:
    shown = [Demonstration(input="I was charged twice.", output="billing")]
    DiscoveredTask(instruction=INSTRUCTION, demonstrations=shown).write(folder)
    student = StudentCandidate(name="org/t5", architecture=Architecture.ENCODER_DECODER, size_bytes=1, score=1.0)
    return StageOutputs(instruction=INSTRUCTION, dataset_candidates=[], student_candidates=[student])


def _generated(folder: Folder, examples: Sequence[VotedExample]) -> StageOutputs:
    content = json_lines(examples)
    folder.write_bytes(EXAMPLES, content)
    return StageOutputs(examples=len(examples), examples_sha256=hashlib.sha256(content).hexdigest())
