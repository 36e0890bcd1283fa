"""What a teacher says of a prompt's parts: right answers are believed as they are, wrong ones are refused.

tests/unit/data/prompts.jsonl has prompts as people write them, each with the right answer of a sensible teacher, and with
what is found where that is not the answer's text. The wrong answers are made out of these.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prompt2model_stages.discover.believing.judging import understood
from prompt2model_stages.discover.believing.views import bare
from prompt2model_stages.discover.segmenting import WITHOUT_INSTRUCTION, segment
from tests.unit.wrong_answers import wrong_answers

pytestmark = pytest.mark.unit

CASES = [json.loads(line) for line in (Path(__file__).parent / "data/prompts.jsonl").read_text().splitlines()]
FEW_WITHOUT_LAYOUT = 8
"""So many of the prompts have examples that the layout alone does not show beyond doubt."""


def about(case: dict[str, Any]) -> str:
    return str(case["about"])


def believed(case: dict[str, Any]) -> Any:
    answer = {"instruction": case["instruction"], "demonstrations": case["demonstrations"]}
    return understood(json.dumps(answer), case["prompt"])


def means(text: str, value: Any) -> bool:
    """Whether a demonstration's text is the value of the answer, in the prompt's own writing."""
    if isinstance(value, str):
        return text == value
    if value is None or isinstance(value, bool):
        return text.lower() == json.dumps(value)
    if isinstance(value, list) and not text.startswith("["):
        return text.split(", ") == value
    return bool(json.loads(text) == value)


@pytest.mark.parametrize("case", CASES, ids=about)
def test_a_right_answer_is_believed(case: dict[str, Any]):
    parsed = believed(case)
    assert (parsed.parsed_by, parsed.instruction, parsed.notes) == ("teacher", case["instruction"], ())
    assert len(parsed.demonstrations) == len(case["demonstrations"])
    for found, right in zip(parsed.demonstrations, case.get("found", case["demonstrations"]), strict=True):
        assert means(found.input, right["input"])
        assert means(found.output, right["output"])


@pytest.mark.parametrize("case", CASES, ids=about)
def test_wrong_answers_are_refused(case: dict[str, Any]):
    wrong = 0
    for _, answer in wrong_answers(case):
        with pytest.raises(ValueError):
            understood(json.dumps(answer), case["prompt"])
        wrong += 1
    assert wrong >= 4


@pytest.mark.parametrize("case", CASES, ids=about)
def test_the_layout_alone_is_right_or_silent(case: dict[str, Any]):
    found = segment(case["prompt"]).demonstrations
    if found:
        texts = [(bare(d.input), bare(d.output)) for d in found]
        right = [(bare(d.input), bare(d.output)) for d in believed(case).demonstrations]
        assert [output for _, output in texts] == [output for _, output in right]
        assert all(
            given == wanted or case["about"].startswith("two fields")
            for (given, _), (wanted, _) in zip(texts, right, strict=True)
        )


def test_the_layout_alone_shows_most():
    silent = [case["about"] for case in CASES if case["demonstrations"] and not segment(case["prompt"]).demonstrations]
    assert len(silent) <= FEW_WITHOUT_LAYOUT, silent


def test_an_object_keeps_the_prompts_own_text():
    prompt = 'Extract.\n\nInput: Ann is 5.\nOutput: {"name":"Ann",  "age": 5}'
    answer = {
        "instruction": "Extract.",
        "demonstrations": [{"input": "Ann is 5.", "output": {"age": 5, "name": "Ann"}}],
    }
    assert understood(json.dumps(answer), prompt).demonstrations[0].output == '{"name":"Ann",  "age": 5}'


def test_a_number_keeps_the_prompts_own_text():
    prompt = "Round.\n\nInput: 1,234.56\nOutput: 1,235.0"
    answer = {"instruction": "Round.", "demonstrations": [{"input": 1234.56, "output": 1235}]}
    assert understood(json.dumps(answer), prompt).demonstrations[0].input == "1,234.56"
    assert understood(json.dumps(answer), prompt).demonstrations[0].output == "1,235.0"


def test_a_number_is_no_part_of_another():
    prompt = "Count.\n\nInput: a a a\nOutput: 30"
    with pytest.raises(ValueError, match="copied from the prompt"):
        understood(json.dumps({"instruction": "Count.", "demonstrations": [{"input": "a a a", "output": 3}]}), prompt)


def test_quotes_of_the_prompt_win_over_the_teachers():
    prompt = 'Fix.\n\nInput: he say "hi" to I\nOutput: he said "hi" to me'
    pair = {"input": "he say 'hi' to I", "output": "he said 'hi' to me"}
    parsed = understood(json.dumps({"instruction": "Fix.", "demonstrations": [pair]}), prompt)
    assert parsed.demonstrations[0].output == 'he said "hi" to me'


@pytest.mark.parametrize("taken", [64, 65, 70])
def test_of_more_than_64_examples_the_first_64_are_taken(taken: int):
    pairs = [{"input": f"number {n}", "output": f"{2 * n}"} for n in range(70)]
    prompt = "Double it.\n\n" + "\n".join(f"Input: {p['input']}\nOutput: {p['output']}" for p in pairs)
    parsed = understood(json.dumps({"instruction": "Double it.", "demonstrations": pairs[:taken]}), prompt)
    assert [d.output for d in parsed.demonstrations] == [p["output"] for p in pairs[:64]]
    assert "left out" in parsed.notes[0]
    with pytest.raises(ValueError):
        understood(json.dumps({"instruction": "Double it.", "demonstrations": pairs[:63]}), prompt)


def test_a_prompt_of_examples_alone_needs_no_instruction():
    prompt = "Input: a\nOutput: b\n\nInput: c\nOutput: d"
    pairs = [{"input": "a", "output": "b"}, {"input": "c", "output": "d"}]
    assert (
        understood(json.dumps({"instruction": "", "demonstrations": pairs}), prompt).instruction == WITHOUT_INSTRUCTION
    )


@pytest.mark.parametrize(
    ("prompt", "given", "output"),
    [
        ("Rate it.\n\nInput: a review\nOutput: positive or negative", "a review", "positive or negative"),
        ("Rate it.\n\nInput: <review>\nOutput: <label>", "<review>", "<label>"),
        ("Bewerte.\n\nEingabe: eine Bewertung\nAusgabe: gut oder schlecht", "eine Bewertung", "gut oder schlecht"),
        ("Rate it.\nQ: [the text]\nA: one of good, bad", "[the text]", "one of good, bad"),
        ("评价。\n\n输入：一条评论\n输出：正面或负面", "一条评论", "正面或负面"),
    ],
)
def test_a_template_is_no_demonstration(prompt: str, given: str, output: str):
    instruction = prompt.splitlines()[0]
    answer = {"instruction": instruction, "demonstrations": [{"input": given, "output": output}]}
    assert not segment(prompt).demonstrations
    with pytest.raises(ValueError, match="no demonstration"):
        understood(json.dumps(answer), prompt)
    whole = understood(json.dumps({"instruction": prompt, "demonstrations": []}), prompt)
    assert (whole.instruction, whole.demonstrations) == (prompt, ())
