"""kopf's handlers: they put what the watches bring into the store and wake the resource. They decide nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import kopf

from prompt2model_operator.deleting import Deleter
from prompt2model_operator.kinds import LEASE, OBSERVED, PROMPT2MODEL, SELECTOR, Kind
from prompt2model_operator.metrics import WATCH_AGE
from prompt2model_operator.settings import Settings
from prompt2model_operator.store import Key, Store, key_of, owner_of
from prompt2model_operator.waking import Waker

SILENT_S = 120.0
"""A watch that brought nothing of the lease for so long is dead: the liveness probe fails."""


class WatchIsDeadError(Exception):
    """The watch brings nothing any more."""


class Heartbeat:
    """When the watch last brought a renewal of the lease."""

    def __init__(self) -> None:
        self._at = time.monotonic()
        WATCH_AGE.set_function(lambda: self.age_s)

    def beat(self) -> None:
        """A renewal came."""
        self._at = time.monotonic()

    @property
    def age_s(self) -> float:
        """Seconds since the last one."""
        return time.monotonic() - self._at


def register(
    registry: kopf.OperatorRegistry, store: Store, waker: Waker, deleter: Deleter, heart: Heartbeat, settings: Settings
) -> None:
    """Adds all handlers to kopf's registry."""
    for kind in OBSERVED:
        _watch(registry, kind, store, waker, deleter)

    @kopf.on.login(registry=registry, id="login")
    async def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.event(group=LEASE.group, version=LEASE.version, plural=LEASE.plural, registry=registry, id="lease")
    async def lease(name: str, **_: Any) -> None:
        if name == settings.peering:
            heart.beat()

    @kopf.on.probe(registry=registry, id="watch")
    async def watch(**_: Any) -> str:
        if heart.age_s > SILENT_S:
            raise WatchIsDeadError(f"The watch has been silent for {heart.age_s:.0f} s.")
        return f"{heart.age_s:.0f} s"


def configure(settings: kopf.OperatorSettings) -> None:
    """Watches are narrowed by labels on the server, time out, and write nothing of their own into objects."""
    settings.posting.enabled = False
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    for kind in (*OBSERVED, LEASE):
        if kind is not PROMPT2MODEL:
            settings.watching.label_selectors[kind.group, kind.version, kind.plural] = SELECTOR
    settings.networking.request_timeout = 30


def owner_key(kind: Kind, body: dict[str, Any]) -> Key | None:
    """The resource that an object tells something of."""
    return key_of(body) if kind is PROMPT2MODEL else owner_of(body)


def _watch(registry: kopf.OperatorRegistry, kind: Kind, store: Store, waker: Waker, deleter: Deleter) -> None:
    @kopf.on.event(
        group=kind.group, version=kind.version, plural=kind.plural, registry=registry, id=f"see-{kind.plural}"
    )
    async def see(event: Mapping[str, Any], **_: Any) -> None:
        body = {"apiVersion": kind.api_version, "kind": kind.kind, **event["object"]}
        key = owner_key(kind, body)
        if event["type"] == "DELETED":
            store.drop(kind, body)
            if kind is PROMPT2MODEL and key is not None:
                deleter.remember(key, body)
        elif not store.put(kind, body):
            return
        if key is not None:
            waker.wake(key)
