"""One active operator: a Lease, held for as long as the process lives.

kopf's own peering pauses watches, not a queue behind them, and a killed operator's record keeps its successor waiting for
a minute. The lease is renewed every few seconds, which also makes a heartbeat: its renewals come back through the watch.
Source: https://kubernetes.io/docs/concepts/architecture/leases/
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from datetime import UTC, datetime
from typing import Any

from prompt2model_operator.clients.kubernetes_api import ApiError, ClusterApi, ConflictError, NotFoundError
from prompt2model_operator.kinds import APP_INSTANCE, APP_NAME, LEASE, MANAGED_BY, MANAGER

Body = dict[str, Any]
logger = logging.getLogger(__name__)

DURATION_S = 15
RENEW_S = 5
FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


class LostLeaseError(Exception):
    """Another operator holds the lease, or it could not be renewed in time: this process must end."""


class Leader:
    """Holds, or waits for, the lease of this name in the operator's namespace."""

    def __init__(self, api: ClusterApi, namespace: str, name: str) -> None:
        self._api = api
        self._namespace = namespace
        self._name = name
        self._me = os.environ.get("POD_NAME") or socket.gethostname()
        self._lease: Body = {}

    async def acquire(self) -> None:
        """Returns when the lease is ours. A restarted process of the same pod has it at once."""
        said = False
        while not await self._take():
            if not said:
                holder = self._lease.get("spec", {}).get("holderIdentity")
                logger.info("another operator is active (%s): this one waits for it to end", holder)
                said = True
            await asyncio.sleep(RENEW_S / 2)

    async def keep(self) -> None:
        """Renews for ever. Raises: LostLeaseError."""
        renewed = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                if not await self._take():
                    raise LostLeaseError("another operator took the lease")
                renewed = asyncio.get_running_loop().time()
            except ApiError as error:
                if asyncio.get_running_loop().time() - renewed > DURATION_S:
                    raise LostLeaseError(f"the lease could not be renewed: {error}") from None

    async def release(self) -> None:
        """Lets another operator have it at once; best effort."""
        spec = self._lease.get("spec", {})
        if spec.get("holderIdentity") != self._me:
            return
        body = {**self._lease, "spec": {**spec, "holderIdentity": ""}}
        try:
            await self._api.renew("PUT", LEASE.path(self._namespace, self._name), body)
        except ApiError as error:
            logger.info("the lease ends by itself: %s", error)

    async def _take(self) -> bool:
        path = LEASE.path(self._namespace, self._name)
        try:
            self._lease = await self._api.renew("GET", path)
        except NotFoundError:
            self._lease = {}
        spec = self._lease.get("spec", {})
        if spec.get("holderIdentity") not in (None, "", self._me) and not _is_over(spec):
            return False
        try:
            if self._lease:
                self._lease = await self._api.renew("PUT", path, self._mine(spec))
            else:
                self._lease = await self._api.renew("POST", LEASE.path(self._namespace), self._mine(spec))
        except ConflictError:
            return False
        return True

    def _mine(self, spec: Body) -> Body:
        now = datetime.now(UTC).strftime(FORMAT)
        meta = self._lease.get("metadata") or {"name": self._name, "namespace": self._namespace}
        own = {APP_NAME: MANAGER, APP_INSTANCE: self._name, MANAGED_BY: MANAGER}
        meta["labels"] = {**(meta.get("labels") or {}), **own}
        since = spec["acquireTime"] if spec.get("holderIdentity") == self._me and spec.get("acquireTime") else now
        held = {"holderIdentity": self._me, "leaseDurationSeconds": DURATION_S, "acquireTime": since, "renewTime": now}
        return {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": meta, "spec": held}


def _is_over(spec: Body) -> bool:
    if not spec.get("renewTime"):
        return True
    renewed = datetime.fromisoformat(spec["renewTime"])
    limit: int = spec.get("leaseDurationSeconds", DURATION_S)
    return (datetime.now(UTC) - renewed).total_seconds() > limit
