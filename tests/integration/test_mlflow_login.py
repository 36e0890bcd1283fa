"""MLflow as the chart starts it: nobody is let in without credentials, and a namespace's are good for its own record alone."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from prompt2model_api.stage_run import Stage
from prompt2model_operator.clients.mlflow_api import MlflowApi, MlflowProblemError, Recorded
from prompt2model_operator.manifests.tracking_secrets import tracking_secret
from prompt2model_operator.settings import Settings
from prompt2model_operator.settings import Tracking as TrackingSettings
from prompt2model_stages.storage import Folder
from prompt2model_stages.tracking.marks import run_url
from tests.charts import CHART
from tests.integration.test_pod_recording import Tracking
from tests.tracking_folder import DIGESTS, TrackedFolder

pytestmark = pytest.mark.integration

KEY = "k" * 40
NAMESPACE, OTHER = "default", "team-b"
WORKSPACE = "p2m-default"
Environment = dict[str, str]


class GuardedTracking(Tracking):
    """MLflow, started by the chart's own script."""

    password = "the-administrators-first"

    def server(self) -> list[str]:
        return [sys.executable, str(CHART / "files" / "start_mlflow.py")]

    def environment(self) -> Environment:
        login = {"MLFLOW_AUTH_ADMIN_USERNAME": "admin", "MLFLOW_AUTH_ADMIN_PASSWORD": self.password}
        return {**super().environment(), **login, "MLFLOW_FLASK_SERVER_SECRET_KEY": "f" * 40}

    def api(self, monkeypatch: pytest.MonkeyPatch, password: str | None = None) -> MlflowApi:
        """The operator's."""
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password or self.password)
        return MlflowApi(self.uri, "https://mlflow.example", KEY)

    def recorded(self, monkeypatch: pytest.MonkeyPatch, namespace: str, *, doubted: bool = False) -> Recorded:
        """What the operator sees; the namespace has its workspace and its user then."""

        async def ask() -> Recorded:
            api = self.api(monkeypatch)
            try:
                if doubted:
                    api.doubt(namespace)
                return await api.recorded(namespace, "dates")
            finally:
                await api.close()

        return asyncio.run(ask())

    def client(self, login: tuple[str, str] | None, workspace: str | None = WORKSPACE) -> httpx.Client:
        headers = {"X-MLFLOW-WORKSPACE": workspace} if workspace else {}
        return httpx.Client(base_url=self.uri, auth=login, headers=headers, timeout=30)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedTracking]:
    tracking = GuardedTracking(tmp_path_factory.mktemp("mlflow"))
    tracking.come()
    yield tracking
    tracking.go()


def credentials(namespace: str) -> Environment:
    """What the Secret of a namespace puts into the environment of its pods."""
    settings = Settings(tracking=TrackingSettings(uri="http://x", secret="s", workspaces=True, workspace_key=KEY))
    secret = tracking_secret(namespace, [], settings)
    assert secret is not None
    return {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}


def login(namespace: str) -> tuple[str, str]:
    given = credentials(namespace)
    return given["MLFLOW_TRACKING_USERNAME"], given["MLFLOW_TRACKING_PASSWORD"]


def record(folder: Folder, uri: str, given: Environment) -> int:
    """The exit status of a pod's recorder with these credentials."""
    command = [sys.executable, "-m", "prompt2model_stages.tracking", folder.uri, "--tracking-uri", uri]
    env = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_TRACKING_")}
    env |= {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **given}
    return subprocess.run(command, env=env, timeout=600, check=False).returncode


def post(client: httpx.Client, path: str, body: dict[str, Any]) -> httpx.Response:
    return client.post(f"/api/2.0/mlflow/{path}", json=body)


@pytest.mark.parametrize("given", [None, ("admin", "wrong"), ("p2m-default", "")])
def test_nothing_is_answered_without_credentials(server: GuardedTracking, given: tuple[str, str] | None) -> None:
    with server.client(given, None) as nobody:
        assert nobody.get("/health").status_code == 200  # the kubelet's probes have no login
        asked = {
            "the pages": nobody.get("/"),
            "runs": post(nobody, "runs/search", {"experiment_ids": ["0"]}),
            "a new experiment": post(nobody, "experiments/create", {"name": "default/dates"}),
            "an artifact": nobody.get("/api/2.0/mlflow-artifacts/artifacts", params={"path": "1"}),
            "an upload": nobody.put("/api/2.0/mlflow-artifacts/artifacts/1/x.txt", content=b"x"),
            "users": nobody.get("/api/2.0/mlflow/users/list"),
            "graphql": nobody.post("/graphql", json={"query": "{test {output}}"}),
        }
    assert {what: answer.status_code for what, answer in asked.items()} == dict.fromkeys(asked, 401)
    assert asked["the pages"].headers["www-authenticate"].startswith("Basic")  # a browser asks for the login


def test_a_namespace_records_and_the_operator_sees_it(
    server: GuardedTracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracked = TrackedFolder(tmp_path)
    tracked.discover()
    tracked.train()
    assert server.recorded(monkeypatch, NAMESPACE) == Recorded(None, frozenset(), {})
    assert record(tracked.folder, server.uri, {}) == 1
    assert record(tracked.folder, server.uri, credentials(OTHER)) == 1  # OTHER has no user yet
    assert record(tracked.folder, server.uri, credentials(NAMESPACE)) == 0
    found = server.recorded(monkeypatch, NAMESPACE)
    pages = {
        f"dates-{stage}-{DIGESTS[stage][:8]}": run_url(
            tracked.folder, f"{stage}-{DIGESTS[stage][:8]}", "https://mlflow.example"
        )
        for stage in (Stage.DISCOVER, Stage.TRAIN)
    }
    assert found.stage_run_urls == pages
    assert all(page is not None and page.endswith(f"?workspace={WORKSPACE}") for page in pages.values())

    async def crown() -> bool:
        api = server.api(monkeypatch)
        try:
            return await api.crown(NAMESPACE, "dates", DIGESTS[Stage.TRAIN])
        finally:
            await api.close()

    assert asyncio.run(crown())
    with server.client(login(NAMESPACE)) as own:
        model = own.get(
            "/api/2.0/mlflow/registered-models/alias", params={"name": "default.dates", "alias": "champion"}
        )
        assert model.json()["model_version"]["version"] == "1"
        own_workspaces = own.get("/api/3.0/mlflow/workspaces").json()["workspaces"]
        assert [workspace["name"] for workspace in own_workspaces] == [WORKSPACE]


def test_an_operator_that_is_refused_says_so(server: GuardedTracking, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> None:
        api = server.api(monkeypatch, "not-the-administrators")
        try:
            await api.recorded(NAMESPACE, "dates")
        finally:
            await api.close()

    with pytest.raises(MlflowProblemError, match="refuses the operator's credentials with status 401"):
        asyncio.run(ask())


def test_an_mlflow_of_ones_own_has_the_workspace_of_the_environment(
    server: GuardedTracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator and the pods have the same Secret then, and nobody makes users."""
    tracked = TrackedFolder(tmp_path)
    tracked.discover()
    server.recorded(monkeypatch, "shared")
    given = credentials("shared")
    assert record(tracked.folder, server.uri, given) == 0
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    async def ask() -> Recorded:
        api = MlflowApi(server.uri, server.uri)
        try:
            return await api.recorded(NAMESPACE, "dates")
        finally:
            await api.close()

    found = asyncio.run(ask())
    assert found.run_url == run_url(tracked.folder)
    assert found.run_url is not None and found.run_url.endswith("?workspace=p2m-shared")


@pytest.mark.parametrize("workspace", [WORKSPACE, "p2m-team-b", None])
def test_another_namespace_reads_and_writes_nothing_of_it(
    server: GuardedTracking, monkeypatch: pytest.MonkeyPatch, workspace: str | None
) -> None:
    server.recorded(monkeypatch, NAMESPACE)
    server.recorded(monkeypatch, OTHER)
    with server.client(login(NAMESPACE)) as own:
        body = {"name": f"default/{workspace}"}
        experiment = post(own, "experiments/create", body).json()["experiment_id"]
        run = post(own, "runs/create", {"experiment_id": experiment}).json()["run"]["info"]["run_id"]
        artifact = f"/api/2.0/mlflow-artifacts/artifacts/workspaces/{WORKSPACE}/{experiment}/{run}/artifacts/x.txt"
        assert own.put(artifact, content=b"secret").status_code == 200
    metric = {"run_id": run, "key": "score", "value": 1.0, "timestamp": 1}
    with server.client(login(OTHER), workspace) as other:
        tried = {
            "read a run": other.get("/api/2.0/mlflow/runs/get", params={"run_id": run}),
            "read an experiment": other.get("/api/2.0/mlflow/experiments/get", params={"experiment_id": experiment}),
            "read an artifact": other.get(artifact),
            "write an artifact": other.put(artifact, content=b"mine"),
            "log a metric": post(other, "runs/log-metric", metric),
            "make a run": post(other, "runs/create", {"experiment_id": experiment}),
            "delete a run": post(other, "runs/delete", {"run_id": run}),
            "delete an experiment": post(other, "experiments/delete", {"experiment_id": experiment}),
            "make a user": post(other, "users/create", {"username": "me", "password": "0123456789ab"}),
            "make a workspace": other.post("/api/3.0/mlflow/workspaces", json={"name": "mine"}),
        }
        assert post(other, "runs/search", {"experiment_ids": [experiment]}).json() == {}
    assert {what: answer.status_code for what, answer in tried.items()} == dict.fromkeys(tried, 403)
    with server.client(login(NAMESPACE)) as own:
        assert own.get(artifact).content == b"secret"
        assert own.get("/api/2.0/mlflow/runs/get", params={"run_id": run}).json()["run"]["data"].get("metrics") is None


def test_a_password_that_somebody_changed_is_set_back(
    server: GuardedTracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracked = TrackedFolder(tmp_path)
    tracked.discover()
    server.recorded(monkeypatch, NAMESPACE)
    name, password = login(NAMESPACE)
    body = {"username": name, "password": "another-password", "current_password": password}
    with server.client((name, password)) as own:
        assert own.patch("/api/2.0/mlflow/users/update-password", json=body).status_code == 200
    assert record(tracked.folder, server.uri, credentials(NAMESPACE)) == 1
    server.recorded(monkeypatch, NAMESPACE, doubted=True)
    assert record(tracked.folder, server.uri, credentials(NAMESPACE)) == 0


def test_an_older_record_stays_and_the_secret_counts_at_every_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An install without logins is upgraded; later its Secret is made again."""
    (tmp_path / "mlflow").mkdir()
    open_to_all = Tracking(tmp_path / "mlflow")
    tracked = TrackedFolder(tmp_path)
    tracked.discover()
    open_to_all.come()
    try:
        assert record(tracked.folder, open_to_all.uri, {}) == 0
    finally:
        open_to_all.go()

    guarded = GuardedTracking(tmp_path / "mlflow")
    guarded.port, guarded.uri = open_to_all.port, open_to_all.uri
    for password in ("the-administrators-first", "the-administrators-second"):
        guarded.password = password
        guarded.come()
        try:
            guarded.recorded(monkeypatch, NAMESPACE)
            assert record(tracked.folder, guarded.uri, credentials(NAMESPACE)) == 0
            assert len(guarded.recorded(monkeypatch, NAMESPACE).stage_run_urls) == 1
            with guarded.client(("admin", password), None) as admin:
                by_name = {"experiment_name": "default/dates"}
                old = admin.get("/api/2.0/mlflow/experiments/get-by-name", params=by_name).json()["experiment"]
                runs = post(admin, "runs/search", {"experiment_ids": [old["experiment_id"]]}).json()["runs"]
                assert len(runs) == 2  # the resource's and the stage's
            with guarded.client(login(NAMESPACE), None) as own:
                assert own.get("/api/2.0/mlflow/experiments/get-by-name", params=by_name).status_code == 403
        finally:
            guarded.go()
