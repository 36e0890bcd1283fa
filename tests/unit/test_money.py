"""What a teacher costs: list prices, the estimate before a run, and what is told after it."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from prompt2model_api.estimate import estimate, total
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import Spent, StageOutputs
from prompt2model_api.spec.teacher import Price
from prompt2model_api.stage_run import Stage, StageRun
from prompt2model_stages.cli import commands
from prompt2model_stages.local import money
from prompt2model_stages.teacher.prices import TABLE, listed_price, price_of
from tests.unit.teacher_cases import settings

pytestmark = pytest.mark.unit
OPENAI = {"baseURL": "https://api.openai.com/v1", "model": "gpt-4o-mini"}
HERE = {"baseURL": "http://127.0.0.1:8000/v1", "model": "gpt-4o-mini"}
PRICED = HERE | {"price": {"inputPerMillion": 1.0, "outputPerMillion": 2.0}}


def spec(teacher: dict[str, object] | None) -> Prompt2ModelSpec:
    found = {"prompt": "Say which city is meant.\n\nInput: the Eternal City\nOutput: Rome"}
    return Prompt2ModelSpec.model_validate(found | ({"teacher": teacher} if teacher else {}))


def ran(stage: Stage, spent: Spent, examples: int | None = None) -> StageRun:
    outputs = StageOutputs(spent=spent, examples=examples)
    told = outputs.model_dump(by_alias=True, exclude_none=True)
    result = {"attempt": 1, "digest": "0" * 64, "sha256": "0" * 64, "outputs": told}
    run = {"resource": "dates", "stage": stage.value, "digest": "0" * 64, "storage": "/s"}
    return StageRun.model_validate({"metadata": {"name": "r"}, "spec": run, "status": {"result": result}})


def test_list_prices_of_a_providers_own_address() -> None:
    pytest.importorskip("genai_prices")
    assert listed_price("https://api.openai.com/v1", "gpt-4o-mini") == Price(
        input_per_million=0.15, output_per_million=0.6
    )
    azure = "https://mine.openai.azure.com/openai/deployments/gpt-4o-mini?api-version=2024-06-01"
    assert listed_price(azure, "gpt-4o-mini") is not None


@pytest.mark.parametrize(
    ("address", "model"),
    [
        ("https://api.openai.com/v1", "a-model-of-ours"),
        ("https://llm.corp.example/v1", "gpt-4o-mini"),
        ("http://127.0.0.1:8000/v1", "gpt-4o-mini"),
    ],
)
def test_a_model_elsewhere_has_no_list_price(address: str, model: str) -> None:
    assert listed_price(address, model) is None


@pytest.mark.parametrize("hour", [3, 18])
def test_a_price_by_the_hour_is_the_highest_of_the_day(monkeypatch: pytest.MonkeyPatch, hour: int) -> None:
    genai_prices = pytest.importorskip("genai_prices")
    calc_price = genai_prices.calc_price

    def at_this_hour(*args: Any, genai_request_timestamp: datetime | None = None, **others: Any) -> Any:
        now = datetime(2026, 11, 27, hour, tzinfo=UTC)
        return calc_price(*args, genai_request_timestamp=genai_request_timestamp or now, **others)

    monkeypatch.setattr(genai_prices, "calc_price", at_this_hour)
    listed_price.cache_clear()
    assert listed_price("https://api.deepseek.com/v1", "deepseek-chat") == Price(
        input_per_million=0.27, output_per_million=1.1
    )


@pytest.mark.parametrize("model", ["sonar", "sonar-pro", "sonar-reasoning-pro"])
def test_a_price_with_a_fee_for_each_request_is_not_known(model: str) -> None:
    pytest.importorskip("genai_prices")
    assert listed_price("https://api.perplexity.ai", model) is None
    assert listed_price("https://api.perplexity.ai", "r1-1776") is not None
    told = money.estimated(spec({"baseURL": "https://api.perplexity.ai", "model": model}))
    assert told is not None and told.endswith("tokens, price unknown.")


def test_the_day_of_the_prices_moves_with_their_table() -> None:
    pinned = (Path(__file__).parents[2] / "constraints.txt").read_text().split()
    assert f"genai-prices=={TABLE}" in pinned, "set prices.DAY to the new table's day, too"


def test_the_specs_own_price_comes_first() -> None:
    own = Price(input_per_million=1.0, output_per_million=2.0)
    assert price_of(settings(**OPENAI, price=own)) == own


def test_the_estimate_before_a_run() -> None:
    found = total(estimate(spec(PRICED), {}))
    assert found.usd is not None
    told = money.estimated(spec(PRICED))
    assert told is not None and f"{found.requests:,} requests and {found.tokens:,} tokens" in told
    assert told.endswith(f"{money.dollars(found.usd)} at most.")
    assert money.estimated(spec(None)) is None, "the embedded teacher costs nothing"


def test_an_unknown_price_is_told_and_nothing_else_changes() -> None:
    told = money.estimated(spec(HERE))
    assert told is not None and told.endswith("tokens, price unknown.")
    assert money.priced(spec(HERE)) == spec(HERE)


def test_a_list_price_is_told_as_such() -> None:
    pytest.importorskip("genai_prices")
    told = money.estimated(spec(OPENAI))
    assert told is not None and told.endswith("US dollars at most by list price.")


def test_what_a_run_cost_and_what_a_thousand_examples_cost() -> None:
    stages = {
        Stage.DISCOVER: ran(Stage.DISCOVER, Spent(requests=2, prompt_tokens=100, completion_tokens=10, usd=0.5)),
        Stage.GENERATE: ran(Stage.GENERATE, Spent(requests=9, prompt_tokens=900, completion_tokens=90, usd=1.0), 200),
    }
    assert money.spent(spec(PRICED), stages) == (
        "Spent on the teacher: 11 requests, 1,100 tokens, 1.50 US dollars; 5.00 US dollars for 1,000 examples."
    )
    assert money.spent(spec(HERE), stages) == "Spent on the teacher: 11 requests, 1,100 tokens, price unknown."
    assert money.spent(spec(None), stages) is None


def test_validate_tells_it(tmp_path: Path) -> None:
    file = tmp_path / "cities.yaml"
    body = {"prompt": "Spell it backwards.", "teacher": HERE, "evaluation": {"encoder": "embedded:MiniLM"}}
    resource = {"apiVersion": "prompt2model.dev/v1alpha1", "kind": "Prompt2Model", "metadata": {"name": "cities"}}
    file.write_text(yaml.safe_dump(resource | {"spec": body}))
    said = io.StringIO()
    assert commands.validate(Console(file=said, width=200), file) == commands.DONE
    assert "cities is valid." in said.getvalue() and "price unknown." in said.getvalue()


@pytest.mark.parametrize(("usd", "told"), [(0, "0.00"), (0.0031, "0.0031"), (0.42, "0.42"), (1234.5, "1,234.50")])
def test_amounts(usd: float, told: str) -> None:
    assert money.dollars(usd) == f"{told} US dollars"
