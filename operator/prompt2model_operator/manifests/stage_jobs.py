"""Jobs and RayJobs of stage runs: one an attempt, made once and never re-applied."""

from __future__ import annotations

from typing import Any

from prompt2model_api.environment_names import (
    P2M_ATTEMPT,
    P2M_JOB,
    P2M_OWN_DATA_HOSTS,
    P2M_OWN_DATA_NETWORKS,
    P2M_OWN_FOLDER,
    P2M_STAGE_RUN,
    P2M_TEACHER_API_KEY,
)
from prompt2model_api.graph import GRAPH, own_data, own_resources
from prompt2model_api.names import RAYJOB_LIMIT, workload_name
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.spec.training import Resources
from prompt2model_api.stage_run import Stage, StageRun
from prompt2model_operator.kinds import ATTEMPT, JOB, RAYJOB, ROLE, STAGE, STAGE_RUN
from prompt2model_operator.manifests.common import (
    CONTAINER_SECURITY,
    OWN,
    added_environment,
    compute,
    environment,
    metadata,
    owned_by,
    pod_security,
    same_node,
    scheduling,
    times,
    volumes,
)
from prompt2model_operator.manifests.hub import hub_token
from prompt2model_operator.manifests.job_files import JOB_FOLDER, JOB_KEY, JOB_VOLUME, job_file
from prompt2model_operator.manifests.ray_patience import ray_startup_probe, ray_wait
from prompt2model_operator.settings import Settings

Body = dict[str, Any]

DISRUPTED = "DisruptionTarget"
"""Condition of a pod that the machine ends. Source: kubernetes.io/docs/concepts/workloads/pods/disruptions"""


def is_rayjob(stage: Stage, settings: Settings) -> bool:
    """Whether the stage is a RayJob."""
    return GRAPH[stage].on_ray and settings.ray.mode == "RayJob"


def attempt_name(run: StageRun, attempt: int) -> str:
    """The name of the attempt's Job or RayJob, the same for both."""
    limit = RAYJOB_LIMIT if GRAPH[run.spec.stage].on_ray else 63
    return workload_name(run.metadata.name, attempt, limit)


def stage_workload(run: StageRun, attempt: int, resource: Prompt2Model, settings: Settings) -> Body:
    """The Job or RayJob of an attempt. Raises: NoTeacherError."""
    build = stage_rayjob if is_rayjob(run.spec.stage, settings) else stage_job
    return build(run, attempt, resource, settings)


def stage_job(run: StageRun, attempt: int, resource: Prompt2Model, settings: Settings) -> Body:
    """The Job of an attempt; a stage that runs on Ray starts one of its own in it. Raises: NoTeacherError."""
    labels = _labels(run, attempt, resource)
    body = metadata(JOB, attempt_name(run, attempt), resource, labels)
    pod = _pod(run, attempt, resource, settings, _all_in_one(run.spec.stage, resource))
    if GRAPH[run.spec.stage].on_ray:
        _with_shared_memory(pod)
    pod["containers"][0]["command"] = ["python", "-m", f"prompt2model_stages.{run.spec.stage.value}"]
    pod["restartPolicy"] = "Never"
    body["spec"] = {
        "backoffLimit": 0,
        # The pod may be gone by the time somebody looks: the Job keeps that it was evicted, preempted, or on a lost node.
        "podFailurePolicy": {
            "rules": [{"action": "FailJob", "onPodConditions": [{"type": DISRUPTED, "status": "True"}]}]
        },
        "ttlSecondsAfterFinished": settings.job_ttl_seconds,
        "template": {"metadata": {"labels": body["metadata"]["labels"]}, "spec": pod},
    }
    return owned_by(body, run)


def stage_rayjob(run: StageRun, attempt: int, resource: Prompt2Model, settings: Settings) -> Body:
    """The RayJob of an attempt of a stage that runs on Ray. Raises: NoTeacherError.

    Source: https://docs.ray.io/en/latest/cluster/kubernetes/getting-started/rayjob-quick-start.html
    """
    name = attempt_name(run, attempt)
    body = metadata(RAYJOB, name, resource, _labels(run, attempt, resource))
    body["spec"] = {
        "entrypoint": f"python -m prompt2model_stages.{run.spec.stage.value}",
        "jobId": name,  # asked for before it is submitted, so that a second submitter finds the first one's job
        "submissionMode": "K8sJobMode",
        "backoffLimit": 0,
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": settings.ray.ttl_seconds,
        "preRunningDeadlineSeconds": settings.ray.pre_running_deadline_seconds,
        "submitterConfig": {"backoffLimit": 3},
        "submitterPodTemplate": _submitter(run, attempt, resource, settings),
        "rayClusterSpec": _ray_cluster(run, attempt, resource, settings),
    }
    return owned_by(body, run)


def _ray_cluster(run: StageRun, attempt: int, resource: Prompt2Model, settings: Settings) -> Body:
    """A head with the driver, which trains as well; workers of their own only where there are several."""
    training, stage = resource.spec.training, run.spec.stage
    apart = _is_apart(stage, resource, settings)
    head = _ray_pod(run, attempt, resource, settings, None if apart else _all_in_one(stage, resource))
    head["automountServiceAccountToken"] = True  # the driver, which reports, runs on the head
    # Logical CPUs: one for each process that trains. How many threads it has is what its container really has.
    each = max(1, training.resources.gpu)
    start = {"dashboard-host": "0.0.0.0", "num-cpus": "0" if apart else str(max(2, training.workers * each))}
    labels = metadata(RAYJOB, "", resource, _labels(run, attempt, resource))["metadata"]["labels"]
    cluster: Body = {
        "rayVersion": settings.ray.version,
        "authOptions": {"mode": "token"},
        "headGroupSpec": {"rayStartParams": start, "template": {"metadata": {"labels": labels}, "spec": head}},
        "workerGroupSpecs": [],
    }
    if apart:
        worker = _ray_pod(run, attempt, resource, settings, training.resources)
        worker["automountServiceAccountToken"] = False
        worker.pop("serviceAccountName")
        template = {"metadata": {"labels": labels}, "spec": worker}
        group = {
            "groupName": "workers",
            "replicas": training.workers,
            "minReplicas": training.workers,
            "maxReplicas": training.workers,
            "rayStartParams": {"num-cpus": str(each)},
            "template": template,
        }
        cluster["workerGroupSpecs"] = [group]
    return cluster


def _is_apart(stage: Stage, resource: Prompt2Model, settings: Settings) -> bool:
    """Whether the workers have pods of their own.

    Not where the claim binds all pods to one node: the head, which asks for no GPU, could come first and take a node that
    has none. One pod with the compute of all is scheduled where all of it is.
    """
    return GRAPH[stage].on_workers and resource.spec.training.workers > 1 and same_node(resource, settings) is None


def _all_in_one(stage: Stage, resource: Prompt2Model) -> Resources | None:
    """What a pod asks for that does all of the stage's work."""
    own = own_resources(resource.spec, stage)
    return times(own, resource.spec.training.workers) if own is not None and GRAPH[stage].on_workers else own


def _ray_pod(run: StageRun, attempt: int, resource: Prompt2Model, settings: Settings, own: Resources | None) -> Body:
    pod = _with_shared_memory(_pod(run, attempt, resource, settings, own))
    pod["containers"][0]["name"] = "ray"
    pod["containers"][0]["startupProbe"] = ray_startup_probe(settings)
    return pod


def _with_shared_memory(pod: Body) -> Body:
    """Ray's objects lie in shared memory, of which a container has 64 MiB by itself."""
    pod["containers"][0]["volumeMounts"].append({"name": "shm", "mountPath": "/dev/shm"})
    pod["volumes"].append({"name": "shm", "emptyDir": {"medium": "Memory"}})
    return pod


def _submitter(run: StageRun, attempt: int, resource: Prompt2Model, settings: Settings) -> Body:
    """The pod that submits the job, written out in full: a part would replace KubeRay's default whole."""
    container: Body = {
        "name": "submitter",
        "image": settings.images.stages,
        "imagePullPolicy": settings.images.pull_policy,
        "resources": compute(settings.pods.submitter),
        "securityContext": CONTAINER_SECURITY,
        "env": [
            {"name": "HOME", "value": "/tmp"},
            {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"},
            *added_environment(settings.pods.submitter),
        ],
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    where = {k: v for k, v in scheduling(resource, settings).items() if k != "affinity"}
    pod: Body = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(settings),
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        **where,
    }
    labels = metadata(RAYJOB, "", resource, _labels(run, attempt, resource) | {ROLE: "submitter"})["metadata"]["labels"]
    return {"metadata": {"labels": labels}, "spec": pod}


def _pod(run: StageRun, attempt: int, resource: Prompt2Model, settings: Settings, own: Resources | None = None) -> Body:
    """The pod that does a stage's work; the caller adds what its kind needs."""
    found, mounts = volumes(resource, settings)
    own_volumes, own_mounts = _own_data(run, resource)
    own_volumes.append(
        {"name": JOB_VOLUME, "configMap": {"name": job_file(run, resource, settings)["metadata"]["name"]}}
    )
    own_mounts.append({"name": JOB_VOLUME, "mountPath": JOB_FOLDER, "readOnly": True})
    env, env_from = environment(resource, settings)
    stage = run.spec.stage
    container: Body = {
        "name": "stage",
        "image": settings.images.stages,
        "imagePullPolicy": settings.images.pull_policy,
        "resources": compute(settings.pods.of(stage), own),
        "securityContext": CONTAINER_SECURITY,
        "env": [
            *env,
            *_job_environment(run, attempt, resource, settings),
            *ray_wait(stage, settings),
            *added_environment(settings.pods.of(stage)),
        ],
        "envFrom": env_from,
        "volumeMounts": [*mounts, *own_mounts],
        "workingDir": "/tmp",
    }
    return {
        "serviceAccountName": run.metadata.name,
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "securityContext": pod_security(settings),
        "containers": [container],
        "volumes": [*found, *own_volumes],
        **scheduling(resource, settings),
    }


def _job_environment(run: StageRun, attempt: int, resource: Prompt2Model, settings: Settings) -> list[Body]:
    """Where the job is and where to report, and the keys that this stage needs and no other."""
    env: list[Body] = [
        {"name": P2M_JOB, "value": f"{JOB_FOLDER}/{JOB_KEY}"},
        {"name": P2M_ATTEMPT, "value": str(attempt)},
        {"name": P2M_STAGE_RUN, "value": f"{run.metadata.namespace}/{run.metadata.name}"},
        {"name": P2M_OWN_FOLDER, "value": OWN},
    ]
    if GRAPH[run.spec.stage].sources:
        # Always, if empty: what stands here goes before the Secret of the storage, which is the user's.
        sources = settings.own_data
        env.append({"name": P2M_OWN_DATA_HOSTS, "value": ",".join(sources.hosts)})
        env.append({"name": P2M_OWN_DATA_NETWORKS, "value": ",".join(sources.networks)})
    teacher = resource.spec.teacher
    if GRAPH[run.spec.stage].uses_teacher and teacher is not None and teacher.api_key_secret_ref is not None:
        ref = teacher.api_key_secret_ref
        source = {"secretKeyRef": {"name": ref.name, "key": ref.key}}
        env.append({"name": P2M_TEACHER_API_KEY, "valueFrom": source})
    return env + hub_token(run.spec.stage, resource, settings) + tracking_environment(settings)


def tracking_environment(settings: Settings) -> list[Body]:
    """MLflow's credentials; a namespace without the Secret goes on without a record."""
    secret = settings.tracking.secret
    if secret is None:
        return []
    names = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "MLFLOW_WORKSPACE")
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": name, "optional": True}}} for name in names
    ]


def _own_data(run: StageRun, resource: Prompt2Model) -> tuple[list[Body], list[Body]]:
    """Volumes and mounts of the user's ConfigMaps that the stage reads."""
    named = own_data(resource.spec, run.spec.stage).values()
    maps = sorted({own.config_map.name for own in named if own.config_map is not None})
    found = [{"name": f"own-{i}", "configMap": {"name": name}} for i, name in enumerate(maps)]
    mounts = [{"name": f"own-{i}", "mountPath": f"{OWN}/{name}", "readOnly": True} for i, name in enumerate(maps)]
    return found, mounts


def _labels(run: StageRun, attempt: int, resource: Prompt2Model) -> dict[str, str]:
    own = {STAGE: run.spec.stage.value, STAGE_RUN: run.metadata.name, ATTEMPT: str(attempt), ROLE: "stage"}
    return {**resource.spec.scheduling.labels, **own}
