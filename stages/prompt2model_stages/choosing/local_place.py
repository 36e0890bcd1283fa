"""A resource that was run on this machine: its file is edited, its candidates are in the runs folder."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prompt2model_api.decide import decide
from prompt2model_api.loading import SpecError, dataset_place, parse, read_text, resolve_paths
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.snapshot import Snapshot
from prompt2model_api.stage_run import Stage, StageRun
from prompt2model_api.texts import told
from prompt2model_stages.choosing.file_writing import refuse_read_only, replace
from prompt2model_stages.choosing.offers import Facts, Offers
from prompt2model_stages.choosing.picking import CHOICE_PATH, Fields
from prompt2model_stages.choosing.proposing import Present, Proposal
from prompt2model_stages.choosing.yaml_edit import with_fields
from prompt2model_stages.errors import StageError
from prompt2model_stages.local.run_folder import RunFolder, runs_option
from prompt2model_stages.local.sources import sources
from prompt2model_stages.parts import with_pinned_parts
from prompt2model_stages.stage_files import Candidates, DiscoveredTask
from prompt2model_stages.storage import Folder

AT_WORK = "A run of this resource is at work. It does not see what you save here: run the resource again after it."


@dataclass(frozen=True)
class LocalPlace:
    """See proposing.Place."""

    file: Path
    runs: Path
    typed: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    """The paths that a person typed, by the places that they are at."""

    @classmethod
    def of(cls, named: str, namespace: str, runs: Path, command: str = "p2m choose") -> LocalPlace:
        """By the name of a resource that was run, or by its file; command: what the person called. Raises: SpecError."""
        if is_file(named):
            return cls(Path(named), runs)
        if not named.strip():
            raise SpecError(f"No resource is named: `{command} NAME` takes one that `p2m status` lists, or its file.")
        run_folder = RunFolder(runs, namespace, named)
        origin = run_folder.read_origin()
        if origin is None:
            why = "was run from a file that is not known" if run_folder.path.is_dir() else "was not run here"
            raise SpecError(f"{namespace}/{named} {why} ({run_folder.path}): name its file, `{command} FILE`.")
        return cls(origin, runs)

    def offers(self) -> Offers:
        """See Place."""
        resource = self.resource()
        run_folder = RunFolder.of(self.runs, resource)
        discovered = self._discovered(resource, run_folder)
        folder = Folder(str(run_folder.stage_path(discovered)))
        try:
            task, candidates = DiscoveredTask.read(folder), Candidates.read(folder)
        except (FileNotFoundError, ValueError) as error:
            raise SpecError(f"The candidates cannot be read: {error}. Run the resource again.") from error
        assert discovered.status.result is not None
        facts = Facts(candidates.catalogs)
        return Offers(
            name=resource.metadata.name,
            where=str(self.file),
            spec=resource.spec,
            identity=_identity(resource),
            instruction=task.instruction,
            demonstrations=task.demonstrations,
            datasets=facts.datasets(candidates.datasets),
            students=facts.students(candidates.students),
            outputs=discovered.status.result.outputs,
            notes=[*facts.notes, *([AT_WORK] if run_folder.in_use() else [])],
        )

    def resource(self) -> Prompt2Model:
        """The resource as its file has it now. Raises: SpecError."""
        return self._parsed(read_text(self.file))

    def _parsed(self, text: str) -> Prompt2Model:
        """The file as a run reads it, so that it names the same work. Raises: SpecError."""
        try:
            return with_pinned_parts(resolve_paths(parse(text, str(self.file)), self.file.absolute().parent))
        except StageError as error:
            raise SpecError(told(error.failure.message, error.failure.remedy)) from error

    def _discovered(self, resource: Prompt2Model, run_folder: RunFolder) -> StageRun:
        """The finished discover of this very file. Raises: SpecError."""
        awake = resource.model_copy(update={"spec": resource.spec.model_copy(update={"suspend": False})})
        stage_runs = run_folder.read_stage_runs()
        snapshot = Snapshot(awake, str(run_folder.path), stage_runs, sources=sources(awake))
        found = decide(snapshot, datetime.now(UTC)).status.discovered
        if found is not None and found.candidates_file is not None:
            folder = Path(found.candidates_file).parent
            return next(run for run in stage_runs.values() if run_folder.stage_path(run) == folder)
        how = f"run `{self.run_command()}` first"
        if any(run.spec.stage is Stage.DISCOVER and run.status.result is not None for run in stage_runs.values()):
            raise SpecError(f"{self.file}: it was edited, and there are no candidates for it as it is now: {how}.")
        raise SpecError(f"{self.file}: there are no candidates yet: {how}; it looks for them at its start.")

    def run_command(self) -> str:
        """How the resource is run again."""
        return f"p2m run {shlex.quote(str(self.file))}{runs_option(self.runs)}"

    def located(self, dataset: str) -> str:
        """See Place. A path starts from the file's folder, as it does for a run, wherever this command was started."""
        place = dataset_place(dataset, self.file.absolute().parent)
        self.typed[place] = dataset
        return place

    def present(self) -> Present:
        """See Place."""
        text = read_text(self.file)
        resource = self._parsed(text)
        return Present(_identity(resource), resource.spec, text)

    def propose(self, present: Present, fields: Fields) -> Proposal:
        """See Place."""
        refuse_read_only(self.file)
        fields = self._as_written(present, fields)
        after = with_fields(present.content, fields, str(self.file)) if fields else present.content
        parse(after, str(self.file))
        return Proposal(present.content, after, fields, present)

    def _as_written(self, present: Present, fields: Fields) -> Fields:
        """The fields with the paths of chosen files as they are in the file, or were typed: here they are absolute."""
        if CHOICE_PATH not in fields:
            return fields
        now, written = present.spec.datasets.choice, parse(present.content, str(self.file)).spec.datasets.choice
        names = dict(self.typed)
        if now is not None and written is not None:
            names |= {one.name: own.name for one, own in zip(now.datasets(), written.datasets(), strict=True)}
        choice = _renamed(fields[CHOICE_PATH], names)
        if choice.get("also"):
            choice["also"] = [_renamed(one, names) for one in choice["also"]]
        return {**fields, CHOICE_PATH: choice}

    def save(self, proposal: Proposal) -> str:
        """See Place. The file is replaced whole, with the rights and the owner that it has."""
        if read_text(self.file) != proposal.before:
            raise SpecError(f"{self.file} was changed meanwhile: look at the lines again, and save once more.")
        refuse_read_only(self.file)
        try:
            replace(self.file.resolve(), proposal.after.encode())
        except OSError as error:
            raise SpecError(f"{self.file} cannot be written ({error.strerror}): nothing was changed.") from error
        return f"Written to {self.file}. `{self.run_command()}` continues with it."


def _renamed(dataset: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    name = str(dataset.get("name"))  # a choice of none has no name
    return {**dataset, "name": names[name]} if name in names else dict(dataset)


def _identity(resource: Prompt2Model) -> str:
    return f"{resource.metadata.namespace}/{resource.metadata.name}"


def is_file(named: str) -> bool:
    """Whether this is a file's name rather than a resource's: by its looks."""
    return os.sep in named or named.lower().endswith((".yaml", ".yml", ".json"))
