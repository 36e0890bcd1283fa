"""MiniLM loaded with transformers alone gives the vectors of sentence-transformers."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from prompt2model_stages.catalogs.search.bert_queries import BertQueries
from prompt2model_stages.catalogs.search.encoders import find_encoder

pytestmark = pytest.mark.integration

TEXTS = ["Translate German sentences into English.", "夏の思い出", "", "word " * 400]


def test_the_vectors_are_those_of_sentence_transformers() -> None:
    from sentence_transformers import SentenceTransformer

    files = find_encoder("minilm")
    expected = SentenceTransformer(str(files.folder), device="cpu").encode(TEXTS, normalize_embeddings=True)
    assert files.tokens == 256
    assert files.load().queries(TEXTS) == pytest.approx(np.asarray(expected), abs=1e-5)
    assert BertQueries(files).queries(TEXTS) == pytest.approx(np.asarray(expected), abs=1e-5), "without PyTorch"


def test_a_search_by_meaning_imports_no_pytorch() -> None:
    code = (
        "import sys; from prompt2model_stages.catalogs.opening import open_datasets as o;"
        "from prompt2model_stages.discover.dataset_retrieval import CatalogDatasetRetriever as R;"
        "r = R.of(o()); assert not r.notes; r.retrieve('Find recipes.', [], 5); print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "False"
