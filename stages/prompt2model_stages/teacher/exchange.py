"""One HTTP exchange with the endpoint, through the openai library: no retry, no reservation, no journal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx2
import openai

from prompt2model_stages.errors import StageError
from prompt2model_stages.teacher import failures
from prompt2model_stages.teacher.address import Address
from prompt2model_stages.teacher.patience import Patience
from prompt2model_stages.teacher.replies import Reply, SaidInSuccess, read_reply
from prompt2model_stages.teacher.requests import is_loopback


class Exchange:
    """The connections to one endpoint.

    Args:
        endpoint: its address, model and key.
        concurrency: most requests in flight.
        patience: timeouts.
        http: the HTTP client to use and leave open; by default a new one.
    """

    def __init__(
        self, endpoint: failures.Endpoint, concurrency: int, patience: Patience, http: httpx2.AsyncClient | None = None
    ) -> None:
        self._path = "/chat/completions"
        self._endpoint = endpoint
        self._patience = patience
        self._own = _http_client(endpoint.base_url, concurrency, patience) if http is None else None
        address = Address.of(endpoint.base_url)
        self._options: openai.RequestOptions = {"headers": address.headers(endpoint.key), "follow_redirects": False}
        self._api = openai.AsyncOpenAI(
            base_url=address.base,
            default_query=address.query,
            api_key=endpoint.key or "none",  # the library insists on one; endpoints without keys ignore it
            timeout=_timeout(patience),
            max_retries=0,
            http_client=self._own or http,
        )

    async def post(self, body: Mapping[str, Any]) -> Reply:
        """Sends a request's body.

        Raises: openai.APIError, also for an error in a body that came with status 200; Garbage.
        """
        try:
            async with asyncio.timeout(self._patience.timeout_s):  # httpx2 bounds each read, not the whole
                response = await self._post(body)
        except TimeoutError as error:
            raise openai.APITimeoutError(httpx2.Request("POST", self._endpoint.base_url)) from error
        try:
            return read_reply(response.content)
        except SaidInSuccess as said:
            raise failures.in_success(said.tree, response) from said

    async def _post(self, body: Mapping[str, Any]) -> httpx2.Response:
        """One POST, and another where the address has moved within its host: a redirected POST would become a GET."""
        path = self._path  # another request may learn the new one meanwhile
        try:
            return await self._api.post(path, cast_to=httpx2.Response, body=body, options=self._options)
        except openai.APIStatusError as error:
            moved = _moved_to(error)
            if moved is None or path == moved:
                raise
            self._path = moved
            return await self._api.post(moved, cast_to=httpx2.Response, body=body, options=self._options)

    async def not_found(self, error: openai.APIStatusError) -> StageError:
        """What "not found" means: a model that the endpoint does not have, or an address that is none."""
        text = failures.said(error, self._endpoint)
        models: list[str] | None = None
        try:
            response = await self._api.get("/models", cast_to=httpx2.Response, options=self._options)
            models = sorted(str(model["id"]) for model in response.json()["data"])
        except (openai.APIError, ValueError, KeyError, TypeError, json.JSONDecodeError):
            models = None
        if models is not None and self._endpoint.model in models:
            models = None
        return failures.model_unknown(self._endpoint, text, models)

    async def close(self) -> None:
        """Closes the connections."""
        if self._own is not None:
            await self._own.aclose()


def _moved_to(error: openai.APIStatusError) -> str | None:
    """The new address on the same host; None elsewhere, since the key goes with the request."""
    location = error.response.headers.get("location")
    if error.status_code not in (301, 302, 307, 308) or not location:
        return None
    old = error.request.url
    new = old.join(location)
    same = new.host == old.host and (new.port == old.port or (old.scheme, new.scheme) == ("http", "https"))
    return str(new) if same and new.scheme in (old.scheme, "https") else None


def _http_client(base_url: str, concurrency: int, patience: Patience) -> httpx2.AsyncClient:
    connections = concurrency + 8
    return httpx2.AsyncClient(
        limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=30),
        timeout=_timeout(patience),
        follow_redirects=True,
        trust_env=not is_loopback(base_url),  # a proxy knows nothing of this machine's own ports
    )


def _timeout(patience: Patience) -> httpx2.Timeout:
    return httpx2.Timeout(patience.timeout_s, connect=min(patience.connect_s, patience.timeout_s))
