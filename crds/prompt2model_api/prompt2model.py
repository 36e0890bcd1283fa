"""What a user writes: the `Prompt2Model` resource.

Every field has its default here, and `render` copies it into the CRD's schema, so that the object in a cluster and the
object in a local run are the same and an upgrade of the operator changes no digest. Fields are snake_case in Python and
camelCase in YAML.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from prompt2model_api.base import Metadata, Model
from prompt2model_api.spec.datasets import Datasets
from prompt2model_api.spec.evaluation import Evaluation
from prompt2model_api.spec.generation import Generation
from prompt2model_api.spec.hugging_face import HuggingFaceSpec
from prompt2model_api.spec.parts import Parts
from prompt2model_api.spec.running import Deadlines, Retention, Retries, Scheduling, Storage
from prompt2model_api.spec.service import ServiceSpec
from prompt2model_api.spec.student import StudentSpec
from prompt2model_api.spec.teacher import TeacherSpec
from prompt2model_api.spec.training import Training
from prompt2model_api.status import Prompt2ModelStatus

GROUP = "prompt2model.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
PROMPT_LIMIT = 32 * 1024
DEMONSTRATIONS_LIMIT = 256 * 1024  # a stage's job, which has them twice, must fit into a ConfigMap: 1 MiB
NAME_LIMIT = 52  # what is made for a resource is named after it, and Kubernetes ends at 63

TOO_MANY_DEMONSTRATIONS = (
    "demonstrations are over 256 KiB together: keep a few short ones, and bring the others as a file in datasets.own"
)
PARSER_NOT_REACHED = "parts.parser is never used, because instruction is written: leave it out, or write prompt"
DATASETS_NOT_REACHED = (
    "parts.datasets is never used, because datasets.enabled is false: leave it out, or enable datasets"
)
GENERATOR_NOT_REACHED = (
    "parts.generator is never used, because generation.enabled is false: leave it out, or enable generation"
)


class Demonstration(Model):
    """One input and its output, as the user would want it."""

    input: str = Field(min_length=1, max_length=8192, description="The text that the model is given.")
    output: str = Field(min_length=1, max_length=8192, description="The text that the model should answer.")


class Prompt2ModelSpec(Model):
    """The task and how to make a model for it."""

    prompt: str | None = Field(
        default=None,
        max_length=PROMPT_LIMIT,
        description="The task in plain words, with a few examples of an input and its output. Excludes instruction.",
    )
    instruction: str | None = Field(
        default=None,
        max_length=PROMPT_LIMIT,
        description="The task alone, without examples; they go into demonstrations. Excludes prompt.",
    )
    demonstrations: list[Demonstration] = Field(
        default=[],
        max_length=64,
        description="Examples of an input and its output, for a task that is written in instruction: at most 64, in 256 KiB.",
    )
    teacher: TeacherSpec | None = Field(
        default=None,
        description="The LLM that parses the prompt, writes data and is the baseline. Without it the embedded teacher is used.",
    )
    datasets: Datasets = Field(default_factory=Datasets)
    student: StudentSpec = Field(default_factory=StudentSpec)
    generation: Generation = Field(default_factory=Generation)
    training: Training = Field(default_factory=Training)
    evaluation: Evaluation = Field(default_factory=Evaluation)
    service: ServiceSpec = Field(default_factory=ServiceSpec)
    parts: Parts | None = Field(
        default=None, description="Parts of the stages that a package replaces; without it the built-in ones."
    )
    hugging_face: HuggingFaceSpec = Field(default_factory=HuggingFaceSpec)
    storage: Storage = Field(default_factory=Storage)
    scheduling: Scheduling = Field(default_factory=Scheduling)
    retries: Retries = Field(default_factory=Retries)
    deadlines: Deadlines = Field(default_factory=Deadlines)
    retention: Retention = Field(default_factory=Retention)
    seed: int = Field(
        default=0, ge=0, le=2**31 - 1, description="Seed of everything that is random: sampling, splitting, training."
    )
    suspend: bool = Field(
        default=False,
        description="Whether to start nothing. Running attempts are stopped, and status shows the estimate of what a run will ask.",
    )

    @model_validator(mode="after")
    def _whole(self) -> Prompt2ModelSpec:
        if (self.prompt is None) == (self.instruction is None):
            raise ValueError("write exactly one of prompt and instruction")
        field = "instruction" if self.prompt is None else "prompt"
        text = self.prompt or self.instruction or ""
        if not text.strip():
            raise ValueError(f"{field} is empty: say in plain words what the model should do")
        if self.prompt is not None and self.demonstrations:
            raise ValueError("demonstrations go with instruction: write them into the prompt, or use instruction")
        if len(text.encode()) > PROMPT_LIMIT:
            raise ValueError(f"{field} is over 32 KiB: shorten it, or bring examples as a file in datasets.own")
        if not self.generation.enabled and not self.datasets.enabled and self.datasets.own is None:
            raise ValueError("no data: enable generation or datasets, or bring your own in datasets.own")
        return self

    @model_validator(mode="after")
    def _teacher_can_transform(self) -> Prompt2ModelSpec:
        if self.datasets.transform == "Always" and self.teacher is None:
            raise ValueError(
                "datasets.transform is Always, and the embedded teacher is too weak for it: name a teacher"
            )
        return self

    @model_validator(mode="after")
    def _parts_are_reached(self) -> Prompt2ModelSpec:
        parts = self.parts or Parts()
        if parts.parser is not None and self.instruction is not None:
            raise ValueError(PARSER_NOT_REACHED)
        if parts.datasets is not None and not self.datasets.enabled:
            raise ValueError(DATASETS_NOT_REACHED)
        if parts.generator is not None and not self.generation.enabled:
            raise ValueError(GENERATOR_NOT_REACHED)
        return self

    @model_validator(mode="after")
    def _gate_has_its_split(self) -> Prompt2ModelSpec:
        split = self.evaluation.gate.split if self.evaluation.gate else None
        choice = self.datasets.choice
        if split == "Own" and self.evaluation.test_data is None and self.datasets.own is None:
            raise ValueError("evaluation.gate.split is Own, without own data: name it in evaluation.testData")
        retrieves = self.datasets.enabled if choice is None else not choice.none
        if split in ("Retrieved", "Transformed") and not retrieves:
            raise ValueError(f"evaluation.gate.split is {split}, and no dataset is retrieved: name another split")
        if split == "Retrieved" and self.datasets.transform == "Always":
            raise ValueError("evaluation.gate.split is Retrieved, and datasets.transform is Always: name Transformed")
        if split == "Transformed" and self.datasets.transform == "None":
            raise ValueError("evaluation.gate.split is Transformed, and datasets.transform is None: name another split")
        if split == "Transformed" and self.teacher is None:
            raise ValueError(
                "evaluation.gate.split is Transformed, and no teacher is named: name one, or another split"
            )
        if split == "Generated" and not self.generation.enabled:
            raise ValueError("evaluation.gate.split is Generated, and generation is not enabled: name another split")
        return self


class Prompt2Model(Model):
    """A task in plain words, and the model that is made of it."""

    api_version: Literal["prompt2model.dev/v1alpha1"] = "prompt2model.dev/v1alpha1"
    kind: Literal["Prompt2Model"] = "Prompt2Model"
    metadata: Metadata
    spec: Prompt2ModelSpec
    status: Prompt2ModelStatus | None = None

    @model_validator(mode="after")
    def _name_leaves_room(self) -> Prompt2Model:
        if len(self.metadata.name) > NAME_LIMIT:
            raise ValueError(f"metadata.name has over {NAME_LIMIT} characters: shorten it")
        return self
