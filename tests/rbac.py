"""What the operator may do in a cluster, each with the code that needs it. The chart grants this and no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

MADE = ("get", "list", "watch", "create", "patch", "delete")
Mode = Literal["always", "cluster", "namespaced", "secrets", "routes"]


@dataclass(frozen=True)
class Need:
    """A right, and who needs it.

    Attributes:
        code: below operator/prompt2model_operator, or kopf where the framework asks by itself.
        when: always; in one of the chart's two modes; with rbac.readSecrets; with settings.service.httpRoute.
        named: of the one object with this name alone.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    code: str
    why: str
    when: Mode = "always"
    named: str | None = None

    def rights(self) -> Iterator[tuple[str, str, str, str | None]]:
        """Group, resource, verb and name of each."""
        for verb in self.verbs:
            yield self.group, self.resource, verb, self.named


NEEDS = (
    Need("prompt2model.dev", "prompt2models", ("get", "list", "watch"), "kopf", "the watch; users write the spec"),
    Need("prompt2model.dev", "prompt2models/status", ("get", "patch"), "applying.py", "the one writer of status"),
    Need("prompt2model.dev", "stageruns", MADE, "applying.py", "made once, looked at, removed when superseded"),
    Need("prompt2model.dev", "stageruns/status", ("get", "patch"), "applying.py", "phase, attempt, failures"),
    Need("batch", "jobs", MADE, "applying.py", "discover, prepare, evaluate, records and clean-up"),
    Need("ray.io", "rayjobs", MADE, "applying.py", "generate and train"),
    Need("", "pods", ("get", "list", "watch"), "failures.py", "why a pod does not start"),
    Need("", "pods", ("delete",), "applying.py", "pods of an attempt that must not go on"),
    Need("apps", "deployments", MADE, "manifests/service.py", "the service"),
    Need("", "services", MADE, "manifests/service.py", "the service's address"),
    Need("autoscaling", "horizontalpodautoscalers", MADE, "manifests/service.py", "service.replicas min and max"),
    Need("policy", "poddisruptionbudgets", MADE, "manifests/service.py", "a drained node leaves one pod"),
    Need("gateway.networking.k8s.io", "httproutes", MADE, "manifests/service.py", "service.httpRoute", "routes"),
    Need("", "persistentvolumeclaims", MADE, "manifests/common.py", "storage of a resource that names none"),
    Need("", "serviceaccounts", MADE, "manifests/access.py", "a stage run's identity"),
    Need("rbac.authorization.k8s.io", "roles", MADE, "manifests/access.py", "its right to its own status"),
    Need("rbac.authorization.k8s.io", "rolebindings", MADE, "manifests/access.py", "the two together"),
    Need("networking.k8s.io", "networkpolicies", MADE, "manifests/network.py", "closes Ray's dashboard"),
    Need("", "configmaps", ("get",), "observing.py", "the user's own data: its hash is part of the digest"),
    Need("", "secrets", ("get",), "applying.py", "is the Secret there, with the key?", "secrets"),
    Need("", "events", ("create",), "kopf", "events on changes"),
    Need("kopf.dev", "clusterkopfpeerings", ("list", "watch"), "kopf", "other operators", "cluster"),
    Need("kopf.dev", "clusterkopfpeerings", ("get", "patch"), "kopf", "keep-alive", "cluster", "prompt2model"),
    Need("kopf.dev", "kopfpeerings", ("list", "watch"), "kopf", "other operators", "namespaced"),
    Need("kopf.dev", "kopfpeerings", ("get", "patch"), "kopf", "keep-alive", "namespaced", "prompt2model"),
    Need(
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        ("list", "watch"),
        "kopf",
        "KubeRay may come later",
        "cluster",
    ),
    Need("", "namespaces", ("list", "watch"), "kopf", "namespaces that go", "cluster"),
)
