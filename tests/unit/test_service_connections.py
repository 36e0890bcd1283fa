"""uvicorn with the protocol that bounds how long a request may take to come; only on this machine's loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvicorn

from prompt2model_stages.service import connections, validating
from prompt2model_stages.service.validating import Validating

pytestmark = pytest.mark.unit


async def echo(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
    body = (await receive())["body"]
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]}
    )
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    # Client and server share a loop: on a busy machine a short limit ends before the client has sent its next part.
    monkeypatch.setattr(connections, "HEAD_LIMIT_S", 1.0)
    monkeypatch.setattr(validating, "BODY_LIMIT_S", 1.0)
    monkeypatch.setattr(validating, "REST_LIMIT_S", 0.5)
    protocol = connections.BoundedProtocol
    server = uvicorn.Server(uvicorn.Config(Validating(echo), port=0, log_config=None, lifespan="off", http=protocol))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


async def _sent(port: int, *parts: bytes) -> bytes:
    """What comes back until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.02)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


HEAD = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: "


async def test_a_connection_that_sends_nothing_is_closed(port: int) -> None:
    assert await _sent(port) == b""


async def test_half_a_header_is_answered_and_closed(port: int) -> None:
    answer = await _sent(port, b"POST /predict HTT", b"P/1.1\r\nhost: x\r\n")
    assert answer.startswith(b"HTTP/1.1 408 ") and b'{"error": "No whole request came' in answer


async def test_half_a_header_after_an_answer_is_answered_and_closed(port: int) -> None:
    answer = await _sent(port, HEAD + b'13\r\n\r\n{"text": "a"}', b"POST /pre", b"di")
    assert answer.count(b"HTTP/1.1 ") == 2
    assert answer.startswith(b"HTTP/1.1 200 ") and b"HTTP/1.1 408 " in answer


async def test_half_a_body_is_answered_and_closed(port: int) -> None:
    answer = await _sent(port, HEAD + b"100\r\n\r\n", b'{"text"')
    assert answer.startswith(b"HTTP/1.1 408 ") and b"The body did not come" in answer


async def test_a_large_body_is_refused_before_it_comes(port: int) -> None:
    answer = await _sent(port, HEAD + b"9000000000\r\nexpect: 100-continue\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ") and b"fewer texts" in answer
    assert b"100 Continue" not in answer.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize("noise", [b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"GET\r\n\r\n"])
async def test_what_is_no_http_gets_a_sentence(port: int, noise: bytes) -> None:
    answer = await _sent(port, noise)
    assert answer.startswith(b"HTTP/1.1 400 ") and b'{"error": "' in answer


async def test_a_request_at_work_is_not_closed(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write(HEAD + b'13\r\n\r\n{"text": "a"}')
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert head.startswith(b"HTTP/1.1 200 ")
        assert await reader.readexactly(13) == b'{"text": "a"}'
    writer.close()
