"""The request that a plan comes to: its messages, form and bounds."""

from __future__ import annotations

import random
from collections.abc import Sequence

from prompt2model_stages.examples import Pair
from prompt2model_stages.generate.base import PURPOSE, Order, Task
from prompt2model_stages.generate.planning import Plan
from prompt2model_stages.generate.prompts import (
    CHARACTERS_IN_CHAT,
    CHARACTERS_SHOWN,
    ONE,
    SEVERAL,
    ask_one,
    ask_several,
    example_tokens,
)
from prompt2model_stages.teacher import TeacherRequest


def compose(task: Task, order: Order, plan: Plan, earlier: Sequence[Pair], sample: int) -> TeacherRequest:
    """The request for new examples.

    Args:
        task: what the examples are of.
        order: names the group and the seed.
        plan: how many, how hot, in which form.
        earlier: examples that are there; a random few are shown.
        sample: the request's number, which with the seed decides what is shown.
    """
    rng = random.Random(f"{order.seed}/{sample}")
    if plan.several:
        shown = plan.shown(CHARACTERS_SHOWN)
        messages, schema = ask_several(task, earlier, plan.in_one, rng, shown), SEVERAL
    else:
        messages, schema = ask_one(task, earlier, rng, characters=plan.shown(CHARACTERS_IN_CHAT)), ONE
    return TeacherRequest(
        purpose=PURPOSE,
        messages=messages,
        temperature=plan.temperature,
        max_tokens=plan.in_one * example_tokens(task),
        n=plan.completions,
        schema=schema,
        sample=sample,
        group=order.group,
        partial=True,
    )
