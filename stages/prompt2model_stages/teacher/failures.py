"""What each error of an endpoint means, how often it is tried again, and what a person can do about it."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import openai

from prompt2model_api.redaction import mask
from prompt2model_api.texts import cut
from prompt2model_stages.errors import StageError, blocked, failed
from prompt2model_stages.teacher import signs
from prompt2model_stages.teacher.patience import retry_after
from prompt2model_stages.teacher.signs import Garbage

_GONE_ON = "Everything paid for is kept; the run goes on where it was."


@dataclass(frozen=True)
class Endpoint:
    """What messages say about the teacher. The key is here to be struck out of them."""

    base_url: str
    model: str
    key_place: str
    key: str | None


@dataclass(frozen=True)
class Trouble:
    """An error of one try.

    error: what it becomes when it lasts.
    tries: failures in a row after which it lasts; 0: at once.
    asked_s: how long the endpoint asks to wait.
    charged: whether the endpoint may have counted the request.
    of_one: whether it is about this one request where others are answered.
    """

    error: StageError
    tries: int = 0
    asked_s: float | None = None
    charged: bool = False
    of_one: bool = False


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
    """What the endpoint said, in a line, without anything that looks like a key; of a web page its title."""
    text = raw(error)
    if title := signs.page_title(text):
        return f"a web page ({redact(title, endpoint)})"
    return cut(redact(" ".join(_message(_tree(error), text).split()), endpoint).rstrip(". "), 300)


def raw(error: openai.APIStatusError) -> str:
    """The body as text, in which signs are looked for."""
    tree = _tree(error)
    return json.dumps(tree, default=str, ensure_ascii=False) if tree is not None else _text(error)


def in_success(tree: Mapping[str, Any], response: httpx2.Response) -> openai.APIStatusError:
    """The error that a body with status 200 holds, as the error that it stands for."""
    code = signs.status_of(tree)
    meant = httpx2.Response(code, headers=response.headers.copy(), json=tree, request=response.request)
    for name in ("content-encoding", "content-length", "transfer-encoding"):
        meant.headers.pop(name, None)
    return openai.APIStatusError(f"an error in a 200: {code}", response=meant, body=tree)


def _message(tree: Any, text: str) -> str:
    """The sentence in a body; the body itself where it has none."""
    if isinstance(tree, list):
        tree = tree[0] if len(tree) == 1 else tree
    for _ in range(4):
        if not isinstance(tree, dict):
            break
        names = ("error", "message", "base_resp", "status_msg", "error_msg", "msg", "detail", "errors")
        found = next((tree[name] for name in names if tree.get(name)), None)
        if found is None:
            break
        tree = found
    return tree if isinstance(tree, str) else json.dumps(tree, default=str, ensure_ascii=False) if tree else text


def _tree(error: openai.APIStatusError) -> Any:
    """The body as JSON; openai keeps only what stands below `error`."""
    try:
        return json.loads(error.response.content)
    except (ValueError, httpx2.ResponseNotRead, httpx2.StreamError):
        return error.body if not isinstance(error.body, str) else None


def _text(error: openai.APIStatusError) -> str:
    try:
        return error.response.text
    except (httpx2.ResponseNotRead, httpx2.StreamError):
        return str(error.body or "")


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


def answers_nothing(endpoint: Endpoint, count: int, reasoned: bool) -> StageError:
    """Empty answers alone."""
    how = " It reasoned, and then said nothing." if reasoned else ""
    return blocked(
        "TeacherAnswersNothing",
        f"The last {count} answers of {endpoint.model} at {endpoint.base_url} were all empty.{how}",
        f"Ask the endpoint by hand, or take another teacher.model. {_GONE_ON}",
    )


def reasons_only(endpoint: Endpoint, count: int, room: int) -> StageError:
    """Answers that end before they begin."""
    return blocked(
        "TeacherAnswerCut",
        f"The last {count} answers of {endpoint.model} at {endpoint.base_url} ended within its reasoning, before the answer "
        f"began, though each had up to {room:,} tokens.",
        "Raise teacher.reasoning.allowance, lower teacher.reasoning.effort, switch the reasoning off in teacher.extraBody, or "
        f"name another teacher.model. {_GONE_ON}",
    )


def left_out(endpoint: Endpoint, why: str) -> Trouble:
    """A line of a batch that came back without an answer; nothing was charged."""
    error = blocked(
        "TeacherTimeout",
        f"{endpoint.base_url} leaves a request in its batches unanswered ({redact(why, endpoint)}).",
        f"See the batches at the provider; set teacher.batch to Never to send requests one by one. {_GONE_ON}",
    )
    return Trouble(error, 3)


def _of_status(error: openai.APIStatusError, endpoint: Endpoint, tries: int) -> Trouble:
    code, text, whole = error.status_code, said(error, endpoint), raw(error)
    if code in (301, 302, 303, 307, 308):
        return Trouble(_moved(error, endpoint))
    if signs.is_page(whole) and code in (401, 403, 405, 406, 429):
        return Trouble(_walled(endpoint, code, text), 2)
    if signs.is_out_of_credit(code, whole):
        return Trouble(_quota(endpoint, text))
    if signs.is_about_the_key(code, whole):
        return Trouble(_unauthorized(endpoint, code, text))
    if signs.is_about_the_model(code, whole):
        return Trouble(model_unknown(endpoint, text, None))
    asked = retry_after(error.response.headers)
    asked = signs.asked_wait(_tree(error), text) if asked is None else asked
    if code == 429 or (code == 413 and signs.is_of_a_minute(whole)):
        return Trouble(_rate_limited(endpoint, code, text, asked), tries, asked)
    if code == 403:
        return Trouble(_unauthorized(endpoint, code, text))
    if signs.is_too_long(code, whole):
        return Trouble(_too_long(endpoint, text))
    if code in (400, 413, 422, 451):
        return Trouble(_rejected(endpoint, code, text), of_one=True)
    if code >= 500 or code in (408, 409, 425):
        broken = blocked(
            "TeacherDown",
            f"{endpoint.base_url} answers {code}: {text or 'nothing more'}.",
            f"Wait until the endpoint is well again, or name another in teacher.baseURL. {_GONE_ON}",
        )
        return Trouble(broken, 6, asked)
    return _garbage(f"status {code}: {text}", endpoint)


def _moved(error: openai.APIStatusError, endpoint: Endpoint) -> StageError:
    target = redact(error.response.headers.get("location", "an address that it does not name"), endpoint)
    return blocked(
        "TeacherUnreachable",
        f"{endpoint.base_url} answers {error.status_code}: it has moved to {cut(target, 300)}.",
        f"Write that address, without /chat/completions, into teacher.baseURL. {_GONE_ON}",
    )


def _walled(endpoint: Endpoint, code: int, text: str) -> StageError:
    return blocked(
        "TeacherUnreachable",
        f"{endpoint.base_url} answers {code} with {text}: a firewall, a proxy or a protection against bots answers, and not "
        "the API.",
        "Check teacher.baseURL (it usually names an API's host, not a website's), and let this network through at the proxy or "
        f"at the provider. {_GONE_ON}",
    )


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
        f"Put a valid key into {endpoint.key_place}. {_GONE_ON}",
    )


def _too_long(endpoint: Endpoint, text: str) -> StageError:
    return failed(
        "PromptTooLong",
        f"A request is longer than {endpoint.model} takes: {text}.",
        "Shorten the prompt or its demonstrations, or name a teacher.model with a longer context.",
    )


def _rejected(endpoint: Endpoint, code: int, text: str) -> StageError:
    return blocked(
        "TeacherRejectsRequest",
        f"{endpoint.base_url} answers {code}: {text}.",
        f"Check teacher.model and what the endpoint supports; teacher.reasoning and teacher.extraBody are sent as they are. "
        f"{_GONE_ON}",
    )


def _rate_limited(endpoint: Endpoint, code: int, text: str, asked: float | None) -> StageError:
    wish = f", and asks to wait {asked:.0f} s" if asked else ""
    return blocked(
        "RateLimited",
        f"{endpoint.base_url} keeps answering {code}, too many requests{wish}: {text}.",
        f"Lower teacher.limits.requestsPerMinute or tokensPerMinute, or wait. {_GONE_ON}",
    )


def _garbage(text: str, endpoint: Endpoint) -> Trouble:
    error = blocked(
        "TeacherAnswersGarbage",
        f"{endpoint.base_url} does not answer as an OpenAI-compatible endpoint: {cut(redact(text, endpoint), 300)}.",
        f"Check teacher.baseURL (it usually ends in /v1). {_GONE_ON}",
    )
    return Trouble(error, 4, charged=True, of_one=True)


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


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from, through anyio's groups of them."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                yield from _causes(inner)
        error = error.__cause__ or error.__context__
