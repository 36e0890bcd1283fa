"""Tasks whose meanings are known: each meaning has right outputs, wrong ones, and wordings that ask the same.

A wording is made of a meaning's phrasings (questions in other words) and edits of them: punctuation, an article, the order of
words, a typo, a synonym, a word more. A meaning differs from its neighbours in an object, a number, a date or a name, as
inputs do that a template gives.
"""

from __future__ import annotations

import calendar
import datetime
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.splits import changed
from prompt2model_stages.examples import Pair
from prompt2model_stages.generate.base import Task

Edit = Callable[[str, random.Random], str]


@dataclass(frozen=True)
class Meaning:
    """One question.

    phrasings: texts that ask it, the most usual first.
    right: outputs that are right, the most usual first.
    wrong: what a teacher that errs says instead.
    tail: stands behind each wording as it is: a context.
    """

    phrasings: tuple[str, ...]
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    tail: str = ""


@dataclass(frozen=True)
class World:
    """A task with all that can be asked in it."""

    name: str
    task: Task
    meanings: Sequence[Meaning]
    edits: Sequence[Edit]

    def wording(self, at: int, number: int) -> str:
        """A wording of a meaning, always the same for a number: the phrasings first, then edits of them."""
        meaning = self.meanings[at]
        text = meaning.phrasings[number % len(meaning.phrasings)]
        if number >= len(meaning.phrasings):
            rng = random.Random(f"{self.name}/{at}/{number}")
            for edit in rng.sample(self.edits, rng.choice((1, 1, 2))):
                text = edit(text, rng)
        return text + meaning.tail


def worlds(size: int, seed: int = 0) -> dict[str, World]:
    """The tasks, each with at most so many meanings."""
    made = [_support(), _questions(), _code(), _dates()]
    return {world.name: _cut(world, size, seed) for world in made}


def _cut(world: World, size: int, seed: int) -> World:
    chosen = random.Random(f"{world.name}/{seed}").sample(list(world.meanings), min(size, len(world.meanings)))
    return World(world.name, world.task, tuple(chosen), world.edits)


def _with(how: str) -> Edit:
    return lambda text, rng: changed(text, how, rng) or text


def _punctuated(text: str, rng: random.Random) -> str:
    bare = text.rstrip("?.! ")
    return rng.choice([bare, bare + "!", bare + " ?", bare + "...", f"Hi, {text[0].lower()}{text[1:]}"])


ENGLISH: tuple[Edit, ...] = (
    _punctuated,
    *map(_with, ("an article", "a typo", "word order", "a synonym", "a word added")),
)

OBJECTS = (
    *("lamp", "kettle", "red jacket", "running shoes", "phone case", "desk", "rain coat", "tent", "coffee grinder"),
    *(
        "headphones",
        "charger",
        "mattress",
        "bike lock",
        "backpack",
        "watch",
        "printer",
        "sofa",
        "garden hose",
        "blender",
    ),
    *("wool scarf", "camera", "keyboard", "yoga mat", "toaster", "bookshelf", "drill", "umbrella", "guitar", "rug"),
    *("monitor", "skateboard", "suitcase", "vacuum cleaner", "router", "frying pan", "sleeping bag", "swimsuit"),
)
INTENTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "return": (
        ("I want to return the {x}, how do I do that?", "What is the way to send the {x} back?"),
        ("The {x} does not fit, can I bring it back?", "Can I give back the {x} because of its size?"),
        ("How many days do I have to return the {x}?", "Until when may the {x} be sent back?"),
        ("Do I need the receipt to return the {x}?", "I lost the receipt of the {x}, will you still take it back?"),
        ("Who pays the postage when I return the {x}?", "Is sending the {x} back free of charge?"),
    ),
    "refund": (
        ("When do I get my money back for the {x}?", "How long does the refund of the {x} take?"),
        ("I was charged twice for the {x}", "You took the money for the {x} two times"),
        ("The {x} is cheaper now, will you pay me the difference?", "Do you match the new price of the {x}?"),
        ("Please refund the {x} to another card", "I want the money for the {x} on a different account"),
        ("I only got a part of the refund for the {x}", "The refund of the {x} is too small"),
    ),
    "delivery": (
        ("Where is the {x} that I ordered?", "My {x} has not arrived yet"),
        ("Can you deliver the {x} on a Saturday?", "I am only home at weekends, will the {x} come then?"),
        ("Please send the {x} to my office", "I want the {x} delivered to another address"),
        ("The driver left the {x} in the rain", "My {x} was put down outside and got wet"),
        ("How much is the delivery of the {x}?", "What do you charge for shipping the {x}?"),
    ),
    "broken": (
        ("The {x} arrived damaged", "There is a crack in the {x} that you sent"),
        ("My {x} stopped working after a week", "The {x} is dead after seven days"),
        ("The {x} makes a strange noise", "I hear an odd sound from the {x}"),
        ("A part of the {x} is missing", "The box of the {x} was not complete"),
        ("Is the {x} still under guarantee?", "Does the warranty cover the {x}?"),
    ),
    "stock": (
        ("When will the {x} be available again?", "The {x} is sold out, do you get more?"),
        ("Do you have the {x} in another colour?", "Is the {x} sold in blue too?"),
        ("Can I see the {x} in a shop?", "Which store shows the {x}?"),
        ("Please tell me when the {x} is back", "Send me a mail as soon as there is a {x}"),
        ("Can I reserve the {x}?", "Please keep one {x} for me"),
    ),
    "cancel": (
        ("Please cancel my order of the {x}", "I do not want the {x} any more"),
        ("Can I still change the order of the {x}?", "I ordered the wrong {x}, can it be altered?"),
        ("I ordered the {x} by mistake", "The order of the {x} was an accident"),
        ("Why was my order of the {x} cancelled?", "You cancelled the {x} without a word"),
        ("Take the {x} off my order and keep the rest", "I want everything but the {x}"),
    ),
}


def _support() -> World:
    labels = tuple(INTENTS)
    meanings = [
        Meaning(tuple(text.format(x=x) for text in phrasings), (label,), tuple(one for one in labels if one != label))
        for label, kinds in INTENTS.items()
        for phrasings, x in itertools.product(kinds, OBJECTS)
    ]
    shown = (
        ("The zip of my bag is torn", "broken"),
        ("Is the tea pot in stock?", "stock"),
        ("Stop the order", "cancel"),
    )
    instruction = f"Say what a customer of a shop wants: {', '.join(labels)}."
    return World("support", Task(instruction, _pairs(shown)), meanings, ENGLISH)


PLACES = (
    *(
        "Arvo",
        "Belmira",
        "Castren",
        "Dunholm",
        "Esterra",
        "Falkona",
        "Grevia",
        "Hollin",
        "Istvar",
        "Jorvik",
        "Kalmaria",
    ),
    *(
        "Lindor",
        "Morava",
        "Nordhav",
        "Ostrea",
        "Pellworm",
        "Quillan",
        "Rostok",
        "Sundeby",
        "Tarquin",
        "Ulmar",
        "Vestre",
    ),
    *("Wexham", "Xanten", "Yarrow", "Zelten", "Almora", "Brisen", "Corvina", "Dalmor", "Elbing", "Fenwick", "Gorlitz"),
    *("Harnosand", "Ilmen", "Jasper", "Kestrel", "Lorient", "Mirna", "Narva"),
)
FACTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("mayor", "Who is the mayor of {e}?", ("Who leads the town of {e} as its mayor?",)),
    ("river", "Which river flows through {e}?", ("What is the name of the river in {e}?",)),
    ("founder", "Who founded {e}?", ("By whom was the city of {e} started?",)),
    ("bridge", "What is the biggest bridge in {e} called?", ("How do people call the main bridge of {e}?",)),
    ("year", "When was {e} founded?", ("In which year did the history of {e} begin?",)),
    ("people", "How many people live in {e}?", ("What is the population of {e}?",)),
    ("dish", "What is the local dish of {e}?", ("Which food is {e} known for?",)),
    ("festival", "Which festival is held in {e} every summer?", ("What do people celebrate in {e} in summer?",)),
    ("team", "What is the football team of {e} called?", ("Which club plays football in {e}?",)),
    ("wall", "How long is the city wall of {e}?", ("What is the length of the wall around {e}?",)),
    ("tree", "Which tree is on the coat of arms of {e}?", ("What tree do the arms of {e} show?",)),
    ("trade", "What was made in {e} in the past?", ("Which trade made {e} rich?",)),
)


def _value(fact: str, rng: random.Random) -> str:
    first = ("Ann", "Bo", "Carl", "Dora", "Emil", "Freya", "Gus", "Hanna", "Ivo", "Jana")
    last = ("Berg", "Crane", "Dahl", "Ek", "Frost", "Grove", "Holm", "Iversen", "Juhl", "Kron", "Lund", "Moe")
    made = {
        "year": lambda: str(rng.randrange(900, 1900)),
        "people": lambda: f"{rng.randrange(3, 900)},{rng.randrange(100, 999)}",
        "wall": lambda: f"{rng.randrange(2, 40)} km",
        "tree": lambda: rng.choice(("oak", "birch", "elm", "lime", "ash", "fir", "beech", "yew")),
        "trade": lambda: rng.choice(("glass", "salt", "paper", "cloth", "ships", "clocks", "rope", "amber", "bells")),
        "dish": lambda: rng.choice(("eel soup", "plum cake", "rye pie", "smoked trout", "nut bread", "leek stew")),
    }
    return made.get(fact, lambda: f"{rng.choice(first)} {rng.choice(last)}")()


def _questions() -> World:
    rng = random.Random(5)
    meanings = []
    for place in (*PLACES, *(f"Old {name}" for name in PLACES)):
        values = {fact: _value(fact, rng) for fact, _, _ in FACTS}
        for fact, asked, others in FACTS:
            other = rng.choice([name for name in values if name != fact])
            context = f"{place} has {values[other]} as its {other}. For {fact} the books say {values[fact]}."
            questions = tuple(text.format(e=place) for text in (asked, *others))
            meanings.append(
                Meaning(questions, (values[fact],), (values[other], place, "unknown"), f"\ncontext: {context}")
            )
    shown = (("What is the capital of Peru?\ncontext: Lima is Peru's capital.", "Lima"),)
    return World("questions", Task("Answer the question with words of the context.", _pairs(shown)), meanings, ENGLISH)


NAMES = ("xs", "values", "items", "nums", "data", "rows", "words", "scores")
CODE: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "リスト{v}の先頭から{n}個の要素を取り出す",
        "{v}の最初の{n}要素を得る",
        ("{v}[:{n}]", "{v}[0:{n}]"),
        ("{v}[{n}:]",),
    ),
    ("リスト{v}の末尾から{n}個の要素を取り出す", "{v}の最後の{n}要素を得る", ("{v}[-{n}:]",), ("{v}[:-{n}]",)),
    (
        "リスト{v}の{n}番目の要素を削除する",
        "{v}から{n}番目を消す",
        ("del {v}[{n}]", "{v}.pop({n})"),
        ("{v}.remove({n})",),
    ),
    (
        "リスト{v}から{n}より大きい値を選ぶ",
        "{v}の中で{n}を超えるもの",
        ("[x for x in {v} if x > {n}]",),
        ("[x for x in {v} if x >= {n}]",),
    ),
    (
        "リスト{v}から{n}より小さい値を選ぶ",
        "{v}の中で{n}未満のもの",
        ("[x for x in {v} if x < {n}]",),
        ("[x for x in {v} if x > {n}]",),
    ),
    ("リスト{v}の各要素に{n}を足す", "{v}の値をそれぞれ{n}増やす", ("[x + {n} for x in {v}]",), ("{v} + [{n}]",)),
    ("リスト{v}の各要素を{n}倍する", "{v}のすべての値に{n}を掛ける", ("[x * {n} for x in {v}]",), ("{v} * {n}",)),
    (
        "リスト{v}を{n}個ずつに分割する",
        "{v}を長さ{n}の部分に切る",
        ("[{v}[i:i+{n}] for i in range(0, len({v}), {n})]",),
        ("{v}[::{n}]",),
    ),
    ("リスト{v}に{n}が含まれるか調べる", "{v}の中に{n}があるか", ("{n} in {v}",), ("{v} in {n}",)),
    ("リスト{v}に{n}が何回現れるか数える", "{v}の中の{n}の個数", ("{v}.count({n})",), ("len({v})",)),
    (
        "リスト{v}の{n}番目に大きい値を求める",
        "{v}で大きい順に{n}番目",
        ("sorted({v})[-{n}]", "sorted({v}, reverse=True)[{n}-1]"),
        ("max({v})",),
    ),
    ("文字列{v}を{n}回繰り返す", "{v}という文字列を{n}個つなげる", ("{v} * {n}",), ("{v} + {n}",)),
    ("文字列{v}の長さが{n}以上か調べる", "{v}が{n}文字以上あるか", ("len({v}) >= {n}",), ("len({v}) > {n}",)),
    (
        "リスト{v}の末尾に{n}を追加する",
        "{v}の最後に{n}を加える",
        ("{v}.append({n})", "{v} += [{n}]"),
        ("{v}.insert({n})",),
    ),
    ("リスト{v}を{n}だけ左に回転する", "{v}を左へ{n}つずらす", ("{v}[{n}:] + {v}[:{n}]",), ("{v}[:{n}]",)),
)


def _replaced(text: str, rng: random.Random) -> str:
    pairs = (
        ("要素", "値"),
        ("取り出す", "取得する"),
        ("求める", "計算する"),
        ("調べる", "確認する"),
        ("リスト", "配列"),
    )
    known = [(old, new) for old, new in (*pairs, ("選ぶ", "抽出する"), ("足す", "加算する")) if old in text]
    return text.replace(*rng.choice(known), 1) if known else text


def _polite(text: str, rng: random.Random) -> str:
    return text + rng.choice(("コード", "にはどうすればいいですか", "方法", "プログラム", "処理を書いて"))


def _japanese_marks(text: str, rng: random.Random) -> str:
    return rng.choice(
        (text + "。", text.replace("を", "を、", 1), text.replace("の", "の ", 1), text + "！", f"「{text}」")
    )


def _code() -> World:
    meanings = [
        Meaning(
            tuple(text.format(v=v, n=n) for text in (one, other)),
            tuple(text.format(v=v, n=n) for text in right),
            (*(text.format(v=v, n=n) for text in wrong), right[0].format(v=v, n=n + 1)),
        )
        for (one, other, right, wrong), v, n in itertools.product(CODE, NAMES, range(2, 10))
    ]
    shown = (("リストxsを逆順にする", "xs[::-1]"), ("辞書dのキーを並べる", "sorted(d)"))
    task = Task("日本語の質問に答えるPythonのコードを一行で書いてください。", _pairs(shown))
    return World("code", task, meanings, (_replaced, _polite, _japanese_marks))


def _date_phrasings(day: datetime.date) -> dict[str, tuple[str, ...]]:
    month = calendar.month_name[day.month]
    ending = {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10 if day.day not in (11, 12, 13) else 0, "th")
    plain = f"{day.day} {month} {day.year}"
    return {
        "": (plain, f"{month} {day.day}, {day.year}", f"the {day.day}{ending} of {month} {day.year}"),
        "after": (f"the day after {plain}", f"one day later than {month} {day.day}, {day.year}"),
        "before": (f"the day before {plain}", f"the eve of {month} {day.day}, {day.year}"),
        "week": (f"a week after {plain}", f"seven days later than {month} {day.day}, {day.year}"),
    }


def _dates() -> World:
    rng = random.Random(6)
    shift = {"": 0, "after": 1, "before": -1, "week": 7}
    meanings = []
    for _ in range(400):
        day = datetime.date(1950, 1, 1) + datetime.timedelta(days=rng.randrange(36_000))
        for kind, phrasings in _date_phrasings(day).items():
            right = day + datetime.timedelta(days=shift[kind])
            wrong = tuple((right + datetime.timedelta(days=days)).isoformat() for days in (-1, 1, 2))
            meanings.append(Meaning(phrasings, (right.isoformat(),), wrong))
    shown = (("the last day of February 1996", "1996-02-29"), ("5/17/2030", "2030-05-17"))
    edits = (_punctuated, *map(_with, ("an article", "a typo", "a word added")))
    return World("dates", Task("Write the date in ISO format.", _pairs(shown)), meanings, edits)


def _pairs(shown: Sequence[tuple[str, str]]) -> tuple[Pair, ...]:
    return tuple(Pair(*one) for one in shown)
