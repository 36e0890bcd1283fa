"""What a request costs that goes through the batch API.

With a price in the spec it is half of that, as OpenAI, Azure, Groq, Mistral, Google and Anthropic have it. Without one it is what
genai-prices lists for the processing "batch", and half the list price where it lists none.
"""

from __future__ import annotations

import functools

from prompt2model_api.spec.teacher import Price, TeacherSpec
from prompt2model_stages.teacher.prices import listed_price
from prompt2model_stages.teacher.requests import is_loopback

SHARE = 0.5
"""Of the price of a single request. Source: https://platform.openai.com/docs/guides/batch"""
_BATCH = {"processing": "batch"}


def batch_price(teacher: TeacherSpec) -> Price | None:
    """US dollars for a million tokens; None where nobody knows. teacher: as in the spec, without a price that was filled in."""
    if teacher.price is not None:
        return _share(teacher.price)
    single = listed_price(teacher.base_url, teacher.model)
    if single is None:
        return None
    listed = _listed(teacher.base_url, teacher.model)
    return listed if listed is not None and listed != single else _share(single)


def _share(price: Price) -> Price:
    return Price(input_per_million=price.input_per_million * SHARE, output_per_million=price.output_per_million * SHARE)


@functools.cache
def _listed(base_url: str, model: str) -> Price | None:
    """The list price of a batch; that of a single request where the table has no other."""
    if is_loopback(base_url):
        return None
    import genai_prices  # it is there: listed_price has found something

    usage = genai_prices.Usage(input_tokens=1000, output_tokens=1000)
    try:
        found = genai_prices.calc_price(usage, model, provider_api_url=base_url, price_context=_BATCH)
    except (LookupError, ValueError, TypeError):  # TypeError: an older table knows no contexts
        return None
    return Price(
        input_per_million=round(float(found.input_price) * 1000, 6),
        output_per_million=round(float(found.output_price) * 1000, 6),
    )
