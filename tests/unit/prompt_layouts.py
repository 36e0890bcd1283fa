"""Tasks written out in the layouts in which people write prompts, for tests and for benchmarks/parser.py."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from tests.unit.task_prompts import TASK_PROMPTS

_LABELS = {
    "de": ("Eingabe", "Ausgabe"),
    "fr": ("Entrée", "Sortie"),
    "es": ("Entrada", "Salida"),
    "it": ("Domanda", "Risposta"),
    "pt": ("Entrada", "Saída"),
    "ru": ("Вход", "Выход"),
    "uk": ("Вхід", "Вихід"),
    "zh": ("输入", "输出"),
    "ja": ("入力", "出力"),
    "ko": ("입력", "출력"),
    "th": ("คำถาม", "คำตอบ"),
    "ar": ("سؤال", "جواب"),
    "hi": ("प्रश्न", "उत्तर"),
    "tr": ("Girdi", "Çıktı"),
    "vi": ("Câu hỏi", "Trả lời"),
    "nl": ("Invoer", "Uitvoer"),
}


@dataclass(frozen=True)
class Task:
    """An instruction, its pairs of input and output, and their language."""

    name: str
    instruction: str
    pairs: tuple[tuple[str, str], ...]
    language: str = "en"


@dataclass(frozen=True)
class Layout:
    """A way to write a task as one prompt."""

    name: str
    write: Callable[[Task], str]


def shipped_tasks() -> list[Task]:
    """48 tasks: those of task_prompts, and of data/tasks.jsonl, of more kinds and languages."""
    rows = [json.loads(line) for line in (Path(__file__).parent / "data/tasks.jsonl").read_text().splitlines()]
    more = [Task(r["name"], r["instruction"], tuple((i, o) for i, o in r["pairs"]), r["language"]) for r in rows]
    return [*(Task(task.name, task.instruction, task.pairs) for task in TASK_PROMPTS), *more]


def _labelled(given: str, output: str, between: str = "\n\n") -> Callable[[Task], str]:
    def write(task: Task) -> str:
        return f"{task.instruction}\n\n" + between.join(f"{given}{i}\n{output}{o}" for i, o in task.pairs)

    return write


def _own_labels(task: Task) -> str:
    given, output = _LABELS.get(task.language, ("Text", "Answer"))
    return _labelled(f"{given}: ", f"{output}: ")(task)


def _both_sides(task: Task) -> str:
    """The instruction's first sentence above the examples, the others below them."""
    first, stop, rest = _first_sentence(task.instruction)
    examples = "\n\n".join(f"Example {n}:\nInput: {i}\nOutput: {o}" for n, (i, o) in enumerate(task.pairs, 1))
    return "\n\n".join(filter(None, (first + stop, examples, rest)))


def _first_sentence(text: str) -> tuple[str, str, str]:
    for stop in (". ", "。"):
        if stop in text:
            first, _, rest = text.partition(stop)
            return first, stop.strip(), rest
    return text, "", ""


def _bracketed(task: Task) -> str:
    return f"{task.instruction}\n\n" + "".join(f'[input]="{i}"\n[output]="{o}"\n\n' for i, o in task.pairs)


def _numbered_arrows(task: Task) -> str:
    return f"{task.instruction}\n\n" + "\n".join(f"Example {n}: {i} => {o}" for n, (i, o) in enumerate(task.pairs, 1))


def _bullets(task: Task) -> str:
    return f"{task.instruction}\n\nExamples:\n" + "\n".join(f"- {i} -> {o}" for i, o in task.pairs)


def _json_lines(task: Task) -> str:
    rows = (json.dumps({"input": i, "output": o}) for i, o in task.pairs)
    return "\n".join((task.instruction, *rows))


def _json_array(task: Task) -> str:
    rows = [{"question": i, "answer": o} for i, o in task.pairs]
    return (
        f"{task.instruction}\n\nHere are some examples:\n```json\n{json.dumps(rows, indent=2, ensure_ascii=False)}\n```"
    )


def _table(task: Task) -> str:
    def cell(text: str) -> str:
        return text.replace("|", "\\|").replace("\n", "<br>")

    rows = "\n".join(f"| {cell(i)} | {cell(o)} |" for i, o in task.pairs)
    return f"{task.instruction}\n\n| Input | Output |\n|---|---|\n{rows}\n"


def _csv(task: Task) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("text", "label"), *task.pairs])
    return f"{task.instruction}\n\n```csv\n{text.getvalue()}```"


def _xml(task: Task) -> str:
    rows = (f"<example>\n<input>{escape(i)}</input>\n<output>{escape(o)}</output>\n</example>" for i, o in task.pairs)
    return f"{task.instruction}\n\n<examples>\n" + "\n".join(rows) + "\n</examples>"


def _prose(task: Task) -> str:
    first, *others = task.pairs
    more = "".join(f' Likewise, "{i}" should give "{o}".' for i, o in others)
    return f'{task.instruction} For example, "{first[0]}" should give "{first[1]}".{more}'


def _headings_first(task: Task) -> str:
    examples = "\n\n".join(f"### Input\n{i}\n### Output\n{o}" for i, o in task.pairs)
    return f"{examples}\n\n### Task\n{task.instruction}"


LAYOUTS = (
    Layout('`[input]="…"`', _bracketed),
    Layout("`Input:`", _labelled("Input: ", "Output: ")),
    Layout("`**Input:**`", _labelled("**Input:** ", "**Output:** ")),
    Layout("`Q:`, no blank lines", _labelled("Q: ", "A: ", "\n")),
    Layout("labels in the task's language", _own_labels),
    Layout("`Text:`, `Label:`", _labelled("Text: ", "Label: ")),
    Layout("instruction on both sides", _both_sides),
    Layout("`Example 1: … => …`", _numbered_arrows),
    Layout("bullets with `->`", _bullets),
    Layout("JSON lines, escaped", _json_lines),
    Layout("JSON array in a fence", _json_array),
    Layout("Markdown table", _table),
    Layout("CSV in a fence", _csv),
    Layout("XML", _xml),
    Layout("chat", _labelled("User: ", "Assistant: ")),
    Layout("sentences", _prose),
    Layout("`### Input`, instruction last", _headings_first),
)
