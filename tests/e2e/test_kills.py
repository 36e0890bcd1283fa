"""Processes that are killed: the operator in each part of a run, Ray's head and a training without memory in its middle."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from prompt2model_operator.kinds import DEPLOYMENT, POD, STAGERUN
from tests.e2e.clients import SCRIPTS, client
from tests.e2e.kube import Body, Kube, NotYet, wait_for
from tests.e2e.release import Release
from tests.e2e.resources import RUN_S, Resource, merged
from tests.e2e.test_edits import another_rate
from tests.e2e.witness import RAYCLUSTER, Witness

EVERY = 2
"""Steps between checkpoints."""

pytestmark = [pytest.mark.e2e, pytest.mark.faults]


def test_the_operator_is_killed_in_generate_in_train_and_in_a_rollout(
    finished: Resource, release: Release, kube: Kube
) -> None:
    resource = finished
    trained, generated = (len(resource.stage_runs(stage)) for stage in ("train", "generate"))
    old, restarts = resource.status(), release.restarts()
    with (
        client(kube, resource.namespace, old["service"]["url"]) as asked,
        Witness(kube, resource.namespace) as seen,
    ):
        # More examples than the others make, so that the kill meets generate at work.
        resource.edit({"seed": random.randrange(1, 10**6), "generation": {"examples": 16}})
        resource.wait_working("generate", generated)
        release.kill()
        resource.wait_working("train", trained)
        release.kill()
        wait_for("a rollout", lambda: _rolls_out(resource, old["service"]["digest"]), RUN_S, every=0.1)
        release.kill()
        resource.wait_ready()
        told = asked.wait_answers(3)
        assert told["failed"] == [], told["failed"][:10]
        assert release.restarts() >= restarts + 3
        assert seen.stages() == ["generate", "prepare", "train", "evaluate"]
        assert all(count == 1 for count in seen.attempts().values()), seen.attempts()
        assert {attempt for _, attempt in seen.attempts()} == {"1"}
        pods = [(p["metadata"]["labels"]["prompt2model.dev/stage-run"]) for p in seen.stage_pods()]
        assert sorted(pods) == sorted(set(pods)), "a stage run had two pods"
        assert len(seen.made(DEPLOYMENT)) <= 1
    resource.wait_condition("Tracked", "Recorded", within=300)
    recorded = [r["p2m.stage_run"] for r in release.recorded(resource.namespace, resource.name) if "p2m.stage_run" in r]
    assert len(recorded) == len(set(recorded)), "a stage run was recorded twice"
    assert {run["metadata"]["name"] for run in seen.made(STAGERUN)} <= set(recorded)


def test_ray_head_deleted_in_the_middle_of_training_goes_on_from_the_checkpoint(finished: Resource, kube: Kube) -> None:
    resource = finished
    known = len(resource.stage_runs("train"))
    with Witness(kube, resource.namespace) as seen:
        long = {"epochs": 6, "earlyStoppingPatience": 0, "checkpointEvery": EVERY}
        resource.edit({"training": {"learningRate": another_rate(), **long}})
        run = resource.wait_working("train", known, done=6)
        name = run["metadata"]["name"]
        heads = resource.pods(f"prompt2model.dev/stage-run={name},ray.io/node-type=head")
        assert len(heads) == 1 and seen.steps(name)[0] == (1, 0)
        kube.delete(POD, resource.namespace, heads[0]["metadata"]["name"])
        _, reached = seen.steps(name)[-1]
        resource.wait_ready()
        (again,) = [r for r in resource.stage_runs("train") if r["metadata"]["name"] == name]
        steps = [done for _, done in seen.steps(name)]
        lost = max(before - after for before, after in pairwise(steps))
        assert lost <= EVERY + 1, f"from one report to the next {lost} steps were lost: {seen.steps(name)}"
        assert 0 not in steps[1:], seen.steps(name)
        assert again["status"]["result"]["outputs"]["steps"] > reached >= 6
        heads = [pod for pod in seen.stage_pods() if pod["metadata"]["labels"]["prompt2model.dev/stage-run"] == name]
        assert len(heads) == 2, "the head was made anew once"
        assert all(count == 1 for count in seen.attempts().values()), seen.attempts()

        def none_left() -> None:
            left = kube.list(RAYCLUSTER, resource.namespace)
            if left:
                raise NotYet(f"{[body['metadata']['name'] for body in left]}")

        wait_for("no Ray cluster", none_left, 180)


def test_a_training_without_memory_goes_on_from_its_checkpoint_after_more(finished: Resource, kube: Kube) -> None:
    resource = finished
    known = len(resource.stage_runs("train"))
    change: Body = {
        "training": {
            "learningRate": another_rate(),
            "epochs": 6,
            "earlyStoppingPatience": 0,
            "checkpointEvery": EVERY,
            "resources": {"memory": "4Gi"},
        },
        "retries": {"attempts": 1},
    }
    with Witness(kube, resource.namespace) as seen:
        resource.edit(change)
        name = resource.wait_working("train", known, done=6)["metadata"]["name"]
        (head,) = resource.pods(f"prompt2model.dev/stage-run={name},ray.io/node-type=head")
        hog = (SCRIPTS / "memory_hog.py").read_text()
        command = ("exec", "-n", resource.namespace, head["metadata"]["name"], "--", "python", "-c")
        with kube.started(*command, hog, "0.99"):
            found = wait_for("a training without memory", lambda: _without_memory(resource), RUN_S)
        assert "training.resources" in found["message"], found
        uid, (_, reached) = resource.seen()["metadata"]["uid"], seen.steps(name)[-1]
        resource.edit(merged(change, {"training": {"resources": {"memory": "6Gi"}}}))
        resource.wait_ready()
        (again,) = [run for run in resource.stage_runs("train") if run["metadata"]["name"] == name]
        assert again["status"]["attempt"] == 2 and resource.seen()["metadata"]["uid"] == uid
        first = next(done for attempt, done in seen.steps(name) if attempt == 2)
        assert reached - first <= EVERY + 1, f"{reached} was reached, and it goes on at {first}: {seen.steps(name)}"
        assert all(count == 1 for count in seen.attempts().values()), seen.attempts()


def _without_memory(resource: Resource) -> Body:
    found = resource.condition("Trained")
    if found["reason"] not in ("OutOfMemory", "OOMKilled"):
        raise NotYet(f"{found}")
    return found


def _rolls_out(resource: Resource, old: str) -> None:
    deployment = resource.deployment()
    digest = (deployment or {"metadata": {}})["metadata"].get("annotations", {}).get("prompt2model.dev/digest")
    if digest == old:
        raise NotYet(f"it serves {old[:8]}")
