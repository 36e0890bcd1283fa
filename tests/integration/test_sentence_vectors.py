"""MiniLM loaded with transformers alone gives the vectors of sentence-transformers."""

from __future__ import annotations

import numpy as np
import pytest

from prompt2model_stages.catalogs.search.encoders import find_encoder

pytestmark = pytest.mark.integration

TEXTS = ["Translate German sentences into English.", "夏の思い出", "", "word " * 400]


def test_the_vectors_are_those_of_sentence_transformers() -> None:
    from sentence_transformers import SentenceTransformer

    files = find_encoder("minilm")
    expected = SentenceTransformer(str(files.folder), device="cpu").encode(TEXTS, normalize_embeddings=True)
    assert files.tokens == 256
    assert files.load().queries(TEXTS) == pytest.approx(np.asarray(expected), abs=1e-5)
