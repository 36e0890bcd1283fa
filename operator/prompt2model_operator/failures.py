"""Why a pod does not run, was never made or ended badly, as a Failure with what to do. Root cause first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from prompt2model_api.conditions import Failure, FailureState
from prompt2model_api.texts import because, cut
from prompt2model_operator.interruptions import interruption_of_pod
from prompt2model_operator.last_words import ended_container, with_log

Body = dict[str, Any]

IMAGE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable")
START = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun")
STARTING_S = 15.0
"""A pod may be unschedulable or without its volume this long without a word: a node or a claim may just be coming."""

ONE_NODE = ("pod affinity rules", "volume node affinity conflict")
"""The scheduler's words where the other pods, or the claim's volume, are on a node that does not fit."""

NO_POD_S = 30.0
"""A Job may be without a pod this long: its controller has others to serve."""

SEE_LOG = "A stage's log is kept in storage as log-<attempt>.txt."

NO_WORDS: Mapping[str, str] = {}


def failure_of_pods(pods: Iterable[Body], now: datetime, words: Mapping[str, str] = NO_WORDS) -> Failure | None:
    """The first failure among the pods of a workload; None where all of them are well, or nobody knows.

    Args:
        pods: of one workload.
        now: the time, with its zone.
        words: the ends of logs, by `last_words.Ended.id`.
    """
    for pod in sorted(pods, key=lambda p: str(p["metadata"].get("creationTimestamp"))):
        if (found := failure_of_pod(pod, now, words)) is not None:
            return found
    return None


def refused_pods(workload: Body, now: datetime) -> Failure | None:
    """What keeps a Job, a RayJob or a Deployment from making its pods: the namespace's quota, or a policy of the cluster.

    A Deployment and KubeRay's cluster say it in a condition; a Job says it in its events alone, and has no pod.
    """
    status, name = workload.get("status") or {}, workload["metadata"]["name"]
    if workload["kind"] == "Job":
        since = status.get("startTime")
        if since is None or status.get("active") or status.get("conditions") or _young(since, NO_POD_S, now):
            return None
        return _refused(f"no pod of Job {name} was made; `kubectl describe job {name}` names what refuses it.")
    seen = [status, status.get("rayClusterStatus") or {}]
    for condition in [c for one in seen for c in one.get("conditions") or []]:
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            # The name of the pod that could not be made is another one at each try.
            return _refused(re.sub(r'pods "[^"]*"', "the pod", str(condition.get("message", ""))))
    return None


def failure_of_pod(pod: Body, now: datetime, words: Mapping[str, str] = NO_WORDS) -> Failure | None:
    """What is wrong with a pod."""
    status = pod.get("status") or {}
    if (found := interruption_of_pod(pod)) is not None:
        return found
    if status.get("reason") == "Evicted":
        message = because("The pod was evicted", status.get("message", ""))
        return _retrying("StorageExceeded", message, "Raise the limit that the message names, or ask for less.")
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        if (found := _of_container(pod, container, words)) is not None:
            return found
    return _unscheduled(pod, now)


def _of_container(pod: Body, container: Body, words: Mapping[str, str]) -> Failure | None:
    name = container.get("name", "")
    state, last = container.get("state") or {}, (container.get("lastState") or {}).get("terminated") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
    reason, text = waiting.get("reason", ""), waiting.get("message", "")
    if reason in IMAGE:
        message = because(f"Image {container.get('image', '')} cannot be pulled", text or reason)
        remedy = (
            "Load it into the nodes (`make images` does for kind), push it to the registry that the name has, or correct images in "
            "the chart's values and images.pullSecrets; it goes on by itself."
        )
        return _blocked("ImagePull", message, remedy)
    if reason in START:
        remedy = "Make what is named there (a Secret or ConfigMap with this key, a command); it goes on by itself."
        return _blocked("ContainerStart", because(f"Container {name} cannot start", text or reason), remedy)
    for dead in (ended, last):
        if dead.get("reason") == "OOMKilled":
            message = f"Container {name} needed more memory than its limit."
            return _retrying("OOMKilled", message, "Raise the memory in training.resources, or in the chart's pods.")
    if reason == "CrashLoopBackOff":
        message = f"Container {name} ends again and again, last with exit status {last.get('exitCode')}."
        remedy = "Fix what its log names; it starts again by itself."
        return _blocked("CrashLoop", *with_log(message, remedy, ended_container(pod, container), words))
    if ended and ended.get("exitCode", 0) != 0:
        message = because(
            f"Container {name} ended with exit status {ended['exitCode']}",
            ended.get("message") or ended.get("reason") or "",
        )
        return _retrying("Crashed", *with_log(message, SEE_LOG, ended_container(pod, container), words))
    return None


def _unscheduled(pod: Body, now: datetime) -> Failure | None:
    """A pod that no node takes; said after a while."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    held = next((c for c in conditions if c.get("type") == "PodScheduled" and c.get("status") == "False"), None)
    if held is None or held.get("reason") != "Unschedulable":
        return None
    if _young(held.get("lastTransitionTime") or pod["metadata"]["creationTimestamp"], STARTING_S, now):
        return None
    message = str(held.get("message", ""))
    remedy = "Add a node that has this, ask for less, or bind the claim; it goes on by itself."
    if any(sign in message for sign in ONE_NODE):
        remedy = (
            "On a ReadWriteOnce claim all pods of a resource run on one node. Give that node what this pod asks for, like a GPU, "
            "or store the results on a ReadWriteMany claim or in object storage (spec.storage). It goes on by itself."
        )
    return _blocked("Unschedulable", because("No node takes the pod", message), remedy)


def _young(since: str, seconds: float, now: datetime) -> bool:
    return now - datetime.fromisoformat(str(since)) < timedelta(seconds=seconds)


def _refused(message: str) -> Failure:
    remedy = "Raise the namespace's quota, or fix what its policies ask for; it goes on by itself."
    return _blocked("PodRefused", because("The cluster does not take the pods", message), remedy)


def _blocked(reason: str, message: str, remedy: str) -> Failure:
    return Failure(state=FailureState.BLOCKED, reason=reason, message=cut(message), remedy=remedy)


def _retrying(reason: str, message: str, remedy: str) -> Failure:
    return Failure(state=FailureState.RETRYING, reason=reason, message=cut(message), remedy=remedy)
