"""How this endpoint wants to be asked: OpenAI-compatible endpoints differ in what they know."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from prompt2model_api.spec.teacher import TeacherSpec
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher.requests import TeacherRequest

FILE = "dialect.json"
LASTS_S = 24 * 3600.0
"""An endpoint may learn too, or have refused for a while only: after a day it is asked in full again."""
IN_WORDS = "Answer with JSON alone, nothing before or after it, that fits this JSON schema: "
SCHEMA, SEVERAL, TEMPERATURE, SYSTEM = "schema", "several", "temperature", "system"
FEATURES = (SCHEMA, SEVERAL, TEMPERATURE, SYSTEM)
"""What a request can do without, the rarest first."""


@dataclass(frozen=True)
class Dialect:
    """What is left out, renamed or bounded for an endpoint that refused it.

    schema: whether response_format is sent; if not, the form is asked for in words.
    several: whether n > 1 is sent.
    temperature: whether a temperature is sent; lowest, highest: within these bounds.
    system: whether a system message is sent; if not, it stands before the first message of the user.
    token_field: the name of the bound of an answer.
    most_tokens: the highest bound that the endpoint takes; 0: none is known.
    allowance: tokens that the model was seen to need for its reasoning, added to each bound.
    """

    schema: bool = True
    several: bool = True
    temperature: bool = True
    system: bool = True
    lowest: float = 0.0
    highest: float = 2.0
    token_field: str = "max_tokens"
    most_tokens: int = 0
    allowance: int = 0

    @classmethod
    def kept(cls, folder: Folder, settings: TeacherSpec) -> Self:
        """What stages of the last day learnt of this endpoint and model; the default where it was another, or none is readable."""
        try:
            tree = folder.read_json(FILE)
            if (tree["baseURL"], tree["model"]) != (settings.base_url, settings.model):
                return cls()
            if not 0 <= time.time() - float(tree["at"]) < LASTS_S:
                return cls()
            known = {name: tree["dialect"][name] for name in asdict(cls()) if name in tree["dialect"]}
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return cls()
        default = asdict(cls())
        if any(not isinstance(value, type(default[name]) | int) for name, value in known.items()):
            return cls()
        return cls(**known)

    def keep(self, folder: Folder, settings: TeacherSpec) -> None:
        """Writes it beside the journal. Raises: OSError."""
        of = {"baseURL": settings.base_url, "model": settings.model, "at": time.time()}
        folder.write_json(FILE, {**of, "dialect": asdict(self)})

    def without(self, features: frozenset[str]) -> Dialect:
        """The dialect without some of FEATURES."""
        changes: dict[str, Any] = dict.fromkeys(features, False)
        return replace(self, **changes) if features else self

    def used_by(self, request: TeacherRequest) -> frozenset[str]:
        """Which of FEATURES the request uses."""
        uses = {
            SCHEMA: self.schema and request.schema is not None,
            SEVERAL: self.several and request.n > 1,
            TEMPERATURE: self.temperature and self.clipped(request.temperature) != 1.0,
            SYSTEM: self.system and any(message["role"] == "system" for message in request.messages),
        }
        return frozenset(name for name, used in uses.items() if used)

    def clipped(self, temperature: float) -> float:
        """The temperature within the bounds."""
        return min(self.highest, max(self.lowest, temperature))

    def body(self, request: TeacherRequest, settings: TeacherSpec, room: int) -> dict[str, Any]:
        """The request's JSON body; room: tokens allowed to each answer."""
        body: dict[str, Any] = {"model": settings.model, "messages": self._messages(request), self.token_field: room}
        if self.temperature:
            body["temperature"] = self.clipped(request.temperature)
        if request.n > 1 and self.several:
            body["n"] = request.n
        if request.schema is not None and self.schema:
            name = re.sub(r"[^\w-]", "_", request.purpose)[:64] or "answer"
            named = {"name": name, "schema": dict(request.schema), "strict": _is_strict(request.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        if settings.reasoning is not None and settings.reasoning.effort is not None:
            body["reasoning_effort"] = settings.reasoning.effort
        return body | (settings.extra_body or {})

    def _messages(self, request: TeacherRequest) -> list[dict[str, str]]:
        messages = [dict(message) for message in request.messages]
        if request.schema is not None and not self.schema:
            words = IN_WORDS + json.dumps(request.schema, ensure_ascii=False)
            # Before the user's text where possible: what comes after it may be taken for a part of it.
            at = 0 if messages[0]["role"] == "system" else len(messages) - 1
            messages[at]["content"] = f"{messages[at]['content']}\n\n{words}"
        return messages if self.system else _folded(messages)


def _folded(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """The system messages in front of the first message of the user."""
    told = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    rest = [message for message in messages if message["role"] != "system"]
    if not told:
        return rest
    if rest and rest[0]["role"] == "user":
        return [{**rest[0], "content": f"{told}\n\n{rest[0]['content']}"}, *rest[1:]]
    return [{"role": "user", "content": told}, *rest]


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
