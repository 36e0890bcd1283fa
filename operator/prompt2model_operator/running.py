"""The operator's life: check, wait for the lease, read the cluster once, then watch and work until told to end."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

import kopf
from prometheus_client import start_http_server

from prompt2model_operator import handlers
from prompt2model_operator.access_check import check_access
from prompt2model_operator.arriving import Arrivals
from prompt2model_operator.clients.kubernetes_api import ClusterApi, NotFoundError
from prompt2model_operator.clients.mlflow_api import MlflowApi
from prompt2model_operator.deleting import Deleter
from prompt2model_operator.draining import read_cordons, watch_nodes
from prompt2model_operator.kinds import BY_SETTING, OBSERVED, PROMPT2MODEL, SELECTOR, Kind
from prompt2model_operator.leasing import Leader
from prompt2model_operator.living import Heartbeat, serve_health
from prompt2model_operator.metrics import LEADER, RESOURCES
from prompt2model_operator.recording import Recording
from prompt2model_operator.retaining import Retainer
from prompt2model_operator.settings import Settings
from prompt2model_operator.store import Store, key_of
from prompt2model_operator.waking import Waker
from prompt2model_operator.worker import Worker

logger = logging.getLogger(__name__)


class Operator:
    """Everything that lives in the process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._api = ClusterApi()
        self._store = Store()
        self._waker = Waker()
        self._heart = Heartbeat()
        tracking = settings.tracking
        self._mlflow = MlflowApi(tracking.uri, tracking.public_url, tracking.workspace_key) if tracking.uri else None
        self._retainer = Retainer(self._api, settings, self._mlflow)
        self._deleter = Deleter(self._api, self._store, self._retainer, self._mlflow)
        recording = Recording(self._api, self._store, settings, self._mlflow)
        self._arrivals = Arrivals(self._api, self._store, self._waker)
        self._worker = Worker(self._api, self._store, self._waker, settings, recording, self._deleter, self._arrivals)

    async def run(self) -> None:
        """Until told to end, or until the lease is lost.

        Raises: AccessError, LostLeaseError, ApiError at the start.
        """
        # First of all: what follows is requests with time-outs of their own, and may take minutes on a busy machine.
        health = await serve_health(self._heart, self._settings.liveness_port)
        start_http_server(self._settings.metrics_port)
        try:
            await self._api.connect()
            asked = [kind for kind in handlers.watched(self._settings) if kind in BY_SETTING]
            tracking = self._settings.tracking
            secret = tracking.secret if tracking.workspaces else None
            await check_access(self._api, self._namespaces(), secret, asked, nodes=self._settings.watch_nodes)
            leader = Leader(self._api, self._settings.namespace, self._settings.peering)
            await leader.acquire()
            LEADER.set(1)
            logger.info("active; settings: %s", self._settings.dump())
            try:
                await self.sync()
                await self._live(leader)
            finally:
                LEADER.set(0)  # at once: the end below takes its time, and another operator may be active by now
                await leader.release()
        finally:
            await health.cleanup()
            await self._api.close()
            if self._mlflow is not None:
                await self._mlflow.close()

    async def sync(self) -> None:
        """Reads everything once, so that no decision is made on a part; every resource gets a look."""
        for kind in (*OBSERVED, *BY_SETTING):
            selector = "" if kind is PROMPT2MODEL else SELECTOR
            await self._read(kind, selector)
        if self._settings.watch_nodes:
            await read_cordons(self._api, self._store, self._waker)
        noted = await self._retainer.read(self._namespaces())
        for key in {*noted, *(key_of(body) for body in self._store.all(PROMPT2MODEL))}:
            self._waker.wake(key)
        self._count()

    async def _read(self, kind: Kind, selector: str) -> None:
        items, versions = [], []
        for namespace in self._namespaces():
            try:
                found = await self._api.list(kind, namespace, selector)
            except NotFoundError:  # a kind that is not installed (KubeRay's) has no objects
                return
            items += found.items
            versions.append(found.version)
        self._store.replace(kind, items, min(versions))

    async def _live(self, leader: Leader) -> None:
        registry, kopf_settings = kopf.OperatorRegistry(), kopf.OperatorSettings()
        watched = [*self._settings.watch_namespaces]
        handlers.configure(kopf_settings, namespaced=bool(watched))
        handlers.register(registry, self._store, self._waker, self._deleter, self._heart, self._settings)
        self._heart.beat()
        tasks = [
            asyncio.create_task(leader.keep()),
            asyncio.create_task(self._resync()),
            asyncio.create_task(self._arrivals.watch(self._namespaces())),
            *(
                [asyncio.create_task(watch_nodes(self._api, self._store, self._waker))]
                if self._settings.watch_nodes
                else []
            ),
            asyncio.create_task(
                kopf.operator(
                    registry=registry,
                    settings=kopf_settings,
                    standalone=True,
                    clusterwide=not watched,
                    namespaces=[*{*watched, self._settings.namespace}] if watched else [],
                )
            ),
            *(asyncio.create_task(self._waker.work(self._worker.look)) for _ in range(self._settings.workers)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _resync(self) -> None:
        """Now and then everything is read again: what a watch may have lost is found."""
        while True:
            for _ in range(self._settings.resync_seconds // 10):
                await asyncio.sleep(10)
                self._count()
            try:
                await self.sync()
            except Exception as error:  # the API server may be away: the next round is soon enough
                logger.warning("could not read everything again: %s", error)

    def _count(self) -> None:
        phases = Counter((b.get("status") or {}).get("phase", "Pending") for b in self._store.all(PROMPT2MODEL))
        RESOURCES.clear()
        for phase, count in phases.items():
            RESOURCES.labels(phase).set(count)

    def _namespaces(self) -> list[str | None]:
        return [*self._settings.watch_namespaces] or [None]
