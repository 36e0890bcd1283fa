"""statistics.json of generate, transform, prepare and train: for people, and what the plots are made of.

Fields that another version did not write have defaults: a plot may be missing, a run never fails over one.
"""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from prompt2model_api.base import Model
from prompt2model_api.results import ReviewedCounts
from prompt2model_stages.stage_files import StageFile

STATISTICS = "statistics.json"

_LENIENT = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=True)


class InvalidExample(Model):
    """An example that was left out as no example of the task; its texts' first characters."""

    model_config = _LENIENT

    input: str
    output: str


class GenerationStatistics(StageFile):
    """What became of the teacher's answers; see generate.base.Counts."""

    model_config = _LENIENT
    NAME = STATISTICS

    requests: int = 0
    journalled: int = 0
    answers: int = 0
    malformed: int = 0
    refused: int = 0
    written: int = 0
    duplicates: int = 0
    near_duplicates: int = Field(
        default=0, description="Examples that were left out since they ask what another one asks, in nearly its words."
    )
    demonstrations: int = 0
    empty: int = 0
    surplus: int = 0
    invalid: dict[str, int] = Field(
        default={}, description="Examples that were left out as no examples of the task, by reason."
    )
    invalid_examples: dict[str, InvalidExample] = Field(default={}, description="The first of each reason.")
    invalid_votes: int = Field(default=0, description="Further outputs of inputs that were none of the task.")
    unique: int = 0
    wanted: int = 0
    shortfall: str = Field(default="", description="Why there are fewer than wanted; empty where there are as many.")
    unanimous: int = Field(default=0, description="Examples of whose input all outputs were the same.")
    by_majority: int = Field(
        default=0, description="Of whose input more than half of the outputs, not all, were the same."
    )
    no_majority: int = Field(default=0, description="The others: they have the most frequent output.")
    duplicates_over_time: list[tuple[int, int]] = Field(
        default=[], description="Unique examples and duplicates so far, as they came in."
    )


class RefusedRow(Model):
    """A row of the chosen dataset that the teacher refused."""

    origin: str
    reason: str
    why: str = Field(default="", description="In the teacher's own words.")


class TransformationStatistics(StageFile):
    """What became of the rows of the chosen dataset."""

    model_config = _LENIENT
    NAME = STATISTICS

    rows: int = 0
    rewritten: int = 0
    refused: dict[str, int] = Field(default={}, description="By the teacher's reason.")
    unusable: dict[str, int] = Field(
        default={}, description="By kind: empty, demonstrations, duplicates, malformed, cut, unanswered, tooLong."
    )
    samples: list[RefusedRow] = Field(default=[], description="The first rows that the teacher refused.")


class Histogram(Model):
    """Lengths of texts. All splits and sources share the bins."""

    edges: list[int] = Field(default=[], description="One more than there are bins.")
    counts: dict[str, dict[str, list[int]]] = Field(default={}, description="By split, by source: rows in each bin.")


class Lengths(Model):
    """How long inputs and outputs are."""

    unit: str = "characters"
    input: Histogram = Histogram()
    output: Histogram = Histogram()


class FileRead(Model):
    """A file of the user's, as it was read."""

    uri: str
    sha256: str
    rows: int
    notes: list[str] | None = Field(default=None, description="What a person should know of how it was read.")


class DatasetRows(Model):
    """What a retrieved dataset gave."""

    model_config = _LENIENT

    read: int = 0
    percent: float = Field(default=0.0, description="Of the rows that were read of all datasets.")
    rows: dict[str, int] = Field(
        default={}, description="By split. Fewer than read: what is empty, a duplicate or a leak."
    )


class FieldGroups(Model):
    """A labelled part of the inputs, such as `question`, and whether rows that share it stand in one split."""

    model_config = _LENIENT

    name: str
    use: str = Field(
        description="question or context: rows that share it stand in one split, and no row is trained on that asks a "
        "question of your own test data. neither: it may be in several splits."
    )
    values: int = Field(default=0, description="How many different ones there are.")
    shared: int = Field(default=0, description="Rows with a value that another row has, too.")
    agreement: float = Field(
        default=0.0, description="Of the outputs of rows that share a value: 0 as by chance, 1 always."
    )


class GroupStatistics(Model):
    """How rows were grouped, so that no two splits have the same question."""

    model_config = _LENIENT

    groups: int = Field(default=0, description="Inputs that differ in more than case, punctuation and spaces.")
    families: int = Field(
        default=0, description="Of groups that ask the same or share a context: each is in one split."
    )
    largest: int = Field(default=0, description="Groups in the largest family.")
    near: int = Field(default=0, description="Pairs of groups that were joined since they ask the same in other words.")
    near_tests: int = Field(
        default=0, description="Groups that were left out since they ask in other words what your own test data asks."
    )
    own_asked: int = Field(
        default=0, description="Rows that were left out since they ask what your own test data asks, in any words."
    )
    own_context: int = Field(
        default=0, description="Rows not left out that share a context, but no question, with your own test data."
    )
    fields: list[FieldGroups] = Field(default=[], description="The labelled parts of the inputs.")


class NearestPair(Model):
    """A test row and the training row nearest to it; the texts' first characters."""

    model_config = _LENIENT

    similarity: float = Field(description="How much of their words they share: 0 nothing, 1 all.")
    split: str
    test: str
    train: str
    test_origin: str = ""
    train_origin: str = ""


class Review(Model):
    """What a person made of the generated examples."""

    model_config = _LENIENT

    sha256: str = Field(description="Of the file that was read in place of the generated examples.")
    counts: ReviewedCounts = ReviewedCounts()
    rows: dict[str, int] = Field(default={}, description="By split: those that a person corrected.")


class DataStatistics(StageFile):
    """What is in the splits, and what was left out of them."""

    model_config = _LENIENT
    NAME = STATISTICS

    rows: dict[str, int] = Field(default={}, description="By split.")
    sources: dict[str, dict[str, int]] = Field(default={}, description="By split, by source.")
    lengths: Lengths = Lengths()
    dropped: dict[str, dict[str, int]] = Field(
        default={}, description="empty, duplicates, conflicts and leaks, by source."
    )
    datasets: dict[str, DatasetRows] | None = Field(
        default=None,
        description="The retrieved ones, by name, revision and split. A row of two of them counts for one.",
    )
    grouping: GroupStatistics | None = Field(default=None, description="How rows were grouped across the splits.")
    nearest: list[NearestPair] | None = Field(
        default=None, description="Test rows with the training rows nearest to them, the nearest ten."
    )
    review: Review | None = Field(default=None, description="None where no person corrected the generated examples.")
    files: dict[str, FileRead] | None = Field(default=None, description="The user's, by the field that names them.")


class TrainingStatistics(StageFile):
    """What of the rows the student does not see or cannot write; see train.row_counts.RowCounts."""

    model_config = _LENIENT
    NAME = STATISTICS

    train: dict[str, Any] = Field(default={})
    validation: dict[str, Any] | None = Field(default=None, description="None where prepare made no such split.")
    notes: list[str] = Field(default=[], description="What a person should know of the rows.")
