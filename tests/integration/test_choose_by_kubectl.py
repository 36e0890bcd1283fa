"""`p2m choose --cluster` with the real kubectl, against a small API server on this machine."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from prompt2model_api.loading import SpecError
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_stages.choosing.chooser import NONE, Chooser
from prompt2model_stages.choosing.cluster_place import ClusterPlace
from prompt2model_stages.choosing.kubectl import ConflictError, kubectl
from prompt2model_stages.choosing.picking import STUDENT_PATH, Pick
from prompt2model_stages.cli.choosing import choose, in_cluster
from tests import chromium, kube_server
from tests.integration.test_choose_page import started
from tests.unit.test_choosing_cluster import Cluster

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH"),
]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[kube_server.KubeServer]:
    """With a resource that waits for its choice."""
    cluster = Cluster()
    head = {"apiVersion": kube_server.GROUP, "kind": "Prompt2Model"}
    held = kube_server.KubeServer({**head, **cluster.resource}, [cluster.stage_run])
    with kube_server.serving(held, tmp_path) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield held


def test_a_patch_is_for_the_resource_that_was_looked_at(server: kube_server.KubeServer) -> None:
    place = ClusterPlace("questions")
    chooser = Chooser(place, place.offers())
    shown = chooser.show(Pick(none=True), chooser.open_dataset(NONE).sample, "org/s1")
    server.busy = 2
    chooser.save(shown, Pick(none=True), chooser.open_dataset(NONE).sample, "org/s1")
    assert chooser.saved == "questions is patched. `kubectl get p2m questions -w` shows how it continues."
    (patch,) = server.patches
    assert patch["metadata"] == {"resourceVersion": "3"}
    spec = Prompt2ModelSpec.model_validate(server.resource["spec"])
    assert spec.datasets.choice is not None and spec.datasets.choice.none and spec.student.name == "org/s1"
    late = '{"metadata":{"resourceVersion":"1"}}'
    with pytest.raises(ConflictError, match=r"kubectl patch: Error from server \(Conflict\)"):
        kubectl(
            [
                "patch",
                "prompt2models.prompt2model.dev",
                "questions",
                "--type",
                "merge",
                "-p",
                late,
            ]
        )


def test_what_kubectl_says_comes_without_the_log_of_its_library(
    server: kube_server.KubeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SpecError, match=r"^kubectl get: Error from server \(NotFound\): .*not found$"):
        ClusterPlace("nobody").present()
    monkeypatch.setenv("KUBECACHEDIR", str(tmp_path / "another"))
    with pytest.raises(SpecError) as refused:
        ClusterPlace("questions", ["--server", "http://127.0.0.1:1"]).offers()
    assert str(refused.value) == (
        "kubectl get: The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?"
    )


def test_an_empty_name_is_refused_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert choose(Console(), in_cluster("", None, None), 0) == 2
    assert capsys.readouterr().err.startswith("No resource is named: take one that `kubectl get p2m` lists")


def test_ctrl_c_reaches_no_kubectl(server: kube_server.KubeServer) -> None:
    """Ctrl-C in a terminal goes to all processes of its group."""
    server.slow_s = 2
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, lambda *_: print('heard'));"
        "from prompt2model_stages.choosing.cluster_place import ClusterPlace;"
        "place = ClusterPlace('questions');"
        f"print(place.save(place.propose(place.present(), {{{STUDENT_PATH!r}: 'org/s1'}})))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, process_group=0) as process:
        assert server.patching.wait(60)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert said.startswith("heard\nquestions is patched.") and len(server.patches) == 1


@pytest.mark.skipif(chromium.executable() is None, reason="chromium is not installed")
@pytest.mark.parametrize("often", [1, 2], ids=["once", "twice"])
async def test_ctrl_c_while_the_page_saves_tells_what_became_of_it(server: kube_server.KubeServer, often: int) -> None:
    server.slow_s = 4
    command = [
        sys.executable,
        "-m",
        "prompt2model_stages.cli.main",
        "choose",
        "questions",
        "--cluster",
        "--port",
        "18790",
    ]
    environment = {**os.environ, "COLUMNS": "200", "HF_HUB_OFFLINE": "1"}
    async with started(command, environment) as (process, line), chromium.page() as page:
        address = re.search(r"http://127\.0\.0\.1:\d+/\S+/", line)
        assert address, line
        await page.open(address[0])
        await page.until("document.querySelector('#lines')?.textContent.includes('outputColumn: answers.text')")
        await page.value("document.querySelector('#save').click()")
        assert await asyncio.to_thread(server.patching.wait, 60)
        for _ in range(often):
            os.killpg(process.pid, signal.SIGINT)
            await asyncio.sleep(1.5)
        said, _ = await asyncio.to_thread(process.communicate)
    assert len(server.patches) == 1 and server.resource["spec"]["datasets"]["choice"]["name"] == "rajpurkar/squad"
    assert "Nothing was saved" not in said and "Traceback" not in said
    assert ("questions is patched." in said and process.returncode == 0) or (
        "look whether questions has it" in said and process.returncode == 130
    )


def test_a_bucket_without_credentials_is_a_note(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    offers = Cluster("s3://bucket-without-keys/default/questions").place().offers()
    assert len(offers.datasets) == 7 and len(offers.notes) == 1
    assert "Unable to locate credentials" in offers.notes[0] and "check this machine's credentials" in offers.notes[0]
