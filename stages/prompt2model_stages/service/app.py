"""The BentoML service. It is imported by BentoML, in the supervisor and in the worker; only the worker makes one.

What the worker needs comes in environment variables, set by `prompt2model_stages.service.__main__`, because BentoML
starts the worker itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import bentoml
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from prompt2model_api.environment_names import (
    P2M_SERVICE_CARD,
    P2M_SERVICE_GOLDEN,
    P2M_SERVICE_MODEL,
    P2M_SERVICE_NAME,
    P2M_SERVICE_SHA256,
    P2M_SERVICE_TRUNCATE,
)
from prompt2model_stages.service.answering import (
    BATCH_LIMIT,
    Answering,
    LoadedStudent,
    State,
    checked_golden,
    load_student,
)
from prompt2model_stages.service.batching import ANSWER_LIMIT_S, Batches, OverloadedError, TooManyError
from prompt2model_stages.service.card import Card, read_card
from prompt2model_stages.service.connections import bound_connections
from prompt2model_stages.service.environment import end_with_parent
from prompt2model_stages.service.input_length import Measure
from prompt2model_stages.service.requests import too_long
from prompt2model_stages.service.site import Site
from prompt2model_stages.service.validating import Validating

logger = logging.getLogger(__name__)

LAST_LIMIT_S = 180
"""BentoML's own limit for a request. The others are reached before: a body's, then an answer's."""

STARTING_RETRY_S = 5


class StudentService:
    """Answers with a fine-tuned student."""

    def __init__(self) -> None:
        end_with_parent()
        bound_connections()
        logging.getLogger("prompt2model_stages").setLevel(logging.INFO)
        # Its warnings are about what callers send, who could fill the log.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        golden = checked_golden(Path(os.environ[P2M_SERVICE_GOLDEN]).read_bytes())
        self._truncate = P2M_SERVICE_TRUNCATE in os.environ
        self._measure: Measure | None = None
        self._answering = Answering(self._load, golden)
        self._batches = Batches(self._answering.answer, BATCH_LIMIT, self._answering.speed, _batch_sizes())
        self._answering.start()

    @bentoml.api  # type: ignore[untyped-decorator]
    async def predict(
        self,
        text: Annotated[str | None, Field(description="One input. Excludes texts.")] = None,
        texts: Annotated[list[str] | None, Field(description="Many inputs. Excludes text.")] = None,
    ) -> dict[str, Any]:
        """The student's output for one text (`output`) or for many, in their order (`outputs`)."""
        if self._answering.state is not State.READY:
            return self._not_ready()  # type: ignore[no-any-return]
        asked = texts or [] if text is None else [text]
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S + LAST_LIMIT_S / 10):
                cut = await self._cut(asked, "text" if text is not None else "texts[{}]")
                outputs = await self._batches.ask(asked)
        except _TooLongError as error:
            return _error(422, str(error))  # type: ignore[no-any-return]
        except OverloadedError as error:
            return _error(503, str(error), error.retry_after)  # type: ignore[no-any-return]
        except TooManyError as error:
            return _error(413, str(error))  # type: ignore[no-any-return]
        except TimeoutError:
            sentence = f"The answer took longer than {ANSWER_LIMIT_S:.0f} s: send fewer or shorter texts."
            return _error(504, sentence)  # type: ignore[no-any-return]
        except Exception as error:
            logger.exception("the model failed")
            sentence = f"The model failed on this request ({type(error).__name__}): the service's log has the details."
            return _error(500, sentence)  # type: ignore[no-any-return]
        if text is not None:
            return {"output": outputs[0], **({"truncated": True} if cut[0] else {})}
        return {"outputs": outputs, **({"truncated": cut} if any(cut) else {})}

    async def __is_ready__(self) -> bool:
        if self._answering.state is not State.READY:
            raise HTTPException(status_code=self._status(), detail=self._answering.reason)
        return True

    def _load(self) -> LoadedStudent:
        student = load_student(Path(os.environ[P2M_SERVICE_MODEL]))
        self._measure = student.measure
        return student

    async def _cut(self, texts: list[str], field: str) -> list[bool]:
        """Whether each text is longer than what the student reads. Raises: _TooLongError where none may be cut."""
        if self._measure is None:
            raise RuntimeError("the model is not loaded")
        lengths = await self._measure(texts)
        cut = [length.is_cut for length in lengths]
        if any(cut) and not self._truncate:
            first = cut.index(True)
            length = lengths[first]
            sentence = too_long(field.format(first), length.tokens, length.limit, length.instruction)
            raise _TooLongError(sentence)
        return cut

    def _status(self) -> int:
        """503: come again later. 500: this model never becomes ready."""
        return 503 if self._answering.state is State.STARTING else 500

    def _not_ready(self) -> Any:
        status = self._status()
        return _error(status, self._answering.reason, STARTING_RETRY_S if status == 503 else None)


class _TooLongError(ValueError):
    """An input is longer than what the student reads."""


def _error(status: int, sentence: str, retry_after: int | None = None) -> Any:
    """BentoML passes a response on as it is; an exception would lose its sentence on the way."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return JSONResponse({"error": sentence}, status_code=status, headers=headers)


def _batch_sizes() -> Any:
    """Counts the batches under the name that BentoML gives its own, which dashboards know."""
    from prometheus_client import Histogram  # only now: BentoML says first, in the environment, where it counts

    sizes = [float(2**power) for power in range(BATCH_LIMIT.bit_length())]
    histogram = Histogram(
        "adaptive_batch_size", "Texts in a batch", ["service_name"], namespace="bentoml_service", buckets=sizes
    )
    return histogram.labels(service_name=os.environ.get(P2M_SERVICE_NAME, "prompt2model")).observe


@cache
def _card() -> Card:
    golden = checked_golden(Path(os.environ[P2M_SERVICE_GOLDEN]).read_bytes())
    name, truncate = os.environ[P2M_SERVICE_NAME], P2M_SERVICE_TRUNCATE in os.environ
    return read_card(
        name,
        os.environ[P2M_SERVICE_SHA256],
        Path(os.environ[P2M_SERVICE_MODEL]),
        golden,
        Path(os.environ[P2M_SERVICE_CARD]),
        truncate,
    )


Service = bentoml.service(
    name=os.environ.get(P2M_SERVICE_NAME, "prompt2model"),
    workers=1,
    traffic={"timeout": LAST_LIMIT_S},
    logging={"access": {"enabled": False}},
)(StudentService)
Service.add_asgi_middleware(Site, card=_card)
Service.add_asgi_middleware(Validating)
