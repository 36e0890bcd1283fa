"""What the spec names outright, looked up before the teacher is asked for anything; and students that cannot be used.

A named student or dataset is no part of discover's digest: named later, it is looked up by the stage that reads it. Found
here it becomes a candidate, so that the gate that decides for it finds its revision. What is wrong with it blocks discover
instead of ending it: an edit of the name alone starts the same work again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from prompt2model_api.conditions import FailureState
from prompt2model_api.data_files import is_path
from prompt2model_api.named_datasets import entries
from prompt2model_api.results import DatasetCandidate, StudentCandidate, UsedDataset
from prompt2model_api.stage_job import Named
from prompt2model_api.texts import cut
from prompt2model_stages.catalogs.entries import DatasetEntry, Kind
from prompt2model_stages.catalogs.licensing import catalog_license, check_license, hub_license, is_shipped
from prompt2model_stages.catalogs.opening import Catalog, open_datasets
from prompt2model_stages.discover.revisions import Candidate, RevisionResolver
from prompt2model_stages.errors import StageError, blocked
from prompt2model_stages.storage import file_system
from prompt2model_stages.student.checking import Limits, check
from prompt2model_stages.student.hub import TOKEN
from prompt2model_stages.student.resolving import is_embedded, is_folder, resolve

logger = logging.getLogger(__name__)

MOST_CHECKED = 5
"""So many candidates are looked into, at most, until one can be used."""


def named_student(named: Named, max_bytes: int) -> StudentCandidate | None:
    """The student that the spec names, checked, with its revision. Raises: StageError, Blocked."""
    if named.student is None:
        return None
    try:
        found = resolve(named.student, max_bytes=max_bytes)
        check(found, Limits(named.max_input_tokens, named.max_output_tokens))
    except StageError as error:
        raise blocked(error.failure.reason, error.failure.message, error.failure.remedy) from error
    return StudentCandidate(
        name=found.name,
        revision=found.revision,
        architecture=found.architecture,
        size_bytes=found.size_bytes,
        score=0.0,
        reason="spec.student.name names it.",
    )


def check_own_data(named: Named) -> None:
    """Own data at a path must be there, where prepare will look for it. Raises: StageError FileMissing, Blocked."""
    for field, uri in named.own.items():
        is_local = "://" not in uri or uri.startswith("file://")
        if is_local and not Path(file_system(uri)[1]).is_file():
            raise blocked(
                "FileMissing",
                f"{field}: there is no file {uri}.",
                "Correct the path, or put the file there; in a cluster bring it in a ConfigMap or at s3:// or gs://.",
            )


def named_datasets(named: Named, revisions: RevisionResolver, catalogs: str | None = None) -> list[DatasetCandidate]:
    """The datasets that the spec names, as the catalog has them, with their revisions; not files.

    Nothing that the spec says of them is in there but name and configuration, which tell which dataset is meant.

    Raises: StageError DatasetUnknown and those of the catalog, Blocked.
    """
    chosen = [(path, one) for path, one in entries(named.dataset) if not is_path(one.name)] if named.dataset else []
    if not chosen:
        return []
    catalog = open_datasets(catalogs)
    for path, one in chosen:
        if revisions.is_unknown_dataset(one.name):
            raise blocked(
                "DatasetUnknown",
                f"spec.{path}: the hub knows no dataset {one.name}.",
                f"Correct the name; for a private dataset {TOKEN}.",
            )
    unique = {one.key: _in_catalog(one, catalog) for _, one in chosen}
    return revisions.of_datasets(list(unique.values()))


def _in_catalog(named: UsedDataset, catalog: Catalog[DatasetEntry]) -> DatasetCandidate:
    """A dataset with the columns and the split of its entry, where the catalog has one of that very configuration."""
    listed = [catalog.entries[number] for number in catalog.numbers.get(named.name, [])]
    entry = next((entry for entry in listed if entry.config == named.config), None)
    known = (
        {} if entry is None else {field: getattr(entry, field) for field in ("split", "input_columns", "output_column")}
    )
    reason = "Looked up by its name; the search does not propose it."
    return DatasetCandidate(name=named.name, config=named.config, score=0.0, reason=reason, **known)


def with_license(
    candidate: Candidate | None, kind: Kind, allowed: Sequence[str] | None, catalogs: str | None
) -> Candidate | None:
    """What the spec names, with its license; a folder has none. Raises: StageError LicenseNotAllowed, Blocked."""
    if candidate is None or is_folder(candidate.name):
        return candidate
    asked = candidate.license  # a dataset's came with its revision
    told = asked or (hub_license(kind, candidate.name) if candidate.revision is not None else "")
    found = told or catalog_license(kind, candidate.name, catalogs)
    check_license(kind, candidate.name, found, allowed)
    # A commit that the spec names stands for no answer of the hub: the stage that loads it asks again.
    is_known = bool(told) or candidate.revision is None or is_shipped(candidate.name)
    return candidate.model_copy(update={"license": found if is_known else None})


def with_named(
    candidates: Sequence[StudentCandidate], named: StudentCandidate | None, most: int
) -> list[StudentCandidate]:
    """The candidates with the one that the spec names: where it is one of them anyway, else last."""
    if named is None or any(candidate.name == named.name for candidate in candidates):
        pinned = {"revision": named.revision, "license": named.license} if named is not None else {}
        return [c.model_copy(update=pinned) if named is not None and c.name == named.name else c for c in candidates]
    found = list(candidates[: most - 1])
    found.append(named)
    return found


def with_named_datasets(
    candidates: Sequence[DatasetCandidate], named: Sequence[DatasetCandidate], most: int
) -> list[DatasetCandidate]:
    """The candidates with those that the spec names: where the search proposes that very configuration anyway, else last."""
    told = {one.name: {"revision": one.revision, "license": one.license} for one in named if one.revision is not None}
    found = [c.model_copy(update=told.get(c.name, {})) for c in candidates]
    keys, there = {one.key for one in named}, {c.key for c in found}
    missing = [one for one in named if one.key not in there]
    spare = [at for at, c in enumerate(found) if c.key not in keys][::-1][: max(0, len(found) + len(missing) - most)]
    return [*(c for at, c in enumerate(found) if at not in spare), *missing]


def usable_first(candidates: Sequence[StudentCandidate], named: Named) -> list[StudentCandidate]:
    """The candidates, those behind the others that cannot be used and stood before the first that can.

    Where the hub does not answer, nothing is known and the order stays.
    """
    limits = Limits(named.max_input_tokens, named.max_output_tokens)
    unusable: list[StudentCandidate] = []
    for candidate in candidates[:MOST_CHECKED]:
        if is_embedded(candidate.name) or candidate.revision is None:
            break
        try:
            check(resolve(candidate.name, revision=candidate.revision), limits)
            break
        except StageError as error:
            if error.failure.state is not FailureState.FAILED:
                break
            logger.info("%s is not proposed first: %s", candidate.name, error.failure.message)
            why = error.failure.message.partition(": ")[2]
            told = {"unusable": cut(why, 512), "reason": cut(f"Cannot be used: {why} {candidate.reason}", 512)}
            unusable.append(candidate.model_copy(update=told))
    return [*candidates[len(unusable) :], *unusable]
