"""What kind of task an instruction names: its leading verb decides, together with what the verb is about.

A word alone says little ("postal code", "a polite reply", "public relations"). A verb that classifies, a question whether
something holds, and an instruction that could be of several kinds name no kind: a general model serves those.
"""

from __future__ import annotations

import re

TRANSLATION, CODE, CODE_SUMMARY, SQL = "translation", "code", "code summarization", "text to SQL"
QUESTIONS, ANSWERS, SUMMARY, DIALOGUE = "question generation", "question answering", "summarization", "dialogue"
PARAPHRASE, POLITE, GRAMMAR = "paraphrasing", "detoxification", "grammar correction"
RELATIONS, KEYWORDS = "relation extraction", "sentences from keywords"

_WRITE = r"write|generate|make|compose|create|produce|formulate|give"
_TURN = r"turn|convert|translate|change"
_OBJECT = r"(?:(?!(?:to|for|of|from|about|with|in|into|on|by|that|which|as|using|whose)\b)[\w'-]+ ){0,4}"
"""What stands before a noun that is the verb's own object: words up to the first preposition."""
_LANGUAGE = r"(?:python|javascript|typescript|java|bash|shell|rust|golang|php|ruby|pandas)"
_PROGRAM = (
    rf"(?:source code|(?:the|this|a|given|following|{_LANGUAGE}) (?:code|function|method|program|script))"
    r"\b(?! (?:of|review|machine))"
)
_WRITTEN = (
    rf"(?:{_LANGUAGE}(?= (?:source|code|function|method|program|script|command|snippet|class|expression|one-liner)|[.,:]|$)"
    r"|source code\b|(?:function|program|script)\b(?= (?:that|which|to|from|in)\b)|regex\b|regular expression)"
)
_RUDE = r"(?:toxic|offensive|rude|insulting|impolite)\b"
_NO_LANGUAGE = r"(?:plain|simpler?|everyday|modern|iso|json|yaml|xml|emojis?|numbers?|machine)\b"
_GIVEN = r"(?:(?:all|of|the|these|this|given|following|set|list) )*(?:keyword|word|concept)s\b"

_RULES = (
    (SQL, _WRITE, rf"{_OBJECT}sql\b"),
    (SQL, rf"{_WRITE}|{_TURN}", rf".*\b(?:into|to|as) {_OBJECT}sql\b"),
    (QUESTIONS, rf"{_WRITE}|ask|pose", rf"{_OBJECT}questions?\b"),
    (CODE_SUMMARY, r"describe|explain|document|summari[sz]e|comment", rf"(?:in .*what )?{_OBJECT}{_PROGRAM}"),
    (CODE_SUMMARY, _WRITE, rf"{_OBJECT}docstrings?\b"),
    (CODE, rf"{_WRITE}|implement", rf"{_OBJECT}{_WRITTEN}|{_OBJECT}(?:lines?|pieces?) of {_LANGUAGE}\b"),
    (CODE, rf"{_TURN}", rf".*\b(?:into|to) {_OBJECT}{_WRITTEN}"),
    (CODE, r"complete|fix|debug", rf"{_OBJECT}{_PROGRAM}"),
    (POLITE, r"detoxify", r""),
    (POLITE, r"rewrite|make|rephrase|reword|turn|reformulate|paraphrase", rf".*\b{_RUDE}"),
    (GRAMMAR, r"proofread", r""),
    (GRAMMAR, r"correct|fix|improve", r".*\b(?:grammar|grammatical|spelling|typos?|punctuation)\b"),
    (
        RELATIONS,
        r"extract|find|list|identify",
        rf"{_OBJECT}(?:relations?|relationships?|triplets?|triples?)\b(?= (?:between|among|of|from|in|as)\b|[.,:]|$)",
    ),
    (KEYWORDS, rf"{_WRITE}|form", rf"{_OBJECT}(?:sentence|text)s? (?:from|with|using|out of|that uses?) {_GIVEN}"),
    (DIALOGUE, r"reply|chat|talk|converse|respond|continue", r".*\b(?:chat ?bot|conversation|dialogue|small talk)\b"),
    (PARAPHRASE, r"paraphrase|reword|rephrase", rf"(?!.*\b{_RUDE})"),
    (PARAPHRASE, r"say|write|express|put|rewrite", r".*\bin other words\b"),
    (TRANSLATION, r"translate", rf"(?!.*\b(?:into|to) {_OBJECT}(?:sql\b|{_WRITTEN}|{_NO_LANGUAGE}))"),
    (SUMMARY, r"summari[sz]e", rf"(?!{_OBJECT}{_PROGRAM})"),
    (SUMMARY, _WRITE, rf"{_OBJECT}(?:summary|summaries|headlines?|tl;?dr|abstract|gist)\b"),
    (ANSWERS, r"answer", r".*\bquestions?\b"),
    (ANSWERS, rf"{_WRITE}|find", rf"{_OBJECT}answers? to .*\bquestions?\b"),
)
"""Kind, its verbs, and what has to follow the verb in its sentence."""

_OTHER_VERBS = (
    r"classify|categori[sz]e|label|sort|detect|decide|judge|tell|rate|predict|assign|determine|recogni[sz]e|score|tag|assess"
    r"|check|choose|pick|select|name|count|solve|normali[sz]e|compute|calculate"
)
"""Leading verbs that name no kind; a later verb does not count then."""
_VERB = rf"({'|'.join(dict.fromkeys(verbs for _, verbs, _ in _RULES))}|{_OTHER_VERBS})"
_LEADING = (
    re.compile(rf"(?:^|[.!?:;,\n]\s*)(?:please |then |and )?{_VERB}\b", re.IGNORECASE),
    re.compile(rf"\b(?:to|and|should|must|will|please|that|which) {_VERB}s?\b", re.IGNORECASE),
)
"""Where an instruction's own verb stands: at the start of a clause, else behind such a word."""
_END = re.compile(r"[.!?;](?:\s|$)|\n")


def task_kind(instruction: str) -> str:
    """The kind of a task, of the names above; empty where its leading verb names none, or several fit."""
    found = next((match for pattern in _LEADING if (match := pattern.search(instruction))), None)
    if found is None:
        return ""
    clause = _END.split(instruction[found.end() :], maxsplit=1)[0].strip()
    if re.search(r"\bwhether\b", clause, re.IGNORECASE):
        return ""
    kinds = {
        kind
        for kind, verbs, follows in _RULES
        if re.fullmatch(verbs, found[1], re.IGNORECASE) and re.match(follows, clause, re.IGNORECASE)
    }
    return kinds.pop() if len(kinds) == 1 else ""
