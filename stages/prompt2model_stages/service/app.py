"""The BentoML service. It is imported by BentoML, in the supervisor and in the worker; only the worker makes one.

What the worker needs comes in environment variables, set by `prompt2model_stages.service.__main__`, because BentoML
starts the worker itself.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated, Any

import bentoml
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from prompt2model_api.environment_names import P2M_SERVICE_GOLDEN, P2M_SERVICE_MODEL, P2M_SERVICE_NAME
from prompt2model_stages.service.answering import BATCH_LIMIT, Answering, State, load_student, read_golden
from prompt2model_stages.service.environment import end_with_parent
from prompt2model_stages.service.requests import TEXT_LIMIT, TEXTS_LIMIT
from prompt2model_stages.service.validating import Validating

LATENCY_LIMIT_MS = 60_000
"""BentoML refuses, with 503, what it expects to wait longer than this; it is no waiting time."""

Text = Annotated[str, Field(min_length=1, max_length=TEXT_LIMIT)]
Texts = Annotated[list[Text], Field(min_length=1, max_length=TEXTS_LIMIT)]


DESCRIPTION = """A small model, fine-tuned for one task.

`POST /predict` with `{"text": "..."}` answers `{"output": "..."}`; with `{"texts": ["...", "..."]}` it answers
`{"outputs": ["...", "..."]}`. `/readyz` is 200 once the model reproduced what it answered when it was measured.
`/metrics` is for Prometheus.
"""


class StudentService:
    """Answers with a fine-tuned student."""

    def __init__(self) -> None:
        end_with_parent()
        logging.getLogger("prompt2model_stages").setLevel(logging.INFO)
        folder = Path(os.environ[P2M_SERVICE_MODEL])
        golden = read_golden(Path(os.environ[P2M_SERVICE_GOLDEN]).read_bytes())
        self._answering = Answering(lambda: load_student(folder), golden)
        self._answering.start()

    @bentoml.api  # type: ignore[untyped-decorator]
    async def predict(
        self,
        text: Annotated[str | None, Field(description="One input. Excludes texts.", examples=["3 May 2021"])] = None,
        texts: Annotated[list[str] | None, Field(description="Many inputs. Excludes text.")] = None,
    ) -> dict[str, str | list[str]]:
        """The student's output for one text (`output`) or for many, in their order (`outputs`)."""
        if self._answering.state is not State.READY:
            return self._not_ready()  # type: ignore[no-any-return]
        if text is not None:
            outputs = await self.to_async.batch([text])  # type: ignore[attr-defined]
            return {"output": outputs[0]}
        return {"outputs": await self.to_async.batch(texts)}  # type: ignore[attr-defined]

    @bentoml.api(batchable=True, max_batch_size=BATCH_LIMIT, max_latency_ms=LATENCY_LIMIT_MS)  # type: ignore[untyped-decorator]
    def batch(self, texts: Texts) -> list[str]:
        """What /predict goes through: texts of several requests are generated together. Use /predict."""
        return self._answering.answer(texts)

    async def __is_ready__(self) -> bool:
        if self._answering.state is not State.READY:
            raise HTTPException(status_code=self._status(), detail=self._answering.reason)
        return True

    def _status(self) -> int:
        """503: come again later. 500: this model never becomes ready."""
        return 503 if self._answering.state is State.STARTING else 500

    def _not_ready(self) -> Any:
        """BentoML passes a response on as it is; an exception would lose its sentence on the way."""
        return JSONResponse({"error": self._answering.reason}, status_code=self._status())


class DocumentedService(bentoml.Service):  # type: ignore[misc]
    """BentoML's own text would load pictures from other hosts."""

    doc = DESCRIPTION


Service = bentoml.service(
    name=os.environ.get(P2M_SERVICE_NAME, "prompt2model"),
    service_class=DocumentedService,
    workers=1,
    traffic={"timeout": 120},
    # /predict reaches /batch through a client inside the process. BentoML renews its session after 100 requests or 300 s
    # and closes the old one under the requests in flight, which then end with 500 (BentoML 5540, 5541). There is no
    # network below that session to grow old, so it is never renewed.
    runner_connection={"max_requests": 2**62, "max_age": 1e12},
    logging={"access": {"enabled": False}},
)(StudentService)
Service.add_asgi_middleware(Validating)
