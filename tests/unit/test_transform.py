"""The stage transform: what the teacher is asked, how its answers are read, and what becomes of the rows."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable

import pytest

from prompt2model_api.conditions import FailureState
from prompt2model_stages.errors import StageError, blocked, failed
from prompt2model_stages.examples import Example, Pair
from prompt2model_stages.generate.base import Task
from prompt2model_stages.teacher import TeacherAnswer, TeacherRequest
from prompt2model_stages.transform.base import Outcome, Refusal, Refused, Result, Unusable
from prompt2model_stages.transform.prompts import ROW_FORM, ROW_SHOWN, ask_plan, ask_row, row_tokens
from prompt2model_stages.transform.reading import read_answer, read_row
from prompt2model_stages.transform.rewriting import (
    FIRST_IN_FLIGHT,
    HOPELESS,
    REFUSED_ALL,
    Rewriter,
    summary,
    write_plan,
)
from prompt2model_stages.transform.stage import counts_of
from tests.unit.test_generate import FakeTeacher

pytestmark = pytest.mark.unit

TASK = Task("Say the number in words.", (Pair("1", "one"), Pair("2", "two")))


def rows(count: int, start: int = 10) -> list[Example]:
    return [Example(f"n = {n}", f"{n}", "retrieved", f"org/d#{n}") for n in range(start, start + count)]


def said(**fields: object) -> str:
    return json.dumps({"refused": "no", "why": "", "input": "", "output": "", **fields})


def number_in(request: TeacherRequest) -> int:
    """Of the row that a request is about."""
    return int(str(request.messages[-1]["content"]).split("n = ")[1].split('"')[0])


def by_number(answer: Callable[[int], str]) -> Callable[[TeacherRequest, random.Random], list[str]]:
    def write(request: TeacherRequest, rng: random.Random) -> list[str]:
        return ["Step 1."] if request.schema is None else [answer(number_in(request))]

    return write


def rewritten(number: int) -> str:
    return said(input=str(number), output=f"in words {number}")


def rewrite(teacher: FakeTeacher, given: list[Example], plan: str = "Step 1.", seed: int = 0) -> list[Result]:
    return asyncio.run(Rewriter(TASK, plan, "org/d", given, teacher, lambda done, total, new: None, seed).rewrite())


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (said(input="3", output="three"), Pair("3", "three")),
        ('{"input": "3", "output": "three"}', Pair("3", "three")),
        ('```\n{"input": "3", "output": "three"}\n```', Pair("3", "three")),
        # A row that is quoted before the answer, or without one, is no example.
        (
            'The row {"input": "3", "output": "5"} is odd: ' + said(refused="unclear", why="odd"),
            Refused(Refusal.UNCLEAR, "odd"),
        ),
        ('Of {"input": "3", "output": "5"} I make\n' + said(input="3", output="three"), Pair("3", "three")),
        ('The row {"input": "3", "output": "5"} has no words.', Unusable.MALFORMED),
        (said(input="{3}", output='{"refused": "no"}'), Pair("{3}", '{"refused": "no"}')),
        ('{"refused": "no", "input": "a price", "output": 5.10}', Pair("a price", "5.10")),
        (
            '{"refused": "no", "input": "two", "output": {"a": 1.50, "b": [1e3]},}',
            Pair("two", '{"a": 1.50, "b": [1e3]}'),
        ),
        ("Here it is:\n```json\n" + said(input=" 3 ", output=3) + "\n```", Pair("3", "3")),
        (said(input="3", output={"k": [1]}), Pair("3", '{"k": [1]}')),
        (said(refused="unrelated", why="no number"), Refused(Refusal.UNRELATED, "no number")),
        (said(refused="Unclear", input="3", output="three"), Refused(Refusal.UNCLEAR)),
        (said(refused=True), Refused(Refusal.OTHER, "true")),
        (said(refused="offensive"), Refused(Refusal.OTHER, "offensive")),
        (said(refused="", input="3", output="three"), Pair("3", "three")),
        (said(refused=None, input="3", output="three"), Pair("3", "three")),
        (said(refused=False, input="3", output="three"), Pair("3", "three")),
        (said(input="3"), Unusable.MALFORMED),
        (said(input="3", output="x" * 9000), Unusable.OVERLONG),
        ('{"input": "3", "output": "thr', Unusable.MALFORMED),
        (said(input="...", output="…"), Unusable.MALFORMED),  # the prompt's own placeholders
        (said(why="unrelated", input="3", output="three"), Refused(Refusal.UNRELATED)),
        (said(why="it is clear", input="3", output="three"), Pair("3", "three")),
        ("[1]", Unusable.MALFORMED),
        ("I cannot help with that.", Unusable.MALFORMED),
    ],
)
def test_a_pair_or_a_refusal_is_read_and_nothing_else(text: str, outcome: Outcome) -> None:
    assert read_row(text) == outcome


@pytest.mark.parametrize(
    "word",
    [
        *("No.", "NO", "'no'", "not refused", "Not refused.", "not a refusal", "no refusal", "The row is not refused."),
        *("false", "False.", "None", "null", "n/a", 0, [], "-", "isn’t refused", "accepted", "OK", "unrefused"),
    ],
)
def test_a_row_that_is_not_refused_is_an_example_whatever_the_wording(word: object) -> None:
    assert read_row(said(refused=word, input="3", output="three")) == Pair("3", "three")


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("Unclear.", Refused(Refusal.UNCLEAR)),
        ("unrelated: no number", Refused(Refusal.UNRELATED, "unrelated: no number")),
        ("Yes, incomplete", Refused(Refusal.INCOMPLETE, "yes, incomplete")),
        ("refused", Refused(Refusal.OTHER, "refused")),
        ("The row was rejected.", Refused(Refusal.OTHER, "the row was rejected.")),
        (1, Refused(Refusal.OTHER, "1")),
        # It may be a reason, or say that all is well: the teacher is asked again.
        ("no number in it", Unusable.UNDECIDED),
        ("a fine row", Unusable.UNDECIDED),
        ("nein", Unusable.UNDECIDED),
        ("refused: no", Unusable.UNDECIDED),
    ],
)
def test_a_refusal_is_read_by_its_meaning_beside_an_example(word: object, outcome: Outcome) -> None:
    assert read_row(said(refused=word, input="3", output="three")) == outcome


def test_words_of_the_teachers_own_are_a_reason_where_there_is_no_example() -> None:
    assert read_row(said(refused="No number in it")) == Refused(Refusal.OTHER, "no number in it")
    assert read_row(said(refused="maybe", input="...", output="...")) == Refused(Refusal.OTHER, "maybe")
    assert read_row(said(refused="No.")) is Unusable.MALFORMED


def test_an_answer_that_says_neither_is_asked_for_once_more_and_is_no_refusal() -> None:
    def write(request: TeacherRequest, rng: random.Random) -> list[str]:
        number = number_in(TeacherRequest("transform", request.messages[:2]))
        sure = len(request.messages) > 2 and number % 2 == 0
        return [said(refused="no" if sure else "fairly good", input=str(number), output=f"in words {number}")]

    teacher = FakeTeacher(write)
    results = rewrite(teacher, rows(20))
    counts = counts_of(results)
    assert (counts.rewritten, counts.refused, counts.unusable) == (10, {}, {"undecided": 10})
    assert len(teacher.sent) == 40, "each is asked about twice, and no more"
    again = next(request for request in teacher.sent if len(request.messages) > 2)
    assert [message["role"] for message in again.messages] == ["system", "user", "assistant", "user"]
    assert "fairly good" in again.messages[2]["content"] and '"no"' in again.messages[3]["content"]
    assert {result.request for result in results} <= {
        key for key, (r, _) in teacher.journal.items() if len(r.messages) > 2
    }
    assert "without a clear yes or no" in summary(results)
    resumed = FakeTeacher(write, teacher.journal)
    assert rewrite(resumed, rows(20)) == results and resumed.sent == []


def test_answers_that_are_none_have_kinds_of_their_own() -> None:
    assert read_answer(TeacherAnswer(("",), "k", cut=True)) is Unusable.CUT
    assert read_answer(TeacherAnswer(("",), "k", refused=True)) is Unusable.UNANSWERED
    assert read_answer(TeacherAnswer((" ",), "k")) is Unusable.UNANSWERED


def test_the_prompts_have_task_plan_and_row() -> None:
    row = Pair("n = 3", "x" * 9000)
    (_, asked) = ask_row(TASK, "Step 1.", row)
    assert all(part in asked["content"] for part in (TASK.instruction, '"output": "two"', "Step 1.", row.output))
    assert all(f'"{reason}"' in asked["content"] for reason in Refusal)
    assert "plan" not in ask_row(TASK, "", row)[1]["content"]
    (_, planned) = ask_plan(TASK, [row] * 9)
    assert planned["content"].count("n = 3") == 5 and "x" * (ROW_SHOWN + 1) not in planned["content"]
    assert row_tokens(TASK, row) > 4000 > row_tokens(TASK, Pair("a", "b"))
    assert set(ROW_FORM["properties"]["refused"]["enum"]) == {"no", *Refusal}


def test_every_row_is_asked_about_once_and_comes_to_something_in_its_order() -> None:
    def answer(number: int) -> str:
        if number % 3 == 0:
            return said(refused="incomplete", why=f"{number} lacks it")
        return "What?" if number % 7 == 0 else rewritten(number)

    given = rows(60)
    teacher = FakeTeacher(by_number(answer))
    results = rewrite(teacher, given)
    assert [result.row for result in results] == given
    assert len(teacher.sent) == 60 and teacher.most_in_flight == teacher.concurrency
    assert all(result.request for result in results)
    counts = counts_of(results)
    assert (counts.rows, counts.rewritten, counts.refused) == (60, 35, {"incomplete": 20})
    assert counts.unusable == {"malformed": 5}
    assert summary(results) == "20 refused as incomplete, 5 answered not in form"


def test_another_order_of_answers_changes_nothing() -> None:
    first, second = (FakeTeacher(by_number(rewritten)) for _ in range(2))
    second.concurrency, second.turns = 3, 1
    assert rewrite(first, rows(40)) == rewrite(second, rows(40))


def test_the_users_examples_are_dropped_before_and_after() -> None:
    given = [Example("(1)", "I", "retrieved", "d#0"), Example("", "", "retrieved", "d#1"), *rows(2)]
    teacher = FakeTeacher(by_number(lambda number: said(input=" 2. ", output="two") if number == 10 else rewritten(11)))
    results = rewrite(teacher, given)
    assert [result.outcome for result in results[:3]] == [
        Unusable.DEMONSTRATION,
        Unusable.EMPTY,
        Unusable.DEMONSTRATION,
    ]
    assert len(teacher.sent) == 2  # the first two are not asked about
    assert isinstance(results[3].outcome, Pair)


@pytest.mark.parametrize("dies_after", [1, 20, 59])
def test_a_killed_attempt_asks_nothing_twice(dies_after: int) -> None:
    whole = FakeTeacher(by_number(rewritten))
    dying = FakeTeacher(by_number(rewritten))
    dying.dies_after = dies_after
    with pytest.raises(KeyboardInterrupt):
        rewrite(dying, rows(60))
    again = FakeTeacher(by_number(rewritten), dying.journal)
    kept = len(dying.journal)
    assert rewrite(again, rows(60)) == rewrite(whole, rows(60))
    assert len(again.sent) == 60 - kept


def test_refusing_everything_ends_early_and_says_what_to_do() -> None:
    teacher = FakeTeacher(by_number(lambda number: said(refused="unrelated", why="no")))
    with pytest.raises(StageError) as error:
        rewrite(teacher, rows(1000))
    failure = error.value.failure
    assert (failure.state, failure.reason) == (FailureState.FAILED, "NothingTransformed")
    assert "org/d" in failure.message and "refused as unrelated" in failure.message and "none: true" in failure.remedy
    assert REFUSED_ALL <= len(teacher.sent) <= REFUSED_ALL + FIRST_IN_FLIGHT


def test_answers_out_of_form_end_early_and_name_the_teacher() -> None:
    teacher = FakeTeacher(by_number(lambda number: "Sure! Here you go."))
    with pytest.raises(StageError) as error:
        rewrite(teacher, rows(1000))
    failure = error.value.failure
    assert (failure.state, failure.reason) == (FailureState.BLOCKED, "TeacherAnswersGarbage")
    assert "stronger teacher" in failure.remedy and "not in form" in failure.message
    assert HOPELESS <= len(teacher.sent) <= HOPELESS + FIRST_IN_FLIGHT


def test_a_teacher_that_repeats_one_example_is_too_weak() -> None:
    teacher = FakeTeacher(by_number(lambda number: said(input="7", output="seven")))
    with pytest.raises(StageError) as error:
        rewrite(teacher, rows(1000))
    assert error.value.failure.reason == "TeacherAnswersGarbage"
    assert "times one of 1 examples" in error.value.failure.message
    assert len(teacher.sent) <= HOPELESS + FIRST_IN_FLIGHT + teacher.concurrency


def test_right_answers_that_are_too_long_do_not_call_the_teacher_weak() -> None:
    teacher = FakeTeacher(by_number(lambda number: said(input=str(number), output="x" * (9000 if number < 90 else 9))))
    assert counts_of(rewrite(teacher, rows(200))).unusable == {"overlong": 80}
    with pytest.raises(StageError) as error:
        rewrite(FakeTeacher(by_number(lambda number: said(input="a", output="x" * 9000))), rows(200))
    assert error.value.failure.reason == "NothingTransformed" and "over 8,192 characters" in error.value.failure.message


def test_a_dataset_that_repeats_its_inputs_is_not_a_teacher_that_repeats_itself() -> None:
    given = [Example(f"n = {i // 12}", f"ref {i}", "retrieved", f"d#{i}") for i in range(600)]
    assert counts_of(rewrite(FakeTeacher(by_number(lambda number: rewritten(number + 10))), given)).rewritten == 50


def test_a_teacher_that_copies_a_demonstration_is_too_weak() -> None:
    teacher = FakeTeacher(by_number(lambda number: said(input="1", output="one")))
    with pytest.raises(StageError) as error:
        rewrite(teacher, rows(1000))
    assert error.value.failure.reason == "TeacherAnswersGarbage"
    assert len(teacher.sent) <= HOPELESS + FIRST_IN_FLIGHT + teacher.concurrency


def test_rows_that_become_the_same_question_get_the_answer_of_most() -> None:
    def answer(number: int) -> str:
        return said(input="same?" if number % 2 else "Same!", output="bad" if number == 11 else f"good{number % 2}")

    results = rewrite(FakeTeacher(by_number(answer)), rows(9))
    kept = [(result.row.origin, result.outcome.output) for result in results if isinstance(result.outcome, Pair)]
    assert kept == [("org/d#10", "good0"), ("org/d#13", "good1")]


def test_rows_that_become_the_same_question_count_once() -> None:
    teacher = FakeTeacher(by_number(lambda number: rewritten(number // 2)))
    results = rewrite(teacher, rows(20))
    assert [isinstance(result.outcome, Pair) for result in results] == [True, False] * 10
    assert counts_of(results).unusable == {"duplicates": 10}


def test_a_sorted_dataset_is_not_judged_by_its_first_rows() -> None:
    teacher = FakeTeacher(by_number(lambda number: rewritten(number) if number >= 300 else said(refused="unrelated")))
    results = rewrite(teacher, rows(1000))
    assert counts_of(results).rewritten == 710 and [result.row for result in results] == rows(1000)
    another = FakeTeacher(by_number(rewritten))
    assert rewrite(another, rows(40), seed=1) == rewrite(FakeTeacher(by_number(rewritten)), rows(40), seed=2)
    assert [number_in(request) for request in another.sent] != list(range(10, 50))


def test_a_reversed_row_that_is_a_demonstration_is_not_asked_about() -> None:
    task = Task("Write the subject.", (Pair("The body of a mail.", "Mail"),))
    given = [Example("Mail", "The body of a mail!", "retrieved", "d#0"), *rows(1)]
    teacher = FakeTeacher(by_number(rewritten))
    results = asyncio.run(Rewriter(task, "", "org/d", given, teacher, lambda done, total, new: None, 0).rewrite())
    assert results[0].outcome is Unusable.DEMONSTRATION and len(teacher.sent) == 1


def test_one_good_row_among_those_in_flight_goes_on() -> None:
    last = 10 + REFUSED_ALL + 5
    teacher = FakeTeacher(by_number(lambda number: rewritten(number) if number >= last else said(refused="other")))
    teacher.turns = 1
    teacher.concurrency = 1000
    results = rewrite(teacher, rows(300))
    assert counts_of(results).rewritten == 300 - REFUSED_ALL - 5


@pytest.mark.parametrize("answer", [said(refused="other"), "What?"])
def test_few_rows_of_no_use_are_a_failure_at_the_end(answer: str) -> None:
    with pytest.raises(StageError):
        rewrite(FakeTeacher(by_number(lambda number: answer)), rows(3))


def test_the_teachers_error_ends_it_but_a_row_that_is_too_long_does_not() -> None:
    teacher = FakeTeacher(by_number(rewritten))
    teacher.error = blocked("BudgetExhausted", "The budget is used up.", "Raise it.")
    with pytest.raises(StageError, match="budget"):
        rewrite(teacher, rows(40))
    teacher = FakeTeacher(by_number(rewritten))
    teacher.error = failed("PromptTooLong", "Too long.", "Shorten it.")
    counts = counts_of(rewrite(teacher, rows(40)))
    assert (counts.rewritten, counts.unusable) == (5, {"tooLong": 35})


def test_without_a_plan_it_goes_on() -> None:
    teacher = FakeTeacher(lambda request, rng: [" 1. Take n. "])
    assert asyncio.run(write_plan(TASK, rows(3), teacher)) == "1. Take n."
    assert teacher.sent[0].temperature == 0 and teacher.sent[0].partial
    teacher = FakeTeacher(lambda request, rng: [""])
    assert asyncio.run(write_plan(TASK, rows(3), teacher)) == ""
