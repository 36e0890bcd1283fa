"""How many tokens a prompt has, of the bytes that bound it: learnt from the endpoint's own counts.

No tokenizer makes more tokens than there are bytes, but those of English text make one of every four or five. What a request
cost whose answer was lost is therefore told by its like: requests for the same purpose, of the same stage run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from prompt2model_stages.teacher.budget import Cost

KNOWN = 20
"""So many answers must have told their prompts' tokens before anything is made of it."""
MARGIN = 1.05
"""Times the highest share that was seen: one prompt may have shorter words than any before it."""


@dataclass
class PromptShare:
    """Tokens of prompts as a share of their bounds, of one purpose in one stage run."""

    answers: int = 0
    highest: float = 0.0

    def learn(self, bound: Cost, cost: Cost) -> None:
        """Notes what a request cost that had this bound."""
        if bound.prompt > 0 and cost.prompt > 0:
            self.answers += 1
            self.highest = max(self.highest, cost.prompt / bound.prompt)

    def at_most(self, bound: Cost) -> Cost:
        """What a request with this bound costs at most: its prompt as its like, its completion in full."""
        if self.answers < KNOWN:
            return bound
        prompt = math.ceil(bound.prompt * self.highest * MARGIN)
        if self.highest <= 1.0:
            prompt = min(prompt, bound.prompt)
        prompt_usd = bound.prompt_usd * prompt / bound.prompt if bound.prompt else 0.0
        return Cost(prompt, bound.completion, bound.usd - bound.prompt_usd + prompt_usd, prompt_usd)
