"""Wrong answers of a teacher, made out of a right one: what must be refused for every prompt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

Answer = dict[str, Any]


def wrong_answers(case: Answer) -> Iterator[tuple[str, Answer]]:
    """A name and an answer for each way in which the case's right answer can be spoilt."""
    instruction, pairs = case["instruction"], case["demonstrations"]

    def answer(pairs: list[Answer], text: str = instruction) -> Answer:
        return {"instruction": text, "demonstrations": pairs}

    yield "a paraphrased instruction", answer(pairs, f"Kindly {instruction[0].lower()}{instruction[1:]}")
    yield "an instruction with more", answer(pairs, f"{instruction}\nExplain your answer.")
    yield "a word left out of the instruction", answer(pairs, _without_a_word(instruction))
    yield "no instruction", answer(pairs, "")
    for name, half in _halves(instruction):
        yield name, answer(pairs, half)
    yield "an invented demonstration", answer([*pairs, {"input": "an invented text", "output": "invented"}])
    if not pairs:
        return
    yield "an invented output", answer([{**pairs[0], "output": "invented"}, *pairs[1:]])
    yield "an invented input", answer([*pairs[:-1], {**pairs[-1], "input": "an invented text"}])
    yield "one demonstration twice", answer([pairs[0], *pairs])
    yield "all turned around", answer([{"input": p["output"], "output": p["input"]} for p in pairs])
    yield "the last turned around", answer([*pairs[:-1], {"input": pairs[-1]["output"], "output": pairs[-1]["input"]}])
    if len(pairs) <= 64:
        yield "the last left out", answer(pairs[:-1])
    yield "the first left out", answer(pairs[1:])
    yield "all left out", answer([])
    if len(pairs) > 2:
        yield "one in the middle left out", answer([pairs[0], *pairs[2:]])
    if len(pairs) > 1:
        yield from _of_several(answer, pairs)
    for half in ("input", "output"):
        words = str(pairs[0][half]).split(" ")
        if isinstance(pairs[0][half], str) and len(words) > 2:
            yield f"the first {half} cut", answer([{**pairs[0], half: " ".join(words[:-1])}, *pairs[1:]])


def _of_several(answer: Any, pairs: list[Answer]) -> Iterator[tuple[str, Answer]]:
    first, second = pairs[0], pairs[1]
    outputs = [p["output"] for p in pairs]
    if outputs[0] != outputs[1]:
        crossed = [{**first, "output": outputs[1]}, {**second, "output": outputs[0]}, *pairs[2:]]
        yield "the outputs of two crossed", answer(crossed)
    shifted = [{"input": p["output"], "output": q["input"]} for p, q in pairwise(pairs)]
    yield "each output with the next input", answer(shifted)
    yield "two in one", answer([{"input": first["input"], "output": second["output"]}, *pairs[2:]])
    texts = [str(half) for p in (first, second) for half in (p["input"], p["output"])]
    yield "two joined", answer([{"input": f"{texts[0]}\n{texts[2]}", "output": f"{texts[1]}\n{texts[3]}"}, *pairs[2:]])
    yield "two in another order", answer([second, first, *pairs[2:]])


def _without_a_word(text: str) -> str:
    words = text.split(" ")
    if len(words) > 3:
        return " ".join([*words[:2], *words[3:]])
    return " ".join(words[:-1]) or text[: len(text) // 3] + text[len(text) // 3 + 1 :]


def _halves(text: str) -> Iterator[tuple[str, str]]:
    parts = [part for part in re.split(r"(?<=[.!?。])\s*|\n+", text) if part.strip()]
    if len(parts) > 1:
        yield "the instruction's first part alone", parts[0]
        yield "the instruction's last part alone", parts[-1]
    words = text.split()
    if len(words) > 3:
        yield "half of the instruction's words", " ".join(words[: len(words) // 2])
