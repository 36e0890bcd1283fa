"""A teacher of which all is known: what each of its texts means, and whether its outputs are right.

It answers the product's own requests in the form of an OpenAI-compatible endpoint. It prefers few meanings (Zipf's law), less so
where it is hot or sees examples; copies some of what it sees and avoids some; errs, refuses, and writes what cannot be read.
Chance is a seed's and the order's of the requests.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import re
from bisect import bisect
from dataclasses import dataclass
from typing import Any

import httpx2

from benchmarks.simulated_tasks import World
from prompt2model_stages.examples import same_text

COUNT = re.compile(r"Write (\d+) new examples?")
BYTES_A_TOKEN = 4


@dataclass(frozen=True)
class Habits:
    """What the teacher is like.

    wordings: of each meaning.
    skew: exponent of Zipf's law at temperature 0 with nothing shown; per_degree, per_shown: what a degree of temperature and an
        example in the prompt take off it, to `least`.
    copies: share of the examples that ask what an example in the prompt asks.
    avoids: how often what stands in the prompt, or was written before in the same completion, is passed over.
    errors: share of wrong outputs; settled: share of these that the teacher gives whenever it is asked.
    malformed, refused: shares of completions that cannot be read, and of requests that are not answered.
    """

    wordings: int = 12
    skew: float = 1.4
    per_degree: float = 0.35
    per_shown: float = 0.02
    least: float = 0.4
    copies: float = 0.08
    avoids: float = 0.7
    errors: float = 0.2
    settled: float = 0.3
    malformed: float = 0.04
    refused: float = 0.01


class SimulatedTeacher:
    """The endpoint; also the truth about what it said.

    Args:
        world: the task.
        habits: what it is like.
        seed: decides which meanings it prefers, and all chance.
    """

    def __init__(self, world: World, habits: Habits, seed: int) -> None:
        self._world, self._habits, self._seed = world, habits, seed
        self._preferred = list(range(len(world.meanings)))
        random.Random(f"{seed}/preferred").shuffle(self._preferred)
        self._weights: dict[tuple[int, float], list[float]] = {}
        self._meant: dict[str, int] = {}
        self.requests = 0

    def client(self) -> httpx2.AsyncClient:
        """An HTTP client whose only server is this teacher."""
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self._handle))

    def meaning(self, text: str) -> int | None:
        """What an input asks; None where this teacher never wrote it."""
        return self._meant.get(same_text(text))

    def is_right(self, at: int, output: str) -> bool:
        """Whether an output is right for a meaning."""
        return output in self._world.meanings[at].right

    async def _handle(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(200, json={"data": [{"id": "simulated"}]})
        self.requests += 1
        body = json.loads(request.content)
        rng = random.Random(f"{self._seed}/{self.requests}/{hashlib.sha256(request.content).hexdigest()}")
        if rng.random() < self._habits.refused:
            error = {"message": "the prompt was flagged", "type": "content_filter", "code": "content_filter"}
            return httpx2.Response(400, json={"error": error})
        texts = [self._completion(body, rng) for _ in range(body.get("n") or 1)]
        return httpx2.Response(200, json=_reply(body, texts))

    def _completion(self, body: dict[str, Any], rng: random.Random) -> str:
        messages, heat = body["messages"], float(body.get("temperature", 1.0))
        if "response_format" not in body:
            at = self.meaning(messages[-1]["content"])
            return "unknown" if at is None else self._output(at, rng)
        shown = self._shown(messages)
        several = COUNT.search(messages[-1]["content"])
        examples = self._examples(int(several[1]) if several else 1, shown, heat, rng)
        text = json.dumps({"examples": examples} if several else examples[0], ensure_ascii=False)
        if rng.random() < self._habits.malformed:
            return rng.choice(["I am sorry, I cannot do that.", text[: len(text) // 2], text.replace('"', "'")])
        return text

    def _examples(self, count: int, shown: list[int], heat: float, rng: random.Random) -> list[dict[str, str]]:
        avoided, examples = set(shown), []
        skew = self._habits.skew - self._habits.per_degree * heat - self._habits.per_shown * len(shown)
        for _ in range(count):
            if shown and rng.random() < self._habits.copies:
                at = rng.choice(shown)
            else:
                at = self._preferred[self._drawn(len(self._preferred), skew, rng)]
                if at in avoided and rng.random() < self._habits.avoids:
                    at = self._preferred[self._drawn(len(self._preferred), skew, rng)]
            avoided.add(at)
            text = self._world.wording(at, self._drawn(self._habits.wordings, 2.0 - heat, rng))
            self._meant.setdefault(same_text(text), at)
            examples.append({"input": text, "output": self._output(at, rng)})
        return examples

    def _drawn(self, count: int, skew: float, rng: random.Random) -> int:
        """A rank below count, by Zipf's law."""
        skew = round(max(self._habits.least, skew), 2)
        if (count, skew) not in self._weights:
            self._weights[count, skew] = list(itertools.accumulate((rank + 1) ** -skew for rank in range(count)))
        sums = self._weights[count, skew]
        return min(count - 1, bisect(sums, rng.random() * sums[-1]))

    def _output(self, at: int, rng: random.Random) -> str:
        meaning, habits = self._world.meanings[at], self._habits
        always = random.Random(f"{self._seed}/{at}/settled")
        if always.random() < habits.errors * habits.settled:
            return always.choice(meaning.wrong)
        if rng.random() < habits.errors * (1 - habits.settled):
            return rng.choice(meaning.wrong)
        return meaning.right[0] if rng.random() < 0.8 else rng.choice(meaning.right)

    def _shown(self, messages: list[dict[str, str]]) -> list[int]:
        """Meanings of the examples in a prompt, those of the user's apart."""
        lines = [
            line for message in messages for line in message["content"].splitlines() if line.startswith('{"input"')
        ]
        found = (self.meaning(json.loads(line)["input"]) for line in lines)
        return [at for at in found if at is not None]


def _reply(body: dict[str, Any], texts: list[str]) -> dict[str, Any]:
    prompt = sum(len(message["content"].encode()) for message in body["messages"]) // BYTES_A_TOKEN
    completion = sum(len(text.encode()) for text in texts) // BYTES_A_TOKEN
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    choices = [
        {"index": at, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        for at, text in enumerate(texts)
    ]
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "simulated",
        "choices": choices,
        "usage": usage,
    }
