"""Serves the page on 127.0.0.1 until it was saved, or Ctrl-C.

The address has a secret in its path, so that neither another user of this machine nor a page of another site in the same
browser can choose. A policy in each answer keeps the browser from asking any other host.
"""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Callable

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from prompt2model_api.loading import SpecError
from prompt2model_stages.choosing.chooser import Chooser
from prompt2model_stages.choosing.html import STYLE
from prompt2model_stages.choosing.page import Page, theme

HOST = "127.0.0.1"
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; form-action 'none'; frame-ancestors 'none'"
)
LINGER_S = 1.5
"""After the choice is saved, so that the browser still gets the answer."""


def serve(chooser: Chooser, port: int, opened: Callable[[str], None]) -> None:
    """Returns once the choice was saved; chooser.saved is empty where the server was stopped before.

    Args:
        chooser: what the page shows.
        port: the first that is tried.
        opened: hears the address.

    Raises: KeyboardInterrupt; SpecError where no port is free.
    """
    bound, path = _bound(port), f"/{secrets.token_urlsafe(16)}"
    config = uvicorn.Config(FastAPI(), log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)

    def end() -> None:
        threading.Timer(LINGER_S, lambda: setattr(server, "should_exit", True)).start()

    config.app = app_of(chooser, path, end)
    address = f"http://{HOST}:{bound.getsockname()[1]}{path}/"
    threading.Thread(target=_tell, args=(server, address, opened), daemon=True).start()
    with bound:
        server.run([bound])


def app_of(chooser: Chooser, path: str, saved: Callable[[], None]) -> FastAPI:
    """The page below a path."""
    app = FastAPI(openapi_url=None)

    @app.get("/manifest.json")  # browsers ask for these two at the root
    def manifest() -> JSONResponse:
        return JSONResponse({"name": "p2m choose"}, media_type="application/manifest+json")

    @app.get("/favicon.ico")
    def icon() -> Response:
        return Response(status_code=204)

    @app.middleware("http")
    async def policy(request: Request, call_next: Callable[..., object]) -> Response:
        answer: Response = await call_next(request)  # type: ignore[misc]
        answer.headers["Content-Security-Policy"] = POLICY
        answer.headers["Referrer-Policy"] = "no-referrer"
        return answer

    blocks = Page(chooser, saved).blocks
    gr.mount_gradio_app(
        app, blocks, path, server_name=HOST, footer_links=[], theme=theme(), css_paths=STYLE, ssr_mode=False, pwa=False,
        enable_monitoring=False, run_history=False,
    )  # fmt: skip
    return app


def _tell(server: uvicorn.Server, address: str, opened: Callable[[str], None]) -> None:
    while not server.started and not server.should_exit:
        time.sleep(0.02)
    if server.started:
        opened(address)


def _bound(first: int) -> socket.socket:
    """A socket that listens at the first free port of twenty, else at any: until it listens, another one may have its port.

    Raises: SpecError.
    """
    for port in [*range(first, min(first + 20, 65536)), 0]:
        tried = socket.socket()
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((HOST, port))
            tried.listen()
        except OSError:
            tried.close()
            continue
        return tried
    raise SpecError(f"No port of {HOST} is free: end what listens there, or name another one with --port.")
