"""`python -m prompt2model_stages.tracking RESOURCE_FOLDER`: records a resource in MLflow, once or while it runs.

With --follow it looks every 2 seconds until SIGTERM or Ctrl-C, with --listen until its standard input ends, then a last
time. MLflow may be away meanwhile: that is
said once, and tried again. The exit status is 0 where everything is recorded, 1 where something could not be.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading

from prompt2model_api.redaction import first_line, mask_streams
from prompt2model_api.texts import cut
from prompt2model_stages.storage import Folder
from prompt2model_stages.tracking.marks import resource_seen
from prompt2model_stages.tracking.recorder import Recorder

logger = logging.getLogger("prompt2model_stages.tracking")

INTERVAL_S = 2.0
LONGEST_PAUSE_S = 60.0


def main(arguments: list[str] | None = None) -> int:
    """Records. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m prompt2model_stages.tracking", description=__doc__)
    parser.add_argument("folder", help="<root>/<namespace>/<name>, a path or a URI")
    parser.add_argument("--tracking-uri", required=True, help="MLflow's, such as sqlite:////path/mlflow.db")
    parser.add_argument("--artifacts", help="folder or URI for the artifacts of a new experiment")
    parser.add_argument("--stage", help="name of one stage run's folder: it alone is recorded, as its own stage does")
    parser.add_argument("--follow", action="store_true", help="go on until SIGTERM")
    parser.add_argument("--listen", action="store_true", help="with --follow: go on until standard input ends")
    options = parser.parse_args(arguments)
    _quiet()
    folder = Folder(options.folder)
    recorder = Recorder(folder, options.tracking_uri, options.artifacts, options.stage)
    if options.follow:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        if options.listen:
            threading.Thread(target=_listen, args=(stop,), daemon=True).start()
        follow(recorder, folder, stop, options.stage)
    return 0 if synced(recorder, live=False) else 1


def follow(recorder: Recorder, folder: Folder, stop: threading.Event, only: str | None = None) -> None:
    """Records what changes, of the one stage run where it is named, until told to stop; never raises."""
    recorded, pause = "", INTERVAL_S
    while not stop.wait(pause):
        try:
            seen = resource_seen(folder, only)
        except Exception as error:  # each storage's library has errors of its own
            logger.warning("%s cannot be read, tried again: %s", folder.uri, _sentence(error))
            continue
        if seen == recorded:
            continue
        if synced(recorder, live=True):
            recorded, pause = seen, INTERVAL_S
        else:
            pause = min(2 * pause, LONGEST_PAUSE_S)


def _listen(stop: threading.Event) -> None:
    sys.stdin.buffer.read()
    stop.set()


def synced(recorder: Recorder, live: bool) -> bool:
    """Whether it could be recorded; the log says why not."""
    try:
        recorder.sync(live=live)
    except (
        Exception
    ) as error:  # MLflow, its database or its server may raise anything; the run goes on without a record
        logger.warning("MLflow is behind, the run itself is not touched: %s", _sentence(error))
        logger.debug("", exc_info=True)
        return False
    return True


def _sentence(error: Exception) -> str:
    return cut(first_line(error), 500)


def _quiet() -> None:
    mask_streams()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING", "false")
    # A server that is away is found out in seconds; it is tried again anyhow.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")


if __name__ == "__main__":
    sys.exit(main())
