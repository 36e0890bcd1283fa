"""Datasets in the cache of this machine, which is all that can be read while HF_HUB_OFFLINE is set.

Offline, `datasets.load_dataset` takes the commit that was cached last, whatever revision it is asked for. So the folder of the
wanted commit is looked up here: rows of another commit are never read in its place.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from prompt2model_stages.errors import StageError, blocked
from prompt2model_stages.hub_data.errors import config_unnamed, listed

COMMIT = re.compile(r"[0-9a-f]{40}")
DEFAULT = "default"


def load_cached(name: str, config: str | None, split: str, revision: str | None, field: str) -> tuple[Any, str]:
    """One split as a `datasets.Dataset`, and the commit that it is of.

    Args:
        name: of the dataset at the hub.
        config: its configuration; None for its default.
        split: of it.
        revision: a commit, branch or tag; None for what was cached last.
        field: of the spec that names the dataset.

    Raises: StageError RevisionNotCached, Blocked; ConfigUnnamed; else the errors of `datasets`.
    """
    import datasets

    if revision is None:
        loaded = datasets.load_dataset(name, config, split=split)
        return loaded, _commit_read(loaded)
    commit = _commit_of(name, revision)
    there = _folders(name)
    if commit is None or not (at := [folder for folder in there if folder.name == commit]):
        raise _not_cached(name, revision, there, field)
    return _builder(name, _of_config(name, config, at, field)).as_dataset(split=split), commit


def _folders(name: str) -> list[Path]:
    """Of each configuration and commit that lies in the cache: `<configuration>/<version>/<commit>`."""
    import datasets
    from datasets.naming import camelcase_to_snakecase

    *owner, last = name.split("/")
    root = Path(datasets.config.HF_DATASETS_CACHE).expanduser() / "___".join([*owner, camelcase_to_snakecase(last)])
    return sorted(folder for folder in root.glob("*/*/*") if (folder / "dataset_info.json").is_file())


def _of_config(name: str, config: str | None, at: list[Path], field: str) -> Path:
    """The folder of a configuration; without one, of the default or the only one. Raises: StageError ConfigUnnamed."""
    found = {folder.parts[-3]: folder for folder in at}
    wanted = config or (DEFAULT if DEFAULT in found else next(iter(found)) if len(found) == 1 else None)
    if wanted is None or wanted not in found:
        raise config_unnamed(name, sorted(found), field)
    return found[wanted]


def _builder(name: str, folder: Path) -> Any:
    """The library's own reader of its cache, for this very folder."""
    from datasets.packaged_modules.cache.cache import Cache

    config, version, commit = folder.parts[-3:]
    return Cache(dataset_name=name.split("/")[-1], repo_id=name, config_name=config, version=version, hash=commit)


def _commit_of(name: str, revision: str) -> str | None:
    """The commit that a branch or tag was when the hub was asked last; None where that is not known here."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    if COMMIT.fullmatch(revision):
        return revision
    refs = Path(constants.HF_HUB_CACHE).expanduser() / repo_folder_name(repo_id=name, repo_type="dataset") / "refs"
    file = refs / revision
    return file.read_text().strip() if file.is_file() else None


def _commit_read(loaded: Any) -> str:
    """The commit of rows that were read, by the folder of their files; empty where they have none."""
    files = loaded.cache_files
    return Path(files[0]["filename"]).parent.name if files else ""


def _not_cached(name: str, revision: str, there: list[Path], field: str) -> StageError:
    commits = sorted({folder.name for folder in there})
    has = f"it has {listed(commits)}" if commits else "it has none of this dataset"
    return blocked(
        "RevisionNotCached",
        f"{field}: the revision {revision} of the dataset {name} is not in the cache of this machine; {has}.",
        "Unset HF_HUB_OFFLINE, load that revision into the cache, or correct the revision.",
    )
