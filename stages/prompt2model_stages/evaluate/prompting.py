"""Asks the teacher in each way that there is, and takes the better one as what the student is compared with.

The first way is asked for all rows. The other one is asked for SAMPLE rows, where the budget is left; if it scores better on
those that both answered, it is asked for the others too (docs/decisions/0033).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from prompt2model_api.base import Metric, TeacherPrompt
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import Interval, PromptScore
from prompt2model_stages.evaluate.answers import cleaned, cleaned_all
from prompt2model_stages.evaluate.intervals import interval
from prompt2model_stages.evaluate.metrics import RowMetric
from prompt2model_stages.evaluate.teaching import TeacherAnswers
from prompt2model_stages.splits import Row
from prompt2model_stages.stage_files import DiscoveredTask

SAMPLE = 50
"""Rows on which the ways are compared: they tell two ways apart that differ enough to matter, at a tenth of the default rows."""

Ask = Callable[[TeacherPrompt, Sequence[int] | None], TeacherAnswers]
"""Asks in one way for some rows, or all."""


def ways(spec: Prompt2ModelSpec, task: DiscoveredTask) -> list[TeacherPrompt]:
    """How the teacher is asked, the first way for all rows; without demonstrations there is but one."""
    asked = spec.evaluation.teacher_prompts or list(TeacherPrompt)
    return list(asked) if task.demonstrations else [TeacherPrompt.ZERO_SHOT]


def better_answers(
    rows: Sequence[Row],
    found: Sequence[TeacherPrompt],
    ask: Ask,
    name: Metric,
    load: Callable[[], RowMetric],
    seed: int,
) -> tuple[TeacherAnswers, list[PromptScore]]:
    """The answers of the way that scores better, and the score of each way on the rows on which they were compared.

    Args:
        rows: test rows, in the order that `ask` knows.
        found: the ways, at least one.
        ask: asks; its answers are kept in the journal, so that asking again costs nothing.
        name, load: what they are compared by; loaded where there is something to compare.
        seed: draws the sample.
    """
    first = ask(found[0], None)
    if len(found) == 1 or first.budget_ended or not rows:
        return first, []
    sample = sampled(rows, seed)
    second = ask(found[1], sample)
    both = [i for i in sample if first.answers[i] is not None and second.answers[i] is not None]
    references = [cleaned_all(rows[i]) for i in both]
    answers = {way.prompt.value: [cleaned(way.answers[i] or "") for i in both] for way in (first, second)}
    metric = load()
    figures = metric.best_rows_of(answers, references) if both else {}
    scores = {way: interval(rows_of_way, metric.aggregate, seed) for way, rows_of_way in figures.items()}
    last = second
    best = second if not second.budget_ended and _is_better(first, second, sample, scores) else first
    if best is second and len(sample) < len(rows):
        last = best = ask(found[1], None)
    # What was spent counts over all ways: the last one knows it.
    return replace(best, spent=last.spent), [
        PromptScore(prompt=way, metric=name, rows=len(both), score=scores.get(way), chosen=way is best.prompt)
        for way in found
    ]


def sampled(rows: Sequence[Row], seed: int) -> list[int]:
    """Places of at most SAMPLE rows, of the most telling split first, in order."""
    drawn = random.Random(f"{seed}:teacher prompts")
    places: list[int] = []
    for split in dict.fromkeys(row.split for row in rows):
        of_split = [i for i, row in enumerate(rows) if row.split == split]
        places += drawn.sample(of_split, min(SAMPLE - len(places), len(of_split)))
    return sorted(places)


def _is_better(
    first: TeacherAnswers, second: TeacherAnswers, sample: Sequence[int], scores: Mapping[str, Interval]
) -> bool:
    """Whether the second way is: it answers most rows and the first does not, or it scores better where both answered."""
    usable = [sum(bool(cleaned(way.answers[i] or "")) for i in sample) for way in (first, second)]
    most = [2 * count > len(sample) for count in usable]
    if most[0] != most[1] or not scores:
        return usable[1] > usable[0]
    return scores[second.prompt].value > scores[first.prompt].value
