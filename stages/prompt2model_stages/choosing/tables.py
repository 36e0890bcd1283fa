"""Candidates as lines of a table, and as the facts of a card."""

from __future__ import annotations

from prompt2model_stages.catalogs.entries import UNKNOWN, CatalogEntry
from prompt2model_stages.catalogs.language_names import shown
from prompt2model_stages.catalogs.showing import bytes_in_words, languages_of, made_of, size_of
from prompt2model_stages.choosing.offers import OfferedDataset, OfferedStudent

DATASET_HEADERS = ("name", "score", "license", "languages", "size", "columns", "reason")
STUDENT_HEADERS = ("name", "score", "license", "languages", "size", "architecture", "reason")

Fact = tuple[str, str]


def dataset_line(offered: OfferedDataset) -> list[str]:
    """The cells below DATASET_HEADERS."""
    candidate, entry, of_name = offered.candidate, offered.entry, offered.of_name
    columns = f"{', '.join(candidate.input_columns)} → {candidate.output_column}" if candidate.output_column else ""
    return [
        candidate.name,
        _score(offered.score),
        candidate.license or (of_name.license if of_name else UNKNOWN),
        languages_of(entry) if entry else "",
        size_of(entry) if entry else "",
        columns or (made_of(entry) if entry else ""),
        _recommended(candidate.reason) if candidate.recommended else candidate.reason,
    ]


def student_line(offered: OfferedStudent) -> list[str]:
    """The cells below STUDENT_HEADERS."""
    candidate, entry = offered.candidate, offered.entry
    return [
        candidate.name,
        _score(offered.score),
        candidate.license or (entry.license if entry else UNKNOWN),
        languages_of(entry) if entry else "",
        bytes_in_words(candidate.size_bytes),
        candidate.architecture.value,
        candidate.reason,
    ]


def dataset_facts(offered: OfferedDataset) -> list[Fact]:
    """What is known, a name and a value each; what is not known is left out, but for the license."""
    candidate, entry, of_name = offered.candidate, offered.entry, offered.of_name
    configs = [found.config for found in offered.entries if found.config]
    columns = ", ".join(f"{c.name} ({c.type})" if c.type else c.name for c in entry.columns) if entry else ""
    facts = [
        ("license", candidate.license or (of_name.license if of_name else UNKNOWN)),
        ("languages", shown(entry.languages) if entry else ""),
        ("size", size_of(entry) if entry else ""),
        ("columns", columns),
        ("configurations", ", ".join(configs)),
        ("tasks", ", ".join(of_name.tasks) if of_name else ""),
        *_at_the_hub(of_name),
        ("commit", (candidate.revision or "")[:12]),
        ("why", candidate.reason),
        ("why these columns", candidate.columns_reason or ""),
        ("for you to decide", candidate.undecided or ""),
    ]
    return [fact for fact in facts if fact[1]]


def student_facts(offered: OfferedStudent) -> list[Fact]:
    """What is known, a name and a value each; what is not known is left out, but for the license."""
    candidate, entry = offered.candidate, offered.entry
    safetensors = (
        {True: "yes", False: "no"}.get(entry.safetensors, "") if entry and entry.safetensors is not None else ""
    )
    facts = [
        ("license", candidate.license or (entry.license if entry else UNKNOWN)),
        ("languages", languages_of(entry) if entry else ""),
        ("size", f"{bytes_in_words(candidate.size_bytes)} of weights"),
        ("architecture", candidate.architecture.value),
        ("made from", (entry.base_model or "") if entry else ""),
        ("trained on", ", ".join(entry.trained_on) if entry else ""),
        ("safetensors", safetensors),
        ("tasks", ", ".join(entry.tasks) if entry else ""),
        *_at_the_hub(entry),
        ("commit", (candidate.revision or "")[:12]),
        ("why", candidate.reason),
    ]
    return [fact for fact in facts if fact[1]]


def description_of(offered: OfferedDataset | OfferedStudent) -> str:
    """The catalog's text of it."""
    return offered.entry.description if offered.entry else ""


def _at_the_hub(entry: CatalogEntry | None) -> list[Fact]:
    if entry is None:
        return []
    gated = "The hub asks for consent before it is downloaded." if entry.gated else ""
    return [("downloads", f"{entry.downloads:,}" if entry.downloads else ""), ("gated", gated)]


def _recommended(reason: str) -> str:
    return f"Recommended. {reason}"


def _score(score: float | None) -> str:
    return "" if score is None else f"{score:.2f}"
