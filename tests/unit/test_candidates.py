"""Few candidates stand in a status; the gates lose none of those that a result of an earlier version has."""

from __future__ import annotations

import asyncio
import json

import pytest

from prompt2model_api.base import Architecture
from prompt2model_api.candidates import FILE, SHOWN, dataset_shortlist, student_shortlist, students_to_show
from prompt2model_api.choice_gate import dataset_gate, student_gate
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.results import DatasetCandidate, StageOutputs, StudentCandidate, UsedDataset
from prompt2model_api.stage_run import Stage
from prompt2model_api.status import Prompt2ModelStatus
from tests import stage_outputs
from tests.memory_cluster import Cluster

pytestmark = pytest.mark.unit

CHOICE = {"inputColumns": ["x"], "outputColumn": "y"}
SPECS = [
    {},
    {"datasets": {"choice": {"name": "org/d20", **CHOICE}}, "student": {"name": "org/s20"}},
    {"datasets": {"choice": {"name": "org/d3", **CHOICE}}, "student": {"name": "org/s3"}},
    {"datasets": {"choice": {"name": "org/unknown", **CHOICE}}, "student": {"name": "org/unknown"}},
    {"datasets": {"selection": "Manual"}, "student": {"selection": "Manual"}},
]


def datasets(recommended: int | None) -> list[DatasetCandidate]:
    return [
        DatasetCandidate(
            name=f"org/d{at}",
            revision=f"r{at}",
            input_columns=["x"],
            output_column="y",
            score=30 - at,
            recommended=at == recommended,
            reason="Its columns fit.",
        )
        for at in range(25)
    ]


def students() -> list[StudentCandidate]:
    kind = Architecture.ENCODER_DECODER
    return [
        StudentCandidate(name=f"org/s{at}", revision=f"r{at}", architecture=kind, size_bytes=1, score=30 - at)
        for at in range(25)
    ]


def whole(recommended: int | None) -> StageOutputs:
    """As versions before wrote it."""
    return StageOutputs(dataset_candidates=datasets(recommended), student_candidates=students())


def short(recommended: int | None) -> StageOutputs:
    shown, others = dataset_shortlist(datasets(recommended), ())
    best, other_students = student_shortlist(students(), None)
    return StageOutputs(
        dataset_candidates=shown, other_datasets=others, student_candidates=best, other_students=other_students
    )


def test_the_dataset_that_would_be_rewritten_is_shown_and_takes_no_place() -> None:
    """Behind several that could be combined, which are preferred: the gate takes what it would take of all of them."""
    near = [one.model_copy(update={"combinable": True}) for one in datasets(None)[:6]]
    rewritten = datasets(None)[6].model_copy(update={"transformable": True})
    shown, others = dataset_shortlist([*near, rewritten], ())
    assert [one.name for one in shown] == [*(one.name for one in near[:5]), rewritten.name]
    teacher = {"baseURL": "http://x/v1", "model": "m"}
    for most in (None, 5):
        told = {"prompt": "p", "teacher": teacher, "datasets": {"transform": "Auto", "most": most}}
        spec = Prompt2ModelSpec.model_validate(told)
        short = dataset_gate(spec, StageOutputs(dataset_candidates=shown, other_datasets=others))
        assert short == dataset_gate(spec, StageOutputs(dataset_candidates=[*near, rewritten]))
        assert short.decision is not None and short.decision.transform is (True if most is None else None)


@pytest.mark.parametrize("recommended", [None, 0, 12], ids=["none", "first", "thirteenth"])
@pytest.mark.parametrize("fields", SPECS, ids=["unasked", "chosen-behind", "chosen-shown", "unknown", "manual"])
def test_the_gates_decide_as_with_all_candidates(fields: dict[str, object], recommended: int | None) -> None:
    spec = Prompt2ModelSpec.model_validate({"prompt": "x", **fields})
    assert dataset_gate(spec, short(recommended)) == dataset_gate(spec, whole(recommended))
    assert student_gate(spec, short(recommended)) == student_gate(spec, whole(recommended))


def test_the_shown_ones_keep_their_order_and_have_the_recommended_and_the_named_one() -> None:
    shown, others = dataset_shortlist(datasets(12), [UsedDataset(name="org/d20")])
    assert [c.name for c in shown] == ["org/d0", "org/d1", "org/d2", "org/d12", "org/d20"]
    assert len(others) == 20 and others[0].dump() == {"name": "org/d3", "revision": "r3"}
    best, _ = student_shortlist(students(), "org/s20")
    assert [c.name for c in best] == ["org/s0", "org/s1", "org/s2", "org/s3", "org/s20"]
    assert dataset_shortlist(datasets(0)[:3], []) == (datasets(0)[:3], [])


def test_what_is_named_takes_no_place_of_those_that_are_used_unasked() -> None:
    """The spec may name nothing later."""
    first, *near = datasets(None)[:5]
    several = [
        first.model_copy(update={"recommended": True}),
        *(c.model_copy(update={"combinable": True}) for c in near),
    ]
    several += datasets(None)[5:10]
    named = [UsedDataset(name=f"org/d{n}") for n in (7, 8)]
    shown, others = dataset_shortlist(several, named)
    assert [c.name for c in shown] == [f"org/d{n}" for n in (0, 1, 2, 3, 4, 7, 8)]
    assert [c.name for c in others] == ["org/d5", "org/d6", "org/d9"]


def test_those_that_go_with_the_recommended_one_are_shown_before_nearer_ones() -> None:
    several = [c.model_copy(update={"combinable": c.name in ("org/d9", "org/d15")}) for c in datasets(12)]
    shown, _ = dataset_shortlist(several, [UsedDataset(name="org/d20")])
    assert [c.name for c in shown] == ["org/d0", "org/d9", "org/d12", "org/d15", "org/d20"]


def test_configurations_of_one_dataset_do_not_hide_the_recommended_one() -> None:
    several = [c.model_copy(update={"name": "org/glue", "config": c.name}) for c in datasets(12)]
    shown, _ = dataset_shortlist(several, [UsedDataset(name="org/glue")])
    assert len(shown) == SHOWN and [c.config for c in shown if c.recommended] == ["org/d12"]


def test_all_that_are_named_are_shown_each_with_its_configuration() -> None:
    several = [c.model_copy(update={"name": "org/glue", "config": c.name}) for c in datasets(0)]
    named = [UsedDataset(name="org/glue", config=f"org/d{at}") for at in range(20, 25)]
    shown, others = dataset_shortlist(several, named)
    assert [c.config for c in shown] == ["org/d0", *(one.config for one in named)]
    assert others[0].dump() == {"name": "org/glue", "revision": "r1", "config": "org/d1"}


def test_a_manual_choice_says_where_all_of_them_are() -> None:
    spec = Prompt2ModelSpec.model_validate({"prompt": "x", **SPECS[-1]})
    for gate in (dataset_gate(spec, short(None)), student_gate(spec, short(None))):
        assert "one of 25 " in gate.message and FILE in gate.message


def test_a_result_of_an_earlier_version_is_shown_with_five_and_where_all_of_them_are() -> None:
    def outputs(stage: Stage) -> StageOutputs:
        return whole(12) if stage is Stage.DISCOVER else stage_outputs.outputs(stage)

    cluster = Cluster()
    assert asyncio.run(cluster.run(outputs)) == "Ready"
    found = cluster.status()["discovered"]
    assert [c["name"] for c in found["datasetCandidates"]] == ["org/d0", "org/d1", "org/d2", "org/d3", "org/d12"]
    assert len(found["studentCandidates"]) == SHOWN
    assert found["candidatesFile"].endswith(f"/{FILE}") and "/discover-" in found["candidatesFile"]
    assert len(json.dumps(found)) < 4096


def test_a_resource_that_names_its_student_shows_no_other() -> None:
    def outputs(stage: Stage) -> StageOutputs:
        return whole(12) if stage is Stage.DISCOVER else stage_outputs.outputs(stage)

    cluster = Cluster({"student": {"name": "org/s3"}})
    assert asyncio.run(cluster.run(outputs)) == "Ready"
    assert [c["name"] for c in cluster.status()["discovered"]["studentCandidates"]] == ["org/s3"]


def test_a_status_of_an_earlier_version_can_be_read() -> None:
    old = {"discovered": {"datasetCandidates": [c.dump() for c in datasets(0)], "studentCandidates": []}}
    read = Prompt2ModelStatus.model_validate(old).discovered
    assert read is not None and len(read.dataset_candidates or []) == 25 and read.candidates_file is None


def test_a_student_that_is_named_later_hides_no_candidates() -> None:
    assert [one.name for one in students_to_show(students(), "org/s20")] == ["org/s20"]
    assert len(students_to_show(students(), "org/unknown")) == SHOWN
