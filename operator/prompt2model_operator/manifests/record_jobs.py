"""Jobs beside the flow: the one that records in MLflow what is missing there, and the one that clears storage."""

from __future__ import annotations

import hashlib
from typing import Any

from prompt2model_api.names import shortened
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_operator.kinds import JOB, ROLE
from prompt2model_operator.manifests.common import (
    CONTAINER_SECURITY,
    added_environment,
    claim_name,
    compute,
    environment,
    folder_uri,
    literal,
    metadata,
    owned_by,
    pod_security,
    scheduling,
    volumes,
)
from prompt2model_operator.manifests.stage_jobs import tracking_environment
from prompt2model_operator.settings import Settings

Body = dict[str, Any]


def tracking_job(resource: Prompt2Model, settings: Settings, attempt: int) -> Body:
    """Brings MLflow in step with the resource's folder; ended with status 0, everything is recorded."""
    command = ["python", "-m", "prompt2model_stages.tracking", literal(folder_uri(resource, settings))]
    command += ["--tracking-uri", literal(settings.tracking.uri or "")]
    body = _job(resource, settings, f"{resource.metadata.name}-tracking-{attempt}", "tracking", command)
    body["spec"]["template"]["spec"]["containers"][0]["env"] += tracking_environment(settings)
    return owned_by(body, resource)


def storage_removal_job(resource: Prompt2Model, settings: Settings) -> Body:
    """Removes the resource's folder. It outlives the resource, so nothing owns it; its time to live ends it.

    Its name tells the place: a resource may have results in two, where the chart's storage was changed.
    """
    place = f"{claim_name(resource, settings)} {folder_uri(resource, settings)}"
    mark = hashlib.sha256(place.encode()).hexdigest()[:8]
    name = f"{resource.metadata.name}-cleanup-{resource.metadata.uid[:8]}-{mark}"
    command = ["python", "-m", "prompt2model_stages.storage_removal", literal(folder_uri(resource, settings))]
    return _job(resource, settings, name, "cleanup", command)


def _job(resource: Prompt2Model, settings: Settings, name: str, role: str, command: list[str]) -> Body:
    body = metadata(JOB, shortened(name, 63), resource, {**resource.spec.scheduling.labels, ROLE: role})
    found, mounts = volumes(resource, settings)
    env, env_from = environment(resource, settings)
    container: Body = {
        "name": role,
        "image": settings.images.stages,
        "imagePullPolicy": settings.images.pull_policy,
        "command": command,
        "resources": compute(settings.pods.tracking),
        "securityContext": CONTAINER_SECURITY,
        "env": [*env, *added_environment(settings.pods.tracking)],
        "envFrom": env_from,
        "volumeMounts": mounts,
        "workingDir": "/tmp",
    }
    pod: Body = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(settings),
        "containers": [container],
        "volumes": found,
        **scheduling(resource, settings),
    }
    body["spec"] = {
        "backoffLimit": 0,
        "activeDeadlineSeconds": 1800,
        "ttlSecondsAfterFinished": 300,
        "template": {"metadata": {"labels": body["metadata"]["labels"]}, "spec": pod},
    }
    return body
