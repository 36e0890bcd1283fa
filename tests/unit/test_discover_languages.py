"""Languages detected without help, the teacher asked only where unsure, and translations that can be believed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prompt2model_stages.discover.languages import detect
from prompt2model_stages.discover.translating import in_english
from tests.unit.discover_cases import FakeTeacher

pytestmark = pytest.mark.unit

NI_TASKS = Path("/work/shared/data/ni_tasks/tasks.json")
TEXTS = {
    "en": "Write the date in ISO format.",
    "de": "Schreibe das Datum im ISO-Format.",
    "fr": "Donne le titre de l'article en une phrase.",
    "es": "Responde a la pregunta con una frase que esté en el texto.",
    "it": "Scrivi un titolo per il testo che segue, in non più di dieci parole.",
    "pt": "Escreva um título para o texto, com não mais de dez palavras.",
    "nl": "Schrijf een titel voor de tekst in niet meer dan tien woorden.",
    "pl": "Napisz tytuł tego tekstu, nie dłuższy niż dziesięć słów, po polsku.",
    "sv": "Skriv en titel för den här texten med högst tio ord och inte fler.",
    "tr": "Bu metin için en fazla on kelimelik bir başlık yaz.",
    "cs": "Napiš název pro tento text, který není delší než deset slov.",
    "ru": "Напиши дату в формате ISO.",
    "uk": "Напиши дату у форматі ISO, будь ласка, її українською.",
    "ar": "اكتب التاريخ بصيغة ISO.",
    "hi": "तारीख को ISO प्रारूप में लिखें।",
    "zh": "将日期写成 ISO 格式。",
    "ja": "日付をISO形式で書いてください。",
    "ko": "날짜를 ISO 형식으로 쓰세요.",
    "el": "Γράψε την ημερομηνία σε μορφή ISO.",
}


@pytest.mark.parametrize("code", TEXTS)
def test_a_sentence_is_enough(code: str):
    found = detect(TEXTS[code])
    assert found.code == code
    assert found.sure


@pytest.mark.parametrize("text", ["", "1 + 1 = 2", "xyzzy plugh", "TODO", "SELECT *"])
def test_where_nothing_speaks_for_a_language_it_is_english_and_unsure(text: str):
    assert detect(text).code == "en"
    assert not detect(text).sure


@pytest.mark.skipif(not NI_TASKS.is_file(), reason="the task prompts are not on this machine")
def test_forty_english_instructions_are_sure_to_be_english():
    for task in json.loads(NI_TASKS.read_text()):
        found = detect(task["task_instruction"])
        assert (found.code, found.sure) == ("en", True), task["task_name"]


async def test_english_costs_no_request():
    teacher = FakeTeacher()
    english = await in_english(teacher, TEXTS["en"])
    assert (english.text, english.language, english.detected_by, english.translated) == (
        TEXTS["en"],
        "en",
        "detector",
        False,
    )
    assert teacher.asked == []


async def test_another_language_is_translated_once():
    teacher = FakeTeacher({"translate": ["Write the date in ISO format."]})
    english = await in_english(teacher, TEXTS["ja"])
    assert (english.text, english.language, english.translated) == ("Write the date in ISO format.", "ja", True)
    assert teacher.purposes() == ["translate"]
    assert "from Japanese into English" in teacher.asked[0].messages[0]["content"]


@pytest.mark.parametrize(
    "answer", ["", "Schreibe das Datum im ISO-Format.", "日付をISO形式で書いてください。", "the " * 500]
)
async def test_what_cannot_be_a_translation_is_refused_and_told(answer: str):
    teacher = FakeTeacher({"translate": [answer]})
    english = await in_english(teacher, TEXTS["de"])
    assert (english.text, english.translated) == (TEXTS["de"], False)
    assert "no usable translation from German" in english.note
    assert teacher.purposes() == ["translate", "translate"]


async def test_the_teacher_is_asked_where_the_detector_is_unsure():
    teacher = FakeTeacher({"language": ['{"language": "Dutch"}'], "translate": ["Classify the sentence by topic."]})
    english = await in_english(teacher, "Zinnen rubriceren")
    assert (english.language, english.detected_by, english.translated) == ("nl", "teacher", True)


@pytest.mark.parametrize("answer", ["", "Klingon", '{"language": "Klingon"}', "[1]"])
async def test_a_useless_answer_leaves_it_at_the_detectors_guess(answer: str):
    english = await in_english(FakeTeacher({"language": [answer]}), "xyzzy plugh")
    assert (english.language, english.detected_by) == ("en", "detector")
