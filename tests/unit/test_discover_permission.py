"""What speaks against using a dataset unasked: the direction, the language and the form of the demonstrations."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from prompt2model_api.prompt2model import Demonstration
from prompt2model_stages.catalogs.catalog import datasets
from prompt2model_stages.catalogs.entries import DatasetEntry
from prompt2model_stages.catalogs.opening import open_datasets
from prompt2model_stages.discover.dataset_retrieval import CatalogDatasetRetriever
from prompt2model_stages.discover.permission import differs_in_form_alone, objection

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
MAIL = "Dear all, the meeting on Friday moves to ten o'clock because the large room is taken. Best, Ann"
GERMAN = "Sehr geehrte Damen und Herren, die Besprechung am Freitag beginnt erst um zehn Uhr, weil der Raum belegt ist."
FRENCH = "Ce film est une grande réussite, et les acteurs sont tous excellents du début à la fin."


def entry(name: str) -> DatasetEntry:
    return next(found for found in datasets() if found.name == name)


@pytest.mark.parametrize(
    ("name", "given", "output", "against"),
    [
        ("Yale-LILY/aeslc", MAIL, "Friday meeting at ten", ""),
        ("Yale-LILY/aeslc", "Friday meeting at ten", MAIL, "inputs do not look like"),
        ("Yale-LILY/aeslc", GERMAN, "Friday meeting at ten", "its inputs are in English, and yours are in German"),
        ("Yale-LILY/aeslc", MAIL, "Die Besprechung am Freitag beginnt erst um zehn Uhr.", "yours are in German"),
        ("xlangai/spider", "How many singers are there?", "SELECT count(*) FROM singer", ""),
        ("xlangai/spider", "SELECT count(*) FROM singer", "How many singers are there?", "outputs do not look like"),
        ("tblard/allocine", FRENCH, "pos", ""),
        ("tblard/allocine", "The film is a great success and the actors are good.", "pos", "yours are in English"),
        ("stanfordnlp/imdb", FRENCH, "pos", "its inputs are in English, and yours are in French"),
        ("stanfordnlp/imdb", "The film is a great success and the actors are good.", "pos", ""),
        ("papluca/language-identification", FRENCH, "fr", ""),
        ("papluca/language-identification", FRENCH, "French", "outputs do not look like"),
        ("allenai/sciq", "What force pulls things down?", "gravity", ""),
        ("allenai/sciq", "gravity", "What force pulls things down?", "do not look like"),
        ("mandarjoshi/trivia_qa", "Paris", "What is the capital of France?", "do not look like"),
        ("mandarjoshi/trivia_qa", "What is the capital of France?", "Which city is it?", "outputs do not look like"),
        ("stanfordnlp/web_questions", "Paris", "what is the capital of france?", "do not look like"),
        ("allenai/common_gen", "dog, park, run", "The dog runs through the park.", ""),
        ("allenai/common_gen", "A dog runs in the park.", "dog run park", "do not look like"),
        ("allenai/common_gen", "A dog runs in the park", "dog, run, park, ball", "do not look like"),
        ("openai/gsm8k", "Tom has 3 apples and buys 2. How many has he?", "3 + 2 = 5\n#### 5", ""),
        (
            "openai/gsm8k",
            "3 + 2 = 5\n#### 5",
            "Tom has 3 apples and buys 2. How many has he?",
            "outputs do not look like",
        ),
        ("Yale-LILY/aeslc", "Friday meeting at ten o'clock in the large room", MAIL, "shorter than their inputs"),
        ("abisee/cnn_dailymail", "The council agreed. " * 9, "The council agreed. " * 20, "shorter than their inputs"),
        ("google-research-datasets/go_emotions", "I feel so happy about this today.", "joy", "nobody has noted"),
        ("xlangai/spider", "SELECT a FROM b", "SELECT count(*) FROM b", "inputs do not look like"),
        ("cornell-movie-review-data/rotten_tomatoes", "Langweilig", "neg", "'Langweilig' looks like German"),
        ("cornell-movie-review-data/rotten_tomatoes", "Toll gemacht", "pos", "'Toll gemacht' looks like German"),
        ("cornell-movie-review-data/rotten_tomatoes", "Prima", "pos", "too short to tell their language"),
        ("cornell-movie-review-data/rotten_tomatoes", "Great fun for all of us.", "pos", ""),
        ("builtin:dates-in-words", "Christmas Day 1987", "1987-12-25", ""),
        ("builtin:dates-in-words", "5/17/2030", "2030-05-17", ""),
        ("openai/openai_humaneval", "def add(a, b):", "    return a + b", ""),
        ("ucirvine/sms_spam", "好", "ham", "too short to tell their language"),
        ("ucirvine/sms_spam", "x", "ham", ""),
        ("mandarjoshi/trivia_qa", "Which composer wrote the oratorio Messiah?", "Georg Friedrich Händel", ""),
        ("mandarjoshi/trivia_qa", "Quién?", "Goethe", "looks like Spanish"),
        ("xlangai/spider", "singers?", "SELECT count(*) FROM singer", "too short to tell their language"),
        ("xlangai/spider", "How many singers are there?", "SELECT nombre FROM cantantes", ""),
    ],
)
def test_what_speaks_against_a_dataset(name: str, given: str, output: str, against: str):
    found = objection(entry(name), [Demonstration(input=given, output=output)])
    assert against in found
    assert bool(found) is bool(against), found


@pytest.mark.parametrize("german", ["Der Film war furchtbar langweilig.", "Langweilig", "Toll gemacht"])
def test_one_demonstration_in_another_language_is_enough_to_refuse(german: str):
    given = [Demonstration(input=german, output="neg"), Demonstration(input="This was a great movie.", output="pos")]
    for demonstrations in (given, given[::-1]):
        found = objection(entry("cornell-movie-review-data/rotten_tomatoes"), demonstrations)
        assert "looks like German" in found or "yours are in German" in found, found


def test_a_form_that_fits_in_both_directions_does_not_tell_the_direction():
    loose = entry("allenai/sciq").model_copy(update={"input_pattern": "[^\n]+", "output_pattern": "[^\n]+"})
    pair = Demonstration(input="What force pulls things down?", output="gravity")
    assert "in the reversed direction as well" in objection(loose, [pair])
    assert objection(loose.model_copy(update={"input_pattern": "[^\n]+\\?"}), [pair]) == ""


@pytest.mark.parametrize(
    ("name", "given", "output", "alone"),
    [
        ("stanfordnlp/imdb", "The film is a great success and the actors are good.", "five stars", True),
        ("papluca/language-identification", FRENCH, "French", True),
        ("Yale-LILY/aeslc", "Friday meeting at ten o'clock in the large room", MAIL, True),  # the other direction
        (
            "google-research-datasets/go_emotions",
            "I feel so happy about this today.",
            "joy",
            True,
        ),  # nobody knows its form
        ("stanfordnlp/imdb", "The film is a great success and the actors are good.", "pos", False),  # it fits
        ("stanfordnlp/imdb", FRENCH, "pos", False),
        ("stanfordnlp/imdb", FRENCH, "five stars", False),
        ("Yale-LILY/aeslc", GERMAN, "Friday meeting at ten", False),
    ],
)
def test_a_form_can_be_rewritten_and_a_language_cannot(name: str, given: str, output: str, alone: bool):
    assert differs_in_form_alone(entry(name), [Demonstration(input=given, output=output)]) is alone


def test_translations_datasets_without_columns_and_tasks_without_demonstrations_are_no_matter_of_form():
    pair = Demonstration(input="The house is small.", output="Das Haus ist klein.")
    translating = next(found for found in datasets() if found.translates)
    assert not differs_in_form_alone(translating, [pair])
    imdb = entry("stanfordnlp/imdb")
    assert not differs_in_form_alone(imdb, [])
    assert not differs_in_form_alone(imdb.model_copy(update={"script": True}), [pair])


def test_few_choices_are_wrong_and_most_that_exist_are_made():
    retriever = CatalogDatasetRetriever.of(open_datasets())
    lines = (Path(__file__).parent / "data" / "permissions.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    right, wrong, another_form = 0, [], []
    for case in cases:
        given = [Demonstration(input=one, output=other) for one, other in case["pairs"]]
        for found in retriever.retrieve(case["instruction"], given, 25):
            another_form += [case["kind"]] if found.transformable else []
            if found.recommended and {found.name, f"{found.name}/{found.config}"} & set(case["accepted"]):
                right += 1
            elif found.recommended:
                wrong.append((case["instruction"], found.name))
    assert len(wrong) <= 0.02 * len(cases), wrong
    adversarial = {case["instruction"] for case in cases if case["kind"] in ("reversed", "form")}
    assert not [name for instruction, name in wrong if instruction in adversarial]
    assert len(another_form) >= 12 and set(another_form) == {"reversed", "form"}
    assert right >= 0.6 * sum(bool(case["accepted"]) for case in cases)


@pytest.mark.parametrize(
    ("instruction", "pairs"),
    [
        (
            "Write a science exam question about physics for the correct answer.",
            [("gravity", "What pulls things down?")],
        ),
        ("Write a trivia question for the answer.", [("Paris", "What is the capital of France?")]),
        (
            "Write the concepts that a sentence uses: find the set of common concepts and keywords of the sentence.",
            [("A dog runs in the park.", "dog run park")],
        ),
        (
            "Classify the sentiment of the movie review snippet, positive or negative.",
            [("Langweilig", "neg"), ("Toll gemacht", "pos")],
        ),
    ],
)
def test_a_reversed_or_foreign_task_gets_no_dataset(instruction: str, pairs: list[tuple[str, str]]):
    given = [Demonstration(input=one, output=other) for one, other in pairs]
    found = CatalogDatasetRetriever.of(open_datasets()).retrieve(instruction, given, 25)
    assert not [candidate.name for candidate in found if candidate.recommended]


def test_the_first_example_still_gets_the_shipped_dates():
    prompt = yaml.safe_load((ROOT / "examples" / "dates.yaml").read_text(encoding="utf-8"))["spec"]["prompt"]
    instruction = prompt.splitlines()[0]
    pairs = re.findall(r"Input: (.+)\nOutput: (.+)", prompt)
    given = [Demonstration(input=one, output=other) for one, other in pairs]
    assert len(given) == 4
    for demonstrations in ([one] for one in given):
        assert objection(entry("builtin:dates-in-words"), demonstrations) == ""
    found = CatalogDatasetRetriever.of(open_datasets()).retrieve(instruction, given, 25)
    assert [candidate.name for candidate in found if candidate.recommended] == ["builtin:dates-in-words"]
