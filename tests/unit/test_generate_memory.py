"""What is held of an example: hashes and places. The texts lie on the disk, also on their way out."""

from __future__ import annotations

import json
import random
import tempfile
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from prompt2model_stages.errors import disk_full
from prompt2model_stages.examples import Pair, VotedExample
from prompt2model_stages.generate.base import Order, Task
from prompt2model_stages.generate.candidates import Candidate, Candidates, hash_of
from prompt2model_stages.generate.collecting import Collection
from prompt2model_stages.generate.handing_on import ExamplesOnDisk
from prompt2model_stages.generate.labelling import Labeller
from prompt2model_stages.spool import Spool, place
from prompt2model_stages.storage import Folder
from prompt2model_stages.teacher import TeacherAnswer

pytestmark = pytest.mark.unit

TASK = Task("Say the number in words.")


def test_what_is_held_of_an_example_does_not_grow_with_its_texts() -> None:
    collection = Collection(TASK, 3000)
    texts = (json.dumps({"input": f"number {i} ".ljust(2000, "x"), "output": "y" * 500}) for i in range(3000))
    tracemalloc.start()
    try:
        for i, text in enumerate(texts):
            collection.take(TeacherAnswer((text,), f"{i:064x}"))
        examples = ExamplesOnDisk(map(Labeller(TASK, Order(3000)).example, collection.candidates))
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(examples) == 3000 and examples[2999].input.startswith("number 2999 ")
    assert held < 300 * 3000, "7.5 MB lie on the disk"


def test_candidates_come_back_with_all_that_was_said_of_them() -> None:
    candidates = Candidates()
    for i, text in enumerate(["a", "\ud800\u00e9"]):
        candidates.add(Pair(text, "1"), hash_of(text), hash_of(text), f"k{i}")
    candidates.vote(1, "2", "k1")
    candidates.vote(1, "1", "k9")
    last = candidates[-1]
    assert (last.input, last.outputs, last.requests) == ("\ud800\u00e9", ["1", "2", "1"], ["k1", "k9"])
    assert [one.outputs for one in candidates[:1]] == [["1"]]
    assert (candidates.votes(0), candidates.votes(1), candidates.find(hash_of("a")), candidates.find(b"")) == (
        1,
        3,
        0,
        None,
    )


def test_examples_on_the_disk_are_those_that_were_put_there() -> None:
    examples = [VotedExample(f"in {i}", "\ud800", ("a", "b"), i, i + 1) for i in range(5)]
    found = ExamplesOnDisk(examples)
    assert list(found) == examples and found[1:3] == examples[1:3] and found[-1] == examples[-1] and len(found) == 5


def test_a_spool_names_what_it_cannot_hold() -> None:
    spool = Spool()
    assert [spool.read(at) for at in [spool.add(b"a"), spool.add(b""), spool.add(b"bc")]] == [b"a", b"", b"bc"]
    with pytest.raises(OSError, match="ends before"):
        spool.read(place(1, 9))
    with pytest.raises(OverflowError):
        place(0, 1 << 28)


def test_a_disk_for_temporary_files_that_is_full_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool()
    with open("/dev/full", "wb", buffering=0) as full:
        monkeypatch.setattr(spool, "_file", full.fileno())
        with pytest.raises(OSError) as caught:
            spool.add(b"a")
    found = disk_full(caught.value)
    assert found is not None and found.failure.reason == "DiskFull" and tempfile.gettempdir() in found.failure.message


def test_a_file_that_is_streamed_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    for folder in (Folder(str(tmp_path / "sub")), Folder(f"memory://streamed-{tmp_path.name}")):
        with folder.writing("whole") as stream:
            stream.write(b"one ")
            stream.write(b"two")
        with pytest.raises(ZeroDivisionError), folder.writing("half") as stream:
            stream.write(b"one")
            raise ZeroDivisionError
        assert folder.names() == ["whole"] and folder.read_bytes("whole") == b"one two"


def test_inputs_are_not_read_again_and_again_to_say_how_far_it_is() -> None:
    class Counted(Candidates):
        reads = 0

        def __getitem__(self, at: int) -> Candidate:  # type: ignore[override]
            self.reads += 1
            return super().__getitem__(at)

    candidates = Counted()
    for i in range(50):
        candidates.add(Pair(f"{i}", "x"), hash_of(f"{i}"), hash_of(f"{i}"), "k")
    labeller = Labeller(TASK, Order(50, outputs_per_input=3))
    labeller.begin(candidates)
    missing = []
    while (label := labeller.next()) is not None:
        missing.append(labeller.missing)
        labeller.in_flight -= 1
        labeller.take(label, TeacherAnswer(("y",), f"{len(missing)}"))
    assert missing == [*range(100, 0, -1)] and labeller.done
    labeller.begin(candidates)
    assert labeller.missing == 0 and labeller.next() is None
    assert candidates.reads <= 4 * 50


def added(candidates: Candidates, i: int) -> None:
    candidates.add(Pair(f"{i}", "x"), hash_of(f"{i}"), hash_of(f"{i}"), "k")


def test_how_far_it_is_costs_the_same_however_many_candidates_there_are() -> None:
    class Counted(Candidates):
        looks = 0

        def votes(self, at: int) -> int:
            self.looks += 1
            return super().votes(at)

    candidates, labeller = Counted(), Labeller(TASK, Order(2000, outputs_per_input=3))
    labeller.begin(candidates)
    for i in range(2000):
        added(candidates, i)
        assert labeller.missing == 2 * (i + 1)
    assert candidates.looks <= 2 * 2000


@pytest.mark.parametrize("seed", range(5))
def test_what_is_missing_is_what_would_still_be_asked_for(seed: int) -> None:
    """Candidates come, get outputs of their own and are asked for, in any order, over two rounds on the same inputs."""
    rng = random.Random(seed)
    wanted = rng.randrange(1, 5)
    labeller = Labeller(TASK, Order(100, outputs_per_input=wanted))
    asked: Counter[str] = Counter()
    for _ in range(2):
        candidates = Candidates()
        labeller.begin(candidates)
        for _ in range(300):
            match rng.randrange(4):
                case 0:
                    added(candidates, len(candidates))
                case 1 if len(candidates):
                    candidates.vote(rng.randrange(len(candidates)), "y", "k")
                case 2 if (label := labeller.next()) is not None:
                    asked[label.text] += 1
                case 3 if labeller.in_flight:
                    labeller.in_flight -= 1
            left = (max(0, wanted - candidates.votes(at)) - asked[f"{at}"] for at in range(len(candidates)))
            assert labeller.missing == sum(max(0, one) for one in left) + labeller.in_flight
