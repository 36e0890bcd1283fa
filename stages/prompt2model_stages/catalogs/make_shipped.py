"""Makes the shipped catalogs out of two listings of the Hugging Face hub.

    python -m prompt2model_stages.catalogs.make_shipped --datasets hf_datasets.jsonl.xz --models hf_models.jsonl.xz

The listings are JSON lines, of datasets as the hub's API gives them, and of models with pretrained_model_name, size_bytes,
downloads and description (the whole card). What goes into the catalogs are facts: names, tags, what stands in a card's front
matter, and the base model that a card links to where the Trainer wrote it. No sentence of a card is copied.
"""

from __future__ import annotations

import argparse
import json
import logging
import lzma
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from prompt2model_api.base import Architecture
from prompt2model_stages.catalogs.entries import CatalogEntry, DatasetEntry, Kind, ModelEntry
from prompt2model_stages.catalogs.facts import dataset_entry, model_entry
from prompt2model_stages.catalogs.opening import shipped_file
from prompt2model_stages.catalogs.schema import write_entries

logger = logging.getLogger(__name__)

MADE_AT = "2023-07-01T00:00:00Z"
SOURCE = "https://huggingface.co, mid 2023"

_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
_BASE = re.compile(r"fine-?tuned version of \[([\w.-]+(?:/[\w.-]+)?)\]\(https://huggingface\.co/")


def front_matter(card: str) -> dict[str, Any]:
    """The YAML at the head of a card; empty where there is none, or none that can be read."""
    found = _FRONT_MATTER.match(card)
    try:
        tree = yaml.safe_load(found[1]) if found else None
    except (yaml.YAMLError, ValueError):
        return {}
    return tree if isinstance(tree, dict) else {}


def dataset_of(row: dict[str, Any]) -> DatasetEntry:
    """A dataset of the hub's listing."""
    tags, known_as = list(row["tags"]), row.get("paperswithcode_id")
    tags += [known_as] if known_as and known_as not in row["id"] else []
    card = row.get("cardData") or {}
    return dataset_entry(row["id"], tags, card, downloads=row["downloads"], gated=bool(row["gated"]))


def model_of(row: dict[str, Any]) -> ModelEntry:
    """A model of the listing with whole cards."""
    card = row["description"] or ""
    linked = _BASE.search(card)
    return model_entry(
        row["pretrained_model_name"],
        [],
        front_matter(card),
        architecture=Architecture.ENCODER_DECODER,
        size_bytes=row["size_bytes"],
        downloads=row["downloads"],
        base_model=linked[1] if linked else None,
    )


LEAST_BYTES = 1000
"""Weights that are smaller are a pointer to a file that nobody uploaded."""


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file of JSON lines, .xz or plain."""
    with lzma.open(path, "rt", encoding="utf-8") if path.suffix == ".xz" else path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    options = parser.parse_args(arguments)
    made: dict[Kind, list[CatalogEntry]] = {
        Kind.DATASETS: [dataset_of(row) for row in rows_of(options.datasets)],
        Kind.MODELS: [model_of(row) for row in rows_of(options.models) if row["size_bytes"] >= LEAST_BYTES],
    }
    for kind, entries in made.items():
        file = shipped_file(kind)
        file.parent.mkdir(exist_ok=True)
        write_entries(file, kind, sorted(entries, key=lambda entry: entry.name), MADE_AT, SOURCE)
        logger.info("%s: %d %s, %.2f MB", file.name, len(entries), kind.value, file.stat().st_size / 1e6)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
