"""A model at the hub: its files at one commit, and what each error of the hub's client means."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prompt2model_api.texts import cut
from prompt2model_stages.errors import StageError, blocked, failed
from prompt2model_stages.student import embedded
from prompt2model_stages.student.model_files import FIELD, FolderFiles, HubFiles, ModelFiles

TOKEN = "set HF_TOKEN (in a cluster: spec.huggingFace.tokenSecretRef)"
"""The part of a remedy that says how to show who one is."""
PATIENCE_S = 10
"""Seconds that the hub has for the first answer; the client itself would wait without end."""
CONFIG = "config.json"
_LOGGERS = ("huggingface_hub", "transformers")
_hushing = threading.Lock()
_hushed: list[dict[str, int]] = []
"""One entry for each `quiet` that is under way: the levels before the first of them."""


def commit_of(name: str, revision: str | None) -> str:
    """The commit that a branch, tag or nothing means now; offline, the one in the cache. Raises: the client's errors."""
    from huggingface_hub import HfApi, constants, hf_hub_download

    if constants.HF_HUB_OFFLINE:
        return Path(hf_hub_download(name, CONFIG, revision=revision)).parent.name
    return str(HfApi().model_info(name, revision=revision, timeout=PATIENCE_S).sha)


def hub_files(name: str, commit: str) -> ModelFiles:
    """The model's files at a commit; offline, those in the cache. Raises: the client's errors."""
    from huggingface_hub import HfApi, constants, hf_hub_download

    if constants.HF_HUB_OFFLINE:
        return FolderFiles(Path(hf_hub_download(name, CONFIG, revision=commit)).parent)
    listed = HfApi().model_info(name, revision=commit, files_metadata=True, timeout=PATIENCE_S).siblings or []
    return HubFiles(name, commit, {f.rfilename: f.size or 0 for f in listed if "/" not in f.rfilename})


def config_file(name: str) -> Path:
    """The config.json of a model, from the hub, or from the cache where the hub does not answer or HF_HUB_OFFLINE is set.

    The client retries a download for half a minute, so the hub is asked once before. Raises: the client's errors.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache

    with quiet():
        if not constants.HF_HUB_OFFLINE:
            try:
                get_hf_file_metadata(hf_hub_url(name, CONFIG, endpoint=constants.ENDPOINT), timeout=PATIENCE_S)
            except Exception as error:
                cached = try_to_load_from_cache(name, CONFIG) if is_unreachable(error) else None
                if not isinstance(cached, str):
                    raise
                return Path(cached)
        return Path(hf_hub_download(name, CONFIG))


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps back the client's warnings of each retry: what comes of them is said once, by whoever asked.

    Several threads may be in it at a time; the levels are as before once the last one is out.
    """
    with _hushing:
        _hushed.append({name: logging.getLogger(name).level for name in _LOGGERS} if not _hushed else _hushed[0])
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    finally:
        with _hushing:
            before = _hushed.pop()
            for name in _LOGGERS if not _hushed else ():
                logging.getLogger(name).setLevel(before[name])


@contextmanager
def hub_errors(name: str, revision: str | None) -> Iterator[None]:
    """Raises: StageError UnknownStudent (Failed) or HubUnreachable (Blocked) in place of the client's errors."""
    from huggingface_hub import errors

    try:
        with quiet():
            yield
    except StageError:
        raise
    except errors.GatedRepoError as error:
        raise failed(
            "UnknownStudent",
            f"{FIELD}: {name} is gated at the hub.",
            f"Accept its terms there and {TOKEN}, or choose another student.",
        ) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.HFValidationError) as error:
        where = f" at revision {revision}" if revision else ""
        raise failed(
            "UnknownStudent",
            f"{FIELD}: the hub knows no model {name}{where}.",
            f"Correct the name; a folder has a / or ./ before it; for a private model {TOKEN}.",
        ) from error
    except (errors.LocalEntryNotFoundError, errors.HfHubHTTPError, errors.OfflineModeIsEnabled, OSError) as error:
        raise _unreachable(name, error) from error
    except Exception as error:
        if not is_transport(error):
            raise
        raise _unreachable(name, error) from error


def is_unreachable(error: Exception) -> bool:
    """Whether the hub did not answer, or answered that it cannot just now (5xx, 408, 429)."""
    from huggingface_hub import errors

    if isinstance(error, errors.HfHubHTTPError):
        status = getattr(error.response, "status_code", 500)
        return status >= 500 or status in (408, 429)
    return isinstance(error, (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, OSError)) or is_transport(
        error
    )


def is_transport(error: Exception) -> bool:
    """Whether an error is of the HTTP library below the hub's client, or of a body that is no JSON.

    By their names: the client has another HTTP library in each major version.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"HTTPError", "RequestException", "JSONDecodeError"})


def why(error: Exception) -> str:
    """The first line of an error, without the full stop."""
    return cut((str(error).strip() or type(error).__name__).splitlines()[0].strip().rstrip("."), 300)


def _unreachable(name: str, error: Exception) -> StageError:
    return blocked(
        "HubUnreachable",
        f"{FIELD}: {name} is not in the local cache, and the hub did not answer: {why(error)}.",
        f"Check the connection and HF_ENDPOINT, name a folder, or use {embedded.NAME}.",
    )
