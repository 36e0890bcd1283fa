"""What a person chooses from: the candidates of a resource, with the facts that a catalog has of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from prompt2model_api.choice_gate import dataset_gate, student_gate
from prompt2model_api.gates import GateState
from prompt2model_api.prompt2model import Demonstration, Prompt2ModelSpec
from prompt2model_api.results import CatalogUsed, Choice, DatasetCandidate, StageOutputs, StudentCandidate
from prompt2model_api.texts import sentence
from prompt2model_stages.catalogs.entries import DatasetEntry, ModelEntry
from prompt2model_stages.catalogs.opening import Catalog, open_datasets, open_models
from prompt2model_stages.errors import StageError


@dataclass(frozen=True)
class OfferedDataset:
    """A candidate. entries: what the catalog has of it, one for each configuration. score: None where it is not known."""

    candidate: DatasetCandidate
    entries: Sequence[DatasetEntry] = ()
    score: float | None = None

    @property
    def entry(self) -> DatasetEntry | None:
        """The catalog's entry of the candidate's configuration; None where it has none: others tell of other rows."""
        configs = (self.candidate.config, self.candidate.config or self.candidate.default_config)
        return next((entry for config in configs for entry in self.entries if entry.config == config), None)

    @property
    def of_name(self) -> DatasetEntry | None:
        """An entry for what all configurations have in common: license, tasks, downloads, consent."""
        return self.entry or next(iter(self.entries), None)


@dataclass(frozen=True)
class OfferedStudent:
    """A candidate. entry: what the catalog has of it. score: None where it is not known."""

    candidate: StudentCandidate
    entry: ModelEntry | None = None
    score: float | None = None


@dataclass(frozen=True)
class Offers:
    """All that the page shows.

    name, where: of the resource; the file that it is in, or the cluster.
    spec, identity: as they are when the candidates are read (see proposing.Present).
    outputs: of discover, which the gates read.
    notes: what a person should know, a sentence each.
    """

    name: str
    where: str
    spec: Prompt2ModelSpec
    identity: str
    instruction: str
    demonstrations: Sequence[Demonstration]
    datasets: Sequence[OfferedDataset]
    students: Sequence[OfferedStudent]
    outputs: StageOutputs
    notes: Sequence[str] = ()

    @property
    def unasked_dataset(self) -> GateState:
        """What the gate does without a choice."""
        return dataset_gate(with_choice(self.spec, None, None), self.outputs)

    @property
    def unasked_student(self) -> GateState:
        """What the gate does without a name."""
        return student_gate(with_choice(self.spec, None, None), self.outputs)

    def objection(self, choice: Choice | None, student: str) -> str:
        """Why this choice cannot work, such as for its license; empty where nothing is known against it.

        Args:
            choice: None: not asked for.
            student: empty: not asked for.
        """
        spec = with_choice(self.spec, choice, student or None)
        gates = [
            *([dataset_gate(spec, self.outputs)] if choice else []),
            *([student_gate(spec, self.outputs)] if student else []),
        ]
        closed = next((gate.message for gate in gates if not gate.open), "")
        return closed or self.unusable(student)

    def unusable(self, student: str) -> str:
        """Why a student that was looked into cannot be used; empty where nothing is known against it."""
        offered = self.student(student)
        if offered is None or offered.candidate.unusable is None:
            return ""
        return f"{student} cannot be used: {sentence(offered.candidate.unusable)} Choose another student."

    def known(self, dataset: str, config: str | None) -> DatasetCandidate | None:
        """The candidate by which the gate knows the columns of a dataset's configuration."""
        return next((one for one in self.outputs.dataset_candidates or [] if one.key == (dataset, config)), None)

    def dataset(self, name: str, config: str | None = None) -> OfferedDataset | None:
        """The candidate of this name: of this configuration, where it is one of them."""
        of_name = [offered for offered in self.datasets if offered.candidate.name == name]
        return next(iter([*(one for one in of_name if one.candidate.config == config), *of_name]), None)

    def student(self, name: str) -> OfferedStudent | None:
        """The candidate of this name."""
        return next((offered for offered in self.students if offered.candidate.name == name), None)


def with_choice(spec: Prompt2ModelSpec, choice: Choice | None, student: str | None) -> Prompt2ModelSpec:
    """The spec with this choice in place of its own."""
    datasets = spec.datasets.model_copy(update={"choice": choice})
    return spec.model_copy(update={"datasets": datasets, "student": spec.student.model_copy(update={"name": student})})


@dataclass
class Facts:
    """Entries of the catalogs that the candidates were searched in, by name. notes: why there are none."""

    used: Sequence[CatalogUsed]
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        uris = {catalog.kind: catalog.uri for catalog in self.used}
        self._datasets: Catalog[DatasetEntry] | None = None
        self._models: Catalog[ModelEntry] | None = None
        try:
            self._datasets, self._models = open_datasets(uris.get("datasets")), open_models(uris.get("models"))
        except StageError as error:
            self.notes.append(f"The cards have fewer facts. {error.failure.message}")

    def datasets(self, candidates: Sequence[DatasetCandidate]) -> list[OfferedDataset]:
        """The candidates, each with its entries."""
        return [OfferedDataset(one, self.of_dataset(one.name), one.score) for one in candidates]

    def students(self, candidates: Sequence[StudentCandidate]) -> list[OfferedStudent]:
        """The candidates, each with its entry."""
        return [OfferedStudent(one, self.of_student(one.name), one.score) for one in candidates]

    def of_dataset(self, name: str) -> list[DatasetEntry]:
        """One for each configuration."""
        if self._datasets is None:
            return []
        return [self._datasets.entries[number] for number in self._datasets.numbers.get(name, [])]

    def of_student(self, name: str) -> ModelEntry | None:
        """The model's entry."""
        if self._models is None or name not in self._models.numbers:
            return None
        return self._models.entries[self._models.numbers[name][0]]
