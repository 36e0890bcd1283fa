"""golden.json: a few inputs with the student's own answers, which evaluate writes and the service must reproduce."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from pydantic import TypeAdapter, ValidationError

from prompt2model_stages.examples import Pair
from prompt2model_stages.stage_files import first_problem
from prompt2model_stages.storage import Folder

GOLDEN = "golden.json"
_PAIRS = TypeAdapter(list[Pair])


def read_golden(folder: Folder) -> list[Pair]:
    """The golden requests in evaluate's folder; none where no row was there. Raises: FileNotFoundError, ValueError."""
    return parse_golden(folder.read_bytes(GOLDEN))


def parse_golden(content: bytes) -> list[Pair]:
    """The golden requests in a file's content. Raises: ValueError where it is another file."""
    try:
        return _PAIRS.validate_json(content)
    except ValidationError as error:
        raise ValueError(f"the golden requests are not a list of input and output ({first_problem(error)})") from None


def write_golden(folder: Folder, requests: Sequence[Pair]) -> None:
    """Writes golden.json. Raises: OSError."""
    folder.write_json(GOLDEN, [asdict(request) for request in requests])
