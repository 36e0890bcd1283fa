"""The student in MLflow's registry: logged once for a train stage run, one version of the resource's model for a digest."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompt2model_stages.preprocessing import Preprocessing
from prompt2model_stages.splits import TRAIN, VALIDATION, read_split
from prompt2model_stages.storage import Folder
from prompt2model_stages.tracking.folders import StageFolder, read_stage_folder

if TYPE_CHECKING:
    from mlflow import MlflowClient

DIGEST_TAG = "p2m.digest"
SHA256_TAG = "p2m.model_sha256"
LIBRARIES = ("mlflow", "pandas", "torch", "transformers", "safetensors", "fsspec", "pydantic", "PyYAML")
"""What loading and predicting imports; a test keeps it so."""
PACKAGES = ("prompt2model_api", "prompt2model_stages")
"""Ours, of which no package index has a release: they travel with the model."""
EXAMPLE_LIMIT = 5


def log_and_register(client: MlflowClient, experiment_id: str, run_id: str, name: str, stage: StageFolder) -> None:
    """Logs the trained model to its run and registers it, with the alias `candidate`; what is done is not done again."""
    digest = stage.run.spec.digest
    if find_version(client, name, digest) is None:
        model_id = _logged(client, experiment_id, run_id) or _log(client, experiment_id, run_id, stage)
        _register(client, name, run_id, model_id, {DIGEST_TAG: digest, **_tags(stage)})
    give_alias(client, name, digest, "candidate")


def find_version(client: MlflowClient, name: str, digest: str) -> str | None:
    """The registered version that the train stage run with this digest made."""
    versions = client.search_model_versions(f"name = '{name}'")
    return next((str(v.version) for v in versions if v.tags.get(DIGEST_TAG) == digest), None)


def give_alias(client: MlflowClient, name: str, digest: str, alias: str) -> None:
    """Gives the alias to that version; nothing happens where it has it, or where there is no such version yet."""
    version = find_version(client, name, digest)
    if version is None:
        return
    aliases = client.get_registered_model(name).aliases
    if str(aliases.get(alias, "")) != version:
        client.set_registered_model_alias(name, alias, version)


def _logged(client: MlflowClient, experiment_id: str, run_id: str) -> str | None:
    """A model that a killed recorder logged whole, but did not register."""
    found = client.search_logged_models([experiment_id], filter_string=f"source_run_id = '{run_id}'")
    return next((str(model.model_id) for model in found if str(model.status).endswith("READY")), None)


def _log(client: MlflowClient, experiment_id: str, run_id: str, stage: StageFolder) -> str:
    """Writes the model to the artifacts.

    mlflow.pyfunc.log_model would do it in one call, but loads and runs the model to try its input example: seconds and
    gigabytes, beside a training that needs both.
    """
    import mlflow
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    tags = {DIGEST_TAG: stage.run.spec.digest, **_tags(stage)}
    model_id = str(client.create_logged_model(experiment_id, "student", run_id, tags=tags).model_id)
    with (stage.folder / "model").as_local() as weights, tempfile.TemporaryDirectory() as scratch:
        path = f"{scratch}/model"
        _save(mlflow.models.Model(run_id=run_id, model_id=model_id), path, weights, stage)
        client.log_model_artifacts(model_id, path)
    client.finalize_logged_model(model_id, LoggedModelStatus.READY)
    client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])
    return model_id


def _save(model: Any, path: str, weights: Path, stage: StageFolder) -> None:
    import mlflow
    import pandas
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    warnings.filterwarnings("ignore", message=".*Add type hints to the `predict` method")  # see model.py
    mlflow.pyfunc.save_model(
        path,
        mlflow_model=model,
        python_model=str(Path(__file__).with_name("model.py")),
        artifacts={"model": weights.absolute().as_uri()},  # a path with ? or % in it would be read as an address
        code_paths=[_folder_of(package) for package in PACKAGES],
        signature=ModelSignature(Schema([ColSpec("string", "text")]), Schema([ColSpec("string", "output")])),
        input_example=pandas.DataFrame({"text": _examples(stage)}),
        pip_requirements=_requirements(),
        metadata={"digest": stage.run.spec.digest, "sha256": stage.outputs.get("modelSha256", "")},
    )


def _register(client: MlflowClient, name: str, run_id: str, model_id: str, tags: Mapping[str, str]) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name, description="A student that prompt2model trained for one prompt.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    client.create_model_version(name, f"models:/{model_id}", run_id=run_id, tags=dict(tags), model_id=model_id)


def _tags(stage: StageFolder) -> dict[str, str]:
    """What a version says of itself: its files' hash, and what it was made of, with the licenses."""
    found = {SHA256_TAG: str(stage.outputs.get("modelSha256", ""))}
    prepared = _prepared(stage)
    for kind, one in (("student", stage), ("dataset", prepared)):
        decision = one.run.spec.decision if one is not None else None
        if one is None or decision is None:
            continue
        name = decision.student if kind == "student" else decision.dataset.name if decision.dataset else None
        if name is not None:
            found[f"p2m.{kind}"] = name
            found[f"p2m.{kind}_license"] = str(one.outputs.get("license", "unknown"))
    return found


def _prepared(stage: StageFolder) -> StageFolder | None:
    """The prepare stage run that the student was trained on."""
    name = stage.run.spec.inputs.get("prepare")
    if name is None:
        return None
    return read_stage_folder(Folder(f"{stage.folder.uri.rsplit('/', 1)[0]}/{name}"), name)


def _examples(stage: StageFolder) -> list[str]:
    """A few raw inputs of the validation split; the instruction alone where there is none."""
    prepare = stage.run.spec.inputs.get("prepare")
    if prepare is not None:
        prepared = Folder(f"{stage.folder.uri.rsplit('/', 1)[0]}/{prepare}")
        if rows := read_split(prepared, VALIDATION) or read_split(prepared, TRAIN):
            return [row.input for row in rows[:EXAMPLE_LIMIT]]
    return [Preprocessing.load(stage.folder / "model").instruction]


def _folder_of(package: str) -> str:
    found = importlib.util.find_spec(package)
    assert found is not None and found.submodule_search_locations
    return str(Path(found.submodule_search_locations[0]))


def _requirements() -> list[str]:
    """Named here: MLflow would load and run the model to find them out."""
    found = []
    for library in LIBRARIES:
        # A stage in a cluster has MLflow's client alone, which is of the same version.
        version = importlib.metadata.version("mlflow-skinny" if library == "mlflow" else library)
        found.append(f"{library}=={re.sub(r'[+].*', '', version)}")  # 2.13.0+cpu is not on the package index
    return found
