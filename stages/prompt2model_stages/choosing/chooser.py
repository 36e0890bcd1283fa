"""What the page answers to each thing that a person does on it: plain values in, plain values out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from prompt2model_api.gates import GateState
from prompt2model_api.loading import SpecError
from prompt2model_stages.choosing import html
from prompt2model_stages.choosing.offers import Offers
from prompt2model_stages.choosing.picking import Pick, choice_of, fields_of, given, problem_of
from prompt2model_stages.choosing.previewing import preprocessing_of, preview
from prompt2model_stages.choosing.proposing import Place, Proposal
from prompt2model_stages.choosing.sampling import Sample, sample
from prompt2model_stages.choosing.tables import dataset_facts, description_of, student_facts
from prompt2model_stages.prepare.tables import Table

LEAVE = ""
NONE = "none: true"
"""The option for no dataset; no dataset has such a name."""
EMPTY = Sample(Table("", (), ()))

Option = tuple[str, str]


@dataclass(frozen=True)
class Opened:
    """A dataset that was selected: what the pickers have then, and what was read of it."""

    card: str
    pick: Pick
    configs: Sequence[str] = ()
    sample: Sample = EMPTY

    @property
    def columns(self) -> list[str]:
        """Those to pick from: of the split, and those that are picked although nothing could be read."""
        picked = [*self.pick.inputs, *([self.pick.output] if self.pick.output else [])]
        return list(dict.fromkeys([*self.sample.columns, *picked]))


@dataclass(frozen=True)
class Shown:
    """What saving would do. problem: why it cannot be saved; proposal: None where there is nothing to save."""

    problem: str = ""
    proposal: Proposal | None = None

    @property
    def text(self) -> str:
        """As a part of the page."""
        if self.problem:
            return html.warning(self.problem)
        return html.lines(self.proposal.lines) if self.proposal else html.note("Nothing changes.")


@dataclass
class Chooser:
    """One page. saved: what to tell in the terminal once it was saved."""

    place: Place
    offers: Offers
    saved: str = ""
    _read: dict[tuple[str, str, str], Sample] = field(default_factory=dict)

    def dataset_options(self) -> list[Option]:
        """What can be chosen, as a label and a value each."""
        names = [offered.candidate.name for offered in self.offers.datasets]
        chosen = given(self.offers.spec)
        more = [chosen.name] if chosen.name and chosen.name not in names else []
        leave = [] if chosen.name or chosen.none else [(_unasked("dataset", self.offers.unasked_dataset), LEAVE)]
        return [*leave, ("No retrieved dataset", NONE), *((name, name) for name in [*more, *names])]

    def first_dataset(self) -> str:
        """What is selected when the page opens: what the spec names; where the gate waits, the nearest candidate."""
        chosen = given(self.offers.spec)
        if chosen.none or chosen.name:
            return NONE if chosen.none else chosen.name
        waits = not self.offers.unasked_dataset.open and self.offers.datasets
        return self.offers.datasets[0].candidate.name if waits else LEAVE

    def student_options(self) -> list[Option]:
        """What can be chosen, as a label and a value each."""
        names = [offered.candidate.name for offered in self.offers.students]
        chosen = self.offers.spec.student.name
        more = [chosen] if chosen and chosen not in names else []
        leave = [] if chosen else [(_unasked("student", self.offers.unasked_student), LEAVE)]
        return [*leave, *((name, name) for name in [*more, *names])]

    def first_student(self) -> str:
        """See first_dataset."""
        if self.offers.spec.student.name:
            return self.offers.spec.student.name
        waits = not self.offers.unasked_student.open and self.offers.students
        return self.offers.students[0].candidate.name if waits else LEAVE

    def open_dataset(self, name: str) -> Opened:
        """A dataset that was selected, with its first rows."""
        if name in (LEAVE, NONE):
            said = self.offers.unasked_dataset.message if name == LEAVE else "No existing dataset is used."
            return Opened(html.note(said), Pick(none=name == NONE))
        offered, pick = self.offers.dataset(name), given(self.offers.spec)
        if pick.name != name:
            pick = Pick(name=name, split="")
        if offered is None:
            card = html.card(name, "It is none of the candidates: nothing is known of it but what its rows show.", [])
            return self.read(Opened(card, pick))
        candidate = offered.candidate
        if pick.name == name and not pick.inputs:
            pick = Pick(
                name,
                False,
                candidate.config or "",
                candidate.split,
                candidate.input_columns,
                candidate.output_column or "",
            )
        card = html.card(name, description_of(offered), dataset_facts(offered))
        configs = [entry.config for entry in offered.entries if entry.config]
        return self.read(Opened(card, pick, list(dict.fromkeys([*configs, *([pick.config] if pick.config else [])]))))

    def read(self, opened: Opened) -> Opened:
        """With the first rows of what is picked, which are read once."""
        pick = opened.pick
        key = (pick.name, pick.config, pick.split)
        found = self._read.get(key)
        if found is None:
            offered = self.offers.dataset(pick.name)
            found = sample(*key, offered.candidate.revision if offered else None)
            if found.table.rows:
                self._read[key] = found
        if not found.table.rows:
            return replace(opened, sample=found, pick=replace(pick, split=pick.split or found.split))
        return replace(opened, sample=found, pick=replace(pick, config=found.config, split=found.split))

    def student_card(self, name: str) -> str:
        """What is known of a student."""
        if name == LEAVE:
            return html.note(self.offers.unasked_student.message)
        offered = self.offers.student(name)
        if offered is None:
            return html.card(name, "It is none of the candidates: it is checked when the resource runs.", [])
        return html.card(name, description_of(offered), student_facts(offered))

    def preview(self, pick: Pick, read: Sample, row: int) -> str:
        """A training row."""
        if pick.none or not pick.name:
            return html.note("No dataset is chosen: there is no row to show.")
        if problem := problem_of(pick, read.columns):
            return html.warning(problem)
        if not read.table.rows:
            return html.note("No row can be shown: the reason is below.")
        preprocessing = preprocessing_of(self.offers.spec, self.offers.instruction)
        transform = self.offers.spec.datasets.transform != "None"
        return html.row(preview(read.table, pick, preprocessing, row, transform=transform))

    def show(self, pick: Pick, read: Sample, student: str) -> Shown:
        """What saving would write."""
        if problem := problem_of(pick, read.columns):
            return Shown(problem)
        try:
            choice, student = choice_of(pick), student.strip()
            fields = fields_of(choice, student, self.offers.spec)
            if objection := self.offers.objection(choice, student):
                return Shown(objection)
            return Shown(proposal=self.place.propose(fields) if fields else None)
        except (SpecError, ValueError) as error:
            return Shown(str(error))

    def save(self, shown: Shown, pick: Pick, read: Sample, student: str) -> tuple[Shown, str]:
        """Writes what was shown; returns what is shown now, and a sentence above it."""
        now = self.show(pick, read, student)
        if now.problem:
            return now, ""
        if now != shown:
            return now, html.warning("The lines have changed: look at them, and save once more.")
        if now.proposal is None:
            return now, html.warning("Nothing changes: there is nothing to save.")
        try:
            self.saved = self.place.save(now.proposal)
        except SpecError as error:
            return now, html.warning(str(error))
        return now, html.done(f"{self.saved} You can close this page: the command has ended.")


def _unasked(what: str, gate: GateState) -> str:
    """The option to write nothing."""
    if not gate.open or gate.decision is None:
        return f"No {what} is chosen yet"
    decided = gate.decision
    name = decided.student if what == "student" else decided.dataset.name if decided.dataset else None
    return f"Leave it as it is: {name or f'no {what}'} is used unasked"
