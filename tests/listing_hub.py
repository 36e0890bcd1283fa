"""A hub that lists its datasets and models as the Hugging Face hub does, page by page, and fails as it is told."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

Answer = tuple[int, dict[str, str], bytes]


class ListingHub:
    """What it lists, the latest change first, and what it was asked for.

    page: entries on a page, at most. before: is asked before each request with its number, from 0; an Answer goes out instead of
    the page, None lets the page go out, and an exception closes the connection without a word.
    """

    def __init__(self, page: int) -> None:
        self.items: dict[str, list[dict[str, Any]]] = {"datasets": [], "models": []}
        self.page = page
        self.before: Callable[[int], Answer | None] = lambda number: None
        self.asked: list[str] = []
        self.tokens: list[str | None] = []
        self.url = ""

    def answer(self, path: str) -> Answer:
        """What a request gets."""
        split = urlsplit(path)
        kind, query = split.path.rpartition("/")[2], parse_qs(split.query)
        if kind not in self.items:
            return 404, {}, b'{"error": "Not Found"}'
        assert query["sort"] == ["lastModified"]
        items = sorted(self.items[kind], key=lambda item: item["lastModified"], reverse=True)
        if tag := query.get("pipeline_tag"):
            items = [item for item in items if item.get("pipeline_tag") == tag[0]]
        begin = int(query.get("cursor", ["0"])[0])
        end = begin + min(self.page, int(query["limit"][0]))
        headers = {"Content-Type": "application/json"}
        if end < len(items):
            following = urlencode({**query, "cursor": end}, doseq=True)
            headers["Link"] = f'<{self.url}/api/{kind}?{following}>; rel="next"'
        asked = {"id", *query["expand"]}
        shown = [{name: value for name, value in item.items() if name in asked} for item in items[begin:end]]
        return 200, headers, json.dumps(shown).encode()


def server_of(hub: ListingHub, host: str = "127.0.0.1", port: int = 0) -> ThreadingHTTPServer:
    """A server of the hub at an address; it does not run yet."""
    return ThreadingHTTPServer((host, port), type("Handler", (_Handler,), {"hub": hub}))


@contextmanager
def listing(page: int = 2) -> Iterator[ListingHub]:
    """A hub that runs as long as the block."""
    hub = ListingHub(page)
    server = server_of(hub)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    yield hub
    server.shutdown()
    server.server_close()


def dataset(number: int, day: str, **changes: object) -> dict[str, Any]:
    """A dataset as the hub lists it, changed on a day such as 2026-01-02."""
    facts: dict[str, object] = {
        "id": f"someone/set-{number}",
        "lastModified": f"{day}T00:00:00.000Z",
        "downloads": number,
        "gated": False,
        "private": False,
        "tags": ["task_categories:translation", "language:de", "license:mit", "modality:text"],
        "description": f"Sentences   number {number}.",
        "cardData": {"dataset_info": {"features": [{"name": "text", "dtype": "string"}]}},
        "siblings": [{"rfilename": "data.parquet"}],
        "mainSize": 10 * number,
    }
    return facts | changes


def model(number: int, day: str, **changes: object) -> dict[str, Any]:
    """A model as the hub lists it."""
    facts: dict[str, object] = {
        "id": f"someone/opus-mt-en-de-{number}",
        "lastModified": f"{day}T00:00:00.000Z",
        "downloads": number,
        "gated": "auto",
        "private": False,
        "pipeline_tag": "translation",
        "tags": ["translation", "license:apache-2.0"],
        "config": {"architectures": ["MarianMTModel"], "model_type": "marian"},
        "safetensors": {"parameters": {"F32": 100, "BF16": 10}, "total": 110},
        "usedStorage": 10**9,
        "baseModels": {"relation": "finetune", "models": [{"id": "Helsinki-NLP/opus-mt-en-de"}]},
        "cardData": {"datasets": ["opus_books"], "metrics": ["bleu"]},
    }
    return facts | changes


class _Handler(BaseHTTPRequestHandler):
    hub: ListingHub

    def do_GET(self) -> None:
        number = len(self.hub.asked)
        self.hub.asked.append(self.path)
        self.hub.tokens.append(self.headers.get("Authorization"))
        try:
            status, headers, body = self.hub.before(number) or self.hub.answer(self.path)
        except ConnectionAbortedError:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Says nothing."""


if __name__ == "__main__":  # listing_hub.py PORT TEXT: forty datasets with this text, and a few models
    served = ListingHub(page=50)
    served.url = f"http://127.0.0.1:{sys.argv[1]}"
    served.items["datasets"] = [dataset(n, "2026-01-02", description=f"{sys.argv[2]} Part {n}.") for n in range(40)]
    served.items["models"] = [model(n, "2026-01-02") for n in range(3)]
    server_of(served, "", int(sys.argv[1])).serve_forever()
