"""Vectors of the shipped catalog: of its texts as they are, small, and refused with a sentence where they do not serve."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from prompt2model_stages.catalogs import shipped_vectors
from prompt2model_stages.catalogs.opening import open_datasets
from prompt2model_stages.catalogs.search import EncoderUnusable, IndexUnusable, encoders
from prompt2model_stages.catalogs.shipped_vectors import FEW, FILE, compressed, hashes_of, open_shipped
from prompt2model_stages.discover.dataset_retrieval import CatalogDatasetRetriever

pytestmark = pytest.mark.unit

TEXTS = open_datasets().texts()


def test_the_file_has_the_texts_that_are_searched_and_is_small() -> None:
    with np.load(FILE, allow_pickle=False) as stored:
        there = set(stored["hashes"].tolist())
    missing = [text for text in TEXTS if hashes_of([text])[0] not in there]
    assert len(missing) <= FEW // 4, f"run `python -m {shipped_vectors.__name__}`: {len(missing)} texts have changed"
    assert FILE.stat().st_size < 2**20


def test_a_byte_a_number_keeps_the_direction() -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 384)).astype(np.float32)
    rows, scales = compressed(vectors)
    again = rows.astype(np.float32) * scales[:, None]
    cosines = (vectors * again).sum(axis=1) / np.linalg.norm(vectors, axis=1) / np.linalg.norm(again, axis=1)
    assert rows.dtype == np.int8 and cosines.min() > 0.9999


def test_a_text_is_nearest_to_itself_changed_or_not() -> None:
    texts = [*TEXTS[:50], "Recipes of Sicilian cakes with their calories.", *TEXTS[60:]]
    index = open_shipped(texts)
    for row in (3, 50, 700):
        assert index.search(texts[row], 1)[0].row == row
    assert index.search("how many calories a cassata has", 1)[0].row == 50


def test_vectors_that_do_not_serve_are_told_and_words_alone_search(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(IndexUnusable, match="lack 101 texts"):
        open_shipped([f"text {number}" for number in range(FEW + 1)])
    other = tmp_path / "vectors.npz"
    np.savez(other, encoder="another", hashes=hashes_of(["a"]), rows=np.ones((1, 2), np.int8), scales=np.ones(1))
    with pytest.raises(IndexUnusable, match="another version of the sentence encoder"):
        open_shipped(["a"], other)
    whole = FILE.read_bytes()
    broken = whole[: len(whole) // 2], b"", whole[:300_000] + bytes(200) + whole[300_200:], b"half"
    for content in broken:
        other.write_bytes(content)
        with pytest.raises(IndexUnusable, match="cannot be read"):
            open_shipped(["a"], other)
    monkeypatch.setattr(encoders, "MINILM_PACKAGE", "not_installed_here")
    with pytest.raises(EncoderUnusable):
        open_shipped(TEXTS)
    retriever = CatalogDatasetRetriever.of(open_datasets())
    assert "searched by words alone: The sentence encoder minilm needs the package" in retriever.notes[0]
    assert retriever.retrieve("Classify movie reviews.", [], 5)


def test_an_encoder_that_cannot_be_imported_is_told_before_the_first_query(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped_vectors._loaded.cache_clear()
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    retriever = CatalogDatasetRetriever.of(open_datasets())
    (note,) = retriever.notes
    assert "searched by words alone: The sentence encoder minilm cannot be loaded" in note
    assert retriever.retrieve("Answer the question about the passage.", [], 3)
