"""An OpenAI-compatible teacher for tests, in a thread on 127.0.0.1: knows how to spell numbers backwards, counts requests."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

Served = TypeVar("Served", bound="FakeTeacher")


@dataclass
class FakeTeacher:
    """What the server was asked, and how it shall behave.

    status: the status of every answer; 200 answers well.
    well_for: requests that are answered well before `status` counts.
    content: what every completion says instead of a good answer; None answers well.
    """

    url: str = ""
    status: int = 200
    well_for: int = 0
    content: str | None = None
    latency_s: float = 0.05
    bodies: list[dict[str, Any]] = field(default_factory=list)
    made: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def sent_twice(self) -> list[str]:
        """Requests that came more than once, to the letter."""
        counts = Counter(json.dumps(body, sort_keys=True) for body in self.bodies)
        return [body for body, count in counts.items() if count > 1]

    def forget(self) -> None:
        """From here on it answers as it did from its start on."""
        self.bodies.clear()
        self.made = 0

    def headers(self, status: int) -> dict[str, str]:
        """Headers that an answer with this status has besides."""
        return {}

    def other(self, method: str, path: str, content_type: str, raw: bytes) -> tuple[int, Any] | None:
        """A status, and a tree, a page or bytes, for what is neither a completion nor the list of models."""
        no_such_path = method != "GET" and not path.partition("?")[0].endswith("/chat/completions")
        return (404, {"detail": "Not Found"}) if no_such_path else None

    def fall_silent(self) -> None:
        """Waits until whoever asked is gone."""

    def torn(self) -> bool:
        """Whether bytes are sent by half, after which nothing comes any more."""
        return False

    def respond(self, body: dict[str, Any]) -> tuple[int, dict[str, Any] | str]:
        """A status, and a tree or a page."""
        with self.lock:
            well = self.status == 200 or len(self.bodies) < self.well_for
            if well:
                self.bodies.append(body)
        if not well:
            return self.status, {"error": {"message": "no", "type": "t", "code": "t"}}
        time.sleep(self.latency_s)
        return 200, self.completion([self.answer(body) for _ in range(body.get("n") or 1)])

    def completion(self, texts: list[str], finish_reason: str = "stop") -> dict[str, Any]:
        """A chat completion with these texts."""
        messages = [{"role": "assistant", "content": text} for text in texts]
        choices = [{"index": i, "finish_reason": finish_reason, "message": m} for i, m in enumerate(messages)]
        usage = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}
        return {
            "id": "c",
            "object": "chat.completion",
            "created": 0,
            "model": "fake",
            "choices": choices,
            "usage": usage,
        }

    def answer(self, body: dict[str, Any]) -> str:
        """A completion: an example, several, or the last message's digits backwards."""
        if self.content is not None:
            return self.content
        schema = json.dumps(body.get("response_format", {}))
        if '"refused"' in schema:
            return json.dumps(self._rewritten(body["messages"][-1]["content"]))
        if '"examples"' in schema:
            return json.dumps({"examples": [self._example() for _ in range(4)]})
        if '"input"' in schema and '"output"' in schema:
            return json.dumps(self._example())
        if "properties" in schema:
            keys = body["response_format"]["json_schema"]["schema"]["properties"]
            return json.dumps(dict.fromkeys(keys, "Spells a number backwards."))
        return str(body["messages"][-1]["content"]).strip()[::-1]

    def _rewritten(self, prompt: str) -> dict[str, str]:
        """The number in a row, with its digits backwards; a row with a 7 is refused."""
        number = "".join(letter for letter in prompt.partition("The row:")[2].partition("}")[0] if letter.isdigit())
        if "7" in number or not number:
            return {"refused": "unclear", "why": f"{number} has a 7", "input": "", "output": ""}
        return {"refused": "no", "why": "", "input": number, "output": number[::-1]}

    def _example(self) -> dict[str, str]:
        with self.lock:
            self.made += 1
            number = str(10_000 + 37 * self.made)
        return {"input": number, "output": number[::-1]}


@contextmanager
def fake_teacher(**behaviour: Any) -> Iterator[FakeTeacher]:
    """Serves a FakeTeacher until the block ends."""
    with serving(FakeTeacher(**behaviour)) as teacher:
        yield teacher


@contextmanager
def serving(teacher: Served) -> Iterator[Served]:
    """Serves a teacher on 127.0.0.1 until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self._sent_other(b""):
                return
            self._send(
                200, {"object": "list", "data": [{"id": "fake", "object": "model", "created": 0, "owned_by": "t"}]}
            )

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not self._sent_other(raw):
                self._send(*teacher.respond(json.loads(raw)))

        def do_DELETE(self) -> None:
            self._sent_other(b"")

        def _sent_other(self, raw: bytes) -> bool:
            try:
                other = teacher.other(self.command, self.path, self.headers.get("Content-Type") or "", raw)
            except ConnectionAbortedError:
                self.close_connection = True
                return True
            if other is not None:
                self._send(*other)
            return other is not None

        def _send(self, status: int, answer: dict[str, Any] | str | bytes) -> None:
            content = answer if isinstance(answer, bytes) else b""
            if not isinstance(answer, bytes):
                content = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if isinstance(answer, str) else "application/json")
            self.send_header("Content-Length", str(len(content)))
            for name, value in teacher.headers(status).items():
                self.send_header(name, value)
            try:
                self.end_headers()
                if isinstance(answer, bytes) and teacher.torn():
                    self.wfile.write(content[: len(content) // 2])
                    self.wfile.flush()
                    teacher.fall_silent()
                    self.close_connection = True
                    return
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client was killed

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    teacher.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield teacher
    finally:
        server.shutdown()
        server.server_close()
