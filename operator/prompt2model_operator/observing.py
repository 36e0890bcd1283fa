"""From the objects of the store to the snapshot that `decide` reads. No request is made here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from prompt2model_api.conditions import Failure, FailureState
from prompt2model_api.pages import pages_address
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.retrying import is_interruption
from prompt2model_api.snapshot import ObservedService, Snapshot, Workload
from prompt2model_api.stage_run import Stage, StageRun
from prompt2model_api.texts import cut, sentence
from prompt2model_operator.draining import drain_message
from prompt2model_operator.failures import NO_WORDS, failure_of_pods, refused_pods
from prompt2model_operator.hearing import Hearing
from prompt2model_operator.interruptions import interrupted_job, interruption_of_pod
from prompt2model_operator.kinds import (
    ATTEMPT,
    DEPLOYMENT,
    JOB,
    POD,
    PROMPT2MODEL,
    RAYJOB,
    RETRY,
    ROLE,
    SERVICE,
    STAGE_RUN,
    STAGERUN,
)
from prompt2model_operator.manifests.common import folder_uri
from prompt2model_operator.manifests.service import DIGEST, served_model, service_url
from prompt2model_operator.own_maps import OwnMaps
from prompt2model_operator.ray_ending import rayjob_ended, told_by_ray
from prompt2model_operator.ray_starting import ray_not_started
from prompt2model_operator.recording import Record
from prompt2model_operator.settings import Settings
from prompt2model_operator.store import Key, Store

Body = dict[str, Any]
Attempts = Mapping[tuple[str, int], Failure]

MARK_LENGTH = 64
"""Characters of the annotation that count."""

CRASHES = ("CrashLoop", "Crashed")


def observe(
    resource: Prompt2Model,
    store: Store,
    settings: Settings,
    now: datetime,
    *,
    never_made: Attempts,
    own: OwnMaps,
    hearing: Hearing,
    record: Record,
    bases: Mapping[Stage, str],
    words: Mapping[str, str] = NO_WORDS,
) -> Snapshot:
    """One look at everything that belongs to a resource.

    Args:
        never_made: attempts whose workload could not be made, and why.
        own: what the user's ConfigMaps hold.
        hearing: remembers when heartbeats were seen to change; this look is added.
        record: what is known of MLflow.
        bases: what attempts made now are made of, by stage.
        words: the ends of logs of containers that ended, by `last_words.Ended.id`.
    """
    key = resource.metadata.namespace, resource.metadata.name
    runs = {}
    for body in store.owned(STAGERUN, key):
        if _belongs_to(body, resource):
            run = StageRun.model_validate(body)
            runs[run.metadata.name] = run
    return Snapshot(
        resource=_without_cluster_page(resource, settings),
        storage=folder_uri(resource, settings),
        stage_runs=runs,
        workloads=tuple(_workloads(key, store, runs, never_made, now, words)),
        service=_service(resource, key, store, settings, now, words),
        sources=own.sources,
        missing=own.missing,
        heard=hearing.note(runs.values(), now),
        tracked=record.tracked,
        tracking_problem=record.problem,
        run_url=record.run_url,
        bases=bases,
        retry=retry_asked_for(store.get(PROMPT2MODEL, key)),
        how_to_retry=how_to_retry(*key),
    )


def _without_cluster_page(resource: Prompt2Model, settings: Settings) -> Prompt2Model:
    """The resource without a runURL that no browser opens: earlier versions wrote MLflow's address in the cluster."""
    status, tracking = resource.status, settings.tracking
    if status is None or status.run_url is None or tracking.uri is None:
        return resource
    pages = pages_address(tracking.uri, tracking.public_url)
    if pages == tracking.uri.rstrip("/") or not status.run_url.startswith(f"{tracking.uri.rstrip('/')}/"):
        return resource
    return resource.model_copy(update={"status": status.model_copy(update={"run_url": None})})


def retry_asked_for(body: Body | None) -> str | None:
    """The annotation by which a person asks for another attempt of what has failed."""
    value = ((body or {}).get("metadata", {}).get("annotations") or {}).get(RETRY)
    return str(value)[:MARK_LENGTH] if value else None


def how_to_retry(namespace: str, name: str) -> str:
    """For a stage run that is given up."""
    command = f'kubectl annotate p2m {name} -n {namespace} {RETRY}="$(date +%s)" --overwrite'
    return f"It is tried again when its resources, limits, deadlines or images change, or after `{command}`."


def _belongs_to(body: Body, resource: Prompt2Model) -> bool:
    """Whether an object is this resource's, and not one that a deleted resource of the same name leaves behind."""
    owners = [owner["uid"] for owner in body["metadata"].get("ownerReferences", [])]
    return resource.metadata.uid in owners and not body["metadata"].get("deletionTimestamp")


def is_starting(snapshot: Snapshot) -> bool:
    """Whether something has yet to start: how long it has not done so says whether it will, and no watch tells the time."""
    for workload in snapshot.workloads:
        waits = workload.alive and not workload.queued
        if waits and not _is_heard(snapshot.stage_runs[workload.stage_run], workload.attempt):
            return True
    return snapshot.service is not None and (snapshot.service.changing or not snapshot.service.ready)


def _workloads(
    key: Key,
    store: Store,
    runs: Mapping[str, StageRun],
    never_made: Attempts,
    now: datetime,
    words: Mapping[str, str],
) -> list[Workload]:
    pods: dict[tuple[str, int], list[Body]] = {}
    for pod in store.owned(POD, key):
        if (of := _attempt_of(pod)) is not None:
            pods.setdefault(of, []).append(pod)
    found = [Workload(name, attempt, False, failure) for (name, attempt), failure in never_made.items()]
    for kind in (JOB, RAYJOB):
        for body in store.owned(kind, key):
            of = _attempt_of(body)
            if of is None or of[0] not in runs:
                continue
            stage = runs[of[0]].spec.stage
            failed, why = _job_ended(body) if kind is JOB else rayjob_ended(body, stage)
            going = bool(body["metadata"].get("deletionTimestamp"))
            own = pods.get(of, [])
            failure = failure_of_pods(own, now, words) or (None if own and kind is JOB else refused_pods(body, now))
            if kind is RAYJOB and not _is_heard(runs[of[0]], of[1]) and (not failure or failure.reason in CRASHES):
                failure = ray_not_started(body, own, now, words) or failure
            failure = told_by_ray(failure, why, stage) if kind is RAYJOB else failure
            ended_by = _interruption(own) or _lost(why, failure)
            if failed or going:
                failure = _final(_reported(runs[of[0]], of[1]), ended_by) or failure or _as_seen(why, runs[of[0]])
            elif failure is not None and failure.state is not FailureState.BLOCKED:
                failure = ended_by  # else of a pod that its workload may still replace
            found.append(Workload(*of, not failed and not going, failure, queued=bool(body["spec"].get("suspend"))))
    return found


def _lost(why: Failure | None, failure: Failure | None) -> Failure | None:
    """The machine's trouble that KubeRay tells of, where the pods show no cause of their own, such as a head out of memory."""
    if why is None or not is_interruption(why):
        return None
    return why if failure is None or failure.reason in ("Crashed", why.reason) else None


def _is_heard(run: StageRun, attempt: int) -> bool:
    """Whether the attempt has given a sign of life."""
    return run.status.progress is not None and run.status.progress.attempt == attempt


def _as_seen(why: Failure | None, run: StageRun) -> Failure | None:
    """What was seen while the pods were there says more than what KubeRay says at the end."""
    seen = run.status.failure
    return seen if why is not None and seen is not None and seen.reason == why.reason == "RayDidNotStart" else why


def _attempt_of(body: Body) -> tuple[str, int] | None:
    labels = body["metadata"].get("labels") or {}
    if labels.get(ROLE) not in ("stage", "submitter") or STAGE_RUN not in labels:
        return None
    return labels[STAGE_RUN], int(labels.get(ATTEMPT, "0"))


def _job_ended(body: Body) -> tuple[bool, Failure | None]:
    """Whether the Job is over, and what its own conditions say."""
    for condition in (body.get("status") or {}).get("conditions") or []:
        if condition.get("status") == "True" and condition.get("type") in ("Complete", "Failed"):
            interrupted = condition.get("reason") == "PodFailurePolicy"
            return True, interrupted_job(condition.get("message", "")) if interrupted else None
    return False, None


def _interruption(pods: Iterable[Body]) -> Failure | None:
    """Whether the machine ended a pod that does the work; a submitter's is made anew by its Job."""
    stages = [pod for pod in pods if pod["metadata"]["labels"].get(ROLE) == "stage"]
    return next((found for pod in stages if (found := interruption_of_pod(pod)) is not None), None)


def _final(reported: Failure | None, interruption: Failure | None) -> Failure | None:
    """Where the machine ended the pod, what the stage said meanwhile is about that, unless it needs a person."""
    if interruption is not None and (reported is None or reported.state is FailureState.RETRYING):
        return interruption
    return reported


def _reported(run: StageRun, attempt: int) -> Failure | None:
    """What the stage itself said of the attempt's end."""
    said = run.status.reported_failure
    return said.failure if said is not None and said.attempt == attempt else None


def _service(
    resource: Prompt2Model, key: Key, store: Store, settings: Settings, now: datetime, words: Mapping[str, str]
) -> ObservedService | None:
    """What the service's pods do: those that are ready have reproduced their golden requests."""
    deployment = store.get(DEPLOYMENT, key)
    if deployment is None or not _belongs_to(deployment, resource):
        return None
    served = served_model(deployment)
    if served is None:
        return None
    pods = [pod for pod in store.owned(POD, key) if _is_of_service(pod)]
    own = [pod for pod in pods if (pod["metadata"].get("annotations") or {}).get(DIGEST) == served.digest]
    waiting = [pod for pod in own if not _is_ready(pod)]
    answering, earlier = len(own) - len(waiting), sum(map(_is_ready, pods)) - (len(own) - len(waiting))
    address = store.get(SERVICE, key) is not None
    ready = address and not earlier and answering >= enough_replicas(resource)
    wanted = deployment["spec"].get("replicas", 1)
    parts = [f"{answering} of {wanted} replicas answer with this model."]
    parts += [f"{earlier} of an earlier model answer too."] if earlier else []
    parts += [] if address else [f"Service {key[1]} is missing; it is made again."]
    failure = None
    if waiting or not ready:
        failure = failure_of_pods(waiting, now, words) or refused_pods(deployment, now) or _stalled(deployment)
    if drained := drain_message(resource, settings, pods, wanted, store):
        parts.append(drained)
    if ready and failure is not None:
        parts.append(f"A new replica does not start. {sentence(failure.message)}")
    return ObservedService(
        digest=served.digest,
        ready=ready,
        url=service_url(resource),
        failure=None if ready else failure,
        message=cut(" ".join(parts)),
        changing=bool(waiting) or answering < wanted,
        lost=not ready and not earlier and _came_up(deployment),
    )


def enough_replicas(resource: Prompt2Model) -> int:
    """How many must answer for the service to count as ready: half of the least, as its disruption budget has it."""
    return math.ceil(resource.spec.service.replicas.min / 2)


def _is_of_service(pod: Body) -> bool:
    meta = pod["metadata"]
    return meta["labels"].get(ROLE) == "service" and not meta.get("deletionTimestamp")


def _is_ready(pod: Body) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _came_up(deployment: Body) -> bool:
    """Whether the newest template's pods were all ready once; losing or adding some changes nothing about it."""
    conditions = (deployment.get("status") or {}).get("conditions") or []
    return any(c.get("type") == "Progressing" and c.get("reason") == "NewReplicaSetAvailable" for c in conditions)


def _stalled(deployment: Body) -> Failure | None:
    """A rollout that came to no end in time: the new pods run and are not ready. The old ones go on answering."""
    for condition in (deployment.get("status") or {}).get("conditions") or []:
        if condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            message = "The new model's pods do not become ready: they do not reproduce their golden requests, or start slowly."
            remedy = "See the logs of the service's pods; an earlier model goes on answering."
            return Failure(state=FailureState.BLOCKED, reason="NotReady", message=message, remedy=remedy)
    return None
