"""A real browser for tests: Chromium without a window, driven through its DevTools protocol."""

# ruff: noqa: ASYNC110, ASYNC220, ASYNC240  (a test waits for a process; nothing else runs in its loop)
from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

START_LIMIT_S = 120.0


def executable() -> str | None:
    """Chromium's path; None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((found for name in names if (found := shutil.which(name))), None)


class Page:
    """One tab. requests: the URL of each request that it made; console: what it complained of."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.requests: list[str] = []
        self.console: list[str] = []
        self.loaded = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What the browser answers."""
        number = len(self._answers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        return await asyncio.wait_for(self._answers[number], START_LIMIT_S)

    async def open(self, url: str) -> None:
        """Goes there and waits until it is loaded."""
        for domain in ("Page", "Network", "Runtime", "Log"):
            await self.ask(f"{domain}.enable")
        self.loaded.clear()
        await self.ask("Page.navigate", url=url)
        await asyncio.wait_for(self.loaded.wait(), START_LIMIT_S)

    async def value(self, script: str) -> Any:
        """The value of a JavaScript expression, awaited where it is a promise."""
        found = await self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, script: str) -> Any:
        """The value of an expression once it is true."""
        async with asyncio.timeout(START_LIMIT_S):
            while not (found := await self.value(script)):
                await asyncio.sleep(0.05)
        return found

    async def screenshot(self, file: Path) -> None:
        """The whole page as PNG."""
        found = await self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(found["data"]))

    async def _read(self) -> None:
        async for message in self._socket:
            tree = json.loads(message.data)
            if "id" in tree:
                self._answers[tree["id"]].set_result(tree.get("result", {"error": tree.get("error")}))
            elif tree["method"] == "Network.requestWillBeSent":
                self.requests.append(tree["params"]["request"]["url"])
            elif tree["method"] == "Log.entryAdded":
                self.console.append(tree["params"]["entry"]["text"])
            elif tree["method"] == "Runtime.exceptionThrown":
                self.console.append(str(tree["params"]["exceptionDetails"]))
            elif tree["method"] == "Page.loadEventFired":
                self.loaded.set()


@asynccontextmanager
async def page() -> AsyncIterator[Page]:
    """A tab of a browser of its own, which ends with the block."""
    path = executable()
    assert path is not None
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as home:
        command = [path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        command += ["--remote-debugging-port=0", f"--user-data-dir={home}", "--window-size=900,1000", "about:blank"]
        process = subprocess.Popen(
            command, env={**os.environ, "HOME": home}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            port = await _port(Path(home) / "DevToolsActivePort", process)
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    tabs = await answer.json()
                tab = next(tab for tab in tabs if tab["type"] == "page")
                async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    yield Page(socket)
        finally:
            process.terminate()
            process.wait(60)


async def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    async with asyncio.timeout(START_LIMIT_S):
        while not file.exists() or not file.read_text().strip():
            assert process.poll() is None, "Chromium ended"
            await asyncio.sleep(0.05)
    return int(file.read_text().split()[0])
