"""Whether an object in the cluster still is what its manifest says. The API server adds defaults, and others add fields of
their own; neither counts. What counts is that every field of the manifest has its value, as after a server-side apply.
"""

from __future__ import annotations

import json
from typing import Any

from prompt2model_api.quantities import number_of

Body = dict[str, Any]

LIST_KEYS = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "imagePullSecrets": ("name",),
    "ownerReferences": ("uid",),
    "ports": ("containerPort", "port"),
}
"""Lists whose items server-side apply tells apart by a key, so that others may add some. Elsewhere the whole list counts."""
WHOLE = ("selector", "matchLabels", "podSelector", "namespaceSelector", "nodeSelector", "ingress", "policyTypes")
"""What belongs to one writer as a whole: with one more key a selector selects nothing, with one more peer a policy lets more in."""


def covers(found: Any, wanted: Any, field: str = "") -> bool:
    """Whether every field of `wanted` has its value in `found`. `field` is the name under which both stand."""
    if isinstance(wanted, dict):
        if not isinstance(found, dict) or field in WHOLE:
            return bool((found or {}) == wanted)
        quantities = field in ("requests", "limits")
        return all(
            _same_quantity(found.get(key), value) if quantities else covers(found.get(key), value, key)
            for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        if field in WHOLE:
            return bool(found == wanted)
        return _covers_list(found or [], wanted, field)
    return bool(found == wanted or (found is None and wanted == ""))


def fingerprint(body: Body) -> str:
    """The object without what changes by itself: its status and the API server's notes."""
    meta = {k: v for k, v in body["metadata"].items() if k not in ("resourceVersion", "managedFields")}
    return json.dumps({**body, "metadata": meta, "status": None}, sort_keys=True)


def _covers_list(found: list[Any], wanted: list[Any], field: str) -> bool:
    keys = LIST_KEYS.get(field)
    if keys is None:
        return len(found) == len(wanted) and all(map(covers, found, wanted))
    by_key = {_key(item, keys): item for item in found}
    return all(covers(by_key.get(_key(item, keys)), item) for item in wanted)


def _key(item: Body, keys: tuple[str, ...]) -> Any:
    return next((item[key] for key in keys if key in item), None)


def _same_quantity(found: Any, wanted: str) -> bool:
    """The API server writes quantities in its own way: 0.5 becomes 500m."""
    if found is None or found == wanted:
        return bool(found == wanted)
    try:
        return number_of(str(found)) == number_of(wanted)
    except ValueError:
        return False
