"""Parts that a package brings: found by their entry points, held to versions, refused with a sentence."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from prompt2model_api.base import Metadata
from prompt2model_api.graph import digest
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.spec.parts import Parts
from prompt2model_api.stage_job import StageJob
from prompt2model_api.stage_run import Stage, StageRun, StageRunSpec
from prompt2model_stages.attempt import StageContext
from prompt2model_stages.errors import StageError
from prompt2model_stages.generate import actor
from prompt2model_stages.generate.base import DatasetGenerator, Task
from prompt2model_stages.generate.stage import order_of, write
from prompt2model_stages.job_folders import own_folder
from prompt2model_stages.parts import GROUP, NamedPart, named_part, used, with_versions
from prompt2model_stages.reporting import FileReporter

pytestmark = pytest.mark.unit


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with the metadata of a package that brings two lists, a broken part and a parser."""
    metadata = tmp_path / "shelves-2.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: shelves\nVersion: 2.1\n")
    lines = ["datasets.shelf = builtins:list", "datasets.away = shelves_away:Retriever", "parser.shelf = builtins:dict"]
    (metadata / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]))
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_part_is_found_by_its_kind_and_name_and_says_its_version(packages: Path) -> None:
    part = named_part("datasets", Parts(datasets="shelf"), list)
    assert part is not None and part.pinned == "shelf==2.1"
    assert used([part]) is None, "nothing has called it yet"
    assert part("ab") == ["a", "b"], "it is called with what the stage gives it"
    assert named_part("students", Parts(datasets="shelf"), list) is None
    assert named_part("datasets", None, list) is None
    assert used([part, None]) == {"datasets": "shelf==2.1"} and used([None]) is None
    assert with_versions(Parts(datasets="shelf", parser="shelf")) == Parts(datasets="shelf==2.1", parser="shelf==2.1")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("shelv", "no installed package brings shelv; installed are: away==2.1, shelf==2.1. Did you mean shelf?"),
        ("shelf==2.0", "shelf is installed in version 2.1, not 2.0; installed are"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(packages: Path, written: str, told: str) -> None:
    with pytest.raises(StageError) as caught:
        named_part("datasets", Parts(datasets=written), list)
    assert caught.value.failure.reason == "PartMissing"
    assert f"spec.parts.datasets: {told}" in caught.value.failure.message


def test_of_two_packages_with_the_same_name_none_is_taken_silently(packages: Path) -> None:
    other = packages / "racks-3.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: racks\nVersion: 3.0\n")
    (other / "entry_points.txt").write_text(f"[{GROUP}]\ndatasets.shelf = builtins:tuple")
    with pytest.raises(StageError) as caught:
        named_part("datasets", Parts(datasets="shelf"), list)
    assert caught.value.failure.reason == "PartUnusable"
    assert "several installed packages bring shelf: racks 3.0, shelves 2.1." in caught.value.failure.message
    for version, made in (("2.1", list), ("3.0", tuple)):
        part = named_part("datasets", Parts(datasets=f"shelf=={version}"), made)
        assert part is not None and part.pinned == f"shelf=={version}" and part() == made()
    with pytest.raises(StageError, match=r"shelf is installed in version 3\.0 and 2\.1, not 1"):
        named_part("datasets", Parts(datasets="shelf==1"), list)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"instruction": "p", "parts": {"parser": "a"}}, "parts.parser is never used, because instruction is written"),
        (
            {"prompt": "p", "datasets": {"enabled": False}, "parts": {"datasets": "a"}},
            "parts.datasets is never used, because datasets.enabled is false",
        ),
        (
            {"prompt": "p", "generation": {"enabled": False}, "parts": {"generator": "a"}},
            "parts.generator is never used, because generation.enabled is false",
        ),
    ],
)
def test_a_part_that_no_stage_would_call_is_refused(spec: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Prompt2ModelSpec.model_validate(spec)


def test_what_cannot_be_made_is_told(packages: Path) -> None:
    for written, base, told in (
        ("away", list, "No module named 'shelves_away'"),
        ("shelf", dict, "it makes a list, which is no dict"),
    ):
        part = named_part("datasets", Parts(datasets=written), base)
        assert part is not None
        with pytest.raises(StageError) as caught:
            part()
        assert caught.value.failure.reason == "PartUnusable"
        assert "of the package shelves cannot be used" in caught.value.failure.message
        assert told in caught.value.failure.message
    assert "shelves_away" not in sys.modules


WRITER = """
from prompt2model_stages.examples import VotedExample
from prompt2model_stages.generate.base import Counts, DatasetGenerator, Generated


class Fixed(DatasetGenerator):
    def __init__(self, task, order, teacher):
        self.task, self.order, self.teacher = task, order, teacher

    async def generate(self, progress):
        written = VotedExample(input=self.task.instruction, output=self.order.group, votes=1, of=1, requests=[self.teacher])
        return Generated((written,), Counts(), ())
"""


def job_part(job: StageJob) -> NamedPart | None:
    return named_part("generator", Parts(generator=job.stage_run.spec.parameters["parts.generator"]), DatasetGenerator)


def test_a_generator_writes_in_place_of_the_built_in_one(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (packages / "shelves_writer.py").write_text(WRITER)
    (packages / "shelves-2.1.dist-info/entry_points.txt").write_text(
        f"[{GROUP}]\ngenerator.fixed = shelves_writer:Fixed\n"
    )

    @asynccontextmanager
    async def opened(job: StageJob, stage: str, grace_s: float, **more: object) -> AsyncIterator[str]:
        yield "the teacher"

    monkeypatch.setattr(actor, "open_teacher", opened)
    spec = StageRunSpec(
        resource="x", stage=Stage.GENERATE, digest="a" * 64, storage=str(packages), parameters={"parts.generator": "fixed"}
    )  # fmt: skip
    job = StageJob(stage_run=StageRun(metadata=Metadata(name="x"), spec=spec), attempt=1)
    task = Task("Count.")
    context, part = StageContext(job=job, reporter=FileReporter(own_folder(job), 1)), job_part(job)
    order = order_of(context, task, part)
    assert order.group != task.group("embedded"), "what another generator wrote is not taken for its own"
    metadata = packages / "shelves-2.1.dist-info/METADATA"
    metadata.write_text("Metadata-Version: 2.1\nName: shelves\nVersion: 2.2\n")
    assert order_of(context, task, job_part(job)).group != order.group, "nor what another version of it wrote"
    generated = actor.generate_here(job, task, order, lambda progress: None)
    (written,) = generated.examples
    assert (written.input, written.output, list(written.requests)) == ("Count.", order.group, ["the teacher"])
    assert generated.part == "fixed==2.2", "what wrote it, where it was called"
    assert write(context, generated).parts == {"generator": "fixed==2.2"}


def test_name_and_version_are_in_the_digest_of_the_stage_that_has_the_part() -> None:
    upstream = {Stage.DISCOVER: "a"}

    def both(**parts: str) -> tuple[str, str]:
        spec = Prompt2ModelSpec.model_validate({"prompt": "p", **({"parts": parts} if parts else {})})
        return digest(spec, Stage.DISCOVER, {}), digest(spec, Stage.GENERATE, upstream)

    plain, one, two = both(), both(datasets="shelf==2.0"), both(datasets="shelf==2.1")
    assert len({plain[0], one[0], two[0]}) == 3 and plain[1] == one[1] == two[1]
    writer = both(generator="shelf==2.0")
    assert writer[0] == plain[0] and writer[1] != plain[1]
