"""What the chart tells the operator: one YAML file, read once.

The chart writes it into a ConfigMap; P2M_SETTINGS names the file. Every default is in the model, so that an empty file is a
working one for an operator that runs beside an embedded teacher and no MLflow.
"""

from __future__ import annotations

import ipaddress
import os
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, Field, StringConstraints, ValidationError, create_model, model_validator

from prompt2model_api.base import Model, Name, Quantity, Uri
from prompt2model_api.base_url import check_base_url
from prompt2model_api.environment_names import P2M_SETTINGS, P2M_WORKSPACE_KEY
from prompt2model_api.graph import GRAPH
from prompt2model_api.stage_run import Stage
from prompt2model_operator.pod_environment import EnvVar
from prompt2model_operator.workspaces import SHORTEST_KEY

DEFAULT_FILE = "/etc/prompt2model/settings.yaml"


def _network(text: str) -> str:
    ipaddress.ip_network(text, strict=False)
    return text


class Images(Model):
    """The images of the pods that the operator makes."""

    stages: Uri = "prompt2model-stages:0.1.0"
    service: Uri = "prompt2model-service:0.1.0"
    pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    pull_secrets: list[Name] = Field(default=[])


class Tracking(Model):
    """MLflow's address, as pods reach it. Without one nothing is recorded, and the condition Tracked says so."""

    uri: Uri | None = None
    secret: Name | None = Field(
        default=None,
        description="Secret with MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD or MLFLOW_TRACKING_TOKEN, in "
        "every namespace with a Prompt2Model. With workspaces it is made by the operator.",
    )
    workspaces: bool = Field(
        default=False,
        description="MLflow is the chart's own: each namespace has a workspace, a user and a Secret, which the operator makes.",
    )
    workspace_key: str | None = Field(
        default=None, exclude=True, repr=False, description="From P2M_WORKSPACE_KEY, never from the file."
    )
    public_url: Uri | None = Field(
        default=None, description="MLflow's address in people's browsers, with which status.runURL starts."
    )


class EmbeddedTeacher(Model):
    """The teacher of resources that name none."""

    url: Annotated[Uri, AfterValidator(check_base_url)] | None = Field(
        default=None, description="The address of the endpoint, up to and with /v1."
    )
    model: Name = "SmolLM2-135M-Instruct"


class HuggingFace(Model):
    """Where models and datasets come from."""

    endpoint: Uri | None = Field(default=None, description="HF_ENDPOINT: a mirror of the hub.")
    offline: bool = Field(default=False, description="HF_HUB_OFFLINE: nothing is fetched.")
    cache_on_claim: bool = Field(
        default=False, description="The hub's cache is stored on the claim; for ReadWriteMany claims."
    )
    token_secret: Name | None = Field(
        default=None,
        description="Secret with HF_TOKEN, in the namespaces whose resources may use it; spec.huggingFace.tokenSecretRef has "
        "precedence.",
    )


class StorageDefaults(Model):
    """Storage of resources that name none."""

    uri: Annotated[Uri, StringConstraints(pattern=r"^(s3|gs|gcs)://")] | None = Field(
        default=None, description="Root such as s3://bucket/p2m; without it, a claim is made."
    )
    secret: Name | None = Field(default=None, description="Secret with the credentials, in the resource's namespace.")
    class_name: Name | None = Field(default=None, description="Storage class; without it the cluster's default.")
    access_mode: Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"] = Field(
        default="ReadWriteOnce", description="The access mode of the claims that the operator makes."
    )


class OwnDataSources(Model):
    """Where own data at http:// and https:// may come from. Nothing is allowed by default."""

    hosts: list[
        Annotated[str, StringConstraints(pattern=r"^(\*|(\*\.)?[A-Za-z0-9_:][A-Za-z0-9._:-]*)$", max_length=253)]
    ] = Field(
        default=[],
        description="Names of hosts, *.domain, or * for every host with a public address.",
    )
    networks: list[Annotated[str, AfterValidator(_network)]] = Field(
        default=[],
        description="Networks such as 10.1.0.0/16 whose addresses may be read though they are not public.",
    )


class CatalogPlace(Model):
    """Where datasets and students are searched."""

    uri: Annotated[Uri, StringConstraints(pattern=r"^(s3|gs|gcs)://")] | None = Field(
        default=None,
        description="A folder with catalogs that `p2m catalog build` made, such as s3://bucket/catalogs. Empty: the catalogs "
        "that the stages image ships.",
    )


class ContainerResources(Model):
    """Requests and limits of a container, as Kubernetes writes them, and what its environment has beside the operator's."""

    requests: dict[str, Quantity] = Field(default={})
    limits: dict[str, Quantity] = Field(default={})
    env: list[EnvVar] = Field(
        default=[], max_length=100, description="Added to the environment, such as a proxy or Ray's time-outs."
    )


def _resources(cpu: str, memory: str, most: str) -> ContainerResources:
    return ContainerResources(requests={"cpu": cpu, "memory": memory}, limits={"memory": most})


def _of_stage(stage: Stage) -> ContainerResources:
    compute = GRAPH[stage].compute
    return _resources(compute.cpu, compute.memory, compute.memory_limit)


_STAGE_FIELDS: dict[str, Any] = {
    stage.value: (ContainerResources, Field(default_factory=partial(_of_stage, stage))) for stage in GRAPH
}
_StagePods = create_model("_StagePods", __base__=Model, **_STAGE_FIELDS)


class PodDefaults(_StagePods):
    """Compute of each kind of pod, each stage's among them; a resource's own fields go before."""

    submitter: ContainerResources = Field(default_factory=lambda: _resources("50m", "256Mi", "1Gi"))
    service: ContainerResources = Field(default_factory=lambda: _resources("100m", "1Gi", "4Gi"))
    tracking: ContainerResources = Field(default_factory=lambda: _resources("100m", "512Mi", "2Gi"))

    @model_validator(mode="before")
    @classmethod
    def _compute_stays(cls, given: Any) -> Any:
        """Where a pod's env alone is given, its requests and limits are the defaults."""
        if not isinstance(given, dict):
            return given
        alone = {
            name: pod
            for name, pod in given.items()
            if isinstance(pod, dict) and name in cls.model_fields and not pod.keys() & {"requests", "limits"}
        }
        defaults = {name: cls.model_fields[name].get_default(call_default_factory=True).dump() for name in alone}
        return {**given, **{name: {**defaults[name], **pod} for name, pod in alone.items()}}

    @model_validator(mode="after")
    def _no_gpus_to_train(self) -> PodDefaults:
        train = self.of(Stage.TRAIN)
        if any(name.endswith("/gpu") for name in (*train.requests, *train.limits)):
            # Ray's head has these too, and training would not know of them: they would be reserved for nothing.
            raise ValueError("train may name no GPU: a resource asks for GPUs in spec.training.resources.gpu")
        return self

    def of(self, stage: Stage) -> ContainerResources:
        """Those of a stage's pod."""
        found: ContainerResources = getattr(self, stage.value)
        return found


class Scheduling(Model):
    """Added to every pod; what the resource says goes before."""

    node_selector: dict[str, str] = Field(default={}, description="The labels that a node must have.")
    tolerations: list[dict[str, Any]] = Field(default=[], description="The taints that the pods tolerate.")
    priority_class_name: Name | None = Field(default=None, description="The PriorityClass of the pods.")
    runtime_class_name: Name | None = Field(default=None, description="The RuntimeClass of the pods.")


class Autoscaling(Model):
    """When a service gets more or fewer replicas, between its resource's service.replicas.min and max."""

    cpu: Quantity = Field(
        default="1",
        description="The cores that one replica is meant to use, where the resource does not set service.resources.cpu.",
    )
    target_percent: int = Field(
        default=80, ge=1, le=1000, description="Replicas are added above this average use, in percent of those cores."
    )
    scale_up_seconds: int = Field(
        default=60, ge=0, le=3600, description="The use must be above the target this long before a replica is added."
    )
    scale_down_seconds: int = Field(
        default=300,
        ge=0,
        le=3600,
        description="The use must be below the target this long before a replica is removed.",
    )


class ServicePolicy(Model):
    """Who may reach the model services, which have no login."""

    enabled: bool = Field(
        default=False, description="Whether each service gets a NetworkPolicy. Without one every pod may ask."
    )
    allow_from: list[dict[str, Any]] = Field(
        default=[],
        description="Peers of a NetworkPolicy that may ask, such as the namespaces of the gateway and of Prometheus. "
        "Empty: the pods in the service's own namespace.",
    )


class ServiceMonitoring(Model):
    """Prometheus' metrics of the model services."""

    enabled: bool = Field(
        default=False, description="Whether each service gets a ServiceMonitor, which needs the Prometheus operator."
    )
    interval: Name = Field(default="30s", description="How often Prometheus reads them.")
    labels: dict[str, str] = Field(default={}, description="The labels by which Prometheus finds ServiceMonitors.")


class ServiceDefaults(Model):
    """What every service gets."""

    http_route: dict[str, Any] | None = Field(
        default=None, description="Spec of an HTTPRoute without its rules, such as parentRefs and hostnames."
    )
    network_policy: ServicePolicy = Field(
        default_factory=ServicePolicy, description="The NetworkPolicy of each service."
    )
    service_monitor: ServiceMonitoring = Field(
        default_factory=ServiceMonitoring, description="The ServiceMonitor of each service."
    )
    autoscaling: Autoscaling = Field(
        default_factory=Autoscaling, description="What the autoscaler of each service goes by."
    )
    termination_grace_seconds: int = Field(
        default=60, ge=1, le=3600, description="How long an ending pod may answer what it was asked before."
    )


class Ray(Model):
    """How generate and train run."""

    mode: Literal["RayJob", "Job"] = Field(
        default="RayJob",
        description="RayJob: KubeRay starts a Ray cluster. Job: one pod with a Ray of its own, for clusters without KubeRay; "
        "all training workers are in it.",
    )
    version: Name = Field(default="2.60.0", description="Ray's version in the stages image.")
    ttl_seconds: int = Field(default=5, ge=0, le=86400, description="How long the pods of an ended Ray cluster stay.")
    pre_running_deadline_seconds: int = Field(
        default=3600, ge=30, description="How long KubeRay waits for a Ray cluster to start the job, in seconds."
    )
    startup_seconds: int = Field(
        default=1800,
        ge=30,
        le=86400,
        description="How long a container of Ray's head or workers may take to start before it is restarted.",
    )
    operator_namespace: Name = Field(
        default="kuberay-system",
        description="The namespace of KubeRay's operator: the one namespace beside the resource's own whose pods reach Ray.",
    )


class Settings(Model):
    """Everything that the operator is told."""

    namespace: Name = Field(default="prompt2model", description="The operator's own; POD_NAMESPACE goes before.")
    watch_namespaces: list[Name] = Field(default=[], description="Empty: every namespace.")
    peering: Name = "prompt2model"
    images: Images = Field(default_factory=Images)
    tracking: Tracking = Field(default_factory=Tracking)
    teacher: EmbeddedTeacher = Field(default_factory=EmbeddedTeacher)
    hugging_face: HuggingFace = Field(default_factory=HuggingFace)
    storage: StorageDefaults = Field(default_factory=StorageDefaults)
    own_data: OwnDataSources = Field(default_factory=OwnDataSources)
    catalogs: CatalogPlace = Field(default_factory=CatalogPlace)
    pods: PodDefaults = Field(default_factory=PodDefaults)
    scheduling: Scheduling = Field(default_factory=Scheduling)
    service: ServiceDefaults = Field(default_factory=ServiceDefaults)
    ray: Ray = Field(default_factory=Ray)
    run_as_user: int = Field(default=1000, ge=1, description="User and group of every pod.")
    job_ttl_seconds: int = Field(default=3600, ge=0, description="How long an ended Job stays.")
    watch_nodes: bool = Field(
        default=False,
        description="Whether cordoned nodes are listed, so that a service's only replica moves before a drain ends it.",
    )
    workers: int = Field(default=8, ge=1, le=64, description="How many resources are looked at side by side.")
    resync_seconds: int = Field(
        default=600, ge=10, le=86400, description="How often every resource is looked at, also without a change."
    )
    metrics_port: int = Field(default=9090, ge=1, le=65535)
    liveness_port: int = Field(default=8080, ge=1, le=65535)


class SettingsError(Exception):
    """The settings cannot be used; the text says which field and why."""


def read_settings(path: Path | None = None) -> Settings:
    """The settings in the file that P2M_SETTINGS names; a file that is not there is an empty one.

    Raises: SettingsError.
    """
    file = path or Path(os.environ.get(P2M_SETTINGS, DEFAULT_FILE))
    try:
        tree = yaml.safe_load(file.read_text()) if file.exists() else None
        settings = Settings.model_validate(tree or {})
    except (ValidationError, yaml.YAMLError) as error:
        raise SettingsError(f"{file} cannot be used: {error}") from None
    namespace = os.environ.get("POD_NAMESPACE")
    settings = settings.model_copy(update={"namespace": namespace}) if namespace else settings
    return settings.model_copy(update={"tracking": _with_key(settings.tracking)})


def _with_key(tracking: Tracking) -> Tracking:
    """Raises: SettingsError where the passwords of MLflow's users could be guessed."""
    key = os.environ.get(P2M_WORKSPACE_KEY, "") if tracking.workspaces else None
    if key is not None and len(key) < SHORTEST_KEY:
        raise SettingsError(
            f"{P2M_WORKSPACE_KEY} has {len(key)} characters: it needs {SHORTEST_KEY} random ones at least. It stands in the "
            "Secret that mlflow.auth.secret of the chart names."
        )
    return tracking.model_copy(update={"workspace_key": key})
