"""Connections that send no whole request are closed after a while: uvicorn itself waits for ever for the end of a header."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn.protocols.http import auto

HEAD_LIMIT_S = 10.0
"""Seconds for the headers of a request: from the connection's start, or from the answer before."""

NOT_HTTP = (
    "The request is not HTTP/1.1 as the service reads it: send a well-formed one, with headers of at most 64 KiB."
)


_Protocol: Any = auto.AutoHTTPProtocol


class BoundedProtocol(_Protocol):  # type: ignore[misc]
    """uvicorn's protocol with a time limit for headers, and with errors in the form of all others."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.ws_protocol_class = None  # there are no WebSockets here, and another protocol would have no limit
        self._limit: asyncio.TimerHandle | None = None
        self._begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._begun = True
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """See uvicorn."""
        self._begun = False
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._unwatch()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """See uvicorn; its own answer is plain text."""
        self._refuse("400 Bad Request", NOT_HTTP)

    def _watch(self) -> None:
        at_work = self.cycle is not None and not self.cycle.response_complete
        if at_work or self.transport.is_closing():
            self._unwatch()
        elif self._limit is None:
            self._limit = asyncio.get_running_loop().call_later(HEAD_LIMIT_S, self._late)

    def _unwatch(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _late(self) -> None:
        self._limit = None
        if self.transport.is_closing():
            return
        if self._begun:
            self._refuse("408 Request Timeout", f"No whole request came within {HEAD_LIMIT_S:.0f} s: send it again.")
        else:
            self.transport.close()

    def _refuse(self, status: str, sentence: str) -> None:
        body = json.dumps({"error": sentence}).encode()
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.transport.close()


def bound_connections() -> None:
    """Makes uvicorn use the protocol above, in this process. BentoML starts uvicorn itself, and has no setting for it."""
    from uvicorn.config import HTTP_PROTOCOLS

    HTTP_PROTOCOLS["auto"] = f"{__name__}:BoundedProtocol"
