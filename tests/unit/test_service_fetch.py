"""The init container of a service: the model comes whole and as it was measured, or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from prompt2model_stages.service.fetch import main
from prompt2model_stages.storage import sha256_of_tree

pytestmark = pytest.mark.unit


class Stored:
    """A model and golden requests in storage."""

    def __init__(self, root: Path) -> None:
        self.model, self.golden, self.target = (
            root / "train-1" / "model",
            root / "evaluate-1" / "golden.json",
            root / "to",
        )
        (self.model / "deep").mkdir(parents=True)
        (self.model / "model.safetensors").write_bytes(b"weights")
        (self.model / "deep" / "config.json").write_text("{}")
        self.golden.parent.mkdir()
        self.golden.write_text(json.dumps([{"input": "a", "output": "b"}]))
        self.sha256 = sha256_of_tree(self.model)

    def fetch(self, sha256: str = "") -> int:
        places = ["--model", f"file://{self.model}", "--golden", f"file://{self.golden}"]
        return main([*places, "--sha256", sha256 or self.sha256, "--to", str(self.target)])


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    return Stored(tmp_path)


def test_it_comes_whole(stored: Stored) -> None:
    assert stored.fetch() == 0
    assert sha256_of_tree(stored.target / "model") == stored.sha256
    assert (stored.target / "golden.json").read_bytes() == stored.golden.read_bytes()
    assert not (stored.target / "card.json").exists()


def test_what_is_said_of_the_task_comes_along(stored: Stored) -> None:
    (stored.golden.parent / "card.json").write_text('{"instruction": "Count."}')
    assert stored.fetch() == 0
    assert (stored.target / "card.json").read_text() == '{"instruction": "Count."}'


def test_a_second_time_mends_what_a_first_one_left(stored: Stored, caplog: pytest.LogCaptureFixture) -> None:
    (stored.target / "model").mkdir(parents=True)
    (stored.target / "model" / "model.safetensors").write_bytes(b"weig")
    (stored.target / "model" / "left.txt").write_text("of another model")
    assert stored.fetch() == 0
    assert sha256_of_tree(stored.target / "model") == stored.sha256
    caplog.set_level("INFO")
    assert stored.fetch() == 0
    assert "there already" in caplog.text


@pytest.mark.parametrize("what", ["another model", "no model", "no golden requests", "empty golden requests"])
def test_what_is_not_right_is_said(stored: Stored, caplog: pytest.LogCaptureFixture, what: str) -> None:
    if what == "no model":
        stored.model.rename(stored.model.with_name("gone"))
    elif what == "no golden requests":
        stored.golden.unlink()
    elif what == "empty golden requests":
        stored.golden.write_text("[]")
    assert stored.fetch("ab" * 32 if what == "another model" else "") == 1
    assert len(caplog.records) == 1 and "\n" not in caplog.text.strip()


def test_a_storage_that_does_not_answer_is_said(stored: Stored, caplog: pytest.LogCaptureFixture) -> None:
    where = ["--model", "nosuch://b/m", "--golden", "nosuch://b/g.json", "--sha256", "a", "--to", str(stored.target)]
    assert main(where) == 1
    assert "storage cannot be read" in caplog.text


def test_it_imports_no_machine_learning() -> None:
    heavy = "('torch', 'transformers', 'bentoml', 'ray', 'httpx')"
    code = f"import sys, prompt2model_stages.service.fetch; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
