"""A teacher is asked for examples in the task's languages, where these are not English; an English task asks as it always did.

Rows of MCoNaLa: Wang et al. 2023, CC BY-SA 4.0.
"""

from __future__ import annotations

import json
import random

import pytest

from prompt2model_api.prompt2model import Demonstration
from prompt2model_stages.discover.task_languages import TaskLanguages, task_languages
from prompt2model_stages.examples import Pair
from prompt2model_stages.generate.base import Task
from prompt2model_stages.generate.prompts import ask_one, ask_output, ask_several
from prompt2model_stages.generate.stage import task_of
from prompt2model_stages.generate.validating import fault_of, validators_for
from prompt2model_stages.stage_files import DiscoveredTask
from tests.unit.prompt_layouts import shipped_tasks

pytestmark = pytest.mark.unit

JAPANESE = (
    ("JSONを表す文字列`s_json`から辞書型オブジェクト`d`を得る", "d = json.loads(s_json)"),
    ("グラフ上で選択されたデータの座標を表示する", "fig.canvas.mpl_connect('pick_event', onclick)"),
    ("プレゼンテーションオブジェクト`ppt`のサイズを、横幅`X`と縦幅`Y`に、English Metric Unitで指定して変える",
     "ppt.slide_width = X\nppt.slide_height = Y"),
)  # fmt: skip
FRENCH = (
    ("The meeting was moved to Friday because of the strike.", "La réunion a été déplacée à vendredi à cause de la grève."),
    ("Where can I buy a ticket?", "Où est-ce que je peux acheter un billet ?"),
)  # fmt: skip
SHIPPED = {task.name: task for task in shipped_tasks()}
IN_ENGLISH = {
    "höflich": "Rewrite the sentence so that it is polite; keep the meaning.",
    "bewerbung": "Assign the message to a department. Answer only with sales, technology or personnel. Explain nothing.",
    "敬语": "Rewrite the following sentence in polite form. Do not change the meaning.",
    "جمع": "Write the plural of the word. Write nothing else.",
}
"""Translations of shipped instructions, as discover gets them from a teacher."""


def shown(pairs: object) -> list[Demonstration]:
    assert isinstance(pairs, tuple)
    return [Demonstration(input=given, output=made) for given, made in pairs]


def discovered(instruction: str, written: str, language: str, pairs: object) -> DiscoveredTask:
    """task.json as discover writes it."""
    spoken = task_languages(instruction, language, shown(pairs))
    return DiscoveredTask(
        instruction=instruction, original_instruction=written, language=language, demonstrations=shown(pairs),
        input_language=spoken.inputs, output_language=spoken.outputs,
    )  # fmt: skip


def shipped(name: str) -> DiscoveredTask:
    task = SHIPPED[name]
    return discovered(IN_ENGLISH[name], task.instruction, task.language, task.pairs)


def several(task: Task) -> str:
    return ask_several(task, (), 5, random.Random(0))[-1]["content"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("höflich", "Write inputs and outputs in German, as the author does. "),
        ("bewerbung", "Write each input in German, as the author does. "),
        ("敬语", "Write inputs and outputs in Japanese, as the author does. "),
        ("جمع", "Write inputs and outputs in Arabic, as the author does. "),
    ],
)
def test_examples_are_asked_for_in_the_tasks_language(name: str, said: str) -> None:
    task = task_of(shipped(name), in_languages=True)
    written = SHIPPED[name].instruction
    text, chat = several(task), ask_one(task, (), random.Random(0))[0]["content"]
    assert text.startswith(f"The task:\n{written}\n") and IN_ENGLISH[name] not in text
    assert said in text and text.index(said) < text.index("Answer with JSON alone")
    assert chat.startswith(written) and chat.endswith(f"as JSON with input and output. {said.strip()}")
    output = ask_output(task, "x")[0]["content"]
    assert output.startswith(written) and (" as the author does." in output) == ("outputs" in said)


def test_input_and_output_may_be_of_two_languages() -> None:
    python = discovered("Write Python code that does this.", "Write Python code that does this.", "en", JAPANESE)
    text = several(task_of(python, in_languages=True))
    assert "Write each input in Japanese, as the author does. " in text and "each output in" not in text
    assert "Write it in" not in ask_output(task_of(python, in_languages=True), "x")[0]["content"]
    to_french = discovered("Translate from English into French.", "Translate from English into French.", "en", FRENCH)
    assert "Write each input in English and each output in French, as" in several(task_of(to_french, in_languages=True))
    back = tuple((french, english) for english, french in FRENCH)
    to_english = discovered("Translate from French into English.", "Translate from French into English.", "en", back)
    assert "Write each input in French and each output in English, as" in several(
        task_of(to_english, in_languages=True)
    )


def test_without_demonstrations_the_instructions_language_is_named() -> None:
    task = discovered("Write a haiku.", "Schreibe ein Haiku.", "de", ())
    text = several(task_of(task, in_languages=True))
    assert "The task is in German: write in German, too, where it asks for no other language." in text
    assert text.startswith("The task:\nSchreibe ein Haiku.\n")
    english = (("the 3rd of May 2021", "2021-05-03"), ("12 June 1999", "1999-06-12"))
    dates = discovered("Write the date in ISO format.", "日付をISO形式で書いてください。", "ja", english)
    text = several(task_of(dates, in_languages=True))
    assert "Japanese" not in text and text.startswith("The task:\n日付を"), "its inputs are not Japanese"


@pytest.mark.parametrize("name", [name for name, task in SHIPPED.items() if task.language == "en"])
def test_english_tasks_are_asked_what_they_were(name: str) -> None:
    task = SHIPPED[name]
    assert task_languages(task.instruction, "en", shown(task.pairs)) == TaskLanguages()
    found = discovered(task.instruction, task.instruction, "en", task.pairs)
    plain = Task(task.instruction, tuple(Pair(*pair) for pair in task.pairs))
    assert task_of(found, in_languages=True) == task_of(found) == plain


@pytest.mark.parametrize("name", [*IN_ENGLISH])
def test_without_the_field_and_in_older_files_nothing_is_different(name: str) -> None:
    task = shipped(name)
    plain = Task(IN_ENGLISH[name], tuple(Pair(*pair) for pair in SHIPPED[name].pairs))
    older = DiscoveredTask.model_validate(
        {key: value for key, value in task.dump().items() if not key.endswith("putLanguage")}
    )
    assert task_of(task) == plain and task_of(older, in_languages=True) == plain
    assert task_of(task, in_languages=True).group("t") == plain.group("t"), "what was answered before counts"
    assert DiscoveredTask.model_validate_json(json.dumps(task.dump())) == task


@pytest.mark.parametrize(
    "pairs",
    [
        (("Chile", "Santiago"), ("Peru", "Lima"), ("Cuba", "La Habana")),
        (("le", "the"), ("chat", "cat")),
        (("2 + 2", "4"), ("3 + 3", "6")),
        (("Sort the list a", "sorted(a)"), ("Open the file", "open(f)")),
        (("Who wrote Don Quijote de la Mancha?", "Miguel de Cervantes"), ("Who wrote Faust?", "Goethe")),
    ],
)
def test_names_and_code_are_no_language(pairs: tuple[tuple[str, str], ...]) -> None:
    assert task_languages("Answer.", "en", shown(pairs)) == TaskLanguages()


def test_labels_of_the_instruction_as_it_was_written_are_known() -> None:
    validators = validators_for(task_of(shipped("bewerbung"), in_languages=True))
    assert fault_of(Pair("Wo ist meine Lieferung?", "Versand"), validators) == "label"
    for label in ("Verkauf", "Technik", "Personal", "sales"):
        assert fault_of(Pair("Wo ist meine Lieferung?", label), validators) is None
