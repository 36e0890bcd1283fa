"""An API server of one Prompt2Model and its StageRun, for the real kubectl: discovery, get, list, merge patches with conflicts."""

from __future__ import annotations

import copy
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from prompt2model_stages.choosing.patching import merged

GROUP = "prompt2model.dev/v1alpha1"
KINDS = {"prompt2models": "Prompt2Model", "stageruns": "StageRun"}


@dataclass
class KubeServer:
    """What it holds, and what it was asked.

    resource, stage_runs: bodies; each patch of the resource raises its resourceVersion.
    patches: bodies that were taken.
    busy: patches before which somebody else writes the status, so that they come too late.
    slow_s: how long it takes to answer a patch.
    patching: set once a patch has arrived.
    """

    resource: dict[str, Any]
    stage_runs: list[dict[str, Any]]
    patches: list[dict[str, Any]] = field(default_factory=list)
    busy: int = 0
    slow_s: float = 0.0
    patching: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    def write(self, change: dict[str, Any]) -> None:
        """As any client does: a merge, and another resourceVersion."""
        self.resource = merged(self.resource, change)
        metadata = self.resource["metadata"]
        metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)

    def answer(self, path: str) -> tuple[int, dict[str, Any]]:
        """To a GET."""
        plain = path.partition("?")[0]
        if plain == "/api":
            return 200, {"kind": "APIVersions", "versions": []}
        if plain == "/apis":
            version = {"groupVersion": GROUP, "version": "v1alpha1"}
            group = {"name": "prompt2model.dev", "versions": [version], "preferredVersion": version}
            return 200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]}
        if plain == f"/apis/{GROUP}":
            verbs = ["get", "list", "patch"]
            found = [
                {"name": n, "singularName": "", "namespaced": True, "kind": k, "verbs": verbs} for n, k in KINDS.items()
            ]
            return 200, {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": GROUP, "resources": found}
        if plain.endswith("/stageruns"):
            return 200, {"kind": "StageRunList", "apiVersion": GROUP, "metadata": {}, "items": self.stage_runs}
        if plain.endswith(f"/prompt2models/{self.resource['metadata']['name']}"):
            return 200, copy.deepcopy(self.resource)
        return 404, refusal(404, "NotFound", f'prompt2models.prompt2model.dev "{plain.rpartition("/")[2]}" not found')

    def patch(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Takes a merge patch, unless it is for another resourceVersion."""
        self.patching.set()
        time.sleep(self.slow_s)
        if self.busy:
            self.busy -= 1
            self.write({"status": {"progress": f"busy {self.busy}"}})
        version = body.get("metadata", {}).get("resourceVersion")
        if version is not None and version != self.resource["metadata"]["resourceVersion"]:
            why = "the object has been modified; please apply your changes to the latest version and try again"
            return 409, refusal(409, "Conflict", f'Operation cannot be fulfilled on {GROUP} "questions": {why}')
        self.patches.append(body)
        self.write(body)
        return 200, copy.deepcopy(self.resource)


def refusal(code: int, reason: str, message: str) -> dict[str, Any]:
    """As Kubernetes writes it."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


@contextmanager
def serving(server: KubeServer, folder: Path) -> Iterator[dict[str, str]]:
    """Serves it; yields the environment in which kubectl finds it. folder: for its kubeconfig and cache."""

    class Handler(BaseHTTPRequestHandler):
        def _send(self, answer: tuple[int, dict[str, Any]]) -> None:
            content = json.dumps(answer[1]).encode()
            self.send_response(answer[0])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self._send(server.answer(self.path))

        def do_PATCH(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._send(server.patch(body))

        def log_message(self, format: str, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.port = http.server_address[1]
    threading.Thread(target=http.serve_forever, daemon=True).start()
    try:
        yield {"KUBECONFIG": str(_kubeconfig(folder, server.port)), "KUBECACHEDIR": str(folder / "cache")}
    finally:
        http.shutdown()
        http.server_close()


def _kubeconfig(folder: Path, port: int) -> Path:
    cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "team"}}
    tree = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster],
        "contexts": [context],
        "users": [{"name": "u", "user": {}}],
        "current-context": "c",
    }
    file = folder / "kubeconfig.json"
    file.write_text(json.dumps(tree))
    return file
