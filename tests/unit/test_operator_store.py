"""The store, the queue, the settings and the log lines of the operator."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from prompt2model_operator.access_check import AccessError, check_access
from prompt2model_operator.kinds import JOB, RESOURCE, Kind
from prompt2model_operator.logs import JsonFormatter
from prompt2model_operator.settings import SettingsError, read_settings
from prompt2model_operator.store import Store
from prompt2model_operator.waking import Waker

pytestmark = pytest.mark.unit

OWNER = ("a", "dates")


def job(name: str, version: int, uid: str = "u") -> dict[str, Any]:
    meta = {"name": name, "namespace": "a", "uid": uid, "resourceVersion": str(version), "labels": {RESOURCE: "dates"}}
    return {"metadata": meta, "version": version}


def test_an_older_version_never_replaces_a_newer_one() -> None:
    store = Store()
    assert store.put(JOB, job("j", 10))
    assert not store.put(JOB, job("j", 9)) and not store.put(JOB, job("j", 10))
    assert store.put(JOB, job("j", 11))
    assert store.put(JOB, job("j", 3, uid="another object of this name"))
    assert [b["version"] for b in store.owned(JOB, OWNER)] == [3]


def test_a_late_deletion_of_an_earlier_object_takes_nothing_away() -> None:
    store = Store()
    store.put(JOB, job("j", 10, uid="new"))
    store.drop(JOB, job("j", 9, uid="old"))
    assert store.get(JOB, ("a", "j"))
    store.drop(JOB, job("j", 10, uid="new"))
    assert store.get(JOB, ("a", "j")) is None and store.owned(JOB, OWNER) == []


def test_a_list_takes_away_what_is_gone_and_keeps_what_was_written_after_it() -> None:
    store = Store()
    for name, version in (("gone", 5), ("kept", 6), ("written", 30)):
        store.put(JOB, job(name, version))
    store.replace(JOB, [job("kept", 6)], version=20)
    assert [b["metadata"]["name"] for b in store.owned(JOB, OWNER)] == ["kept", "written"]


def test_a_resource_is_looked_at_once_however_often_it_is_woken_and_never_twice_at_a_time() -> None:
    looked: list[tuple[str, str]] = []
    at_once: list[int] = []
    busy = {("a", "x"): 0, ("a", "y"): 0}

    async def look(key: tuple[str, str]) -> None:
        busy[key] += 1
        at_once.append(busy[key])
        looked.append(key)
        if len(looked) == 1:
            waker.wake(key)  # while it is busy: looked at again afterwards
        await asyncio.sleep(0.01)
        busy[key] -= 1

    async def scenario() -> None:
        workers = [asyncio.create_task(waker.work(look)) for _ in range(3)]
        for _ in range(5):
            waker.wake(("a", "x"))
            waker.wake(("a", "y"), 0.02)
        await asyncio.sleep(0.15)
        for worker in workers:
            worker.cancel()

    waker = Waker()
    asyncio.run(scenario())
    assert sorted(looked) == [("a", "x"), ("a", "x"), ("a", "y")] and max(at_once) == 1


def test_wrong_settings_are_named_with_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_NAMESPACE", "ops")
    file = tmp_path / "settings.yaml"
    assert read_settings(file).namespace == "ops"
    file.write_text("workers: 0\nimages: {stage: x}\n")
    with pytest.raises(SettingsError, match=r"settings\.yaml"):
        read_settings(file)


def test_the_key_of_mlflows_users_is_of_the_environment_long_and_in_no_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("tracking: {uri: 'http://mlflow:5000', secret: p2m-tracking, workspaces: true}\n")
    monkeypatch.setenv("P2M_WORKSPACE_KEY", "k" * 31)
    with pytest.raises(SettingsError, match=r"P2M_WORKSPACE_KEY has 31 characters.*mlflow\.auth\.secret"):
        read_settings(file)
    monkeypatch.setenv("P2M_WORKSPACE_KEY", "k" * 32)
    settings = read_settings(file)
    assert settings.tracking.workspace_key == "k" * 32
    assert "k" * 32 not in f"{settings}{settings.dump()}"
    file.write_text("tracking: {uri: 'http://mlflow:5000', secret: mlflow}\n")
    assert read_settings(file).tracking.workspace_key is None


def test_what_is_not_allowed_is_said_in_a_sentence_before_the_start() -> None:
    class Api:
        async def allowed(
            self, verb: str, kind: Kind, namespace: str | None, subresource: str = "", name: str = ""
        ) -> bool:
            return (verb, kind) != ("create", JOB) and (verb, name) != ("patch", "p2m-tracking")

    with pytest.raises(AccessError, match=r"create jobs in all namespaces\. .*rbac\.create=true"):
        asyncio.run(check_access(Api(), [None]))  # type: ignore[arg-type]
    with pytest.raises(AccessError, match="patch secrets/p2m-tracking in team-a"):
        asyncio.run(check_access(Api(), ["team-a"], "p2m-tracking"))  # type: ignore[arg-type]


def test_logs_are_json_with_the_resources_name() -> None:
    try:
        raise ValueError("boom")
    except ValueError:
        error = sys.exc_info()
    record = logging.LogRecord("p2m", logging.ERROR, __file__, 1, "a %s", ("b",), error)
    record.resource, record.resource_namespace = "dates", "team-a"
    line = json.loads(JsonFormatter().format(record))
    assert (line["message"], line["name"], line["namespace"]) == ("a b", "dates", "team-a") and "boom" in line["error"]
