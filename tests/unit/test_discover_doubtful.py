"""Prompts whose layout can be read in two ways: the layout says nothing of them, and the teacher decides."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from prompt2model_stages.discover.segmenting import segment

pytestmark = pytest.mark.unit

FENCED = "Write Lua.\n\nInput: one\nOutput:\n```lua\nreturn 1\n```\n\nInput: two\nOutput:\n```lua\nreturn 2\n```"


def pairs_of(prompt: str) -> list[tuple[str, str]]:
    return [(d.input, d.output) for d in segment(prompt).demonstrations]


@pytest.mark.parametrize(
    "prompt",
    [
        "Tell a tale.\n\nInput: fox\nOutput: A fox ran.\n\nInput: owl\nOutput: An owl woke up.\n\nThen it flew away.",
        "Tell a tale.\n\nInput: owl\nOutput: An owl woke up.\n\nThen it flew away.",
        "Sort.\n\nText: buy this\nLabel: ad\n\nText: see you\nLabel: note\nUse no other label.",
        "Sort.\n\nInput: buy this\nOutput: ad\nUse no other label.",
        "Rhyme.\n- sun -> fun\n  run\n- tree -> bee\n  sea\n  key",
    ],
)
def test_where_the_last_output_ends_is_doubtful(prompt: str):
    assert (segment(prompt).instruction, pairs_of(prompt)) == (prompt, [])


@pytest.mark.parametrize(
    "prompt",
    [
        "Set a test.\nQuestion: must be about rivers\nAnswer: must be a number",
        "Shorten the report.\nInput: a text with a title.\nOutput: at most three lines, no lists.",
        "Answer about the shop. Menu:\n- Account -> Orders\n- Home -> Offers",
        "Write an advert.\n\nFirm: Hill & Son\nStyle: dry\n\nFirm: never name others\nStyle: never shout",
        "Copy-edit. For example, dates should be kept, titles should be kept.",
        'Clean the rows:\n[{"who": "Ida", "town": "Linz"}, {"who": "Rolf", "town": "Graz"}]\nDrop doubles.',
    ],
)
def test_rules_steps_and_records_are_no_examples(prompt: str):
    assert (segment(prompt).instruction, pairs_of(prompt)) == (prompt, [])


@pytest.mark.parametrize(
    "prompt",
    [
        "Opposites.\n\ngood,bad\nwet,dry\nfull,empty",
        "Opposites.\n\ngood\tbad\nwet\tdry",
        "To Morse.\n\nInput: S\nOutput: ...\n\nInput: T\nOutput: -",
        "Greet.\n\nInput: {who}\nOutput: Hello\n\nInput: Ida\nOutput: Hello Ida",
        "To Morse.\nS -> ...\nT -> -\nE -> .",
    ],
)
def test_a_first_row_or_a_place_for_a_text_may_be_an_example(prompt: str):
    assert (segment(prompt).instruction, pairs_of(prompt)) == (prompt, [])


@pytest.mark.parametrize(
    ("prompt", "first"),
    [
        ("To Italian.\n\nword -> parola\nanswer -> risposta\ncow -> mucca", ("word", "parola")),
        ("To Italian.\n\nInput: word\nOutput: parola\n\nInput: cow\nOutput: mucca", ("word", "parola")),
        ("To Dutch.\n\nInput: a word\nOutput: een woord\n\nInput: a text\nOutput: een tekst", ("a word", "een woord")),
    ],
)
def test_a_first_example_of_words_for_texts_stays(prompt: str, first: tuple[str, str]):
    assert pairs_of(prompt)[0] == first


@pytest.mark.parametrize(
    ("prompt", "instruction"),
    [
        ("Sort.\nWrite one word, as in these examples:\nInput: a\nOutput: b", "Sort.\nWrite one word, as in these examples:"),
        ("Sort.\nUse small letters as in the examples:\nInput: a\nOutput: b", "Sort.\nUse small letters as in the examples:"),
        ("Sort.\nHere are a few examples of it:\nInput: a\nOutput: b", "Sort."),
    ],
)  # fmt: skip
def test_a_rule_that_ends_with_examples_is_no_heading(prompt: str, instruction: str):
    assert segment(prompt).instruction == instruction


def test_a_fence_around_an_output_is_whole():
    assert pairs_of(FENCED) == [("one", "return 1"), ("two", "return 2")]


LABELS = ", ".join(f"label {'abcdefghij'[n % 10]}{n}" for n in range(40))


LONG = [
    f"Sort.\n\nInput: a question\nOutput: {LABELS} or none, never two.",
    f"Sort.\n\nInput: a question\nOutput: {LABELS} or none (one)",
    "Sort. " + "For example, " * 400 + "x",
    "Sort.\n" + "a: b " * 2000,
    "Sort.\n" + " " * 10000 + "x",
    "Sort.\n" + "- " * 5000,
    "Sort.\n" + "# " * 5000,
    "Sort.\n" + '"' * 5000,
    "Sort.\n" + "<a " * 3000,
    "Sort.\n" + "<a>" * 2000,
    "Sort.\n" + "|-" * 3000 + "x",
    "Sort.\n" + "[" * 5000,
    "Sort.\n" + "Input: " * 1500,
    "Sort.\n" + "\n" * 5000 + "Input: a\nOutput: b",
    "Sort.\n" + "here are " * 11 + "no:",
]


def test_no_prompt_takes_for_ever():
    """In a process of its own, which the limit can end: a regular expression that hangs listens to nobody."""
    code = (
        "import json, sys; from prompt2model_stages.discover.segmenting import segment; "
        "[segment(prompt) for prompt in json.load(sys.stdin)]"
    )
    subprocess.run([sys.executable, "-c", code], input=json.dumps(LONG), text=True, check=True, timeout=120)
