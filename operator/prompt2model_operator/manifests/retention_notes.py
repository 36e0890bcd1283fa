"""The note that says what is to be removed once a resource is deleted: a ConfigMap that nobody owns, so it outlives the resource.

Only what owner references cannot do is in it: storage that the resource does not own, and the model in MLflow's registry.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from prompt2model_api.names import LABEL_LIMIT, shortened
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_operator.kinds import CONFIGMAP, RESOURCE_UID, ROLE
from prompt2model_operator.manifests.common import metadata, storage_secret, storage_uri
from prompt2model_operator.settings import Settings

Body = dict[str, Any]

RETENTION = "retention"
"""The role of these ConfigMaps."""
FILE = "resource.json"
ABOUT = "What is to be removed once this Prompt2Model is deleted. The operator removes this ConfigMap when it is done."


def retention_note(resource: Prompt2Model, settings: Settings) -> Body | None:
    """The note; None where nothing but what the resource owns is to be removed. Its name tells what it says."""
    if not (removes_storage(resource, settings) or resource.spec.retention.registry == "Delete"):
        return None
    text = json.dumps(_kept(resource, settings), sort_keys=True, separators=(",", ":"))
    uid, mark = resource.metadata.uid[:8], hashlib.sha256(text.encode()).hexdigest()[:8]
    name = shortened(f"{resource.metadata.name}-retention-{uid}-{mark}", LABEL_LIMIT)
    body = metadata(CONFIGMAP, name, resource, {ROLE: RETENTION, RESOURCE_UID: resource.metadata.uid})
    return {**body, "immutable": True, "data": {"about": ABOUT, FILE: text}}


def noted_resource(note: Body) -> Prompt2Model:
    """What a note says of its resource. Raises: pydantic.ValidationError, KeyError."""
    return Prompt2Model.model_validate_json(note["data"][FILE])


def removes_storage(resource: Prompt2Model, settings: Settings) -> bool:
    """Whether a folder has to be removed: the claim that the operator made goes with its owner."""
    is_own_claim = storage_uri(resource, settings) is None and resource.spec.storage.claim is None
    return resource.spec.retention.storage == "Delete" and not is_own_claim


def _kept(resource: Prompt2Model, settings: Settings) -> Body:
    """The part of the resource that is needed afterwards, with the storage of now: the chart's may be another one by then."""
    meta, spec = resource.metadata, resource.spec
    where = {"uri": storage_uri(resource, settings), "secret": storage_secret(resource, settings)}
    storage = spec.storage.model_copy(update=where) if where["uri"] is not None else spec.storage
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
        "spec": {
            "prompt": "-",  # the user's text is no matter of this
            "storage": storage.dump(),
            "scheduling": spec.scheduling.dump(),
            "retention": spec.retention.dump(),
        },
    }
