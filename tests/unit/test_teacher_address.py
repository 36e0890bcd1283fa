"""Base URLs as people have them: each works, or is refused with a sentence that says what to do."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import ValidationError

from prompt2model_api.base_url import CHECKS, check_base_url, without_request
from prompt2model_api.loading import SpecError, parse
from prompt2model_api.rules import RULES
from prompt2model_api.spec.teacher import TeacherSpec
from prompt2model_operator.settings import Settings
from prompt2model_stages.teacher.address import Address
from tests.unit.teacher_cases import ask, reply, teacher

pytestmark = pytest.mark.unit

AZURE = "https://res.openai.azure.com/openai/deployments/gpt-4o"
KEY = "sk-secret-123456"
WORKS = {
    "https://api.openai.com/v1": "https://api.openai.com/v1/chat/completions",
    "https://api.openai.com/v1/": "https://api.openai.com/v1/chat/completions",
    "https://api.openai.com/v1/chat/completions": "https://api.openai.com/v1/chat/completions",
    "https://api.openai.com/v1/chat/completions/": "https://api.openai.com/v1/chat/completions",
    "http://[::1]:8000/v1": "http://[::1]:8000/v1/chat/completions",
    "http://[2001:db8::7]/v1": "http://[2001:db8::7]/v1/chat/completions",
    "http://127.0.0.1:65535/v1": "http://127.0.0.1:65535/v1/chat/completions",
    "http://vllm_server.team-a.svc:8000/v1": "http://vllm_server.team-a.svc:8000/v1/chat/completions",
    "https://host": "https://host/chat/completions",
    "https://host/openai/a%2Fb/v1": "https://host/openai/a%2Fb/v1/chat/completions",
    f"{AZURE}?api-version=2024-10-21": f"{AZURE}/chat/completions?api-version=2024-10-21",
    f"{AZURE}/?api-version=2024-10-21": f"{AZURE}/chat/completions?api-version=2024-10-21",
    f"{AZURE}/chat/completions?api-version=2024-10-21": f"{AZURE}/chat/completions?api-version=2024-10-21",
    "https://res.openai.azure.com/openai/v1": "https://res.openai.azure.com/openai/v1/chat/completions",
    "https://gw.example.com/v1?route=a&b=": "https://gw.example.com/v1/chat/completions?route=a&b=",
}
REFUSED = {
    "http://127.0.0.1:114344/v1": "port",
    "http://127.0.0.1:65536/v1": "port",
    "http://127.0.0.1:0/v1": "port",
    "http://127.0.0.1:/v1": "port",
    "http://localhost:port/v1": "port",
    "https://https://api.openai.com/v1": "port",
    "http://[::1]:99999/v1": "port",
    "http://[::1/v1": "host",
    "http://::1/v1": "host",
    "http://[::g]/v1": "host",
    "http://[1.2.3.4]/v1": "host",
    "http:///v1": "host",
    "https://<resource>.openai.azure.com/openai/v1": "host",
    "https://{resource}.openai.azure.com": "host",
    "http://user:hunter22@host/v1": "user or password",
    "http://user:hunter22@host:8000/v1": "user or password",
    "http://hunter22@host/v1": "user or password",
    "https://host/v1?key=hunter22": "a key is",
    "https://host/v1?a=b&API_KEY=hunter22": "a key is",
    "https://host/v1#hunter22": "a # is",
    "https://api.openai.com/v1/responses": "another request",
    "https://api.openai.com/v1/completions": "another request",
    "https://api.openai.com/v1/embeddings/?a=b": "another request",
    "https://api.openai.com/v1/models": "another request",
}


def yaml_of(url: str) -> str:
    return (
        "apiVersion: prompt2model.dev/v1alpha1\nkind: Prompt2Model\nmetadata: {name: a}\nspec:\n  prompt: Add.\n"
        f"  teacher: {{baseURL: {json.dumps(url)}, model: m}}\n"
    )


@pytest.mark.parametrize("url", WORKS)
async def test_what_works(url: str, tmp_path: Path) -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return reply("yes")

    class Endpoint:
        def client(self) -> httpx2.AsyncClient:
            return httpx2.AsyncClient(transport=httpx2.MockTransport(answer))

    parse(yaml_of(url), "task.yaml")
    any_endpoint: Any = Endpoint()
    async with teacher(tmp_path, any_endpoint, key=KEY, baseURL=url) as opened:
        assert (await opened.ask(ask())).texts == ("yes",)
    assert [str(request.url) for request in seen] == [WORKS[url]]
    if "azure" in url:
        assert seen[0].headers["api-key"] == KEY and "authorization" not in seen[0].headers
    else:
        assert seen[0].headers["authorization"] == f"Bearer {KEY}" and "api-key" not in seen[0].headers


@pytest.mark.parametrize("url", REFUSED)
def test_what_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(yaml_of(url), "task.yaml")
    said = str(caught.value)
    assert said.startswith("task.yaml: spec.teacher.baseURL: ") and REFUSED[url] in said
    assert said.count("\n") == 0 and "hunter22" not in said


@pytest.mark.parametrize("url", [*WORKS, *REFUSED])
def test_an_api_server_says_the_same(url: str) -> None:
    """RE2 reads these expressions as Python does: no look-around, no back-reference, no possessive quantifier."""
    for check in CHECKS:
        assert not re.search(r"\(\?[=!<]|\\[1-9]|[*+?]\+", check.expression) and "'" not in check.expression
        assert any(check.rule("self.baseURL") == rule.rule for rule in RULES[TeacherSpec])
    failing = [check for check in CHECKS if not check.passes(url)]
    if url in WORKS:
        assert failing == [] and check_base_url(url) == url
    elif url not in ("http://[::g]/v1", "http://[1.2.3.4]/v1"):  # an IPv6 address is read by Python alone
        assert REFUSED[url] in failing[0].message


def test_a_token_of_entra_id_is_a_bearer() -> None:
    address = Address.of(f"{AZURE}?api-version=1")
    assert address.azure and address.headers("eyJhbGciOiJ9.eyJzdWIiOiJ9.c2lnbmF0dXJl") == {}
    assert address.headers(None) == {} and address.headers("abc")["api-key"] == "abc"


def test_what_stands_in_for_azure_is_asked_as_azure() -> None:
    assert Address.of("https://gateway.corp/openai/deployments/x?api-version=1").azure
    assert not Address.of("https://gateway.corp/openai/deployments/x").azure
    assert not Address.of("https://gateway.corp/v1?api-version=1").azure


def test_the_request_is_taken_off_once() -> None:
    assert without_request("https://a/v1/chat/completions?x=/chat/completions") == "https://a/v1?x=/chat/completions"
    assert without_request("https://a/chat/completionsx") == "https://a/chat/completionsx"


def test_the_charts_teacher_is_checked_as_well() -> None:
    assert Settings.model_validate({"teacher": {"url": "http://vllm:8000/v1"}}).teacher.url == "http://vllm:8000/v1"
    with pytest.raises(ValidationError, match="the port is malformed"):
        Settings.model_validate({"teacher": {"url": "http://vllm:80000/v1"}})


@pytest.fixture
def on_ipv6() -> Iterator[str]:
    """A server on [::1]."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            content = reply("yes").content
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    try:
        server = Server(("::1", 0), Handler)
    except OSError:
        pytest.skip("this machine has no IPv6")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://[::1]:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


async def test_ipv6_over_a_real_connection(tmp_path: Path, on_ipv6: str) -> None:
    class Endpoint:
        def client(self) -> httpx2.AsyncClient:
            return httpx2.AsyncClient(trust_env=False)

    any_endpoint: Any = Endpoint()
    async with teacher(tmp_path, any_endpoint, baseURL=on_ipv6) as opened:
        assert (await opened.ask(ask())).texts == ("yes",)
