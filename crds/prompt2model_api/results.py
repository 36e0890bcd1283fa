"""What a stage run hands on: small enough for a status, typed so that `decide` and a reader can rely on it.

The large things (examples, splits, weights, curves) stay in storage; here are their counts, hashes and scores.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from prompt2model_api.base import Architecture, Column, Digest, Metric, Model, Name, TeacherPrompt, Uri

ShortText = Annotated[str, StringConstraints(max_length=512)]
TRAIN = "train"
Share = Annotated[int, Field(ge=1, le=100)]


class ReadAs(Model):
    """A dataset and how it is read: its configuration, split and columns, and how much of it."""

    name: Uri | None = Field(default=None, description="The dataset's name in the catalog.")
    config: Name | None = Field(default=None, description="The dataset's configuration, where it has several.")
    split: Name | None = Field(
        default=None,
        description="The dataset's split to read. Without it, train is read, or where no columns are named here, the split that "
        "discover found.",
    )
    input_columns: list[Column] = Field(default=[], max_length=32, description="Columns that make the input, in order.")
    output_column: Column | None = Field(default=None, description="The column that is the output.")
    share: Share | None = Field(
        default=None,
        description="Its part of datasets.maxRows in percent. Datasets without one get equal parts of what is left.",
    )

    @property
    def split_to_read(self) -> str:
        """The split, train where none is named."""
        return self.split or TRAIN

    @property
    def has_columns(self) -> bool:
        """Whether it says which columns to use."""
        return bool(self.input_columns) and self.output_column is not None

    @property
    def has_half_of_the_columns(self) -> bool:
        """Whether it names input columns without an output column, or the other way round."""
        return bool(self.input_columns) != (self.output_column is not None)


class UsedDataset(ReadAs):
    """A dataset and the columns to use of it. Without columns, those of the candidate of that name are used."""

    name: Uri = Field(description="The dataset's name in the catalog.")
    revision: Name | None = Field(
        default=None,
        description="The commit to read; of a branch or tag, prepare reads and records the commit that it is then. Without it, "
        "the one that discover resolved.",
    )

    @property
    def key(self) -> tuple[str, str | None]:
        """Name and configuration, which a candidate goes by."""
        return self.name, self.config

    @property
    def rows_of(self) -> tuple[object, ...]:
        """What tells its rows from those of another one."""
        return (*self.key, self.split_to_read, tuple(self.input_columns), self.output_column)

    @model_validator(mode="after")
    def _both_or_neither(self) -> UsedDataset:
        if self.has_half_of_the_columns:
            raise ValueError("name both inputColumns and outputColumn, or neither")
        return self


class Choice(ReadAs):
    """A dataset and the columns to use of it, or none. Without columns, those of the candidate of that name are used."""

    none: bool | None = Field(default=None, description="True: use no retrieved dataset. Excludes the other fields.")
    also: list[UsedDataset] | None = Field(
        default=None, max_length=4, description="Datasets that are used beside it, each with its own columns and share."
    )

    def datasets(self, revision: str | None = None) -> list[UsedDataset]:
        """All datasets that are used, in their order; revision: of the first one."""
        if self.none or self.name is None:
            return []
        as_read = {field: getattr(self, field) for field in ReadAs.model_fields}
        return [UsedDataset(**as_read, revision=revision), *(self.also or [])]

    def with_splits(self) -> Choice:
        """The same datasets, each with the name of its split."""
        also = [one.model_copy(update={"split": one.split_to_read}) for one in self.also or []]
        return self.model_copy(update={"split": self.split_to_read, "also": also or self.also})

    @model_validator(mode="after")
    def _whole(self) -> Choice:
        # Statuses and stage runs that earlier versions stored hold choices, too: what these let through is checked in Datasets.
        if self.none:
            if self.name is not None or self.also:
                raise ValueError("none and name exclude each other: keep one of them")
        elif self.name is None or self.has_half_of_the_columns:
            raise ValueError("choice needs name, with both inputColumns and outputColumn or neither, or none: true")
        if sum(one.share or 0 for one in self.datasets()) > 100:
            raise ValueError("the shares of choice are over 100 % together: lower them, or leave them out")
        return self


class DatasetCandidate(Model):
    """A dataset that retrieval proposes."""

    name: Uri = Field(description="The name of the dataset.")
    revision: Name | None = Field(default=None, description="The commit at the hub, or the hash of the file.")
    config: Name | None = Field(default=None, description="The configuration of the dataset.")
    split: Name = Field(default="train", description="The split to read.")
    input_columns: list[Column] = Field(default=[], max_length=32, description="The columns that make the input.")
    output_column: Column | None = Field(default=None, description="The column that is the output.")
    license: Name | None = Field(default=None, description="The license of the dataset, as the hub calls it.")
    score: float = Field(description="How near its description is to the task in this search; higher is nearer.")
    recommended: bool = Field(default=False, description="Whether it is good enough to be chosen without a person.")
    transformable: bool | None = Field(
        default=None,
        description="Whether it is near to the task and of another form, so that datasets.transform may use it.",
    )
    reason: ShortText = Field(default="", description="Why it is recommended or not.")
    columns_by: Name | None = Field(
        default=None, description="Who proposed the columns that are taken: Catalog, Teacher or Rules."
    )
    columns_reason: ShortText | None = Field(
        default=None, description="Why these columns, and what the rules say of them."
    )
    combinable: bool | None = Field(
        default=None,
        description="Whether it may be used beside the recommended one, where datasets.most allows several.",
    )
    undecided: ShortText | None = Field(
        default=None,
        description="Why it is not known how to read this dataset: a person has to say so in datasets.choice.",
    )
    unlike: ShortText | None = Field(
        default=None,
        description="Why its rows, read with these columns, are not what the demonstrations show. They are not used unasked as "
        "they are.",
    )
    config_wanted: bool | None = Field(
        default=None,
        description="Whether it has several configurations and none of its own, so that a person must name one.",
    )
    default_config: Name | None = Field(
        default=None,
        description="The name of the configuration that is read where config is left out; null where it is not known.",
    )

    @property
    def key(self) -> tuple[str, str | None]:
        """Name and configuration, which it goes by: configurations of one dataset are read on their own."""
        return self.name, self.config


class StudentCandidate(Model):
    """A pretrained model that retrieval proposes."""

    name: Uri = Field(description="The name of the model.")
    revision: Name | None = Field(default=None, description="The commit at the hub.")
    architecture: Architecture = Field(description="The family of the model.")
    size_bytes: int = Field(ge=0, description="The size of the weights in bytes.")
    license: Name | None = Field(
        default=None, description="The license of the model, as the hub calls it. Missing for a folder."
    )
    downloads: int = Field(default=0, ge=0, description="How often the hub counted a download.")
    score: float = Field(description="BM25 x log(downloads + 1); higher is better.")
    reason: ShortText = Field(default="", description="Why it is proposed, or cannot be used.")
    unusable: ShortText | None = Field(
        default=None, description="Why it cannot be used, where it was looked into: it is not used unasked."
    )


class CatalogUsed(Model):
    """The catalog that candidates were searched in."""

    kind: Name = Field(description="What it lists: datasets or models.")
    digest: Digest = Field(description="The SHA-256 over its entries.")
    made_at: Name = Field(description="When the hub was asked for what it lists, ISO 8601.")
    entries: int = Field(ge=0, description="How many entries it has.")
    uri: Uri | None = Field(default=None, description="Where it is; empty for the one that is shipped.")


class OtherCandidate(Model):
    """A dataset or student that is proposed behind those that are shown; candidates.json has all that is known of it."""

    name: Uri = Field(description="The name of the dataset or model.")
    revision: Name | None = Field(default=None, description="The commit at the hub, or the hash of the file.")
    license: Name | None = Field(default=None, description="The license, as the hub calls it.")
    config: Name | None = Field(default=None, description="The configuration of the dataset.")


class Spent(Model):
    """What the teacher was asked for."""

    requests: int = Field(default=0, description="Requests sent.")
    prompt_tokens: int = Field(default=0, description="Tokens of the prompts.")
    completion_tokens: int = Field(default=0, description="Tokens of the answers.")
    usd: float = Field(
        default=0.0, description="US dollars, by teacher.price or the list price; 0 where neither is known."
    )

    def plus(self, other: Spent) -> Spent:
        """Both together."""
        return Spent(
            requests=self.requests + other.requests,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            usd=self.usd + other.usd,
        )


class Interval(Model):
    """A score, 0 to 100, or a difference, -100 to 100, with its 95 % bootstrap interval."""

    value: float = Field(description="The score or difference.")
    low: float = Field(description="The lower end of the interval.")
    high: float = Field(description="The upper end of the interval.")


class AnswerCounts(Model):
    """What came of the rows of a test split that the teacher was asked for. Cut, refused and tooLong are not measured."""

    asked: int = Field(ge=0, description="Rows sent, whatever came of them.")
    empty: int = Field(default=0, ge=0, description="Answered with nothing: measured, and wrong.")
    cut: int = Field(default=0, ge=0, description="Ended by the limit of tokens.")
    refused: int = Field(default=0, ge=0, description="Refused by the teacher or its content filter.")
    too_long: int = Field(default=0, ge=0, description="Longer than the teacher's context.")
    same: bool = Field(
        default=False, description="Every answer is one and the same text, and not the most frequent reference."
    )

    @property
    def unusable(self) -> int:
        """Rows without an answer that says anything."""
        return self.empty + self.cut + self.refused + self.too_long


class PromptScore(Model):
    """One way to ask the teacher, measured on the rows on which all ways are compared."""

    prompt: TeacherPrompt = Field(description="How the teacher was asked.")
    metric: Metric = Field(description="The metric.")
    rows: int = Field(ge=0, description="Rows that every way answered.")
    score: Interval | None = Field(default=None, description="Missing where there are no such rows.")
    chosen: bool = Field(default=False, description="Whether the teacher's scores are of this way.")


class Scores(Model):
    """One metric on one test split, all systems on the same rows. One that could not be measured is missing; note says why."""

    split: Literal["Own", "Retrieved", "Transformed", "Generated"] = Field(description="The test split.")
    metric: Metric = Field(description="The metric.")
    rows: int = Field(ge=0, description="Rows that student and untrained student were measured on.")
    student: Interval
    untrained: Interval | None = None
    teacher: Interval | None = None
    teacher_rows: int = Field(default=0, description="Rows that the teacher was measured on.")
    difference: Interval | None = Field(
        default=None, description="Student minus teacher, row by row on the same rows (paired bootstrap)."
    )
    teacher_prompt: TeacherPrompt | None = Field(default=None, description="How the teacher was asked.")
    teacher_answers: AnswerCounts | None = None
    student_all: Interval | None = Field(
        default=None, description="The student on all rows of the split, where the teacher answered a part of them."
    )
    student_same: bool = Field(
        default=False, description="The student gives one and the same answer to all rows, and the references differ."
    )
    note: ShortText = Field(default="", description="What could not be measured, and why.")


class TransformedCounts(Model):
    """What became of the rows of the chosen dataset."""

    rows: int = Field(ge=0, description="Rows of the chosen dataset that were looked at.")
    rewritten: int = Field(ge=0, description="Rows that the teacher rewrote into the form of the task.")
    refused: dict[str, int] = Field(
        default={}, max_length=16, description="Rows that the teacher refused, by its reason, such as unrelated."
    )
    unusable: dict[str, int] = Field(
        default={}, max_length=16, description="Rows that bring nothing for another reason, such as malformed answers."
    )


class ReviewedCounts(Model):
    """What a person made of the generated examples."""

    corrected: int = Field(default=0, ge=0, description="Examples that a person corrected.")
    removed: int = Field(default=0, ge=0, description="Examples that a person removed.")
    accepted: int = Field(default=0, ge=0, description="Examples that a person looked at and left as they are.")
    unreviewed: int = Field(default=0, ge=0, description="Examples that no one looked at.")


class Discovered(Model):
    """What discover hands on."""

    instruction: Annotated[str, StringConstraints(max_length=8192)] | None = Field(
        default=None, description="In English; cut at 8,192 characters here, whole in storage."
    )
    language: Name | None = Field(default=None, description="Of the prompt, ISO 639-1.")
    demonstrations: int | None = Field(default=None, description="How many the prompt holds.")
    dataset_candidates: list[DatasetCandidate] | None = Field(
        default=None,
        max_length=100,
        description="The nearest five datasets, with the recommended and the named one; earlier versions wrote all of them.",
    )
    student_candidates: list[StudentCandidate] | None = Field(
        default=None,
        max_length=25,
        description="The best five students, with the named one; earlier versions wrote all of them.",
    )


class StageOutputs(Discovered):
    """What the stages hand on. Each stage sets its own part and leaves the rest."""

    # discover
    other_datasets: list[OtherCandidate] | None = Field(
        default=None, max_length=100, description="The datasets that are proposed behind those of datasetCandidates."
    )
    other_students: list[OtherCandidate] | None = Field(
        default=None, max_length=25, description="The students that are proposed behind those of studentCandidates."
    )
    catalogs: list[CatalogUsed] | None = Field(
        default=None,
        max_length=2,
        description="The catalogs that were searched. A newer one does not run anything again.",
    )
    # transform, prepare, train
    license: Name | None = Field(
        default=None,
        description="The SPDX identifier of the license of the dataset that was read, or of the student that was trained.",
    )
    # generate
    examples: int | None = Field(default=None, description="Unique examples.")
    examples_sha256: Digest | None = Field(default=None, description="The review gate's hash.")
    duplicates: int | None = Field(
        default=None, description="Examples that were thrown away because they were there already."
    )
    # transform
    transformed: TransformedCounts | None = None
    # prepare
    rows: dict[str, int] | None = Field(default=None, max_length=16, description="Rows a split.")
    reviewed: ReviewedCounts | None = None
    # train
    model_sha256: Digest | None = Field(default=None, description="Over the model folder's files.")
    steps: int | None = Field(default=None, description="Optimizer steps made.")
    train_tokens_per_second: float | None = Field(default=None, description="Tokens trained on in a second.")
    # evaluate
    scores: list[Scores] | None = Field(
        default=None,
        max_length=16,
        description="A split's first one is of the default metric, which the gate compares unless it names another.",
    )
    metric_reason: ShortText | None = Field(default=None, description="The default metric, and why it is that.")
    teacher_prompts: list[PromptScore] | None = Field(default=None, max_length=2)
    golden_requests: int | None = Field(
        default=None, description="Requests whose answers a new service must reproduce before it gets traffic."
    )
    # discover, generate
    parts: dict[str, Name] | None = Field(
        default=None, max_length=8, description="Parts that a package replaced, each with the package's version."
    )
    # all of them
    notes: list[ShortText] | None = Field(
        default=None,
        max_length=8,
        description="What was left out or cut, a sentence each; the condition says it too.",
    )
    # discover, generate, transform, evaluate
    spent: Spent = Field(default_factory=Spent)


class StageResult(Model):
    """A stage run's end: which attempt made it, for which digest, and the SHA-256 of result.json in storage."""

    attempt: int = Field(ge=1, description="The attempt that made the result.")
    digest: Digest = Field(description="The digest of the work.")
    sha256: Digest = Field(description="The SHA-256 of result.json in storage.")
    seconds: float = Field(
        default=0.0, description="The stage's own work, without the start of its process and of Ray."
    )
    outputs: StageOutputs
