"""The spec as a stage may see it: the fields that its node in the graph reads, and no other.

What a stage reads names its work. A field that it read beside these would change its result and not its digest, so that
an old result would stand for a new spec; and it would be the default's value, since a stage run holds no other fields.
"""

from __future__ import annotations

from typing import Any, cast

from pydantic import BaseModel

from prompt2model_api.graph import AS_BEFORE, GRAPH
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.stage_run import Stage, StageRunSpec


class FieldNotReadError(Exception):
    """A stage asked for a field of the spec that is not in its node's `reads`: an error of the program, not of a user."""


def spec_read_by(run: StageRunSpec) -> Prompt2ModelSpec:
    """The fields in a stage run's parameters, with defaults where one that the stage reads is not set.

    Any other field of it raises FieldNotReadError when it is looked at, at whatever depth. Raises:
    pydantic.ValidationError.
    """
    tree: dict[str, Any] = {}
    older = {path: value for path, value in AS_BEFORE.items() if path in GRAPH[run.stage].reads}
    for path, value in {**older, **run.parameters}.items():
        *parents, leaf = path.split(".")
        branch = tree
        for key in parents:
            branch = branch.setdefault(key, {})
        branch[leaf] = value
    if "prompt" not in tree and "instruction" not in tree:
        tree["prompt"] = "-"  # a spec needs one of them; who may read neither sees neither
    return cast(Prompt2ModelSpec, _View(Prompt2ModelSpec.model_validate(tree), "", run.stage))


class _View:
    """A part of the spec of which the stage reads some fields. It can be pickled, for Ray's workers."""

    __slots__ = ("_model", "_path", "_stage")

    def __init__(self, model: BaseModel, path: str, stage: Stage) -> None:
        self._model, self._path, self._stage = model, path, stage

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # of Python's protocols
            raise AttributeError(name)
        field = type(self._model).model_fields.get(name)
        path = self._path + ((field.alias if field is not None else None) or name)
        reads = GRAPH[self._stage].reads
        if any(path == read or path.startswith(f"{read}.") for read in reads):
            return getattr(self._model, name)
        if not any(read.startswith(f"{path}.") for read in reads):
            raise FieldNotReadError(
                f"{self._stage} looks at spec.{path}, which is not in its `reads` in GRAPH: add it."
            )
        value = getattr(self._model, name)
        return _View(value, f"{path}.", self._stage) if isinstance(value, BaseModel) else value

    def __setattr__(self, name: str, value: object) -> None:
        if name not in self.__slots__:
            raise AttributeError(f"spec.{self._path}{name} is never changed")
        object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[type[_View], tuple[BaseModel, str, Stage]]:
        return type(self), (self._model, self._path, self._stage)
