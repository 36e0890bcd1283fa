"""An OpenAI-compatible endpoint under load: latency, errors at random, a limit on requests a minute; it counts all of it.

In a thread on 127.0.0.1. `POST /reset` sets the knobs and forgets, `GET /stats` reads the counts.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KNOBS = {"latency": 0.02, "jitter": 0.0, "p429": 0.0, "p500": 0.0, "rpm": 0.0, "retry_after": 0.05}
COUNTS = ("requests", "ok", "e429", "e500", "inflight", "max_inflight", "prompt_tokens", "completion_tokens")


@dataclass
class BusyServer:
    """The knobs (seconds, probabilities, requests in any 60 s with 0 for no limit) and what was counted."""

    knobs: dict[str, float] = field(default_factory=lambda: dict(KNOBS))
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    times: deque[float] = field(default_factory=deque)
    lock: threading.Lock = field(default_factory=threading.Lock)
    random: random.Random = field(default_factory=lambda: random.Random(1))

    def reset(self, knobs: dict[str, float]) -> None:
        """Forgets what was counted, but for the requests that are in flight."""
        with self.lock:
            self.knobs.update(knobs)
            self.counts.update(dict.fromkeys((name for name in COUNTS if name != "inflight"), 0))
            self.times.clear()
            self.random.seed(1)

    def status(self) -> int:
        """Counts a request, and says how it ends."""
        with self.lock:
            now = time.monotonic()
            self.counts["requests"] += 1
            while self.times and now - self.times[0] > 60:
                self.times.popleft()
            self.times.append(now)
            drawn = self.random.random()
            limited = bool(self.knobs["rpm"]) and len(self.times) > self.knobs["rpm"]
            if limited or drawn < self.knobs["p429"]:
                self.counts["e429"] += 1
                return 429
            if drawn < self.knobs["p429"] + self.knobs["p500"]:
                self.counts["e500"] += 1
                return 500
            return 200

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        """A completion a choice, with its usage, after the latency."""
        time.sleep(max(0.0, self.knobs["latency"] + random.uniform(-1, 1) * self.knobs["jitter"]))
        text = json.dumps({"input": f"What is {body['messages'][-1]['content'][-40:]}?", "output": "It is so."})
        choices = int(body.get("n") or 1)
        prompt, completion = max(1, len(json.dumps(body["messages"])) // 4), choices * (len(text) // 4)
        with self.lock:
            self.counts["ok"] += 1
            self.counts["prompt_tokens"] += prompt
            self.counts["completion_tokens"] += completion
        message = {"role": "assistant", "content": text}
        return {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"],
            "choices": [{"index": i, "finish_reason": "stop", "message": message} for i in range(choices)],
            "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion},
        }  # fmt: skip


@contextmanager
def busy_server() -> Iterator[str]:
    """Runs the server. Yields: its address, without /v1."""
    state = BusyServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(200, dict(state.counts))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.path == "/reset":
                state.reset(body)
                self._send(200, state.knobs)
                return
            with state.lock:
                state.counts["inflight"] += 1
                state.counts["max_inflight"] = max(state.counts["max_inflight"], state.counts["inflight"])
            try:
                status = state.status()
                said = {"error": {"message": "Rate limit reached" if status == 429 else "The server had an error"}}
                answer = state.answer(body) if status == 200 else said
            finally:
                with state.lock:
                    state.counts["inflight"] -= 1
            self._send(status, answer)

        def _send(self, status: int, body: Any) -> None:
            content = json.dumps(body).encode()
            try:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                if status == 429:
                    self.send_header("retry-after", f"{state.knobs['retry_after']:g}")
                self.end_headers()
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client was killed

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 200
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that was killed is no error."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
