"""The sum of what the teacher will still be asked for; each stage's part is in teacher_requests.py, which the graph names."""

from __future__ import annotations

from collections.abc import Mapping

from prompt2model_api.graph import GRAPH, stages_of
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.spec.teacher import Price
from prompt2model_api.stage_run import Stage
from prompt2model_api.status import Estimate
from prompt2model_api.teacher_requests import Done, Request


def estimate(spec: Prompt2ModelSpec, done: Done) -> dict[Stage, Estimate]:
    """Requests, tokens and US dollars still to come, for each stage that asks the teacher and has no result.

    Args:
        spec: what the user wrote.
        done: outputs of the stages that have a result; a stage without one is missing or None.

    Returns: in the order of the flow; `usd` is None where no price is given.
    """
    price = spec.teacher.price if spec.teacher else None
    found = {}
    for stage in stages_of(spec, done):
        requests = GRAPH[stage].teacher_requests
        if requests is not None and done.get(stage) is None:
            found[stage] = _sum(requests(spec, done), price)
    return found


def total(estimates: Mapping[Stage, Estimate]) -> Estimate:
    """All stages together."""
    costs = [one.usd for one in estimates.values() if one.usd is not None]
    return Estimate(
        requests=sum(one.requests for one in estimates.values()),
        tokens=sum(one.tokens for one in estimates.values()),
        usd=sum(costs) if costs else None,
    )


def _sum(requests: list[Request], price: Price | None) -> Estimate:
    prompt = sum(count * each for count, each, _ in requests)
    completion = sum(count * each for count, _, each in requests)
    usd = (prompt * price.input_per_million + completion * price.output_per_million) / 1e6 if price else None
    return Estimate(requests=sum(count for count, _, _ in requests), tokens=prompt + completion, usd=usd)
