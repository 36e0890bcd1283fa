"""Each namespace has credentials of its own for MLflow, and only what records gets them."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from prompt2model_operator.kinds import JOB, PROMPT2MODEL, RAYJOB, SECRET
from prompt2model_operator.settings import Settings, Tracking
from prompt2model_operator.workspaces import workspace_name, workspace_password
from tests.memory_cluster import KEY, SETTINGS, Cluster
from tests.stage_outputs import outputs

pytestmark = pytest.mark.unit

OWN = Tracking(uri="http://mlflow:5000", secret="p2m-tracking", workspaces=True, workspace_key="k" * 32)


def guarded() -> Settings:
    return SETTINGS.model_copy(update={"tracking": OWN})


def test_no_two_namespaces_share_a_workspace() -> None:
    """Names of MLflow's own, names that look like another's, names that are too long."""
    long = "a" * 63
    names = ["default", "api", "a", "p2m-default", long, long[:-1], workspace_name(long)[3:], workspace_name(long)]
    found = {workspace_name(name) for name in names}
    assert len(found) == len(names)
    assert all(2 <= len(name) <= 63 and name.startswith("p2m") for name in found)


def test_a_password_is_of_one_key_and_one_namespace() -> None:
    made = {workspace_password(key, name) for key in ("k" * 32, "l" * 32) for name in ("a", "b")}
    assert len(made) == 4
    assert workspace_password("k" * 32, "a") in made
    assert all(len(password) == 64 for password in made)


def test_the_secret_is_there_before_the_first_pod_and_owned_by_the_resource() -> None:
    cluster = Cluster(settings=guarded())
    assert asyncio.run(cluster.run(outputs)) == "Ready"
    made = [kind for _, kind, _ in cluster.api.writes if kind in ("Secret", "Job", "RayJob")]
    assert made[0] == "Secret"
    (secret,) = cluster.of(SECRET)
    (resource,) = cluster.of(PROMPT2MODEL)
    assert [owner["uid"] for owner in secret["metadata"]["ownerReferences"]] == [resource["metadata"]["uid"]]
    values = {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}
    assert values == {
        "MLFLOW_TRACKING_USERNAME": "p2m-team-a",
        "MLFLOW_TRACKING_PASSWORD": workspace_password("k" * 32, KEY[0]),
        "MLFLOW_WORKSPACE": "p2m-team-a",
    }
    for workload in [*cluster.of(JOB), *cluster.of(RAYJOB)]:
        assert set(values) <= keys_of("p2m-tracking", workload), workload["metadata"]["name"]


def test_a_refused_secret_costs_the_record_alone() -> None:
    cluster = Cluster(settings=guarded())
    cluster.api.refused = {"secrets"}
    assert asyncio.run(cluster.run(outputs)) == "Ready"
    assert not cluster.of(SECRET)


def test_an_mlflow_without_workspaces_has_the_users_secret() -> None:
    cluster = Cluster(
        settings=SETTINGS.model_copy(update={"tracking": Tracking(uri="http://mlflow:5000", secret="mine")})
    )
    assert asyncio.run(cluster.run(outputs)) == "Ready"
    assert not cluster.of(SECRET)
    assert all("MLFLOW_TRACKING_TOKEN" in keys_of("mine", workload) for workload in cluster.of(JOB))


def keys_of(secret: str, tree: Any) -> set[str]:
    """The keys of a Secret that a manifest reads."""
    if isinstance(tree, list):
        return {key for part in tree for key in keys_of(secret, part)}
    if not isinstance(tree, dict):
        return set()
    own = {tree["key"]} if tree.get("name") == secret and "key" in tree else set()
    return own.union(*(keys_of(secret, part) for part in tree.values()))
