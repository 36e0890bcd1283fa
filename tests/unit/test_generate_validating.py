"""What the teacher wrote that is no example of the task is left out and counted; what may be one is kept."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from prompt2model_api import graph
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.spec_view import spec_read_by
from prompt2model_api.stage_run import Stage, StageRunSpec
from prompt2model_stages.errors import StageError
from prompt2model_stages.examples import Pair
from prompt2model_stages.generate.base import Counts, Generated, Order, Task
from prompt2model_stages.generate.collecting import SHOWN, Collection
from prompt2model_stages.generate.stage import _notes, _said
from prompt2model_stages.generate.stopping import Yield, shortfall
from prompt2model_stages.generate.validating import WORDS, Reason, fault_of, told, validators_for
from prompt2model_stages.stage_files import json_lines
from prompt2model_stages.statistics_files import GenerationStatistics
from prompt2model_stages.teacher import TeacherAnswer
from tests.unit.generation_cases import ConductedTeacher, Conductor, generate
from tests.unit.test_api_digests import GOLDEN, digests, specs

pytestmark = pytest.mark.unit


def task(instruction: str, *pairs: tuple[str, str]) -> Task:
    return Task(instruction, tuple(Pair(*pair) for pair in pairs))


DATES = task(
    "Write the date in ISO form.",
    *(("3 May 2021", "2021-05-03"), ("5/17/2030", "2030-05-17"), ("Christmas 1999", "1999-12-25"), ("1 Jan 2000", "2000-01-01")),
)  # fmt: skip
NUMBERS = task("How many are there?", ("a b", "2"), ("", "0"), ("a b c", "3"), ("a", "1"))
SENTIMENT = task(
    'Classify the review as "positive", "negative" or neutral.',
    *(("Great film!", "positive"), ("Dull and far too long.", "negative"), ("I loved it.", "positive")),
)
PYTHON = task(
    "説明に合うPythonのコードを書いてください。",
    ("JSONを表す文字列`s_json`から辞書型オブジェクト`d`を得る", "d = json.loads(s_json)"),
    ("グラフ上で選択されたデータの座標を表示する", "fig.canvas.mpl_connect('pick_event', onclick)"),
    ("リスト`a`を逆順に並べ替えて表示する", "print(a[::-1])"),
)
TO_JSON = task(
    "Find the person. Answer in JSON.",
    ("Ann is 5.", '{"name": "Ann", "age": 5}'),
    ("Bo, aged 7", '{"name": "Bo", "age": 7}'),
    ("Cy", '{"name": "Cy", "age": null}'),
)
TO_JAPANESE = task(
    "Translate into Japanese.",
    *(("Good morning, everyone.", "皆さん、おはようございます。"), ("Where is the station?", "駅はどこですか。")),
    ("It rains today.", "今日は雨が降っています。"),
)
SUPPORT = task(
    "Answer the customer.",
    ("Where is my parcel?", "I'm sorry for the delay. Your parcel arrives tomorrow."),
    ("Can I have a discount?", "Unfortunately, I cannot offer you one."),
    ("Thanks!", "You are welcome!"),
)
QUESTIONS = task(
    "Answer the question from the passage.",
    ("Who wrote it? Context: Ann Lee wrote it in 1858.", "Ann Lee"),
    ("When? Context: It was built in 1901.", "1901"),
    ("Where? Context: She lived in the north of Peru.", "the north of Peru"),
)
CAPITALS = task("Name the capital.", ("Peru", "Lima"), ("France", "Paris"), ("Japan", "Tokyo"))


def fault(of: Task, output: str, text: str = "x") -> str | None:
    return fault_of(Pair(text, output), validators_for(of))


@pytest.mark.parametrize(
    ("of", "output", "reason"),
    [
        (CAPITALS, "As an AI language model, I cannot know this.", "refusal"),
        (CAPITALS, "I'm sorry, but I can't assist with that request.", "refusal"),
        (CAPITALS, "Es tut mir leid, aber ich kann dabei nicht helfen.", "refusal"),
        (CAPITALS, "Je suis désolée, je ne peux pas répondre à cette question.", "refusal"),
        (CAPITALS, "申し訳ありませんが、そのご依頼にはお答えできません。", "refusal"),
        (CAPITALS, "作为一个人工智能语言模型，我没有个人观点。", "refusal"),
        (CAPITALS, "عذراً، لا أستطيع المساعدة في هذا الطلب.", "refusal"),
        (SUPPORT, "As an AI language model, I have no parcels.", "refusal"),
        (CAPITALS, "Sure, here is the output:\nMadrid", "preamble"),
        (CAPITALS, "Here is the answer:\nMadrid", "preamble"),
        (PYTHON, "はい、以下がコードです。\nprint(1)", "preamble"),
        (CAPITALS, "...", "placeholder"),
        (CAPITALS, "[your answer here]", "placeholder"),
        (CAPITALS, "<output>", "placeholder"),
        (PYTHON, "```python\nprint(a)\n```", "fence"),
        (PYTHON, "print(a", "python"),
        (PYTHON, "リストを並べ替えます", "outputScript"),
        (TO_JSON, '{"name": "Di", "age": 4', "json"),
        (TO_JSON, "Di is 4.", "json"),
        (TO_JSON, '["Di", 4]', "json"),
        (TO_JSON, '{"person": "Di"}', "json"),
        (DATES, "May 3, 2021", "date"),
        (DATES, "2021-13-03", "date"),
        (DATES, "The date is 03.05.2021", "date"),
        (NUMBERS, "There are 4 letters.", "number"),
        (SENTIMENT, "mixed", "label"),
        (SENTIMENT, "The review praises the film.", "label"),
        (TO_JAPANESE, "Where can I buy a ticket?", "outputScript"),
        (TO_JAPANESE, "请问车站在哪里？", "outputScript"),
        (QUESTIONS, "This one is about the north of Chile. " * 100, "length"),
    ],
)
def test_what_is_no_example_is_found(of: Task, output: str, reason: str) -> None:
    assert fault(of, output) == reason


@pytest.mark.parametrize(
    ("of", "output"),
    [
        (SUPPORT, "I'm sorry, but I can't help with that. Please call us."),
        (SUPPORT, "Sure, here is the number: 555."),
        (CAPITALS, "Santiago, the capital of Chile"),
        (QUESTIONS, "Here is the place where she worked as an AI researcher."),
        (DATES, "N/A"),
        (DATES, "unknown"),
        (DATES, "2021-05"),
        (DATES, "2021-05-03 to 2021-05-07"),
        (DATES, "2021-05-03T10:00"),
        (NUMBERS, "1.5"),
        (NUMBERS, "-3"),
        (NUMBERS, "1e5"),
        (NUMBERS, "none"),
        (NUMBERS, "12 %"),
        (SENTIMENT, "Neutral"),
        (SENTIMENT, "negative."),
        (SENTIMENT, "positive, negative"),
        (PYTHON, 'print("こんにちは、世界。今日はとても良い天気ですね。")'),
        (PYTHON, "# すべての行を読み込んで表示する\nprint(f.read())"),
        (PYTHON, "print a"),
        (PYTHON, "for x in a:"),
        (PYTHON, "if a:\n    for x in a:\n        print x"),
        (PYTHON, "re.sub('\\d', '', s)"),
        (PYTHON, "a"),
        (TO_JSON, "{}"),
        (TO_JSON, '{"name": "Di"}'),
        (TO_JSON, '{"name": "Di", "age": 4, "city": "Rome"}'),
        (TO_JAPANESE, "OK"),
        (TO_JAPANESE, "東京駅"),
        (TO_JAPANESE, "NHKを見ます。"),
        (CAPITALS, "D" * 900),
    ],
)
def test_what_may_be_an_example_is_kept(of: Task, output: str) -> None:
    assert fault(of, output) is None


def test_what_the_input_has_too_is_no_fault() -> None:
    german = task("Übersetze ins Deutsche.", ("Hello", "Hallo"), ("The house is big.", "Das Haus ist groß."))
    said = Pair("I'm sorry, but I can't help with that.", "Es tut mir leid, aber ich kann dabei nicht helfen.")
    assert fault_of(said, validators_for(german)) is None
    assert fault_of(Pair("Hello there", said.output), validators_for(german)) == "refusal"
    kanji = Pair("Who was Confucius? Context: 孔子孟子荀子 are names.", "孔子孟子荀子")
    assert fault_of(kanji, validators_for(QUESTIONS)) is None


def test_an_input_in_another_script_is_found() -> None:
    validators = validators_for(PYTHON)
    for text in (
        "Sort the list by the second column.",
        "请把列表里的数字从小到大排序",
        "Отсортируй список по столбцу.",
    ):
        assert fault_of(Pair(text, "print(a)"), validators) == "inputScript"
    for text in ("文字列`s`", "list", "pandasのDataFrame `df_with_a_long_name`の先頭を表示", "円周率を計算"):
        assert fault_of(Pair(text, "print(a)"), validators) is None


def test_an_input_that_is_its_output_is_found_where_it_cannot_be_right() -> None:
    same = Pair("Who built the bridge? Context: Cy Day built it.", "Who built the bridge?  Context: Cy Day built it.")
    assert fault_of(same, validators_for(QUESTIONS)) == "echo"
    correcting = task(
        "Correct the sentence.",
        ("He go to school every day.", "He goes to school every day."),
        ("They was here before us.", "They were here before us."),
        ("I has a dog and a cat.", "I have a dog and a cat."),
    )
    right = Pair("She sings in the garden every morning.", "She sings in the garden every morning.")
    assert fault_of(right, validators_for(correcting)) is None


@pytest.mark.parametrize(
    ("of", "output"),
    [
        (task("Morse code.", ("SOS", "... --- ..."), ("E", "."), ("T", "-")), "..."),
        (task("Write the HTML.", ("a rule", "<hr>"), ("a break", "<br>"), ("bold a", "<b>a</b>")), "<input>"),
        (task("Refuse politely.", ("Come!", "I'm sorry, but I cannot help you with this."),), "I cannot help with that."),
        (task("Say what an AI would say.", ("Age?", "As an AI, I have none."), ("Name?", "None.")), "As an AI, I am fine."),
        (task('The opposite: "hot" becomes "cold", "up" becomes "down".', ("hot", "cold"), ("up", "down"), ("a", "down")), "dry"),
        (task("Name a colour such as red or blue.", ("rose", "red"), ("sea", "blue"), ("sky", "blue")), "green"),
        (task("Name the colour: red, blue, etc.", ("rose", "red"), ("sea", "blue"), ("sky", "blue")), "green"),
        (task("A score between 1 and 5.", ("good", "5"), ("bad", "1"), ("very good", "5")), "3"),
        (task("Positive or negative?", ("good", "positive"), ("bad", "positive"), ("fine", "positive")), "neutral"),
        (task("Answer.", ("When?", "1858"), ("And then?", "1901"), ("Until?", "1950")), "19th century"),
        (task("Solve.", ("x + 1 = 2", "x = 1"), ("2x = 4", "x = 2"), ("3 + x = 5", "x = 2")), "x = 5 or y = 2x"),
        (task("Derive.", ("x^2", "2*x"), ("sin x", "cos(x)"), ("3", "0")), "2x cos(x)"),
        (task("Translate into the language that is named.", ("French: Good morning", "Bonjour à tous"),
              ("German: Good morning", "Guten Morgen zusammen"), ("Spanish: Good morning", "Buenos días a todos")), "Доброе утро"),
        (task("Name it.", ("a", "Lima"), ("b", "Paris")), "print(a"),
    ],
)  # fmt: skip
def test_nothing_is_taken_for_a_form_that_is_none(of: Task, output: str) -> None:
    assert fault(of, output) is None


def test_demonstrations_are_the_evidence() -> None:
    assert validators_for(Task("Say it.")) == ()
    for of in (DATES, NUMBERS, SENTIMENT, PYTHON, TO_JSON, TO_JAPANESE, SUPPORT, QUESTIONS):
        validators = validators_for(of)
        assert not [pair for pair in of.demonstrations if fault_of(pair, validators)]
        few = {one.reason for one in validators_for(Task(of.instruction, of.demonstrations[:1]))}
        assert few <= {Reason.PLACEHOLDER, Reason.REFUSAL}
    refusing = Task(
        CAPITALS.instruction, (*CAPITALS.demonstrations, Pair("Xyz", "I'm sorry, but I can't help with that."))
    )
    assert Reason.REFUSAL not in {one.reason for one in validators_for(refusing)} or not fault(
        refusing, "I can't help with that."
    )


@pytest.mark.parametrize(
    "text", ["(" * 8000, "-" * 8000 + "1", "1" * 8000, "\x00", "\ud800", "[" * 8000, "lambda: " * 1000, " "]
)
def test_no_output_breaks_a_validator(text: str) -> None:
    for of in (DATES, NUMBERS, SENTIMENT, PYTHON, TO_JSON, TO_JAPANESE, SUPPORT, QUESTIONS, CAPITALS):
        fault_of(Pair(text, text), validators_for(of))


def answer(*pairs: Pair, key: str = "a") -> TeacherAnswer:
    examples = [{"input": pair.input, "output": pair.output} for pair in pairs]
    return TeacherAnswer((json.dumps({"examples": examples}),), key)


def test_each_reason_is_counted_with_its_first_example_and_is_no_vote() -> None:
    made = Collection(CAPITALS, 9, validators=validators_for(CAPITALS))
    taken = made.take(
        answer(Pair("Chile", "Santiago"), Pair("Chile", "..."), Pair("Spain", "[your answer]"), Pair("Cuba", "Havana"))
    )
    made.take(answer(Pair("Mali", "As an AI, I cannot say. " + "x" * 900)))
    assert (taken.new, taken.written, len(made)) == (2, 4, 2)
    assert made.counts.invalid == {"placeholder": 2, "refusal": 1}
    assert made.counts.invalid_examples["placeholder"] == Pair("Chile", "...")
    assert len(made.counts.invalid_examples["refusal"].output) == SHOWN
    assert (made.counts.written, made.counts.duplicates, list(made.candidates[0].outputs)) == (5, 0, ["Santiago"])


def test_a_person_sees_what_was_left_out() -> None:
    counts = Counts(written=40, invalid={"refusal": 9, "python": 3, "label": 1, "echo": 1, "json": 2})
    assert (
        told(counts.invalid)
        == "9 with a refusal, 3 with no Python, 2 with no JSON like that of the demonstrations, 1 with the input repeated, 1 others"
    )
    assert set(WORDS) == set(Reason)
    assert _said(counts).endswith(", 16 invalid") and "invalid" not in _said(Counts())
    (note,) = _notes(Generated((), counts, ()))
    assert note.startswith("16 of 40 examples") and "9 with a refusal" in note and len(note) <= 512
    why = shortfall(12, 20, counts, 60, Yield(5))
    assert "and 16 were no examples of the task (9 with a refusal" in why
    with pytest.raises(StageError) as raised:
        shortfall(2, 20, counts, 60, Yield(5))
    assert "set generation.validate to None" in raised.value.failure.remedy
    assert (
        GenerationStatistics.model_validate({"invalidExamples": {"echo": {"input": "a", "output": "a"}}}).invalid == {}
    )


def spoilt(messages: list[dict[str, str]], count: int, n: int, rng: Any) -> list[str]:
    """One of three outputs is a refusal."""

    def written() -> str:
        return str(rng.choice(["Lima", "Paris", "As an AI, I cannot say."]))

    if count == 0:
        return [written()] * n
    several = "Write " in messages[-1]["content"]
    pairs = [{"input": f"country {rng.randrange(10**6)}", "output": written()} for _ in range(count)]
    return [json.dumps({"examples": pairs} if several else pairs[0]) for _ in range(n)]


@pytest.mark.parametrize("most", [1, 4, 9, 30])
@pytest.mark.parametrize("votes", [1, 3])
def test_a_run_killed_at_any_point_ends_with_what_the_journal_gives(most: int, votes: int) -> None:
    async def attempt(
        journal: Any, seed: int, most: int = 10**9, validate: bool = True
    ) -> tuple[ConductedTeacher, Any]:
        conductor = Conductor(seed, most)
        teacher = ConductedTeacher(spoilt, conductor, journal)
        order = Order(40, group="g", validate=validate, outputs_per_input=votes)
        return teacher, await generate(teacher, conductor, order, CAPITALS)

    killed, _ = asyncio.run(attempt(None, 1, most))
    resumed, first = asyncio.run(attempt(killed.journal, 2))
    again, second = asyncio.run(attempt(resumed.journal, 3))
    assert isinstance(first, Generated) and isinstance(second, Generated)
    assert len(first.examples) == 40 and first.counts.invalid["refusal"] > 0
    assert {example.output for example in first.examples} == {"Lima", "Paris"}
    assert (first.counts.invalid_votes > 0) == (votes > 1)
    assert again.sent == [] and json_lines(first.examples) == json_lines(second.examples)
    assert first.counts.invalid == second.counts.invalid


def test_what_was_answered_before_the_field_was_there_is_paid_for_once() -> None:
    async def attempt(journal: Any, validate: bool) -> tuple[ConductedTeacher, Any]:
        conductor = Conductor(4)
        teacher = ConductedTeacher(spoilt, conductor, journal)
        return teacher, await generate(teacher, conductor, Order(60, group="g", validate=validate), CAPITALS)

    before, whole = asyncio.run(attempt(None, False))
    after, valid = asyncio.run(attempt(before.journal, True))
    assert len(whole.examples) == len(valid.examples) == 60
    assert valid.counts.journalled == len(before.sent), "all answers are taken from the journal"
    kept = [one for one in whole.examples if not one.output.startswith("As an AI")]
    assert [one.input for one in valid.examples][: len(kept)] == [one.input for one in kept], "in their order"
    assert len(after.sent) < len(before.sent), "the missing ones alone are asked for"


def test_without_it_every_digest_is_what_it_was_before_the_field_was_there() -> None:
    before = json.loads((GOLDEN.parent / "digests_without_validation.json").read_text())
    found = {}
    for name, spec in specs().items():
        generation = {**spec.generation.dump(), "validate": "None", "language": "English"}
        found[name] = digests(Prompt2ModelSpec.model_validate({**spec.dump(), "generation": generation}))
    assert {name: found[name] for name in before} == before
    named = Prompt2ModelSpec.model_validate({"prompt": "p", "generation": {"validate": "Auto"}})
    assert digests(named) == digests(Prompt2ModelSpec(prompt="p")), "it is the default"


def test_a_stage_run_of_an_older_version_does_what_its_digest_says() -> None:
    def read(parameters: dict[str, Any]) -> str:
        run = StageRunSpec(resource="x", stage=Stage.GENERATE, digest="a" * 64, storage="/s", parameters=parameters)
        generation = spec_read_by(run).generation
        return f"{generation.validate_}, {generation.language}"

    assert read({"generation.examples": 9}) == "None, English"
    assert read({"generation.validate": "Auto"}) == "Auto, English"
    spec = Prompt2ModelSpec(prompt="p")
    assert read(graph.parameters(spec, Stage.GENERATE)) == "Auto, Auto"
