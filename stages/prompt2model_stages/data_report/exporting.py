"""The rows of the splits as files for other programs: Parquet, JSON lines, or OpenAI's chat form.

What is written here, `datasets.own` reads back: the same inputs, outputs and right answers. A file appears whole or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

from prompt2model_stages.data_report.rows import BATCH, DataRow, has_references, rows_of, splits_in
from prompt2model_stages.prepare.references import target_of
from prompt2model_stages.storage import Folder

ALL = "all"
ANSWERS = "answers"
"""The column, of SQuAD's form, with all right outputs; where no row has several, there is none."""


class ExportError(ValueError):
    """What was asked for cannot be written; in one sentence."""


class Form(Enum):
    """What a file's name says of its form."""

    PARQUET = ".parquet"
    CHAT = ".chat.jsonl"
    LINES = ".jsonl"


def form_of(file: Path) -> Form:
    """The form of a file. Raises: ExportError where its name says none."""
    name = file.name.lower()
    if name == Form.CHAT.value[1:]:
        return Form.CHAT
    for form in Form:
        if name.endswith(form.value) and name != form.value:
            return form
    raise ExportError(f"{file}: the name must end with .parquet, .jsonl or .chat.jsonl.")


def export(prepared: Folder, instruction: str, file: Path, split: str, *, force: bool) -> dict[Path, int]:
    """Writes splits into a file; in chat form, which has no place for the split's name, all of them into a file each.

    Args:
        prepared: prepare's folder.
        instruction: of the task, whole; the system message of the chat form.
        file: its suffix is the form.
        split: the name of one; ALL: all of them.
        force: what is there is replaced.

    Returns: rows by file.

    Raises: ExportError, before anything is written; ValueError where a split is damaged; OSError.
    """
    form, known = form_of(file), splits_in(prepared)
    if split != ALL and split not in known:
        raise ExportError(f"There is no split {split}: there are {', '.join(known)}.")
    if not file.absolute().parent.is_dir():
        raise ExportError(f"The folder {file.parent} does not exist.")
    names = known if split == ALL else [split]
    files = {file: names}
    if form is Form.CHAT and split == ALL:
        files = {_of_split(file, name): [name] for name in names}
    for target in files:
        if target.is_dir():
            raise ExportError(f"{target} is a folder: name a file.")
        if target.exists() and not force:
            raise ExportError(f"{target} is there already: name another file, or replace it with --force.")
    several = form is not Form.CHAT and any(has_references(prepared, name) for name in names)
    return {
        target: _write(prepared, target, form, of, split == ALL, several, instruction) for target, of in files.items()
    }


def _of_split(file: Path, split: str) -> Path:
    """`tickets.chat.jsonl` of a split is `tickets.train.chat.jsonl`, and `chat.jsonl` is `train.chat.jsonl`."""
    stem = file.name[: -len("chat.jsonl")]
    return file.with_name(f"{stem}{split}.{file.name[len(stem) :]}")


def _write(
    prepared: Folder, target: Path, form: Form, names: Sequence[str], named: bool, several: bool, instruction: str
) -> int:
    """Writes one file. Returns: its rows."""
    rows = chain.from_iterable(((name, row) for row in rows_of(prepared, name)) for name in names)
    trees: Iterator[dict[str, Any]] = (
        _conversation(row, instruction) if form is Form.CHAT else _columns(row, name if named else None, several)
        for name, row in rows
    )
    with Folder(str(target.absolute().parent)).writing(target.name) as stream:
        if form is Form.PARQUET:
            return _write_parquet(stream, trees, named, several)
        count = 0
        for tree in trees:
            stream.write(json.dumps(tree, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
            count += 1
        return count


def _columns(row: DataRow, split: str | None, several: bool) -> dict[str, Any]:
    tree: dict[str, Any] = {"input": row.input, "output": row.output}
    if several:
        tree[ANSWERS] = {"text": _answers(row)}
    tree |= {"source": row.source, "origin": row.origin}
    return tree if split is None else {**tree, "split": split}


def _answers(row: DataRow) -> list[str]:
    """All right outputs, the one that is trained on as often as it takes to be the most frequent one when it is read."""
    others = [text for text in row.references if text != row.output]
    answers = [row.output, *others]
    while target_of(answers) != row.output:
        answers.insert(0, row.output)
    return answers


def _conversation(row: DataRow, instruction: str) -> dict[str, Any]:
    """A row in the form of OpenAI's fine-tuning.

    Source: https://platform.openai.com/docs/guides/supervised-fine-tuning (a line: `messages` of system, user, assistant).
    """
    system = [{"role": "system", "content": instruction}] if instruction else []
    turns = [{"role": "user", "content": row.input}, {"role": "assistant", "content": row.output}]
    return {"messages": system + turns}


def _write_parquet(stream: BinaryIO, trees: Iterator[dict[str, Any]], named: bool, several: bool) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pa.string()
    answers = [(ANSWERS, pa.struct([("text", pa.list_(text))]))] if several else []
    split = [("split", text)] if named else []
    schema = pa.schema([("input", text), ("output", text), *answers, ("source", text), ("origin", text), *split])
    count = 0
    with pq.ParquetWriter(stream, schema) as writer:
        while batch := list(islice(trees, 4 * BATCH)):
            writer.write_batch(pa.RecordBatch.from_pylist(batch, schema=schema))
            count += len(batch)
    return count
