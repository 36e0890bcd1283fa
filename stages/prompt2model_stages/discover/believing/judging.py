"""Whether the prompt bears the teacher's answer out: all of it is copied, nothing is dropped, nothing is turned around."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from prompt2model_stages.discover.believing.aligning import Placed, placed
from prompt2model_stages.discover.believing.clauses import plain, worded
from prompt2model_stages.discover.believing.edges import is_cut
from prompt2model_stages.discover.believing.middles import are_settings, holds_separator, middles_agree
from prompt2model_stages.discover.believing.units import Unit, gap_units
from prompt2model_stages.discover.believing.values import Reader, Value
from prompt2model_stages.discover.believing.views import Views, bare
from prompt2model_stages.discover.layouts.common import Found, bare_pair
from prompt2model_stages.discover.layouts.rules import read_as_rules
from prompt2model_stages.discover.layouts.templates import begins_with_template
from prompt2model_stages.discover.layouts.words import OUTPUT_NAMES, is_label
from prompt2model_stages.discover.parsed_prompt import ParsedPrompt, squeezed
from prompt2model_stages.discover.segmenting import MOST, WITHOUT_INSTRUCTION, bounded, parsed, parts
from prompt2model_stages.teacher.parsing import parse_json


def understood(text: str, prompt: str, at_least: int = 0, found: Found | None = None) -> ParsedPrompt:
    """The teacher's answer as a parsed prompt.

    Args:
        text: the answer.
        prompt: what the user wrote.
        at_least: demonstrations that there must be, whatever the layout shows.
        found: what the layout shows, where it is known.

    Raises: ValueError, saying what the prompt does not bear out.
    """
    prompt = prompt.replace("\r\n", "\n")
    found = found or parts(prompt)
    tree, by_layout = parse_json(text), parsed(found)
    if not isinstance(tree, dict) or not isinstance(tree.get("instruction"), str):
        raise ValueError("there is no instruction in the answer")
    instruction = tree["instruction"].strip()
    if instruction and not _is_copied(instruction, prompt):
        raise ValueError("the instruction must be copied from the prompt")
    reader = Reader(prompt, Views(prompt))
    values = _read(_listed(tree.get("demonstrations")), reader)
    fewest = max(at_least, len(by_layout.demonstrations))
    if len(values) < fewest:
        raise ValueError(f"the prompt has {fewest} demonstrations, the answer {len(values)}")
    if len(values) >= MOST:
        values += _read([{"input": given, "output": output} for given, output in found.pairs[len(values) :]], reader)
    spots = _spots(values, prompt)
    pairs = [
        (given.read(spot.given), output.read(spot.output)) for (given, output), spot in zip(values, spots, strict=True)
    ]
    _check_examples(pairs, spots, prompt)
    pairs = _with_layout(pairs, by_layout)
    instruction = _instruction(instruction, spots, prompt, by_layout)
    demonstrations, notes = bounded(pairs)
    lost = notes or (by_layout.notes if len(demonstrations) == len(by_layout.demonstrations) else ())
    return ParsedPrompt(instruction, demonstrations, "teacher", lost)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError("demonstrations must be a list")
    return value


def _read(demonstrations: Sequence[Any], reader: Reader) -> list[tuple[Value, Value]]:
    found = []
    for pair in demonstrations:
        if not isinstance(pair, dict) or set(pair) != {"input", "output"}:
            raise ValueError("each demonstration needs an input and an output, both with text")
        halves = reader.value(pair["input"]), reader.value(pair["output"])
        if halves[0] is None or halves[1] is None:
            raise ValueError("the demonstrations must be copied from the prompt")
        found.append((halves[0], halves[1]))
    return found


def _spots(values: Sequence[tuple[Value, Value]], prompt: str) -> list[Placed]:
    """Where the demonstrations are. An output may stand above its input only where the labels say so."""
    if not values:
        return []
    if (found := placed(values)) is not None:
        return found
    turned = placed(values, output_first=True)
    if turned is None or not all(_is_labelled_output(prompt[: spot.output[0].start]) for spot in turned):
        raise ValueError("inputs and outputs must be as the prompt has them, in its order, none of them twice")
    return turned


def _is_labelled_output(before: str) -> bool:
    label = before.rstrip(" \t\"'*_`:：=>").splitlines()[-1:] or [""]
    return is_label(label[0].strip(" \t-*#<>[]{}\"'"), OUTPUT_NAMES)


def _check_examples(pairs: Sequence[tuple[str, str]], spots: Sequence[Placed], prompt: str) -> None:
    if not spots:
        return
    if begins_with_template(pairs):
        raise ValueError("what names the kind of input and output is no demonstration")
    if are_settings(prompt, spots) or (len(pairs) < 3 and read_as_rules(pairs)):
        raise ValueError("rules and settings such as `Audience: …` and `Tone: …` are no demonstration")
    if not middles_agree(prompt, spots) or any(is_cut(prompt, spot) for spot in spots):
        raise ValueError("inputs and outputs must be copied whole, as the prompt separates them")
    if holds_separator(prompt, spots):
        raise ValueError("a demonstration must not hold two examples")


def _with_layout(pairs: Sequence[tuple[str, str]], by_layout: ParsedPrompt) -> list[tuple[str, str]]:
    """The pairs, with the layout's text where the two differ in marks or white space.

    Raises: ValueError where one that the layout shows beyond doubt is not there, with the same output and the same input.
    """
    at, kept = 0, list(pairs)
    for shown in by_layout.demonstrations:
        texts = shown.input, shown.output
        found = next(
            (n for n in range(at, len(pairs)) if _same(pairs[n], texts) or bare_pair(*pairs[n]) == texts), None
        )
        if found is None:
            raise ValueError(f"the prompt's layout shows the demonstration {squeezed(shown.input)[:60]!r}")
        given, output = (_whole(text, there) for text, there in zip(pairs[found], texts, strict=True))
        kept[found] = given, output
        at = found + 1
    return kept


def _same(pair: tuple[str, str], shown: tuple[str, str]) -> bool:
    given, output = (_compared(text) for text in pair)
    if output != _compared(shown[1]):
        return False
    return given == _compared(shown[0]) or _fields(pair[0]) == _fields(shown[0])


def _compared(text: str) -> str:
    return worded(text) or bare(text) or text


def _whole(text: str, shown: str) -> str:
    """The layout's text; the prompt's where the layout has labels, or Markdown's marks around the whole, that it leaves out."""
    marks = re.match(r"(?:\*\*|__|~~|[*_`])+", shown)
    if marks is not None and shown == f"{marks.group()}{text}{marks.group()[::-1]}":
        return text
    return shown if _compared(text) == _compared(shown) else text


def _fields(text: str) -> list[str]:
    """The values of an input of several fields, whatever their labels look like."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return [worded(str(value)) for value in found.values()]
    lines = (line.partition(":")[2] if ":" in line[:32] else line for line in text.splitlines())
    return [plain for line in lines if (plain := worded(line))]


def _instruction(instruction: str, spots: Sequence[Placed], prompt: str, by_layout: ParsedPrompt) -> str:
    """The instruction, where the units outside the demonstrations make it up.

    Raises: ValueError where it leaves out what is not explained, or holds more.
    """
    units = gap_units(prompt, spots)
    if not worded(instruction):
        if by_layout.instruction == WITHOUT_INSTRUCTION:
            return WITHOUT_INSTRUCTION
        raise ValueError("the instruction is empty")
    if _made_of(instruction, units):
        return instruction
    if any(spot.given[0].text in instruction and len(spot.given[0].text) > 20 for spot in spots):
        raise ValueError("the instruction must not hold the demonstrations")
    held = len(worded(instruction)) + sum(len(worded(prompt[spot.start : spot.end])) for spot in spots)
    share = min(0.99, held / max(1, len(worded(prompt))))
    raise ValueError(f"the answer holds {share:.0%} of the prompt only, or other text")


def _is_copied(instruction: str, prompt: str) -> bool:
    """Whether the instruction is made of the prompt's units, or each of its lines is in the prompt."""
    units = [Unit(unit.text, True) for unit in gap_units(prompt, [])]
    return _made_of(instruction, units) or any(
        all(form(line) in form(prompt) for line in instruction.splitlines()) for form in (worded, plain)
    )


def _made_of(instruction: str, units: Sequence[Unit]) -> bool:
    """Whether a text is the units one after the other, without some that are explained."""
    return any(
        _is_row(form(instruction), [Unit(form(unit.text), unit.is_explained) for unit in units])
        for form in (worded, plain)
    )


def _is_row(whole: str, units: Sequence[Unit]) -> bool:
    reached = {0}
    for unit in units:
        text = unit.text
        taken = {at + len(text) for at in reached if whole.startswith(text, at)}
        reached = taken | reached if unit.is_explained else taken
        if not reached:
            return False
    return len(whole) in reached
