"""Refuses a bad POST /predict before BentoML reads it.

BentoML answers such a request too, but with pydantic's list of errors, and logs a traceback each time: any caller could
fill the log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.responses import JSONResponse

from prompt2model_stages.service.requests import BODY_LIMIT, BadRequestError, texts_of

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


PATHS = ("/predict", "/batch")


class Validating:
    """ASGI middleware: answers a request that cannot be served with 400 or 413 and `{"error": one sentence}`."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["path"] not in PATHS or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        if body is None:
            problem = f"The body has more than {BODY_LIMIT} bytes: send fewer texts in one request."
            await JSONResponse({"error": problem}, status_code=413)(scope, receive, send)
            return
        try:
            texts_of(body)
        except BadRequestError as error:
            await JSONResponse({"error": str(error)}, status_code=400)(scope, receive, send)
            return
        await self._app(_as_json(scope), _replayed(body, receive), send)


async def _body(receive: Receive) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > BODY_LIMIT:
            return None
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    left = [body]

    async def replay() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return replay


def _as_json(scope: Message) -> Message:
    """The body is JSON whatever curl says of it: its default is a form's content type."""
    headers = [(key, value) for key, value in scope["headers"] if key.lower() != b"content-type"]
    return {**scope, "headers": [*headers, (b"content-type", b"application/json")]}
