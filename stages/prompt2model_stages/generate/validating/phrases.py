"""What a teacher says in place of an output: placeholders, refusals, and talk before the output.

A task may want such texts: replies of a service desk begin with "I'm sorry", and a translation of a refusal is one. So
only the beginning of an output counts; what the input says, too, is no refusal; and where the demonstrations speak as
"I" or to "you", only those phrases count in which the speaker calls itself a language model.
"""

from __future__ import annotations

import re

from prompt2model_stages.examples import Pair
from prompt2model_stages.generate.base import Task
from prompt2model_stages.generate.validating.base import Reason, Validator, outputs_of

BEGINNING = 200
"""Characters of an output in which a refusal stands."""
SOFT_LEAST = 2
"""Demonstrations that must be there for phrases that people use, too."""

DOTS = re.compile(r"[.…\s]*")
"""What the prompts have in the place of texts; a weak teacher copies it."""
_WORDS = (
    r"(?:(?:your|the|an?|some|insert|enter|write|put|example|sample|expected|correct|new|generated|actual|user|task)[\s_-]+)*"
    r"(?:input|output|answer|response|result|text|question|label|example|solution|translation|summary|completion)"
    r"(?:[\s_-]+(?:here|text|goes here|\d+))*"
)
_BRACKETED = re.compile(rf"<{_WORDS}>|\[{_WORDS}\]|\{{{_WORDS}\}}|\{{\{{\s*{_WORDS}\s*\}}\}}", re.IGNORECASE)

_SELF = re.compile(
    r"\bas an? (?:ai|artificial intelligence|(?:large |ai )?language model)\b[\w\s-]{0,30},? (?:I|my)\b"
    r"|\bI(?:['’]m| am) (?:just |only )?an? (?:ai|artificial intelligence|(?:large |ai )?language model)\b(?! \w+er\b)"
    r"|\bals (?:eine? )?(?:ki|künstliche intelligenz|(?:großes |ki-)?sprachmodell|ki-modell|ki-assistent)\b"
    r",? (?:kann|habe|bin) ich\b"
    r"|\ben tant qu(?:e |['’])(?:modèle de langage|ia|intelligence artificielle)\b[^.\n]{0,30}, je\b"
    r"|\bcomo (?:un )?modelo de lenguaje\b|\bcome modello linguistico\b|\bcomo (?:um )?modelo de linguagem\b"
    r"|\bals (?:een )?(?:ai-?)?taalmodel\b|как (?:языковая модель|искусственный интеллект)\b,? я\b"
    r"|^(?:很?抱歉，?)?作[为為](?:一[个個名])?(?:AI|人工智[能慧]|大?[语語]言模型)"
    r"|^(?:私は)?(?:AI|人工知能|大規模言語モデル|言語モデル)[^。\n]{0,12}(?:として|なので|ですので|であるため)、"
    r"|^(?:저는 )?(?:AI|인공지능|언어 모델)[^.\n]{0,10}로서"
    r"|(?:بصفتي|كوني) (?:نموذج|ذكاء|مساعد)",
    re.IGNORECASE,
)
_DO = (
    r"(?:help|assist|fulfil|comply|provide|generate|create|answer|complete|write|translate|process|continue|do|engage|"
    r"support|respond)"
)
_NOT = r"(?:can['’]?t|cannot|can not|am unable to|['’]m unable to|am not able to|['’]m not able to|won['’]t be able to)"
_SOFT = re.compile(
    rf"^(?:(?:i['’]m |i am )?(?:very |so )?sorry|unfortunately|(?:i|my) apolog\w+)\b[^.\n]{{0,30}}\bI ?{_NOT} (?:\w+ )?{_DO}"
    rf"|^I ?{_NOT} (?:\w+ )?{_DO}\w* (?:with )?(?:this|that|the|your|such|any)\b"
    r"|^(?:(?:es )?tut mir (?:sehr )?leid|entschuldigung|leider)\b[^.\n]{0,20}\b(?:ich kann|kann ich)\b[^.\n]{0,60}"
    r"\b(?:helfen|unterstützen|beantworten|erfüllen|nachkommen|erstellen|generieren)\b"
    r"|^(?:je suis )?(?:désolée?|navrée?)\b[^.\n]{0,20}je ne (?:peux|puis) pas\b[^.\n]{0,30}"
    r"(?:aider|répondre|fournir|générer|satisfaire|traiter)"
    r"|^lo siento\b[^.\n]{0,15}no puedo\b[^.\n]{0,30}(?:ayudar|cumplir|generar|proporcionar|responder|crear)"
    r"|^mi dispiace\b[^.\n]{0,15}non posso\b[^.\n]{0,30}(?:aiutar|generare|fornire|rispondere|soddisfare)"
    r"|^(?:sinto muito|desculpe|lamento)\b[^.\n]{0,15}não posso\b[^.\n]{0,30}(?:ajudar|gerar|fornecer|responder|atender)"
    r"|^(?:het spijt me|sorry)\b[^.\n]{0,15}ik kan\b[^.\n]{0,40}(?:helpen|genereren|beantwoorden|voldoen)"
    r"|^(?:извините|простите|к сожалению)\b[^.\n]{0,15}я не могу\b[^.\n]{0,40}(?:помочь|ответить|выполнить|предоставить|создать)"
    r"|^(?:很?抱歉|[对對]不起)[^。\n]{0,10}我(?:无法|無法|不能)[^。\n]{0,20}(?:[帮幫]|提供|回答|[协協]助|生成|[满滿]足|完成)"
    r"|^(?:申し訳(?:ありません|ございません)|すみません)[^。\n]{0,40}(?:お手伝い|お答え|対応|生成|提供)[^。\n]{0,10}"
    r"(?:できません|できかねます|出来ません)"
    r"|^죄송[^.\n]{0,40}(?:도와드릴|제공할|답변할|생성할|도움을 드릴)[^.\n]{0,5}수 없"
    r"|^(?:عذر[اً]+|آسف|أعتذر|للأسف)[^.\n]{0,30}لا (?:أستطيع|يمكنني)[^.\n]{0,40}(?:مساعد|تقديم|الإجابة|إنشاء|تلبية|توفير)",
    re.IGNORECASE,
)
_PREAMBLE = re.compile(
    r"^(?:sure|certainly|of course|absolutely|okay|ok)(?: thing)?[,!.]+ (?:here(?:['’]s| is| are)\b|I(?:['’]ll| will| can)\b)"
    r"|^here(?:['’]s| is| are) [^\n]{0,80}:\s*\n|^output\s*:\s"
    r"|^(?:klar|natürlich|gerne?|sicher)[,!.]+ hier (?:ist|sind)\b|^hier (?:ist|sind) [^\n]{0,80}:\s*\n"
    r"|^(?:bien sûr|certainement)\s?[,!.]+ voici\b|^voici [^\n]{0,80}:\s*\n"
    r"|^¡?(?:claro|por supuesto)[,!.]+ aquí\b|^aquí (?:está|tienes|tiene)\b[^\n]{0,80}:\s*\n"
    r"|^(?:はい|もちろん(?:です)?|承知(?:しました|いたしました)|かしこまりました)[、。!！][^\n]{0,20}(?:以下|こちら)"
    r"|^(?:好的|[当當]然)[，,！!。][^\n]{0,10}(?:以下|[这這]是|下面)",
    re.IGNORECASE,
)
_FENCED = re.compile(r"```[^\n]*\n.*\n?```", re.DOTALL)
_TALK = re.compile(
    r"\b(?:I|[Yy]ou|[Yy]our|[Mm]y|[Ww]e|[Ii]ch|[Ww]ir|[Ii]hnen|[Jj]e|[Vv]ous|[Uu]sted|[Ii]k|[Вв]ам|[Вв]ы)\b"
    r"|[Ss]orry|申し訳|すみません|抱歉|죄송|عذر"
)
"""Words with which somebody speaks of itself or to somebody: a reply, not a result."""
_ABOUT_AI = re.compile(r"\b(?:AI|LLM|KI|IA|ИИ)\b|language model|refus|人工|言語モデル|语言模型")


def placeholder(task: Task) -> Validator | None:
    """A text in which nothing stands but dots, or a name in brackets where a text should be."""
    texts = [text for pair in task.demonstrations for text in (pair.input, pair.output)]
    if not texts:
        return None
    has_words = all(any(letter.isalnum() for letter in text) for text in texts)  # in Morse code "..." is an S
    has_tags = any("<" in text for text in texts)  # in HTML <input> is one

    def finds(pair: Pair) -> bool:
        return any(
            (has_words and DOTS.fullmatch(text)) or (_BRACKETED.fullmatch(text) and not (has_tags and text[0] == "<"))
            for text in (pair.input.strip(), pair.output.strip())
        )

    return Validator(Reason.PLACEHOLDER, finds)


def refusal(task: Task) -> Validator | None:
    """An output in which a language model declines, or speaks of itself."""
    if not task.demonstrations or _ABOUT_AI.search(task.wording):
        return None
    softly = not talks(task)

    def declines(text: str) -> bool:
        beginning = text.strip()[:BEGINNING]
        return bool(_SELF.search(beginning) or (softly and _SOFT.search(beginning)))

    def finds(pair: Pair) -> bool:
        return declines(pair.output) and not is_refusal(pair.input)

    return Validator(Reason.REFUSAL, finds)


def is_refusal(text: str) -> bool:
    """Whether a text holds a refusal anywhere: what is made of it may be one."""
    return any(_SELF.search(line) or _SOFT.search(line) for line in re.split(r"(?<=[.!?:\n\"“。])\s*", text)) or bool(
        _SELF.search(text)
    )


def preamble(task: Task) -> Validator | None:
    """An output that begins by saying that it is one."""
    if len(task.demonstrations) < SOFT_LEAST or talks(task):
        return None
    return Validator(Reason.PREAMBLE, lambda pair: bool(_PREAMBLE.search(pair.output.lstrip())))


def fence(task: Task) -> Validator | None:
    """An output in a code fence, where no demonstration has one."""
    if len(task.demonstrations) < SOFT_LEAST or any("```" in output for output in outputs_of(task)):
        return None
    return Validator(Reason.FENCE, lambda pair: bool(_FENCED.fullmatch(pair.output.strip())))


def talks(task: Task) -> bool:
    """Whether there are too few demonstrations to say that outputs are no replies, or one speaks to somebody."""
    outputs = outputs_of(task)
    return len(outputs) < SOFT_LEAST or any(_TALK.search(output) for output in outputs)
