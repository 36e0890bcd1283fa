"""Search by words, by meaning and by both: the same order from both lexical indexes, and indexes of something else refused."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from prompt2model_stages.catalogs.catalog import datasets
from prompt2model_stages.catalogs.search import (
    BuiltIndex,
    DenseIndex,
    FusedIndex,
    Hit,
    IndexUnusable,
    LexicalIndex,
    MemoryIndex,
    Weights,
    build_lexical,
    open_lexical,
    opening,
)
from prompt2model_stages.catalogs.search.encoders import EncoderFiles, EncoderUnusable
from prompt2model_stages.catalogs.search.protocol import nearest
from prompt2model_stages.catalogs.search.words import tokens

pytestmark = pytest.mark.unit

GARDEN = ["cats and dogs in the garden", "stock prices of companies", "prices of houses with gardens"]
QUERIES = [
    "Is the movie review positive or negative?",
    "Translate sentences from German into English.",
    "Summarize the news article in one sentence.",
    "question question answering over a passage of Wikipedia",
    "write a Python function for a description",
    "qwertyuiop",
]


@dataclass(frozen=True)
class Texts:
    """A catalog of texts alone."""

    folder: Path
    listed: tuple[str, ...]
    digest: str = "one"

    def texts(self) -> Sequence[str]:
        return self.listed


@pytest.fixture(params=[MemoryIndex, BuiltIndex.build])
def garden(request: pytest.FixtureRequest) -> LexicalIndex:
    index: LexicalIndex = request.param(GARDEN)
    return index


def test_rare_shared_words_count(garden: LexicalIndex):
    scores = garden.scores("predict the stock price")
    assert int(scores.argmax()) == 1
    assert [hit.row for hit in garden.search("predict the stock price", 9)] == [1, 2], (
        "price: most have it, it counts little"
    )
    for nothing in ("", "the of and", "zebra"):
        assert garden.scores(nothing).tolist() == [0.0, 0.0, 0.0]
        assert garden.search(nothing, 3) == []
    assert garden.shared("the stock price", 1)[0] == "stock"
    assert garden.shown("Predict Stock prices", 1) == "Stock, prices"
    assert garden.coverage("stock prices", 1) == 1.0
    assert 0 < garden.coverage("stock zebra", 1) < 1


def test_a_catalog_without_words_finds_nothing():
    for texts in ([], [""], ["the of", ""]):
        for index in (MemoryIndex(texts), BuiltIndex.build(texts) if texts else MemoryIndex(texts)):
            assert index.search("cats", 5) == []
            assert index.scores("cats").tolist() == [0.0] * len(texts)


def made_texts(count: int) -> list[str]:
    """Starter descriptions with words left out and put in, seeded."""
    chance = random.Random(12)
    known = [entry.description for entry in datasets()]
    spare = sorted({word for text in known for word in text.split()})
    made = []
    for _ in range(count):
        kept = [word for word in chance.choice(known).split() if chance.random() < 0.8]
        made.append(" ".join(kept + chance.choices(spare, k=chance.randint(0, 8))))
    return made


def test_both_lexical_indexes_give_the_same_order():
    texts = made_texts(600)
    reference, built = MemoryIndex(texts), BuiltIndex.build(texts)
    for query in QUERIES:
        expected, got = reference.search(query, 50), built.search(query, 50)
        assert [hit.row for hit in got] == [hit.row for hit in expected], query
        assert [hit.score for hit in got] == pytest.approx([hit.score for hit in expected], rel=1e-5)
        for hit in got[:3]:
            assert built.shared(query, hit.row) == reference.shared(query, hit.row)
            assert built.coverage(query, hit.row) == pytest.approx(reference.coverage(query, hit.row))
    assert built.search(QUERIES[0], 5), "there is something to compare"


SHELF = [
    "Movie reviews with their sentiment, positive or negative.",
    "German and English sentences of the news: machine translation.",
    "News articles, each with a summary of one sentence.",
    "Questions about a passage of Wikipedia, the answer a span of the passage.",
    "Programming problems with the Python function that solves each.",
    "Product reviews of customers with a rating of one to five stars.",
    "Conversations between two people, each with a short summary.",
    "Questions of customers of a bank with their intents.",
]
PINNED = [[0, 5], [1, 2], [2, 1], [3, 7], [4], []]


@pytest.mark.parametrize("make", [MemoryIndex, BuiltIndex.build])
def test_the_order_on_a_small_shelf_is_pinned(make: Callable[[Sequence[str]], LexicalIndex]):
    index = make(SHELF)
    assert [[hit.row for hit in index.search(query, 3)] for query in QUERIES] == PINNED


@pytest.mark.parametrize("k", [0, 1, 2, 3, 4, 9])
def test_of_equal_scores_the_first_row_comes_first(k: int):
    scores = np.array([1.0, 3.0, 1.0, 3.0, 2.0])
    assert nearest(scores, k) == [Hit(1, 3.0), Hit(3, 3.0), Hit(4, 2.0), Hit(0, 1.0), Hit(2, 1.0)][:k]


def test_words_are_compared_by_their_stem():
    assert tokens("Converting dates") == tokens("convert a date") == tokens("the converted Date")
    assert tokens("summarization") == tokens("summarize") == tokens("summarizing")
    assert tokens("entities") == tokens("entity")
    assert tokens("translate") == tokens("translation") == tokens("translating")
    assert tokens("classify") == tokens("classifies")
    assert tokens("größe") == ["größe"]
    assert tokens("class") != tokens("clas")


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("de", "Häuser", "Haus"), ("fr", "traductions", "traduction"), ("es", "preguntas", "pregunta"),
        ("ru", "вопросы", "вопроса"), ("tr", "evler", "ev"), ("en", "вопросы", "вопроса"), ("en", "ερωτήσεις", "ερώτηση"),
    ],
)  # fmt: skip
def test_stems_follow_the_language_of_the_text_or_of_the_script(language: str, one: str, other: str):
    assert tokens(one, language) == tokens(other, language)


def test_a_language_without_a_stemmer_keeps_its_words():
    assert tokens("Maswali mengi", "sw") == ["maswali", "mengi"]


def test_scripts_without_spaces_are_found_by_pairs_of_letters():
    assert tokens("日本語の文") == ["日本", "本語", "語の", "の文"]
    assert tokens("T5で翻訳") == ["t5", "で翻", "翻訳"]
    assert tokens("文") == ["文"]
    found = MemoryIndex(["日本語の文を英語に翻訳する", "株価", "猫"]).search("翻訳", 3)
    assert [hit.row for hit in found] == [0]


def test_a_small_catalog_is_searched_without_files(tmp_path: Path):
    assert isinstance(open_lexical(Texts(tmp_path / "none", tuple(GARDEN))), MemoryIndex)
    assert not (tmp_path / "none").exists()


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Texts:
    """A catalog that is large enough to be built."""
    monkeypatch.setattr(opening, "SMALL", 20)
    return Texts(tmp_path, tuple(made_texts(30)))


def test_a_large_catalog_is_built_once_and_memory_mapped(large: Texts):
    first = open_lexical(large)
    written = (large.folder / "bm25/index.json").stat().st_mtime_ns
    again = open_lexical(large)
    assert (large.folder / "bm25/index.json").stat().st_mtime_ns == written
    assert (
        again.search(QUERIES[0], 5)
        == first.search(QUERIES[0], 5)
        == BuiltIndex.build(large.texts()).search(QUERIES[0], 5)
    )
    assert isinstance(again, BuiltIndex) and isinstance(again._bm25.scores["data"], np.memmap)
    about = json.loads((large.folder / "bm25/index.json").read_text())
    assert about == {"kind": "bm25", "version": 1, "catalog": "one", "rows": 30, "words": about["words"]}


@pytest.mark.parametrize("damage", ["other texts", "other version", "cut file", "no file", "no JSON", "foreign JSON"])
def test_a_lexical_index_that_does_not_serve_is_built_again(large: Texts, damage: str):
    build_lexical(large)
    about, data = large.folder / "bm25/index.json", large.folder / "bm25/data.csc.index.npy"
    catalog = replace(large, digest="two") if damage == "other texts" else large
    match damage:
        case "other version":
            about.write_text(about.read_text().replace('"version": 1', '"version": 0'))
        case "cut file":
            data.write_bytes(data.read_bytes()[:100])
        case "no file":
            data.unlink()
        case "no JSON":
            about.write_text("{")
        case "foreign JSON":
            about.write_text("{}")
    assert open_lexical(catalog).search(QUERIES[0], 5) == BuiltIndex.build(large.texts()).search(QUERIES[0], 5)
    assert json.loads(about.read_text())["catalog"] == catalog.digest
    assert [path.name for path in large.folder.iterdir()] == ["bm25"], "nothing is left beside it"


def test_where_nothing_can_be_written_the_lexical_index_is_kept_in_memory(large: Texts, tmp_path: Path):
    file = tmp_path / "a file"
    file.write_text("")
    catalog = replace(large, folder=file)
    assert open_lexical(catalog).search(QUERIES[0], 5) == BuiltIndex.build(large.texts()).search(QUERIES[0], 5)


def one_hot(texts: Sequence[str]) -> np.ndarray:
    """A stand-in for an encoder: the first letter of each text."""
    vectors = np.zeros((len(texts), 26), dtype=np.float32)
    for row, text in enumerate(texts):
        vectors[row, ord(text[0].lower()) - ord("a")] = 1
    return vectors


def test_the_dense_index_takes_the_mean_of_several_queries():
    dense = DenseIndex(one_hot(["apple", "bee", "cat"]), one_hot)
    assert dense.search("ant", 1) == [Hit(0, 1.0)]
    assert dense.scores_of(["ant", "boat"]).tolist() == [0.5, 0.5, 0.0]


def test_fusion_is_a_weighted_sum_of_standard_scores():
    texts = ["apple tree", "bee hive", "cat house", "dog house"]
    lexical, dense = MemoryIndex(texts), DenseIndex(one_hot(texts), one_hot)

    def standard(scores: np.ndarray) -> np.ndarray:
        return (scores - scores.mean()) / scores.std()

    by_words, by_meaning = standard(lexical.scores("hive")), standard(dense.scores("dog"))
    fused = FusedIndex(lexical, dense, Weights(dense=1.0, keyphrases=0.5, query=0.25))
    got = fused.scores("dog", "hive")
    expected = standard(dense.scores_of(["dog", "hive"])) + 0.5 * by_words + 0.25 * standard(lexical.scores("dog"))
    assert got == pytest.approx(expected)
    assert fused.scores("dog") == pytest.approx(by_meaning + 0.75 * standard(lexical.scores("dog"))), (
        "the query serves for both"
    )
    assert fused.search("dog", 1, "dog") == fused.search("dog", 1)
    assert fused.scores("xyz", "xyz").tolist() == [0.0] * 4, "equal scores say nothing"


@pytest.fixture
def vectors(large: Texts, monkeypatch: pytest.MonkeyPatch) -> Texts:
    """The catalog with vectors of an encoder that is not loaded."""
    monkeypatch.setattr(opening, "FEW", 10)
    monkeypatch.setattr(opening, "find_encoder", lambda name: EncoderFiles(name, large.folder, f"digest of {name}"))
    about = opening.About(
        kind="vectors", catalog="one", rows=30, encoder="minilm", encoder_digest="digest of minilm", dimension=26, cut=0
    )
    hot = one_hot(["a"] * 30)
    opening._store(large.folder / "vectors", about, lambda folder: np.save(folder / "vectors.npy", hot))
    return large


def test_vectors_are_memory_mapped_and_no_encoder_is_loaded_for_that(vectors: Texts):
    index = opening.open_vectors(vectors)
    assert isinstance(index.vectors, np.memmap) and index.vectors.shape == (30, 26)
    with pytest.raises(EncoderUnusable):
        index.load_encoder()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("other encoder", "were made by the encoder minilm, not by this ./other"),
        ("other texts", "are of other texts than the catalog has now"),
        ("cut file", "cannot be read"),
        ("other rows", "are not those that its index.json describes"),
        ("no index", "There is no index in"),
    ],
)
def test_vectors_of_something_else_are_refused_in_one_sentence(vectors: Texts, damage: str, said: str):
    file = vectors.folder / "vectors/vectors.npy"
    catalog = replace(vectors, digest="two") if damage == "other texts" else vectors
    match damage:
        case "cut file":
            file.write_bytes(file.read_bytes()[:100])
        case "other rows":
            np.save(file, one_hot(["a"] * 29))
        case "no index":
            (vectors.folder / "vectors/index.json").unlink()
    with pytest.raises(IndexUnusable, match=said) as refused:
        opening.open_vectors(catalog, "./other" if damage == "other encoder" else "minilm")
    assert "build" in str(refused.value) and "\n" not in str(refused.value)
