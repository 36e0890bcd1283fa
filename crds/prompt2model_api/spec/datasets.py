"""`spec.datasets`: existing data, retrieved or the user's own."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from prompt2model_api.base import Model
from prompt2model_api.results import Choice
from prompt2model_api.spec.references import OwnData


class Selection(StrEnum):
    """Who answers the choice gate."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class Datasets(Model):
    """Existing data: what is retrieved, which of it is used, and what the user brings."""

    enabled: bool = Field(default=True, description="False: no dataset is retrieved.")
    top_k: int = Field(default=25, ge=1, le=100, description="Most dataset candidates.")
    max_rows: int = Field(default=3000, ge=1, le=1_000_000, description="Most rows taken of the chosen dataset.")
    selection: Selection = Field(default=Selection.AUTOMATIC, description="Manual: prepare waits for choice.")
    choice: Choice | None = Field(default=None, description="The dataset to use; answers the choice gate.")
    own: OwnData | None = Field(default=None, description="The user's own labelled data, for training.")
