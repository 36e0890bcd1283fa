"""What a task needs of a student, what a model is by its facts, and how far the two fit.

The search by words does not see a direction, a language or what a model was tuned for. Facts are the model's name, its tags, the
languages of its catalog entry and what it was trained on (docs/decisions/0084).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

from prompt2model_api.prompt2model import Demonstration
from prompt2model_stages.catalogs.entries import UNKNOWN, ModelEntry
from prompt2model_stages.discover.languages import ENGLISH, NAMES, detect
from prompt2model_stages.discover.task_kinds import (
    ANSWERS,
    CODE,
    CODE_SUMMARY,
    DIALOGUE,
    GRAMMAR,
    KEYWORDS,
    PARAPHRASE,
    POLITE,
    QUESTIONS,
    RELATIONS,
    SQL,
    SUMMARY,
    TRANSLATION,
    task_kind,
)  # fmt: skip

OTHER, EMOTION, BIOMEDICAL = "no text-to-text task", "emotion classification", "biomedical texts"

_KINDS = (
    (
        OTHER,
        r"image|caption|\bblip|pix2struct|deplot|matcha|protein|prot_t5|uniref|music|speech|(?:tiny|dummy)[-_]?\w*[-_]?random",
    ),
    (SQL, r"sql|spider"),
    (QUESTIONS, r"question.?gen|(?:^|[-_/ ])qg(?:$|[-_ ])"),
    (CODE_SUMMARY, r"multi-sum|summarize code|code.{0,9}(?:summar|document|comment)"),
    (CODE, r"code(?!\w*r-only)(?:t5|gen|trans|x|bert)|python|javascript|program|source code|[-_]coder?[-_]"),
    (POLITE, r"detox|toxic|polite"),
    (GRAMMAR, r"gramm[ae]r|jfleg|\bgec\b|spell|error.?correct"),
    (RELATIONS, r"rebel|relation|triplet"),
    (KEYWORDS, r"common.?gen|keytotext|keyword.?to|concepts"),
    (EMOTION, r"emotion"),
    (DIALOGUE, r"blenderbot|dialo|chatbot|conversational|conversation"),
    (PARAPHRASE, r"paraphras|\bpaws\b|parrot"),
    (TRANSLATION, r"translat|opus-mt|\bnllb|m2m100|\bwmt\d|many-to-many|[-_]mmt\b|marian"),
    (SUMMARY, r"summar|xsum|xlsum|cnn|pegasus|headline|title.?gen|samsum|gigaword|multi.?news"),
    (BIOMEDICAL, r"scifive|biomedical|pubmed"),
    (ANSWERS, r"unifiedqa|question.?answer|(?:^|[-_/ ])qa(?:$|[-_ ])|squad"),
)
"""Kind and how a model's name and tags name it; the first that matches counts."""

_SIZE = r"(?:[-_](?:tiny|mini|small|base|medium|large|xl|xxl|\d+(?:\.\d+)?[bm]))"
_MANY, _LATIN, _ENGLISH = frozenset[str](), frozenset({ENGLISH, "fr", "de", "ro"}), frozenset({ENGLISH})
_GENERAL = (
    (rf"flan-t5{_SIZE}|T0.*|t0.*", True, _LATIN),
    (rf"tk-instruct{_SIZE}.*", False, _LATIN),  # it follows its own form of definition and examples alone
    (r"(?:SmolLM2-\w+(?:\.\w+)?|TinyLlama-.*)-(?:Instruct|Chat-v[\d.]+)", True, _ENGLISH),
    (r"Qwen2[\d.]*-[\d.]+B-Instruct|Qwen3-[\d.]+B", True, _MANY),
    (r"Qwen2?[\d.]*-[\d.]+B|Qwen3-[\d.]+B-Base", False, _MANY),
    (rf"(?:mt5|umt5|byt5|mbart-large|bloomz?|mt0){_SIZE}?(?:[-_](?:cc25|50))?", False, _MANY),
    (rf"t5{_SIZE}", False, _LATIN),
    (
        rf"(?:t5-v1_1|t5-efficient|long-t5-tglobal|bart|led|pegasus){_SIZE}(?:-lm-adapt|-16384)?|t5-base-lm-adapt",
        False,
        _ENGLISH,
    ),
    (r"SmolLM2-\w+(?:\.\w+)?|pythia-.*|(?:distil)?gpt2(?:-medium|-large)?|gpt-neo-\w+", False, _ENGLISH),
)
"""Families of general models by name, whether they follow instructions, and their languages; none: many."""

_TO_LANGUAGE = re.compile(r"\b(?:in|into|to)\s+(?:\w+\s+)?(" + "|".join(NAMES.values()) + r")\b")
_PAIR = re.compile(
    rf"\b({'|'.join(NAMES.values())})\b[^.]*?\b(?:into|to|→)\s+(?:\w+\s+)?({'|'.join(NAMES.values())})\b"
)
_CODES = {name: code for code, name in NAMES.items()}
_PARTS = {"roa": {"fr", "es", "it", "pt", "ro", "ca"}, "gem": {"de", "nl", "sv", "da", "no", "en"}, "mul": set(NAMES)}
"""Families of languages that translators are named by."""


class Fit(IntEnum):
    """How far a model fits a task; the least comes first."""

    SAME_TASK = 0
    INSTRUCTED = 1
    GENERAL = 2
    UNKNOWN_TASK = 3
    OTHER_TASK = 4
    OTHER_LANGUAGE = 5


@dataclass(frozen=True)
class TaskFacts:
    """What a task needs. kind: of task_kinds or empty. reads, writes: ISO 639-1 codes; None: not known."""

    kind: str = ""
    reads: str | None = None
    writes: str | None = None


@dataclass(frozen=True)
class Judged:
    """How far a model fits, and why in a sentence without its end."""

    fit: Fit
    why: str


def task_facts(instruction: str, demonstrations: Sequence[Demonstration] = ()) -> TaskFacts:
    """Kind and languages of a task. instruction: in English. The instruction's own words go before what is detected."""
    kind = task_kind(instruction)
    reads = _sure_language(one.input for one in demonstrations)
    writes = _sure_language(one.output for one in demonstrations)
    if pair := _PAIR.search(instruction):
        reads, writes = _CODES[pair[1]], _CODES[pair[2]]
    elif into := _TO_LANGUAGE.search(instruction):
        writes = _CODES[into[1]]
    translates = reads is not None and writes is not None and reads != writes
    if not kind and translates and _PAIR.search(instruction):
        kind = TRANSLATION
    if kind == TRANSLATION and reads is not None and reads == writes:
        kind = ""
    if kind in (CODE, SQL, CODE_SUMMARY):
        reads, writes = (None, writes) if kind == CODE_SUMMARY else (reads, None)
    return TaskFacts(kind, reads, writes)


def judge(task: TaskFacts, model: ModelEntry) -> Judged:
    """How far a model fits a task by its facts."""
    general = general_family(model.name)
    if general is not None:
        return _judged_general(task, *general, model)
    kind = model_kind(model)
    if kind == TRANSLATION and task.kind == TRANSLATION:
        return _judged_translator(task, model)
    spoken = spoken_languages(model)
    missing = [code for code in (task.reads, task.writes) if code and spoken and code not in spoken]
    if missing:
        return Judged(Fit.OTHER_LANGUAGE, f"it is not known to handle {_named(missing)}, which the task needs")
    if not kind:
        return Judged(Fit.UNKNOWN_TASK, "what it was tuned for is not known")
    if kind != task.kind and (kind, task.kind) != (CODE, CODE_SUMMARY):
        return Judged(Fit.OTHER_TASK, f"it was tuned for {kind}, which is another task")
    needed = [code for code in (task.reads, task.writes) if code and code != ENGLISH]
    if spoken is None and needed:
        return Judged(Fit.UNKNOWN_TASK, f"its languages are not known, and the task needs {_named(needed)}")
    return Judged(Fit.SAME_TASK, f"it was tuned for {kind}, the task's kind")


def marks(model: ModelEntry) -> str:
    """What a person should know before it is downloaded, with a space before; empty where there is nothing."""
    found = []
    if model.gated:
        found.append("Gated: the hub asks for consent.")
    if model.safetensors is False:
        found.append("It has no safetensors.")
    if model.license == UNKNOWN:
        found.append("Its license is unknown.")
    return "".join(f" {one}" for one in found)


@cache
def general_family(name: str) -> tuple[bool, frozenset[str]] | None:
    """Whether a general model follows instructions, and its languages; None for any other model."""
    own = re.sub(r"^embedded:", "", name).rpartition("/")[2]
    return next(((follows, languages) for pattern, follows, languages in _GENERAL if re.fullmatch(pattern, own)), None)


def model_kind(model: ModelEntry) -> str:
    """What a model was tuned for; empty where neither its name, its tags nor its description say it."""
    texts = (" ".join([model.name, *model.tasks]), " ".join([model.description, *model.trained_on]))
    return next((kind for text in texts for kind, own in _KINDS if re.search(own, text, re.IGNORECASE)), "")


def spoken_languages(model: ModelEntry) -> set[str] | None:
    """Languages that a tuned model handles: of its tags, else those named in its description; empty: many; None: not known."""
    if "multilingual" in model.languages or re.search(r"multilingual|\d+ languages", model.description):
        return set()
    named = {code for code, name in NAMES.items() if re.search(rf"\b{name}\b", model.description)}
    base = general_family(model.base_model or "")
    return set(model.languages) or named or (set(base[1]) if base else None)


def _judged_general(task: TaskFacts, follows: bool, languages: frozenset[str], model: ModelEntry) -> Judged:
    missing = [code for code in (task.reads, task.writes) if code and languages and code not in languages]
    if missing:
        return Judged(Fit.OTHER_LANGUAGE, f"its pretraining does not cover {_named(missing)}, which the task needs")
    if follows:
        return Judged(Fit.INSTRUCTED, "it is a general model that follows instructions")
    return Judged(Fit.GENERAL, "it is a general model")


def _judged_translator(task: TaskFacts, model: ModelEntry) -> Judged:
    if not model.from_languages or not model.into_languages:
        spoken = spoken_languages(model) or set()
        if len(spoken) in (1, 2) or not {task.reads, task.writes} - {None} <= (spoken or set(NAMES)):
            return Judged(Fit.OTHER_LANGUAGE, "its direction is not known to be the task's")
        return Judged(Fit.SAME_TASK, "it translates among many languages")
    reads, writes = _members(model.from_languages), _members(model.into_languages)
    direction = f"{_named(model.from_languages)} into {_named(model.into_languages)}"
    if (task.reads and task.reads not in reads) or (task.writes and task.writes not in writes):
        return Judged(Fit.OTHER_LANGUAGE, f"it translates {direction}, which is not the task's direction")
    return Judged(Fit.SAME_TASK, f"it translates {direction}, the task's direction")


def _members(codes: Sequence[str]) -> set[str]:
    return set(codes).union(*(_PARTS.get(code, ()) for code in codes))


def _named(codes: Sequence[str]) -> str:
    return " and ".join(NAMES.get(code, code) for code in dict.fromkeys(codes))


def _sure_language(texts: Iterable[str]) -> str | None:
    found = detect("\n".join(texts))
    return found.code if found.sure else None
