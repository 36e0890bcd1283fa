"""What can come of a row of the dataset."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from prompt2model_stages.examples import Example, Pair
from prompt2model_stages.generate.filtering import LONGEST_TEXT

USED = "no"
"""What the teacher writes as `refused` where it does not refuse."""


class Refusal(StrEnum):
    """Why the teacher refuses a row, as it says it."""

    UNRELATED = "unrelated"
    INCOMPLETE = "incomplete"
    UNCLEAR = "unclear"
    LANGUAGE = "language"
    OTHER = "other"


class Unusable(StrEnum):
    """Why a row brings nothing although the teacher did not refuse it by a reason."""

    EMPTY = "empty"  # neither an input nor an output: it is not asked about
    DEMONSTRATION = "demonstrations"  # the row, or what it became, is one of the user's examples
    DUPLICATE = "duplicates"  # another row became the same question
    MALFORMED = "malformed"  # the answer is not in form
    UNDECIDED = "undecided"  # the answer says neither that the row is refused nor that it is not
    OVERLONG = "overlong"  # a right answer of more characters than an example may have
    CUT = "cut"  # the answer ended for want of room
    UNANSWERED = "unanswered"  # the teacher or its filter answered with nothing
    TOO_LONG = "tooLong"  # longer than the teacher reads


@dataclass(frozen=True)
class Refused:
    """A row that the teacher refused; why: in its own words."""

    reason: Refusal
    why: str = ""


Outcome = Pair | Refused | Unusable


@dataclass(frozen=True)
class Result:
    """What became of one row; request: the journal's key, empty where nothing was asked."""

    row: Example
    outcome: Outcome
    request: str = ""


def kind_of(outcome: Refused | Unusable) -> str:
    """One word or two for messages."""
    return f"refused as {outcome.reason}" if isinstance(outcome, Refused) else WORDS[outcome]


def texts_of(row: Pair) -> tuple[str, ...]:
    """A row's own texts: its input, and its output where that is longer: no label then, but the text of a reversed dataset."""
    texts = (row.input, row.output) if len(row.output) > len(row.input) else (row.input,)
    return tuple(text for text in texts if text)


WORDS = {
    Unusable.EMPTY: "empty",
    Unusable.DEMONSTRATION: "equal to a demonstration",
    Unusable.DUPLICATE: "rewritten to the same input as another row",
    Unusable.MALFORMED: "answered not in form",
    Unusable.UNDECIDED: "answered twice without a clear yes or no to whether the row is refused",
    Unusable.OVERLONG: f"rewritten to a text of over {LONGEST_TEXT:,} characters",
    Unusable.CUT: "with an answer that was cut",
    Unusable.UNANSWERED: "not answered",
    Unusable.TOO_LONG: "too long for the teacher",
}
