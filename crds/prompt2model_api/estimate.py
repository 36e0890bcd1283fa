"""What the teacher will still be asked for, before it is: an upper bound, from the spec and from what is there.

With T(text) = bytes / 3, rounded up (English has 4 bytes a token, other languages fewer), E = 60 tokens for an example or an
answer, P = T(prompt), or T(instruction) + T(demonstrations) where they come in parts:

| stage | requests | prompt tokens of each | completion tokens of each |
|---|---|---|---|
| discover | parse (a prompt in one text only) | P + 1,500 (the examples that show how) | P + 200 |
| | translate (prompts may be in any language) | P + 200 | P + 200 |
| | describe the student wanted (HyDE) | P + 200 | 300 |
| generate | examples x outputsPerInput: one example a request, though a good teacher writes several | P + 10 E + 250 | E + 20 |
| evaluate | rows: at most maxRows of each test split; twice as many where the teacher is asked in two ways | P + E + 100 | E |

An example longer than E, answers that have to be asked for again, and duplicates come on top; the budget bounds them.
A journalled answer is not paid for again, and is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping

from prompt2model_api.prompt2model import Demonstration, Prompt2ModelSpec
from prompt2model_api.results import StageOutputs
from prompt2model_api.spec.teacher import Price
from prompt2model_api.stage_run import Stage
from prompt2model_api.status import Estimate

BYTES_PER_TOKEN = 3
EXAMPLE = 60
EARLIER_SHOWN = 10
TEST_SPLIT = "test-"

Request = tuple[int, int, int]
"""How many requests, prompt tokens of each, completion tokens of each."""


def estimate(spec: Prompt2ModelSpec, done: Mapping[Stage, StageOutputs | None]) -> dict[Stage, Estimate]:
    """Requests, tokens and US dollars still to come, for each stage that asks the teacher and has no result.

    Args:
        spec: what the user wrote.
        done: outputs of the stages that have a result; a stage without one is missing or None.

    Returns: in the order of the flow; `usd` is None where no price is given.
    """
    task = _task_tokens(spec)
    stages = {Stage.DISCOVER: _discover(spec, task), Stage.EVALUATE: _evaluate(spec, task, done.get(Stage.PREPARE))}
    if spec.generation.enabled:
        stages[Stage.GENERATE] = _generate(spec, task)
    price = spec.teacher.price if spec.teacher else None
    return {stage: _sum(stages[stage], price) for stage in Stage if stage in stages and done.get(stage) is None}


def total(estimates: Mapping[Stage, Estimate]) -> Estimate:
    """All stages together."""
    costs = [one.usd for one in estimates.values() if one.usd is not None]
    return Estimate(
        requests=sum(one.requests for one in estimates.values()),
        tokens=sum(one.tokens for one in estimates.values()),
        usd=sum(costs) if costs else None,
    )


def tokens_of(text: str) -> int:
    """Tokens of a text, rather too many than too few."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def _discover(spec: Prompt2ModelSpec, task: int) -> list[Request]:
    parse = [(1, task + 1500, task + 200)] if spec.prompt is not None else []
    return [*parse, (1, task + 200, task + 200), (1, task + 200, 300)]


def _generate(spec: Prompt2ModelSpec, task: int) -> list[Request]:
    wanted = spec.generation.examples * spec.generation.outputs_per_input
    return [(wanted, task + EARLIER_SHOWN * EXAMPLE + 250, EXAMPLE + 20)]


def _evaluate(spec: Prompt2ModelSpec, task: int, prepared: StageOutputs | None) -> list[Request]:
    most = spec.evaluation.max_rows
    if prepared is not None and prepared.rows is not None:
        rows = sum(min(most, count) for split, count in prepared.rows.items() if split.startswith(TEST_SPLIT))
    else:
        rows = most * _splits(spec)
    asked = spec.evaluation.teacher_prompts
    ways = len(asked) if asked else 2
    return [(ways * rows, task + EXAMPLE + 100, EXAMPLE)]


def _splits(spec: Prompt2ModelSpec) -> int:
    """Test splits that there may be: the user's own, the retrieved one, the generated one."""
    own = spec.evaluation.test_data is not None or spec.datasets.own is not None
    nothing_retrieved = spec.datasets.choice is not None and bool(spec.datasets.choice.none)
    return own + (spec.datasets.enabled and not nothing_retrieved) + spec.generation.enabled


def _task_tokens(spec: Prompt2ModelSpec) -> int:
    shown = sum(_pair_tokens(one) for one in spec.demonstrations)
    return tokens_of(spec.prompt or spec.instruction or "") + shown


def _pair_tokens(one: Demonstration) -> int:
    return tokens_of(one.input) + tokens_of(one.output)


def _sum(requests: list[Request], price: Price | None) -> Estimate:
    prompt = sum(count * each for count, each, _ in requests)
    completion = sum(count * each for count, _, each in requests)
    usd = (prompt * price.input_per_million + completion * price.output_per_million) / 1e6 if price else None
    return Estimate(requests=sum(count for count, _, _ in requests), tokens=prompt + completion, usd=usd)
