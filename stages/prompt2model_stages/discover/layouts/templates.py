"""Tells a template (`Input: a review / Output: positive or negative`) from an example: it names a kind of text, and is none."""

from __future__ import annotations

import re
from collections.abc import Sequence

_BRACKETS = re.compile(
    r"^\s*(?:<[^<>]{1,80}>|\[(?=[^\]]*[^\W\d_])[^\[\],\"]{1,80}\]|\{{1,2}[\w .,/|-]{1,80}\}{1,2}|\(.{1,80}\)|_{2,}|"
    r"\.{3}|…)\s*[.。]?\s*$"
)
_ARTICLE = re.compile(
    r"(?i)^(?:an?|the|one|some|any|your|its|their|ein|eine|einen|der|die|das|un|une|una|uno|el|la|le|les|los|il|lo|um|uma|o|een|het|"
    r"en|ett|et|один|одна|一[个個つ篇条句段]?|ある)\s*(?=\S)"
)
_KIND = re.compile(
    r"(?i)\b(?:text|sentences?|reviews?|questions?|answers?|labels?|words?|numbers?|list|names?|dates?|titles?|summary|documents?|"
    r"articles?|passages?|paragraphs?|e-?mails?|messages?|tweets?|comments?|tickets?|code|function|query|string|translation|categor\w+|"
    r"class|sentiment|topic|object|json|description|headlines?|phrases?|verbs?|nouns?|request|product|integer|boolean|value|"
    r"satz|sätze|text|bewertung|rezension|frage|antwort|wort|zahl|nachricht|kategorie|etikett|titel|zusammenfassung|übersetzung|"
    r"texto|frase|oración|reseña|pregunta|respuesta|palabra|número|etiqueta|categoría|resumen|traducción|"
    r"texte|phrase|avis|question|réponse|mot|nombre|étiquette|catégorie|résumé|traduction|"
    r"testo|recensione|domanda|risposta|parola|numero|etichetta|categoria|riassunto|traduzione|"
    r"текст|предложение|отзыв|вопрос|ответ|слово|число|метка|категория|перевод)\b"
    r"|文本|评论|評論|句子|问题|答案|标签|单词|文章|レビュー|質問|テキスト|単語|ラベル|리뷰|문장|질문|답변|단어|텍스트|รีวิว|ประโยค|คำถาม|ข้อความ"
)
_OR = re.compile(
    r"(?i)(?:,?\s+(?:or|oder|ou|o|eller|of|или|lub|veya|atau|hoặc|หรือ|또는)\s+|\s*[/|]\s*|或者?|または|か(?=.)|หรือ| 또는 )"
)
_ALTERNATIVE = re.compile(r"[\w' -]{1,30}")
_ONE_OF = re.compile(
    r"(?i)\b(?:one of|either|eine[rs]? von|una? de|un[e]? des|один из|одна из)\b|之一|のどれか|のいずれか|중 하나"
)
_MOST_WORDS = 8


def is_template(given: str, output: str) -> bool:
    """Whether a pair says what inputs and outputs are, in place of being one."""
    return _form(given) in ("kind", "brackets") and _form(output) != "text"


def begins_with_template(pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether the first pair is a template. It is none where a later one has an output of the same form."""
    if not pairs or not is_template(*pairs[0]):
        return False
    return all(_form(output) != _form(pairs[0][1]) for _, output in pairs[1:])


def without_template(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs without the first where that is a template: later ones are examples, whatever words they have."""
    return pairs[1:] if begins_with_template(pairs) else pairs


def _form(text: str) -> str:
    if _BRACKETS.match(text):
        return "brackets"
    if _names_kind(text):
        return "kind"
    return "outputs" if _names_outputs(text) else "text"


def _names_outputs(text: str) -> bool:
    """`positive or negative`, `a, b, c or none`, `one of …`."""
    if _ONE_OF.search(text) is not None and len(text.split()) <= 20:
        return True
    parts = _OR.split(text.strip().rstrip(".。"))
    choices = [choice.strip() for part in parts for choice in part.split(",")]
    return len(parts) > 1 and all(map(_ALTERNATIVE.fullmatch, choices))


def _names_kind(text: str) -> bool:
    """`a review`, `the text of a ticket`, `einen Satz`: an article, few words, a kind of text among them, no sentence."""
    text = text.strip()
    words = text.split()
    if len(words) > _MOST_WORDS or re.search(r"[.!?:;\n\"。！？]", text):
        return False
    return _KIND.search(text) is not None and _ARTICLE.match(text) is not None
