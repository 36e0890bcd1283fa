"""Students by the model card that the teacher imagines, their size and their downloads."""

from __future__ import annotations

import math

import pytest

from prompt2model_api.base import Architecture
from prompt2model_api.quantities import bytes_of
from prompt2model_api.spec.student import EMBEDDED_STUDENT
from prompt2model_stages.catalogs.catalog import models
from prompt2model_stages.catalogs.entries import Kind, ModelEntry
from prompt2model_stages.catalogs.opening import Entries, open_models
from prompt2model_stages.catalogs.search import MemoryIndex
from prompt2model_stages.discover.student_retrieval import MOST_KNOWN, CatalogStudentRetriever, hypothetical_card
from tests.unit.discover_cases import FakeTeacher

pytestmark = pytest.mark.unit

BOTH = list(Architecture)
CARD = "This model writes SQL queries for questions in English. It is a text-to-SQL transformer fine-tuned on Spider and WikiSQL."


def model(name: str, description: str, downloads: int = 10, size: int = 100) -> ModelEntry:
    return ModelEntry(
        name=name, description=description, license="mit", downloads=downloads, size_bytes=size,
        architecture=Architecture.ENCODER_DECODER,
    )  # fmt: skip


def retriever_of(entries: list[ModelEntry]) -> CatalogStudentRetriever:
    return CatalogStudentRetriever(Entries(Kind.MODELS, entries), MemoryIndex([entry.description for entry in entries]))


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("Turn the question into an SQL query.\n" + CARD, "sql"),
        ("Translate German to English.", "opus-mt-de-en"),
        ("Summarize the news article.", "bart-large-cnn"),
        ("Write Python source code from the description.", "codet5"),
        ("Rewrite the toxic comment politely.", "detox"),
        ("Correct the grammar of the sentence.", "grammar"),
    ],
)
def test_a_specialist_is_among_the_first_three(task: str, expected: str):
    found = CatalogStudentRetriever.of(open_models()).retrieve(task, BOTH, bytes_of("3Gi"))
    assert any(expected in c.name.lower() for c in found[:3]), [c.name for c in found[:5]]


def test_size_and_architecture_are_kept():
    limit = bytes_of("300Mi")
    found = CatalogStudentRetriever.of(open_models()).retrieve("Convert dates.", [Architecture.DECODER_ONLY], limit)
    assert EMBEDDED_STUDENT in [c.name for c in found]
    assert all(c.size_bytes <= limit and c.architecture is Architecture.DECODER_ONLY for c in found)
    assert CatalogStudentRetriever.of(open_models()).retrieve("Convert dates.", BOTH, 1000) == []


def test_the_score_is_bm25_times_log_downloads():
    rare = model("a/rare", "paints blue houses for people", downloads=9)
    often = model("a/often", "paints blue houses for people", downloads=99)
    other = [model(f"a/{n}", f"sings song number {n} all night") for n in range(3)]
    found = retriever_of([rare, often, *other]).retrieve("paint houses", BOTH, 1000)
    assert [c.name for c in found[:2]] == ["a/often", "a/rare"]
    assert found[0].score / found[1].score == pytest.approx(math.log(100) / math.log(10), rel=1e-3)
    assert "99 downloads" in found[0].reason


def test_the_first_student_is_one_that_is_written_by_hand():
    written = [model(f"a/{n}", f"paints blue houses number {n}", downloads=1) for n in range(7)]
    listed = model("hub/painter", "paints blue houses for people, paint", downloads=10**6).model_copy(
        update={"hand_written": False}
    )
    others = [model(f"b/{n}", f"sings song number {n} all night") for n in range(20)]
    found = retriever_of([listed, *written, *others]).retrieve("paint blue houses", BOTH, 1000)
    assert [c.name for c in found[:6]] == ["a/0", "a/1", "a/2", "a/3", "a/4", "hub/painter"]


def test_without_a_shared_word_the_most_downloaded_that_follow_instructions_come_first_and_say_so():
    found = CatalogStudentRetriever.of(open_models()).retrieve("qwertyuiop", BOTH, bytes_of("3Gi"))
    first = found[:MOST_KNOWN]
    assert len(found) == 25
    assert [c.downloads for c in first] == sorted((c.downloads for c in first), reverse=True)
    assert all(
        "shares no word with the task; it is a general model that follows instructions" in c.reason for c in first
    )


async def test_a_model_card_is_asked_for_and_used():
    teacher = FakeTeacher({"model-card": [CARD]})
    card = await hypothetical_card(teacher, "Turn the question into SQL.")
    assert (card.text, card.note) == (CARD, "")
    assert teacher.asked[0].messages[-1]["content"] == "Turn the question into SQL."


@pytest.mark.parametrize(
    ("answer", "why"), [("", "too short"), ("Sure!", "too short"), ("yes and no " * 20, "repeats itself")]
)
async def test_a_useless_card_is_left_out_and_told(answer: str, why: str):
    card = await hypothetical_card(FakeTeacher({"model-card": [answer]}), "Turn the question into SQL.")
    assert card.text == ""
    assert why in card.note


def test_every_catalog_model_below_the_default_limit_or_not_is_reachable():
    assert sum(entry.size_bytes <= bytes_of("3Gi") for entry in models()) >= 60
