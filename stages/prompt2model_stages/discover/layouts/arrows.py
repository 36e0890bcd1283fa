"""Examples with an arrow: `dog -> chien` in lines, bullets, `Example 1: … => …`, paragraphs, or one after the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from prompt2model_stages.discover.layouts.common import (
    BULLET,
    Found,
    around,
    bare_pair,
    is_half_open,
    is_heading,
    is_in_quotes,
    is_open,
)
from prompt2model_stages.discover.layouts.templates import without_template
from prompt2model_stages.discover.layouts.words import EXAMPLE, EXAMPLES, INPUTS, OUTPUTS, pattern

_KINDS = ("-{1,2}>", "={1,2}>", "→|⟶|➔|➜|➡️?", "⇒|⟹", "↦", ">>>?")


def _arrow(kind: str) -> re.Pattern[str]:
    mark = rf"(?<![-=<>])(?:{kind})(?![->=])[ \t]*(?=\S)"
    return re.compile(rf"(?<=\S)[ \t]*{mark}|\n[ \t]*{mark}")


_ANY = _arrow("|".join(_KINDS))
_ARROWS = tuple(_arrow(kind) for kind in _KINDS)
_NUMBERED = re.compile(
    rf"(?i)^[ \t]*(?:[-*•][ \t]+)?(?:\*\*|#+[ \t]+)?(?:{EXAMPLES})[ \t]*#?\d*[ \t]*(?:\*\*)?[.:：)][ \t]*(?=\S)"
)
_LABEL = re.compile(rf"(?i)^(?:{pattern((*INPUTS, *OUTPUTS))})\s*[:：]\s*")
_INLINE = re.compile(rf"(?i)(?:{EXAMPLES})\W{{0,3}}[:：,]\s*|[(（]\s*(?:{EXAMPLES}\W{{0,3}})?")


@dataclass(frozen=True)
class _Line:
    """A line, or several that belong together, and whether a bullet or number opens it."""

    text: str
    is_opened: bool
    has_blank_before: bool


def arrows(prompt: str) -> Found | None:
    """Pairs with an arrow: below a heading, with bullets, or at least two; None where there are none, or it is doubtful."""
    arrow = _one_in_each(prompt)
    if arrow is None:
        return None
    return _in_lines(prompt, arrow) or _in_one_line(prompt, arrow)


def _one_in_each(prompt: str) -> re.Pattern[str] | None:
    """Any arrow where no line has two; else the one kind that each of these lines has once; None where it is doubtful."""
    lines = [line.text for line in _lines(prompt) if _ANY.search(line.text)]
    if len(lines) < 2 or all(len(_ANY.findall(line)) == 1 for line in lines):
        return _ANY if lines else None
    kinds = [kind for kind in _ARROWS if all(len(kind.findall(line)) == 1 for line in lines)]
    return kinds[0] if len(kinds) == 1 else None


def _in_lines(prompt: str, arrow: re.Pattern[str]) -> Found | None:
    lines = _lines(prompt)
    counts = [len(arrow.findall(line.text)) for line in lines]
    hits = [n for n, count in enumerate(counts) if count]
    if not hits or any(counts[n] != 1 for n in hits):
        return None
    first, last = hits[0], hits[-1]
    before = [line.text for line in lines[:first]]
    headed = any(is_heading(text) for text in before) or lines[first].is_opened
    between = [lines[n].text for n in range(first, last) if n not in hits]
    if any(re.search(r"\w", text) and not is_heading(text) for text in between) or (len(hits) < 2 and not headed):
        return None
    if len(hits) > 1 and _is_open_text(lines, hits):
        return None
    texts, rest = _cut_last([lines[n].text for n in hits])
    pairs = without_template([_pair(text, arrow) for text in texts])
    if is_half_open(pairs) or _leads_a_list(before) or _is_last_longest(texts):
        return Found(prompt, [])
    kept = [pair for pair in pairs if not is_open(pair[0])]
    after = "\n".join([*rest, *(line.text for line in lines[last + 1 :])])
    return Found(around("\n".join(before), after), kept) if kept else None


def _cut_last(texts: list[str]) -> tuple[list[str], list[str]]:
    """The examples, and the lines below the last one: where all others have one line, these do not belong to it."""
    first, *below = texts[-1].splitlines()
    if below and len(texts) > 1 and not any("\n" in text for text in texts[:-1]):
        return [*texts[:-1], first], below
    return texts, []


def _leads_a_list(before: Sequence[str]) -> bool:
    """Whether `Steps:` or the like stands above the lines: then they may be steps or menus, and no examples."""
    above = before[-1].rstrip() if before else ""
    return above.endswith((":", "：")) and not is_heading(above) and EXAMPLE.search(above) is None


def _is_last_longest(texts: Sequence[str]) -> bool:
    """Whether the last example has more lines than all others: its last ones may be a rule."""
    lines = [len(text.splitlines()) for text in texts]
    return lines[-1] > max(lines[:-1], default=1)


def _is_open_text(lines: Sequence[_Line], hits: Sequence[int]) -> bool:
    """Whether the first example may begin in the lines above it: one of them, without bullet, directly above."""
    first = hits[0]
    if first == 0 or lines[first].is_opened or lines[first].has_blank_before:
        return False
    apart = all(lines[n].has_blank_before for n in hits[1:])
    return apart and not is_heading(lines[first - 1].text)


def _lines(prompt: str) -> list[_Line]:
    """The prompt's lines; where bullets or `Example 1:` open examples, each with the lines that go on below it."""
    found: list[_Line] = []
    blank = True
    for text in prompt.splitlines():
        if not text.strip() or re.match(r"^\s*(?:```|~~~)", text):
            blank = True
            continue
        numbered, bullet = _NUMBERED.match(text), BULLET.match(text)
        opened = numbered or bullet
        body = text[opened.end() :] if opened else text
        goes_on = not opened and not blank and found and found[-1].is_opened and not is_heading(text)
        if re.match(r"^[ \t]*(?:-{1,2}>|={1,2}>|→|⇒|↦)", text) and found and not blank:
            goes_on = True
        if goes_on:
            found[-1] = _Line(f"{found[-1].text}\n{text}", found[-1].is_opened, found[-1].has_blank_before)
        else:
            found.append(_Line(body if opened and _may_be_pair(body) else text, opened is not None, blank))
        blank = False
    return found


def _may_be_pair(text: str) -> bool:
    return _ANY.search(text) is not None or not is_heading(text)


def _in_one_line(prompt: str, arrow: re.Pattern[str]) -> Found | None:
    """`Examples: a -> b; c -> d.` in one line, after a colon or in parentheses."""
    hits = [n for n, line in enumerate(prompt.splitlines()) if arrow.search(line)]
    lines = prompt.splitlines()
    if len(hits) != 1:
        return None
    line = lines[hits[0]]
    openings = [m for m in _INLINE.finditer(line) if m.end() <= arrow.search(line).start() + 1]  # type: ignore[union-attr]
    if not openings:
        return None
    opening = openings[-1]
    body, rest = _body(line[opening.end() :], opening.group()[0] in "(（")
    for separator in (r"\s*[;；]\s+", r"\s*,\s+(?:and\s+|und\s+|y\s+|et\s+|e\s+|и\s+)?", r"\s*[、，；]\s*"):
        parts = re.split(separator, body)
        if all(len(arrow.findall(part)) == 1 and part.count('"') % 2 == 0 for part in parts):
            pairs = [_pair(part, arrow) for part in parts]
            pairs = without_template(pairs)
            after = "\n".join(filter(None, (rest, *lines[hits[0] + 1 :])))
            before = "\n".join([*lines[: hits[0]], line[: opening.start()].rstrip(" ,;:-(（")])
            return Found(around(before, after), pairs) if pairs else None
    return None


def _body(text: str, in_parentheses: bool) -> tuple[str, str]:
    """The examples in a line, and the text after them."""
    if in_parentheses:
        inside, _, rest = text.partition(")" if ")" in text else "）")
        return inside.strip(), "" if not re.search(r"\w", rest) else rest.strip()
    return text.strip().removesuffix(".").removesuffix("。"), ""


def _pair(text: str, arrow: re.Pattern[str]) -> tuple[str, str]:
    given, output = (_LABEL.sub("", part.strip()) for part in arrow.split(text, maxsplit=1))
    if is_in_quotes(given) and is_in_quotes(output):
        return given[1:-1].strip(), output[1:-1].strip()
    return bare_pair(given, output)
