"""The real BentoML service with a tiny student: from its start to its end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from docs.pages.metrics import of_service
from prompt2model_stages.preprocessing import Preprocessing
from prompt2model_stages.storage import Folder, sha256_of_tree
from tests.tiny_students import tiny_llama

pytestmark = pytest.mark.integration

INPUTS = ["3 May 2021", "the day after 2 June 1999", "5/17/2030"]
DEMONSTRATION = {"input": "the 2nd of June 1999", "output": "1999-06-02"}
START_LIMIT_S = 450.0


@dataclass
class Trained:
    """A model folder as train leaves it, its hash, its golden requests and where they are."""

    model: Path
    sha256: str
    golden: Path
    outputs: dict[str, str]


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def readiness(self) -> httpx.Response | None:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5)
        except httpx.HTTPError:
            return None

    def wait(self, *statuses: int) -> httpx.Response:
        """The first answer of /readyz with one of these statuses."""
        limit = time.monotonic() + START_LIMIT_S
        while time.monotonic() < limit:
            assert self.process.poll() is None, self.log.read_text()
            response = self.readiness()
            if response is not None and response.status_code in statuses:
                return response
            time.sleep(0.1)
        raise AssertionError(f"not {statuses} in {START_LIMIT_S} s: {self.log.read_text()}")

    def predict(self, body: object) -> httpx.Response:
        return httpx.post(f"{self.url}/predict", json=body, timeout=150)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    from prompt2model_stages.student import Student

    root = tmp_path_factory.mktemp("runs") / "default" / "dates"
    model = root / "train-12345678" / "model"
    student = Student.load(tiny_llama(root / "untrained"), max_output_tokens=8)
    model.mkdir(parents=True)
    student.save(model)
    preprocessing = Preprocessing("Write the date.")
    preprocessing.save(Folder(str(model)))
    outputs = {text: student.generate([preprocessing.text(text)])[0] for text in INPUTS}
    golden = root / "evaluate-12345678" / "golden.json"
    golden.parent.mkdir()
    golden.write_text(json.dumps([{"input": text, "output": output} for text, output in outputs.items()]))
    card = {"instruction": "Schreibe das Datum.", "language": "de", "demonstrations": [DEMONSTRATION]}
    (golden.parent / "card.json").write_text(json.dumps(card))
    return Trained(model, sha256_of_tree(model), golden, outputs)


@contextmanager
def started(
    trained: Trained, folder: Path, golden: Path | None = None, sha256: str | None = None, *more: str
) -> Iterator[Running]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "service.log"
    command = [sys.executable, "-m", "prompt2model_stages.service", "--port", str(port), "--model", str(trained.model)]
    command += ["--sha256", sha256 or trained.sha256, "--golden", str(golden or trained.golden), *more]
    sources = [str(Path(__file__).parents[2] / name) for name in ("crds", "stages")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sources), "HF_HUB_OFFLINE": "1"}
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, cwd=folder, env=environment)
    try:
        yield Running(process, f"http://127.0.0.1:{port}", log)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(150)


@pytest.fixture(scope="module")
def service(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with started(trained, tmp_path_factory.mktemp("service")) as running:
        running.wait(200)
        yield running


def test_one_text(service: Running, trained: Trained) -> None:
    for text, output in trained.outputs.items():
        response = service.predict({"text": text})
        assert (response.status_code, response.json()) == (200, {"output": output})


def test_many_texts_in_their_order(service: Running, trained: Trained) -> None:
    texts = INPUTS * 15  # more than one batch
    response = service.predict({"texts": texts})
    assert response.json() == {"outputs": [trained.outputs[text] for text in texts]}


def test_curl_needs_no_content_type(service: Running) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    response = httpx.post(f"{service.url}/predict", content=b'{"text": "3 May 2021"}', headers=headers, timeout=150)
    assert response.status_code == 200


def test_requests_at_once_are_batched(service: Running, trained: Trained) -> None:
    with ThreadPoolExecutor(16) as pool:
        responses = list(pool.map(lambda i: service.predict({"text": INPUTS[i % 3]}), range(320)))
    assert [r.status_code for r in responses] == [200] * 320  # more than BentoML sends through one session by default
    assert [r.json()["output"] for r in responses] == [trained.outputs[INPUTS[i % 3]] for i in range(320)]
    metrics = httpx.get(f"{service.url}/metrics").text
    count, total = (_sample(metrics, f"bentoml_service_adaptive_batch_size_{kind}") for kind in ("count", "sum"))
    assert total > count > 0  # some batch held more than one request


def test_bad_requests(service: Running) -> None:
    before = service.log.read_text()
    for body in ({}, {"text": ""}, {"text": "x" * 9000}, {"text": "a", "texts": ["b"]}, {"texts": [3]}, [1]):
        response = service.predict(body)
        assert response.status_code == 400
        assert set(response.json()) == {"error"}
    assert httpx.get(f"{service.url}/predict").status_code == 405
    assert service.log.read_text() == before  # a caller cannot fill the log


def test_health_metrics_and_documentation(service: Running, trained: Trained) -> None:
    assert httpx.get(f"{service.url}/livez").status_code == 200
    assert service.predict({"text": "3 May 2021"}).status_code == 200  # a batch at least, whichever tests ran before
    metrics = httpx.get(f"{service.url}/metrics").text
    for name in ("request_total", "request_duration_seconds_bucket", "adaptive_batch_size_bucket"):
        assert f"bentoml_service_{name}" in metrics
    exported = {line.split()[2] for line in metrics.splitlines() if line.startswith("# TYPE ")}
    assert exported == {metric.name for metric in of_service()}  # as the reference in the docs says
    documentation = httpx.get(f"{service.url}/docs.json").json()
    assert documentation["info"]["title"] == "dates"
    assert "shields.io" not in documentation["info"]["description"]
    assert "/predict" in documentation["paths"]
    assert documentation["info"]["version"] == trained.sha256[:12]
    assert set(documentation["paths"]) == {"/predict", "/livez", "/readyz", "/metrics"}
    assert json.dumps(DEMONSTRATION["input"]) in json.dumps(documentation)
    page = httpx.get(f"{service.url}/").text
    assert "Schreibe das Datum." in page and DEMONSTRATION["input"] in page
    assert "googletagmanager" not in page


@pytest.mark.parametrize("path", ["/batch", "/schema.json", "/static_content/index.css", "/nothing"])
def test_nothing_else_is_reached(service: Running, path: str) -> None:
    for answer in (httpx.get(service.url + path), httpx.post(service.url + path, json={"texts": ["a"]})):
        assert answer.status_code == 404 and set(answer.json()) == {"error"}


def test_an_input_that_would_be_cut_is_refused(service: Running) -> None:
    before = service.log.read_text()
    refused = service.predict({"text": "x" * 600})
    assert refused.status_code == 422
    assert "text has 600 tokens" in refused.json()["error"] and "its limit is 511 tokens" in refused.json()["error"]
    refused = service.predict({"texts": ["a", "x" * 600]})
    assert refused.status_code == 422 and "texts[1] has 600 tokens" in refused.json()["error"]
    assert service.log.read_text() == before


def test_truncate_answers_and_says_that_it_cut(trained: Trained, tmp_path: Path) -> None:
    with started(trained, tmp_path, None, None, "--truncate") as running:
        running.wait(200)
        assert running.predict({"text": "x" * 600}).json()["truncated"] is True
        answer = running.predict({"texts": ["3 May 2021", "x" * 600]}).json()
        assert answer["truncated"] == [False, True]
        assert answer["outputs"][0] == trained.outputs["3 May 2021"]
        assert running.predict({"text": "3 May 2021"}).json() == {"output": trained.outputs["3 May 2021"]}


def test_a_large_body_is_refused_with_an_answer(service: Running) -> None:
    refused = httpx.post(f"{service.url}/predict", content=b"x" * (9 << 20), timeout=150)
    assert refused.status_code == 413 and "fewer texts" in refused.json()["error"]


def test_many_clients_are_answered_or_told_when_to_come_again(service: Running) -> None:
    text = "x" * 400
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda _: service.predict({"texts": [text] * 64}), range(24)))
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert any(answer.status_code == 200 for answer in answers)
    for answer in answers:
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) >= 1 and "busy" in answer.json()["error"]


def test_wrong_golden_requests_are_never_ready(trained: Trained, tmp_path: Path) -> None:
    requests = json.loads(trained.golden.read_text())
    requests[1]["output"] = "2021-05-04"
    wrong = tmp_path / "golden.json"
    wrong.write_text(json.dumps(requests))
    with started(trained, tmp_path, golden=wrong) as running:
        refused = running.wait(500, 200)
        assert refused.status_code == 500
        assert "Golden request 2 of 3 is not reproduced" in refused.text
        assert httpx.get(f"{running.url}/livez").status_code == 200
        answer = running.predict({"text": "3 May 2021"})
        assert answer.status_code == 500
        assert "Golden request 2 of 3" in answer.json()["error"]
    assert "Golden request 2 of 3 is not reproduced" in running.log.read_text()


def test_ends_gracefully(trained: Trained, tmp_path: Path) -> None:
    with started(trained, tmp_path) as running:
        early = running.wait(503, 200)
        if early.status_code == 503:
            assert "being loaded" in early.text
            assert "being loaded" in running.predict({"text": "3 May"}).json()["error"]
        running.wait(200)
        workers = psutil.Process(running.process.pid).children(recursive=True)
        assert workers
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(150) == 0
        _, alive = psutil.wait_procs(workers, 10)
        assert not alive


def test_the_worker_ends_with_a_killed_parent(trained: Trained, tmp_path: Path) -> None:
    with started(trained, tmp_path) as running:
        running.wait(503, 200)
        workers = psutil.Process(running.process.pid).children(recursive=True)
        running.process.kill()
        running.process.wait(50)
        _, alive = psutil.wait_procs(workers, 20)
        assert not alive


@pytest.mark.parametrize("wrong", ["sha256", "golden", "model", "port"])
def test_refuses_to_start_with_one_sentence(trained: Trained, tmp_path: Path, wrong: str) -> None:
    command = [sys.executable, "-m", "prompt2model_stages.service"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command += ["--port", str(taken.getsockname()[1]) if wrong == "port" else "0"]
        command += ["--model", str(tmp_path / "nothing" if wrong == "model" else trained.model)]
        command += ["--sha256", "0" * 64 if wrong == "sha256" else trained.sha256]
        command += ["--golden", str(tmp_path / "nothing.json" if wrong == "golden" else trained.golden)]
        sources = [str(Path(__file__).parents[2] / name) for name in ("crds", "stages")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sources)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    expected = {
        "sha256": "not 0000",
        "golden": "evaluate writes them",
        "model": "train writes it",
        "port": "cannot be used",
    }
    assert expected[wrong] in done.stderr


def _sample(metrics: str, name: str) -> float:
    return sum(float(line.rsplit(" ", 1)[1]) for line in metrics.splitlines() if line.startswith(name + "{"))
