"""Who may do what, and who reaches whom: the chart's roles and network policies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from prompt2model_operator import access_check
from tests import charts
from tests.charts import NAMESPACE, VALUES, find, rendered
from tests.rbac import NEEDS, WATCHES, Right

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


def granted(role: dict[str, Any]) -> set[Right]:
    return {
        (group, resource, verb, only)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for only in rule.get("resourceNames", [None])
    }


@ALL
def test_the_operator_may_do_what_it_needs_and_no_more(name: str) -> None:
    """tests/rbac.py has every verb with the code that needs it."""
    peering = "ml" if name == "existing" else "prompt2model"
    wide = name != "namespaced"
    by_setting = {"route", "monitor"} if name == "existing" else {"workspaces"}
    there = {"namespace"} | ({"cluster"} if wide else set()) | by_setting
    roles = [body for body in rendered(name) if body["metadata"]["name"] == f"{peering}-operator" and "rules" in body]
    assert [role["kind"] for role in roles] == (["ClusterRole"] if wide else ["Role", "Role"])
    for role in roles:
        assert granted(role) == {right for need in NEEDS if need.where in there for right in need.rights()}
    own = find(rendered(name), "Role", f"{peering}-lease")
    needed = [need for need in NEEDS if need.where == "own"] + ([] if wide else [*WATCHES])
    assert own["metadata"]["namespace"] == NAMESPACE
    assert granted(own) == {right for need in needed for right in need.rights(peering)}


@pytest.mark.parametrize(
    ("values", "listed"),
    [
        ({}, True),
        ({"watchNodes": False}, False),
        ({"watchNamespaces": ["a"]}, False),
        ({"watchNamespaces": ["a"], "watchNodes": True}, True),
    ],
)
def test_nodes_are_listed_where_the_operator_may(values: dict[str, Any], listed: bool) -> None:
    bodies = charts.parsed(charts.template(values).stdout)
    roles = [body for body in bodies if body["metadata"]["name"] == "prompt2model-nodes" and "rules" in body]
    needed = {right for need in NEEDS if need.where == "nodes" for right in need.rights()}
    assert [granted(role) for role in roles] == ([needed] if listed else [])
    settings = next(body for body in bodies if body["kind"] == "ConfigMap" and "settings.yaml" in body["data"])
    assert yaml.safe_load(settings["data"]["settings.yaml"])["watchNodes"] is listed


@ALL
def test_roles_are_bound_to_the_operator(name: str) -> None:
    bodies = rendered(name)
    (operator,) = [body for body in bodies if body["kind"] == "Deployment" and "operator" in body["metadata"]["name"]]
    account = operator["spec"]["template"]["spec"]["serviceAccountName"]
    find(bodies, "ServiceAccount", account)
    for role in (body for body in bodies if body["kind"] in ("Role", "ClusterRole")):
        meta = role["metadata"]
        if any(label.startswith("rbac.authorization.k8s.io/aggregate") for label in meta["labels"]):
            continue
        (binding,) = [
            body
            for body in bodies
            if body.get("roleRef", {}).get("name") == meta["name"]
            and body["metadata"].get("namespace") == meta.get("namespace")
        ]
        assert binding["roleRef"]["kind"] == role["kind"]
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}]


def test_what_the_operator_checks_at_its_start_is_granted() -> None:
    rights = granted(find(rendered("default"), "ClusterRole", "prompt2model-operator"))
    for kind, subresource, verbs in access_check.NEEDS:
        resource = f"{kind.plural}/{subresource}" if subresource else kind.plural
        assert {(kind.group, resource, verb, None) for verb in verbs} <= rights


def test_no_right_is_needed_twice_and_each_by_code_that_is_there() -> None:
    rights = [right for need in NEEDS for right in need.rights()]
    assert len(rights) == len(set(rights))
    folder = Path(access_check.__file__).parent
    assert not [need.code for need in NEEDS if not (folder / need.code).is_file()]


def test_roles_may_come_by_another_road() -> None:
    bodies = charts.parsed(charts.template({"rbac": {"create": False, "aggregate": False}}).stdout)
    assert not [body for body in bodies if "Role" in body["kind"]]
    find(bodies, "ServiceAccount", "prompt2model-operator")


@ALL
def test_no_wildcards(name: str) -> None:
    for role in (body for body in rendered(name) if body["kind"] in ("Role", "ClusterRole")):
        assert "*" not in yaml.safe_dump(role["rules"])


def test_users_have_it_with_their_namespace() -> None:
    view, edit = (find(rendered("default"), "ClusterRole", f"prompt2model-{name}") for name in ("view", "edit"))
    assert view["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"
    assert {verb for rule in view["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert edit["rules"][0]["resources"] == ["prompt2models"]  # stage runs are the operator's
