"""Languages detected without help, the teacher asked only where unsure, and translations that can be believed."""

from __future__ import annotations

import pytest

from prompt2model_stages.discover.languages import Detected, detect
from prompt2model_stages.discover.translating import in_english
from tests.unit.discover_cases import FakeTeacher

pytestmark = pytest.mark.unit

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
    "ru": "Напиши дату в формате ISO, пожалуйста, и больше ничего.",
    "uk": "Напиши дату у форматі ISO, будь ласка, її українською.",
    "ar": "اكتب التاريخ بصيغة ISO.",
    "hi": "तारीख को ISO प्रारूप में लिखें।",
    "zh": "将日期写成 ISO 格式。",
    "ja": "日付をISO形式で書いてください。",
    "ko": "날짜를 ISO 형식으로 쓰세요.",
    "el": "Γράψε την ημερομηνία σε μορφή ISO.",
}

ENGLISH = [
    "Write the date in ISO format.",
    "Add two numbers.",
    "Is it spam?",
    "Normalize date expressions.",
    "Detect toxic comments",
    "Classify support tickets as billing, bug or other.",
    "Say whether a support ticket is about billing, a bug or something else.",
    "Answer the question with a span of the passage.",
    "Correct the spelling of the word.",
    "Summarize the text.",
    "Translate German sentences into English.",
    "Give the capital of the country.",
]
NEIGHBOURS = {
    "ar": ["اكتب التاريخ بصيغة ISO.", "هل المراجعة إيجابية أم سلبية؟", "ترجم الجملة إلى الإنجليزية."],
    "fa": ["تاریخ را در قالب ISO بنویسید.", "احساس متن را مشخص کن.", "جمله را به انگلیسی ترجمه کن."],
    "ur": ["تاریخ کو ISO فارمیٹ میں لکھیں۔", "متن کا جذبہ بتائیں۔", "جملے کا انگریزی میں ترجمہ کریں۔"],
    "da": ["Skriv datoen i ISO-format.", "Giv en kort overskrift til teksten på højst ti ord.", "Oversæt sætningen til engelsk.",
           "Klassificer kundens henvendelse som faktura, fejl eller andet."],
    "no": ["Skriv datoen i ISO-format.", "Gi teksten en kort overskrift på høyst ti ord.", "Oversett setningen til engelsk.",
           "Klassifiser kundehenvendelsen som faktura, feil eller noe annet."],
    "sv": ["Skriv datumet i ISO-format.", "Översätt meningen till engelska.", "Svara på frågan med ett enda ord."],
    "ru": ["Напиши дату в формате ISO.", "Отзыв положительный или отрицательный?", "Найди имена людей в тексте."],
    "uk": ["Перетвори дату на формат ISO.", "Визнач настрій тексту.", "Знайди імена людей у тексті."],
    "bg": ["Напиши датата във формат ISO.", "Положителен или отрицателен е отзивът?"],
    "be": ["Напішы дату ў фармаце ISO.", "Перакладзі сказ на англійскую мову."],
    "cs": ["Je recenze pozitivní nebo negativní?", "Shrň text do jedné věty."],
    "sk": ["Je recenzia pozitívna alebo negatívna?", "Zhrň text do jednej vety."],
    "hi": ["समीक्षा सकारात्मक है या नकारात्मक?", "वाक्य का अंग्रेज़ी में अनुवाद करें।"],
    "mr": ["तारीख ISO स्वरूपात लिहा.", "वाक्याचे इंग्रजीत भाषांतर करा."],
    "id": ["Tulis tanggal dalam format ISO.", "Terjemahkan kalimat ke bahasa Inggris."],
    "fi": ["Kirjoita päivämäärä ISO-muodossa.", "Tiivistä teksti."],
    "hu": ["Írd a dátumot ISO formátumban.", "Foglald össze a szöveget."],
    "vi": ["Viết ngày theo định dạng ISO."],
    "he": ["כתוב את התאריך בפורמט ISO."],
}  # fmt: skip


@pytest.mark.parametrize("code", TEXTS)
def test_a_sentence_is_enough(code: str):
    found = detect(TEXTS[code])
    assert found.code == code
    assert found.sure


@pytest.mark.parametrize("text", ["", "1 + 1 = 2", "xyzzy plugh", "TODO", "SELECT *"])
def test_where_nothing_speaks_for_a_language_it_is_english_and_unsure(text: str):
    assert detect(text).code == "en"
    assert not detect(text).sure


@pytest.mark.parametrize("text", ENGLISH)
def test_a_usual_english_instruction_costs_no_request(text: str):
    found = detect(text)
    assert (found.code, found.sure) == ("en", True)


@pytest.mark.parametrize("code", NEIGHBOURS)
def test_neighbours_are_never_surely_taken_for_each_other(code: str):
    """Each language beside those that share its script and most of its words."""
    found = [detect(text) for text in NEIGHBOURS[code]]
    assert [f.code for f in found if f.sure and f.code != code] == []
    assert any(f.sure for f in found)


@pytest.mark.parametrize(
    "text",
    [
        "Oversæt sætningen til dansk. Then write the answer in English.",
        "Fasse den Text zusammen. Then translate the result into English.",
        "日付抽出",
        "Skriv datoen i ISO-format.",
        "def f(x): return x + 1",
        "SELECT name FROM users WHERE id = 3;",
    ],
)
def test_mixed_texts_code_and_what_is_the_same_in_two_languages_are_not_sure(text: str):
    assert not detect(text).sure


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Translate 'Wie geht es dir?' into English.", "en"),
        ('Translate the sentence "¿Dónde está la biblioteca?" into English.', "en"),
        ("Fasse den Text in einem Satz zusammen, etwa so: `summary: the text is about trains`", "de"),
    ],
)
def test_what_is_quoted_does_not_count(text: str, code: str):
    assert detect(text) == Detected(code, True)


def test_a_lone_surrogate_is_no_error():
    assert detect("\ud800").sure is False


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
