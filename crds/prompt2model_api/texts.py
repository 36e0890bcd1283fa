"""Texts that have to fit: the start is kept, because the root cause stands there."""

from __future__ import annotations

MESSAGE_LIMIT = 1024
"""Characters of a message in a condition, a failure or an event."""


def cut(text: str, most: int = MESSAGE_LIMIT) -> str:
    """The text itself where it fits; else its start and an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def told(message: str, remedy: str, most: int = MESSAGE_LIMIT) -> str:
    """A message with its remedy. Where both do not fit, the message is cut, to half of the room at least."""
    room = max(most - len(remedy) - 1, most // 2)
    return cut(f"{cut(message, room)} {remedy}".strip(), most)
