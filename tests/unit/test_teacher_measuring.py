"""What a request is booked at whose answer was lost."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompt2model_api.spec.teacher import Price
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher.budget import Cost, priced
from prompt2model_stages.teacher.journal import Journal, Ledger
from prompt2model_stages.teacher.measuring import KNOWN, MARGIN, PromptShare
from tests.unit.teacher_cases import RUN, Endpoint, ask, reply, teacher

pytestmark = pytest.mark.unit
PRICE = Price(input_per_million=2.0, output_per_million=8.0)


async def killed(folder: Path, answers: int, purpose: str = "generate", lost: str = "generate") -> Ledger:
    """A journal with so many answers whose prompts had a quarter of their bound, and ten requests without one."""
    journal = await Journal.open(Folder(str(folder)), "generate", RUN)
    bound = priced(4000, 500, PRICE)
    for i in range(answers):
        identifier = await journal.reserve(f"answered {i}", purpose, bound)
        await journal.answer(identifier, f"answered {i}", ["yes"], priced(1000, 100, PRICE))
    for i in range(10):
        await journal.reserve(f"lost {i}", lost, bound)
    await journal.close()
    return Ledger.read(Folder(str(folder)))


async def test_a_lost_prompt_is_booked_as_its_like_and_its_completion_in_full(tmp_path: Path) -> None:
    spent = (await killed(tmp_path, 40)).spent()
    assert spent.requests == 50
    assert spent.prompt_tokens == 40 * 1000 + 10 * 1050
    assert spent.completion_tokens == 40 * 100 + 10 * 500
    assert spent.usd == pytest.approx(spent.prompt_tokens * 2e-6 + spent.completion_tokens * 8e-6)


@pytest.mark.parametrize(
    ("answers", "lost"), [(KNOWN - 1, "generate"), (0, "generate"), (40, "another purpose")], ids=str
)
async def test_where_nothing_is_known_the_bound_is_booked(tmp_path: Path, answers: int, lost: str) -> None:
    spent = (await killed(tmp_path, answers, lost=lost)).spent()
    assert spent.prompt_tokens == answers * 1000 + 10 * 4000


async def test_requests_of_the_last_minute_count_with_what_they_took(tmp_path: Path) -> None:
    ledger = await killed(tmp_path, 3)
    assert [tokens for _, tokens in ledger.recent] == [1100] * 3 + [4500] * 10


@given(st.lists(st.tuples(st.integers(50, 10_000), st.floats(0.05, 1.3)), min_size=KNOWN, max_size=60))
def test_what_was_seen_before_is_never_booked_at_less(requests: list[tuple[int, float]]) -> None:
    share = PromptShare()
    for bound, part in requests:
        share.learn(Cost(bound), Cost(max(1, int(bound * part))))
    for bound, part in requests:
        assert share.at_most(Cost(bound)).prompt >= int(bound * part)
        assert share.at_most(Cost(bound)).prompt <= max(bound, bound * 1.3 * MARGIN + 1)


def test_an_endpoint_that_counts_nothing_teaches_nothing() -> None:
    share = PromptShare()
    for _ in range(2 * KNOWN):
        share.learn(Cost(100), Cost(0))
    assert share.at_most(Cost(100)) == Cost(100)


async def test_the_budget_goes_on_from_what_is_booked(tmp_path: Path) -> None:
    endpoint = Endpoint(lambda body: reply("yes", prompt=20, completion=5))
    async with teacher(tmp_path, endpoint) as opened:
        for i in range(KNOWN):
            await opened.ask(ask(f"question {i:02d}"))
    path = tmp_path / "000001.jsonl"
    lines = path.read_text().splitlines()
    reserve = next(line for line in lines if '"reserve"' in line)
    path.write_text("\n".join([*lines, reserve.replace("000001-1", "000001-99")]) + "\n")
    budget = KNOWN * 25 + 21 + 20 + 200
    async with teacher(tmp_path, endpoint, budget={"tokens": budget}) as opened:
        assert opened.spent.prompt_tokens == KNOWN * 20 + 21
        assert (await opened.ask(ask("one more"))).texts == ("yes",)


async def test_an_answer_that_never_comes_is_booked_as_its_like(tmp_path: Path) -> None:
    def handle(body: dict[str, object]) -> httpx2.Response:
        if len(endpoint.bodies) > KNOWN:
            raise httpx2.ReadError("gone")
        return reply("yes", prompt=20, completion=5)

    endpoint = Endpoint(handle)
    async with teacher(tmp_path, endpoint) as opened:
        for i in range(KNOWN):
            await opened.ask(ask(f"question {i:02d}"))
        with pytest.raises(Exception, match="broke"):
            await opened.ask(ask("question 99"))
        lost = opened.spent.requests - KNOWN
        assert lost > 0 and opened.spent.prompt_tokens == KNOWN * 20 + lost * 21
