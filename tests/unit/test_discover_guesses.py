"""What is only guessed: when a rule is sure, what the demonstrations say of it, and what is no output at all."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from prompt2model_api.prompt2model import Demonstration
from prompt2model_api.results import Choice
from prompt2model_stages.discover.columns.checking import Proposal, check
from prompt2model_stages.discover.columns.choosing import Asked, with_columns
from prompt2model_stages.discover.columns.guessing import guess
from prompt2model_stages.hub_data import FirstRows
from tests.unit.column_cases import (
    GOOD,
    LABEL,
    NUMBER,
    REVIEWS,
    TEXT,
    candidate,
    decided,
    hand_written,
    questions,
    reviews,
    rows_of,
)
from tests.unit.discover_cases import FakeTeacher

pytestmark = pytest.mark.unit

STARS = [Demonstration(input="I liked it a lot", output="five stars")]
INTS = rows_of({"text": TEXT, "label": NUMBER}, [{"text": f"film {n} was fine", "label": n % 2} for n in range(12)])
TEXTS = {"feature": TEXT, "_type": "List"}


def filled(features: Mapping[str, Any], count: int = 9) -> FirstRows:
    """Rows with a text, a class or a list of texts in each column."""

    def cell(column: str, feature: Any, n: int) -> Any:
        kind = feature.get("_type")
        value = f"the {column} of row {n}"
        return (
            n % 2 if kind == "ClassLabel" else [value, "x y"] if kind == "List" else n if feature == NUMBER else value
        )

    return rows_of(features, [{c: cell(c, f, n) for c, f in features.items()} for n in range(count)])


@pytest.mark.parametrize(
    ("more", "sure"),
    [
        ({}, True),
        ({"n": NUMBER, "film_id": TEXT}, True),
        ({"summary_of_plot": TEXT}, False),
        ({"genre": LABEL}, False),
        ({"tags": TEXTS}, False),
        ({"kinds": {"feature": LABEL, "_type": "List"}}, False),
    ],
)
@pytest.mark.parametrize("names", [("text", "label"), ("headline", "kind")], ids=["by-name", "by-type"])
def test_a_rule_is_sure_where_nothing_else_could_be_meant(
    more: dict[str, Any], sure: bool, names: tuple[str, str]
) -> None:
    found = guess(filled({names[0]: TEXT, names[1]: LABEL, **more}), ())
    assert found is not None and found.sure is sure


def coded(columns: Mapping[str, str], count: int = 50) -> FirstRows:
    """Rows with such a text in each column; {n} is another number in each row."""
    rows = [{column: text.format(n=100 + n) for column, text in columns.items()} for n in range(count)]
    return rows_of(dict.fromkeys(columns, TEXT), rows)


INVOICES = [
    Demonstration(input="Please find attached our invoice INV-2024-7781 over 300 EUR.", output="INV-2024-7781"),
    Demonstration(input="Your invoice RE-1200-55 is due since Monday; please pay.", output="RE-1200-55"),
]
DAYS = [Demonstration(input="Let us meet on the fifth of May 2024 in the small room.", output="2024-05-05")]
ARTICLES = [Demonstration(input="Find the article for: nail of 4 cm", output="SKU0042")]
NUMBERS = [Demonstration(input="How many are left of two when one goes?", output="1")]
MAIL = "Dear customer {n}, please find attached our invoice INV-2023-{n} over 3 EUR for the repair of the roof."


@pytest.mark.parametrize(
    ("columns", "demonstrations", "sure"),
    [
        ({"text": MAIL, "summary": "A roofer writes to {n}.", "number": "INV-2023-{n}"}, INVOICES, False),
        ({"question": "When did {n} take place?", "answer": "Day {n} of it.", "iso": "2020-1-{n}"}, DAYS, False),
        ({"question": "When did {n} take place?", "answer": "Day {n} of it.", "date": "2020-1-{n}"}, DAYS, False),
        ({"instruction": "A screw of {n}", "output": "It is {n} mm.", "product_id": "SKU{n}"}, ARTICLES, False),
        ({"question": "When did {n} take place?", "answer": "Day {n} of it.", "row": "org-{n}"}, DAYS, True),
        ({"question": "What is {n} and 1?", "answer": "It is {n} now.", "id": "{n}"}, NUMBERS, True),
        ({"question": "What is {n} and 1?", "answer": "It is {n} now.", "total": "{n}"}, NUMBERS, False),
    ],
)
def test_codes_that_the_demonstrations_output_are_no_ids(
    columns: dict[str, str], demonstrations: list[Demonstration], sure: bool
) -> None:
    found = guess(coded(columns), demonstrations)
    assert found is not None and found.sure is sure
    assert guess(coded(columns), ()) != found or sure


def test_the_only_column_of_such_codes_is_the_output() -> None:
    assert guess(coded({"mail": MAIL, "number": "INV-2023-{n}"}), INVOICES) == Proposal(
        "Rules", ("mail",), "number", sure=True
    )


BOOL = {"dtype": "bool", "_type": "Value"}
FLOAT = {"dtype": "float64", "_type": "Value"}
ORIGIN = ["ann", "ben", "eva", "kim"]
LONG = [Demonstration(input="I really liked this film and would watch it again any time", output="positive")]


@pytest.mark.parametrize("kind", [NUMBER, FLOAT, BOOL], ids=["int", "float", "bool"])
@pytest.mark.parametrize(
    ("texts", "output"), [(("text", "label"), LABEL), (("tweet", "user"), TEXT), (("text", "title"), TEXT)]
)
@pytest.mark.parametrize("output_of", ["positive", "5"])
def test_a_column_of_numbers_may_be_what_is_meant(
    kind: dict[str, str], texts: tuple[str, str], output: dict[str, Any], output_of: str
) -> None:
    """A person named the dataset alone: the score, rating or yes/no may be the output, so the columns are asked for."""
    one, other = texts
    cells = {"int64": lambda n: n % 2, "float64": lambda n: n * 0.37, "bool": lambda n: n % 2 == 0}
    rows = [
        {
            one: f"the film was long and dull and we left early, row {n}",
            other: n % 2 if output == LABEL else ORIGIN[n % 4],
            "stars": cells[kind["dtype"]](n),
        }
        for n in range(24)
    ]
    read = rows_of({one: TEXT, other: output, "stars": kind}, rows)
    shown = [d.model_copy(update={"output": output_of}) for d in LONG]
    found = guess(read, shown)
    assert found is not None and not found.sure
    (named,) = decided(read, candidate(), demonstrations=shown, named=Choice(name="o/d")).candidates
    assert named.output_column is None and "stars" in (named.undecided or "")


def test_of_two_columns_of_numbers_none_is_taken() -> None:
    rows = [{"text": f"film {n} was fine", "label": n % 2, "rating": 1 + n % 5} for n in range(24)]
    shown = [Demonstration(input="I liked it", output="5"), Demonstration(input="It was awful", output="1")]
    found = guess(rows_of({"text": TEXT, "label": NUMBER, "rating": NUMBER}, rows), shown)
    assert found is not None and not found.sure


def test_numbers_that_count_the_rows_are_no_output() -> None:
    rows = [{"text": f"film {n} was fine", "label": n % 2, "at": 3 + 2 * n} for n in range(12)]
    found = guess(rows_of({"text": TEXT, "label": LABEL, "at": NUMBER}, rows), GOOD)
    assert found is not None and found.sure


@pytest.mark.parametrize("kind", [NUMBER, FLOAT, BOOL], ids=["int", "float", "bool"])
@pytest.mark.parametrize("wrapped", ["List", "Sequence", "old"])
def test_lists_of_numbers_may_be_what_is_meant(kind: dict[str, str], wrapped: str) -> None:
    """As classes of a text that has several of them."""
    feature: Any = [kind] if wrapped == "old" else {"feature": kind, "_type": wrapped}
    rows = [{"text": f"film {n} was fine", "label": n % 2, "topics": [n % 3, n % 5]} for n in range(12)]
    found = guess(rows_of({"text": TEXT, "label": LABEL, "topics": feature}, rows), GOOD)
    assert found is not None and not found.sure


def test_numbers_that_say_where_the_answer_stands_are_no_output() -> None:
    """The columns of SQuAD."""
    names, starts = ("answer_start", "start"), []
    for name in names:
        answers = {"text": TEXTS, name: {"feature": NUMBER, "_type": "List"}}
        rows = [
            {"question": f"Who is {n}?", "context": f"Ann{n} is {n}.", "answers": {"text": [f"Ann{n}"], name: [n % 2]}}
            for n in range(12)
        ]
        found = guess(rows_of({"question": TEXT, "context": TEXT, "answers": answers}, rows), ())
        starts.append(found is not None and (found.output, found.sure) == ("answers.text", True))
    assert starts == [True, True]


@pytest.mark.parametrize("name", ["label_id", "intent_id", "topic_idx", "id"])
@pytest.mark.parametrize(("kind", "value"), [(NUMBER, int), (TEXT, "c{}".format)], ids=["numbers", "texts"])
def test_a_column_is_an_id_by_its_name_where_its_values_differ(name: str, kind: dict[str, str], value: Any) -> None:
    """Those that come again are of classes, as are those of intent_id beside a class label."""

    def sure(cell: Callable[[int], int]) -> bool:
        rows = [{"text": f"film {n} was fine", "label": n % 2, name: value(cell(n))} for n in range(12)]
        found = guess(rows_of({"text": TEXT, "label": LABEL, name: kind}, rows), GOOD)
        assert found is not None and found.output == "label"
        return found.sure

    assert not sure(lambda n: n % 4)
    assert sure(lambda n: 97 - 5 * n) and sure(lambda n: 3), "one value alone tells no classes apart"


def test_usual_names_against_the_demonstrations_are_never_sure() -> None:
    found = guess(reviews(), STARS)
    assert found is not None and (found.output, found.sure) == ("label", False)


def test_usual_names_in_the_other_direction_are_not_sure() -> None:
    """The columns shorten, and the demonstrations make long of short."""
    rows = rows_of(
        {"article": TEXT, "summary": TEXT}, [{"article": f"{n} " * 200, "summary": f"a few {n}"} for n in range(9)]
    )
    shorter = [Demonstration(input="many words " * 20, output="few")]
    longer = [Demonstration(input="few", output="many words " * 20)]
    assert [guess(rows, shown).sure for shown in ((), shorter, longer)] == [True, True, False]  # type: ignore[union-attr]


def test_numbers_that_no_demonstration_bears_out_are_not_sure() -> None:
    numbers = [Demonstration(input="I liked it", output="1")]
    assert [guess(INTS, shown).sure for shown in ((), GOOD, numbers)] == [False, False, True]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("outputs", "demonstrations", "unlike"),
    [
        ([0, 1], GOOD, "its outputs are 0, 1, and your demonstrations have 'good'"),
        ([0, 1], [Demonstration(input="x y", output="1")], ""),
        (["neg", "pos"], GOOD, "its outputs are neg, pos, and your demonstrations have 'good'"),
        (["bad", "good"], GOOD, ""),
        (["bad", "good"], [*GOOD, *STARS], ""),  # the rows may not show all there are
        (
            [0.5, 1.5, 2.5, 3.5, 4.5, 5.5],
            GOOD,
            "its outputs are numbers, such as 0.5, and those of your demonstrations are not",
        ),
        ([0.5, 1.5, 2.5, 3.5, 4.5, 5.5], [Demonstration(input="x y", output="-3,5")], ""),
        ([f"text {n}" for n in range(12)], GOOD, ""),
        (["one"], GOOD, ""),
    ],
)
def test_outputs_are_held_against_the_demonstrations(
    outputs: Sequence[Any], demonstrations: Sequence[Demonstration], unlike: str
) -> None:
    kind = TEXT if isinstance(outputs[0], str) else NUMBER
    rows = [{"text": f"film {n} was fine", "label": outputs[n % len(outputs)]} for n in range(12)]
    found = check(Proposal("Rules", ("text",), "label"), rows_of({"text": TEXT, "label": kind}, rows), demonstrations)
    assert found.unlike == unlike


def test_ids_of_classes_are_not_trained_on_unasked() -> None:
    (best,) = decided(INTS).candidates
    assert (best.recommended, best.output_column) == (False, "label")
    assert "its outputs are 0, 1, and your demonstrations have 'good'" in best.reason


def test_what_rules_and_teacher_propose_is_held_against_the_demonstrations_also_where_a_person_names_the_dataset() -> (
    None
):
    teacher = FakeTeacher({"columns": [json.dumps({"input": ["text"], "output": "label"})]})
    found = decided(INTS, candidate(), teacher=teacher, named=Choice(name="o/d"))
    (named,), (read,) = found.candidates, found.reads
    assert named.output_column is None and "your demonstrations have 'good'" in (named.undecided or "")
    assert [(p.by, p.taken) for p in read.proposals] == [("Teacher", False), ("Rules", False)]
    (known,) = decided(INTS, hand_written(recommended=False), named=Choice(name="o/d")).candidates
    assert (known.columns_by, known.output_column, known.undecided) == ("Catalog", "label", None), (
        "a person has looked at it"
    )
    rewritten = decided(INTS, candidate(transformable=True)).candidates[0]
    assert rewritten.output_column is None


def test_an_input_that_contains_the_output_is_refused() -> None:
    for inputs in (("answers",), ("question", "answers")):
        wrong = check(Proposal("Choice", inputs, "answers.text"), questions(), ()).wrong
        assert wrong == "the input column answers contains the output answers.text"
    assert not check(Proposal("Choice", ("question",), "answers.text"), questions(), ()).wrong
    alike = rows_of(
        {"answer": TEXT, "answer_type": TEXT}, [{"answer": f"a {n}", "answer_type": f"b {n}"} for n in range(9)]
    )
    assert not check(Proposal("Choice", ("answer",), "answer_type"), alike, ()).wrong


def test_the_rules_guess_again_where_a_split_without_labels_is_passed_over() -> None:
    splits = {"test": 9, "dev": 50}
    blank = rows_of(
        REVIEWS, [{"review_id": "r", "text": f"t{n}", "label": -1} for n in range(9)], split="test", splits=splits
    )
    there = {(None, "train"): blank, (None, "dev"): rows_of(REVIEWS, reviews().rows, split="dev", splits=splits)}
    (best,) = decided(there, candidate()).candidates
    assert (best.split, best.columns_by, best.output_column, best.undecided) == ("dev", "Rules", "label", None)


def test_the_teachers_time_is_not_taken_from_the_second_reading() -> None:
    """It may take longer than a whole deadline; the hub still has all of it."""
    splits, left = {"test": 9, "dev": 50}, []

    class SlowTeacher(FakeTeacher):
        async def ask(self, *asked: Any, **more: Any) -> Any:
            await asyncio.sleep(0.6)
            return await super().ask(*asked, **more)

    def read(
        name: str, config: str | None, split: str | None, revision: str | None, rows: int, seconds: float
    ) -> FirstRows:
        left.append(seconds)
        labels = {"train": -1, "dev": 1}
        made = [{"review_id": f"r{n}", "text": f"film {n}", "label": labels[str(split)]} for n in range(9)]
        return rows_of(REVIEWS, made, split=str(split), splits=splits)

    teacher = SlowTeacher({"columns": [json.dumps({"input": ["text"], "output": "label"})]})
    began = time.monotonic()
    found = asyncio.run(with_columns(Asked(teacher, "Is it good?", GOOD), [candidate()], read, 0.5))
    assert time.monotonic() - began > 0.6 and len(left) == 2 and min(left) > 0.4
    assert found.candidates[0].split == "dev"
