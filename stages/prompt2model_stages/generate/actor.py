"""The generator inside a Ray actor, and the driver that watches it.

The actor owns the teacher's client and with it the journal. It is not detached: it dies with the driver. Errors come
back as values, so that no pickling of exceptions stands between a failure and its message.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from prompt2model_api.conditions import Failure
from prompt2model_api.redaction import mask, mask_streams
from prompt2model_api.spec_view import spec_read_by
from prompt2model_api.stage_job import StageJob
from prompt2model_stages.errors import StageError, retrying
from prompt2model_stages.examples import VotedExample
from prompt2model_stages.generate.base import Counts, DatasetGenerator, Generated, Order, Progress, Task
from prompt2model_stages.generate.generator import FewShotGenerator
from prompt2model_stages.generate.handing_on import AT_ONCE, ExamplesOnDisk
from prompt2model_stages.parts import named_part, used
from prompt2model_stages.teacher import open_teacher

POLL_S = 0.5


@dataclass(frozen=True)
class Outcome:
    """How an actor's work ended.

    generated: without its examples, which are fetched by and by.
    examples: how many there are.
    """

    generated: Generated | None = None
    examples: int = 0
    failure: Failure | None = None


async def write_examples(job: StageJob, task: Task, order: Order, progress: Callable[[Progress], None]) -> Generated:
    """Opens the job's teacher and lets the spec's generator write what is ordered. Raises: StageError, OSError."""
    told = _Told(progress, Progress(0, order.examples, 0, Counts()))
    # The generator itself waits for what is in flight, as long as it makes sense; what is left then seems to hang.
    async with open_teacher(job, stage="generate", grace_s=1.0, tell=told.waiting, group=order.group) as teacher:
        part = named_part("generator", spec_read_by(job.stage_run.spec).parts, DatasetGenerator)
        generated: Generated = await (part or FewShotGenerator)(task, order, teacher).generate(told)
        return replace(generated, part=(used([part]) or {}).get("generator"))


class _Told:
    """The generator's progress, and beside it how far batches are while nothing else happens."""

    def __init__(self, progress: Callable[[Progress], None], first: Progress) -> None:
        self._progress, self._last = progress, first
        self._waiting = ""

    def __call__(self, progress: Progress) -> None:
        self._last = replace(progress, waiting=self._waiting)
        self._progress(self._last)

    def waiting(self, message: str) -> None:
        self._waiting = message
        self(self._last)


class GeneratorActor:
    """What runs in the actor's process: one generation, and the questions how far it is.

    Args:
        job: as JSON.
        key: the teacher's API key. It travels as an argument: a runtime environment would show it in Ray's logs.
    """

    def __init__(self, job: str, task: Task, order: Order, key: str | None) -> None:
        mask_streams()
        logging.basicConfig(level=logging.INFO)
        self._job = StageJob.model_validate_json(job)
        self._task, self._order = task, order
        self._progress = Progress(0, order.examples, 0, Counts())
        self._examples: Sequence[VotedExample] = ()
        if key is not None:
            os.environ[self._job.settings.teacher_key_env] = key

    async def run(self) -> Outcome:
        """Generates; a StageError becomes a value."""
        try:
            generated = await write_examples(self._job, self._task, self._order, self._note)
        except StageError as error:
            return Outcome(failure=error.failure)
        self._examples = generated.examples
        return Outcome(replace(generated, examples=()), len(generated.examples))

    async def examples(self, begin: int, end: int) -> list[VotedExample]:
        """Some of what was generated."""
        return list(self._examples[begin:end])

    async def progress(self) -> Progress:
        """How far it is now."""
        return self._progress

    def _note(self, progress: Progress) -> None:
        self._progress = progress


def generate_in_actor(job: StageJob, task: Task, order: Order, progress: Callable[[Progress], None]) -> Generated:
    """Generates in an actor on this node; Ray must be running.

    Raises: StageError, of the generator or where the actor's process died; OSError as in the actor.
    """
    import ray  # only what gains from Ray starts Ray: other stages import this package without it
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    # On the driver's node: there the journal's folder and the network are the ones that the job was checked against.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    remote = ray.remote(GeneratorActor).options(num_cpus=0, max_restarts=0, scheduling_strategy=here)
    key = os.environ.get(job.settings.teacher_key_env)
    actor: Any = remote.remote(job.model_dump_json(by_alias=True), task, order, key)
    running = actor.run.remote()
    try:
        while not ray.wait([running], timeout=POLL_S)[0]:
            progress(ray.get(actor.progress.remote(), timeout=60))
        progress(ray.get(actor.progress.remote(), timeout=60))
        outcome: Outcome = ray.get(running)
        return replace(_unpacked(outcome), examples=ExamplesOnDisk(_fetched(actor, outcome.examples)))
    except ray.exceptions.GetTimeoutError:
        raise retrying("GeneratorStuck", "The generator has not said for 60 s how far it is.") from None
    except ray.exceptions.RayActorError as error:
        message = f"The generator's process died: {mask(str(error)).splitlines()[0]}"
        raise retrying("GeneratorDied", message, "Every answer so far is kept; more memory may help.") from None
    except ray.exceptions.RayTaskError as error:
        # as_instanceof_cause is Ray's mixture of both classes; a disk that is full must stay an OSError
        cause = error.cause if isinstance(error.cause, Exception) else error
        raise cause from None
    finally:
        ray.kill(actor)


def _fetched(actor: Any, count: int) -> Iterator[VotedExample]:
    import ray

    for begin in range(0, count, AT_ONCE):
        yield from ray.get(actor.examples.remote(begin, begin + AT_ONCE), timeout=60)


def _unpacked(outcome: Outcome) -> Generated:
    if outcome.failure is not None:
        raise StageError(outcome.failure)
    assert outcome.generated is not None
    return outcome.generated


def generate_here(job: StageJob, task: Task, order: Order, progress: Callable[[Progress], None]) -> Generated:
    """The same in this process, without Ray. Raises: StageError, OSError."""
    return asyncio.run(write_examples(job, task, order, progress))
