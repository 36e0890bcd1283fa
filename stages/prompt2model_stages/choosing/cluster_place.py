"""A resource in a cluster: read and patched by kubectl, with the rights of whoever runs the command.

The page itself runs on this machine. A status has the nearest five candidates whole and a StageRun the others by name; where
candidates.json is at an address that this machine can read, all of them are whole.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from prompt2model_api.loading import SpecError
from prompt2model_api.names import stage_folder
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import Choice, DatasetCandidate, OtherCandidate, StageOutputs, StudentCandidate
from prompt2model_api.stage_run import StageRun
from prompt2model_api.status import Prompt2ModelStatus
from prompt2model_stages.choosing.offers import Facts, OfferedDataset, OfferedStudent, Offers
from prompt2model_stages.choosing.picking import CHOICE_PATH, Fields
from prompt2model_stages.choosing.proposing import Proposal
from prompt2model_stages.choosing.yaml_edit import rendered
from prompt2model_stages.errors import StageError
from prompt2model_stages.stage_files import Candidates
from prompt2model_stages.storage import Folder

RESOURCES = "prompt2models.prompt2model.dev"
STAGE_RUNS = "stageruns.prompt2model.dev"
OF_RESOURCE = "prompt2model.dev/resource"
TIMEOUT_S = 60
BY_NAME = "Behind the nearest five: the status has its name alone."

Tree = dict[str, Any]


def kubectl(arguments: Sequence[str]) -> str:
    """What kubectl prints. Raises: SpecError with its own words."""
    try:
        done = subprocess.run(["kubectl", *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except FileNotFoundError:
        raise SpecError("kubectl is not on PATH: install it, or leave --cluster out for a local run.") from None
    except subprocess.TimeoutExpired:
        raise SpecError(f"The cluster did not answer within {TIMEOUT_S} seconds: check the kubeconfig.") from None
    if done.returncode != 0:
        raise SpecError(f"kubectl {arguments[0]}: {' '.join(done.stderr.split()) or 'it failed without a word'}")
    return done.stdout


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
        body = self._read()
        spec = Prompt2ModelSpec.model_validate(body["spec"])
        status = Prompt2ModelStatus.model_validate(body.get("status") or {})
        if status.discovered is None:
            why = f"{self.name} has no candidates yet, its phase is {status.phase}"
            raise SpecError(f"{why}: wait until discover is done, or see `kubectl describe p2m {self.name}`.")
        outputs, all_of_them = self._outputs(status), self._whole(status)
        facts = Facts(outputs.catalogs or [])
        if all_of_them is not None:
            datasets = [OfferedDataset(c, facts.of_dataset(c.name), c.score) for c in all_of_them.datasets]
            students = [OfferedStudent(c, facts.of_student(c.name), c.score) for c in all_of_them.students]
        else:
            shown, best = outputs.dataset_candidates or [], outputs.student_candidates or []
            datasets = [OfferedDataset(c, facts.of_dataset(c.name), c.score) for c in shown]
            datasets += [_dataset_by_name(other, facts) for other in outputs.other_datasets or []]
            students = [OfferedStudent(c, facts.of_student(c.name), c.score) for c in best]
            by_name = [_student_by_name(other, facts) for other in outputs.other_students or []]
            students += [offered for offered in by_name if offered is not None]
        return Offers(
            name=self.name,
            where=f"In the cluster, namespace {body['metadata'].get('namespace', 'default')}",
            spec=spec,
            instruction=status.discovered.instruction or "",
            demonstrations=spec.demonstrations,
            datasets=datasets,
            students=students,
            outputs=outputs,
            notes=[*facts.notes, *self.notes],
        )

    def propose(self, fields: Fields) -> Proposal:
        """See Place. Shown are the fields that change, not the whole resource."""
        spec = self._read()["spec"]
        proposal = _proposal({"spec": spec}, fields)
        try:
            Prompt2ModelSpec.model_validate(_merged(spec, patch_of(fields)["spec"]))
        except ValidationError as error:
            raise SpecError(f"{self.name}: {error.errors()[0]['msg']}.") from error
        return proposal

    def save(self, proposal: Proposal) -> str:
        """See Place. Patches these fields alone."""
        if _proposal(self._read(), proposal.fields) != proposal:
            raise SpecError(f"{self.name} was changed meanwhile: look at the lines again, and save once more.")
        patch = json.dumps(patch_of(proposal.fields))
        self.run(["patch", RESOURCES, self.name, "--type", "merge", "-p", patch, *self.options])
        watch = " ".join(["kubectl get p2m", self.name, *self.options, "-w"])
        return f"{self.name} is patched. `{watch}` shows how it continues."

    def _read(self) -> Tree:
        tree: Tree = json.loads(self.run(["get", RESOURCES, self.name, "-o", "json", *self.options]))
        return tree

    def _outputs(self, status: Prompt2ModelStatus) -> StageOutputs:
        """The result of discover; what the status has of it where StageRuns must not be read."""
        assert status.discovered is not None
        file = status.discovered.candidates_file or ""
        try:
            found = json.loads(
                self.run(["get", STAGE_RUNS, "-l", f"{OF_RESOURCE}={self.name}", "-o", "json", *self.options])
            )
        except SpecError as error:
            self.notes.append(f"The nearest five candidates alone are shown. {error}")
            found = {"items": []}
        for body in found["items"]:
            run = StageRun.model_validate(body)
            if run.status.result is not None and f"/{stage_folder(run.spec.stage, run.spec.digest)}/" in file:
                return run.status.result.outputs
        shown = status.discovered
        return StageOutputs(dataset_candidates=shown.dataset_candidates, student_candidates=shown.student_candidates)

    def _whole(self, status: Prompt2ModelStatus) -> Candidates | None:
        """candidates.json, where this machine can read its address."""
        assert status.discovered is not None
        folder = (status.discovered.candidates_file or "").rpartition("/")[0]
        if not folder.startswith(("s3://", "gs://")):
            self.notes.append(
                "The candidates behind the nearest five are known by name: candidates.json, on the resource's volume, has the rest."
            )
            return None
        try:
            return Candidates.read(Folder(folder))
        except (OSError, ValueError, ImportError, StageError) as error:
            self.notes.append(
                f"The candidates behind the nearest five are known by name: {folder} cannot be read ({error})."
            )
            return None


def patch_of(fields: Fields) -> Tree:
    """The merge patch: a choice takes the place of another one whole, so what it does not have is removed."""
    tree: Tree = {}
    for path, value in fields.items():
        inner = tree
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        empty = {info.alias or name: None for name, info in Choice.model_fields.items()} if path == CHOICE_PATH else {}
        inner[path[-1]] = {**empty, **value} if path == CHOICE_PATH else value
    return tree


def _proposal(resource: Mapping[str, Any], fields: Fields) -> Proposal:
    before: Tree = {}
    after: Tree = {}
    for path, value in fields.items():
        old: Any = resource
        for name in path:
            old = old.get(name) if isinstance(old, Mapping) else None
        if old is not None:
            _put(before, path, old)
        _put(after, path, value)
    return Proposal(rendered(before) if before else "", rendered(after), fields)


def _put(tree: Tree, path: Sequence[str], value: Any) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value


def _merged(tree: Any, patch: Any) -> Any:
    """RFC 7386, as the API server does it."""
    if not isinstance(patch, dict):
        return patch
    found = dict(tree) if isinstance(tree, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = _merged(found.get(name), value)
    return found


def _dataset_by_name(other: OtherCandidate, facts: Facts) -> OfferedDataset:
    entries = facts.of_dataset(other.name)
    entry = entries[0] if entries else None
    candidate = DatasetCandidate(
        name=other.name,
        revision=other.revision,
        config=entry.config if entry else None,
        split=entry.split if entry else "train",
        input_columns=entry.input_columns if entry else [],
        output_column=entry.output_column if entry else None,
        license=other.license or (entry.license if entry else None),
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
