"""Who may do what, and who reaches whom: the chart's roles and network policies."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests import charts
from tests.charts import VALUES, find, rendered
from tests.rbac import NEEDS, Mode

pytestmark = [
    pytest.mark.unit,
    pytest.mark.skipif(charts.helm() is None, reason="helm is not on PATH"),
]

ALL = pytest.mark.parametrize("name", VALUES)


def policy(name: str, component: str) -> dict[str, Any]:
    spec: dict[str, Any] = find(rendered(name), "NetworkPolicy", f"prompt2model-{component}")["spec"]
    return spec


def roles_let_in(rule: dict[str, Any]) -> list[str]:
    return [
        role
        for peer in rule["from"]
        for expression in peer.get("podSelector", {}).get("matchExpressions", [])
        for role in expression["values"]
    ]


def test_who_reaches_mlflow_and_the_teacher() -> None:
    (into,) = policy("default", "mlflow")["ingress"]
    assert roles_let_in(into) == ["stage", "tracking"]
    assert policy("default", "mlflow")["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in policy("default", "mlflow")
    assert policy("postgres-s3", "mlflow")["policyTypes"] == ["Ingress"]
    assert policy("postgres-s3", "mlflow")["ingress"][0]["from"][-1] == {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}
    }
    (asked,) = policy("default", "teacher")["ingress"]
    assert roles_let_in(asked) == ["stage"]
    namespaces = [peer.get("namespaceSelector") for peer in policy("namespaced", "mlflow")["ingress"][0]["from"]]
    assert {
        "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["team-a", "team-b"]}]
    } in namespaces


def test_whom_the_operator_reaches() -> None:
    ports = [[port["port"] for port in rule["ports"]] for rule in policy("default", "operator")["egress"]]
    assert ports == [[53, 53], [443, 6443], [5000], [8080]]
    outside = find(rendered("existing"), "NetworkPolicy", "p2m-operator")["spec"]
    assert [[port["port"] for port in rule.get("ports", [])] for rule in outside["egress"]] == [
        [53, 53],
        [6443],
        [8443],
        [],
    ]
    assert outside["ingress"][0]["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    ]
    assert not [body for body in rendered("postgres-claim") if body["kind"] == "NetworkPolicy"]


@ALL
def test_the_operator_may_do_what_it_needs_and_no_more(name: str) -> None:
    """tests/rbac.py has every verb with the code that needs it."""
    for role in operator_roles(name):
        granted = {
            (group, resource, verb, only)
            for rule in role["rules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
            for only in rule.get("resourceNames", [None])
        }
        modes: set[Mode] = {"always", "cluster" if role["kind"] == "ClusterRole" else "namespaced"}
        modes |= {"secrets"} if name != "namespaced" else set()
        modes |= {"routes"} if name == "existing" else set()
        peering = "ml" if name == "existing" else "prompt2model"
        needed = {
            (group, resource, verb, peering if only else None)
            for need in NEEDS
            if need.when in modes
            for group, resource, verb, only in need.rights()
        }
        assert granted == needed


def test_no_right_is_needed_twice() -> None:
    rights = [right for need in NEEDS for right in need.rights()]
    assert len(rights) == len(set(rights))


@ALL
def test_no_wildcards(name: str) -> None:
    for role in (body for body in rendered(name) if body["kind"] in ("Role", "ClusterRole")):
        assert "*" not in yaml.safe_dump(role["rules"])


def test_users_have_it_with_their_namespace() -> None:
    view, edit = (find(rendered("default"), "ClusterRole", f"prompt2model-{name}") for name in ("view", "edit"))
    assert view["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"
    assert {verb for rule in view["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert edit["rules"][0]["resources"] == ["prompt2models"]  # stage runs are the operator's


def operator_roles(name: str) -> list[dict[str, Any]]:
    roles = [body for body in rendered(name) if body["kind"] in ("Role", "ClusterRole")]
    return [body for body in roles if body["metadata"]["name"].endswith("-operator")]
