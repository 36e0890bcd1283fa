"""A teacher that is right, and difficult to ask: everything that real endpoints do at once, for whole runs.

It refuses max_tokens, every temperature but 1, the system role and response_format; it thinks aloud, with a wrong draft, before it
answers; it cuts some answers, flags some prompts for ever, and now and then sends a page of HTML instead of JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.fake_teacher import FakeTeacher

DRAFT = "WRONG"
"""Part of each draft; it must never be in anything that is written."""
ROOM = 2000
"""Tokens that the longer of its thoughts take: with less room the answer is cut."""
FLAGGED = ("7",)
"""Test inputs that end in this are refused by the content filter."""


@dataclass
class DifficultTeacher(FakeTeacher):
    """tricks: how often each difficulty was met."""

    tricks: Counter[str] = field(default_factory=Counter)
    tried: Counter[str] = field(default_factory=Counter)

    def respond(self, body: dict[str, Any]) -> tuple[int, dict[str, Any] | str]:
        """A status, and a tree or a text that is no JSON."""
        if (refused := self._refusal(body)) is not None:
            return 400, {
                "error": {"message": refused, "type": "invalid_request_error", "code": "unsupported_parameter"}
            }
        asked = str(body["messages"][-1]["content"]).strip()
        with self.lock:
            self.tried[asked] += 1
            first = self.tried[asked] == 1
        kind = int(hashlib.sha256(asked.encode()).hexdigest(), 16) % 8
        if first and kind == 0:
            return self._trick("html", 502, "<html><h1>Bad gateway</h1></html>")
        if _input_in(asked).isdigit() and asked.endswith(FLAGGED):
            flagged = {"message": "flagged by the content management policy", "code": "content_filter", "type": "error"}
            return self._trick("flagged", 400, {"error": flagged})
        cut = kind == 1 and body.get("max_completion_tokens", ROOM) < ROOM
        with self.lock:
            self.tricks["cut" if cut else "whole"] += 1
        return 200, self._completion(body, cut)

    def _refusal(self, body: dict[str, Any]) -> str | None:
        reasons = {
            "max_tokens": "max_tokens" in body
            and "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            "temperature": body.get("temperature", 1) != 1
            and "Unsupported value: 'temperature' does not support 0.3 with this model. Only the default (1) value is supported.",
            "response_format": "response_format" in body and "Unsupported parameter: 'response_format'.",
            "system": any(message["role"] == "system" for message in body["messages"])
            and "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
        }
        for name, reason in reasons.items():
            if reason:
                with self.lock:
                    self.tricks[name] += 1
                return reason
        return None

    def _trick(self, name: str, status: int, content: dict[str, Any] | str) -> tuple[int, dict[str, Any] | str]:
        with self.lock:
            self.tricks[name] += 1
        return status, content

    def _completion(self, body: dict[str, Any], cut: bool) -> dict[str, Any]:
        draft = f'<think>Perhaps {{"examples": [{{"input": "1", "output": "{DRAFT}"}}]}}, or {DRAFT}.</think>'
        whole = [self.answer(body) for _ in range(body.get("n") or 1)]
        texts = [f"{draft}\n{text[: len(text) // 2] if cut else text}" for text in whole]
        return self.completion(texts, "length" if cut else "stop")

    def answer(self, body: dict[str, Any]) -> str:
        """As its parent, but the form is asked for in words."""
        asked = str(body["messages"][-1]["content"])
        if '"examples"' in asked:
            return json.dumps({"examples": [self._example() for _ in range(4)]})
        if '"properties"' in asked and '"input"' in asked and '"output"' in asked:
            return json.dumps(self._example())
        return _input_in(asked)[::-1]


def _input_in(asked: str) -> str:
    """The input to label: the last line, since the system role is folded into the turn."""
    return asked.strip().split("\n")[-1]
