"""The words by which endpoints say what is wrong: the status alone says little, and everybody has his own."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from typing import Any

_FILTERED = re.compile(
    r"content[_ ]?filter|content_policy|content management policy|ResponsibleAI|data_?inspection_?failed|inappropriate content"
    r"|invalid_prompt|prompt was flagged|input was flagged|was flagged|flagged as|requires moderation|moderation_blocked"
    r"|safety[_ ](?:system|polic|filter|reason|setting)"
    r"|sensitive (?:content|information|words?)|prohibited[_ ]content|PROHIBITED_CONTENT"
    r"|contentfilter|guardrail|blocked (?:by|due to) (?:our |the )?(?:safety|content|moderation)|usage polic(?:y|ies)"
    r"|harmful content|risk control|content risk|['\"]1301['\"]|不安全|敏感",
    re.IGNORECASE,
)
_OF_ACCOUNT = re.compile(r"account|organi[sz]ation|deactivated|api[ _]key", re.IGNORECASE)
"""A whole account may be flagged, too; that is no matter of one prompt."""
_TOO_LONG = re.compile(
    r"context[ _](?:length|size|window|limit)|maximum context|too many tokens|(?:prompt|input|request) is too long|exceed_context"
    r"|input token count|string_above_max_length|must be at least 1, got -|maximum (?:input|prompt) (?:length|tokens)"
    r"|range of input length|input (?:is )?too long|too many input tokens",
    re.IGNORECASE,
)
_CREDIT = re.compile(
    r"insufficient[_ ](?:quota|balance|credits?|funds)|exceeded your current quota|exceeded_current_quota|billing"
    r"|credit balance|credit limit|(?:out of|more|no|add|requires?|used all|remaining|available) (?:\w+ )?credits?\b"
    r"|arrearage|in good standing"
    r"|payment required|spending limit|free tier|FreeTierOnly|余额不足|欠费|balance is (?:too low|insufficient|not enough)",
    re.IGNORECASE,
)
_PER_DAY = re.compile(r"per[-_ ]?day|daily|\bRPD\b|\bTPD\b|per[-_ ]?month|monthly", re.IGNORECASE)
_PER_MINUTE = re.compile(r"per[-_ ]?minute|per[-_ ]?min\b|\bTPM\b|\bRPM\b|per[-_ ]?second|rate[_ ]limit", re.IGNORECASE)
_KEY = re.compile(
    r"api[ _]key (?:not valid|is invalid|expired|not found)|api_key_invalid|(?:invalid|incorrect|missing)[_ ](?:x-)?api[-_ ]key"
    r"|invalid_authentication|authentication[_ ](?:error|failed|required)|no auth credentials|unauthorized|login fail",
    re.IGNORECASE,
)
_MODEL = re.compile(
    r"model[_ ]not[_ ](?:found|exist)|not a valid model|no such model|unknown model"
    r"|model .{0,80}(?:does not exist|is not found|not exist)"
    r"|invalid model\b|unknown_model",
    re.IGNORECASE,
)
_BUSY = re.compile(
    r"overloaded|rate[_ -]?limit|too many requests|try again|temporarily|\bbusy\b|capacity", re.IGNORECASE
)
_PAGE = re.compile(r"\A\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype html|html|head|body)\b", re.IGNORECASE)
_TITLE = re.compile(r"<(?:title|h1)[^>]*>(.*?)</(?:title|h1)>", re.IGNORECASE | re.DOTALL)
_WAIT = re.compile(
    r"(?:try again|retry|retry after|wait|reset)[^.\d]{0,30}?"
    r"((?:\d+(?:\.\d+)?\s*(?:ms|milliseconds?|h(?:ours?)?|min(?:utes?)?|m|s(?:ec(?:onds?)?)?)\s*)+)",
    re.IGNORECASE,
)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|mi?l?l?i?s|h|min|m|s)", re.IGNORECASE)
_UNITS = {"ms": 0.001, "milliseconds": 0.001, "h": 3600.0, "min": 60.0, "m": 60.0, "s": 1.0}


class Garbage(Exception):
    """The endpoint said 200, but not what an OpenAI-compatible endpoint says."""


def is_filtered(status: int, text: str) -> bool:
    """Whether a content filter refused the prompt: an answer, not an error."""
    if status not in (400, 403, 422, 451) or _FILTERED.search(text) is None or is_page(text):
        return False
    return _OF_ACCOUNT.search(text) is None or re.search(r"content_filter|inspection|invalid_prompt", text) is not None


def is_too_long(status: int, text: str) -> bool:
    """Whether the prompt, with or without the answer, does not fit the model's context."""
    if status == 413:
        return not is_of_a_minute(text)
    return status in (400, 422, 500) and _TOO_LONG.search(text) is not None


def is_of_a_minute(text: str) -> bool:
    """Whether a limit of a minute or a second is meant, that waiting helps against."""
    return _PER_MINUTE.search(text) is not None and _PER_DAY.search(text) is None


def is_out_of_credit(status: int, text: str) -> bool:
    """Whether money or a quota of days is used up, which waiting does not help against."""
    if status == 402:
        return True
    if status == 429:
        if re.search(r"insufficient_quota|exceeded_current_quota", text) or _PER_DAY.search(text):
            return True
        return _CREDIT.search(text) is not None and not _PER_MINUTE.search(text) and asked_wait(None, text) is None
    return status in (400, 403, 422) and _CREDIT.search(text) is not None


def is_about_the_key(status: int, text: str) -> bool:
    """Whether the key is refused."""
    return status == 401 or (status in (400, 403, 422) and _KEY.search(text) is not None)


def is_about_the_model(status: int, text: str) -> bool:
    """Whether the endpoint has no such model."""
    return status == 404 or (status in (400, 403, 422) and _MODEL.search(text) is not None)


def is_page(text: str) -> bool:
    """Whether a web page came instead of an API's answer."""
    return _PAGE.search(text) is not None


def page_title(text: str) -> str:
    """The title of a web page; "no title" where it has none; "" where the text is no page."""
    if not is_page(text):
        return ""
    found = _TITLE.search(text)
    title = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", found[1])).split())[:100] if found else ""
    return title or "no title"


def asked_wait(body: object, text: str) -> float | None:
    """Seconds that a body asks to wait: Google's RetryInfo, or a sentence such as "Please try again in 2m1.5s"."""
    delay = _retry_delay(body)
    if delay is not None:
        return delay
    found = _WAIT.search(text)
    if found is None:
        return None
    return sum(float(number) * _unit(unit) for number, unit in _PART.findall(found[1]))


def status_of(tree: Mapping[str, Any]) -> int:
    """The status that an error inside a 200 stands for, by its code or else by its words; 500 where nothing tells."""
    text = json.dumps(tree, ensure_ascii=False, default=str)
    for code in _codes(tree):
        if 400 <= code <= 599:
            return code
    for status, meant in (
        (401, _KEY.search(text)),
        (402, _CREDIT.search(text)),
        (400, _FILTERED.search(text) or _TOO_LONG.search(text)),
        (404, _MODEL.search(text)),
        (429, _PER_MINUTE.search(text)),
        (503, _BUSY.search(text)),
        (400, "invalid_request" in text),
    ):
        if meant:
            return status
    return 500


def _codes(tree: Mapping[str, Any]) -> list[int]:
    found = []
    inner = tree.get("error")
    for place in (inner, tree):
        if isinstance(place, Mapping):
            found += [place.get(name) for name in ("code", "status", "status_code", "http_code")]
    return [int(str(code)) for code in found if str(code).isdigit()]


def _retry_delay(body: object) -> float | None:
    if isinstance(body, Mapping):
        delay = body.get("retryDelay", body.get("retry_delay", body.get("retry_after")))
        if isinstance(delay, Mapping):
            delay = delay.get("seconds")
        try:
            return max(0.0, float(str(delay).rstrip("s"))) if delay is not None else _retry_delay(list(body.values()))
        except ValueError:
            return None
    if isinstance(body, list):
        return next((found for one in body if (found := _retry_delay(one)) is not None), None)
    return None


def _unit(unit: str) -> float:
    unit = unit.lower()
    return _UNITS.get(unit, 0.001 if unit.startswith("mil") else 1.0)
