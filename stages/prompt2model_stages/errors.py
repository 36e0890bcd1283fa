"""The one exception that a stage ends with on purpose: it says what failed, what becomes of it, and what to do."""

from __future__ import annotations

import errno

from prompt2model_api.conditions import Failure, FailureState
from prompt2model_api.redaction import mask
from prompt2model_api.texts import cut


class StageError(Exception):
    """An attempt's end without a result.

    Args:
        failure: state (Retrying, Blocked or Failed), CamelCase reason, message with the root cause first, remedy.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure

    def __reduce__(self) -> tuple[type[StageError], tuple[Failure]]:
        """As it was, when it comes out of another process."""
        return (type(self), (self.failure,))


def blocked(reason: str, message: str, remedy: str) -> StageError:
    """Fixable outside: the same work goes on once the cause is gone."""
    return _error(FailureState.BLOCKED, reason, message, remedy)


def failed(reason: str, message: str, remedy: str) -> StageError:
    """Needs an edit of the spec."""
    return _error(FailureState.FAILED, reason, message, remedy)


def retrying(reason: str, message: str, remedy: str = "") -> StageError:
    """May go away by itself."""
    return _error(FailureState.RETRYING, reason, message, remedy)


def disk_full(error: OSError) -> StageError | None:
    """What an error of the operating system is where it says that the disk is full; None where it does not."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    return blocked(
        "DiskFull",
        f"No space left on the disk while writing {error.filename or 'a file'}.",
        "Free some space; everything paid for is kept, and the run goes on where it was.",
    )


def _error(state: FailureState, reason: str, message: str, remedy: str) -> StageError:
    # Masked before it is cut: half a key is no secret that anything would find again.
    return StageError(Failure(state=state, reason=reason, message=cut(mask(message)), remedy=cut(mask(remedy))))
