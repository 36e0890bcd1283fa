"""Connections to the endpoint, one for each request in flight.

A shared pool of httpx2 looks at all of its connections before and after each request, which with fifty of them costs more
than the request does. So each connection is a pool of its own here, and the one that was used last is taken first.
"""

from __future__ import annotations

import ssl
import urllib.request

import httpx2

from prompt2model_stages.teacher.patience import Patience
from prompt2model_stages.teacher.requests import is_loopback

KEPT_S = 30.0
"""How long a connection that is not used is kept open."""


class Connections(httpx2.AsyncBaseTransport):
    """As many connections as there are requests in flight at most; each is opened when it is first needed."""

    def __init__(self) -> None:
        self._tls: ssl.SSLContext | None = None
        self._idle: dict[str, list[httpx2.AsyncHTTPTransport]] = {}
        self._all: list[httpx2.AsyncHTTPTransport] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends a request and reads the whole answer; so the connection is free when this returns."""
        idle = self._idle.setdefault(request.url.scheme, [])
        connection = idle.pop() if idle else self._another(request.url.scheme)
        try:
            response = await connection.handle_async_request(request)
            response.request = request
            try:
                await response.aread()
            finally:
                await response.aclose()
        finally:
            idle.append(connection)
        return response

    async def aclose(self) -> None:
        """Closes them all."""
        for connection in self._all:
            await connection.aclose()

    def _another(self, scheme: str) -> httpx2.AsyncHTTPTransport:
        if self._tls is None:  # loading the certificates takes 70 ms
            self._tls = httpx2.create_ssl_context() if scheme == "https" else None
        limits = httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEPT_S)
        self._all.append(httpx2.AsyncHTTPTransport(verify=self._tls or _no_certificates(), limits=limits))
        return self._all[-1]


def _no_certificates() -> ssl.SSLContext:
    """For http://: a context that trusts nobody."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def http_client(base_url: str, concurrency: int, patience: Patience) -> httpx2.AsyncClient:
    """A client for one endpoint.

    Args:
        base_url: of the endpoint.
        concurrency: most requests in flight.
        patience: timeouts.
    """
    local = is_loopback(base_url)  # a proxy knows nothing of this machine's own ports
    if local or not urllib.request.getproxies():
        return httpx2.AsyncClient(transport=Connections(), timeout=timeout(patience), follow_redirects=True)
    connections = concurrency + 8
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=KEPT_S)
    return httpx2.AsyncClient(limits=limits, timeout=timeout(patience), follow_redirects=True)


def timeout(patience: Patience) -> httpx2.Timeout:
    """Of the steps of one request."""
    return httpx2.Timeout(patience.timeout_s, connect=min(patience.connect_s, patience.timeout_s))
