"""What the validators of generated examples drop: of good data, which they should keep, and of data that is spoilt on purpose.

    python benchmarks/validators.py FOLDER     # with the task data: *.jsonl.xz and ni_tasks

Demonstrations are rows of a task's file, drawn at random 20 times, from 1 to 8 of them; all other rows of the file are what a
teacher wrote. Then each of 200 rows is spoilt in every way in which teachers spoil one. Seeded: the same figures in each run.
Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import lzma
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "crds"), str(ROOT / "stages")]

from prompt2model_api.prompt2model import Demonstration  # noqa: E402
from prompt2model_stages.discover.task_languages import TaskLanguages, task_languages  # noqa: E402
from prompt2model_stages.examples import Pair  # noqa: E402
from prompt2model_stages.generate.base import Task  # noqa: E402
from prompt2model_stages.generate.validating import Reason, Validator, fault_of, validators_for  # noqa: E402

DRAWS = 20
SHOWN = (1, 2, 3, 3, 4, 5, 6, 8)
SPOILT = 200
MOST_ROWS = 2500

REFUSALS = (
    "I'm sorry, but I can't help with that.",
    "I'm sorry, but I cannot assist with that request.",
    "As an AI language model, I don't have access to this information.",
    "As an AI, I cannot form an opinion on this.",
    "I'm an AI language model and do not have personal experiences.",
    "I cannot fulfill this request.",
    "I can't provide that information.",
    "Sorry, I am unable to generate this content.",
    "Unfortunately, I cannot complete this task without more context.",
    "I apologize, but I'm not able to create that.",
    "Es tut mir leid, aber ich kann bei dieser Anfrage nicht helfen.",
    "Als KI-Modell kann ich dazu keine Auskunft geben.",
    "Leider kann ich diese Frage nicht beantworten.",
    "Je suis désolé, mais je ne peux pas répondre à cette demande.",
    "En tant que modèle de langage, je ne peux pas donner d'avis.",
    "Lo siento, pero no puedo ayudar con esa solicitud.",
    "Como modelo de lenguaje, no tengo acceso a esa información.",
    "Mi dispiace, ma non posso aiutarti con questa richiesta.",
    "Desculpe, mas não posso ajudar com esse pedido.",
    "Het spijt me, maar ik kan u daar niet mee helpen.",
    "Извините, но я не могу помочь с этим запросом.",
    "Как языковая модель, я не имею личного мнения.",
    "很抱歉，我无法提供这方面的信息。",
    "作为一个人工智能语言模型，我没有个人观点。",
    "对不起，我不能帮助您完成这个请求。",
    "申し訳ありませんが、そのご依頼にはお答えできません。",
    "AI言語モデルとして、個人的な意見を述べることはできません。",
    "죄송합니다. 요청하신 내용은 제공할 수 없습니다.",
    "عذراً، لا أستطيع المساعدة في هذا الطلب.",
    "بصفتي نموذج لغة، ليس لدي آراء شخصية.",
)
PREAMBLES = (
    "Sure, here is the output:\n",
    "Certainly! Here's an example:\n",
    "Here is the answer:\n",
    "Of course! Here are the results:\n",
    "Natürlich! Hier ist die Ausgabe:\n",
    "Bien sûr, voici la réponse :\n",
    "はい、以下が出力です。\n",
    "好的，以下是答案：\n",
    "Output: ",
)
PLACEHOLDERS = (
    *("...", "…", "<output>", "[your answer]", "[Insert answer here]", "{output}", "<your answer here>"),
    *("[expected output]", "{{answer}}", "<the output>"),
)
FOREIGN = (
    "Это предложение написано на другом языке, чем нужно.",
    "这是一个用另一种语言写的句子，请注意。",
    "هذه الجملة مكتوبة بلغة أخرى غير المطلوبة.",
    "これは別の言語で書かれた文です。",
    "이 문장은 다른 언어로 작성되었습니다.",
)
ENGLISH = "Print the sum of all the numbers in the list and sort them by the second column."
CHINESE = (
    "请把列表里的数字从小到大排序",
    "怎样读取一个文件并打开它",
    "让用户输入一个数字，然后给出结果",
    "这个函数应该返回什么",
)
OTHER_LABELS = ("maybe", "It depends.", "partially", "The correct label is unclear", "mixed", "unknown")


@dataclass(frozen=True)
class Data:
    """A task and its rows."""

    name: str
    instruction: str
    rows: Sequence[Pair]
    broken: int = 0
    """Rows, made by people, that are no Python: to leave them out is right."""


def lines(path: Path) -> list[dict[str, object]]:
    with lzma.open(path, "rt") as stream:
        return [json.loads(line) for line in stream]


def pairs(path: Path, given: str, made: str) -> list[Pair]:
    return [Pair(str(row[given]).strip(), str(row[made]).strip()) for row in lines(path)]


def squad(path: Path) -> list[Pair]:
    found = []
    for row in lines(path):
        answers = row["answers"]
        assert isinstance(answers, list)
        found.append(Pair(f"Question: {row['question']} Context: {row['context']}", str(answers[0])))
    return found


def real(folder: Path) -> Iterator[Data]:
    """Tasks whose rows are as people or a teacher wrote them."""
    tasks = json.loads((folder / "ni_tasks/tasks.json").read_text())
    told = {task["task_name"]: task["task_instruction"] for task in tasks}
    temporal = "Find all temporal expressions in the text and write each with its ISO value."
    yield Data("SQuAD", told["squad"], squad(folder / "squad_train_sample.jsonl.xz"))
    yield Data(
        "SQuAD by gpt-3.5", told["squad"], pairs(folder / "squad_gpt35_generated.jsonl.xz", "input_col", "output_col")
    )
    yield Data(
        "CoNaLa", "Write Python code that does this.", pairs(folder / "conala_en_train.jsonl.xz", "intent", "snippet")
    )
    japanese = pairs(folder / "mconala_ja_sample.jsonl.xz", "input", "output")
    yield Data("MCoNaLa (ja)", "Write Python code for the Japanese description.", japanese, broken=6)
    yield Data("Temporal", temporal, pairs(folder / "temporal_sample.jsonl.xz", "input", "output"))
    yield Data(
        "Temporal by gpt-3.5", temporal, pairs(folder / "temporal_gpt35_generated.jsonl.xz", "input_col", "output_col")
    )
    for path in sorted(folder.glob("ni_tasks/test_*.jsonl.xz")):
        name = path.name.removeprefix("test_").removesuffix(".jsonl.xz")
        yield Data(name, told[name], pairs(path, "input_col", "output_col"))


def reshaped(data: Sequence[Data]) -> Iterator[Data]:
    """Tasks in forms that no file has, made of real rows."""
    by_name = {one.name: one for one in data}
    found = [
        (row, re.fullmatch(r"(.+?) == (\d{4}-\d{2}-\d{2})", row.output)) for row in by_name["Temporal by gpt-3.5"].rows
    ]
    dates = [(row, match) for row, match in found if match]
    yield Data("its dates", "Write the date in ISO form.", [Pair(row.input, match[2]) for row, match in dates])
    as_json = [Pair(row.input, json.dumps({"text": match[1], "date": match[2]})) for row, match in dates]
    yield Data("its dates as JSON", "Find the date. Answer in JSON.", as_json)
    years = [row for row in by_name["SQuAD"].rows if re.fullmatch(r"\d+(?:[.,]\d+)?", row.output)]
    yield Data("SQuAD's numbers", "Answer the question with a number.", years)
    swapped = [Pair(row.output, row.input) for row in by_name["MCoNaLa (ja)"].rows]
    yield Data("Python to Japanese", "Describe what this code does, in Japanese.", swapped)


def draws(data: Data) -> Iterator[tuple[random.Random, Sequence[int], tuple[Validator, ...]]]:
    """Places of demonstrations, and the validators that they call for."""
    for seed in range(DRAWS):
        rng = random.Random(f"{data.name}/{seed}")
        places = rng.sample(range(len(data.rows)), SHOWN[seed % len(SHOWN)])
        yield rng, places, validators_for(Task(data.instruction, tuple(data.rows[place] for place in places)))


def false_drops(tasks: Sequence[Data]) -> None:
    """Prints what is dropped of rows that are right."""
    print("| rows of | of | dropped | of them | µs a row |\n|---|--:|--:|---|--:|")
    all_rows = all_dropped = 0
    for data in tasks:
        rows, reasons, seconds = 0, Counter[str](), 0.0
        for rng, places, validators in draws(data):
            kept = [row for place, row in enumerate(data.rows) if place not in places]
            kept = rng.sample(kept, min(len(kept), MOST_ROWS))
            began = time.process_time()
            reasons.update(str(fault) for row in kept if (fault := fault_of(row, validators)))
            seconds += time.process_time() - began
            rows += len(kept)
        dropped = reasons.total()
        if not data.broken:
            all_rows, all_dropped = all_rows + rows, all_dropped + dropped
        told = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        print(f"| {data.name} | {rows:,} | {100 * dropped / rows:.3f} % | {told} | {1e6 * seconds / rows:.0f} |")
    print(f"| **all but MCoNaLa** | {all_rows:,} | **{100 * all_dropped / all_rows:.4f} %** | | |")


Spoil = Callable[[Pair, random.Random], Pair | None]
"""A row with a fault; None where this row cannot have it."""


def output(make: Callable[[str, random.Random], str]) -> Spoil:
    return lambda row, rng: Pair(row.input, make(row.output, rng))


def cut_short(text: str, rng: random.Random) -> str:
    return text[: rng.randint(len(text) // 4, max(1, 3 * len(text) // 4))]


def _json_keys(text: str, rng: random.Random) -> str:
    tree = json.loads(text)
    return json.dumps({f"{key}_{rng.randrange(9)}": value for key, value in tree.items()})


JSON_ONLY, DATES_ONLY, NUMBERS_ONLY = {"its dates as JSON"}, {"its dates"}, {"SQuAD's numbers", "task1612"}
PYTHON_ONLY, JAPANESE_ONLY = {"CoNaLa", "MCoNaLa (ja)"}, {"MCoNaLa (ja)"}
LABELS_ONLY = {"task1386", "task1529", "task1612", "task199"}
NOT_ECHO = {"task1195", "task1345", "task1622"}  # corrections: an input may be right as it is

SPOILS: tuple[tuple[str, Spoil, set[str] | None], ...] = (
    ("a refusal", output(lambda text, rng: rng.choice(REFUSALS)), None),
    ("talk before the output", output(lambda text, rng: rng.choice(PREAMBLES) + text), None),
    ("a placeholder", output(lambda text, rng: rng.choice(PLACEHOLDERS)), None),
    ("a code fence", output(lambda text, rng: f"```{rng.choice(('', 'python', 'text'))}\n{text}\n```"), None),
    ("the input repeated", lambda row, rng: Pair(row.input, row.input) if len(row.input) > 48 else None, None),
    ("the output 200 times", output(lambda text, rng: " ".join([text] * 200)), None),
    ("another script", output(lambda text, rng: rng.choice(FOREIGN)), None),
    ("an input in another script", lambda row, rng: Pair(rng.choice(FOREIGN), row.output), None),
    ("Python: cut short", output(cut_short), PYTHON_ONLY),
    ("Python: prose", output(lambda text, rng: f"Use the following code: {text}"), PYTHON_ONLY),
    ("Python: a bracket lost", output(lambda text, rng: text.replace(")", "", 1)), PYTHON_ONLY),
    ("Japanese: an English input", lambda row, rng: Pair(ENGLISH, row.output), JAPANESE_ONLY),
    ("Japanese: a Chinese input", lambda row, rng: Pair(rng.choice(CHINESE), row.output), JAPANESE_ONLY),
    ("Japanese: an English output", output(lambda text, rng: ENGLISH), {"Python to Japanese"}),
    ("Japanese: a Chinese output", output(lambda text, rng: rng.choice(CHINESE)), {"Python to Japanese"}),
    ("JSON: cut short", output(cut_short), JSON_ONLY),
    ("JSON: other keys", output(_json_keys), JSON_ONLY),
    ("a date: in words", output(lambda text, rng: f"May {text[-2:]}, {text[:4]}"), DATES_ONLY),
    ("a date: none of the calendar", output(lambda text, rng: f"{text[:4]}-13-{text[-2:]}"), DATES_ONLY),
    ("a number: with words", output(lambda text, rng: f"The answer is {text}."), NUMBERS_ONLY),
    ("a label: another word", output(lambda text, rng: rng.choice(OTHER_LABELS)), LABELS_ONLY),
)  # fmt: skip


def true_drops(tasks: Sequence[Data]) -> None:
    """Prints what is dropped of rows that were spoilt, and where some validator looks for that fault."""
    print("| spoilt by | rows | dropped | dropped with three demonstrations or more |\n|---|--:|--:|--:|")
    for name, spoil, only in SPOILS:
        rows, dropped = Counter[bool](), Counter[bool]()
        for data in tasks:
            if (only is not None and data.name not in only) or (name == "the input repeated" and data.name in NOT_ECHO):
                continue
            for rng, places, validators in draws(data):
                others = [row for place, row in enumerate(data.rows) if place not in places]
                for row in rng.sample(others, min(SPOILT, len(others))):
                    spoilt = spoil(row, rng)
                    if spoilt is None or spoilt == row:
                        continue
                    enough = len(places) >= 3
                    rows[enough] += 1
                    dropped[enough] += fault_of(spoilt, validators) is not None
        share, enough = 100 * dropped.total() / rows.total(), 100 * dropped[True] / rows[True]
        print(f"| {name} | {rows.total():,} | {share:.0f} % | {enough:.0f} % |")


def active(tasks: Sequence[Data]) -> None:
    """Prints how often each validator is chosen."""
    chosen = Counter(str(one.reason) for data in tasks for _, _, validators in draws(data) for one in validators)
    total = DRAWS * len(tasks)
    print("Chosen in: " + ", ".join(f"{reason} {100 * chosen[reason] / total:.0f} %" for reason in map(str, Reason)))


def languages(tasks: Sequence[Data]) -> None:
    """Prints for which tasks the teacher would be told languages, of inputs and of outputs."""
    told = Counter[tuple[str, str, str]]()
    for data in tasks:
        for _, places, _ in draws(data):
            rows = [data.rows[place] for place in places]
            shown = [Demonstration(input=row.input[:8000], output=row.output[:8000]) for row in rows]
            found = task_languages(data.instruction, "en", shown)
            told[data.name if found != TaskLanguages() else "others", found.inputs, found.outputs] += 1
    for (name, inputs, outputs), count in sorted(told.items()):
        print(f"Languages: {name}, inputs {inputs or '-'}, outputs {outputs or '-'}: {count} draws")


def main() -> None:
    """Prints both tables, how often each validator is chosen, and which languages are told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    tasks = list(real(parser.parse_args().folder))
    tasks += reshaped(tasks)
    false_drops(tasks)
    print()
    true_drops(tasks)
    print()
    active(tasks)
    languages(tasks)


if __name__ == "__main__":
    main()
