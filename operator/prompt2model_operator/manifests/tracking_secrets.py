"""The Secret with MLflow's credentials of a namespace, for the pods of stages and recorders alone."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from prompt2model_operator.kinds import APP_INSTANCE, APP_NAME, MANAGED_BY, MANAGER, SECRET
from prompt2model_operator.settings import Settings
from prompt2model_operator.workspaces import workspace_name, workspace_password

Body = dict[str, Any]


def tracking_secret(namespace: str, resources: Iterable[Body], settings: Settings) -> Body | None:
    """The Secret that the operator makes; None where MLflow has no workspaces, and the Secret is the user's.

    All resources of the namespace own it: it goes with the last one.

    Args:
        namespace: of the resources that it is for.
        resources: Prompt2Models of any namespace.
        settings: the operator's.
    """
    key, name = settings.tracking.workspace_key, settings.tracking.secret
    if key is None or name is None:
        return None
    values = {
        "MLFLOW_TRACKING_USERNAME": workspace_name(namespace),
        "MLFLOW_TRACKING_PASSWORD": workspace_password(key, namespace),
        "MLFLOW_WORKSPACE": workspace_name(namespace),
    }
    living = [body for body in resources if not body["metadata"].get("deletionTimestamp")]
    owners = [_owner(body) for body in living if body["metadata"]["namespace"] == namespace]
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {APP_NAME: MANAGER, APP_INSTANCE: settings.peering, MANAGED_BY: MANAGER},
            "ownerReferences": sorted(owners, key=lambda owner: owner["uid"]),
        },
        "type": "Opaque",
        "data": {name: base64.b64encode(value.encode()).decode() for name, value in values.items()},
    }


def _owner(body: Body) -> Body:
    meta = body["metadata"]
    return {"apiVersion": body["apiVersion"], "kind": body["kind"], "name": meta["name"], "uid": meta["uid"]}
