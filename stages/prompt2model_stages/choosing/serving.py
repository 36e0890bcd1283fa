"""Serves the choice page until the choice was saved, or Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable

from prompt2model_stages.choosing.chooser import Chooser
from prompt2model_stages.choosing.hosting import Hosted, host
from prompt2model_stages.choosing.html import STYLE
from prompt2model_stages.choosing.page import Page


def serve(chooser: Chooser, port: int, opened: Callable[[str], None]) -> None:
    """Returns once the choice was saved; chooser.saved is empty where the server was stopped before.

    Args:
        chooser: what the page shows.
        port: the first that is tried.
        opened: hears the address.

    Raises: KeyboardInterrupt; SpecError where no port is free.
    """
    host(Hosted("p2m choose", lambda saved: Page(chooser, saved).blocks, [STYLE]), port, opened)
