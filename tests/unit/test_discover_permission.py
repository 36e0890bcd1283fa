"""What speaks against using a dataset unasked: the direction, the language and the form of the demonstrations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prompt2model_api.prompt2model import Demonstration
from prompt2model_stages.catalogs.catalog import datasets
from prompt2model_stages.catalogs.entries import DatasetEntry
from prompt2model_stages.catalogs.opening import open_datasets
from prompt2model_stages.discover.dataset_retrieval import CatalogDatasetRetriever
from prompt2model_stages.discover.permission import objection

pytestmark = pytest.mark.unit

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
    ],
)
def test_what_speaks_against_a_dataset(name: str, given: str, output: str, against: str):
    found = objection(entry(name), [Demonstration(input=given, output=output)])
    assert against in found
    assert bool(found) is bool(against), found


def test_few_choices_are_wrong_and_most_that_exist_are_made():
    retriever = CatalogDatasetRetriever.of(open_datasets())
    lines = (Path(__file__).parent / "data" / "permissions.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    right, wrong = 0, []
    for case in cases:
        given = [Demonstration(input=one, output=other) for one, other in case["pairs"]]
        for found in retriever.retrieve(case["instruction"], given, 25):
            if found.recommended and {found.name, f"{found.name}/{found.config}"} & set(case["accepted"]):
                right += 1
            elif found.recommended:
                wrong.append((case["instruction"], found.name))
    assert len(wrong) <= 0.02 * len(cases), wrong
    assert right >= 0.6 * sum(bool(case["accepted"]) for case in cases)
