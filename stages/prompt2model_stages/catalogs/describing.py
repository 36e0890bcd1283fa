"""The searched text of an entry, composed of facts by one template: no sentence of a card is in it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from prompt2model_stages.catalogs.entries import UNKNOWN
from prompt2model_stages.catalogs.language_names import shown

_SHORT = {
    "qg": "question generation",
    "qa": "question answering",
    "qag": "question answer generation",
    "ae": "answer extraction",
    "mt": "machine translation",
    "nmt": "machine translation",
    "gec": "grammatical error correction",
    "nli": "natural language inference",
    "ner": "named entity recognition",
    "absa": "aspect based sentiment analysis",
    "pos": "part of speech",
    "sum": "summarization",
    "summ": "summarization",
    "txt2sql": "text to SQL",
    "text2sql": "text to SQL",
    "nl2sql": "question to SQL",
    "nl2bash": "description to bash command",
}
"""What people write short in the names of models and datasets."""
MOST_WORDS = 24


def words_of(name: str) -> str:
    """The words that a name is made of: split at hyphens, points and capitals, what is short written out."""
    own = name.rpartition("/")[2]
    parts = re.split(r"[-_.\s]+", re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", own))
    found: dict[str, None] = {}
    for part in parts:
        if len(part) > 1:
            found.setdefault(part)
            if (whole := _SHORT.get(part.lower())) is not None:
                found.setdefault(whole)
    return " ".join(list(found)[:MOST_WORDS])


def listed(label: str, values: Sequence[str], most: int = 12) -> str:
    """A sentence with the values; empty where there are none."""
    kept = list(dict.fromkeys(value.replace("-", " ").replace("_", " ").strip() for value in values))
    return f"{label}: {', '.join(kept[:most])}." if kept else ""


def describe_model(
    name: str,
    tasks: Sequence[str],
    languages: Sequence[str],
    direction: tuple[Sequence[str], Sequence[str]],
    base_model: str | None,
    trained_on: Sequence[str],
    metrics: Sequence[str],
    tags: Sequence[str],
) -> str:
    """The searched text of a model."""
    from_, into = (list(codes) for codes in direction)
    says = f"Translates from {shown(from_)} into {shown(into)}." if from_ and into else ""
    return _joined(
        f"{words_of(name)}.",
        says,
        listed("Task", tasks),
        "" if says else _of(languages),
        f"Fine-tuned from {words_of(base_model)}." if base_model and base_model != name else "",
        listed("Trained on", [words_of(dataset) for dataset in trained_on]),
        listed("Measured by", metrics, most=6),
        listed("Tags", tags),
    )


def describe_dataset(
    name: str,
    tasks: Sequence[str],
    languages: Sequence[str],
    sources: Sequence[str],
    columns: Sequence[str],
    tags: Sequence[str],
    also: str = "",
) -> str:
    """The searched text of a dataset. also: what its owner says of it, where a catalog is made for one's own use."""
    return _joined(
        f"{words_of(name)}.",
        listed("Task", tasks),
        _of(languages),
        listed("Made from", sources),
        listed("Columns", columns),
        listed("Tags", tags),
        also,
    )


def _of(languages: Sequence[str]) -> str:
    codes = [code for code in languages if code != UNKNOWN]
    return f"In {shown(codes)}." if codes else ""


def _joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)
