"""The teacher's yes or no to datasets that the rules allow: a no refuses, a yes is told, a guess is not believed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from prompt2model_api.choice_gate import dataset_gate
from prompt2model_api.prompt2model import Demonstration, Prompt2ModelSpec
from prompt2model_api.results import DatasetCandidate, StageOutputs
from prompt2model_stages.discover.verdicts import MOST_ASKED, Judged, _Lines, judged, read
from prompt2model_stages.errors import StageError, blocked
from prompt2model_stages.teacher.requests import TeacherAnswer, TeacherRequest
from tests.unit.discover_cases import FakeTeacher

pytestmark = pytest.mark.unit

INSTRUCTION = "Name the colour of the flower."
PAIR = Demonstration(input="rose", output="red")
KNOWN = {"task-examples": True, "records-1": False, "records-2": False}
LINE = re.compile(r"^(\d+)\. ([^\s:]+)", re.MULTILINE)
Says = Callable[[str], bool]


class Judging:
    """A teacher that says yes or no by the name of each line, and keeps what it was asked."""

    def __init__(self, says: Says, reason: str = "colours of flowers") -> None:
        self.says, self.reason = says, reason
        self.asked: list[TeacherRequest] = []

    async def ask(self, request: TeacherRequest) -> TeacherAnswer:
        self.asked.append(request)
        told = [
            {"dataset": int(number), "reason": self.reason, "serves": self.says(name)}
            for number, name in LINE.findall(request.messages[0]["content"])
        ]
        return TeacherAnswer((json.dumps({"verdicts": told}),), "k")


def honest(**named: bool) -> Says:
    """Right of what is known, and of others as given: a__b is a/b."""
    told = {**KNOWN, **{name.replace("__", "/"): says for name, says in named.items()}}
    return lambda name: told[name]


def verdicts_of(instruction: str, *, yes: bool) -> str:
    """The answer to a request about one dataset: right of what is known."""
    told = [(yes, True, False, False)[which] for which in _Lines.of(instruction, [], ["one"]).order]
    verdicts = [{"dataset": row, "reason": "", "serves": serves} for row, serves in enumerate(told, 1)]
    return json.dumps({"verdicts": verdicts})


def candidate(name: str, **flags: bool) -> DatasetCandidate:
    columns: dict[str, object] = {"input_columns": ["flower"], "output_column": "colour"}
    told = {"name": name, "score": 1.0, "reason": "It is near, and your examples fit it.", **columns, **flags}
    return DatasetCandidate.model_validate(told)


async def asked(teacher: Judging | FakeTeacher, *candidates: DatasetCandidate) -> Judged:
    shown = [f"{one.name}: Colours of flowers." for one in candidates]
    return await judged(teacher, INSTRUCTION, [PAIR], candidates, shown)


BEST = candidate("a/best", recommended=True)


async def test_a_yes_is_told_and_the_decision_repeats_it() -> None:
    teacher = Judging(honest(a__best=True))
    found = await asked(teacher, BEST)
    (after,) = found.candidates
    assert after.recommended and found.note == ""
    assert after.reason == "It is near, and your examples fit it. The teacher says yes (colours of flowers)."
    gate = dataset_gate(Prompt2ModelSpec(prompt="x"), StageOutputs(dataset_candidates=[after]))
    assert gate.decision is not None and "The teacher says yes (colours of flowers)." in gate.decision.reason
    (request,) = teacher.asked
    assert request.temperature == 0 and request.max_tokens <= 256
    assert all(part in request.messages[0]["content"] for part in (INSTRUCTION, "rose", "a/best: Colours of flowers."))


async def test_a_no_refuses_every_unasked_use_and_says_why() -> None:
    flags = {"combinable": True}
    found = await asked(
        Judging(honest(a__best=False, a__2=False, a__3=True), "petals."), BEST.model_copy(update=flags),
        candidate("a/2", combinable=True), candidate("a/3", combinable=True),
    )  # fmt: skip
    best, second, third = found.candidates
    assert (best.recommended, best.combinable) == (False, None)
    assert best.reason.endswith("your examples fit it, but it is not used unasked: the teacher says no (petals).")
    assert (second.combinable, third.combinable) == (None, True)
    gate = dataset_gate(Prompt2ModelSpec(prompt="x"), StageOutputs(dataset_candidates=found.candidates))
    assert gate.decision is not None and gate.decision.dataset is not None and gate.decision.dataset.none
    assert "the teacher says no (petals)" in gate.decision.reason


async def test_what_the_rules_refuse_is_not_asked_about() -> None:
    teacher = Judging(lambda name: True)
    refused = [candidate("a/another-form", transformable=True), *(candidate(f"a/{n}") for n in range(24))]
    assert (await asked(teacher, *refused)).candidates == refused and teacher.asked == []
    found = await asked(Judging(honest(a__best=True)), refused[0], BEST, *refused[1:])
    assert [one.recommended for one in found.candidates] == [False, True, *[False] * 24]
    many = [candidate(f"b/{n}", combinable=True) for n in range(9)]
    teacher = Judging(honest(a__best=True, **{f"b__{n}": True for n in range(9)}))
    await asked(teacher, *many, BEST)
    listed = {name for _, name in LINE.findall(teacher.asked[0].messages[0]["content"])}
    assert len(listed) == MOST_ASKED + len(KNOWN) and "a/best" in listed, (
        "what would be used first is asked about first"
    )


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (lambda name: True, "it says yes to a dataset about something else"),
        (lambda name: False, "it says no to a dataset of the very task"),
        (lambda name: name not in KNOWN, "it says no to a dataset of the very task"),
        (lambda name: name != "records-2", "it says yes to a dataset about something else"),
    ],
)
async def test_who_is_wrong_of_what_is_known_changes_nothing(says: Says, why: str) -> None:
    found = await asked(Judging(says), BEST)
    assert found.candidates == [BEST]
    assert found.note == f"The teacher's word on the datasets does not count: {why}."


@pytest.mark.parametrize(
    "answer",
    [
        "", "Yes, they would serve.", "[]", '{"verdicts": []}', '{"verdicts": [{"dataset": 1, "reason": "", "serves": true}]}',
        json.dumps({"verdicts": [{"dataset": 1, "reason": "", "serves": True}] * 4}),
        json.dumps({"verdicts": [{"dataset": n, "reason": "", "serves": "perhaps"} for n in range(1, 5)]}),
        json.dumps({"verdicts": [{"dataset": str(n), "reason": "", "serves": True} for n in range(1, 5)]}),
    ],
)  # fmt: skip
async def test_an_answer_out_of_form_changes_nothing_and_is_told(answer: str) -> None:
    found = await asked(FakeTeacher({"judge-datasets": [answer]}), BEST)
    assert found.candidates == [BEST] and found.note.startswith(
        "The teacher's word on the datasets does not count: its answer"
    )


def test_a_yes_may_be_a_word_and_reasons_are_cut() -> None:
    told = [{"dataset": 2, "reason": None, "serves": "No."}, {"dataset": 1, "reason": "x " * 200, "serves": "yes"}]
    first, second = read("```json\n" + json.dumps({"verdicts": told}) + "\n```", 2)
    assert (first.serves, second.serves, second.reason) == (True, False, "") and len(first.reason) <= 120


async def test_the_request_is_the_same_in_every_attempt_and_no_place_in_the_list_tells() -> None:
    requests = []
    for _ in range(2):
        teacher = Judging(honest(a__best=True))
        await asked(teacher, BEST)
        requests += teacher.asked
    assert requests[0] == requests[1]
    places = set()
    for task in ("Name it.", "Translate it.", "Count the words.", "Sort the list.", "Say who wrote it."):
        teacher = Judging(honest(a__best=True))
        await judged(teacher, task, [PAIR], [BEST], ["a/best: Colours."])
        names = [name for _, name in LINE.findall(teacher.asked[0].messages[0]["content"])]
        places.add(names.index("a/best"))
    assert len(places) > 1


async def test_what_is_about_something_else_is_not_about_the_task() -> None:
    teacher = Judging(honest(a__best=True))
    await judged(teacher, "Say who won from the moves of the chess game.", [PAIR], [BEST], ["a/best: Chess."])
    assert "algebraic notation" not in teacher.asked[0].messages[0]["content"]


async def test_an_error_of_the_teacher_is_its_own() -> None:
    class Away:
        async def ask(self, request: TeacherRequest) -> TeacherAnswer:
            raise StageError(blocked("TeacherUnreachable", "It is away.", "Wait.").failure)

    with pytest.raises(StageError, match="away"):
        await judged(Away(), INSTRUCTION, [PAIR], [BEST], ["a/best"])
