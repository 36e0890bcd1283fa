"""All of a prompt is accounted for: a symbol, number, label or example that an answer leaves out has it refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from prompt2model_stages.discover.believing.judging import understood
from prompt2model_stages.discover.parsed_prompt import ParsedPrompt

pytestmark = pytest.mark.unit

Pairs = list[tuple[Any, Any]]


def believed(prompt: str, instruction: str, pairs: Pairs) -> ParsedPrompt:
    demonstrations = [{"input": given, "output": output} for given, output in pairs]
    return understood(json.dumps({"instruction": instruction, "demonstrations": demonstrations}), prompt)


def labelled(pairs: Pairs) -> str:
    return "\n\n".join(f"Input: {given}\nOutput: {output}" for given, output in pairs)


TOWNS = [("Where is Oslo?", "Norway"), ("Where is Lima?", "Peru")]
SUMS = "Add up.\n\n2+2 ~ 4\n3+5 ~ 8\n6+1 ~ 7"


@pytest.mark.parametrize(
    ("prompt", "instruction", "pairs"),
    [
        ("Shorten the note. Most words: 30.", "Shorten the note.", []),
        ("Is it true?\nAnswer: 0/1", "Is it true?", []),
        ("Rate it.\nRange: 1-7.", "Rate it.", []),
        ("Answer with:\n```lua\nand no words\n```", "Answer with:\nand no words", []),
        ("Write a tanka (5, 7, 5, 7, 7).", "Write a tanka", []),
        ("Levels: 1, 2, 3. Sort the ticket.", "Sort the ticket.", []),
        ("Sort the text.\nphrase / good or bad", "Sort the text.", []),
        ("Translate.\nTone: polite\nEnd with:\na dot", "Translate.\npolite\na dot", []),
        (f"Name the country.\nYear: 1990\n\n{labelled(TOWNS)}", "Name the country.", TOWNS),
        (f"Name the country.\nYear: 1990\n\n{labelled(TOWNS)}", "Name the country.\n1990", TOWNS),
        (f"Name the country.\n## No slang\n{labelled(TOWNS)}", "Name the country.", TOWNS),
        ("Give the opposite. No slang: wet: dry\nhigh: low.", "Give the opposite.", [("wet", "dry"), ("high", "low")]),
        (SUMS, "Add up.", [("2+2", "4"), ("3+5", "8")]),
        (SUMS, "Add up.", [("3+5", "8"), ("6+1", "7")]),
        (SUMS, "Add up.", [("2+2", "4"), ("6+1", "7")]),
        (SUMS, "Add up.", []),
        ("Round up.\n\n$7.10 = $8\n£2.60 = £3", "Round up.", [("7.10", "8"), ("2.60", "3")]),
        ("Round up.\n\n$7.10 = $8\n$2.60 = $3\n$1.20 = $2", "Round up.", [("7.10", "8"), ("2.60", "3"), ("1.20", "2")]),
        ("To percent.\n\n0.25 | 25%\n0.5 | 50%", "To percent.", [("0.25", "25"), ("0.5", "50")]),
        ("Add stops.\n\nhi | Hi!\nwhat | What?", "Add stops.", [("hi", "Hi"), ("what", "What")]),
        ("Add faces.\n\nhi - hi 😀\nno - no 😡", "Add faces.", [("hi", "hi"), ("no", "no")]),
        ("Add brackets.\n\na b | (a b)\nc | (c)", "Add brackets.", [("a b", "a b"), ("c", "c")]),
        ("说反义词。很大的:很小的;很高的:很矮的。", "说反义词。", [("大的", "很小的"), ("很高的", "很矮的")]),
        ("Opposites.\n\ngood,bad\nwet,dry\nfull,empty", "Opposites.", [("wet", "dry"), ("full", "empty")]),
        ("Opposites.\n\nwet,dry\nfull,empty\nhigh,low", "Opposites.", [("full", "empty"), ("high", "low")]),
    ],
)  # fmt: skip
def test_what_is_left_out_has_the_answer_refused(prompt: str, instruction: str, pairs: Pairs):
    with pytest.raises(ValueError):
        believed(prompt, instruction, pairs)


@pytest.mark.parametrize(
    ("prompt", "instruction"),
    [
        ("Say yes if x != y.", "Say yes if x = y."),
        ("Write C# alone.", "Write C alone."),
        ("Use snake_case for names.", "Use snakecase for names."),
        ("Print 4*5.", "Print 45."),
        ("Match ^a+$ alone.", "Match a alone."),
    ],
)
def test_symbols_of_the_instruction_count(prompt: str, instruction: str):
    assert believed(prompt, prompt, []).instruction == prompt
    with pytest.raises(ValueError):
        believed(prompt, instruction, [])


@pytest.mark.parametrize(
    ("prompt", "instruction", "pairs"),
    [
        ("To Dutch: dog→hond, cow→koe.", "To Dutch:", [("dog", "hond, cow→koe")]),
        ("訳す。犬→dog、牛→cow。", "訳す。", [("犬", "dog、牛→cow")]),
        ("To Dutch.\ndog -> hond | cow -> koe", "To Dutch.", [("dog", "hond | cow -> koe")]),
        ("To Dutch.\ndog = hond, cow = koe", "To Dutch.", [("dog", "hond, cow = koe")]),
        ("You help in a shop.\nReaders: young people\nTone: cheerful", "You help in a shop.", [("young people", "cheerful")]),
        ("Sort tickets.\nUrgent: the shop is shut\nOwner: Ida", "Sort tickets.", [("the shop is shut", "Ida")]),
        (
            "Write an advert.\n\nFirm: Hill\nStyle: dry\n\nFirm: never name others\nStyle: never shout",
            "Write an advert.", [("Hill", "dry"), ("never name others", "never shout")],
        ),
        ("Set a test.\nQuestion: must be short\nAnswer: must be a number", "Set a test.", [("must be short", "must be a number")]),
    ],
)  # fmt: skip
def test_two_in_one_and_settings_are_no_demonstration(prompt: str, instruction: str, pairs: Pairs):
    with pytest.raises(ValueError):
        believed(prompt, instruction, pairs)


@pytest.mark.parametrize(
    ("prompt", "answered", "found"),
    [
        ("x\nif a:\n    b()", "x\nif a:\nb()", "x\nif a:\n    b()"),
        ("p   q", "p q", "p   q"),
        ("p\tq", "p q", "p\tq"),
        ("**fat** cat", "fat cat", "**fat** cat"),
        ("a *fat* cat", "a fat cat", "a *fat* cat"),
        ('"cat"', "cat", '"cat"'),
    ],
)
def test_the_prompts_own_text_is_returned(prompt: str, answered: str, found: str):
    pairs: Pairs = [("one", answered), ("two", "2 b")]
    whole = f"Do it.\n\nInput: one\nOutput: {prompt}\n\nInput: two\nOutput: 2 b"
    assert believed(whole, "Do it.", pairs).demonstrations[0].output == found


@pytest.mark.parametrize(("prompt", "answered"), [("p   q", "p q"), ("p\tq", "p q"), ("a *fat* cat", "a fat cat")])
def test_the_prompts_own_text_is_returned_where_the_layout_is_silent(prompt: str, answered: str):
    parsed = believed(f"Do it.\n\none ~ {prompt}\ntwo ~ b", "Do it.", [("one", answered), ("two", "b")])
    assert parsed.demonstrations[0].output == prompt


def test_a_first_example_of_words_for_texts_is_believed():
    pairs: Pairs = [("word", "parola"), ("answer", "risposta"), ("cow", "mucca")]
    prompt = "To Italian.\n\n" + "\n".join(f"{given} -> {output}" for given, output in pairs)
    assert len(believed(prompt, "To Italian.", pairs).demonstrations) == 3
    with pytest.raises(ValueError):
        believed(prompt, "To Italian.", pairs[1:])


def test_labels_of_its_own_that_come_twice_and_a_heading_for_notes_are_no_text():
    prompt = "Soften it.\n\nHard: Stop!\nSoft: Please stop.\n\nHard: Go!\nSoft: Do go.\n\n# Notes\nKeep names."
    pairs: Pairs = [("Stop!", "Please stop."), ("Go!", "Do go.")]
    assert len(believed(prompt, "Soften it.\nKeep names.", pairs).demonstrations) == 2


MANY: Pairs = [(f"item {n} red", f"shelf {n % 7}") for n in range(70)]


@pytest.mark.parametrize("given", [64, 70])
def test_of_many_examples_a_rule_below_them_stays_and_the_note_counts_the_others(given: int):
    prompt = f"Find the shelf.\n\n{labelled(MANY)}\n\nNever answer in German."
    parsed = believed(prompt, "Find the shelf.\nNever answer in German.", MANY[:given])
    assert (len(parsed.demonstrations), parsed.notes) == (64, ("6 examples were left out: too long, or too many.",))
    with pytest.raises(ValueError):
        believed(prompt, "Find the shelf.", MANY[:given])


@pytest.mark.parametrize("layout", ["Input: {}\nOutput: {}", "{} ~ {}"])
def test_of_64_examples_a_rule_below_them_stays(layout: str):
    shown = "\n".join(layout.format(*pair) for pair in MANY[:64])
    prompt = f"Find the shelf.\n\n{shown}\n\nNever answer in German."
    with pytest.raises(ValueError):
        believed(prompt, "Find the shelf.", MANY[:64])


@pytest.mark.parametrize("number", ["1" + "0" * 400, "1e400", "-1e400", "NaN"])
def test_a_number_without_bounds_is_refused_in_words(number: str):
    answer = f'{{"instruction": "Count.", "demonstrations": [{{"input": "a", "output": {number}}}]}}'
    with pytest.raises(ValueError, match="copied from the prompt"):
        understood(answer, f"Count.\n\nInput: a\nOutput: {'9' * 500}")
