"""Measures a run in a cluster: seconds from apply to Ready beside the stages' own work, and that the same apply starts no pod.

    python benchmarks/cluster_run.py --kubeconfig FILE [--namespace NAMESPACE] [RESOURCE.yaml]

The operator must be there, the resource must not. Overhead is the wall time less the stages' own work: pods, processes, Ray's
starts, the service's start and the operator. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

LIMIT_S = 3600.0
QUIET_S = 30.0


def main() -> None:
    """Applies, waits, prints; applies again, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", default="examples/dates.yaml", type=Path)
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--namespace", default="default")
    given = parser.parse_args()
    cluster = Cluster(given.kubeconfig, given.namespace, yaml.safe_load(given.file.read_text())["metadata"]["name"])
    if cluster.get("p2m", cluster.name) is not None:
        sys.exit(f"{given.namespace}/{cluster.name} is there already: delete it first.")
    began = time.time()
    cluster.kubectl("apply", "-f", str(given.file))
    ends = cluster.wait_ready(began)
    print_run(cluster, began, ends)
    print_again(cluster, given.file)


class Cluster:
    """kubectl in one namespace, for one resource."""

    def __init__(self, kubeconfig: str, namespace: str, name: str) -> None:
        self._command = ["kubectl", "--kubeconfig", kubeconfig, "--namespace", namespace]
        self.name = name

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        """The standard output of a command."""
        done = subprocess.run([*self._command, *arguments], capture_output=True, text=True, check=False)
        if check and done.returncode:
            sys.exit(done.stderr)
        return done.stdout

    def get(self, kind: str, *names: str) -> dict[str, Any] | None:
        """An object, or a list of all; None where there is none."""
        found = self.kubectl("get", kind, *names, "-o", "json", "--ignore-not-found")
        return json.loads(found) if found else None

    def mine(self, kind: str) -> list[dict[str, Any]]:
        """The objects of a kind that belong to the resource."""
        text = self.kubectl("get", kind, "-l", f"prompt2model.dev/resource={self.name}", "-o", "json")
        items: list[dict[str, Any]] = json.loads(text)["items"]
        return items

    def wait_ready(self, began: float) -> dict[str, float]:
        """When each stage was seen Succeeded, and the resource Ready."""
        ends: dict[str, float] = {}
        while time.time() < began + LIMIT_S:
            for run in self.mine("stageruns"):
                if (run.get("status") or {}).get("phase") == "Succeeded":
                    ends.setdefault(run["spec"]["stage"], time.time())
            phase = ((self.get("p2m", self.name) or {}).get("status") or {}).get("phase")
            if phase == "Failed":
                sys.exit(self.kubectl("describe", "p2m", self.name))
            if phase == "Ready":
                return {**ends, "Ready": time.time()}
            time.sleep(0.2)
        sys.exit(f"not Ready within {LIMIT_S:.0f} s")


def print_run(cluster: Cluster, began: float, ends: dict[str, float]) -> None:
    """A line a stage, then the overhead."""
    print("| stage | from its stage run to its result, s | its container runs after, s | own work, s |")
    print("|---|---|---|---|")
    own = 0.0
    pods = cluster.mine("pods")
    for run in sorted(cluster.mine("stageruns"), key=lambda r: ends[r["spec"]["stage"]]):
        stage, work = run["spec"]["stage"], float(run["status"]["result"]["seconds"])
        made = seconds(run["metadata"]["creationTimestamp"])
        starts = [started(pod) for pod in pods if pod["metadata"]["labels"].get("prompt2model.dev/stage") == stage]
        wait = f"{min(s for s in starts if s) - made:.0f}" if any(starts) else "-"
        print(f"| {stage} | {ends[stage] - made:.1f} | {wait} | {work:.1f} |")
        own += work
    served = ends["Ready"] - ends["evaluate"]
    print(f"| service | {served:.1f} | | |\n")
    wall = ends["Ready"] - began
    print(
        f"From apply to Ready: {wall:.1f} s = {own:.1f} s of the stages' own work + **{wall - own:.1f} s of overhead**.\n"
    )


def print_again(cluster: Cluster, file: Path) -> None:
    """What the same apply starts."""
    before = {pod["metadata"]["uid"] for pod in cluster.mine("pods")}
    cluster.kubectl("apply", "-f", str(file))
    time.sleep(QUIET_S)
    new = [pod for pod in cluster.mine("pods") if pod["metadata"]["uid"] not in before]
    phase = ((cluster.get("p2m", cluster.name) or {}).get("status") or {}).get("phase")
    print(f"The same apply again: {phase}, {len(new)} pods started within {QUIET_S:.0f} s.")


def seconds(stamp: str) -> float:
    """Kubernetes' time as seconds since 1970."""
    return datetime.fromisoformat(stamp).astimezone(UTC).timestamp()


def started(pod: dict[str, Any]) -> float | None:
    """When the pod's first container was started."""
    times = []
    for status in (pod.get("status") or {}).get("containerStatuses") or []:
        for state in (status.get("state") or {}).values():
            if state.get("startedAt"):
                times.append(seconds(state["startedAt"]))
    return min(times, default=None)


if __name__ == "__main__":
    main()
