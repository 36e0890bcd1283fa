"""What POST /predict accepts, and the sentence that a caller reads where it does not. Pure, and light to import."""

from __future__ import annotations

import json
from typing import Any

TEXT_LIMIT = 8192
"""Characters of one text: as long as a demonstration may be."""

TEXTS_LIMIT = 256
"""Texts in one request."""

BODY_LIMIT = 8 * 1024 * 1024
"""Bytes of one request: more than TEXTS_LIMIT texts of ordinary length, less than what hurts."""

_FORM = 'send {"text": "..."} for one text, or {"texts": ["...", "..."]} for many'


class BadRequestError(ValueError):
    """A request that cannot be answered; its text tells the caller what is wrong and what to do."""


def texts_of(body: bytes) -> list[str]:
    """The texts of a request, one or many.

    Args:
        body: the request's body, JSON in UTF-8.

    Raises:
        BadRequestError: with one clear sentence.
    """
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequestError(f"The body is not JSON: {_FORM}.") from None
    if not isinstance(tree, dict):
        raise BadRequestError(f"The body is not a JSON object: {_FORM}.")
    if unknown := sorted(set(tree) - {"text", "texts"}):
        raise BadRequestError(f"Unknown field {json.dumps(unknown[0][:64])}: {_FORM}.")
    if ("text" in tree) == ("texts" in tree):
        raise BadRequestError(f"{'Both text and texts are' if tree else 'Neither text nor texts is'} given: {_FORM}.")
    if "text" in tree:
        return [_checked(tree["text"], "text")]
    return _many(tree["texts"])


def _many(texts: Any) -> list[str]:
    if not isinstance(texts, list):
        raise BadRequestError("texts is not a list: send a list of strings, or one string as text.")
    if not texts:
        raise BadRequestError("texts is empty: send at least one text.")
    if len(texts) > TEXTS_LIMIT:
        raise BadRequestError(f"texts has {len(texts)} entries: send at most {TEXTS_LIMIT} in one request.")
    return [_checked(text, f"texts[{index}]") for index, text in enumerate(texts)]


def _checked(text: Any, field: str) -> str:
    if not isinstance(text, str):
        raise BadRequestError(f"{field} is not a string: put it in quotes.")
    if not text.strip():
        raise BadRequestError(f"{field} is empty: send at least one character that is not a space.")
    if len(text) > TEXT_LIMIT:
        raise BadRequestError(f"{field} has {len(text)} characters: send at most {TEXT_LIMIT}.")
    return text
