"""Signs of life: the heartbeat that comes through the watch, and the page that the kubelet asks."""

from __future__ import annotations

import time

from aiohttp import web

from prompt2model_operator.metrics import WATCH_AGE

SILENT_S = 120.0
"""A watch that brought nothing of the lease for so long is dead: the liveness probe fails."""


class Heartbeat:
    """When the watch last brought a renewal of the lease; before the operator is active, nothing is expected."""

    def __init__(self) -> None:
        self._at: float | None = None
        WATCH_AGE.set_function(lambda: self.age_s)

    def beat(self) -> None:
        """A renewal came, or the watch is about to start."""
        self._at = time.monotonic()

    @property
    def age_s(self) -> float:
        """Seconds since the last one."""
        return 0.0 if self._at is None else time.monotonic() - self._at


async def serve_health(heart: Heartbeat, port: int) -> web.AppRunner:
    """Answers /healthz: 200, or 503 once the watch is dead. The caller cleans the runner up."""

    async def healthz(_: web.Request) -> web.Response:
        text = f"the watch was heard of {heart.age_s:.0f} s ago\n"
        return web.Response(text=text, status=503 if heart.age_s > SILENT_S else 200)

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", port).start()
    return runner
