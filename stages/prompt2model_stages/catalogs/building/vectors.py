"""The vectors of a catalog that is built: those of texts that the version before has are copied, the others are encoded.

What is encoded is kept in the folder of the build, a file for each CHUNK of texts: a build that was ended encodes the rest.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
from pydantic import ValidationError

from prompt2model_stages.catalogs.search.dense import FILE
from prompt2model_stages.catalogs.search.encoders import MINILM, EncoderFiles, Vectors, find_encoder
from prompt2model_stages.catalogs.search.opening import ABOUT, VECTORS, VERSION, About
from prompt2model_stages.catalogs.search.protocol import Searchable
from prompt2model_stages.storage import Folder

CHUNK = 1024
"""Texts: less than a minute of computing."""
_PREFIX = "vectors-"

Known = dict[bytes, Vectors]
"""Vectors, each [dimension], by the key of their text."""


@dataclass(frozen=True)
class VersionBefore:
    """The version of a catalog that is replaced. texts: in the order of its rows."""

    folder: Folder
    digest: str
    texts: list[str]


def store_vectors(
    catalog: Searchable, building: Folder, before: VersionBefore | None, told: Callable[[int], None]
) -> None:
    """Writes the vectors into the catalog's folder, where there are none yet.

    Args:
        building: where chunks are kept.
        told: is given the number of texts whose vectors are there.

    Raises: EncoderUnusable, OSError.
    """
    encoder, texts = find_encoder(), catalog.texts()
    keys = [_key(text, encoder) for text in texts]
    known = {**_of_before(before, encoder), **_of_chunks(building)}
    new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    there = len(texts) - len(new)
    told(there)
    for key, vector in _encoded(new, encoder, building, lambda done: told(there + done)):
        known[key] = vector
    vectors = np.stack([known[key] for key in keys])
    folder = catalog.folder / VECTORS
    folder.mkdir()
    np.save(folder / FILE, vectors)
    about = About(
        kind="vectors", catalog=catalog.digest, rows=len(texts), encoder=MINILM, encoder_digest=encoder.digest,
        dimension=vectors.shape[1],
    )  # fmt: skip
    (folder / ABOUT).write_text(about.model_dump_json(exclude_none=True, indent=1) + "\n", "utf-8")


def _key(text: str, encoder: EncoderFiles) -> bytes:
    return hashlib.sha256(f"{encoder.digest}\0{text}".encode()).digest()


def _of_before(before: VersionBefore | None, encoder: EncoderFiles) -> Known:
    """Those of the version before; none where it has none, or those of another encoder."""
    if before is None:
        return {}
    try:
        with (before.folder / VECTORS).as_local() as folder:
            about = About.model_validate_json((folder / ABOUT).read_bytes())
            vectors = np.load(folder / FILE, mmap_mode="r")
    except (FileNotFoundError, ValidationError, ValueError, EOFError):
        return {}
    made = (about.version, about.catalog, about.encoder_digest, (about.rows, about.dimension))
    wanted = (VERSION, before.digest, encoder.digest, vectors.shape)
    if made != wanted or vectors.dtype != np.float32 or len(before.texts) != about.rows:
        return {}
    return {_key(text, encoder): vector for text, vector in zip(before.texts, vectors, strict=True)}


def _of_chunks(building: Folder) -> Known:
    """Those that an ended build kept."""
    found: Known = {}
    for name in building.names():
        if not name.startswith(_PREFIX):
            continue
        try:
            chunk = np.load(io.BytesIO(building.read_bytes(name)))
            found |= {key.tobytes(): vector for key, vector in zip(chunk["keys"], chunk["vectors"], strict=True)}
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile):
            continue  # not whole: encoded again
    return found


def _encoded(
    new: dict[bytes, str], encoder: EncoderFiles, building: Folder, told: Callable[[int], None]
) -> Iterable[tuple[bytes, Vectors]]:
    """Encodes texts and keeps each chunk, those of like length in one."""
    if not new:
        return
    loaded, order = encoder.load(), sorted(new, key=lambda key: len(new[key]))
    for start in range(0, len(order), CHUNK):
        keys = order[start : start + CHUNK]
        vectors, _ = loaded.documents([new[key] for key in keys], partial(_further, told, start))
        content = io.BytesIO()
        np.savez(content, keys=np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), -1), vectors=vectors)
        building.write_bytes(f"{_PREFIX}{keys[0].hex()[:16]}.npz", content.getvalue())
        yield from zip(keys, vectors, strict=True)


def _further(told: Callable[[int], None], start: int, done: int) -> None:
    told(start + done)
