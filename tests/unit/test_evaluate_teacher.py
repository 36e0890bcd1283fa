"""The teacher's part of evaluate, with a teacher behind the same interface as the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from prompt2model_api.base import Metadata, TeacherPrompt
from prompt2model_api.prompt2model import Demonstration
from prompt2model_api.results import Spent
from prompt2model_api.stage_job import StageJob, StageSettings
from prompt2model_api.stage_run import Stage, StageRun, StageRunSpec
from prompt2model_stages.errors import StageError, blocked, failed
from prompt2model_stages.evaluate import teaching
from prompt2model_stages.evaluate.teaching import ANSWER_ALONE, Outcome, TeacherAnswers, ask_teacher, messages
from prompt2model_stages.stage_files import DiscoveredTask
from prompt2model_stages.teacher import TeacherAnswer, TeacherRequest

pytestmark = pytest.mark.unit

TASK = DiscoveredTask(instruction="Say it louder.", demonstrations=[Demonstration(input="a", output="A")])
SETTINGS = StageSettings.model_validate({"teacher": {"baseURL": "http://127.0.0.1:1/v1", "model": "m"}})


class FakeTeacher:
    def __init__(self, refuse: Callable[[int, str], StageError | None]) -> None:
        self.refuse = refuse
        self.asked: list[TeacherRequest] = []
        self.finished = 0
        self.spent = Spent(requests=7)
        self.in_batches = False

    async def ask(self, request: TeacherRequest) -> TeacherAnswer:
        self.asked.append(request)
        text = request.messages[-1]["content"]
        if error := self.refuse(len(self.asked), text):
            raise error
        await asyncio.sleep(0)
        self.finished += 1
        return TeacherAnswer(texts=(text.upper(),), key="k")


def ask(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, count: int, refuse: Callable[[int, str], StageError | None]
) -> tuple[FakeTeacher, Callable[[], TeacherAnswers]]:
    fake = FakeTeacher(refuse)

    @asynccontextmanager
    async def open_fake(job: StageJob, stage: str, tell: Callable[[str], None]) -> AsyncIterator[Any]:
        assert stage == "evaluate"
        yield fake

    monkeypatch.setattr(teaching, "open_teacher", open_fake)
    spec = StageRunSpec(resource="n", stage=Stage.EVALUATE, digest="a" * 64, storage=str(tmp_path))
    job = StageJob(stage_run=StageRun(metadata=Metadata(name="n"), spec=spec), attempt=1, settings=SETTINGS)
    inputs = [f"in {i}" for i in range(count)]
    return fake, lambda: asyncio.run(ask_teacher(job, TASK, inputs, 9, lambda done: None))


def test_the_chat_is_as_good_as_a_prompt_can_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    system = {"role": "system", "content": f"Say it louder.\n\n{ANSWER_ALONE}"}
    shown = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "A"}]
    assert messages(TASK, "b") == [system, *shown, {"role": "user", "content": "b"}]
    assert messages(TASK, "b", TeacherPrompt.ZERO_SHOT) == [system, {"role": "user", "content": "b"}]
    fake, run = ask(monkeypatch, tmp_path, 200, lambda n, text: None)
    answered = run()
    assert answered == TeacherAnswers(
        [f"IN {i}" for i in range(200)], [Outcome.ANSWERED] * 200, Spent(requests=7), prompt=TeacherPrompt.FEW_SHOT
    )
    assert {(request.temperature, request.max_tokens) for request in fake.asked} == {(0.0, 9)}


def test_a_budget_that_ends_leaves_the_last_rows_unanswered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    end = blocked("BudgetExhausted", "used up", "raise it")
    fake, run = ask(monkeypatch, tmp_path, 200, lambda n, text: end if n > 80 else None)
    answered = run()
    assert answered.budget_ended
    assert [answer is not None for answer in answered.answers] == [True] * 80 + [False] * 120
    assert fake.finished == 80  # what was in flight is paid for, and kept


def test_a_teacher_that_is_away_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    away = blocked("TeacherUnreachable", "away", "fix")
    fake, run = ask(monkeypatch, tmp_path, 200, lambda n, text: away if n > 80 else None)
    with pytest.raises(StageError, match="away"):
        run()
    assert fake.finished == 80
    assert len(fake.asked) < 200


def test_an_input_that_is_too_long_is_not_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    long = failed("PromptTooLong", "long", "shorten")
    _, run = ask(monkeypatch, tmp_path, 5, lambda n, text: long if text == "in 3" else None)
    answered = run()
    assert answered.answers == ["IN 0", "IN 1", "IN 2", None, "IN 4"]
    assert answered.outcomes[2:4] == [Outcome.ANSWERED, Outcome.TOO_LONG]
    _, run = ask(monkeypatch, tmp_path, 5, lambda n, text: long)
    assert run().outcomes == [Outcome.TOO_LONG] * 5


def test_what_is_no_answer_is_never_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake, run = ask(monkeypatch, tmp_path, 4, lambda n, text: None)

    said = {
        "in 0": TeacherAnswer(("",), "k", refused=True),
        "in 1": TeacherAnswer(("The answer is that",), "k", cut=True),
        "in 2": TeacherAnswer(("",), "k"),
        "in 3": TeacherAnswer(("IN 3",), "k"),
    }

    async def answer(request: TeacherRequest) -> TeacherAnswer:
        return said[request.messages[-1]["content"]]

    monkeypatch.setattr(fake, "ask", answer)
    answered = run()
    assert answered.answers == [None, None, "", "IN 3"]
    assert answered.outcomes == [Outcome.REFUSED, Outcome.CUT, Outcome.ANSWERED, Outcome.ANSWERED]


@pytest.mark.parametrize("reason", ["TeacherAnswersNothing", "TeacherAnswerCut"])
def test_a_teacher_that_says_nothing_is_no_baseline_and_one_that_falls_silent_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reason: str
) -> None:
    silent = blocked(reason, "nothing but silence", "look")
    fake, run = ask(monkeypatch, tmp_path, 200, lambda n, text: silent if n > 80 else None)
    with pytest.raises(StageError, match="nothing but silence"):
        run()

    said = fake.ask

    async def nothing(request: TeacherRequest) -> TeacherAnswer:
        answer = await said(request)
        return TeacherAnswer(texts=("" if len(fake.asked) > 20 else answer.texts[0],), key="k")

    fake.asked.clear()
    monkeypatch.setattr(fake, "ask", nothing)
    answered = run()
    assert not answered.budget_ended
    assert answered.outcomes.count(Outcome.ANSWERED) == 80
    assert answered.answers.count("") > 40


def test_nothing_to_ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert ask(monkeypatch, tmp_path, 0, lambda n, text: None)[1]().answers == []
