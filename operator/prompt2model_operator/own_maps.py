"""The user's ConfigMaps with own data: nobody watches them, so that the operator need not see all ConfigMaps of a namespace."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prompt2model_api.conditions import Failure, FailureState
from prompt2model_api.graph import own_data
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_api.spec.references import ConfigMapKey
from prompt2model_operator.clients.kubernetes_api import KubernetesApi, NotFoundError
from prompt2model_operator.kinds import CONFIGMAP

Body = dict[str, Any]

EVERY_S = 30.0
"""How often they are read, so that one that is missing or was changed is known within a minute."""


@dataclass(frozen=True)
class OwnMaps:
    """What was read, and when (time.monotonic).

    sources: SHA-256 of the content, by field path.
    missing: what is not there and what to do, by field path.
    of: the references that were followed, by field path.
    """

    sources: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, Failure] = field(default_factory=dict)
    of: Mapping[str, ConfigMapKey] = field(default_factory=dict)
    at: float = float("-inf")

    def seconds_left(self) -> float:
        """Until they are to be read again."""
        return max(0.0, self.at + EVERY_S - time.monotonic())


async def read_own_maps(api: KubernetesApi, resource: Prompt2Model, known: OwnMaps) -> OwnMaps:
    """Reads the ConfigMaps that the spec names, unless that was done just now. Raises: ApiError."""
    wanted = {path: own.config_map for path, own in own_data(resource.spec).items() if own.config_map is not None}
    if wanted == known.of and known.seconds_left() > 0:
        return known
    sources, missing = {}, {}
    for path, ref in wanted.items():
        try:
            content = content_of(await api.get(CONFIGMAP, resource.metadata.namespace, ref.name), ref.key)
        except NotFoundError:
            missing[path] = _no_config_map(path, ref, resource.metadata.namespace)
            continue
        if content is None:
            missing[path] = _no_key(path, ref)
        else:
            sources[path] = hashlib.sha256(content).hexdigest()
    return OwnMaps(sources, missing, wanted, time.monotonic())


def content_of(config_map: Body, key: str) -> bytes | None:
    """One file of a ConfigMap, as a pod sees it; None where it does not have it."""
    if (text := (config_map.get("data") or {}).get(key)) is not None:
        return str(text).encode()
    binary = (config_map.get("binaryData") or {}).get(key)
    return base64.b64decode(binary) if binary is not None else None


def _no_config_map(path: str, ref: ConfigMapKey, namespace: str) -> Failure:
    message = f"{path}.configMap: there is no ConfigMap {ref.name} in namespace {namespace}."
    remedy = f"Create it with key {ref.key}, or name another; the run goes on by itself."
    return Failure(state=FailureState.BLOCKED, reason="ConfigMapMissing", message=message, remedy=remedy)


def _no_key(path: str, ref: ConfigMapKey) -> Failure:
    message = f"{path}.configMap: the ConfigMap {ref.name} has no key {ref.key}."
    remedy = "Add the key to the ConfigMap, or name another; the run goes on by itself."
    return Failure(state=FailureState.BLOCKED, reason="ConfigMapKeyMissing", message=message, remedy=remedy)
