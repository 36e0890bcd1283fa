"""Near-duplicates: what a person calls the same question is found, what differs in a number, date or name is not."""

from __future__ import annotations

import random
import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompt2model_stages.classes import are_labels
from prompt2model_stages.examples import Pair
from prompt2model_stages.prepare.folding import folded, words_of
from prompt2model_stages.prepare.near_duplicates import MISSES, apart, near_duplicates, near_tests, similarity
from prompt2model_stages.prepare.sketches import BRUTE, VALUES, pairs_among, signatures_of
from prompt2model_stages.prepare.typos import is_typo

pytestmark = pytest.mark.unit

TICKETS = [
    Pair("I was charged twice in March and nobody answers.", "billing"),
    Pair("The app crashes when I open the settings page.", "bug"),
    Pair("How do I change the language of the website?", "other"),
    Pair("Where can I download the invoices of last year?", "billing"),
    Pair("The search shows nothing although the articles exist.", "bug"),
    Pair("Do you have an office in Lisbon or in Porto?", "other"),
]
FILLING = [
    Pair(f"unlike {chr(97 + i)}{chr(97 + i)}x all of {i} others", ("billing", "bug", "other")[i % 3]) for i in range(24)
]

SAME = [
    ("I was charged twice in March and nobody answers.", "I was really charged twice in March and nobody answers."),  # a word
    ("The app crashes when I open the settings page.", "The app crahses when I open the settings page."),  # a typo
    ("The app crashes when I open the settings page.", "App crashes when I open settings page."),  # articles
    ("How do I change the language of the website?", "The language of the website, how do I change?"),  # the order
    ("Where can I download the invoices of last year?", "Where can I downlóad the invoices of last year?"),  # an accent
    ("I was charged twice in March and nobody answers.", "I was billed twice in March and nobody answers."),  # a synonym
]  # fmt: skip


def links(*pairs: Pair) -> set[tuple[str, str]]:
    return {(pairs[twins.one].input, pairs[twins.other].input) for twins in near_duplicates(pairs)}


@pytest.mark.parametrize(("one", "other"), SAME)
def test_a_person_calls_these_the_same(one: str, other: str) -> None:
    output = next(pair.output for pair in TICKETS if pair.input == one)
    found = near_tests(TICKETS, [*FILLING, Pair(other, output)])
    assert [(TICKETS[twins.one].input, twins.other) for twins in found] == [(one, len(FILLING))]
    assert found[0].similarity > 0.7


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Pair("the day after 3 May 2021", "2021-05-04"), Pair("the day after 4 May 2021", "2021-05-05")),
        (Pair("the day after 3 May 2021", "2021-05-04"), Pair("the day after 3 June 2021", "2021-06-04")),
        (Pair("What is the capital of France?", "Paris"), Pair("What is the capital of Spain?", "Madrid")),
        (Pair("Does Anna owe Ben money?", "yes, to Ben"), Pair("Does Ben owe Anna money?", "yes, to Anna")),
        (Pair("a person with blood of type A", "A"), Pair("a person with blood of type O", "O")),
        (Pair("Is the number 14 even or odd?", "even"), Pair("Is the number 16 even or odd?", "even")),
        (Pair("Translate the word of Anna Berg", "das Wort von Anna Berg hier"),
         Pair("Translate the word of Otto Lenz", "das Wort von Otto Lenz hier")),
    ],
)  # fmt: skip
def test_another_number_date_or_name_is_another_question(one: Pair, other: Pair) -> None:
    assert not links(one, other)


def test_what_differs_in_accents_and_articles_alone_is_the_same_whatever_the_output() -> None:
    assert links(Pair("Où est le café de la gare ?", "x"), Pair("où est cafe de gare", "y"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("東京で一番高い建物は何ですか", "東京で一番高い建物はなんですか"),
        ("我想取消昨天下的订单", "我想取消昨天下单的订单"),
        ("ฉันต้องการยกเลิกคำสั่งซื้อ", "ฉันต้องการจะยกเลิกคำสั่งซื้อ"),
        ("Где находится ближайшая аптека?", "Где же находится ближайшая аптека?"),
        ("मुझे अपना ऑर्डर रद्द करना है", "मुझे अपना यह ऑर्डर रद्द करना है"),
    ],
)
def test_any_language(one: str, other: str) -> None:
    assert links(Pair(one, "same"), Pair(other, "same"))
    assert not links(Pair(one, "one"), Pair(other, "other"))


def test_a_place_that_many_words_fill_is_a_variable() -> None:
    """All flights have one label, and still each city is another request; two words for one thing are one."""
    cities = ["boston", "denver", "dallas", "austin", "oakland", "phoenix", "seattle", "memphis"]
    flights = [Pair(f"book a cheap flight to {city} please", "flight") for city in cities]
    assert are_labels(pair.output for pair in flights)
    assert not links(*flights)
    hotels = [Pair("reserve a room for tonight please", "hotel"), Pair("book a room for tonight please", "hotel")]
    assert len(links(*flights, *hotels)) == 1


QUESTION = "why does my washing machine stop before the end of its longest programme".split()  # noqa: SIM905


def worded(count: int, chance: random.Random) -> list[str]:
    """The question with a word in another one's place, or one more, each."""
    found = []
    for at in range(count):
        words, place = list(QUESTION), chance.randrange(1, len(QUESTION))
        words[place : place + at % 2] = [chance.choice(["really", "also", "never", "always", "again", "still"])]
        found.append(" ".join(words))
    return sorted(set(found))


@pytest.mark.parametrize("answer", ["label", "It is full, so take some of the clothes out of it"])
@pytest.mark.parametrize("count", [5, 10, 20])
def test_a_question_of_many_wordings_is_one_question(count: int, answer: str) -> None:
    """Answers that many rows have are labels where they are short alone, and of each place the words are counted."""
    first, *others = worded(count, random.Random(2))
    rows = [Pair(text, answer) for text in others]
    filling = [Pair(f"{word}one {word}two {word}three", f"{answer} {word}") for word in string.ascii_lowercase[:20]]
    assert len({twins.other for twins in near_tests([Pair(first, answer)], [*rows, *filling])}) == len(rows)


def test_a_template_of_two_places_has_a_question_for_each_filling() -> None:
    cities = ["boston", "denver", "dallas", "austin", "oakland", "phoenix", "seattle", "memphis", "chicago", "detroit"]
    pairs = zip(
        cities,
        ["lyon", "nice", "lille", "brest", "nantes", "rennes", "toulon", "angers", "dijon", "nimes"],
        strict=True,
    )
    assert not links(*(Pair(f"show me all flights from {one} to {other} please", "flight") for one, other in pairs))


DIFFERENT = [
    (Pair("The black cat sleeps on the sofa", "Le chat noir dort sur le canapé"),
     Pair("The white cat sleeps on the sofa", "Le chat blanc dort sur le canapé")),
    (Pair("He can come tomorrow evening", "Er kann morgen Abend kommen"),
     Pair("He cannot come tomorrow evening", "Er kann morgen Abend nicht kommen")),
    (Pair("The prices will increase next winter", "Die Preise werden im nächsten Winter steigen"),
     Pair("The prices will decrease next winter", "Die Preise werden im nächsten Winter fallen")),
    (Pair("Das Treffen findet im Juni statt", "The meeting takes place in June"),
     Pair("Das Treffen findet im Juli statt", "The meeting takes place in July")),
    (Pair("Rewrite: it is possible to travel there", "To travel there is possible, they say"),
     Pair("Rewrite: it is impossible to travel there", "To travel there is impossible, they say")),
    (Pair("List names of all employees older than the boss", "SELECT name FROM employees WHERE age > boss_age"),
     Pair("List names of all employees younger than the boss", "SELECT name FROM employees WHERE age < boss_age")),
    (Pair("sort the list of numbers in ascending order", "numbers.sort(key=None, reverse=False)"),
     Pair("sort the list of numbers in descending order", "numbers.sort(key=None, reverse=True)")),
    (Pair("Two trains leave the station in the morning", "Zwei Züge verlassen den Bahnhof am Morgen"),
     Pair("Three trains leave the station in the morning", "Drei Züge verlassen den Bahnhof am Morgen")),
    (Pair("他在三月五日去北京开会", "He went to Beijing on the fifth of March"),
     Pair("他在三月六日去北京开会", "He went to Beijing on the sixth of March")),
    (Pair("この映画はとても面白いです", "This film is very interesting"),
     Pair("この映画はとても面白くないです", "This film is not very interesting")),
    (Pair("هذا الفيلم جيد جدا في رأيي", "This film is very good in my opinion"),
     Pair("هذا الفيلم ليس جيد جدا في رأيي", "This film is not very good in my opinion")),
    (Pair("How far is it from Paris to Rome by train", "It is about fourteen hours by train"),
     Pair("How far is it from Rome to Paris by train", "It is about fifteen hours by train")),
]  # fmt: skip
"""Inputs that nearly are the same, with free outputs that nearly are: of each, a word makes another question."""


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_free_outputs_that_differ_in_a_word_are_different(one: Pair, other: Pair) -> None:
    assert not links(one, other)
    assert not near_tests([one], [other])


def test_free_outputs_are_the_same_but_for_case_punctuation_and_articles() -> None:
    one = Pair("Describe the picture with a dog on the beach", "A dog runs along the beach in the sun")
    other = Pair("Describe this picture with a dog on the beach", "a dog runs along a beach in sun.")
    assert links(one, other)


def test_punctuation_alone_is_no_common_question() -> None:
    assert not links(Pair("...", "x"), Pair("-", "y"))
    assert not near_tests([Pair("...", "x")], [Pair("-", "y")])


def test_words_that_many_texts_have_are_no_typos_of_each_other() -> None:
    """A typo is a word that is seldom: June and July are none where the texts have both."""
    months = [Pair("Juni Reise", "ja"), Pair("Juli Reise", "ja")]
    known = [Pair(f"{month} {word}", f"{word} {month}") for month in ("Juni", "Juli") for word in ("Abend", "Bucht")]
    assert links(*months)
    assert not links(*months, *known)


def test_a_place_is_a_variable_whatever_the_number_of_outputs() -> None:
    cities = ["boston", "denver", "dallas", "austin", "oakland", "phoenix", "seattle", "memphis"]
    rows = [Pair(f"book a cheap flight to {city} please", "flight") for city in cities]
    others = [Pair(f"{word} {word}ing {word}ed", f"intent {word}") for word in map("word{}".format, range(250))]
    assert not are_labels(pair.output for pair in [*rows, *others])
    assert not links(*rows, *others)


def test_short_texts_and_single_words_have_no_near_duplicates() -> None:
    assert not links(Pair("ab cd", "x"), Pair("ab ce", "x"))
    assert not links(Pair("accommodation", "x"), Pair("accomodation", "x"))


@pytest.mark.parametrize(
    ("one", "other", "typo"),
    [("charged", "chraged", True), ("charged", "chagred", True), ("invoice", "invoce", True), ("cat", "car", False),
     ("accommodation", "acomodation", True), ("v1234", "v1235", False), ("north", "south", False), ("", "", False)],
)  # fmt: skip
def test_typos(one: str, other: str, typo: bool) -> None:
    assert is_typo(one, other) is typo
    assert is_typo(other, one) is typo


def templated(count: int, seed: int) -> list[Pair]:
    chance = random.Random(seed)
    words = ["".join(chance.choices(string.ascii_lowercase, k=7)) for _ in range(2 * count)]
    return [
        Pair(f"Please classify this review of a movie about {one} {other}", "pos")
        for one, other in zip(words[::2], words[1::2], strict=True)
    ]


def test_rows_of_one_template_are_compared_as_often_as_there_are_test_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the test row's own twin, the nearest of all, is found among them."""
    tests, rows = templated(40, 1), templated(1500, 2)
    twin = Pair(tests[7].input.replace("Please", "Please also"), "pos")
    compared = []
    monkeypatch.setattr(
        "prompt2model_stages.prepare.near_duplicates.apart", lambda *given: compared.append(given) or apart(*given)
    )
    found = near_tests(tests, [*rows, twin])
    assert [(twins.one, twins.other) for twins in found] == [(7, len(rows))]
    assert len(compared) <= len(tests) * (MISSES + 4)


def test_all_twins_of_a_test_row_are_found_however_many() -> None:
    test = Pair("I was charged twice in March and nobody of your team answers", "billing")
    words = ["".join(letters) for letters in zip(string.ascii_lowercase * 8, string.ascii_lowercase[::-1] * 8, "abcdefgh" * 26)]  # fmt: skip  # noqa: B905, E501
    rows = [Pair(f"{test.input} {word}", "billing") for word in words]
    assert len(near_tests([test], rows)) == len(rows) > 2 * MISSES


VOCABULARY = [
    "charged",
    "twice",
    "march",
    "april",
    "refund",
    "order",
    "number",
    "the",
    "a",
    "12",
    "13",
    "app",
    "crash",
    "open",
]
WORDS = st.lists(st.sampled_from(VOCABULARY), max_size=8)
PAIRS = st.lists(
    st.builds(Pair, input=WORDS.map(" ".join), output=st.sampled_from(["x", "y", "some free text here"])), max_size=25
)


@settings(max_examples=80, deadline=None)
@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_changes_nothing_and_numbers_are_the_same(pairs: list[Pair], chance: random.Random) -> None:
    distinct = list({pair.input: pair for pair in pairs}.values())
    mixed = list(distinct)
    chance.shuffle(mixed)
    assert {frozenset(pair) for pair in links(*distinct)} == {frozenset(pair) for pair in links(*mixed)}
    for one, other in links(*distinct):
        numbers = [sorted(word for word in words_of(text) if word.isdigit()) for text in (one, other)]
        assert numbers[0] == numbers[1]


@settings(max_examples=80, deadline=None)
@given(PAIRS, PAIRS)
def test_what_is_near_a_test_row_is_near_it_among_all(tests: list[Pair], pairs: list[Pair]) -> None:
    for twins in near_tests(tests, pairs):
        assert 0.5 < twins.similarity <= 1
        assert similarity(words_of(tests[twins.one].input), words_of(pairs[twins.other].input)) > 0.5


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    if not any(letter >= "\u0e00" for letter in text):  # scripts without spaces become pairs
        assert folded(folded(text)) == folded(text)


def test_signatures_estimate_the_similarity_and_neighbours_are_found_among_many() -> None:
    chance = random.Random(7)
    vocabulary = ["".join(chance.choices(string.ascii_lowercase, k=chance.randint(2, 9))) for _ in range(2000)]
    texts = [" ".join(chance.choices(vocabulary, k=12)) for _ in range(4 * BRUTE)]
    changed = [" ".join([*text.split()[:-2], *chance.choices(vocabulary, k=2)]) for text in texts[:200]]
    signatures = signatures_of([*texts, *changed])
    assert signatures.shape == (len(texts) + 200, VALUES)
    one, other = pairs_among(signatures, np.full(len(signatures), 0.4, np.float32))
    found = set(zip(one.tolist(), other.tolist(), strict=True))
    assert sum((i, len(texts) + i) in found for i in range(200)) >= 190
    assert len(found) < 400, "nothing else is near"
