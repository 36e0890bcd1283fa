"""Opens and builds the indexes of a catalog, which are stored in its folder: `bm25/` and `vectors/`.

Each has an index.json that says of what it was made. An index of other texts, another version or another encoder is not used.
The lexical one is built again, in seconds; vectors take minutes of computing for a large catalog, so only `build_vectors` makes
them, except for FEW texts. An index is written beside its place and then moved there, so it is whole or not there.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from prompt2model_stages.catalogs.search import dense, words
from prompt2model_stages.catalogs.search.bert_queries import BertQueries
from prompt2model_stages.catalogs.search.dense import DenseIndex
from prompt2model_stages.catalogs.search.encoders import (
    MINILM,
    EncoderFiles,
    SentenceEncoder,
    find_encoder,
)
from prompt2model_stages.catalogs.search.lexical import BuiltIndex, LexicalIndex, MemoryIndex
from prompt2model_stages.catalogs.search.protocol import IndexUnusable, Searchable

logger = logging.getLogger(__name__)

LEXICAL = "bm25"
VECTORS = "vectors"
ABOUT = "index.json"
VERSION = 1
SMALL = 1000
"""Texts up to which rank-bm25 answers in a few milliseconds, and nothing is stored."""
FEW = 200
"""Texts that are encoded when they are needed: about a second."""


class About(BaseModel):
    """What an index was made of.

    catalog: the digest of the catalog whose texts it has.
    words: of a lexical index: the version of the words and stems.
    encoder, encoder_digest, dimension, cut: of vectors; cut: texts that were longer than the encoder reads.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["bm25", "vectors"]
    version: int = VERSION
    catalog: str
    rows: int
    words: int | None = None
    encoder: str | None = None
    encoder_digest: str | None = None
    dimension: int | None = None
    cut: int | None = None


def open_lexical(catalog: Searchable) -> LexicalIndex:
    """The lexical index of a catalog; where that on disk does not serve, it is built again, and kept where that can be written."""
    try:
        return _stored_lexical(catalog)  # without reading the texts
    except IndexUnusable as error:
        texts = catalog.texts()
        if len(texts) <= SMALL:
            return MemoryIndex(texts)
        logger.info("%s It is built again.", error)
    try:
        return build_lexical(catalog)
    except (OSError, IndexUnusable) as error:  # another process may be storing one there, too
        logger.warning("The lexical index cannot be kept in %s: %s", catalog.folder, error)
        return BuiltIndex.build(texts)


def build_lexical(catalog: Searchable) -> LexicalIndex:
    """Builds and stores the lexical index of a catalog. Raises: OSError."""
    texts = catalog.texts()
    about = About(kind="bm25", catalog=catalog.digest, rows=len(texts), words=words.VERSION)
    _store(catalog.folder / LEXICAL, about, BuiltIndex.build(texts).save)
    return _stored_lexical(catalog)


def build_vectors(catalog: Searchable, encoder: str = MINILM, told: Callable[[int], None] | None = None) -> About:
    """Encodes the texts of a catalog and stores the vectors.

    Args:
        catalog: the vectors are written into its folder.
        encoder: see `find_encoder`.
        told: is given the number of texts that are done.

    Raises: EncoderUnusable, OSError.
    """
    texts, loaded = catalog.texts(), find_encoder(encoder).load()
    vectors, cut = loaded.documents(texts, told)
    if cut:
        logger.info("%d of %d texts are longer than %s reads: their ends are left out.", cut, len(texts), encoder)
    about = About(
        kind="vectors",
        catalog=catalog.digest,
        rows=len(texts),
        encoder=encoder,
        encoder_digest=loaded.files.digest,
        dimension=loaded.dimension,
        cut=cut,
    )
    _store(catalog.folder / VECTORS, about, lambda folder: np.save(folder / dense.FILE, vectors))
    return about


def has_vectors(catalog: Searchable) -> bool:
    """Whether a catalog was built with vectors, of whatever they are."""
    return (catalog.folder / VECTORS / ABOUT).is_file()


def open_vectors(catalog: Searchable, encoder: str | None = None) -> DenseIndex:
    """The vectors of a catalog. The encoder is loaded at the first query, or where FEW texts are to be encoded now.

    Args:
        catalog: whose vectors.
        encoder: see `find_encoder`; by default the one that made the vectors, or `minilm` where there are none.

    Raises: IndexUnusable, EncoderUnusable.
    """
    if encoder is None:
        encoder = (_about(catalog.folder / VECTORS, "vectors").encoder if has_vectors(catalog) else None) or MINILM
    files = find_encoder(encoder)
    try:
        return _stored_vectors(catalog, files)  # without reading the texts
    except IndexUnusable:
        texts = catalog.texts()
        if len(texts) > FEW:
            raise
    return DenseIndex.build(texts, _loaded(files))


def _stored_lexical(catalog: Searchable) -> BuiltIndex:
    folder = catalog.folder / LEXICAL
    about = _about(folder, "bm25")
    if (about.version, about.words, about.catalog) != (VERSION, words.VERSION, catalog.digest):
        raise IndexUnusable(f"The lexical index in {folder} is of other texts or of another version.")
    try:
        index = BuiltIndex.load(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IndexUnusable(f"The lexical index in {folder} cannot be read ({error}).") from error
    if index.rows != about.rows:
        raise IndexUnusable(f"The lexical index in {folder} is not the one that its {ABOUT} describes.")
    return index


def _stored_vectors(catalog: Searchable, files: EncoderFiles) -> DenseIndex:
    folder = catalog.folder / VECTORS
    about = _about(folder, "vectors")
    if about.encoder_digest != files.digest:
        raise IndexUnusable(
            f"The vectors in {folder} were made by the encoder {about.encoder}, not by this {files.name}: "
            f"{_AGAIN}, or name that encoder."
        )
    if (about.version, about.catalog) != (VERSION, catalog.digest):
        raise IndexUnusable(f"The vectors in {folder} are of other texts than the catalog has now: {_AGAIN}.")
    try:
        index = DenseIndex.load(folder, lambda texts: _of_queries(files).queries(texts))
    except (OSError, ValueError) as error:
        raise IndexUnusable(f"The vectors in {folder} cannot be read ({error}): {_AGAIN}.") from error
    if index.vectors.shape != (about.rows, about.dimension) or index.vectors.dtype != np.float32:
        raise IndexUnusable(f"The vectors in {folder} are not those that its {ABOUT} describes: {_AGAIN}.")
    return index


_AGAIN = "build the catalog's vectors again"


@cache
def _loaded(files: EncoderFiles) -> SentenceEncoder:
    """One encoder serves all catalogs of a process."""
    return files.load()


@cache
def _of_queries(files: EncoderFiles) -> SentenceEncoder | BertQueries:
    """What encodes queries: without PyTorch, where that gives the same vectors."""
    return BertQueries(files) if files.name == MINILM else _loaded(files)


def _about(folder: Path, kind: str) -> About:
    try:
        about = About.model_validate_json((folder / ABOUT).read_bytes())
    except FileNotFoundError as error:
        raise IndexUnusable(f"There is no index in {folder}: build it.") from error
    except (OSError, ValidationError) as error:
        raise IndexUnusable(f"{folder / ABOUT} cannot be read: build the index again.") from error
    if about.kind != kind:
        raise IndexUnusable(f"{folder} holds an index of another kind ({about.kind}): build it again.")
    return about


def _store(folder: Path, about: About, write: Callable[[Path], None]) -> None:
    """Writes an index beside its place, then moves it there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        partial.chmod(0o755)
        write(partial)
        (partial / ABOUT).write_text(about.model_dump_json(exclude_none=True, indent=1) + "\n", "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
