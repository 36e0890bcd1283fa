"""White space that is part of a text: the indentation of lines, as in programs; the rest is none of it."""

from __future__ import annotations

import re

_BLANK_LINES = re.compile(r"\A(?:[^\S\n]*\n)+")


def trimmed(text: str, lone: bool = False) -> str:
    """The text without blank lines at both ends and without spaces behind it. The first of several lines keeps its indentation.

    Args:
        text: as it is written.
        lone: whether a single line keeps one too, of two spaces or a tab at least. Before a label, spaces are an oversight.

    >>> trimmed("\\n    a\\n    b\\n")
    '    a\\n    b'
    >>> trimmed("    label "), trimmed("    return a", lone=True), trimmed(" label", lone=True)
    ('label', '    return a', 'label')
    """
    body = _BLANK_LINES.sub("", text.rstrip())
    bare = body.lstrip()
    indent = body[: len(body) - len(bare)]
    if not bare:
        return ""
    kept = "\n" in bare or (lone and (len(indent) > 1 or indent == "\t"))
    return body if kept else bare
