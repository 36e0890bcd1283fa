"""How this endpoint wants to be asked: OpenAI-compatible endpoints differ in what they know."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prompt2model_stages.teacher.failures import Garbage
from prompt2model_stages.teacher.requests import TeacherRequest

logger = logging.getLogger(__name__)

_ABOUT_N = re.compile(r"""['"`]n['"`]|\bn\s*(?:>|=|must|is not|parameter)|number of (?:choices|completions)""", re.I)
_ABOUT_SCHEMA = re.compile(r"response_format|json_schema|json schema|structured output|grammar|guided", re.I)
_ABOUT_TEMPERATURE = re.compile(r"\btemperature\b", re.I)


@dataclass
class Dialect:
    """What is left out or renamed for an endpoint that refused it; learnt once, kept while the teacher is open."""

    schema: bool = True
    several: bool = True
    temperature: bool = True
    token_field: str = "max_tokens"

    def body(self, request: TeacherRequest, model: str) -> dict[str, Any]:
        """The request's JSON body."""
        body: dict[str, Any] = {"model": model, "messages": [dict(message) for message in request.messages]}
        body[self.token_field] = request.max_tokens
        if self.temperature:
            body["temperature"] = request.temperature
        if request.n > 1:
            body["n"] = request.n
        if request.schema is not None and self.schema:
            name = re.sub(r"[^\w-]", "_", request.purpose)[:64] or "answer"
            named = {"name": name, "schema": dict(request.schema), "strict": _is_strict(request.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        return body

    def learn(self, request: TeacherRequest, text: str) -> bool:
        """Takes a 400 as a hint.

        Args:
            request: what was refused.
            text: what the endpoint said.

        Returns: whether asking again, differently, makes sense.
        """
        if self.token_field == "max_tokens" and "max_completion_tokens" in text:
            self.token_field = "max_completion_tokens"
        elif request.n > 1 and self.several and _ABOUT_N.search(text):
            self.several = False
        elif request.schema is not None and self.schema and _ABOUT_SCHEMA.search(text):
            self.schema = False
        elif self.temperature and _ABOUT_TEMPERATURE.search(text):
            self.temperature = False
        elif request.schema is not None and self.schema:
            self.schema = False  # it does not say what it dislikes: first the rarest, then the next
        elif request.n > 1 and self.several:
            self.several = False
        else:
            return False
        logger.info("the endpoint refused a request (%s); from now on: %s", text, self)
        return True


@dataclass(frozen=True)
class Reply:
    """What the endpoint answered.

    texts: one a choice, "" where it refused or said nothing.
    refused: for each choice, whether it was refused.
    prompt, completion: tokens by the endpoint's own count; None where it gives none.
    """

    texts: tuple[str, ...]
    refused: tuple[bool, ...]
    prompt: int | None
    completion: int | None


def read_reply(content: bytes) -> Reply:
    """The reply in a body. Raises: Garbage."""
    try:
        tree = json.loads(content)
    except ValueError:
        start = " ".join(content[:120].decode("utf-8", "replace").split())
        raise Garbage(f"no JSON, but {start!r}" if start else "an empty body") from None
    choices = tree.get("choices") if isinstance(tree, dict) else None
    if not isinstance(choices, list) or not choices:
        raise Garbage(f"no choices in {json.dumps(tree)[:120]}")
    read = [_choice(choice) for choice in choices]
    usage = tree.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Reply(
        texts=tuple(text for text, _ in read),
        refused=tuple(refused for _, refused in read),
        prompt=_count(usage.get("prompt_tokens")),
        completion=_count(usage.get("completion_tokens")),
    )


def _choice(choice: object) -> tuple[str, bool]:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise Garbage("a choice without a message")
    if message.get("refusal") or choice.get("finish_reason") == "content_filter":
        return "", True
    content = message.get("content")
    if isinstance(content, list):  # parts, as some endpoints give them
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    if content is not None and not isinstance(content, str):
        raise Garbage("a message whose content is no text")
    return content or "", False


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _is_strict(schema: object) -> bool:
    """Whether OpenAI's strict mode takes the schema: every object closed, every property required."""
    if isinstance(schema, list):
        return all(_is_strict(item) for item in schema)
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties):
            return False
    return all(_is_strict(value) for value in schema.values())
