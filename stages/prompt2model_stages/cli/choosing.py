"""What `p2m choose` does: a page to choose dataset and student on, until the choice is saved."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from prompt2model_api.loading import SpecError
from prompt2model_stages.choosing.chooser import Chooser
from prompt2model_stages.choosing.cluster_place import ClusterPlace
from prompt2model_stages.choosing.local_place import LocalPlace
from prompt2model_stages.choosing.proposing import Place
from prompt2model_stages.cli.commands import DONE, INTERRUPTED, STOPPED, guarded

QUIET = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_UPDATE_DOWNLOAD_COUNTS": "False"}
"""Read when Gradio and datasets are imported, which would count their use at hosts of their own."""


def here(named: str, namespace: str | None, runs: Path) -> Callable[[], Place]:
    """A resource that was run on this machine, by its name or file."""
    return lambda: LocalPlace.of(named, namespace or "default", runs)


def in_cluster(name: str, namespace: str | None, context: str | None) -> Callable[[], Place]:
    """A resource in a cluster."""
    options = [*(["--namespace", namespace] if namespace else []), *(["--context", context] if context else [])]
    return lambda: ClusterPlace(name, options)


def choose(console: Console, find: Callable[[], Place], port: int) -> int:
    """Serves the page until the choice is saved, or Ctrl-C."""

    def body() -> int:
        if find_spec("gradio") is None:
            raise SpecError("`p2m choose` needs Gradio: pip install 'prompt2model-operator[choose]'.")
        place = find()
        chooser = Chooser(place, place.offers())
        with tempfile.TemporaryDirectory(prefix="p2m-choose-") as folder:
            os.environ.update(QUIET, GRADIO_TEMP_DIR=folder)
            return _served(console, chooser, port)

    return guarded(console, body)


def _served(console: Console, chooser: Chooser, port: int) -> int:
    from prompt2model_stages.choosing.serving import serve  # it imports Gradio, which takes seconds

    try:
        serve(chooser, port, lambda address: _say(console, address, port))
    except KeyboardInterrupt:
        return _ended(console, chooser)
    _print(console, chooser.saved)
    return DONE


def _ended(console: Console, chooser: Chooser) -> int:
    """After Ctrl-C: what is being saved is finished first, and nothing is saved behind what is said here."""
    if chooser.at_work:
        _print(console, "\nEnding, once the choice that is being saved is written.")
    try:
        saved = chooser.close()
    except KeyboardInterrupt:
        name = chooser.offers.name
        _print(
            console, f"\nEnded while the choice was being saved: look whether {name} has it before you choose again."
        )
        return INTERRUPTED
    if chooser.saved_otherwise and not saved:
        _print(console, f"\n{chooser.saved_otherwise}")
        return STOPPED
    _print(console, saved or "\nNothing was saved.")
    return DONE if saved else INTERRUPTED


def _say(console: Console, address: str, port: int) -> None:
    taken = f"Port {port} is in use, this page has another one. " if urlsplit(address).port != port else ""
    _print(console, f"{taken}Choose on {address} until you save there, or Ctrl-C.")


def _print(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
