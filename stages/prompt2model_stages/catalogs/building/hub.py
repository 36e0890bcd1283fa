"""What a hub lists, page by page, the latest change first: its API as huggingface_hub's list_datasets and list_models use it.

Its client asks again where the hub says 429 (after the time in Retry-After), answers 5xx or is away for a moment. The pages are
followed here and not through list_datasets, because a build that was ended goes on at the address of the next page.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from prompt2model_stages.catalogs.building.architectures import TEXT_TASKS
from prompt2model_stages.catalogs.entries import Kind
from prompt2model_stages.errors import StageError, blocked

PER_PAGE = 1000
PER_MINUTE = 90
"""Requests: below what the hub allows to those without an account."""
TIMEOUT_S = 60.0
RETRIES = 5

EXPANDED = {
    Kind.DATASETS: (
        "cardData", "description", "downloads", "gated", "lastModified", "mainSize", "private", "siblings", "tags",
    ),
    Kind.MODELS: (
        "baseModels", "cardData", "config", "downloads", "gated", "lastModified", "pipeline_tag", "private", "safetensors",
        "tags", "usedStorage",
    ),
}  # fmt: skip
"""What is asked for of each."""
LISTINGS: dict[Kind, tuple[str, ...]] = {
    Kind.DATASETS: ("",),
    Kind.MODELS: TEXT_TASKS,
}
"""A catalog's listings: the models of these tasks, one after the other."""


@dataclass(frozen=True)
class Page:
    """A page of a listing. next: the address of the one behind it; empty: it is the last."""

    items: list[dict[str, Any]]
    next: str


class AddressRefused(StageError):
    """The hub does not know an address; that of a next page may have been valid for some hours only."""

    address = ""


@dataclass
class HubLister:
    """Asks one hub. per_minute: requests, at most. sleep: for tests."""

    endpoint: str = field(default_factory=lambda: os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    per_minute: float = PER_MINUTE
    retries: int = RETRIES
    sleep: Callable[[float], None] = time.sleep
    _asked_at: float | None = None

    def first(self, kind: Kind, listing: str, per_page: int = PER_PAGE) -> Page:
        """The page with the latest changes. Raises: StageError HubUnreachable, HubRefused, Blocked."""
        _check(self.endpoint)
        params: dict[str, Any] = {"sort": "lastModified", "limit": per_page, "expand": list(EXPANDED[kind])}
        if listing:
            params["pipeline_tag"] = listing
        return self._page(f"{self.endpoint.rstrip('/')}/api/{kind.value}", params)

    def at(self, address: str) -> Page:
        """The page at an address that another one named. Raises: StageError, as `first`."""
        _check(self.endpoint)
        return self._page(address, None)

    def _page(self, address: str, params: dict[str, Any] | None) -> Page:
        if urlsplit(address).netloc != urlsplit(self.endpoint).netloc:
            raise _refused(self.endpoint, f"it sends the reader to another host ({urlsplit(address).netloc})")
        response = self._response(address, params)
        if response.status_code != 200:
            raise _refused(self.endpoint, f"it answers {response.status_code}", response.status_code, address)
        try:
            items = response.json()
        except ValueError:
            items = None
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise _refused(self.endpoint, f"{urlsplit(address).path} is no list in JSON")
        following = str(response.links.get("next", {}).get("url") or "")
        return Page(items, urljoin(address, following) if following else "")

    def _response(self, address: str, params: dict[str, Any] | None) -> Any:
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
        from huggingface_hub.utils import build_hf_headers, http_backoff  # type: ignore[attr-defined]

        self._wait()
        try:
            return http_backoff(
                "GET",
                address,
                params=params,
                headers=build_hf_headers(),
                timeout=TIMEOUT_S,
                max_retries=self.retries,
                follow_redirects=True,
            )
        except OfflineModeIsEnabled as error:
            raise _unreachable(self.endpoint, "HF_HUB_OFFLINE is set") from error
        except HfHubHTTPError as error:
            status = getattr(error.response, "status_code", None)
            if status == 429 or (status or 0) >= 500:
                raise _unreachable(self.endpoint, f"it answers {status} again and again") from error
            raise _refused(self.endpoint, f"it answers {status}", status, address) from error
        except Exception as error:
            if not _is_of_transport(error):
                raise
            raise _unreachable(self.endpoint, type(error).__name__) from error

    def _wait(self) -> None:
        now = time.monotonic()
        if self._asked_at is not None and (left := 60 / self.per_minute - (now - self._asked_at)) > 0:
            self.sleep(left)
        self._asked_at = time.monotonic()


def _is_of_transport(error: Exception) -> bool:
    """Whether it is an error of the connection: of the operating system, or of the HTTP library below the client."""
    return isinstance(error, OSError) or bool(_OF_HTTP & {base.__name__ for base in type(error).__mro__})


_OF_HTTP = frozenset({"RequestError", "InvalidURL"})
"""The connection, redirects without an end, content that cannot be decoded, and an address that is none."""


def _check(endpoint: str) -> None:
    """Raises: StageError HubRefused where HF_ENDPOINT is no address."""
    try:
        parts = urlsplit(endpoint)
        whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and endpoint.isprintable()
    except ValueError:  # brackets that are not closed, a port that is none
        whole = False
    if not whole or " " in endpoint:
        raise blocked("HubRefused", f"HF_ENDPOINT is no address: {endpoint!r}.", "Set it as in https://huggingface.co.")


def _unreachable(endpoint: str, why: str) -> StageError:
    return blocked(
        "HubUnreachable",
        f"The hub at {endpoint} does not answer: {why}.",
        "Check the connection, HF_ENDPOINT and HF_HUB_OFFLINE; the same command continues where it stopped.",
    )


def _refused(endpoint: str, why: str, status: int | None = None, address: str = "") -> StageError:
    remedy = "Correct HF_ENDPOINT: it is the address of a hub that lists its repositories below /api."
    if status in (401, 403):
        remedy = "Set HF_TOKEN to a token that this hub accepts."
    error = blocked("HubRefused", f"The hub at {endpoint} does not list its repositories: {why}.", remedy)
    if status not in (400, 404, 410, 422):
        return error
    of_address = AddressRefused(error.failure)
    of_address.address = address
    return of_address
