"""What a dataset generator is given, what it returns, and what it needs of a teacher."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from prompt2model_api.results import Spent
from prompt2model_stages.examples import Pair, VotedExample
from prompt2model_stages.teacher import TeacherAnswer, TeacherRequest

PURPOSE = "generate"
LEAST_YIELD = 5.0
"""New examples for each 100 that are asked for: with fewer, each costs as much as twenty."""


@dataclass(frozen=True)
class Task:
    """What examples are written of.

    instruction: in English.
    written: as the user wrote it, where that is another language, and the teacher is shown it; else empty.
    written_in: the English name of that language.
    inputs_in, outputs_in: the English names of the languages that the teacher is told to write; empty: it is told none.
    """

    instruction: str
    demonstrations: tuple[Pair, ...] = ()
    written: str = ""
    written_in: str = ""
    inputs_in: str = ""
    outputs_in: str = ""

    @property
    def wording(self) -> str:
        """The instruction in all its languages, for those who look for words in it."""
        return f"{self.instruction}\n{self.written}"

    @property
    def shown(self) -> str:
        """The instruction as a teacher is shown it that writes in the task's languages."""
        return (self.written or self.instruction).strip()

    def group(self, teacher: str) -> str:
        """The journal's name for everything that this teacher ever wrote of this task: 16 hexadecimal digits."""
        pairs = [[pair.input, pair.output] for pair in self.demonstrations]
        content = json.dumps([self.instruction, pairs, teacher], ensure_ascii=False)
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True)
class Order:
    """How much is wanted, and how it is asked for.

    examples: unique examples wanted.
    coolest, hottest: temperature at the first and at the last example.
    outputs_per_input: outputs collected for each input; the most frequent one is kept.
    on_disagreement: collect two, and more, up to outputs_per_input, only while no output has more than half of the votes.
    examples_per_answer: asked for in one completion, at first; one, where the teacher cannot write several.
    completions: asked for in one request where each holds one example.
    drop_near_duplicates: leave out what asks, in nearly its words, what an example that is there asks.
    least_yield: new examples for each 100 asked for; with fewer, lately, the generator heats, then stops; see stopping.
    validate: leave out what is no example of the task; see validating.
    seed: decides which examples a prompt shows.
    group: the journal's group; see Task.group.
    """

    examples: int
    coolest: float = 0.3
    hottest: float = 1.4
    outputs_per_input: int = 1
    on_disagreement: bool = False
    examples_per_answer: int = 5
    completions: int = 5
    drop_near_duplicates: bool = False
    least_yield: float = LEAST_YIELD
    validate: bool = False
    seed: int = 0
    group: str = ""


@dataclass
class Counts:
    """What became of the teacher's answers."""

    requests: int = 0
    journalled: int = 0
    """Requests whose answers lay in the journal when the attempt began."""
    answers: int = 0
    """Completions."""
    malformed: int = 0
    """Completions that held no whole example, or lost one of several to a cut."""
    refused: int = 0
    """Requests that the teacher answered with nothing, or would not answer."""
    written: int = 0
    """Examples read out of completions."""
    duplicates: int = 0
    """Of these: the input was there already, exactly or but for case, punctuation and spaces."""
    near_duplicates: int = 0
    """Of these: the input asks what is there already, in nearly its words; see nearness."""
    demonstrations: int = 0
    """Of these: the input is one of the user's."""
    empty: int = 0
    """Of these: without an input or an output, or longer than allowed."""
    surplus: int = 0
    """Of these: new, when there were enough."""
    invalid: dict[str, int] = field(default_factory=dict)
    """Of these: no example of the task, by reason; see validating."""
    invalid_examples: dict[str, Pair] = field(default_factory=dict)
    """The first of each reason, its texts cut."""
    invalid_votes: int = 0
    """Further outputs that were none of the task; see labelling."""


@dataclass(frozen=True)
class Progress:
    """How far a generator is."""

    done: float
    total: int
    unique: int
    counts: Counts
    message: str = ""
    waiting: str = ""
    """How far the teacher's batches are, where requests go in batches."""


@dataclass(frozen=True)
class Generated:
    """A generator's result.

    examples: in their order; a tuple, or on the disk where they may be more than memory (handing_on).
    shortfall: why there are fewer examples than wanted; empty where there are as many.
    part: that wrote them in place of the built-in generator, with its version; the stage notes it where it calls the part.
    """

    examples: Sequence[VotedExample]
    counts: Counts
    duplicates_over_time: tuple[tuple[int, int], ...]
    shortfall: str = ""
    spent: Spent = field(default_factory=Spent)
    part: str | None = None


class AskableTeacher(Protocol):
    """The part of the teacher's client that a generator uses."""

    @property
    def concurrency(self) -> int:
        """Requests that may be in flight now."""

    @property
    def in_batches(self) -> bool:
        """Whether answers come all together, after minutes or hours, so that few rounds are better than many."""

    @property
    def spent(self) -> Spent:
        """What this stage has cost so far."""

    async def ask(self, request: TeacherRequest) -> TeacherAnswer:
        """Answers from the journal or from the endpoint. Raises: StageError."""

    def journalled(self, group: str) -> Sequence[tuple[int, TeacherAnswer]]:
        """Sample and answer of all that was answered for a group, this attempt included, in the journal's order.

        Read from the disk one by one: go through it once, and hold no more of it than you need.
        """

    def next_sample(self, group: str) -> int:
        """The first sample of a group that was never sent, answered or not."""


class DatasetGenerator(ABC):
    """Writes labelled examples of a task."""

    @abstractmethod
    async def generate(self, progress: Callable[[Progress], None]) -> Generated:
        """Writes as many unique examples as were ordered, or says why not.

        Args:
            progress: told after each answer.

        Raises: StageError; what was answered until then is journalled.
        """
