"""The address of MLflow's SQLite database, of a path with any name; and the path, of an address.

SQLAlchemy ends an address' path at ? and reads % as an escape. Source: https://docs.sqlalchemy.org/en/21/core/engines.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote

SCHEME = "sqlite:///"
_QUOTED = {"%": "%25", "?": "%3F", "#": "%23"}
"""What must be quoted and nothing else: the address of a folder with a usual name is its path, as it always was."""


def database_uri(file: Path) -> str:
    """The address of a database file."""
    return SCHEME + "".join(_QUOTED.get(character, character) for character in str(file.absolute()))


def database_file(uri: str) -> Path | None:
    """The file of an address; None where it is no SQLite database."""
    return Path(unquote(uri.removeprefix(SCHEME))) if uri.startswith(SCHEME) else None


@contextmanager
def no_twin_folder(uri: str) -> Iterator[None]:
    """While MLflow opens a database: MLflow makes the folder of the quoted path, which nobody wants, and it goes again."""
    twin, made = Path(uri.removeprefix(SCHEME)).parent, list[Path]()
    if (file := database_file(uri)) is not None and twin != file.parent:
        made = [folder for folder in (twin, *twin.parents) if not folder.exists()]
    try:
        yield
    finally:
        for folder in made:
            with suppress(OSError):  # not made, or in use after all
                folder.rmdir()
