"""`python -m prompt2model_operator`: the operator, until SIGTERM. Exit status 1 with one sentence where it cannot work."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

from prompt2model_operator import logs
from prompt2model_operator.access_check import AccessError
from prompt2model_operator.clients.kubernetes_api import ApiError
from prompt2model_operator.leasing import LostLeaseError
from prompt2model_operator.running import Operator
from prompt2model_operator.settings import SettingsError, read_settings

logger = logging.getLogger("prompt2model_operator")


async def _until_told(operator: Operator) -> None:
    task = asyncio.create_task(operator.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        logger.info("told to end")


def main() -> int:
    """Runs; returns the exit status."""
    logs.configure()
    try:
        asyncio.run(_until_told(Operator(read_settings())))
    except (SettingsError, AccessError, LostLeaseError, ApiError) as error:
        logger.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
