"""How the teacher helps to search: keyphrases before, an order after, and nothing where it is weak or not understood."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from prompt2model_api.base import Architecture
from prompt2model_api.prompt2model import Demonstration, Prompt2ModelSpec
from prompt2model_stages.catalogs.entries import CatalogEntry, DatasetEntry, Kind, ModelEntry
from prompt2model_stages.catalogs.opening import Catalog, Entries
from prompt2model_stages.catalogs.search import MemoryIndex, opening
from prompt2model_stages.catalogs.search.encoders import EncoderFiles
from prompt2model_stages.discover.asking import CUT
from prompt2model_stages.discover.dataset_retrieval import CatalogDatasetRetriever
from prompt2model_stages.discover.keyphrases import keyphrases
from prompt2model_stages.discover.reranking import read, reranked
from prompt2model_stages.discover.searching import Found, Task, search
from prompt2model_stages.discover.student_facts import TaskFacts
from prompt2model_stages.discover.student_retrieval import CatalogStudentRetriever
from prompt2model_stages.teacher.requests import TeacherAnswer, TeacherRequest
from tests.unit.discover_cases import FakeTeacher
from tests.unit.test_discover_verdicts import verdicts_of

pytestmark = pytest.mark.unit

NAMED = {"baseURL": "https://teacher.example/v1", "model": "big", "budget": {"unlimited": True}}
PAIR = Demonstration(input="rose", output="red")
INSTRUCTION = "Name the colour of the flower."


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("sentiment analysis, tweets", "sentiment analysis, tweets"),
        ("Keyphrases: colour naming; flowers.", "colour naming, flowers"),
        ('"colour naming", "flowers"', "colour naming, flowers"),
        ("- colour naming\n- flowers\n- flowers", "colour naming, flowers"),
        ("1. colour naming\n2) flowers", "colour naming, flowers"),
        ("翻訳、日本語", "翻訳, 日本語"),
        ("自然言語処理、抽出型質問応答", "自然言語処理, 抽出型質問応答"),
        ("Keyphrases are: colour naming, flowers", "colour naming, flowers"),
        (", ".join(f"phrase {n}" for n in range(12)), ", ".join(f"phrase {n}" for n in range(8))),
    ],
)
async def test_keyphrases_are_read_from_what_teachers_write(answer: str, expected: str):
    teacher = FakeTeacher({"keyphrases": [answer]})
    found = await keyphrases(teacher, INSTRUCTION)
    assert (found.text, found.note) == (expected, "")
    assert teacher.asked[0].messages[-1]["content"] == INSTRUCTION


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "named none"),
        ("...", "named none"),
        ("The task is to name the colour of a flower", "wrote a sentence"),
        ("I'm sorry, but I cannot help you with that request", "wrote a sentence"),
        ("Sorry, I cannot help with that.", "wrote a sentence"),
        ("情感分类任务需要产品评论数据并且输出积极或消极的标签", "wrote a sentence"),
        ("sentiment classification, product reviews", "repeated the example"),
    ],
)
async def test_a_useless_answer_gives_no_keyphrases_and_says_so(answer: str, why: str):
    found = await keyphrases(FakeTeacher({"keyphrases": [answer]}), INSTRUCTION)
    assert found.text == ""
    assert found.note.startswith("The catalogs are searched without keyphrases: ") and why in found.note


class CutTeacher:
    """Every answer ends for want of room."""

    async def ask(self, request: TeacherRequest) -> TeacherAnswer:
        return TeacherAnswer(texts=("",), key="0", cut=True)


async def test_an_answer_that_is_cut_changes_nothing():
    assert CUT in (await keyphrases(CutTeacher(), INSTRUCTION)).note
    ranked = await reranked(CutTeacher(), "datasets", INSTRUCTION, [], ["a", "b"])
    assert ranked.order == (0, 1) and CUT in ranked.note


async def test_the_candidates_come_in_the_teachers_order_and_the_others_behind():
    teacher = FakeTeacher({"rank-datasets": ['{"best": [3, 1]}']})
    ranked = await reranked(
        teacher, "datasets", INSTRUCTION, [PAIR], ["a: songs", "b: houses", "c: flowers\nwith colours", "d: x"]
    )
    assert (ranked.order, ranked.named, ranked.note) == ((2, 0, 1, 3), 2, "")
    asked = teacher.asked[0]
    assert (
        "3. c: flowers with colours\n" in asked.messages[0]["content"] and "Input: rose" in asked.messages[0]["content"]
    )
    assert asked.schema is not None and asked.schema["properties"]["best"]["items"]["maximum"] == 4


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("The third one is best.", "no JSON"),
        ("[3, 1]", "no list of candidates' numbers"),
        ('{"best": [0]}', "no list of candidates' numbers"),
        ('{"best": [5]}', "no list of candidates' numbers"),
        ('{"best": [true]}', "no list of candidates' numbers"),
        ('{"best": ["c"]}', "no list of candidates' numbers"),
        ('{"best": [3, 3]}', "named a candidate twice"),
    ],
)
async def test_an_answer_in_another_form_leaves_the_order_and_says_so(answer: str, why: str):
    ranked = await reranked(FakeTeacher({"rank-datasets": [answer]}), "datasets", INSTRUCTION, [], ["a", "b", "c", "d"])
    assert ranked.order == (0, 1, 2, 3) and ranked.named is None
    assert ranked.note.startswith("The datasets stay in the order of the search: ") and why in ranked.note


async def test_one_candidate_needs_no_order():
    teacher = FakeTeacher()
    assert (await reranked(teacher, "datasets", INSTRUCTION, [], ["a"])).order == (0,)
    assert teacher.asked == []


def test_no_candidate_may_serve():
    assert read('{"best": []}', 3) == []


def entry(name: str, description: str) -> DatasetEntry:
    return DatasetEntry(
        name=name,
        description=description,
        license="mit",
        downloads=1,
        input_columns=["x"],
        output_column="y",
        labels=["red", "white"],
        languages=["multilingual"],
    )


ENTRIES = [
    entry("a/flowers", "Colours of flowers, each with its name."),
    entry("a/houses", "Prices of houses in several towns."),
    entry("a/songs", "Songs of birds, and of frogs too."),
    entry("a/petals", "Shapes of a flower's petals in gardens."),
    entry("a/trains", "Tables of trains and of their delays."),
    entry("a/recipes", "Recipes of soups and cakes."),
]
MODELS = [
    ModelEntry(
        name=f"m/{name}", description=description, license="mit", downloads=downloads,
        architecture=Architecture.ENCODER_DECODER, size_bytes=100,
    )
    for name, description, downloads in (
        ("paints", "A model that paints the colour of a flower.", 99),
        ("says", "A model that says the colour of a flower.", 9),
        ("adds", "Adds numbers of any length.", 9),
        ("sings", "Sings songs of birds.", 9),
        ("cooks", "Writes recipes of soups.", 9),
    )
]  # fmt: skip


async def searched(teacher: FakeTeacher, spec: dict[str, object]) -> Found:
    return await search(
        teacher,
        Prompt2ModelSpec.model_validate({"prompt": "x", **spec}),
        Task(INSTRUCTION, [PAIR]),
        None if spec.get("datasets") else CatalogDatasetRetriever(Entries(Kind.DATASETS, ENTRIES), words_of(ENTRIES)),
        CatalogStudentRetriever(Entries(Kind.MODELS, MODELS), words_of(MODELS)),
    )


def words_of(entries: Sequence[CatalogEntry]) -> MemoryIndex:
    return MemoryIndex([one.description for one in entries])


async def test_the_embedded_teacher_is_not_asked():
    teacher = FakeTeacher()
    found = await searched(teacher, {})
    assert teacher.asked == [] and found.notes == []
    assert [(c.name, c.recommended) for c in found.datasets] == [("a/flowers", True), ("a/petals", False)]
    assert [c.name for c in found.students][:2] == ["m/paints", "m/says"]


async def test_a_named_teacher_orders_datasets_and_students():
    teacher = FakeTeacher(
        {
            "keyphrases": ["colour naming, flowers"],
            "rank-datasets": ['{"best": [1]}'],
            "judge-datasets": [verdicts_of(INSTRUCTION, yes=True)],
            "rank-students": ['{"best": [2]}'],
        }
    )
    found = await searched(teacher, {"teacher": NAMED})
    assert teacher.purposes() == ["keyphrases", "rank-datasets", "judge-datasets", "rank-students"]
    assert (found.datasets[0].name, found.datasets[0].recommended) == ("a/flowers", True)
    assert [c.name for c in found.students][:2] == ["m/says", "m/paints"]
    assert "1. m/paints: A model that paints" in teacher.asked[-1].messages[0]["content"]
    assert found.notes == []


@pytest.mark.parametrize("best", [[2], [2, 1], []])
async def test_what_the_teacher_does_not_put_first_is_not_used_unasked(best: list[int]):
    teacher = FakeTeacher({"keyphrases": ["flowers"], "rank-datasets": [json.dumps({"best": best})]})
    found = await searched(teacher, {"teacher": NAMED})
    flowers = next(c for c in found.datasets if c.name == "a/flowers")
    assert not flowers.recommended
    assert flowers.reason.endswith("the teacher does not put it first.")


@pytest.mark.parametrize(("best", "kept"), [([], True), ([1], True), ([2], False), ([2, 1], False)])
async def test_a_dataset_of_another_form_stays_unless_the_teacher_puts_another_one_first(best: list[int], kept: bool):
    teacher = FakeTeacher({"keyphrases": ["flowers"], "rank-datasets": [json.dumps({"best": best})]})
    entries = [ENTRIES[0].model_copy(update={"labels": ["#ff0000", "#ffffff"]}), *ENTRIES[1:]]
    retriever = CatalogDatasetRetriever(Entries(Kind.DATASETS, entries), words_of(entries))
    spec = Prompt2ModelSpec.model_validate({"prompt": "x", "teacher": NAMED})
    students = CatalogStudentRetriever(Entries(Kind.MODELS, MODELS), words_of(MODELS))
    found = await search(teacher, spec, Task(INSTRUCTION, [PAIR]), retriever, students)
    flowers = next(c for c in found.datasets if c.name == "a/flowers")
    assert not flowers.recommended and bool(flowers.transformable) is kept


async def test_the_teacher_does_not_lift_a_student_over_one_that_fits_better_by_its_facts():
    listed = MODELS[0].model_copy(update={"name": "m/listed", "hand_written": False})
    french = MODELS[1].model_copy(update={"name": "m/french", "languages": ["fr"]})
    entries = [*MODELS[:2], listed, french]
    retriever = CatalogStudentRetriever(Entries(Kind.MODELS, entries), words_of(entries))
    spec = Prompt2ModelSpec.model_validate({"prompt": "x", "teacher": NAMED})
    german = Demonstration(input="Die Rose blüht im Garten neben dem alten Haus.", output="rot")
    names = [c.name for c in retriever.retrieve(INSTRUCTION, list(Architecture), 1000, TaskFacts(reads="de"))]
    assert names == ["m/says", "m/paints", "m/listed", "m/french"]
    teacher = FakeTeacher({"rank-students": ['{"best": [4, 3, 2, 1]}']})
    found = await search(teacher, spec, Task(INSTRUCTION, [german]), None, retriever)
    assert [c.name for c in found.students] == ["m/paints", "m/says", "m/listed", "m/french"]
    assert "the student m/french first, but m/paints stays before it: " in found.notes[-1]


def test_keyphrases_list_no_dataset_that_shares_no_word_with_them_or_the_instruction():
    retriever = CatalogDatasetRetriever(Entries(Kind.DATASETS, ENTRIES), words_of(ENTRIES))
    assert retriever.retrieve("zzz qqq", [PAIR], 5, "xxyy") == []
    assert [c.name for c in retriever.retrieve("zzz flower", [PAIR], 5, "soups")] == [
        "a/recipes",
        "a/flowers",
        "a/petals",
    ]


async def test_a_named_teacher_that_is_not_understood_changes_nothing_and_is_told():
    alone = await searched(FakeTeacher(), {})
    found = await searched(FakeTeacher(), {"teacher": NAMED})
    assert found.datasets == alone.datasets and found.students == alone.students
    assert [note.split(":")[0] for note in found.notes] == [
        "The catalogs are searched without keyphrases",
        "The datasets stay in the order of the search",
        "The students stay in the order of the search",
    ]


async def test_without_datasets_only_students_are_ordered():
    teacher = FakeTeacher()
    found = await searched(teacher, {"teacher": NAMED, "datasets": {"enabled": False}})
    assert teacher.purposes() == ["rank-students"] and found.datasets == []


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog[DatasetEntry]:
    """A catalog of the entries with vectors: petals are what flowers mean."""

    class Encoder:
        def queries(self, texts: Sequence[str]) -> np.ndarray:
            return np.array([[0.0, 1.0]] * len(texts), dtype=np.float32)

    monkeypatch.setattr(opening, "find_encoder", lambda name: EncoderFiles(name, tmp_path, name))
    monkeypatch.setattr(opening, "_loaded", lambda files: Encoder())
    about = opening.About(
        kind="vectors", catalog="one", rows=6, encoder="own", encoder_digest="own", dimension=2, cut=0
    )
    vectors = np.array([[1, 0], [1, 0], [1, 0], [0, 1], [1, 0], [1, 0]], dtype=np.float32)
    opening._store(tmp_path / "vectors", about, lambda folder: np.save(folder / "vectors.npy", vectors))
    return Catalog(Kind.DATASETS, Entries(Kind.DATASETS, ENTRIES), tmp_path, "one", "2026-11-26", "shipped")


def test_a_catalog_with_vectors_is_searched_by_meaning_too(built: Catalog[DatasetEntry]):
    retriever = CatalogDatasetRetriever.of(built)
    found = retriever.retrieve(INSTRUCTION, [PAIR], 2, "flowers")
    assert list(retriever.notes) == []
    assert [(c.name, c.recommended) for c in found] == [("a/flowers", True), ("a/petals", False)]
    assert found[0].score < found[1].score, "nearer by meaning, but the words decide what is used unasked"
    assert retriever.description(found[1]) == ENTRIES[3].description
    assert [c.name for c in retriever.retrieve("Draw petals.", [PAIR], 2)] == ["a/petals", "a/flowers"]


def test_vectors_that_do_not_serve_leave_the_words_and_are_told(built: Catalog[DatasetEntry]):
    (built.folder / "vectors/index.json").write_text("{")
    retriever = CatalogDatasetRetriever.of(built)
    assert [c.name for c in retriever.retrieve(INSTRUCTION, [PAIR], 2)] == ["a/flowers", "a/petals"]
    assert retriever.notes[0].startswith("The datasets are searched by words alone: ")
