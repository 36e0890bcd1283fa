"""Environment variables that the chart adds to the pods, such as a proxy's, and the names that are not free for it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from prompt2model_api.base import Model

PREFIX = "P2M_"
TAKEN = frozenset(
    {
        *("HOME", "MPLCONFIGDIR", "OMP_WAIT_POLICY", "DO_NOT_TRACK", "TOKENIZERS_PARALLELISM"),
        *("HF_HOME", "HF_ENDPOINT", "HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "HF_TOKEN"),
        *("MLFLOW_DISABLE_TELEMETRY", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"),
        "MLFLOW_WORKSPACE",
        *("RAY_USAGE_STATS_ENABLED", "RAY_ADDRESS", "RAY_PORT", "RAY_IP", "FQ_RAY_IP", "RAY_CLUSTER_NAME"),
        *("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_DASHBOARD_ADDRESS", "RAY_JOB_SUBMISSION_ID"),
        *("RAY_CLOUD_INSTANCE_ID", "RAY_NODE_TYPE_NAME", "KUBERAY_GEN_RAY_START_CMD"),
    }
)
"""Names that the operator sets, or KubeRay. The chart's templates refuse the same ones at once."""


def _free(name: str) -> str:
    if name in TAKEN or name.startswith(PREFIX):
        raise ValueError(f"{name} is set by the operator itself: remove it from the pods' env")
    return name


class EnvVar(Model):
    """One environment variable of a container, as in a pod's spec."""

    name: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=253), AfterValidator(_free)
    ] = Field(description="The name. Those that the operator sets itself, such as HOME and P2M_*, are refused.")
    value: str | None = Field(default=None, description="The value. Excludes valueFrom.")
    value_from: dict[str, Any] | None = Field(
        default=None,
        description="Where the value comes from, such as a secretKeyRef or configMapKeyRef in the resource's namespace. "
        "Excludes value.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> EnvVar:
        if (self.value is None) == (self.value_from is None):
            raise ValueError(f"{self.name} needs one of value and valueFrom")
        return self
