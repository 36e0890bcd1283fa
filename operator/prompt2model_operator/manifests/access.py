"""A stage run's own identity: it may read and patch the status of its own StageRun and nothing else in the cluster."""

from __future__ import annotations

from typing import Any

from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.stage_run import StageRun
from prompt2model_operator.kinds import ACCESSROLE, ROLEBINDING, SERVICEACCOUNT, STAGE_RUN, STAGERUN
from prompt2model_operator.manifests.common import metadata, owned_by

Body = dict[str, Any]


def access(run: StageRun, resource: Prompt2Model) -> list[Body]:
    """ServiceAccount, Role and RoleBinding, all of the stage run's name."""
    name, labels = run.metadata.name, {STAGE_RUN: run.metadata.name}
    account = metadata(SERVICEACCOUNT, name, resource, labels)
    account["automountServiceAccountToken"] = False
    role = metadata(ACCESSROLE, name, resource, labels)
    role["rules"] = [
        {
            "apiGroups": [STAGERUN.group],
            "resources": [f"{STAGERUN.plural}/status"],
            "resourceNames": [name],
            "verbs": ["get", "patch"],
        }
    ]
    binding = metadata(ROLEBINDING, name, resource, labels)
    binding["roleRef"] = {"apiGroup": ACCESSROLE.group, "kind": ACCESSROLE.kind, "name": name}
    binding["subjects"] = [{"kind": "ServiceAccount", "name": name, "namespace": resource.metadata.namespace}]
    return [owned_by(body, run) for body in (account, role, binding)]
