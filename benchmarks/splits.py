"""Whether splits lie: test questions that also stand in train, near-twins of test rows that are trained on, and what it costs.

    python benchmarks/splits.py leaks ROWS         # JSON lines (also .xz) with input_col and output_col: the reference's rows
    python benchmarks/splits.py twins ROWS         # changes 100 rows in six ways each, and counts what is still trained on
    python benchmarks/splits.py speed ROWS --rows 100000
    python benchmarks/splits.py wordings           # questions asked in 2 to 20 wordings each: near-twins of test rows in train

Rows with question, context and answers (SQuAD) or input and output are read, too.
"""

from __future__ import annotations

import argparse
import json
import lzma
import random
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "crds"), str(ROOT / "stages")]

from prompt2model_stages.examples import Example, Pair, normalised  # noqa: E402
from prompt2model_stages.prepare.near_duplicates import near_duplicates, similarity  # noqa: E402
from prompt2model_stages.prepare.splitting import split  # noqa: E402
from prompt2model_stages.prepare.strata import rank  # noqa: E402
from prompt2model_stages.splits import TRAIN, VALIDATION  # noqa: E402

QUESTION = re.compile(r"question:\s*(.*?)\s*context:", re.IGNORECASE | re.DOTALL)
TWINS_OF = 100
SYNONYMS = {
    "big": "large", "large": "big", "begin": "start", "started": "began", "film": "movie", "city": "town", "many": "numerous",
    "create": "make", "made": "created", "built": "constructed", "located": "situated", "show": "display", "get": "obtain",
    "remove": "delete", "string": "text", "list": "array", "convert": "transform", "find": "locate", "small": "little",
    "type": "kind", "main": "primary", "first": "initial", "used": "utilized", "called": "named", "said": "stated",
    "woman": "lady", "man": "guy", "often": "frequently", "died": "passed", "next": "following", "last": "previous",
    "meeting": "conference", "several": "multiple", "person": "individual", "playing": "performing", "house": "home",
}  # fmt: skip


def read(path: Path) -> list[Pair]:
    with (lzma.open if path.suffix == ".xz" else open)(path, "rt") as lines:
        return [pair(json.loads(line)) for line in lines]


def pair(row: dict[str, object]) -> Pair:
    if isinstance(answers := row.get("answers"), list):
        return Pair(f"question: {row['question']}\ncontext: {row['context']}", str(answers[0]))
    return Pair(str(row.get("input_col", row.get("input"))), str(row.get("output_col", row.get("output"))))


def question(text: str) -> str | None:
    found = QUESTION.match(text)
    return normalised(found.group(1)) if found else None


def leaks(pairs: Sequence[Pair]) -> None:
    """Test questions that also stand in train, by three rules."""
    rows = [Example(one.input, one.output, "generated", str(at)) for at, one in enumerate(pairs)]
    started = time.process_time()
    made = split(rows, 0)
    seconds = time.process_time() - started
    groups = sorted({row.group for row in rows}, key=lambda group: rank(group, 0))
    tested = frozenset(groups[: len(groups) // 10])
    tenth = len(rows) // 10
    rules = {
        "in the file's order, 70/10/20": (rows[: 7 * tenth], rows[8 * tenth :]),
        "whole inputs": ([r for r in rows if r.group not in tested], [r for r in rows if r.group in tested]),
        "split": (made.examples[TRAIN], made.examples["test-generated"]),
    }
    for name, (train, test) in rules.items():
        seen = {question(row.input) for row in train}
        asked = [question(row.input) for row in test if question(row.input)]
        share = 100 * sum(one in seen for one in asked) / max(1, len(asked))
        print(f"{name}: {share:.1f} % of {len(asked)} test rows ask a question of train; {len(set(asked))} questions")
    print(f"{seconds:.1f} CPU s; {made.grouping}")


def changed(text: str, how: str, chance: random.Random) -> str | None:
    """The text in other words; None where it cannot be changed so."""
    words = text.split(" ")
    if how == "a word added":
        words.insert(chance.randrange(1, len(words)), chance.choice(["really", "also", "actually", "please", "still"]))
    elif how == "a typo":
        long = [at for at, word in enumerate(words) if len(word) >= 4 and word.isalpha()]
        if not long:
            return None
        at, letter = (place := chance.choice(long)), chance.randrange(1, len(words[place]) - 1)
        words[at] = words[at][:letter] + words[at][letter + 1] + words[at][letter] + words[at][letter + 2 :]
    elif how == "an article":
        articles = [at for at, word in enumerate(words) if word in ("a", "an", "the")]
        words.pop(chance.choice(articles)) if articles else words.insert(chance.randrange(1, len(words)), "the")
    elif how == "word order":
        at = chance.randrange(1, len(words))
        words = words[at:] + words[:at]
    elif how == "an accent":
        at = chance.choice([at for at, letter in enumerate(text) if letter in "aeiou"])
        return text[:at] + dict(zip("aeiou", "àéîöü", strict=True))[text[at]] + text[at + 1 :]
    else:
        known = [at for at, word in enumerate(words) if word.lower() in SYNONYMS]
        if not known:
            return None
        at = chance.choice(known)
        words[at] = SYNONYMS[words[at].lower()]
    return " ".join(words) if " ".join(words) != text else None


WAYS = ("a word added", "a typo", "an article", "word order", "an accent", "a synonym")


def twins(pairs: Sequence[Pair]) -> None:
    """Near-twins of the user's own test rows among the rows to train on, beside all other rows of the file."""
    chance = random.Random(1)
    rows = sorted({one.input: one for one in pairs}.values(), key=lambda one: one.input)
    chance.shuffle(rows)
    tests = [one for one in rows if len(one.input.split()) >= 3][:TWINS_OF]
    others = [one for one in rows if one not in set(tests)]
    made: list[tuple[str, Pair]] = []
    for test in tests:
        asked, _, context = test.input.partition("\ncontext: ")
        for how in WAYS:
            text = changed(asked, how, chance)
            if text is not None:
                made.append((how, Pair(f"{text}\ncontext: {context}" if context else text, test.output)))
    examples = [
        Example(one.input, one.output, "generated", how) for how, one in [*made, *(("", one) for one in others)]
    ]
    result = split(examples, 0, [Example(one.input, one.output, "own", "test") for one in tests])
    left = [row for name, found in result.examples.items() if name != "test-own" for row in found]
    by_way = Counter(row.origin for row in left)
    for how in WAYS:
        print(f"{how}: {by_way[how]} of {sum(way == how for way, _ in made)} left")
    print(
        f"all: {sum(by_way[how] for how in WAYS)} of {len(made)} left; others left out: {len(others) - by_way['']} of {len(others)}"
    )


def speed(pairs: Sequence[Pair], rows: int) -> None:
    """CPU seconds and peak memory for rows that are made of real ones, three words changed."""
    chance = random.Random(0)
    texts = [(question(one.input) or one.input).split() for one in pairs]
    vocabulary = sorted({word for text in texts for word in text})
    made = []
    for at in range(rows):
        words = list(chance.choice(texts))
        for _ in range(3):
            words[chance.randrange(len(words))] = chance.choice(vocabulary)
        made.append((" ".join(words), at))
    for name, output in (("five labels", lambda at: "abcde"[at % 5]), ("free outputs", lambda at: f"answer {at}")):
        asked = [Pair(text, output(at)) for text, at in made]
        measured(f"{rows} rows, {name}, near_duplicates", lambda asked=asked: len(near_duplicates(asked)))
        examples = [Example(one.input, one.output, "generated", str(at)) for at, one in enumerate(asked)]
        measured(f"{rows} rows, {name}, split", lambda examples=examples: split(examples, 0).grouping.families)


STARTS = (
    "how do i",
    "where can i",
    "what happens if i",
    "why can't i",
    "is it possible to",
    "when will you",
    "can someone help to",
)
NOUNS = re.findall(
    r"\w+",
    """account password order invoice delivery address payment refund card number email phone app login website store return product
    size colour price discount code voucher shipping customs tracking parcel courier date time subscription plan upgrade cancel
    renew contract bill receipt tax warranty repair replace missing broken late wrong change update delete open close contact
    support agent hours holiday branch city country bank transfer credit debit cash balance limit fee charge""",
)
NEAR = 0.75
"""Two wordings of a question that share so much of their words are near-twins."""


def wording(words: Sequence[str], chance: random.Random) -> str:
    """The question with another word, a word more or a typo."""
    how, text = chance.randrange(3), list(words)
    if how == 0:
        text[chance.randrange(len(text))] = chance.choice(NOUNS)
        return " ".join(text)
    return changed(" ".join(text), "a word added" if how == 1 else "a typo", chance) or " ".join(["please", *text])


def asked_often(wordings: int, questions: int, output: Callable[[int], str]) -> tuple[list[Example], list[Example]]:
    """One row of each question to test, and its other wordings."""
    chance, tests, others = random.Random(3), list[Example](), list[Example]()
    for at in range(questions):
        nouns = " ".join(f"{chance.choice(['my', 'the', 'a', 'this'])} {noun}" for noun in chance.sample(NOUNS, 4))
        words = f"{chance.choice(STARTS)} {nouns}".split()
        first, *rest = sorted({wording(words, chance) for _ in range(wordings)})
        tests.append(Example(first, output(at), "own", f"test {at}"))
        others += [Example(text, output(at), "own", f"{at}") for text in rest]
    return tests, others


def near_in(train: Sequence[Example], tests: Sequence[Example]) -> int:
    """Test rows with a near-twin that is trained on."""
    return sum(
        any(row.output == test.output and similarity(test.input.split(), row.input.split()) >= NEAR for row in train)
        for test in tests
    )


def wordings() -> None:
    """Test rows with a near-twin among the rows to train on, by how many wordings a question has."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    for name, output in (
        (
            "an answer of six words each",
            lambda at: f"Answer number {letters[at % 26]}{letters[at // 26]} in a sentence",
        ),
        ("five labels", lambda at: "ABCDE"[at % 5]),
    ):
        for each, questions in ((2, 150), (5, 100), (10, 60), (20, 30)):
            tests, others = asked_often(each, questions, output)
            beside = split(others, 0, tests).examples
            alone = split([*tests, *others], 0).examples
            own = alone.get("test-own", [])
            trained = [*beside[TRAIN], *beside[VALIDATION]]
            print(f"{name}, {each} wordings: beside own test data {near_in(trained, tests)} of {len(tests)} test rows have a "
                  f"near-twin in train, of one's own split {near_in(alone[TRAIN], own)} of {len(own)}")  # fmt: skip


def measured(name: str, work: object) -> None:
    started = time.process_time()
    found = work()  # type: ignore[operator]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name}: {time.process_time() - started:.1f} CPU s, peak of the process so far {peak:,.0f} MiB ({found})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["leaks", "twins", "speed", "wordings"])
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--rows", type=int, default=100_000)
    given = parser.parse_args()
    if given.what == "wordings":
        wordings()
        return
    if given.file is None:
        parser.error("name a file of rows")
    pairs = read(given.file)
    print(f"{given.file.name}: {len(pairs)} rows")
    if given.what == "speed":
        speed(pairs, given.rows)
    else:
        {"leaks": leaks, "twins": twins}[given.what](pairs)


if __name__ == "__main__":
    main()
