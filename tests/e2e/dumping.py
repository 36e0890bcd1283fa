"""What a person wants to see of a cluster after a test failed."""

from __future__ import annotations

from tests.e2e.kube import Kube
from tests.e2e.release import NAMESPACE, NAMESPACES, Release

LINES = 150
CONDITIONS = (
    "{range .items[*]}{.metadata.name}{range .status.conditions[*]}"
    "{'\\n'}  {.type} {.status} {.reason}: {.message}{end}{'\\n'}{end}"
)


def dump(kube: Kube, release: Release | None) -> str:
    """Resources, stage runs, pods, events and the operator's log."""
    parts = []
    for namespace in (*NAMESPACES, NAMESPACE):
        for arguments in (
            ("get", "p2m,stageruns", "-o", "wide"),
            ("get", "pods,rayjobs,jobs,deployments"),
            ("get", "events", "--sort-by=.lastTimestamp"),
        ):
            said = kube.kubectl(*arguments, "-n", namespace, check=False)
            if said:
                parts.append(_titled(f"kubectl {' '.join(arguments)} -n {namespace}", said))
        parts.append(kube.kubectl("get", "p2m", "-n", namespace, "-o", f"jsonpath={CONDITIONS}", check=False))
    if release is not None:
        parts.append(_titled("the operator's log", release.log(f"--tail={LINES}")))
    return "\n".join(part for part in parts if part)


def _titled(title: str, text: str) -> str:
    return "\n".join([f"--- {title}", *text.splitlines()[-LINES:]])
