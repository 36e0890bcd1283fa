"""Windows of a minute and the pace, by a clock that only sleeping moves; and the budget under concurrency."""

from __future__ import annotations

import asyncio
import itertools
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompt2model_api.results import Spent
from prompt2model_api.spec.teacher import Budget
from prompt2model_stages.errors import StageError
from prompt2model_stages.teacher.budget import Cost, Purse
from prompt2model_stages.teacher.concurrency import AdaptiveConcurrency
from prompt2model_stages.teacher.limits import Rates
from prompt2model_stages.teacher.patience import Patience, retry_after
from tests.unit.teacher_cases import Clock

pytestmark = pytest.mark.unit


def most_in_a_minute(sent: list[tuple[float, float]]) -> float:
    return max(sum(amount for at, amount in sent if start <= at < start + 60) for start, _ in sent)


async def test_requests_in_any_minute() -> None:
    clock = Clock()
    rates = Rates(60, None, clock, clock.sleep)
    sent: list[tuple[float, float]] = []

    async def one() -> None:
        await rates.acquire(1)
        rates.ended()
        sent.append((clock.now, 1))

    await asyncio.gather(*(one() for _ in range(200)))
    assert 54 <= most_in_a_minute(sent) <= 60
    assert clock.now - 1000 == pytest.approx(199 * 65 / 60, abs=2), "and no slower than it must be"
    apart = [later - earlier for (earlier, _), (later, _) in itertools.pairwise(sent)]
    assert min(apart) > 0.8, "evenly"


@settings(max_examples=12, deadline=None)
@given(
    limit=st.integers(3, 150),
    pauses=st.lists(st.floats(0, 30), min_size=1, max_size=40),
    delays=st.lists(st.floats(0, 3.9), min_size=1, max_size=40),
)
def test_requests_in_any_minute_as_they_arrive(limit: int, pauses: list[float], delays: list[float]) -> None:
    clock = Clock()
    rates = Rates(limit, None, clock, clock.sleep)
    arrived: list[tuple[float, float]] = []

    async def run() -> None:
        for i in range(limit + 15):
            await rates.acquire(1)
            rates.ended()
            arrived.append((clock.now + delays[i % len(delays)], 1))
            if i % 7 == 0:
                await clock.sleep(pauses[i % len(pauses)])

    asyncio.run(run())
    assert most_in_a_minute(arrived) <= limit


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 1500), st.floats(0.1, 1.0), st.floats(0, 20)), min_size=1, max_size=40))
def test_tokens_in_any_minute(requests: list[tuple[int, float, float]]) -> None:
    clock = Clock()
    rates = Rates(None, 1000, clock, clock.sleep)
    sent: list[tuple[float, float]] = []

    async def run() -> None:
        for reserved, share, pause in requests:
            permit = await rates.acquire(reserved)
            rates.ended()
            used = int(min(reserved, 1000) * share)
            sent.append((clock.now, used))
            await clock.sleep(pause)
            rates.correct(permit, used)

    asyncio.run(run())
    assert most_in_a_minute(sent) <= 1000


async def test_what_an_earlier_attempt_sent_counts() -> None:
    clock = Clock()
    rates = Rates(2, None, clock, clock.sleep)
    rates.remember(50, 1)
    rates.remember(10, 1)
    await rates.acquire(1)
    assert clock.now - 1000 == pytest.approx(22.25, abs=0.1), "half a minute, and its margin, after the second"


async def test_a_request_over_the_limit_goes_alone() -> None:
    clock = Clock()
    rates = Rates(None, 100, clock, clock.sleep)
    await asyncio.wait_for(rates.acquire(5000), 1)
    await rates.acquire(1)
    assert clock.now - 1000 >= 60


async def test_the_pace_bounds_what_is_in_flight() -> None:
    pace = AdaptiveConcurrency(3)
    most = 0

    async def one() -> None:
        nonlocal most
        async with pace.slot():
            most = max(most, pace.in_flight)
            await asyncio.sleep(0)

    await asyncio.gather(*(one() for _ in range(20)))
    assert most == 3 and pace.in_flight == 0


async def test_a_waiter_that_is_cancelled_leaves_no_trace() -> None:
    pace = AdaptiveConcurrency(1)
    async with pace.slot():
        waiting = asyncio.create_task(pace.slot().__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
    await asyncio.sleep(0)
    async with asyncio.timeout(1), pace.slot():
        assert pace.in_flight == 1


def test_a_few_refusals_at_random_change_nothing() -> None:
    clock = Clock()
    pace, jitter = AdaptiveConcurrency(50, clock), random.Random(1)
    for _ in range(5000):
        clock.now += 0.01
        if jitter.random() < 0.02:
            pace.troubled(clock.now, lambda _: 1.0)
        else:
            pace.answered(clock.now)
    assert pace.limit == 50


def test_refusals_that_have_nothing_to_do_with_the_number_in_flight_do_not_slow_it_down() -> None:
    clock = Clock()
    pace, jitter = AdaptiveConcurrency(50, clock), random.Random(1)
    pauses = 0
    for _ in range(3000):
        clock.now += 0.5 / pace.limit
        if jitter.random() < 0.3:
            pauses += pace.troubled(clock.now, lambda times: 1.0)
            clock.now += 0.001
        else:
            pace.answered(clock.now)
    assert pace.limit == 50 and pauses < 5


def test_trouble_halves_once_a_round_trip_and_answers_bring_it_back() -> None:
    clock = Clock()
    pace = AdaptiveConcurrency(32, clock)
    clock.now += 1
    for _ in range(32):  # all sent before the first refusal came
        pace.troubled(1000.0, lambda failures: 2.0**failures)
    assert pace.limit == 16 and pace.failures == 1
    while pace.limit > 1:
        clock.now += 100
        pace.troubled(clock.now, lambda failures: 2.0**failures)
    assert pace.failures > 1
    answers = 0
    while pace.limit < 32:
        clock.now += 1
        pace.answered(clock.now)
        answers += 1
    assert pace.failures == 0 and 32 < answers < 1000


def test_slow_answers_speak_for_fewer_in_flight() -> None:
    clock = Clock()
    pace = AdaptiveConcurrency(32, clock)
    for _ in range(64):
        clock.now += 100
        pace.answered(clock.now, slow=True)
    assert pace.limit < 8


@settings(max_examples=60, deadline=None)
@given(
    budget=st.integers(1, 3000),
    spent=st.integers(0, 1000),
    requests=st.lists(st.tuples(st.integers(1, 500), st.floats(0, 1), st.integers(0, 5)), max_size=40),
)
def test_spent_and_reserved_never_exceed_the_budget(
    budget: int, spent: int, requests: list[tuple[int, float, int]]
) -> None:
    purse = Purse(Budget(tokens=budget), Spent(prompt_tokens=spent))

    async def one(reserved: int, share: float, turns: int) -> bool:
        cost = Cost(reserved)
        try:
            await purse.reserve(cost)
        except StageError as error:
            assert error.failure.reason == "BudgetExhausted"
            return False
        assert purse.tokens + purse.reserved_tokens <= budget
        for _ in range(turns):
            await asyncio.sleep(0)
        purse.settle(cost, Cost(int(reserved * share)))
        return True

    async def run() -> None:
        async with asyncio.timeout(5):
            await asyncio.gather(*(one(*request) for request in requests))

    asyncio.run(run())
    assert purse.reserved_tokens == 0 and (purse.tokens <= budget or purse.tokens == spent)


def test_retry_after_in_its_forms() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert retry_after({"retry-after": "7.5"}) == 7.5
    assert retry_after({"retry-after-ms": "250", "retry-after": "9"}) == 0.25
    assert retry_after({"retry-after": "Thu, 01 Jan 2026 00:00:30 GMT"}, now) == 30
    assert retry_after({"retry-after": "soon"}) is None and retry_after({}) is None
    assert retry_after({"retry-after": "Thu, 01 Jan 20260000000 00:00:30 GMT"}, now) is None


def test_waits_grow_have_jitter_and_an_end() -> None:
    patience, jitter = Patience(), random.Random(1)
    waits = [patience.wait(n, None, jitter) for n in range(1, 40)]
    assert waits[0] <= 0.5 and max(waits) <= 30 and len({round(wait, 6) for wait in waits}) == len(waits)
    assert all(10 <= patience.wait(1, 10.0, jitter) <= 11 for _ in range(50))


def test_patience_from_the_environment() -> None:
    patience = Patience.from_environment({"P2M_TEACHER_TRIES": "3", "P2M_TEACHER_TIMEOUT_SECONDS": "12.5"})
    assert patience == Patience(tries=3, timeout_s=12.5)
    assert Patience.from_environment({}) == Patience()
