"""kubectl as a child of this process, and what it says in words for a person."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence

from prompt2model_api.loading import SpecError

TIMEOUT_S = 60
KLOG = re.compile(r"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ [^\]\s]+\] ?")
"""What begins a line of klog: the log of kubectl's library, which it writes beside its own words."""
CONFLICT = "Error from server (Conflict)"


class ConflictError(SpecError):
    """The resource is another one than the patch was made for, by its resourceVersion."""


def kubectl(arguments: Sequence[str]) -> str:
    """What kubectl prints. It has a session of its own, so that Ctrl-C ends neither it nor its connection in the middle.

    Raises: SpecError with its own words, ConflictError.
    """
    try:
        done = subprocess.run(
            ["kubectl", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise SpecError("kubectl is not on PATH: install it, or leave --cluster out for a local run.") from None
    except subprocess.TimeoutExpired:
        raise SpecError(f"The cluster did not answer within {TIMEOUT_S} seconds: check the kubeconfig.") from None
    if done.returncode != 0:
        kind = ConflictError if CONFLICT in done.stderr else SpecError
        raise kind(f"kubectl {arguments[0]}: {words_of(done.stderr) or 'it failed without a word'}")
    return done.stdout


def words_of(stderr: str) -> str:
    """What kubectl says, in one line, without the log of its library; where there is nothing else, the last line of that."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    own = [line for line in lines if not KLOG.match(line)]
    return " ".join(" ".join(own or [KLOG.sub("", line) for line in lines[-1:]]).split())
