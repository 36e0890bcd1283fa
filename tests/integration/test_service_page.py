"""The service's page in a real Chromium: it answers, behind a path prefix too, and asks no other host."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn

from prompt2model_stages.examples import Pair
from prompt2model_stages.service import connections
from prompt2model_stages.service.card import Card
from prompt2model_stages.service.site import Site
from prompt2model_stages.service.validating import Validating
from tests import chromium

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(chromium.executable() is None, reason="chromium is not installed"),
]

HOSTILE = "</textarea><script>document.title='taken'</script><img src=http://192.0.2.1/x.png onerror=\"document.title='taken'\">"
CARD = Card(
    name="dates",
    version="0123456789ab",
    instruction=f"Schreibe das Datum nach ISO 8601.\n{HOSTILE} $name ${{x}}",
    language="de",
    examples=(Pair("it's 3 May 2021", "2021-05-03"), Pair(f"\n{HOSTILE}", "none")),
    max_input_tokens=96,
    max_output_tokens=16,
)


async def predict(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
    """In the place of BentoML: the input backwards, or a refusal."""
    text = json.loads((await receive())["body"])["text"]
    status, tree = (422, {"error": "text has 500 tokens."}) if text == "long" else (200, {"output": text[::-1]})
    body = json.dumps(tree | ({"truncated": True} if text == "cut" else {})).encode()
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


def below(prefix: str):  # type: ignore[no-untyped-def]
    """The service behind a gateway that cuts off a prefix, as the HTTPRoute does."""
    app = Site(Validating(predict), lambda: CARD)

    async def gateway(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        path = scope["path"].removeprefix(prefix) or "/"
        await app({**scope, "path": path}, receive, send)

    return gateway


@asynccontextmanager
async def served(prefix: str) -> AsyncIterator[str]:
    config = uvicorn.Config(below(prefix), port=0, log_config=None, lifespan="off", http=connections.BoundedProtocol)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await task


@pytest.fixture
def pictures() -> Iterator[Path | None]:
    """Where P2M_SCREENSHOTS wants them."""
    folder = os.environ.get("P2M_SCREENSHOTS")
    yield Path(folder) if folder else None


@pytest.mark.parametrize("path", ["/", "/team-a/dates", "/team-a/dates/"])
async def test_answers_and_asks_no_other_host(path: str, pictures: Path | None) -> None:
    async with served(path.rstrip("/")) as url, chromium.page() as page:
        await page.open(url + path)
        assert await page.value("document.title") == "dates"
        assert await page.value("document.getElementById('text').value") == "it's 3 May 2021"
        base = url + path.rstrip("/") + "/"
        curl = await page.value("document.getElementById('curl').textContent")
        assert curl.startswith(f"curl {base}predict ") and "it'\\''s 3 May 2021" in curl
        assert await page.value("document.getElementById('docs').href") == f"{base}docs.json"

        await page.value("document.getElementById('answer').click()")
        assert await page.until("document.getElementById('output').textContent") == "1202 yaM 3 s'ti"
        await page.value("document.querySelectorAll('.example')[1].click()")
        assert await page.value("document.getElementById('text').value") == f"\n{HOSTILE}"
        await page.value("document.getElementById('answer').click()")
        assert await page.until("document.getElementById('output').textContent") == f"\n{HOSTILE}"[::-1]
        if pictures:
            await page.screenshot(pictures / "light.png")
            await page.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
            await page.screenshot(pictures / "dark.png")
        await asyncio.sleep(0.5)  # whatever it would still ask for
        assert await page.value("document.title") == "dates"
        assert page.console == []
        hosts = {urlsplit(request).netloc for request in page.requests if not request.startswith("data:")}
        assert hosts == {urlsplit(url).netloc}


async def test_says_what_is_refused_and_what_was_cut_and_is_reached_with_the_keyboard() -> None:
    async with served("") as url, chromium.page() as page:
        await page.open(url + "/")
        for text, note in (("long", "500 tokens"), ("cut", "was cut")):
            await page.value(
                f"document.getElementById('text').value = '{text}'; document.getElementById('text').focus()"
            )
            await page.ask("Input.dispatchKeyEvent", type="keyDown", key="Enter", code="Enter", modifiers=2)
            await page.until(f"document.getElementById('note').textContent.includes('{note}')")
        stops = []
        await page.value("document.activeElement.blur(); document.body.focus()")
        for _ in range(8):
            for kind in ("rawKeyDown", "keyUp"):
                await page.ask("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
            stops.append(await page.value("document.activeElement.id || document.activeElement.className"))
        assert {"text", "answer", "example", "docs"} <= set(stops)
        named = "[...document.querySelectorAll('textarea,button,a,output')].every(e => e.labels?.length || e.textContent.trim())"
        assert await page.value(named)


async def test_the_page_names_no_other_host() -> None:
    async with served("") as url, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{url}/")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        for path in ("/static_content/swagger-ui.css", "/schema.json", "/batch", "/assets/x.js"):
            missing = await client.get(url + path)
            assert missing.status_code == 404 and set(missing.json()) == {"error"}
