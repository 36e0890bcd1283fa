"""train: fine-tunes the student on prepare's splits with Ray Train, and saves it as safetensors.

Reads train.parquet, validation.parquet and preprocessing.json of prepare. Writes model/ (weights, tokenizer, student.json,
preprocessing.json) and untrained.json, which says where the untrained student is loaded from. Checkpoints lie in
checkpoints/ until the model is saved; a killed attempt loses the steps since the last one.
"""

from __future__ import annotations

import os

from prompt2model_api.results import StageOutputs
from prompt2model_stages.errors import StageError, blocked, failed, retrying
from prompt2model_stages.preprocessing import Preprocessing
from prompt2model_stages.ray_session import ray_session
from prompt2model_stages.stage_process import StageContext
from prompt2model_stages.storage import sha256_of_tree
from prompt2model_stages.student import ResolvedStudent, embedded, resolve
from prompt2model_stages.train.checkpoints import Checkpoints

SUMMARY = "training.json"  # as in train.loop, which brings torch


def run(context: StageContext) -> StageOutputs:
    """One attempt of train.

    Raises: StageError UnknownStudent (Failed), HubUnreachable (Blocked), OutOfMemory (Retrying).
    """
    decision = context.job.stage_run.spec.decision
    if decision is None or decision.student is None:
        raise failed("NoStudent", "No student is chosen.", "Set student.name.")
    context.reporter.progress(0, 0, "steps", "the student is loaded")
    student = resolve(decision.student, revision=decision.student_revision)
    if decision.student.startswith(embedded.PREFIX):
        embedded.unpacked()  # once, before the workers ask for it together
    if not context.folder.exists(SUMMARY):
        with ray_session(context):
            _fit(context, student)
    _complete(context, student)
    Checkpoints(context.folder).remove()
    summary = context.folder.read_json(SUMMARY)
    with (context.folder / "model").as_local() as model:
        sha256 = sha256_of_tree(model)
    return StageOutputs(
        model_sha256=sha256, steps=int(summary["steps"]), train_tokens_per_second=round(summary["tokens_per_second"], 1)
    )


def _fit(context: StageContext, student: ResolvedStudent) -> None:
    """Runs the workers to the end. Attempts are the caller's: a worker that dies ends this one."""
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    from prompt2model_stages.train.loop import train_worker

    settings, gpus = context.job.settings, context.job.settings.resources.gpu
    threads = max(1, (os.cpu_count() or 1) // settings.workers)
    config = {
        "job": context.job.model_dump_json(by_alias=True, exclude_none=True),
        "student": student.path_or_repo,
        "revision": student.revision,
        "threads": threads,
    }
    os.environ.setdefault("RAY_TRAIN_ENABLE_CONTROLLER_STRUCTURED_LOGGING", "0")
    trainer = TorchTrainer(
        train_worker,
        train_loop_config=config,
        scaling_config=ScalingConfig(
            num_workers=settings.workers, use_gpu=gpus > 0, resources_per_worker=_resources(gpus)
        ),
        run_config=RunConfig(
            name=context.job.stage_run.metadata.name,
            storage_path=_storage(context),
            failure_config=FailureConfig(max_failures=0),
        ),
    )
    try:
        trainer.fit()
    except Exception as error:  # Ray wraps whatever a worker raised in classes of its own
        raise _of_worker(error) from error


def _resources(gpus: int) -> dict[str, float]:
    """Small on purpose: on one machine Ray only places the workers, torch's threads do the work."""
    return {"CPU": 0.5, **({"GPU": float(gpus)} if gpus else {})}


def _storage(context: StageContext) -> str:
    local = context.folder.local
    return str(local / "ray") if local is not None else f"{context.folder.uri}/ray"


def _complete(context: StageContext, student: ResolvedStudent) -> None:
    """What the service and evaluate need beside the weights."""
    Preprocessing.load(context.job.input("prepare")).save(context.folder / "model")
    untrained = {"name": student.name, "revision": student.revision, "path": student.path_or_repo}
    context.folder.write_json("untrained.json", untrained)
    context.folder.remove("ray")


def _of_worker(error: Exception) -> StageError:
    """The root cause that a worker's end tells."""
    chain: BaseException | None = error
    text = str(error)
    while chain is not None:
        if isinstance(chain, StageError):
            return chain
        text, chain = str(chain) or text, chain.__cause__
    if "out of memory" in text.lower() or "OutOfMemory" in text:
        remedy = "Lower training.batchSize or training.maxInputTokens, or choose a smaller student."
        return retrying("OutOfMemory", f"A training worker ran out of memory: {_last(text)}", remedy)
    if "No space left" in text:
        remedy = "Free some space; the run goes on from the last checkpoint."
        return blocked("DiskFull", "No space left on the disk while training.", remedy)
    return retrying("WorkerFailed", f"A training worker failed: {_last(text)}", "The stage's log has the whole error.")


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:400] if lines else "it said nothing"
