"""Plays the API server for a stage in a pod: TLS, a service account's folder, StageRuns whose status takes merge patches."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from prompt2model_api.stage_job import StageJob

TOKEN = "a-token-of-the-service-account"


@dataclass
class FakeApiServer:
    """What it holds and what it was told.

    folder: of the service account, with token and ca.crt.
    stage_runs: by <namespace>/<name>.
    statuses: answered one by one before it answers well again.
    patches: bodies taken, each with its moment.
    """

    folder: Path
    port: int = 0
    stage_runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    patches: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    refused_tokens: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    _server: ThreadingHTTPServer | None = None

    def add(self, name: str, attempt: int = 1, uid: str = "u-1") -> None:
        namespace, _, own = name.partition("/")
        metadata = {"name": own, "namespace": namespace, "uid": uid}
        self.stage_runs[name] = {"metadata": metadata, "status": {"attempt": attempt, "phase": "Running"}}

    def status(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.stage_runs[name]["status"]
        return found

    def told(self, key: str) -> list[dict[str, Any]]:
        """What was patched into one field of status, in order."""
        return [body["status"][key] for _, body in self.patches if key in body.get("status", {})]

    def environment(self) -> dict[str, str]:
        return {
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(self.port),
            "P2M_SERVICE_ACCOUNT_FOLDER": str(self.folder),
        }

    def job_environment(self, job: StageJob) -> dict[str, str]:
        """The environment of the attempt's pod, with the job in a file as a ConfigMap is mounted."""
        tree = {key: value for key, value in job.dump().items() if key != "attempt"}
        meta = job.stage_run.metadata
        file = self.folder / f"{meta.name}-{job.attempt}.json"
        file.write_text(json.dumps(tree, ensure_ascii=False))
        reports_to = f"{meta.namespace}/{meta.name}"
        return {"P2M_JOB": str(file), "P2M_ATTEMPT": str(job.attempt), "P2M_STAGE_RUN": reports_to}

    def come(self) -> None:
        """Listens, on the port that it had before."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "ca.crt", self.folder / "key.pem")
        server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        self.port, self._server = server.server_port, server
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def go(self) -> None:
        """Nobody listens any more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextmanager
def fake_api_server(folder: Path) -> Iterator[FakeApiServer]:
    """Serves until the block ends; the service account's files lie in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "token").write_text(TOKEN + "\n")
    _write_certificate(folder)
    server = FakeApiServer(folder)
    server.come()
    try:
        yield server
    finally:
        server.go()


def _handler(api: FakeApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PATCH(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with api.lock:
                self._answer(*self._patched(body))

        def _patched(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                api.refused_tokens += 1
                return 401, {"kind": "Status", "message": "Unauthorized"}
            if self.headers["Content-Type"] != "application/merge-patch+json":
                return 415, {"kind": "Status"}
            if api.statuses:
                return api.statuses.pop(0), {"kind": "Status", "message": "as the test wants it"}
            parts = self.path.split("/")
            expected = [
                "",
                "apis",
                "prompt2model.dev",
                "v1alpha1",
                "namespaces",
                parts[5],
                "stageruns",
                parts[7],
                "status",
            ]
            found = api.stage_runs.get(f"{parts[5]}/{parts[7]}") if parts == expected else None
            if found is None:
                return 404, {"kind": "Status", "message": "not found"}
            api.patches.append((time.monotonic(), body))
            _merge(found, body)
            return 200, found

        def _answer(self, status: int, tree: dict[str, Any]) -> None:
            content = json.dumps(tree).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    return Handler


def _merge(target: dict[str, Any], patch: dict[str, Any]) -> None:
    """RFC 7386."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            inner = target.get(key)
            target[key] = inner if isinstance(inner, dict) else {}
            _merge(target[key], value)
        else:
            target[key] = value


def _write_certificate(folder: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubernetes")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
