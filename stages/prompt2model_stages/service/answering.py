"""The student behind the service: loaded once, proved on its golden requests, and only then asked by anybody."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from prompt2model_stages.examples import Pair
from prompt2model_stages.golden_requests import parse_golden
from prompt2model_stages.service.input_length import Measure
from prompt2model_stages.service.speed import Speed

logger = logging.getLogger(__name__)

BATCH_LIMIT = 16
"""Texts generated at once; evaluate's batch size too."""

Answer = Callable[[list[str]], list[str]]
"""Raw inputs to outputs, one each, in order."""


@dataclass(frozen=True)
class LoadedStudent:
    """A student that answers, and that says how long its inputs are; the second waits for no answer.

    settle: called once it has proved itself; it may make what follows faster.
    """

    answer: Answer
    measure: Measure
    settle: Callable[[], None] = lambda: None


class State(StrEnum):
    """Where a service stands."""

    STARTING = "starting"  # loads the model, or is at its golden requests
    READY = "ready"
    UNFIT = "unfit"  # never becomes ready


class Answering:
    """Loads a model in the background, so that the process is alive, and says so, meanwhile.

    Args:
        load: returns what answers; it may take seconds.
        golden: what must be reproduced before anybody is answered.

    speed: what the golden requests took, for whoever goes on measuring.
    """

    def __init__(self, load: Callable[[], LoadedStudent], golden: Sequence[Pair]) -> None:
        self._load = load
        self._golden = golden
        self._answer: Answer | None = None
        self.speed = Speed(BATCH_LIMIT)
        self.state = State.STARTING
        self.reason = "The model is being loaded."

    def start(self) -> threading.Thread:
        """Loads and proves the model in a thread of its own."""
        thread = threading.Thread(target=self._prove, name="loading", daemon=True)
        thread.start()
        return thread

    def answer(self, texts: list[str]) -> list[str]:
        """The outputs for raw inputs. Raises: RuntimeError where the service is not ready."""
        if self.state is not State.READY or self._answer is None:
            raise RuntimeError(self.reason)
        return self._answer(texts)

    def _prove(self) -> None:
        began = time.monotonic()
        try:
            student = self._load()
            loaded = time.monotonic()
            problem = first_difference(student.answer, self._golden)
            self.speed.measured(len(self._golden), time.monotonic() - loaded)
            if problem is None:
                student.settle()
        except Exception as error:  # whatever it is, it makes this model unfit, and the log has all of it
            logger.exception("the model could not be loaded")
            problem = f"The model could not be loaded: {type(error).__name__}: {error}"
        if problem is not None:
            self.reason = problem
            self.state = State.UNFIT
            logger.error("never ready: %s", problem)
            return
        self._answer = student.answer
        self.reason = ""
        self.state = State.READY
        now = time.monotonic()
        seconds = (loaded - began, now - loaded)
        logger.info("ready: loaded in %.1f s, %d golden requests in %.1f s", seconds[0], len(self._golden), seconds[1])


def first_difference(answer: Answer, golden: Sequence[Pair]) -> str | None:
    """A sentence on the first golden request that is not reproduced; None where all are.

    Evaluate answered each alone. Here all are asked in one batch, which is quicker; but the companions in a batch mean
    padding, which moves the last digits of a logit and can, where two tokens are as good as tied, change the greedy
    choice. So one that differs is asked again alone, and that answer decides.
    """
    outputs = answer([request.input for request in golden])
    for number, (request, output) in enumerate(zip(golden, outputs, strict=True), start=1):
        if output == request.output:
            continue
        alone = answer([request.input])[0]
        if alone != request.output:
            return (
                f"Golden request {number} of {len(golden)} is not reproduced: {_short(request.input)} gives "
                f"{_short(alone)}, and evaluate had {_short(request.output)}. The model, its preprocessing or a library "
                "is not the one that was measured."
            )
    return None


def checked_golden(content: bytes) -> list[Pair]:
    """The golden requests of evaluate's golden.json. Raises: ValueError where there are none, or it is another file."""
    found = parse_golden(content)
    if not found:
        raise ValueError("there are no golden requests, so nothing proves that the model answers as it was measured")
    return found


def load_student(folder: Path) -> LoadedStudent:
    """The model in a folder as train wrote it, behind the preprocessing that it was trained with."""
    from prompt2model_stages.preprocessing import Preprocessing
    from prompt2model_stages.service.lengths import lengths_of
    from prompt2model_stages.storage import Folder
    from prompt2model_stages.student import Student
    from prompt2model_stages.student.devices import usable_device

    preprocessing = Preprocessing.load(Folder(str(folder)))
    student = Student.from_folder(folder)
    student.put_on(usable_device())

    def answer(texts: list[str]) -> list[str]:
        prepared = [preprocessing.text(text) for text in texts]
        return list(student.generate(prepared, batch_size=BATCH_LIMIT))

    return LoadedStudent(answer, lengths_of(student.encoder, preprocessing), student.lower_precision)


def _short(text: str) -> str:
    return json.dumps(text if len(text) <= 80 else text[:79] + "…", ensure_ascii=False)
