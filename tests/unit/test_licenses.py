"""Licenses: their names, what a list allows, and that nothing else is used unasked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prompt2model_api.base import Architecture
from prompt2model_api.choice_gate import dataset_gate, student_gate
from prompt2model_api.complaints import complaints
from prompt2model_api.graph import digest
from prompt2model_api.licenses import license_objection, spdx
from prompt2model_api.loading import SpecError
from prompt2model_api.prompt2model import Prompt2Model, Prompt2ModelSpec
from prompt2model_api.results import Choice, DatasetCandidate, StageOutputs, StudentCandidate
from prompt2model_api.spec.student import EMBEDDED_STUDENT
from prompt2model_api.stage_job import Named
from prompt2model_api.stage_run import Decision, Stage
from prompt2model_stages.catalogs.entries import Kind, ModelEntry
from prompt2model_stages.catalogs.licensing import known_license, license_of
from prompt2model_stages.catalogs.opening import Entries
from prompt2model_stages.catalogs.search import MemoryIndex
from prompt2model_stages.discover import naming
from prompt2model_stages.discover.licensed import (
    SHOWN,
    fewer_datasets,
    fewer_students,
    licensed_datasets,
    licensed_students,
)
from prompt2model_stages.discover.naming import named_student, with_license
from prompt2model_stages.discover.student_retrieval import MOST, CatalogStudentRetriever
from prompt2model_stages.errors import StageError, failed
from prompt2model_stages.local.checks import load_checked

pytestmark = pytest.mark.unit


def spec(**fields: Any) -> Prompt2ModelSpec:
    return Prompt2ModelSpec.model_validate({"prompt": "Write the date in ISO format.", **fields})


def dataset(name: str, license_name: str | None, recommended: bool = True) -> DatasetCandidate:
    columns: dict[str, Any] = {"input_columns": ["a"], "output_column": "b"}
    return DatasetCandidate(
        name=name, license=license_name, score=1, recommended=recommended, reason="Near.", **columns
    )


def student(name: str, license_name: str | None) -> StudentCandidate:
    return StudentCandidate(
        name=name, license=license_name, architecture=Architecture.ENCODER_DECODER, size_bytes=1, score=1, reason="It fits."
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "meant"),
    [("apache-2.0", "Apache-2.0"), ("CC-BY-SA-4.0", "CC-BY-SA-4.0"), (" mit ", "MIT"), ("odbl", "ODbL-1.0"),
     ("GPL-3.0-only", "GPL-3.0"), ("openrail++", "openrail++"), ("Llama3.1", "llama3.1"),
     ("GFDL-1.3-or-later", "GFDL-1.3-or-later"), ("gfdl-1.2-only", "GFDL-1.2-only"), ("elastic-2.0", "Elastic-2.0"),
     ("GPL-3.0+", "GPL-3.0"), ("CC0", "CC0-1.0"), ("gfdl", "gfdl")],
)  # fmt: skip
def test_a_list_has_the_names_of_spdx_whatever_the_case(written: str, meant: str) -> None:
    assert spec(datasets={"licenses": [written]}).datasets.licenses == [meant]


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("apache2.0", "spec.student.licenses[1]: no license is called apache2.0: did you mean Apache-2.0?"),
        ("Apache 2.0", "did you mean Apache-2.0?"),
        ("cc by sa 4.0", "did you mean CC-BY-SA-4.0?"),
        ("public", "no license is called public: write an SPDX identifier, such as"),
        ("unknown", "unknown is no license: name those that may be used"),
        ("MIT License", "did you mean MIT?"),
        ("The Apache License 2.0", "did you mean Apache-2.0?"),
        ("GPLv2", "did you mean GPL-2.0?"),
        ("GFDL 1.3 or later", "did you mean GFDL-1.3-or-later?"),
        # Another version is another license.
        ("GFDL-1.4", "no license is called GFDL-1.4: write an SPDX identifier, such as"),
        ("CC-BY-5.0", "no license is called CC-BY-5.0: write an SPDX identifier, such as"),
        ("MIT OR Apache-2.0", "MIT OR Apache-2.0 is an expression: write its licenses one by one"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(written: str, advice: str) -> None:
    tree = {"metadata": {"name": "x"}, "spec": {"prompt": "p", "student": {"licenses": ["MIT", written]}}}
    with pytest.raises(ValueError) as caught:
        Prompt2Model.model_validate(tree)
    (told,) = complaints(caught.value)  # type: ignore[arg-type]
    assert advice in told


def test_every_name_of_a_tag_must_be_allowed() -> None:
    assert spdx("cc-by-sa-3.0, gfdl, house-rules") == "CC-BY-SA-3.0, gfdl, house-rules" and spdx(None) == "unknown"
    assert license_objection("cc-by-nc-4.0", None, "datasets.licenses") == ""
    assert license_objection("mit, apache-2.0", ["Apache-2.0", "MIT"], "datasets.licenses") == ""
    against = license_objection("mit, cc-by-nc-4.0", ["MIT"], "datasets.licenses")
    assert against == "its license CC-BY-NC-4.0 is not in datasets.licenses (MIT)"
    assert "its license is unknown" in license_objection("unknown", ["MIT"], "datasets.licenses")
    assert "its license other is not in" in license_objection("other", ["MIT"], "datasets.licenses")


def test_the_digest_has_the_list_and_not_the_license_that_was_found() -> None:
    plain, listed = spec(), spec(datasets={"licenses": ["MIT", "apache-2.0"]})
    assert digest(plain, Stage.DISCOVER, {}) != digest(listed, Stage.DISCOVER, {})
    same = spec(datasets={"licenses": ["mit", "Apache-2.0"]})
    assert digest(same, Stage.DISCOVER, {}) == digest(listed, Stage.DISCOVER, {})
    upstream = {Stage.DISCOVER: "a", Stage.GENERATE: "b"}
    decided = Decision(dataset=Choice(none=True))
    known = decided.model_copy(update={"dataset_license": "MIT"})
    assert digest(plain, Stage.PREPARE, upstream, decided) == digest(plain, Stage.PREPARE, upstream, known)


def test_order_and_spelling_of_a_list_change_no_digest() -> None:
    spellings = (["MIT", "Apache-2.0"], ["apache-2.0", "mit"], ["MIT", "mit", "Apache-2.0"])
    for section in ("datasets", "student"):
        specs = [spec(**{section: {"licenses": names}}) for names in spellings]
        assert len({digest(one, Stage.DISCOVER, {}) for one in specs}) == 1
    assert specs[2].student.licenses == ["Apache-2.0", "MIT"]


def test_the_gate_takes_no_candidate_that_the_list_forbids() -> None:
    found = StageOutputs(dataset_candidates=[dataset("a/b", "cc-by-nc-4.0"), dataset("a/c", None)])
    free = dataset_gate(spec(), found).decision
    assert free is not None and free.dataset is not None
    assert (free.dataset.name, free.dataset_license) == ("a/b", "CC-BY-NC-4.0")
    bound = dataset_gate(spec(datasets={"licenses": ["MIT"]}), found)
    assert bound.open and bound.decision is not None and bound.decision.dataset is not None
    assert bound.decision.dataset.none
    models = StageOutputs(student_candidates=[student("a/b", "other"), student("a/c", "mit")])
    taken = student_gate(spec(student={"licenses": ["MIT"]}), models).decision
    assert taken is not None and (taken.student, taken.student_license) == ("a/c", "MIT")
    closed = student_gate(spec(student={"licenses": ["Apache-2.0"]}), models)
    assert (closed.open, closed.failed, closed.reason) == (False, True, "NoStudent")
    assert "its license other is not in student.licenses (Apache-2.0)" in closed.message


def test_the_gate_refuses_what_a_person_names_with_another_license() -> None:
    chosen = {"name": "a/b", "inputColumns": ["a"], "outputColumn": "b"}
    found = StageOutputs(dataset_candidates=[dataset("a/b", "cc-by-nc-4.0", recommended=False)])
    closed = dataset_gate(spec(datasets={"licenses": ["MIT"], "choice": chosen}), found)
    assert (closed.open, closed.failed, closed.reason) == (False, True, "LicenseNotAllowed")
    assert "datasets.choice names a/b, and its license CC-BY-NC-4.0 is not in datasets.licenses (MIT)" in closed.message
    assert dataset_gate(spec(datasets={"licenses": ["CC-BY-NC-4.0"], "choice": chosen}), found).open
    assert dataset_gate(spec(datasets={"choice": chosen}), found).open
    told = student("a/b", "unknown").model_copy(update={"revision": "c" * 40})
    models = StageOutputs(student_candidates=[told, student("a/c", "unknown"), student("/models/mine", None)])
    assert student_gate(spec(student={"licenses": ["MIT"], "name": "a/b"}), models).reason == "LicenseNotAllowed"
    left = student_gate(spec(student={"licenses": ["MIT"], "name": "a/c"}), models)
    assert left.decision is not None and left.decision.student_license is None, "train asks the hub, which was away"
    assert student_gate(spec(student={"licenses": ["MIT"], "name": "/models/mine"}), models).open


def test_forbidden_datasets_are_shown_with_the_reason_and_give_way() -> None:
    found = [*(dataset(f"nc/{n}", "cc-by-nc-4.0") for n in range(9)), *(dataset(f"mit/{n}", "mit") for n in range(4))]
    assert licensed_datasets(fewer_datasets(found, None, 8), None) == found[:8]
    shown = licensed_datasets(fewer_datasets(found, ["MIT"], 8), ["MIT"])
    assert [c.name for c in shown] == [f"nc/{n}" for n in range(4)] + [f"mit/{n}" for n in range(4)]
    assert [c.recommended for c in shown] == [False] * 4 + [True] * 4
    assert shown[0].reason.startswith("Not used unasked: its license CC-BY-NC-4.0 is not in datasets.licenses (MIT).")
    assert len(fewer_datasets(found, ["MIT"], 12)) == 12, "where few are allowed, more of the others are shown"


@pytest.mark.parametrize("most", [1, 3, 5, 25])
def test_few_candidates_have_room_for_the_one_that_is_allowed(most: int) -> None:
    found = [
        dataset("mit/good", "mit"),
        *(dataset(f"nc/{n}", "cc-by-nc-4.0", recommended=False) for n in range(30)),
        *(dataset(f"mit/{n}", "mit", recommended=False) for n in range(30)),
    ]
    kept = licensed_datasets(fewer_datasets(found, ["MIT"], most), ["MIT"])
    assert len(kept) == most and (kept[0].name, kept[0].recommended) == ("mit/good", True)
    assert sum(c.license != "mit" for c in kept) == min(SHOWN, most // 2)
    behind = fewer_datasets([*found[1:], found[0]], ["MIT"], most)
    assert any(c.license == "mit" for c in behind)


def test_forbidden_students_stand_behind() -> None:
    found = [student("a", "other"), student("b", "mit"), student("c", None)]
    assert [c.name for c in fewer_students(found, ["MIT"], 2)] == ["b", "a"]
    (allowed,), forbidden = licensed_students(found, ["MIT"])
    assert (allowed.name, allowed.reason) == ("b", "It fits.")
    assert [c.name for c in forbidden] == ["a", "c"] and "its license is unknown" in forbidden[1].reason


def test_an_allowed_student_that_cannot_be_used_is_told_as_the_cause() -> None:
    broken = student("a/old", "mit").model_copy(update={"unusable": "a/old has no weights as safetensors."})
    only = StageOutputs(student_candidates=[broken, student("a/nc", "cc-by-nc-4.0")])
    closed = student_gate(spec(student={"licenses": ["MIT"]}), only)
    assert (closed.open, closed.failed, closed.reason) == (False, True, "NoStudent")
    assert "The best is a/old: a/old has no weights as safetensors." in closed.message
    assert "license" not in closed.message, "another license is not what is missing"
    taken = student_gate(spec(), only).decision
    assert taken is not None and taken.student == "a/nc"


def test_what_cannot_be_used_stays_before_what_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(name: str, revision: str | None) -> str:
        if "old" in name:
            raise failed("NoSafetensors", f"spec.student.name: {name} has no safetensors.", "Name another one.")
        return name

    monkeypatch.setattr(naming, "resolve", resolve)
    monkeypatch.setattr(naming, "check", lambda found, limits: None)
    found = [student(name, "mit").model_copy(update={"revision": "c" * 40}) for name in ("a/old", "a/good")]
    good, old = naming.usable_first(found, Named())
    assert (good.name, good.unusable) == ("a/good", None)
    assert (old.name, old.unusable) == ("a/old", "a/old has no safetensors.")


def test_enough_students_of_an_allowed_license_are_proposed() -> None:
    entries = [
        ModelEntry(
            name=f"m/{license_name}-{n}", description="Turns dates into ISO.", license=license_name, downloads=1000 - n,
            size_bytes=5, architecture=Architecture.ENCODER_DECODER, hand_written=False,
        )
        for license_name, count in (("unknown", 40), ("mit", 12))
        for n in range(count)
    ]  # fmt: skip
    index = MemoryIndex([entry.description for entry in entries])
    retriever = CatalogStudentRetriever(Entries(Kind.MODELS, entries), index)
    wanted = "dates", [Architecture.ENCODER_DECODER], 100
    free = retriever.retrieve(*wanted)
    assert [c.license for c in free] == ["unknown"] * MOST
    bound = retriever.retrieve(*wanted, licenses=["MIT"])
    assert [c.license for c in bound] == ["mit"] * 12 + ["unknown"] * 13


def test_a_license_is_the_catalogs_where_the_hub_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert license_of(Kind.DATASETS, "builtin:dates-in-words") == "apache-2.0"
    assert license_of(Kind.MODELS, EMBEDDED_STUDENT) == "apache-2.0"
    assert license_of(Kind.MODELS, "nobody/knows-it") == "unknown"
    assert known_license(Kind.MODELS, "nobody/knows-it", None, None) == "unknown"
    with pytest.raises(StageError) as caught:
        known_license(Kind.DATASETS, "nobody/knows-it", None, ["MIT"])
    assert (caught.value.failure.reason, caught.value.failure.state.value) == ("LicenseNotAllowed", "Blocked")


def test_a_named_student_of_another_license_stops_discover(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    candidate = named_student(Named(student=EMBEDDED_STUDENT), 2**40)
    taken = with_license(candidate, Kind.MODELS, ["Apache-2.0"], None)
    assert taken is not None and taken.license == "apache-2.0"
    with pytest.raises(StageError) as caught:
        with_license(candidate, Kind.MODELS, ["MIT"], None)
    assert "its license Apache-2.0 is not in student.licenses (MIT)" in caught.value.failure.message
    file = tmp_path / "x.yaml"
    file.write_text(
        "apiVersion: prompt2model.dev/v1alpha1\nkind: Prompt2Model\nmetadata: {name: x}\n"
        f'spec: {{prompt: p, student: {{name: "{EMBEDDED_STUDENT}", licenses: [MIT]}}}}\n'
    )
    with pytest.raises(SpecError, match=r"its license Apache-2\.0 is not in student\.licenses"):
        load_checked(file)
