"""What is known of an entry, in the few words that fit into a table."""

from __future__ import annotations

from prompt2model_stages.catalogs.entries import CatalogEntry, DatasetEntry, ModelEntry
from prompt2model_stages.catalogs.language_names import shown

SHOWN_COLUMNS = 6
"""Of a dataset, in a table."""


def languages_of(entry: CatalogEntry) -> str:
    """Their names; of a translator, from and into."""
    if isinstance(entry, ModelEntry) and entry.from_languages and entry.into_languages:
        return f"{shown(entry.from_languages, 4)} → {shown(entry.into_languages, 4)}"
    return shown(entry.languages, 4)


def size_of(entry: CatalogEntry) -> str:
    """Rows of a dataset, or the hub's category of them; bytes of a model."""
    if isinstance(entry, DatasetEntry):
        return f"{entry.rows:,} rows" if entry.rows is not None else entry.rows_between.replace("unknown", "")
    assert isinstance(entry, ModelEntry)
    return bytes_in_words(entry.size_bytes)


def bytes_in_words(size: int) -> str:
    """Such as 1.2 GB."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def made_of(entry: CatalogEntry) -> str:
    """A dataset's columns; what a model was made from."""
    if isinstance(entry, DatasetEntry):
        if entry.output_column:
            return f"{', '.join(entry.input_columns)} → {entry.output_column}"
        names = [column.name for column in entry.columns]
        return ", ".join(names[:SHOWN_COLUMNS]) + (", …" if len(names) > SHOWN_COLUMNS else "")
    return (entry.base_model or "") if isinstance(entry, ModelEntry) else ""
