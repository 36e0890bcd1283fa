"""What a run will cost at the teacher, and what it cost: a sentence each, where the spec names a teacher."""

from __future__ import annotations

from collections.abc import Mapping

from prompt2model_api.estimate import estimate, total
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import Spent
from prompt2model_api.stage_run import Stage, StageRun
from prompt2model_api.teacher_requests import Done
from prompt2model_stages.teacher.prices import price_of, with_price


def priced(spec: Prompt2ModelSpec) -> Prompt2ModelSpec:
    """The same with the price of its teacher, where one is known."""
    return spec if spec.teacher is None else spec.model_copy(update={"teacher": with_price(spec.teacher)})


def estimated(spec: Prompt2ModelSpec, done: Done | None = None) -> str | None:
    """The most that the teacher is still asked for.

    Args:
        spec: what the user wrote.
        done: outputs of the stages that have a result.

    Returns: a sentence; None where nothing is left to ask, and for the embedded teacher, which costs nothing.
    """
    if spec.teacher is None:
        return None
    found = total(estimate(priced(spec), done or {}))
    if not found.requests:
        return None
    cost = "price unknown" if found.usd is None else f"{dollars(found.usd)} at most{_whose(spec)}"
    return f"Teacher: at most {found.requests:,} requests and {found.tokens:,} tokens, {cost}."


def spent(spec: Prompt2ModelSpec, stages: Mapping[Stage, StageRun]) -> str | None:
    """What the results cost at the teacher, in all and for 1,000 examples. None for the embedded teacher."""
    if spec.teacher is None:
        return None
    results = {stage: run.status.result.outputs for stage, run in stages.items() if run.status.result}
    whole = Spent()
    for outputs in results.values():
        whole = whole.plus(outputs.spent) if outputs.spent else whole
    told = (
        f"Spent on the teacher: {whole.requests:,} requests, {whole.prompt_tokens + whole.completion_tokens:,} tokens"
    )
    if price_of(spec.teacher) is None:
        return f"{told}, price unknown."
    told += f", {dollars(whole.usd)}{_whose(spec)}"
    generated = results.get(Stage.GENERATE)
    if generated is not None and generated.examples and generated.spent:
        told += f"; {dollars(1000 * generated.spent.usd / generated.examples)} for 1,000 examples"
    return f"{told}."


def dollars(usd: float) -> str:
    """An amount with two digits that say something: 12.30, 0.42, 0.0031."""
    return f"{usd:,.2f} US dollars" if usd >= 0.1 or usd == 0 else f"{usd:.2g} US dollars"


def _whose(spec: Prompt2ModelSpec) -> str:
    return " by list price" if spec.teacher is not None and spec.teacher.price is None else ""
