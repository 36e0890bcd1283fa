"""The endpoint's batch API, as far as it is needed: files and batches, each call tried again where that makes sense.

Source: https://platform.openai.com/docs/api-reference/batch
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2
import openai

from prompt2model_stages.errors import StageError
from prompt2model_stages.teacher import failures
from prompt2model_stages.teacher.clocks import Clock, Sleep
from prompt2model_stages.teacher.exchange import Exchange
from prompt2model_stages.teacher.patience import Patience
from prompt2model_stages.teacher.signs import Garbage

logger = logging.getLogger(__name__)

Sent = TypeVar("Sent")

METADATA = "prompt2model_batch"
"""The field of a batch's metadata with our name for it, by which it is found again."""
WINDOW = "24h"
"""The only one that OpenAI has."""
FILE_S = 1800.0
"""The longest that a file may be on its way."""
AWAY_S = 1800.0
"""How long an endpoint may be away while a batch is waited for: waiting costs nothing."""
PAGE, PAGES = 100, 100
"""Batches of an account that are looked through for one of ours: the newest 10,000."""
_NONE = re.compile(
    r"not (?:implemented|supported|available)|does(?: not|n't) support|unsupported|unknown (?:url|path|route)"
    r"|files_settings|invalid[^.]{0,20}purpose|purpose[^.]{0,40}(?:invalid|must be|not)",
    re.IGNORECASE,
)
_OF_A_FILE = re.compile(r"\bfile\b", re.IGNORECASE)


class NoBatchApi(Exception):
    """The endpoint has no batch API, or not for this. Its text is what the endpoint says."""


class FileTooLarge(Exception):
    """The endpoint takes no file of this size."""


class CannotList(Exception):
    """The endpoint does not tell which batches there are."""


@dataclass(frozen=True)
class BatchState:
    """A batch as the endpoint tells it.

    status: validating, in_progress, finalizing, completed, failed, expired, cancelling, cancelled.
    total, completed, failed: requests.
    output, errors: ids of the files with results; "" where there is none.
    faults: of a failed batch: line (counted from 1; 0: of the whole), code and message.
    """

    status: str
    total: int = 0
    completed: int = 0
    failed: int = 0
    output: str = ""
    errors: str = ""
    faults: tuple[tuple[int, str, str], ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self.status in ("completed", "failed", "expired", "cancelled")


class BatchApi:
    """The calls. Those that are tried again have made nothing twice: a batch is looked for before it is made once more.

    Args:
        exchange: the connections.
        endpoint: names what messages speak of.
        patience: bounds of waiting.
    """

    def __init__(
        self,
        exchange: Exchange,
        endpoint: failures.Endpoint,
        patience: Patience,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._exchange, self._endpoint, self._patience = exchange, endpoint, patience
        self._clock, self._sleep = clock, sleep
        self._jitter = random.Random()

    async def upload(self, name: str, content: bytes) -> str:
        """Uploads requests. Returns: the file's id. Raises: NoBatchApi, FileTooLarge, StageError."""

        async def send() -> str:
            try:
                async with asyncio.timeout(FILE_S):
                    response = await self._exchange.library.post(
                        "/files",
                        cast_to=httpx2.Response,
                        body={"purpose": "batch"},
                        files=[("file", (name, content, "application/jsonl"))],
                        options=self._options({"Content-Type": "multipart/form-data"}),
                    )
            except TimeoutError as error:
                raise openai.APITimeoutError(httpx2.Request("POST", self._endpoint.base_url)) from error
            except openai.APIStatusError as error:
                if error.status_code == 413:
                    raise FileTooLarge(failures.said(error, self._endpoint)) from error
                raise self._or_none(error) from error
            return _identifier(_tree(response))

        return await self._tried(send)

    async def create(self, name: str, file: str) -> str:
        """Makes a batch of an uploaded file. Returns: its id. Raises: NoBatchApi, StageError."""
        sent = False
        body = {
            "input_file_id": file,
            "endpoint": "/v1/chat/completions",
            "completion_window": WINDOW,
            "metadata": {METADATA: name},
        }

        async def send() -> str:
            nonlocal sent
            if sent and (found := await self._found(name)) is not None:
                return found
            sent = True
            try:
                response = await self._exchange.library.post(
                    "/batches", cast_to=httpx2.Response, body=body, options=self._options()
                )
            except openai.APIStatusError as error:
                if error.status_code == 404 and _OF_A_FILE.search(failures.raw(error)):
                    raise Garbage("the file that was uploaded is not there yet") from error
                raise self._or_none(error) from error
            return _identifier(_tree(response))

        return await self._tried(send)

    async def find(self, name: str) -> str | None:
        """The id of the batch that has our name; None where none has. Raises: CannotList, StageError."""
        return await self._tried(lambda: self._found(name))

    async def look(self, batch: str) -> BatchState | None:
        """How a batch is; None where the endpoint does not know it. Raises: StageError, after a long while of trouble."""

        async def send() -> BatchState | None:
            try:
                return _state(_tree(await self._get(f"/batches/{batch}")))
            except openai.APIStatusError as error:
                if error.status_code == 404:
                    return None
                raise

        return await self._tried(send, AWAY_S)

    async def content(self, file: str) -> bytes:
        """What is in a file. Raises: StageError."""

        async def send() -> bytes:
            try:
                async with asyncio.timeout(FILE_S):
                    return (await self._get(f"/files/{file}/content")).content
            except TimeoutError as error:
                raise openai.APITimeoutError(httpx2.Request("GET", self._endpoint.base_url)) from error

        return await self._tried(send, AWAY_S)

    async def cancel(self, batch: str) -> None:
        """Asks for a batch's end; no error where that fails."""
        await self._once("cancelled", lambda: self._post(f"/batches/{batch}/cancel"))

    async def delete(self, file: str) -> None:
        """Deletes a file; no error where that fails."""
        library = self._exchange.library
        await self._once(
            "deleted", lambda: library.delete(f"/files/{file}", cast_to=httpx2.Response, options=self._options())
        )

    async def _found(self, name: str) -> str | None:
        after = ""
        for _ in range(PAGES):
            query = {"limit": str(PAGE), **({"after": after} if after else {})}
            try:
                tree = _tree(await self._get("/batches", query))
            except openai.APIStatusError as error:
                if error.status_code in (404, 405, 501):
                    raise CannotList(failures.said(error, self._endpoint)) from error
                raise
            batches = [batch for batch in tree.get("data") or [] if isinstance(batch, dict)]
            for batch in batches:
                if (batch.get("metadata") or {}).get(METADATA) == name:
                    return str(batch["id"])
            if not tree.get("has_more") or not batches:
                return None
            after = str(batches[-1]["id"])
        return None

    async def _tried(self, send: Callable[[], Awaitable[Sent]], away_s: float = 0.0) -> Sent:
        """Sends until it works or the trouble lasts; where it may pass, for away_s at the least."""
        began, tries = self._clock(), 0
        while True:
            try:
                return await send()
            except (openai.APIError, Garbage) as error:
                trouble = failures.classify(error, self._endpoint, self._patience.tries)
                tries += 1
                if trouble.tries == 0 or (tries >= trouble.tries and self._clock() - began >= away_s):
                    raise trouble.error from error
                logger.info("the batch API, try %d: %s", tries, trouble.error.failure.message)
                await self._sleep(self._patience.wait(tries, trouble.asked_s, self._jitter))

    async def _once(self, what: str, send: Callable[[], Awaitable[Any]]) -> None:
        try:
            async with asyncio.timeout(self._patience.connect_s):
                await send()
        except (openai.APIError, StageError, TimeoutError) as error:
            logger.info("could not be %s: %s", what, failures.redact(str(error), self._endpoint))

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> httpx2.Response:
        options = self._options()
        if query:
            options["params"] = {**self._exchange.library.default_query, **query}
        return await self._exchange.library.get(path, cast_to=httpx2.Response, options=options)

    async def _post(self, path: str) -> httpx2.Response:
        return await self._exchange.library.post(path, cast_to=httpx2.Response, options=self._options())

    def _options(self, headers: Mapping[str, str] | None = None) -> openai.RequestOptions:
        return {"headers": {**self._exchange.headers, **(headers or {})}}

    def _or_none(self, error: openai.APIStatusError) -> Exception:
        """The error, or that there is no batch API."""
        text = failures.raw(error)
        if error.status_code in (404, 405, 501) or (error.status_code != 401 and _NONE.search(text)):
            said = failures.said(error, self._endpoint)
            return NoBatchApi(f"{error.status_code}{f' ({said})' if said else ''}")
        return error


def _tree(response: httpx2.Response) -> dict[str, Any]:
    try:
        tree = response.json()
    except ValueError:
        raise Garbage(f"no JSON from its batch API, but {response.text[:80]!r}") from None
    if not isinstance(tree, dict):
        raise Garbage("no object from its batch API")
    return tree


def _identifier(tree: Mapping[str, Any]) -> str:
    if not isinstance(tree.get("id"), str) or not tree["id"]:
        raise Garbage("an object without an id from its batch API")
    return str(tree["id"])


def _state(tree: Mapping[str, Any]) -> BatchState:
    counts = tree.get("request_counts") or {}
    faults = (tree.get("errors") or {}).get("data") or []
    return BatchState(
        status=str(tree.get("status") or ""),
        total=int(counts.get("total") or 0),
        completed=int(counts.get("completed") or 0),
        failed=int(counts.get("failed") or 0),
        output=str(tree.get("output_file_id") or ""),
        errors=str(tree.get("error_file_id") or ""),
        faults=tuple(
            (int(fault.get("line") or 0), str(fault.get("code") or ""), str(fault.get("message") or ""))
            for fault in faults
            if isinstance(fault, Mapping)
        ),
    )
