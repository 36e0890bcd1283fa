"""A resource in a cluster, as the choice page reads and patches it; kubectl is a resource in memory."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from prompt2model_api.candidates import FILE
from prompt2model_api.loading import SpecError
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import Choice
from prompt2model_stages.choosing.chooser import NONE, Chooser
from prompt2model_stages.choosing.cluster_place import BY_NAME, ClusterPlace
from prompt2model_stages.choosing.kubectl import ConflictError, kubectl
from prompt2model_stages.choosing.patching import merged
from prompt2model_stages.choosing.picking import CHOICE_PATH, STUDENT_PATH, Pick
from prompt2model_stages.choosing.sampling import Sample
from prompt2model_stages.cli.choosing import _ended
from prompt2model_stages.cli.commands import STOPPED
from prompt2model_stages.prepare.tables import Table
from prompt2model_stages.stage_files import Candidates
from prompt2model_stages.storage import Folder
from tests import waiting_runs

pytestmark = pytest.mark.unit

DIGEST = "ab" * 32
FOLDER = f"discover-{DIGEST[:8]}"
SQUAD = {
    "name": "rajpurkar/squad",
    "split": "train",
    "inputColumns": ["question", "context"],
    "outputColumn": "answers.text",
}


class Cluster:
    """Answers as kubectl does: one resource, and the StageRun of its discover."""

    def __init__(self, storage: str = "/storage/default/questions", **spec: Any) -> None:
        outputs = waiting_runs.outputs()
        given = {"prompt": "x", "datasets": {"selection": "Manual"}, "student": {"selection": "Manual"}, **spec}
        discovered = {
            "instruction": waiting_runs.INSTRUCTION,
            "datasetCandidates": [c.dump() for c in outputs.dataset_candidates or []],
            "studentCandidates": [c.dump() for c in outputs.student_candidates or []],
            "candidatesFile": f"{storage}/{FOLDER}/{FILE}",
        }
        self.resource: dict[str, Any] = {
            "metadata": {
                "name": "questions",
                "namespace": "team",
                "uid": "u-1",
                "resourceVersion": "1",
                "generation": 1,
            },
            "spec": Prompt2ModelSpec.model_validate(given).dump(),
            "status": {"phase": "AwaitingChoice", "discovered": discovered},
        }
        self.stage_run = {
            "apiVersion": "prompt2model.dev/v1alpha1",
            "kind": "StageRun",
            "metadata": {"name": f"questions-{FOLDER}"},
            "spec": {"resource": "questions", "stage": "discover", "digest": DIGEST, "storage": storage},
            "status": {
                "phase": "Succeeded",
                "result": {"attempt": 1, "digest": DIGEST, "sha256": DIGEST, "outputs": outputs.dump()},
            },
        }
        self.asked: list[list[str]] = []
        self.may_list = True
        self.before_patches: list[dict[str, Any]] = []  # what somebody else writes before each patch

    def run(self, arguments: Sequence[str]) -> str:
        self.asked.append(list(arguments))
        if arguments[0] == "patch":
            patch = json.loads(arguments[arguments.index("-p") + 1])
            if self.before_patches:
                self.write(self.before_patches.pop(0))
            if patch["metadata"]["resourceVersion"] != self.resource["metadata"]["resourceVersion"]:
                raise ConflictError("kubectl patch: Error from server (Conflict): the object has been modified")
            self.write(patch)
            return "patched"
        if arguments[1].startswith("stageruns"):
            if not self.may_list:
                raise SpecError("kubectl get: Error from server (Forbidden): stageruns is forbidden")
            return json.dumps({"items": [self.stage_run]})
        return json.dumps(self.resource)

    def write(self, change: dict[str, Any]) -> None:
        self.resource = merged(self.resource, change)
        metadata = self.resource["metadata"]
        metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)
        metadata["generation"] += "spec" in change

    def place(self) -> ClusterPlace:
        return ClusterPlace("questions", ["--namespace", "team"], self.run)


def test_the_nearest_are_whole_and_the_others_have_what_the_catalog_knows() -> None:
    offers = Cluster().place().offers()
    assert [offered.candidate.name for offered in offers.datasets] == [c.name for c in waiting_runs.datasets()]
    assert offers.datasets[0].score == 9.75 and offers.datasets[0].entry is not None
    assert offers.datasets[6].score is None and offers.datasets[6].candidate.reason == BY_NAME
    assert [o.candidate.name for o in offers.students] == [
        "google/flan-t5-small",
        "org/s0",
        "org/s1",
        "org/s2",
        "org/s3",
    ]
    assert offers.notes == [
        "The candidates behind the nearest five are known by name: candidates.json, on the resource's volume, has the rest."
    ]
    assert not offers.unasked_dataset.open and "Choose one of 7" in offers.unasked_dataset.message


def test_without_the_right_to_list_stage_runs_the_status_is_shown() -> None:
    cluster = Cluster()
    cluster.may_list = False
    offers = cluster.place().offers()
    assert len(offers.datasets) == 5 and len(offers.students) == 5
    assert offers.notes[0].startswith(
        "The nearest five candidates alone are shown. kubectl get: Error from server (Forbidden)"
    )


def test_all_are_whole_where_the_storage_can_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Candidates(datasets=waiting_runs.datasets(), students=waiting_runs.students()).write(Folder(str(tmp_path)))
    monkeypatch.setattr("prompt2model_stages.choosing.cluster_place.Folder", lambda uri: Folder(str(tmp_path)))
    offers = Cluster("s3://bucket/default/questions").place().offers()
    assert (
        len(offers.datasets) == 7
        and offers.datasets[6].score == 1.6
        and len(offers.students) == 7
        and offers.notes == []
    )


def test_a_choice_takes_the_place_of_another_one_whole() -> None:
    old = {"name": "google/boolq", "config": "c", "split": "dev", "inputColumns": ["q"], "outputColumn": "a"}
    cluster = Cluster(datasets={"choice": old, "topK": 7})
    place = cluster.place()
    chooser = Chooser(place, place.offers())
    pick, read = (
        Pick("rajpurkar/squad", False, "", "train", ("question", "context"), "answers.text"),
        Sample(Table("", (), ())),
    )
    shown = chooser.show(pick, read, "org/s9")
    assert shown.proposal is not None
    assert shown.proposal.before.splitlines()[:5] == [
        "spec:",
        "  datasets:",
        "    choice:",
        "      name: google/boolq",
        "      config: c",
    ]
    assert shown.proposal.after.splitlines()[-2:] == ["  student:", "    name: org/s9"]
    _, said = chooser.save(shown, pick, read, "org/s9")
    assert "questions is patched." in said
    spec = Prompt2ModelSpec.model_validate(cluster.resource["spec"])
    assert spec.datasets.choice == Choice.model_validate(SQUAD) and spec.datasets.top_k == 7
    assert spec.student.name == "org/s9" and spec.prompt == "x"
    patched = [asked for asked in cluster.asked if asked[0] == "patch"]
    assert len(patched) == 1 and patched[0][-2:] == ["--namespace", "team"]


def test_what_another_one_chose_meanwhile_is_not_overwritten() -> None:
    cluster = Cluster()
    place = cluster.place()
    proposal = place.propose(place.present(), {CHOICE_PATH: {"none": True}, STUDENT_PATH: "org/s1"})
    cluster.resource["spec"]["student"]["name"] = "org/theirs"
    with pytest.raises(SpecError, match="questions was changed meanwhile"):
        place.save(proposal)
    assert all(asked[0] == "get" for asked in cluster.asked)
    assert place.save(place.propose(place.present(), {CHOICE_PATH: {"none": True}})).startswith("questions is patched.")


def test_a_wrong_choice_and_a_resource_without_candidates_get_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    with pytest.raises(SpecError, match="none and name exclude each other"):
        cluster.place().propose(cluster.place().present(), {CHOICE_PATH: {"none": True, "name": "d"}})
    cluster.resource["status"] = {"phase": "Discovering"}
    with pytest.raises(SpecError, match=r"questions has no candidates yet, its phase is Discovering: wait"):
        cluster.place().offers()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SpecError, match="kubectl is not on PATH"):
        kubectl(["get", "pods"])


@pytest.mark.parametrize("name", ["rows.csv", "data/rows.PARQUET", "./rows.csv"])
def test_a_file_of_this_machine_is_not_saved_into_a_cluster(name: str) -> None:
    cluster = Cluster()
    place = cluster.place()
    chooser = Chooser(place, place.offers())
    pick = Pick(name, split="train", inputs=("question",), output="answer", is_other=True)
    read = Sample(Table("", (), ()))
    shown = chooser.show(pick, read, "")
    assert shown.problem.startswith("questions: spec.datasets.choice.name is a path") and shown.proposal is None
    chooser.save(shown, pick, read, "")
    assert not chooser.saved and "choice" not in cluster.resource["spec"]["datasets"]


def test_a_choice_is_not_saved_into_a_resource_that_was_edited_into_another_one() -> None:
    cluster = Cluster()
    place = cluster.place()
    chooser = Chooser(place, place.offers())
    nothing = chooser.open_dataset(NONE)
    shown = chooser.show(nothing.pick, nothing.sample, "")
    assert shown.proposal is not None
    cluster.write({"spec": {"prompt": "y"}})
    now, said = chooser.save(shown, nothing.pick, nothing.sample, "")
    assert now.problem == (
        "The candidates on this page were found before questions was edited (prompt): "
        "end this command with Ctrl-C, and start it again once discover is done."
    )
    assert said == "" and chooser.saved == ""
    with pytest.raises(SpecError, match=r"questions was edited \(prompt\)"):
        place.save(shown.proposal)
    cluster.write({"spec": {"prompt": "x"}})
    chooser.save(shown, nothing.pick, nothing.sample, "")
    assert chooser.saved.startswith("questions is patched.")


def test_a_resource_that_was_made_anew_is_another_one() -> None:
    cluster = Cluster()
    place = cluster.place()
    chooser = Chooser(place, place.offers())
    cluster.write({"metadata": {"uid": "u-2"}})
    assert (
        "those of another resource than questions is now"
        in chooser.show(Pick(none=True), Sample(Table("", (), ())), "").problem
    )


def test_an_edit_between_the_look_and_the_patch_is_not_overwritten() -> None:
    cluster = Cluster()
    place = cluster.place()
    proposal = place.propose(place.present(), {STUDENT_PATH: "org/s1"})
    cluster.before_patches = [{"spec": {"prompt": "y"}}]
    with pytest.raises(SpecError, match=r"questions was edited \(prompt\)"):
        place.save(proposal)
    cluster.write({"spec": {"prompt": "x"}})
    cluster.before_patches = [{"spec": {"student": {"name": "org/theirs"}}}]
    with pytest.raises(SpecError, match="questions was changed meanwhile"):
        place.save(proposal)
    assert cluster.resource["spec"]["student"]["name"] == "org/theirs"


def test_what_the_operator_writes_meanwhile_is_no_edit() -> None:
    cluster = Cluster()
    place = cluster.place()
    proposal = place.propose(place.present(), {STUDENT_PATH: "org/s1"})
    cluster.before_patches = [{"status": {"progress": "1"}}, {"status": {"progress": "2"}}]
    assert place.save(proposal).startswith("questions is patched.")
    cluster.before_patches = [{"status": {"progress": str(n)}} for n in range(9)]
    with pytest.raises(SpecError, match="questions is written to all the time, and nothing was saved"):
        place.save(place.propose(place.present(), {STUDENT_PATH: "org/s2"}))


def test_what_the_cluster_drops_of_a_choice_is_told() -> None:
    cluster = Cluster()
    write = cluster.write

    def pruned(change: dict[str, Any]) -> None:
        write(change)
        cluster.resource["spec"]["datasets"]["choice"].pop("share", None)

    cluster.write = pruned  # type: ignore[method-assign]
    place = cluster.place()
    assert place.save(place.propose(place.present(), {CHOICE_PATH: SQUAD})).startswith("questions is patched.")
    with pytest.raises(SpecError, match=r"patched, but spec\.datasets\.choice is not what was written: the CRDs there"):
        place.save(place.propose(place.present(), {CHOICE_PATH: {**SQUAD, "share": 40}}))


def test_a_patch_that_is_not_kept_whole_is_told_at_the_end_of_the_command() -> None:
    cluster = Cluster()
    write = cluster.write

    def pruned(change: dict[str, Any]) -> None:
        write(change)
        cluster.resource["spec"]["datasets"]["choice"].pop("split", None)

    cluster.write = pruned  # type: ignore[method-assign]
    place = cluster.place()
    chooser = Chooser(place, place.offers())
    read = Sample(Table("", (), ()))
    pick = Pick("rajpurkar/squad", split="validation", inputs=("question",), output="answers.text", is_other=True)
    _, said = chooser.save(chooser.show(pick, read, ""), pick, read, "")
    console = Console(width=300, record=True, file=io.StringIO())
    assert "was patched, but" in said and not chooser.saved
    assert _ended(console, chooser) == STOPPED
    shown = console.export_text()
    assert "questions was patched, but spec.datasets.choice is not what was written" in shown and "Nothing" not in shown


def test_candidates_of_an_earlier_edit_are_not_shown() -> None:
    cluster = Cluster()
    cluster.write({"status": {"observedGeneration": 1}})
    assert cluster.place().offers().datasets
    cluster.write({"spec": {"prompt": "y"}})
    with pytest.raises(SpecError, match="the operator has not looked at it yet: start this command again"):
        cluster.place().offers()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "No resource is named: take one that `kubectl get p2m` lists"),
        (" ", "No resource is named"),
        ("-A", "`-A` is not the name of a resource: take one"),
        ("./questions.yaml", "`./questions.yaml` is not the name of a resource: take one"),
    ],
)
def test_what_is_no_name_is_never_handed_to_kubectl(name: str, said: str) -> None:
    cluster = Cluster()
    with pytest.raises(SpecError, match=said):
        ClusterPlace(name, [], cluster.run).offers()
    assert cluster.asked == []


def test_a_resource_that_this_version_does_not_understand_gets_a_sentence() -> None:
    cluster = Cluster()
    cluster.resource["spec"]["datasets"]["topK"] = "many"
    with pytest.raises(SpecError) as refused:
        cluster.place().offers()
    assert str(refused.value).startswith("questions cannot be used: spec.datasets.topK")
    assert "kubectl edit p2m questions" in str(refused.value) and "\n" not in str(refused.value)
    cluster = Cluster()
    cluster.stage_run["spec"]["stage"] = "ponder"
    offers = cluster.place().offers()
    assert len(offers.datasets) == 5 and "A StageRun cannot be used: spec.stage" in offers.notes[0]


def test_kubectl_that_answers_with_no_json_gets_a_sentence() -> None:
    with pytest.raises(SpecError, match=r"kubectl get answered with no JSON \(Please log in\)"):
        ClusterPlace("questions", [], lambda arguments: "Please log in\n").offers()
