"""Examples that a person corrected are what prepare reads, or it is blocked with a sentence; digests without a review stay."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from prompt2model_api import graph
from prompt2model_api.conditions import FailureState
from prompt2model_api.results import Choice, ReviewedCounts
from prompt2model_api.stage_run import Decision, Stage
from prompt2model_api.status import Phase
from prompt2model_stages.attempt import StageContext
from prompt2model_stages.errors import StageError
from prompt2model_stages.examples import EXAMPLES
from prompt2model_stages.job_folders import resource_folder
from prompt2model_stages.prepare.stage import run
from prompt2model_stages.reviewed import About, Head, ReviewedExample, about_name, content_of, file_name
from prompt2model_stages.statistics_files import DataStatistics
from tests.decide_world import SHA, World, resource
from tests.unit.test_prepare_stage import context, table

pytestmark = pytest.mark.unit

GENERATED = [{"input": f"number {n}", "output": str(n)} for n in range(20)]
REVIEWED = "cd" * 32


def reviewed(tmp_path: Path, base: str | None = None) -> StageContext:
    """prepare of 20 generated rows, of which a person corrected the first and removed the last."""
    at = context(tmp_path, {}, generated=GENERATED)
    generated = hashlib.sha256(at.input("generate").read_bytes(EXAMPLES)).hexdigest()
    rows = [ReviewedExample(row["input"], row["output"], ("k",), 1, 1) for row in GENERATED[:-1]]
    rows[0] = ReviewedExample("number 0", "zero", ("k",), 1, 1, corrected=True)
    head = Head(examples_sha256=base or generated, generated=20, removed=1)
    content = content_of(head, rows)
    sha256 = hashlib.sha256(content).hexdigest()
    resource_folder(at.job).write_bytes(file_name(sha256), content)
    counts = ReviewedCounts(corrected=1, removed=1, accepted=4, unreviewed=14)
    told = About(sha256=sha256, examples_sha256=generated, counts=counts, edits="e", by=["ann"])
    resource_folder(at.job).write_json(about_name(sha256), told.dump())
    decision = Decision(dataset=Choice(none=True), reviewed=sha256)
    return context(tmp_path, {}, decision, GENERATED)


def test_prepare_reads_what_a_person_made_of_the_examples(tmp_path: Path) -> None:
    at = reviewed(tmp_path)
    outputs = run(at)
    statistics = DataStatistics.read(at.folder)
    rows = [row for name in statistics.rows for row in table(at.folder, name)]
    assert sorted(str(row) for row in rows if "zero" in str(row)) and len(rows) == 19
    assert not any("number 19" in str(row) for row in rows)
    assert outputs.reviewed == ReviewedCounts(corrected=1, removed=1, accepted=4, unreviewed=14)
    assert statistics.review is not None and sum(statistics.review.rows.values()) == 1
    assert "Of 20 generated examples a person corrected 1, removed 1 and accepted 4 as they are" in str(outputs.notes)


@pytest.mark.parametrize(
    ("spoil", "reason", "sentence"),
    [
        ("missing", "ReviewedMissing", "is missing"),
        ("altered", "ReviewedChanged", "was altered, its SHA-256 is"),
        ("others", "ReviewedChanged", "were made of other generated examples"),
    ],
)
def test_what_is_not_that_version_is_never_trained_on(tmp_path: Path, spoil: str, reason: str, sentence: str) -> None:
    at = reviewed(tmp_path, "ef" * 32 if spoil == "others" else None)
    folder, decision = resource_folder(at.job), at.job.stage_run.spec.decision
    assert decision is not None and decision.reviewed is not None
    name = file_name(decision.reviewed)
    if spoil == "missing":
        folder.remove(name)
    if spoil == "altered":
        folder.write_bytes(name, folder.read_bytes(name).replace(b"zero", b"nil"))
    with pytest.raises(StageError, match=sentence) as error:
        run(at)
    assert (error.value.failure.state, error.value.failure.reason) == (FailureState.BLOCKED, reason)


def test_a_review_runs_prepare_and_what_follows_again_and_not_generate() -> None:
    world = World(resource())
    assert world.to_the_end() is Phase.READY
    made = len(world.made)
    spec = resource(generation={"accepted": f"{SHA[:16]}-{REVIEWED}"}).spec
    world.resource = world.resource.model_copy(update={"spec": spec})
    assert world.to_the_end() is Phase.READY
    assert world.made[made:] == [Stage.PREPARE, Stage.TRAIN, Stage.EVALUATE]
    prepared = [run for run in world.runs.values() if run.spec.stage is Stage.PREPARE]
    assert {run.spec.decision.reviewed for run in prepared if run.spec.decision} == {None, REVIEWED}


def test_examples_that_are_accepted_as_they_are_change_no_digest() -> None:
    worlds = [World(resource(generation=given)) for given in ({}, {"accepted": SHA[:16]}, {"accepted": SHA})]
    for world in worlds:
        world.to_the_end()
    assert len({tuple(sorted(world.runs)) for world in worlds}) == 1


@pytest.mark.parametrize("review", ["None", "Required"])
def test_a_review_of_other_examples_stops_before_prepare_with_a_sentence(review: str) -> None:
    world = World(resource(generation={"review": review, "accepted": f"{'0' * 16}-{REVIEWED}"}))
    assert world.to_the_end() is Phase.AWAITING_REVIEW
    assert world.made == [Stage.DISCOVER, Stage.GENERATE]
    status = world.resource.status
    assert status is not None
    said = next(one.message for one in status.conditions if one.type == "DataReady")
    assert "other generated examples than there are now" in said and SHA[:16] in said


def test_the_digest_names_the_review() -> None:
    spec = resource().spec
    plain, one, other = (
        graph.digest(spec, Stage.PREPARE, {}, Decision(dataset=Choice(none=True), reviewed=sha))
        for sha in (None, REVIEWED, "ef" * 32)
    )
    assert len({plain, one, other}) == 3
    assert plain == graph.digest(spec, Stage.PREPARE, {}, Decision(dataset=Choice(none=True)))
