"""What the operator asks of a real MLflow, and what it makes of one that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

from prompt2model_api.stage_run import Stage
from prompt2model_operator.clients.mlflow_api import MlflowApi, MlflowProblemError
from prompt2model_stages.tracking import Recorder
from tests.integration.test_pod_recording import Tracking
from tests.tracking_folder import DIGESTS, TrackedFolder

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracking]:
    tracking = Tracking(tmp_path_factory.mktemp("mlflow"))
    tracking.come()
    yield tracking
    tracking.go()


def test_knows_what_is_recorded_and_tidies_up(server: Tracking, tmp_path: Path) -> None:
    tracked = TrackedFolder(tmp_path)
    tracked.discover()
    tracked.train()
    tracked.begin(Stage.EVALUATE)
    Recorder(tracked.folder, server.uri).sync(live=True)

    async def scenario() -> None:
        api = MlflowApi(server.uri, "https://mlflow.example")
        empty = await api.recorded("default", "nobody")
        assert empty.run_url is None and not empty.stage_run_urls
        found = await api.recorded("default", "dates")
        assert found.run_url is not None
        assert found.run_url.startswith("https://mlflow.example/#/experiments/")
        ended = {f"dates-{stage}-{DIGESTS[stage][:8]}" for stage in (Stage.DISCOVER, Stage.TRAIN)}
        assert set(found.stage_run_urls) == ended  # evaluate is still open
        assert await api.crown("default", "dates", DIGESTS[Stage.TRAIN])
        assert not await api.crown("default", "dates", "0" * 64)
        model = mlflow.MlflowClient(server.uri).get_model_version_by_alias("default.dates", "champion")
        assert model.tags["p2m.digest"] == DIGESTS[Stage.TRAIN]
        assert await api.tidy("default", "dates", unregister=True)
        assert await api.tidy("default", "dates", unregister=True), "what is gone already is done"
        closed = await api.recorded("default", "dates")
        assert len(closed.stage_run_urls) == 3
        await api.close()

    asyncio.run(scenario())


def test_one_that_is_away_is_an_answer_too() -> None:
    async def scenario() -> None:
        api = MlflowApi("http://127.0.0.1:9")
        with pytest.raises(MlflowProblemError, match="does not answer"):
            await api.recorded("default", "dates")
        assert not await api.tidy("default", "dates", unregister=True)
        await api.close()

    asyncio.run(scenario())
