"""What a user writes: the `Prompt2Model` resource.

Every field has its default here, and `render` copies it into the CRD's schema, so that the object in a cluster and the
object in a local run are the same and an upgrade of the operator changes no digest. Fields are snake_case in Python and
camelCase in YAML.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from prompt2model_api.base import Architecture, Column, Metadata, Metric, Model, Name, Quantity, Seconds, Uri
from prompt2model_api.results import Choice
from prompt2model_api.status import Prompt2ModelStatus

GROUP = "prompt2model.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
EMBEDDED_STUDENT = "embedded:SmolLM2-135M-Instruct"
PROMPT_LIMIT = 32 * 1024
AT_LEAST_PATTERN = r"^(Teacher|100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)$"
NAME_LIMIT = 52  # what is made for a resource is named after it, and Kubernetes ends at 63

Label = Annotated[str, StringConstraints(max_length=63)]


class Selection(StrEnum):
    """Who answers the choice gate."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class Demonstration(Model):
    """One input and its output, as the user would want it."""

    input: str = Field(min_length=1, max_length=8192, description="What the model is given.")
    output: str = Field(min_length=1, max_length=8192, description="What the model should answer.")


class SecretKey(Model):
    """One key of a Secret in the resource's namespace."""

    name: Name = Field(description="Name of the Secret.")
    key: Name = Field(default="api-key", description="Key in the Secret.")


class ConfigMapKey(Model):
    """One key of a ConfigMap in the resource's namespace."""

    name: Name = Field(description="Name of the ConfigMap.")
    key: Name = Field(description="Key in the ConfigMap.")


class Limits(Model):
    """What the teacher's endpoint allows. None of it changes a result."""

    requests_per_minute: int | None = Field(default=None, ge=1, le=1_000_000, description="Requests in any 60 s.")
    tokens_per_minute: int | None = Field(
        default=None, ge=100, le=1_000_000_000, description="Prompt and completion tokens in any 60 s."
    )
    concurrency: int = Field(
        default=50, ge=1, le=1000, description="Most requests in flight; fewer are used when the endpoint slows down."
    )


class Budget(Model):
    """The most that may be spent on the teacher, over all stages. Reserved before a request is sent, never exceeded."""

    tokens: int | None = Field(default=None, ge=1, le=10**12, description="Prompt and completion tokens.")
    usd: float | None = Field(default=None, gt=0, le=10**6, description="US dollars; needs teacher.price.")
    unlimited: bool = Field(default=False, description="True: no limit at all. Excludes tokens and usd.")

    @model_validator(mode="after")
    def _one_kind(self) -> Budget:
        limited = self.tokens is not None or self.usd is not None
        if self.unlimited and limited:
            raise ValueError("unlimited excludes tokens and usd: keep one of them")
        if not self.unlimited and not limited:
            raise ValueError("write tokens or usd, or unlimited: true for no limit at all")
        return self


class Price(Model):
    """US dollars for a million tokens."""

    input_per_million: float = Field(ge=0, le=10_000, description="US dollars for 1,000,000 prompt tokens.")
    output_per_million: float = Field(ge=0, le=10_000, description="US dollars for 1,000,000 completion tokens.")


class Teacher(Model):
    """The LLM that parses the prompt and writes data, behind an OpenAI-compatible endpoint."""

    base_url: Annotated[str, StringConstraints(pattern=r"^https?://\S+$", max_length=2048)] = Field(
        alias="baseURL", description="The endpoint's address, up to and with /v1."
    )
    model: Name = Field(description="The model's name at that endpoint.")
    api_key_secret_ref: SecretKey | None = Field(
        default=None,
        description="Where the key is. A local run reads it from the environment variable P2M_TEACHER_API_KEY instead.",
    )
    limits: Limits = Field(default_factory=Limits)
    budget: Budget = Field(default_factory=lambda: Budget(tokens=10_000_000))
    price: Price | None = Field(default=None, description="Needed for costs in money, and for a budget in money.")

    @model_validator(mode="after")
    def _money_needs_a_price(self) -> Teacher:
        if self.budget.usd is not None and self.price is None:
            raise ValueError("budget.usd needs price.inputPerMillion and price.outputPerMillion")
        return self


class OwnData(Model):
    """The user's own labelled data: CSV, JSON lines or Parquet."""

    uri: Uri | None = Field(default=None, description="A file: a path, or file://, s3://, gs://. Excludes configMap.")
    config_map: ConfigMapKey | None = Field(default=None, description="A file in a ConfigMap. Excludes uri.")
    input_columns: list[Column] = Field(default=["input"], min_length=1, max_length=32, description="Columns read.")
    output_column: Column = Field(default="output", description="The column with the answers.")

    @model_validator(mode="after")
    def _one_place(self) -> OwnData:
        if (self.uri is None) == (self.config_map is None):
            raise ValueError("name exactly one of uri and configMap")
        return self


class Datasets(Model):
    """Existing data: what is retrieved, which of it is used, and what the user brings."""

    enabled: bool = Field(default=True, description="False: no dataset is retrieved.")
    top_k: int = Field(default=25, ge=1, le=100, description="Most dataset candidates.")
    max_rows: int = Field(default=3000, ge=1, le=1_000_000, description="Most rows taken of the chosen dataset.")
    selection: Selection = Field(default=Selection.AUTOMATIC, description="Manual: prepare waits for choice.")
    choice: Choice | None = Field(default=None, description="The dataset to use; answers the choice gate.")
    own: OwnData | None = Field(default=None, description="The user's own labelled data, for training.")


class StudentSpec(Model):
    """The small pretrained model that is fine-tuned."""

    selection: Selection = Field(default=Selection.AUTOMATIC, description="Manual: train waits for name.")
    name: Uri | None = Field(
        default=None,
        description="A Hugging Face name, a folder (with a / or ./ before it), or " + EMBEDDED_STUDENT + ".",
    )
    architectures: list[Architecture] = Field(
        default=[Architecture.ENCODER_DECODER], min_length=1, max_length=2, description="Families to choose from."
    )
    max_size: Quantity = Field(default="3Gi", description="Largest size of the weights, as a Kubernetes quantity.")


class Temperature(Model):
    """Sampling temperature, raised in a line from `from` to `to` as examples come in (paper, section 3.3)."""

    from_: float = Field(default=0.3, ge=0, le=2, alias="from", description="At the first example.")
    to: float = Field(default=1.4, ge=0, le=2, description="At the last example.")

    @model_validator(mode="after")
    def _rises(self) -> Temperature:
        if self.from_ > self.to:
            raise ValueError("from must be at most to: write a lower from or a higher to")
        return self


class Generation(Model):
    """How much data the teacher writes, and how."""

    enabled: bool = Field(default=True, description="False: the teacher writes no data.")
    examples: int = Field(default=3000, ge=1, le=1_000_000, description="Unique examples wanted.")
    temperature: Temperature = Field(default_factory=Temperature)
    outputs_per_input: int = Field(
        default=1, ge=1, le=20, description="Answers asked for each input; the most frequent one is kept."
    )
    review: Literal["None", "Required"] = Field(default="None", description="Required: prepare waits for accepted.")
    accepted: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8,64}$", max_length=64)] | None = Field(
        default=None, description="The hash of the reviewed examples (status shows it); answers the review gate."
    )


class Resources(Model):
    """Compute of one pod, as Kubernetes quantities."""

    cpu: Quantity | None = None
    memory: Quantity | None = None
    gpu: int = Field(default=0, ge=0, le=64, description="Whole GPUs.")


class Training(Model):
    """Fine-tuning. Defaults are the paper's (section 4)."""

    epochs: int = Field(default=3, ge=1, le=1000, description="Passes over the training split, at most.")
    learning_rate: float = Field(default=5e-5, gt=0, le=1, description="Peak rate of AdamW.")
    batch_size: int = Field(default=16, ge=1, le=4096, description="Rows a step, over all workers.")
    max_input_tokens: int = Field(default=512, ge=8, le=32768, description="Longer inputs are cut.")
    max_output_tokens: int = Field(default=128, ge=1, le=8192, description="Longest target, and longest answer.")
    early_stopping_patience: int = Field(
        default=1, ge=0, le=100, description="Epochs without a better validation loss before it stops; 0: never."
    )
    workers: int = Field(default=1, ge=1, le=256, description="Ray Train workers.")
    checkpoint_every: int = Field(default=50, ge=1, le=1_000_000, description="Steps between checkpoints.")
    resources: Resources = Field(default_factory=Resources, description="Of each worker.")


class Gate(Model):
    """What the student must reach before it is served."""

    metric: Metric = Field(description="One of evaluation.metrics.")
    split: Literal["Own", "Retrieved", "Generated"] | None = Field(
        default=None, description="The test split compared on; without it the user's own, else the retrieved one."
    )
    at_least: Annotated[str, StringConstraints(pattern=AT_LEAST_PATTERN, max_length=16)] = Field(
        default="Teacher", description='Teacher, or a number from 0 to 100 in quotes ("85").'
    )


class Evaluation(Model):
    """How student, untrained student and teacher are measured."""

    metrics: list[Metric] = Field(default=list(Metric), min_length=1, max_length=3)
    test_data: OwnData | None = Field(default=None, description="The user's own test set; never trained on.")
    max_rows: int = Field(default=500, ge=1, le=100_000, description="Most rows of each test split.")
    encoder: Uri = Field(
        default="xlm-roberta-base",
        description="BERTScore's encoder: a Hugging Face name, a folder, or embedded:MiniLM.",
    )
    gate: Gate | None = Field(default=None, description="Without it: the first metric must reach the teacher.")

    @model_validator(mode="after")
    def _gate_is_measured(self) -> Evaluation:
        if self.gate is not None and self.gate.metric not in self.metrics:
            raise ValueError(f"gate.metric {self.gate.metric} is not in metrics: add it there")
        return self

    @model_validator(mode="after")
    def _each_metric_once(self) -> Evaluation:
        if len(set(self.metrics)) < len(self.metrics):
            raise ValueError("metrics names one of them twice: keep one")
        return self


class Replicas(Model):
    """Bounds of the autoscaler."""

    min: int = Field(default=1, ge=1, le=1000)
    max: int = Field(default=1, ge=1, le=1000)

    @model_validator(mode="after")
    def _ordered(self) -> Replicas:
        if self.max < self.min:
            raise ValueError("max must be at least min")
        return self


class ServiceSpec(Model):
    """The service that answers with the student."""

    enabled: bool = Field(default=True, description="False: the model is trained and measured, not served.")
    replicas: Replicas = Field(default_factory=Replicas, description="Cluster only.")
    resources: Resources = Field(default_factory=Resources, description="Cluster only.")


class Storage(Model):
    """Where results lie. Immutable."""

    uri: Uri | None = Field(default=None, description="s3://, gs:// or file://. Excludes claim.")
    claim: Name | None = Field(default=None, description="A claim in the resource's namespace. Excludes uri.")
    size: Quantity = Field(default="10Gi", description="Of the claim that the operator makes where none is named.")
    secret: Name | None = Field(default=None, description="Secret with the credentials for uri.")

    @model_validator(mode="after")
    def _one_place(self) -> Storage:
        if self.uri is not None and self.claim is not None:
            raise ValueError("name one of uri and claim, not both")
        return self


class Toleration(Model):
    """Of a node's taint, as Kubernetes writes it."""

    key: Label | None = None
    operator: Literal["Exists", "Equal"] | None = None
    value: Label | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = Field(default=None, ge=0)


class Scheduling(Model):
    """Passed through to every pod. Cluster only."""

    node_selector: dict[str, Label] = Field(default={}, max_length=32)
    tolerations: list[Toleration] = Field(default=[], max_length=32)
    priority_class_name: Name | None = None
    runtime_class_name: Name | None = None
    image_pull_secrets: list[Name] = Field(default=[], max_length=8)
    labels: dict[str, Label] = Field(default={}, max_length=32)


class Retries(Model):
    """How often a stage run is tried, and how long between."""

    attempts: int = Field(default=3, ge=1, le=100, description="Most attempts of a stage run.")
    backoff_seconds: Seconds = Field(
        default=10, description="Before the second attempt; doubled each time, 10 min most."
    )


class Deadlines(Model):
    """When an attempt counts as lost."""

    stage_seconds: Seconds = Field(default=86400, description="The longest an attempt may take.")
    heartbeat_seconds: Seconds = Field(default=600, description="The longest without a sign of life.")


class Retention(Model):
    """What becomes of results when the resource is deleted. Cluster only."""

    storage: Literal["Keep", "Delete"] = "Keep"
    registry: Literal["Keep", "Delete"] = "Keep"


class Prompt2ModelSpec(Model):
    """The task and how to make a model for it."""

    prompt: str | None = Field(
        default=None,
        max_length=PROMPT_LIMIT,
        description="The task in plain words, with examples if there are any. Excludes instruction.",
    )
    instruction: str | None = Field(
        default=None,
        max_length=PROMPT_LIMIT,
        description="The task alone, for a prompt that comes in parts.",
    )
    demonstrations: list[Demonstration] = Field(default=[], max_length=64, description="Go with instruction.")
    teacher: Teacher | None = Field(default=None, description="Without it, the embedded teacher is used.")
    datasets: Datasets = Field(default_factory=Datasets)
    student: StudentSpec = Field(default_factory=StudentSpec)
    generation: Generation = Field(default_factory=Generation)
    training: Training = Field(default_factory=Training)
    evaluation: Evaluation = Field(default_factory=Evaluation)
    service: ServiceSpec = Field(default_factory=ServiceSpec)
    storage: Storage = Field(default_factory=Storage)
    scheduling: Scheduling = Field(default_factory=Scheduling)
    retries: Retries = Field(default_factory=Retries)
    deadlines: Deadlines = Field(default_factory=Deadlines)
    retention: Retention = Field(default_factory=Retention)
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    suspend: bool = Field(default=False, description="True: nothing is started; status shows the estimate.")

    @model_validator(mode="after")
    def _whole(self) -> Prompt2ModelSpec:
        if (self.prompt is None) == (self.instruction is None):
            raise ValueError("write exactly one of prompt and instruction")
        field = "instruction" if self.prompt is None else "prompt"
        text = self.prompt or self.instruction or ""
        if not text.strip():
            raise ValueError(f"{field} is empty: say in plain words what the model shall do")
        if self.prompt is not None and self.demonstrations:
            raise ValueError("demonstrations go with instruction: write them into the prompt, or use instruction")
        if len(text.encode()) > PROMPT_LIMIT:
            raise ValueError(f"{field} is over 32 KiB: shorten it, or bring examples as a file in datasets.own")
        if not self.generation.enabled and not self.datasets.enabled and self.datasets.own is None:
            raise ValueError("no data: enable generation or datasets, or bring your own in datasets.own")
        return self

    @model_validator(mode="after")
    def _gate_has_its_split(self) -> Prompt2ModelSpec:
        split = self.evaluation.gate.split if self.evaluation.gate else None
        choice = self.datasets.choice
        if split == "Own" and self.evaluation.test_data is None and self.datasets.own is None:
            raise ValueError("evaluation.gate.split is Own, without own data: name it in evaluation.testData")
        if split == "Retrieved" and not (self.datasets.enabled if choice is None else not choice.none):
            raise ValueError("evaluation.gate.split is Retrieved, and no dataset is retrieved: name another split")
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
