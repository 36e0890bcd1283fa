"""The user's files that a local run reads, by their content: an edit of one runs again what reads it."""

from __future__ import annotations

from prompt2model_api.graph import own_data
from prompt2model_api.named_datasets import entries
from prompt2model_api.prompt2model import Prompt2Model
from prompt2model_stages.prepare.source_content import chosen_sha256, file_sha256, local_path


def sources(resource: Prompt2Model) -> dict[str, str]:
    """SHA-256 of the user's local files, by the path of the field that names them."""
    found = {}
    for path, own in own_data(resource.spec).items():
        file = local_path(own.uri) if own.uri is not None else None
        if file is not None and file.is_file():
            found[path] = file_sha256(file)
    choice = resource.spec.datasets.choice
    for path, one in entries(choice) if choice is not None else ():
        if (sha := chosen_sha256(one)) is not None:
            found[path] = sha
    return found
