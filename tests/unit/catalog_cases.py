"""Small catalogs for tests, written as `p2m catalog build` leaves them."""

from __future__ import annotations

import json
from pathlib import Path

from prompt2model_api.base import Architecture
from prompt2model_stages.catalogs.entries import CatalogEntry, DatasetEntry, Kind, ModelEntry, TypedColumn
from prompt2model_stages.catalogs.opening import ENTRIES, POINTER, Pointer
from prompt2model_stages.catalogs.schema import SCHEMA, write_entries
from prompt2model_stages.storage import sha256_of_file

MADE_AT = "2026-11-26T00:00:00Z"
FLOWERS = DatasetEntry(
    name="a/flowers", description="Flowers with their colours.", license="mit", downloads=3, hand_written=False, rows=7,
    columns=[TypedColumn(name="flower", type="string")], languages=["en"], tasks=["text-classification"], gated=False,
)  # fmt: skip
PAINTER = ModelEntry(
    name="a/painter", description="Paints houses.", license="mit", downloads=1, size_bytes=5, hand_written=False,
    architecture=Architecture.ENCODER_DECODER, from_languages=["en"], into_languages=["de"], safetensors=True,
)  # fmt: skip


def built(root: Path, kind: Kind, entries: list[CatalogEntry], **pointed: object) -> Path:
    """A catalog as `p2m catalog build` leaves it. Returns the file with the entries."""
    folder = root / kind.value / "v-1"
    folder.mkdir(parents=True)
    write_entries(folder / ENTRIES, kind, entries, MADE_AT, "a test")
    facts: dict[str, object] = {
        "catalog_schema": SCHEMA, "kind": kind, "folder": "v-1", "digest": sha256_of_file(folder / ENTRIES), "made_at": MADE_AT,
        "rows": len(entries), "source": "a test",
    }  # fmt: skip
    pointer = Pointer.model_construct(**(facts | pointed))
    (root / kind.value / POINTER).write_text(json.dumps(pointer.model_dump(mode="json", by_alias=True)))
    return folder / ENTRIES
