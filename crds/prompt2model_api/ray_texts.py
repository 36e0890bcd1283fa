"""What Ray says at the end of a job, recognised in its own words."""

from __future__ import annotations

import re

LOW_MEMORY = re.compile(r"\bkilled due to (?:the )?node running low on memory|\bOOM kill reason: ")
"""The words of Ray's memory monitor, which kills a worker before the kernel kills the pod. A log also has words of users."""
HEAD_LOST = re.compile(r"\bRuntimeError: WebSocket connection closed unexpectedly with close code \d+")
"""The submitter's words where the connection to Ray's head broke while the job ran."""
USED = re.compile(r"([\d.]+ ?[KMGT]i?B)(?: used)? / ([\d.]+ ?[KMGT]i?B)")


def memory_shortage(text: str) -> str | None:
    """A sentence for what Ray's memory monitor says, without its dump; None where the text is about something else."""
    if LOW_MEMORY.search(text) is None:
        return None
    used = USED.search(text)
    amount = f": {used[1]} of {used[2]} were in use" if used else ""
    return f"Ray ended a worker because its pod ran out of memory{amount}."
