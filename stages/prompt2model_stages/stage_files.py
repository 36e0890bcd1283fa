"""The JSON files that one stage writes and another one reads, as types: a field that is missing is found where it is read."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Literal, Self, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from prompt2model_api.base import Model
from prompt2model_api.prompt2model import Demonstration
from prompt2model_api.results import CatalogUsed, DatasetCandidate, StudentCandidate
from prompt2model_stages.storage import Folder

logger = logging.getLogger(__name__)

Row = TypeVar("Row")


class StageFile(Model):
    """A JSON file in a stage run's folder."""

    NAME: ClassVar[str]

    @classmethod
    def read(cls, folder: Folder) -> Self:
        """The file in the folder. Raises: FileNotFoundError, ValueError in one sentence."""
        try:
            return cls.model_validate_json(folder.read_bytes(cls.NAME))
        except ValidationError as error:
            raise ValueError(f"{folder.uri}/{cls.NAME} cannot be used: {first_problem(error)}") from error

    @classmethod
    def read_if_whole(cls, folder: Folder) -> Self | None:
        """The file in the folder; None where there is none, or it is damaged, which is logged: its work is done again."""
        try:
            return cls.read(folder)
        except FileNotFoundError:
            return None
        except ValueError as error:
            logger.warning("%s: it is not used", error)
            return None

    def write(self, folder: Folder) -> None:
        """Writes the file, whole or not at all. Raises: OSError."""
        folder.write_json(self.NAME, self.dump())


def first_problem(error: ValidationError) -> str:
    """The first of the problems, with the field it is in."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def read_lines(folder: Folder, name: str, kind: type[Row]) -> Iterator[Row]:
    """The rows of a file of JSON lines, each of one type. Raises: FileNotFoundError, ValueError with the line's number."""
    adapter = TypeAdapter(kind)
    for number, line in enumerate(folder.read_bytes(name).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            yield adapter.validate_json(line)
        except ValidationError as error:
            raise ValueError(f"{folder.uri}/{name} cannot be used: line {number}: {first_problem(error)}") from error


def json_lines(rows: Iterable[Any]) -> bytes:
    """Dataclasses as JSON lines in UTF-8; a lone surrogate, which UTF-8 cannot hold, becomes a question mark."""
    return b"".join(map(json_line, rows))


def json_line(row: Any) -> bytes:
    """One of them, with its line break."""
    return json.dumps(dataclasses.asdict(row), ensure_ascii=False).encode("utf-8", "replace") + b"\n"


class DiscoveredTask(StageFile):
    """task.json: discover writes it; generate, prepare and evaluate read it."""

    NAME = "task.json"

    instruction: str = Field(description="In English.")
    original_instruction: str = Field(default="", description="As the user wrote it, in any language.")
    language: str = Field(default="", description="Of the original, ISO 639-1.")
    input_language: str | None = Field(
        default=None,
        description="ISO 639-1; empty: English, none or not sure. Files of older versions have none of the two languages.",
    )
    output_language: str | None = Field(
        default=None, description="The same of the outputs; empty for code, labels and the like."
    )
    demonstrations: list[Demonstration] = Field(default=[])
    parsed_by: Literal["given", "teacher", "patterns", ""] = ""
    language_by: str = ""
    translated: bool = False
    notes: list[str] = Field(default=[], description="What a person should know of how it was understood.")


class ColumnProposal(Model):
    """Columns that somebody proposed, and what the rules say of them."""

    by: str = Field(description="Catalog, Teacher or Rules.")
    input_columns: list[str] = Field(default=[])
    output_column: str = ""
    sure: bool = Field(default=True, description="It needs no person to confirm it.")
    taken: bool = False
    against: str = Field(default="", description="Why it is not used unasked; empty where nothing speaks against it.")
    notes: list[str] = Field(default=[])


class DatasetRead(Model):
    """What was read of a dataset at the hub, and the columns that were proposed."""

    name: str
    config: str | None = None
    split: str | None = None
    splits: dict[str, int | None] = Field(default={}, description="All, with their rows where the hub knows them.")
    types: dict[str, str] = Field(default={}, description="Columns, and fields of nested ones, with their types.")
    left_out: list[str] = Field(default=[], description="Columns with images, sound or other files.")
    proposals: list[ColumnProposal] = Field(default=[])
    problem: str = Field(default="", description="Why nothing could be read.")


class Candidates(StageFile):
    """candidates.json: what discover proposes, and why; for people."""

    NAME = "candidates.json"

    hypothetical_model_card: str = ""
    datasets: list[DatasetCandidate] = Field(default=[])
    students: list[StudentCandidate] = Field(default=[])
    catalogs: list[CatalogUsed] = Field(default=[], description="The catalogs that they were searched in.")
    datasets_read: list[DatasetRead] = Field(
        default=[], description="The datasets whose first rows were read at the hub."
    )


class UntrainedStudent(StageFile):
    """untrained.json: train writes it, so that evaluate measures the same student before its training."""

    NAME = "untrained.json"

    name: str
    revision: str | None = Field(default=None, description="The commit at the hub, or the files' hash.")
    path: str | None = Field(default=None, description="Where it is a local folder.")
    max_input_tokens: int | None = None


class TrainingSummary(StageFile):
    """training.json: written last by train's workers; with it there, the model is whole and nothing is trained again."""

    NAME = "training.json"

    steps: int
    best_step: int
    began_at: int = Field(description="Step of the checkpoint that the last attempt went on from; 0: none.")
    tokens_per_second: float


class PinnedStudent(StageFile):
    """student.json: the revision that train's first attempt found, where discover did not know of the student.

    Later attempts use the same.
    """

    NAME = "student.json"

    name: str
    revision: str | None = None
