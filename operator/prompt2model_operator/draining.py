"""Nodes that are drained: a service's only replica moves to another node before it is evicted.

`kubectl drain` cordons the node, then asks for the eviction of its pods. The disruption budget does not grant that of the only
replica, so it goes on answering. Meanwhile a new annotation in the Deployment's template starts a replica on another node, and
the rollout ends the old one once the new one answers. The annotation stays; nothing else has to be remembered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_operator.clients.kubernetes_api import ApiError, KubernetesApi
from prompt2model_operator.kinds import NODE, POD, ROLE
from prompt2model_operator.manifests.service import MOVED, can_move, moved_from
from prompt2model_operator.settings import Settings
from prompt2model_operator.store import Store, owner_of
from prompt2model_operator.waking import Waker

Body = dict[str, Any]
logger = logging.getLogger(__name__)

EVERY_S = 5.0
"""A drain asks again every five seconds, too."""
CORDONED = "spec.unschedulable=true"
TAINT = "node.kubernetes.io/unschedulable"


async def watch_nodes(api: KubernetesApi, store: Store, waker: Waker) -> None:
    """For ever. Only cordoned nodes are listed: a watch would bring each node's whole status again and again."""
    while True:
        try:
            await read_cordons(api, store, waker)
        except ApiError as error:
            logger.info("the cordoned nodes could not be listed, tried again: %s", error)
        await asyncio.sleep(EVERY_S)


async def read_cordons(api: KubernetesApi, store: Store, waker: Waker) -> None:
    """Puts the cordoned nodes into the store, and wakes the resources with a service's pod on one that changed."""
    before = _cordons(store)
    found = await api.list(NODE, fields=CORDONED)
    store.replace(NODE, map(_without_status, found.items), found.version)
    changed = {name for name, _ in before ^ _cordons(store)}
    for pod in store.all(POD) if changed else ():
        owner = owner_of(pod)
        if owner is not None and _is_of_service(pod) and pod["spec"].get("nodeName") in changed:
            waker.wake(owner)


def move_mark(deployment: Body | None, pods: Iterable[Body], store: Store) -> str:
    """The annotation that the Deployment's template is to have: another one where the only replica must move.

    A pod that was made after its node was cordoned tolerates that, and is left where it is.
    """
    if deployment is None:
        return ""
    if deployment["spec"].get("replicas", 1) > 1:
        return moved_from(deployment)
    notes: dict[str, str] = deployment["spec"]["template"]["metadata"].get("annotations") or {}
    for pod in pods:
        if _is_of_service(pod) and _has(pod, notes) and _is_older_than_its_cordon(pod, store):
            return f"{pod['spec']['nodeName']}/{pod['metadata']['name']}"
    return moved_from(deployment)


def drain_message(resource: Prompt2Model, settings: Settings, pods: Iterable[Body], replicas: int, store: Store) -> str:
    """What happens to the service's replicas on cordoned nodes, for the status; empty where none is on one."""
    found = {pod["spec"].get("nodeName", "") for pod in pods if _is_of_service(pod) and _cordoned(pod, store)}
    if not found:
        return ""
    name = ", ".join(sorted(found))
    if not can_move(resource, settings):
        return (
            f"Node {name} is cordoned. A replica there cannot move while it answers, because its storage is mounted on one "
            "node only: a drain ends it, and then nothing answers until another one is ready."
        )
    if replicas > 1:
        return f"Node {name} is cordoned. A drain replaces the replicas there one after another."
    return (
        f"Node {name} is cordoned. The only replica is there and answers until another one is ready elsewhere; a drain waits "
        f"for that. Where no other node can take it, add one, or `kubectl uncordon {name}`."
    )


def _cordons(store: Store) -> set[tuple[str, str | None]]:
    """Name of each cordoned node, and since when; its taint comes a moment after the cordon itself."""
    return {(body["metadata"]["name"], (_taint(body) or {}).get("timeAdded")) for body in store.all(NODE)}


def _taint(node: Body) -> Body | None:
    return next((taint for taint in node["spec"]["taints"] if taint["key"] == TAINT), None)


def _is_of_service(pod: Body) -> bool:
    meta = pod["metadata"]
    return (meta.get("labels") or {}).get(ROLE) == "service" and not meta.get("deletionTimestamp")


def _has(pod: Body, notes: dict[str, str]) -> bool:
    """Whether the pod is of the newest template, as far as its annotations say."""
    own: dict[str, str] = pod["metadata"].get("annotations") or {}
    return own.get(MOVED) == notes.get(MOVED) and all(own.get(key) == value for key, value in notes.items())


def _cordoned(pod: Body, store: Store) -> Body | None:
    return store.get(NODE, ("", pod["spec"].get("nodeName", "")))


def _is_older_than_its_cordon(pod: Body, store: Store) -> bool:
    node = _cordoned(pod, store)
    taint = _taint(node) if node is not None else None
    if taint is None:
        return False
    made, since = pod["metadata"].get("creationTimestamp"), taint.get("timeAdded")
    return made is None or since is None or datetime.fromisoformat(made) < datetime.fromisoformat(since)


def _without_status(node: Body) -> Body:
    meta = {key: node["metadata"].get(key) for key in ("name", "uid", "resourceVersion")}
    return {"metadata": meta, "spec": {"taints": node["spec"].get("taints") or []}}
