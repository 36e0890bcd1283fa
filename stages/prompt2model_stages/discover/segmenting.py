"""Takes a prompt apart by its layout alone: labelled pairs (`Input: … Output: …`) and arrows (`… -> …`).

It is exact where people follow these habits, and finds no demonstrations elsewhere. It steps in where the teacher's
answer cannot be trusted, and is the measure of the least that the teacher must find.
"""

from __future__ import annotations

import re

from prompt2model_api.prompt2model import Demonstration
from prompt2model_stages.discover.parsed_prompt import ParsedPrompt

MOST = 64
LONGEST = 8192
WITHOUT_INSTRUCTION = "Give the output for the input, as in the examples."

_FAMILIES = (
    (
        ("input", "eingabe", "entrada", "entrée", "输入", "入力"),
        ("output", "ausgabe", "salida", "sortie", "输出", "出力"),
    ),
    (("question", "q", "frage", "pregunta"), ("answer", "a", "antwort", "respuesta")),
    (("text", "sentence", "source", "x"), ("label", "target", "result", "response", "summary", "translation", "y")),
)
_HEADER = re.compile(
    r"(?i)^\W*(?:here (?:is|are) (?:an |some |a few )?|some |a few |for )?"
    r"(?:examples?|demonstrations?|e\.g\.?|beispiele?|ejemplos?|exemples?|例)\W*\d*\W*$"
)
_INLINE_HEADER = re.compile(r"(?i)\b(?:examples?|for example|e\.g\.|beispiele?|zum beispiel|ejemplos?|exemples?)\s*:")
_ARROW = re.compile(r"^(.*?\S)\s*(?:-{1,2}>|={1,2}>|→|⇒|↦)\s*(\S.*)$")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_INPUT_LABEL = re.compile(r"(?i)^(?:input|in|output|out)\s*:\s*")
_QUOTES = {'"': '"', "“": "”", "'": "'", "„": "“", "«": "»", "`": "`"}


def segment(prompt: str) -> ParsedPrompt:
    """The prompt's parts by its layout; without any pattern the whole prompt is the instruction."""
    for inputs, outputs in _FAMILIES:
        if (found := _labelled(prompt, inputs, outputs)) is not None:
            return _parsed(*found)
    return _parsed(*_arrows(prompt))


def _parsed(instruction: str, pairs: list[tuple[str, str]]) -> ParsedPrompt:
    kept = [(i, o) for i, o in pairs if i and o and len(i) <= LONGEST and len(o) <= LONGEST][:MOST]
    notes = (
        (f"{len(pairs) - len(kept)} examples were left out: too long, or too many.",) if len(kept) < len(pairs) else ()
    )
    demonstrations = tuple(Demonstration(input=i, output=o) for i, o in kept)
    return ParsedPrompt(instruction.strip() or WITHOUT_INSTRUCTION, demonstrations, "patterns", notes)


def _labelled(
    prompt: str, inputs: tuple[str, ...], outputs: tuple[str, ...]
) -> tuple[str, list[tuple[str, str]]] | None:
    """Instruction and pairs where lines begin with these labels; None where no input is followed by an output."""
    marks = [m for m in _label(inputs + outputs).finditer(prompt) if _counts(m, outputs)]
    pairs: list[tuple[str, str]] = []
    first, end = None, 0
    for number, mark in enumerate(marks[:-1]):
        answer = marks[number + 1]
        if mark["word"].lower() not in inputs or answer["word"].lower() not in outputs:
            continue
        last = number + 2 >= len(marks)
        value_end = _end_of_last(prompt, answer.end()) if last else marks[number + 2].start()
        output = _without_headers(prompt[answer.end() : value_end])
        given = prompt[mark.end() : answer.start()]
        if not output.strip() or not given.strip():
            continue
        first = mark.start() if first is None else first
        pairs.append((_bare(given), _bare(output)))
        end = value_end
    if first is None:
        return None
    tail = (
        "" if any(mark.start() >= end for mark in marks) else prompt[end:]
    )  # an open `Input: … Output:` asks, it does not tell
    return _instruction(prompt[:first], tail), pairs


def _counts(mark: re.Match[str], outputs: tuple[str, ...]) -> bool:
    """Within a line, an output's label counts, and an input's that is a capitalized word: `look at the input: …` is prose."""
    word = mark["word"]
    return mark["at_start"] is not None or word.lower() in outputs or (len(word) > 1 and word[0].isupper())


def _label(words: tuple[str, ...]) -> re.Pattern[str]:
    names = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
    start = r"(?P<at_start>^[ \t]*(?:[-*•>]+[ \t]+|\d+[.)][ \t]+|#+[ \t]+)?)"
    inline = r"(?<=[\s,;|/])"
    return re.compile(
        rf"(?mi)(?:{start}|{inline})(?:\*\*|\[|<)?(?P<word>{names})(?:[ \t]*#?\d+)?(?:\*\*|\]|>)?[ \t]*[:=：](?:\*\*)?[ \t]*"
    )


def _end_of_last(prompt: str, start: int) -> int:
    gap = re.compile(r"\n[ \t]*\n").search(prompt, start + len(prompt[start:]) - len(prompt[start:].lstrip()))
    return gap.start() if gap else len(prompt)


def _arrows(prompt: str) -> tuple[str, list[tuple[str, str]]]:
    """Instruction and pairs where lines hold an arrow: below a header such as `Examples:`, or at least two of them."""
    lines = _lines(prompt)
    matches = [_ARROW.match(_BULLET.sub("", line)) for line in lines]
    headed = any(_HEADER.match(line) for line in lines)
    found = [(number, match) for number, match in enumerate(matches) if match]
    if not found or (len(found) < 2 and not headed):
        return prompt, []
    first, last = found[0][0], found[-1][0]
    pairs = [(_bare(_INPUT_LABEL.sub("", m[1].strip())), _bare(_INPUT_LABEL.sub("", m[2].strip()))) for _, m in found]
    between = [line for number, line in enumerate(lines[first : last + 1], first) if not matches[number]]
    return _instruction("\n".join(lines[:first]), "\n".join([*between, *lines[last + 1 :]])), pairs


def _lines(prompt: str) -> list[str]:
    """The prompt's lines; `Examples: a -> b; c -> d` in one line becomes several."""
    lines: list[str] = []
    for line in prompt.splitlines():
        header = _INLINE_HEADER.search(line)
        if header and _ARROW.match(line[header.end() :].strip()):
            parts = re.split(r"\s*;\s+", line[header.end() :].strip().rstrip("."))
            lines += [line[: header.start()].rstrip(), "Examples:", *parts]
        else:
            lines.append(line)
    return lines


def _instruction(before: str, after: str) -> str:
    return "\n".join(filter(None, (_without_headers(part).strip() for part in (before, after))))


def _without_headers(text: str) -> str:
    """The text without lines at its end or start that only announce examples or separate them."""
    lines = text.strip().splitlines()
    while lines and (_HEADER.match(lines[-1]) or not re.search(r"\w", lines[-1])) and len(lines[-1].strip()) != 1:
        lines.pop()
    while lines and _HEADER.match(lines[0]):
        lines.pop(0)
    return "\n".join(lines)


def _bare(text: str) -> str:
    text = text.strip().strip("*").strip()
    text = text.removesuffix(",").removesuffix(";") if text[:1] in _QUOTES else text
    if len(text) >= 2 and _QUOTES.get(text[0]) == text[-1] and text[0] not in text[1:-1]:
        return text[1:-1].strip()
    return text
