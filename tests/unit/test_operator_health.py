"""What the kubelet is told of the operator."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp.test_utils import TestClient, TestServer

from prompt2model_operator.living import SILENT_S, Heartbeat, health_app

pytestmark = pytest.mark.unit


def asked(heart: Heartbeat) -> dict[str, int]:
    """The status of each page."""

    async def ask() -> dict[str, int]:
        async with TestClient(TestServer(health_app(heart))) as client:
            return {page: (await client.get(f"/{page}")).status for page in ("healthz", "readyz")}

    return asyncio.run(ask())


def test_a_starting_operator_lives_and_is_not_ready() -> None:
    assert asked(Heartbeat()) == {"healthz": 200, "readyz": 503}


def test_an_operator_that_works_is_ready() -> None:
    heart = Heartbeat()
    heart.beat()
    assert asked(heart) == {"healthz": 200, "readyz": 200}


def test_an_operator_whose_watch_is_silent_is_neither() -> None:
    times = [0.0]
    heart = Heartbeat(clock=lambda: times[-1])
    heart.beat()
    times.append(SILENT_S + 1)
    assert asked(heart) == {"healthz": 503, "readyz": 503}
