"""Where a catalog is: its folder at a URI, and one sentence for each way in which it cannot be reached."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prompt2model_stages.catalogs.entries import Kind
from prompt2model_stages.errors import StageError, blocked, disk_full
from prompt2model_stages.storage import Folder, is_of_storage


def home_of(uri: str, kind: Kind) -> Folder:
    """The folder of a kind's catalog. Raises: StageError CatalogUnreachable where the address is none of a storage."""
    try:
        return Folder(f"{uri.rstrip('/')}/{kind.value}")
    except (ValueError, ImportError) as error:
        raise unreachable(uri, error) from error


@contextmanager
def reached(uri: str) -> Iterator[None]:
    """What goes wrong on the way to a storage becomes a StageError CatalogUnreachable; FileNotFoundError stays as it is."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise disk_full(error) or unreachable(uri, error) from error
    except Exception as error:
        if not is_of_storage(error):
            raise
        raise unreachable(uri, error) from error


def unreachable(uri: str, error: Exception) -> StageError:
    """The error to raise."""
    return blocked(
        "CatalogUnreachable",
        f"The catalog at {uri} cannot be read: {error}.",
        "Check the address, the network and the credentials, or name no catalog to use the shipped one.",
    )
