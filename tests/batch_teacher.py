"""A teacher with OpenAI's batch API, in memory; served over HTTP by fake_teacher.serving, or as the transport of a client."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx2

from tests.fake_teacher import FakeTeacher

UPLOAD, CREATE, CREATED, DOWNLOAD = "upload", "create", "created", "download"
"""Where it can stop answering: before a file is stored, before a batch is made, after it is made, half way through results."""


@dataclass
class BatchTeacher(FakeTeacher):
    """What it was sent, and how it shall behave.

    has_batches: whether it has the batch API at all.
    held: batches are worked on until this is false.
    silent_at: where it stops answering, until `heard` is set.
    answers_of: lines that a batch answers before it ends as `ends_as`; by default all, as completed.
    broken: texts of user messages whose lines are answered 500, so many times each.
    most_queued: lines that a batch may have before it fails for want of room; most_bytes: of a file.
    faults: of the next batch, which fails for them.
    """

    has_batches: bool = True
    held: bool = False
    silent_at: str = ""
    answers_of: int | None = None
    ends_as: str = "expired"
    broken: dict[str, int] = field(default_factory=dict)
    most_queued: int | None = None
    most_bytes: int | None = None
    faults: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    paid: Counter[str] = field(default_factory=Counter)
    looks: int = 0
    uploads: int = 0
    silences: int = 0
    deleted: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    heard: threading.Event = field(default_factory=threading.Event)

    def paid_twice(self) -> list[str]:
        """Requests that were answered, and so charged, more than once."""
        return [body for body, count in self.paid.items() if count > 1]

    def other(self, method: str, path: str, content_type: str, raw: bytes) -> tuple[int, Any] | None:
        """What is neither a completion nor the list of models."""
        path, _, query = path.partition("?")
        parts = [part for part in path.split("/") if part][1:]
        if not parts or parts[0] not in ("files", "batches"):
            return None
        if not self.has_batches:
            return 404, {"detail": "Not Found"}
        with self.lock:
            return self._routed(method, parts, parse_qs(query), content_type, raw)

    def torn(self) -> bool:
        return self.silent_at == DOWNLOAD

    def fall_silent(self) -> None:
        self.silences += 1
        self.heard.wait(300)

    def client(self) -> httpx2.AsyncClient:
        """A client that talks to it without a network."""

        def handle(request: httpx2.Request) -> httpx2.Response:
            path = request.url.raw_path.decode()
            answer = self.other(request.method, path, request.headers.get("content-type", ""), request.read())
            if answer is None and request.method == "GET":
                return httpx2.Response(200, json={"data": [{"id": "small"}]})
            status, content = answer or self.respond(json.loads(request.content))
            if isinstance(content, bytes):
                return httpx2.Response(status, content=content)
            return httpx2.Response(status, json=content)

        return httpx2.AsyncClient(transport=httpx2.MockTransport(handle))

    def _routed(
        self, method: str, parts: list[str], query: dict[str, list[str]], content_type: str, raw: bytes
    ) -> tuple[int, Any]:
        match method, parts:
            case "POST", ["files"]:
                return self._upload(content_type, raw)
            case "GET", ["files", file, "content"] if file in self.files:
                return 200, self.files[file]
            case "DELETE", ["files", file]:
                self.deleted.append(file)
                return 200, {"id": file, "deleted": True}
            case "POST", ["batches"]:
                return self._create(json.loads(raw))
            case "GET", ["batches"]:
                return self._listed(query)
            case "GET", ["batches", batch] if batch in self.batches:
                self.looks += 1
                return 200, self._worked(self.batches[batch])
            case "POST", ["batches", batch, "cancel"] if batch in self.batches:
                self.cancelled.append(batch)
                return 200, self.batches[batch]
        return 404, {"error": {"message": f"No such {parts[0]} object", "type": "invalid_request_error"}}

    def _upload(self, content_type: str, raw: bytes) -> tuple[int, Any]:
        self._silent(UPLOAD)
        boundary = content_type.partition("boundary=")[2].encode()
        part = next(part for part in raw.split(b"--" + boundary) if b'name="file"' in part)
        content = part.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n", 1)[0]
        if self.most_bytes is not None and len(content) > self.most_bytes:
            return 413, {"error": {"message": "Maximum content size limit exceeded"}}
        self.uploads += 1
        name = f"file-{len(self.files) + 1}"
        self.files[name] = content
        return 200, {"id": name, "object": "file", "bytes": len(content), "purpose": "batch"}

    def _create(self, body: dict[str, Any]) -> tuple[int, Any]:
        self._silent(CREATE)
        assert body["endpoint"] == "/v1/chat/completions" and body["completion_window"] == "24h"
        lines = self.files[body["input_file_id"]].splitlines()
        batch = {
            "id": f"batch_{len(self.batches) + 1}",
            "object": "batch",
            "input_file_id": body["input_file_id"],
            "status": "in_progress",
            "metadata": body["metadata"],
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
        }
        faults = self.faults
        if self.most_queued is not None and len(lines) > self.most_queued:
            faults = [
                {"code": "token_limit_exceeded", "message": "Enqueued token limit reached for small", "line": None}
            ]
        if faults:
            batch |= {"status": "failed", "errors": {"object": "list", "data": faults}}
            self.faults = []
        self.batches[batch["id"]] = batch
        self._silent(CREATED)
        return 200, batch

    def _listed(self, query: dict[str, list[str]]) -> tuple[int, Any]:
        """Two a page, the newest first."""
        ids = list(reversed(self.batches))
        if after := query.get("after"):
            ids = ids[ids.index(after[0]) + 1 :]
        return 200, {"data": [self.batches[one] for one in ids[:2]], "has_more": len(ids) > 2}

    def _worked(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The batch, its work done where it is not held."""
        if batch["status"] != "in_progress" or self.held:
            return batch
        lines = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        count = len(lines) if self.answers_of is None else self.answers_of
        good: list[dict[str, Any]] = []
        bad: list[dict[str, Any]] = []
        for line in lines[:count]:
            (good if (result := self._result(line))["response"]["status_code"] == 200 else bad).append(result)
        bad += [_unanswered(line["custom_id"]) for line in lines[count:]]
        batch["status"] = "completed" if count >= len(lines) else self.ends_as
        self.answers_of = None
        batch["request_counts"] |= {"completed": len(good), "failed": len(bad)}
        for name, results in (("output_file_id", reversed(good)), ("error_file_id", bad)):  # in no order
            if content := b"".join(json.dumps(result).encode() + b"\n" for result in results):
                batch[name] = f"file-{len(self.files) + 1}"
                self.files[batch[name]] = content
        return batch

    def _result(self, line: dict[str, Any]) -> dict[str, Any]:
        body, text = line["body"], str(line["body"]["messages"][-1]["content"])
        status, answer = 200, self.completion([])
        if self.broken.get(text, 0) > 0:
            self.broken[text] -= 1
            status, answer = 500, {"error": {"message": "it broke", "type": "server_error"}}
        else:
            self.paid[json.dumps(body, sort_keys=True)] += 1
            self.lock.release()  # `answer` takes it
            try:
                answer = self.completion([self.answer(body) for _ in range(body.get("n") or 1)])
            finally:
                self.lock.acquire()
        return {
            "id": "r",
            "custom_id": line["custom_id"],
            "response": {"status_code": status, "request_id": "q", "body": answer},
            "error": None,
        }

    def _silent(self, at: str) -> None:
        if self.silent_at == at:
            self.silences += 1
            self.lock.release()
            self.heard.wait(300)
            self.lock.acquire()
            raise ConnectionAbortedError("whoever asked is gone")


def _unanswered(identifier: str) -> dict[str, Any]:
    error = {"code": "batch_expired", "message": "This request could not be executed before the window expired."}
    return {"id": "r", "custom_id": identifier, "response": None, "error": error}
