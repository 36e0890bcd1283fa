"""What goes over the wire is what the openai library sends, over as few connections as there are requests in flight."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx2
import openai
import pytest

from prompt2model_stages.teacher.connections import Connections
from prompt2model_stages.teacher.exchange import Exchange
from prompt2model_stages.teacher.failures import Endpoint as Named
from prompt2model_stages.teacher.patience import Patience
from tests.unit.teacher_cases import Endpoint, ask, reply, teacher

pytestmark = pytest.mark.unit

BODY = {"model": "small", "messages": [{"role": "user", "content": "déjà vu"}]}


@pytest.mark.parametrize(
    "url", ["http://teacher.test/v1", "https://teacher.test/v1/?a=b", "http://teacher.test:81/x/y"]
)
async def test_a_request_is_the_librarys(url: str) -> None:
    seen: list[httpx2.Request] = []

    async def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return reply("yes")

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        exchange = Exchange(Named(url, "small", "here", "sk-1"), 5, Patience(), http)
        for _ in range(2):
            assert (await exchange.post(BODY)).choices[0].text == "yes"
        await exchange._api.post(
            "/chat/completions", cast_to=httpx2.Response, body=BODY, options={"follow_redirects": False}
        )
    first, second, library = ([r.method, r.url, sorted(r.headers.multi_items()), r.content, r.extensions] for r in seen)
    assert first == second == library


async def test_half_a_pair_of_surrogates_is_sent(tmp_path: Path) -> None:
    endpoint = Endpoint(lambda body: reply("yes"))
    async with teacher(tmp_path, endpoint) as opened:
        assert (await opened.ask(ask("a \ud83d b"))).texts == ("yes",)
    assert endpoint.bodies[0]["messages"][0]["content"] == "a \ud83d b"


async def test_a_status_that_is_no_success_is_the_librarys_error() -> None:
    async def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(418, json={"error": {"message": "teapot"}})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        exchange = Exchange(Named("http://teacher.test/v1", "small", "here", None), 5, Patience(), http)
        with pytest.raises(openai.APIStatusError) as caught:
            await exchange.post(BODY)
    assert caught.value.status_code == 418 and "teapot" in caught.value.response.text


@asynccontextmanager
async def server(close_after: int = 10**9) -> AsyncIterator[tuple[str, list[int]]]:
    """A real server, and how many requests came over each connection; each is closed, without a word, after so many."""
    counts: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        counts.append(0)
        place = len(counts) - 1
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while counts[place] < close_after:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.lower().split(b"content-length:")[1].split()[0]))
                counts[place] += 1
                body = json.dumps({"choices": [{"message": {"content": "yes"}}]}).encode()
                await asyncio.sleep(0.01)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", counts
    finally:
        listening.close()
        await asyncio.sleep(0.01)


async def test_there_are_as_many_connections_as_requests_in_flight() -> None:
    async with server() as (url, counts), httpx2.AsyncClient(transport=Connections()) as http:
        for _ in range(4):
            await http.post(url, json=BODY)
        assert counts == [4]
        await asyncio.gather(*(http.post(url, json=BODY) for _ in range(6)))
        assert len(counts) == 6 and sum(counts) == 10


async def test_a_connection_that_the_endpoint_closed_is_opened_anew() -> None:
    async with server(close_after=2) as (url, counts), httpx2.AsyncClient(transport=Connections()) as http:
        for _ in range(5):
            assert (await http.post(url, json=BODY)).status_code == 200
            await asyncio.sleep(0.02)
        assert counts == [2, 2, 1]


async def test_a_request_that_is_given_up_does_not_keep_its_connection() -> None:
    async with server() as (url, counts), httpx2.AsyncClient(transport=Connections()) as http:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.005):
                await http.post(url, json=BODY)
        assert (await http.post(url, json=BODY)).status_code == 200
        assert len(counts) <= 2
