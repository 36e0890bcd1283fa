"""What a person does on the review page: decisions, corrections of all rows like one, versions, and when generate ran again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from prompt2model_api.decide import decide
from prompt2model_api.loading import SpecError, load, resolve_paths
from prompt2model_api.snapshot import MakeStageRun, Snapshot
from prompt2model_api.stage_run import Stage
from prompt2model_api.status import Phase
from prompt2model_stages.choosing.local_place import LocalPlace
from prompt2model_stages.examples import Pair, VotedExample
from prompt2model_stages.local.run_folder import RunFolder
from prompt2model_stages.prepare.near_duplicates import near_duplicates
from prompt2model_stages.reviewed import NotThatVersionError, file_name, read_about, read_version
from prompt2model_stages.reviewing.filtering import Finder, Look, Wanted
from prompt2model_stages.reviewing.html import table
from prompt2model_stages.reviewing.journal import Journal
from prompt2model_stages.reviewing.likeness import Pattern, patterns_of
from prompt2model_stages.reviewing.local_review import LocalReview
from prompt2model_stages.reviewing.reviewer import PAGE, Action, Reviewer, View
from prompt2model_stages.reviewing.rows import Rows, Verdict
from prompt2model_stages.storage import Folder
from tests import generated_runs
from tests.generated_runs import example

pytestmark = pytest.mark.unit

TICKETS = [example(place) for place in range(60)]


@contextmanager
def reviewing(folder: Path, examples: Sequence[VotedExample] | None = None, by: str = "ann") -> Iterator[Reviewer]:
    """The page of a resource; its examples are written where they are given."""
    if examples is not None:
        generated_runs.write(folder, examples)
    review = LocalReview(LocalPlace(folder / "tickets.yaml", folder / "runs"), by)
    with review.opened() as generated:
        yield Reviewer(review, generated)


def do(reviewer: Reviewer, what: str, row: int = 0, text: str = "", view: View | None = None, **more: object) -> View:
    """Does something on a row as it is now."""
    seen = reviewer.rows.state(row).edit
    return reviewer.act(view or View(), Action.read({"do": what, "row": row, "seen": seen, "text": text, **more}))


def verdicts(reviewer: Reviewer, *places: int) -> list[Verdict]:
    return [reviewer.rows.verdict(place) for place in places]


def storage(folder: Path) -> Folder:
    return Folder(str(folder / "runs/default/tickets"))


def test_decisions_count_and_are_undone_one_by_one(tmp_path: Path) -> None:
    with reviewing(tmp_path, TICKETS) as page:
        do(page, "accept", 0)
        do(page, "edit", 1, "billing")
        do(page, "remove", 2)
        do(page, "edit", 3, "  ")  # no example without an output
        assert verdicts(page, 0, 1, 2, 3) == [
            Verdict.ACCEPTED, Verdict.CORRECTED, Verdict.REMOVED, Verdict.UNREVIEWED,
        ]  # fmt: skip
        do(page, "remove", 2)
        do(page, "edit", 1, TICKETS[1].output)
        assert verdicts(page, 1, 2) == [Verdict.ACCEPTED, Verdict.UNREVIEWED]
        for _ in range(6):
            said = do(page, "undo").said
        assert said == "There is nothing to undo." and page.rows.counts().unreviewed == 60


def test_the_current_row_moves_on_and_stays_where_the_list_becomes_shorter(tmp_path: Path) -> None:
    with reviewing(tmp_path, TICKETS) as page:
        assert do(page, "accept", 0).at == 1
        view = page.search(View(), Wanted(verdict=Verdict.UNREVIEWED))
        assert page.lines(view)[0].place == 1
        assert do(page, "accept", 1, view=view).at == 0 and page.lines(view)[0].place == 2
        last = do(page, "accept-page", view=replace(view, at=57))
        assert last.said == "8 rows accepted." and last.at == 49
        assert len(page.lines(View())) == PAGE and len(page.lines(View(at=50))) == 10


def test_what_the_browser_does_not_send_is_refused() -> None:
    for told in ({"do": "edit", "row": "1"}, {"do": "edit", "field": "origin"}, {"row": 1}):
        with pytest.raises((ValueError, TypeError)):
            Action.read(told)


def test_rows_that_changed_in_another_window_are_not_changed_unseen(tmp_path: Path) -> None:
    with reviewing(tmp_path, TICKETS) as page:
        do(page, "remove", 0)
        view = page.act(View(), Action("edit", 0, 0, "output", "login"))
        assert view.wrong and "another window" in view.said and page.rows.state(0).removed


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("lgoin", "login", [("whole", "lgoin", "login")]),
        ("Answer: login", "login", [("whole", "Answer: login", "login"), ("around", "Answer: ", "")]),
        ("login.", "login", [("whole", "login.", "login"), ("around", "", ".")]),
        ("'login'", "login", [("whole", "'login'", "login"), ("around", "'", "'")]),
        ("a  b\n", "a b", [("whole", "a  b\n", "a b"), ("spaces", "", "")]),
        ("login", "", []),
        ("login", "login", []),
    ],
)
def test_what_a_correction_may_mean(before: str, after: str, found: list[tuple[str, str, str]]) -> None:
    patterns = patterns_of(Pair("x", before), Pair("x", after))
    assert [(one.kind, one.before, one.after) for one in patterns] == found
    assert all(one.corrected(before) == after for one in patterns)


@pytest.mark.parametrize("text", ["", ":", "Answer: ", "Answer:  \n", "answer: x", "x Answer: y"])
def test_a_pattern_leaves_what_has_it_not_and_never_leaves_nothing(text: str) -> None:
    assert Pattern("around", "output", "Answer: ").corrected(text) == text


def test_one_correction_is_offered_for_all_rows_like_it_and_undone_as_one(tmp_path: Path) -> None:
    rows = list(TICKETS)
    for place in (4, 7, 10, 13):
        rows[place] = replace(rows[place], output="Answer: login")
    rows[5] = replace(rows[5], output="Answer: shipping")
    with reviewing(tmp_path, rows) as page:
        do(page, "accept", 13)
        do(page, "remove", 10)
        view = do(page, "edit", 4, "login")
        assert [offer.places for offer in view.offers] == [[7], [5, 7]] and view.offers[0].kept == 1
        assert "1 more that you accepted" in view.offers[0].sentence()
        assert page.rows.text(7, "output") == "Answer: login"  # nothing before it is asked for
        assert "“Answer:” at the start" in table(page, view)
        view = page.act(view, Action("like", at=1))
        assert view.said == "2 rows corrected." and not view.offers
        assert [page.rows.text(place, "output") for place in (5, 7, 10, 13)] == [
            "shipping", "login", "Answer: login", "Answer: login",
        ]  # fmt: skip
        do(page, "undo")
        assert verdicts(page, 4, 5, 7) == [Verdict.CORRECTED, Verdict.UNREVIEWED, Verdict.UNREVIEWED]


def test_two_rows_never_ask_the_same_after_a_correction(tmp_path: Path) -> None:
    rows = [
        *TICKETS,
        example(60, "Ticket: order 0 billing"),
        example(61, "Ticket: new one"),
        example(62, "Ticket: other"),
    ]
    with reviewing(tmp_path, rows) as page:
        view = do(page, "edit", 62, rows[0].input.upper(), field="input")
        assert view.wrong and "Row 1 asks the same" in view.said
        view = do(page, "edit", 61, "new one", field="input")
        assert page.act(view, Action("like")).said == "1 row corrected. Not 1 row: another row asks the same."
        do(page, "remove", 0)
        assert not do(page, "edit", 60, "order 0 billing", field="input").wrong


def test_filters(tmp_path: Path) -> None:
    rows = list(TICKETS)
    rows[2] = example(2, "Where is my parcel? I ordered it on Monday", "shipping", 2, 5)
    rows[5] = example(5, "Where is my parcel, I ordered it on Monday?", "shipping")
    finder = Finder(Rows(rows, Journal(tmp_path / "edits.jsonl", "t", "ann")))
    assert near_duplicates(rows)
    assert finder.labels == ["billing", "login", "shipping"] and finder.differing == 1
    assert finder.found(Wanted(look=Look.DIFFERING)) == [2]
    assert finder.found(Wanted(look=Look.NEAR)) == [2, 5] and finder.family(2) == finder.family(5) == 1
    assert finder.found(Wanted(text="PARCEL? i")) == [2]
    assert len(finder.found(Wanted(label="login"))) == 20
    free = [example(place, output=f"free text {place}") for place in range(60)]
    assert Finder(Rows(free, Journal(tmp_path / "edits.jsonl", "t", "ann"))).labels == []


def test_saving_writes_a_version_and_names_it_in_the_file(tmp_path: Path) -> None:
    with reviewing(tmp_path, TICKETS) as page:
        do(page, "edit", 1, "billing")
        do(page, "remove", 2)
        do(page, "accept", 3)
        shown = page.draft()
        assert shown.proposal is not None and any(
            "accepted:" in line for sign, line in shown.proposal.lines if sign == "+"
        )
        assert page.save(shown, into_file=True).startswith("Saved as reviewed-")
    accepted = load(tmp_path / "tickets.yaml").spec.generation.accepted or ""
    assert "# enough to begin with" in (tmp_path / "tickets.yaml").read_text()
    version = read_version(storage(tmp_path), accepted.partition("-")[2])
    assert version.head.examples_sha256.startswith(accepted[:16])
    assert (len(version.examples), version.corrected, version.head.removed) == (59, 1, 1)
    assert version.examples[1].output == "billing" and version.examples[1].corrected
    about = read_about(storage(tmp_path), version.sha256)
    assert about is not None and about.by == ["ann"] and about.counts.accepted == 1
    copied = storage(tmp_path).read_bytes(about.edits).splitlines()
    assert len(copied) == 4 and json.loads(copied[1])["rows"][0]["output"] == ["login", "billing"]


def test_another_look_at_the_same_data_is_the_same_version(tmp_path: Path) -> None:
    with reviewing(tmp_path, TICKETS) as page:
        do(page, "edit", 1, "billing")
        first = page.draft().draft.accepted
        do(page, "accept", 5)
        assert page.draft().draft.accepted == first
        do(page, "remove", 5)
        assert page.draft().draft.accepted != first


def test_examples_that_are_right_need_no_version(tmp_path: Path) -> None:
    with reviewing(tmp_path, TICKETS) as page:
        do(page, "accept-page")
        assert "no version is needed" in page.save(page.draft(), into_file=True)
    assert not [name for name in storage(tmp_path).names() if name.startswith("reviewed-")]
    assert len(load(tmp_path / "tickets.yaml").spec.generation.accepted or "") == 16


def test_what_was_not_shown_is_not_saved(tmp_path: Path) -> None:
    with reviewing(tmp_path, TICKETS) as page:
        do(page, "remove", 1)
        shown = page.draft()
        do(page, "remove", 2)
        with pytest.raises(SpecError, match="Rows were changed since"):
            page.save(shown, into_file=True)
        shown, text = page.draft(), (tmp_path / "tickets.yaml").read_text()
        (tmp_path / "tickets.yaml").write_text(f"# mine\n{text}")
        with pytest.raises(SpecError, match="lines have changed"):
            page.save(shown, into_file=True)
        assert "accepted: " in page.save(page.draft(), into_file=False)
        assert (tmp_path / "tickets.yaml").read_text() == f"# mine\n{text}"


def test_a_file_that_was_edited_so_that_others_are_generated_is_not_written(tmp_path: Path) -> None:
    with reviewing(tmp_path, TICKETS) as page:
        do(page, "remove", 1)
        file = tmp_path / "tickets.yaml"
        file.write_text(file.read_text().replace("examples: 100", "examples: 200"))
        assert "there are no generated examples for it as it is now" in page.draft().problem


def test_a_second_page_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with reviewing(tmp_path, TICKETS), pytest.raises(SpecError, match="on another page already"), reviewing(tmp_path):
        pass
    with reviewing(tmp_path) as page:
        assert len(page.rows) == 60


def test_decisions_stand_for_the_same_rows_when_generate_ran_again(tmp_path: Path) -> None:
    """500 examples become 1,000: those that were reviewed are, and the version of the 500 is used no more."""
    with reviewing(tmp_path, TICKETS[:30]) as page:
        do(page, "edit", 1, "billing")
        do(page, "remove", 2)
        do(page, "remove", 29)
        page.save(page.draft(), into_file=True)
    file = tmp_path / "tickets.yaml"
    text = file.read_text().replace("examples: 100", "examples: 200")
    more = [*TICKETS[:29], *TICKETS[30:]]
    generated_runs.write(tmp_path, more, text)
    resource = resolve_paths(load(file), tmp_path)
    folder = RunFolder.of(tmp_path / "runs", resource)
    outcome = decide(Snapshot(resource, str(folder.path), folder.read_stage_runs()), datetime.now(UTC))
    assert outcome.status.phase is Phase.AWAITING_REVIEW
    assert not [one for one in outcome.actions if isinstance(one, MakeStageRun)]
    with reviewing(tmp_path, by="bob") as page:
        assert verdicts(page, 1, 2) == [Verdict.CORRECTED, Verdict.REMOVED]
        assert page.rows.counts().unreviewed == len(more) - 2
        page.save(page.draft(), into_file=True)
        assert do(page, "undo").said == "Undone: row 3."  # the edit of the row that is gone is none of these rows
    resource = resolve_paths(load(file), tmp_path)
    outcome = decide(Snapshot(resource, str(folder.path), folder.read_stage_runs()), datetime.now(UTC))
    made = [one.stage_run.spec for one in outcome.actions if isinstance(one, MakeStageRun)]
    assert [one.stage for one in made] == [Stage.PREPARE] and made[0].decision and made[0].decision.reviewed


def test_an_altered_version_is_none(tmp_path: Path) -> None:
    with reviewing(tmp_path, TICKETS) as page:
        do(page, "remove", 2)
        made = page.draft().draft
        page.save(page.draft(), into_file=False)
    assert made.sha256 is not None
    folder = storage(tmp_path)
    folder.write_bytes(file_name(made.sha256), made.content + b"\n")
    with pytest.raises(NotThatVersionError, match="its SHA-256 is"):
        read_version(folder, made.sha256)


def test_texts_of_a_teacher_are_escaped(tmp_path: Path) -> None:
    with reviewing(tmp_path, [example(0, "<script>x</script>", "<b>"), *TICKETS[1:]]) as page:
        shown = table(page, do(page, "edit", 0, "<i>"))
        assert "<script>" not in shown and "<b>" not in shown.replace("<b>1 of 60</b>", "") and "&lt;i&gt;" in shown
