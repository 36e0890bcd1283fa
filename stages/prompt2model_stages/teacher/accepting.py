"""What is made of a reply, whichever process asked: which texts are an answer, and whether another try with more room may help."""

from __future__ import annotations

from prompt2model_stages.teacher.replies import Choice, Reply
from prompt2model_stages.teacher.room import more_room


def room_for_another(reply: Reply, asked: int, room: int, most: int, partial: bool) -> int | None:
    """The room of another try, where an answer was cut and more may help; None where the reply is taken as it is.

    Args:
        reply: what came.
        asked: tokens that each answer was to have.
        room: tokens that it might have.
        most: the most that it may have; 0: no bound is known.
        partial: see TeacherRequest.
    """
    cut = [choice for choice in reply.choices if choice.cut]
    reasoned = any(choice.reasoned or not choice.text for choice in cut)
    if not cut or (partial and not reasoned):
        return None
    return more_room(asked, room, most, reasoned)


def text_of(choice: Choice, partial: bool) -> str:
    """The text of an answer. One that is cut is none; only who asked for a list may use what is whole in it."""
    return "" if choice.cut and not partial else choice.text


def texts_of(reply: Reply, count: int, partial: bool) -> list[str]:
    """Exactly so many texts; "" where there is none."""
    texts = [text_of(choice, partial) for choice in reply.choices[:count]]
    return texts + [""] * (count - len(texts))
