"""Answers as datasets have them: several right ones, none, the number of a choice; and samples that keep each class."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from prompt2model_api.spec.references import OwnData
from prompt2model_stages.classes import are_labels, with_each_class
from prompt2model_stages.evaluate.differences import errors
from prompt2model_stages.evaluate.metrics import ChrFPlusPlus, ExactMatch
from prompt2model_stages.evaluate.predictions import STUDENT, TEACHER, UNTRAINED
from prompt2model_stages.examples import Example
from prompt2model_stages.prepare.hub_datasets import drawn_from
from prompt2model_stages.prepare.own_data import read_alike, read_own
from prompt2model_stages.prepare.references import are_references
from prompt2model_stages.prepare.splitting import split
from prompt2model_stages.prepare.tables import Table
from prompt2model_stages.prepare.textualizing import examples_of
from prompt2model_stages.preprocessing import Preprocessing
from prompt2model_stages.splits import read_split, write_split
from prompt2model_stages.storage import Folder

pytestmark = pytest.mark.unit

SUPER_BOWL = ["Denver Broncos", "The Denver Broncos", "Denver Broncos"]


def table(*rows: dict[str, object]) -> Table:
    return Table("t", tuple(rows[0]), list(rows))


def test_of_several_references_one_is_trained_on_and_all_are_kept() -> None:
    rows = table({"q": "who won?", "answers": SUPER_BOWL}, {"q": "who lost?", "answers": ["Carolina Panthers"] * 3})
    notes: list[str] = []
    found = examples_of(rows, ["q"], "answers", "own", notes=notes)
    assert [example.output for example in found] == ["Denver Broncos", "Carolina Panthers"]
    assert [example.references for example in found] == [("Denver Broncos", "The Denver Broncos"), ()]
    assert notes == [
        "t, column answers: 1 of 2 rows have several answers. The most frequent one is trained on; in evaluation each of "
        "them is right."
    ]


@pytest.mark.parametrize("column", ["answers.text", "answers"])
def test_answers_in_the_form_of_squad(column: str) -> None:
    rows = table(
        {"q": "who won?", "answers": {"text": SUPER_BOWL, "answer_start": [177, 177, 177]}},
        {"q": "who knows?", "answers": {"text": [], "answer_start": []}},
    )
    notes: list[str] = []
    found = examples_of(rows, ["q"], column, "own", notes=notes)
    assert [(example.output, len(example.references)) for example in found] == [("Denver Broncos", 2), ("", 0)]
    assert notes[1].startswith(f"t, column {column}: 1 of 2 rows have no answer (an empty list) and are left out.")


def test_lists_of_labels_or_keywords_stay_one_output() -> None:
    rows = table(*({"q": f"text {i}", "topics": ["sports", "politics"]} for i in range(20)))
    assert {(e.output, e.references) for e in examples_of(rows, ["q"], "topics", "own")} == {("sports, politics", ())}
    tags = [["O", "O", "B-PER"], ["O", "O"], ["B-LOC", "O", "O"]] * 10
    assert not are_references("tags", tags)
    assert are_references(
        "output", [SUPER_BOWL, ["Santa Clara", "Santa Clara, California", "Santa Clara"], ["50", "fifty", "50"]]
    )


def test_notes_of_own_data_say_it(tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text('{"input": "who won?", "answers": ["Broncos", "The Broncos", "Broncos"]}\n')
    read = read_own(str(tmp_path / "own.jsonl"), OwnData(uri="x.jsonl", output_column="answers"), "datasets.own")
    assert read.examples[0].output == "Broncos"
    assert "in evaluation each of them is right" in read.table.notes[-1]


def test_references_are_read_as_they_were_written(tmp_path: Path) -> None:
    rows = [
        Example("a", "x", "own", "o", references=("x", "the x")),
        Example("b", "y", "own", "o"),
    ]
    write_split(Folder(str(tmp_path)), "test-own", rows, Preprocessing(""))
    found = read_split(Folder(str(tmp_path)), "test-own")
    assert [row.right for row in found] == [("x", "the x"), ("y",)]
    write_split(Folder(str(tmp_path)), "train", rows[1:], Preprocessing(""))
    assert read_split(Folder(str(tmp_path)), "train")[0].right == ("y",)
    wrong = errors(found, {STUDENT: ["the x", "z"], UNTRAINED: ["", ""], TEACHER: [None, None]})
    assert [row.input for row in wrong] == ["b"]


REFERENCES = [["Denver Broncos", "The Denver Broncos team"], ["in 1999", "1999"], ["a red house"], ["x", "y", "z"]]
ANSWERS = ["the Denver Broncos", "1999", "a blue house", ""]


def test_each_reference_counts_as_the_libraries_count_them() -> None:
    exact = ExactMatch()
    assert exact.score(exact.best_rows_of({"": ANSWERS}, REFERENCES)[""]) == 25.0
    chrf = ChrFPlusPlus()
    widest = max(map(len, REFERENCES))
    by_place = [[right[at] if at < len(right) else None for right in REFERENCES] for at in range(widest)]
    expected = sacrebleu.corpus_chrf(ANSWERS, by_place, word_order=2).score  # type: ignore[arg-type]
    assert chrf.score(chrf.best_rows_of({"": ANSWERS}, REFERENCES)[""]) == pytest.approx(expected, abs=1e-9)
    alone = [right[:1] for right in REFERENCES]
    same = chrf.rows_of({"": ANSWERS}, [right[0] for right in REFERENCES])[""]
    assert (chrf.best_rows_of({"": ANSWERS}, alone)[""] == same).all()


def choice_rows(answers: list[object], column: str = "answerKey", labels: bool = True) -> Table:
    texts = ["lead", "wood", "glass, clear", "ice"]
    choices: object = {"text": texts, "label": ["A", "B", "C", "D"]} if labels else texts
    return table(*({"question": f"q {i}", "choices": choices, column: answer} for i, answer in enumerate(answers)))


@pytest.mark.parametrize(
    ("answers", "labels"),
    [
        (["B", "D", "A"], True),
        (["b", "(D)", "A"], False),
        ([1, 3, 0], False),
        (["2", "4", "1"], False),
        ([2.0, 4.0, 1.0], False),
    ],
)
def test_the_number_of_a_choice_becomes_its_text(answers: list[object], labels: bool) -> None:
    notes: list[str] = []
    found = examples_of(choice_rows(answers, labels=labels), ["question", "choices"], "answerKey", "own", notes=notes)
    assert [example.output for example in found] == ["wood", "ice", "lead"]
    assert found[0].input == "question: q 0\nchoices: (A) lead (B) wood (C) glass, clear (D) ice"
    assert notes == ["t, column answerKey: it says which of choices is right; the output is its text."]
    examples_of(choice_rows(answers, labels=labels), ["question"], "answerKey", "own", notes=notes)
    assert "name choices in inputColumns" in notes[-1]


@pytest.mark.parametrize(
    ("answers", "column"),
    [
        (["wood", "ice"], "answerKey"),
        ([1, 2], "answerKey"),
        ([1, 9], "answerKey"),
        ([1, 0], "difficulty"),
        (["B", "x"], "answer"),
    ],
)
def test_what_is_no_number_of_a_choice_stays(answers: list[object], column: str) -> None:
    found = examples_of(choice_rows(answers, column, labels=False), ["question"], column, "own")
    assert [example.output for example in found] == [str(answer) for answer in answers]


def shuffled_choices(texts: str, rows: int = 40) -> list[dict[str, object]]:
    """Rows whose answer is the text of a choice, in whatever place."""
    chance = random.Random(1)
    return [
        {"q": f"{i}?", "choices": chance.sample(texts, len(texts)), "answer": chance.choice(texts)} for i in range(rows)
    ]


@pytest.mark.parametrize("texts", ["12345", "0123", "ABCD", "１２３"])
def test_an_answer_that_is_a_text_of_its_choices_stays(texts: str) -> None:
    rows = shuffled_choices(texts)
    found = examples_of(table(*rows), ["q"], "answer", "own")
    assert [example.output for example in found] == [row["answer"] for row in rows]


def test_stars_whose_options_come_from_the_best() -> None:
    labels = ["2", "5", "1", "4", "3"] * 10
    rows = [
        {"review": f"text {i}", "options": ["5", "4", "3", "2", "1"], "label": label} for i, label in enumerate(labels)
    ]
    rows[7]["label"] = "0"  # one wrong row makes no places of all others
    assert [one.output for one in examples_of(table(*rows), ["review"], "label", "own")] == [
        row["label"] for row in rows
    ]


def test_numbers_that_do_not_tell_where_they_begin_stay() -> None:
    """Twenty rows of ten options have no 0 in one of eight draws; shifted by one, each of them would be wrong."""
    options = [f"text {i}" for i in range(10)]
    rows = [{"q": f"{i}?", "options": options, "answer": 1 + i % 8} for i in range(40)]
    notes: list[str] = []
    found = examples_of(table(*rows), ["q"], "answer", "own", notes=notes)
    assert [example.output for example in found] == [str(row["answer"]) for row in rows]
    assert "do not tell whether options are counted from 0 or from 1" in notes[0]


@pytest.mark.parametrize(("last", "expected"), [({"answer": 0}, "text 2"), ({"answer": 4}, "text 1")])
def test_test_data_are_read_as_train_data_are(tmp_path: Path, last: dict[str, object], expected: str) -> None:
    row = {"input": "?", "options": [f"text {i}" for i in range(4)], "answer": 2}
    (tmp_path / "train.jsonl").write_text("\n".join(json.dumps(one) for one in [row, {**row, **last}]))
    (tmp_path / "test.jsonl").write_text(json.dumps(row))
    data = OwnData(uri="x.jsonl", output_column="answer")
    train = read_own(str(tmp_path / "train.jsonl"), data, "datasets.own")
    test = read_own(str(tmp_path / "test.jsonl"), data, "evaluation.testData")
    assert test.examples[0].output == "2"
    alike = read_alike(test, data, train, data)
    assert alike.examples[0].output == read_alike(train, data, test, data).examples[0].output == expected
    assert [note for note in alike.table.notes if "options" in note] == [
        f"{alike.table.name}, column answer: it says which of options is right; the output is its text. The student does not "
        "see the choices: name options in inputColumns."
    ]


WORDS = [
    "To",
    "whom",
    ",",
    "did",
    "the",
    "Virgin",
    "Mary",
    ",",
    "appear",
    "in",
    "1858",
    ",",
    "in",
    "Lourdes",
    ",",
    "France",
]


def test_lists_that_are_all_wanted_stay_one_output() -> None:
    tokens = [{"text": f"t {i}", "tokens": [*WORDS, str(i)]} for i in range(30)]
    assert examples_of(table(*tokens), ["text"], "tokens", "own")[0].output == ", ".join([*WORDS, "0"])
    roots = [{"q": f"(x-{a})(x-{b})=0", "answer": [a, b]} for a in range(1, 9) for b in range(a + 1, 9)]
    notes: list[str] = []
    found = examples_of(table(*roots), ["q"], "answer", "own", notes=notes)
    assert (found[0].output, found[0].references) == ("1, 2", ())
    assert notes[0].startswith(
        "t, column answer: 28 of 28 rows have a list, and the items of most have no words in common."
    )
    assert are_references(
        "aliases", [["Sinclair Lewis", "Harry Sinclair Lewis"], ["14 December 1972 UTC", "December 1972"]]
    )
    assert not are_references("output", [["x = 1", "x = 2"], [",", "."], ["!", "?"]])
    assert not are_references("answers", [["x = 1", "x = 2"]] * 3)


def test_references_of_rows_that_ask_the_same_are_kept_together() -> None:
    def row(number: int, output: str, *references: str) -> Example:
        return Example("Who?", output, "own", f"t#{number}", references=references)

    rows = [row(1, "a", "a", "b"), row(2, "a", "a", "c"), row(3, "c"), row(4, "d")]
    result = split([Example("z", "y", "own", "o")], 1, rows)
    (kept,) = result.examples["test-own"]
    assert (kept.output, kept.references) == ("a", ("a", "b", "c", "d"))
    assert (result.dropped.duplicates["own"], result.dropped.conflicts["own"]) == (3, 0)
    assert result.joined == (1, 4)
    labels = [Example(f"text {i} {chr(97 + i)}", "acd"[i % 3], "own", "o") for i in range(24)]
    (kept,) = split(labels, 1, rows).examples["test-own"]
    assert (kept.output, kept.references) == ("a", ("a", "b", "c")), "of labels another row's is another opinion"


OUTPUTS = st.lists(st.sampled_from("aaaaaaaaabbbcd"), min_size=5, max_size=200)


@settings(max_examples=100, deadline=None)
@given(OUTPUTS, st.data(), st.integers(0, 3))
def test_a_sample_keeps_each_class(outputs: list[str], data: st.DataObject, seed: int) -> None:
    drawn = data.draw(st.lists(st.sampled_from(range(len(outputs))), unique=True))
    kept = with_each_class(outputs, drawn, 3, seed)
    assert len(kept) == len(drawn) == len(set(kept))
    assert kept == with_each_class(outputs, drawn, 3, seed) == sorted(kept)
    if not are_labels(outputs):
        assert kept == sorted(drawn)
    else:
        room = min(3, len(drawn) // len(set(outputs)))
        counts, found = Counter(outputs), Counter(outputs[place] for place in kept)
        assert all(found[label] >= min(room, counts[label]) for label in counts)


def test_a_row_cap_never_empties_a_class() -> None:
    rows = [{"q": f"text {i}", "label": "fraud" if i in (17, 501, 900) else ("a", "b")[i % 2]} for i in range(2000)]
    for seed in range(5):
        capped = examples_of(table(*rows), ["q"], "label", "own", 30, seed)
        assert len(capped) == 30
        assert Counter(example.output for example in capped)["fraud"] == 3
    _, streamed, read = drawn_from(iter(rows), 2000, 30, 0, lambda row: str(row["label"]))
    assert (len(streamed), read) == (30, 2000)
    assert Counter(row["label"] for row in streamed)["fraud"] == 3
    assert drawn_from(iter(rows), 2000, 30, 0, lambda row: str(row["q"])) == drawn_from(iter(rows), 2000, 30, 0)
