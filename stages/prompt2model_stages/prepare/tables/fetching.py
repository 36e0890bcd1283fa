"""The bytes of a user's file, wherever it lies."""

from __future__ import annotations

from prompt2model_api.redaction import first_line
from prompt2model_stages.errors import blocked, failed
from prompt2model_stages.prepare.web import fetch, is_web
from prompt2model_stages.storage import file_system


def content_of(uri: str, where: str) -> bytes:
    """The file's content. Raises: StageError FileMissing; FileUnreachable where it lies elsewhere."""
    if is_web(uri):
        return fetch(uri, where)
    try:
        filesystem, path = file_system(uri)
        try:
            return bytes(filesystem.cat_file(path))
        except (FileNotFoundError, IsADirectoryError):
            is_folder = filesystem.isdir(path)
    except Exception as error:
        if "://" not in uri or uri.startswith("file://"):
            raise
        # Each storage's library has errors of its own: of the network, of credentials, of a bucket.
        message = f"{where}: {uri} cannot be read: {first_line(error)}"
        raise blocked("FileUnreachable", message, "Check the address, the network and the credentials.") from error
    if is_folder:
        raise failed("FileMissing", f"{where}: {uri} is a folder, not a file.", f"Name the file itself in {where}.")
    raise failed("FileMissing", f"{where}: there is no file {uri}.", f"Correct {where}, or put the file there.")


def size_of(uri: str) -> int:
    """Bytes of the file; 0 where nobody says, such as for a file that is not there."""
    try:
        filesystem, path = file_system(uri)
        return int(filesystem.size(path) or 0)
    except Exception:  # reading the file says what is wrong with it
        return 0
