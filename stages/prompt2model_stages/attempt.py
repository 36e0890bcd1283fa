"""One attempt: runs a stage, writes result.json last, turns every error into a failure.

A stage is a function of a StageContext that returns StageOutputs. It may be killed at any moment: what it wrote so far
lies in its folder, and the next attempt goes on from there.
"""

from __future__ import annotations

import hashlib
import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from prompt2model_api.conditions import Failure, FailureState
from prompt2model_api.prompt2model import Prompt2ModelSpec
from prompt2model_api.redaction import first_line
from prompt2model_api.results import StageOutputs, StageResult
from prompt2model_api.spec_view import spec_read_by
from prompt2model_api.stage_job import StageJob
from prompt2model_api.texts import cut, told
from prompt2model_stages.errors import StageError, disk_full
from prompt2model_stages.job_folders import input_folder, own_folder
from prompt2model_stages.reporting import FAILURE, Reporter, ResultFile
from prompt2model_stages.storage import Folder

logger = logging.getLogger(__name__)

EXIT_FAILURE = 3
"""The exit status after a failure that was reported."""


@dataclass
class StageContext:
    """What a stage works with. `spec` shows the fields that the stage reads; any other raises FieldNotReadError."""

    job: StageJob
    reporter: Reporter
    spec: Prompt2ModelSpec = field(init=False)
    starts: dict[str, float] = field(default_factory=dict)
    """Seconds that starts took (of Ray, say): not the stage's own work."""

    def __post_init__(self) -> None:
        self.spec = spec_read_by(self.job.stage_run.spec)

    @property
    def folder(self) -> Folder:
        """This stage run's folder."""
        return own_folder(self.job)

    def input(self, stage: str) -> Folder:
        """The folder of a stage run before this one. Raises: KeyError where the stage is not upstream."""
        return input_folder(self.job, stage)


def attempt(run: Callable[[StageContext], StageOutputs], job: StageJob, reporter: Reporter) -> int:
    """One attempt: a result that lies there already is reported and nothing is run."""
    try:
        if (done := read_result(own_folder(job))) is not None:
            # As this attempt's own: where the stage run was made anew, its attempts are counted from 1 again.
            reporter.result(done.model_copy(update={"attempt": job.attempt}))
            return 0
        own_folder(job).remove(FAILURE)
        context = StageContext(job=job, reporter=reporter)
        began = time.monotonic()
        outputs = run(context)
        reporter.result(_write_result(context, outputs, time.monotonic() - began))
        return 0
    except StageError as error:
        _report(reporter, error.failure)
    except OSError as error:
        logger.exception("the stage ended with an error of the operating system")
        _report(reporter, _of_system(error))
    except Exception as error:  # the last line of defence: a bug becomes a failure that a person can read
        logger.error("the stage crashed\n%s", traceback.format_exc())
        _report(reporter, _of_crash(error))
    return EXIT_FAILURE


def read_result(folder: Folder) -> StageResult | None:
    """The result in a stage run's folder, with the SHA-256 of the file; None where there is none yet, or it is damaged."""
    if (told := ResultFile.read_if_whole(folder)) is None:
        return None
    sha256 = hashlib.sha256(folder.read_bytes(ResultFile.NAME)).hexdigest()
    return StageResult(
        attempt=told.attempt, digest=told.digest, sha256=sha256, seconds=told.seconds, outputs=told.outputs
    )


def _write_result(context: StageContext, outputs: StageOutputs, seconds: float) -> StageResult:
    own = round(seconds - sum(context.starts.values()), 3)
    ResultFile(
        attempt=context.job.attempt,
        digest=context.job.stage_run.spec.digest,
        seconds=own,
        starts={name: round(seconds, 3) for name, seconds in context.starts.items()},
        outputs=outputs,
    ).write(context.folder)
    result = read_result(context.folder)
    assert result is not None
    return result


def _report(reporter: Reporter, failure: Failure) -> None:
    try:
        reporter.failure(failure)
    except OSError:
        logger.error("the failure could not be reported: %s: %s", failure.reason, told(failure.message, failure.remedy))


def _of_system(error: OSError) -> Failure:
    full = disk_full(error)
    return _of_crash(error) if full is None else full.failure


def _of_crash(error: Exception) -> Failure:
    return Failure(
        state=FailureState.RETRYING,
        reason="Crashed",
        message=cut(first_line(error)),
        remedy="The stage's log has the whole error.",
    )
