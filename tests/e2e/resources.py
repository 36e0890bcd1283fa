"""Prompt2Models of the tests: examples/dates.yaml with small numbers, and what becomes of it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

from prompt2model_operator.kinds import (
    DEPLOYMENT,
    JOB,
    MANAGED_BY,
    MANAGER,
    POD,
    PROMPT2MODEL,
    RAYJOB,
    RESOURCE,
    STAGERUN,
)
from tests.e2e.kube import Body, Kube, NotYet, wait_for

EXAMPLE = Path(__file__).parents[2] / "examples" / "dates.yaml"
SMALL: Body = {
    "datasets": {"maxRows": 40},
    "generation": {"examples": 4},
    "training": {"epochs": 1, "batchSize": 8, "maxInputTokens": 64, "maxOutputTokens": 12, "checkpointEvery": 2},
    "evaluation": {"metrics": ["ExactMatch"], "maxRows": 4, "gate": {"metric": "ExactMatch", "atLeast": "0"}},
    "storage": {"size": "1Gi"},
    "retries": {"backoffSeconds": 5},
    "retention": {"storage": "Delete"},
}
RUN_S = 900.0
"""The longest that a small run may take, on a machine with other work."""
NAMED_S = 120.0
"""The longest until a condition names what is wrong."""


def merged(base: Body, *changes: Body) -> Body:
    """The base with changes, deep; None removes a field."""
    whole = copy.deepcopy(base)
    for change in changes:
        for key, value in change.items():
            if isinstance(value, dict) and isinstance(whole.get(key), dict):
                whole[key] = merged(whole[key], value)
            elif value is None:
                whole.pop(key, None)
            else:
                whole[key] = copy.deepcopy(value)
    return whole


def small_example(*changes: Body) -> Body:
    """The spec of the example, small."""
    return merged(yaml.safe_load(EXAMPLE.read_text())["spec"], SMALL, *changes)


class Resource:
    """One Prompt2Model in the cluster."""

    def __init__(self, kube: Kube, namespace: str, name: str) -> None:
        self.kube = kube
        self.namespace = namespace
        self.name = name

    @property
    def selector(self) -> str:
        """Of everything that belongs to it."""
        return f"{MANAGED_BY}={MANAGER},{RESOURCE}={self.name}"

    def apply(self, spec: Body) -> None:
        """`kubectl apply`: what the file no longer has goes."""
        meta = {"name": self.name, "namespace": self.namespace}
        body = {"apiVersion": PROMPT2MODEL.api_version, "kind": PROMPT2MODEL.kind, "metadata": meta, "spec": spec}
        self.kube.kubectl("apply", "-f", "-", given=yaml.safe_dump(body))

    def edit(self, change: Body) -> None:
        """`kubectl apply` of the small example with a change."""
        self.apply(small_example(change))

    def body(self) -> Body | None:
        """The object; None where there is none."""
        return self.kube.get(PROMPT2MODEL, self.namespace, self.name)

    def seen(self) -> Body:
        """The object. Raises: NotYet where there is none."""
        body = self.body()
        if body is None:
            raise NotYet(f"{self.name} is not there")
        return body

    def status(self) -> Body:
        """Its status, as far as there is one."""
        return dict(self.seen().get("status") or {})

    def condition(self, kind: str) -> Body:
        """A condition that knows the newest spec. Raises: NotYet."""
        body = self.seen()
        status = body.get("status") or {}
        found = [c for c in status.get("conditions", []) if c["type"] == kind]
        if not found or found[0].get("observedGeneration", 0) < body["metadata"]["generation"]:
            raise NotYet(f"{self.name} has no {kind} for generation {body['metadata']['generation']}: {summary(body)}")
        return dict(found[0])

    def stage_runs(self, stage: str | None = None) -> list[Body]:
        """Its stage runs, oldest first."""
        found = self.kube.list(STAGERUN, self.namespace, self.selector)
        found = [run for run in found if stage in (None, run["spec"]["stage"])]
        return sorted(found, key=lambda run: run["metadata"]["creationTimestamp"])

    def workloads(self) -> list[Body]:
        """Its Jobs and RayJobs."""
        return [body for kind in (JOB, RAYJOB) for body in self.kube.list(kind, self.namespace, self.selector)]

    def pods(self, selector: str = "") -> list[Body]:
        """Its pods."""
        return self.kube.list(POD, self.namespace, ",".join(filter(None, (self.selector, selector))))

    def deployment(self) -> Body | None:
        """Of its service."""
        return self.kube.get(DEPLOYMENT, self.namespace, self.name)

    def wait_ready(self, within: float = RUN_S) -> Body:
        """Waits until it is Ready; a state that nothing outside can fix ends the wait."""

        def ready() -> Body:
            found = self.condition("Ready")
            assert self.status().get("phase") != "Failed", f"{self.name} failed: {found}"
            if found["status"] != "True":
                raise NotYet(summary(self.seen()))
            return self.seen()

        return wait_for(f"{self.namespace}/{self.name} Ready", ready, within)

    def wait_condition(self, kind: str, reason: str, words: str = "", within: float = NAMED_S) -> Body:
        """Waits until a condition has this reason and its message these words."""

        def named() -> Body:
            found = self.condition(kind)
            if found["reason"] != reason or words not in found["message"]:
                raise NotYet(f"{kind} is {found['reason']}: {found['message']}")
            return found

        return wait_for(f"{self.name}: {kind} {reason} {words}".strip(), named, within)

    def wait_run(self, stage: str, known: int = 0, phase: str = "Running", within: float = RUN_S) -> Body:
        """Waits until the newest stage run of a stage, beyond those known, is in this phase."""

        def run() -> Body:
            found = self.stage_runs(stage)
            if len(found) <= known:
                raise NotYet(summary(self.seen()))
            state = (found[-1].get("status") or {}).get("phase")
            if state != phase:
                raise NotYet(f"{found[-1]['metadata']['name']} is {state}; {summary(self.seen())}")
            return found[-1]

        return wait_for(f"{self.name}: {stage} {phase}", run, within)

    def wait_working(self, stage: str, known: int = 0, done: float = 0.0, within: float = RUN_S) -> Body:
        """Waits until the newest stage run of a stage says itself that it works, and that so much is done."""

        def working() -> Body:
            found = self.stage_runs(stage)
            if len(found) <= known:
                raise NotYet(summary(self.seen()))
            progress = (found[-1].get("status") or {}).get("progress")
            if progress is None or progress.get("done", 0.0) < done:
                raise NotYet(f"{found[-1]['metadata']['name']}: {progress}; {summary(self.seen())}")
            assert (found[-1]["status"]).get("result") is None, f"{stage} was over before it was looked at"
            return found[-1]

        return wait_for(f"{self.name}: {stage} at work", working, within, every=0.2)

    def delete(self) -> None:
        """Asks for its deletion."""
        self.kube.delete(PROMPT2MODEL, self.namespace, self.name)

    def wait_gone(self, within: float = 120.0) -> None:
        """Waits until nothing of it is left: no object, no workload, no pod, no Ray cluster, no claim."""
        wait_for(f"nothing left of {self.name}", self._left, within)

    def _left(self) -> None:
        kinds = "prompt2models,stageruns,jobs,rayjobs,rayclusters,pods,deployments,services,hpa,pdb,netpol,sa,role,rolebinding"
        text = self.kube.kubectl("get", "-n", self.namespace, "-o", "name", "-l", self.selector, f"{kinds},pvc")
        own = f"{PROMPT2MODEL.plural}.{PROMPT2MODEL.group}/{self.name}"
        left = [line for line in text.split() if "cleanup" not in line]
        if self.body() is not None:
            left.append(own)
        if left:
            raise NotYet(f"left: {' '.join(left)}")


def summary(body: Body) -> str:
    """Where a resource stands, in a line."""
    status = body.get("status") or {}
    told = [f"{c['type']}={c['reason']}" for c in status.get("conditions", []) if c["status"] != "True"]
    return f"phase {status.get('phase')}, {status.get('progress') or 'no progress'}, {', '.join(told)}"


def succeeded(runs: list[Body]) -> dict[str, Any]:
    """Attempt and seconds of each stage run that has a result, by name."""
    done = {}
    for run in runs:
        status = run.get("status") or {}
        if status.get("phase") == "Succeeded":
            done[run["metadata"]["name"]] = (status["attempt"], status["result"].get("seconds"))
    return done
