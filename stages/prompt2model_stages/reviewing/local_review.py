"""The generated examples of a resource that was run on this machine, and where what a person makes of them is written."""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from prompt2model_api.decide import outputs_that_stand
from prompt2model_api.loading import SpecError
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.results import StageOutputs
from prompt2model_api.snapshot import Snapshot
from prompt2model_api.stage_run import Stage, StageRun
from prompt2model_stages.choosing.local_place import AT_WORK, LocalPlace
from prompt2model_stages.choosing.proposing import Proposal
from prompt2model_stages.examples import EXAMPLES, VotedExample
from prompt2model_stages.local.run_folder import RunFolder
from prompt2model_stages.local.sources import sources
from prompt2model_stages.reviewing.journal import Journal
from prompt2model_stages.reviewing.rows import Rows
from prompt2model_stages.stage_files import DiscoveredTask, read_lines
from prompt2model_stages.storage import Folder

FIELD = ("spec", "generation", "accepted")
LOCK = ".review.lock"


@dataclass(frozen=True)
class Generated:
    """What there is to review.

    name, where: of the resource, and the file that it is in.
    examples_sha256: of the generated examples.
    folder: the resource's, in which versions are written.
    notes: what a person should know, a sentence each.
    """

    name: str
    where: str
    task: DiscoveredTask
    examples_sha256: str
    rows: Rows
    folder: Folder
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LocalReview:
    """One resource. place: its file; by: who reviews."""

    place: LocalPlace
    by: str

    @contextmanager
    def opened(self) -> Iterator[Generated]:
        """The examples, held against a second page for as long as the block runs. Raises: SpecError in one sentence."""
        resource = self.place.resource()
        run_folder, name = RunFolder.of(self.place.runs, resource), resource.metadata.name
        run, outputs = self._generate(resource, run_folder)
        sha256, notes = outputs.examples_sha256 or "", (AT_WORK,) if run_folder.in_use() else ()
        task = _task(run_folder, run)
        with _locked(run_folder.path, name):
            journal = Journal(run_folder.path / edits_file(task), task_key(task), self.by)
            rows = Rows(_examples(Folder(str(run_folder.stage_path(run))), sha256), journal)
            yield Generated(name, str(self.place.file), task, sha256, rows, run_folder.folder, notes)

    def propose(self, accepted: str, examples_sha256: str) -> Proposal:
        """What naming a version in the file would write. Raises: SpecError, also where the file asks for other examples now."""
        resource = self.place.resource()
        _, outputs = self._generate(resource, RunFolder.of(self.place.runs, resource))
        if outputs.examples_sha256 != examples_sha256:
            raise SpecError(
                f"{self.place.file} was edited since, and there are other generated examples for it now: end this command with "
                "Ctrl-C and start it again. What you decided is kept."
            )
        return self.place.propose(self.place.present(), {FIELD: accepted})

    def save(self, proposal: Proposal) -> str:
        """Writes the file; returns what to do next. Raises: SpecError."""
        return self.place.save(proposal)

    def _generate(self, resource: Prompt2Model, run_folder: RunFolder) -> tuple[StageRun, StageOutputs]:
        """The finished generate of this very file. Raises: SpecError."""
        awake = resource.model_copy(update={"spec": resource.spec.model_copy(update={"suspend": False})})
        runs = run_folder.read_stage_runs()
        snapshot = Snapshot(awake, str(run_folder.path), runs, sources=sources(awake))
        outputs = outputs_that_stand(snapshot, datetime.now(UTC)).get(Stage.GENERATE)
        of_stage = (run for run in runs.values() if run.spec.stage is Stage.GENERATE and run.status.result is not None)
        run = next((run for run in of_stage if run.status.result and run.status.result.outputs == outputs), None)
        if run is None or outputs is None:
            raise SpecError(f"{self.place.file}: {self._why_none(resource)}")
        return run, outputs

    def _why_none(self, resource: Prompt2Model) -> str:
        if not resource.spec.generation.enabled:
            return "generation.enabled is false: there are no generated examples to review."
        return (
            f"there are no generated examples for it as it is now: run `{self.place.run_command()}` first. With generation.review: "
            "Required it waits for your review before it trains."
        )


def _task(run_folder: RunFolder, generate: StageRun) -> DiscoveredTask:
    try:
        return DiscoveredTask.read(Folder(str(run_folder.path / generate.spec.inputs["discover"])))
    except (FileNotFoundError, ValueError, KeyError) as error:
        raise SpecError(f"What discover found cannot be read: {error}. Run the resource again.") from error


def task_key(task: DiscoveredTask) -> str:
    """What edits belong to: the instruction and its demonstrations, whoever generates and how many."""
    shown = [[one.input, one.output] for one in task.demonstrations]
    content = json.dumps([task.instruction, shown], ensure_ascii=False).encode("utf-8", "surrogatepass")
    return hashlib.sha256(content).hexdigest()


def edits_file(task: DiscoveredTask) -> str:
    """The name of the journal in the resource's folder."""
    return f"edits-{task_key(task)[:8]}.jsonl"


def _examples(folder: Folder, sha256: str) -> list[VotedExample]:
    """The examples as they were generated. Raises: SpecError where they are not those of the result."""
    try:
        content = folder.read_bytes(EXAMPLES)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise SpecError(f"{folder.uri}/{EXAMPLES} was altered since it was generated: bring a copy back.")
        return list(read_lines(folder, EXAMPLES, VotedExample))
    except (FileNotFoundError, ValueError) as error:
        raise SpecError(f"The generated examples cannot be read: {error}.") from error


@contextmanager
def _locked(folder: Path, name: str) -> Iterator[None]:
    with (folder / LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            why = f"{name} is being reviewed on another page already: end that one (Ctrl-C), or use it."
            raise SpecError(why) from None
        yield
