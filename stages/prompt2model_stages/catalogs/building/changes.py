"""Times of changes at a hub: ISO 8601 in UTC with milliseconds, so that they compare as texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

OVERLAP = timedelta(hours=1)
"""Before a listing's beginning: a hub's index is late, and its clock is not this machine's."""


def moment(written: object) -> str:
    """A time in the one form; empty where it is none that can be read."""
    try:
        read = datetime.fromisoformat(str(written))
        return _written(read if read.tzinfo else read.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return ""


def known_until(newest: str, began: str) -> str:
    """The time until which a listing has all changes.

    What changed while it ran may have been missed, and a hub may name a time that is still to come.

    Args:
        newest: the latest change that was seen; empty: none was.
        began: when the listing began.
    """
    whole = moment(began)
    return min(moment(newest), _written(datetime.fromisoformat(whole) - OVERLAP)) if whole else ""


def _written(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03}Z"
