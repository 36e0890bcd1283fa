"""`python -m prompt2model_stages.service`: takes the model from storage, checks it, and serves it with BentoML.

SIGTERM and Ctrl-C end it with exit status 0 after the requests in flight are answered. A model that is not the one
asked for, a port that is taken, or a file that is missing end it with one sentence and exit status 1.
"""

from __future__ import annotations

import argparse
import ipaddress
import logging
import os
import posixpath
import socket
import sys
import tempfile
from pathlib import Path

from prompt2model_api.environment_names import (
    P2M_SERVICE_CARD,
    P2M_SERVICE_GOLDEN,
    P2M_SERVICE_MODEL,
    P2M_SERVICE_NAME,
    P2M_SERVICE_PARENT,
    P2M_SERVICE_SHA256,
    P2M_SERVICE_TRUNCATE,
)
from prompt2model_stages.cpus import limit_threads
from prompt2model_stages.golden_requests import GOLDEN
from prompt2model_stages.service.answering import checked_golden
from prompt2model_stages.storage import Folder, sha256_of_tree
from prompt2model_stages.task_card import TaskCard

logger = logging.getLogger(__name__)

SERVICE = "prompt2model_stages.service.app:Service"


class StartError(Exception):
    """The service cannot start; the text says why and what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Serves until it is told to end. Returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    options = _parser().parse_args(arguments)
    try:
        _check_port(options.host, options.port)
        golden = _golden(options.golden)
        with Folder(options.model).as_local() as model, tempfile.TemporaryDirectory(prefix="p2m-service-") as scratch:
            _check_model(model, options.sha256, options.model)
            golden_file = Path(scratch) / GOLDEN
            golden_file.write_bytes(golden)
            card_file = Path(scratch) / TaskCard.NAME
            card_file.write_bytes(_card(options.golden))
            told = {
                P2M_SERVICE_MODEL: str(model),
                P2M_SERVICE_GOLDEN: str(golden_file),
                P2M_SERVICE_NAME: options.name or name_in(options.model),
                P2M_SERVICE_PARENT: str(os.getpid()),
                P2M_SERVICE_SHA256: options.sha256,
                P2M_SERVICE_CARD: str(card_file),
            }
            if options.truncate:
                told[P2M_SERVICE_TRUNCATE] = "1"
            _serve(options.host, options.port, Path(scratch), told)
    except StartError as error:
        logger.error("%s", error)
        return 1
    return 0


def name_in(uri: str) -> str:
    """The resource's name in <root>/<namespace>/<name>/train-<digest>/model; another URI gives `prompt2model`."""
    parts = uri.rstrip("/").split("/")
    is_ours = len(parts) > 2 and parts[-2].startswith("train-") and bool(parts[-3])
    return parts[-3] if is_ours else "prompt2model"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m prompt2model_stages.service", description=__doc__)
    parser.add_argument("--model", required=True, help="URI of the model folder that train wrote")
    parser.add_argument("--sha256", required=True, help="SHA-256 of the model folder, from train's result")
    parser.add_argument("--golden", required=True, help="URI of the golden.json that evaluate wrote")
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--host", default="127.0.0.1", type=_address, help="address to listen on")
    parser.add_argument("--name", help="name in the page and in the metrics; by default the resource's")
    parser.add_argument(
        "--truncate", action="store_true", help="cut inputs that are too long, instead of refusing them"
    )
    return parser


def _address(host: str) -> str:
    return str(ipaddress.ip_address("127.0.0.1" if host == "localhost" else host))


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise StartError(
                f"Port {port} on {host} cannot be used ({error}): end what uses it, or name another."
            ) from None


def _golden(uri: str) -> bytes:
    folder, name = posixpath.split(uri)
    try:
        content = Folder(folder or ".").read_bytes(name)
        checked_golden(content)
    except FileNotFoundError:
        raise StartError(f"No golden requests at {uri}: evaluate writes them, so let it finish first.") from None
    except ValueError as error:
        raise StartError(f"The golden requests at {uri} cannot be used: {error}.") from None
    return content


def _card(golden: str) -> bytes:
    """What evaluate wrote of the task, beside the golden requests; empty where it wrote nothing."""
    try:
        return Folder(posixpath.dirname(golden) or ".").read_bytes(TaskCard.NAME)
    except FileNotFoundError:
        return b""


def _check_model(model: Path, sha256: str, uri: str) -> None:
    if not model.is_dir():
        raise StartError(f"No model at {uri}: train writes it, so let it finish first.")
    found = sha256_of_tree(model)
    if found != sha256:
        raise StartError(
            f"The model at {uri} has SHA-256 {found}, not {sha256}: it was changed or damaged after it was measured, "
            "so it is not served. Remove its stage folder and run again."
        )


def _serve(host: str, port: int, scratch: Path, told: dict[str, str]) -> None:
    """Runs BentoML's supervisor here, with one worker below it, until a signal ends it."""
    os.environ.update(told)
    limit_threads()
    os.environ["BENTOML_HOME"] = str(scratch / "bentoml")
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    os.environ["DO_NOT_TRACK"] = "true"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    # The worker is started in the scratch folder; it must find the same packages, and nothing of where this was started.
    os.environ["PYTHONPATH"] = os.pathsep.join(str(Path(path).resolve()) for path in sys.path if path)
    import bentoml  # only now: it reads the environment when it is imported

    bentoml.serve(SERVICE, working_dir=str(scratch), host=host, port=port, blocking=True)


if __name__ == "__main__":
    sys.exit(main())
