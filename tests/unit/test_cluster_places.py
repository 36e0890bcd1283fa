"""Places that only a local run can read: taken there, refused in a cluster before anything is started."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from prompt2model_api.cluster_places import ANOTHER_DATASET, unusable_places
from prompt2model_api.conditions import FailureState
from prompt2model_api.data_files import is_path
from prompt2model_api.loading import parse
from prompt2model_api.stage_job import Named
from prompt2model_operator.kinds import CLAIM, STAGERUN
from prompt2model_stages.discover.naming import check_own_data
from prompt2model_stages.errors import StageError
from tests.memory_cluster import Cluster
from tests.unit.api_cases import LOCAL_ONLY, TAKEN, resource

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", LOCAL_ONLY)
def test_what_only_a_local_run_can_read(name: str) -> None:
    spec, words = LOCAL_ONLY[name]
    found = unusable_places(parse(json.dumps(resource(name, spec)), name).spec)
    assert len(found) == 1 and found[0].startswith(words)


@pytest.mark.parametrize("name", TAKEN)
def test_what_a_pod_can_read(name: str) -> None:
    assert unusable_places(parse(json.dumps(resource(name, TAKEN[name])), name).spec) == []


@pytest.mark.parametrize("name", ["a.CSV", "a/b.json", "parquet", "a/parquet", "a/bjson", "a/rows.csv.v2", "squad"])
def test_the_rule_of_the_crd_knows_the_same_files(name: str) -> None:
    pattern = re.search(r"self\.name\.matches\('(.*?)'\)", ANOTHER_DATASET.rule())
    assert pattern is not None and (re.search(pattern[1], name) is not None) is is_path(name)


@pytest.mark.parametrize("name", LOCAL_ONLY)
def test_what_was_stored_before_the_rule_is_named_and_nothing_is_made(name: str) -> None:
    spec, words = LOCAL_ONLY[name]
    cluster = Cluster(spec)
    asyncio.run(cluster.look())
    condition = cluster.condition("Ready")
    assert cluster.phase() == "Failed" and condition["reason"] == "InvalidSpec" and words in condition["message"]
    assert not cluster.of(STAGERUN) and not cluster.of(CLAIM)


def test_own_data_at_a_path_is_looked_up_before_the_teacher_is_asked(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("input,output\n")
    there = {"datasets.own": str(tmp_path / "own.csv"), "evaluation.testData": f"file://{tmp_path}/own.csv"}
    check_own_data(Named(own={**there, "other": "s3://bucket/none.csv"}))
    for missing in (str(tmp_path / "none.csv"), f"file://{tmp_path}/none.csv", str(tmp_path)):
        with pytest.raises(StageError, match=r"evaluation\.testData: there is no file") as error:
            check_own_data(Named(own={**there, "evaluation.testData": missing}))
        assert (error.value.failure.state, error.value.failure.reason) == (FailureState.BLOCKED, "FileMissing")
