"""Refuses a bad POST /predict before BentoML reads it.

BentoML answers such a request too, but with pydantic's list of errors, and logs a traceback each time: any caller could
fill the log. It also reads a body of any size, for as long as the caller takes to send it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.responses import JSONResponse

from prompt2model_stages.service.requests import BODY_LIMIT, BadRequestError, check_type, fields_of

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

PREDICT = "/predict"

BODY_LIMIT_S = 30.0
"""Seconds for the whole body of a request."""

HELD_LIMIT = 8 * BODY_LIMIT
"""Bytes of all bodies that are held at once."""

TOO_BIG = f"The body has more than {BODY_LIMIT} bytes: send fewer texts in one request."
RETRY_AFTER_S = 2
BUSY = f"The service is busy with other large requests: try again in {RETRY_AFTER_S} s."

REST_LIMIT_S = 2.0
"""Seconds for which the rest of a refused body is read and dropped. A connection that is closed with something unread is
reset, and its caller may never see the answer."""


class _RefusedBodyError(Exception):
    """A body that cannot be had. is_read: whether all of it came."""

    def __init__(self, status: int, sentence: str, is_read: bool, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.status, self.is_read, self.retry_after = status, is_read, retry_after


class Validating:
    """ASGI middleware: answers what cannot be served itself, always with `{"error": one sentence}`.

    400, 415 or 422 where the request is wrong, 408 where it does not come to its end, 413 where it is too big, 503 where
    the bodies of others take all the memory there is for them.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._held = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["path"] != PREDICT or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        held = [0]
        try:
            check_type(_header(scope, b"content-type"), _header(scope, b"content-encoding"))
            body = await self._body(scope, receive, held)
            fields = fields_of(body)
        except _RefusedBodyError as error:
            await _refused(error.status, str(error), send, None if error.is_read else receive, error.retry_after)
            return
        except BadRequestError as error:
            if error.status == 415:  # the body was not read
                await _refused(error.status, str(error), send, receive)
            else:
                await JSONResponse({"error": str(error)}, status_code=error.status)(scope, receive, send)
            return
        finally:
            self._held -= held[0]
        await self._app(_as_json(scope), _replayed(json.dumps(fields).encode(), receive), send)

    async def _body(self, scope: Message, receive: Receive, held: list[int]) -> bytes:
        declared = _header(scope, b"content-length")
        if declared.isdecimal() and int(declared) > BODY_LIMIT:
            raise _RefusedBodyError(413, TOO_BIG, False)
        try:
            return await asyncio.wait_for(self._parts(receive, held), BODY_LIMIT_S)
        except TimeoutError:
            sentence = f"The body did not come within {BODY_LIMIT_S:.0f} s: send less, or send it faster."
            raise _RefusedBodyError(408, sentence, False) from None

    async def _parts(self, receive: Receive, held: list[int]) -> bytes:
        parts: list[bytes] = []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _RefusedBodyError(400, "The connection ended before the body did.", True)
            part, is_last = message.get("body", b""), not message.get("more_body")
            held[0] += len(part)
            self._held += len(part)
            if held[0] > BODY_LIMIT:
                raise _RefusedBodyError(413, TOO_BIG, is_last)
            if self._held > HELD_LIMIT:
                raise _RefusedBodyError(503, BUSY, is_last, RETRY_AFTER_S)
            parts.append(part)
            if is_last:
                return b"".join(parts)


async def _refused(
    status: int, sentence: str, send: Send, rest: Receive | None, retry_after: int | None = None
) -> None:
    """Answers at once, then drops the rest of a body for a moment, where one still comes, and lets the connection close."""
    body = json.dumps({"error": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers.append((b"connection", b"close"))
    if retry_after is not None:
        headers.append((b"retry-after", str(retry_after).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    if rest is not None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(_dropped(rest), REST_LIMIT_S)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _dropped(rest: Receive) -> None:
    dropped = 0
    while dropped < BODY_LIMIT:
        message = await rest()
        dropped += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return


def _header(scope: Message, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name), "")


def _replayed(body: bytes, receive: Receive) -> Receive:
    left = [body]

    async def replay() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return replay


def _as_json(scope: Message) -> Message:
    """What BentoML reads is written anew, so that both understand the same: JSON in UTF-8, whatever was said of it."""
    said = (b"content-type", b"content-length", b"content-encoding", b"transfer-encoding")
    headers = [(key, value) for key, value in scope["headers"] if key.lower() not in said]
    return {**scope, "headers": [*headers, (b"content-type", b"application/json")]}
