"""Texts that have to fit: the start is kept, because the root cause stands there."""

from __future__ import annotations

MESSAGE_LIMIT = 1024
"""Characters of a message in a condition, a failure or an event."""


def cut(text: str, most: int = MESSAGE_LIMIT) -> str:
    """The text itself where it fits; else its start and an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def because(what: str, said: str) -> str:
    """What happened, with somebody else's words on it where there are any; on one line."""
    words = _one_line(said)
    return f"{what}: {words}" if words else what


def sentence(text: str) -> str:
    """The text on one line with a full stop, so that another sentence may follow."""
    line = _one_line(text).rstrip(" :;,")
    return line if not line or line.rstrip("\"')`”*")[-1:] in ("", *".!?…。！？") else f"{line}."


def told(message: str, remedy: str, most: int = MESSAGE_LIMIT) -> str:
    """A message with its remedy, as sentences. Where both do not fit, the message is cut, to half of the room at least."""
    remedy = sentence(remedy)
    room = max(most - len(remedy) - 1, most // 2)
    return cut(f"{cut(sentence(message), room)} {remedy}".strip(), most)


def _one_line(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines() if line.strip())
