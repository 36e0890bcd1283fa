"""What `p2m review` does: a page to read, correct and accept the generated examples on, until Ctrl-C."""

from __future__ import annotations

import getpass
import os
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from prompt2model_api.loading import SpecError
from prompt2model_stages.choosing.local_place import LocalPlace
from prompt2model_stages.cli.choosing import QUIET
from prompt2model_stages.cli.commands import DONE, guarded
from prompt2model_stages.reviewing.local_review import LocalReview
from prompt2model_stages.reviewing.reviewer import Reviewer


def review(console: Console, named: str, namespace: str, runs: Path, port: int, by: str | None) -> int:
    """Serves the page until Ctrl-C. Each edit is kept when it is made."""

    def body() -> int:
        if find_spec("gradio") is None:
            raise SpecError("`p2m review` needs Gradio: pip install 'prompt2model-operator[choose]'.")
        place = LocalReview(LocalPlace.of(named, namespace, runs, "p2m review"), (by or "").strip() or whoever())
        with place.opened() as generated, tempfile.TemporaryDirectory(prefix="p2m-review-") as folder:
            os.environ.update(QUIET, GRADIO_TEMP_DIR=folder)
            return _served(console, Reviewer(place, generated, lambda text: _print(console, text)), port)

    return guarded(console, body)


def whoever() -> str:
    """The name of who is logged in."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return f"user {os.getuid()}"


def _served(console: Console, reviewer: Reviewer, port: int) -> int:
    from prompt2model_stages.reviewing.serving import serve  # it imports Gradio, which takes seconds

    def opened(address: str) -> None:
        _print(console, f"Review on {address} until Ctrl-C. Each edit is kept when you make it.")

    with suppress(KeyboardInterrupt):
        serve(reviewer, port, opened)
    _print(console, f"\n{reviewer.ended()}")
    return DONE


def _print(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
