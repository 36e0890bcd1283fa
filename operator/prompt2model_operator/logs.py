"""Logs as JSON lines: time, level, message, and which resource it is about."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from prompt2model_api.redaction import mask

EXTRA = ("resource_namespace", "resource", "stage", "digest")


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        names = {name.removeprefix("resource_"): getattr(record, name) for name in EXTRA if hasattr(record, name)}
        if "resource" in names:
            names["name"] = names.pop("resource")
        if record.exc_info:
            names["error"] = self.formatException(record.exc_info)
        return mask(json.dumps({**line, **names}, ensure_ascii=False))


def configure(level: int = logging.INFO) -> None:
    """All logs go to standard error in this form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("kopf", "httpx", "aiohttp"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
