"""Batches before the student: what is taken, what is refused at once, and how the speed is learnt."""

from __future__ import annotations

import asyncio
import threading

import pytest

from prompt2model_stages.service.batching import ANSWER_LIMIT_S, WAIT_LIMIT_S, Batches, OverloadedError, TooManyError
from prompt2model_stages.service.speed import Speed

pytestmark = pytest.mark.unit


def speed_of(*measured: tuple[int, float]) -> Speed:
    speed = Speed(16)
    for texts, seconds in measured:
        speed.measured(texts, seconds)
    return speed


def test_speed_is_a_line_through_the_batches():
    speed = speed_of((1, 0.4), (16, 1.9), (1, 0.4), (16, 1.9))
    assert speed.seconds(16) == pytest.approx(1.9)
    assert speed.seconds(32) == pytest.approx(3.8)
    assert speed.seconds(17) == pytest.approx(1.9 + 0.4)
    assert speed.texts_within(3.8 + 1e-6) == 32
    assert speed.texts_within(0.0) == 1


def test_speed_of_batches_of_one_size_grows_with_the_texts():
    assert speed_of((5, 1.0), (5, 1.0)).seconds(10) == pytest.approx(2.0)
    assert Speed(16).seconds(1000) == 0


def test_speed_never_falls_with_more_texts():
    speed = speed_of((1, 5.0), (16, 0.1))
    assert 0 < speed.seconds(1) <= speed.seconds(16) <= speed.seconds(17)


async def test_what_waits_at_once_is_one_batch_and_keeps_its_order():
    sizes: list[int] = []
    batches = Batches(lambda texts: [text.upper() for text in texts], 4, Speed(4), sizes.append)
    answers = await asyncio.gather(*(batches.ask([f"a{i}", f"b{i}"]) for i in range(5)))
    assert answers == [[f"A{i}", f"B{i}"] for i in range(5)]
    assert sizes == [4, 4, 2]
    assert batches.waiting == 0


class Held:
    """A student that answers once it is told to."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked: list[str] = []

    def __call__(self, texts: list[str]) -> list[str]:
        assert self.go.wait(5)
        self.asked += texts
        return texts


async def test_more_than_can_be_answered_in_time_is_refused_at_once():
    held = Held()
    batches = Batches(held, 16, speed_of((1, 1.0), (16, 16.0)))
    first = asyncio.create_task(batches.ask(["x"] * 16))
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError) as caught:
        await batches.ask(["y"] * 20)
    assert 1 <= caught.value.retry_after <= 60
    assert f"{caught.value.retry_after} s" in str(caught.value) and "16 texts wait" in str(caught.value)
    second = asyncio.create_task(batches.ask(["z"] * int(WAIT_LIMIT_S - 17)))
    held.go.set()
    assert await first == ["x"] * 16
    assert set(await second) == {"z"}
    assert "y" not in held.asked


async def test_one_request_that_takes_too_long_says_how_many_are_possible():
    batches = Batches(lambda texts: texts, 16, speed_of((1, 1.0), (16, 16.0)))
    with pytest.raises(TooManyError, match=rf"at most {ANSWER_LIMIT_S:.0f} texts"):
        await batches.ask(["x"] * 256)
    assert await batches.ask(["x"] * 90) == ["x"] * 90  # nothing waits, so nobody is kept waiting


async def test_a_request_that_is_given_up_is_not_answered():
    held = Held()
    batches = Batches(held, 1, Speed(1))
    kept, given_up = (asyncio.create_task(batches.ask([text])) for text in ("kept", "given up"))
    await asyncio.sleep(0.01)
    given_up.cancel()
    await asyncio.wait([given_up])
    held.go.set()
    assert await kept == ["kept"]
    assert await batches.ask(["next"]) == ["next"]
    assert held.asked == ["kept", "next"]


async def test_one_text_that_fails_does_not_fail_its_companions():
    def answer(texts: list[str]) -> list[str]:
        if "bad" in texts:
            raise ValueError("no such token")
        return texts

    batches = Batches(answer, 4, Speed(4))
    good, bad = await asyncio.gather(batches.ask(["good"]), batches.ask(["bad"]), return_exceptions=True)
    assert good == ["good"]
    assert isinstance(bad, ValueError)
    assert batches.waiting == 0
