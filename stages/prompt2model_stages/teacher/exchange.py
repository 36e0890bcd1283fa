"""One HTTP exchange with the endpoint, as the openai library makes it: no retry, no reservation, no journal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
import openai

from prompt2model_stages.errors import StageError
from prompt2model_stages.teacher import failures
from prompt2model_stages.teacher.address import Address
from prompt2model_stages.teacher.connections import http_client, timeout
from prompt2model_stages.teacher.patience import Patience
from prompt2model_stages.teacher.replies import Reply, SaidInSuccess, read_reply

_OF_ONE_REQUEST = frozenset({b"content-length", b"idempotency-key"})
"""Headers that each request has of its own."""

Heard = Callable[[int, Mapping[str, str]], None]


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
        self._is_own = http is None
        self._http = http or http_client(endpoint.base_url, concurrency, patience)
        self._first: dict[str, asyncio.Task[httpx2.Request]] = {}
        address = Address.of(endpoint.base_url)
        self._options: openai.RequestOptions = {"headers": address.headers(endpoint.key), "follow_redirects": False}
        self._api = openai.AsyncOpenAI(
            base_url=address.base,
            default_query=address.query,
            api_key=endpoint.key or "none",  # the library insists on one; endpoints without keys ignore it
            timeout=timeout(patience),
            max_retries=0,
            http_client=self._http,
        )

    @property
    def library(self) -> openai.AsyncOpenAI:
        """The openai library's client for this endpoint, for what is no chat completion."""
        return self._api

    @property
    def headers(self) -> Mapping[str, Any]:
        """Headers that show the key, where that is not the library's way."""
        return self._options.get("headers") or {}

    async def post(self, body: Mapping[str, Any], heard: Heard = lambda status, headers: None) -> Reply:
        """Sends a request's body.

        Args:
            body: of the request.
            heard: is told the status and the headers of what comes back, whatever it is.

        Raises: openai.APIError, also for an error in a body that came with status 200; Garbage.
        """
        try:
            async with asyncio.timeout(self._patience.timeout_s):  # httpx2 bounds each read, not the whole
                response = await self._post(body)
        except TimeoutError as error:
            raise openai.APITimeoutError(httpx2.Request("POST", self._endpoint.base_url)) from error
        except openai.APIStatusError as error:
            heard(error.status_code, error.response.headers)
            raise
        heard(response.status_code, response.headers)
        try:
            return read_reply(response.content)
        except SaidInSuccess as said:
            raise failures.in_success(said.tree, response) from said

    async def _post(self, body: Mapping[str, Any]) -> httpx2.Response:
        """One POST, and another where the address has moved within its host: a redirected POST would become a GET."""
        path = self._path  # another request may learn the new one meanwhile
        content = _json(body)
        try:
            return await self._send(path, content)
        except openai.APIStatusError as error:
            moved = _moved_to(error)
            if moved is None or path == moved:
                raise
            self._path = moved
            return await self._send(moved, content)

    async def _send(self, path: str, content: bytes) -> httpx2.Response:
        """A POST as the openai library makes it, without what it does anew for each: that costs as much CPU as the request.

        Raises: openai.APIStatusError, openai.APITimeoutError, openai.APIConnectionError.
        """
        if path not in self._first:
            self._first[path] = asyncio.create_task(self._as_the_library_asks(path))
        first = await asyncio.shield(self._first[path])
        headers = [(name, value) for name, value in first.headers.raw if name.lower() not in _OF_ONE_REQUEST]
        request = httpx2.Request("POST", first.url, headers=headers, content=content, extensions=first.extensions)
        try:
            response = await self._http.send(request, follow_redirects=False)
        except httpx2.TimeoutException as error:
            raise openai.APITimeoutError(request) from error
        except httpx2.RequestError as error:
            raise openai.APIConnectionError(request=request) from error
        if not response.is_success:
            raise openai.APIStatusError(f"status {response.status_code}", response=response, body=_tree(response))
        return response

    async def _as_the_library_asks(self, path: str) -> httpx2.Request:
        """A request of the library, caught on its way: all others have its address and its headers."""
        caught: list[httpx2.Request] = []

        async def catch(request: httpx2.Request) -> httpx2.Response:
            caught.append(request)
            return httpx2.Response(200, json={})

        async with httpx2.AsyncClient(transport=httpx2.MockTransport(catch)) as nowhere:
            api = self._api.with_options(http_client=nowhere)
            await api.post(path, cast_to=httpx2.Response, body={}, options=self._options)
        return caught[0]

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
        if self._is_own:
            await self._http.aclose()


def _json(body: Mapping[str, Any]) -> bytes:
    """As the library writes it. Half a pair of surrogates, which UTF-8 cannot hold, is escaped."""
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except UnicodeEncodeError:
        return json.dumps(body, separators=(",", ":"), allow_nan=False).encode()


def _tree(response: httpx2.Response) -> object:
    """The body as JSON, or as text."""
    try:
        return response.json()
    except ValueError:
        return response.text


def _moved_to(error: openai.APIStatusError) -> str | None:
    """The new address on the same host; None elsewhere, since the key goes with the request."""
    location = error.response.headers.get("location")
    if error.status_code not in (301, 302, 307, 308) or not location:
        return None
    old = error.request.url
    new = old.join(location)
    same = new.host == old.host and (new.port == old.port or (old.scheme, new.scheme) == ("http", "https"))
    return str(new) if same and new.scheme in (old.scheme, "https") else None
