"""Lets the teacher answer the test rows, as well as a prompt can make it, and tells what is an answer from what is none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from prompt2model_api.base import TeacherPrompt
from prompt2model_api.results import Spent
from prompt2model_api.stage_job import StageJob
from prompt2model_stages.errors import StageError
from prompt2model_stages.stage_files import DiscoveredTask
from prompt2model_stages.teacher import Teacher, TeacherAnswer, TeacherRequest, open_teacher

logger = logging.getLogger(__name__)

BUDGET_EXHAUSTED = "BudgetExhausted"
ANSWER_ALONE = "Answer with the output alone: no explanation, no label, nothing before or after it."


class Outcome(Enum):
    """What came of one row. An answer that is cut or refused is none: it is not scored, and it is counted."""

    UNASKED = "unasked"
    ANSWERED = "answered"
    CUT = "cut"
    REFUSED = "refused"
    TOO_LONG = "too_long"


TOO_LONG = "PromptTooLong"
"""Concerns one row, and says nothing of the next."""
SILENT = ("TeacherAnswersNothing", "TeacherAnswerCut")
"""The teacher is there and says nothing, time after time. Where it hardly said anything before, it is no baseline; where it
did, the endpoint is not well now, and the attempt waits until it is."""


@dataclass(frozen=True)
class TeacherAnswers:
    """What the teacher answered.

    answers: in the order of the inputs; none where it was not asked, or what came is no answer.
    outcomes: what came of each input.
    spent: by evaluate, earlier attempts included.
    budget_ended: whether the budget ended it.
    prompt: how it was asked.
    """

    answers: list[str | None]
    outcomes: list[Outcome]
    spent: Spent
    budget_ended: bool = False
    prompt: TeacherPrompt = TeacherPrompt.FEW_SHOT


def messages(task: DiscoveredTask, text: str, prompt: TeacherPrompt = TeacherPrompt.FEW_SHOT) -> list[dict[str, str]]:
    """The chat for one input: the instruction, with FewShot each demonstration as a turn, the input."""
    chat = [{"role": "system", "content": f"{task.instruction}\n\n{ANSWER_ALONE}"}]
    for demonstration in task.demonstrations if prompt is TeacherPrompt.FEW_SHOT else []:
        chat.append({"role": "user", "content": demonstration.input})
        chat.append({"role": "assistant", "content": demonstration.output})
    return [*chat, {"role": "user", "content": text}]


async def ask_teacher(
    job: StageJob,
    task: DiscoveredTask,
    inputs: Sequence[str],
    max_tokens: int,
    progress: Callable[[int], None],
    prompt: TeacherPrompt = TeacherPrompt.FEW_SHOT,
    wanted: Sequence[int] | None = None,
    tell: Callable[[str], None] = lambda message: None,
) -> TeacherAnswers:
    """Asks for inputs at temperature 0, as many at a time as the endpoint takes.

    Answers of earlier attempts come from the journal. Inputs are asked in order, so that a budget that ends leaves the
    last ones unanswered.

    Args:
        job: names the teacher, the journal and the budget.
        task: as discover understood it.
        inputs: raw inputs.
        max_tokens: the longest answer.
        progress: told how many are through.
        prompt: how it is asked.
        wanted: which inputs; by default all.
        tell: told how far batches are, where requests go in batches.

    Raises: StageError of the teacher, but for an exhausted budget, for what concerns one input, and for a teacher that hardly
        says anything.
    """
    asking = _Asking([messages(task, text, prompt) for text in inputs], max_tokens, progress)
    asked = list(range(len(inputs)) if wanted is None else wanted)
    async with open_teacher(job, stage="evaluate", tell=tell) as teacher:
        limit = job.settings.teacher.limits.concurrency if job.settings.teacher else 1
        limit = teacher.concurrency if teacher.in_batches else limit
        left = iter(asked)
        await asyncio.gather(*(asking.work(teacher, left) for _ in range(min(limit, len(asked)))))
        spent = teacher.spent
    silent = asking.raise_fatal()
    budget_ended = len(asking.ended) > len(silent)
    return TeacherAnswers(asking.answers, asking.outcomes, spent, budget_ended, prompt)


class _Asking:
    """Rows on their way: several workers take them one after the other.

    Args:
        chats: of each row.
        max_tokens: the longest answer.
        progress: told how many are through.
    """

    def __init__(self, chats: list[list[dict[str, str]]], max_tokens: int, progress: Callable[[int], None]) -> None:
        self._chats, self._max_tokens, self._progress = chats, max_tokens, progress
        self.answers: list[str | None] = [None] * len(chats)
        self.outcomes = [Outcome.UNASKED] * len(chats)
        self.ended: list[StageError] = []
        self._done = 0

    async def work(self, teacher: Teacher, left: Iterator[int]) -> None:
        """Asks for rows until none is left, or the teacher has ended it for all."""
        for i in left:
            if self.ended:
                return
            chat = self._chats[i]
            request = TeacherRequest(purpose="evaluate", messages=chat, temperature=0.0, max_tokens=self._max_tokens)
            try:
                self.answers[i], self.outcomes[i] = _read(await teacher.ask(request))
            except StageError as error:
                if error.failure.reason != TOO_LONG:
                    self.ended.append(error)  # requests in flight are paid for: the other workers finish theirs
                    return
                self.outcomes[i] = Outcome.TOO_LONG
            self._done += 1
            self._progress(self._done)

    def raise_fatal(self) -> list[StageError]:
        """The errors of a teacher that hardly said anything. Raises: StageError of any other but an exhausted budget."""
        silent = [error for error in self.ended if error.failure.reason in SILENT]
        said = sum(bool((answer or "").strip()) for answer in self.answers)
        hardly = bool(silent) and 2 * said < self._done
        kept = (BUDGET_EXHAUSTED, *SILENT) if hardly else (BUDGET_EXHAUSTED,)
        if fatal := [error for error in self.ended if error.failure.reason not in kept]:
            raise fatal[0]
        if silent:
            logger.warning("not asked for more: %s", silent[0].failure.message)
        return silent


def _read(answer: TeacherAnswer) -> tuple[str | None, Outcome]:
    if answer.refused:
        return None, Outcome.REFUSED
    if answer.cut:
        return None, Outcome.CUT
    return answer.texts[0], Outcome.ANSWERED
