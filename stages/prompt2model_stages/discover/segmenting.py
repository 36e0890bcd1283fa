"""Takes a prompt apart by its layout alone.

It is exact where people follow habits (labels, JSON, tables, tags, arrows, `for example, x becomes y`), and finds no
demonstrations elsewhere: none is better than a wrong one. It steps in where the teacher's answer cannot be trusted,
and what it finds the teacher must find too.
"""

from __future__ import annotations

from collections.abc import Callable

from prompt2model_api.prompt2model import Demonstration
from prompt2model_stages.discover.layouts.arrows import arrows
from prompt2model_stages.discover.layouts.common import Found
from prompt2model_stages.discover.layouts.fields import several_fields, two_fields
from prompt2model_stages.discover.layouts.jsons import chat_messages, json_objects
from prompt2model_stages.discover.layouts.labels import labelled, labelled_texts
from prompt2model_stages.discover.layouts.prose import quoted_in_sentences, verbs_in_sentences
from prompt2model_stages.discover.layouts.rules import read_as_rules
from prompt2model_stages.discover.layouts.tables import markdown_table, separated_values, tabs
from prompt2model_stages.discover.layouts.xml import attributes, tags
from prompt2model_stages.discover.parsed_prompt import ParsedPrompt

MOST = 64
LONGEST = 8192
WITHOUT_INSTRUCTION = "Give the output for the input, as in the examples."

LAYOUTS: tuple[Callable[[str], Found | None], ...] = (
    chat_messages,
    json_objects,
    tags,
    attributes,
    markdown_table,
    separated_values,
    several_fields,
    labelled,
    two_fields,
    labelled_texts,
    tabs,
    quoted_in_sentences,
    arrows,
    verbs_in_sentences,
)
"""In this order: what stands in the values of one layout may look like a later one."""


def segment(prompt: str) -> ParsedPrompt:
    """The prompt's parts by its layout; without any pattern the whole prompt is the instruction."""
    return parsed(parts(prompt))


def parts(prompt: str) -> Found:
    """The instruction and all pairs, as many as there are; no pairs where it is doubtful whether they are examples."""
    prompt = prompt.replace("\r\n", "\n")
    for layout in LAYOUTS:
        if (found := layout(prompt)) is not None:
            return Found(prompt, []) if read_as_rules(found.pairs) else found
    return Found(prompt, [])


def bounded(pairs: list[tuple[str, str]]) -> tuple[tuple[Demonstration, ...], tuple[str, ...]]:
    """The first demonstrations that are not too long, and a note where some are left out."""
    kept = [(i, o) for i, o in pairs if i and o and len(i) <= LONGEST and len(o) <= LONGEST][:MOST]
    left = len(pairs) - len(kept)
    notes = (f"{left} example{'s were' if left > 1 else ' was'} left out: too long, or too many.",) if left else ()
    return tuple(Demonstration(input=i, output=o) for i, o in kept), notes


def parsed(found: Found) -> ParsedPrompt:
    """What a layout has found, with as many demonstrations as are taken."""
    demonstrations, notes = bounded(found.pairs)
    return ParsedPrompt(found.instruction.strip() or WITHOUT_INSTRUCTION, demonstrations, "patterns", notes)
