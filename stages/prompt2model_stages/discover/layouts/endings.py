"""Whether the layout shows where the last value ends and a rule below it begins."""

from __future__ import annotations

import re
from collections.abc import Sequence

from prompt2model_stages.discover.layouts.common import is_heading, is_in_quotes, is_title, without_headings

_BLANK = re.compile(r"\n[ \t]*\n")
_STOPS = (".", "!", "…", "。", "！", "।")


def ends_surely(values: Sequence[str], below: str) -> bool:
    """Whether the last value is whole, and what stands below it is none of it.

    It is doubtful where the last one has more lines than all others, and where a paragraph follows a sentence, or several
    lines, that it may go on.

    Args:
        values: the outputs, in the prompt's order.
        below: the prompt's text from the end of the last one.
    """
    *others, last = (value.strip() for value in values)
    if _is_closed(last):
        return True
    most = max((len(other.splitlines()) for other in others), default=1)
    if len(last.splitlines()) > most:
        return False
    first = next((line for line in below.splitlines() if re.search(r"\w", line)), "")
    if not without_headings(below).strip() or is_heading(first) or is_title(first):
        return True
    if any(_BLANK.search(without_headings(other)) for other in others):
        return False
    may_go_on = most > 1 or last.endswith(_STOPS)
    return not may_go_on or (len(others) > 1 and most == 1)


def _is_closed(value: str) -> bool:
    """Whether a value shows where it ends: with its quote, fence or bracket."""
    in_fence = value.startswith(("```", "~~~")) and value.endswith(("\n```", "\n~~~"))
    return is_in_quotes(value) or in_fence or (value[:1], value[-1:]) in (("{", "}"), ("[", "]"), ("<", ">"))
