"""What the page answers to each thing that a person does on it: plain values in, plain values out."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from prompt2model_api.gates import GateState
from prompt2model_api.loading import SpecError
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import Choice
from prompt2model_stages.choosing import html
from prompt2model_stages.choosing.offers import OfferedDataset, Offers
from prompt2model_stages.choosing.options import DatasetOption, dataset_options
from prompt2model_stages.choosing.picking import (
    Pick,
    choice_of,
    config_of,
    fields_of,
    given,
    note_of,
    problem_of,
    proposed,
    unclear_of,
)
from prompt2model_stages.choosing.previewing import preprocessing_of, preview
from prompt2model_stages.choosing.proposing import Place, Proposal, SavedOtherwiseError, refuse_others
from prompt2model_stages.choosing.sampling import Sample, sample
from prompt2model_stages.choosing.tables import dataset_facts, description_of, student_facts
from prompt2model_stages.prepare.tables import Table

LEAVE = ""
NONE = "none: true"
"""The option for no dataset; no dataset has such a name."""
OF_NAME = ("license", "configurations", "tasks", "downloads", "gated", "commit")
"""Facts that are true of all configurations of a dataset."""
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
    """What saving would do.

    problem: why it cannot be saved. proposal: None where there is nothing to save. note: what else a person should know.
    """

    problem: str = ""
    proposal: Proposal | None = None
    note: str = ""

    @property
    def text(self) -> str:
        """As a part of the page."""
        if self.problem:
            return html.warning(self.problem)
        written = html.lines(self.proposal.lines) if self.proposal else html.note("Nothing changes.")
        return written + html.note(self.note)


@dataclass
class Chooser:
    """One page.

    saved: what to tell in the terminal once it was saved.
    saved_otherwise: what to tell there where something was written, but not what was shown.
    datasets: that can be selected, each by its label.
    """

    place: Place
    offers: Offers
    saved: str = ""
    saved_otherwise: str = ""
    datasets: Sequence[DatasetOption] = ()
    _read: dict[tuple[str, str, str], Sample] = field(default_factory=dict)
    _saving: threading.Lock = field(default_factory=threading.Lock)
    _closed: bool = False

    def __post_init__(self) -> None:
        self.datasets = dataset_options(self.offers)

    def dataset_options(self) -> list[Option]:
        """What can be chosen, as a label and a value each."""
        chosen = given(self.offers.spec)
        leave = [] if chosen.name or chosen.none else [(_unasked("dataset", self.offers.unasked_dataset), LEAVE)]
        return [*leave, ("No retrieved dataset", NONE), *((one.label, one.label) for one in self.datasets)]

    def first_dataset(self) -> str:
        """What is selected when the page opens: what the spec names; where the gate waits, the nearest candidate."""
        chosen, labels = (
            next((one.label for one in self.datasets if one.is_given), ""),
            [one.label for one in self.datasets],
        )
        return NONE if given(self.offers.spec).none else _first(chosen, labels, self.offers.unasked_dataset)

    def dataset(self, selected: str) -> DatasetOption:
        """What is selected: an option by its label, or a dataset by its name, which is the spec's or the nearest one."""
        labelled = next((one for one in self.datasets if one.label == selected), None)
        if labelled is not None or selected in (LEAVE, NONE):
            return labelled or DatasetOption(selected, selected)
        name = self.place.located(selected)
        of_name = sorted((one for one in self.datasets if one.name == name), key=lambda one: not one.is_given)
        return next(iter(of_name), None) or DatasetOption(selected, name)

    def student_options(self) -> list[Option]:
        """What can be chosen, as a label and a value each."""
        names = [offered.candidate.name for offered in self.offers.students]
        return _options(self.offers.spec.student.name or "", names, _unasked("student", self.offers.unasked_student))

    def first_student(self) -> str:
        """See first_dataset; of the candidates, the nearest that nothing is known against."""
        names = [offered.candidate.name for offered in self.offers.students]
        fitting = [name for name in names if not self.offers.objection(None, name)]
        return _first(self.offers.spec.student.name or "", fitting or names, self.offers.unasked_student)

    def open_dataset(self, selected: str) -> Opened:
        """A dataset that was selected, with its first rows: as the spec has it, else as the candidate's facts propose it."""
        if selected in (LEAVE, NONE):
            said = self.offers.unasked_dataset.message if selected == LEAVE else "No existing dataset is used."
            return Opened(html.note(said), Pick(none=selected == NONE))
        option = self.dataset(selected)
        pick = self._given() if option.is_given else Pick(option.name, split="", is_other=True)
        offered = option.offered or self.offers.dataset(option.name, pick.config or None)
        if offered is None:
            card = html.card(
                option.label, "It is none of the candidates: nothing is known of it but what its rows show.", []
            )
            return self.read(Opened(card, pick))
        if not option.is_given:
            pick = proposed(offered.candidate)
        facts, description = dataset_facts(offered), description_of(offered)
        if option.offered is None:  # a candidate of another configuration, of which other things are true
            facts, description = [fact for fact in facts if fact[0] in OF_NAME], ""
        card = html.card(option.label, description, facts)
        return self.read(Opened(card, pick, self._configs(offered, pick)))

    def _configs(self, offered: OfferedDataset, pick: Pick) -> list[str]:
        """Those that are known of a dataset, and the one that is picked."""
        same = [one.offered.candidate.config for one in self.datasets if one.offered and one.name == pick.name]
        known = [*(entry.config for entry in offered.entries), *same, pick.config]
        return list(dict.fromkeys(config for config in known if config))

    def _given(self) -> Pick:
        """The dataset of the spec, as the page has it before anybody touched it."""
        choice = self.offers.spec.datasets.choice
        known = self.offers.known(choice.name, choice.config) if choice and choice.name else None
        pick = given(self.offers.spec, known)
        found = self._read.get((pick.name, pick.config, pick.split))
        return replace(pick, config=found.config, split=found.split) if found else pick

    def read(self, opened: Opened) -> Opened:
        """With the first rows of what is picked, which are read once."""
        pick = opened.pick
        key = (pick.name, pick.config, pick.split)
        found = self._read.get(key)
        if found is None:
            offered = self.offers.dataset(pick.name, pick.config or None)
            found = sample(*key, offered.candidate.revision if offered else None)
            if found.table.rows:
                self._read[key] = found
        if not found.table.rows:
            return replace(opened, sample=found, pick=replace(pick, split=pick.split or found.split))
        return replace(opened, sample=found, pick=replace(pick, config=found.config, split=found.split))

    def _as_found(self, pick: Pick) -> Pick:
        """A pick of a candidate's default configuration without its name, as discover found it: it goes by that.

        The page shows the name once the rows are read. Where other configurations of it are at hand, the name tells them apart.
        """
        found = [one.candidate for one in self.offers.datasets if one.candidate.name == pick.name]
        choice = self.offers.spec.datasets.choice
        named = [one.name for one in choice.datasets()] if choice is not None else []
        is_alone = len({one.config for one in found}) == 1 and found[0].config is None and not found[0].config_wanted
        is_default = pick.is_other and bool(pick.config) and pick.config == self._default_config(pick.name)
        return replace(pick, config="") if is_alone and is_default and pick.name not in named else pick

    def _default_config(self, name: str) -> str:
        """What was read where no configuration was named; empty where nothing was."""
        read = (found.config for (of, config, _), found in self._read.items() if of == name and not config)
        return next(read, "")

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
        return html.row(preview(read.table, pick, preprocessing, row, transform=transform, integral=read.integral))

    def show(self, pick: Pick, read: Sample, student: str) -> Shown:
        """What saving would write into the resource as it is now. What nobody touched on the page is left as it is."""
        as_given = self._given()
        asked = Pick() if pick == as_given and not pick.is_other else pick
        name = student.strip() if student.strip() != (self.offers.spec.student.name or "") else ""
        asked = self._as_found(asked)
        if problem := problem_of(asked, read.columns):
            return Shown(problem)
        try:
            present = self.place.present()
            refuse_others(self.offers.name, (self.offers.identity, self.offers.spec), present)
            before = present.spec.datasets.choice
            known = self.offers.known(asked.name, config_of(asked, before, as_given))
            is_edited = before != self.offers.spec.datasets.choice
            choice = choice_of(asked, before, None if is_edited else as_given, known)
            if unclear := unclear_of(choice, before):
                return Shown(unclear)
            default = self._default_config(asked.name)
            fields = fields_of(choice, name, present.spec, default)
            offers = replace(self.offers, spec=present.spec)
            if objection := offers.objection(choice, name):
                return Shown(objection)
            if not fields:
                said = offers.objection(before, present.spec.student.name or "")
                return Shown(note=" ".join(filter(None, [self._edited(choice, name, present.spec), said])))
            said = note_of(fields, present.spec, default)
            note = " ".join(filter(None, [said, self._edited(choice, name, present.spec)]))
            return Shown(proposal=self.place.propose(present, fields), note=note)
        except (SpecError, ValueError) as error:
            return Shown(str(error))

    def _edited(self, choice: Choice | None, student: str, now: Prompt2ModelSpec) -> str:
        """That what nobody touched on the page is another one by now, and stays that; empty where it is the same."""
        then, said = self.offers.spec, []
        if choice is None and now.datasets.choice != then.datasets.choice:
            said.append("datasets.choice was edited while this page was open, and stays as it is now.")
        if not student and now.student.name != then.student.name:
            said.append("student.name was edited while this page was open, and stays as it is now.")
        return " ".join(said)

    def save(self, shown: Shown, pick: Pick, read: Sample, student: str) -> tuple[Shown, str]:
        """Writes what was shown; returns what is shown now, and a sentence above it."""
        with self._saving:
            if self._closed or self.saved:
                ended = "was ended" if self.saved_otherwise else "was ended, and nothing was saved"
                why = "was saved already" if self.saved else ended
                return shown, html.warning(f"This command {why}: start it again to choose again.")
            return self._save(shown, self.show(pick, read, student))

    def _save(self, shown: Shown, now: Shown) -> tuple[Shown, str]:
        if now.problem:
            return now, ""
        if now != shown:
            return now, html.warning("The lines have changed: look at them, and save once more.")
        if now.proposal is None:
            return now, html.warning("Nothing changes: there is nothing to save.")
        try:
            self.saved = self.place.save(now.proposal)
        except SavedOtherwiseError as error:
            self.saved_otherwise = str(error)
            return now, html.warning(self.saved_otherwise)
        except SpecError as error:
            return now, html.warning(str(error))
        return now, html.done(f"{self.saved} You can close this page: the command has ended.")

    @property
    def at_work(self) -> bool:
        """Whether something is being saved."""
        return self._saving.locked()

    def close(self) -> str:
        """From now on nothing is saved. Waits for a save that is at work; returns what was saved, empty: nothing."""
        with self._saving:
            self._closed = True
            return self.saved


def _options(chosen: str, names: Sequence[str], leave: str) -> list[Option]:
    """chosen: what the spec names. leave: label of the option to write nothing, where the spec names nothing."""
    known = [*([chosen] if chosen and chosen not in names else []), *names]
    return [*([(leave, LEAVE)] if leave and not chosen else []), *((name, name) for name in known)]


def _first(chosen: str, names: Sequence[str], unasked: GateState) -> str:
    """What the spec names; where the gate waits, the nearest."""
    return chosen or (names[0] if names and not unasked.open else LEAVE)


def _unasked(what: str, gate: GateState) -> str:
    """The option to write nothing."""
    if not gate.open or gate.decision is None:
        return f"No {what} is chosen yet"
    decided = gate.decision
    used = decided.dataset
    dataset = f"{used.name} ({used.config})" if used and used.config else used.name if used else None
    name = decided.student if what == "student" else dataset
    return f"Leave it as it is: {name or f'no {what}'} is used unasked"
