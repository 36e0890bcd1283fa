"""`spec.parts`: parts of the stages that an installed package replaces."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from prompt2model_api.base import Model

PART_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(==[A-Za-z0-9.!+_-]+)?$"

PartName = Annotated[str, StringConstraints(pattern=PART_PATTERN, max_length=128)]
"""The name of an entry point, and where it is to be held to one, the version of its package: `my-retriever==1.2.0`."""


class Parts(Model):
    """Parts that a package in the stages image brings, by their names: entry points in the group prompt2model.parts."""

    parser: PartName | None = Field(default=None, description="What takes the prompt apart, in discover.")
    datasets: PartName | None = Field(
        default=None,
        description="What proposes datasets, in discover: a name, or name==version to hold it to a version of its package.",
    )
    students: PartName | None = Field(default=None, description="What proposes students, in discover.")
    generator: PartName | None = Field(default=None, description="What writes examples with the teacher, in generate.")
