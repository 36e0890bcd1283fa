"""What Ray says at the end of a job, recognised in its own words."""

from __future__ import annotations

import re

LOW_MEMORY = ("running low on memory", "OOM kill reason")
"""The words of Ray's memory monitor, which kills a worker before the kernel kills the pod."""
HEAD_LOST = "WebSocket connection closed unexpectedly"
"""The submitter's words where the connection to Ray's head broke while the job ran."""
USED = re.compile(r"([\d.]+ ?[KMGT]i?B)(?: used)? / ([\d.]+ ?[KMGT]i?B)")


def memory_shortage(text: str) -> str | None:
    """A sentence for what Ray's memory monitor says, without its dump; None where the text is about something else."""
    if not any(sign in text for sign in LOW_MEMORY):
        return None
    used = USED.search(text)
    amount = f": {used[1]} of {used[2]} were in use" if used else ""
    return f"Ray ended a worker because its pod ran out of memory{amount}."
