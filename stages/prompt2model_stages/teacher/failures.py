"""What each error of an endpoint means, how often it is tried again, and what a person can do about it."""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import openai

from prompt2model_api.redaction import mask
from prompt2model_stages.errors import StageError, blocked, failed
from prompt2model_stages.teacher.patience import retry_after

_TOO_LONG = re.compile(
    r"context[ _](?:length|size|window)|maximum context|too many tokens|prompt is too long|exceed_context",
    re.IGNORECASE,
)
_QUOTA = re.compile(
    r"insufficient_quota|exceeded your current quota|billing_hard_limit|insufficient balance|credits?\b"
)
_FILTERED = re.compile(r"content_filter|content_policy|content management policy|ResponsibleAI", re.IGNORECASE)
_GONE_ON = "Everything paid for is kept; the run goes on where it was."


@dataclass(frozen=True)
class Endpoint:
    """What messages say about the teacher. The key is here to be struck out of them."""

    base_url: str
    model: str
    key_env: str
    key: str | None


@dataclass(frozen=True)
class Trouble:
    """An error of one try.

    error: what it becomes when it lasts.
    tries: failures in a row after which it lasts; 0: at once.
    asked_s: how long the endpoint asks to wait.
    charged: whether the endpoint may have counted the request.
    """

    error: StageError
    tries: int = 0
    asked_s: float | None = None
    charged: bool = False


class Garbage(Exception):
    """The endpoint said 200, but not what an OpenAI-compatible endpoint says."""


class Adapted(Exception):
    """The endpoint refused a request that can be asked differently."""


def classify(error: Exception, endpoint: Endpoint, tries: int) -> Trouble:
    """What an error of one request means.

    Args:
        error: an openai.APIError or Garbage.
        endpoint: names what messages speak of.
        tries: how often "too many requests" is taken.
    """
    if isinstance(error, Garbage):
        return _garbage(str(error), endpoint)
    if isinstance(error, openai.APITimeoutError):
        return _timed_out(error, endpoint)
    if isinstance(error, openai.APIStatusError):
        return _of_status(error, endpoint, tries)
    return _unreachable(error, endpoint)


def said(error: openai.APIStatusError, endpoint: Endpoint) -> str:
    """What the endpoint said, in a line, without anything that looks like a key."""
    body: Any = error.body
    if isinstance(body, dict):
        inner = body.get("error", body)
        body = inner.get("message", inner) if isinstance(inner, dict) else inner
    text = body if isinstance(body, str) else json.dumps(body) if body is not None else error.response.text
    return redact(" ".join(text.split()), endpoint)[:300].rstrip(". ")


def is_filtered(error: openai.APIStatusError) -> bool:
    """Whether a content filter refused the prompt: an answer, not an error."""
    return error.status_code == 400 and _FILTERED.search(_raw(error)) is not None


def is_too_long(error: openai.APIStatusError) -> bool:
    """Whether the prompt does not fit the model's context."""
    return error.status_code == 413 or (error.status_code in (400, 422) and _TOO_LONG.search(_raw(error)) is not None)


def redact(text: str, endpoint: Endpoint) -> str:
    """The text without the key and without whatever looks like one."""
    return mask(text, endpoint.key)


def model_unknown(endpoint: Endpoint, text: str, models: list[str] | None) -> StageError:
    """A 404. models: the names that the endpoint lists; None where it lists none."""
    if models is None:
        message = f"{endpoint.base_url} answers 404 (not found) for model {endpoint.model}: {text}."
        remedy = f"Check teacher.baseURL (it usually ends in /v1) and teacher.model. {_GONE_ON}"
    else:
        names = ", ".join(models[:20]) + (", …" if len(models) > 20 else "")
        message = f"{endpoint.base_url} has no model {endpoint.model}. It lists: {names or 'none'}."
        remedy = f"Set teacher.model to one of them. {_GONE_ON}"
    return blocked("TeacherModelUnknown", message, remedy)


def answers_nothing(endpoint: Endpoint, count: int) -> StageError:
    """Empty answers alone."""
    return blocked(
        "TeacherAnswersNothing",
        f"The last {count} answers of {endpoint.model} at {endpoint.base_url} were all empty.",
        f"Ask the endpoint by hand, or take another teacher.model. {_GONE_ON}",
    )


def _of_status(error: openai.APIStatusError, endpoint: Endpoint, tries: int) -> Trouble:
    status, text = error.status_code, said(error, endpoint)
    if status == 402 or (status in (403, 429) and _QUOTA.search(_raw(error))):
        return Trouble(_quota(endpoint, text))
    if status in (401, 403):
        return Trouble(_unauthorized(endpoint, status, text))
    if status == 404:
        return Trouble(model_unknown(endpoint, text, None))
    if status in (400, 413, 422):
        return Trouble(_rejected(endpoint, status, text, is_too_long(error)))
    asked = retry_after(error.response.headers)
    if status == 429:
        return Trouble(_rate_limited(endpoint, text, asked), tries, asked)
    if status >= 500 or status in (408, 409, 425):
        broken = blocked(
            "TeacherDown",
            f"{endpoint.base_url} answers {status}: {text or 'nothing more'}.",
            f"Wait until the endpoint is well again, or name another in teacher.baseURL. {_GONE_ON}",
        )
        return Trouble(broken, 6, asked)
    return _garbage(f"status {status}: {text}", endpoint)


def _quota(endpoint: Endpoint, text: str) -> StageError:
    return blocked(
        "TeacherQuotaExhausted",
        f"The account's quota at {endpoint.base_url} is used up: {text}.",
        f"Add credit, or raise the account's limit. {_GONE_ON}",
    )


def _unauthorized(endpoint: Endpoint, status: int, text: str) -> StageError:
    what = "was refused" if endpoint.key else "is missing"
    return blocked(
        "TeacherUnauthorized",
        f"{endpoint.base_url} answers {status}: the API key {what} ({text}).",
        f"Put a valid key into the environment variable {endpoint.key_env}; in a cluster, into the Secret that "
        f"teacher.apiKeySecretRef names. {_GONE_ON}",
    )


def _rejected(endpoint: Endpoint, status: int, text: str, too_long: bool) -> StageError:
    if too_long:
        return failed(
            "PromptTooLong",
            f"A request is longer than {endpoint.model} takes: {text}.",
            "Shorten the prompt or its demonstrations, or name a teacher.model with a longer context.",
        )
    return blocked(
        "TeacherRejectsRequest",
        f"{endpoint.base_url} answers {status}: {text}.",
        f"Check teacher.model and what the endpoint supports. {_GONE_ON}",
    )


def _rate_limited(endpoint: Endpoint, text: str, asked: float | None) -> StageError:
    wish = f", and asks to wait {asked:.0f} s" if asked else ""
    return blocked(
        "RateLimited",
        f"{endpoint.base_url} keeps answering 429, too many requests{wish}: {text}.",
        f"Lower teacher.limits.requestsPerMinute or tokensPerMinute, or wait. {_GONE_ON}",
    )


def _garbage(text: str, endpoint: Endpoint) -> Trouble:
    error = blocked(
        "TeacherAnswersGarbage",
        f"{endpoint.base_url} does not answer as an OpenAI-compatible endpoint: {redact(text, endpoint)[:300]}.",
        f"Check teacher.baseURL (it usually ends in /v1). {_GONE_ON}",
    )
    return Trouble(error, 4, charged=True)


def _timed_out(error: Exception, endpoint: Endpoint) -> Trouble:
    if any(isinstance(cause, httpx2.ConnectTimeout | httpx2.PoolTimeout) for cause in _causes(error)):
        return _unreachable(error, endpoint)
    slow = blocked(
        "TeacherTimeout",
        f"{endpoint.base_url} does not answer in time.",
        f"See whether the endpoint is well; lower teacher.limits.concurrency where it is small. {_GONE_ON}",
    )
    return Trouble(slow, 3, charged=True)


def _unreachable(error: Exception, endpoint: Endpoint) -> Trouble:
    causes = list(_causes(error))
    host = httpx2.URL(endpoint.base_url).host
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        what = f"No such host: {host}, of teacher.baseURL {endpoint.base_url}"
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        what = f"Nothing listens at {endpoint.base_url}: connection refused"
    elif tls is not None or "CERTIFICATE" in str(causes[-1]):
        what = f"No secure connection to {endpoint.base_url}: {tls or causes[-1]}"
    elif any(isinstance(cause, httpx2.ConnectTimeout) for cause in causes):
        what = f"No connection to {endpoint.base_url} in time"
    else:
        what = (
            f"The connection to {endpoint.base_url} broke: {redact(str(causes[-1]), endpoint) or type(error).__name__}"
        )
    unreachable = blocked("TeacherUnreachable", f"{what}.", f"Check teacher.baseURL and the network. {_GONE_ON}")
    unsent = any(
        isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout) for cause in causes
    )
    return Trouble(unreachable, 5, charged=not unsent)


def _raw(error: openai.APIStatusError) -> str:
    return json.dumps(error.body, default=str) if error.body is not None else error.response.text


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from, through anyio's groups of them."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                yield from _causes(inner)
        error = error.__cause__ or error.__context__
