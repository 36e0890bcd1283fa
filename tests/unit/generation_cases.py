"""Whole generations in which nothing is left to chance, for a record of what is asked and what is made of it.

A conductor lets one answer through at a time, in an order that a seed decides, and only when the generator has nothing
left to do: how many turns of the loop something takes changes nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx2

from prompt2model_api.results import Spent
from prompt2model_stages.errors import StageError, failed
from prompt2model_stages.examples import Pair
from prompt2model_stages.generate.base import Generated, Order, Task
from prompt2model_stages.generate.generator import FewShotGenerator
from prompt2model_stages.stage_files import json_lines
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher import Patience, Teacher, TeacherAnswer, TeacherRequest
from prompt2model_stages.teacher.journal import Journal
from prompt2model_stages.teacher.requests import request_key
from tests.unit.teacher_cases import RUN, Endpoint, ask, refusal, reply, settings

TASK = Task("Say the number in words.", (Pair("1", "one"), Pair("Two, please", "two"), Pair("3 \u00e9", "three")))
FIRST = "Are you well?"
LATER = ("near_duplicates", "invalid", "invalid_examples", "invalid_votes")
"""Counts that the record's version did not have."""
SETTLED = 40
"""Turns of the loop after which nothing happens any more without another answer."""
Write = Callable[[list[dict[str, str]], int, int, random.Random], list[str]]
"""Texts for messages, examples wanted in a completion (0: an output), completions wanted."""


class Conductor:
    """Lets what waits through one by one."""

    def __init__(self, seed: int, most: int = 10**9) -> None:
        self._random = random.Random(seed)
        self._waiting: list[asyncio.Future[None]] = []
        self._left = most

    async def turn(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    async def conduct(self, work: asyncio.Task[Any]) -> None:
        while not work.done():
            for _ in range(SETTLED):
                await asyncio.sleep(0)
            self._waiting = [one for one in self._waiting if not one.done()]
            if self._waiting:
                if self._left == 0:
                    raise KeyboardInterrupt
                self._left -= 1
                self._waiting.pop(self._random.randrange(len(self._waiting))).set_result(None)


def wanted(messages: list[dict[str, str]], schema: object) -> int:
    """Examples that a request wants in a completion; 0 where it wants an output."""
    if schema is None:
        return 0
    last = messages[-1]["content"]
    return int(last.split("Write ")[1].split()[0]) if "Write " in last else 1


class ConductedTeacher:
    """A teacher made of Python, with a journal in memory."""

    def __init__(
        self, write: Write, conductor: Conductor, journal: list[tuple[TeacherRequest, TeacherAnswer]] | None = None
    ) -> None:
        self._write, self._conductor = write, conductor
        self.journal = [] if journal is None else list(journal)
        self.concurrency = 8
        self.in_batches = False
        self.sent: list[TeacherRequest] = []
        self._before = [request for request, _ in self.journal]

    @property
    def spent(self) -> Spent:
        return Spent(requests=len(self.sent))

    async def ask(self, request: TeacherRequest) -> TeacherAnswer:
        key = request_key(request, "fake", "")
        if (known := next((a for r, a in self.journal if a.key == key), None)) is not None:
            return known
        self.sent.append(request)
        await self._conductor.turn()
        texts = self.texts(request, random.Random(key))
        answer = TeacherAnswer(tuple(texts), key, refused=not any(texts))
        self.journal.append((request, answer))
        return answer

    def texts(self, request: TeacherRequest, rng: random.Random) -> list[str]:
        messages = [dict(message) for message in request.messages]
        return self._write(messages, wanted(messages, request.schema), request.n, rng)

    def journalled(self, group: str) -> list[tuple[int, TeacherAnswer]]:
        return [(r.sample, a) for r, a in self.journal if r.group == group]

    def next_sample(self, group: str) -> int:
        return max((r.sample + 1 for r in [*self._before, *self.sent] if r.group == group), default=0)


class CoolTeacher(ConductedTeacher):
    """Has few inputs to give while it is cool, and thousands when it is hot; it writes five in an answer."""

    def __init__(self, conductor: Conductor) -> None:
        super().__init__(numbers(1), conductor)

    def texts(self, request: TeacherRequest, rng: random.Random) -> list[str]:
        usual = 4 * 1000 ** (request.temperature - 0.3)
        pairs = [{"input": f"number {int(rng.expovariate(1 / usual))}", "output": "right"} for _ in range(5)]
        return [json.dumps({"examples": pairs})]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def asked(requests: list[TeacherRequest]) -> dict[str, Any]:
    lines = [f"{request_key(r, 'fake', '')} {r.purpose} {r.group} {r.partial}" for r in requests]
    return {"requests": len(lines), "order": digest("\n".join(lines).encode())}


def made(generated: Generated) -> dict[str, Any]:
    return {
        "examples": digest(json_lines(generated.examples)),
        "unique": len(generated.examples),
        "counts": {name: count for name, count in asdict(generated.counts).items() if count or name not in LATER},
        "curve": digest(json.dumps(generated.duplicates_over_time).encode()),
        "shortfall": generated.shortfall,
    }


async def generate(
    teacher: Any, conductor: Conductor, order: Order, task: Task = TASK
) -> Generated | StageError | KeyboardInterrupt:
    """What one attempt comes to; a KeyboardInterrupt where it was killed."""
    work = asyncio.create_task(FewShotGenerator(task, order, teacher, lambda: 0.0).generate(lambda progress: None))
    try:
        await conductor.conduct(work)
    except KeyboardInterrupt as error:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        return error
    try:
        return work.result()
    except StageError as error:
        return error


def numbers(space: int, outputs: tuple[str, ...] = ("right",)) -> Write:
    """Well-formed examples out of so many inputs."""

    def write(messages: list[dict[str, str]], count: int, n: int, rng: random.Random) -> list[str]:
        if count == 0:
            return [rng.choice(outputs)] * n
        several = "Write " in messages[-1]["content"]

        def pair() -> dict[str, str]:
            return {"input": f"number {rng.randrange(space)}", "output": rng.choice(outputs)}

        return [
            json.dumps({"examples": [pair() for _ in range(count)]} if several else pair(), ensure_ascii=False)
            for _ in range(n)
        ]

    return write


def untidy(space: int) -> Write:
    """What teachers do: other spellings, demonstrations, nothing, fences, prose, cuts, refusals, too much."""

    def write(messages: list[dict[str, str]], count: int, n: int, rng: random.Random) -> list[str]:
        def pair() -> dict[str, Any]:
            number = rng.randrange(space)
            text = rng.choices(
                [
                    f"numb\u00e9r {number}",
                    f"NUMB\u00c9R  {number}!",
                    f"numb\u00e9r\u00a0 {number}",
                    "two please",
                    "",
                    "x" * 9000,
                ],
                [20, 3, 3, 1, 1, 1],
            )[0]
            return {"input": text, "output": rng.choice(["one", "two", 3, 4.50, None, ["\u4e94"]])}

        def completion() -> str:
            if count == 0:
                return str(rng.choice(["one", " two ", ""]))
            tree: Any = {"examples": [pair() for _ in range(count)]} if count > 1 else pair()
            text = json.dumps(tree, ensure_ascii=False)
            forms = [text, f"```json\n{text}\n```", f"{text}\n\nMore?", text[: int(len(text) * 0.7)], "I cannot.", ""]
            return str(rng.choices(forms, [12, 2, 2, 2, 1, 1])[0])

        return [completion() for _ in range(n)]

    return write


def one_at_a_time(messages: list[dict[str, str]], count: int, n: int, rng: random.Random) -> list[str]:
    """A teacher that cannot write several examples in one completion."""
    several = "Write " in messages[-1]["content"]
    return ["{"] * n if several else numbers(10**6)(messages, count, n, rng)


def narrow(messages: list[dict[str, str]], count: int, n: int, rng: random.Random) -> list[str]:
    """A teacher with a short context."""
    if sum(len(message["content"]) for message in messages) > 900:
        raise failed("PromptTooLong", "too long", "shorten it")
    return numbers(10**6)(messages, count, n, rng)


LONG = Task("Say it.", tuple(Pair(f"{i} " + "x" * 300, "one") for i in range(8)))
CASES: dict[str, tuple[Write, Order, Task]] = {
    "several in an answer": (numbers(10**6), Order(60, group="g"), TASK),
    "one in an answer": (numbers(10**6), Order(60, group="g", examples_per_answer=1), TASK),
    "one in a request": (numbers(10**6), Order(30, group="g", examples_per_answer=1, completions=1), TASK),
    "repeats and votes": (numbers(150, ("a", "b", "b")), Order(90, group="g", seed=3), TASK),
    "further outputs": (numbers(300, ("a", "b", "b", "cc")), Order(40, group="g", outputs_per_input=4), TASK),
    "untidy, several": (untidy(200), Order(80, group="g", seed=1), TASK),
    "untidy, one, further outputs": (
        untidy(200),
        Order(80, group="g", seed=2, examples_per_answer=1, outputs_per_input=3),
        TASK,
    ),
    "several cannot be read": (one_at_a_time, Order(50, group="g"), TASK),
    "prompts too long": (narrow, Order(40, group="g"), LONG),
    "no more than 25": (numbers(25), Order(60, group="g", least_yield=0), TASK),
    "garbage": (lambda messages, count, n, rng: ["I cannot help."] * n, Order(60, group="g"), TASK),
    "no demonstrations": (numbers(10**6), Order(30, group="g"), Task("Say it.")),
}


async def record(write: Write, order: Order, task: Task) -> dict[str, Any]:
    """A whole run; then one that is killed in the middle, goes on, and is asked for a quarter more."""
    conductor = Conductor(7)
    teacher = ConductedTeacher(write, conductor)
    whole = _told(teacher, await generate(teacher, conductor, order, task))
    conductor = Conductor(8, most=max(3, len(teacher.sent) // 2))
    killed = ConductedTeacher(write, conductor)
    await generate(killed, conductor, order, task)
    conductor = Conductor(9)
    again = ConductedTeacher(write, conductor, killed.journal)
    resumed = _told(again, await generate(again, conductor, order, task))
    conductor = Conductor(10)
    more = ConductedTeacher(write, conductor, again.journal)
    longer = Order(**{**asdict(order), "examples": order.examples * 5 // 4})
    return {
        "whole": whole,
        "killed": asked(killed.sent),
        "resumed": resumed,
        "more": _told(more, await generate(more, conductor, longer, task)),
    }


def _told(teacher: ConductedTeacher, outcome: Generated | StageError | KeyboardInterrupt) -> dict[str, Any]:
    if isinstance(outcome, Generated):
        return asked(teacher.sent) | made(outcome)
    assert isinstance(outcome, StageError)
    return asked(teacher.sent) | {"failure": f"{outcome.failure.reason}: {outcome.failure.message}"}


async def attempt(folder: Path, order: Order, write: Write, one_by_one: bool, seed: int, most: int) -> dict[str, Any]:
    """An attempt with the real client and journal: what went over the wire, what the journal holds, what it made."""
    conductor = Conductor(seed, most)
    answers = 0

    async def handle(body: dict[str, Any]) -> httpx2.Response:
        nonlocal answers
        if body["messages"][0]["content"] == FIRST:
            return reply("well")
        if one_by_one and body.get("n", 1) > 1:
            return refusal(400, "only one completion choice allowed")
        await conductor.turn()
        answers += 1
        if answers % 13 == 0:
            return refusal(400, "the prompt was flagged", "content_filter")
        count = wanted(body["messages"], body.get("response_format"))
        sent = json.dumps(body, sort_keys=True)
        return reply(*write(body["messages"], count, body.get("n", 1), random.Random(sent)), prompt=100, completion=40)

    endpoint = Endpoint(handle)
    journal = await Journal.open(Folder(str(folder)), "generate", RUN)
    price = {"inputPerMillion": 0.5, "outputPerMillion": 1.5}
    limits = {"concurrency": 6}
    given = settings(limits=limits, budget={"unlimited": True}, price=price)
    teacher = Teacher(given, journal, Patience(tries=4), http=endpoint.client())
    await teacher.ask(ask(FIRST, sample=seed))  # the client's first request may wait for a thread
    outcome = await generate(teacher, conductor, order)
    await teacher.close(0.0)
    bodies = "\n".join(json.dumps(body, sort_keys=True) for body in endpoint.bodies)
    told = {"bodies": len(endpoint.bodies), "wire": digest(bodies.encode()), "journal": digest(journal_lines(folder))}
    if isinstance(outcome, Generated):
        told |= made(outcome) | {"spent": outcome.spent.model_dump()}
    return told


def journal_lines(folder: Path) -> bytes:
    """The journal without its times."""
    lines = [json.loads(line) for file in sorted(folder.glob("*.jsonl")) for line in file.read_text().splitlines()]
    return "\n".join(json.dumps({**line, "at": 0}, sort_keys=True) for line in lines).encode()


async def record_client(folder: Path, order: Order, write: Write, one_by_one: bool) -> list[dict[str, Any]]:
    """Two attempts that are killed, and one that ends."""
    return [await attempt(folder, order, write, one_by_one, seed, most) for seed, most in ((1, 9), (2, 9), (3, 10**9))]
