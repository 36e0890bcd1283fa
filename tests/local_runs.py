"""What tests of `p2m run` share: a small resource, the command as its user starts it, and what it left in its folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import yaml

from prompt2model_api.environment_names import P2M_RUN_FOLDER
from tests.tiny_students import tiny_llama

STAGES = ("discover", "generate", "prepare", "train", "evaluate")


def write(folder: Path, url: str, **spec: Any) -> Path:
    """A resource small enough for a test, all its parts real but the teacher's wits."""
    student = folder / "student"
    if not student.exists():
        tiny_llama(student)
    tree = {
        "instruction": "Write the number backwards.",
        "demonstrations": [{"input": "123", "output": "321"}, {"input": "90217", "output": "71209"}],
        "teacher": {"baseURL": url, "model": "fake", "limits": {"concurrency": 2}},
        "datasets": {"enabled": False},
        "student": {"name": str(student), "architectures": ["DecoderOnly"]},
        "generation": {"examples": 60},
        "training": {
            "epochs": 4,
            "earlyStoppingPatience": 0,
            "batchSize": 8,
            "checkpointEvery": 3,
            "maxInputTokens": 64,
            "maxOutputTokens": 8,
        },
        "evaluation": {"metrics": ["ExactMatch"], "maxRows": 8, "gate": {"metric": "ExactMatch", "atLeast": "0"}},
        "service": {"enabled": False},
        **spec,
    }
    file = folder / "backwards.yaml"
    resource = {"apiVersion": "prompt2model.dev/v1alpha1", "kind": "Prompt2Model", "metadata": {"name": "backwards"}}
    file.write_text(yaml.safe_dump({**resource, "spec": tree}))
    return file


def command(file: Path) -> list[str]:
    """The run of a file, its runs folder beside it."""
    runs = str(file.parent / "runs")
    return [sys.executable, "-m", "prompt2model_stages.cli.main", "run", str(file), "--runs", runs, "--exit"]


def run(file: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a file to its end."""
    environment = {**os.environ, **environment}
    return subprocess.run(command(file), env=environment, capture_output=True, text=True, timeout=2000, check=False)


def folder_of(file: Path) -> Path:
    """The run's folder."""
    return file.parent / "runs" / "default" / "backwards"


def results(file: Path) -> dict[str, dict[str, Any]]:
    """Each stage's result.json, by the stage run's folder."""
    return {path.parent.name: json.loads(path.read_text()) for path in folder_of(file).glob("*/result.json")}


def amounts(file: Path) -> dict[str, dict[str, Any]]:
    """How much each stage made, by the stage run's folder."""
    counted = ("examples", "rows", "steps", "goldenRequests")
    return {name: {key: tree["outputs"].get(key) for key in counted} for name, tree in results(file).items()}


def digests(file: Path) -> dict[str, str]:
    """The digest of each stage run, by its name."""
    runs = (json.loads(path.read_text()) for path in folder_of(file).glob("*/stage_run.json"))
    return {run["metadata"]["name"]: run["spec"]["digest"] for run in runs}


def phase(file: Path) -> str:
    """Where the resource stands."""
    return str(json.loads((folder_of(file) / "status.json").read_text())["phase"])


def journalled_keys(file: Path) -> list[str]:
    """The keys of all journalled answers."""
    found = []
    for segment in sorted((folder_of(file) / "teacher").glob("*.jsonl")):
        for line in segment.read_text().splitlines():
            try:
                tree = json.loads(line)
            except ValueError:
                continue
            found += [tree["key"]] if tree.get("type") == "answer" else []
    return found


def marked(file: Path) -> list[int]:
    """Living processes of the run."""
    folder, found = str(folder_of(file)), []
    for process in psutil.process_iter():
        try:
            if process.environ().get(P2M_RUN_FOLDER) == folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def working(file: Path, stage: str) -> bool:
    """Whether the stage has done a part of its work and has no result yet."""
    folder = folder_of(file)
    if stage == "train":
        return any(folder.glob("train-*/checkpoints/step-*"))
    if stage == "generate":
        return any(json.loads(p.read_text())["done"] > 5 for p in folder.glob("generate-*/progress.json"))
    return any(folder.glob(f"{stage}-*/log.txt"))


def wait_until_working(file: Path, stage: str, process: subprocess.Popen[Any], log: Path) -> None:
    """Waits until the running command is in the middle of a stage."""
    deadline = time.monotonic() + 1000
    while not working(file, stage):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, f"{stage} never worked"
        time.sleep(0.02)
