"""Limits that the endpoint's headers tell."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from prompt2model_stages.teacher.remaining import Remaining, seconds_until
from tests.unit.teacher_cases import Endpoint, ask, refusal, reply, teacher

pytestmark = pytest.mark.unit


def openai(remaining: int, reset: str, limit: int = 60, kind: str = "requests") -> dict[str, str]:
    return {
        f"x-ratelimit-limit-{kind}": str(limit),
        f"x-ratelimit-remaining-{kind}": str(remaining),
        f"x-ratelimit-reset-{kind}": reset,
    }


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        (openai(11, "30s"), 3.0),
        (openai(0, "20s"), 20.0),
        ({"anthropic-ratelimit-requests-limit": "60", "anthropic-ratelimit-requests-remaining": "0"}, 60.0),
        ({"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "12"}, 12.0),
        ({"ratelimit-limit": "60", "ratelimit-remaining": "0", "ratelimit-reset": "7"}, 7.0),
        (openai(0, "20s", 1000, "tokens"), 20.0),
        (openai(59, "1s"), 0.5),
        ({"x-ratelimit-remaining-requests": "lots"}, 0.0),
        ({}, 0.0),
    ],
)
def test_what_is_left_is_spread_over_the_time_until_it_is_whole(headers: dict[str, str], wait: float) -> None:
    remaining = Remaining()
    sent = remaining.take(100.0, 50)
    remaining.hear(headers, sent, 100.0)
    assert remaining.wait(100.0, 50) == pytest.approx(wait, rel=0.12)


def test_after_the_reset_it_goes_on_at_the_limits_own_rate() -> None:
    remaining = Remaining()
    remaining.hear(openai(0, "20s"), remaining.take(100.0, 50), 100.0)
    assert remaining.wait(120.0, 50) <= 0
    remaining.take(120.0, 50)
    assert remaining.wait(120.0, 50) == pytest.approx(1.0, rel=0.1)


def test_what_is_on_its_way_counts_and_an_older_answer_says_nothing_new() -> None:
    remaining = Remaining()
    first = remaining.take(100.0, 1)
    later = [remaining.take(100.0, 1) for _ in range(10)]
    remaining.hear(openai(2, "60s"), later[-1], 101.0)
    remaining.hear(openai(12, "50s"), first, 101.0)
    assert remaining.wait(101.0, 1) > 50
    other = Remaining()
    first = other.take(100.0, 1)
    for _ in range(10):
        other.take(100.0, 1)
    other.hear(openai(10, "50s"), first, 101.0)
    assert other.wait(101.0, 1) == pytest.approx(50.0), "all that is left is on its way"


def test_a_refusal_is_waited_for_as_long_as_it_asks() -> None:
    remaining = Remaining()
    remaining.hear(openai(0, "60s"), remaining.take(100.0, 1), 100.0, refused_for_s=2.0)
    assert remaining.wait(100.0, 1) == pytest.approx(2.0)


def together(left: int, limit: int, reset: str = "1") -> dict[str, str]:
    told = {"x-ratelimit-limit": str(limit), "x-ratelimit-remaining": str(left), "x-ratelimit-reset": reset}
    return told | {"x-tokenlimit-limit": "10", "x-tokenlimit-remaining": "0", "x-tokenlimit-reset": "1"}


@pytest.mark.parametrize(("limit", "most_s", "refusals"), [(1, 65, 5), (10, 12, 5), (60, 4, 5)])
async def test_a_limit_of_a_second_is_not_read_as_one_of_a_minute(
    tmp_path: Path, limit: int, most_s: float, refusals: int
) -> None:
    arrived: list[int] = []
    refused: list[int] = []

    def handle(body: object) -> httpx2.Response:
        second = int(opened._clock())
        left = limit - arrived.count(second)
        served = left > 0
        (arrived if served else refused).append(second)
        answer = reply("yes") if served else refusal(429, "slow down", retry_after="1")
        answer.headers.update(together(max(0, left - 1), limit))
        return answer

    endpoint = Endpoint(handle)
    async with teacher(tmp_path, endpoint) as opened:
        began = opened._clock()
        await asyncio.gather(*(opened.ask(ask(str(i))) for i in range(60)))
        assert opened._clock() - began < most_s
    assert len(refused) <= refusals


def test_a_longer_reset_tells_a_limit_of_a_minute() -> None:
    remaining = Remaining()
    remaining.hear(together(0, 60, "1"), remaining.take(100.0, 50), 100.0)  # the last second of a minute
    assert remaining.wait(100.0, 50) == pytest.approx(1.0)
    remaining.hear(together(59, 60, "60"), remaining.take(101.0, 50), 101.0)
    remaining.hear(together(0, 60, "1"), remaining.take(160.0, 50), 160.0)
    remaining.take(161.0, 50)
    assert remaining.wait(161.0, 50) == pytest.approx(1.0, rel=0.1), "at the rate of a minute"


@pytest.mark.parametrize("left", ["0", "100"])
def test_a_limit_of_0_is_none(left: str) -> None:
    remaining = Remaining()
    told = {"x-ratelimit-limit-requests": "0", "x-ratelimit-remaining-requests": left}
    remaining.hear(told | {"x-ratelimit-reset-requests": "0s"}, remaining.take(100.0, 50), 100.0)
    assert remaining.wait(100.0, 50) == 0
    remaining.hear(told | together(0, 60, "12"), remaining.take(100.0, 50), 100.0)
    assert remaining.wait(100.0, 50) == pytest.approx(12.0), "another header tells one"


def test_forms_of_a_reset() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    told = ["1s", "6m0s", "2m59.56s", "120ms", "1h0m0s", "12", "0", "2026-01-01T00:00:30Z", "soon", ""]
    assert [seconds_until(one, now) for one in told] == [1, 360, 179.56, 0.12, 3600, 12, 0, 30, None, None]
    assert seconds_until(str(int(now.timestamp()) + 5), now) == 5
    assert seconds_until(str(int(now.timestamp() * 1000) + 5000), now) == 5


async def test_a_teacher_keeps_to_what_it_is_told(tmp_path: Path) -> None:
    def handle(body: object) -> httpx2.Response:
        left = max(0, 10 - len(endpoint.bodies))
        answer = reply("yes")
        answer.headers.update(openai(left, "30s", 10))
        return answer

    endpoint = Endpoint(handle)
    async with teacher(tmp_path, endpoint) as opened:
        began = opened._clock()
        for i in range(12):
            await opened.ask(ask(str(i)))
        assert opened._clock() - began > 30


async def test_few_are_sent_before_the_first_answer(tmp_path: Path) -> None:
    seen: list[int] = []

    async def handle(body: object) -> httpx2.Response:
        seen.append(endpoint.in_flight)
        await asyncio.sleep(0.02)
        return reply("yes")

    endpoint = Endpoint(handle)
    async with teacher(tmp_path, endpoint) as opened:
        await asyncio.gather(*(opened.ask(ask(str(i))) for i in range(40)))
    assert max(seen[:4]) == 4 and endpoint.most_in_flight > 4
