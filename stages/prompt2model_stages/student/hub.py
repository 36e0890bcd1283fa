"""A model at the hub: its files at one commit, and what each error of the hub's client means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prompt2model_stages.errors import StageError, blocked, failed
from prompt2model_stages.student import embedded
from prompt2model_stages.student.model_files import FIELD, FolderFiles, HubFiles, ModelFiles

TOKEN = "set HF_TOKEN (in a cluster: spec.huggingFace.tokenSecretRef)"
"""The part of a remedy that says how to show who one is."""


def commit_of(name: str, revision: str | None) -> str:
    """The commit that a branch, tag or nothing means now; offline, the one in the cache. Raises: the client's errors."""
    from huggingface_hub import HfApi, constants, hf_hub_download

    if constants.HF_HUB_OFFLINE:
        return Path(hf_hub_download(name, "config.json", revision=revision)).parent.name
    return str(HfApi().model_info(name, revision=revision).sha)


def hub_files(name: str, commit: str) -> ModelFiles:
    """The model's files at a commit; offline, those in the cache. Raises: the client's errors."""
    from huggingface_hub import HfApi, constants, hf_hub_download

    if constants.HF_HUB_OFFLINE:
        return FolderFiles(Path(hf_hub_download(name, "config.json", revision=commit)).parent)
    listed = HfApi().model_info(name, revision=commit, files_metadata=True).siblings or []
    return HubFiles(name, commit, {f.rfilename: f.size or 0 for f in listed if "/" not in f.rfilename})


@contextmanager
def hub_errors(name: str, revision: str | None) -> Iterator[None]:
    """Raises: StageError UnknownStudent (Failed) or HubUnreachable (Blocked) in place of the client's errors."""
    from huggingface_hub import errors

    try:
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


def is_transport(error: Exception) -> bool:
    """Whether an error is of the HTTP library below the hub's client, or of a body that is no JSON.

    By their names: the client has another HTTP library in each major version.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"HTTPError", "RequestException", "JSONDecodeError"})


def _unreachable(name: str, error: Exception) -> StageError:
    why = (str(error) or type(error).__name__).splitlines()[0]
    return blocked(
        "HubUnreachable",
        f"{FIELD}: {name} is not in the local cache, and the hub did not answer: {why}",
        f"Check the connection and HF_ENDPOINT, name a folder, or use {embedded.NAME}.",
    )
