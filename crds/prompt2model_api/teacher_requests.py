"""What the teacher will still be asked for, before it is: an upper bound, from the spec and from what is there.

With T(text) = bytes / 3, rounded up (English has 4 bytes a token, other languages fewer), E = 60 tokens for an example or an
answer, P = T(prompt), or T(instruction) + T(demonstrations) where they come in parts:

| stage | requests | prompt tokens of each | completion tokens of each |
|---|---|---|---|
| discover | parse (a prompt in one text only) | P + 1,500 (the examples that show how) | P + 200 |
| | translate (prompts may be in any language) | P + 200 | P + 200 |
| | describe the student wanted (HyDE) | P + 200 | 300 |
| | keyphrases (a teacher that is named) | P + 200 | 48 |
| | columns of 5 datasets, and of those that are named (a teacher that is named) | P + 4,000 | 192 |
| | order 25 datasets, and 5 students (a teacher that is named) | P + 2,500, P + 1,200 | 192 |
| | yes or no to at most 5 datasets (a teacher that is named) | P + 1,000 | 256 |
| generate | examples x outputsPerInput: one example a request, though a good teacher writes several | P + 10 E + 250 | E + 20 |
| transform | 1 for the plan, and maxRows: one row a request | P + 2,000, P + 900 | 800, 2 E + 80 |
| evaluate | rows: at most maxRows of each test split; twice as many where the teacher is asked in two ways | P + E + 100 | E |

With furtherOutputs: OnDisagreement, outputsPerInput is the most that an input has, so the bound is the same.
An example longer than E, answers that have to be asked for again, and duplicates come on top; the budget bounds them.
A journalled answer is not paid for again, and is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping

from prompt2model_api.candidates import SHOWN
from prompt2model_api.prompt2model import Demonstration, Prompt2ModelSpec
from prompt2model_api.results import StageOutputs
from prompt2model_api.stage_run import Stage

BYTES_PER_TOKEN = 3
EXAMPLE = 60
EARLIER_SHOWN = 10
TEST_SPLIT = "test-"

Request = tuple[int, int, int]
"""How many requests, prompt tokens of each, completion tokens of each."""

Done = Mapping[Stage, StageOutputs | None]
"""Outputs of the stages that have a result; a stage without one is missing or None."""


def tokens_of(text: str) -> int:
    """Tokens of a text, rather too many than too few."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def of_discover(spec: Prompt2ModelSpec, done: Done) -> list[Request]:
    """Taking the prompt apart, translating it, describing the student wanted; a named teacher also helps to search."""
    task = _task_tokens(spec)
    requests = [(1, task + 1500, task + 200)] if spec.prompt is not None else []
    requests += [(1, task + 200, task + 200), (1, task + 200, 300)]
    if spec.teacher is not None:
        of_datasets = [(1, task + 200, 48), (1, task + 2500, 192), (1, task + 1000, 256)]
        of_datasets = of_datasets if spec.datasets.enabled else []
        choice = spec.datasets.choice
        named = choice.datasets() if choice is not None else []
        columns = (SHOWN if spec.datasets.enabled else 0) + len(named)
        requests += [*of_datasets, (columns, task + 4000, 192), (1, task + 1200, 192)]
    return requests


def of_generate(spec: Prompt2ModelSpec, done: Done) -> list[Request]:
    """One example a request, though a good teacher writes several."""
    task = _task_tokens(spec)
    wanted = spec.generation.examples * spec.generation.outputs_per_input
    return [(wanted, task + EARLIER_SHOWN * EXAMPLE + 250, EXAMPLE + 20)]


def of_transform(spec: Prompt2ModelSpec, done: Done) -> list[Request]:
    """One plan, and a request for each row. How long the rows are is not known before they are read."""
    task = _task_tokens(spec)
    return [(1, task + 2000, 800), (spec.datasets.max_rows, task + 900, 2 * EXAMPLE + 80)]


def of_evaluate(spec: Prompt2ModelSpec, done: Done) -> list[Request]:
    """Each way of asking, for at most maxRows of each test split."""
    task, prepared = _task_tokens(spec), done.get(Stage.PREPARE)
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
