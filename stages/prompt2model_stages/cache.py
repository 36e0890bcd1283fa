"""The folder of this machine for what can be made again: unpacked students, copies and indexes of catalogs."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from prompt2model_api.environment_names import P2M_CACHE


def cache_root() -> Path:
    """$P2M_CACHE, else ~/.cache/prompt2model; where there is no home, or nothing can be written there, one for temporary files."""
    if given := os.environ.get(P2M_CACHE):
        return Path(given)
    try:
        root = Path.home() / ".cache" / "prompt2model"
        root.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return _temporary()
    return root if os.access(root, os.W_OK) else _temporary()


def _temporary() -> Path:
    return Path(tempfile.gettempdir()) / "prompt2model"
