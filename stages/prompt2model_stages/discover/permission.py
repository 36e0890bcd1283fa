"""Whether a dataset may be used without a person: what the demonstrations and the entry's facts say against it.

A wrong dataset does more harm than none, so every doubt refuses, and each rule explains itself in one sentence.
Whether the dataset is near enough to the instruction is ranking's question (dataset_retrieval.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from prompt2model_api.prompt2model import Demonstration
from prompt2model_stages.catalogs.entries import DatasetEntry
from prompt2model_stages.catalogs.language_names import MULTILINGUAL
from prompt2model_stages.discover.languages import ENGLISH, NAMES, detect, stranger

ANSWER_WORDS = 4
"""An output with fewer may be a name of another language."""

_DOCUMENT = re.compile(r"\[\\s\\S\]\{\d+,\}")
"""An input_pattern that says no more than that the inputs are long: such a dataset's outputs are shorter."""
_WORD = re.compile(r"[^\W\d_]{2,}|(?![a-zA-Z])[^\W\d_]")
"""Letters that a language could be told by; a single Latin letter is a symbol."""


def objection(entry: DatasetEntry, demonstrations: Sequence[Demonstration]) -> str:
    """What speaks against using the dataset unasked; empty where nothing does."""
    return _form(entry, demonstrations) or entry.usable


def differs_in_form_alone(entry: DatasetEntry, demonstrations: Sequence[Demonstration]) -> bool:
    """Whether all that speaks against the dataset is the form of its rows or their direction: a teacher can rewrite them."""
    if not demonstrations or entry.usable or entry.translates:
        return False
    return bool(_form(entry, demonstrations)) and not _language(entry, demonstrations)


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
    if entry.translates:
        return _translation(entry, demonstrations)
    return _direction(entry, demonstrations) or _language(entry, demonstrations)


def _direction(entry: DatasetEntry, demonstrations: Sequence[Demonstration]) -> str:
    """Whether the form tells the demonstrations from reversed ones: an instruction's words alone do not."""
    if not (entry.input_pattern or entry.output_pattern or entry.labels or entry.extractive):
        return "nobody has noted what its inputs and outputs look like, so they cannot be told from reversed ones"
    longer = [d for d in demonstrations if not _shortens(entry, d.input, d.output)]
    if len(longer) * 2 > len(demonstrations):
        return "its outputs are shorter than their inputs, and yours are not"
    if all(_fits(entry, d.output, d.input) for d in demonstrations):
        return "its rows have a form that your demonstrations would have in the reversed direction as well"
    return ""


def _fits(entry: DatasetEntry, given: str, output: str) -> bool:
    """Whether a pair could be one of the dataset's, by all that is known of their form."""
    if entry.extractive and output not in given:
        return False
    return entry.asks_like(given) and entry.answers_like(output) and _shortens(entry, given, output)


def _shortens(entry: DatasetEntry, given: str, output: str) -> bool:
    """Whether an output is shorter than its input, where the dataset makes long texts short; True for other datasets."""
    is_document = entry.input_pattern is not None and _DOCUMENT.fullmatch(entry.input_pattern) is not None
    return not is_document or len(output) < len(given)


def _translation(entry: DatasetEntry, demonstrations: Sequence[Demonstration]) -> str:
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
    sides = {"inputs": [d.input for d in demonstrations if not _is_told_by_form(entry.asks_like, d.input)]}
    if not entry.labels:
        sides["outputs"] = [d.output for d in demonstrations if not _is_told_by_form(entry.answers_like, d.output)]
    are = " or ".join(NAMES.get(code, code) for code in known)
    for side, texts in sides.items():
        if against := _foreign(texts, known, 1 if side == "inputs" else ANSWER_WORDS):
            return f"its {side} are in {are}, and {against}"
    if not sides["inputs"] or any(detect("\n".join(texts)).sure for texts in sides.values()):
        return ""
    return f"its inputs are in {are}, and yours are too short to tell their language: a demonstration of a few more words would"


def _foreign(texts: Sequence[str], known: Sequence[str], words: int) -> str:
    """What speaks for another language of the texts together, or of one with so many words; empty where nothing does."""
    found = detect("\n".join(texts))
    if found.sure and found.code not in known:
        return f"yours are in {NAMES.get(found.code, found.code)}"
    long = [text for text in texts if len(text.split()) >= words]
    one = next(((text, code) for text in long if (code := stranger(text, known))), None)
    return f"{one[0][:40]!r} looks like {NAMES.get(one[1], one[1])}" if one else ""


def _is_told_by_form(is_form: Callable[[str], bool], text: str) -> bool:
    """Whether a text needs no language: it has no word, or the dataset's pattern knows its very words (dates, code)."""
    other_words = _WORD.sub(lambda word: "x" * len(word[0]), text)
    return other_words == text or (is_form(text) and not is_form(other_words))
