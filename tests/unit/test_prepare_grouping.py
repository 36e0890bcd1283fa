"""Splits that do not lie: one question, in whatever words, stands in one split; each class stands in all of them."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompt2model_stages.examples import Example, Pair, normalised
from prompt2model_stages.prepare.fields import Parts, layout_of
from prompt2model_stages.prepare.near_duplicates import near_duplicates
from prompt2model_stages.prepare.nearest import nearest
from prompt2model_stages.prepare.splitting import Splits, split
from prompt2model_stages.splits import TRAIN, VALIDATION

pytestmark = pytest.mark.unit

CAPITALS = {
    "France": "Paris",
    "Spain": "Madrid",
    "Italy": "Rome",
    "Peru": "Lima",
    "Kenya": "Nairobi",
    "Japan": "Tokyo",
    "Norway": "Oslo",
    "Cuba": "Havana",
    "Egypt": "Cairo",
    "Ghana": "Accra",
    "India": "Delhi",
    "Iraq": "Baghdad",
}


def asked_often(form: str = "Question: {q} Context: {c}") -> list[Example]:
    """Each question with five contexts, as teachers write them."""
    chance = random.Random(3)
    rows = []
    for at, (country, city) in enumerate(CAPITALS.items()):
        for _ in range(5):
            told = " ".join(chance.sample("river trade people winter music coast bread stone tower light".split(), 6))  # noqa: SIM905
            text = form.format(q=f"What is the capital of {country}?", c=f"{country} is known for {told}.")
            rows.append(Example(text, city, "generated", f"{at}"))
    return rows


def passages(count: int = 60, questions: int = 5) -> list[Example]:
    """Rows as in SQuAD: each passage has several questions, each with an answer of its own."""
    kinds = ["river", "harbour", "painter", "bridge", "queen", "battle", "museum"]
    return [
        Example(
            f"context: The chronicle number {chr(97 + p % 26)}{chr(97 + p // 26)} tells of a town and its people.\n"
            f"question: Which {kinds[q]} is told of by chronicle {chr(97 + p % 26)}{chr(97 + p // 26)}?",
            f"{kinds[q]} {p}", "retrieved", f"d#{p}.{q}",
        )
        for p in range(count) for q in range(questions)
    ]  # fmt: skip


def part(text: str, label: str) -> str:
    parts = layout_of([text] * 3).parts(text)
    return normalised(parts[label])


def test_a_question_in_several_contexts_stands_in_one_split() -> None:
    result = split(asked_often(), 0)
    where: dict[str, set[str]] = {}
    for name, rows in result.examples.items():
        for row in rows:
            where.setdefault(part(row.input, "question"), set()).add(name)
    assert {len(names) for names in where.values()} == {1}
    assert set(result.examples) == {TRAIN, VALIDATION, "test-generated"}
    uses = {field.name: field.use for field in result.grouping.fields}
    assert uses["question"] == "question"
    assert result.grouping.families == len(CAPITALS)


def test_a_passage_with_several_questions_is_a_context_and_stands_in_one_split() -> None:
    result = split(passages(), 0)
    uses = {field.name: field.use for field in result.grouping.fields}
    assert uses == {"context": "context", "question": "question"}
    assert result.grouping.families == 60
    where: dict[str, set[str]] = {}
    for name, rows in result.examples.items():
        for row in rows:
            where.setdefault(part(row.input, "context"), set()).add(name)
    assert {len(names) for names in where.values()} == {1}


def test_a_context_that_very_many_rows_share_is_no_group() -> None:
    """One document with all questions: its rows are in all splits, and the record says that it is in neither use."""
    told = "context: The one and only report of the year."
    rows = [
        Example(f"{told}\nquestion: What is item {chr(97 + i % 26)} {i}?", f"{i}", "own", f"{i}") for i in range(100)
    ]
    result = split(rows, 0)
    assert {field.name: field.use for field in result.grouping.fields}["context"] == "neither"
    assert result.grouping.families == 100
    assert len(result.examples["test-own"]) == 10


def test_own_test_data_on_the_same_passages_leaves_the_other_questions() -> None:
    rows = passages()
    own_test = [Example(row.input, row.output, "own", row.origin) for row in rows[::10]]
    result = split(rows, 0, own_test)
    assert +result.dropped.leaks == Counter(retrieved=30)
    kept = [row for name, found in result.examples.items() if name != "test-own" for row in found]
    assert len(kept) == 270
    assert result.grouping.own_context > 100


def test_a_question_of_the_own_test_data_is_left_out_in_other_contexts_and_other_words() -> None:
    own_test = [
        Example("question: What is the capital of Peru?\ncontext: Peru lies in the Andes.", "Lima", "own", "t#0")
    ]
    twins = [
        Example("Question: What is the capital city of Peru? Context: The llama is an animal of Peru.", "Lima", "generated", "k"),
        Example("Question: Whats the capital of Peru? Context: Peru has coasts.", "Lima", "generated", "k"),
    ]  # fmt: skip
    result = split([*asked_often(), *twins], 0, own_test)
    train = [row.input for name in (TRAIN, VALIDATION, "test-generated") for row in result.examples[name]]
    assert not [text for text in train if "Peru" in text]
    assert len(train) == 55
    assert +result.dropped.leaks == Counter(generated=7)
    assert result.grouping.near_tests >= 1


TICKETS = {"billing": "Finance", "refund": "Finance", "login": "IT", "password": "IT", "returns": "Logistics"}


@pytest.mark.parametrize("category", ["{}", "all messages about {} of customers"])
@pytest.mark.parametrize("certain", [0.9, 1.0])
def test_a_category_that_tells_the_output_is_no_question(category: str, certain: float) -> None:
    """Own test data with each category leaves the rows, and no category stands in one split alone."""
    chance = random.Random(4)
    words = [f"{a}{b}{c}{a}{d}" for a in "bcdfg" for b in "aeiou" for c in "lmnrst" for d in "aeiou"]

    def ticket(number: int, source: str) -> Example:
        kind = chance.choice(list(TICKETS))
        output = TICKETS[kind] if chance.random() < certain else chance.choice(["Finance", "IT", "Logistics"])
        text = f"Category: {category.format(kind)}\nMessage: {' '.join(chance.sample(words, 10))}"
        return Example(text, output, source, f"d#{number}")  # type: ignore[arg-type]

    rows = [ticket(number, "retrieved") for number in range(400)]
    result = split(rows, 1, [ticket(number, "own") for number in range(40)])
    assert {field.name: field.use for field in result.grouping.fields}["category"] == "neither"
    assert not +result.dropped.leaks
    for found in result.examples.values():
        assert len({part(row.input, "category") for row in found}) == len(TICKETS)


def test_a_few_rows_say_nothing_about_agreement() -> None:
    rows = [Example(f"premise: {chr(97 + i % 26)}{i} stands on a hill\nhypothesis: it {i} is there", f"{i % 2}", "own", "o")
            for i in range(0, 200, 2)]  # fmt: skip
    twice = [Example(row.input.replace("it", "she"), row.output, "own", "o") for row in rows[:3]]
    fields = split([*rows, *twice], 0).grouping.fields
    assert {field.name: field.agreement for field in fields} == {"premise": 0.0, "hypothesis": 0.0}


@pytest.mark.parametrize("count", [190, 210])
def test_each_class_stands_in_every_split_whatever_their_number(count: int) -> None:
    """Beyond 200 values as well as below, with inputs of one template."""
    words = "alpha bravo charly delta echo foxtrot".split()  # noqa: SIM905
    names = [f"item{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(count)]
    rows = [
        Example(f"please tell me about {name} service number {word}", f"intent {name}", "retrieved", f"d#{name}")
        for name in names for word in words
    ]  # fmt: skip
    result = split(rows, 1)
    assert {name: len({row.output for row in found}) for name, found in result.examples.items()} == dict.fromkeys(
        (TRAIN, VALIDATION, "test-retrieved"), count
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_rare_class_stands_in_every_split(seed: int) -> None:
    chance = random.Random(seed)
    words = [f"{a}{b}{c}" for a in "bcdfg" for b in "aeiou" for c in "lmnrst"]
    rows = [
        Example(" ".join(chance.sample(words, 8)), "fraud" if i < 10 else ("billing", "bug")[i % 2], "own", f"{i}")
        for i in range(500)
    ]
    result = split(rows, seed)
    counts = {name: Counter(row.output for row in found) for name, found in result.examples.items()}
    assert [counts[name]["fraud"] for name in (TRAIN, VALIDATION, "test-own")] == [8, 1, 1]
    assert 48 <= sum(counts["test-own"].values()) <= 52


LABELLED = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["kept", "lost", "sold", "new"]), st.sampled_from(["retrieved", "generated"])),
    max_size=80,
)  # fmt: skip


def labelled(drawn: list[tuple[int, str, str]]) -> list[Example]:
    """Inputs of which no two are near each other."""
    return [Example(f"{number}", label, source, "o") for number, label, source in drawn]  # type: ignore[arg-type]


@settings(max_examples=80, deadline=None)
@given(LABELLED, st.integers(0, 3))
def test_each_class_with_three_groups_of_its_own_stands_in_each_split(
    drawn: list[tuple[int, str, str]], seed: int
) -> None:
    result = split(labelled(drawn), seed)
    rows = [row for found in result.examples.values() for row in found]
    for source in ("retrieved", "generated"):
        of_source = [row for row in rows if row.source == source]
        outputs = {row.group: {other.output for other in rows if other.group == row.group} for row in of_source}
        if 5 * len({row.output for row in of_source}) > len(of_source):
            continue  # no closed set
        for label in {row.output for row in of_source}:
            if sum(found == {label} for found in outputs.values()) >= 3:
                names = {
                    name
                    for name, found in result.examples.items()
                    for row in found
                    if row.output == label and row.source == source
                }
                assert names == {TRAIN, VALIDATION, f"test-{source}"}  # fmt: skip


VOCABULARY = ["charged", "twice", "march", "april", "refund", "order", "number", "app", "crash", "open", "page"]
TEXTS = st.lists(st.sampled_from(VOCABULARY), min_size=2, max_size=7)
ROWS = st.lists(st.tuples(TEXTS.map(" ".join), st.sampled_from(["x", "y"])), max_size=40)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.none() | ROWS, st.integers(0, 2), st.randoms(use_true_random=False))
def test_no_two_splits_ask_the_same_in_other_words_whatever_the_order(
    drawn: list[tuple[str, str]], tested: list[tuple[str, str]] | None, seed: int, chance: random.Random
) -> None:
    examples = [Example(text, output, "generated", "k") for text, output in drawn]
    own_test = None if tested is None else [Example(text, output, "own", "t") for text, output in tested]
    result = split(examples, seed, own_test)
    mixed = list(examples)
    chance.shuffle(mixed)
    assert split(mixed, seed, own_test) == result
    own = {name: rows for name, rows in result.examples.items() if name != "test-own"}
    rows = [(name, row) for name, found in own.items() for row in found]
    pairs = [Pair(row.input, row.output) for _, row in rows]
    for twins in near_duplicates(pairs):
        if pairs[twins.one].output == pairs[twins.other].output:
            assert rows[twins.one][0] == rows[twins.other][0]
    dropped = sum(sum(counts.values()) for counts in vars(result.dropped).values())
    assert len(rows) + len(result.examples.get("test-own", [])) + dropped == len(examples) + len(tested or [])


def test_a_question_that_is_asked_in_hundreds_of_ways_is_trained_on() -> None:
    """A test split of one question would measure that question."""
    often = [Example(f"Question: What is the largest planet? Context: {word} {i}", "Jupiter", "generated", "k")
             for i in range(60) for word in ("moons", "rings")]  # fmt: skip
    result = split([*often, *asked_often()], 1)
    assert not [
        row for name in (VALIDATION, "test-generated") for row in result.examples[name] if row.output == "Jupiter"
    ]


def test_what_is_nearly_a_demonstration_is_not_tested() -> None:
    rows = asked_often("{q} {c}")
    shown = [Pair(row.input.replace("known", "famous"), row.output) for row in rows]
    assert "test-generated" not in split(rows, 0, demonstrations=shown).examples


def test_labels_of_parts() -> None:
    texts = ["Question: Who? It says: now. Context: a b", "question : Why? context: c", "Premise: x Context: y"]
    layout = layout_of([*texts, *(f"Question: {i} Context: {i}" for i in range(20))])
    assert layout.parts(texts[0]) == {"question": "Who? It says: now.", "context": "a b"}
    assert layout.parts("[Posted: 2020-01-02] no parts") == {}
    assert Parts([Pair("no label at all", "x")]).fields == []


@pytest.mark.parametrize(
    ("question", "context"),
    [
        ("प्रश्न", "संदर्भ"),
        ("คำถาม", "บริบท"),
        ("Größe", "Straße"),
        ("İfade", "Bağlam"),
        ("السُّؤال", "السياق"),
        ("问题", "上下文"),
    ],
)
def test_labels_of_parts_in_many_languages(question: str, context: str) -> None:
    texts = [f"{question}: {i}?\n{context}: a b" for i in range(20)]
    layout = layout_of(texts)
    assert list(layout.parts(texts[3]).values()) == ["3?", "a b"]
    assert len(layout.labels) == 2
    assert layout.parts(texts[3]).keys() == set(layout.labels)


def test_a_label_is_the_same_in_capitals() -> None:
    layout = layout_of([f"{'Größe' if i % 2 else 'GRÖSSE'}: {i}\nFarbe: rot" for i in range(20)])
    assert layout.labels == ["farbe", "grösse"]


def test_the_nearest_pairs_of_a_test_and_a_training_row() -> None:
    def row(text: str) -> Example:
        return Example(text, "x", "own", f"o#{text}")

    train = [row("a cat sits on the mat"), row("something else altogether")]
    found = nearest(
        {TRAIN: train, VALIDATION: [row("a cat sits")], "test-own": [row("no word"), row("a cat sat on mats")]}
    )
    assert (found[0].test.input, found[0].train.input) == ("a cat sat on mats", "a cat sits on the mat")
    assert 0.4 < found[0].similarity < 1
    assert nearest({TRAIN: [], "test-own": train}) == []


def test_splits_compare_with_what_they_say_of_groups() -> None:
    result = split(asked_often(), 0)
    assert isinstance(result, Splits)
    assert result.grouping.largest == 5
