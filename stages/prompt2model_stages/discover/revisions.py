"""Resolves names to what they mean today: a commit at the hub, or the hash of a file that this package ships.

The license is taken from the same answer: what a catalog or a part says of it may be old, and is of another commit.
Nothing is chosen by whether the hub answers: a candidate whose revision is not known stays where it is, and says so.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from prompt2model_api.results import DatasetCandidate, StudentCandidate
from prompt2model_api.texts import cut
from prompt2model_stages.catalogs.catalog import BUILTIN, locate_dataset
from prompt2model_stages.catalogs.entries import Kind
from prompt2model_stages.catalogs.licensing import EMBEDDED, is_shipped, license_in, shipped_license
from prompt2model_stages.storage import sha256_of_file

logger = logging.getLogger(__name__)

SIDE_BY_SIDE = 8
TIMEOUT_S = 5.0

Candidate = TypeVar("Candidate", DatasetCandidate, StudentCandidate)


class UnknownNameError(LookupError):
    """The hub has nothing of this name, or does not show it without a token."""


@dataclass(frozen=True)
class _Told:
    """What the hub says of a name."""

    revision: str
    license: str


class RevisionResolver:
    """Asks the hub at HF_ENDPOINT for the commits and licenses of all candidates; none where HF_HUB_OFFLINE is set."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._away = ""
        self._answers: dict[tuple[Kind, str], _Told | Exception] = {}

    def of_datasets(self, candidates: Sequence[DatasetCandidate]) -> list[DatasetCandidate]:
        """The candidates with their revisions and licenses."""
        return self._resolved(candidates, Kind.DATASETS)

    def is_unknown_dataset(self, name: str) -> bool:
        """Whether the hub says that it has no such dataset; False where it does not answer."""
        if name.startswith(BUILTIN):
            return False
        answer = self._ask_all([name], Kind.DATASETS)[name]
        return isinstance(answer, UnknownNameError)

    def of_students(self, candidates: Sequence[StudentCandidate]) -> list[StudentCandidate]:
        """The candidates with their revisions and licenses."""
        return self._resolved(candidates, Kind.MODELS)

    def licenses_of(self, kind: Kind, names: Sequence[str]) -> dict[str, str]:
        """What the hub says of the licenses, by name; a name that it does not answer for, or that is shipped, is left out."""
        answers = self._ask_all([name for name in names if not is_shipped(name)], kind)
        return {name: answer.license for name, answer in answers.items() if isinstance(answer, _Told)}

    def _resolved(self, candidates: Sequence[Candidate], kind: Kind) -> list[Candidate]:
        hub = [c.name for c in candidates if not is_shipped(c.name)]
        answers = self._ask_all(hub, kind)
        return [self._with_revision(candidate, answers) for candidate in candidates]

    def _with_revision(self, candidate: Candidate, answers: dict[str, _Told | Exception]) -> Candidate:
        if candidate.name.startswith(EMBEDDED):
            return candidate.model_copy(update={"license": shipped_license(candidate.name)})
        if candidate.name.startswith(BUILTIN):
            revision = sha256_of_file(locate_dataset(candidate.name))
            return candidate.model_copy(update={"revision": revision, "license": shipped_license(candidate.name)})
        answer = answers[candidate.name]
        if isinstance(answer, _Told):
            return candidate.model_copy(update={"revision": answer.revision, "license": answer.license})
        reason = f"{candidate.reason} No revision, and the license is not confirmed: {_said(answer)}."
        return candidate.model_copy(update={"reason": cut(reason, 512)})

    def _ask_all(self, names: Sequence[str], kind: Kind) -> dict[str, _Told | Exception]:
        """Each name's commit and license, or why there is none; after one failure to reach the hub nobody is asked again."""
        if _offline():
            return dict.fromkeys(names, ConnectionError("HF_HUB_OFFLINE is set"))
        new = [name for name in dict.fromkeys(names) if (kind, name) not in self._answers]
        if new and not self._away:
            told = self._asked(new, kind)
            self._away = next((_said(answer) for answer in told.values() if isinstance(answer, ConnectionError)), "")
            self._answers |= {(kind, name): answer for name, answer in told.items()}
        return {name: self._answers.get((kind, name), ConnectionError(self._away)) for name in names}

    def _asked(self, names: Sequence[str], kind: Kind) -> dict[str, _Told | Exception]:
        from huggingface_hub import HfApi

        api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)
        look_up = api.dataset_info if kind is Kind.DATASETS else api.model_info
        with ThreadPoolExecutor(max_workers=min(len(names), SIDE_BY_SIDE)) as pool:
            answers = pool.map(lambda name: _one(lambda: look_up(name, timeout=self._timeout_s), name), names)
            return dict(zip(names, answers, strict=True))


def _one(ask: Callable[[], Any], name: str) -> _Told | Exception:
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled, RepositoryNotFoundError

    away: tuple[type[Exception], ...] = (OfflineModeIsEnabled, OSError, *_transport_errors(HfHubHTTPError))
    try:
        told = ask()
        return _Told(told.sha, license_in(told.tags)) if told.sha else LookupError("the hub names no commit")
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "an error")
        logger.info("the hub answers %s for %s", status, name)
        kind = UnknownNameError if isinstance(error, RepositoryNotFoundError) else LookupError
        return kind(f"the hub answers {status}")
    except away as error:
        logger.warning("the hub did not answer for %s: %s", name, error)
        return ConnectionError(f"the hub did not answer ({type(error).__name__})")
    except ValueError as error:  # a body that is no JSON: something else answers at HF_ENDPOINT
        logger.warning("the hub's answer for %s cannot be read: %s", name, error)
        return LookupError("the hub's answer cannot be read")


def _transport_errors(of_hub: type[Exception]) -> tuple[type[Exception], ...]:
    """The errors of the HTTP library below the hub's client: another one in each major version."""
    return tuple(
        base
        for base in of_hub.__mro__
        if base.__name__ in {"HTTPError", "RequestException"} and issubclass(base, Exception)
    )


def _said(error: Exception) -> str:
    return str(error)


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
