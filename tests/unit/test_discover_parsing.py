"""Prompts taken apart: by their layout, and by a teacher that is believed only where the prompt bears it out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from prompt2model_stages.discover.parsed_prompt import squeezed
from prompt2model_stages.discover.parsing import TeacherParser, understood
from prompt2model_stages.discover.segmenting import WITHOUT_INSTRUCTION, segment
from prompt2model_stages.errors import StageError, blocked, failed
from prompt2model_stages.teacher.requests import TeacherAnswer, TeacherRequest
from tests.unit.discover_cases import FakeTeacher
from tests.unit.task_prompts import TASK_PROMPTS, TaskPrompt

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PROMPT = "Tell the   capital of the country.\n\nInput: France\nOutput: Paris\n\nInput: Japan\nOutput: Tokyo\n"
PAIRS = [("France", "Paris"), ("Japan", "Tokyo")]


def pairs_of(parsed: Any) -> list[tuple[str, str]]:
    return [(d.input, d.output) for d in parsed.demonstrations]


def answer(instruction: str, pairs: list[tuple[str, str]]) -> str:
    return json.dumps({"instruction": instruction, "demonstrations": [{"input": i, "output": o} for i, o in pairs]})


@pytest.mark.parametrize(
    ("prompt", "instruction", "pairs"),
    [
        (PROMPT, "Tell the   capital of the country.", PAIRS),
        ("Say hello.", "Say hello.", []),
        ("Convert Python 2 -> Python 3.", "Convert Python 2 -> Python 3.", []),
        ("Name it. Look at the input: it is text.", "Name it. Look at the input: it is text.", []),
        (
            "To French.\n\nExamples:\n- dog -> chien\n- cat => chat\n\nBe short.",
            "To French.\nBe short.", [("dog", "chien"), ("cat", "chat")],
        ),
        (
            "To ISO. Examples: 3 May 2021 -> 2021-05-03; 4 June 1999 → 1999-06-04.",
            "To ISO.", [("3 May 2021", "2021-05-03"), ("4 June 1999", "1999-06-04")],
        ),
        ("Sort. Input: b a Output: a b", "Sort.", [("b a", "a b")]),
        ("Reply.\nQ: x\nA: y\nQ: v\nA: w", "Reply.", [("x", "y"), ("v", "w")]),
        (
            'Correct it.\n\n**Input:** "he go"\n**Output:** "he goes"\n\nExample 2:\nInput: they is\nOutput: they are\n\n'
            "Input: foo\nOutput:",
            "Correct it.",
            [("he go", "he goes"), ("they is", "they are")],
        ),
        ('Do.\n[input]="a\nb"\n[output]="c"\n\n[input]="d"\n[output]="e"', "Do.", [("a\nb", "c"), ("d", "e")]),
        ("Schreibe ISO.\nEingabe: 3. Mai 2021\nAusgabe: 2021-05-03", "Schreibe ISO.", [("3. Mai 2021", "2021-05-03")]),
        ("Input: a\nOutput: b", WITHOUT_INSTRUCTION, [("a", "b")]),
        ("Tag.\nInput: a\nOutput: b\n\nKeep the order.", "Tag.\nKeep the order.", [("a", "b")]),
    ],
)  # fmt: skip
def test_layouts(prompt: str, instruction: str, pairs: list[tuple[str, str]]):
    parsed = segment(prompt)
    assert (parsed.instruction, pairs_of(parsed)) == (instruction, pairs)
    assert parsed.parsed_by == "patterns"


def test_the_example_of_the_repository():
    prompt = yaml.safe_load((ROOT / "examples/dates.yaml").read_text())["spec"]["prompt"]
    parsed = segment(prompt)
    assert parsed.instruction == "Write the date in ISO format."
    assert [d.output for d in parsed.demonstrations] == ["2019-05-01", "1999-06-02", "2030-05-17", "1996-02-29"]


@pytest.mark.parametrize("task", TASK_PROMPTS, ids=lambda task: task.name)
def test_prompts_in_the_form_of_benchmarks(task: TaskPrompt):
    parsed = segment(f"{task.instruction}\n\n{task.examples}")
    assert squeezed(parsed.instruction) == squeezed(task.instruction)
    assert [squeezed(d.output) for d in parsed.demonstrations] == [squeezed(output) for _, output in task.pairs]


@given(st.text(min_size=1, max_size=300))
def test_any_text_is_taken_apart(prompt: str):
    parsed = segment(prompt)
    assert parsed.instruction
    assert all(squeezed(d.input) in squeezed(prompt) for d in parsed.demonstrations)


@given(
    st.lists(
        st.tuples(*[st.text("abc xyz'!", min_size=1).filter(lambda t: t.strip(" '!"))] * 2), min_size=1, max_size=5
    )
)
def test_labelled_pairs_come_back(pairs: list[tuple[str, str]]):
    prompt = "Do it.\n\n" + "\n\n".join(f"Input: {i}\nOutput: {o}" for i, o in pairs)
    bare = [(i.strip(), o.strip()) for i, o in pairs]
    if any(text[:1] == "'" for pair in bare for text in pair):
        return  # quotes around a text are taken off
    assert pairs_of(segment(prompt)) == bare


def test_too_many_and_too_long_examples_are_left_out_and_told():
    prompt = "Do.\n" + "\n".join(f"Input: i{n}\nOutput: o{n}" for n in range(70)) + f"\nInput: {'x' * 9000}\nOutput: y"
    parsed = segment(prompt)
    assert len(parsed.demonstrations) == 64
    assert parsed.notes == ("7 examples were left out: too long, or too many.",)


async def test_a_good_answer_of_the_teacher_is_taken():
    teacher = FakeTeacher({"parse": [answer("Tell the capital of the country.", PAIRS)]})
    parsed = await TeacherParser(teacher).parse(PROMPT)
    assert parsed.parsed_by == "teacher"
    assert (parsed.instruction, pairs_of(parsed)) == ("Tell the capital of the country.", PAIRS)
    assert len(teacher.asked) == 1
    assert teacher.asked[0].schema is not None
    assert teacher.asked[0].messages[-1]["content"] == PROMPT


async def test_a_second_answer_gets_a_second_chance():
    teacher = FakeTeacher(
        {"parse": ["no JSON at all", f"```json\n{answer('Tell the capital of the country.', PAIRS)}\n```"]}
    )
    parsed = await TeacherParser(teacher).parse(PROMPT)
    assert parsed.parsed_by == "teacher"
    assert len(teacher.asked) == 2
    assert "no JSON" in teacher.asked[1].messages[-1]["content"]


async def test_after_two_useless_answers_the_layout_decides_and_says_so():
    teacher = FakeTeacher({"parse": [answer("Something made up.", [])]})
    parsed = await TeacherParser(teacher).parse(PROMPT)
    assert parsed.parsed_by == "patterns"
    assert pairs_of(parsed) == PAIRS
    assert "refused 2 times (the instruction must be copied from the prompt)" in parsed.notes[-1]


CAPITAL = "Tell the capital of the country."


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[]", "no instruction"),
        ('{"demonstrations": []}', "no instruction"),
        (answer("", PAIRS), "empty"),
        (answer("Name the capital.", PAIRS), "instruction must be copied"),
        (answer(CAPITAL, [("France", "Paris"), ("Italy", "Rome")]), "demonstrations must be copied"),
        (answer(CAPITAL, [("France", " "), ("Japan", "Tokyo")]), "demonstrations must be copied"),
        (answer(CAPITAL, [("France", ""), ("Japan", "Tokyo")]), "needs an input and an output"),
        (answer(CAPITAL, PAIRS[:1]), "2 demonstrations, the answer 1"),
        (answer("Tell", PAIRS), "of the prompt only"),
        ('{"instruction": "Tell the capital of the country.", "demonstrations": {}}', "must be a list"),
    ],
)
def test_an_answer_that_the_prompt_does_not_bear_out_is_refused(text: str, complaint: str):
    with pytest.raises(ValueError, match=complaint):
        understood(text, PROMPT, at_least=2)


def test_an_instruction_around_the_examples_is_borne_out():
    prompt = "Give the opposite.\n\nhot -> cold\nbig -> small\n\nAnswer in one word."
    parsed = understood(
        answer("Give the opposite.\nAnswer in one word.", [("hot", "cold"), ("big", "small")]), prompt, 2
    )
    assert parsed.instruction == "Give the opposite.\nAnswer in one word."


async def test_a_prompt_too_long_for_the_teacher_is_taken_apart_by_its_layout():
    class Small(FakeTeacher):
        async def ask(self, request: TeacherRequest) -> TeacherAnswer:
            raise failed("PromptTooLong", "Too long.", "Shorten it.")

    parsed = await TeacherParser(Small()).parse(PROMPT)
    assert (parsed.parsed_by, pairs_of(parsed)) == ("patterns", PAIRS)
    assert "longer than the teacher takes" in parsed.notes[-1]


async def test_other_failures_of_the_teacher_end_the_attempt():
    class Refusing(FakeTeacher):
        async def ask(self, request: TeacherRequest) -> TeacherAnswer:
            raise blocked("TeacherUnauthorized", "401.", "Set the key.")

    with pytest.raises(StageError, match="401"):
        await TeacherParser(Refusing()).parse(PROMPT)
