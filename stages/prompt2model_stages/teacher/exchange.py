"""One HTTP exchange with the endpoint, through the openai library: no retry, no reservation, no journal."""

from __future__ import annotations

import asyncio
import json

import httpx2
import openai

from prompt2model_stages.errors import StageError
from prompt2model_stages.teacher import failures
from prompt2model_stages.teacher.address import Address
from prompt2model_stages.teacher.dialect import Dialect, Reply, read_reply
from prompt2model_stages.teacher.patience import Patience
from prompt2model_stages.teacher.requests import TeacherRequest, is_loopback


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
        self.dialect = Dialect()
        self._endpoint = endpoint
        self._patience = patience
        self._own = _http_client(endpoint.base_url, concurrency, patience) if http is None else None
        address = Address.of(endpoint.base_url)
        self._options: openai.RequestOptions = {"headers": address.headers(endpoint.key)}
        self._api = openai.AsyncOpenAI(
            base_url=address.base,
            default_query=address.query,
            api_key=endpoint.key or "none",  # the library insists on one; endpoints without keys ignore it
            timeout=_timeout(patience),
            max_retries=0,
            http_client=self._own or http,
        )

    async def post(self, request: TeacherRequest) -> Reply:
        """Sends a request.

        Raises: openai.APIError; Garbage; Adapted where it was refused and the next try is asked differently.
        """
        body = self.dialect.body(request, self._endpoint.model)
        try:
            async with asyncio.timeout(self._patience.timeout_s):  # httpx2 bounds each read, not the whole
                response = await self._api.post(
                    "/chat/completions", cast_to=httpx2.Response, body=body, options=self._options
                )
        except TimeoutError as error:
            raise openai.APITimeoutError(httpx2.Request("POST", self._endpoint.base_url)) from error
        except openai.APIStatusError as error:
            if failures.is_filtered(error):
                return Reply(("",) * request.n, (True,) * request.n, 0, 0)
            if (
                error.status_code in (400, 422)
                and not failures.is_too_long(error)
                and self.dialect.learn(request, failures.said(error, self._endpoint))
            ):
                raise failures.Adapted from error
            raise
        return read_reply(response.content)

    async def not_found(self, error: openai.NotFoundError) -> StageError:
        """What a 404 means: a model that the endpoint does not have, or an address that is none."""
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
