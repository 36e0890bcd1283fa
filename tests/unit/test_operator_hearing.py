"""Heartbeats by the operator's own clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from prompt2model_api.base import Metadata
from prompt2model_api.stage_run import Progress, Stage, StageRun, StageRunSpec, StageRunStatus
from prompt2model_operator.hearing import Hearing
from prompt2model_operator.kinds import JOB, STAGERUN
from tests.memory_cluster import Cluster

pytestmark = pytest.mark.unit

START = datetime(2026, 1, 1, tzinfo=UTC)


def run(beat: int | None, attempt: int = 1, uid: str = "u", of: int = 1) -> StageRun:
    """A stage run whose heartbeat is the beat-th of attempt `of`, by a clock that is a year behind."""
    at = None if beat is None else Progress(attempt=of, at=START - timedelta(days=365) + timedelta(seconds=beat))
    spec = StageRunSpec(resource="dates", stage=Stage.TRAIN, digest="ab" * 32, storage="/s")
    status = StageRunStatus(attempt=attempt, progress=at)
    return StageRun(metadata=Metadata(name="dates-train", uid=uid), spec=spec, status=status)


def test_a_heartbeat_is_heard_when_it_is_seen_to_change() -> None:
    hearing, looks = Hearing(), [run(None), run(None), run(1), run(1), run(2), run(2, attempt=2), run(2, 2, "v")]
    heard = [hearing.note([one], START + timedelta(minutes=i))["dates-train"] for i, one in enumerate(looks)]
    assert [(at - START) / timedelta(minutes=1) for at in heard] == [0, 0, 2, 2, 4, 5, 6]


def test_what_an_earlier_attempt_still_says_is_no_sign_of_this_one() -> None:
    hearing = Hearing()
    hearing.note([run(1, attempt=2, of=1)], START)
    assert hearing.note([run(2, attempt=2, of=1)], START + timedelta(minutes=1)) == {"dates-train": START}


def test_what_is_gone_is_forgotten() -> None:
    hearing = Hearing()
    hearing.note([run(1)], START)
    assert hearing.note([], START) == {}
    later = START + timedelta(minutes=1)
    assert hearing.note([run(1)], later) == {"dates-train": later}


@pytest.mark.parametrize("restarted", [False, True], ids=["same operator", "restarted"])
@pytest.mark.parametrize("minutes", [-11, 11])
def test_a_pod_whose_clock_is_wrong_goes_on(minutes: int, restarted: bool) -> None:
    cluster = Cluster()
    asyncio.run(cluster.look())
    (body,) = cluster.of(STAGERUN)
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    for beat in range(3):
        at = datetime.now(UTC) + timedelta(minutes=minutes, seconds=beat)
        said = {"progress": Progress(attempt=1, at=at).dump(), "startedAt": long_ago.isoformat()}
        cluster.api.put({**body, "status": {**body["status"], **said}})
        if restarted:
            cluster.start()
        asyncio.run(cluster.look())
        assert cluster.phase() == "Discovering" and len(cluster.of(JOB)) == 1
