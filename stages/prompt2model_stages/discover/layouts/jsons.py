"""Examples in JSON: an object a line, an array of objects, messages of a chat."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prompt2model_stages.discover.layouts.common import Found, around, is_heading
from prompt2model_stages.discover.layouts.templates import without_template
from prompt2model_stages.discover.layouts.words import EXAMPLE, FAMILIES, is_label

_OPENING = re.compile(
    r"(?m)(?:^[ \t]*(?:[-*•][ \t]+|\d+[.)][ \t]+)?|(?<=[\[,:])[ \t]*|^[^\n{}\[\]:]{1,30}:[ \t]*)(?=\{)"
)
_WRAPPING = re.compile(r"```[\w-]*|^[\s\[\],]+|[\s\[\],]+$|\"?\w+\"?\s*:\s*\[\s*$")
_MOST_OBJECTS = 4096


@dataclass(frozen=True)
class _Object:
    """An object, where it stands, and the JSON text of each of its values."""

    start: int
    end: int
    value: dict[str, Any]


def json_objects(prompt: str) -> Found | None:
    """Pairs in JSON; None where there are none."""
    objects = _objects(prompt)
    if not objects:
        return None
    for keyed in (_usual_keys(objects), _same_keys(prompt, objects)):
        if keyed is None:
            continue
        fitting, given_keys, output_key = keyed
        pairs = [(_given(o.value, given_keys), _text(o.value[output_key])) for o in fitting]
        pairs = [pair for pair in without_template(pairs) if pair[0].strip() and pair[1].strip()]
        between = [prompt[a.end : b.start] for a, b in itertools.pairwise(fitting)]
        if not pairs or any(
            re.search(r"\w", _unwrapped(text)) and not is_heading(text.strip(" \n,")) for text in between
        ):
            return None
        return Found(around(_unwrapped(prompt[: fitting[0].start]), _unwrapped(prompt[fitting[-1].end :])), pairs)
    return None


def chat_messages(prompt: str) -> Found | None:
    """Pairs of `{"role": "user", …}, {"role": "assistant", …}`; None where there are none."""
    messages = [
        o for o in _objects(prompt) if isinstance(o.value.get("role"), str) and isinstance(o.value.get("content"), str)
    ]
    roles = [str(o.value["role"]) for o in messages]
    pairs = [
        (messages[n].value["content"], messages[n + 1].value["content"])
        for n in range(len(messages) - 1)
        if roles[n] in ("user", "human") and roles[n + 1] in ("assistant", "model", "ai")
    ]
    if not pairs or len(messages) - roles.count("system") != 2 * len(pairs):
        return None
    system = "\n".join(dict.fromkeys(o.value["content"] for o in messages if o.value["role"] == "system"))
    before, after = _without_keys(prompt[: messages[0].start]), _without_keys(prompt[messages[-1].end :])
    return Found(around("\n".join(filter(None, (before, system))), after), pairs)


def _objects(prompt: str) -> list[_Object]:
    """The outermost objects that begin a line, an array's item or a value."""
    decoder, found, end = json.JSONDecoder(strict=False), list[_Object](), 0
    for opening in list(_OPENING.finditer(prompt))[:_MOST_OBJECTS]:
        if opening.end() < end:
            continue
        try:
            value, stop = decoder.raw_decode(prompt, opening.end())
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and isinstance(value.get("messages"), list):
            continue
        found.append(_Object(opening.end(), stop, value))
        end = stop
    return found


def _usual_keys(objects: Sequence[_Object]) -> tuple[list[_Object], list[str], str] | None:
    """Objects with a key that names an output, and one that names an input or several others."""
    for inputs, outputs in (*FAMILIES, (("prompt",), ("completion",))):
        for sample in objects:
            keys = list(sample.value)
            output = [key for key in keys if is_label(key, outputs)]
            given = [key for key in keys if key not in output]
            if len(output) != 1 or not given or (len(given) == 1 and not is_label(given[0], inputs)):
                continue
            fitting = [o for o in objects if list(o.value) == keys]
            return fitting, given, output[0]
    return None


def _same_keys(prompt: str, objects: Sequence[_Object]) -> tuple[list[_Object], list[str], str] | None:
    """Two objects or more with the same two keys, which begin lines and are no value of a label."""
    keys = list(objects[-1].value)
    fitting = [o for o in objects if list(o.value) == keys]
    outputs = [word for _, words in FAMILIES for word in words]
    if len(keys) != 2 or len(fitting) < 2 or is_label(keys[0], tuple(outputs)):
        return None
    before = prompt[: fitting[0].start]
    if not EXAMPLE.search(before) and re.search(rf"(?i)(?<!\w){re.escape(keys[1])}(?!\w)", before) is None:
        return None  # they may be records
    for o in fitting:
        line = prompt[: o.start].splitlines() or [""]
        before = next((text for text in reversed(line) if text.strip()), "")
        if re.search(r"[:：>=→]\s*(?:```\w*\s*)?$", before) and not is_heading(before) and o is not fitting[0]:
            return None
    return fitting, keys[:1], keys[1]


def _given(value: dict[str, Any], keys: Sequence[str]) -> str:
    if len(keys) == 1:
        return _text(value[keys[0]])
    return json.dumps({key: value[key] for key in keys}, ensure_ascii=False)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _unwrapped(text: str) -> str:
    """The text without what opens or closes arrays and fences around the examples."""
    before = None
    while before != text:
        before, text = text, _WRAPPING.sub("", text.strip())
    return text


def _without_keys(text: str) -> str:
    return _unwrapped(re.sub(r"(?m)^\s*\{?\s*\"\w+\"\s*:\s*\[?|[\s\]}]+$", "", text))
