"""The budget over all stages of a resource: reserved before a request is sent, given back at its answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from prompt2model_api.results import Spent
from prompt2model_api.spec.teacher import Budget, Price
from prompt2model_stages.errors import StageError, blocked


@dataclass(frozen=True)
class Cost:
    """Of one request, or of several together.

    prompt, completion: tokens.
    usd: US dollars; 0 where no price is known.
    prompt_usd: of these, what the prompt costs.
    """

    prompt: int = 0
    completion: int = 0
    usd: float = 0.0
    prompt_usd: float = 0.0

    @property
    def tokens(self) -> int:
        """Prompt and completion."""
        return self.prompt + self.completion

    def as_spent(self, requests: int = 1) -> Spent:
        """As the API counts it."""
        return Spent(
            requests=requests, prompt_tokens=self.prompt, completion_tokens=self.completion, usd=round(self.usd, 9)
        )


def priced(prompt: int, completion: int, price: Price | None) -> Cost:
    """The cost of so many tokens; 0 dollars where no price is known."""
    if price is None:
        return Cost(prompt, completion)
    prompt_usd = prompt * price.input_per_million / 1e6
    return Cost(prompt, completion, prompt_usd + completion * price.output_per_million / 1e6, prompt_usd)


class Purse:
    """What may still be spent. The sum of what is spent and what is reserved never exceeds the budget."""

    def __init__(self, budget: Budget, spent: Spent) -> None:
        self._budget = budget
        self.tokens = spent.prompt_tokens + spent.completion_tokens
        """Spent so far, by every stage and attempt."""
        self.usd = spent.usd
        self.reserved_tokens = 0
        self.reserved_usd = 0.0
        self._reservations = 0
        self._changed: list[asyncio.Future[None]] = []

    async def reserve(self, cost: Cost) -> None:
        """Sets a cost aside; waits where only requests in flight stand in its way.

        Raises: StageError, Blocked, BudgetExhausted.
        """
        while not self._fits(cost):
            if self._reservations == 0:
                raise self._exhausted(cost)
            change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._changed.append(change)
            await change
        self.hold(cost)

    def hold(self, cost: Cost) -> None:
        """Sets aside what was sent before, whether or not the budget would allow it now."""
        self._reservations += 1
        self.reserved_tokens += cost.tokens
        self.reserved_usd += cost.usd

    def settle(self, reserved: Cost, actual: Cost) -> None:
        """Replaces a reservation by what the request cost: nothing where it was not served."""
        self._reservations -= 1
        self.reserved_tokens -= reserved.tokens
        self.reserved_usd -= reserved.usd
        if self._reservations == 0:
            self.reserved_usd = 0.0  # sums of floats leave crumbs
        self.tokens += actual.tokens
        self.usd += actual.usd
        waiting, self._changed = self._changed, []
        for change in waiting:
            if not change.done():
                change.set_result(None)

    def _fits(self, cost: Cost) -> bool:
        budget = self._budget
        if budget.tokens is not None and self.tokens + self.reserved_tokens + cost.tokens > budget.tokens:
            return False
        return budget.usd is None or self.usd + self.reserved_usd + cost.usd <= budget.usd

    def _exhausted(self, cost: Cost) -> StageError:
        if self._budget.tokens is not None and self.tokens + cost.tokens > self._budget.tokens:
            state = f"{self.tokens:,} of {self._budget.tokens:,} tokens are spent"
            need, field = f"up to {cost.tokens:,} tokens", "teacher.budget.tokens"
        else:
            state = f"{self.usd:.4f} of {self._budget.usd:.4f} US dollars are spent"
            need, field = f"up to {cost.usd:.6f} US dollars", "teacher.budget.usd"
        return blocked(
            "BudgetExhausted",
            f"The teacher's budget is used up: {state}, and the next request needs {need}.",
            f"Raise {field}; every answer so far is kept, and the run goes on where it was.",
        )
