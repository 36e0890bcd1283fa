"""Reads what the endpoint answered: an answer, no answer, or an error that it calls a success."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prompt2model_stages.teacher.signs import Garbage, page_title
from prompt2model_stages.teacher.thinking import without_thoughts

_FILTERED = frozenset(
    {
        *("content_filter", "content_filtered", "safety", "sensitive", "recitation", "prohibited_content", "blocklist"),
        *("spii", "refusal", "guardrail_intervened", "moderation"),
    }
)
"""Words of `finish_reason`, in lower case, that say that the answer was withheld."""
_CUT = frozenset({"length", "max_tokens", "max_output_tokens", "model_length"})
_BROKEN = frozenset({"error", "network_error", "failed", "malformed_function_call"})


class SaidInSuccess(Exception):
    """An error in a body that came with status 200. tree: the body, or the choice that holds the error."""

    def __init__(self, tree: Mapping[str, Any]) -> None:
        super().__init__(json.dumps(tree, default=str)[:300])
        self.tree = tree


@dataclass(frozen=True)
class Choice:
    """One answer.

    text: without thoughts; "" where it was refused or nothing was said.
    refused: the endpoint withheld it.
    cut: it ended because there was no more room.
    reasoned: thoughts came with it, or instead of it.
    """

    text: str
    refused: bool = False
    cut: bool = False
    reasoned: bool = False


@dataclass(frozen=True)
class Reply:
    """What the endpoint answered.

    choices: at least one.
    prompt, completion: tokens by the endpoint's own count, those of the reasoning included; None where it gives none, or 0
        for a text.
    """

    choices: tuple[Choice, ...]
    prompt: int | None
    completion: int | None

    @classmethod
    def refusal(cls, count: int) -> Reply:
        """So many answers withheld, at no cost."""
        return cls((Choice("", refused=True),) * count, 0, 0)

    @property
    def reasoned(self) -> bool:
        """Whether any answer came with thoughts."""
        return any(choice.reasoned for choice in self.choices)


def read_reply(content: bytes) -> Reply:
    """The reply in a body. Raises: Garbage, SaidInSuccess."""
    tree = _tree(content)
    choices = tree.get("choices")
    if not isinstance(choices, list) or not choices:
        if _is_withheld(tree):
            return Reply.refusal(1)
        if any(tree.get(name) for name in ("error", "detail", "message", "msg", "error_msg", "base_resp", "errors")):
            raise SaidInSuccess(tree)
        raise Garbage(f"no choices in {json.dumps(tree)[:120]}")
    raw = tree.get("usage")
    usage: dict[str, Any] = raw if isinstance(raw, dict) else {}
    details = usage.get("completion_tokens_details")
    thought = _count(details.get("reasoning_tokens")) if isinstance(details, dict) else None
    read = tuple(_choice(choice, bool(thought)) for choice in choices)
    prompt, completion = _tokens(usage, any(choice.text for choice in read))
    if completion and "timings" in tree and len(read) > 1:
        completion = _of_all(completion, [choice.text for choice in read])
    return Reply(read, prompt, completion)


def _tree(content: bytes) -> dict[str, Any]:
    text = content.decode("utf-8", "replace").lstrip("\ufeff \r\n\t")
    if text.startswith(("data:", "event:", ":")):
        return _streamed(text)
    try:
        tree = json.loads(text)
    except ValueError:
        if title := page_title(text):
            raise Garbage(f"no JSON, but a web page (html, {title})") from None
        start = " ".join(text[:120].split())
        raise Garbage(f"no JSON, but {start!r}" if start else "an empty body") from None
    if isinstance(tree, list) and len(tree) == 1:
        tree = tree[0]
    if not isinstance(tree, dict):
        raise Garbage(f"no choices in {json.dumps(tree)[:120]}")
    return tree


def _streamed(text: str) -> dict[str, Any]:
    """The body of an endpoint that streams although nobody asked for it, put together from its pieces."""
    said: dict[int, dict[str, Any]] = {}
    usage: Any = None
    for line in text.splitlines():
        data = line.partition("data:")[2].strip() if line.startswith("data:") else ""
        if not data or data == "[DONE]":
            continue
        try:
            piece = json.loads(data)
        except ValueError:
            raise Garbage("a stream of pieces that are no JSON") from None
        if not isinstance(piece, dict):
            raise Garbage("a stream of pieces that are none")
        if piece.get("error"):
            return piece
        usage = piece.get("usage") or usage
        for choice in piece.get("choices") or []:
            index = choice.get("index") or 0
            whole = said.setdefault(index, {"index": index, "finish_reason": None, "message": {"content": ""}})
            delta = choice.get("delta") or choice.get("message") or {}
            whole["message"]["content"] += delta.get("content") or ""
            whole["finish_reason"] = choice.get("finish_reason") or whole["finish_reason"]
            if delta.get("reasoning_content") or delta.get("reasoning"):
                whole["message"]["reasoning_content"] = "..."
    if any(whole["finish_reason"] is None for whole in said.values()):
        raise Garbage("a stream that ends before the answer does")
    return {"choices": [said[index] for index in sorted(said)], "usage": usage}


def _is_withheld(tree: Mapping[str, Any]) -> bool:
    """Whether there is no choice because the prompt was filtered: Gemini's and Azure's words for it."""
    feedback = tree.get("promptFeedback") or tree.get("prompt_feedback")
    if isinstance(feedback, dict) and feedback.get("blockReason", feedback.get("block_reason")):
        return True
    results = tree.get("prompt_filter_results")
    return isinstance(results, list) and '"filtered": true' in json.dumps(results)


def _choice(choice: object, thought: bool) -> Choice:
    if not isinstance(choice, dict):
        raise Garbage("a choice that is none")
    reason = str(choice.get("finish_reason") or choice.get("native_finish_reason") or "").lower()
    if choice.get("error"):
        raise SaidInSuccess({"error": choice["error"]})
    message = choice.get("message")
    if reason in _FILTERED or (isinstance(message, dict) and message.get("refusal")):
        return Choice("", refused=True)
    if reason in _BROKEN:
        raise SaidInSuccess({"error": {"code": 502, "message": f"the answer broke off (finish_reason {reason})"}})
    if not isinstance(message, dict):
        raise Garbage("a choice without a message")
    spoken = without_thoughts(_content(message))
    apart = bool(message.get("reasoning_content") or message.get("reasoning") or message.get("thinking"))
    cut = reason in _CUT or spoken.unfinished
    return Choice(spoken.text, cut=cut, reasoned=thought or apart or spoken.thought)


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):  # parts, as some endpoints give them; Mistral's thoughts are a part of another type
        texts = [part.get("text") for part in content if isinstance(part, dict) and "thinking" not in part]
        content = "".join(text for text in texts if isinstance(text, str))
    if isinstance(content, dict):
        content = json.dumps(content, ensure_ascii=False)
    if content is not None and not isinstance(content, str):
        raise Garbage("a message whose content is no text")
    return content if content and content.strip() else _arguments(message)


def _arguments(message: Mapping[str, Any]) -> str:
    """The arguments of the one function that is called instead of an answer: some endpoints give JSON in this way."""
    calls = message.get("tool_calls")
    called = calls[0] if isinstance(calls, list) and calls and isinstance(calls[0], dict) else {}
    function = called.get("function") or message.get("function_call")
    arguments = function.get("arguments") if isinstance(function, dict) else None
    if isinstance(arguments, dict | list):
        return json.dumps(arguments, ensure_ascii=False)
    return arguments if isinstance(arguments, str) else ""


def _tokens(usage: Mapping[str, Any], said: bool) -> tuple[int | None, int | None]:
    """Tokens of prompt and completion. Some leave the reasoning out of the completion, and not out of the total."""
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    total = _count(usage.get("total_tokens"))
    if prompt is not None and total is not None:
        completion = max(total - prompt, completion or 0)
    return prompt or None, None if said and not completion else completion


def _of_all(completion: int, texts: Sequence[str]) -> int:
    """llama.cpp counts the first of several answers alone: the others are taken to have as many tokens a character."""
    return math.ceil(completion * sum(map(len, texts)) / len(texts[0])) if texts[0] else completion * len(texts)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
