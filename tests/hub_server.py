"""A hub on this machine: what huggingface_hub and datasets ask for, of folders in a folder."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_made_up"
SILENT = (0, b"")
SILENT_S = 3.0


class Hub:
    """What the server has and what it was asked for.

    root: models/<owner>/<name>/ and datasets/<owner>/<name>/. private: names that want TOKEN. gated: names whose files nobody
    gets. wrong: status and body of answers to paths that match a pattern, instead of what is there; SILENT: none for a while.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.private: set[str] = set()
        self.gated: set[str] = set()
        self.wrong: dict[str, tuple[int, bytes]] = {}
        self.commits: dict[str, str] = {}
        self.asked: list[str] = []
        self.sent = 0
        self.url = ""

    def files(self, kind: str, name: str) -> dict[str, Path] | None:
        folder = self.root / kind / name
        if not folder.is_dir():
            return None
        return {str(f.relative_to(folder)): f for f in sorted(folder.rglob("*")) if f.is_file()}


@contextmanager
def serving(root: Path) -> Iterator[Hub]:
    """A hub with the folders below root."""
    hub = Hub(root)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    yield hub
    server.shutdown()
    server.server_close()


def online(monkeypatch: pytest.MonkeyPatch, url: str, cache: Path) -> None:
    """The client's settings, which it reads when it is imported, as if HF_ENDPOINT were url."""
    from huggingface_hub import HfApi, constants

    monkeypatch.setenv("HF_ENDPOINT", url)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    if (settings := sys.modules.get("datasets.config")) is not None:
        monkeypatch.setattr(settings, "HF_ENDPOINT", url)
        monkeypatch.setattr(settings, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(settings, "HF_DATASETS_CACHE", str(cache / "datasets"))
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(cache), raising=False)
    monkeypatch.setattr("huggingface_hub.hf_api.api", HfApi(endpoint=url), raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(head=True)

    def do_GET(self) -> None:
        self._answer(head=False)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        found = re.fullmatch(r"/api/(models|datasets)/([^/]+/[^/]+)/paths-info/([^/]+)", urlsplit(self.path).path)
        if not found or (files := self.hub.files(found[1], found[2])) is None:
            return self._send(404, b"{}", {})
        wanted = asked.get("paths", [])
        rows = [_entry(name, file) for name, file in files.items() if name in wanted]
        self._send(200, json.dumps(rows).encode(), {"Content-Type": "application/json"})

    def _answer(self, *, head: bool) -> None:
        self.hub.asked.append(self.path)
        if (
            wrong := next((a for pattern, a in self.hub.wrong.items() if re.search(pattern, self.path)), None)
        ) is not None:
            if wrong == SILENT:
                time.sleep(SILENT_S)
                self.close_connection = True
                return None
            return self._send(*wrong, {"Content-Type": "text/html"}, head)
        split = urlsplit(self.path)
        path, query = unquote(split.path), parse_qs(split.query)
        if found := re.fullmatch(r"/api/(models|datasets)/([^/]+/[^/]+?)(?:/(revision|tree)/([^/]+)(?:/(.*))?)?", path):
            kind, name, what, revision, below = found[1], found[2], found[3], found[4], found[5] or ""
            files = self.hub.files(kind, name)
            if not self._allowed(name, files is not None):
                return None
            return self._json(
                self._tree(files, below) if what == "tree" else self._info(name, revision, files, query), head
            )
        if found := re.fullmatch(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            kind = "datasets" if found[1] else "models"
            files = self.hub.files(kind, found[2])
            if not self._allowed(found[2], files is not None):
                return None
            if found[2] in self.hub.gated:
                return self._send(403, b"{}", {"X-Error-Code": "GatedRepo"}, head)
            if found[4] not in (files or {}):
                return self._send(404, b"", {"X-Error-Code": "EntryNotFound"}, head)
            commit = found[3] if re.fullmatch("[0-9a-f]{40}", found[3]) else self._commit(found[2])
            return self._file((files or {})[found[4]], commit, head)
        return self._send(404, b"{}", {}, head)

    def _commit(self, name: str) -> str:
        return self.hub.commits.get(name, COMMIT)

    def _allowed(self, name: str, there: bool) -> bool:
        if there and (name not in self.hub.private or self.headers.get("Authorization") == f"Bearer {TOKEN}"):
            return True
        self._send(401 if there else 404, b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"})
        return False

    def _info(self, name: str, revision: str | None, files: Any, query: dict[str, list[str]]) -> Any:
        commit = revision if re.fullmatch("[0-9a-f]{40}", revision or "") else self._commit(name)
        siblings = [
            {"rfilename": f, **({"size": p.stat().st_size} if "blobs" in query else {})} for f, p in files.items()
        ]
        return {
            "id": name,
            "sha": commit,
            "siblings": siblings,
            "private": False,
            "downloads": 0,
            "tags": ["license:cc-by-4.0"],
        }

    def _tree(self, files: Any, below: str) -> Any:
        inside = {f: p for f, p in files.items() if not below or f.startswith(below + "/")}
        folders = {str(parent) for f in inside for parent in Path(f).parents if str(parent) not in (".", below)}
        return [_entry(f, p) for f, p in inside.items()] + [
            {"type": "directory", "path": f, "oid": "0" * 40, "size": 0} for f in folders
        ]

    def _json(self, tree: Any, head: bool) -> None:
        self._send(200, json.dumps(tree).encode(), {"Content-Type": "application/json"}, head)

    def _file(self, file: Path, commit: str, head: bool) -> None:
        content = file.read_bytes()
        headers = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Repo-Commit": commit,
            "Accept-Ranges": "bytes",
        }
        if found := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            begin, end = int(found[1]), int(found[2]) if found[2] else len(content) - 1
            headers["Content-Range"] = f"bytes {begin}-{min(end, len(content) - 1)}/{len(content)}"
            return self._send(206, content[begin : end + 1], headers, head)
        return self._send(200, content, headers, head)

    def _send(self, status: int, body: bytes, headers: dict[str, str], head: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not head:
            self.hub.sent += len(body)
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Says nothing."""


def _entry(name: str, file: Path) -> dict[str, Any]:
    return {"type": "file", "path": name, "size": file.stat().st_size, "oid": hashlib.sha1(name.encode()).hexdigest()}
