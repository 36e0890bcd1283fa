"""A resource in a cluster: read and patched by kubectl, with the rights of whoever runs the command.

The page itself runs on this machine. A status has the nearest five candidates whole and a StageRun the others by name; where
candidates.json is at an address that this machine can read, all of them are whole.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from prompt2model_api.base import Metadata
from prompt2model_api.cluster_places import unusable_places
from prompt2model_api.complaints import complaints
from prompt2model_api.loading import SpecError
from prompt2model_api.names import stage_folder
from prompt2model_api.prompt2model import Prompt2Model, Prompt2ModelSpec
from prompt2model_api.results import DatasetCandidate, OtherCandidate, StageOutputs, StudentCandidate
from prompt2model_api.stage_run import StageRun
from prompt2model_api.status import DiscoveredStatus
from prompt2model_stages.choosing.kubectl import ConflictError, kubectl
from prompt2model_stages.choosing.offers import Facts, OfferedDataset, OfferedStudent, Offers
from prompt2model_stages.choosing.patching import Tree, merged, patch_of, put, value_at
from prompt2model_stages.choosing.picking import Fields
from prompt2model_stages.choosing.proposing import Present, Proposal, SavedOtherwiseError, refuse_others
from prompt2model_stages.choosing.yaml_writing import rendered
from prompt2model_stages.errors import StageError
from prompt2model_stages.stage_files import Candidates
from prompt2model_stages.storage import Folder, is_of_storage

RESOURCES = "prompt2models.prompt2model.dev"
STAGE_RUNS = "stageruns.prompt2model.dev"
OF_RESOURCE = "prompt2model.dev/resource"
BY_NAME = "Behind the nearest five: the status has its name alone."
TRIES = 5
"""Of a patch: the operator writes the status meanwhile, and each write is another resourceVersion."""


@dataclass
class ClusterPlace:
    """See proposing.Place.

    options: of kubectl, such as --context. run: kubectl itself.
    """

    name: str
    options: Sequence[str] = ()
    run: Callable[[Sequence[str]], str] = kubectl
    notes: list[str] = field(default_factory=list)

    def offers(self) -> Offers:
        """See Place."""
        self._check_name()
        resource = self._parsed(self._read())
        discovered = self._discovered(resource)
        outputs = self._outputs(discovered)
        facts = Facts(outputs.catalogs or [])
        if (whole := self._whole(discovered)) is not None:
            datasets, students = facts.datasets(whole.datasets), facts.students(whole.students)
        else:
            datasets = facts.datasets(outputs.dataset_candidates or [])
            datasets += [_dataset_by_name(other, facts) for other in outputs.other_datasets or []]
            students = facts.students(outputs.student_candidates or [])
            students += [found for other in outputs.other_students or [] if (found := _student_by_name(other, facts))]
        return Offers(
            name=self.name,
            where=f"In the cluster, namespace {resource.metadata.namespace}",
            spec=resource.spec,
            identity=resource.metadata.uid,
            instruction=discovered.instruction or "",
            demonstrations=resource.spec.demonstrations,
            datasets=datasets,
            students=students,
            outputs=outputs,
            notes=[*facts.notes, *self.notes],
        )

    def located(self, dataset: str) -> str:
        """See Place. A pod has no folder that a path could start from."""
        return dataset

    def present(self) -> Present:
        """See Place."""
        body = self._read()
        resource = self._parsed(body)
        return Present(resource.metadata.uid, resource.spec, json.dumps(body))

    def propose(self, present: Present, fields: Fields) -> Proposal:
        """See Place. Shown are the fields that change, not the whole resource."""
        body = json.loads(present.content)
        try:
            spec = Prompt2ModelSpec.model_validate(merged(body["spec"], patch_of(fields)["spec"]))
        except ValidationError as error:
            raise SpecError(f"{self.name}: {complaints(error, Prompt2ModelSpec)[0]}.") from error
        if unusable := unusable_places(spec):
            raise SpecError(f"{self.name}: {unusable[0]}.")
        return _proposal(present, fields)

    def save(self, proposal: Proposal) -> str:
        """See Place. Patches these fields alone, and only what was looked at."""
        for _ in range(TRIES):
            now = self.present()
            refuse_others(self.name, (proposal.present.identity, proposal.present.spec), now)
            if _proposal(now, proposal.fields) != proposal:
                raise SpecError(f"{self.name} was changed meanwhile: look at the lines again, and save once more.")
            version = value_at(json.loads(now.content), ("metadata", "resourceVersion"))
            patch = json.dumps(patch_of(proposal.fields, version))
            try:
                self.run(["patch", RESOURCES, self.name, "--type", "merge", "-p", patch, *self.options])
            except ConflictError:
                continue
            self._check_kept(proposal.fields)
            watch = shlex.join(["kubectl", "get", "p2m", self.name, *self.options, "-w"])
            return f"{self.name} is patched. `{watch}` shows how it continues."
        raise SpecError(f"{self.name} is written to all the time, and nothing was saved: save once more.")

    def _check_kept(self, fields: Fields) -> None:
        """An API server drops what its CRD does not have, and says so in a warning alone.

        Raises: SavedOtherwiseError where it did.
        """
        try:
            now = self._read()
        except SpecError:  # the patch was taken, and what is read next says what it made
            return
        lost = [path for path, value in fields.items() if merged(value_at(now, path), value) != value_at(now, path)]
        if lost:
            what = ", ".join(".".join(path) for path in lost)
            why = "the CRDs there are of another version than this p2m, or a tool such as Argo CD undoes patches"
            raise SavedOtherwiseError(f"{self.name} was patched, but {what} is not what was written: {why}.")

    def _check_name(self) -> None:
        try:
            Metadata(name=self.name)
        except ValidationError:
            why = f"`{self.name}` is not the name of a resource" if self.name.strip() else "No resource is named"
            raise SpecError(f"{why}: take one that `kubectl get p2m` lists, `p2m choose NAME --cluster`.") from None

    def _read(self) -> Tree:
        said = self.run(["get", RESOURCES, self.name, "-o", "json", *self.options])
        try:
            tree: Tree = json.loads(said)
        except ValueError as error:
            shown = " ".join(said.split())[:200]
            raise SpecError(
                f"kubectl get answered with no JSON ({shown}): check what the kubeconfig starts."
            ) from error
        return tree

    def _parsed(self, body: Tree) -> Prompt2Model:
        try:
            return Prompt2Model.model_validate(body)
        except ValidationError as error:
            why = f"{self.name} cannot be used: {complaints(error)[0]}"
            remedy = (
                f"Correct it with `kubectl edit p2m {self.name}`, or install the version of p2m that the operator has."
            )
            raise SpecError(f"{why}. {remedy}") from error

    def _discovered(self, resource: Prompt2Model) -> DiscoveredStatus:
        """What the status has of discover. Raises: SpecError where there is nothing, or it may be of an earlier spec."""
        status = resource.status
        if status is None or status.discovered is None:
            why = f"{self.name} has no candidates yet" + (f", its phase is {status.phase}" if status else "")
            raise SpecError(f"{why}: wait until discover is done, or see `kubectl describe p2m {self.name}`.")
        if 0 < status.observed_generation < resource.metadata.generation:
            why = f"{self.name} was edited, and the operator has not looked at it yet"
            raise SpecError(f"{why}: start this command again in a few seconds.")
        return status.discovered

    def _outputs(self, discovered: DiscoveredStatus) -> StageOutputs:
        """The result of discover; what the status has of it where StageRuns must not be read."""
        file = discovered.candidates_file or ""
        try:
            said = self.run(["get", STAGE_RUNS, "-l", f"{OF_RESOURCE}={self.name}", "-o", "json", *self.options])
            runs = [StageRun.model_validate(body) for body in json.loads(said)["items"]]
        except ValueError as error:  # a StageRun of another version of the operator is one, too
            said = complaints(error, StageRun)[0] if isinstance(error, ValidationError) else str(error)
            self.notes.append(f"The nearest five candidates alone are shown. A StageRun cannot be used: {said}.")
            runs = []
        except SpecError as error:
            self.notes.append(f"The nearest five candidates alone are shown. {error}")
            runs = []
        for run in runs:
            if run.status.result is not None and f"/{stage_folder(run.spec.stage, run.spec.digest)}/" in file:
                return run.status.result.outputs
        return StageOutputs(
            dataset_candidates=discovered.dataset_candidates, student_candidates=discovered.student_candidates
        )

    def _whole(self, discovered: DiscoveredStatus) -> Candidates | None:
        """candidates.json, where this machine can read its address."""
        folder = (discovered.candidates_file or "").rpartition("/")[0]
        by_name = "The candidates behind the nearest five are known by name:"
        if not folder.startswith(("s3://", "gs://")):
            self.notes.append(f"{by_name} candidates.json, on the resource's volume, has the rest.")
            return None
        try:
            return Candidates.read(Folder(folder))
        except (OSError, ValueError, ImportError, StageError) as error:
            self.notes.append(f"{by_name} {folder} cannot be read ({error}).")
        except Exception as error:
            if not is_of_storage(error):
                raise
            self.notes.append(f"{by_name} {folder} cannot be read ({error}): check this machine's credentials for it.")
        return None


def _proposal(present: Present, fields: Fields) -> Proposal:
    resource = json.loads(present.content)
    before: Tree = {}
    after: Tree = {}
    for path, value in fields.items():
        if (old := value_at(resource, path)) is not None:
            put(before, path, old)
        put(after, path, value)
    return Proposal(rendered(before) if before else "", rendered(after), fields, present)


def _dataset_by_name(other: OtherCandidate, facts: Facts) -> OfferedDataset:
    entries = facts.of_dataset(other.name)
    entry = next((one for one in entries if one.config == other.config), None)
    candidate = DatasetCandidate(
        name=other.name,
        revision=other.revision,
        config=other.config,
        split=entry.split if entry else "train",
        input_columns=entry.input_columns if entry else [],
        output_column=entry.output_column if entry else None,
        license=other.license or next((one.license for one in entries), None),
        score=0.0,
        reason=BY_NAME,
    )
    return OfferedDataset(candidate, entries)


def _student_by_name(other: OtherCandidate, facts: Facts) -> OfferedStudent | None:
    """None where no catalog here has it: its architecture is not known."""
    entry = facts.of_student(other.name)
    if entry is None:
        return None
    candidate = StudentCandidate(
        name=other.name,
        revision=other.revision,
        architecture=entry.architecture,
        size_bytes=entry.size_bytes,
        license=other.license or entry.license,
        score=0.0,
        reason=BY_NAME,
    )
    return OfferedStudent(candidate, entry)
