"""Comments in a part of a YAML text. PyYAML reads over them: they stand in the gaps between its tokens."""

from __future__ import annotations

import re

import yaml

COMMENT = re.compile(r"(?<!\S)#[^\r\n]*")


def comments_in(text: str, start: int, end: int) -> list[str]:
    """The comments that begin in text[start:end], each from its # to the end of its line. Raises: yaml.YAMLError."""
    found, gap = [], 0
    for token in yaml.scan(text):
        found += [
            match for match in COMMENT.finditer(text, gap, token.start_mark.index) if start <= match.start() < end
        ]
        gap = max(gap, token.end_mark.index)
        if gap >= end:
            break
    return [match[0].rstrip() for match in found]
