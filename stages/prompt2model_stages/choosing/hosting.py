"""Serves a page on 127.0.0.1 until it is done, or Ctrl-C.

The address has a secret in its path, so that neither another user of this machine nor a page of another site in the same
browser can act on it. A policy in each answer keeps the browser from asking any other host.
"""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from prompt2model_api.loading import SpecError

FONT = ("system-ui", "sans-serif")
MONO = ("ui-monospace", "Consolas", "monospace")
HOST = "127.0.0.1"
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; form-action 'none'; frame-ancestors 'none'"
)
LINGER_S = 1.5
"""After the page is done, so that the browser still gets the answer."""


@dataclass(frozen=True)
class Hosted:
    """A page. title: of the command; blocks: makes the page, given what ends the command; styles: files of CSS."""

    title: str
    blocks: Callable[[Callable[[], None]], gr.Blocks]
    styles: Sequence[Path]


def host(hosted: Hosted, port: int, opened: Callable[[str], None]) -> None:
    """Returns once the page ended the command, or its server was stopped.

    Args:
        port: the first that is tried.
        opened: hears the address.

    Raises: KeyboardInterrupt; SpecError where no port is free.
    """
    bound, path = bound_from(port), f"/{secrets.token_urlsafe(16)}"
    config = uvicorn.Config(FastAPI(), log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)

    def end() -> None:
        threading.Timer(LINGER_S, lambda: setattr(server, "should_exit", True)).start()

    config.app = _app_of(hosted, path, end)
    address = f"http://{HOST}:{bound.getsockname()[1]}{path}/"
    threading.Thread(target=_tell, args=(server, address, opened), daemon=True).start()
    with bound:
        server.run([bound])


def theme() -> Any:
    """Light, with the system's fonts: the themes of Gradio would load others."""
    return gr.themes.Default(primary_hue="blue", neutral_hue="slate", font=FONT, font_mono=MONO)


def _app_of(hosted: Hosted, path: str, end: Callable[[], None]) -> FastAPI:
    """The page below a path."""
    app = FastAPI(openapi_url=None)

    @app.get("/manifest.json")  # browsers ask for these two at the root
    def manifest() -> JSONResponse:
        return JSONResponse({"name": hosted.title}, media_type="application/manifest+json")

    @app.get("/favicon.ico")
    def icon() -> Response:
        return Response(status_code=204)

    @app.middleware("http")
    async def policy(request: Request, call_next: Callable[..., object]) -> Response:
        answer: Response = await call_next(request)  # type: ignore[misc]
        answer.headers["Content-Security-Policy"] = POLICY
        answer.headers["Referrer-Policy"] = "no-referrer"
        return answer

    gr.mount_gradio_app(
        app, hosted.blocks(end), path, server_name=HOST, footer_links=[], theme=theme(), css_paths=list(hosted.styles),
        ssr_mode=False, pwa=False, enable_monitoring=False, run_history=False,
    )  # fmt: skip
    return app


def _tell(server: uvicorn.Server, address: str, opened: Callable[[str], None]) -> None:
    while not server.started and not server.should_exit:
        time.sleep(0.02)
    if server.started:
        opened(address)


def bound_from(first: int) -> socket.socket:
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
