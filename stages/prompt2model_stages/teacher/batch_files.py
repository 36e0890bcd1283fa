"""The files of a batch: requests as JSON lines, and the lines of its results.

Source: https://platform.openai.com/docs/guides/batch
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import openai

from prompt2model_stages.teacher import failures
from prompt2model_stages.teacher.replies import Reply, SaidInSuccess, read_reply

logger = logging.getLogger(__name__)

PATH = "/v1/chat/completions"
"""As each line names it, whatever the base URL's path is."""


@dataclass(frozen=True)
class BatchLimits:
    """Of one file: requests, and bytes (OpenAI's 200 MB)."""

    lines: int = 50_000
    size: int = 200_000_000


@dataclass(frozen=True)
class Unanswered:
    """A line that came back without an answer, or not at all; it cost nothing. why: the endpoint's code and message."""

    why: str


@dataclass(frozen=True)
class Result:
    """What came of one line: a response as a single request would have brought it, or none."""

    identifier: str
    outcome: httpx2.Response | Unanswered


def line_of(identifier: str, body: Mapping[str, Any]) -> bytes:
    """The line of a request."""
    tree = {"custom_id": identifier, "method": "POST", "url": PATH, "body": body}
    return json.dumps(tree, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def split(lines: Iterable[tuple[str, bytes]], limits: BatchLimits) -> Iterator[dict[str, bytes]]:
    """Ids and lines in files within the limits, in their order. A line that is larger than a file makes one of its own."""
    part: dict[str, bytes] = {}
    size = 0
    for identifier, line in lines:
        if part and (len(part) >= limits.lines or size + len(line) > limits.size):
            yield part
            part, size = {}, 0
        part[identifier] = line
        size += len(line)
    if part:
        yield part


def results_of(content: bytes, base_url: str) -> Iterator[Result]:
    """The results in a file of them; lines that are none are logged and passed over: what they are of is asked again."""
    for number, raw in enumerate(content.split(b"\n"), start=1):
        if not raw.strip():
            continue
        try:
            tree = json.loads(raw)
            yield Result(str(tree["custom_id"]), _outcome(tree, base_url))
        except (ValueError, KeyError, TypeError, AttributeError):
            logger.warning("line %d of a batch's results is not readable: %r", number, raw[:200])


def answered(status: int, tree: object, base_url: str) -> httpx2.Response:
    """A response as a single request would have brought it."""
    return httpx2.Response(status, json=tree, request=httpx2.Request("POST", base_url))


def read_line(response: httpx2.Response) -> Reply:
    """What the response to a line says. Raises: openai.APIStatusError, Garbage."""
    if not response.is_success:
        raise openai.APIStatusError(f"status {response.status_code}", response=response, body=response.json())
    try:
        return read_reply(response.content)
    except SaidInSuccess as said:
        raise failures.in_success(said.tree, response) from said


def _outcome(tree: Mapping[str, Any], base_url: str) -> httpx2.Response | Unanswered:
    response, error = tree.get("response"), tree.get("error")
    if isinstance(response, Mapping) and response.get("body") is not None:
        return answered(int(response.get("status_code") or 200), response["body"], base_url)
    if isinstance(response, Mapping) and int(response.get("status_code") or 200) >= 400:
        return answered(int(response["status_code"]), {"error": error or {"message": "nothing more"}}, base_url)
    said = error if isinstance(error, Mapping) else {}
    return Unanswered(f"{said.get('code') or 'no answer'}: {said.get('message') or 'nothing more'}")
