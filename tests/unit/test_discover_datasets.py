"""Which datasets are recommended: the shipped one for date tasks in many words, and nothing that does not fit."""

from __future__ import annotations

import json

import pytest

from prompt2model_api.prompt2model import Demonstration
from prompt2model_api.results import DatasetCandidate
from prompt2model_stages.catalogs.entries import DatasetEntry, Kind
from prompt2model_stages.catalogs.opening import Entries, open_datasets
from prompt2model_stages.catalogs.search import MemoryIndex, open_lexical
from prompt2model_stages.discover.dataset_retrieval import CatalogDatasetRetriever
from tests.unit.task_prompts import TASK_PROMPTS

pytestmark = pytest.mark.unit

DATES = "builtin:dates-in-words"
ISO = [
    Demonstration(input="the 3rd of May 2021", output="2021-05-03"),
    Demonstration(input="5/7/1999", output="1999-05-07"),
]

FITTING = [
    # the thresholds were chosen with these
    "Write the date in ISO form.",
    "Convert dates written in words to ISO dates.",
    "You will be given a date as people write it. Your job is to return it as YYYY-MM-DD.",
    "Turn a date in plain English, such as the day after 3 May 2021, into the ISO 8601 format (YYYY-MM-DD).",
    "Normalize date expressions.",
    "I have lots of messy dates from customers (US style with slashes, or spelled out). Please output year-month-day.",
    "Give the calendar date in ISO 8601 format.",
    "Parse the date and write it as year-month-day with two digits for the month and the day.",
    "Given a natural language description of a date, output the date in the format YYYY-MM-DD.",
    # these were written after them
    "Dates to ISO 8601.",
    "Rewrite each date expression as an ISO date.",
    "Your task is to read a date that somebody wrote down in English and to normalize it to the form YYYY-MM-DD.",
    "Which day is meant? Answer with year, month and day, such as 2021-05-03.",
    "Translate human dates to machine readable ISO 8601 dates.",
]
OTHER_TASKS = [
    ("Name the weekday of the date.", "Tuesday"),
    ("Write the ISO date in words.", "the third of May 2021"),
    ("Convert Roman numerals to numbers.", "14"),
    ("Extract the date from the sentence.", "3 May"),
    ("Convert the temperature from Celsius to Fahrenheit.", "77 F"),
    ("How many days does the month of the year have?", "31"),
    ("Translate English to German.", "Guten Tag"),
    ("Summarize the text.", "A man walks."),
    ("Is the movie review positive or negative?", "5 stars"),
    ("Classify the sentiment.", "+1"),
    ("Correct the spelling of the word.", "receive"),
    ("Write a Python function.", "def f(): pass"),
    ("Answer the question.", "Paris"),
    ("Write the day after the given day of the week.", "Monday"),
]
NEAR_MISSES = [
    (
        "Extract the date of birth from the biography as YYYY-MM-DD.",
        "Ada Lovelace, born on 10 December 1815 in London, wrote",
        "1815-12-10",
    ),
    ("Convert Japanese era dates to ISO dates.", "Reiwa 3, 5th month, day 1", "2021-05-01"),
    ("Give the date of Easter in the year.", "Easter 2024", "2024-03-31"),
    ("When was the person born? Write an ISO date.", "Ada Lovelace", "1815-12-10"),
    (
        "Find the date in the invoice and write it in ISO format.",
        "Invoice no. 4711 of 3 May 2021, 12 bolts",
        "2021-05-03",
    ),
    ("Write the date of the next working day in ISO format.", "today", "2021-05-03"),
]
"""ISO dates all, but of other inputs than the dataset has."""

NLI = {("nyu-mll/glue", "mnli"), ("facebook/anli", None), ("stanfordnlp/snli", None)}
RELEVANT_TO: dict[str, set[tuple[str, str | None]]] = {
    "reviews": {
        ("stanfordnlp/imdb", None),
        ("nyu-mll/glue", "sst2"),
        ("cornell-movie-review-data/rotten_tomatoes", None),
    },
    "bills": {("FiscalNote/billsum", None)},
    "entailment": NLI,
}
"""Judged by hand: what may be recommended for these of TASK_PROMPTS; nothing for the others."""


@pytest.fixture(scope="module")
def retriever() -> CatalogDatasetRetriever:
    return CatalogDatasetRetriever.of(open_datasets())


def recommended(candidates: list[DatasetCandidate]) -> list[str]:
    return [c.name for c in candidates if c.recommended]


@pytest.mark.parametrize("instruction", FITTING)
def test_the_shipped_dataset_is_recommended_for_date_tasks(retriever: CatalogDatasetRetriever, instruction: str):
    candidates = retriever.retrieve(instruction, ISO, 25)
    assert candidates[0].name == DATES, candidates[0]
    assert recommended(candidates) == [DATES], candidates[0].reason
    assert candidates[0].reason.endswith("your examples fit it.")


@pytest.mark.parametrize(("instruction", "output"), OTHER_TASKS)
def test_nothing_is_recommended_for_other_tasks(retriever: CatalogDatasetRetriever, instruction: str, output: str):
    candidates = retriever.retrieve(instruction, [Demonstration(input="an input", output=output)], 25)
    assert recommended(candidates) == [], candidates[0]


@pytest.mark.parametrize(("instruction", "given", "output"), NEAR_MISSES)
def test_the_same_answers_to_other_inputs_are_not_enough(
    retriever: CatalogDatasetRetriever, instruction: str, given: str, output: str
):
    candidates = retriever.retrieve(instruction, [Demonstration(input=given, output=output)], 25)
    assert recommended(candidates) == [], candidates[0]


def test_half_of_the_demonstrations_may_be_of_another_form(retriever: CatalogDatasetRetriever):
    free = Demonstration(input="a fortnight past the 3rd of May 2021", output="2021-05-17")
    assert recommended(retriever.retrieve(FITTING[0], [ISO[0], free], 25)) == [DATES]
    assert recommended(retriever.retrieve(FITTING[0], [ISO[0], free, free], 25)) == []


def test_nothing_irrelevant_is_recommended_for_many_tasks(retriever: CatalogDatasetRetriever):
    proposals: list[tuple[str, tuple[str, str | None]]] = []
    for task in TASK_PROMPTS:
        demonstrations = [Demonstration(input=given, output=output) for given, output in task.pairs]
        found = retriever.retrieve(task.instruction, demonstrations, 25)
        proposals += [(task.name, (c.name, c.config)) for c in found if c.recommended]
    assert [(task, named) for task, named in proposals if named not in RELEVANT_TO.get(task, set())] == []
    assert sorted(task for task, _ in proposals) == ["bills", "reviews"], "both are right: precision 2 of 2"


def test_without_demonstrations_nothing_is_recommended(retriever: CatalogDatasetRetriever):
    candidates = retriever.retrieve(FITTING[0], [], 25)
    assert candidates[0].name == DATES
    assert recommended(candidates) == []
    assert "without demonstrations" in candidates[0].reason


def test_candidates_come_nearest_first_and_at_most_so_many(retriever: CatalogDatasetRetriever):
    candidates = retriever.retrieve("Summarize the news article in one sentence.", ISO, 3)
    assert len(candidates) == 3
    assert [c.score for c in candidates] == sorted((c.score for c in candidates), reverse=True)
    assert all(c.reason and c.license and c.revision is None for c in candidates)
    by_words = CatalogDatasetRetriever(open_datasets().entries, open_lexical(open_datasets()))
    assert by_words.retrieve("qwertyuiop", ISO, 3) == []
    assert not any(candidate.recommended for candidate in retriever.retrieve("qwertyuiop", ISO, 3))


def test_a_list_of_candidates_fits_into_a_status(retriever: CatalogDatasetRetriever):
    longest = max(
        (retriever.retrieve(f, ISO, 25) for f in FITTING), key=lambda found: len(json.dumps([c.dump() for c in found]))
    )
    assert len(json.dumps([c.dump() for c in longest]).encode()) <= 8192


def retriever_of(entries: list[DatasetEntry]) -> CatalogDatasetRetriever:
    return CatalogDatasetRetriever(
        Entries(Kind.DATASETS, entries), MemoryIndex([entry.description for entry in entries])
    )


def entry(**changes: object) -> DatasetEntry:
    facts: dict[str, object] = {
        "name": "a/b", "description": "Colours of flowers with their names.", "license": "mit", "downloads": 1,
        "input_columns": ["flower"], "output_column": "colour", "input_pattern": "[a-z]+", "languages": ["multilingual"],
    }  # fmt: skip
    return DatasetEntry.model_validate(facts | changes)


@pytest.mark.parametrize(
    ("changes", "against"),
    [
        ({}, ""),
        ({"script": True}, "loading script"),
        ({"input_columns": [], "output_column": None}, "no columns of it"),
        ({"input_columns": ["plant.flower"], "output_column": "answers.text"}, ""),
        ({"extractive": True}, "'Red' is none"),
        ({"labels": ["red", "blue"]}, ""),
        ({"labels": ["green", "blue"]}, "do not look like 'Red'"),
        ({"output_pattern": "[0-9]+"}, "do not look like 'Red'"),
        ({"input_pattern": "[0-9]+"}, "inputs do not look like 'rose'"),
    ],
)
def test_what_cannot_be_used_is_not_recommended(changes: dict[str, object], against: str):
    other = entry(name="a/other", description="Prices of houses in several towns.")
    entries = [entry(**changes), other, entry(name="a/third", description="Songs of birds, and of frogs too.")]
    retriever = retriever_of(entries)
    found = retriever.retrieve("Name the flower's colour.", [Demonstration(input="rose", output="Red")], 5)
    assert found[0].recommended is (not against), found[0].reason
    assert against in found[0].reason


def test_those_that_fit_as_well_may_be_used_beside_the_nearest():
    """Two that are equally near are none to be used alone, and two to be used together."""
    colours = [entry(name=f"a/{n}", description=f"Colours of flowers by name, part {n}.") for n in range(2)]
    wrong = entry(name="a/wrong", description="Colours of flowers by name, as numbers.", output_pattern="[0-9]+")
    listed = entry(name="a/listed", description="Colours of flowers by name, listed.", hand_written=False)
    others = [entry(name=f"a/other{n}", description=f"Song number {n} of a bird.") for n in range(20)]
    found = retriever_of([*colours, wrong, listed, *others]).retrieve(
        "Name the flower's colour.", [Demonstration(input="rose", output="Red")], 9
    )
    assert not any(c.recommended for c in found)
    assert sorted(c.name for c in found if c.combinable) == ["a/0", "a/1"]


def test_what_the_hub_lists_is_not_used_unasked_however_near_it_is():
    written = entry(name="a/written", description="Animals, plants, and the flower of a country.")
    listed = entry(name="a/listed", description="Flower and colour: name the colour.", hand_written=False)
    others = [entry(name=f"a/{n}", description=f"Song number {n} of a bird.") for n in range(4)]
    found = retriever_of([written, listed, *others]).retrieve(
        "Name the flower's colour.", [Demonstration(input="rose", output="Red")], 5
    )
    assert [(c.name, c.recommended) for c in found] == [("a/listed", False), ("a/written", False)]
    assert "no one has checked its columns" in found[0].reason
    assert found[1].reason.endswith("another one is nearer.")


def test_what_the_hub_lists_does_not_keep_a_fitting_entry_from_being_used():
    others = [entry(name=f"a/{n}", description=f"Song number {n} of a bird.") for n in range(4)]
    listed = [
        entry(name=f"b/{n}", description="Name the flower, the flower's colour, colour.", hand_written=False)
        for n in range(3)
    ]
    found = retriever_of([entry(), *others, *listed]).retrieve(
        "Name the flower's colour.", [Demonstration(input="rose", output="Red")], 5
    )
    assert [(c.name, c.recommended) for c in found][:2] == [("a/b", True), ("b/0", False)]


STATION = ("Where is the station in this city?", "Wo ist der Bahnhof in dieser Stadt?")
BOOK = ("I have not read the book.", "Ich habe das Buch nicht gelesen.")


@pytest.mark.parametrize("demonstrations", [[STATION, BOOK], [("dog", "Hund")], [BOOK, BOOK[::-1]]])
def test_a_translation_the_other_way_is_not_recommended(
    retriever: CatalogDatasetRetriever, demonstrations: list[tuple[str, str]]
):
    given = [Demonstration(input=one, output=other) for one, other in demonstrations]
    best = retriever.retrieve("Translate English sentences into German.", given, 25)[0]
    assert (best.name, best.recommended) == ("wmt/wmt16", False)
    assert "it translates from German into English" in best.reason


@pytest.mark.parametrize(
    ("instruction", "given", "output", "name"),
    [
        ("Translate German sentences into English.", BOOK[1], BOOK[0], "wmt/wmt16"),
        ("Translate from English to Spanish.", BOOK[0], "No he leído el libro.", "Helsinki-NLP/opus-100"),
        (
            "Given a question and a passage of Wikipedia, answer with a span of the passage.",
            "What is the capital of France?\nParis is the capital of France.",
            "Paris",
            "rajpurkar/squad",
        ),
    ],
)
def test_nested_columns_are_recommended(
    retriever: CatalogDatasetRetriever, instruction: str, given: str, output: str, name: str
):
    best = retriever.retrieve(instruction, [Demonstration(input=given, output=output)], 25)[0]
    assert (best.name, best.recommended) == (name, True), best.reason
    assert "." in (best.output_column or "")


def test_a_reason_shows_words_as_the_task_writes_them(retriever: CatalogDatasetRetriever):
    found = retriever.retrieve("Translate German sentences into English.", ISO, 2)
    assert found[0].reason.startswith("Its description shares German, Translate, English, sentences with your task")
    assert found[1].reason.endswith("another one is nearer.")
