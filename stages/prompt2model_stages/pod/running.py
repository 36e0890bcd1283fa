"""One attempt in a pod: around the stage its log, its report to the API server, its recorder, and its end.

Beside its own files the stage leaves in storage what the recorder reads, as a local run does: resource.yaml as the
resource is now, stage_run.json with its status as it is known here.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime

import yaml

from prompt2model_api.conditions import Failure
from prompt2model_api.environment_names import P2M_STAGE_RUN
from prompt2model_api.pages import pages_address
from prompt2model_api.redaction import first_line
from prompt2model_api.results import StageOutputs
from prompt2model_api.stage_job import StageJob
from prompt2model_api.stage_run import StageRunPhase
from prompt2model_stages.attempt import EXIT_FAILURE, StageContext, attempt
from prompt2model_stages.cpus import limit_threads
from prompt2model_stages.errors import StageError, blocked
from prompt2model_stages.job_folders import own_folder, resource_folder
from prompt2model_stages.pod.api_server import StageRunStatusClient
from prompt2model_stages.pod.log import KeptLog
from prompt2model_stages.pod.reporting import ClusterReporter
from prompt2model_stages.pod.termination import Termination
from prompt2model_stages.reporting import FileReporter
from prompt2model_stages.storage import Folder
from prompt2model_stages.tracking.folders import RESOURCE, STAGE_RUN
from prompt2model_stages.tracking.marks import run_url
from prompt2model_stages.tracking.process import RecorderProcess

logger = logging.getLogger(__name__)

STARTED_AT = datetime.now(UTC)
"""Of this attempt, where the job does not tell."""
RECORD_S = 60.0
"""How long the last record may take; what is missing then is recorded another time."""


def run_in_pod(run: Callable[[StageContext], StageOutputs], job: StageJob) -> int:
    """Runs the attempt; returns the container's exit status.

    0 after a result, EXIT_FAILURE after a reported failure, EXIT_UNWANTED where the StageRun is gone or names another
    attempt, EXIT_TERMINATED after SIGTERM.
    """
    limit_threads()
    folder = _folder(job)
    log = KeptLog(folder, job.attempt)
    termination = Termination(log.close)
    termination.install()
    log.start()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    for library in ("httpx", "aiobotocore", "botocore"):  # a line for each heartbeat, or for each object
        logging.getLogger(library).setLevel(logging.WARNING)
    try:
        return _attempt(run, job, FileReporter(folder, job.attempt), termination)
    except SystemExit as end:
        logger.warning("told to end: what is paid for and trained so far is kept")
        return int(str(end.code))
    finally:
        log.close()


def _folder(job: StageJob) -> Folder:
    """The stage run's folder; one of no use where its URI is none, so that this can be reported like everything else."""
    try:
        return own_folder(job)
    except Exception as error:  # a scheme that nobody knows, or whose library is not installed
        logger.warning("no storage: %s", error)
        return Folder(tempfile.mkdtemp(prefix="p2m-"))


def _attempt(
    run: Callable[[StageContext], StageOutputs], job: StageJob, files: FileReporter, termination: Termination
) -> int:
    named = os.environ.get(P2M_STAGE_RUN)
    if named is None:
        return attempt(run, job, files)
    namespace, _, name = named.partition("/")
    client = StageRunStatusClient(namespace, name)
    uid = job.stage_run.metadata.uid
    with ClusterReporter(files, client, termination.unwanted, uid, run_url=lambda: _run_url(job)) as reporter:
        try:
            _note(job, StageRunPhase.RUNNING)
        except Exception as error:  # each storage's library has errors of its own
            reporter.failure(_of_storage(job, error).failure)
            return EXIT_FAILURE
        return _recorded(run, job, reporter)


def _recorded(run: Callable[[StageContext], StageOutputs], job: StageJob, reporter: ClusterReporter) -> int:
    if job.settings.tracking_uri is None:
        return attempt(run, job, reporter)
    recorder = RecorderProcess(resource_folder(job).uri, job.settings.tracking_uri, stage_folder=job.folder_name)
    recorder.start()
    try:
        status = attempt(run, job, reporter)
        _note_end(job, reporter.failed)
        if not recorder.finish(RECORD_S):
            logger.warning("MLflow has not all of it yet: the rest is recorded another time")
        reporter.recorded()
        return status
    finally:
        recorder.stop()


def _run_url(job: StageJob) -> str | None:
    """The stage run's page in MLflow; None where it is not recorded yet, or no browser opens it."""
    settings = job.settings
    pages = pages_address(settings.tracking_uri, settings.tracking_public_url) if settings.tracking_uri else None
    if pages is None:
        return None
    try:
        return run_url(resource_folder(job), job.folder_name, pages)
    except Exception as error:  # only the way to the record is missing; each storage's library has errors of its own
        logger.warning("the run's URL cannot be read: %s", error)
        return None


def _note(job: StageJob, phase: StageRunPhase, failure: Failure | None = None) -> None:
    """Writes what the recorder reads of this attempt; of several attempts and resources the last word counts."""
    if job.resource is not None:
        resource = job.resource.model_copy(update={"status": None})
        text = yaml.safe_dump(resource.dump(), sort_keys=False, allow_unicode=True)
        resource_folder(job).write_bytes(RESOURCE, text.encode())
    known = {"phase": phase, "attempt": job.attempt, "failure": failure}
    theirs = {"progress": None, "result": None, "reported_failure": None, "run_url": None}
    started = job.stage_run.status.started_at or STARTED_AT
    status = job.stage_run.status.model_copy(update={**known, **theirs, "started_at": started})
    own_folder(job).write_json(STAGE_RUN, job.stage_run.model_copy(update={"status": status}).dump())


def _note_end(job: StageJob, failure: Failure | None) -> None:
    phase = StageRunPhase.SUCCEEDED if failure is None else StageRunPhase(failure.state.value)
    try:
        _note(job, phase, failure)
    except Exception as error:  # the result, or the failure, is reported; only the record lacks this
        logger.warning("the end of the attempt could not be noted for the record: %s", error)


def _of_storage(job: StageJob, error: Exception) -> StageError:
    """Storage that cannot be written is fixable outside, whatever it is: a claim, credentials, a bucket."""
    logger.error("the storage cannot be written", exc_info=error)
    return blocked(
        "StorageUnavailable",
        f"{job.stage_run.spec.storage} cannot be written: {first_line(error)}",
        "Check that the claim is bound, has space and is writable for the pod's user; or the bucket, its endpoint and the "
        "Secret named in spec.storage.secret.",
    )
