"""What is known of a reason."""

from __future__ import annotations

from dataclasses import dataclass

from prompt2model_api.conditions import FailureState

RETRYING = (FailureState.RETRYING,)
BLOCKED = (FailureState.BLOCKED,)
FAILED = (FailureState.FAILED,)


@dataclass(frozen=True)
class KnownReason:
    """One value of `reason`, explained.

    cause: what happened, in a sentence or two.
    fix: what a user does about it; "Nothing." where there is nothing to do.
    states: what becomes of the attempt; empty where it is no failure.
    """

    name: str
    cause: str
    fix: str
    states: tuple[FailureState, ...] = ()
