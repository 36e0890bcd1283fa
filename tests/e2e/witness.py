"""Sees every object of a namespace come and go: what a look at the end cannot tell, such as a pod that was made twice."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from types import TracebackType
from typing import Self

import httpx

from prompt2model_operator.kinds import ATTEMPT, DEPLOYMENT, JOB, POD, RAYJOB, ROLE, STAGE, STAGE_RUN, STAGERUN, Kind
from tests.e2e.kube import Body, Kube

RAYCLUSTER = Kind("ray.io", "v1", "rayclusters", "RayCluster")
SEEN = (STAGERUN, JOB, RAYJOB, RAYCLUSTER, POD, DEPLOYMENT)


class Witness:
    """Watches a namespace for as long as the block lasts."""

    def __init__(self, kube: Kube, namespace: str, kinds: tuple[Kind, ...] = SEEN) -> None:
        self._kube = kube
        self._namespace = namespace
        self._kinds = kinds
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._bodies: dict[str, dict[str, Body]] = {kind.plural: {} for kind in kinds}
        self._steps: dict[str, list[tuple[int, float]]] = defaultdict(list)
        self._there: set[str] = set()
        self._versions: dict[str, str] = {}
        self._threads = [threading.Thread(target=self._watch, args=(kind,), daemon=True) for kind in kinds]

    def __enter__(self) -> Self:
        for kind in self._kinds:
            items, self._versions[kind.plural] = self._list(kind)
            self._there |= {body["metadata"]["uid"] for body in items}
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(10)

    def made(self, kind: Kind, resource: str | None = None) -> list[Body]:
        """Objects of a kind that were not there before, as last seen."""
        with self._lock:
            found = [body for uid, body in self._bodies.get(kind.plural, {}).items() if uid not in self._there]
        labels = "prompt2model.dev/resource"
        return [body for body in found if resource in (None, body["metadata"].get("labels", {}).get(labels))]

    def stages(self, resource: str | None = None) -> list[str]:
        """The stages of the stage runs that were made, in their order."""
        return [run["spec"]["stage"] for run in self.made(STAGERUN, resource)]

    def workloads(self, resource: str | None = None) -> list[Body]:
        """The Jobs and RayJobs of stage runs that were made."""
        return [
            body
            for kind in (JOB, RAYJOB)
            for body in self.made(kind, resource)
            if STAGE_RUN in body["metadata"].get("labels", {}) and ROLE in body["metadata"]["labels"]
            if body["metadata"]["labels"][ROLE] == "stage"
        ]

    def attempts(self, resource: str | None = None) -> dict[tuple[str, str], int]:
        """How many workloads each attempt of a stage run had."""
        counts: dict[tuple[str, str], int] = defaultdict(int)
        for body in self.workloads(resource):
            labels = body["metadata"]["labels"]
            counts[labels[STAGE_RUN], labels[ATTEMPT]] += 1
        return dict(counts)

    def stage_pods(self, resource: str | None = None) -> list[Body]:
        """The pods that did stages' work, Ray's heads among them."""
        pods = self.made(POD, resource)
        return [pod for pod in pods if pod["metadata"].get("labels", {}).get(STAGE) and _does_work(pod)]

    def steps(self, stage_run: str) -> list[tuple[int, float]]:
        """What a stage run reported, in its order: attempt and how much was done."""
        with self._lock:
            return list(self._steps[stage_run])

    def _list(self, kind: Kind) -> tuple[list[Body], str]:
        """What is there, and the version to watch from."""
        answer = self._kube.http.get(kind.path(self._namespace))
        answer.raise_for_status()
        found = answer.json()
        return found["items"], str(found["metadata"]["resourceVersion"])

    def _watch(self, kind: Kind) -> None:
        version = self._versions[kind.plural]
        while not self._stopped.is_set():
            params = {"watch": "1", "timeoutSeconds": "600", "resourceVersion": version}
            try:
                with self._kube.http.stream(
                    "GET", kind.path(self._namespace), params=params, timeout=httpx.Timeout(10, read=2)
                ) as answer:
                    for line in answer.iter_lines():
                        version = self._see(kind, json.loads(line))
                        if self._stopped.is_set():
                            return
            except (httpx.HTTPError, ValueError):
                time.sleep(0.1)

    def _see(self, kind: Kind, event: Body) -> str:
        """Keeps what an event says; returns the version to go on from."""
        body = event["object"]
        if event["type"] == "ERROR":  # the version is too old: what is there now comes as if it were new
            items, version = self._list(kind)
            for item in items:
                self._see(kind, {"type": "ADDED", "object": item})
            return version
        with self._lock:
            self._bodies[kind.plural][body["metadata"]["uid"]] = body
            progress = (body.get("status") or {}).get("progress") if kind is STAGERUN else None
            if progress is not None and progress.get("total"):
                step = progress["attempt"], progress.get("done", 0.0)
                steps = self._steps[body["metadata"]["name"]]
                if not steps or steps[-1] != step:
                    steps.append(step)
        return str(body["metadata"]["resourceVersion"])


def _does_work(pod: Body) -> bool:
    labels = pod["metadata"]["labels"]
    return labels.get(ROLE) == "stage" and labels.get("ray.io/node-type", "head") == "head"
