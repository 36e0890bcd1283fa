"""What `p2m choose` does: a page to choose dataset and student on, until the choice is saved."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from prompt2model_api.loading import SpecError
from prompt2model_stages.choosing.chooser import Chooser
from prompt2model_stages.choosing.cluster_place import ClusterPlace
from prompt2model_stages.choosing.local_place import LocalPlace
from prompt2model_stages.choosing.proposing import Place
from prompt2model_stages.cli.commands import DONE, INTERRUPTED, guarded

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
        serve(chooser, port, lambda address: _say(console, address))
    except KeyboardInterrupt:
        console.print(chooser.saved or "\nNothing was saved.", highlight=False, markup=False, soft_wrap=True)
        return DONE if chooser.saved else INTERRUPTED
    console.print(escape(chooser.saved), highlight=False, soft_wrap=True)
    return DONE


def _say(console: Console, address: str) -> None:
    console.print(f"Choose on {address} until you save there, or Ctrl-C.", highlight=False, soft_wrap=True)
