"""train: the student learns the prepared examples, on Ray Train.

Reads prepare's splits and the gate's choice of a student. Writes model/, untrained.json (where the untrained student is
loaded from), training.json and metrics.jsonl. An attempt after a kill goes on from the newest checkpoint and loses at
most one interval; with training.json there nothing is trained again.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from prompt2model_api.results import StageOutputs
from prompt2model_api.stage_run import STARTING_RAY
from prompt2model_stages.attempt import StageContext
from prompt2model_stages.catalogs.entries import Kind
from prompt2model_stages.catalogs.licensing import known_license
from prompt2model_stages.cpus import named_threads
from prompt2model_stages.errors import StageError, failed, retrying
from prompt2model_stages.ray_session import ray_session
from prompt2model_stages.reporting import so_far
from prompt2model_stages.stage_files import PinnedStudent, TrainingSummary, UntrainedStudent
from prompt2model_stages.statistics_files import TrainingStatistics
from prompt2model_stages.storage import Folder, sha256_of_tree
from prompt2model_stages.student.resolving import ResolvedStudent, is_folder, resolve
from prompt2model_stages.train.budget import Kept, close
from prompt2model_stages.train.checkpoints import CHECKPOINTS
from prompt2model_stages.train.ending import GPU_FIELD, cause_of
from prompt2model_stages.train.model_folder import MODEL
from prompt2model_stages.train.rows import read_pairs

logger = logging.getLogger(__name__)

NOTES = "ray"
"""Where Ray Train keeps notes of its own; none of them is read again, but all workers must see the folder."""
KILLED = ("WorkerDied", "OutOfMemory")
"""Reasons of ends that the worker which keeps the mark in micro_batches.json may not have seen coming."""


def run(context: StageContext) -> StageOutputs:
    """One attempt of train.

    Raises: StageError UnknownStudent, StudentChanged, LicenseNotAllowed, NoTrainingData, OutOfMemory, WorkerDied, Diverged.
    """
    student = _student(context)
    license_name = _license(context)
    if TrainingSummary.read_if_whole(context.folder) is None:
        read_pairs(context.input("prepare"), "train")  # refused before Ray is started
        context.reporter.progress(*so_far(context.folder, "steps", 1), "steps", f"{STARTING_RAY} for {student.name}")
        _train_or_close(context, student)
    untrained = UntrainedStudent(
        name=student.name,
        revision=student.revision,
        path=student.path_or_repo if is_folder(student.name) else None,
        max_input_tokens=context.spec.training.max_input_tokens,
    )
    untrained.write(context.folder)
    with (context.folder / MODEL).as_local() as model:
        sha256 = sha256_of_tree(model)
    if (summary := TrainingSummary.read_if_whole(context.folder)) is None:
        raise retrying(
            "TrainingFailed", f"{TrainingSummary.NAME} cannot be read after the training.", "Check the storage's disk."
        )
    context.folder.remove(CHECKPOINTS)
    context.folder.remove(NOTES)
    return StageOutputs(
        model_sha256=sha256,
        steps=summary.steps,
        train_tokens_per_second=summary.tokens_per_second,
        notes=_notes(context.folder) or None,
        license=license_name,
    )


def _license(context: StageContext) -> str | None:
    """The license of the student; None where it is a folder. Raises: StageError LicenseNotAllowed, Blocked."""
    decision = context.job.stage_run.spec.decision
    if decision is None or decision.student is None or is_folder(decision.student):
        return None
    name, known, allowed = decision.student, decision.student_license, context.job.settings.licenses
    return known_license(Kind.MODELS, name, known, allowed, revision=decision.student_revision)


def _notes(folder: Folder) -> list[str]:
    """What a person should know of the rows, and of the memory."""
    kept, statistics = Kept.read(folder), TrainingStatistics.read_if_whole(folder)
    return [*(statistics.notes if statistics else []), *(kept.note() if kept else [])]


def _student(context: StageContext) -> ResolvedStudent:
    decision = context.job.stage_run.spec.decision
    if decision is None or decision.student is None:
        raise failed("NoStudent", "No student was chosen.", "Name one in spec.student.name.")
    pinned = decision.student_revision
    if pinned is None and (kept := PinnedStudent.read_if_whole(context.folder)) is not None:
        pinned = kept.revision
    student = resolve(decision.student, revision=pinned)
    if pinned is None:
        PinnedStudent(name=student.name, revision=student.revision).write(context.folder)
    elif pinned != student.revision:
        raise failed(
            "StudentChanged",
            f"The student {decision.student} is not the one that was chosen: its revision was {pinned[:12]} and is "
            f"{student.revision[:12]}.",
            "Put the old files back, or give the student another name.",
        )
    return student


def _train_or_close(context: StageContext, student: ResolvedStudent) -> None:
    """Trains; where that ends in order, the next attempt does not take this one for killed."""
    try:
        _train(context, student)
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        if not (isinstance(error, StageError) and error.failure.reason in KILLED):
            close(context.folder)
        raise


def _train(context: StageContext, student: ResolvedStudent) -> None:
    # Threads that spin while they wait cost more than they gain where other processes want the same cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    settings = context.job.settings
    notes = context.folder / NOTES
    gpus = settings.resources.gpu
    ranks = settings.workers * max(1, gpus)  # a process for each GPU, so that none of them is reserved for nothing
    if "RAY_ADDRESS" not in os.environ:  # elsewhere the workers have the GPUs, and check it themselves
        from prompt2model_stages.student.devices import check_gpu

        check_gpu(gpus, GPU_FIELD)  # Ray would wait for one for ever
    with ray_session(context, num_cpus=max(os.cpu_count() or 1, ranks)):
        from ray.exceptions import RayError
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchTrainer
        from ray.train.v2.api.exceptions import TrainingFailedError

        from prompt2model_stages.train.loop import TrainingJob
        from prompt2model_stages.train.ray_worker import train_worker

        job = TrainingJob(
            folder=context.folder.uri,
            prepared=context.input("prepare").uri,
            student=student.path_or_repo,
            revision=student.revision,
            training=context.spec.training,
            seed=context.spec.seed,
            checkpoint_every=settings.checkpoint_every,
            reporter=context.reporter,
            # A local Ray keeps the workers' words in files of its own; /proc leads to this process's standard error.
            log=None if os.environ.get("RAY_ADDRESS") else f"/proc/{os.getpid()}/fd/2",
        )
        trainer = TorchTrainer(
            train_worker,
            # Ray sets OMP_NUM_THREADS in its workers. A cluster's Ray is not where this process is, and has CPUs of its own.
            train_loop_config={
                "job": job,
                "gpus": gpus,
                "threads": None if "RAY_ADDRESS" in os.environ else named_threads(),
            },
            scaling_config=ScalingConfig(
                num_workers=ranks,
                use_gpu=gpus > 0,
                resources_per_worker={"CPU": 1, **({"GPU": 1} if gpus else {})},
            ),
            # Attempts are the operator's: a worker that died ends this one.
            run_config=RunConfig(
                storage_path=notes.path(""),
                storage_filesystem=_for_ray(notes),
                failure_config=FailureConfig(max_failures=0),
            ),
        )
        context.reporter.progress(*so_far(context.folder, "steps", 1), "steps", f"loading {student.name}")
        try:
            trainer.fit()
        except (
            TrainingFailedError,
            RayError,
        ) as error:  # the latter where Ray's memory monitor ended its own controller
            raise cause_of(error, gpus) from error


def _for_ray(notes: Folder) -> Any:
    """The file system of the notes as Ray takes one: the same library, credentials and endpoint as everywhere else."""
    from pyarrow.fs import FSSpecHandler, LocalFileSystem, PyFileSystem

    return LocalFileSystem() if notes.local is not None else PyFileSystem(FSSpecHandler(notes.filesystem))
