"""Reads a Prompt2Model from a file, and says in plain sentences what is wrong with it.

The checks are those of the types, strictly: text where a number belongs is refused here as an API server refuses it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from prompt2model_api.complaints import complaints
from prompt2model_api.data_files import is_path
from prompt2model_api.fields import close_to, without_nulls
from prompt2model_api.prompt2model import API_VERSION, DEMONSTRATIONS_LIMIT, TOO_MANY_DEMONSTRATIONS, Prompt2Model
from prompt2model_api.redaction import mask
from prompt2model_api.results import Choice
from prompt2model_api.spec.references import OwnData
from prompt2model_api.yaml_text import YamlError, documents

KIND = "Prompt2Model"
SIZE_LIMIT = 1024 * 1024
SHOWN = 10


class SpecError(Exception):
    """A file that cannot be used. `problems` has one sentence for each thing to fix; the message has them as lines."""

    def __init__(self, *problems: str) -> None:
        more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        problems = tuple(mask(problem) for problem in problems)
        super().__init__("\n".join([*problems[:SHOWN], *more]))
        self.problems = problems


def load(path: Path) -> Prompt2Model:
    """The Prompt2Model in a YAML file; paths in it are left as written (see resolve_paths). Raises: SpecError."""
    return parse(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of such a file. Raises: SpecError."""
    try:
        if path.is_file() and path.stat().st_size > SIZE_LIMIT:
            raise SpecError(f"{path}: it is over 1 MiB, too big for a Prompt2Model: bring examples in datasets.own")
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise SpecError(f"{path}: there is no such file: check the path") from error
    except IsADirectoryError as error:
        raise SpecError(f"{path}: it is a folder: name a YAML file in it") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise SpecError(f"{path}: it cannot be read ({why}): check the path and its permissions") from error
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SpecError(f"{path}: line {line} is no UTF-8: save the file as UTF-8 text") from error


def parse(text: str, origin: str) -> Prompt2Model:
    """The Prompt2Model in YAML text.

    Args:
        text: one document or several; those of another kind are left alone. A byte order mark is allowed.
        origin: the file's name, for messages.

    Raises: SpecError.
    """
    try:
        tree = without_nulls(_the_one(documents(text.removeprefix("\ufeff"))), Prompt2Model)
        resource = Prompt2Model.model_validate_json(_json(tree), strict=True, by_alias=True, by_name=False)
    except YamlError as error:
        raise SpecError(f"{origin}: this is no YAML: {error}") from error
    except _Refused as error:
        raise SpecError(f"{origin}: {error}") from error
    except ValidationError as error:
        raise SpecError(*(f"{origin}: {sentence}" for sentence in complaints(error))) from error
    # Not a check of the type: a resource in a cluster that is older than the limit goes on.
    if sum(len(f"{d.input}{d.output}".encode()) for d in resource.spec.demonstrations) > DEMONSTRATIONS_LIMIT:
        raise SpecError(f"{origin}: spec.{TOO_MANY_DEMONSTRATIONS}")
    return resource


def resolve_paths(resource: Prompt2Model, base: Path) -> Prompt2Model:
    """The same with absolute paths: those of the user's files, of datasets that are chosen as files, of student and encoder.

    Student and encoder are paths where they begin with a dot.

    Args:
        resource: as loaded.
        base: the folder that relative paths start from, usually the YAML file's.
    """
    spec = resource.spec
    evaluation = spec.evaluation
    resolved = spec.model_copy(
        update={
            "datasets": spec.datasets.model_copy(
                update={"own": _own_data(spec.datasets.own, base), "choice": _choice(spec.datasets.choice, base)}
            ),
            "student": spec.student.model_copy(update={"name": _dotted(spec.student.name, base)}),
            "evaluation": evaluation.model_copy(
                update={
                    "test_data": _own_data(evaluation.test_data, base),
                    "encoder": _dotted(evaluation.encoder, base),
                }
            ),
        }
    )
    return resource.model_copy(update={"spec": resolved})


def cluster_only_fields(resource: Prompt2Model) -> list[str]:
    """Paths of the fields that say something and that a local run does not use."""
    spec = resource.spec
    differing = {
        "spec.service.replicas": spec.service.replicas != type(spec.service)().replicas,
        "spec.service.resources": spec.service.resources != type(spec.service)().resources,
        "spec.storage": spec.storage != type(spec.storage)(),
        "spec.scheduling": spec.scheduling != type(spec.scheduling)(),
        "spec.retention": spec.retention != type(spec.retention)(),
        "spec.datasets.own.configMap": spec.datasets.own is not None and spec.datasets.own.config_map is not None,
        "spec.evaluation.testData.configMap": (
            spec.evaluation.test_data is not None and spec.evaluation.test_data.config_map is not None
        ),
    }
    return [path for path, differs in differing.items() if differs]


class _Refused(Exception):
    """A file whose form is wrong before its fields are looked at."""


def _the_one(found: list[Any]) -> dict[Any, Any]:
    """The one document that is a Prompt2Model."""
    if not found:
        raise _Refused("it is empty: write a Prompt2Model (apiVersion, kind, metadata, spec)")
    if not all(isinstance(document, dict) for document in found):
        raise _Refused("it is not a mapping: write fields as `name: value` (apiVersion, kind, metadata, spec)")
    matching = [document for document in found if document.get("kind") == KIND]
    if len(matching) > 1:
        raise _Refused(f"it holds {len(matching)} Prompt2Models: keep one, and put the others in files of their own")
    if not matching:
        raise _Refused(_no_prompt2model(found))
    tree: dict[Any, Any] = matching[0]
    _check_version(tree.get("apiVersion"))
    return tree


def _no_prompt2model(found: list[dict[Any, Any]]) -> str:
    kinds = [str(document["kind"])[:64] for document in found if document.get("kind") is not None]
    if not kinds:
        return f"kind is missing: write `kind: {KIND}`"
    if len(kinds) == 1:
        return f"kind is {kinds[0]}: write `kind: {KIND}`{', with capitals' if close_to(kinds[0], [KIND]) else ''}"
    return f"it holds no {KIND} but {', '.join(sorted(set(kinds)))}: add one"


def _check_version(version: object) -> None:
    if version is None:
        raise _Refused(f"apiVersion is missing: write `apiVersion: {API_VERSION}`")
    if version != API_VERSION:
        raise _Refused(f"apiVersion is {str(version)[:64]}: write `apiVersion: {API_VERSION}`")


def _json(tree: dict[Any, Any]) -> str:
    try:
        return json.dumps(tree)
    except TypeError as error:
        raise _Refused("it holds a value with a YAML tag that is not plain data: leave the tag out") from error
    except (ValueError, RecursionError) as error:  # an alias inside its own anchor
        raise _Refused("a value contains itself, or is nested too deeply: write it out") from error


def _own_data(own: OwnData | None, base: Path) -> OwnData | None:
    if own is None or own.uri is None or _is_whole(own.uri):
        return own
    return own.model_copy(update={"uri": _absolute(own.uri, base)})


def _choice(choice: Choice | None, base: Path) -> Choice | None:
    if choice is None:
        return None
    also = [one.model_copy(update={"name": dataset_place(one.name, base)}) for one in choice.also or []]
    update = {
        "name": dataset_place(choice.name, base) if choice.name is not None else None,
        "also": also or choice.also,
    }
    return choice.model_copy(update={key: value for key, value in update.items() if value != getattr(choice, key)})


def dataset_place(name: str, base: Path) -> str:
    """A dataset's name, of a file its absolute path.

    The names of those at the hub look like relative paths, so these are told by their looks.
    """
    return name if not is_path(name) or _is_whole(name) else _absolute(name, base)


def _is_whole(path: str) -> bool:
    """Whether it is the same from every folder."""
    return "://" in path or path.startswith("~")


def _dotted(name: str | None, base: Path) -> str | None:
    return _absolute(name, base) if name is not None and name.startswith(("./", "../")) else name


def _absolute(path: str, base: Path) -> str:
    return os.path.normpath(Path(base.absolute(), path))
