"""Training where memory is short: a process that is killed in the middle of a step, and two workers with several parts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from prompt2model_api.spec.training import Training
from prompt2model_stages.preprocessing import Preprocessing
from prompt2model_stages.storage import Folder
from prompt2model_stages.train.budget import BUDGET, TOKENS_CPU
from tests import training_worker
from tests.word_students import WORDS, tiny_llama

pytestmark = pytest.mark.integration

ROWS = 24
TRAINING = Training(epochs=2, batch_size=8, max_input_tokens=64, max_output_tokens=8, learning_rate=1e-3)


def prepare(root: Path) -> None:
    preprocessing = Preprocessing("copy")
    (root / "prepare").mkdir()
    preprocessing.save(Folder(str(root / "prepare")))
    tiny_llama(root / "student")
    for split, rows in {"train": ROWS, "validation": 4}.items():
        inputs = [" ".join(WORDS[(row + word) % 16] for word in range(1 + row % 7)) for row in range(rows)]
        texts = [preprocessing.text(text) for text in inputs]
        table = {"input": inputs, "text": texts, "output": [text.split()[-1] for text in inputs]}
        pq.write_table(pa.table(table), root / "prepare" / f"{split}.parquet")


def start(root: Path, *arguments: object, folder: str = "train") -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "HF_HUB_OFFLINE": "1"}
    command = [
        sys.executable,
        "-m",
        training_worker.__name__,
        str(root),
        folder,
        TRAINING.model_dump_json(by_alias=True),
    ]
    return subprocess.Popen(
        [*command, *map(str, arguments)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    log, _ = process.communicate(timeout=300)
    return process.returncode, log


def weights(root: Path, folder: str) -> dict[str, torch.Tensor]:
    return load_file(root / folder / "model" / "model.safetensors")


def test_a_process_that_is_killed_in_mid_step_goes_on_with_half_until_the_parts_fit(tmp_path: Path) -> None:
    """The kernel's part is played by the process itself: SIGKILL in the forward pass of more rows than have room."""
    prepare(tmp_path)
    status, log = finish(start(tmp_path, "train", 8, folder="whole"))
    assert status == 0, log
    sizes = []
    for _ in range(4):
        status, log = finish(start(tmp_path, "train", 3))
        sizes.append(Folder(str(tmp_path / "train")).read_json(BUDGET)["tokens"])
        if status == 0:
            break
        assert status == -signal.SIGKILL, log
    assert status == 0 and len(sizes) == 3, log
    assert sizes[0] == TOKENS_CPU and sizes[2] <= sizes[1] / 2 <= TOKENS_CPU / 4
    assert f"at most {sizes[2]} padded tokens at once from here on, half as many as before" in log
    assert Folder(str(tmp_path / "train")).read_json(BUDGET)["mark"] is None
    expected, found = weights(tmp_path, "whole"), weights(tmp_path, "train")
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-3, atol=1e-4)


def test_a_process_that_is_killed_with_room_to_spare_ends_with_the_very_same_weights(tmp_path: Path) -> None:
    prepare(tmp_path)
    assert finish(start(tmp_path, "train", 8, folder="whole"))[0] == 0
    status, log = finish(start(tmp_path, "train", 8, 5))
    assert status == -signal.SIGKILL, log
    status, log = finish(start(tmp_path, "train", 8))
    assert status == 0 and "killed, and not for its memory" in log, log
    assert "going on from the checkpoint of step 4 of 6" in log
    expected, found = weights(tmp_path, "whole"), weights(tmp_path, "train")
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_two_workers_with_several_parts_have_the_gradients_of_one(tmp_path: Path) -> None:
    """Each computes several parts, of rank 0's budget."""
    prepare(tmp_path)
    Folder(str(tmp_path / "train")).write_json(BUDGET, {"tokens": 60, "limit": 2**50})
    one = start(tmp_path, "gradients", 0, 1, folder="alone")
    assert finish(one)[0] == 0
    two = [start(tmp_path, "gradients", rank, 2) for rank in (0, 1)]
    for process in two:
        status, log = finish(process)
        assert status == 0, log
    expected = load_file(tmp_path / "alone" / "gradients-0.safetensors")
    assert (int(expected.pop("parts")), int(expected.pop("tokens"))) == (1, TOKENS_CPU)
    parts = []
    for rank in (0, 1):
        found = load_file(tmp_path / "train" / f"gradients-{rank}.safetensors")
        parts.append(int(found.pop("parts")))
        assert int(found.pop("tokens")) == 60
        for name in found:
            torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-6)
    assert min(parts) > 1
