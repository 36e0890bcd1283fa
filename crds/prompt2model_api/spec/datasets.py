"""`spec.datasets`: existing data, retrieved or the user's own."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from prompt2model_api.base import Model
from prompt2model_api.licenses import Licenses
from prompt2model_api.results import Choice
from prompt2model_api.spec.references import OwnData

NONE_ALONE = "choice.none excludes config, inputColumns, outputColumn and share: keep none alone"
NOTHING_LEFT = (
    "the shares of choice are 100 %, and nothing is left for a dataset without one: lower them, or give it a share"
)
NAMED_TWICE = "choice names one dataset twice, with the same configuration, split and columns: remove one of the two"


class Selection(StrEnum):
    """Who answers the choice gate."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class Datasets(Model):
    """Existing data: what is retrieved, which of it is used, and what the user brings."""

    enabled: bool = Field(default=True, description="Whether to look for an existing dataset and use it.")
    top_k: int = Field(default=25, ge=1, le=100, description="How many dataset candidates to look at, at most.")
    max_rows: int = Field(
        default=3000, ge=1, le=1_000_000, description="How many rows of the chosen dataset are used, at most."
    )
    most: Annotated[int, Field(ge=1, le=5)] | None = Field(
        default=None,
        description="How many datasets are combined unasked, at most. Without it one. maxRows is for all of them together.",
    )
    selection: Selection = Field(
        default=Selection.AUTOMATIC,
        description="Automatic takes the first recommended candidate. Manual waits until choice is set.",
    )
    choice: Choice | None = Field(default=None, description="The dataset to use, or none; it answers the choice gate.")
    transform: Literal["None", "Auto", "Always"] = Field(
        default="None",
        description="Whether the teacher rewrites the rows of the chosen dataset into the form of the task, or refuses them. Auto "
        "does so for a dataset that is near to the task and of another form, Always for each one. It needs a teacher.",
    )
    licenses: Licenses | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="The licenses that a dataset may have, by their SPDX identifiers; capitals do not count. Without it any is "
        "used. Own data is not looked at.",
    )
    own: OwnData | None = Field(default=None, description="Your own labelled data, to train on.")

    @model_validator(mode="after")
    def _none_alone(self) -> Datasets:
        one = self.choice
        if one is not None and one.none and (one.config or one.share or one.output_column or one.input_columns):
            raise ValueError(NONE_ALONE)
        return self

    @model_validator(mode="after")
    def _each_once_with_rows(self) -> Datasets:
        used = self.choice.datasets() if self.choice is not None else []
        shares = [one.share for one in used]
        if None in shares and sum(share or 0 for share in shares) == 100:
            raise ValueError(NOTHING_LEFT)
        if len({one.rows_of for one in used}) < len(used):
            raise ValueError(NAMED_TWICE)
        return self
