"""The teacher's yes or no, with a reason, to the datasets that permission.py allows: one short request, one more piece of evidence.

A no refuses. A yes is told and permits nothing: what the rules refuse is not even asked about (docs/decisions/0099 has figures).
Form alone does not show that a teacher understands the question, so three more lines are in the list whose answers are known: one
that is the task itself, and two that are about something else. Who is wrong about one of them is not believed.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from prompt2model_api.prompt2model import Demonstration
from prompt2model_api.results import DatasetCandidate
from prompt2model_api.texts import cut
from prompt2model_stages.discover.asking import Asks, asked
from prompt2model_stages.teacher.parsing import parse_json
from prompt2model_stages.teacher.requests import TeacherRequest

MOST_ASKED = 5
"""Candidates in a request: the one that would be used first, and those that could be used beside it."""
SHOWN_CHARACTERS = 300
"""Of a candidate's name, description and columns, and of the instruction in the line that is the task itself."""
SHOWN_DEMONSTRATIONS = 2
REASON_LENGTH = 120
TOKENS_OF_EACH = 32
"""Of an answer: number, yes or no, and a reason of a few words."""
REFUSED = "but it is not used unasked: the teacher says no"
AGREED = "The teacher says yes"
_UNRELATED = (
    "Amino acid sequences of proteins, and the family that each protein belongs to.",
    "Moves of chess games in algebraic notation, and who won.",
    "Hourly readings of river gauges, and the water level one day later.",
    "Recipes from hospital kitchens, and how many grams of salt each has.",
)
_WORD = re.compile(r"[^\W\d_]{4,}")


@dataclass(frozen=True)
class Verdict:
    """What the teacher says of one dataset, and why, in its own words."""

    serves: bool
    reason: str


@dataclass(frozen=True)
class Judged:
    """The candidates after the teacher's word. note: why it does not count, where it does not."""

    candidates: list[DatasetCandidate]
    note: str = ""


async def judged(
    teacher: Asks,
    instruction: str,
    demonstrations: Sequence[Demonstration],
    candidates: Sequence[DatasetCandidate],
    shown: Sequence[str],
) -> Judged:
    """The candidates, those that the teacher says no to no longer used unasked. Nobody is asked where none would be.

    Args:
        teacher: one that the spec names.
        instruction: of the task, in English.
        demonstrations: of the task; a few of them are shown.
        candidates: in their order.
        shown: name and description of each, for the teacher.

    Raises: StageError of the teacher.
    """
    rows = [row for row, candidate in enumerate(candidates) if _may_be_used(candidate)]
    rows = sorted(rows, key=lambda row: not candidates[row].recommended)[:MOST_ASKED]
    if not rows:
        return Judged(list(candidates))
    lines = _Lines.of(instruction, demonstrations, [shown[row] for row in rows])
    request = TeacherRequest(
        purpose="judge-datasets",
        messages=[{"role": "user", "content": _question(instruction, demonstrations, lines.texts)}],
        temperature=0.0,
        max_tokens=TOKENS_OF_EACH * len(lines.texts),
        schema=_schema(len(lines.texts)),
    )
    try:
        verdicts = lines.believed(read(await asked(teacher, request), len(lines.texts)))
    except ValueError as error:
        return Judged(list(candidates), f"The teacher's word on the datasets does not count: {error}.")
    told = dict(zip(rows, verdicts, strict=True))
    return Judged([_after(one, told[row]) if row in told else one for row, one in enumerate(candidates)])


def read(answer: str, count: int) -> list[Verdict]:
    """The verdicts of an answer in the order of the list. Raises: ValueError, where it is not exactly one for each line."""
    try:
        tree = parse_json(answer)
    except ValueError as error:
        raise ValueError("its answer is no JSON") from error
    told = tree.get("verdicts") if isinstance(tree, dict) else None
    found: dict[int, Verdict] = {}
    for one in told if isinstance(told, list) else []:
        number, serves = (one.get("dataset"), _yes_or_no(one.get("serves"))) if isinstance(one, dict) else (None, None)
        if type(number) is not int or serves is None or number in found:
            raise ValueError("its answer is not one yes or no for each dataset")
        found[number] = Verdict(serves, cut(" ".join(str(one.get("reason") or "").split()).rstrip("."), REASON_LENGTH))
    if sorted(found) != list(range(1, count + 1)):
        raise ValueError("its answer is not one yes or no for each dataset")
    return [found[number] for number in sorted(found)]


def _yes_or_no(said: object) -> bool | None:
    if isinstance(said, bool):
        return said
    word = said.strip().strip(".").casefold() if isinstance(said, str) else ""
    return {"yes": True, "true": True, "no": False, "false": False}.get(word)


@dataclass(frozen=True)
class _Lines:
    """What the teacher is shown. order: which of them is which: first the candidates, then the task itself, then what is not it."""

    texts: list[str]
    order: list[int]

    @classmethod
    def of(cls, instruction: str, demonstrations: Sequence[Demonstration], candidates: Sequence[str]) -> _Lines:
        """Mixed in an order that depends on the task alone, so that the request is the same in every attempt."""
        texts = [*candidates, _itself(instruction), *_unrelated(instruction, demonstrations)]
        order = list(range(len(texts)))
        random.Random(instruction).shuffle(order)
        return cls([texts[number] for number in order], order)

    def believed(self, verdicts: Sequence[Verdict]) -> list[Verdict]:
        """Those of the candidates. Raises: ValueError, where the teacher is wrong about a line whose answer is known."""
        told = dict(zip(self.order, verdicts, strict=True))
        itself, *others = sorted(self.order)[-3:]
        if not told[itself].serves:
            raise ValueError("it says no to a dataset of the very task")
        if any(told[other].serves for other in others):
            raise ValueError("it says yes to a dataset about something else")
        return [told[number] for number in range(itself)]


def _itself(instruction: str) -> str:
    return f"task-examples: Inputs with the right outputs for this task: {instruction}"


def _unrelated(instruction: str, demonstrations: Sequence[Demonstration]) -> list[str]:
    """Two descriptions that share as few words with the task as there are."""
    task = _words(" ".join([instruction, *(f"{d.input} {d.output}" for d in demonstrations)]))
    ordered = sorted(_UNRELATED, key=lambda text: len(task & _words(text)))
    return [f"records-{number}: {text}" for number, text in enumerate(ordered[:2], 1)]


def _words(text: str) -> set[str]:
    return {word.casefold() for word in _WORD.findall(text)}


def _may_be_used(candidate: DatasetCandidate) -> bool:
    """Whether the rules let it be used as it is without a person, alone or beside another one.

    One to be rewritten is not asked about: its rows are of another form or direction, and the teacher will see each of them.
    """
    return bool(candidate.recommended or candidate.combinable)


def _after(candidate: DatasetCandidate, verdict: Verdict) -> DatasetCandidate:
    """A candidate with the teacher's word in its reason, which the choice gate's decision repeats."""
    why = f" ({verdict.reason})" if verdict.reason else ""
    if verdict.serves:
        return candidate.model_copy(update={"reason": cut(f"{candidate.reason} {AGREED}{why}.", 512)})
    reason = cut(f"{candidate.reason.removesuffix('.')}, {REFUSED}{why}.", 512)
    return candidate.model_copy(update={"recommended": False, "combinable": None, "reason": reason})


def _question(instruction: str, demonstrations: Sequence[Demonstration], lines: Sequence[str]) -> str:
    shown = "".join(
        f"Input: {cut(d.input, 200)}\nOutput: {cut(d.output, 200)}\n\n" for d in demonstrations[:SHOWN_DEMONSTRATIONS]
    )
    listed = "\n".join(
        f"{number}. {cut(' '.join(line.split()), SHOWN_CHARACTERS)}" for number, line in enumerate(lines, 1)
    )
    form = json.dumps({"verdicts": [{"dataset": 1, "reason": "answers are stars, not words", "serves": False}]})
    return (
        f"A small model is to be trained for this task:\n\n{instruction[:2000]}\n\n{shown}"
        "Say of each of these datasets whether its rows would serve as training examples of the task: it is the same task, "
        f"in the same language and direction, and with outputs of the same kind.\n\n{listed}\n\n"
        f"Answer in JSON with one verdict for each dataset, and a reason of at most ten words, such as {form}"
    )


def _schema(count: int) -> dict[str, object]:
    verdict = {
        "type": "object",
        "properties": {
            "dataset": {"type": "integer", "minimum": 1, "maximum": count},
            "reason": {"type": "string"},
            "serves": {"type": "boolean"},
        },
        "required": ["dataset", "reason", "serves"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"verdicts": {"type": "array", "items": verdict, "minItems": count, "maxItems": count}},
        "required": ["verdicts"],
        "additionalProperties": False,
    }
