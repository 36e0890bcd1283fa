"""`python -m prompt2model_stages.service.fetch`: copies a model and its golden requests from storage to a local folder.

It runs before the service, in a container of its own, so that the service needs no credentials of the storage. A model
that is not the one asked for ends it with one sentence and exit status 1; one that is there already is not copied again.
"""

from __future__ import annotations

import argparse
import logging
import posixpath
import shutil
import sys
from pathlib import Path

from prompt2model_api.redaction import first_line, mask_streams
from prompt2model_stages.golden_requests import GOLDEN
from prompt2model_stages.service.answering import checked_golden
from prompt2model_stages.storage import Folder, sha256_of_tree
from prompt2model_stages.task_card import TaskCard

logger = logging.getLogger(__name__)

MODEL = "model"


class FetchError(Exception):
    """What was asked for is not there; the text says what and why."""


def main(arguments: list[str] | None = None) -> int:
    """Fetches. Returns the exit status."""
    mask_streams()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    parser = argparse.ArgumentParser(prog="python -m prompt2model_stages.service.fetch", description=__doc__)
    parser.add_argument("--model", required=True, help="URI of the model folder that train wrote")
    parser.add_argument("--golden", required=True, help="URI of the golden.json that evaluate wrote")
    parser.add_argument("--sha256", required=True, help="SHA-256 of the model folder, from train's result")
    parser.add_argument("--to", required=True, type=Path, help=f"local folder, which gets {MODEL}/ and {GOLDEN}")
    options = parser.parse_args(arguments)
    try:
        fetch_golden(options.golden, options.to / GOLDEN)
        fetch_card(options.golden, options.to / TaskCard.NAME)
        fetch_model(options.model, options.sha256, options.to / MODEL)
    except FetchError as error:
        logger.error("%s", error)
        return 1
    except (
        Exception
    ) as error:  # each storage's library has errors of its own: of the network, of credentials, of a bucket
        logger.debug("", exc_info=True)
        logger.error("%s", f"The storage cannot be read: {first_line(error)}")
        return 1
    return 0


def fetch_model(uri: str, sha256: str, target: Path) -> None:
    """Copies the model's folder and checks it. Raises: FetchError, and what the storage raises."""
    if target.exists() and sha256_of_tree(target) == sha256:
        logger.info("the model is there already")
        return
    shutil.rmtree(target, ignore_errors=True)
    source = Folder(uri)
    if not source.exists():
        raise FetchError(f"No model at {uri}: it was removed from the storage, so train it again.")
    source.fetch(target)
    found = sha256_of_tree(target)
    if found != sha256:
        raise FetchError(
            f"The model at {uri} has SHA-256 {found}, not {sha256}: it was changed or damaged after it was measured, so it "
            "is not served. Remove its stage folder and let it be trained again."
        )
    logger.info("the model of %d bytes is here", sum(f.stat().st_size for f in target.rglob("*") if f.is_file()))


def fetch_golden(uri: str, target: Path) -> None:
    """Copies the golden requests. Raises: FetchError, and what the storage raises."""
    folder, name = posixpath.split(uri)
    try:
        content = Folder(folder).read_bytes(name)
    except FileNotFoundError:
        raise FetchError(f"No golden requests at {uri}: they were removed, so let them be written again.") from None
    try:
        checked_golden(content)
    except ValueError as error:
        raise FetchError(f"The golden requests at {uri} cannot be used: {error}.") from None
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def fetch_card(golden: str, target: Path) -> None:
    """Copies what is said of the task, which lies beside the golden requests; an older evaluate wrote none."""
    try:
        target.write_bytes(Folder(posixpath.dirname(golden)).read_bytes(TaskCard.NAME))
    except FileNotFoundError:
        target.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
