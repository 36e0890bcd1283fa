"""What goes wrong when a dataset of the hub is read, each in one sentence that says what to do.

The libraries tell many cases apart by their texts alone, and drop the error below, so texts are matched here. The tests hold
them against the installed version.
"""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Iterator

from prompt2model_api.texts import cut, sentence
from prompt2model_stages.errors import StageError, blocked, failed
from prompt2model_stages.hub_data.waiting import OFTEN
from prompt2model_stages.student.hub import TOKEN, is_transport

logger = logging.getLogger(__name__)

AWAY = "Check the connection to the hub (HF_ENDPOINT, HF_HUB_OFFLINE)."
MOST_NAMED = 20
"""Configurations or splits in a sentence."""
_LISTED = re.compile(
    r"(?P<config>available configs: |BuilderConfig '[^']*' not found\. Available: )(?P<configs>\[.*?\])"
    r"|(?:Unknown|Bad) split:? (?P<split>.*?)\. (?:Should be one of|Available splits:) (?P<splits>\[.*?\])",
    re.DOTALL,
)
_EMPTY = {"EmptyDatasetError", "DataFilesNotFoundError"}
_UNKNOWN = {"DatasetNotFoundError", "RepositoryNotFoundError", "RevisionNotFoundError"}


def hub_data_error(name: str, error: Exception, field: str, *, offline: bool = False) -> StageError:
    """What an error of `datasets` or `huggingface_hub` means.

    Args:
        name: of the dataset.
        error: as it was raised.
        field: of the spec that names the dataset.
        offline: only the cache of this machine is read, so that nothing is known of what the hub has.
    """
    text = " ".join(str(error).split())
    known = _named(name, text, field) or (None if offline else _of_access(name, error, text, field))
    if known is not None:
        return known
    if (said := _answered(error, text)) is not None:
        remedy = OFTEN if _status(error) == 429 else AWAY
        return blocked("HubUnreachable", f"{field}: for the dataset {name}, the hub {said}.", remedy)
    whole = sentence(cut(f"{field}: the dataset {name} cannot be loaded: {text or 'a file has no content'}", 512))
    if isinstance(error, OSError) or is_transport(error):
        return blocked("HubUnreachable", whole, AWAY)
    if isinstance(error, ValueError | RuntimeError | TypeError):
        return failed("DatasetUnusable", whole, f"Correct {field}.config or {field}.split, or choose another dataset.")
    logger.error("loading %s failed in an unknown way", name)
    return blocked("DatasetUnavailable", whole, "The stage's log has the whole error.")


def config_unnamed(name: str, configs: list[str], field: str) -> StageError:
    """A dataset with several configurations, none of them the default."""
    return failed(
        "ConfigUnnamed",
        f"{field}: the dataset {name} has the configurations {listed(configs)}.",
        f"Name one of them in {field}.config.",
    )


def split_missing(name: str, split: str, splits: list[str], field: str) -> StageError:
    """A split that is not there, with those that are."""
    return failed(
        "SplitMissing",
        f"{field}: the dataset {name} has no split {split}; its splits are {listed(splits)}.",
        f"Name one of them in {field}.split.",
    )


def listed(names: list[str]) -> str:
    """The names with commas, not without an end."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _named(name: str, text: str, field: str) -> StageError | None:
    """A configuration or split that must be named otherwise."""
    if not (found := _LISTED.search(text)):
        return None
    names = [str(one) for one in ast.literal_eval(found["configs"] or found["splits"])]
    if found["configs"]:
        return config_unnamed(name, names, field)
    return split_missing(name, found["split"].strip("\"'"), names, field)


def _of_access(name: str, error: Exception, text: str, field: str) -> StageError | None:
    names = {kind.__name__ for one in _chain(error) for kind in type(one).__mro__}
    if "GatedRepoError" in names or "gated dataset" in text:
        return blocked(
            "DatasetGated", f"{field}: the dataset {name} is gated at the hub.", f"Ask for access there and {TOKEN}."
        )
    if "scripts are no longer supported" in text:
        return failed(
            "DatasetNeedsCode",
            f"{field}: the dataset {name} comes as code that loads it, and no code of a dataset is run.",
            f"Choose another dataset in {field}, or one that holds the same rows as Parquet files.",
        )
    if names & _UNKNOWN:
        of_this = " of this revision" if "RevisionNotFoundError" in names or "Revision '" in text else ""
        return failed(
            "DatasetUnknown",
            f"{field}: the hub has no dataset {name}{of_this}, or does not show it.",
            f"Correct the name or revision; for a private dataset {TOKEN}.",
        )
    if names & _EMPTY:
        return failed(
            "DatasetUnusable",
            f"{field}: the dataset {name} has no file that can be read as data.",
            "Choose another dataset.",
        )
    return None


def _answered(error: Exception, text: str) -> str | None:
    """How a hub answered that has no fault to find with the dataset; None where it did not answer at all."""
    status = _status(error)
    if status == 429:
        return "says that it was asked too often (429)"
    if status is not None:
        return f"answers with an error ({status})"
    if "X-Repo-Commit" in text or any(type(one).__name__ == "JSONDecodeError" for one in _chain(error)):
        return "does not answer as a hub does: another server, such as a proxy, may have answered"
    return None


def _status(error: Exception) -> int | None:
    """The hub's status code, of the error or of one below it."""
    for one in _chain(error):
        response = getattr(one, "response", None)
        status = getattr(response, "status_code", None) or getattr(one, "status", None)
        if isinstance(status, int) and status >= 400:
            return status
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it came of."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__
