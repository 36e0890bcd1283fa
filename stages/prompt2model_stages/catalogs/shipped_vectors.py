"""Vectors of the shipped catalog of datasets: a byte a number, with a scale a row, 0.7 MB; in 32 bits once they are loaded.

    python -m prompt2model_stages.catalogs.shipped_vectors      # makes the file anew, after texts have changed

Each row has the hash of its text. A text that has changed since, or is new, is encoded when the catalog is opened; where
these are more than FEW, the vectors do not serve. Students are ranked by words and facts, so models have no vectors.
"""

from __future__ import annotations

import hashlib
import logging
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from prompt2model_stages.catalogs.catalog import HERE
from prompt2model_stages.catalogs.entries import DatasetEntry, Kind
from prompt2model_stages.catalogs.opening import SHIPPED, Catalog, open_datasets
from prompt2model_stages.catalogs.search import has_vectors, open_vectors
from prompt2model_stages.catalogs.search.bert_queries import BertQueries
from prompt2model_stages.catalogs.search.dense import DenseIndex
from prompt2model_stages.catalogs.search.encoders import MINILM, Vectors, find_encoder
from prompt2model_stages.catalogs.search.protocol import IndexUnusable

FILE = HERE / "shipped" / "datasets-vectors.npz"
MODULE = "prompt2model_stages.catalogs.shipped_vectors"
FEW = 100
"""Texts that are encoded when the catalog is opened: about a second."""


def open_dense(catalog: Catalog[DatasetEntry]) -> DenseIndex | None:
    """The vectors of a catalog, built or shipped, with their encoder loaded; None where it has none.

    Raises: IndexUnusable, EncoderUnusable.
    """
    if has_vectors(catalog):
        index = open_vectors(catalog)
        index.load_encoder()
        return index
    is_shipped = catalog.uri == SHIPPED and catalog.kind is Kind.DATASETS
    return open_shipped(catalog.texts()) if is_shipped else None


def open_shipped(texts: Sequence[str], file: Path = FILE) -> DenseIndex:
    """The index of the shipped texts, its encoder loaded: one that does not serve is told before the first query.

    Raises: IndexUnusable, EncoderUnusable.
    """
    files = find_encoder(MINILM)
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
            made_by, hashes = str(stored["encoder"]), stored["hashes"].tolist()
            known = stored["rows"].astype(np.float32) * stored["scales"][:, None]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise IndexUnusable(f"The shipped vectors cannot be read ({error}).") from error
    if made_by != files.digest:
        raise IndexUnusable("The shipped vectors were made by another version of the sentence encoder minilm.")
    places = {number: place for place, number in enumerate(hashes)}
    found = [places.get(number) for number in hashes_of(texts).tolist()]
    missing = [row for row, place in enumerate(found) if place is None]
    if len(missing) > FEW:
        raise IndexUnusable(f"The shipped vectors lack {len(missing)} texts: run `python -m {MODULE}`.")
    encoder = _loaded()
    vectors = known[[place or 0 for place in found]]
    if missing:
        vectors[missing] = encoder.queries([texts[row] for row in missing])
    return DenseIndex(vectors, encoder.queries)


def write_shipped(texts: Sequence[str], file: Path = FILE) -> None:
    """Encodes the texts, and writes the vectors. Raises: EncoderUnusable, OSError."""
    files = find_encoder(MINILM)
    rows, scales = compressed(files.load().documents(texts)[0])
    np.savez_compressed(file, encoder=files.digest, hashes=hashes_of(texts), rows=rows, scales=scales)


def compressed(vectors: Vectors) -> tuple[npt.NDArray[np.int8], Vectors]:
    """A byte a number, [n, dimension], and each row's scale, [n]."""
    scales = np.abs(vectors).max(axis=1) / 127
    return np.round(vectors / scales[:, None]).astype(np.int8), scales.astype(np.float32)


def hashes_of(texts: Sequence[str]) -> npt.NDArray[np.uint64]:
    """64 bits of each text's SHA-256, [n]."""
    digests = [hashlib.sha256(text.encode()).digest()[:8] for text in texts]
    return np.asarray([int.from_bytes(digest, "big") for digest in digests], dtype=np.uint64)


@cache
def _loaded() -> BertQueries:
    """One encoder serves a process."""
    return BertQueries(find_encoder(MINILM))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    write_shipped(open_datasets().texts())
