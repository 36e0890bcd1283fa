"""The registered model in an environment that has what its requirements name, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from prompt2model_api.stage_run import Stage
from prompt2model_stages.storage import sha256_of_tree
from prompt2model_stages.student import Student
from prompt2model_stages.tracking import Recorder
from prompt2model_stages.tracking.database import database_uri
from tests.tiny_students import tiny_llama
from tests.tracking_folder import TrackedFolder

pytestmark = pytest.mark.integration

FRESH = '''
import re, sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from packaging.requirements import Requirement

model, *texts = sys.argv[1:]

def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()

def needed(lines):
    """What an installer puts there: the requirements, and theirs."""
    found, waiting = set(), list(lines)
    while waiting:
        one = Requirement(waiting.pop())
        if (one.marker and not one.marker.evaluate({"extra": ""})) or normal(one.name) in found:
            continue
        found.add(normal(one.name))
        try:
            waiting += requires(one.name) or []
        except PackageNotFoundError:
            continue
    return found

there = needed(open(f"{model}/requirements.txt").read().split())
missing = {m for m, names in packages_distributions().items() if not there & {normal(name) for name in names}}

class Without:
    """A finder that does not see what would not be there."""

    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in missing else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

missing -= {"prompt2model_api", "prompt2model_stages"}  # found beside the model or nowhere
sys.path[:] = [path for path in sys.path if not path.endswith(("/crds", "/stages", "/operator"))]
sys.meta_path[:] = [Without(finder) for finder in sys.meta_path if "editable" not in repr(finder)]

import mlflow, pandas

answers = mlflow.pyfunc.load_model(model).predict(pandas.DataFrame({"text": texts}))["output"].tolist()
import prompt2model_stages

assert prompt2model_stages.__file__.startswith(model), prompt2model_stages.__file__
print(repr(answers))
'''


def test_it_answers_as_the_student_where_only_its_requirements_are(tmp_path: Path) -> None:
    import mlflow

    tracked = TrackedFolder(tmp_path / "runs")
    tracked.all()
    folder = tracked.stage_folder(Stage.TRAIN)
    assert folder.local is not None
    weights = folder.local / "model"
    (weights / "model.safetensors").unlink()
    Student.load(tiny_llama(tmp_path / "untrained"), max_output_tokens=8).save(weights)
    tracked.end(Stage.TRAIN, {"modelSha256": sha256_of_tree(weights), "steps": 60})
    uri = database_uri(tmp_path / "runs" / "mlflow.db")
    Recorder(tracked.folder, uri, str(tmp_path / "runs" / "mlartifacts")).sync()
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    path = tmp_path / "fetched"
    mlflow.artifacts.download_artifacts("models:/default.dates@candidate", dst_path=str(path))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", FRESH, str(path), "3 May 2021", "the day after"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    texts = ["Write the date.\n3 May 2021", "Write the date.\nthe day after"]
    assert done.stdout.strip().splitlines()[-1] == repr(list(Student.from_folder(weights).generate(texts)))
