"""Which output of several is kept, and further outputs that are asked for only where those so far disagree."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from typing import Any

import pytest

from prompt2model_api.estimate import estimate
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.stage_run import Stage
from prompt2model_stages.errors import failed
from prompt2model_stages.examples import Pair, VotedExample
from prompt2model_stages.generate.base import Generated, Order, Progress, Task
from prompt2model_stages.generate.candidates import Candidates, hash_of
from prompt2model_stages.generate.further import FurtherOutputs
from prompt2model_stages.generate.generator import FewShotGenerator
from prompt2model_stages.generate.votes import agree, as_label, as_text, form_of, leading, winner
from prompt2model_stages.stage_files import json_lines
from prompt2model_stages.teacher import TeacherRequest
from prompt2model_stages.teacher.requests import request_key
from tests.unit.generation_cases import TASK, ConductedTeacher, Conductor, generate, untidy, wanted
from tests.unit.test_generate import FakeTeacher

pytestmark = pytest.mark.unit

MOST = 5
ORDER = Order(60, group="g", outputs_per_input=MOST, on_disagreement=True)


def unsure(request: TeacherRequest, rng: random.Random) -> list[str]:
    """A teacher that is sure of even numbers, and says of odd ones what comes to its mind."""

    def said(text: str) -> str:
        return "even" if int(text.split()[-1]) % 2 == 0 else rng.choice(["odd", "Odd.", "even", "neither", "who knows"])

    count = wanted([dict(message) for message in request.messages], request.schema)
    if count == 0:
        return [said(request.messages[-1]["content"])]
    texts = [f"number {rng.randrange(300)}" for _ in range(count)]
    return [json.dumps({"examples": [{"input": text, "output": said(text)} for text in texts]})]


def made_by(teacher: FakeTeacher, order: Order = ORDER, task: Task = TASK) -> list[VotedExample]:
    return list(asyncio.run(FewShotGenerator(task, order, teacher).generate(lambda progress: None)).examples)


def test_a_third_output_is_asked_for_only_where_two_disagree() -> None:
    teacher = FakeTeacher(unsure)
    examples = made_by(teacher)
    assert len(examples) == 60
    asked = Counter(r.messages[-1]["content"] for r in teacher.sent if r.schema is None)
    for one in examples:
        assert one.of >= 2, "a second one for each"
        if int(one.input.split()[-1]) % 2 == 0:
            assert asked[one.input] <= 1 and one.votes == one.of
        assert 2 * one.votes > one.of or one.of >= MOST, "until they agree, or there are as many as ordered"
    assert max(one.of for one in examples) > 2
    assert sum(asked.values()) < 60 * (MOST - 1) / 2


def test_outputs_count_as_the_same_label_in_any_spelling() -> None:
    teacher = FakeTeacher(
        lambda request, rng: [
            text.replace("even", rng.choice(["even", "EVEN", "even."])) for text in unsure(request, rng)
        ]
    )
    for one in made_by(teacher):
        if int(one.input.split()[-1]) % 2 == 0:
            assert one.votes == one.of


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8, 0.95])
def test_a_killed_run_pays_for_nothing_twice_and_the_journal_decides(share: float, seed: int) -> None:
    """Whatever was answered when it was killed: asked on, then read once more, it is the same set."""

    async def run(teacher: ConductedTeacher, conductor: Conductor) -> Any:
        return await generate(teacher, conductor, ORDER)

    conductor = Conductor(seed)
    teacher = ConductedTeacher(_write, conductor)
    whole = asyncio.run(run(teacher, conductor))
    assert isinstance(whole, Generated)
    killed = ConductedTeacher(_write, conductor := Conductor(seed, most=int(share * len(teacher.sent))))
    assert isinstance(asyncio.run(run(killed, conductor)), KeyboardInterrupt)
    again = ConductedTeacher(_write, conductor := Conductor(seed + 100), killed.journal)
    resumed = asyncio.run(run(again, conductor))
    assert not {_key(r) for r in again.sent} & {answer.key for _, answer in killed.journal}
    once_more = ConductedTeacher(_write, conductor := Conductor(0), again.journal)
    read = asyncio.run(run(once_more, conductor))
    assert once_more.sent == []
    assert json_lines(read.examples) == json_lines(resumed.examples)
    if [r for r, _ in killed.journal if r.group] == [r for r, _ in teacher.journal if r.group]:  # all had been written
        assert json_lines(resumed.examples) == json_lines(whole.examples)
        assert {_key(r) for r, _ in again.journal} == {_key(r) for r in teacher.sent}


def test_killed_while_only_disagreement_is_left_it_resumes_to_the_same_set() -> None:
    teacher = ConductedTeacher(_write, conductor := Conductor(3))
    whole = asyncio.run(generate(teacher, conductor, ORDER))
    assert isinstance(whole, Generated)
    written = max(at for at, (request, _) in enumerate(teacher.journal) if request.group) + 1
    assert written < len(teacher.journal) - 20
    for end in range(written, len(teacher.journal), 7):
        again = ConductedTeacher(_write, conductor := Conductor(end), teacher.journal[:end])
        resumed = asyncio.run(generate(again, conductor, ORDER))
        assert isinstance(resumed, Generated)
        assert json_lines(resumed.examples) == json_lines(whole.examples)
        assert len(again.journal) == len(teacher.journal) == end + len(again.sent)


def test_untidy_answers_end_it_too() -> None:
    """Outputs that are empty are asked for, count as asked, and are no vote."""
    teacher = ConductedTeacher(untidy(200), conductor := Conductor(1))
    made = asyncio.run(generate(teacher, conductor, ORDER))
    assert isinstance(made, Generated) and len(made.examples) == 60
    asked = Counter(r.messages[-1]["content"] for r in teacher.sent if r.schema is None)
    assert max(asked.values()) == MOST - 1


def test_an_input_that_is_too_long_to_ask_has_votes_less() -> None:
    def write(request: TeacherRequest, rng: random.Random) -> list[str]:
        if request.schema is None and request.sample == 2:
            raise failed("PromptTooLong", "too long", "shorten it")
        return unsure(request, rng)

    teacher = FakeTeacher(write)
    examples = made_by(teacher)
    assert len(examples) == 60
    assert max(r.sample for r in teacher.sent if r.schema is None) == 2, "not asked on"


def test_progress_never_falls_and_ends_at_the_total() -> None:
    seen: list[Progress] = []
    asyncio.run(FewShotGenerator(TASK, ORDER, FakeTeacher(unsure)).generate(seen.append))
    done = [one.done for one in seen]
    assert done[-1] == 60
    collected = next(at for at, one in enumerate(seen) if one.unique == 60)
    assert done[collected:] == sorted(done[collected:])


def test_the_estimate_is_an_upper_bound() -> None:
    generation = {"examples": 60, "outputsPerInput": MOST, "furtherOutputs": "OnDisagreement"}
    bound = estimate(Prompt2ModelSpec.model_validate({"prompt": "x", "generation": generation}), {})[Stage.GENERATE]
    teacher = FakeTeacher(
        lambda request, rng: [text.replace("even", rng.choice("abcdefgh")) for text in unsure(request, rng)]
    )
    made_by(teacher)
    assert 60 * 2 < len(teacher.sent) <= bound.requests == 60 * MOST


def test_ties_go_to_what_came_first_and_to_no_length() -> None:
    assert leading(["longer", "long"], as_text) == ("longer", 1)
    assert winner(["longer", "long"]) == ("long", 1), "as it was, where all outputs are asked for"
    assert leading(["b", "a", "a", "b", "c"], as_text) == ("b", 2)


def test_of_one_label_the_most_frequent_spelling_is_kept() -> None:
    assert leading(["Refund.", "refund", "return", "refund"], as_label) == ("refund", 3)


@pytest.mark.parametrize(
    ("outputs", "same"),
    [
        ([], False),
        (["a"], False),
        (["a", "b"], False),
        (["a", "a"], True),
        (["a", "b", "a"], True),
        (["a", "b", "c", "a"], False),
    ],
)
def test_two_outputs_at_least_and_more_than_half_agree(outputs: list[str], same: bool) -> None:
    assert agree(outputs, as_text) is same


@pytest.mark.parametrize(
    ("one", "other", "labels", "same"),
    [
        ("Refund.", "refund", True, True),
        ("not spam", "Not-Spam", True, True),
        ("-1", "1", True, False),
        ("C#", "C", True, False),
        ("+", "-", True, False),
        ("Refund.", "refund", False, False),
        ("a  b", "a b ", False, True),
        ("if a:\n    b\nc", "if a:\n    b\n    c", False, False),
        ("if a:\n    b \nc\n", "if a:\n    b\nc", False, True),
    ],
)
def test_what_is_the_same(one: str, other: str, labels: bool, same: bool) -> None:
    form = form_of(labels, ())
    assert (form(one) == form(other)) is same


def test_labels_that_the_users_own_examples_tell_apart_are_different() -> None:
    form = form_of(True, (Pair("he", "US"), Pair("we", "us")))
    assert form("US") != form("us")


def test_candidates_know_whether_their_outputs_are_labels() -> None:
    labels, texts = Candidates(), Candidates()
    for i in range(300):
        for candidates, output in ((labels, f"{i % 4}"), (texts, f"{i}")):
            candidates.add(Pair(f"{i}", output), hash_of(f"{i}"), hash_of(f"{i}"), "k")
    assert labels.are_labels and not texts.are_labels and not Candidates().are_labels


def test_further_outputs_are_found_by_number() -> None:
    further = FurtherOutputs(4)
    assert not further and further.asked("a") == 0 and list(further.of("a")) == []
    assert [further.ask("a"), further.ask("a"), further.ask("b")] == [1, 2, 1]
    further.put("a", 2, "x", "k")
    assert further and further.asked("a") == 2 and list(further.of("a")) == [None, ("x", "k"), None]


def _write(messages: list[dict[str, str]], count: int, n: int, rng: random.Random) -> list[str]:
    """As `unsure`, for the teacher that is conducted."""
    return unsure(TeacherRequest("generate", messages, schema={} if count else None), rng)


def _key(request: TeacherRequest) -> str:
    return request_key(request, "fake", "")
