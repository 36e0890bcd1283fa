"""A cluster, as the tests ask it: objects through `kubectl proxy`, the rest through kubectl. Every wait has a deadline."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import httpx

from prompt2model_operator.kinds import Kind

Body = dict[str, Any]
T = TypeVar("T")

MANAGER = "e2e"
FORWARDED = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")
SERVED = re.compile(r"Starting to serve on 127\.0\.0\.1:(\d+)")


class NotYet(Exception):
    """What a wait waits for is not there; the text says what is there instead."""


def wait_for(what: str, check: Callable[[], T], within: float, every: float = 0.5) -> T:
    """The check's answer, once it raises no NotYet. Raises: AssertionError after the deadline, with its last words."""
    deadline = time.monotonic() + within
    while True:
        try:
            return check()
        except NotYet as error:
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: not within {within:.0f} s. {error}") from None
        time.sleep(every)


class Kube:
    """One cluster."""

    def __init__(self, kubeconfig: str, kubectl: str = "kubectl") -> None:
        self.kubeconfig = kubeconfig
        self._kubectl = kubectl
        self._proxy = subprocess.Popen(self._command("proxy", "--port=0"), stdout=subprocess.PIPE, text=True)
        port = _port(self._proxy, SERVED)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False)

    def close(self) -> None:
        """Ends the proxy."""
        self.http.close()
        _end(self._proxy)

    def get(self, kind: Kind, namespace: str | None, name: str) -> Body | None:
        """An object; None where there is none."""
        answer = self.http.get(kind.path(namespace, name))
        return None if answer.status_code == 404 else _body(answer)

    def list(self, kind: Kind, namespace: str | None = None, selector: str = "") -> list[Body]:
        """The objects of a kind that the selector matches."""
        return list(_body(self.http.get(kind.path(namespace), params={"labelSelector": selector}))["items"])

    def create(self, kind: Kind, body: Body) -> Body:
        """Makes an object."""
        return _body(self.http.post(kind.path(body["metadata"].get("namespace")), json=body))

    def apply(self, kind: Kind, body: Body) -> Body:
        """Server-side apply."""
        meta = body["metadata"]
        path = kind.path(meta.get("namespace"), meta["name"])
        headers = {"Content-Type": "application/apply-patch+yaml"}
        params = {"fieldManager": MANAGER, "force": "true"}
        return _body(self.http.patch(path, content=json.dumps(body), headers=headers, params=params))

    def patch(self, kind: Kind, namespace: str | None, name: str, body: Body, subresource: str | None = None) -> Body:
        """A merge patch."""
        headers = {"Content-Type": "application/merge-patch+json"}
        path = kind.path(namespace, name, subresource)
        return _body(self.http.patch(path, content=json.dumps(body), headers=headers))

    def delete(self, kind: Kind, namespace: str | None, name: str) -> None:
        """Removes an object, what it owns in the background; nothing happens where there is none."""
        answer = self.http.request("DELETE", kind.path(namespace, name), json={"propagationPolicy": "Background"})
        if answer.status_code != 404:
            _body(answer)

    def kubectl(self, *arguments: str, given: str | None = None, check: bool = True, within: float = 120) -> str:
        """The standard output of a kubectl command."""
        done = self.run(*arguments, given=given, within=within)
        assert not check or done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def run(self, *arguments: str, given: str | None = None, within: float = 120) -> subprocess.CompletedProcess[str]:
        """A kubectl command, whatever comes of it."""
        return subprocess.run(
            self._command(*arguments), input=given, capture_output=True, text=True, timeout=within, check=False
        )

    @contextmanager
    def started(self, *arguments: str) -> Iterator[None]:
        """A kubectl command that runs for as long as the block lasts, at most."""
        process = subprocess.Popen(self._command(*arguments), stdout=subprocess.DEVNULL)
        try:
            with suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"kubectl {' '.join(arguments[:4])} ended at once, with status {process.wait(3)}")
            yield
        finally:
            _end(process)

    def logs(self, namespace: str, pod: str, *options: str) -> str:
        """A pod's log; nothing where there is none."""
        return self.kubectl("logs", "-n", namespace, pod, "--all-containers", *options, check=False)

    @contextmanager
    def forwarded(self, namespace: str, target: str, port: int) -> Iterator[httpx.Client]:
        """A client for a port of a pod or Service, from wherever the tests run."""
        command = self._command("port-forward", "-n", namespace, target, f":{port}")
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            url = f"http://127.0.0.1:{_port(process, FORWARDED)}"
            with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
                yield client
        finally:
            _end(process)

    def _command(self, *arguments: str) -> list[str]:
        return [self._kubectl, "--kubeconfig", self.kubeconfig, *arguments]


def _port(process: subprocess.Popen[str], line: re.Pattern[str]) -> int:
    assert process.stdout is not None
    for said in process.stdout:  # ends when the process does
        if found := line.search(said):
            return int(found[1])
    raise AssertionError(f"{process.args!r} ended with status {process.wait(10)} before it listened")


def _end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
    if process.stdout is not None:
        process.stdout.close()


def _body(answer: httpx.Response) -> Body:
    found: Body = answer.json()
    assert answer.status_code < 400, f"{answer.request.method} {answer.request.url.path}: {found.get('message', found)}"
    return found
