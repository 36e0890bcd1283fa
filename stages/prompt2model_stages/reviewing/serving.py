"""Serves the review page until Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable

from prompt2model_stages.choosing import html as choosing_html
from prompt2model_stages.choosing.hosting import Hosted, host
from prompt2model_stages.reviewing.html import STYLE
from prompt2model_stages.reviewing.page import Page
from prompt2model_stages.reviewing.reviewer import Reviewer


def serve(reviewer: Reviewer, port: int, opened: Callable[[str], None]) -> None:
    """Returns where the server was stopped.

    Args:
        reviewer: what the page shows.
        port: the first that is tried.
        opened: hears the address.

    Raises: KeyboardInterrupt; SpecError where no port is free.
    """
    host(Hosted("p2m review", lambda _: Page(reviewer).blocks, [choosing_html.STYLE, STYLE]), port, opened)
