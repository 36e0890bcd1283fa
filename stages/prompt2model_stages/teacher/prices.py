"""What a teacher costs: the price in the spec, else the list price of genai-prices, a table of the providers' prices.

Source: https://github.com/pydantic/genai-prices (MIT), pinned; it is read from the package, and nothing is looked up.
"""

from __future__ import annotations

import functools
import logging
from datetime import UTC, datetime

from prompt2model_api.spec.teacher import Price, TeacherSpec
from prompt2model_stages.teacher.requests import is_loopback

logger = logging.getLogger(__name__)

TABLE = "0.2.3"
"""The version of genai-prices that is pinned."""
DAY = (2026, 11, 27)
"""Of its prices those of this day are taken, whenever a run works; it moves with the pin."""


def price_of(teacher: TeacherSpec) -> Price | None:
    """US dollars for a million tokens; None where nobody knows."""
    return teacher.price or listed_price(teacher.base_url, teacher.model)


def with_price(teacher: TeacherSpec) -> TeacherSpec:
    """The same with the price that is known."""
    return teacher.model_copy(update={"price": price_of(teacher)})


@functools.cache
def listed_price(base_url: str, model: str) -> Price | None:
    """The list price of a model at the provider whose address this is; the same model elsewhere has no list price.

    Discounts (cached prompts, batches) and surcharges (long prompts) are not in it. Where it differs by the hour, it is the
    highest of the day. One that has a fee for each request beside the tokens is not known: it would be told too low.
    """
    if is_loopback(base_url):
        return None
    try:
        import genai_prices  # half a second of CPU time, for a teacher without a price alone
    except ImportError:
        logger.info("genai-prices is not installed: list prices are not known")
        return None
    usage = genai_prices.Usage(input_tokens=1000, output_tokens=1000)
    hours = [datetime(*DAY, hour, tzinfo=UTC) for hour in range(24)]
    try:
        found = [
            genai_prices.calc_price(usage, model, provider_api_url=base_url, genai_request_timestamp=hour)
            for hour in hours
        ]
    except (LookupError, ValueError):
        return None
    if any(one.total_price != one.input_price + one.output_price for one in found):
        return None
    return Price(
        input_per_million=round(float(max(one.input_price for one in found)) * 1000, 6),
        output_per_million=round(float(max(one.output_price for one in found)) * 1000, 6),
    )
