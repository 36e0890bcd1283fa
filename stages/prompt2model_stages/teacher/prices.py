"""What a teacher costs: the price in the spec, else the list price of genai-prices, a table of the providers' prices.

Source: https://github.com/pydantic/genai-prices (MIT), pinned; it is read from the package, and nothing is looked up.
"""

from __future__ import annotations

import functools
import logging

from prompt2model_api.spec.teacher import Price, TeacherSpec
from prompt2model_stages.teacher.requests import is_loopback

logger = logging.getLogger(__name__)


def price_of(teacher: TeacherSpec) -> Price | None:
    """US dollars for a million tokens; None where nobody knows."""
    return teacher.price or listed_price(teacher.base_url, teacher.model)


def with_price(teacher: TeacherSpec) -> TeacherSpec:
    """The same with the price that is known."""
    return teacher.model_copy(update={"price": price_of(teacher)})


@functools.cache
def listed_price(base_url: str, model: str) -> Price | None:
    """The list price of a model at the provider whose address this is; the same model elsewhere has no list price.

    Discounts (cached prompts, batches) and surcharges (long prompts) are not in it.
    """
    if is_loopback(base_url):
        return None
    try:
        import genai_prices  # half a second of CPU time, for a teacher without a price alone
    except ImportError:
        logger.info("genai-prices is not installed: list prices are not known")
        return None
    usage = genai_prices.Usage(input_tokens=1000, output_tokens=1000)
    try:
        found = genai_prices.calc_price(usage, model, provider_api_url=base_url)
    except (LookupError, ValueError):
        return None
    return Price(
        input_per_million=round(float(found.input_price) * 1000, 6),
        output_per_million=round(float(found.output_price) * 1000, 6),
    )
