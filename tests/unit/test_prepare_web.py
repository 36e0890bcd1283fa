"""Own data from the web: from allowed hosts alone, never from inside, and no message repeats what was answered."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from prompt2model_api.conditions import FailureState
from prompt2model_api.loading import SpecError
from prompt2model_operator.settings import Settings
from prompt2model_stages.errors import StageError
from prompt2model_stages.local.checks import load_checked
from prompt2model_stages.prepare import web
from prompt2model_stages.prepare.stage import run
from prompt2model_stages.prepare.web import Allowed, fetch
from prompt2model_stages.storage import Folder, file_system
from tests.unit.test_prepare_stage import context

pytestmark = pytest.mark.unit

ROWS = b"input,output\n" + b"".join(f"number {n},{n}\n".encode() for n in range(30))
SECRET = b"inner-page-token=hunter22"


@dataclass
class Site:
    """A server on 127.0.0.1 and what it was asked."""

    port: int = 0
    pages: dict[str, tuple[int, bytes, dict[str, str]]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site()
    served.pages = {"/rows.csv": (200, ROWS, {}), "/page.csv": (200, SECRET, {}), "/down.csv": (500, SECRET, {})}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append((self.path, self.headers["Host"]))
            status, content, headers = served.pages.get(self.path.partition("?")[0], (404, SECRET, {}))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.port = server.server_port
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield served
    server.shutdown()
    server.server_close()


def allowed(*hosts: str, networks: tuple[str, ...] = ()) -> Allowed:
    return Allowed(hosts, tuple(ipaddress.ip_network(one) for one in networks))


def refused(uri: str, what: Allowed, reason: str = "HostNotAllowed") -> str:
    with pytest.raises(StageError) as caught:
        fetch(uri, "datasets.own", what)
    failure = caught.value.failure
    assert failure.reason == reason, failure
    assert "hunter22" not in failure.message + failure.remedy and failure.remedy
    return failure.message


def test_nothing_is_read_by_default(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(web.HOSTS, raising=False)
    with pytest.raises(StageError, match=r"host 127\.0\.0\.1; the hosts allowed are: none") as caught:
        run(context(tmp_path, {"datasets.own": {"uri": site.url("/rows.csv")}}))
    assert caught.value.failure.state is FailureState.BLOCKED and web.HOSTS in caught.value.failure.remedy
    assert site.asked == []


def test_an_allowed_host_is_read(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(web.HOSTS, "data.example.com, 127.0.0.1")
    outputs = run(context(tmp_path, {"datasets.own": {"uri": site.url("/rows.csv")}}))
    assert outputs.rows is not None and sum(outputs.rows.values()) == 30
    assert site.asked == [("/rows.csv", f"127.0.0.1:{site.port}")]


@pytest.mark.parametrize(
    ("hosts", "name", "wanted"),
    [
        (("*",), "data.example.com", True),
        (("*.example.com",), "data.example.com", True),
        (("*.example.com",), "example.com", False),
        (("*.example.com",), "badexample.com", False),
        (("data.example.com",), "DATA.example.com.", True),
        (("data.example.com",), "data.example.com.evil.org", False),
        (("*",), "localhost", False),
        (("*",), "api", False),
        (("*",), "api.team.svc", False),
        (("*",), "api.team.svc.cluster.local", False),
        (("*",), "metadata.google.internal", False),
        (("api.team.svc",), "api.team.svc", True),
        (("*.team.svc",), "api.team.svc", True),
        ((), "data.example.com", False),
    ],
)
def test_names(hosts: tuple[str, ...], name: str, wanted: bool) -> None:
    assert allowed(*hosts).host(name) is wanted


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.0.0.7",
            "172.16.3.4",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
        ),
        *("::1", "fe80::1", "fd00::7", "::ffff:10.0.0.7", "64:ff9b::a00:7", "2002:a00:7::", "::", "ff02::1"),
    ],
)
def test_what_is_not_public_is_refused_whatever_the_name_is(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of somebody's own that leads inside: DNS rebinding too, for there is one look-up and it is used."""
    asked: list[str] = []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in ("93.184.216.34", address)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert "not public" in refused("https://rebind.example.com/a.csv", allowed("*"))
    assert asked == ["rebind.example.com"]


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f.1", "127.1", "017700000001", "localhost", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_other_spellings_of_this_machine(host: str, site: Site) -> None:
    refused(site.url("/page.csv", host), allowed("*"))
    assert site.asked == []


def test_a_network_that_is_named_is_read(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def resolve(host: str, *more: Any, **named: Any) -> list[Any]:
        return list(real("127.0.0.1" if host == "minio.storage.svc" else host, *more, **named))

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    uri = site.url("/rows.csv", "minio.storage.svc")
    assert fetch(uri, "datasets.own", allowed("minio.storage.svc", networks=("127.0.0.0/8",))) == ROWS
    assert site.asked == [("/rows.csv", f"minio.storage.svc:{site.port}")], "the name goes along, the address is used"
    refused(uri, allowed("minio.storage.svc"))


def test_redirects_are_checked_like_the_first_address(site: Site) -> None:
    for path, target in {
        "/same.csv": "/rows.csv",
        "/inside.csv": f"http://localhost:{site.port}/page.csv",
        "/metadata.csv": "http://169.254.169.254/latest/meta-data/",
        "/file.csv": "file:///etc/passwd",
        "/loop.csv": "/loop.csv",
    }.items():
        site.pages[path] = (302, b"", {"Location": target})
    own = allowed("127.0.0.1", "*")
    assert fetch(site.url("/same.csv"), "datasets.own", own) == ROWS
    site.asked.clear()
    refused(site.url("/inside.csv"), own)
    refused(site.url("/metadata.csv"), own)
    refused(site.url("/file.csv"), own)
    assert [path for path, _ in site.asked] == ["/inside.csv", "/metadata.csv", "/file.csv"]
    assert "redirects more than" in refused(site.url("/loop.csv"), own, "FileUnreachable")


def test_what_an_address_answers_is_not_repeated(site: Site) -> None:
    own = allowed("127.0.0.1")
    assert "answers 500" in refused(site.url("/down.csv"), own, "FileUnreachable")
    assert "there is no file" in refused(site.url("/none.csv?signature=hunter22"), own, "FileMissing")
    refused(f"http://user:hunter22@127.0.0.1:{site.port}/rows.csv", own, "FileUnreachable")


@pytest.mark.parametrize("name", ["page.csv", "page.jsonl", "page.json", "page.parquet", "page.tsv"])
def test_nor_is_it_where_it_cannot_be_used(
    name: str, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.pages[f"/{name}"] = (200, SECRET, {})
    monkeypatch.setenv(web.HOSTS, "127.0.0.1")
    with pytest.raises(StageError, match="not repeated") as caught:
        run(context(tmp_path, {"datasets.own": {"uri": site.url(f"/{name}")}}))
    assert "hunter22" not in str(caught.value.failure) and "inner-page" not in str(caught.value.failure)
    file = tmp_path / "task.yaml"
    file.write_text(
        "apiVersion: prompt2model.dev/v1alpha1\nkind: Prompt2Model\nmetadata: {name: task}\nspec:\n  prompt: Add.\n"
        f"  datasets: {{own: {{uri: '{site.url(f'/{name}')}'}}}}\n"
        "  evaluation: {metrics: [ExactMatch]}\n"
    )
    with pytest.raises(SpecError, match="not repeated") as said:
        load_checked(file)
    assert "hunter22" not in str(said.value) and "inner-page" not in str(said.value)


def test_a_file_that_is_too_large_is_not_read_to_its_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "LARGEST", 100)
    refused(site.url("/rows.csv"), allowed("127.0.0.1"), "FileTooLarge")


def test_no_proxy_and_no_netrc_is_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert fetch(site.url("/rows.csv"), "datasets.own", allowed("127.0.0.1")) == ROWS


@pytest.mark.parametrize(
    "uri",
    ["http://a/b", "ftp://a/b", "simplecache::http://a/b", "s3://a::http://b/c", "github://a:b@c/d", "HTTP://a/b"],
)
def test_storage_knows_no_other_way_to_a_host(uri: str) -> None:
    with pytest.raises(ValueError, match="is no storage"):
        file_system(uri)


def test_a_local_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path / "a::b%2F?#")) / "c"
    folder.write_bytes("x", b"1")
    assert (tmp_path / "a::b%2F?#" / "c" / "x").read_bytes() == b"1" and Folder(folder.uri).names() == ["x"]


def test_the_operators_setting() -> None:
    read = Settings.model_validate(
        {"ownData": {"hosts": ["*.example.com", "*", "10.0.0.7"], "networks": ["10.0.0.0/8"]}}
    )
    assert read.own_data.networks == ["10.0.0.0/8"] and Settings().own_data.hosts == []
    for wrong in ({"hosts": ["http://a"]}, {"hosts": ["a,b"]}, {"networks": ["inside"]}):
        with pytest.raises(ValidationError):
            Settings.model_validate({"ownData": wrong})


def test_the_environments_setting() -> None:
    read = Allowed.from_environment({web.HOSTS: "a.example, *.B.example,", web.NETWORKS: "10.0.0.1/8, fd00::/8"})
    assert read.hosts == ("a.example", "*.b.example") and [str(one) for one in read.networks] == [
        "10.0.0.0/8",
        "fd00::/8",
    ]
    with pytest.raises(StageError, match="cannot be read"):
        Allowed.from_environment({web.NETWORKS: "inside"})
