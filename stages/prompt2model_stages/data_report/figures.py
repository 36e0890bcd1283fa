"""The figures of a report, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prompt2model_stages.examples import Pair
from prompt2model_stages.statistics_files import GroupStatistics


@dataclass(frozen=True)
class LengthFigures:
    """Of texts, in characters or tokens: what half of them, and 95 % of them, have at most, and the longest."""

    median: int
    p95: int
    longest: int


@dataclass(frozen=True)
class SplitFigures:
    """A split; or, before there are any, what one stage wrote.

    sources: rows by source.
    inputs: different ones, but for case, punctuation and spaces.
    input, output: characters.
    """

    name: str
    rows: int
    sources: Mapping[str, int]
    inputs: int
    input: LengthFigures
    output: LengthFigures


@dataclass(frozen=True)
class TokenFigures:
    """A split as the student's tokenizer counts it, uncut; None where an earlier version of train did not write it.

    cut_inputs, cut_outputs: rows that are longer than training's limits.
    """

    split: str
    rows: int
    input: LengthFigures | None
    output: LengthFigures | None
    cut_inputs: int
    cut_outputs: int


@dataclass(frozen=True)
class CutLimits:
    """training.maxInputTokens and training.maxOutputTokens, as the student was trained with."""

    input: int | None = None
    output: int | None = None


@dataclass(frozen=True)
class Label:
    """An output that is one of a closed set, and its rows by split."""

    output: str
    rows: Mapping[str, int]


@dataclass(frozen=True)
class Overlap:
    """Inputs that stand in two splits, but for case, punctuation and spaces."""

    one: str
    other: str
    inputs: int


@dataclass(frozen=True)
class NearPair:
    """A test row and the training row nearest to it; long texts are cut.

    similarity: how much of the words of their inputs they share, 0 to 1.
    """

    similarity: float
    split: str
    test: Pair
    train: Pair


@dataclass(frozen=True)
class StageCost:
    """What a stage that makes data asked the teacher for."""

    stage: str
    requests: int
    tokens: int
    usd: float


@dataclass(frozen=True)
class CostFigures:
    """What the data cost at the teacher.

    free: the embedded teacher answered, which costs nothing.
    priced: whether the teacher's price is known; otherwise dollars say nothing.
    per_thousand: US dollars for 1,000 generated examples; None where nothing was generated, or no price is known.
    """

    stages: Sequence[StageCost]
    free: bool
    priced: bool
    per_thousand: float | None


@dataclass(frozen=True)
class Origin:
    """A dataset, a file of the user's or the teacher, with its license as far as it is known, and its rows by split."""

    name: str
    kind: str
    read: int | None
    license: str
    rows: Mapping[str, int]


@dataclass(frozen=True)
class Sample:
    """A row that was drawn by the seed; long texts are cut."""

    split: str
    source: str
    input: str
    output: str
    references: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataReport:
    """All that is known of a resource's data at this moment.

    states: where each stage stands that makes data, by stage, in the order of the flow.
    prepared: whether there are splits; otherwise `splits` has what the stages before wrote.
    student: whose tokenizer counts the tokens; empty while there is none.
    labels: None where the outputs are no closed set.
    dropped: rows left out by kind and source.
    grouping: families of inputs that ask the same, as prepare counted them; None where it did not.
    recorded: the highest similarity of a test row and a training row that prepare wrote; None where it wrote none.
    notes: what the stages said of the data, a sentence each.
    """

    name: str
    instruction: str
    states: Mapping[str, str]
    prepared: bool
    splits: Sequence[SplitFigures]
    tokens: Sequence[TokenFigures]
    student: str
    limits: CutLimits
    labels: Sequence[Label] | None
    dropped: Mapping[str, Mapping[str, int]]
    grouping: GroupStatistics | None
    overlaps: Sequence[Overlap]
    nearest: Sequence[NearPair]
    recorded: float | None
    cost: CostFigures
    origins: Sequence[Origin]
    samples: Sequence[Sample]
    seed: int
    notes: Sequence[str] = field(default=())
