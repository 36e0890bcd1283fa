"""Lets the teacher answer the test rows, as well as a prompt can make it: instruction and all demonstrations."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prompt2model_api.results import Spent
from prompt2model_stages.errors import StageError
from prompt2model_stages.job import StageJob
from prompt2model_stages.teacher import TeacherRequest, open_teacher

logger = logging.getLogger(__name__)

BUDGET_EXHAUSTED = "BudgetExhausted"
TOO_LONG = "PromptTooLong"
"""Concerns one input, not the teacher: the row counts as answered with nothing, unless all inputs are too long."""


@dataclass(frozen=True)
class TeacherAnswers:
    """What the teacher answered.

    answers: in the order of the inputs; none where it was not asked.
    spent: by evaluate, earlier attempts included.
    budget_ended: whether the budget ended it.
    """

    answers: list[str | None]
    spent: Spent
    budget_ended: bool = False


def messages(task: Mapping[str, Any], text: str) -> list[dict[str, str]]:
    """The chat for one input: the instruction, each demonstration as a turn, the input."""
    chat = [{"role": "system", "content": str(task["instruction"])}]
    for demonstration in task.get("demonstrations", []):
        chat.append({"role": "user", "content": str(demonstration["input"])})
        chat.append({"role": "assistant", "content": str(demonstration["output"])})
    return [*chat, {"role": "user", "content": text}]


async def ask_teacher(
    job: StageJob, task: Mapping[str, Any], inputs: Sequence[str], max_tokens: int, progress: Callable[[int], None]
) -> TeacherAnswers:
    """Asks for all inputs at temperature 0, as many at a time as the endpoint takes.

    Answers of earlier attempts come from the journal. Inputs are asked in order, so that a budget that ends leaves the
    last ones unanswered.

    Args:
        job: names the teacher, the journal and the budget.
        task: discover's task.json.
        inputs: raw inputs.
        max_tokens: the longest answer.
        progress: told how many are answered.

    Raises: StageError of the teacher, but for an exhausted budget.
    """
    answers: list[str | None] = [None] * len(inputs)
    done: list[int] = []
    ended: list[StageError] = []
    too_long: list[StageError] = []
    async with open_teacher(job, stage="evaluate") as teacher:
        left = iter(enumerate(inputs))

        async def work(left: Iterator[tuple[int, str]]) -> None:
            for i, text in left:
                if ended:
                    return
                chat = messages(task, text)
                request = TeacherRequest(purpose="evaluate", messages=chat, temperature=0.0, max_tokens=max_tokens)
                try:
                    answers[i] = (await teacher.ask(request)).texts[0]
                except StageError as error:
                    if error.failure.reason != TOO_LONG:
                        ended.append(error)  # requests in flight are paid for: the other workers finish theirs
                        return
                    too_long.append(error)
                    answers[i] = ""
                done.append(i)
                progress(len(done))

        limit = job.settings.teacher.limits.concurrency if job.settings.teacher else 1
        await asyncio.gather(*(work(left) for _ in range(min(limit, len(inputs)))))
        spent = teacher.spent
    if fatal := [error for error in ended if error.failure.reason != BUDGET_EXHAUSTED]:
        raise fatal[0]
    if too_long and len(too_long) == len(done):
        raise too_long[0]
    return TeacherAnswers(answers, spent, budget_ended=bool(ended))
