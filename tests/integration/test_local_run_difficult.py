"""A whole `p2m run` against a teacher that is right but difficult to ask, with 50 requests in flight.

Student and dataset come by name from a hub on this machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import hub_server
from tests.difficult_teacher import DRAFT, DifficultTeacher
from tests.fake_teacher import serving
from tests.hub_server import COMMIT, Hub
from tests.local_runs import folder_of, results, run, write
from tests.tiny_students import tiny_llama

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """With a student and a dataset of 200 numbers."""
    tiny_llama(tmp_path / "hub/models/owner/student")
    data = tmp_path / "hub/datasets/owner/numbers"
    data.mkdir(parents=True)
    rows = [{"id": n, "number": str(n), "backwards": str(n)[::-1]} for n in range(40_000, 40_200)]
    (data / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with hub_server.serving(tmp_path / "hub") as served:
        yield served


def test_no_draft_no_cut_answer_and_no_refusal_becomes_a_label_or_a_score(tmp_path: Path, hub: Hub) -> None:
    choice = {"name": "owner/numbers", "split": "train", "inputColumns": ["number"], "outputColumn": "backwards"}
    by_name = {
        "datasets": {"choice": choice, "maxRows": 30, "licenses": ["CC-BY-4.0"]},
        "student": {"name": "owner/student", "architectures": ["DecoderOnly"], "licenses": ["cc-by-4.0", "MIT"]},
    }
    online = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "cache")}
    with serving(DifficultTeacher(latency_s=0.0)) as teacher:
        limits = {"concurrency": 50}
        named = {"baseURL": teacher.url, "model": "fake", "limits": limits}
        rows = tmp_path / "test.csv"
        rows.write_text(
            "input,output\n" + "".join(f"{number},{str(number)[::-1]}\n" for number in range(90_000, 90_030))
        )
        evaluation = {
            "metrics": ["ExactMatch"],
            "testData": {"uri": str(rows), "inputColumns": ["input"], "outputColumn": "output"},
            "gate": {"metric": "ExactMatch", "atLeast": "0"},
        }
        file = write(tmp_path, teacher.url, teacher=named, evaluation=evaluation, **by_name)
        ended = run(file, **online)
    assert "Traceback" not in ended.stdout + ended.stderr, ended.stdout + ended.stderr
    met = {name for name, count in teacher.tricks.items() if count}
    assert met >= {"max_tokens", "temperature", "response_format", "system", "html", "cut", "flagged", "whole"}
    found = {name.partition("-")[0]: tree["outputs"] for name, tree in results(file).items()}
    assert found["generate"]["examples"] == 60
    for path in folder_of(file).rglob("*.jsonl"):
        if path.name == "examples.jsonl":
            examples = [json.loads(line) for line in path.read_text().splitlines()]
            assert len(examples) == 60 and all(one["output"] == one["input"][::-1] for one in examples)
    statistics = json.loads(next(folder_of(file).glob("prepare-*/statistics.json")).read_text())
    assert sum(sources.get("retrieved", 0) for sources in statistics["sources"].values()) == 30
    decision = json.loads(next(folder_of(file).glob("train-*/stage_run.json")).read_text())["spec"]["decision"]
    assert (decision["student"], decision["studentRevision"]) == ("owner/student", COMMIT)
    status = json.loads((folder_of(file) / "status.json").read_text())
    assert status["licenses"] == {"dataset": "CC-BY-4.0", "student": "CC-BY-4.0"}, "the hub's tags say so"
    own = next(score for score in found["evaluate"]["scores"] if score["split"] == "Own")
    assert own["teacher"]["value"] == 100.0, "the teacher is right on every row that it answers"
    counts = own["teacherAnswers"]
    assert (counts["asked"], own["teacherRows"], counts["refused"]) == (30, 27, 3)
    written = b"".join(path.read_bytes() for path in folder_of(file).rglob("*.json") if "discover" not in path.parts)
    assert DRAFT.encode() not in written
