"""kopf's handlers: they put what the watches bring into the store and wake the resource. They decide nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import kopf

from prompt2model_operator.deleting import Deleter
from prompt2model_operator.kinds import (
    AROUND_SERVICE,
    BY_SETTING,
    HTTPROUTE,
    LEASE,
    OBSERVED,
    PROMPT2MODEL,
    SELECTOR,
    SERVICEMONITOR,
    Kind,
)
from prompt2model_operator.living import Heartbeat
from prompt2model_operator.manifests.differences import fingerprint
from prompt2model_operator.settings import Settings
from prompt2model_operator.store import Key, Store, key_of, owner_of
from prompt2model_operator.waking import Waker


def register(
    registry: kopf.OperatorRegistry, store: Store, waker: Waker, deleter: Deleter, heart: Heartbeat, settings: Settings
) -> None:
    """Adds all handlers to kopf's registry."""
    for kind in watched(settings):
        _watch(registry, kind, store, waker, deleter, settings.watch_namespaces)

    @kopf.on.login(registry=registry, id="login")
    async def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.event(group=LEASE.group, version=LEASE.version, plural=LEASE.plural, registry=registry, id="lease")
    async def lease(name: str, **_: Any) -> None:
        if name == settings.peering:
            heart.beat()


def watched(settings: Settings) -> list[Kind]:
    """The kinds that are watched: others' CRDs need not be there, so theirs only where a setting asks for them."""
    asked = {
        HTTPROUTE: settings.service.http_route is not None,
        SERVICEMONITOR: settings.service.service_monitor.enabled,
    }
    return [*OBSERVED, *(kind for kind in BY_SETTING if asked[kind])]


def configure(settings: kopf.OperatorSettings, *, namespaced: bool) -> None:
    """Watches are narrowed by labels on the server, time out, and write nothing of their own into objects."""
    settings.scanning.disabled = namespaced  # it may not look at all namespaces, and would try again for a minute
    settings.posting.enabled = False
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    for kind in (*OBSERVED, *BY_SETTING, LEASE):
        if kind is not PROMPT2MODEL:
            settings.watching.label_selectors[kind.group, kind.version, kind.plural] = SELECTOR
    settings.networking.request_timeout = 30


def owner_key(kind: Kind, body: dict[str, Any]) -> Key | None:
    """The resource that an object tells something of."""
    return key_of(body) if kind is PROMPT2MODEL else owner_of(body)


def is_news(kind: Kind, old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether a change is worth a look: what an autoscaler writes into its own status all the time is not."""
    return kind not in (*AROUND_SERVICE, *BY_SETTING) or fingerprint(old) != fingerprint(new)


def _watch(
    registry: kopf.OperatorRegistry,
    kind: Kind,
    store: Store,
    waker: Waker,
    deleter: Deleter,
    namespaces: Sequence[str],
) -> None:
    @kopf.on.event(
        group=kind.group, version=kind.version, plural=kind.plural, registry=registry, id=f"see-{kind.plural}"
    )
    async def see(event: Mapping[str, Any], namespace: str | None, **_: Any) -> None:
        if namespaces and namespace not in namespaces:
            return  # the operator's own namespace is watched for the lease alone
        body = {"apiVersion": kind.api_version, "kind": kind.kind, **event["object"]}
        key = owner_key(kind, body)
        if event["type"] == "DELETED":
            store.drop(kind, body)
            if kind is PROMPT2MODEL and key is not None:
                deleter.remember(key, body)
        else:
            known = store.get(kind, key_of(body))
            if not store.put(kind, body) or (known is not None and not is_news(kind, known, body)):
                return
        if key is not None:
            waker.wake(key)
