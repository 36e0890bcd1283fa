"""Everything beside the answers: the page, the OpenAPI description, and what is said where there is nothing."""

from __future__ import annotations

import json
from collections.abc import Callable

from starlette.responses import HTMLResponse, JSONResponse, Response

from prompt2model_stages.service.card import Card
from prompt2model_stages.service.openapi import openapi
from prompt2model_stages.service.page import headers, page
from prompt2model_stages.service.validating import PREDICT, App, Message, Receive, Send

PROBES = ("/livez", "/readyz", "/healthz", "/metrics")
METHODS = {PREDICT: ("POST",)} | dict.fromkeys(("/", "/docs.json", *PROBES), ("GET", "HEAD"))


class Site:
    """ASGI middleware: answers what BentoML answers with pages that ask other hosts, and every path that is none.

    Args:
        app: what is below; it gets what is for /predict and for the probes.
        card: makes the card, once it is asked for.
    """

    def __init__(self, app: App, card: Callable[[], Card]) -> None:
        self._app, self._card = app, card
        self._pages: dict[str, Response] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        response = self._response(scope["path"], scope["method"])
        await (self._app if response is None else response)(scope, receive, send)

    def _response(self, path: str, method: str) -> Response | None:
        """The answer; None where BentoML has it."""
        if path not in METHODS:
            known = "POST /predict, and GET /, /docs.json, /readyz, /livez and /metrics"
            return JSONResponse({"error": f"There is no {json.dumps(path[:64])} here: there is {known}."}, 404)
        if method not in METHODS[path]:
            allowed = METHODS[path][0]
            return JSONResponse({"error": f"{path} is asked with {allowed}."}, 405, {"allow": ", ".join(METHODS[path])})
        if path == PREDICT or path in PROBES:
            return None
        if path not in self._pages:
            card = self._card()
            self._pages["/"] = HTMLResponse(page(card), headers=headers())
            self._pages["/docs.json"] = JSONResponse(openapi(card))
        return self._pages[path]
