"""48 tasks of many kinds and languages, each written in 17 layouts: see benchmarks/parser.py, which counts the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from prompt2model_stages.discover.believing.judging import understood
from prompt2model_stages.discover.parsed_prompt import squeezed
from prompt2model_stages.discover.segmenting import segment
from tests.unit.prompt_layouts import LAYOUTS, Layout, Task, shipped_tasks

pytestmark = pytest.mark.unit

TASKS = shipped_tasks()
ALONE = {
    "instruction on both sides": 41,
    "`Example 1: … => …`": 44,
    "bullets with `->`": 44,
    "sentences": 37,
    "`### Input`, instruction last": 46,
}
"""What the layout alone takes apart of 48 at least, where it is not all: outputs of several lines, quotes in quotes, and
a paragraph below the last output that may belong to it."""


def typed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def pairs_of(parsed: Any) -> list[tuple[str, str]]:
    return [(squeezed(d.input), squeezed(d.output)) for d in parsed.demonstrations]


def right(task: Task) -> list[tuple[str, str]]:
    return [(squeezed(given), squeezed(output)) for given, output in task.pairs]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_right_answer_is_believed_in_every_layout(layout: Layout):
    for task in TASKS:
        pairs = [{"input": given, "output": typed(output)} for given, output in task.pairs]
        answer = json.dumps({"instruction": task.instruction, "demonstrations": pairs})
        assert pairs_of(understood(answer, layout.write(task))) == right(task), task.name


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_the_layout_alone_is_never_wrong(layout: Layout):
    found = 0
    for task in TASKS:
        parsed = segment(layout.write(task))
        assert not parsed.demonstrations or pairs_of(parsed) == right(task), task.name
        found += bool(parsed.demonstrations) and "".join(parsed.instruction.split()) == "".join(
            task.instruction.split()
        )
    assert found >= ALONE.get(layout.name, len(TASKS))


@pytest.mark.parametrize(
    ("prompt", "output"),
    [
        ("Explain.\n\nInput: a\nOutput: b\n\nKeep it short.\n\nInput: c\nOutput:", "b"),
        ("Sum up.\n\nReview: fine -> good\nSentiment: x\n\nReview: ok -> bad\nSentiment: y", "x"),
    ],
)
def test_an_open_question_at_the_end_leaves_the_rules_above_it(prompt: str, output: str):
    assert segment(prompt).demonstrations[0].output == output


def test_rules_between_the_examples_and_an_open_question_stay():
    parsed = segment("Explain.\n\nInput: a\nOutput: b\n\nKeep it short.\n\nInput: c\nOutput:")
    assert parsed.instruction == "Explain.\nKeep it short."


@pytest.mark.parametrize(
    "prompt",
    [
        "Use the codes.\n\n| code | meaning |\n|---|---|\n| A | open |\n| B | closed |",
        "Follow the path: home -> work -> shop -> home.",
        "Translate.\n\nAnna: hi\nBob: hello\nAnna: how are you?\nBob: fine",
        "Use these labels.\npositive: the writer is glad\nnegative: the writer is not",
        "Answer.\nInput: a\nOutput: b\nOutput: c\n\nInput: d\nOutput: e",
        "Rewrite.\nOutput: a\nInput: b\nOutput: c\nInput: d",
        'Return {"label": "spam", "score": 1} for spam and {"label": "ham", "score": 0} for other mail.',
        "Sum up.\n\nInput: a\nOutput: b\n\nand c\n\nInput: d\nOutput: e\n\nand f",
        "Do not write 'go' when 'goes' is right.",
    ],
)
def test_what_is_doubtful_is_no_demonstration(prompt: str):
    assert segment(prompt).demonstrations == ()
