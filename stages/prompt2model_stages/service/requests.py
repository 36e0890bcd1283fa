"""What a request to the service may hold, and the sentence that a caller reads where it does not. Pure, and light to import."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

TEXT_LIMIT = 8192
"""Characters of one text: as long as a demonstration may be."""

TEXTS_LIMIT = 256
"""Texts in one request."""

BODY_LIMIT = 8 * 1024 * 1024
"""Bytes of one request: more than TEXTS_LIMIT texts of ordinary length, less than what hurts."""

JSON_TYPES = ("", "application/json", "application/x-www-form-urlencoded", "text/json", "text/plain")
"""Content types that say nothing against JSON; curl names a form where nothing else is said."""

_FORM = 'send {"text": "..."} for one text, or {"texts": ["...", "..."]} for many'


class BadRequestError(ValueError):
    """A request that cannot be answered; its text tells the caller what is wrong and what to do.

    status: the HTTP status; 422 where the request is well formed and the model cannot take it.
    """

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


def check_type(content_type: str, encoding: str = "") -> None:
    """Refuses what is certainly no JSON in UTF-8.

    Args:
        content_type: the header Content-Type, empty where there is none.
        encoding: the header Content-Encoding, empty where there is none.

    Raises:
        BadRequestError: with status 415.
    """
    if encoding.strip().lower() not in ("", "identity"):
        raise BadRequestError(
            f"The body has the Content-Encoding {json.dumps(encoding[:64])}: send it uncompressed.", 415
        )
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    if kind not in JSON_TYPES and not kind.endswith("+json"):
        raise BadRequestError(f"The Content-Type is {json.dumps(kind[:64])}: send JSON as application/json.", 415)
    for name, _, value in (parameter.partition("=") for parameter in parameters):
        if name == "charset" and value.strip('"') not in ("utf-8", "utf8", "us-ascii"):
            raise BadRequestError(f"The charset is {json.dumps(value[:64])}: send JSON in UTF-8.", 415)


def texts_of(body: bytes) -> list[str]:
    """The texts of a request, one or many.

    Args:
        body: the request's body, JSON in UTF-8.

    Raises:
        BadRequestError: with one clear sentence.
    """
    fields = fields_of(body)
    return list(fields["texts"]) if "texts" in fields else [fields["text"]]


def fields_of(body: bytes) -> dict[str, Any]:
    """A request's one field, checked: {"text": str} or {"texts": list[str]}. Raises: BadRequestError, as `texts_of`."""
    tree = _parsed(body)
    if not isinstance(tree, dict):
        raise BadRequestError(f"The body is not a JSON object: {_FORM}.")
    if unknown := sorted(set(tree) - {"text", "texts"}):
        raise BadRequestError(f"Unknown field {json.dumps(unknown[0][:64])}: {_FORM}.")
    if ("text" in tree) == ("texts" in tree):
        raise BadRequestError(f"{'Both text and texts are' if tree else 'Neither text nor texts is'} given: {_FORM}.")
    if "text" in tree:
        return {"text": _checked(tree["text"], "text")}
    return {"texts": _many(tree["texts"])}


def too_long(field: str, tokens: int, limit: int, instruction: int) -> str:
    """The sentence on an input that the model would not read whole.

    Args:
        field: `text`, or `texts[3]`.
        tokens: of the input, without the instruction.
        limit: tokens that the model reads, of instruction and input together.
        instruction: tokens of the instruction that stands before each input.
    """
    room = max(0, limit - instruction)
    return (
        f"{field} has {tokens} tokens and the model reads at most {room} of an input (its limit is {limit} tokens, "
        f"{instruction} of them for the task's instruction): shorten it, or let service.truncate allow cut inputs."
    )


def _parsed(body: bytes) -> Any:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRequestError(f"The body is not JSON (it is not UTF-8 at byte {error.start}): {_FORM}.") from None
    try:
        return json.loads(text, object_pairs_hook=_without_doubles)
    except RecursionError:
        raise BadRequestError(f"The body is not JSON as it is wanted (it is nested too deeply): {_FORM}.") from None
    except json.JSONDecodeError as error:
        where = f"{error.msg} at line {error.lineno}, column {error.colno}"
        raise BadRequestError(f"The body is not JSON ({where}): {_FORM}.") from None
    except BadRequestError:
        raise
    except ValueError:  # a number of thousands of digits
        raise BadRequestError(f"The body is not JSON (a number has too many digits): {_FORM}.") from None


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise BadRequestError(f"A field is given twice: {_FORM}.")
    return found


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
    if len(text) > TEXT_LIMIT:
        raise BadRequestError(f"{field} has {len(text)} characters: send at most {TEXT_LIMIT}.")
    if not any(_is_visible(character) for character in text):
        raise BadRequestError(f"{field} is empty: send at least one character that is not a space.")
    for position, character in enumerate(text, start=1):
        if "\ud800" <= character <= "\udfff":
            raise BadRequestError(
                f"{field} has half a character at position {position} (the lone surrogate U+{ord(character):04X}): "
                "send both halves, or neither."
            )
        if unicodedata.category(character) == "Cc" and not character.isspace():
            raise BadRequestError(
                f"{field} has the control character U+{ord(character):04X} at position {position}: remove it."
            )
    return text


def _is_visible(character: str) -> bool:
    """Neither a space nor a control or format character, such as a zero-width space."""
    return not character.isspace() and unicodedata.category(character) not in ("Cc", "Cf")
