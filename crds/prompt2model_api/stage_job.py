"""What one attempt of a stage is given: JSON in a file, named on the stage's command line or in the environment of a pod.

The operator and the local runner write it, the stages read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from prompt2model_api.base import Model, Uri
from prompt2model_api.environment_names import P2M_ATTEMPT, P2M_JOB, P2M_TEACHER_API_KEY
from prompt2model_api.graph import own_data
from prompt2model_api.licenses import License
from prompt2model_api.names import stage_folder
from prompt2model_api.prompt2model import Prompt2Model, Prompt2ModelSpec
from prompt2model_api.results import Choice
from prompt2model_api.spec.teacher import TeacherSpec
from prompt2model_api.spec.training import Resources
from prompt2model_api.stage_run import StageRun


class Named(Model):
    """What the spec names now, for discover to look up before anything is paid for."""

    student: Uri | None = None
    dataset: Choice | None = None
    own: dict[str, Uri] = Field(default={}, max_length=8, description="Own data at a URI, by field path.")
    max_input_tokens: int = 512
    max_output_tokens: int = 128

    @classmethod
    def of(cls, spec: Prompt2ModelSpec) -> Named:
        """What this spec names."""
        return cls(
            student=spec.student.name,
            dataset=spec.datasets.choice,
            own={path: own.uri for path, own in own_data(spec).items() if own.uri is not None},
            max_input_tokens=spec.training.max_input_tokens,
            max_output_tokens=spec.training.max_output_tokens,
        )


class StageSettings(Model):
    """What may differ between attempts of the same work: never part of the digest."""

    teacher: TeacherSpec | None = Field(
        default=None, description="Address, limits, budget and price; the embedded teacher's where the spec names none."
    )
    teacher_key_env: str = Field(default=P2M_TEACHER_API_KEY, description="Environment variable with the API key.")
    named: Named | None = Field(default=None, description="For discover alone.")
    catalogs: Uri | None = Field(
        default=None,
        description="For discover alone: a folder with catalogs; without it those that are shipped are used.",
    )
    licenses: list[License] | None = Field(
        default=None,
        max_length=64,
        description="For transform, prepare and train: what the dataset or student may have, where discover did not look it up.",
    )
    workers: int = 1
    checkpoint_every: int = 50
    resources: Resources = Field(default_factory=Resources)
    tracking_uri: Uri | None = Field(default=None, description="MLflow's; without it nothing is recorded.")
    tracking_public_url: Uri | None = Field(
        default=None, description="MLflow's address as people reach it, for the run's URL."
    )


class StageJob(Model):
    """One attempt of a stage run."""

    stage_run: StageRun
    attempt: int = Field(ge=1)
    settings: StageSettings = Field(default_factory=StageSettings)
    resource: Prompt2Model | None = Field(
        default=None, description="The resource as it is now, without its status: for the record, not for the work."
    )

    @classmethod
    def read(cls, path: Path) -> StageJob:
        """The job in a file. Raises: OSError, pydantic.ValidationError."""
        return cls.model_validate_json(path.read_bytes())

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> StageJob:
        """The job in the file that P2M_JOB names, for attempt P2M_ATTEMPT.

        Raises: KeyError, OSError, ValueError (pydantic.ValidationError among them).
        """
        tree = json.loads(Path(environment[P2M_JOB]).read_bytes())
        return cls.model_validate({**tree, "attempt": int(environment[P2M_ATTEMPT])})

    @property
    def folder_name(self) -> str:
        """The name of this stage run's folder."""
        return stage_folder(self.stage_run.spec.stage, self.stage_run.spec.digest)
