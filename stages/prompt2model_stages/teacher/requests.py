"""What is asked and what is answered, and the key that says whether two requests are the same."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_CHAT_TOKENS = 64
"""What a chat template adds: a system prompt of its own and the turn that opens the answer."""
_MESSAGE_TOKENS = 8
_IN_WORDS = 96
"""The sentence that asks for a form in words, where an endpoint takes no schema."""


@dataclass(frozen=True)
class TeacherRequest:
    """One request.

    purpose: what it is for, a word for journal and logs; not part of the key.
    messages: the chat, each with role and content.
    temperature: 0 to 2.
    max_tokens: the longest answer, in tokens.
    n: answers wanted.
    schema: JSON schema that each answer should follow; a server that knows none is asked without it.
    sample: tells intended repeats of the same prompt apart.
    group: the journal's name for answers that are wanted back all together (`Teacher.journalled`), where there is one;
        not part of the key.
    partial: a part of an answer is of use, as of a list of examples: one that is cut is taken as it is; not part of the key.
    at_once: everything else waits for it, so it goes in no batch; not part of the key.
    """

    purpose: str
    messages: Sequence[Mapping[str, str]]
    temperature: float = 1.0
    max_tokens: int = 256
    n: int = 1
    schema: Mapping[str, Any] | None = None
    sample: int = 0
    group: str = ""
    partial: bool = False
    at_once: bool = False


@dataclass(frozen=True)
class TeacherAnswer:
    """The answer to one request.

    texts: exactly n; "" where the teacher refused or said nothing.
    key: names the request; the same in every run.
    cached: it came from the journal, and nothing was sent.
    refused: the teacher, its content filter, or the endpoint refused every one of the n.
    cut: one of them ended for want of room, even with the most that is given; its text is "" but for partial requests.
    prompt_tokens, completion_tokens, usd: what it cost when it was sent.
    """

    texts: tuple[str, ...]
    key: str
    cached: bool = False
    refused: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    cut: bool = False


def scope(base_url: str) -> str:
    """The endpoint as far as it tells answers apart: "" on this machine, where the port changes from run to run."""
    return "" if is_loopback(base_url) else base_url.rstrip("/")


def is_loopback(base_url: str) -> bool:
    """Whether the address is this machine's own."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def request_key(
    request: TeacherRequest, model: str, endpoint: str, part: int | None = None, extra: Mapping[str, Any] | None = None
) -> str:
    """SHA-256 of what changes the answer, 64 hexadecimal digits.

    Args:
        request: what is asked.
        model: the teacher's name at the endpoint.
        endpoint: see `scope`.
        part: the how-many-th of the n answers, where each is asked for by itself.
        extra: what the spec sends with every request; nothing where that is nothing.
    """
    identity = {
        "endpoint": endpoint,
        "model": model,
        "messages": [dict(message) for message in request.messages],
        "temperature": round(float(request.temperature), 6),
        "max_tokens": request.max_tokens,
        "n": request.n,
        "schema": request.schema,
        "sample": request.sample,
    }
    if part is not None:
        identity["part"] = part
    if extra:
        identity["extra"] = dict(extra)
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def prompt_bound(request: TeacherRequest) -> int:
    """Tokens that the prompt has at most: a tokenizer makes no more tokens than there are bytes."""
    messages = sum(
        _MESSAGE_TOKENS + sum(len(value.encode("utf-8", "surrogatepass")) for value in message.values())
        for message in request.messages
    )
    schema = len(json.dumps(request.schema, ensure_ascii=False).encode()) + _IN_WORDS if request.schema else 0
    return _CHAT_TOKENS + messages + schema


def completion_bound(request: TeacherRequest, room: int | None = None) -> int:
    """Tokens that the answers have at most, together; room: of each, by default the request's own bound."""
    return request.n * (request.max_tokens if room is None else room)
