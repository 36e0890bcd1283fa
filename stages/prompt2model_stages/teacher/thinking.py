"""Takes a model's thoughts off its answer: a draft in them must never be read as the answer.

Endpoints without a reasoning parser pass the thoughts on in the text. The forms: <think> of DeepSeek-R1 and Qwen3 (whose chat
template may write the opening tag, so that the closing one comes alone), <thinking>, <thought>, <reasoning>, [THINK] of
Magistral, the channels of gpt-oss ("harmony", also where the special tokens were dropped), <seed:think>, Kimi's triangles,
the marks of OpenThinker and of Sky-T1, and Granite's sentences.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_NAMES = "think|thinking|thought|thoughts|reasoning|analysis|reflection|scratchpad|seed:think"
_OPEN = re.compile(rf"<(?:{_NAMES})>|\[THINK\]|◁think▷|<\|begin_of_thought\|>|<\|?channel>thought", re.IGNORECASE)
"""Begins thoughts where the text begins with it: later it is a part of the answer, such as a tag in XML."""
_CLOSE = re.compile(rf"</(?:{_NAMES})>|\[/THINK\]|◁/think▷|<\|end_of_thought\|>|<channel\|>", re.IGNORECASE)
_FINAL = re.compile(r"<\|channel\|>\s*final[^<]*<\|message\|>|(?<=[.!?\s)\]\"'])assistant\s?final(?=\S|\s)")
_CHANNEL = re.compile(r"(?:<\|start\|>assistant)?<\|channel\|>\s*(?:analysis|commentary)|analysis(?=[A-Z\"'])")
_CONTROL = re.compile(r"<\|(?:return|end|im_end|eot_id|end_of_text|endoftext)\|>\s*\Z")
_GRANITE = re.compile(r"\s*Here(?: is|'s) my thought process:(.*?)Here(?: is|'s) my response:", re.DOTALL)
_GRANITE_START = re.compile(r"\s*Here(?: is|'s) my thought process:")
_WRAPPED = re.compile(
    r"\s*(?:<answer>(?P<a>.*?)</answer>|<\|begin_of_solution\|>(?P<b>.*?)<\|end_of_solution\|>|<response>(?P<c>.*?)</response>)\s*\Z",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True)
class Spoken:
    """What is left of a text.

    text: the answer; "" where there is none.
    thought: whether there were thoughts.
    unfinished: whether the thoughts do not end, so that there is no answer.
    """

    text: str
    thought: bool = False
    unfinished: bool = False


def without_thoughts(text: str) -> Spoken:
    """The answer in a text. A text without thoughts, or that is JSON as a whole, is left as it is."""
    if not _may_think(text) or _is_json(text):
        return Spoken(text)
    for read in (_harmony, _granite, _tagged):
        if (found := read(text)) is not None:
            return Spoken(_unwrapped(found.text), True, found.unfinished)
    return Spoken(text)


def _may_think(text: str) -> bool:
    start = text.lstrip()
    return (
        _OPEN.search(text) is not None
        or _CLOSE.search(text) is not None
        or "<|channel|>" in text
        or start.startswith(("analysis", "Here is my thought", "Here's my thought"))
    )


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[", '"')):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _harmony(text: str) -> Spoken | None:
    """The channel `final` of gpt-oss. Source: OpenAI, harmony response format."""
    if _CHANNEL.match(text.lstrip()) is None and "<|channel|>" not in text:
        return None
    finals = list(_FINAL.finditer(text))
    if finals:
        return Spoken(_CONTROL.sub("", text[finals[-1].end() :]))
    if "<|channel|>" in text:
        return Spoken("", unfinished=True)
    return None


def _granite(text: str) -> Spoken | None:
    if (found := _GRANITE.match(text)) is not None:
        return Spoken(text[found.end() :])
    return Spoken("", unfinished=True) if _GRANITE_START.match(text) else None


def _tagged(text: str) -> Spoken | None:
    """Without the thoughts that the text begins with, tags in them included; None where it begins with none.

    A closing tag without an opening one ends thoughts too: the chat template has written the opening one.
    """
    marks = sorted(
        [(found.start(), found.end(), 1) for found in _OPEN.finditer(text)]
        + [(found.start(), found.end(), -1) for found in _CLOSE.finditer(text)]
    )
    opened = _OPEN.match(text.lstrip()) is not None
    if not opened and (not marks or marks[0][2] == 1):
        return None
    depth = 0 if opened else 1
    for _, end, step in marks:
        depth += step
        if depth == 0:
            rest = text[end:].strip()
            # Some models think again before they answer.
            return _tagged(rest) or Spoken(rest) if _OPEN.match(rest) else Spoken(rest)
    return Spoken("", unfinished=True)


def _unwrapped(text: str) -> str:
    """The answer without the tags that models trained to think put around it."""
    found = _WRAPPED.match(text)
    if found is None:
        return text.strip()
    return next(part for part in found.groups() if part is not None).strip()
