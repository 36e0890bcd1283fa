"""Whether a dataset may be used without a person: what the demonstrations and the entry's facts say against it.

A wrong dataset does more harm than none, so every doubt refuses, and each rule explains itself in one sentence.
Whether the dataset is near enough to the instruction is ranking's question (dataset_retrieval.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from prompt2model_api.prompt2model import Demonstration
from prompt2model_stages.catalogs.entries import DatasetEntry
from prompt2model_stages.discover.languages import ENGLISH, NAMES, detect

MULTILINGUAL = "multilingual"


def objection(entry: DatasetEntry, demonstrations: Sequence[Demonstration]) -> str:
    """What speaks against using the dataset unasked; empty where nothing does."""
    return _form(entry, demonstrations) or entry.usable


def _form(entry: DatasetEntry, demonstrations: Sequence[Demonstration]) -> str:
    """What the demonstrations say against the dataset's outputs; empty where nothing."""
    if not demonstrations:
        return "without demonstrations in the prompt, nobody can tell whether its outputs are what you want"
    if (other := next((d.output for d in demonstrations if not entry.answers_like(d.output)), None)) is not None:
        return f"its outputs do not look like {other[:40]!r}"
    if (
        entry.extractive
        and (new := next((d.output for d in demonstrations if d.output not in d.input), None)) is not None
    ):
        return f"its outputs are parts of their inputs, and {new[:40]!r} is none"
    strange = [d.input for d in demonstrations if not entry.asks_like(d.input)]
    if len(strange) * 2 > len(demonstrations):  # people vary their inputs more than a dataset does
        return f"its inputs do not look like {strange[0][:40]!r}"
    return _direction(entry, demonstrations) if entry.translates else _language(entry, demonstrations)


def _direction(entry: DatasetEntry, demonstrations: Sequence[Demonstration]) -> str:
    """What the demonstrations' languages say against a translation dataset: words alone do not tell from and into."""
    assert entry.translates is not None
    texts = "\n".join(d.input for d in demonstrations), "\n".join(d.output for d in demonstrations)
    sure = [(detect(text), wanted) for text, wanted in zip(texts, entry.translates, strict=True)]
    if all(found.sure and found.code == wanted for found, wanted in sure):
        return ""
    from_, into = (NAMES.get(code, code) for code in entry.translates)
    return f"it translates from {from_} into {into}, and your demonstrations do not plainly do that"


def _language(entry: DatasetEntry, demonstrations: Sequence[Demonstration]) -> str:
    """What the demonstrations' languages say against a dataset that does not translate; English where it names none."""
    known = entry.languages or [ENGLISH]
    if MULTILINGUAL in known:
        return ""
    sides = {"inputs": [d.input for d in demonstrations]}
    if not entry.labels:
        sides["outputs"] = [d.output for d in demonstrations]
    for side, texts in sides.items():
        found = detect("\n".join(texts))
        if found.sure and found.code not in known:
            are = " or ".join(NAMES.get(code, code) for code in known)
            return f"its {side} are in {are}, and yours are in {NAMES.get(found.code, found.code)}"
    return ""
