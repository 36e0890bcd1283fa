"""The process of a stage: reads the job from a file or from a pod's environment, and runs one attempt."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from prompt2model_api.redaction import mask_streams
from prompt2model_api.results import StageOutputs
from prompt2model_api.stage_job import StageJob
from prompt2model_stages.attempt import StageContext, attempt
from prompt2model_stages.job_folders import own_folder
from prompt2model_stages.reporting import FileReporter

STAND_BY = "-"
LOG = "log.txt"


def main(run: Callable[[StageContext], StageOutputs], warm: Sequence[str] = (), *, streams: bool = False) -> None:
    """Runs a stage for the job file named on the command line; the exit status is 0 or EXIT_FAILURE.

    Without one the job is in the environment, as in a pod: see pod/running.py.
    With STAND_BY in its place the process imports `warm`, the modules that the stage takes long to import, and waits
    for a line on its standard input that names the job file; at the input's end it ends with status 0.
    streams: the stage may stream a dataset of the hub, see `leave`.
    """
    mask_streams()
    if len(sys.argv) < 2:
        from prompt2model_stages.pod.running import (
            run_in_pod,  # of the cluster's alone: a local run starts faster without
        )

        status = run_in_pod(run, StageJob.from_environment(os.environ))
        leave(status) if streams else sys.exit(status)
    file = _stand_by(warm) if sys.argv[1] == STAND_BY else Path(sys.argv[1])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    job = StageJob.read(file)
    status = attempt(run, job, FileReporter(own_folder(job), job.attempt))
    leave(status) if streams else sys.exit(status)


def leave(status: int) -> NoReturn:
    """Ends the process, without what Python does at its end.

    Streaming a dataset leaves threads of Arrow behind that read files of Python; they abort a process that ends as usual
    (https://github.com/apache/arrow/issues/45214), after its result is written.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _stand_by(warm: Sequence[str]) -> Path:
    for module in warm:
        importlib.import_module(module)
    line = sys.stdin.readline().strip()
    if not line:
        sys.exit(0)
    log = os.open(Path(line).with_name(LOG), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(log, stream.fileno())
    return Path(line)
