"""What the page answers to each thing that a person does on it: plain values in, plain values out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from prompt2model_api.loading import SpecError
from prompt2model_stages.choosing.proposing import Proposal
from prompt2model_stages.examples import Pair
from prompt2model_stages.reviewing import likeness, versions
from prompt2model_stages.reviewing.filtering import Finder, Wanted
from prompt2model_stages.reviewing.local_review import Generated
from prompt2model_stages.reviewing.rows import State, Verdict
from prompt2model_stages.reviewing.versions import Draft

PAGE = 25
"""Rows that are in the browser at a time."""


class Place(Protocol):
    """Where the resource's file is."""

    def propose(self, accepted: str, examples_sha256: str) -> Proposal:
        """What naming a version would write. Raises: SpecError."""

    def save(self, proposal: Proposal) -> str:
        """Writes it; returns what to do next. Raises: SpecError."""


@dataclass(frozen=True)
class Action:
    """What a person did. row: its place; seen: the edit that made it as it was shown; at: a place in what was found."""

    do: str
    row: int = 0
    seen: int = 0
    field: Literal["input", "output"] = "output"
    text: str = ""
    at: int = 0

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Action:
        """What the browser sent. Raises: ValueError."""
        given = {name: told[name] for name in ("do", "row", "seen", "field", "text", "at") if name in told}
        action = cls(**given)
        numbers = all(isinstance(one, int) for one in (action.row, action.seen, action.at))
        if not numbers or action.field not in ("input", "output") or not isinstance(action.text, str):
            raise ValueError("the page sent something that it does not send")
        return action


@dataclass(frozen=True)
class View:
    """What one browser window shows. at: the current row's place among those found; said: a sentence on what was done."""

    wanted: Wanted = field(default_factory=Wanted)
    at: int = 0
    offers: Sequence[likeness.Offer] = ()
    said: str = ""
    wrong: bool = False
    turn: int = 0


@dataclass(frozen=True)
class Line:
    """A row as it is shown. family: of near-duplicates; 0: none."""

    place: int
    state: State
    verdict: Verdict
    generated: Pair
    votes: int
    of: int
    family: int


@dataclass(frozen=True)
class Drafted:
    """What saving would write. problem: why the file cannot be edited; the version can be saved all the same."""

    draft: Draft
    proposal: Proposal | None = None
    problem: str = ""


@dataclass
class Reviewer:
    """One page, in as many windows as there are. saved: what was saved last."""

    place: Place
    generated: Generated
    say: Callable[[str], None] = lambda text: None
    saved: Draft | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.rows = self.generated.rows
        self.finder = Finder(self.rows)
        self.edits_before = len(self.rows.journal.edits)

    def search(self, view: View, wanted: Wanted) -> View:
        """Another search, from its first row on."""
        return View(wanted, turn=view.turn + 1)

    def found(self, view: View) -> Sequence[int]:
        """Places of the rows that a window shows, on all its pages."""
        with self._lock:
            return self.finder.found(view.wanted)

    def lines(self, view: View) -> list[Line]:
        """The rows of the page with the current row."""
        with self._lock:
            first = view.at // PAGE * PAGE
            return [self._line(place) for place in self.finder.found(view.wanted)[first : first + PAGE]]

    def act(self, view: View, action: Action) -> View:
        """What a window shows after something was done on it."""
        with self._lock:
            view = replace(view, said="", wrong=False, turn=view.turn + 1)
            try:
                return self._act(view, action)
            except SpecError as error:
                return replace(view, said=str(error), wrong=True)

    def draft(self) -> Drafted:
        """What saving would write now."""
        with self._lock:
            made = versions.draft(self.rows, self.generated.examples_sha256)
            if made.counts.removed == len(self.rows):
                return Drafted(made, problem="All rows are removed: there is nothing to save.")
            try:
                return Drafted(made, self.place.propose(made.accepted, made.examples_sha256))
            except SpecError as error:
                return Drafted(made, problem=str(error))

    def save(self, shown: Drafted, *, into_file: bool) -> str:
        """Writes what was shown; returns what to do next. Raises: SpecError where it is not what would be written now."""
        with self._lock:
            now = self.draft()
            if now.draft.accepted != shown.draft.accepted or now.draft.counts.removed == len(self.rows):
                raise SpecError(now.problem or "Rows were changed since: look at what is saved, and save once more.")
            if into_file and (now.proposal is None or now.proposal != shown.proposal):
                raise SpecError(now.problem or "The lines have changed: look at them, and save once more.")
            try:
                name = versions.write(self.generated.folder, self.rows, now.draft)
            except OSError as error:
                raise SpecError(f"{error.filename} cannot be written ({error.strerror}): nothing was saved.") from error
            self.saved = now.draft
            told = (
                f"Saved as {name}." if name else "The examples are used as they were generated: no version is needed."
            )
            next_step = self.place.save(now.proposal) if into_file and now.proposal is not None else _by_hand(now.draft)
            self.say(f"{told} {next_step}")
            return f"{told} {next_step}"

    def ended(self) -> str:
        """What to tell at the end."""
        with self._lock:
            new = len(self.rows.journal.edits) - self.edits_before
            kept = (
                f"{new:,} edits of this session are kept in {self.rows.journal.file}."
                if new
                else "Nothing was changed."
            )
            now = versions.draft(self.rows, self.generated.examples_sha256)
            is_saved = self.saved is not None and self.saved.accepted == now.accepted
            unsaved = new and now.counts.unreviewed < len(self.rows) and not is_saved
            return f"{kept} They are not saved as a version yet: `p2m review` goes on." if unsaved else kept

    def _act(self, view: View, action: Action) -> View:
        match action.do:
            case "page":
                return replace(view, at=self._within(view, action.at), offers=())
            case "undo":
                return self._undo(view)
            case "like":
                return self._like(view, action.at)
            case "accept-page":
                places = [line.place for line in self.lines(view)]
                edit = self.rows.accept(places)
                said = f"{_rows(len(edit.rows))} accepted." if edit else "Nothing on this page was left to accept."
                return replace(view, at=self._within(view, (view.at // PAGE + 1) * PAGE), offers=(), said=said)
        return self._on_row(view, action)

    def _on_row(self, view: View, action: Action) -> View:
        place = action.row
        if not 0 <= place < len(self.rows):
            raise SpecError("There is no such row.")
        state, at = self.rows.state(place), self._at(view, place)
        if state.edit != action.seen:
            raise SpecError(f"Row {place + 1} was changed in another window meanwhile: look at it again.")
        if action.do == "edit":
            return self._edit(replace(view, at=at), action)
        if action.do == "accept":
            if state.removed:
                raise SpecError(f"Row {place + 1} is removed: restore it to accept it.")
            self.rows.accept([place])
        elif action.do == "remove":
            self.rows.restore(place) if state.removed else self.rows.remove(place)
        return replace(view, at=self._after(view, place, at), offers=())

    def _edit(self, view: View, action: Action) -> View:
        place, before = action.row, self.rows.state(action.row)
        text = _clean(action.text)
        old = getattr(before, action.field)
        if text == _clean(old):
            return view
        if not text.strip():
            raise SpecError("An example needs an input and an output: remove the row instead.")
        pair = Pair(**{"input": before.input, "output": before.output, action.field: text})
        if action.field == "input" and (twin := self.rows.asks_the_same(text, place)) is not None:
            raise SpecError(f"Row {twin + 1} asks the same already: correct or remove that one.")
        self.rows.correct({place: pair})
        found = likeness.offers(self.rows, place, Pair(before.input, before.output), pair)
        return replace(view, at=self._after(view, place, view.at, stay=True), offers=found)

    def _like(self, view: View, number: int) -> View:
        """The correction of the last edit in all rows like it. One that would ask what another row asks is left as it is."""
        if not 0 <= number < len(view.offers):
            raise SpecError("There is no such correction any more.")
        # What it is about is found again: since it was offered, rows may have been changed in another window.
        pattern = view.offers[number].pattern
        offer = likeness.offer_of(self.rows, pattern)
        texts: dict[int, Pair] = {}
        asked: set[str] = set()
        for place in offer.places:
            pair = likeness.corrected(pattern, self.rows.state(place))
            if pattern.field == "input" and (
                pair.input in asked or self.rows.asks_the_same(pair.input, place) is not None
            ):
                continue
            asked.add(pair.input)
            texts[place] = pair
        if texts:
            self.rows.correct(texts, note=pattern.words)
        left = len(offer.places) - len(texts)
        said = f"{_rows(len(texts))} corrected." + (f" Not {_rows(left)}: another row asks the same." if left else "")
        return replace(view, at=self._within(view, view.at), offers=(), said=said)

    def _undo(self, view: View) -> View:
        places = self.rows.undo()
        if places is None:
            return replace(view, said="There is nothing to undo.", offers=())
        rows = f"row {places[0] + 1}" if len(places) == 1 else _rows(len(places))
        found = self.finder.found(view.wanted)
        at = found.index(places[0]) if places[0] in found else self._within(view, view.at)
        return replace(view, at=at, offers=(), said=f"Undone: {rows}.")

    def _at(self, view: View, place: int) -> int:
        """Where a row is among those found: on the shown page as a rule."""
        found = self.finder.found(view.wanted)
        first = view.at // PAGE * PAGE
        for at in range(first, min(first + PAGE, len(found))):
            if found[at] == place:
                return at
        return view.at

    def _after(self, view: View, place: int, at: int, *, stay: bool = False) -> int:
        """The row after the one that was decided, which may be found no more; stay: the row itself."""
        found = self.finder.found(view.wanted)
        is_there = at < len(found) and found[at] == place
        return self._within(view, at + 1 if is_there and not stay else at)

    def _within(self, view: View, at: int) -> int:
        return max(0, min(at, len(self.finder.found(view.wanted)) - 1))

    def _line(self, place: int) -> Line:
        row = self.rows.generated[place]
        state, verdict = self.rows.state(place), self.rows.verdict(place)
        return Line(
            place, state, verdict, Pair(row.input, row.output), row.votes, row.of, self.finder.family(place) or 0
        )


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _clean(text: str) -> str:
    """As it can be written to a file, with line breaks of one kind: a browser makes them so."""
    whole = text.encode("utf-8", "replace").decode()
    return whole.replace("\r\n", "\n").replace("\r", "\n")


def _by_hand(draft: Draft) -> str:
    return f"Write this into the file, under spec.generation: accepted: {draft.accepted}"
