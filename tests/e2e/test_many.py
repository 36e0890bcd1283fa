"""Many resources at once, and two operators: the stages only report, so that the operator has all the work.

generate and train are Jobs here (settings.ray.mode): one node does not start a hundred Ray clusters.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest

from prompt2model_operator.kinds import DEPLOYMENT, JOB, POD, PROMPT2MODEL, RESOURCE, STAGERUN
from tests.e2e.kube import Body, Kube, NotYet, wait_for
from tests.e2e.release import MANY, STAGES, Release
from tests.e2e.resources import summary
from tests.e2e.witness import Witness

pytestmark = [pytest.mark.e2e, pytest.mark.scale]

COUNT, SERVED = 100, 20
READY_S = 1500.0
MEMORY = 300e6


def test_a_hundred_at_once(many: Release, nobody: None, kube: Kube) -> None:
    before = many.metrics()
    with Witness(kube, MANY, (STAGERUN, JOB, POD, DEPLOYMENT)) as seen, Peak(many) as memory:
        apply(kube, "many", COUNT, SERVED)
        wait_ready(kube, COUNT)
        no_duplicates(seen, COUNT, SERVED)
    after = many.metrics()
    requests = {k: v - before.get(k, 0) for k, v in after.items() if k.startswith("p2m_api_requests_total")}
    print(f"{memory.bytes / 1e6:.0f} MB at most, {sum(requests.values()) / COUNT:.1f} requests a resource:")  # noqa: T201
    for name, count in sorted(requests.items(), key=lambda item: -item[1]):
        if count:
            print(f"  {count / COUNT:6.2f} {name}")  # noqa: T201
    assert memory.bytes < MEMORY
    assert after.get("p2m_look_errors_total", 0) - before.get("p2m_look_errors_total", 0) < COUNT


def test_two_operators_and_one_that_comes_back_from_a_pause(many: Release, nobody: None, kube: Kube) -> None:
    try:
        many.scale(many.operator, 2, ready=1)  # the one that waits for the lease is not
        wait_for("both operators", lambda: _both_run(many), 120)
        with Witness(kube, MANY, (STAGERUN, JOB, POD, DEPLOYMENT)) as seen:
            paused = many.wait_operator()
            apply(kube, "two", 12, 3)
            wait_for("work", lambda: _at_least(seen, 12), 120, every=0.2)
            many.kill("STOP", paused)
            wait_for("the other operator", lambda: _takes_over(many, paused), 90)
            many.kill("CONT", paused)
            wait_ready(kube, 12)
            no_duplicates(seen, 12, 3)
            wait_for("one active operator", lambda: _one_leads(many), 60)
    finally:
        many.scale(many.operator, 1)


class Peak:
    """The most memory that the operator's process had while the block lasted."""

    def __init__(self, release: Release) -> None:
        self.bytes = 0.0
        self._release = release
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._measure, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._stopped.set()
        self._thread.join(30)

    def _measure(self) -> None:
        while not self._stopped.wait(2):
            self.bytes = max(self.bytes, self._release.metric("process_resident_memory_bytes") or 0.0)


def apply(kube: Kube, prefix: str, count: int, served: int) -> None:
    """So many resources, the first of them with a service."""
    for i in range(count):
        meta = {"name": f"{prefix}-{i:03d}", "namespace": MANY}
        spec = {"prompt": f"Say {i}.", "storage": {"size": "1Mi"}, "retention": {"storage": "Delete"}}
        spec["service"] = {"enabled": i < served}
        kube.create(
            PROMPT2MODEL,
            {"apiVersion": "prompt2model.dev/v1alpha1", "kind": "Prompt2Model", "metadata": meta, "spec": spec},
        )


def wait_ready(kube: Kube, count: int) -> None:
    """Waits until all resources are Ready."""

    def ready() -> None:
        bodies = kube.list(PROMPT2MODEL, MANY)
        phases = Counter((body.get("status") or {}).get("phase", "new") for body in bodies)
        if phases != {"Ready": count}:
            other = next(body for body in bodies if (body.get("status") or {}).get("phase") != "Ready")
            raise NotYet(f"{dict(phases)}; {other['metadata']['name']}: {summary(other)}")

    wait_for(f"{count} Ready", ready, READY_S, every=2)


def no_duplicates(seen: Witness, count: int, served: int) -> None:
    """One stage run a stage, one workload an attempt, one attempt, one pod a workload, one Deployment a service."""
    runs = Counter((run["metadata"]["labels"][RESOURCE], run["spec"]["stage"]) for run in seen.made(STAGERUN))
    assert len(runs) == count * len(STAGES) and set(runs.values()) == {1}
    attempts = seen.attempts()
    assert set(attempts.values()) == {1} and len(attempts) == count * len(STAGES)
    pods = Counter(pod["metadata"]["labels"]["prompt2model.dev/stage-run"] for pod in seen.stage_pods())
    assert set(pods.values()) == {1} and len(pods) == count * len(STAGES)
    assert len(seen.made(DEPLOYMENT)) == served


def _at_least(seen: Witness, count: int) -> None:
    if len(seen.made(JOB)) < count:
        raise NotYet(f"{len(seen.made(JOB))} Jobs")


def _takes_over(release: Release, paused: Body) -> None:
    others = [pod for pod in release.operator_pods() if pod["metadata"]["uid"] != paused["metadata"]["uid"]]
    if not any(release.metric("p2m_leader", pod) == 1 for pod in others):
        raise NotYet(f"{[pod['metadata']['name'] for pod in others]}")


def _both_run(many: Release) -> None:
    leads = [many.metric("p2m_leader", pod) for pod in many.operator_pods()]
    if sorted(leads, key=str) != [0.0, 1.0]:
        raise NotYet(f"{leads}")


def _one_leads(release: Release) -> None:
    leaders = [release.metric("p2m_leader", pod) for pod in release.operator_pods()]
    if leaders.count(1.0) != 1 or None in leaders:
        raise NotYet(f"{leaders}")
