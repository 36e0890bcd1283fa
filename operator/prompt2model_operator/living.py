"""Signs of life: the heartbeat that comes through the watch, and the page that the kubelet asks."""

from __future__ import annotations

import time
from collections.abc import Callable

from aiohttp import web

from prompt2model_operator.metrics import WATCH_AGE

SILENT_S = 120.0
"""A watch that brought nothing of the lease for so long is dead: the liveness probe fails."""


class Heartbeat:
    """When the watch last brought a renewal of the lease; before the operator is active, nothing is expected."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at: float | None = None
        WATCH_AGE.set_function(lambda: self.age_s)

    @property
    def is_active(self) -> bool:
        """Whether the operator has read the cluster and its watch is alive."""
        return self._at is not None and self.age_s <= SILENT_S

    def beat(self) -> None:
        """A renewal came, or the watch is about to start."""
        self._at = self._clock()

    @property
    def age_s(self) -> float:
        """Seconds since the last one."""
        return 0.0 if self._at is None else self._clock() - self._at


def health_app(heart: Heartbeat) -> web.Application:
    """What the kubelet asks.

    /healthz: 200, or 503 once the watch is dead. /readyz: 200 while the operator works, 503 before, and once the watch is dead.
    """

    async def healthz(_: web.Request) -> web.Response:
        text = f"the watch was heard of {heart.age_s:.0f} s ago\n"
        return web.Response(text=text, status=503 if heart.age_s > SILENT_S else 200)

    async def readyz(_: web.Request) -> web.Response:
        if heart.is_active:
            return web.Response(text="active\n")
        text = "not active: it has not read the cluster yet, waits for the lease, or its watch is silent\n"
        return web.Response(text=text, status=503)

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    return app


async def serve_health(heart: Heartbeat, port: int) -> web.AppRunner:
    """Answers the kubelet. The caller cleans the runner up."""
    runner = web.AppRunner(health_app(heart), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", port).start()
    return runner
