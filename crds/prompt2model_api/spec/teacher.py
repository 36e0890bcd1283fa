"""`spec.teacher`: the LLM that parses the prompt and writes data."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from prompt2model_api.base import Model, Name
from prompt2model_api.base_url import PATTERN, check_base_url
from prompt2model_api.spec.references import SecretKey


class Limits(Model):
    """What the teacher's endpoint allows. A change runs nothing again."""

    requests_per_minute: int | None = Field(
        default=None, ge=1, le=1_000_000, description="How many requests may be sent in any 60 seconds."
    )
    tokens_per_minute: int | None = Field(
        default=None,
        ge=100,
        le=1_000_000_000,
        description="How many prompt and completion tokens may be used in any 60 seconds.",
    )
    concurrency: int = Field(
        default=50,
        ge=1,
        le=1000,
        description="How many requests are in flight, at most; there are fewer when the endpoint slows down.",
    )


class Budget(Model):
    """The most that may be spent on the teacher, over all stages. Reserved before a request is sent, never exceeded."""

    tokens: int | None = Field(default=None, ge=1, le=10**12, description="The most prompt and completion tokens.")
    usd: float | None = Field(default=None, gt=0, le=10**6, description="The most US dollars; needs teacher.price.")
    unlimited: bool = Field(default=False, description="Whether there is no limit at all. Excludes tokens and usd.")

    @model_validator(mode="after")
    def _one_kind(self) -> Budget:
        limited = self.tokens is not None or self.usd is not None
        if self.unlimited and limited:
            raise ValueError("unlimited excludes tokens and usd: keep one of them")
        if not self.unlimited and not limited:
            raise ValueError("write tokens or usd, or unlimited: true for no limit at all")
        return self


class Price(Model):
    """US dollars for a million tokens."""

    input_per_million: float = Field(ge=0, le=10_000, description="The price in US dollars of 1,000,000 prompt tokens.")
    output_per_million: float = Field(
        ge=0, le=10_000, description="The price in US dollars of 1,000,000 completion tokens."
    )


class Reasoning(Model):
    """For a model that reasons before it answers."""

    effort: Annotated[str, StringConstraints(pattern=r"^[a-z]{1,16}$", max_length=16)] | None = Field(
        default=None,
        description="The value that is sent as reasoning_effort, such as low, medium or high. Without it nothing is sent.",
    )
    allowance: int = Field(
        default=4096,
        ge=0,
        le=200_000,
        description="How many tokens the reasoning may take beside the answer.",
    )


EXTRA_BYTES = 16 * 1024
OURS = frozenset(
    {
        *(
            "model",
            "messages",
            "n",
            "stream",
            "stream_options",
            "max_tokens",
            "max_completion_tokens",
            "response_format",
        ),
        *("reasoning_effort", "tools", "tool_choice"),
    }
)
"""Fields of a request that are set by the product, or that would change what an answer is."""
_SECRET = re.compile(r"(?:^|[_-])(?:api[_-]?key|secret|password|token|authorization|credentials?)$", re.IGNORECASE)


def check_extra_body(body: dict[str, Any]) -> dict[str, Any]:
    """The fields as they were given. Raises: ValueError with a sentence that repeats no value."""
    if ours := sorted(OURS & set(body)):
        instead = ": use teacher.reasoning.effort" if "reasoning_effort" in ours else ""
        raise ValueError(f"{', '.join(ours)} cannot be set here{instead}: delete it")
    if secret := _secret_in(body):
        raise ValueError(f"{secret} looks like a secret, which does not belong here: name a Secret in apiKeySecretRef")
    if len(json.dumps(body).encode()) > EXTRA_BYTES:
        raise ValueError("it is over 16 KiB: shorten it")
    return body


def _secret_in(tree: Any) -> str:
    if isinstance(tree, dict):
        own = next(
            (str(name) for name, value in tree.items() if isinstance(value, str) and _SECRET.search(str(name))), ""
        )
        return own or next((found for value in tree.values() if (found := _secret_in(value))), "")
    if isinstance(tree, list):
        return next((found for value in tree if (found := _secret_in(value))), "")
    return ""


class TeacherSpec(Model):
    """The LLM that parses the prompt and writes data, behind an OpenAI-compatible endpoint."""

    base_url: Annotated[str, StringConstraints(pattern=PATTERN, max_length=2048), AfterValidator(check_base_url)] = (
        Field(
            alias="baseURL",
            description="The address of the endpoint, up to and with /v1; or the whole address of an Azure deployment, with its "
            "api-version. It must not hold a key, user or password.",
        )
    )
    model: Name = Field(description="The name of the model at that endpoint.")
    api_key_secret_ref: SecretKey | None = Field(
        default=None,
        description="The Secret with the API key. A local run reads the environment variable P2M_TEACHER_API_KEY instead.",
    )
    limits: Limits = Field(default_factory=Limits)
    budget: Budget = Field(default_factory=lambda: Budget(tokens=10_000_000))
    reasoning: Reasoning | None = Field(
        default=None,
        description="For a model that reasons before it answers. Without it more room is given where an answer needs it.",
    )
    extra_body: Annotated[dict[str, Any], Field(max_length=64), AfterValidator(check_extra_body)] | None = Field(
        default=None,
        description="Fields that are added to the body of each request, such as top_p. It must not hold secrets.",
    )
    batch: Literal["Never", "Auto", "Always"] = Field(
        default="Never",
        description="Whether generate, transform and evaluate send their requests as batches (the batch API of OpenAI), which cost "
        "half and are answered within 24 hours. With Auto an endpoint that has no batch API is asked request by request; with "
        "Always it stops the stage.",
    )
    price: Price | None = Field(
        default=None,
        description="The price of tokens, to show costs in US dollars and to limit them. Without it the list price of a known "
        "provider's model is shown.",
    )

    @model_validator(mode="after")
    def _money_needs_a_price(self) -> TeacherSpec:
        if self.budget.usd is not None and self.price is None:
            raise ValueError("budget.usd needs price.inputPerMillion and price.outputPerMillion")
        return self


def changing_answers(teacher: TeacherSpec) -> dict[str, Any]:
    """What every request to a teacher holds that changes its answers, beside address and model; room for reasoning does not."""
    effort = teacher.reasoning.effort if teacher.reasoning is not None else None
    found = {"effort": effort, "extra_body": teacher.extra_body}
    return {name: value for name, value in found.items() if value}
